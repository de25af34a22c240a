/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pages of the model by themselves: faults, copy-on-write by each kernel's rules, zapping, page
 * tables, page cache, populating, and what a failed allocation leaves.
 */
#include "tests/world.h"

#define BASE PAGES(0x100)
#define SHARED_ANON (MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED)

static struct mm *p0;

/* A world of these rules with nothing in it but a file of 8 pages, open as 0. */
static void start(enum rules rules)
{
    start_world(rules, false);
    world_begin(world, 0);
    p0 = world->proc[0];
    assert_int_equal(file_open(world, 0, FILE_REGULAR, FMODE_READ | FMODE_WRITE, 8), 0);
}

static void map(struct mm *mm, uintptr_t addr, size_t pages, int prot, int flags)
{
    world_begin(world, 0);
    assert_int_equal(mm_mmap(mm, addr, pages << PAGE_SHIFT, prot, flags | MAP_FIXED, 0, 0),
                     (long)addr);
}

static void put(struct mm *mm, uintptr_t addr, uint64_t stamp)
{
    world_begin(world, 0);
    assert_int_equal(mm_access(mm, addr, PROT_WRITE, false, stamp), 0);
}

static uint64_t get(struct mm *mm, uintptr_t addr)
{
    long stamp;

    world_begin(world, 0);
    stamp = mm_access(mm, addr, PROT_READ, false, 0);
    assert_true(stamp >= 0);
    return (uint64_t)stamp;
}

static struct page *shown(struct mm *mm, uintptr_t addr)
{
    return page_of_pte(world, mm_pte(mm, addr));
}

static struct mm *fork_as(unsigned child)
{
    world_begin(world, 0);
    assert_int_equal(mm_fork(p0, child), 0);
    return world->proc[child];
}

static void unmap(struct mm *mm, uintptr_t addr, size_t pages)
{
    world_begin(world, 0);
    assert_int_equal(mm_munmap(mm, addr, pages << PAGE_SHIFT), 0);
}

static void assert_rss(const struct mm *mm, uint64_t file, uint64_t anon, uint64_t swap,
                       uint64_t shmem)
{
    assert_int_equal(mm->rss[MM_FILEPAGES], file);
    assert_int_equal(mm->rss[MM_ANONPAGES], anon);
    assert_int_equal(mm->rss[MM_SWAPENTS], swap);
    assert_int_equal(mm->rss[MM_SHMEMPAGES], shmem);
    assert_true(mm->hiwater_rss >= file + anon + shmem);
}

static void for_all_rules(void (*test)(enum rules))
{
    for (unsigned rules = 0; rules < NR_RULES; rules++) {
        start((enum rules)rules);
        test((enum rules)rules);
        assert_null(world->locks.broken);
        end_world();
    }
}

/* ---- faults ---- */
static void anon_faults(enum rules rules)
{
    const struct vma *vma;
    const struct page *page;

    map(p0, BASE, 2, RW, ANON);
    assert_null(p0->pgd);
    assert_int_equal(get(p0, BASE), 0);
    assert_int_equal(mm_pte(p0, BASE), PTE_PRESENT | PTE_SPECIAL | PTE_YOUNG);
    assert_rss(p0, 0, 0, 0, 0);
    vma = find_vma(p0, BASE);
    assert_null(vma->anon_vma);

    put(p0, BASE, 7); /* over the page of zeroes */
    put(p0, BASE + PAGE_SIZE, 8);
    assert_int_equal(get(p0, BASE), 7);
    assert_int_equal(get(p0, BASE + PAGE_SIZE), 8);
    assert_rss(p0, 0, 2, 0, 0);
    page = shown(p0, BASE);
    assert_ptr_equal(page_anon_vma(page), vma->anon_vma);
    assert_int_equal(page->index, 0x100);
    assert_int_equal(page->refcount, 1);
    assert_int_equal(page->mapcount, 1);
    assert_int_equal(page->flags,
                     PG_SWAPBACKED | (rules >= RULES_LINUX_6_1 ? (unsigned)PG_EXCLUSIVE : 0));
    assert_int_equal(mm_pte(p0, BASE) & (PTE_WRITE | PTE_DIRTY), PTE_WRITE | PTE_DIRTY);
    assert_int_equal(world->notes.nptes, 0);
    put(p0, BASE, 9);
    assert_int_equal(world->notes.nptes, 1);
    assert_int_equal(world->notes.ptes[0].start, BASE);
    assert_int_equal(world->notes.ptes[0].end, BASE + PAGE_SIZE);
}

