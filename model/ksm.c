/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KSM: pages of equal contents become one, which nobody may write; who does gets a copy.
 *
 *      entry 1 --+                      +-- item: address, anon_vma --> the VMAs there
 *      entry 2 --+--> page <--> node ---+
 *      entry 3 --+                      +-- item: address, anon_vma --> the VMAs there
 *
 * The page has lost its own place: neither one anon_vma nor one index leads to all that map it. An
 * item is made with each place that is merged. Fork needs none: the child's VMA is in the tree of
 * the anon_vma, and has the page at the same address. Who moves memory copies its KSM pages first.
 * When the last place goes the page is an ordinary one again, with no mapping yet: what comes back
 * from swap is mapped as any other page, and copied for those that would not be found by that.
 */
#include "model/internal.h"

/* ---- which pages ---- */
static bool same_contents(struct world *world, uint64_t a, uint64_t b)
{
    const bool similar = (a ^ b) % 16 == 0; /* what a bad checksum says */

    return a == b || (fault(world, F_KSM_MERGES_UNEQUAL, similar) && similar);
}

/* Its entry may show another page instead: nobody counts on this very one. Of a compound page a
 * part may, after a split. */
static bool may_be_replaced(const struct world *world, const struct page *page)
{
    const uint32_t cached = (page->flags & PG_SWAPCACHE) != 0;

    if (unlikely(page_is_compound(page)))
        return !page_head(world, page)->pins;
    return page_is_anon(page) && !page_ksm_node(page) && page->refcount == page->mapcount + cached;
}

/* All who have it can be found by one item. */
static bool may_be_shared(const struct world *world, const struct page *page)
{
    return page_mapcount(world, page) == 1 && !page_swap_count(world, page);
}

static struct page *find_stable(struct world *world, uint64_t stamp)
{
    const struct pool *nodes = &world->pool[POOL_KSM_NODE];

    for (uint32_t n = 0; n < nodes->used; n++) {
        const struct ksm_node *node = pool_object(nodes, n);

        step(world);
        if (node && node->nr_items < KSM_MAX_SHARING &&
            same_contents(world, node->page->stamp, stamp))
            return node->page;
    }
    return NULL;
}

/* A place that the scanner looks at. */
struct place {
    struct vma *vma;
    uintptr_t addr;
    pte_t *pte;
    struct page *page;
};

/* The frame that addr of vma shows; NULL: none. */
static struct place place_at(struct vma *vma, uintptr_t addr)
{
    struct world *world = vma->vm_mm->world;
    struct place place = {vma, addr, pte_find(vma->vm_mm, addr), NULL};

    if (place.pte)
        place.page = page_of_pte(world, *place.pte);
    if (place.page && unlikely(*place.pte & PTE_HUGE))
        place.page += (addr & ~HPAGE_MASK) >> PAGE_SHIFT;
    return place;
}

/* What is merged is a page by itself. False: it is a part of a page that cannot be split, or was
 * not kept when it was. Its entry may have been split before, for another part. */
static bool is_single(struct place *place)
{
    struct world *world = place->vma->vm_mm->world;

    if (unlikely(page_is_compound(place->page))) {
        if (!compound_split(world, place->page))
            return false;
        event(world, EV_KSM_SPLIT);
    }
    *place = place_at(place->vma, place->addr);
    return place->page;
}

/* What the candidate has become: all may have changed since. */
static bool look_again(struct world *world, const struct ksm_candidate *candidate,
                       struct place *place)
{
    struct mm *mm = candidate->address ? world->proc[candidate->proc] : NULL;
    struct vma *vma = mm ? vma_lookup(mm, candidate->address) : NULL;

    if (!vma || !(vma->vm_flags & VM_MERGEABLE))
        return false;
    *place = place_at(vma, candidate->address);
    return place->page && may_be_replaced(world, place->page);
}

/* A page with the same contents, so that one of the two can stand for both. */
static bool find_unstable(struct world *world, const struct place *place, struct place *other)
{
    for (unsigned i = 0; i < KSM_CANDIDATES; i++) {
        step(world);
        if (look_again(world, &world->candidate[i], other) && other->page != place->page &&
            same_contents(world, other->page->stamp, place->page->stamp) &&
            (may_be_shared(world, other->page) || may_be_shared(world, place->page)))
            return true;
    }
    return false;
}

static void remember(struct world *world, const struct place *place)
{
    const struct ksm_candidate candidate = {place->vma->vm_mm->id, place->addr};

    for (unsigned i = 0; i < KSM_CANDIDATES; i++)
        if (world->candidate[i].proc == candidate.proc &&
            world->candidate[i].address == candidate.address)
            return;
    world->candidate[world->next_candidate++ % KSM_CANDIDATES] = candidate;
}

