/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the laws on page tables, frames and swap share.
 *
 * Everything may be corrupt here too. Tables, frames and slots are named by number, and a number is
 * good if the pool says so. A walk over tables visits no more of them than there are.
 *
 * A page is a frame by itself or a compound page, which is judged once, as a whole: its head stands
 * for it.
 */
#ifndef ORACLES_PAGES_H
#define ORACLES_PAGES_H

#include "oracles/laws.h"

/* ---- is it there? By number, and back. NULL: no live object ---- */
static inline const void *pool_at(const struct pool *pool, uint64_t n, size_t size)
{
    return likely(n < pool->used && pool->link[n] == POOL_LIVE) ? pool->base + n * size : NULL;
}
const struct page *part_at(const struct world *world, uint64_t n); /* in POOL_HUGE: compound.c */
static inline const struct page *page_at(const struct world *world, uint64_t n)
{
    const struct pool *pool = &world->pool[POOL_PAGE];

    return likely(n < pool->used) ? pool_at(pool, n, sizeof(struct page)) : part_at(world, n);
}
static inline const struct page_table *table_at(const struct world *world, uint64_t n)
{
    return pool_at(&world->pool[POOL_TABLE], n, sizeof(struct page_table));
}
static inline const struct swap_slot *slot_at(const struct world *world, uint64_t n)
{
    return pool_at(&world->pool[POOL_SLOT], n, sizeof(struct swap_slot));
}
static inline bool page_live(const struct world *world, const struct page *page)
{
    const uintptr_t offset = (uintptr_t)page - (uintptr_t)world->pool[POOL_PAGE].base;

    return offset % sizeof(*page) == 0 && page_at(world, offset / sizeof(*page));
}
static inline uint32_t page_number(const struct world *world, const struct page *page)
{
    const char *base = world->pool[POOL_PAGE].base;

    return (uint32_t)((size_t)((const char *)page - base) / sizeof(*page));
}
/* Of POOL_HUGE, whether it still is a part or has been split off. */
static inline bool from_huge(const struct world *world, const struct page *page)
{
    return unlikely((uintptr_t)page >= (uintptr_t)world->pool[POOL_HUGE].base);
}
static inline bool is_compound(const struct world *world, const struct page *page)
{
    return from_huge(world, page) && page->flags & (PG_HEAD | PG_TAIL);
}
/* The part that stands for the whole; of a frame by itself, the frame. */
const struct page *head_of_part(const struct world *world, const struct page *part);
static inline const struct page *head_of(const struct world *world, const struct page *page)
{
    return from_huge(world, page) ? head_of_part(world, page) : page;
}
/* All pages: frames by themselves and heads. */
struct all_pages {
    const struct world *world;
    uint64_t frame, part; /* next of POOL_PAGE, of POOL_HUGE */
};
const struct page *next_of_parts(struct all_pages *w);
static inline const struct page *all_pages_next(struct all_pages *w)
{
    const uint32_t used = w->world->pool[POOL_PAGE].used;

    while (w->frame < used) {
        const struct page *page = page_at(w->world, w->frame++);

        if (page)
            return page;
    }
    return likely(!w->world->pool[POOL_HUGE].used) ? NULL : next_of_parts(w);
}
static inline const struct page *page_of_rb(const struct rb_node *node)
{
    return node ? (const struct page *)((uintptr_t)node - offsetof(struct page, rb)) : NULL;
}
/* The slot whose copy the page is, if both say so. */
static inline const struct swap_slot *cached_slot(const struct world *world,
                                                  const struct page *page)
{
    const struct swap_slot *slot = page->flags & PG_SWAPCACHE ? slot_at(world, page->swap) : NULL;

    return slot && slot->page == page ? slot : NULL;
}
static inline bool pins_in_use(const struct world *world)
{
    const struct pin *pin = world->pin;
    unsigned used = 0;

    _Static_assert(MAX_PINS % 8 == 0, "by eights: this is asked after every operation");
    for (unsigned n = 0; n < MAX_PINS; n += 8)
        used |= pin[n].used | pin[n + 1].used | pin[n + 2].used | pin[n + 3].used |
                pin[n + 4].used | pin[n + 5].used | pin[n + 6].used | pin[n + 7].used;
    return used != 0;
}
static inline bool exclusive_rules(const struct world *world)
{
    return world->config.rules >= RULES_LINUX_6_1;
}

