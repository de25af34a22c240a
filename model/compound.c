/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Compound pages: HPAGE_PAGES frames that are one page, until they are split into as many.
 *
 *      |head|tail|tail| ... |     references, mapping, index, flags, pins: the head's
 *        |    |    |              mapcount, stamp, PG_EXCLUSIVE: of each
 *      |page|page|free| ... |     split: pages like others, and what nobody maps is free
 */
#include "model/internal.h"

static struct huge_page *huge_page_of(const struct world *world, const struct page *page)
{
    char *base = world->pool[POOL_HUGE].base;
    const size_t n = (size_t)((const char *)page - base) / sizeof(struct huge_page);

    return (struct huge_page *)(void *)(base + n * sizeof(struct huge_page));
}

static uint16_t *live_parts(struct world *world, const struct page *page)
{
    const struct huge_page *first = (void *)world->pool[POOL_HUGE].base;

    return &world->huge_parts[huge_page_of(world, page) - first];
}

struct page *page_head(const struct world *world, const struct page *page)
{
    if (page->flags & PG_TAIL)
        return huge_page_of(world, page)->part;
    return (struct page *)(uintptr_t)page;
}

uint32_t page_mapcount(const struct world *world, const struct page *page)
{
    if (likely(!page_is_compound(page)))
        return page->mapcount;
    return page->mapcount + page_head(world, page)->entire_mapcount;
}

uint32_t compound_mapcount(const struct page *head)
{
    uint32_t count = head->entire_mapcount;

    for (unsigned i = 0; i < HPAGE_PAGES; i++)
        count += head[i].mapcount;
    return count;
}

struct page *compound_alloc(struct world *world)
{
    struct huge_page *huge = pool_alloc(world, POOL_HUGE);

    if (!huge)
        return NULL;
    for (unsigned i = 0; i < HPAGE_PAGES; i++)
        huge->part[i] = (struct page){.flags = PG_TAIL};
    huge->part[0] = (struct page){.refcount = 1, .flags = PG_HEAD};
    return huge->part;
}

/* The object goes with the whole, or with the last of what was made of it. */
void compound_free(struct world *world, struct page *page)
{
    uint16_t *live = live_parts(world, page);

    if (!(page->flags & PG_HEAD)) {
        world_bug_on(world, *live == 0);
        *page = (struct page){.refcount = 0};
        if (--*live)
            return;
    }
    pool_free(world, POOL_HUGE, huge_page_of(world, page));
}

/* ---- split (compound.parts) ---- */
/* What locks a part keeps it locked when it is a page of its own. */
static bool split_one(struct vma *vma, uintptr_t addr, pte_t *pte, struct page *page, void *arg)
{
    const bool huge = *pte & PTE_HUGE;
    bool more;

    (void)arg;
    if (vma->vm_flags & VM_LOCKED)
        for (unsigned i = 0; i < (huge ? HPAGE_PAGES : 1); i++)
            page[i].flags |= PG_MLOCKED;
    if (huge) {
        huge_split_entry(vma->vm_mm, addr, pte);
        more = page->entire_mapcount > 0;
        return !(fault(vma->vm_mm->world, F_HUGE_SPLIT_ONE_PROCESS, more) && more);
    }
    return true;
}

/* False: nobody maps it, so it is gone. */
static bool part_becomes_page(struct world *world, const struct page *head, struct page *part,
                              unsigned i)
{
    const uint32_t common = head->flags & (PG_DIRTY | PG_SWAPBACKED | PG_YOUNG | PG_IDLE);

    if (part->mapcount == 0) {
        part->flags = 0;
        compound_free(world, part);
        return false;
    }
    part->refcount = part->mapcount;
    part->mapping = head->mapping;
    part->index = head->index + i;
    part->flags = (part->flags & (PG_EXCLUSIVE | PG_MLOCKED)) | common;
    note_page(world, part);
    return true;
}

/* A part that is all zeroes is not kept, unless it is locked: its entries become what an untouched
 * place that is read has. */
static bool drop_zeroes_one(struct vma *vma, uintptr_t addr, pte_t *pte, struct page *page,
                            void *arg)
{
    struct mm *mm = vma->vm_mm;

    (void)arg;
    *pte = PTE_PRESENT | PTE_SPECIAL | PTE_YOUNG;
    rss_add(mm, MM_ANONPAGES, -1);
    page_remove_rmap(mm->world, page);
    put_page(mm->world, page);
    note_ptes(mm, addr, addr + PAGE_SIZE);
    event(mm->world, EV_HUGE_SPLIT_ZERO);
    return true;
}

static void drop_zeroes(struct world *world, struct page *part)
{
    if (part->stamp || (part->flags & PG_MLOCKED))
        return;
    get_page(part);
    rmap_walk(world, part, drop_zeroes_one, NULL);
    page_unmapped(world, part);
    put_page(world, part);
}

bool compound_split(struct world *world, struct page *page)
{
    struct page *head = compound_head(page), was;

    if (head->refcount != compound_mapcount(head)) {
        event(world, EV_HUGE_SPLIT_REFUSED);
        return false;
    }
    head->flags &= ~(uint32_t)PG_MLOCKED;
    rmap_walk_compound(world, head, split_one, NULL);
    was = *head;
    *live_parts(world, head) = HPAGE_PAGES;
    head->entire_mapcount = 0;
    head->swap = 0;
    note_forget_page(world, head);
    for (unsigned i = 0; i < HPAGE_PAGES; i++)
        if (part_becomes_page(world, &was, head + i, i) && world->config.rules >= RULES_LINUX_6_12)
            drop_zeroes(world, head + i); /* with the last of them all of it is gone */
    event(world, EV_HUGE_SPLIT_PAGE);
    return true;
}