static void test_anon_faults(void **state)
{
    (void)state;
    for_all_rules(anon_faults);
}

static void file_faults(enum rules rules)
{
    const uintptr_t private = BASE, shared = BASE + PAGES(0x20), beyond = shared + PAGES(8);

    (void)rules;
    map(p0, private, 4, RW, MAP_PRIVATE);
    map(p0, shared, 16, RW, MAP_SHARED);
    assert_int_equal(get(p0, private), 0);
    assert_ptr_equal(page_file_mapping(shown(p0, private)), world->fd[0]->mapping);
    assert_false(mm_pte(p0, private) & PTE_WRITE);
    assert_rss(p0, 1, 0, 0, 0);

    put(p0, shared, 1);
    assert_ptr_equal(shown(p0, private), shown(p0, shared));
    assert_int_equal(get(p0, private), 1);
    assert_int_equal(shown(p0, shared)->mapcount, 2);
    assert_int_equal(shown(p0, shared)->refcount, 3);
    assert_rss(p0, 2, 0, 0, 0);

    put(p0, private, 2);             /* leaves the file's page */
    put(p0, private + PAGE_SIZE, 3); /* never had it */
    put(p0, shared + PAGE_SIZE, 4);
    assert_int_equal(get(p0, private), 2);
    assert_int_equal(get(p0, shared), 1);
    assert_int_equal(get(p0, private + PAGE_SIZE), 3);
    assert_rss(p0, 2, 2, 0, 0);

    assert_int_equal(mm_access(p0, beyond, PROT_READ, false, 0), -ENXIO);
    assert_int_equal(mm_access(p0, beyond, PROT_WRITE, false, 1), -ENXIO);
    assert_int_equal(mm_pte(p0, beyond), 0);

    unmap(p0, shared, 16);
    assert_int_equal(world->pool[POOL_PAGE].nlive, 4); /* two private, two of the file */
    assert_true(page_cache_find(world->fd[0]->mapping, 0)->flags & PG_DIRTY);
    unmap(p0, private, 4);
    assert_int_equal(file_close(world, 0), 0);
    assert_int_equal(world->pool[POOL_PAGE].nlive, 0);
}

static void test_file_faults(void **state)
{
    (void)state;
    for_all_rules(file_faults);
}

static void shared_memory(enum rules rules)
{
    struct mm *p1;

    (void)rules;
    map(p0, BASE, 2, RW, SHARED_ANON);
    put(p0, BASE, 1);
    p1 = fork_as(1);
    put(p1, BASE + PAGE_SIZE, 2);
    put(p1, BASE, 3);
    assert_int_equal(get(p0, BASE), 3);
    assert_int_equal(get(p0, BASE + PAGE_SIZE), 2);
    assert_rss(p0, 0, 0, 0, 2);
    assert_rss(p1, 0, 0, 0, 2);
    assert_null(find_vma(p0, BASE)->anon_vma);
}

static void test_shared_memory(void **state)
{
    (void)state;
    for_all_rules(shared_memory);
}

