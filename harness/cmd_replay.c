/* SPDX-License-Identifier: GPL-2.0-only */
/* vmafuzz replay: runs stored programs, one after the other, and says of each if the laws hold. */
#define _GNU_SOURCE
#include "harness/cmd.h"

#include <fts.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct replay {
    struct subject_options subject;
    bool all_rules, fail_each, json;
    struct on_linux on;
    struct guest_choice guest;
    bool wire; /* the program at hand has that form */
    const char *junit, *html;
    FILE *sections; /* of the HTML page, in memory */
    char *sections_text;
    size_t sections_size;
    char **paths; /* as given */
    char **files; /* of programs */
    size_t nr_paths, nr_files;
    struct executor *ex;
    struct junit_case *cases;
    size_t nr_cases;
    unsigned passed, failed, unreadable, skipped;
    unsigned stopped; /* not run to their end */
    unsigned lost;    /* files that could not be written */
    uint64_t runs;    /* with an allocation made to fail */
    json_t *results;
    json_t *not_made; /* operations of the program at hand that the kernel was spared */
};
#define MOST_NOT_MADE 16 /* told in text; JSON has all */

static const char doc[] =
    "Run programs on the model with all laws checked, and report those that break one. A folder "
    "stands for all *.vma files below it; - is standard input.\v"
    "A program runs under the rules that it names, or else those of linux-6.18. --rules runs it "
    "under others; --all-rules under each kernel's in turn. A program that was found with a fault "
    "needs that fault again, by --fault.\n\n"
    "A program may say that a kernel's own flaw shows in it: with `# expect: RULES LAW' in its "
    "header, breaking that law under those rules is what passes. With --fault, --rules or "
    "--without it is reported like any other violation.\n\n"
    "With --fail-each, running out of memory at any single place must not break a law either: a "
    "find is reported with the fail=N that makes it.\n\n"
    "The page of --html holds all that it shows; Graphviz lays out its graphs of anon_vmas, and "
    "without its command `dot' they are left out.\n\n"
    "With --on linux the programs run on the running kernel too, under the rules of its version: "
    "answers and pictures have to agree with the model's. The report shows both side by side. "
    "What the kernel cannot be made to do is left out, and told with the reason; programs of a "
    "world that it cannot be are skipped. A program that was found with --swap, --cgroup, "
    "--compact or --huge needs that again. With --kernel this is done on that kernel, in a "
    "guest.\n\n"
    "The hash is that of the final state and of all answers. It is the same in every build.\n\n"
    "Exit status: 0 all clean, 1 a law was broken, 2 bad usage or an unreadable program, 130 after "
    "Ctrl-C, 143 after SIGTERM.\n\n"
    "Example: vmafuzz replay --all-rules --junit results.xml corpus";

static const struct argp_option options[] = {
    {.name = "all-rules", .key = 'a', .doc = "Run each program under each kernel's rules"},
    {.name = "fail-each",
     .key = 'e',
     .doc = "Also run each program once for each allocation that it asks for, with that one "
            "failing"},
    {.name = "junit", .key = 'u', .arg = "FILE", .doc = "Also write the results as JUnit XML"},
    {.name = "html",
     .key = 'w',
     .arg = "FILE",
     .doc = "Also write what breaks a law as one HTML page, with the state drawn"},
    {.name = "json", .key = 'J', .doc = "Print a JSON array instead of text"},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct replay *r = state->input;
    refuse_twice(key, arg, state);
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &r->subject;
        state->child_inputs[1] = &r->on;
        state->child_inputs[2] = &r->on.live;
        state->child_inputs[3] = &r->guest;
        return 0;
    case 'a':
        r->all_rules = true;
        return 0;
    case 'e':
        r->fail_each = true;
        return 0;
    case 'u':
        r->junit = arg;
        return 0;
    case 'w':
        r->html = arg;
        return 0;
    case 'J':
        r->json = true;
        return 0;
    case ARGP_KEY_ARGS:
        r->paths = state->argv + state->next;
        r->nr_paths = (size_t)(state->argc - state->next);
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "FILE is missing");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void *grow(void *array, size_t size)
{
    void *grown = realloc(array, size);
    if (!grown)
        usage_error("out of memory");
    return grown;
}

