/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Walks of the reverse map: from a frame to the entries that map it (rmap.complete). Many of the
 * VMAs that a walk visits may have something else there, or nothing; none that maps the frame is
 * missed.
 */
#include "model/rbtree.h"

struct walk {
    struct world *world;
    struct page *page;
    uint64_t index, n; /* of it; how many pages from there on */
    rmap_visit *visit;
    void *arg;
    const struct except *locked; /* NULL, or only VM_LOCKED VMAs matter, and not all of one */
    const struct mm *without;    /* a process that need not be asked */
};
/* What does not count: [start, end) of a VMA. */
struct except {
    const struct vma *vma;
    uintptr_t start, end;
};

/* A huge entry maps this frame among others, in its place. */
static bool huge_maps_frame(const struct walk *walk, const struct vma *vma, uintptr_t addr,
                            pte_t pte)
{
    const struct page *head = page_of_pte(walk->world, pte);
    const uintptr_t block = addr & HPAGE_MASK;

    return head == page_head(walk->world, walk->page) && block >= vma->vm_start &&
           linear_page_index(vma, block) == head->index;
}

static inline bool maps_frame(const struct walk *walk, const struct vma *vma, uintptr_t addr,
                              pte_t pte)
{
    if (unlikely(pte & PTE_HUGE))
        return huge_maps_frame(walk, vma, addr, pte);
    return page_of_pte(walk->world, pte) == walk->page;
}

/* An entry that waits for the frame's copy stands for it, too. What a stale tree sends to a place
 * outside of the VMA is a miss. */
static bool visit_place(const struct walk *walk, struct vma *vma, uintptr_t addr)
{
    pte_t *pte = NULL;

    if (addr >= vma->vm_start && addr < vma->vm_end)
        pte = pte_find(vma->vm_mm, addr);
    if (!pte || !maps_frame(walk, vma, addr, *pte)) {
        event(walk->world, EV_RMAP_MISS);
        return true;
    }
    event(walk->world, EV_RMAP_HIT);
    return walk->visit(vma, addr, pte, walk->page, walk->arg);
}

static bool visit_vma(const struct walk *walk, struct vma *vma)
{
    return visit_place(walk, vma, vma->vm_start + ((walk->index - vma->vm_pgoff) << PAGE_SHIFT));
}

/* Looked for are locks: VMAs that cannot have any are as many as there are processes. */
static bool may_lock(const struct except *except, const struct vma *vma)
{
    return (vma->vm_flags & VM_LOCKED) &&
           !(vma == except->vma && except->start <= vma->vm_start && except->end >= vma->vm_end);
}

/* All parts of the compound page that vma maps from addr on. */
static bool visit_parts(const struct walk *walk, struct vma *vma, uintptr_t addr)
{
    const uint64_t end_index = walk->index + HPAGE_PAGES;
    uintptr_t end = vma->vm_end, first = vma->vm_start;
    bool on = true;

    if (walk->locked && !may_lock(walk->locked, vma))
        return true;
    if (vma->vm_mm == walk->without)
        return true;
    if (walk->index > vma->vm_pgoff)
        first += (walk->index - vma->vm_pgoff) << PAGE_SHIFT;
    if (end_index - vma->vm_pgoff < vma_pages(vma))
        end = vma->vm_start + ((end_index - vma->vm_pgoff) << PAGE_SHIFT);
    if (addr < first)
        addr = first;
    for (pte_t *pte; on && (pte = pte_next(vma->vm_mm, &addr, end));) {
        const pte_t entry = *pte;
        const bool huge = entry & PTE_HUGE;
        const uint64_t n = linear_page_index(vma, addr) - walk->index;

        step(walk->world);
        if (page_of_pte(walk->world, entry) == walk->page + (huge ? 0 : n) &&
            !(huge && ((addr >> PAGE_SHIFT) & (HPAGE_PAGES - 1)) != n))
            on = walk->visit(vma, huge ? addr & HPAGE_MASK : addr, pte, walk->page + (huge ? 0 : n),
                             walk->arg);
        addr = pte_end(entry, addr);
    }
    return on;
}

