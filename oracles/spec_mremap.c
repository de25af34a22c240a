/* SPDX-License-Identifier: GPL-2.0-only */
/* mremap of the flat specification: one road for kernels until 6.12, one for 6.18. */
#include "oracles/spec_private.h"

/* One call, or one VMA's part of it. Bytes. */
struct remap {
    uint64_t addr, old_len, new_len, new_addr;
    int flags;
    const struct spec_seen *seen;
};

static const struct spec_page *page_at(const struct spec_space *space, uint64_t addr)
{
    return &space->page[addr >> SPEC_SHIFT];
}

static bool is_huge(const struct spec_space *space, uint64_t addr)
{
    return page_at(space, addr)->flags & SNAP_HUGETLB;
}

static bool mapped_at(const struct spec *spec, const struct spec_space *space, uint64_t addr)
{
    return spec_mapped(spec, space, addr >> SPEC_SHIFT);
}

static bool has_target(const struct remap *r)
{
    return r->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP);
}

/* vma.attrs: pages that a call adds must not take the offset past its end. */
static int check_growth(const struct spec *spec, const struct spec_space *space,
                        const struct remap *r, bool charge)
{
    const struct spec_page *page = page_at(space, r->addr);
    uint64_t delta = (r->new_len - r->old_len) >> SPEC_SHIFT;

    if (page->pgoff + (r->new_len >> SPEC_SHIFT) > SPEC_TOP)
        return -EINVAL;
    if (page->flags & (SNAP_DONTEXPAND | SNAP_PFNMAP))
        return -EFAULT;
    if (page->flags & SNAP_LOCKED && !spec_may_lock(spec, space, delta))
        return -EAGAIN;
    if (!spec_may_expand(spec, space, page->flags, delta))
        return -ENOMEM;
    return charge && page->flags & SNAP_ACCOUNT && !spec_may_charge(spec, space, delta) ? -ENOMEM
                                                                                        : 0;
}

/* What the VMA at addr allows. charge: the commit limit is looked at here already (until 6.12). */
static int check_resize(const struct spec *spec, const struct spec_space *space,
                        const struct remap *r, bool charge)
{
    const struct spec_page *page;
    struct spec_run vma;

    if (!mapped_at(spec, space, r->addr))
        return -EFAULT;
    page = page_at(space, r->addr);
    vma = spec_run_of(spec, space, r->addr >> SPEC_SHIFT);
    if (!r->old_len && !(page->flags & SNAP_MAYSHARE))
        return -EINVAL;
    if (r->flags & MREMAP_DONTUNMAP) {
        if (spec_since(spec, SPEC_LINUX_6_1) ? page->flags & (SNAP_DONTEXPAND | SNAP_PFNMAP)
                                             : !spec_is_anonymous(page))
            return -EINVAL;
    }
    if (!spec_since(spec, SPEC_LINUX_6_1) && page->flags & SNAP_HUGETLB)
        return -EINVAL;
    if (r->old_len > (vma.end << SPEC_SHIFT) - r->addr)
        return -EFAULT;
    return r->old_len == r->new_len ? 0 : check_growth(spec, space, r, charge);
}

/* The source of DONTUNMAP stays, but not locked: all of its VMA, without trying to merge. */
static void unlock_source(struct spec *spec, struct spec_space *space, uint64_t addr)
{
    struct spec_run vma = spec_run_of(spec, space, addr >> SPEC_SHIFT);
    struct spec_page to = space->page[vma.start];

    if (!(to.flags & SNAP_LOCK_BITS))
        return;
    to.flags &= ~SNAP_LOCK_BITS;
    spec->unlocked = true;
    spec_touch(spec, space, vma.start, vma.end);
    spec_change_pages(spec, space, vma.start, vma.end, &to);
}

/* Since 5.13 it has no use for its anon_vma any more, if nothing of the VMA stays behind. */
static void unlink_source(struct spec *spec, struct spec_space *space, const struct remap *r)
{
    struct spec_run vma = spec_run_of(spec, space, r->addr >> SPEC_SHIFT);

    if (spec_since(spec, SPEC_LINUX_6_1) && vma.start << SPEC_SHIFT == r->addr &&
        vma.end << SPEC_SHIFT == r->addr + r->old_len) {
        spec_unlink_anon(spec, space, vma);
        if (spec_is_anonymous(&space->page[vma.start]) && !spec_since(spec, SPEC_LINUX_6_12))
            for (uint64_t page = vma.start; page < vma.end; page++) /* as if new there */
                space->page[page].pgoff = page;
    }
}

