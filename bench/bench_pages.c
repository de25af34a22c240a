/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Part "pages": what one fault, copy, swap, fork or walk of the reverse map costs, alone and with
 * the touched laws, in a small world and in a large one: that much other memory is no matter of it.
 */
#include "bench/procs.h"

#include <stdio.h>
#include <stdlib.h>

#define BATCH 32    /* pages that are measured at a time */
#define PLACE_A 64  /* first page of the memory that is measured */
#define PLACE_B 256 /* where it moves to */
#define CROWD 1024  /* first page of the other memory */
#define REPEATS 9   /* batches, for each round of the command line */
#define RW (PROT_READ | PROT_WRITE)

struct scene {
    struct executor *ex;
    struct run_options options;
    struct run_result result;
    unsigned crowd;             /* VMAs of other memory in the process that works */
    uint32_t crowd_pages;       /* in each of them */
    unsigned generations, proc; /* of a chain of forks; who works */
    bool moved;                 /* to PLACE_B */
    double clock;
};

static void die(const struct scene *s, const char *what)
{
    fprintf(stderr, "vmafuzz-bench: pages: %s%s%s\n", what, s ? ": " : "",
            s ? s->result.verdict.text : "");
    exit(1);
}

static void step(struct scene *s, struct op op)
{
    if (!executor_step(s->ex, &op))
        die(s, "an operation failed");
}

static void each_page(struct scene *s, enum op_kind kind, unsigned proc, uint32_t page,
                      uint32_t pages)
{
    for (uint32_t i = 0; i < pages; i++)
        step(s, op_range(kind, proc, page + i, kind == OP_RMAP || kind == OP_RECLAIM));
}

static void map_written(struct scene *s, unsigned proc, uint32_t page, uint32_t pages)
{
    step(s, op_map(proc, page, pages, RW));
    each_page(s, OP_WRITE, proc, page, pages);
}

static void add_crowd(struct scene *s, unsigned proc)
{
    for (unsigned i = 0; i < s->crowd; i++)
        map_written(s, proc, CROWD + i * (s->crowd_pages + 1), s->crowd_pages);
}

static uint64_t timed_pages(struct scene *s, enum op_kind kind, unsigned proc)
{
    uint64_t from = now_ns();

    each_page(s, kind, proc, PLACE_A, BATCH);
    return now_ns() - from;
}

static uint64_t timed_op(struct scene *s, struct op op)
{
    uint64_t from = now_ns();

    step(s, op);
    return now_ns() - from;
}

/* ---- rows: `set` once, then `batch` again and again, which returns what it took ---- */
static void set_plain(struct scene *s)
{
    add_crowd(s, 0);
    map_written(s, 0, PLACE_A, BATCH);
}

static void drop(struct scene *s)
{
    step(s, op_advise(0, PLACE_A, BATCH, W_DONTNEED));
}

static uint64_t write_fresh(struct scene *s)
{
    drop(s);
    return timed_pages(s, OP_WRITE, 0);
}

static uint64_t write_there(struct scene *s)
{
    return timed_pages(s, OP_WRITE, 0);
}

static uint64_t read_fresh(struct scene *s)
{
    drop(s);
    return timed_pages(s, OP_READ, 0);
}

static uint64_t cow_copy(struct scene *s)
{
    uint64_t ns;

    each_page(s, OP_WRITE, 0, PLACE_A, BATCH);
    step(s, op_fork(0, 1));
    ns = timed_pages(s, OP_WRITE, 1);
    step(s, op_range(OP_EXIT, 1, 0, 0));
    return ns;
}

static uint64_t cow_reuse(struct scene *s)
{
    each_page(s, OP_WRITE, 0, PLACE_A, BATCH);
    step(s, op_fork(0, 1));
    step(s, op_range(OP_EXIT, 1, 0, 0));
    return timed_pages(s, OP_WRITE, 0);
}

static uint64_t swap_round(struct scene *s)
{
    uint64_t from = now_ns();

    each_page(s, OP_RECLAIM, 0, PLACE_A, BATCH);
    each_page(s, OP_WRITE, 0, PLACE_A, BATCH);
    return now_ns() - from;
}

static uint64_t unmap(struct scene *s)
{
    map_written(s, 0, PLACE_A, BATCH);
    return timed_op(s, op_range(OP_MUNMAP, 0, PLACE_A, BATCH));
}

static uint64_t move(struct scene *s)
{
    uint32_t from = s->moved ? PLACE_B : PLACE_A, to = s->moved ? PLACE_A : PLACE_B;

    s->moved = !s->moved;
    return timed_op(s, op_move(0, from, BATCH, BATCH, to));
}

