/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The laws on page tables, frames and swap: quiet on what the model makes, and each clause trips
 * on one corrupted field, in the full form, the touched form and on the picture, where they can
 * see it.
 *
 *   0x100  anonymous, of p0 and its child p1:  0 shared  1 p0's own  2 in swap  3 in the swap cache
 *                                              4 zeroes (p0)  5 pinned by a device
 *   0x120  a file, private:   0 the file's page  1 p0's own            0x128  the same, read-only
 *   0x130  a file, shared     0 written  1 too, and locked at 0x140    0x138  a device
 *   0x600  anonymous, faulted, without an entry: one empty table       0x800  nothing, no table
 */
#include "model/internal.h"
#include "oracles/pages.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#define ANON (MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED)
#define RW (PROT_READ | PROT_WRITE)
#define PAGES(n) ((uintptr_t)(n) << PAGE_SHIFT)

struct scene {
    struct world *world;
    struct mm *p0, *p1;
    struct snapshot picture;
};
/* For the corruptions: the world that they are in. */
static struct scene s;

#define CALL(expected, call)                                                                       \
    do {                                                                                           \
        world_begin(s.world, 0);                                                                   \
        assert_int_equal(call, expected);                                                          \
    } while (0)

/* ---- the scene ---- */
static void map(uintptr_t page, size_t pages, int prot, int flags, int fd)
{
    CALL((long)PAGES(page), mm_mmap(s.p0, PAGES(page), PAGES(pages), prot, flags, fd, 0));
}

static void put(struct mm *mm, uintptr_t page)
{
    CALL(0, mm_access(mm, PAGES(page), PROT_WRITE, false, page));
}

static void look(struct mm *mm, uintptr_t page)
{
    assert_true(mm_access(mm, PAGES(page), PROT_READ, false, 0) >= 0);
}

static void files(void)
{
    CALL(0, file_open(s.world, 0, FILE_REGULAR, FMODE_READ | FMODE_WRITE, 8));
    CALL(0, file_open(s.world, 1, FILE_DEVICE, FMODE_READ | FMODE_WRITE, 8));
    CALL(0, file_open(s.world, 2, FILE_REGULAR, FMODE_READ | FMODE_WRITE, 8));
    map(0x120, 4, RW, MAP_PRIVATE | MAP_FIXED, 0);
    map(0x128, 4, PROT_READ, MAP_PRIVATE | MAP_FIXED, 0);
    map(0x130, 8, RW, MAP_SHARED | MAP_FIXED, 0);
    map(0x138, 4, RW, MAP_SHARED | MAP_FIXED, 1);
    for (uintptr_t page = 0x130; page < 0x138; page++)
        put(s.p0, page);
    look(s.p0, 0x120);
    put(s.p0, 0x121);
    look(s.p0, 0x128);
    CALL((long)PAGES(0x140),
         mm_mmap(s.p0, PAGES(0x140), PAGES(1), RW, MAP_SHARED | MAP_FIXED, 0, PAGES(1)));
    CALL(0, mm_mlock(s.p0, PAGES(0x140), PAGES(1)));
    CALL(0, mm_munmap(s.p0, PAGES(0x132), PAGES(6))); /* in the page cache only */
}

static void note_everything(void)
{
    world_begin(s.world, 0);
    note_ptes(s.p0, 0, s.p0->task_size);
    note_ptes(s.p1, 0, s.p1->task_size);
    for (uint32_t n = 0; n < s.world->pool[POOL_PAGE].used; n++)
        if (pool_object(&s.world->pool[POOL_PAGE], n))
            note_page(s.world, pool_object(&s.world->pool[POOL_PAGE], n));
}

static void set(enum rules rules)
{
    struct world_config config = world_config_default;

    config.rules = rules;
    config.privileged = true;
    assert_int_equal(world_reset(s.world, &config), 0);
    s.p0 = s.world->proc[0];
    map(0x100, 8, RW, ANON, -1);
    for (uintptr_t page = 0x100; page < 0x104; page++)
        put(s.p0, page);
    look(s.p0, 0x104);
    files();
    map(0x600, 8, RW, ANON, -1);
    put(s.p0, 0x600);
    CALL(0, mm_madvise(s.p0, PAGES(0x600), PAGES(8), MADV_DONTNEED));
    map(0x800, 8, RW, ANON, -1);
    CALL(0, mm_fork(s.p0, 1));
    s.p1 = s.world->proc[1];
    put(s.p0, 0x101);
    CALL(0, mm_reclaim(s.p0, PAGES(0x102), PAGES(1), false));
    CALL(0, mm_reclaim(s.p0, PAGES(0x103), PAGES(1), true));
    if (rules >= RULES_LINUX_5_10)
        CALL(0, mm_pin(s.p0, 0, PAGES(0x105), true));
    else
        put(s.p0, 0x105);
    note_everything();
}

