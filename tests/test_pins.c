/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a page does not leave, or leaves for another frame: pins, migration, walks that change
 * flags, forced writes; and the locks that all of it takes.
 */
#include "tests/calls.h"

/* ---- pins ---- */
static void test_pin_answers(void **state)
{
    (void)state;
    start_world(RULES_LINUX_4_4, true);
    map_anon(0, BASE, 1);
    CALL(-EOPNOTSUPP, mm_pin(proc(0), 0, BASE, false));
    start_world(RULES_LINUX_6_1, true);
    map_anon(0, BASE, 2);
    CALL(-EBADF, world_unpin(world, 0));
    CALL(-EBADF, world_device_read(world, MAX_PINS));
    CALL(-EBADF, world_device_write(world, 0, 1));
    CALL(-EINVAL, mm_pin(proc(0), MAX_PINS, BASE, true));
    CALL(-EFAULT, mm_pin(proc(0), 0, PAGES(0x90), true));
    CALL(0, mm_pin(proc(0), 0, BASE, false)); /* zeroes, for ever */
    CALL(-EBUSY, mm_pin(proc(0), 0, BASE, false));
    put(0, BASE, 7);
    CALL(0, world_device_read(world, 0));
    CALL(-EACCES, world_device_write(world, 0, 1));
    CALL(0, mm_pin(proc(0), 1, BASE, true));
    CALL(7, world_device_read(world, 1));
    CALL(0, world_device_write(world, 1, 8));
    reads(0, BASE, 8);
    CALL(0, mm_exit(proc(0)));
    CALL(8, world_device_read(world, 1));
    assert_int_equal(live(POOL_PAGE), 1);
    CALL(0, world_unpin(world, 0));
    CALL(0, world_unpin(world, 1));
    finish();
}

/* A pin of shared memory is the object's page. */
static void test_pin_file(void **state)
{
    (void)state;
    start_world(RULES_LINUX_5_10, true);
    map_file(BASE, RW, MAP_SHARED);
    CALL(0, mm_pin(proc(0), 0, BASE + PAGE_SIZE, true));
    CALL(0, world_device_write(world, 0, 3));
    CALL(0, mm_munmap(proc(0), BASE, PAGES(4)));
    map_file(BASE, PROT_READ, MAP_PRIVATE);
    reads(0, BASE + PAGE_SIZE, 3);
    CALL(0, world_unpin(world, 0));
    finish();
}

/* Since 6.1 an exclusive page that is pinned is not unmapped; before, it is found again. */
static void test_pin_reclaim(void **state)
{
    (void)state;
    for (enum rules rules = RULES_LINUX_5_10; rules < NR_RULES; rules++) {
        const bool refused = rules >= RULES_LINUX_6_1;

        start_world(rules, true);
        map_anon(0, BASE, 1);
        put(0, BASE, 1);
        CALL(0, mm_pin(proc(0), 0, BASE, true));
        reclaim(0, BASE, 1, false);
        assert_int_equal(live(POOL_SLOT), 0);
        CALL(0, world_unpin(world, 0));
        reclaim(0, BASE, 1, true);
        reads(0, BASE, 1);
        CALL(0, mm_pin(proc(0), 0, BASE, false));
        assert_true(frame(0, BASE)->flags & PG_SWAPCACHE);
        reclaim(0, BASE, 1, false);
        assert_int_equal((entry(0, BASE) & PTE_PRESENT) != 0, refused);
        assert_int_equal(world->pin[0].page->refcount, refused ? 3 : 2);
        assert_int_equal(swap_cache_slot(world, world->pin[0].page)->count, !refused);
        reads(0, BASE, 1);
        put(0, BASE, 2);
        CALL(0, world_unpin(world, 0));
        reclaim(0, BASE, 1, false);
        reads(0, BASE, 2);
        finish();
    }
}

static void test_missing_swap_free(void **state)
{
    (void)state;
    start_world(RULES_LINUX_6_1, true);
    map_anon(0, BASE, 1);
    put(0, BASE, 1);
    reclaim(0, BASE, 1, true);
    reads(0, BASE, 1);
    CALL(0, mm_pin(proc(0), 0, BASE, false));
    world->fault = F_TTU_MISSING_SWAP_FREE;
    reclaim(0, BASE, 1, false);
    assert_int_equal(world->fault_triggered, 1);
    assert_int_equal(swap_cache_slot(world, frame(0, BASE))->count, 1);
}

