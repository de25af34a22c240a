/* SPDX-License-Identifier: GPL-2.0-only */
/* Locking ranges into memory. locked_vm is exactly the pages of VM_LOCKED VMAs (account.vm). */
#include "model/internal.h"

int mlock_future_check(struct mm *mm, uint64_t vm_flags, uint64_t pages)
{
    if (!(vm_flags & VM_LOCKED) || mm->world->config.privileged)
        return 0;
    return mm->locked_vm + pages > mm->rlimit[MM_RLIMIT_MEMLOCK] ? -EAGAIN : 0;
}

/* ---- pages: PG_MLOCKED says that a locked VMA maps them (rmap.mapcount) ---- */
static void mlock_page(const struct vma *vma, struct page *page)
{
    struct world *world = vma->vm_mm->world;

    page = compound_head(page);
    if (page->flags & PG_MLOCKED)
        return;
    if ((vma->vm_flags & VM_LOCKONFAULT) && fault(world, F_MLOCK_MISSES_PRESENT, true))
        return;
    page->flags |= PG_MLOCKED;
}

bool munlock_page(struct vma *vma, uintptr_t start, uintptr_t end, struct page *page)
{
    struct world *world = vma->vm_mm->world;
    const bool once = page->mapcount <= 1 && !page_is_compound(page);

    page = compound_head(page);
    if (unlikely(page_is_compound(page)) && !(page->flags & PG_MLOCKED))
        return false; /* another entry of it was asked about */
    if (!once && rmap_locked_elsewhere(vma, start, end, page) &&
        !fault(world, F_MUNLOCK_SKIPS_WALK, true)) {
        event(world, EV_MUNLOCK_KEPT);
        return true;
    }
    page->flags &= ~(uint32_t)PG_MLOCKED;
    note_page(world, page);
    event(world, EV_MUNLOCK_CLEARED);
    return false;
}

static void lock_pages(struct vma *vma, uintptr_t start, uintptr_t end, bool lock)
{
    const struct page *kept = NULL; /* of its other parts the same is true */
    struct mm *mm = vma->vm_mm;
    uintptr_t at = start;

    if (!pte_next(mm, &at, end))
        return;
    note_ptes(mm, at, end);
    for (pte_t *pte; (pte = pte_next(mm, &at, end)); at = pte_end(*pte, at)) {
        struct page *page = page_of_pte(mm->world, *pte);

        step(mm->world);
        if (page && lock)
            mlock_page(vma, page);
        else if (page && compound_head(page) != kept)
            kept = munlock_page(vma, start, end, page) ? compound_head(page) : NULL;
    }
}

void mlock_vma_pages(struct vma *vma, uintptr_t start, uintptr_t end)
{
    lock_pages(vma, start, end, true);
}

void munlock_vma_pages(struct vma *vma, uintptr_t start, uintptr_t end)
{
    lock_pages(vma, start, end, false);
}

/* ---- VMAs ---- */
/* [start, end) of *vma; leaves there the VMA that covers it afterwards. lock: of VM_LOCKED_MASK. */
static int mlock_fixup(struct vma **pvma, uintptr_t start, uintptr_t end, uint64_t lock)
{
    struct vma *vma = *pvma;
    struct mm *mm = vma->vm_mm;
    struct vma_attrs attrs = vma_attrs(vma);
    const uint64_t old_flags = vma->vm_flags, pages = (end - start) >> PAGE_SHIFT;
    bool was = old_flags & VM_LOCKED;
    int err;

    attrs.vm_flags = (old_flags & ~(uint64_t)VM_LOCKED_MASK) | lock;
    if (attrs.vm_flags == old_flags || (old_flags & (VM_SPECIAL | VM_HUGETLB)))
        return 0;
    vma = vma_modify(vma, start, end, &attrs, &err);
    if (!vma)
        return err;
    *pvma = vma;
    if (lock && !was)
        mlock_vma_pages(vma, start, end);
    else if (!lock && was)
        munlock_vma_pages(vma, start, end);
    if (fault(mm->world, F_MLOCK_DOUBLE_COUNT, was && lock))
        was = !lock;
    if (lock && !was)
        mm->locked_vm += pages;
    else if (!lock && was)
        mm->locked_vm -= pages;
    return 0;
}

