/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls that are known to show a difference which is no news. They are avoided before anybody makes
 * them, so that a run goes on, and a find is not shrunk to one of them.
 */
#include "harness/linux/linux.h"

#include <sys/mman.h>
#include <sys/sysinfo.h>

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

/* Of the call's range: nothing lies beyond the world. */
static uint64_t range_end(const struct world *world, const struct call *c)
{
    const uint64_t task = world->config.task_size << PAGE_SHIFT;

    return c->addr > task || c->len > task - c->addr ? task : c->addr + c->len;
}

/* The first that ends above addr. NULL: none. */
static const struct vma *vma_above(const struct mm *mm, uint64_t addr)
{
    const struct vma *vma = mm->mmap;

    while (vma && vma->vm_end <= addr)
        vma = vma->vm_next;
    return vma;
}

/* Has a VMA of [addr, addr + len) any of these flags? */
static bool any_vma(const struct mm *mm, uint64_t addr, uint64_t len, uint64_t flags)
{
    for (const struct vma *vma = mm->mmap; vma; vma = vma->vm_next)
        if (vma->vm_end > addr && vma->vm_start < addr + len && (vma->vm_flags & flags))
            return true;
    return false;
}

static bool dontunmap_locked(const struct world *world, const struct call *c)
{
    return c->kind == OP_MREMAP && (c->flags & MREMAP_DONTUNMAP) &&
           any_vma(world->proc[c->proc], c->addr, c->len, VM_LOCKED);
}

/* The flaw of the fault dontunmap-account-wrong-vma. */
static bool dontunmap_account(const struct world *world, const struct call *c)
{
    const struct vma *vma;

    if (c->kind != OP_MREMAP || !(c->flags & MREMAP_DONTUNMAP) || linux_is_since(6, 1))
        return false;
    vma = vma_above(world->proc[c->proc], c->addr);
    return vma && vma->vm_start < c->addr && (vma->vm_flags & VM_ACCOUNT) &&
           c->addr + c->len < vma->vm_end;
}

/* The stack that an access might make grow; NULL: none. */
static const struct vma *stack_to_grow(const struct world *world, const struct call *c)
{
    const struct vma *vma;

    if (!linux_is_access(c))
        return NULL;
    vma = vma_above(world->proc[c->proc], c->addr);
    return vma && vma->vm_start > c->addr && (vma->vm_flags & VM_GROWSDOWN) ? vma : NULL;
}

static bool stack_below_zero(const struct world *world, const struct call *c)
{
    const struct vma *vma = stack_to_grow(world, c);

    return vma && vma->vm_pgoff < (vma->vm_start - (c->addr & PAGE_MASK)) >> PAGE_SHIFT;
}

static bool remote_growth(const struct world *world, const struct call *c)
{
    const bool remote = c->kind == OP_PEEK || c->kind == OP_POKE || c->kind == OP_FORCE;
    const struct vma *vma = remote && !linux_is_since(6, 1) ? stack_to_grow(world, c) : NULL;

    return vma && (vma->vm_flags & VM_LOCKED);
}

static uint64_t guarded_start(const struct vma *vma)
{
    const uint64_t gap = vma->vm_mm->world->config.stack_guard_gap << PAGE_SHIFT;

    if (!(vma->vm_flags & VM_GROWSDOWN))
        return vma->vm_start;
    return vma->vm_start < gap ? 0 : vma->vm_start - gap;
}

static bool fits(uint64_t from, uint64_t to, uint64_t len)
{
    return from < to && to - from >= len;
}

/* What a search from above makes of a hole below vma: the length fits; or its limit afterwards. */
static bool takes_hole(const struct mm *mm, const struct vma *vma, uint64_t len, uint64_t *limit)
{
    const struct world_config *w = &mm->world->config;
    const uint64_t low = w->mmap_min_addr << PAGE_SHIFT;
    const uint64_t from = vma->vm_prev ? vma->vm_prev->vm_end : 0;

    for (;; *limit = guarded_start(vma)) {
        const uint64_t to = vma->vm_start < *limit ? vma->vm_start : *limit;

        if (!fits(from > low ? from : low, to, len))
            return false;
        if (guarded_start(vma) >= to)
            return true;
    }
}

/* Guard gaps have kept the search from above from every hole, but for those that it does not see:
 * then it goes on from below, where one that starts low enough is found. */
