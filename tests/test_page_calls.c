/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What calls do to pages: fork, mremap, mprotect, madvise and mlock, by contents, by page-table
 * entries, and with each of their allocations failing.
 */
#include "oracles/oracles.h"
#include "tests/world.h"

#define TABLE 512 /* pages of one table: a boundary that pages move across */

/* ---- calls, with the laws asked after each ---- */
static void sound(void)
{
    struct verdict v = {.law = LAW_NONE};

    if (!laws_touched(world, &v) || !laws_full(world, &v))
        fail_msg("%s (%s): %s", law_table[v.law].name, v.site, v.text);
}

static void finish(void)
{
    struct verdict v = {.law = LAW_NONE};

    world_exit(world);
    if (!laws_after_exit(world, &v))
        fail_msg("%s (%s): %s", law_table[v.law].name, v.site, v.text);
}

/* The number of a process. */
static struct mm *p(unsigned n)
{
    assert_non_null(world->proc[n]);
    world_begin(world, 0);
    return world->proc[n];
}

static void expect(long got, long wanted)
{
    assert_int_equal(got, wanted);
    sound();
}

static void map(unsigned n, uintptr_t page, size_t pages, int prot, int flags, int fd)
{
    expect(mm_mmap(p(n), PAGES(page), PAGES(pages), prot, flags | MAP_FIXED, fd, 0),
           (long)PAGES(page));
}

static void put(unsigned n, uintptr_t page, uint64_t stamp)
{
    expect(mm_access(p(n), PAGES(page), PROT_WRITE, false, stamp), 0);
}

static void shows(unsigned n, uintptr_t page, uint64_t stamp)
{
    expect(mm_access(p(n), PAGES(page), PROT_READ, false, 0), (long)stamp);
}

static void swap_out(unsigned n, uintptr_t page, size_t pages)
{
    expect(mm_reclaim(p(n), PAGES(page), PAGES(pages), false), 0);
}

static pte_t entry(unsigned n, uintptr_t page)
{
    return mm_pte(world->proc[n], PAGES(page));
}

static struct page *frame(unsigned n, uintptr_t page)
{
    struct page *found = page_of_pte(world, entry(n, page));

    assert_non_null(found);
    return found;
}

static void open_file(unsigned fd, enum file_kind kind, uint64_t pages)
{
    world_begin(world, 0);
    assert_int_equal(file_open(world, fd, kind, FMODE_READ | FMODE_WRITE, pages), 0);
}

static void open_to_run(unsigned fd)
{
    world_begin(world, 0);
    assert_int_equal(file_open(world, fd, FILE_REGULAR, FMODE_READ, 4), 0);
}

static void each_rules(void (*run)(enum rules), enum rules first)
{
    for (enum rules rules = first; rules < NR_RULES; rules++) {
        start_world(rules, true);
        run(rules);
        finish();
    }
}

/* ---- fork ---- */
static void chain_of_forks(enum rules rules)
{
    (void)rules;
    map(0, 256, 4, RW, ANON, -1);
    put(0, 256, 1);
    put(0, 257, 2);
    shows(0, 258, 0); /* page of zeroes */
    for (unsigned n = 0; n < 3; n++) {
        expect(mm_fork(p(n), n + 1), 0);
        put(n + 1, 256, 10 + n);
    }
    put(1, 258, 7);
    for (unsigned n = 0; n < 4; n++) {
        shows(n, 256, n ? 9 + n : 1);
        shows(n, 257, 2);
        shows(n, 258, n == 1 ? 7 : 0);
        assert_ptr_equal(frame(n, 257), frame(0, 257));
    }
    expect(mm_exit(p(1)), 0);
    put(2, 257, 3);
    shows(3, 257, 2);
    shows(0, 257, 2);
    expect(mm_fork(p(3), 1), 0); /* a generation more, under a number that is used again */
    shows(1, 256, 12);
}

