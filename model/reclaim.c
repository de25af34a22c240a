/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frames are taken away from their processes, behind their backs: to swap, to nowhere (lazily freed
 * memory), or to another frame. Nobody may notice (content).
 */
#include "model/rbtree.h"

/* ---- to swap ---- */
/* The entry refers to the slot instead. A page that a device works on stays where it is. */
static bool try_to_unmap_one(struct vma *vma, uintptr_t addr, pte_t *pte, struct page *page,
                             void *arg)
{
    struct mm *mm = vma->vm_mm;
    struct world *world = mm->world;
    struct swap_slot *slot = arg;
    const bool exclusive = page->flags & PG_EXCLUSIVE;
    const pte_t old = *pte;

    swap_duplicate(slot);
    *pte = pte_of_slot(world, slot, exclusive ? PTE_EXCLUSIVE : 0);
    if (exclusive && page->pins) {
        *pte = old;
        if (!fault(world, F_TTU_MISSING_SWAP_FREE, true))
            swap_free(world, slot);
        return false;
    }
    if ((old & PTE_DIRTY) &&
        !fault(world, F_SWAP_LOSES_DIRTY, !(page->flags & PG_DIRTY) && page->stamp != slot->stamp))
        page->flags |= PG_DIRTY;
    page->flags &= ~(uint32_t)PG_EXCLUSIVE;
    rss_add(mm, MM_ANONPAGES, -1);
    rss_add(mm, MM_SWAPENTS, 1);
    page_remove_rmap(world, page);
    put_page(world, page); /* the swap cache has one more */
    note_ptes(mm, addr, addr + PAGE_SIZE);
    return true;
}

/* A page of the swap cache that is not mapped is written if it has to be, and goes. */
static void write_and_free(struct world *world, struct page *page, bool keep)
{
    if (page->refcount > 1) { /* a device has it, and may still write */
        event(world, EV_RECLAIM_KEPT);
        return;
    }
    if (page->flags & PG_DIRTY) {
        swap_cache_slot(world, page)->stamp = page->stamp;
        page->flags &= ~(uint32_t)PG_DIRTY;
    }
    event(world, keep ? EV_RECLAIM_KEPT : EV_RECLAIM_FREED);
    note_page(world, page);
    if (!keep)
        swap_cache_drop(world, page);
}

static void swap_out(struct world *world, struct page *page, bool keep)
{
    if ((page->flags & PG_MLOCKED) ||
        (!(page->flags & PG_SWAPCACHE) && (page->pins || swap_cache_add(world, page)))) {
        event(world, EV_RECLAIM_REFUSED);
        return;
    }
    rmap_walk(world, page, try_to_unmap_one, swap_cache_slot(world, page));
    note_page(world, page);
    if (!page->mapcount) {
        page_unmapped(world, page);
        write_and_free(world, page, keep);
        return;
    }
    event(world, EV_RECLAIM_REFUSED); /* a device holds it */
}

/* ---- to nowhere: lazily freed neighbours, a batch at a time ---- */
/*
 *      |  a  |  b  |  c  |    entries of one VMA are taken out together; each page whose contents
 *      |     |  b  |     |    are wanted after all is put back as it was
 */
#define MAX_BATCH 16
struct lazy_batch {
    struct vma *vma;
    uintptr_t start;
    bool alone; /* nothing that is mapped elsewhere */
    unsigned n;
    pte_t saved[MAX_BATCH];
};

static bool is_lazily_freed(const struct world *world, pte_t pte, bool alone)
{
    const struct page *page = page_of_pte(world, pte);

    return page && page_is_anon(page) &&
           !(page->flags & (PG_SWAPBACKED | PG_MLOCKED | PG_HEAD | PG_TAIL)) &&
           (!alone || page->mapcount == 1);
}

static void batch_take(struct lazy_batch *batch, uintptr_t end)
{
    struct mm *mm = batch->vma->vm_mm;
    uintptr_t addr = batch->start;

    if (batch->vma->vm_end < end)
        end = batch->vma->vm_end;
    while (batch->n < MAX_BATCH) {
        pte_t *pte = pte_next(mm, &addr, end);

        step(mm->world);
        if (!pte || addr != batch->start + batch->n * PAGE_SIZE ||
            !is_lazily_freed(mm->world, *pte, batch->alone))
            break;
        batch->saved[batch->n++] = *pte;
        *pte = 0;
        addr += PAGE_SIZE;
    }
    note_ptes(mm, batch->start, batch->start + batch->n * PAGE_SIZE);
}

