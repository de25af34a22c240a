/* SPDX-License-Identifier: GPL-2.0-only */
/* Changing the protection of a range, VMA by VMA; what was done before an error stays. */
#include "model/internal.h"

/* Private memory that becomes writable is charged; 6.18 gives the charge back when memory that was
 * never touched stops being writable. 0 with *vm_flags and *charged, or -ENOMEM. */
static int mprotect_charge(struct vma *vma, uint64_t *vm_flags, uint64_t pages, uint64_t *charged)
{
    const uint64_t uncharged_kinds = VM_ACCOUNT | VM_WRITE | VM_HUGETLB | VM_SHARED | VM_NORESERVE;
    struct mm *mm = vma->vm_mm;

    if (*vm_flags & VM_WRITE) {
        if (!may_expand_vm(mm, *vm_flags, pages) && may_expand_vm(mm, vma->vm_flags, pages))
            return -ENOMEM;
        if (vma->vm_flags & uncharged_kinds)
            return 0;
        if (vm_charge(mm, pages))
            return -ENOMEM;
        *charged = pages;
        *vm_flags |= VM_ACCOUNT;
    } else if (mm_rules(mm) >= RULES_LINUX_6_12 && vma_is_anonymous(vma) && !vma->anon_vma) {
        *vm_flags &= ~(uint64_t)VM_ACCOUNT;
    }
    return 0;
}

/* [start, end) of *vma; leaves there the VMA that covers it afterwards. */
static int mprotect_fixup(struct vma **pvma, uintptr_t start, uintptr_t end, uint64_t vm_flags)
{
    struct vma *vma = *pvma;
    struct mm *mm = vma->vm_mm;
    struct vma_attrs attrs = vma_attrs(vma);
    const uint64_t old_flags = vma->vm_flags, pages = (end - start) >> PAGE_SHIFT;
    uint64_t charged = 0;
    int err;

    if (vm_flags == old_flags)
        return 0;
    err = mprotect_charge(vma, &vm_flags, pages, &charged);
    if (err)
        return err;
    attrs.vm_flags = vm_flags;
    vma = vma_modify(vma, start, end, &attrs, &err);
    if (!vma) {
        vm_uncharge(mm, charged);
        return err;
    }
    *pvma = vma;
    if (old_flags & ~vm_flags & VM_ACCOUNT)
        vm_uncharge(mm, pages);
    if (is_data_mapping(old_flags) == is_data_mapping(vm_flags) ||
        !fault(mm->world, F_DATA_VM_KEPT, true)) {
        vm_stat_account(mm, old_flags, -(int64_t)pages);
        vm_stat_account(mm, vm_flags, (int64_t)pages);
    }
    change_protection(vma, start, end);
    if ((old_flags & (VM_WRITE | VM_SHARED | VM_LOCKED)) == VM_LOCKED && vma_takes_own_pages(vma))
        populate_vma_range(vma, start, end); /* or later */
    return 0;
}

static int mprotect_flags(const struct vma *vma, int prot, uint64_t *vm_flags)
{
    const struct mm *mm = vma->vm_mm;

    /* Linux 4.4 implies it of memory that may not be executed as well, and then refuses it */
    if (mm->world->config.read_implies_exec && (prot & PROT_READ) &&
        ((vma->vm_flags & VM_MAYEXEC) || mm_rules(mm) < RULES_LINUX_5_10))
        prot |= PROT_EXEC;
    *vm_flags = ((uint64_t)prot & VM_ACCESS_FLAGS) | (vma->vm_flags & ~(uint64_t)VM_ACCESS_FLAGS);
    /* each VM_MAY bit lies four above the bit that it allows */
    return *vm_flags & ~(*vm_flags >> 4) & VM_ACCESS_FLAGS ? -EACCES : 0;
}

static long mprotect_walk(struct vma *vma, uintptr_t start, uintptr_t end, int prot)
{
    struct world *world = vma->vm_mm->world;

    for (;;) {
        uintptr_t piece_end = vma->vm_end < end ? vma->vm_end : end;
        uint64_t vm_flags;
        int err = mprotect_flags(vma, prot, &vm_flags);

        step(world);
        if (!err)
            err = mprotect_fixup(&vma, start, piece_end, vm_flags);
        if (err)
            return err;
        start = vma->vm_end;
        if (start >= end)
            return 0;
        vma = vma->vm_next;
        if (!vma || vma->vm_start != start)
            return fault(world, F_MPROTECT_HOLE_OK, true) ? 0 : -ENOMEM;
    }
}

long mm_mprotect(struct mm *mm, uintptr_t addr, size_t len, int prot)
{
    const int grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP);
    uintptr_t end;
    struct vma *vma;

    if (grows == (PROT_GROWSDOWN | PROT_GROWSUP) || !page_aligned(addr))
        return -EINVAL;
    if (!len)
        return 0;
    end = addr + page_align(len);
    if (end <= addr)
        return -ENOMEM;
    prot &= ~grows;
    if (prot & ~(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM))
        return -EINVAL;
    vma = find_vma(mm, addr);
    if (!vma)
        return -ENOMEM;
    if (grows & PROT_GROWSDOWN) {
        if (vma->vm_start >= end)
            return -ENOMEM;
        addr = vma->vm_start;
        if (!(vma->vm_flags & VM_GROWSDOWN))
            return -EINVAL;
        return mprotect_walk(vma, addr, end, prot);
    }
    if (vma->vm_start > addr)
        return -ENOMEM;
    if (grows & PROT_GROWSUP) {
        end = vma->vm_end;
        if (!(vma->vm_flags & VM_GROWSUP))
            return -EINVAL;
    }
    return mprotect_walk(vma, addr, end, prot);
}
