/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The flat specification by hand-written scenarios: where VMAs start, what calls answer at limits,
 * and where kernels differ. Nothing here knows the model. Addresses and lengths are in pages.
 */
#include "tests/flat.h"

/* ---- merging ---- */
static void new_mapping_joins_both_neighbours(void **state)
{
    (void)state;
    start_world(SPEC_LINUX_5_10);
    map(0x100, 4, RW, FIXED);
    map(0x108, 4, RW, FIXED);
    assert_layout("100-104 rw, 108-10c rw");
    map(0x104, 4, RW, FIXED); /* case 1: fills the hole */
    assert_layout("100-10c rw");
    map(0x10c, 2, R, FIXED);
    map(0x10e, 2, R, FIXED); /* case 2 */
    map(0xfe, 2, RW, FIXED); /* case 3 */
    assert_layout("fe-10c rw, 10c-110 r");
}

static void change_of_a_piece_moves_boundaries(void **state)
{
    (void)state;
    start_world(SPEC_LINUX_5_10);
    /*  p p p p | n n n n */
    map(0x100, 4, RW, FIXED);
    map(0x104, 4, RW, FIXED | MAP_NORESERVE);
    assert_int_equal(spec_madvise(spec, 0, bytes(0x102), bytes(2), MADV_RANDOM, NULL), 0);
    assert_layout("100-102 rw, 102-104 rw, 104-108 rw");
    assert_int_equal(spec_madvise(spec, 0, bytes(0x101), bytes(1), MADV_RANDOM, NULL),
                     0); /* case 4 */
    assert_layout("100-101 rw, 101-104 rw, 104-108 rw");
    assert_int_equal(spec_madvise(spec, 0, bytes(0x101), bytes(2), MADV_NORMAL, NULL),
                     0); /* case 5 */
    assert_layout("100-103 rw, 103-104 rw, 104-108 rw");
    assert_int_equal(spec_madvise(spec, 0, bytes(0x103), bytes(1), MADV_NORMAL, NULL),
                     0); /* case 7 */
    assert_layout("100-104 rw, 104-108 rw");
    map(0x104, 2, R, FIXED);
    map(0x106, 2, RW, FIXED);
    assert_int_equal(protect(0x104, 2, RW), 0); /* case 6 */
    assert_layout("100-108 rw");
}

static void what_is_left_alone_is_not_merged(void **state)
{
    (void)state;
    start_world(SPEC_LINUX_6_18);
    map(0x100, 8, RW, FIXED);
    spec_setrlimit(spec, 0, 0, 8); /* RLIMIT_AS */
    assert_int_equal(map(0x102, 8, RW, FIXED), -ENOMEM);
    assert_layout("100-102 rw, 102-108 rw"); /* 6.18 splits before it looks at the limit */
    assert_int_equal(protect(0x100, 8, RW), 0);
    assert_layout("100-102 rw, 102-108 rw"); /* nothing changed, nothing tried */
    assert_int_equal(spec_mlock(spec, 0, bytes(0x100), bytes(8)), 0);
    assert_int_equal(spec_munlock(spec, 0, bytes(0x100), bytes(8)), 0);
    assert_layout("100-108 rwa"); /* and locked memory has been written to */
}

static void files_merge_by_struct_file_and_offset(void **state)
{
    (void)state;
    start_world(SPEC_LINUX_6_1);
    assert_int_equal(spec_open(spec, 0, 0, 3, 64), 0);
    assert_int_equal(spec_dup(spec, 1, 0), 0);
    assert_int_equal(spec_reopen(spec, 2, 0, 3), 0);
    map_file(0x100, 2, RW, MAP_SHARED | MAP_FIXED, 0, 0);
    map_file(0x102, 2, RW, MAP_SHARED | MAP_FIXED, 1, 2); /* dup: the same struct file */
    map_file(0x104, 2, RW, MAP_SHARED | MAP_FIXED, 2, 4); /* reopen: another one */
    map_file(0x106, 2, RW, MAP_SHARED | MAP_FIXED, 2, 9); /* offset does not go on */
    assert_layout("100-104 rws, 104-106 rws, 106-108 rws");
}

