/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Plans about pages. What goes wrong with a page goes wrong in the third or fourth thing that is
 * done to it: it is shared by fork, goes to swap, is read back by one, written by the other, held
 * by a device all the while. Each plan is one such story, with steps left out now and then.
 */
#include "harness/generate.h"

#define RW (PROT_READ | PROT_WRITE)

/* ---- parts of stories ---- */
/* A stretch with the border of two page tables inside, if there is one. */
static uint32_t at_border(struct gen *c, uint32_t pages)
{
    uint32_t tables = task_pages(c) / PTRS_PER_TABLE, border;

    if (tables < 2 || pages < 2)
        return stretch(c, pages);
    border = PTRS_PER_TABLE * (1 + below(c, tables - 1));
    return border - 1 - below(c, pages - 1);
}

/* Private anonymous memory with contents in its first page and most of the others. */
static struct range step_memory(struct gen *c, uint32_t pages)
{
    uint32_t at = chance(c, 48) ? at_border(c, pages) : stretch(c, pages);

    step_map(c, at, pages, RW);
    for (uint32_t i = 0; i < pages; i++)
        if (!i || chance(c, 208))
            step_at(c, OP_WRITE, at + i, 0);
    return (struct range){at, at + pages};
}

static bool may_fork(struct gen *c)
{
    return c->g->max_procs > 1 && free_proc(c) != NOBODY;
}

uint8_t step_fork(struct gen *c)
{
    uint8_t child = may_fork(c) ? free_proc(c) : NOBODY;

    if (child != NOBODY)
        plan_step(c, OP_FORK)->def = (uint8_t)(1 + child);
    return child;
}

struct op *step_advise(struct gen *c, struct range r, uint8_t advice)
{
    struct op *op = step_at(c, OP_MADVISE, r.start, pages_in(r));

    op->sel = advice;
    return op;
}

void step_reclaim(struct gen *c, struct range r)
{
    struct op *op = step_at(c, OP_RECLAIM, r.start, pages_in(r));

    op->flags = chance(c, 80) ? WORD(W_RECLAIM_KEEP) : 0;
}

static void step_read_all(struct gen *c, struct range r)
{
    for (uint32_t page = r.start; page < r.end && c->g->plan_nr < MAX_PLAN; page++)
        step_at(c, OP_READ, page, 0);
}

uint8_t step_pin(struct gen *c, uint32_t page, uint8_t mode)
{
    uint8_t slot = 1;
    struct op *op;

    if (!rules_from(c, RULES_LINUX_5_10))
        return 0;
    while (slot < MAX_PINS && c->w->pin[slot - 1].used)
        slot++;
    if (c->w->pin[slot - 1].used)
        plan_step(c, OP_UNPIN)->obj = slot;
    op = step_at(c, OP_PIN, page, 0);
    op->sel = mode;
    op->def = slot;
    return slot;
}

void step_device(struct gen *c, enum op_kind kind, uint8_t pin)
{
    if (pin)
        plan_step(c, kind)->obj = pin;
}

/* obj of a file that can be mapped in all ways, mostly. */
static uint8_t step_file(struct gen *c)
{
    return step_open(c, chance(c, 192) ? FILE_REGULAR : FILE_SHMEM, FMODE_READ | FMODE_WRITE);
}

static void step_map_file(struct gen *c, struct range r, uint8_t prot, uint8_t file, bool shared,
                          uint32_t off)
{
    struct op *op = step_map(c, r.start, pages_in(r), prot);

    op->flags = WORD(shared ? W_SHARED : W_PRIVATE) | WORD(W_FIXED);
    op->obj = file;
    set_pages(op, THIRD, off);
}

static uint32_t page_in(struct gen *c, struct range r)
{
    return r.start + below(c, pages_in(r));
}

/* One of the things that leave contents as they are, or change them in a way that all can see. */
static void step_work(struct gen *c, struct range r)
{
    uint32_t choice = below(c, 20);

    if (choice < 6)
        step_at(c, OP_WRITE, page_in(c, r), 0);
    else if (choice < 9)
        step_at(c, OP_READ, page_in(c, r), 0);
    else if (choice < 13)
        step_reclaim(c, r);
    else if (choice < 15)
        step_at(c, OP_RMAP, r.start, pages_in(r))->sel = choice == 13 ? W_MKCLEAN : W_REFERENCED;
    else if (choice < 17)
        step_at(c, OP_MPROTECT, r.start, pages_in(r))->prot = choice == 15 ? PROT_READ : RW;
    else if (choice < 18)
        step_at(c, OP_MIGRATE, r.start, pages_in(r));
    else if (choice < 19)
        plan_step(c, OP_SWAPOFF);
    else
        step_advise(c, r, chance(c, 128) && rules_from(c, RULES_LINUX_5_10) ? W_FREE : W_DONTNEED);
}