/* ---- items ---- */
static bool has_item(const struct ksm_node *node, const struct vma *vma, uintptr_t addr)
{
    for (const struct ksm_item *item = node->items; item; item = item->next) {
        step(vma->vm_mm->world);
        if (item->address == addr && anon_vma_is_linked(vma, item->anon_vma))
            return true;
    }
    return false;
}

/* False: out of memory. */
static bool add_item(struct ksm_node *node, const struct vma *vma, uintptr_t addr)
{
    struct world *world = vma->vm_mm->world;
    struct ksm_item *item;
    struct anon_vma *anon_vma = vma->anon_vma;

    if (has_item(node, vma, addr))
        return true;
    item = pool_alloc(world, POOL_KSM_ITEM);
    if (!item)
        return false;
    if (node->items &&
        fault(world, F_KSM_ITEM_WRONG_ANON, !anon_vma_is_linked(vma, node->items->anon_vma)))
        anon_vma = node->items->anon_vma;
    anon_vma_hold(anon_vma);
    *item = (struct ksm_item){.next = node->items, .anon_vma = anon_vma, .address = addr};
    node->items = item;
    node->nr_items++;
    return true;
}

static void free_node(struct world *world, struct ksm_node *node)
{
    for (struct ksm_item *item = node->items, *next; item; item = next) {
        step(world);
        next = item->next;
        anon_vma_release(item->anon_vma);
        pool_free(world, POOL_KSM_ITEM, item);
    }
    pool_free(world, POOL_KSM_NODE, node);
}

/* A node with both places. NULL: out of memory. */
static struct ksm_node *new_node(const struct place *place, const struct place *other)
{
    struct world *world = place->vma->vm_mm->world;
    struct ksm_node *node = pool_alloc(world, POOL_KSM_NODE);

    if (!node)
        return NULL;
    *node = (struct ksm_node){.page = place->page};
    if (add_item(node, place->vma, place->addr) && add_item(node, other->vma, other->addr))
        return node;
    free_node(world, node);
    return NULL;
}

/* Of those who may still read it back none need be of the family that had it last, whose anon_vma
 * goes with its VMAs. */
static void forget_last_home(struct world *world, struct page *page)
{
    if (!fault(world, F_KSM_STALE_MAPPING, page->mapping && page_swap_count(world, page)))
        page->mapping = 0;
}

void ksm_forget_place(struct world *world, struct page *page)
{
    struct ksm_node *node = page_ksm_node(page);

    if (node && !fault(world, F_KSM_BREAK_KEEPS_ITEM, true)) {
        page->mapping = 0;
        free_node(world, node);
        note_page(world, page);
        event(world, EV_KSM_GONE);
    }
    if (!(page->flags & PG_SWAPCACHE))
        return;
    if (node)
        swap_cache_slot(world, page)->strangers = 1;
    else if (swap_cache_slot(world, page)->strangers)
        forget_last_home(world, page);
}

/* ---- merging ---- */
static void leave_page(const struct place *place, pte_t pte)
{
    struct mm *mm = place->vma->vm_mm;
    const pte_t old = *place->pte;

    if (place->vma->vm_flags & VM_LOCKED)
        munlock_page(place->vma, place->addr, place->addr + PAGE_SIZE, place->page);
    *place->pte = pte | (old & PTE_YOUNG);
    drop_page(mm, old, place->page);
    note_ptes(mm, place->addr, place->addr + PAGE_SIZE);
}

static void replace_by_zeroes(const struct place *place)
{
    struct mm *mm = place->vma->vm_mm;

    leave_page(place, PTE_PRESENT | PTE_SPECIAL);
    if (fault(mm->world, F_KSM_ZERO_RSS, true))
        rss_add(mm, MM_ANONPAGES, 1);
    event(mm->world, EV_KSM_ZERO);
}

/* There is an item for the place. What was lazily freed is wanted by one more, who has not freed
 * it. */
static void replace_by_shared(const struct place *place, struct page *shared)
{
    struct mm *mm = place->vma->vm_mm;

    get_page(shared);
    page_add_anon_rmap(shared, place->vma, place->addr, false);
    rss_add(mm, MM_ANONPAGES, 1);
    leave_page(place, pte_of_page(shared, PTE_PRESENT));
    if (!(shared->flags & PG_SWAPBACKED) && !fault(mm->world, F_KSM_INTO_LAZYFREE, true))
        shared->flags |= PG_SWAPBACKED | PG_DIRTY;
    note_page(mm->world, shared);
    event(mm->world, EV_KSM_MERGE);
}

