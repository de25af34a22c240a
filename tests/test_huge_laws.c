/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The laws on compound pages: quiet on what the model makes, and each clause trips on one corrupted
 * field, in the full form, the touched form and on the picture, where they can see it.
 *
 * Blocks of 2 MiB, of p0 and its child p1:
 *   0x200  p0's own page, huge                  0x400  shared, huge in both
 *   0x600  shared, in p1 by its parts, but for the first two
 *   0x800  p0's own, by its parts but the last, of which a device holds 0x805
 *   0xa00  the huge page of zeroes              0xc00  huge, in a locked VMA of p0's
 *   0xe00  16 pages of anonymous memory, and a file behind them
 */
#include "tests/page_judge.h"

#include <string.h>

#define BLOCK HPAGE_PAGES

static struct mm *p0, *p1;

/* ---- the scene ---- */
static void map(uintptr_t page, size_t pages)
{
    CALL((long)PAGES(page), mm_mmap(p0, PAGES(page), PAGES(pages), RW, ANON, -1, 0));
}

static void put(struct mm *mm, uintptr_t page)
{
    CALL(0, mm_access(mm, PAGES(page), PROT_WRITE, false, page));
}

static struct page *frame(struct mm *mm, uintptr_t page)
{
    const pte_t pte = mm_pte(mm, PAGES(page));

    assert_true(maps_a_frame(pte));
    return (struct page *)(uintptr_t)page_at(world, pte_number(pte));
}

static void set(enum rules rules)
{
    start_world(rules, true);
    p0 = world->proc[0];
    map(0x200, 5 * BLOCK);
    map(0xc00, BLOCK);
    map(0xe00, 16);
    CALL(0, mm_madvise(p0, PAGES(0x200), PAGES(6 * BLOCK), MADV_HUGEPAGE));
    CALL(0, file_open(world, 0, FILE_REGULAR, FMODE_READ | FMODE_WRITE, 0x600));
    CALL((long)PAGES(0xe10),
         mm_mmap(p0, PAGES(0xe10), PAGES(0x1f0), RW, MAP_PRIVATE | MAP_FIXED, 0, 0));
    put(p0, 0x400);
    put(p0, 0x600);
    put(p0, 0x609);
    CALL(0, mm_access(p0, PAGES(0xa00), PROT_READ, false, 0));
    CALL(0, mm_fork(p0, 1));
    p1 = world->proc[1];
    put(p0, 0x200);
    put(p0, 0x800);
    put(p0, 0xc00);
    CALL(0, mm_mlock(p0, PAGES(0xc00), PAGES(BLOCK)));
    CALL(0, mm_madvise(p1, PAGES(0x600), PAGES(2), MADV_DONTNEED));
    CALL(0, mm_madvise(p0, PAGES(0x9ff), PAGES(1), MADV_DONTNEED));
    if (rules >= RULES_LINUX_5_10)
        CALL(0, mm_pin(p0, 0, PAGES(0x805), true));
    note_everything();
}

/* The place of a huge entry. */
static pte_t *block(struct mm *mm, uintptr_t page)
{
    pte_t *pmd = pmd_find(mm, PAGES(page));

    assert_non_null(pmd);
    assert_true((*pmd & PTE_OF_BLOCK) == PTE_OF_BLOCK);
    return pmd;
}

static pte_t *pte(struct mm *mm, uintptr_t page)
{
    pte_t *entry = pte_find(mm, PAGES(page));

    assert_non_null(entry);
    assert_false(*entry & PTE_HUGE);
    return entry;
}