static bool look_one(struct vma *vma, uintptr_t addr, pte_t *pte, struct page *page, void *arg)
{
    (void)vma;
    (void)addr;
    (void)page;
    (void)arg;
    return !(*pte & PTE_DIRTY);
}

/* Has anybody written to the page since it was freed? `saved` is the entry that is taken out. */
static bool is_wanted(struct world *world, pte_t saved, struct page *page)
{
    return (page->flags & PG_DIRTY) || (saved & PTE_DIRTY) ||
           !rmap_walk(world, page, look_one, NULL);
}

/* May somebody do so, through a reference? */
static bool is_held(struct world *world, const struct page *page)
{
    return page->refcount != page->mapcount && !fault(world, F_LAZYFREE_PINNED, true);
}

static void forget_mapping(struct mm *mm, struct page *page)
{
    rss_add(mm, MM_ANONPAGES, -1);
    page_remove_rmap(mm->world, page);
    put_page(mm->world, page);
}

static bool discard_one(struct vma *vma, uintptr_t addr, pte_t *pte, struct page *page, void *arg)
{
    (void)arg;
    *pte = 0;
    forget_mapping(vma->vm_mm, page);
    note_ptes(vma->vm_mm, addr, addr + PAGE_SIZE);
    return true;
}

static void discard(struct vma *vma, struct page *page)
{
    struct world *world = vma->vm_mm->world;

    get_page(page);
    forget_mapping(vma->vm_mm, page);
    rmap_walk(world, page, discard_one, NULL);
    page_unmapped(world, page);
    note_page(world, page);
    put_page(world, page);
    event(world, EV_LAZYFREE_DISCARD);
}

/* Does a write through the entry do harm? */
static bool is_shared(const struct world *world, const struct page *page)
{
    return page->refcount > 1 || (rules_have_exclusive(world) && !(page->flags & PG_EXCLUSIVE));
}

/* If the page is wanted, it is swapped out like others from now on. */
static pte_t undo_discard(struct world *world, const struct lazy_batch *batch, unsigned i,
                          struct page *page, bool wanted)
{
    pte_t pte = batch->saved[i];

    if ((batch->saved[0] & PTE_WRITE) &&
        fault(world, F_LAZYFREE_RESTORE_WRITABLE, !(pte & PTE_WRITE) && is_shared(world, page)))
        pte |= PTE_WRITE;
    if (wanted)
        page->flags |= PG_SWAPBACKED | PG_DIRTY;
    note_page(world, page);
    event(world, EV_LAZYFREE_RESTORE);
    return pte;
}

/* Returns where the batch ends. */
static uintptr_t reclaim_lazily_freed(struct mm *mm, uintptr_t addr, uintptr_t end, bool alone)
{
    struct world *world = mm->world;
    struct lazy_batch batch = {.vma = vma_lookup(mm, addr), .start = addr, .alone = alone};

    world_bug_on(world, !batch.vma);
    batch_take(&batch, end);
    for (unsigned i = 0; i < batch.n; i++, addr += PAGE_SIZE) {
        struct page *page = page_of_pte(world, batch.saved[i]);
        const bool wanted = is_wanted(world, batch.saved[i], page);

        step(world);
        if (!wanted && !is_held(world, page))
            discard(batch.vma, page);
        else /* until 5.10 who holds it counts as one who has written */
            *pte_find(mm, addr) =
                undo_discard(world, &batch, i, page, wanted || !rules_have_exclusive(world));
    }
    return addr;
}

void reclaim_freed_range(struct vma *vma, uintptr_t start, uintptr_t end)
{
    struct mm *mm = vma->vm_mm;

    for (pte_t *pte; (pte = pte_next(mm, &start, end));) {
        step(mm->world);
        if (is_lazily_freed(mm->world, *pte, true))
            start = reclaim_lazily_freed(mm, start, end, true);
        else
            start += PAGE_SIZE;
    }
}

/* ---- reclaim ---- */
/* What the entry leads to, if that is in the swap cache only and just writing is left to do. */
static struct page *unmapped_page(const struct world *world, pte_t pte)
{
    struct page *page = pte & PTE_SWAP ? slot_of_pte(world, pte)->page : NULL;

    return page && !page->mapcount ? page : NULL;
}