/* What parent and child share now: it is written, swapped out, read back by either. */
void plan_after_fork(struct gen *c, uint8_t child)
{
    uint8_t parent = c->proc;
    const struct vma *v = pick_page_vma(c, 0);
    struct range r;
    uint32_t page;

    if (!v || !page_with(c, v, 0, 0, &page))
        return;
    r = (struct range){page, page + 1 + (page + 1 < page_of(v->vm_end) && chance(c, 128))};
    for (uint32_t n = 2 + below(c, 5); n; n--) {
        c->proc = chance(c, 128) ? parent : child;
        step_work(c, r);
    }
    c->proc = parent;
    step_read_all(c, r);
    c->proc = child;
    step_read_all(c, r);
}

/* ---- swap ---- */
/* Contents go out and come back, changed or not, while protection changes and frames do. */
void plan_swap_cycle(struct gen *c)
{
    struct range r = step_memory(c, 1 + below(c, 3));
    uint8_t proc[2] = {c->proc, chance(c, 128) ? step_fork(c) : NOBODY};
    bool two = proc[1] != NOBODY;

    for (uint32_t n = 6 + below(c, 10); n; n--) {
        c->proc = proc[two && chance(c, 96)];
        step_work(c, r);
    }
    for (unsigned i = 0; i <= two; i++) {
        c->proc = proc[i];
        step_read_all(c, r);
    }
}

/* Back in memory, with the copy on swap still good: until it is written, or a device holds it. */
void plan_back_from_swap(struct gen *c)
{
    struct range r = step_memory(c, 1 + below(c, 3));
    uint32_t page = page_in(c, r);
    uint8_t pin = 0;

    if (chance(c, 48))
        step_fork(c);
    step_reclaim(c, r);
    if (chance(c, 96)) {
        step_at(c, OP_MPROTECT, r.start, pages_in(r))->prot = PROT_READ;
        step_at(c, OP_MPROTECT, r.start, pages_in(r))->prot = RW;
    }
    step_at(c, chance(c, 224) ? OP_READ : OP_WRITE, page, 0);
    if (chance(c, 96))
        pin = step_pin(c, page, chance(c, 192) ? W_PIN_WRITE : W_PIN_READ);
    if (chance(c, 64))
        step_at(c, OP_MIGRATE, r.start, pages_in(r));
    if (chance(c, 192))
        step_at(c, OP_WRITE, page, 0);
    if (chance(c, 64))
        step_work(c, r);
    step_reclaim(c, r);
    step_device(c, OP_UNPIN, pin);
    step_read_all(c, r);
}

/* Who reads a page back first is not the one who had it first, and goes away before that one. */
void plan_read_by_child(struct gen *c)
{
    uint8_t parent = c->proc, child;
    struct range r;

    if (!may_fork(c))
        return;
    r = step_memory(c, 1 + below(c, 2));
    if (chance(c, 64))
        step_reclaim(c, r);
    child = step_fork(c);
    if (chance(c, 208))
        step_reclaim(c, r);
    c->proc = child;
    step_at(c, chance(c, 208) ? OP_READ : OP_WRITE, r.start, 0);
    c->proc = parent;
    if (chance(c, 208))
        step_at(c, chance(c, 208) ? OP_READ : OP_WRITE, r.start, 0);
    c->proc = chance(c, 208) ? child : parent;
    if (chance(c, 208))
        plan_step(c, OP_EXIT);
    c->proc = c->proc == child ? parent : child;
    step_at(c, chance(c, 128) ? OP_RMAP : OP_MIGRATE, r.start, pages_in(r));
    step_reclaim(c, r);
    step_read_all(c, r);
}

