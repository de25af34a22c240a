/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Swap of our own, for as long as a run lasts: a zram device, or a file where there is none. It
 * concerns the whole system, so it has a guardian; and with it the memory cgroup, in which pages go
 * out that MADV_PAGEOUT leaves.
 */
#ifndef HARNESS_LINUX_SWAP_H
#define HARNESS_LINUX_SWAP_H

#include "harness/linux/group.h"
#include "harness/linux/guardian.h"

struct linux_swap {
    struct linux_guardian guardian;
    char path[64];
    struct linux_group group;
};

/* grouped: with a memory cgroup as well. 0, or -errno with one line in why. */
int linux_swap_open(struct linux_swap *s, bool grouped, char *why, size_t size);
void linux_swap_close(struct linux_swap *s);
/* All is read back; then there is swap again. 0 or -errno. */
int linux_swap_cycle(const struct linux_swap *s);

#endif
