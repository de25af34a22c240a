/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The touched forms of the structural laws: one pass over what the last call noted.
 *
 * From each noted VMA the pass goes to its two neighbours, in list and tree, and up to the root. On
 * the way every node is judged with both children at once (links, colours, gap), while its line is
 * at hand. Neighbours share most of their way, so a node is judged once: where a later way meets an
 * earlier one, only the black heights are compared.
 */
#include "oracles/laws.h"

#include <inttypes.h>

#define MAX_SEEN 64
/* Siblings of nodes up to this black height are measured by walking down to a leaf; higher up, where
 * that costs more and a rotation is rare, the way is compared with the far side of the whole tree. */
#define LOW_HEIGHT 2

struct pass {
    const struct world *world;
    const struct mm *mm;
    struct verdict *v;
    int rightmost;   /* black height below the root of mm, along the right spine */
    unsigned nseen;
    uint64_t filter; /* a bit per seen node, by hash: clear means certainly not seen */
    const struct vma *seen[MAX_SEEN];
    int8_t height[MAX_SEEN]; /* black height below the seen node */
};

/* A clause of a law: judged if the law is asked for. */
#define JUDGE(law, holds, broken)                                                                  \
    do {                                                                                           \
        if ((laws & LAW_BIT(law)) && unlikely(!(holds)))                                           \
            return broken;                                                                         \
    } while (0)
/* A clause without which the pass cannot go on: another law's question ends quietly. */
#define NEED(law, holds, broken)                                                                   \
    do {                                                                                           \
        if (unlikely(!(holds)))                                                                    \
            return !(laws & LAW_BIT(law)) || (broken);                                             \
    } while (0)

static __attribute__((cold, noinline)) bool shape_broken(const struct pass *p, const char *site,
                                                         const struct vma *vma)
{
    return law_broken(p->v, LAW_TREE_SHAPE, site, p->mm->id, vma->vm_start,
                      "VMA %#" PRIxPTR "-%#" PRIxPTR ", on the way from a touched one to the root: %s",
                      vma->vm_start, vma->vm_end, site);
}

static __attribute__((cold, noinline)) bool link_broken(const struct pass *p, const char *site,
                                                        const struct vma *vma, const void *found)
{
    return law_broken(p->v, LAW_LIST_TREE, site, p->mm->id, vma->vm_start,
                      "VMA %#" PRIxPTR "-%#" PRIxPTR " has %p beside it: %s", vma->vm_start,
                      vma->vm_end, found, site);
}

static inline const struct rb_node *child_of(const struct rb_node *node, bool right)
{
    return right ? node->right : node->left;
}

static inline bool live_or_absent(const struct pass *p, const struct vma *vma)
{
    return !vma || vma_live(p->world, vma);
}

/* Down from node, keeping to one side; its last VMA goes to *last. Black nodes, or -1. */
static inline int spine(const struct pass *p, const struct rb_node *node, bool right,
                        const struct vma **last)
{
    int blacks = 0;

    for (unsigned depth = 0; node; depth++) {
        if (unlikely(depth == TREE_MAX_DEPTH || !vma_live(p->world, vma_of_rb(node))))
            return -1;
        blacks += rb_is_black(node);
        *last = vma_of_rb(node);
        node = child_of(node, right);
    }
    return blacks;
}

/* In-order neighbour of a node, below it or above; NULL at either end. Adds to *blacks the black
 * nodes on the way down, or sets it to -1 where the way is broken. */
static inline const struct vma *tree_neighbour(const struct pass *p, const struct vma *vma,
                                               bool right, int *blacks)
{
    const struct rb_node *node = &vma->vm_rb, *parent;
    const struct vma *last = NULL;

    *blacks = 0;
    if (child_of(node, right)) {
        *blacks = spine(p, child_of(node, right), !right, &last);
        return last;
    }
    for (unsigned depth = 0; depth < TREE_MAX_DEPTH; depth++, node = parent) {
        parent = rb_parent_of(node);
        if (!parent || !vma_live(p->world, vma_of_rb(parent)))
            return NULL;
        if (child_of(parent, !right) == node)
            return vma_of_rb(parent);
    }
    return NULL;
}

/* A noted VMA between its neighbours. *height: black height below it. */
static inline bool neighbours_ok(const struct pass *p, const struct vma *vma, const uint32_t laws,
                                 int *height)
{
    const struct vma *prev = vma->vm_prev, *next = vma->vm_next, *before, *after;
    int right;

    NEED(LAW_LIST_TREE, live_or_absent(p, prev), link_broken(p, "dead-vma", vma, prev));
    NEED(LAW_LIST_TREE, live_or_absent(p, next), link_broken(p, "dead-vma", vma, next));
    JUDGE(LAW_TREE_ORDER, vma_order_ok(p->mm, prev, vma, p->v), false);
    JUDGE(LAW_TREE_ORDER, !next || vma_order_ok(p->mm, vma, next, p->v), false);
    JUDGE(LAW_LIST_TREE, (prev ? prev->vm_next : p->mm->mmap) == vma,
          link_broken(p, "sequence", vma, prev));
    JUDGE(LAW_LIST_TREE, !next || next->vm_prev == vma, link_broken(p, "prev", vma, next));
    before = tree_neighbour(p, vma, false, height);
    after = tree_neighbour(p, vma, true, &right);
    NEED(LAW_TREE_SHAPE, *height >= 0 && right >= 0, shape_broken(p, "dead-node", vma));
    JUDGE(LAW_LIST_TREE, before == prev, link_broken(p, "sequence", vma, before));
    JUDGE(LAW_LIST_TREE, after == next, link_broken(p, "sequence", vma, after));
    JUDGE(LAW_TREE_SHAPE, *height == right, shape_broken(p, "black-height", vma));
    return true;
}