/* Reclaim that is refused after it has begun: a device, or a lock in another process, holds on. */
void plan_refused(struct gen *c)
{
    struct range r = step_memory(c, 1 + below(c, 2));
    uint8_t parent = c->proc, pin = 0, child = chance(c, 112) ? step_fork(c) : NOBODY;

    if (chance(c, 128)) {
        step_at(c, OP_RECLAIM, r.start, pages_in(r))->flags = WORD(W_RECLAIM_KEEP);
        step_at(c, chance(c, 128) ? OP_READ : OP_WRITE, r.start, 0);
    }
    c->proc = child != NOBODY && chance(c, 128) ? child : parent;
    if (chance(c, 160))
        pin = step_pin(c, r.start, chance(c, 192) ? W_PIN_WRITE : W_PIN_READ);
    if (!pin || chance(c, 48))
        step_at(c, OP_MLOCK2, r.start, 1)->flags = WORD(W_ONFAULT);
    c->proc = parent;
    step_reclaim(c, r);
    if (chance(c, 96))
        step_at(c, OP_MIGRATE, r.start, pages_in(r));
    step_device(c, chance(c, 128) ? OP_DEVICE_READ : OP_DEVICE_WRITE, pin);
    if (chance(c, 64))
        step_at(c, OP_MUNMAP, r.start, pages_in(r));
    if (chance(c, 160))
        step_device(c, OP_UNPIN, pin);
    step_reclaim(c, r);
    step_read_all(c, r);
}

/* ---- devices ---- */
/* Who took the pin lets go of the page; the other one writes it. */
void plan_pin_left(struct gen *c)
{
    uint8_t parent = c->proc, child, pin;
    struct range r;

    if (!may_fork(c) || !rules_from(c, RULES_LINUX_5_10))
        return;
    r = step_memory(c, 1);
    child = step_fork(c);
    c->proc = chance(c, 176) ? child : parent;
    pin = step_pin(c, r.start, chance(c, 192) ? W_PIN_READ : W_PIN_WRITE);
    if (chance(c, 192))
        step_at(c, OP_MUNMAP, r.start, 1);
    else if (chance(c, 128))
        step_advise(c, r, W_DONTNEED);
    else
        plan_step(c, OP_EXIT);
    c->proc = c->proc == child ? parent : child;
    step_at(c, OP_WRITE, r.start, 0);
    step_device(c, OP_DEVICE_READ, pin);
    step_device(c, chance(c, 128) ? OP_DEVICE_WRITE : OP_UNPIN, pin);
    step_read_all(c, r);
}

/* A process forks while a device works on its memory. */
void plan_fork_pinned(struct gen *c)
{
    uint8_t parent = c->proc, child, pin;
    struct range r;

    if (!may_fork(c) || !rules_from(c, RULES_LINUX_5_10))
        return;
    r = step_memory(c, 1 + below(c, 2));
    pin = step_pin(c, r.start, chance(c, 208) ? W_PIN_WRITE : W_PIN_READ);
    if (chance(c, 48))
        step_reclaim(c, r);
    child = step_fork(c);
    for (uint32_t i = 0; i < 2; i++) {
        c->proc = (i == 0) == chance(c, 208) ? parent : child;
        if (chance(c, 208))
            step_at(c, OP_WRITE, r.start, 0);
    }
    step_device(c, OP_DEVICE_WRITE, pin);
    c->proc = parent;
    step_read_all(c, r);
    step_device(c, chance(c, 128) ? OP_DEVICE_READ : OP_UNPIN, pin);
    c->proc = child;
    step_read_all(c, r);
}

/* ---- lazily freed ---- */
/* A child that does not get the page at `without`, which is its parent's alone therefore, beside
 * others that they share; page 0: it gets all. */
static uint8_t step_fork_without(struct gen *c, struct range r, uint32_t without)
{
    uint8_t child;

    if (!may_fork(c))
        return NOBODY;
    if (without)
        step_advise(c, (struct range){without, without + 1}, W_DONTFORK);
    child = step_fork(c);
    if (without)
        step_advise(c, r, W_DOFORK);
    return child;
}

/* Freed, and then perhaps used after all, or held by a device, or shared; then it must stay. */
void plan_lazyfree(struct gen *c)
{
    struct range r = step_memory(c, 2 + below(c, 2));
    uint32_t without = chance(c, 144) ? r.start + below(c, 2) : 0;
    uint8_t child = NOBODY, pin = 0;
    bool early = chance(c, 128);

    if (early && chance(c, 160)) { /* a page that is pinned to be written is dirty again */
        uint8_t mode = chance(c, 208) ? W_PIN_WRITE : W_PIN_READ;

        pin = step_pin(c, r.start + below(c, 2), mode);
    }
    if (!early && chance(c, 160))
        child = step_fork_without(c, r, without);
    step_advise(c, r, rules_from(c, RULES_LINUX_5_10) ? W_FREE : W_DONTNEED);
    for (uint32_t page = r.start; page < r.end; page++)
        if (chance(c, 112))
            step_at(c, OP_WRITE, page, 0);
    if (early && chance(c, 160))
        child = step_fork_without(c, r, without);
    if (!pin && chance(c, 96))
        pin = step_pin(c, r.start, chance(c, 128) ? W_PIN_WRITE : W_PIN_READ);
    step_reclaim(c, r);
    step_device(c, OP_DEVICE_WRITE, pin);
    if (chance(c, 128))
        step_device(c, OP_UNPIN, pin);
    if (chance(c, 64))
        step_reclaim(c, r);
    step_read_all(c, r);
    c->proc = child == NOBODY ? c->proc : child;
    step_read_all(c, r);
}