/* ---- page tables: pgtable.c ---- */
#define TABLE_BITS 9
_Static_assert(1 << TABLE_BITS == PTRS_PER_TABLE, "each level has so many bits of an address");
/* Bytes that a table of this level covers, from 0, the lowest. */
static inline uintptr_t table_span(unsigned level)
{
    return PAGE_SIZE << TABLE_BITS * (level + 1);
}
static inline unsigned table_index(uintptr_t addr, unsigned level)
{
    return (unsigned)(addr >> (PAGE_SHIFT + TABLE_BITS * level)) % PTRS_PER_TABLE;
}
/* The first entry of [i, last) that is not 0; last: none. Most are 0: this is where walks spend
 * their time, so they look at many at once. */
static inline unsigned next_entry(const struct page_table *table, unsigned i, unsigned last)
{
    typedef uint64_t two __attribute__((vector_size(16), aligned(8))); /* x86-64 has it */
    const uint64_t *entry = table->entry;

    if (i < last && entry[i])
        return i;
    for (; i + 16 <= last; i += 16) {
        const two *e = (const two *)(entry + i);
        const two any = ((e[0] | e[1]) | (e[2] | e[3])) | ((e[4] | e[5]) | (e[6] | e[7]));

        if (any[0] | any[1])
            break;
    }
    while (i < last && !entry[i])
        i++;
    return i;
}
#define HUGE_ENTRY (UINT64_C(1) << 63) /* in a table of level 1: not a table's number */
/* The same, and if a huge entry is there instead, *huge is that, else 0. */
const struct page_table *leaf_or_huge(const struct world *world, const struct mm *mm,
                                      uintptr_t addr, uintptr_t *end, pte_t *huge);
/* What has the address, if anything has: nearly always what the call has looked up or noted. NULL:
 * it is none of those. */
const struct vma *vma_at_hand(const struct world *world, const struct mm *mm, uintptr_t addr);
/* The lowest table for addr; NULL: none, and *end is where there may be one again. */
const struct page_table *leaf_table(const struct world *world, const struct mm *mm, uintptr_t addr,
                                    uintptr_t *end);

/* A world that does not change while it is looked at: what has been found out need not be found out
 * again for the next page. */
struct view {
    const struct world *world;
    bool pinned;    /* some pin is in use */
    uint32_t known; /* bit per process: `last` has something of it */
    struct {        /* the lowest table that was asked for last */
        const struct mm *mm;
        const struct page_table *leaf;
        uintptr_t end;
    } last[MAX_PROCS];
};
_Static_assert(MAX_PROCS <= 32, "a bit per process");
void view_start(struct view *view, const struct world *world);
static inline bool view_knows(const struct view *view, const struct mm *mm, uintptr_t addr)
{
    const unsigned i = mm->id % MAX_PROCS;

    return (view->known >> i & 1) && view->last[i].mm == mm &&
           view->last[i].end - 1 - addr < table_span(0);
}
static inline void view_learn(struct view *view, const struct mm *mm, const struct page_table *leaf,
                              uintptr_t end)
{
    const unsigned i = mm->id % MAX_PROCS;

    view->known |= 1U << i;
    view->last[i].mm = mm;
    view->last[i].leaf = leaf;
    view->last[i].end = end;
}
/* The entry for addr; 0 if there is no table. */
pte_t entry_at_slow(struct view *view, const struct mm *mm, uintptr_t addr);
static inline pte_t entry_at(struct view *view, const struct mm *mm, uintptr_t addr)
{
    if (likely(view_knows(view, mm, addr)))
        return view->last[mm->id % MAX_PROCS].leaf->entry[table_index(addr, 0)];
    return entry_at_slow(view, mm, addr);
}

/* One entry that is not 0. A huge one is met as a whole, wherever the range begins in it. */
struct entry {
    const struct mm *mm;
    const struct vma *vma; /* NULL: it is outside of all VMAs */
    uintptr_t addr;
    pte_t pte;
    bool huge;
    const struct page *page; /* that it maps, of a huge one the head; NULL: none, or it is freed */
    const struct page *head; /* of that page */
    const struct swap_slot *slot; /* that it is in; NULL: none, or it is freed */
};
static inline bool maps_a_frame(pte_t pte)
{
    return (pte & (PTE_PRESENT | PTE_SPECIAL)) == PTE_PRESENT;
}
static inline uint64_t entry_pages(const struct entry *e)
{
    return unlikely(e->huge) ? HPAGE_PAGES : 1;
}
/* For counting who maps what. */
static inline uint64_t entry_weight(const struct entry *e)
{
    return law_weight((uintptr_t)e->page + e->huge);
}
/* The frame that the entry shows at an address in it. */
static inline const struct page *entry_shows(const struct entry *e, uintptr_t addr)
{
    return e->page && unlikely(e->huge) ? e->page + ((addr - e->addr) >> PAGE_SHIFT) : e->page;
}
static inline bool is_swapped(pte_t pte)
{
    return (pte & (PTE_PRESENT | PTE_SWAP)) == PTE_SWAP;
}
/* The entries of [start, end), with the VMAs that they are in. */
struct entry_walk {
    const struct world *world;
    const struct mm *mm;
    const struct vma *vma; /* first that ends above `at` */
    const struct page_table *leaf;
    pte_t huge; /* instead of the table */
    uintptr_t at, end, leaf_end;
    uint32_t vmas_left, tables_left;
};
void entry_walk_start(struct entry_walk *w, const struct world *world, const struct mm *mm,
                      uintptr_t start, uintptr_t end);
