/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The laws on page tables, frames and swap: each clause trips on one corrupted field, in the full
 * form, the touched form and on the picture, where they can see it.
 */
#include "tests/page_scene.h"

#include <string.h>

static uint32_t freed_page(void)
{
    struct page *page = page_alloc(world, 0);
    uint32_t n = (uint32_t)(pte_of_page(page, 0) >> PTE_SHIFT);

    put_page(world, page);
    return n;
}

static struct page *freed_page_at(void)
{
    return (struct page *)(void *)(world->pool[POOL_PAGE].base +
                                   freed_page() * sizeof(struct page));
}

/* ---- pgtable.inside ---- */
static void outside(void)
{
    *scene_pte(p0, 0x180) = PTE_PRESENT | PTE_SPECIAL;
}
static void migrating(void)
{
    *scene_pte(p0, 0x104) = PTE_MIGRATION;
}
static void unknown_bit(void)
{
    *scene_pte(p0, 0x104) |= 1 << 9;
}
static void two_kinds(void)
{
    *scene_pte(p0, 0x104) |= PTE_SWAP;
}
static void no_memory(void)
{
    *scene_pte(p0, 0x138) = PTE_PRESENT | PTE_SPECIAL;
}
static void writable(void)
{
    *scene_pte(p0, 0x128) |= PTE_WRITE;
}
static void writable_zeroes(void)
{
    *scene_pte(p0, 0x104) |= PTE_WRITE;
}
static void writable_file_page(void)
{
    *scene_pte(p0, 0x120) |= PTE_WRITE;
}
static void zeroes_of_file(void)
{
    *scene_pte(p0, 0x122) = PTE_PRESENT | PTE_SPECIAL;
}
static void swap_unfaulted(void)
{
    *pte_alloc(p0, PAGES(0x801)) = *scene_pte(p0, 0x102);
    scene_slot(0x102)->count++;
    p0->rss[MM_SWAPENTS]++;
}

/* ---- pgtable.pages ---- */
static void dead_table(void)
{
    *scene_upper(0xe00) = world->pool[POOL_TABLE].used + 1;
}
static void wild_table(void)
{
    *scene_upper(0xe00) = UINT64_MAX >> 1; /* the bit above tells huge entries apart */
}
static void linked_twice(void)
{
    *scene_upper(0x800) = *scene_upper(0x600);
}
static void needless(void)
{
    *scene_upper(0xa00) = *scene_upper(0x600);
    *scene_upper(0x600) = 0;
}
static void table_count(void)
{
    p0->nr_tables++;
}
static void table_lost(void)
{
    *scene_upper(0x600) = 0;
    p0->nr_tables--;
}

/* ---- rmap.complete ---- */
static void not_oldest(void)
{
    scene_frame(p0, 0x100)->mapping = (uintptr_t)scene_vma(p1, 0x100)->anon_vma | PAGE_MAPPING_ANON;
}

static void not_oldest_swapped(void)
{
    scene_slot(0x103)->page->mapping =
        (uintptr_t)scene_vma(p1, 0x100)->anon_vma | PAGE_MAPPING_ANON;
}

/* ---- rmap.mapcount ---- */
static void mapcount_high(void)
{
    scene_frame(p0, 0x120)->mapcount++;
}
static void mapcount_low(void)
{
    scene_frame(p0, 0x100)->mapcount--;
}
static void refcount_high(void)
{
    scene_frame(p0, 0x130)->refcount++;
}
static void refcount_low(void)
{
    scene_frame(p0, 0x105)->refcount--;
}
static void pins_high(void)
{
    scene_frame(p0, 0x101)->pins++;
}
static void pin_forgotten(void)
{
    world->pin[0].used = false;
}
static void pin_of_freed(void)
{
    world->pin[1] = (struct pin){.used = true, .page = freed_page_at()};
}
static void entry_of_freed(void)
{
    *scene_pte(p0, 0x107) = PTE_PRESENT | (pte_t)freed_page() << PTE_SHIFT;
}
static void frame_lost(void)
{
    struct page *page = page_alloc(world, 0);

    page->refcount = 0;
    world_begin(world, 0);
    note_page(world, page);
}

#define FLIP(name, page, flag)                                                                     \
    static void name(void)                                                                         \
    {                                                                                              \
        scene_frame(p0, page)->flags ^= flag;                                                      \
    }
FLIP(mlocked_by_nobody, 0x130, PG_MLOCKED)
FLIP(mlocked_shared, 0x100, PG_MLOCKED)
FLIP(mlocked_forgotten, 0x131, PG_MLOCKED)

