/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A memory cgroup for the processes of a run: what they have can be reclaimed apart from all other
 * memory, pages that several of them map as well. Which pages go is the kernel's choice.
 */
#ifndef HARNESS_LINUX_GROUP_H
#define HARNESS_LINUX_GROUP_H

#include <stdbool.h>
#include <sys/types.h>

struct linux_group {
    char path[64];    /* empty: there is none */
    bool first;       /* of version 1 */
    bool switched_on; /* memory cgroups of version 2, for the time of the run */
};

/* Version 1 or 2, whichever has memory. 0 or -errno. */
int linux_group_make(struct linux_group *g);
/* When its processes are gone, or about to be. */
void linux_group_remove(const struct linux_group *g);
int linux_group_add(const struct linux_group *g, pid_t pid); /* 0 or -errno */
int linux_group_reclaim(const struct linux_group *g);        /* 0 or -errno */

#endif
