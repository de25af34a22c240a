/* SPDX-License-Identifier: GPL-2.0-only */
/* vmafuzz-bench: the command line and the tables that measure streams. */
#include "bench/procs.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/utsname.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static bool churn(struct stream *s, uint32_t live, size_t nop)
{
    return stream_churn(s, live, nop, 1);
}
static bool mixed(struct stream *s, uint32_t live, size_t nop)
{
    return stream_mixed(s, live, nop, 1);
}
static bool find(struct stream *s, uint32_t live, size_t nop)
{
    return stream_find(s, live, nop, 1);
}
static bool search_up(struct stream *s, uint32_t live, size_t nop)
{
    return stream_search(s, live, nop, true, 1);
}
static bool search_down(struct stream *s, uint32_t live, size_t nop)
{
    return stream_search(s, live, nop, false, 1);
}

unsigned bench_churn(const struct bench_options *o)
{
    static const struct contender *const c[] = {
        &contender_bsd,          &contender_array,     &contender_map,
        &contender_syscall,      &contender_model,     &contender_exec_off,
        &contender_exec_touched, &contender_exec_spec, &contender_exec_full,
    };
    static const struct ratio ratios[] = {
        {"model / bare tree", 4, 0},
        {"executor, oracles off / bare tree", 5, 0},
        {"touched laws and specification / oracles off", 7, 5},
        {"full laws at cadence / touched laws and specification", 8, 7},
        {"system call / model", 3, 4},
        {"system call / touched laws and specification", 3, 7},
    };

    return bench_table("churn: unmap a VMA, map another elsewhere", c, ARRAY_SIZE(c), churn, ratios,
                       ARRAY_SIZE(ratios), o) +
           bench_table("mixed: map and unmap over anything (splits, trims, merges)", c,
                       ARRAY_SIZE(c), mixed, ratios, ARRAY_SIZE(ratios), o);
}

unsigned bench_find(const struct bench_options *o)
{
    static const struct contender *const c[] = {&contender_bsd, &contender_array, &contender_map,
                                                &contender_syscall, &contender_model};
    static const struct ratio ratios[] = {{"model / bare tree", 4, 0},
                                          {"system call / model", 3, 4}};

    return bench_table("find: find_vma at a random page", c, ARRAY_SIZE(c), find, ratios,
                       ARRAY_SIZE(ratios), o);
}

unsigned bench_search(const struct bench_options *o)
{
    static const struct contender *const up[] = {&contender_bsd, &contender_array,
                                                 &contender_map_search, &contender_model,
                                                 &contender_syscall};
    static const struct contender *const down[] = {&contender_bsd, &contender_array,
                                                   &contender_map_search, &contender_model};
    static const struct ratio ratios[] = {{"model / bare tree", 3, 0},
                                          {"system call / model", 4, 3}};

    return bench_table("search, bottom-up: bursts of unmaps, then of maps by address search", up,
                       ARRAY_SIZE(up), search_up, ratios, ARRAY_SIZE(ratios), o) +
           bench_table("search, top-down", down, ARRAY_SIZE(down), search_down, ratios, 1, o);
}

unsigned bench_touched(const struct bench_options *o)
{
    static const struct contender *const c[] = {&contender_exec_off, &contender_exec_touched,
                                                &contender_exec_each};
    static const struct ratio ratios[] = {
        {"touched laws / oracles off", 1, 0},
        {"full laws after each operation / touched laws", 2, 1},
    };

    return bench_table("touched: what judging each operation costs", c, ARRAY_SIZE(c), churn,
                       ratios, ARRAY_SIZE(ratios), o);
}

static const struct part {
    const char *name, *sentence;
    unsigned (*run)(const struct bench_options *o);
} parts[] = {
    {"churn", "map and unmap: model, executor with oracles off and on, anchors", bench_churn},
    {"find", "find_vma", bench_find},
    {"search", "address search", bench_search},
    {"touched", "cost of an operation with the touched laws", bench_touched},
    {"full", "full validation, per VMA", bench_full},
    {"reset", "resetting the world, in operations", bench_reset},
    {"procs", "several processes with pages, beside real ones on the running kernel", bench_procs},
    {"pages", "faults, copy-on-write, swap, fork, reverse map: small world and large", bench_pages},
    {"shrink", "evaluations to shrink a failing program", bench_shrink},
};

