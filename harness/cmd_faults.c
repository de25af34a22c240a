/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vmafuzz faults measure: for each catalogued fault, after how many operations its site is reached,
 * its effect is triggered, and a law detects it, over several seeds.
 */
#define _GNU_SOURCE
#include "harness/fuzz_plan.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SEEDS 1000

enum milestone { REACHED, TRIGGERED, DETECTED, NR_MILESTONES };
static const char *const milestone_names[] = {"reached", "triggered", "detected"};

struct measure {
    struct plan plan;
    unsigned seeds;
    bool json;
    struct on_linux on;
    char **names; /* as given; none: all */
    size_t nr_names;

    struct executor *ex;
    struct program *program;
    uint64_t before;                        /* operations of earlier programs of this seed */
    uint64_t at[NR_MILESTONES];             /* this seed: operations up to it; 0: not yet */
    uint64_t ops[NR_MILESTONES][MAX_SEEDS]; /* sorted, of the seeds that got there */
    unsigned n[NR_MILESTONES];
    unsigned false_alarms;  /* laws broken before the fault made a difference */
    unsigned laws[NR_LAWS]; /* seeds in which it was the first to see the fault */
};

static const char doc[] =
    "Measure the power of the harness: run random programs with one catalogued fault at a time "
    "until a law is broken, and tell in how many seeds the fault was reached, triggered and "
    "detected, and the median of the operations needed.\v"
    "Reached: the faulty line ran. Triggered: its result differed from the right one. Detected: a "
    "law said so. A law that is broken before the fault made a difference is a false alarm. Seeds "
    "are 1 to --seeds.\n\n"
    "With --on linux the programs run on the running kernel too, and nothing but the comparison "
    "with it judges the model: only faults that change what can be seen are detected. Where the "
    "fault makes the model itself fail, this does not count.\n\n"
    "Exit status: 0 each fault was detected in at least one seed (with --on linux: some were), "
    "without false alarm, 1 not so, 2 bad usage, 130 after Ctrl-C, 143 after SIGTERM.\n\n"
    "Example: vmafuzz faults measure --seeds 20 case3-pgoff";

