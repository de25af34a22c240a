/* SPDX-License-Identifier: GPL-2.0-only */
/* interval.tree: the tree of the VMAs that map an object, by page range of the object. */
#include "oracles/laws.h"

#include <inttypes.h>

struct interval_walk {
    const struct world *world;
    const struct address_space *mapping;
    uint64_t least; /* start of the in-order predecessor */
    struct verdict *v;
};

static bool interval_broken(const struct interval_walk *w, const char *site, const struct vma *vma,
                            uint64_t stored, uint64_t computed)
{
    return law_broken(w->v, LAW_INTERVAL_TREE, site, proc_of(w->world, vma), vma->vm_start,
                      "VMA %#" PRIxPTR "-%#" PRIxPTR " in its object's tree: %s (stored %#" PRIx64
                      ", computed %#" PRIx64 ")",
                      vma->vm_start, vma->vm_end, site, stored, computed);
}

/* The node against its own VMA: the bounds cached when it was inserted. */
static bool bounds_ok(const struct interval_walk *w, const struct vma *vma)
{
    uint64_t last = vma->vm_pgoff + ((vma->vm_end - vma->vm_start) >> PAGE_SHIFT) - 1;

    if (unlikely(vma->shared.start != vma->vm_pgoff))
        return interval_broken(w, "start", vma, vma->shared.start, vma->vm_pgoff);
    if (unlikely(vma->shared.last != last))
        return interval_broken(w, "last", vma, vma->shared.last, last);
    return true;
}

/* The node against its children, which are live or absent. */
static bool node_ok(const struct interval_walk *w, const struct vma *vma, const struct vma *left,
                    const struct vma *right)
{
    const struct rb_node *node = &vma->shared.rb;
    uint64_t most = vma->shared.last;

    for (int i = 0; i < 2; i++) {
        const struct vma *child = i ? right : left;

        if (!child)
            continue;
        if (unlikely(rb_parent_of(&child->shared.rb) != node))
            return interval_broken(w, "parent-link", child,
                                   (uintptr_t)rb_parent_of(&child->shared.rb), (uintptr_t)node);
        if (unlikely(!rb_is_black(node) && !rb_is_black(&child->shared.rb)))
            return interval_broken(w, "red-red", child, 0, 1);
        if (most < child->shared.subtree_last)
            most = child->shared.subtree_last;
    }
    if (unlikely(left && left->shared.start > vma->shared.start))
        return interval_broken(w, "order", vma, vma->shared.start, left->shared.start);
    if (unlikely(right && right->shared.start < vma->shared.start))
        return interval_broken(w, "order", vma, vma->shared.start, right->shared.start);
    if (unlikely(vma->shared.subtree_last != most))
        return interval_broken(w, "subtree-last", vma, vma->shared.subtree_last, most);
    return true;
}

static bool dead_node(const struct interval_walk *w, const struct rb_node *node)
{
    const struct vma *vma = vma_of_shared(node);

    if (!node || (vma_live(w->world, vma) && vma_mapping(w->world, vma) == w->mapping))
        return false;
    law_broken(w->v, LAW_INTERVAL_TREE, "dead-node", 0, 0,
               "object %p: its interval tree leads to %p, which is no VMA that maps it",
               (const void *)w->mapping, (const void *)vma);
    return true;
}

/* Black height, or -1 with the verdict filled. */
static int subtree_height(struct interval_walk *w, const struct rb_node *node, unsigned depth)
{
    const struct vma *vma = vma_of_shared(node), *left, *right;
    int heights[2];

    if (!node)
        return 0;
    if (dead_node(w, node->left) || dead_node(w, node->right))
        return -1;
    left = vma_of_shared(node->left);
    right = vma_of_shared(node->right);
    if (depth == TREE_MAX_DEPTH || (left && left == right)) {
        interval_broken(w, "cycle", vma, depth, 0);
        return -1;
    }
    if (!bounds_ok(w, vma) || !node_ok(w, vma, left, right))
        return -1;
    heights[0] = subtree_height(w, node->left, depth + 1);
    if (heights[0] < 0)
        return -1;
    if (vma->shared.start < w->least) {
        interval_broken(w, "order", vma, vma->shared.start, w->least);
        return -1;
    }
    w->least = vma->shared.start;
    heights[1] = subtree_height(w, node->right, depth + 1);
    if (heights[1] < 0)
        return -1;
    if (heights[0] != heights[1]) {
        interval_broken(w, "black-height", vma, (uint64_t)heights[0], (uint64_t)heights[1]);
        return -1;
    }
    return heights[0] + rb_is_black(node);
}

bool interval_tree_full(const struct world *world, struct verdict *v)
{
    const struct pool *pool = &world->pool[POOL_MAPPING];

    for (uint32_t n = 0; n < pool->used; n++) {
        const struct address_space *mapping = pool_object(pool, n);
        struct interval_walk w = {world, mapping, 0, v};
        const struct rb_node *root;

        if (!mapping)
            continue;
        root = mapping->i_mmap.node;
        if (dead_node(&w, root))
            return false;
        if (root && (rb_parent_of(root) || !rb_is_black(root)))
            return interval_broken(&w, "root", vma_of_shared(root), root->parent_color, 1);
        if (subtree_height(&w, root, 0) < 0)
            return false;
    }
    return true;
}

/* The noted VMA's node and its way up to the root. */
bool interval_path_ok(const struct world *world, const struct vma *vma, struct verdict *v)
{
    const struct address_space *mapping = vma_mapping(world, vma);
    const struct interval_walk walk = {world, mapping, 0, v}, *const w = &walk;
    const struct vma *at = vma;

    if (!mapping)
        return true; /* vma.attrs says so */
    if (!bounds_ok(w, vma))
        return false;
    for (unsigned depth = 0; depth < TREE_MAX_DEPTH; depth++) {
        const struct rb_node *node = &at->shared.rb, *parent = rb_parent_of(node);
        const struct vma *left = vma_of_shared(node->left), *right = vma_of_shared(node->right);
        const struct vma *up = vma_of_shared(parent);

        if (unlikely((left && !vma_live(world, left)) || (right && !vma_live(world, right)) ||
                     (up && !vma_live(world, up))))
            return interval_broken(w, "dead-node", at, 0, 0);
        if (!node_ok(w, at, left, right))
            return false;
        if (!parent)
            return likely(mapping->i_mmap.node == node && rb_is_black(node)) ||
                   interval_broken(w, "root", at, (uintptr_t)mapping->i_mmap.node, (uintptr_t)node);
        if (unlikely(parent->left != node && parent->right != node))
            return interval_broken(w, "parent-link", at, (uintptr_t)parent, (uintptr_t)node);
        at = up;
    }
    return interval_broken(w, "cycle", vma, TREE_MAX_DEPTH, 0);
}
