/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Swap of our own, for as long as a run lasts: a zram device, or a file where there is none. It
 * concerns the whole system. A process of its own takes it away again, whatever ends the harness;
 * and so with the memory cgroup, in which pages go out that MADV_PAGEOUT leaves.
 */
#ifndef HARNESS_LINUX_SWAP_H
#define HARNESS_LINUX_SWAP_H

#include "harness/linux/group.h"

#include <stddef.h>
#include <sys/types.h>

struct linux_swap {
    char path[64]; /* empty: there is none */
    int zram;      /* number of the device; -1: a file */
    int readahead; /* of the system, before */
    int held;      /* closed: the sign for the guardian */
    pid_t guardian;
    struct linux_group group;
};

/* grouped: with a memory cgroup as well. 0, or -errno with one line in why. */
int linux_swap_open(struct linux_swap *s, bool grouped, char *why, size_t size);
void linux_swap_close(struct linux_swap *s);
/* All is read back; then there is swap again. 0 or -errno. */
int linux_swap_cycle(const struct linux_swap *s);

#endif