/* ---- rmap.exclusive ---- */
FLIP(exclusive_shared, 0x100, PG_EXCLUSIVE)
FLIP(exclusive_file_page, 0x120, PG_EXCLUSIVE)
FLIP(exclusive_early, 0x101, PG_EXCLUSIVE)
FLIP(not_exclusive_writable, 0x101, PG_EXCLUSIVE)
static void shared_writable(void)
{
    *scene_pte(p1, 0x100) |= PTE_WRITE;
}
static void pinned_shared(void)
{
    scene_frame(p0, 0x105)->flags &= ~(uint32_t)PG_EXCLUSIVE;
    *scene_pte(p0, 0x105) &= ~(pte_t)PTE_WRITE;
}
static void swap_shared(void)
{
    *scene_pte(p1, 0x102) |= PTE_EXCLUSIVE;
}

/* ---- page.index ---- */
static void index_off(void)
{
    scene_frame(p0, 0x101)->index += 3;
}
static void file_index_off(void)
{
    scene_frame(p0, 0x121)->index++;
}
static void dead_anon_vma(void)
{
    scene_frame(p0, 0x101)->mapping = PAGE_MAPPING_ANON | (uintptr_t)world;
}
static void other_family(void)
{
    scene_frame(p0, 0x101)->mapping = (uintptr_t)scene_vma(p0, 0x600)->anon_vma | PAGE_MAPPING_ANON;
}
static void other_object(void)
{
    scene_frame(p0, 0x120)->mapping = (uintptr_t)world->fd[2]->mapping;
}
static void no_mapping(void)
{
    scene_frame(p0, 0x130)->mapping = 0;
}
static struct page *unmapped_cached(void)
{
    return page_cache_find(world->fd[0]->mapping, 4);
}
static void cache_order(void)
{
    unmapped_cached()->index = 6;
}
static void cache_beyond_end(void)
{
    world->fd[0]->mapping->size = 7; /* 7 is cached, and nowhere mapped */
}
static void cache_wild(void)
{
    page_cache_find(world->fd[2]->mapping, 0);
    world->fd[2]->mapping->pages.node = &freed_page_at()->rb;
}

/* ---- swap.counts ---- */
static void slot_count(void)
{
    scene_slot(0x102)->count++;
}
static void cached_slot_count(void)
{
    scene_slot(0x103)->count--;
}
static void slot_page_freed(void)
{
    scene_slot(0x102)->page = freed_page_at();
}
static void page_denies(void)
{
    scene_slot(0x102)->page = scene_frame(p0, 0x101);
}
static void slot_denies(void)
{
    scene_slot(0x103)->page->swap = (uint32_t)(*scene_pte(p0, 0x102) >> PTE_SHIFT);
}
static void page_slot_freed(void)
{
    scene_slot(0x103)->page->swap = world->pool[POOL_SLOT].used;
}
static void entry_slot_freed(void)
{
    *scene_pte(p0, 0x107) = PTE_SWAP | (pte_t)world->pool[POOL_SLOT].used << PTE_SHIFT;
    p0->rss[MM_SWAPENTS]++;
}
static void slot_lost(void)
{
    struct swap_slot *lost = pool_alloc(world, POOL_SLOT);

    memset(lost, 0, sizeof(*lost));
}

/* ---- account.rss, locks, object.refs ---- */
static void rss_file(void)
{
    p0->rss[MM_FILEPAGES]++;
}
static void rss_anon(void)
{
    p1->rss[MM_ANONPAGES]--;
}
static void rss_swap(void)
{
    p0->rss[MM_SWAPENTS]--;
}
static void rss_shmem(void)
{
    p1->rss[MM_SHMEMPAGES]++;
}
static void rss_high_water(void)
{
    p0->hiwater_rss = 1;
}
static void lock_breached(void)
{
    world->locks.broken = "a test";
}
static void lock_kept(void)
{
    world->locks.root = scene_vma(p0, 0x100)->anon_vma->root;
}
static void exe_uncounted(void)
{
    p1->exe_file = world->fd[0];
    world->fd[0]->mapping->i_writecount--;
}

