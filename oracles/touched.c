/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The touched forms of the structural laws: one pass over what the last call noted.
 *
 * What a call does to the tree, it does at the free places between neighbours. Each place is one empty
 * child: of x on the right or of y on the left, whichever is deeper, and the other is above it.
 *
 *               y                    x
 *             /                        \\
 *            .                          .
 *              \\                      /
 *               x                    y
 *                 \\                /
 *                  place        place
 *
 * From the places beside each noted VMA the pass goes up to the root, and judges each node with its
 * other child (links, colours, black height, gap), while its line is at hand. The way also tells that
 * x and y are neighbours in the tree, as they are in the list. A node that an earlier way has judged
 * ends a later one.
 *
 * The pass is compiled twice. After every call runs the fast one, which answers yes or no. If no,
 * the strict one is asked law by law which it is.
 */
#include "oracles/laws.h"

#include <inttypes.h>

#define pass_inline static inline __attribute__((always_inline))
#define pass_cold static __attribute__((cold, noinline))

#define STRICT (1U << 31) /* beside the bits of the laws: no pointer followed that is not live */
#define MAX_ANCHORS 8
/* Siblings of nodes up to this black height are measured by walking down to a leaf; higher up, where
 * that costs more and a rotation is rare, the way is compared with the far side of the whole tree. */
#define LOW_HEIGHT 1

/* A VMA from which up to the root all is judged, and the black height below it. */
struct anchor {
    const struct vma *vma;
    int height;
};

struct pass {
    const struct world *world;
    uintptr_t base, span; /* where the objects of the VMA pool are */
    const struct mm *mm;
    const struct vma *last;  /* the last VMA of mm, if the pass has met it */
    const struct vma *above; /* the VMA above the place that was judged last */
    struct verdict *v;
    uint32_t nanchors;
    struct anchor anchor[MAX_ANCHORS];
};

/* A clause of a law: judged if the law is asked for. */
#define JUDGE(law, holds, broken)                                                                  \
    do {                                                                                           \
        if ((laws & LAW_BIT(law)) && unlikely(!(holds)))                                           \
            return (laws & STRICT) && (broken);                                                    \
    } while (0)
/* A clause without which the pass cannot go on: another law's question ends quietly. */
#define NEED(law, holds, broken)                                                                   \
    do {                                                                                           \
        if (unlikely(!(holds)))                                                                    \
            return (laws & STRICT) && (!(laws & LAW_BIT(law)) || (broken));                        \
    } while (0)

pass_cold bool shape_broken(const struct pass *p, const char *site, const struct vma *vma)
{
    return law_broken(p->v, LAW_TREE_SHAPE, site, p->mm->id, vma->vm_start,
                      "VMA %#" PRIxPTR "-%#" PRIxPTR
                      ", on the way from a touched one to the root: %s",
                      vma->vm_start, vma->vm_end, site);
}

pass_cold bool list_broken(const struct pass *p, const char *site, const struct vma *vma,
                           const void *found)
{
    return law_broken(p->v, LAW_LIST_TREE, site, p->mm->id, vma->vm_start,
                      "VMA %#" PRIxPTR "-%#" PRIxPTR " has %p beside it: %s", vma->vm_start,
                      vma->vm_end, found, site);
}

pass_cold bool dead_note(const struct pass *p, const struct vma *vma)
{
    return law_broken(p->v, LAW_LIST_TREE, "dead-vma", 0, 0,
                      "the call touched VMA %p, which is not live or belongs to no process",
                      (const void *)vma);
}

/* The fast pass is content with a pointer into the pool. If there is no VMA, there is poison or some
 * other VMA, which does not point back. */
pass_inline bool there(const struct pass *p, const struct vma *vma, const uint32_t laws)
{
    if (laws & STRICT)
        return vma_live(p->world, vma);
    return likely((uintptr_t)vma - p->base < p->span);
}
pass_inline bool there_or_none(const struct pass *p, const struct vma *vma, const uint32_t laws)
{
    return !vma || there(p, vma, laws);
}

pass_inline const struct rb_node *child_of(const struct rb_node *node, bool right)
{
    return right ? node->right : node->left;
}

/* Down from node, keeping to one side; its last VMA goes to *last. Black nodes, or -1. */
pass_inline int spine(const struct pass *p, const struct rb_node *node, bool right,
                      const struct vma **last, const uint32_t laws)
{
    int blacks = 0;

    for (unsigned depth = 0; node; depth++) {
        if (unlikely(depth == TREE_MAX_DEPTH || !there(p, vma_of_rb(node), laws)))
            return -1;
        blacks += rb_is_black(node);
        *last = vma_of_rb(node);
        node = child_of(node, right);
    }
    return blacks;
}

