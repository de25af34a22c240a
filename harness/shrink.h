/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the shrinker share with each other and with nobody else.
 *
 * shrink.c        trying candidates, removing operations   shrink_args.c   simpler arguments
 * shrink_place.c  smaller addresses and lengths, together  shrink_procs.c  fewer generations
 * shrink_drift.c  other programs of the same length
 */
#ifndef HARNESS_SHRINK_H
#define HARNESS_SHRINK_H

#include "harness/codec.h"
#include "harness/harness.h"

/* What an operation of the best program was asked and answered when it ran. */
struct record {
    struct call call;
    long ret;
};

struct shrinker {
    struct executor *ex;
    struct program *best, *candidate;
    struct record *record, *next_record; /* of best; of the candidate that runs */
    bool *gone;                          /* scratch: operations to leave out */
    struct run_options options;
    struct failure_class class;
    struct run_result result; /* of best */
    const struct shrink_options *so;
    struct shrink_result *sr;
    uint64_t *seen; /* hashes of candidates that were run; 0: free slot */
    uint32_t nr_seen, seen_cap;
    uint32_t max_evaluations;
    double start;
    bool stopped;
};

/* candidate := best, to be edited and tried. */
void candidate_start(struct shrinker *s);
/* Runs the candidate unless it has been run before. If it fails in the same class it becomes the
 * best (cut behind the culprit) and true comes back. */
bool candidate_try(struct shrinker *s);
/* Leaves out the operations of s->gone, and those of processes that are not forked without them,
 * and tries; references to what they defined become the addresses they had. */
bool try_without(struct shrinker *s);
/* candidate := best without the operations of s->gone. */
void candidate_without(struct shrinker *s);
void keep_all(struct shrinker *s); /* s->gone: none */

/* One round each; true if best became simpler. */
bool shrink_args(struct shrinker *s);
bool shrink_place(struct shrinker *s);
bool shrink_procs(struct shrinker *s);
bool shrink_drift(struct shrinker *s); /* false: nothing is tried any more, s->record is stale */
#define FEW_OPERATIONS 9               /* of so many nobody wonders why they are needed */

/* Index in op->v of an argument that is a value, -1: the operation has none such. */
int value_slot(enum op_kind kind, enum arg arg);
unsigned nr_values(enum op_kind kind);
static inline bool defines_mapping(const struct op *op)
{
    return op->def && op_table[op->kind].def == DEF_MAPPING;
}
/* Bit of the process that it makes; 0: it makes none. */
static inline uint32_t proc_made(const struct op *op)
{
    return op->kind == OP_FORK ? 1u << (op->def - 1) : 0;
}
static inline bool op_has_arg(enum op_kind kind, enum arg arg)
{
    for (const uint8_t *a = op_table[kind].args; *a != ARG_END; a++)
        if (*a == arg)
            return true;
    return false;
}

/* In a long program limits and sizes hang together, and the exact minimum of each costs more runs
 * than a reader gains: there, after a while, a number is only halved as long as that works. */
static inline bool worth_exactness(const struct shrinker *s)
{
    return s->best->nr <= 8 || s->sr->evaluations < 1000;
}

/* Pages that an operation of best named or got: at most MAX_SPANS of them. */
#define MAX_SPANS 4
struct span {
    uint64_t start, end; /* pages */
};
unsigned record_spans(const struct record *r, struct span span[MAX_SPANS]);

#endif
