/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The shrinker. Whole operations go first, since that is what a reader has to read: those without
 * effect, those that have nothing to do with the culprit, then windows from half of the program
 * down to one operation, from the back, then families (a definition and all that names it) and
 * pairs. Arguments come last. If many operations are left, programs beside this one are looked at.
 * A run is what costs, so no candidate is run twice.
 */
#include "harness/shrink.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DEFAULT_EVALUATIONS 10000
#define PAIR_LIMIT 64      /* operations: more than these are not tried in pairs */
#define ALL_PAIRS_LIMIT 12 /* operations: beyond that only pairs that share pages or objects */

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- candidates ---- */

void candidate_start(struct shrinker *s)
{
    s->candidate->config = s->best->config;
    s->candidate->rules_given = s->best->rules_given;
    s->candidate->nr = s->best->nr;
    memcpy(s->candidate->op, s->best->op, s->best->nr * sizeof(*s->best->op));
}

static uint64_t hash_bytes(uint64_t hash, const void *data, size_t size)
{
    const unsigned char *byte = data;

    for (size_t i = 0; i < size; i++)
        hash = (hash ^ byte[i]) * 0x100000001b3u;
    return hash;
}

static uint64_t program_hash(const struct program *p)
{
    struct world_config config = p->config; /* a copy: world_field() gives writable fields */
    const uint8_t choices[] = {(uint8_t)config.rules, config.legacy_layout, config.privileged,
                               config.read_implies_exec, config.overcommit};
    uint64_t hash = hash_bytes(0xcbf29ce484222325u, p->op, p->nr * sizeof(*p->op));

    _Static_assert(sizeof(struct op) == 12 + MAX_VALUES * 8, "no padding: it is hashed as bytes");
    hash = hash_bytes(hash, choices, sizeof(choices));
    for (unsigned i = 0; i < NR_WORLD_FIELDS; i++)
        hash = hash_bytes(hash, world_field(&config, i), sizeof(uint64_t));
    return hash ? hash : 1;
}

static bool insert_hash(uint64_t *table, uint32_t cap, uint64_t hash)
{
    uint32_t i = (uint32_t)hash & (cap - 1);

    while (table[i] && table[i] != hash)
        i = (i + 1) & (cap - 1);
    if (table[i])
        return false;
    table[i] = hash;
    return true;
}

/* True if it is new. */
static bool remember_hash(struct shrinker *s, uint64_t hash)
{
    if (s->nr_seen * 2 >= s->seen_cap) {
        uint32_t cap = s->seen_cap ? s->seen_cap * 2 : 1024;
        uint64_t *table = calloc(cap, sizeof(*table));

        if (!table)
            errx(EXIT_FAILURE, "out of memory while shrinking");
        for (uint32_t i = 0; i < s->seen_cap; i++)
            if (s->seen[i])
                insert_hash(table, cap, s->seen[i]);
        free(s->seen);
        s->seen = table;
        s->seen_cap = cap;
    }
    if (!insert_hash(s->seen, s->seen_cap, hash))
        return false;
    s->nr_seen++;
    return true;
}

static bool over(struct shrinker *s)
{
    if (s->sr->evaluations >= s->max_evaluations || (s->so->stop && *s->so->stop) ||
        (s->so->max_seconds > 0 && now() - s->start > s->so->max_seconds))
        s->stopped = true;
    return s->stopped;
}

static void record_call(void *arg, int index, const struct op *op, const struct call *call,
                        long ret)
{
    struct shrinker *s = arg;

    (void)op;
    if (index >= 0)
        s->next_record[index] = (struct record){*call, ret};
}

static bool run(struct shrinker *s, const struct program *p, struct run_result *r)
{
    bool clean;

    memset(s->next_record, 0, p->nr * sizeof(*s->next_record));
    clean = executor_run(s->ex, p, &s->options, r);
    s->sr->evaluations++;
    if (s->so->progress)
        s->so->progress(s->so->arg, s->sr->evaluations, s->best->nr);
    return clean;
}

