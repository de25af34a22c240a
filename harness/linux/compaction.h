/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel moves pages to other frames when it compacts memory: it finds the entries of each by
 * the reverse map, twice. It can be asked to, not for which pages. So that ours are among them they
 * get frames that are low, and higher ones are free: see compaction.c.
 */
#ifndef HARNESS_LINUX_COMPACTION_H
#define HARNESS_LINUX_COMPACTION_H

#include "harness/linux/linux.h"

struct linux_compaction {
    bool open;
    int file;                 /* what is written to ask for it */
    uint8_t *ballast;         /* memory of the harness */
    int ballast_map;          /* where the kernel tells the frames of it; -1: nowhere */
    uint64_t *was, *now;      /* frames of the entries of all windows; 0: none */
    struct linux_moves moves; /* so far */
};

/* 0, or -errno with one line in why. */
int linux_compaction_open(struct linux_compaction *c, char *why, size_t size);
void linux_compaction_close(struct linux_compaction *c);
/* pid[n]: of process n of the world; 0: does not exist. 0 or -errno. */
long linux_compact(struct linux_compaction *c, const pid_t pid[MAX_PROCS]);

#endif
