/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the engines' custom mutators do: change whole records, or one argument of one record, so
 * that a mutant is again a sequence of operations. Records are changed through their decoded form,
 * which keeps every mutation inside what the wire form can say.
 */
#include "harness/codec.h"

#include <string.h>

#define MAX_BLOCK 8 /* records that are moved or copied at a time */

struct mutation {
    uint8_t *data;
    size_t n, max; /* records, the world's included */
    struct rng *r;
    const uint64_t *boundaries;
    unsigned nr_boundaries;
};

static uint8_t *record(const struct mutation *m, size_t i)
{
    return m->data + i * RECORD_SIZE;
}

static size_t below(const struct mutation *m, size_t n)
{
    return rng_below(m->r, (uint32_t)n);
}

/* An operation's record; there must be one. */
static size_t any_op(const struct mutation *m)
{
    return 1 + below(m, m->n - 1);
}

static size_t block(const struct mutation *m, size_t limit)
{
    size_t n = 1 + (below(m, 2) ? below(m, MAX_BLOCK) : 0);

    return n < limit ? n : limit;
}

/* Makes room for count records at i; what is there moves up. Returns how many there is room for. */
static size_t open_gap(struct mutation *m, size_t i, size_t count)
{
    if (count > m->max - m->n)
        count = m->max - m->n;
    memmove(record(m, i + count), record(m, i), (m->n - i) * RECORD_SIZE);
    m->n += count;
    return count;
}

static void delete_records(struct mutation *m)
{
    size_t i = any_op(m), count = block(m, m->n - i);

    memmove(record(m, i), record(m, i + count), (m->n - i - count) * RECORD_SIZE);
    m->n -= count;
}

/* ---- one argument ---- */
static void tweak_value(const struct mutation *m, const struct op *op, enum arg arg,
                        struct value *v)
{
    switch (below(m, 8)) {
    case 0:
    case 1:
        v->pages = (int32_t)((uint32_t)v->pages + (uint32_t)below(m, 5) - 2);
        return;
    case 2:
        if (!arg_is_address(arg) || !m->nr_boundaries)
            break;
        v->anchor = ANCHOR_ZERO;
        v->pages = (int32_t)m->boundaries[below(m, m->nr_boundaries)];
        v->pages += (int32_t)below(m, 3) - 1;
        return;
    case 3:
        *v = op->v[below(m, MAX_VALUES)];
        return;
    case 4:
        v->pages = v->pages / 2 + (int32_t)below(m, 2);
        return;
    case 5:
        v->pages = (int32_t)((uint32_t)v->pages ^ 1u << below(m, 12));
        return;
    case 6:
        if (below(m, 8))
            break;
        v->bytes = (int16_t)((int)below(m, 8191) - 4095);
        return;
    default:
        if (!arg_is_address(arg))
            break;
        v->anchor = (uint8_t)(below(m, 2) ? ANCHOR_MAPPING : below(m, NR_ANCHORS));
        v->name = (uint8_t)(v->anchor == ANCHOR_MAPPING ? 1 + below(m, MAX_NAMES) : 0);
        v->pages = (int32_t)below(m, 16) - 2;
        return;
    }
    v->bytes = 0;
    v->pages = (int32_t)below(m, 32);
}

static void tweak_argument(const struct mutation *m, struct op *op)
{
    const struct op_info *info = &op_table[op->kind];
    size_t count = 0, chosen;
    unsigned values = 0, n;
    enum arg arg;

    while (info->args[count] != ARG_END)
        count++;
    if (!count)
        return;
    chosen = below(m, count);
    for (size_t i = 0; i < chosen; i++)
        values += arg_is_value((enum arg)info->args[i]);
    arg = (enum arg)info->args[chosen];
    arg_words(arg, &n);
    if (arg_is_value(arg))
        tweak_value(m, op, arg, &op->v[values]);
    else if (arg == ARG_PROT)
        op->prot ^= (uint8_t)(1u << below(m, below(m, 8) ? 3 : n));
    else if (arg_is_flags(arg))
        op->flags ^= 1u << below(m, n);
    else if (arg_is_choice(arg))
        op->sel = (uint8_t)below(m, n);
    else
        op->obj = (uint8_t)below(m, MAX_FDS + 1);
}

