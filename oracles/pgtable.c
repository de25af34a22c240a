/* SPDX-License-Identifier: GPL-2.0-only */
/* pgtable.inside, pgtable.pages: what may be in page tables, and which tables there may be. */
#include "oracles/pages.h"

#include <inttypes.h>

/* ---- walks ---- */
/* The table that an entry of `table` leads to, which is of this level; NULL: none, or none that
 * lives. An entry of 0 is no number either. */
static inline const struct page_table *table_below(const struct pool *pool,
                                                   const struct page_table *table, uintptr_t addr,
                                                   unsigned level, uint64_t *next)
{
    *next = table->entry[table_index(addr, level)];
    return pool_at(pool, *next - 1, sizeof(*table));
}

const struct page_table *leaf_or_huge(const struct world *world, const struct mm *mm,
                                      uintptr_t addr, uintptr_t *end, pte_t *huge)
{
    const struct pool *pool = &world->pool[POOL_TABLE];
    const struct page_table *table = mm->pgd;
    unsigned level = 0;
    uint64_t next = 0;

    *huge = 0;
    if (unlikely(!object_live(world, POOL_TABLE, table))) {
        *end = UINTPTR_MAX;
        return NULL;
    }
    _Static_assert(TABLE_LEVELS == 4, "level by level: a loop costs twice as much");
    if (!(table = table_below(pool, table, addr, 3, &next)))
        level = 2;
    else if (!(table = table_below(pool, table, addr, 2, &next)))
        level = 1;
    else if (!(table = table_below(pool, table, addr, 1, &next)) && unlikely(next & HUGE_ENTRY))
        *huge = next & ~HUGE_ENTRY;
    *end = (addr & ~(table_span(level) - 1)) + table_span(level);
    return table;
}

const struct page_table *leaf_table(const struct world *world, const struct mm *mm, uintptr_t addr,
                                    uintptr_t *end)
{
    pte_t huge;

    return leaf_or_huge(world, mm, addr, end, &huge);
}

void view_start(struct view *view, const struct world *world)
{
    view->world = world;
    view->pinned = pins_in_use(world);
    view->known = 0;
}

pte_t entry_at_slow(struct view *view, const struct mm *mm, uintptr_t addr)
{
    uintptr_t end;
    const struct page_table *leaf = leaf_table(view->world, mm, addr, &end);

    if (!leaf)
        return 0;
    view_learn(view, mm, leaf, end);
    return leaf->entry[table_index(addr, 0)];
}

static uintptr_t page_ceiling(uintptr_t n)
{
    return (n + PAGE_SIZE - 1) & PAGE_MASK;
}

const struct vma *vma_at_hand(const struct world *world, const struct mm *mm, uintptr_t addr)
{
    const struct vma *vma;

    for (unsigned i = 0; i < VMACACHE_SLOTS; i++) {
        vma = mm->vmacache.slot[i];
        if (vma && vma_live(world, vma) && vma->vm_mm == mm && vma->vm_start <= addr &&
            addr < vma->vm_end)
            return vma;
    }
    for (uint32_t i = 0; i < world->notes.n && i < 4; i++) {
        vma = world->notes.note[i].vma;
        if (vma_live(world, vma) && vma->vm_mm == mm && vma->vm_start <= addr && addr < vma->vm_end)
            return vma;
    }
    return NULL;
}

/* First VMA that ends above addr. */
static const struct vma *first_above(const struct world *world, const struct mm *mm, uintptr_t addr)
{
    const struct vma *vma = vma_at_hand(world, mm, addr);

    return vma ? vma : tree_find(world, mm, addr);
}

/* False: there are more tables than there can be (pgtable.pages). */
static bool next_leaf(struct entry_walk *w)
{
    w->leaf = leaf_or_huge(w->world, w->mm, w->at, &w->leaf_end, &w->huge);
    return !w->leaf || w->tables_left--;
}

