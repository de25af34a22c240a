/* SPDX-License-Identifier: GPL-2.0-only */
/* What an agent shares with the bench that tells it what to do. */
#ifndef BENCH_AGENT_H
#define BENCH_AGENT_H

#include "bench/procs.h"

#include <linux/futex.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#define AGENT_BASE 0x100000000000UL /* address 0 of the stream; all of an agent lies far above */
#define AGENT_LAYOUT NR_OPS         /* kind of call: fold all pages, count VMAs */

enum mailbox_state { MAILBOX_EMPTY, MAILBOX_ASKED, MAILBOX_ANSWERED };
struct mailbox {
    _Alignas(64) _Atomic uint32_t state; /* enum mailbox_state: a futex */
    struct call call;
    long answer;   /* of fork: the child's PID */
    uint64_t ns;   /* CPU time of the call; exit: of the process before it */
    uint64_t sum;  /* AGENT_LAYOUT: to be folded into */
    uint32_t vmas; /* AGENT_LAYOUT */
};

static inline long mailbox_wait(struct mailbox *m, uint32_t while_state,
                                const struct timespec *timeout)
{
    return syscall(SYS_futex, &m->state, FUTEX_WAIT, while_state, timeout, NULL, 0);
}
static inline void mailbox_put(struct mailbox *m, uint32_t state)
{
    atomic_store(&m->state, state);
    syscall(SYS_futex, &m->state, FUTEX_WAKE, 1, NULL, NULL, 0);
}

#endif
