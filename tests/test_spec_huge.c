/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the flat specification knows of huge pages: which reads prepare a VMA, which pages it may be
 * told to be own, and what madvise collapse may answer. Addresses and lengths are in pages.
 */
#include "tests/flat.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#define BLOCK 0x200

static long advise(uint64_t addr, uint64_t len, int advice)
{
    return spec_madvise(spec, 0, bytes(addr), bytes(len), advice, NULL);
}

/* What it says if the subject answers so. */
static long collapse(uint64_t addr, uint64_t len, long subject)
{
    const struct spec_seen seen = {.ret = subject};

    return spec_madvise(spec, 0, bytes(addr), bytes(len), MADV_COLLAPSE, &seen);
}

static bool is_faulted(uint64_t page)
{
    return spec_pages(spec, 0)[page].anon;
}

/* Two blocks and a half, with VM_HUGEPAGE. */
static void start(enum spec_rules rules)
{
    start_world(rules);
    assert_int_equal(map(BLOCK, 2 * BLOCK + 0x100, RW, FIXED), BLOCK);
    assert_int_equal(advise(BLOCK, 2 * BLOCK + 0x100, MADV_HUGEPAGE), 0);
}

/* ---- reads prepare where the VMA takes huge pages ---- */
static void reads_of_blocks_prepare(void **state)
{
    (void)state;
    start(SPEC_LINUX_6_1);
    get(0, 3 * BLOCK); /* of the half */
    assert_false(is_faulted(BLOCK));
    get(0, 3 * BLOCK - 1);
    assert_true(is_faulted(BLOCK));
    assert_true(is_faulted(3 * BLOCK));
    assert_false(spec_pages(spec, 0)[3 * BLOCK - 1].own);
}

static void other_reads_do_not(void **state)
{
    (void)state;
    start(SPEC_LINUX_6_1);
    advise(BLOCK, 2 * BLOCK + 0x100, MADV_NOHUGEPAGE);
    get(0, BLOCK);
    assert_false(is_faulted(BLOCK));
    start_world(SPEC_LINUX_6_1);
    assert_int_equal(spec_open(spec, 0, 1, 3, BLOCK), 0);
    assert_int_equal(map_file(BLOCK, BLOCK, RW, MAP_PRIVATE | MAP_FIXED, 0, 0), BLOCK);
    assert_int_equal(advise(BLOCK, BLOCK, MADV_HUGEPAGE), 0);
    get(0, BLOCK);
    assert_false(is_faulted(BLOCK));
    assert_int_equal(map(0x601, 0x3ff, RW, FIXED), 0x601); /* no block in it */
    assert_int_equal(advise(0x601, 0x3ff, MADV_HUGEPAGE), 0);
    get(0, 0x700);
    assert_false(is_faulted(0x700));
}

static void every_kind_of_read(void **state)
{
    (void)state;
    start(SPEC_LINUX_6_1);
    assert_int_equal(spec_pin_page(spec, 0, 0, bytes(BLOCK + 5), false), 0);
    assert_true(is_faulted(BLOCK));
    start(SPEC_LINUX_6_1);
    assert_int_equal(advise(2 * BLOCK, 1, MADV_POPULATE_READ), 0);
    assert_true(is_faulted(BLOCK));
    start(SPEC_LINUX_6_1);
    assert_int_equal(advise(3 * BLOCK, 1, MADV_POPULATE_READ), 0);
    assert_false(is_faulted(BLOCK));
    start(SPEC_LINUX_5_10);
    assert_int_equal(spec_mprotect(spec, 0, bytes(BLOCK), bytes(2 * BLOCK), R), 0);
    assert_int_equal(spec_mlock(spec, 0, bytes(BLOCK), bytes(1)), 0);
    assert_false(is_faulted(BLOCK)); /* a VMA of one page now */
    assert_int_equal(spec_mlock(spec, 0, bytes(2 * BLOCK), bytes(BLOCK)), 0);
    assert_true(is_faulted(2 * BLOCK));
}

/* ---- pages become own by what is around them ---- */
static void told_own(void **state)
{
    (void)state;
    start(SPEC_LINUX_6_1);
    assert_false(spec_tell_own(spec, 0, BLOCK, 2 * BLOCK)); /* not faulted */
    put(0, BLOCK + 3, 7);
    assert_true(spec_tell_own(spec, 0, BLOCK, 2 * BLOCK));
    assert_int_equal(get(0, BLOCK + 3), 7);
    assert_true(spec_pages(spec, 0)[BLOCK].own);
    assert_int_equal(get(0, BLOCK), 0);
    assert_false(spec_pages(spec, 0)[2 * BLOCK].own);
    assert_false(spec_tell_own(spec, 0, 3 * BLOCK, 3 * BLOCK + 1)); /* of the half */
    assert_false(spec_tell_own(spec, 0, 8, 9));                     /* not mapped */
    /* A read pin is attached there by now. */
    assert_int_equal(spec_pin_page(spec, 0, 0, bytes(BLOCK + 5), false), 0);
    assert_true(spec_pin(spec, 0)->attached);
    put(0, BLOCK + 5, 9);
    assert_int_equal(spec_device_read(spec, 0, NULL), 9);
}

