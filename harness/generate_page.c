/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The generator's operations on pages: accesses, pins, reclaim and the like. They are aimed at
 * pages that have an entry in the page tables, since nothing comes of the others.
 */
#include "harness/generate.h"

/* ---- which page ---- */
/* Of v, so many at most where it is large, and inside of the file behind it. */
static struct range memory_of(struct gen *c, const struct vma *v)
{
    struct range r = range_of(v);
    uint64_t size = v->vm_file ? v->vm_file->mapping->size : 0;

    if (v->vm_file && v->vm_pgoff < size && size - v->vm_pgoff < pages_in(r) && !chance(c, 8))
        r.end = r.start + (uint32_t)(size - v->vm_pgoff);
    return r;
}

bool page_with(struct gen *c, const struct vma *v, pte_t mask, pte_t value, uint32_t *page)
{
    struct range r = range_of(v);
    uint32_t n = pages_in(r), at = below(c, n);

    for (uint32_t tries = n < 8 ? n : 8; tries; tries--, at = at + 1 == n ? 0 : at + 1) {
        pte_t pte = mm_pte(c->mm, (uintptr_t)(r.start + at) << PAGE_SHIFT);

        *page = r.start + at;
        if (pte && (pte & mask) == value)
            return true;
    }
    return false;
}

const struct vma *pick_page_vma(struct gen *c, uint64_t vm_flags)
{
    const struct vma *v = NULL;
    uint32_t page;

    for (int tries = 0; tries < 4; tries++) {
        v = vm_flags ? pick_vma_with(c, vm_flags) : pick_vma(c);
        if (!v || page_with(c, v, 0, 0, &page))
            return v;
    }
    return v;
}

struct range pages_of(struct gen *c, const struct vma *v)
{
    struct range r = range_of(v);
    uint32_t page;

    if (chance(c, 64) || !page_with(c, v, 0, 0, &page))
        return pages_in(r) > 64 || chance(c, 96) ? pick_range(c, v, true) : r;
    r.end = r.end - page > 8 ? page + 8 : r.end;
    return (struct range){page, page + 1 + below(c, r.end - page)};
}

/* ---- accesses: inside, or where a stack should grow to, or must not ---- */
static void beside_stack(struct gen *c, const struct vma *v)
{
    bool down = v->vm_flags & VM_GROWSDOWN;
    struct range hole = down ? hole_below(c, v) : hole_above(c, v);
    uint32_t gap = gap_pages(c), page = down ? hole.end - 1 : hole.start;

    if (chance(c, 160) && pages_in(hole) > 4) { /* a few pages */
        page = down ? page - below(c, 4) : page + below(c, 4);
    } else if (chance(c, 128) &&
               pages_in(hole) > gap + 1) { /* at the edge of what the gap leaves */
        page = down ? hole.start + gap : hole.end - gap;
        page += below(c, 3) - 1;
    }
    set_address(c, 0, page);
}

static bool writes(const struct op *op)
{
    return op->kind == OP_WRITE || op->kind == OP_POKE || op->kind == OP_FILL;
}

/* Another process' access does not reach the memory of devices. */
static bool is_remote(enum op_kind kind)
{
    return kind == OP_POKE || kind == OP_PEEK || kind == OP_FORCE || kind == OP_PIN;
}

/* Shared pages wait to be copied, swap entries to be read; untouched memory is the rest. */
static uint32_t pick_touched(struct gen *c, const struct vma *v)
{
    struct range r = memory_of(c, v);
    uint32_t choice = below(c, 8), page;

    if (choice < 3 && (writes(c->op) || c->op->kind == OP_PIN) &&
        page_with(c, v, PTE_PRESENT | PTE_WRITE, PTE_PRESENT, &page))
        return page;
    if (choice < 5 && page_with(c, v, PTE_SWAP, PTE_SWAP, &page))
        return page;
    if (choice < 6 && page_with(c, v, 0, 0, &page))
        return page;
    return r.start + below(c, pages_in(r));
}

