/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Choosing an address, by definition: look at all holes in order and take the first that fits.
 *
 *      prev               next
 *   [.......]  hole    [.......]      prev growing up and next growing down keep a guard gap:
 *           |gap|fit|gap|              what is left of the hole is where a mapping may go.
 */
#include "oracles/spec_private.h"

struct search {
    uint64_t pages, low, high, align; /* in [low, high), at a multiple of align */
    bool topdown;
};

static uint64_t start_gap(const struct spec *spec, const struct spec_page *first, uint64_t start)
{
    uint64_t gap = first->flags & SNAP_GROWSDOWN ? spec->config.stack_guard_gap : 0;

    return start - spec_min(start, gap);
}

uint64_t spec_start_gap(const struct spec *spec, const struct spec_space *space, uint64_t start)
{
    return start_gap(spec, &space->page[start], start);
}

static uint64_t end_gap(const struct spec *spec, const struct spec_page *last, uint64_t end)
{
    uint64_t gap = last->flags & SNAP_GROWSUP ? spec->config.stack_guard_gap : 0;

    return spec_min(end + gap, spec->config.task_size);
}

/* Where in the hole around an unmapped page a mapping may go. */
static struct spec_run usable_hole(const struct spec *spec, const struct spec_space *space,
                                   uint64_t page, uint64_t *next)
{
    uint64_t start = spec_mapped_end(space, page);
    uint64_t end = spec_next_mapped(spec, space, page);
    struct spec_run hole = {start, end};

    *next = end;
    if (start)
        hole.start = end_gap(spec, &space->page[start - 1], start);
    if (end < spec->config.task_size)
        hole.end = start_gap(spec, &space->page[end], end);
    return hole;
}

static bool fits(const struct search *s, struct spec_run hole, uint64_t *at)
{
    uint64_t low = spec_max(hole.start, s->low), high = spec_min(hole.end, s->high);

    if (low >= high || high - low < s->pages)
        return false;
    *at = s->topdown ? (high - s->pages) & ~(s->align - 1) : spec_round_up(low, s->align);
    return *at >= low && *at + s->pages <= high;
}

/* From above since 6.1: plain holes, cut to a limit. A stack above a hole that would do sets the
 * limit to where its gap begins, be there free pages between or not. Page, or task_size: none. */
static uint64_t search_from_above(const struct spec *spec, const struct spec_space *space,
                                  const struct search *s)
{
    uint64_t limit = s->high, end, at;

    while ((end = spec_hole_end(space, limit)) > s->low) {
        const uint64_t start = spec_mapped_end(space, end - 1);
        const uint64_t above = spec_next_mapped(spec, space, end - 1);
        const uint64_t last = start ? end_gap(spec, &space->page[start - 1], start) : 0;
        uint64_t keeps = above;

        if (above < spec->config.task_size)
            keeps = start_gap(spec, &space->page[above], above);
        if (!fits(s, (struct spec_run){start, end}, &at))
            limit = start;
        else if (keeps < end)
            limit = keeps;
        else if (at < last)
            limit = start;
        else
            return at;
    }
    return spec->config.task_size;
}

/* Page, or task_size: none. */
static uint64_t search_pass(const struct spec *spec, const struct spec_space *space,
                            const struct search *s)
{
    const uint64_t none = spec->config.task_size;
    uint64_t at, page, next;

    if (s->topdown && spec_since(spec, SPEC_LINUX_6_1))
        return search_from_above(spec, space, s);
    if (s->topdown) {
        for (page = s->high; (page = spec_hole_end(space, page)) > s->low;
             page = spec_mapped_end(space, page - 1))
            if (fits(s, usable_hole(spec, space, page - 1, &next), &at))
                return at;
        return none;
    }
    for (page = spec_next_hole(spec, space, s->low); page < s->high;
         page = spec_next_hole(spec, space, next))
        if (fits(s, usable_hole(spec, space, page, &next), &at))
            return at;
    return none;
}

static struct search topdown_pass(const struct spec *spec, uint64_t pages, uint64_t align)
{
    const struct spec_config *c = &spec->config;

    return (struct search){pages, spec_max(1, c->mmap_min_addr), c->mmap_base, align, true};
}

static struct search bottomup_pass(const struct spec *spec, uint64_t pages, uint64_t align)
{
    uint64_t base = spec_page_align(spec_task_bytes(spec) / 3) >> SPEC_SHIFT;

    return (struct search){pages, base, spec->config.task_size, align, false};
}

