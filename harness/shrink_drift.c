/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What no removal makes shorter may only look like the shortest: of the same failure there are many
 * programs of that length, and from most of them something can go. So for a while any change is
 * taken that keeps the failure, and after each it is tried what can go now. If nothing could, all
 * changes are taken back.
 */
#include "harness/shrink.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CHANGES 4000

static void change_value(struct value *v, struct rng *rng)
{
    const int64_t pages = (int64_t)v->pages + rng_below(rng, 9) - 4;

    if (pages == (int32_t)pages && (pages > 0 || v->anchor != ANCHOR_ZERO))
        v->pages = (int32_t)pages;
}

/* It can be anywhere: it names nothing, and nobody names it. */
static bool stands_alone(const struct op *op)
{
    if (op->def || op->obj)
        return false;
    for (unsigned i = 0; i < nr_values((enum op_kind)op->kind); i++)
        if (op->v[i].anchor == ANCHOR_MAPPING)
            return false;
    return true;
}

static void swap(struct op *a, struct op *b)
{
    struct op *first = a < b ? a : b, *second = a < b ? b : a;
    const struct op moved = *first;

    if (!stands_alone(first) || !stands_alone(second))
        return;
    if (second->proc && second->proc != first->proc)
        return; /* it might not be forked so early, and the text form cannot say that */
    *first = *second;
    *second = moved;
}

static void change(struct shrinker *s, struct rng *rng)
{
    const uint32_t n = s->candidate->nr - 1; /* the culprit stays */
    struct op *op = &s->candidate->op[rng_below(rng, n)];
    const unsigned values = nr_values((enum op_kind)op->kind);

    switch (rng_below(rng, 3)) {
    case 0:
        swap(op, &s->candidate->op[rng_below(rng, n)]);
        break;
    case 1:
        if (op_has_arg((enum op_kind)op->kind, ARG_PROT))
            op->prot ^= (uint8_t)(1u << rng_below(rng, 2)); /* who is like whom */
        break;
    default:
        if (values)
            change_value(&op->v[rng_below(rng, values)], rng);
    }
}

/* One operation, and two. */
static void drop_some(struct shrinker *s, struct rng *rng)
{
    for (unsigned n = 1; n <= 2; n++) {
        keep_all(s);
        for (unsigned i = 0; i < n; i++)
            s->gone[rng_below(rng, s->best->nr - 1)] = true;
        try_without(s);
    }
}

/* Not where a run is dear, nor with the last of the runs: what is shorter is to be made simple. */
static bool go_on(const struct shrinker *s)
{
    return !s->stopped && !s->options.other && s->best->nr > FEW_OPERATIONS &&
           s->sr->evaluations < s->max_evaluations / 4 * 3;
}

bool shrink_drift(struct shrinker *s)
{
    const uint32_t before = s->best->nr;
    const struct run_result result = s->result;
    struct op *kept;
    struct rng rng;

    if (!go_on(s))
        return false;
    kept = malloc(before * sizeof(*kept));
    if (!kept)
        errx(EXIT_FAILURE, "out of memory while shrinking");
    memcpy(kept, s->best->op, before * sizeof(*kept));
    rng_seed(&rng, before);
    for (unsigned i = 0; i < MAX_CHANGES && go_on(s); i++) {
        candidate_start(s);
        change(s, &rng);
        if (candidate_try(s))
            drop_some(s, &rng);
    }
    if (s->best->nr == before) { /* of that length, the one that has been made simple */
        memcpy(s->best->op, kept, before * sizeof(*kept));
        s->result = result;
    }
    free(kept);
    return s->best->nr < before;
}
