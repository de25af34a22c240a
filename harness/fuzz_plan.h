/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a fuzzing run does, and how its workers tell the parent about it.
 *
 * A plan fixes the whole sequence of programs: number i has its seed, length and rules from the
 * plan's seed and i alone. Workers take every jobs-th program, and the parent reports finds in the
 * order of program numbers, so that the output does not depend on the number of workers.
 */
#ifndef HARNESS_FUZZ_PLAN_H
#define HARNESS_FUZZ_PLAN_H

#include "harness/cmd.h"

#define MAX_JOBS 64

struct plan {
    uint64_t seed;
    uint64_t ops;    /* operations planned; 0: no limit */
    double deadline; /* seconds_now() at which no program starts any more; 0: none */
    uint32_t length; /* operations of a program; 0: mixed */
    struct subject_options subject;
    unsigned jobs;
    bool stop;       /* at the first find */
    bool html;       /* finds come with a page */
    const char *out; /* folder of finds */
};
struct plan_cursor {
    uint64_t next, ops; /* program to come, operations planned before it */
};
struct planned {
    uint64_t number, seed;
    uint32_t length;
    struct run_options options;
};
/* Next program; false when the plan's operations are used up. */
bool plan_next(const struct plan *plan, struct plan_cursor *cursor, struct planned *out);

/* What a worker has done so far. */
struct counters {
    uint64_t programs, ops, violations, fault_reached, fault_triggered;
    uint64_t known;           /* programs that met a flaw which their kernel had: rules_break() */
    uint64_t below;           /* all of its programs with smaller numbers are done */
    uint32_t vmas;            /* most VMAs that one process had */
    uint32_t shrinking;       /* operations of the program that is being shrunk; 0: none */
    uint32_t evaluations;     /* of that shrink */
    uint32_t seen[NR_EVENTS]; /* bit i: the event came 2^i.. times in one program */
    struct op_stats stats;
};
void counters_add(struct counters *sum, const struct counters *c);
unsigned count_features(const struct counters *c);

/* ---- pipe from worker to parent: this header, then `size` bytes ---- */
enum message_kind {
    MESSAGE_COUNTERS, /* struct counters */
    MESSAGE_FIND,     /* JSON text, see describe_find() */
    MESSAGE_ERROR,    /* a line of text */
};
struct message {
    uint32_t kind, size;
};
/* Runs programs number index, index + jobs, ... and writes to fd. Returns an exit status. */
int fuzz_worker(const struct plan *plan, unsigned index, int fd);

#endif
