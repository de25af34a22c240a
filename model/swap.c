/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Swap: slots, and the pages that are in memory as well (the swap cache).
 *
 *      count   page
 *        n     NULL    swapped out: n entries, the contents are the slot's
 *        n     a page  being written, or read back already: whoever comes next finds it
 *        0     a page  no entry left; the copy saves writing it again while it stays clean
 *        0     NULL    never: the slot is free (swap.counts)
 */
#include "model/internal.h"

struct swap_slot *slot_of_pte(const struct world *world, pte_t pte)
{
    const struct pool *pool = &world->pool[POOL_SLOT];

    return (struct swap_slot *)(void *)(pool->base + (size_t)pte_number(pte) * pool->size);
}

static uint32_t slot_number(const struct world *world, const struct swap_slot *slot)
{
    const struct pool *pool = &world->pool[POOL_SLOT];

    return (uint32_t)(((uintptr_t)slot - (uintptr_t)pool->base) / pool->size);
}

pte_t pte_of_slot(const struct world *world, const struct swap_slot *slot, uint64_t flags)
{
    return ((pte_t)slot_number(world, slot) << PTE_SHIFT) | PTE_SWAP | flags;
}

struct swap_slot *swap_cache_slot(const struct world *world, const struct page *page)
{
    return slot_of_pte(world, (pte_t)page->swap << PTE_SHIFT);
}

/* ---- the swap cache ---- */
static void cache_page(struct world *world, struct page *page, struct swap_slot *slot)
{
    page->flags |= PG_SWAPCACHE;
    page->swap = slot_number(world, slot);
    slot->page = page;
    get_page(page);
    note_page(world, page);
}

int swap_cache_add(struct world *world, struct page *page)
{
    struct swap_slot *slot = pool_alloc(world, POOL_SLOT);

    if (!slot)
        return -ENOMEM;
    *slot = (struct swap_slot){.count = 0};
    cache_page(world, page, slot);
    page->flags |= PG_DIRTY; /* there is nothing in the slot yet */
    return 0;
}

void swap_cache_drop(struct world *world, struct page *page)
{
    struct swap_slot *slot = swap_cache_slot(world, page);

    slot->page = NULL;
    page->swap = 0;
    page->flags &= ~(uint32_t)PG_SWAPCACHE;
    page->flags |= PG_DIRTY;
    if (!slot->count)
        pool_free(world, POOL_SLOT, slot);
    note_page(world, page);
    put_page(world, page);
}

bool try_to_free_swap(struct world *world, struct page *page)
{
    if (!(page->flags & PG_SWAPCACHE) || page_swap_count(world, page))
        return false;
    swap_cache_drop(world, page);
    return true;
}

static struct page *read_slot(struct world *world, struct swap_slot *slot)
{
    struct page *page = slot->page;

    if (page) {
        event(world, EV_SWAPIN_CACHE);
        get_page(page);
        return page;
    }
    page = page_alloc(world, slot->stamp);
    if (!page)
        return NULL;
    page->flags |= PG_SWAPBACKED;
    cache_page(world, page, slot);
    event(world, EV_SWAPIN_READ);
    return page;
}

/* Is the page of the slot found at addr of vma once it is mapped there? One without a mapping gets
 * a fitting one. */
static bool is_at_home(const struct swap_slot *slot, const struct page *page, const struct vma *vma,
                       uintptr_t addr)
{
    const struct anon_vma *anon_vma = page_anon_vma(page);

    return likely(!slot->strangers) || !page->mapping ||
           (anon_vma && anon_vma->root == vma->anon_vma->root &&
            page->index == linear_page_index(vma, addr));
}

struct page *swap_read(struct vma *vma, uintptr_t addr, struct swap_slot *slot, bool *copied)
{
    struct world *world = vma->vm_mm->world;
    struct page *page = read_slot(world, slot), *copy;

    *copied = false;
    if (!page || is_at_home(slot, page, vma, addr) || fault(world, F_KSM_SWAPIN_NO_COPY, true))
        return page;
    copy = page_alloc(world, page->stamp);
    put_page(world, page);
    if (!copy)
        return NULL;
    copy->flags |= PG_DIRTY;
    *copied = true;
    event(world, EV_KSM_SWAPIN);
    return copy;
}

/* ---- counts ---- */
void swap_duplicate(struct swap_slot *slot)
{
    slot->count++;
}

void swap_free(struct world *world, struct swap_slot *slot)
{
    world_bug_on(world, !slot->count);
    if (--slot->count)
        return;
    if (!slot->page)
        pool_free(world, POOL_SLOT, slot);
    else if (slot->page->refcount == 1)
        swap_cache_drop(world, slot->page);
}

void map_swapped_page(struct vma *vma, uintptr_t addr, pte_t *pte, struct page *page,
                      bool exclusive, uint64_t flags)
{
    struct mm *mm = vma->vm_mm;
    struct swap_slot *slot = slot_of_pte(mm->world, *pte);

    page_add_anon_rmap(page, vma, addr, exclusive);
    *pte = pte_of_page(page, flags);
    note_ptes(mm, addr, addr + PAGE_SIZE);
    rss_add(mm, MM_SWAPENTS, -1);
    rss_add(mm, MM_ANONPAGES, 1);
    swap_free(mm->world, slot);
}

/* ---- swapoff ---- */
/* As a read fault would, but that nobody has asked for the page: it is not young. */
static int unuse_pte(struct vma *vma, uintptr_t addr, pte_t *pte)
{
    struct world *world = vma->vm_mm->world;
    bool copied;
    struct page *page = swap_read(vma, addr, slot_of_pte(world, *pte), &copied);

    if (!page)
        return -ENOMEM;
    map_swapped_page(vma, addr, pte, page, copied || (*pte & PTE_EXCLUSIVE), PTE_PRESENT);
    note_page(world, page);
    event(world, EV_SWAPOFF_PAGE);
    return 0;
}

static int unuse_vma(struct vma *vma)
{
    uintptr_t addr = vma->vm_start;

    for (pte_t *pte; (pte = pte_next(vma->vm_mm, &addr, vma->vm_end)); addr = pte_end(*pte, addr)) {
        step(vma->vm_mm->world);
        if ((*pte & PTE_SWAP) && unuse_pte(vma, addr, pte))
            return -ENOMEM;
    }
    return 0;
}

static int unuse_mm(struct mm *mm)
{
    struct vma *vma = mm->mmap;
    int err = 0;

    if (!vma && fault(mm->world, F_MM_WITHOUT_VMAS, true))
        world_bug_on(mm->world, !vma);
    for (; vma && !err; vma = vma->vm_next) {
        step(mm->world);
        if (vma->anon_vma)
            err = unuse_vma(vma);
    }
    return err;
}

long world_swapoff(struct world *world)
{
    const struct pool *slots = &world->pool[POOL_SLOT];

    for (unsigned i = 0; i < world->nr_procs; i++)
        if (world->proc[i] && unuse_mm(world->proc[i]))
            return -ENOMEM;
    for (uint32_t n = 0; n < slots->used; n++) {
        struct swap_slot *slot = pool_object(slots, n);

        step(world);
        if (slot && slot->page)
            swap_cache_drop(world, slot->page);
    }
    return 0;
}
