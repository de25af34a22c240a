/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The flat specification's faulted memory and processes, by hand-written scenarios: who has an
 * anon_vma, what that does to merging, what a child gets. Addresses and lengths are in pages.
 */
#include "tests/flat.h"

static long child_map(uint64_t addr, uint64_t len, int prot)
{
    long ret = spec_mmap(spec, 1, bytes(addr), bytes(len), prot, FIXED, -1, 0, NULL);

    return ret < 0 ? ret : ret >> 12;
}

/* ---- faulted memory ---- */
static void first_write_faults_the_vma(void **state)
{
    (void)state;
    start_world(SPEC_LINUX_6_1);
    map(0x100, 8, RW, FIXED);
    map(0x110, 2, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED);
    assert_int_equal(get(0, 0x102), 0);
    assert_int_equal(write_to(0, 0x110), 0);
    assert_layout("100-108 rw, 110-112 rws");
    assert_int_equal(write_to(0, 0x102), 0);
    assert_int_equal(protect(0x102, 2, R), 0); /* a split clones */
    assert_layout("100-102 rwa, 102-104 ra, 104-108 rwa, 110-112 rws");
    assert_int_equal(spec_pages(spec, 0)[0x104].anon, SPEC_ANON_UNTOLD);
}

static void new_memory_joins_faulted_memory(void **state)
{
    (void)state;
    start_world(SPEC_LINUX_4_4);
    map(0x104, 2, RW, FIXED);
    assert_int_equal(write_to(0, 0x105), 0);
    spec_tell_anon(spec, 0, 0x105, 0x106, 7, false);
    map(0x100, 2, RW, FIXED);
    map(0x102, 2, RW, FIXED); /* unfaulted on one side, faulted on the other */
    assert_layout("100-106 rwa");
    assert_int_equal(spec_pages(spec, 0)[0x100].anon, 7);
}

/*  [unfaulted][faulted]    the range that changes is the faulted one: it hands over since 6.18 */
static void faulted_range_joins_unfaulted_since_6_18(void **state)
{
    (void)state;
    for (int rules = SPEC_LINUX_6_1; rules <= SPEC_LINUX_6_18; rules++) {
        start_world((enum spec_rules)rules);
        map(0x100, 4, RW, FIXED);
        spec_madvise(spec, 0, bytes(0x102), bytes(2), MADV_DONTFORK, NULL);
        assert_int_equal(write_to(0, 0x102), 0);
        assert_int_equal(spec_madvise(spec, 0, bytes(0x102), bytes(2), MADV_DOFORK, NULL), 0);
        assert_layout(rules == SPEC_LINUX_6_18 ? "100-104 rwa" : "100-102 rw, 102-104 rwa");
    }
}

static void what_was_written_stays_paid_for(void **state)
{
    (void)state;
    start_world(SPEC_LINUX_6_18);
    map(0x100, 2, RW, FIXED);
    map(0x108, 2, RW, FIXED);
    assert_int_equal(write_to(0, 0x100), 0);
    assert_int_equal(protect(0x100, 2, R), 0);
    assert_int_equal(protect(0x108, 2, R), 0);
    assert_int_equal(spec_committed(spec), 2);
}

/*  [faulted 1][new][faulted 2]    goes to the left one only */
static void separately_faulted_stay_apart(void **state)
{
    (void)state;
    start_world(SPEC_LINUX_6_18);
    map(0x100, 4, RW, FIXED);
    map(0x108, 4, RW, FIXED);
    write_to(0, 0x100);
    write_to(0, 0x108);
    spec_tell_anon(spec, 0, 0x100, 0x104, 1, false);
    spec_tell_anon(spec, 0, 0x108, 0x10c, 2, false);
    map(0x104, 4, RW, FIXED);
    assert_layout("100-108 rwa, 108-10c rwa");
    assert_int_equal(spec_pages(spec, 0)[0x107].anon, 1);
    assert_int_equal(unmap(0x102, 2), 0);
    map(0x102, 2, RW, FIXED); /* the same on both sides */
    assert_layout("100-108 rwa, 108-10c rwa");
}

