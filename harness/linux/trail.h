/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The trail of a run: before each operation its text is written to a place that outlives the
 * kernel. Whoever finds it there after a crash has the last program, up to what crashed.
 */
#ifndef HARNESS_LINUX_TRAIL_H
#define HARNESS_LINUX_TRAIL_H

#include "harness/program.h"

#include <stdio.h>

struct trail {
    int fd;    /* of the file; -1: none */
    bool port; /* of a guest: see below */
    bool told; /* that it cannot be written */
    FILE *to;  /* one line, in memory */
    char line[1024];
};
/* In a guest: a port of QEMU's whose bytes are in a file of the host's before the next instruction,
 * whatever becomes of the guest. */
#define TRAIL_PORT 0xe9
#define TRAIL_START "vmafuzz 1\n" /* each program begins so */

/* path: a file or a device; NULL: the guest's port. False with one line in why. */
bool trail_open(struct trail *t, const char *path, char *why, size_t size);
void trail_close(struct trail *t);
/* A program of that world begins, or one of its operations is made next. Of a regular file the last
 * program is all that stays. */
void trail_program(struct trail *t, const struct world_config *config);
void trail_operation(struct trail *t, const struct op *op);
/* The last program of what was left, as text inside of data; NULL: there is none. Ends with the
 * last whole line. */
const char *trail_last(const char *data, size_t size, size_t *length);

#endif
