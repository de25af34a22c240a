/* SPDX-License-Identifier: GPL-2.0-only */
/* The `vmafuzz` command: finds the command that is asked for and runs it. */
#include "harness/cmd.h"
#include "harness/linux/guest.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct command commands[] = {
    {"fuzz", "make programs and run them until something breaks a law", cmd_fuzz},
    {"live", "make programs and run them on the running kernel, beside the model", cmd_live},
    {"replay", "run stored programs", cmd_replay},
    {"shrink", "make a failing program as small as it can be", cmd_shrink},
    {"show", "print the address space after each operation", cmd_show},
    {"draw", "draw the state after an operation, with pages and anon_vmas, as SVG", cmd_draw},
    {"convert", "turn a program from wire form to text or back", cmd_convert},
    {"emit-c", "turn a program into C that makes the same system calls", cmd_emit_c},
    {"faults", "list the catalogued faults, or measure how soon each is found", cmd_faults},
    {"laws", "list the laws that are checked", cmd_laws},
    {"ops", "list the operations that programs are made of", cmd_ops},
};
#define NR_COMMANDS (sizeof(commands) / sizeof(commands[0]))

const char *argp_program_version = "vmafuzz " VMAFUZZ_VERSION;

static error_t parse_command(int key, char *arg, struct argp_state *state)
{
    (void)arg;
    switch (key) {
    case ARGP_KEY_ARG: /* the rest belongs to the command */
        *(int *)state->input = state->next - 1;
        state->next = state->argc;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "COMMAND is missing");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const char intro[] =
    "Find bugs in a memory manager: VMAs, page tables, fork, the reverse map, swap.\v"
    "Commands (each has its own --help):\n";

/* The list of commands comes from the table, so that it cannot go stale. */
static char *list_commands(int key, const char *text, void *input)
{
    (void)input;
    if (key != ARGP_KEY_HELP_POST_DOC)
        return (char *)(uintptr_t)text;
    char *list = NULL;
    size_t size;
    FILE *to = open_memstream(&list, &size);
    if (!to)
        return NULL;
    fputs(text, to);
    for (size_t i = 0; i < NR_COMMANDS; i++)
        fprintf(to, "  %-8s %s\n", commands[i].name, commands[i].sentence);
    fputs("\nExit status: 0 clean, 1 a law was broken, 2 bad usage or input, 130 after "
          "Ctrl-C, 143 after SIGTERM.",
          to);
    fclose(to);
    return list;
}

static int run_command(const char *name, int argc, char **argv)
{
    const char *names[NR_COMMANDS];
    char title[32]; /* what argp and getopt call us */
    for (size_t i = 0; i < NR_COMMANDS; i++)
        names[i] = commands[i].name;
    size_t at = parse_name("command", name, names, NR_COMMANDS);
    snprintf(title, sizeof(title), "vmafuzz %s", name);
    argv[0] = title;
    return commands[at].run(argc, argv);
}

/* However the command ends, by --help too: what was not written is an error. */
static void flush_output(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return;
    complain("cannot write to standard output: %s", strerror(errno));
    _exit(STATUS_USAGE);
}

int main(int argc, char **argv)
{
    static const struct argp argp = {.parser = parse_command,
                                     .args_doc = "COMMAND [ARGUMENT...]",
                                     .doc = intro,
                                     .help_filter = list_commands};
    int at = 0;
    if (guest_is_init())
        guest_init();
    atexit(flush_output);
    argp_err_exit_status = STATUS_USAGE;
    argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &at);
    return run_command(argv[at], argc - at, argv + at);
}