/* ---- files ---- */
/* A debugger writes into memory that shows a file, which must not change. */
void plan_forced(struct gen *c)
{
    uint32_t n = 1 + below(c, 2), at = stretch(c, 2 * n);
    struct range ours = {at, at + n}, all = {at + n, at + 2 * n};
    uint8_t file = step_file(c);
    struct op *op;

    if (!file)
        return;
    step_map_file(c, all, RW, file, true, 0);
    if (chance(c, 192))
        step_at(c, OP_WRITE, all.start, 0);
    step_map_file(c, ours, chance(c, 192) ? PROT_READ : PROT_NONE, file, false, 0);
    if (chance(c, 96))
        step_at(c, OP_READ, ours.start, 0);
    op = step_at(c, OP_FORCE, ours.start, 0);
    op->flags = chance(c, 160) ? WORD(W_RACE_DONTNEED) : 0;
    if (chance(c, 96))
        step_reclaim(c, ours);
    if (chance(c, 64))
        step_at(c, OP_FORCE, ours.start, 0);
    step_read_all(c, all);
    step_read_all(c, ours);
}

/* One object, seen shared and private, from several places and processes. */
void plan_one_object(struct gen *c)
{
    uint32_t n = 2 + below(c, 2), at = stretch(c, 2 * n);
    struct range first = {at, at + n}, second = {at + n, at + 2 * n};
    uint8_t parent = c->proc, child, file = step_file(c);
    bool shared;

    if (!file)
        return;
    step_map_file(c, first, RW, file, true, 0);
    shared = chance(c, 96);
    step_map_file(c, second, RW, file, shared, below(c, 2));
    child = chance(c, 96) ? step_fork(c) : NOBODY;
    for (uint32_t i = 0; i < 8; i++) {
        struct range r = chance(c, 128) ? first : second;
        uint32_t choice = below(c, 8);

        c->proc = child != NOBODY && chance(c, 96) ? child : parent;
        if (choice < 4)
            step_at(c, OP_WRITE, page_in(c, r), 0);
        else if (choice < 6)
            step_at(c, OP_READ, page_in(c, r), 0);
        else if (choice < 7)
            step_advise(c, chance(c, 160) ? first : second, W_REMOVE);
        else
            step_work(c, r);
    }
    step_read_all(c, (struct range){first.start, second.end});
}

/* Pages that two have locked, in one process or two: one of them lets go, and then the other. Where
 * there is a lock, the first look of a page may come before it or after. */
void plan_locked_twice(struct gen *c)
{
    uint32_t n = 1 + below(c, 2), at = stretch(c, 2 * n), one = below(c, 2);
    struct range r[2] = {{at, at + n}, {at + n, at + 2 * n}};
    uint8_t proc[2] = {c->proc, c->proc}, file = chance(c, 128) ? step_file(c) : 0;

    if (!file && !may_fork(c))
        return;
    if (file) {
        step_map_file(c, r[0], RW, file, true, 0);
        step_map_file(c, r[1], RW, file, chance(c, 192), 0);
    } else {
        r[0] = r[1] = step_memory(c, n);
    }
    if (!file || chance(c, 64))
        proc[1] = step_fork(c);
    for (unsigned i = 0; i < 2; i++) {
        c->proc = proc[i] == NOBODY ? proc[0] : proc[i];
        if (chance(c, 160))
            step_read_all(c, r[i]);
        if (chance(c, 224))
            step_at(c, OP_MLOCK2, r[i].start, n)->flags = chance(c, 192) ? WORD(W_ONFAULT) : 0;
    }
    for (unsigned i = 0; i < 2; i++, one ^= 1) {
        uint32_t choice = below(c, 6);

        c->proc = proc[one] == NOBODY ? proc[0] : proc[one];
        if (chance(c, 48))
            step_work(c, r[one]);
        if (choice < 3)
            step_at(c, OP_MUNLOCK, r[one].start, n);
        else if (choice < 5)
            step_at(c, choice == 3 ? OP_MUNMAP : OP_WRITE, r[one].start, n);
        else
            step_move(c, r[one], r[one].start ^ (4 * n))->flags |=
                rules_from(c, RULES_LINUX_5_10) ? WORD(W_DONTUNMAP) : 0;
        step_reclaim(c, r[one]);
    }
}

