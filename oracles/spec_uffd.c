/* SPDX-License-Identifier: GPL-2.0-only */
/* Userfault ranges of the flat specification: attributes with an owner. */
#include "oracles/spec_private.h"

#include <linux/userfaultfd.h>

struct range {
    uint64_t start, end; /* pages */
    uint64_t wanted;     /* flags; 0: unregister */
};

static struct spec_context *used_ufd(struct spec *spec, unsigned ufd)
{
    return ufd < SPEC_FDS && spec->now.ufd[ufd].serial ? &spec->now.ufd[ufd] : NULL;
}

/* Where its VMAs are; a process that is gone has none. */
static struct spec_space *begin(struct spec *spec, const struct spec_context *context)
{
    return spec_begin(spec, context && context->proc != SPEC_NOBODY ? context->proc : 0);
}

static int check_range(const struct spec *spec, uint64_t addr, uint64_t len, struct range *r)
{
    uint64_t task = spec_task_bytes(spec);

    if (!spec_aligned(addr) || !spec_aligned(len) || !len || addr >= task || len > task - addr ||
        addr >> SPEC_SHIFT < spec->config.mmap_min_addr)
        return -EINVAL;
    r->start = addr >> SPEC_SHIFT;
    r->end = r->start + (len >> SPEC_SHIFT);
    return 0;
}

static int check_first(const struct spec *spec, const struct spec_space *space,
                       const struct range *r)
{
    struct spec_run vma;

    if (!spec_run_from(spec, space, r->start, &vma))
        return spec_since(spec, SPEC_LINUX_6_18) ? -EINVAL : -ENOMEM;
    if (vma.start >= r->end ||
        (space->page[vma.start].flags & SNAP_HUGETLB && r->start % SPEC_HUGE))
        return -EINVAL;
    return 0;
}

/* Can userfaults of this kind happen there? */
static bool is_usable(const struct spec *spec, const struct spec_page *page, uint64_t wanted)
{
    if (spec_is_anonymous(page))
        return true;
    if (!spec_since(spec, SPEC_LINUX_5_10) || spec_is_special(page))
        return false;
    if (!spec_of_kind(spec, page->file, SPEC_SHMEM) && !(page->flags & SNAP_HUGETLB))
        return false;
    return spec_since(spec, SPEC_LINUX_6_1) || !(wanted & SNAP_UFFD_WP);
}

static int check_vma(const struct spec *spec, const struct spec_space *space, struct spec_run vma,
                     const struct range *r, uint32_t context)
{
    const struct spec_page *page = &space->page[vma.start];

    if (!is_usable(spec, page, r->wanted))
        return -EINVAL;
    if (!r->wanted) /* since 6.18 only by the context that has it */
        return spec_since(spec, SPEC_LINUX_6_18) && page->context && page->context != context
                   ? -EINVAL
                   : 0;
    if (spec_since(spec, SPEC_LINUX_5_10) && !(page->flags & SNAP_MAYWRITE))
        return -EPERM;
    if (page->flags & SNAP_HUGETLB && r->end <= vma.end && r->end % SPEC_HUGE)
        return -EINVAL;
    return page->context && page->context != context ? -EBUSY : 0;
}

/* Pieces of the range one by one, all checked before. */
static int apply(struct spec *spec, struct spec_space *space, const struct range *r,
                 uint32_t context)
{
    struct spec_run vma;
    uint64_t stop;

    for (uint64_t page = r->start;
         page < r->end && spec_run_from(spec, space, page, &vma) && vma.start < r->end;
         page = stop) {
        struct spec_page to;
        int error;

        page = spec_max(page, vma.start);
        stop = spec_min(vma.end, r->end);
        to = space->page[page];
        if (r->wanted ? to.context == context && (to.flags & r->wanted) == r->wanted : !to.context)
            continue;
        to.flags = (to.flags & ~SNAP_UFFD_BITS) | r->wanted;
        to.context = r->wanted ? context : 0;
        error = spec_change_piece(spec, space, vma, page, stop, &to);
        if (error)
            return error;
    }
    return 0;
}

static long change_range(struct spec *spec, struct spec_space *space, const struct range *r,
                         uint32_t context)
{
    struct spec_run vma;
    int error = check_first(spec, space, r);

    for (uint64_t page = r->start;
         !error && spec_run_from(spec, space, page, &vma) && vma.start < r->end; page = vma.end)
        error = check_vma(spec, space, vma, r, context);
    return error ? error : apply(spec, space, r, context);
}

long spec_uffd_register(struct spec *spec, unsigned ufd, uint64_t addr, uint64_t len, uint64_t mode)
{
    const struct spec_context *context = used_ufd(spec, ufd);
    struct spec_space *space = begin(spec, context);
    const uint64_t both = UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP;
    struct range r;

    if (!context)
        return -EBADF;
    if (check_range(spec, addr, len, &r) || !mode || mode & ~both)
        return -EINVAL;
    if (mode & UFFDIO_REGISTER_MODE_WP && !spec_since(spec, SPEC_LINUX_5_10))
        return -EINVAL;
    if (context->proc == SPEC_NOBODY)
        return -ENOMEM;
    r.wanted = (mode & UFFDIO_REGISTER_MODE_MISSING ? SNAP_UFFD_MISSING : 0) |
               (mode & UFFDIO_REGISTER_MODE_WP ? (uint64_t)SNAP_UFFD_WP : 0);
    return change_range(spec, space, &r, context->serial);
}

long spec_uffd_unregister(struct spec *spec, unsigned ufd, uint64_t addr, uint64_t len)
{
    const struct spec_context *context = used_ufd(spec, ufd);
    struct spec_space *space = begin(spec, context);
    struct range r = {.wanted = 0};

    if (!context)
        return -EBADF;
    if (check_range(spec, addr, len, &r))
        return -EINVAL;
    if (context->proc == SPEC_NOBODY)
        return -ENOMEM;
    return change_range(spec, space, &r, context->serial);
}

/* object.refs: the last use of a context is its descriptor's end. */
long spec_uffd_close(struct spec *spec, unsigned ufd)
{
    struct spec_context *context = used_ufd(spec, ufd);
    struct spec_space *space = begin(spec, context);
    struct spec_run vma;
    uint32_t serial;

    if (!context)
        return -EBADF;
    serial = context->serial;
    context->serial = 0;
    for (uint64_t page = 0; spec_run_from(spec, space, page, &vma); page = vma.end) {
        uint64_t start = spec_max(page, vma.start);
        struct spec_page to = space->page[start];

        if (to.context != serial)
            continue;
        to.flags &= ~SNAP_UFFD_BITS;
        to.context = 0;
        spec_change_piece(spec, space, vma, start, vma.end, &to);
    }
    return 0;
}
