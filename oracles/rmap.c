/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * rmap.complete, page.index: from a page to the entries that map it, and back.
 *
 * What an entry says of its page's mapping and index is page.index. Where that is right, the walk
 * that starts at the page must find the entry (rmap.complete): mapping leads to a tree of VMAs, and
 * index to one address in each.
 */
#include "oracles/pages.h"

#include <inttypes.h>

/* ---- one entry and its page ---- */
static uint64_t index_of(const struct vma *vma, uintptr_t addr)
{
    return vma->vm_pgoff + ((addr - vma->vm_start) >> PAGE_SHIFT);
}

/* Where the page is; of a part, too. */
static uint64_t index_of_page(const struct entry *e)
{
    return e->head->index + (uint64_t)(e->page - e->head);
}

const char *place_illegal(const struct world *world, const struct entry *e)
{
    const struct anon_vma *anon_vma = page_anon_vma(e->head);
    const struct vma *vma = e->vma;

    if (unlikely(!vma))
        return NULL; /* pgtable.inside */
    if (unlikely(!e->head->mapping))
        return "no-mapping";
    if (is_ksm(e->head))
        return ksm_place_illegal(world, e);
    if (likely(anon_vma != NULL)) {
        if (unlikely(!anon_vma_live(world, anon_vma)))
            return "dead-anon-vma";
        if (unlikely(!vma->anon_vma))
            return "unfaulted";
        if (unlikely(vma->anon_vma != anon_vma && anon_vma_live(world, vma->anon_vma) &&
                     vma->anon_vma->root != anon_vma->root))
            return "family";
    } else if (unlikely(vma_mapping(world, vma) != page_file_mapping(e->head))) {
        return "object";
    }
    return likely(index_of_page(e) == index_of(vma, e->addr)) ? NULL : "index";
}

bool place_broken(const struct world *world, const struct entry *e, const char *site,
                  struct verdict *v)
{
    return law_broken(v, LAW_PAGE_INDEX, site, e->mm->id, e->addr,
                      "frame %" PRIu32 ", mapping %#" PRIxPTR ", index %#" PRIx64
                      ", is mapped at page %#" PRIxPTR " of VMA %#" PRIxPTR "-%#" PRIxPTR
                      " (index %#" PRIx64 "): %s",
                      page_number(world, e->page), e->head->mapping, index_of_page(e),
                      e->addr >> PAGE_SHIFT, VMA_PAGES(e->vma), index_of(e->vma, e->addr), site);
}

/* ---- the walk ---- */
struct stab {
    struct view *view;
    const struct world *world;   /* the view's */
    uint64_t index, last;        /* indices looked for */
    pte_t want, mask;            /* entries looked for */
    bool chains;                 /* of an anon_vma; else VMAs of a file */
    const struct page *head;     /* of a compound page; NULL: a frame by itself */
    struct stabbed_parts *parts; /* that are found of it */
    uint32_t left;               /* nodes, of as many as there are */
    uint32_t found;
    bool locked; /* by one of those found */
};

static void look_into(struct stab *s, const struct vma *vma)
{
    const uint64_t pages = (vma->vm_end - vma->vm_start) >> PAGE_SHIFT;
    const uint64_t offset = s->index - vma->vm_pgoff;
    const struct mm *mm = vma->vm_mm;

    if (s->index < vma->vm_pgoff || offset >= pages || !mm_live(s->world, mm) || !mm->pgd)
        return;
    if ((entry_at(s->view, mm, vma->vm_start + (offset << PAGE_SHIFT)) & s->mask) != s->want)
        return;
    s->found++;
    s->locked |= (vma->vm_flags & VM_LOCKED) != 0;
}

/* Entries of single parts that one table may have: from the part `n`, which is for addr. */
static uint64_t count_in_table(struct stab *s, const struct page_table *leaf, uintptr_t addr,
                               uint64_t n, uint64_t count)
{
    const uint64_t *entry = &leaf->entry[table_index(addr, 0)];
    uint64_t found = 0;

    for (uint64_t i = 0; i < count; i++) {
        const pte_t want = s->want + ((pte_t)(n + i) << PTE_SHIFT);

        if ((entry[i] & s->mask) != want)
            continue;
        found++;
        s->parts->weight += law_weight((uintptr_t)(s->head + n + i));
    }
    s->parts->small += (uint32_t)found;
    return found;
}

/* All entries of the VMA that map the compound page, or a part. A huge one is found by the VMA that
 * has its start. */