/* 6.1 joins to nothing what it copies to a place beside an unfaulted source that stays. */
static bool stays_apart(const struct spec *spec, const struct spec_space *space,
                        const struct remap *r, uint64_t start, uint64_t end)
{
    const struct spec_run vma = spec_run_of(spec, space, r->addr >> SPEC_SHIFT);
    const struct spec_page *source = &space->page[vma.start];

    return spec_since(spec, SPEC_LINUX_6_1) && !spec_since(spec, SPEC_LINUX_6_12) &&
           spec_is_anonymous(source) && !source->anon && (vma.end == start || vma.start == end);
}

/* The copy is no userfault range, nor is what it was joined to; nothing is joined for that. */
static void drop_context(struct spec *spec, struct spec_space *space, uint64_t start)
{
    struct spec_run vma = spec_run_of(spec, space, start);
    struct spec_page to = space->page[vma.start];

    if (!to.context)
        return;
    to.flags &= ~SNAP_UFFD_BITS;
    to.context = 0;
    spec->left = true;
    spec_touch(spec, space, vma.start, vma.end);
    spec_change_pages(spec, space, vma.start, vma.end, &to);
}

/* The copy comes first, so that it may even join the VMA that it is a copy of; then the source
 * goes.
 *
 *    [aaa|bb]      ->   [aaa|bb|bb]   ->   [aaa]  [bb]
 *
 * page.index: pages of its own keep their offset wherever they go.
 */
static long move(struct spec *spec, struct spec_space *space, const struct remap *r, uint64_t to)
{
    struct spec_page copy = *page_at(space, r->addr);
    uint64_t start = to >> SPEC_SHIFT, end = start + (r->new_len >> SPEC_SHIFT);
    uint64_t hiwater = space->totals.hiwater_vm;
    bool keep = r->flags & MREMAP_DONTUNMAP;
    uint64_t charge = keep ? r->new_len : r->new_len - r->old_len;

    if ((uint64_t)space->map_count + 3 >= spec->config.max_map_count)
        return -ENOMEM;
    if (copy.flags & SNAP_ACCOUNT && !spec_may_charge(spec, space, charge >> SPEC_SHIFT))
        return -ENOMEM;
    if (!spec_since(spec, SPEC_LINUX_5_10)) {
        copy.flags &= ~SNAP_UFFD_BITS;
        copy.context = 0;
    }
    if (spec_is_anonymous(&copy) && !copy.anon)
        copy.pgoff = start;
    spec_touch(spec, space, start, end);
    spec->copied = true;
    if (keep && stays_apart(spec, space, r, start, end)) {
        spec_map_pages(spec, space, start, end, &copy);
        spec_join(spec, space, start, end, (struct spec_joins){0});
    } else {
        spec_map_joined(spec, space, start, end, &copy);
    }
    drop_context(spec, space, start);
    if (space->nr_own)
        spec_move_own(spec, space, r->addr >> SPEC_SHIFT, start, r->old_len >> SPEC_SHIFT);
    if (keep) {
        unlock_source(spec, space, r->addr);
        unlink_source(spec, space, r);
    } else if (r->old_len) {
        spec_unmap_range(spec, space, r->addr >> SPEC_SHIFT, (r->addr + r->old_len) >> SPEC_SHIFT);
    }
    if (copy.flags & SNAP_LOCKED && r->new_len > r->old_len)
        spec_populate(spec, space, start + (r->old_len >> SPEC_SHIFT), end, SPEC_LOCKED_ALL);
    space->totals.hiwater_vm = spec_max(hiwater, space->totals.total_vm);
    return (long)to;
}

/* To a place that the search chooses, or that a hint asks for. */
static long move_to(struct spec *spec, struct spec_space *space, const struct remap *r,
                    uint64_t hint)
{
    long to;

    if (r->flags & MREMAP_DONTUNMAP &&
        !spec_may_expand(spec, space, page_at(space, r->addr)->flags, r->old_len >> SPEC_SHIFT))
        return -ENOMEM;
    to = spec_get_unmapped_area(spec, space, page_at(space, r->addr), hint, r->new_len,
                                r->flags & MREMAP_FIXED, r->seen);
    return to < 0 ? to : move(spec, space, r, (uint64_t)to);
}

