/* SPDX-License-Identifier: GPL-2.0-only */
/* Walks of the reverse map that unmap: swap, locked pages, lazily freed memory. */
#include "tests/calls.h"

/* ---- swap ---- */
static void test_round_trip(void **state)
{
    (void)state;
    for (enum rules rules = 0; rules < NR_RULES; rules++) {
        start_world(rules, true);
        map_anon(0, BASE, 2);
        put(0, BASE, 11);
        put(0, BASE + PAGE_SIZE, 12);
        fork_to(0, 1);
        fork_to(1, 2);
        assert_int_equal(frame(0, BASE)->mapcount, 3);
        reclaim(1, BASE, 1, false); /* from the middle: it is shared with both sides */
        assert_int_equal(slot(0, BASE)->count, 3);
        assert_ptr_equal(slot(0, BASE), slot(2, BASE));
        assert_null(slot(0, BASE)->page);
        assert_int_equal(slot(0, BASE)->stamp, 11);
        assert_int_equal(live(POOL_PAGE), 1);
        assert_int_equal(proc(2)->rss[MM_SWAPENTS], 1);
        assert_int_equal(proc(2)->rss[MM_ANONPAGES], 1);
        put(1, BASE, 22);
        assert_int_equal(slot(0, BASE)->count, 2);
        reads(0, BASE, 11);
        reads(2, BASE, 11);
        reads(1, BASE, 22);
        assert_int_equal(proc(2)->rss[MM_SWAPENTS], 0);
        CALL(0, mm_exit(proc(0)));
        reclaim(2, BASE, 2, false);
        reads(2, BASE, 11);
        reads(1, BASE + PAGE_SIZE, 12);
        finish();
    }
}

/* Exclusive memory comes back exclusive, and with it the right to be written at once. */
static void test_exclusive(void **state)
{
    (void)state;
    start_world(RULES_LINUX_6_1, true);
    map_anon(0, BASE, 1);
    put(0, BASE, 1);
    reclaim(0, BASE, 1, false);
    assert_true(entry(0, BASE) & PTE_EXCLUSIVE);
    reads(0, BASE, 1);
    assert_true(frame(0, BASE)->flags & PG_EXCLUSIVE);
    reclaim(0, BASE, 1, false);
    fork_to(0, 1);
    assert_false(entry(0, BASE) & PTE_EXCLUSIVE);
    reads(0, BASE, 1);
    assert_false(frame(0, BASE)->flags & PG_EXCLUSIVE);
    finish();
}

static void test_swap_cache(void **state)
{
    struct page *page;

    (void)state;
    for (enum rules rules = 0; rules < NR_RULES; rules++) {
        start_world(rules, true);
        map_anon(0, BASE, 1);
        put(0, BASE, 1);
        page = frame(0, BASE);
        reclaim(0, BASE, 1, true);
        assert_ptr_equal(slot(0, BASE)->page, page);
        assert_int_equal(slot(0, BASE)->stamp, 1);
        assert_int_equal(page->flags & (PG_SWAPCACHE | PG_DIRTY), PG_SWAPCACHE);
        assert_int_equal(page->refcount, 1);
        reads(0, BASE, 1);
        assert_ptr_equal(frame(0, BASE), page);
        assert_int_equal(happened(EV_SWAPIN_CACHE), 1);
        put(0, BASE, 2); /* the slot's copy is stale now */
        reclaim(0, BASE, 1, true);
        reclaim(0, BASE, 1, false); /* what was kept goes */
        assert_null(slot(0, BASE)->page);
        assert_int_equal(live(POOL_PAGE), 0);
        assert_int_equal(happened(EV_RECLAIM_KEPT), 2);
        assert_int_equal(happened(EV_RECLAIM_FREED), 1);
        reads(0, BASE, 2);
        reclaim(0, BASE, 1, true);
        CALL(0, mm_munmap(proc(0), BASE, PAGE_SIZE));
        assert_int_equal(live(POOL_SLOT) + live(POOL_PAGE), 0);
        finish();
    }
}

/* Where one process has locked the page, it stays, and the others find it in the swap cache. */
static void test_locked(void **state)
{
    (void)state;
    start_world(RULES_LINUX_6_18, true);
    map_anon(0, BASE, 1);
    put(0, BASE, 1);
    fork_to(0, 1);
    CALL(0, mm_mlock2(proc(1), BASE, PAGE_SIZE, MLOCK_ONFAULT));
    reclaim(0, BASE, 1, false);
    assert_true(entry(1, BASE) & PTE_PRESENT);
    assert_int_equal(happened(EV_RECLAIM_REFUSED), 1);
    reads(0, BASE, 1);
    put(0, BASE, 2);
    reads(1, BASE, 1);
    finish();
}