static void last_user_keeps_the_page(enum rules rules)
{
    const struct page *page;

    map(0, 256, 1, RW, ANON, -1);
    put(0, 256, 1);
    page = frame(0, 256);
    expect(mm_fork(p(0), 1), 0);
    assert_ptr_equal(frame(1, 256), page);
    assert_false((entry(0, 256) | entry(1, 256)) & PTE_WRITE);
    assert_false(page->flags & PG_EXCLUSIVE);
    expect(mm_exit(p(1)), 0);
    put(0, 256, 2);
    assert_ptr_equal(frame(0, 256), page);
    assert_int_equal((page->flags & PG_EXCLUSIVE) != 0, rules >= RULES_LINUX_6_1);
}

static void fork_leaves_out_what_it_is_told(enum rules rules)
{
    map(0, 256, 1, RW, ANON, -1);
    map(0, 260, 1, RW, ANON, -1);
    put(0, 256, 1);
    put(0, 260, 2);
    expect(mm_madvise(p(0), PAGES(256), PAGES(1), MADV_DONTFORK), 0);
    if (rules >= RULES_LINUX_5_10)
        expect(mm_madvise(p(0), PAGES(260), PAGES(1), MADV_WIPEONFORK), 0);
    expect(mm_fork(p(0), 1), 0);
    shows(1, 256, (uint64_t)-EFAULT);
    shows(1, 260, rules >= RULES_LINUX_5_10 ? 0 : 2);
    shows(0, 256, 1);
    shows(0, 260, 2);
}

static void fork_of_private_file_memory(enum rules rules)
{
    (void)rules;
    open_file(0, FILE_REGULAR, 8);
    map(0, 256, 4, RW, MAP_PRIVATE, 0);
    map(0, 264, 4, RW, MAP_SHARED, 0);
    put(0, 264, 5);
    put(0, 256, 1);
    shows(0, 257, 0);
    expect(mm_fork(p(0), 1), 0);
    assert_int_equal(entry(1, 257) != 0, 1); /* with its own pages, the file's as well */
    assert_int_equal(entry(1, 264), 0);
    put(0, 265, 6);
    shows(1, 256, 1);
    shows(1, 257, 6);
    shows(1, 264, 5);
    put(1, 257, 8);
    shows(0, 257, 6);
}

static void fork_counts_swap_entries(enum rules rules)
{
    (void)rules;
    map(0, 256, 2, RW, ANON, -1);
    put(0, 256, 1);
    put(0, 257, 2);
    swap_out(0, 256, 2);
    assert_true(entry(0, 256) & PTE_SWAP);
    expect(mm_fork(p(0), 1), 0);
    assert_true(entry(1, 256) & PTE_SWAP);
    assert_int_equal(slot_of_pte(world, entry(1, 256))->count, 2);
    assert_int_equal(world->proc[1]->rss[MM_SWAPENTS], 2);
    put(1, 256, 3);
    shows(0, 256, 1);
    put(0, 257, 4);
    shows(1, 257, 2);
    shows(1, 256, 3);
}

static void fork_copies_pinned_pages(enum rules rules)
{
    (void)rules;
    map(0, 256, 1, RW, ANON, -1);
    put(0, 256, 1);
    expect(mm_pin(p(0), 0, PAGES(256), true), 0);
    expect(mm_fork(p(0), 1), 0);
    assert_ptr_not_equal(frame(0, 256), frame(1, 256));
    put(0, 256, 2);
    assert_int_equal(world_device_read(world, 0), 2);
    shows(1, 256, 1);
    expect(world_device_write(world, 0, 3), 0);
    shows(0, 256, 3);
    shows(1, 256, 1);
    put(1, 256, 4);
    assert_int_equal(world_device_read(world, 0), 3);
    expect(world_unpin(world, 0), 0);
}

static void exe_file_is_shared_with_the_child(enum rules rules)
{
    (void)rules;
    open_to_run(0);
    open_file(1, FILE_SHMEM, 4);
    assert_int_equal(mm_set_exe_file(p(0), 5), -EBADF);
    assert_int_equal(mm_set_exe_file(p(0), 1), -EACCES);
    expect(mm_set_exe_file(p(0), 0), 0);
    expect(mm_set_exe_file(p(0), 0), 0);
    assert_int_equal(world->fd[0]->refcount, 2);
    expect(mm_fork(p(0), 1), 0);
    assert_int_equal(world->fd[0]->refcount, 3);
    expect(mm_exit(p(1)), 0);
    assert_int_equal(world->fd[0]->refcount, 2);
    world->config.privileged = false;
    assert_int_equal(mm_set_exe_file(p(0), 0), -EPERM);
}