/* ---- one program ---- */
static char *copy_or_exit(const char *text)
{
    char *copy = text ? strdup(text) : NULL;
    if (text && !copy)
        usage_error("out of memory");
    return copy;
}

/* Copies what it is given; rules: NULL if they are not known. */
static void add_case(struct replay *r, const char *path, const char *rules, struct junit_case c)
{
    char *name = NULL;
    if (!r->junit)
        return;
    if (asprintf(&name, "%s%s%s", path, rules ? " " : "", rules ? rules : "") < 0)
        usage_error("out of memory");
    c.name = name;
    c.message = copy_or_exit(c.message);
    c.report = copy_or_exit(c.report);
    r->cases = grow(r->cases, (r->nr_cases + 1) * sizeof(*r->cases));
    r->cases[r->nr_cases++] = c;
}

/* A program without a result: no text report is made of it, but nobody shall think it passed. */
static void add_no_result(struct replay *r, const char *path, const char *rules,
                          enum junit_outcome outcome, const char *type, const char *why)
{
    add_case(r, path, rules, (struct junit_case){.outcome = outcome, .type = type, .message = why});
    if (r->json)
        json_array_append_new(r->results, json_pack("{s:s, s:s?, s:s, s:s}", "file", path, "rules",
                                                    rules, "not_run", type, "reason", why));
}

static void unreadable(struct replay *r, const char *path, const char *why)
{
    complain("%s", why);
    add_no_result(r, path, NULL, JUNIT_ERROR, "unreadable", why);
    r->unreadable++;
}

static void skip(struct replay *r, const char *path, const char *rules, const char *why)
{
    r->skipped++;
    add_no_result(r, path, rules, JUNIT_SKIPPED, "skipped", why);
    if (!r->json)
        printf("skipped  %s  %s\n", path, why);
}

/* Not begun, or begun and not finished. Where one is missing the whole is not green: the first is
 * an error. */
static void stopped(struct replay *r, const char *path, const char *rules)
{
    bool first = r->stopped++ == 0;
    add_no_result(r, path, rules, first ? JUNIT_ERROR : JUNIT_SKIPPED, "stopped",
                  "not run to its end: stopped by a signal");
}

/* One that ran, for a CI system, which may show no more of it than the line. */
static void add_run(struct replay *r, const struct finding *f, const char *rules, double seconds,
                    bool passed, const char *expected)
{
    const struct verdict *v = &f->result->verdict;
    struct junit_case c = {.seconds = seconds};
    char line[512], place[PLACE_SIZE], *report = NULL;
    size_t size;
    FILE *to;
    if (!r->junit)
        return;
    if (!passed && v->law == LAW_NONE) {
        c = (struct junit_case){.seconds = seconds, .outcome = JUNIT_FAILED, .type = expected};
        snprintf(line, sizeof(line), "clean, but expected to break %s", expected);
        c.message = line;
    } else if (!passed) {
        if (!(to = open_memstream(&report, &size)))
            usage_error("out of memory");
        report_text(r->ex, f, to);
        fclose(to);
        verdict_place(v, place);
        snprintf(line, sizeof(line), "%s %s %s%s%s%s%s", law_table[v->law].name,
                 f->result->kind == OP_NONE ? "at" : "by",
                 f->result->kind == OP_NONE ? "exit" : op_table[f->result->kind].name,
                 *place ? " " : "", place, *v->text ? ": " : "", v->text);
        c.outcome = JUNIT_FAILED;
        c.type = law_table[v->law].name;
        c.message = line;
        c.report = report;
    }
    add_case(r, f->file, rules, c);
    free(report);
}

