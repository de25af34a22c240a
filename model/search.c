/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Choosing an address. Both searches descend by the subtree gaps and never enter a subtree that
 * has no long enough gap, or none inside the limits; a gap that alignment or a limit spoils is
 * passed by and the search goes on (gap.search).
 */
#include "model/rbtree.h"

static inline struct vma *vma_of(const struct rb_node *rb)
{
    return rb_entry(rb, struct vma, vm_rb);
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
    bool spoiled;      /* a gap was long enough and yet did not do */
    struct vma *above; /* what the answer's gap ends at; NULL: it is above all VMAs */
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

/* ---- the subtrees that may hold a fit, in order ---- */
static inline struct vma *with_gap(const struct rb_node *rb, const struct search_note *want)
{
    return rb && vma_of(rb)->rb_subtree_gap >= want->length ? vma_of(rb) : NULL;
}

/* What lies below starts lower than vma: is that still above the low limit? */
static inline struct vma *worth_left(const struct vma *vma, const struct search_note *want)
{
    return vma->vm_start >= want->low_limit + want->length ? with_gap(vma->vm_rb.left, want) : NULL;
}

static inline struct vma *worth_right(const struct vma *vma, const struct search_note *want)
{
    return vma->vm_end + want->length <= want->high_limit ? with_gap(vma->vm_rb.right, want) : NULL;
}

static inline struct vma *leftmost(struct vma *vma, const struct search_note *want)
{
    for (struct vma *left; (left = worth_left(vma, want)); vma = left)
        step(world_of(vma));
    return vma;
}

static inline struct vma *rightmost(struct vma *vma, const struct search_note *want)
{
    for (struct vma *right; (right = worth_right(vma, want)); vma = right)
        step(world_of(vma));
    return vma;
}

/* The next VMA upwards that is worth a look, its left side being done. */
static struct vma *next_above(struct vma *vma, const struct search_note *want)
{
    struct world *world = world_of(vma);
    struct rb_node *rb = &vma->vm_rb, *parent;
    struct vma *right = worth_right(vma, want);

    if (right)
        return leftmost(right, want);
    while ((parent = rb_parent(rb)) && parent->right == rb) {
        step(world);
        rb = parent;
    }
    if (parent && fault(world, F_SEARCH_NO_PROGRESS, true))
        return vma_of(rb);
    return parent ? vma_of(parent) : NULL;
}

static struct vma *next_below(struct vma *vma, const struct search_note *want)
{
    struct rb_node *rb = &vma->vm_rb, *parent;
    struct vma *left = worth_left(vma, want);

    if (left)
        return rightmost(left, want);
    while ((parent = rb_parent(rb)) && parent->left == rb) {
        step(world_of(vma));
        rb = parent;
    }
    return parent ? vma_of(parent) : NULL;
}

/* ---- the two searches ---- */
/* Gaps in ascending order, then what lies above all VMAs. */
static long bottomup(struct mm *mm, struct search *s)
{
    struct vma *vma = with_gap(mm->mm_rb.node, s->want);
    long addr;

    for (vma = vma ? leftmost(vma, s->want) : NULL; vma; vma = next_above(vma, s->want)) {
        step(mm->world);
        addr = fit(s, gap_start(vma), gap_end(vma));
        if (addr >= 0)
            return addr;
    }
    addr = fit(s, mm->highest_vm_end, s->want->high_limit);
    if (addr >= 0)
        event(mm->world, EV_SEARCH_ABOVE_ALL);
    return addr;
}

/* What lies above all VMAs, then gaps in descending order. */
static long topdown(struct mm *mm, struct search *s)
{
    struct vma *vma = with_gap(mm->mm_rb.node, s->want);
    long addr = fit(s, mm->highest_vm_end, s->want->high_limit);

    if (addr >= 0) {
        event(mm->world, EV_SEARCH_ABOVE_ALL);
        return addr;
    }
    for (vma = vma ? rightmost(vma, s->want) : NULL; vma; vma = next_below(vma, s->want)) {
        step(mm->world);
        addr = fit(s, gap_start(vma), gap_end(vma));
        if (addr >= 0) {
            s->above = vma;
            return addr;
        }
    }
    return -ENOMEM;
}

/* ---- since Linux 6.1 the tree knows plain holes, and guard gaps are found out afterwards ---- */
/* Does the guard gap of a stack reach below `end`, over whatever lies between? */
static bool is_below_guard(const struct vma *above, uintptr_t end)
{
    const struct world_config *config = &world_of(above)->config;
    const uintptr_t reach = end + (config->stack_guard_gap << PAGE_SHIFT);

    for (const struct vma *vma = above; vma && vma->vm_start < reach; vma = vma->vm_next) {
        step(world_of(vma));
        if ((vma->vm_flags & VM_GROWSDOWN) && gap_end(vma) < end)
            return true;
    }
    return false;
}

static struct vma *last_vma(const struct mm *mm)
{
    const struct rb_node *rb = mm->mm_rb.node;

    while (rb && rb->right)
        rb = rb->right;
    return rb ? vma_of(rb) : NULL;
}

/* Plain holes in descending order. Where one that would do ends at a stack, the search goes on
 * below all of the stack's guard gap (gap.search). */
static long topdown_by_holes(struct mm *mm, struct search_note want)
{
    struct search s = {.want = &want};
    uintptr_t to = mm->task_size;

    for (struct vma *vma = NULL, *below = last_vma(mm);; vma = below, below = below->vm_prev) {
        const uintptr_t from = below ? below->vm_end : 0;
        long addr;

        step(mm->world);
        if (vma)
            to = vma->vm_start;
        addr = fit(&s, from, to);
        if (addr >= 0 && vma && gap_end(vma) < to && gap_end(vma) < want.high_limit) {
            want.high_limit = gap_end(vma);
            addr = fit(&s, from, to);
        }
        if (addr >= 0 && (!below || (uintptr_t)addr >= vm_end_gap(below)))
            return addr;
        if (!below)
            return -ENOMEM;
    }
}

static long pass(struct mm *mm, const struct search_note *want)
{
    struct search s = {.want = want};
    long addr = want->topdown ? topdown(mm, &s) : bottomup(mm, &s);

    if (want->topdown && addr >= 0 && s.above && mm->stack_vm && mm_rules(mm) >= RULES_LINUX_6_1 &&
        is_below_guard(s.above, (uintptr_t)addr + want->length))
        addr = topdown_by_holes(mm, *want);
    if (s.spoiled && fault(mm->world, F_GAP_SEARCH_GIVES_UP, addr >= 0))
        return -ENOMEM;
    return addr;
}

/* Faults of the top-down pass, which gave `answer`: what each would have answered instead. */
static long pass_below_min(struct mm *mm, struct search_note want)
{
    want.low_limit = PAGE_SIZE;
    return pass(mm, &want);
}

static long pass_second_fit(struct mm *mm, struct search_note want, long answer)
{
    long second;

    want.high_limit = (uintptr_t)answer;
    second = pass(mm, &want);
    return second >= 0 ? second : answer;
}

static long topdown_pass(struct mm *mm, const struct search_note *want)
{
    struct world *world = mm->world;
    long addr = pass(mm, want), other = addr;

    if (addr < 0 && fault(world, F_TOPDOWN_BELOW_MIN, (other = pass_below_min(mm, *want)) != addr))
        return other;
    if (addr >= 0 &&
        fault(world, F_TOPDOWN_SECOND_FIT, (other = pass_second_fit(mm, *want, addr)) != addr))
        return other;
    return addr;
}

/* As the layout says, noting the pass that decided. */
static long vm_unmapped_area(struct mm *mm, uintptr_t length, uintptr_t align_mask)
{
    struct world *world = mm->world;
    struct search_note *note = &world->search;
    uintptr_t min_addr = world->config.mmap_min_addr << PAGE_SHIFT;

    *note = (struct search_note){.done = true, .length = length, .align_mask = align_mask};
    if (!mm->legacy_layout) {
        event(world, EV_SEARCH_TOPDOWN);
        note->topdown = true;
        note->low_limit = min_addr > PAGE_SIZE ? min_addr : PAGE_SIZE;
        note->high_limit = mm->mmap_base;
        note->answer = topdown_pass(mm, note);
        if (note->answer >= 0)
            return note->answer;
        event(world, EV_SEARCH_FALLBACK);
    }
    event(world, EV_SEARCH_BOTTOMUP);
    note->topdown = false;
    note->low_limit = task_unmapped_base(mm);
    note->high_limit = mm->task_size;
    note->answer = pass(mm, note);
    if (note->answer < 0)
        event(world, EV_SEARCH_FAIL);
    return note->answer;
}

/* Linux 6.7 and later: whole huge pages of anonymous memory are placed so that they can be huge. */
static long thp_unmapped_area(struct mm *mm, uintptr_t length)
{
    uintptr_t padded = length + HPAGE_SIZE, off;
    long addr = padded <= mm->task_size ? vm_unmapped_area(mm, padded, 0) : -ENOMEM;

    if (addr < 0)
        return vm_unmapped_area(mm, length, 0);
    off = -(uintptr_t)addr & (HPAGE_SIZE - 1);
    if (off == 0 && !mm->legacy_layout)
        off = HPAGE_SIZE;
    return addr + (long)off;
}

/* Free, and clear of both neighbours with their guard gaps? */
static bool hint_is_free(struct mm *mm, uintptr_t addr, size_t len)
{
    struct vma *prev, *next;

    if (addr > mm->task_size - len || addr < mm->world->config.mmap_min_addr << PAGE_SHIFT)
        return false;
    next = find_vma_prev(mm, addr, &prev);
    return (!next || addr + len <= gap_end(next)) && (!prev || addr >= vm_end_gap(prev));
}

static long check_min_addr(const struct mm *mm, long addr)
{
    const struct world_config *config = &mm->world->config;

    if ((uintptr_t)addr < config->mmap_min_addr << PAGE_SHIFT && !config->privileged)
        return -EPERM;
    return addr;
}

static long fixed_area(const struct mm *mm, uintptr_t addr, size_t len)
{
    if (addr > mm->task_size - len)
        return -ENOMEM;
    if (!page_aligned(addr))
        return -EINVAL;
    return check_min_addr(mm, (long)addr);
}

long get_unmapped_area(struct mm *mm, struct file *file, uintptr_t addr, size_t len, int flags)
{
    bool huge = file && file->mapping->kind == FILE_HUGETLB;
    uintptr_t align_mask = huge ? HPAGE_SIZE - 1 : 0;
    long found;

    if (len > mm->task_size)
        return -ENOMEM;
    if (flags & MAP_FIXED)
        return huge && (addr & align_mask) ? -EINVAL : fixed_area(mm, addr, len);
    if (addr) { /* a hint: one that wraps to 0 when it is rounded up is still one */
        uintptr_t hint = (addr + align_mask) & ~align_mask;

        if (hint_is_free(mm, hint, len)) {
            event(mm->world, EV_SEARCH_HINT);
            return (long)hint;
        }
    }
    if (mm->world->config.rules >= RULES_LINUX_6_12 && !file && !addr && !(flags & MAP_SHARED) &&
        (len & (HPAGE_SIZE - 1)) == 0)
        found = thp_unmapped_area(mm, len);
    else
        found = vm_unmapped_area(mm, len, align_mask);
    return found < 0 ? found : check_min_addr(mm, found);
}
