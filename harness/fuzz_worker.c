/* SPDX-License-Identifier: GPL-2.0-only */
/* A worker of `vmafuzz fuzz`: runs its share of the plan and sends counters and finds upwards. */
#define _GNU_SOURCE
#include "harness/fuzz_plan.h"

#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define MAX_CLASSES 256
#define SEND_INTERVAL 0.1   /* seconds between counters */
#define SHRINK_SECONDS 60.0 /* of one find in a run that has a deadline */

struct worker {
    const struct plan *plan;
    int fd;
    struct executor *ex;
    struct program *program;
    struct live *live; /* its own copy of the plan's; NULL: none */
    struct counters counters;
    double sent;
    unsigned nr_classes;
    struct failure_class classes[MAX_CLASSES];
};

static bool send_all(int fd, const void *data, size_t size)
{
    for (const char *at = data; size;) {
        ssize_t n = write(fd, at, size);
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0) {
            at += n;
            size -= (size_t)n;
        }
    }
    return true;
}

static void send_message(struct worker *w, enum message_kind kind, const void *data, size_t size)
{
    struct message m = {.kind = kind, .size = (uint32_t)size};
    if (!send_all(w->fd, &m, sizeof(m)) || !send_all(w->fd, data, size))
        _exit(STATUS_USAGE); /* the parent is gone: nobody is left to tell */
}

static void fail(struct worker *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void fail(struct worker *w, const char *fmt, ...)
{
    char line[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    send_message(w, MESSAGE_ERROR, line, strlen(line));
}

static void send_counters(struct worker *w)
{
    w->sent = seconds_now();
    w->counters.stats = *executor_stats(w->ex);
    if (w->live) {
        memcpy(w->counters.avoided, w->live->avoided, sizeof(w->counters.avoided));
        w->counters.led = w->live->other.led;
        w->counters.followed = w->live->other.followed;
        w->counters.moves = subject_linux_moves(w->live->other.subject);
    }
    send_message(w, MESSAGE_COUNTERS, &w->counters, sizeof(w->counters));
}

static void count_vmas(void *arg, int index, const struct op *op, const struct call *call, long ret)
{
    (void)index, (void)op, (void)call, (void)ret;
    struct worker *w = arg;
    const struct world *world = executor_world(w->ex);
    for (uint32_t i = 0; i < MAX_PROCS; i++)
        if (world->proc[i] && world->proc[i]->map_count > w->counters.vmas)
            w->counters.vmas = world->proc[i]->map_count;
}

static void count_run(struct worker *w, const struct run_result *r, bool clean)
{
    const uint32_t *events = executor_world(w->ex)->events;
    w->counters.programs++;
    w->counters.ops += r->nr_run - r->nr_refused;
    w->counters.violations += !clean;
    w->counters.fault_reached += r->fault_reached;
    w->counters.fault_triggered += r->fault_triggered;
    for (unsigned e = 0; e < NR_EVENTS; e++)
        if (events[e])
            w->counters.seen[e] |= 1u << (31 - __builtin_clz(events[e]));
}

static bool class_is_new(struct worker *w, const struct run_result *r)
{
    struct failure_class c = failure_class(r);
    for (unsigned i = 0; i < w->nr_classes; i++)
        if (failure_class_equal(&w->classes[i], &c))
            return false;
    if (w->nr_classes == MAX_CLASSES)
        return false;
    w->classes[w->nr_classes++] = c;
    return true;
}

static void on_shrink(void *arg, uint32_t evaluations, uint32_t ops)
{
    struct worker *w = arg;
    w->counters.shrinking = ops;
    w->counters.evaluations = evaluations;
    if (seconds_now() - w->sent > SEND_INTERVAL)
        send_message(w, MESSAGE_COUNTERS, &w->counters, sizeof(w->counters));
}

static const char *operation_name(const struct run_result *r)
{
    return r->kind == OP_NONE ? "exit" : op_table[r->kind].name;
}

static char *program_text(const struct program *p)
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    if (!to)
        return NULL;
    program_print(p, to);
    fclose(to);
    return text;
}

/* <out>/<law>-<operation>-<hash of the program without its header>.vma */
static void name_file(char *name, size_t size, const struct worker *w, const struct run_result *r)
{
    uint32_t hash = 2166136261; /* FNV-1a */
    char *text = program_text(w->program);
    for (const char *c = text; c && *c; c++)
        hash = (hash ^ (unsigned char)*c) * 16777619;
    free(text);
    snprintf(name, size, "%s/%s-%s-%08x.vma", w->plan->out, law_table[r->verdict.law].name,
             operation_name(r), hash);
}

static void set_header(struct worker *w, const struct planned *pl, const struct run_result *r)
{
    char *header = NULL;
    const char *cause = pl->options.fault ? fault_table[pl->options.fault].name
                        : rules_break((enum rules)pl->options.rules, r->verdict.law)
                            ? "perhaps CVE-2022-42703, for which linux-4.4 is known"
                            : "unknown";
    if (asprintf(&header,
                 "# cause: %s\n# law: %s\n# found: vmafuzz %s, seed %" PRIu64 ", program %" PRIu64
                 "\n%s%s%s",
                 cause, law_table[r->verdict.law].name, VMAFUZZ_VERSION, w->plan->seed, pl->number,
                 w->live ? "# kernel: " : "", w->live ? w->live->name : "",
                 w->live ? "\n" : "") < 0)
        return;
    free(w->program->header);
    w->program->header = header;
}

static json_t *html_section(struct executor *ex, const struct finding *f)
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    report_html(ex, f, to);
    fclose(to);
    json_t *section = json_string(text);
    free(text);
    return section;
}

