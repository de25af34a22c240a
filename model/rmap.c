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
static bool visit_vma(const struct walk *walk, struct vma *vma)
{
    const uintptr_t addr = vma->vm_start + ((walk->page->index - vma->vm_pgoff) << PAGE_SHIFT);
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

bool rmap_walk(struct world *world, struct page *page, rmap_visit *visit, void *arg)
{
    const struct walk walk = {world, page, visit, arg};

    if (!page->mapping)
        return true;
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
static bool not_locked_one(struct vma *vma, uintptr_t addr, pte_t *pte, struct page *page,
                           void *arg)
{
    (void)addr;
    (void)pte;
    (void)page;
    return vma == arg || !(vma->vm_flags & VM_LOCKED);
}

bool rmap_locked_elsewhere(const struct vma *vma, struct page *page)
{
    return !rmap_walk(vma->vm_mm->world, page, not_locked_one, (void *)(uintptr_t)vma);
}

static void clear_flags(struct vma *vma, uintptr_t addr, pte_t *pte, pte_t flags)
{
    if (!(*pte & flags))
        return;
    *pte &= ~flags;
    note_ptes(vma->vm_mm, addr, addr + PAGE_SIZE);
}

static bool page_referenced_one(struct vma *vma, uintptr_t addr, pte_t *pte, struct page *page,
                                void *arg)
{
    (void)page;
    (void)arg;
    clear_flags(vma, addr, pte, PTE_YOUNG);
    return true;
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

long mm_rmap_walk(struct mm *mm, uintptr_t addr, size_t len, enum rmap_work work)
{
    struct world *world = mm->world;
    const uintptr_t end = pages_meeting(mm, &addr, len);

    for (pte_t *pte; (pte = pte_next(mm, &addr, end)); addr += PAGE_SIZE) {
        struct page *page = page_of_pte(world, *pte);

        step(world);
        if (page && work == RMAP_REFERENCED)
            rmap_walk(world, page, page_referenced_one, NULL);
        else if (page && !page_is_anon(page))
            rmap_walk(world, page, page_mkclean_one, NULL);
    }
    return 0;
}
