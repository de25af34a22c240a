/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the model cannot go on, the harness can: traps of the model and fatal signals raised while
 * an executor runs become verdicts. The jump buffer is set once per run, not per operation, and
 * without the signal mask, which would cost a system call; the handler has SA_NODEFER instead.
 */
#define _GNU_SOURCE
#include "harness/executor.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#if GUARD_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#define SIGNAL_STACK_SIZE (64 * 1024)

static const int caught[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
#define NR_CAUGHT (sizeof(caught) / sizeof(caught[0]))
static struct sigaction before[NR_CAUGHT]; /* who had them; written once per process in effect */

static _Thread_local struct executor *running;

/* Not ours: the one before us gets it, or the instruction is tried again and ends the process. */
static void pass_on(int sig, siginfo_t *info, void *context)
{
    for (size_t i = 0; i < NR_CAUGHT; i++) {
        if (caught[i] != sig)
            continue;
        if (before[i].sa_flags & SA_SIGINFO)
            before[i].sa_sigaction(sig, info, context);
        else
            signal(sig, SIG_DFL);
    }
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
    if (!running) {
        pass_on(sig, info, context);
        return;
    }
    running->signal = sig;
    siglongjmp(running->trap, 1);
}

/* Whoever handles a signal already (a fuzzing engine, a test) keeps it. ASan is asked to share: it
 * would end the process where a verdict is wanted. */
static bool may_take(const struct sigaction *old)
{
    if (old->sa_flags & SA_SIGINFO)
        return GUARD_ASAN && old->sa_sigaction != on_signal;
    return old->sa_handler == SIG_DFL;
}

static void install_handlers(void)
{
    struct sigaction act = {.sa_sigaction = on_signal,
                            .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};

    sigemptyset(&act.sa_mask);
    for (size_t i = 0; i < NR_CAUGHT; i++) {
        struct sigaction old;

        if (sigaction(caught[i], NULL, &old) || !may_take(&old))
            continue;
        before[i] = old;
        sigaction(caught[i], &act, NULL);
    }
}

#if GUARD_ASAN
/*
 * Built with -fsanitize-recover=address, ASan reports and goes on, and the report becomes a verdict
 * at the end of the operation: it cannot be jumped out of. But a report takes milliseconds, and an
 * operation can make one per page: so it ends at the next step of a loop. The first report is
 * shown, since it has the stack; the shrinker's many others are not. Outside of a run a report is
 * the end, as ever.
 */
static _Thread_local bool asan_reported;

#ifdef VMAFUZZ_ENGINE
/* An engine makes a copy of each input, on a page that has never been touched until 256 MB wait in
 * quarantine. What the model frees waits in its own pools. */
#define ENGINE_OPTIONS ":quarantine_size_mb=1"
#else
#define ENGINE_OPTIONS ""
#endif
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "halt_on_error=0:suppress_equal_pcs=0" ENGINE_OPTIONS;
}

static void after_report(const char *text)
{
    (void)text;
    if (!running)
        abort();
    asan_reported = true;
    running->world->steps_left = 1;
}

void __asan_on_error(void);
void __asan_on_error(void)
{
    static bool shown;
    static int nowhere = -1;

    if (nowhere < 0)
        nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    __sanitizer_set_report_fd((void *)(intptr_t)(running && shown && nowhere >= 0 ? nowhere : 2));
    shown = true;
}

bool guard_asan_clean(struct executor *ex)
{
    if (!asan_reported)
        return true;
    asan_reported = false;
    return law_broken(&ex->r->verdict, LAW_MODEL_BUG, "asan", caller(ex), ex->call.addr,
                      "AddressSanitizer saw an access to freed memory, or a wild one");
}
#endif

void guard_install(struct executor *ex)
{
    stack_t old;

    install_handlers();
#if GUARD_ASAN
    __asan_set_error_report_callback(after_report);
#endif
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
                                     "at exit", "beside the other subject"};
    const struct world *w = ex->world;
    struct verdict *v = &ex->r->verdict;
    uint32_t proc = caller(ex);
    uintptr_t addr = ex->call.addr;

    ex->r->kind = ex->phase == PHASE_EXIT ? OP_NONE : (enum op_kind)ex->call.kind;
    if (!guard_asan_clean(ex))
        return false;
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
#if GUARD_ASAN
    asan_reported = false;
#endif
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
