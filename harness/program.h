/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A program: the only thing that travels through the harness. A world description and a list of
 * operations, in one of three forms: in memory (struct program), text (*.vma, docs/program.md),
 * and wire (bytes for the fuzzing engines).
 */
#ifndef HARNESS_PROGRAM_H
#define HARNESS_PROGRAM_H

#include "model/mm.h"

#include <stdio.h>

enum op_kind {
    OP_NONE, /* a record that was deleted: decoded to nothing */
#define OP(id, ...) OP_##id,
#include "harness/ops.def"
#undef OP
    NR_OPS
};

/* Kinds of arguments, as ops.def names them. */
enum arg {
    ARG_END,
    /* op.v: value slots, in this order */
    ARG_ADDR,
    ARG_LEN,
    ARG_NEWLEN,
    ARG_TO,
    ARG_OFF,
    ARG_PAGES,
    /* op.prot: r w x growsdown growsup invalid */
    ARG_PROT,
    /* op.flags: any words of a list */
    ARG_MAP,
    ARG_MREMAP,
    ARG_MLOCK2,
    ARG_MCL,
    ARG_MSYNC,
    ARG_UFFD_MODE,
    ARG_FMODE,
    ARG_NODES,
    ARG_RACE,    /* perhaps the word "dontneed" */
    ARG_RECLAIM, /* perhaps the word "keep" */
    ARG_ZERO,    /* perhaps the word "zero" */
    /* op.sel: one word of a list */
    ARG_ADVICE,
    ARG_POLICY,
    ARG_RLIMIT,
    ARG_KIND,
    ARG_NAME,
    ARG_PIN_MODE, /* read, write */
    ARG_WALK,     /* referenced, mkclean, idle_set, idle_get */
    ARG_CONTENTS, /* zeroes, ones, twos */
    /* op.obj */
    ARG_FILE,
    ARG_FILE_OPT,
    ARG_CONTEXT,
    ARG_PIN,
};
enum def_kind { DEF_NONE, DEF_MAPPING, DEF_FILE, DEF_CONTEXT, DEF_PROC, DEF_PIN };

#define MAX_ARGS 6
#define MAX_VALUES 4
#define MAX_NAMES 64 /* of mappings; files, contexts and pins: MAX_FDS each */

/* What a value counts from. */
enum anchor {
    ANCHOR_ZERO,    /* 0x10: plain number of pages */
    ANCHOR_MAPPING, /* a+2: from the answer of the operation that defined a; from 0 if it failed */
    ANCHOR_TASK,    /* task-1: from the configured task_size */
    ANCHOR_BASE,    /* base-4: from mmap_base */
    ANCHOR_BRK,     /* brk+3: from start_brk */
    ANCHOR_TOP,     /* top-2: from 2^52 pages, the end of 64-bit byte addresses and of offsets */
    NR_ANCHORS
};
/* anchor + pages, then + bytes: 8 bytes, printed as 0x10, a+2, task-1, 0x10:0x800 */
struct value {
    uint8_t anchor;
    uint8_t name;  /* ANCHOR_MAPPING: 1..MAX_NAMES */
    int16_t bytes; /* -4095..4095: an address or length that is not whole pages */
    int32_t pages;
};

struct op {
    uint8_t kind;
    uint8_t proc;  /* 0..MAX_PROCS-1 */
    uint8_t def;   /* name that it defines: mapping 1..MAX_NAMES, file, context or pin 1..MAX_FDS,
                      process 1..MAX_PROCS (1 + its number); 0 */
    uint8_t obj;   /* file, context or pin that it uses: 1..MAX_FDS; 0: none */
    uint16_t fail; /* make its Nth allocation fail; 0: none */
    uint8_t prot, sel;
    uint32_t flags; /* bit i: i-th word of the argument's word list */
    struct value v[MAX_VALUES];
};

struct program {
    struct world_config config;
    bool rules_given; /* the text or wire form named the rules; otherwise any preset may be used */
    uint32_t nr, cap;
    struct op *op; /* cap of them, caller's or program_new()'s */
    char *header;  /* comment lines before the first operation, with '#' and newline; owned; NULL */
    bool grows;    /* op came from the heap: program_append() may move it */
};

struct op_info {
    const char *name, *sentence;
    uint8_t args[MAX_ARGS + 1]; /* ARG_END-terminated */
    uint8_t weight, def;
};
extern const struct op_info op_table[NR_OPS];

/* Words of an argument kind: what they are called and what they are in the ABI. RLIMIT and KIND are
 * not in the user ABI as the model takes them: enum mm_rlimit and enum file_kind stand for them. */
struct word {
    const char *text;
    uint32_t abi;
};
const struct word *arg_words(enum arg arg, unsigned *n); /* NULL for kinds without words */

/* What an argument, and an operation with its arguments, look like: "ADDR", "munmap ADDR LEN". */
#define OP_FORM_SIZE 128
const char *arg_title(enum arg arg);
void op_form(const struct op_info *op, char form[OP_FORM_SIZE]);

struct program *program_new(uint32_t cap); /* NULL: out of memory; grows in program_append() */
/* A program in the caller's array of operations does not grow: -ENOMEM when it is full. */
void program_free(struct program *p);
int program_append(struct program *p, const struct op *op);       /* 0 or -ENOMEM */
int program_copy(struct program *to, const struct program *from); /* 0 or -ENOMEM */