/* Child and parent: the child's link differs from the parent's address in the colour bit alone, and
 * under a red parent it says black. */
pass_inline bool link_and_colour_ok(const struct rb_node *child, const struct rb_node *parent)
{
    const uintptr_t red = !rb_is_black(parent);

    return (child->parent_color ^ (uintptr_t)parent) - red <= 1 - red;
}

pass_cold bool link_broken(const struct pass *p, const struct vma *child, const struct vma *parent)
{
    bool right_link = rb_parent_of(&child->vm_rb) == &parent->vm_rb;

    return shape_broken(p, right_link ? "red-red" : "parent-link", child);
}

/* A node's stored gap: the largest of its children's and its own, which begins where prev ends. */
pass_inline bool gap_ok(const struct pass *p, const struct vma *vma, const struct vma *prev,
                        uint64_t gap, const uint32_t laws)
{
    uint64_t own;

    if (!(laws & LAW_BIT(LAW_GAP_SUBTREE)))
        return true;
    NEED(LAW_LIST_TREE, there_or_none(p, prev, laws), list_broken(p, "dead-vma", vma, prev));
    /* Guard gaps only shrink it, and cost another line: ask for them only where it matters. */
    own = vma->vm_start - (prev ? prev->vm_end : 0);
    if (own > gap) {
        own = own_gap(p->world, prev, vma);
        gap = gap < own ? own : gap;
    }
    JUDGE(LAW_GAP_SUBTREE, gap == vma->rb_subtree_gap, gap_broken(p->v, vma, gap));
    return true;
}

/* A child that no way has come from. *gap: raised to its own. */
pass_inline bool child_ok(const struct pass *p, const struct rb_node *child, const struct vma *parent,
                          uint64_t *gap, const uint32_t laws)
{
    const struct vma *vma = vma_of_rb(child);

    if (!child)
        return true;
    NEED(LAW_TREE_SHAPE, there(p, vma, laws), shape_broken(p, "dead-node", parent));
    JUDGE(LAW_TREE_SHAPE, link_and_colour_ok(child, &parent->vm_rb), link_broken(p, vma, parent));
    *gap = *gap < vma->rb_subtree_gap ? vma->rb_subtree_gap : *gap;
    return true;
}

/* Black height below an anchor; -1 if the VMA is none. */
pass_inline int anchored(const struct pass *p, const struct vma *vma)
{
    for (uint32_t i = 0; i < p->nanchors; i++)
        if (p->anchor[i].vma == vma)
            return p->anchor[i].height;
    return -1;
}

pass_inline void anchor(struct pass *p, const struct vma *vma, int height)
{
    if (likely(p->nanchors < MAX_ANCHORS)) /* else later ways are longer, which is not wrong */
        p->anchor[p->nanchors++] = (struct anchor){vma, height};
}

/* To the root has come a way with `height` black nodes below it: as many as on the far side? */
pass_inline bool root_ok(struct pass *p, const struct vma *root, bool from_right, int height,
                         const uint32_t laws)
{
    const struct vma *last = root;

    JUDGE(LAW_TREE_SHAPE, p->mm->mm_rb.node == &root->vm_rb, shape_broken(p, "root-parent", root));
    JUDGE(LAW_TREE_SHAPE, rb_is_black(&root->vm_rb), shape_broken(p, "root-red", root));
    JUDGE(LAW_TREE_SHAPE,
          spine(p, child_of(&root->vm_rb, !from_right), !from_right, &last, laws) == height,
          shape_broken(p, "black-height", root));
    if (!from_right && (laws & LAW_BIT(LAW_TREE_SHAPE)))
        p->last = last;
    return true;
}

pass_inline bool sibling_ok(const struct pass *p, const struct rb_node *sibling, bool right,
                            int height, const uint32_t laws)
{
    const struct vma *last;

    return (sibling && height > LOW_HEIGHT) || spine(p, sibling, right, &last, laws) == height;
}

/* Does a end where b starts or before it, or, if not a_first, b before a? Without a branch: which
 * side a way comes from, nobody can predict. */
pass_inline bool ascend(const struct vma *a, const struct vma *b, bool a_first)
{
    return ((a->vm_end <= b->vm_start) & a_first) | ((b->vm_end <= a->vm_start) & !a_first);
}

/* Is `other` the first node above `at` that has it on the other side than `right`? */
pass_inline bool meets(const struct pass *p, const struct vma *at, bool right,
                       const struct vma *other, const uint32_t laws)
{
    const struct rb_node *node = &at->vm_rb, *parent;

    for (unsigned depth = 0; depth < TREE_MAX_DEPTH; depth++, node = parent) {
        parent = rb_parent_of(node);
        if (!parent || !there(p, vma_of_rb(parent), laws))
            return !other;
        if (child_of(parent, !right) == node)
            return vma_of_rb(parent) == other;
    }
    return false;
}

