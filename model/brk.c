/* SPDX-License-Identifier: GPL-2.0-only */
/* The heap. brk has no errors: whatever goes wrong, the break stays. */
#include "model/internal.h"

static bool over_data_limit(const struct mm *mm, uintptr_t brk)
{
    const uint64_t limit = mm->rlimit[MM_RLIMIT_DATA];

    return limit < PGOFF_LIMIT && brk - mm->start_brk > limit << PAGE_SHIFT;
}

/* Who takes it for granted that the old heap is mapped takes what lies above it for the heap. */
static struct vma *taken_for_heap(struct mm *mm, uintptr_t old_end)
{
    struct vma *vma = find_vma(mm, old_end - 1);

    return vma && vma->vm_start >= old_end ? vma : NULL;
}

static int brk_shrink(struct mm *mm, uintptr_t new_end, uintptr_t old_end)
{
    struct vma *wrong = NULL;

    event(mm->world, EV_BRK_SHRINK);
    if (fault(mm->world, F_BRK_SHRINK_MISSING_VMA, (wrong = taken_for_heap(mm, old_end)) != NULL) &&
        wrong)
        return do_munmap(mm, wrong->vm_start, wrong->vm_end - wrong->vm_start);
    if (mm_rules(mm) >= RULES_LINUX_6_1 && !find_vma_intersection(mm, new_end, old_end))
        return -EINVAL;
    return do_munmap(mm, new_end, old_end - new_end);
}

static int brk_allowed(struct mm *mm, uintptr_t start, uintptr_t len, uint64_t vm_flags)
{
    const uint64_t pages = len >> PAGE_SHIFT;
    long area = get_unmapped_area(mm, NULL, start, len, MAP_FIXED);

    if (area < 0)
        return (int)area;
    if (mlock_future_check(mm, vm_flags, pages) || !may_expand_vm(mm, vm_flags, pages) ||
        mm->map_count > mm->world->config.max_map_count)
        return -ENOMEM;
    return vm_charge(mm, pages);
}

/* The heap is plain anonymous memory, merged as such; but since 6.1 it only extends what lies above
 * start_brk, so its first page never joins a mapping below. *grown: the VMA that has it. */
static int brk_map(struct mm *mm, uintptr_t start, uintptr_t end, uint64_t vm_flags,
                   struct vma **grown)
{
    const struct vma_attrs attrs = {.vm_flags = vm_flags};
    struct vma *prev, *vma = NULL;
    struct rb_node **link, *parent;

    free_vma_links(mm, start, end, &prev, &link, &parent);
    if (mm_rules(mm) < RULES_LINUX_6_1 || start > mm->start_brk)
        vma = vma_merge(mm, prev, start, end, &attrs, start >> PAGE_SHIFT);
    *grown = vma;
    if (vma)
        return 0;
    *grown = vma = vma_alloc(mm);
    if (!vma)
        return -ENOMEM;
    vma->vm_start = start;
    vma->vm_end = end;
    vma->vm_pgoff = start >> PAGE_SHIFT;
    vma->vm_flags = vm_flags;
    vma->vm_page_prot = vm_get_page_prot(vm_flags);
    vma_link(mm, vma, prev, link, parent);
    return 0;
}

static int brk_grow(struct mm *mm, uintptr_t old_end, uintptr_t new_end)
{
    const struct vma *next = find_vma(mm, old_end);
    const uint64_t pages = (new_end - old_end) >> PAGE_SHIFT;
    uint64_t vm_flags =
        VM_READ | VM_WRITE | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC | VM_ACCOUNT | mm->def_flags;
    struct vma *vma;
    int err;

    event(mm->world, EV_BRK_GROW);
    if (mm->world->config.read_implies_exec)
        vm_flags |= VM_EXEC;
    if (next && new_end + PAGE_SIZE > vm_start_gap(next))
        return -ENOMEM;
    err = brk_allowed(mm, old_end, new_end - old_end, vm_flags);
    if (err)
        return err;
    err = brk_map(mm, old_end, new_end, vm_flags, &vma);
    if (err) {
        vm_uncharge(mm, pages);
        return err;
    }
    vm_stat_account(mm, vm_flags, (int64_t)pages);
    if (vm_flags & VM_LOCKED) {
        mm->locked_vm += pages;
        populate_locked(vma, old_end, new_end); /* or later */
    }
    return 0;
}

long mm_brk(struct mm *mm, uintptr_t brk)
{
    const uintptr_t new_end = page_align(brk), old_end = page_align(mm->brk);
    int err = 0;

    if (brk < mm->start_brk || over_data_limit(mm, brk))
        return (long)mm->brk;
    if (brk <= mm->brk && new_end < old_end)
        err = brk_shrink(mm, new_end, old_end);
    else if (new_end != old_end)
        err = brk_grow(mm, old_end, new_end);
    if (!err)
        mm->brk = brk;
    return (long)mm->brk;
}
