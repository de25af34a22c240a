/* SPDX-License-Identifier: GPL-2.0-only */
/* swap.counts, account.rss: slots and who is in them, and what each process has how much of. */
#include "oracles/pages.h"

#include <inttypes.h>

/* ---- swap.counts ---- */
static uint32_t slot_number(const struct world *world, const struct swap_slot *slot)
{
    return (uint32_t)((size_t)((const char *)slot - world->pool[POOL_SLOT].base) / sizeof(*slot));
}

static bool slot_broken(const struct world *world, const char *site, const struct swap_slot *slot,
                        uint64_t counted, struct verdict *v)
{
    if (page_live(world, slot->page))
        return law_broken(
            v, LAW_SWAP_COUNTS, site, NOWHERE,
            "slot %" PRIu32 ", count %" PRIu32 ", frame %" PRIu32 ": %s (counted %" PRIu64 ")",
            slot_number(world, slot), slot->count, page_number(world, slot->page), site, counted);
    return law_broken(v, LAW_SWAP_COUNTS, site, NOWHERE,
                      "slot %" PRIu32 ", count %" PRIu32 ", %s: %s (counted %" PRIu64 ")",
                      slot_number(world, slot), slot->count,
                      slot->page ? "a freed frame" : "no frame", site, counted);
}

bool slot_ok(const struct world *world, const struct swap_slot *slot, struct verdict *v)
{
    const struct page *page = slot->page;

    if (!page)
        return likely(slot->count) || slot_broken(world, "lost", slot, 0, v);
    if (unlikely(!page_live(world, page)))
        return slot_broken(world, "dead-page", slot, 0, v);
    if (unlikely(!(page->flags & PG_SWAPCACHE) || page->swap != slot_number(world, slot)))
        return slot_broken(world, "page-denies", slot, 0, v);
    return true;
}

bool cached_page_ok(const struct world *world, const struct page *page, struct verdict *v)
{
    const struct swap_slot *slot;

    if (!(page->flags & PG_SWAPCACHE))
        return true;
    if (unlikely(is_compound(world, page)))
        return law_broken(v, LAW_SWAP_COUNTS, "compound", NOWHERE,
                          "frame %" PRIu32 " is part of a compound page, and in the swap cache",
                          page_number(world, page));
    slot = slot_at(world, page->swap);
    if (likely(slot && slot->page == page))
        return true;
    return law_broken(v, LAW_SWAP_COUNTS, slot ? "slot-denies" : "dead-slot", NOWHERE,
                      "frame %" PRIu32 " says that slot %" PRIu32 " has its copy, which %s",
                      page_number(world, page), page->swap,
                      slot ? "belongs to another page" : "is freed");
}

bool slot_count_ok(const struct world *world, const struct swap_slot *slot, uint64_t entries,
                   struct verdict *v)
{
    return likely(slot->count == entries) || slot_broken(world, "count", slot, entries, v);
}

bool dead_slot(const struct entry *e, struct verdict *v)
{
    return entry_broken(e, LAW_SWAP_COUNTS, "dead-slot", v);
}

uint64_t count_swapped(const struct world *world, const struct swap_slot *slot)
{
    struct all_entries w;
    uint64_t count = 0;
    struct entry e;

    all_entries_start(&w, world);
    while (all_entries_next(&w, &e))
        count += e.slot == slot;
    return count;
}

static bool slots_ok(const struct world *world, uint64_t weight_found, struct verdict *v)
{
    const struct pool *pool = &world->pool[POOL_SLOT];
    uint64_t weight = 0;
    uint32_t n;

    for (n = 0; n < pool->used; n++) {
        const struct swap_slot *slot = slot_at(world, n);

        if (!slot)
            continue;
        if (!slot_ok(world, slot, v))
            return false;
        weight += slot->count * law_weight((uintptr_t)slot);
    }
    for (n = 0; unlikely(weight != weight_found) && n < pool->used; n++) {
        const struct swap_slot *slot = slot_at(world, n);

        if (slot && !slot_count_ok(world, slot, count_swapped(world, slot), v))
            return false;
    }
    return true;
}

bool swap_counts_full(const struct world *world, struct verdict *v)
{
    struct all_pages pages = {.world = world};
    const struct page *page;
    struct all_entries w;
    uint64_t weight = 0;
    struct entry e;

    all_entries_start(&w, world);
    while (all_entries_next(&w, &e)) {
        if (!is_swapped(e.pte))
            continue;
        if (unlikely(!e.slot))
            return dead_slot(&e, v);
        weight += law_weight((uintptr_t)e.slot);
    }
    while ((page = all_pages_next(&pages)))
        if (!cached_page_ok(world, page, v))
            return false;
    return slots_ok(world, weight, v);
}

/* ---- account.rss ---- */
static const char *const rss_site[NR_RSS] = {
    [MM_FILEPAGES] = "file",
    [MM_ANONPAGES] = "anon",
    [MM_SWAPENTS] = "swap",
    [MM_SHMEMPAGES] = "shmem",
};

enum rss_kind entry_rss_kind(const struct world *world, const struct entry *e)
{
    const struct address_space *mapping;

    if (is_swapped(e->pte))
        return MM_SWAPENTS;
    if (!e->page) /* zeroes, or rmap.mapcount */
        return NR_RSS;
    if (e->head->mapping & PAGE_MAPPING_ANON)
        return MM_ANONPAGES;
    mapping = page_file_mapping(e->head);
    if (!object_live(world, POOL_MAPPING, mapping))
        return NR_RSS; /* page.index */
    return mapping->kind == FILE_SHMEM || mapping->kind == FILE_SYSV ? MM_SHMEMPAGES : MM_FILEPAGES;
}

static bool rss_broken(const struct mm *mm, const char *site, uint64_t stored, uint64_t counted,
                       struct verdict *v)
{
    return law_broken(v, LAW_ACCOUNT_RSS, site, mm->id, 0,
                      "rss: %s is %" PRIu64 " pages, counted %" PRIu64, site, stored, counted);
}

bool rss_agrees(const struct mm *mm, const uint64_t rss[NR_RSS], struct verdict *v)
{
    const uint64_t all = mm->rss[MM_FILEPAGES] + mm->rss[MM_ANONPAGES] + mm->rss[MM_SHMEMPAGES];

    for (unsigned kind = 0; kind < NR_RSS; kind++)
        if (unlikely(mm->rss[kind] != rss[kind]))
            return rss_broken(mm, rss_site[kind], mm->rss[kind], rss[kind], v);
    return likely(mm->hiwater_rss >= all) || rss_broken(mm, "hiwater", mm->hiwater_rss, all, v);
}

bool account_rss_full(const struct world *world, struct verdict *v)
{
    const struct mm *mm;
    unsigned i;

    for_each_mm (world, i, mm) {
        uint64_t rss[NR_RSS + 1] = {0};
        struct entry_walk w;
        struct entry e;

        entry_walk_start(&w, world, mm, 0, UINTPTR_MAX);
        while (entry_walk_next(&w, &e))
            rss[entry_rss_kind(world, &e)] += entry_pages(&e);
        if (!rss_agrees(mm, rss, v))
            return false;
    }
    return true;
}
