/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is different from the picture before. Frames, slots and anon_vmas have numbers of their
 * picture only, so they are paired by what refers to them: the same page of the same process, the
 * same place in a VMA's chain list.
 */
#include "harness/draw_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- looking things up: pictures of a broken state may have numbers of nothing ---- */
const struct snap_page *page_number(const struct snapshot *s, uint32_t number)
{
    return number && number <= s->nr_pages ? &s->page[number - 1] : NULL;
}

const struct snap_slot *slot_number(const struct snapshot *s, uint32_t number)
{
    return number && number <= s->nr_slots ? &s->slot[number - 1] : NULL;
}

const struct snap_anon_vma *anon_vma_number(const struct snapshot *s, uint32_t number)
{
    return number && number <= s->nr_anon_vmas ? &s->anon_vma[number - 1] : NULL;
}

static uint32_t number_before(const uint32_t *was, uint32_t nr, uint32_t number)
{
    return number && number <= nr ? was[number - 1] : 0;
}

const struct snap_page *page_before(const struct changes *ch, uint32_t number)
{
    return page_number(ch->before, number_before(ch->page, ch->after->nr_pages, number));
}

const struct snap_slot *slot_before(const struct changes *ch, uint32_t number)
{
    return slot_number(ch->before, number_before(ch->slot, ch->after->nr_slots, number));
}

const struct snap_anon_vma *anon_vma_before(const struct changes *ch, uint32_t number)
{
    return anon_vma_number(ch->before,
                           number_before(ch->anon_vma, ch->after->nr_anon_vmas, number));
}

const struct snap_vma *vma_at(const struct snapshot *s, const struct snap_proc *p, uint64_t page)
{
    for (uint32_t i = 0; p && i < p->nr_vmas; i++) {
        const struct snap_vma *v = &s->vma[p->first_vma + i];

        if (page >= v->start && page < v->end)
            return v;
    }
    return NULL;
}

const struct snap_pte *pte_at(const struct snapshot *s, const struct snap_proc *p, uint64_t page)
{
    uint32_t from = 0, to = p ? p->nr_ptes : 0;

    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        const struct snap_pte *pte = &s->pte[p->first_pte + middle];

        if (page >= pte->page && page - pte->page < pte_pages(pte))
            return pte;
        if (pte->page < page)
            from = middle + 1;
        else
            to = middle;
    }
    return NULL;
}

bool is_chained(const struct snapshot *s, const struct snap_vma *v, uint32_t anon_vma)
{
    for (uint32_t i = 0; i < v->nr_chains; i++)
        if (s->chain[v->first_chain + i].anon_vma == anon_vma)
            return true;
    return false;
}

/* ---- pairing ---- */
/* Each object of one picture with at most one of the other. */
struct pairs {
    uint32_t *was, *taken; /* by number - 1: of after, of before */
    uint32_t nr_after, nr_before;
};

static bool pair_free(const struct pairs *p, uint32_t before, uint32_t after)
{
    return before && after && before <= p->nr_before && after <= p->nr_after &&
           !p->was[after - 1] && !p->taken[before - 1];
}

static void pair(struct pairs *p, uint32_t before, uint32_t after)
{
    if (!pair_free(p, before, after))
        return;
    p->was[after - 1] = before;
    p->taken[before - 1] = after;
}

static uint32_t left_over(const struct pairs *p)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < p->nr_before; i++)
        n += !p->taken[i];
    return n;
}

/* How sure one must be: what is copied keeps its contents, what is written in place does not. */
enum care { SAME_CONTENTS_OF_OTHERS, SAME_CONTENTS, SAME_PLACE };

static bool page_alike(const struct snap_page *b, const struct snap_page *a, bool contents)
{
    return b->index == a->index && !((b->flags ^ a->flags) & SNAP_PAGE_ANON) &&
           (!contents || b->stamp == a->stamp);
}

static void pair_entry(const struct changes *ch, const struct snap_pte *b, const struct snap_pte *a,
                       bool contents, struct pairs *pages, struct pairs *slots)
{
    if (b->flags & a->flags & SNAP_PTE_SWAP) {
        pair(slots, b->number, a->number);
        return;
    }
    if (!pte_has_page(b) || !pte_has_page(a) || (a->flags & ~b->flags & SNAP_PTE_HUGE))
        return; /* what has collapsed is new */
    for (uint32_t i = 0; i < pte_pages(a); i++) {
        const uint32_t was = b->number + (uint32_t)(a->page - b->page) + i, is = a->number + i;

        if (pair_free(pages, was, is) &&
            page_alike(&ch->before->page[was - 1], &ch->after->page[is - 1], contents))
            pair(pages, was, is);
    }
}