/* An operation that the kernel cannot make, or that would show a known difference. */
static void note_not_made(void *arg, uint32_t index, const struct op *op, const char *why,
                          bool known)
{
    struct replay *r = arg;
    char *text = NULL, reason[128];
    size_t size;
    FILE *to = open_memstream(&text, &size);
    if (!to)
        usage_error("out of memory");
    op_print(op, to);
    fclose(to);
    snprintf(reason, sizeof(reason), "%s%s", known ? "known difference " : "", why);
    json_array_append_new(r->not_made, json_pack("{s:i, s:s, s:s}", "operation", (int)index + 1,
                                                 "text", text, "why", reason));
    free(text);
}

static void print_not_made(const struct replay *r)
{
    const size_t n = json_array_size(r->not_made);
    for (size_t i = 0; i < n && i < MOST_NOT_MADE; i++) {
        const json_t *op = json_array_get(r->not_made, i);
        printf("    not made: %" JSON_INTEGER_FORMAT "  %s  (%s)\n",
               json_integer_value(json_object_get(op, "operation")),
               json_string_value(json_object_get(op, "text")),
               json_string_value(json_object_get(op, "why")));
    }
    if (n > MOST_NOT_MADE)
        printf("    and %zu more: --json tells all\n", n - MOST_NOT_MADE);
}

static void add_result(struct replay *r, const struct finding *f, const char *rules, bool passed)
{
    json_t *finding = NULL;
    const struct run_result *result = f->result;
    char hash[20];
    if (result->verdict.law != LAW_NONE) {
        char *text = NULL;
        size_t size;
        FILE *to = open_memstream(&text, &size);
        report_json(r->ex, f, to);
        fclose(to);
        finding = json_loadb(text, size, 0, NULL);
        free(text);
    }
    snprintf(hash, sizeof(hash), "%016" PRIx64, result->hash);
    json_array_append_new(
        r->results, json_pack("{s:s, s:s, s:I, s:s, s:b, s:b, s:o?, s:o*}", "file", f->file,
                              "rules", rules, "operations", (json_int_t)result->nr_run, "hash",
                              hash, "passed", passed, "clean", result->verdict.law == LAW_NONE,
                              "finding", finding, "not_made", json_deep_copy(r->not_made)));
}

/* ---- "# expect: RULES LAW": what a preset that has a flaw by itself makes of a program ---- */
/* The law that is expected to break; LAW_NONE: none. False: the line makes no sense, and message
 * says why. */
static bool expected_law(const struct program *p, enum rules rules, enum law_id *law, char *message,
                         size_t size)
{
    static const char key[] = "# expect:";
    const char *laws[NR_LAWS - 1]; /* LAW_NONE cannot be expected */
    for (unsigned l = LAW_NONE + 1; l < NR_LAWS; l++)
        laws[l - 1] = law_table[l].name;
    *law = LAW_NONE;
    for (const char *line = p->header; line && *line; line = strchr(line, '\n') + 1) {
        char who[32], what[32];
        size_t known_rules, known_law;
        if (strncmp(line, key, sizeof(key) - 1) != 0)
            continue;
        if (sscanf(line + sizeof(key) - 1, " %31[^ \t\n] %31[^ \t\n]", who, what) != 2) {
            snprintf(message, size, "expected '# expect: RULES LAW', not '%.*s'",
                     (int)strcspn(line, "\n"), line);
            return false;
        }
        if (!find_name("rules", who, rules_names, NR_RULES, &known_rules, message, size) ||
            !find_name("law", what, laws, NR_LAWS - 1, &known_law, message, size))
            return false;
        if (known_rules == rules)
            *law = (enum law_id)(known_law + 1);
    }
    return true;
}

/* ", of which 3 were not made": by any subject, because the kernel cannot. */
static const char *not_made(const struct run_result *result)
{
    static char text[48];
    *text = '\0';
    if (result->nr_refused)
        snprintf(text, sizeof(text), ", %u of them not made", result->nr_refused);
    return text;
}

