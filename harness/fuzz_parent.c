/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The parent of a fuzzing run, on the model alone or beside the running kernel: starts the workers,
 * shows how they get on, and reports and stores what they find. All work is done in workers, with
 * --jobs 1 as well: whatever happens to one, the parent tells it.
 */
#define _GNU_SOURCE
#include "harness/codec.h"
#include "harness/fuzz_plan.h"

#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAMS_THAT_TELL 1000 /* of fewer, what did not happen says nothing */
#define FAILS_TOO_OFTEN 95      /* percent: such an operation tests next to nothing */
#define CALLS_THAT_TELL 100     /* with fewer of them it may be chance */

/* ---- options ---- */
static const struct argp_option fuzz_options[] = {
    {.name = "seed", .key = 's', .arg = "N", .doc = "Seed of the run; by default a random one"},
    {.name = "time", .key = 't', .arg = "SECONDS", .doc = "Stop after so many seconds"},
    {.name = "ops", .key = 'n', .arg = "N", .doc = "Stop after so many operations"},
    {.name = "length",
     .key = 'l',
     .arg = "N",
     .doc = "Operations of a program; by default mixed, 20 to 400"},
    {.name = "jobs", .key = 'j', .arg = "N", .doc = "Worker processes, 1 to 64; by default 1"},
    {.name = "out", .key = 'o', .arg = "FOLDER", .doc = "Where finds go; by default finds"},
    {.name = "html", .key = 'w', .doc = "Also store each find's report as an HTML page beside it"},
    {.name = "stop", .key = 'S', .doc = "Stop at the first find"},
    {.name = "json", .key = 'J', .doc = "Print one JSON object instead of text"},
    {0},
};

