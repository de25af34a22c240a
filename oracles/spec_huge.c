/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is seen of huge pages from outside: which reads prepare a VMA, which pages may turn out to
 * have contents of their own, and what madvise collapse answers.
 */
#include "oracles/spec_private.h"

/* Pages of the blocks that lie in the VMA wholly. */
static struct spec_run blocks_inside(struct spec_run vma)
{
    return (struct spec_run){spec_round_up(vma.start, SPEC_HUGE), vma.end & ~(SPEC_HUGE - 1)};
}

void spec_read_in(struct spec *spec, struct spec_space *space, uint64_t start, uint64_t end)
{
    const struct spec_page *first = &space->page[start];
    struct spec_run blocks;

    if (!(first->flags & SNAP_HUGEPAGE) || !spec_is_anonymous(first) || !spec_is_private(first) ||
        first->flags & SNAP_SPECIAL)
        return;
    blocks = blocks_inside(spec_run_of(spec, space, start));
    if (spec_max(blocks.start, start) < spec_min(blocks.end, end))
        spec_prepare(spec, space, start);
}

bool spec_tell_own(struct spec *spec, unsigned proc, uint64_t start, uint64_t end)
{
    struct spec_space *space = &spec->now.space[proc];
    const struct spec_page *first = &space->page[start];
    struct spec_run blocks;

    /* Without huge pages by now: one of zeroes may have been there before. */
    if (!spec_mapped(spec, space, start) || !first->anon || !spec_is_anonymous(first) ||
        !spec_is_private(first))
        return false;
    blocks = blocks_inside(spec_run_of(spec, space, start));
    if (start < blocks.start || end > blocks.end)
        return false;
    for (uint64_t page = start; page < end; page++)
        if (!space->page[page].own)
            spec_make_own(space, page, 0);
    return true;
}

/* ---- madvise collapse ---- */
/* May it answer so of blocks of this VMA? Who refers to which frame is the subject's business. */
static bool may_refuse(const struct spec *spec, const struct spec_page *first, long answer)
{
    return answer == -EINVAL || (answer == -EAGAIN && spec->now.nr_pins) ||
           (answer == -EBUSY && first->flags & SNAP_UFFD_BITS);
}

/* The piece [start, end) of the VMA: what it answers, if the subject may be believed. */
static long collapse_piece(const struct spec *spec, const struct spec_space *space,
                           struct spec_run vma, uint64_t start, uint64_t end, long seen)
{
    const struct spec_page *first = &space->page[start];
    const struct spec_run blocks = blocks_inside(vma);
    const uint64_t from = spec_round_up(start, SPEC_HUGE), to = end & ~(SPEC_HUGE - 1);

    if (!spec_is_anonymous(first) || !spec_is_private(first) || !first->anon ||
        first->flags & (SNAP_SPECIAL | SNAP_NOHUGEPAGE) || blocks.start >= blocks.end || from > to)
        return -EINVAL;
    return from < to && may_refuse(spec, first, seen) ? seen : 0;
}

long spec_collapse(struct spec *spec, const struct spec_space *space, uint64_t start, uint64_t end,
                   const struct spec_seen *seen)
{
    bool hole = false;
    uint64_t stop;

    for (uint64_t page = start; page < end; page = stop) {
        struct spec_run vma;
        long error;

        if (!spec_run_from(spec, space, page, &vma) || vma.start >= end)
            return -ENOMEM;
        hole |= vma.start > page;
        stop = spec_min(vma.end, end);
        error =
            collapse_piece(spec, space, vma, spec_max(page, vma.start), stop, seen ? seen->ret : 0);
        if (error)
            return error;
    }
    return hole ? -ENOMEM : 0;
}
