/* SPDX-License-Identifier: GPL-2.0-only */
/* The model's part of a picture that has entries, frames and slots. */
#include "oracles/pages.h"

#include <string.h>

_Static_assert((int)SNAP_PTE_PRESENT == PTE_PRESENT && (int)SNAP_PTE_WRITE == PTE_WRITE &&
                   (int)SNAP_PTE_DIRTY == PTE_DIRTY && (int)SNAP_PTE_YOUNG == PTE_YOUNG &&
                   (int)SNAP_PTE_SPECIAL == PTE_SPECIAL && (int)SNAP_PTE_SWAP == PTE_SWAP &&
                   (int)SNAP_PTE_MIGRATION == PTE_MIGRATION &&
                   (int)SNAP_PTE_EXCLUSIVE == PTE_EXCLUSIVE,
               "a picture's entries have the model's flags");
_Static_assert((int)SNAP_PAGE_DIRTY == PG_DIRTY && (int)SNAP_PAGE_SWAPBACKED == PG_SWAPBACKED &&
                   (int)SNAP_PAGE_SWAPCACHE == PG_SWAPCACHE &&
                   (int)SNAP_PAGE_EXCLUSIVE == PG_EXCLUSIVE && (int)SNAP_PAGE_MLOCKED == PG_MLOCKED,
               "and its frames too");
_Static_assert((int)SNAP_RSS_FILE == MM_FILEPAGES && (int)SNAP_RSS_ANON == MM_ANONPAGES &&
                   (int)SNAP_RSS_SWAP == MM_SWAPENTS && (int)SNAP_RSS_SHMEM == MM_SHMEMPAGES,
               "and its counters");

int reserve_pages(const struct world *world, struct snapshot *out)
{
    out->nr_ptes = out->nr_pages = out->nr_slots = 0;
    out->has_pages = true;
    out->has_exclusive = exclusive_rules(world);
    out->has_mlocked = true;
    return snapshot_reserve_pages(out, 0, world->pool[POOL_PAGE].nlive,
                                  world->pool[POOL_SLOT].nlive);
}

int show_ptes(struct numbers *n, const struct world *world, const struct mm *mm,
              struct snap_proc *proc, struct snapshot *out)
{
    struct entry_walk w;
    struct entry e;

    proc->first_pte = out->nr_ptes;
    proc->nr_tables = mm->nr_tables;
    memcpy(proc->rss, mm->rss, sizeof(proc->rss));
    proc->hiwater_rss = mm->hiwater_rss;
    entry_walk_start(&w, world, mm, 0, UINTPTR_MAX);
    while (entry_walk_next(&w, &e)) {
        if (unlikely(out->nr_ptes == out->cap_ptes) &&
            snapshot_reserve_pages(out, 2 * out->cap_ptes + 64, 0, 0))
            return -ENOMEM;
        out->pte[out->nr_ptes++] = (struct snap_pte){
            .page = e.addr >> PAGE_SHIFT,
            .number = e.slot ? number_of(n, world, POOL_SLOT, e.slot)
                             : number_of(n, world, POOL_PAGE, e.page),
            .flags = (uint32_t)(e.pte & ((1U << PTE_SHIFT) - 1)),
        };
    }
    proc->nr_ptes = out->nr_ptes - proc->first_pte;
    return 0;
}

/* What no entry leads to: in the swap cache, in page caches, pinned. */
static void number_the_rest(struct numbers *n, const struct world *world)
{
    const struct pool *slots = &world->pool[POOL_SLOT], *mappings = &world->pool[POOL_MAPPING];
    uint32_t i;

    for (i = 0; i < slots->used; i++) {
        const struct swap_slot *slot = slot_at(world, i);

        if (!slot)
            continue;
        number_of(n, world, POOL_SLOT, slot);
        if (page_live(world, slot->page))
            number_of(n, world, POOL_PAGE, slot->page);
    }
    for (i = 0; i < mappings->used; i++) {
        const struct address_space *mapping = pool_object(mappings, i);
        const struct page *page;
        struct cache_walk w;

        if (!mapping)
            continue;
        cache_walk_start(&w, world, mapping);
        while ((page = cache_walk_next(&w)))
            number_of(n, world, POOL_PAGE, page);
    }
    for (i = 0; i < MAX_PINS; i++)
        if (world->pin[i].used && page_live(world, world->pin[i].page))
            number_of(n, world, POOL_PAGE, world->pin[i].page);
}

static void show_page(const struct numbers *n, const struct world *world, const struct page *page,
                      struct snap_page *s)
{
    const struct swap_slot *slot = page->flags & PG_SWAPCACHE ? slot_at(world, page->swap) : NULL;

    *s = (struct snap_page){
        .refcount = page->refcount,
        .mapcount = page->mapcount,
        .pins = page->pins,
        .anon_vma = given_number(n, world, POOL_ANON_VMA, page_anon_vma(page)),
        .object = given_number(n, world, POOL_MAPPING, page_file_mapping(page)),
        .index = page->index,
        .stamp = page->stamp,
        .flags =
            page->flags & (PG_DIRTY | PG_SWAPBACKED | PG_SWAPCACHE | PG_EXCLUSIVE | PG_MLOCKED),
        .slot = given_number(n, world, POOL_SLOT, slot),
    };
    if (page->mapping & PAGE_MAPPING_ANON)
        s->flags |= SNAP_PAGE_ANON;
    if (page_is_cached(world, page))
        s->flags |= SNAP_PAGE_CACHED;
}

void show_pages(struct numbers *n, const struct world *world, struct snapshot *out)
{
    const struct pool *pages = &world->pool[POOL_PAGE], *slots = &world->pool[POOL_SLOT];
    uint32_t i;

    number_the_rest(n, world);
    out->nr_pages = n->last[POOL_PAGE];
    out->nr_slots = n->last[POOL_SLOT];
    for (i = 0; i < pages->used; i++) {
        const struct page *page = page_at(world, i);

        if (page && n->of[POOL_PAGE][i])
            show_page(n, world, page, &out->page[n->of[POOL_PAGE][i] - 1]);
    }
    for (i = 0; i < slots->used; i++) {
        const struct swap_slot *slot = slot_at(world, i);

        if (slot && n->of[POOL_SLOT][i])
            out->slot[n->of[POOL_SLOT][i] - 1] = (struct snap_slot){
                .count = slot->count,
                .page = given_number(n, world, POOL_PAGE, slot->page),
                .stamp = slot->stamp,
            };
    }
}
