/* SPDX-License-Identifier: GPL-2.0-only */
/* remap_file_pages as newer kernels do it: by an ordinary mapping over the range. */
#include "model/internal.h"

/* Does the mapping that vma begins reach `end`, in however many VMAs? */
static bool same_mapping_until(const struct vma *vma, uintptr_t end)
{
    for (const struct vma *next = vma; next->vm_end < end;) {
        step(vma->vm_mm->world);
        if (!next->vm_next || next->vm_next->vm_start != next->vm_end)
            return false;
        next = next->vm_next;
        if (next->vm_file != vma->vm_file || next->vm_flags != vma->vm_flags)
            return false;
    }
    return true;
}

/* What is left to mmap to judge is no error here. */
static inline uint64_t offset_limit(const struct mm *mm)
{
    return mm_rules(mm) < RULES_LINUX_5_10 ? PGOFF_LIMIT : UINT64_MAX;
}

long mm_remap_file_pages(struct mm *mm, uintptr_t addr, size_t size, int prot, uint64_t pgoff,
                         int flags)
{
    const uintptr_t start = addr & PAGE_MASK, end = start + (size & PAGE_MASK);
    const uint64_t pages = size >> PAGE_SHIFT;
    struct vma *vma;
    struct file *file;
    long ret;

    (void)flags; /* MAP_NONBLOCK once had a meaning */
    if (prot || end <= start || pgoff > offset_limit(mm) - pages)
        return -EINVAL;
    vma = vma_lookup(mm, start);
    if (!vma || !(vma->vm_flags & VM_SHARED))
        return -EINVAL;
    if (end > vma->vm_end && fault(mm->world, F_REMAP_ONE_VMA, same_mapping_until(vma, end)))
        return -EINVAL;
    if (!same_mapping_until(vma, end))
        return -EINVAL;
    file = get_file(vma->vm_file); /* the mapping that holds it is about to go */
    ret = do_mmap(mm, file, start, end - start, (int)(vma->vm_flags & VM_ACCESS_FLAGS),
                  MAP_SHARED | MAP_FIXED | (vma->vm_flags & VM_LOCKED ? MAP_LOCKED : 0), pgoff);
    put_file(file);
    return ret < 0 ? ret : 0;
}
