/* SPDX-License-Identifier: GPL-2.0-only */
/* The memory cgroup of a run, of either version. */
#define _GNU_SOURCE
#include "harness/linux/group.h"

#include "harness/linux/settings.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define VERSION_1 "/sys/fs/cgroup/memory"
#define VERSION_2 "/sys/fs/cgroup"
#define SWITCH VERSION_2 "/cgroup.subtree_control"

static int put_in(const struct linux_group *g, const char *file, const char *text)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", g->path, file);
    return linux_put_text(path, text);
}

static bool is_on(void)
{
    char text[256];

    return linux_get_text(SWITCH, text, sizeof(text)) && strstr(text, "memory");
}

static const char *reclaim_file(const struct linux_group *g)
{
    return g->first ? "memory.force_empty" : "memory.reclaim";
}

int linux_group_make(struct linux_group *g)
{
    char path[128];

    *g = (struct linux_group){.first = !access(VERSION_1 "/cgroup.procs", F_OK)};
    if (!g->first && !is_on()) {
        const int error = linux_put_text(SWITCH, "+memory");

        if (error)
            return error;
        g->switched_on = true;
    }
    snprintf(g->path, sizeof(g->path), "%s/vmafuzz-%d", g->first ? VERSION_1 : VERSION_2,
             (int)getpid());
    if (mkdir(g->path, 0755)) {
        const int error = -errno;

        *g->path = '\0';
        return error;
    }
    snprintf(path, sizeof(path), "%s/%s", g->path, reclaim_file(g));
    return access(path, W_OK) ? -EOPNOTSUPP : 0;
}

/* Who has been killed may still be on the way out. */
void linux_group_remove(const struct linux_group *g)
{
    const struct timespec moment = {.tv_nsec = 10000000};

    for (int tries = 0; *g->path && rmdir(g->path) && errno == EBUSY && tries < 500; tries++)
        nanosleep(&moment, NULL);
    if (g->switched_on)
        linux_put_text(SWITCH, "-memory");
}

int linux_group_add(const struct linux_group *g, pid_t pid)
{
    char number[24];

    snprintf(number, sizeof(number), "%d", (int)pid);
    return put_in(g, "cgroup.procs", number);
}

/* Never is all of it reclaimed, which the kernel then says. */
int linux_group_reclaim(const struct linux_group *g)
{
    const int error = put_in(g, reclaim_file(g), g->first ? "0" : "256M"); /* more than there is */

    return error == -EAGAIN || error == -EBUSY ? 0 : error;
}