/* ---- pgtable.inside ---- */
static void huge_outside(void)
{
    assert_int_equal(pgtable_deposit(p0), 0);
    CALL(0, mm_munmap(p0, PAGES(0xe10), PAGES(0x1f0)));
    note_everything();
    *pmd_alloc(p0, PAGES(0xe00)) = PTE_OF_BLOCK | PTE_PRESENT | PTE_SPECIAL;
}
static void huge_of_file(void)
{
    CALL((long)PAGES(0xe00),
         mm_mmap(p0, PAGES(0xe00), PAGES(0x200), RW, MAP_PRIVATE | MAP_FIXED, 0, 0));
    assert_int_equal(pgtable_deposit(p0), 0);
    note_everything();
    *pmd_alloc(p0, PAGES(0xe00)) = *block(p0, 0x400);
}
static void huge_bits(void)
{
    *block(p0, 0xa00) |= PTE_SWAP;
}
static void huge_not_present(void)
{
    *block(p0, 0xa00) &= ~(pte_t)PTE_PRESENT;
}
static void huge_writable_zeroes(void)
{
    *block(p0, 0xa00) |= PTE_WRITE;
}
static void huge_bit_of_small(void)
{
    *pte(p1, 0x605) |= PTE_HUGE;
}

/* ---- pgtable.pages ---- */
static void deposit_freed(void)
{
    pgtable_withdraw(p0);
}
static void deposit_left(void)
{
    assert_int_equal(pgtable_deposit(p1), 0);
}
static void deposit_wild(void)
{
    p0->deposited = (void *)world;
}
static void deposit_cut(void)
{
    p0->deposited->entry[0] = UINT64_MAX;
}
static void deposit_circle(void)
{
    p0->deposited->entry[0] =
        1 + (uint64_t)(p0->deposited - (struct page_table *)(void *)world->pool[POOL_TABLE].base);
}
static void huge_entry_lost(void)
{
    *block(p0, 0xa00) = 0;
}

/* ---- rmap.complete ---- */
static void not_oldest(void)
{
    frame(p0, 0x400)->mapping = (uintptr_t)find_vma(p1, PAGES(0x400))->anon_vma | PAGE_MAPPING_ANON;
}
static void not_oldest_parts(void)
{
    frame(p0, 0x600)->mapping = (uintptr_t)find_vma(p1, PAGES(0x600))->anon_vma | PAGE_MAPPING_ANON;
}

/* ---- rmap.mapcount ---- */
static void entire_high(void)
{
    frame(p0, 0x400)->entire_mapcount++;
}
static void entire_low(void)
{
    frame(p0, 0x400)->entire_mapcount--;
}
static void part_high(void)
{
    frame(p1, 0x605)->mapcount++;
}
static void part_low(void)
{
    frame(p0, 0x805)->mapcount = 0;
}
static void parts_mixed_up(void)
{
    frame(p0, 0x806)->mapcount = 0;
    frame(p0, 0x807)->mapcount = 2;
}
static void part_alone(void)
{
    struct page *part = frame(p0, 0x400) + 7;

    part->mapcount = 1;
    world_begin(world, 0);
    note_page(world, part);
}
static void refcount_high(void)
{
    frame(p0, 0x400)->refcount++;
}
static void refcount_low(void)
{
    frame(p0, 0x600)->refcount--;
}
static void pins_high(void)
{
    frame(p0, 0x400)->pins++;
}
static void pin_forgotten(void)
{
    world->pin[0].used = false;
}
static void tail_refcount(void)
{
    frame(p1, 0x605)->refcount = 1;
}
static void tail_flags(void)
{
    frame(p1, 0x605)->flags |= PG_DIRTY;
}
static void half_split(void)
{
    struct page *part = frame(p1, 0x605);

    part->flags = 0;
    part->refcount = 1;
}
static void headless(void)
{
    frame(p1, 0x605)[-5].flags &= ~(uint32_t)PG_HEAD;
}
static void parts_all_freed(void)
{
    struct page *head = compound_alloc(world);

    memset(head, 0, sizeof(struct huge_page));
}
static void compound_lost(void)
{
    struct page *head = compound_alloc(world);

    head->refcount = 0;
    world_begin(world, 0);
    note_page(world, head);
}
static void huge_of_tail(void)
{
    *block(p0, 0x400) += (pte_t)1 << PTE_SHIFT;
}
static void mlocked_by_nobody(void)
{
    frame(p0, 0x400)->flags |= PG_MLOCKED;
}
static void mlocked_forgotten(void)
{
    frame(p0, 0xc00)->flags &= ~(uint32_t)PG_MLOCKED;
}

