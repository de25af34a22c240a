/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The model's picture against the kernel's. Objects are numbered by first appearance in both, so
 * the numbers of files, objects and anon_vmas are compared as they are. Those of pages and slots
 * are paired by the entries that lead to them, because of what the kernel maps unasked, see below.
 *
 * Left out, because no two runs need agree on them:
 * - references to a page, PG_lru, PG_mlocked: pages wait in per-CPU batches, which hold references,
 *   and munlock takes the flag away when such a batch is emptied;
 * - entries of file pages that the model has not: fault-around maps what is in the page cache near
 *   the page that was asked for. They count in rss and mapcount, and are allowed for there;
 * - accessed and dirty bits: the model sets them wherever a page is touched, the kernel only where
 *   the processor does or reclaim will ask. Memory that lost its contents shows without them;
 * - that the entry of a page of a shared file is writable before the first write: whether the file
 *   system wants to be told of that write is its own affair;
 * - whether MADV_FREE has already taken PG_swapbacked away: it is done when a batch is emptied;
 * - high-water marks: raised when something shrinks, at times of the kernel's own choosing;
 * - page tables: the upper ones serve the process' own memory as well;
 * - page cache and swap cache that nobody maps, and the system's commit charge.
 */
#include "harness/linux/linux.h"
#include "oracles/oracles.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct comparison {
    const struct snapshot *model, *kernel;
    unsigned shows;
    struct verdict *v;
    /* By number: the other side's. extra: entries of a kernel's page that the model has not. */
    uint32_t *kernel_page, *model_page, *kernel_slot, *model_slot, *extra;
    uint64_t extra_rss[SNAP_NR_RSS]; /* of the process at hand */
    uint32_t extra_vma;              /* of its VMAs the one that had the last such entry */
};

static bool same(const struct comparison *c, enum law_id law, const char *site, uint32_t proc,
                 uint64_t page, uint64_t model, uint64_t kernel)
{
    if (__builtin_expect(model == kernel, 1))
        return true;
    return law_broken(c->v, law, site, proc, page << PAGE_SHIFT,
                      "%s is %#" PRIx64 " in the model, %#" PRIx64 " in the kernel", site, model,
                      kernel);
}

/* ---- VMAs: piece by piece, where a piece ends with a VMA of either picture ---- */
struct pieces {
    const struct comparison *c;
    const struct snap_vma *m, *m_end, *k, *k_end;
    uint64_t at; /* page where the piece begins */
    uint32_t proc;
};

static uint64_t begin(const struct snap_vma *vma, const struct snap_vma *end, uint64_t at)
{
    if (vma == end)
        return UINT64_MAX;
    return vma->start > at ? vma->start : at;
}

static bool vma_same(const struct pieces *p, const char *site, uint64_t model, uint64_t kernel)
{
    if (__builtin_expect(model == kernel, 1))
        return true;
    return law_broken(p->c->v, LAW_SPEC_LAYOUT, site, p->proc, p->at << PAGE_SHIFT,
                      "page %#" PRIx64 ": %s is %#" PRIx64 " in the model (VMA %#" PRIx64
                      "-%#" PRIx64 "), %#" PRIx64 " in the kernel (%#" PRIx64 "-%#" PRIx64 ")",
                      p->at, site, model, p->m->start, p->m->end, kernel, p->k->start, p->k->end);
}

uint64_t linux_vma_flags(unsigned shows)
{
    /* What /proc/PID/maps tells: its 's' is MAYSHARE. */
    const uint64_t flags =
        shows & SHOWS_VM_FLAGS ? UINT64_MAX : SNAP_READ | SNAP_WRITE | SNAP_EXEC | SNAP_MAYSHARE;

    return shows & SHOWS_ONFAULT ? flags : flags & ~(uint64_t)SNAP_LOCKONFAULT;
}

