/* SPDX-License-Identifier: GPL-2.0-only */
/* account.vm: the totals of each process and the commit charge of the world. */
#include "oracles/laws.h"

#include <inttypes.h>

static bool total_broken(struct verdict *v, const struct mm *mm, const char *site, uint64_t stored,
                         uint64_t computed)
{
    return law_broken(v, LAW_ACCOUNT_VM, site, mm->id, 0,
                      "%s is %" PRIu64 " pages, computed %" PRIu64, site, stored, computed);
}

/* What must hold whatever is mapped: all that can be said without a walk. */
bool totals_plausible(const struct mm *mm, struct verdict *v)
{
    uint64_t parts = mm->data_vm | mm->exec_vm | mm->stack_vm | mm->locked_vm;

    if (unlikely(mm->hiwater_vm < mm->total_vm))
        return total_broken(v, mm, "hiwater_vm", mm->hiwater_vm, mm->total_vm);
    if (unlikely(mm->data_vm + mm->exec_vm + mm->stack_vm > mm->total_vm))
        return total_broken(v, mm, "total_vm", mm->total_vm,
                            mm->data_vm + mm->exec_vm + mm->stack_vm);
    if (unlikely(mm->locked_vm > mm->total_vm))
        return total_broken(v, mm, "locked_vm", mm->locked_vm, mm->total_vm);
    if (unlikely(!mm->mm_rb.node && (mm->total_vm | parts)))
        return total_broken(v, mm, "total_vm", mm->total_vm, 0);
    return true;
}

bool totals_agree(const struct mm *mm, const struct totals *t, struct verdict *v)
{
    if (mm->total_vm != t->total_vm)
        return total_broken(v, mm, "total_vm", mm->total_vm, t->total_vm);
    if (mm->locked_vm != t->locked_vm)
        return total_broken(v, mm, "locked_vm", mm->locked_vm, t->locked_vm);
    if (mm->data_vm != t->data_vm)
        return total_broken(v, mm, "data_vm", mm->data_vm, t->data_vm);
    if (mm->exec_vm != t->exec_vm)
        return total_broken(v, mm, "exec_vm", mm->exec_vm, t->exec_vm);
    if (mm->stack_vm != t->stack_vm)
        return total_broken(v, mm, "stack_vm", mm->stack_vm, t->stack_vm);
    if (mm->pinned_vm)
        return total_broken(v, mm, "pinned_vm", mm->pinned_vm, 0);
    return totals_plausible(mm, v);
}

bool account_vm_full(const struct world *world, struct verdict *v)
{
    uint64_t charged = 0;
    const struct mm *mm;
    unsigned i;

    for_each_mm (world, i, mm) {
        struct list_walk w = list_walk(world, mm);
        const struct vma *vma;
        struct totals t = {0};

        while ((vma = list_walk_next(&w)))
            totals_add(&t, vma->vm_flags, (vma->vm_end - vma->vm_start) >> PAGE_SHIFT);
        if (!totals_agree(mm, &t, v))
            return false;
        charged += t.charged;
    }
    if (world->committed_as != (int64_t)charged)
        return law_broken(v, LAW_ACCOUNT_VM, "committed", NOWHERE,
                          "%" PRId64 " pages are charged, VM_ACCOUNT VMAs have %" PRIu64,
                          world->committed_as, charged);
    return true;
}