static void look_for_parts(struct stab *s, const struct vma *vma)
{
    const uint64_t top = vma->vm_pgoff + ((vma->vm_end - vma->vm_start) >> PAGE_SHIFT);
    uint64_t at = s->index > vma->vm_pgoff ? s->index : vma->vm_pgoff, count, found;
    const uint64_t end = s->last + 1 < top ? s->last + 1 : top;
    const struct mm *mm = vma->vm_mm;

    if (!mm_live(s->world, mm) || !mm->pgd)
        return;
    for (; at < end; at += count) {
        const uintptr_t addr = vma->vm_start + ((at - vma->vm_pgoff) << PAGE_SHIFT);
        const struct page_table *leaf;
        uintptr_t beyond;
        pte_t huge;

        leaf = leaf_or_huge(s->world, mm, addr, &beyond, &huge);
        count = (beyond - addr) >> PAGE_SHIFT;
        count = count < end - at ? count : end - at;
        found = 0;
        if (leaf) {
            found = count_in_table(s, leaf, addr, at - s->index, count);
        } else if (huge && at == s->index && beyond - addr == HPAGE_SIZE &&
                   (huge & s->mask) == s->want) {
            found = 1;
            s->parts->entire++;
            s->parts->weight += law_weight((uintptr_t)s->head + 1);
        }
        s->parts->locked |= found && (vma->vm_flags & VM_LOCKED);
    }
}

/* NULL: there is nothing, or interval.tree and the like have something to say. */
static const struct vma *vma_of_node(const struct stab *s, const struct rb_node *rb,
                                     const struct interval_node **node)
{
    const struct anon_vma_chain *chain = chain_of_rb(rb);
    const struct vma *vma = vma_of_shared(rb);

    if (!s->chains) {
        if (!vma_live(s->world, vma))
            return NULL;
        *node = &vma->shared;
        return vma;
    }
    if (!chain_live(s->world, chain) || !vma_live(s->world, chain->vma))
        return NULL;
    *node = &chain->node;
    return chain->vma;
}

static void stab(struct stab *s, const struct rb_node *rb, unsigned depth)
{
    const struct interval_node *node;
    const struct vma *vma;

    while (rb && depth++ < TREE_MAX_DEPTH && s->left) {
        vma = vma_of_node(s, rb, &node);
        if (!vma || node->subtree_last < s->index)
            return;
        s->left--;
        if (rb->left)
            stab(s, rb->left, depth);
        if (node->start > s->last)
            return;
        if (node->last >= s->index && unlikely(s->head != NULL))
            look_for_parts(s, vma);
        else if (node->last >= s->index)
            look_into(s, vma);
        rb = rb->right;
    }
}

static uint32_t stab_family(struct stab *s, const struct anon_vma *anon_vma)
{
    if (!anon_vma_live(s->world, anon_vma))
        return 0;
    s->chains = true;
    s->left = s->world->pool[POOL_ANON_VMA_CHAIN].nlive;
    stab(s, anon_vma->rb_root.node, 0);
    return s->found;
}

struct stabbed rmap_found(struct view *view, const struct page *page)
{
    const struct world *world = view->world;
    const struct address_space *mapping = page_file_mapping(page);
    struct stab s = {
        .view = view,
        .world = world,
        .index = page->index,
        .last = page->index,
        .want = PTE_PRESENT | (pte_t)page_number(world, page) << PTE_SHIFT,
        .mask = PTE_PRESENT | PTE_SPECIAL | ~(((pte_t)1 << PTE_SHIFT) - 1),
    };

    if (is_ksm(page))
        return ksm_found(view, page);
    if (page->mapping & PAGE_MAPPING_ANON) {
        stab_family(&s, page_anon_vma(page));
    } else if (object_live(world, POOL_MAPPING, mapping)) {
        s.left = world->pool[POOL_VMA].nlive;
        stab(&s, mapping->i_mmap.node, 0);
    }
    return (struct stabbed){s.found, s.locked};
}

struct stabbed_parts rmap_found_parts(const struct world *world, const struct page *head)
{
    struct stabbed_parts parts = {0, 0, 0, false};
    struct stab s = {
        .world = world,
        .index = head->index,
        .last = head->index + HPAGE_PAGES - 1,
        .want = PTE_PRESENT | (pte_t)page_number(world, head) << PTE_SHIFT,
        .mask = PTE_PRESENT | PTE_SPECIAL | ~(((pte_t)1 << PTE_SHIFT) - 1),
        .head = head,
        .parts = &parts,
    };

    if (head->mapping & PAGE_MAPPING_ANON)
        stab_family(&s, page_anon_vma(head));
    return parts;
}