/* ---- mremap ---- */
static void remap(unsigned n, uintptr_t from, uintptr_t to, size_t pages, int flags)
{
    expect(mm_mremap(p(n), PAGES(from), PAGES(pages), PAGES(pages),
                     MREMAP_MAYMOVE | MREMAP_FIXED | flags, PAGES(to)),
           (long)PAGES(to));
}

/* Eight pages of which each is something else: written, touched, swapped out, untouched. */
static void eight_pages(uintptr_t page, int prot, int flags, int fd)
{
    map(0, page, 8, prot, flags, fd);
    put(0, page, 1);
    put(0, page + 3, 4);
    put(0, page + 4, 5);
    shows(0, page + 5, 0);
    put(0, page + 7, 8);
    swap_out(0, page + 4, 1);
}

static void expect_eight_pages(unsigned n, uintptr_t page)
{
    static const uint64_t stamps[8] = {1, 0, 0, 4, 5, 0, 0, 8};

    for (unsigned i = 0; i < 8; i++)
        shows(n, page + i, stamps[i]);
}

static void back_and_forth_across_tables(enum rules rules)
{
    const uintptr_t here = 2 * TABLE - 4, there = 5 * TABLE - 2, inside = 3 * TABLE + 1;
    uint32_t tables;

    (void)rules;
    eight_pages(here, RW, ANON, -1);
    expect(mm_fork(p(0), 1), 0);
    tables = world->proc[0]->nr_tables;
    for (unsigned round = 0; round < 2; round++) {
        remap(0, here, there, 8, 0);
        assert_true(entry(0, there + 4) & PTE_SWAP || round);
        expect_eight_pages(0, there);
        assert_int_equal(frame(0, there + 7)->index, here + 7);
        remap(0, there, inside, 8, 0);
        assert_int_equal(world->proc[0]->nr_tables, tables - 1);
        remap(0, inside, here, 8, 0);
        assert_int_equal(world->proc[0]->nr_tables, tables);
        expect_eight_pages(0, here);
    }
    expect_eight_pages(1, here);
    put(0, here, 9);
    shows(1, here, 1);
}

static void parts_move_out_of_the_middle(enum rules rules)
{
    const uintptr_t here = 2 * TABLE - 4;

    (void)rules;
    eight_pages(here, RW, ANON, -1);
    remap(0, here + 3, 256, 2, 0);
    shows(0, 256, 4);
    shows(0, 257, 5);
    shows(0, here + 3, (uint64_t)-EFAULT);
    shows(0, here, 1);
    shows(0, here + 7, 8);
    remap(0, 256, here + 3, 2, 0); /* joins both sides again */
    assert_int_equal(world->proc[0]->map_count, 1);
    expect_eight_pages(0, here);
}

/* Two entries, with gigabytes between them that have no table and are not looked at in blocks. */
static void what_is_far_apart_moves_in_few_steps(enum rules rules)
{
    const uintptr_t upper = (uintptr_t)TABLE * TABLE, len = 20 * upper;
    struct world_config config = world->config;
    uint64_t budget;

    (void)rules;
    config.task_size = config.total_ram = 64 * upper;
    assert_int_equal(world_reset(world, &config), 0);
    map(0, upper + 5, len, RW, ANON | MAP_NORESERVE, -1);
    put(0, upper + 5, 1);
    put(0, upper + 4 + len, 2);
    budget = (p(0), world->steps_left);
    remap(0, upper + 5, 40 * upper, len, 0);
    assert_true(budget - world->steps_left < len / TABLE);
    shows(0, 40 * upper, 1);
    shows(0, 40 * upper + len - 1, 2);
}