/* ---- what is in it ---- */
static pte_t *pte(struct mm *mm, uintptr_t page)
{
    pte_t *entry = pte_find(mm, PAGES(page));

    assert_non_null(entry);
    return entry;
}

static struct page *frame(struct mm *mm, uintptr_t page)
{
    struct page *found = page_of_pte(s.world, *pte(mm, page));

    assert_non_null(found);
    return found;
}

static struct swap_slot *slot(uintptr_t page)
{
    assert_true(*pte(s.p0, page) & PTE_SWAP);
    return slot_of_pte(s.world, *pte(s.p0, page));
}

static struct vma *at(struct mm *mm, uintptr_t page)
{
    struct vma *vma = find_vma(mm, PAGES(page));

    assert_non_null(vma);
    return vma;
}

/* The table above the lowest ones, and where in it the one for the page is. */
static uint64_t *upper(uintptr_t page)
{
    struct page_table *table = s.p0->pgd;

    for (unsigned level = TABLE_LEVELS - 1; level > 1; level--)
        table = pool_object(&s.world->pool[POOL_TABLE],
                            (uint32_t)table->entry[table_index(PAGES(page), level)] - 1);
    return &table->entry[table_index(PAGES(page), 1)];
}

static uint32_t freed_page(void)
{
    struct page *page = page_alloc(s.world, 0);
    uint32_t n = (uint32_t)(pte_of_page(page, 0) >> PTE_SHIFT);

    put_page(s.world, page);
    return n;
}

static struct page *freed_page_at(void)
{
    return (struct page *)(void *)(s.world->pool[POOL_PAGE].base +
                                   freed_page() * sizeof(struct page));
}

/* ---- pgtable.inside ---- */
static void outside(void)
{
    *pte(s.p0, 0x180) = PTE_PRESENT | PTE_SPECIAL;
}
static void migrating(void)
{
    *pte(s.p0, 0x104) = PTE_MIGRATION;
}
static void unknown_bit(void)
{
    *pte(s.p0, 0x104) |= 1 << 9;
}
static void two_kinds(void)
{
    *pte(s.p0, 0x104) |= PTE_SWAP;
}
static void no_memory(void)
{
    *pte(s.p0, 0x138) = PTE_PRESENT | PTE_SPECIAL;
}
static void writable(void)
{
    *pte(s.p0, 0x128) |= PTE_WRITE;
}
static void writable_zeroes(void)
{
    *pte(s.p0, 0x104) |= PTE_WRITE;
}
static void writable_file_page(void)
{
    *pte(s.p0, 0x120) |= PTE_WRITE;
}
static void zeroes_of_file(void)
{
    *pte(s.p0, 0x122) = PTE_PRESENT | PTE_SPECIAL;
}
static void swap_unfaulted(void)
{
    *pte_alloc(s.p0, PAGES(0x801)) = *pte(s.p0, 0x102);
    slot(0x102)->count++;
    s.p0->rss[MM_SWAPENTS]++;
}

/* ---- pgtable.pages ---- */
static void dead_table(void)
{
    *upper(0xe00) = s.world->pool[POOL_TABLE].used + 1;
}
static void wild_table(void)
{
    *upper(0xe00) = UINT64_MAX >> 1; /* the bit above tells huge entries apart */
}
static void linked_twice(void)
{
    *upper(0x800) = *upper(0x600);
}
static void needless(void)
{
    *upper(0xa00) = *upper(0x600);
    *upper(0x600) = 0;
}
static void table_count(void)
{
    s.p0->nr_tables++;
}
static void table_lost(void)
{
    *upper(0x600) = 0;
    s.p0->nr_tables--;
}

/* ---- rmap.complete ---- */
static void not_oldest(void)
{
    frame(s.p0, 0x100)->mapping = (uintptr_t)at(s.p1, 0x100)->anon_vma | PAGE_MAPPING_ANON;
}

