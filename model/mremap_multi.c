/* SPDX-License-Identifier: GPL-2.0-only */
/* mremap of Linux 6.18: nothing is cleared before the mapping is known to be able to go there, and
 * a range of several VMAs can move at once. */
#include "model/mremap.h"

static int remap_check_params(const struct remap *r)
{
    const struct mm *mm = r->mm;
    const bool to = r->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP);

    if (r->flags & ~(MREMAP_FIXED | MREMAP_MAYMOVE | MREMAP_DONTUNMAP))
        return -EINVAL;
    if (!page_aligned(r->addr) || !r->new_len || r->new_len > mm->task_size)
        return -EINVAL;
    if (!to)
        return 0;
    if (r->new_addr > mm->task_size - r->new_len || !page_aligned(r->new_addr) ||
        !(r->flags & MREMAP_MAYMOVE))
        return -EINVAL;
    if ((r->flags & MREMAP_DONTUNMAP) && r->old_len != r->new_len)
        return -EINVAL;
    if (remap_overlaps(r))
        return -EINVAL;
    return mm->map_count + 5 >= mm->world->config.max_map_count ? -ENOMEM : 0;
}

/* One VMA's part to a given place. */
static long remap_to(struct remap *r)
{
    const size_t old_len = r->old_len;
    struct mm *mm = r->mm;
    long err;

    if (r->old_len > r->new_len)
        r->old_len = r->new_len; /* only what moves has to lie in this VMA */
    err = remap_check(r);
    if (err)
        return err;
    if (r->flags & MREMAP_FIXED) {
        err = mm_munmap(mm, r->new_addr, r->new_len);
        if (err)
            return err;
        r->vma = vma_lookup(mm, r->addr);
        if (!r->vma) /* lengths of 0, or that wrap, may overlap unnoticed */
            return -EFAULT;
    }
    if (old_len > r->new_len) {
        err = mm_munmap(mm, r->addr + r->new_len, old_len - r->new_len);
        if (err)
            return err;
        r->vma = vma_lookup(mm, r->addr);
    }
    if ((r->flags & MREMAP_DONTUNMAP) &&
        !may_expand_vm(mm, r->vma->vm_flags, r->old_len >> PAGE_SHIFT))
        return -ENOMEM;
    return remap_move(r);
}

/*
 *      addr                end                 new_addr
 *        AAAA|BBBB....CCCC|CC         ->         AAAABBBBxxxxCCCC
 *
 * Each VMA clears only the place that it takes: under a hole (x) the destination stays as it is.
 */
static long remap_range(const struct remap *r)
{
    const uintptr_t end = r->addr + r->old_len;

    for (uintptr_t at = r->addr; at < end;) {
        struct vma *vma = find_vma(r->mm, at);
        struct remap piece = *r;
        uintptr_t piece_end;
        long ret;

        step(r->mm->world);
        if (!vma || vma->vm_start >= end)
            break;
        piece.vma = vma;
        piece.addr = vma->vm_start > at ? vma->vm_start : at;
        piece.new_addr = r->new_addr + (piece.addr - r->addr);
        piece_end = vma->vm_end < end ? vma->vm_end : end;
        piece.old_len = piece.new_len = piece_end - piece.addr;
        if (piece.old_len < r->old_len) {
            if (vma->vm_flags & (VM_SPECIAL | VM_HUGETLB | VM_UFFD_FLAGS))
                return -EFAULT;
            if (piece.addr == r->addr)
                event(r->mm->world, EV_MREMAP_MULTI);
        }
        ret = remap_to(&piece);
        if (ret < 0)
            return ret;
        at = piece_end;
    }
    return (long)r->new_addr;
}

static long remap_grow(struct remap *r)
{
    long ret = remap_check(r);

    if (ret)
        return ret;
    if (remap_has_room(r))
        return remap_expand_in_place(r);
    return r->flags & MREMAP_MAYMOVE ? remap_move(r) : -ENOMEM;
}

long mremap_6_18(struct remap *r)
{
    long err = remap_check_params(r);

    if (err)
        return err;
    r->vma = vma_lookup(r->mm, r->addr);
    if (!r->vma)
        return -EFAULT;
    if (r->vma->vm_flags & VM_HUGETLB) {
        err = remap_align_hugetlb(r);
        if (err)
            return err;
    }
    if (r->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) {
        bool moves_only = (r->flags & MREMAP_FIXED) && r->old_len == r->new_len;

        return moves_only ? remap_range(r) : remap_to(r);
    }
    if (r->old_len < r->new_len)
        return remap_grow(r);
    return remap_shrink_in_place(r);
}
