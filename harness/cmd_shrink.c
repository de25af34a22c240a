/* SPDX-License-Identifier: GPL-2.0-only */
/* vmafuzz shrink: makes a failing program as small as it can be while it fails in the same way. */
#include "harness/cmd.h"

#include <jansson.h>

static const char doc[] =
    "Make a failing program smaller while it keeps breaking the same law, at the same kind of "
    "operation and the same place. Prints the report; --out stores the program.\v"
    "Ctrl-C stops the search; the smallest program so far is reported and stored.\n\n"
    "Exit status: 0 the program breaks no law, 1 it does, 2 bad usage or input, 130 after "
    "Ctrl-C, 143 after SIGTERM.\n\n"
    "Example: vmafuzz shrink --fault case3-pgoff --out small.vma found.vma";

static const struct argp_option options[] = {
    {.name = "out", .key = 'o', .arg = "FILE", .doc = "Store the shrunk program"},
    {.name = "evaluations", .key = 'e', .arg = "N", .doc = "Run at most so many candidates"},
    {.name = "time", .key = 't', .arg = "SECONDS", .doc = "Search at most so long"},
    {.name = "json", .key = 'J', .doc = "Print one JSON object instead of text"},
    {0},
};

static void print_clean(const char *file)
{
    json_t *object = json_pack("{s:b}", "clean", true);
    json_object_set_new(object, "file", json_string(file));
    json_dumpf(object, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(object);
}

static void on_progress(void *arg, uint32_t evaluations, uint32_t ops)
{
    if (progress_due(arg))
        progress_show(arg, "shrinking: %u operation%s left, %u runs", ops, plural(ops),
                      evaluations);
}

int cmd_shrink(int argc, char **argv)
{
    static const struct argp_child children[] = {{.argp = &subject_argp}, {0}};
    static const struct argp argp = {options, parse_file_command, "FILE", doc, children, NULL,
                                     NULL};
    struct file_command c = {0};
    parse_arguments(&argp, argc, argv, &c);
    struct program *p = load_or_exit(c.file);
    struct executor *ex = executor_or_exit();
    struct run_options run = subject_run_options(&c.subject);
    struct progress progress;
    struct shrink_options so = {.max_evaluations = (uint32_t)c.evaluations,
                                .max_seconds = c.seconds,
                                .progress = on_progress,
                                .arg = &progress,
                                .stop = &stop_requested};
    struct shrink_result sr;
    struct run_result r;
    char message[512];
    int status = STATUS_CLEAN;

    if (c.out && file_probe(c.out, message, sizeof(message)) != 0)
        usage_error("%s", message); /* before the search, and before REPLAY names it */
    catch_stop_signals();
    progress_start(&progress);
    bool fails = shrink(ex, p, &run, &so, &sr, &r);
    progress_clear(&progress);
    if (!fails) {
        complain("%s breaks no law: nothing to shrink", c.file);
        if (c.json)
            print_clean(c.file);
    } else {
        const struct finding f = {.program = p,
                                  .result = &r,
                                  .options = &run,
                                  .shrink = &sr,
                                  .file = c.out ? c.out : c.file};
        (c.json ? report_json : report_text)(ex, &f, stdout);
        status = STATUS_FOUND;
        if (c.out && program_save(c.out, p, message, sizeof(message)) != 0) {
            complain("%s; the program is in the report", message);
            status = STATUS_USAGE;
        }
    }
    executor_free(ex);
    program_free(p);
    return status_or_stopped(status);
}
