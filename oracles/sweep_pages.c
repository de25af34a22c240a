/* SPDX-License-Identifier: GPL-2.0-only */
/* The laws on entries, frames and swap over the whole world, in one walk over all tables. */
#include "oracles/pages.h"

struct sweep {
    const struct world *world;
    uint64_t entries, swapped;        /* weighed, by what they lead to */
    uint64_t found, mapcounts, slots; /* what walks find, and what is stored; weighed */
};

static bool entry_ok(struct sweep *s, const struct entry *e)
{
    if (unlikely(entry_illegal(e) || entry_exclusive_illegal(s->world, e)))
        return false;
    if (is_swapped(e->pte)) {
        s->swapped += law_weight((uintptr_t)e->slot);
        return e->slot && swap_reachable(s->world, e);
    }
    if (!maps_a_frame(e->pte))
        return true;
    if (unlikely(!e->page || place_illegal(s->world, e)))
        return false;
    s->entries += entry_weight(e);
    return true;
}

static bool entries_ok(struct sweep *s)
{
    struct verdict scratch;
    const struct mm *mm;
    unsigned i;

    scratch.without = 0;
    for_each_mm (s->world, i, mm) {
        uint64_t rss[NR_RSS + 1] = {0};
        struct entry_walk w;
        struct entry e;

        entry_walk_start(&w, s->world, mm, 0, UINTPTR_MAX);
        while (entry_walk_next(&w, &e)) {
            if (!entry_ok(s, &e))
                return false;
            rss[entry_rss_kind(s->world, &e)] += entry_pages(&e);
        }
        if (!rss_agrees(mm, rss, &scratch))
            return false;
    }
    return true;
}

static bool compound_ok(struct sweep *s, const struct page *head)
{
    const struct stabbed_parts found = rmap_found_parts(s->world, head);

    s->found += found.weight;
    s->mapcounts += weight_of_parts(head);
    return compound_counts_agree(s->world, head, &found);
}

static bool frames_ok(struct sweep *s)
{
    struct all_pages w = {.world = s->world};
    const struct page *page;
    struct verdict scratch;
    struct view view;

    scratch.without = 0;
    view_start(&view, s->world);
    while ((page = all_pages_next(&w))) {
        struct stabbed found;
        struct frame_refs refs;
        uint64_t weight;

        if (page_exclusive_illegal(s->world, page) || !cached_page_ok(s->world, page, &scratch))
            return false;
        if (is_compound(s->world, page)) {
            if (!compound_ok(s, page))
                return false;
            continue;
        }
        refs = frame_refs(&view, page);
        weight = law_weight((uintptr_t)page);
        found = rmap_found(&view, page);
        s->found += found.entries * weight;
        s->mapcounts += page->mapcount * weight;
        if (page->pins != refs.pins || !page->refcount || !mlocked_agrees(page, found.locked) ||
            page->refcount != page->mapcount + refs.cached + refs.swapped + refs.pins)
            return false;
    }
    return s->found == s->entries && s->mapcounts == s->entries;
}

static bool slots_ok(struct sweep *s)
{
    const struct pool *pool = &s->world->pool[POOL_SLOT];
    struct verdict scratch;

    scratch.without = 0;
    for (uint32_t n = 0; n < pool->used; n++) {
        const struct swap_slot *slot = slot_at(s->world, n);

        if (!slot)
            continue;
        if (!slot_ok(s->world, slot, &scratch))
            return false;
        s->slots += slot->count * law_weight((uintptr_t)slot);
    }
    return s->slots == s->swapped;
}

bool sweep_pages(const struct world *world)
{
    struct sweep s = {.world = world};
    struct verdict scratch;

    scratch.without = 0;
    return entries_ok(&s) && frames_ok(&s) && slots_ok(&s) && pinned_frames_ok(world, &scratch) &&
           huge_objects_ok(world, &scratch) && ksm_nodes_ok(world, &scratch) &&
           page_caches_ok(world, &scratch) && pgtable_pages_full(world, &scratch);
}
