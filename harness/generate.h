/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the generator share.
 *
 * generate.c        the run's habits, the next operation     generate_map.c   what places mappings
 * generate_attr.c   what changes attributes, and the rest    generate_plan.c  several steps at once
 * generate_anon.c   fork, exit, and plans about memory that has pages of its own
 * generate_page.c   what is done to pages                generate_page_plan.c  and plans about them
 * generate_huge.c   plans about huge pages                 generate_ksm.c        and equal ones
 *
 * The world is read through model/mm.h only, and never walked: a VMA is found by descending the
 * tree to a random page, so that an operation costs the same in a large world as in a small one.
 */
#ifndef HARNESS_GENERATE_H
#define HARNESS_GENERATE_H

#include "harness/codec.h"

struct gen {
    struct generator *g;
    const struct world *w;
    const struct mm *mm; /* of process proc */
    uint8_t proc;
    const long *results;
    struct op *op;
};

/* [start, end), pages */
struct range {
    uint32_t start, end;
};

enum flavour { /* what kind of mapping a run likes to make */
               FLAVOUR_ANON,
               FLAVOUR_ANON_SHARED,
               FLAVOUR_FILE_PRIVATE,
               FLAVOUR_FILE_SHARED,
               FLAVOUR_GROWSDOWN,
               FLAVOUR_GROWSUP,
               FLAVOUR_NORESERVE,
               FLAVOUR_LOCKED,
               NR_FLAVOURS
};

static inline uint32_t below(struct gen *c, uint32_t n)
{
    return rng_below(&c->g->rng, n);
}

/* True n times in 256. */
static inline bool chance(struct gen *c, unsigned n)
{
    return rng_next(&c->g->rng) >> 56 < n;
}

static inline uint32_t page_of(uintptr_t addr)
{
    return (uint32_t)(addr >> PAGE_SHIFT);
}

static inline struct range range_of(const struct vma *v)
{
    return (struct range){page_of(v->vm_start), page_of(v->vm_end)};
}

static inline uint32_t pages_in(struct range r)
{
    return r.end - r.start;
}

static inline uint32_t task_pages(const struct gen *c)
{
    return (uint32_t)c->w->config.task_size;
}

static inline uint32_t gap_pages(const struct gen *c)
{
    return (uint32_t)c->w->config.stack_guard_gap;
}

static inline bool rules_from(const struct gen *c, enum rules rules)
{
    return c->w->config.rules >= rules;
}

static inline bool private_anon(const struct vma *v)
{
    return !v->vm_ops && !(v->vm_flags & VM_SHARED);
}

/* The one that touches v and shows how v could look to be merged; NULL: none does. */
const struct vma *neighbour(struct gen *c, const struct vma *v);
/* A random VMA, NULL if there is none; the second one prefers those with one of the flags. */
const struct vma *pick_vma(struct gen *c);
const struct vma *pick_vma_with(struct gen *c, uint64_t vm_flags);
/* One to work on, with one of the flags if there are any; without one a mapping is made instead,
 * and NULL comes back. */
const struct vma *work_on(struct gen *c, uint64_t vm_flags);
/* A page of v whose entry has `value` in the bits of `mask`, near a random one. */
bool page_with(struct gen *c, const struct vma *v, pte_t mask, pte_t value, uint32_t *page);
/* One that has entries in the page tables, mostly; NULL: there is none at all. */
const struct vma *pick_page_vma(struct gen *c, uint64_t vm_flags);
struct range pages_of(struct gen *c, const struct vma *v); /* a few with entries, or all of it */
uint32_t pick_page(struct gen *c);                         /* mapped or not */
/* A range about v: all of it, its head, tail or middle, with parts of its neighbours. covered: of
 * calls that do not like holes. */
struct range pick_range(struct gen *c, const struct vma *v, bool covered);
struct range several(struct gen *c, const struct vma *v, bool covered); /* v, up to three more */
/* The hole below or above v. */
struct range hole_below(const struct gen *c, const struct vma *v);
struct range hole_above(const struct gen *c, const struct vma *v);
uint8_t pick_file(struct gen *c); /* obj of an open file, 0: none is open */
uint8_t free_file(struct gen *c); /* obj that is not open, 0: all are */
uint8_t file_of(const struct gen *c, const struct vma *v); /* obj that v maps, 0: none or closed */
uint8_t pick_prot(struct gen *c);

