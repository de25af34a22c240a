/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The bench: the same pregenerated stream of operations on the model and on its anchors, in
 * interleaved rounds, with answers and final layouts compared. Figures of one run are comparable
 * with each other and with nothing else; the ratios are what counts.
 *
 * Pages of a stream count from the start of its window; each contender adds its own base.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum bench_op_kind {
    BENCH_MAP, /* anonymous memory at page, over whatever is there */
    BENCH_UNMAP,
    BENCH_FIND,   /* answer: first page of the first VMA that ends above page */
    BENCH_SEARCH, /* where PLACE would go; anchors only */
    BENCH_PLACE,  /* anonymous memory where the address search puts it; answer: the page */
};
struct bench_op {
    uint8_t kind, prot;
    uint16_t pages;
    uint32_t page;
};
#define BENCH_NOWHERE UINT32_MAX /* answer: not found */

struct world; /* the model's */
struct bench_world {
    uint32_t window_pages; /* the stream's addresses are below */
    uint32_t max_vmas;
    bool bottomup; /* direction of PLACE and SEARCH, over the whole window */
};

/* The sum of a batch's answers, in order: of a batch of one, its answer. */
static inline uint64_t fold(uint64_t sum, uint64_t answer)
{
    return sum * 0x9e3779b97f4a7c15 + answer;
}

/* One implementation of an address space. */
struct contender {
    const char *name;
    uint32_t max_live; /* not measured with more VMAs than these; 0: no limit */
    void *(*open)(const struct bench_world *w); /* NULL: cannot be had here */
    uint64_t (*run)(void *self, const struct bench_op *op, size_t n);
    uint64_t (*layout)(void *self); /* fold of (start, end) of all VMAs in address order */
    void (*close)(void *self);
};
extern const struct contender contender_bsd, contender_array, contender_map, contender_map_search,
    contender_syscall, contender_model, contender_exec_off, contender_exec_touched,
    contender_exec_spec, contender_exec_full, contender_exec_each;

/* The world behind contender_model. */
const struct world *model_world(const void *self);
/* Checks all of the tree: list, order, colours, black heights, gaps. Anchor of full validation. */
bool bsd_valid(const void *self);

/* ---- streams ---- */
struct stream {
    struct bench_world world;
    struct bench_op *fill, *op; /* fill makes the steady state */
    size_t nfill, nop;
};
/* Unmap a random VMA of 1 to 4 pages, map another in a random free slot: no neighbours touch. */
bool stream_churn(struct stream *s, uint32_t live, size_t nop, uint64_t seed);
/* Maps and unmaps 1 to 9 pages over anything, with two protections: splits, trims and merges. */
bool stream_mixed(struct stream *s, uint32_t live, size_t nop, uint64_t seed);
/* find_vma at random pages of a churn layout. */
bool stream_find(struct stream *s, uint32_t live, size_t nop, uint64_t seed);
/* Bursts: a quarter of the VMAs go, then as many are placed by search, one in 16 of 32 pages. */
bool stream_search(struct stream *s, uint32_t live, size_t nop, bool bottomup, uint64_t seed);
void stream_fini(struct stream *s);

/* ---- measuring ---- */
struct cell {
    bool measured;
    double min, median; /* ns per operation */
};
struct bench_options {
    bool quick;
    unsigned rounds;
    uint32_t live; /* 0: all sizes */
};
#define MAX_CONTENDERS 12
#define MAX_SIZES 8
#define MAX_ROUNDS 101
uint64_t now_ns(void);  /* CPU time of this process, system calls included */
uint64_t tick_ns(void); /* wall time: cheap to read, for what is too short to repeat */
struct cell cell_of(double *ns, unsigned n); /* sorts ns */
void cell_print(const struct cell *c);
/* Title and head of a markdown table: first column's name, then the sizes. */
void table_head(const char *title, const char *unit, const uint32_t *sizes, unsigned n);
/* Runs all contenders over the stream. Returns how many disagree with the first one. */
unsigned measure(const struct contender *const c[], unsigned n, uint32_t live,
                 const struct stream *s, unsigned rounds, struct cell cells[]);

struct ratio {
    const char *name;
    unsigned over, under; /* contenders: over's minimum / under's */
};
/* A table over the sizes, made by `make`; returns disagreements. */
typedef bool stream_maker(struct stream *s, uint32_t live, size_t nop);
unsigned bench_table(const char *title, const struct contender *const c[], unsigned n,
                     stream_maker *make, const struct ratio *ratios, unsigned nratios,
                     const struct bench_options *o);
/* The sizes of this run. */
unsigned bench_sizes(const struct bench_options *o, uint32_t sizes[MAX_SIZES]);

/* ---- the parts; each returns its number of disagreements ---- */
unsigned bench_churn(const struct bench_options *o);
unsigned bench_find(const struct bench_options *o);
unsigned bench_search(const struct bench_options *o);
unsigned bench_touched(const struct bench_options *o);
unsigned bench_full(const struct bench_options *o);
unsigned bench_reset(const struct bench_options *o);
unsigned bench_shrink(const struct bench_options *o);
unsigned bench_procs(const struct bench_options *o);
unsigned bench_pages(const struct bench_options *o);

#endif
