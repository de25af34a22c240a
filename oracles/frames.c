/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * rmap.mapcount, rmap.exclusive: how many have a frame, and who may write to it.
 *
 * The full form of rmap.mapcount counts as object.refs does: sums of weights first, and the culprit
 * only if they differ.
 */
#include "oracles/pages.h"

#include <inttypes.h>

/* ---- rmap.mapcount ---- */
static bool count_broken(const struct world *world, const struct page *page, const char *site,
                         uint64_t stored, uint64_t counted, struct verdict *v)
{
    return law_broken(v, LAW_RMAP_MAPCOUNT, site, 0, 0,
                      "%s of frame %" PRIu32 " is %" PRIu64 ", counted %" PRIu64, site,
                      page_number(world, page), stored, counted);
}

bool page_is_cached(const struct world *world, const struct page *page)
{
    const struct address_space *mapping = page_file_mapping(page);

    return mapping && object_live(world, POOL_MAPPING, mapping) &&
           cache_find(world, mapping, page->index) == page;
}

struct frame_refs frame_refs(const struct world *world, const struct page *page)
{
    struct frame_refs refs = {0, 0, 0};

    refs.swapped = (page->flags & PG_SWAPCACHE) != 0; /* rightly? swap.counts */
    refs.cached = page_is_cached(world, page);
    for (unsigned i = 0; unlikely(pins_in_use(world)) && i < MAX_PINS; i++)
        refs.pins += world->pin[i].used & (world->pin[i].page == page);
    return refs;
}

bool frame_counts_ok(const struct world *world, const struct page *page, uint64_t mapped,
                     bool locked, struct verdict *v)
{
    const struct frame_refs refs = frame_refs(world, page);
    const uint64_t all = mapped + refs.cached + refs.swapped + refs.pins;

    if (unlikely(page->mapcount != mapped))
        return count_broken(world, page, "mapcount", page->mapcount, mapped, v);
    if (unlikely(page->pins != refs.pins))
        return count_broken(world, page, "pins", page->pins, refs.pins, v);
    if (unlikely(page->refcount != all))
        return count_broken(world, page, "refcount", page->refcount, all, v);
    if (unlikely(!mlocked_agrees(page, locked)))
        return count_broken(world, page, "mlocked", !locked, locked, v);
    return likely(all) || count_broken(world, page, "lost", 0, 0, v);
}

/* References to pages, weighed. */
struct weights {
    uint64_t entries, others, pins;
};

static bool dead_page(const char *what, uint64_t number, struct verdict *v)
{
    return law_broken(v, LAW_RMAP_MAPCOUNT, "dead-frame", 0, 0,
                      "%s refers to frame %" PRIu64 ", which is freed", what, number);
}

static bool weigh_entries(const struct world *world, struct weights *sum, struct verdict *v)
{
    struct all_entries w;
    struct entry e;

    all_entries_start(&w, world);
    while (all_entries_next(&w, &e)) {
        if (!maps_a_frame(e.pte))
            continue;
        if (unlikely(!e.page))
            return entry_broken(&e, LAW_RMAP_MAPCOUNT, "dead-frame", v);
        sum->entries += law_weight((uintptr_t)e.page);
    }
    return true;
}

static bool weigh_others(const struct world *world, struct weights *sum, struct verdict *v)
{
    const struct pool *mappings = &world->pool[POOL_MAPPING], *pages = &world->pool[POOL_PAGE];
    uint32_t n;

    for (n = 0; n < mappings->used; n++) {
        const struct address_space *mapping = pool_object(mappings, n);
        const struct page *page;
        struct cache_walk w;

        if (!mapping)
            continue;
        cache_walk_start(&w, world, mapping);
        while ((page = cache_walk_next(&w)))
            sum->others += law_weight((uintptr_t)page);
    }
    for (n = 0; n < pages->used; n++) {
        const struct page *page = page_at(world, n);

        if (page && (page->flags & PG_SWAPCACHE))
            sum->others += law_weight((uintptr_t)page);
    }
    for (n = 0; n < MAX_PINS; n++) {
        const struct pin *pin = &world->pin[n];

        if (!pin->used || !pin->page)
            continue;
        if (unlikely(!page_live(world, pin->page)))
            return dead_page("a pin", n, v);
        sum->pins += law_weight((uintptr_t)pin->page);
    }
    return true;
}