static bool falls_back(const struct mm *mm, uint64_t len)
{
    const struct world_config *w = &mm->world->config;
    const struct vma *last = mm->mmap;
    uint64_t limit = w->mmap_base << PAGE_SHIFT;

    while (last && last->vm_next)
        last = last->vm_next;
    if (!last || fits(last->vm_end, limit, len))
        return false;
    for (; last; last = last->vm_prev)
        if (takes_hole(mm, last, len, &limit))
            return false;
    for (const struct vma *vma = mm->mmap; vma; vma = vma->vm_next) {
        const uint64_t from = vma->vm_prev ? vma->vm_prev->vm_end : w->mmap_min_addr << PAGE_SHIFT;

        if (from < (w->task_size / 3 + 1) << PAGE_SHIFT && fits(from, guarded_start(vma), len))
            return true;
    }
    return false;
}

static bool search_from_below(const struct world *world, const struct call *c)
{
    const struct mm *mm = world->proc[c->proc];
    const uint64_t len = (c->kind == OP_MMAP ? c->len : c->new_len) + PAGE_SIZE - 1;

    if (!(c->kind == OP_MMAP && !(c->flags & (MAP_FIXED | MAP_FIXED_NOREPLACE))) &&
        !(c->kind == OP_MREMAP && !(c->flags & MREMAP_FIXED)))
        return false;
    return mm->stack_vm && (falls_back(mm, len & PAGE_MASK) ||
                            (len % HPAGE_SIZE < PAGE_SIZE && falls_back(mm, len + HPAGE_SIZE)));
}

static bool maps_regular(const struct vma *vma)
{
    return vma->vm_file && vma->vm_file->mapping->kind == FILE_REGULAR;
}

static bool ramfs(const struct world *world, const struct call *c)
{
    const bool hole = c->kind == OP_MADVISE && c->sel == MADV_REMOVE;

    if (!hole && c->kind != OP_MREMAP)
        return false;
    for (const struct vma *vma = world->proc[c->proc]->mmap; vma; vma = vma->vm_next)
        if (vma->vm_end > c->addr && vma->vm_start < range_end(world, c) && maps_regular(vma) &&
            (hole || c->addr < vma->vm_start || c->addr + c->len > vma->vm_end))
            return true;
    return false;
}

/* Of a part of a compound page: its head. */
static const struct page *head_of(const struct world *world, const struct page *page)
{
    const struct page *first = (const void *)world->pool[POOL_HUGE].base;

    return page->flags & PG_TAIL ? page - (uint64_t)(page - first) % HPAGE_PAGES : page;
}

/* The page of an entry, which may be a swap entry and the page in the cache; NULL: none, or that of
 * zeroes. Of a compound one the head, which knows more than the parts. */
static const struct page *page_at(const struct mm *mm, uintptr_t addr)
{
    const struct pool *pool = mm->world->pool;
    const pte_t pte = mm_pte(mm, addr);

    if (pte & PTE_SWAP)
        return ((struct swap_slot *)pool_object(&pool[POOL_SLOT], pte_number(pte)))->page;
    if ((pte & (PTE_PRESENT | PTE_SPECIAL)) != PTE_PRESENT)
        return NULL;
    return head_of(mm->world,
                   (const struct page *)(const void *)pool[POOL_PAGE].base + pte_number(pte));
}

/* Is there such a page in the call's range? */
static bool any_page(const struct mm *mm, const struct call *c,
                     bool (*is)(const struct page *page, pte_t pte))
{
    const uint64_t end = range_end(mm->world, c);

    for (const struct vma *vma = mm->mmap; vma; vma = vma->vm_next) {
        const uintptr_t from =
            vma->vm_start > (c->addr & PAGE_MASK) ? vma->vm_start : c->addr & PAGE_MASK;

        for (uintptr_t at = from; at < vma->vm_end && at < end; at += PAGE_SIZE) {
            const struct page *page = page_at(mm, at);

            if (page && is(page, mm_pte(mm, at)))
                return true;
        }
    }
    return false;
}

static bool is_anonymous(const struct page *page)
{
    return page->mapping & PAGE_MAPPING_ANON;
}

static bool is_of_file(const struct page *page, pte_t pte)
{
    return (pte & PTE_PRESENT) && !is_anonymous(page);
}

