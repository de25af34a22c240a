/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory policies of ranges. */
#include "model/internal.h"

/* A range without holes, or for the default policy with something in it. 0 or -EFAULT. Linux 4.4
 * wants something at the start in any case, and sees a hole at the end only above the last VMA. */
static int mbind_range_ok(struct mm *mm, uintptr_t start, uintptr_t end, bool holes_allowed)
{
    const bool old = mm_rules(mm) < RULES_LINUX_5_10;
    const struct vma *vma = find_vma(mm, start);

    if (!vma || vma->vm_start >= end || (old && vma->vm_start > start))
        return -EFAULT;
    if (holes_allowed)
        return 0;
    for (; start < end; start = vma->vm_end, vma = vma->vm_next) {
        step(mm->world);
        if (old && vma && vma->vm_start >= end)
            return 0;
        if (!vma || vma->vm_start > start)
            return -EFAULT;
    }
    return 0;
}

/* Whoever remembers the first VMA over the walk to ask it where pages belong may find it freed. */
static void place_pages(struct world *world, const struct vma *first)
{
    const bool gone = first && !pool_is_live(&world->pool[POOL_VMA], first);

    if (fault(world, F_WALK_FREED_VMA, gone))
        world_bug_on(world, gone);
}

static int mbind_walk(struct mm *mm, uintptr_t start, uintptr_t end, struct mempolicy *policy)
{
    struct vma *vma = find_vma(mm, start);
    const struct vma *first = vma;

    for (; vma && vma->vm_start < end; vma = vma->vm_next) {
        struct vma_attrs attrs = vma_attrs(vma);
        int err;

        step(mm->world);
        if (vma->vm_start > start)
            start = vma->vm_start;
        if (mpol_equal(vma->vm_policy, policy))
            continue;
        attrs.policy = policy;
        vma = vma_modify(vma, start, vma->vm_end < end ? vma->vm_end : end, &attrs, &err);
        if (!vma)
            return err;
    }
    place_pages(mm->world, first);
    return 0;
}

/* Do mode and nodes go together? PREFERRED without nodes is another name of LOCAL. */
static int mbind_policy_ok(int *mode, unsigned nodes)
{
    switch (*mode) {
    case MPOL_DEFAULT:
    case MPOL_LOCAL:
        return nodes ? -EINVAL : 0;
    case MPOL_PREFERRED:
        if (!nodes)
            *mode = MPOL_LOCAL;
        return 0;
    default:
        return nodes ? 0 : -EINVAL;
    }
}

long mm_mbind(struct mm *mm, uintptr_t addr, size_t len, int mode, unsigned nodes, unsigned flags)
{
    const uintptr_t end = addr + page_align(len);
    struct mempolicy *policy = NULL;
    int err;

    if (flags || mode < MPOL_DEFAULT || mode > MPOL_LOCAL || (nodes & ~ALL_NODES))
        return -EINVAL;
    if (!page_aligned(addr) || end < addr)
        return -EINVAL;
    if (end == addr)
        return 0;
    err = mbind_policy_ok(&mode, nodes);
    if (err)
        return err;
    if (mode != MPOL_DEFAULT) {
        policy = mpol_new(mm->world, mode, nodes);
        if (!policy)
            return -ENOMEM;
    }
    err = mbind_range_ok(mm, addr, end, !policy);
    if (!err)
        err = mbind_walk(mm, addr, end, policy);
    mpol_put(mm->world, policy);
    return err;
}
