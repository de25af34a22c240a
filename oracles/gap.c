/* SPDX-License-Identifier: GPL-2.0-only */
/* gap.subtree, gap.highest and gap.search: what is free between VMAs, and whether it was found. */
#include "oracles/laws.h"

#include <inttypes.h>

/* ---- gap.subtree ---- */
bool gap_broken(struct verdict *v, const struct vma *vma, uint64_t computed)
{
    return law_broken(v, LAW_GAP_SUBTREE, "stored-gap", vma->vm_mm->id, vma->vm_start,
                      "VMA %#" PRIxPTR "-%#" PRIxPTR ": rb_subtree_gap is %#" PRIx64
                      ", computed %#" PRIx64,
                      vma->vm_start, vma->vm_end, vma->rb_subtree_gap, computed);
}

struct gap_walk {
    const struct world *world;
    const struct vma *prev; /* in-order predecessor of what comes next */
    const struct vma *wrong;
    uint64_t computed;      /* what wrong should have */
    uint32_t left;          /* nodes that may still come */
};

/* Largest gap of the subtree from scratch. Stops going down once something is wrong or broken. */
static uint64_t recompute_gap(struct gap_walk *w, const struct rb_node *node, unsigned depth)
{
    const struct vma *vma = vma_of_rb(node);
    uint64_t gap, own, right;

    if (!node || depth == TREE_MAX_DEPTH || !w->left || !vma_live(w->world, vma))
        return 0;
    w->left--;
    gap = recompute_gap(w, node->left, depth + 1);
    own = own_gap(w->world, w->prev, vma);
    w->prev = vma;
    right = recompute_gap(w, node->right, depth + 1);
    if (gap < own)
        gap = own;
    if (gap < right)
        gap = right;
    if (unlikely(gap != vma->rb_subtree_gap) && !w->wrong) {
        w->wrong = vma;
        w->computed = gap;
    }
    return gap;
}

bool gap_subtree_full(const struct world *world, struct verdict *v)
{
    const struct mm *mm;
    unsigned i;

    for_each_mm(world, i, mm) {
        struct gap_walk w = {.world = world, .left = world->pool[POOL_VMA].nlive};

        recompute_gap(&w, mm->mm_rb.node, 0);
        if (w.wrong)
            return gap_broken(v, w.wrong, w.computed);
    }
    return true;
}

/* ---- gap.highest ---- */
bool highest_broken(const struct mm *mm, uintptr_t computed, struct verdict *v)
{
    return law_broken(v, LAW_GAP_HIGHEST, "highest-end", mm->id, mm->highest_vm_end,
                      "highest_vm_end is %#" PRIxPTR ", the last VMA ends at %#" PRIxPTR
                      " with its guard gap",
                      mm->highest_vm_end, computed);
}

bool gap_highest_full(const struct world *world, struct verdict *v)
{
    const struct mm *mm;
    unsigned i;

    for_each_mm(world, i, mm) {
        const struct vma *vma, *last = NULL;
        uintptr_t computed;
        struct tree_walk w;

        tree_walk_start(&w, world, mm);
        while ((vma = tree_walk_next(&w)))
            last = vma;
        computed = last ? end_with_guard(world, last) : 0;
        if (!w.broken && mm->highest_vm_end != computed)
            return highest_broken(mm, computed, v);
    }
    return true;
}

/*
 * ---- gap.search ----
 * Judged after the call, when the answer has been used. What the search saw is reconstructed: the
 * answer's own place counts as free again, whatever was linked or merged there,
 *
 *        below                answer      answer + length            above
 *     |VVVVVVV|~guard~|........[==========)..........|~guard~|VVVVVVV|
 *                     lo                             hi
 *
 * and a gap that overlaps other places that the call has changed (an unmapped source of a move) is
 * not held against the answer, because it may not have been there yet.
 */
struct search {
    const struct world *world;
    const struct mm *mm;
    const struct search_note *note;
    uintptr_t answer, end; /* the answer's own place; 0, 0 if there is no answer */
    struct verdict *v;
};

static bool overlap(uintptr_t a, uintptr_t a_end, uintptr_t b, uintptr_t b_end)
{
    return (a > b ? a : b) < (a_end < b_end ? a_end : b_end);
}

