/* SPDX-License-Identifier: GPL-2.0-only */
/* Asking the processes, forking them and ending them; processes_start.c starts the first one. */
#define _GNU_SOURCE
#include "harness/linux/processes.h"
#include "harness/linux/processes_start.h"

#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* How often somebody looks whether who does not answer is still there. */
#define LOOK_NS 20000000
/* Who is killed is gone by then, or is left to the kernel that does not let it go. */
#define KILL_MS 2000

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static const char *name_of(unsigned n, char text[24])
{
    if (n == AGENT_TEMPLATE)
        return "the template process";
    snprintf(text, 24, "process %u", n);
    return text;
}

static void died(struct processes *p, unsigned n, int status)
{
    char text[24];

    p->pid[n] = 0;
    if (WIFSIGNALED(status))
        snprintf(p->lost, sizeof(p->lost), "%s was killed by signal %d (%s)", name_of(n, text),
                 WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        snprintf(p->lost, sizeof(p->lost), "%s ended by itself with status %d", name_of(n, text),
                 WEXITSTATUS(status));
}

/* The kernel's function that it waits in; it may be one that does not wait at all. */
static void hangs(struct processes *p, unsigned n)
{
    char text[24], path[40], where[64] = "";
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/wchan", (int)p->pid[n]);
    f = fopen(path, "re");
    if (f && (fscanf(f, "%63s", where) != 1 || !strcmp(where, "0")))
        *where = 0;
    if (f)
        fclose(f);
    snprintf(p->lost, sizeof(p->lost), "%s has not answered for %g seconds%s%s", name_of(n, text),
             p->seconds, *where ? ": it waits in " : "", where);
}

/* Somebody did not answer for a while: true if that is to go on. */
static bool still_there(struct processes *p, unsigned n, double since)
{
    int status;

    if (waitpid(p->pid[n], &status, WNOHANG) == p->pid[n])
        died(p, n, status);
    else if (now() - since > p->seconds)
        hangs(p, n);
    return !*p->lost;
}

/* Until the state is another one. */
static bool await(struct processes *p, unsigned n, uint32_t state)
{
    const struct timespec look = {0, LOOK_NS};
    uint32_t *word = &p->mailbox->slot[n].state;
    double since = 0;

    for (;;) {
        uint32_t seen = state;

        if (!__atomic_compare_exchange_n(word, &seen, state | AGENT_AWAITED, false,
                                         __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST) &&
            seen != (state | AGENT_AWAITED))
            return true;
        if (!syscall(SYS_futex, word, FUTEX_WAIT, state | AGENT_AWAITED, &look, NULL, 0) ||
            errno != ETIMEDOUT)
            continue;
        if (since == 0)
            since = now();
        else if (!still_there(p, n, since))
            return false;
    }
}

static void wake(struct agent_slot *slot)
{
    __atomic_store_n(&slot->state, AGENT_ASKED, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, &slot->state, FUTEX_WAKE, 1, NULL, NULL, 0);
}

struct agent_slot *processes_slot(struct processes *p, unsigned n)
{
    return &p->mailbox->slot[n];
}

long processes_ask(struct processes *p, unsigned n)
{
    struct agent_slot *slot = processes_slot(p, n);

    if (*p->lost || !p->pid[n])
        return -EOWNERDEAD;
    wake(slot);
    return await(p, n, AGENT_ASKED) ? slot->answer : -EOWNERDEAD;
}

long processes_call(struct processes *p, unsigned n, long nr, uint64_t a, uint64_t b, uint64_t c,
                    uint64_t d, uint64_t e, uint64_t f)
{
    struct agent_slot *slot = processes_slot(p, n);

    slot->kind = AGENT_SYSCALL;
    slot->nr = (uint64_t)nr;
    slot->arg[0] = a;
    slot->arg[1] = b;
    slot->arg[2] = c;
    slot->arg[3] = d;
    slot->arg[4] = e;
    slot->arg[5] = f;
    return processes_ask(p, n);
}

bool processes_await_start(struct processes *p, unsigned n)
{
    return await(p, n, AGENT_STARTING);
}

long processes_fork(struct processes *p, unsigned n, unsigned child)
{
    struct agent_slot *slot = processes_slot(p, n);
    long pid;

    slot->kind = AGENT_FORK;
    slot->arg[0] = child;
    processes_slot(p, child)->state = AGENT_STARTING;
    pid = processes_ask(p, n);
    if (pid < 0)
        return pid;
    p->pid[child] = (pid_t)pid;
    return processes_await_start(p, child) ? 0 : -EOWNERDEAD;
}

/* Waits for an end that is under way, ms at most: a kernel may not let it come. */
static bool reap(pid_t pid, int pidfd, int ms, int *status)
{
    struct pollfd end = {.fd = pidfd, .events = POLLIN};
    double until = now() + ms * 1e-3;

    while (pidfd >= 0 && poll(&end, 1, ms) < 1) {
        ms = (int)((until - now()) * 1e3);
        if (ms <= 0)
            return false;
    }
    return waitpid(pid, status, 0) == pid;
}

static int open_pid(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

long processes_exit(struct processes *p, unsigned n)
{
    struct agent_slot *slot = processes_slot(p, n);
    int pidfd, status = 0;

    if (*p->lost || !p->pid[n])
        return -EOWNERDEAD;
    pidfd = open_pid(p->pid[n]);
    slot->kind = AGENT_EXIT;
    wake(slot);
    if (!reap(p->pid[n], pidfd, (int)(p->seconds * 1e3), &status))
        hangs(p, n);
    else if (status)
        died(p, n, status);
    else
        p->pid[n] = 0;
    if (pidfd >= 0)
        close(pidfd);
    return *p->lost ? -EOWNERDEAD : 0;
}

void processes_kill(struct processes *p, unsigned first, unsigned end)
{
    int status;

    for (unsigned n = first; n < end; n++)
        if (p->pid[n])
            kill(p->pid[n], SIGKILL);
    for (unsigned n = first; n < end; n++) {
        int pidfd = p->pid[n] ? open_pid(p->pid[n]) : -1;

        if (pidfd >= 0) {
            reap(p->pid[n], pidfd, KILL_MS, &status);
            close(pidfd);
        }
        p->pid[n] = 0;
    }
}

/* Of the last world. Kernels before 5.9 are asked one by one. */
static void close_files(struct processes *p)
{
    if (processes_call(p, AGENT_TEMPLATE, SYS_close_range, AGENT_FD_WORLD, ~0U, 0, 0, 0, 0) !=
        -ENOSYS)
        return;
    for (unsigned fd = AGENT_FD_WORLD; fd < AGENT_FD_CONTEXT + MAX_FDS; fd++)
        processes_call(p, AGENT_TEMPLATE, SYS_close, fd, 0, 0, 0, 0, 0);
    for (unsigned fd = AGENT_FD_OBJECT;
         !processes_call(p, AGENT_TEMPLATE, SYS_close, fd, 0, 0, 0, 0, 0); fd++)
        continue;
}

int processes_reset(struct processes *p)
{
    char why[200];
    int error;

    processes_kill(p, 0, AGENT_TEMPLATE);
    if (*p->lost || !p->pid[AGENT_TEMPLATE]) {
        processes_kill(p, AGENT_TEMPLATE, AGENT_SLOTS);
        *p->lost = 0;
        error = processes_start(p, why, sizeof(why));
        if (error) {
            snprintf(p->lost, sizeof(p->lost), "%.150s", why);
            return error;
        }
    }
    close_files(p);
    return (int)processes_fork(p, AGENT_TEMPLATE, 0);
}
