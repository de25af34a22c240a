/* SPDX-License-Identifier: GPL-2.0-only */
/* mincore and msync: nothing but their range checks matters to this layer. */
#include "model/internal.h"

long mm_mincore(struct mm *mm, uintptr_t addr, size_t len)
{
    const struct vma *vma;

    if (!page_aligned(addr))
        return -EINVAL;
    if (len > mm->task_size || addr > mm->task_size - len)
        return -ENOMEM;
    vma = len ? find_vma(mm, addr) : NULL;
    for (uintptr_t at = addr; at < addr + len; at = vma->vm_end, vma = vma->vm_next) {
        step(mm->world);
        if (!vma || vma->vm_start > at)
            return -ENOMEM;
    }
    return 0;
}

long mm_msync(struct mm *mm, uintptr_t addr, size_t len, int flags)
{
    const uintptr_t end = addr + page_align(len);
    const struct vma *vma;
    long hole = 0;

    if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) || !page_aligned(addr))
        return -EINVAL;
    if ((flags & MS_ASYNC) && (flags & MS_SYNC))
        return -EINVAL;
    if (end < addr)
        return -ENOMEM;
    if (end == addr)
        return 0;
    vma = find_vma(mm, addr);
    for (uintptr_t at = addr; at < end; at = vma->vm_end, vma = vma->vm_next) {
        step(mm->world);
        if (!vma)
            return -ENOMEM;
        if (vma->vm_start > at)
            hole = -ENOMEM;
        if (vma->vm_start >= end)
            return hole;
        if ((flags & MS_INVALIDATE) && (vma->vm_flags & VM_LOCKED))
            return -EBUSY;
    }
    return hole;
}
