/* SPDX-License-Identifier: GPL-2.0-only */
/* Commands that run on a kernel of the user's choice: in a guest, by the same command there. */
#define _GNU_SOURCE
#include "harness/cmd.h"
#include "harness/linux/guest.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEY_KERNEL = 320, KEY_MEMORY };

static const struct argp_option options[] = {
    {.name = "kernel",
     .key = KEY_KERNEL,
     .arg = "IMAGE",
     .doc = "Boot this kernel image under QEMU and run there. Rules are those of its version"},
    {.name = "memory",
     .key = KEY_MEMORY,
     .arg = "MIB",
     .doc = "Memory of that guest, in MiB; by default 1024"},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct guest_choice *c = state->input;

    refuse_twice(key, arg, state);
    switch (key) {
    case KEY_KERNEL:
        c->image = arg;
        return 0;
    case KEY_MEMORY:
        c->memory = (unsigned)parse_number("--memory", arg, 128, 1U << 20);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp guest_argp = {.options = options, .parser = parse};

bool is_in_guest(void)
{
    return getenv(GUEST_MARK) != NULL;
}

int run_in_guest(const struct guest_choice *c, const char *command, int argc, char **argv,
                 char *const *files, const char *out)
{
    char **words = calloc((size_t)argc + 2, sizeof(*words));
    const struct guest_options o = {
        .image = c->image,
        .memory = c->memory ? c->memory : GUEST_MEMORY,
        .silence = GUEST_SILENCE,
        .out = out,
        .argv = words,
        .files = files,
        .terminal = isatty(STDERR_FILENO) != 0,
        .stop = &stop_requested,
    };
    int status;

    if (!words)
        usage_error("out of memory");
    words[1] = (char *)(uintptr_t)command;
    for (int i = 1; i < argc; i++)
        words[i + 1] = argv[i];
    catch_stop_signals();
    status = guest_run(&o);
    free(words);
    return status_or_stopped(status);
}
