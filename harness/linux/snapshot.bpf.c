// SPDX-License-Identifier: GPL-2.0-only
/*
 * Takes a picture of stopped processes out of the running kernel: VMAs, anon_vmas and chains,
 * page-table entries, what struct page says of each, and the counters of each mm. Nothing is
 * touched: no fault, no accessed bit, no lock, no reference but the one on the task.
 *
 * All is read as words from addresses. A load that would fault gives 0 (that is what
 * bpf_rdonly_cast() is for), and every loop has an end, so that even a broken kernel is only
 * looked at. Offsets come from the running kernel's BTF.
 */
#include "harness/linux/raw.h"
#include "harness/linux/snapshot_load.h"
#include "oracles/snapshot.h"

const char gpl[] SEC("license") = "GPL";

struct raw_request request;
struct raw_probe probe;
struct raw_picture raw;

extern struct task_struct *bpf_task_from_pid(__s32 pid) __ksym __weak;
extern void bpf_task_release(struct task_struct *task) __ksym __weak;

/* ---- page tables of x86-64 ---- */
#define PAGE_SHIFT 12
#define PAGE_BYTES (1UL << PAGE_SHIFT)
#define AREA_SHIFT (PAGE_SHIFT + 9) /* of one table of the lowest level */
#define ENTRY_PRESENT (1UL << 0)
#define ENTRY_WRITE (1UL << 1)
#define ENTRY_ACCESSED (1UL << 5)
#define ENTRY_DIRTY (1UL << 6)
#define ENTRY_HUGE (1UL << 7)
#define ENTRY_PROT_NONE (1UL << 8) /* where ENTRY_PRESENT is clear */
#define ENTRY_SPECIAL (1UL << 9)
#define ENTRY_SAVED_DIRTY (1UL << 58) /* the dirty bit of a write-protected entry */
#define ENTRY_ADDRESS 0x000ffffffffff000UL
#define ENTRY_SWAP_EXCLUSIVE (1UL << 3)
/* Types of swap entries above those that swap files can have. */
#define SWAP_TYPE_NOT_SWAP 23
#define SWAP_TYPE_MARKER 31

inline uint64_t table_of(uint64_t entry)
{
    return request.direct_map + (entry & ENTRY_ADDRESS);
}

/* The entry of the level for addr, from the table of that level; 0: lowest. */
inline uint64_t entry_at(uint64_t table, uint64_t addr, unsigned level)
{
    return word(table + (addr >> (PAGE_SHIFT + 9 * level) & 511) * 8);
}

/* The table that has the entries of 2 MiB each; 0: none. */
inline uint64_t middle_table(uint64_t mm, uint64_t addr)
{
    uint64_t table = FIELD(mm, mm_struct, pgd), entry;

    if (request.levels == 5) {
        entry = entry_at(table, addr, 4);
        if (!(entry & ENTRY_PRESENT))
            return 0;
        table = table_of(entry);
    }
    entry = entry_at(table, addr, 3);
    if (!(entry & ENTRY_PRESENT))
        return 0;
    entry = entry_at(table_of(entry), addr, 2);
    return entry & ENTRY_PRESENT && !(entry & ENTRY_HUGE) ? table_of(entry) : 0;
}

/* The entry of 2 MiB; 0: none. */
inline uint64_t middle_entry(uint64_t mm, uint64_t addr)
{
    const uint64_t table = middle_table(mm, addr);

    return table ? entry_at(table, addr, 1) : 0;
}

inline bool is_huge(uint64_t entry)
{
    return (entry & ENTRY_HUGE) && (entry & (ENTRY_PRESENT | ENTRY_PROT_NONE));
}

/* The table that the entry of 2 MiB leads to; 0: none. */
inline uint64_t table_below(uint64_t entry)
{
    return entry & ENTRY_PRESENT && !(entry & ENTRY_HUGE) ? table_of(entry) : 0;
}

/* The table that has the entries themselves; 0: none. */
inline uint64_t lowest_table(uint64_t mm, uint64_t addr)
{
    return table_below(middle_entry(mm, addr));
}

/* ---- where the walk is: one program runs at a time ---- */
struct {
    uint64_t mm;
    uint32_t proc;
    uint64_t from, node, max;        /* in the tree of VMAs */
    uint64_t head, chain;            /* in a list of chains */
    uint64_t area, table;            /* the lowest table, and which 2 MiB it is for */
    uint64_t middle;                 /* of the window */
    uint64_t start, end;             /* where entries are looked for */
    int64_t resident;                /* entries of the process so far that rss counts */
    uint64_t children, child, found; /* in a list of tasks */
    bool outside;                    /* of the window */
    bool shared, shmem;              /* outside: the VMA, what it maps */
} at;