static void frameless(enum rules rules)
{
    (void)rules;
    assert_int_equal(file_open(world, 1, FILE_DEVICE, FMODE_READ | FMODE_WRITE, 1), 0);
    assert_int_equal(mm_mmap(p0, BASE, PAGES(4), RW, MAP_SHARED | MAP_FIXED, 1, 0), (long)BASE);
    put(p0, BASE + PAGES(2), 5);
    assert_int_equal(get(p0, BASE + PAGES(2)), 0);
    assert_int_equal(mm_access(p0, BASE, PROT_READ, true, 0), -EFAULT);
    assert_null(p0->pgd);
    map(p0, BASE, 1, PROT_EXEC, ANON);
    assert_int_equal(get(p0, BASE), 0);
    assert_int_equal(mm_access(p0, BASE, PROT_READ, true, 0), -EFAULT); /* asks for VM_READ */
}

static void test_frameless(void **state)
{
    (void)state;
    for_all_rules(frameless);
}

/* ---- copy-on-write ---- */
/*
 *     p0  [x] -- x' after its write         the child writes first and copies; whoever is alone
 *     p1  [x] -- x'' after its write        then keeps the page
 */
static void cow(enum rules rules)
{
    const struct page *page;
    struct mm *p1;

    map(p0, BASE, 1, RW, ANON);
    put(p0, BASE, 1);
    page = shown(p0, BASE);
    p1 = fork_as(1);
    assert_ptr_equal(shown(p1, BASE), page);
    assert_int_equal(page->mapcount, 2);
    assert_false((mm_pte(p0, BASE) | mm_pte(p1, BASE)) & PTE_WRITE);
    assert_false(page->flags & PG_EXCLUSIVE);

    put(p1, BASE, 2);
    assert_ptr_not_equal(shown(p1, BASE), page);
    assert_ptr_equal(page_anon_vma(shown(p1, BASE)), find_vma(p1, BASE)->anon_vma);
    assert_int_equal(page->mapcount, 1);
    assert_int_equal(world->notes.npages, 1); /* it lost a mapping */
    assert_ptr_equal(world->notes.page[0], page);
    assert_int_equal(get(p0, BASE), 1);
    put(p0, BASE, 3);
    assert_ptr_equal(shown(p0, BASE), page);
    assert_int_equal(!!(page->flags & PG_EXCLUSIVE), rules >= RULES_LINUX_6_1);
    assert_int_equal(get(p1, BASE), 2);
    assert_int_equal(world->events[EV_COW_COPY], 1);
    assert_int_equal(world->events[EV_COW_REUSE], 1);
    assert_rss(p0, 0, 1, 0, 0);
    assert_rss(p1, 0, 1, 0, 0);
}

static void test_cow(void **state)
{
    (void)state;
    for_all_rules(cow);
}

/* The child's page was the root's; alone with it, since 6.1, it is the child's own. */
static void cow_of_the_last(enum rules rules)
{
    struct page *page;
    struct mm *p1;

    map(p0, BASE, 1, RW, ANON);
    put(p0, BASE, 1);
    p1 = fork_as(1);
    unmap(p0, BASE, 1);
    page = shown(p1, BASE);
    put(p1, BASE, 2);
    assert_ptr_equal(shown(p1, BASE), page);
    assert_int_equal(page_anon_vma(page) == find_vma(p1, BASE)->anon_vma, rules >= RULES_LINUX_6_1);
}

static void test_cow_of_the_last(void **state)
{
    (void)state;
    for_all_rules(cow_of_the_last);
}

