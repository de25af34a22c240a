/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Splitting, merging and moving bounds.
 *
 * Order within a change, so that nothing has to be computed twice: first the survivor gets its new
 * bounds, then what it has swallowed is detached. While the two overlap, the gap between them
 * counts as zero, as it did when they touched, so no other stored gap moves (gap.subtree).
 */
#include "model/internal.h"

static inline uint64_t pages_between(uintptr_t from, uintptr_t to)
{
    return (to - from) >> PAGE_SHIFT;
}

/* ---- split ---- */
/*
 *      start     addr     end             new_below           !new_below
 *        |  vma   :   vma  |    ->     | new  | vma  |      | vma  | new  |
 */
int split_vma_nolimit(struct vma *vma, uintptr_t addr, bool new_below)
{
    struct mm *mm = vma->vm_mm;
    struct world *world = mm->world;
    uint64_t pgoff = vma->vm_pgoff + pages_between(vma->vm_start, addr);
    struct vma *new;

    if (vma->vm_ops && vma->vm_ops->may_split && vma->vm_ops->may_split(vma, addr)) {
        event(world, EV_SPLIT_UNALIGNED);
        return -EINVAL;
    }
    new = vma_dup(vma);
    if (!new)
        return -ENOMEM;
    if (new_below) {
        new->vm_end = addr;
    } else {
        new->vm_start = addr;
        new->vm_pgoff = pgoff;
    }
    if (new->anon_vma && anon_vma_split(new, vma)) {
        vma_free(new);
        return -ENOMEM;
    }
    if (vma->vm_file && vma->anon_vma && fault(world, F_LOCK_ORDER, true))
        anon_vma_lock(world, vma->anon_vma->root);
    if (new_below)
        vma_move_bounds(vma, addr, vma->vm_end, pgoff);
    else
        vma_move_bounds(vma, vma->vm_start, addr, vma->vm_pgoff);
    vma_attach_after(mm, new, new_below ? vma->vm_prev : vma);
    vma_open(new);
    note_range(mm, addr, addr + PAGE_SIZE);
    event(world, new_below ? EV_SPLIT_LOW : EV_SPLIT_HIGH);

    if (new_below && vma->vm_file && fault(world, F_ITREE_KEY_STALE, true))
        vma->shared.start = new->shared.start;
    if (vma_counts_as_writer(new) && fault(world, F_WRITABLE_COUNT_SPLIT, true))
        new->vm_file->mapping->i_mmap_writable--;
    if (new->vm_policy && fault(world, F_SPLIT_POLICY_NO_REF, true))
        new->vm_policy->refcount--;
    if (fault(world, F_MAP_COUNT_SPLIT, true))
        mm->map_count--;
    return 0;
}

int split_vma(struct vma *vma, uintptr_t addr, bool new_below)
{
    struct world *world = vma->vm_mm->world;

    if (vma->vm_mm->map_count >= world->config.max_map_count) {
        event(world, EV_SPLIT_LIMIT);
        return -ENOMEM;
    }
    return split_vma_nolimit(vma, addr, new_below);
}

/* ---- merge ---- */
/* A range and what it is to be, or is already. */
struct range {
    struct mm *mm;
    uintptr_t start, end;
    const struct vma_attrs *attrs;
    uint64_t pgoff;
    bool whole; /* it is exactly one VMA, which would go */
    bool moved; /* it is in a hole: what is faulted there comes from another place */
};

static bool has_close(const struct vma *vma)
{
    return vma->vm_ops && vma->vm_ops->close;
}

/* Of two, one may have none; more than that depends on the rules. */
static inline bool anon_vmas_match(const struct anon_vma *a, const struct anon_vma *b)
{
    return a == b || !a || !b;
}

/*
 * Of the two at least one is faulted.
 *
 * Memory that was forked has its pages in the parent's places too, and an unfaulted VMA that joins
 * it would come to be looked at there: so only what has a single chain may be joined to what has
 * none. Until 6.12 that was asked of the neighbour, whichever of the two was faulted, and an empty
 * chain did not pass. `differs`: all else allows the merge.
 */