inline struct raw_proc *this_proc(void)
{
    return &raw.proc[at.proc & (RAW_PROCS - 1)];
}

/* ---- frames ---- */
#define FLAG(flags, name, value)                                                                   \
    ((flags) >> bpf_core_enum_value(enum pageflags, PG_##name) & 1 ? (value) : 0)

inline uint64_t page_at(uint64_t frame)
{
    return request.vmemmap + frame * bpf_core_type_size(struct page);
}

/* What a page of several is told by. */
inline uint64_t head_of(uint64_t page)
{
    const uint64_t compound = FIELD(page, page, compound_head);

    return compound & 1 ? compound - 1 : page;
}

inline void show_frame(struct raw_pte *p)
{
    char room[NEAR_BYTES] __attribute__((aligned(8)));
    const uint64_t page = page_at(p->key), head = head_of(page);
    const char *folio = near(head, room);
    const uint64_t mapping = NEAR(folio, OFFSET(folio, mapping), uint64_t);
    const uint64_t flags = NEAR(folio, 0, uint64_t);
    uint64_t own_flags = flags, nth = 0;
    uint32_t shown;

    if (page != head) {
        own_flags = word(page);
        nth = (page - head) / bpf_core_type_size(struct page);
    }
    shown = FLAG(flags, dirty, SNAP_PAGE_DIRTY) | FLAG(flags, swapbacked, SNAP_PAGE_SWAPBACKED) |
            FLAG(flags, mlocked, SNAP_PAGE_MLOCKED);
    if (mapping & 1) {
        shown |= SNAP_PAGE_ANON | FLAG(own_flags, anon_exclusive, SNAP_PAGE_EXCLUSIVE);
        if (page != head || FLAG(flags, head, 1))
            shown |= RAW_PAGE_PART, raw.has_parts = true;
        if ((shown & SNAP_PAGE_SWAPBACKED) && FLAG(flags, swapcache, 1)) {
            shown |= SNAP_PAGE_SWAPCACHE;
            p->swap = NEAR(folio, OFFSET(folio, private), uint64_t) + nth;
        }
    } else if (mapping) {
        shown |= SNAP_PAGE_CACHED;
    }
    p->page_flags = shown;
    p->mapping = mapping & ~3UL;
    p->index = NEAR(folio, OFFSET(folio, index), uint64_t) + nth;
    p->mapcount = NEAR(folio, OFFSET(folio, _mapcount), uint32_t) + 1;
    p->refcount = NEAR(folio, OFFSET(folio, _refcount), uint32_t);
    if (page != head)
        p->mapcount = (uint32_t)FIELD(page, folio, _mapcount) + 1;
}

/* Contents last, and many at a time: these loads wait for memory, so they should wait together. */
#define STAMPS 8
static long each_stamp(uint32_t group, void *unused)
{
    for (unsigned i = 0; i < STAMPS; i++) {
        const uint32_t n = group * STAMPS + i;
        struct raw_pte *p = &raw.pte[n & (RAW_PTES - 1)];

        if (n < raw.nr_ptes &&
            (p->flags & (SNAP_PTE_PRESENT | SNAP_PTE_SPECIAL)) == SNAP_PTE_PRESENT)
            p->stamp = word(request.direct_map + (p->key << PAGE_SHIFT));
    }
    return 0;
}

/* ---- entries ---- */
inline uint64_t frame_of(uint64_t entry)
{
    /* Frames of PROT_NONE are stored inverted, against speculation. */
    return ((entry & ENTRY_PRESENT ? entry : ~entry) & ENTRY_ADDRESS) >> PAGE_SHIFT;
}

inline void show_swapped(struct raw_pte *p, uint64_t entry)
{
    const uint64_t type = entry >> 59;

    p->key = type << 58 | ~entry << 5 >> 14;
    p->flags = entry & ENTRY_SWAP_EXCLUSIVE ? SNAP_PTE_EXCLUSIVE : 0;
    if (type < SWAP_TYPE_NOT_SWAP)
        p->flags |= SNAP_PTE_SWAP, at.resident++;
    else if (type < SWAP_TYPE_MARKER)
        p->flags |= SNAP_PTE_MIGRATION;
    else
        p->key = 0, p->flags = SNAP_PTE_SWAP; /* a marker: of no slot */
}

inline void show_present(struct raw_pte *p, uint64_t entry)
{
    p->flags = SNAP_PTE_PRESENT;
    if (entry & ENTRY_WRITE)
        p->flags |= SNAP_PTE_WRITE;
    if (entry & (ENTRY_DIRTY | ENTRY_SAVED_DIRTY))
        p->flags |= SNAP_PTE_DIRTY;
    if (entry & ENTRY_ACCESSED)
        p->flags |= SNAP_PTE_YOUNG;
    p->key = frame_of(entry);
    if (entry & ENTRY_SPECIAL)
        p->flags |= SNAP_PTE_SPECIAL;
    else
        show_frame(p), at.resident++;
}

/* What is not anonymous is the huge page of zeroes, which older kernels do not mark. */
inline void show_present_huge(struct raw_pte *p, uint64_t entry)
{
    const uint64_t within = (1UL << AREA_SHIFT) - PAGE_BYTES; /* of the address: not of the frame */

    show_present(p, entry & ENTRY_PRESENT ? entry & ~within : entry | within);
    p->flags |= SNAP_PTE_HUGE;
    if (p->mapping)
        at.resident += RAW_PARTS - 1;
    else if (!(p->flags & SNAP_PTE_SPECIAL))
        p->flags |= SNAP_PTE_SPECIAL, at.resident--;
}

/* Of one page, or of 2 MiB. */
static __attribute__((noinline)) int show_entry(uint64_t addr, uint64_t entry, bool huge)
{
    const uint32_t n = raw.nr_ptes;
    struct raw_pte *p;

    if (n >= RAW_PTES) {
        raw.trouble |= RAW_FULL;
        return 0;
    }
    p = &raw.pte[n & (RAW_PTES - 1)];
    HOLD(p);
    p->addr = addr;
    p->swap = p->stamp = 0;
    if (!(entry & (ENTRY_PRESENT | ENTRY_PROT_NONE)) || (entry & ENTRY_SPECIAL)) {
        p->page_flags = p->refcount = p->mapcount = 0;
        p->mapping = p->index = 0;
    }
    if (huge)
        show_present_huge(p, entry);
    else if (entry & (ENTRY_PRESENT | ENTRY_PROT_NONE))
        show_present(p, entry);
    else
        show_swapped(p, entry);
    raw.nr_ptes = n + 1;
    return 0;
}

/* What is beside the window is counted only. */
inline void count_resident(uint64_t entry)
{
    struct raw_proc *p = this_proc();
    uint64_t page;

    if (entry & ENTRY_SPECIAL)
        return;
    if (!(entry & (ENTRY_PRESENT | ENTRY_PROT_NONE))) {
        p->outside_rss[SNAP_RSS_SWAP] += entry >> 59 < SWAP_TYPE_NOT_SWAP;
        return;
    }
    if (at.shared) { /* the page need not be looked at */
        p->outside_rss[at.shmem ? SNAP_RSS_SHMEM : SNAP_RSS_FILE]++;
        return;
    }
    page = head_of(page_at(frame_of(entry)));
    if (FIELD(page, folio, mapping) & 1)
        p->outside_rss[SNAP_RSS_ANON]++;
    else if (FLAG(word(page), swapbacked, 1))
        p->outside_rss[SNAP_RSS_SHMEM]++;
    else
        p->outside_rss[SNAP_RSS_FILE]++;
}

/* Eight entries, which are one cache line of their table, as far as they are in at.start-at.end. */
#define GROUP_BYTES (8 * PAGE_BYTES)
static long each_group(uint32_t group, void *unused)
{
    const uint64_t addr = (at.start & ~(GROUP_BYTES - 1)) + group * GROUP_BYTES;
    char room[NEAR_BYTES] __attribute__((aligned(8)));
    uint64_t entry[8], any = 0;
    const char *line;

    if (addr >> AREA_SHIFT != at.area) {
        const uint64_t middle = middle_entry(at.mm, addr);

        at.area = addr >> AREA_SHIFT;
        at.table = table_below(middle);
        if (!at.table && is_huge(middle) && !at.outside)
            show_entry(at.area << AREA_SHIFT, middle, true);
    }
    if (!at.table)
        return 0;
    line = near(at.table + (addr >> PAGE_SHIFT & 511) * 8, room);
    for (unsigned i = 0; i < 8; i++)
        any |= entry[i] = NEAR(line, i * 8, uint64_t);
    if (!any)
        return 0;
    for (unsigned i = 0; i < 8; i++) {
        const uint64_t page = addr + i * PAGE_BYTES;

        if (!entry[i] || page < at.start || page >= at.end)
            continue;
        if (at.outside)
            count_resident(entry[i]);
        else
            show_entry(page, entry[i], false);
    }
    return 0;
}

inline void each_entry(uint64_t start, uint64_t end, bool outside)
{
    at.start = start;
    at.end = end;
    at.outside = outside;
    bpf_loop((uint32_t)((end - (start & ~(GROUP_BYTES - 1)) + GROUP_BYTES - 1) / GROUP_BYTES),
             each_group, NULL, 0);
}

static long each_area(uint32_t area, void *unused)
{
    const uint64_t entry = entry_at(at.middle, request.window + ((uint64_t)area << AREA_SHIFT), 1);

    if (entry && !(entry & ENTRY_PRESENT) && !is_huge(entry))
        raw.trouble |= RAW_HUGE;
    else if (entry) /* a huge one has a table, too, for when it is split */
        this_proc()->nr_tables++;
    return 0;
}

inline void count_tables(void)
{
    at.middle = middle_table(at.mm, request.window);
    if (at.middle)
        bpf_loop((uint32_t)((request.window_end - request.window) >> AREA_SHIFT), each_area, NULL,
                 0);
}

/* Entries are looked for in VMAs; if the counters say that there are others, in all the window. */
inline void find_stray_entries(void)
{
    struct raw_proc *p = this_proc();
    int64_t resident = 0;

    for (unsigned kind = 0; kind < SNAP_NR_RSS; kind++)
        resident += p->rss[kind] - p->outside_rss[kind];
    if (resident == at.resident)
        return;
    raw.nr_ptes = p->first_pte;
    at.area = ~0UL;
    each_entry(request.window, request.window_end, false);
}

/* ---- VMAs ---- */
static long each_chain(uint32_t i, void *unused)
{
    const uint32_t n = raw.nr_chains;
    struct place link, anon_vma;
    struct raw_chain *c;

    if (at.chain == at.head)
        return 1;
    if (n >= RAW_CHAINS) {
        raw.trouble |= RAW_FULL;
        return 1;
    }
    link = place_of(at.chain - OFFSET(anon_vma_chain, same_vma));
    anon_vma = place_of(FIELD_OF(link, anon_vma_chain, anon_vma));
    at.chain = FIELD_OF(link, anon_vma_chain, same_vma.next);
    c = &raw.chain[n & (RAW_CHAINS - 1)];
    HOLD(c);
    c->anon_vma = anon_vma.addr;
    c->root = FIELD_OF(anon_vma, anon_vma, root);
    c->parent = FIELD_OF(anon_vma, anon_vma, parent);
    c->refcount = (uint32_t)FIELD(anon_vma.addr, anon_vma, refcount);
    c->num_children = (uint32_t)FIELD_OF(anon_vma, anon_vma, num_children);
    c->num_active_vmas = (uint32_t)FIELD_OF(anon_vma, anon_vma, num_active_vmas);
    raw.nr_chains = n + 1;
    return 0;
}

inline void show_file(struct raw_vma *v, uint64_t file)
{
    struct place mapping, inode;

    v->file = file;
    v->object = v->size = v->magic = 0;
    v->writable = 0;
    if (!file)
        return;
    mapping = place_of(FIELD(file, file, f_mapping));
    inode = place_of(FIELD_OF(mapping, address_space, host));
    v->object = mapping.addr;
    v->size = FIELD_OF(inode, inode, i_size);
    v->magic = FIELD(FIELD_OF(inode, inode, i_sb), super_block, s_magic);
    v->writable = (int32_t)FIELD(mapping.addr, address_space, i_mmap_writable);
}

inline void show_name(struct raw_vma *v, struct place vma)
{
    uint64_t name = 0;

    __builtin_memset(v->name, 0, sizeof(v->name));
    if (bpf_core_field_exists(struct vm_area_struct, anon_name))
        name = FIELD_OF(vma, vm_area_struct, anon_name);
    if (name && !v->file)
        bpf_probe_read_kernel_str(v->name, sizeof(v->name),
                                  (void *)(name + OFFSET(anon_vma_name, name)));
}

/* The mask is of what was asked for only with one of the flags. */
inline void show_policy(struct raw_vma *v, struct place vma)
{
    uint64_t policy = 0;

    v->policy_mode = v->policy_flags = 0;
    v->policy_mask = 0;
    if (bpf_core_field_exists(struct vm_area_struct, vm_policy))
        policy = FIELD_OF(vma, vm_area_struct, vm_policy);
    if (!policy)
        return;
    v->policy_mode = (uint16_t)FIELD(policy, mempolicy, mode);
    v->policy_flags = (uint16_t)FIELD(policy, mempolicy, flags);
    if (v->policy_flags)
        v->policy_mask = FIELD(policy, mempolicy, w);
}

inline void show_vma(struct place vma, uint64_t start, uint64_t end)
{
    const uint32_t n = raw.nr_vmas;
    struct raw_vma *v;

    if (n >= RAW_VMAS) {
        raw.trouble |= RAW_FULL;
        return;
    }
    v = &raw.vma[n & (RAW_VMAS - 1)];
    HOLD(v);
    v->start = start;
    v->end = end;
    v->flags = FIELD_OF(vma, vm_area_struct, vm_flags);
    v->pgoff = FIELD_OF(vma, vm_area_struct, vm_pgoff);
    v->context = 0;
    if (bpf_core_field_exists(struct vm_userfaultfd_ctx, ctx))
        v->context = FIELD_OF(vma, vm_area_struct, vm_userfaultfd_ctx.ctx);
    v->anon_vma = FIELD_OF(vma, vm_area_struct, anon_vma);
    show_file(v, FIELD_OF(vma, vm_area_struct, vm_file));
    show_name(v, vma);
    show_policy(v, vma);
    v->first_chain = raw.nr_chains;
    at.head = vma.addr + OFFSET(vm_area_struct, anon_vma_chain);
    at.chain = FIELD_OF(vma, vm_area_struct, anon_vma_chain.next);
    if (at.chain != at.head)
        bpf_loop(RAW_CHAINS, each_chain, NULL, 0);
    v->nr_chains = raw.nr_chains - v->first_chain;
    raw.nr_vmas = n + 1;
    each_entry(start, end, false);
}

#define MAGIC_SHMEM 0x01021994
/* Pages beyond the end of the file are not there. */
inline uint64_t end_of_file(struct place vma, uint64_t start, uint64_t end)
{
    const uint64_t file = FIELD_OF(vma, vm_area_struct, vm_file);
    const uint64_t first = FIELD_OF(vma, vm_area_struct, vm_pgoff);
    uint64_t inode, pages;

    if (!file)
        return end;
    inode = FIELD(FIELD(file, file, f_mapping), address_space, host);
    at.shmem = FIELD(FIELD(inode, inode, i_sb), super_block, s_magic) == MAGIC_SHMEM;
    pages = (FIELD(inode, inode, i_size) + PAGE_BYTES - 1) >> PAGE_SHIFT;
    if (pages <= first)
        return start;
    pages -= first;
    return pages < (end - start) >> PAGE_SHIFT ? start + (pages << PAGE_SHIFT) : end;
}

#define MAX_OUTSIDE 4096 /* pages: larger ones are not looked through, so not counted */
inline void count_outside(struct place vma, uint64_t start, uint64_t end)
{
    const uint64_t flags = FIELD_OF(vma, vm_area_struct, vm_flags);
    const uint64_t pages = (end - start) >> PAGE_SHIFT;
    struct raw_proc *p = this_proc();

    p->outside.total_vm += pages;
    if ((flags & (SNAP_EXEC | SNAP_WRITE | SNAP_GROWSDOWN)) == SNAP_EXEC)
        p->outside.exec_vm += pages;
    else if (flags & SNAP_GROWSDOWN)
        p->outside.stack_vm += pages;
    else if ((flags & (SNAP_WRITE | SNAP_SHARED)) == SNAP_WRITE)
        p->outside.data_vm += pages;
    if (flags & SNAP_LOCKED)
        p->outside.locked_vm += pages;
    at.shared = flags & SNAP_SHARED;
    at.shmem = false;
    end = end_of_file(vma, start, end);
    if (end - start <= MAX_OUTSIDE * PAGE_BYTES)
        each_entry(start, end, true);
}

static __attribute__((noinline)) int visit_vma(uint64_t addr)
{
    const struct place vma = place_of(addr);
    const uint64_t start = FIELD_OF(vma, vm_area_struct, vm_start);
    const uint64_t end = FIELD_OF(vma, vm_area_struct, vm_end);

    this_proc()->nr_seen++;
    if (start >= request.window && end <= request.window_end)
        show_vma(vma, start, end);
    else
        count_outside(vma, start, end);
    return 0;
}

/* ---- the tree of VMAs: a B-tree whose nodes have pivots: last addresses of their slots ---- */
#define NODE_TYPE(node) ((node) >> 3 & 15)
#define NODE_ADDRESS(node) ((node) & ~255UL)
#define NODE_LEAF 1
#define NODE_RANGE 2
#define NODE_GAPS 3
#define RANGE_SLOTS 16
#define GAP_SLOTS 10

/* Last address of slot i. A pivot of 0 (but the first) and the last slot have none of their own. */
inline uint64_t slot_last(uint64_t pivots, uint32_t i, uint32_t slots)
{
    const uint64_t last = i + 1 < slots ? word(pivots + i * 8) : 0;

    return (!last && (i || slots == 1)) || last > at.max ? at.max : last;
}

/* One level down, towards at.from. */
static long each_level(uint32_t i, void *unused)
{
    const uint64_t type = NODE_TYPE(at.node);
    uint64_t base = NODE_ADDRESS(at.node), pivots, slots, last;
    uint32_t n;

    if (type == NODE_LEAF)
        return 1;
    if (type == NODE_RANGE) {
        pivots = base + OFFSET(maple_range_64, pivot);
        slots = base + OFFSET(maple_range_64, slot);
        n = RANGE_SLOTS;
    } else if (type == NODE_GAPS) {
        pivots = base + OFFSET(maple_arange_64, pivot);
        slots = base + OFFSET(maple_arange_64, slot);
        n = GAP_SLOTS;
    } else {
        raw.trouble |= RAW_DEEP;
        return 1;
    }
    for (uint32_t k = 0; k < RANGE_SLOTS; k++) {
        last = slot_last(pivots, k, n);
        if (last >= at.from || last >= at.max || k + 1 >= n) {
            at.max = last;
            at.node = word(slots + k * 8);
            return 0;
        }
    }
    return 1;
}

static long each_slot(uint32_t i, void *unused)
{
    const uint64_t base = NODE_ADDRESS(at.node);
    const uint64_t last = slot_last(base + OFFSET(maple_range_64, pivot), i, RANGE_SLOTS);
    const uint64_t entry = word(base + OFFSET(maple_range_64, slot) + (uint64_t)i * 8);

    if (entry > PAGE_BYTES && !(entry & 3))
        visit_vma(entry);
    return last >= at.max;
}

static long each_leaf(uint32_t i, void *unused)
{
    at.node = FIELD(at.mm, mm_struct, mm_mt.ma_root);
    at.max = ~0UL;
    if ((at.node & 3) != 2 || at.node <= PAGE_BYTES)
        return 1; /* empty */
    bpf_loop(16, each_level, NULL, 0);
    if (NODE_TYPE(at.node) != NODE_LEAF) {
        raw.trouble |= RAW_DEEP;
        return 1;
    }
    bpf_loop(RANGE_SLOTS, each_slot, NULL, 0);
    at.from = at.max + 1;
    return !at.from;
}

/* ---- processes ---- */
static long each_cpu(uint32_t cpu, void *unused)
{
    const uint64_t offset = request.percpu[cpu & (RAW_CPUS - 1)];
    struct raw_proc *p = this_proc();

    for (unsigned kind = 0; kind < SNAP_NR_RSS; kind++) {
        const uint64_t counters = FIELD(at.mm + kind * bpf_core_type_size(struct percpu_counter),
                                        mm_struct, rss_stat[0].counters);

        p->rss[kind] += (int32_t)word(counters + offset);
    }
    return 0;
}

/* What the mm has been told, and what its one task still keeps to itself. */
inline void show_rss_before_6_2(struct raw_proc *p, uint64_t task)
{
#pragma unroll
    for (unsigned kind = 0; kind < SNAP_NR_RSS; kind++)
        p->rss[kind] = (int64_t)FIELD(at.mm + kind * 8, mm_struct___before_6_2, rss_stat.count[0]) +
                       (int32_t)FIELD(task + kind * 4, task_struct___before_6_2, rss_stat.count[0]);
}

inline void show_rss(struct raw_proc *p)
{
    for (unsigned kind = 0; kind < SNAP_NR_RSS; kind++)
        p->rss[kind] = (int64_t)FIELD(at.mm + kind * bpf_core_type_size(struct percpu_counter),
                                      mm_struct, rss_stat[0].count);
    bpf_loop(request.nr_cpus, each_cpu, NULL, 0);
}

inline void show_counters(struct raw_proc *p, uint64_t task, uint64_t mm)
{
    p->map_count = (uint32_t)FIELD(mm, mm_struct, map_count);
    p->all.total_vm = FIELD(mm, mm_struct, total_vm);
    p->all.locked_vm = FIELD(mm, mm_struct, locked_vm);
    p->all.data_vm = FIELD(mm, mm_struct, data_vm);
    p->all.exec_vm = FIELD(mm, mm_struct, exec_vm);
    p->all.stack_vm = FIELD(mm, mm_struct, stack_vm);
    p->pinned_vm = FIELD(mm, mm_struct, pinned_vm);
    p->hiwater_vm = FIELD(mm, mm_struct, hiwater_vm);
    p->hiwater_rss = FIELD(mm, mm_struct, hiwater_rss);
    p->brk = FIELD(mm, mm_struct, brk);
    p->def_flags = FIELD(mm, mm_struct, def_flags);
    p->pgtables_bytes = FIELD(mm, mm_struct, pgtables_bytes);
    if (BEFORE_6_2)
        show_rss_before_6_2(p, task);
    else
        show_rss(p);
}

static __attribute__((noinline)) int show_proc(uint64_t task)
{
    struct raw_proc *p = this_proc();

    at.mm = FIELD(task, task_struct, mm);
    at.from = 0;
    if (!at.mm) {
        raw.trouble |= RAW_NO_TASK;
        return 0;
    }
    at.area = ~0UL;
    at.resident = 0;
    p->first_vma = raw.nr_vmas;
    p->first_pte = raw.nr_ptes;
    show_counters(p, task, at.mm);
    count_tables();
    bpf_loop(RAW_VMAS, each_leaf, NULL, 0);
    find_stray_entries();
    p->nr_vmas = raw.nr_vmas - p->first_vma;
    p->nr_ptes = raw.nr_ptes - p->first_pte;
    return 0;
}

#define MAX_CHILDREN 4096
static long each_child(uint32_t i, void *unused)
{
    const uint64_t task = at.child - OFFSET(task_struct, sibling);

    if (at.child == at.children)
        return 1;
    at.child = word(at.child);
    if ((int32_t)FIELD(task, task_struct, pid) != this_proc()->pid)
        return 0;
    at.found = task;
    return 1;
}

/* All are children of the caller, who reaps them: they cannot go away meanwhile. */
inline void show_child(void)
{
    at.children = bpf_get_current_task() + OFFSET(task_struct, children);
    at.child = word(at.children);
    at.found = 0;
    bpf_loop(MAX_CHILDREN, each_child, NULL, 0);
    if (at.found)
        show_proc(at.found);
    else
        raw.trouble |= RAW_NO_TASK;
}

static long each_proc(uint32_t i, void *unused)
{
    struct raw_proc *p = &raw.proc[i & (RAW_PROCS - 1)];
    struct task_struct *task;

    p->pid = request.pid[i & (RAW_PROCS - 1)];
    if (!p->pid)
        return 0; /* nobody looks at the rest */
    __builtin_memset(p, 0, sizeof(*p));
    p->pid = request.pid[i & (RAW_PROCS - 1)];
    at.proc = i;
    if (BEFORE_6_2) {
        show_child();
        return 0;
    }
    task = bpf_task_from_pid(p->pid);
    if (!task) {
        raw.trouble |= RAW_NO_TASK;
        return 0;
    }
    show_proc((uint64_t)task);
    bpf_task_release(task);
    return 0;
}

SEC("syscall")
int snapshot(void *ctx)
{
    raw.trouble = raw.nr_vmas = raw.nr_ptes = raw.nr_chains = 0;
    raw.has_parts = false;
    bpf_loop(RAW_PROCS, each_proc, NULL, 0);
    bpf_loop((raw.nr_ptes + STAMPS - 1) / STAMPS, each_stamp, NULL, 0);
    return 0;
}

#include "harness/linux/snapshot_parts.h"

#include "harness/linux/snapshot_calibrate.h"
