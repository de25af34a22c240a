/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Augmented red-black tree. Intrusive, and all inline, so that a user's augmentation is compiled
 * into it: pass a constant struct rb_augment.
 *
 * Each node stores a value that sums up its subtree. Linking and unlinking first bring all stored
 * values up to date along one path, and only then rebalance: a rotation recomputes the nodes that
 * it turns, and an update that came later could stop at one of those, below nodes still stale.
 *
 * A key that lies next to the new or removed one may change its own share at the same moment (the
 * gap before a VMA's successor). In a search tree such a neighbour lies on the path to the root, so
 * it is named as `until`, and the path is followed at least that far.
 */
#ifndef MODEL_RBTREE_H
#define MODEL_RBTREE_H

#include "model/internal.h"

#define rb_inline static inline __attribute__((always_inline))
#define rb_entry(node, type, member) ((type *)((char *)(node)-offsetof(type, member)))

enum rb_color { RB_RED, RB_BLACK };
enum rb_side { RB_LEFT, RB_RIGHT };

struct rb_augment {
    bool (*update)(struct rb_node *node); /* from its own and its children's; true: it changed */
    void (*copy)(struct rb_node *to, const struct rb_node *from);
};
/* A subtree whose paths have one black node less than they should. No parent: all is well. */
struct rb_deficit {
    struct rb_node *parent;
    enum rb_side side;
};

rb_inline struct rb_node *rb_parent(const struct rb_node *node)
{
    return (struct rb_node *)(node->parent_color & ~(uintptr_t)RB_BLACK);
}
rb_inline bool rb_is_red(const struct rb_node *node)
{
    return !(node->parent_color & RB_BLACK);
}
rb_inline bool rb_is_black_or_none(const struct rb_node *node)
{
    return !node || !rb_is_red(node);
}
rb_inline void rb_paint(struct rb_node *node, enum rb_color color)
{
    node->parent_color = (node->parent_color & ~(uintptr_t)RB_BLACK) | color;
}
rb_inline void rb_set_parent(struct rb_node *node, const struct rb_node *parent)
{
    node->parent_color = (uintptr_t)parent | (node->parent_color & RB_BLACK);
}
rb_inline struct rb_node **rb_child(struct rb_node *node, enum rb_side side)
{
    return side == RB_LEFT ? &node->left : &node->right;
}
rb_inline enum rb_side rb_side_of(const struct rb_node *node, const struct rb_node *parent)
{
    return parent->right == node ? RB_RIGHT : RB_LEFT;
}
rb_inline enum rb_side rb_other(enum rb_side side)
{
    return side == RB_LEFT ? RB_RIGHT : RB_LEFT;
}

/* What pointed to `old` points to `node`; children and colours are not touched. */
rb_inline void rb_replace_child(struct rb_root *root, struct rb_node *parent,
                                const struct rb_node *old, struct rb_node *node)
{
    if (!parent)
        root->node = node;
    else if (parent->left == old)
        parent->left = node;
    else
        parent->right = node;
}

/* `node` is put in the place of `old`: same key, same stored value. */
rb_inline void rb_replace_node(struct rb_root *root, const struct rb_node *old,
                               struct rb_node *node)
{
    *node = *old;
    rb_replace_child(root, rb_parent(old), old, node);
    if (node->left)
        rb_set_parent(node->left, node);
    if (node->right)
        rb_set_parent(node->right, node);
}

rb_inline void rb_propagate(struct rb_node *node, const struct rb_node *until,
                            const struct rb_augment *augment)
{
    for (; node; node = rb_parent(node)) {
        step(world_of(node));
        if (!augment->update(node) && !until)
            return;
        if (node == until)
            until = NULL;
    }
}

/*
 * The child on `side` takes the place of `top`:      top            child
 *                                                   /   \          /     \
 *                                                  a    child ->  top     c
 *                                                       /  \     /  \
 *                                                      b    c   a    b
 */
rb_inline void rb_rotate(struct rb_root *root, struct rb_node *top, enum rb_side side,
                         const struct rb_augment *augment)
{
    struct rb_node *child = *rb_child(top, side);
    struct rb_node *inner = *rb_child(child, rb_other(side));
    struct rb_node *parent = rb_parent(top);

    event(world_of(top), EV_ROTATE);
    *rb_child(top, side) = inner;
    if (inner)
        rb_set_parent(inner, top);
    *rb_child(child, rb_other(side)) = top;
    rb_set_parent(top, child);
    rb_replace_child(root, parent, top, child);
    rb_set_parent(child, parent);
    augment->copy(child, top);
    augment->update(top);
}

/* New red leaf. The caller has filled in its stored value. */
rb_inline void rb_link(struct rb_node *node, struct rb_node *parent, struct rb_node **link)
{
    node->parent_color = (uintptr_t)parent | RB_RED;
    node->left = node->right = NULL;
    *link = node;
}

/* After rb_link() and rb_propagate(): no red node below a red one (tree.shape). */
rb_inline void rb_insert_rebalance(struct rb_root *root, struct rb_node *node,
                                   const struct rb_augment *augment)
{
    for (;;) {
        struct rb_node *parent = rb_parent(node), *grand, *uncle;
        enum rb_side side;

        step(world_of(node));
        if (!parent) {
            rb_paint(node, RB_BLACK);
            return;
        }
        if (!rb_is_red(parent))
            return;
        grand = rb_parent(parent);
        if (unlikely(!grand)) { /* a red root: the tree was out of shape before */
            rb_paint(parent, RB_BLACK);
            return;
        }
        side = rb_side_of(parent, grand);
        uncle = *rb_child(grand, rb_other(side));
        if (rb_is_black_or_none(uncle)) {
            if (node != *rb_child(parent, side)) {
                rb_rotate(root, parent, rb_other(side), augment);
                parent = node;
            }
            rb_paint(parent, RB_BLACK);
            rb_paint(grand, RB_RED);
            rb_rotate(root, grand, side, augment);
            return;
        }
        rb_paint(parent, RB_BLACK);
        rb_paint(uncle, RB_BLACK);
        rb_paint(grand, RB_RED);
        node = grand;
    }
}

/* A node with two children: its successor in order takes its place and colour. */
rb_inline struct rb_deficit rb_unlink_inner(struct rb_root *root, struct rb_node *node,
                                            const struct rb_augment *augment)
{
    struct rb_node *next = node->right, *parent, *start, *orphan;
    struct rb_deficit deficit = {NULL, RB_RIGHT};

    while (next->left) {
        step(world_of(node));
        next = next->left;
    }
    orphan = next->right;
    parent = start = rb_parent(next);
    if (parent == node) {
        parent = start = next;
    } else {
        deficit.side = RB_LEFT;
        parent->left = orphan;
        next->right = node->right;
        rb_set_parent(next->right, next);
    }
    if (orphan) {
        rb_set_parent(orphan, parent);
        rb_paint(orphan, RB_BLACK);
    } else if (!rb_is_red(next)) {
        deficit.parent = parent;
    }
    next->left = node->left;
    rb_set_parent(next->left, next);
    next->parent_color = node->parent_color;
    rb_replace_child(root, rb_parent(node), node, next);
    augment->copy(next, node);
    rb_propagate(start, next, augment);
    return deficit;
}

/* Takes node out and brings the stored values up to date. The caller passes what comes back to
 * rb_restore(). */
rb_inline struct rb_deficit rb_unlink(struct rb_root *root, struct rb_node *node,
                                      const struct rb_node *until, const struct rb_augment *augment)
{
    struct rb_node *child = node->left ? node->left : node->right, *parent = rb_parent(node);
    struct rb_deficit deficit = {NULL, RB_LEFT};

    if (node->left && node->right)
        return rb_unlink_inner(root, node, augment);
    if (!child && !rb_is_red(node) && parent)
        deficit = (struct rb_deficit){parent, rb_side_of(node, parent)};
    rb_replace_child(root, parent, node, child);
    if (child) { /* it is red, and node black */
        child->parent_color = (uintptr_t)parent | RB_BLACK;
        augment->update(child);
        if (child == until)
            until = NULL;
    }
    rb_propagate(parent, until, augment);
    return deficit;
}

/* Equal black height again (tree.shape). A missing sibling means that it was not equal before. */
rb_inline void rb_restore(struct rb_root *root, struct rb_deficit deficit,
                          const struct rb_augment *augment)
{
    struct rb_node *parent = deficit.parent;
    enum rb_side side = deficit.side, other = rb_other(side);

    while (parent) {
        struct rb_node *sibling = *rb_child(parent, other), *far, *up;

        step(world_of(parent));
        if (unlikely(!sibling))
            return;
        if (rb_is_red(sibling)) {
            rb_paint(sibling, RB_BLACK);
            rb_paint(parent, RB_RED);
            rb_rotate(root, parent, other, augment);
            sibling = *rb_child(parent, other);
            if (unlikely(!sibling))
                return;
        }
        far = *rb_child(sibling, other);
        if (rb_is_black_or_none(far)) {
            struct rb_node *near = *rb_child(sibling, side);

            if (rb_is_black_or_none(near)) {
                rb_paint(sibling, RB_RED);
                if (rb_is_red(parent)) {
                    rb_paint(parent, RB_BLACK);
                    return;
                }
                up = rb_parent(parent);
                if (up) {
                    side = rb_side_of(parent, up);
                    other = rb_other(side);
                }
                parent = up;
                continue;
            }
            rb_rotate(root, sibling, side, augment);
            far = sibling;
            sibling = near;
        }
        sibling->parent_color =
            (sibling->parent_color & ~(uintptr_t)RB_BLACK) | (parent->parent_color & RB_BLACK);
        rb_paint(parent, RB_BLACK);
        rb_paint(far, RB_BLACK);
        rb_rotate(root, parent, other, augment);
        return;
    }
}

#endif