long mm_reclaim(struct mm *mm, uintptr_t addr, size_t len, bool keep)
{
    struct world *world = mm->world;
    const uintptr_t end = pages_meeting(mm, &addr, len);

    for (pte_t *pte; (pte = pte_next(mm, &addr, end));) {
        struct page *page = page_of_pte(world, *pte), *unmapped = unmapped_page(world, *pte);

        step(world);
        if (is_lazily_freed(world, *pte, false)) {
            addr = reclaim_lazily_freed(mm, addr, end, false);
            continue;
        }
        if (page && unlikely(page_is_compound(page))) {
            if (!(compound_head(page)->flags & PG_MLOCKED) && compound_split(world, page))
                continue; /* its parts, one by one */
            event(world, EV_RECLAIM_REFUSED);
        } else if (page && page_is_anon(page)) {
            swap_out(world, page, keep);
        } else if (unmapped) {
            write_and_free(world, unmapped, keep);
        }
        addr = pte_end(*pte, addr);
    }
    return 0;
}

/* ---- what somebody else has chosen ---- */
/* Who has freed lazily what another still wants may lose it alone. */
static void forget_freed(struct vma *vma, uintptr_t addr, pte_t *pte, struct page *page)
{
    struct world *world = vma->vm_mm->world;

    if ((*pte & PTE_DIRTY) || (page->flags & (PG_DIRTY | PG_MLOCKED)) || is_held(world, page))
        return;
    *pte = 0;
    get_page(page);
    forget_mapping(vma->vm_mm, page);
    note_ptes(vma->vm_mm, addr, addr + PAGE_SIZE);
    if (!page->mapcount) {
        page_unmapped(world, page);
        event(world, EV_LAZYFREE_DISCARD);
    }
    note_page(world, page);
    put_page(world, page);
}

/* The entry is gone, and no other is in its place. */
static void reclaim_to_nowhere(struct vma *vma, uintptr_t addr, pte_t *pte, struct page *page)
{
    if (!page_is_anon(page))
        zap_page_range(vma, addr, addr + PAGE_SIZE, false);
    else if (!(page->flags & PG_SWAPBACKED))
        forget_freed(vma, addr, pte, page);
}

/* What is wanted though it was freed goes to swap at the second attempt. */
static void reclaim_to_swap(struct mm *mm, uintptr_t addr, const struct page *page)
{
    const bool freed = !(page->flags & PG_SWAPBACKED);

    mm_reclaim(mm, addr, PAGE_SIZE, false);
    if (freed && (*pte_find(mm, addr) & PTE_PRESENT))
        mm_reclaim(mm, addr, PAGE_SIZE, false);
}

static void reclaim_chosen(struct vma *vma, uintptr_t addr, enum reclaimed what)
{
    struct mm *mm = vma->vm_mm;
    pte_t *pte = pte_find(mm, addr);
    struct page *page = page_of_pte(mm->world, *pte);

    if (!page || page_is_compound(page))
        return;
    if (what == RECLAIMED_NONE)
        reclaim_to_nowhere(vma, addr, pte, page);
    else if (page_is_anon(page) && what == RECLAIMED_SWAP)
        reclaim_to_swap(mm, addr, page);
    else if (page_is_anon(page) && !(page->flags & PG_SWAPBACKED))
        mm_reclaim(mm, addr, PAGE_SIZE, false);
}

struct chosen {
    reclaim_choice *choice;
    void *arg;
    bool lost; /* those of which nothing is left; false: the others */
    uint32_t gone;
};

static void reclaim_vma(struct vma *vma, unsigned proc, struct chosen *chosen)
{
    uintptr_t addr = vma->vm_start;

    for (pte_t *pte; (pte = pte_next(vma->vm_mm, &addr, vma->vm_end)); addr = pte_end(*pte, addr)) {
        enum reclaimed what = RECLAIMED_NOT;

        step(vma->vm_mm->world);
        if (*pte & PTE_PRESENT)
            what = chosen->choice(chosen->arg, proc, addr);
        if (what == RECLAIMED_NOT || chosen->lost != (what == RECLAIMED_NONE))
            continue;
        reclaim_chosen(vma, addr, what);
        chosen->gone += !(*pte & PTE_PRESENT);
    }
}

/* First what is lost: what is kept for one makes the page like others for all. */
uint32_t world_reclaim(struct world *world, reclaim_choice *choice, void *arg)
{
    struct chosen chosen = {.choice = choice, .arg = arg};

    for (unsigned pass = 0; pass < 2; pass++) {
        chosen.lost = pass == 0;
        for (unsigned proc = 0; proc < world->nr_procs; proc++)
            for (struct vma *vma = world->proc[proc] ? world->proc[proc]->mmap : NULL; vma;
                 vma = vma->vm_next)
                reclaim_vma(vma, proc, &chosen);
    }
    return chosen.gone;
}

