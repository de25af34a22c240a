/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The wire form: docs/program.md. Every byte string is a program, most of random bytes are sensible
 * arguments, and every argument can still be said exactly.
 *
 *   byte  0     1     2    3    4-5   6     7    8-9    10-11   12-18 19-25 26-32 33-39
 *         kind  proc  def  obj  fail  prot  sel  flags  flags   value value value value
 *
 *   value: pages, 4 bytes; then, from the lowest bit: place (7 bits), mode (4), bytes (13)
 */
#include "harness/codec.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define VALUES_AT 12
#define VALUE_SIZE 7

/* fail counts only behind a mark, so that random bytes mostly leave it 0. */
#define FAIL_MARK 0xf000u

/* place: 0..63 are mapping names; what is above the last anchor is taken as plain pages. */
#define PLACE_ANCHORS MAX_NAMES /* + ANCHOR_ZERO, ANCHOR_TASK, ... */

/* mode: how pages are folded; lengths and offsets have a place only in the last four. */
enum mode { MODE_SMALL = 0, MODE_MEDIUM = 7, MODE_LARGE = 11, MODE_PLACED = 12, MODE_EXACT = 15 };

static uint32_t load(const uint8_t *at, unsigned n)
{
    uint32_t x = 0;

    while (n--)
        x = x << 8 | at[n];
    return x;
}

static void store(uint8_t *at, unsigned n, uint32_t x)
{
    for (unsigned i = 0; i < n; i++, x >>= 8)
        at[i] = (uint8_t)x;
}

/* ---- values ---- */
struct fold {
    int32_t low;
    uint32_t count; /* [low, low + count) stays as it is; the rest is taken modulo count */
};

enum fold_class { FOLD_ADDRESS, FOLD_OFFSET, FOLD_LENGTH, FOLD_OFF, FOLD_PAGES, NR_FOLDS };
static const struct fold folds[NR_FOLDS][3] = {
    [FOLD_ADDRESS] = {{0, 256}, {0, 8192}, {0, 65536}},
    [FOLD_OFFSET] = {{-8, 32}, {-256, 1024}, {-32768, 65536}}, /* from an anchor */
    [FOLD_LENGTH] = {{0, 32}, {0, 1024}, {0, 65536}},
    [FOLD_OFF] = {{0, 64}, {0, 1024}, {0, 65536}},
    [FOLD_PAGES] = {{0, 64}, {0, 4096}, {0, 65536}},
};

static const struct fold *fold_of(enum arg arg, const struct value *v)
{
    if (v->anchor != ANCHOR_ZERO)
        return folds[FOLD_OFFSET];
    if (arg_is_address(arg))
        return folds[FOLD_ADDRESS];
    return folds[arg == ARG_OFF ? FOLD_OFF : arg == ARG_PAGES ? FOLD_PAGES : FOLD_LENGTH];
}

static bool fold_keeps(const struct fold *f, int32_t pages)
{
    return (uint32_t)pages - (uint32_t)f->low < f->count;
}

static int32_t fold(const struct fold *f, uint32_t pages)
{
    return f->low + (int32_t)((pages - (uint32_t)f->low) % f->count);
}

static void place_decode(unsigned place, struct value *v)
{
    unsigned anchor = place - PLACE_ANCHORS;

    if (place < PLACE_ANCHORS) {
        v->anchor = ANCHOR_MAPPING;
        v->name = (uint8_t)(place + 1);
    } else if (anchor < NR_ANCHORS && anchor != ANCHOR_MAPPING) {
        v->anchor = (uint8_t)anchor;
    } /* else ANCHOR_ZERO */
}

static unsigned place_encode(const struct value *v)
{
    return v->anchor == ANCHOR_MAPPING ? v->name - 1u : PLACE_ANCHORS + (unsigned)v->anchor;
}

/* Names are as they come; program_decode() sees to it that they are defined. */
static void value_decode(const uint8_t *at, enum arg arg, enum op_kind kind, struct value *v)
{
    uint64_t all;
    uint32_t pages, rest;
    unsigned mode, size;
    int bytes;

    memcpy(&all, at - 1, sizeof(all)); /* one access; there is always a byte before a value */
    all = le64toh(all) >> 8;
    pages = (uint32_t)all;
    rest = (uint32_t)(all >> 32);
    mode = rest >> 7 & 15;
    bytes = (int)(rest >> 11 ^ 0x1000) - 0x1000; /* sign of 13 bits */
    *v = (struct value){.anchor = ANCHOR_ZERO};
    if (arg_is_address(arg) || mode >= MODE_PLACED)
        place_decode(rest & 127, v);
    if (mode == MODE_EXACT) {
        v->pages = (int32_t)pages;
        v->bytes = (int16_t)(arg_has_bytes(arg, kind) && bytes >= -4095 ? bytes : 0);
        return;
    }
    size = mode >= MODE_PLACED ? mode - MODE_PLACED : mode >= MODE_LARGE ? 2 : mode >= MODE_MEDIUM;
    v->pages = fold(&fold_of(arg, v)[size], pages);
}

