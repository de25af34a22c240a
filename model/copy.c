/* SPDX-License-Identifier: GPL-2.0-only */
/* Page-table entries as address spaces are copied, and mappings moved, re-protected and lazily
 * freed: all that leaves the pages themselves where they are. */
#include "model/internal.h"

/* False: the range has no entries. Otherwise they are noted, and *at is where the first one is. */
static bool note_entries(struct mm *mm, uintptr_t *at, uintptr_t end)
{
    const uintptr_t start = *at;

    if (!pte_next(mm, at, end))
        return false;
    note_ptes(mm, start, end);
    return true;
}

/* ---- fork ---- */
/* A device goes on with the page that it holds, so that one stays with the parent for good. */
bool must_be_copied(struct world *world, const struct page *page)
{
    if (!page_head(world, page)->pins ||
        (rules_have_exclusive(world) && !(page->flags & PG_EXCLUSIVE)))
        return false;
    return !fault(world, F_FORK_PINNED, true);
}

static int copy_for_child(struct vma *dst, uintptr_t addr, pte_t *to, const struct page *page)
{
    struct world *world = dst->vm_mm->world;
    struct page *copy = page_alloc(world, page->stamp);

    if (!copy)
        return -ENOMEM;
    page_add_anon_rmap(copy, dst, addr, true);
    rss_add(dst->vm_mm, MM_ANONPAGES, 1);
    *to = pte_of_page(copy,
                      PTE_PRESENT | PTE_DIRTY | (dst->vm_flags & VM_WRITE ? (pte_t)PTE_WRITE : 0));
    event(world, EV_FORK_COPY_PINNED);
    return 0;
}

/* Whoever writes next gets a copy. The entry's dirty bit is needed by both: either may be the one
 * that is left when the other has freed the page lazily. */
static void share_page(struct vma *dst, uintptr_t addr, pte_t *to, pte_t *from, struct page *page)
{
    struct world *world = dst->vm_mm->world;

    if (page_is_anon(page)) {
        if ((page->flags & PG_EXCLUSIVE) && !fault(world, F_FORK_KEEPS_EXCLUSIVE, true))
            page->flags &= ~(uint32_t)PG_EXCLUSIVE;
        if ((*from & PTE_WRITE) && !fault(world, F_FORK_KEEPS_WRITE, true))
            *from &= ~(pte_t)PTE_WRITE;
        page_add_anon_rmap(page, dst, addr, false);
    } else {
        page_add_file_rmap(page, dst);
    }
    get_page(page);
    rss_add(dst->vm_mm, page_rss_kind(page), 1);
    *to = *from & ~(pte_t)(PTE_WRITE | PTE_YOUNG);
    event(world, EV_FORK_SHARE);
}

static void share_slot(struct vma *dst, pte_t *to, pte_t *from)
{
    struct world *world = dst->vm_mm->world;

    if (!fault(world, F_FORK_SWAP_NO_DUP, true))
        swap_duplicate(slot_of_pte(world, *from));
    *from &= ~(pte_t)PTE_EXCLUSIVE;
    *to = *from;
    rss_add(dst->vm_mm, MM_SWAPENTS, 1);
    event(world, EV_FORK_SWAP);
}

static int copy_pte(struct vma *dst, uintptr_t addr, pte_t *from)
{
    struct world *world = dst->vm_mm->world;
    struct page *page = page_of_pte(world, *from);
    pte_t *to = pte_alloc(dst->vm_mm, addr);

    if (!to)
        return -ENOMEM;
    if (*from & PTE_SWAP)
        share_slot(dst, to, from);
    else if (!page)
        *to = *from & ~(pte_t)PTE_YOUNG;
    else if (page_is_anon(page) && must_be_copied(world, page))
        return copy_for_child(dst, addr, to, page);
    else
        share_page(dst, addr, to, from, page);
    return 0;
}

/* The child gets a table wherever the parent has one, with entries or without. */
static int copy_tables(struct mm *to, struct mm *from, uintptr_t start, uintptr_t end)
{
    const uintptr_t upper = HPAGE_SIZE * PTRS_PER_TABLE;
    uintptr_t span;

    for (uintptr_t at = start; at < end; at = (at & ~(span - 1)) + span) {
        const pte_t *pmd = pmd_find(from, at);

        step(from->world);
        span = pmd ? HPAGE_SIZE : upper;
        if (pmd && *pmd && !(*pte_find(from, at & HPAGE_MASK) & PTE_HUGE) && !pte_alloc(to, at))
            return -ENOMEM;
    }
    return 0;
}