/* Top-down first, unless the layout is the old one; then bottom-up. */
static uint64_t search_layout(const struct spec *spec, const struct spec_space *space,
                              uint64_t pages, uint64_t align)
{
    const struct search down = topdown_pass(spec, pages, align);
    const struct search up = bottomup_pass(spec, pages, align);
    uint64_t at = spec->config.task_size;

    if (!spec->config.legacy_layout)
        at = search_pass(spec, space, &down);
    return at < spec->config.task_size ? at : search_pass(spec, space, &up);
}

/* gap.search: is the address free, with its gaps, aligned, and within what a pass may give? */
static bool is_legal(const struct spec *spec, const struct spec_space *space, long ret,
                     uint64_t pages, uint64_t align)
{
    struct search pass[2] = {bottomup_pass(spec, pages, align), topdown_pass(spec, pages, align)};
    uint64_t addr = (uint64_t)ret, page = addr >> SPEC_SHIFT, next;
    struct spec_run hole;

    if (ret < 0 || !spec_aligned(addr) || page % align || page >= spec->config.task_size ||
        spec_mapped(spec, space, page))
        return false;
    hole = usable_hole(spec, space, page, &next);
    if (page < hole.start || page + pages > hole.end)
        return false;
    for (unsigned i = 0; i < (spec->config.legacy_layout ? 1u : 2u); i++)
        if (page >= pass[i].low && page + pages <= pass[i].high)
            return true;
    return false;
}

static uint64_t brute_force(const struct spec *spec, const struct spec_space *space, uint64_t pages,
                            uint64_t align, bool huge_pages)
{
    /* Since 6.7 whole huge pages without a file are placed so that huge pages can back them. */
    if (huge_pages && pages + SPEC_HUGE <= spec->config.task_size) {
        uint64_t at = search_layout(spec, space, pages + SPEC_HUGE, align);
        uint64_t off = -at & (SPEC_HUGE - 1);

        if (at < spec->config.task_size)
            return !off && !spec->config.legacy_layout ? at + SPEC_HUGE : at + off;
    }
    return search_layout(spec, space, pages, align);
}

static bool hint_is_free(const struct spec *spec, const struct spec_space *space, uint64_t addr,
                         uint64_t len)
{
    uint64_t page = addr >> SPEC_SHIFT, next;
    struct spec_run hole;

    if (spec_task_bytes(spec) - len < addr || page < spec->config.mmap_min_addr)
        return false;
    if (spec_mapped(spec, space, page))
        return false;
    hole = usable_hole(spec, space, page, &next);
    return page >= hole.start && page + (len >> SPEC_SHIFT) <= hole.end;
}

uint64_t spec_round_hint(const struct spec *spec, uint64_t addr)
{
    uint64_t lowest = spec->config.mmap_min_addr << SPEC_SHIFT;

    addr &= ~(SPEC_PAGE - 1);
    return addr && addr < lowest ? lowest : addr;
}

long spec_get_unmapped_area(const struct spec *spec, const struct spec_space *space,
                            const struct spec_page *want, uint64_t addr, uint64_t len, bool fixed,
                            const struct spec_seen *seen)
{
    bool huge = spec_of_kind(spec, want->file, SPEC_HUGETLB);
    uint64_t align = huge ? SPEC_HUGE : 1, huge_bytes = SPEC_HUGE << SPEC_SHIFT;
    uint64_t pages = len >> SPEC_SHIFT, page = addr >> SPEC_SHIFT;

    if (len > spec_task_bytes(spec))
        return -ENOMEM;
    if (fixed) {
        if (huge && (addr % huge_bytes || len % huge_bytes))
            return -EINVAL;
        if (addr > spec_task_bytes(spec) - len)
            return -ENOMEM;
        if (!spec_aligned(addr))
            return -EINVAL;
    } else {
        bool huge_pages = spec_since(spec, SPEC_LINUX_6_12) && !want->file && !addr &&
                          !(want->flags & SNAP_SHARED) && pages % SPEC_HUGE == 0;

        if (addr && huge)
            addr = spec_round_up(addr, huge_bytes);
        if (page && hint_is_free(spec, space, addr, len))
            page = addr >> SPEC_SHIFT;
        else if (seen && seen->verify_search && is_legal(spec, space, seen->ret, pages, align))
            page = (uint64_t)seen->ret >> SPEC_SHIFT;
        else
            page = brute_force(spec, space, pages, align, huge_pages);
        if (page >= spec->config.task_size)
            return -ENOMEM;
    }
    if (page < spec->config.mmap_min_addr && !spec->config.privileged)
        return -EPERM;
    return (long)(page << SPEC_SHIFT);
}
