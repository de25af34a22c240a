/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The stream of several processes: a program in which everything is there that is read or written,
 * so that a real process can run it. What is where is kept by pages while it is made.
 */
#include "bench/procs.h"

#include <stdlib.h>
#include <string.h>

#define MAX_PAGES 8 /* of one operation, but for what mremap adds */
#define MAX_GROWTH 2

/* ---- operations ---- */
struct op op_range(enum op_kind kind, unsigned proc, uint32_t page, uint32_t pages)
{
    struct op op = {.kind = (uint8_t)kind, .proc = (uint8_t)proc};

    op.v[0].pages = (int32_t)page;
    op.v[1].pages = (int32_t)pages;
    return op;
}

struct op op_map(unsigned proc, uint32_t page, uint32_t pages, int prot)
{
    struct op op = op_range(OP_MMAP, proc, page, pages);

    op.prot = (uint8_t)prot; /* the bits are in the order of PROT_READ, _WRITE, _EXEC */
    op.flags = WORD(W_PRIVATE) | WORD(W_ANON) | WORD(W_FIXED);
    return op;
}

struct op op_advise(unsigned proc, uint32_t page, uint32_t pages, unsigned advice)
{
    struct op op = op_range(OP_MADVISE, proc, page, pages);

    op.sel = (uint8_t)advice;
    return op;
}

struct op op_move(unsigned proc, uint32_t page, uint32_t pages, uint32_t new_pages, uint32_t to)
{
    struct op op = op_range(OP_MREMAP, proc, page, pages);

    op.v[2].pages = (int32_t)new_pages;
    op.v[3].pages = (int32_t)to;
    if (to)
        op.flags = WORD(W_MAYMOVE) | WORD(W_MREMAP_FIXED);
    return op;
}

struct op op_fork(unsigned proc, unsigned child)
{
    return (struct op){.kind = OP_FORK, .proc = (uint8_t)proc, .def = (uint8_t)(child + 1)};
}

/* ---- what is where ---- */
struct place {
    uint8_t prot; /* PROT_*; 0: nothing there, since nothing is mapped without any */
    bool edge;    /* a VMA may begin here, whatever has been merged again */
};
struct maker {
    struct rng rng;
    struct program *program;
    uint32_t weight[NR_OPS], total;
    bool alive[PROCS], forking, failed;
    struct place place[PROCS][PROCS_WINDOW + 1];
};

static void emit(struct maker *m, const struct op *op)
{
    m->failed |= program_append(m->program, op) != 0;
}

static uint32_t below(struct maker *m, uint32_t n)
{
    return rng_below(&m->rng, n);
}

/* First page from a random one on, around the window, that has all of prot; or PROCS_WINDOW. */
static uint32_t find_page(struct maker *m, const struct place *place, unsigned prot)
{
    uint32_t start = below(m, PROCS_WINDOW);

    for (uint32_t i = 0; i < PROCS_WINDOW; i++) {
        uint32_t page = (start + i) % PROCS_WINDOW;

        if (place[page].prot && (place[page].prot & prot) == prot)
            return page;
    }
    return PROCS_WINDOW;
}

/* Length of a run of mapped pages, at most `most`. whole: of one VMA. */
static uint32_t run_from(const struct place *place, uint32_t page, uint32_t most, bool whole)
{
    uint32_t n = 1;

    while (n < most && page + n < PROCS_WINDOW && place[page + n].prot &&
           !(whole && place[page + n].edge))
        n++;
    return n;
}

static void set_range(struct place *place, uint32_t page, uint32_t pages, uint8_t prot)
{
    for (uint32_t i = 0; i < pages; i++)
        place[page + i] = (struct place){prot, i == 0};
    place[page + pages].edge = true;
}

/* ---- one operation of each kind ---- */
static void make_map(struct maker *m, unsigned proc)
{
    uint32_t pages = 1 + below(m, MAX_PAGES), page = below(m, PROCS_WINDOW - pages + 1);
    uint8_t prot = below(m, 3) ? PROT_READ | PROT_WRITE : PROT_READ;
    struct op op = op_map(proc, PROCS_FIRST + page, pages, prot);

    set_range(m->place[proc], page, pages, prot);
    emit(m, &op);
}

static void make_unmap(struct maker *m, unsigned proc)
{
    uint32_t pages = 1 + below(m, MAX_PAGES), page = below(m, PROCS_WINDOW - pages + 1);
    struct op op = op_range(OP_MUNMAP, proc, PROCS_FIRST + page, pages);

    set_range(m->place[proc], page, pages, 0);
    emit(m, &op);
}

static void make_protect(struct maker *m, unsigned proc)
{
    struct place *place = m->place[proc];
    uint32_t page = find_page(m, place, 0), pages = 1 + below(m, MAX_PAGES);
    uint8_t prot = below(m, 3) ? PROT_READ | PROT_WRITE : PROT_READ;
    struct op op;

    if (page == PROCS_WINDOW)
        return;
    pages = run_from(place, page, pages, false);
    for (uint32_t i = 0; i < pages; i++)
        place[page + i].prot = prot;
    place[page].edge = place[page + pages].edge = true;
    op = op_range(OP_MPROTECT, proc, PROCS_FIRST + page, pages);
    op.prot = prot;
    emit(m, &op);
}

