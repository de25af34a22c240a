/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Small pages become a huge one, by a background process (khugepaged) or because they are told to
 * (MADV_COLLAPSE): their contents are copied, whoever else has them keeps them.
 */
#include "model/internal.h"

/* One block on its way. */
struct collapse {
    struct vma *vma;
    uintptr_t addr;
    pte_t *pmd;
    bool told;        /* MADV_COLLAPSE: pages that are missing do not matter */
    unsigned missing; /* nothing there, or the page of zeroes */
    bool swapped;
};

static bool is_missing(pte_t pte)
{
    return !pte || (pte & PTE_SPECIAL);
}

/* References that no entry and no cache accounts for. */
static bool is_held(const struct page *page)
{
    if (page_is_compound(page))
        return page->refcount != compound_mapcount(page);
    return page->refcount != page->mapcount + !!(page->flags & PG_SWAPCACHE);
}

static bool writable_is_needed(const struct mm *mm)
{
    return mm_rules(mm) < RULES_LINUX_6_18;
}

/* Of all entries of the block, in order. 0, or why it cannot be. */
static int look_at_entries(struct collapse *c)
{
    struct mm *mm = c->vma->vm_mm;
    const pte_t *pte = pte_find(mm, c->addr);
    const struct page *seen = NULL;
    bool writable = false;

    c->missing = 0;
    c->swapped = false;
    for (unsigned i = 0; i < HPAGE_PAGES; i++) {
        const struct page *page = page_of_pte(mm->world, pte[i]);

        step(mm->world);
        if (page)
            page = page_head(mm->world, page);
        writable |= (pte[i] & PTE_WRITE) != 0;
        c->swapped |= (pte[i] & PTE_SWAP) != 0;
        c->missing += is_missing(pte[i]);
        if (is_missing(pte[i]) && (c->vma->vm_flags & VM_UFFD_FLAGS))
            return -EBUSY; /* whoever asked for it wants to fill it in */
        if (page && page != seen && is_held(page) &&
            !fault(mm->world, F_COLLAPSE_IGNORES_PINS, true))
            return -EAGAIN;
        seen = page;
    }
    if (!c->told && c->missing == HPAGE_PAGES)
        return -EBUSY;
    return writable || !writable_is_needed(mm) ? 0 : -EINVAL;
}

static int read_back(const struct collapse *c)
{
    const uintptr_t end = c->addr + HPAGE_SIZE;
    uintptr_t at = c->addr;

    for (pte_t *pte; (pte = pte_next(c->vma->vm_mm, &at, end)); at += PAGE_SIZE) {
        step(c->vma->vm_mm->world);
        if ((*pte & PTE_SWAP) && handle_mm_fault(c->vma, at, 0))
            return -EINVAL;
    }
    return 0;
}

/* The entry's page is one part of the new one now, and the old one is left to others. */
static void copy_entry(const struct collapse *c, pte_t *pte, uintptr_t addr, struct page *part)
{
    struct world *world = c->vma->vm_mm->world;
    struct page *page = page_of_pte(world, *pte);

    *pte = 0;
    if (!page)
        return;
    if (!((page->flags & PG_SWAPCACHE) && fault(world, F_COLLAPSE_LOSES_PART, page->stamp != 0)))
        part->stamp = page->stamp;
    if (c->vma->vm_flags & VM_LOCKED)
        munlock_page(c->vma, addr, addr + PAGE_SIZE, page);
    page_remove_rmap(world, page);
    page_unmapped(world, page);
    put_page(world, page);
}

