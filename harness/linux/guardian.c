/* SPDX-License-Identifier: GPL-2.0-only */
/* The guardian: see guardian.h. */
#define _GNU_SOURCE
#include "harness/linux/guardian.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static void guard(int harness, const struct linux_duty *duty, void *what, size_t size)
{
    int error;
    const struct iovec report[] = {{&error, sizeof(error)}, {what, size}};
    char byte;

    setsid(); /* Ctrl-C is for the harness */
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    if (dup2(harness, 0) < 0)
        _exit(1);
    close_range(1, ~0U, 0);
    error = duty->begin(what);
    if (writev(0, report, 2) == (ssize_t)(sizeof(error) + size))
        while (!error && read(0, &byte, 1) < 0 && errno == EINTR)
            continue;
    duty->end(what);
    _exit(0);
}

int linux_guardian_start(struct linux_guardian *g, const struct linux_duty *duty, void *what,
                         size_t size)
{
    int ends[2], error = -ECHILD; /* unless it says something else */
    const struct iovec report[] = {{&error, sizeof(error)}, {what, size}};

    *g = (struct linux_guardian){.held = -1};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
        return -errno;
    g->pid = fork();
    if (g->pid == 0) {
        close(ends[0]);
        guard(ends[1], duty, what, size);
    }
    if (g->pid < 0) {
        error = -errno;
        g->pid = 0;
        close(ends[0]);
        close(ends[1]);
        return error;
    }
    g->held = ends[0];
    close(ends[1]);
    while (readv(g->held, report, 2) < 0 && errno == EINTR)
        continue;
    if (error)
        linux_guardian_end(g);
    return error;
}

void linux_guardian_end(struct linux_guardian *g)
{
    if (!g->pid)
        return;
    close(g->held);
    while (waitpid(g->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    g->pid = 0;
}
