/* SPDX-License-Identifier: GPL-2.0-only */
/* Pages come with faults, and go with zapping. */
#include "model/internal.h"

/* One fault: where, what for, and the entry for it. */
struct page_fault {
    struct world *world;
    struct mm *mm;
    struct vma *vma;
    uintptr_t addr;
    unsigned flags; /* enum fault_flags */
    pte_t *pte;
};

static inline void set_pte(const struct page_fault *f, pte_t pte)
{
    *f->pte = pte;
    note_ptes(f->mm, f->addr, f->addr + PAGE_SIZE);
}

/* What the entry of a page of one's own allows, which only a write makes use of at once. */
static inline uint64_t own_flags(const struct page_fault *f, bool write)
{
    const bool writable = write && (f->vma->vm_flags & VM_WRITE);

    return PTE_PRESENT | PTE_YOUNG | (writable ? (uint64_t)PTE_WRITE : 0);
}

/* Of a compound page that is mapped by parts, the one that goes is the head. */
static inline bool is_first_part(const struct page *page)
{
    return unlikely(page->flags & PG_HEAD) && !page->mapcount && !page->entire_mapcount;
}

/* The entry does not show the page any more. What it knows about the page of a file is not lost; an
 * anonymous one, if others have it, is dirty for them, too. */
void drop_page(struct mm *mm, pte_t pte, struct page *page)
{
    struct world *world = mm->world;

    if ((pte & PTE_DIRTY) && !page_is_anon(page))
        page->flags |= PG_DIRTY;
    rss_add(mm, page_rss_kind(page), -1);
    if (!(page->refcount > 1 && fault(world, F_ZAP_KEEPS_MAPCOUNT, true)))
        page_remove_rmap(world, page);
    page_unmapped(world, page);
    if (is_first_part(page) && fault(world, F_HUGE_PARTIAL_FREE, page->refcount > 1))
        page->refcount = 1;
    put_page(world, page);
}

/* A new page with these contents, in place of the old one, if there is one. */
static int make_own_page(const struct page_fault *f, struct page *old, uint64_t stamp)
{
    struct page *page;

    if (anon_vma_prepare(f->vma))
        return -ENOMEM;
    page = page_alloc(f->world, stamp);
    if (!page)
        return -ENOMEM;
    if (old) {
        if (unlikely(f->vma->vm_flags & VM_LOCKED))
            munlock_page(f->vma, f->addr, f->addr + PAGE_SIZE, old);
        drop_page(f->mm, *f->pte, old);
    }
    page_add_anon_rmap(page, f->vma, f->addr, true);
    rss_add(f->mm, MM_ANONPAGES, 1);
    set_pte(f, pte_of_page(page, own_flags(f, f->flags & FAULT_WRITE) | PTE_DIRTY));
    return 0;
}

/* ---- nothing there yet ---- */
/* Who writes where nobody may write, and who unshares, gets an entry that is not dirty. Only 6.1
 * looks at that, when the memory becomes writable. */
static void leave_clean(const struct page_fault *f)
{
    if (f->world->config.rules != RULES_LINUX_6_1)
        return;
    compound_head(page_of_pte(f->world, *f->pte))->flags |= PG_DIRTY;
    *f->pte &= ~(pte_t)PTE_DIRTY;
}

static int anon_fault(const struct page_fault *f)
{
    int err;

    if (!(f->flags & FAULT_WRITE)) {
        set_pte(f, PTE_PRESENT | PTE_SPECIAL | PTE_YOUNG);
        event(f->world, EV_FAULT_ZERO);
        return 0;
    }
    event(f->world, EV_FAULT_ANON);
    err = make_own_page(f, NULL, 0);
    if (!err && !(f->vma->vm_flags & VM_WRITE))
        leave_clean(f);
    return err;
}

