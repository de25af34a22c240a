/* SPDX-License-Identifier: GPL-2.0-only */
/* vmafuzz fuzz: random programs on the model. */
#include "harness/fuzz_plan.h"

static const char doc[] =
    "Make programs of random operations, run each on the model, check the laws after every "
    "operation, and shrink, report and store what breaks one.\v"
    "Finds of the same class (law, operation, site) are reported once. Each is stored as "
    "FOLDER/LAW-OPERATION-HASH.vma, which `vmafuzz replay' runs again.\n\n"
    "Without --time and --ops it runs until Ctrl-C, which ends the current program and prints the "
    "verdict. With --fault it stops at the first find. The same --seed and --ops give the same "
    "output and finds, whatever --jobs is; progress goes to standard error.\n\n"
    "Without --rules, programs take the rules of all kernels in turn, and of a flaw that a kernel "
    "had by itself only the number of programs that met it is told; with --rules it is a find.\n\n"
    "The line of progress: time, operations a second, programs, finds, most VMAs that a process "
    "had, and features. A feature is something that happened to the model (a merge, a page that "
    "was copied, an allocation that failed), once, twice, four times ... in one program: while "
    "they get more, the run meets new states.\n\n"
    "After 1000 programs or more, a table tells at the end how often each operation succeeded, "
    "and what never happened. An operation that fails in more than 95 of 100 calls is marked, "
    "because it tests little, if there were 100; so is one that the kernel of --rules does not "
    "have.\n\n"
    "Exit status: 0 clean, 1 a law was broken, 2 bad usage or a find that could not be stored, 130 "
    "after Ctrl-C, 143 after SIGTERM.\n\n"
    "Example: vmafuzz fuzz --seed 1 --ops 100000 --fault gap-stale-on-insert";

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct fuzz *f = state->input;
    (void)arg;
    if (key != ARGP_KEY_INIT)
        return ARGP_ERR_UNKNOWN;
    state->child_inputs[0] = f;
    state->child_inputs[1] = &f->plan.subject;
    return 0;
}

int cmd_fuzz(int argc, char **argv)
{
    static const struct argp_child children[] = {
        {.argp = &fuzz_argp}, {.argp = &subject_argp}, {0}};
    static const struct argp argp = {NULL, parse, NULL, doc, children, NULL, NULL};
    static struct fuzz f;
    fuzz_init(&f);
    parse_arguments(&argp, argc, argv, &f);
    f.plan.stop |= f.plan.subject.fault != F_NONE;
    return fuzz_run(&f);
}
