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

static uint32_t number_of_entry(struct numbers *n, const struct world *world, pte_t pte)
{
    const uint32_t place = pte_number(pte);

    if (is_swapped(pte))
        return slot_at(world, place) ? number_at(n, POOL_SLOT, place) : 0;
    if (!maps_a_frame(pte))
        return 0;
    if (unlikely(place >= world->pool[POOL_PAGE].used))
        return page_number_of(n, world, part_at(world, place));
    return page_at(world, place) ? number_at(n, POOL_PAGE, place) : 0;
}

static void show_pte(uintptr_t addr, pte_t pte, uint32_t number, struct snapshot *out)
{
    out->pte[out->nr_ptes++] = (struct snap_pte){
        .page = addr >> PAGE_SHIFT,
        .number = number,
        .flags = (uint32_t)(pte & ((1U << PTE_SHIFT) - 1) & ~(pte_t)PTE_HUGE),
    };
}

/* The huge entry for addr, which the range begins with or in. */
static __attribute__((cold, noinline)) void show_huge(struct numbers *n, const struct world *world,
                                                      const struct mm *mm, uintptr_t addr,
                                                      struct snapshot *out)
{
    struct entry_walk w;
    struct entry e;

    entry_walk_start(&w, world, mm, addr, addr + PAGE_SIZE);
    if (!entry_walk_next(&w, &e))
        return;
    show_pte(e.addr, e.pte, page_number_of(n, world, e.page), out);
    out->pte[out->nr_ptes - 1].flags |= SNAP_PTE_HUGE;
}

/* As by entry_walk_next(), but VMAs are not asked for. */
int show_ptes(struct numbers *n, const struct world *world, const struct mm *mm,
              struct snap_proc *proc, struct snapshot *out)
{
    const uintptr_t top = world->config.task_size << PAGE_SHIFT;
    uint32_t tables_left = world->pool[POOL_TABLE].nlive;
    uintptr_t end;
    pte_t huge;

    proc->first_pte = out->nr_ptes;
    proc->nr_tables = mm->nr_tables;
    memcpy(proc->rss, mm->rss, sizeof(proc->rss));
    proc->hiwater_rss = mm->hiwater_rss;
    for (uintptr_t at = 0; mm->pgd && at < top; at = end) {
        const struct page_table *leaf = leaf_or_huge(world, mm, at, &end, &huge);

        if (!leaf && !huge)
            continue;
        if (unlikely(out->nr_ptes + PTRS_PER_TABLE > out->cap_ptes) &&
            snapshot_reserve_pages(out, 2 * out->cap_ptes + PTRS_PER_TABLE, 0, 0))
            return -ENOMEM;
        if (unlikely(!leaf)) {
            show_huge(n, world, mm, at, out);
            continue;
        }
        if (unlikely(!tables_left--))
            break; /* pgtable.pages */
        const unsigned last = end < top ? PTRS_PER_TABLE : table_index(top - PAGE_SIZE, 0) + 1;

        for (unsigned i = next_entry(leaf, 0, last); i < last; i = next_entry(leaf, i + 1, last))
            show_pte(at + i * PAGE_SIZE, leaf->entry[i], number_of_entry(n, world, leaf->entry[i]),
                     out);
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
    const struct pool *slots = &world->pool[POOL_SLOT], *frames = &world->pool[POOL_PAGE];
    struct all_pages pages = {.world = world, .frame = frames->used};
    const struct page *page;
    uint32_t i, number;

    number_the_rest(n, world);
    out->nr_pages = n->last[POOL_PAGE];
    out->nr_slots = n->last[POOL_SLOT];
    for (i = 0; i < frames->used; i++)
        if (n->of[POOL_PAGE][i])
            show_page(n, world, pool_at(frames, i, sizeof(*page)),
                      &out->page[n->of[POOL_PAGE][i] - 1]);
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