/* The first table at once, and known to the view from now on, or from it. */
void entry_walk_lead(struct entry_walk *w, struct view *view);
bool entry_walk_next(struct entry_walk *w, struct entry *e);
/* All of them, process by process. */
struct all_entries {
    const struct world *world;
    struct entry_walk walk;
    unsigned proc;
};
void all_entries_start(struct all_entries *w, const struct world *world);
bool all_entries_next(struct all_entries *w, struct entry *e);

/* NULL: the entry may be there. What it leads to is for the others. */
const char *entry_illegal(const struct entry *e);
bool entry_broken(const struct entry *e, enum law_id law, const char *site, struct verdict *v);
/* Tables that the range uses of which the walk has its first table. */
bool tables_of_range_ok(const struct entry_walk *w, uintptr_t start, uintptr_t end,
                        struct verdict *v);
/* A table is deposited for each huge entry of the process. */
bool deposits_ok(const struct world *world, const struct mm *mm, struct verdict *v);

/* ---- reverse map: rmap.c ---- */
/* NULL: the page is where mapping and index say, as far as they go. e->page is there. */
const char *place_illegal(const struct world *world, const struct entry *e);
bool place_broken(const struct world *world, const struct entry *e, const char *site,
                  struct verdict *v);
/* Will the walk find what a swap entry leads to once it is mapped again? */
bool swap_reachable(const struct world *world, const struct entry *e);
/* What the walk of its reverse map finds of a page. */
struct stabbed {
    uint32_t entries; /* that map it */
    bool locked;      /* one of them is in a VM_LOCKED VMA */
};
struct stabbed rmap_found(struct view *view, const struct page *page);
/* The same of a compound page, from its head. */
struct stabbed_parts {
    uint32_t entire, small; /* huge entries; entries of single parts */
    uint64_t weight;        /* of both: sum of entry_weight() */
    bool locked;
};
struct stabbed_parts rmap_found_parts(const struct world *world, const struct page *head);
/* The same of a swap entry like e: in the tree of its family's root, at its offset. */
uint32_t swap_found(struct view *view, const struct entry *e);
/* The page's neighbours in the page cache, if it is in one. */
bool cached_place_ok(const struct world *world, const struct page *page, struct verdict *v);
bool page_caches_ok(const struct world *world, struct verdict *v);
/* All entries, by a walk over all tables, for when something is wrong. */
struct mapped {
    uint64_t entries; /* that map the page */
    uint64_t fitting; /* of these: those that the walk should find */
    bool locked;      /* one of them is in a VM_LOCKED VMA */
};
struct mapped count_mapped(const struct world *world, const struct page *page);
bool walk_broken(const struct world *world, const struct page *page, uint64_t found,
                 uint64_t expected, struct verdict *v);

/* In-order walk of a page cache. */
struct cache_walk {
    const struct world *world;
    struct rb_walk rb;
};
void cache_walk_start(struct cache_walk *w, const struct world *world,
                      const struct address_space *mapping);
const struct page *cache_walk_next(struct cache_walk *w);
/* The pages of all page caches, as far as the walks lead. */
struct all_cached {
    const struct world *world;
    struct cache_walk walk;
    uint32_t mapping; /* number of the next one */
};
void all_cached_start(struct all_cached *w, const struct world *world);
const struct page *all_cached_next(struct all_cached *w);
/* The page of the file that has this index; NULL: none. */
const struct page *cache_find(const struct world *world, const struct address_space *mapping,
                              uint64_t index);