/* Without an anon_vma there is nothing that a fault could not find again, or nothing that the child
 * shall have (VM_WIPEONFORK). */
int copy_page_range(struct vma *dst, struct vma *src)
{
    const uintptr_t start = src->vm_start, end = src->vm_end;
    uintptr_t at = start;
    pte_t *pte;
    int err;

    if (!dst->anon_vma || !src->vm_mm->pgd)
        return 0;
    err = copy_tables(dst->vm_mm, src->vm_mm, start, end);
    pte = pte_next(src->vm_mm, &at, end);
    if (!pte)
        return err;
    for (; pte && !err; pte = pte_next(src->vm_mm, &at, end)) {
        const uintptr_t next = pte_end(*pte, at);

        step(dst->vm_mm->world);
        err = likely(!(*pte & PTE_HUGE)) ? copy_pte(dst, at, pte) : huge_copy(dst, src, at, pte);
        if (err <= 0)
            at = next;
        else
            err = 0; /* split: its entries, one by one */
    }
    note_ptes(src->vm_mm, start, end);
    note_ptes(dst->vm_mm, start, end);
    return err;
}

/* ---- mremap ---- */
/* How far one step goes: to where a table ends, on either side. */
static uintptr_t step_of_move(uintptr_t from, uintptr_t end, uintptr_t to)
{
    const uintptr_t here = HPAGE_SIZE - (from & ~HPAGE_MASK);
    const uintptr_t there = HPAGE_SIZE - (to & ~HPAGE_MASK);
    const uintptr_t most = here < there ? here : there;

    return end - from < most ? end - from : most;
}

/* The whole table goes, with all that is in it. Where a context may want to know of each entry it
 * does not. */
static bool moves_tables(struct mm *mm, uintptr_t from)
{
    const struct vma *vma = vma_lookup(mm, from);

    if (mm_rules(mm) < RULES_LINUX_5_10)
        return false;
    return mm_rules(mm) < RULES_LINUX_6_18 || !vma || !vma->vm_userfaultfd_ctx;
}

/* The entries of one step. 0, or -ENOMEM if there is no table for them. */
static int move_entries(struct mm *mm, uintptr_t from, uintptr_t end, uintptr_t to)
{
    pte_t *const first = pte_alloc(mm, to);
    uintptr_t at = from;

    if (!first)
        return -ENOMEM;
    for (pte_t *pte; (pte = pte_next(mm, &at, end)); at += PAGE_SIZE) {
        pte_t *place = first + ((at - from) >> PAGE_SHIFT); /* a step has one table on each side */

        step(mm->world);
        world_bug_on(mm->world, *place);
        *place = *pte;
        *pte = 0;
        event(mm->world, EV_MOVE_PTE);
    }
    return 0;
}

/* What one entry of level 1 leads to, or maps; *extent: how much of it. */
static int move_block(struct mm *mm, uintptr_t from, uintptr_t end, uintptr_t to, uintptr_t *extent)
{
    pte_t *pmd = pmd_find(mm, from);
    int err;

    if (*pte_find(mm, from) & PTE_HUGE) {
        err = huge_move(mm, from, end, to, pmd);
        if (err == 0)
            *extent = HPAGE_SIZE;
    } else {
        err = *extent == HPAGE_SIZE && moves_tables(mm, from) ? pgtable_move(mm, pmd, to) : 1;
    }
    return err <= 0 ? err : move_entries(mm, from, from + *extent, to);
}

/* Entries of [from, end) to `to`, as far as there are tables for them. Returns where it stopped. */
static uintptr_t move_ptes(struct mm *mm, uintptr_t from, uintptr_t end, uintptr_t to)
{
    const uintptr_t upper = HPAGE_SIZE * PTRS_PER_TABLE;
    uintptr_t at = from, extent;

    for (; at < end; at += extent) {
        const uintptr_t there = to + (at - from);
        const pte_t *pmd = pmd_find(mm, at);
        uintptr_t first = at;

        step(mm->world);
        extent = step_of_move(at, end, there);
        if (!pmd && end - at > upper - (at & (upper - 1)))
            extent = upper - (at & (upper - 1));
        if (!pmd || !*pmd)
            continue;
        if (at / HPAGE_SIZE != from / HPAGE_SIZE &&
            fault(mm->world, F_MOVE_STOPS_AT_TABLE, pte_next(mm, &first, end)))
            break;
        if (move_block(mm, at, end, there, &extent))
            return at;
    }
    return end;
}