/* ---- rmap.exclusive ---- */
static void exclusive_shared(void)
{
    frame(p0, 0x400)->flags |= PG_EXCLUSIVE;
}
static void exclusive_beside_parts(void)
{
    frame(p0, 0x600)->flags |= PG_EXCLUSIVE;
}
static void exclusive_part(void)
{
    frame(p1, 0x605)->flags |= PG_EXCLUSIVE;
}
static void not_exclusive_writable(void)
{
    frame(p0, 0x200)->flags &= ~(uint32_t)PG_EXCLUSIVE;
}
static void not_exclusive_part(void)
{
    frame(p0, 0x807)->flags &= ~(uint32_t)PG_EXCLUSIVE;
}
static void shared_writable(void)
{
    *block(p1, 0x400) |= PTE_WRITE;
}
static void writable_beside_parts(void)
{
    *block(p0, 0x600) |= PTE_WRITE;
}
static void writable_part(void)
{
    *pte(p1, 0x605) |= PTE_WRITE;
}
static void pinned_shared(void)
{
    frame(p0, 0x805)->flags &= ~(uint32_t)PG_EXCLUSIVE;
    *pte(p0, 0x805) &= ~(pte_t)PTE_WRITE;
}
static void exclusive_early(void)
{
    frame(p0, 0x200)->flags |= PG_EXCLUSIVE;
}

/* ---- page.index, swap.counts, account.rss ---- */
static void index_off(void)
{
    frame(p0, 0x200)->index += 3;
}
static void index_of_parts_off(void)
{
    frame(p0, 0x800)->index--;
}
static void dead_anon_vma(void)
{
    frame(p0, 0x200)->mapping = PAGE_MAPPING_ANON | (uintptr_t)world;
}
static void no_mapping(void)
{
    frame(p0, 0x800)->mapping = 0;
}
static void in_swap_cache(void)
{
    frame(p0, 0x400)->flags |= PG_SWAPCACHE;
}
static void counted_once(void)
{
    p0->rss[MM_ANONPAGES] -= BLOCK - 1;
}

