/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The arena of a world: struct world, the links of all pools, then their objects, all at fixed
 * offsets of a fixed address. So two runs give the same pointers, and an object finds its world by
 * masking its own address.
 */
#include "model/internal.h"
#include "model/poison.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct page) == 64, "a page is one cache line");
_Static_assert(POOL_HUGE == POOL_PAGE + 1, "numbers of frames go on from one to the other");

#ifdef POISON_ASAN
_Static_assert(sizeof(struct mempolicy) % POISON_WORD == 0, "see poison.h");
_Static_assert(sizeof(struct anon_vma_name) % POISON_WORD == 0, "see poison.h");
_Static_assert(sizeof(struct swap_slot) % POISON_WORD == 0, "see poison.h");
struct poison poison;
#endif

#define ARENA_BASE 0x200000000000UL /* application memory in every sanitizer's layout */
#define NR_ARENAS 8
#define POOL_QUARANTINE 16 /* freed objects that wait before the first of them is used again */

const char *const rules_names[NR_RULES] = {"linux-4.4", "linux-5.10", "linux-6.1", "linux-6.12",
                                           "linux-6.18"};

const struct world_config world_config_default = {
    .rules = RULES_LINUX_6_18,
    .task_size = 4096,
    .mmap_base = 3840,
    .mmap_min_addr = 16,
    .start_brk = 512,
    .stack_guard_gap = 256,
    .max_map_count = 65530,
    .total_ram = 65536,
    .admin_reserve = 64,
    .user_reserve = 64,
};

const char *const event_names[NR_EVENTS] = {
    "merge-case1",
    "merge-case2",
    "merge-case3",
    "merge-case4",
    "merge-case5",
    "merge-case6",
    "merge-case7",
    "merge-case8",
    "merge-none",
    "split-low",
    "split-high",
    "split-limit",
    "split-unaligned",
    "cache-hit",
    "cache-miss",
    "cache-stale",
    "search-bottomup",
    "search-topdown",
    "search-fallback",
    "search-hint",
    "search-fail",
    "search-above-all",
    "stack-grow",
    "stack-refused",
    "brk-grow",
    "brk-shrink",
    "mremap-shrink",
    "mremap-inplace",
    "mremap-move",
    "mremap-dup",
    "mremap-multi",
    "unmap-middle",
    "unmap-many",
    "rotate",
    "alloc-failed",
    "anon-new",
    "anon-borrow",
    "anon-clone",
    "anon-import",
    "anon-fork-new",
    "anon-fork-reuse",
    "fork",
    "fork-fail",
    "exit",
    "fault-zero",
    "fault-anon",
    "fault-file-read",
    "fault-file-cow",
    "fault-file-shared",
    "fault-spurious",
    "cow-copy",
    "cow-reuse",
    "cow-zero",
    "cow-unshare",
    "swapin-cache",
    "swapin-read",
    "swapin-exclusive",
    "zap-present",
    "zap-swap",
    "table-freed",
    "fork-share",
    "fork-copy-pinned",
    "fork-swap",
    "move-pte",
    "move-undone",
    "lazyfree",
    "lazyfree-discard",
    "lazyfree-restore",
    "reclaim-freed",
    "reclaim-kept",
    "reclaim-refused",
    "munlock-kept",
    "munlock-cleared",
    "swapoff-page",
    "migrate",
    "migrate-refused",
    "pin",
    "ksm-stable",
    "ksm-merge",
    "ksm-zero",
    "ksm-split",
    "ksm-break",
    "ksm-swapin",
    "ksm-gone",
    "idle-set",
    "rmap-miss",
    "rmap-hit",
    "huge-fault",
    "huge-zero",
    "huge-fallback",
    "huge-cow-reuse",
    "huge-cow-copy",
    "huge-split-entry",
    "huge-split-page",
    "huge-split-zero",
    "huge-split-refused",
    "huge-zap",
    "huge-fork",
    "huge-move",
    "huge-lazyfree",
    "collapse",
    "collapse-refused",
};