static bool walk_anon(const struct walk *walk, struct anon_vma *anon_vma)
{
    const uint64_t index = walk->index, last = index + walk->n - 1;
    bool on = true;

    anon_vma_lock(walk->world, anon_vma->root);
    for (struct interval_node *node = interval_tree_first(&anon_vma->rb_root, index, last);
         node && on; node = interval_tree_next(node, index, last)) {
        struct vma *vma = rb_entry(node, struct anon_vma_chain, node)->vma;

        step(walk->world);
        on = walk->n == 1 ? visit_vma(walk, vma) : visit_parts(walk, vma, vma->vm_start);
    }
    anon_vma_unlock(walk->world);
    return on;
}

static bool walk_file(const struct walk *walk, struct address_space *mapping)
{
    const uint64_t index = walk->page->index;
    bool on = true;

    i_mmap_lock(walk->world, mapping);
    for (struct interval_node *node = interval_tree_first(&mapping->i_mmap, index, index);
         node && on; node = interval_tree_next(node, index, index)) {
        step(walk->world);
        on = visit_vma(walk, rb_entry(node, struct vma, shared));
    }
    i_mmap_unlock(walk->world);
    return on;
}

/* Has an item before this one led to the VMA already? Parent and child may have one each. */
static bool was_visited(const struct ksm_node *node, const struct ksm_item *item,
                        const struct vma *vma)
{
    for (const struct ksm_item *other = node->items; other != item; other = other->next)
        if (other->address == item->address && anon_vma_is_linked(vma, other->anon_vma))
            return true;
    return false;
}

/* By address, wherever that is in the tree's order. */
static bool walk_item(const struct walk *walk, const struct ksm_node *node,
                      const struct ksm_item *item)
{
    struct anon_vma *anon_vma = item->anon_vma;
    bool on = true;

    anon_vma_lock(walk->world, anon_vma->root);
    for (struct interval_node *n = interval_tree_first(&anon_vma->rb_root, 0, UINT64_MAX); n && on;
         n = interval_tree_next(n, 0, UINT64_MAX)) {
        struct vma *vma = rb_entry(n, struct anon_vma_chain, node)->vma;

        step(walk->world);
        if (item->address < vma->vm_start || item->address >= vma->vm_end)
            event(walk->world, EV_RMAP_MISS);
        else if (!was_visited(node, item, vma))
            on = visit_place(walk, vma, item->address);
    }
    anon_vma_unlock(walk->world);
    return on;
}

static bool walk_ksm(const struct walk *walk, const struct ksm_node *node)
{
    bool on = true;

    for (const struct ksm_item *item = node->items; item && on; item = item->next) {
        step(walk->world);
        on = walk_item(walk, node, item);
    }
    return on;
}

bool rmap_walk(struct world *world, struct page *page, rmap_visit *visit, void *arg)
{
    const struct page *head = compound_head(page);
    const uint64_t index = head->index + (uint64_t)(page - head);
    const struct walk walk = {world, page, index, 1, visit, arg, NULL, NULL};

    if (!head->mapping)
        return true;
    if (unlikely(page_ksm_node(head)))
        return walk_ksm(&walk, page_ksm_node(head));
    if (page_is_anon(head))
        return walk_anon(&walk, page_anon_vma(head));
    return walk_file(&walk, page_file_mapping(page));
}

bool rmap_walk_compound(struct world *world, struct page *head, rmap_visit *visit, void *arg)
{
    const struct walk walk = {world, head, head->index, HPAGE_PAGES, visit, arg, NULL, NULL};

    return !head->mapping || walk_anon(&walk, page_anon_vma(head));
}

static bool found_one(struct vma *vma, uintptr_t addr, pte_t *pte, struct page *page, void *arg)
{
    (void)vma;
    (void)addr;
    (void)pte;
    (void)page;
    (void)arg;
    return false;
}

bool rmap_compound_elsewhere(const struct mm *mm, struct page *head)
{
    const struct walk walk = {
        .world = mm->world,
        .page = head,
        .index = head->index,
        .n = HPAGE_PAGES,
        .visit = found_one,
        .without = mm,
    };

    return !walk_anon(&walk, page_anon_vma(head));
}

uintptr_t pages_meeting(const struct mm *mm, uintptr_t *addr, size_t len)
{
    const uintptr_t start = *addr < mm->task_size ? *addr : mm->task_size;

    *addr = start & PAGE_MASK;
    return len < mm->task_size - start ? page_align(start + len) : mm->task_size;
}

/* ---- walks that only look at entries and change flags ---- */
static bool not_locked_one(struct vma *vma, uintptr_t addr, pte_t *pte, struct page *page,
                           void *arg)
{
    const struct except *except = arg;

    (void)pte;
    (void)page;
    return !(vma->vm_flags & VM_LOCKED) ||
           (vma == except->vma && addr >= except->start && addr < except->end);
}

