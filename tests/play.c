/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/play.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct program *play_program(const char *operations)
{
    struct program *p = program_new(0);
    struct parse_error err = {0};
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);

    assert_non_null(p);
    assert_non_null(to);
    fprintf(to, "vmafuzz 1\n%s", operations);
    fclose(to);
    if (program_parse(p, text, size, &err))
        fail_msg("%u:%u: %s\n%s", err.line, err.column, err.text, text);
    free(text);
    return p;
}

int play_setup(void **state)
{
    *state = executor_new(0);
    return *state ? 0 : -1;
}

int play_teardown(void **state)
{
    executor_free(*state);
    return 0;
}

void play_own_signals(void)
{
    signal(SIGSEGV, SIG_DFL);
    signal(SIGBUS, SIG_DFL);
    signal(SIGFPE, SIG_DFL);
    signal(SIGILL, SIG_DFL);
    executor_free(executor_new(1)); /* takes what nobody handles */
}

bool play(struct executor *ex, const char *operations, const struct run_options *o,
          struct run_result *r)
{
    struct program *p = play_program(operations);
    bool clean = executor_run(ex, p, o, r);

    program_free(p);
    return clean;
}
