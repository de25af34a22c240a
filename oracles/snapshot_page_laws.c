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
    uint32_t chained;             /* an anon_vma that pages of the VMA may have; 0: not known yet */
    struct verdict *v;
};

static const struct snap_page *page_of(const struct snapshot *s, const struct snap_pte *pte)
{
    const struct snap_page *page;

    if ((pte->flags & (SNAP_PTE_PRESENT | SNAP_PTE_SPECIAL)) != SNAP_PTE_PRESENT || !pte->number ||
        pte->number > s->nr_pages)
        return NULL;
    page = &s->page[pte->number - 1];
    return (pte->flags & SNAP_PTE_HUGE) && page->head != pte->number ? NULL : page;
}

/* What has the references of the page. */
static const struct snap_page *head_of(const struct snapshot *s, const struct snap_page *page)
{
    return page->head && page->head <= s->nr_pages ? &s->page[page->head - 1] : page;
}

/* Entries that map this page, as the page says. */
static uint64_t mapped_times(const struct snapshot *s, const struct snap_page *page)
{
    return (uint64_t)page->mapcount + head_of(s, page)->entire_mapcount;
}

/* Parts of the page that are mapped by themselves, each as often as it is. */
static uint64_t small_entries(const struct snapshot *s, const struct snap_page *head)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < SNAP_PARTS && head + i < s->page + s->nr_pages; i++)
        sum += head[i].mapcount;
    return sum;
}

static bool is_exclusive(const struct snapshot *s, const struct snap_page *page)
{
    const struct snap_page *head = head_of(s, page);

    return (head->entire_mapcount ? head : page)->flags & SNAP_PAGE_EXCLUSIVE;
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
                      "entry of page %#" PRIx64 " (%s), number %" PRIu32 ", VMA of pages %#" PRIx64
                      "-%#" PRIx64 ": %s",
                      j->pte->page, ENTRY_TEXT(j->pte->flags), j->pte->number,
                      j->vma ? j->vma->start : 0, j->vma ? j->vma->end : 0, site);
}

/* ---- entries ---- */
static const char *huge_illegal(const struct judged *j)
{
    if (unlikely(j->vma->start > j->pte->page || j->vma->end - j->pte->page < SNAP_PARTS))
        return "huge-outside";
    return unlikely(j->vma->object ||
                    (j->vma->flags & (SNAP_SHARED | SNAP_MAYSHARE | SNAP_DONTEXPAND)))
               ? "huge-of-file"
               : NULL;
}

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
    if (page && unlikely(page->flags & SNAP_PAGE_KSM)) {
        if (flags & SNAP_PTE_WRITE)
            return "writable-ksm";
        return j->vma->flags & SNAP_MERGEABLE ? NULL : "unmergeable";
    }
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
    if (unlikely((flags & SNAP_PTE_SWAP) && !j->vma->anon_vma))
        return "swap-unfaulted";
    return unlikely(flags & SNAP_PTE_HUGE) ? huge_illegal(j) : NULL;
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

/* The walk does not come to the entry, though the page says that it is there. */
static bool is_missed(const struct judged *j, const struct snap_page *page, const char **site)
{
    bool found;

    if (likely(!(page->flags & SNAP_PAGE_KSM))) {
        *site = place_illegal(j, page);
        return !*site && !is_chained(j, page);
    }
    *site = snapshot_ksm_place(j->s, j->vma, j->pte, &found);
    return !*site && !found;
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
    if (unlikely(mapped_times(j->s, page) > 1 || swapped_elsewhere(j->s, page) ||
                 ((j->pte->flags & SNAP_PTE_HUGE) && small_entries(j->s, page))))
        return "shared-writable";
    return unlikely(j->s->has_exclusive && !is_exclusive(j->s, page)) ? "shared-writable" : NULL;
}