int move_page_tables(struct mm *mm, uintptr_t old, uintptr_t new_addr, size_t len)
{
    uintptr_t at = old;

    if (note_entries(mm, &at, old + len)) /* or tables alone */
        note_ptes(mm, new_addr, new_addr + len);
    at = move_ptes(mm, old, old + len, new_addr);
    if (at == old + len)
        return 0;
    /* the old tables are still there, so this needs nothing */
    move_ptes(mm, new_addr, new_addr + (at - old), old);
    event(mm->world, EV_MOVE_UNDONE);
    return -ENOMEM;
}

/* ---- mprotect ---- */
/* The frame that has the same number as a slot, if there is one and taking it for the page of the
 * entry would change it: for the fault below. */
static struct page *taken_for_page(const struct world *world, pte_t pte)
{
    const struct pool *pool = &world->pool[POOL_PAGE];
    struct page *page = pte_number(pte) < pool->used ? pool_object(pool, pte_number(pte)) : NULL;
    const bool exclusive = pte & PTE_EXCLUSIVE;

    return page && exclusive != ((page->flags & PG_EXCLUSIVE) != 0) ? page : NULL;
}

/* A swap entry has no rights that could be taken away. */
static void protect_swap_entry(struct world *world, pte_t pte)
{
    struct page *wrong = NULL;

    if (!fault(world, F_MPROTECT_SWAP_ENTRY, (wrong = taken_for_page(world, pte)) != NULL))
        return;
    if (wrong) {
        wrong->flags ^= PG_EXCLUSIVE;
        note_page(world, wrong);
    }
}

/* A fault has to find out whether a page may be written, but of an exclusive one that is known. In
 * 6.1 one that is not dirty waits for a fault, too. */
static bool is_known_writable(const struct vma *vma, pte_t pte)
{
    const struct page *page = page_of_pte(vma->vm_mm->world, pte);

    if (mm_rules(vma->vm_mm) < RULES_LINUX_6_12 && !(pte & PTE_DIRTY))
        return false;
    return (vma->vm_flags & VM_WRITE) && page && page_is_anon(page) &&
           (page->flags & PG_EXCLUSIVE) && !vma_is_shared(vma);
}

void change_protection(struct vma *vma, uintptr_t start, uintptr_t end)
{
    struct mm *mm = vma->vm_mm;
    const bool read_only = !(vma->vm_flags & VM_WRITE);
    uintptr_t at = start;

    if (!note_entries(mm, &at, end))
        return;
    for (pte_t *pte; (pte = pte_next(mm, &at, end)); at = pte_end(*pte, at)) {
        step(mm->world);
        if (*pte & PTE_SWAP)
            protect_swap_entry(mm->world, *pte);
        else if (read_only && (*pte & PTE_WRITE) && !fault(mm->world, F_KEEPS_WRITE, true))
            *pte &= ~(pte_t)PTE_WRITE;
        else if (is_known_writable(vma, *pte))
            *pte |= PTE_WRITE;
        else if (mm_rules(mm) == RULES_LINUX_6_1 && !(*pte & PTE_DIRTY))
            *pte &= ~(pte_t)PTE_WRITE;
    }
}

/* ---- MADV_FREE ---- */
/* What others may still want, here or in the slot, has to be kept. */
static bool may_be_dropped(struct world *world, struct page *page)
{
    if (!(page->flags & (PG_SWAPCACHE | PG_DIRTY)))
        return true;
    return page->mapcount + page_swap_count(world, page) == 1;
}

/* How many entries from this one on map parts of one page in a row. */
static unsigned parts_in_a_row(const struct world *world, const pte_t *pte, uintptr_t addr,
                               uintptr_t end)
{
    struct page *page = page_of_pte(world, *pte);
    const unsigned left = HPAGE_PAGES - (unsigned)(page - compound_head(page));
    const uintptr_t block_end = (addr & HPAGE_MASK) + HPAGE_SIZE;
    const uintptr_t most = ((end < block_end ? end : block_end) - addr) >> PAGE_SHIFT;
    unsigned n = 1;

    while (n < most && n < left && page_of_pte(world, pte[n]) == page + n)
        n++;
    return n;
}

