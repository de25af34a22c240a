/* SPDX-License-Identifier: GPL-2.0-only */
/* Names of anonymous memory: prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME). */
#include "model/internal.h"

static bool vma_can_be_named(const struct vma *vma)
{
    if (!vma->vm_file)
        return vma_is_anonymous(vma);
    return mm_rules(vma->vm_mm) >= RULES_LINUX_6_12 && (vma->vm_file->mode & FMODE_ANON);
}

static int name_vma(struct vma **pvma, uintptr_t start, uintptr_t end, const void *arg)
{
    struct anon_vma_name *const *name = arg;
    struct vma *vma = *pvma;
    struct vma_attrs attrs = vma_attrs(vma);
    int err;

    if (!vma_can_be_named(vma))
        return -EBADF;
    if (anon_name_equal(vma->anon_name, *name))
        return 0;
    if (fault(vma->vm_mm->world, F_NAME_LEAK, vma->anon_name != NULL))
        anon_name_get(vma->anon_name);
    attrs.name = *name;
    vma = vma_modify(vma, start, end, &attrs, &err);
    if (!vma)
        return madvise_errno(err);
    *pvma = vma;
    return 0;
}

long mm_prctl_set_vma_name(struct mm *mm, uintptr_t addr, size_t len, const char *name)
{
    struct anon_vma_name *anon_name = NULL;
    uintptr_t end;
    long ret;

    if (mm_rules(mm) < RULES_LINUX_6_1)
        return -EINVAL;
    ret = madvise_range(addr, len, &end);
    if (ret <= 0)
        return ret;
    if (name) {
        anon_name = anon_name_new(mm->world, name);
        if (!anon_name)
            return -ENOMEM;
    }
    ret = madvise_walk_vmas(mm, addr, end, name_vma, &anon_name);
    anon_name_put(mm->world, anon_name);
    return ret;
}