/* What F_FOREIGN_STACK_GROWTH does. True if it leaves a trace: even a stack that may not grow has
 * got an anon_vma for it. */
static bool stack_was_disturbed(struct vma *vma, uintptr_t at, struct vma **grown)
{
    const struct vma *next = vma->vm_next;
    const bool faulted = vma->anon_vma, next_faulted = next && next->anon_vma;

    *grown = find_extend_vma(vma->vm_mm, at, false);
    return *grown || (vma->anon_vma && !faulted) || (next && next->anon_vma && !next_faulted);
}

/* The VMA that goes on where the walk has come to, or NULL: a hole. */
static struct vma *next_without_hole(struct vma *vma, uintptr_t at)
{
    struct world *world = vma->vm_mm->world;
    struct vma *next = vma->vm_next, *grown = NULL;

    if (next && next->vm_start == at)
        return next;
    if (vma->vm_end <= at &&
        fault(world, F_FOREIGN_STACK_GROWTH, stack_was_disturbed(vma, at, &grown)))
        return grown;
    return NULL;
}

static long apply_vma_lock_flags(struct mm *mm, uintptr_t start, size_t len, uint64_t lock)
{
    uintptr_t end = start + len;
    struct vma *vma;

    if (end < start)
        return -EINVAL;
    if (end == start)
        return 0;
    vma = vma_lookup(mm, start);
    for (;;) {
        uintptr_t piece_end;
        int err;

        step(mm->world);
        if (!vma)
            return -ENOMEM;
        piece_end = vma->vm_end < end ? vma->vm_end : end;
        err = mlock_fixup(&vma, start, piece_end, lock);
        if (err)
            return err;
        start = vma->vm_end;
        if (fault(mm->world, F_MLOCK_STALE_END, start > piece_end && piece_end < end))
            start = piece_end;
        if (start >= end)
            return 0;
        vma = next_without_hole(vma, start);
    }
}

static uint64_t count_mlocked_pages(struct mm *mm, uintptr_t start, uintptr_t end)
{
    uint64_t pages = 0;

    if (end < start) /* what wraps is refused later */
        return 0;
    for (const struct vma *vma = find_vma(mm, start); vma && vma->vm_start < end;
         vma = vma->vm_next) {
        uintptr_t from = vma->vm_start > start ? vma->vm_start : start;

        step(mm->world);
        if (vma->vm_flags & VM_LOCKED)
            pages += ((vma->vm_end < end ? vma->vm_end : end) - from) >> PAGE_SHIFT;
    }
    return pages;
}

/* Pages that are locked already do not count twice, except in 4.4. */
static bool over_mlock_limit(struct mm *mm, uintptr_t start, size_t len)
{
    const uint64_t limit = mm->rlimit[MM_RLIMIT_MEMLOCK];
    uint64_t locked = mm->locked_vm + (len >> PAGE_SHIFT);

    if (mm->world->config.privileged || locked <= limit)
        return false;
    if (mm_rules(mm) < RULES_LINUX_5_10)
        return true;
    locked -= count_mlocked_pages(mm, start, start + len);
    if (fault(mm->world, F_MLOCK_LIMIT_DOUBLE, locked <= limit))
        return true;
    return locked > limit;
}

/* Faulting the locked pages of a VMA in: 0, -ENOMEM for what cannot be, -EAGAIN without memory. */
static int mlock_populate_vma(struct vma *vma, uintptr_t start, uintptr_t end)
{
    int err;

    if (vma->vm_flags & (VM_IO | VM_PFNMAP | VM_HUGETLB | VM_LOCKONFAULT))
        return 0;
    if (!(vma->vm_flags & VM_ACCESS_FLAGS))
        return -ENOMEM;
    err = populate_locked(vma, start, end);
    if (err)
        return err == -ENOMEM ? -EAGAIN : -ENOMEM;
    return 0;
}

