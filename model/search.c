/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Choosing an address. Both searches descend by the subtree gaps and never enter a subtree that has
 * no long enough gap, or none inside the limits; a gap that alignment or a limit spoils is passed by
 * and the search goes on (gap.search).
 */
#include "model/rbtree.h"

static inline struct vma *vma_of(const struct rb_node *rb)
{
    return rb_entry(rb, struct vma, vm_rb);
}

/* A subtree worth entering. */
static inline struct vma *with_gap(const struct rb_node *rb, uintptr_t length)
{
    return rb && vma_of(rb)->rb_subtree_gap >= length ? vma_of(rb) : NULL;
}

static inline uintptr_t gap_start(const struct vma *vma)
{
    return vma->vm_prev ? vm_end_gap(vma->vm_prev) : 0;
}

static inline uintptr_t gap_end(const struct vma *vma)
{
    if (unlikely(vma->vm_flags & VM_GROWSDOWN) &&
        fault(world_of(vma), F_STACK_GAP_SEARCH, vma->vm_start > gap_start(vma)))
        return vma->vm_start;
    return vm_start_gap(vma);
}

/* A search on its way. */
struct search {
    const struct search_note *want;
    bool spoiled; /* a gap was long enough and yet did not do */
};

/* Highest or lowest place for it in [from, to) within the limits; -ENOMEM if there is none. */
static long fit(struct search *s, uintptr_t from, uintptr_t to)
{
    const struct search_note *want = s->want;
    bool long_enough = to > from && to - from >= want->length;
    uintptr_t addr, shift;

    if (from < want->low_limit)
        from = want->low_limit;
    if (to > want->high_limit)
        to = want->high_limit;
    if (to >= from && to - from >= want->length) {
        uintptr_t slack = to - from - want->length;

        addr = want->topdown ? to - want->length : from;
        shift = want->topdown ? (addr - want->align_offset) & want->align_mask
                              : (want->align_offset - addr) & want->align_mask;
        if (shift <= slack)
            return (long)(want->topdown ? addr - shift : addr + shift);
    }
    s->spoiled |= long_enough;
    return -ENOMEM;
}

/* Lowest place: gaps in ascending order, then what lies above all VMAs. */
static long bottomup(struct mm *mm, struct search *s)
{
    const uintptr_t length = s->want->length, low = s->want->low_limit;
    struct vma *vma = with_gap(mm->mm_rb.node, length), *child;
    long addr;

    while (vma) {
        /* Enter a subtree: go left while gaps there can lie above the limit. */
        while ((child = with_gap(vma->vm_rb.left, length)) && vma->vm_start >= low + length) {
            step(mm->world);
            vma = child;
        }
        /* The left side is done: own gap, right side, or up to where this was a left side. */
        do {
            step(mm->world);
            addr = fit(s, gap_start(vma), gap_end(vma));
            if (addr >= 0)
                return addr;
            child = with_gap(vma->vm_rb.right, length);
            if (child)
                break;
            do {
                child = vma;
                vma = rb_parent(&child->vm_rb) ? vma_of(rb_parent(&child->vm_rb)) : NULL;
            } while (vma && vma->vm_rb.right == &child->vm_rb);
            if (vma && fault(mm->world, F_SEARCH_NO_PROGRESS, true))
                break;
        } while (vma);
        if (vma)
            vma = child;
    }
    addr = fit(s, mm->highest_vm_end, s->want->high_limit);
    if (addr >= 0)
        event(mm->world, EV_SEARCH_ABOVE_ALL);
    return addr;
}

/* Highest place: what lies above all VMAs, then gaps in descending order. */
static long topdown(struct mm *mm, struct search *s)
{
    const uintptr_t length = s->want->length, high = s->want->high_limit;
    struct vma *vma = with_gap(mm->mm_rb.node, length), *child;
    long addr = fit(s, mm->highest_vm_end, high);

    if (addr >= 0) {
        event(mm->world, EV_SEARCH_ABOVE_ALL);
        return addr;
    }
    while (vma) {
        /* Enter a subtree: go right while gaps there can lie below the limit. */
        while ((child = with_gap(vma->vm_rb.right, length)) && vma->vm_end + length <= high) {
            step(mm->world);
            vma = child;
        }
        /* The right side is done: own gap, left side, or up to where this was a right side. */
        do {
            step(mm->world);
            addr = fit(s, gap_start(vma), gap_end(vma));
            if (addr >= 0)
                return addr;
            if (gap_start(vma) <= s->want->low_limit)
                return -ENOMEM;
            child = with_gap(vma->vm_rb.left, length);
            if (child)
                break;
            do {
                child = vma;
                vma = rb_parent(&child->vm_rb) ? vma_of(rb_parent(&child->vm_rb)) : NULL;
            } while (vma && vma->vm_rb.left == &child->vm_rb);
        } while (vma);
        if (vma)
            vma = child;
    }
    return -ENOMEM;
}
