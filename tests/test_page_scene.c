/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The laws on page tables, frames and swap, all of them: quiet on what the model makes, in one
 * piece whatever is overwritten, and what their pictures show.
 */
#include "tests/page_scene.h"

static uint64_t random_state;

static uint64_t next_random(void)
{
    random_state = random_state * 6364136223846793005U + 1442695040888963407U;
    return random_state >> 33;
}

static uint64_t wild_value(void)
{
    const struct pool *pool = &world->pool[next_random() % NR_POOLS];

    switch (next_random() % 5) {
    case 0:
        return next_random() % 64;
    case 1:
        return (uint64_t)pool->base + next_random() % 4096;
    case 2:
        return (uint64_t)pool->base + next_random() % 8 * pool->size + (next_random() & 1);
    case 3:
        return next_random() % 64 << PTE_SHIFT | (next_random() & 0xff);
    default:
        return 0x6b6b6b6b6b6b6b6bUL;
    }
}

/* Words of live objects of any kind are overwritten: no law follows one into nowhere. */
static void every_law_survives(void **state)
{
    unsigned broken = 0;

    (void)state;
    random_state = 1;
    for (unsigned round = 0; round < 3000; round++) {
        static const enum pool_id victims[] = {POOL_PAGE, POOL_TABLE,    POOL_SLOT,
                                               POOL_MM,   POOL_ANON_VMA, POOL_MAPPING};

        set_scene(round % NR_RULES);
        for (uint64_t i = next_random() % 3 + 1; i; i--) {
            const struct pool *pool = &world->pool[victims[next_random() % 6]];
            uint64_t *words = pool_object(pool, (uint32_t)next_random() % pool->used);
            const uint64_t word = pool == &world->pool[POOL_MM] ? offsetof(struct mm, pgd) / 8
                                                                : next_random() % (pool->size / 8);

            if (words)
                words[word] = wild_value();
        }
        broken += breaks_a_law();
    }
    assert_true(broken > 2000);
}

static void quiet_under_all_rules(void **state)
{
    struct verdict v = {.law = LAW_NONE};

    (void)state;
    for (unsigned rules = 0; rules < NR_RULES; rules++) {
        set_scene(rules);
        assert_quiet();
        CALL(0, mm_migrate(p0, PAGES(0x100), PAGES(0x40)));
        assert_quiet();
        CALL(0, world_swapoff(world));
        assert_quiet();
        CALL(0, file_open(world, 5, FILE_REGULAR, FMODE_READ, 8));
        CALL(0, mm_set_exe_file(p0, 5));
        assert_quiet();
        CALL(0, mm_exit(p0));
        p0 = NULL;
        assert_quiet();
        world_exit(world);
        assert_true(laws_after_exit(world, &v));
    }
}

static void leaks_are_named(void **state)
{
    static const enum pool_id pools[] = {POOL_PAGE, POOL_TABLE, POOL_SLOT};
    struct verdict v = {.law = LAW_NONE};

    (void)state;
    for (unsigned i = 0; i < sizeof(pools) / sizeof(*pools); i++) {
        set_scene(RULES_LINUX_6_1);
        world_exit(world);
        assert_non_null(pool_alloc(world, pools[i]));
        assert_false(laws_after_exit(world, &v));
        assert_int_equal(v.law, LAW_LEAK);
        assert_string_equal(v.site, world->pool[pools[i]].name);
    }
}

/* ---- pictures ---- */
static void picture_shows_pages(void **state)
{
    const struct snapshot *p = &picture;
    struct verdict v = {.law = LAW_NONE};

    (void)state;
    set_scene(RULES_LINUX_6_1);
    assert_true(picture_ok(&v));
    assert_true(p->has_pages && p->has_exclusive);
    assert_int_equal(p->pte[0].page, 0x100);
    assert_int_equal(p->pte[0].number, 1);
    assert_int_equal(p->page[0].mapcount, 2);
    assert_int_equal(p->page[0].stamp, 0x100);
    assert_int_equal(p->pte[2].flags, SNAP_PTE_SWAP);
    assert_int_equal(p->slot[p->pte[2].number - 1].count, 2);
    assert_int_equal(p->slot[p->pte[2].number - 1].stamp, 0x102);
    assert_int_equal(p->pte[4].flags & ~(uint32_t)SNAP_PTE_YOUNG,
                     SNAP_PTE_PRESENT | SNAP_PTE_SPECIAL);
    assert_int_equal(p->pte[4].number, 0);
    assert_int_equal(p->page[p->pte[5].number - 1].pins, 1);
    assert_int_equal(p->proc[0].nr_tables, p0->nr_tables);
    assert_int_equal(p->proc[1].first_pte, p->proc[0].nr_ptes);
    assert_int_equal(p->nr_pages, world->pool[POOL_PAGE].nlive);
    assert_int_equal(p->nr_slots, world->pool[POOL_SLOT].nlive);
}

static void hash_has_pages(void **state)
{
    struct verdict v = {.law = LAW_NONE};
    uint64_t hash;

    (void)state;
    set_scene(RULES_LINUX_6_1);
    assert_true(picture_ok(&v));
    hash = snapshot_hash(&picture);
    picture.pte[0].flags ^= SNAP_PTE_YOUNG;
    assert_true(hash != snapshot_hash(&picture));
    assert_true(picture_ok(&v));
    picture.page[0].stamp++;
    assert_true(hash != snapshot_hash(&picture));
    assert_true(picture_ok(&v));
    picture.slot[0].stamp++;
    assert_true(hash != snapshot_hash(&picture));
    assert_true(picture_ok(&v));
    picture.proc[1].hiwater_rss++;
    assert_true(hash != snapshot_hash(&picture));
    assert_true(picture_ok(&v));
    assert_true(hash == snapshot_hash(&picture));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_law_survives), cmocka_unit_test(quiet_under_all_rules),
        cmocka_unit_test(leaks_are_named),    cmocka_unit_test(picture_shows_pages),
        cmocka_unit_test(hash_has_pages),
    };

    return cmocka_run_group_tests(tests, world_setup, judge_teardown);
}
