/* SPDX-License-Identifier: GPL-2.0-only */
/* Huge pages: what becomes of one when it is faulted in, split, shared, moved, put together. */
#include "tests/world.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK PAGES(0x400) /* aligned to HPAGE_SIZE */
#define OTHER PAGES(0x800)

#define CALL(expected, call)                                                                       \
    do {                                                                                           \
        world_begin(world, 0);                                                                     \
        assert_int_equal(call, expected);                                                          \
        assert_null(world->locks.broken);                                                          \
    } while (0)

static struct mm *proc(unsigned n)
{
    return world->proc[n];
}

/* Process 0 with two blocks of memory that may be huge. */
static void start(enum rules rules)
{
    start_world(rules, true);
    CALL((long)BLOCK, mm_mmap(proc(0), BLOCK, PAGES(1024), RW, ANON, -1, 0));
    CALL(0, mm_madvise(proc(0), BLOCK, PAGES(1024), MADV_HUGEPAGE));
}

static void put(unsigned n, uintptr_t addr, uint64_t stamp)
{
    CALL(0, mm_access(proc(n), addr, PROT_WRITE, false, stamp));
}

static void see(unsigned n, uintptr_t addr, long contents)
{
    CALL(contents, mm_access(proc(n), addr, PROT_READ, false, 0));
}

static void fork_child(void)
{
    CALL(0, mm_fork(proc(0), 1));
}

static struct page *page_at(unsigned n, uintptr_t addr)
{
    return page_of_pte(world, mm_pte(proc(n), addr));
}

static bool is_huge(unsigned n, uintptr_t addr)
{
    return mm_pte(proc(n), addr) & PTE_HUGE;
}

static uint32_t live(enum pool_id id)
{
    return world->pool[id].nlive;
}

static unsigned deposited(unsigned n)
{
    const struct page_table *first = (void *)world->pool[POOL_TABLE].base;
    unsigned count = 0;

    for (const struct page_table *t = proc(n)->deposited; t;
         t = t->entry[0] ? first + (t->entry[0] - 1) : NULL)
        count++;
    return count;
}

/* ---- faults ---- */
static void test_first_write(void **state)
{
    (void)state;
    for (enum rules r = 0; r < NR_RULES; r++) {
        struct page *page;

        start(r);
        put(0, BLOCK + PAGES(3), 7);
        page = page_at(0, BLOCK + PAGES(3));
        assert_true(is_huge(0, BLOCK));
        assert_ptr_equal(page_head(world, page), page_at(0, BLOCK));
        assert_int_equal(page - page_at(0, BLOCK), 3);
        assert_int_equal(page_mapcount(world, page), 1);
        assert_int_equal(page_head(world, page)->refcount, 1);
        assert_int_equal(proc(0)->rss[MM_ANONPAGES], HPAGE_PAGES);
        assert_int_equal(deposited(0), 1);
        assert_int_equal(live(POOL_HUGE), 1);
        assert_int_equal(live(POOL_PAGE), 0);
        see(0, BLOCK + PAGES(3), 7);
        see(0, BLOCK + PAGES(4), 0);
    }
}

/* Only where the whole block is in the VMA, and nobody waits for the fault. */
static void test_small_instead(void **state)
{
    (void)state;
    start(RULES_LINUX_6_18);
    CALL(0, mm_munmap(proc(0), BLOCK, PAGES(1)));
    put(0, BLOCK + PAGES(5), 7);
    assert_false(is_huge(0, BLOCK + PAGES(5)));
    CALL(0, uffd_create(world, 0, proc(0)));
    CALL(0, uffd_register(world, 0, BLOCK + HPAGE_SIZE, HPAGE_SIZE, UFFDIO_REGISTER_MODE_MISSING));
    put(0, BLOCK + HPAGE_SIZE, 7);
    assert_false(is_huge(0, BLOCK + HPAGE_SIZE));
}

/* Allocations of the first write: tables, chain and anon_vma, the page, the table kept for it. */
static void test_no_memory(void **state)
{
    int small = 0, refused = 0;

    (void)state;
    for (unsigned nth = 1; nth <= 8; nth++) {
        long err;

        start(RULES_LINUX_6_18);
        world_begin(world, nth);
        err = mm_access(proc(0), BLOCK, PROT_WRITE, false, 7);
        assert_true(err == 0 || err == -ENOMEM);
        refused += err != 0;
        small += err == 0 && !is_huge(0, BLOCK);
        see(0, BLOCK, err ? 0 : 7);
        CALL(0, mm_exit(proc(0)));
        assert_int_equal(live(POOL_HUGE) + live(POOL_TABLE) + live(POOL_PAGE), 0);
    }
    assert_int_equal(small, 1);
    assert_int_equal(refused, 6);
}

