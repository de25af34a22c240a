/* SPDX-License-Identifier: GPL-2.0-only */
/* The generator's operations that place, move and remove mappings. */
#include "harness/generate.h"

#define MAP_TYPES (WORD(W_PRIVATE) | WORD(W_SHARED) | WORD(W_SHARED_VALIDATE))
enum { MMAP_ADDR, MMAP_LEN, MMAP_OFF };
enum { MREMAP_ADDR, MREMAP_LEN, MREMAP_NEWLEN, MREMAP_TO };

/* ---- mmap: where ---- */
static uint32_t pick_length(struct gen *c)
{
    uint32_t choice = below(c, 64);

    if (choice < 48)
        return 1 + below(c, 8);
    if (choice < 60)
        return 1 + below(c, 32);
    return 1 + below(c, choice < 63 ? c->g->window_pages : task_pages(c) / 4);
}

/*
 *   PPPP..........NNNN      at the low end of a hole, at its high end, all of it, somewhere in it,
 *       ^^^^  ^^^^          or over what is there
 */
static struct range place(struct gen *c, const struct vma *v)
{
    struct range hole, over = range_of(v);
    uint32_t choice = below(c, 16), length = pick_length(c);
    bool above = chance(c, 128);

    hole = above ? hole_above(c, v) : hole_below(c, v);
    if (choice < 3 || !pages_in(hole)) {
        uint32_t n = pages_in(over) > 32 ? 32 : pages_in(over);

        over.start +=
            chance(c, 64) && over.start > 2 ? (uint32_t) - (int32_t)below(c, 3) : below(c, n);
        return (struct range){over.start, over.start + length};
    }
    if (length > pages_in(hole) && !chance(c, 32))
        length = 1 + below(c, pages_in(hole));
    if (choice < 6 && pages_in(hole) <= 64)
        return hole;
    if (choice < 13) /* touching v: that is what merges */
        return above ? (struct range){hole.start, hole.start + length}
                     : (struct range){hole.end - length, hole.end};
    if (pages_in(hole) > 64 && above)
        hole.end = hole.start + 64;
    else if (pages_in(hole) > 64)
        hole.start = hole.end - 64;
    hole.start += below(c, pages_in(hole));
    return (struct range){hole.start, hole.start + length};
}

/* ---- mmap: what ---- */
/* As v is, so that it merges if it touches v: the same page offset from v in v's file. */
static bool like(struct gen *c, const struct vma *v, uint32_t at)
{
    struct op *op = c->op;
    int64_t off = (int64_t)v->vm_pgoff + ((int64_t)at - page_of(v->vm_start));
    bool shared = v->vm_flags & VM_MAYSHARE;

    op->prot = v->vm_flags & PROT_RWX;
    op->flags |= WORD(shared ? W_SHARED : W_PRIVATE);
    if (v->vm_flags & VM_NORESERVE)
        op->flags |= WORD(W_NORESERVE);
    if (v->vm_flags & VM_LOCKED && !(c->mm->def_flags & VM_LOCKED))
        op->flags |= WORD(W_LOCKED);
    op->obj = file_of(c, v);
    if (!op->obj || off < 0 || off > INT32_MAX) {
        op->obj = 0;
        op->flags |= WORD(W_ANON);
        if (v->vm_flags & VM_GROWSDOWN)
            op->flags |= WORD(W_GROWSDOWN);
        if (v->vm_flags & VM_GROWSUP)
            op->flags |= WORD(W_GROWSUP);
        return !v->vm_file;
    }
    op->v[MMAP_OFF].pages = (int32_t)off;
    return true;
}

static bool file_flavour(enum flavour flavour)
{
    return flavour == FLAVOUR_FILE_PRIVATE || flavour == FLAVOUR_FILE_SHARED;
}

/* What the file's mode allows, mostly. */
static uint8_t allowed_prot(struct gen *c, const struct file *file, uint8_t prot, bool shared)
{
    if (chance(c, 16))
        return prot;
    if (shared && (!(file->mode & FMODE_WRITE) || file->mode & FMODE_APPEND))
        prot &= (uint8_t)~PROT_WRITE;
    if (file->mode & FMODE_NOEXEC)
        prot &= (uint8_t)~PROT_EXEC;
    return prot;
}