static const struct corruption corruptions[] = {
#define ROW(function, law, site, forms, picture)                                                   \
    CORRUPTION(function, law, site, forms, picture, RULES_LINUX_6_1)
#define OLD(function, law, site, forms, picture)                                                   \
    CORRUPTION(function, law, site, forms, picture, RULES_LINUX_5_10)
    ROW(huge_outside, PGTABLE_INSIDE, "huge-outside", BOTH, PGTABLE_INSIDE),
    ROW(huge_of_file, PGTABLE_INSIDE, "huge-of-file", BOTH | COMPANY, PGTABLE_INSIDE),
    ROW(huge_bits, PGTABLE_INSIDE, "bits", BOTH, NONE),
    ROW(huge_not_present, PGTABLE_INSIDE, "bits", BOTH, NONE),
    ROW(huge_writable_zeroes, PGTABLE_INSIDE, "writable-zeroes", BOTH, PGTABLE_INSIDE),
    ROW(huge_bit_of_small, PGTABLE_INSIDE, "bits", BOTH, NONE),
    ROW(deposit_freed, PGTABLE_PAGES, "deposited", BOTH, NONE),
    ROW(deposit_left, PGTABLE_PAGES, "deposited", BOTH, NONE),
    ROW(deposit_wild, PGTABLE_PAGES, "dead-deposited", BOTH, NONE),
    ROW(deposit_cut, PGTABLE_PAGES, "dead-deposited", BOTH, NONE),
    ROW(deposit_circle, PGTABLE_PAGES, "linked-twice", BOTH, NONE),
    ROW(huge_entry_lost, PGTABLE_PAGES, "deposited", BOTH, NONE),
    ROW(not_oldest, RMAP_COMPLETE, "missed", BOTH, RMAP_COMPLETE),
    ROW(not_oldest_parts, RMAP_COMPLETE, "missed", BOTH, RMAP_COMPLETE),
    ROW(entire_high, RMAP_MAPCOUNT, "entire-mapcount", BOTH, RMAP_MAPCOUNT),
    ROW(entire_low, RMAP_MAPCOUNT, "entire-mapcount", BOTH, RMAP_MAPCOUNT),
    ROW(part_high, RMAP_MAPCOUNT, "mapcount", BOTH, RMAP_MAPCOUNT),
    ROW(part_low, RMAP_MAPCOUNT, "mapcount", BOTH, RMAP_MAPCOUNT),
    ROW(parts_mixed_up, RMAP_MAPCOUNT, "mapcount", BOTH | COMPANY, RMAP_EXCLUSIVE),
    ROW(part_alone, RMAP_MAPCOUNT, "mapcount", BOTH, RMAP_MAPCOUNT),
    ROW(refcount_high, RMAP_MAPCOUNT, "refcount", BOTH, RMAP_MAPCOUNT),
    ROW(refcount_low, RMAP_MAPCOUNT, "refcount", BOTH, RMAP_MAPCOUNT),
    ROW(pins_high, RMAP_MAPCOUNT, "pins", BOTH, RMAP_EXCLUSIVE),
    ROW(pin_forgotten, RMAP_MAPCOUNT, "pins", BOTH, NONE),
    ROW(tail_refcount, RMAP_MAPCOUNT, "tail-refcount", BOTH, RMAP_MAPCOUNT),
    ROW(tail_flags, RMAP_MAPCOUNT, "tail-flags", BOTH, NONE),
    ROW(half_split, RMAP_MAPCOUNT, "half-split", FULL | COMPANY, PAGE_INDEX),
    ROW(headless, RMAP_MAPCOUNT, NULL, BOTH | COMPANY, RMAP_MAPCOUNT),
    ROW(parts_all_freed, RMAP_MAPCOUNT, "lost", FULL, NONE),
    ROW(compound_lost, RMAP_MAPCOUNT, "lost", BOTH, NONE),
    ROW(huge_of_tail, RMAP_MAPCOUNT, "dead-frame", BOTH | COMPANY, RMAP_MAPCOUNT),
    ROW(mlocked_by_nobody, RMAP_MAPCOUNT, "mlocked", BOTH, RMAP_MAPCOUNT),
    ROW(mlocked_forgotten, RMAP_MAPCOUNT, "mlocked", BOTH, RMAP_MAPCOUNT),
    ROW(exclusive_shared, RMAP_EXCLUSIVE, "exclusive-shared", BOTH, RMAP_EXCLUSIVE),
    ROW(exclusive_beside_parts, RMAP_EXCLUSIVE, "exclusive-shared", BOTH, RMAP_EXCLUSIVE),
    ROW(exclusive_part, RMAP_EXCLUSIVE, "exclusive-shared", BOTH, RMAP_EXCLUSIVE),
    ROW(not_exclusive_writable, RMAP_EXCLUSIVE, "shared-writable", BOTH, RMAP_EXCLUSIVE),
    ROW(not_exclusive_part, RMAP_EXCLUSIVE, "shared-writable", BOTH, RMAP_EXCLUSIVE),
    ROW(shared_writable, RMAP_EXCLUSIVE, "shared-writable", BOTH, RMAP_EXCLUSIVE),
    ROW(writable_beside_parts, RMAP_EXCLUSIVE, "shared-writable", BOTH, RMAP_EXCLUSIVE),
    ROW(writable_part, RMAP_EXCLUSIVE, "shared-writable", BOTH, RMAP_EXCLUSIVE),
    OLD(shared_writable, RMAP_EXCLUSIVE, "shared-writable", BOTH, RMAP_EXCLUSIVE),
    OLD(writable_beside_parts, RMAP_EXCLUSIVE, "shared-writable", BOTH, RMAP_EXCLUSIVE),
    OLD(writable_part, RMAP_EXCLUSIVE, "shared-writable", BOTH, RMAP_EXCLUSIVE),
    ROW(pinned_shared, RMAP_EXCLUSIVE, "pinned-shared", BOTH, NONE),
    OLD(exclusive_early, RMAP_EXCLUSIVE, "exclusive-rules", BOTH, RMAP_EXCLUSIVE),
    ROW(index_off, PAGE_INDEX, "index", BOTH, PAGE_INDEX),
    ROW(index_of_parts_off, PAGE_INDEX, "index", BOTH, PAGE_INDEX),
    ROW(dead_anon_vma, PAGE_INDEX, "dead-anon-vma", BOTH, PAGE_INDEX),
    ROW(no_mapping, PAGE_INDEX, "no-mapping", BOTH | COMPANY, PGTABLE_INSIDE),
    ROW(in_swap_cache, SWAP_COUNTS, "compound", BOTH, SWAP_COUNTS),
    ROW(counted_once, ACCOUNT_RSS, "anon", FULL, ACCOUNT_RSS),
};
#define NR_CORRUPTIONS (sizeof(corruptions) / sizeof(*corruptions))