static bool anon_compatible(const struct vma *vma, const struct range *r, bool differs)
{
    const struct vma *mine = r->attrs->faulted;
    const bool old_rules = mm_rules(r->mm) < RULES_LINUX_6_18;

    if (mine && vma->anon_vma)
        return vma->anon_vma == mine->anon_vma;
    if (mine && old_rules)
        return false;
    if (mine && r->attrs->extends)
        return true;
    return anon_chain_is_single(mine ? mine : vma) ||
           fault(r->mm->world, F_FORK_MERGE_FORKED, differs);
}

/* Everything but the place: merge.canonical. */
static bool same_attrs(const struct vma *vma, const struct range *r)
{
    const struct vma_attrs *a = r->attrs;
    struct world *world = r->mm->world;
    bool policy;

    if (vma->vm_flags != a->vm_flags || vma->vm_file != a->file ||
        vma->vm_userfaultfd_ctx != a->uffd || !anon_name_equal(vma->anon_name, a->name))
        return false;
    if (vma->vm_flags & VM_SPECIAL)
        return false;
    policy = mpol_equal(vma->vm_policy, a->policy);
    if ((vma->anon_vma || a->faulted) && !anon_compatible(vma, r, policy))
        return false;
    return policy || fault(world, F_MERGE_IGNORES_POLICY, true);
}

static bool joins_below(const struct vma *prev, const struct range *r)
{
    if (!prev || prev->vm_end != r->start || prev->vm_pgoff + vma_pages(prev) != r->pgoff)
        return false;
    if (has_close(prev) &&
        !(r->whole && fault(r->mm->world, F_CASE7_CLOSE_LEAK, same_attrs(prev, r))))
        return false;
    return same_attrs(prev, r);
}

static bool joins_above(const struct vma *next, const struct range *r)
{
    if (!next || next->vm_start != r->end || has_close(next) ||
        next->vm_pgoff != r->pgoff + pages_between(r->start, r->end))
        return false;
    return same_attrs(next, r);
}

static void swallow(struct vma *vma)
{
    vma_detach(vma->vm_mm, vma);
    if (vma->anon_vma)
        unlink_anon_vmas(vma);
    vma_free(vma);
}

/* An unfaulted survivor takes over the anon_vma of the range or of `other`. */
static bool take_over(const struct range *r, struct vma *survivor, const struct vma *other)
{
    const struct vma *from = other && other->anon_vma ? other : r->attrs->faulted;

    if (other && !other->anon_vma) /* it becomes faulted with the survivor */
        note_range(r->mm, other->vm_start, other->vm_end);
    if (survivor->anon_vma)
        return true;
    if (r->moved && from == r->attrs->faulted && fault(r->mm->world, F_MREMAP_MERGE_NO_DUP, true))
        return true;
    return anon_vma_import(survivor, from) == 0;
}

/* Before anything is changed: is the survivor chained to all that it, the range and `other`, which
 * it will swallow, are chained to? If not, there is no merge. */
static inline bool import_anon_vma(const struct range *r, struct vma *survivor,
                                   const struct vma *other)
{
    bool faulted = survivor->anon_vma || r->attrs->faulted || (other && other->anon_vma);

    return likely(!faulted) || take_over(r, survivor, other);
}

static inline void move_end(struct vma *vma, uintptr_t end)
{
    vma_move_bounds(vma, vma->vm_start, end, vma->vm_pgoff);
}

/* The offset of what stays mapped does not change. */
static inline void move_start(struct vma *vma, uintptr_t start)
{
    vma_move_bounds(vma, start, vma->vm_end,
                    vma->vm_pgoff + (start >> PAGE_SHIFT) - (vma->vm_start >> PAGE_SHIFT));
}

static struct vma *merged(const struct range *r, enum event merge_case, struct vma *survivor)
{
    event(r->mm->world, merge_case);
    note_range(r->mm, r->start, r->end);
    if (survivor->vm_end > r->end) /* a boundary at the end has gone */
        note_range(r->mm, r->end, r->end + PAGE_SIZE);
    return survivor;
}

