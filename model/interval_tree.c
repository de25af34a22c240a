/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interval trees: red-black trees ordered by start, each node storing the largest last of its
 * subtree, so that a search for what covers a page skips subtrees that end before it.
 */
#include "model/rbtree.h"

static inline struct interval_node *interval_of(const struct rb_node *rb)
{
    return rb_entry(rb, struct interval_node, rb);
}

static inline bool interval_update(struct rb_node *rb)
{
    struct interval_node *node = interval_of(rb);
    uint64_t last = node->last;
    bool changed;

    if (rb->left && interval_of(rb->left)->subtree_last > last)
        last = interval_of(rb->left)->subtree_last;
    if (rb->right && interval_of(rb->right)->subtree_last > last)
        last = interval_of(rb->right)->subtree_last;
    changed = node->subtree_last != last;
    node->subtree_last = last;
    return changed;
}

static inline void interval_copy(struct rb_node *to, const struct rb_node *from)
{
    interval_of(to)->subtree_last = interval_of(from)->subtree_last;
}

static const struct rb_augment interval_augment = {interval_update, interval_copy};

/* The parent's value is raised, those above are not: what F_ITREE_SUBTREE_LAST leaves undone. */
static bool stale_above(struct rb_node *parent)
{
    struct rb_node *above = parent ? rb_parent(parent) : NULL;

    return above && interval_of(above)->subtree_last < interval_of(parent)->subtree_last;
}

void interval_tree_insert(struct rb_root *root, struct interval_node *node)
{
    struct world *world = world_of(node);
    struct rb_node **link = &root->node, *parent = NULL;

    while (*link) {
        step(world);
        parent = *link;
        link = node->start < interval_of(parent)->start ? &parent->left : &parent->right;
    }
    node->subtree_last = node->last;
    rb_link(&node->rb, parent, link);
    if (parent && interval_update(parent) &&
        !fault(world, F_ITREE_SUBTREE_LAST, stale_above(parent)))
        rb_propagate(rb_parent(parent), NULL, &interval_augment);
    rb_insert_rebalance(root, &node->rb, &interval_augment);
}

void interval_tree_remove(struct rb_root *root, struct interval_node *node)
{
    rb_restore(root, rb_unlink(root, &node->rb, NULL, &interval_augment), &interval_augment);
}

/* ---- searches ---- */
static inline bool reaches(const struct rb_node *subtree, uint64_t start)
{
    return subtree && interval_of(subtree)->subtree_last >= start;
}

/* The leftmost of a subtree that reaches `start`. Where a left subtree does so, and what does
 * begins too late, all that follows begins too late as well. */
static struct interval_node *leftmost(struct rb_node *rb, uint64_t start, uint64_t last)
{
    for (;;) {
        struct interval_node *node = interval_of(rb);

        step(world_of(rb));
        if (reaches(rb->left, start)) {
            rb = rb->left;
        } else if (node->start > last) {
            return NULL;
        } else if (node->last >= start) {
            return node;
        } else if (reaches(rb->right, start)) {
            rb = rb->right;
        } else {
            return NULL;
        }
    }
}

struct interval_node *interval_tree_first(const struct rb_root *root, uint64_t start, uint64_t last)
{
    return reaches(root->node, start) ? leftmost(root->node, start, last) : NULL;
}

struct interval_node *interval_tree_next(struct interval_node *node, uint64_t start, uint64_t last)
{
    struct rb_node *rb = &node->rb;

    for (;;) {
        struct rb_node *child = rb, *parent = rb_parent(rb);

        step(world_of(rb));
        if (reaches(rb->right, start))
            return leftmost(rb->right, start, last);
        for (; parent && parent->right == child; parent = rb_parent(parent)) {
            step(world_of(parent));
            child = parent;
        }
        if (!parent || interval_of(parent)->start > last)
            return NULL;
        if (interval_of(parent)->last >= start)
            return interval_of(parent);
        rb = parent;
    }
}
