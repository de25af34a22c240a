/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The agent: what runs in the processes that make a program's calls. A static program without a C
 * library, of one page that can be read and executed, and nothing that can be written but the
 * mailbox, which all of them share: so it adds no private memory to the processes that are looked
 * at. It does what its slot of the mailbox says, and answers there; all meaning is the harness'.
 */
#include "harness/linux/agent.h"
#include "harness/linux/agent_syscall.h"

#include <asm/errno.h>
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <asm/sigcontext.h>
#include <asm/ucontext.h>
#include <linux/futex.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <linux/sched.h>

#ifndef SA_RESTORER
#define SA_RESTORER 0x04000000
#endif

/* The mailbox takes the place of the stack that exec has made; its template's slot is the stack. */
__attribute__((naked)) void _start(void);
__attribute__((naked)) void _start(void)
{
    __asm__("mov %0, %%rdi\n"
            "mov %1, %%esi\n"
            "mov %2, %%edx\n"
            "mov %3, %%r10d\n"
            "mov %4, %%r8d\n"
            "xor %%r9d, %%r9d\n"
            "mov %5, %%eax\n"
            "syscall\n"
            "cmp %%rdi, %%rax\n"
            "jne 1f\n"
            "mov %6, %%rsp\n"
            "call agent_start\n"
            "1: mov $1, %%edi\n"
            "mov %7, %%eax\n"
            "syscall\n"
            :
            : "i"(MAILBOX_BASE), "i"(AGENT_END - MAILBOX_BASE), "i"(PROT_READ | PROT_WRITE),
              "i"(MAP_SHARED | MAP_FIXED), "i"(AGENT_FD_MAILBOX), "i"(__NR_mmap),
              "i"(MAILBOX_BASE + AGENT_SLOTS * SLOT_SIZE), "i"(__NR_exit_group));
}

/* The only instructions that touch the world's memory. A signal here goes on at agent_touched. */
long agent_read(unsigned long addr);
long agent_write(unsigned long addr, unsigned long value);
long agent_fetch(unsigned long addr, void *scratch);
void agent_touched(void);
void agent_restore(void);
__asm__("agent_read:\n"
        "   mov (%rdi), %rax\n"
        "   ret\n"
        "agent_write:\n"
        "   mov %rsi, (%rdi)\n"
        "   xor %eax, %eax\n"
        "   ret\n"
        /* what lies there are zeroes: add %al, (%rax). The first trap comes before it, the second
           after it. */
        "agent_fetch:\n"
        "   mov %rsi, %rax\n"
        "   pushfq\n"
        "   orq $0x100, (%rsp)\n"
        "   popfq\n"
        "   jmp *%rdi\n"
        "agent_touched:\n" /* the handler has put the answer into rax */
        "   ret\n"
        "agent_restore:\n"
        "   mov $15, %eax\n" /* rt_sigreturn */
        "   syscall\n");

static struct mailbox *mailbox(void)
{
    return (struct mailbox *)MAILBOX_BASE;
}

static void stop(int status)
{
    for (;;)
        syscall3(__NR_exit_group, status, 0, 0);
}

/* Anywhere but in the two accesses above it is the agent that has gone wrong. */
static void on_fault(int sig, siginfo_t *info, void *context)
{
    struct ucontext *u = context;
    unsigned long at = u->uc_mcontext.rip;

    (void)info;
    if (sig == SIGTRAP && at == u->uc_mcontext.rdi)
        return; /* go on: now it is fetched */
    if (sig != SIGTRAP && at != u->uc_mcontext.rdi &&
        (at < (unsigned long)agent_read || at >= (unsigned long)agent_touched))
        stop(2);
    u->uc_mcontext.rip = (unsigned long)agent_touched;
    u->uc_mcontext.eflags &= ~0x100UL;
    u->uc_mcontext.rax = (unsigned long)(sig == SIGTRAP ? 0 : sig == SIGBUS ? -ENXIO : -EFAULT);
}

static void handle(int sig)
{
    struct {
        void (*handler)(int, siginfo_t *, void *);
        unsigned long flags;
        void (*restorer)(void);
        unsigned long mask;
    } action = {on_fault, SA_SIGINFO | SA_NODEFER | SA_RESTORER, agent_restore, 0};

    syscall6(__NR_rt_sigaction, sig, (long)&action, 0, sizeof(action.mask), 0, 0);
}

