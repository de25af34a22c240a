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
    rmap_visit *visit;
    void *arg;
};

/* An entry that waits for the frame's copy stands for it, too. What a stale tree sends to a place
 * outside of the VMA is a miss. */
static bool visit_place(const struct walk *walk, struct vma *vma, uintptr_t addr)
{
    pte_t *pte = NULL;

    if (addr >= vma->vm_start && addr < vma->vm_end)
        pte = pte_find(vma->vm_mm, addr);
    if (!pte || page_of_pte(walk->world, *pte) != walk->page) {
        event(walk->world, EV_RMAP_MISS);
        return true;
    }
    event(walk->world, EV_RMAP_HIT);
    return walk->visit(vma, addr, pte, walk->page, walk->arg);
}

static bool visit_vma(const struct walk *walk, struct vma *vma)
{
    return visit_place(walk, vma,
                       vma->vm_start + ((walk->page->index - vma->vm_pgoff) << PAGE_SHIFT));
}

static bool walk_anon(const struct walk *walk, struct anon_vma *anon_vma)
{
    const uint64_t index = walk->page->index;
    bool on = true;

    anon_vma_lock(walk->world, anon_vma->root);
    for (struct interval_node *node = interval_tree_first(&anon_vma->rb_root, index, index);
         node && on; node = interval_tree_next(node, index, index)) {
        step(walk->world);
        on = visit_vma(walk, rb_entry(node, struct anon_vma_chain, node)->vma);
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
        if (!was_visited(node, item, vma))
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
    const struct walk walk = {world, page, visit, arg};

    if (!page->mapping)
        return true;
    if (unlikely(page_ksm_node(page)))
        return walk_ksm(&walk, page_ksm_node(page));
    if (page_is_anon(page))
        return walk_anon(&walk, page_anon_vma(page));
    return walk_file(&walk, page_file_mapping(page));
}

uintptr_t pages_meeting(const struct mm *mm, uintptr_t *addr, size_t len)
{
    const uintptr_t start = *addr < mm->task_size ? *addr : mm->task_size;

    *addr = start & PAGE_MASK;
    return len < mm->task_size - start ? page_align(start + len) : mm->task_size;
}

/* ---- walks that only look at entries and change flags ---- */
struct elsewhere {
    const struct vma *vma;
    uintptr_t start, end;
};

static bool not_locked_one(struct vma *vma, uintptr_t addr, pte_t *pte, struct page *page,
                           void *arg)
{
    const struct elsewhere *than = arg;

    (void)pte;
    (void)page;
    return !(vma->vm_flags & VM_LOCKED) ||
           (vma == than->vma && addr >= than->start && addr < than->end);
}

bool rmap_locked_elsewhere(const struct vma *vma, uintptr_t start, uintptr_t end, struct page *page)
{
    struct elsewhere than = {vma, start, end};

    return !rmap_walk(vma->vm_mm->world, page, not_locked_one, &than);
}

static void clear_flags(struct vma *vma, uintptr_t addr, pte_t *pte, pte_t flags)
{
    if (!(*pte & flags))
        return;
    *pte &= ~flags;
    note_ptes(vma->vm_mm, addr, addr + PAGE_SIZE);
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

/* Was the page used since the last time? */
static bool clear_young(struct world *world, struct page *page)
{
    bool young = false;

    rmap_walk(world, page, clear_young_one, &young);
    if (young)
        page->flags &= ~(uint32_t)PG_IDLE;
    return young;
}

/* ---- idle pages: that user space asks must not make reclaim take them for unused ---- */
static void page_referenced(struct world *world, struct page *page)
{
    clear_young(world, page);
    page->flags &= ~(uint32_t)PG_YOUNG;
}

static void page_idle_set(struct world *world, struct page *page)
{
    if (clear_young(world, page))
        page->flags |= PG_YOUNG;
    page->flags |= PG_IDLE;
    event(world, EV_IDLE_SET);
}

static void page_idle_get(struct world *world, struct page *page)
{
    if ((page->flags & PG_IDLE) && clear_young(world, page))
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

static void page_mkclean(struct world *world, struct page *page)
{
    if (!page_is_anon(page))
        rmap_walk(world, page, page_mkclean_one, NULL);
}

long mm_rmap_walk(struct mm *mm, uintptr_t addr, size_t len, enum rmap_work work)
{
    static void (*const works[NR_RMAP_WORKS])(struct world *, struct page *) = {
        [RMAP_REFERENCED] = page_referenced,
        [RMAP_MKCLEAN] = page_mkclean,
        [RMAP_IDLE_SET] = page_idle_set,
        [RMAP_IDLE_GET] = page_idle_get,
    };
    struct world *world = mm->world;
    const uintptr_t end = pages_meeting(mm, &addr, len);

    for (pte_t *pte; (pte = pte_next(mm, &addr, end)); addr += PAGE_SIZE) {
        struct page *page = page_of_pte(world, *pte);

        step(world);
        if (page)
            works[work](world, page);
    }
    return 0;
}