/* Was its slot's copy written before what the entry knows of? */
static bool would_lose(const struct world *world, const struct place *place)
{
    const struct page *page = place->page;

    return (page->flags & (PG_SWAPCACHE | PG_DIRTY)) == PG_SWAPCACHE &&
           swap_cache_slot(world, page)->stamp != page->stamp;
}

/* The page is nobody's own any more, and who writes gets a copy. It counts as newer than what swap
 * has of it: the entries of those who come say nothing. */
static void make_stable(const struct place *place, struct ksm_node *node)
{
    struct mm *mm = place->vma->vm_mm;
    struct page *page = place->page;

    page->mapping = (uintptr_t)node | PAGE_MAPPING_KSM;
    page->flags &= ~(uint32_t)PG_EXCLUSIVE;
    if (!fault(mm->world, F_KSM_LOSES_DIRTY, would_lose(mm->world, place)))
        page->flags |= PG_DIRTY;
    page->flags |= PG_SWAPBACKED;
    *place->pte &= ~(pte_t)PTE_DIRTY;
    if (!fault(mm->world, F_KSM_KEEPS_WRITE, *place->pte & PTE_WRITE))
        *place->pte &= ~(pte_t)PTE_WRITE;
    note_ptes(mm, place->addr, place->addr + PAGE_SIZE);
    event(mm->world, EV_KSM_STABLE);
}

/* Without memory nothing happens: the scanner will come by again. */
static void merge_two(struct place *place, struct place *other)
{
    const bool swap = !may_be_shared(place->vma->vm_mm->world, place->page);
    struct place *kept = swap ? other : place, *gone = swap ? place : other;
    struct ksm_node *node;

    if (!is_single(kept) || !is_single(gone))
        return;
    node = new_node(kept, gone);
    if (!node)
        return;
    make_stable(kept, node);
    replace_by_shared(gone, kept->page);
}

static void scan_place(struct place *place, bool use_zero_pages)
{
    struct world *world = place->vma->vm_mm->world;
    struct page *stable;
    struct place other;

    if (!place->page || !may_be_replaced(world, place->page))
        return;
    if (use_zero_pages && !place->page->stamp && !place->vma->vm_file) {
        if (is_single(place))
            replace_by_zeroes(place);
        return;
    }
    stable = find_stable(world, place->page->stamp);
    if (stable) {
        if (is_single(place) && add_item(page_ksm_node(stable), place->vma, place->addr))
            replace_by_shared(place, stable);
    } else if (find_unstable(world, place, &other)) {
        merge_two(&other, place);
    } else {
        remember(world, place);
    }
}

/* The page of zeroes came to KSM after 4.4. */
long mm_ksm(struct mm *mm, uintptr_t addr, size_t len, bool use_zero_pages)
{
    const uintptr_t end = pages_meeting(mm, &addr, len);
    struct vma *vma = find_vma(mm, addr);

    use_zero_pages &= mm_rules(mm) >= RULES_LINUX_5_10;
    for (; vma && vma->vm_start < end; vma = vma->vm_next) {
        uintptr_t at = addr > vma->vm_start ? addr : vma->vm_start;
        const uintptr_t stop = end < vma->vm_end ? end : vma->vm_end;

        step(mm->world);
        if (!(vma->vm_flags & VM_MERGEABLE) || !vma->anon_vma)
            continue;
        for (; pte_next(mm, &at, stop); at += PAGE_SIZE) {
            struct place place = place_at(vma, at);

            step(mm->world);
            scan_place(&place, use_zero_pages);
        }
    }
    return 0;
}

/* ---- and apart again ---- */
int ksm_unmerge(struct vma *vma, uintptr_t start, uintptr_t end)
{
    struct mm *mm = vma->vm_mm;
    const unsigned unshare = rules_have_exclusive(mm->world) ? FAULT_UNSHARE : FAULT_WRITE;
    uintptr_t at = start;
    int err = 0;

    if (likely(!(vma->vm_flags & VM_MERGEABLE)) || !vma->anon_vma)
        return 0;
    for (pte_t *pte; !err && (pte = pte_next(mm, &at, end)); at = pte_end(*pte, at)) {
        const struct page *page = page_of_pte(mm->world, *pte);

        step(mm->world);
        if (!page || !page_ksm_node(page) || fault(mm->world, F_KSM_NOT_BROKEN, true))
            continue;
        err = handle_mm_fault(vma, at, unshare);
        event(mm->world, EV_KSM_BREAK);
    }
    return err;
}