static bool is_left_out(const struct page *page, pte_t pte)
{
    return !(pte & PTE_PRESENT) || !is_anonymous(page) || page->mapcount > 1;
}

/* Freed, and then a device's for writing: nobody else has written. */
static bool is_a_devices(const struct page *page, pte_t pte)
{
    return (pte & PTE_PRESENT) && is_anonymous(page) && !(page->flags & PG_SWAPBACKED) &&
           (page->flags & PG_DIRTY) && !(pte & PTE_DIRTY);
}

static bool reclaims(const struct call *c)
{
    return c->kind == OP_RECLAIM || (c->kind == OP_MADVISE && c->sel == MADV_PAGEOUT);
}

static bool system_swaps(void)
{
    struct sysinfo info;

    return sysinfo(&info) || info.totalswap;
}

static bool pageout(const struct world *world, const struct call *c)
{
    return c->kind == OP_MADVISE && c->sel == MADV_PAGEOUT &&
           (any_page(world->proc[c->proc], c, is_of_file) || system_swaps());
}

static bool reclaim_others(const struct world *world, const struct call *c)
{
    return c->kind == OP_RECLAIM && any_page(world->proc[c->proc], c, is_left_out);
}

static bool willneed_swap(const struct world *world, const struct call *c)
{
    if (c->kind != OP_MADVISE || c->sel != MADV_WILLNEED)
        return false;
    for (uintptr_t at = c->addr & PAGE_MASK; at < range_end(world, c); at += PAGE_SIZE)
        if (mm_pte(world->proc[c->proc], at) & PTE_SWAP)
            return true;
    return false;
}

/* The model's page is in the swap cache, or has become dirty when it left. */
static bool is_read_in(const struct page *page, pte_t pte)
{
    return (pte & PTE_PRESENT) && is_anonymous(page) && page->mapcount > 1 &&
           (page->flags & (PG_DIRTY | PG_SWAPCACHE));
}

static bool freed_after_swap(const struct world *world, const struct call *c)
{
    return c->kind == OP_MADVISE && c->sel == MADV_FREE && system_swaps() &&
           any_page(world->proc[c->proc], c, is_read_in);
}

static bool is_shared_by_entries(const struct page *page, pte_t pte)
{
    return (pte & PTE_PRESENT) && is_anonymous(page) && page->mapcount > 1;
}

/* Of the page it is not known if it is one that a pin has unshared: there are such, that is all. */
static bool freed_after_unshare(const struct world *world, const struct call *c)
{
    return c->kind == OP_MADVISE && c->sel == MADV_FREE && world->events[EV_COW_UNSHARE] &&
           any_page(world->proc[c->proc], c, is_shared_by_entries);
}

/* Is anything in the range not mapped? */
static bool has_hole(const struct world *world, const struct call *c)
{
    const uint64_t end = range_end(world, c);
    uint64_t at = c->addr;

    for (const struct vma *vma = world->proc[c->proc]->mmap; vma && at < end; vma = vma->vm_next)
        if (vma->vm_start <= at && at < vma->vm_end)
            at = vma->vm_end;
    return at < end;
}

static bool populate_hole(const struct world *world, const struct call *c)
{
    return c->kind == OP_MADVISE &&
           (c->sel == MADV_POPULATE_READ || c->sel == MADV_POPULATE_WRITE) &&
           !linux_is_since(6, 9) && has_hole(world, c);
}

static bool pin_lazyfree(const struct world *world, const struct call *c)
{
    return reclaims(c) && any_page(world->proc[c->proc], c, is_a_devices);
}

static bool pin_shared_file(const struct world *world, const struct call *c)
{
    const struct vma *vma;

    if (c->kind != OP_PIN || !c->sel)
        return false;
    vma = vma_above(world->proc[c->proc], c->addr);
    return vma && vma->vm_start <= c->addr && maps_regular(vma) && (vma->vm_flags & VM_SHARED);
}

static bool seal_pinned(const struct world *world, const struct call *c)
{
    if (c->kind != OP_SEAL)
        return false;
    for (unsigned i = 0; i < MAX_PINS; i++) {
        const struct page *page = world->pin[i].used ? world->pin[i].page : NULL;

        if (page && !(page->mapping & PAGE_MAPPING_ANON))
            return true;
    }
    return false;
}