static const struct pool_kind {
    const char *name;
    uint32_t size, capacity;
} pool_kinds[NR_POOLS] = {
    [POOL_MM] = {"mm", sizeof(struct mm), MAX_PROCS},
    [POOL_VMA] = {"vma", sizeof(struct vma), 1U << 18},
    [POOL_FILE] = {"file", sizeof(struct file), 1U << 16},
    [POOL_MAPPING] = {"mapping", sizeof(struct address_space), 1U << 16},
    [POOL_POLICY] = {"policy", sizeof(struct mempolicy), 1U << 16},
    [POOL_NAME] = {"name", sizeof(struct anon_vma_name), 1U << 16},
    [POOL_UFFD] = {"uffd", sizeof(struct userfaultfd_ctx), 64},
    [POOL_ANON_VMA] = {"anon_vma", sizeof(struct anon_vma), 1U << 17},
    [POOL_ANON_VMA_CHAIN] = {"anon_vma_chain", sizeof(struct anon_vma_chain), 1U << 19},
    [POOL_PAGE] = {"page", sizeof(struct page), 1U << 20},
    [POOL_HUGE] = {"huge_page", sizeof(struct huge_page), MAX_HUGE_PAGES},
    [POOL_TABLE] = {"page_table", sizeof(struct page_table), 1U << 15},
    [POOL_SLOT] = {"swap_slot", sizeof(struct swap_slot), 1U << 20},
    [POOL_KSM_NODE] = {"ksm_node", sizeof(struct ksm_node), 1U << 16},
    [POOL_KSM_ITEM] = {"ksm_item", sizeof(struct ksm_item), 1U << 18},
};

static size_t links_size(enum pool_id id)
{
    return page_align(pool_kinds[id].capacity * 4UL);
}
static size_t objects_size(enum pool_id id)
{
    return page_align((size_t)pool_kinds[id].capacity * pool_kinds[id].size);
}

static size_t arena_used(void)
{
    size_t size = page_align(sizeof(struct world));

    for (enum pool_id id = 0; id < NR_POOLS; id++)
        size += links_size(id) + objects_size(id);
    return size;
}

static void pools_place(struct world *world)
{
    char *at = (char *)world + page_align(sizeof(struct world));

    for (enum pool_id id = 0; id < NR_POOLS; id++) {
        world->pool[id] = (struct pool){
            .name = pool_kinds[id].name,
            .link = (uint32_t *)(void *)at,
            .size = pool_kinds[id].size,
            .capacity = pool_kinds[id].capacity,
            .free_head = POOL_NONE,
            .free_tail = POOL_NONE,
        };
        at += links_size(id);
    }
    for (enum pool_id id = 0; id < NR_POOLS; id++) {
        world->pool[id].base = at;
        poison_start(at, objects_size(id));
        at += objects_size(id);
    }
}

struct world *world_new(unsigned slot)
{
    char *at = (char *)ARENA_BASE + slot * ARENA_SIZE;
    void *arena;