/* ---- limits ---- */
static void second_split_may_fail(void **state)
{
    struct spec_config config = flat_config(SPEC_LINUX_6_18);

    (void)state;
    config.max_map_count = 2;
    assert_int_equal(spec_reset(spec, &config), 0);
    map(0x100, 8, RW, FIXED);
    assert_int_equal(protect(0x102, 2, R), -ENOMEM);
    assert_layout("100-102 rw, 102-108 rw");    /* the first split stays */
    assert_int_equal(unmap(0x104, 2), -ENOMEM); /* a middle */
    assert_int_equal(unmap(0x106, 2), 0);       /* a tail */
    assert_int_equal(protect(0x102, 4, R), 0);  /* a whole VMA */
    assert_int_equal(map(0x110, 1, R, FIXED), 0x110);
    assert_int_equal(spec_map_count(spec, 0), 3);
    assert_int_equal(map(0x111, 1, R, FIXED), -ENOMEM); /* even if it could merge */
}

static void failed_fixed_map_over_something(void **state)
{
    struct spec_config config = flat_config(SPEC_LINUX_6_1);

    (void)state;
    config.overcommit = 2;
    config.total_ram = 10;
    assert_int_equal(spec_reset(spec, &config), 0);
    map(0x100, 8, R, FIXED);
    assert_int_equal(map(0x102, 12, RW, FIXED), -ENOMEM);
    assert_layout("100-102 r"); /* the commit limit comes after the unmapping */
    config.rules = SPEC_LINUX_6_18;
    assert_int_equal(spec_reset(spec, &config), 0);
    map(0x100, 8, R, FIXED);
    assert_int_equal(map(0x102, 12, RW, FIXED), -ENOMEM);
    assert_layout("100-102 r, 102-108 r"); /* split, not unmapped */
}

static void locking_stops_at_a_hole(void **state)
{
    struct spec_config config = flat_config(SPEC_LINUX_5_10);

    (void)state;
    config.privileged = false;
    assert_int_equal(spec_reset(spec, &config), 0);
    map(0x100, 4, RW, FIXED);
    map(0x106, 2, RW, FIXED);
    assert_int_equal(spec_mlock(spec, 0, bytes(0x102), bytes(6)), -ENOMEM);
    assert_layout("100-102 rw, 102-104 rwL, 106-108 rw");
    assert_int_equal(spec_totals(spec, 0)->locked_vm, 2);
    spec_setrlimit(spec, 0, MEMLOCK, 4);
    assert_int_equal(spec_mlock(spec, 0, bytes(0x100), bytes(4)), 0); /* 2 are locked already */
    assert_int_equal(spec_mlock(spec, 0, bytes(0x106), bytes(1)), -ENOMEM);
    assert_int_equal(spec_madvise(spec, 0, bytes(0x104), bytes(4), MADV_DONTFORK, NULL), -ENOMEM);
    assert_int_equal(spec_madvise(spec, 0, bytes(0x100), bytes(8), MADV_DONTNEED, NULL), -EINVAL);
}

static void reading_only_is_not_paid_for_since_6_12(void **state)
{
    (void)state;
    for (int rules = SPEC_LINUX_6_1; rules <= SPEC_LINUX_6_18; rules++) {
        start_world((enum spec_rules)rules);
        map(0x100, 4, RW, FIXED);
        map(0x104, 4, R, FIXED);
        assert_int_equal(spec_committed(spec), 4);
        assert_int_equal(protect(0x100, 4, R), 0);
        if (rules >= SPEC_LINUX_6_12) {
            assert_int_equal(spec_committed(spec), 0);
            assert_layout("100-108 r");
        } else {
            assert_int_equal(spec_committed(spec), 4);
            assert_layout("100-104 r, 104-108 r");
        }
    }
}