static bool attributes_same(const struct pieces *p)
{
    const struct snap_vma *m = p->m, *k = p->k;
    const unsigned shows = p->c->shows;
    const uint64_t flags = linux_vma_flags(shows);

    if (!vma_same(p, "flags", m->flags & flags, k->flags & flags))
        return false;
    if (((shows & SHOWS_ANON) || m->object) && /* procfs has no offsets of anonymous memory */
        !vma_same(p, "pgoff", m->pgoff + (p->at - m->start), k->pgoff + (p->at - k->start)))
        return false;
    if ((shows & SHOWS_ANON) && !vma_same(p, "faulted", m->anon_vma != 0, k->anon_vma != 0))
        return false;
    if ((shows & SHOWS_FILES) && !vma_same(p, "file", m->file, k->file))
        return false;
    if ((shows & SHOWS_CONTEXTS) && !vma_same(p, "context", m->context, k->context))
        return false;
    if ((shows & SHOWS_POLICIES) && (!vma_same(p, "policy", m->policy_mode, k->policy_mode) ||
                                     !vma_same(p, "nodes", m->policy_nodes, k->policy_nodes)))
        return false;
    return vma_same(p, "object", m->object, k->object);
}

static bool mapped_by_one(const struct pieces *p, uint64_t m)
{
    const struct snap_vma *vma = m == p->at ? p->m : p->k;

    return law_broken(p->c->v, LAW_SPEC_LAYOUT, "mapped", p->proc, p->at << PAGE_SHIFT,
                      "page %#" PRIx64 " is mapped in the %s (VMA %#" PRIx64 "-%#" PRIx64
                      ", flags %#" PRIx64 "), not in the %s",
                      p->at, m == p->at ? "model" : "kernel", vma->start, vma->end, vma->flags,
                      m == p->at ? "kernel" : "model");
}

/* The piece from p->at on. *apart: what is there cannot be walked side by side any further. */
static bool piece_same(struct pieces *p, bool *apart)
{
    uint64_t m = begin(p->m, p->m_end, p->at), k = begin(p->k, p->k_end, p->at);

    p->at = m < k ? m : k;
    *apart = m != k;
    if (*apart)
        return mapped_by_one(p, m);
    if (!attributes_same(p))
        return false;
    if ((p->m->start == p->at) == (p->k->start == p->at))
        return true;
    return law_broken(p->c->v, LAW_MERGE_CANONICAL, p->m->start == p->at ? "kept-apart" : "joined",
                      p->proc, p->at << PAGE_SHIFT,
                      "page %#" PRIx64 ": model has VMA %#" PRIx64 "-%#" PRIx64
                      ", kernel has VMA %#" PRIx64 "-%#" PRIx64,
                      p->at, p->m->start, p->m->end, p->k->start, p->k->end);
}

static bool layout_same(const struct comparison *c, const struct snap_proc *m,
                        const struct snap_proc *k)
{
    struct pieces p = {.c = c, .proc = m->id};
    bool apart;

    if (m->nr_vmas) { /* an empty picture may have no array to point into */
        p.m = c->model->vma + m->first_vma;
        p.m_end = p.m + m->nr_vmas;
    }
    if (k->nr_vmas) {
        p.k = c->kernel->vma + k->first_vma;
        p.k_end = p.k + k->nr_vmas;
    }
    while (p.m < p.m_end || p.k < p.k_end) {
        if (!piece_same(&p, &apart))
            return false;
        if (apart)
            return true; /* spec.layout is left out */
        p.at = p.m->end < p.k->end ? p.m->end : p.k->end;
        p.m += p.m->end == p.at;
        p.k += p.k->end == p.at;
    }
    return true;
}

