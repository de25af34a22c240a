/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Plans: a few operations in a row that lead to a place which single random ones seldom reach. They
 * are said in plain addresses, worked out when the plan is made.
 */
#include "harness/generate.h"

struct op *plan_step(struct gen *c, enum op_kind kind)
{
    struct op *op = &c->g->plan[c->g->plan_nr];

    if (c->g->plan_nr < MAX_PLAN)
        c->g->plan_nr++;
    *op = (struct op){.kind = (uint8_t)kind, .proc = op_has_process(kind) ? c->proc : 0};
    return op;
}

struct op *step_at(struct gen *c, enum op_kind kind, uint32_t start, uint32_t pages)
{
    struct op *op = plan_step(c, kind);

    set_pages(op, ADDR, start);
    if (op_table[kind].args[LEN] == ARG_LEN)
        set_pages(op, LEN, pages);
    return op;
}

struct op *step_map(struct gen *c, uint32_t start, uint32_t pages, uint8_t prot)
{
    struct op *op = step_at(c, OP_MMAP, start, pages);

    op->prot = prot;
    op->flags = WORD(W_PRIVATE) | WORD(W_ANON) | WORD(W_FIXED);
    return op;
}

struct op *step_move(struct gen *c, struct range from, uint32_t to)
{
    struct op *op = step_at(c, OP_MREMAP, from.start, pages_in(from));

    set_pages(op, THIRD, pages_in(from));
    set_pages(op, FOURTH, to);
    op->flags = WORD(W_MAYMOVE) | WORD(W_MREMAP_FIXED);
    return op;
}

uint32_t stretch(struct gen *c, uint32_t pages)
{
    uint32_t start = pick_page(c), low = (uint32_t)c->w->config.mmap_min_addr;

    if (start + pages > task_pages(c))
        start = task_pages(c) - pages;
    return start < low && !c->w->config.privileged ? low : start;
}

/* AABBAA with the middle made like one side, then like both: cases 4 to 8. */
static void plan_aba(struct gen *c)
{
    uint32_t at = stretch(c, 6), n = 1 + below(c, 2);
    uint8_t a = pick_prot(c), b = a ^ (uint8_t)(1 + below(c, 7));

    step_map(c, at, 3 * n, a);
    step_at(c, OP_MPROTECT, at + n, n)->prot = b;
    if (chance(c, 128)) /* the left one like the middle, or a third one: then only one side joins */
        step_at(c, OP_MADVISE, at, n)->sel = W_DONTFORK;
    step_at(c, OP_MPROTECT, at + n, n)->prot = a;
    step_at(c, OP_MUNMAP, at + n, n + below(c, 2));
}

/* The same with policies. */
static void plan_policies(struct gen *c)
{
    uint32_t at = stretch(c, 6), n = 1 + below(c, 2);
    struct op *again;

    step_map(c, at, 3 * n, PROT_READ);
    for (uint32_t i = 0; i < 3; i++) {
        struct op *op = step_at(c, OP_MBIND, at + i * n, n);

        op->sel = MPOL_BIND;
        op->flags = i == 1 ? 2 : 1 + 2 * below(c, 2);
    }
    again = plan_step(c, OP_MBIND); /* the middle again, as the last is now */
    *again = again[-1];
    again->v[ADDR] = again[-2].v[ADDR];
}

/* Away and back again: it must join what it left. */
static void plan_there_and_back(struct gen *c)
{
    const struct vma *v = pick_vma(c);
    struct range r = v ? range_of(v) : (struct range){0, 0};
    uint32_t to, n = pages_in(r);

    if (!n || n > 64)
        return;
    if (n > 2 && chance(c, 160))
        r = (struct range){r.start + below(c, 2), r.end - 1};
    n = pages_in(r);
    to = stretch(c, n);
    if (to < r.end && r.start < to + n)
        to = r.end;
    step_move(c, r, to);
    if (chance(c, 128))
        step_at(c, OP_FIND, r.start, 0);
    step_move(c, (struct range){to, to + n}, r.start);
}

uint8_t step_open(struct gen *c, uint8_t kind, uint32_t mode)
{
    uint8_t slot = free_file(c);
    struct op *op;

    if (!slot)
        return pick_file(c);
    op = plan_step(c, OP_OPEN);
    op->def = slot;
    op->sel = kind;
    op->flags = mode;
    set_pages(op, 0, 8);
    return slot;
}