static void test_zeroes(void **state)
{
    (void)state;
    for (enum rules r = 0; r < NR_RULES; r++) {
        const bool huge = r == RULES_LINUX_4_4 || r == RULES_LINUX_6_18;

        start(r);
        see(0, BLOCK + PAGES(9), 0);
        assert_true(is_huge(0, BLOCK));
        assert_null(page_at(0, BLOCK));
        assert_non_null(find_vma(proc(0), BLOCK)->anon_vma);
        assert_int_equal(proc(0)->rss[MM_ANONPAGES], 0);
        put(0, BLOCK + PAGES(9), 7);
        assert_int_equal(is_huge(0, BLOCK), huge);
        assert_int_equal(proc(0)->rss[MM_ANONPAGES], huge ? HPAGE_PAGES : 1);
        assert_int_equal(deposited(0), huge);
        see(0, BLOCK + PAGES(9), 7);
        see(0, BLOCK + PAGES(8), 0);
    }
}

/* ---- parts ---- */
static void test_partial_unmap(void **state)
{
    struct page *head;

    (void)state;
    start(RULES_LINUX_6_1);
    put(0, BLOCK, 7);
    put(0, BLOCK + PAGES(511), 8);
    head = page_at(0, BLOCK);
    CALL(0, mm_munmap(proc(0), BLOCK, PAGES(2)));
    assert_int_equal(head->entire_mapcount, 0);
    assert_int_equal(head->refcount, HPAGE_PAGES - 2);
    assert_int_equal(head->mapcount, 0);
    assert_int_equal(head[2].mapcount, 1);
    assert_true(head[2].flags & PG_EXCLUSIVE);
    assert_int_equal(deposited(0), 0);
    assert_int_equal(proc(0)->rss[MM_ANONPAGES], HPAGE_PAGES - 2);
    see(0, BLOCK + PAGES(511), 8);
    CALL(0, mm_munmap(proc(0), BLOCK, PAGES(512)));
    assert_int_equal(live(POOL_HUGE), 0);
}

static void test_bounds(void **state)
{
    (void)state;
    start(RULES_LINUX_6_18);
    put(0, BLOCK, 7);
    put(0, BLOCK + HPAGE_SIZE, 8);
    CALL(0, mm_mprotect(proc(0), BLOCK, HPAGE_SIZE, PROT_READ));
    assert_true(is_huge(0, BLOCK));
    assert_false(mm_pte(proc(0), BLOCK) & PTE_WRITE);
    CALL(0, mm_mlock2(proc(0), BLOCK + HPAGE_SIZE + PAGES(1), PAGES(1), MLOCK_ONFAULT));
    assert_false(is_huge(0, BLOCK + HPAGE_SIZE));
    assert_true(page_at(0, BLOCK + HPAGE_SIZE)->flags & PG_MLOCKED);
    CALL(0, mm_munlock(proc(0), BLOCK + HPAGE_SIZE + PAGES(1), PAGES(1)));
    assert_false(page_at(0, BLOCK + HPAGE_SIZE)->flags & PG_MLOCKED);
}

static void test_dontneed(void **state)
{
    (void)state;
    start(RULES_LINUX_6_18);
    put(0, BLOCK, 7);
    CALL(0, mm_madvise(proc(0), BLOCK, HPAGE_SIZE, MADV_DONTNEED));
    assert_int_equal(live(POOL_HUGE), 0);
    assert_int_equal(deposited(0), 0);
    assert_int_equal(proc(0)->rss[MM_ANONPAGES], 0);
    see(0, BLOCK, 0);
    assert_true(is_huge(0, BLOCK));
}

/* ---- fork ---- */
static void test_fork(void **state)
{
    (void)state;
    for (enum rules r = 0; r < NR_RULES; r++) {
        struct page *head;

        start(r);
        put(0, BLOCK, 7);
        fork_child();
        head = page_at(1, BLOCK);
        assert_ptr_equal(head, page_at(0, BLOCK));
        assert_int_equal(head->entire_mapcount, 2);
        assert_int_equal(head->refcount, 2);
        assert_false(head->flags & PG_EXCLUSIVE);
        assert_int_equal(proc(1)->rss[MM_ANONPAGES], HPAGE_PAGES);
        put(1, BLOCK + PAGES(1), 8);
        assert_int_equal(is_huge(1, BLOCK), r == RULES_LINUX_4_4);
        see(0, BLOCK + PAGES(1), 0);
        see(1, BLOCK + PAGES(1), 8);
        see(1, BLOCK, 7);
        CALL(0, mm_exit(proc(1)));
        put(0, BLOCK + PAGES(1), 9); /* alone again */
        assert_true(is_huge(0, BLOCK));
        assert_ptr_equal(page_at(0, BLOCK), head);
    }
}

