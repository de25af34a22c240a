/* SPDX-License-Identifier: GPL-2.0-only */
/* Anchor: ranges in sorted arrays. Nothing is faster for a handful, nothing slower for many. */
#include "bench/bench.h"

#include <stdlib.h>
#include <string.h>

struct array {
    struct bench_world world;
    uint32_t n;
    uint32_t *start, *end;
    uint8_t *prot;
};

/* Index of the first range that ends above page. */
static uint32_t find(const struct array *a, uint32_t page)
{
    const uint32_t *base = a->end;
    uint32_t n = a->n;

    while (n > 1) {
        uint32_t half = n / 2;

        base += base[half - 1] <= page ? half : 0;
        n -= half;
    }
    return (uint32_t)(base - a->end) + (n && *base <= page);
}

/* Replaces `old` ranges from index i by `fresh` ones, whose contents the caller writes. */
static void resize(struct array *a, uint32_t i, uint32_t old, uint32_t fresh)
{
    uint32_t tail = a->n - i - old;

    memmove(a->start + i + fresh, a->start + i + old, tail * sizeof(*a->start));
    memmove(a->end + i + fresh, a->end + i + old, tail * sizeof(*a->end));
    memmove(a->prot + i + fresh, a->prot + i + old, tail);
    a->n += fresh - old;
}

static void put(struct array *a, uint32_t i, uint32_t start, uint32_t end, uint8_t prot)
{
    a->start[i] = start;
    a->end[i] = end;
    a->prot[i] = prot;
}

/* Returns the index of the first range at or above `end`. */
static uint32_t unmap(struct array *a, uint32_t start, uint32_t end)
{
    uint32_t i = find(a, start), last;

    if (i < a->n && a->start[i] < start) {
        uint32_t old_end = a->end[i];

        a->end[i++] = start;
        if (old_end > end) {
            resize(a, i, 0, 1);
            put(a, i, end, old_end, a->prot[i - 1]);
            return i;
        }
    }
    for (last = i; last < a->n && a->end[last] <= end;)
        last++;
    if (last != i)
        resize(a, i, last - i, 0);
    if (i < a->n && a->start[i] < end)
        a->start[i] = end;
    return i;
}

static void map(struct array *a, uint32_t start, uint32_t end, uint8_t prot)
{
    uint32_t i = unmap(a, start, end);
    bool after = i && a->end[i - 1] == start && a->prot[i - 1] == prot;
    bool before = i < a->n && a->start[i] == end && a->prot[i] == prot;

    if (after && before) {
        a->end[i - 1] = a->end[i];
        resize(a, i, 1, 0);
    } else if (after) {
        a->end[i - 1] = end;
    } else if (before) {
        a->start[i] = start;
    } else {
        resize(a, i, 0, 1);
        put(a, i, start, end, prot);
    }
}

static uint32_t search(const struct array *a, uint32_t pages)
{
    if (a->world.bottomup) {
        uint32_t from = 0;

        for (uint32_t i = 0; i < a->n; from = a->end[i++])
            if (a->start[i] - from >= pages)
                return from;
        return a->world.window_pages - from >= pages ? from : BENCH_NOWHERE;
    }
    for (uint32_t i = a->n, to = a->world.window_pages;; to = a->start[--i]) {
        if (to - (i ? a->end[i - 1] : 0) >= pages)
            return to - pages;
        if (!i)
            return BENCH_NOWHERE;
    }
}

static void array_close(void *self)
{
    struct array *a = self;

    free(a->start);
    free(a->end);
    free(a->prot);
    free(a);
}

static void *array_open(const struct bench_world *w)
{
    struct array *a = calloc(1, sizeof(*a));

    if (!a)
        return NULL;
    a->world = *w;
    a->start = calloc(w->max_vmas, sizeof(*a->start));
    a->end = calloc(w->max_vmas, sizeof(*a->end));
    a->prot = calloc(w->max_vmas, 1);
    if (!a->start || !a->end || !a->prot) {
        array_close(a);
        return NULL;
    }
    return a;
}

static uint64_t array_run(void *self, const struct bench_op *op, size_t n)
{
    struct array *a = self;
    uint64_t sum = 0;

    for (; n--; op++) {
        uint32_t answer = 0;

        switch (op->kind) {
        case BENCH_MAP:
            map(a, op->page, op->page + op->pages, op->prot);
            answer = op->page;
            break;
        case BENCH_UNMAP:
            unmap(a, op->page, op->page + op->pages);
            break;
        case BENCH_FIND:
            answer = find(a, op->page);
            answer = answer < a->n ? a->start[answer] : BENCH_NOWHERE;
            break;
        case BENCH_SEARCH:
            answer = search(a, op->pages);
            break;
        case BENCH_PLACE:
            answer = search(a, op->pages);
            map(a, answer, answer + op->pages, op->prot);
            break;
        }
        sum = fold(sum, answer);
    }
    return sum;
}

static uint64_t array_layout(void *self)
{
    const struct array *a = self;
    uint64_t sum = 0;

    for (uint32_t i = 0; i < a->n; i++)
        sum = fold(fold(sum, a->start[i]), a->end[i]);
    return sum;
}

const struct contender contender_array = {
    .name = "sorted array",
    .open = array_open,
    .run = array_run,
    .layout = array_layout,
    .close = array_close,
};
