/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The harness: runs programs on a subject, asks the oracles after each operation, shrinks what
 * fails, and reports it. This is the header that a user of harness/ reads.
 */
#ifndef HARNESS_HARNESS_H
#define HARNESS_HARNESS_H

#include "harness/program.h"
#include "oracles/oracles.h"

/* ---- executor ---- */
/* Laws that cannot be left out: nothing can go on where they are broken. */
#define LAWS_ENDING_RUNS (LAW_BIT(LAW_STEPS) | LAW_BIT(LAW_MODEL_BUG) | LAW_BIT(LAW_SUBJECT_LOST))
struct other_subject; /* harness/subject.h */
struct run_options {
    bool touched;        /* touched laws after every operation */
    bool spec;           /* run the flat specification beside the model; errno and layout laws */
    uint32_t full_every; /* full laws, snapshot laws and full comparison each so many operations,
                            or each 2 for a live VMA if that is more (1 stays 1), and at the end
                            of a program; 0: never */
    bool check_exit;     /* leak law at the end */
    bool hash;           /* fill result.hash */
    enum fault_id fault;
    uint64_t without;   /* LAW_BIT of laws that are not judged, so that what comes after shows */
    int rules;          /* enum rules, or -1: the program's own */
    bool verify_search; /* spec takes the subject's address if legal, see spec_seen */
    /* Called before the first operation (index -1) and after each; may be NULL. */
    void (*trace)(void *arg, int index, const struct op *op, const struct call *call, long ret);
    void *trace_arg;
    /* A third subject, which makes every operation too and has to agree; NULL: none. Allocations do
     * not fail then, and what it cannot do nobody does. */
    struct other_subject *other;
    /* Called for each operation that is not made: why in a few words, or the name of the known
     * difference. May be NULL. */
    void (*not_made)(void *arg, uint32_t index, const struct op *op, const char *why, bool known);
    void *not_made_arg;
};
/* Everything on, at a cadence that a fuzzing run can pay. With verify_search the operations of the
 * cadence, and the last one of a program, are judged by a full search all the same. */
extern const struct run_options run_options_full;
/* Everything on after every operation: what replay and CI use. */
extern const struct run_options run_options_strict;

struct op_stats {
    uint64_t calls[NR_OPS], failures[NR_OPS];
};
struct run_result {
    struct verdict verdict; /* law LAW_NONE: clean */
    uint32_t nr_run;        /* operations executed; on failure the last one is the culprit */
    uint32_t nr_refused;    /* of these, not made: the other subject cannot, or a quirk is known */
    enum op_kind kind;      /* of the culprit; OP_NONE at exit */
    long expected, got;     /* the two answers, where they differ */
    uint64_t hash;          /* of final snapshot and all answers; same in every build */
    uint64_t fault_reached, fault_triggered; /* times, in this run */
    uint32_t triggered_at; /* 1 + index of the first triggering operation; 0: never */
    bool by_other;         /* the other subject's answer or picture shows it */
};

struct executor;
struct executor *executor_new(unsigned slot); /* arena slot; NULL with errno */
void executor_free(struct executor *ex);
const struct world *executor_world(const struct executor *ex); /* model's, for reading */
const struct spec *executor_spec(const struct executor *ex);
struct op_stats *executor_stats(struct executor *ex); /* summed since executor_new() */

/* Runs all of it. Returns true when clean. */
bool executor_run(struct executor *ex, const struct program *p, const struct run_options *o,
                  struct run_result *r);
/* Generates as it goes: up to nr_ops operations, appended to p (emptied first). Stops at the first
 * violation. config: NULL lets the generator choose the world (rules from o->rules). */
bool executor_generate(struct executor *ex, struct program *p, uint64_t seed, uint32_t nr_ops,
                       const struct world_config *config, const struct run_options *o,
                       struct run_result *r);
/* Step by step, for what wants to look in between: start, then one operation at a time. */
void executor_start(struct executor *ex, const struct world_config *config,
                    const struct run_options *o, struct run_result *r);
bool executor_step(struct executor *ex, const struct op *op); /* false: r->verdict says why */
bool executor_finish(struct executor *ex);
const long *executor_results(const struct executor *ex); /* for generator_next() */

/* Runs p once for each allocation that each of its operations asks for, with that one failing.
 * *runs counts them. True: all were clean, or *stop. False: r is the run that was not, and p has
 * the fail=N that makes it. r is undefined if there was no run. */
bool executor_fail_each(struct executor *ex, struct program *p, const struct run_options *o,
                        const volatile bool *stop, uint64_t *runs, struct run_result *r);

/* Same law, same operation kind, same site. */
struct failure_class {
    enum law_id law;
    enum op_kind kind;
    const char *site;
};
struct failure_class failure_class(const struct run_result *r);
bool failure_class_equal(const struct failure_class *a, const struct failure_class *b);
/* A flaw that those kernels had, and that a preset has by itself therefore: anon.same breaks under
 * linux-4.4 (CVE-2022-42703). Who runs all presets in turn asks for news only. */