static error_t parse_fuzz(int key, char *arg, struct argp_state *state)
{
    struct fuzz *f = state->input;
    refuse_twice(key, arg, state);
    switch (key) {
    case 's':
        f->plan.seed = parse_number("--seed", arg, 0, UINT64_MAX);
        return 0;
    case 't':
        f->seconds = parse_seconds("--time", arg);
        return 0;
    case 'n':
        f->plan.ops = parse_number("--ops", arg, 1, UINT64_MAX);
        return 0;
    case 'l':
        f->plan.length = (uint32_t)parse_number("--length", arg, 1, 1000000);
        return 0;
    case 'j':
        f->plan.jobs = (unsigned)parse_number("--jobs", arg, 1, MAX_JOBS);
        return 0;
    case 'o':
        f->plan.out = arg;
        return 0;
    case 'w':
        f->plan.html = true;
        return 0;
    case 'S':
        f->plan.stop = true;
        return 0;
    case 'J':
        f->json = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "unexpected argument '%s'", arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp fuzz_argp = {.options = fuzz_options, .parser = parse_fuzz};

/* ---- the folder of finds ---- */
/* Full or unwritable folders are told before the run, not after the first find. */
static void prepare_out(struct fuzz *f)
{
    const char *out = f->plan.out;
    char probe[PATH_MAX] = "", block[4096] = {0};
    snprintf(probe, sizeof(probe), "%s", out);
    for (char *end = probe + 1; (end = strchr(end, '/')); *end++ = '/') { /* those above it */
        *end = '\0';
        mkdir(probe, 0777); /* the last one will tell what is wrong */
    }
    f->made_out = mkdir(out, 0777) == 0;
    if (!f->made_out && errno != EEXIST)
        usage_error("cannot make the folder %s: %s", out, strerror(errno));
    snprintf(probe, sizeof(probe), "%s/.probe-XXXXXX", out);
    int fd = mkstemp(probe);
    if (fd < 0)
        usage_error("cannot write in the folder %s: %s", out, strerror(errno));
    bool written = write(fd, block, sizeof(block)) == sizeof(block) && fsync(fd) == 0;
    int error = errno;
    close(fd);
    unlink(probe);
    if (!written)
        usage_error("cannot write in the folder %s: %s", out, strerror(error));
}

static void print_page(const void *find, FILE *to)
{
    html_page(json_string_value(json_object_get(find, "file")),
              json_string_value(json_object_get(find, "html")), to);
}

/* FOLDER/LAW-OPERATION-HASH.html */
static void store_page(struct fuzz *f, const json_t *find)
{
    const char *file = json_string_value(json_object_get(find, "file"));
    char path[PATH_MAX], message[512];
    if (!json_object_get(find, "html"))
        return;
    snprintf(path, sizeof(path), "%.*s.html", (int)(strlen(file) - strlen(".vma")), file);
    if (file_save(path, print_page, find, message, sizeof(message)) == 0)
        return;
    f->lost++;
    complain("%s", message);
}

/* FOLDER/LAW-OPERATION-HASH.c, which makes its system calls without vmafuzz. */
static bool store_c(const struct program *p, const char *file, char *message, size_t size)
{
    char path[PATH_MAX];
    const struct c_source source = {executor_or_exit(), p};
    snprintf(path, sizeof(path), "%.*s.c", (int)(strlen(file) - strlen(".vma")), file);
    bool stored = file_save(path, print_c, &source, message, size) == 0;
    executor_free(source.ex);
    return stored;
}

static void store(struct fuzz *f, const json_t *find)
{
    const char *text = json_string_value(json_object_get(find, "program"));
    const char *file = json_string_value(json_object_get(find, "file"));
    char message[512] = "a find cannot be stored: out of memory";
    struct parse_error error;
    struct program *p = program_new(64);
    bool stored = p && program_parse(p, text, strlen(text), &error) == 0 &&
                  program_save(file, p, message, sizeof(message)) == 0 &&
                  (!f->plan.live || store_c(p, file, message, sizeof(message)));
    program_free(p);
    if (stored)
        return;
    f->lost++;
    complain("%s; the program is in the report", message);
}

/* ---- finds ---- */
static void report_find(struct fuzz *f, json_t *find)
{
    const char *law, *operation, *site, *report;
    json_unpack(find, "{s:s, s:s, s:s, s:s}", "law", &law, "operation", &operation, "site", &site,
                "report", &report);
    char class[512];
    snprintf(class, sizeof(class), "%s %s %s", law, operation, site);
    if (json_object_get(f->classes, class))
        return;
    json_object_set_new(f->classes, class, json_true());
    progress_clear(&f->progress);
    if (!f->json) {
        puts(report); /* with an empty line after it */
        fflush(stdout);
    }
    store(f, find);
    store_page(f, find);
    json_array_append(f->finds, find);
}

static void keep_counters(struct job *job)
{
    struct kept *kept = malloc(sizeof(*kept));
    if (!kept)
        usage_error("out of memory");
    kept->counters = job->counters;
    STAILQ_INSERT_TAIL(&job->kept, kept, next);
}

/* Keeps the last ones without programs from number end on, and all later ones. */
static void forget_counters(struct job *job, uint64_t end)
{
    struct kept *first, *second;
    while ((first = STAILQ_FIRST(&job->kept)) && (second = STAILQ_NEXT(first, next)) &&
           second->counters.below <= end) {
        STAILQ_REMOVE_HEAD(&job->kept, next);
        free(first);
    }
}

static void count_until(struct fuzz *f, uint64_t end)
{
    for (unsigned i = 0; i < f->plan.jobs; i++) {
        struct job *job = &f->job[i];
        forget_counters(job, end);
        const struct kept *first = STAILQ_FIRST(&job->kept);
        bool some = first && first->counters.below <= end;
        job->counters = some ? first->counters : (struct counters){0};
    }
}

/* Reports what no worker can any more precede by a find with a smaller number. */
static void report_ready(struct fuzz *f)
{
    uint64_t below = UINT64_MAX;
    for (unsigned i = 0; i < f->plan.jobs; i++)
        if (f->job[i].fd >= 0 && f->job[i].counters.below < below)
            below = f->job[i].counters.below;
    while (!(f->plan.stop && json_array_size(f->finds))) {
        size_t i, first = SIZE_MAX;
        json_t *find;
        uint64_t number, least = below;
        json_array_foreach (f->pending, i, find) {
            number = (uint64_t)json_integer_value(json_object_get(find, "number"));
            if (number < least) {
                least = number;
                first = i;
            }
        }
        if (first == SIZE_MAX)
            break;
        report_find(f, json_array_get(f->pending, first));
        json_array_remove(f->pending, first);
        if (f->plan.stop)
            count_until(f, least + 1);
    }
    for (unsigned i = 0; i < f->plan.jobs; i++)
        forget_counters(&f->job[i], below);
}

/* ---- workers ---- */
static void start_workers(struct fuzz *f)
{
    fflush(NULL);
    for (unsigned i = 0; i < f->plan.jobs; i++) {
        int ends[2];
        struct job *job = &f->job[i];
        STAILQ_INIT(&job->kept);
        if (pipe(ends) != 0 || (job->pid = fork()) < 0)
            usage_error("cannot start worker %u: %s", i, strerror(errno));
        if (job->pid == 0) {
            close(ends[0]);
            for (unsigned k = 0; k < i; k++)
                close(f->job[k].fd);
            exit(fuzz_worker(&f->plan, i, ends[1]));
        }
        close(ends[1]);
        job->fd = ends[0];
    }
}

static void stop_workers(struct fuzz *f)
{
    if (f->stopping)
        return;
    f->stopping = true;
    for (unsigned i = 0; i < f->plan.jobs; i++)
        if (f->job[i].fd >= 0)
            kill(f->job[i].pid, SIGTERM);
}

static bool receive(int fd, void *data, size_t size)
{
    for (char *at = data; size;) {
        ssize_t n = read(fd, at, size);
        if (n == 0 || (n < 0 && errno != EINTR))
            return false;
        if (n > 0) {
            at += n;
            size -= (size_t)n;
        }
    }
    return true;
}

static void worker_ended(struct fuzz *f, unsigned index)
{
    struct job *job = &f->job[index];
    int status;
    close(job->fd);
    job->fd = -1;
    while (waitpid(job->pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_CLEAN)
        return;
    f->lost++;
    progress_clear(&f->progress);
    if (WIFSIGNALED(status))
        complain("worker %u died (%s) at or after program %" PRIu64 " of seed %" PRIu64, index,
                 strsignal(WTERMSIG(status)), job->counters.below, f->plan.seed);
    else
        complain("worker %u gave up at or after program %" PRIu64 " of seed %" PRIu64, index,
                 job->counters.below, f->plan.seed);
}

static void receive_message(struct fuzz *f, unsigned index)
{
    struct job *job = &f->job[index];
    struct message m;
    char *data = NULL;
    if (!receive(job->fd, &m, sizeof(m)) || !(data = malloc(m.size + 1ul)) ||
        !receive(job->fd, data, m.size)) {
        free(data);
        worker_ended(f, index);
        return;
    }
    data[m.size] = '\0';
    if (m.kind == MESSAGE_COUNTERS && f->plan.stop && json_array_size(f->finds)) {
        ; /* the count is over */
    } else if (m.kind == MESSAGE_COUNTERS) {
        memcpy(&job->counters, data, sizeof(job->counters));
        if (f->plan.stop && !job->counters.shrinking)
            keep_counters(job);
    } else if (m.kind == MESSAGE_FIND) {
        json_array_append_new(f->pending, json_loadb(data, m.size, 0, NULL));
    } else {
        f->lost++;
        progress_clear(&f->progress);
        complain("worker %u: %s", index, data);
    }
    free(data);
}

static void sum_counters(const struct fuzz *f, struct counters *sum)
{
    *sum = (struct counters){0};
    for (unsigned i = 0; i < f->plan.jobs; i++)
        counters_add(sum, &f->job[i].counters);
}

static void show_progress(struct fuzz *f)
{
    struct counters sum;
    sum_counters(f, &sum);
    double seconds = seconds_now() - f->progress.start;
    size_t finds = json_array_size(f->finds);
    char last[64]; /* what matters less makes room */
    if (sum.shrinking)
        snprintf(last, sizeof(last), "shrinking: %u ops, %u runs", sum.shrinking, sum.evaluations);
    else
        snprintf(last, sizeof(last), "%u VMAs  %u features", sum.vmas, count_features(&sum));
    progress_show(&f->progress, "%.0f s  %.1f k ops/s  %" PRIu64 " program%s  %zu find%s  %s",
                  seconds, (double)sum.ops / seconds / 1000, sum.programs, plural(sum.programs),
                  finds, plural(finds), last);
}

/* Until the last worker has ended. */
static void collect(struct fuzz *f)
{
    for (;;) {
        struct pollfd polled[MAX_JOBS];
        unsigned open = 0;
        for (unsigned i = 0; i < f->plan.jobs; i++) {
            polled[i] = (struct pollfd){.fd = f->job[i].fd, .events = POLLIN};
            open += f->job[i].fd >= 0;
        }
        if (!open)
            return;
        int n = poll(polled, f->plan.jobs, 100);
        for (unsigned i = 0; n > 0 && i < f->plan.jobs; i++)
            if (polled[i].revents)
                receive_message(f, i);
        report_ready(f);
        if (stop_requested || (f->plan.stop && json_array_size(f->finds)))
            stop_workers(f);
        if (progress_due(&f->progress))
            show_progress(f);
    }
}

/* ---- the end ---- */
static unsigned percent(uint64_t part, uint64_t whole)
{
    return (unsigned)((part * 100 + whole / 2) / whole);
}

static bool fails_too_often(const struct op_stats *s, unsigned op)
{
    return s->calls[op] >= CALLS_THAT_TELL &&
           s->failures[op] * 100 > s->calls[op] * FAILS_TOO_OFTEN;
}

/* Beside its line: that it tests little, or nothing. */
static void print_mark(const struct counters *sum, int rules, enum op_kind op)
{
    if (rules >= 0 && !rules_have((enum rules)rules, op))
        printf("  <- not in %s", rules_names[rules]);
    else if (fails_too_often(&sum->stats, op))
        fputs("  <- fails in more than 95 of 100 calls", stdout);
}

static void print_operations(const struct counters *sum, int rules)
{
    const struct op_stats *s = &sum->stats;
    printf("%-18s %12s  succeeded\n", "operation", "calls");
    for (unsigned op = OP_NONE + 1; op < NR_OPS; op++) {
        if (!s->calls[op])
            continue;
        printf("%-18s %12" PRIu64 "  %8u%%", op_table[op].name, s->calls[op],
               percent(s->calls[op] - s->failures[op], s->calls[op]));
        print_mark(sum, rules, (enum op_kind)op);
        putchar('\n');
    }
    char line[NR_EVENTS * 24 + 64];
    size_t n = (size_t)snprintf(line, sizeof(line), "state features: %u", count_features(sum));
    const char *before = "; never happened: ";
    for (unsigned e = 0; e < NR_EVENTS && n < sizeof(line); e++) {
        if (sum->seen[e])
            continue;
        n += (size_t)snprintf(line + n, sizeof(line) - n, "%s%s", before, event_names[e]);
        before = ", ";
    }
    put_hanging(line, 0, 0, stdout);
}

static void print_fault(enum fault_id fault, const struct counters *sum)
{
    printf("fault %s:", fault_table[fault].name);
    put_times(" reached", sum->fault_reached, stdout);
    put_times(", triggered", sum->fault_triggered, stdout);
    putchar('\n');
}

static void print_avoided(const struct counters *sum)
{
    for (unsigned i = 0; i < nr_linux_quirks; i++)
        if (sum->avoided[i])
            printf("quirk %s: %" PRIu64 " call%s not made\n", linux_quirks[i].name, sum->avoided[i],
                   plural(sum->avoided[i]));
}

/* That pages have moved shows nowhere else. */
static void print_moves(const struct linux_moves *moves)
{
    printf("memory was compacted %" PRIu64 " time%s: of %" PRIu64 " entries %" PRIu64
           " led to another frame afterwards\n",
           moves->calls, plural(moves->calls), moves->entries, moves->moved);
}

static void print_led(const struct counters *sum)
{
    printf("the memory cgroup was reclaimed %" PRIu64 " time%s: %" PRIu64 " pages went out\n",
           sum->led, plural(sum->led), sum->followed);
}

static void print_verdict(const struct fuzz *f, const struct counters *sum)
{
    size_t i;
    json_t *find;
    if (sum->programs >= PROGRAMS_THAT_TELL)
        print_operations(sum, f->plan.subject.rules);
    if (f->plan.subject.fault)
        print_fault(f->plan.subject.fault, sum);
    if (f->plan.live)
        print_avoided(sum);
    if (f->plan.live && f->plan.live->options.group)
        print_led(sum);
    if (f->plan.live && f->plan.live->options.compact)
        print_moves(&sum->moves);
    if (sum->known) {
        char line[256];
        snprintf(line, sizeof(line),
                 "linux-4.4 broke anon.same in %" PRIu64 " program%s, a flaw that it is known for "
                 "(CVE-2022-42703); --rules linux-4.4 reports it",
                 sum->known, plural(sum->known));
        put_hanging(line, 0, 0, stdout);
    }
    printf("%" PRIu64 " program%s, %" PRIu64 " operation%s, seed %" PRIu64 ": ", sum->programs,
           plural(sum->programs), sum->ops, plural(sum->ops), f->plan.seed);
    if (f->plan.live)
        printf("%s against the model's %s, %.1f k operations/s: ", f->plan.live->name,
               rules_names[f->plan.live->config.rules],
               (double)sum->ops / (seconds_now() - f->progress.start) / 1000);
    if (!json_array_size(f->finds)) {
        puts(f->lost          ? "not finished, see above"
             : !sum->programs ? "nothing was run to its end, so nothing is known"
                              : "clean");
        return;
    }
    printf("%zu class%s of violations in %" PRIu64 " program%s\n", json_array_size(f->finds),
           json_array_size(f->finds) == 1 ? "" : "es", sum->violations, plural(sum->violations));
    json_array_foreach (f->finds, i, find)
        printf("  %s\n", json_string_value(json_object_get(find, "file")));
}

static void set_live(json_t *out, const struct live *live, const struct counters *sum)
{
    json_t *avoided = json_object();
    for (unsigned i = 0; i < nr_linux_quirks; i++)
        json_object_set_new(avoided, linux_quirks[i].name,
                            json_integer((json_int_t)sum->avoided[i]));
    json_object_set_new(out, "kernel", json_string(live->name));
    json_object_set_new(out, "avoided", avoided);
    if (live->options.group)
        json_object_set_new(out, "cgroup",
                            json_pack("{s:I, s:I}", "calls", (json_int_t)sum->led, "pages",
                                      (json_int_t)sum->followed));
    if (live->options.compact)
        json_object_set_new(out, "compaction",
                            json_pack("{s:I, s:I, s:I}", "calls", (json_int_t)sum->moves.calls,
                                      "entries", (json_int_t)sum->moves.entries, "moved",
                                      (json_int_t)sum->moves.moved));
}

static void print_json(const struct fuzz *f, const struct counters *sum)
{
    const struct op_stats *s = &sum->stats;
    json_t *operations = json_array(), *events = json_array(), *finds = json_array(), *find;
    size_t i;
    for (unsigned op = OP_NONE + 1; op < NR_OPS; op++)
        json_array_append_new(operations, json_pack("{s:s, s:I, s:I}", "name", op_table[op].name,
                                                    "calls", (json_int_t)s->calls[op], "failures",
                                                    (json_int_t)s->failures[op]));
    for (unsigned e = 0; e < NR_EVENTS; e++)
        if (sum->seen[e])
            json_array_append_new(events, json_string(event_names[e]));
    json_array_foreach (f->finds, i, find)
        json_array_append(finds, json_object_get(find, "finding"));
    json_t *out =
        json_pack("{s:I, s:I, s:I, s:I, s:I, s:i, s:i, s:I, s:I, s:o, s:o, s:o}", "seed",
                  (json_int_t)f->plan.seed, "programs", (json_int_t)sum->programs, "operations",
                  (json_int_t)sum->ops, "violations", (json_int_t)sum->violations, "known_flaws",
                  (json_int_t)sum->known, "vmas", (int)sum->vmas, "features",
                  (int)count_features(sum), "fault_reached", (json_int_t)sum->fault_reached,
                  "fault_triggered", (json_int_t)sum->fault_triggered, "events", events,
                  "operation_table", operations, "finds", finds);
    if (f->plan.live)
        set_live(out, f->plan.live, sum);
    json_dumpf(out, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(out);
}

static int finish(struct fuzz *f)
{
    struct counters sum;
    sum_counters(f, &sum);
    if (f->progress.shown)
        show_progress(f);
    if (f->progress.terminal && f->progress.shown)
        fputc('\n', stderr);
    if (f->json)
        print_json(f, &sum);
    else
        print_verdict(f, &sum);
    if (f->made_out && !json_array_size(f->finds))
        rmdir(f->plan.out);
    int status = f->lost ? STATUS_USAGE : json_array_size(f->finds) ? STATUS_FOUND : STATUS_CLEAN;
    json_decref(f->pending);
    json_decref(f->classes);
    json_decref(f->finds);
    return status_or_stopped(status);
}

int fuzz_run(struct fuzz *f)
{
    f->pending = json_array();
    f->classes = json_object();
    f->finds = json_array();
    catch_stop_signals();
    prepare_out(f);
    progress_start(&f->progress);
    if (f->seconds > 0)
        f->plan.deadline = f->progress.start + f->seconds;
    start_workers(f);
    collect(f);
    return finish(f);
}

void fuzz_init(struct fuzz *f)
{
    *f = (struct fuzz){.plan = {.jobs = 1, .out = "finds"}};
    if (getrandom(&f->plan.seed, 4, 0) < 0) /* 32 bits: short enough to be typed again */
        f->plan.seed = 1;
}
