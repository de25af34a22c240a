/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The touched forms of the laws on the anonymous reverse map, fast: one walk over a VMA's chains,
 * and one over the family that they lead to.
 *
 * Yes means that these laws hold. No means nothing: then the forms of the single laws are asked,
 * which can name what is broken, and know what to do with very large families.
 */
#include "oracles/laws.h"

#define MAX_LINKED 16     /* anon_vmas of one VMA */
#define FAMILY_CHAINS 256 /* of all VMAs of a family */

/* A VMA's anon_vmas, in the order of its list. */
struct linked {
    const struct anon_vma *anon_vma[MAX_LINKED];
    uint32_t n;
};

/* ---- a chain in the tree of its anon_vma ---- */
static inline bool chain_of_live_vma(const struct world *world, const struct anon_vma_chain *chain)
{
    return chain_live(world, chain) && vma_live(world, chain->vma);
}

/* A child of `at`, if there is one: *most is the largest end so far. */
static inline bool child_ok(const struct world *world, const struct interval_node *at, bool right,
                            uint64_t *most)
{
    const struct rb_node *rb = right ? at->rb.right : at->rb.left;
    const struct anon_vma_chain *child = chain_of_rb(rb);

    if (!child)
        return true;
    if (!chain_of_live_vma(world, child) || rb_parent_of(rb) != &at->rb ||
        !((rb->parent_color | at->rb.parent_color) & 1))
        return false;
    if (right ? child->node.start < at->start : child->node.start > at->start)
        return false;
    *most = *most < child->node.subtree_last ? child->node.subtree_last : *most;
    return true;
}

static bool path_ok(const struct world *world, const struct vma *vma,
                    const struct anon_vma_chain *chain)
{
    const struct interval_node *at = &chain->node;
    const uint64_t last = vma->vm_pgoff + ((vma->vm_end - vma->vm_start) >> PAGE_SHIFT) - 1;

    if (at->start != vma->vm_pgoff || at->last != last)
        return false;
    for (unsigned depth = 0; depth < TREE_MAX_DEPTH; depth++) {
        const struct rb_node *parent = rb_parent_of(&at->rb);
        const struct anon_vma_chain *up = chain_of_rb(parent);
        uint64_t most = at->last;

        if (!child_ok(world, at, false, &most) || !child_ok(world, at, true, &most) ||
            at->subtree_last != most)
            return false;
        if (!parent)
            return chain->anon_vma->rb_root.node == &at->rb && rb_is_black(&at->rb);
        if (!chain_of_live_vma(world, up) || (parent->left != &at->rb && parent->right != &at->rb))
            return false;
        at = &up->node;
    }
    return false;
}

/* ---- a VMA's list ---- */
static bool list_ok(const struct world *world, const struct vma *vma, struct linked *linked)
{
    const struct anon_vma_chain *prev = NULL;
    bool own = false;

    linked->n = 0;
    for (const struct anon_vma_chain *chain = vma->chain_first; chain;
         prev = chain, chain = chain->same_vma_next) {
        if (linked->n == MAX_LINKED || !chain_live(world, chain) || chain->vma != vma ||
            chain->same_vma_prev != prev || !anon_vma_live(world, chain->anon_vma) ||
            !path_ok(world, vma, chain))
            return false;
        own |= chain->anon_vma == vma->anon_vma;
        linked->anon_vma[linked->n++] = chain->anon_vma;
    }
    return own && vma->chain_last == prev;
}

/* Each once and before its parent, all of one family, whose root is the last. */
static bool order_ok(const struct linked *linked)
{
    const struct anon_vma *root = linked->anon_vma[linked->n - 1];

    for (uint32_t i = 0; i + 1 < linked->n; i++) {
        const struct anon_vma *a = linked->anon_vma[i];
        bool parent = false;

        if (a->root != root)
            return false;
        for (uint32_t j = i + 1; j < linked->n; j++) {
            if (linked->anon_vma[j] == a)
                return false;
            parent |= linked->anon_vma[j] == a->parent;
        }
        if (!parent)
            return false;
    }
    return root->root == root && root->parent == root;
}

/* A neighbour with the same anon_vma has the same others, in the same order as a rule. */
static bool neighbour_ok(const struct world *world, const struct vma *vma, const struct vma *beside,
                         const struct linked *linked)
{
    const struct anon_vma_chain *chain;
    struct chain_walk w;
    uint32_t n = 0;

    if (!beside || !vma_live(world, beside) || beside->anon_vma != vma->anon_vma ||
        beside->vm_mm != vma->vm_mm)
        return true;
    w = chain_walk(world, beside);
    while ((chain = chain_walk_next(&w)))
        if (n == linked->n || linked->anon_vma[n++] != chain->anon_vma)
            return false;
    return n == linked->n;
}

