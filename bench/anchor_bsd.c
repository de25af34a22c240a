/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Anchor: a bare red-black tree of ranges from libbsd's tree.h, with the ordered list and the
 * largest-gap index that the model keeps, and nothing else of an mm.
 */
#include "bench/bench.h"

#include <stdlib.h>
#include <sys/cdefs.h>

#ifndef __unused
#define __unused __attribute__((unused)) /* which tree.h takes for granted */
#endif

struct node;
static void augment(struct node *n);
#define RB_AUGMENT(n) augment(n)
#include <bsd/sys/tree.h>

struct node {
    uint32_t start, end;
    RB_ENTRY(node) rb;
    uint32_t gap, prot; /* largest gap before any node of the subtree */
    struct node *next, *prev;
};
RB_HEAD(tree, node);

struct bsd {
    struct bench_world world;
    struct tree tree;
    struct node *first, *last, *pool, *free;
    uint32_t used;
};

static uint32_t own_gap(const struct node *n)
{
    return n->start - (n->prev ? n->prev->end : 0);
}

static uint32_t gap_of(const struct node *n)
{
    uint32_t gap = own_gap(n);
    const struct node *left = RB_LEFT(n, rb), *right = RB_RIGHT(n, rb);

    if (left && left->gap > gap)
        gap = left->gap;
    if (right && right->gap > gap)
        gap = right->gap;
    return gap;
}

static void augment(struct node *n)
{
    n->gap = gap_of(n);
}

