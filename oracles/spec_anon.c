/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Faulted VMAs of the flat specification: those that have had a page of their own, and so an
 * anon_vma. All pages of a VMA carry its identity, which the subject tells after the call.
 */
#include "oracles/spec_private.h"

bool spec_has_own_pages(const struct spec_page *page)
{
    const uint64_t never = SNAP_SHARED | SNAP_MAYSHARE | SNAP_IO | SNAP_PFNMAP | SNAP_HUGETLB;

    return page->flags & SNAP_WRITE && !(page->flags & never);
}

static void set_anon(struct spec *spec, struct spec_space *space, uint64_t start, uint64_t end,
                     uint32_t anon, bool cloned)
{
    spec_touch(spec, space, start, end);
    for (uint64_t page = start; page < end; page++) {
        space->page[page].anon = anon;
        space->page[page].cloned = cloned;
    }
}

void spec_tell_anon(struct spec *spec, unsigned proc, uint64_t start, uint64_t end,
                    uint32_t identity, bool cloned)
{
    struct spec_space *space = &spec->now.space[proc];
    struct spec_run vma;

    for (uint64_t at = start; at < end && spec_run_from(spec, space, at, &vma) && vma.start < end;
         at = vma.end) {
        const struct spec_page *first = &space->page[vma.start];

        if (!first->anon || (first->anon == identity && first->cloned == cloned))
            continue;
        for (uint64_t page = vma.start; page < vma.end; page++) {
            space->page[page].anon = identity;
            space->page[page].cloned = cloned;
        }
    }
}

/* ---- merging ---- */
/*
 * anon.same: VMAs with one anon_vma are chained to the same others. One that is not faulted takes
 * over what its neighbour has, unless that was inherited over fork. Until 6.12 only the range does,
 * never the neighbour.
 */
static bool may_share(const struct spec *spec, const struct spec_page *neighbour,
                      const struct spec_page *range)
{
    if (neighbour->anon == range->anon)
        return true;
    if (neighbour->anon)
        return !range->anon && !neighbour->cloned;
    return spec_since(spec, SPEC_LINUX_6_18) && !range->cloned;
}

/*
 *    [prev]  first..last  [next]     Where both sides would do, but not with each other, it is the
 *           start       end          previous one.
 */
struct spec_joins spec_may_join(const struct spec *spec, const struct spec_space *space,
                                uint64_t start, uint64_t end, const struct spec_page *first,
                                const struct spec_page *last)
{
    const struct spec_page *prev = &space->page[start ? start - 1 : 0], *next = &space->page[end];
    struct spec_joins joins = {
        .prev = start && spec_compatible(spec, prev, first) && may_share(spec, prev, first),
        .next = spec_mapped(spec, space, end) && spec_compatible(spec, last, next) &&
                may_share(spec, next, last),
    };

    if (joins.prev && joins.next && prev->anon && next->anon && prev->anon != next->anon)
        joins.next = false;
    return joins;
}

/* What it has grown by is no range without an anon_vma: even an inherited one is handed on. */
bool spec_growth_joins(const struct spec *spec, const struct spec_space *space, uint64_t page)
{
    const struct spec_page *vma = &space->page[page - 1], *next = vma + 1;

    if (!spec_since(spec, SPEC_LINUX_6_1) || !spec_mapped(spec, space, page) ||
        !spec_compatible(spec, vma, next))
        return false;
    if (vma->anon == next->anon)
        return true;
    return next->anon ? !vma->anon && !next->cloned : spec_since(spec, SPEC_LINUX_6_18);
}

/* Pages that would not be faulted but for the merge. */
static void take_over(struct spec *spec, struct spec_space *space, uint64_t start, uint64_t end,
                      const struct spec_page *from)
{
    if (start == end)
        return;
    spec_touch_shared(spec, space, start, end);
    set_anon(spec, space, start, end, from->anon, from->cloned);
}

