/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The model as a contender: through its public calls, and through the executor with the oracles off
 * and on.
 */
#include "bench/bench.h"
#include "harness/harness.h"

#include <stdlib.h>

#define MARGIN 16 /* pages kept on either side of the window */

/* A world whose address searches see the stream's window and nothing else. */
static uint32_t bench_config(const struct bench_world *w, struct world_config *c)
{
    uint32_t base = MARGIN;

    *c = world_config_default;
    c->rules = RULES_LINUX_6_18;
    c->privileged = true;
    c->legacy_layout = w->bottomup;
    c->mmap_min_addr = MARGIN;
    c->total_ram = w->window_pages;
    c->max_map_count = w->max_vmas;
    c->task_size = w->window_pages + 2 * MARGIN;
    if (w->bottomup) { /* searched from a third of the address space */
        base = w->window_pages;
        c->task_size = 3 * (uint64_t)base;
    }
    c->mmap_base = base + w->window_pages;
    c->start_brk = c->task_size - 1;
    return base;
}

static uint64_t layout(const struct mm *mm, uint32_t base)
{
    uint64_t sum = 0;

    for (const struct vma *v = mm->mmap; v; v = v->vm_next)
        sum = fold(fold(sum, (v->vm_start >> PAGE_SHIFT) - base), (v->vm_end >> PAGE_SHIFT) - base);
    return sum;
}

/* ---- the model's own calls ---- */
struct direct {
    struct world *world;
    uint32_t base;
};

static void *direct_open(const struct bench_world *w)
{
    struct direct *d = calloc(1, sizeof(*d));
    struct world_config config;

    if (!d)
        return NULL;
    d->base = bench_config(w, &config);
    d->world = world_new(0);
    if (d->world && world_reset(d->world, &config) == 0)
        return d;
    if (d->world)
        world_destroy(d->world);
    free(d);
    return NULL;
}

static uint64_t direct_run(void *self, const struct bench_op *op, size_t n)
{
    const struct direct *d = self;
    struct mm *mm = d->world->proc[0];
    uint64_t sum = 0;

    for (; n--; op++) {
        uintptr_t addr = (uintptr_t)(d->base + op->page) << PAGE_SHIFT;
        size_t len = (size_t)op->pages << PAGE_SHIFT;
        int flags = MAP_PRIVATE | MAP_ANONYMOUS;
        uint32_t answer = 0;
        long ret;

        world_begin(d->world, 0);
        switch (op->kind) {
        case BENCH_MAP:
            ret = mm_mmap(mm, addr, len, op->prot, flags | MAP_FIXED, -1, 0);
            answer = (uint32_t)(ret >> PAGE_SHIFT) - d->base;
            break;
        case BENCH_PLACE:
            ret = mm_mmap(mm, 0, len, op->prot, flags, -1, 0);
            answer = (uint32_t)(ret >> PAGE_SHIFT) - d->base;
            break;
        case BENCH_UNMAP:
            answer = (uint32_t)mm_munmap(mm, addr, len);
            break;
        case BENCH_FIND:
            ret = mm_find(mm, addr);
            answer = ret ? (uint32_t)(ret >> PAGE_SHIFT) - d->base : BENCH_NOWHERE;
            break;
        }
        sum = fold(sum, answer);
    }
    return sum;
}

static uint64_t direct_layout(void *self)
{
    const struct direct *d = self;

    return layout(d->world->proc[0], d->base);
}

static void direct_close(void *self)
{
    struct direct *d = self;

    world_destroy(d->world);
    free(d);
}

const struct world *model_world(const void *self)
{
    return ((const struct direct *)self)->world;
}

const struct contender contender_model = {
    .name = "model: mm_mmap, mm_munmap, mm_find",
    .open = direct_open,
    .run = direct_run,
    .layout = direct_layout,
    .close = direct_close,
};

/* ---- through the executor ---- */
struct executed {
    struct executor *ex;
    struct run_options options;
    struct run_result result;
    uint32_t base;
    uint32_t placed_flags, fixed_flags; /* of struct op */
    uint8_t prot[8];                    /* of struct op, by PROT_* bits */
};

