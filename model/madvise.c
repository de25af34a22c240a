/* SPDX-License-Identifier: GPL-2.0-only */
/* Advice: some of it is kept as VMA flags, some is done to pages at once, and some only has
 * conditions to be judged here. */
#include "model/internal.h"

int madvise_range(uintptr_t start, size_t len, uintptr_t *end)
{
    if (!page_aligned(start) || (len && !page_align(len)))
        return -EINVAL;
    *end = start + page_align(len);
    if (*end < start)
        return -EINVAL;
    return *end > start;
}

long madvise_walk_vmas(struct mm *mm, uintptr_t start, uintptr_t end, madvise_visit *visit,
                       const void *arg)
{
    struct vma *vma = find_vma(mm, start);
    long hole = 0;

    for (;; vma = vma->vm_next) {
        uintptr_t piece_end;
        int err;

        step(mm->world);
        if (!vma)
            return -ENOMEM;
        if (start < vma->vm_start) {
            hole = -ENOMEM;
            start = vma->vm_start;
            if (start >= end)
                return hole;
        }
        piece_end = vma->vm_end < end ? vma->vm_end : end;
        err = visit(&vma, start, piece_end, arg);
        if (err)
            return err;
        start = vma->vm_end;
        if (start >= end)
            return hole;
    }
}

int madvise_errno(int err)
{
    return err == -ENOMEM ? -EAGAIN : err;
}

static bool advice_is_known(const struct mm *mm, int advice)
{
    switch (advice) {
    case MADV_NORMAL:
    case MADV_RANDOM:
    case MADV_SEQUENTIAL:
    case MADV_WILLNEED:
    case MADV_DONTNEED:
    case MADV_REMOVE:
    case MADV_DONTFORK:
    case MADV_DOFORK:
    case MADV_MERGEABLE:
    case MADV_UNMERGEABLE:
    case MADV_HUGEPAGE:
    case MADV_NOHUGEPAGE:
    case MADV_DONTDUMP:
    case MADV_DODUMP:
        return true;
    case MADV_FREE:
    case MADV_WIPEONFORK:
    case MADV_KEEPONFORK:
    case MADV_COLD:
    case MADV_PAGEOUT:
        return mm_rules(mm) >= RULES_LINUX_5_10;
    case MADV_POPULATE_READ:
    case MADV_POPULATE_WRITE:
    case MADV_COLLAPSE:
        return mm_rules(mm) >= RULES_LINUX_6_1;
    default:
        return false;
    }
}

static int madvise_remove(const struct vma *vma)
{
    /* since 6.7 what could be made writable will do */
    const uint64_t wanted =
        VM_SHARED | (mm_rules(vma->vm_mm) < RULES_LINUX_5_10 ? VM_WRITE : VM_MAYWRITE);

    if ((vma->vm_flags & VM_LOCKED) || !vma->vm_file)
        return -EINVAL;
    return (vma->vm_flags & wanted) == wanted ? 0 : -EACCES;
}

static int madvise_dontneed(const struct vma *vma, uintptr_t start)
{
    if (!(vma->vm_flags & VM_HUGETLB))
        return vma->vm_flags & (VM_LOCKED | VM_PFNMAP) ? -EINVAL : 0;
    return mm_rules(vma->vm_mm) < RULES_LINUX_6_1 || (start & (HPAGE_SIZE - 1)) ? -EINVAL : 0;
}

static int madvise_wipeonfork(const struct vma *vma, uint64_t *vm_flags)
{
    if (!vma_is_anonymous(vma) || (vma->vm_flags & VM_SHARED))
        return -EINVAL;
    *vm_flags |= VM_WIPEONFORK;
    return 0;
}

static int madvise_dodump(const struct vma *vma, uint64_t *vm_flags)
{
    bool spared = mm_rules(vma->vm_mm) >= RULES_LINUX_5_10 && (vma->vm_flags & VM_HUGETLB);

    if ((vma->vm_flags & VM_SPECIAL) && !spared)
        return -EINVAL;
    *vm_flags &= ~(uint64_t)VM_DONTDUMP;
    return 0;
}

static int madvise_mergeable(const struct vma *vma, uint64_t *vm_flags)
{
    const uint64_t not_for_ksm =
        VM_SHARED | VM_MAYSHARE | VM_PFNMAP | VM_IO | VM_DONTEXPAND | VM_HUGETLB | VM_MIXEDMAP;

    if (!(vma->vm_flags & not_for_ksm))
        *vm_flags |= VM_MERGEABLE;
    return 0;
}

static int madvise_hugepage(const struct vma *vma, uint64_t *vm_flags, uint64_t set, uint64_t clear)
{
    if (vma->vm_flags & (VM_SPECIAL | VM_HUGETLB))
        return -EINVAL;
    *vm_flags = (*vm_flags & ~clear) | set;
    return 0;
}