/* The fault that a find was made with, as its header says. NULL: none, or it is on. */
static const char *missing_fault(const struct finding *f)
{
    static const char key[] = "# cause: ";
    for (const char *line = f->program->header; line && *line; line = strchr(line, '\n') + 1) {
        if (strncmp(line, key, sizeof(key) - 1) != 0)
            continue;
        line += sizeof(key) - 1;
        for (unsigned i = F_NONE + 1; i < NR_FAULTS; i++) {
            const char *name = fault_table[i].name;
            if (strcspn(line, "\n") == strlen(name) && !strncmp(line, name, strlen(name)))
                return f->options->fault == i ? NULL : name;
        }
    }
    return NULL;
}

/* Neither a clean run nor another law is what was expected; expected: "" or the law in words. */
static void print_result(struct replay *r, const struct finding *f, const char *rules, bool passed,
                         const char *expected)
{
    const char *fault = missing_fault(f);
    if (r->json)
        add_result(r, f, rules, passed);
    else if (passed)
        printf("ok  %s  %s%s  %u operation%s%s  hash %016" PRIx64 "%s%s%s%s\n", f->file,
               r->wire ? "wire  " : "", rules, f->result->nr_run, plural(f->result->nr_run),
               not_made(f->result), f->result->hash, *expected ? "  as expected: " : "", expected,
               fault ? "  without its --fault " : "", fault ? fault : "");
    else if (f->result->verdict.law != LAW_NONE)
        report_text(r->ex, f, stdout);
    else
        printf("%s  %s  clean, but expected to break %s\n", f->file, rules, expected);
    if (!r->json)
        print_not_made(r);
}

/* Breaks the program a law when an allocation fails? Then *p is replaced by the copy of it that has
 * the fail=N, which the caller frees. */
static bool survives_each(struct replay *r, const struct run_options *run, const struct program **p,
                          struct program **copy, struct run_result *result)
{
    struct run_result failing;
    *copy = program_new((*p)->nr);
    if (!*copy || program_copy(*copy, *p) != 0)
        usage_error("out of memory");
    if (executor_fail_each(r->ex, *copy, run, &stop_requested, &r->runs, &failing))
        return true;
    *p = *copy;
    *result = failing;
    return false;
}

static void run_one(struct replay *r, const char *path, const struct program *p, int rules)
{
    struct program *copy = NULL;
    struct run_options run = subject_run_options(&r->subject);
    struct run_result result;
    enum rules under = rules < 0 ? p->config.rules : (enum rules)rules;
    enum law_id expected;
    run.rules = rules;
    run.hash = true;
    if (r->on.chosen) {
        const char *why = linux_refuses_world(&p->config);
        if (why) {
            skip(r, path, rules_names[under], why);
            return;
        }
        live_options(&r->on.live, &run);
        under = (enum rules)run.rules;
    }
    char message[512], text[256];
    if (!expected_law(p, under, &expected, text, sizeof(text))) {
        snprintf(message, sizeof(message), "%s: %s", path, text);
        unreadable(r, path, message);
        return;
    }
    /* Who names the rules wants to see it, and who leaves laws out wants what comes after. */
    if (run.fault != F_NONE || r->subject.rules >= 0 || run.without)
        expected = LAW_NONE;
    double start = seconds_now();
    struct run_options noting = run; /* runs for the report tell nothing new */
    noting.not_made = note_not_made;
    noting.not_made_arg = r;
    json_array_clear(r->not_made);
    executor_run(r->ex, p, &noting, &result);
    bool passed = result.verdict.law == expected;
    if (r->fail_each && passed && expected == LAW_NONE) {
        passed = survives_each(r, &run, &p, &copy, &result);
        if (passed && stop_requested) {
            if (!r->json)
                printf("stopped  %s  %s\n", path, rules_names[under]);
            stopped(r, path, rules_names[under]);
            program_free(copy);
            return;
        }
    }
    double seconds = seconds_now() - start;
    const struct finding f = {.program = p,
                              .result = &result,
                              .options = &run,
                              .file = path,
                              .expected = passed && expected != LAW_NONE};
    const char *law = expected == LAW_NONE ? "" : law_table[expected].name;
    r->passed += passed;
    r->failed += !passed;
    add_run(r, &f, rules_names[under], seconds, passed, law);
    print_result(r, &f, rules_names[under], passed, law);
    if (r->sections && result.verdict.law != LAW_NONE) /* expected or not */
        report_html(r->ex, &f, r->sections);
    program_free(copy);
}

