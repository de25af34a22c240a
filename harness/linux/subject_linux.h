/* SPDX-License-Identifier: GPL-2.0-only */
/* What apply_linux.c, can_linux.c, files_linux.c and subject_linux.c share with each other only. */
#ifndef HARNESS_LINUX_SUBJECT_LINUX_H
#define HARNESS_LINUX_SUBJECT_LINUX_H

#include "harness/linux/linux.h"
#include "harness/linux/processes.h"
#include "harness/linux/swap.h"

#include <sched.h>

/* An object that was opened: who made it can still reach it, whatever its descriptors are. */
struct linux_object {
    bool memfd; /* FILE_SHMEM of its own: it can be sealed */
    enum file_kind kind;
};
#define MAX_LINUX_OBJECTS 512 /* of one world: descriptors are not endless */

struct subject_linux {
    struct subject base;
    struct linux_options o;
    struct world_config config;
    struct processes p;
    struct linux_swap swap;
    struct linux_reader *reader; /* NULL: no pictures */
    struct linux_object object[MAX_LINUX_OBJECTS];
    unsigned nr_objects;
    int object_of[MAX_FDS];       /* of the world's descriptors; -1: not open */
    uint64_t hard[NR_MM_RLIMITS]; /* pages; MM_RLIM_INFINITY */
    bool can_name;                /* prctl PR_SET_VMA_ANON_NAME is configured */
    cpu_set_t cpus;               /* the harness' own, before */
};

static inline struct subject_linux *linux_of(struct subject *s)
{
    return (struct subject_linux *)s;
}

/* ---- apply_linux.c ---- */
long apply_linux(struct subject_linux *l, const struct call *c);
bool linux_has_operation(enum op_kind kind);
/* Of the descriptor tables of all processes: the template's. */
long template_call(struct subject_linux *l, long nr, uint64_t a, uint64_t b, uint64_t c,
                   uint64_t d);

/* ---- can_linux.c ---- */
bool linux_can(struct subject *s, const struct call *c);

/* ---- remote_linux.c: what another process does to a process' memory ---- */
long linux_peek(struct subject_linux *l, const struct call *c);
long linux_poke(struct subject_linux *l, const struct call *c);
long linux_force(struct subject_linux *l, const struct call *c);

/* ---- files_linux.c: answers as the model's ---- */
void linux_files_reset(struct subject_linux *l);
bool linux_can_file(const struct subject_linux *l, const struct call *c);
long linux_open(struct subject_linux *l, const struct call *c);
long linux_reopen(struct subject_linux *l, const struct call *c);
long linux_dup(struct subject_linux *l, const struct call *c);
long linux_close(struct subject_linux *l, const struct call *c);
long linux_seal(struct subject_linux *l, const struct call *c);

#endif
