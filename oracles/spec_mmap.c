/* SPDX-License-Identifier: GPL-2.0-only */
/* mmap, munmap, brk, special mappings and remap_file_pages of the flat specification. */
#include "oracles/spec_private.h"

/* An mmap call on a file that has been looked up. addr, len: bytes. */
struct request {
    uint64_t addr, len, pgoff;
    int prot, flags;
    uint32_t file;
    const struct spec_seen *seen;
};

/* ---- munmap ---- */
static bool is_inside(const struct spec *spec, const struct spec_space *space, uint64_t page)
{
    return spec_mapped(spec, space, page) && !space->page[page].head;
}

/* VMAs start at both ends: [   |xxxxx|   ]. Only a hole in the middle of one needs room for one
 * more VMA than there were. What is split stays split if the second one fails. */
static int split_ends(struct spec *spec, struct spec_space *space, uint64_t start, uint64_t end)
{
    int error;

    if (!is_inside(spec, space, start))
        return is_inside(spec, space, end) ? spec_split(spec, space, end, false) : 0;
    if (spec_run_of(spec, space, start).end > end && space->map_count >= spec->config.max_map_count)
        return -ENOMEM;
    error = spec_split(spec, space, start, false);
    return error ? error : spec_split(spec, space, end, false);
}

int spec_unmap_range(struct spec *spec, struct spec_space *space, uint64_t start, uint64_t end)
{
    int error;

    if (!spec_any_mapped(space, start, end))
        return 0;
    spec_touch(spec, space, start, end);
    error = split_ends(spec, space, start, end);
    if (error)
        return error;
    spec_touch_gone(spec, space, start, end);
    spec_unmap_pages(spec, space, start, end);
    return 0;
}

long spec_unmap_call(struct spec *spec, struct spec_space *space, uint64_t addr, uint64_t len)
{
    uint64_t task = spec_task_bytes(spec);

    if (!spec_aligned(addr) || addr > task || len > task - addr || !len)
        return -EINVAL;
    return spec_unmap_range(spec, space, addr >> SPEC_SHIFT,
                            (addr + spec_page_align(len)) >> SPEC_SHIFT);
}

long spec_munmap(struct spec *spec, unsigned proc, uint64_t addr, uint64_t len)
{
    return spec_unmap_call(spec, spec_begin(spec, proc), addr, len);
}

/* ---- the end of mmap ---- */
/* What the file behind it says: 0 or an error, flags that it adds. */
static int ask_file(const struct spec *spec, struct spec_page *want)
{
    if (!want->file)
        return 0;
    switch (spec_object(spec, want->file)->kind) {
    case SPEC_SHMEM:
        if (spec_object(spec, want->file)->sealed &&
            (want->flags & SNAP_WRITABLE_SHARE) == SNAP_WRITABLE_SHARE)
            return -EPERM;
        return 0;
    case SPEC_HUGETLB:
        if (want->pgoff % SPEC_HUGE)
            return -EINVAL;
        want->flags |= SNAP_HUGETLB | SNAP_DONTEXPAND;
        return 0;
    case SPEC_DEVICE:
        want->flags |= SNAP_IO | SNAP_PFNMAP | SNAP_DONTEXPAND | SNAP_DONTDUMP;
        return 0;
    default:
        return 0;
    }
}

static bool is_accountable(const struct spec *spec, const struct spec_page *want)
{
    return (want->flags & (SNAP_NORESERVE | SNAP_SHARED | SNAP_WRITE)) == SNAP_WRITE &&
           !spec_of_kind(spec, want->file, SPEC_HUGETLB);
}

/* The mapping at its place. Until 6.1 what was there goes first and leaves a hole on failure; later
 * kernels only split it at both ends until nothing can fail any more. */