static long mlock_populate(struct mm *mm, uintptr_t start, uintptr_t end)
{
    for (struct vma *vma = find_vma(mm, start); vma && vma->vm_start < end; vma = vma->vm_next) {
        const uintptr_t piece_end = vma->vm_end < end ? vma->vm_end : end;
        int err = mlock_populate_vma(vma, vma->vm_start > start ? vma->vm_start : start, piece_end);

        step(mm->world);
        if (err)
            return err;
    }
    return 0;
}

/* Until 5.10 what nobody may access is found out also where nothing is to be faulted in. */
static long mlock_onfault(struct mm *mm, uintptr_t start, uintptr_t end)
{
    if (mm_rules(mm) > RULES_LINUX_5_10)
        return 0;
    for (struct vma *vma = find_vma(mm, start); vma && vma->vm_start < end; vma = vma->vm_next) {
        step(mm->world);
        if ((vma->vm_flags & VM_LOCKONFAULT) && !(vma->vm_flags & VM_ACCESS_FLAGS))
            return -ENOMEM;
    }
    return 0;
}

static long do_mlock(struct mm *mm, uintptr_t start, size_t len, uint64_t lock)
{
    long err;

    if (!can_do_mlock(mm))
        return -EPERM;
    len = page_align(len + (start & ~PAGE_MASK));
    start &= PAGE_MASK;
    if (over_mlock_limit(mm, start, len))
        return -ENOMEM;
    err = apply_vma_lock_flags(mm, start, len, lock);
    if (err || !len)
        return err;
    return lock & VM_LOCKONFAULT ? mlock_onfault(mm, start, start + len)
                                 : mlock_populate(mm, start, start + len);
}

long mm_mlock(struct mm *mm, uintptr_t addr, size_t len)
{
    return do_mlock(mm, addr, len, VM_LOCKED);
}

long mm_mlock2(struct mm *mm, uintptr_t addr, size_t len, int flags)
{
    if (flags & ~MLOCK_ONFAULT)
        return -EINVAL;
    return do_mlock(mm, addr, len, flags & MLOCK_ONFAULT ? VM_LOCKED_MASK : VM_LOCKED);
}

long mm_munlock(struct mm *mm, uintptr_t addr, size_t len)
{
    len = page_align(len + (addr & ~PAGE_MASK));
    return apply_vma_lock_flags(mm, addr & PAGE_MASK, len, 0);
}

/* Whole VMAs: nothing is split, so nothing can fail. */
static void lock_all(struct mm *mm, uint64_t lock)
{
    for (struct vma *vma = mm->mmap; vma; vma = vma->vm_next) {
        step(mm->world);
        mlock_fixup(&vma, vma->vm_start, vma->vm_end, lock);
    }
}

long mm_mlockall(struct mm *mm, int flags)
{
    const uint64_t lock = flags & MCL_ONFAULT ? VM_LOCKED_MASK : VM_LOCKED;

    if (!flags || (flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)))
        return -EINVAL;
    if (flags == MCL_ONFAULT && mm_rules(mm) >= RULES_LINUX_5_10)
        return -EINVAL;
    if (!can_do_mlock(mm))
        return -EPERM;
    if ((flags & MCL_CURRENT) && !mm->world->config.privileged &&
        mm->total_vm > mm->rlimit[MM_RLIMIT_MEMLOCK])
        return -ENOMEM;
    mm->def_flags = flags & MCL_FUTURE ? lock : 0;
    if (!(flags & MCL_CURRENT))
        return 0;
    lock_all(mm, lock);
    for (struct vma *vma = mm->mmap; vma; vma = vma->vm_next) {
        step(mm->world);
        populate_locked(vma, vma->vm_start, vma->vm_end); /* or later */
    }
    return 0;
}

long mm_munlockall(struct mm *mm)
{
    mm->def_flags = 0;
    lock_all(mm, 0);
    return 0;
}
