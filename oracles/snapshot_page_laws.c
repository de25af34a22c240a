/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The laws on entries, frames and swap on pictures, whoever took them.
 *
 * Recounts are sums of weights first, as elsewhere; who is wrong is asked only if they differ.
 */
#include "oracles/laws.h"

#include <inttypes.h>

struct judged {
    const struct snapshot *s;
    const struct snap_proc *proc;
    const struct snap_vma *vma; /* that has the entry; NULL: none */
    const struct snap_pte *pte;
    const struct snap_page *page; /* that it maps; NULL: none */
    struct verdict *v;
};

static const struct snap_page *page_of(const struct snapshot *s, const struct snap_pte *pte)
{
    if ((pte->flags & (SNAP_PTE_PRESENT | SNAP_PTE_SPECIAL)) != SNAP_PTE_PRESENT)
        return NULL;
    return pte->number && pte->number <= s->nr_pages ? &s->page[pte->number - 1] : NULL;
}

static bool is_swapped(const struct snap_pte *pte)
{
    return (pte->flags & (SNAP_PTE_PRESENT | SNAP_PTE_SWAP)) == SNAP_PTE_SWAP;
}

static const struct snap_slot *slot_of(const struct snapshot *s, const struct snap_pte *pte)
{
    if (!is_swapped(pte))
        return NULL;
    return pte->number && pte->number <= s->nr_slots ? &s->slot[pte->number - 1] : NULL;
}

static bool broken(const struct judged *j, enum law_id law, const char *site)
{
    return law_broken(j->v, law, site, j->proc->id, j->pte->page << PAGE_SHIFT,
                      "entry of page %#" PRIx64 ", flags %#" PRIx32 ", number %" PRIu32
                      ", VMA of pages %#" PRIx64 "-%#" PRIx64 ": %s",
                      j->pte->page, j->pte->flags, j->pte->number, j->vma ? j->vma->start : 0,
                      j->vma ? j->vma->end : 0, site);
}

/* ---- entries ---- */
static const char *entry_illegal(const struct judged *j)
{
    const uint64_t shared = SNAP_SHARED | SNAP_MAYSHARE;
    const struct snap_page *page = j->page;
    const uint32_t flags = j->pte->flags;

    if (unlikely(!j->vma))
        return "outside";
    if (unlikely(flags & SNAP_PTE_MIGRATION))
        return "migration";
    if (unlikely(j->vma->flags & (SNAP_IO | SNAP_PFNMAP | SNAP_HUGETLB)))
        return "no-memory";
    if (flags & SNAP_PTE_WRITE) {
        if (unlikely(!(j->vma->flags & SNAP_WRITE)))
            return "writable";
        if (unlikely(flags & SNAP_PTE_SPECIAL))
            return "writable-zeroes";
        if (unlikely(page && !(page->flags & SNAP_PAGE_ANON) && !(j->vma->flags & shared)))
            return "writable-file-page";
    }
    if (unlikely((flags & SNAP_PTE_SPECIAL) && (j->vma->file || (j->vma->flags & shared))))
        return "zeroes-of-file";
    return unlikely((flags & SNAP_PTE_SWAP) && !j->vma->anon_vma) ? "swap-unfaulted" : NULL;
}

static const char *place_illegal(const struct judged *j, const struct snap_page *page)
{
    const struct snapshot *s = j->s;
    const struct snap_anon_vma *a, *own;

    if (!(page->flags & SNAP_PAGE_ANON)) {
        if (unlikely(!page->object || page->object != j->vma->object))
            return "object";
    } else {
        if (unlikely(!page->anon_vma || page->anon_vma > s->nr_anon_vmas))
            return "dead-anon-vma";
        if (unlikely(!j->vma->anon_vma))
            return "unfaulted";
        a = &s->anon_vma[page->anon_vma - 1];
        own = j->vma->anon_vma <= s->nr_anon_vmas ? &s->anon_vma[j->vma->anon_vma - 1] : a;
        if (unlikely(a->root != own->root))
            return "family";
    }
    return likely(page->index == j->vma->pgoff + (j->pte->page - j->vma->start)) ? NULL : "index";
}