/* One that allows the access, mostly. */
static const struct vma *accessible(struct gen *c, uint64_t vm_flags)
{
    const struct vma *v = work_on(c, vm_flags);
    uint64_t refused = is_remote((enum op_kind)c->op->kind) ? VM_IO | VM_PFNMAP : 0;

    if (!v)
        return NULL;
    for (int tries = 0; tries < 6 && !chance(c, 4); tries++) {
        const struct vma *other;

        if (v->vm_flags & vm_flags && !(v->vm_flags & refused))
            return v;
        other = pick_vma_with(c, vm_flags);
        v = other ? other : v;
    }
    return v;
}

/* Nothing around allows the access: mostly something else is done then. False: the operation is
 * whole already. */
static bool make_do(struct gen *c, const struct vma *v, uint64_t vm_flags)
{
    if (chance(c, 24))
        return true;
    if (vm_flags & VM_WRITE && v->vm_flags & VM_MAYWRITE && chance(c, 96)) {
        become(c, OP_MPROTECT);
        c->op->prot = PROT_READ | PROT_WRITE;
        set_range(c, pick_range(c, v, true));
        return false;
    }
    become(c, OP_READ);
    return true;
}

void generate_access(struct gen *c)
{
    static const uint64_t needs[NR_OPS] = {
        [OP_READ] = VM_READ | VM_WRITE | VM_EXEC,
        [OP_WRITE] = VM_WRITE,
        [OP_EXEC] = VM_EXEC,
        [OP_POKE] = VM_WRITE,
        [OP_PEEK] = VM_READ,
        [OP_FILL] = VM_WRITE,
    };
    uint64_t stacks = chance(c, 56) ? VM_GROWSDOWN | VM_GROWSUP : 0;
    const struct vma *v = accessible(c, stacks ? stacks : needs[c->op->kind]);
    uint32_t page;

    if (!v)
        return;
    if (v->vm_flags & stacks) {
        beside_stack(c, v);
        return;
    }
    if (!(v->vm_flags & needs[c->op->kind]) && !make_do(c, v, needs[c->op->kind]))
        return;
    /* Half of the writes: the first page of its own is what anon_vmas are about. */
    for (int tries = chance(c, 128) ? 3 : 0; tries > 0 && v->anon_vma && writes(c->op); tries--) {
        const struct vma *other = pick_vma_with(c, VM_WRITE);

        v = other && !(other->vm_flags & (VM_GROWSDOWN | VM_GROWSUP)) ? other : v;
    }
    if (c->op->kind == OP_FILL)
        c->op->sel = (uint8_t)below(c, 3);
    page = pick_touched(c, v);
    set_address(c, 0, page + (chance(c, 3) ? 1 : 0));
    if (chance(c, 64))
        c->op->v[0].bytes = (int16_t)below(c, PAGE_SIZE);
}

/* Into what may not be written, and is private. */
void generate_force(struct gen *c)
{
    const struct vma *v = accessible(c, VM_MAYWRITE);

    for (int tries = 0; v && c->op->kind == OP_FORCE && tries < 4; tries++) {
        const struct vma *other;

        if (!(v->vm_flags & (VM_SHARED | VM_WRITE | VM_IO | VM_HUGETLB)))
            break;
        if (v->vm_flags & VM_WRITE && chance(c, 64))
            break;
        other = pick_vma(c);
        v = other ? other : v;
    }
    if (!v || c->op->kind != OP_FORCE)
        return;
    if (v->vm_flags & VM_SHARED && !(v->vm_flags & VM_WRITE) && !chance(c, 16)) {
        become(c, OP_READ);
        generate_access(c);
        return;
    }
    set_address(c, 0, pick_touched(c, v));
    if (chance(c, 96))
        c->op->flags = WORD(W_RACE_DONTNEED);
}

