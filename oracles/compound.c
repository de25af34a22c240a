/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Compound pages: what the laws on frames say of many that are one.
 *
 * Of a whole one the head has the references, and each part its own entries; huge entries map all
 * parts at once. What is asked after every call looks at each part only if some part is mapped by
 * itself: nearly always none is.
 */
#include "oracles/pages.h"

#include <inttypes.h>
#include <string.h>

#define PARTS HPAGE_PAGES

/* ---- is it there? ---- */
/* A part that a split has made a page by itself is freed without the others. */
static bool part_used(const struct page *part)
{
    return part->flags & (PG_HEAD | PG_TAIL) || part->refcount;
}

const struct page *part_at(const struct world *world, uint64_t n)
{
    const struct pool *huge = &world->pool[POOL_HUGE];
    const uint64_t first =
        (uint64_t)(huge->base - world->pool[POOL_PAGE].base) / sizeof(struct page);
    const struct huge_page *object =
        n < first ? NULL : pool_at(huge, (n - first) / PARTS, sizeof(*object));

    return object && part_used(&object->part[(n - first) % PARTS])
               ? &object->part[(n - first) % PARTS]
               : NULL;
}

const struct page *head_of_part(const struct world *world, const struct page *part)
{
    const struct page *first = (const void *)world->pool[POOL_HUGE].base;

    return part->flags & (PG_HEAD | PG_TAIL) ? part - (uint64_t)(part - first) % PARTS : part;
}

const struct page *next_of_parts(struct all_pages *w)
{
    const struct pool *pool = &w->world->pool[POOL_HUGE];

    while (w->part / PARTS < pool->used) {
        const struct huge_page *object = pool_at(pool, w->part / PARTS, sizeof(*object));
        const struct page *part = object ? &object->part[w->part % PARTS] : NULL;

        if (!part) {
            w->part += PARTS;
        } else if (part->flags & (PG_HEAD | PG_TAIL)) {
            w->part += PARTS - w->part % PARTS;
            return head_of_part(w->world, part);
        } else {
            w->part++;
            if (part_used(part))
                return part;
        }
    }
    return NULL;
}

/* ---- rmap.mapcount ---- */
void count_mapped_parts(const struct world *world, const struct page *head, struct mapped_parts *m)
{
    struct all_entries w;
    struct entry e;

    memset(m, 0, sizeof(*m));
    all_entries_start(&w, world);
    while (all_entries_next(&w, &e)) {
        if (!e.page || e.head != head)
            continue;
        if (e.huge)
            m->entire++;
        else
            m->part[e.page - head]++;
        m->entries++;
        m->fitting += e.vma && !place_illegal(world, &e);
        m->locked |= e.vma && (e.vma->vm_flags & VM_LOCKED);
    }
}

uint64_t sum_of_parts(const struct page *head)
{
    uint64_t sum = 0;

    for (unsigned n = 0; n < PARTS; n++)
        sum += head[n].mapcount;
    return sum;
}

uint64_t weight_of_parts(const struct page *head)
{
    uint64_t sum = head->entire_mapcount * law_weight((uintptr_t)head + 1);

    for (unsigned n = 0; n < PARTS; n++)
        if (head[n].mapcount)
            sum += head[n].mapcount * law_weight((uintptr_t)(head + n));
    return sum;
}

static bool part_broken(const struct world *world, const struct page *head, unsigned part,
                        const char *site, uint64_t stored, uint64_t counted, struct verdict *v)
{
    return law_broken(v, LAW_RMAP_MAPCOUNT, site, NOWHERE,
                      "%s of frame %" PRIu32 " (part %u of a compound page) is %" PRIu64
                      ", counted %" PRIu64,
                      site, page_number(world, head + part), part, stored, counted);
}

bool compound_whole(const struct world *world, const struct page *page, struct verdict *v)
{
    const struct page *head = head_of(world, page);
    const unsigned part = (unsigned)(page - head);
    const uint32_t own = PG_TAIL | PG_EXCLUSIVE;

    if (unlikely((head->flags & (PG_HEAD | PG_TAIL)) != PG_HEAD ||
                 (part && !(page->flags & PG_TAIL))))
        return part_broken(world, head, part, "half-split", page->flags, PG_TAIL, v);
    if (unlikely(part && page->flags & ~own))
        return part_broken(world, head, part, "tail-flags", page->flags, PG_TAIL, v);
    return likely(!part || !(page->refcount | page->pins)) ||
           part_broken(world, head, part, "tail-refcount", page->refcount, 0, v);
}

static bool huge_object_ok(const struct world *world, const struct page *first, struct verdict *v)
{
    bool used = false;

    for (unsigned n = 0; n < PARTS; n++) {
        const struct page *part = first + n;

        used |= part_used(part);
        if (n && unlikely(!(part->flags & PG_TAIL) != !(first->flags & PG_HEAD)))
            return part_broken(world, first, n, "half-split", part->flags, PG_TAIL, v);
        if (part->flags & (PG_HEAD | PG_TAIL) && !compound_whole(world, part, v))
            return false;
    }
    return likely(used) || part_broken(world, first, 0, "lost", 0, 0, v);
}