static void what_is_left_is_empty(enum rules rules)
{
    (void)rules;
    eight_pages(300, RW, ANON, -1);
    remap(0, 300, 600, 8, MREMAP_DONTUNMAP);
    expect_eight_pages(0, 600);
    for (unsigned i = 0; i < 8; i++)
        shows(0, 300 + i, 0);
    put(0, 300, 9);
    shows(0, 600, 1);
    shows(0, 300, 9);
    if (rules < RULES_LINUX_6_1)
        return;
    open_file(0, FILE_REGULAR, 8);
    map(0, 100, 2, RW, MAP_SHARED, 0);
    map(0, 110, 2, RW, MAP_PRIVATE, 0);
    put(0, 100, 6);
    put(0, 110, 7);
    remap(0, 110, 120, 2, MREMAP_DONTUNMAP);
    remap(0, 100, 130, 2, MREMAP_DONTUNMAP);
    shows(0, 110, 6);
    shows(0, 120, 7);
    shows(0, 130, 6);
    shows(0, 100, 6);
}

static void locked_growth_is_populated(enum rules rules)
{
    (void)rules;
    map(0, 256, 2, RW, ANON | MAP_LOCKED, -1);
    assert_true(entry(0, 257) & PTE_WRITE);
    expect(mm_mremap(p(0), PAGES(256), PAGES(2), PAGES(4), 0, 0), (long)PAGES(256));
    assert_true(entry(0, 259) & PTE_WRITE);
    map(0, 260, 1, PROT_READ, ANON, -1);
    put(0, 258, 3);
    expect(
        mm_mremap(p(0), PAGES(256), PAGES(4), PAGES(6), MREMAP_MAYMOVE | MREMAP_FIXED, PAGES(700)),
        (long)PAGES(700));
    assert_true(entry(0, 705) & PTE_WRITE);
    shows(0, 702, 3);
    shows(0, 705, 0);
}

static void several_vmas_move_at_once(enum rules rules)
{
    (void)rules;
    map(0, 256, 2, RW, ANON, -1);
    map(0, 258, 2, PROT_READ, ANON, -1);
    map(0, 262, 2, RW, ANON, -1);
    put(0, 256, 1);
    put(0, 262, 2);
    remap(0, 256, 512 - 2, 8, 0);
    shows(0, 510, 1);
    shows(0, 513, 0);
    shows(0, 516, 2);
    shows(0, 514, (uint64_t)-EFAULT);
}

/* ---- mprotect, madvise, mlock ---- */
static void rights_go_at_once_and_come_by_faults(enum rules rules)
{
    const struct page *page;

    (void)rules;
    map(0, 256, 4, RW, ANON, -1);
    put(0, 256, 1);
    put(0, 257, 2);
    put(0, 258, 3);
    swap_out(0, 258, 1);
    page = frame(0, 257);
    expect(mm_mprotect(p(0), PAGES(257), PAGES(2), PROT_READ), 0);
    assert_true(entry(0, 256) & PTE_WRITE);
    assert_false(entry(0, 257) & PTE_WRITE);
    expect(mm_access(p(0), PAGES(257), PROT_WRITE, false, 9), -EFAULT);
    expect(mm_mprotect(p(0), PAGES(257), PAGES(2), RW), 0);
    /* an exclusive page is known to be writable */
    assert_int_equal((entry(0, 257) & PTE_WRITE) != 0, rules >= RULES_LINUX_6_1);
    put(0, 257, 4);
    assert_ptr_equal(frame(0, 257), page);
    shows(0, 258, 3);
}

static void locked_memory_that_becomes_writable(enum rules rules)
{
    (void)rules;
    map(0, 256, 2, PROT_READ, ANON, -1);
    expect(mm_mlock(p(0), PAGES(256), PAGES(2)), 0);
    assert_true(entry(0, 257) & PTE_SPECIAL);
    expect(mm_mprotect(p(0), PAGES(257), PAGES(1), RW), 0);
    assert_true(entry(0, 257) & PTE_WRITE);
    assert_true(entry(0, 256) & PTE_SPECIAL);
}