static void pair_by_entries(const struct changes *ch, const struct drawing *d, enum care care,
                            struct pairs *pages, struct pairs *slots)
{
    for (uint32_t i = 0; i < ch->after->nr_procs; i++) {
        const struct snap_proc *p = &ch->after->proc[i], *was = find_proc(ch->before, p->id);

        if (care == SAME_CONTENTS_OF_OTHERS && p->id == d->actor)
            continue;
        for (uint32_t k = 0; was && k < p->nr_ptes; k++) {
            const struct snap_pte *a = &ch->after->pte[p->first_pte + k];
            const struct snap_pte *b = pte_at(ch->before, was, a->page);

            if (b)
                pair_entry(ch, b, a, care != SAME_PLACE, pages, slots);
        }
    }
}

/* Of those that no entry of both pictures refers to: moved, cached only, pinned only. */
static void pair_alike(const struct changes *ch, struct pairs *pages)
{
    for (uint32_t a = 1; a <= pages->nr_after; a++)
        for (uint32_t b = 1; !pages->was[a - 1] && b <= pages->nr_before; b++)
            if (pair_free(pages, b, a) && !ch->after->page[a - 1].head &&
                page_alike(&ch->before->page[b - 1], &ch->after->page[a - 1], true))
                pair(pages, b, a);
}

static void pair_slots_by_cache(const struct changes *ch, const struct pairs *pages,
                                struct pairs *slots)
{
    for (uint32_t a = 1; a <= pages->nr_after; a++) {
        const struct snap_page *was = page_number(ch->before, pages->was[a - 1]);

        if (was && was->flags & ch->after->page[a - 1].flags & SNAP_PAGE_SWAPCACHE)
            pair(slots, was->slot, ch->after->page[a - 1].slot);
    }
}

/* A chain list is its VMA's own anon_vma first and the root last; what fork and merge add comes
 * before what was there. */
static void pair_chains(const struct changes *ch, const struct snap_vma *b,
                        const struct snap_vma *a, struct pairs *anon_vmas)
{
    uint32_t n = a->nr_chains < b->nr_chains ? a->nr_chains : b->nr_chains;

    pair(anon_vmas, b->anon_vma, a->anon_vma);
    for (uint32_t i = 1; i <= n; i++)
        pair(anon_vmas, ch->before->chain[b->first_chain + b->nr_chains - i].anon_vma,
             ch->after->chain[a->first_chain + a->nr_chains - i].anon_vma);
}

static void pair_anon_vmas(const struct changes *ch, struct pairs *anon_vmas)
{
    const struct snapshot *before = ch->before, *after = ch->after;

    for (uint32_t i = 0; i < after->nr_procs; i++) {
        const struct snap_proc *p = &after->proc[i], *was = find_proc(before, p->id);

        for (uint32_t k = 0; was && k < p->nr_vmas; k++) {
            const struct snap_vma *a = &after->vma[p->first_vma + k];
            const struct snap_vma *b = vma_at(before, was, a->start);

            if (b)
                pair_chains(ch, b, a, anon_vmas);
        }
    }
    for (uint32_t a = 1; a <= anon_vmas->nr_after; a++) /* those whose VMAs have moved */
        for (uint32_t b = 1; !anon_vmas->was[a - 1] && b <= anon_vmas->nr_before; b++)
            if (pair_free(anon_vmas, b, a) &&
                after->anon_vma[a - 1].refcount == before->anon_vma[b - 1].refcount &&
                (after->anon_vma[a - 1].root == a) == (before->anon_vma[b - 1].root == b))
                pair(anon_vmas, b, a);
}

int changes_init(struct changes *ch, const struct drawing *d)
{
    const struct snapshot *after = d->after, *before = d->before ? d->before : d->after;
    struct pairs of[3] = {{.nr_after = after->nr_pages, .nr_before = before->nr_pages},
                          {.nr_after = after->nr_slots, .nr_before = before->nr_slots},
                          {.nr_after = after->nr_anon_vmas, .nr_before = before->nr_anon_vmas}};
    size_t n = 1;

    for (unsigned i = 0; i < 3; i++)
        n += (size_t)of[i].nr_after + of[i].nr_before;
    uint32_t *at = calloc(n, sizeof(*at));

    *ch = (struct changes){.before = before, .after = after, .memory = at};
    if (!at)
        return -ENOMEM;
    for (unsigned i = 0; i < 3; i++) {
        of[i].was = at;
        of[i].taken = at + of[i].nr_after;
        at = of[i].taken + of[i].nr_before;
        for (uint32_t k = 1; !d->before && k <= of[i].nr_after; k++)
            pair(&of[i], k, k);
    }
    ch->page = of[0].was;
    ch->slot = of[1].was;
    ch->anon_vma = of[2].was;
    pair_by_entries(ch, d, SAME_CONTENTS_OF_OTHERS, &of[0], &of[1]);
    pair_by_entries(ch, d, SAME_CONTENTS, &of[0], &of[1]);
    pair_alike(ch, &of[0]);
    pair_by_entries(ch, d, SAME_PLACE, &of[0], &of[1]);
    pair_slots_by_cache(ch, &of[0], &of[1]);
    pair_anon_vmas(ch, &of[2]);
    ch->gone_pages = left_over(&of[0]);
    ch->gone_slots = left_over(&of[1]);
    ch->gone_anon_vmas = left_over(&of[2]);
    return 0;
}

