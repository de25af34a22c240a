/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls that are known to show a difference which is no news. They are avoided before anybody makes
 * them, so that a run goes on, and a find is not shrunk to one of them.
 */
#include "harness/linux/linux.h"

#include <sys/mman.h>

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

/* Has a VMA of [addr, addr + len) any of these flags? */
static bool any_vma(const struct mm *mm, uint64_t addr, uint64_t len, uint64_t flags)
{
    for (const struct vma *vma = mm->mmap; vma; vma = vma->vm_next)
        if (vma->vm_end > addr && vma->vm_start < addr + len && (vma->vm_flags & flags))
            return true;
    return false;
}

static bool dontunmap_locked(const struct world *world, const struct call *c)
{
    return c->kind == OP_MREMAP && (c->flags & MREMAP_DONTUNMAP) &&
           any_vma(world->proc[c->proc], c->addr, c->len, VM_LOCKED);
}

const struct linux_quirk linux_quirks[] = {
#define QUIRK(function, name, sentence) {name, sentence, function},
#include "harness/linux/quirks.def"
#undef QUIRK
};
const unsigned nr_linux_quirks = sizeof(linux_quirks) / sizeof(*linux_quirks);

const struct linux_quirk *linux_quirk_of(const struct world *world, const struct call *call)
{
    for (unsigned i = 0; i < nr_linux_quirks; i++)
        if (linux_quirks[i].shows(world, call))
            return &linux_quirks[i];
    return NULL;
}
