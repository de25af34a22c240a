/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Anchor: the running kernel, with a real process for each one of the stream. The agents wait at
 * mailboxes; bench and agents hand over by futex on one CPU. The agent takes the CPU time of the
 * call alone; that of an exit is all that the agent has left to do, and the wait for it here.
 */
#define _GNU_SOURCE
#include "bench/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#define PATIENCE 20 /* seconds that a call may take */

struct agents {
    struct mailbox *mailbox; /* MAX_PROCS */
    pid_t pid[MAX_PROCS];    /* 0: not there */
    cpu_set_t cpus;          /* the bench's own, before */
};

/* Another CPU would have to be woken up for each call. Children inherit it. */
static void share_one_cpu(struct agents *a)
{
    int cpu = sched_getcpu();
    cpu_set_t one;

    CPU_ZERO(&one);
    CPU_SET(cpu < 0 ? 0 : (unsigned)cpu, &one);
    sched_getaffinity(0, sizeof(a->cpus), &a->cpus);
    sched_setaffinity(0, sizeof(one), &one); /* a failure only costs time */
}

static pid_t start_agent(int fd)
{
    char number[16];
    pid_t pid;

    snprintf(number, sizeof(number), "%d", fd);
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        execl("/proc/self/exe", "vmafuzz-bench", AGENT_OPTION, number, (char *)NULL);
        _exit(127);
    }
    return pid;
}

/* Waits for the answer. An agent that died never gives one. */
static bool answered(struct agents *a, unsigned proc)
{
    const struct timespec second = {1, 0};
    struct mailbox *m = &a->mailbox[proc];

    for (unsigned tries = 0; atomic_load(&m->state) == MAILBOX_ASKED;) {
        int status;

        if (!mailbox_wait(m, MAILBOX_ASKED, &second) || errno != ETIMEDOUT)
            continue;
        if (waitpid(a->pid[proc], &status, WNOHANG) == a->pid[proc])
            a->pid[proc] = 0;
        if (!a->pid[proc] || ++tries == PATIENCE)
            return false;
    }
    return true;
}

static bool ask(struct agents *a, const struct call *c)
{
    struct mailbox *m = &a->mailbox[c->proc];

    m->call = *c;
    mailbox_put(m, MAILBOX_ASKED);
    return answered(a, c->proc);
}

static double cpu_ns(const struct rusage *u)
{
    return ((double)u->ru_utime.tv_sec + (double)u->ru_stime.tv_sec) * 1e9 +
           ((double)u->ru_utime.tv_usec + (double)u->ru_stime.tv_usec) * 1e3;
}

static bool end_agent(struct agents *a, const struct call *c, double *ns)
{
    struct mailbox *m = &a->mailbox[c->proc];
    struct rusage usage;
    uint64_t from;
    int status;

    m->call = *c;
    mailbox_put(m, MAILBOX_ASKED);
    from = now_ns();
    if (wait4(a->pid[c->proc], &status, 0, &usage) < 0 || status)
        return false;
    *ns = (double)(now_ns() - from) + cpu_ns(&usage) - (double)m->ns;
    a->pid[c->proc] = 0;
    return true;
}

bool agents_call(struct agents *a, const struct call *c, long *answer, double *ns)
{
    const struct mailbox *m = &a->mailbox[c->proc];

    *answer = 0;
    if (!a->pid[c->proc])
        return false;
    if (c->kind == OP_EXIT)
        return end_agent(a, c, ns);
    if (c->kind == OP_FORK)
        atomic_store(&a->mailbox[c->child].state, MAILBOX_EMPTY);
    if (!ask(a, c))
        return false;
    *ns = (double)m->ns;
    *answer = m->answer;
    if (c->kind == OP_FORK && m->answer > 0) {
        a->pid[c->child] = (pid_t)m->answer;
        *answer = 0;
    }
    return true;
}

bool agents_layout(struct agents *a, unsigned proc, uint64_t *sum, unsigned *vmas)
{
    const struct call c = {.kind = AGENT_LAYOUT, .proc = (uint8_t)proc};
    struct mailbox *m = &a->mailbox[proc];

    m->sum = *sum;
    if (!a->pid[proc] || !ask(a, &c) || m->answer)
        return false;
    *sum = m->sum;
    *vmas += m->vmas;
    return true;
}

void agents_close(struct agents *a)
{
    for (unsigned i = 0; i < MAX_PROCS; i++) {
        if (!a->pid[i])
            continue;
        kill(a->pid[i], SIGKILL);
        waitpid(a->pid[i], NULL, 0);
    }
    sched_setaffinity(0, sizeof(a->cpus), &a->cpus);
    munmap(a->mailbox, MAX_PROCS * sizeof(*a->mailbox));
    free(a);
}

struct agents *agents_open(void)
{
    const struct call hello = {.kind = OP_NONE};
    struct agents *a = calloc(1, sizeof(*a));
    const size_t size = MAX_PROCS * sizeof(*a->mailbox);
    int fd = memfd_create("vmafuzz-bench", 0); /* agents inherit it */

    if (!a || fd < 0 || ftruncate(fd, (off_t)size) < 0) {
        free(a);
        return NULL;
    }
    a->mailbox = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (a->mailbox == MAP_FAILED) {
        close(fd);
        free(a);
        return NULL;
    }
    share_one_cpu(a);
    a->pid[0] = start_agent(fd);
    close(fd);
    if (a->pid[0] > 0 && ask(a, &hello))
        return a;
    a->pid[0] = a->pid[0] > 0 ? a->pid[0] : 0;
    agents_close(a);
    return NULL;
}

bool kernel_swaps(void)
{
    FILE *f = fopen("/proc/swaps", "re");
    unsigned lines = 0;
    char line[256];

    while (f && fgets(line, sizeof(line), f))
        lines++;
    if (f)
        fclose(f);
    return lines > 1; /* the first is a heading */
}
