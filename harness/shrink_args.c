/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Simpler arguments. Each edit is tried on all operations that have the same value first, since
 * equal values mostly have to stay equal, and then on each of them alone.
 */
#include "harness/shrink.h"

#include <string.h>

/* An edit: changes the operation and returns true, or leaves it alone and returns false. arg is the
 * edit's own. */
typedef bool edit_fn(struct op *op, const void *arg);

/* The edit on all operations together; if that does not do, on each alone, the last one first. */
static bool try_edit(struct shrinker *s, edit_fn *edit, const void *arg)
{
    uint32_t n = 0;
    bool shrunk = false;

    candidate_start(s);
    for (uint32_t i = 0; i < s->candidate->nr; i++)
        n += edit(&s->candidate->op[i], arg);
    if (!n)
        return false;
    if (candidate_try(s))
        return true;
    for (uint32_t i = s->best->nr; n > 1 && i-- > 0 && !s->stopped;) {
        if (i >= s->best->nr)
            continue;
        candidate_start(s);
        if (edit(&s->candidate->op[i], arg))
            shrunk |= candidate_try(s);
    }
    return shrunk;
}

static bool edit_fail(struct op *op, const void *arg)
{
    bool has = op->fail != 0;

    (void)arg;
    op->fail = 0;
    return has;
}

static bool edit_bytes(struct op *op, const void *arg)
{
    bool has = false;

    (void)arg;
    for (unsigned i = 0; i < nr_values((enum op_kind)op->kind); i++) {
        has |= op->v[i].bytes != 0;
        op->v[i].bytes = 0;
    }
    return has;
}

/* ---- names that nobody uses ---- */

static bool drop_unused_names(struct shrinker *s)
{
    bool used[MAX_NAMES + 1] = {false}, any = false;

    candidate_start(s);
    for (uint32_t i = s->candidate->nr; i-- > 0;) {
        struct op *op = &s->candidate->op[i];

        if (defines_mapping(op)) {
            bool keep = used[op->def];

            used[op->def] = false;
            if (!keep) {
                op->def = 0;
                any = true;
            }
        }
        for (unsigned v = 0; v < nr_values((enum op_kind)op->kind); v++)
            if (op->v[v].anchor == ANCHOR_MAPPING)
                used[op->v[v].name] = true;
    }
    return any && candidate_try(s);
}

/* ---- the world ---- */

/* mmap_base goes by its distance from the end of the address space, as in the wire form. */
static void make_plain(struct world_config *config, unsigned field, struct world_config *plain)
{
    const uint64_t *changed = world_field(config, field);
    uint64_t gap = config->task_size - config->mmap_base;

    *world_field(config, field) = *world_field(plain, field);
    if (changed == &config->mmap_base || gap > config->task_size)
        gap = plain->task_size - plain->mmap_base;
    config->mmap_base = config->task_size - gap;
}

static bool shrink_config(struct shrinker *s)
{
    struct world_config plain = world_config_default;
    bool shrunk = false;

    candidate_start(s);
    plain.rules = s->candidate->config.rules;
    s->candidate->config = plain;
    if (candidate_try(s))
        return true;
    for (unsigned i = 0; i < NR_WORLD_FIELDS; i++) {
        candidate_start(s);
        make_plain(&s->candidate->config, i, &plain);
        shrunk |= candidate_try(s);
    }
    candidate_start(s);
    s->candidate->config.legacy_layout = false;
    shrunk |= candidate_try(s);
    candidate_start(s);
    s->candidate->config.privileged = plain.privileged;
    shrunk |= candidate_try(s);
    candidate_start(s);
    s->candidate->config.read_implies_exec = false;
    shrunk |= candidate_try(s);
    candidate_start(s);
    s->candidate->config.overcommit = plain.overcommit;
    shrunk |= candidate_try(s);
    return shrunk;
}

/* ---- flags ---- */

static enum arg flags_arg(enum op_kind kind)
{
    for (const uint8_t *a = op_table[kind].args; *a != ARG_END; a++)
        if (arg_is_flags((enum arg) * a))
            return (enum arg) * a;
    return ARG_END;
}

