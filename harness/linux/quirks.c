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

static bool is_access(const struct call *c)
{
    return c->kind == OP_READ || c->kind == OP_WRITE || c->kind == OP_FILL || c->kind == OP_EXEC ||
           c->kind == OP_PEEK || c->kind == OP_POKE || c->kind == OP_FORCE;
}

static bool stack_below_zero(const struct world *world, const struct call *c)
{
    const struct vma *vma;

    if (!is_access(c))
        return false;
    vma = world->proc[c->proc]->mmap;
    while (vma && vma->vm_end <= c->addr)
        vma = vma->vm_next;
    return vma && vma->vm_start > c->addr && (vma->vm_flags & VM_GROWSDOWN) &&
           vma->vm_pgoff < (vma->vm_start - (c->addr & PAGE_MASK)) >> PAGE_SHIFT;
}

/* A stack with a mapping in its guard gap. */
static bool guards_something(const struct vma *vma)
{
    const uint64_t gap = vma->vm_mm->world->config.stack_guard_gap << PAGE_SHIFT;

    return vma->vm_prev && (vma->vm_flags & VM_GROWSDOWN) &&
           vma->vm_prev->vm_end > vma->vm_start - (vma->vm_start < gap ? vma->vm_start : gap);
}

static bool stack_guard_search(const struct world *world, const struct call *c)
{
    if (!(c->kind == OP_MMAP && !(c->flags & (MAP_FIXED | MAP_FIXED_NOREPLACE))) &&
        !(c->kind == OP_MREMAP && !(c->flags & MREMAP_FIXED)))
        return false;
    for (const struct vma *vma = world->proc[c->proc]->mmap; vma; vma = vma->vm_next)
        if (guards_something(vma))
            return true;
    return false;
}

static bool file_offset_limit(const struct world *world, const struct call *c)
{
    const uint64_t most = (uint64_t)INT64_MAX - PAGE_SIZE;

    (void)world;
    return c->kind == OP_MMAP && (c->off > most || c->len > most || c->off + c->len > most);
}

static bool maps_regular(const struct vma *vma)
{
    return vma->vm_file && vma->vm_file->mapping->kind == FILE_REGULAR;
}

static bool ramfs(const struct world *world, const struct call *c)
{
    const bool hole = c->kind == OP_MADVISE && c->sel == MADV_REMOVE;

    if (!hole && c->kind != OP_MREMAP)
        return false;
    for (const struct vma *vma = world->proc[c->proc]->mmap; vma; vma = vma->vm_next)
        if (vma->vm_end > c->addr && vma->vm_start < c->addr + c->len && maps_regular(vma) &&
            (hole || c->addr < vma->vm_start || c->addr + c->len > vma->vm_end))
            return true;
    return false;
}

static bool pageout(const struct world *world, const struct call *c)
{
    (void)world;
    return c->kind == OP_MADVISE && c->sel == MADV_PAGEOUT;
}

static bool is_shared_page(const struct world *world, pte_t pte)
{
    const struct page *page = (pte & (PTE_PRESENT | PTE_SPECIAL)) == PTE_PRESENT
                                  ? pool_object(&world->pool[POOL_PAGE], pte_number(pte))
                                  : NULL;

    return page && page->mapcount > 1;
}

static bool reclaim_others(const struct world *world, const struct call *c)
{
    const struct mm *mm = world->proc[c->proc];

    if (c->kind != OP_RECLAIM)
        return false;
    if (world->events[EV_LAZYFREE] && world->events[EV_PIN])
        return true;
    for (const struct vma *vma = mm->mmap; vma; vma = vma->vm_next) {
        if (vma->vm_end <= c->addr || vma->vm_start >= c->addr + c->len)
            continue;
        if (vma->vm_file)
            return true;
        for (uintptr_t addr = vma->vm_start; addr < vma->vm_end; addr += PAGE_SIZE)
            if (is_shared_page(world, mm_pte(mm, addr)))
                return true;
    }
    return false;
}

static bool pin_shared_file(const struct world *world, const struct call *c)
{
    if (c->kind != OP_PIN || !c->sel)
        return false;
    for (const struct vma *vma = world->proc[c->proc]->mmap; vma; vma = vma->vm_next)
        if (vma->vm_start <= c->addr && c->addr < vma->vm_end)
            return maps_regular(vma) && (vma->vm_flags & VM_SHARED);
    return false;
}

static bool seal_pinned(const struct world *world, const struct call *c)
{
    if (c->kind != OP_SEAL)
        return false;
    for (unsigned i = 0; i < MAX_PINS; i++) {
        const struct page *page = world->pin[i].used ? world->pin[i].page : NULL;

        if (page && !(page->mapping & PAGE_MAPPING_ANON))
            return true;
    }
    return false;
}

static bool brk_to_end(const struct world *world, const struct call *c)
{
    const uint64_t end = world->config.task_size << PAGE_SHIFT;

    return c->kind == OP_BRK && c->addr > end - PAGE_SIZE && c->addr <= end;
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