static void not_of_files(void **state)
{
    (void)state;
    start_world(SPEC_LINUX_6_1);
    assert_int_equal(spec_open(spec, 0, 0, 3, BLOCK), 0);
    assert_int_equal(map_file(BLOCK, BLOCK, RW, MAP_PRIVATE | MAP_FIXED, 0, 0), BLOCK);
    put(0, BLOCK, 1);
    assert_false(spec_tell_own(spec, 0, BLOCK, 2 * BLOCK));
}

/* ---- madvise collapse ---- */
static void collapse_is_new(void **state)
{
    (void)state;
    start(SPEC_LINUX_5_10);
    put(0, BLOCK, 1);
    assert_int_equal(collapse(BLOCK, BLOCK, 0), -EINVAL);
    start(SPEC_LINUX_6_18);
    put(0, BLOCK, 1);
    assert_int_equal(collapse(BLOCK, BLOCK, 0), 0);
    assert_int_equal(get(0, BLOCK), 1);
}

static void collapse_is_refused(void **state)
{
    (void)state;
    start(SPEC_LINUX_6_1);
    assert_int_equal(collapse(BLOCK, BLOCK, 0), -EINVAL); /* not faulted */
    put(0, BLOCK, 1);
    assert_int_equal(collapse(BLOCK, BLOCK, 0), 0);
    assert_int_equal(collapse(BLOCK + 1, 2, 0), -EINVAL);         /* inside of a block */
    assert_int_equal(collapse(BLOCK + 1, BLOCK - 1, -EINVAL), 0); /* up to its end: nothing */
    assert_int_equal(collapse(3 * BLOCK, 0x100, 0), 0);
    advise(BLOCK, BLOCK, MADV_NOHUGEPAGE);
    assert_int_equal(collapse(BLOCK, 2 * BLOCK, 0), -EINVAL);
    assert_int_equal(collapse(2 * BLOCK, BLOCK, 0), 0);
    advise(BLOCK, BLOCK, MADV_HUGEPAGE);
    assert_int_equal(map(4 * BLOCK, BLOCK, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED), 4 * BLOCK);
    assert_int_equal(collapse(4 * BLOCK, BLOCK, 0), -EINVAL);
    assert_int_equal(collapse(2 * BLOCK, 3 * BLOCK, 0), -EINVAL);
}

static void collapse_goes_on_behind_holes(void **state)
{
    (void)state;
    start(SPEC_LINUX_6_1);
    put(0, BLOCK, 1);
    assert_int_equal(collapse(BLOCK, 4 * BLOCK, 0), -ENOMEM);
    assert_int_equal(collapse(0x100, 2 * BLOCK, 0), -ENOMEM);
    assert_int_equal(collapse(0x100, 2 * BLOCK, -EINVAL), -EINVAL); /* before the hole counts */
}

static void frames_are_the_subjects(void **state)
{
    (void)state;
    start(SPEC_LINUX_6_1);
    put(0, BLOCK, 1);
    assert_int_equal(collapse(BLOCK, BLOCK, -EINVAL), -EINVAL);
    assert_int_equal(collapse(BLOCK, BLOCK, -EAGAIN), 0); /* nobody has a pin */
    assert_int_equal(spec_pin_page(spec, 0, 0, bytes(BLOCK), true), 0);
    assert_int_equal(collapse(BLOCK, BLOCK, -EAGAIN), -EAGAIN);
    assert_int_equal(collapse(BLOCK, BLOCK, -EBUSY), 0);
    assert_int_equal(collapse(BLOCK, BLOCK, -EPERM), 0);
    assert_int_equal(spec_uffd_create(spec, 0, 0), 0);
    assert_int_equal(
        spec_uffd_register(spec, 0, bytes(BLOCK), bytes(2 * BLOCK), UFFDIO_REGISTER_MODE_MISSING),
        0);
    assert_int_equal(collapse(BLOCK, BLOCK, -EBUSY), -EBUSY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_of_blocks_prepare),
        cmocka_unit_test(other_reads_do_not),
        cmocka_unit_test(every_kind_of_read),
        cmocka_unit_test(told_own),
        cmocka_unit_test(not_of_files),
        cmocka_unit_test(collapse_is_new),
        cmocka_unit_test(collapse_is_refused),
        cmocka_unit_test(collapse_goes_on_behind_holes),
        cmocka_unit_test(frames_are_the_subjects),
    };

    return cmocka_run_group_tests(tests, flat_setup, flat_teardown);
}
