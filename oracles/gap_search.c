/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * gap.search: was the address that a search answered the right one?
 *
 * Judged after the call, when the answer has been used. What the search saw is reconstructed: the
 * answer's own place counts as free again, whatever was linked or merged there,
 *
 *        prev                 answer           end               next
 *     |VVVVVVV|~guard~|........[================)........|~guard~|VVVVVVV|
 *                     lo                                 hi
 *
 * and a gap near other places that the call has changed (the source of a move, which is free now)
 * is not held against the answer, because it may have come later.
 */
#include "oracles/laws.h"

#include <inttypes.h>

struct search {
    const struct world *world;
    const struct mm *mm;
    const struct search_note *note;
    struct verdict *v;
    bool brute;            /* look at every gap, trusting no stored one */
    bool any;              /* a fit is better wherever it is: the pass should have found one */
    uintptr_t answer, end; /* the answer's own place; 0, 0 if there is no answer */
    /* The VMA that is there now, with the neighbours that it has joined. */
    uintptr_t joined, joined_end;
    uintptr_t lo, hi; /* what was free around the answer */
};

static inline uintptr_t lower(uintptr_t a, uintptr_t b)
{
    return a < b ? a : b;
}
static inline uintptr_t higher(uintptr_t a, uintptr_t b)
{
    return a > b ? a : b;
}

static bool search_broken(const struct search *s, const char *site, uintptr_t other)
{
    const struct search_note *n = s->note;
    const unsigned long answer = (unsigned long)n->answer;
    const bool refused = -answer < PAGE_SIZE;

    return law_broken(s->v, LAW_GAP_SEARCH, site, s->mm->id, other,
                      "%s search for %#" PRIxPTR " pages in %#" PRIxPTR "-%#" PRIxPTR
                      " answered %s%#lx: %s at page %#" PRIxPTR,
                      n->topdown ? "top-down" : "bottom-up", n->length >> PAGE_SHIFT,
                      n->low_limit >> PAGE_SHIFT, n->high_limit >> PAGE_SHIFT,
                      refused ? "errno " : "page ", refused ? -answer : answer >> PAGE_SHIFT, site,
                      other >> PAGE_SHIFT);
}

/* ---- certainty ---- */
/* Would a VMA in [from, to), with a guard gap on either side, have been in the way in [lo, hi)? */
static bool in_the_way(const struct search *s, uintptr_t from, uintptr_t to, uintptr_t lo,
                       uintptr_t hi)
{
    uintptr_t guard = guard_bytes(s->world);

    return from < to && lo < hi && (from > guard ? from - guard : 0) < hi && to + guard > lo;
}

/* May [lo, hi) have been something else when the search ran? Where the VMA at the answer now is,
 * nothing but the answer's own mapping and VMAs that it has joined can have been. */
static bool changed_elsewhere(const struct search *s, uintptr_t lo, uintptr_t hi)
{
    const struct notes *notes = &s->world->notes;

    for (uint32_t i = 0; i < notes->nranges; i++) {
        const struct note_range *r = &notes->range[i];

        if (r->mm == s->mm && (in_the_way(s, r->start, lower(r->end, s->joined), lo, hi) ||
                               in_the_way(s, higher(r->start, s->joined_end), r->end, lo, hi)))
            return true;
    }
    return false;
}

/* ---- places ---- */
/* Where the pass would put the length in [from, to) cut to its limits. */
static bool fit_in(const struct search_note *note, uintptr_t from, uintptr_t to, uintptr_t *place)
{
    if (from < note->low_limit)
        from = note->low_limit;
    if (to > note->high_limit)
        to = note->high_limit;
    if (to < from || to - from < note->length)
        return false;
    to -= note->length;
    *place = note->topdown ? to - ((to - note->align_offset) & note->align_mask)
                           : from + ((note->align_offset - from) & note->align_mask);
    return *place >= from && *place <= to;
}

static bool is_better(const struct search *s, uintptr_t place)
{
    return s->any || (s->note->topdown ? place > s->answer : place < s->answer);
}

static const struct vma *last_in_list(const struct search *s)
{
    struct list_walk w = list_walk(s->world, s->mm);
    const struct vma *vma, *last = NULL;

    while ((vma = list_walk_next(&w)))
        last = vma;
    return last;
}

/*
 * Since Linux 6.1 a top-down pass looks at plain holes. One that would do but ends at a stack, the
 * guard gap of which reaches into it, takes all of that gap out of the pass, holes in it and all:
 *
 *     [..hole..]VVV[..hole..]SSSS        How far the pass may still look when it has come down to
 *        |<---- guard gap ---|           `to`. If in doubt what was there, it is taken for less.
 */
