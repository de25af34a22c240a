/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The touched forms of the laws on entries, frames, swap and locks.
 *
 * Entries: those of the ranges whose entries or whose layout the last call has noted. Frames: those
 * that these entries map, and those that were noted because they have lost something. Each frame is
 * walked for once, by its reverse map; all tables are walked only to say which law is broken, where
 * the walk and the counts do not agree.
 */
#include "oracles/pages.h"

#define SEEN 32 /* frames and slots remembered, each in its place, so that they are judged once */

struct touched {
    const struct world *world;
    uint64_t laws;
    struct verdict *v;
    struct view view;
    uint32_t places; /* bit per place of seen[] that is taken */
    const void *seen[SEEN];
    const struct page *parts_of; /* the compound page of which each part was judged last */
    struct {                     /* where the last frame is: mostly the next one is there as well */
        const struct vma *vma;
        const struct anon_vma *anon_vma;
        bool looked;                       /* for who else is in the tree of the anon_vma */
        const struct interval_node *alone; /* NULL: others are */
    } home;
};
_Static_assert(SEEN <= 32, "a bit per place");

static bool asked(const struct touched *t, enum law_id law)
{
    return t->laws & LAW_BIT(law);
}

static inline unsigned place_of(const void *object)
{
    return ((uintptr_t)object / sizeof(struct page)) % SEEN;
}
static inline bool is_seen(const struct touched *t, const void *object)
{
    const unsigned place = place_of(object);

    return (t->places >> place & 1) && t->seen[place] == object;
}
static inline void see(struct touched *t, const void *object)
{
    t->places |= 1U << place_of(object);
    t->seen[place_of(object)] = object;
}
static inline bool was_seen(struct touched *t, const void *object)
{
    const bool seen = is_seen(t, object);

    see(t, object);
    return seen;
}

/* ---- what nearly all are ----
 *
 * An entry of the page of zeroes, or of an anonymous frame by itself that has no copy in swap,
 * while nothing is pinned: all laws at once. Yes means that they hold. No means nothing: then they
 * are asked one by one. */
/* Where the walk of the reverse map comes to, if it is this VMA and no other. */
static inline const struct interval_node *alone_in_tree(const struct world *world,
                                                        const struct anon_vma *anon_vma,
                                                        const struct vma *vma)
{
    const struct rb_node *node = anon_vma->rb_root.node;
    const struct anon_vma_chain *chain = chain_of_rb(node);

    return chain_live(world, chain) && !node->left && !node->right && chain->vma == vma
               ? &chain->node
               : NULL;
}

static inline bool plain_home(struct touched *t, const struct vma *vma,
                              const struct anon_vma *anon_vma)
{
    const bool near = t->home.vma && t->home.anon_vma == anon_vma;
    const struct anon_vma *own = vma->anon_vma;

    if (near && t->home.vma == vma)
        return true;
    if (!(near || anon_vma_live(t->world, anon_vma)) ||
        (own != anon_vma && !(anon_vma_live(t->world, own) && own->root == anon_vma->root)))
        return false;
    t->home.vma = vma;
    t->home.anon_vma = anon_vma;
    t->home.looked = false;
    return true;
}

/* It is at home; the VMA there has an entry of it, and a page table. */
static inline bool plain_frame_ok(struct touched *t, const struct page *page)
{
    struct stabbed found = {1, (t->home.vma->vm_flags & VM_LOCKED) != 0};
    const struct interval_node *alone;

    if (is_seen(t, page))
        return true;
    if (!t->home.looked)
        t->home.alone = alone_in_tree(t->world, t->home.anon_vma, t->home.vma);
    t->home.looked = true;
    alone = t->home.alone;
    if (!alone || page->index < alone->start || page->index > alone->last ||
        page->index > alone->subtree_last)
        found = rmap_found(&t->view, page);
    if (!found.entries || page->mapcount != found.entries || page->refcount != found.entries ||
        page->pins || !mlocked_agrees(page, found.locked) ||
        (page->flags & PG_EXCLUSIVE && (found.entries > 1 || !exclusive_rules(t->world))))
        return false;
    see(t, page);
    return true;
}

static bool plain_ok(struct touched *t, const struct mm *mm, const struct vma *vma, uintptr_t addr,
                     pte_t pte)
{
    const pte_t free_bits = PTE_WRITE | PTE_DIRTY | PTE_YOUNG;
    const pte_t kind = pte & (((pte_t)1 << PTE_SHIFT) - 1) & ~free_bits;
    const bool writable = pte & PTE_WRITE;
    const struct page *page;

    if (!vma || vma->vm_mm != mm || vma->vm_flags & (VM_IO | VM_PFNMAP | VM_HUGETLB) ||
        (writable && !(vma->vm_flags & VM_WRITE)))
        return false;
    if (pte >> PTE_SHIFT == 0 && kind == (PTE_PRESENT | PTE_SPECIAL))
        return !writable && !vma->vm_file && !(vma->vm_flags & (VM_SHARED | VM_MAYSHARE));
    page = pool_at(&t->world->pool[POOL_PAGE], pte >> PTE_SHIFT, sizeof(*page));
    if (kind != PTE_PRESENT || !page || t->view.pinned || page->flags & PG_SWAPCACHE ||
        page->index != vma->vm_pgoff + ((addr - vma->vm_start) >> PAGE_SHIFT) ||
        !plain_home(t, vma, page_anon_vma(page)) ||
        (writable &&
         (page->mapcount > 1 || (exclusive_rules(t->world) && !(page->flags & PG_EXCLUSIVE)))))
        return false;
    return plain_frame_ok(t, page);
}

