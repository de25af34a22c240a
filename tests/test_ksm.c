/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KSM: what is merged, and by whom it is found; who gets a copy, and when; what is left when one
 * after the other goes. And the clauses of the laws about it, each on one corrupted field.
 *
 *   0x100  mergeable: 0 ones  1 ones  2 zeroes  3 not written      0x110  mergeable: 0 ones
 *   0x120  ordinary memory: 0 ones
 */
#include "tests/page_judge.h"

#include <string.h>

#define ONES UINT64_C(0x1111111111111111)
#define TWOS UINT64_C(0x2222222222222222)

static struct mm *p0, *p1;

/* With its n-th allocation failing. */
#define CALL_FAILING(n, expected, call)                                                            \
    do {                                                                                           \
        world_begin(world, n);                                                                     \
        assert_int_equal(call, expected);                                                          \
    } while (0)

static void put(struct mm *mm, uintptr_t page, uint64_t stamp)
{
    CALL(0, mm_access(mm, PAGES(page), PROT_WRITE, false, stamp));
}

static uint64_t get(struct mm *mm, uintptr_t page)
{
    world_begin(world, 0);
    return (uint64_t)mm_access(mm, PAGES(page), PROT_READ, false, 0);
}

static void map(uintptr_t page, size_t pages, bool mergeable)
{
    CALL((long)PAGES(page), mm_mmap(p0, PAGES(page), PAGES(pages), RW,
                                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
    if (mergeable)
        CALL(0, mm_madvise(p0, PAGES(page), PAGES(pages), MADV_MERGEABLE));
}

static void start(enum rules rules)
{
    start_world(rules, true);
    p0 = world->proc[0];
    p1 = NULL;
    map(0x100, 4, true);
    map(0x110, 1, true);
    map(0x120, 1, false);
    put(p0, 0x100, ONES);
    put(p0, 0x101, ONES);
    put(p0, 0x102, 0);
    put(p0, 0x110, ONES);
    put(p0, 0x120, ONES);
}

static void scan(struct mm *mm)
{
    CALL(0, mm_ksm(mm, 0, mm->task_size, false));
}

static void fork_p1(void)
{
    CALL(0, mm_fork(p0, 1));
    p1 = world->proc[1];
}

static pte_t *pte(struct mm *mm, uintptr_t page)
{
    return pte_find(mm, PAGES(page));
}

static struct page *frame(struct mm *mm, uintptr_t page)
{
    return page_of_pte(world, mm_pte(mm, PAGES(page)));
}

static struct ksm_node *node(struct mm *mm, uintptr_t page)
{
    return page_ksm_node(frame(mm, page));
}

static bool count_one(struct vma *vma, uintptr_t addr, pte_t *entry, struct page *page, void *arg)
{
    (void)vma;
    (void)addr;
    (void)entry;
    (void)page;
    ++*(unsigned *)arg;
    return true;
}

static unsigned walked(struct page *page)
{
    unsigned n = 0;

    rmap_walk(world, page, count_one, &n);
    return n;
}

/* VMAs, too. */
static void note_all(void)
{
    note_everything();
    for (unsigned i = 0; i < world->nr_procs; i++)
        for (struct vma *vma = world->proc[i] ? world->proc[i]->mmap : NULL; vma;
             vma = vma->vm_next)
            note_vma(world, vma, NOTE_NEAR);
}

static void assert_all_quiet(void)
{
    note_all();
    assert_quiet();
}

static void for_all_rules(void (*test)(enum rules))
{
    for (unsigned rules = 0; rules < NR_RULES; rules++) {
        start((enum rules)rules);
        test((enum rules)rules);
        assert_all_quiet();
        end_world();
    }
}

/* ---- merging ---- */
static void equal_pages_merge(enum rules rules)
{
    struct page *page;

    scan(p0);
    page = frame(p0, 0x100);
    assert_non_null(page_ksm_node(page));
    assert_ptr_equal(frame(p0, 0x101), page);
    assert_ptr_equal(frame(p0, 0x110), page);
    assert_ptr_not_equal(frame(p0, 0x102), page);
    assert_ptr_not_equal(frame(p0, 0x120), page); /* nobody has advised so */
    assert_int_equal(page->mapcount, 3);
    assert_int_equal(walked(page), 3);
    assert_false(page->flags & PG_EXCLUSIVE);
    assert_false(*pte(p0, 0x100) & PTE_WRITE);
    assert_int_equal(p0->rss[MM_ANONPAGES], 5);
    put(p0, 0x103, rules + 1000); /* alone with it */
    scan(p0);
    assert_null(node(p0, 0x103));
    put(p0, 0x102, ONES); /* comes to those who are there */
    scan(p0);
    assert_ptr_equal(frame(p0, 0x102), page);
}

/* Who writes gets a copy, the last one too. */
static void writes_copy(enum rules rules)
{
    (void)rules;
    scan(p0);
    put(p0, 0x100, 7);
    put(p0, 0x101, 8);
    assert_int_equal(world->pool[POOL_KSM_NODE].nlive, 1);
    assert_int_equal(frame(p0, 0x110)->mapcount, 1);
    put(p0, 0x110, 9);
    assert_int_equal(world->pool[POOL_KSM_NODE].nlive, 0);
    assert_int_equal(world->pool[POOL_KSM_ITEM].nlive, 0);
    assert_int_equal(get(p0, 0x100), 7);
    assert_int_equal(get(p0, 0x101), 8);
    assert_int_equal(get(p0, 0x110), 9);
}

static void zeroes_merge(enum rules rules)
{
    scan(p0);
    CALL(0, mm_ksm(p0, PAGES(0x100), PAGES(4), true));
    assert_int_equal((mm_pte(p0, PAGES(0x102)) & PTE_SPECIAL) != 0, rules >= RULES_LINUX_5_10);
    assert_int_equal(p0->rss[MM_ANONPAGES], rules >= RULES_LINUX_5_10 ? 4 : 5);
    put(p0, 0x102, 5);
    assert_int_equal(get(p0, 0x102), 5);
}

/* A page that a device has stays what it is; one that several have may only be left by them. */
static void some_do_not_merge(enum rules rules)
{
    if (rules >= RULES_LINUX_5_10)
        CALL(0, mm_pin(p0, 0, PAGES(0x100), true));
    fork_p1();
    put(p0, 0x110, 3);
    put(p1, 0x110, 3);
    scan(p1);
    scan(p0);
    assert_ptr_equal(frame(p0, 0x110), frame(p1, 0x110));
    if (rules >= RULES_LINUX_5_10) {
        assert_null(node(p0, 0x100));
        CALL(0, world_unpin(world, 0));
    }
    assert_ptr_equal(frame(p0, 0x101), frame(p1, 0x101)); /* by fork: nobody is better off */
}

/* ---- who finds it ---- */
static void fork_needs_no_item(enum rules rules)
{
    struct page *page;
    uint32_t items;

    (void)rules;
    scan(p0);
    items = world->pool[POOL_KSM_ITEM].nlive;
    page = frame(p0, 0x100);
    fork_p1();
    assert_int_equal(walked(page), 6);
    scan(p1);
    assert_int_equal(world->pool[POOL_KSM_ITEM].nlive, items);
    put(p1, 0x100, 4);
    put(p1, 0x100, ONES);
    scan(p1); /* back again, where it was */
    assert_int_equal(world->pool[POOL_KSM_ITEM].nlive, items);
    assert_int_equal(walked(page), 6);
    CALL(0, mm_exit(p0));
    p0 = p1;
    assert_int_equal(walked(page), 3);
}

/* Child first: its item does not lead to the parent's VMA, whose own leads to both. */
static void each_is_found_once(enum rules rules)
{
    (void)rules;
    fork_p1();
    put(p1, 0x100, TWOS);
    put(p1, 0x101, TWOS);
    scan(p1);
    put(p0, 0x100, TWOS);
    scan(p0);
    assert_ptr_equal(frame(p0, 0x100), frame(p1, 0x100));
    assert_int_equal(walked(frame(p0, 0x100)), 3);
}

static void items_hold_anon_vmas(enum rules rules)
{
    const uint32_t before = world->pool[POOL_ANON_VMA].nlive;

    (void)rules;
    scan(p0);
    CALL(0, mm_munmap(p0, PAGES(0x100), PAGES(4)));
    assert_int_equal(world->pool[POOL_ANON_VMA].nlive, before);
    assert_all_quiet();
    assert_int_equal(walked(frame(p0, 0x110)), 1);
    put(p0, 0x110, 1);
    assert_int_equal(world->pool[POOL_ANON_VMA].nlive, before - 1);
}

/* ---- apart again ---- */
static void unmergeable_copies(enum rules rules)
{
    (void)rules;
    scan(p0);
    CALL_FAILING(1, -EAGAIN, mm_madvise(p0, PAGES(0x100), PAGES(4), MADV_UNMERGEABLE));
    assert_true(find_vma(p0, PAGES(0x100))->vm_flags & VM_MERGEABLE);
    assert_all_quiet();
    CALL(0, mm_madvise(p0, PAGES(0x100), PAGES(4), MADV_UNMERGEABLE));
    assert_null(node(p0, 0x100));
    assert_null(node(p0, 0x101));
    assert_non_null(node(p0, 0x110));
    assert_int_equal(get(p0, 0x101), ONES);
}

static void moving_copies(enum rules rules)
{
    const int flags = MREMAP_MAYMOVE | MREMAP_FIXED;

    (void)rules;
    scan(p0);
    CALL_FAILING(1, -ENOMEM, mm_mremap(p0, PAGES(0x101), PAGES(1), PAGES(1), flags, PAGES(0x200)));
    assert_all_quiet();
    CALL((long)PAGES(0x200), mm_mremap(p0, PAGES(0x101), PAGES(1), PAGES(1), flags, PAGES(0x200)));
    assert_null(node(p0, 0x200));
    assert_non_null(node(p0, 0x100));
    assert_int_equal(get(p0, 0x200), ONES);
}

/* The first to come back has it as an ordinary page, the others get copies. */
static void swap_ends_it(enum rules rules)
{
    (void)rules;
    scan(p0);
    CALL(0, mm_reclaim(p0, PAGES(0x100), PAGES(1), true));
    assert_int_equal(world->pool[POOL_KSM_NODE].nlive, 0);
    assert_int_equal(world->pool[POOL_SLOT].nlive, 1);
    assert_int_equal(get(p0, 0x101), ONES);
    assert_all_quiet();
    CALL_FAILING(1, -ENOMEM, mm_access(p0, PAGES(0x110), PROT_READ, false, 0));
    assert_all_quiet();
    assert_int_equal(get(p0, 0x110), ONES);
    CALL(0, world_swapoff(world));
    assert_int_equal(get(p0, 0x100), ONES);
    assert_ptr_not_equal(frame(p0, 0x100), frame(p0, 0x101));
    assert_ptr_not_equal(frame(p0, 0x110), frame(p0, 0x101));
}

static void migration_keeps_it(enum rules rules)
{
    const struct page *page;

    (void)rules;
    scan(p0);
    page = frame(p0, 0x100);
    CALL(0, mm_migrate(p0, PAGES(0x100), PAGES(1)));
    assert_ptr_not_equal(frame(p0, 0x100), page);
    assert_ptr_equal(node(p0, 0x110)->page, frame(p0, 0x100));
    assert_int_equal(walked(frame(p0, 0x100)), 3);
}

/* Freed by one who was alone with it, and wanted by the next. */
static void lazily_freed_is_wanted(enum rules rules)
{
    if (rules < RULES_LINUX_5_10)
        return;
    scan(p0);
    put(p0, 0x100, 1);
    put(p0, 0x101, 2);
    CALL(0, mm_madvise(p0, PAGES(0x110), PAGES(1), MADV_FREE));
    assert_false(frame(p0, 0x110)->flags & PG_SWAPBACKED);
    put(p0, 0x100, ONES);
    scan(p0);
    assert_ptr_equal(frame(p0, 0x100), frame(p0, 0x110));
    CALL(0, mm_reclaim(p0, PAGES(0x110), PAGES(1), false));
    assert_int_equal(get(p0, 0x100), ONES);
}

/* Twice in one locked VMA: one entry that goes leaves the other. */
static void locked_twice(enum rules rules)
{
    (void)rules;
    scan(p0);
    CALL(0, mm_mlock2(p0, PAGES(0x100), PAGES(4), MLOCK_ONFAULT));
    assert_true(frame(p0, 0x110)->flags & PG_MLOCKED);
    put(p0, 0x100, 6);
    assert_true(frame(p0, 0x110)->flags & PG_MLOCKED);
    put(p0, 0x100, ONES);
    scan(p0);
    CALL(0, mm_munmap(p0, PAGES(0x100), PAGES(4)));
    assert_false(frame(p0, 0x110)->flags & PG_MLOCKED);
}

/* A page has so many items at most; then there is a second one. */
static void sharing_is_limited(enum rules rules)
{
    (void)rules;
    map(0x200, 600, true);
    for (uintptr_t page = 0x200; page < 0x200 + 600; page++)
        put(p0, page, TWOS);
    scan(p0);
    assert_int_equal(world->pool[POOL_KSM_NODE].nlive, 4);
    assert_int_equal(walked(frame(p0, 0x200)), KSM_MAX_SHARING);
    assert_all_quiet();
    CALL(0, mm_mlock(p0, PAGES(0x200), PAGES(600)));
    scan(p0);
    CALL(0, mm_munlock(p0, PAGES(0x200), PAGES(600)));
}

/* Before 6.1 munlock walks each page, through all VMAs of all places that share it. The call's
 * budget allows for it. */
static void long_walks_are_allowed(enum rules rules)
{
    (void)rules;
    map(0x200, 660, true);
    for (uintptr_t page = 0x200; page < 0x200 + 660; page++)
        put(p0, page, TWOS);
    for (uintptr_t page = 0x200 + 600; page < 0x200 + 660; page += 2)
        CALL(0, mm_mprotect(p0, PAGES(page), PAGE_SIZE, PROT_READ));
    CALL(0, mm_mlock(p0, PAGES(0x200), PAGES(600)));
    scan(p0);
    CALL(0, mm_munlock(p0, PAGES(0x200), PAGES(600)));
}

/* No place is merged, or all of one pair; nothing is lost. */
static void scans_without_memory(enum rules rules)
{
    for (uint64_t n = 1; n <= 6; n++) {
        start(rules);
        CALL_FAILING(n, 0, mm_ksm(p0, 0, p0->task_size, false));
        assert_all_quiet();
    }
}

static void merge_tests(void **state)
{
    (void)state;
    for_all_rules(equal_pages_merge);
    for_all_rules(writes_copy);
    for_all_rules(zeroes_merge);
    for_all_rules(some_do_not_merge);
    for_all_rules(sharing_is_limited);
    for_all_rules(long_walks_are_allowed);
    for_all_rules(scans_without_memory);
}

static void walk_tests(void **state)
{
    (void)state;
    for_all_rules(fork_needs_no_item);
    for_all_rules(each_is_found_once);
    for_all_rules(items_hold_anon_vmas);
}

static void break_tests(void **state)
{
    (void)state;
    for_all_rules(unmergeable_copies);
    for_all_rules(moving_copies);
    for_all_rules(swap_ends_it);
    for_all_rules(migration_keeps_it);
    for_all_rules(lazily_freed_is_wanted);
    for_all_rules(locked_twice);
}

/* ---- idle pages ---- */
static void idle_pages(void **state)
{
    struct page *page;

    (void)state;
    start(RULES_LINUX_6_1);
    page = frame(p0, 0x120);
    CALL(0, mm_rmap_walk(p0, PAGES(0x120), PAGES(1), RMAP_IDLE_SET));
    assert_int_equal(page->flags & (PG_IDLE | PG_YOUNG), PG_IDLE | PG_YOUNG);
    assert_false(*pte(p0, 0x120) & PTE_YOUNG);
    CALL(0, mm_rmap_walk(p0, PAGES(0x120), PAGES(1), RMAP_IDLE_GET));
    assert_true(page->flags & PG_IDLE);
    get(p0, 0x120);
    CALL(0, mm_rmap_walk(p0, PAGES(0x120), PAGES(1), RMAP_IDLE_GET));
    assert_int_equal(page->flags & (PG_IDLE | PG_YOUNG), PG_YOUNG);
    CALL(0, mm_rmap_walk(p0, PAGES(0x120), PAGES(1), RMAP_REFERENCED));
    assert_false(page->flags & (PG_IDLE | PG_YOUNG));
    CALL(0, mm_rmap_walk(p0, PAGES(0x120), PAGES(1), RMAP_IDLE_SET));
    assert_int_equal(page->flags & (PG_IDLE | PG_YOUNG), PG_IDLE); /* nobody has looked */
    assert_all_quiet();
}

/* ---- laws ---- */
static struct ksm_item *item(uintptr_t page)
{
    struct ksm_item *found = node(p0, 0x110)->items;

    while (found->address != PAGES(page))
        found = found->next;
    return found;
}

static struct anon_vma *freed_anon_vma(void)
{
    struct anon_vma *anon_vma = pool_alloc(world, POOL_ANON_VMA);

    pool_free(world, POOL_ANON_VMA, anon_vma);
    return anon_vma;
}

static void writable(void)
{
    *pte(p0, 0x100) |= PTE_WRITE;
}
static void unmergeable(void)
{
    find_vma(p0, PAGES(0x100))->vm_flags &= ~(uint64_t)VM_MERGEABLE;
}
static void exclusive(void)
{
    frame(p0, 0x100)->flags |= PG_EXCLUSIVE;
}
static void wild_node(void)
{
    frame(p0, 0x100)->mapping += 64 * sizeof(struct ksm_node);
}
static void other_frame(void)
{
    node(p0, 0x100)->page = frame(p0, 0x102);
}
static void dead_frame(void)
{
    node(p0, 0x100)->page = (struct page *)world->pool[POOL_PAGE].base + 1000;
}
static void wrong_address(void)
{
    item(0x101)->address += PAGE_SIZE;
}
static void wrong_family(void)
{
    item(0x110)->anon_vma->refcount--;
    item(0x110)->anon_vma = item(0x100)->anon_vma;
    item(0x110)->anon_vma->refcount++;
}
static void dead_family(void)
{
    item(0x101)->anon_vma = freed_anon_vma();
}
static void item_lost(void)
{
    node(p0, 0x100)->nr_items--;
    node(p0, 0x100)->items->anon_vma->refcount--;
    node(p0, 0x100)->items = node(p0, 0x100)->items->next;
}
static void item_twice(void)
{
    item(0x100)->next = node(p0, 0x110)->items;
}
static void item_uncounted(void)
{
    node(p0, 0x100)->nr_items++;
}
static void not_held(void)
{
    item(0x100)->anon_vma->refcount--;
}
static void mapcount_high(void)
{
    frame(p0, 0x100)->mapcount++;
}
static void locked_unseen(void)
{
    frame(p0, 0x100)->flags |= PG_MLOCKED;
}

static const struct ksm_corruption {
    const char *name;
    void (*corrupt)(void);
    enum law_id law;
    const char *full, *touched; /* sites */
    const char *picture;        /* NULL: a picture does not show it */
} corruptions[] = {
    {"writable", writable, LAW_PGTABLE_INSIDE, "writable-ksm", "writable-ksm", "writable-ksm"},
    {"unmergeable", unmergeable, LAW_PGTABLE_INSIDE, "unmergeable", "unmergeable", "unmergeable"},
    {"exclusive", exclusive, LAW_RMAP_EXCLUSIVE, "exclusive-ksm", "exclusive-ksm", "exclusive-ksm"},
    {"wild node", wild_node, LAW_PAGE_INDEX, "dead-node", "page-denies", NULL},
    {"other frame", other_frame, LAW_PAGE_INDEX, "node-denies", "page-denies", "no-item"},
    {"dead frame", dead_frame, LAW_PAGE_INDEX, "node-denies", "node-dead-page", "no-item"},
    {"wrong address", wrong_address, LAW_PAGE_INDEX, "no-item", "no-item", "no-item"},
    {"wrong family", wrong_family, LAW_RMAP_COMPLETE, "missed", "missed", "missed"},
    {"dead family", dead_family, LAW_PAGE_INDEX, "dead-anon-vma", "dead-anon-vma", NULL},
    {"item lost", item_lost, LAW_PAGE_INDEX, "no-item", "lost-item", "no-item"},
    {"item twice", item_twice, LAW_PAGE_INDEX, "item-twice", "item-twice", NULL},
    {"item uncounted", item_uncounted, LAW_PAGE_INDEX, "item-count", "item-count", NULL},
    {"not held", not_held, LAW_ANON_COUNTS, "refcount", "refcount", "refcount"},
    {"mapcount", mapcount_high, LAW_RMAP_MAPCOUNT, "mapcount", "mapcount", "mapcount"},
    {"locked by nobody", locked_unseen, LAW_RMAP_MAPCOUNT, "mlocked", "mlocked", "mlocked"},
};

static void assert_named(const struct ksm_corruption *k, const char *form, bool holds,
                         const struct verdict *v, const char *site)
{
    if (holds)
        fail_msg("%s: the %s form sees nothing", k->name, form);
    if (v->law != k->law || strcmp(v->site, site))
        fail_msg("%s: the %s form says %s (%s): %s", k->name, form, law_table[v->law].name, v->site,
                 v->text);
}

static void each_clause_trips(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof(corruptions) / sizeof(*corruptions); i++) {
        const struct ksm_corruption *k = &corruptions[i];
        struct verdict v = {.law = LAW_NONE};

        start(RULES_LINUX_6_1);
        scan(p0);
        fork_p1();
        assert_all_quiet();
        k->corrupt();
        assert_false(sweep(world));
        assert_named(k, "full", law_full(k->law, world, &v), &v, k->full);
        v = (struct verdict){.law = LAW_NONE};
        assert_named(k, "touched", law_touched(k->law, world, &v), &v, k->touched);
        v = (struct verdict){.law = LAW_NONE};
        assert_false(laws_touched(world, &v));
        v = (struct verdict){.law = LAW_NONE};
        if (k->picture)
            assert_named(k, "picture", picture_ok(&v), &v, k->picture);
    }
}

/* An anon_vma that nobody is linked to has to be held by an item, and one that is held has to be
 * there. */
static void empty_ones_are_held(void **state)
{
    struct verdict v = {.law = LAW_NONE};
    struct anon_vma *empty;

    (void)state;
    start(RULES_LINUX_6_1);
    scan(p0);
    CALL(0, mm_munmap(p0, PAGES(0x100), PAGES(4)));
    assert_all_quiet();
    empty = item(0x100)->anon_vma;
    item(0x100)->anon_vma = item(0x110)->anon_vma;
    item(0x101)->anon_vma = item(0x110)->anon_vma;
    assert_null(empty->rb_root.node);
    assert_false(law_full(LAW_ANON_LIFETIME, world, &v));
    assert_string_equal(v.site, "empty");
}

/* Words of nodes, items, pages and anon_vmas are overwritten: no law follows one into nowhere. */
static void every_law_survives(void **state)
{
    static const enum pool_id victims[] = {POOL_PAGE, POOL_KSM_NODE, POOL_KSM_ITEM, POOL_ANON_VMA};
    uint64_t random = 1;
    unsigned broken = 0;

    (void)state;
    for (unsigned round = 0; round < 1000; round++) {
        const struct pool *pool = &world->pool[victims[round % 4]], *to;
        uint64_t *words;

        start(round % NR_RULES);
        scan(p0);
        fork_p1();
        note_all();
        random = random * 6364136223846793005U + 1442695040888963407U;
        words = pool_object(pool, (uint32_t)(random >> 33) % pool->used);
        to = &world->pool[(random >> 40) % NR_POOLS];
        if (!words)
            continue;
        words[(random >> 36) % (pool->size / 8)] =
            random >> 63 ? random >> 58 : (uintptr_t)to->base + (random >> 50) % 256 * to->size / 2;
        broken += breaks_a_law();
    }
    assert_true(broken > 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merge_tests),        cmocka_unit_test(walk_tests),
        cmocka_unit_test(break_tests),        cmocka_unit_test(idle_pages),
        cmocka_unit_test(each_clause_trips),  cmocka_unit_test(empty_ones_are_held),
        cmocka_unit_test(every_law_survives),
    };

    return cmocka_run_group_tests(tests, world_setup, judge_teardown);
}