static void mlock_populates(enum rules rules)
{
    (void)rules;
    open_file(0, FILE_REGULAR, 2);
    map(0, 256, 4, RW, MAP_PRIVATE, 0);
    map(0, 260, 1, RW, ANON, -1);
    expect(mm_mlock(p(0), PAGES(256), PAGES(5)), -ENOMEM); /* beyond the file */
    assert_true(entry(0, 257) & PTE_WRITE);
    assert_int_equal(entry(0, 258), 0);
    assert_int_equal(entry(0, 260), 0);
    map(0, 270, 1, PROT_NONE, ANON, -1);
    expect(mm_mlock(p(0), PAGES(270), PAGES(1)), -ENOMEM);
    map(0, 280, 2, RW, ANON, -1);
    world_begin(world, 1);
    expect(mm_mlock(world->proc[0], PAGES(280), PAGES(2)), -EAGAIN);
    assert_int_equal(entry(0, 280), 0);
    expect(mm_mlockall(p(0), MCL_CURRENT), 0);
    assert_true(entry(0, 281) & PTE_WRITE);
    if (rules < RULES_LINUX_5_10)
        return;
    map(0, 290, 2, RW, ANON, -1);
    expect(mm_mlock2(p(0), PAGES(290), PAGES(2), MLOCK_ONFAULT), 0);
    assert_int_equal(entry(0, 290), 0);
}

static bool mlocked(unsigned n, uintptr_t page)
{
    return frame(n, page)->flags & PG_MLOCKED;
}

/* Swapped in, new, moved, left behind, shared with a child: locked or not as the VMA says. */
static void locked_pages(enum rules rules)
{
    const bool dontunmap = rules >= RULES_LINUX_5_10;

    map(0, 256, 3, RW, ANON, -1);
    put(0, 256, 1);
    put(0, 257, 2);
    swap_out(0, 257, 1);
    expect(mm_mlock2(p(0), PAGES(256), PAGES(3), MLOCK_ONFAULT), 0);
    shows(0, 257, 2);
    put(0, 258, 3);
    assert_true(mlocked(0, 256) && mlocked(0, 257) && mlocked(0, 258));
    expect(mm_mremap(p(0), PAGES(256), PAGES(1), PAGES(1),
                     MREMAP_MAYMOVE | MREMAP_FIXED | (dontunmap ? MREMAP_DONTUNMAP : 0),
                     PAGES(400)),
           (long)PAGES(400));
    assert_true(mlocked(0, 400));
    assert_true(mlocked(0, 257) != dontunmap && mlocked(0, 258) != dontunmap);
    expect(mm_fork(p(0), 1), 0);
    if (dontunmap) {
        expect(mm_madvise(p(1), PAGES(400), PAGES(1), MADV_FREE), 0);
        swap_out(1, 400, 1);
        assert_true(mlocked(1, 400) && (frame(1, 400)->flags & PG_SWAPBACKED)); /* not freed */
    }
    put(1, 400, 4); /* the child's copy is not locked */
    assert_false(mlocked(1, 400));
    expect(mm_munlockall(p(0)), 0);
    assert_false(mlocked(0, 400) || mlocked(0, 258));
}

static void advice_to_forget(enum rules rules)
{
    (void)rules;
    open_file(0, FILE_REGULAR, 8);
    map(0, 256, 2, RW, ANON, -1);
    map(0, 260, 2, RW, MAP_PRIVATE, 0);
    map(0, 264, 2, RW, MAP_SHARED, 0);
    put(0, 256, 1);
    put(0, 257, 2);
    put(0, 264, 3);
    put(0, 260, 4);
    swap_out(0, 257, 1);
    expect(mm_madvise(p(0), PAGES(256), PAGES(10), MADV_DONTNEED), -ENOMEM); /* holes */
    shows(0, 256, 0);
    shows(0, 257, 0);
    shows(0, 260, 3);
    shows(0, 264, 3);
    put(0, 260, 5);
    expect(mm_madvise(p(0), PAGES(264), PAGES(1), MADV_REMOVE), 0);
    shows(0, 264, 0);
    shows(0, 260, 5);
}

