/* SPDX-License-Identifier: GPL-2.0-only */
/* Userfault contexts, and the ranges that are registered with them. */
#include "model/internal.h"

static struct userfaultfd_ctx *context_of(const struct world *world, unsigned ufd)
{
    return ufd < MAX_FDS ? world->uffd[ufd] : NULL;
}

long uffd_create(struct world *world, unsigned ufd, struct mm *mm)
{
    struct userfaultfd_ctx *ctx;

    if (ufd >= MAX_FDS || world->uffd[ufd])
        return -EMFILE;
    ctx = pool_alloc(world, POOL_UFFD);
    if (!ctx)
        return -ENOMEM;
    *ctx = (struct userfaultfd_ctx){.refcount = 1, .mm = mm};
    world->uffd[ufd] = ctx;
    return 0;
}

/* [start, end) of vma to context ctx with those of VM_UFFD_FLAGS. The VMA that covers it then. */
static struct vma *set_context(struct vma *vma, uintptr_t start, uintptr_t end,
                               struct userfaultfd_ctx *ctx, uint64_t uffd_flags, int *err)
{
    /* what waits for a fault no longer is a handler's, and what may be written is known */
    const bool unprotects =
        !ctx && (vma->vm_flags & VM_UFFD_WP) && mm_rules(vma->vm_mm) >= RULES_LINUX_6_18;
    struct vma_attrs attrs = vma_attrs(vma);

    attrs.vm_flags = (attrs.vm_flags & ~(uint64_t)VM_UFFD_FLAGS) | uffd_flags;
    attrs.uffd = ctx;
    vma = vma_modify(vma, start, end, &attrs, err);
    if (vma && unprotects)
        change_protection(vma, start, end);
    return vma;
}

static bool context_is_used(const struct userfaultfd_ctx *ctx)
{
    for (const struct vma *vma = ctx->mm->mmap; vma; vma = vma->vm_next) {
        step(ctx->mm->world);
        if (vma->vm_userfaultfd_ctx == ctx)
            return true;
    }
    return false;
}

/* Whole VMAs: nothing is split, so nothing can fail (object.refs). */
static void context_leave_all(const struct userfaultfd_ctx *ctx)
{
    struct vma *vma = ctx->mm->mmap;
    int err;

    if (fault(ctx->mm->world, F_CTX_LEFT_AFTER_RELEASE, context_is_used(ctx)))
        return;
    for (; vma; vma = vma->vm_next) {
        step(ctx->mm->world);
        if (vma->vm_userfaultfd_ctx == ctx)
            vma = set_context(vma, vma->vm_start, vma->vm_end, NULL, 0, &err);
    }
}

long uffd_close(struct world *world, unsigned ufd)
{
    struct userfaultfd_ctx *ctx = context_of(world, ufd);

    if (!ctx)
        return -EBADF;
    world->uffd[ufd] = NULL;
    ctx->released = true;
    if (ctx->mm)
        context_leave_all(ctx);
    uffd_put(world, ctx);
    return 0;
}

/* Even if there is no process any more. */
static int range_ok(const struct world *world, uintptr_t start, size_t len)
{
    const uintptr_t min = world->config.mmap_min_addr << PAGE_SHIFT;
    const uintptr_t end = world->config.task_size << PAGE_SHIFT;

    if (!page_aligned(start) || !page_aligned(len) || !len)
        return -EINVAL;
    return start < min || start >= end || len > end - start ? -EINVAL : 0;
}

/* The first VMA of the range, which has to be one that may begin there. */
static struct vma *first_vma(struct mm *mm, uintptr_t start, uintptr_t end, int *err)
{
    struct vma *vma = find_vma(mm, start);

    *err = vma || mm_rules(mm) >= RULES_LINUX_6_18 ? -EINVAL : -ENOMEM;
    if (!vma || vma->vm_start >= end)
        return NULL;
    return (vma->vm_flags & VM_HUGETLB) && (start & (HPAGE_SIZE - 1)) ? NULL : vma;
}

static bool vma_can_userfault(const struct vma *vma, uint64_t uffd_flags)
{
    const enum rules rules = mm_rules(vma->vm_mm);

    if (vma_is_anonymous(vma))
        return true;
    if (rules < RULES_LINUX_5_10)
        return false;
    if (!file_is(vma->vm_file, FILE_SHMEM) && !file_is(vma->vm_file, FILE_HUGETLB))
        return false;
    return rules >= RULES_LINUX_6_1 || !(uffd_flags & VM_UFFD_WP);
}

