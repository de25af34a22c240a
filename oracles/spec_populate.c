/* SPDX-License-Identifier: GPL-2.0-only */
/* Faulting in ahead of use. What cannot be faulted in is an error, but nothing is taken back. */
#include "oracles/spec_private.h"

/* Pages of the piece that are inside of the file behind it. */
static uint64_t pages_inside(const struct spec *spec, const struct spec_page *first, uint64_t pages)
{
    uint64_t size;

    if (!first->file || spec_of_kind(spec, first->file, SPEC_DEVICE))
        return pages;
    size = spec_object(spec, first->file)->size;
    return first->pgoff < size ? spec_min(pages, size - first->pgoff) : 0;
}

/* Pages that were lazily freed may have become zeroes before: they stay so until the subject shows
 * what they are. */
int spec_fault_in(struct spec *spec, struct spec_space *space, uint64_t start, uint64_t end,
                  bool write)
{
    uint64_t pages = pages_inside(spec, &space->page[start], end - start);
    unsigned proc = (unsigned)(space - spec->now.space);

    if (write && spec_has_own_pages(&space->page[start])) {
        spec_prepare(spec, space, start);
        if (pages)
            spec_touch(spec, space, start, start + pages);
        for (uint64_t page = start; page < start + pages; page++) {
            if (space->page[page].own)
                continue;
            spec_touch_bare(spec, space, page, page + 1);
            spec_make_own(space, page, spec_contents(spec, proc, page));
        }
    } else {
        spec_read_in(spec, space, start, start + pages);
    }
    return pages < end - start ? -ENXIO : 0;
}

static int populate_piece(struct spec *spec, struct spec_space *space, uint64_t start, uint64_t end,
                          enum spec_populate how)
{
    const struct spec_page *first = &space->page[start];

    if (first->flags & (SNAP_NO_FRAMES | SNAP_LOCKONFAULT))
        return 0;
    if (!(first->flags & SNAP_ACCESS))
        return -ENOMEM;
    return spec_fault_in(spec, space, start, end, how == SPEC_WANTED || first->flags & SNAP_LOCKED)
               ? -ENOMEM
               : 0;
}

int spec_populate(struct spec *spec, struct spec_space *space, uint64_t start, uint64_t end,
                  enum spec_populate how)
{
    struct spec_run vma;
    int result = 0;

    for (uint64_t page = start; (!result || how != SPEC_LOCKED) && page < end; page = vma.end) {
        int error;

        if (!spec_run_from(spec, space, page, &vma) || vma.start >= end)
            break;
        error = populate_piece(spec, space, spec_max(page, vma.start), spec_min(vma.end, end), how);
        result = result ? result : error;
    }
    return result;
}

long spec_populate_range(struct spec *spec, struct spec_space *space, uint64_t start, uint64_t end,
                         bool write)
{
    const uint64_t needed = write ? SNAP_WRITE : SNAP_READ;
    uint64_t stop;

    for (uint64_t page = start; page < end; page = stop) {
        const struct spec_page *first = &space->page[page];

        if (!spec_mapped(spec, space, page))
            return -ENOMEM;
        stop = spec_min(spec_run_of(spec, space, page).end, end);
        if (first->flags & (SNAP_IO | SNAP_PFNMAP) || !(first->flags & needed))
            return -EINVAL;
        if (!(first->flags & SNAP_HUGETLB) && spec_fault_in(spec, space, page, stop, write))
            return -EFAULT;
    }
    return 0;
}