/* Has the call changed the layout anywhere in [from, to) but at the answer? */
static bool changed_elsewhere(const struct search *s, uintptr_t from, uintptr_t to)
{
    const struct notes *notes = &s->world->notes;

    for (uint32_t i = 0; i < notes->nranges; i++) {
        const struct note_range *r = &notes->range[i];
        uintptr_t below_end = r->end < s->answer ? r->end : s->answer;
        uintptr_t above = r->start > s->end ? r->start : s->end;

        if (r->mm == s->mm && (overlap(r->start, below_end, from, to) ||
                               overlap(above, r->end, from, to)))
            return true;
    }
    return false;
}

/* Best place for the length in [from, to) cut to the limits: the highest if high, else the lowest. */
static bool fit_in(const struct search_note *note, uintptr_t from, uintptr_t to, bool high,
                   uintptr_t *place)
{
    if (from < note->low_limit)
        from = note->low_limit;
    if (to > note->high_limit)
        to = note->high_limit;
    if (to < from || to - from < note->length)
        return false;
    if (high) {
        *place = to - note->length;
        *place -= (*place - note->align_offset) & note->align_mask;
        return *place >= from && *place <= to - note->length;
    }
    *place = from + ((note->align_offset - from) & note->align_mask);
    return *place >= from && *place <= to - note->length;
}

static bool search_broken(const struct search *s, const char *site, uintptr_t other)
{
    const struct search_note *n = s->note;

    return law_broken(s->v, LAW_GAP_SEARCH, site, s->mm->id, other,
                      "%s search for %#" PRIxPTR " bytes in %#" PRIxPTR "-%#" PRIxPTR
                      " answered %#lx: %s at %#" PRIxPTR,
                      n->topdown ? "top-down" : "bottom-up", n->length, n->low_limit,
                      n->high_limit, (unsigned long)n->answer, site, other);
}

/* A gap that certainly was there in which the length fits? */
static bool certain_fit(const struct search *s, uintptr_t from, uintptr_t to, uintptr_t *place)
{
    return to > from && fit_in(s->note, from, to, s->note->topdown, place) &&
           !changed_elsewhere(s, from, to);
}

/* Gaps above VMAs that end in [from, to), or from 0: any that fits? Prunes by stored gaps, which
 * gap.subtree judges, and by plain ends, which ascend even where guard gaps reach over neighbours.
 * Leaves out the gap above the last VMA, which has no node. */
static bool fit_between(const struct search *s, const struct rb_node *node, uintptr_t from,
                        uintptr_t to, unsigned depth, uintptr_t *place)
{
    const struct vma *vma = vma_of_rb(node), *prev;
    uintptr_t below;

    if (!node || depth == TREE_MAX_DEPTH || !vma_live(s->world, vma) ||
        vma->rb_subtree_gap < s->note->length)
        return false;
    prev = vma->vm_prev;
    if (prev && !vma_live(s->world, prev))
        return false;
    below = prev ? prev->vm_end : 0;
    if (below >= from && below < to &&
        certain_fit(s, prev ? end_with_guard(s->world, prev) : 0,
                    start_with_guard(s->world, vma), place))
        return true;
    return (below >= from && fit_between(s, node->left, from, to, depth + 1, place)) ||
           (below < to && fit_between(s, node->right, from, to, depth + 1, place));
}

/* The same over the list, every gap looked at. */
static bool fit_in_list(const struct search *s, uintptr_t from, uintptr_t to, uintptr_t *place)
{
    struct list_walk w = list_walk(s->world, s->mm);
    const struct vma *vma, *prev = NULL;

    for (; (vma = list_walk_next(&w)); prev = vma) {
        uintptr_t below = prev ? prev->vm_end : 0;

        if (below >= from && below < to &&
            certain_fit(s, prev ? end_with_guard(s->world, prev) : 0,
                        start_with_guard(s->world, vma), place))
            return true;
    }
    return false;
}

/* Any fit in the gaps above VMAs that end in [from, to)? */
static bool better_fit(const struct search *s, bool brute, uintptr_t from, uintptr_t to,
                       uintptr_t *place)
{
    uintptr_t top = s->mm->highest_vm_end;

    if (top >= from && top < to && certain_fit(s, top, s->mm->task_size, place))
        return true;
    return brute ? fit_in_list(s, from, to, place)
                 : fit_between(s, s->mm->mm_rb.node, from, to, 0, place);
}