/* The bits of an operation that stand for these ABI values. */
static uint32_t word_bits(enum arg arg, uint32_t abi)
{
    unsigned n;
    const struct word *words = arg_words(arg, &n);
    uint32_t bits = 0;

    for (unsigned i = 0; i < n; i++)
        if (words[i].abi && (words[i].abi & abi) == words[i].abi)
            bits |= 1U << i;
    return bits;
}

static void *executed_open(const struct bench_world *w, unsigned slot,
                           const struct run_options *options)
{
    struct executed *e = calloc(1, sizeof(*e));
    struct world_config config;

    if (!e)
        return NULL;
    e->base = bench_config(w, &config);
    e->options = *options;
    e->placed_flags = word_bits(ARG_MAP, MAP_PRIVATE | MAP_ANONYMOUS);
    e->fixed_flags = word_bits(ARG_MAP, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED);
    for (uint32_t prot = 0; prot < 8; prot++)
        e->prot[prot] = (uint8_t)word_bits(ARG_PROT, prot);
    e->ex = executor_new(slot);
    if (!e->ex) {
        free(e);
        return NULL;
    }
    executor_start(e->ex, &config, &e->options, &e->result);
    return e;
}

static void translate(const struct executed *e, const struct bench_op *from, struct op *to)
{
    static const uint8_t kinds[] = {
        [BENCH_MAP] = OP_MMAP,
        [BENCH_PLACE] = OP_MMAP,
        [BENCH_UNMAP] = OP_MUNMAP,
        [BENCH_FIND] = OP_FIND,
    };
    bool placed = from->kind == BENCH_PLACE;

    *to = (struct op){.kind = kinds[from->kind], .prot = e->prot[from->prot]};
    to->v[0].pages = placed ? 0 : (int32_t)(e->base + from->page);
    to->v[1].pages = from->pages;
    if (to->kind == OP_MMAP) {
        to->def = 1;
        to->flags = placed ? e->placed_flags : e->fixed_flags;
    }
}

static uint64_t executed_run(void *self, const struct bench_op *op, size_t n)
{
    struct executed *e = self;
    const long *results = executor_results(e->ex);
    uint64_t sum = 0;

    for (; n--; op++) {
        struct op translated;
        uint32_t answer = 0;

        translate(e, op, &translated);
        if (!executor_step(e->ex, &translated))
            return 0;
        if (translated.def)
            answer = (uint32_t)(results[1] >> PAGE_SHIFT) - e->base;
        sum = fold(sum, answer);
    }
    return sum;
}

static uint64_t executed_layout(void *self)
{
    const struct executed *e = self;

    return layout(executor_world(e->ex)->proc[0], e->base);
}

static void executed_close(void *self)
{
    struct executed *e = self;

    executor_free(e->ex);
    free(e);
}

#define EXECUTED(id, slot, limit, title, ...)                                                      \
    static void *id##_open(const struct bench_world *w)                                            \
    {                                                                                              \
        static const struct run_options options = {                                                \
            .rules = -1, .verify_search = true, __VA_ARGS__};                                      \
        return executed_open(w, slot, &options);                                                   \
    }                                                                                              \
    const struct contender contender_##id = {                                                      \
        .name = title,                                                                             \
        .max_live = limit,                                                                         \
        .open = id##_open,                                                                         \
        .run = executed_run,                                                                       \
        .layout = executed_layout,                                                                 \
        .close = executed_close,                                                                   \
    }
EXECUTED(exec_off, 1, 0, "executor, oracles off", .touched = false);
EXECUTED(exec_touched, 2, 0, "executor, touched laws", .touched = true);
EXECUTED(exec_spec, 3, 0, "executor, touched laws and specification", .touched = true,
         .spec = true);

static void *exec_full_open(const struct bench_world *w)
{
    return executed_open(w, 4, &run_options_full);
}
const struct contender contender_exec_full = {
    .name = "executor, the same and full laws at the default cadence",
    .max_live = 10000,
    .open = exec_full_open,
    .run = executed_run,
    .layout = executed_layout,
    .close = executed_close,
};
EXECUTED(exec_each, 5, 1000, "executor, full laws after each operation", .full_every = 1);