static void replay_file(struct replay *r, const char *path)
{
    struct program *p = NULL;
    char message[512];
    int error =
        stop_requested ? -EINTR : program_load(path, &p, &r->wire, message, sizeof(message));
    bool run = !error;
    if (error && !stop_requested) {
        unreadable(r, path, message);
        return;
    }
    if (run && *message)
        complain("%s", message);
    int first = r->all_rules ? 0 : r->subject.rules, last = r->all_rules ? NR_RULES - 1 : first;
    for (int rules = first; rules <= last; rules++) {
        if (run && !stop_requested)
            run_one(r, path, p, rules);
        else
            stopped(r, path, rules < 0 ? NULL : rules_names[rules]);
    }
    program_free(p);
}

/* ---- files and folders ---- */
static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static void add_file(struct replay *r, const char *path)
{
    r->files = grow(r->files, (r->nr_files + 1) * sizeof(*r->files));
    r->files[r->nr_files++] = copy_or_exit(path);
}

static void add_folder(struct replay *r, char *path)
{
    char *const paths[] = {path, NULL};
    const size_t before = r->nr_files;
    char message[512];
    FTS *walk = fts_open(paths, FTS_LOGICAL | FTS_NOCHDIR, by_name);
    if (!walk)
        usage_error("%s: %s", path, strerror(errno));
    for (FTSENT *e; (e = fts_read(walk));) {
        const char *dot = strrchr(e->fts_name, '.');
        if (e->fts_info == FTS_DNR || e->fts_info == FTS_ERR) {
            snprintf(message, sizeof(message), "%s: %s", e->fts_path, strerror(e->fts_errno));
            unreadable(r, e->fts_path, message);
        } else if (e->fts_info == FTS_F && dot && strcmp(dot, ".vma") == 0) {
            add_file(r, e->fts_path);
        }
    }
    fts_close(walk);
    if (r->nr_files > before)
        return;
    snprintf(message, sizeof(message), "%s: no program (*.vma) in this folder", path);
    unreadable(r, path, message);
}

static void add_paths(struct replay *r)
{
    for (size_t i = 0; i < r->nr_paths; i++) {
        struct stat st;
        if (stat(r->paths[i], &st) == 0 && S_ISDIR(st.st_mode))
            add_folder(r, r->paths[i]);
        else
            add_file(r, r->paths[i]);
    }
}

/* ---- results ---- */
/* "3 passed, 1 failed", and what else there was. */
static void put_count(const struct replay *r, FILE *to)
{
    fprintf(to, "%u passed, %u failed", r->passed, r->failed);
    if (r->skipped)
        fprintf(to, ", %u skipped", r->skipped);
    if (r->unreadable)
        fprintf(to, ", %u unreadable", r->unreadable);
    if (r->stopped)
        fprintf(to, ", stopped with %u to go", r->stopped);
}

static void print_junit(const void *what, FILE *to)
{
    const struct replay *r = what;
    report_junit(r->cases, r->nr_cases, to);
}

static void print_page(const void *what, FILE *to)
{
    const struct replay *r = what;
    char title[160] = "";
    FILE *in = fmemopen(title, sizeof(title), "w");
    if (in) {
        fputs("vmafuzz replay: ", in);
        put_count(r, in);
        fclose(in);
    }
    html_page(title, r->sections_size ? r->sections_text : "<p>No law was broken.</p>\n", to);
}

/* All or nothing, now that all is known. */
static void write_files(struct replay *r)
{
    char message[512];
    if (r->sections && fclose(r->sections) != 0)
        usage_error("out of memory");
    if (r->junit && file_save(r->junit, print_junit, r, message, sizeof(message)) != 0) {
        complain("%s", message);
        r->lost++;
    }
    if (r->html && file_save(r->html, print_page, r, message, sizeof(message)) != 0) {
        complain("%s", message);
        r->lost++;
    }
}

