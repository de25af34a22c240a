/* SPDX-License-Identifier: GPL-2.0-only */
/* What executor.c, executor_judge.c and guard.c share with each other and with nobody else. */
#ifndef HARNESS_EXECUTOR_H
#define HARNESS_EXECUTOR_H

#include "harness/codec.h"
#include "harness/harness.h"
#include "harness/subject.h"

#include <signal.h>

#define unlikely(x) __builtin_expect(!!(x), 0)

/* Who was at work when a trap or a signal came. */
enum phase { PHASE_CALL, PHASE_SPEC, PHASE_LAWS, PHASE_EXIT, PHASE_OTHER };

struct executor {
    struct subject *model, *flat;
    struct world *world; /* the model's */
    struct spec *spec;   /* the flat specification's */
    struct run_options o;
    struct run_result *r;
    uint32_t until_full;    /* operations left before the next full judgement */
    bool judged_full;       /* nothing happened since the last one */
    uint32_t until_picture; /* the same for the other subject's pictures */
    bool judged_picture;
    const char *why_not;     /* the other subject does not make the current call */
    bool why_known;          /* that is the name of a known difference */
    bool brute;              /* this operation's address search is judged by a full scan */
    uint8_t phase;           /* enum phase */
    struct call call;        /* the current one */
    uint32_t alloc_failures; /* events[EV_ALLOC_FAILED] before the call */
    long results[MAX_NAMES + 1];
    struct pairing pairing;
    struct snapshot picture, flat_picture, other_picture;
    struct op_stats stats;
    sigjmp_buf trap;
    volatile sig_atomic_t signal; /* that ended the run; 0: none */
    stack_t signal_stack;
};

/* ---- guard.c ---- */
/* Runs body; a trap of the model, or a fatal signal inside, ends it with a verdict. */
bool guarded(struct executor *ex, bool (*body)(struct executor *ex, void *arg), void *arg);
void guard_install(struct executor *ex);
void guard_remove(struct executor *ex);
#if defined(__SANITIZE_ADDRESS__)
#define GUARD_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GUARD_ASAN 1
#endif
#endif
#ifndef GUARD_ASAN
#define GUARD_ASAN 0
#endif
#if GUARD_ASAN
/* False with a verdict: ASan has reported something and went on. */
bool guard_asan_clean(struct executor *ex);
#else
static inline bool guard_asan_clean(const struct executor *ex)
{
    (void)ex;
    return true;
}
#endif

/* ---- executor_judge.c: true, or false with the verdict filled ---- */
/* The flat specification makes the same call and its answer is compared. */
/* Who has made the call, for verdicts; NO_PROC if nobody has. */
static inline uint32_t caller(const struct executor *ex)
{
    return op_has_process((enum op_kind)ex->call.kind) ? ex->call.proc : NO_PROC;
}
bool judge_answer(struct executor *ex, long got);
bool judge_touched(struct executor *ex);
bool judge_full(struct executor *ex);
bool judge_exit(struct executor *ex);
/* Which answer was wrong is part of the class, or the shrinker would slip from one to another. */
const char *answer_site(long expected, long got);
bool answers_contents(enum op_kind kind);

/* ---- executor_other.c: with run_options.other ---- */
bool other_start(struct executor *ex, const struct world_config *config);
/* False with why_not: nobody makes the current call. */
bool other_makes(struct executor *ex);
/* It makes the current call before the model does. */
bool other_leads(struct executor *ex);
/* So it does, and the model follows: *ret for both. */
bool follow_other(struct executor *ex, long *ret);
/* It makes the call, and answer and picture are compared; last: the program's last operation. */
bool judge_other(struct executor *ex, long got, bool last);
bool judge_other_picture(struct executor *ex);

#endif
