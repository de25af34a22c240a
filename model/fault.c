/* SPDX-License-Identifier: GPL-2.0-only */
/* An access as the fault handler sees it, and the growth of stacks that it may cause. */
#include "model/internal.h"

static inline bool vma_is_accessible(const struct vma *vma)
{
    return vma->vm_flags & VM_ACCESS_FLAGS;
}

static inline uintptr_t stack_guard_gap(const struct mm *mm)
{
    return mm->world->config.stack_guard_gap << PAGE_SHIFT;
}

/* The rules that hold for growth in both directions, but for the charge. Limits are those of who
 * asks, and a stranger has none. */
static bool growth_is_allowed(const struct vma *vma, uintptr_t start, uintptr_t end, bool stranger)
{
    struct mm *mm = vma->vm_mm;
    const uint64_t pages = (end - start) >> PAGE_SHIFT, grow = pages - vma_pages(vma);

    if (stranger)
        return true;
    return may_expand_vm(mm, vma->vm_flags, grow) && pages <= mm->rlimit[MM_RLIMIT_STACK] &&
           !mlock_future_check(mm, vma->vm_flags, grow);
}

/* Gives vma its new bounds with all that counts them. It is not merged with what it meets. */
static int grow_vma(struct vma *vma, uintptr_t start, uintptr_t end, uint64_t pgoff, bool stranger)
{
    struct mm *mm = vma->vm_mm;
    const uint64_t grow = ((end - start) >> PAGE_SHIFT) - vma_pages(vma);
    const uint64_t charged = vma->vm_flags & VM_ACCOUNT ? grow : 0;
    const struct interval_node old = vma->chain_first->node; /* it has been prepared */

    if (!growth_is_allowed(vma, start, end, stranger) || vm_charge(mm, charged))
        return -ENOMEM;
    vma_adjust(vma, start, end, pgoff);
    if (fault(mm->world, F_ANON_KEY_STALE, true)) {
        vma->chain_first->node.start = old.start;
        vma->chain_first->node.last = old.last;
    }
    vm_stat_account(mm, vma->vm_flags, (int64_t)grow);
    if (vma->vm_flags & VM_LOCKED)
        mm->locked_vm += grow;
    return 0;
}

/* Of a fault that lets it grow down: what limits refuse afterwards has got its anon_vma. */
static bool growth_shows(const struct vma *vma, uintptr_t addr, bool stranger)
{
    return !vma->anon_vma || growth_is_allowed(vma, addr, vma->vm_end, stranger);
}

/* What lies below keeps its distance, unless it is a stack itself or nobody can reach it. */
static bool too_near_below(const struct vma *vma, uintptr_t addr, bool stranger)
{
    const struct vma *prev = vma->vm_prev;
    struct world *world = vma->vm_mm->world;
    bool near;

    if (!prev || (prev->vm_flags & VM_GROWSDOWN))
        return false;
    near = addr - prev->vm_end < stack_guard_gap(vma->vm_mm);
    if (!vma_is_accessible(prev))
        return fault(world, F_STACK_GAP_NO_PREV, near) && near;
    if (near && fault(world, F_STACK_GAP_GROWTH, growth_shows(vma, addr, stranger)))
        return false;
    return near;
}

static int expand_downwards(struct vma *vma, uintptr_t addr, bool stranger)
{
    struct mm *mm = vma->vm_mm;
    const uint64_t grow = (vma->vm_start - addr) >> PAGE_SHIFT;

    /* whoever asks: a privileged stranger's access is no reason to map page 0 */
    if (addr < mm_min_addr(mm) &&
        !fault(mm->world, F_GROWTH_BELOW_MIN, growth_shows(vma, addr, stranger)))
        return -EPERM;
    if (too_near_below(vma, addr, stranger) ||
        anon_vma_prepare(vma)) /* even if limits refuse it then */
        return -ENOMEM;
    if (grow > vma->vm_pgoff &&
        !fault(mm->world, F_PGOFF_WRAP_STACK, growth_is_allowed(vma, addr, vma->vm_end, stranger)))
        return -ENOMEM;
    return grow_vma(vma, addr, vma->vm_end, vma->vm_pgoff - grow, stranger);
}