/* From the place between two neighbours up to the root. One of them may be none. */
pass_inline bool way_ok(struct pass *p, const struct vma *x, const struct vma *y,
                        const uint32_t laws)
{
    const bool right = !y || (x && !x->vm_rb.right); /* the place is x's right child, or y's left */
    const struct vma *const from = right ? x : y, *const other = right ? y : x;
    const int x_height = anchored(p, x), y_height = anchored(p, y);
    const struct vma *at = from;
    bool from_right = right;
    uint64_t gap = 0; /* of the child that the way comes from, as is: */
    int height = 0;

    NEED(LAW_LIST_TREE, !child_of(&from->vm_rb, right), list_broken(p, "sequence", from, other));
    JUDGE(LAW_LIST_TREE, meets(p, from, right, other, laws),
          list_broken(p, "sequence", from, other));
    for (unsigned depth = 0; depth < TREE_MAX_DEPTH; depth++) {
        const struct rb_node *parent = rb_parent_of(&at->vm_rb);
        const struct rb_node *sibling = child_of(&at->vm_rb, !from_right);

        if (at == x || at == y) {
            int known = at == x ? x_height : y_height;

            if (known >= 0) {
                JUDGE(LAW_TREE_SHAPE, known == height, shape_broken(p, "black-height", at));
                return true;
            }
            anchor(p, at, height);
        }
        if (!child_ok(p, sibling, at, &gap, laws))
            return false;
        JUDGE(LAW_TREE_SHAPE, sibling_ok(p, sibling, from_right, height, laws),
              shape_broken(p, "black-height", at));
        if (!gap_ok(p, at, at == y ? x : at->vm_prev, gap, laws))
            return false;
        if (!parent)
            return root_ok(p, at, from_right, height, laws);
        NEED(LAW_TREE_SHAPE, there(p, vma_of_rb(parent), laws), shape_broken(p, "dead-node", at));
        from_right = parent->right == &at->vm_rb;
        NEED(LAW_TREE_SHAPE, child_of(parent, from_right) == &at->vm_rb,
             shape_broken(p, "parent-link", at));
        JUDGE(LAW_TREE_SHAPE, link_and_colour_ok(&at->vm_rb, parent),
              shape_broken(p, "red-red", at));
        height += rb_is_black(&at->vm_rb);
        gap = at->rb_subtree_gap;
        at = vma_of_rb(parent);
        JUDGE(LAW_TREE_ORDER, ascend(at, from, from_right),
              order_broken(p->mm, from_right ? at : from, from_right ? from : at, p->v));
    }
    NEED(LAW_TREE_SHAPE, false, shape_broken(p, "depth", from));
    return true;
}

/* Two neighbours of the list, or one and the end of the list. */
pass_inline bool place_ok(struct pass *p, const struct vma *x, const struct vma *y,
                          const uint32_t laws)
{
    const struct vma *const from = x ? x : y;

    NEED(LAW_LIST_TREE, there_or_none(p, x, laws), list_broken(p, "dead-vma", y, x));
    NEED(LAW_LIST_TREE, there_or_none(p, y, laws), list_broken(p, "dead-vma", x, y));
    NEED(LAW_LIST_TREE, (x ? x->vm_next : p->mm->mmap) == y, list_broken(p, "next", from, y));
    JUDGE(LAW_LIST_TREE, !y || y->vm_prev == x, list_broken(p, "prev", from, y));
    JUDGE(LAW_TREE_ORDER, !x || !y || x->vm_end <= y->vm_start,
          order_broken(p->mm, x, y, p->v));
    p->above = y;
    if (!y)
        p->last = x;
    return way_ok(p, x, y, laws);
}

/* The end of the list and the highest end are where the tree ends. */
pass_inline bool last_ok(const struct pass *p, const uint32_t laws)
{
    uintptr_t highest;

    if (!p->last)
        return true;
    highest = end_with_guard(p->world, p->last);
    JUDGE(LAW_LIST_TREE, !p->last->vm_next,
          list_broken(p, "sequence", p->last, p->last->vm_next));
    JUDGE(LAW_GAP_HIGHEST, p->mm->highest_vm_end == highest, highest_broken(p->mm, highest, p->v));
    return true;
}

