/* SPDX-License-Identifier: GPL-2.0-only */
/* Accesses and stack growth, and what only asks: lookups, mincore, msync, the mm's own doings. */
#include "oracles/spec_private.h"

/* ---- stack growth ---- */
static bool is_accessible(const struct spec_space *space, uint64_t page)
{
    return space->page[page].flags & SNAP_ACCESS;
}

/* Limits on a stack that becomes `size` pages long, which are not a stranger's. */
static bool may_grow(const struct spec *spec, const struct spec_space *space, uint64_t flags,
                     uint64_t size, uint64_t growth, enum spec_intent intent)
{
    const bool within_limits = spec_may_expand(spec, space, flags, growth) &&
                               size <= space->rlimit[SPEC_STACK] &&
                               (!(flags & SNAP_LOCKED) || spec_may_lock(spec, space, growth));

    return (within_limits || intent != SPEC_DIRECT) &&
           (!(flags & SNAP_ACCOUNT) || spec_may_charge(spec, space, growth));
}

/*  [prev]   gap   page......[vma]      Where there is room it takes an anon_vma, even if limits
 *                                   refuse it then. */
static bool grow_down(struct spec *spec, struct spec_space *space, struct spec_run vma,
                      uint64_t page, enum spec_intent intent)
{
    uint64_t growth = vma.start - page, prev = spec_mapped_end(space, page);
    struct spec_page first;

    if (page < spec->config.mmap_min_addr)
        return false;
    if (prev && is_accessible(space, prev - 1) && !(space->page[prev - 1].flags & SNAP_GROWSDOWN) &&
        page - prev < spec->config.stack_guard_gap)
        return false;
    spec_prepare(spec, space, vma.start);
    first = space->page[vma.start];
    if (growth > first.pgoff || !may_grow(spec, space, first.flags, vma.end - page, growth, intent))
        return false;
    first.pgoff -= growth;
    spec_touch(spec, space, page, vma.start);
    spec_map_pages(spec, space, page, vma.start, &first);
    spec_set_head(space, vma.start, false);
    spec_set_head(space, page, true);
    return true;
}

/*  [vma]......page   gap   [next]  */
static bool grow_up(struct spec *spec, struct spec_space *space, struct spec_run vma, uint64_t page,
                    enum spec_intent intent)
{
    uint64_t end = page + 1, growth = end - vma.end, next = spec_next_mapped(spec, space, page);
    struct spec_page more;

    if (next < spec->config.task_size && is_accessible(space, next) &&
        !(space->page[next].flags & SNAP_GROWSUP) && end + spec->config.stack_guard_gap > next)
        return false;
    spec_prepare(spec, space, vma.start);
    more = space->page[vma.end - 1];
    if (space->page[vma.start].pgoff + (end - vma.start) > SPEC_TOP ||
        !may_grow(spec, space, more.flags, end - vma.start, growth, intent))
        return false;
    more.pgoff++;
    spec_touch(spec, space, vma.end, end);
    spec_map_pages(spec, space, vma.end, end, &more);
    return true;
}

static bool grow_to(struct spec *spec, struct spec_space *space, uint64_t page,
                    enum spec_intent intent)
{
    struct spec_run vma;

    if (spec_run_from(spec, space, page, &vma) && space->page[vma.start].flags & SNAP_GROWSDOWN)
        return grow_down(spec, space, vma, page, intent);
    if (spec_run_before(spec, space, page, &vma) && space->page[vma.start].flags & SNAP_GROWSUP)
        return grow_up(spec, space, vma, page, intent);
    return false;
}

/* ---- accesses ---- */
/* A debugger may write to private memory that its owner could make writable. */
static bool is_allowed(const struct spec_page *p, int access, enum spec_intent intent)
{
    const uint64_t forced = SNAP_SHARED | SNAP_MAYWRITE;

    if (intent != SPEC_DIRECT && p->flags & (SNAP_IO | SNAP_PFNMAP))
        return false;
    if (access == PROT_READ)
        return p->flags & (intent == SPEC_DIRECT ? SNAP_ACCESS : SNAP_READ);
    if (p->flags & (uint64_t)access)
        return true;
    return intent == SPEC_FORCED && (p->flags & forced) == SNAP_MAYWRITE &&
           !(p->flags & SNAP_HUGETLB);
}

int spec_may_access(struct spec *spec, struct spec_space *space, uint64_t addr, int access,
                    enum spec_intent intent)
{
    uint64_t page = addr >> SPEC_SHIFT;
    const struct spec_page *p;
    bool allowed;

    if (page >= spec->config.task_size)
        return -EFAULT;
    if (!spec_mapped(spec, space, page)) {
        if ((intent == SPEC_REMOTE && spec_since(spec, SPEC_LINUX_6_1)) ||
            !grow_to(spec, space, page, intent))
            return -EFAULT;
    }
    p = &space->page[page];
    allowed = is_allowed(p, access, intent);
    if (!allowed && !(access == PROT_EXEC && is_accessible(space, page)))
        return -EFAULT; /* an instruction is fetched before it is asked whether it may be */
    if (p->file && !spec_of_kind(spec, p->file, SPEC_DEVICE) &&
        p->pgoff >= spec_object(spec, p->file)->size) {
        if (access == PROT_WRITE && spec_is_private(p))
            spec_prepare(spec, space, page);
        return -ENXIO;
    }
    if (allowed)
        return 0;
    spec_read_in(spec, space, page, page + 1);
    return -EFAULT;
}