static uintptr_t pass_limit(const struct search *s, uintptr_t to)
{
    const struct vma *vma = last_in_list(s), *prev;
    uintptr_t limit = s->note->high_limit, place;
    bool doubt = false;

    for (; vma && vma->vm_start >= to; vma = prev) {
        uintptr_t guard = start_with_guard(s->world, vma), from;

        prev = vma->vm_prev;
        if (prev && (!vma_live(s->world, prev) || prev->vm_end > vma->vm_start))
            break;
        from = prev ? prev->vm_end : 0;
        if (guard == vma->vm_start || guard >= limit)
            continue;
        doubt |= changed_elsewhere(s, from, vma->vm_start);
        if (doubt || fit_in(s->note, from, lower(vma->vm_start, limit), &place))
            limit = guard;
    }
    return limit;
}

static bool has_guarded_holes(const struct search *s)
{
    return s->note->topdown && s->world->config.rules >= RULES_LINUX_6_1 && s->mm->stack_vm;
}

/* A place in [from, to) that the pass should have preferred, and that certainly was free? */
static bool better_in(const struct search *s, uintptr_t from, uintptr_t to, uintptr_t *place)
{
    if (!fit_in(s->note, from, to, place) || !is_better(s, *place) ||
        changed_elsewhere(s, from, to))
        return false;
    if (!has_guarded_holes(s))
        return true;
    to = lower(to, pass_limit(s, *place + s->note->length));
    return fit_in(s->note, from, to, place) && is_better(s, *place);
}

/* The gap between prev (or the bottom) and vma. */
static bool better_before(const struct search *s, const struct vma *prev, const struct vma *vma,
                          uintptr_t *place)
{
    return better_in(s, prev ? end_with_guard(s->world, prev) : 0, start_with_guard(s->world, vma),
                     place);
}

/* Gaps above VMAs that end in [from, to), or from 0. Prunes by stored gaps, which gap.subtree
 * judges, and by plain ends, which ascend even where guard gaps reach over neighbours. Leaves out
 * the gap above the last VMA, which has no node. */
static bool better_in_tree(const struct search *s, const struct rb_node *node, uintptr_t from,
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
    return (below >= from && below < to && better_before(s, prev, vma, place)) ||
           (below >= from && better_in_tree(s, node->left, from, to, depth + 1, place)) ||
           (below < to && better_in_tree(s, node->right, from, to, depth + 1, place));
}

/* The same over the list, every gap looked at. */
static bool better_in_list(const struct search *s, uintptr_t from, uintptr_t to, uintptr_t *place)
{
    struct list_walk w = list_walk(s->world, s->mm);
    const struct vma *vma, *prev = NULL;

    for (; (vma = list_walk_next(&w)); prev = vma) {
        uintptr_t below = prev ? prev->vm_end : 0;

        if (below >= from && below < to && better_before(s, prev, vma, place))
            return true;
    }
    return false;
}

static bool better_between(const struct search *s, uintptr_t from, uintptr_t to, uintptr_t *place)
{
    uintptr_t top = s->mm->highest_vm_end;

    if (top >= from && top < to && better_in(s, top, s->mm->task_size, place))
        return true;
    return s->brute ? better_in_list(s, from, to, place)
                    : better_in_tree(s, s->mm->mm_rb.node, from, to, 0, place);
}

/* ---- around the answer ---- */
/* First VMA that ends above the answer. Mostly it is what the call has just linked or widened. */
static const struct vma *vma_at_answer(const struct search *s)
{
    const struct notes *notes = &s->world->notes;

    for (uint32_t i = 0; i < notes->n; i++) {
        const struct vma *vma = notes->note[i].vma;

        if (vma->vm_mm == s->mm && vma->vm_start <= s->answer && vma->vm_end > s->answer)
            return vma;
    }
    return tree_find(s->world, s->mm, s->answer);
}

static const struct vma *vma_at_answer_in_list(const struct search *s)
{
    struct list_walk w = list_walk(s->world, s->mm);
    const struct vma *vma;

    while ((vma = list_walk_next(&w)) && vma->vm_end <= s->answer)
        ;
    return vma;
}