static long map_region(struct spec *spec, struct spec_space *space, struct spec_page *want,
                       uint64_t start, uint64_t pages, bool populate)
{
    bool late = spec_since(spec, SPEC_LINUX_6_12);
    uint64_t end = start + pages, charge = pages;
    bool taken = spec_any_mapped(space, start, end); /* otherwise nothing is to go */
    int error = late && taken ? split_ends(spec, space, start, end) : 0;

    spec_touch(spec, space, start, end);
    if (error)
        return error;
    if (!spec_may_expand(spec, space, want->flags,
                         pages - (taken ? spec_count_mapped(space, start, end) : 0)))
        return -ENOMEM;
    error = late || !taken ? 0 : spec_unmap_range(spec, space, start, end);
    if (error)
        return error;
    if (is_accountable(spec, want)) {
        charge -= taken ? spec_count_pages(spec, space, start, end, SNAP_ACCOUNT) : 0;
        if (!spec_may_charge(spec, space, charge))
            return -ENOMEM;
        want->flags |= SNAP_ACCOUNT;
    }
    error = ask_file(spec, want);
    if (error)
        return error;
    if (taken)
        spec_unmap_pages(spec, space, start, end);
    if (want->flags & SNAP_LOCKED && want->flags & SNAP_SPECIAL)
        want->flags &= ~SNAP_LOCK_BITS;
    spec_map_new(spec, space, start, end, want);
    if (populate || want->flags & SNAP_LOCKED)
        spec_populate(spec, space, start, end, populate ? SPEC_WANTED : SPEC_LOCKED_ALL);
    return (long)(start << SPEC_SHIFT);
}

/* ---- mmap ---- */
static uint64_t prot_flags(int prot)
{
    return (prot & PROT_READ ? SNAP_READ : 0) | (prot & PROT_WRITE ? SNAP_WRITE : 0) |
           (prot & PROT_EXEC ? (uint64_t)SNAP_EXEC : 0);
}

static uint64_t initial_flags(const struct spec *spec, const struct spec_space *space,
                              const struct request *r, int prot)
{
    uint64_t flags = prot_flags(prot) | space->totals.def_flags;

    flags |= SNAP_MAYREAD | SNAP_MAYWRITE | SNAP_MAYEXEC;
    if (r->flags & MAP_GROWSDOWN)
        flags |= SNAP_GROWSDOWN;
    if (r->flags & MAP_GROWSUP)
        flags |= SNAP_GROWSUP;
    if (r->flags & MAP_LOCKED)
        flags |= SNAP_LOCKED;
    if (r->flags & MAP_STACK && spec_since(spec, SPEC_LINUX_6_12))
        flags |= SNAP_NOHUGEPAGE;
    return flags;
}

/* Offsets in bytes are signed but for devices, and one page more would have to be there. */
static bool offset_can_be(const struct spec *spec, const struct request *r)
{
    const uint64_t pages = spec_page_align(r->len) >> SPEC_SHIFT;
    const uint64_t top = spec_of_kind(spec, r->file, SPEC_DEVICE) ? SPEC_TOP : SPEC_TOP >> 1;

    return r->pgoff < top && r->pgoff + pages < top;
}

/* Kind of mapping and the file's modes: 0 or an error; completes the flags. */
static int check_file(const struct spec *spec, const struct request *r, struct spec_page *want)
{
    unsigned mode = spec_file(spec, r->file)->mode;
    int type = r->flags & MAP_TYPE;

    if (spec_since(spec, SPEC_LINUX_5_10) && !offset_can_be(spec, r))
        return -EOVERFLOW;
    if (type == MAP_SHARED_VALIDATE && r->flags & MAP_FIXED_NOREPLACE &&
        spec_since(spec, SPEC_LINUX_5_10))
        return -EOPNOTSUPP;
    if (type == MAP_SHARED || (type == MAP_SHARED_VALIDATE && spec_since(spec, SPEC_LINUX_5_10))) {
        if (want->flags & SNAP_WRITE && !(mode & SPEC_MODE_WRITE))
            return -EACCES;
        if (mode & SPEC_MODE_APPEND && mode & SPEC_MODE_WRITE)
            return -EACCES;
        want->flags |= SNAP_MAYSHARE;
        if (mode & SPEC_MODE_WRITE)
            want->flags |= SNAP_SHARED;
        else
            want->flags &= ~(uint64_t)SNAP_MAYWRITE;
    } else if (type != MAP_PRIVATE) {
        return -EINVAL;
    }
    if (!(mode & SPEC_MODE_READ))
        return -EACCES;
    if (mode & SPEC_MODE_NOEXEC) {
        if (want->flags & SNAP_EXEC)
            return -EPERM;
        want->flags &= ~(uint64_t)SNAP_MAYEXEC;
    }
    if (spec_of_kind(spec, r->file, SPEC_NOMMAP))
        return -ENODEV;
    if (want->flags & SNAP_GROWS)
        return -EINVAL;
    if (want->flags & SNAP_SHARED && spec_since(spec, SPEC_LINUX_5_10) &&
        spec_object(spec, r->file)->sealed) { /* for reading, now and later */
        if (want->flags & SNAP_WRITE)
            return -EPERM;
        want->flags &= ~(uint64_t)SNAP_MAYWRITE;
    }
    return 0;
}