/* Whoever goes through the page part by part finds another one right behind, mostly. */
static bool part_locked_elsewhere(struct vma *vma, struct except *except, struct page *head)
{
    const struct walk walk = {vma->vm_mm->world, head,   head->index, HPAGE_PAGES,
                              not_locked_one,    except, except,      NULL};

    return !visit_parts(&walk, vma, except->end) || !walk_anon(&walk, page_anon_vma(head));
}

bool rmap_locked_elsewhere(struct vma *vma, uintptr_t start, uintptr_t end, struct page *page)
{
    struct except except = {vma, start, end};

    if (unlikely(page_is_compound(page)))
        return part_locked_elsewhere(vma, &except, compound_head(page));
    return !rmap_walk(vma->vm_mm->world, page, not_locked_one, &except);
}

static void clear_flags(struct vma *vma, uintptr_t addr, pte_t *pte, pte_t flags)
{
    if (!(*pte & flags))
        return;
    *pte &= ~flags;
    note_ptes(vma->vm_mm, *pte & PTE_HUGE ? addr & HPAGE_MASK : addr, pte_end(*pte, addr));
}

static bool clear_young_one(struct vma *vma, uintptr_t addr, pte_t *pte, struct page *page,
                            void *arg)
{
    bool *young = arg;

    (void)page;
    *young |= (*pte & PTE_YOUNG) != 0;
    clear_flags(vma, addr, pte, PTE_YOUNG);
    return true;
}

/* Was it used since the last time? whole: the page, which is compound; else this frame of it. */
static bool clear_young(struct world *world, struct page *page, bool whole)
{
    bool young = false;

    if (whole)
        rmap_walk_compound(world, page, clear_young_one, &young);
    else
        rmap_walk(world, page, clear_young_one, &young);
    if (young)
        compound_head(page)->flags &= ~(uint32_t)PG_IDLE;
    return young;
}

static void page_referenced(struct world *world, struct page *page, bool huge)
{
    clear_young(world, page, huge);
    compound_head(page)->flags &= ~(uint32_t)PG_YOUNG;
}

/* ---- idle pages: that user space asks must not make reclaim take them for unused ---- */
/* Who asks for the first part of a compound page asks for all of it, and nobody for another one. */
static void page_idle_set(struct world *world, struct page *page, bool huge)
{
    (void)huge;
    if (page->flags & PG_TAIL)
        return;
    if (clear_young(world, page, page->flags & PG_HEAD))
        page->flags |= PG_YOUNG;
    page->flags |= PG_IDLE;
    event(world, EV_IDLE_SET);
}

static void page_idle_get(struct world *world, struct page *page, bool huge)
{
    (void)huge;
    if ((page->flags & PG_IDLE) && clear_young(world, page, page->flags & PG_HEAD))
        page->flags |= PG_YOUNG;
}

/* The next write of shared memory is to be noticed: that of a page that is being written back. */
static bool page_mkclean_one(struct vma *vma, uintptr_t addr, pte_t *pte, struct page *page,
                             void *arg)
{
    (void)page;
    (void)arg;
    if (vma->vm_flags & VM_SHARED)
        clear_flags(vma, addr, pte, PTE_WRITE | PTE_DIRTY);
    return true;
}

static void page_mkclean(struct world *world, struct page *page, bool huge)
{
    (void)huge;
    if (!page_is_anon(page))
        rmap_walk(world, page, page_mkclean_one, NULL);
}

long mm_rmap_walk(struct mm *mm, uintptr_t addr, size_t len, enum rmap_work work)
{
    static void (*const works[NR_RMAP_WORKS])(struct world *, struct page *, bool huge) = {
        [RMAP_REFERENCED] = page_referenced,
        [RMAP_MKCLEAN] = page_mkclean,
        [RMAP_IDLE_SET] = page_idle_set,
        [RMAP_IDLE_GET] = page_idle_get,
    };
    struct world *world = mm->world;
    const uintptr_t end = pages_meeting(mm, &addr, len);

    for (pte_t *pte; (pte = pte_next(mm, &addr, end)); addr = pte_end(*pte, addr)) {
        struct page *page = page_of_pte(world, *pte);

        step(world);
        if (page)
            works[work](world, page, *pte & PTE_HUGE);
    }
    return 0;
}
