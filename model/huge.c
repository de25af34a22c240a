/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Huge entries: one entry of level 1 maps all of a compound page. Whoever wants a part of it only
 * splits the entry, which cannot fail: the table for that is there already.
 *
 *      level 1   | huge |          level 1   | table|
 *                   |       split               |
 *      level 0    (kept)    ---->  level 0   |0|1|2| ... |511|
 *                   |                         | | |        |
 *      frames    | head ...  |     frames    |0|1|2| ... |511|   still one compound page
 */
#include "model/internal.h"

static void note_block(struct mm *mm, uintptr_t addr)
{
    note_ptes(mm, addr & HPAGE_MASK, (addr & HPAGE_MASK) + HPAGE_SIZE);
}

/* ---- split of the entry ---- */
static void split_rmap(struct world *world, struct page *head)
{
    const uint32_t exclusive = head->flags & PG_EXCLUSIVE;

    world_bug_on(world, !head->entire_mapcount);
    head->entire_mapcount--;
    head->refcount += HPAGE_PAGES - 1;
    if (fault(world, F_HUGE_SPLIT_MAPCOUNT, true))
        return;
    for (unsigned i = 0; i < HPAGE_PAGES; i++) {
        head[i].mapcount++;
        if (i && exclusive && fault(world, F_HUGE_SPLIT_LOSES_EXCLUSIVE, true))
            continue;
        head[i].flags |= exclusive;
    }
}

void huge_split_entry(struct mm *mm, uintptr_t addr, pte_t *pmd)
{
    struct world *world = mm->world;
    const pte_t huge = *pmd, flags = huge & (PTE_PRESENT | PTE_WRITE | PTE_DIRTY | PTE_YOUNG);
    struct page *head = page_of_pte(world, huge);
    pte_t *pte = pgtable_put_back(mm, pmd);

    step(world);
    for (unsigned i = 0; i < HPAGE_PAGES; i++)
        pte[i] = head ? pte_of_page(head + i, flags) : flags | PTE_SPECIAL;
    if (head) {
        split_rmap(world, head);
        note_page(world, head);
    }
    note_block(mm, addr);
    event(world, EV_HUGE_SPLIT_ENTRY);
}

static void split_at(struct vma *vma, uintptr_t addr)
{
    pte_t *pmd;

    if (!(addr & ~HPAGE_MASK) || addr <= vma->vm_start || addr >= vma->vm_end)
        return;
    pmd = pte_find(vma->vm_mm, addr);
    if (pmd && (*pmd & PTE_HUGE))
        huge_split_entry(vma->vm_mm, addr, pmd);
}

void huge_split_bounds(struct vma *vma, uintptr_t start, uintptr_t end)
{
    split_at(vma, start);
    split_at(vma, end);
}

/* ---- faults ---- */
enum { DONE, SMALL }; /* what a fault comes to, if it is no error */

static bool takes_huge_page(const struct vma *vma, uintptr_t addr)
{
    const uint64_t deciding = VM_HUGEPAGE | VM_NOHUGEPAGE | VM_SPECIAL | VM_HUGETLB;

    return (vma->vm_flags & deciding) == VM_HUGEPAGE && !vma->vm_file && vma_is_anonymous(vma) &&
           block_is_inside(addr, vma->vm_start, vma->vm_end);
}

/* What a write or read makes of the entry of a page of one's own. */
static pte_t own_flags(const struct vma *vma, bool write)
{
    const pte_t written = PTE_DIRTY | (vma->vm_flags & VM_WRITE ? (pte_t)PTE_WRITE : 0);

    return PTE_PRESENT | PTE_YOUNG | PTE_OF_BLOCK | (write ? written : 0);
}

/* The page, which nobody has yet, is this VMA's. */
static void map_own_page(struct vma *vma, uintptr_t addr, pte_t *pmd, struct page *head)
{
    huge_add_rmap(head, vma, addr, true);
    rss_add(vma->vm_mm, MM_ANONPAGES, HPAGE_PAGES);
    *pmd = pte_of_page(head, own_flags(vma, true));
    note_block(vma->vm_mm, addr);
}

static int map_zeroes(struct vma *vma, uintptr_t addr, pte_t *pmd)
{
    struct mm *mm = vma->vm_mm;

    if (pgtable_deposit(mm))
        return -ENOMEM;
    *pmd = own_flags(vma, false) | PTE_SPECIAL;
    note_block(mm, addr);
    event(mm->world, EV_HUGE_ZERO);
    return DONE;
}

