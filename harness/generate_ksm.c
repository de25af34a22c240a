/* SPDX-License-Identifier: GPL-2.0-only */
/* The generator about KSM: memory that others have the like of, the scanner, what comes then. */
#include "harness/generate.h"

/* ---- one operation ---- */
/* The scanner over memory that is mergeable, which most is not: then it becomes so. */
void generate_ksm(struct gen *c)
{
    const struct vma *v = pick_page_vma(c, VM_MERGEABLE);

    if (!v) {
        work_on(c, 0);
        return;
    }
    if (!(v->vm_flags & VM_MERGEABLE) && !chance(c, 16)) {
        become(c, OP_MADVISE);
        c->op->sel = W_MERGEABLE;
    } else if (chance(c, 80)) {
        c->op->flags = WORD(W_KSM_ZERO);
    }
    set_range(c, pages_of(c, v));
}

/* ---- plans ---- */
/* Two pieces of memory, and who works with them: one process with both, or two with one each. */
struct story {
    struct range r[2];
    uint8_t proc[2];
    uint8_t contents;
};

static void step_fill(struct gen *c, uint32_t page, uint8_t contents)
{
    step_at(c, OP_FILL, page, 0)->sel = contents;
}

static void step_fill_all(struct gen *c, struct range r, uint8_t contents)
{
    for (uint32_t page = r.start; page < r.end; page++)
        step_fill(c, page, chance(c, 224) ? contents : (uint8_t)below(c, 3));
}

static void step_read_all(struct gen *c, struct range r)
{
    for (uint32_t page = r.start; page < r.end && c->g->plan_nr < MAX_PLAN; page++)
        step_at(c, OP_READ, page, 0);
}

void step_scan(struct gen *c, struct range r)
{
    struct op *op = step_at(c, OP_KSM, r.start, pages_in(r));

    op->flags = chance(c, 80) ? WORD(W_KSM_ZERO) : 0;
}

static void step_mergeable(struct gen *c, struct range r)
{
    step_advise(c, r, W_MERGEABLE);
}

/* Whoever shares, breaks, moves, swaps. */
static void step_work(struct gen *c, const struct story *s, unsigned who)
{
    const struct range r = s->r[who];
    const uint32_t page = r.start + below(c, pages_in(r)), choice = below(c, 20);

    if (choice < 4)
        step_at(c, chance(c, 96) ? OP_READ : OP_WRITE, page, 0);
    else if (choice < 7)
        step_fill(c, page, s->contents);
    else if (choice < 9)
        step_reclaim(c, r);
    else if (choice < 12)
        step_scan(c, r);
    else if (choice < 14)
        step_at(c, OP_MADVISE, page, 1)->sel = choice == 12 ? W_UNMERGEABLE : W_DONTNEED;
    else if (choice < 15)
        step_at(c, OP_MIGRATE, r.start, pages_in(r));
    else if (choice < 16)
        step_at(c, OP_RMAP, r.start, pages_in(r))->sel = (uint8_t)below(c, NR_RMAP_WORKS);
    else if (choice < 17)
        step_at(c, OP_MLOCK2, page, 1)->flags = WORD(W_ONFAULT);
    else if (choice < 18)
        step_at(c, OP_MUNLOCK, page, 1);
    else if (choice < 19)
        plan_step(c, OP_SWAPOFF);
    else
        step_move(c, (struct range){page, page + 1}, r.start ^ 64)->flags |=
            rules_from(c, RULES_LINUX_5_10) && chance(c, 64) ? WORD(W_DONTUNMAP) : 0;
}

/* Nobody is between the two pieces, or the second would share the anon_vma of the first. */
static struct story begin(struct gen *c)
{
    const uint32_t n = 1 + below(c, 2), at = stretch(c, 2 * n + 1);
    const bool two = c->g->max_procs > 1 && free_proc(c) != MAX_PROCS && chance(c, 128);
    struct story s = {{{at, at + n}, {at + n + 1, at + 2 * n + 1}},
                      {c->proc, c->proc},
                      chance(c, 80) ? W_ZEROES : (uint8_t)(W_ONES + below(c, 2))};

    if (two)
        s.r[1] = s.r[0];
    for (unsigned i = 0; i < 2 - (unsigned)two; i++) {
        step_map(c, s.r[i].start, n, PROT_READ | PROT_WRITE);
        step_mergeable(c, s.r[i]);
    }
    if (!two)
        return s;
    s.proc[1] = free_proc(c);
    if (chance(c, 128))
        step_fill(c, s.r[0].start, W_TWOS);
    plan_step(c, OP_FORK)->def = (uint8_t)(1 + s.proc[1]);
    return s;
}

static void fill_and_scan(struct gen *c, const struct story *s)
{
    for (unsigned i = 0; i < 2; i++) {
        c->proc = s->proc[i];
        if (!i && chance(c, 96)) { /* newer than its copy on swap, and only the entry knows */
            step_fill_all(c, s->r[i], s->contents ? W_ZEROES : W_ONES);
            step_reclaim(c, s->r[i]);
            step_read_all(c, s->r[i]);
        }
        step_fill_all(c, s->r[i], s->contents);
        step_scan(c, s->r[i]);
    }
}

/* Equal pages are merged; then one of those who share does something. */
void plan_ksm(struct gen *c)
{
    const uint8_t proc = c->proc;
    struct story s = begin(c);

    fill_and_scan(c, &s);
    for (uint32_t n = 2 + below(c, 6); n && c->g->plan_nr < MAX_PLAN - 8; n--) {
        const unsigned who = below(c, 2);

        c->proc = s.proc[who];
        if (chance(c, 24))
            step_mergeable(c, s.r[who]);
        step_work(c, &s, who);
    }
    if (s.proc[0] != s.proc[1] && chance(c, 96)) {
        c->proc = s.proc[1];
        plan_step(c, OP_EXIT);
    }
    for (unsigned i = 0; i < 2; i++) {
        c->proc = s.proc[i];
        if (chance(c, 128))
            step_reclaim(c, s.r[i]);
        step_read_all(c, s.r[i]);
    }
    c->proc = proc;
}

/* One who is alone with a KSM page frees it lazily; another one comes to it once more. */
void plan_ksm_lazyfree(struct gen *c)
{
    const uint8_t proc = c->proc;
    const struct story s = begin(c);

    fill_and_scan(c, &s);
    c->proc = s.proc[1];
    for (uint32_t page = s.r[1].start; page < s.r[1].end; page++)
        step_at(c, OP_WRITE, page, 0);
    c->proc = s.proc[0];
    step_at(c, OP_MADVISE, s.r[0].start, pages_in(s.r[0]))->sel =
        rules_from(c, RULES_LINUX_5_10) ? W_FREE : W_DONTNEED;
    c->proc = s.proc[1];
    step_fill_all(c, s.r[1], s.contents);
    step_scan(c, s.r[1]);
    c->proc = s.proc[below(c, 2)];
    step_reclaim(c, s.r[c->proc == s.proc[1]]);
    c->proc = s.proc[1];
    step_read_all(c, s.r[1]);
    c->proc = proc;
}