static void replace_entries(const struct collapse *c, struct page *head)
{
    struct vma *vma = c->vma;
    struct mm *mm = vma->vm_mm;
    const bool writable = vma->vm_flags & VM_WRITE;
    pte_t *pte = pte_find(mm, c->addr);

    for (unsigned i = 0; i < HPAGE_PAGES; i++) {
        step(mm->world);
        copy_entry(c, pte + i, c->addr + i * PAGE_SIZE, head + i);
    }
    pgtable_take_out(mm, c->pmd);
    huge_add_rmap(head, vma, c->addr, true);
    if (!fault(mm->world, F_COLLAPSE_KEEPS_RSS, c->missing > 0))
        rss_add(mm, MM_ANONPAGES, c->missing);
    *c->pmd = pte_of_page(head, PTE_PRESENT | PTE_YOUNG | PTE_DIRTY | PTE_OF_BLOCK |
                                    (writable ? (pte_t)PTE_WRITE : 0));
    note_ptes(mm, c->addr, c->addr + HPAGE_SIZE);
    note_page(mm->world, head);
}

/* 0, also if it is huge already. *goes_on: the next block may be another matter. */
static int collapse_block(struct vma *vma, uintptr_t addr, bool told, bool *goes_on)
{
    struct world *world = vma->vm_mm->world;
    struct collapse c = {.vma = vma, .addr = addr, .told = told};
    struct page *head;
    int err;

    c.pmd = pmd_find(vma->vm_mm, addr);
    *goes_on = !c.pmd; /* not where the table above is there, and has nothing for the block */
    if (!c.pmd || !*c.pmd)
        return -EINVAL;
    if (*pte_find(vma->vm_mm, addr) & PTE_HUGE)
        return 0;
    err = look_at_entries(&c);
    *goes_on = err == -EAGAIN || err == -EINVAL;
    if (err)
        return err;
    head = compound_alloc(world);
    if (!head)
        return -ENOMEM;
    if (c.swapped) {
        err = read_back(&c);
        if (!err)
            err = look_at_entries(&c);
        *goes_on = err == -EAGAIN;
    }
    if (err) {
        put_page(world, head);
        return err;
    }
    replace_entries(&c, head);
    event(world, EV_COLLAPSE);
    return 0;
}

/* Huge pages may be made here: of pages, not only by the first fault. */
static bool may_collapse(const struct vma *vma)
{
    return !vma->vm_file && vma_is_anonymous(vma) && vma->anon_vma &&
           !(vma->vm_flags & (VM_NOHUGEPAGE | VM_SPECIAL | VM_HUGETLB));
}

/* ---- because it is told to ---- */
static bool has_block(const struct vma *vma)
{
    const uintptr_t first = hpage_align(vma->vm_start);

    return first < vma->vm_end && vma->vm_end - first >= HPAGE_SIZE;
}

int madvise_collapse_vma(struct vma **pvma, uintptr_t start, uintptr_t end, const void *arg)
{
    const uintptr_t first = hpage_align(start), last = end & HPAGE_MASK;
    struct vma *vma = *pvma;
    int answer = first > last ? -EINVAL : 0;

    (void)arg;
    if (!may_collapse(vma) || !has_block(vma))
        return -EINVAL;
    for (uintptr_t addr = first; addr < last; addr += HPAGE_SIZE) {
        bool goes_on;
        const int err = collapse_block(vma, addr, true, &goes_on);

        step(vma->vm_mm->world);
        if (err) {
            event(vma->vm_mm->world, EV_COLLAPSE_REFUSED);
            answer = err;
        }
        if (err && !goes_on)
            break;
    }
    return answer;
}

/* ---- in the background ---- */
long mm_khugepaged(struct mm *mm, uintptr_t addr, size_t len)
{
    const uintptr_t end = pages_meeting(mm, &addr, len);
    struct vma *vma;
    bool unused;

    for (addr = hpage_align(addr); addr < end && end - addr >= HPAGE_SIZE; addr += HPAGE_SIZE) {
        step(mm->world);
        vma = vma_lookup(mm, addr);
        if (!vma || !may_collapse(vma) || !(vma->vm_flags & VM_HUGEPAGE) ||
            !block_is_inside(addr, vma->vm_start, vma->vm_end))
            continue;
        if (collapse_block(vma, addr, false, &unused))
            event(mm->world, EV_COLLAPSE_REFUSED);
    }
    return 0;
}