static bool totals_same(const struct comparison *c, const struct snap_proc *m,
                        const struct snap_proc *k)
{
    const enum law_id law = LAW_ACCOUNT_VM;

    if (!(c->shows & SHOWS_COUNTERS))
        return true;
    return same(c, law, "total_vm", m->id, 0, m->total_vm, k->total_vm) &&
           same(c, law, "locked_vm", m->id, 0, m->locked_vm, k->locked_vm) &&
           same(c, law, "data_vm", m->id, 0, m->data_vm, k->data_vm) &&
           same(c, law, "exec_vm", m->id, 0, m->exec_vm, k->exec_vm) &&
           same(c, law, "stack_vm", m->id, 0, m->stack_vm, k->stack_vm) &&
           (!(c->shows & SHOWS_BRK) ||
            (same(c, LAW_SPEC_LAYOUT, "brk", m->id, 0, m->brk, k->brk) &&
             same(c, LAW_SPEC_LAYOUT, "def-flags", m->id, 0, m->def_flags, k->def_flags)));
}

/* ---- anon_vmas ---- */
static bool chains_same(const struct comparison *c, const struct snap_proc *proc,
                        const struct snap_vma *m, const struct snap_vma *k)
{
    const enum law_id law = LAW_ANON_TOPOLOGY;

    if (!same(c, law, "anon-vma", proc->id, m->start, m->anon_vma, k->anon_vma) ||
        !same(c, law, "chain-length", proc->id, m->start, m->nr_chains, k->nr_chains))
        return false;
    for (uint32_t i = 0; i < m->nr_chains && i < k->nr_chains; i++)
        if (!same(c, law, "chain", proc->id, m->start, c->model->chain[m->first_chain + i].anon_vma,
                  c->kernel->chain[k->first_chain + i].anon_vma))
            return false;
    return true;
}

static bool counts_same(const struct comparison *c, uint32_t number)
{
    const struct snap_anon_vma *m = &c->model->anon_vma[number - 1];
    const struct snap_anon_vma *k = &c->kernel->anon_vma[number - 1];
    const enum law_id law = LAW_ANON_COUNTS;

    if (!same(c, LAW_ANON_TOPOLOGY, "root", 0, 0, m->root, k->root) ||
        !same(c, LAW_ANON_TOPOLOGY, "parent", 0, 0, m->parent, k->parent) ||
        !same(c, law, "refcount", 0, 0, m->refcount, k->refcount))
        return false;
    if (c->model->by_degree != c->kernel->by_degree)
        return true; /* two ways to count */
    if (c->model->by_degree)
        return same(c, law, "degree", 0, 0, m->degree, k->degree);
    return same(c, law, "children", 0, 0, m->num_children, k->num_children) &&
           same(c, law, "active-vmas", 0, 0, m->num_active_vmas, k->num_active_vmas);
}

/* Layouts are the same by now, VMA by VMA. */
static bool anon_same(const struct comparison *c)
{
    const struct snapshot *model = c->model, *kernel = c->kernel;

    if (!(c->shows & SHOWS_ANON))
        return true;
    for (uint32_t i = 0; i < model->nr_procs; i++) {
        const struct snap_proc *m = &model->proc[i], *k = &kernel->proc[i];

        for (uint32_t n = 0; n < m->nr_vmas && n < k->nr_vmas; n++)
            if (!chains_same(c, m, &model->vma[m->first_vma + n], &kernel->vma[k->first_vma + n]))
                return false;
    }
    for (uint32_t n = 1; n <= model->nr_anon_vmas && n <= kernel->nr_anon_vmas; n++)
        if (!counts_same(c, n))
            return false;
    return same(c, LAW_ANON_TOPOLOGY, "anon-vmas", 0, 0, model->nr_anon_vmas, kernel->nr_anon_vmas);
}

/* ---- entries ---- */
static bool is_frame(const struct snap_pte *e)
{
    return (e->flags & (SNAP_PTE_PRESENT | SNAP_PTE_SPECIAL)) == SNAP_PTE_PRESENT;
}

static const struct snap_page *frame_of(const struct snapshot *s, const struct snap_pte *e)
{
    return is_frame(e) && e->number && e->number <= s->nr_pages ? &s->page[e->number - 1] : NULL;
}