/* ---- text ---- */
struct parse_error {
    unsigned line, column; /* from 1 */
    char text[160];        /* what was expected, without place or file name */
};
/* Reads the whole text. 0; -EINVAL with *err filled; -ENOMEM. Any bytes may be given. */
int program_parse(struct program *p, const char *text, size_t size, struct parse_error *err);
/* Whole program, or one operation without the newline. */
void program_print(const struct program *p, FILE *to);
void op_print(const struct op *op, FILE *to);

/* ---- random numbers ---- */
struct rng {
    uint64_t s[4]; /* xoshiro256** */
};
void rng_seed(struct rng *r, uint64_t seed);
/* Here, since the generator asks ten times for each operation. */
static inline uint64_t rng_next(struct rng *r)
{
    uint64_t *s = r->s, x = s[1] * 5, t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = s[3] << 45 | s[3] >> 19;
    return (x << 7 | x >> 57) * 9;
}
static inline uint32_t rng_below(struct rng *r, uint32_t n) /* 0..n-1; n > 0 */
{
    return (uint32_t)((rng_next(r) >> 32) * n >> 32);
}

/* ---- wire ---- */
#define RECORD_SIZE 40 /* bytes; the first record of a wire program is the world's */
/* Total: any bytes give a valid program; a trailing part of a record counts as zero-filled. Takes
 * at most p->cap operations; never allocates. */
void program_decode(struct program *p, const uint8_t *data, size_t size);
/* Bytes needed, or -ENOSPC if size is too small, -ERANGE if the world is not one that the wire form
 * can say. decode(encode(p)) prints as p does, but for comments and the spelling of names. */
long program_encode(const struct program *p, uint8_t *data, size_t size);
void record_encode(const struct op *op, uint8_t record[RECORD_SIZE]);
/* For the engines' custom mutators. Changes the records in data[0..size) and returns the new size,
 * at most max_size; any size is taken. boundaries: n pages of interest, such as the bounds of live
 * VMAs, that addresses are drawn to; may be NULL with n 0. */
size_t wire_mutate(uint8_t *data, size_t size, size_t max_size, struct rng *r,
                   const uint64_t *boundaries, unsigned n);
/* Records of a, then of b, cut at random; returns the size of what is in out[0..max_size). */
size_t wire_crossover(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size,
                      uint8_t *out, size_t max_size, struct rng *r);

/* ---- resolved: what a subject is asked to do, in ABI terms ---- */
struct call {
    uint8_t kind, proc;
    uint8_t child; /* number of the process that fork makes */
    uint16_t fail;
    int fd, new_fd;       /* descriptor used, descriptor to be made; -1: none. Contexts and pins as
                             well */
    uint64_t addr, len;   /* bytes */
    uint64_t new_len, to; /* bytes */
    uint64_t off;         /* OFF: bytes (as mmap takes it); remap_file_pages: pages */
    uint64_t pages;       /* PAGES */
    int prot, flags; /* ABI values; flags holds the nodes of mbind, the mode of open and uffd */
    unsigned
        sel; /* ABI value of ADVICE, POLICY, RLIMIT, KIND; PIN_MODE, 1: write; WALK; CONTENTS */
    const char *name; /* NAME, NULL: take the name away */
    uint64_t stamp;   /* what a write puts there: the operation's place in the program, from 1. The
                         executor's to fill in: an operation does not know its place */
};
/* Contents that are the same wherever they are written: digits, as no operation's number is. */
static inline uint64_t fill_stamp(unsigned digit)
{
    return digit * UINT64_C(0x1111111111111111);
}
/* results[n] is the answer of the operation that defined mapping name n; index 0 is unused. */
void op_resolve(const struct op *op, const struct world_config *config,
                const long results[MAX_NAMES + 1], struct call *call);

/* ---- the generator ---- */
#define MAX_PLAN 32
struct generator {
    struct rng rng;
    uint32_t weight[NR_OPS]; /* swarm: this run's weights, some zero */
    uint32_t total_weight;
    uint8_t pick[256]; /* kinds, as often as their weights say: one look-up picks one */
    uint32_t window_start, window_pages; /* where most addresses fall */
    uint8_t next_name;
    uint8_t prot_habit[3], flag_habit[3]; /* values that are repeated so that merges happen */
    uint8_t advice_habit[3], policy_habit[3], file_habit[3];
    uint8_t max_procs;            /* processes alive at a time; 1: this run does not fork */
    uint8_t proc, youngest;       /* who is at work, and who was forked last */
    uint32_t fail_rate;           /* per mille of operations with a failing allocation */
    uint32_t plan_rate;           /* per mille of operations that start a plan */
    uint8_t plan_at, plan_nr;     /* operations of a plan that are still to come */
    struct op plan[MAX_PLAN + 1]; /* the last: for what does not fit any more */
};
/* A new run: picks the swarm and, unless fixed, the world. config->rules is left as it is. */
void generator_start(struct generator *g, uint64_t seed, struct world_config *config,
                     bool config_fixed);
/* Next operation, from the live state of the world (read only). */
void generator_next(struct generator *g, const struct world *world,
                    const long results[MAX_NAMES + 1], struct op *op);

#endif