/* ---- userfault ranges ---- */
/* Memory of a context where a page that is not there is a handler's to bring. */
static bool misses(const struct vma *vma, uintptr_t addr)
{
    return (vma->vm_flags & VM_UFFD_MISSING) && !mm_pte(vma->vm_mm, addr);
}

/* Is there such a page of [from, end), in VMAs with all of these flags? */
static bool any_at(const struct mm *mm, uint64_t from, uint64_t end, uint64_t flags,
                   bool (*is)(const struct vma *vma, uintptr_t addr))
{
    for (const struct vma *vma = mm->mmap; vma; vma = vma->vm_next)
        for (uintptr_t at = vma->vm_start > from ? vma->vm_start : from;
             (vma->vm_flags & flags) == flags && at < vma->vm_end && at < end; at += PAGE_SIZE)
            if (is(vma, at))
                return true;
    return false;
}

/* Where mprotect begins: it may take all of a stack below. */
static uint64_t protected_from(const struct mm *mm, const struct call *c)
{
    const struct vma *vma = c->prot & PROT_GROWSDOWN ? vma_above(mm, c->addr) : NULL;

    return vma && (vma->vm_flags & VM_GROWSDOWN) && vma->vm_start < c->addr ? vma->vm_start
                                                                            : c->addr;
}

/* Many pages at a time, or held: nobody can be asked in between. */
static bool uffd_populate(const struct world *world, const struct call *c)
{
    const struct mm *mm = world->proc[c->proc];
    const uint64_t from = c->addr & PAGE_MASK, end = range_end(world, c);

    switch ((enum op_kind)c->kind) {
    case OP_MLOCK2:
        return !(c->flags & MLOCK_ONFAULT) && any_at(mm, from, end, 0, misses);
    case OP_MLOCK:
        return any_at(mm, from, end, 0, misses);
    case OP_MLOCKALL:
        return (c->flags & MCL_CURRENT) && !(c->flags & MCL_ONFAULT) &&
               any_at(mm, 0, UINT64_MAX, 0, misses);
    case OP_MADVISE:
        return (c->sel == MADV_POPULATE_READ || c->sel == MADV_POPULATE_WRITE) &&
               any_at(mm, from, end, 0, misses);
    case OP_MPROTECT: /* what becomes writable is populated */
        return any_at(mm, protected_from(mm, c), end, VM_LOCKED, misses);
    case OP_MREMAP: /* what it grows by is of the same context */
        return c->new_len > c->len && any_vma(mm, c->addr, c->len, VM_UFFD_MISSING) &&
               any_vma(mm, c->addr, c->len, VM_LOCKED);
    case OP_PIN:
        return any_at(mm, from, from + PAGE_SIZE, 0, misses);
    default:
        return false;
    }
}

/* One page: the harness is the handler (uffd_linux.c). */
static bool uffd_handler(const struct world *world, const struct call *c)
{
    const uintptr_t addr = c->addr & PAGE_MASK;
    const struct vma *vma;
    bool write;

    if (!linux_is_access(c))
        return false;
    vma = vma_above(world->proc[c->proc], addr);
    if (!vma || !misses(vma, addr))
        return false;
    if (vma->vm_file)
        return !(vma->vm_flags & VM_SHARED);
    write = c->kind != OP_READ && c->kind != OP_EXEC && c->kind != OP_PEEK;
    return !write && !vma->anon_vma;
}

static const struct userfaultfd_ctx *context_of(const struct world *world, const struct call *c)
{
    return c->fd >= 0 && c->fd < MAX_FDS ? world->uffd[c->fd] : NULL;
}

/* The range begins inside a VMA, or above all of them. */
static bool older_uffd(const struct world *world, const struct call *c)
{
    const struct userfaultfd_ctx *ctx;
    const struct vma *vma;

    if ((c->kind != OP_UFFD_REGISTER && c->kind != OP_UFFD_UNREGISTER) ||
        world->config.rules >= RULES_LINUX_6_18)
        return false;
    ctx = context_of(world, c);
    if (!ctx || !ctx->mm)
        return false;
    vma = vma_above(ctx->mm, c->addr);
    return !vma || vma->vm_start < c->addr;
}

static bool is_there(const struct vma *vma, uintptr_t addr)
{
    return mm_pte(vma->vm_mm, addr) & PTE_PRESENT;
}

/* Entries are made anew, by a VMA that wants to hear of each first write; before 6.2 the private
 * ones as well. */