static void tweak_record(struct mutation *m)
{
    uint8_t *at = record(m, any_op(m));
    struct op op;

    if (!record_decode(at, &op)) {
        at[0] = (uint8_t)(1 + below(m, NR_OPS - 1));
        record_decode(at, &op);
    }
    switch (below(m, 16)) {
    case 0:
        op.kind = (uint8_t)(1 + below(m, NR_OPS - 1));
        record_encode(&op, at);
        record_decode(at, &op); /* words that the other kind does not have */
        break;
    case 1:
        op.fail = (uint16_t)(op.fail ? 0 : 1 + below(m, 4));
        break;
    case 2:
        op.proc = (uint8_t)(op_has_process((enum op_kind)op.kind) ? below(m, MAX_PROCS) : 0);
        break;
    case 3:
        if (op_table[op.kind].def != DEF_NONE) {
            op.def = (uint8_t)(1 + below(m, MAX_FDS));
            break;
        }
        /* fallthrough */
    default:
        tweak_argument(m, &op);
        break;
    }
    record_encode(&op, at);
}

/* ---- whole records ---- */
static void insert_random(struct mutation *m)
{
    size_t i = 1 + below(m, m->n);

    if (!open_gap(m, i, 1))
        return;
    for (size_t byte = 0; byte < RECORD_SIZE; byte++)
        record(m, i)[byte] = (uint8_t)(rng_next(m->r) >> 56);
    record(m, i)[0] = (uint8_t)(1 + below(m, NR_OPS - 1));
}

static void duplicate(struct mutation *m)
{
    uint8_t copy[MAX_BLOCK * RECORD_SIZE];
    size_t from = any_op(m), count = block(m, m->n - from), to = 1 + below(m, m->n);

    memcpy(copy, record(m, from), count * RECORD_SIZE);
    count = open_gap(m, to, count);
    memcpy(record(m, to), copy, count * RECORD_SIZE);
}

static void swap(struct mutation *m)
{
    uint8_t copy[RECORD_SIZE], *a = record(m, any_op(m)), *b = record(m, any_op(m));

    memcpy(copy, a, RECORD_SIZE);
    memmove(a, b, RECORD_SIZE);
    memcpy(b, copy, RECORD_SIZE);
}

static void move(struct mutation *m)
{
    uint8_t copy[MAX_BLOCK * RECORD_SIZE];
    size_t from = any_op(m), count = block(m, m->n - from), to;

    memcpy(copy, record(m, from), count * RECORD_SIZE);
    memmove(record(m, from), record(m, from + count), (m->n - from - count) * RECORD_SIZE);
    m->n -= count;
    to = 1 + below(m, m->n);
    count = open_gap(m, to, count);
    memcpy(record(m, to), copy, count * RECORD_SIZE);
}

static void tweak_world(struct mutation *m)
{
    record(m, 0)[1 + below(m, NR_WORLD_BYTES - 1)] = (uint8_t)below(m, 8);
}

static void mutate_once(struct mutation *m)
{
    uint32_t choice = rng_below(m->r, 32);

    if (choice == 0)
        tweak_world(m);
    else if (choice < 5 || m->n < 2)
        insert_random(m);
    else if (choice < 9)
        delete_records(m);
    else if (choice < 13)
        duplicate(m);
    else if (choice < 15)
        swap(m);
    else if (choice < 18)
        move(m);
    else
        tweak_record(m);
}

size_t wire_mutate(uint8_t *data, size_t size, size_t max_size, struct rng *r,
                   const uint64_t *boundaries, unsigned n)
{
    struct mutation m = {data, 0, max_size / RECORD_SIZE, r, boundaries, n};

    if (!m.max)
        return size < max_size ? size : max_size; /* no room for even a world: nothing to change */
    if (size > max_size)
        size = max_size;
    m.n = (size + RECORD_SIZE - 1) / RECORD_SIZE;
    m.n = m.n > m.max ? m.max : m.n ? m.n : 1;
    if (size < m.n * RECORD_SIZE)
        memset(data + size, 0, m.n * RECORD_SIZE - size);
    for (uint32_t times = 1 + rng_below(r, 4); times; times--)
        mutate_once(&m);
    return m.n * RECORD_SIZE;
}

size_t wire_crossover(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size,
                      uint8_t *out, size_t max_size, struct rng *r)
{
    size_t a_records = a_size / RECORD_SIZE, b_records = b_size / RECORD_SIZE;
    size_t max = max_size / RECORD_SIZE, head, tail, from;

    if (!a_records || !max)
        return 0;
    head = 1 + rng_below(r, (uint32_t)a_records); /* a's world, and some of its operations */
    head = head < max ? head : max;
    from = b_records ? 1 + rng_below(r, (uint32_t)b_records) : 0;
    tail = b_records - from < max - head ? b_records - from : max - head;
    memcpy(out, a, head * RECORD_SIZE);
    if (tail)
        memcpy(out + head * RECORD_SIZE, b + from * RECORD_SIZE, tail * RECORD_SIZE);
    return (head + tail) * RECORD_SIZE;
}