/* What it leads to, and that the walk will find it there once it is mapped again. */
static bool swapped_ok(const struct judged *j)
{
    const struct snap_slot *slot = slot_of(j->s, j->pte);
    const struct snap_page *page;

    if (unlikely(!slot))
        return broken(j, LAW_SWAP_COUNTS, "dead-slot");
    page = slot->page && slot->page <= j->s->nr_pages ? &j->s->page[slot->page - 1] : NULL;
    if (page && unlikely((page->flags & (SNAP_PAGE_ANON | SNAP_PAGE_KSM)) == SNAP_PAGE_ANON &&
                         !page->anon_vma))
        return broken(j, LAW_RMAP_COMPLETE, "swapped-missed");
    /* what does not fit is copied: it was a KSM page */
    return !page || !page->anon_vma || place_illegal(j, page) || likely(is_chained(j, page)) ||
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
    site = NULL;
    if (page && unlikely(is_missed(j, page, &site)) && !broken(j, LAW_RMAP_COMPLETE, "missed"))
        return false;
    if (!page && (j->pte->flags & (SNAP_PTE_PRESENT | SNAP_PTE_SPECIAL)) == SNAP_PTE_PRESENT)
        return broken(j, LAW_RMAP_MAPCOUNT, "dead-frame");
    if (unlikely(site != NULL) && !broken(j, LAW_PAGE_INDEX, site))
        return false;
    if (page && j->s->has_mlocked &&
        unlikely((j->vma->flags & SNAP_LOCKED) &&
                 !(head_of(j->s, page)->flags & SNAP_PAGE_MLOCKED)) &&
        !broken(j, LAW_RMAP_MAPCOUNT, "mlocked"))
        return false;
    if (is_swapped(j->pte) && !swapped_ok(j))
        return false;
    site = exclusive_illegal(j);
    return likely(!site) || broken(j, LAW_RMAP_EXCLUSIVE, site);
}

/* What of an entry is counted where: huge ones apart from those of the head alone. */
#define COUNT_HUGE (UINT64_C(1) << 32)
static uint64_t counted_as(const struct snap_pte *pte)
{
    return pte->number | (pte->flags & SNAP_PTE_HUGE ? COUNT_HUGE : 0);
}

/* Most entries: of a frame by itself, as entry_ok() wants them. It is asked about all others. */
static inline bool is_plain(const struct judged *j)
{
    const uint32_t unusual =
        SNAP_PTE_SPECIAL | SNAP_PTE_SWAP | SNAP_PTE_MIGRATION | SNAP_PTE_EXCLUSIVE | SNAP_PTE_HUGE;
    const struct snap_page *page = j->page;
    const struct snap_vma *vma = j->vma;

    if (!vma || !page || (j->pte->flags & unusual) || (page->head | page->entire_mapcount) ||
        (page->flags & (SNAP_PAGE_KSM | SNAP_PAGE_SWAPCACHE)) ||
        (vma->flags & (SNAP_IO | SNAP_PFNMAP | SNAP_HUGETLB)) ||
        (j->s->has_mlocked && (vma->flags & SNAP_LOCKED)) ||
        page->index != vma->pgoff + (j->pte->page - vma->start))
        return false;
    if (!(page->flags & SNAP_PAGE_ANON))
        return page->object && page->object == vma->object &&
               (!(j->pte->flags & SNAP_PTE_WRITE) ||
                ((vma->flags & SNAP_WRITE) && (vma->flags & (SNAP_SHARED | SNAP_MAYSHARE))));
    return page->anon_vma && page->anon_vma == j->chained &&
           (!(j->pte->flags & SNAP_PTE_WRITE) ||
            ((vma->flags & SNAP_WRITE) && page->mapcount <= 1 &&
             ((page->flags & SNAP_PAGE_EXCLUSIVE) || !j->s->has_exclusive)));
}

/* What those that follow in the same VMA need not be asked again. */
static void learn_chained(struct judged *j)
{
    const struct snap_page *page = j->page;

    if (page && j->vma && (page->flags & (SNAP_PAGE_ANON | SNAP_PAGE_KSM)) == SNAP_PAGE_ANON &&
        !place_illegal(j, page) && is_chained(j, page))
        j->chained = page->anon_vma;
}

/* *mapped: grows by what entries map, weighed. */
static bool entries_ok(const struct snapshot *s, const struct snap_proc *proc, uint64_t *mapped,
                       struct verdict *v)
{
    struct judged j = {.s = s, .proc = proc, .v = v};
    uint32_t at = 0;