/* Values: slots in the order of the operation's arguments. An address is said from a mapping's name
 * where one is near. */
void set_address(struct gen *c, unsigned slot, uint32_t page);
static inline void set_pages(struct op *op, unsigned slot, uint32_t pages)
{
    op->v[slot].pages = (int32_t)pages;
}
static inline void set_range(struct gen *c, struct range r)
{
    set_address(c, 0, r.start);
    set_pages(c->op, 1, pages_in(r));
}
uint8_t new_name(struct gen *c);               /* perhaps 0: not every mapping needs one */
void become(struct gen *c, enum op_kind kind); /* another operation instead, still without values */

typedef void generate_fn(struct gen *c);
generate_fn generate_mmap, generate_munmap, generate_mremap, generate_brk, generate_special,
    generate_remap_file_pages;
generate_fn generate_range, generate_mprotect, generate_mlock2, generate_mlockall, generate_madvise,
    generate_mbind, generate_name, generate_msync, generate_access, generate_find,
    generate_find_range, generate_gate, generate_setrlimit, generate_open, generate_file,
    generate_uffd, generate_uffd_close, generate_uffd_range, generate_nothing, generate_fork,
    generate_exit, generate_force, generate_pin, generate_device, generate_behind, generate_exe,
    generate_khugepaged, generate_ksm;

/* ---- processes ---- */
unsigned live_procs(const struct world *w);
uint8_t pick_proc(struct gen *c); /* a live one; 0 if there is none */
/* A number that no process has, from which one on chance decides; MAX_PROCS: all are in use. */
uint8_t free_proc(struct gen *c);
/* Who works next: mostly who did, sometimes the youngest, sometimes any. */
void choose_proc(struct gen *c);

/* ---- plans: their operations wait in g->plan ---- */
enum { ADDR, LEN, THIRD, FOURTH }; /* value slots */
/* By c->proc. What is more than MAX_PLAN is made in vain. */
struct op *plan_step(struct gen *c, enum op_kind kind);
struct op *step_at(struct gen *c, enum op_kind kind, uint32_t start, uint32_t pages);
/* Fixed private anonymous memory. */
struct op *step_map(struct gen *c, uint32_t start, uint32_t pages, uint8_t prot);
/* obj of a new file; of any, if all are open. */
uint8_t step_open(struct gen *c, uint8_t kind, uint32_t mode);
struct op *step_move(struct gen *c, struct range from, uint32_t to);
/* So many pages in the window, for plans that build their own mappings. */
uint32_t stretch(struct gen *c, uint32_t pages);
#define NOBODY MAX_PROCS
uint8_t step_fork(struct gen *c);              /* the child; NOBODY: there may be no more */
void step_scan(struct gen *c, struct range r); /* for equal pages */
struct op *step_advise(struct gen *c, struct range r, uint8_t advice);
void step_reclaim(struct gen *c, struct range r);
uint8_t step_pin(struct gen *c, uint32_t page, uint8_t mode); /* 0: these rules have no pins */
void step_device(struct gen *c, enum op_kind kind, uint8_t pin);
typedef void plan_fn(struct gen *c);
plan_fn plan_split_faulted, plan_fill_between, plan_back_beside, plan_dontunmap, plan_wipe,
    plan_lineage, plan_abandoned;
plan_fn plan_swap_cycle, plan_back_from_swap, plan_read_by_child, plan_refused, plan_pin_left,
    plan_fork_pinned, plan_lazyfree, plan_forced, plan_one_object, plan_locked_twice,
    plan_two_tables, plan_nobody, plan_fork_fails, plan_exe, plan_mbind_walk, plan_dontunmap_charge,
    plan_populate;
plan_fn plan_huge, plan_collapse;    /* generate_huge.c */
plan_fn plan_ksm, plan_ksm_lazyfree; /* generate_ksm.c */

void plan_after_fork(struct gen *c, uint8_t child);
/* Starts a plan if the world allows one. */
void plan_start(struct gen *c);

#endif
