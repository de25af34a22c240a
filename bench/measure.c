/* SPDX-License-Identifier: GPL-2.0-only */
/* Interleaved rounds, minimum and median, ratios, and the tables that say so. */
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

uint64_t tick_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

struct cell cell_of(double *ns, unsigned n)
{
    qsort(ns, n, sizeof(*ns), by_value);
    return (struct cell){.measured = true, .min = ns[0], .median = ns[n / 2]};
}

void cell_print(const struct cell *c)
{
    if (c->measured)
        printf(" %.3g/%.3g |", c->min, c->median);
    else
        printf(" - |");
}

struct entrant {
    void *self;
    uint64_t answers;
    double ns[MAX_ROUNDS];
};

unsigned measure(const struct contender *const c[], unsigned n, uint32_t live,
                 const struct stream *s, unsigned rounds, struct cell cells[])
{
    struct entrant *e = calloc(n, sizeof(*e));
    size_t segment;
    unsigned disagreements = 0;
    uint64_t layout = 0;

    if (!e)
        return 1;
    segment = s->nop / (rounds + 1);
    for (unsigned i = 0; i < n; i++) {
        if (c[i]->max_live && live > c[i]->max_live)
            continue;
        e[i].self = c[i]->open(&s->world);
        if (e[i].self)
            e[i].answers = c[i]->run(e[i].self, s->fill, s->nfill);
    }
    for (unsigned round = 0; round <= rounds; round++) { /* the first one warms up */
        for (unsigned i = 0; i < n; i++) {
            uint64_t from = now_ns(), sum;

            if (!e[i].self)
                continue;
            sum = c[i]->run(e[i].self, s->op + round * segment, segment);
            if (round)
                e[i].ns[round - 1] = (double)(now_ns() - from) / (double)segment;
            e[i].answers = fold(e[i].answers, sum);
        }
    }
    for (unsigned i = 0; i < n; i++) {
        cells[i] = (struct cell){.measured = false};
        if (!e[i].self)
            continue;
        if (!i)
            layout = c[i]->layout(e[i].self);
        if (e[i].answers != e[0].answers || c[i]->layout(e[i].self) != layout) {
            fprintf(stderr, "vmafuzz-bench: %s disagrees with %s at %u VMAs\n", c[i]->name,
                    c[0]->name, live);
            disagreements++;
        }
        c[i]->close(e[i].self);
        cells[i] = cell_of(e[i].ns, rounds);
    }
    free(e);
    return disagreements;
}

unsigned bench_sizes(const struct bench_options *o, uint32_t sizes[MAX_SIZES])
{
    unsigned n = 0;

    if (o->live) {
        sizes[0] = o->live;
        return 1;
    }
    for (uint32_t size = 10; size <= (o->quick ? 1000 : 100000); size *= 10)
        sizes[n++] = size;
    return n;
}

void table_head(const char *title, const char *unit, const uint32_t *sizes, unsigned n)
{
    printf("\n### %s\n\n%s\n\n| live VMAs |", title, unit);
    for (unsigned i = 0; i < n; i++)
        printf(" %u |", sizes[i]);
    printf("\n| --- |");
    for (unsigned i = 0; i < n; i++)
        printf(" --- |");
    printf("\n");
}

static void print_ratios(const struct ratio *ratios, unsigned nratios, unsigned nsizes,
                         struct cell cells[][MAX_CONTENDERS])
{
    for (unsigned i = 0; i < nratios; i++) {
        const struct ratio *r = &ratios[i];

        printf("| *%s* |", r->name);
        for (unsigned s = 0; s < nsizes; s++) {
            const struct cell *over = &cells[s][r->over], *under = &cells[s][r->under];

            if (over->measured && under->measured)
                printf(" %.2fx |", over->min / under->min);
            else
                printf(" - |");
        }
        printf("\n");
    }
}

unsigned bench_table(const char *title, const struct contender *const c[], unsigned n,
                     stream_maker *make, const struct ratio *ratios, unsigned nratios,
                     const struct bench_options *o)
{
    struct cell cells[MAX_SIZES][MAX_CONTENDERS];
    uint32_t sizes[MAX_SIZES];
    unsigned nsizes = bench_sizes(o, sizes), disagreements = 0;
    size_t segment = o->quick ? 1000 : 20000;

    for (unsigned i = 0; i < nsizes; i++) {
        struct stream s;

        if (!make(&s, sizes[i], segment * (o->rounds + 1))) {
            fprintf(stderr, "vmafuzz-bench: out of memory\n");
            exit(1);
        }
        disagreements += measure(c, n, sizes[i], &s, o->rounds, cells[i]);
        stream_fini(&s);
    }
    table_head(title, "ns per operation, minimum/median of interleaved rounds", sizes, nsizes);
    for (unsigned k = 0; k < n; k++) {
        printf("| %s |", c[k]->name);
        for (unsigned i = 0; i < nsizes; i++)
            cell_print(&cells[i][k]);
        printf("\n");
    }
    print_ratios(ratios, nratios, nsizes, cells);
    printf("\nDisagreements in answers or layouts: %u\n", disagreements);
    fflush(stdout);
    return disagreements;
}