/* ---- mremap ---- */
static void growth_in_place_merges_since_6_1(void **state)
{
    (void)state;
    for (int rules = SPEC_LINUX_5_10; rules <= SPEC_LINUX_6_1; rules++) {
        start_world((enum spec_rules)rules);
        map(0x100, 4, RW, FIXED);
        map(0x108, 4, RW, FIXED);
        assert_int_equal(remap(0x100, 4, 8, 0, 0), 0x100);
        assert_layout(rules == SPEC_LINUX_6_1 ? "100-10c rw" : "100-108 rw, 108-10c rw");
        assert_int_equal(remap(0x100, 2, 4, 0, 0), -ENOMEM); /* not at the VMA's end */
    }
}

static void fixed_move_takes_many_vmas_since_6_18(void **state)
{
    const int flags = MREMAP_MAYMOVE | MREMAP_FIXED;

    (void)state;
    for (int rules = SPEC_LINUX_6_1; rules <= SPEC_LINUX_6_18; rules++) {
        start_world((enum spec_rules)rules);
        /*  rw rw r  .. rw      x x x x x */
        map(0x100, 2, RW, FIXED);
        map(0x102, 1, R, FIXED);
        map(0x104, 1, RW, FIXED);
        map(0x200, 5, PROT_EXEC, FIXED);
        if (rules == SPEC_LINUX_6_18) {
            assert_int_equal(remap(0x100, 5, 5, flags, 0x200), 0x200);
            assert_layout("200-202 rw, 202-203 r, 203-204 x, 204-205 rw");
        } else {
            assert_int_equal(remap(0x100, 5, 5, flags, 0x200), -EFAULT);
            assert_layout("100-102 rw, 102-103 r, 104-105 rw"); /* the destination is gone */
        }
    }
}

static void shrinking_move_must_stay_in_one_vma(void **state)
{
    const int flags = MREMAP_MAYMOVE | MREMAP_FIXED;

    (void)state;
    start_world(SPEC_LINUX_6_18);
    map(0x100, 2, RW, FIXED);
    map(0x102, 2, R, FIXED);
    assert_int_equal(remap(0x100, 4, 3, flags, 0x200), -EFAULT);
    assert_layout("100-102 rw, 102-104 r");
    assert_int_equal(remap(0x100, 4, 2, flags, 0x200), 0x200);
    assert_layout("200-202 rw");
}

static void dontunmap_unlocks_the_source(void **state)
{
    (void)state;
    start_world(SPEC_LINUX_5_10);
    map(0x100, 4, RW, FIXED | MAP_LOCKED);
    assert_int_equal(remap(0x102, 2, 2, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, 0x200),
                     0x200);
    assert_layout("100-104 rwa, 200-202 rwLa");
    assert_int_equal(spec_totals(spec, 0)->locked_vm, 2);
    assert_int_equal(spec_committed(spec), 6);
}

static void copy_may_join_its_source(void **state)
{
    (void)state;
    start_world(SPEC_LINUX_5_10);
    map(0x100, 4, RW, FIXED);
    assert_int_equal(remap(0x102, 2, 2, MREMAP_MAYMOVE | MREMAP_FIXED, 0x104), 0x104);
    assert_layout("100-102 rw, 104-106 rw");
    assert_int_equal(remap(0x104, 2, 2, MREMAP_MAYMOVE | MREMAP_FIXED, 0x102), 0x102);
    assert_layout("100-104 rw"); /* unfaulted: the offset is that of the new place */
}