/* ---- page tables ---- */
/* Over the border of two tables and to another such place, or to where both are in one. */
void plan_two_tables(struct gen *c)
{
    uint32_t n = 2 + below(c, 4), from = at_border(c, n),
             to = chance(c, 128) ? at_border(c, n) : stretch(c, n);
    bool keep = rules_from(c, RULES_LINUX_5_10) && chance(c, 48);
    struct op *op;

    if (to < from + n && from < to + n)
        to = from >= 2 * n ? from - 2 * n : from + 2 * n;
    step_map(c, from, n, RW);
    for (uint32_t i = 0; i < n; i++)
        if (chance(c, 192))
            step_at(c, OP_WRITE, from + i, 0);
    if (chance(c, 64))
        step_reclaim(c, (struct range){from + below(c, n), from + n});
    op = step_move(c, (struct range){from, from + n}, to);
    op->flags |= keep ? WORD(W_DONTUNMAP) : 0;
    if (chance(c, c->g->fail_rate ? 128 : 64))
        op->fail = (uint16_t)(2 + below(c, 5)); /* a table for the second half, at best */
    step_at(c, OP_WRITE, to + below(c, n), 0);
    if (chance(c, 128)) {
        step_reclaim(c, (struct range){to, to + n});
        step_read_all(c, (struct range){to, to + n});
    }
    if (chance(c, 96))
        step_map(c, from, 1, RW);
    to += below(c, n);
    step_at(c, OP_MUNMAP, to, 1 + below(c, n));
    if (chance(c, 96))
        step_read_all(c, (struct range){to, to + n});
}

/* ---- processes ---- */
/* A process that has nothing mapped is one of those that swapoff looks at. */
void plan_nobody(struct gen *c)
{
    struct range r = {0, 0};

    if (chance(c, 192))
        r = step_memory(c, 1 + below(c, 2));
    if (pages_in(r))
        step_reclaim(c, r);
    c->proc = may_fork(c) ? step_fork(c) : c->proc;
    if (c->g->max_procs == 1 && !chance(c, 64))
        return;
    step_at(c, OP_MUNMAP, 0, task_pages(c));
    if (chance(c, 64))
        step_fork(c);
    plan_step(c, OP_SWAPOFF);
    if (chance(c, 128))
        plan_step(c, OP_EXIT);
}

/* Memory runs out halfway through a fork, and then who walks over all processes? */
void plan_fork_fails(struct gen *c)
{
    uint32_t at = stretch(c, 6);
    uint8_t parent = c->proc, child = free_proc(c);
    enum op_kind last;

    if (!may_fork(c))
        return;
    step_map(c, at, 6, RW);
    for (uint32_t i = 0; i < 6; i++)
        if (chance(c, 128))
            step_at(c, OP_WRITE, at + i, 0);
    step_at(c, OP_MPROTECT, at + 2, 2)->prot = PROT_READ;
    if (chance(c, 160))
        step_reclaim(c, (struct range){at + below(c, 3), at + 5});
    for (uint32_t i = 0; i < 1 + below(c, 2); i++) {
        struct op *op = plan_step(c, OP_FORK);

        op->def = (uint8_t)(1 + child);
        op->fail = (uint16_t)(1 + below(c, 24));
    }
    if (chance(c, 128))
        plan_step(c, OP_SWAPOFF);
    if (chance(c, 96))
        plan_step(c, OP_FORK)->def = (uint8_t)(1 + child);
    c->proc = child;
    last = chance(c, 128) ? OP_READ : OP_WRITE;
    step_at(c, last, at + below(c, 6), 0);
    c->proc = parent;
    step_read_all(c, (struct range){at, at + 6});
}

static void step_reopen(struct gen *c, uint8_t file)
{
    uint8_t slot = free_file(c);
    struct op *op;

    if (!slot)
        return;
    op = plan_step(c, OP_REOPEN);
    op->def = slot;
    op->obj = file;
    op->flags = chance(c, 128) ? FMODE_WRITE : FMODE_READ | FMODE_WRITE;
}