static bool mlocked(unsigned n, uintptr_t addr)
{
    return frame(n, addr)->flags & PG_MLOCKED;
}

/* Two processes lock one page: it is locked until both have let go. */
static void test_mlocked_fork(void **state)
{
    (void)state;
    for (unsigned unmaps = 0; unmaps < 2; unmaps++) {
        start_world(RULES_LINUX_6_18, true);
        map_anon(0, BASE, 1);
        put(0, BASE, 1);
        CALL(0, mm_mlock(proc(0), BASE, PAGE_SIZE));
        fork_to(0, 1); /* not locked */
        CALL(0, mm_mlock2(proc(1), BASE, PAGE_SIZE, MLOCK_ONFAULT));
        fork_to(0, 2);
        if (unmaps)
            CALL(0, mm_exit(proc(0)));
        else
            CALL(0, mm_munlock(proc(0), BASE, PAGE_SIZE));
        assert_int_equal(happened(EV_MUNLOCK_KEPT), 1);
        reclaim(2, BASE, 1, false);
        assert_int_equal(happened(EV_RECLAIM_REFUSED), 1);
        assert_true(mlocked(2, BASE));
        if (unmaps)
            CALL(0, mm_munmap(proc(1), BASE, PAGE_SIZE));
        else
            CALL(0, mm_munlockall(proc(1)));
        assert_int_equal(happened(EV_MUNLOCK_CLEARED), 1);
        assert_false(mlocked(2, BASE));
        reclaim(2, BASE, 1, false);
        assert_int_equal(happened(EV_RECLAIM_FREED), 1);
        reads(2, BASE, 1);
        finish();
    }
}

/* Two VMAs of one process, of which one may have the page for itself. */
static void test_mlocked_file(void **state)
{
    (void)state;
    start_world(RULES_LINUX_6_18, true);
    map_file(BASE, RW, MAP_SHARED);
    map_file(PAGES(0x200), RW, MAP_PRIVATE);
    reads(0, PAGES(0x200), 0);
    CALL(0, mm_mlock2(proc(0), PAGES(0x200), PAGES(4), MLOCK_ONFAULT));
    put(0, BASE, 1);
    assert_true(mlocked(0, BASE));
    put(0, PAGES(0x200), 2); /* a copy of its own, which is locked instead */
    assert_false(mlocked(0, BASE));
    assert_true(mlocked(0, PAGES(0x200)));
    CALL(0, mm_mlock(proc(0), BASE, PAGES(4)));
    for (unsigned i = 1; i < 4; i++)
        reads(0, PAGES(0x200 + i), 0);
    CALL(0, mm_migrate(proc(0), BASE, PAGES(4)));
    CALL(0, mm_munmap(proc(0), PAGES(0x200), PAGES(3)));
    assert_int_equal(happened(EV_MUNLOCK_KEPT), 2);
    assert_true(mlocked(0, BASE) && mlocked(0, BASE + PAGES(1)) && mlocked(0, BASE + PAGES(3)));
    CALL(0, mm_munlock(proc(0), BASE, PAGES(4)));
    assert_int_equal(happened(EV_MUNLOCK_KEPT), 3);
    assert_false(mlocked(0, BASE) || mlocked(0, BASE + PAGES(1)));
    assert_true(mlocked(0, BASE + PAGES(3)));
    fork_to(0, 1);
    CALL(0, mm_madvise(proc(1), BASE, PAGES(4), MADV_REMOVE)); /* under the lock of i_mmap */
    assert_int_equal(entry(0, PAGES(0x203)), 0);
    finish();
}

static void test_mlock_faults(void **state)
{
    (void)state;
    start_world(RULES_LINUX_6_18, true);
    map_anon(0, BASE, 1);
    put(0, BASE, 1);
    fork_to(0, 1);
    world->fault = F_MLOCK_MISSES_PRESENT;
    CALL(0, mm_mlock2(proc(0), BASE, PAGE_SIZE, MLOCK_ONFAULT));
    assert_int_equal(world->fault_triggered, 1);
    assert_false(mlocked(0, BASE));
    world->fault = F_MUNLOCK_SKIPS_WALK;
    world->fault_triggered = 0;
    CALL(0, mm_mlock2(proc(1), BASE, PAGE_SIZE, MLOCK_ONFAULT));
    assert_true(mlocked(1, BASE));
    CALL(0, mm_munlock(proc(0), BASE, PAGE_SIZE));
    assert_int_equal(world->fault_triggered, 1);
    assert_false(mlocked(1, BASE));
}

