/* SPDX-License-Identifier: GPL-2.0-only */
/* KSM in the flat specification: who shares which frame is not its business, so nothing changes. */
#include "oracles/spec_private.h"

/* But that pages full of zeroes may become what untouched memory shows. Which of them do, the
 * subject tells, as it tells of lazily freed ones. */
long spec_ksm(struct spec *spec, unsigned proc, uint64_t addr, uint64_t len, bool use_zero_pages)
{
    struct spec_space *space = spec_begin(spec, proc);
    const uint64_t start = spec_min(addr, spec_task_bytes(spec));
    const uint64_t room = spec_task_bytes(spec) - start;
    const uint64_t end = spec_page_align(start + spec_min(len, room)) >> SPEC_SHIFT;

    if (!use_zero_pages || !spec_since(spec, SPEC_LINUX_5_10))
        return 0;
    for (uint64_t page = spec_next_own(space, start >> SPEC_SHIFT, end); page < end;
         page = spec_next_own(space, page + 1, end)) {
        struct spec_page *p = &space->page[page];

        if (!space->value[page] && !p->file && p->flags & SNAP_MERGEABLE)
            p->lazy = 1;
    }
    return 0;
}
