/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From what a reader has found to a picture: the kernel's addresses become the world's, its
 * pointers and frames become numbers, given in the order in which the model gives its own.
 *
 * Of a frame's reference count only what is of the world is shown: entries, page cache, swap
 * cache, pins. Others hold pages for a while, as the kernel's batches do. Less than that would be
 * shown as it is. Slots have no contents and are counted by the entries that have them; what no
 * entry leads to is not in the picture.
 */
#include "harness/linux/reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SNAP_ALL                                                                                   \
    (SNAP_READ | SNAP_WRITE | SNAP_EXEC | SNAP_SHARED | SNAP_MAYREAD | SNAP_MAYWRITE |             \
     SNAP_MAYEXEC | SNAP_MAYSHARE | SNAP_GROWSDOWN | SNAP_UFFD_MISSING | SNAP_PFNMAP |             \
     SNAP_UFFD_WP | SNAP_LOCKED | SNAP_IO | SNAP_SEQ_READ | SNAP_RAND_READ | SNAP_DONTCOPY |       \
     SNAP_DONTEXPAND | SNAP_LOCKONFAULT | SNAP_ACCOUNT | SNAP_NORESERVE | SNAP_HUGETLB |           \
     SNAP_WIPEONFORK | SNAP_DONTDUMP | SNAP_MIXEDMAP | SNAP_HUGEPAGE | SNAP_NOHUGEPAGE |           \
     SNAP_MERGEABLE)
#define WINDOW_PAGE (WINDOW_BASE >> PAGE_SHIFT)
#define PIN_BIAS 1024U /* a pin of a small page is so many references */
#define MAGIC_SHMEM 0x01021994U
#define MAGIC_HUGETLB 0x958458f6U

/* ---- numbers ---- */
void labels_fini(struct labels *l)
{
    free(l->slot);
    *l = (struct labels){0};
}

/* Forgets all, with room for n keys. 0 or -ENOMEM. */
static int labels_start(struct labels *l, uint32_t n)
{
    uint32_t want = 64;

    while (want < 2 * n)
        want *= 2;
    if (want > l->nr_slots) {
        struct label *slot = calloc(want, sizeof(*slot));

        if (!slot)
            return -ENOMEM;
        free(l->slot);
        *l = (struct labels){.slot = slot, .nr_slots = want};
    }
    if (!++l->generation) { /* wrapped */
        memset(l->slot, 0, (size_t)l->nr_slots * sizeof(*l->slot));
        l->generation = 1;
    }
    l->mask = want - 1; /* no more of it than needed: the rest would be far from the caches */
    l->last = 0;
    l->asked = 0;
    return 0;
}

/* Addresses of the kernel are far apart; frames that follow each other stay so. */
static uint32_t first_slot(uint64_t key)
{
    return (uint32_t)(key >> 63 ? key * UINT64_C(0x9e3779b97f4a7c15) >> 32 : key ^ key >> 20);
}

static struct label *label_of(struct labels *l, uint64_t key)
{
    for (uint32_t i = first_slot(key);; i++) {
        struct label *slot = &l->slot[i & l->mask];

        if (slot->generation != l->generation || slot->key == key)
            return slot;
    }
}

/* 0: it has none. */
static uint32_t given(struct labels *l, uint64_t key)
{
    const struct label *slot;

    if (!key)
        return 0;
    if (key == l->asked)
        return l->answered;
    slot = label_of(l, key);
    if (slot->generation != l->generation)
        return 0; /* it may get one yet */
    l->asked = key;
    return l->answered = slot->number;
}

static uint32_t number(struct labels *l, uint64_t key)
{
    struct label *slot;

    if (!key)
        return 0;
    slot = label_of(l, key);
    if (slot->generation != l->generation)
        *slot = (struct label){.key = key, .number = ++l->last, .generation = l->generation};
    return slot->number;
}

/* Frame 0 and swap entry 0 exist. */
static uint64_t never_zero(uint64_t key)
{
    return key + 1;
}

/* ---- VMAs ---- */
static void show_object(const struct raw_vma *v, uint32_t n, struct snapshot *out)
{
    if (n <= out->nr_objects)
        return;
    out->nr_objects = n;
    out->object[n - 1] = (struct snap_object){
        .kind = v->magic == MAGIC_SHMEM     ? FILE_SHMEM
                : v->magic == MAGIC_HUGETLB ? FILE_HUGETLB
                                            : FILE_REGULAR,
        .size = (v->size + PAGE_SIZE - 1) >> PAGE_SHIFT,
        .writable = v->writable,
    };
}