void entry_walk_start(struct entry_walk *w, const struct world *world, const struct mm *mm,
                      uintptr_t start, uintptr_t end)
{
    const uintptr_t top = world->config.task_size << PAGE_SHIFT;

    *w = (struct entry_walk){
        .world = world,
        .mm = mm,
        .at = start & PAGE_MASK,
        .end = end < top ? page_ceiling(end) : top,
        .vmas_left = world->pool[POOL_VMA].nlive,
        .tables_left = world->pool[POOL_TABLE].nlive,
    };
    if (!mm->pgd || w->at >= w->end)
        w->end = 0;
    else if (start)
        w->vma = first_above(world, mm, start);
    else if (vma_live(world, mm->mmap))
        w->vma = mm->mmap;
}

void entry_walk_lead(struct entry_walk *w, struct view *view)
{
    const unsigned i = w->mm->id % MAX_PROCS;

    if (w->at >= w->end)
        return;
    if (view_knows(view, w->mm, w->at)) {
        w->leaf = view->last[i].leaf;
        w->leaf_end = view->last[i].end;
        w->tables_left--;
        return;
    }
    if (!next_leaf(w))
        w->end = 0;
    else if (w->leaf)
        view_learn(view, w->mm, w->leaf, w->leaf_end);
}

/* The VMA that has the address where the walk is; NULL: none. */
static inline const struct vma *vma_here(struct entry_walk *w)
{
    while (w->vma && w->vma->vm_end <= w->at) {
        w->vma = w->vma->vm_next;
        if (!w->vmas_left-- || !vma_live(w->world, w->vma))
            w->vma = NULL; /* the end, or list.tree */
    }
    return w->vma && w->vma->vm_start <= w->at ? w->vma : NULL;
}

/* The first entry from w->at on, or where the table or the walk ends. */
static uintptr_t skip_empty(const struct entry_walk *w)
{
    const unsigned first = table_index(w->at, 0);
    const uintptr_t end = w->leaf_end < w->end ? w->leaf_end : w->end;
    const unsigned last = first + (unsigned)((end - w->at) >> PAGE_SHIFT);

    return w->at + ((uintptr_t)(next_entry(w->leaf, first, last) - first) << PAGE_SHIFT);
}

/* The huge entry where the walk is. */
static __attribute__((cold, noinline)) void take_huge(struct entry_walk *w, struct entry *e)
{
    *e = (struct entry){
        .mm = w->mm,
        .vma = vma_here(w),
        .addr = w->leaf_end - table_span(0),
        .pte = w->huge,
        .huge = true,
    };
    if (maps_a_frame(w->huge))
        e->page = page_at(w->world, pte_number(w->huge));
    if (e->page && !(e->page->flags & PG_HEAD && head_of(w->world, e->page) == e->page))
        e->page = NULL; /* it has been split */
    e->head = e->page;
    w->huge = 0;
    w->at = w->leaf_end;
}

bool entry_walk_next(struct entry_walk *w, struct entry *e)
{
    while (w->at < w->end) {
        pte_t pte;

        if (w->at >= w->leaf_end && !next_leaf(w))
            return false;
        if (unlikely(w->huge)) {
            take_huge(w, e);
            return true;
        }
        w->at = w->leaf ? skip_empty(w) : w->leaf_end;
        if (w->at >= w->end || w->at >= w->leaf_end)
            continue;
        pte = w->leaf->entry[table_index(w->at, 0)];
        *e = (struct entry){.mm = w->mm, .vma = vma_here(w), .addr = w->at, .pte = pte};
        if (maps_a_frame(pte)) {
            e->page = page_at(w->world, pte_number(pte));
            e->head = e->page ? head_of(w->world, e->page) : NULL;
        } else if (is_swapped(pte))
            e->slot = slot_at(w->world, pte_number(pte));
        w->at += PAGE_SIZE;
        return true;
    }
    return false;
}

static void next_process(struct all_entries *w)
{
    const struct mm *mm = NULL;

    while (w->proc < MAX_PROCS && !mm_live(w->world, mm = w->world->proc[w->proc]))
        w->proc++;
    if (w->proc++ < MAX_PROCS) {
        entry_walk_start(&w->walk, w->world, mm, 0, UINTPTR_MAX);
    } else {
        w->walk = (struct entry_walk){.world = NULL};
    }
}