    for (uint32_t i = 0; i < proc->nr_ptes; i++) {
        j.pte = &s->pte[proc->first_pte + i];
        while (at < proc->nr_vmas && s->vma[proc->first_vma + at].end <= j.pte->page) {
            at++;
            j.chained = 0;
        }
        j.vma = at < proc->nr_vmas ? &s->vma[proc->first_vma + at] : NULL;
        if (j.vma && j.vma->start > j.pte->page)
            j.vma = NULL;
        j.page = page_of(s, j.pte);
        if (j.page)
            *mapped += law_weight(counted_as(j.pte));
        if (likely(is_plain(&j)))
            continue;
        if (!entry_ok(&j))
            return false;
        learn_chained(&j);
    }
    return true;
}

/* ---- counts ---- */
/* Entries that map the page, or are in the slot, of this number; 0: all, weighed. */
static uint64_t count_entries(const struct snapshot *s, bool swapped, uint64_t only)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < s->nr_ptes; i++) {
        const struct snap_pte *pte = &s->pte[i];

        if (swapped ? !slot_of(s, pte) : !page_of(s, pte))
            continue;
        sum += only ? counted_as(pte) == only : law_weight(counted_as(pte));
    }
    return sum;
}

static bool number_ok(enum law_id law, const char *site, uint32_t number, uint64_t stored,
                      uint64_t counted, struct verdict *v)
{
    if (likely(stored == counted))
        return true;
    return law_broken(v, law, site, NOWHERE,
                      "%s of number %" PRIu32 " is %" PRIu64 ", counted %" PRIu64, site, number,
                      stored, counted);
}

