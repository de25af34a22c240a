/* SPDX-License-Identifier: GPL-2.0-only */
/* Full validation per VMA, reset in operations, shrinking in evaluations. */
#include "bench/bench.h"
#include "harness/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void die(const char *what)
{
    fprintf(stderr, "vmafuzz-bench: %s\n", what);
    exit(1);
}

static struct executor *executor_or_die(unsigned slot)
{
    struct executor *ex = executor_new(slot);

    if (!ex)
        die("no arena for an executor");
    return ex;
}

/* ---- full ---- */
enum { ROW_TREE, ROW_ALL, ROW_LAW }; /* bare tree, all laws, then law by law */

struct validated {
    void *tree, *model;
    const struct world *world;
    unsigned broken;
};

static void validate(struct validated *v, unsigned row)
{
    struct verdict verdict = {.law = LAW_NONE};
    bool ok;

    if (row == ROW_TREE)
        ok = bsd_valid(v->tree);
    else if (row == ROW_ALL)
        ok = laws_full(v->world, &verdict);
    else
        ok = law_full((enum law_id)(row - ROW_LAW), v->world, &verdict);
    v->broken += !ok;
}

/* ns per VMA of every row, at one size. */
static unsigned validate_size(uint32_t live, const struct bench_options *o, struct cell *cells)
{
    static double ns[ROW_LAW + NR_LAWS][MAX_ROUNDS];
    unsigned repeats = (o->quick ? 1000 : 100000) / live + 1;
    struct validated v = {.broken = 0};
    struct stream s;

    if (!stream_churn(&s, live, 2, 1))
        die("out of memory");
    v.tree = contender_bsd.open(&s.world);
    v.model = contender_model.open(&s.world);
    if (!v.tree || !v.model)
        die("no room for the model");
    v.world = model_world(v.model);
    contender_bsd.run(v.tree, s.fill, s.nfill);
    contender_model.run(v.model, s.fill, s.nfill);
    for (unsigned round = 0; round < o->rounds; round++) {
        for (unsigned row = 0; row < ROW_LAW + NR_LAWS; row++) {
            uint64_t from = now_ns();

            for (unsigned i = 0; i < repeats; i++)
                validate(&v, row);
            ns[row][round] = (double)(now_ns() - from) / repeats / live;
        }
    }
    for (unsigned row = 0; row < ROW_LAW + NR_LAWS; row++)
        cells[row] = cell_of(ns[row], o->rounds);
    contender_bsd.close(v.tree);
    contender_model.close(v.model);
    stream_fini(&s);
    return v.broken != 0;
}

unsigned bench_full(const struct bench_options *o)
{
    static struct cell cells[MAX_SIZES][ROW_LAW + NR_LAWS];
    uint32_t sizes[MAX_SIZES];
    unsigned n = bench_sizes(o, sizes), broken = 0;

    for (unsigned i = 0; i < n; i++)
        broken += validate_size(sizes[i], o, cells[i]);
    table_head("full: validation of the whole", "ns per VMA, minimum/median", sizes, n);
    for (unsigned row = 0; row < ROW_LAW + NR_LAWS; row++) {
        const char *name = "all laws";

        if (row == ROW_TREE)
            name = "bare tree: order, list, shape, gaps";
        else if (row >= ROW_LAW)
            name = law_table[row - ROW_LAW].name;
        if (row == ROW_LAW + LAW_NONE ||
            (row > ROW_LAW && !strchr(law_table[row - ROW_LAW].forms, 'M')))
            continue;
        printf("| %s |", name);
        for (unsigned i = 0; i < n; i++)
            cell_print(&cells[i][row]);
        printf("\n");
    }
    printf("\nWorlds that did not validate: %u\n", broken);
    fflush(stdout);
    return broken;
}

/* ---- reset ---- */
#define RESET_OPS 64

static struct program *clean_program(struct executor *ex, uint64_t seed, uint32_t ops)
{
    struct run_options o = run_options_full;
    struct program *p = program_new(ops);
    struct run_result r;

    if (!p)
        die("out of memory");
    o.rules = RULES_LINUX_6_18;
    if (executor_generate(ex, p, seed, ops, &world_config_default, &o, &r))
        return p;
    program_free(p);
    return NULL;
}