static void freed_lazily(enum rules rules)
{
    (void)rules;
    map(0, 256, 5, RW, ANON, -1);
    for (unsigned i = 0; i < 4; i++)
        put(0, 256 + i, 1 + i);
    swap_out(0, 259, 1);
    expect(mm_fork(p(0), 1), 0);
    put(0, 256, 5);
    put(0, 257, 6);
    expect(mm_madvise(p(0), PAGES(256), PAGES(4), MADV_FREE), 0);
    assert_int_equal(entry(0, 259), 0);
    assert_false(frame(0, 256)->flags & (PG_SWAPBACKED | PG_DIRTY));
    put(0, 257, 7);
    swap_out(0, 256, 4);
    assert_int_equal(entry(0, 256), 0);
    shows(0, 256, 0);
    shows(0, 257, 7);
    for (unsigned i = 0; i < 4; i++) /* the child has freed nothing */
        shows(1, 256 + i, 1 + i);
}

/* Page 256 is in the swap cache for the parent alone, 257 for both. */
static void freed_lazily_from_the_swap_cache(enum rules rules)
{
    (void)rules;
    map(0, 256, 2, RW, ANON, -1);
    put(0, 256, 1);
    put(0, 257, 2);
    expect(mm_reclaim(p(0), PAGES(256), PAGES(2), true), 0);
    shows(0, 256, 1);
    expect(mm_fork(p(0), 1), 0);
    put(1, 256, 3);
    shows(0, 257, 2);
    assert_true(frame(0, 257)->flags & PG_SWAPCACHE);
    expect(mm_madvise(p(0), PAGES(256), PAGES(2), MADV_FREE), 0);
    assert_false(frame(0, 256)->flags & (PG_SWAPCACHE | PG_SWAPBACKED));
    assert_true(frame(0, 257)->flags & PG_SWAPCACHE);
    swap_out(0, 256, 2);
    shows(0, 256, 0);
    shows(0, 257, 2);
    shows(1, 256, 3);
    shows(1, 257, 2);
}

static void populated_by_advice(enum rules rules)
{
    (void)rules;
    open_file(0, FILE_REGULAR, 2);
    map(0, 256, 2, RW, ANON, -1);
    map(0, 258, 2, PROT_READ, ANON, -1);
    map(0, 262, 4, RW, MAP_PRIVATE, 0);
    expect(mm_madvise(p(0), PAGES(256), PAGES(4), MADV_POPULATE_READ), 0);
    assert_true(entry(0, 257) & entry(0, 259) & PTE_SPECIAL);
    expect(mm_madvise(p(0), PAGES(256), PAGES(4), MADV_POPULATE_WRITE), -EINVAL);
    assert_true(entry(0, 257) & PTE_WRITE);
    expect(mm_madvise(p(0), PAGES(258), PAGES(5), MADV_POPULATE_READ), -ENOMEM);
    assert_int_equal(entry(0, 262), 0);
    expect(mm_madvise(p(0), PAGES(262), PAGES(4), MADV_POPULATE_WRITE), -EFAULT);
    assert_true(entry(0, 263) & PTE_WRITE);
    expect(mm_madvise(p(0), PAGES(256), 0, MADV_POPULATE_READ), 0);
}

/* ---- each allocation fails once ---- */
#define HERE (2 * TABLE - 4)
#define THERE (5 * TABLE - 2)

static void scene(enum rules rules)
{
    start_world(rules, true);
    open_file(0, FILE_REGULAR, 16);
    eight_pages(HERE, RW, ANON, -1);
    eight_pages(256, RW, MAP_PRIVATE, 0);
    map(0, 300, 2, RW, MAP_SHARED, 0);
    map(0, 400, 2, RW, ANON, -1);
    put(0, 400, 1);
    if (rules >= RULES_LINUX_5_10)
        expect(mm_pin(p(0), 0, PAGES(400), true), 0);
    open_to_run(1);
    expect(mm_set_exe_file(p(0), 1), 0);
}

static void expect_scene(unsigned n, uintptr_t eight)
{
    expect_eight_pages(n, eight);
    expect_eight_pages(n, 256);
    shows(n, 300, 0);
    shows(n, 400, 1);
}

/* Does what it does until it asks for no n-th allocation any more; returns n - 1. */
static unsigned sweep(enum rules rules, long (*call)(void), uintptr_t done_at, unsigned child)
{
    for (unsigned n = 1;; n++) {
        long ret;
        bool asked;

        scene(rules);
        world_begin(world, n);
        ret = call();
        asked = world->fail_countdown == 0;
        sound();
        if (ret < 0) {
            assert_int_equal(ret, -ENOMEM);
            assert_null(world->proc[1]);
            expect_scene(0, HERE);
            shows(0, THERE, (uint64_t)-EFAULT);
        } else {
            expect_scene(child, done_at);
        }
        finish();
        if (!asked)
            return n - 1;
        assert_true(n < 1000);
    }
}

