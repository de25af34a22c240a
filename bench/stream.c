/* SPDX-License-Identifier: GPL-2.0-only */
/* The streams: made before anything is timed, the same for every contender. */
#include "bench/bench.h"
#include "harness/program.h"

#include <stdlib.h>

#define SLOT_PAGES 6 /* 1 to 4 used: no two VMAs touch */
#define MIN_WINDOW 4096

static const uint8_t prots[] = {PROT_READ | PROT_WRITE, PROT_READ, PROT_NONE,
                                PROT_READ | PROT_EXEC};

void stream_fini(struct stream *s)
{
    free(s->fill);
    free(s->op);
}

static bool stream_init(struct stream *s, uint32_t live, size_t nop, uint32_t window_pages)
{
    *s = (struct stream){.nfill = live, .nop = nop};
    s->world.window_pages = window_pages < MIN_WINDOW ? MIN_WINDOW : window_pages;
    s->world.max_vmas = live * 2 + 64;
    s->fill = calloc(live, sizeof(*s->fill));
    s->op = calloc(nop, sizeof(*s->op));
    if (!s->fill || !s->op) {
        stream_fini(s);
        return false;
    }
    return true;
}

static void swap(uint32_t *a, uint32_t *b)
{
    uint32_t keep = *a;

    *a = *b;
    *b = keep;
}

/* Slots in random order: the first `live` are used. */
static uint32_t *shuffled_slots(struct rng *rng, uint32_t n)
{
    uint32_t *slot = calloc(n, sizeof(*slot));

    for (uint32_t i = 0; slot && i < n; i++)
        slot[i] = i;
    for (uint32_t i = n; slot && i > 1; i--)
        swap(&slot[i - 1], &slot[rng_below(rng, i)]);
    return slot;
}

static struct bench_op churn_map(struct rng *rng, uint32_t slot)
{
    return (struct bench_op){BENCH_MAP, PROT_READ | PROT_WRITE, (uint16_t)(1 + rng_below(rng, 4)),
                             slot * SLOT_PAGES};
}

bool stream_churn(struct stream *s, uint32_t live, size_t nop, uint64_t seed)
{
    uint32_t slots = 2 * live, *slot;
    struct rng rng;

    rng_seed(&rng, seed);
    if (!stream_init(s, live, nop & ~1UL, slots * SLOT_PAGES))
        return false;
    slot = shuffled_slots(&rng, slots);
    if (!slot) {
        stream_fini(s);
        return false;
    }
    for (uint32_t i = 0; i < live; i++)
        s->fill[i] = churn_map(&rng, slot[i]);
    for (size_t i = 0; i < s->nop; i += 2) {
        uint32_t used = rng_below(&rng, live), empty = live + rng_below(&rng, slots - live);

        s->op[i] = (struct bench_op){BENCH_UNMAP, 0, 4, slot[used] * SLOT_PAGES};
        swap(&slot[used], &slot[empty]);
        s->op[i + 1] = churn_map(&rng, slot[used]);
    }
    free(slot);
    return true;
}

bool stream_mixed(struct stream *s, uint32_t live, size_t nop, uint64_t seed)
{
    struct rng rng;

    if (!stream_churn(s, live, nop, seed))
        return false;
    s->world.max_vmas = live * 4 + 64;
    rng_seed(&rng, seed + 1);
    for (size_t i = 0; i < s->nop; i++) {
        struct bench_op *op = &s->op[i]; /* a draw a statement: every compiler's stream is one */

        op->kind = rng_below(&rng, 2) ? BENCH_MAP : BENCH_UNMAP;
        op->prot = prots[rng_below(&rng, 2)];
        op->pages = (uint16_t)(1 + rng_below(&rng, 9));
        op->page = rng_below(&rng, live * 2 * SLOT_PAGES - op->pages);
    }
    return true;
}

bool stream_find(struct stream *s, uint32_t live, size_t nop, uint64_t seed)
{
    struct rng rng;

    if (!stream_churn(s, live, nop, seed))
        return false;
    rng_seed(&rng, seed + 1);
    for (size_t i = 0; i < s->nop; i++)
        s->op[i] = (struct bench_op){BENCH_FIND, 0, 0, rng_below(&rng, s->world.window_pages)};
    return true;
}

/* What is where while a search stream is made. */
struct placing {
    struct rng rng;
    void *tree;
    uint8_t *prot_at; /* page + 1 -> 1 + index in prots; 0: free */
    struct bench_op *live;
    uint32_t nlive;
};

/* Places the next VMA, with a protection that neither neighbour has: nothing merges. */
static struct bench_op place(struct placing *p)
{
    uint16_t pages = rng_below(&p->rng, 16) ? (uint16_t)(1 + rng_below(&p->rng, 4)) : 32;
    struct bench_op op = {BENCH_SEARCH, 0, pages, 0};
    uint32_t page = (uint32_t)contender_bsd.run(p->tree, &op, 1), pick = rng_below(&p->rng, 4);

    while (pick + 1 == p->prot_at[page] || pick + 1 == p->prot_at[page + pages + 1])
        pick = (pick + 1) % 4;
    for (uint32_t i = 0; i < pages; i++)
        p->prot_at[page + 1 + i] = (uint8_t)(pick + 1);
    op.kind = BENCH_PLACE;
    op.prot = prots[pick];
    contender_bsd.run(p->tree, &op, 1);
    p->live[p->nlive++] = (struct bench_op){BENCH_UNMAP, 0, pages, page};
    return op;
}

static struct bench_op displace(struct placing *p)
{
    uint32_t victim = rng_below(&p->rng, p->nlive);
    struct bench_op op = p->live[victim];

    p->live[victim] = p->live[--p->nlive];
    contender_bsd.run(p->tree, &op, 1);
    for (uint32_t i = 0; i < op.pages; i++)
        p->prot_at[op.page + 1 + i] = 0;
    return op;
}

bool stream_search(struct stream *s, uint32_t live, size_t nop, bool bottomup, uint64_t seed)
{
    struct placing p = {.nlive = 0};
    uint32_t burst = live / 4 ? live / 4 : 1;
    bool ok = false;

    rng_seed(&p.rng, seed);
    if (!stream_init(s, live, nop, live * 16))
        return false;
    s->world.bottomup = bottomup;
    p.tree = contender_bsd.open(&s->world);
    p.prot_at = calloc(s->world.window_pages + 2, 1);
    p.live = calloc(live, sizeof(*p.live));
    if (p.tree && p.prot_at && p.live) {
        for (uint32_t i = 0; i < live; i++)
            s->fill[i] = place(&p);
        for (size_t i = 0; i < nop; i++)
            s->op[i] = i / burst % 2 ? place(&p) : displace(&p);
        ok = true;
    }
    free(p.live);
    free(p.prot_at);
    if (p.tree)
        contender_bsd.close(p.tree);
    if (!ok)
        stream_fini(s);
    return ok;
}