static int file_fault(const struct page_fault *f)
{
    struct address_space *mapping = f->vma->vm_file->mapping;
    const uint64_t index = linear_page_index(f->vma, f->addr);
    const bool write = f->flags & FAULT_WRITE;
    struct page *page;

    if (write && !vma_is_shared(f->vma)) {
        page = page_cache_find(mapping, index);
        event(f->world, EV_FAULT_FILE_COW);
        return make_own_page(f, NULL, page ? page->stamp : 0);
    }
    page = page_cache_get(f->world, mapping, index);
    if (!page)
        return -ENOMEM;
    get_page(page);
    page_add_file_rmap(page, f->vma);
    rss_add(f->mm, page_rss_kind(page), 1);
    set_pte(f, pte_of_page(page, own_flags(f, write) | (write ? (uint64_t)PTE_DIRTY : 0)));
    event(f->world, write ? EV_FAULT_FILE_SHARED : EV_FAULT_FILE_READ);
    return 0;
}

/* ---- copy-on-write ---- */
/* A part of a page that this process alone has, as often as it may. */
static bool has_all_of_it(const struct page_fault *f, struct page *page)
{
    struct page *head = compound_head(page);

    return f->world->config.rules >= RULES_LINUX_6_18 && page_is_compound(page) &&
           page_mapcount(f->world, page) == 1 && head->refcount == compound_mapcount(head) &&
           !rmap_compound_elsewhere(f->mm, head);
}

/* May a write go to this page, because nobody else will notice? */
static bool nobody_else_has(const struct page_fault *f, struct page *page)
{
    const uint32_t swapped = page_swap_count(f->world, page);
    const uint32_t refcount = page_head(f->world, page)->refcount;
    const bool once = page_mapcount(f->world, page) + swapped == 1;
    const bool in_the_way = (page->flags & PG_SWAPCACHE) && !swapped;
    bool mine = refcount == 1;

    if (unlikely(page_ksm_node(page)))
        return fault(f->world, F_KSM_REUSED_IN_PLACE, once) && once;
    if (f->world->config.rules < RULES_LINUX_5_10)
        mine = once;
    else if (rules_have_exclusive(f->world))
        mine = (page->flags & PG_EXCLUSIVE) || refcount - in_the_way == 1 ||
               unlikely(has_all_of_it(f, page));
    if (fault(f->world, F_COW_EITHER_WAY, once && !mine))
        mine = mine || once;
    return mine;
}

/* The page becomes what it would be if this process had made it. */
static void take_over(const struct page_fault *f, struct page *page)
{
    const bool was_exclusive = page->flags & PG_EXCLUSIVE;
    uint64_t flags = own_flags(f, f->flags & FAULT_WRITE);

    if (f->flags & FAULT_WRITE)
        flags |= PTE_DIRTY;
    if (rules_have_exclusive(f->world) && !was_exclusive) {
        page->flags |= PG_EXCLUSIVE;
        /* 6.18 looks at all entries of a compound page, and leaves it where it is */
        if (!page_is_compound(page) || f->world->config.rules < RULES_LINUX_6_18)
            compound_head(page)->mapping = (uintptr_t)f->vma->anon_vma | PAGE_MAPPING_ANON;
    }
    if (!was_exclusive)
        try_to_free_swap(f->world, page);
    set_pte(f, *f->pte | flags);
    event(f->world, EV_COW_REUSE);
}

static int copy_page(const struct page_fault *f, struct page *page)
{
    const bool unshare = !(f->flags & FAULT_WRITE);
    uint64_t stamp = page->stamp;
    int err;

    if (unshare && fault(f->world, F_COW_NO_COPY, stamp != 0))
        stamp = 0;
    err = make_own_page(f, page, stamp);
    if (!err && unshare)
        leave_clean(f);
    if (!err)
        event(f->world, unshare ? EV_COW_UNSHARE : EV_COW_COPY);
    return err;
}