static bool swap_broken(const char *site, uint32_t slot, uint32_t page, struct verdict *v)
{
    return law_broken(v, LAW_SWAP_COUNTS, site, NOWHERE,
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

/* *from: where to begin; afterwards an entry of the page. Numbers are by first appearance: who asks
 * for one page after the other finds the first entry of the next one soon. */
static bool is_mapped_locked(const struct snapshot *s, uint32_t number, uint32_t *from)
{
    const struct snap_page *wanted = &s->page[number - 1];
    uint32_t i = *from;

    for (uint32_t n = 0; n < s->nr_ptes; n++, i++) {
        const struct snap_page *page;
        const struct snap_vma *vma;

        i = i < s->nr_ptes ? i : 0;
        page = page_of(s, &s->pte[i]);
        if (!page || head_of(s, page) != wanted)
            continue;
        *from = i;
        vma = vma_at(s, i);
        if (vma && (vma->flags & SNAP_LOCKED))
            return true;
    }
    return false;
}

/* Of a compound page as a whole, of which this is the head. */
static bool head_ok(const struct snapshot *s, uint32_t number, uint64_t *refs, struct verdict *v)
{
    const struct snap_page *head = &s->page[number - 1];
    const uint64_t small = small_entries(s, head);
    const bool marked = head->flags & SNAP_PAGE_EXCLUSIVE;
    uint32_t parts = 0;

    *refs = head->entire_mapcount + small + head->pins;
    while (parts < SNAP_PARTS && number + parts <= s->nr_pages && head[parts].head == number)
        parts++;
    if (unlikely(parts < SNAP_PARTS) &&
        !law_broken(v, LAW_RMAP_MAPCOUNT, "half-split", NOWHERE,
                    "page number %" PRIu32 " is head of a page that has %" PRIu32 " parts", number,
                    parts))
        return false;
    if (likely(!head->entire_mapcount || (marked ? !small : !head->pins || !s->has_exclusive)))
        return true;
    return law_broken(v, LAW_RMAP_EXCLUSIVE, marked ? "exclusive-shared" : "pinned-shared", NOWHERE,
                      "page number %" PRIu32 ", compound, %" PRIu32 " huge entries, %" PRIu64
                      " others",
                      number, head->entire_mapcount, small);
}

static const char *ownership_illegal(const struct snapshot *s, const struct snap_page *page)
{
    const bool anon = page->flags & SNAP_PAGE_ANON;

    if (!(page->flags & SNAP_PAGE_EXCLUSIVE))
        return page->pins && page->mapcount && anon && s->has_exclusive && !page->head
                   ? "pinned-shared"
                   : NULL;
    if (!s->has_exclusive)
        return "exclusive-rules";
    if (!anon && page->mapcount)
        return "exclusive-file-page";
    if (page->flags & SNAP_PAGE_KSM)
        return "exclusive-ksm";
    return mapped_times(s, page) > 1 || (page->mapcount && swapped_elsewhere(s, page))
               ? "exclusive-shared"
               : NULL;
}

/* *from: of is_mapped_locked(). */
static bool page_ok(const struct snapshot *s, uint32_t number, uint32_t *from, struct verdict *v)
{
    const struct snap_page *page = &s->page[number - 1];
    const struct snap_slot *slot =
        page->slot && page->slot <= s->nr_slots ? &s->slot[page->slot - 1] : NULL;
    const bool cached = page->flags & SNAP_PAGE_CACHED;
    const bool swapped = page->flags & SNAP_PAGE_SWAPCACHE;
    uint64_t refs = (uint64_t)page->mapcount + cached + swapped + page->pins;
    const char *site;

    if (page->head == number) {
        if (!head_ok(s, number, &refs, v))
            return false;
    } else if (page->head) {
        refs = 0;
    }
    if (!number_ok(LAW_RMAP_MAPCOUNT, "refcount", number, page->refcount, refs, v))
        return false;
    if (unlikely(page->head && swapped) && !swap_broken("compound", page->slot, number, v))
        return false;
    if (s->has_mlocked && (page->flags & SNAP_PAGE_MLOCKED) &&
        !number_ok(LAW_RMAP_MAPCOUNT, "mlocked", number, 1, is_mapped_locked(s, number, from), v))
        return false;
    if (unlikely(swapped && (!slot || slot->page != number)) &&
        !swap_broken(slot ? "slot-denies" : "dead-slot", page->slot, number, v))
        return false;
    site = ownership_illegal(s, page);
    if (likely(!site))
        return true;
    return law_broken(v, LAW_RMAP_EXCLUSIVE, site, NOWHERE,
                      "page number %" PRIu32 ", mapcount %" PRIu32 ", pins %" PRIu32 ": %s", number,
                      page->mapcount, page->pins, site);
}

static bool mapcounts_ok(const struct snapshot *s, uint32_t number, struct verdict *v)
{
    const struct snap_page *page = &s->page[number - 1];

    return number_ok(LAW_RMAP_MAPCOUNT, "mapcount", number, page->mapcount,
                     count_entries(s, false, number), v) &&
           number_ok(LAW_RMAP_MAPCOUNT, "entire-mapcount", number, page->entire_mapcount,
                     count_entries(s, false, number | COUNT_HUGE), v);
}

/* Most pages, as page_ok() wants them. It is asked about all others. */
static inline bool is_plain_page(const struct snapshot *s, const struct snap_page *page)
{
    return !(page->head | page->entire_mapcount | page->pins) &&
           !(page->flags & (SNAP_PAGE_SWAPCACHE | SNAP_PAGE_KSM)) &&
           !(s->has_mlocked && (page->flags & SNAP_PAGE_MLOCKED)) &&
           page->refcount == page->mapcount + !!(page->flags & SNAP_PAGE_CACHED) &&
           (!(page->flags & SNAP_PAGE_EXCLUSIVE) ||
            (s->has_exclusive && (page->flags & SNAP_PAGE_ANON) && page->mapcount <= 1));
}

static bool pages_ok(const struct snapshot *s, uint64_t mapped, struct verdict *v)
{
    uint64_t stored = 0;
    uint32_t n, plain = 0, from = 0;

    for (n = 1; n <= s->nr_pages; n++) {
        stored += s->page[n - 1].mapcount * law_weight(n);
        if (unlikely(s->page[n - 1].entire_mapcount))
            stored += s->page[n - 1].entire_mapcount * law_weight(n | COUNT_HUGE);
        plain += is_plain_page(s, &s->page[n - 1]);
    }
    if (unlikely(stored != mapped))
        for (n = 1; n <= s->nr_pages; n++)
            if (!mapcounts_ok(s, n, v))
                return false;
    for (n = 1; plain < s->nr_pages && n <= s->nr_pages; n++)
        if (!is_plain_page(s, &s->page[n - 1]) && !page_ok(s, n, &from, v))
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

    for (uint32_t i = 0; i < p->nr_ptes; i++) {
        const struct snap_pte *pte = &s->pte[p->first_pte + i];

        rss[rss_kind(s, pte)] += pte->flags & SNAP_PTE_HUGE ? SNAP_PARTS : 1;
    }
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
    if (!pages_ok(s, mapped, v) || !slots_ok(s, v) || !snapshot_items_ok(s, v))
        return false;
    for (i = 0; i < s->nr_procs; i++)
        if (!rss_ok(s, &s->proc[i], v))
            return false;
    return true;
}