static const char *kind_of(const struct snap_pte *e)
{
    if (!e)
        return "nothing";
    if (e->flags & SNAP_PTE_HUGE)
        return e->flags & SNAP_PTE_SPECIAL ? "huge zeroes" : "a huge page";
    if (e->flags & SNAP_PTE_SWAP)
        return "swap";
    if (e->flags & SNAP_PTE_MIGRATION)
        return "migration";
    return e->flags & SNAP_PTE_SPECIAL ? "zeroes" : "a page";
}

static bool entry_broken(const struct comparison *c, const char *site, uint32_t proc,
                         const struct snap_pte *m, const struct snap_pte *k)
{
    const uint64_t page = m ? m->page : k->page;

    return law_broken(c->v, LAW_PGTABLE_INSIDE, site, proc, page << PAGE_SHIFT,
                      "entry of page %#" PRIx64 ": %s, flags %#" PRIx32
                      " in the model; %s, flags %#" PRIx32 " in the kernel",
                      page, kind_of(m), m ? m->flags : 0, kind_of(k), k ? k->flags : 0);
}

/* Two entries that stand in the same place lead to the same thing, wherever else it is. */
static bool paired(const struct comparison *c, uint32_t *kernel, uint32_t *model, uint32_t proc,
                   const struct snap_pte *m, const struct snap_pte *k)
{
    if (!kernel[m->number] && !model[k->number]) {
        kernel[m->number] = k->number;
        model[k->number] = m->number;
        return true;
    }
    if (kernel[m->number] == k->number && model[k->number] == m->number)
        return true;
    return law_broken(
        c->v, LAW_RMAP_MAPCOUNT, "shared", proc, m->page << PAGE_SHIFT,
        "what page %#" PRIx64 " maps is mapped elsewhere too in the %s, not so in the "
        "%s",
        m->page, kernel[m->number] ? "model" : "kernel", kernel[m->number] ? "kernel" : "model");
}

/* Parts of one page there are parts of one page here, and lie in it as far from its head. */
static bool compound_same(const struct comparison *c, uint32_t proc, const struct snap_pte *m,
                          const struct snap_pte *k)
{
    const uint32_t mhead = frame_of(c->model, m)->head, khead = frame_of(c->kernel, k)->head;
    const struct snap_pte of_m = {.page = m->page, .number = mhead};
    const struct snap_pte of_k = {.page = k->page, .number = khead};

    if (__builtin_expect(!mhead && !khead, 1))
        return true;
    if (!mhead || !khead || m->number - mhead != k->number - khead)
        return law_broken(c->v, LAW_RMAP_MAPCOUNT, "compound", proc, m->page << PAGE_SHIFT,
                          "what page %#" PRIx64 " maps is %s in the model, %s in the kernel",
                          m->page, mhead ? "a part of a compound page" : "a page by itself",
                          khead ? "a part of a compound page" : "a page by itself");
    return paired(c, c->kernel_page, c->model_page, proc, &of_m, &of_k);
}

#define ENTRY_KINDS                                                                                \
    (SNAP_PTE_PRESENT | SNAP_PTE_SPECIAL | SNAP_PTE_SWAP | SNAP_PTE_MIGRATION | SNAP_PTE_HUGE)
/* Most entries: the same in all that is compared, of a frame that is paired already or free on both
 * sides. It is entry_same() that is asked about all others. */
static inline bool plainly_same(const struct comparison *c, const struct snap_pte *m,
                                const struct snap_pte *k)
{
    const struct snap_page *a = frame_of(c->model, m), *b = frame_of(c->kernel, k);
    uint32_t *kernel, *model;

    if (((m->flags ^ k->flags) & (ENTRY_KINDS | SNAP_PTE_WRITE | SNAP_PTE_EXCLUSIVE)) || !a || !b ||
        (a->head | b->head))
        return false;
    kernel = &c->kernel_page[m->number];
    model = &c->model_page[k->number];
    if (!(*kernel | *model)) {
        *kernel = k->number;
        *model = m->number;
    }
    return *kernel == k->number && *model == m->number;
}