static void accept(struct shrinker *s, const struct program *p, const struct run_result *r)
{
    struct record *old = s->record;

    s->best->config = p->config;
    s->best->nr = r->nr_run < p->nr ? r->nr_run : p->nr;
    if (p != s->best)
        memcpy(s->best->op, p->op, s->best->nr * sizeof(*p->op));
    s->record = s->next_record;
    s->next_record = old;
    s->result = *r;
}

bool candidate_try(struct shrinker *s)
{
    struct failure_class class;
    struct run_result r;

    if (over(s) || !remember_hash(s, program_hash(s->candidate)) || run(s, s->candidate, &r))
        return false;
    class = failure_class(&r);
    if (!failure_class_equal(&class, &s->class))
        return false;
    accept(s, s->candidate, &r);
    return true;
}

/* ---- removing operations ---- */

int value_slot(enum op_kind kind, enum arg arg)
{
    int slot = 0;

    for (const uint8_t *a = op_table[kind].args; *a != ARG_END; a++) {
        if (*a == arg)
            return slot;
        slot += arg_is_value((enum arg) * a);
    }
    return -1;
}

unsigned nr_values(enum op_kind kind)
{
    unsigned n = 0;

    for (const uint8_t *a = op_table[kind].args; *a != ARG_END; a++)
        n += arg_is_value((enum arg) * a);
    return n;
}

/* def[n]: 1 + index of the operation whose answer the name n stands for. */
static void make_absolute(const struct shrinker *s, const uint32_t def[MAX_NAMES + 1],
                          struct op *op)
{
    for (unsigned i = 0; i < nr_values((enum op_kind)op->kind); i++) {
        struct value *v = &op->v[i];
        uint32_t d = v->anchor == ANCHOR_MAPPING ? def[v->name] : 0;
        int64_t page;

        if (!d || !s->gone[d - 1])
            continue;
        page = s->record[d - 1].ret > 0 ? s->record[d - 1].ret >> PAGE_SHIFT : 0;
        v->anchor = ANCHOR_ZERO;
        v->name = 0;
        v->pages = (int32_t)(page + v->pages);
    }
}

static uint64_t object_bit(enum def_kind kind, unsigned name)
{
    return UINT64_C(1) << ((kind == DEF_CONTEXT ? MAX_FDS
                            : kind == DEF_PIN   ? 2 * MAX_FDS
                                                : 0) +
                           name - 1);
}

/* Files, contexts and pins that an operation makes, one bit each. */
static uint64_t objects_made(const struct op *op)
{
    enum def_kind kind = (enum def_kind)op_table[op->kind].def;

    return op->def && def_is_object(kind) ? object_bit(kind, op->def) : 0;
}

static uint64_t objects_used(const struct op *op)
{
    for (const uint8_t *a = op_table[op->kind].args; *a != ARG_END && op->obj; a++)
        if (arg_is_object((enum arg) * a))
            return object_bit(arg_names_kind((enum arg) * a), op->obj);
    return 0;
}

static uint64_t objects(const struct op *op)
{
    return objects_used(op) | objects_made(op);
}

void candidate_without(struct shrinker *s)
{
    uint32_t def[MAX_NAMES + 1] = {0};
    uint64_t made = 0;
    struct program *c = s->candidate;

    candidate_start(s);
    c->nr = 0;
    for (uint32_t i = 0; i < s->best->nr; i++) {
        const struct op *op = &s->best->op[i];

        if (!s->gone[i]) {
            c->op[c->nr] = *op;
            if (objects_used(op) & ~made)
                c->op[c->nr].obj = 0; /* the text form cannot name what nobody makes */
            made |= objects_made(op);
            make_absolute(s, def, &c->op[c->nr++]);
        }
        if (defines_mapping(op))
            def[op->def] = i + 1;
    }
}

