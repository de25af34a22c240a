/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Plans about huge pages. A block is what one of them maps: HPAGE_PAGES pages, aligned. The steps
 * go for its parts, for its ends, and for all of it.
 */
#include "harness/generate.h"

#define RW (PROT_READ | PROT_WRITE)
#define BLOCK ((uint32_t)HPAGE_PAGES)
#define LAST_STEPS 6 /* of a plan, which the steps by chance leave room for */

/* The first page of a block that can be mapped with so many after it. BLOCK + 1: there is none. */
static uint32_t pick_block(struct gen *c, uint32_t blocks)
{
    uint32_t low = (uint32_t)c->w->config.mmap_min_addr, end = task_pages(c) / BLOCK;
    uint32_t first = low && !c->w->config.privileged ? (low + BLOCK - 1) / BLOCK : 0;

    return first + blocks > end ? BLOCK + 1 : BLOCK * (first + below(c, end - first - blocks + 1));
}

static bool has_room(const struct gen *c)
{
    return c->g->plan_nr + LAST_STEPS < MAX_PLAN;
}

/* Of a block: a few pages, half of it, all, or a bit more. */
static struct range part_of(struct gen *c, uint32_t block)
{
    uint32_t choice = below(c, 8), at = below(c, BLOCK - 8);

    if (choice < 3)
        return (struct range){block + at, block + at + 1 + below(c, 8)};
    if (choice < 4)
        return (struct range){block, block + 1 + below(c, 4)};
    if (choice < 5)
        return (struct range){block + BLOCK / 2, block + BLOCK};
    if (choice < 6)
        return (struct range){block + BLOCK - 2, block + BLOCK + below(c, 2)};
    return (struct range){block, block + BLOCK};
}

/* A few pages only: whole blocks go to swap seldom, it takes long. */
static struct range some_of(struct gen *c, uint32_t block)
{
    uint32_t at = below(c, BLOCK - 4);

    if (chance(c, 8))
        return (struct range){block, block + BLOCK};
    return (struct range){block + at, block + at + 1 + below(c, 4)};
}

/* What is written and read is near the ends, and the same again and again. */
static uint32_t page_of_block(struct gen *c, uint32_t block)
{
    static const uint32_t pages[4] = {0, 1, BLOCK / 2, BLOCK - 1};

    return block + (chance(c, 224) ? pages[below(c, 4)] : below(c, BLOCK));
}

/* To another block, or beside one; some of what is there may be huge as well. */
static void step_move_block(struct gen *c, uint32_t block)
{
    struct range r = part_of(c, block);
    uint32_t to = pick_block(c, 1), n;

    if (to > task_pages(c))
        return;
    if (chance(c, 128))
        r = (struct range){block, block + BLOCK};
    to += chance(c, 128) ? r.start - block : chance(c, 160) ? 1 + below(c, 4) : 0;
    r.end = r.end > block + BLOCK ? block + BLOCK : r.end;
    n = pages_in(r);
    if (to + n > task_pages(c) || (to < r.end && r.start < to + n))
        return;
    step_move(c, r, to)->flags |=
        rules_from(c, RULES_LINUX_5_10) && chance(c, 64) ? WORD(W_DONTUNMAP) : 0;
    if (chance(c, 192))
        step_at(c, OP_READ, to + below(c, n), 0);
}

static void step_collapse(struct gen *c, uint32_t block, uint32_t n)
{
    if (rules_from(c, RULES_LINUX_6_1) && chance(c, 128))
        step_advise(c, (struct range){block, block + n * BLOCK}, W_COLLAPSE);
    else
        step_at(c, OP_KHUGEPAGED, block, n * BLOCK);
}

static void step_lock(struct gen *c, uint32_t block)
{
    struct range r = chance(c, 128) ? some_of(c, block) : part_of(c, block);

    if (chance(c, 96))
        step_at(c, OP_MUNLOCK, r.start, pages_in(r));
    else
        step_at(c, OP_MLOCK2, r.start, pages_in(r))->flags = chance(c, 160) ? WORD(W_ONFAULT) : 0;
}

static void step_protect(struct gen *c, uint32_t block)
{
    struct range r = part_of(c, block);

    step_at(c, OP_MPROTECT, r.start, pages_in(r))->prot = chance(c, 128) ? PROT_READ : RW;
}

/* Parts are merged with others, among them those of the same page, which is split for it. */
static void step_merge(struct gen *c, uint32_t block)
{
    struct range some = some_of(c, block);

    step_advise(c, (struct range){block, block + BLOCK}, W_MERGEABLE);
    if (chance(c, 160)) {
        const uint8_t what = (uint8_t)below(c, 2);

        step_at(c, OP_FILL, page_of_block(c, block), 0)->sel = what;
    }
    step_scan(c, some);
}