static void each_clause_trips(void **state)
{
    (void)state;
    for (unsigned i = 0; i < NR_CORRUPTIONS; i++) {
        const struct corruption *k = &corruptions[i];

        set(k->rules);
        assert_quiet();
        assert_corruption_seen(k);
        assert_false(sweep(world));
    }
}

static void quiet_under_all_rules(void **state)
{
    struct verdict v = {.law = LAW_NONE};

    (void)state;
    for (unsigned rules = 0; rules < NR_RULES; rules++) {
        set(rules);
        assert_quiet();
        for (uintptr_t page = 0x200; page < 0xe00; page += 0x200) {
            put(p1, page + 3);
            note_everything();
            assert_quiet();
        }
        CALL(0, mm_reclaim(p0, PAGES(0x200), PAGES(6 * BLOCK), true));
        note_everything();
        assert_quiet();
        CALL(0, world_swapoff(world));
        CALL(0, mm_khugepaged(p0, PAGES(0x200), PAGES(6 * BLOCK)));
        note_everything();
        assert_quiet();
        CALL(0, mm_exit(p0));
        p0 = p1;
        p1 = NULL;
        note_everything();
        assert_quiet();
        world_exit(world);
        assert_true(laws_after_exit(world, &v));
        assert_non_null(compound_alloc(world));
        assert_false(laws_after_exit(world, &v));
        assert_int_equal(v.law, LAW_LEAK);
        assert_string_equal(v.site, world->pool[POOL_HUGE].name);
    }
}

/* ---- corrupted at random ---- */
static uint64_t random_state;

static uint64_t next_random(void)
{
    random_state = random_state * 6364136223846793005U + 1442695040888963407U;
    return random_state >> 33;
}

static uint64_t wild_value(void)
{
    const struct pool *pool = &world->pool[next_random() % NR_POOLS];

    switch (next_random() % 6) {
    case 0:
        return next_random() % 128;
    case 1:
        return (uint64_t)pool->base + next_random() % 4096 * 8;
    case 2:
        return (uint64_t)pool->base + next_random() % 8 * pool->size + (next_random() & 1);
    case 3:
        return UINT64_C(1) << 63 | (next_random() % 4096 + (1 << 20)) << PTE_SHIFT |
               (next_random() & 0x1ff);
    case 4:
        return UINT64_MAX - next_random() % 600;
    default:
        return 0x6b6b6b6b6b6b6b6bUL;
    }
}