static bool entry_same(const struct comparison *c, uint32_t proc, const struct snap_pte *m,
                       const struct snap_pte *k)
{
    const uint32_t differ = m->flags ^ k->flags;

    if (differ & ENTRY_KINDS)
        return entry_broken(c, "kind", proc, m, k);
    if (c->shows & SHOWS_ENTRY_BITS) {
        if ((differ & SNAP_PTE_WRITE) && (!frame_of(c->kernel, k) || (m->flags & SNAP_PTE_WRITE) ||
                                          (frame_of(c->kernel, k)->flags & SNAP_PAGE_ANON)))
            return entry_broken(c, "write", proc, m, k);
        if (differ & SNAP_PTE_EXCLUSIVE)
            return entry_broken(c, "exclusive", proc, m, k);
    }
    if (frame_of(c->model, m) && frame_of(c->kernel, k))
        return paired(c, c->kernel_page, c->model_page, proc, m, k) && compound_same(c, proc, m, k);
    if ((m->flags & SNAP_PTE_SWAP) && m->number && k->number && m->number <= c->model->nr_slots &&
        k->number <= c->kernel->nr_slots)
        return paired(c, c->kernel_slot, c->model_slot, proc, m, k);
    return true;
}

/* What the VMA at the page maps; not all readers know it of the page itself. */
static uint32_t object_at(struct comparison *c, const struct snap_proc *proc, uint64_t page)
{
    const struct snap_vma *vma = c->kernel->vma + proc->first_vma;

    for (uint32_t n = 0, i = c->extra_vma; n < proc->nr_vmas; n++, i++) {
        i = i < proc->nr_vmas ? i : 0;
        if (vma[i].start <= page && page < vma[i].end) {
            c->extra_vma = i;
            return vma[i].object;
        }
    }
    return 0;
}

/* Fault-around? */
static bool is_extra(struct comparison *c, const struct snap_proc *proc, const struct snap_pte *k)
{
    const struct snap_page *page = frame_of(c->kernel, k);
    uint32_t object, kind;

    if (!page || (page->flags & SNAP_PAGE_ANON))
        return false;
    object = object_at(c, proc, k->page);
    if (!object || object > c->model->nr_objects)
        return false;
    c->extra[k->number]++;
    kind = c->model->object[object - 1].kind; /* the same object, and its kind is known here */
    c->extra_rss[kind == FILE_SHMEM || kind == FILE_SYSV ? SNAP_RSS_SHMEM : SNAP_RSS_FILE]++;
    return true;
}

static bool rss_same(const struct comparison *c, const struct snap_proc *m,
                     const struct snap_proc *k)
{
    static const char *const site[SNAP_NR_RSS] = {
        [SNAP_RSS_FILE] = "file",
        [SNAP_RSS_ANON] = "anon",
        [SNAP_RSS_SWAP] = "swap",
        [SNAP_RSS_SHMEM] = "shmem",
    };

    if (!(c->shows & SHOWS_RSS))
        return true;
    for (unsigned kind = 0; kind < SNAP_NR_RSS; kind++)
        if (!same(c, LAW_ACCOUNT_RSS, site[kind], m->id, 0, m->rss[kind] + c->extra_rss[kind],
                  k->rss[kind]))
            return false;
    return true;
}