/* What a device works on stays its owner's: the child has copies. */
static void test_fork_pinned(void **state)
{
    (void)state;
    start(RULES_LINUX_6_18);
    put(0, BLOCK, 7);
    CALL(0, mm_pin(proc(0), 0, BLOCK + PAGES(5), true));
    fork_child();
    assert_int_equal(live(POOL_PAGE), HPAGE_PAGES);
    CALL(0, world_device_write(world, 0, 9));
    see(0, BLOCK + PAGES(5), 9);
    see(1, BLOCK + PAGES(5), 0);
    CALL(0, mm_reclaim(proc(0), BLOCK, PAGES(2), false));
    assert_int_equal(world->events[EV_HUGE_SPLIT_REFUSED], 2);
    CALL(0, world_unpin(world, 0));
}

/* ---- moves ---- */
static void test_move(void **state)
{
    const uintptr_t odd = OTHER + PAGES(1);

    (void)state;
    for (int misaligned = 0; misaligned < 2; misaligned++) {
        const uintptr_t to = misaligned ? odd : OTHER;

        start(RULES_LINUX_6_18);
        put(0, BLOCK, 7);
        CALL((long)to,
             mm_mremap(proc(0), BLOCK, HPAGE_SIZE, HPAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, to));
        assert_int_equal(is_huge(0, to), !misaligned);
        assert_int_equal(deposited(0), !misaligned);
        assert_int_equal(page_at(0, to)->index, BLOCK >> PAGE_SHIFT);
        see(0, to, 7);
    }
}

/* ---- the page is split ---- */
static void test_reclaim(void **state)
{
    (void)state;
    start(RULES_LINUX_6_1);
    put(0, BLOCK, 7);
    put(0, BLOCK + PAGES(511), 8);
    fork_child();
    CALL(0, mm_reclaim(proc(1), BLOCK, PAGES(1), false));
    assert_int_equal(world->events[EV_HUGE_SPLIT_PAGE], 1);
    assert_true(mm_pte(proc(0), BLOCK) & PTE_SWAP);
    assert_false(is_huge(0, BLOCK + PAGES(1)) || is_huge(1, BLOCK + PAGES(1)));
    assert_int_equal(page_at(0, BLOCK + PAGES(1))->refcount, 2);
    assert_int_equal(page_at(0, BLOCK + PAGES(9))->index, (BLOCK >> PAGE_SHIFT) + 9);
    see(0, BLOCK, 7);
    see(1, BLOCK + PAGES(511), 8);
    CALL(0, mm_exit(proc(1)));
    assert_int_equal(live(POOL_HUGE), 1);
    CALL(0, mm_munmap(proc(0), BLOCK, HPAGE_SIZE));
    assert_int_equal(live(POOL_HUGE), 0);
}

static void test_lazyfree(void **state)
{
    (void)state;
    start(RULES_LINUX_6_1);
    put(0, BLOCK, 7);
    CALL(0, mm_madvise(proc(0), BLOCK, HPAGE_SIZE, MADV_FREE));
    assert_true(is_huge(0, BLOCK));
    assert_false(page_at(0, BLOCK)->flags & PG_SWAPBACKED);
    put(0, BLOCK + PAGES(1), 8); /* all of it is wanted: it is one entry */
    CALL(0, mm_reclaim(proc(0), BLOCK, PAGES(2), false));
    see(0, BLOCK, 7);
    CALL(0, mm_madvise(proc(0), BLOCK + HPAGE_SIZE, PAGES(1), MADV_FREE));
    put(0, BLOCK + HPAGE_SIZE, 9);
    CALL(0, mm_madvise(proc(0), BLOCK + HPAGE_SIZE, PAGES(1), MADV_FREE));
    assert_false(is_huge(0, BLOCK + HPAGE_SIZE));
    CALL(0, mm_reclaim(proc(0), BLOCK + HPAGE_SIZE, PAGES(1), false));
    see(0, BLOCK + HPAGE_SIZE, 0);
}

