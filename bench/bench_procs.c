/* SPDX-License-Identifier: GPL-2.0-only */
/* Part "procs": processes that map, unmap, protect, move, fork, exit, read, write, and swap. */
#include "bench/procs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* ---- those who run the stream ---- */
struct timing {
    double ns; /* all operations of a segment */
    double kind_ns[NR_OPS];
};
struct runner {
    const char *name;
    bool touched, spec;
    bool each;   /* times each operation, for the second table */
    bool kernel; /* times each anyway, inside of the agent */
};
enum { OFF, TOUCHED, SPEC, KERNEL, OFF_EACH, TOUCHED_EACH };
static const struct runner runners[] = {
    [OFF] = {.name = "executor, oracles off"},
    [TOUCHED] = {.name = "executor, touched laws", .touched = true},
    [SPEC] = {.name = "executor, touched laws and specification", .touched = true, .spec = true},
    [KERNEL] = {.name = "processes on the running kernel", .kernel = true},
    [OFF_EACH] = {.name = "executor, each operation timed", .each = true},
    [TOUCHED_EACH] = {.name = "touched laws, each operation timed", .touched = true, .each = true},
};
#define NR_RUNNERS ARRAY_SIZE(runners)

struct run {
    const struct runner *runner;
    const struct program *program;
    struct executor *ex;
    struct agents *agents;
    struct run_options options;
    struct run_result result;
    uint64_t answers, layout; /* folds */
    unsigned vmas;            /* at the end */
    bool there, broken;       /* broken: did not reach the end */
    double clock;             /* clock_cost() */
    struct timing time[MAX_ROUNDS];
};

static void take_answer(void *arg, int index, const struct op *op, const struct call *call,
                        long ret)
{
    struct run *r = arg;

    (void)op;
    if (index >= 0)
        r->answers = fold(r->answers, (uint64_t)procs_answer(call, ret, 0));
}

static void run_open(struct run *r, const struct runner *runner, unsigned slot,
                     const struct program *p)
{
    r->runner = runner;
    r->program = p;
    r->clock = clock_cost();
    if (runner->kernel) {
        r->agents = agents_open();
        r->there = r->agents != NULL;
        return;
    }
    r->options = (struct run_options){.touched = runner->touched,
                                      .spec = runner->spec,
                                      .rules = -1,
                                      .verify_search = true,
                                      .trace = take_answer,
                                      .trace_arg = r};
    r->ex = executor_new(slot);
    r->there = r->ex != NULL;
    if (r->there)
        executor_start(r->ex, &p->config, &r->options, &r->result);
}

static void run_close(struct run *r)
{
    if (r->agents)
        agents_close(r->agents);
    executor_free(r->ex);
}

double clock_cost(void)
{
    static double ns[1001];

    for (size_t i = 0; i < ARRAY_SIZE(ns); i++) {
        uint64_t from = now_ns();

        ns[i] = (double)(now_ns() - from);
    }
    return cell_of(ns, ARRAY_SIZE(ns)).median;
}

static bool kernel_segment(struct run *r, size_t from, size_t n, struct timing *t)
{
    static const long no_results[MAX_NAMES + 1];

    for (size_t i = from; i < from + n; i++) {
        struct call call;
        double ns = 0;
        long answer;

        op_resolve(&r->program->op[i], &r->program->config, no_results, &call);
        call.stamp = i + 1;
        if (!agents_call(r->agents, &call, &answer, &ns))
            return false;
        t->ns += ns - r->clock;
        t->kind_ns[call.kind] += ns - r->clock;
        r->answers = fold(r->answers, (uint64_t)procs_answer(&call, answer, 0));
    }
    return true;
}

static bool executor_segment(struct run *r, size_t from, size_t n)
{
    for (size_t i = from; i < from + n; i++)
        if (!executor_step(r->ex, &r->program->op[i]))
            return false;
    return true;
}

static bool timed_segment(struct run *r, size_t from, size_t n, struct timing *t)
{
    for (size_t i = from; i < from + n; i++) {
        uint64_t start = now_ns();
        bool clean = executor_step(r->ex, &r->program->op[i]);

        t->kind_ns[r->program->op[i].kind] += (double)(now_ns() - start) - r->clock;
        if (!clean)
            return false;
    }
    return true;
}

