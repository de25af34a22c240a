/* SPDX-License-Identifier: GPL-2.0-only */
/* A failure played again, with pictures taken before and after the operation that broke a law. */
#define _GNU_SOURCE
#include "harness/executor.h"
#include "harness/report.h"

#include <inttypes.h>
#include <string.h>

const char *answer_error(long answer)
{
    return answer < 0 && answer >= -4095 ? strerrorname_np((int)-answer) : NULL;
}

static void pages_text(uint64_t bytes, char *text, size_t size)
{
    if (bytes & ~PAGE_MASK)
        snprintf(text, size, "0x%" PRIx64 ":0x%" PRIx64, bytes >> PAGE_SHIFT, bytes & ~PAGE_MASK);
    else
        snprintf(text, size, "0x%" PRIx64, bytes >> PAGE_SHIFT);
}

void answer_text(enum op_kind kind, long answer, char *text, size_t size)
{
    const char *error = answer_error(answer);
    char pages[40];

    if (error) {
        snprintf(text, size, "%s", error);
        return;
    }
    switch (kind) {
    case OP_MMAP:
    case OP_MREMAP:
    case OP_BRK:
    case OP_SPECIAL:
        pages_text((uint64_t)answer, pages, sizeof(pages));
        snprintf(text, size, "page %s", pages);
        return;
    case OP_FIND:
    case OP_FIND_PREV:
    case OP_FIND_RANGE:
        pages_text((uint64_t)answer - 1, pages, sizeof(pages));
        snprintf(text, size, answer ? "the VMA at %s" : "no VMA", pages);
        return;
    case OP_READ:
    case OP_EXEC:
    case OP_PEEK:
    case OP_DEVICE_READ: /* contents are numbers of operations that wrote */
        snprintf(text, size, answer ? "what operation %ld wrote" : "zeroes", answer);
        return;
    default:
        snprintf(text, size, "%ld", answer);
    }
}

/* Which options show the failure: the finding's own, but never by luck of the cadence. */
static bool play(struct executor *ex, const struct program *p, struct run_options *o,
                 struct run_result *r)
{
    const struct run_options given = *o;

    o->trace = NULL;
    o->verify_search = false;
    if (!executor_run(ex, p, o, r))
        return true;
    o->full_every = given.full_every ? 1 : 0;
    if (!executor_run(ex, p, o, r))
        return true;
    *o = given;
    o->trace = NULL;
    return !executor_run(ex, p, o, r);
}

struct shot {
    struct scene *scene;
    bool spec;
    struct subject *other; /* NULL: none */
};

static bool take_before(struct executor *ex, void *arg)
{
    struct scene *s = ((struct shot *)arg)->scene;

    return !ex->model->ops->snapshot(ex->model, &s->before);
}

/* What a broken law leaves behind may not be walkable. */
static bool take_after(struct executor *ex, void *arg)
{
    struct shot *shot = arg;
    struct scene *s = shot->scene;

    if (shot->spec)
        s->spec_known = !ex->flat->ops->snapshot(ex->flat, &s->spec_after);
    if (shot->other)
        s->other_known = !shot->other->ops->snapshot(shot->other, &s->other_after);
    s->after_known = !ex->model->ops->snapshot(ex->model, &s->after);
    return s->after_known;
}

static void keep_answer(void *arg, int index, const struct op *op, const struct call *call,
                        long ret)
{
    struct scene *scene = arg;

    (void)op, (void)call;
    scene->answered = index + 1 == (int)scene->nr_played;
    scene->answer = ret;
}

void scene_init(struct scene *scene, struct executor *ex, const struct finding *f)
{
    const struct program *p = f->program;
    struct run_options o = *f->options;
    struct run_result again;
    struct shot shot = {scene, o.spec, o.other ? o.other->subject : NULL};
    uint32_t last;

    memset(scene, 0, sizeof(*scene));
    scene->fails = play(ex, p, &o, &again);
    scene->result = scene->fails ? again : *f->result;
    last = scene->result.nr_run < p->nr ? scene->result.nr_run : p->nr;
    if (last && scene->result.kind != OP_NONE)
        scene->culprit = &p->op[scene->culprit_index = last - 1];
    scene->nr_played = last;
    o.trace = keep_answer;
    o.trace_arg = scene;
    executor_start(ex, &p->config, &o, &again);
    for (uint32_t i = 0; i < last; i++) {
        if (i + 1 == last)
            guarded(ex, take_before, &shot);
        executor_step(ex, &p->op[i]);
    }
    guarded(ex, take_after, &shot);
}

void scene_fini(struct scene *scene)
{
    snapshot_fini(&scene->before);
    snapshot_fini(&scene->after);
    snapshot_fini(&scene->spec_after);
    snapshot_fini(&scene->other_after);
}
