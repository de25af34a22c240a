/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the laws on page tables, frames and swap share.
 *
 * Everything may be corrupt here too. Tables, frames and slots are named by number, and a number is
 * good if the pool says so. A walk over tables visits no more of them than there are.
 */
#ifndef ORACLES_PAGES_H
#define ORACLES_PAGES_H

#include "oracles/laws.h"

/* ---- is it there? By number, and back. NULL: no live object ---- */
static inline const void *pool_at(const struct pool *pool, uint64_t n, size_t size)
{
    return likely(n < pool->used && pool->link[n] == POOL_LIVE) ? pool->base + n * size : NULL;
}
static inline const struct page *page_at(const struct world *world, uint64_t n)
{
    return pool_at(&world->pool[POOL_PAGE], n, sizeof(struct page));
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
    unsigned used = 0;

    _Static_assert(MAX_PINS % 4 == 0, "four at a time: this is asked for each page");
    for (unsigned n = 0; n < MAX_PINS; n += 4)
        used |= (unsigned)world->pin[n].used | world->pin[n + 1].used | world->pin[n + 2].used |
                world->pin[n + 3].used;
    return used;
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
/* The lowest table for addr; NULL: none, and *end is where there may be one again. */
const struct page_table *leaf_table(const struct world *world, const struct mm *mm, uintptr_t addr,
                                    uintptr_t *end);
/* The entry for addr; 0 if there is no table. */
static inline pte_t entry_at(const struct world *world, const struct mm *mm, uintptr_t addr)
{
    uintptr_t end;
    const struct page_table *leaf = leaf_table(world, mm, addr, &end);

    return leaf ? leaf->entry[table_index(addr, 0)] : 0;
}

/* One entry that is not 0. */
struct entry {
    const struct mm *mm;
    const struct vma *vma; /* NULL: it is outside of all VMAs */
    uintptr_t addr;
    pte_t pte;
    const struct page *page;      /* that it maps; NULL: none, or it is freed */
    const struct swap_slot *slot; /* that it is in; NULL: none, or it is freed */
};
static inline bool maps_a_frame(pte_t pte)
{
    return (pte & (PTE_PRESENT | PTE_SPECIAL)) == PTE_PRESENT;
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
    uintptr_t at, end, leaf_end;
    uint32_t vmas_left, tables_left;
};
void entry_walk_start(struct entry_walk *w, const struct world *world, const struct mm *mm,
                      uintptr_t start, uintptr_t end);
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
/* Tables that the range uses; vma is the first that ends above its start. */
bool tables_of_range_ok(const struct world *world, const struct mm *mm, uintptr_t start,
                        uintptr_t end, const struct vma *vma, struct verdict *v);
/* Live tables and what the processes count. */
bool table_counts_ok(const struct world *world, struct verdict *v);

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
struct stabbed rmap_found(const struct world *world, const struct page *page);
/* The same of a swap entry like e: in the tree of its family's root, at its offset. */
uint32_t swap_found(const struct world *world, const struct entry *e);
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

/* In-order walk of a page cache; broken: it could not go on. */
struct cache_walk {
    const struct world *world;
    const struct page *stack[TREE_MAX_DEPTH];
    unsigned depth;
    uint32_t left;
    bool broken;
};
void cache_walk_start(struct cache_walk *w, const struct world *world,
                      const struct address_space *mapping);
const struct page *cache_walk_next(struct cache_walk *w);
/* The page of the file that has this index; NULL: none. */
const struct page *cache_find(const struct world *world, const struct address_space *mapping,
                              uint64_t index);

/* ---- counts and ownership: frames.c ---- */
struct frame_refs {
    uint32_t cached, swapped, pins;
};
struct frame_refs frame_refs(const struct world *world, const struct page *page);
bool page_is_cached(const struct world *world, const struct page *page); /* the same, one alone */
/* Of the page by itself, and of one entry that maps it; NULL: as it should be. */
const char *page_exclusive_illegal(const struct world *world, const struct page *page);
const char *entry_exclusive_illegal(const struct world *world, const struct entry *e);
bool exclusive_broken(const struct world *world, const struct page *page, const struct entry *e,
                      const char *site, struct verdict *v);
/* Mapcount and the like of one page, of which so many entries are known; locked: one of them is in
 * a VM_LOCKED VMA. */
bool frame_counts_ok(const struct world *world, const struct page *page, uint64_t mapped,
                     bool locked, struct verdict *v);
static inline bool mlocked_agrees(const struct page *page, bool locked)
{
    return ((page->flags & PG_MLOCKED) != 0) == locked;
}

/* ---- swap: swap.c ---- */
/* The slot against its page, and the page against its slot. */
bool slot_ok(const struct world *world, const struct swap_slot *slot, struct verdict *v);
bool cached_page_ok(const struct world *world, const struct page *page, struct verdict *v);
bool slot_count_ok(const struct world *world, const struct swap_slot *slot, uint64_t entries,
                   struct verdict *v);
bool dead_slot(const struct entry *e, struct verdict *v);
/* What an entry counts as; NR_RSS: as nothing. */
enum rss_kind entry_rss_kind(const struct world *world, const struct entry *e);
bool rss_agrees(const struct mm *mm, const uint64_t rss[NR_RSS], struct verdict *v);

#endif