static bool uffd_wp(const struct world *world, const struct call *c)
{
    const uint64_t from = c->addr & PAGE_MASK, end = range_end(world, c);
    uint64_t flags = VM_UFFD_WP | VM_SHARED;
    const struct mm *mm = world->proc[c->proc];
    const struct userfaultfd_ctx *ctx;

    if (c->kind == OP_MPROTECT)
        return any_at(mm, protected_from(mm, c), end, flags, is_there);
    if (world->config.rules < RULES_LINUX_6_18)
        flags = VM_UFFD_WP;
    if (c->kind != OP_UFFD_UNREGISTER && c->kind != OP_UFFD_CLOSE)
        return false;
    ctx = context_of(world, c);
    if (!ctx || !ctx->mm)
        return false;
    return c->kind == OP_UFFD_CLOSE ? any_at(ctx->mm, 0, UINT64_MAX, flags, is_there)
                                    : any_at(ctx->mm, from, end, flags, is_there);
}

/* ---- huge pages ---- */
/* What the call may touch: [*from, *end). */
static bool touches(const struct world *world, const struct call *c, bool write, uint64_t *from,
                    uint64_t *end)
{
    const bool populates = c->kind == OP_MLOCK || c->kind == OP_MLOCK2 || c->kind == OP_MREMAP;

    *from = c->addr & PAGE_MASK;
    *end = *from + PAGE_SIZE;
    if (c->kind == OP_MLOCKALL) {
        *from = 0;
        *end = world->config.task_size << PAGE_SHIFT;
        return true;
    }
    if (populates ||
        (c->kind == OP_MADVISE && c->sel == (write ? MADV_POPULATE_WRITE : MADV_POPULATE_READ))) {
        *end = range_end(world, c);
        return true;
    }
    if (write) /* a look from outside wants a page that nobody will copy */
        return c->kind == OP_WRITE || c->kind == OP_FILL || c->kind == OP_POKE ||
               c->kind == OP_FORCE || c->kind == OP_PIN || c->kind == OP_PEEK;
    return c->kind == OP_READ || c->kind == OP_EXEC || c->kind == OP_PEEK;
}

/* Of a block that lies in the VMA, or of any that what is locked may come to lie in. */
static bool has_table_in(const struct vma *vma, uint64_t from, uint64_t end, bool inside)
{
    uint64_t block = (from > vma->vm_start ? from : vma->vm_start) & ~(uint64_t)(HPAGE_SIZE - 1);

    for (; block < end && block < vma->vm_end; block += HPAGE_SIZE)
        if ((!inside || (block >= vma->vm_start && vma->vm_end - block >= HPAGE_SIZE)) &&
            mm_has_table(vma->vm_mm, block))
            return true;
    return false;
}

static bool huge_read(const struct world *world, const struct call *c)
{
    uint64_t from, end;

    if (!touches(world, c, false, &from, &end))
        return false;
    for (const struct vma *vma = world->proc[c->proc]->mmap; vma; vma = vma->vm_next)
        if ((vma->vm_flags & (VM_HUGEPAGE | VM_SHARED)) == VM_HUGEPAGE && !vma->vm_file &&
            !vma->anon_vma && vma->vm_end > from && vma->vm_start < end &&
            has_table_in(vma, from, end, end - from == PAGE_SIZE))
            return true;
    return false;
}

/* Entries of the process that lead to parts of the page. */
static uint32_t entries_of(const struct mm *mm, const struct page *head)
{
    uint32_t n = 0;

    for (const struct vma *vma = mm->mmap; vma; vma = vma->vm_next)
        for (uintptr_t at = vma->vm_start; at < vma->vm_end; at += PAGE_SIZE)
            n += page_at(mm, at) == head;
    return n;
}

/* Of a page that others may have had, and the process has all of: an entry that is read-only. */
static bool is_left_over(const struct mm *mm, uintptr_t addr, bool huge)
{
    const pte_t pte = mm_pte(mm, addr);
    const struct page *head = page_at(mm, addr);

    if (!head || !(head->flags & PG_HEAD) || (pte & PTE_WRITE))
        return false;
    if (pte & PTE_HUGE)
        return huge && !(head->flags & PG_EXCLUSIVE) && head->refcount == 1;
    return entries_of(mm, head) == head->refcount;
}

static bool asks_who_has_it(const struct call *c)
{
    return c->kind == OP_MADVISE && (c->sel == MADV_FREE || c->sel == MADV_COLD);
}

