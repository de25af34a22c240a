/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The touched forms of the structural laws: one pass over what the last call noted.
 *
 * What a call does to the tree, it does at the free places between neighbours. Each place is one
 * empty child: of x on the right or of y on the left, whichever is deeper; the other is above it.
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
 * other child (links, colours, black height, gap), while its line is at hand. The way also tells
 * that x and y are neighbours in the tree, as they are in the list. A node that an earlier way has
 * judged ends a later one.
 *
 * The pass is compiled twice. After every call runs the fast one, which answers yes or no. If no,
 * the strict one is asked law by law which it is.
 */
#include "oracles/laws.h"

#include <inttypes.h>
#include <string.h>

#define pass_inline static inline __attribute__((always_inline))
#define pass_cold static __attribute__((cold, noinline))

#define STRICT (1U << 31) /* beside the bits of the laws: no pointer followed that is not live */
_Static_assert(LAW_PGTABLE_PAGES < 31, "the laws of this pass and that bit");
#define ANON_LAWS                                                                                  \
    (uint32_t)(LAW_BIT(LAW_INTERVAL_TREE) | LAW_BIT(LAW_ANON_TOPOLOGY) |                           \
               LAW_BIT(LAW_ANON_COUNTS) | LAW_BIT(LAW_ANON_SAME) | LAW_BIT(LAW_ANON_LIFETIME))
#define MAX_ANCHORS 8
/* A VMA from which up to the root all is judged, and the black height below it. */
struct anchor {
    const struct vma *vma;
    int height;
};

struct pass {
    const struct world *world;
    uintptr_t base, span; /* where the objects of the VMA pool are */
    uintptr_t below;      /* added to a node's address: where in there its VMA is */
    const struct mm *mm;
    const struct vma *last;  /* the last VMA of mm, if the pass has met it */
    const struct vma *above; /* the VMA above the place that was judged last */
    struct verdict *v;
    bool guards;                 /* mm may have VMAs that keep a gap free beside them */
    const struct vma *climbed;   /* from which ascent_ok() has come, or NULL; */
    const struct vma *beside[2]; /* of those above it its neighbours, on the left, on the right */
    uint32_t nanchors;
    struct anchor anchor[MAX_ANCHORS];
    struct counted counted; /* anon_vmas that need not be counted again */
    struct families families;
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
                      VMA_PAGES(vma), site);
}

pass_cold bool list_broken(const struct pass *p, const char *site, const struct vma *vma,
                           const void *found)
{
    return law_broken(p->v, LAW_LIST_TREE, site, p->mm->id, vma->vm_start,
                      "VMA %#" PRIxPTR "-%#" PRIxPTR " has %p beside it: %s", VMA_PAGES(vma), found,
                      site);
}

pass_cold bool dead_note(const struct pass *p, const struct vma *vma)
{
    return law_broken(p->v, LAW_LIST_TREE, "dead-vma", NOWHERE,
                      "the call touched VMA %p, which is not live or belongs to no process",
                      (const void *)vma);
}

/* The fast pass is content with a pointer into the pool. If there is no VMA, there is poison or
 * some other VMA, which does not point back. */
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

/* Down the right side from node; the last VMA goes to *last. Black nodes, or -1 if it is broken. */
pass_inline int spine(const struct pass *p, const struct rb_node *node, const struct vma **last,
                      const uint32_t laws)
{
    int blacks = 0;

    for (unsigned depth = 0; node; depth++, node = node->right) {
        const struct vma *vma = vma_of_rb(node);

        if (unlikely(!there(p, vma, laws) || depth == TREE_MAX_DEPTH))
            return -1;
        blacks += rb_is_black(node);
        *last = vma;
    }
    return blacks;
}

/* Child and parent: the child's link differs from the parent's address in the colour bit alone, and
 * under a red parent it says black. */
