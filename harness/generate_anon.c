/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fork and exit, and plans about anon_vmas. What a fork leaves depends on which VMAs have had a
 * page of their own, on how they were split and moved before, and on which ancestors are still
 * there: so the generator forks the youngest process, lets its parents end early, and asks for the
 * same memory again in the grandchildren.
 */
#include "harness/generate.h"

/* ---- processes ---- */
unsigned live_procs(const struct world *w)
{
    unsigned n = 0;

    for (unsigned i = 0; i < MAX_PROCS; i++)
        n += w->proc[i] != NULL;
    return n;
}

uint8_t pick_proc(struct gen *c)
{
    unsigned n = live_procs(c->w), skip = n ? below(c, n) : 0;

    for (uint8_t i = 0; i < MAX_PROCS; i++)
        if (c->w->proc[i] && !skip--)
            return i;
    return 0;
}

void choose_proc(struct gen *c)
{
    struct generator *g = c->g;

    if (g->max_procs > 1 && chance(c, 64))
        g->proc = chance(c, 96) ? g->youngest : pick_proc(c);
    if (!c->w->proc[g->proc])
        g->proc = pick_proc(c);
    c->proc = g->proc;
    c->mm = c->w->proc[g->proc];
}

uint8_t free_proc(struct gen *c)
{
    uint32_t first = chance(c, 128) ? 1 : below(c, MAX_PROCS);

    for (uint32_t i = 0; i < MAX_PROCS; i++)
        if (!c->w->proc[(first + i) % MAX_PROCS])
            return (uint8_t)((first + i) % MAX_PROCS);
    return MAX_PROCS;
}

/* Another process goes on: its operations are c->proc's. */
static void be(struct gen *c, uint8_t proc)
{
    c->proc = proc;
    c->mm = c->w->proc[proc];
    c->op->proc = proc;
}

void generate_exit(struct gen *c)
{
    if (live_procs(c->w) < 2) {
        become(c, OP_MMAP);
        generate_mmap(c);
        return;
    }
    be(c, pick_proc(c));
    if (c->proc == c->g->youngest && chance(c, 192)) /* who is older has descendants */
        be(c, pick_proc(c));
}

void generate_fork(struct gen *c)
{
    struct generator *g = c->g;
    uint8_t child = chance(c, 4) ? (uint8_t)below(c, MAX_PROCS) : free_proc(c);

    if (child == MAX_PROCS || live_procs(c->w) >= g->max_procs) {
        become(c, OP_EXIT);
        generate_exit(c);
        return;
    }
    if (c->w->proc[g->youngest] && chance(c, 144))
        be(c, g->youngest);
    c->op->def = (uint8_t)(1 + child);
    if (g->fail_rate && chance(c, 48)) {
        c->op->fail = (uint16_t)(1 + below(c, 10));
        return;
    }
    if (c->w->proc[child])
        return;
    g->youngest = child;
    g->proc = chance(c, 128) ? child : g->proc;
    g->plan_at = g->plan_nr = 0;
    if (chance(c, 80)) /* the parent does not stay to see it */
        plan_step(c, OP_EXIT);
    else if (chance(c, 128))
        plan_after_fork(c, child);
}

/* ---- plans ---- */
/* Now and then one of the plan's allocations fails, mostly the first one of the step that it is all
 * about; what comes before `from` only sets the scene. */
static void perhaps_fail(struct gen *c, uint32_t from, const struct op *main_step)
{
    struct generator *g = c->g;

    if (g->plan_nr <= from || !chance(c, g->fail_rate ? 160 : 48))
        return;
    if (main_step && chance(c, 192))
        from = (uint32_t)(main_step - g->plan);
    else
        from += below(c, g->plan_nr - from);
    /* A merge that has to import an anon_vma asks two or three times, and each has its own undo. */
    g->plan[from].fail = (uint16_t)(1 + below(c, chance(c, 176) ? 3 : 10));
}