static long write_page(struct spec *spec, struct spec_space *space, uint64_t page, uint64_t stamp)
{
    if (spec_is_private(&space->page[page]))
        spec_prepare(spec, space, page);
    return spec_write_page(spec, space, page, stamp);
}

long spec_access(struct spec *spec, unsigned proc, uint64_t addr, int access, bool remote,
                 uint64_t stamp, const struct spec_seen *seen)
{
    struct spec_space *space = spec_begin(spec, proc);
    uint64_t page = addr >> SPEC_SHIFT;
    int error = spec_may_access(spec, space, addr, access, remote ? SPEC_REMOTE : SPEC_DIRECT);

    if (error)
        return error;
    if (access == PROT_WRITE)
        return write_page(spec, space, page, stamp);
    spec_read_in(spec, space, page, page + 1);
    spec_settle(spec, proc, page, seen);
    return (long)spec_contents(spec, proc, page);
}

/* What is dropped meanwhile is faulted in again. Whether pins of the page got lost with it, only
 * the subject knows: there is nothing to drop if the first look has found all it needs. */
long spec_force_write(struct spec *spec, unsigned proc, uint64_t addr, bool dropped, uint64_t stamp)
{
    struct spec_space *space = spec_begin(spec, proc);
    uint64_t page = addr >> SPEC_SHIFT;
    int error = spec_may_access(spec, space, addr, PROT_WRITE, SPEC_FORCED);
    const struct spec_page *p;

    if (error)
        return error;
    p = &space->page[page];
    if (dropped && spec_is_private(p) && !(p->flags & SNAP_LOCKED)) {
        spec_touch_bare(spec, space, page, page + 1);
        spec_doubt_pins(spec, space, page);
    }
    return write_page(spec, space, page, stamp);
}

long spec_nothing(struct spec *spec, unsigned proc)
{
    spec_begin(spec, proc);
    return 0;
}

/* ---- lookups ---- */
static long answer(bool found, struct spec_run vma)
{
    return found ? (long)(vma.start << SPEC_SHIFT) + 1 : 0;
}

long spec_find(struct spec *spec, unsigned proc, uint64_t addr)
{
    struct spec_run vma = {0, 0};
    struct spec_space *space = spec_begin(spec, proc);

    return answer(spec_run_from(spec, space, addr >> SPEC_SHIFT, &vma), vma);
}

long spec_find_prev(struct spec *spec, unsigned proc, uint64_t addr)
{
    struct spec_run vma = {0, 0};
    struct spec_space *space = spec_begin(spec, proc);
    uint64_t below = spec->config.task_size;

    if (spec_run_from(spec, space, addr >> SPEC_SHIFT, &vma))
        below = vma.start;
    return answer(spec_run_before(spec, space, below, &vma), vma);
}

long spec_find_intersection(struct spec *spec, unsigned proc, uint64_t start, uint64_t end)
{
    struct spec_run vma = {0, 0};
    struct spec_space *space = spec_begin(spec, proc);
    bool found = spec_run_from(spec, space, start >> SPEC_SHIFT, &vma);

    return answer(found && vma.start << SPEC_SHIFT < end, vma);
}

long spec_gate(struct spec *spec, unsigned proc, uint64_t addr)
{
    spec_begin(spec, proc);
    return addr >> SPEC_SHIFT == spec->config.task_size + 16;
}

/* ---- calls of which only the range check matters ---- */
long spec_mincore(struct spec *spec, unsigned proc, uint64_t addr, uint64_t len)
{
    struct spec_space *space = spec_begin(spec, proc);
    uint64_t task = spec_task_bytes(spec);

    if (!spec_aligned(addr))
        return -EINVAL;
    if (len > task || addr > task - len)
        return -ENOMEM;
    if (!len || spec_next_hole(spec, space, addr >> SPEC_SHIFT) >= (addr + spec_page_align(len)) >>
                    SPEC_SHIFT)
        return 0;
    return -ENOMEM;
}

long spec_msync(struct spec *spec, unsigned proc, uint64_t addr, uint64_t len, int flags)
{
    struct spec_space *space = spec_begin(spec, proc);
    uint64_t to = addr + spec_page_align(len), end = to >> SPEC_SHIFT;
    bool hole = false;

    if (flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC) || !spec_aligned(addr) ||
        (flags & MS_ASYNC && flags & MS_SYNC))
        return -EINVAL;
    if (to < addr)
        return -ENOMEM;
    for (uint64_t page = addr >> SPEC_SHIFT; page < end;) {
        struct spec_run vma;

        if (!spec_run_from(spec, space, page, &vma) || vma.start >= end)
            return -ENOMEM;
        hole |= vma.start > page;
        if (flags & MS_INVALIDATE && space->page[vma.start].flags & SNAP_LOCKED)
            return -EBUSY;
        page = vma.end;
    }
    return hole ? -ENOMEM : 0;
}