static int check_anonymous(const struct request *r, uint64_t start, struct spec_page *want)
{
    switch (r->flags & MAP_TYPE) {
    case MAP_SHARED:
        if (want->flags & SNAP_GROWS)
            return -EINVAL;
        want->flags |= SNAP_SHARED | SNAP_MAYSHARE;
        want->pgoff = 0;
        return 0;
    case MAP_PRIVATE:
        want->pgoff = start;
        return 0;
    default:
        return -EINVAL;
    }
}

static int check_lock(const struct spec *spec, const struct spec_space *space,
                      const struct request *r, uint64_t flags, uint64_t pages)
{
    if (r->flags & MAP_LOCKED && !spec_can_mlock(spec, space))
        return -EPERM;
    return flags & SNAP_LOCKED && !spec_may_lock(spec, space, pages) ? -EAGAIN : 0;
}

/* A fresh object behind it; dies at once if nothing comes to refer to it. */
static long map_shared_anonymous(struct spec *spec, struct spec_space *space,
                                 struct spec_page *want, uint64_t start, uint64_t pages,
                                 bool populate)
{
    long ret;

    want->file = spec_new_file(spec, 0, SPEC_SHMEM, SPEC_MODE_READ | SPEC_MODE_WRITE, pages);
    spec_object(spec, want->file)->anonymous = true;
    spec_file_ref(spec, want->file, 1);
    ret = map_region(spec, space, want, start, pages, populate);
    spec_file_ref(spec, want->file, -1);
    return ret;
}

static long do_mmap(struct spec *spec, struct spec_space *space, const struct request *r)
{
    bool noreplace = r->flags & MAP_FIXED_NOREPLACE && spec_since(spec, SPEC_LINUX_5_10);
    bool fixed = r->flags & MAP_FIXED || noreplace;
    bool noexec = r->file && spec_file(spec, r->file)->mode & SPEC_MODE_NOEXEC;
    bool populate = r->flags & MAP_POPULATE;
    bool implied = spec->config.read_implies_exec && r->prot & PROT_READ && !noexec;
    uint64_t len = spec_page_align(r->len), pages = len >> SPEC_SHIFT, start;
    struct spec_page want = {.file = r->file, .pgoff = r->pgoff};
    long addr, error;

    if (!r->len)
        return -EINVAL;
    if (!len)
        return -ENOMEM;
    if (r->pgoff + pages > SPEC_TOP && !spec_since(spec, SPEC_LINUX_5_10))
        return -EOVERFLOW;
    if (space->map_count > spec->config.max_map_count)
        return -ENOMEM;
    want.flags = (r->flags & MAP_TYPE) == MAP_SHARED ? SNAP_SHARED : 0; /* the search asks */
    addr = spec_get_unmapped_area(
        spec, space, &want, fixed ? r->addr : spec_round_hint(spec, r->addr), len, fixed, r->seen);
    if (addr < 0)
        return addr;
    start = (uint64_t)addr >> SPEC_SHIFT;
    if (noreplace && spec_any_mapped(space, start, start + pages))
        return -EEXIST;
    want.flags = initial_flags(spec, space, r, r->prot | (implied ? PROT_EXEC : 0));
    error = check_lock(spec, space, r, want.flags, pages);
    if (error)
        return error;
    error = r->file ? check_file(spec, r, &want) : check_anonymous(r, start, &want);
    if (error)
        return error;
    if (r->flags & MAP_NORESERVE && spec->config.overcommit != 2)
        want.flags |= SNAP_NORESERVE;
    if (!r->file && want.flags & SNAP_SHARED)
        return map_shared_anonymous(spec, space, &want, start, pages, populate);
    return map_region(spec, space, &want, start, pages, populate);
}