/* One thing that is done to a block or a part of it. */
static void step_block(struct gen *c, uint32_t block)
{
    uint32_t choice = below(c, 34);
    struct range r = part_of(c, block), some = some_of(c, block);

    if (choice < 10)
        step_at(c, choice < 7 ? OP_WRITE : OP_READ, page_of_block(c, block), 0);
    else if (choice < 12)
        step_at(c, OP_MUNMAP, r.start, pages_in(r));
    else if (choice < 14)
        step_protect(c, block);
    else if (choice < 16)
        step_advise(c, r, W_DONTNEED);
    else if (choice < 18)
        step_advise(c, r, rules_from(c, RULES_LINUX_5_10) ? W_FREE : W_DONTNEED);
    else if (choice < 21)
        step_move_block(c, block);
    else if (choice < 24)
        step_reclaim(c, some);
    else if (choice < 25)
        step_at(c, OP_MIGRATE, some.start, pages_in(some));
    else if (choice < 28)
        step_collapse(c, block, 1 + below(c, 2));
    else if (choice < 30)
        step_lock(c, block);
    else if (choice < 31)
        step_at(c, OP_RMAP, some.start, pages_in(some))->sel = (uint8_t)below(c, NR_RMAP_WORKS);
    else if (choice < 33)
        step_merge(c, block);
    else
        step_advise(c, r, chance(c, 128) ? W_NOHUGEPAGE : W_HUGEPAGE);
}

/* Memory that may be huge, in a mapping that is larger by a few pages now and then. */
static uint32_t step_huge_memory(struct gen *c, uint32_t n)
{
    uint32_t block = pick_block(c, n), before, after;

    if (block > task_pages(c))
        return block;
    before = block > 64 && chance(c, 64) ? below(c, 4) : 0;
    after = block + n * BLOCK + 4 <= task_pages(c) && chance(c, 64) ? below(c, 4) : 0;
    step_map(c, block - before, before + n * BLOCK + after, chance(c, 240) ? RW : PROT_READ);
    step_advise(c, (struct range){block - before, block + n * BLOCK + after}, W_HUGEPAGE);
    for (uint32_t i = 0; i < n; i++) {
        const bool write = chance(c, 208);
        struct op *op =
            step_at(c, write ? OP_WRITE : OP_READ, page_of_block(c, block + i * BLOCK), 0);

        if (chance(c, c->g->fail_rate ? 24 : 8))
            op->fail = (uint16_t)(1 + below(c, 6));
    }
    return block;
}

/* A huge page, in parts and whole, in one process or two, with a device that holds it. */
void plan_huge(struct gen *c)
{
    uint32_t n = 1 + chance(c, 64), block = step_huge_memory(c, n);
    uint8_t proc[2] = {c->proc, NOBODY}, pin = 0;

    if (block > task_pages(c))
        return;
    if (chance(c, 64)) {
        const uint64_t at = page_of_block(c, block);

        pin = step_pin(c, (uint32_t)at, chance(c, 160) ? W_PIN_WRITE : W_PIN_READ);
    }
    if (chance(c, 144))
        proc[1] = step_fork(c);
    for (uint32_t steps = 3 + below(c, 12); steps && has_room(c); steps--) {
        c->proc = proc[proc[1] != NOBODY && chance(c, 112)];
        step_block(c, block + BLOCK * below(c, n));
    }
    step_device(c, chance(c, 128) ? OP_DEVICE_READ : OP_DEVICE_WRITE, pin);
    if (chance(c, 128))
        step_device(c, OP_UNPIN, pin);
    for (unsigned i = 0; i < 2; i++) {
        c->proc = proc[i] == NOBODY ? proc[0] : proc[i];
        step_at(c, OP_READ, page_of_block(c, block), 0);
    }
    if (proc[1] != NOBODY && chance(c, 96))
        plan_step(c, OP_EXIT);
}

/* Small pages, some of them on swap, shared or held, that are put together. */
void plan_collapse(struct gen *c)
{
    uint32_t block = pick_block(c, 1), pages[3];
    struct range all = {block, block + BLOCK};
    uint8_t pin = 0, parent = c->proc, child = NOBODY;

    if (block > task_pages(c))
        return;
    step_map(c, block, BLOCK, RW);
    for (unsigned i = 0; i < 3; i++) {
        pages[i] = page_of_block(c, block);
        step_at(c, chance(c, 208) ? OP_WRITE : OP_READ, pages[i], 0);
    }
    if (chance(c, 96))
        step_reclaim(c, chance(c, 128) ? all : (struct range){pages[0], pages[0] + 1});
    if (chance(c, 64)) {
        const uint64_t at = pages[below(c, 3)];

        pin = step_pin(c, (uint32_t)at, chance(c, 160) ? W_PIN_WRITE : W_PIN_READ);
    }
    if (chance(c, 80))
        child = step_fork(c);
    if (chance(c, 224))
        step_advise(c, all, W_HUGEPAGE);
    if (chance(c, 48))
        step_lock(c, block);
    step_collapse(c, block, 1);
    for (uint32_t steps = below(c, 6); steps && has_room(c); steps--) {
        c->proc = child != NOBODY && chance(c, 96) ? child : parent;
        step_block(c, block);
    }
    step_device(c, chance(c, 128) ? OP_DEVICE_READ : OP_DEVICE_WRITE, pin);
    c->proc = parent;
    for (unsigned i = 0; i < 3; i++)
        step_at(c, OP_READ, pages[i], 0);
}

/* Memory that is collapsed, or might be: all blocks that the range meets. */
void generate_khugepaged(struct gen *c)
{
    const struct vma *v = work_on(c, VM_HUGEPAGE);
    uint32_t start, end;

    if (!v)
        return;
    start = page_of(v->vm_start) / BLOCK * BLOCK;
    end = (page_of(v->vm_end) + BLOCK - 1) / BLOCK * BLOCK;
    set_address(c, 0, start);
    set_pages(c->op, 1, end - start);
}