struct arguments {
    struct bench_options options;
    const struct part *part; /* NULL: all */
};

static unsigned long number(struct argp_state *state, const char *option, const char *text,
                            unsigned long max)
{
    char *end;
    unsigned long n;

    errno = 0;
    n = strtoul(text, &end, 10);
    if (errno || end == text || *end || *text == '-' || !n || n > max)
        argp_error(state, "--%s=%s: a number from 1 to %lu expected", option, text, max);
    return n;
}

static void choose_part(struct argp_state *state, struct arguments *a, const char *name)
{
    if (state->arg_num > 0)
        argp_error(state, "one part at a time: '%s'", name);
    if (strcmp(name, "all") == 0)
        return;
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
        if (strcmp(name, parts[i].name) == 0)
            a->part = &parts[i];
    if (!a->part)
        argp_error(state, "unknown part '%s'", name);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;

    switch (key) {
    case 'q':
        a->options.quick = true;
        a->options.rounds = 2;
        return 0;
    case 'r':
        a->options.rounds = (unsigned)number(state, "rounds", arg, MAX_ROUNDS);
        return 0;
    case 'l':
        a->options.live = (uint32_t)number(state, "live", arg, 100000);
        return 0;
    case ARGP_KEY_ARG:
        choose_part(state, a, arg);
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_usage(state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static char *list_parts(int key, const char *text, void *input)
{
    char *out = NULL;
    size_t size = 0;
    FILE *f;

    (void)input;
    if (key != ARGP_KEY_HELP_PRE_DOC)
        return (char *)text;
    f = open_memstream(&out, &size);
    if (!f)
        return (char *)text;
    fprintf(f, "%s\n\nParts:\n", text);
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
        fprintf(f, "  %-10s %s\n", parts[i].name, parts[i].sentence);
    fprintf(f, "  %-10s every part\n", "all");
    fclose(f);
    return out;
}

static void print_machine(void)
{
    FILE *f = fopen("/proc/cpuinfo", "re");
    char line[256], cpu[256] = "unknown CPU";
    struct utsname u;

    while (f && fgets(line, sizeof(line), f))
        if (sscanf(line, "model name : %255[^\n]", cpu) == 1)
            break;
    if (f)
        fclose(f);
    uname(&u);
    printf("%s, %ld CPUs, Linux %s, %s %s\n", cpu, sysconf(_SC_NPROCESSORS_ONLN), u.release,
#ifdef __clang__
           "clang",
#else
           "gcc",
#endif
           __VERSION__);
}

/* The kernel's MAP_32BIT search starts at a fixed address only without randomisation. */
static void without_randomisation(char **argv)
{
    int flags = personality(0xffffffff);

    if (flags >= 0 && !(flags & ADDR_NO_RANDOMIZE) &&
        personality((unsigned long)flags | ADDR_NO_RANDOMIZE) >= 0)
        execv("/proc/self/exe", argv); /* a failure only costs that anchor */
}

int main(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"quick", 'q', NULL, 0, "Small and short: checks agreement, its times mean little", 0},
        {"rounds", 'r', "N", 0, "Interleaved rounds (default 9)", 0},
        {"live", 'l', "N", 0, "Only with so many live VMAs", 0},
        {0},
    };
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "PART",
        .doc = "Measure the model, the executor and the oracles beside their anchors.\v"
               "Exit status 1 if two implementations disagree.",
        .help_filter = list_parts,
    };
    struct arguments a = {.options.rounds = 9};
    unsigned disagreements = 0;

    if (argc == 3 && strcmp(argv[1], AGENT_OPTION) == 0) /* of "procs", started by ourselves */
        return agent_main(atoi(argv[2]));
    without_randomisation(argv);
    argp_err_exit_status = 2;
    argp_parse(&argp, argc, argv, 0, NULL, &a);
    print_machine();
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
        if (!a.part || a.part == &parts[i])
            disagreements += parts[i].run(&a.options);
    return disagreements != 0;
}