void all_entries_start(struct all_entries *w, const struct world *world)
{
    w->world = world;
    w->proc = 0;
    next_process(w);
}

bool all_entries_next(struct all_entries *w, struct entry *e)
{
    while (!entry_walk_next(&w->walk, e)) {
        if (w->proc >= MAX_PROCS)
            return false;
        next_process(w);
    }
    return true;
}

/* ---- pgtable.inside ---- */
bool entry_broken(const struct entry *e, enum law_id law, const char *site, struct verdict *v)
{
    return law_broken(
        v, law, site, e->mm->id, e->addr,
        "page %#" PRIxPTR " has %s %" PRIu32 " (%s) in VMA %#" PRIxPTR "-%#" PRIxPTR " (%s): %s",
        e->addr >> PAGE_SHIFT, e->pte & PTE_SWAP ? "slot" : "frame", pte_number(e->pte),
        ENTRY_TEXT(e->pte), (e->vma ? e->vma->vm_start : 0) >> PAGE_SHIFT,
        (e->vma ? e->vma->vm_end : 0) >> PAGE_SHIFT, e->vma ? FLAGS_TEXT(e->vma->vm_flags) : "none",
        site);
}

/* Which bits may be together. */
static bool bits_make_sense(pte_t pte, bool huge)
{
    const pte_t known = PTE_PRESENT | PTE_WRITE | PTE_DIRTY | PTE_YOUNG | PTE_SPECIAL | PTE_SWAP |
                        PTE_MIGRATION | PTE_EXCLUSIVE;
    const pte_t flags = (pte & ((1U << PTE_SHIFT) - 1)) ^ (huge ? PTE_HUGE : 0);

    if (flags & ~known || (huge && !(pte & PTE_PRESENT)))
        return false;
    if (pte & PTE_PRESENT)
        return !(pte & (PTE_SWAP | PTE_MIGRATION | PTE_EXCLUSIVE)) &&
               (!(pte & PTE_SPECIAL) || !pte_number(pte));
    return flags == PTE_SWAP || flags == (PTE_SWAP | PTE_EXCLUSIVE);
}

/* A huge entry is private anonymous memory's, all of it in one VMA. */
static const char *huge_illegal(const struct entry *e)
{
    if (unlikely(e->vma->vm_start > e->addr || e->vma->vm_end - e->addr < HPAGE_SIZE))
        return "huge-outside";
    return unlikely(e->vma->vm_ops || (e->vma->vm_flags & (VM_SHARED | VM_MAYSHARE)))
               ? "huge-of-file"
               : NULL;
}

const char *entry_illegal(const struct entry *e)
{
    const uint64_t shared = VM_SHARED | VM_MAYSHARE;
    const pte_t pte = e->pte;
    const struct vma *vma = e->vma;

    if (unlikely(!vma))
        return "outside";
    if (unlikely((pte & (PTE_PRESENT | PTE_MIGRATION)) == PTE_MIGRATION))
        return "migration";
    if (unlikely(!bits_make_sense(pte, e->huge)))
        return "bits";
    if (unlikely(vma->vm_flags & (VM_IO | VM_PFNMAP | VM_HUGETLB)))
        return "no-memory";
    if (e->page && is_ksm(e->page))
        return ksm_entry_illegal(e);
    if (pte & PTE_WRITE) {
        if (unlikely(!(vma->vm_flags & VM_WRITE)))
            return "writable";
        if (unlikely(pte & PTE_SPECIAL))
            return "writable-zeroes";
        if (unlikely(e->page && !(e->head->mapping & PAGE_MAPPING_ANON) &&
                     !(vma->vm_flags & shared)))
            return "writable-file-page";
    }
    if (unlikely((pte & PTE_SPECIAL) && (vma->vm_file || (vma->vm_flags & shared))))
        return "zeroes-of-file";
    if (unlikely((pte & PTE_SWAP) && !vma->anon_vma))
        return "swap-unfaulted";
    return unlikely(e->huge) ? huge_illegal(e) : NULL;
}

