/* SPDX-License-Identifier: GPL-2.0-only */
/* Anchor: an off-the-shelf ordered map, JudyL: start -> end and protection. It has no gap index. */
#include "bench/bench.h"

#include <Judy.h>
#include <stdlib.h>

struct map {
    struct bench_world world;
    Pvoid_t judy;
};

static uint32_t end_of(const Word_t *value)
{
    return (uint32_t)(*value >> 8);
}
static uint8_t prot_of(const Word_t *value)
{
    return (uint8_t)*value;
}
static Word_t pack(uint32_t end, uint8_t prot)
{
    return (Word_t)end << 8 | prot;
}

/* First range that ends above page; its start in *key. */
static Word_t *find(const struct map *m, uint32_t page, Word_t *key)
{
    Word_t *value;

    *key = page;
    value = (Word_t *)JudyLLast(m->judy, key, PJE0);
    if (value && end_of(value) > page)
        return value;
    *key = page;
    return (Word_t *)JudyLNext(m->judy, key, PJE0);
}

static void put(struct map *m, uint32_t start, uint32_t end, uint8_t prot)
{
    *(Word_t *)JudyLIns(&m->judy, start, PJE0) = pack(end, prot);
}

static void unmap(struct map *m, uint32_t start, uint32_t end)
{
    Word_t key, *value;

    while ((value = find(m, start, &key)) && key < end) {
        uint32_t old_end = end_of(value);
        uint8_t prot = prot_of(value);

        if (key < start)
            *value = pack(start, prot);
        else
            JudyLDel(&m->judy, key, PJE0);
        if (old_end > end) {
            put(m, end, old_end, prot);
            return;
        }
        if (old_end == end)
            return;
    }
}

static void map(struct map *m, uint32_t start, uint32_t end, uint8_t prot)
{
    Word_t key = start, *value;

    unmap(m, start, end);
    value = (Word_t *)JudyLLast(m->judy, &key, PJE0);
    if (value && *value == pack(start, prot))
        start = (uint32_t)key;
    value = (Word_t *)JudyLGet(m->judy, end, PJE0);
    if (value && prot_of(value) == prot) {
        uint32_t joined_end = end_of(value);

        JudyLDel(&m->judy, end, PJE0);
        end = joined_end;
    }
    put(m, start, end, prot);
}

/* Without a gap index: VMA by VMA. */
static uint32_t search(const struct map *m, uint32_t pages)
{
    Word_t key = m->world.bottomup ? 0 : (Word_t)-1, *value;
    uint32_t from = 0, to = m->world.window_pages;

    if (m->world.bottomup) {
        for (value = (Word_t *)JudyLFirst(m->judy, &key, PJE0); value && key - from < pages;
             value = (Word_t *)JudyLNext(m->judy, &key, PJE0))
            from = end_of(value);
        return value || to - from >= pages ? from : BENCH_NOWHERE;
    }
    for (value = (Word_t *)JudyLLast(m->judy, &key, PJE0); value && to - end_of(value) < pages;
         value = (Word_t *)JudyLPrev(m->judy, &key, PJE0))
        to = (uint32_t)key;
    return value || to >= pages ? to - pages : BENCH_NOWHERE;
}

static void *map_open(const struct bench_world *w)
{
    struct map *m = calloc(1, sizeof(*m));

    if (m)
        m->world = *w;
    return m;
}

static uint64_t map_run(void *self, const struct bench_op *op, size_t n)
{
    struct map *m = self;
    uint64_t sum = 0;

    for (; n--; op++) {
        uint32_t answer = 0;
        Word_t key;

        switch (op->kind) {
        case BENCH_MAP:
            map(m, op->page, op->page + op->pages, op->prot);
            answer = op->page;
            break;
        case BENCH_UNMAP:
            unmap(m, op->page, op->page + op->pages);
            break;
        case BENCH_FIND:
            answer = find(m, op->page, &key) ? (uint32_t)key : BENCH_NOWHERE;
            break;
        case BENCH_SEARCH:
            answer = search(m, op->pages);
            break;
        case BENCH_PLACE:
            answer = search(m, op->pages);
            map(m, answer, answer + op->pages, op->prot);
            break;
        }
        sum = fold(sum, answer);
    }
    return sum;
}

static uint64_t map_layout(void *self)
{
    const struct map *m = self;
    uint64_t sum = 0;
    Word_t key = 0;

    for (Word_t *value = (Word_t *)JudyLFirst(m->judy, &key, PJE0); value;
         value = (Word_t *)JudyLNext(m->judy, &key, PJE0))
        sum = fold(fold(sum, key), end_of(value));
    return sum;
}

static void map_close(void *self)
{
    struct map *m = self;

    JudyLFreeArray(&m->judy, PJE0);
    free(m);
}

const struct contender contender_map = {
    .name = "ordered map (JudyL)",
    .open = map_open,
    .run = map_run,
    .layout = map_layout,
    .close = map_close,
};

const struct contender contender_map_search = {
    .name = "ordered map (JudyL), gaps VMA by VMA",
    .max_live = 10000, /* more take minutes */
    .open = map_open,
    .run = map_run,
    .layout = map_layout,
    .close = map_close,
};