/* Growth without a target: in place if the VMA ends there and the pages behind it are free. */
static bool grows_in_place(const struct spec *spec, const struct spec_space *space,
                           const struct remap *r)
{
    struct spec_run vma = spec_run_of(spec, space, r->addr >> SPEC_SHIFT);
    uint64_t end = (r->addr + r->new_len) >> SPEC_SHIFT;

    return vma.end << SPEC_SHIFT == r->addr + r->old_len &&
           r->new_len <= spec_task_bytes(spec) - r->addr &&
           spec_next_mapped(spec, space, vma.end) >= end &&
           (vma.start >= spec->config.mmap_min_addr || spec->config.privileged);
}

static long grow(struct spec *spec, struct spec_space *space, const struct remap *r)
{
    uint64_t start = (r->addr + r->old_len) >> SPEC_SHIFT;
    uint64_t end = (r->addr + r->new_len) >> SPEC_SHIFT;
    struct spec_page more;

    if (!grows_in_place(spec, space, r))
        return r->flags & MREMAP_MAYMOVE ? move_to(spec, space, r, 0) : -ENOMEM;
    more = space->page[start - 1];
    more.pgoff++;
    if (more.flags & SNAP_ACCOUNT && !spec_may_charge(spec, space, end - start))
        return -ENOMEM;
    spec_touch(spec, space, start, end);
    spec_map_pages(spec, space, start, end, &more);
    spec_join(spec, space, start, end,
              (struct spec_joins){.prev = true, .next = spec_growth_joins(spec, space, end)});
    if (more.flags & SNAP_LOCKED)
        spec_populate(spec, space, start, end, SPEC_LOCKED_ALL);
    return (long)r->addr;
}

/* Until 6.12: one VMA; the destination goes first, whatever comes after. */
static long move_to_target(struct spec *spec, struct spec_space *space, struct remap *r)
{
    uint64_t task = spec_task_bytes(spec);
    long error;

    if (!spec_aligned(r->new_addr) || r->new_len > task || r->new_addr > task - r->new_len)
        return -EINVAL;
    if (r->addr + r->old_len > r->new_addr && r->new_addr + r->new_len > r->addr)
        return -EINVAL;
    if (spec_since(spec, SPEC_LINUX_5_10) &&
        (uint64_t)space->map_count + 5 >= spec->config.max_map_count)
        return -ENOMEM;
    if (r->flags & MREMAP_FIXED) {
        error = spec_unmap_call(spec, space, r->new_addr, r->new_len);
        if (error)
            return error;
    }
    if (r->old_len > r->new_len) {
        error = spec_unmap_call(spec, space, r->addr + r->new_len, r->old_len - r->new_len);
        if (error)
            return error;
        r->old_len = r->new_len;
    }
    error = check_resize(spec, space, r, true);
    return error ? error : move_to(spec, space, r, r->new_addr);
}

/* Huge pages (since 6.1): whole ones, and no growth. */
static int align_huge(const struct spec_space *space, struct remap *r)
{
    uint64_t size = SPEC_HUGE << SPEC_SHIFT;

    if (!is_huge(space, r->addr))
        return 0;
    r->old_len = spec_round_up(r->old_len, size);
    r->new_len = spec_round_up(r->new_len, size);
    if (r->addr % size || (r->flags & MREMAP_FIXED && r->new_addr % size) ||
        r->new_len > r->old_len)
        return -EINVAL;
    return 0;
}

static long mremap_old(struct spec *spec, struct spec_space *space, struct remap *r)
{
    int known =
        MREMAP_MAYMOVE | MREMAP_FIXED | (spec_since(spec, SPEC_LINUX_5_10) ? MREMAP_DONTUNMAP : 0);
    long error;

    if (r->flags & ~known || (has_target(r) && !(r->flags & MREMAP_MAYMOVE)) ||
        (r->flags & MREMAP_DONTUNMAP && r->old_len != r->new_len) || !spec_aligned(r->addr) ||
        !r->new_len)
        return -EINVAL;
    if (spec_since(spec, SPEC_LINUX_6_1)) {
        if (!mapped_at(spec, space, r->addr))
            return -EFAULT;
        error = align_huge(space, r);
        if (error)
            return error;
    }
    if (has_target(r))
        return move_to_target(spec, space, r);
    if (r->old_len >= r->new_len) {
        error = r->old_len == r->new_len
                    ? 0
                    : spec_unmap_call(spec, space, r->addr + r->new_len, r->old_len - r->new_len);
        return error ? error : (long)r->addr;
    }
    error = check_resize(spec, space, r, true);
    return error ? error : grow(spec, space, r);
}