static void not_oldest_swapped(void)
{
    slot(0x103)->page->mapping = (uintptr_t)at(s.p1, 0x100)->anon_vma | PAGE_MAPPING_ANON;
}

/* ---- rmap.mapcount ---- */
static void mapcount_high(void)
{
    frame(s.p0, 0x120)->mapcount++;
}
static void mapcount_low(void)
{
    frame(s.p0, 0x100)->mapcount--;
}
static void refcount_high(void)
{
    frame(s.p0, 0x130)->refcount++;
}
static void refcount_low(void)
{
    frame(s.p0, 0x105)->refcount--;
}
static void pins_high(void)
{
    frame(s.p0, 0x101)->pins++;
}
static void pin_forgotten(void)
{
    s.world->pin[0].used = false;
}
static void pin_of_freed(void)
{
    s.world->pin[1] = (struct pin){.used = true, .page = freed_page_at()};
}
static void entry_of_freed(void)
{
    *pte(s.p0, 0x107) = PTE_PRESENT | (pte_t)freed_page() << PTE_SHIFT;
}
static void frame_lost(void)
{
    struct page *page = page_alloc(s.world, 0);

    page->refcount = 0;
    world_begin(s.world, 0);
    note_page(s.world, page);
}

#define FLIP(name, page, flag)                                                                     \
    static void name(void)                                                                         \
    {                                                                                              \
        frame(s.p0, page)->flags ^= flag;                                                          \
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
    *pte(s.p1, 0x100) |= PTE_WRITE;
}
static void pinned_shared(void)
{
    frame(s.p0, 0x105)->flags &= ~(uint32_t)PG_EXCLUSIVE;
    *pte(s.p0, 0x105) &= ~(pte_t)PTE_WRITE;
}
static void swap_shared(void)
{
    *pte(s.p1, 0x102) |= PTE_EXCLUSIVE;
}

/* ---- page.index ---- */
static void index_off(void)
{
    frame(s.p0, 0x101)->index += 3;
}
static void file_index_off(void)
{
    frame(s.p0, 0x121)->index++;
}
static void dead_anon_vma(void)
{
    frame(s.p0, 0x101)->mapping = PAGE_MAPPING_ANON | (uintptr_t)s.world;
}
static void other_family(void)
{
    frame(s.p0, 0x101)->mapping = (uintptr_t)at(s.p0, 0x600)->anon_vma | PAGE_MAPPING_ANON;
}
static void other_object(void)
{
    frame(s.p0, 0x120)->mapping = (uintptr_t)s.world->fd[2]->mapping;
}
static void no_mapping(void)
{
    frame(s.p0, 0x130)->mapping = 0;
}
static struct page *unmapped_cached(void)
{
    return page_cache_find(s.world->fd[0]->mapping, 4);
}
static void cache_order(void)
{
    unmapped_cached()->index = 6;
}
static void cache_beyond_end(void)
{
    s.world->fd[0]->mapping->size = 7; /* 7 is cached, and nowhere mapped */
}
static void cache_wild(void)
{
    page_cache_find(s.world->fd[2]->mapping, 0);
    s.world->fd[2]->mapping->pages.node = &freed_page_at()->rb;
}

/* ---- swap.counts ---- */
static void slot_count(void)
{
    slot(0x102)->count++;
}
static void cached_slot_count(void)
{
    slot(0x103)->count--;
}
static void slot_page_freed(void)
{
    slot(0x102)->page = freed_page_at();
}
static void page_denies(void)
{
    slot(0x102)->page = frame(s.p0, 0x101);
}
static void slot_denies(void)
{
    slot(0x103)->page->swap = (uint32_t)(*pte(s.p0, 0x102) >> PTE_SHIFT);
}
static void page_slot_freed(void)
{
    slot(0x103)->page->swap = s.world->pool[POOL_SLOT].used;
}
static void entry_slot_freed(void)
{
    *pte(s.p0, 0x107) = PTE_SWAP | (pte_t)s.world->pool[POOL_SLOT].used << PTE_SHIFT;
    s.p0->rss[MM_SWAPENTS]++;
}
static void slot_lost(void)
{
    struct swap_slot *lost = pool_alloc(s.world, POOL_SLOT);

    memset(lost, 0, sizeof(*lost));
}