/* Nothing is left but what is below the minimum address, or at the top. */
static void plan_fill(struct gen *c)
{
    uint32_t low = (uint32_t)c->w->config.mmap_min_addr, end = (uint32_t)c->w->config.mmap_base;
    struct op *op;

    if (chance(c, 128))
        low += below(c, 8);
    if (end <= low)
        return;
    step_map(c, low, end - low, PROT_NONE);
    op = step_at(c, OP_MMAP, 0, 1 + below(c, 4));
    op->prot = pick_prot(c);
    op->flags = WORD(W_PRIVATE) | WORD(W_ANON);
    if (chance(c, 192))
        step_at(c, OP_MUNMAP, low, end - low);
}

/* The last pages of all offsets, and growth beyond them. Only devices have such since 4.17, and not
 * the very last. */
static void plan_top_offset(struct gen *c)
{
    const bool devices = rules_from(c, RULES_LINUX_5_10);
    uint32_t at = stretch(c, 16), n = 1 + below(c, 4), left = devices + below(c, 2);
    uint8_t file = step_open(c, devices ? FILE_DEVICE : FILE_REGULAR, FMODE_READ | FMODE_WRITE);
    struct op *op;

    op = step_map(c, at, n, PROT_READ);
    op->flags &= ~WORD(W_ANON);
    op->obj = file;
    op->v[THIRD] = (struct value){ANCHOR_TOP, 0, 0, -(int32_t)(n + left)};
    op = step_at(c, OP_MREMAP, at, n);
    set_pages(op, THIRD, n + 1 + below(c, 3));
    op->flags = WORD(W_MAYMOVE);
}

/* A limit that already locked pages would break if they were counted twice. */
static void plan_lock_limit(struct gen *c)
{
    uint32_t at = stretch(c, 8), n = 2 + below(c, 6);
    struct op *op;

    step_map(c, at, n, PROT_READ | PROT_WRITE);
    op = step_at(c, OP_MLOCK2, at, 1 + below(c, n));
    op->flags = chance(c, 128) ? WORD(W_ONFAULT) : 0;
    op = plan_step(c, OP_SETRLIMIT);
    op->sel = MM_RLIMIT_MEMLOCK;
    set_pages(op, 0, (uint32_t)c->mm->locked_vm + n + below(c, 2));
    step_at(c, OP_MLOCK, at, n);
    op = plan_step(c, OP_SETRLIMIT);
    op->sel = MM_RLIMIT_MEMLOCK;
    set_pages(op, 0, 2048);
}

/* AABBCC, B locked: locking all joins what the walk has just passed. */
static void plan_lock_walk(struct gen *c)
{
    uint32_t at = stretch(c, 8);

    step_map(c, at, 6, PROT_READ | PROT_WRITE);
    step_at(c, OP_MLOCK, at + 2, 2);
    step_at(c, OP_MLOCK, at, 6);
    step_at(c, OP_MUNLOCK, at + 1, 3);
}

/* A stack with something a little below it: does it keep its distance? */
static void plan_stack(struct gen *c)
{
    uint32_t gap = gap_pages(c), more = below(c, 4),
             distance = 1 + more + (chance(c, 128) ? gap : below(c, gap + 1));
    uint32_t low = (uint32_t)c->w->config.mmap_min_addr, at;
    bool up = chance(c, 64);

    if (distance + 16 > task_pages(c))
        return;
    at = chance(c, 64) ? low + below(c, 3) : stretch(c, distance + 4);
    if (at + distance + 4 > task_pages(c))
        return;
    step_at(c, OP_MUNMAP, at, distance + 3);
    if (!chance(c, 64))
        step_map(c, at, 1, chance(c, 112) ? PROT_NONE : PROT_READ)->flags |=
            up ? WORD(W_GROWSUP) : 0;
    step_map(c, at + 1 + distance, 2, PROT_READ | PROT_WRITE)->flags |= up ? 0 : WORD(W_GROWSDOWN);
    for (int i = 0; i < 3; i++) {
        uint32_t far = chance(c, 128) ? below(c, 4) : distance - (distance > gap ? gap : 0);

        far = far > distance ? distance : far;
        step_at(c, chance(c, 64) ? OP_POKE : OP_WRITE, up ? at + 1 + far : at + 1 + distance - far,
                0);
    }
    if (chance(c, 128))
        step_at(c, OP_MLOCK, at, distance + 2);
}