/* The free range around the answer as the search saw it; false if something else is inside. */
static bool gap_around(const struct search *s, bool brute, uintptr_t *lo, uintptr_t *hi)
{
    const struct vma *vma, *prev = NULL, *next;

    *lo = 0;
    if (brute) {
        struct list_walk w = list_walk(s->world, s->mm);

        while ((vma = list_walk_next(&w)) && vma->vm_end <= s->answer)
            prev = vma;
    } else {
        vma = tree_find(s->world, s->mm, s->answer);
        prev = vma ? vma->vm_prev : NULL;
        if (!vma)
            *lo = s->mm->highest_vm_end;
    }
    if (prev && vma_live(s->world, prev))
        *lo = end_with_guard(s->world, prev);
    *hi = s->mm->task_size;
    if (!vma)
        return true;
    if (vma->vm_start >= s->end) {
        *hi = start_with_guard(s->world, vma);
        return true;
    }
    if (vma->vm_start < s->answer) /* joined to what is below: that one ends here */
        *lo = s->answer;
    if (vma->vm_end > s->end) {
        *hi = s->end;
        return true;
    }
    next = vma->vm_next;
    if (!next || !vma_live(s->world, next))
        return true;
    *hi = start_with_guard(s->world, next);
    return next->vm_start >= s->end;
}

/* Is there an address that the search should have preferred? */
static bool first_fit_ok(const struct search *s, bool brute, uintptr_t lo, uintptr_t hi)
{
    uintptr_t place;
    bool better;

    if (fit_in(s->note, lo, hi, s->note->topdown, &place) && place != s->answer &&
        !changed_elsewhere(s, lo, hi))
        return search_broken(s, "first-fit", place);
    better = s->note->topdown ? better_fit(s, brute, s->end, s->note->high_limit, &place)
                              : better_fit(s, brute, 0, lo, &place);
    return likely(!better) || search_broken(s, "first-fit", place);
}

/* Did a pass rightly find nothing? lo, hi: the gap that was around the answer of a later pass. */
static bool nothing_fits(const struct search *s, bool brute, uintptr_t lo, uintptr_t hi)
{
    uintptr_t place;

    return likely(!certain_fit(s, lo, hi, &place) &&
                  !better_fit(s, brute, 0, s->note->high_limit, &place)) ||
           search_broken(s, "missed", place);
}

/* Bottom-up is what a top-down layout falls back to, so there the top-down pass found nothing. */
static bool fallback_ok(struct search s, bool brute, uintptr_t lo, uintptr_t hi)
{
    struct search_note first = *s.note;
    uintptr_t min_addr = s.world->config.mmap_min_addr << PAGE_SHIFT;

    if (likely(s.note->topdown) || s.mm->legacy_layout)
        return true;
    first.topdown = true;
    first.low_limit = min_addr > PAGE_SIZE ? min_addr : PAGE_SIZE;
    first.high_limit = s.mm->mmap_base;
    s.note = &first;
    return nothing_fits(&s, brute, lo, hi);
}

static bool answer_legal(const struct search *s)
{
    const struct search_note *note = s->note;
    uintptr_t min_addr = note->topdown ? s->world->config.mmap_min_addr << PAGE_SHIFT : 0;

    if (unlikely((s->answer - note->align_offset) & note->align_mask || s->answer & ~PAGE_MASK))
        return search_broken(s, "unaligned", s->answer);
    if (unlikely(s->answer < note->low_limit || s->answer < min_addr ||
                 s->end > note->high_limit || s->end < s->answer))
        return search_broken(s, "limits", s->answer);
    return true;
}

/* brute: look at every gap, trusting no stored one. */
bool search_answer_ok(const struct world *world, bool brute, struct verdict *v)
{
    const struct search_note *note = &world->search;
    const struct notes *notes = &world->notes;
    struct search s = {.world = world, .note = note, .v = v};
    uintptr_t lo = 0, hi = 0;

    if (!note->done)
        return true;
    s.mm = notes->nranges ? notes->range[0].mm : world->nr_procs == 1 ? world->proc[0] : NULL;
    if (!object_live(world, POOL_MM, s.mm))
        return true; /* a failed search of one process among several: nothing says whose */
    if (note->answer < 0)
        return notes->nranges ||
               (nothing_fits(&s, brute, 0, 0) && fallback_ok(s, brute, 0, 0));
    s.answer = (uintptr_t)note->answer;
    s.end = s.answer + note->length;
    if (!answer_legal(&s))
        return false;
    if (!gap_around(&s, brute, &lo, &hi))
        return search_broken(&s, "occupied", hi);
    if (s.answer < lo || s.end > hi)
        return search_broken(&s, "guard-gap", s.answer < lo ? lo : hi);
    return first_fit_ok(&s, brute, lo, hi) && fallback_ok(s, brute, lo, hi);
}

bool gap_search_full(const struct world *world, struct verdict *v)
{
    return search_answer_ok(world, true, v);
}