static bool entries_same(struct comparison *c, const struct snap_proc *mp,
                         const struct snap_proc *kp)
{
    uint32_t i = 0, n = 0;

    memset(c->extra_rss, 0, sizeof(c->extra_rss));
    c->extra_vma = 0;
    while (i < mp->nr_ptes || n < kp->nr_ptes) {
        const struct snap_pte *m = i < mp->nr_ptes ? &c->model->pte[mp->first_pte + i] : NULL;
        const struct snap_pte *k = n < kp->nr_ptes ? &c->kernel->pte[kp->first_pte + n] : NULL;

        if (m && k && m->page == k->page) {
            if (!plainly_same(c, m, k) && !entry_same(c, mp->id, m, k))
                return false;
            i++;
            n++;
        } else if (m && (!k || m->page < k->page)) {
            if (!entry_broken(c, "missing", mp->id, m, NULL))
                return false;
            i++;
        } else {
            if (!is_extra(c, kp, k) && !entry_broken(c, "extra", mp->id, NULL, k))
                return false;
            n++;
        }
    }
    return rss_same(c, mp, kp);
}

/* ---- pages ---- */
static bool page_broken(const struct comparison *c, enum law_id law, const char *site,
                        uint32_t number, uint64_t model, uint64_t kernel)
{
    const struct snapshot *s = c->model;
    const struct snap_proc *proc = s->proc;
    uint32_t i = 0;

    while (i < s->nr_ptes && !(s->pte[i].number == number && is_frame(&s->pte[i])))
        i++;
    if (i == s->nr_ptes)
        return true; /* it was paired by an entry */
    while (i >= proc->first_pte + proc->nr_ptes)
        proc++;
    return law_broken(c->v, law, site, proc->id, s->pte[i].page << PAGE_SHIFT,
                      "page that is mapped at %#" PRIx64 ": %s is %#" PRIx64
                      " in the model, %#" PRIx64 " in the kernel",
                      s->pte[i].page, site, model, kernel);
}

static bool page_same(const struct comparison *c, uint32_t number)
{
    const struct snap_page *m = &c->model->page[number - 1];
    const uint32_t n = c->kernel_page[number];
    const struct snap_page *k = &c->kernel->page[n - 1];
    const uint32_t differ = m->flags ^ k->flags;

    if (!((differ & (SNAP_PAGE_ANON | SNAP_PAGE_EXCLUSIVE)) | (m->stamp ^ k->stamp) |
          (m->index ^ k->index) | (m->anon_vma ^ k->anon_vma) | (m->object ^ k->object) |
          ((m->mapcount + c->extra[n]) ^ k->mapcount)))
        return true; /* whatever is shown */
#define SAME(law, site, a, b) ((a) == (b) || page_broken(c, law, site, number, a, b))
    if ((c->shows & SHOWS_PAGES) &&
        !(SAME(LAW_PAGE_INDEX, "anonymous", m->flags & SNAP_PAGE_ANON, k->flags & SNAP_PAGE_ANON) &&
          SAME(LAW_RMAP_MAPCOUNT, "mapcount", m->mapcount + c->extra[n], k->mapcount)))
        return false;
    if ((c->shows & SHOWS_CONTENTS) && !SAME(LAW_CONTENT, "stamp", m->stamp, k->stamp))
        return false;
    if (!(c->shows & SHOWS_PAGE_FIELDS))
        return true;
    return SAME(LAW_PAGE_INDEX, "index", m->index, k->index) &&
           SAME(LAW_PAGE_INDEX, "mapping", m->anon_vma, k->anon_vma) &&
           SAME(LAW_PAGE_INDEX, "object", m->object, k->object) &&
           (!c->model->has_exclusive || !(differ & SNAP_PAGE_EXCLUSIVE) ||
            page_broken(c, LAW_RMAP_EXCLUSIVE, "exclusive", number,
                        (m->flags & SNAP_PAGE_EXCLUSIVE) != 0,
                        (k->flags & SNAP_PAGE_EXCLUSIVE) != 0));
#undef SAME
}

