/* SPDX-License-Identifier: GPL-2.0-only */
/* What several commands need: messages, common options, signals. */
#define _GNU_SOURCE
#include "harness/cmd.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- messages ---- */
static void complain_v(const char *fmt, va_list args)
{
    fflush(stdout);
    fputs("vmafuzz: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
}

void complain(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    complain_v(fmt, args);
    va_end(args);
}

void usage_error(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    complain_v(fmt, args);
    va_end(args);
    exit(STATUS_USAGE);
}

bool find_name(const char *what, const char *name, const char *const names[], size_t n, size_t *at,
               char *message, size_t size)
{
    const char *nearest;
    for (*at = 0; *at < n; ++*at)
        if (strcmp(names[*at], name) == 0)
            return true;
    nearest = nearest_name(name, names, n);
    snprintf(message, size, nearest ? "unknown %s '%s'; did you mean '%s'?" : "unknown %s '%s'",
             what, name, nearest);
    return false;
}

/* ---- options ---- */
uint64_t parse_number(const char *option, const char *text, uint64_t min, uint64_t max)
{
    char *end;
    errno = 0;
    uint64_t value = strtoull(text, &end, 0);
    if (errno || end == text || *end || text[0] == '-' || value < min || value > max)
        usage_error("%s: '%s' is not a whole number from %llu to %llu", option, text,
                    (unsigned long long)min, (unsigned long long)max);
    return value;
}

#define MAX_SECONDS 1e9
double parse_seconds(const char *option, const char *text)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !(value > 0 && value <= MAX_SECONDS))
        usage_error("%s: '%s' is not a number of seconds above 0, at most %g", option, text,
                    MAX_SECONDS);
    return value;
}

size_t parse_name(const char *what, const char *name, const char *const names[], size_t n)
{
    char message[256];
    size_t i;
    if (!find_name(what, name, names, n, &i, message, sizeof(message)))
        usage_error("%s", message);
    return i;
}

enum fault_id parse_fault(const char *name)
{
    const char *names[NR_FAULTS - 1]; /* F_NONE cannot be asked for */
    for (unsigned f = F_NONE + 1; f < NR_FAULTS; f++)
        names[f - 1] = fault_table[f].name;
    return (enum fault_id)(parse_name("fault", name, names, NR_FAULTS - 1) + 1);
}

int parse_rules(const char *name)
{
    return (int)parse_name("rules", name, rules_names, NR_RULES);
}

static enum law_id parse_law(const char *name)
{
    const char *names[NR_LAWS - 1];
    for (unsigned l = LAW_NONE + 1; l < NR_LAWS; l++)
        names[l - 1] = law_table[l].name;
    return (enum law_id)(parse_name("law", name, names, NR_LAWS - 1) + 1);
}

uint64_t parse_laws(const char *names)
{
    uint64_t laws = 0;
    char *copy = strdup(names);
    if (!copy)
        usage_error("out of memory");
    for (char *rest = copy, *name; (name = strsep(&rest, ","));) {
        enum law_id law = parse_law(name);
        if (LAWS_ENDING_RUNS & LAW_BIT(law))
            usage_error("--without: nothing can go on where %s is broken", name);
        laws |= LAW_BIT(law);
    }
    free(copy);
    return laws;
}

/* NULL: no option of this argp has the key, nor of those below it. */
static const struct argp_option *option_of(const struct argp *argp, int key)
{
    const struct argp_option *found = NULL;
    for (const struct argp_option *o = argp->options; o && o->name; o++)
        if (o->key == key)
            return o;
    for (const struct argp_child *c = argp->children; c && c->argp && !found; c++)
        found = option_of(c->argp, key);
    return found;
}

void refuse_twice(int key, const char *arg, const struct argp_state *state)
{
    static bool given[512];
    const struct argp_option *o;
    if (!arg || key <= 0 || key >= (int)(sizeof(given) / sizeof(*given)))
        return;
    if (given[key] && (o = option_of(state->root_argp, key)))
        usage_error("--%s is given twice", o->name);
    given[key] = true;
}

