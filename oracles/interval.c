/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * interval.tree: the tree of the VMAs that map an object, by page range of the object; and that of
 * the chains of an anon_vma, by page offset of the VMAs.
 */
#include "oracles/laws.h"

#include <inttypes.h>

/* One of the two kinds of trees. */
struct itree {
    const struct world *world;
    const struct address_space *mapping; /* NULL: an anon_vma's */
    const struct anon_vma *anon_vma;
    uint64_t least; /* full walk: start of the in-order predecessor */
    struct verdict *v;
};

static const struct interval_node *node_of(const struct rb_node *rb)
{
    return rb ? (const struct interval_node *)((uintptr_t)rb - offsetof(struct interval_node, rb))
              : NULL;
}

/* Of a node that may be anywhere: no member of it is named. */
static const struct rb_node *rb_of(const struct interval_node *node)
{
    return (const struct rb_node *)((uintptr_t)node + offsetof(struct interval_node, rb));
}

static const struct rb_node *root_of(const struct itree *t)
{
    return t->mapping ? t->mapping->i_mmap.node : t->anon_vma->rb_root.node;
}

/* Of a node that is there. A chain's may be dead: anon.topology says so. */
static const struct vma *vma_of(const struct itree *t, const struct interval_node *node)
{
    return t->mapping ? vma_of_shared(rb_of(node)) : chain_of_rb(rb_of(node))->vma;
}

static bool is_there(const struct itree *t, const struct interval_node *node)
{
    if (t->mapping)
        return vma_live(t->world, vma_of_shared(rb_of(node)));
    return chain_live(t->world, chain_of_rb(rb_of(node)));
}

static bool interval_broken(const struct itree *t, const char *site,
                            const struct interval_node *node, uint64_t stored, uint64_t computed)
{
    const struct vma *vma = vma_of(t, node);

    if (!vma_live(t->world, vma))
        return law_broken(t->v, LAW_INTERVAL_TREE, site, NOWHERE,
                          "a dead VMA in its anon_vma's tree: %s (stored %#" PRIx64
                          ", computed %#" PRIx64 ")",
                          site, stored, computed);
    return law_broken(t->v, LAW_INTERVAL_TREE, site, proc_of(t->world, vma), vma->vm_start,
                      "VMA %#" PRIxPTR "-%#" PRIxPTR " in its %s tree: %s (stored %#" PRIx64
                      ", computed %#" PRIx64 ")",
                      VMA_PAGES(vma), t->mapping ? "object's" : "anon_vma's", site, stored,
                      computed);
}

/* The node against its own VMA: the bounds cached when it was inserted. */
static bool bounds_ok(const struct itree *t, const struct interval_node *node)
{
    const struct vma *vma = vma_of(t, node);
    uint64_t last;

    if (unlikely(!vma_live(t->world, vma)))
        return true;
    last = vma->vm_pgoff + ((vma->vm_end - vma->vm_start) >> PAGE_SHIFT) - 1;
    if (unlikely(node->start != vma->vm_pgoff))
        return interval_broken(t, "start", node, node->start, vma->vm_pgoff);
    if (unlikely(node->last != last))
        return interval_broken(t, "last", node, node->last, last);
    return true;
}

/* The node against its children, which are there or absent. */
static bool node_ok(const struct itree *t, const struct interval_node *node)
{
    const struct interval_node *left = node_of(node->rb.left), *right = node_of(node->rb.right);
    uint64_t most = node->last;

    for (int i = 0; i < 2; i++) {
        const struct interval_node *child = i ? right : left;

        if (!child)
            continue;
        if (unlikely(rb_parent_of(&child->rb) != rb_of(node)))
            return interval_broken(t, "parent-link", child, (uintptr_t)rb_parent_of(&child->rb),
                                   (uintptr_t)rb_of(node));
        if (unlikely(!rb_is_black(rb_of(node)) && !rb_is_black(&child->rb)))
            return interval_broken(t, "red-red", child, 0, 1);
        if (most < child->subtree_last)
            most = child->subtree_last;
    }
    if (unlikely(left && left->start > node->start))
        return interval_broken(t, "order", node, node->start, left->start);
    if (unlikely(right && right->start < node->start))
        return interval_broken(t, "order", node, node->start, right->start);
    if (unlikely(node->subtree_last != most))
        return interval_broken(t, "subtree-last", node, node->subtree_last, most);
    return true;
}