/* Nothing but the entry knows that the page was written after it came back. */
static void test_loses_dirty(void **state)
{
    (void)state;
    start_world(RULES_LINUX_6_18, true);
    for (unsigned faulty = 0; faulty < 2; faulty++) {
        world->fault = faulty ? F_SWAP_LOSES_DIRTY : F_NONE;
        map_anon(0, BASE, 1);
        put(0, BASE, 1);
        reclaim(0, BASE, 1, false);
        reads(0, BASE, 1);
        put(0, BASE, 2);
        reclaim(0, BASE, 1, false);
        reads(0, BASE, faulty ? 1 : 2);
    }
    assert_int_equal(world->fault_triggered, 1);
}

static void test_swapoff(void **state)
{
    (void)state;
    for (enum rules rules = 0; rules < NR_RULES; rules++) {
        start_world(rules, true);
        map_anon(0, BASE, 3);
        for (unsigned i = 0; i < 3; i++)
            put(0, BASE + PAGES(i), i + 1);
        fork_to(0, 1);
        CALL(0, mm_fork(proc(0), 2));
        CALL(0, mm_munmap(proc(2), 0, proc(2)->task_size));
        put(1, BASE, 4);
        reclaim(0, BASE, 3, false);
        reclaim(1, BASE, 2, true);
        world_begin(world, 2); /* the first page comes, the second does not */
        assert_int_equal(world_swapoff(world), -ENOMEM);
        locks_quiet();
        assert_int_equal(happened(EV_SWAPOFF_PAGE), 1);
        CALL(0, world_swapoff(world));
        assert_int_equal(live(POOL_SLOT), 0);
        assert_int_equal(proc(0)->rss[MM_SWAPENTS] + proc(1)->rss[MM_SWAPENTS], 0);
        assert_true(frame(0, BASE)->flags & PG_DIRTY);
        assert_ptr_equal(frame(0, BASE + PAGES(2)), frame(1, BASE + PAGES(2)));
        for (unsigned i = 0; i < 3; i++) {
            reads(0, BASE + PAGES(i), i + 1);
            reads(1, BASE + PAGES(i), i ? i + 1 : 4);
        }
        finish();
    }
}

static void test_swapoff_without_vmas(void **state)
{
    sigjmp_buf on_trap;

    (void)state;
    start_world(RULES_LINUX_6_18, true);
    CALL(0, world_swapoff(world));
    world->fault = F_MM_WITHOUT_VMAS;
    if (sigsetjmp(on_trap, 0) == 0) {
        world->on_trap = &on_trap;
        world_swapoff(world);
        fail_msg("no trap");
    }
    world->on_trap = NULL;
    assert_int_equal(world->trap, TRAP_BUG);
}

/* ---- lazily freed ---- */
static void test_lazyfree(void **state)
{
    (void)state;
    for (enum rules rules = RULES_LINUX_5_10; rules < NR_RULES; rules++) {
        start_world(rules, true);
        map_anon(0, BASE, 3);
        for (unsigned i = 0; i < 3; i++)
            put(0, BASE + PAGES(i), i + 1);
        CALL(0, mm_madvise(proc(0), BASE, PAGES(3), MADV_FREE));
        reads(0, BASE, 1);
        put(0, BASE + PAGES(1), 5);
        reclaim(0, BASE, 3, false);
        assert_int_equal(happened(EV_LAZYFREE_DISCARD), 2);
        assert_int_equal(happened(EV_LAZYFREE_RESTORE), 1);
        assert_int_equal(live(POOL_PAGE), 1);
        assert_int_equal(proc(0)->rss[MM_ANONPAGES], 1);
        reads(0, BASE, 0);
        reads(0, BASE + PAGES(1), 5);
        reclaim(0, BASE, 3, false); /* it is like others now */
        reads(0, BASE + PAGES(1), 5);
        reads(0, BASE + PAGES(2), 0);
        finish();
    }
}

/* Shared with a child that has not freed it: for both it stays. */
static void lazyfree_shared(void)
{
    start_world(RULES_LINUX_6_18, true);
    map_anon(0, BASE, 2);
    put(0, BASE, 1);
    put(0, BASE + PAGE_SIZE, 2);
    fork_to(0, 1);
    put(0, BASE, 3); /* the first is writable, the second is not */
    CALL(0, mm_madvise(proc(0), BASE, PAGES(2), MADV_FREE));
}