bool huge_objects_ok(const struct world *world, struct verdict *v)
{
    const struct pool *pool = &world->pool[POOL_HUGE];

    for (uint32_t n = 0; n < pool->used; n++) {
        const struct huge_page *object = pool_at(pool, n, sizeof(*object));

        if (object && !huge_object_ok(world, object->part, v))
            return false;
    }
    return true;
}

static uint32_t pins_of_parts(const struct world *world, const struct page *head)
{
    uint32_t pins = 0;

    for (unsigned i = 0; unlikely(pins_in_use(world)) && i < MAX_PINS; i++)
        pins += world->pin[i].used && world->pin[i].page &&
                (uintptr_t)world->pin[i].page - (uintptr_t)head < PARTS * sizeof(*head);
    return pins;
}

bool compound_counts_ok(const struct world *world, const struct page *head,
                        const struct mapped_parts *m, struct verdict *v)
{
    const uint32_t pins = pins_of_parts(world, head);

    if (unlikely(head->entire_mapcount != m->entire))
        return part_broken(world, head, 0, "entire-mapcount", head->entire_mapcount, m->entire, v);
    for (unsigned n = 0; n < PARTS; n++)
        if (unlikely(head[n].mapcount != m->part[n]))
            return part_broken(world, head, n, "mapcount", head[n].mapcount, m->part[n], v);
    if (unlikely(head->pins != pins))
        return part_broken(world, head, 0, "pins", head->pins, pins, v);
    if (unlikely(head->refcount != m->entries + pins))
        return part_broken(world, head, 0, "refcount", head->refcount, m->entries + pins, v);
    if (unlikely(!mlocked_agrees(head, m->locked)))
        return part_broken(world, head, 0, "mlocked", !m->locked, m->locked, v);
    return likely(m->entries + pins) || part_broken(world, head, 0, "lost", 0, 0, v);
}

bool compound_counts_agree(const struct world *world, const struct page *head,
                           const struct stabbed_parts *found)
{
    const uint32_t pins = pins_of_parts(world, head);

    return head->refcount && head->refcount == found->entire + found->small + pins &&
           head->entire_mapcount == found->entire && head->pins == pins &&
           mlocked_agrees(head, found->locked);
}

bool compound_touched_ok(const struct world *world, const struct page *head, uint64_t laws,
                         bool parts, struct verdict *v)
{
    const struct stabbed_parts found = rmap_found_parts(world, head);
    const bool counts = compound_counts_agree(world, head, &found);
    const char *site;

    parts |= found.small != 0;
    if (unlikely(!counts || (parts && weight_of_parts(head) != found.weight))) {
        struct mapped_parts m;

        count_mapped_parts(world, head, &m);
        if (laws & LAW_BIT(LAW_RMAP_COMPLETE) && found.entire + found.small != m.fitting)
            return walk_broken(world, head, found.entire + found.small, m.fitting, v);
        if (laws & LAW_BIT(LAW_RMAP_MAPCOUNT) && !compound_counts_ok(world, head, &m, v))
            return false;
    }
    if (!(laws & LAW_BIT(LAW_RMAP_EXCLUSIVE)))
        return true;
    site = compound_exclusive_illegal(world, head, parts);
    return likely(!site) || exclusive_broken(world, head, NULL, site, v);
}

/* ---- rmap.exclusive ---- */
static bool part_exclusive(const struct page *head, unsigned n)
{
    return (head->entire_mapcount ? head : head + n)->flags & PG_EXCLUSIVE;
}

static const char *pins_shared(const struct world *world, const struct page *head)
{
    for (unsigned i = 0; i < MAX_PINS; i++) {
        const struct pin *pin = &world->pin[i];
        const uint64_t n = pin->used && pin->page ? (uint64_t)(pin->page - head) : PARTS;

        if (n < PARTS && head[n].mapcount + head->entire_mapcount &&
            !part_exclusive(head, (unsigned)n))
            return "pinned-shared";
    }
    return NULL;
}

const char *compound_exclusive_illegal(const struct world *world, const struct page *head,
                                       bool parts)
{
    const uint32_t entire = head->entire_mapcount;
    const bool marked = head->flags & PG_EXCLUSIVE;
    bool any = marked;

    if (unlikely(entire && marked && (entire > 1 || (parts && sum_of_parts(head)))))
        return "exclusive-shared";
    for (unsigned n = 0; parts && n < PARTS; n++) {
        if (!(head[n].flags & PG_EXCLUSIVE))
            continue;
        any = true;
        if (unlikely(head[n].mapcount + entire > 1))
            return "exclusive-shared";
    }
    if (unlikely(any && !exclusive_rules(world)))
        return "exclusive-rules";
    return unlikely(head->pins) && exclusive_rules(world) ? pins_shared(world, head) : NULL;
}

const char *compound_writable_illegal(const struct world *world, const struct entry *e)
{
    const struct page *head = e->head;
    uint64_t mapped = (uint64_t)e->page->mapcount + head->entire_mapcount;

    if (e->huge && head->refcount != head->entire_mapcount + pins_of_parts(world, head))
        mapped = sum_of_parts(head) + head->entire_mapcount;
    if (unlikely(mapped > 1))
        return "shared-writable";
    return unlikely(exclusive_rules(world) && !part_exclusive(head, (unsigned)(e->page - head)))
               ? "shared-writable"
               : NULL;
}