/* The entry is read-only, and that is not enough. */
static int wp_fault(const struct page_fault *f)
{
    struct page *page = page_of_pte(f->world, *f->pte);
    const bool write = f->flags & FAULT_WRITE;

    if (!write && (!page || !page_is_anon(page)))
        return 0; /* zeroes and files stay what they are: nobody's own */
    if (!page) {
        event(f->world, EV_COW_ZERO);
        return make_own_page(f, NULL, 0);
    }
    if (page_is_anon(page) && nobody_else_has(f, page)) {
        take_over(f, page);
        return 0;
    }
    if (!page_is_anon(page) && vma_is_shared(f->vma)) {
        set_pte(f, *f->pte | own_flags(f, true) | PTE_DIRTY);
        event(f->world, EV_FAULT_FILE_SHARED);
        return 0;
    }
    return copy_page(f, page);
}

/* ---- swapped out ---- */
/* The page is mapped as it is; if others have it too, a write is then a matter of copy-on-write. */
static int swap_fault(const struct page_fault *f)
{
    const pte_t entry = *f->pte;
    const bool write = f->flags & FAULT_WRITE;
    struct swap_slot *slot = slot_of_pte(f->world, entry);
    const bool locked = f->vma->vm_flags & VM_LOCKED;
    /* read past the swap cache, or taken out of it */
    const bool alone =
        slot->count == 1 && (!slot->page || ((write || locked) && slot->page->refcount == 1));
    bool exclusive = (entry & PTE_EXCLUSIVE) || alone, copied;
    struct page *page = swap_read(f->vma, f->addr, slot, &copied);

    if (!page)
        return -ENOMEM;
    if (!rules_have_exclusive(f->world))
        exclusive = write && page->mapcount + slot->count == 1 && !page->pins;
    exclusive |= copied;
    map_swapped_page(f->vma, f->addr, f->pte, page, exclusive,
                     own_flags(f, exclusive) | (exclusive && write ? (uint64_t)PTE_DIRTY : 0));
    if (locked || (page->flags & PG_MLOCKED))
        try_to_free_swap(f->world, page);
    if (!exclusive)
        return f->flags & (FAULT_WRITE | FAULT_UNSHARE) ? wp_fault(f) : 0;
    event(f->world, EV_SWAPIN_EXCLUSIVE);
    if (write)
        try_to_free_swap(f->world, page);
    return 0;
}

/* ---- any fault ---- */
/* Nobody faults, and it is the page that gets dirty. Only 6.1 looks, see leave_clean(). */
static bool is_followed(const struct page_fault *f, struct page *page)
{
    return f->world->config.rules == RULES_LINUX_6_1 && (f->flags & FAULT_FOLLOW) && page &&
           page_is_anon(page);
}

/* All that the processor itself would do. */
static int touch(const struct page_fault *f)
{
    struct page *page = page_of_pte(f->world, *f->pte);
    const bool write = f->flags & FAULT_WRITE, followed = write && is_followed(f, page);
    const pte_t pte = *f->pte | PTE_YOUNG | (write && !followed ? (pte_t)PTE_DIRTY : 0);

    if (followed)
        compound_head(page)->flags |= PG_DIRTY;
    if (pte != *f->pte)
        set_pte(f, pte);
    event(f->world, EV_FAULT_SPURIOUS);
    return 0;
}