/* ---- collapse ---- */
static void test_khugepaged(void **state)
{
    (void)state;
    for (enum rules r = 0; r < NR_RULES; r++) {
        start(r);
        CALL(0, mm_madvise(proc(0), BLOCK, PAGES(1024), MADV_NOHUGEPAGE));
        put(0, BLOCK + PAGES(1), 7);
        put(0, BLOCK + PAGES(2), 8);
        fork_child();
        CALL(0, mm_reclaim(proc(0), BLOCK + PAGES(2), PAGES(1), false));
        put(0, BLOCK + PAGES(3), 9);
        CALL(0, mm_khugepaged(proc(0), BLOCK, PAGES(1024)));
        assert_false(is_huge(0, BLOCK));
        CALL(0, mm_madvise(proc(0), BLOCK, PAGES(1024), MADV_HUGEPAGE));
        CALL(0, mm_khugepaged(proc(0), BLOCK, PAGES(1024)));
        assert_true(is_huge(0, BLOCK));
        assert_false(is_huge(1, BLOCK));
        assert_false(is_huge(0, BLOCK + HPAGE_SIZE));
        assert_int_equal(proc(0)->rss[MM_ANONPAGES], HPAGE_PAGES);
        assert_int_equal(proc(0)->rss[MM_SWAPENTS], 0);
        assert_int_equal(deposited(0), 1);
        for (uintptr_t i = 0; i < 4; i++)
            see(0, BLOCK + PAGES(i), i ? 6 + (long)i : 0);
        see(1, BLOCK + PAGES(2), 8);
        see(1, BLOCK + PAGES(3), 0);
    }
}

static long collapse(uintptr_t addr, size_t pages)
{
    world_begin(world, 0);
    return mm_madvise(proc(0), addr, PAGES(pages), MADV_COLLAPSE);
}

static void test_collapse_answers(void **state)
{
    (void)state;
    start(RULES_LINUX_5_10);
    assert_int_equal(collapse(BLOCK, 512), -EINVAL);
    start(RULES_LINUX_6_1);
    assert_int_equal(collapse(BLOCK, 512), -EINVAL); /* unfaulted */
    put(0, BLOCK + HPAGE_SIZE, 7);
    assert_int_equal(collapse(BLOCK, 512), -EINVAL); /* no table */
    assert_int_equal(collapse(BLOCK + HPAGE_SIZE, 512), 0);
    assert_int_equal(collapse(BLOCK + HPAGE_SIZE + PAGES(1), 1), -EINVAL);
    assert_int_equal(collapse(BLOCK + PAGES(100), 412), 0); /* none asked for */
    assert_int_equal(collapse(BLOCK + HPAGE_SIZE, 1024), -ENOMEM);
    CALL(0, mm_madvise(proc(0), BLOCK, PAGES(1024), MADV_NOHUGEPAGE));
    assert_int_equal(collapse(BLOCK + HPAGE_SIZE, 512), -EINVAL);
}

static void test_collapse_refused(void **state)
{
    (void)state;
    start(RULES_LINUX_6_18);
    CALL(0, mm_madvise(proc(0), BLOCK, PAGES(1024), MADV_NOHUGEPAGE));
    put(0, BLOCK, 7);
    CALL(0, mm_madvise(proc(0), BLOCK, PAGES(1024), MADV_HUGEPAGE));
    CALL(0, mm_pin(proc(0), 0, BLOCK, true));
    assert_int_equal(collapse(BLOCK, 512), -EAGAIN);
    CALL(0, world_unpin(world, 0));
    CALL(0, uffd_create(world, 0, proc(0)));
    CALL(0, uffd_register(world, 0, BLOCK, HPAGE_SIZE, UFFDIO_REGISTER_MODE_WP));
    assert_int_equal(collapse(BLOCK, 512), -EBUSY);
    CALL(0, uffd_unregister(world, 0, BLOCK, HPAGE_SIZE));
    world_begin(world, 1);
    assert_int_equal(mm_madvise(proc(0), BLOCK, HPAGE_SIZE, MADV_COLLAPSE), -ENOMEM);
    assert_int_equal(collapse(BLOCK, 512), 0);
    see(0, BLOCK, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_write),      cmocka_unit_test(test_small_instead),
        cmocka_unit_test(test_no_memory),        cmocka_unit_test(test_zeroes),
        cmocka_unit_test(test_partial_unmap),    cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_dontneed),         cmocka_unit_test(test_fork),
        cmocka_unit_test(test_fork_pinned),      cmocka_unit_test(test_move),
        cmocka_unit_test(test_reclaim),          cmocka_unit_test(test_lazyfree),
        cmocka_unit_test(test_khugepaged),       cmocka_unit_test(test_collapse_answers),
        cmocka_unit_test(test_collapse_refused),
    };

    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
