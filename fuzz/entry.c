/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The entry that both engines use: bytes -> program -> executor. A violation is told on stderr and
 * ends the process, which is what engines understand.
 *
 * Environment: VMAFUZZ_FAULT=NAME switches a catalogued fault on, VMAFUZZ_RULES=linux-X.Y replaces
 * the rules that the input names.
 */
#include "fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOT 0
#define FULL_SHARE 8 /* one input in so many is judged by the full laws */

static struct executor *executor;
static struct run_options options;

static int choice(const char *variable, const char *const names[], int n, int otherwise)
{
    const char *name = getenv(variable);

    if (!name)
        return otherwise;
    for (int i = 0; i < n; i++)
        if (names[i] && strcmp(names[i], name) == 0)
            return i;
    fprintf(stderr, "vmafuzz: %s: unknown '%s'\n", variable, name);
    exit(2);
}

#ifdef VMAFUZZ_LIBFUZZER
/*
 * libFuzzer prefers inputs with rare features. It keeps the rare ones in a list, which it searches
 * for each feature of each input; and as features of the state are many, thousands of them stay
 * rarer than its limit of 255 inputs. With a limit of 0 only the hundred rarest are kept: nearly
 * half as many inputs again in the same time, and features found no later in inputs. The flag goes
 * before those of the user, who may say otherwise.
 */
static void put_default_flags(int *argc, char ***argv)
{
    static char flag[] = "-entropic_feature_frequency_threshold=0";
    static char **with_flag; /* libFuzzer looks for leaks at the end */

    with_flag = calloc((size_t)*argc + 2, sizeof(*with_flag));
    if (!with_flag)
        return;
    with_flag[0] = (*argv)[0];
    with_flag[1] = flag;
    memcpy(with_flag + 2, *argv + 1, (size_t)(*argc - 1) * sizeof(*with_flag));
    *argv = with_flag;
    ++*argc;
}
#else
static void put_default_flags(int *argc, char ***argv)
{
    (void)argc, (void)argv; /* other engines have none such */
}
#endif

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    const char *faults[NR_FAULTS];

    put_default_flags(argc, argv);
    for (int i = 0; i < NR_FAULTS; i++)
        faults[i] = fault_table[i].name;
    options = run_options_full;
    options.hash = false;
    options.fault = (enum fault_id)choice("VMAFUZZ_FAULT", faults, NR_FAULTS, F_NONE);
    options.rules = choice("VMAFUZZ_RULES", rules_names, NR_RULES, -1);
    executor = executor_new(SLOT);
    if (!executor) {
        perror("vmafuzz: no arena");
        exit(2);
    }
    options.trace = features_op;
    options.trace_arg = (void *)(uintptr_t)executor_world(executor);
    return 0;
}

/* The full laws cost more than the program. Which inputs get them depends on their bytes alone, so
 * that a run can be repeated; `vmafuzz replay` and `shrink` always judge all of it. */
static bool judged_in_full(const uint8_t *data, size_t size)
{
    uint64_t sum = size, word;

    for (size_t i = 0; i + sizeof(word) <= size; i += sizeof(word)) {
        memcpy(&word, data + i, sizeof(word));
        sum = (sum ^ word) * 0x9e3779b97f4a7c15;
    }
    return (sum >> 32) % FULL_SHARE == 0;
}

/* The violation in a line, then the program as it came. */
static void report(const struct program *p, const struct run_result *r)
{
    const struct failure_class c = failure_class(r);

    fprintf(stderr, "vmafuzz: %s broken by %s (operation %u of %u): %s\n\n", law_table[c.law].name,
            c.kind == OP_NONE ? "exit" : op_table[c.kind].name, r->nr_run, p->nr, r->verdict.text);
    program_print(p, stderr);
    fputs("\nvmafuzz shrink", stderr);
    if (options.fault != F_NONE)
        fprintf(stderr, " --fault %s", fault_table[options.fault].name);
    if (options.rules >= 0)
        fprintf(stderr, " --rules %s", rules_names[options.rules]);
    fputs(" INPUT -o SMALL.vma makes a small program of this input.\n", stderr);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct op ops[MAX_OPS];
    struct program p = {.op = ops, .cap = MAX_OPS};
    struct run_result r;
    bool clean;

    program_decode(&p, data, size);
    options.full_every = judged_in_full(data, size) ? MAX_OPS : 0;
    options.check_exit = options.full_every;
    features_start();
    clean = executor_run(executor, &p, &options, &r);
    features_end(executor_world(executor));
    if (!clean && !(options.rules < 0 && rules_break(p.config.rules, r.verdict.law))) {
        report(&p, &r);
        abort();
    }
    return 0;
}
