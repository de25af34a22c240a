/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Parts "procs" and "pages": operations of several processes with pages. Their stream is a program
 * of the harness, all addresses fixed; the running kernel gets it as agents, one for each process.
 */
#ifndef BENCH_PROCS_H
#define BENCH_PROCS_H

#include "bench/bench.h"
#include "harness/codec.h"
#include "harness/harness.h"

#define PROCS 8          /* processes of the stream */
#define PROCS_FIRST 64   /* first page of its window */
#define PROCS_WINDOW 124 /* pages; chosen for 200 VMAs in all */

/* ---- operations ---- */
struct op op_map(unsigned proc, uint32_t page, uint32_t pages, int prot);
struct op op_range(enum op_kind kind, unsigned proc, uint32_t page, uint32_t pages);
struct op op_advise(unsigned proc, uint32_t page, uint32_t pages, unsigned advice);
struct op op_move(unsigned proc, uint32_t page, uint32_t pages, uint32_t new_pages, uint32_t to);
struct op op_fork(unsigned proc, unsigned child);

/* ---- the stream ---- */
/* The first nfill operations make the steady state. NULL: out of memory. */
struct program *procs_stream(size_t nfill, size_t nop, bool swap, uint64_t seed);

/* What a call answers, to be compared: addresses count from the address space's `base`. */
static inline long procs_answer(const struct call *c, long ret, uintptr_t base)
{
    return ret > 0 && (c->kind == OP_MMAP || c->kind == OP_MREMAP) ? ret - (long)base : ret;
}
/* One mapped page of a final state: number, protection (PROT_*), contents. */
static inline uint64_t procs_page(uint64_t sum, uint64_t page, unsigned prot, uint64_t contents)
{
    return fold(fold(fold(sum, page), prot), contents);
}

/* What now_ns() adds to what is between two readings. */
double clock_cost(void);

/* ---- the running kernel ---- */
struct agents;
struct agents *agents_open(void); /* process 0; NULL: processes cannot be had here */
/* Does what is asked of the process; *ns is the CPU time of the call itself, and clock_cost().
 * False: it died. */
bool agents_call(struct agents *a, const struct call *c, long *answer, double *ns);
/* Folds all pages in the window of the process in, and counts its VMAs there. */
bool agents_layout(struct agents *a, unsigned proc, uint64_t *sum, unsigned *vmas);
void agents_close(struct agents *a);
bool kernel_swaps(void); /* is there swap space? */
/* Body of an agent: main() with the option below and a descriptor. */
#define AGENT_OPTION "--agent"
int agent_main(int fd);

#endif