/* A part is named by its place in the page, and that by where it is mapped: maybe as a whole. */
static bool part_broken(const struct comparison *c, enum law_id law, const char *site,
                        uint32_t head, unsigned part, uint64_t model, uint64_t kernel)
{
    const struct snapshot *s = c->model;
    const struct snap_proc *proc = s->proc;
    uint32_t i = 0;

    while (i < s->nr_ptes && !(is_frame(&s->pte[i]) && s->pte[i].number - head < SNAP_PARTS))
        i++;
    while (i < s->nr_ptes && i >= proc->first_pte + proc->nr_ptes)
        proc++;
    return law_broken(c->v, law, site, proc->id, i < s->nr_ptes ? s->pte[i].page << PAGE_SHIFT : 0,
                      "part %u of a compound page: %s is %#" PRIx64 " in the model, %#" PRIx64
                      " in the kernel",
                      part, site, model, kernel);
}

static bool part_same(const struct comparison *c, uint32_t number, unsigned part)
{
    const struct snap_page *mhead = &c->model->page[number - 1], *m = mhead + part;
    const struct snap_page *k = &c->kernel->page[c->kernel_page[number] - 1] + part;

#define SAME(law, site, a, b) ((a) == (b) || part_broken(c, law, site, number, part, a, b))
    if ((c->shows & SHOWS_PAGES) && !SAME(LAW_RMAP_MAPCOUNT, "mapcount", m->mapcount, k->mapcount))
        return false;
    if (!m->mapcount && !mhead->entire_mapcount)
        return true; /* nobody can see it */
    if ((c->shows & SHOWS_CONTENTS) && !SAME(LAW_CONTENT, "stamp", m->stamp, k->stamp))
        return false;
    /* while a huge entry maps the page, that of the head is that of all */
    return !(c->shows & SHOWS_PAGE_FIELDS) || (part && mhead->entire_mapcount) ||
           SAME(LAW_RMAP_EXCLUSIVE, "exclusive", (m->flags & SNAP_PAGE_EXCLUSIVE) != 0,
                (k->flags & SNAP_PAGE_EXCLUSIVE) != 0);
#undef SAME
}

static bool compound_page_same(const struct comparison *c, uint32_t number)
{
    const struct snap_page *m = &c->model->page[number - 1];
    const struct snap_page *k = &c->kernel->page[c->kernel_page[number] - 1];

    if (m->head != number)
        return true; /* with its head */
#define SAME(law, site, a, b) ((a) == (b) || part_broken(c, law, site, number, 0, a, b))
    if (((c->shows & SHOWS_PAGES) &&
         !SAME(LAW_RMAP_MAPCOUNT, "entire-mapcount", m->entire_mapcount, k->entire_mapcount)) ||
        ((c->shows & SHOWS_PAGE_FIELDS) &&
         !(SAME(LAW_PAGE_INDEX, "index", m->index, k->index) &&
           SAME(LAW_PAGE_INDEX, "mapping", m->anon_vma, k->anon_vma))))
        return false;
#undef SAME
    for (unsigned i = 0; i < SNAP_PARTS; i++)
        if (!part_same(c, number, i))
            return false;
    return true;
}

static bool pages_same(struct comparison *c)
{
    for (uint32_t i = 0; i < c->model->nr_procs; i++)
        if (!entries_same(c, &c->model->proc[i], &c->kernel->proc[i]))
            return false;
    for (uint32_t n = 1; n <= c->model->nr_pages; n++)
        if (c->kernel_page[n] &&
            !(c->model->page[n - 1].head ? compound_page_same(c, n) : page_same(c, n)))
            return false;
    for (uint32_t n = 1; n <= c->model->nr_slots; n++)
        if (c->kernel_slot[n] &&
            !same(c, LAW_SWAP_COUNTS, "count", 0, 0, c->model->slot[n - 1].count,
                  c->kernel->slot[c->kernel_slot[n] - 1].count))
            return false;
    return true;
}

/* ---- all of it ---- */
static bool vmas_same(const struct comparison *c)
{
    const struct snapshot *m = c->model, *k = c->kernel;

    if (!same(c, LAW_SPEC_LAYOUT, "processes", 0, 0, m->nr_procs, k->nr_procs))
        return false;
    for (uint32_t i = 0; i < m->nr_procs && i < k->nr_procs; i++)
        if (!same(c, LAW_SPEC_LAYOUT, "process", 0, 0, m->proc[i].id, k->proc[i].id) ||
            !layout_same(c, &m->proc[i], &k->proc[i]) || !totals_same(c, &m->proc[i], &k->proc[i]))
            return false;
    return true;
}