/* What a process has only one of. */
pass_inline bool mm_ok(struct pass *p, const struct mm *mm, const uint32_t laws)
{
    NEED(LAW_LIST_TREE, object_live(p->world, POOL_MM, mm), dead_note(p, NULL));
    if (!last_ok(p, laws))
        return false;
    p->mm = mm;
    p->last = NULL;
    JUDGE(LAW_LIST_TREE, !mm->mm_rb.node == !mm->mmap,
          law_broken(p->v, LAW_LIST_TREE, "sequence", mm->id, 0,
                     "one of list and tree is empty, the other is not"));
    JUDGE(LAW_GAP_HIGHEST, mm->mm_rb.node || !mm->highest_vm_end, highest_broken(mm, 0, p->v));
    JUDGE(LAW_CACHE_COHERENT, cache_slots_ok(mm, false, p->v), false);
    JUDGE(LAW_ACCOUNT_VM, totals_plausible(mm, p->v), false);
    return true;
}

/* map_count without a walk: between calls every live VMA is mapped by some process. */
pass_inline bool map_counts_ok(const struct pass *p, const uint32_t laws)
{
    uint32_t live = p->world->pool[POOL_VMA].nlive, sum = 0;

    for (uint32_t i = 0; i < p->world->nr_procs; i++)
        sum += p->world->proc[i] ? p->world->proc[i]->map_count : 0;
    JUDGE(LAW_LIST_TREE, sum == live,
          law_broken(p->v, LAW_LIST_TREE, "map-count", 0, 0,
                     "the processes count %" PRIu32 " VMAs, the pool has %" PRIu32, sum, live));
    return true;
}

/* The places beside a VMA that may have changed: both, if it is new or has moved; if only a neighbour
 * of it has gone, the one above, and the one below if nothing is there to have that note instead. */
pass_inline bool places_ok(struct pass *p, const struct note *note, const uint32_t laws)
{
    const struct vma *vma = note->vma;
    const bool below_judged = p->above == vma;

    if (note->kind == NOTE_NEAR && below_judged)
        return true;
    if (!below_judged && (note->kind != NOTE_NEAR || !vma->vm_prev || p->mm->mmap == vma) &&
        !place_ok(p, vma->vm_prev, vma, laws))
        return false;
    return place_ok(p, vma, vma->vm_next, laws);
}

pass_inline bool note_ok(struct pass *p, const struct note *note, const uint32_t laws)
{
    const struct vma *vma = note->vma;

    NEED(LAW_LIST_TREE, there(p, vma, laws), dead_note(p, vma));
    if (unlikely(vma->vm_mm != p->mm) && !mm_ok(p, vma->vm_mm, laws))
        return false;
    if (!places_ok(p, note, laws))
        return false;
    if (note->kind == NOTE_NEAR)
        return true; /* itself it has not changed */
    JUDGE(LAW_TREE_ORDER, in_order(p->mm, NULL, vma), order_broken(p->mm, NULL, vma, p->v));
    JUDGE(LAW_VMA_ATTRS, plain_anonymous(vma) || vma_attrs_ok(p->world, vma, p->v), false);
    if (vma->vm_file)
        JUDGE(LAW_INTERVAL_TREE, interval_path_ok(p->world, vma, p->v), false);
    return true;
}

/* A lookup touches nothing but the cache. */
pass_inline bool caches_ok(const struct pass *p)
{
    for (uint32_t i = 0; i < p->world->nr_procs; i++)
        if (p->world->proc[i] && !cache_slots_ok(p->world->proc[i], false, p->v))
            return false;
    return true;
}

pass_inline bool pass_over_notes(const struct world *world, struct verdict *v, const uint32_t laws)
{
    const struct notes *notes = &world->notes;
    const struct pool *pool = &world->pool[POOL_VMA];
    struct pass p;

    p.world = world;
    p.base = (uintptr_t)pool->base;
    p.span = (uintptr_t)pool->used * sizeof(struct vma);
    p.mm = NULL;
    p.last = NULL;
    p.above = NULL;
    p.v = v;
    p.nanchors = 0;
    if (!map_counts_ok(&p, laws))
        return false;
    for (uint32_t i = 0; i < notes->nranges; i++)
        if (notes->range[i].mm != p.mm && !mm_ok(&p, notes->range[i].mm, laws))
            return false;
    for (uint32_t i = 0; i < notes->n; i++)
        if (!note_ok(&p, &notes->note[i], laws))
            return false;
    if (!last_ok(&p, laws))
        return false;
    if (notes->cache_touched && !p.mm)
        JUDGE(LAW_CACHE_COHERENT, caches_ok(&p), false);
    if (world->search.done)
        JUDGE(LAW_GAP_SEARCH, search_answer_ok(world, false, v), false);
    return true;
}

bool touched_pass(const struct world *world, uint32_t laws, struct verdict *v)
{
    return pass_over_notes(world, v, laws | STRICT);
}

bool touched_pass_all(const struct world *world)
{
    struct verdict scratch;

    return pass_over_notes(world, &scratch, LAWS_ALWAYS_STRICT ? ALL_LAWS : ALL_LAWS & ~STRICT);
}
