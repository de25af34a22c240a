/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tests of the flat specification in a few words: its calls on process 0, with addresses and
 * lengths in pages, and its layout as text. For cmocka programs only.
 */
#ifndef TESTS_FLAT_H
#define TESTS_FLAT_H

#include "oracles/spec.h"

#include <errno.h>
#include <linux/mman.h>
#include <linux/userfaultfd.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#define R PROT_READ
#define RW (PROT_READ | PROT_WRITE)
#define FIXED (MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED)
#define MEMLOCK 3

extern struct spec *spec; /* from flat_setup() to flat_teardown() */

int flat_setup(void **state);
int flat_teardown(void **state);

/* Privileged, 4096 pages. */
struct spec_config flat_config(enum spec_rules rules);
/* All VMAs of a process: "100-104 rw, 104-108 rwLa". First page, end, protection; s shared, L
 * locked, F locked on fault, u userfault, a has an anon_vma. */
void flat_assert_layout(unsigned proc, const char *expected);

static inline void start_world(enum spec_rules rules)
{
    struct spec_config config = flat_config(rules);

    assert_int_equal(spec_reset(spec, &config), 0);
}

static inline uint64_t bytes(uint64_t pages)
{
    return pages << 12;
}

static inline long map(uint64_t addr, uint64_t len, int prot, int flags)
{
    long ret = spec_mmap(spec, 0, bytes(addr), bytes(len), prot, flags, -1, 0, NULL);

    return ret < 0 ? ret : ret >> 12;
}

static inline long map_file(uint64_t addr, uint64_t len, int prot, int flags, int fd, uint64_t off)
{
    long ret = spec_mmap(spec, 0, bytes(addr), bytes(len), prot, flags, fd, bytes(off), NULL);

    return ret < 0 ? ret : ret >> 12;
}

static inline long unmap(uint64_t addr, uint64_t len)
{
    return spec_munmap(spec, 0, bytes(addr), bytes(len));
}

static inline long protect(uint64_t addr, uint64_t len, int prot)
{
    return spec_mprotect(spec, 0, bytes(addr), bytes(len), prot);
}

static inline long remap(uint64_t addr, uint64_t old, uint64_t new, int flags, uint64_t to)
{
    long ret = spec_mremap(spec, 0, bytes(addr), bytes(old), bytes(new), flags, bytes(to), NULL);

    return ret < 0 ? ret : ret >> 12;
}

static inline long put(unsigned proc, uint64_t page, uint64_t stamp)
{
    return spec_access(spec, proc, bytes(page), PROT_WRITE, false, stamp, NULL);
}

static inline long write_to(unsigned proc, uint64_t page)
{
    return put(proc, page, 1);
}

static inline long poke(unsigned proc, uint64_t page)
{
    return spec_access(spec, proc, bytes(page), PROT_WRITE, true, 1, NULL);
}

static inline long get(unsigned proc, uint64_t page)
{
    return spec_access(spec, proc, bytes(page), PROT_READ, false, 0, NULL);
}

/* As if a subject had made of the last call what the picture and `reader` say. NULL: it shows what
 * the specification itself holds. */
bool flat_adopt(const struct snapshot *picture, spec_reader *reader, bool refused, char *why,
                size_t why_size);

static inline void assert_layout(const char *expected)
{
    flat_assert_layout(0, expected);
}

#endif