/* ---- 6.18 ---- */
static int check_arguments(const struct spec *spec, const struct spec_space *space,
                           const struct remap *r)
{
    uint64_t task = spec_task_bytes(spec);

    if (r->flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP) || !spec_aligned(r->addr) ||
        !r->new_len || r->new_len > task)
        return -EINVAL;
    if (!has_target(r))
        return 0;
    if (r->new_addr > task - r->new_len || !spec_aligned(r->new_addr) ||
        !(r->flags & MREMAP_MAYMOVE) || (r->flags & MREMAP_DONTUNMAP && r->old_len != r->new_len) ||
        (r->addr + r->old_len > r->new_addr && r->new_addr + r->new_len > r->addr))
        return -EINVAL;
    return (uint64_t)space->map_count + 5 >= spec->config.max_map_count ? -ENOMEM : 0;
}

/* All that the source can object to comes before the destination is touched. */
static long move_one(struct spec *spec, struct spec_space *space, struct remap *r)
{
    struct remap clipped = *r;
    long error;

    clipped.old_len = spec_min(r->old_len, r->new_len);
    error = check_resize(spec, space, &clipped, false);
    if (!error && r->flags & MREMAP_FIXED)
        error = spec_unmap_call(spec, space, r->new_addr, r->new_len);
    if (!error && !mapped_at(spec, space, r->addr))
        error = -EFAULT; /* old length 0 onto itself: the source was unmapped as the destination */
    if (!error && r->old_len > r->new_len)
        error = spec_unmap_call(spec, space, r->addr + r->new_len, r->old_len - r->new_len);
    return error ? error : move_to(spec, space, &clipped, r->new_addr);
}

/* FIXED of the same size takes all VMAs of the range along, each by itself, and leaves out holes:
 *
 *    [aa|bbb]..[cc]    ->    [aa|bbb]??[cc]      ??: what was there before
 */
static long move_many(struct spec *spec, struct spec_space *space, const struct remap *r)
{
    uint64_t from = r->addr >> SPEC_SHIFT, end = (r->addr + r->old_len) >> SPEC_SHIFT;
    struct spec_run vma;

    while (from < end && spec_run_from(spec, space, from, &vma) && vma.start < end) {
        uint64_t start = spec_max(from, vma.start), stop = spec_min(end, vma.end);
        struct remap one = *r;
        long ret;

        if (space->page[start].flags & (SNAP_SPECIAL | SNAP_HUGETLB | SNAP_UFFD_BITS) &&
            (start != r->addr >> SPEC_SHIFT || stop < end))
            return -EFAULT;
        one.addr = start << SPEC_SHIFT;
        one.new_addr = r->new_addr + (one.addr - r->addr);
        one.old_len = one.new_len = (stop - start) << SPEC_SHIFT;
        ret = move_one(spec, space, &one);
        if (ret < 0)
            return ret;
        from = stop;
    }
    return (long)r->new_addr;
}

static long mremap_new(struct spec *spec, struct spec_space *space, struct remap *r)
{
    long error = check_arguments(spec, space, r);

    if (error)
        return error;
    if (!mapped_at(spec, space, r->addr))
        return -EFAULT;
    error = align_huge(space, r);
    if (error)
        return error;
    if (r->flags & MREMAP_FIXED && r->old_len == r->new_len)
        return move_many(spec, space, r);
    if (has_target(r))
        return move_one(spec, space, r);
    if (r->old_len >= r->new_len) {
        error = r->old_len == r->new_len
                    ? 0
                    : spec_unmap_call(spec, space, r->addr + r->new_len, r->old_len - r->new_len);
        return error ? error : (long)r->addr;
    }
    error = check_resize(spec, space, r, false);
    return error ? error : grow(spec, space, r);
}

long spec_mremap(struct spec *spec, unsigned proc, uint64_t addr, uint64_t old_len,
                 uint64_t new_len, int flags, uint64_t new_addr, const struct spec_seen *seen)
{
    struct spec_space *space = spec_begin(spec, proc);
    struct remap r = {addr, spec_page_align(old_len), spec_page_align(new_len), new_addr, flags,
                      seen};

    return spec_since(spec, SPEC_LINUX_6_18) ? mremap_new(spec, space, &r)
                                             : mremap_old(spec, space, &r);
}