static void of_file(struct gen *c, bool shared)
{
    struct op *op = c->op;
    const struct file *file = c->w->fd[op->obj - 1];

    op->flags |= WORD(!shared ? W_PRIVATE : chance(c, 16) ? W_SHARED_VALIDATE : W_SHARED);
    op->prot = allowed_prot(c, file, op->prot, shared);
    if (chance(c, 128))
        set_pages(op, MMAP_OFF, below(c, 16));
    if (chance(c, 4)) /* where offsets end */
        op->v[MMAP_OFF] =
            (struct value){ANCHOR_TOP, 0, 0, -op->v[MMAP_LEN].pages - (int32_t)below(c, 4) + 1};
}

static void of_flavour(struct gen *c, enum flavour flavour)
{
    struct op *op = c->op;

    op->prot = pick_prot(c);
    op->obj = file_flavour(flavour) ? pick_file(c) : 0;
    if (op->obj) {
        of_file(c, flavour == FLAVOUR_FILE_SHARED);
        return;
    }
    op->flags |= WORD(W_ANON) | WORD(flavour == FLAVOUR_ANON_SHARED ? W_SHARED : W_PRIVATE);
    if (flavour == FLAVOUR_GROWSDOWN)
        op->flags |= WORD(W_GROWSDOWN);
    if (flavour == FLAVOUR_GROWSUP)
        op->flags |= WORD(W_GROWSUP);
    if (flavour == FLAVOUR_NORESERVE)
        op->flags |= WORD(W_NORESERVE);
    if (flavour == FLAVOUR_LOCKED)
        op->flags |= WORD(W_LOCKED);
    if (chance(c, 6))
        op->flags ^= WORD(below(c, W_POPULATE + 1));
    if (chance(c, 16) && op->v[MMAP_LEN].pages <= 32)
        op->flags |= WORD(W_POPULATE);
}

/* Huge pages come in units of 512: address, length and offset. */
static void of_huge_pages(struct gen *c)
{
    struct op *op = c->op;
    const int32_t mask = ~((int32_t)HPAGE_PAGES - 1);

    if (!op->obj || c->w->fd[op->obj - 1]->mapping->kind != FILE_HUGETLB || chance(c, 16))
        return;
    for (int slot = MMAP_ADDR; slot <= MMAP_OFF; slot++)
        if (op->v[slot].anchor == ANCHOR_ZERO)
            op->v[slot].pages &= mask;
    if (op->v[MMAP_ADDR].anchor != ANCHOR_ZERO)
        op->v[MMAP_ADDR] = (struct value){.pages = 0};
    op->v[MMAP_LEN].pages += (int32_t)HPAGE_PAGES * (1 + (int32_t)below(c, 2));
    if (!op->v[MMAP_ADDR].pages)
        op->flags &= ~(WORD(W_FIXED) | WORD(W_NOREPLACE));
}

/* Free to choose, or beside something, fixed or as a hint. */
void generate_mmap(struct gen *c)
{
    struct op *op = c->op;
    const struct vma *v = pick_vma(c);
    enum flavour flavour = (enum flavour)c->g->flag_habit[below(c, 3)];
    uint32_t how = below(c, 16), page = pick_page(c);
    struct range r = {page, page + pick_length(c)};

    if (chance(c, 96))
        flavour = FLAVOUR_ANON;
    if (file_flavour(flavour) && !pick_file(c)) {
        become(c, OP_OPEN);
        generate_open(c);
        return;
    }
    if (v && how >= 4 && !chance(c, 16))
        r = place(c, v);
    set_pages(op, MMAP_LEN, pages_in(r));
    if (!v || chance(c, 112) || !like(c, v, r.start)) {
        op->flags = 0;
        of_flavour(c, flavour);
    }
    op->def = new_name(c);
    if (how >= 4) /* the rest leaves the address to the search */
        set_address(c, MMAP_ADDR, r.start);
    if (how >= 14 && rules_from(c, RULES_LINUX_5_10))
        op->flags |= WORD(W_NOREPLACE);
    else if (how >= 7)
        op->flags |= WORD(W_FIXED);
    of_huge_pages(c);
}