static int order(const struct node *a, const struct node *b)
{
    return (a->start > b->start) - (a->start < b->start);
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
RB_PROTOTYPE_STATIC(tree, node, rb, order)
RB_GENERATE_STATIC(tree, node, rb, order)
#pragma GCC diagnostic pop

/* The gap before n has changed. Above an ancestor that does not change nothing does. */
static void gap_changed(struct node *n)
{
    while (n) {
        uint32_t gap = gap_of(n);

        if (gap == n->gap)
            return;
        n->gap = gap;
        n = RB_PARENT(n, rb);
    }
}

static struct node *node_new(struct bsd *b)
{
    struct node *n = b->free;

    if (!n)
        return &b->pool[b->used++];
    b->free = n->next;
    return n;
}

struct place {
    struct node *prev, *next, *parent, **link;
};
/* Neighbours of [start, end) and where it hangs in the tree; false if something overlaps. */
static bool find_place(struct bsd *b, uint32_t start, uint32_t end, struct place *p)
{
    struct node *n = RB_ROOT(&b->tree);

    *p = (struct place){.link = &RB_ROOT(&b->tree)};
    while (n) {
        p->parent = n;
        if (n->end > start) {
            if (n->start < end)
                return false;
            p->next = n;
            p->link = &RB_LEFT(n, rb);
        } else {
            p->prev = n;
            p->link = &RB_RIGHT(n, rb);
        }
        n = *p->link;
    }
    return true;
}

static void node_link(struct bsd *b, const struct place *p, uint32_t start, uint32_t end,
                      uint32_t prot)
{
    struct node *n = node_new(b);

    n->start = start;
    n->end = end;
    n->prot = prot;
    n->prev = p->prev;
    n->next = p->next;
    if (p->prev)
        p->prev->next = n;
    else
        b->first = n;
    if (p->next)
        p->next->prev = n;
    else
        b->last = n;
    RB_SET(n, p->parent, rb);
    *p->link = n;
    n->gap = 0;
    gap_changed(n);
    gap_changed(p->next); /* before rebalancing: rotations copy what they find */
    tree_RB_INSERT_COLOR(&b->tree, n);
}

static void node_unlink(struct bsd *b, struct node *n)
{
    if (n->prev)
        n->prev->next = n->next;
    else
        b->first = n->next;
    if (n->next)
        n->next->prev = n->prev;
    else
        b->last = n->prev;
    /* Without a gap of its own n can leave the tree without a change to any maximum. */
    n->start = n->prev ? n->prev->end : 0;
    gap_changed(n);
    gap_changed(n->next);
    RB_REMOVE(tree, &b->tree, n);
    n->next = b->free;
    b->free = n;
}

static struct node *find(const struct bsd *b, uint32_t page)
{
    struct node *n = RB_ROOT(&b->tree), *found = NULL;

    while (n) {
        if (n->end > page) {
            found = n;
            if (n->start <= page)
                break;
            n = RB_LEFT(n, rb);
        } else {
            n = RB_RIGHT(n, rb);
        }
    }
    return found;
}

static void unmap(struct bsd *b, uint32_t start, uint32_t end)
{
    struct node *n = find(b, start), *next;

    for (; n && n->start < end; n = next) {
        uint32_t n_end = n->end;

        next = n->next;
        if (n->start < start) {
            n->end = start;
            gap_changed(next);
            if (n_end > end) {
                struct place p;

                find_place(b, end, n_end, &p);
                node_link(b, &p, end, n_end, n->prot);
            }
        } else if (n_end > end) {
            n->start = end;
            gap_changed(n);
        } else {
            node_unlink(b, n);
        }
    }
}

static void map(struct bsd *b, uint32_t start, uint32_t end, uint32_t prot)
{
    struct place p;
    bool after, before;

    if (!find_place(b, start, end, &p)) {
        unmap(b, start, end);
        find_place(b, start, end, &p);
    }
    after = p.prev && p.prev->end == start && p.prev->prot == prot;
    before = p.next && p.next->start == end && p.next->prot == prot;
    if (after && before) {
        uint32_t joined_end = p.next->end;

        node_unlink(b, p.next);
        p.prev->end = joined_end;
        gap_changed(p.prev->next);
    } else if (after) {
        p.prev->end = end;
        gap_changed(p.next);
    } else if (before) {
        p.next->start = start;
        gap_changed(p.next);
    } else {
        node_link(b, &p, start, end, prot);
    }
}

/* Lowest fit: the leftmost node whose own gap is large enough, else above all. */
static uint32_t search_up(const struct bsd *b, uint32_t pages)
{
    const struct node *n = RB_ROOT(&b->tree);

    if (!n || n->gap < pages) {
        uint32_t end = b->last ? b->last->end : 0;

        return b->world.window_pages - end >= pages ? end : BENCH_NOWHERE;
    }
    for (;;) {
        if (RB_LEFT(n, rb) && RB_LEFT(n, rb)->gap >= pages)
            n = RB_LEFT(n, rb);
        else if (own_gap(n) >= pages)
            return n->start - own_gap(n);
        else
            n = RB_RIGHT(n, rb);
    }
}

static uint32_t search_down(const struct bsd *b, uint32_t pages)
{
    const struct node *n = RB_ROOT(&b->tree);
    uint32_t end = b->last ? b->last->end : 0;

    if (b->world.window_pages - end >= pages)
        return b->world.window_pages - pages;
    if (!n || n->gap < pages)
        return BENCH_NOWHERE;
    for (;;) {
        if (RB_RIGHT(n, rb) && RB_RIGHT(n, rb)->gap >= pages)
            n = RB_RIGHT(n, rb);
        else if (own_gap(n) >= pages)
            return n->start - pages;
        else
            n = RB_LEFT(n, rb);
    }
}

static uint32_t search(const struct bsd *b, uint32_t pages)
{
    return b->world.bottomup ? search_up(b, pages) : search_down(b, pages);
}

static void *bsd_open(const struct bench_world *w)
{
    struct bsd *b = calloc(1, sizeof(*b));

    if (!b)
        return NULL;
    b->world = *w;
    b->pool = calloc(w->max_vmas, sizeof(*b->pool));
    if (!b->pool) {
        free(b);
        return NULL;
    }
    return b;
}

static uint64_t bsd_run(void *self, const struct bench_op *op, size_t n)
{
    struct bsd *b = self;
    uint64_t sum = 0;

    for (; n--; op++) {
        const struct node *found;
        uint32_t answer = 0;

        switch (op->kind) {
        case BENCH_MAP:
            map(b, op->page, op->page + op->pages, op->prot);
            answer = op->page;
            break;
        case BENCH_UNMAP:
            unmap(b, op->page, op->page + op->pages);
            break;
        case BENCH_FIND:
            found = find(b, op->page);
            answer = found ? found->start : BENCH_NOWHERE;
            break;
        case BENCH_SEARCH:
            answer = search(b, op->pages);
            break;
        case BENCH_PLACE:
            answer = search(b, op->pages);
            map(b, answer, answer + op->pages, op->prot);
            break;
        }
        sum = fold(sum, answer);
    }
    return sum;
}

static uint64_t bsd_layout(void *self)
{
    const struct bsd *b = self;
    uint64_t sum = 0;

    for (const struct node *n = b->first; n; n = n->next)
        sum = fold(fold(sum, n->start), n->end);
    return sum;
}

static void bsd_close(void *self)
{
    struct bsd *b = self;

    free(b->pool);
    free(b);
}

/* Black height of the subtree, -1 if a rule is broken. Steps *at along the list. */
static int valid_below(const struct node *n, const struct node **at)
{
    const struct node *left, *right;
    int low, high;
    bool red;

    if (!n)
        return 0;
    left = RB_LEFT(n, rb);
    right = RB_RIGHT(n, rb);
    red = RB_COLOR(n, rb) == RB_RED;
    if ((left && (RB_PARENT(left, rb) != n || (red && RB_COLOR(left, rb) == RB_RED))) ||
        (right && (RB_PARENT(right, rb) != n || (red && RB_COLOR(right, rb) == RB_RED))))
        return -1;
    low = valid_below(left, at);
    if (*at != n || n->start >= n->end || n->gap != gap_of(n) ||
        (n->prev && (n->prev->end > n->start || n->prev->next != n)))
        return -1;
    *at = n->next;
    high = valid_below(right, at);
    return low < 0 || low != high ? -1 : low + !red;
}

bool bsd_valid(const void *self)
{
    const struct bsd *b = self;
    const struct node *at = b->first;

    return valid_below(RB_ROOT(&b->tree), &at) >= 0 && !at;
}

const struct contender contender_bsd = {
    .name = "bare red-black tree (libbsd tree.h), list, gap index",
    .open = bsd_open,
    .run = bsd_run,
    .layout = bsd_layout,
    .close = bsd_close,
};
