/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * State features: counters beside the code coverage map. Both engines put an 8-bit count into
 * classes of about a power of two each, so that a counter of events is a feature per class.
 *
 * libFuzzer scans its own section of counters. AFL++ has one map: guards of our own, placed among
 * those of the compiler, get map positions of their own from the same start-up code.
 */
#include "fuzz/fuzz.h"

#include <string.h>

#define HEIGHTS 16U
#define TOUCHED 16U

/* Errors told apart; the last one stands for all others, 0 for success. */
static const uint8_t errors[] = {
    0,     EINVAL,    ENOMEM, EFAULT, EEXIST, EPERM, EACCES,     EAGAIN,
    EBADF, EOVERFLOW, ENODEV, EBUSY,  EMFILE, ENXIO, EOPNOTSUPP, UINT8_MAX,
};
#define NR_ERRORS ((unsigned)(sizeof(errors) / sizeof(errors[0])))

/* Where each family of features starts. */
#define BY_EVENT 0U                                      /* event, in the whole program */
#define BY_OP_EVENT (BY_EVENT + NR_EVENTS)               /* operation kind x event */
#define BY_OP_ERROR (BY_OP_EVENT + NR_OPS * NR_EVENTS)   /* operation kind x error */
#define BY_OP_TOUCHED (BY_OP_ERROR + NR_OPS * NR_ERRORS) /* operation kind x VMAs touched */
#define BY_OP_PAGES (BY_OP_TOUCHED + NR_OPS * TOUCHED)   /* operation kind x frames touched */
#define BY_HEIGHT (BY_OP_PAGES + NR_OPS * TOUCHED)       /* depths of a tree's two ends */
#define NR_FEATURES (BY_HEIGHT + HEIGHTS * HEIGHTS)

#ifdef VMAFUZZ_AFL
extern uint8_t *__afl_area_ptr;
static uint32_t position[NR_FEATURES] __attribute__((section("__sancov_guards"), used));

static uint8_t *counter(unsigned feature)
{
    return &__afl_area_ptr[position[feature]];
}
#else
/* Engines other than libFuzzer leave the section alone. */
static uint8_t counters[(NR_FEATURES + 7) / 8 * 8]
    __attribute__((section("__libfuzzer_extra_counters"), aligned(8)));

static uint8_t *counter(unsigned feature)
{
    return &counters[feature];
}
#endif

static uint32_t seen[NR_EVENTS]; /* events before the current operation */

/* Most are there or not; how often only matters for events of the whole program. */
static void hit(unsigned feature)
{
    *counter(feature) = 1;
}

void features_start(void)
{
    memset(seen, 0, sizeof(seen));
}

static unsigned error_class(long ret)
{
    unsigned i = 0;

    if (ret >= 0)
        return 0;
    while (i < NR_ERRORS - 1 && errors[i] != -ret)
        i++;
    return i;
}

/* The events that have happened since the last time, by number; seen from now on. All are looked at
 * after every operation, and few have happened: by vectors, and not asking the sanitizers. */
#define LANES 8
typedef uint32_t lanes __attribute__((vector_size(LANES * sizeof(uint32_t)), aligned(4)));
typedef uint64_t halves __attribute__((vector_size(sizeof(lanes))));

__attribute__((no_sanitize("address", "undefined"))) static unsigned fresh_events(
    const uint32_t events[NR_EVENTS], uint8_t fresh[NR_EVENTS])
{
    unsigned n = 0;

    for (unsigned from = 0; from < NR_EVENTS; from += LANES) {
        const unsigned end = from + LANES < NR_EVENTS ? from + LANES : NR_EVENTS;

        if (end - from == LANES) {
            const halves differ =
                (halves)(*(const lanes *)(events + from) ^ *(const lanes *)(seen + from));

            if (!(differ[0] | differ[1] | differ[2] | differ[3]))
                continue;
        }
        for (unsigned i = from; i < end; i++) {
            fresh[n] = (uint8_t)i;
            n += events[i] != seen[i];
            seen[i] = events[i];
        }
    }
    return n;
}
_Static_assert(NR_EVENTS <= UINT8_MAX, "numbers of events are bytes");

void features_op(void *arg, int index, const struct op *op, const struct call *call, long ret)
{
    const struct world *w = arg;
    uint32_t n = w->notes.n, pages = w->notes.npages;
    uint8_t event[NR_EVENTS];
    unsigned fresh;

    (void)call;
    if (index < 0)
        return;
    hit(BY_OP_ERROR + op->kind * NR_ERRORS + error_class(ret));
    hit(BY_OP_TOUCHED + op->kind * TOUCHED + (n < TOUCHED ? n : TOUCHED - 1));
    hit(BY_OP_PAGES + op->kind * TOUCHED + (pages < TOUCHED ? pages : TOUCHED - 1));
    fresh = fresh_events(w->events, event);
    for (unsigned i = 0; i < fresh; i++)
        hit(BY_OP_EVENT + op->kind * (unsigned)NR_EVENTS + event[i]);
}

static unsigned depth(const struct rb_node *n, bool right)
{
    unsigned d = 0;

    for (; n && d < HEIGHTS - 1; d++)
        n = right ? n->right : n->left;
    return d;
}

void features_end(const struct world *w)
{
    for (unsigned i = 0; i < NR_EVENTS; i++)
        *counter(BY_EVENT + i) = (uint8_t)(seen[i] < UINT8_MAX ? seen[i] : UINT8_MAX);
    for (uint32_t i = 0; i < w->nr_procs; i++) {
        const struct rb_node *root;

        if (!w->proc[i])
            continue;
        root = w->proc[i]->mm_rb.node;
        hit(BY_HEIGHT + depth(root, false) * HEIGHTS + depth(root, true));
    }
}