/* Two pieces of a file, in the wrong order for a merge, and a window over both. */
static void plan_remap(struct gen *c)
{
    uint32_t at = stretch(c, 8), n = 1 + below(c, 4);
    uint8_t file = pick_file(c);
    struct op *remap;

    if (!file)
        return;
    for (uint32_t i = 0; i < 2; i++) {
        struct op *op = step_map(c, at + i * n, n, PROT_READ);

        op->flags = WORD(W_SHARED) | WORD(W_FIXED);
        op->obj = file;
        set_pages(op, THIRD, 8 - 8 * i);
    }
    n = 2 * n - below(c, 2);
    remap = step_at(c, OP_REMAP_FILE_PAGES, at, n);
    set_pages(remap, THIRD, below(c, 8));
}

/* Growth to below the lowest address that user space may have. */
static void plan_low_stack(struct gen *c)
{
    uint32_t low = (uint32_t)c->w->config.mmap_min_addr, at = low + below(c, 2);

    if (!low)
        return;
    step_at(c, OP_MUNMAP, 0, at + 2);
    step_map(c, at, 2, PROT_READ | PROT_WRITE)->flags |= WORD(W_GROWSDOWN);
    step_at(c, OP_WRITE, low - (at > low ? 0 : 1), 0);
    step_at(c, OP_POKE, low - 1 - below(c, low), 0);
}

/* A stack with pages of its own goes up, keeps their offsets, and grows by more than these are. */
static void plan_moved_stack(struct gen *c)
{
    uint32_t low = (uint32_t)c->w->config.mmap_min_addr, at = low + below(c, 8);
    uint32_t to = low + at + 8 + below(c, 64);

    if (to + 2 > task_pages(c))
        return;
    step_at(c, OP_MUNMAP, 0, to + 2);
    step_map(c, at, 2, PROT_READ | PROT_WRITE)->flags |= WORD(W_GROWSDOWN);
    step_at(c, OP_WRITE, at + below(c, 2), 0);
    step_move(c, (struct range){at, at + 2}, to);
    step_at(c, OP_WRITE, to - at + below(c, 3) - 2, 0);
}

/* A charged mapping that nothing can absorb, and no memory for its VMA. */
static void plan_failed_charge(struct gen *c)
{
    uint32_t at = stretch(c, 6);
    struct op *op;

    step_at(c, OP_MUNMAP, at, 6);
    op = step_map(c, at + 1, 2, PROT_READ | PROT_WRITE);
    op->fail = (uint16_t)(1 + below(c, 2));
    op = step_map(c, at + 1, 4, PROT_WRITE);
    op->fail = (uint16_t)below(c, 4);
}

/* Names, of shared memory as well where the rules allow it. */
static void plan_names(struct gen *c)
{
    uint32_t at = stretch(c, 4), second = at + below(c, 3);
    bool shared = rules_from(c, RULES_LINUX_6_12) && chance(c, 192);
    struct op *op;

    if (!rules_from(c, RULES_LINUX_6_1))
        return;
    step_map(c, at, 4, PROT_READ)->flags ^= shared ? WORD(W_SHARED) | WORD(W_PRIVATE) : 0;
    step_at(c, OP_NAME, at, 4)->sel = 1;
    op = step_at(c, OP_NAME, second, 1);
    op->sel = (uint8_t)below(c, 3);
    step_at(c, OP_MUNMAP, at + 1, 3);
}

/* As many VMAs at once as a narrow sequence number counts to, between two look-ups. */
static void plan_cache(struct gen *c)
{
    const struct vma *v = pick_vma(c), *last = v;
    uint32_t at = stretch(c, 16);

    for (int i = 0; i < 15 && last; i++)
        last = last->vm_next;
    if (last) {
        struct range r = {page_of(v->vm_start), page_of(last->vm_end)};

        step_at(c, OP_FIND, r.start, 0);
        step_at(c, OP_FIND, r.end - 1, 0);
        step_at(c, OP_MUNMAP, r.start, pages_in(r));
        step_at(c, OP_FIND, pick_page(c), 0);
        return;
    }
    for (uint32_t i = 0; i < 16; i++)
        step_map(c, at + i, 1, i % 2 ? PROT_READ : PROT_NONE);
    for (uint32_t i = 0; i < 4; i++)
        step_at(c, OP_FIND, at + i, 0);
    step_at(c, OP_MUNMAP, at, 16);
    step_at(c, OP_FIND, at, 0);
}

