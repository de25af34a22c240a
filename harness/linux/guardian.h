/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who changes what concerns the whole system does so in a process of its own, the guardian, which
 * undoes it whatever ends the harness: its own wish, Ctrl-C, SIGKILL.
 *
 *      harness                          guardian
 *      linux_guardian_start()  ------>  begin()
 *      has what begin() left   <------
 *      ...                              waits
 *      linux_guardian_end(), or gone -> end()
 *
 * The guardian is a fork of the harness in a session of its own. It ignores SIGTERM and SIGHUP, and
 * has no file of the harness open but its end of a socket, as standard input: what begin() opens
 * stays open until end() has returned.
 */
#ifndef HARNESS_LINUX_GUARDIAN_H
#define HARNESS_LINUX_GUARDIAN_H

#include <stddef.h>
#include <sys/types.h>

struct linux_guardian {
    pid_t pid; /* 0: there is none */
    int held;  /* our end of the socket: closed, it is the sign to end */
};

/* What it does, with the same memory each time. end() undoes what begin() has done, also where that
 * failed halfway. begin: 0 or -errno. */
struct linux_duty {
    int (*begin)(void *what);
    void (*end)(void *what);
};

/* *what, of so many bytes, is then as begin() has left it, unless the guardian could not be had. 0
 * or -errno: then there is no guardian, and what was done is undone. */
int linux_guardian_start(struct linux_guardian *g, const struct linux_duty *duty, void *what,
                         size_t size);
/* end() has returned when this does. Nothing happens where there is no guardian. */
void linux_guardian_end(struct linux_guardian *g);

#endif
