/* SPDX-License-Identifier: GPL-2.0-only */
/* The model's part of a picture that has entries, frames and slots. */
#include "oracles/pages.h"

#include <string.h>

_Static_assert((int)SNAP_PTE_PRESENT == PTE_PRESENT && (int)SNAP_PTE_WRITE == PTE_WRITE &&
                   (int)SNAP_PTE_DIRTY == PTE_DIRTY && (int)SNAP_PTE_YOUNG == PTE_YOUNG &&
                   (int)SNAP_PTE_SPECIAL == PTE_SPECIAL && (int)SNAP_PTE_SWAP == PTE_SWAP &&
                   (int)SNAP_PTE_MIGRATION == PTE_MIGRATION &&
                   (int)SNAP_PTE_EXCLUSIVE == PTE_EXCLUSIVE && (int)SNAP_PTE_HUGE == PTE_HUGE &&
                   SNAP_PARTS == HPAGE_PAGES,
               "a picture's entries have the model's flags");
_Static_assert((int)SNAP_PAGE_DIRTY == PG_DIRTY && (int)SNAP_PAGE_SWAPBACKED == PG_SWAPBACKED &&
                   (int)SNAP_PAGE_SWAPCACHE == PG_SWAPCACHE &&
                   (int)SNAP_PAGE_EXCLUSIVE == PG_EXCLUSIVE &&
                   (int)SNAP_PAGE_MLOCKED == PG_MLOCKED && (int)SNAP_PAGE_YOUNG == PG_YOUNG &&
                   (int)SNAP_PAGE_IDLE == PG_IDLE,
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
    if (reserve_items(world, out))
        return -ENOMEM;
    return snapshot_reserve_pages(
        out, 0, world->pool[POOL_PAGE].nlive + world->pool[POOL_HUGE].nlive * (uint32_t)HPAGE_PAGES,
        world->pool[POOL_SLOT].nlive);
}

/* ---- numbers: a compound page gets as many as it has parts, all at once ---- */
static uint32_t *place_of(const struct numbers *n, const struct world *world,
                          const struct page *page)
{
    const struct page *frame = (const void *)world->pool[POOL_PAGE].base;
    const struct page *part = (const void *)world->pool[POOL_HUGE].base;

    return from_huge(world, page) ? &n->of[POOL_HUGE][page - part]
                                  : &n->of[POOL_PAGE][page - frame];
}

uint32_t given_page_number(const struct numbers *n, const struct world *world,
                           const struct page *page)
{
    return page && page_live(world, page) ? *place_of(n, world, page) : 0;
}

static uint32_t page_number_of(struct numbers *n, const struct world *world,
                               const struct page *page)
{
    uint32_t *number;

    if (!page || !page_live(world, page))
        return 0;
    number = place_of(n, world, page);
    if (*number)
        return *number;
    if (is_compound(world, page)) {
        uint32_t *first = place_of(n, world, head_of(world, page));

        for (unsigned i = 0; i < HPAGE_PAGES; i++)
            first[i] = ++n->last[POOL_PAGE];
    } else {
        *number = ++n->last[POOL_PAGE];
    }
    return *number;
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
            .number =
                e.slot ? number_of(n, world, POOL_SLOT, e.slot) : page_number_of(n, world, e.page),
            .flags = (uint32_t)(e.pte & ((1U << PTE_SHIFT) - 1) & ~(pte_t)PTE_HUGE) |
                     (e.huge ? SNAP_PTE_HUGE : 0U),
        };
    }
    proc->nr_ptes = out->nr_ptes - proc->first_pte;
    return 0;
}

/* What no entry leads to: in the swap cache, in page caches, pinned. */
static void number_the_rest(struct numbers *n, const struct world *world)
{
    const struct pool *slots = &world->pool[POOL_SLOT];
    const struct page *page;
    struct all_cached w;
    uint32_t i;

    for (i = 0; i < slots->used; i++) {
        const struct swap_slot *slot = slot_at(world, i);

        if (!slot)
            continue;
        number_of(n, world, POOL_SLOT, slot);
        if (page_live(world, slot->page))
            page_number_of(n, world, slot->page);
    }
    all_cached_start(&w, world);
    while ((page = all_cached_next(&w)))
        page_number_of(n, world, page);
    for (i = 0; i < MAX_PINS; i++)
        if (world->pin[i].used && page_live(world, world->pin[i].page))
            page_number_of(n, world, world->pin[i].page);
}

static void show_page(const struct numbers *n, const struct world *world, const struct page *page,
                      struct snap_page *s)
{
    const struct swap_slot *slot = page->flags & PG_SWAPCACHE ? slot_at(world, page->swap) : NULL;
    const struct page *head = head_of(world, page);
    const bool compound = is_compound(world, page);

    *s = (struct snap_page){
        .refcount = page->refcount,
        .mapcount = page->mapcount,
        .pins = page->pins,
        .anon_vma = given_number(n, world, POOL_ANON_VMA, page_anon_vma(head)),
        .object = given_number(n, world, POOL_MAPPING, page_file_mapping(head)),
        .index = head->index + (uint64_t)(page - head),
        .stamp = page->stamp,
        .flags = page->flags & (PG_DIRTY | PG_SWAPBACKED | PG_SWAPCACHE | PG_EXCLUSIVE |
                                PG_MLOCKED | PG_YOUNG | PG_IDLE),
        .slot = given_number(n, world, POOL_SLOT, slot),
        .head = compound ? given_page_number(n, world, head) : 0,
        .entire_mapcount = compound && page == head ? page->entire_mapcount : 0,
        .frame = page_number(world, page),
    };
    if (head->mapping & PAGE_MAPPING_ANON)
        s->flags |= SNAP_PAGE_ANON | (is_ksm(head) ? SNAP_PAGE_KSM : 0);
    if (!compound && page_is_cached(world, page))
        s->flags |= SNAP_PAGE_CACHED;
}

void show_pages(struct numbers *n, const struct world *world, struct snapshot *out)
{
    const struct pool *slots = &world->pool[POOL_SLOT];
    struct all_pages pages = {.world = world};
    const struct page *page;
    uint32_t i, number;

    number_the_rest(n, world);
    out->nr_pages = n->last[POOL_PAGE];
    out->nr_slots = n->last[POOL_SLOT];
    while ((page = all_pages_next(&pages))) {
        number = given_page_number(n, world, page);
        for (i = 0; number && i < (is_compound(world, page) ? HPAGE_PAGES : 1); i++)
            show_page(n, world, page + i, &out->page[number - 1 + i]);
    }
    for (i = 0; i < slots->used; i++) {
        const struct swap_slot *slot = slot_at(world, i);

        if (slot && n->of[POOL_SLOT][i])
            out->slot[n->of[POOL_SLOT][i] - 1] = (struct snap_slot){
                .count = slot->count,
                .page = given_page_number(n, world, slot->page),
                .number = i,
                .stamp = slot->stamp,
            };
    }
}