/* Who is not forked any more does nothing. */
static void mark_unborn(struct shrinker *s)
{
    uint32_t procs = 1;

    for (uint32_t i = 0; i < s->best->nr; i++) {
        const struct op *op = &s->best->op[i];

        s->gone[i] |= !(procs >> op->proc & 1);
        if (!s->gone[i])
            procs |= proc_made(op);
    }
}

bool try_without(struct shrinker *s)
{
    mark_unborn(s);
    candidate_without(s);
    return s->candidate->nr < s->best->nr && candidate_try(s);
}

void keep_all(struct shrinker *s)
{
    memset(s->gone, 0, s->best->nr * sizeof(*s->gone));
}

/* Operations that may go: the culprit is the last one, and stays. */
static uint32_t removable(const struct shrinker *s)
{
    return s->best->nr - (s->best->nr && s->class.kind != OP_NONE);
}

/* Refused, or only asking: most of them leave nothing behind. */
static bool drop_without_effect(struct shrinker *s)
{
    keep_all(s);
    for (uint32_t i = 0; i < removable(s); i++) {
        const struct record *r = &s->record[i];

        switch (s->best->op[i].kind) {
        case OP_NONE:
        case OP_FIND:
        case OP_FIND_PREV:
        case OP_FIND_RANGE:
        case OP_GATE:
        case OP_MINCORE:
        case OP_MSYNC:
        case OP_EXEC:
        case OP_DEVICE_READ:
            s->gone[i] = true;
            break;
        default:
            s->gone[i] = r->ret < 0;
        }
    }
    return try_without(s);
}

unsigned record_spans(const struct record *r, struct span span[MAX_SPANS])
{
    const struct call *c = &r->call;
    enum op_kind kind = (enum op_kind)c->kind;
    uint64_t len = op_has_arg(kind, ARG_LEN) ? (c->len + PAGE_SIZE - 1) >> PAGE_SHIFT : 1;
    uint64_t new_len = (c->new_len + PAGE_SIZE - 1) >> PAGE_SHIFT, addr = c->addr >> PAGE_SHIFT;
    unsigned n = 0;

    if (op_has_arg(kind, ARG_ADDR) && (addr || op_table[kind].def != DEF_MAPPING))
        span[n++] = (struct span){addr, addr + len};
    if (kind == OP_MREMAP) {
        if (c->flags & MREMAP_FIXED)
            span[n++] = (struct span){c->to >> PAGE_SHIFT, (c->to >> PAGE_SHIFT) + new_len};
        len = new_len;
    }
    if (op_table[kind].def == DEF_MAPPING && r->ret > 0)
        span[n++] =
            (struct span){(uint64_t)r->ret >> PAGE_SHIFT, ((uint64_t)r->ret >> PAGE_SHIFT) + len};
    return n;
}

/* Next to each other is enough: that is where merges happen. */
static bool spans_touch(const struct span *a, unsigned na, const struct span *b, unsigned nb)
{
    for (unsigned i = 0; i < na; i++)
        for (unsigned j = 0; j < nb; j++)
            if (a[i].start <= b[j].end && b[j].start <= a[i].end)
                return true;
    return false;
}

/* Settings that bear on everything later. */
static bool is_setting(const struct op *op)
{
    return op->kind == OP_SETRLIMIT || op->kind == OP_MLOCKALL || op->kind == OP_MUNLOCKALL;
}

/* Its pages are not in its arguments. */
static bool is_of_pages_unsaid(const struct op *op)
{
    return op_table[op->kind].args[0] == ARG_PIN || op->kind == OP_SWAPOFF;
}

static bool is_of_life(const struct op *op)
{
    return op->kind == OP_FORK || op->kind == OP_EXIT;
}

/* Keeps what touches the culprit's pages, in whichever process, the files that this uses, and who
 * forks and exits. closure: and what touches that in turn, and settings. */