/* { number, law, operation, site, file, program, report, finding, html }: all that the parent
 * needs; html if the plan wants it. */
static json_t *describe_find(struct worker *w, const struct finding *f, uint64_t number)
{
    char *report = NULL, *object = NULL;
    size_t report_size, object_size;
    FILE *to = open_memstream(&report, &report_size);
    report_text(w->ex, f, to);
    fclose(to);
    to = open_memstream(&object, &object_size);
    report_json(w->ex, f, to);
    fclose(to);
    char *text = program_text(f->program);
    json_t *finding = json_loadb(object, object_size, 0, NULL);
    json_object_del(json_object_get(finding, "shrink"), "seconds"); /* same seed, same output */
    json_t *page = w->plan->html ? html_section(w->ex, f) : NULL;
    const struct run_result *r = f->result;
    json_t *find =
        json_pack("{s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o*}", "number", (json_int_t)number,
                  "law", law_table[r->verdict.law].name, "operation", operation_name(r), "site",
                  r->verdict.site ? r->verdict.site : "", "file", f->file, "program", text,
                  "report", report, "finding", finding, "html", page);
    free(text);
    free(report);
    free(object);
    return find;
}

/* first: how it was found. */
static void worker_find(struct worker *w, const struct planned *pl, const struct run_options *o,
                        const struct run_result *first)
{
    struct program *p = w->program;
    const struct shrink_options so = {.max_seconds = w->plan->deadline > 0 ? SHRINK_SECONDS : 0,
                                      .progress = on_shrink,
                                      .arg = w,
                                      .stop = &stop_requested};
    struct shrink_result sr;
    struct run_result r;
    bool fails = shrink(w->ex, p, o, &so, &sr, &r);
    w->counters.shrinking = 0;
    if (!fails) {
        fail(w, "a find does not fail again: program %" PRIu64 ", %s (%s): %s", pl->number,
             law_table[first->verdict.law].name, first->verdict.site, first->verdict.text);
        return;
    }
    free(p->header); /* an earlier find's */
    p->header = NULL;
    char file[PATH_MAX];
    name_file(file, sizeof(file), w, &r);
    set_header(w, pl, &r);
    const struct finding f = {.program = p,
                              .result = &r,
                              .options = o,
                              .shrink = &sr,
                              .seed = w->plan->seed,
                              .file = file};
    json_t *find = describe_find(w, &f, pl->number);
    char *text = find ? json_dumps(find, JSON_COMPACT) : NULL;
    if (text)
        send_message(w, MESSAGE_FIND, text, strlen(text));
    else
        fail(w, "a find cannot be reported: program %" PRIu64, pl->number);
    free(text);
    json_decref(find);
}