/* ---- account.rss, locks, object.refs ---- */
static void rss_file(void)
{
    s.p0->rss[MM_FILEPAGES]++;
}
static void rss_anon(void)
{
    s.p1->rss[MM_ANONPAGES]--;
}
static void rss_swap(void)
{
    s.p0->rss[MM_SWAPENTS]--;
}
static void rss_shmem(void)
{
    s.p1->rss[MM_SHMEMPAGES]++;
}
static void rss_high_water(void)
{
    s.p0->hiwater_rss = 1;
}
static void lock_breached(void)
{
    s.world->locks.broken = "a test";
}
static void lock_kept(void)
{
    s.world->locks.root = at(s.p0, 0x100)->anon_vma->root;
}
static void exe_uncounted(void)
{
    s.p1->exe_file = s.world->fd[0];
}

#define FULL 1    /* the full form sees it, and no other law does */
#define TOUCHED 2 /* so does the touched form */
#define COMPANY 4 /* other laws see it too, in one form or the other */
static const struct corruption {
    const char *name;
    void (*corrupt)(void);
    enum law_id law;
    const char *site;
    unsigned forms;
    enum law_id picture; /* the law that sees it on a picture; LAW_NONE: it does not show */
    enum rules rules;
} corruptions[] = {
#define ROW(function, law, site, forms, picture)                                                   \
    {                                                                                              \
#function, function, LAW_##law, site, forms, LAW_##picture, RULES_LINUX_6_1                \
    }
    ROW(outside, PGTABLE_INSIDE, "outside", FULL | TOUCHED, PGTABLE_INSIDE),
    ROW(migrating, PGTABLE_INSIDE, "migration", FULL | TOUCHED, PGTABLE_INSIDE),
    ROW(unknown_bit, PGTABLE_INSIDE, "bits", FULL | TOUCHED, NONE),
    ROW(two_kinds, PGTABLE_INSIDE, "bits", FULL | TOUCHED, NONE),
    ROW(no_memory, PGTABLE_INSIDE, "no-memory", FULL | TOUCHED, PGTABLE_INSIDE),
    ROW(writable, PGTABLE_INSIDE, "writable", FULL | TOUCHED, PGTABLE_INSIDE),
    ROW(writable_zeroes, PGTABLE_INSIDE, "writable-zeroes", FULL | TOUCHED, PGTABLE_INSIDE),
    ROW(writable_file_page, PGTABLE_INSIDE, "writable-file-page", FULL | TOUCHED, PGTABLE_INSIDE),
    ROW(zeroes_of_file, PGTABLE_INSIDE, "zeroes-of-file", FULL | TOUCHED, PGTABLE_INSIDE),
    ROW(swap_unfaulted, PGTABLE_INSIDE, "swap-unfaulted", FULL | TOUCHED | COMPANY, PGTABLE_INSIDE),
    ROW(dead_table, PGTABLE_PAGES, "dead-table", FULL | TOUCHED, NONE),
    ROW(wild_table, PGTABLE_PAGES, "dead-table", FULL | TOUCHED, NONE),
    ROW(linked_twice, PGTABLE_PAGES, "linked-twice", FULL, NONE),
    ROW(needless, PGTABLE_PAGES, "nobody-needs-it", FULL | TOUCHED, NONE),
    ROW(table_count, PGTABLE_PAGES, "count", FULL | TOUCHED, NONE),
    ROW(table_lost, PGTABLE_PAGES, NULL, FULL | TOUCHED, NONE),
    ROW(not_oldest, RMAP_COMPLETE, "missed", FULL | TOUCHED, RMAP_COMPLETE),
    ROW(not_oldest_swapped, RMAP_COMPLETE, "swapped-missed", FULL | TOUCHED, RMAP_COMPLETE),
    ROW(mapcount_high, RMAP_MAPCOUNT, "mapcount", FULL | TOUCHED, RMAP_MAPCOUNT),
    ROW(mapcount_low, RMAP_MAPCOUNT, "mapcount", FULL | TOUCHED, RMAP_MAPCOUNT),
    ROW(refcount_high, RMAP_MAPCOUNT, "refcount", FULL | TOUCHED, RMAP_MAPCOUNT),
    ROW(refcount_low, RMAP_MAPCOUNT, "refcount", FULL | TOUCHED, RMAP_MAPCOUNT),
    ROW(pins_high, RMAP_MAPCOUNT, "pins", FULL | TOUCHED, RMAP_MAPCOUNT),
    ROW(pin_forgotten, RMAP_MAPCOUNT, "pins", FULL | TOUCHED, NONE),
    ROW(pin_of_freed, RMAP_MAPCOUNT, "dead-frame", FULL | TOUCHED, NONE),
    ROW(entry_of_freed, RMAP_MAPCOUNT, "dead-frame", FULL | TOUCHED, RMAP_MAPCOUNT),
    ROW(frame_lost, RMAP_MAPCOUNT, "lost", FULL | TOUCHED, NONE),
    ROW(mlocked_by_nobody, RMAP_MAPCOUNT, "mlocked", FULL | TOUCHED, RMAP_MAPCOUNT),
    ROW(mlocked_shared, RMAP_MAPCOUNT, "mlocked", FULL | TOUCHED, RMAP_MAPCOUNT),
    ROW(mlocked_forgotten, RMAP_MAPCOUNT, "mlocked", FULL | TOUCHED, RMAP_MAPCOUNT),
    ROW(exclusive_shared, RMAP_EXCLUSIVE, "exclusive-shared", FULL | TOUCHED, RMAP_EXCLUSIVE),
    ROW(exclusive_file_page, RMAP_EXCLUSIVE, "exclusive-file-page", FULL | TOUCHED, RMAP_EXCLUSIVE),
    {"exclusive_early", exclusive_early, LAW_RMAP_EXCLUSIVE, "exclusive-rules", FULL | TOUCHED,
     LAW_RMAP_EXCLUSIVE, RULES_LINUX_5_10},
    ROW(shared_writable, RMAP_EXCLUSIVE, "shared-writable", FULL | TOUCHED, RMAP_EXCLUSIVE),
    {"shared_writable 4.4", shared_writable, LAW_RMAP_EXCLUSIVE, "shared-writable", FULL | TOUCHED,
     LAW_RMAP_EXCLUSIVE, RULES_LINUX_4_4},
    ROW(not_exclusive_writable, RMAP_EXCLUSIVE, "shared-writable", FULL | TOUCHED, RMAP_EXCLUSIVE),
    ROW(pinned_shared, RMAP_EXCLUSIVE, "pinned-shared", FULL | TOUCHED, RMAP_EXCLUSIVE),
    ROW(swap_shared, RMAP_EXCLUSIVE, "swap-shared", FULL | TOUCHED, RMAP_EXCLUSIVE),
    ROW(index_off, PAGE_INDEX, "index", FULL | TOUCHED | COMPANY, PAGE_INDEX),
    ROW(file_index_off, PAGE_INDEX, "index", FULL | TOUCHED | COMPANY, PAGE_INDEX),
    ROW(dead_anon_vma, PAGE_INDEX, "dead-anon-vma", FULL | TOUCHED | COMPANY, PAGE_INDEX),
    ROW(other_family, PAGE_INDEX, "family", FULL | TOUCHED | COMPANY, PAGE_INDEX),
    ROW(other_object, PAGE_INDEX, "object", FULL | TOUCHED | COMPANY, PAGE_INDEX),
    ROW(no_mapping, PAGE_INDEX, "no-mapping", FULL | TOUCHED | COMPANY, PAGE_INDEX),
    ROW(cache_order, PAGE_INDEX, "cache-order", FULL | TOUCHED | COMPANY, RMAP_MAPCOUNT),
    ROW(cache_beyond_end, PAGE_INDEX, "cache-beyond-end", FULL, NONE),
    ROW(cache_wild, PAGE_INDEX, "cache-dead-page", FULL, NONE),
    ROW(slot_count, SWAP_COUNTS, "count", FULL | TOUCHED, SWAP_COUNTS),
    ROW(cached_slot_count, SWAP_COUNTS, "count", FULL | TOUCHED, SWAP_COUNTS),
    ROW(slot_page_freed, SWAP_COUNTS, "dead-page", FULL | TOUCHED, NONE),
    ROW(page_denies, SWAP_COUNTS, "page-denies", FULL | TOUCHED, SWAP_COUNTS),
    ROW(slot_denies, SWAP_COUNTS, NULL, FULL | TOUCHED, SWAP_COUNTS),
    ROW(page_slot_freed, SWAP_COUNTS, NULL, FULL | TOUCHED, SWAP_COUNTS),
    ROW(entry_slot_freed, SWAP_COUNTS, "dead-slot", FULL | TOUCHED, SWAP_COUNTS),
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

static bool picture_ok(struct verdict *v)
{
    assert_int_equal(model_snapshot(s.world, &s.picture), 0);
    return laws_snapshot(&s.picture, v);
}

static void assert_quiet(void)
{
    struct verdict v = {.law = LAW_NONE};

    for (unsigned law = 0; law < NR_LAWS; law++)
        if (!law_full((enum law_id)law, s.world, &v) || !law_touched((enum law_id)law, s.world, &v))
            fail_msg("%s (%s): %s", law_table[v.law].name, v.site, v.text);
    if (!laws_full(s.world, &v) || !laws_touched(s.world, &v) || !picture_ok(&v))
        fail_msg("%s (%s): %s", law_table[v.law].name, v.site, v.text);
    assert_true(sweep(s.world));
}

typedef bool one_law(enum law_id law, const struct world *world, struct verdict *v);
typedef bool all_laws(const struct world *world, struct verdict *v);

/* Seen by this form of this law, and of no other. */
static void assert_seen(const struct corruption *k, const char *form, one_law *one, all_laws *all)
{
    struct verdict v = {.law = LAW_NONE};

    for (unsigned law = 0; law < NR_LAWS && !(k->forms & COMPANY); law++)
        if (law != k->law && !one((enum law_id)law, s.world, &v))
            fail_msg("%s: the %s form says %s (%s): %s", k->name, form, law_table[v.law].name,
                     v.site, v.text);
    if (one(k->law, s.world, &v))
        fail_msg("%s: the %s form of %s sees nothing", k->name, form, law_table[k->law].name);
    if (v.law != k->law || (k->site && strcmp(v.site, k->site) != 0))
        fail_msg("%s: the %s form says %s (%s)", k->name, form, law_table[v.law].name, v.site);
    if (!*v.text)
        fail_msg("%s: the %s form gives no reason", k->name, form);
    if (all(s.world, &v))
        fail_msg("%s: all %s forms together see nothing", k->name, form);
}

static void each_clause_trips(void **state)
{
    (void)state;
    for (unsigned i = 0; i < NR_CORRUPTIONS; i++) {
        const struct corruption *k = &corruptions[i];
        struct verdict v = {.law = LAW_NONE};

        set(k->rules);
        assert_quiet();
        k->corrupt();
        if (k->forms & FULL)
            assert_seen(k, "full", law_full, laws_full);
        if (k->forms & TOUCHED)
            assert_seen(k, "touched", law_touched, laws_touched);
        if (!(k->forms & FULL))
            assert_int_equal(sweep(s.world), k->law == LAW_LOCKS);
        v = (struct verdict){.law = LAW_NONE};
        if (picture_ok(&v) != (k->picture == LAW_NONE) || v.law != k->picture)
            fail_msg("%s: the picture says: %s %s", k->name, law_table[v.law].name, v.text);
        s.world->locks = (struct lock_state){NULL, NULL, NULL};
    }
}

/* Frames that do not fit into the notes, and notes of VMAs that do not: the verdict is the same. */
static void overflow_is_judged(void **state)
{
    struct verdict v = {.law = LAW_NONE};

    (void)state;
    set(RULES_LINUX_6_1);
    world_begin(s.world, 0);
    s.world->notes.page_overflow = true;
    frame(s.p0, 0x120)->mapcount++;
    assert_false(laws_touched(s.world, &v));
    assert_int_equal(v.law, LAW_RMAP_MAPCOUNT);
    set(RULES_LINUX_6_1);
    s.world->notes.overflow = true;
    lock_breached();
    assert_false(laws_touched(s.world, &v));
    assert_int_equal(v.law, LAW_LOCKS);
    s.world->locks.broken = NULL;
}

/* A range whose layout has changed is judged even if no entry is said to have changed. */
static void layout_notes_count(void **state)
{
    struct verdict v = {.law = LAW_NONE};

    (void)state;
    set(RULES_LINUX_6_1);
    writable_file_page();
    world_begin(s.world, 0);
    assert_true(law_touched(LAW_PGTABLE_INSIDE, s.world, &v));
    note_range(s.p0, PAGES(0x120), PAGES(0x121));
    assert_false(law_touched(LAW_PGTABLE_INSIDE, s.world, &v));
}

static uint64_t random_state;

static uint64_t next_random(void)
{
    random_state = random_state * 6364136223846793005U + 1442695040888963407U;
    return random_state >> 33;
}

static uint64_t wild_value(void)
{
    const struct pool *pool = &s.world->pool[next_random() % NR_POOLS];

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
        struct verdict v = {.law = LAW_NONE};

        set(round % NR_RULES);
        for (uint64_t i = next_random() % 3 + 1; i; i--) {
            const struct pool *pool = &s.world->pool[victims[next_random() % 6]];
            uint64_t *words = pool_object(pool, (uint32_t)next_random() % pool->used);
            const uint64_t word = pool == &s.world->pool[POOL_MM]
                                      ? offsetof(struct mm, pgd) / 8
                                      : next_random() % (pool->size / 8);

            if (words)
                words[word] = wild_value();
        }
        broken += !laws_full(s.world, &v);
        (void)laws_touched(s.world, &v);
        (void)picture_ok(&v);
        for (unsigned law = 0; law < NR_LAWS; law++) {
            (void)law_full((enum law_id)law, s.world, &v);
            (void)law_touched((enum law_id)law, s.world, &v);
        }
    }
    assert_true(broken > 2000);
}

