/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For tests of what walks of the reverse map do: calls by number of process and by address, and
 * what they leave there. After each, no lock is held and none was missed.
 */
#ifndef TESTS_CALLS_H
#define TESTS_CALLS_H

#include "tests/world.h"

#define BASE PAGES(0x100)

#define CALL(expected, call)                                                                       \
    do {                                                                                           \
        world_begin(world, 0);                                                                     \
        assert_int_equal(call, expected);                                                          \
        locks_quiet();                                                                             \
    } while (0)

void locks_quiet(void);
struct mm *proc(unsigned n);
void map_anon(unsigned n, uintptr_t addr, size_t pages);
/* A file of 8 pages as descriptor 0, of which 4 are mapped. */
void map_file(uintptr_t addr, int prot, int flags);
void put(unsigned n, uintptr_t addr, uint64_t stamp);
void reads(unsigned n, uintptr_t addr, uint64_t stamp);
void fork_to(unsigned from, unsigned to);
void reclaim(unsigned n, uintptr_t addr, size_t pages, bool keep);

/* ---- what there is ---- */
pte_t entry(unsigned n, uintptr_t addr);
struct page *frame(unsigned n, uintptr_t addr);
struct swap_slot *slot(unsigned n, uintptr_t addr);
uint32_t live(enum pool_id id);
uint32_t happened(enum event ev);
/* Nothing outlives the last process. */
void finish(void);

#endif