static void moved_pages_keep_their_offset(void **state)
{
    const int flags = MREMAP_MAYMOVE | MREMAP_FIXED;

    (void)state;
    start_world(SPEC_LINUX_5_10);
    map(0x100, 4, RW, FIXED);
    write_to(0, 0x103);
    spec_tell_anon(spec, 0, 0x100, 0x104, 1, false);
    assert_int_equal(remap(0x102, 2, 2, flags, 0x200), 0x200);
    assert_int_equal(spec_pages(spec, 0)[0x200].pgoff, 0x102);
    map(0x202, 2, RW, FIXED);
    assert_layout("100-102 rwa, 200-202 rwa, 202-204 rw");
    assert_int_equal(remap(0x200, 2, 2, flags, 0x102), 0x102);
    assert_layout("100-104 rwa, 202-204 rw");
}

static void dontunmap_of_a_whole_vma_unlinks_it(void **state)
{
    const int flags = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;

    (void)state;
    for (int rules = SPEC_LINUX_5_10; rules <= SPEC_LINUX_6_1; rules++) {
        start_world((enum spec_rules)rules);
        map(0x100, 4, RW, FIXED);
        write_to(0, 0x100);
        assert_int_equal(remap(0x100, 2, 2, flags, 0x200), 0x200);
        assert_layout("100-104 rwa, 200-202 rwa");
        assert_int_equal(remap(0x100, 4, 4, flags, 0x300), 0x300);
        assert_layout(rules == SPEC_LINUX_6_1 ? "100-104 rw, 200-202 rwa, 300-304 rwa"
                                              : "100-104 rwa, 200-202 rwa, 300-304 rwa");
    }
}

static void stack_without_room_is_not_faulted(void **state)
{
    (void)state;
    start_world(SPEC_LINUX_6_1);
    map(0x300, 4, RW, FIXED | MAP_GROWSDOWN);
    map(0x1f0, 0x10, R, FIXED);
    assert_int_equal(get(0, 0x2ff), -EFAULT);
    assert_layout("1f0-200 r, 300-304 rw");
    assert_int_equal(write_to(0, 0x300), 0);
    assert_int_equal(remap(0x300, 4, 4, MREMAP_MAYMOVE | MREMAP_FIXED, 0x800), 0x800);
    assert_int_equal(remap(0x800, 4, 4, MREMAP_MAYMOVE | MREMAP_FIXED, 0x700), 0x700);
    assert_int_equal(write_to(0, 0x400), 0); /* page offset 0 */
    assert_int_equal(spec_pages(spec, 0)[0x400].pgoff, 0);
    assert_int_equal(write_to(0, 0x3ff), -EFAULT);
}

static void locking_faults_what_can_be_written(void **state)
{
    (void)state;
    start_world(SPEC_LINUX_6_1);
    map(0x100, 2, RW, FIXED);
    map(0x102, 2, R, FIXED);
    assert_int_equal(spec_mlock(spec, 0, bytes(0x100), bytes(4)), 0);
    assert_layout("100-102 rwLa, 102-104 rL");
    assert_int_equal(protect(0x103, 1, RW), 0);
    assert_layout("100-102 rwLa, 102-103 rL, 103-104 rwLa");
    assert_int_equal(map(0x110, 2, RW, FIXED | MAP_LOCKED), 0x110);
    assert_int_equal(spec_mlock2(spec, 0, bytes(0x110), bytes(1), MLOCK_ONFAULT), 0);
    map(0x120, 1, RW, FIXED);
    assert_int_equal(spec_mlock2(spec, 0, bytes(0x120), bytes(1), MLOCK_ONFAULT), 0);
    assert_layout("100-102 rwLa, 102-103 rL, 103-104 rwLa, 110-111 rwLFa, 111-112 rwLa, "
                  "120-121 rwLF");
}

