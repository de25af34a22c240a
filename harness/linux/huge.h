/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Huge pages for the processes. Nobody may make or split them unasked: for as long as a run lasts
 * khugepaged rests, and compaction in advance, which concerns the whole system. A guardian lets
 * them work again.
 */
#ifndef HARNESS_LINUX_HUGE_H
#define HARNESS_LINUX_HUGE_H

#include "harness/linux/guardian.h"

#include <stdint.h>

struct linux_huge {
    struct linux_guardian guardian;
    uint64_t refused; /* huge pages that the kernel had no memory for, when the world began */
};

/* NULL, or why huge pages cannot be compared here. Changes nothing. */
const char *linux_refuses_huge(void);
/* 0, or -errno with one line in why. */
int linux_huge_open(struct linux_huge *h, char *why, size_t size);
void linux_huge_close(struct linux_huge *h);
/* How often, since it was booted, the kernel wanted a huge page and had none. */
uint64_t linux_huge_refused(void);

#endif
