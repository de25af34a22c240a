/* SPDX-License-Identifier: GPL-2.0-only */
/* vmafuzz draw: the state after an operation as an SVG drawing. */
#define _GNU_SOURCE
#include "harness/cmd.h"
#include "harness/report.h"

#include <stdlib.h>

struct draw_command {
    struct file_command common; /* first: its parser takes it for one */
    uint32_t after;             /* 0: the last one, or the one that breaks a law */
};

static const char doc[] =
    "Run a program and draw the state after its last operation, after the one that breaks a law, "
    "or after the one that is asked for: the address spaces with their pages, frames, swap slots, "
    "and the anon_vmas with their links. What that operation changed is marked. The drawing is "
    "SVG.\v"
    "Graphviz lays out the graph of anon_vmas: its command `dot' must be there if there is one to "
    "draw. The same program gives the same drawing.\n\n"
    "Exit status: 0 clean, 1 a law was broken, 2 bad usage or input, or no drawing.\n\n"
    "Example: vmafuzz draw --after 4 corpus/seeds/fork-reuse.vma --out state.svg";

static const struct argp_option options[] = {
    {.name = "after", .key = 'a', .arg = "N", .doc = "Draw the state after the N-th operation"},
    {.name = "out",
     .key = 'o',
     .arg = "FILE",
     .doc = "Write there instead of on standard output, all of it or nothing"},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct draw_command *c = state->input;
    if (key != 'a')
        return parse_file_command(key, arg, state);
    refuse_twice(key, arg, state);
    c->after = (uint32_t)parse_number("--after", arg, 1, UINT32_MAX);
    return 0;
}

static void print_svg(const void *svg, FILE *to)
{
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", to);
    fputs(svg, to);
}

int cmd_draw(int argc, char **argv)
{
    static const struct argp_child children[] = {{.argp = &subject_argp}, {0}};
    static const struct argp argp = {options, parse, "FILE", doc, children, NULL, NULL};
    struct draw_command c = {0};
    parse_arguments(&argp, argc, argv, &c);
    struct program *p = load_or_exit(c.common.file);
    if (c.after > p->nr)
        usage_error("--after: %s has only %u operation%s", c.common.file, p->nr, plural(p->nr));
    const uint32_t nr = p->nr;
    if (c.after)
        p->nr = c.after;
    struct executor *ex = executor_or_exit();
    struct run_options run = subject_run_options(&c.common.subject);
    struct run_result r;
    bool clean = executor_run(ex, p, &run, &r);
    const struct finding f = {.program = p, .result = &r, .options = &run, .file = c.common.file};
    char *svg, message[512];
    if (report_svg(ex, &f, nr, &svg, message, sizeof(message)) != 0)
        usage_error("%s", message);
    print_or_save(c.common.out, print_svg, svg);
    if (!clean)
        complain("%s: %s", law_table[r.verdict.law].name, r.verdict.text);
    free(svg);
    executor_free(ex);
    program_free(p);
    return clean ? STATUS_CLEAN : STATUS_FOUND;
}