static void reset_row(const char *name, const struct run_options *o, unsigned runs)
{
    struct executor *ex = executor_or_die(0);
    double *reset = calloc(runs, sizeof(*reset)), *op = calloc(runs, sizeof(*op));
    struct cell r, c;
    unsigned n = 0;

    if (!reset || !op)
        die("out of memory");
    for (uint64_t seed = 1; n < runs && seed < 4 * runs; seed++) {
        struct program *p = clean_program(ex, seed, RESET_OPS);
        struct run_result result;
        uint64_t t[3];

        if (!p)
            continue;
        executor_run(ex, p, o, &result); /* leaves behind what the next start clears away */
        t[0] = tick_ns();
        executor_start(ex, &p->config, o, &result);
        t[1] = tick_ns();
        for (uint32_t i = 0; i < p->nr; i++)
            executor_step(ex, &p->op[i]);
        t[2] = tick_ns();
        reset[n] = (double)(t[1] - t[0]);
        op[n++] = (double)(t[2] - t[1]) / p->nr;
        program_free(p);
    }
    if (n) {
        r = cell_of(reset, n);
        c = cell_of(op, n);
        printf("| %s | %.0f/%.0f | %.0f/%.0f | %.1f |\n", name, r.min, r.median, c.min, c.median,
               r.median / c.median);
    }
    free(reset);
    free(op);
    executor_free(ex);
}

unsigned bench_reset(const struct bench_options *o)
{
    static const struct run_options off = {.rules = -1};
    static const struct run_options on = {.rules = -1, .touched = true, .spec = true};
    unsigned runs = o->quick ? 20 : 2000;

    printf("\n### reset: start of a program after one of %u operations\n\n"
           "ns, minimum/median of %u generated programs\n\n"
           "| | reset | one operation | reset in operations |\n| --- | --- | --- | --- |\n",
           RESET_OPS, runs);
    reset_row("oracles off", &off, runs);
    reset_row("touched laws and specification", &on, runs);
    fflush(stdout);
    return 0;
}

/* ---- shrink ---- */
#define SHRINK_OPS 500
#define MAX_SEEDS 64

struct shrinks {
    double evaluations[NR_FAULTS], ops[NR_FAULTS], ms[NR_FAULTS];
    unsigned n, unfinished;
};

/* Shrinks the first clean program of SHRINK_OPS operations that the fault makes fail. */
static void shrink_one(struct executor *ex, enum fault_id fault, unsigned seeds, struct shrinks *s)
{
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        struct program *p = clean_program(ex, seed, SHRINK_OPS);
        struct run_options o = run_options_full;
        struct shrink_options so = {.max_evaluations = 0};
        struct shrink_result sr;
        struct run_result r;
        bool failed;

        if (!p)
            continue;
        o.fault = fault;
        failed = shrink(ex, p, &o, &so, &sr, &r);
        program_free(p);
        if (!failed)
            continue;
        s->evaluations[s->n] = sr.evaluations;
        s->ops[s->n] = sr.ops_after;
        s->ms[s->n++] = sr.seconds * 1000;
        s->unfinished += !sr.fixpoint;
        return;
    }
}

unsigned bench_shrink(const struct bench_options *o)
{
    static struct shrinks s;
    struct executor *ex = executor_or_die(0);
    struct cell evaluations, ops, ms;

    s.n = 0;
    for (int fault = F_NONE + 1; fault < (o->quick ? 6 : NR_FAULTS); fault++)
        shrink_one(ex, (enum fault_id)fault, o->quick ? 4 : MAX_SEEDS, &s);
    executor_free(ex);
    printf("\n### shrink: programs of %u operations, one per fault\n\n", SHRINK_OPS);
    if (!s.n) {
        printf("No fault made a program fail.\n");
        return 0;
    }
    evaluations = cell_of(s.evaluations, s.n);
    ops = cell_of(s.ops, s.n);
    ms = cell_of(s.ms, s.n);
    printf("| | median | maximum |\n| --- | --- | --- |\n");
    printf("| evaluations | %.0f | %.0f |\n", evaluations.median, s.evaluations[s.n - 1]);
    printf("| operations left | %.0f | %.0f |\n", ops.median, s.ops[s.n - 1]);
    printf("| milliseconds | %.1f | %.1f |\n", ms.median, s.ms[s.n - 1]);
    printf("\nPrograms: %u, without a fixpoint: %u\n", s.n, s.unfinished);
    fflush(stdout);
    return 0;
}
