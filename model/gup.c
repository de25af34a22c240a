/* SPDX-License-Identifier: GPL-2.0-only */
/* Frames in the hands of devices, and the writes of debuggers. */
#include "model/internal.h"

/* ---- pins ---- */
/* Since 6.1 what a device reads stays what the process sees: a shared page is copied first. Before,
 * it gets what is there, and a later copy-on-write may leave it behind. */
unsigned pin_fault_flags(const struct mm *mm, bool write)
{
    if (write)
        return FAULT_WRITE | FAULT_FOLLOW;
    return rules_have_exclusive(mm->world) ? FAULT_UNSHARE : 0;
}

/* What may be written is pinned as it is: the entry does not even become dirty. */
static bool is_writable(pte_t pte)
{
    return (pte & (PTE_PRESENT | PTE_WRITE)) == (PTE_PRESENT | PTE_WRITE);
}

long mm_pin(struct mm *mm, unsigned n, uintptr_t addr, bool write)
{
    struct world *world = mm->world;
    struct page *page;
    struct vma *vma;
    int err;

    if (mm_rules(mm) < RULES_LINUX_5_10)
        return -EOPNOTSUPP;
    if (n >= MAX_PINS)
        return -EINVAL;
    if (world->pin[n].used)
        return -EBUSY;
    addr &= PAGE_MASK;
    err = access_vma(mm, addr, write ? PROT_WRITE : PROT_READ, true, &vma);
    if (!err && !(write && is_writable(mm_pte(mm, addr))))
        err = handle_mm_fault(vma, addr, pin_fault_flags(mm, write));
    if (err)
        return err;
    page = page_of_pte(world, mm_pte(mm, addr));
    world->pin[n] = (struct pin){.used = true, .write = write, .page = page};
    if (page) {
        get_page(page);
        compound_head(page)->pins++;
        note_page(world, page);
    }
    event(world, EV_PIN);
    return 0;
}

static struct pin *pin_in_use(struct world *world, unsigned n)
{
    return n < MAX_PINS && world->pin[n].used ? &world->pin[n] : NULL;
}

/* Only now is a page known to have been written: until then the pin itself kept it. */
long world_unpin(struct world *world, unsigned n)
{
    struct pin *pin = pin_in_use(world, n);
    struct page *page;

    if (!pin)
        return -EBADF;
    page = pin->page;
    if (page) {
        compound_head(page)->pins--;
        if (pin->write)
            compound_head(page)->flags |= PG_DIRTY;
        note_page(world, page);
        put_page(world, page);
    }
    *pin = (struct pin){.used = false};
    return 0;
}

long world_device_read(struct world *world, unsigned n)
{
    const struct pin *pin = pin_in_use(world, n);

    if (!pin)
        return -EBADF;
    return pin->page ? (long)pin->page->stamp : 0;
}

static bool note_contents(struct vma *vma, uintptr_t addr, pte_t *pte, struct page *page, void *arg)
{
    (void)pte;
    (void)page;
    (void)arg;
    note_ptes(vma->vm_mm, addr, addr + PAGE_SIZE);
    return true;
}

long world_device_write(struct world *world, unsigned n, uint64_t stamp)
{
    const struct pin *pin = pin_in_use(world, n);
    struct page *page;

    if (!pin)
        return -EBADF;
    if (!pin->write)
        return -EACCES;
    page = pin->page;
    if (!page)
        return 0;
    page->stamp = stamp;
    note_page(world, page);
    if (page_mapcount(world, page))
        rmap_walk(world, page, note_contents, NULL);
    return 0;
}

/* ---- forced writes ---- */
/* The second look: may the write go where this entry leads? Where the VMA may not be written the
 * entry does not say so, and the page has to be the process' own. */
static bool may_be_written(const struct vma *vma, pte_t pte, const struct page *page)
{
    if (!page)
        return false;
    if (vma->vm_flags & VM_WRITE)
        return pte & PTE_WRITE;
    if (pte & PTE_HUGE)
        page = page_head(vma->vm_mm->world, page);
    return page_is_anon(page) &&
           (!rules_have_exclusive(vma->vm_mm->world) || (page->flags & PG_EXCLUSIVE));
}

/* Then nobody faults, and a clean entry stays clean. Only 6.1 looks at that, see leave_clean(). */
static bool needs_no_fault(const struct vma *vma, uintptr_t addr)
{
    const struct mm *mm = vma->vm_mm;
    const pte_t pte = mm_pte(mm, addr);

    return mm_rules(mm) == RULES_LINUX_6_1 && !(vma->vm_flags & VM_WRITE) &&
           may_be_written(vma, pte, page_of_pte(mm->world, pte));
}

static void write_by_force(struct mm *mm, uintptr_t addr, struct page *page, uint64_t stamp)
{
    const bool clean = mm_rules(mm) == RULES_LINUX_6_1 && page_is_anon(page);

    page->stamp = stamp;
    *pte_find(mm, addr) |= PTE_YOUNG | (clean ? 0 : (pte_t)PTE_DIRTY);
    if (page_is_anon(page))
        compound_head(page)->flags |= PG_DIRTY;
    note_page(mm->world, page);
    note_ptes(mm, addr, addr + PAGE_SIZE);
}

long mm_force_write(struct mm *mm, uintptr_t addr, uint64_t stamp, bool race)
{
    unsigned wanted = FAULT_WRITE | FAULT_FORCE | FAULT_FOLLOW;
    struct vma *vma;
    int err;

    addr &= PAGE_MASK;
    err = access_vma(mm, addr, ACCESS_FORCE, true, &vma);
    while (!err) {
        struct page *page;
        pte_t pte;

        step(mm->world);
        err = needs_no_fault(vma, addr) ? 0 : handle_mm_fault(vma, addr, wanted);
        if (err || (vma->vm_flags & VM_HUGETLB)) /* no frames */
            return err;
        if (race) /* where it is refused, the page stays */
            mm_madvise(mm, addr, PAGE_SIZE, MADV_DONTNEED);
        race = false;
        pte = mm_pte(mm, addr);
        page = page_of_pte(mm->world, pte);
        if (may_be_written(vma, pte, page) || (page && !wanted)) {
            write_by_force(mm, addr, page, stamp);
            return 0;
        }
        if (!wanted) /* the page of zeroes swallows it */
            return 0;
        if (!(vma->vm_flags & VM_WRITE) && fault(mm->world, F_DIRTY_COW, true))
            wanted = 0;
    }
    return err;
}