static void quiet_under_all_rules(void **state)
{
    struct verdict v = {.law = LAW_NONE};

    (void)state;
    for (unsigned rules = 0; rules < NR_RULES; rules++) {
        set(rules);
        assert_quiet();
        CALL(0, mm_migrate(s.p0, PAGES(0x100), PAGES(0x40)));
        assert_quiet();
        CALL(0, world_swapoff(s.world));
        assert_quiet();
        CALL(0, mm_set_exe_file(s.p0, 0));
        assert_quiet();
        CALL(0, mm_exit(s.p0));
        s.p0 = NULL;
        assert_quiet();
        world_exit(s.world);
        assert_true(laws_after_exit(s.world, &v));
    }
}

static void leaks_are_named(void **state)
{
    static const enum pool_id pools[] = {POOL_PAGE, POOL_TABLE, POOL_SLOT};
    struct verdict v = {.law = LAW_NONE};

    (void)state;
    for (unsigned i = 0; i < sizeof(pools) / sizeof(*pools); i++) {
        set(RULES_LINUX_6_1);
        world_exit(s.world);
        assert_non_null(pool_alloc(s.world, pools[i]));
        assert_false(laws_after_exit(s.world, &v));
        assert_int_equal(v.law, LAW_LEAK);
        assert_string_equal(v.site, s.world->pool[pools[i]].name);
    }
}