/* What a read needs an anon_vma for: see docs/semantics.md. */
int huge_first_fault(struct vma *vma, uintptr_t addr, unsigned fault_flags)
{
    struct mm *mm = vma->vm_mm;
    struct page *head;
    pte_t *pmd;

    if (!takes_huge_page(vma, addr))
        return SMALL;
    pmd = pmd_alloc(mm, addr);
    if (!pmd || anon_vma_prepare(vma))
        return -ENOMEM;
    if (*pmd || (vma->vm_flags & VM_UFFD_MISSING))
        return SMALL;
    if (!(fault_flags & FAULT_WRITE))
        return map_zeroes(vma, addr, pmd);
    head = compound_alloc(mm->world);
    if (!head) {
        event(mm->world, EV_HUGE_FALLBACK);
        return SMALL;
    }
    if (pgtable_deposit(mm)) {
        put_page(mm->world, head);
        return -ENOMEM;
    }
    map_own_page(vma, addr, pmd, head);
    event(mm->world, EV_HUGE_FAULT);
    return DONE;
}

static int split_and_go_on(struct mm *mm, uintptr_t addr, pte_t *pmd)
{
    huge_split_entry(mm, addr, pmd);
    return SMALL;
}

static bool nobody_else_has(struct world *world, const struct page *head)
{
    bool mine =
        head->refcount == 1 || (rules_have_exclusive(world) && (head->flags & PG_EXCLUSIVE));

    if (fault(world, F_HUGE_COW_REUSE_SHARED, !mine && head->entire_mapcount == 1))
        mine = mine || head->entire_mapcount == 1;
    return mine;
}

static void take_over(struct vma *vma, uintptr_t addr, pte_t *pmd, struct page *head, bool write)
{
    struct world *world = vma->vm_mm->world;

    if (rules_have_exclusive(world) && !(head->flags & PG_EXCLUSIVE)) {
        head->flags |= PG_EXCLUSIVE;
        head->mapping = (uintptr_t)vma->anon_vma | PAGE_MAPPING_ANON;
        note_page(world, head);
    }
    *pmd |= own_flags(vma, write);
    note_block(vma->vm_mm, addr);
    event(world, EV_HUGE_COW_REUSE);
}

static void drop_huge_page(struct mm *mm, pte_t pte, struct page *head)
{
    struct world *world = mm->world;

    if (pte & PTE_DIRTY)
        head->flags |= PG_DIRTY;
    rss_add(mm, MM_ANONPAGES, fault(world, F_HUGE_ZAP_RSS, true) ? -1 : -(int64_t)HPAGE_PAGES);
    huge_remove_rmap(head);
    put_page(world, head);
}

/* 512 pages at once: of another page, or of the one of zeroes (NULL). Until they were made
 * from the one of zeroes again, not if the VMA does not take huge pages any more. */
static int copy_huge_page(struct vma *vma, uintptr_t addr, pte_t *pmd, struct page *old)
{
    struct mm *mm = vma->vm_mm;
    const bool wanted = mm_rules(mm) >= RULES_LINUX_6_18 || takes_huge_page(vma, addr);
    struct page *head = wanted ? compound_alloc(mm->world) : NULL;

    if (!head) {
        event(mm->world, EV_HUGE_FALLBACK);
        return split_and_go_on(mm, addr, pmd);
    }
    if (old) {
        for (unsigned i = 0; i < HPAGE_PAGES; i++)
            head[i].stamp = old[i].stamp;
        if (vma->vm_flags & VM_LOCKED)
            munlock_page(vma, addr & HPAGE_MASK, (addr & HPAGE_MASK) + HPAGE_SIZE, old);
        drop_huge_page(mm, *pmd, old);
    }
    map_own_page(vma, addr, pmd, head);
    event(mm->world, EV_HUGE_COW_COPY);
    return DONE;
}

/* The entry is read-only, and that is not enough. */
static int wp_fault(struct vma *vma, uintptr_t addr, pte_t *pmd, bool write)
{
    struct world *world = vma->vm_mm->world;
    const enum rules rules = world->config.rules;
    struct page *head = page_of_pte(world, *pmd);

    if (!head && !write)
        return DONE; /* zeroes stay what they are */
    if (!head && (rules < RULES_LINUX_5_10 || rules >= RULES_LINUX_6_18))
        return copy_huge_page(vma, addr, pmd, NULL);
    if (head && nobody_else_has(world, head)) {
        take_over(vma, addr, pmd, head, write);
        return DONE;
    }
    if (head && rules < RULES_LINUX_5_10)
        return copy_huge_page(vma, addr, pmd, head);
    return split_and_go_on(vma->vm_mm, addr, pmd);
}