static void value_encode(const struct value *v, enum arg arg, uint8_t *at)
{
    static const uint8_t plain[] = {MODE_SMALL, MODE_MEDIUM, MODE_LARGE};
    const struct fold *f = fold_of(arg, v);
    bool placed = !arg_is_address(arg) && v->anchor != ANCHOR_ZERO;
    unsigned size = 0, mode = MODE_EXACT;

    while (size < 3 && !fold_keeps(&f[size], v->pages))
        size++;
    if (size < 3 && !v->bytes)
        mode = placed ? MODE_PLACED + size : plain[size];
    store(at, 4, (uint32_t)v->pages);
    store(at + 4, 3, place_encode(v) | mode << 7 | ((uint32_t)v->bytes & 0x1fff) << 11);
}

/* ---- flags and choices ---- */
/* What zero bytes mean: the plain variant of the operation. */
static uint32_t usual_flags(enum arg arg)
{
    switch (arg) {
    case ARG_MAP:
        return WORD(W_PRIVATE) | WORD(W_ANON);
    case ARG_MREMAP:
        return WORD(W_MAYMOVE);
    case ARG_MCL:
        return WORD(W_CURRENT);
    case ARG_UFFD_MODE:
        return WORD(W_MISSING);
    case ARG_MSYNC:
        return WORD(W_SYNC);
    case ARG_FMODE:
        return WORD(W_FMODE_READ) | WORD(W_FMODE_WRITE);
    default:
        return 0;
    }
}

static uint32_t word_mask(enum arg arg)
{
    unsigned n;

    arg_words(arg, &n);
    return (1u << n) - 1;
}

/* A flag differs from the usual where both halves say so: one in four of random ones. */
static uint32_t flags_decode(const uint8_t *record, enum arg arg)
{
    return ((load(record + 8, 2) & load(record + 10, 2)) ^ usual_flags(arg)) & word_mask(arg);
}

static void flags_encode(uint8_t *record, enum arg arg, uint32_t flags)
{
    uint32_t differs = flags ^ usual_flags(arg);

    store(record + 8, 2, differs);
    store(record + 10, 2, differs);
}

/* The words beyond rwx count if both halves of the sel byte, unused otherwise, say so too. */
static uint8_t prot_decode(const uint8_t *record, enum op_kind kind)
{
    uint32_t rwx = (record[6] ^ (PROT_READ | PROT_WRITE)) & PROT_RWX;
    uint32_t words = record[6] & (uint32_t)record[7] << 3 & (uint32_t)record[7] >> 1;

    if (op_has_prot_words(kind))
        rwx |= words & word_mask(ARG_PROT) & ~PROT_RWX;
    return (uint8_t)rwx;
}

static void prot_encode(uint8_t *record, uint8_t prot)
{
    record[6] = prot ^ (PROT_READ | PROT_WRITE);
    record[7] = (uint8_t)((prot >> 3) * 0x11);
}

/* ---- records ---- */
static uint8_t def_decode(uint8_t byte, enum def_kind kind)
{
    if (kind == DEF_MAPPING)
        return byte % (MAX_NAMES + 1);
    if (kind == DEF_PROC) /* zero is p1: p0 is there already */
        return (uint8_t)(1 + (byte + 1) % MAX_PROCS);
    return kind == DEF_NONE ? 0 : 1 + byte % MAX_FDS;
}

static uint8_t def_encode(uint8_t def, enum def_kind kind)
{
    if (kind == DEF_PROC)
        return (uint8_t)((def + MAX_PROCS - 2) % MAX_PROCS);
    return (uint8_t)(def - (def && kind != DEF_MAPPING));
}

static void argument_decode(const uint8_t *record, enum arg arg, struct op *op, unsigned *values)
{
    enum op_kind kind = (enum op_kind)op->kind;

    if (arg_is_value(arg)) {
        value_decode(record + VALUES_AT + *values * VALUE_SIZE, arg, kind, &op->v[*values]);
        ++*values;
    } else if (arg == ARG_PROT) {
        op->prot = prot_decode(record, kind);
    } else if (arg_is_flags(arg)) {
        op->flags = flags_decode(record, arg);
    } else if (arg_is_choice(arg)) {
        unsigned n;

        arg_words(arg, &n);
        op->sel = (uint8_t)(record[7] % n);
    } else if (record[3]) {
        op->obj = (uint8_t)(1 + (record[3] - 1) % MAX_FDS);
    }
}