/* In 6.1 mmap asks the next VMA first, and what is before only if it goes with that by itself. */
static bool next_comes_first(const struct range *r, const struct vma *prev, const struct vma *next)
{
    return r->attrs->mapped && mm_rules(r->mm) == RULES_LINUX_6_1 && next->anon_vma &&
           next->anon_vma != prev->anon_vma;
}

/*
 *      PPPP....NNNN    ->    PPPPPPPPPPPP  1
 *                            PPPPPPPP      2
 *                                NNNNNNNN  3
 */
static struct vma *merge_hole(const struct range *r, struct vma *prev, struct vma *next)
{
    struct world *world = r->mm->world;
    bool below = joins_below(prev, r), above = joins_above(next, r);

    if (below && above && next_comes_first(r, prev, next))
        below = false;
    if (below && above && anon_vmas_match(prev->anon_vma, next->anon_vma)) {
        if (!import_anon_vma(r, prev, next))
            return NULL;
        move_end(prev, next->vm_end);
        swallow(next);
        return merged(r, EV_MERGE_CASE1, prev);
    }
    if (below) {
        if (!import_anon_vma(r, prev, NULL))
            return NULL;
        move_end(prev, r->end + (fault(world, F_ADJUST_END_LONG, true) ? PAGE_SIZE : 0));
        vma_update_gaps(prev);
        return merged(r, EV_MERGE_CASE2, prev);
    }
    if (above && import_anon_vma(r, next, NULL)) {
        uint64_t pgoff = fault(world, F_CASE3_PGOFF, true) ? next->vm_pgoff : r->pgoff;

        vma_move_bounds(next, r->start, next->vm_end, pgoff);
        vma_update_gaps(next);
        return merged(r, EV_MERGE_CASE3, next);
    }
    return NULL;
}

/* The boundary moves down:
 *         [ r]
 *      PPPPPPPNNNN     ->    PPPNNNNNNNN   4
 */
static struct vma *merge_tail(const struct range *r, struct vma *prev, struct vma *next)
{
    if (!joins_above(next, r) || !import_anon_vma(r, next, NULL))
        return NULL;
    move_end(prev, r->start);
    move_start(next, r->start);
    return merged(r, EV_MERGE_CASE4, next);
}

/* The boundary moves up:
 *          [ r]
 *      PPPPAAAAAAA     ->    PPPPPPPPAAA   5
 */
static struct vma *merge_head(const struct range *r, struct vma *prev, struct vma *area)
{
    if (!joins_below(prev, r) || fault(r->mm->world, F_MERGE_MISSES_CASE5, true))
        return NULL;
    if (!import_anon_vma(r, prev, NULL))
        return NULL;
    move_start(area, r->end);
    move_end(prev, r->end);
    note_range(r->mm, r->end, r->end + PAGE_SIZE); /* area's new head */
    return merged(r, EV_MERGE_CASE5, prev);
}

/*
 *          [ r]
 *      PPPPAAAANNNN    ->    PPPPPPPPPPPP  6
 *                            PPPPPPPPNNNN  7
 *                            PPPPNNNNNNNN  8
 */
static struct vma *merge_whole(const struct range *r, struct vma *prev, struct vma *area)
{
    struct vma *next = area->vm_next;
    bool below = joins_below(prev, r), above = joins_above(next, r);

    if (below) {
        above = above && anon_vmas_match(prev->anon_vma, next->anon_vma);
        if (!import_anon_vma(r, prev, above ? next : NULL)) {
            if (above && !r->attrs->faulted && fault(r->mm->world, F_ADJUST_TWO_NEXT, true)) {
                move_end(prev, r->end);
                swallow(area);
            }
            return NULL;
        }
        move_end(prev, above ? next->vm_end : r->end);
        swallow(area);
        if (above)
            swallow(next);
        return merged(r, above ? EV_MERGE_CASE6 : EV_MERGE_CASE7, prev);
    }
    if (above && import_anon_vma(r, next, NULL)) {
        move_start(next, r->start);
        swallow(area);
        if (fault(r->mm->world, F_REMOVE_NEXT3, true))
            next->vm_prev = next;
        return merged(r, EV_MERGE_CASE8, next);
    }
    return NULL;
}