void generate_special(struct gen *c)
{
    if (chance(c, 128))
        set_address(c, 0, pick_page(c));
    set_pages(c->op, 1, 1 + below(c, 3));
    c->op->def = new_name(c);
}

/* ---- munmap ---- */
void generate_munmap(struct gen *c)
{
    const struct vma *v = pick_vma(c);

    if (!v && !chance(c, 16)) {
        become(c, OP_MMAP);
        generate_mmap(c);
        return;
    }
    if (v) {
        set_range(c, pick_range(c, v, false));
    } else {
        uint32_t page = pick_page(c);

        set_range(c, (struct range){page, page + 4});
    }
}

/* ---- mremap ---- */
enum move {
    MOVE_SHRINK,
    MOVE_GROW,
    MOVE_MAY_MOVE,
    MOVE_SAME,
    MOVE_FIXED,
    MOVE_RESIZE_FIXED,
    MOVE_DONTUNMAP,
    MOVE_DUPLICATE
};

static enum move pick_move(struct gen *c, const struct vma *v)
{
    static const uint8_t moves[16] = {
        MOVE_SHRINK,       MOVE_SHRINK,       MOVE_GROW,      MOVE_GROW,
        MOVE_GROW,         MOVE_MAY_MOVE,     MOVE_MAY_MOVE,  MOVE_SAME,
        MOVE_FIXED,        MOVE_FIXED,        MOVE_FIXED,     MOVE_FIXED,
        MOVE_RESIZE_FIXED, MOVE_RESIZE_FIXED, MOVE_DONTUNMAP, MOVE_DUPLICATE,
    };
    enum move move = (enum move)moves[below(c, 16)];
    bool dontunmap =
        rules_from(c, RULES_LINUX_6_1) || (rules_from(c, RULES_LINUX_5_10) && private_anon(v));

    if (chance(c, 8))
        return move;
    if (move == MOVE_DUPLICATE && !(v->vm_flags & VM_MAYSHARE))
        move = MOVE_FIXED;
    if (move == MOVE_DONTUNMAP && !dontunmap)
        move = MOVE_FIXED;
    if ((move == MOVE_GROW || move == MOVE_MAY_MOVE) &&
        v->vm_flags & (VM_DONTEXPAND | VM_PFNMAP | VM_HUGETLB))
        move = MOVE_SHRINK;
    return move;
}

/* Beside another mapping, often at the place where it would join it. Not over where it comes from:
 * that is refused. */
static uint32_t pick_target(struct gen *c, struct range from, uint32_t length)
{
    const struct vma *v = pick_vma(c);
    struct range hole = chance(c, 128) ? hole_above(c, v) : hole_below(c, v);
    uint32_t to = hole.start;

    if (chance(c, 96))
        to = pick_page(c);
    else if (hole.end == page_of(v->vm_start))
        to = hole.end > length ? hole.end - length : hole.end;
    if (chance(c, 8))
        return to;
    if (to < from.end && from.start < to + length)
        to = from.end + below(c, 4);
    return to + length <= task_pages(c) ? to : from.start > length ? from.start - length : to;
}

/* The tail of v, up to its end: the only part that grows where it is. */
static struct range growing_part(struct gen *c, const struct vma *v)
{
    struct range r = range_of(v);

    if (pages_in(r) > 1 && chance(c, 96))
        r.start = r.end - 1 - below(c, pages_in(r) > 16 ? 16 : pages_in(r) - 1);
    return r;
}

/* How far it grows: into the hole above, to its end, or too far. */
static uint32_t growth(struct gen *c, const struct vma *v)
{
    uint32_t room = pages_in(hole_above(c, v));

    if (!room || chance(c, 16))
        return 1 + below(c, 8);
    if (room <= 64 && chance(c, 64))
        return room;
    return 1 + below(c, room < 8 ? room : 8);
}

static void fixed_target(struct gen *c, struct range from, uint32_t length)
{
    c->op->flags = WORD(W_MAYMOVE) | WORD(W_MREMAP_FIXED);
    set_address(c, MREMAP_TO, pick_target(c, from, length));
}