static void run_segment(struct run *r, size_t from, size_t n, struct timing *t)
{
    uint64_t start = now_ns();
    bool ok;

    memset(t, 0, sizeof(*t));
    if (!r->there || r->broken)
        return;
    if (r->runner->kernel) {
        ok = kernel_segment(r, from, n, t);
    } else {
        ok = r->runner->each ? timed_segment(r, from, n, t) : executor_segment(r, from, n);
        t->ns = (double)(now_ns() - start);
    }
    if (!ok)
        r->broken = true;
}

/* ---- final states ---- */
static void model_layout(struct run *r)
{
    const struct world *w = executor_world(r->ex);

    for (unsigned proc = 0; proc < PROCS; proc++) {
        for (const struct vma *v = w->proc[proc]->mmap; v; v = v->vm_next) {
            unsigned prot = (v->vm_flags & VM_READ ? PROT_READ : 0U) |
                            (v->vm_flags & VM_WRITE ? PROT_WRITE : 0U) |
                            (v->vm_flags & VM_EXEC ? PROT_EXEC : 0U);

            r->vmas++;
            for (uint64_t page = v->vm_start >> PAGE_SHIFT; page < v->vm_end >> PAGE_SHIFT; page++)
                r->layout = procs_page(r->layout, page, prot,
                                       prot & PROT_READ ? model_contents(w, proc, page, NULL) : 0);
        }
    }
}

static void run_layout(struct run *r)
{
    if (!r->there || r->broken)
        return;
    if (!r->agents)
        model_layout(r);
    for (unsigned proc = 0; r->agents && proc < PROCS; proc++)
        if (!agents_layout(r->agents, proc, &r->layout, &r->vmas))
            r->broken = true;
}

static unsigned compare(const struct run *r, const struct run *first)
{
    if (!r->there || (!r->broken && r->answers == first->answers && r->layout == first->layout))
        return 0;
    fprintf(stderr, "vmafuzz-bench: %s %s\n", r->runner->name,
            r->broken ? "did not reach the end" : "disagrees with the first one");
    if (r->broken && r->ex)
        fprintf(stderr, "operation %u: %s\n", r->result.nr_run, r->result.verdict.text);
    return 1;
}

/* ---- figures ---- */
struct figures {
    struct cell all[NR_RUNNERS];
    struct cell kind[NR_RUNNERS][NR_OPS];
    size_t nr[NR_OPS]; /* operations of each kind in all rounds */
    size_t total;
    unsigned vmas[NR_RUNNERS];
    unsigned disagreements;
};

static void run_figures(const struct run *r, const struct program *p, size_t from, size_t segment,
                        unsigned rounds, struct cell *all, struct cell kinds[NR_OPS])
{
    double ns[MAX_ROUNDS];

    for (unsigned round = 0; round < rounds; round++)
        ns[round] = r->time[round].ns / (double)segment;
    *all = cell_of(ns, rounds);
    for (unsigned kind = 0; kind < NR_OPS; kind++) {
        unsigned n = 0;

        for (unsigned round = 0; round < rounds; round++) {
            size_t nr = 0;

            for (size_t i = 0; i < segment; i++)
                nr += p->op[from + round * segment + i].kind == kind;
            if (nr)
                ns[n++] = r->time[round].kind_ns[kind] / (double)nr;
        }
        if (n)
            kinds[kind] = cell_of(ns, n);
    }
}

/* All of them over one stream; its first segment after the fill warms up. */
static void run_all(struct figures *f, bool swap, bool kernel, size_t nfill, size_t segment,
                    unsigned rounds)
{
    struct program *p = procs_stream(nfill, segment * (rounds + 1), swap, 1);
    struct run *runs = calloc(NR_RUNNERS, sizeof(*runs));
    struct timing ignored;

    if (!p || !runs) {
        fprintf(stderr, "vmafuzz-bench: out of memory\n");
        exit(1);
    }
    memset(f, 0, sizeof(*f));
    for (unsigned i = 0; i < NR_RUNNERS; i++)
        if (kernel || !runners[i].kernel)
            run_open(&runs[i], &runners[i], i, p);
    for (unsigned i = 0; i < NR_RUNNERS; i++)
        run_segment(&runs[i], 0, nfill + segment, &ignored);
    for (unsigned round = 0; round < rounds; round++)
        for (unsigned i = 0; i < NR_RUNNERS; i++)
            run_segment(&runs[i], nfill + (round + 1) * segment, segment, &runs[i].time[round]);
    for (size_t i = nfill + segment; i < p->nr; i++)
        f->nr[p->op[i].kind]++;
    f->total = segment * rounds;
    for (unsigned i = 0; i < NR_RUNNERS; i++) {
        run_layout(&runs[i]);
        f->disagreements += compare(&runs[i], &runs[0]);
        f->vmas[i] = runs[i].vmas;
        if (runs[i].there && !runs[i].broken)
            run_figures(&runs[i], p, nfill + segment, segment, rounds, &f->all[i], f->kind[i]);
        run_close(&runs[i]);
    }
    free(runs);
    program_free(p);
}