/* ---- pictures ---- */
static void picture_shows_pages(void **state)
{
    const struct snapshot *p = &s.picture;
    struct verdict v = {.law = LAW_NONE};

    (void)state;
    set(RULES_LINUX_6_1);
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
    assert_int_equal(p->proc[0].nr_tables, s.p0->nr_tables);
    assert_int_equal(p->proc[1].first_pte, p->proc[0].nr_ptes);
    assert_int_equal(p->nr_pages, s.world->pool[POOL_PAGE].nlive);
    assert_int_equal(p->nr_slots, s.world->pool[POOL_SLOT].nlive);
}

static void hash_has_pages(void **state)
{
    struct verdict v = {.law = LAW_NONE};
    uint64_t hash;

    (void)state;
    set(RULES_LINUX_6_1);
    assert_true(picture_ok(&v));
    hash = snapshot_hash(&s.picture);
    s.picture.pte[0].flags ^= SNAP_PTE_YOUNG;
    assert_true(hash != snapshot_hash(&s.picture));
    assert_true(picture_ok(&v));
    s.picture.page[0].stamp++;
    assert_true(hash != snapshot_hash(&s.picture));
    assert_true(picture_ok(&v));
    s.picture.slot[0].stamp++;
    assert_true(hash != snapshot_hash(&s.picture));
    assert_true(picture_ok(&v));
    s.picture.proc[1].hiwater_rss++;
    assert_true(hash != snapshot_hash(&s.picture));
    assert_true(picture_ok(&v));
    assert_true(hash == snapshot_hash(&s.picture));
}

static int setup(void **state)
{
    (void)state;
    s.world = world_new(0);
    return s.world ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    snapshot_fini(&s.picture);
    world_destroy(s.world);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_clause_trips),     cmocka_unit_test(overflow_is_judged),
        cmocka_unit_test(layout_notes_count),    cmocka_unit_test(every_law_survives),
        cmocka_unit_test(quiet_under_all_rules), cmocka_unit_test(leaks_are_named),
        cmocka_unit_test(picture_shows_pages),   cmocka_unit_test(hash_has_pages),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
