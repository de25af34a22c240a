/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where equal pages and huge pages meet: parts are merged after a split, collapse copies what was
 * merged, and the head is young and idle for all parts.
 */
#include "oracles/oracles.h"
#include "tests/calls.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK PAGES(0x400)
#define OTHER PAGES(0x800)
#define ONES UINT64_C(0x1111111111111111)
#define SIZE PAGES(HPAGE_PAGES)

static void quiet(void)
{
    struct verdict v = {.law = LAW_NONE};

    if (!laws_full(world, &v))
        fail_msg("%s (%s): %s", law_table[v.law].name, v.site, v.text);
}

static bool is_huge(unsigned n, uintptr_t addr)
{
    return entry(n, addr) & PTE_HUGE;
}

static void scan(unsigned n, uintptr_t addr, size_t pages, bool zero)
{
    CALL(0, mm_ksm(proc(n), addr, PAGES(pages), zero));
    quiet();
}

/* Two huge pages, each with its first part full of ones, and all of it mergeable. */
static void start(enum rules rules)
{
    start_world(rules, true);
    for (unsigned i = 0; i < 2; i++) {
        const uintptr_t at = i ? OTHER : BLOCK;

        map_anon(0, at, HPAGE_PAGES);
        CALL(0, mm_madvise(proc(0), at, SIZE, MADV_HUGEPAGE));
        CALL(0, mm_madvise(proc(0), at, SIZE, MADV_MERGEABLE));
        put(0, at, ONES);
        assert_true(is_huge(0, at));
    }
}

/* Looking at it splits nothing; what has an equal is split in all processes. */
static void parts_are_merged(void **state)
{
    (void)state;
    for (enum rules r = 0; r < NR_RULES; r++) {
        start(r);
        fork_to(0, 1);
        scan(0, BLOCK, 1, false);
        assert_true(is_huge(0, BLOCK));
        put(0, OTHER, ONES); /* its own again */
        scan(0, OTHER, 1, false);
        assert_false(is_huge(0, BLOCK) || is_huge(1, BLOCK) || is_huge(0, OTHER));
        assert_int_equal(frame(0, BLOCK)->flags & (PG_HEAD | PG_TAIL), 0);
        assert_ptr_equal(frame(0, BLOCK), frame(0, OTHER));
        assert_non_null(page_ksm_node(frame(0, OTHER)));
        put(0, OTHER, 5);
        reads(0, BLOCK, ONES);
        reads(1, OTHER, ONES);
        quiet();
        finish();
    }
}

/* Parts of one page may be equal, too: all that were not written are zeroes. Since 6.12 a page that
 * is split does not keep those. */
static void parts_of_one_page(void **state)
{
    (void)state;
    for (enum rules r = 0; r < NR_RULES; r++) {
        start(r);
        scan(0, BLOCK + PAGES(8), 3, false);
        if (r < RULES_LINUX_6_12) {
            assert_int_equal(frame(0, BLOCK + PAGES(8))->mapcount, 3);
            assert_ptr_equal(frame(0, BLOCK + PAGES(8)), frame(0, BLOCK + PAGES(10)));
        } else {
            assert_true(entry(0, BLOCK + PAGES(8)) & PTE_SPECIAL);
        }
        assert_true(is_huge(0, OTHER));
        scan(0, OTHER + PAGES(8), 1, true);
        assert_int_equal(is_huge(0, OTHER), 0);
        assert_int_equal((entry(0, OTHER + PAGES(8)) & PTE_SPECIAL) != 0, r >= RULES_LINUX_5_10);
        finish();
    }
}

static void pinned_ones_are_passed_over(void **state)
{
    (void)state;
    for (enum rules r = RULES_LINUX_5_10; r < NR_RULES; r++) {
        start(r);
        CALL(0, mm_pin(proc(0), 0, BLOCK + PAGES(1), true));
        scan(0, BLOCK, 4, true);
        assert_true(is_huge(0, BLOCK));
        CALL(0, world_unpin(world, 0));
        finish();
    }
}

/* A copy is made, and nobody maps the KSM page any more. */
static void collapse_copies(void **state)
{
    (void)state;
    for (enum rules r = 0; r < NR_RULES; r++) {
        start(r);
        put(0, BLOCK + PAGES(1), 7); /* some page has to be writable */
        put(0, OTHER + PAGES(1), 8);
        scan(0, BLOCK, 1, false);
        scan(0, OTHER, 1, false);
        for (unsigned i = 0; i < 2; i++) {
            CALL(0, mm_khugepaged(proc(0), i ? OTHER : BLOCK, SIZE));
            quiet();
            assert_true(is_huge(0, i ? OTHER : BLOCK));
            assert_int_equal(live(POOL_KSM_NODE), !i);
        }
        reads(0, BLOCK, ONES);
        reads(0, OTHER, ONES);
        finish();
    }
}

static void heads_are_idle(void **state)
{
    struct page *head;

    (void)state;
    start(RULES_LINUX_6_18);
    put(0, BLOCK + PAGES(8), 7);
    fork_to(0, 1);
    head = frame(0, BLOCK);
    CALL(0, mm_rmap_walk(proc(1), BLOCK, SIZE, RMAP_IDLE_SET));
    assert_int_equal(head->flags & (PG_IDLE | PG_YOUNG), PG_IDLE | PG_YOUNG);
    assert_false(entry(0, BLOCK) & PTE_YOUNG);
    CALL(0, mm_madvise(proc(1), BLOCK + PAGES(4), PAGES(1), MADV_DONTNEED)); /* entries of parts */
    CALL(0, mm_rmap_walk(proc(1), BLOCK + PAGES(5), PAGES(1), RMAP_REFERENCED));
    assert_int_equal(head->flags & (PG_IDLE | PG_YOUNG), PG_IDLE);
    reads(0, BLOCK + PAGES(9), 0);
    CALL(0,
         mm_rmap_walk(proc(1), BLOCK + PAGES(9), PAGES(1), RMAP_IDLE_GET)); /* nobody's business */
    assert_int_equal(head->flags & (PG_IDLE | PG_YOUNG), PG_IDLE);
    CALL(0, mm_rmap_walk(proc(1), BLOCK, PAGES(1), RMAP_IDLE_GET));
    assert_int_equal(head->flags & (PG_IDLE | PG_YOUNG), PG_YOUNG);
    quiet();
    CALL(0, mm_migrate(proc(1), BLOCK + PAGES(7), PAGES(1)));
    assert_true(frame(0, BLOCK)->flags & PG_YOUNG);
    assert_true(frame(0, BLOCK + PAGES(8))->flags & PG_YOUNG);
    quiet();
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_merged),
        cmocka_unit_test(parts_of_one_page),
        cmocka_unit_test(pinned_ones_are_passed_over),
        cmocka_unit_test(collapse_copies),
        cmocka_unit_test(heads_are_idle),
    };

    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
