/* SPDX-License-Identifier: GPL-2.0-only */
/* gap.subtree and gap.highest: what is stored about the free space between VMAs. */
#include "oracles/laws.h"

#include <inttypes.h>

/* ---- gap.subtree ---- */
bool gap_broken(const struct world *world, const struct vma *vma, uint64_t computed,
                struct verdict *v)
{
    return law_broken(v, LAW_GAP_SUBTREE, "stored-gap", proc_of(world, vma), vma->vm_start,
                      "VMA %#" PRIxPTR "-%#" PRIxPTR ": rb_subtree_gap is %#" PRIx64
                      " pages, computed %#" PRIx64,
                      VMA_PAGES(vma), vma->rb_subtree_gap >> PAGE_SHIFT, computed >> PAGE_SHIFT);
}

struct gap_walk {
    const struct world *world;
    const struct vma *prev; /* in-order predecessor of what comes next */
    const struct vma *wrong;
    uint64_t computed; /* what wrong should have */
    uint32_t left;     /* nodes that may still come */
};

/* Largest gap of the subtree from scratch. Stops going down once something is wrong or broken. */
static uint64_t recompute_gap(struct gap_walk *w, const struct rb_node *node, unsigned depth)
{
    const struct vma *vma = vma_of_rb(node);
    uint64_t gap, own, right;

    if (!node || depth == TREE_MAX_DEPTH || !w->left || !vma_live(w->world, vma))
        return 0;
    w->left--;
    gap = recompute_gap(w, node->left, depth + 1);
    own = own_gap(w->world, w->prev, vma);
    w->prev = vma;
    right = recompute_gap(w, node->right, depth + 1);
    if (gap < own)
        gap = own;
    if (gap < right)
        gap = right;
    if (unlikely(gap != vma->rb_subtree_gap) && !w->wrong) {
        w->wrong = vma;
        w->computed = gap;
    }
    return gap;
}

bool gap_subtree_full(const struct world *world, struct verdict *v)
{
    const struct mm *mm;
    unsigned i;

    for_each_mm (world, i, mm) {
        struct gap_walk w = {.world = world, .left = world->pool[POOL_VMA].nlive};

        recompute_gap(&w, mm->mm_rb.node, 0);
        if (w.wrong)
            return gap_broken(world, w.wrong, w.computed, v);
    }
    return true;
}

/* ---- gap.highest ---- */
bool highest_broken(const struct mm *mm, uintptr_t computed, struct verdict *v)
{
    return law_broken(v, LAW_GAP_HIGHEST, "highest-end", mm->id, mm->highest_vm_end,
                      "highest_vm_end is page %#" PRIxPTR ", the last VMA ends at %#" PRIxPTR
                      " with its guard gap",
                      mm->highest_vm_end >> PAGE_SHIFT, computed >> PAGE_SHIFT);
}

bool gap_highest_full(const struct world *world, struct verdict *v)
{
    const struct mm *mm;
    unsigned i;

    for_each_mm (world, i, mm) {
        const struct vma *vma, *last = NULL;
        uintptr_t computed;
        struct tree_walk w;

        tree_walk_start(&w, world, mm);
        while ((vma = tree_walk_next(&w)))
            last = vma;
        computed = last ? end_with_guard(world, last) : 0;
        if (!w.rb.broken && mm->highest_vm_end != computed)
            return highest_broken(mm, computed, v);
    }
    return true;
}