bool rmap_mapcount_full(const struct world *world, struct verdict *v)
{
    const struct pool *pool = &world->pool[POOL_PAGE];
    struct weights found = {0, 0, 0};
    uint64_t mapcounts = 0, refcounts = 0, pins = 0;
    bool wrong = false;
    uint32_t n;

    if (!weigh_entries(world, &found, v) || !weigh_others(world, &found, v))
        return false;
    for (n = 0; n < pool->used; n++) {
        const struct page *page = page_at(world, n);
        const uint64_t weight = law_weight((uintptr_t)page);

        if (!page)
            continue;
        mapcounts += page->mapcount * weight;
        refcounts += page->refcount * weight;
        pins += page->pins * weight;
        wrong |= !page->refcount || !mlocked_agrees(page, rmap_found(world, page).locked);
    }
    if (likely(mapcounts == found.entries && pins == found.pins && !wrong &&
               refcounts == found.entries + found.others + found.pins))
        return true;
    for (n = 0; n < pool->used; n++) {
        const struct page *page = page_at(world, n);
        const struct mapped mapped = page ? count_mapped(world, page) : (struct mapped){0, 0, 0};

        if (page && !frame_counts_ok(world, page, mapped.entries, mapped.locked, v))
            return false;
    }
    return true;
}

/* ---- rmap.exclusive ---- */
/* Has somebody else a swap entry for what the page has? */
static bool swapped_elsewhere(const struct world *world, const struct page *page)
{
    const struct swap_slot *slot = cached_slot(world, page);

    return slot && slot->count;
}

const char *page_exclusive_illegal(const struct world *world, const struct page *page)
{
    const bool anon = page->mapping & PAGE_MAPPING_ANON;

    if (!(page->flags & PG_EXCLUSIVE))
        return unlikely(page->pins && page->mapcount && anon && exclusive_rules(world))
                   ? "pinned-shared"
                   : NULL;
    if (unlikely(!exclusive_rules(world)))
        return "exclusive-rules";
    if (unlikely(!anon && page->mapcount))
        return "exclusive-file-page";
    if (unlikely(page->mapcount > 1 || (page->mapcount && swapped_elsewhere(world, page))))
        return "exclusive-shared";
    return NULL;
}

const char *entry_exclusive_illegal(const struct world *world, const struct entry *e)
{
    const struct page *page = e->page;

    if (e->slot && (e->pte & PTE_EXCLUSIVE)) {
        if (unlikely(!exclusive_rules(world)))
            return "exclusive-rules";
        page = e->slot->page;
        if (unlikely(e->slot->count > 1 || (page && page_live(world, page) && page->mapcount)))
            return "swap-shared";
        return NULL;
    }
    if (!(e->pte & PTE_WRITE) || !page || !(page->mapping & PAGE_MAPPING_ANON))
        return NULL;
    if (unlikely(page->mapcount > 1 || swapped_elsewhere(world, page)))
        return "shared-writable";
    return unlikely(exclusive_rules(world) && !(page->flags & PG_EXCLUSIVE)) ? "shared-writable"
                                                                             : NULL;
}

bool exclusive_broken(const struct world *world, const struct page *page, const struct entry *e,
                      const char *site, struct verdict *v)
{
    if (!page)
        return entry_broken(e, LAW_RMAP_EXCLUSIVE, site, v);
    return law_broken(v, LAW_RMAP_EXCLUSIVE, site, e ? e->mm->id : 0, e ? e->addr : 0,
                      "frame %" PRIu32 ", flags %#" PRIx32 ", mapcount %" PRIu32 ", pins %" PRIu32
                      ", entry %#" PRIx64 ": %s",
                      page_number(world, page), page->flags, page->mapcount, page->pins,
                      e ? e->pte : 0, site);
}

bool rmap_exclusive_full(const struct world *world, struct verdict *v)
{
    const struct pool *pool = &world->pool[POOL_PAGE];
    struct all_entries w;
    const char *site;
    struct entry e;

    all_entries_start(&w, world);
    while (all_entries_next(&w, &e)) {
        site = entry_exclusive_illegal(world, &e);
        if (unlikely(site != NULL))
            return exclusive_broken(world, e.page, &e, site, v);
    }
    for (uint32_t n = 0; n < pool->used; n++) {
        const struct page *page = page_at(world, n);

        site = page ? page_exclusive_illegal(world, page) : NULL;
        if (unlikely(site != NULL))
            return exclusive_broken(world, page, NULL, site, v);
    }
    return true;
}