static void show_chains(struct linux_reader *r, const struct raw_vma *v, struct snap_vma *s,
                        struct snapshot *out)
{
    struct labels *l = &r->labels[LABEL_ANON_VMA];

    s->first_chain = out->nr_chains;
    s->nr_chains = v->nr_chains;
    for (uint32_t i = 0; i < v->nr_chains; i++) {
        const struct raw_chain *c = &r->raw->chain[v->first_chain + i];
        const uint32_t before = l->last, n = number(l, c->anon_vma);

        out->chain[out->nr_chains++].anon_vma = n;
        if (l->last != before)
            out->anon_vma[n - 1] = (struct snap_anon_vma){
                /* The places of keys for now: all have to be known first. */
                .root = v->first_chain + i,
                .refcount = c->refcount,
                .num_children = c->num_children,
                .num_active_vmas = c->num_active_vmas,
            };
    }
    s->anon_vma = given(l, v->anon_vma);
    if (!s->anon_vma && v->anon_vma) { /* not in its own list: nothing is known of it */
        s->anon_vma = number(l, v->anon_vma);
        out->anon_vma[s->anon_vma - 1] = (struct snap_anon_vma){.root = UINT32_MAX};
    }
}

static void show_roots(struct linux_reader *r, struct snapshot *out)
{
    struct labels *l = &r->labels[LABEL_ANON_VMA];

    out->nr_anon_vmas = l->last;
    for (uint32_t i = 0; i < l->last; i++) {
        const uint32_t chain = out->anon_vma[i].root;

        out->anon_vma[i].root = 0;
        if (chain == UINT32_MAX)
            continue;
        out->anon_vma[i].root = given(l, r->raw->chain[chain].root);
        out->anon_vma[i].parent = given(l, r->raw->chain[chain].parent);
    }
}

static void show_vma(struct linux_reader *r, const struct raw_vma *v, struct snapshot *out)
{
    struct snap_vma *s = &out->vma[out->nr_vmas++];

    *s = (struct snap_vma){
        .start = (v->start - WINDOW_BASE) >> PAGE_SHIFT,
        .end = (v->end - WINDOW_BASE) >> PAGE_SHIFT,
        .pgoff = v->object ? v->pgoff : v->pgoff - WINDOW_PAGE,
        .flags = v->flags & SNAP_ALL,
        .file = number(&r->labels[LABEL_FILE], v->file),
        .context = number(&r->labels[LABEL_CONTEXT], v->context),
        .object = number(&r->labels[LABEL_OBJECT], v->object),
        .policy_mode = v->policy_mode,
        .policy_nodes = (uint16_t)nodes_of_mask(v->policy_mask),
    };
    if (s->object)
        show_object(v, s->object, out);
    memcpy(s->name, v->name, sizeof(s->name));
    if (v->anon_vma || v->nr_chains)
        show_chains(r, v, s, out);
}

/* ---- pages ---- */
static void show_page(struct linux_reader *r, const struct raw_pte *p, bool of_file,
                      struct snap_page *s)
{
    const bool anon = p->page_flags & SNAP_PAGE_ANON;
    const uint32_t held = p->mapcount + !!(p->page_flags & SNAP_PAGE_CACHED) +
                          !!(p->page_flags & SNAP_PAGE_SWAPCACHE);
    const uint32_t pins = p->refcount > held ? (p->refcount - held) / PIN_BIAS : 0;

    *s = (struct snap_page){
        .refcount = p->refcount < held ? p->refcount : held + pins,
        .mapcount = p->mapcount,
        .pins = pins,
        .anon_vma = anon ? given(&r->labels[LABEL_ANON_VMA], p->mapping) : 0,
        .object = anon ? 0 : given(&r->labels[LABEL_OBJECT], p->mapping),
        .index = anon && !of_file && p->mapping ? p->index - WINDOW_PAGE : p->index,
        .stamp = p->stamp,
        .flags = p->page_flags,
    };
}

