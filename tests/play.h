/* SPDX-License-Identifier: GPL-2.0-only */
/* For tests that run programs: a program from its text, an executor for all of a group. */
#ifndef TESTS_PLAY_H
#define TESTS_PLAY_H

#include "harness/harness.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

/* The text without its first line ("vmafuzz 1"); fails the test if it cannot be read. */
struct program *play_program(const char *operations);
/* Group fixtures: *state is a struct executor. */
int play_setup(void **state);
int play_teardown(void **state);
/* cmocka takes fatal signals at each test: let the executor have them for the rest of this one. */
void play_own_signals(void);
/* Runs the text with the options. */
bool play(struct executor *ex, const char *operations, const struct run_options *o,
          struct run_result *r);

#endif