/* The file that a process was started from, which nobody else has open any more, or to which
 * somebody wants to write. */
void plan_exe(struct gen *c)
{
    const uint32_t at = stretch(c, 1),
                   mode = chance(c, 224) ? FMODE_READ : FMODE_READ | FMODE_WRITE;
    uint8_t file, child = free_proc(c);

    if (!c->w->config.privileged || child == NOBODY || c->g->max_procs == 1)
        return;
    file = step_open(c, chance(c, 240) ? FILE_REGULAR : FILE_SHMEM, mode);
    if (!file)
        return;
    plan_step(c, OP_EXE)->obj = file;
    if (chance(c, 32)) {
        step_map_file(c, (struct range){at, at + 1}, PROT_READ, file, false, 0);
        plan_step(c, OP_EXE)->obj = file;
        step_at(c, OP_MUNMAP, at, 1);
    }
    if (chance(c, 128))
        step_reopen(c, file);
    if (chance(c, 160))
        plan_step(c, OP_CLOSE)->obj = file;
    for (uint32_t i = 0; i < 3; i++) {
        struct op *op = plan_step(c, OP_FORK);

        op->def = (uint8_t)(1 + child);
        op->fail = (uint16_t)(chance(c, 192) ? 1 + below(c, 4) : 0);
    }
    if (chance(c, 96))
        plan_step(c, OP_EXIT);
    if (chance(c, 64))
        step_reopen(c, file);
}

/* ---- policies and charges, which pages once hid behind ---- */
static void step_bind(struct gen *c, uint32_t start, uint32_t pages, uint32_t nodes)
{
    struct op *op = step_at(c, OP_MBIND, start, pages);

    op->sel = MPOL_BIND;
    op->flags = nodes;
}

/*   AABBBB    the walk over the B's begins with one that becomes a part of the A's */
void plan_mbind_walk(struct gen *c)
{
    uint32_t n = 1 + below(c, 2), at = stretch(c, 3 * n);
    uint32_t nodes = 2 + below(c, 13);

    step_map(c, at, 3 * n, chance(c, 192) ? RW : PROT_READ);
    for (uint32_t i = 0; i < 3; i++)
        step_bind(c, at + i * n, n, i == 0 ? nodes : chance(c, 128) ? nodes ^ 1u : 15);
    if (chance(c, 128))
        step_at(c, OP_WRITE, at + n, 0);
    step_bind(c, at + n, (1 + below(c, 2)) * n, nodes);
}

/*   AAAAxx    a page of the A's is copied onto another one and stays; x is charged for nothing */
void plan_dontunmap_charge(struct gen *c)
{
    uint32_t at = stretch(c, 6), from = 1 + below(c, 2);
    struct op *op;

    if (!rules_from(c, RULES_LINUX_5_10))
        return;
    step_map(c, at, 4, RW);
    op = step_map(c, at + 4, 2, chance(c, 160) ? PROT_NONE : RW);
    if (op->prot)
        op->flags |= WORD(W_NORESERVE);
    if (chance(c, 48))
        step_at(c, OP_WRITE, at + below(c, 4), 0);
    step_move(c, (struct range){at + from, at + from + 1}, at + 3)->flags |= WORD(W_DONTUNMAP);
    step_at(c, OP_MUNMAP, at + below(c, 2), 6);
}

/* ---- populating ---- */
/* All at once, and what is left when memory runs out. */
void plan_populate(struct gen *c)
{
    uint32_t n = 1 + below(c, 4), at = chance(c, 64) ? at_border(c, n) : stretch(c, n);
    struct range r = {at, at + n};
    uint32_t how = below(c, 5);
    bool later = how == 3, write = !later && chance(c, 192);
    struct op *op = step_map(c, at, n, write ? RW : PROT_READ);

    if (how == 0)
        op->flags |= WORD(W_POPULATE);
    else if (how == 1 || later)
        op = step_at(c, OP_MLOCK, at, n);
    else if (how == 2 && rules_from(c, RULES_LINUX_6_1))
        op = step_advise(c, r, write ? W_POPULATE_WRITE : W_POPULATE_READ);
    if (later) {
        op = step_at(c, OP_MPROTECT, at, n);
        op->prot = RW;
    }
    if (chance(c, c->g->fail_rate ? 128 : 32))
        op->fail = (uint16_t)(1 + below(c, 6));
    step_read_all(c, r);
    if (chance(c, 96))
        step_fork(c);
    step_at(c, OP_WRITE, page_in(c, r), 0);
}