static const struct page_table *known_leaf(struct touched *t, const struct mm *mm, uintptr_t addr)
{
    const struct page_table *leaf;
    uintptr_t end;

    if (view_knows(&t->view, mm, addr))
        return t->view.last[mm->id % MAX_PROCS].leaf;
    leaf = leaf_table(t->world, mm, addr, &end);
    if (leaf)
        view_learn(&t->view, mm, leaf, end);
    return leaf;
}

/* A range of one page, in a VMA that is at hand, of a process without huge entries. Then the tables
 * that lead to it are needed: what tables_of_range_ok() asks. */
static bool plain_range_ok(struct touched *t, const struct note_range *r)
{
    const uintptr_t addr = r->start;
    const struct page_table *leaf;
    const struct vma *vma;
    pte_t pte;

    if (r->end - addr != PAGE_SIZE || addr & ~PAGE_MASK || r->mm->deposited ||
        addr >> PAGE_SHIFT >= t->world->config.task_size)
        return false;
    vma = vma_at_hand(t->world, r->mm, addr);
    leaf = vma ? known_leaf(t, r->mm, addr) : NULL;
    if (!leaf)
        return false;
    pte = leaf->entry[table_index(addr, 0)];
    return !pte || plain_ok(t, r->mm, vma, addr, pte);
}

/* ---- frames ---- */
/* The walk finds so many entries, which is not what the page's own count says. */
static bool walk_and_count_ok(const struct touched *t, const struct page *page, uint32_t found)
{
    const struct mapped mapped = count_mapped(t->world, page);

    if (asked(t, LAW_RMAP_COMPLETE) && found != mapped.fitting)
        return walk_broken(t->world, page, found, mapped.fitting, t->v);
    return !asked(t, LAW_RMAP_MAPCOUNT) ||
           frame_counts_ok(&t->view, page, mapped.entries, mapped.locked, t->v);
}

/* Once; each part is judged only if this one has entries of its own, or if the page has lost
 * something (noted): that may have been the last entry of a part. */
static bool compound_ok(struct touched *t, const struct page *page, bool noted)
{
    const struct page *head = head_of(t->world, page);
    const bool parts = noted || page->mapcount;

    if (asked(t, LAW_SWAP_COUNTS) && !cached_page_ok(t->world, page, t->v))
        return false;
    if (asked(t, LAW_RMAP_MAPCOUNT) && !compound_whole(t->world, page, t->v))
        return false;
    if (was_seen(t, head) && (!parts || t->parts_of == head))
        return true;
    if (parts)
        t->parts_of = head;
    return compound_touched_ok(t->world, head, t->laws, parts, t->v);
}

static bool frame_ok(struct touched *t, const struct page *page, bool noted)
{
    const uint64_t by_walk = LAW_BIT(LAW_RMAP_COMPLETE) | LAW_BIT(LAW_RMAP_MAPCOUNT);
    const char *site;

    if (is_compound(t->world, page))
        return compound_ok(t, page, noted);
    if (was_seen(t, page))
        return true;
    if (t->laws & by_walk) {
        const struct stabbed found = rmap_found(&t->view, page);

        if (unlikely(found.entries != page->mapcount)) {
            if (!walk_and_count_ok(t, page, found.entries))
                return false;
        } else if (asked(t, LAW_RMAP_MAPCOUNT) &&
                   !frame_counts_ok(&t->view, page, found.entries, found.locked, t->v)) {
            return false;
        }
    }
    if (asked(t, LAW_RMAP_EXCLUSIVE)) {
        site = page_exclusive_illegal(t->world, page);
        if (unlikely(site != NULL))
            return exclusive_broken(t->world, page, NULL, site, t->v);
    }
    if (asked(t, LAW_PAGE_INDEX) && page_file_mapping(page) &&
        !cached_place_ok(t->world, page, t->v))
        return false;
    return !asked(t, LAW_SWAP_COUNTS) || cached_page_ok(t->world, page, t->v);
}

/* ---- entries ---- */
static bool swapped_ok(struct touched *t, const struct entry *e)
{
    if (unlikely(!e->slot))
        return dead_slot(e, t->v);
    if (was_seen(t, e->slot))
        return true;
    return slot_ok(t->world, e->slot, t->v) &&
           (!e->vma || !anon_vma_live(t->world, e->vma->anon_vma) ||
            slot_count_ok(t->world, e->slot, swap_found(&t->view, e), t->v));
}