bool record_decode(const uint8_t record[RECORD_SIZE], struct op *op)
{
    enum op_kind kind = (enum op_kind)(record[0] % NR_OPS);
    uint32_t fail = load(record + 4, 2);
    unsigned values = 0;

    *op = (struct op){.kind = (uint8_t)kind};
    if (kind == OP_NONE)
        return false;
    if (op_has_process(kind))
        op->proc = record[1] % MAX_PROCS;
    if ((fail & FAIL_MARK) == FAIL_MARK)
        op->fail = fail & MAX_FAIL;
    op->def = def_decode(record[2], (enum def_kind)op_table[kind].def);
    for (const uint8_t *a = op_table[kind].args; *a != ARG_END; a++)
        argument_decode(record, (enum arg) * a, op, &values);
    return true;
}

void record_encode(const struct op *op, uint8_t record[RECORD_SIZE])
{
    const struct op_info *info = &op_table[op->kind];
    unsigned values = 0;

    memset(record, 0, RECORD_SIZE);
    record[0] = op->kind;
    record[1] = op->proc;
    record[2] = def_encode(op->def, (enum def_kind)info->def);
    record[3] = op->obj;
    store(record + 4, 2, op->fail ? FAIL_MARK | op->fail : 0);
    for (const uint8_t *a = info->args; *a != ARG_END; a++) {
        enum arg arg = (enum arg) * a;

        if (arg_is_value(arg)) {
            value_encode(&op->v[values], arg, record + VALUES_AT + values * VALUE_SIZE);
            values++;
        } else if (arg == ARG_PROT) {
            prot_encode(record, op->prot);
        } else if (arg_is_flags(arg)) {
            flags_encode(record, arg, op->flags);
        } else if (arg_is_choice(arg)) {
            record[7] = op->sel;
        }
    }
}

/* ---- the world's record ---- */
static const uint32_t task_sizes[] = {4096, 1024, 16384, 2048, 8192, 65536};
static const uint32_t base_gaps[] = {256, 64, 0, 16, 512}; /* from mmap_base to task_size */
static const uint32_t mins[] = {16, 1, 0};
static const uint32_t brks[] = {512, 64, 16, 256};
static const uint32_t gaps[] = {256, 16, 1, 0};
static const uint32_t maps[] = {65530, 8, 16, 64, 12, 32, 256};
static const uint32_t rams[] = {65536, 64, 256, 1024, 4096, 128};
static const uint32_t reserves[] = {64, 0, 8, 16};

/* Numbers of the world in the order of enum world_byte, and what each can be: usual one first. */
static const struct {
    const uint32_t *choice;
    unsigned n;
} world_tables[NR_WORLD_FIELDS] = {
#define CHOICES(list)                                                                              \
    {                                                                                              \
        list, sizeof(list) / sizeof(*(list))                                                       \
    }
    CHOICES(task_sizes), CHOICES(base_gaps), CHOICES(mins),     CHOICES(brks),     CHOICES(gaps),
    CHOICES(maps),       CHOICES(rams),      CHOICES(reserves), CHOICES(reserves),
#undef CHOICES
};
enum { FIELD_TASK, FIELD_BASE };

/* Numbers of presets do not change when one is put between them. 0: none is given. */
static const uint8_t rules_number[NR_RULES] = {
    [RULES_LINUX_4_4] = 1,  [RULES_LINUX_5_10] = 2, [RULES_LINUX_6_1] = 3,
    [RULES_LINUX_6_18] = 4, [RULES_LINUX_6_12] = 5,
};

void world_decode(const uint8_t record[RECORD_SIZE], struct world_config *config, bool *rules_given)
{
    unsigned rules = record[WORLD_RULES] % 16;

    *config = world_config_default;
    *rules_given = false;
    for (unsigned i = 0; i < NR_RULES; i++)
        if (rules_number[i] == rules) {
            config->rules = (enum rules)i;
            *rules_given = true;
        }
    config->legacy_layout = record[WORLD_LAYOUT] % 2;
    config->privileged = record[WORLD_PRIVILEGED] % 2;
    config->read_implies_exec = record[WORLD_READ_IMPLIES_EXEC] % 4 == 3;
    config->overcommit = record[WORLD_OVERCOMMIT] % 3;
    for (unsigned i = 0; i < NR_WORLD_FIELDS; i++) {
        uint8_t byte = record[WORLD_TASK + i];

        *world_field(config, i) = world_tables[i].choice[byte % world_tables[i].n];
    }
    config->mmap_base = config->task_size - config->mmap_base;
}

