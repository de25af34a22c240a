/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fuzz_speed [FOLDER]: how many programs of 64 operations a second the entry takes, instrumented as
 * in this build, but without an engine. All are run in turn, many times: the sum over each one's
 * fastest run tells what the code costs, whatever else the machine has to do; the median round is
 * CPU time.
 *
 * mixed is what the generator makes; vma leaves out what touches pages, forks or exits, so that the
 * VMA layer alone is at work. With FOLDER they are stored in FOLDER/vma and FOLDER/mixed, for a
 * session of an engine that starts with them.
 */
#include "fuzz/fuzz.h"
#include "harness/codec.h"

#include <err.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#define SLOT 2 /* neither the entry's nor the mutator's */
#define PROGRAMS 500U
#define LENGTH 64U
#define SIZE ((LENGTH + 1) * RECORD_SIZE)
#define ROUNDS 31

static uint8_t programs[PROGRAMS][SIZE];

static bool is_vma_layer(enum op_kind kind)
{
    switch (kind) {
    case OP_MMAP:
    case OP_MUNMAP:
    case OP_MPROTECT:
    case OP_MREMAP:
    case OP_BRK:
    case OP_MADVISE:
    case OP_MBIND:
    case OP_NAME:
    case OP_REMAP_FILE_PAGES:
    case OP_MSYNC:
    case OP_SPECIAL:
    case OP_FIND:
    case OP_FIND_PREV:
    case OP_FIND_RANGE:
    case OP_GATE:
    case OP_SETRLIMIT:
    case OP_OPEN:
    case OP_REOPEN:
    case OP_DUP:
    case OP_CLOSE:
    case OP_SEAL:
    case OP_UFFD:
    case OP_UFFD_CLOSE:
    case OP_UFFD_REGISTER:
    case OP_UFFD_UNREGISTER:
        return true;
    default:
        return false;
    }
}

/* Makes pages all the same. */
static bool fills(const struct op *op)
{
    if (op->kind == OP_MADVISE)
        return op->sel == W_POPULATE_READ || op->sel == W_POPULATE_WRITE;
    return op->kind == OP_MMAP && op->flags & (WORD(W_LOCKED) | WORD(W_POPULATE));
}

/* False: this seed's program breaks a law. */
static bool generate(struct executor *ex, uint64_t seed, bool vma, uint8_t wire[SIZE])
{
    static struct op ops[LENGTH];
    struct program p = {.op = ops, .cap = LENGTH, .rules_given = true};
    struct generator generator;
    struct run_result result;

    p.config = world_config_default;
    p.config.rules = (enum rules)(seed % NR_RULES);
    generator_start(&generator, seed, &p.config, false);
    executor_start(ex, &p.config, &run_options_full, &result);
    while (p.nr < LENGTH) {
        struct op *op = &ops[p.nr];

        generator_next(&generator, executor_world(ex), executor_results(ex), op);
        if (vma && (!is_vma_layer((enum op_kind)op->kind) || fills(op)))
            continue;
        p.nr++;
        if (!executor_step(ex, op))
            return false;
    }
    return executor_finish(ex) && program_encode(&p, wire, SIZE) == SIZE;
}

static void save(const char *folder, const char *kind)
{
    char path[4096];

    mkdir(folder, 0777);
    snprintf(path, sizeof(path), "%s/%s", folder, kind);
    mkdir(path, 0777);
    for (unsigned i = 0; i < PROGRAMS; i++) {
        FILE *f;

        snprintf(path, sizeof(path), "%s/%s/%03u", folder, kind, i);
        f = fopen(path, "wbe");
        if (!f || fwrite(programs[i], 1, SIZE, f) != SIZE || fclose(f))
            err(2, "%s", path);
    }
}

static double seconds(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int by_size(const void *a, const void *b)
{
    return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

static void measure(const char *kind)
{
    double fastest[PROGRAMS], round_cpu[ROUNDS], sum = 0, median;

    for (unsigned round = 0; round < ROUNDS; round++) {
        const double round_start = seconds(CLOCK_PROCESS_CPUTIME_ID);

        for (unsigned i = 0; i < PROGRAMS; i++) {
            const double start = seconds(CLOCK_MONOTONIC);
            double took;

            LLVMFuzzerTestOneInput(programs[i], SIZE);
            took = seconds(CLOCK_MONOTONIC) - start;
            if (round == 0 || took < fastest[i])
                fastest[i] = took;
        }
        round_cpu[round] = seconds(CLOCK_PROCESS_CPUTIME_ID) - round_start;
    }
    for (unsigned i = 0; i < PROGRAMS; i++)
        sum += fastest[i];
    qsort(round_cpu, ROUNDS, sizeof(round_cpu[0]), by_size);
    median = round_cpu[ROUNDS / 2];
    printf("%-5s %6.1f us each, %6.0f a second; median round %6.1f us, %6.0f a second\n", kind,
           sum / PROGRAMS * 1e6, PROGRAMS / sum, median / PROGRAMS * 1e6, PROGRAMS / median);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static const char *const kinds[] = {"vma", "mixed"};
    const char *folder = argc > 1 ? argv[1] : NULL;
    struct executor *ex;

    LLVMFuzzerInitialize(&argc, &argv);
    ex = executor_new(SLOT);
    if (!ex)
        err(2, "no arena");
    for (unsigned kind = 0; kind < 2; kind++) {
        uint64_t seed = 1;

        for (unsigned n = 0; n < PROGRAMS; seed++)
            n += generate(ex, seed, kind == 0, programs[n]);
        if (folder)
            save(folder, kinds[kind]);
        measure(kinds[kind]);
    }
    executor_free(ex);
    return 0;
}
