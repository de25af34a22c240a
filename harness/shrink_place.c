/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Smaller addresses and lengths, all together. Every start and end that the program names or got is
 * a point on one line; what matters is mostly their order and which of them are equal. So the gaps
 * between neighbouring points are reduced to one page, all at once if that still fails, otherwise
 * as many as will, and each address and length is rewritten by where its points have gone:
 *
 *     0x100        0x180  0x190         0x10 0x11 0x12
 *       |------------|------|     ->      |----|----|
 *
 * Points at or above the lowest address that the search chose stay hung up where the search starts.
 */
#include "harness/shrink.h"

#include <stdlib.h>
#include <string.h>

#define LOWEST 16          /* page: the default mmap_min_addr */
#define FARTHEST (1 << 28) /* pages: no address of a world is beyond it */

struct place {
    struct op *op; /* the program at the start of this round, and what it answered */
    struct record *record;
    uint32_t nr;
    bool legacy;
    int64_t *x, *y, *gap; /* points, where they go, and the gap before each that is wanted */
    uint32_t n;
    uint32_t hung; /* first point that hangs from above; n: none */
};

static int compare_points(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static void add_point(struct place *pl, int64_t page)
{
    if (page > 0 && page < FARTHEST)
        pl->x[pl->n++] = page;
}

static const struct value *find_value(const struct op *op, enum arg arg)
{
    int slot = value_slot((enum op_kind)op->kind, arg);

    return slot < 0 ? NULL : &op->v[slot];
}

/* Page that a value stands for, or -1 if it counts from a landmark of the world. */
static int64_t value_page(const struct value *v, const int64_t results[MAX_NAMES + 1])
{
    if (!v)
        return -1;
    if (v->anchor == ANCHOR_ZERO)
        return v->pages;
    return v->anchor == ANCHOR_MAPPING ? results[v->name] + v->pages : -1;
}

static int64_t plain_pages(const struct value *v)
{
    return v && v->anchor == ANCHOR_ZERO ? v->pages : -1;
}

/* The heap begins at a landmark and so does not move with the rest. */
static int64_t start_of(const struct op *op, const int64_t results[MAX_NAMES + 1])
{
    return op->kind == OP_BRK ? -1 : value_page(find_value(op, ARG_ADDR), results);
}

static int64_t answer_page(const struct place *pl, uint32_t i)
{
    return defines_mapping(&pl->op[i]) && pl->record[i].ret > 0 ? pl->record[i].ret >> PAGE_SHIFT
                                                                : 0;
}

static void remember_answer(const struct place *pl, uint32_t i, int64_t results[MAX_NAMES + 1])
{
    if (defines_mapping(&pl->op[i]))
        results[pl->op[i].def] = answer_page(pl, i);
}

static void collect_points(struct place *pl)
{
    int64_t results[MAX_NAMES + 1] = {0}, hung = FARTHEST;
    uint32_t kept = 0;

    pl->n = 0;
    for (uint32_t i = 0; i < pl->nr; i++) {
        const struct op *op = &pl->op[i];
        int64_t start = start_of(op, results), len = plain_pages(find_value(op, ARG_LEN));
        int64_t new_len = plain_pages(find_value(op, ARG_NEWLEN));
        int64_t to = value_page(find_value(op, ARG_TO), results), got;

        add_point(pl, start);
        if (start > 0 && len > 0)
            add_point(pl, start + len);
        if (start > 0 && new_len > 0)
            add_point(pl, start + new_len);
        if (to > 0)
            add_point(pl, to);
        if (to > 0 && new_len > 0)
            add_point(pl, to + new_len);
        remember_answer(pl, i, results);
        got = answer_page(pl, i);
        if (new_len > 0)
            len = new_len;
        if (got > 0 && len > 0) {
            add_point(pl, got);
            add_point(pl, got + len);
            if (got != start && got != to && got < hung)
                hung = got;
        }
    }
    qsort(pl->x, pl->n, sizeof(*pl->x), compare_points);
    for (uint32_t i = 0; i < pl->n; i++)
        if (!kept || pl->x[kept - 1] != pl->x[i])
            pl->x[kept++] = pl->x[i];
    pl->n = kept;
    for (pl->hung = 0; pl->hung < kept && pl->x[pl->hung] < hung;)
        pl->hung++;
}

static int64_t gap_before(const struct place *pl, uint32_t i)
{
    return pl->x[i] - (i ? pl->x[i - 1] : 0);
}

static int64_t least_gap(const struct place *pl, uint32_t i)
{
    int64_t least = i ? 1 : LOWEST, gap = gap_before(pl, i);

    return gap < least ? gap : least;
}

static void move_points(struct place *pl)
{
    uint32_t n = pl->n;

    for (uint32_t i = 0; i < pl->hung; i++)
        pl->y[i] = (i ? pl->y[i - 1] : 0) + pl->gap[i];
    if (pl->hung == n)
        return;
    if (pl->legacy) {
        pl->y[pl->hung] = pl->x[pl->hung];
        for (uint32_t i = pl->hung + 1; i < n; i++)
            pl->y[i] = pl->y[i - 1] + pl->gap[i];
    } else {
        pl->y[n - 1] = pl->x[n - 1];
        for (uint32_t i = n - 1; i-- > pl->hung;)
            pl->y[i] = pl->y[i + 1] - pl->gap[i + 1];
    }
}

/* Where a page has gone; pages that are no points stay. */
static int64_t moved(const struct place *pl, int64_t page)
{
    const int64_t *found = bsearch(&page, pl->x, pl->n, sizeof(page), compare_points);

    return found ? pl->y[found - pl->x] : page;
}

static void move_value(const struct place *pl, struct value *v, int64_t page,
                       const int64_t results[MAX_NAMES + 1])
{
    int64_t base = v->anchor == ANCHOR_MAPPING ? moved(pl, results[v->name]) : 0;

    v->pages = (int32_t)(moved(pl, page) - base);
}

static void move_length(const struct place *pl, struct op *op, enum arg arg, int64_t start)
{
    int slot = value_slot((enum op_kind)op->kind, arg);

    if (slot < 0 || op->v[slot].anchor != ANCHOR_ZERO || op->v[slot].pages <= 0 || start <= 0)
        return;
    op->v[slot].pages = (int32_t)(moved(pl, start + op->v[slot].pages) - moved(pl, start));
}

/* File offsets that went with the addresses still do. */
static void move_offset(const struct place *pl, struct op *ops, uint32_t i)
{
    int slot = value_slot(OP_MMAP, ARG_OFF);
    const struct op *op = &pl->op[i];

    if (op->kind != OP_MMAP || !op->obj || op->v[slot].anchor != ANCHOR_ZERO)
        return;
    for (uint32_t j = 0; j < i; j++) {
        const struct op *other = &pl->op[j];
        int64_t here = answer_page(pl, i), there = answer_page(pl, j);

        if (other->kind != OP_MMAP || other->obj != op->obj || !here || !there ||
            other->v[slot].anchor != ANCHOR_ZERO ||
            op->v[slot].pages - other->v[slot].pages != here - there)
            continue;
        ops[i].v[slot].pages = (int32_t)(ops[j].v[slot].pages + moved(pl, here) - moved(pl, there));
        return;
    }
}

static void move_operations(const struct place *pl, struct op *ops)
{
    int64_t results[MAX_NAMES + 1] = {0};

    for (uint32_t i = 0; i < pl->nr; i++) {
        struct op *op = &ops[i];
        int64_t start = start_of(&pl->op[i], results);
        int64_t to = value_page(find_value(&pl->op[i], ARG_TO), results);
        /* Without a hint the mapping is where the search put it. */
        int64_t lies = start > 0 ? start : answer_page(pl, i);

        move_length(pl, op, ARG_LEN, lies);
        move_length(pl, op, ARG_NEWLEN, lies);
        if (start > 0)
            move_value(pl, &op->v[value_slot((enum op_kind)op->kind, ARG_ADDR)], start, results);
        if (to > 0)
            move_value(pl, &op->v[value_slot((enum op_kind)op->kind, ARG_TO)], to, results);
        move_offset(pl, ops, i);
        remember_answer(pl, i, results);
    }
}

static bool try_gaps(struct shrinker *s, struct place *pl)
{
    move_points(pl);
    candidate_start(s);
    s->candidate->nr = pl->nr;
    memcpy(s->candidate->op, pl->op, pl->nr * sizeof(*pl->op));
    move_operations(pl, s->candidate->op);
    return candidate_try(s);
}

/* One gap: the smallest that will do, supposing that what is larger does too. */
static bool reduce_one(struct shrinker *s, struct place *pl, uint32_t i)
{
    int64_t fails = pl->gap[i], works = gap_before(pl, i);
    bool shrunk = false;

    while (works - fails > 1 && !s->stopped) {
        pl->gap[i] = fails + (works - fails) / 2;
        if (try_gaps(s, pl)) {
            works = pl->gap[i];
            shrunk = true;
        } else {
            fails = pl->gap[i];
            if (!worth_exactness(s))
                break;
        }
    }
    pl->gap[i] = works;
    return shrunk;
}

/* Gaps [from, end): together, else by halves. */
static bool reduce_gaps(struct shrinker *s, struct place *pl, uint32_t from, uint32_t end)
{
    uint32_t middle = from + (end - from) / 2;
    bool shrunk;

    if (s->stopped || from == end)
        return false;
    for (uint32_t i = from; i < end; i++)
        pl->gap[i] = least_gap(pl, i);
    if (try_gaps(s, pl))
        return true;
    if (end - from == 1)
        return reduce_one(s, pl, from);
    for (uint32_t i = from; i < end; i++)
        pl->gap[i] = gap_before(pl, i);
    shrunk = reduce_gaps(s, pl, middle, end);
    shrunk |= reduce_gaps(s, pl, from, middle);
    return shrunk;
}

bool shrink_place(struct shrinker *s)
{
    size_t nr = s->best->nr, points = nr * 8 + 1;
    struct place pl = {.nr = s->best->nr, .legacy = s->best->config.legacy_layout};
    bool shrunk = false;

    pl.op = malloc((nr + 1) * sizeof(*pl.op));
    pl.record = malloc((nr + 1) * sizeof(*pl.record));
    pl.x = calloc(points * 3, sizeof(*pl.x));
    if (pl.op && pl.record && pl.x) {
        pl.y = pl.x + points;
        pl.gap = pl.y + points;
        memcpy(pl.op, s->best->op, nr * sizeof(*pl.op));
        memcpy(pl.record, s->record, nr * sizeof(*pl.record));
        collect_points(&pl);
        for (uint32_t i = 0; i < pl.n; i++)
            pl.gap[i] = gap_before(&pl, i);
        shrunk = reduce_gaps(s, &pl, 0, pl.n);
    }
    free(pl.op);
    free(pl.record);
    free(pl.x);
    return shrunk;
}
