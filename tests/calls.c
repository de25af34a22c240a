/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/calls.h"

/* ---- calls ---- */
void locks_quiet(void)
{
    assert_null(world->locks.i_mmap);
    assert_null(world->locks.root);
    if (world->locks.broken)
        fail_msg("%s", world->locks.broken);
}

struct mm *proc(unsigned n)
{
    return world->proc[n];
}

void map_anon(unsigned n, uintptr_t addr, size_t pages)
{
    CALL((long)addr, mm_mmap(proc(n), addr, PAGES(pages), RW, ANON, -1, 0));
}

void map_file(uintptr_t addr, int prot, int flags)
{
    if (!world->fd[0])
        CALL(0, file_open(world, 0, FILE_REGULAR, FMODE_READ | FMODE_WRITE, 8));
    CALL((long)addr, mm_mmap(proc(0), addr, PAGES(4), prot, flags | MAP_FIXED, 0, 0));
}

void put(unsigned n, uintptr_t addr, uint64_t stamp)
{
    CALL(0, mm_access(proc(n), addr, PROT_WRITE, false, stamp));
}

void reads(unsigned n, uintptr_t addr, uint64_t stamp)
{
    CALL((long)stamp, mm_access(proc(n), addr, PROT_READ, false, 0));
}

void fork_to(unsigned from, unsigned to)
{
    CALL(0, mm_fork(proc(from), to));
}

void reclaim(unsigned n, uintptr_t addr, size_t pages, bool keep)
{
    CALL(0, mm_reclaim(proc(n), addr, PAGES(pages), keep));
}

/* ---- what there is ---- */
pte_t entry(unsigned n, uintptr_t addr)
{
    return mm_pte(proc(n), addr);
}

struct page *frame(unsigned n, uintptr_t addr)
{
    struct page *page = page_of_pte(world, entry(n, addr));

    assert_non_null(page);
    return page;
}

struct swap_slot *slot(unsigned n, uintptr_t addr)
{
    assert_true(entry(n, addr) & PTE_SWAP);
    return slot_of_pte(world, entry(n, addr));
}

uint32_t live(enum pool_id id)
{
    return world->pool[id].nlive;
}

uint32_t happened(enum event ev)
{
    return world->events[ev];
}

void finish(void)
{
    end_world();
    locks_quiet();
}