int handle_mm_fault(struct vma *vma, uintptr_t addr, unsigned fault_flags)
{
    struct mm *mm = vma->vm_mm;
    struct page_fault f = {mm->world, mm, vma, addr & PAGE_MASK, fault_flags, NULL};
    int err;

    if (vma->vm_flags & (VM_IO | VM_PFNMAP))
        return 0;
    if (vma_is_beyond_file(vma, addr))
        return -ENXIO;
    if (vma->vm_flags & VM_HUGETLB)
        return 0;
    if (unlikely(vma->vm_flags & VM_HUGEPAGE)) {
        err = huge_first_fault(vma, addr, fault_flags);
        if (err <= 0)
            return err;
    }
    f.pte = pte_alloc(mm, addr);
    if (!f.pte)
        return -ENOMEM;
    if (unlikely(*f.pte & PTE_HUGE)) {
        err = huge_fault(vma, addr, f.pte, fault_flags);
        if (err <= 0)
            return err;
        f.pte = pte_find(mm, addr);
    }
    if (!*f.pte)
        return vma->vm_file ? file_fault(&f) : anon_fault(&f);
    if (*f.pte & PTE_SWAP)
        return swap_fault(&f);
    world_bug_on(f.world, !(*f.pte & PTE_PRESENT));
    if ((fault_flags & (FAULT_WRITE | FAULT_UNSHARE)) && !(*f.pte & PTE_WRITE))
        return wp_fault(&f);
    return touch(&f);
}

/* ---- populating ---- */
int populate_vma_range(struct vma *vma, uintptr_t start, uintptr_t end)
{
    const bool write = vma_takes_own_pages(vma);
    int err = 0;

    if (vma->vm_flags & VM_LOCKONFAULT)
        return 0; /* whoever asks: its pages come when they are touched */
    if (!(vma->vm_flags & VM_ACCESS_FLAGS) || !vma_has_frames(vma))
        return -EFAULT;
    if (write) /* even if all of it lies beyond the end of the file */
        err = anon_vma_prepare(vma);
    for (uintptr_t addr = start; addr < end && !err; addr += PAGE_SIZE) {
        step(vma->vm_mm->world);
        err = handle_mm_fault(vma, addr, write ? FAULT_WRITE | FAULT_FOLLOW : 0);
    }
    return err;
}

int populate_locked(struct vma *vma, uintptr_t start, uintptr_t end)
{
    if ((vma->vm_flags & VM_LOCKED_MASK) != VM_LOCKED)
        return 0;
    return populate_vma_range(vma, start, end);
}

/* ---- zapping ---- */
static bool zap_pte(struct mm *mm, pte_t *ptep, bool even_cows)
{
    struct world *world = mm->world;
    const pte_t pte = *ptep;
    struct page *page = pte & PTE_PRESENT ? page_of_pte(world, pte) : NULL;

    if (!even_cows && (!page || page_is_anon(page)))
        return false;
    *ptep = 0;
    if (pte & PTE_SWAP) {
        swap_free(world, slot_of_pte(world, pte));
        if (!fault(world, F_ZAP_SWAP_RSS, true))
            rss_add(mm, MM_SWAPENTS, -1);
        event(world, EV_ZAP_SWAP);
        return true;
    }
    if (page)
        drop_page(mm, pte, page);
    event(world, EV_ZAP_PRESENT);
    return true;
}

void zap_page_range(struct vma *vma, uintptr_t start, uintptr_t end, bool even_cows)
{
    struct mm *mm = vma->vm_mm;
    uintptr_t addr = start, next, first = 0, last = 0;

    /* pages that a file lets go of are lost to all VMAs, so nobody needs to ask the others */
    if (unlikely(vma->vm_flags & VM_LOCKED) && even_cows)
        munlock_vma_pages(vma, start, end);
    for (pte_t *pte; (pte = pte_next(mm, &addr, end)); addr = next) {
        step(mm->world);
        next = pte_end(*pte, addr);
        if (unlikely(*pte & PTE_HUGE) && !block_is_inside(addr, start, end)) {
            huge_split_entry(mm, addr, pte);
            pte = pte_find(mm, addr);
            next = addr + PAGE_SIZE;
        }
        if (unlikely(*pte & PTE_HUGE))
            huge_zap(mm, pte);
        else if (!zap_pte(mm, pte, even_cows))
            continue;
        if (!last)
            first = addr;
        last = next;
    }
    if (last)
        note_ptes(mm, first, last);
}