/* Bits of the words whose ABI value has one of those of the mask, or, exact, is it. */
static uint32_t word_bits(enum arg arg, uint32_t abi, bool exact)
{
    unsigned n;
    const struct word *words = arg_words(arg, &n);
    uint32_t bits = 0;

    for (unsigned i = 0; i < n; i++)
        if (exact ? words[i].abi == abi : (words[i].abi & abi) != 0)
            bits |= 1u << i;
    return bits;
}

/* Words that say what kind of mapping it is: dropping one only makes the call invalid. */
static uint32_t structural_bits(enum arg arg)
{
    return arg == ARG_MAP ? word_bits(arg, MAP_TYPE | MAP_ANONYMOUS, false) : 0;
}

struct flag_edit {
    enum op_kind kind;
    uint32_t bits;
};

static bool edit_flags(struct op *op, const void *arg)
{
    const struct flag_edit *e = arg;
    uint32_t drop = op->kind == e->kind ? op->flags & e->bits : 0;

    op->flags &= ~drop;
    return drop != 0;
}

static bool shrink_flags_of(struct shrinker *s, enum op_kind kind)
{
    enum arg arg = flags_arg(kind);
    uint32_t keep = structural_bits(arg), present = 0;
    bool shrunk = false;

    for (uint32_t i = 0; i < s->best->nr; i++)
        if (s->best->op[i].kind == kind)
            present |= s->best->op[i].flags & ~keep;
    if (arg == ARG_END || !present)
        return false;
    if (present & (present - 1) && try_edit(s, edit_flags, &(struct flag_edit){kind, present}))
        shrunk = true;
    for (; present && !s->stopped; present &= present - 1)
        shrunk |= try_edit(s, edit_flags, &(struct flag_edit){kind, present & -present});
    return shrunk;
}

static bool shrink_flags(struct shrinker *s)
{
    bool shrunk = false;

    for (unsigned kind = OP_NONE + 1; kind < NR_OPS && !s->stopped; kind++)
        shrunk |= shrink_flags_of(s, (enum op_kind)kind);
    return shrunk;
}

/* A mapping of a file, or a shared one, as private anonymous memory. */
static bool edit_private_anonymous(struct op *op, const void *arg)
{
    uint32_t type, plain;

    (void)arg;
    if (op->kind != OP_MMAP)
        return false;
    type = structural_bits(ARG_MAP);
    plain = word_bits(ARG_MAP, MAP_PRIVATE, true) | word_bits(ARG_MAP, MAP_ANONYMOUS, true);
    if ((op->flags & type) == plain && !op->obj)
        return false;
    op->flags = (op->flags & ~type) | plain;
    op->obj = 0;
    op->v[value_slot(OP_MMAP, ARG_OFF)] = (struct value){0};
    return true;
}

/* ---- protection and words ---- */

static bool simpler(unsigned a, unsigned b)
{
    int bits = __builtin_popcount(a) - __builtin_popcount(b);

    return bits < 0 || (bits == 0 && a < b);
}

struct prot_edit {
    uint8_t from, to;
};

static bool edit_prot(struct op *op, const void *arg)
{
    const struct prot_edit *e = arg;

    if (!op_has_arg((enum op_kind)op->kind, ARG_PROT) || op->prot != e->from)
        return false;
    op->prot = e->to;
    return true;
}

static bool shrink_prot(struct shrinker *s)
{
    static const uint8_t plain[] = {0, 1, 3}; /* none, r, rw */
    uint64_t present[4] = {0};
    bool shrunk = false;

    for (uint32_t i = 0; i < s->best->nr; i++)
        if (op_has_arg((enum op_kind)s->best->op[i].kind, ARG_PROT))
            present[s->best->op[i].prot / 64] |= UINT64_C(1) << s->best->op[i].prot % 64;
    for (unsigned prot = 1; prot < 256; prot++)
        for (unsigned i = 0; i < sizeof(plain) && present[prot / 64] >> prot % 64 & 1; i++)
            if (simpler(plain[i], prot) &&
                try_edit(s, edit_prot, &(struct prot_edit){(uint8_t)prot, plain[i]})) {
                shrunk = true;
                break;
            }
    return shrunk;
}

