/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one mutator that both engines use. It works on whole records, and it looks before it changes:
 * a prefix of the program is run on a world of its own, so that addresses are drawn to VMAs that
 * are really there at that point and new operations are the generator's.
 */
#include "fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOT 1 /* not the entry's: libFuzzer has both in one process */
#define MAX_BOUNDARIES 64
#define MAX_INSERTED 4 /* operations at a time */

static struct executor *executor(void)
{
    static struct executor *ex;

    if (!ex) {
        ex = executor_new(SLOT);
        if (!ex) {
            perror("vmafuzz: no arena for the mutator");
            exit(2);
        }
    }
    return ex;
}

/* Runs the records of data[0..size). False if they do not get through: then there is no state. No
 * law is asked on the way, so that a kernel's own flaw would go on to a use after free, which ends
 * the process here: its programs run under the rules that came next. */
static bool run_prefix(const uint8_t *data, size_t size, struct world_config *config)
{
    static const struct run_options off = {.rules = -1};
    static struct op ops[MAX_OPS];
    static struct run_result result; /* executor_step() goes on using it */
    struct program p = {.op = ops, .cap = MAX_OPS};

    program_decode(&p, data, size);
    if (rules_break(p.config.rules, LAW_ANON_SAME))
        p.config.rules = RULES_LINUX_5_10;
    *config = p.config;
    executor_start(executor(), &p.config, &off, &result);
    for (uint32_t i = 0; i < p.nr; i++)
        if (!executor_step(executor(), &p.op[i]))
            return false;
    return result.verdict.law == LAW_NONE;
}

static unsigned live_boundaries(uint64_t boundary[MAX_BOUNDARIES])
{
    const struct world *w = executor_world(executor());
    unsigned n = 0;

    for (uint32_t i = 0; i < w->nr_procs; i++) {
        const struct mm *mm = w->proc[i];

        for (const struct vma *v = mm ? mm->mmap : NULL; v && n + 2 <= MAX_BOUNDARIES;
             v = v->vm_next) {
            boundary[n++] = v->vm_start >> PAGE_SHIFT;
            boundary[n++] = v->vm_end >> PAGE_SHIFT;
        }
    }
    return n;
}

/* Start of a random operation's record, or of the one after the last. */
static size_t random_cut(size_t size, struct rng *rng)
{
    uint32_t records = (uint32_t)(size / RECORD_SIZE);

    return records ? (1 + rng_below(rng, records)) * RECORD_SIZE : 0;
}

/* The generator's operations for the state at a random place, each seeing what the last one did. */
static size_t insert_generated(uint8_t *data, size_t size, size_t max_size, struct rng *rng)
{
    size_t cut = random_cut(size, rng);
    uint8_t records[MAX_INSERTED * RECORD_SIZE];
    struct world_config config;
    struct generator g;
    unsigned n = 0, wanted = 1 + rng_below(rng, MAX_INSERTED);

    if (!cut || !run_prefix(data, cut, &config))
        return size;
    generator_start(&g, rng_next(rng), &config, true);
    while (n < wanted && size + (n + 1) * RECORD_SIZE <= max_size) {
        struct op op;

        generator_next(&g, executor_world(executor()), executor_results(executor()), &op);
        record_encode(&op, records + n++ * RECORD_SIZE);
        if (!executor_step(executor(), &op))
            break;
    }
    memmove(data + cut + n * RECORD_SIZE, data + cut, size - cut);
    memcpy(data + cut, records, n * RECORD_SIZE);
    return size + n * RECORD_SIZE;
}

/* Any change of the record level; one in two with the bounds of VMAs that are alive somewhere. */
static size_t change(uint8_t *data, size_t size, size_t max_size, struct rng *rng)
{
    uint64_t boundary[MAX_BOUNDARIES];
    struct world_config config;
    unsigned n = 0;

    if (rng_below(rng, 2) && run_prefix(data, random_cut(size, rng), &config))
        n = live_boundaries(boundary);
    return wire_mutate(data, size, max_size, rng, n ? boundary : NULL, n);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    size_t limit = max_size < MAX_INPUT ? max_size : MAX_INPUT;
    struct rng rng;

    rng_seed(&rng, seed);
    if (size > limit)
        size = limit;
    if (rng_below(&rng, 4) == 0)
        return insert_generated(data, size, limit, &rng);
    return change(data, size, limit, &rng);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size,
                                 uint8_t *out, size_t max_size, unsigned seed)
{
    struct rng rng;

    rng_seed(&rng, seed);
    return wire_crossover(a, a_size, b, b_size, out, max_size < MAX_INPUT ? max_size : MAX_INPUT,
                          &rng);
}