static int expand_upwards(struct vma *vma, uintptr_t end, bool stranger)
{
    const struct mm *mm = vma->vm_mm;
    const struct vma *next = vma->vm_next;

    if (end > mm->task_size)
        return -ENOMEM;
    if (next && vma_is_accessible(next) && !(next->vm_flags & VM_GROWSUP) &&
        next->vm_start - end < stack_guard_gap(mm))
        return -ENOMEM;
    if (anon_vma_prepare(vma))
        return -ENOMEM;
    if (vma->vm_pgoff + ((end - vma->vm_start) >> PAGE_SHIFT) > PGOFF_LIMIT)
        return -ENOMEM;
    return grow_vma(vma, vma->vm_start, end, vma->vm_pgoff, stranger);
}

static int expand_stack(struct vma *vma, uintptr_t addr, bool stranger)
{
    struct world *world = vma->vm_mm->world;
    int err;

    addr &= PAGE_MASK;
    if (addr < vma->vm_start)
        err = expand_downwards(vma, addr, stranger);
    else
        err = expand_upwards(vma, addr + PAGE_SIZE, stranger);
    event(world, err ? EV_STACK_REFUSED : EV_STACK_GROW);
    return err;
}

struct vma *find_extend_vma(struct mm *mm, uintptr_t addr, bool stranger)
{
    struct vma *prev, *vma = find_vma_prev(mm, addr, &prev);

    if (vma && vma->vm_start <= addr)
        return vma;
    if (!vma || !(vma->vm_flags & VM_GROWSDOWN))
        vma = prev && (prev->vm_flags & VM_GROWSUP) ? prev : NULL;
    return vma && expand_stack(vma, addr, stranger) == 0 ? vma : NULL;
}

static bool access_is_allowed(const struct vma *vma, int access, bool remote)
{
    const uint64_t flags = vma->vm_flags;

    if (remote && (flags & (VM_IO | VM_PFNMAP)))
        return false;
    switch (access) {
    case PROT_WRITE:
        return flags & VM_WRITE;
    case PROT_EXEC:
        return flags & VM_EXEC;
    case ACCESS_FORCE:
        return (flags & VM_WRITE) ||
               (!(flags & VM_HUGETLB) && (flags & (VM_SHARED | VM_MAYWRITE)) == VM_MAYWRITE);
    default:
        return remote ? flags & VM_READ : vma_is_accessible(vma);
    }
}

/* The processor wants a page before it asks whether the page may be executed. */
static int refused_fetch(struct vma *vma, uintptr_t addr)
{
    const int err = vma_is_accessible(vma) ? handle_mm_fault(vma, addr, 0) : 0;

    return err ? err : -EFAULT;
}

int access_vma(struct mm *mm, uintptr_t addr, int access, bool remote, struct vma **pvma)
{
    /* who writes by force asks for growth itself */
    const bool grows = !remote || access == ACCESS_FORCE || mm_rules(mm) < RULES_LINUX_6_1;
    struct vma *vma;

    if (addr >= mm->task_size)
        return -EFAULT;
    vma = grows ? find_extend_vma(mm, addr, remote) : vma_lookup(mm, addr);
    if (!vma)
        return -EFAULT;
    if (!access_is_allowed(vma, access, remote))
        return access == PROT_EXEC ? refused_fetch(vma, addr) : -EFAULT;
    *pvma = vma;
    if (!vma_is_beyond_file(vma, addr))
        return 0;
    /* who would get a page of its own is prepared for it before the file is asked */
    if ((access == PROT_WRITE || access == ACCESS_FORCE) && !vma_is_shared(vma) &&
        vma_has_frames(vma) && anon_vma_prepare(vma))
        return -ENOMEM;
    return -ENXIO;
}

long mm_access(struct mm *mm, uintptr_t addr, int access, bool remote, uint64_t stamp)
{
    const bool write = access == PROT_WRITE;
    struct world *world = mm->world;
    struct page *page;
    struct vma *vma;
    int err = access_vma(mm, addr, access, remote, &vma);

    if (!err)
        err = handle_mm_fault(vma, addr,
                              remote  ? pin_fault_flags(mm, write)
                              : write ? FAULT_WRITE
                                      : 0);
    if (err || !vma_has_frames(vma))
        return err;
    page = page_of_pte(world, mm_pte(mm, addr));
    if (!write) /* or the page of zeroes */
        return page ? (long)page->stamp : 0;
    world_bug_on(world, !page);
    page->stamp = stamp;
    if (remote && page_is_anon(page)) /* who writes into others' memory says so to the page */
        compound_head(page)->flags |= PG_DIRTY;
    if (remote || !page_is_anon(page)) /* others show it too */
        note_page(world, page);
    addr &= PAGE_MASK;
    note_ptes(mm, addr, addr + PAGE_SIZE);
    return 0;
}