long spec_mmap(struct spec *spec, unsigned proc, uint64_t addr, uint64_t len, int prot, int flags,
               int fd, uint64_t off, const struct spec_seen *seen)
{
    struct spec_space *space = spec_begin(spec, proc);
    struct request r = {addr, len, off >> SPEC_SHIFT, prot, flags, 0, seen};

    if (!spec_aligned(off))
        return -EINVAL;
    if (!(flags & MAP_ANONYMOUS)) {
        r.file = fd >= 0 && fd < SPEC_FDS ? spec->now.fd[fd] : 0;
        if (!r.file)
            return -EBADF;
        if (spec_of_kind(spec, r.file, SPEC_HUGETLB))
            r.len = spec_round_up(len, SPEC_HUGE << SPEC_SHIFT);
    }
    return do_mmap(spec, space, &r);
}

/* ---- remap_file_pages ---- */
/* Does one mapping of one file cover [start, end), in as many VMAs as it likes? */
static bool is_one_window(const struct spec *spec, const struct spec_space *space, uint64_t start,
                          uint64_t end)
{
    const struct spec_page *first = &space->page[start];

    for (uint64_t page = start; page < end; page = spec_run_of(spec, space, page).end) {
        if (!spec_mapped(spec, space, page) || space->page[page].file != first->file ||
            space->page[page].flags != first->flags)
            return false;
    }
    return true;
}

long spec_remap_file_pages(struct spec *spec, unsigned proc, uint64_t addr, uint64_t size, int prot,
                           uint64_t pgoff, int flags)
{
    struct spec_space *space = spec_begin(spec, proc);
    uint64_t start = addr >> SPEC_SHIFT, pages = size >> SPEC_SHIFT;
    bool late = spec_since(spec, SPEC_LINUX_5_10); /* then mmap says what is too large */
    const struct spec_page *page;
    struct request r = {
        start << SPEC_SHIFT, pages << SPEC_SHIFT, pgoff, 0, MAP_SHARED | MAP_FIXED, 0, NULL};
    long ret;

    (void)flags; /* only MAP_NONBLOCK means something, and nothing here */
    if (prot || r.addr + r.len <= r.addr || pgoff + pages < pgoff)
        return -EINVAL;
    if (!late && (pgoff + pages > SPEC_TOP || pgoff > SPEC_TOP))
        return -EINVAL;
    if (!spec_mapped(spec, space, start))
        return -EINVAL;
    page = &space->page[start];
    if (!(page->flags & SNAP_SHARED) || !is_one_window(spec, space, start, start + pages))
        return -EINVAL;
    r.file = page->file;
    r.prot = (page->flags & SNAP_READ ? PROT_READ : 0) |
             (page->flags & SNAP_WRITE ? PROT_WRITE : 0) |
             (page->flags & SNAP_EXEC ? PROT_EXEC : 0);
    r.flags |= page->flags & SNAP_LOCKED ? MAP_LOCKED : 0;
    spec_file_ref(spec, r.file, 1);
    ret = do_mmap(spec, space, &r);
    spec_file_ref(spec, r.file, -1);
    return ret < 0 ? ret : 0;
}

