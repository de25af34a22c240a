/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For tests of laws: a tiny world that is built by calls, in which everything holds, and who
 * complains once one field has been overwritten.
 */
#ifndef TESTS_LAW_WORLD_H
#define TESTS_LAW_WORLD_H

#include "oracles/laws.h"
#include "tests/world.h"

#include <stdlib.h>
#include <string.h>

extern struct mm *mm;
extern struct verdict v; /* of the last expectation */

/* The world, freshly built; its last call has mapped [0x800, 0x802). */
void build(void);
/* Built, and then its last call has split a shared file VMA in three: [0x132, 0x134) is new. */
void touch_file(void);
/* Built, and then one of anonymous memory: [0x112, 0x113). */
void touch_anon(void);
/* One call more: what it touched takes the place of the notes. */
void begin(void);
void map(uintptr_t page, size_t pages, int prot, int flags, int fd, uint64_t pgoff);
/* The VMA that has the page. */
struct vma *at(uintptr_t page);

/* No law complains, in no form. */
void expect_quiet(void);
/* The verdict of a check that should not have held. */
void expect_named(bool holds, enum law_id law, const char *site);
/* This law complains and no other, by its full form, its touched form, or both. */
void expect_full(enum law_id law, const char *site);
void expect_touched(enum law_id law, const char *site);
void expect_both(enum law_id law, const char *site);

#endif
