/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page tables: a radix tree of four levels. An entry of a level above the lowest is the number of a
 * table plus 1; one of the lowest, level 0, is a pte_t. On level 1 it may be a huge entry, a pte_t
 * that as a signed number is negative.
 */
#include "model/internal.h"
#include "model/poison.h"

#define TABLE_SHIFT 9
#define TOP_LEVEL (TABLE_LEVELS - 1)

/* Bytes that one entry of a table of this level covers. */
static inline uintptr_t entry_span(unsigned level)
{
    return 1UL << (PAGE_SHIFT + TABLE_SHIFT * level);
}

static inline unsigned entry_index(uintptr_t addr, unsigned level)
{
    return (addr >> (PAGE_SHIFT + TABLE_SHIFT * level)) & (PTRS_PER_TABLE - 1);
}

static inline struct page_table *first_table(const struct world *world)
{
    return (struct page_table *)(void *)world->pool[POOL_TABLE].base;
}

/* NULL: nothing, or a huge entry. */
static inline struct page_table *table_of_entry(const struct world *world, uint64_t entry)
{
    return (int64_t)entry > 0 ? first_table(world) + (entry - 1) : NULL;
}

/* The lowest table for addr. NULL: there is none; *level is that of the entry that is 0 or huge. */
static inline struct page_table *lowest_table(const struct mm *mm, uintptr_t addr, unsigned *level)
{
    struct page_table *table = mm->pgd;

    for (*level = TOP_LEVEL; table && *level > 0; --*level) {
        struct page_table *below =
            table_of_entry(mm->world, table->entry[entry_index(addr, *level)]);

        if (!below)
            return NULL;
        table = below;
    }
    return table;
}

/* The entry of level 1 for addr. NULL: there is no table of that level. */
static uint64_t *entry_of_block(const struct mm *mm, uintptr_t addr)
{
    struct page_table *table = mm->pgd;

    for (unsigned level = TOP_LEVEL; table && level > 1; level--)
        table = table_of_entry(mm->world, table->entry[entry_index(addr, level)]);
    return table ? &table->entry[entry_index(addr, 1)] : NULL;
}

/* Where a walk for a table has ended: perhaps at a huge entry. */
static pte_t *huge_entry(const struct mm *mm, uintptr_t addr, unsigned level)
{
    uint64_t *entry = level == 1 ? entry_of_block(mm, addr) : NULL;

    return entry && (int64_t)*entry < 0 ? entry : NULL;
}

pte_t *pte_find(struct mm *mm, uintptr_t addr)
{
    unsigned level;
    struct page_table *table = lowest_table(mm, addr, &level);

    return likely(table) ? &table->entry[entry_index(addr, 0)] : huge_entry(mm, addr, level);
}

pte_t mm_pte(const struct mm *mm, uintptr_t addr)
{
    unsigned level;
    const struct page_table *table = lowest_table(mm, addr, &level);
    const pte_t *huge;

    if (likely(table))
        return table->entry[entry_index(addr, 0)];
    huge = huge_entry(mm, addr, level);
    if (!huge)
        return 0;
    return (*huge & ~(PTE_OF_BLOCK ^ PTE_HUGE)) +
           (*huge & PTE_SPECIAL ? 0 : (pte_t)entry_index(addr, 0) << PTE_SHIFT);
}

bool mm_has_table(const struct mm *mm, uintptr_t addr)
{
    const uint64_t *entry = entry_of_block(mm, addr);

    return entry && *entry;
}

pte_t *pmd_find(struct mm *mm, uintptr_t addr)
{
    return entry_of_block(mm, addr);
}

/* The first entry from number i on that is not 0, below last; last: none. Most are 0, so they are
 * looked at by fours. */
static inline unsigned next_entry(const struct page_table *table, unsigned i, unsigned last)
{
    const uint64_t *entry = table->entry;

    while (i + 4 <= last && !(entry[i] | entry[i + 1] | entry[i + 2] | entry[i + 3]))
        i += 4;
    while (i < last && !entry[i])
        i++;
    return i;
}

pte_t *pte_next(struct mm *mm, uintptr_t *addr, uintptr_t end)
{
    uintptr_t at = *addr;

    while (mm->pgd && at < end) {
        unsigned level, first, last = PTRS_PER_TABLE, i;
        struct page_table *table = lowest_table(mm, at, &level);

        step(mm->world);
        if (!table) {
            pte_t *huge = huge_entry(mm, at, level);

            if (unlikely(huge)) {
                *addr = at;
                return huge;
            }
            at = (at | (entry_span(level) - 1)) + 1;
            continue;
        }
        first = entry_index(at, 0);
        if ((end - at + PAGE_SIZE - 1) >> PAGE_SHIFT < last - first)
            last = first + (unsigned)((end - at + PAGE_SIZE - 1) >> PAGE_SHIFT);
        i = next_entry(table, first, last);
        at += (uintptr_t)(i - first) << PAGE_SHIFT;
        if (i < last) {
            *addr = at;
            return &table->entry[i];
        }
    }
    return NULL;
}

/* ---- making and freeing them (pgtable.pages) ---- */
static struct page_table *table_new(struct mm *mm)
{
    struct page_table *table = pool_alloc(mm->world, POOL_TABLE);

    if (table) {
        object_fill(table, 0, sizeof(*table));
        mm->nr_tables++;
    }
    return table;
}

static void table_free(struct mm *mm, struct page_table *table)
{
    pool_free(mm->world, POOL_TABLE, table);
    mm->nr_tables--;
    event(mm->world, EV_TABLE_FREED);
}

