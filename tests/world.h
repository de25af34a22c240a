/* SPDX-License-Identifier: GPL-2.0-only */
/* For tests that call the model by itself: the world they do it in. */
#ifndef TESTS_WORLD_H
#define TESTS_WORLD_H

#include "model/internal.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#define ANON (MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED)
#define RW (PROT_READ | PROT_WRITE)
#define PAGES(n) ((uintptr_t)(n) << PAGE_SHIFT)

extern struct world *world;

/* Group fixtures. */
int world_setup(void **state);
int world_teardown(void **state);

/* Nothing is in it but the first process, and no fault is switched on. */
void start_world(enum rules rules, bool privileged);
/* All processes exit, and nothing of any kind is left. */
void end_world(void);

#endif