/* A page of their own for a random part of the pages. */
static void step_write_some(struct gen *c, uint32_t start, uint32_t pages, unsigned odds)
{
    for (uint32_t i = 0; i < pages; i++)
        if (chance(c, odds))
            step_at(c, OP_WRITE, start + i, 0);
}

/*   AAAAAA    split before the first page or after it, and made whole again from either side
 *   AABBAA */
void plan_split_faulted(struct gen *c)
{
    uint32_t at = stretch(c, 6), n = 1 + below(c, 2), back = below(c, 3), written = below(c, 16);
    struct op *whole;

    step_map(c, at, 3 * n, PROT_READ | PROT_WRITE);
    if (written >> 2 == 3)
        step_at(c, OP_WRITE, at + below(c, 3 * n), 0);
    step_at(c, OP_MPROTECT, at + n, n)->prot = PROT_READ;
    if (written & 1)
        step_at(c, OP_WRITE, at, 0);
    if (written & 2)
        step_at(c, OP_WRITE, at + 2 * n, 0);
    whole = back ? step_at(c, OP_MPROTECT, at + n, n) : step_at(c, OP_MPROTECT, at, 3 * n);
    whole->prot = back ? PROT_READ | PROT_WRITE : PROT_READ;
    if (back > 1)
        step_at(c, OP_MUNMAP, at + n, 1);
    perhaps_fail(c, 1, whole);
    if (written == 2 && chance(c, 128)) /* three become one, and the first has to import */
        whole->fail = (uint16_t)(1 + below(c, 3));
}

/*   AA..CC    the hole between them is filled: joins both, one, or none */
void plan_fill_between(struct gen *c)
{
    uint32_t at = stretch(c, 6), n = 1 + below(c, 2);
    struct op *fill;

    step_at(c, OP_MUNMAP, at, 3 * n);
    step_map(c, at, n, PROT_READ | PROT_WRITE);
    step_map(c, at + 2 * n, n, PROT_READ | PROT_WRITE);
    step_write_some(c, at, 1, 128);
    step_write_some(c, at + 2 * n, 1, 160);
    fill = step_map(c, at + n, n, PROT_READ | PROT_WRITE);
    step_write_some(c, at + n, 1, 96);
    if (chance(c, 96))
        step_at(c, OP_MUNMAP, at + below(c, 2) * n, n);
    perhaps_fail(c, 3, fill);
}

/*   .B..      a faulted one goes away, its neighbour is new, and it comes back beside it
 *   AB..      (or the neighbour is there when it has gone, and the growth of that one meets it) */
void plan_back_beside(struct gen *c)
{
    uint32_t at = stretch(c, 8), n = 1 + below(c, 2), away = at + 6;
    struct op *back;

    step_at(c, OP_MUNMAP, at, 8);
    step_map(c, at + n, n, PROT_READ | PROT_WRITE);
    step_write_some(c, at + n, 1, 192);
    step_move(c, (struct range){at + n, at + 2 * n}, away);
    if (chance(c, 160))
        step_map(c, at, n, PROT_READ | PROT_WRITE);
    if (chance(c, 64))
        step_map(c, at + 2 * n, n, PROT_READ | PROT_WRITE);
    step_write_some(c, at, 1, 64);
    step_write_some(c, away, 1, 64);
    back = step_move(c, (struct range){away, away + n}, at + n);
    step_write_some(c, at, 2 * n, 32);
    perhaps_fail(c, 2, back);
}

/* Pages leave, the VMA stays, and is filled again. */
void plan_dontunmap(struct gen *c)
{
    uint32_t at = stretch(c, 8), n = 2 + below(c, 2), away = at + 5, part = below(c, 2);

    step_map(c, at, n, PROT_READ | PROT_WRITE);
    step_write_some(c, at, 1, 208);
    step_move(c, (struct range){at, at + n - part}, away)->flags |= WORD(W_DONTUNMAP);
    step_write_some(c, at, 1, 144);
    if (chance(c, 96))
        step_move(c, (struct range){away, away + n - part}, at);
    else if (chance(c, 96))
        step_at(c, OP_MUNMAP, chance(c, 128) ? at : away, n);
    if (chance(c, 96))
        step_map(c, at + n, 1, PROT_READ | PROT_WRITE);
    perhaps_fail(c, 1, NULL);
}