/* All entries of a page that has no others. */
static void lazyfree_parts(struct mm *mm, pte_t *pte, struct page *head)
{
    struct world *world = mm->world;

    if (compound_mapcount(head) != HPAGE_PAGES && (head->flags & PG_DIRTY))
        return;
    head->flags &= ~(uint32_t)PG_DIRTY;
    if (!(head->flags & PG_MLOCKED))
        head->flags &= ~(uint32_t)PG_SWAPBACKED;
    for (unsigned i = 0; i < HPAGE_PAGES; i++)
        pte[i] &= ~(pte_t)(PTE_DIRTY | PTE_YOUNG);
    note_page(world, head);
    event(world, EV_HUGE_LAZYFREE);
}

/* An entry of a part, of which advice is given: it can be followed once the page is split. Since
 * 6.18 that depends on who has the page, and not on who has the part. Returns how many entries have
 * been seen to, HPAGE_PAGES: all of a page, which stays one; 0: this one leads to a small page. */
static unsigned split_for_part(struct mm *mm, pte_t *pte, uintptr_t addr, uintptr_t end)
{
    struct world *world = mm->world;
    struct page *page = page_of_pte(world, *pte), *head = compound_head(page);
    const unsigned n = mm_rules(mm) >= RULES_LINUX_6_18 ? parts_in_a_row(world, pte, addr, end) : 1;

    if (n == HPAGE_PAGES)
        return n;
    if (page_mapcount(world, page) != 1 ||
        (mm_rules(mm) >= RULES_LINUX_6_18 && rmap_compound_elsewhere(mm, head)))
        return n;
    return compound_split(world, page) ? 0 : n;
}

static unsigned lazyfree_part(struct mm *mm, pte_t *pte, uintptr_t addr, uintptr_t end)
{
    struct page *head = compound_head(page_of_pte(mm->world, *pte));
    const unsigned n = split_for_part(mm, pte, addr, end);

    if (n == HPAGE_PAGES)
        lazyfree_parts(mm, pte, head);
    return n;
}

static void lazyfree_pte(struct mm *mm, pte_t *pte)
{
    struct world *world = mm->world;
    struct page *page = page_of_pte(world, *pte);

    if (*pte & PTE_SWAP) {
        swap_free(world, slot_of_pte(world, *pte));
        rss_add(mm, MM_SWAPENTS, -1);
        *pte = 0;
        return;
    }
    if (!page || !may_be_dropped(world, page))
        return;
    if (page->flags & PG_SWAPCACHE)
        swap_cache_drop(world, page);
    page->flags &= ~(uint32_t)PG_DIRTY;
    if (!(page->flags & PG_MLOCKED)) /* by another process: it is not reclaimed, so not freed */
        page->flags &= ~(uint32_t)PG_SWAPBACKED;
    *pte &= ~(pte_t)(PTE_DIRTY | PTE_YOUNG);
    note_page(world, page);
    event(world, EV_LAZYFREE);
}

void lazyfree_range(struct vma *vma, uintptr_t start, uintptr_t end)
{
    struct mm *mm = vma->vm_mm;
    uintptr_t at = start;

    if (!note_entries(mm, &at, end))
        return;
    for (pte_t *pte; (pte = pte_next(mm, &at, end));) {
        struct page *page = page_of_pte(mm->world, *pte);

        step(mm->world);
        if (unlikely(*pte & PTE_HUGE)) {
            if (huge_lazyfree(mm, at, end, pte))
                at = pte_end(PTE_HUGE, at);
        } else if (page && unlikely(page_is_compound(page))) {
            at += lazyfree_part(mm, pte, at, end) * PAGE_SIZE;
        } else {
            lazyfree_pte(mm, pte);
            at += PAGE_SIZE;
        }
    }
}

/* ---- MADV_COLD ---- */
/* Nothing can be seen of it but that huge pages are split for their parts. */
void cool_range(struct vma *vma, uintptr_t start, uintptr_t end)
{
    struct mm *mm = vma->vm_mm;
    uintptr_t at = start;

    if (mm_rules(mm) < RULES_LINUX_6_18 || !note_entries(mm, &at, end))
        return;
    for (pte_t *pte; (pte = pte_next(mm, &at, end));) {
        struct page *page = page_of_pte(mm->world, *pte);
        const bool huge = *pte & PTE_HUGE;

        step(mm->world);
        if (huge && page && !block_is_inside(at, start, end) && huge_split_alone(mm, page))
            continue;
        if (!huge && page && unlikely(page_is_compound(page)))
            at += split_for_part(mm, pte, at, end) * PAGE_SIZE;
        else
            at = pte_end(*pte, at);
    }
}