/* One node with its children: links, colours and the stored gap. */
static inline bool node_ok(const struct pass *p, const struct vma *vma, const uint32_t laws)
{
    const struct vma *left = vma_of_rb(vma->vm_rb.left), *right = vma_of_rb(vma->vm_rb.right);
    const struct vma *prev = vma->vm_prev;
    const bool red = !rb_is_black(&vma->vm_rb);
    uint64_t gap = 0, own;

    NEED(LAW_TREE_SHAPE, live_or_absent(p, left) && live_or_absent(p, right),
         shape_broken(p, "dead-node", vma));
    if (left) {
        gap = left->rb_subtree_gap;
        JUDGE(LAW_TREE_SHAPE, rb_parent_of(&left->vm_rb) == &vma->vm_rb,
              shape_broken(p, "parent-link", left));
        JUDGE(LAW_TREE_SHAPE, !red || rb_is_black(&left->vm_rb), shape_broken(p, "red-red", left));
    }
    if (right) {
        gap = gap < right->rb_subtree_gap ? right->rb_subtree_gap : gap;
        JUDGE(LAW_TREE_SHAPE, rb_parent_of(&right->vm_rb) == &vma->vm_rb,
              shape_broken(p, "parent-link", right));
        JUDGE(LAW_TREE_SHAPE, !red || rb_is_black(&right->vm_rb),
              shape_broken(p, "red-red", right));
    }
    if (!(laws & LAW_BIT(LAW_GAP_SUBTREE)))
        return true;
    NEED(LAW_LIST_TREE, live_or_absent(p, prev), link_broken(p, "dead-vma", vma, prev));
    /* Guard gaps only shrink it, and cost another line: ask for them only where it matters. */
    own = vma->vm_start - (prev ? prev->vm_end : 0);
    if (own > gap) {
        own = own_gap(p->world, prev, vma);
        gap = gap < own ? own : gap;
    }
    JUDGE(LAW_GAP_SUBTREE, gap == vma->rb_subtree_gap, gap_broken(p->v, vma, gap));
    return true;
}

static inline uint64_t filter_bit(const struct vma *vma)
{
    return 1UL << (((uintptr_t)vma >> 6) * 0x9e3779b97f4a7c15UL >> 58);
}

/* Black height that an earlier way found below the VMA; -1 if none has come here. */
static inline int seen_height(const struct pass *p, const struct vma *vma)
{
    if (likely(!(p->filter & filter_bit(vma))))
        return -1;
    for (unsigned i = 0; i < p->nseen; i++)
        if (p->seen[i] == vma)
            return p->height[i];
    return -1;
}

static inline void see(struct pass *p, const struct vma *vma, int height)
{
    if (unlikely(p->nseen == MAX_SEEN))
        return; /* judged again by the next way, which is slower but not wrong */
    p->filter |= filter_bit(vma);
    p->seen[p->nseen] = vma;
    p->height[p->nseen++] = (int8_t)height;
}

/* Up to the root has come a way with `height` black nodes below the root, from one side or (no side:
 * the root itself is noted) both. */
static inline bool root_ok(const struct pass *p, const struct vma *root, bool from_right, int height,
                           const uint32_t laws)
{
    const struct vma *last;

    JUDGE(LAW_TREE_SHAPE, p->mm->mm_rb.node == &root->vm_rb, shape_broken(p, "root-parent", root));
    JUDGE(LAW_TREE_SHAPE, rb_is_black(&root->vm_rb), shape_broken(p, "root-red", root));
    JUDGE(LAW_TREE_SHAPE, height == p->rightmost, shape_broken(p, "black-height", root));
    JUDGE(LAW_TREE_SHAPE, !from_right || spine(p, root->vm_rb.left, false, &last) == height,
          shape_broken(p, "black-height", root));
    return true;
}

