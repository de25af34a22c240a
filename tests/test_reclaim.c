/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Walks of the reverse map and what they are for: swap, lazily freed memory, migration, pins,
 * forced writes; and the locks that all of it takes.
 */
#include "model/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define PAGES(n) ((uintptr_t)(n) << PAGE_SHIFT)
#define BASE PAGES(0x100)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED)
#define RW (PROT_READ | PROT_WRITE)

static struct world *world;

static int setup(void **state)
{
    (void)state;
    world = world_new(0);
    return world ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    world_destroy(world);
    return 0;
}

/* ---- calls; after each, no lock is held and none was missed ---- */
static void locks_quiet(void)
{
    assert_null(world->locks.i_mmap);
    assert_null(world->locks.root);
    if (world->locks.broken)
        fail_msg("%s", world->locks.broken);
}

#define CALL(expected, call)                                                                       \
    do {                                                                                           \
        world_begin(world, 0);                                                                     \
        assert_int_equal(call, expected);                                                          \
        locks_quiet();                                                                             \
    } while (0)

static void start(enum rules rules)
{
    struct world_config config = world_config_default;

    config.rules = rules;
    config.privileged = true;
    world->fault = F_NONE;
    assert_int_equal(world_reset(world, &config), 0);
}

static struct mm *proc(unsigned n)
{
    return world->proc[n];
}

static void map_anon(unsigned n, uintptr_t addr, size_t pages)
{
    CALL((long)addr, mm_mmap(proc(n), addr, PAGES(pages), RW, ANON, -1, 0));
}

/* A file of 8 pages as descriptor 0, of which 4 are mapped. */
static void map_file(uintptr_t addr, int prot, int flags)
{
    if (!world->fd[0])
        CALL(0, file_open(world, 0, FILE_REGULAR, FMODE_READ | FMODE_WRITE, 8));
    CALL((long)addr, mm_mmap(proc(0), addr, PAGES(4), prot, flags | MAP_FIXED, 0, 0));
}

static void put(unsigned n, uintptr_t addr, uint64_t stamp)
{
    CALL(0, mm_access(proc(n), addr, PROT_WRITE, false, stamp));
}

static void reads(unsigned n, uintptr_t addr, uint64_t stamp)
{
    CALL((long)stamp, mm_access(proc(n), addr, PROT_READ, false, 0));
}

static void fork_to(unsigned from, unsigned to)
{
    CALL(0, mm_fork(proc(from), to));
}

static void reclaim(unsigned n, uintptr_t addr, size_t pages, bool keep)
{
    CALL(0, mm_reclaim(proc(n), addr, PAGES(pages), keep));
}

/* ---- what there is ---- */
static pte_t entry(unsigned n, uintptr_t addr)
{
    return mm_pte(proc(n), addr);
}

static struct page *frame(unsigned n, uintptr_t addr)
{
    struct page *page = page_of_pte(world, entry(n, addr));

    assert_non_null(page);
    return page;
}

static struct swap_slot *slot(unsigned n, uintptr_t addr)
{
    assert_true(entry(n, addr) & PTE_SWAP);
    return slot_of_pte(world, entry(n, addr));
}

static uint32_t live(enum pool_id id)
{
    return world->pool[id].nlive;
}

static uint32_t happened(enum event ev)
{
    return world->events[ev];
}

/* Nothing outlives the last process. */
static void finish(void)
{
    world_exit(world);
    locks_quiet();
    for (enum pool_id id = 0; id < NR_POOLS; id++)
        if (live(id))
            fail_msg("%u left of %s", live(id), world->pool[id].name);
}

/* ---- swap ---- */
static void test_round_trip(void **state)
{
    (void)state;
    for (enum rules rules = 0; rules < NR_RULES; rules++) {
        start(rules);
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
    start(RULES_LINUX_6_1);
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
        start(rules);
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
    start(RULES_LINUX_6_18);
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
        start(RULES_LINUX_6_18);
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
    start(RULES_LINUX_6_18);
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
    start(RULES_LINUX_6_18);
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
    start(RULES_LINUX_6_18);
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
        start(rules);
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
    start(RULES_LINUX_6_18);
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
        start(rules);
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
    start(RULES_LINUX_6_18);
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

static void test_lazyfree_pinned(void **state)
{
    (void)state;
    for (unsigned faulty = 0; faulty < 2; faulty++) {
        start(RULES_LINUX_6_18);
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

/* ---- pins ---- */
static void test_pin_answers(void **state)
{
    (void)state;
    start(RULES_LINUX_4_4);
    map_anon(0, BASE, 1);
    CALL(-EOPNOTSUPP, mm_pin(proc(0), 0, BASE, false));
    start(RULES_LINUX_6_1);
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
    start(RULES_LINUX_5_10);
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

        start(rules);
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
    start(RULES_LINUX_6_1);
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
        start(rules);
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
    start(RULES_LINUX_6_18);
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

        start(rules);
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
    start(RULES_LINUX_6_1);
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
    start(RULES_LINUX_6_18);
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
    start(RULES_LINUX_6_1);
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
    start(RULES_LINUX_6_18);
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
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_exclusive),
        cmocka_unit_test(test_swap_cache),
        cmocka_unit_test(test_locked),
        cmocka_unit_test(test_mlocked_fork),
        cmocka_unit_test(test_mlocked_file),
        cmocka_unit_test(test_mlock_faults),
        cmocka_unit_test(test_loses_dirty),
        cmocka_unit_test(test_swapoff),
        cmocka_unit_test(test_swapoff_without_vmas),
        cmocka_unit_test(test_lazyfree),
        cmocka_unit_test(test_lazyfree_shared),
        cmocka_unit_test(test_lazyfree_pinned),
        cmocka_unit_test(test_pin_answers),
        cmocka_unit_test(test_pin_file),
        cmocka_unit_test(test_pin_reclaim),
        cmocka_unit_test(test_missing_swap_free),
        cmocka_unit_test(test_migrate_anon),
        cmocka_unit_test(test_migrate_file),
        cmocka_unit_test(test_migrate_pinned),
        cmocka_unit_test(test_walk_stops_early),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_force),
        cmocka_unit_test(test_dirty_cow),
        cmocka_unit_test(test_locks),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