pass_inline bool link_and_colour_ok(const struct rb_node *child, const struct rb_node *parent)
{
    const uintptr_t colour = child->parent_color ^ (uintptr_t)parent;

    return likely(colour <= 1) && ((colour | parent->parent_color) & 1);
}
/* The same of a child whose link has led to the parent. */
pass_inline bool colours_ok(const struct rb_node *child, const struct rb_node *parent)
{
    return (child->parent_color | parent->parent_color) & 1;
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
    own = vma->vm_start;
    if (likely(there(p, prev, laws)))
        own -= prev->vm_end;
    else
        NEED(LAW_LIST_TREE, !prev, list_broken(p, "dead-vma", vma, prev));
    /* Guard gaps only shrink it, and cost another line: ask for them only where it matters. */
    if (own > gap) {
        own = own_gap(p->world, prev, vma);
        gap = gap < own ? own : gap;
    }
    JUDGE(LAW_GAP_SUBTREE, gap == vma->rb_subtree_gap, gap_broken(p->world, vma, gap, p->v));
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
pass_inline bool root_ok(struct pass *p, const struct vma *root, const struct rb_node *far,
                         int height, const uint32_t laws)
{
    const struct vma *last = root;
    const int far_height = spine(p, far, &last, laws);

    JUDGE(LAW_TREE_SHAPE, p->mm->mm_rb.node == &root->vm_rb, shape_broken(p, "root-parent", root));
    JUDGE(LAW_TREE_SHAPE, rb_is_black(&root->vm_rb), shape_broken(p, "root-red", root));
    JUDGE(LAW_TREE_SHAPE, far_height == height, shape_broken(p, "black-height", root));
    if (far == root->vm_rb.right && far_height >= 0)
        p->last = last;
    return true;
}

/* A child that no way has come from, beside one with `height` black nodes. Only beside none can its
 * own height be told at a glance. */
pass_inline bool sibling_ok(const struct pass *p, const struct rb_node *sibling,
                            const struct vma *parent, int height, uint64_t *gap,
                            const uint32_t laws)
{
    const struct vma *vma;

    if (!sibling) {
        JUDGE(LAW_TREE_SHAPE, height == 0, shape_broken(p, "black-height", parent));
        return true;
    }
    vma = vma_of_rb(sibling);
    NEED(LAW_TREE_SHAPE, there(p, vma, laws), shape_broken(p, "dead-node", parent));
    JUDGE(LAW_TREE_SHAPE, link_and_colour_ok(sibling, &parent->vm_rb), link_broken(p, vma, parent));
    if (height == 0)
        JUDGE(LAW_TREE_SHAPE, !rb_is_black(sibling) && !sibling->left && !sibling->right,
              shape_broken(p, "black-height", parent));
    *gap = *gap < vma->rb_subtree_gap ? vma->rb_subtree_gap : *gap;
    return true;
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

/* A way: from the place between the neighbours x and y, of which one may be none, to the root. */
struct way {
    const struct vma *x, *y;
    const struct vma *from;        /* x or y: the one that has the place as a child */
    const struct vma *at;          /* how far it has come; NULL: it has ended */
    bool lost;                     /* it has ended before the root, which is another law's affair */
    bool from_right;               /* on which side of `at` it has come */
    const struct rb_node *sibling; /* and what is on the other */
    int height;                    /* black nodes below `at` */
    unsigned depth;
    uint64_t gap; /* of the child that it has come from */
};

/* From which side a way comes, nobody can predict: what depends on it is worked out so that no
 * compiler makes a branch of it. */
pass_inline bool order_ok(const struct pass *p, const struct vma *up, const struct vma *from,
                          bool from_right, const uint32_t laws)
{
    const uintptr_t both = (uintptr_t)up ^ (uintptr_t)from;
    const uintptr_t low = (uintptr_t)from ^ (both & -(uintptr_t)from_right);
    const struct vma *lower = (const struct vma *)low, *upper = (const struct vma *)(low ^ both);

    JUDGE(LAW_TREE_ORDER, lower->vm_end <= upper->vm_start,
          order_broken(p->mm, lower, upper, p->v));
    return true;
}

/* One of the two is `node`. */
pass_inline const struct rb_node *other_child(const struct rb_node *parent,
                                              const struct rb_node *node)
{
    return (const struct rb_node *)((uintptr_t)parent->left ^ (uintptr_t)parent->right ^
                                    (uintptr_t)node);
}

/* From a node, which is judged, to its parent, which is not. */
pass_inline bool step_up(const struct pass *p, struct way *w, const struct rb_node *parent,
                         const uint32_t laws)
{
    const struct vma *at = w->at, *up = vma_of_rb(parent);
    const struct rb_node *node = &at->vm_rb;
    bool right;

    w->at = NULL;
    w->lost = true;
    NEED(LAW_TREE_SHAPE, there(p, up, laws), shape_broken(p, "dead-node", at));
    right = parent->right == node;
    NEED(LAW_TREE_SHAPE, right | (parent->left == node), shape_broken(p, "parent-link", at));
    JUDGE(LAW_TREE_SHAPE, colours_ok(node, parent), shape_broken(p, "red-red", at));
    NEED(LAW_TREE_SHAPE, ++w->depth < TREE_MAX_DEPTH, shape_broken(p, "depth", w->from));
    w->from_right = right;
    w->sibling = other_child(parent, node);
    w->height += rb_is_black(node);
    w->gap = at->rb_subtree_gap;
    w->at = up;
    w->lost = false;
    return order_ok(p, up, w->from, right, laws);
}

/* Judges the node where the way is and goes on to the next. */
pass_inline bool climb(struct pass *p, struct way *w, const uint32_t laws)
{
    const struct vma *at = w->at;
    const struct rb_node *parent = rb_parent_of(&at->vm_rb);

    if (!sibling_ok(p, w->sibling, at, w->height, &w->gap, laws) ||
        !gap_ok(p, at, (laws & STRICT) && at == w->y ? w->x : at->vm_prev, w->gap, laws))
        return false;
    if (parent)
        return step_up(p, w, parent, laws);
    w->at = NULL;
    return root_ok(p, at, w->sibling, w->height, laws);
}

/* On the way from a place that x or y has as a child, the other of them is the first node that has
 * the place on its other side. */
pass_inline bool way_ok(struct pass *p, const struct vma *x, const struct vma *y,
                        const uint32_t laws)
{
    const bool right = !y || (x && !x->vm_rb.right); /* the place is x's right child, or y's left */
    const struct vma *const from = right ? x : y, *const other = right ? y : x;
    struct way w = {.x = x, .y = y, .from = from, .at = from, .from_right = right};
    int known = anchored(p, from);

    NEED(LAW_LIST_TREE, !child_of(&from->vm_rb, right), list_broken(p, "sequence", from, other));
    if (known >= 0) {
        JUDGE(LAW_TREE_SHAPE, known == 0, shape_broken(p, "black-height", from));
        JUDGE(LAW_LIST_TREE, meets(p, from, right, other, laws),
              list_broken(p, "sequence", from, other));
        return true;
    }
    anchor(p, from, 0);
    w.sibling = child_of(&from->vm_rb, !right);
    do {
        if (!climb(p, &w, laws))
            return false;
    } while (w.at && w.from_right == right);
    JUDGE(LAW_LIST_TREE, w.at == other || w.lost, list_broken(p, "sequence", from, other));
    if (!w.at)
        return true;
    known = anchored(p, w.at);
    if (known >= 0) {
        JUDGE(LAW_TREE_SHAPE, known == w.height, shape_broken(p, "black-height", w.at));
        return true;
    }
    anchor(p, w.at, w.height);
    while (w.at)
        if (!climb(p, &w, laws))
            return false;
    return true;
}

/* ---- the first way of a process, for a yes or no ----
 *
 * Nearly always it is the only one. It goes up to the root without a stop, and without a branch
 * that nobody can predict: on which side it comes, where no sibling is, which gap is the largest.
 * What is not as it should be is gathered, and looked at once. No pointer is followed but to a VMA.
 * No means nothing yet. */
#define THERE (LAWS_ALWAYS_STRICT ? STRICT : 0)
#define ALL_FAST (LAWS_ALWAYS_STRICT ? UINT32_MAX : ~STRICT)

struct ascent {
    const struct vma *from, *at;
    const struct rb_node *sibling; /* of the child that it has come from */
    uint64_t gap;                  /* and its gap */
    uint64_t steps;                /* a bit for each: from the right */
    uintptr_t odd;                 /* bits that should all be zero */
    uintptr_t even;                /* the lowest should be one */
    uintptr_t child;               /* the lowest: that child is black, or there is none */
    int height;
    struct anchor *top, *end; /* what it has come to is before top */
};

pass_inline uintptr_t mask_if(bool holds)
{
    return -(uintptr_t)holds;
}

/* b if the mask has all bits, a if none. */
pass_inline const void *pick(uintptr_t mask, const void *a, const void *b)
{
    return (const void *)((uintptr_t)a ^ (((uintptr_t)a ^ (uintptr_t)b) & mask));
}

pass_inline const struct vma *vma_around(const struct rb_node *node)
{
    return (const struct vma *)((uintptr_t)node - offsetof(struct vma, vm_rb));
}

pass_inline bool node_there(const struct pass *p, const struct rb_node *node)
{
    if (THERE)
        return there(p, vma_around(node), THERE);
    return likely((uintptr_t)node + p->below < p->span);
}

/* Without a branch: on the left (0) or right (1). */
pass_inline const struct rb_node *child_at(const struct rb_node *node, uintptr_t right)
{
    const struct rb_node *child;

    _Static_assert(offsetof(struct rb_node, right) ==
                       offsetof(struct rb_node, left) + sizeof(child),
                   "side by side");
    memcpy(&child, (const char *)node + offsetof(struct rb_node, left) + right * sizeof(child),
           sizeof(child));
    return child;
}

/* The other child, and what it adds to the gap. low: there may be none, if there are no black nodes
 * on this side either; then it can be a red leaf only. */
pass_inline bool far_side(const struct pass *p, struct ascent *a, const bool low)
{
    const struct rb_node *node = &a->at->vm_rb, *sibling = a->sibling;
    uintptr_t link, is = mask_if(!low || sibling != NULL);
    uint64_t gap;

    if (low)
        sibling = pick(is, node, sibling);
    if (unlikely(!node_there(p, sibling)))
        return false;
    link = sibling->parent_color ^ (uintptr_t)node; /* the colour alone is left */
    gap = vma_around(sibling)->rb_subtree_gap & is;
    a->odd |= (link & is) >> 1;
    a->even &= node->parent_color | ((link | ~is) & a->child);
    a->gap = a->gap < gap ? gap : a->gap;
    if (low) {
        const uintptr_t no_red_leaf =
            (uintptr_t)sibling->left | (uintptr_t)sibling->right | (sibling->parent_color & 1);
        const uintptr_t none = mask_if(a->height == 0);

        a->odd |= (no_red_leaf & is & none) | ~(is | none);
    }
    return true;
}

pass_inline bool own_side(const struct pass *p, struct ascent *a)
{
    const struct vma *prev = a->at->vm_prev;
    uint64_t own = a->at->vm_start;

    if (likely(there(p, prev, THERE)))
        own -= prev->vm_end;
    else if (prev)
        return false;
    a->gap = a->gap < own ? own : a->gap;
    a->odd |= a->gap ^ a->at->rb_subtree_gap;
    return true;
}

/* To the parent. It is either before `from`, which is on its right side then, or behind it. The
 * colour of the child is kept for far_side(), which judges both children beside their parent. */
pass_inline bool step(const struct pass *p, struct ascent *a, const struct rb_node *parent)
{
    const struct rb_node *node = &a->at->vm_rb;
    const struct vma *up = vma_around(parent);
    uintptr_t right;

    if (unlikely(!node_there(p, parent) || a->top == a->end))
        return false;
    right = up->vm_start < a->from->vm_end;
    a->even &= right ^ (up->vm_end > a->from->vm_start);
    a->odd |= (uintptr_t)child_at(parent, right) ^ (uintptr_t)node;
    a->sibling = child_at(parent, right ^ 1);
    a->child = node->parent_color;
    a->height += rb_is_black(node);
    a->steps = 2 * a->steps + right;
    a->at = up;
    *a->top++ = (struct anchor){up, a->height};
    return true;
}

/* As spine(). How long it is, nobody can predict either: so each turn of the loop goes some steps
 * down, and stays where the end is. */
#define SPINE_STEPS 6
pass_inline int spine_fast(const struct pass *p, const struct rb_node *node,
                           const struct vma **last)
{
    int blacks;

    if (unlikely(!node))
        return 0;
    if (unlikely(!node_there(p, node)))
        return -1;
    blacks = rb_is_black(node);
    for (unsigned depth = 0; depth < TREE_MAX_DEPTH; depth += SPINE_STEPS) {
        for (unsigned i = 0; i < SPINE_STEPS; i++) {
            const struct rb_node *const next = node->right;
            const uintptr_t is = next != NULL;

            node = next ? next : node;
            if (unlikely(!node_there(p, node)))
                return -1;
            blacks += (int)(node->parent_color & is);
        }
        if (likely(!node->right)) {
            *last = vma_around(node);
            return blacks;
        }
    }
    return -1;
}

/* The root, and the last VMA, if it is on the far side. */
pass_inline bool root_fits(const struct pass *p, const struct ascent *a)
{
    const struct vma *last = a->at;
    const int height = spine_fast(p, a->sibling, &last);
    const uintptr_t end = (uintptr_t)last->vm_next | (last->vm_end ^ p->mm->highest_vm_end);

    return (height == a->height) & (a->at->vm_rb.parent_color == 1) &
           (p->mm->mm_rb.node == &a->at->vm_rb) &
           !(end & mask_if(a->sibling == a->at->vm_rb.right));
}

/* The first one that it has come to from the right (left), or nobody. Such a one is the neighbour
 * on the left (right) of where it began, among those above. */
pass_inline const struct vma *first_turn(struct pass *p, const struct anchor *way, uint64_t steps)
{
    if (unlikely(!steps))
        return NULL;
    way += __builtin_clzll(steps);
    p->anchor[p->nanchors++] = (struct anchor){way->vma, way->height};
    return way->vma;
}

/* From the place that `from` has as a child, and that is all that is between it and `other`. */
static __attribute__((noinline)) bool ascent_ok(struct pass *p, const struct vma *from, bool right,
                                                const struct vma *other)
{
    const struct rb_node *node = &from->vm_rb, *parent;
    const struct rb_node *place = pick(mask_if(right), node->left, node->right);
    struct anchor way[TREE_MAX_DEPTH];
    struct ascent a;
    unsigned unused;

    a.from = a.at = from;
    a.sibling = other_child(node, place);
    a.gap = a.steps = 0;
    a.odd = (uintptr_t)place;
    a.even = 1;
    a.child = 1;
    a.height = 0;
    a.top = way;
    a.end = way + TREE_MAX_DEPTH;
    if (!far_side(p, &a, true) || !own_side(p, &a))
        return false;
    parent = rb_parent_of(node);
    if (likely(parent) && (!step(p, &a, parent) || !far_side(p, &a, true) || !own_side(p, &a)))
        return false;
    while ((parent = rb_parent_of(&a.at->vm_rb)))
        if (!step(p, &a, parent) || !far_side(p, &a, false) || !own_side(p, &a))
            return false;
    unused = (unsigned)(a.end - a.top);
    p->anchor[0] = (struct anchor){from, 0}; /* there are none yet */
    p->nanchors = 1;
    p->climbed = from;
    p->beside[0] = first_turn(p, way, a.steps << unused % TREE_MAX_DEPTH);
    p->beside[1] = first_turn(p, way, unused < TREE_MAX_DEPTH ? ~a.steps << unused : 0);
    return likely(!a.odd && (a.even & 1)) && root_fits(p, &a) && p->beside[right] == other;
}

/* A later one: as strict ones go. */
static __attribute__((noinline)) bool way_further(struct pass *p, const struct vma *x,
                                                  const struct vma *y)
{
    return way_ok(p, x, y, ALL_FAST);
}
static __attribute__((noinline)) bool way_strict(struct pass *p, const struct vma *x,
                                                 const struct vma *y, const uint32_t laws)
{
    return way_ok(p, x, y, laws);
}

pass_inline bool way_fast(struct pass *p, const struct vma *x, const struct vma *y)
{
    const bool right = likely(x && y) ? !x->vm_rb.right : !y;
    const struct vma *const from = pick(mask_if(right), y, x);
    const struct vma *const other = pick(mask_if(right), x, y);

    if (!p->nanchors && !p->guards)
        return ascent_ok(p, from, right, other);
    if (from != p->climbed)
        return way_further(p, x, y);
    return !child_of(&from->vm_rb, right) && p->beside[right] == other;
}

/* Two neighbours of the list, or one and the end of the list. */
pass_inline bool place_ok(struct pass *p, const struct vma *x, const struct vma *y,
                          const uint32_t laws)
{
    const struct vma *const from = x ? x : y;

    NEED(LAW_LIST_TREE, there_or_none(p, x, laws), list_broken(p, "dead-vma", y, x));
    NEED(LAW_LIST_TREE, there_or_none(p, y, laws), list_broken(p, "dead-vma", x, y));
    NEED(LAW_LIST_TREE, (x ? x->vm_next : p->mm->mmap) == y, list_broken(p, "prev", from, y));
    JUDGE(LAW_LIST_TREE, !y || y->vm_prev == x, list_broken(p, "prev", from, y));
    JUDGE(LAW_TREE_ORDER, !x || !y || x->vm_end <= y->vm_start, order_broken(p->mm, x, y, p->v));
    p->above = y;
    if (!y)
        p->last = x;
    return laws == ALL_FAST ? way_fast(p, x, y) : way_strict(p, x, y, laws);
}

/* The end of the list and the highest end are where the tree ends. */
pass_inline bool last_ok(const struct pass *p, const uint32_t laws)
{
    uintptr_t highest;

    if (!p->last)
        return true;
    highest = end_with_guard(p->world, p->last);
    JUDGE(LAW_LIST_TREE, !p->last->vm_next, list_broken(p, "sequence", p->last, p->last->vm_next));
    JUDGE(LAW_GAP_HIGHEST, p->mm->highest_vm_end == highest, highest_broken(p->mm, highest, p->v));
    return true;
}

/* What a process has only one of. It is live. */
pass_inline bool mm_ok(struct pass *p, const struct mm *mm, const uint32_t laws)
{
    if (!last_ok(p, laws))
        return false;
    p->mm = mm;
    p->last = NULL;
    p->guards = mm->stack_vm != 0;
    p->climbed = NULL;
    p->nanchors = 0;
    JUDGE(LAW_LIST_TREE, !mm->mm_rb.node == !mm->mmap,
          law_broken(p->v, LAW_LIST_TREE, "sequence", mm->id, 0,
                     "one of list and tree is empty, the other is not"));
    JUDGE(LAW_GAP_HIGHEST, mm->mm_rb.node || !mm->highest_vm_end, highest_broken(mm, 0, p->v));
    JUDGE(LAW_CACHE_COHERENT, cache_slots_ok(mm, false, p->v), false);
    JUDGE(LAW_ACCOUNT_VM, totals_plausible(mm, p->v), false);
    return true;
}

/* map_count and nr_tables without a walk: between calls every live VMA is mapped by some process,
 * and every table linked by one. */
pass_inline bool counts_ok(const struct pass *p, const uint32_t laws)
{
    const struct world *world = p->world;
    const uint32_t live = world->pool[POOL_VMA].nlive;
    uint32_t vmas = 0;
    uint64_t tables = 0;

    for (uint32_t i = 0; i < world->nr_procs && i < MAX_PROCS; i++) {
        const struct mm *mm = world->proc[i];

        if (!mm)
            continue;
        if (unlikely(!mm_live(world, mm))) {
            JUDGE(LAW_LIST_TREE, false, dead_process(i, p->v));
            continue;
        }
        JUDGE(LAW_PGTABLE_PAGES, !mm->pgd == !mm->nr_tables,
              table_counts_broken(world, mm, 0, p->v));
        vmas += mm->map_count;
        tables += mm->nr_tables;
    }
    JUDGE(LAW_LIST_TREE, vmas == live,
          law_broken(p->v, LAW_LIST_TREE, "map-count", NOWHERE,
                     "the processes count %" PRIu32 " VMAs, the pool has %" PRIu32, vmas, live));
    JUDGE(LAW_PGTABLE_PAGES, tables == world->pool[POOL_TABLE].nlive,
          table_counts_broken(world, NULL, tables, p->v));
    return true;
}

/* The places beside a VMA that may have changed: both, if it is new or has moved; if only a
 * neighbour of it has gone, the one above, and the one below if nothing is there to have that note
 * instead. */
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

/* Of a faulted VMA: its chains, and what they lead to. Not inline: most have none. */
static __attribute__((noinline)) bool anon_ok(struct pass *p, const struct vma *vma,
                                              const uint32_t laws)
{
    if (!(~laws & ANON_LAWS) && likely(touched_chains_ok(p->world, vma))) {
        if (unlikely(!touched_family_ok(p->world, vma, &p->families)))
            JUDGE(LAW_ANON_COUNTS, anon_counts_ok(p->world, vma, &p->counted, p->v), false);
        return true;
    }
    JUDGE(LAW_INTERVAL_TREE, anon_paths_ok(p->world, vma, p->v), false);
    JUDGE(LAW_ANON_TOPOLOGY, anon_list_ok(p->world, vma, p->v), false);
    JUDGE(LAW_ANON_COUNTS, anon_counts_ok(p->world, vma, &p->counted, p->v), false);
    JUDGE(LAW_ANON_SAME, anon_neighbours_ok(p->world, vma, p->v), false);
    JUDGE(LAW_ANON_LIFETIME, anon_alive_ok(p->world, vma, p->v), false);
    return true;
}

pass_inline bool note_ok(struct pass *p, const struct note *note, const uint32_t laws)
{
    const struct vma *vma = note->vma;

    NEED(LAW_LIST_TREE, there(p, vma, laws), dead_note(p, vma));
    if (unlikely(vma->vm_mm != p->mm)) {
        NEED(LAW_LIST_TREE, mm_live(p->world, vma->vm_mm), dead_note(p, NULL));
        if (!mm_ok(p, vma->vm_mm, laws))
            return false;
    }
    if (!places_ok(p, note, laws))
        return false;
    /* Who shares an anon_vma with something unlinked is noted for that, as being near to it. */
    if (unlikely(has_anon(vma)) && !anon_ok(p, vma, laws))
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
    for (uint32_t left = p->world->notes.cache_touched; left; left &= left - 1) {
        const struct mm *mm = p->world->proc[(unsigned)__builtin_ctz(left) % MAX_PROCS];

        if (mm_live(p->world, mm) && !cache_slots_ok(mm, false, p->v))
            return false;
    }
    return true;
}

pass_inline bool pass_over_notes(const struct world *world, struct verdict *v, const uint32_t laws)
{
    const struct notes *notes = &world->notes;
    const struct pool *pool = &world->pool[POOL_VMA];
    struct pass p;

    p.world = world;
    p.base = (uintptr_t)pool->base;
    p.below = -(p.base + offsetof(struct vma, vm_rb));
    p.span = (uintptr_t)pool->used * sizeof(struct vma);
    p.mm = NULL;
    p.last = NULL;
    p.above = NULL;
    p.v = v;
    p.guards = true;
    p.climbed = NULL;
    p.nanchors = 0;
    p.counted.n = p.families.n = 0;
    if (!counts_ok(&p, laws))
        return false;
    for (uint32_t i = 0; i < notes->nranges; i++) /* of a process that has ended, nothing is left */
        if (notes->range[i].mm != p.mm && mm_live(world, notes->range[i].mm) &&
            !mm_ok(&p, notes->range[i].mm, laws))
            return false;
    for (uint32_t i = 0; i < notes->n; i++)
        if (!note_ok(&p, &notes->note[i], laws))
            return false;
    if (!last_ok(&p, laws))
        return false;
    if (notes->cache_touched && !p.mm)
        JUDGE(LAW_CACHE_COHERENT, caches_ok(&p), false);
    if (unlikely(notes->forked != NULL))
        JUDGE(LAW_ANON_COUNTS, anon_reuse_ok(world, v), false);
    if (world->search.done)
        JUDGE(LAW_GAP_SEARCH, search_answer_ok(world, false, v), false);
    return true;
}

bool touched_pass(const struct world *world, enum law_id law, struct verdict *v)
{
    return pass_over_notes(world, v, (uint32_t)LAW_BIT(law) | STRICT) &&
           touched_pages(world, LAW_BIT(law), v);
}

bool touched_pass_all(const struct world *world)
{
    struct verdict scratch;

    scratch.without = 0;
    if (unlikely(world->notes.overflow)) /* what has no full form is asked beside the full ones */
        return sweep(world) && touched_pages(world, LAW_BIT(LAW_LOCKS), &scratch);
    return pass_over_notes(world, &scratch, ALL_FAST) && touched_pages(world, ALL_LAWS, &scratch);
}