int huge_fault(struct vma *vma, uintptr_t addr, pte_t *pmd, unsigned fault_flags)
{
    const bool write = fault_flags & FAULT_WRITE;
    const pte_t touched = *pmd | PTE_YOUNG | (write ? (pte_t)PTE_DIRTY : 0);

    if ((fault_flags & (FAULT_WRITE | FAULT_UNSHARE)) && !(*pmd & PTE_WRITE))
        return wp_fault(vma, addr, pmd, write);
    if (touched != *pmd) {
        *pmd = touched;
        note_block(vma->vm_mm, addr);
    }
    event(vma->vm_mm->world, EV_FAULT_SPURIOUS);
    return DONE;
}

/* ---- zapping ---- */
void huge_zap(struct mm *mm, pte_t *pmd)
{
    struct world *world = mm->world;
    const pte_t pte = *pmd;
    struct page *head = page_of_pte(world, pte);

    *pmd = 0;
    if (!fault(world, F_HUGE_DEPOSIT_LEAK, true))
        pgtable_withdraw(mm);
    if (head)
        drop_huge_page(mm, pte, head);
    event(world, EV_HUGE_ZAP);
}

/* ---- fork, mremap, MADV_FREE ---- */
static void share_huge_page(struct vma *dst, uintptr_t addr, pte_t *from, struct page *head)
{
    struct world *world = dst->vm_mm->world;

    if ((head->flags & PG_EXCLUSIVE) && !fault(world, F_HUGE_FORK_KEEPS_EXCLUSIVE, true))
        head->flags &= ~(uint32_t)PG_EXCLUSIVE;
    if ((*from & PTE_WRITE) && !fault(world, F_HUGE_FORK_KEEPS_WRITE, true))
        *from &= ~(pte_t)PTE_WRITE;
    get_page(head);
    huge_add_rmap(head, dst, addr, false);
    rss_add(dst->vm_mm, MM_ANONPAGES, HPAGE_PAGES);
}

int huge_copy(struct vma *dst, struct vma *src, uintptr_t addr, pte_t *from)
{
    struct mm *mm = dst->vm_mm;
    struct page *head = page_of_pte(mm->world, *from);
    pte_t *to;

    if (head && must_be_copied(mm->world, head))
        return split_and_go_on(src->vm_mm, addr, from);
    to = pmd_alloc(mm, addr);
    if (!to || pgtable_deposit(mm))
        return -ENOMEM;
    if (head)
        share_huge_page(dst, addr, from, head);
    *to = *from & ~(pte_t)(PTE_WRITE | PTE_YOUNG);
    event(mm->world, EV_HUGE_FORK);
    return DONE;
}

static bool block_is_free(struct mm *mm, uintptr_t addr)
{
    const pte_t *pmd = pmd_find(mm, addr);

    return !pmd || !*pmd;
}

int huge_move(struct mm *mm, uintptr_t from, uintptr_t end, uintptr_t to, pte_t *pmd)
{
    const bool whole = !(from & ~HPAGE_MASK) && end - from >= HPAGE_SIZE;
    const bool aligned = !(to & ~HPAGE_MASK);
    pte_t *place = NULL;

    if (whole && (aligned || fault(mm->world, F_HUGE_MREMAP_MISALIGNED, block_is_free(mm, to)))) {
        place = pmd_alloc(mm, to);
        if (!place)
            return -ENOMEM;
    }
    if (!place || *place)
        return split_and_go_on(mm, from, pmd);
    *place = *pmd;
    *pmd = 0;
    event(mm->world, EV_HUGE_MOVE);
    return DONE;
}

bool huge_split_alone(struct mm *mm, struct page *head)
{
    return head->refcount - head->pins == 1 && compound_split(mm->world, head);
}

/* A part cannot be freed lazily, so the page is split for it; shared ones stay what they are. */
bool huge_lazyfree(struct mm *mm, uintptr_t addr, uintptr_t end, pte_t *pmd)
{
    struct world *world = mm->world;
    struct page *head = page_of_pte(world, *pmd);

    if (!head || head->refcount - head->pins != 1)
        return true;
    if ((addr & ~HPAGE_MASK) || end - addr < HPAGE_SIZE)
        return !huge_split_alone(mm, head);
    head->flags &= ~(uint32_t)(PG_DIRTY | PG_SWAPBACKED);
    *pmd &= ~(pte_t)(PTE_DIRTY | PTE_YOUNG);
    note_page(world, head);
    event(world, EV_HUGE_LAZYFREE);
    return true;
}