/* ---- processes ---- */
static void fork_copies_but_not_all(void **state)
{
    (void)state;
    start_world(SPEC_LINUX_6_1);
    map(0x100, 2, RW, FIXED | MAP_LOCKED);
    map(0x104, 2, RW, FIXED);
    map(0x106, 2, RW, FIXED | MAP_NORESERVE);
    write_to(0, 0x106);
    map(0x108, 2, R, FIXED);
    spec_madvise(spec, 0, bytes(0x104), bytes(2), MADV_DONTFORK, NULL);
    spec_madvise(spec, 0, bytes(0x106), bytes(1), MADV_WIPEONFORK, NULL);
    spec_uffd_create(spec, 0, 0);
    assert_int_equal(spec_uffd_register(spec, 0, bytes(0x108), bytes(2), 1), 0);
    assert_int_equal(spec_fork(spec, 0, 0), -EAGAIN);
    assert_int_equal(spec_fork(spec, 0, 16), -EAGAIN);
    assert_int_equal(spec_fork(spec, 0, 3), 0);
    assert_layout("100-102 rwLa, 104-106 rw, 106-107 rwa, 107-108 rwa, 108-10a ru");
    flat_assert_layout(3, "100-102 rwa, 106-107 rw, 107-108 rwa, 108-10a r");
    assert_true(spec_pages(spec, 3)[0x100].cloned);
    assert_false(spec_pages(spec, 0)[0x100].cloned);
    assert_int_equal(spec_totals(spec, 3)->locked_vm, 0);
    assert_int_equal(spec_totals(spec, 3)->total_vm, 6);
    assert_int_equal(spec_committed(spec), 4 + 2);
    assert_int_equal(spec_exit(spec, 0), 0);
    assert_int_equal(spec_committed(spec), 2);
    assert_int_equal(spec_uffd_register(spec, 0, bytes(0x108), bytes(2), 1), -ENOMEM);
    assert_int_equal(spec_uffd_close(spec, 0), 0);
    assert_int_equal(spec_fork(spec, 3, 0), 0);
    assert_layout("100-102 rwa, 106-107 rw, 107-108 rwa, 108-10a r");
}

/* What a child inherited takes no unfaulted neighbour in. But it grows in place, since 6.18 even
 * into one. */
static void inherited_memory_merges_with_its_own_only(void **state)
{
    (void)state;
    start_world(SPEC_LINUX_6_18);
    map(0x100, 4, RW, FIXED);
    write_to(0, 0x100);
    spec_tell_anon(spec, 0, 0x100, 0x104, 1, false);
    assert_int_equal(spec_fork(spec, 0, 1), 0);
    spec_tell_anon(spec, 1, 0x100, 0x104, 2, true);
    assert_int_equal(map(0x104, 2, RW, FIXED), 0x104);
    assert_layout("100-106 rwa");
    assert_int_equal(child_map(0x104, 2, RW), 0x104);
    flat_assert_layout(1, "100-104 rwa, 104-106 rw");
    assert_int_equal(spec_munmap(spec, 1, bytes(0x102), bytes(2)), 0);
    assert_int_equal(spec_mremap(spec, 1, bytes(0x100), bytes(2), bytes(4), 0, 0, NULL),
                     bytes(0x100));
    flat_assert_layout(1, "100-106 rwa");
    assert_true(spec_pages(spec, 1)[0x105].cloned);
}

static void child_that_cannot_be_paid_for(void **state)
{
    struct spec_config config = flat_config(SPEC_LINUX_5_10);
    struct snapshot s = {0};

    (void)state;
    config.overcommit = 2;
    config.total_ram = 14;
    assert_int_equal(spec_reset(spec, &config), 0);
    map(0x100, 4, RW, FIXED);
    map(0x108, 4, RW, FIXED | MAP_STACK);
    assert_int_equal(spec_fork(spec, 0, 1), -ENOMEM); /* 12 would do, 16 not */
    assert_int_equal(spec_committed(spec), 8);
    assert_int_equal(spec_map_count(spec, 1), 0);
    assert_int_equal(spec_snapshot(spec, &s), 0);
    assert_int_equal(s.nr_procs, 1);
    assert_int_equal(unmap(0x108, 4), 0);
    assert_int_equal(spec_fork(spec, 0, 1), 0);
    snapshot_fini(&s);
}

static void child_of_a_failed_fork_is_forgotten(void **state)
{
    struct snapshot s = {0};
    const struct spec_range *range;
    char why[160] = "";
    unsigned n;

    (void)state;
    start_world(SPEC_LINUX_6_1);
    spec_open(spec, 0, 0, 3, 64);
    map_file(0x100, 4, RW, MAP_PRIVATE | MAP_FIXED, 0, 0);
    write_to(0, 0x100);
    assert_int_equal(spec_snapshot(spec, &s), 0);
    spec_before(spec);
    assert_int_equal(spec_fork(spec, 0, 1), 0);
    range = spec_touched(spec, &n);
    assert_int_equal(n, 1);
    assert_int_equal(range[0].proc, 1);
    assert_true(flat_adopt(&s, NULL, true, why, sizeof(why)));
    assert_int_equal(spec_map_count(spec, 1), 0);
    assert_int_equal(spec_committed(spec), 4);
    spec_before(spec);
    assert_int_equal(spec_mlock(spec, 0, bytes(0x100), bytes(4)), 0);
    s.vma[0].anon_vma = 0;
    s.vma[0].flags &= ~(uint64_t)SNAP_LOCKED;
    spec_find(spec, 0, 0);
    assert_false(flat_adopt(&s, NULL, true, why, sizeof(why)));
    assert_string_equal(why, "page 0x100 of process 0 is not faulted any more");
    assert_int_equal(spec_fork(spec, 0, 1), 0);
    assert_int_equal(spec_snapshot(spec, &s), 0);
    assert_false(flat_adopt(&s, NULL, true, why, sizeof(why)));
    assert_string_equal(why, "there are 2 processes instead of 1");
    snapshot_fini(&s);
}