/* What becomes of the flags of a VMA, of which the range from start is meant. */
static int madvise_flags(const struct vma *vma, uintptr_t start, int advice, uint64_t *vm_flags)
{
    const uint64_t access = VM_RAND_READ | VM_SEQ_READ;

    switch (advice) {
    case MADV_NORMAL:
        *vm_flags &= ~access;
        return 0;
    case MADV_RANDOM:
        *vm_flags = (*vm_flags & ~access) | VM_RAND_READ;
        return 0;
    case MADV_SEQUENTIAL:
        *vm_flags = (*vm_flags & ~access) | VM_SEQ_READ;
        return 0;
    case MADV_DONTFORK:
        *vm_flags |= VM_DONTCOPY;
        return 0;
    case MADV_DOFORK:
        *vm_flags &= ~(uint64_t)VM_DONTCOPY;
        return vma->vm_flags & VM_IO ? -EINVAL : 0;
    case MADV_MERGEABLE:
        return madvise_mergeable(vma, vm_flags);
    case MADV_UNMERGEABLE:
        *vm_flags &= ~(uint64_t)VM_MERGEABLE;
        return 0;
    case MADV_HUGEPAGE:
        return madvise_hugepage(vma, vm_flags, VM_HUGEPAGE, VM_NOHUGEPAGE);
    case MADV_NOHUGEPAGE:
        return madvise_hugepage(vma, vm_flags, VM_NOHUGEPAGE, VM_HUGEPAGE);
    case MADV_DONTDUMP:
        *vm_flags |= VM_DONTDUMP;
        return 0;
    case MADV_DODUMP:
        return madvise_dodump(vma, vm_flags);
    case MADV_WIPEONFORK:
        return madvise_wipeonfork(vma, vm_flags);
    case MADV_KEEPONFORK:
        *vm_flags &= ~(uint64_t)VM_WIPEONFORK;
        return 0;
    case MADV_DONTNEED:
        return madvise_dontneed(vma, start);
    case MADV_FREE:
        return vma_is_anonymous(vma) ? madvise_dontneed(vma, start) : -EINVAL;
    case MADV_REMOVE:
        return madvise_remove(vma);
    case MADV_COLD:
    case MADV_PAGEOUT:
        return vma->vm_flags & (VM_LOCKED | VM_HUGETLB | VM_PFNMAP) ? -EINVAL : 0;
    default:
        return 0;
    }
}

/* What becomes of the pages. */
static void madvise_pages(struct vma *vma, uintptr_t start, uintptr_t end, int advice)
{
    switch (advice) {
    case MADV_DONTNEED:
        if (!(vma->vm_flags & VM_HUGETLB))
            zap_page_range(vma, start, end, true);
        if (mm_rules(vma->vm_mm) >= RULES_LINUX_6_18)
            pgtable_reclaim(vma->vm_mm, start, end);
        return;
    case MADV_FREE:
        lazyfree_range(vma, start, end);
        return;
    case MADV_COLD:
        cool_range(vma, start, end);
        return;
    case MADV_PAGEOUT:
        reclaim_freed_range(vma, start, end);
        return;
    case MADV_REMOVE:
        page_cache_punch(vma->vm_mm->world, vma->vm_file->mapping, linear_page_index(vma, start),
                         linear_page_index(vma, end) - 1);
        return;
    default:
        return;
    }
}

static int madvise_vma(struct vma **pvma, uintptr_t start, uintptr_t end, const void *arg)
{
    const int advice = *(const int *)arg;
    struct vma_attrs attrs = vma_attrs(*pvma);
    struct vma *vma;
    int err = madvise_flags(*pvma, start, advice, &attrs.vm_flags);

    if (!err && advice == MADV_UNMERGEABLE)
        err = ksm_unmerge(*pvma, start, end);
    if (err)
        return madvise_errno(err);
    if (attrs.vm_flags == (*pvma)->vm_flags) {
        madvise_pages(*pvma, start, end, advice);
        return 0;
    }
    vma = vma_modify(*pvma, start, end, &attrs, &err);
    if (!vma)
        return madvise_errno(err);
    *pvma = vma;
    return 0;
}

/* ---- populating ---- */
static int may_populate(const struct vma *vma, bool write)
{
    const uint64_t needed = write ? VM_WRITE : VM_READ;

    return (vma->vm_flags & (VM_IO | VM_PFNMAP)) || !(vma->vm_flags & needed) ? -EINVAL : 0;
}

/* An anon_vma is asked for before the file's size is looked at. */
static int madvise_populate_vma(struct vma *vma, uintptr_t start, uintptr_t end, bool write)
{
    int err = may_populate(vma, write);

    if (err || (vma->vm_flags & VM_HUGETLB))
        return err;
    if (write && vma_takes_own_pages(vma))
        err = anon_vma_prepare(vma);
    for (; !err && start < end; start += PAGE_SIZE) {
        step(vma->vm_mm->world);
        err = handle_mm_fault(vma, start, write ? FAULT_WRITE | FAULT_FOLLOW : 0);
    }
    return err == -ENXIO ? -EFAULT : err;
}

/* Unlike other advice it ends at the first hole. */
static long madvise_populate(struct mm *mm, uintptr_t start, uintptr_t end, bool write)
{
    struct vma *vma = vma_lookup(mm, start);

    for (; start < end; vma = vma->vm_next) {
        uintptr_t piece_end;
        int err;

        if (!vma || vma->vm_start > start)
            return -ENOMEM;
        piece_end = vma->vm_end < end ? vma->vm_end : end;
        err = madvise_populate_vma(vma, start, piece_end, write);
        if (err)
            return err;
        start = piece_end;
    }
    return 0;
}

long mm_madvise(struct mm *mm, uintptr_t addr, size_t len, int advice)
{
    uintptr_t end;
    int some;

    if (!advice_is_known(mm, advice))
        return -EINVAL;
    some = madvise_range(addr, len, &end);
    if (some > 0 && (advice == MADV_POPULATE_READ || advice == MADV_POPULATE_WRITE))
        return madvise_populate(mm, addr, end, advice == MADV_POPULATE_WRITE);
    if (some > 0 && advice == MADV_COLLAPSE)
        return madvise_walk_vmas(mm, addr, end, madvise_collapse_vma, NULL);
    return some > 0 ? madvise_walk_vmas(mm, addr, end, madvise_vma, &advice) : some;
}