static bool entry_ok(struct touched *t, const struct entry *e)
{
    const char *site;

    if (asked(t, LAW_PGTABLE_INSIDE)) {
        site = entry_illegal(e);
        if (unlikely(site != NULL))
            return entry_broken(e, LAW_PGTABLE_INSIDE, site, t->v);
    }
    if (asked(t, LAW_RMAP_EXCLUSIVE)) {
        site = entry_exclusive_illegal(t->world, e);
        if (unlikely(site != NULL))
            return exclusive_broken(t->world, e->page, e, site, t->v);
    }
    if (is_swapped(e->pte)) {
        if (asked(t, LAW_RMAP_COMPLETE) && unlikely(!swap_reachable(t->world, e)))
            return entry_broken(e, LAW_RMAP_COMPLETE, "swapped-missed", t->v);
        return !asked(t, LAW_SWAP_COUNTS) || swapped_ok(t, e);
    }
    if (!maps_a_frame(e->pte))
        return true;
    if (unlikely(!e->page))
        return !asked(t, LAW_RMAP_MAPCOUNT) ||
               entry_broken(e, LAW_RMAP_MAPCOUNT, "dead-frame", t->v);
    if (asked(t, LAW_PAGE_INDEX)) {
        site = place_illegal(t->world, e);
        if (unlikely(site != NULL))
            return place_broken(t->world, e, site, t->v);
    }
    return frame_ok(t, e->page, false);
}

static bool range_ok(struct touched *t, const struct note_range *r)
{
    struct entry_walk w;
    struct entry e;
    bool huge;

    if (!mm_live(t->world, r->mm) || !r->mm->pgd)
        return true;
    if (t->laws == ALL_LAWS && likely(plain_range_ok(t, r)))
        return true;
    huge = r->mm->deposited;
    entry_walk_start(&w, t->world, r->mm, r->start, r->end);
    entry_walk_lead(&w, &t->view);
    if (asked(t, LAW_PGTABLE_PAGES) && !tables_of_range_ok(&w, r->start, r->end, t->v))
        return false;
    while (entry_walk_next(&w, &e)) {
        huge |= e.huge;
        if (!(t->laws == ALL_LAWS && plain_ok(t, e.mm, e.vma, e.addr, e.pte)) && !entry_ok(t, &e))
            return false;
    }
    return likely(!huge) || !asked(t, LAW_PGTABLE_PAGES) || deposits_ok(t->world, r->mm, t->v);
}

static bool covered(const struct notes *notes, const struct note_range *r)
{
    for (uint32_t i = 0; i < notes->nptes; i++) {
        const struct note_range *p = &notes->ptes[i];

        if (p->mm == r->mm && p->start <= r->start && r->end <= p->end)
            return true;
    }
    return false;
}

static bool ranges_ok(struct touched *t)
{
    const struct notes *notes = &t->world->notes;
    uint32_t i;

    for (i = 0; i < notes->nptes; i++)
        if (!range_ok(t, &notes->ptes[i]))
            return false;
    for (i = 0; i < notes->nranges; i++)
        if (!covered(notes, &notes->range[i]) && !range_ok(t, &notes->range[i]))
            return false;
    return true;
}

static bool frames_ok(struct touched *t)
{
    const struct notes *notes = &t->world->notes;
    struct all_pages w = {.world = t->world};
    const struct page *page;

    for (uint32_t i = 0; !notes->page_overflow && i < notes->npages; i++)
        if (page_live(t->world, notes->page[i]) && !frame_ok(t, notes->page[i], true))
            return false;
    while (unlikely(notes->page_overflow) && (page = all_pages_next(&w)))
        if (!frame_ok(t, page, true))
            return false;
    return true;
}

static bool locks_ok(const struct world *world, struct verdict *v)
{
    const struct lock_state *locks = &world->locks;

    if (likely(!locks->broken && !locks->i_mmap && !locks->root))
        return true;
    if (locks->broken)
        return law_broken(v, LAW_LOCKS, "breach", NOWHERE, "%s", locks->broken);
    return law_broken(v, LAW_LOCKS, "kept", NOWHERE, "the call has kept the lock of %s",
                      locks->root ? "a family of anon_vmas" : "an i_mmap tree");
}

bool touched_pages(const struct world *world, uint64_t laws, struct verdict *v)
{
    struct touched t;

    t.world = world;
    t.laws = laws;
    t.v = v;
    t.places = 0;
    t.parts_of = NULL;
    t.home.vma = NULL;
    if (asked(&t, LAW_LOCKS) && !locks_ok(world, v))
        return false;
    if (!world->pool[POOL_TABLE].nlive && !world->pool[POOL_PAGE].nlive &&
        !world->pool[POOL_HUGE].nlive)
        return true;
    view_start(&t.view, world);
    if (unlikely(t.view.pinned) && asked(&t, LAW_RMAP_MAPCOUNT) && !pinned_frames_ok(world, v))
        return false;
    if (asked(&t, LAW_PAGE_INDEX) && !ksm_nodes_ok(world, v))
        return false;
    return ranges_ok(&t) && frames_ok(&t);
}
