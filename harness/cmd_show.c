/* SPDX-License-Identifier: GPL-2.0-only */
/* vmafuzz show: the address space after each operation, as a line map. */
#define _GNU_SOURCE
#include "harness/cmd.h"

#include <string.h>

static const char doc[] =
    "Run a program and print the address space of each process after each operation: a line for "
    "each VMA, with the gaps between them. av:3+2+1: memory of anon_vma 3 that inherited 2 and 1.\v"
    "An operation that changes nothing is not followed by a map. If a law is broken the output "
    "ends there, with the law. `vmafuzz draw' shows pages as well.\n\n"
    "Exit status: 0 clean, 1 a law was broken, 2 bad usage or input.\n\n"
    "Example: vmafuzz show corpus/seeds/merge-case1.vma";

struct show {
    struct executor *ex;
    struct snapshot now;
    uint64_t hash;
};

static void print_answer(long ret)
{
    const char *name = ret < 0 && ret > -4096 ? strerrorname_np((int)-ret) : NULL;
    if (name)
        printf(" = -%s\n", name);
    else
        printf(ret < 4096 ? " = %ld\n" : " = %#lx\n", ret);
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
    uint64_t hash = snapshot_hash(&show->now);
    if (hash != show->hash)
        print_line_map(&show->now, stdout);
    show->hash = hash;
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
    snapshot_fini(&show.now);
    executor_free(show.ex);
    program_free(p);
    return clean ? STATUS_CLEAN : STATUS_FOUND;
}