    if (slot >= NR_ARENAS) {
        errno = EINVAL;
        return NULL;
    }
    arena = mmap(at, arena_used(), PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (arena == MAP_FAILED)
        return NULL;
    if (arena != at) { /* a kernel that takes the address for a hint */
        munmap(arena, arena_used());
        errno = EEXIST;
        return NULL;
    }
    pools_place(arena);
    /* A large world's VMAs are everywhere: in small pages, most of its time goes into TLB misses.
     * It is advice: that some kernels have no such pages does no harm. */
    madvise(((struct world *)arena)->pool[POOL_VMA].base, objects_size(POOL_VMA), MADV_HUGEPAGE);
    world_reset(arena, &world_config_default);
    return arena;
}

void world_destroy(struct world *world)
{
    if (!world)
        return;
    poison_end(world, arena_used());
    munmap(world, arena_used());
}

static bool config_makes_sense(const struct world_config *c)
{
    return (unsigned)c->rules < NR_RULES && c->task_size >= 64 && c->task_size <= 1UL << 24 &&
           c->mmap_base <= c->task_size && c->start_brk < c->task_size &&
           c->mmap_min_addr < c->task_size && c->stack_guard_gap < c->task_size &&
           c->overcommit <= 2;
}

/* Links and contents stay as they are: what lies beyond `used` is not looked at. */
static void pools_empty(struct world *world)
{
    for (struct pool *pool = world->pool; pool < world->pool + NR_POOLS; pool++) {
        if (pool->used)
            poison_object(pool->base, (size_t)pool->used * pool->size);
        pool->used = pool->nlive = pool->nfree = 0;
        pool->free_head = pool->free_tail = POOL_NONE;
    }
}

static void mm_start(struct world *world)
{
    const struct world_config *config = &world->config;
    struct mm *mm = pool_alloc(world, POOL_MM);

    object_fill(mm, 0, sizeof(*mm));
    mm->world = world;
    mm->task_size = config->task_size << PAGE_SHIFT;
    mm->legacy_layout = config->legacy_layout;
    mm->mmap_base = mm->legacy_layout ? task_unmapped_base(mm) : config->mmap_base << PAGE_SHIFT;
    mm->start_brk = mm->brk = config->start_brk << PAGE_SHIFT;
    mm->rlimit[MM_RLIMIT_AS] = mm->rlimit[MM_RLIMIT_DATA] = MM_RLIM_INFINITY;
    mm->rlimit[MM_RLIMIT_STACK] = mm->rlimit[MM_RLIMIT_MEMLOCK] = 2048;
    mm->id = world->nr_procs;
    world->proc[world->nr_procs++] = mm;
}

int world_reset(struct world *world, const struct world_config *config)
{
    if (!config_makes_sense(config))
        return -EINVAL;
    pools_empty(world);
    world->config = *config;
    world->fault_reached = world->fault_triggered = 0;
    world->committed_as = 0;
    world->nr_procs = 0;
    memset(world->proc, 0, sizeof(world->proc));
    memset(world->fd, 0, sizeof(world->fd));
    memset(world->uffd, 0, sizeof(world->uffd));
    memset(world->pin, 0, sizeof(world->pin));
    memset(world->candidate, 0, sizeof(world->candidate));
    world->next_candidate = 0;
    memset(world->events, 0, sizeof(world->events));
    world->trap = TRAP_NONE;
    world->trap_reason = NULL;
    world_begin(world, 0);
    mm_start(world);
    world->nr_allocs = 0;
    return 0;
}

/* The budget grows with what a call may have to walk: more than a full walk with a rebalancing and
 * a merge per VMA takes, a fault for each page of an address space, and for each page a walk of its
 * reverse map, or the search for one like it (with KSM: for each page through the VMAs of everybody
 * who shares it; of a part of a compound page through all that others have in its place); and still
 * only milliseconds where a loop never ends.
 */
static uint64_t step_budget(const struct world *world)
{
    const struct pool *pool = world->pool;
    const uint64_t vmas = pool[POOL_VMA].nlive + pool[POOL_ANON_VMA_CHAIN].nlive;
    const uint64_t items = pool[POOL_KSM_ITEM].nlive;
    const uint64_t sharers =
        items < KSM_MAX_SHARING || world->config.rules == RULES_LINUX_4_4 ? items : KSM_MAX_SHARING;
    const uint64_t pages = pool[POOL_PAGE].nlive + pool[POOL_SLOT].nlive + 16 * items +
                           (uint64_t)pool[POOL_HUGE].nlive * HPAGE_PAGES;

    return 256 * (vmas + 2 * pages + 1024) + pages * pool[POOL_VMA].nlive +
           8 * items * sharers * vmas + 64 * world->config.task_size +
           pages * pool[POOL_HUGE].nlive * HPAGE_PAGES;
}

void world_begin(struct world *world, uint64_t fail_nth)
{
    struct notes *notes = &world->notes;

    notes->n = notes->nranges = notes->nptes = notes->npages = 0;
    notes->overflow = notes->page_overflow = false;
    notes->cache_touched = 0;
    notes->forked = NULL;
    world->search.done = false;
    world->locks = (struct lock_state){NULL, NULL, NULL};
    world->fail_countdown = fail_nth;
    world->steps_left = step_budget(world);
}

void world_exit(struct world *world)
{
    world_begin(world, 0);
    for (unsigned i = 0; i < MAX_PROCS; i++)
        if (world->proc[i])
            mm_exit(world->proc[i]);
    for (unsigned i = 0; i < MAX_FDS; i++) {
        if (world->fd[i])
            file_close(world, i);
        uffd_put(world, world->uffd[i]);
        world->uffd[i] = NULL;
    }
    for (unsigned i = 0; i < MAX_PINS; i++)
        if (world->pin[i].used)
            world_unpin(world, i);
}

void world_trap(struct world *world, enum trap trap, const char *reason)
{
    world->trap = trap;
    world->trap_reason = reason;
    if (world->on_trap)
        siglongjmp(*world->on_trap, 1);
    fprintf(stderr, "model trap: %s\n", reason);
    abort();
}

/* ---- notes ---- */
void note_vma_slow(struct notes *notes, struct vma *vma, uint32_t kind)
{
    for (uint32_t i = 0; i < notes->n; i++) {
        if (notes->note[i].vma == vma) {
            notes->note[i].kind |= kind;
            return;
        }
    }
    if (notes->n == MAX_NOTES)
        notes->overflow = true;
    else
        notes->note[notes->n++] = (struct note){vma, kind};
}

void note_forget(struct world *world, const struct vma *vma)
{
    struct notes *notes = &world->notes;

    for (uint32_t i = 0; i < notes->n; i++) {
        if (notes->note[i].vma == vma) {
            notes->note[i] = notes->note[--notes->n];
            return;
        }
    }
}

static uint32_t forget_ranges(struct note_range *ranges, uint32_t n, const struct mm *mm)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < n; i++)
        if (ranges[i].mm != mm)
            ranges[kept++] = ranges[i];
    return kept;
}

void note_forget_mm(struct world *world, const struct mm *mm)
{
    struct notes *notes = &world->notes;

    notes->nranges = forget_ranges(notes->range, notes->nranges, mm);
    notes->nptes = forget_ranges(notes->ptes, notes->nptes, mm);
}