/* Is the VMA in the tree that the walk from the page goes through? */
static bool is_chained(const struct judged *j, const struct snap_page *page)
{
    if (!(page->flags & SNAP_PAGE_ANON))
        return true; /* its object says so */
    for (uint32_t i = 0; i < j->vma->nr_chains; i++)
        if (j->s->chain[j->vma->first_chain + i].anon_vma == page->anon_vma)
            return true;
    return false;
}

static bool swapped_elsewhere(const struct snapshot *s, const struct snap_page *page)
{
    return (page->flags & SNAP_PAGE_SWAPCACHE) && page->slot && page->slot <= s->nr_slots &&
           s->slot[page->slot - 1].count;
}

static const char *exclusive_illegal(const struct judged *j)
{
    const struct snap_page *page = j->page;
    const struct snap_slot *slot = slot_of(j->s, j->pte);

    if (slot && (j->pte->flags & SNAP_PTE_EXCLUSIVE)) {
        page = slot->page && slot->page <= j->s->nr_pages ? &j->s->page[slot->page - 1] : NULL;
        return unlikely(slot->count > 1 || (page && page->mapcount)) ? "swap-shared" : NULL;
    }
    if (!(j->pte->flags & SNAP_PTE_WRITE) || !page || !(page->flags & SNAP_PAGE_ANON))
        return NULL;
    if (unlikely(page->mapcount > 1 || swapped_elsewhere(j->s, page)))
        return "shared-writable";
    return unlikely(j->s->has_exclusive && !(page->flags & SNAP_PAGE_EXCLUSIVE)) ? "shared-writable"
                                                                                 : NULL;
}

/* What it leads to, and that the walk will find it there once it is mapped again. */
static bool swapped_ok(const struct judged *j)
{
    const struct snap_slot *slot = slot_of(j->s, j->pte);
    const struct snap_page *page;

    if (unlikely(!slot))
        return broken(j, LAW_SWAP_COUNTS, "dead-slot");
    page = slot->page && slot->page <= j->s->nr_pages ? &j->s->page[slot->page - 1] : NULL;
    return !page || !page->anon_vma || likely(is_chained(j, page)) ||
           broken(j, LAW_RMAP_COMPLETE, "swapped-missed");
}

static bool entry_ok(const struct judged *j)
{
    const struct snap_page *page = j->page;
    const char *site = entry_illegal(j);

    if (unlikely(site != NULL) && !broken(j, LAW_PGTABLE_INSIDE, site))
        return false;
    if (unlikely(!j->vma))
        return true; /* nothing to judge it by */
    site = page ? place_illegal(j, page) : NULL;
    if (page && !site && unlikely(!is_chained(j, page)) && !broken(j, LAW_RMAP_COMPLETE, "missed"))
        return false;
    if (!page && (j->pte->flags & (SNAP_PTE_PRESENT | SNAP_PTE_SPECIAL)) == SNAP_PTE_PRESENT)
        return broken(j, LAW_RMAP_MAPCOUNT, "dead-frame");
    if (unlikely(site != NULL) && !broken(j, LAW_PAGE_INDEX, site))
        return false;
    if (page && j->s->has_mlocked &&
        unlikely((j->vma->flags & SNAP_LOCKED) && !(page->flags & SNAP_PAGE_MLOCKED)) &&
        !broken(j, LAW_RMAP_MAPCOUNT, "mlocked"))
        return false;
    if (is_swapped(j->pte) && !swapped_ok(j))
        return false;
    site = exclusive_illegal(j);
    return likely(!site) || broken(j, LAW_RMAP_EXCLUSIVE, site);
}

/* *mapped: grows by what entries map, weighed. */
static bool entries_ok(const struct snapshot *s, const struct snap_proc *proc, uint64_t *mapped,
                       struct verdict *v)
{
    struct judged j = {.s = s, .proc = proc, .v = v};
    uint32_t at = 0;

    for (uint32_t i = 0; i < proc->nr_ptes; i++) {
        j.pte = &s->pte[proc->first_pte + i];
        while (at < proc->nr_vmas && s->vma[proc->first_vma + at].end <= j.pte->page)
            at++;
        j.vma = at < proc->nr_vmas ? &s->vma[proc->first_vma + at] : NULL;
        if (j.vma && j.vma->start > j.pte->page)
            j.vma = NULL;
        j.page = page_of(s, j.pte);
        if (j.page)
            *mapped += law_weight(j.pte->number);
        if (!entry_ok(&j))
            return false;
    }
    return true;
}