bool rules_break(enum rules rules, enum law_id law);

/* ---- shrinker ---- */
struct shrink_options {
    uint32_t max_evaluations; /* 0: 10000 */
    double max_seconds;       /* 0: no limit */
    void (*progress)(void *arg, uint32_t evaluations, uint32_t ops);
    void *arg;
    volatile bool *stop; /* set from a signal handler; may be NULL */
};
struct shrink_result {
    uint32_t evaluations, ops_before, ops_after;
    bool fixpoint; /* false: stopped by budget or signal */
    double seconds;
};
/* Shrinks p in place, keeping the class of the failure that running it with o gives. Returns false
 * if p does not fail at all. r: the run of the shrunk program. */
bool shrink(struct executor *ex, struct program *p, const struct run_options *o,
            const struct shrink_options *so, struct shrink_result *sr, struct run_result *r);

/* ---- reports ---- */
struct finding {
    const struct program *program; /* shrunk */
    const struct run_result *result;
    const struct run_options *options;
    const struct shrink_result *shrink; /* or NULL */
    uint64_t seed;
    const char *file; /* where it was or will be stored, or NULL */
    bool expected;    /* the program says that this law breaks */
};
/* "in process 0 at page 0x10", or "" if what broke the law is in no address space. */
#define PLACE_SIZE 64
void verdict_place(const struct verdict *v, char place[PLACE_SIZE]);
/* One screen: law and object in a sentence, operation, program, line maps before and after, stored
 * against recomputed, the command that replays it. Runs the program again on ex. */
void report_text(struct executor *ex, const struct finding *f, FILE *to);
void report_json(struct executor *ex, const struct finding *f, FILE *to); /* one JSON object */
/* The same as one section of an HTML page, with the state drawn; without Graphviz it says what is
 * missing. html_page() puts sections together: nothing on the page comes from elsewhere. */
void report_html(struct executor *ex, const struct finding *f, FILE *to);
void html_page(const char *title, const char *sections, FILE *to);
/* The state after the last operation run, as an SVG element for free(), whether or not it fails;
 * nr_ops: of the program, of which the finding may have the beginning only. 0, or -errno with one
 * line in message. */
int report_svg(struct executor *ex, const struct finding *f, uint32_t nr_ops, char **svg,
               char *message, size_t size);
/* A C program that makes the same system calls on Linux and prints what each answered, and what the
 * model, which makes them on ex, does if that is something else. */
void report_c(struct executor *ex, const struct program *p, FILE *to);
/* How many operations it cannot make: it says so of each when it runs. */
unsigned report_c_left_out(const struct program *p);
enum junit_outcome { JUNIT_PASSED, JUNIT_FAILED, JUNIT_ERROR, JUNIT_SKIPPED };
struct junit_case {
    const char *name;
    double seconds;
    enum junit_outcome outcome;
    const char *type, *message; /* of what has not passed: a word, and a line */
    const char *report;         /* all that there is to say, or NULL */
};
void report_junit(const struct junit_case *cases, size_t n, FILE *to);
/* " reached once", " reached 7 times" */
void put_times(const char *before, uint64_t n, FILE *to);
/* The words of text and a newline, in lines of 80 columns. column: what the first line holds
 * already; every line goes on after the indent. */
void put_hanging(const char *text, unsigned column, unsigned indent, FILE *to);
/* The process of that number; NULL: it is not there. */
const struct snap_proc *find_proc(const struct snapshot *s, uint32_t id);
/* An address space as a line map, one VMA a line, offsets and flags, gaps in between; of a process,
 * or of all. */
void print_process_map(const struct snapshot *s, const struct snap_proc *proc, FILE *to);
void print_line_map(const struct snapshot *s, FILE *to);

/* ---- files ---- */
/* Reads a program. What is text, or is named *.vma, or starts with "vmafuzz" is parsed; other bytes
 * are its wire form. 0, with message empty or a line of warning; or -errno with one line
 * "file:line:column: reason". "-" is standard input. */
int program_load(const char *path, struct program **p, bool *wire, char *message, size_t size);
/* All of a file, for free(); "-" is standard input. 0, or -errno with a line in message. */
int file_load(const char *path, char **data, size_t *size, char *message, size_t message_size);
/* Writes beside the target and renames: never half a file. A link stays, its target is replaced;
 * what is no regular file (a pipe, /dev/stdout) is written to. 0 or -errno with a line in message.
 */
typedef void file_printer(const void *what, FILE *to);
int file_save(const char *path, file_printer *print, const void *what, char *message, size_t size);
/* Could that be done? As far as it can be known without doing it. 0 or -errno with a line. */
int file_probe(const char *path, char *message, size_t size);
int program_save(const char *path, const struct program *p, char *message, size_t size);
/* Nearest of the n names by edit distance, or NULL if none is near. */
const char *nearest_name(const char *name, const char *const names[], size_t n);

#endif