static long do_fork(void)
{
    return mm_fork(world->proc[0], 1);
}
static long do_move(void)
{
    return mm_mremap(world->proc[0], PAGES(HERE), PAGES(8), PAGES(8), MREMAP_MAYMOVE | MREMAP_FIXED,
                     PAGES(THERE));
}
static long do_move_and_stay(void)
{
    return mm_mremap(world->proc[0], PAGES(HERE), PAGES(8), PAGES(8),
                     MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, PAGES(THERE));
}

static void failing_allocations(void **state)
{
    (void)state;
    for (enum rules rules = RULES_LINUX_4_4; rules < NR_RULES; rules++) {
        assert_true(sweep(rules, do_fork, HERE, 1) > 12);
        assert_true(sweep(rules, do_move, THERE, 0) >= 4);
        if (rules >= RULES_LINUX_5_10)
            assert_true(sweep(rules, do_move_and_stay, THERE, 0) >= 4);
    }
}

/* A part of a VMA moves between two that it joins: they are two again if it cannot. */
static void failing_move_that_merges(void **state)
{
    (void)state;
    for (enum rules rules = RULES_LINUX_4_4; rules < NR_RULES; rules++) {
        for (unsigned n = 1, asked = 1; asked; n++) {
            long ret;

            start_world(rules, true);
            eight_pages(HERE, RW, ANON, -1);
            remap(0, HERE + 2, 100, 4, 0);
            world_begin(world, n);
            ret = mm_mremap(world->proc[0], PAGES(100), PAGES(4), PAGES(4),
                            MREMAP_MAYMOVE | MREMAP_FIXED, PAGES(HERE + 2));
            asked = world->fail_countdown == 0;
            sound();
            if (ret < 0) {
                shows(0, 101, 4);
                shows(0, 102, 5);
                shows(0, HERE + 3, (uint64_t)-EFAULT);
                shows(0, HERE, 1);
                assert_int_equal(world->proc[0]->map_count, 3);
            } else {
                expect_eight_pages(0, HERE);
            }
            finish();
        }
    }
}

/* There is room for one VMA more, once the copy has joined what is above and below it. To cut out
 * the source takes two, the copy one: both stay, and all that is asked of them holds. */
static void move_that_cannot_be_undone(enum rules rules)
{
    struct pool *pool = &world->pool[POOL_VMA];
    const uint32_t capacity = pool->capacity;
    struct vma *held[64];
    unsigned nr = 0;

    (void)rules;
    map(0, HERE, 1, RW, ANON, -1);
    map(0, HERE + 2, 3, RW, ANON, -1);
    put(0, HERE, 1);
    pool->capacity = pool->used;
    while (nr < 64 && (held[nr] = pool_alloc(world, POOL_VMA)))
        nr++;
    assert_int_equal(mm_mremap(p(0), PAGES(HERE + 3), PAGES(1), PAGES(1),
                               MREMAP_MAYMOVE | MREMAP_FIXED, PAGES(HERE + 1)),
                     -ENOMEM);
    while (nr)
        pool_free(world, POOL_VMA, held[--nr]);
    pool->capacity = capacity;
    sound();
    assert_int_equal(world->proc[0]->map_count, 2);
    assert_int_equal(world->proc[0]->total_vm, 5);
    shows(0, HERE, 1);
    shows(0, HERE + 1, 0);
    shows(0, HERE + 3, 0);
}

