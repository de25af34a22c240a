/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the model cannot go on, the harness can: traps of the model and fatal signals raised while
 * an executor runs become verdicts. The jump buffer is set once per run, not per operation, and
 * without the signal mask, which would cost a system call; the handler has SA_NODEFER instead.
 */
#define _GNU_SOURCE
#include "harness/executor.h"

#include <stdlib.h>
#include <string.h>

#define SIGNAL_STACK_SIZE (64 * 1024)

static const int caught[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};

static _Thread_local struct executor *running;

static void on_signal(int sig, siginfo_t *info, void *context)
{
    (void)info, (void)context;
    if (!running) {
        /* Not ours: the instruction is tried again and ends the process as it would have. */
        signal(sig, SIG_DFL);
        return;
    }
    running->signal = sig;
    siglongjmp(running->trap, 1);
}

/* Whoever handles a signal already (a sanitizer, a fuzzing engine) keeps it. */
static void install_handlers(void)
{
    struct sigaction act = {.sa_sigaction = on_signal,
                            .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};

    sigemptyset(&act.sa_mask);
    for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++) {
        struct sigaction old;

        if (!sigaction(caught[i], NULL, &old) && !(old.sa_flags & SA_SIGINFO) &&
            old.sa_handler == SIG_DFL)
            sigaction(caught[i], &act, NULL);
    }
}

void guard_install(struct executor *ex)
{
    stack_t old;

    install_handlers();
    /* A stack that overflowed cannot hold the handler's frame. One per thread is enough. */
    if (sigaltstack(NULL, &old) || !(old.ss_flags & SS_DISABLE))
        return;
    ex->signal_stack.ss_sp = malloc(SIGNAL_STACK_SIZE);
    ex->signal_stack.ss_size = SIGNAL_STACK_SIZE;
    if (ex->signal_stack.ss_sp)
        sigaltstack(&ex->signal_stack, NULL);
}

void guard_remove(struct executor *ex)
{
    stack_t old;

    if (!ex->signal_stack.ss_sp)
        return;
    if (!sigaltstack(NULL, &old) && old.ss_sp == ex->signal_stack.ss_sp) {
        old.ss_flags = SS_DISABLE;
        sigaltstack(&old, NULL);
    }
    free(ex->signal_stack.ss_sp);
}

static bool trapped(struct executor *ex)
{
    static const char *const at[] = {"in the call", "in the flat specification", "in a law",
                                     "at exit"};
    const struct world *w = ex->world;
    struct verdict *v = &ex->r->verdict;
    uint32_t proc = ex->call.proc;
    uintptr_t addr = ex->call.addr;

    ex->r->kind = ex->phase == PHASE_EXIT ? OP_NONE : (enum op_kind)ex->call.kind;
    if (ex->signal)
        return law_broken(v, LAW_MODEL_BUG, "signal", proc, addr,
                          "SIG%s %s: a structure of the model leads to memory that is not its own",
                          sigabbrev_np(ex->signal), at[ex->phase]);
    switch (w->trap) {
    case TRAP_STEPS:
        return law_broken(v, LAW_STEPS, at[ex->phase], proc, addr, "%s %s: it would not have ended",
                          w->trap_reason, at[ex->phase]);
    case TRAP_DOUBLE_FREE:
        return law_broken(v, LAW_MODEL_BUG, "double-free", proc, addr, "%s %s", w->trap_reason,
                          at[ex->phase]);
    default:
        return law_broken(v, LAW_MODEL_BUG, w->trap_reason, proc, addr, "assertion %s, %s",
                          w->trap_reason, at[ex->phase]);
    }
}

bool guarded(struct executor *ex, bool (*body)(struct executor *ex, void *arg), void *arg)
{
    bool ok;

    ex->signal = 0;
    ex->world->on_trap = &ex->trap;
    running = ex;
    if (sigsetjmp(ex->trap, 0) == 0)
        ok = body(ex, arg);
    else
        ok = trapped(ex);
    running = NULL;
    ex->world->on_trap = NULL;
    return ok;
}

#ifdef GUARD_ASAN
/* With -fsanitize-recover=address and halt_on_error=0 ASan reports and goes on. It must not be
 * jumped out of, so a flag is left for the end of the operation. */
static _Thread_local bool asan_reported;

void __asan_on_error(void);
void __asan_on_error(void)
{
    asan_reported = true;
}

bool guard_asan_clean(struct executor *ex)
{
    if (!asan_reported)
        return true;
    asan_reported = false;
    return law_broken(&ex->r->verdict, LAW_MODEL_BUG, "asan", ex->call.proc, ex->call.addr,
                      "AddressSanitizer saw a wild access; its own report is on stderr");
}
#endif