/* ---- counts ---- */
/* Entries that map the page, or are in the slot, of this number; 0: all, weighed. */
static uint64_t count_entries(const struct snapshot *s, bool swapped, uint32_t only)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < s->nr_ptes; i++) {
        const struct snap_pte *pte = &s->pte[i];

        if (swapped ? !slot_of(s, pte) : !page_of(s, pte))
            continue;
        sum += only ? pte->number == only : law_weight(pte->number);
    }
    return sum;
}

static bool number_ok(enum law_id law, const char *site, uint32_t number, uint64_t stored,
                      uint64_t counted, struct verdict *v)
{
    if (likely(stored == counted))
        return true;
    return law_broken(v, law, site, 0, 0,
                      "%s of number %" PRIu32 " is %" PRIu64 ", counted %" PRIu64, site, number,
                      stored, counted);
}

static bool swap_broken(const char *site, uint32_t slot, uint32_t page, struct verdict *v)
{
    return law_broken(v, LAW_SWAP_COUNTS, site, 0, 0,
                      "slot number %" PRIu32 " and page number %" PRIu32 ": %s", slot, page, site);
}

static const struct snap_vma *vma_at(const struct snapshot *s, uint32_t pte)
{
    const struct snap_proc *proc = s->proc;
    const uint64_t page = s->pte[pte].page;
    uint32_t low = 0, high, middle;

    while (pte < proc->first_pte || pte >= proc->first_pte + proc->nr_ptes)
        if (++proc == s->proc + s->nr_procs)
            return NULL;
    high = proc->nr_vmas;
    while (low < high) {
        const struct snap_vma *vma = &s->vma[proc->first_vma + (middle = (low + high) / 2)];

        if (vma->start <= page && page < vma->end)
            return vma;
        if (vma->end <= page)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* By first appearance: the page's entries are not before that of its number. */
static bool is_mapped_locked(const struct snapshot *s, uint32_t number)
{
    for (uint32_t i = number - 1; i < s->nr_ptes; i++) {
        const struct snap_vma *vma = NULL;

        if (s->pte[i].number == number && page_of(s, &s->pte[i]))
            vma = vma_at(s, i);
        if (vma && (vma->flags & SNAP_LOCKED))
            return true;
    }
    return false;
}

static bool page_ok(const struct snapshot *s, uint32_t number, struct verdict *v)
{
    const struct snap_page *page = &s->page[number - 1];
    const struct snap_slot *slot =
        page->slot && page->slot <= s->nr_slots ? &s->slot[page->slot - 1] : NULL;
    const bool cached = page->flags & SNAP_PAGE_CACHED, anon = page->flags & SNAP_PAGE_ANON;
    const bool swapped = page->flags & SNAP_PAGE_SWAPCACHE;
    const uint64_t refs = (uint64_t)page->mapcount + cached + swapped + page->pins;
    const char *site = NULL;

    if (!number_ok(LAW_RMAP_MAPCOUNT, "refcount", number, page->refcount, refs, v))
        return false;
    if (s->has_mlocked && (page->flags & SNAP_PAGE_MLOCKED) &&
        !number_ok(LAW_RMAP_MAPCOUNT, "mlocked", number, 1, is_mapped_locked(s, number), v))
        return false;
    if (unlikely(swapped && (!slot || slot->page != number)) &&
        !swap_broken(slot ? "slot-denies" : "dead-slot", page->slot, number, v))
        return false;
    if (!(page->flags & SNAP_PAGE_EXCLUSIVE))
        site = page->pins && page->mapcount && anon && s->has_exclusive ? "pinned-shared" : NULL;
    else if (!s->has_exclusive)
        site = "exclusive-rules";
    else if (!anon && page->mapcount)
        site = "exclusive-file-page";
    else if (page->mapcount > 1 || (page->mapcount && swapped_elsewhere(s, page)))
        site = "exclusive-shared";
    if (likely(!site))
        return true;
    return law_broken(v, LAW_RMAP_EXCLUSIVE, site, 0, 0,
                      "page number %" PRIu32 ", mapcount %" PRIu32 ", pins %" PRIu32 ": %s", number,
                      page->mapcount, page->pins, site);
}

static bool pages_ok(const struct snapshot *s, uint64_t mapped, struct verdict *v)
{
    uint64_t stored = 0;
    uint32_t n;

    for (n = 1; n <= s->nr_pages; n++)
        stored += s->page[n - 1].mapcount * law_weight(n);
    if (unlikely(stored != mapped))
        for (n = 1; n <= s->nr_pages; n++)
            if (!number_ok(LAW_RMAP_MAPCOUNT, "mapcount", n, s->page[n - 1].mapcount,
                           count_entries(s, false, n), v))
                return false;
    for (n = 1; n <= s->nr_pages; n++)
        if (!page_ok(s, n, v))
            return false;
    return true;
}

static bool slots_ok(const struct snapshot *s, struct verdict *v)
{
    uint64_t stored = 0;
    uint32_t n;

    if (likely(!s->nr_slots))
        return true; /* entries that say otherwise have been found */
    for (n = 1; n <= s->nr_slots; n++) {
        const struct snap_slot *slot = &s->slot[n - 1];
        const struct snap_page *page =
            slot->page && slot->page <= s->nr_pages ? &s->page[slot->page - 1] : NULL;

        stored += slot->count * law_weight(n);
        if (unlikely(!slot->count && !slot->page))
            return swap_broken("lost", n, 0, v);
        if (slot->page &&
            unlikely(!page || !(page->flags & SNAP_PAGE_SWAPCACHE) || page->slot != n))
            return swap_broken("page-denies", n, slot->page, v);
    }
    if (unlikely(stored != count_entries(s, true, 0)))
        for (n = 1; n <= s->nr_slots; n++)
            if (!number_ok(LAW_SWAP_COUNTS, "count", n, s->slot[n - 1].count,
                           count_entries(s, true, n), v))
                return false;
    return true;
}

/* ---- account.rss ---- */
static enum snap_rss rss_kind(const struct snapshot *s, const struct snap_pte *pte)
{
    const struct snap_page *page = page_of(s, pte);
    uint32_t kind;

    if (is_swapped(pte))
        return SNAP_RSS_SWAP;
    if (!page)
        return SNAP_NR_RSS;
    if (page->flags & SNAP_PAGE_ANON)
        return SNAP_RSS_ANON;
    if (!page->object || page->object > s->nr_objects)
        return SNAP_NR_RSS;
    kind = s->object[page->object - 1].kind;
    return kind == FILE_SHMEM || kind == FILE_SYSV ? SNAP_RSS_SHMEM : SNAP_RSS_FILE;
}

static bool rss_ok(const struct snapshot *s, const struct snap_proc *p, struct verdict *v)
{
    static const char *const site[SNAP_NR_RSS] = {
        [SNAP_RSS_FILE] = "file",
        [SNAP_RSS_ANON] = "anon",
        [SNAP_RSS_SWAP] = "swap",
        [SNAP_RSS_SHMEM] = "shmem",
    };
    uint64_t rss[SNAP_NR_RSS + 1] = {0};
    uint64_t all = p->rss[SNAP_RSS_FILE] + p->rss[SNAP_RSS_ANON] + p->rss[SNAP_RSS_SHMEM];

    for (uint32_t i = 0; i < p->nr_ptes; i++)
        rss[rss_kind(s, &s->pte[p->first_pte + i])]++;
    for (unsigned kind = 0; kind < SNAP_NR_RSS; kind++)
        if (unlikely(p->rss[kind] != rss[kind]))
            return law_broken(v, LAW_ACCOUNT_RSS, site[kind], p->id, 0,
                              "rss: %s is %" PRIu64 " pages, expected %" PRIu64, site[kind],
                              p->rss[kind], rss[kind]);
    if (likely(p->hiwater_rss >= all))
        return true;
    return law_broken(v, LAW_ACCOUNT_RSS, "hiwater", p->id, 0,
                      "rss: hiwater is %" PRIu64 " pages, expected %" PRIu64 " at least",
                      p->hiwater_rss, all);
}

bool snapshot_pages_ok(const struct snapshot *s, struct verdict *v)
{
    uint64_t mapped = 0;
    uint32_t i;

    for (i = 0; i < s->nr_procs; i++)
        if (!entries_ok(s, &s->proc[i], &mapped, v))
            return false;
    if (!pages_ok(s, mapped, v) || !slots_ok(s, v))
        return false;
    for (i = 0; i < s->nr_procs; i++)
        if (!rss_ok(s, &s->proc[i], v))
            return false;
    return true;
}