/* The heap grows, loses some of its pages, and shrinks. */
static void plan_heap(struct gen *c)
{
    uint32_t heap = page_of(c->mm->brk - c->mm->start_brk), start = page_of(c->mm->start_brk);
    uint32_t more = 2 + below(c, 8), cut = below(c, more), target = heap + below(c, more);
    struct op *op = plan_step(c, OP_BRK);

    op->v[0] = (struct value){ANCHOR_BRK, 0, 0, (int32_t)(heap + more)};
    step_at(c, OP_MUNMAP, start + heap + cut, more - cut);
    if (chance(c, 64))
        step_map(c, start + heap + more + below(c, 3), 1, PROT_READ | PROT_WRITE);
    op = plan_step(c, OP_BRK);
    op->v[0] = (struct value){ANCHOR_BRK, 0, 0, (int32_t)target};
}

/* Address 0 is an address like others. */
static void plan_zero(struct gen *c)
{
    uint32_t n = 2 + below(c, 4), cut = 1 + below(c, n - 1);

    if (c->w->config.mmap_min_addr && !c->w->config.privileged)
        return;
    step_map(c, 0, n, PROT_READ | PROT_WRITE);
    step_move(c, (struct range){cut, cut + 1}, stretch(c, 8) + 8);
    step_at(c, OP_MUNMAP, 0, n);
}

/* An object with open and close: split, and made whole again. */
static void plan_close(struct gen *c)
{
    uint32_t at = stretch(c, 8);
    uint8_t file = 0;

    for (uint8_t i = 0; i < MAX_FDS; i++)
        if (c->w->fd[i] && c->w->fd[i]->mapping->kind == FILE_SYSV)
            file = i + 1;
    if (!file) {
        struct op *op = plan_step(c, OP_OPEN);

        op->def = file = (uint8_t)(1 + below(c, MAX_FDS));
        op->sel = FILE_SYSV;
        op->flags = FMODE_READ | FMODE_WRITE;
        set_pages(op, 0, 8);
    }
    step_map(c, at, 4, PROT_READ);
    c->g->plan[c->g->plan_nr - 1].obj = file;
    c->g->plan[c->g->plan_nr - 1].flags = WORD(W_SHARED) | WORD(W_FIXED);
    step_at(c, OP_MPROTECT, at + 2, 1)->prot = PROT_NONE;
    step_at(c, OP_MPROTECT, at + 1, 1)->prot = PROT_WRITE;
    step_at(c, OP_MPROTECT, at + 2, 1)->prot = PROT_WRITE;
    step_at(c, OP_MREMAP, at + 3, 1)->v[THIRD].pages = 2;
}

void plan_start(struct gen *c)
{
    static plan_fn *const plans[] = {
        plan_aba,           plan_policies,  plan_there_and_back, plan_fill,        plan_top_offset,
        plan_lock_limit,    plan_lock_walk, plan_stack,          plan_stack,       plan_low_stack,
        plan_failed_charge, plan_names,     plan_cache,          plan_heap,        plan_zero,
        plan_zero,          plan_close,     plan_remap,          plan_moved_stack,
    };
    static plan_fn *const anon_plans[] = {
        plan_split_faulted, plan_fill_between, plan_back_beside, plan_dontunmap, plan_wipe,
    };

    static plan_fn *const page_plans[] = {
        plan_swap_cycle,
        plan_back_from_swap,
        plan_back_from_swap,
        plan_read_by_child,
        plan_refused,
        plan_pin_left,
        plan_fork_pinned,
        plan_lazyfree,
        plan_lazyfree,
        plan_lazyfree,
        plan_forced,
        plan_one_object,
        plan_locked_twice,
        plan_locked_twice,
        plan_two_tables,
        plan_two_tables,
        plan_nobody,
        plan_fork_fails,
        plan_exe,
        plan_exe,
        plan_mbind_walk,
        plan_dontunmap_charge,
        plan_populate,
        plan_ksm,
        plan_ksm,
        plan_ksm,
        plan_ksm_lazyfree,
    };

    c->g->plan_at = c->g->plan_nr = 0;
    if (chance(c, 24))
        (chance(c, 160) ? plan_huge : plan_collapse)(c);
    else if (chance(c, 96))
        page_plans[below(c, sizeof(page_plans) / sizeof(*page_plans))](c);
    else if (c->g->max_procs > 1 && chance(c, 96))
        (chance(c, 192) ? plan_lineage : plan_abandoned)(c);
    else if (chance(c, 80))
        anon_plans[below(c, sizeof(anon_plans) / sizeof(*anon_plans))](c);
    else
        plans[below(c, sizeof(plans) / sizeof(*plans))](c);
}