/* ---- brk ---- */
static void brk_joins_its_own_only_since_6_1(void **state)
{
    (void)state;
    for (int rules = SPEC_LINUX_5_10; rules <= SPEC_LINUX_6_1; rules++) {
        start_world((enum spec_rules)rules);
        map(0x1fe, 2, RW, FIXED);
        assert_int_equal(spec_brk_call(spec, 0, bytes(0x202) + 5), bytes(0x202) + 5);
        assert_layout(rules == SPEC_LINUX_6_1 ? "1fe-200 rw, 200-203 rw" : "1fe-203 rw");
        assert_int_equal(spec_brk_call(spec, 0, bytes(0x204)), bytes(0x204));
        map(0x206, 1, R, FIXED);
        assert_int_equal(spec_brk_call(spec, 0, bytes(0x206)), bytes(0x204)); /* too near */
        assert_int_equal(spec_brk_call(spec, 0, bytes(0x201)), bytes(0x201));
        assert_layout(rules == SPEC_LINUX_6_1 ? "1fe-200 rw, 200-201 rw, 206-207 r"
                                              : "1fe-201 rw, 206-207 r");
    }
}

/* ---- placement ---- */
static void search_takes_the_first_fit(void **state)
{
    struct spec_config config = flat_config(SPEC_LINUX_5_10);
    struct spec_seen seen = {.verify_search = true};

    (void)state;
    start_world(SPEC_LINUX_5_10);
    assert_int_equal(map(0, 4, RW, MAP_PRIVATE | MAP_ANONYMOUS), 3836);
    assert_int_equal(map(0, 4, R, MAP_PRIVATE | MAP_ANONYMOUS), 3832);
    assert_int_equal(map(3830, 4, R, MAP_PRIVATE | MAP_ANONYMOUS), 3828); /* hint is taken */
    assert_int_equal(map(0x500, 4, R, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN), 0x500);
    assert_int_equal(map(0x4f0, 4, R, MAP_PRIVATE | MAP_ANONYMOUS), 3824); /* in its guard gap */
    assert_int_equal(map(0x3fc, 4, R, MAP_PRIVATE | MAP_ANONYMOUS), 0x3fc);
    assert_int_equal(map(0, 3000, R, MAP_PRIVATE | MAP_ANONYMOUS), -ENOMEM);
    seen.ret =
        (long)bytes(0x700); /* free: as good as the best one, where that is not insisted on */
    assert_int_equal(spec_mmap(spec, 0, 0, 4096, R, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &seen),
                     bytes(0x700));
    seen.ret = (long)bytes(0x4f0); /* free, but not legal */
    assert_int_equal(spec_mmap(spec, 0, 0, 4096, R, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &seen),
                     bytes(3823));
    config.legacy_layout = true;
    assert_int_equal(spec_reset(spec, &config), 0);
    assert_int_equal(map(0, 4, RW, MAP_PRIVATE | MAP_ANONYMOUS), 1366); /* a third, rounded up */
}

static void whole_huge_pages_are_aligned_since_6_18(void **state)
{
    (void)state;
    start_world(SPEC_LINUX_6_18);
    assert_int_equal(map(0, 512, RW, MAP_PRIVATE | MAP_ANONYMOUS), 3072);
    assert_int_equal(map(0, 100, RW, MAP_PRIVATE | MAP_ANONYMOUS), 3740);
    assert_int_equal(map(0, 512, RW, MAP_SHARED | MAP_ANONYMOUS), 2560);
    start_world(SPEC_LINUX_6_18);
    assert_int_equal(map(0, 512, RW, MAP_SHARED | MAP_ANONYMOUS), 3328);
    start_world(SPEC_LINUX_6_1);
    assert_int_equal(map(0, 512, RW, MAP_PRIVATE | MAP_ANONYMOUS), 3328);
}