/* Shrinks in place, or moves and perhaps grows. One VMA: kernels before 6.17 move no more. */
static void make_remap(struct maker *m, unsigned proc)
{
    struct place *place = m->place[proc];
    uint32_t page = find_page(m, place, 0), pages = 1 + below(m, MAX_PAGES), fresh, to;
    bool shrink = !below(m, 4);
    uint8_t prot;
    struct op op;

    if (page == PROCS_WINDOW)
        return;
    pages = run_from(place, page, pages, true);
    prot = place[page].prot;
    if (shrink && pages > 1) {
        fresh = 1 + below(m, pages - 1);
        set_range(place, page + fresh, pages - fresh, 0);
        op = op_move(proc, PROCS_FIRST + page, pages, fresh, 0);
        emit(m, &op);
        return;
    }
    fresh = pages + below(m, MAX_GROWTH + 1);
    to = below(m, PROCS_WINDOW - fresh + 1);
    if (to < page + pages && page < to + fresh) /* EINVAL otherwise */
        return;
    set_range(place, page, pages, 0);
    set_range(place, to, fresh, prot);
    op = op_move(proc, PROCS_FIRST + page, pages, fresh, PROCS_FIRST + to);
    emit(m, &op);
}

static void make_access(struct maker *m, unsigned proc, enum op_kind kind)
{
    uint32_t page = find_page(m, m->place[proc], kind == OP_WRITE ? PROT_WRITE : PROT_READ);
    struct op op = op_range(kind, proc, PROCS_FIRST + page, 0);

    if (page < PROCS_WINDOW)
        emit(m, &op);
}

static void make_reclaim(struct maker *m, unsigned proc)
{
    uint32_t page = find_page(m, m->place[proc], 0), pages = 1 + below(m, MAX_PAGES);
    struct op op;

    if (page == PROCS_WINDOW)
        return;
    pages = run_from(m->place[proc], page, pages, false);
    op = op_range(OP_RECLAIM, proc, PROCS_FIRST + page, pages);
    emit(m, &op);
}

static void make_fork(struct maker *m, unsigned proc)
{
    unsigned child = 0;
    struct op op;

    while (m->alive[child])
        child++;
    m->alive[child] = true;
    memcpy(m->place[child], m->place[proc], sizeof(m->place[child]));
    op = op_fork(proc, child);
    emit(m, &op);
}

static void make_exit(struct maker *m, unsigned proc)
{
    struct op op = {.kind = OP_EXIT, .proc = (uint8_t)proc};

    m->alive[proc] = false;
    m->forking = true; /* next: always the same number of processes */
    emit(m, &op);
}

static void make_one(struct maker *m, enum op_kind kind)
{
    unsigned proc = below(m, PROCS);

    while (!m->alive[proc])
        proc = (proc + 1) % PROCS;
    if (m->forking) {
        m->forking = false;
        make_fork(m, proc);
        return;
    }
    switch (kind) {
    case OP_MMAP:
        make_map(m, proc);
        break;
    case OP_MUNMAP:
        make_unmap(m, proc);
        break;
    case OP_MPROTECT:
        make_protect(m, proc);
        break;
    case OP_MREMAP:
        make_remap(m, proc);
        break;
    case OP_RECLAIM:
        make_reclaim(m, proc);
        break;
    case OP_EXIT:
        make_exit(m, proc);
        break;
    default:
        make_access(m, proc, kind);
        break;
    }
}

static enum op_kind choose(struct maker *m)
{
    uint32_t n = below(m, m->total);
    unsigned kind = 0;

    while (n >= m->weight[kind])
        n -= m->weight[kind++];
    return (enum op_kind)kind;
}

/* The generator's own weights. Each exit brings a fork. */
static void weigh(struct maker *m, bool swap)
{
    static const enum op_kind kinds[] = {OP_MMAP, OP_MUNMAP, OP_MPROTECT, OP_MREMAP,
                                         OP_READ, OP_WRITE,  OP_EXIT,     OP_RECLAIM};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (kinds[i] == OP_RECLAIM && !swap)
            continue;
        m->weight[kinds[i]] = op_table[kinds[i]].weight;
        m->total += op_table[kinds[i]].weight;
    }
}

struct program *procs_stream(size_t nfill, size_t nop, bool swap, uint64_t seed)
{
    struct maker *m = calloc(1, sizeof(*m));
    struct program *p = program_new((uint32_t)(nfill + nop) + 1);

    if (!m || !p) {
        free(m);
        program_free(p);
        return NULL;
    }
    p->config = world_config_default;
    p->config.total_ram = 1U << 20;
    m->program = p;
    m->alive[0] = true;
    rng_seed(&m->rng, seed);
    weigh(m, swap);
    while (p->nr < nfill + nop && !m->failed) {
        enum op_kind kind = choose(m);
        size_t alive = 0;

        for (unsigned i = 0; i < PROCS; i++)
            alive += m->alive[i];
        if (alive < PROCS && p->nr > nfill / 2 / PROCS * alive)
            m->forking = true; /* at first one after the other, so that they differ */
        make_one(m, alive < PROCS && kind == OP_EXIT ? OP_MMAP : kind);
    }
    if (m->failed) {
        program_free(p);
        p = NULL;
    }
    free(m);
    return p;
}