static error_t parse_subject(int key, char *arg, struct argp_state *state)
{
    struct subject_options *subject = state->input;
    if (key != 'W') /* which adds up */
        refuse_twice(key, arg, state);
    switch (key) {
    case ARGP_KEY_INIT:
        *subject = (struct subject_options){.rules = -1, .fault = F_NONE};
        return 0;
    case 'r':
        subject->rules = parse_rules(arg);
        return 0;
    case 'f':
        subject->fault = parse_fault(arg);
        return 0;
    case 'W':
        subject->without |= parse_laws(arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option subject_argp_options[] = {
    {.name = "rules",
     .key = 'r',
     .arg = "NAME",
     .doc = "Rules of one kernel: linux-4.4, linux-5.10, linux-6.1, linux-6.12 or "
            "linux-6.18"},
    {.name = "fault",
     .key = 'f',
     .arg = "NAME",
     .doc = "Switch on a catalogued fault in the model; `vmafuzz faults' lists them"},
    {.name = "without",
     .key = 'W',
     .arg = "LAW,...",
     .doc = "Do not judge these laws, so that what comes after shows; `vmafuzz laws' lists them"},
    {0},
};
const struct argp subject_argp = {.options = subject_argp_options, .parser = parse_subject};

void parse_arguments(const struct argp *argp, int argc, char **argv, void *input)
{
    argp_err_exit_status = STATUS_USAGE;
    error_t error = argp_parse(argp, argc, argv, 0, NULL, input);
    if (error)
        usage_error("%s", strerror(error));
}

error_t parse_file_command(int key, char *arg, struct argp_state *state)
{
    struct file_command *c = state->input;
    refuse_twice(key, arg, state);
    switch (key) {
    case ARGP_KEY_INIT:
        if (state->child_inputs)
            state->child_inputs[0] = &c->subject;
        return 0;
    case ARGP_KEY_ARG:
        if (c->file)
            argp_error(state, "one FILE expected, '%s' is too many", arg);
        c->file = arg;
        return 0;
    case ARGP_KEY_END:
        if (!c->file)
            argp_error(state, "FILE is missing");
        return 0;
    case 'o':
        c->out = arg;
        return 0;
    case 'e':
        c->evaluations = parse_number("--evaluations", arg, 1, UINT32_MAX);
        return 0;
    case 't':
        c->seconds = parse_seconds("--time", arg);
        return 0;
    case 'T':
        c->form = arg;
        return 0;
    case 'J':
        c->json = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- what commands run ---- */
struct program *load_or_exit(const char *path)
{
    struct program *p;
    bool wire;
    char message[512];
    if (program_load(path, &p, &wire, message, sizeof(message)) != 0)
        usage_error("%s", message);
    if (*message)
        complain("%s", message);
    return p;
}

struct executor *executor_or_exit(void)
{
    struct executor *ex = executor_new(0);
    if (!ex)
        usage_error("cannot reserve memory for the model: %s", strerror(errno));
    return ex;
}

void print_bytes(const void *bytes, FILE *to)
{
    const struct bytes *b = bytes;
    fwrite(b->data, 1, b->size, to);
}

void print_or_save(const char *out, file_printer *print, const void *what)
{
    char message[512];
    if (!out)
        print(what, stdout);
    else if (file_save(out, print, what, message, sizeof(message)) != 0)
        usage_error("%s", message);
}

void print_c(const void *source, FILE *to)
{
    const struct c_source *s = source;
    report_c(s->ex, s->program, to);
}

struct run_options subject_run_options(const struct subject_options *subject)
{
    struct run_options options = run_options_strict;
    options.rules = subject->rules;
    options.fault = subject->fault;
    options.without = subject->without;
    return options;
}

/* ---- signals ---- */
volatile bool stop_requested;
static volatile sig_atomic_t stop_signal;

static void on_stop(int signal)
{
    stop_signal = signal;
    stop_requested = true;
}

void catch_stop_signals(void)
{
    struct sigaction action = {.sa_handler = on_stop};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

int status_or_stopped(int status)
{
    return stop_requested && status != STATUS_USAGE ? 128 + stop_signal : status;
}