/* Its ends have to be split off, after its pages have moved. */
static void failing_move_of_a_part(void **state)
{
    (void)state;
    for (enum rules rules = RULES_LINUX_4_4; rules < NR_RULES; rules++) {
        for (unsigned n = 1, asked = 1; asked; n++) {
            long ret;

            start_world(rules, true);
            eight_pages(HERE, RW, ANON, -1);
            world_begin(world, n);
            ret = mm_mremap(world->proc[0], PAGES(HERE + 2), PAGES(4), PAGES(4),
                            MREMAP_MAYMOVE | MREMAP_FIXED, PAGES(THERE));
            asked = world->fail_countdown == 0;
            sound();
            if (ret < 0) {
                expect_eight_pages(0, HERE);
                shows(0, THERE, (uint64_t)-EFAULT);
            } else {
                shows(0, HERE, 1);
                shows(0, THERE + 1, 4);
                shows(0, THERE + 2, 5);
                shows(0, HERE + 3, (uint64_t)-EFAULT);
            }
            finish();
        }
    }
}

#define EACH_RULES(name, first)                                                                    \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        each_rules(name, first);                                                                   \
    }
EACH_RULES(chain_of_forks, RULES_LINUX_4_4)
EACH_RULES(last_user_keeps_the_page, RULES_LINUX_4_4)
EACH_RULES(fork_leaves_out_what_it_is_told, RULES_LINUX_4_4)
EACH_RULES(fork_of_private_file_memory, RULES_LINUX_4_4)
EACH_RULES(fork_counts_swap_entries, RULES_LINUX_4_4)
EACH_RULES(fork_copies_pinned_pages, RULES_LINUX_5_10)
EACH_RULES(exe_file_is_shared_with_the_child, RULES_LINUX_4_4)
EACH_RULES(back_and_forth_across_tables, RULES_LINUX_4_4)
EACH_RULES(parts_move_out_of_the_middle, RULES_LINUX_4_4)
EACH_RULES(what_is_far_apart_moves_in_few_steps, RULES_LINUX_4_4)
EACH_RULES(what_is_left_is_empty, RULES_LINUX_5_10)
EACH_RULES(locked_growth_is_populated, RULES_LINUX_4_4)
EACH_RULES(several_vmas_move_at_once, RULES_LINUX_6_18)
EACH_RULES(rights_go_at_once_and_come_by_faults, RULES_LINUX_4_4)
EACH_RULES(locked_memory_that_becomes_writable, RULES_LINUX_4_4)
EACH_RULES(mlock_populates, RULES_LINUX_4_4)
EACH_RULES(locked_pages, RULES_LINUX_4_4)
EACH_RULES(advice_to_forget, RULES_LINUX_4_4)
EACH_RULES(freed_lazily, RULES_LINUX_5_10)
EACH_RULES(freed_lazily_from_the_swap_cache, RULES_LINUX_5_10)
EACH_RULES(populated_by_advice, RULES_LINUX_6_1)
EACH_RULES(move_that_cannot_be_undone, RULES_LINUX_4_4)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chain_of_forks),
        cmocka_unit_test(test_last_user_keeps_the_page),
        cmocka_unit_test(test_fork_leaves_out_what_it_is_told),
        cmocka_unit_test(test_fork_of_private_file_memory),
        cmocka_unit_test(test_fork_counts_swap_entries),
        cmocka_unit_test(test_fork_copies_pinned_pages),
        cmocka_unit_test(test_exe_file_is_shared_with_the_child),
        cmocka_unit_test(test_back_and_forth_across_tables),
        cmocka_unit_test(test_parts_move_out_of_the_middle),
        cmocka_unit_test(test_what_is_far_apart_moves_in_few_steps),
        cmocka_unit_test(test_what_is_left_is_empty),
        cmocka_unit_test(test_locked_growth_is_populated),
        cmocka_unit_test(test_several_vmas_move_at_once),
        cmocka_unit_test(test_rights_go_at_once_and_come_by_faults),
        cmocka_unit_test(test_locked_memory_that_becomes_writable),
        cmocka_unit_test(test_mlock_populates),
        cmocka_unit_test(test_locked_pages),
        cmocka_unit_test(test_advice_to_forget),
        cmocka_unit_test(test_freed_lazily),
        cmocka_unit_test(test_freed_lazily_from_the_swap_cache),
        cmocka_unit_test(test_populated_by_advice),
        cmocka_unit_test(failing_allocations),
        cmocka_unit_test(failing_move_that_merges),
        cmocka_unit_test(failing_move_of_a_part),
        cmocka_unit_test(test_move_that_cannot_be_undone),
    };

    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