/* One of the first words of a head or of some part, of a table, or of a process' roots of them. */
static uint64_t *victim(void)
{
    const struct pool *huge = &world->pool[POOL_HUGE], *tables = &world->pool[POOL_TABLE];
    struct huge_page *object = pool_object(huge, (uint32_t)next_random() % huge->used);
    struct page_table *table = pool_object(tables, (uint32_t)next_random() % tables->used);
    struct mm *mm = next_random() & 1 ? p0 : p1;

    switch (next_random() % 4) {
    case 0:
        return object ? (uint64_t *)object->part + next_random() % 8 : NULL;
    case 1:
        return object ? (uint64_t *)object->part + next_random() % (8 * BLOCK) : NULL;
    case 2:
        return table ? &table->entry[next_random() % 8] : NULL;
    default:
        return (uint64_t *)(next_random() & 1 ? &mm->deposited : &mm->pgd);
    }
}

static void every_law_survives(void **state)
{
    unsigned broken = 0;

    (void)state;
    random_state = 1;
    for (unsigned round = 0; round < 400; round++) {
        set(round % NR_RULES);
        for (uint64_t i = next_random() % 3 + 1; i; i--) {
            uint64_t *word = victim();

            if (word)
                *word = wild_value();
        }
        broken += breaks_a_law();
    }
    assert_true(broken > 200);
}

/* ---- pictures ---- */
static void picture_has_parts(void **state)
{
    const struct snapshot *p = &picture;
    const struct snap_page *head;
    struct verdict v = {.law = LAW_NONE};
    uint64_t hash;

    (void)state;
    set(RULES_LINUX_6_1);
    assert_true(picture_ok(&v));
    assert_int_equal(p->pte[0].page, 0x200);
    assert_true(p->pte[0].flags & SNAP_PTE_HUGE);
    assert_int_equal(p->pte[0].number, 1);
    assert_int_equal(p->pte[1].page, 0x400);
    assert_int_equal(p->pte[1].number, 1 + BLOCK);
    head = &p->page[BLOCK];
    assert_int_equal(head->head, 1 + BLOCK);
    assert_int_equal(head->entire_mapcount, 2);
    assert_int_equal(head->stamp, 0x400);
    assert_int_equal(p->page[2 * BLOCK + 9].stamp, 0x609);
    assert_int_equal(p->page[2 * BLOCK + 9].head, 1 + 2 * BLOCK);
    assert_int_equal(p->page[2 * BLOCK + 9].index, 0x609);
    assert_int_equal(p->page[2 * BLOCK + 9].mapcount, 1);
    assert_int_equal(p->nr_pages, 5 * BLOCK);
    hash = snapshot_hash(p);
    picture.page[BLOCK].entire_mapcount++;
    assert_true(hash != snapshot_hash(p));
}

/* What costs least: a write to a part of what is huge notes one page, and its entry is found. */
static void touched_inside_of_an_entry(void **state)
{
    struct verdict v = {.law = LAW_NONE};

    (void)state;
    set(RULES_LINUX_6_1);
    frame(p0, 0x200)->refcount++;
    world_begin(world, 0);
    assert_true(laws_touched(world, &v));
    note_ptes(p0, PAGES(0x3a7), PAGES(0x3a8));
    assert_false(laws_touched(world, &v));
    assert_int_equal(v.law, LAW_RMAP_MAPCOUNT);
    set(RULES_LINUX_6_1);
    *block(p1, 0x400) |= PTE_WRITE;
    world_begin(world, 0);
    note_ptes(p1, PAGES(0x5ff), PAGES(0x600));
    assert_false(laws_touched(world, &v));
    assert_int_equal(v.law, LAW_RMAP_EXCLUSIVE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_clause_trips),          cmocka_unit_test(quiet_under_all_rules),
        cmocka_unit_test(every_law_survives),         cmocka_unit_test(picture_has_parts),
        cmocka_unit_test(touched_inside_of_an_entry),
    };

    return cmocka_run_group_tests(tests, world_setup, judge_teardown);
}