static bool drop_unrelated(struct shrinker *s, bool closure)
{
    uint32_t n = removable(s), nspans = 0;
    uint64_t known = 0;
    struct span *span = calloc((size_t)(s->best->nr + 1) * MAX_SPANS, sizeof(*span));
    uint64_t page = s->result.verdict.addr >> PAGE_SHIFT;
    bool shrunk;

    if (!span)
        return false;
    keep_all(s);
    span[nspans++] = (struct span){page, page + 1};
    for (uint32_t i = s->best->nr; i-- > 0;) {
        const struct op *op = &s->best->op[i];
        struct span own[MAX_SPANS];
        unsigned nown = record_spans(&s->record[i], own);
        bool shares_object = objects(op) & known;

        s->gone[i] = i < n && !shares_object && !spans_touch(own, nown, span, nspans) &&
                     !is_of_life(op) && !is_of_pages_unsaid(op) && !(closure && is_setting(op));
        if (s->gone[i])
            continue;
        known |= objects_used(op);
        if (closure || i >= n) {
            memcpy(&span[nspans], own, nown * sizeof(*own));
            nspans += nown;
        }
    }
    shrunk = try_without(s);
    free(span);
    return shrunk;
}

static bool sweep(struct shrinker *s, uint32_t size)
{
    bool shrunk = false;
    uint32_t end = removable(s);

    while (end > 0 && !s->stopped) {
        uint32_t from = end > size ? end - size : 0;

        keep_all(s);
        for (uint32_t i = from; i < end; i++)
            s->gone[i] = true;
        shrunk |= try_without(s);
        end = from < removable(s) ? from : removable(s);
    }
    return shrunk;
}

/* Powers of two, as counters have that must come round. */
static bool sweep_windows(struct shrinker *s)
{
    bool shrunk = false;
    uint32_t size = 1;

    while (size * 2 <= removable(s) / 2)
        size *= 2;
    for (; size > 0 && !s->stopped; size /= 2)
        shrunk |= sweep(s, size);
    return shrunk;
}

/* The operation and every later one that names what it defined. */
static bool mark_family(struct shrinker *s, uint32_t first)
{
    const struct op *head = &s->best->op[first];
    uint64_t made = objects_made(head) & ~objects_used(head);
    uint32_t members = 0;
    bool mapping = defines_mapping(head);

    keep_all(s);
    s->gone[first] = true;
    for (uint32_t i = first + 1; i < removable(s) && (mapping || made); i++) {
        const struct op *op = &s->best->op[i];

        s->gone[i] = objects_used(op) & made;
        for (unsigned v = 0; mapping && v < nr_values((enum op_kind)op->kind); v++)
            s->gone[i] |= op->v[v].anchor == ANCHOR_MAPPING && op->v[v].name == head->def;
        members += s->gone[i];
        mapping &= !(defines_mapping(op) && op->def == head->def);
    }
    return members > 0;
}

static bool drop_families(struct shrinker *s)
{
    bool shrunk = false;

    for (uint32_t i = removable(s); i-- > 0 && !s->stopped;) {
        if (mark_family(s, i))
            shrunk |= try_without(s);
        i = i < removable(s) ? i : removable(s);
    }
    return shrunk;
}

static bool share_something(const struct shrinker *s, uint32_t i, uint32_t j)
{
    struct span a[MAX_SPANS], b[MAX_SPANS];

    return spans_touch(a, record_spans(&s->record[i], a), b, record_spans(&s->record[j], b)) ||
           (objects(&s->best->op[i]) & objects(&s->best->op[j])) ||
           (is_setting(&s->best->op[i]) && is_setting(&s->best->op[j])) ||
           (is_of_life(&s->best->op[i]) && is_of_life(&s->best->op[j]));
}

/* What one operation does and another undoes can only go together. */
static bool drop_pairs(struct shrinker *s)
{
    bool shrunk = false;

    for (uint32_t j = removable(s); j-- > 1 && !s->stopped;)
        for (uint32_t i = j; i-- > 0 && !s->stopped;) {
            if (removable(s) > PAIR_LIMIT || j >= removable(s))
                break;
            if (removable(s) > ALL_PAIRS_LIMIT && !share_something(s, i, j))
                continue;
            keep_all(s);
            s->gone[i] = s->gone[j] = true;
            if (try_without(s)) {
                shrunk = true;
                break;
            }
        }
    return shrunk;
}