/* Fork copies an entry to the same offset of a VMA of the same family, and moving keeps both. Only
 * what was a KSM page is in other places, too. */
uint32_t swap_found(struct view *view, const struct entry *e)
{
    struct stab s = {
        .view = view,
        .world = view->world,
        .index = index_of(e->vma, e->addr),
        .last = index_of(e->vma, e->addr),
        .want = e->pte & ~(pte_t)PTE_EXCLUSIVE,
        .mask = ~(pte_t)PTE_EXCLUSIVE,
    };
    const struct anon_vma *own = e->vma->anon_vma;

    if (unlikely(e->slot->strangers))
        return (uint32_t)count_swapped(s.world, e->slot);
    return anon_vma_live(s.world, own) ? stab_family(&s, own->root) : 0;
}

/* ---- rmap.complete ---- */
/* One of another family or offset is copied. */
static bool will_be_mapped(const struct world *world, const struct page *page,
                           const struct entry *e)
{
    const struct anon_vma *own = e->vma->anon_vma;

    return anon_vma_live(world, page_anon_vma(page)) && anon_vma_live(world, own) &&
           own->root == page_anon_vma(page)->root && page->index == index_of(e->vma, e->addr);
}

bool swap_reachable(const struct world *world, const struct entry *e)
{
    const struct page *page = e->slot ? e->slot->page : NULL;
    const struct anon_vma_chain *chain;
    struct chain_walk w;

    if (!page || !e->vma || !page_live(world, page))
        return true;
    if (page_anon_vma(page) && !anon_vma_live(world, page_anon_vma(page)))
        return false;
    if (!page_anon_vma(page) || (e->slot->strangers && !will_be_mapped(world, page, e)))
        return true;
    w = chain_walk(world, e->vma);
    while ((chain = chain_walk_next(&w)))
        if (chain->anon_vma == page_anon_vma(page))
            return true;
    return false;
}

struct mapped count_mapped(const struct world *world, const struct page *page)
{
    struct mapped count = {0, 0, false};
    struct all_entries w;
    struct entry e;

    all_entries_start(&w, world);
    while (all_entries_next(&w, &e)) {
        if (e.page != page)
            continue;
        count.entries++;
        count.fitting += e.vma && !place_illegal(world, &e);
        count.locked |= e.vma && (e.vma->vm_flags & VM_LOCKED);
    }
    return count;
}

bool walk_broken(const struct world *world, const struct page *page, uint64_t found,
                 uint64_t expected, struct verdict *v)
{
    return law_broken(v, LAW_RMAP_COMPLETE, found < expected ? "missed" : "found-too-much", NOWHERE,
                      "frame %" PRIu32 ", mapping %#" PRIxPTR ", index %#" PRIx64 ": %" PRIu64
                      " entries map it, the walk of its reverse map finds %" PRIu64,
                      page_number(world, page), page->mapping, page->index, expected, found);
}

static bool found_as_mapped(struct view *view, const struct page *page, struct verdict *v)
{
    const struct world *world = view->world;
    uint64_t found, fitting;

    if (is_compound(world, page)) {
        const struct stabbed_parts parts = rmap_found_parts(world, page);
        struct mapped_parts mapped;

        count_mapped_parts(world, page, &mapped);
        found = parts.entire + parts.small;
        fitting = mapped.fitting;
    } else {
        found = rmap_found(view, page).entries;
        fitting = count_mapped(world, page).fitting;
    }
    return found == fitting || walk_broken(world, page, found, fitting, v);
}

/* By weights: is each page found as often as entries map it in its place? */
bool rmap_complete_full(const struct world *world, struct verdict *v)
{
    struct all_pages pages = {.world = world};
    uint64_t expected = 0, found = 0;
    const struct page *page;
    struct all_entries w;
    struct view view;
    struct entry e;

    view_start(&view, world);
    all_entries_start(&w, world);
    while (all_entries_next(&w, &e)) {
        if (e.page && e.vma && !place_illegal(world, &e))
            expected += entry_weight(&e);
        if (unlikely(!swap_reachable(world, &e)))
            return entry_broken(&e, LAW_RMAP_COMPLETE, "swapped-missed", v);
    }
    while ((page = all_pages_next(&pages)))
        found += is_compound(world, page)
                     ? rmap_found_parts(world, page).weight
                     : rmap_found(&view, page).entries * law_weight((uintptr_t)page);
    if (likely(found == expected))
        return true;
    pages = (struct all_pages){.world = world};
    while ((page = all_pages_next(&pages)))
        if (!found_as_mapped(&view, page, v))
            return false;
    return true;
}