/* ---- migration ---- */
static void test_migrate_anon(void **state)
{
    struct page *old;

    (void)state;
    for (enum rules rules = 0; rules < NR_RULES; rules++) {
        start_world(rules, true);
        map_anon(0, BASE, 2);
        put(0, BASE, 1);
        put(0, BASE + PAGE_SIZE, 2);
        fork_to(0, 1);
        put(0, BASE + PAGE_SIZE, 3);
        reclaim(0, BASE, 1, true);
        reads(0, BASE, 1);
        reads(1, BASE, 1); /* shared, and in the swap cache */
        old = frame(0, BASE);
        CALL(0, mm_migrate(proc(1), BASE, PAGES(2)));
        CALL(0, mm_migrate(proc(0), BASE + PAGE_SIZE, PAGE_SIZE));
        assert_int_equal(happened(EV_MIGRATE), 3);
        assert_ptr_not_equal(frame(0, BASE), old);
        assert_ptr_equal(frame(0, BASE), frame(1, BASE));
        assert_int_equal(frame(0, BASE)->mapcount, 2);
        assert_int_equal(live(POOL_PAGE), 3);
        assert_true(entry(0, BASE + PAGE_SIZE) & PTE_WRITE);
        put(1, BASE, 4);
        reads(0, BASE, 1);
        reads(0, BASE + PAGE_SIZE, 3);
        reads(1, BASE + PAGE_SIZE, 2);
        finish();
    }
}

static void test_migrate_file(void **state)
{
    struct page *old;

    (void)state;
    start_world(RULES_LINUX_6_18, true);
    map_file(BASE, RW, MAP_SHARED);
    map_file(PAGES(0x200), RW, MAP_PRIVATE);
    for (unsigned i = 0; i < 4; i++)
        put(0, BASE + PAGES(i), i + 1);
    fork_to(0, 1);
    for (unsigned i = 0; i < 4; i++)
        reads(1, PAGES(0x200 + i), i + 1);
    reads(1, BASE, 1);
    old = frame(1, BASE);
    assert_int_equal(old->mapcount, 3);
    CALL(0, mm_migrate(proc(1), PAGES(0x200), PAGES(4)));
    assert_int_equal(happened(EV_MIGRATE), 4);
    assert_ptr_not_equal(frame(1, BASE), old);
    assert_ptr_equal(frame(0, BASE), frame(1, BASE));
    put(1, BASE, 5);
    for (unsigned i = 0; i < 4; i++)
        reads(0, PAGES(0x200 + i), i ? i + 1 : 5);
    CALL(0, mm_pin(proc(0), 0, BASE, true));
    CALL(0, mm_migrate(proc(1), PAGES(0x200), PAGE_SIZE));
    assert_int_equal(happened(EV_MIGRATE_REFUSED), 1);
    assert_ptr_equal(frame(1, BASE), world->pin[0].page);
    assert_int_equal(frame(1, BASE)->mapcount, 4);
    CALL(0, world_unpin(world, 0));
    finish();
}

static void test_migrate_pinned(void **state)
{
    (void)state;
    for (enum rules rules = RULES_LINUX_5_10; rules < NR_RULES; rules++) {
        pte_t before;

        start_world(rules, true);
        map_anon(0, BASE, 1);
        put(0, BASE, 1);
        CALL(0, mm_pin(proc(0), 0, BASE, true));
        before = entry(0, BASE);
        CALL(0, mm_migrate(proc(0), BASE, PAGE_SIZE));
        assert_int_equal(happened(EV_MIGRATE_REFUSED), 1);
        assert_int_equal((entry(0, BASE) ^ before) & ~(pte_t)PTE_DIRTY, 0);
        assert_int_equal((frame(0, BASE)->flags & PG_EXCLUSIVE) != 0, rules >= RULES_LINUX_6_1);
        CALL(0, world_unpin(world, 0));
        world_begin(world, 1); /* no frame to go to */
        assert_int_equal(mm_migrate(proc(0), BASE, PAGE_SIZE), 0);
        reads(0, BASE, 1);
        finish();
    }
}

static void test_walk_stops_early(void **state)
{
    (void)state;
    start_world(RULES_LINUX_6_1, true);
    map_anon(0, BASE, 1);
    put(0, BASE, 1);
    fork_to(0, 1);
    world->fault = F_WALK_STOPS_EARLY;
    CALL(0, mm_migrate(proc(0), BASE, PAGE_SIZE));
    assert_int_equal(world->fault_triggered, 1);
    assert_true((entry(0, BASE) | entry(1, BASE)) & PTE_MIGRATION);
}