static bool dead_node(const struct itree *t, const struct rb_node *rb)
{
    const void *found = t->mapping ? (const void *)vma_of_shared(rb) : chain_of_rb(rb);

    if (!rb)
        return false;
    if (is_there(t, node_of(rb)) && (t->mapping ? vma_mapping(t->world, found) == t->mapping
                                                : chain_of_rb(rb)->anon_vma == t->anon_vma))
        return false;
    law_broken(t->v, LAW_INTERVAL_TREE, "dead-node", NOWHERE,
               "%s %p: its interval tree leads to %p, which is no %s of it",
               t->mapping ? "object" : "anon_vma",
               t->mapping ? (const void *)t->mapping : t->anon_vma, found,
               t->mapping ? "mapping" : "chain");
    return true;
}

/* Black height, or -1 with the verdict filled. */
static int subtree_height(struct itree *t, const struct rb_node *rb, unsigned depth)
{
    const struct interval_node *node = node_of(rb);
    int heights[2];

    if (!rb)
        return 0;
    if (dead_node(t, rb->left) || dead_node(t, rb->right))
        return -1;
    if (depth == TREE_MAX_DEPTH || (rb->left && rb->left == rb->right)) {
        interval_broken(t, "cycle", node, depth, 0);
        return -1;
    }
    if (!bounds_ok(t, node) || !node_ok(t, node))
        return -1;
    heights[0] = subtree_height(t, rb->left, depth + 1);
    if (heights[0] < 0)
        return -1;
    if (node->start < t->least) {
        interval_broken(t, "order", node, node->start, t->least);
        return -1;
    }
    t->least = node->start;
    heights[1] = subtree_height(t, rb->right, depth + 1);
    if (heights[1] < 0)
        return -1;
    if (heights[0] != heights[1]) {
        interval_broken(t, "black-height", node, (uint64_t)heights[0], (uint64_t)heights[1]);
        return -1;
    }
    return heights[0] + rb_is_black(rb);
}

static bool tree_ok(struct itree *t)
{
    const struct rb_node *root = root_of(t);

    if (dead_node(t, root))
        return false;
    if (root && (rb_parent_of(root) || !rb_is_black(root)))
        return interval_broken(t, "root", node_of(root), root->parent_color, 1);
    return subtree_height(t, root, 0) >= 0;
}

bool interval_tree_full(const struct world *world, struct verdict *v)
{
    const struct pool *mappings = &world->pool[POOL_MAPPING];
    const struct pool *anon_vmas = &world->pool[POOL_ANON_VMA];

    for (uint32_t n = 0; n < mappings->used; n++) {
        struct itree t = {.world = world, .mapping = pool_object(mappings, n), .v = v};

        if (t.mapping && !tree_ok(&t))
            return false;
    }
    for (uint32_t n = 0; n < anon_vmas->used; n++) {
        struct itree t = {.world = world, .anon_vma = pool_object(anon_vmas, n), .v = v};

        if (t.anon_vma && !tree_ok(&t))
            return false;
    }
    return true;
}

/* A touched node and its way up to the root. */
static bool path_ok(const struct itree *t, const struct interval_node *node)
{
    const struct interval_node *at = node;

    if (!bounds_ok(t, node))
        return false;
    for (unsigned depth = 0; depth < TREE_MAX_DEPTH; depth++) {
        const struct rb_node *rb = &at->rb, *parent = rb_parent_of(rb);
        const struct interval_node *left = node_of(rb->left), *right = node_of(rb->right);
        const struct interval_node *up = node_of(parent);

        if (unlikely((left && !is_there(t, left)) || (right && !is_there(t, right)) ||
                     (up && !is_there(t, up))))
            return interval_broken(t, "dead-node", at, 0, 0);
        if (!node_ok(t, at))
            return false;
        if (!parent)
            return likely(root_of(t) == rb && rb_is_black(rb)) ||
                   interval_broken(t, "root", at, (uintptr_t)root_of(t), (uintptr_t)rb);
        if (unlikely(parent->left != rb && parent->right != rb))
            return interval_broken(t, "parent-link", at, (uintptr_t)parent, (uintptr_t)rb);
        at = up;
    }
    return interval_broken(t, "cycle", node, TREE_MAX_DEPTH, 0);
}

bool interval_path_ok(const struct world *world, const struct vma *vma, struct verdict *v)
{
    const struct itree t = {.world = world, .mapping = vma_mapping(world, vma), .v = v};

    return !t.mapping || path_ok(&t, &vma->shared); /* no mapping: vma.attrs says so */
}

bool anon_paths_ok(const struct world *world, const struct vma *vma, struct verdict *v)
{
    struct chain_walk w = chain_walk(world, vma);
    const struct anon_vma_chain *chain;

    while ((chain = chain_walk_next(&w))) {
        const struct itree t = {.world = world, .anon_vma = chain->anon_vma, .v = v};

        if (!anon_vma_live(world, chain->anon_vma) || chain->vma != vma)
            return true; /* anon.lifetime, anon.topology */
        if (!path_ok(&t, &chain->node))
            return false;
    }
    return true;
}
