/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The executor: one operation at a time on the model, beside it on the flat specification, and the
 * oracles after each. Nothing here allocates, formats or hashes on the way of an operation unless
 * the options ask for it.
 */
#include "harness/codec.h"
#include "harness/executor.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

const struct run_options run_options_full = {
    .touched = true,
    .spec = true,
    .full_every = 64,
    .check_exit = true,
    .hash = true,
    .fault = F_NONE,
    .rules = -1,
    .verify_search = true,
};

const struct run_options run_options_strict = {
    .touched = true,
    .spec = true,
    .full_every = 1,
    .check_exit = true,
    .hash = true,
    .fault = F_NONE,
    .rules = -1,
    .verify_search = false,
};

struct executor *executor_new(unsigned slot)
{
    struct executor *ex = calloc(1, sizeof(*ex));

    if (!ex)
        return NULL;
    ex->model = subject_model_ops.new(slot);
    ex->flat = ex->model ? subject_spec_ops.new(slot) : NULL;
    if (!ex->flat) {
        if (ex->model)
            ex->model->ops->free(ex->model);
        free(ex);
        return NULL;
    }
    ex->world = subject_model_world(ex->model);
    ex->spec = subject_spec_spec(ex->flat);
    guard_install(ex);
    return ex;
}

void executor_free(struct executor *ex)
{
    if (!ex)
        return;
    guard_remove(ex);
    snapshot_fini(&ex->picture);
    snapshot_fini(&ex->flat_picture);
    snapshot_fini(&ex->other_picture);
    ex->flat->ops->free(ex->flat);
    ex->model->ops->free(ex->model);
    free(ex);
}

const struct world *executor_world(const struct executor *ex)
{
    return ex->world;
}

const struct spec *executor_spec(const struct executor *ex)
{
    return ex->spec;
}

struct op_stats *executor_stats(struct executor *ex)
{
    return &ex->stats;
}

const long *executor_results(const struct executor *ex)
{
    return ex->results;
}

