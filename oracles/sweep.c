/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All laws over the whole world in one pass, which answers yes or no. If no, the full forms are
 * asked law by law which it is. Each VMA's lines come in once, where a walk for each law would
 * fetch them more than a dozen times.
 */
#include "oracles/laws.h"

/* A subtree as seen from its parent. */
struct below {
    int height; /* black nodes, or -1: something is wrong there */
    uint64_t gap;
};

struct sweep {
    const struct world *world;
    const struct mm *mm;
    const struct vma *last; /* the one before what comes next */
    struct totals totals;
    uint64_t vmas, mapped; /* of mm so far; with a file, of all processes */
    bool anon;             /* some VMA has been faulted */
    struct references refs;
};

/* Asks for what is going to be read of a VMA. It may be none: that does no harm. */
static inline void fetch(const struct vma *vma)
{
    for (uintptr_t line = 0; line < offsetof(struct vma, shared); line += 64)
        __builtin_prefetch((const void *)((uintptr_t)vma + line));
}

/* What the second half of a VMA says of it alone. */
static inline bool alone_ok(struct sweep *s, const struct vma *vma)
{
    struct verdict scratch;

    scratch.without = 0;
    totals_add(&s->totals, vma->vm_flags, (vma->vm_end - vma->vm_start) >> PAGE_SHIFT);
    s->anon |= has_anon(vma);
    if (unlikely((uintptr_t)vma->vm_file | (uintptr_t)vma->vm_policy | (uintptr_t)vma->anon_name |
                 (uintptr_t)vma->vm_userfaultfd_ctx)) {
        references_of_vma(&s->refs, vma);
        s->mapped += vma->vm_file != NULL;
    }
    return vma->vm_mm == s->mm && (plain_anonymous(vma) || vma_attrs_ok(s->world, vma, &scratch));
}

/* Next in order: it must be the next of the list too. */
static inline bool vma_ok(struct sweep *s, const struct vma *vma)
{
    const struct vma *prev = s->last;

    fetch(vma->vm_next); /* the list runs ahead of the tree */
    s->last = vma;
    s->vmas++;
    return (prev ? prev->vm_next : s->mm->mmap) == vma && vma->vm_prev == prev &&
           in_order(s->mm, prev, vma) && alone_ok(s, vma);
}

/* Each node is reached from the parent that it names, and is above what came before it: no node
 * twice, and an end in any case. */
static struct below subtree(struct sweep *s, const struct rb_node *node,
                            const struct rb_node *parent, unsigned depth)
{
    static const struct below broken = {-1, 0};
    const struct vma *vma = vma_of_rb(node), *prev;
    struct below left = {0, 0}, right = {0, 0};
    uint64_t own;

    if (unlikely(depth == TREE_MAX_DEPTH || !vma_live(s->world, vma) ||
                 rb_parent_of(node) != parent ||
                 (!rb_is_black(node) && (!parent || !rb_is_black(parent)))))
        return broken;
    fetch(vma_of_rb(node->right)); /* while all on the left is judged */
    if (node->left)
        left = subtree(s, node->left, node, depth + 1);
    prev = s->last;
    if (unlikely(left.height < 0 || !vma_ok(s, vma)))
        return broken;
    own = own_gap(s->world, prev, vma);
    if (node->right)
        right = subtree(s, node->right, node, depth + 1);
    own = own < left.gap ? left.gap : own;
    own = own < right.gap ? right.gap : own;
    if (unlikely(left.height != right.height || own != vma->rb_subtree_gap))
        return broken;
    return (struct below){left.height + rb_is_black(node), own};
}

static bool mm_ok(struct sweep *s, const struct mm *mm)
{
    struct verdict scratch;
    uintptr_t highest;

    scratch.without = 0;
    s->mm = mm;
    s->last = NULL;
    s->totals = (struct totals){0};
    s->vmas = 0;
    if (mm->mm_rb.node && subtree(s, mm->mm_rb.node, NULL, 0).height < 0)
        return false;
    highest = s->last ? end_with_guard(s->world, s->last) : 0;
    return !(s->last ? s->last->vm_next : mm->mmap) && mm->map_count == s->vmas &&
           mm->highest_vm_end == highest && cache_slots_ok(mm, true, &scratch) &&
           totals_agree(mm, &s->totals, &scratch);
}

static bool all_anon_ok(const struct world *world)
{
    struct verdict scratch;

    scratch.without = 0;
    return anon_topology_full(world, &scratch) && anon_counts_full(world, &scratch) &&
           anon_same_full(world, &scratch) && anon_lifetime_full(world, &scratch);
}

bool sweep(const struct world *world)
{
    struct sweep s = {.world = world, .refs.world = world};
    const struct pool *pool = world->pool;
    uint64_t vmas = 0, charged = 0, mms = 0;
    struct verdict scratch;
    const struct mm *mm;
    unsigned i;

    scratch.without = 0;
    for_each_mm (world, i, mm) {
        if (!mm_ok(&s, mm))
            return false;
        vmas += s.vmas;
        charged += s.totals.charged;
        mms++;
    }
    if (world->committed_as != (int64_t)charged || pool[POOL_VMA].nlive != vmas ||
        pool[POOL_MM].nlive != mms || !references_agree(&s.refs))
        return false;
    if (!gap_search_full(world, &scratch) || !sweep_pages(world))
        return false;
    if ((s.mapped || pool[POOL_MAPPING].nlive) && !file_tree_full(world, &scratch))
        return false;
    s.anon |= pool[POOL_ANON_VMA].nlive || pool[POOL_ANON_VMA_CHAIN].nlive;
    if (s.anon && !all_anon_ok(world))
        return false;
    return (!s.anon && !pool[POOL_MAPPING].nlive) || interval_tree_full(world, &scratch);
}