/* What a child does not get, or gets empty, between what it gets. */
void plan_wipe(struct gen *c)
{
    uint32_t at = stretch(c, 6), n = 1 + below(c, 2);
    uint8_t advice = chance(c, 176) ? W_WIPEONFORK : W_DONTFORK, child = free_proc(c);

    if (c->g->max_procs == 1 || child == MAX_PROCS)
        return;
    step_map(c, at, 3 * n, PROT_READ | PROT_WRITE);
    step_write_some(c, at, 1, 192);
    step_at(c, OP_MADVISE, at + below(c, 3) * n, n)->sel = advice;
    plan_step(c, OP_FORK)->def = (uint8_t)(1 + child);
    if (chance(c, 64))
        plan_step(c, OP_EXIT);
    c->proc = c->g->youngest = child;
    step_write_some(c, at, 3 * n, 96);
    step_at(c, OP_MADVISE, at, 3 * n)->sel = advice == W_DONTFORK ? W_DOFORK : W_KEEPONFORK;
    if (chance(c, 96))
        step_map(c, at + below(c, 3) * n, n, PROT_READ | PROT_WRITE);
    perhaps_fail(c, 2, NULL);
}

/* ---- generations ---- */
struct lineage {
    uint8_t proc[MAX_PROCS]; /* alive, oldest first */
    unsigned n;
    uint16_t used; /* numbers that are somebody's */
    uint32_t at, pages;
};

static void lineage_fork(struct gen *c, struct lineage *l, unsigned parent)
{
    uint8_t child = 0;

    while (child < MAX_PROCS && l->used >> child & 1)
        child++;
    if (child == MAX_PROCS)
        return;
    c->proc = l->proc[parent];
    plan_step(c, OP_FORK)->def = (uint8_t)(1 + child);
    l->used |= (uint16_t)(1u << child);
    l->proc[l->n++] = c->g->youngest = child;
}

static void lineage_exit(struct gen *c, struct lineage *l, unsigned who)
{
    c->proc = l->proc[who];
    plan_step(c, OP_EXIT);
    l->used &= (uint16_t) ~(1u << c->proc);
    l->n--;
    for (unsigned i = who; i < l->n; i++)
        l->proc[i] = l->proc[i + 1];
}

/* A page of its own, perhaps, where the mapping still is to be written to. */
static void lineage_write(struct gen *c, const struct lineage *l, unsigned who)
{
    c->proc = l->proc[who];
    step_write_some(c, l->at, l->pages, 128);
}

/* One VMA becomes two, each of which inherits on its own; or two become one again. */
static void lineage_split(struct gen *c, const struct lineage *l, unsigned who, uint8_t prot)
{
    c->proc = l->proc[who];
    step_at(c, OP_MPROTECT, l->at, 1)->prot = prot;
}

static void lineage_touch(struct gen *c, const struct lineage *l, unsigned who)
{
    static const uint8_t kinds[16] = {
        OP_WRITE,  OP_WRITE,  OP_WRITE,   OP_WRITE,   OP_WRITE, OP_WRITE, OP_WRITE,   OP_MUNMAP,
        OP_MUNMAP, OP_MUNMAP, OP_RECLAIM, OP_RECLAIM, OP_READ,  OP_READ,  OP_MIGRATE, OP_RMAP};

    enum op_kind kind = (enum op_kind)kinds[below(c, 16)];

    c->proc = l->proc[who];
    step_at(c, kind, l->at + below(c, l->pages), 1);
}