static int register_check(const struct vma *vma, uintptr_t end, const struct userfaultfd_ctx *ctx,
                          uint64_t uffd_flags)
{
    if (!vma_can_userfault(vma, uffd_flags))
        return -EINVAL;
    if (mm_rules(vma->vm_mm) >= RULES_LINUX_5_10 && !(vma->vm_flags & VM_MAYWRITE))
        return -EPERM;
    if ((vma->vm_flags & VM_HUGETLB) && end < vma->vm_end && (end & (HPAGE_SIZE - 1)))
        return -EINVAL;
    return vma->vm_userfaultfd_ctx && vma->vm_userfaultfd_ctx != ctx ? -EBUSY : 0;
}

static long register_walk(struct vma *vma, uintptr_t start, uintptr_t end,
                          struct userfaultfd_ctx *ctx, uint64_t uffd_flags)
{
    struct world *world = vma->vm_mm->world;
    int err;

    for (const struct vma *v = vma; v && v->vm_start < end; v = v->vm_next) {
        step(world);
        err = register_check(v, end, ctx, uffd_flags);
        if (err)
            return err;
    }
    for (; vma && vma->vm_start < end; vma = vma->vm_next) {
        step(world);
        if (vma->vm_start > start)
            start = vma->vm_start;
        if (vma->vm_userfaultfd_ctx == ctx && (vma->vm_flags & uffd_flags) == uffd_flags)
            continue;
        vma = set_context(vma, start, vma->vm_end < end ? vma->vm_end : end, ctx, uffd_flags, &err);
        if (!vma)
            return err;
    }
    return 0;
}

static long unregister_walk(struct vma *vma, uintptr_t start, uintptr_t end,
                            const struct userfaultfd_ctx *ctx)
{
    const bool own = mm_rules(vma->vm_mm) >= RULES_LINUX_6_18; /* only by who has registered */
    struct world *world = vma->vm_mm->world;
    int err;

    for (const struct vma *v = vma; v && v->vm_start < end; v = v->vm_next) {
        step(world);
        if (own && v->vm_userfaultfd_ctx && v->vm_userfaultfd_ctx != ctx)
            return -EINVAL;
        if (!vma_can_userfault(v, VM_UFFD_MISSING))
            return -EINVAL;
    }
    for (; vma && vma->vm_start < end; vma = vma->vm_next) {
        step(world);
        if (vma->vm_start > start)
            start = vma->vm_start;
        if (!vma->vm_userfaultfd_ctx)
            continue;
        vma = set_context(vma, start, vma->vm_end < end ? vma->vm_end : end, NULL, 0, &err);
        if (!vma)
            return err;
    }
    return 0;
}

long uffd_register(struct world *world, unsigned ufd, uintptr_t addr, size_t len, uint64_t mode)
{
    struct userfaultfd_ctx *ctx = context_of(world, ufd);
    uint64_t uffd_flags = 0;
    struct vma *vma;
    int err;

    if (!ctx)
        return -EBADF;
    if (mode & UFFDIO_REGISTER_MODE_MISSING)
        uffd_flags |= VM_UFFD_MISSING;
    if (mode & UFFDIO_REGISTER_MODE_WP)
        uffd_flags |= VM_UFFD_WP;
    if (!mode || (mode & ~(UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP)) ||
        ((uffd_flags & VM_UFFD_WP) && world->config.rules < RULES_LINUX_5_10))
        return -EINVAL;
    err = range_ok(world, addr, len);
    if (err)
        return err;
    if (!ctx->mm)
        return -ENOMEM;
    vma = first_vma(ctx->mm, addr, addr + len, &err);
    return vma ? register_walk(vma, addr, addr + len, ctx, uffd_flags) : err;
}

long uffd_unregister(struct world *world, unsigned ufd, uintptr_t addr, size_t len)
{
    const struct userfaultfd_ctx *ctx = context_of(world, ufd);
    struct vma *vma;
    int err;

    if (!ctx)
        return -EBADF;
    err = range_ok(world, addr, len);
    if (err)
        return err;
    if (!ctx->mm)
        return -ENOMEM;
    vma = first_vma(ctx->mm, addr, addr + len, &err);
    return vma ? unregister_walk(vma, addr, addr + len, ctx) : err;
}
