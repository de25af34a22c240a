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
    return law_broken(v, LAW_RMAP_MAPCOUNT, site, NOWHERE,
                      "%s of frame %" PRIu32 " is %" PRIu64 ", counted %" PRIu64, site,
                      page_number(world, page), stored, counted);
}

bool page_is_cached(const struct world *world, const struct page *page)
{
    const struct address_space *mapping = page_file_mapping(page);

    return mapping && object_live(world, POOL_MAPPING, mapping) &&
           cache_find(world, mapping, page->index) == page;
}

uint32_t pins_of(const struct world *world, const struct page *page)
{
    uint32_t pins = 0;

    for (unsigned i = 0; i < MAX_PINS; i++)
        pins += world->pin[i].used & (world->pin[i].page == page);
    return pins;
}

bool frame_counts_ok(const struct view *view, const struct page *page, uint64_t mapped, bool locked,
                     struct verdict *v)
{
    const struct world *world = view->world;
    const struct frame_refs refs = frame_refs(view, page);
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
    uint64_t references; /* of entries, by the page that they are counted in */
};

bool pinned_frames_ok(const struct world *world, struct verdict *v)
{
    for (unsigned n = 0; n < MAX_PINS; n++) {
        const struct pin *pin = &world->pin[n];

        if (unlikely(pin->used && pin->page && !page_live(world, pin->page)))
            return law_broken(v, LAW_RMAP_MAPCOUNT, "dead-frame", NOWHERE,
                              "pin %u has a frame that is freed", n);
    }
    return true;
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
        sum->entries += entry_weight(&e);
        sum->references += law_weight((uintptr_t)e.head);
    }
    return true;
}

static void weigh_others(const struct world *world, struct weights *sum)
{
    struct all_pages pages = {.world = world};
    const struct page *page;
    struct all_cached w;

    all_cached_start(&w, world);
    while ((page = all_cached_next(&w)))
        sum->others += law_weight((uintptr_t)page);
    while ((page = all_pages_next(&pages)))
        if ((page->flags & PG_SWAPCACHE) && !is_compound(world, page))
            sum->others += law_weight((uintptr_t)page);
    for (unsigned n = 0; n < MAX_PINS; n++)
        if (world->pin[n].used && world->pin[n].page)
            sum->pins += law_weight((uintptr_t)head_of(world, world->pin[n].page));
}

static bool page_counts_ok(const struct view *view, const struct page *page, struct verdict *v)
{
    const struct world *world = view->world;
    struct mapped_parts parts;
    struct mapped mapped;

    if (is_compound(world, page)) {
        count_mapped_parts(world, page, &parts);
        return compound_counts_ok(world, page, &parts, v);
    }
    mapped = count_mapped(world, page);
    return frame_counts_ok(view, page, mapped.entries, mapped.locked, v);
}

bool rmap_mapcount_full(const struct world *world, struct verdict *v)
{
    struct all_pages w = {.world = world};
    struct weights found = {0, 0, 0, 0};
    uint64_t mapcounts = 0, refcounts = 0, pins = 0;
    const struct page *page;
    bool wrong = false;
    struct view view;

    if (!huge_objects_ok(world, v) || !weigh_entries(world, &found, v) ||
        !pinned_frames_ok(world, v))
        return false;
    weigh_others(world, &found);
    view_start(&view, world);
    while ((page = all_pages_next(&w))) {
        const uint64_t weight = law_weight((uintptr_t)page);
        const bool compound = is_compound(world, page);

        mapcounts += compound ? weight_of_parts(page) : page->mapcount * weight;
        refcounts += page->refcount * weight;
        pins += page->pins * weight;
        wrong |=
            !page->refcount || !mlocked_agrees(page, compound ? rmap_found_parts(world, page).locked
                                                              : rmap_found(&view, page).locked);
    }
    if (likely(mapcounts == found.entries && pins == found.pins && !wrong &&
               refcounts == found.references + found.others + found.pins))
        return true;
    w = (struct all_pages){.world = world};
    while ((page = all_pages_next(&w)))
        if (!page_counts_ok(&view, page, v))
            return false;
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

    if (is_compound(world, page))
        return compound_exclusive_illegal(world, page, true);
    if (!(page->flags & PG_EXCLUSIVE))
        return unlikely(page->pins && page->mapcount && anon && exclusive_rules(world))
                   ? "pinned-shared"
                   : NULL;
    if (unlikely(!exclusive_rules(world)))
        return "exclusive-rules";
    if (unlikely(!anon && page->mapcount))
        return "exclusive-file-page";
    if (is_ksm(page))
        return "exclusive-ksm";
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
    if (!(e->pte & PTE_WRITE) || !page || !(e->head->mapping & PAGE_MAPPING_ANON))
        return NULL;
    if (is_compound(world, page))
        return compound_writable_illegal(world, e);
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
                      "frame %" PRIu32 "%s, mapcount %" PRIu32 ", pins %" PRIu32 ", entry: %s: %s",
                      page_number(world, page), page->flags & PG_EXCLUSIVE ? ", exclusive" : "",
                      page->mapcount, page->pins, e ? ENTRY_TEXT(e->pte) : "none", site);
}

bool rmap_exclusive_full(const struct world *world, struct verdict *v)
{
    struct all_pages pages = {.world = world};
    const struct page *page;
    struct all_entries w;
    const char *site;
    struct entry e;

    all_entries_start(&w, world);
    while (all_entries_next(&w, &e)) {
        site = entry_exclusive_illegal(world, &e);
        if (unlikely(site != NULL))
            return exclusive_broken(world, e.page, &e, site, v);
    }
    while ((page = all_pages_next(&pages))) {
        site = page_exclusive_illegal(world, page);
        if (unlikely(site != NULL))
            return exclusive_broken(world, page, NULL, site, v);
    }
    return true;
}