/* Judged again after every operation, so that the culprit is the one that broke the law and not the
 * one after which it was seen. A stored find runs under the rules that it was found with. */
static void examine(struct worker *w, const struct planned *pl, const struct run_result *first)
{
    struct op_stats *stats = executor_stats(w->ex), kept = *stats;
    struct run_options options = run_options_strict;
    struct run_result r;
    const uint32_t every = w->live ? w->live->other.every : 0;
    options.fault = pl->options.fault;
    options.without = pl->options.without;
    if (w->live) {
        live_options(w->live, &options);
        w->live->other.every = 1;
    }
    w->program->rules_given = true;
    if (executor_run(w->ex, w->program, &options, &r)) {
        options = pl->options;
        options.rules = -1;
        options.trace = NULL;
        executor_run(w->ex, w->program, &options, &r);
    }
    if (r.verdict.law == LAW_NONE)
        r = *first; /* it has not come again: shrink() will say so */
    if (class_is_new(w, &r))
        worker_find(w, pl, &options, first);
    if (w->live)
        w->live->other.every = every;
    *stats = kept; /* runs made for shrinking and reporting do not count */
}

/* Under rules that were asked for by name it is reported like any other. */
static bool known_flaw(const struct worker *w, const struct planned *pl, const struct run_result *r)
{
    return w->plan->subject.rules < 0 && rules_break((enum rules)pl->options.rules, r->verdict.law);
}

static void run_planned(struct worker *w, struct planned *pl)
{
    struct run_result r;
    pl->options.trace = count_vmas;
    pl->options.trace_arg = w;
    if (w->live)
        live_options(w->live, &pl->options);
    bool clean = executor_generate(w->ex, w->program, pl->seed, pl->length,
                                   w->live ? &w->live->config : NULL, &pl->options, &r);
    if (!clean && known_flaw(w, pl, &r)) {
        w->counters.known++;
        clean = true;
    }
    count_run(w, &r, clean);
    if (!clean)
        examine(w, pl, &r);
}

static bool done(const struct worker *w)
{
    return stop_requested || (w->plan->stop && w->nr_classes) ||
           (w->plan->deadline > 0 && seconds_now() >= w->plan->deadline);
}

static int work(struct worker *w, unsigned index)
{
    struct plan_cursor cursor = {0};
    struct planned pl;
    while (!done(w) && plan_next(w->plan, &cursor, &pl)) {
        bool own = pl.number % w->plan->jobs == index;
        if (own)
            run_planned(w, &pl);
        w->counters.below = pl.number + 1;
        if ((own && w->plan->stop) || seconds_now() - w->sent > SEND_INTERVAL)
            send_counters(w); /* where a find ends the run, each program is counted by itself */
    }
    w->counters.below = UINT64_MAX;
    send_counters(w);
    return STATUS_CLEAN;
}

/* The processes that make the calls are this worker's children, so it opens its own. */
static bool open_live(struct worker *w, unsigned index)
{
    char why[256] = "";
    static struct live live;
    live = *w->plan->live;
    live.options.cpu += index;
    if (!live_open(&live, why, sizeof(why))) {
        fail(w, "%s", why);
        return false;
    }
    w->live = &live;
    return true;
}

int fuzz_worker(const struct plan *plan, unsigned index, int fd)
{
    static struct worker w; /* too large for a stack that a fault may have eaten into */
    w = (struct worker){
        .plan = plan, .fd = fd, .ex = executor_new(0), .program = program_new(1024)};
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* no orphan goes on when the parent is killed */
    if (!w.ex || !w.program) {
        fail(&w, "cannot reserve memory for the model: %s", strerror(w.ex ? ENOMEM : errno));
        return STATUS_USAGE;
    }
    if (plan->live && !open_live(&w, index))
        return STATUS_USAGE;
    int status = work(&w, index);
    if (w.live)
        live_close(w.live);
    program_free(w.program);
    executor_free(w.ex);
    return status;
}