/* ---- tables ---- */
#define NR_STREAMS 2 /* without swap, with it */

static void print_ratio(const struct cell *over, const struct cell *under)
{
    if (over->measured && under->measured && under->min > 0)
        printf(" %.2fx |", over->min / under->min);
    else
        printf(" - |");
}

static void print_rate(const struct cell *c)
{
    if (c->measured)
        printf(" %.0f |", 1e9 / c->min);
    else
        printf(" - |");
}

static void print_all(const struct figures f[NR_STREAMS])
{
    static const struct ratio ratios[] = {
        {"touched laws / oracles off", TOUCHED, OFF},
        {"touched laws and specification / touched laws", SPEC, TOUCHED},
        {"running kernel / oracles off", KERNEL, OFF},
        {"running kernel / touched laws", KERNEL, TOUCHED},
    };

    printf("\n### procs: %u processes, %u VMAs at the end\n\n"
           "ns per operation, minimum/median of interleaved rounds\n\n"
           "| | without swap | with swap |\n| --- | --- | --- |\n",
           PROCS, f[0].vmas[OFF]);
    for (unsigned i = 0; i <= KERNEL; i++) {
        printf("| %s |", runners[i].name);
        for (unsigned s = 0; s < NR_STREAMS; s++)
            cell_print(&f[s].all[i]);
        printf("\n");
    }
    for (unsigned i = 0; i <= TOUCHED; i++) {
        printf("| *operations/s, %s* |", runners[i].name);
        for (unsigned s = 0; s < NR_STREAMS; s++)
            print_rate(&f[s].all[i]);
        printf("\n");
    }
    for (size_t i = 0; i < ARRAY_SIZE(ratios); i++) {
        printf("| *%s* |", ratios[i].name);
        for (unsigned s = 0; s < NR_STREAMS; s++)
            print_ratio(&f[s].all[ratios[i].over], &f[s].all[ratios[i].under]);
        printf("\n");
    }
}

static void print_kinds(const char *title, const struct figures *f)
{
    printf("\n%s, operation by operation:\n\n"
           "| | share | oracles off | touched laws | kernel | touched / off | kernel / touched |\n"
           "| --- | --- | --- | --- | --- | --- | --- |\n",
           title);
    for (unsigned kind = 0; kind < NR_OPS; kind++) {
        const struct cell *off = &f->kind[OFF_EACH][kind], *on = &f->kind[TOUCHED_EACH][kind],
                          *kernel = &f->kind[KERNEL][kind];

        if (!f->nr[kind])
            continue;
        printf("| %s | %.1f%% |", op_table[kind].name,
               100.0 * (double)f->nr[kind] / (double)f->total);
        cell_print(off);
        cell_print(on);
        cell_print(kernel);
        print_ratio(on, off);
        print_ratio(kernel, on);
        printf("\n");
    }
}

unsigned bench_procs(const struct bench_options *o)
{
    static struct figures f[NR_STREAMS];
    size_t nfill = o->quick ? 500 : 4000, segment = o->quick ? 500 : 20000;
    bool swaps = kernel_swaps();

    run_all(&f[0], false, true, nfill, segment, o->rounds);
    run_all(&f[1], true, swaps, nfill, segment, o->rounds);
    print_all(f);
    if (!swaps)
        printf("\nThis machine has no swap: the stream with it is for the model alone.\n");
    print_kinds("Without swap", &f[0]);
    print_kinds("With swap", &f[1]);
    if (f[0].all[KERNEL].measured)
        printf("\nVMAs at the end: model %u, kernel %u\n", f[0].vmas[OFF], f[0].vmas[KERNEL]);
    printf("\nDisagreements in answers or final pages: %u\n",
           f[0].disagreements + f[1].disagreements);
    fflush(stdout);
    return f[0].disagreements + f[1].disagreements;
}
