/* SPDX-License-Identifier: GPL-2.0-only */
/* Taking mappings away. */
#include "model/internal.h"

/*
 *       start            end
 *   AAAA|AAAA  BBBB  CCCC|CCC       the parts outside become VMAs of their own; one more VMA than
 *                                   the limit allows may exist for a moment, except for a punch
 */
int munmap_gather(struct mm *mm, uintptr_t start, uintptr_t end, struct vma **first)
{
    struct vma *vma = find_vma_intersection(mm, start, end), *last, *prev;
    int err;

    *first = NULL;
    if (!vma)
        return 0;
    if (start > vma->vm_start) {
        if (end < vma->vm_end) {
            if (mm->map_count >= mm->world->config.max_map_count)
                return -ENOMEM;
            event(mm->world, EV_UNMAP_MIDDLE);
        }
        err = split_vma_nolimit(vma, start, false);
        if (err)
            return err;
        vma = vma->vm_next;
    }
    prev = vma->vm_prev;
    last = end <= vma->vm_end ? vma : find_vma(mm, end);
    if (last && last->vm_start < end && end < last->vm_end) {
        err = split_vma_nolimit(last, end, true);
        if (err)
            return err;
    }
    *first = prev ? prev->vm_next : mm->mmap;
    return 0;
}

uint64_t munmap_complete(struct mm *mm, struct vma *first, uintptr_t end)
{
    const uintptr_t start = first->vm_start, floor = first->vm_prev ? first->vm_prev->vm_end : 0;
    uint64_t nr_accounted = 0;
    struct vma *vma, *next;

    if (first->vm_next && first->vm_next->vm_start < end)
        event(mm->world, EV_UNMAP_MANY);
    for (vma = first; vma && vma->vm_start < end; vma = next) {
        uint64_t pages = vma_pages(vma);

        step(mm->world);
        next = vma->vm_next;
        zap_page_range(vma, vma->vm_start, vma->vm_end, true);
        if (vma->vm_flags & VM_ACCOUNT)
            nr_accounted += pages;
        if (vma->vm_flags & VM_LOCKED)
            mm->locked_vm -= pages;
        vm_stat_account(mm, vma->vm_flags, -(int64_t)pages);
        vma_unlink(mm, vma);
        vma_close(vma);
        if (vma->anon_vma)
            unlink_anon_vmas(vma);
        vma_free(vma);
    }
    free_pgtables(mm, start, end, floor, vma ? vma->vm_start : mm->task_size);
    return nr_accounted;
}

int do_munmap(struct mm *mm, uintptr_t start, size_t len)
{
    struct vma *first;
    int err = munmap_gather(mm, start, start + len, &first);

    if (!err && first)
        vm_uncharge(mm, munmap_complete(mm, first, start + len));
    return err;
}

/* Where the last VMA of the range starts, `end` if there is only one. For the fault below. */
static uintptr_t last_start(struct mm *mm, uintptr_t start, uintptr_t end)
{
    const struct vma *last = find_vma(mm, end - 1);

    return last && last->vm_start > start && last->vm_start < end && last->vm_prev &&
                   last->vm_prev->vm_end > start
               ? last->vm_start
               : end;
}

long mm_munmap(struct mm *mm, uintptr_t addr, size_t len)
{
    if (!page_aligned(addr) || addr > mm->task_size || len > mm->task_size - addr)
        return -EINVAL;
    len = page_align(len);
    if (!len)
        return -EINVAL;
    if (fault(mm->world, F_MUNMAP_KEEPS_TAIL, last_start(mm, addr, addr + len) != addr + len))
        len = last_start(mm, addr, addr + len) - addr;
    return do_munmap(mm, addr, len);
}
