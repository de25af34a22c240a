/* SPDX-License-Identifier: GPL-2.0-only */
/* What processes.c and processes_start.c share with each other and with nobody else. */
#ifndef HARNESS_LINUX_PROCESSES_START_H
#define HARNESS_LINUX_PROCESSES_START_H

#include "harness/linux/processes.h"

/* The template. 0, or -errno with one line in why. */
int processes_start(struct processes *p, char *why, size_t size);
/* Until a new process is ready to be asked. */
bool processes_await_start(struct processes *p, unsigned n);
/* Kills and reaps those that there are in [first, end). */
void processes_kill(struct processes *p, unsigned first, unsigned end);

#endif