static inline bool way_up_ok(struct pass *p, const struct vma *vma, int height, const uint32_t laws)
{
    const struct vma *at = vma, *last;
    bool from_right = false;

    for (unsigned depth = 0; depth < TREE_MAX_DEPTH; depth++) {
        const struct rb_node *parent = rb_parent_of(&at->vm_rb), *sibling;
        int met = seen_height(p, at);

        if (met >= 0) {
            JUDGE(LAW_TREE_SHAPE, met == height, shape_broken(p, "black-height", at));
            return true;
        }
        if (!node_ok(p, at, laws))
            return false;
        see(p, at, height);
        if (!parent)
            return root_ok(p, at, from_right, height, laws);
        NEED(LAW_TREE_SHAPE, vma_live(p->world, vma_of_rb(parent)),
             shape_broken(p, "dead-node", at));
        from_right = parent->right == &at->vm_rb;
        NEED(LAW_TREE_SHAPE, from_right || parent->left == &at->vm_rb,
             shape_broken(p, "parent-link", at));
        height += rb_is_black(&at->vm_rb);
        at = vma_of_rb(parent);
        JUDGE(LAW_TREE_ORDER,
              from_right ? at->vm_end <= vma->vm_start : at->vm_start >= vma->vm_end,
              vma_order_ok(p->mm, from_right ? at : vma, from_right ? vma : at, p->v));
        sibling = child_of(parent, !from_right);
        JUDGE(LAW_TREE_SHAPE,
              sibling && height > LOW_HEIGHT
                  ? true
                  : spine(p, sibling, from_right, &last) == height,
              shape_broken(p, "black-height", at));
    }
    NEED(LAW_TREE_SHAPE, false, shape_broken(p, "depth", vma));
    return true;
}

/* What a process has only one of. */
static inline bool mm_ok(struct pass *p, const struct mm *mm, const uint32_t laws)
{
    const struct rb_node *root = mm->mm_rb.node;
    const struct vma *last = NULL;

    p->mm = mm;
    if (laws & (LAW_BIT(LAW_TREE_SHAPE) | LAW_BIT(LAW_GAP_HIGHEST) | LAW_BIT(LAW_LIST_TREE))) {
        p->rightmost = spine(p, root, true, &last);
        NEED(LAW_TREE_SHAPE, p->rightmost >= 0,
             law_broken(p->v, LAW_TREE_SHAPE, "dead-node", mm->id, 0,
                        "the right spine of the tree leads to no live VMA"));
        p->rightmost -= root && rb_is_black(root);
        JUDGE(LAW_GAP_HIGHEST, highest_end_ok(mm, last, p->v), false);
        JUDGE(LAW_LIST_TREE, root ? !last->vm_next : !mm->mmap,
              law_broken(p->v, LAW_LIST_TREE, "sequence", mm->id, mm->highest_vm_end,
                         "the list does not end where the tree does"));
    }
    JUDGE(LAW_CACHE_COHERENT, cache_slots_ok(mm, false, p->v), false);
    JUDGE(LAW_ACCOUNT_VM, totals_plausible(mm, p->v), false);
    return true;
}

/* map_count without a walk: between calls every live VMA is mapped by some process. */
static inline bool map_counts_ok(const struct world *world, struct verdict *v)
{
    uint32_t live = world->pool[POOL_VMA].nlive, sum = 0;

    for (uint32_t i = 0; i < world->nr_procs; i++)
        sum += world->proc[i] ? world->proc[i]->map_count : 0;
    if (likely(sum == live))
        return true;
    return law_broken(v, LAW_LIST_TREE, "map-count", 0, 0,
                      "the processes count %" PRIu32 " VMAs, the pool has %" PRIu32, sum, live);
}

static inline __attribute__((always_inline)) bool
pass_over_notes(const struct world *world, const uint32_t laws, struct verdict *v)
{
    const struct notes *notes = &world->notes;
    struct pass p;

    p.world = world;
    p.mm = NULL;
    p.v = v;
    p.filter = 0;
    p.nseen = 0;
    JUDGE(LAW_LIST_TREE, map_counts_ok(world, v), false);
    for (uint32_t i = 0; i < notes->nranges; i++)
        if (notes->range[i].mm != p.mm && !mm_ok(&p, notes->range[i].mm, laws))
            return false;
    for (uint32_t i = 0; i < notes->n; i++) {
        const struct vma *vma = notes->note[i].vma;
        int height;

        if (unlikely(vma->vm_mm != p.mm) && !mm_ok(&p, vma->vm_mm, laws))
            return false;
        if (!neighbours_ok(&p, vma, laws, &height) || !way_up_ok(&p, vma, height, laws))
            return false;
        JUDGE(LAW_VMA_ATTRS, vma_attrs_ok(world, vma, v), false);
        if (vma->vm_file)
            JUDGE(LAW_INTERVAL_TREE, interval_path_ok(world, vma, v), false);
    }
    if (notes->cache_touched && !p.mm)
        JUDGE(LAW_CACHE_COHERENT, cache_coherent_full(world, v), false);
    JUDGE(LAW_GAP_SEARCH, search_answer_ok(world, false, v), false);
    return true;
}

bool touched_pass(const struct world *world, uint32_t laws, struct verdict *v)
{
    return pass_over_notes(world, laws, v);
}

bool touched_pass_all(const struct world *world, struct verdict *v)
{
    return pass_over_notes(world, ALL_LAWS, v);
}