static const struct corruption corruptions[] = {
#define ROW(function, law, site, forms, picture)                                                   \
    CORRUPTION(function, law, site, forms, picture, RULES_LINUX_6_1)
    ROW(outside, PGTABLE_INSIDE, "outside", BOTH, PGTABLE_INSIDE),
    ROW(migrating, PGTABLE_INSIDE, "migration", BOTH, PGTABLE_INSIDE),
    ROW(unknown_bit, PGTABLE_INSIDE, "bits", BOTH, NONE),
    ROW(two_kinds, PGTABLE_INSIDE, "bits", BOTH, NONE),
    ROW(no_memory, PGTABLE_INSIDE, "no-memory", BOTH, PGTABLE_INSIDE),
    ROW(writable, PGTABLE_INSIDE, "writable", BOTH, PGTABLE_INSIDE),
    ROW(writable_zeroes, PGTABLE_INSIDE, "writable-zeroes", BOTH, PGTABLE_INSIDE),
    ROW(writable_file_page, PGTABLE_INSIDE, "writable-file-page", BOTH, PGTABLE_INSIDE),
    ROW(zeroes_of_file, PGTABLE_INSIDE, "zeroes-of-file", BOTH, PGTABLE_INSIDE),
    ROW(swap_unfaulted, PGTABLE_INSIDE, "swap-unfaulted", BOTH | COMPANY, PGTABLE_INSIDE),
    ROW(dead_table, PGTABLE_PAGES, "dead-table", BOTH, NONE),
    ROW(wild_table, PGTABLE_PAGES, "dead-table", BOTH, NONE),
    ROW(linked_twice, PGTABLE_PAGES, "linked-twice", FULL, NONE),
    ROW(needless, PGTABLE_PAGES, "nobody-needs-it", BOTH, NONE),
    ROW(table_count, PGTABLE_PAGES, "count", BOTH, NONE),
    ROW(table_lost, PGTABLE_PAGES, NULL, BOTH, NONE),
    ROW(not_oldest, RMAP_COMPLETE, "missed", BOTH, RMAP_COMPLETE),
    ROW(not_oldest_swapped, RMAP_COMPLETE, "swapped-missed", BOTH, RMAP_COMPLETE),
    ROW(mapcount_high, RMAP_MAPCOUNT, "mapcount", BOTH, RMAP_MAPCOUNT),
    ROW(mapcount_low, RMAP_MAPCOUNT, "mapcount", BOTH, RMAP_MAPCOUNT),
    ROW(refcount_high, RMAP_MAPCOUNT, "refcount", BOTH, RMAP_MAPCOUNT),
    ROW(refcount_low, RMAP_MAPCOUNT, "refcount", BOTH, RMAP_MAPCOUNT),
    ROW(pins_high, RMAP_MAPCOUNT, "pins", BOTH, RMAP_MAPCOUNT),
    ROW(pin_forgotten, RMAP_MAPCOUNT, "pins", BOTH, NONE),
    ROW(pin_of_freed, RMAP_MAPCOUNT, "dead-frame", BOTH, NONE),
    ROW(entry_of_freed, RMAP_MAPCOUNT, "dead-frame", BOTH, RMAP_MAPCOUNT),
    ROW(frame_lost, RMAP_MAPCOUNT, "lost", BOTH, NONE),
    ROW(mlocked_by_nobody, RMAP_MAPCOUNT, "mlocked", BOTH, RMAP_MAPCOUNT),
    ROW(mlocked_shared, RMAP_MAPCOUNT, "mlocked", BOTH, RMAP_MAPCOUNT),
    ROW(mlocked_forgotten, RMAP_MAPCOUNT, "mlocked", BOTH, RMAP_MAPCOUNT),
    ROW(exclusive_shared, RMAP_EXCLUSIVE, "exclusive-shared", BOTH, RMAP_EXCLUSIVE),
    ROW(exclusive_file_page, RMAP_EXCLUSIVE, "exclusive-file-page", BOTH, RMAP_EXCLUSIVE),
    {"exclusive_early", exclusive_early, LAW_RMAP_EXCLUSIVE, "exclusive-rules", BOTH,
     LAW_RMAP_EXCLUSIVE, RULES_LINUX_5_10},
    ROW(shared_writable, RMAP_EXCLUSIVE, "shared-writable", BOTH, RMAP_EXCLUSIVE),
    {"shared_writable 4.4", shared_writable, LAW_RMAP_EXCLUSIVE, "shared-writable", BOTH,
     LAW_RMAP_EXCLUSIVE, RULES_LINUX_4_4},
    ROW(not_exclusive_writable, RMAP_EXCLUSIVE, "shared-writable", BOTH, RMAP_EXCLUSIVE),
    ROW(pinned_shared, RMAP_EXCLUSIVE, "pinned-shared", BOTH, RMAP_EXCLUSIVE),
    ROW(swap_shared, RMAP_EXCLUSIVE, "swap-shared", BOTH, RMAP_EXCLUSIVE),
    ROW(index_off, PAGE_INDEX, "index", BOTH | COMPANY, PAGE_INDEX),
    ROW(file_index_off, PAGE_INDEX, "index", BOTH | COMPANY, PAGE_INDEX),
    ROW(dead_anon_vma, PAGE_INDEX, "dead-anon-vma", BOTH | COMPANY, PAGE_INDEX),
    ROW(other_family, PAGE_INDEX, "family", BOTH | COMPANY, PAGE_INDEX),
    ROW(other_object, PAGE_INDEX, "object", BOTH | COMPANY, PAGE_INDEX),
    ROW(no_mapping, PAGE_INDEX, "no-mapping", BOTH | COMPANY, PAGE_INDEX),
    ROW(cache_order, PAGE_INDEX, "cache-order", BOTH | COMPANY, RMAP_MAPCOUNT),
    ROW(cache_beyond_end, PAGE_INDEX, "cache-beyond-end", FULL, NONE),
    ROW(cache_wild, PAGE_INDEX, "cache-dead-page", FULL, NONE),
    ROW(slot_count, SWAP_COUNTS, "count", BOTH, SWAP_COUNTS),
    ROW(cached_slot_count, SWAP_COUNTS, "count", BOTH, SWAP_COUNTS),
    ROW(slot_page_freed, SWAP_COUNTS, "dead-page", BOTH, NONE),
    ROW(page_denies, SWAP_COUNTS, "page-denies", BOTH, SWAP_COUNTS),
    ROW(slot_denies, SWAP_COUNTS, NULL, BOTH, SWAP_COUNTS),
    ROW(page_slot_freed, SWAP_COUNTS, NULL, BOTH, SWAP_COUNTS),
    ROW(entry_slot_freed, SWAP_COUNTS, "dead-slot", BOTH, SWAP_COUNTS),
    ROW(slot_lost, SWAP_COUNTS, "lost", FULL, SWAP_COUNTS),
    ROW(rss_file, ACCOUNT_RSS, "file", FULL, ACCOUNT_RSS),
    ROW(rss_anon, ACCOUNT_RSS, "anon", FULL, ACCOUNT_RSS),
    ROW(rss_swap, ACCOUNT_RSS, "swap", FULL, ACCOUNT_RSS),
    ROW(rss_shmem, ACCOUNT_RSS, "shmem", FULL, ACCOUNT_RSS),
    ROW(rss_high_water, ACCOUNT_RSS, "hiwater", FULL, ACCOUNT_RSS),
    ROW(lock_breached, LOCKS, "breach", TOUCHED, NONE),
    ROW(lock_kept, LOCKS, "kept", TOUCHED, NONE),
    ROW(exe_uncounted, OBJECT_REFS, "file", FULL, NONE),
};
#define NR_CORRUPTIONS (sizeof(corruptions) / sizeof(*corruptions))