static uint64_t hash_word(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

/* Both worlds anew. A world that makes no sense is refused by both subjects, or it is a verdict. */
static void reset_subjects(struct executor *ex, const struct world_config *config)
{
    int error = ex->model->ops->reset(ex->model, config);
    int spec_error = ex->o.spec ? ex->flat->ops->reset(ex->flat, config) : 0;

    if (error == -ENOMEM || spec_error == -ENOMEM)
        errx(EXIT_FAILURE, "out of memory for a world");
    if (error || spec_error)
        law_broken(&ex->r->verdict, LAW_MODEL_BUG, "world", NOWHERE,
                   "this world makes no sense to the %s", error ? "model" : "flat specification");
}

void executor_start(struct executor *ex, const struct world_config *config,
                    const struct run_options *o, struct run_result *r)
{
    struct world_config c = *config;

    memset(r, 0, sizeof(*r));
    r->verdict.without = o->without & ~LAWS_ENDING_RUNS;
    ex->o = *o;
    ex->r = r;
    ex->until_full = o->full_every;
    ex->judged_full = false;
    memset(&ex->call, 0, sizeof(ex->call));
    memset(ex->results, 0, sizeof(ex->results));
    if (o->rules >= 0)
        c.rules = (enum rules)o->rules;
    pairing_reset(&ex->pairing);
    ex->world->fault = o->fault;
    reset_subjects(ex, &c);
    ex->world->fault_reached = 0;
    ex->world->fault_triggered = 0;
    if (unlikely(o->other != NULL) && r->verdict.law == LAW_NONE)
        other_start(ex, &c);
    if (o->trace)
        o->trace(o->trace_arg, -1, NULL, NULL, 0);
}

static long ask_model(struct executor *ex)
{
    ex->phase = PHASE_CALL;
    ex->alloc_failures = ex->world->events[EV_ALLOC_FAILED];
    return ex->model->ops->apply(ex->model, &ex->call, NULL);
}

static void define(struct executor *ex, const struct op *op, long ret)
{
    if (op->def && op_table[op->kind].def == DEF_MAPPING)
        ex->results[op->def] = ret < 0 ? 0 : ret;
}

static void remember(struct executor *ex, const struct op *op, long ret)
{
    const struct world *w = ex->world;
    struct run_result *r = ex->r;

    define(ex, op, ret);
    ex->stats.calls[op->kind]++;
    ex->stats.failures[op->kind] += ret < 0;
    if (ex->o.hash)
        r->hash = hash_word(hash_word(r->hash, op->kind), (uint64_t)ret);
    if (unlikely(w->fault_triggered) && !r->triggered_at)
        r->triggered_at = r->nr_run;
    if (unlikely(ex->o.trace != NULL))
        ex->o.trace(ex->o.trace_arg, (int)r->nr_run - 1, op, &ex->call, ret);
}

/* Nobody makes it, so it is not counted among the calls either. */
static void refuse(struct executor *ex, const struct op *op)
{
    ex->r->nr_refused++;
    define(ex, op, -ENOSYS);
    if (ex->o.trace)
        ex->o.trace(ex->o.trace_arg, (int)ex->r->nr_run - 1, op, &ex->call, -ENOSYS);
    if (ex->o.not_made)
        ex->o.not_made(ex->o.not_made_arg, ex->r->nr_run - 1, op, ex->why_not, ex->why_known);
}

static bool judge(struct executor *ex, long ret, bool full)
{
    return guard_asan_clean(ex) && (!ex->o.spec || judge_answer(ex, ret)) &&
           (!ex->o.touched || judge_touched(ex)) && (!full || judge_full(ex)) &&
           guard_asan_clean(ex);
}

/* Full judgements cost what the world holds: the more it holds the rarer they are, so that their
 * share of the time stays the same. Every operation means every operation. */
static uint32_t next_full(const struct executor *ex)
{
    uint32_t vmas = ex->world->pool[POOL_VMA].nlive;

    return ex->o.full_every > 1 && vmas > ex->o.full_every / 2 ? 2 * vmas : ex->o.full_every;
}

/* last: known to be the program's last one, which gets the dear form of every judgement. */
static bool step(struct executor *ex, const struct op *op, bool last)
{
    bool full, clean, led = false;
    long ret;

    ex->r->nr_run++;
    if (op->kind == OP_NONE)
        return true;
    full = ex->o.full_every && (--ex->until_full == 0 || last);
    if (full)
        ex->until_full = next_full(ex);
    ex->judged_full = false;
    ex->brute = full || last;
    op_resolve(op, &ex->world->config, ex->results, &ex->call);
    ex->call.stamp = ex->r->nr_run;
    /* All of them, or it could name what only an operation that is not made defines. */
    if (unlikely(ex->o.other != NULL) && ex->o.other->trail)
        ex->o.other->trail(ex->o.other, &ex->world->config, op);
    if (unlikely(!ex->world->proc[ex->call.proc]) && op_has_process((enum op_kind)op->kind)) {
        remember(ex, op, -ESRCH); /* who does not exist cannot call */
        return true;
    }
    if (unlikely(ex->o.other != NULL) && !other_makes(ex)) {
        refuse(ex, op);
        return true;
    }
    if (ex->o.spec)
        spec_expect(ex->spec, ex->call.proc, ex->call.addr);
    if (unlikely(ex->o.other != NULL) && other_leads(ex)) {
        led = true;
        if (!follow_other(ex, &ret))
            return false;
    } else {
        ret = ask_model(ex);
    }
    remember(ex, op, ret);
    clean = judge(ex, ret, full) &&
            (!ex->o.other || (led ? judge_other_picture(ex) : judge_other(ex, ret, last)));
    if (unlikely(!clean))
        ex->r->kind = (enum op_kind)op->kind;
    return clean;
}

static bool finish(struct executor *ex)
{
    struct run_result *r = ex->r;

    if (ex->o.full_every && !ex->judged_full) {
        r->kind = (enum op_kind)ex->call.kind;
        if (!judge_full(ex))
            return false;
        r->kind = OP_NONE;
    }
    if (unlikely(ex->o.other != NULL) && !ex->judged_picture) {
        r->kind = (enum op_kind)ex->call.kind;
        if (!judge_other_picture(ex))
            return false;
        r->kind = OP_NONE;
    }
    if (ex->o.hash) {
        if (ex->model->ops->snapshot(ex->model, &ex->picture))
            errx(EXIT_FAILURE, "out of memory for a snapshot");
        r->hash = hash_word(r->hash, snapshot_hash(&ex->picture));
    }
    return !ex->o.check_exit || judge_exit(ex);
}

static void count_fault(struct executor *ex)
{
    ex->r->fault_reached = ex->world->fault_reached;
    ex->r->fault_triggered = ex->world->fault_triggered;
    if (ex->r->fault_triggered && !ex->r->triggered_at)
        ex->r->triggered_at = ex->r->nr_run;
}

static bool started(const struct executor *ex)
{
    return ex->r->verdict.law == LAW_NONE;
}

static bool step_body(struct executor *ex, void *arg)
{
    return step(ex, arg, false);
}

bool executor_step(struct executor *ex, const struct op *op)
{
    bool clean = started(ex) && guarded(ex, step_body, (void *)(uintptr_t)op);

    count_fault(ex);
    return clean;
}

static bool finish_body(struct executor *ex, void *arg)
{
    (void)arg;
    return finish(ex);
}

bool executor_finish(struct executor *ex)
{
    bool clean = started(ex) && guarded(ex, finish_body, NULL);

    count_fault(ex);
    return clean;
}

static bool run_body(struct executor *ex, void *arg)
{
    const struct program *p = arg;

    for (uint32_t i = 0; i < p->nr; i++)
        if (!step(ex, &p->op[i], i + 1 == p->nr))
            return false;
    return finish(ex);
}

bool executor_run(struct executor *ex, const struct program *p, const struct run_options *o,
                  struct run_result *r)
{
    bool clean;

    executor_start(ex, &p->config, o, r);
    clean = started(ex) && guarded(ex, run_body, (void *)(uintptr_t)p);
    count_fault(ex);
    return clean;
}

#define OTHER_TRIES 32
struct generation {
    struct generator generator;
    struct program *program;
    uint32_t nr_ops;
};

/* An operation that the other subject, if there is one, will not refuse. */
static void generate_op(struct executor *ex, struct generation *g, struct op *op)
{
    unsigned tries = 0;

    do {
        generator_next(&g->generator, ex->world, ex->results, op);
        if (!unlikely(ex->o.other != NULL))
            return;
        op_resolve(op, &ex->world->config, ex->results, &ex->call);
        if (!ex->world->proc[ex->call.proc])
            break;
    } while (!other_makes(ex) && ++tries < OTHER_TRIES);
    op->fail = 0;
}

static bool generate_body(struct executor *ex, void *arg)
{
    struct generation *g = arg;

    for (uint32_t i = 0; i < g->nr_ops; i++) {
        struct op op;

        ex->phase = PHASE_LAWS;
        generate_op(ex, g, &op);
        if (program_append(g->program, &op))
            errx(EXIT_FAILURE, "out of memory for a program");
        if (!step(ex, &op, i + 1 == g->nr_ops))
            return false;
    }
    return finish(ex);
}

bool executor_generate(struct executor *ex, struct program *p, uint64_t seed, uint32_t nr_ops,
                       const struct world_config *config, const struct run_options *o,
                       struct run_result *r)
{
    struct generation g = {.program = p, .nr_ops = nr_ops};
    bool clean;

    p->nr = 0;
    p->config = config ? *config : world_config_default;
    if (o->rules >= 0)
        p->config.rules = (enum rules)o->rules;
    else if (!config)
        p->config.rules = (enum rules)(seed % NR_RULES);
    p->rules_given = true;
    generator_start(&g.generator, seed, &p->config, config != NULL);
    executor_start(ex, &p->config, o, r);
    clean = started(ex) && guarded(ex, generate_body, &g);
    count_fault(ex);
    return clean;
}

struct failure_class failure_class(const struct run_result *r)
{
    return (struct failure_class){r->verdict.law, r->kind, r->verdict.site};
}

bool rules_break(enum rules rules, enum law_id law)
{
    return rules == RULES_LINUX_4_4 && law == LAW_ANON_SAME; /* CVE-2022-42703 */
}

bool failure_class_equal(const struct failure_class *a, const struct failure_class *b)
{
    return a->law == b->law && a->kind == b->kind &&
           (a->site == b->site || (a->site && b->site && !strcmp(a->site, b->site)));
}