bool compare_with_linux(const struct snapshot *model, const struct snapshot *kernel, unsigned shows,
                        struct verdict *v)
{
    struct comparison c = {.model = model, .kernel = kernel, .shows = shows, .v = v};
    const size_t pages = (size_t)model->nr_pages + kernel->nr_pages * 2u + 3;
    const size_t slots = (size_t)model->nr_slots + kernel->nr_slots + 2;
    bool clean;

    if (!vmas_same(&c) || !anon_same(&c))
        return false;
    if (!(shows & SHOWS_ENTRIES) || model->nr_procs != kernel->nr_procs)
        return true;
    c.kernel_page = calloc(pages + slots, sizeof(uint32_t));
    if (!c.kernel_page)
        return law_broken(v, LAW_SUBJECT_LOST, "memory", NOWHERE, "out of memory for a comparison");
    c.model_page = c.kernel_page + model->nr_pages + 1;
    c.extra = c.model_page + kernel->nr_pages + 1;
    c.kernel_slot = c.extra + kernel->nr_pages + 1;
    c.model_slot = c.kernel_slot + model->nr_slots + 1;
    clean = pages_same(&c);
    free(c.kernel_page);
    return clean;
}

/* ---- laws on the kernel's own picture ---- */
/* What no picture of the kernel can say is filled in as the laws would have it. */
static void complete(struct snapshot *s)
{
    s->committed = 0;
    for (uint32_t i = 0; i < s->nr_vmas; i++)
        if (s->vma[i].flags & SNAP_ACCOUNT)
            s->committed += (int64_t)(s->vma[i].end - s->vma[i].start);
    for (uint32_t i = 0; i < s->nr_procs; i++) {
        struct snap_proc *p = &s->proc[i];
        const uint64_t rss = p->rss[SNAP_RSS_FILE] + p->rss[SNAP_RSS_ANON] + p->rss[SNAP_RSS_SHMEM];

        p->hiwater_vm = p->hiwater_vm < p->total_vm ? p->total_vm : p->hiwater_vm;
        p->hiwater_rss = p->hiwater_rss < rss ? rss : p->hiwater_rss;
    }
    for (uint32_t i = 0; i < s->nr_pages; i++) {
        struct snap_page *p = &s->page[i];

        if (__builtin_expect(p->head, 0)) /* counted already */
            continue;
        p->refcount = p->mapcount + ((p->flags & SNAP_PAGE_CACHED) != 0) +
                      ((p->flags & SNAP_PAGE_SWAPCACHE) != 0) + p->pins;
    }
    s->has_mlocked = false;
}

#define LAWS_NEED                                                                                  \
    (SHOWS_LAYOUT | SHOWS_VM_FLAGS | SHOWS_ONFAULT | SHOWS_FILES | SHOWS_COUNTERS | SHOWS_RSS)
#define PAGE_LAWS_NEED                                                                             \
    (SHOWS_ANON | SHOWS_ENTRIES | SHOWS_ENTRY_BITS | SHOWS_PAGES | SHOWS_PAGE_FIELDS)

bool laws_on_linux(struct snapshot *kernel, uint64_t *lawful, unsigned shows, struct verdict *v)
{
    if ((shows & LAWS_NEED) != LAWS_NEED || (kernel->taken && kernel->taken == *lawful))
        return true;
    kernel->has_anon = shows & SHOWS_ANON;
    kernel->has_pages = (shows & PAGE_LAWS_NEED) == PAGE_LAWS_NEED;
    complete(kernel);
    if (!laws_snapshot(kernel, v))
        return false;
    *lawful = kernel->taken;
    return true;
}
