/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The processes that make the calls. A template, started once, has an empty window and never uses
 * it; process 0 of each world is forked from it, so that it is as good as new, and all others come
 * by fork. Harness and processes take turns on one CPU. The harness is the parent of all.
 *
 * Numbers of processes are slots of the mailbox: those of the world, and AGENT_TEMPLATE.
 */
#ifndef HARNESS_LINUX_PROCESSES_H
#define HARNESS_LINUX_PROCESSES_H

#include "harness/linux/agent.h"
#include "model/mm.h"

#include <sys/types.h>

/* Descriptors of the agents, who share one table of them. */
enum agent_fd {
    AGENT_FD_REGULAR = 5, /* where files are made: mounts that nobody else sees */
    AGENT_FD_REGULAR_NOEXEC,
    AGENT_FD_SHMEM_NOEXEC,
    AGENT_FD_RING = 9,                           /* see pins_linux.c */
    AGENT_FD_WORLD = 16,                         /* + number of the world's descriptor */
    AGENT_FD_CONTEXT = AGENT_FD_WORLD + MAX_FDS, /* + number of the userfault context */
    AGENT_FD_OBJECT = 64, /* + number of the object, which it keeps; see linux_files.c */
};
_Static_assert(AGENT_FD_CONTEXT + MAX_FDS <= AGENT_FD_OBJECT, "each has its own");
_Static_assert((int)AGENT_FD_SHMEM_NOEXEC + 1 == AGENT_FD_KEPT, "what is passed on");

struct processes {
    struct mailbox *mailbox;
    pid_t pid[AGENT_SLOTS]; /* 0: not there */
    int fd[AGENT_FD_KEPT];  /* what they are started with, of the harness; -1 */
    int program;            /* the agent's */
    double seconds;         /* that a call may take */
    uint64_t filled_from;   /* the lowest address of all, bytes */
    uint64_t own_pages;     /* total_vm of an empty window's process */
    char lost[160];         /* what has become of them; empty: all is well */
};

/* Makes files and template. 0, or -errno with one line in why. */
int processes_open(struct processes *p, double seconds, char *why, size_t size);
/* Ends all and closes all. */
void processes_close(struct processes *p);
/* As after processes_open(): an empty window, process 0 alone. 0 or -errno, with p->lost set. */
int processes_reset(struct processes *p);

/* Everything that is asked of a process answers -EOWNERDEAD once p->lost is set. */
struct agent_slot *processes_slot(struct processes *p, unsigned n);
/* What the slot says is done. */
long processes_ask(struct processes *p, unsigned n);
long processes_call(struct processes *p, unsigned n, long nr, uint64_t a, uint64_t b, uint64_t c,
                    uint64_t d, uint64_t e, uint64_t f);
long processes_fork(struct processes *p, unsigned n, unsigned child); /* 0 or -errno */
long processes_exit(struct processes *p, unsigned n);                 /* 0 */

#endif