/* In the swap cache without swap entries: 4.4 counts mappings, 5.10 references, 6.1 knows. */
static void cow_in_swap_cache(enum rules rules)
{
    const bool reused = rules != RULES_LINUX_5_10;
    const struct page *page;

    map(p0, BASE, 1, RW, ANON);
    put(p0, BASE, 1);
    world_begin(world, 0);
    assert_int_equal(mm_reclaim(p0, BASE, PAGE_SIZE, true), 0);
    assert_true(mm_pte(p0, BASE) & PTE_SWAP);
    assert_rss(p0, 0, 0, 1, 0);
    assert_int_equal(get(p0, BASE), 1);
    page = shown(p0, BASE);
    assert_true(page->flags & PG_SWAPCACHE);
    assert_rss(p0, 0, 1, 0, 0);
    put(p0, BASE, 2);
    assert_int_equal(shown(p0, BASE) == page, reused);
    assert_int_equal(get(p0, BASE), 2);
    assert_rss(p0, 0, 1, 0, 0);
    if (rules < RULES_LINUX_6_1) /* since then the entry was writable at once */
        assert_int_equal(world->pool[POOL_SLOT].nlive, 0);
    assert_int_equal(world->pool[POOL_PAGE].nlive, 1);
}

static void test_cow_in_swap_cache(void **state)
{
    (void)state;
    for_all_rules(cow_in_swap_cache);
}

/* Both swapped out, read back one after the other, written by one. */
static void swap_of_two(enum rules rules)
{
    struct mm *p1;

    (void)rules;
    map(p0, BASE, 1, RW, ANON);
    put(p0, BASE, 1);
    p1 = fork_as(1);
    world_begin(world, 0);
    assert_int_equal(mm_reclaim(p0, BASE, PAGE_SIZE, false), 0);
    assert_rss(p0, 0, 0, 1, 0);
    assert_rss(p1, 0, 0, 1, 0);
    assert_int_equal(world->pool[POOL_PAGE].nlive, 0);
    assert_int_equal(get(p1, BASE), 1);
    assert_ptr_equal(page_anon_vma(shown(p1, BASE)), find_vma(p0, BASE)->anon_vma);
    assert_int_equal(get(p0, BASE), 1);
    assert_ptr_equal(shown(p0, BASE), shown(p1, BASE));
    put(p0, BASE, 2);
    assert_int_equal(get(p1, BASE), 1);
    put(p1, BASE, 3);
    assert_int_equal(get(p0, BASE), 2);
    unmap(p1, BASE, 1);
    unmap(p0, BASE, 1);
    assert_int_equal(world->pool[POOL_SLOT].nlive, 0);
    assert_int_equal(world->pool[POOL_PAGE].nlive, 0);
}

static void test_swap_of_two(void **state)
{
    (void)state;
    for_all_rules(swap_of_two);
}

/* A write by force: own contents where nothing may be written, and the entry does not allow it. */
static void force(enum rules rules)
{
    (void)rules;
    map(p0, BASE, 1, PROT_READ, MAP_PRIVATE);
    assert_int_equal(get(p0, BASE), 0);
    world_begin(world, 0);
    assert_int_equal(handle_mm_fault(find_vma(p0, BASE), BASE, FAULT_WRITE | FAULT_FORCE), 0);
    assert_true(page_is_anon(shown(p0, BASE)));
    assert_false(mm_pte(p0, BASE) & PTE_WRITE);
    assert_rss(p0, 0, 1, 0, 0);
}

static void test_force(void **state)
{
    (void)state;
    for_all_rules(force);
}

static void test_unshare(void **state)
{
    struct page *page;
    struct mm *p1;

    (void)state;
    start(RULES_LINUX_6_18);
    map(p0, BASE, 2, RW, ANON);
    put(p0, BASE, 1);
    page = shown(p0, BASE);
    assert_int_equal(get(p0, BASE + PAGE_SIZE), 0);
    p1 = fork_as(1);
    world_begin(world, 0);
    assert_int_equal(handle_mm_fault(find_vma(p1, BASE), BASE, FAULT_UNSHARE), 0);
    assert_ptr_not_equal(shown(p1, BASE), page);
    assert_true(shown(p1, BASE)->flags & PG_EXCLUSIVE);
    assert_int_equal(get(p1, BASE), 1);
    assert_int_equal(handle_mm_fault(find_vma(p0, BASE), BASE, FAULT_UNSHARE), 0);
    assert_ptr_equal(shown(p0, BASE), page);
    assert_true(page->flags & PG_EXCLUSIVE);
    assert_int_equal(handle_mm_fault(find_vma(p0, BASE), BASE + PAGE_SIZE, FAULT_UNSHARE), 0);
    assert_null(shown(p0, BASE + PAGE_SIZE));
    end_world();
}