/* ---- a family: all numbers of all its members, by sums of weights ---- */
struct family {
    const struct world *world;
    const struct anon_vma *root;
    uint64_t children, users; /* counted, less what is stored: 0 in the end */
    uint32_t members, left;
    bool by_degree;
};

/* Is it the first one of its tree? Each anon_vma is met at that one. */
static bool is_first(const struct world *world, const struct anon_vma_chain *chain)
{
    const struct rb_node *node = chain->anon_vma->rb_root.node;

    if (chain->node.rb.left)
        return false;
    for (unsigned depth = 0; node && depth < TREE_MAX_DEPTH; depth++, node = node->left) {
        if (node == &chain->node.rb)
            return true;
        if (!chain_live(world, chain_of_rb(node)))
            return false;
    }
    return false;
}

/* One that is in use is not used again: its users are of one process. linux-4.4 cannot tell. */
static bool users_ok(const struct family *f, const struct anon_vma *anon_vma)
{
    const struct anon_vma_chain *chain;
    const struct mm *mm = NULL;
    struct family_walk w;

    if (f->by_degree || anon_vma->num_active_vmas < 2)
        return true;
    family_walk_start(&w, f->world, anon_vma);
    while ((chain = family_walk_next(&w))) {
        if (chain->vma->anon_vma != anon_vma)
            continue;
        if (mm && mm != chain->vma->vm_mm)
            return false;
        mm = chain->vma->vm_mm;
    }
    return !w.rb.broken;
}

static bool member_ok(struct family *f, const struct anon_vma *anon_vma)
{
    const uint64_t weight = law_weight((uintptr_t)anon_vma);
    const bool root = anon_vma == f->root;

    f->members++;
    if (anon_vma->root != f->root ||
        (!root && anon_vma->refcount != 1 + ksm_holds(f->world, anon_vma)))
        return false;
    if (f->by_degree) {
        f->users -= anon_vma->degree * weight;
        f->users += root ? 0 : law_weight((uintptr_t)anon_vma->parent);
        return true;
    }
    f->users -= anon_vma->num_active_vmas * weight;
    f->children -= anon_vma->num_children * weight;
    f->children += law_weight((uintptr_t)anon_vma->parent);
    return users_ok(f, anon_vma);
}

static bool vma_counted(struct family *f, const struct vma *vma)
{
    struct chain_walk w = chain_walk(f->world, vma);
    const struct anon_vma_chain *chain;

    if (vma->anon_vma)
        f->users += law_weight((uintptr_t)vma->anon_vma);
    while ((chain = chain_walk_next(&w)))
        if (!f->left-- || !anon_vma_live(f->world, chain->anon_vma) ||
            (is_first(f->world, chain) && !member_ok(f, chain->anon_vma)))
            return false;
    return true;
}

/* Whoever is linked to a member is linked to the root as well, so its tree leads to all of them. */
static bool family_counts_ok(const struct world *world, const struct anon_vma *root)
{
    struct family f = {.world = world,
                       .root = root,
                       .left = FAMILY_CHAINS,
                       .by_degree = world->config.rules < RULES_LINUX_5_10};
    const struct anon_vma_chain *chain;
    struct family_walk w;

    if (root->refcount > FAMILY_CHAINS)
        return false;
    family_walk_start(&w, world, root);
    while ((chain = family_walk_next(&w)))
        if (!vma_counted(&f, chain->vma))
            return false;
    return !w.rb.broken && !f.users && !f.children &&
           root->refcount == f.members + ksm_holds(world, root) + ksm_holds_members(world, root);
}

/* One that has been walked in this pass is not walked again, whatever came of it. */
bool touched_family_ok(const struct world *world, const struct vma *vma, struct families *seen)
{
    const uint32_t known = seen->n < FAMILIES ? seen->n : FAMILIES, at = seen->n % FAMILIES;
    const struct anon_vma *root = vma->anon_vma->root;

    for (uint32_t i = 0; i < known; i++)
        if (seen->root[i] == root)
            return seen->good[i];
    seen->n++;
    seen->root[at] = root;
    seen->good[at] = family_counts_ok(world, root);
    return seen->good[at];
}

bool touched_chains_ok(const struct world *world, const struct vma *vma)
{
    struct linked linked;

    return vma->chain_first && list_ok(world, vma, &linked) && order_ok(&linked) &&
           neighbour_ok(world, vma, vma->vm_prev, &linked) &&
           neighbour_ok(world, vma, vma->vm_next, &linked);
}
