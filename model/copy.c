/* SPDX-License-Identifier: GPL-2.0-only */
/* Page-table entries as address spaces are copied, and mappings moved, re-protected and lazily
 * freed: all that leaves the pages themselves where they are. */
#include "model/internal.h"

/* False: the range has no entries. Otherwise they are noted, and *at is where the first one is. */
static bool note_entries(struct mm *mm, uintptr_t *at, uintptr_t end)
{
    const uintptr_t start = *at;

    if (!pte_next(mm, at, end))
        return false;
    note_ptes(mm, start, end);
    return true;
}

/* ---- fork ---- */
/* A device goes on with the page that it holds, so that one stays with the parent for good. */
bool must_be_copied(struct world *world, const struct page *page)
{
    if (!page_head(world, page)->pins ||
        (rules_have_exclusive(world) && !(page->flags & PG_EXCLUSIVE)))
        return false;
    return !fault(world, F_FORK_PINNED, true);
}

static int copy_for_child(struct vma *dst, uintptr_t addr, pte_t *to, const struct page *page)
{
    struct world *world = dst->vm_mm->world;
    struct page *copy = page_alloc(world, page->stamp);

    if (!copy)
        return -ENOMEM;
    page_add_anon_rmap(copy, dst, addr, true);
    rss_add(dst->vm_mm, MM_ANONPAGES, 1);
    *to = pte_of_page(copy,
                      PTE_PRESENT | PTE_DIRTY | (dst->vm_flags & VM_WRITE ? (pte_t)PTE_WRITE : 0));
    event(world, EV_FORK_COPY_PINNED);
    return 0;
}

/* Whoever writes next gets a copy. The entry's dirty bit is needed by both: either may be the one
 * that is left when the other has freed the page lazily. */
static void share_page(struct vma *dst, uintptr_t addr, pte_t *to, pte_t *from, struct page *page)
{
    struct world *world = dst->vm_mm->world;

    if (page_is_anon(page)) {
        if ((page->flags & PG_EXCLUSIVE) && !fault(world, F_FORK_KEEPS_EXCLUSIVE, true))
            page->flags &= ~(uint32_t)PG_EXCLUSIVE;
        if ((*from & PTE_WRITE) && !fault(world, F_FORK_KEEPS_WRITE, true))
            *from &= ~(pte_t)PTE_WRITE;
        page_add_anon_rmap(page, dst, addr, false);
    } else {
        page_add_file_rmap(page, dst);
    }
    get_page(page);
    rss_add(dst->vm_mm, page_rss_kind(page), 1);
    *to = *from & ~(pte_t)(PTE_WRITE | PTE_YOUNG);
    event(world, EV_FORK_SHARE);
}

static void share_slot(struct vma *dst, pte_t *to, pte_t *from)
{
    struct world *world = dst->vm_mm->world;

    if (!fault(world, F_FORK_SWAP_NO_DUP, true))
        swap_duplicate(slot_of_pte(world, *from));
    *from &= ~(pte_t)PTE_EXCLUSIVE;
    *to = *from;
    rss_add(dst->vm_mm, MM_SWAPENTS, 1);
    event(world, EV_FORK_SWAP);
}

static int copy_pte(struct vma *dst, uintptr_t addr, pte_t *from)
{
    struct world *world = dst->vm_mm->world;
    struct page *page = page_of_pte(world, *from);
    pte_t *to = pte_alloc(dst->vm_mm, addr);

    if (!to)
        return -ENOMEM;
    if (*from & PTE_SWAP)
        share_slot(dst, to, from);
    else if (!page)
        *to = *from & ~(pte_t)PTE_YOUNG;
    else if (page_is_anon(page) && must_be_copied(world, page))
        return copy_for_child(dst, addr, to, page);
    else
        share_page(dst, addr, to, from, page);
    return 0;
}

/* Without an anon_vma there is nothing that a fault could not find again, or nothing that the child
 * shall have (VM_WIPEONFORK). */
int copy_page_range(struct vma *dst, struct vma *src)
{
    const uintptr_t start = src->vm_start, end = src->vm_end;
    uintptr_t at = start;
    pte_t *pte;
    int err = 0;

    if (!dst->anon_vma || !src->vm_mm->pgd)
        return 0;
    pte = pte_next(src->vm_mm, &at, end);
    if (!pte)
        return 0;
    for (; pte && !err; pte = pte_next(src->vm_mm, &at, end)) {
        const uintptr_t next = pte_end(*pte, at);

        step(dst->vm_mm->world);
        err = likely(!(*pte & PTE_HUGE)) ? copy_pte(dst, at, pte) : huge_copy(dst, src, at, pte);
        if (err <= 0)
            at = next;
        else
            err = 0; /* split: its entries, one by one */
    }
    note_ptes(src->vm_mm, start, end);
    note_ptes(dst->vm_mm, start, end);
    return err;
}

/* ---- mremap ---- */
/* Entries of [from, end) to `to`, as far as there are tables for them. Returns where it stopped. */
static uintptr_t move_ptes(struct mm *mm, uintptr_t from, uintptr_t end, uintptr_t to)
{
    const uintptr_t table = PTRS_PER_TABLE * PAGE_SIZE;
    uintptr_t at = from;

    for (pte_t *pte, *place; (pte = pte_next(mm, &at, end)); at += PAGE_SIZE) {
        step(mm->world);
        if (unlikely(*pte & PTE_HUGE)) {
            const int err = huge_move(mm, at, end, to + (at - from), pte);

            if (err < 0)
                return at;
            if (err == 0) {
                at += HPAGE_SIZE - PAGE_SIZE;
                continue;
            }
            pte = pte_find(mm, at);
        }
        if (at / table != from / table && fault(mm->world, F_MOVE_STOPS_AT_TABLE, true))
            break;
        place = pte_alloc(mm, to + (at - from));
        if (!place)
            return at;
        world_bug_on(mm->world, *place);
        *place = *pte;
        *pte = 0;
        event(mm->world, EV_MOVE_PTE);
    }
    return end;
}