/* ---- page cache ---- */
static bool part_of_cache(const void *world, const struct rb_node *node)
{
    return page_live(world, page_of_rb(node));
}

void cache_walk_start(struct cache_walk *w, const struct world *world,
                      const struct address_space *mapping)
{
    w->world = world;
    rb_walk_start(&w->rb, &mapping->pages, world->pool[POOL_PAGE].nlive, part_of_cache, world);
}

const struct page *cache_walk_next(struct cache_walk *w)
{
    return page_of_rb(rb_walk_next(&w->rb, part_of_cache, w->world));
}

void all_cached_start(struct all_cached *w, const struct world *world)
{
    w->world = world;
    w->walk.rb.depth = 0;
    w->walk.rb.broken = false;
    w->mapping = 0;
}

const struct page *all_cached_next(struct all_cached *w)
{
    const struct pool *mappings = &w->world->pool[POOL_MAPPING];
    const struct page *page;

    while (!(page = cache_walk_next(&w->walk))) {
        const struct address_space *mapping;

        if (w->mapping >= mappings->used)
            return NULL;
        mapping = pool_object(mappings, w->mapping++);
        if (mapping)
            cache_walk_start(&w->walk, w->world, mapping);
    }
    return page;
}

const struct page *cache_find(const struct world *world, const struct address_space *mapping,
                              uint64_t index)
{
    const struct rb_node *node = mapping->pages.node;

    for (unsigned depth = 0; node && depth < TREE_MAX_DEPTH; depth++) {
        const struct page *page = page_of_rb(node);

        if (!page_live(world, page))
            return NULL;
        if (page->index == index)
            return page;
        node = page->index > index ? node->left : node->right;
    }
    return NULL;
}

static bool cache_broken(const struct world *world, const char *site, const struct page *page,
                         struct verdict *v)
{
    return law_broken(v, LAW_PAGE_INDEX, site, NOWHERE,
                      "frame %" PRIu32 ", mapping %#" PRIxPTR ", index %#" PRIx64
                      ", in a page cache: %s",
                      page_number(world, page), page->mapping, page->index, site);
}

static bool in_order_below(const struct world *world, const struct rb_node *node, bool right,
                           const struct page *page)
{
    const struct page *child = page_of_rb(node);

    return !child || (page_live(world, child) && rb_parent_of(node) == &page->rb &&
                      child->mapping == page->mapping &&
                      (right ? child->index > page->index : child->index < page->index));
}

bool cached_place_ok(const struct world *world, const struct page *page, struct verdict *v)
{
    if (in_order_below(world, page->rb.left, false, page) &&
        in_order_below(world, page->rb.right, true, page))
        return true;
    return cache_broken(world, "cache-order", page, v);
}

static bool cache_ok(const struct world *world, const struct address_space *mapping,
                     struct verdict *v)
{
    const struct page *page, *prev = NULL;
    struct cache_walk w;

    cache_walk_start(&w, world, mapping);
    while ((page = cache_walk_next(&w))) {
        if (unlikely(page_file_mapping(page) != mapping))
            return cache_broken(world, "cache-object", page, v);
        if (unlikely(page->index >= mapping->size))
            return cache_broken(world, "cache-beyond-end", page, v);
        if (unlikely(prev && prev->index >= page->index))
            return cache_broken(world, "cache-order", page, v);
        if (!cached_place_ok(world, page, v))
            return false;
        prev = page;
    }
    if (likely(!w.rb.broken))
        return true;
    return law_broken(v, LAW_PAGE_INDEX, "cache-dead-page", NOWHERE,
                      "the page cache of object %p leads to something that is no live page",
                      (const void *)mapping);
}

bool page_caches_ok(const struct world *world, struct verdict *v)
{
    const struct pool *mappings = &world->pool[POOL_MAPPING];

    for (uint32_t n = 0; n < mappings->used; n++) {
        const struct address_space *mapping = pool_object(mappings, n);

        if (mapping && mapping->pages.node && !cache_ok(world, mapping, v))
            return false;
    }
    return true;
}

bool page_index_full(const struct world *world, struct verdict *v)
{
    struct all_entries w;
    struct entry e;

    all_entries_start(&w, world);
    while (all_entries_next(&w, &e)) {
        const char *site = e.page ? place_illegal(world, &e) : NULL;

        if (unlikely(site != NULL))
            return place_broken(world, &e, site, v);
    }
    return ksm_nodes_ok(world, v) && page_caches_ok(world, v);
}
