/* SPDX-License-Identifier: GPL-2.0-only */
/* vmafuzz show: the address space after each operation, as a line map. */
#define _GNU_SOURCE
#include "harness/cmd.h"

#include <stdlib.h>
#include <string.h>

static const char doc[] =
    "Run a program and print after each operation the address spaces that it changes: a line for "
    "each VMA, with the gaps between them. av:3+2+1: memory of anon_vma 3 that inherited 2 and 1.\v"
    "If a law is broken the output ends there, with the law. `vmafuzz draw' shows pages as "
    "well.\n\n"
    "Exit status: 0 clean, 1 a law was broken, 2 bad usage or input.\n\n"
    "Example: vmafuzz show corpus/seeds/merge-case1.vma";

struct show {
    struct executor *ex;
    struct snapshot now;
    char *printed[MAX_PROCS]; /* the last map of each; NULL: it is not there */
};

static void print_answer(long ret)
{
    const char *name = ret < 0 && ret > -4096 ? strerrorname_np((int)-ret) : NULL;
    if (name)
        printf(" = -%s\n", name);
    else
        printf(ret < 4096 ? " = %ld\n" : " = %#lx\n", ret);
}

/* NULL: the process is not there. */
static char *map_text(const struct snapshot *s, uint32_t id)
{
    const struct snap_proc *proc = find_proc(s, id);
    char *text;
    size_t size;
    if (!proc)
        return NULL;
    FILE *to = open_memstream(&text, &size);
    if (!to)
        usage_error("out of memory");
    print_process_map(s, proc, to);
    fclose(to);
    return text;
}

static void on_operation(void *arg, int index, const struct op *op, const struct call *call,
                         long ret)
{
    (void)call;
    struct show *show = arg;
    if (index >= 0) {
        printf("%4d  ", index + 1);
        op_print(op, stdout);
        print_answer(ret);
    }
    if (model_snapshot(executor_world(show->ex), &show->now) != 0)
        usage_error("out of memory");
    for (uint32_t id = 0; id < MAX_PROCS; id++) {
        char *text = map_text(&show->now, id), *before = show->printed[id];
        if (text && (!before || strcmp(text, before) != 0))
            fputs(text, stdout);
        show->printed[id] = text;
        free(before);
    }
}

int cmd_show(int argc, char **argv)
{
    static const struct argp_child children[] = {{.argp = &subject_argp}, {0}};
    static const struct argp argp = {NULL, parse_file_command, "FILE", doc, children, NULL, NULL};
    struct file_command c = {0};
    parse_arguments(&argp, argc, argv, &c);
    struct program *p = load_or_exit(c.file);
    struct show show = {.ex = executor_or_exit()};
    struct run_options run = subject_run_options(&c.subject);
    struct run_result r;
    run.trace = on_operation;
    run.trace_arg = &show;
    bool clean = executor_run(show.ex, p, &run, &r);
    if (!clean)
        printf("%s: %s\n", law_table[r.verdict.law].name, r.verdict.text);
    for (uint32_t id = 0; id < MAX_PROCS; id++)
        free(show.printed[id]);
    snapshot_fini(&show.now);
    executor_free(show.ex);
    program_free(p);
    return clean ? STATUS_CLEAN : STATUS_FOUND;
}