/* anon.topology: a VMA is faulted as a whole if any part of it was. */
static void share_anon(struct spec *spec, struct spec_space *space, uint64_t start, uint64_t end,
                       struct spec_joins joins)
{
    const struct spec_page *range = &space->page[start];
    const struct spec_page *prev = joins.prev ? range - 1 : range;
    const struct spec_page *next = joins.next ? &space->page[end] : range;
    const struct spec_page *from = range->anon ? range : prev->anon ? prev : next;
    struct spec_page has;
    struct spec_run vma;

    if (!from->anon || (range->anon && prev->anon && next->anon))
        return;
    has = *from;
    vma = spec_run_of(spec, space, start);
    if (!prev->anon)
        take_over(spec, space, vma.start, start, &has);
    if (!next->anon)
        take_over(spec, space, end, vma.end, &has);
    if (!range->anon)
        take_over(spec, space, start, end, &has);
}

void spec_join(struct spec *spec, struct spec_space *space, uint64_t start, uint64_t end,
               struct spec_joins joins)
{
    spec_set_head(space, start, !joins.prev);
    if (spec_mapped(spec, space, end))
        spec_set_head(space, end, !joins.next);
    share_anon(spec, space, start, end, joins);
}

void spec_map_joined(struct spec *spec, struct spec_space *space, uint64_t start, uint64_t end,
                     const struct spec_page *first)
{
    spec_map_pages(spec, space, start, end, first);
    spec_join(spec, space, start, end,
              spec_may_join(spec, space, start, end, &space->page[start], &space->page[end - 1]));
}

/* A new mapping. In 6.1 it is the next one that comes first, and what is before has to be faulted
 * like that one. */
static struct spec_joins new_may_join(const struct spec *spec, const struct spec_space *space,
                                      uint64_t start, uint64_t end)
{
    const struct spec_page *last = &space->page[end - 1], *next = last + 1;
    struct spec_joins joins = spec_may_join(spec, space, start, end, &space->page[start], last);

    if (joins.prev && spec_since(spec, SPEC_LINUX_6_1) && !spec_since(spec, SPEC_LINUX_6_12) &&
        spec_mapped(spec, space, end) && spec_compatible(spec, last, next) &&
        may_share(spec, next, last) && next->anon && next->anon != space->page[start - 1].anon)
        joins = (struct spec_joins){.next = true};
    return joins;
}

void spec_map_new(struct spec *spec, struct spec_space *space, uint64_t start, uint64_t end,
                  const struct spec_page *first)
{
    spec_map_pages(spec, space, start, end, first);
    spec_join(spec, space, start, end, new_may_join(spec, space, start, end));
}

/* ---- the first page of its own ---- */
/* Would page a and the one behind it, b, be in one VMA if the protection of both were the same?
 * Then the lender's anon_vma serves both, so that they can merge later. */
static bool may_borrow(const struct spec_page *a, const struct spec_page *b,
                       const struct spec_page *lender)
{
    return lender->anon && !lender->cloned && a->file == b->file && a->policy == b->policy &&
           a->pgoff + 1 == b->pgoff && !((a->flags ^ b->flags) & ~SNAP_ACCESS);
}

void spec_prepare(struct spec *spec, struct spec_space *space, uint64_t page)
{
    const struct spec_page *first, *last;
    uint32_t anon = SPEC_ANON_UNTOLD;
    struct spec_run vma;

    spec->prepared = true;
    if (space->page[page].anon)
        return;
    vma = spec_run_of(spec, space, page);
    first = &space->page[vma.start];
    last = &space->page[vma.end - 1];
    if (spec_mapped(spec, space, vma.end) && may_borrow(last, last + 1, last + 1))
        anon = last[1].anon;
    else if (vma.start && may_borrow(first - 1, first, first - 1))
        anon = first[-1].anon;
    set_anon(spec, space, vma.start, vma.end, anon, false);
}

void spec_unlink_anon(struct spec *spec, struct spec_space *space, struct spec_run vma)
{
    if (space->page[vma.start].anon)
        set_anon(spec, space, vma.start, vma.end, 0, false);
}
