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

#include <jansson.h>
#include <sys/queue.h>

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
    struct live
        *live; /* beside the running kernel, which each worker opens for itself; NULL: not */
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
    uint64_t known; /* programs that met a flaw which their kernel had: rules_break() */
    uint64_t below; /* all of its programs with smaller numbers are done */
    uint64_t avoided[LIVE_MAX_QUIRKS]; /* calls, by quirk */
    struct linux_moves moves;          /* by compaction */
    uint64_t led, followed;            /* by the kernel: see struct other_subject */
    uint32_t vmas;                     /* most VMAs that one process had */
    uint32_t shrinking;                /* operations of the program that is being shrunk; 0: none */
    uint32_t evaluations;              /* of that shrink */
    uint32_t seen[NR_EVENTS];          /* bit i: the event came 2^i.. times in one program */
    struct op_stats stats;
};
void counters_add(struct counters *sum, const struct counters *c);
unsigned count_features(const struct counters *c);

/* ---- the parent (fuzz_parent.c) ---- */
/* A worker's counters after one of its programs. A run that a find ends counts the programs up to
 * that one and no others, however far the workers have got meanwhile. */
struct kept {
    STAILQ_ENTRY(kept) next;
    struct counters counters;
};
struct job {
    pid_t pid;
    int fd; /* -1: has ended */
    struct counters counters;
    STAILQ_HEAD(, kept) kept; /* those that may be asked for yet, if the first find ends the run */
};
struct fuzz {
    struct plan plan;
    bool json, made_out, stopping;
    double seconds;
    struct progress progress;
    struct job job[MAX_JOBS];
    json_t *pending; /* finds that wait for programs with smaller numbers */
    json_t *classes; /* set of "law operation site" */
    json_t *finds;   /* reported */
    unsigned lost;   /* finds that could not be stored, workers that died */
};
void fuzz_init(struct fuzz *f);     /* a random seed, one job, the folder `finds' */
extern const struct argp fuzz_argp; /* what runs of all kinds take; its input is struct fuzz */
int fuzz_run(struct fuzz *f);       /* with the plan filled in; returns the exit status */

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