/* Fills joined, lo and hi; false if something else is inside the answer's place. */
static bool look_around(struct search *s)
{
    const struct vma *vma = s->brute ? vma_at_answer_in_list(s) : vma_at_answer(s), *next = vma;
    const struct vma *prev = vma ? vma->vm_prev : NULL;

    s->joined = s->answer;
    s->joined_end = s->end;
    if (!vma) /* nothing above, so what is below is the last */
        s->lo = s->mm->highest_vm_end;
    else if (prev && vma_live(s->world, prev))
        s->lo = end_with_guard(s->world, prev);
    s->hi = s->mm->task_size;
    if (vma && vma->vm_start < s->end) { /* the answer's own mapping */
        next = vma->vm_next;
        s->joined = lower(vma->vm_start, s->answer);
        s->joined_end = higher(vma->vm_end, s->end);
    }
    if (s->joined < s->answer) /* joined to what is below: that one ends here */
        s->lo = s->answer;
    if (next && vma_live(s->world, next))
        s->hi = start_with_guard(s->world, next);
    if (s->joined_end > s->end) /* joined to what is above: that one starts here */
        s->hi = s->end;
    return !next || !vma_live(s->world, next) || next->vm_start >= s->end;
}

/* ---- verdicts ---- */
static bool answer_legal(const struct search *s)
{
    const struct search_note *note = s->note;
    uintptr_t min_addr = note->topdown ? s->world->config.mmap_min_addr << PAGE_SHIFT : 0;

    if (unlikely((s->answer - note->align_offset) & note->align_mask || s->answer & ~PAGE_MASK))
        return search_broken(s, "unaligned", s->answer);
    if (unlikely(s->answer < note->low_limit || s->answer < min_addr || s->end > note->high_limit ||
                 s->end < s->answer))
        return search_broken(s, "limits", s->answer);
    return true;
}

/* In the gap around the answer, and in the gaps that come before it in the pass's direction. */
static bool first_fit_ok(const struct search *s)
{
    uintptr_t place;
    bool better;

    if (!changed_elsewhere(s, lower(s->lo, s->answer), higher(s->hi, s->end))) {
        if (unlikely(s->answer < s->lo || s->end > s->hi))
            return search_broken(s, "guard-gap", s->answer < s->lo ? s->lo : s->hi);
        if (unlikely(better_in(s, s->lo, s->hi, &place)))
            return search_broken(s, "first-fit", place);
    }
    better = s->note->topdown ? better_between(s, s->end, s->note->high_limit, &place)
                              : better_between(s, 0, s->lo, &place);
    return likely(!better) || search_broken(s, "first-fit", place);
}

/* Nothing above it, with a guard gap that it is in, has kept the pass from looking there? */
static bool not_left_out(const struct search *s)
{
    uintptr_t limit;

    if (!s->brute || !has_guarded_holes(s) || changed_elsewhere(s, s->answer, s->mm->task_size))
        return true;
    limit = pass_limit(s, s->end);
    return likely(s->end <= limit) || search_broken(s, "left-out", limit);
}

/* Did a pass rightly find nothing? */
static bool nothing_fits(const struct search *s)
{
    uintptr_t place;

    return likely(!better_in(s, s->lo, s->hi, &place) &&
                  !better_between(s, 0, s->note->high_limit, &place)) ||
           search_broken(s, "missed", place);
}

/* Bottom-up is what a top-down layout falls back to, so there the top-down pass found nothing. */
static bool fallback_ok(struct search s)
{
    struct search_note first = *s.note;
    uintptr_t min_addr = s.world->config.mmap_min_addr << PAGE_SHIFT;

    if (likely(s.note->topdown) || s.mm->legacy_layout)
        return true;
    first.topdown = true;
    first.low_limit = higher(min_addr, PAGE_SIZE);
    first.high_limit = s.mm->mmap_base;
    s.note = &first;
    s.any = true;
    return nothing_fits(&s);
}

bool search_answer_ok(const struct world *world, bool brute, struct verdict *v)
{
    const struct search_note *note = &world->search;
    const struct notes *notes = &world->notes;
    struct search s = {.world = world, .note = note, .v = v, .brute = brute};

    if (!note->done)
        return true;
    s.mm = notes->nranges ? notes->range[0].mm : world->nr_procs == 1 ? world->proc[0] : NULL;
    if (!object_live(world, POOL_MM, s.mm))
        return true; /* a failed search of one process among several: nothing says whose */
    if (note->answer < 0) {
        s.any = true;
        return notes->nranges || (nothing_fits(&s) && fallback_ok(s));
    }
    s.answer = (uintptr_t)note->answer;
    s.end = s.answer + note->length;
    if (!answer_legal(&s))
        return false;
    if (!look_around(&s))
        return search_broken(&s, "occupied", s.hi);
    return first_fit_ok(&s) && not_left_out(&s) && fallback_ok(s);
}

bool gap_search_full(const struct world *world, struct verdict *v)
{
    return search_answer_ok(world, true, v);
}