bool pgtable_inside_full(const struct world *world, struct verdict *v)
{
    struct all_entries w;
    struct entry e;

    all_entries_start(&w, world);
    while (all_entries_next(&w, &e)) {
        const char *site = entry_illegal(&e);

        if (unlikely(site != NULL))
            return entry_broken(&e, LAW_PGTABLE_INSIDE, site, v);
    }
    return true;
}

/* ---- pgtable.pages ---- */
struct table_walk {
    const struct world *world;
    const struct mm *mm;
    const struct vma *vma; /* first that ends above what is visited */
    uintptr_t start, end;  /* tables outside are not visited */
    bool ordered;          /* vma follows the tables, which come in order from the lowest */
    uint64_t weight;       /* sum of the tables linked */
    uint64_t huge;         /* huge entries of this process, among those visited */
    uint32_t linked, mine; /* by all processes, by this one */
    struct verdict *v;
};

static bool table_broken(const struct table_walk *w, const char *site, uintptr_t addr,
                         unsigned level)
{
    return law_broken(w->v, LAW_PGTABLE_PAGES, site, w->mm->id, addr,
                      "process %" PRIu32 ", table of level %u for %#" PRIxPTR "-%#" PRIxPTR ": %s",
                      w->mm->id, level, addr >> PAGE_SHIFT,
                      (addr + table_span(level)) >> PAGE_SHIFT, site);
}

/* Is there a VMA in what the table covers? */
static bool covers_some(struct table_walk *w, uintptr_t addr, unsigned level)
{
    uint32_t left = w->world->pool[POOL_VMA].nlive;
    const uintptr_t end = addr + table_span(level);
    const struct vma *vma = w->vma;

    if (!w->ordered) {
        if (vma && vma->vm_start < end && vma->vm_end > addr)
            return true;
        vma = tree_find(w->world, w->mm, addr);
        return vma && vma->vm_start < end;
    }
    while (vma && vma->vm_end <= addr && left--) {
        vma = vma->vm_next;
        if (!vma_live(w->world, vma))
            vma = NULL;
    }
    w->vma = vma;
    return vma && vma->vm_start < end;
}

static bool table_ok(struct table_walk *w, const struct page_table *table, uintptr_t addr,
                     unsigned level)
{
    const uintptr_t span = table_span(level) >> TABLE_BITS;
    uintptr_t at = w->start > addr ? addr + ((w->start - addr) & ~(span - 1)) : addr;

    if (unlikely(!table))
        return table_broken(w, "dead-table", addr, level);
    w->mine++;
    w->weight += law_weight((uintptr_t)table);
    if (unlikely(++w->linked > w->world->pool[POOL_TABLE].nlive))
        return table_broken(w, "linked-twice", addr, level);
    if (unlikely(!covers_some(w, addr, level)))
        return table_broken(w, "nobody-needs-it", addr, level);
    for (; level && at < w->end && at < addr + table_span(level); at += span) {
        const uint64_t next = table->entry[table_index(at, level)];

        if (unlikely(next & HUGE_ENTRY) && level == 1)
            w->huge++;
        else if (next && !table_ok(w, table_at(w->world, next - 1), at, level - 1))
            return false;
    }
    return true;
}

static bool top_table_ok(struct table_walk *w)
{
    const struct page_table *pgd = w->mm->pgd;

    w->mine = 0;
    w->huge = 0;
    return !pgd ||
           table_ok(w, object_live(w->world, POOL_TABLE, pgd) ? pgd : NULL, 0, TABLE_LEVELS - 1);
}