/* ---- zapping and page tables ---- */
/*
 *      0x200000 ......... 0x400000 ......... 0x600000
 *      |  aaaa       bbbb | cccccc           |           a and b share a table, c has its own
 */
static void tables(enum rules rules)
{
    const uintptr_t a = HPAGE_SIZE + PAGES(8), b = 2 * HPAGE_SIZE - PAGES(8), c = 2 * HPAGE_SIZE;

    (void)rules;
    map(p0, a, 4, RW, ANON);
    map(p0, b, 4, RW, ANON);
    map(p0, c, 4, RW, ANON);
    assert_int_equal(p0->nr_tables, 0);
    put(p0, a, 1);
    assert_int_equal(p0->nr_tables, 4);
    put(p0, b, 2);
    put(p0, b + PAGES(3), 2);
    assert_int_equal(p0->nr_tables, 4);
    put(p0, c, 3);
    assert_int_equal(p0->nr_tables, 5);

    unmap(p0, a, 4);
    assert_int_equal(p0->nr_tables, 5);
    assert_int_equal(get(p0, b), 2);
    world_begin(world, 0);
    unmap(p0, b, 4);
    assert_int_equal(p0->nr_tables, 4);
    assert_int_equal(world->notes.nptes, 1);
    assert_int_equal(world->notes.ptes[0].start, b);
    assert_int_equal(world->notes.ptes[0].end, b + PAGES(4));
    assert_int_equal(get(p0, c), 3);
    assert_rss(p0, 0, 1, 0, 0);
    unmap(p0, c, 4);
    assert_int_equal(p0->nr_tables, 0);
    assert_null(p0->pgd);
    assert_int_equal(world->pool[POOL_TABLE].nlive, 0);
}

static void test_tables(void **state)
{
    (void)state;
    for_all_rules(tables);
}

/* One range over several tables and VMAs, whose neighbours need the outermost tables. */
static void tables_of_a_range(enum rules rules)
{
    (void)rules;
    map(p0, HPAGE_SIZE - PAGES(2), 4 * HPAGE_PAGES, RW, ANON);
    for (unsigned i = 0; i < 4; i++) {
        put(p0, HPAGE_SIZE * (i + 1) - PAGE_SIZE, 1);
        put(p0, HPAGE_SIZE * (i + 1), 1);
    }
    assert_int_equal(p0->nr_tables, 3 + 5);
    assert_int_equal(mm_mprotect(p0, HPAGE_SIZE * 2, HPAGE_SIZE, PROT_READ), 0);
    unmap(p0, HPAGE_SIZE - PAGE_SIZE, 3 * HPAGE_PAGES + 1);
    assert_int_equal(p0->nr_tables, 3 + 2);
    assert_rss(p0, 0, 1, 0, 0);
    assert_int_equal(get(p0, 5 * HPAGE_SIZE - PAGES(3)), 0);
    unmap(p0, 0, 4096);
    assert_int_equal(p0->nr_tables, 0);
}

static void test_tables_of_a_range(void **state)
{
    (void)state;
    for_all_rules(tables_of_a_range);
}

