/* SPDX-License-Identifier: GPL-2.0-only */
/* The running kernel beside the model: what `vmafuzz live' and `replay --on linux' share. */
#ifndef HARNESS_LINUX_LIVE_H
#define HARNESS_LINUX_LIVE_H

#include "harness/harness.h"
#include "harness/linux/linux.h"
#include "harness/linux/trail.h"

#define LIVE_MAX_QUIRKS 32

struct live {
    /* Of who opens it. */
    struct linux_options options; /* cpu: the n-th that this process may use, modulo their number */
    uint32_t every;               /* operations between two pictures; 1: each */
    bool show_quirks;             /* do not avoid them */
    bool kernel_alone;            /* nobody else judges the model: its faults are measured so */
    int rules;                    /* of the model; -1: those of the kernel's version */
    const char *trail;            /* file that each operation is written to first; NULL: none */
    bool trail_by_port;           /* or where the host of this guest finds it */
    /* Filled in by live_init(). */
    char name[64];   /* "Linux 6.18.44" */
    char replay[64]; /* "--on linux --swap" */
    struct world_config config;
    /* Filled in by live_open(). */
    struct other_subject other;
    uint64_t lawful;                   /* the last picture that has kept the laws */
    struct trail left;                 /* the trail */
    uint64_t avoided[LIVE_MAX_QUIRKS]; /* calls, by quirk */
};
/* Defaults, and what can be known without starting anything. */
void live_init(struct live *l);
/* How many CPUs this process may use. */
unsigned live_cpus(void);
/* False with one line in why. */
bool live_open(struct live *l, char *why, size_t size);
void live_close(struct live *l);
/* The options of a run beside it. */
void live_options(struct live *l, struct run_options *o);

#endif