static uint32_t references_of(const struct raw_compound *c)
{
    uint32_t all = c->entire_mapcount + c->pins;

    for (unsigned i = 0; i < RAW_PARTS; i++)
        all += c->part[i].mapcount;
    return all;
}

/* All parts get their numbers at once, in a row: whichever is met first tells what they share. */
static uint32_t part_number(struct linux_reader *r, const struct raw_pte *p, struct snapshot *out)
{
    struct raw_compound *c = &r->raw->compound[p->swap];
    struct labels *l = &r->labels[LABEL_PAGE];
    const uint64_t nth = p->key - c->frame;
    struct snap_page *s;

    if (c->number)
        return c->number + (uint32_t)nth;
    c->number = l->last + 1;
    l->last += RAW_PARTS;
    s = &out->page[c->number - 1];
    for (unsigned i = 0; i < RAW_PARTS; i++)
        s[i] = (struct snap_page){
            .mapcount = c->part[i].mapcount,
            .anon_vma = given(&r->labels[LABEL_ANON_VMA], p->mapping),
            .index = p->mapping ? p->index - nth + i - WINDOW_PAGE : 0,
            .stamp = c->part[i].stamp,
            .flags = SNAP_PAGE_ANON | (c->part[i].exclusive ? SNAP_PAGE_EXCLUSIVE : 0U),
            .head = c->number,
        };
    s->refcount = references_of(c);
    s->pins = c->pins;
    s->entire_mapcount = c->entire_mapcount;
    s->flags |= p->page_flags & (SNAP_PAGE_DIRTY | SNAP_PAGE_SWAPBACKED | SNAP_PAGE_MLOCKED);
    return c->number + (uint32_t)nth;
}

static uint32_t slot_number(struct linux_reader *r, uint64_t key, struct snapshot *out)
{
    struct labels *l = &r->labels[LABEL_SLOT];
    const uint32_t before = l->last, n = number(l, never_zero(key));

    if (l->last != before)
        out->slot[n - 1] = (struct snap_slot){0};
    return n;
}

static void show_pte(struct linux_reader *r, const struct raw_pte *p, bool of_file,
                     struct snapshot *out)
{
    struct snap_pte *s = &out->pte[out->nr_ptes++];
    struct labels *l = &r->labels[LABEL_PAGE];
    const uint32_t before = l->last;

    *s = (struct snap_pte){.page = (p->addr - WINDOW_BASE) >> PAGE_SHIFT, .flags = p->flags};
    if (__builtin_expect(p->page_flags & RAW_PAGE_PART, 0)) {
        s->number = part_number(r, p, out);
    } else if ((p->flags & (SNAP_PTE_PRESENT | SNAP_PTE_SPECIAL)) == SNAP_PTE_PRESENT) {
        s->number = number(l, never_zero(p->key));
        if (l->last != before)
            show_page(r, p, of_file, &out->page[s->number - 1]);
    } else if ((p->flags & SNAP_PTE_SWAP) && p->key) {
        s->number = slot_number(r, p->key, out);
        out->slot[s->number - 1].count++;
    }
}

/* Pages of the swap cache and their slots refer to each other; the others' slots come last. */
static void show_swap_cache(struct linux_reader *r, struct snapshot *out)
{
    for (uint32_t i = 0; i < r->raw->nr_ptes; i++) {
        const struct raw_pte *p = &r->raw->pte[i];
        const uint32_t page = out->pte[i].number;

        if (!(p->page_flags & SNAP_PAGE_SWAPCACHE) || !page || out->page[page - 1].slot)
            continue;
        out->page[page - 1].slot = slot_number(r, p->swap, out);
        out->slot[out->page[page - 1].slot - 1].page = page;
    }
}

static void show_ptes(struct linux_reader *r, const struct raw_proc *p, struct snapshot *out)
{
    const struct raw_vma *v = &r->raw->vma[p->first_vma], *const end = v + p->nr_vmas;

    for (uint32_t i = 0; i < p->nr_ptes; i++) {
        const struct raw_pte *pte = &r->raw->pte[p->first_pte + i];

        while (v < end && v->end <= pte->addr)
            v++;
        show_pte(r, pte, v < end && v->object && v->start <= pte->addr, out);
    }
}

/* ---- processes ---- */
#define MODEL_UPPER_TABLES 3 /* above the lowest level, all of which are there if one of it is */

static uint64_t without(uint64_t all, uint64_t outside)
{
    return all - outside;
}

