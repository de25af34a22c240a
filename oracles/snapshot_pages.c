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

static void show_pte(struct numbers *n, const struct world *world, uint64_t page, pte_t pte,
                     struct snap_pte *s)
{
    const uint32_t to = pte_number(pte);

    *s = (struct snap_pte){.page = page, .flags = (uint32_t)(pte & ((1U << PTE_SHIFT) - 1))};
    if (maps_a_frame(pte)) {
        if (page_at(world, to))
            s->number = number_at(n, POOL_PAGE, to);
    } else if (is_swapped(pte) && slot_at(world, to)) {
        s->number = number_at(n, POOL_SLOT, to);
    }
}

/* The entries of a table, for the pages from `page` on. */
static void show_table(struct numbers *n, const struct world *world, const pte_t *entry,
                       size_t entries, uint64_t page, struct snapshot *out)
{
    size_t i = 0;

    while (i < entries) {
        const pte_t *e = entry + i;

        if (i % 8 == 0 && i + 8 <= entries &&
            !(e[0] | e[1] | e[2] | e[3] | e[4] | e[5] | e[6] | e[7])) {
            i += 8; /* most are 0 */
            continue;
        }
        if (*e)
            show_pte(n, world, page + i, *e, &out->pte[out->nr_ptes++]);
        i++;
    }
}

int show_ptes(struct numbers *n, const struct world *world, const struct mm *mm,
              struct snap_proc *proc, struct snapshot *out)
{
    const uintptr_t top = mm->pgd ? world->config.task_size << PAGE_SHIFT : 0;
    uint32_t left = world->pool[POOL_TABLE].nlive;
    uintptr_t end;
    int error = 0;

    proc->first_pte = out->nr_ptes;
    proc->nr_tables = mm->nr_tables;
    memcpy(proc->rss, mm->rss, sizeof(proc->rss));
    proc->hiwater_rss = mm->hiwater_rss;
    for (uintptr_t at = 0; at < top && !error; at = end) {
        const struct page_table *leaf = leaf_table(world, mm, at, &end);

        if (!leaf)
            continue;
        if (!left--)
            break; /* more than there are: pgtable.pages */
        error = snapshot_reserve_pages(out, out->nr_ptes + PTRS_PER_TABLE, 0, 0);
        if (!error)
            show_table(n, world, leaf->entry, ((end < top ? end : top) - at) >> PAGE_SHIFT,
                       at >> PAGE_SHIFT, out);
    }
    proc->nr_ptes = out->nr_ptes - proc->first_pte;
    return error;
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