/* ---- special mappings ---- */
long spec_install_special(struct spec *spec, unsigned proc, uint64_t hint, uint64_t len,
                          const struct spec_seen *seen)
{
    struct spec_space *space = spec_begin(spec, proc);
    struct spec_page want = {.flags = SNAP_READ | SNAP_EXEC | SNAP_MAYREAD | SNAP_MAYWRITE |
                                      SNAP_MAYEXEC | SNAP_DONTEXPAND};
    uint64_t aligned = spec_page_align(len), start, end;
    long addr;

    if (!len)
        return -EINVAL;
    if (!aligned || space->map_count > spec->config.max_map_count)
        return -ENOMEM;
    addr = spec_get_unmapped_area(spec, space, &want, spec_round_hint(spec, hint), aligned, false,
                                  seen);
    if (addr < 0)
        return addr;
    start = (uint64_t)addr >> SPEC_SHIFT;
    end = start + (aligned >> SPEC_SHIFT);
    spec_touch(spec, space, start, end);
    spec_map_joined(spec, space, start, end, &want);
    return addr;
}

/* ---- brk ---- */
static bool shrink_brk(struct spec *spec, struct spec_space *space, uint64_t from, uint64_t old)
{
    /* Since 6.1 there has to be something to unmap. */
    if (spec_since(spec, SPEC_LINUX_6_1) &&
        spec_next_mapped(spec, space, from >> SPEC_SHIFT) >= old >> SPEC_SHIFT)
        return false;
    return !spec_unmap_call(spec, space, from, old - from);
}

static bool grow_brk(struct spec *spec, struct spec_space *space, uint64_t old, uint64_t to)
{
    struct spec_page want = {.flags = SNAP_READ | SNAP_WRITE | SNAP_MAYREAD | SNAP_MAYWRITE |
                                      SNAP_MAYEXEC | SNAP_ACCOUNT};
    uint64_t start = old >> SPEC_SHIFT, end = to >> SPEC_SHIFT, pages = end - start;
    uint64_t next = spec_next_mapped(spec, space, start);
    bool own = space->page[start ? start - 1 : 0].mapped && start > spec->config.start_brk;
    struct spec_joins joins;

    if (next < spec->config.task_size && end + 1 > spec_start_gap(spec, space, next))
        return false;
    want.flags |= space->totals.def_flags | (spec->config.read_implies_exec ? SNAP_EXEC : 0);
    want.pgoff = start;
    if (spec_get_unmapped_area(spec, space, &want, old, to - old, true, NULL) < 0 ||
        (want.flags & SNAP_LOCKED && !spec_may_lock(spec, space, pages)) ||
        !spec_may_expand(spec, space, want.flags, pages) ||
        space->map_count > spec->config.max_map_count || !spec_may_charge(spec, space, pages))
        return false;
    spec_touch(spec, space, start, end);
    spec_map_pages(spec, space, start, end, &want);
    joins = spec_may_join(spec, space, start, end, &space->page[start], &space->page[end - 1]);
    if (spec_since(spec, SPEC_LINUX_6_1))
        joins = (struct spec_joins){.prev = own && joins.prev}; /* the heap alone */
    spec_join(spec, space, start, end, joins);
    if (want.flags & SNAP_LOCKED)
        spec_populate(spec, space, start, end, SPEC_LOCKED_ALL);
    return true;
}

long spec_brk_call(struct spec *spec, unsigned proc, uint64_t brk)
{
    struct spec_space *space = spec_begin(spec, proc);
    uint64_t from = spec->config.start_brk << SPEC_SHIFT, limit = space->rlimit[SPEC_DATA];
    uint64_t now = space->totals.brk, old = spec_page_align(now), to = spec_page_align(brk);
    bool ok;

    if (brk < from || (limit < SPEC_TOP && brk - from > limit << SPEC_SHIFT))
        return (long)now;
    if (old == to)
        ok = true;
    else if (brk <= now)
        ok = shrink_brk(spec, space, to, old);
    else
        ok = grow_brk(spec, space, old, to);
    if (ok)
        space->totals.brk = brk;
    return (long)space->totals.brk;
}