void changes_fini(struct changes *ch)
{
    free(ch->memory);
    ch->memory = NULL;
}

/* ---- what has changed ---- */
/* Numbers of files differ for trifles: kind and size stand for them. */
static bool same_object(const struct changes *ch, uint32_t before, uint32_t after)
{
    const struct snap_object *b =
        before && before <= ch->before->nr_objects ? &ch->before->object[before - 1] : NULL;
    const struct snap_object *a =
        after && after <= ch->after->nr_objects ? &ch->after->object[after - 1] : NULL;

    return b && a ? b->kind == a->kind && b->size == a->size : !b == !a;
}

static bool same_chains(const struct changes *ch, const struct snap_vma *b,
                        const struct snap_vma *a)
{
    bool same = b->nr_chains == a->nr_chains && !b->anon_vma == !a->anon_vma &&
                number_before(ch->anon_vma, ch->after->nr_anon_vmas, a->anon_vma) == b->anon_vma;

    for (uint32_t i = 0; same && i < a->nr_chains; i++)
        same = is_chained(ch->before, b,
                          number_before(ch->anon_vma, ch->after->nr_anon_vmas,
                                        ch->after->chain[a->first_chain + i].anon_vma));
    return same;
}

enum change vma_change(const struct changes *ch, const struct snap_proc *p,
                       const struct snap_vma *v)
{
    const struct snap_proc *proc = find_proc(ch->before, p->id);
    const struct snap_vma *b = vma_at(ch->before, proc, v->start);

    for (uint32_t i = 0; !b && proc && i < proc->nr_vmas; i++) {
        const struct snap_vma *other = &ch->before->vma[proc->first_vma + i];

        if (other->start < v->end && other->end > v->start)
            b = other;
    }
    if (!b)
        return CHANGE_NEW;
    return b->start == v->start && b->end == v->end && b->pgoff == v->pgoff &&
                   b->flags == v->flags && !b->context == !v->context &&
                   b->policy_mode == v->policy_mode && b->policy_nodes == v->policy_nodes &&
                   !memcmp(b->name, v->name, sizeof(b->name)) &&
                   same_object(ch, b->object, v->object) && same_chains(ch, b, v)
               ? CHANGE_NONE
               : CHANGE_DIFFERS;
}

enum change pte_change(const struct changes *ch, const struct snap_proc *p,
                       const struct snap_pte *pte)
{
    const struct snap_pte *b = pte_at(ch->before, find_proc(ch->before, p->id), pte->page);
    const struct snap_page *page, *page_was;
    uint32_t was = 0;

    if (!b)
        return CHANGE_NEW;
    if (pte->flags & SNAP_PTE_SWAP)
        was = number_before(ch->slot, ch->after->nr_slots, pte->number);
    else if (pte_has_page(pte))
        was = number_before(ch->page, ch->after->nr_pages, pte->number);
    if (b->flags != pte->flags || b->number != was)
        return CHANGE_DIFFERS;
    for (uint32_t i = 0; pte_has_page(pte) && i < pte_pages(pte); i++) {
        page = page_number(ch->after, pte->number + i);
        page_was = page_before(ch, pte->number + i);
        if (page && page_was && page->stamp != page_was->stamp)
            return CHANGE_DIFFERS;
    }
    return CHANGE_NONE;
}

enum change page_change(const struct changes *ch, uint32_t number)
{
    const struct snap_page *a = page_number(ch->after, number), *b = page_before(ch, number);

    if (!a || !b)
        return CHANGE_NEW;
    return a->refcount == b->refcount && a->mapcount == b->mapcount && a->pins == b->pins &&
                   a->flags == b->flags && a->stamp == b->stamp && a->index == b->index &&
                   a->entire_mapcount == b->entire_mapcount && !a->head == !b->head
               ? CHANGE_NONE
               : CHANGE_DIFFERS;
}

enum change slot_change(const struct changes *ch, uint32_t number)
{
    const struct snap_slot *a = slot_number(ch->after, number), *b = slot_before(ch, number);

    if (!a || !b)
        return CHANGE_NEW;
    return a->count == b->count && !a->page == !b->page && a->stamp == b->stamp ? CHANGE_NONE
                                                                                : CHANGE_DIFFERS;
}

enum change anon_vma_change(const struct changes *ch, uint32_t number)
{
    const struct snap_anon_vma *a = anon_vma_number(ch->after, number);
    const struct snap_anon_vma *b = anon_vma_before(ch, number);

    if (!a || !b)
        return CHANGE_NEW;
    if (a->refcount != b->refcount)
        return CHANGE_DIFFERS;
    return (ch->after->by_degree
                ? a->degree == b->degree
                : a->num_children == b->num_children && a->num_active_vmas == b->num_active_vmas)
               ? CHANGE_NONE
               : CHANGE_DIFFERS;
}