/* ---- stacks ---- */
static void stack_keeps_its_distance(void **state)
{
    (void)state;
    start_world(SPEC_LINUX_5_10);
    map(0x300, 4, RW, FIXED | MAP_GROWSDOWN);
    map(0x1f0, 0x10, R, FIXED);
    assert_int_equal(write_to(0, 0x2ff), -EFAULT);
    assert_int_equal(protect(0x1f0, 0x10, PROT_NONE), 0); /* nobody can run into it */
    assert_int_equal(write_to(0, 0x2f0), 0);
    assert_layout("1f0-200 -, 2f0-304 rwa");
    assert_int_equal(spec_totals(spec, 0)->stack_vm, 0x14);
    spec_setrlimit(spec, 0, 2, 0x18); /* RLIMIT_STACK */
    assert_int_equal(write_to(0, 0x2eb), -EFAULT);
    assert_int_equal(poke(0, 0x2ec), 0);
    start_world(SPEC_LINUX_6_1);
    map(0x300, 4, RW, FIXED | MAP_GROWSDOWN);
    assert_int_equal(poke(0, 0x2ff), -EFAULT);
    assert_int_equal(write_to(0, 0x2ff), 0);
}

/* ---- objects ---- */
static void sealed_object_has_no_writers(void **state)
{
    struct snapshot s = {0};

    (void)state;
    start_world(SPEC_LINUX_4_4);
    spec_open(spec, 3, 1, 3, 8); /* shmem */
    map_file(0x100, 4, R, MAP_SHARED | MAP_FIXED, 3, 0);
    assert_int_equal(spec_seal_write(spec, 3), -EBUSY); /* it may be made writable */
    assert_int_equal(unmap(0x102, 1), 0);
    assert_int_equal(spec_snapshot(spec, &s), 0);
    assert_int_equal(s.nr_objects, 1);
    assert_int_equal(s.object[0].writable, 2);
    unmap(0x100, 4);
    assert_int_equal(spec_seal_write(spec, 3), 0);
    assert_int_equal(map_file(0x100, 4, R, MAP_SHARED | MAP_FIXED, 3, 0), -EPERM);
    assert_int_equal(map_file(0x100, 4, RW, MAP_PRIVATE | MAP_FIXED, 3, 0), 0x100);
    spec_close(spec, 3);
    assert_int_equal(spec_snapshot(spec, &s), 0);
    assert_int_equal(s.object[0].writable, -1);
    assert_int_equal(s.vma[0].object, 1);
    snapshot_fini(&s);
}

static void closing_a_context_merges(void **state)
{
    (void)state;
    start_world(SPEC_LINUX_5_10);
    spec_uffd_create(spec, 0, 0);
    spec_uffd_create(spec, 1, 0);
    map(0x100, 8, RW, FIXED);
    assert_int_equal(spec_uffd_register(spec, 0, bytes(0x102), bytes(2), 1), 0);
    assert_layout("100-102 rw, 102-104 rwu, 104-108 rw");
    assert_int_equal(spec_uffd_register(spec, 1, bytes(0x100), bytes(4), 1), -EBUSY);
    assert_int_equal(spec_uffd_close(spec, 0), 0);
    assert_layout("100-108 rw");
}

/* ---- taking over a failed call ---- */
static void adoption_is_between_before_and_after(void **state)
{
    struct snapshot s = {0};
    char why[160] = "";

    (void)state;
    start_world(SPEC_LINUX_6_1);
    map(0x100, 4, RW, FIXED);
    map(0x104, 4, R, FIXED);
    map(0x10c, 2, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED);
    spec_before(spec);
    assert_int_equal(spec_mlock(spec, 0, bytes(0x102), bytes(4)), 0);
    assert_int_equal(spec_snapshot(spec, &s), 0);
    assert_int_equal(s.nr_vmas, 5);
    s.vma[2].flags &= ~(uint64_t)SNAP_LOCKED; /* as if the second piece had failed */
    assert_true(flat_adopt(&s, NULL, true, why, sizeof(why)));
    assert_layout("100-102 rw, 102-104 rwLa, 104-106 r, 106-108 r, 10c-10e rws");
    assert_int_equal(spec_totals(spec, 0)->locked_vm, 2);
    s.vma[2].flags |= SNAP_WRITE;
    assert_false(flat_adopt(&s, NULL, true, why, sizeof(why)));
    assert_string_equal(why, "page 0x104 of process 0 is neither as before the call nor as after "
                             "it");
    spec_before(spec);
    assert_int_equal(map(0x102, 2, PROT_EXEC, FIXED), 0x102);
    assert_int_equal(spec_snapshot(spec, &s), 0);
    memmove(&s.vma[1], &s.vma[2], (s.nr_vmas - 2) * sizeof(*s.vma)); /* a hole, where it was */
    s.nr_vmas--;
    s.proc[0].nr_vmas--;
    assert_true(flat_adopt(&s, NULL, true, why, sizeof(why)));
    assert_int_equal(spec_totals(spec, 0)->total_vm, 8);
    spec_before(spec);
    s.vma[1].start++;
    assert_false(flat_adopt(&s, NULL, true, why, sizeof(why)));
    assert_string_equal(why,
                        "page 0x104 of process 0 is gone, though it was mapped and should stay "
                        "mapped");
    snapshot_fini(&s);
}

