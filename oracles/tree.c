/* SPDX-License-Identifier: GPL-2.0-only */
/* tree.order, tree.shape and list.tree: the VMAs of a process as a tree and as a list. */
#include "oracles/laws.h"

#include <inttypes.h>

/* ---- walks ---- */
static bool part_of_tree(const void *world, const struct rb_node *node)
{
    return vma_live(world, vma_of_rb(node));
}

void tree_walk_start(struct tree_walk *w, const struct world *world, const struct mm *mm)
{
    w->world = world;
    rb_walk_start(&w->rb, &mm->mm_rb, world->pool[POOL_VMA].nlive, part_of_tree, world);
}

const struct vma *tree_walk_next(struct tree_walk *w)
{
    return vma_of_rb(rb_walk_next(&w->rb, part_of_tree, w->world));
}

const struct vma *tree_find(const struct world *world, const struct mm *mm, uintptr_t addr)
{
    const struct rb_node *node = mm->mm_rb.node;
    const struct vma *found = NULL;

    for (unsigned depth = 0; node; depth++) {
        const struct vma *vma = vma_of_rb(node);

        if (depth == TREE_MAX_DEPTH || !vma_live(world, vma))
            return NULL;
        if (vma->vm_end > addr) {
            found = vma;
            node = node->left;
        } else {
            node = node->right;
        }
    }
    return found;
}

/* ---- tree.order ---- */
bool order_broken(const struct mm *mm, const struct vma *prev, const struct vma *vma,
                  struct verdict *v)
{
    uintptr_t start = vma->vm_start, end = vma->vm_end;
    const char *site;

    if (start >= end)
        site = "empty";
    else if ((start | end) & ~PAGE_MASK)
        site = "unaligned";
    else if (end > mm->task_size)
        site = "limits";
    else
        site = "overlap";
    return law_broken(v, LAW_TREE_ORDER, site, mm->id, start,
                      "VMA of bytes %#" PRIxPTR "-%#" PRIxPTR " (predecessor ends at %#" PRIxPTR
                      ", task size %#" PRIxPTR ") is not in order",
                      start, end, prev ? prev->vm_end : 0, mm->task_size);
}

bool tree_order_full(const struct world *world, struct verdict *v)
{
    const struct mm *mm;
    unsigned i;

    for_each_mm (world, i, mm) {
        const struct vma *vma, *prev = NULL;
        struct tree_walk w;

        tree_walk_start(&w, world, mm);
        for (; (vma = tree_walk_next(&w)); prev = vma)
            if (!in_order(mm, prev, vma))
                return order_broken(mm, prev, vma, v);
    }
    return true;
}

/* ---- tree.shape ---- */
struct shape_walk {
    const struct world *world;
    const struct mm *mm;
    struct verdict *v;
};

/* Black height of the subtree, nil counting 0; -1 with the verdict filled. */
static int black_height(const struct shape_walk *w, const struct rb_node *node,
                        const struct rb_node *parent, unsigned depth)
{
    const struct vma *vma = vma_of_rb(node);
    const char *site = NULL;
    int left, right;

    if (!node)
        return 0;
    if (depth == TREE_MAX_DEPTH)
        site = "depth";
    else if (!vma_live(w->world, vma))
        site = "dead-node";
    if (site) {
        law_broken(w->v, LAW_TREE_SHAPE, site, w->mm->id, parent ? vma_of_rb(parent)->vm_start : 0,
                   "a tree link leads to %p at depth %u: no live VMA, or a cycle",
                   (const void *)vma, depth);
        return -1;
    }
    if (rb_parent_of(node) != parent)
        site = parent ? "parent-link" : "root-parent";
    else if (!rb_is_black(node) && (!parent || !rb_is_black(parent)))
        site = parent ? "red-red" : "root-red";
    else if (node->left && node->left == node->right)
        site = "shared-child"; /* and walking both would take 2^depth */
    if (!site) {
        left = black_height(w, node->left, node, depth + 1);
        right = left < 0 ? -1 : black_height(w, node->right, node, depth + 1);
        if (left < 0 || right < 0)
            return -1;
        if (left == right)
            return left + rb_is_black(node);
        law_broken(w->v, LAW_TREE_SHAPE, "black-height", w->mm->id, vma->vm_start,
                   "VMA %#" PRIxPTR "-%#" PRIxPTR ": black height %d on the left, %d on the right",
                   VMA_PAGES(vma), left, right);
        return -1;
    }
    law_broken(w->v, LAW_TREE_SHAPE, site, w->mm->id, vma->vm_start,
               "VMA %#" PRIxPTR "-%#" PRIxPTR " at depth %u of the tree: %s", VMA_PAGES(vma), depth,
               site);
    return -1;
}

bool tree_shape_full(const struct world *world, struct verdict *v)
{
    const struct mm *mm;
    unsigned i;

    for_each_mm (world, i, mm) {
        struct shape_walk w = {world, mm, v};

        if (black_height(&w, mm->mm_rb.node, NULL, 0) < 0)
            return false;
    }
    return true;
}

/* ---- list.tree ---- */
static bool list_broken(struct verdict *v, const struct mm *mm, const char *site,
                        const struct vma *prev, const void *found)
{
    uintptr_t addr = prev ? prev->vm_start : 0;

    return law_broken(v, LAW_LIST_TREE, site, mm->id, addr,
                      "after VMA at page %#" PRIxPTR " (0: head) the list has %p: %s",
                      addr >> PAGE_SHIFT, found, site);
}

static bool list_of_mm_ok(const struct world *world, const struct mm *mm, struct verdict *v)
{
    const struct vma *vma, *node, *prev = NULL;
    uint32_t n = 0, most = world->pool[POOL_VMA].nlive;
    struct tree_walk w;

    tree_walk_start(&w, world, mm);
    for (vma = mm->mmap; vma; prev = vma, vma = vma->vm_next) {
        if (!vma_live(world, vma))
            return list_broken(v, mm, "dead-vma", prev, vma);
        if (++n > most)
            return list_broken(v, mm, "cycle", prev, vma);
        if (vma->vm_mm != mm)
            return list_broken(v, mm, "foreign-vma", prev, vma);
        if (vma->vm_prev != prev)
            return list_broken(v, mm, "prev", prev, vma->vm_prev);
        node = tree_walk_next(&w);
        if (node != vma && !w.rb.broken)
            return list_broken(v, mm, "sequence", prev, vma);
    }
    if (tree_walk_next(&w))
        return list_broken(v, mm, "sequence", prev, NULL);
    if (mm->map_count != n)
        return law_broken(v, LAW_LIST_TREE, "map-count", mm->id, 0,
                          "map_count is %" PRIu32 ", the list has %" PRIu32 " VMAs", mm->map_count,
                          n);
    return true;
}

bool dead_process(unsigned i, struct verdict *v)
{
    return law_broken(v, LAW_LIST_TREE, "dead-process", i, 0,
                      "number %u is that of a process that is gone", i);
}

bool list_tree_full(const struct world *world, struct verdict *v)
{
    for (unsigned i = 0; i < MAX_PROCS; i++) {
        const struct mm *mm = world->proc[i];

        if (unlikely(mm && !mm_live(world, mm)))
            return dead_process(i, v);
        if (mm && !list_of_mm_ok(world, mm, v))
            return false;
    }
    return true;
}
