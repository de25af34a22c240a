/* SPDX-License-Identifier: GPL-2.0-only */
/* cache.coherent: the lookup cache of each process. */
#include "oracles/laws.h"

#include <inttypes.h>

/* A stale pointer is harmless only while the sequence number disowns it. deep: also ask the tree,
 * which a VMA that was unlinked but not freed is no longer in. */
bool cache_slots_ok(const struct mm *mm, bool deep, struct verdict *v)
{
    const struct world *world = mm->world;
    const struct vmacache *cache = &mm->vmacache;
    const struct vma *good = NULL; /* few slots have different ones */
    const char *site = NULL;

    if (cache->seqnum != mm->vmacache_seqnum)
        return true;
    for (unsigned i = 0; i < VMACACHE_SLOTS; i++) {
        const struct vma *vma = cache->slot[i];

        if (!vma || vma == good)
            continue;
        if (unlikely(!vma_live(world, vma)))
            site = "dead-vma";
        else if (unlikely(vma->vm_mm != mm))
            site = "foreign-vma";
        else if (deep && tree_find(world, mm, vma->vm_start) != vma)
            site = "unlinked-vma";
        if (unlikely(site != NULL))
            return law_broken(
                v, LAW_CACHE_COHERENT, site, mm->id, vma_live(world, vma) ? vma->vm_start : 0,
                "slot %u of the lookup cache (sequence number %" PRIu64 ") holds %p: %s", i,
                cache->seqnum, (const void *)vma, site);
        good = vma;
    }
    return true;
}

bool cache_coherent_full(const struct world *world, struct verdict *v)
{
    const struct mm *mm;
    unsigned i;

    for_each_mm (world, i, mm)
        if (!cache_slots_ok(mm, true, v))
            return false;
    return true;
}