/* A child of the harness, on the stack of its own slot. */
static long spawn(struct agent_slot *slot)
{
    const unsigned long flags = CLONE_PARENT | CLONE_FILES | SIGCHLD;
    register long zero10 __asm__("r10") = 0;
    register long zero8 __asm__("r8") = 0;
    long ret;

    __asm__ volatile("syscall\n"
                     "   test %%rax, %%rax\n"
                     "   jnz 1f\n"
                     "   mov %[slot], %%rdi\n"
                     "   call agent_child\n"
                     "1:\n"
                     : "=a"(ret)
                     : "a"(__NR_clone), "D"(flags), "S"(slot + 1), "d"(0), "r"(zero10),
                       "r"(zero8), [slot] "b"(slot)
                     : "rcx", "r11", "memory");
    return ret;
}

static long each_page(long nr, unsigned long from, unsigned long to, unsigned long arg)
{
    const unsigned long size = 4096;

    for (; from < to; from += size)
        syscall3(nr, (long)from, (long)size, (long)arg);
    return 0;
}

static long answer(struct agent_slot *s)
{
    const uint64_t *a = s->arg;

    switch ((enum agent_kind)s->kind) {
    case AGENT_SYSCALL:
        return syscall6((long)s->nr, (long)a[0], (long)a[1], (long)a[2], (long)a[3], (long)a[4],
                        (long)a[5]);
    case AGENT_EACH:
        return each_page((long)s->nr, a[0], a[1], a[2]);
    case AGENT_FETCH: {
        long ret = agent_fetch(a[0] + sizeof(long), &s->scratch);

        return ret ? ret : agent_read(a[0]);
    }
    case AGENT_READ:
        return agent_read(a[0]);
    case AGENT_WRITE:
        return agent_write(a[0], a[1]);
    case AGENT_FORK:
        return spawn(&mailbox()->slot[a[0]]);
    default:
        stop(0);
        return 0;
    }
}

static void say(struct agent_slot *slot)
{
    if (__atomic_exchange_n(&slot->state, AGENT_IDLE, __ATOMIC_SEQ_CST) & AGENT_AWAITED)
        syscall3(__NR_futex, (long)&slot->state, FUTEX_WAKE, 1);
}

static void serve(struct agent_slot *slot)
{
    for (;;) {
        uint32_t state = __atomic_load_n(&slot->state, __ATOMIC_SEQ_CST);

        if (state == AGENT_IDLE) {
            syscall6(__NR_futex, (long)&slot->state, FUTEX_WAIT, state, 0, 0, 0);
            continue;
        }
        slot->answer = answer(slot);
        say(slot);
    }
}

/* Nobody outlives the harness. */
static void settle(struct agent_slot *slot)
{
    syscall3(__NR_prctl, PR_SET_PDEATHSIG, SIGKILL, 0);
    if (syscall3(__NR_getppid, 0, 0, 0) != mailbox()->harness)
        stop(3);
    say(slot);
    serve(slot);
}

void agent_child(struct agent_slot *slot);
void agent_child(struct agent_slot *slot)
{
    settle(slot);
}

static long fill(unsigned long from, unsigned long to)
{
    return syscall6(__NR_mmap, (long)from, (long)(to - from), PROT_NONE,
                    MAP_SHARED | MAP_FIXED | MAP_NORESERVE, AGENT_FD_FILLER, 0);
}

/* The template: an empty window, and filler around it. */
void agent_start(void);
void agent_start(void)
{
    const unsigned long first = AGENT_WINDOW + AGENT_WINDOW_FIRST;
    const unsigned long end = AGENT_WINDOW + AGENT_WINDOW_SIZE;
    struct agent_slot *slot = &mailbox()->slot[AGENT_TEMPLATE];
    unsigned long low = 0x1000, none = 0;

    syscall3(__NR_munmap, (long)first, (long)(end - first), 0);
    while (low < AGENT_WINDOW && fill(low, first) < 0) /* some may not map the lowest ones */
        low <<= 1;
    if (low >= AGENT_WINDOW || fill(end, AGENT_BASE) < 0)
        stop(4);
    slot->answer = (long)low;
    syscall3(__NR_close, 0, 0, 0);
    syscall3(__NR_close, 1, 0, 0);
    syscall3(__NR_close, 2, 0, 0);
    syscall3(__NR_close_range, AGENT_FD_KEPT, -1U, 0);
    syscall6(__NR_rt_sigprocmask, SIG_SETMASK, (long)&none, 0, sizeof(none), 0, 0);
    syscall6(__NR_prctl, PR_SET_THP_DISABLE, 1, 0, 0, 0, 0);
    handle(SIGSEGV);
    handle(SIGBUS);
    handle(SIGTRAP);
    settle(slot);
}
