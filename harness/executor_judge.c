/* SPDX-License-Identifier: GPL-2.0-only */
/* What the executor asks after an operation, and at the end. */
#define _GNU_SOURCE
#include "harness/executor.h"
#include "harness/report.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

static void pictures(struct executor *ex, bool both)
{
    int error = ex->model->ops->snapshot(ex->model, &ex->picture);

    if (!error && both)
        error = ex->flat->ops->snapshot(ex->flat, &ex->flat_picture);
    if (error)
        errx(EXIT_FAILURE, "out of memory for a snapshot");
}

static bool alloc_failed(const struct executor *ex)
{
    return ex->world->events[EV_ALLOC_FAILED] != ex->alloc_failures;
}

/* brk has no error to return: it answers the old break. */
static bool refused(const struct call *c, long got)
{
    return got < 0 || (c->kind == OP_BRK && (uint64_t)got != c->addr);
}

static uint64_t read_model(void *world, unsigned proc, uint64_t page, bool *own)
{
    return model_contents(world, proc, page, own);
}

/* Out of memory halfway: the specification knows only what it may look like. It has made the whole
 * call by now, and takes over what the model made of it if that is between before and after. */
static bool adopt(struct executor *ex, bool was_refused)
{
    const struct spec_subject subject = {&ex->picture, read_model, ex->world, was_refused};
    char why[160] = "";

    pictures(ex, false);
    if (spec_adopt(ex->spec, &subject, why, sizeof(why)))
        return true;
    return law_broken(&ex->r->verdict, LAW_SPEC_LAYOUT, "failed-allocation", caller(ex),
                      ex->call.addr, "after a failed allocation: %s", why);
}

const char *answer_site(long expected, long got)
{
    if (expected < 0)
        return strerrorname_np((int)-expected) ? strerrorname_np((int)-expected) : "error";
    return got < 0 ? "refused" : "value";
}

/* What these answer is what the page holds. */
bool answers_contents(enum op_kind kind)
{
    return kind == OP_READ || kind == OP_EXEC || kind == OP_PEEK || kind == OP_DEVICE_READ;
}

static bool wrong_answer(struct executor *ex, long expected, long got)
{
    const struct call *c = &ex->call;
    bool contents = answers_contents((enum op_kind)c->kind) && expected >= 0 && got >= 0;
    char said[64], should[64];

    answer_text((enum op_kind)c->kind, got, said, sizeof(said));
    answer_text((enum op_kind)c->kind, expected, should, sizeof(should));
    if (law_broken(&ex->r->verdict, contents ? LAW_CONTENT : LAW_ERRNO,
                   contents ? "read" : answer_site(expected, got), caller(ex), c->addr,
                   "%s answered %s; the flat specification says %s", op_table[c->kind].name, said,
                   should))
        return true;
    ex->r->expected = expected;
    ex->r->got = got;
    return false;
}

bool judge_answer(struct executor *ex, long got)
{
    const struct spec_seen seen = {got, ex->o.verify_search && !ex->brute};
    const struct call *c = &ex->call;
    const bool failed = unlikely(c->fail) && alloc_failed(ex);
    long expected;

    ex->phase = PHASE_SPEC;
    if (unlikely(failed))
        spec_before(ex->spec);
    expected = apply_spec(ex->spec, c, &seen);
    /* Some go on without what they did not get: pages that are populated, a merge. */
    if (unlikely(failed) && (refused(c, got) || got == expected))
        return adopt(ex, refused(c, got));
    return expected == got || wrong_answer(ex, expected, got);
}

bool judge_touched(struct executor *ex)
{
    struct verdict *v = &ex->r->verdict;

    ex->phase = PHASE_LAWS;
    return laws_touched(ex->world, v) &&
           (!ex->o.spec || compare_touched(ex->world, ex->spec, &ex->pairing, v));
}

bool judge_full(struct executor *ex)
{
    struct verdict *v = &ex->r->verdict;

    ex->phase = PHASE_LAWS;
    ex->judged_full = true;
    if (!laws_full(ex->world, v))
        return false;
    pictures(ex, ex->o.spec);
    return laws_snapshot(&ex->picture, v) &&
           (!ex->o.spec || (compare_snapshots(&ex->picture, &ex->flat_picture, v) &&
                            compare_contents(ex->world, ex->spec, v)));
}

bool judge_exit(struct executor *ex)
{
    ex->phase = PHASE_EXIT;
    ex->model->ops->exit(ex->model);
    if (ex->o.spec)
        ex->flat->ops->exit(ex->flat);
    if (unlikely(ex->o.other != NULL))
        ex->o.other->subject->ops->exit(ex->o.other->subject);
    return guard_asan_clean(ex) && laws_after_exit(ex->world, &ex->r->verdict);
}