/* ---- walks that change flags ---- */
static void test_flags(void **state)
{
    (void)state;
    start_world(RULES_LINUX_6_18, true);
    map_file(BASE, RW, MAP_SHARED);
    put(0, BASE, 1);
    fork_to(0, 1);
    put(1, BASE, 2);
    CALL(0, mm_rmap_walk(proc(0), BASE, PAGES(4), RMAP_REFERENCED));
    assert_int_equal((entry(0, BASE) | entry(1, BASE)) & PTE_YOUNG, 0);
    CALL(0, mm_rmap_walk(proc(0), BASE, PAGES(4), RMAP_MKCLEAN));
    assert_int_equal((entry(0, BASE) | entry(1, BASE)) & (PTE_WRITE | PTE_DIRTY), 0);
    put(0, BASE, 3);
    reads(1, BASE, 3);
    finish();
}

/* ---- forced writes ---- */
static void force_scene(void)
{
    start_world(RULES_LINUX_6_1, true);
    map_file(BASE, RW, MAP_SHARED);
    put(0, BASE, 1);
    map_file(PAGES(0x200), PROT_READ, MAP_PRIVATE);
}

static void test_force(void **state)
{
    (void)state;
    for (unsigned race = 0; race < 2; race++) {
        force_scene();
        CALL(0, mm_force_write(proc(0), PAGES(0x200), 9, race));
        reads(0, PAGES(0x200), 9);
        reads(0, BASE, 1);
        assert_non_null(vma_lookup(proc(0), PAGES(0x200))->anon_vma);
        CALL(0, mm_force_write(proc(0), BASE, 8, race)); /* as any write */
        reads(0, BASE, 8);
        CALL(-EFAULT, mm_force_write(proc(0), PAGES(0x300), 9, race));
        CALL(0, mm_mprotect(proc(0), BASE, PAGES(4), PROT_READ));
        CALL(-EFAULT, mm_force_write(proc(0), BASE, 7, race));
        finish();
    }
    force_scene();
    CALL(0, mm_mlock(proc(0), PAGES(0x200), PAGES(4)));
    CALL(0, mm_force_write(proc(0), PAGES(0x200), 9, true)); /* nothing is dropped */
    reads(0, PAGES(0x200), 9);
    finish();
}

static void test_dirty_cow(void **state)
{
    (void)state;
    force_scene();
    world->fault = F_DIRTY_COW;
    CALL(0, mm_force_write(proc(0), PAGES(0x200), 9, false));
    assert_int_equal(world->fault_reached, 0);
    CALL(0, mm_force_write(proc(0), PAGES(0x201), 9, true));
    assert_int_equal(world->fault_triggered, 1);
    reads(0, BASE + PAGE_SIZE, 9); /* the file itself */
}

/* ---- locks ---- */
static void locks_break(enum fault_id fault, const char *how)
{
    start_world(RULES_LINUX_6_18, true);
    map_file(BASE, RW, MAP_PRIVATE);
    put(0, BASE, 1);
    world->fault = fault;
    world_begin(world, 0);
    assert_int_equal(mm_munmap(proc(0), BASE + PAGES(2), PAGES(2)), 0);
    assert_int_equal(world->fault_triggered, 1);
    assert_non_null(world->locks.broken);
    assert_string_equal(world->locks.broken, how);
    CALL(0, mm_munmap(proc(0), BASE, PAGES(2)));
}

static void test_locks(void **state)
{
    (void)state;
    locks_break(F_CLONE_UNLOCKED, "an anon_vma's tree used without its root's lock");
    locks_break(F_LOCK_ORDER, "i_mmap lock taken inside of another");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pin_answers),    cmocka_unit_test(test_pin_file),
        cmocka_unit_test(test_pin_reclaim),    cmocka_unit_test(test_missing_swap_free),
        cmocka_unit_test(test_migrate_anon),   cmocka_unit_test(test_migrate_file),
        cmocka_unit_test(test_migrate_pinned), cmocka_unit_test(test_walk_stops_early),
        cmocka_unit_test(test_flags),          cmocka_unit_test(test_force),
        cmocka_unit_test(test_dirty_cow),      cmocka_unit_test(test_locks),
    };

    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