static void failed_call_leaves_no_descriptor(void **state)
{
    struct snapshot s = {0};
    char why[160] = "";

    (void)state;
    start_world(SPEC_LINUX_6_1);
    assert_int_equal(spec_snapshot(spec, &s), 0);
    spec_before(spec);
    assert_int_equal(spec_open(spec, 0, 0, 3, 8), 0);
    assert_true(flat_adopt(&s, NULL, true, why, sizeof(why)));
    assert_int_equal(spec_close(spec, 0), -EBADF);
    snapshot_fini(&s);
}

static void touched_ranges_cover_the_change(void **state)
{
    const struct spec_range *range;
    unsigned n;

    (void)state;
    start_world(SPEC_LINUX_6_18);
    map(0x100, 8, RW, FIXED);
    remap(0x102, 2, 2, MREMAP_MAYMOVE | MREMAP_FIXED, 0x200);
    range = spec_touched(spec, &n);
    assert_int_equal(n, 2);
    assert_int_equal(range[0].start, 0x200);
    assert_int_equal(range[0].end, 0x202);
    assert_int_equal(range[1].start, 0x102);
    assert_int_equal(range[1].end, 0x104);
    spec_find(spec, 0, bytes(0x100));
    spec_touched(spec, &n);
    assert_int_equal(n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_mapping_joins_both_neighbours),
        cmocka_unit_test(change_of_a_piece_moves_boundaries),
        cmocka_unit_test(what_is_left_alone_is_not_merged),
        cmocka_unit_test(files_merge_by_struct_file_and_offset),
        cmocka_unit_test(second_split_may_fail),
        cmocka_unit_test(failed_fixed_map_over_something),
        cmocka_unit_test(locking_stops_at_a_hole),
        cmocka_unit_test(reading_only_is_not_paid_for_since_6_12),
        cmocka_unit_test(growth_in_place_merges_since_6_1),
        cmocka_unit_test(fixed_move_takes_many_vmas_since_6_18),
        cmocka_unit_test(shrinking_move_must_stay_in_one_vma),
        cmocka_unit_test(dontunmap_unlocks_the_source),
        cmocka_unit_test(copy_may_join_its_source),
        cmocka_unit_test(brk_joins_its_own_only_since_6_1),
        cmocka_unit_test(search_takes_the_first_fit),
        cmocka_unit_test(whole_huge_pages_are_aligned_since_6_18),
        cmocka_unit_test(stack_keeps_its_distance),
        cmocka_unit_test(sealed_object_has_no_writers),
        cmocka_unit_test(closing_a_context_merges),
        cmocka_unit_test(adoption_is_between_before_and_after),
        cmocka_unit_test(failed_call_leaves_no_descriptor),
        cmocka_unit_test(touched_ranges_cover_the_change),
    };

    return cmocka_run_group_tests(tests, flat_setup, flat_teardown);
}
