/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of report_c() share with each other and with nobody else. */
#ifndef HARNESS_REPORT_C_H
#define HARNESS_REPORT_C_H

#include "harness/report.h"

/* Parts of the emitted source that only some operations need. */
enum part {
    PART_ACCESS = 1,
    PART_REMOTE = 2,
    PART_FILE = 4,
    PART_UFFD = 8,
    PART_NAME = 16,
    PART_MINCORE = 32,
    PART_BRK = 64,
    PART_LIMIT = 128,
    PART_BIND = 256,
    PART_PROCS = 512,
    PART_FORCE = 1024,
    PART_WINDOW = 2048,
    PART_DEVICE = 4096
};

/* window(): the address space that the program was found in, and what it may. */
void put_window(const struct world_config *c, FILE *to);
void put_window_start(const struct world_config *c, bool huge,
                      FILE *to);          /* huge: with such pages */
void put_parts(unsigned parts, FILE *to); /* in the order that they need each other */
/* turn(), done(), fork_as(), exit_as(), processes_start() and processes_end(). */
void put_processes(FILE *to);

#endif