/* ---- counts and ownership: frames.c ---- */
/* Is the page in the page cache that it says it is in? */
bool page_is_cached(const struct world *world, const struct page *page);
uint32_t pins_of(const struct world *world, const struct page *page);
struct frame_refs {
    uint32_t cached, swapped, pins;
};
static inline struct frame_refs frame_refs(const struct view *view, const struct page *page)
{
    return (struct frame_refs){
        .cached = page_is_cached(view->world, page),
        .swapped = (page->flags & PG_SWAPCACHE) != 0, /* rightly? swap.counts */
        .pins = unlikely(view->pinned) ? pins_of(view->world, page) : 0,
    };
}
bool pinned_frames_ok(const struct world *world, struct verdict *v);
/* Of the page by itself, and of one entry that maps it; NULL: as it should be. */
const char *page_exclusive_illegal(const struct world *world, const struct page *page);
const char *entry_exclusive_illegal(const struct world *world, const struct entry *e);
bool exclusive_broken(const struct world *world, const struct page *page, const struct entry *e,
                      const char *site, struct verdict *v);
/* Mapcount and the like of one page, of which so many entries are known; locked: one of them is in
 * a VM_LOCKED VMA. */
bool frame_counts_ok(const struct view *view, const struct page *page, uint64_t mapped, bool locked,
                     struct verdict *v);
static inline bool mlocked_agrees(const struct page *page, bool locked)
{
    return ((page->flags & PG_MLOCKED) != 0) == locked;
}

/* ---- compound pages: compound.c ---- */
/* How many map it, its entries by part, by a walk over all tables. */
struct mapped_parts {
    uint64_t entries, fitting; /* as of a frame */
    uint32_t entire;
    uint32_t part[HPAGE_PAGES]; /* entries of this part alone */
    bool locked;
};
void count_mapped_parts(const struct world *world, const struct page *head, struct mapped_parts *m);
/* Entries of single parts, by what the parts say. */
uint64_t sum_of_parts(const struct page *head);
/* The same, with the huge ones, weighed. */
uint64_t weight_of_parts(const struct page *head);
/* Is it whole: one head, and tails that leave to it what it has for them? */
bool compound_whole(const struct world *world, const struct page *page, struct verdict *v);
/* All objects of POOL_HUGE: whole, or parts by themselves of which some are used. */
bool huge_objects_ok(const struct world *world, struct verdict *v);
/* All but for who has which part. */
bool compound_counts_agree(const struct world *world, const struct page *head,
                           const struct stabbed_parts *found);
bool compound_counts_ok(const struct world *world, const struct page *head,
                        const struct mapped_parts *m, struct verdict *v);
/* parts: look at those of each part too, not only at that of the head. */
const char *compound_exclusive_illegal(const struct world *world, const struct page *head,
                                       bool parts);
/* The touched forms of all laws on frames that the mask has. parts: look at what each part says,
 * even if the walk finds no entry of a single part. */
bool compound_touched_ok(const struct world *world, const struct page *head, uint64_t laws,
                         bool parts, struct verdict *v);
/* A writable entry that maps it, or a part. */
const char *compound_writable_illegal(const struct world *world, const struct entry *e);

/* ---- KSM pages: ksm.c ---- */
static inline bool is_ksm(const struct page *page)
{
    return unlikely((page->mapping & PAGE_MAPPING_KSM) == PAGE_MAPPING_KSM);
}
/* place_illegal(), entry_illegal() and rmap_found() of entries and pages that are. */
const char *ksm_place_illegal(const struct world *world, const struct entry *e);
const char *ksm_entry_illegal(const struct entry *e);
struct stabbed ksm_found(struct view *view, const struct page *page);
/* Nodes and items, all there are. */
bool some_ksm_nodes_ok(const struct world *world, struct verdict *v);
static inline bool ksm_nodes_ok(const struct world *world, struct verdict *v)
{
    return likely(!(world->pool[POOL_KSM_NODE].nlive | world->pool[POOL_KSM_ITEM].nlive)) ||
           some_ksm_nodes_ok(world, v);
}

/* ---- swap: swap.c ---- */
/* The slot against its page, and the page against its slot. */
bool slot_ok(const struct world *world, const struct swap_slot *slot, struct verdict *v);
bool cached_page_ok(const struct world *world, const struct page *page, struct verdict *v);
/* Entries that are in the slot, by a walk over all tables. */
uint64_t count_swapped(const struct world *world, const struct swap_slot *slot);
bool slot_count_ok(const struct world *world, const struct swap_slot *slot, uint64_t entries,
                   struct verdict *v);
bool dead_slot(const struct entry *e, struct verdict *v);
/* What an entry counts as; NR_RSS: as nothing. */
enum rss_kind entry_rss_kind(const struct world *world, const struct entry *e);
bool rss_agrees(const struct mm *mm, const uint64_t rss[NR_RSS], struct verdict *v);

#endif