static void free_lonely_top(struct mm *mm)
{
    if (mm->nr_tables == 1) {
        table_free(mm, mm->pgd);
        mm->pgd = NULL;
    }
}

static inline uint64_t entry_of_table(const struct mm *mm, const struct page_table *table)
{
    return (uint64_t)(table - first_table(mm->world)) + 1;
}

/* The entry of this level, or a huge one that is met on the way. */
static inline uint64_t *entry_alloc(struct mm *mm, uintptr_t addr, unsigned lowest)
{
    struct page_table *table = mm->pgd;

    if (!table)
        table = mm->pgd = table_new(mm);
    for (unsigned level = TOP_LEVEL; table && level > lowest; level--) {
        uint64_t *entry = &table->entry[entry_index(addr, level)];

        table = table_of_entry(mm->world, *entry);
        if (likely(table))
            continue;
        if (unlikely(*entry))
            return entry;
        table = table_new(mm);
        if (table)
            *entry = entry_of_table(mm, table);
    }
    if (likely(table))
        return &table->entry[entry_index(addr, lowest)];
    free_lonely_top(mm);
    return NULL;
}

pte_t *pte_alloc(struct mm *mm, uintptr_t addr)
{
    return entry_alloc(mm, addr, 0);
}

pte_t *pmd_alloc(struct mm *mm, uintptr_t addr)
{
    return entry_alloc(mm, addr, 1);
}

/* ---- tables that wait for a huge entry to be split (pgtable.pages) ---- */
static void deposit(struct mm *mm, struct page_table *table)
{
    table->entry[0] = mm->deposited ? entry_of_table(mm, mm->deposited) : 0;
    mm->deposited = table;
}

static struct page_table *withdraw(struct mm *mm)
{
    struct page_table *table = mm->deposited;

    world_bug_on(mm->world, !table);
    mm->deposited = table_of_entry(mm->world, table->entry[0]);
    table->entry[0] = 0;
    return table;
}

int pgtable_deposit(struct mm *mm)
{
    struct page_table *table = table_new(mm);

    if (!table)
        return -ENOMEM;
    deposit(mm, table);
    return 0;
}

void pgtable_withdraw(struct mm *mm)
{
    table_free(mm, withdraw(mm));
}

pte_t *pgtable_put_back(struct mm *mm, pte_t *pmd)
{
    struct page_table *table = withdraw(mm);

    *pmd = entry_of_table(mm, table);
    return table->entry;
}

void pgtable_take_out(struct mm *mm, pte_t *pmd)
{
    deposit(mm, table_of_entry(mm->world, *pmd));
    *pmd = 0;
}

int pgtable_move(struct mm *mm, pte_t *pmd, uintptr_t to)
{
    pte_t *place = pmd_alloc(mm, to);

    if (!place)
        return -ENOMEM;
    if (*place)
        return 1;
    *place = *pmd;
    *pmd = 0;
    return 0;
}

struct unmapped {
    uintptr_t start, end, floor, ceiling;
};

static bool has_entries(struct world *world, const struct page_table *table)
{
    step(world);
    for (unsigned i = 0; i < PTRS_PER_TABLE; i++)
        if (table->entry[i])
            return true;
    return false;
}

void pgtable_reclaim(struct mm *mm, uintptr_t start, uintptr_t end)
{
    for (uintptr_t at = (start + ~HPAGE_MASK) & HPAGE_MASK; at < end && end - at >= HPAGE_SIZE;
         at += HPAGE_SIZE) {
        uint64_t *entry = entry_of_block(mm, at);
        struct page_table *table = entry ? table_of_entry(mm->world, *entry) : NULL;

        step(mm->world);
        if (!table || has_entries(mm->world, table))
            continue;
        *entry = 0;
        table_free(mm, table);
    }
}

/* No VMA has a part of what the entry at `at` of a table of this level covers. */
static bool is_unneeded(const struct unmapped *u, struct world *world, uint64_t entry,
                        unsigned level, uintptr_t at)
{
    const bool lowest = level == 1;

    if (at < u->floor)
        return false;
    if (u->ceiling - at < entry_span(level)) /* at is below `end`, and that below the ceiling */
        return lowest &&
               fault(world, F_TABLE_FREED_EARLY, has_entries(world, table_of_entry(world, entry)));
    return !fault(world, F_TABLE_KEPT, true);
}

/* Of the tables below this one, which covers what lies from base on. */
static void free_tables_below(struct mm *mm, struct page_table *table, unsigned level,
                              uintptr_t base, const struct unmapped *u)
{
    const uintptr_t span = entry_span(level), last = base + (span << TABLE_SHIFT) - 1;
    uintptr_t at = u->start > base ? u->start & ~(span - 1) : base;

    for (; at < u->end && at < last; at += span) {
        uint64_t *entry = &table->entry[entry_index(at, level)];
        struct page_table *below = table_of_entry(mm->world, *entry);

        step(mm->world);
        if (!below)
            continue;
        if (level > 1)
            free_tables_below(mm, below, level - 1, at, u);
        if (is_unneeded(u, mm->world, *entry, level, at)) {
            *entry = 0;
            table_free(mm, below);
        }
    }
}

void free_pgtables(struct mm *mm, uintptr_t start, uintptr_t end, uintptr_t floor,
                   uintptr_t ceiling)
{
    const struct unmapped u = {start, end, floor, ceiling < mm->task_size ? ceiling : UINTPTR_MAX};

    if (!mm->pgd)
        return;
    free_tables_below(mm, mm->pgd, TOP_LEVEL, 0, &u);
    free_lonely_top(mm);
}