struct vma *vma_merge(struct mm *mm, struct vma *prev, uintptr_t addr, uintptr_t end,
                      const struct vma_attrs *attrs, uint64_t pgoff)
{
    struct vma *next = prev ? prev->vm_next : mm->mmap, *survivor = NULL;
    struct range r = {.mm = mm, .start = addr, .end = end, .attrs = attrs, .pgoff = pgoff};

    if (prev && prev->vm_end > addr) { /* addr lies inside of it */
        if (prev->vm_end == end)
            survivor = merge_tail(&r, prev, next);
    } else if (!next || next->vm_start >= end) {
        r.moved = attrs->faulted && !attrs->extends;
        survivor = merge_hole(&r, prev, next);
    } else if (next->vm_end == end) {
        r.whole = true;
        survivor = merge_whole(&r, prev, next);
    } else {
        survivor = merge_head(&r, prev, next);
    }
    if (!survivor)
        event(mm->world, EV_MERGE_NONE);
    return survivor;
}

/* ---- the one way to change attributes ---- */
static void set_policy(struct vma *vma, struct mempolicy *policy)
{
    struct mempolicy *old = vma->vm_policy;

    vma->vm_policy = mpol_get(policy);
    mpol_put(vma->vm_mm->world, old);
}

static void set_attrs(struct vma *vma, const struct vma_attrs *attrs)
{
    struct world *world = vma->vm_mm->world;
    struct vma_attrs old = vma_attrs(vma);

    set_policy(vma, attrs->policy);
    vma->vm_userfaultfd_ctx = uffd_get(attrs->uffd);
    vma->anon_name = anon_name_get(attrs->name);
    uffd_put(world, old.uffd);
    anon_name_put(world, old.name);
    vma_set_flags(vma, attrs->vm_flags);
}

struct vma *vma_modify(struct vma *vma, uintptr_t start, uintptr_t end,
                       const struct vma_attrs *attrs, int *err)
{
    struct mm *mm = vma->vm_mm;
    struct world *world = mm->world;
    struct vma *prev = start > vma->vm_start ? vma : vma->vm_prev, *next = vma->vm_next, *merged_to;
    bool whole = start == vma->vm_start && end == vma->vm_end;
    struct vma_attrs old = vma_attrs(vma);

    merged_to =
        vma_merge(mm, prev, start, end, attrs, vma->vm_pgoff + pages_between(vma->vm_start, start));
    if (merged_to) {
        if (whole && merged_to == next) { /* case 8 */
            if (fault(world, F_CASE8_WRONG_SURVIVOR, old.vm_flags != attrs->vm_flags))
                vma_set_flags(next, old.vm_flags);
            if (!old.policy && attrs->policy && fault(world, F_MBIND_CASE8_SKIPS, true))
                set_policy(next, NULL);
        }
        return merged_to;
    }
    if (start > vma->vm_start && (*err = split_vma(vma, start, true)))
        return NULL;
    if (end < vma->vm_end && (*err = split_vma(vma, end, false)))
        return NULL;
    set_attrs(vma, attrs);
    return vma;
}

void vma_adjust(struct vma *vma, uintptr_t start, uintptr_t end, uint64_t pgoff)
{
    uintptr_t from = start < vma->vm_start ? start : vma->vm_start;
    uintptr_t to = end > vma->vm_end ? end : vma->vm_end;

    if (start != vma->vm_start) /* the old or the new head, and what lies between */
        note_range(vma->vm_mm, from, (start > from ? start : vma->vm_start) + PAGE_SIZE);
    if (end != vma->vm_end)
        note_range(vma->vm_mm, end < to ? end : vma->vm_end, to);
    vma_move_bounds(vma, start, end, pgoff);
    vma_update_gaps(vma);
}