static const struct argp_option options[] = {
    {.name = "seeds", .key = 's', .arg = "N", .doc = "Seeds for each fault; by default 5"},
    {.name = "ops",
     .key = 'n',
     .arg = "N",
     .doc = "Give a seed up after so many operations; by default 50000"},
    {.name = "rules",
     .key = 'r',
     .arg = "NAME",
     .doc = "Rules of one kernel; by default all in turn"},
    {.name = "without", .key = 'W', .arg = "LAW,...", .doc = "Do not judge these laws"},
    {.name = "json", .key = 'J', .doc = "Print a JSON array instead of a table"},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct measure *m = state->input;
    if (key != 'W') /* which adds up */
        refuse_twice(key, arg, state);
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &m->on;
        return 0;
    case 's':
        m->seeds = (unsigned)parse_number("--seeds", arg, 1, MAX_SEEDS);
        return 0;
    case 'n':
        m->plan.ops = parse_number("--ops", arg, 1, UINT64_MAX);
        return 0;
    case 'r':
        m->plan.subject.rules = parse_rules(arg);
        return 0;
    case 'W':
        m->plan.subject.without |= parse_laws(arg);
        return 0;
    case 'J':
        m->json = true;
        return 0;
    case ARGP_KEY_ARGS:
        m->names = state->argv + state->next;
        m->nr_names = (size_t)(state->argc - state->next);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* After each operation: the first one at which the world counts a hit. */
static void watch(void *arg, int index, const struct op *op, const struct call *call, long ret)
{
    (void)op, (void)call, (void)ret;
    struct measure *m = arg;
    const struct world *world = executor_world(m->ex);
    uint64_t now = m->before + (uint64_t)(index + 1);
    if (world->fault_reached && !m->at[REACHED])
        m->at[REACHED] = now;
    if (world->fault_triggered && !m->at[TRIGGERED])
        m->at[TRIGGERED] = now;
}

static void run_seed(struct measure *m)
{
    struct plan_cursor cursor = {0};
    struct planned pl;
    m->before = 0;
    memset(m->at, 0, sizeof(m->at));
    while (!stop_requested && !m->at[DETECTED] && plan_next(&m->plan, &cursor, &pl)) {
        struct run_result r;
        pl.options.trace = watch;
        pl.options.trace_arg = m;
        if (m->on.chosen)
            live_options(&m->on.live, &pl.options);
        bool clean = executor_generate(m->ex, m->program, pl.seed, pl.length,
                                       m->on.chosen ? &m->on.live.config : NULL, &pl.options, &r);
        m->before += r.nr_run;
        /* The culprit itself is not traced, and the end of the program is no operation. */
        if (r.fault_reached && !m->at[REACHED])
            m->at[REACHED] = m->before;
        if (r.fault_triggered && !m->at[TRIGGERED])
            m->at[TRIGGERED] = m->before;
        if (clean || rules_break((enum rules)pl.options.rules, r.verdict.law))
            continue; /* it would have broken without the fault too */
        if (m->on.chosen && (LAW_BIT(r.verdict.law) & LAWS_ENDING_RUNS))
            continue; /* not by comparing */
        if (m->at[TRIGGERED]) {
            m->at[DETECTED] = m->before;
            m->laws[r.verdict.law]++;
        } else {
            m->false_alarms++;
        }
    }
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void run_fault(struct measure *m, enum fault_id fault)
{
    m->plan.subject.fault = fault;
    memset(m->n, 0, sizeof(m->n));
    memset(m->laws, 0, sizeof(m->laws));
    m->false_alarms = 0;
    for (unsigned s = 1; s <= m->seeds && !stop_requested; s++) {
        m->plan.seed = s;
        run_seed(m);
        for (unsigned i = 0; i < NR_MILESTONES; i++)
            if (m->at[i])
                m->ops[i][m->n[i]++] = m->at[i];
    }
    for (unsigned i = 0; i < NR_MILESTONES; i++)
        qsort(m->ops[i], m->n[i], sizeof(m->ops[i][0]), by_value);
}

/* By which laws, and in how many seeds. */
static void print_seen(const struct measure *m)
{
    char seen[NR_LAWS * 32] = "";
    size_t n = 0;
    for (unsigned l = LAW_NONE + 1; l < NR_LAWS; l++)
        if (m->laws[l])
            n += (size_t)snprintf(seen + n, sizeof(seen) - n, "%s%s %u", n ? ", " : "",
                                  law_table[l].name, m->laws[l]);
    if (m->false_alarms)
        snprintf(seen + n, sizeof(seen) - n, "%sFALSE ALARMS %u", n ? ", " : "", m->false_alarms);
    if (*seen)
        put_hanging(seen, 0, 4, stdout);
}

static void print_row(const struct measure *m, const struct fault_info *info)
{
    printf("%-28s", info->name);
    if (strlen(info->name) > 28)
        printf("\n%-28s", "");
    for (unsigned i = 0; i < NR_MILESTONES; i++) {
        char median[24] = "-";
        if (m->n[i])
            snprintf(median, sizeof(median), "%llu", (unsigned long long)m->ops[i][m->n[i] / 2]);
        printf("  %3u/%-3u %7s", m->n[i], m->seeds, median);
    }
    putchar('\n');
    print_seen(m);
    fflush(stdout);
}

static json_t *row_json(const struct measure *m, const struct fault_info *info)
{
    json_t *row = json_pack("{s:s, s:i, s:i}", "fault", info->name, "number", info->number, "seeds",
                            m->seeds);
    for (unsigned i = 0; i < NR_MILESTONES; i++) {
        json_t *ops = json_array();
        for (unsigned k = 0; k < m->n[i]; k++)
            json_array_append_new(ops, json_integer((json_int_t)m->ops[i][k]));
        json_object_set_new(row, milestone_names[i],
                            json_pack("{s:i, s:o}", "seeds", m->n[i], "operations", ops));
    }
    json_t *laws = json_object();
    for (unsigned l = LAW_NONE + 1; l < NR_LAWS; l++)
        if (m->laws[l])
            json_object_set_new(laws, law_table[l].name, json_integer(m->laws[l]));
    json_object_set_new(row, "laws", laws);
    json_object_set_new(row, "false_alarms", json_integer(m->false_alarms));
    return row;
}

static bool chosen(const struct measure *m, enum fault_id fault)
{
    for (size_t i = 0; i < m->nr_names; i++)
        if (parse_fault(m->names[i]) == fault)
            return true;
    return m->nr_names == 0;
}

/* True if something is wrong. */
static bool run_all(struct measure *m)
{
    unsigned undetected = 0, false_alarms = 0, faults = 0;
    json_t *rows = json_array();
    if (!m->json)
        printf("%-28s  %-15s  %-15s  %s\n    seen by (seeds)\n", "fault (seeds, median)",
               milestone_names[0], milestone_names[1], milestone_names[2]);
    for (unsigned f = F_NONE + 1; f < NR_FAULTS && !stop_requested; f++) {
        if (!chosen(m, f))
            continue;
        run_fault(m, f);
        if (stop_requested)
            break; /* half a measurement is none */
        faults++;
        undetected += m->n[DETECTED] == 0;
        false_alarms += m->false_alarms;
        if (m->json)
            json_array_append_new(rows, row_json(m, &fault_table[f]));
        else
            print_row(m, &fault_table[f]);
    }
    if (m->json) {
        json_dumpf(rows, stdout, JSON_INDENT(2));
        putchar('\n');
    } else {
        printf("%u fault%s, %u detected, %u false alarm%s%s\n", faults, plural(faults),
               faults - undetected, false_alarms, plural(false_alarms),
               stop_requested ? ", stopped before the next was measured" : "");
    }
    json_decref(rows);
    return (m->on.chosen ? undetected == faults : undetected) || false_alarms;
}

static void open_linux(struct measure *m)
{
    m->on.live.rules = m->plan.subject.rules;
    m->on.live.kernel_alone = true;
    live_open_or_exit(&m->on.live);
}

static int measure(int argc, char **argv)
{
    static const struct argp_child children[] = {{.argp = &on_linux_argp}, {0}};
    static const struct argp argp = {options, parse, "[NAME...]", doc, children, NULL, NULL};
    static struct measure m = {.plan = {.ops = 50000, .jobs = 1, .subject.rules = -1}, .seeds = 5};
    argv[0] = (char *)(uintptr_t) "vmafuzz faults measure";
    parse_arguments(&argp, argc, argv, &m);
    for (size_t i = 0; i < m.nr_names; i++)
        parse_fault(m.names[i]); /* complain before the first one runs */
    m.ex = executor_or_exit();
    m.program = program_new(1024);
    if (!m.program)
        usage_error("out of memory");
    catch_stop_signals();
    if (m.on.chosen)
        open_linux(&m);
    bool wrong = run_all(&m);
    if (m.on.chosen)
        live_close(&m.on.live);
    program_free(m.program);
    executor_free(m.ex);
    return status_or_stopped(wrong ? STATUS_FOUND : STATUS_CLEAN);
}

int cmd_faults(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "measure") == 0)
        return measure(argc - 1, argv + 1);
    return list_faults(argc, argv);
}