/* The tables kept for huge entries, after all of these have been counted. */
static bool deposited_ok(struct table_walk *w)
{
    const struct page_table *table = w->mm->deposited;
    uint64_t kept = 0;

    for (; table; kept++) {
        if (unlikely(!object_live(w->world, POOL_TABLE, table)))
            return table_broken(w, "dead-deposited", 0, 0);
        w->mine++;
        w->weight += law_weight((uintptr_t)table);
        if (unlikely(++w->linked > w->world->pool[POOL_TABLE].nlive))
            return table_broken(w, "linked-twice", 0, 0);
        if (!table->entry[0])
            table = NULL;
        else if (!(table = table_at(w->world, table->entry[0] - 1)))
            return table_broken(w, "dead-deposited", 0, 0);
    }
    if (likely(kept == w->huge))
        return true;
    return law_broken(w->v, LAW_PGTABLE_PAGES, "deposited", w->mm->id, 0,
                      "process %" PRIu32 " has %" PRIu64 " huge entries, and %" PRIu64
                      " tables kept for them",
                      w->mm->id, w->huge, kept);
}

bool deposits_ok(const struct world *world, const struct mm *mm, struct verdict *v)
{
    struct table_walk w = {
        .world = world,
        .mm = mm,
        .vma = vma_live(world, mm->mmap) ? mm->mmap : NULL,
        .end = world->config.task_size << PAGE_SHIFT,
        .ordered = true,
        .v = v,
    };

    return top_table_ok(&w) && deposited_ok(&w);
}

bool tables_of_range_ok(const struct entry_walk *w, uintptr_t start, uintptr_t end,
                        struct verdict *v)
{
    struct table_walk tables;

    /* What most calls touch: one lowest table, which is there, as are those above, and a VMA in it,
     * and so in what those above cover. */
    if (w->leaf && w->vma && end <= w->leaf_end && w->vma->vm_start < w->leaf_end)
        return true;
    tables = (struct table_walk){
        .world = w->world, .mm = w->mm, .vma = w->vma, .start = start, .end = end, .v = v};
    return top_table_ok(&tables);
}

bool table_counts_broken(const struct world *world, const struct mm *mm, uint64_t sum,
                         struct verdict *v)
{
    if (mm)
        return law_broken(v, LAW_PGTABLE_PAGES, "count", mm->id, 0,
                          "nr_tables is %" PRIu32 ", the process has %s", mm->nr_tables,
                          mm->pgd ? "some" : "none");
    return law_broken(v, LAW_PGTABLE_PAGES, "count", NOWHERE,
                      "the processes count %" PRIu64 " page tables, the pool has %" PRIu32, sum,
                      world->pool[POOL_TABLE].nlive);
}

bool pgtable_pages_full(const struct world *world, struct verdict *v)
{
    struct table_walk w = {
        .world = world, .end = world->config.task_size << PAGE_SHIFT, .ordered = true, .v = v};
    const struct pool *pool = &world->pool[POOL_TABLE];
    uint32_t mine[MAX_PROCS];
    const char *site = NULL;
    uint64_t weight = 0;
    unsigned i;

    for_each_mm (world, i, w.mm) {
        w.vma = vma_live(world, w.mm->mmap) ? w.mm->mmap : NULL;
        if (!top_table_ok(&w) || !deposited_ok(&w))
            return false;
        mine[i] = w.mine;
    }
    for (uint32_t n = 0; n < pool->used; n++)
        weight += table_at(world, n) ? law_weight((uintptr_t)table_at(world, n)) : 0;
    if (unlikely(w.linked != pool->nlive))
        site = "lost";
    else if (unlikely(w.weight != weight))
        site = "linked-twice";
    for_each_mm (world, i, w.mm)
        if (!site && unlikely(mine[i] != w.mm->nr_tables))
            return law_broken(v, LAW_PGTABLE_PAGES, "count", i, 0,
                              "nr_tables is %" PRIu32 ", the process has %" PRIu32, w.mm->nr_tables,
                              mine[i]);
    if (likely(!site))
        return true;
    return law_broken(v, LAW_PGTABLE_PAGES, site, NOWHERE,
                      "%" PRIu32 " page tables are live, the processes link %" PRIu32 ": %s",
                      pool->nlive, w.linked, site);
}