static bool huge_of_three(const struct world *world, const struct call *c)
{
    const struct mm *mm = world->proc[c->proc];
    uint64_t from, end;

    if (world->events[EV_FORK] < 2 || !world->pool[POOL_HUGE].nlive ||
        (!touches(world, c, true, &from, &end) && !asks_who_has_it(c)))
        return false;
    if (asks_who_has_it(c))
        end = range_end(world, c);
    for (const struct vma *vma = mm->mmap; vma; vma = vma->vm_next)
        for (uintptr_t at = vma->vm_start > from ? vma->vm_start : from;
             at < vma->vm_end && at < end; at += PAGE_SIZE)
            if (is_left_over(mm, at, asks_who_has_it(c)))
                return true;
    return false;
}

static bool is_compound(const struct page *page, pte_t pte)
{
    (void)pte;
    return page->flags & PG_HEAD;
}

static bool huge_pageout(const struct world *world, const struct call *c)
{
    return c->kind == OP_MADVISE && c->sel == MADV_PAGEOUT && world->pool[POOL_HUGE].nlive &&
           any_page(world->proc[c->proc], c, is_compound);
}

static bool huge_shmem(const struct world *world, const struct call *c)
{
    if (c->kind != OP_MADVISE || c->sel != MADV_COLLAPSE)
        return false;
    for (const struct vma *vma = world->proc[c->proc]->mmap; vma; vma = vma->vm_next)
        if (vma->vm_file && !maps_regular(vma) && vma->vm_end > c->addr &&
            vma->vm_start < range_end(world, c))
            return true;
    return false;
}

static bool brk_to_end(const struct world *world, const struct call *c)
{
    const uint64_t end = world->config.task_size << PAGE_SHIFT;

    return c->kind == OP_BRK && c->addr > end - PAGE_SIZE && c->addr <= end;
}

const struct linux_quirk linux_quirks[] = {
#define QUIRK(function, name, sentence) {name, sentence, function},
#include "harness/linux/quirks.def"
#undef QUIRK
};
const unsigned nr_linux_quirks = sizeof(linux_quirks) / sizeof(*linux_quirks);

/* A list as long as it is counted, the same in both directions: each walk of it ends. */
static bool list_ends(const struct mm *mm)
{
    const struct vma *prev = NULL;
    uint32_t n = 0;

    for (const struct vma *vma = mm->mmap; vma; prev = vma, vma = vma->vm_next)
        if (vma->vm_prev != prev || n++ == mm->map_count)
            return false;
    return true;
}

/* With a fault switched on they may not be. Then what comes of it is to show. */
static bool lists_end(const struct world *world)
{
    for (unsigned i = 0; i < world->nr_procs; i++)
        if (world->proc[i] && !list_ends(world->proc[i]))
            return false;
    return true;
}

/* Has any process, anywhere, such a page? */
static bool any_page_at_all(const struct world *world,
                            bool (*is)(const struct page *page, pte_t pte))
{
    struct call all = {.len = world->config.task_size << PAGE_SHIFT};

    for (unsigned i = 0; i < world->nr_procs; i++)
        if (world->proc[i] && any_page(world->proc[i], &all, is))
            return true;
    return false;
}

/* Whether it goes shows only when it is read again: writable, or not. */
static bool is_in_cache_only(const struct page *page, pte_t pte)
{
    (void)pte;
    return !page->mapcount;
}

/* The kernel's page may not know that it is locked: then some entries are taken out, until the
 * locked one is met. */
static bool is_locked_by_one(const struct page *page, pte_t pte)
{
    return (page->flags & PG_MLOCKED) && is_shared_by_entries(page, pte);
}

bool linux_reclaims_others(const struct world *world, const struct call *call)
{
    return call->kind == OP_RECLAIM && lists_end(world) && reclaim_others(world, call) &&
           !any_page_at_all(world, is_a_devices) && !any_page_at_all(world, is_in_cache_only) &&
           !any_page_at_all(world, is_locked_by_one);
}

const struct linux_quirk *linux_quirk_of(const struct world *world, const struct call *call)
{
    if (!lists_end(world))
        return NULL;
    for (unsigned i = 0; i < nr_linux_quirks; i++)
        if (linux_quirks[i].shows(world, call))
            return &linux_quirks[i];
    return NULL;
}