static void show_proc(const struct raw_proc *p, uint32_t id, struct snap_proc *s)
{
    uint64_t resident = 0;

    *s = (struct snap_proc){
        .id = id,
        .nr_tables = p->nr_tables ? p->nr_tables + MODEL_UPPER_TABLES : 0,
        .total_vm = without(p->all.total_vm, p->outside.total_vm),
        .locked_vm = without(p->all.locked_vm, p->outside.locked_vm),
        .data_vm = without(p->all.data_vm, p->outside.data_vm),
        .exec_vm = without(p->all.exec_vm, p->outside.exec_vm),
        .stack_vm = without(p->all.stack_vm, p->outside.stack_vm),
        .pinned_vm = p->pinned_vm,
        .brk = p->brk - WINDOW_BASE,
        .def_flags = p->def_flags & (SNAP_LOCKED | SNAP_LOCKONFAULT),
    };
    for (unsigned kind = 0; kind < SNAP_NR_RSS; kind++) {
        s->rss[kind] = (uint64_t)(p->rss[kind] - p->outside_rss[kind]);
        if (kind != SNAP_RSS_SWAP)
            resident += s->rss[kind];
    }
    /* The kernel raises the highest values late: what is now counts as well. They include what
     * was beside the window then. */
    s->hiwater_vm =
        p->hiwater_vm > p->all.total_vm ? p->hiwater_vm - p->outside.total_vm : s->total_vm;
    s->hiwater_rss = p->hiwater_rss > resident ? p->hiwater_rss : resident;
}

static int reserve(struct linux_reader *r, struct snapshot *out)
{
    const struct raw_picture *raw = r->raw;
    const uint32_t room[NR_LABELS] = {
        [LABEL_FILE] = raw->nr_vmas,    [LABEL_OBJECT] = raw->nr_vmas,
        [LABEL_CONTEXT] = raw->nr_vmas, [LABEL_ANON_VMA] = raw->nr_chains + raw->nr_vmas,
        [LABEL_PAGE] = raw->nr_ptes,    [LABEL_SLOT] = raw->nr_ptes,
    };
    int error = snapshot_reserve(out, MAX_PROCS, raw->nr_vmas, raw->nr_vmas);

    if (!error)
        error = snapshot_reserve_anon(out, raw->nr_chains, room[LABEL_ANON_VMA]);
    if (!error)
        error = snapshot_reserve_pages(out, raw->nr_ptes,
                                       raw->nr_ptes + raw->nr_compounds * RAW_PARTS, raw->nr_ptes);
    for (unsigned i = 0; i < NR_LABELS && !error; i++)
        error = labels_start(&r->labels[i], room[i]);
    return error;
}

int picture_of_raw(struct linux_reader *r, struct snapshot *out)
{
    const struct raw_picture *raw = r->raw;
    const int error = reserve(r, out);

    if (error)
        return error;
    out->nr_procs = out->nr_vmas = out->nr_objects = out->nr_chains = out->nr_anon_vmas = 0;
    out->nr_ptes = out->nr_pages = out->nr_slots = 0;
    out->has_anon = r->shows & SHOWS_ANON;
    out->has_pages = r->shows & SHOWS_ENTRIES;
    out->has_exclusive = r->shows & SHOWS_PAGE_FIELDS;
    out->by_degree = false;
    out->committed = 0;
    for (uint32_t i = 0; i < MAX_PROCS; i++) {
        const struct raw_proc *p = &raw->proc[i];
        struct snap_proc *proc = &out->proc[out->nr_procs];

        if (!p->pid)
            continue;
        out->nr_procs++;
        show_proc(p, i, proc);
        proc->first_vma = out->nr_vmas;
        for (uint32_t n = 0; n < p->nr_vmas; n++)
            show_vma(r, &raw->vma[p->first_vma + n], out);
        proc->nr_vmas = out->nr_vmas - proc->first_vma;
        proc->first_pte = out->nr_ptes;
        show_ptes(r, p, out);
        proc->nr_ptes = out->nr_ptes - proc->first_pte;
    }
    show_roots(r, out);
    out->nr_pages = r->labels[LABEL_PAGE].last;
    show_swap_cache(r, out);
    out->nr_slots = r->labels[LABEL_SLOT].last;
    return 0;
}