/* ---- to another frame ---- */
struct migration {
    struct page *to;     /* the copy; the page itself if it could not be moved */
    unsigned nr_entries; /* that wait for it */
};

static bool migrate_out_one(struct vma *vma, uintptr_t addr, pte_t *pte, struct page *page,
                            void *arg)
{
    struct world *world = vma->vm_mm->world;
    struct migration *migration = arg;
    const bool exclusive = page->flags & PG_EXCLUSIVE;

    if (exclusive && page->pins)
        return false;
    if (*pte & PTE_DIRTY)
        page->flags |= PG_DIRTY;
    page->flags &= ~(uint32_t)PG_EXCLUSIVE;
    *pte = pte_of_page(page, (*pte & (PTE_WRITE | PTE_YOUNG)) | PTE_MIGRATION |
                                 (exclusive ? PTE_EXCLUSIVE : 0));
    migration->nr_entries++;
    page_remove_rmap(world, page);
    put_page(world, page);
    note_ptes(vma->vm_mm, addr, addr + PAGE_SIZE);
    return true;
}

static bool migrate_in_one(struct vma *vma, uintptr_t addr, pte_t *pte, struct page *page,
                           void *arg)
{
    struct world *world = vma->vm_mm->world;
    struct migration *migration = arg;
    struct page *to = migration->to;

    if (!(*pte & PTE_MIGRATION)) /* refused before it was reached */
        return true;
    get_page(to);
    if (page_is_anon(page))
        page_add_anon_rmap(to, vma, addr, *pte & PTE_EXCLUSIVE);
    else
        page_add_file_rmap(to, vma);
    *pte = pte_of_page(to, (*pte & (PTE_WRITE | PTE_YOUNG)) | PTE_PRESENT);
    migration->nr_entries--;
    return !migration->nr_entries || !fault(world, F_WALK_STOPS_EARLY, true);
}

/* References of the cache that the page is in: that of its file, or the swap cache. */
static bool is_cached(const struct page *page)
{
    return !page_is_anon(page) || (page->flags & PG_SWAPCACHE);
}

/* The copy takes over all but the entries, which follow one by one. */
static void replace_page(struct world *world, struct page *page, struct page *copy)
{
    copy->stamp = page->stamp;
    copy->mapping = page->mapping;
    copy->index = page->index;
    copy->flags = page->flags;
    if (unlikely(page_ksm_node(page)))
        page_ksm_node(page)->page = copy;
    if (!is_cached(page))
        return;
    if (page->flags & PG_SWAPCACHE) {
        copy->swap = page->swap;
        swap_cache_slot(world, page)->page = copy;
        page->flags &= ~(uint32_t)PG_SWAPCACHE;
    } else {
        rb_replace_node(&page_file_mapping(page)->pages, &page->rb, &copy->rb);
    }
    get_page(copy);
    put_page(world, page);
}

static void migrate_page(struct world *world, struct page *page)
{
    struct page *copy = page_alloc(world, 0);
    struct migration migration = {.to = page};

    if (!copy) {
        event(world, EV_MIGRATE_REFUSED);
        return;
    }
    get_page(page);
    rmap_walk(world, page, migrate_out_one, &migration);
    if (!page->mapcount && page->refcount == 1U + is_cached(page)) {
        migration.to = copy;
        replace_page(world, page, copy);
    }
    rmap_walk(world, page, migrate_in_one, &migration);
    event(world, migration.to == copy ? EV_MIGRATE : EV_MIGRATE_REFUSED);
    note_page(world, migration.to);
    put_page(world, page);
    put_page(world, copy);
}

long mm_migrate(struct mm *mm, uintptr_t addr, size_t len)
{
    const uintptr_t end = pages_meeting(mm, &addr, len);

    for (pte_t *pte; (pte = pte_next(mm, &addr, end));) {
        struct page *page = page_of_pte(mm->world, *pte);

        step(mm->world);
        if (page && unlikely(page_is_compound(page))) {
            if (compound_split(mm->world, page))
                continue; /* its parts, one by one */
            event(mm->world, EV_MIGRATE_REFUSED);
        } else if (page) {
            migrate_page(mm->world, page);
        }
        addr = pte_end(*pte, addr);
    }
    return 0;
}