static void test_pte_next(void **state)
{
    uintptr_t addr = 0;

    (void)state;
    start(RULES_LINUX_6_1);
    assert_null(pte_next(p0, &addr, p0->task_size));
    map(p0, HPAGE_SIZE, 3 * HPAGE_PAGES, RW, ANON);
    put(p0, HPAGE_SIZE + PAGES(5), 1);
    put(p0, 3 * HPAGE_SIZE + PAGES(511), 2);
    assert_ptr_equal(pte_next(p0, &addr, p0->task_size), pte_find(p0, HPAGE_SIZE + PAGES(5)));
    assert_int_equal(addr, HPAGE_SIZE + PAGES(5));
    addr += PAGE_SIZE;
    assert_null(pte_next(p0, &addr, 3 * HPAGE_SIZE + PAGES(511)));
    assert_non_null(pte_next(p0, &addr, 4 * HPAGE_SIZE));
    assert_int_equal(addr, 3 * HPAGE_SIZE + PAGES(511));
    addr += PAGE_SIZE;
    assert_null(pte_next(p0, &addr, p0->task_size));
    assert_null(pte_find(p0, 2 * HPAGE_SIZE));
    assert_int_equal(mm_pte(p0, 2 * HPAGE_SIZE), 0);
    end_world();
}

/* ---- page cache ---- */
/* A hole in the file takes pages of the file from everybody, and private copies from nobody. */
static void punch(enum rules rules)
{
    struct address_space *mapping = world->fd[0]->mapping;
    struct mm *p1;

    (void)rules;
    map(p0, BASE, 8, RW, MAP_SHARED);
    map(p0, BASE + PAGES(8), 8, RW, MAP_PRIVATE);
    for (unsigned i = 0; i < 8; i++)
        put(p0, BASE + PAGES(7 - i), 10 + i);
    put(p0, BASE + PAGES(8 + 3), 99);
    p1 = fork_as(1);
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(get(p1, BASE + PAGES(i)), 17 - i);
    assert_rss(p1, 8, 1, 0, 0);
    world_begin(world, 0);
    page_cache_punch(world, mapping, 2, 4);
    assert_rss(p0, 5, 1, 0, 0);
    assert_rss(p1, 5, 1, 0, 0);
    assert_int_equal(world->notes.nptes, 2);
    assert_null(page_cache_find(mapping, 2));
    assert_non_null(page_cache_find(mapping, 1));
    assert_non_null(page_cache_find(mapping, 5));
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(get(p0, BASE + PAGES(i)), i < 2 || i > 4 ? 17 - i : 0);
    assert_int_equal(get(p1, BASE + PAGES(8 + 3)), 99);
    assert_int_equal(get(p1, BASE + PAGES(8 + 2)), 0);
}

static void test_punch(void **state)
{
    (void)state;
    for_all_rules(punch);
}

/* ---- populating ---- */
static void populate(enum rules rules)
{
    const struct vma *vma;

    (void)rules;
    map(p0, BASE, 4, RW, ANON | MAP_POPULATE);
    assert_rss(p0, 0, 4, 0, 0);
    assert_int_equal(world->notes.nptes, 1);
    map(p0, BASE + PAGES(0x10), 4, PROT_READ, ANON | MAP_LOCKED);
    assert_int_equal(mm_pte(p0, BASE + PAGES(0x13)) & PTE_SPECIAL, PTE_SPECIAL);
    map(p0, BASE + PAGES(0x20), 4, PROT_NONE, ANON | MAP_POPULATE);
    assert_int_equal(mm_pte(p0, BASE + PAGES(0x20)), 0);
    map(p0, BASE + PAGES(0x30), 16, RW, MAP_PRIVATE | MAP_POPULATE);
    assert_rss(p0, 0, 4 + 8, 0, 0); /* up to the end of the file */
    map(p0, BASE + PAGES(0x50), 16, RW, MAP_SHARED | MAP_POPULATE);
    assert_rss(p0, 8, 4 + 8, 0, 0);

    assert_int_equal(mm_mmap(p0, BASE + PAGES(0x70), PAGES(4), RW,
                             MAP_PRIVATE | MAP_FIXED | MAP_LOCKED, 0, PAGES(8)),
                     (long)(BASE + PAGES(0x70))); /* all of it is beyond */
    vma = find_vma(p0, BASE + PAGES(0x70));
    assert_non_null(vma->anon_vma);
    assert_rss(p0, 8, 4 + 8, 0, 0);

    assert_int_equal(mm_mlockall(p0, MCL_FUTURE), 0);
    assert_int_equal(mm_brk(p0, p0->start_brk + PAGES(3)), (long)(p0->start_brk + PAGES(3)));
    assert_rss(p0, 8, 4 + 8 + 3, 0, 0);
}