/* ---- devices ---- */
/* Number of a pin plus 1, 0: none. */
static uint8_t pick_pin(struct gen *c, bool used, bool write)
{
    uint32_t first = used ? below(c, MAX_PINS) : 0;

    for (uint32_t i = 0; i < MAX_PINS; i++) {
        const struct pin *pin = &c->w->pin[(first + i) % MAX_PINS];

        if (pin->used == used && (!write || pin->write))
            return (uint8_t)(1 + (first + i) % MAX_PINS);
    }
    return 0;
}

void generate_pin(struct gen *c)
{
    bool write = chance(c, 160);
    uint8_t slot = pick_pin(c, false, false);
    const struct vma *v;

    if (!slot) {
        become(c, OP_UNPIN);
        c->op->obj = pick_pin(c, true, false);
        return;
    }
    v = accessible(c, write ? VM_WRITE : VM_READ);
    if (!v || c->op->kind != OP_PIN)
        return;
    write &= v->vm_flags & VM_WRITE || chance(c, 16);
    c->op->def = chance(c, 4) ? (uint8_t)(1 + below(c, MAX_PINS)) : slot;
    c->op->sel = write ? W_PIN_WRITE : W_PIN_READ;
    set_address(c, 0, pick_touched(c, v));
}

/* unpin, device_read, device_write */
void generate_device(struct gen *c)
{
    c->op->obj = pick_pin(c, true, c->op->kind == OP_DEVICE_WRITE);
    if (c->op->obj)
        return;
    become(c, OP_PIN);
    generate_pin(c);
}

/* ---- reclaim, migrate, rmap ---- */
/* Memory whose pages can be swapped out: locked, they only say no. */
static const struct vma *pick_reclaimable(struct gen *c)
{
    const struct vma *v = NULL;
    uint32_t page;

    for (int tries = 0; tries < 6; tries++) {
        v = pick_vma(c);
        if (!v || (v->anon_vma && (!(v->vm_flags & VM_LOCKED) || chance(c, 16)) &&
                   page_with(c, v, PTE_PRESENT | PTE_SPECIAL, PTE_PRESENT, &page)))
            return v;
    }
    return v;
}

void generate_behind(struct gen *c)
{
    const struct vma *v = c->op->kind == OP_RECLAIM ? pick_reclaimable(c) : pick_page_vma(c, 0);

    if (!v) {
        work_on(c, 0);
        return;
    }
    if (c->op->kind == OP_RECLAIM && chance(c, 96))
        c->op->flags = WORD(W_RECLAIM_KEEP);
    if (c->op->kind == OP_RMAP)
        c->op->sel = (uint8_t)below(c, NR_RMAP_WORKS);
    set_range(c, pages_of(c, v));
}

/* ---- the file that a process was started from ---- */
/* Nobody writes to it; and mostly the one that the process has now is not mapped. */
static bool can_run_from(struct gen *c, const struct file *file)
{
    const struct mm *mm = c->w->proc[c->op->proc];
    const struct file *old = mm ? mm->exe_file : NULL;

    return file->mapping->kind == FILE_REGULAR && !(file->mode & FMODE_NOEXEC) &&
           (file->mapping->i_writecount <= 0 || !rules_from(c, RULES_LINUX_6_1)) &&
           (!old || !old->mapping->i_mmap.node || chance(c, 32));
}

void generate_exe(struct gen *c)
{
    uint8_t file = pick_file(c);

    for (int tries = 0; file && tries < 4; tries++, file = pick_file(c)) {
        if (can_run_from(c, c->w->fd[file - 1])) {
            c->op->obj = file;
            return;
        }
    }
    if (file && chance(c, 32)) {
        c->op->obj = file;
        return;
    }
    become(c, OP_OPEN);
    generate_open(c);
    if (c->op->kind == OP_OPEN && c->op->sel != FILE_HUGETLB) {
        c->op->sel = FILE_REGULAR;
        c->op->flags = FMODE_READ;
    }
}