static void test_lazyfree_shared(void **state)
{
    (void)state;
    lazyfree_shared();
    reclaim(0, BASE, 2, false);
    reads(0, BASE, 0);
    reads(0, BASE + PAGE_SIZE, 2);
    assert_false(entry(0, BASE + PAGE_SIZE) & PTE_WRITE);
    CALL(0, mm_madvise(proc(1), BASE + PAGE_SIZE, PAGE_SIZE, MADV_FREE));
    reclaim(0, BASE, 2, false);
    reads(1, BASE, 1);
    reads(1, BASE + PAGE_SIZE, 2);
    finish();
    lazyfree_shared();
    world->fault = F_LAZYFREE_RESTORE_WRITABLE;
    reclaim(0, BASE, 2, false);
    assert_true(entry(0, BASE + PAGE_SIZE) & PTE_WRITE);
    assert_int_equal(world->fault_triggered, 1);
}

/* Chosen by somebody else: what has become of BASE there, of each process. */
static enum reclaimed chosen[3];
static enum reclaimed choose(void *arg, unsigned n, uintptr_t addr)
{
    (void)arg;
    return addr == BASE ? chosen[n] : RECLAIMED_NOT;
}

static long reclaim_what_is_chosen(enum reclaimed first, enum reclaimed second)
{
    chosen[0] = first;
    chosen[1] = second;
    return world_reclaim(world, choose, NULL);
}

static void test_chosen(void **state)
{
    (void)state;
    start_world(RULES_LINUX_6_18, true);
    map_anon(0, BASE, 2);
    put(0, BASE, 1);
    put(0, BASE + PAGE_SIZE, 2);
    fork_to(0, 1);
    CALL(0, reclaim_what_is_chosen(RECLAIMED_KEPT, RECLAIMED_KEPT));
    assert_int_equal(frame(0, BASE)->mapcount, 2);
    CALL(1, reclaim_what_is_chosen(RECLAIMED_SWAP, RECLAIMED_SWAP));
    assert_int_equal(slot(1, BASE)->count, 2);
    assert_int_equal(frame(0, BASE + PAGE_SIZE)->mapcount, 2);
    reads(1, BASE, 1);
    /* nothing that has contents goes to nowhere */
    CALL(0, reclaim_what_is_chosen(RECLAIMED_NOT, RECLAIMED_NONE));
    reads(1, BASE, 1);
    finish();
}

/* One has freed it and loses it; who has not keeps it, from then on like other pages. */
static void test_chosen_freed(void **state)
{
    (void)state;
    start_world(RULES_LINUX_6_18, true);
    map_anon(0, BASE, 1);
    put(0, BASE, 1);
    fork_to(0, 1);
    CALL(0, mm_madvise(proc(0), BASE, PAGE_SIZE, MADV_FREE));
    assert_false(frame(0, BASE)->flags & PG_SWAPBACKED);
    CALL(1, reclaim_what_is_chosen(RECLAIMED_NONE, RECLAIMED_KEPT));
    assert_int_equal(entry(0, BASE), 0);
    assert_true(frame(1, BASE)->flags & PG_SWAPBACKED);
    assert_int_equal(frame(1, BASE)->mapcount, 1);
    reads(0, BASE, 0);
    reads(1, BASE, 1);
    finish();
}

static void test_lazyfree_pinned(void **state)
{
    (void)state;
    for (unsigned faulty = 0; faulty < 2; faulty++) {
        start_world(RULES_LINUX_6_18, true);
        map_anon(0, BASE, 1);
        put(0, BASE, 1);
        CALL(0, mm_pin(proc(0), 3, BASE, true));
        CALL(0, mm_madvise(proc(0), BASE, PAGE_SIZE, MADV_FREE));
        CALL(0, world_device_write(world, 3, 2));
        world->fault = faulty ? F_LAZYFREE_PINNED : F_NONE;
        reclaim(0, BASE, 1, false);
        reads(0, BASE, faulty ? 0 : 2);
        CALL(0, world_unpin(world, 3));
        if (!faulty) {
            reclaim(0, BASE, 1, false);
            reads(0, BASE, 2);
        }
        finish();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),      cmocka_unit_test(test_exclusive),
        cmocka_unit_test(test_swap_cache),      cmocka_unit_test(test_locked),
        cmocka_unit_test(test_mlocked_fork),    cmocka_unit_test(test_mlocked_file),
        cmocka_unit_test(test_mlock_faults),    cmocka_unit_test(test_loses_dirty),
        cmocka_unit_test(test_swapoff),         cmocka_unit_test(test_swapoff_without_vmas),
        cmocka_unit_test(test_lazyfree),        cmocka_unit_test(test_lazyfree_shared),
        cmocka_unit_test(test_lazyfree_pinned), cmocka_unit_test(test_chosen),
        cmocka_unit_test(test_chosen_freed),
    };

    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