static void free_results(struct replay *r)
{
    for (size_t i = 0; i < r->nr_cases; i++) {
        free((char *)(uintptr_t)r->cases[i].name);
        free((char *)(uintptr_t)r->cases[i].message);
        free((char *)(uintptr_t)r->cases[i].report);
    }
    free(r->cases);
    for (size_t i = 0; i < r->nr_files; i++)
        free(r->files[i]);
    free(r->files);
    free(r->sections_text);
    json_decref(r->results);
    json_decref(r->not_made);
}

/* Told before the run, not after it. */
static void check_files(const struct replay *r)
{
    char message[512];
    if (r->junit && r->html && strcmp(r->junit, r->html) == 0)
        usage_error("--junit and --html name the same file: %s", r->junit);
    if ((r->junit && file_probe(r->junit, message, sizeof(message)) != 0) ||
        (r->html && file_probe(r->html, message, sizeof(message)) != 0))
        usage_error("%s", message);
}

static void open_linux(struct replay *r)
{
    struct live *live = &r->on.live;
    live->rules = r->subject.rules;
    live->kernel_alone = r->subject.fault != F_NONE;
    live->trail_by_port = is_in_guest();
    live_open_or_exit(live);
}

static int replay_in_guest(struct replay *r, int argc, char **argv)
{
    char **files = calloc(r->nr_paths + 1, sizeof(*files));
    struct stat st;
    int status;

    if (!files)
        usage_error("out of memory");
    if (!r->on.chosen || r->junit || r->html)
        usage_error("--kernel goes with --on linux, and without --junit and --html");
    for (size_t i = 0; i < r->nr_paths; i++) {
        if (stat(r->paths[i], &st) || !S_ISREG(st.st_mode))
            usage_error("%s: with --kernel only regular files can be replayed", r->paths[i]);
        files[i] = r->paths[i];
    }
    status = run_in_guest(&r->guest, "replay", argc, argv, files, NULL);
    free(files);
    return status;
}

int cmd_replay(int argc, char **argv)
{
    static const struct argp_child children[] = {{.argp = &subject_argp},
                                                 {.argp = &on_linux_argp},
                                                 {.argp = &quirks_argp},
                                                 {.argp = &guest_argp},
                                                 {0}};
    static const struct argp argp = {options, parse, "FILE...", doc, children, NULL, NULL};
    struct replay r = {0};
    parse_arguments(&argp, argc, argv, &r);
    if (r.all_rules && r.subject.rules >= 0)
        usage_error("--rules and --all-rules exclude each other");
    if (r.on.live.show_quirks && !r.on.chosen)
        usage_error("--show-quirks goes with --on linux");
    if (r.on.chosen && (r.all_rules || r.fail_each))
        usage_error("--on linux excludes --all-rules and --fail-each");
    if (r.guest.image && !is_in_guest())
        return replay_in_guest(&r, argc, argv);
    catch_stop_signals();
    check_files(&r);
    if (r.html && !(r.sections = open_memstream(&r.sections_text, &r.sections_size)))
        usage_error("out of memory");
    r.ex = executor_or_exit();
    r.results = json_array();
    r.not_made = r.on.chosen ? json_array() : NULL;
    if (r.on.chosen)
        open_linux(&r);
    add_paths(&r);
    for (size_t i = 0; i < r.nr_files; i++)
        replay_file(&r, r.files[i]);
    if (r.json) {
        json_dumpf(r.results, stdout, JSON_INDENT(2));
    } else {
        if (r.fail_each)
            printf("%" PRIu64 " runs with a failing allocation\n", r.runs);
        put_count(&r, stdout);
    }
    putchar('\n');
    write_files(&r);
    if (r.on.chosen)
        live_close(&r.on.live);
    executor_free(r.ex);
    int status = r.unreadable || r.lost ? STATUS_USAGE : r.failed ? STATUS_FOUND : STATUS_CLEAN;
    free_results(&r);
    return status_or_stopped(status);
}