/* Few others are left, and there is a mapping with a page of its own to be inherited. */
static void lineage_start(struct gen *c, struct lineage *l)
{
    uint8_t first = c->proc;
    unsigned others = c->g->max_procs < MAX_PROCS ? 6 : 0;
    uint32_t at = stretch(c, 4), pages = 2 + below(c, 2);

    *l = (struct lineage){.proc = {first}, .n = 1, .at = at, .pages = pages};
    for (uint8_t i = 0; i < MAX_PROCS; i++) {
        if (!c->w->proc[i])
            continue;
        l->used |= (uint16_t)(1u << i);
        if (i == first || !others)
            continue;
        others--;
        c->proc = i;
        plan_step(c, OP_EXIT);
        l->used &= (uint16_t) ~(1u << i);
    }
    c->proc = first;
    step_map(c, l->at, l->pages, PROT_READ | PROT_WRITE);
    step_at(c, OP_WRITE, l->at + below(c, l->pages), 0);
}

/*
 * A family that shares one mapping. Reuse of an ancestor's anon_vma needs ancestors that are gone
 * while their descendants go on forking, and halves of one VMA that were forked apart:
 *
 *     p0 --- p1 --- p2 --- p3 ...      forked mostly by the youngest; the older ones exit
 */
void plan_lineage(struct gen *c)
{
    struct lineage l;
    uint32_t first;

    lineage_start(c, &l);
    first = c->g->plan_nr;
    while (c->g->plan_nr < MAX_PLAN) {
        uint32_t choice = below(c, 16);
        unsigned last = l.n - 1, any = below(c, l.n);

        if (choice < 7)
            lineage_fork(c, &l, chance(c, 208) ? last : any);
        else if (choice < 11 && last > 1) /* an anon_vma of the oldest one's is never free again */
            lineage_exit(c, &l, 1 + below(c, last - 1));
        else if (choice < 14)
            lineage_split(c, &l, any, chance(c, 192) ? PROT_READ : PROT_READ | PROT_WRITE);
        else
            lineage_touch(c, &l, any);
    }
    perhaps_fail(c, first, NULL);
}

/*
 * An anon_vma that nobody uses any more, while two halves of one VMA that do not know the same
 * others both have it among their ancestors (the pattern of CVE-2022-42703):
 *
 *     1 ---- 2 ---- 3 ---- 4 ---- 5      3 reuses what 1 left; 4 finds nothing to reuse, since 2
 *     exits         2's and 3's are      and 3 have halves; 5 could take what 2 left for both of
 *                   halved; 2 exits      its halves, make one of them, and have lost the way to
 *                                        pages that 4 gave it
 *
 * Each step is left out now and then.
 */
void plan_abandoned(struct gen *c)
{
    struct lineage l;
    uint32_t first;

    lineage_start(c, &l);
    first = c->g->plan_nr;
    lineage_fork(c, &l, 0);
    lineage_fork(c, &l, l.n - 1);
    if (!chance(c, 16) && l.n > 2)
        lineage_exit(c, &l, 1);
    lineage_fork(c, &l, l.n - 1);
    if (!chance(c, 24))
        lineage_split(c, &l, l.n - (l.n > 1 ? 2 : 1), PROT_READ);
    if (!chance(c, 24))
        lineage_split(c, &l, l.n - 1, PROT_READ);
    lineage_fork(c, &l, l.n - 1);
    if (!chance(c, 24) && l.n > 2)
        lineage_exit(c, &l, l.n - 3);
    if (chance(c, 208))
        lineage_write(c, &l, l.n - 1);
    lineage_fork(c, &l, l.n - 1);
    if (chance(c, 96)) /* the same one again */
        lineage_fork(c, &l, l.n - (l.n > 1 ? 2 : 1));
    if (chance(c, 128))
        lineage_split(c, &l, l.n - 1, PROT_READ | PROT_WRITE);
    else if (chance(c, 224))
        step_at(c, OP_MPROTECT, l.at, l.pages)->prot = PROT_READ;
    if (chance(c, 96) && l.n > 2) /* and 4 exits, whose anon_vmas the pages still name */
        lineage_exit(c, &l, l.n - 2);
    if (chance(c, 128))
        lineage_touch(c, &l, l.n - 1);
    if (chance(c, 64))
        perhaps_fail(c, first, NULL);
}