static bool drop_operations(struct shrinker *s)
{
    bool shrunk = false;

    while (!s->stopped && (sweep(s, 1) || drop_families(s) || drop_pairs(s) || sweep_windows(s)))
        shrunk = true;
    return shrunk;
}

/* ---- the whole ---- */

/* The cheapest options that show the failure whichever operations are left: cadence and luck of the
 * short search must not decide. Where only a full judgement finds it, one after every operation
 * names the true culprit. False: p does not fail. */
static bool choose_options(struct shrinker *s, const struct run_options *o)
{
    struct failure_class class;

    s->options = *o;
    s->options.trace = record_call;
    s->options.trace_arg = s;
    s->options.hash = false;
    if (run(s, s->best, &s->result))
        return false;
    s->class = failure_class(&s->result);
    s->options.full_every = 0;
    for (int brute = 0; brute < 2; brute++) {
        s->options.verify_search = o->verify_search && !brute;
        if (!run(s, s->best, &s->result)) {
            class = failure_class(&s->result);
            if (failure_class_equal(&class, &s->class))
                return true;
        }
    }
    s->options.full_every = o->full_every ? 1 : 0;
    if (run(s, s->best, &s->result)) {
        s->options.full_every = o->full_every;
        s->options.verify_search = o->verify_search;
        run(s, s->best, &s->result);
    }
    s->class = failure_class(&s->result);
    return true;
}

static void shrink_all(struct shrinker *s)
{
    bool simpler = true;

    accept(s, s->best, &s->result);
    remember_hash(s, program_hash(s->best));
    drop_without_effect(s);
    if (!drop_unrelated(s, false))
        drop_unrelated(s, true);
    sweep_windows(s);
    while (simpler && !s->stopped) {
        drop_operations(s);
        simpler = shrink_procs(s);
        simpler |= shrink_place(s);
        simpler |= shrink_args(s);
        if (!simpler)
            simpler = shrink_drift(s);
    }
}

static bool shrinker_init(struct shrinker *s)
{
    uint32_t n = s->best->nr ? s->best->nr : 1;

    s->candidate = program_new(n);
    s->record = calloc(n, sizeof(*s->record));
    s->next_record = calloc(n, sizeof(*s->next_record));
    s->gone = calloc(n, sizeof(*s->gone));
    return s->candidate && s->record && s->next_record && s->gone;
}

static void shrinker_fini(struct shrinker *s)
{
    program_free(s->candidate);
    free(s->record);
    free(s->next_record);
    free(s->gone);
    free(s->seen);
}

/* The result that the caller's own options give, if they still show the failure. */
static void final_run(const struct shrinker *s, const struct run_options *o, struct run_result *r)
{
    struct failure_class class;

    executor_run(s->ex, s->best, o, r);
    class = failure_class(r);
    if (!failure_class_equal(&class, &s->class))
        *r = s->result;
}

bool shrink(struct executor *ex, struct program *p, const struct run_options *o,
            const struct shrink_options *so, struct shrink_result *sr, struct run_result *r)
{
    struct shrinker s = {.ex = ex, .best = p, .so = so, .sr = sr, .start = now()};
    bool fails;

    memset(sr, 0, sizeof(*sr));
    sr->ops_before = p->nr;
    s.max_evaluations = so->max_evaluations ? so->max_evaluations : DEFAULT_EVALUATIONS;
    if (!shrinker_init(&s))
        errx(EXIT_FAILURE, "out of memory while shrinking");
    fails = choose_options(&s, o);
    if (fails) {
        shrink_all(&s);
        final_run(&s, o, r);
    } else {
        *r = s.result;
    }
    sr->ops_after = p->nr;
    sr->fixpoint = fails && !s.stopped;
    sr->seconds = now() - s.start;
    shrinker_fini(&s);
    return fails;
}