static uint32_t resize(struct gen *c, const struct vma *v, enum move move, struct range *r)
{
    uint32_t length;

    switch (move) {
    case MOVE_SHRINK:
        if (pages_in(*r) == 1)
            *r = several(c, v, false);
        return 1 + below(c, pages_in(*r));
    case MOVE_GROW:
    case MOVE_MAY_MOVE:
        *r = growing_part(c, v);
        length = pages_in(*r) + growth(c, v);
        if (move == MOVE_MAY_MOVE || !pages_in(hole_above(c, v)))
            c->op->flags = WORD(W_MAYMOVE);
        return length;
    case MOVE_RESIZE_FIXED:
        length = chance(c, 128) ? 1 + below(c, pages_in(*r)) : pages_in(*r) + below(c, 6);
        if (v->vm_flags & (VM_DONTEXPAND | VM_PFNMAP))
            length = 1 + below(c, pages_in(*r));
        fixed_target(c, *r, length);
        return length;
    case MOVE_FIXED:
        fixed_target(c, *r, pages_in(*r));
        return pages_in(*r);
    case MOVE_DONTUNMAP:
        if (chance(c, 128))
            fixed_target(c, *r, pages_in(*r));
        c->op->flags |= WORD(W_MAYMOVE) | WORD(W_DONTUNMAP);
        return pages_in(*r);
    default:
        return pages_in(*r);
    }
}

void generate_mremap(struct gen *c)
{
    const struct vma *v = pick_vma(c);
    struct op *op = c->op;
    struct range r;
    enum move move;
    uint32_t length;

    if (!v) {
        become(c, OP_MMAP);
        generate_mmap(c);
        return;
    }
    move = pick_move(c, v);
    r = pick_range(c, v, !chance(c, 16));
    if (r.end > page_of(v->vm_end) && !(rules_from(c, RULES_LINUX_6_18) && move == MOVE_FIXED))
        r = range_of(v); /* more than one can be moved at a time since 6.17 only */
    if (r.start < page_of(v->vm_start))
        r.start = page_of(v->vm_start);
    length = resize(c, v, move, &r);
    set_range(c, r);
    set_pages(op, MREMAP_NEWLEN, length);
    if (move == MOVE_DUPLICATE) {
        set_pages(op, MREMAP_LEN, 0);
        op->flags = WORD(W_MAYMOVE);
        if (chance(c, 128))
            fixed_target(c, r, length);
    }
    if (chance(c, 2))
        op->flags ^= WORD(below(c, W_MREMAP_INVALID + 1));
    op->def = new_name(c);
}

/* ---- brk ---- */
void generate_brk(struct gen *c)
{
    uint32_t heap = page_of(c->mm->brk - c->mm->start_brk), choice = below(c, 16);
    struct value *v = &c->op->v[0];

    v->anchor = ANCHOR_BRK;
    if (choice < 9)
        v->pages = (int32_t)(heap + 1 + below(c, 8));
    else if (choice < 15)
        v->pages = (int32_t)below(c, heap + 1);
    else
        v->pages = -(int32_t)below(c, 3);
    if (chance(c, 32))
        v->bytes = (int16_t)below(c, PAGE_SIZE);
}

/* ---- remap_file_pages ---- */
/* A window in a shared mapping, perhaps over pieces of it that differ in place in the file only. */
void generate_remap_file_pages(struct gen *c)
{
    const struct vma *v = pick_vma_with(c, VM_SHARED), *next;
    struct range r;

    if (!v || (!(v->vm_flags & VM_SHARED) && !chance(c, 32))) {
        become(c, OP_MMAP);
        c->g->flag_habit[2] = chance(c, 64) ? FLAVOUR_ANON_SHARED : FLAVOUR_FILE_SHARED;
        generate_mmap(c);
        return;
    }
    next = v->vm_next;
    r = chance(c, 128) ? range_of(v) : pick_range(c, v, true);
    if (r.start < page_of(v->vm_start))
        r.start = page_of(v->vm_start);
    if (r.end > page_of(v->vm_end) && !(next && next->vm_file == v->vm_file))
        r.end = page_of(v->vm_end);
    if (next && next->vm_file == v->vm_file && next->vm_start == v->vm_end && chance(c, 128))
        r.end = page_of(next->vm_end);
    set_range(c, r);
    set_pages(c->op, 2, below(c, 24));
}