static void set_crowd(struct scene *s)
{
    add_crowd(s, 0);
}

static uint64_t fork_and_exit(struct scene *s)
{
    uint64_t from = now_ns();

    step(s, op_fork(0, 1));
    step(s, op_range(OP_EXIT, 1, 0, 0));
    return now_ns() - from;
}

/*
 * Each generation is the child of the one before and shares its pages. At most MAX_PROCS of them
 * live: the oldest makes room. So that a fork does not take over the anon_vma of who is gone, it
 * needs two children: the generation splits its VMA first, and a fork makes a child for each part.
 */
static void set_chain(struct scene *s)
{
    const unsigned n = s->generations;
    unsigned depth = 0;

    map_written(s, 0, PLACE_A, BATCH + n);
    for (unsigned i = 1; i < n; i++) {
        struct op protect = op_range(OP_MPROTECT, (i - 1) % MAX_PROCS, PLACE_A + BATCH + n - i, 1);

        if (i >= MAX_PROCS)
            step(s, op_range(OP_EXIT, i % MAX_PROCS, 0, 0));
        protect.prot = PROT_READ;
        step(s, protect);
        step(s, op_fork((i - 1) % MAX_PROCS, i % MAX_PROCS));
    }
    s->proc = (n - 1) % MAX_PROCS;
    add_crowd(s, s->proc);
    for (const struct anon_vma_chain *c = executor_world(s->ex)->proc[s->proc]->mmap->chain_first;
         c; c = c->same_vma_next)
        depth++;
    if (depth != n)
        die(NULL, "the chain of forks has not the depth that it should");
}

static uint64_t walk(struct scene *s)
{
    for (unsigned i = 0; i < MAX_PROCS; i++) /* or there would be nothing to do */
        if (executor_world(s->ex)->proc[i])
            each_page(s, OP_READ, i, PLACE_A, BATCH);
    return timed_pages(s, OP_RMAP, s->proc);
}

static void set_chain_own(struct scene *s)
{
    set_chain(s);
    each_page(s, OP_WRITE, s->proc, PLACE_A, BATCH);
}

static const struct row {
    const char *name;
    void (*set)(struct scene *s);
    uint64_t (*batch)(struct scene *s);
    enum event event; /* that each unit brings `times` times */
    unsigned times;
    uint32_t crowd_pages; /* 0: the unit is a page of the batch; else a VMA of the crowd */
    unsigned generations;
} rows[] = {
    {"write fault, fresh page", set_plain, write_fresh, EV_FAULT_ANON, 1, 0, 0},
    {"write to a page that is there", set_plain, write_there, EV_FORK, 0, 0, 0},
    {"read fault, page of zeroes", set_plain, read_fresh, EV_FAULT_ZERO, 1, 0, 0},
    {"copy-on-write, copy", set_plain, cow_copy, EV_COW_COPY, 1, 0, 0},
    {"copy-on-write, reuse", set_plain, cow_reuse, EV_COW_REUSE, 1, 0, 0},
    {"swap out and in", set_plain, swap_round, EV_RECLAIM_FREED, 1, 0, 0},
    {"munmap, per page", set_crowd, unmap, EV_ZAP_PRESENT, 1, 0, 0},
    {"mremap that moves, per page", set_plain, move, EV_MOVE_PTE, 1, 0, 0},
    {"fork and exit, per VMA with 1 page", set_crowd, fork_and_exit, EV_FORK_SHARE, 1, 1, 0},
    {"fork and exit, per VMA with 8 pages", set_crowd, fork_and_exit, EV_FORK_SHARE, 8, 8, 0},
    {"walk, chain depth 1", set_chain, walk, EV_RMAP_HIT, 1, 0, 1},
    {"walk, chain depth 2", set_chain, walk, EV_RMAP_HIT, 2, 0, 2},
    {"walk, chain depth 4", set_chain, walk, EV_RMAP_HIT, 4, 0, 4},
    {"walk, chain depth 8", set_chain, walk, EV_RMAP_HIT, 8, 0, 8},
    {"walk, chain depth 16", set_chain, walk, EV_RMAP_HIT, 16, 0, 16},
    {"walk, chain depth 32, youngest 16 live", set_chain, walk, EV_RMAP_HIT, 16, 0, 32},
    {"walk, chain depth 32, page of the youngest", set_chain_own, walk, EV_RMAP_HIT, 1, 0, 32},
};
#define NR_ROWS (sizeof(rows) / sizeof(rows[0]))
enum { OFF, TOUCHED, NR_COLUMNS };
static const unsigned crowds[] = {10, 1000};
#define NR_CROWDS (sizeof(crowds) / sizeof(crowds[0]))

