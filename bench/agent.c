/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An agent: a process that makes the calls of one process of the stream. Its program was started
 * anew, so that what fork copies is the stream's memory and little else.
 */
#define _GNU_SOURCE
#include "bench/agent.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>

static struct mailbox *mailboxes;
static unsigned self;

static void *at(uint64_t addr)
{
    return (void *)(AGENT_BASE + addr);
}

static long answer_of(long ret)
{
    return ret == -1 ? -errno : ret;
}

static long address_of(const void *p)
{
    return p == MAP_FAILED ? -errno : (long)((uintptr_t)p - AGENT_BASE);
}

/* The child is the bench's, which waits for its end. */
static long spawn(void)
{
    return answer_of(syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0));
}

static long make_call(const struct call *c)
{
    switch ((enum op_kind)c->kind) {
    case OP_MMAP:
        return address_of(mmap(at(c->addr), c->len, c->prot, c->flags, -1, 0));
    case OP_MUNMAP:
        return answer_of(munmap(at(c->addr), c->len));
    case OP_MPROTECT:
        return answer_of(mprotect(at(c->addr), c->len, c->prot));
    case OP_MREMAP:
        return address_of(mremap(at(c->addr), c->len, c->new_len, c->flags, at(c->to)));
    case OP_READ:
        return *(volatile long *)at(c->addr);
    case OP_WRITE:
        *(volatile uint64_t *)at(c->addr) = c->stamp;
        return 0;
    case OP_RECLAIM:
        return answer_of(madvise(at(c->addr), c->len, MADV_PAGEOUT));
    case OP_FORK:
        return spawn();
    default:
        return -ENOSYS;
    }
}

/* Walks the mappings of the window. */
static void fold_layout(struct mailbox *m)
{
    FILE *f = fopen("/proc/self/maps", "re");
    uintptr_t s, e;
    char line[512], r, w, x;

    m->vmas = 0;
    m->answer = f ? 0 : -1;
    while (f && fgets(line, sizeof(line), f)) {
        unsigned prot;

        if (sscanf(line, "%lx-%lx %c%c%c", &s, &e, &r, &w, &x) != 5 || s < AGENT_BASE ||
            e > AGENT_BASE + ((PROCS_FIRST + PROCS_WINDOW) << PAGE_SHIFT))
            continue;
        prot = (r == 'r' ? PROT_READ : 0U) | (w == 'w' ? PROT_WRITE : 0U) |
               (x == 'x' ? PROT_EXEC : 0U);
        m->vmas++;
        for (uintptr_t addr = s; addr < e; addr += PAGE_SIZE)
            m->sum = procs_page(m->sum, (addr - AGENT_BASE) >> PAGE_SHIFT, prot,
                                prot & PROT_READ ? *(volatile uint64_t *)addr : 0);
    }
    if (f)
        fclose(f);
}

/* After exec and fork: nobody is left behind, and a page stays one page. */
static void settle(unsigned number)
{
    self = number;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
}

static void answer(struct mailbox *m)
{
    const struct call c = m->call;
    uint64_t from, took;
    long ret;

    if (c.kind == AGENT_LAYOUT) {
        fold_layout(m);
        mailbox_put(m, MAILBOX_ANSWERED);
        return;
    }
    from = now_ns();
    if (c.kind == OP_EXIT) {
        m->ns = from;
        syscall(SYS_exit_group, 0);
    }
    ret = make_call(&c);
    took = now_ns() - from;
    if (c.kind == OP_FORK && !ret) {
        settle(c.child);
        return;
    }
    m->answer = ret;
    m->ns = took;
    mailbox_put(m, MAILBOX_ANSWERED);
}

int agent_main(int fd)
{
    mailboxes =
        mmap(NULL, MAX_PROCS * sizeof(*mailboxes), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mailboxes == MAP_FAILED)
        return 1;
    close(fd);
    settle(0);
    for (;;) {
        struct mailbox *m = &mailboxes[self];
        uint32_t state = atomic_load(&m->state);

        if (state == MAILBOX_ASKED)
            answer(m);
        else
            mailbox_wait(m, state, NULL);
    }
}