static bool world_encode(const struct program *p, uint8_t record[RECORD_SIZE])
{
    struct world_config config = p->config;

    memset(record, 0, RECORD_SIZE);
    record[WORLD_RULES] = p->rules_given ? rules_number[config.rules] : 0;
    record[WORLD_LAYOUT] = config.legacy_layout;
    record[WORLD_PRIVILEGED] = config.privileged;
    record[WORLD_READ_IMPLIES_EXEC] = config.read_implies_exec ? 3 : 0;
    record[WORLD_OVERCOMMIT] = config.overcommit;
    config.mmap_base = config.task_size - config.mmap_base;
    for (unsigned i = 0; i < NR_WORLD_FIELDS; i++) {
        uint8_t choice = 0;

        while (choice < world_tables[i].n &&
               world_tables[i].choice[choice] != *world_field(&config, i))
            choice++;
        if (choice == world_tables[i].n)
            return false;
        record[WORLD_TASK + i] = choice;
    }
    return true;
}

/* ---- programs ---- */
struct names {
    uint64_t mappings, files, contexts, pins; /* bit n - 1: name n is defined */
    uint64_t procs, running; /* those forked so far; without those that exited since */
};

/* name if it is defined, else one of those that are, else 0. */
static uint8_t defined_name(uint64_t defined, uint8_t name)
{
    unsigned skip;

    if (!name || !defined || defined >> (name - 1) & 1)
        return defined ? name : 0;
    for (skip = (name - 1u) % (unsigned)__builtin_popcountll(defined); skip; skip--)
        defined &= defined - 1;
    return (uint8_t)(1 + __builtin_ctzll(defined));
}

static uint64_t *names_of(struct names *names, enum def_kind kind)
{
    switch (kind) {
    case DEF_MAPPING:
        return &names->mappings;
    case DEF_FILE:
        return &names->files;
    case DEF_CONTEXT:
        return &names->contexts;
    case DEF_PIN:
        return &names->pins;
    default:
        return &names->procs;
    }
}

static void use_defined_names(struct op *op, struct names *names)
{
    const struct op_info *info = &op_table[op->kind];

    if (!(names->procs >> op->proc & 1))
        op->proc = (uint8_t)(defined_name(names->running ? names->running : names->procs,
                                          (uint8_t)(op->proc + 1)) -
                             1);
    for (struct value *v = op->v; v < op->v + MAX_VALUES; v++) {
        if (v->anchor != ANCHOR_MAPPING)
            continue;
        v->name = defined_name(names->mappings, v->name);
        if (v->name)
            continue;
        v->anchor = ANCHOR_ZERO;
        v->pages = v->pages < 0 ? 0 : v->pages; /* below nothing there is only the end */
    }
    for (const uint8_t *a = info->args; *a != ARG_END && op->obj; a++)
        if (arg_is_object((enum arg) * a))
            op->obj = defined_name(*names_of(names, arg_names_kind((enum arg) * a)), op->obj);
}

static void define_name(const struct op *op, struct names *names)
{
    uint64_t bit = op->def ? UINT64_C(1) << (op->def - 1) : 0;

    *names_of(names, (enum def_kind)op_table[op->kind].def) |= bit;
    if (op->kind == OP_FORK)
        names->running |= bit;
    if (op->kind == OP_EXIT)
        names->running &= ~(UINT64_C(1) << op->proc);
}

/* The record at `at`; what the data lacks of it is zero. */
static const uint8_t *whole_record(const uint8_t *data, size_t size, size_t at,
                                   uint8_t buffer[RECORD_SIZE])
{
    if (size >= RECORD_SIZE && at <= size - RECORD_SIZE)
        return data + at;
    memset(buffer, 0, RECORD_SIZE);
    if (at < size)
        memcpy(buffer, data + at, size - at);
    return buffer;
}

void program_decode(struct program *p, const uint8_t *data, size_t size)
{
    struct names names = {.procs = 1, .running = 1};
    uint8_t buffer[RECORD_SIZE];

    free(p->header);
    p->header = NULL;
    p->nr = 0;
    world_decode(whole_record(data, size, 0, buffer), &p->config, &p->rules_given);
    for (size_t at = RECORD_SIZE; at < size && p->nr < p->cap; at += RECORD_SIZE) {
        struct op *op = &p->op[p->nr];

        if (!record_decode(whole_record(data, size, at, buffer), op))
            continue;
        use_defined_names(op, &names);
        define_name(op, &names);
        p->nr++;
    }
}

long program_encode(const struct program *p, uint8_t *data, size_t size)
{
    size_t need = ((size_t)p->nr + 1) * RECORD_SIZE;

    if (size < need)
        return -ENOSPC;
    if (!world_encode(p, data))
        return -ERANGE;
    for (uint32_t i = 0; i < p->nr; i++)
        record_encode(&p->op[i], data + (i + 1) * (size_t)RECORD_SIZE);
    return (long)need;
}