/* ---- measuring ---- */
static void scene_start(struct scene *s, const struct row *row, unsigned crowd)
{
    struct world_config config = world_config_default;

    config.task_size = 16384;
    config.mmap_base = 16000;
    config.start_brk = 16200;
    config.total_ram = 1U << 24;
    s->crowd = crowd;
    s->crowd_pages = row->crowd_pages ? row->crowd_pages : 1;
    s->generations = row->generations;
    s->proc = 0;
    s->moved = false;
    executor_start(s->ex, &config, &s->options, &s->result);
    row->set(s);
}

static double scene_batch(struct scene *s, const struct row *row)
{
    const struct world *w = executor_world(s->ex);
    const unsigned units = row->crowd_pages ? s->crowd : BATCH;
    const uint32_t before = w->events[row->event];
    double ns = (double)row->batch(s) - s->clock;

    if (w->events[row->event] - before < units * row->times)
        die(NULL, row->name);
    return ns / units;
}

static void measure_row(struct scene scene[NR_COLUMNS], const struct row *row, unsigned crowd,
                        unsigned batches, struct cell cells[NR_COLUMNS])
{
    static double ns[NR_COLUMNS][MAX_ROUNDS * REPEATS];

    for (unsigned i = 0; i < NR_COLUMNS; i++) {
        scene_start(&scene[i], row, crowd);
        scene_batch(&scene[i], row); /* warms up */
    }
    for (unsigned n = 0; n < batches; n++)
        for (unsigned i = 0; i < NR_COLUMNS; i++)
            ns[i][n] = scene_batch(&scene[i], row);
    for (unsigned i = 0; i < NR_COLUMNS; i++)
        cells[i] = cell_of(ns[i], batches);
}

static double ratio_of(const struct cell *over, const struct cell *under)
{
    return over->min / under->min;
}

static void print_row(const struct row *row, struct cell cells[NR_CROWDS][NR_COLUMNS],
                      double ratios[NR_CROWDS])
{
    printf("| %s |", row->name);
    for (unsigned c = 0; c < NR_CROWDS; c++) {
        ratios[c] = ratio_of(&cells[c][TOUCHED], &cells[c][OFF]);
        cell_print(&cells[c][OFF]);
        cell_print(&cells[c][TOUCHED]);
        printf(" %.2fx |", ratios[c]);
    }
    printf(" %.2fx | %.2fx |\n", ratio_of(&cells[1][OFF], &cells[0][OFF]),
           ratio_of(&cells[1][TOUCHED], &cells[0][TOUCHED]));
}

unsigned bench_pages(const struct bench_options *o)
{
    static double ratios[NR_ROWS * NR_CROWDS];
    struct scene scene[NR_COLUMNS] = {
        [OFF] = {.options = {.rules = -1}},
        [TOUCHED] = {.options = {.rules = -1, .touched = true}},
    };

    for (unsigned i = 0; i < NR_COLUMNS; i++) {
        scene[i].ex = executor_new(i);
        scene[i].clock = clock_cost();
        if (!scene[i].ex)
            die(NULL, "no arena for an executor");
    }
    printf("\n### pages: ns per page or VMA, minimum/median, beside %u other VMAs and %u\n\n"
           "| | %u: off | touched laws | ratio | %u: off | touched laws | ratio "
           "| off, %u / %u | touched, %u / %u |\n"
           "| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
           crowds[0], crowds[1], crowds[0], crowds[1], crowds[1], crowds[0], crowds[1], crowds[0]);
    for (unsigned r = 0; r < NR_ROWS; r++) {
        struct cell cells[NR_CROWDS][NR_COLUMNS];

        for (unsigned c = 0; c < NR_CROWDS; c++)
            measure_row(scene, &rows[r], crowds[c], o->rounds * (o->quick ? 1 : REPEATS), cells[c]);
        print_row(&rows[r], cells, &ratios[r * NR_CROWDS]);
        fflush(stdout);
    }
    printf("\nTouched laws / oracles off, median of the table: %.2fx\n",
           cell_of(ratios, NR_ROWS * NR_CROWDS).median);
    fflush(stdout);
    for (unsigned i = 0; i < NR_COLUMNS; i++)
        executor_free(scene[i].ex);
    return 0;
}