static void test_populate(void **state)
{
    (void)state;
    for_all_rules(populate);
}

/* ---- out of memory ---- */
enum { FIRST_WRITE, FILE_COW, COW_AFTER_FORK, SHARED_WRITE, SWAP_IN, POPULATE, NR_SCENES };

static long scene(unsigned which, uint64_t fail_nth)
{
    switch (which) {
    case FIRST_WRITE:
        map(p0, BASE, 4, RW, ANON);
        break;
    case FILE_COW:
        map(p0, BASE, 4, RW, MAP_PRIVATE);
        get(p0, BASE);
        break;
    case COW_AFTER_FORK:
        map(p0, BASE, 4, RW, ANON);
        put(p0, BASE, 1);
        fork_as(1);
        break;
    case SHARED_WRITE:
        map(p0, BASE, 4, RW, MAP_SHARED);
        break;
    case SWAP_IN:
        map(p0, BASE, 4, RW, ANON);
        put(p0, BASE, 1);
        fork_as(1);
        assert_int_equal(mm_reclaim(p0, BASE, PAGE_SIZE, false), 0);
        break;
    default:
        map(p0, BASE, 4, RW, ANON);
        world_begin(world, fail_nth);
        return populate_vma_range(find_vma(p0, BASE), BASE, BASE + PAGES(4));
    }
    world_begin(world, fail_nth);
    return mm_access(p0, BASE, PROT_WRITE, false, 5);
}

/* The contents are as before, or written; rss fits the entries; nothing is lost. */
static void fail_each(enum rules rules)
{
    for (unsigned which = 0; which < NR_SCENES; which++) {
        unsigned failed = 0;

        for (uint64_t n = 1;; n++) {
            uint64_t rss = 0;
            long err;

            start(rules);
            err = scene(which, n);
            for (uintptr_t addr = BASE; addr < BASE + PAGES(4); addr += PAGE_SIZE)
                rss += shown(p0, addr) || (mm_pte(p0, addr) & PTE_SWAP);
            for (unsigned i = 0; i < NR_RSS; i++)
                rss -= p0->rss[i];
            assert_int_equal(rss, 0);
            assert_true(err == 0 || err == -ENOMEM);
            if (!err)
                break;
            failed++;
            assert_int_equal(get(p0, BASE), which == COW_AFTER_FORK || which == SWAP_IN);
            put(p0, BASE, 6);
            if (world->proc[1])
                assert_int_equal(get(world->proc[1], BASE), 1);
            end_world();
        }
        assert_true(failed > 0);
        end_world();
    }
}

static void test_fail_each(void **state)
{
    (void)state;
    for_all_rules(fail_each);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_anon_faults),
        cmocka_unit_test(test_file_faults),
        cmocka_unit_test(test_shared_memory),
        cmocka_unit_test(test_frameless),
        cmocka_unit_test(test_cow),
        cmocka_unit_test(test_cow_of_the_last),
        cmocka_unit_test(test_cow_in_swap_cache),
        cmocka_unit_test(test_swap_of_two),
        cmocka_unit_test(test_force),
        cmocka_unit_test(test_unshare),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_tables_of_a_range),
        cmocka_unit_test(test_pte_next),
        cmocka_unit_test(test_punch),
        cmocka_unit_test(test_populate),
        cmocka_unit_test(test_fail_each),
    };

    return cmocka_run_group_tests_name("pages", tests, world_setup, world_teardown);
}