struct word_edit {
    uint8_t kind, from;
};

static bool edit_word(struct op *op, const void *arg)
{
    const struct word_edit *e = arg;

    if (op->kind != e->kind || op->sel != e->from)
        return false;
    op->sel = 0;
    return true;
}

static bool has_choice(enum op_kind kind)
{
    for (const uint8_t *a = op_table[kind].args; *a != ARG_END; a++)
        if (arg_is_choice((enum arg) * a))
            return true;
    return false;
}

/* The first word of a list is the plainest: regular, normal, default. */
static bool shrink_words(struct shrinker *s)
{
    bool shrunk = false;

    for (uint32_t i = s->best->nr; i-- > 0 && !s->stopped;) {
        const struct op *op = &s->best->op[i < s->best->nr ? i : s->best->nr - 1];

        if (op->sel && has_choice((enum op_kind)op->kind))
            shrunk |= try_edit(s, edit_word, &(struct word_edit){op->kind, op->sel});
    }
    return shrunk;
}

/* ---- numbers that are no places ---- */

struct value_edit {
    struct value from, to;
    enum arg arg; /* so that lengths do not follow offsets */
};

static bool same_value(const struct value *a, const struct value *b)
{
    return a->anchor == b->anchor && a->name == b->name && a->pages == b->pages &&
           a->bytes == b->bytes;
}

static bool edit_value(struct op *op, const void *arg)
{
    const struct value_edit *e = arg;
    int slot = value_slot((enum op_kind)op->kind, e->arg);

    if (slot < 0 || !same_value(&op->v[slot], &e->from))
        return false;
    op->v[slot] = e->to;
    return true;
}

/* shrink_place() has addresses and lengths, but for those that count from a landmark. */
static bool is_number(const struct op *op, enum arg arg, const struct value *v)
{
    if (!v->pages)
        return false;
    return arg == ARG_OFF || arg == ARG_PAGES || op->kind == OP_BRK ||
           (v->anchor != ANCHOR_ZERO && v->anchor != ANCHOR_MAPPING);
}

/* Towards zero, supposing that what is farther from it does too. */
static bool lower_number(struct shrinker *s, enum arg arg, struct value from)
{
    struct value_edit e = {from, from, arg};
    int32_t fails = 0;

    e.to.pages = 0;
    if (try_edit(s, edit_value, &e))
        return true;
    while (!s->stopped) {
        int32_t middle = fails + (from.pages - fails) / 2;

        if (middle == fails || middle == from.pages)
            return false;
        e.to.pages = middle;
        if (try_edit(s, edit_value, &e))
            return true; /* the next round goes on from here */
        if (!worth_exactness(s))
            return false;
        fails = middle;
    }
    return false;
}

static bool shrink_numbers(struct shrinker *s)
{
    bool shrunk = false;

    for (uint32_t i = 0; i < s->best->nr && !s->stopped; i++) {
        const struct op *op = &s->best->op[i];

        for (const uint8_t *a = op_table[op->kind].args; *a != ARG_END; a++) {
            enum arg arg = (enum arg) * a;
            int slot = arg_is_value(arg) ? value_slot((enum op_kind)op->kind, arg) : -1;

            if (slot >= 0 && is_number(op, arg, &op->v[slot]))
                shrunk |= lower_number(s, arg, op->v[slot]);
        }
    }
    return shrunk;
}

bool shrink_args(struct shrinker *s)
{
    bool shrunk = try_edit(s, edit_fail, NULL);

    shrunk |= shrink_config(s);
    shrunk |= try_edit(s, edit_private_anonymous, NULL);
    shrunk |= shrink_flags(s);
    shrunk |= shrink_prot(s);
    shrunk |= shrink_words(s);
    shrunk |= try_edit(s, edit_bytes, NULL);
    shrunk |= shrink_numbers(s);
    shrunk |= drop_unused_names(s);
    return shrunk;
}