int move_page_tables(struct mm *mm, uintptr_t old, uintptr_t new_addr, size_t len)
{
    uintptr_t at = old;

    if (!note_entries(mm, &at, old + len))
        return 0;
    note_ptes(mm, new_addr, new_addr + len);
    at = move_ptes(mm, old, old + len, new_addr);
    if (at == old + len)
        return 0;
    /* the old tables are still there, so this needs nothing */
    move_ptes(mm, new_addr, new_addr + (at - old), old);
    event(mm->world, EV_MOVE_UNDONE);
    return -ENOMEM;
}

/* ---- mprotect ---- */
/* The frame that has the same number as a slot, if there is one and taking it for the page of the
 * entry would change it: for the fault below. */
static struct page *taken_for_page(const struct world *world, pte_t pte)
{
    const struct pool *pool = &world->pool[POOL_PAGE];
    struct page *page = pte_number(pte) < pool->used ? pool_object(pool, pte_number(pte)) : NULL;
    const bool exclusive = pte & PTE_EXCLUSIVE;

    return page && exclusive != ((page->flags & PG_EXCLUSIVE) != 0) ? page : NULL;
}

/* A swap entry has no rights that could be taken away. */
static void protect_swap_entry(struct world *world, pte_t pte)
{
    struct page *wrong = NULL;

    if (!fault(world, F_MPROTECT_SWAP_ENTRY, (wrong = taken_for_page(world, pte)) != NULL))
        return;
    if (wrong) {
        wrong->flags ^= PG_EXCLUSIVE;
        note_page(world, wrong);
    }
}

/* A fault has to find out whether a page may be written, but of an exclusive one that is known. In
 * 6.1 one that is not dirty waits for a fault, too. */
static bool is_known_writable(const struct vma *vma, pte_t pte)
{
    const struct page *page = page_of_pte(vma->vm_mm->world, pte);

    if (mm_rules(vma->vm_mm) < RULES_LINUX_6_12 && !(pte & PTE_DIRTY))
        return false;
    return (vma->vm_flags & VM_WRITE) && page && page_is_anon(page) &&
           (page->flags & PG_EXCLUSIVE) && !vma_is_shared(vma);
}

void change_protection(struct vma *vma, uintptr_t start, uintptr_t end)
{
    struct mm *mm = vma->vm_mm;
    const bool read_only = !(vma->vm_flags & VM_WRITE);
    uintptr_t at = start;

    if (!note_entries(mm, &at, end))
        return;
    for (pte_t *pte; (pte = pte_next(mm, &at, end)); at = pte_end(*pte, at)) {
        step(mm->world);
        if (*pte & PTE_SWAP)
            protect_swap_entry(mm->world, *pte);
        else if (read_only && (*pte & PTE_WRITE) && !fault(mm->world, F_KEEPS_WRITE, true))
            *pte &= ~(pte_t)PTE_WRITE;
        else if (is_known_writable(vma, *pte))
            *pte |= PTE_WRITE;
        else if (mm_rules(mm) == RULES_LINUX_6_1 && !(*pte & PTE_DIRTY))
            *pte &= ~(pte_t)PTE_WRITE;
    }
}

/* ---- MADV_FREE ---- */
/* What others may still want, here or in the slot, has to be kept. */
static bool may_be_dropped(struct world *world, struct page *page)
{
    if (!(page->flags & (PG_SWAPCACHE | PG_DIRTY)))
        return true;
    return page->mapcount + page_swap_count(world, page) == 1;
}

static void lazyfree_pte(struct mm *mm, pte_t *pte)
{
    struct world *world = mm->world;
    struct page *page = page_of_pte(world, *pte);

    if (*pte & PTE_SWAP) {
        swap_free(world, slot_of_pte(world, *pte));
        rss_add(mm, MM_SWAPENTS, -1);
        *pte = 0;
        return;
    }
    if (page && unlikely(page_is_compound(page)) &&
        (page_mapcount(world, page) != 1 || !compound_split(world, page)))
        return;
    if (!page || !may_be_dropped(world, page))
        return;
    if (page->flags & PG_SWAPCACHE)
        swap_cache_drop(world, page);
    page->flags &= ~(uint32_t)PG_DIRTY;
    if (!(page->flags & PG_MLOCKED)) /* by another process: it is not reclaimed, so not freed */
        page->flags &= ~(uint32_t)PG_SWAPBACKED;
    *pte &= ~(pte_t)(PTE_DIRTY | PTE_YOUNG);
    note_page(world, page);
    event(world, EV_LAZYFREE);
}

void lazyfree_range(struct vma *vma, uintptr_t start, uintptr_t end)
{
    struct mm *mm = vma->vm_mm;
    uintptr_t at = start;

    if (!note_entries(mm, &at, end))
        return;
    for (pte_t *pte; (pte = pte_next(mm, &at, end));) {
        step(mm->world);
        if (likely(!(*pte & PTE_HUGE))) {
            lazyfree_pte(mm, pte);
            at += PAGE_SIZE;
        } else if (huge_lazyfree(mm, at, end, pte)) {
            at = pte_end(PTE_HUGE, at);
        }
    }
}