static void each_clause_trips(void **state)
{
    (void)state;
    for (unsigned i = 0; i < NR_CORRUPTIONS; i++) {
        const struct corruption *k = &corruptions[i];

        set_scene(k->rules);
        assert_quiet();
        assert_corruption_seen(k);
        if (!(k->forms & FULL))
            assert_int_equal(sweep(world), k->law == LAW_LOCKS);
        world->locks = (struct lock_state){NULL, NULL, NULL};
    }
}

/* Frames that do not fit into the notes, and notes of VMAs that do not: the verdict is the same. */
static void overflow_is_judged(void **state)
{
    struct verdict v = {.law = LAW_NONE};

    (void)state;
    set_scene(RULES_LINUX_6_1);
    world_begin(world, 0);
    world->notes.page_overflow = true;
    scene_frame(p0, 0x120)->mapcount++;
    assert_false(laws_touched(world, &v));
    assert_int_equal(v.law, LAW_RMAP_MAPCOUNT);
    set_scene(RULES_LINUX_6_1);
    world->notes.overflow = true;
    lock_breached();
    assert_false(laws_touched(world, &v));
    assert_int_equal(v.law, LAW_LOCKS);
    world->locks.broken = NULL;
}

/* A range whose layout has changed is judged even if no entry is said to have changed. */
static void layout_notes_count(void **state)
{
    struct verdict v = {.law = LAW_NONE};

    (void)state;
    set_scene(RULES_LINUX_6_1);
    writable_file_page();
    world_begin(world, 0);
    assert_true(law_touched(LAW_PGTABLE_INSIDE, world, &v));
    note_range(p0, PAGES(0x120), PAGES(0x121));
    assert_false(law_touched(LAW_PGTABLE_INSIDE, world, &v));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_clause_trips),
        cmocka_unit_test(overflow_is_judged),
        cmocka_unit_test(layout_notes_count),
    };

    return cmocka_run_group_tests(tests, world_setup, judge_teardown);
}