/*  [faulted]....[source]    ->    [faulted|copy|source]    ->    [faulted]....[source]
 *    0x100       0x102                                            both are faulted now */
static void undone_copy_leaves_its_neighbours_faulted(void **state)
{
    struct snapshot s = {0}, other = {0};
    char why[160] = "";

    (void)state;
    start_world(SPEC_LINUX_5_10);
    map(0x100, 1, RW, FIXED);
    write_to(0, 0x100);
    map(0x102, 1, RW, FIXED);
    map(0x104, 1, RW, FIXED);
    assert_int_equal(spec_snapshot(spec, &s), 0);
    assert_int_equal(spec_snapshot(spec, &other), 0);
    s.vma[1].anon_vma = s.vma[0].anon_vma;
    other.vma[2].anon_vma = s.vma[0].anon_vma; /* which the copy never touched */
    spec_before(spec);
    assert_int_equal(remap(0x102, 1, 1, MREMAP_MAYMOVE | MREMAP_FIXED, 0x101), 0x101);
    assert_layout("100-102 rwa, 104-105 rw");
    assert_false(flat_adopt(&other, NULL, true, why, sizeof(why)));
    assert_string_equal(why, "page 0x104 of process 0 is faulted");
    assert_false(flat_adopt(&s, NULL, false, why, sizeof(why))); /* the copy is not undone */
    assert_true(flat_adopt(&s, NULL, true, why, sizeof(why)));
    assert_layout("100-101 rwa, 102-103 rwa, 104-105 rw");
    snapshot_fini(&other);
    snapshot_fini(&s);
}

/* A merge that fails has faulted nobody, whatever the call answers in the end. */
static void failed_merge_faults_nothing(void **state)
{
    struct snapshot s = {0};
    char why[160] = "";

    (void)state;
    start_world(SPEC_LINUX_5_10);
    map(0x100, 1, RW, FIXED);
    write_to(0, 0x100);
    map(0x101, 1, R, FIXED);
    assert_int_equal(spec_snapshot(spec, &s), 0);
    s.vma[1].anon_vma = s.vma[0].anon_vma;
    spec_before(spec);
    assert_int_equal(protect(0x101, 2, RW), -ENOMEM); /* joins, then meets a hole */
    assert_layout("100-102 rwa");
    assert_false(flat_adopt(&s, NULL, true, why, sizeof(why)));
    assert_string_equal(why, "page 0x101 of process 0 is faulted like what it was not merged with");
    snapshot_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_write_faults_the_vma),
        cmocka_unit_test(new_memory_joins_faulted_memory),
        cmocka_unit_test(faulted_range_joins_unfaulted_since_6_18),
        cmocka_unit_test(what_was_written_stays_paid_for),
        cmocka_unit_test(separately_faulted_stay_apart),
        cmocka_unit_test(moved_pages_keep_their_offset),
        cmocka_unit_test(dontunmap_of_a_whole_vma_unlinks_it),
        cmocka_unit_test(stack_without_room_is_not_faulted),
        cmocka_unit_test(locking_faults_what_can_be_written),
        cmocka_unit_test(fork_copies_but_not_all),
        cmocka_unit_test(inherited_memory_merges_with_its_own_only),
        cmocka_unit_test(child_that_cannot_be_paid_for),
        cmocka_unit_test(child_of_a_failed_fork_is_forgotten),
        cmocka_unit_test(undone_copy_leaves_its_neighbours_faulted),
        cmocka_unit_test(failed_merge_faults_nothing),
    };

    return cmocka_run_group_tests(tests, flat_setup, flat_teardown);
}