static uintptr_t distance(const struct note_range *range, uintptr_t start, uintptr_t end)
{
    if (start > range->end)
        return start - range->end;
    return range->start > end ? range->start - end : 0;
}

/* One range more, or a wider one. */
static void add_range(struct mm *mm, uintptr_t start, uintptr_t end, struct note_range *ranges,
                      uint32_t *n, uint32_t max)
{
    struct note_range *nearest = NULL;
    uintptr_t best = UINTPTR_MAX;

    if (end > mm->task_size)
        end = mm->task_size;
    if (start >= end)
        return;
    for (struct note_range *r = ranges; r < ranges + *n && best > 0; r++) {
        if (r->mm == mm && distance(r, start, end) < best) {
            best = distance(r, start, end);
            nearest = r;
        }
    }
    if (best > 0 && *n < max) {
        ranges[(*n)++] = (struct note_range){mm, start, end};
        return;
    }
    if (!nearest) {
        mm->world->notes.overflow = true;
        return;
    }
    if (start < nearest->start)
        nearest->start = start;
    if (end > nearest->end)
        nearest->end = end;
}

void note_range(struct mm *mm, uintptr_t start, uintptr_t end)
{
    struct notes *notes = &mm->world->notes;

    add_range(mm, start, end, notes->range, &notes->nranges, MAX_NOTE_RANGES);
}

void note_ptes(struct mm *mm, uintptr_t start, uintptr_t end)
{
    struct notes *notes = &mm->world->notes;

    add_range(mm, start, end, notes->ptes, &notes->nptes, MAX_PTE_RANGES);
}

void note_page(struct world *world, struct page *page)
{
    struct notes *notes = &world->notes;

    page = compound_head(page);
    for (uint32_t i = notes->npages; i > 0; i--)
        if (notes->page[i - 1] == page)
            return;
    if (notes->npages < MAX_NOTE_PAGES)
        notes->page[notes->npages++] = page;
    else
        notes->page_overflow = true;
}

void note_forget_page(struct world *world, const struct page *page)
{
    struct notes *notes = &world->notes;

    for (uint32_t i = 0; i < notes->npages; i++) {
        if (notes->page[i] == page) {
            notes->page[i] = notes->page[--notes->npages];
            return;
        }
    }
}

/* ---- pools ---- */
/* Freed objects are used again first in, first out, and not before a few others wait: a stale
 * pointer meets poison for a while (model.bug). */
void *pool_alloc(struct world *world, enum pool_id id)
{
    struct pool *pool = &world->pool[id];
    uint32_t n;
    void *object;

    world->nr_allocs++;
    if (unlikely(world->fail_countdown) && --world->fail_countdown == 0)
        goto failed;
    if (pool->nfree >= POOL_QUARANTINE || (pool->nfree && pool->used == pool->capacity)) {
        n = pool->free_head;
        pool->free_head = pool->link[n];
        pool->nfree--;
    } else if (likely(pool->used < pool->capacity)) {
        n = pool->used++;
    } else {
        goto failed;
    }
    pool->link[n] = POOL_LIVE;
    pool->nlive++;
    object = pool->base + (size_t)n * pool->size;
    unpoison_object(object, pool->size);
    return object;
failed:
    event(world, EV_ALLOC_FAILED);
    return NULL;
}

/* Number of the object, POOL_NONE if it is none that was ever handed out. */
static inline uint32_t pool_number(const struct pool *pool, const void *object)
{
    uintptr_t offset = (uintptr_t)object - (uintptr_t)pool->base;
    uint32_t n;

    if (offset >= (uintptr_t)pool->used * pool->size)
        return POOL_NONE;
    n = (uint32_t)offset / pool->size; /* a pool is smaller than 4 GiB */
    return n * pool->size == offset ? n : POOL_NONE;
}

void pool_free(struct world *world, enum pool_id id, void *object)
{
    struct pool *pool = &world->pool[id];
    uint32_t n = pool_number(pool, object);

    world_bug_on(world, n == POOL_NONE);
    if (unlikely(pool->link[n] != POOL_LIVE))
        world_trap(world, TRAP_DOUBLE_FREE, pool->name);
    object_fill(object, POOL_POISON, pool->size);
    poison_object(object, pool->size);
    pool->link[n] = POOL_NONE;
    if (pool->nfree)
        pool->link[pool->free_tail] = n;
    else
        pool->free_head = n;
    pool->free_tail = n;
    pool->nfree++;
    pool->nlive--;
}

bool pool_is_live(const struct pool *pool, const void *object)
{
    uint32_t n = pool_number(pool, object);

    return n != POOL_NONE && pool->link[n] == POOL_LIVE;
}

void *pool_object(const struct pool *pool, uint32_t n)
{
    return pool->link[n] == POOL_LIVE ? pool->base + (size_t)n * pool->size : NULL;
}
