/* SPDX-License-Identifier: GPL-2.0-only */
/* The reference mm as a subject. */
#include "harness/subject.h"
#include "oracles/oracles.h"

#include <stdlib.h>

struct subject_model {
    struct subject base;
    struct world *world;
};

struct world *subject_model_world(const struct subject *s)
{
    return ((const struct subject_model *)s)->world;
}

static struct subject *model_new(unsigned slot)
{
    struct subject_model *m = malloc(sizeof(*m));

    if (!m)
        return NULL;
    m->base.ops = &subject_model_ops;
    m->world = world_new(slot);
    if (!m->world) {
        free(m);
        return NULL;
    }
    return &m->base;
}

static void model_free(struct subject *s)
{
    world_destroy(subject_model_world(s));
    free(s);
}

static int model_reset(struct subject *s, const struct world_config *config)
{
    return world_reset(subject_model_world(s), config);
}

static long model_apply(struct subject *s, const struct call *call, const struct spec_seen *seen)
{
    struct world *world = subject_model_world(s);

    (void)seen; /* the model goes first */
    world_begin(world, call->fail);
    return apply_model(world, call);
}

static int model_picture(struct subject *s, struct snapshot *out)
{
    return model_snapshot(subject_model_world(s), out);
}

static void model_exit(struct subject *s)
{
    struct world *world = subject_model_world(s);

    world_begin(world, 0);
    world_exit(world);
}

const struct subject_ops subject_model_ops = {
    .name = "model",
    .new = model_new,
    .free = model_free,
    .reset = model_reset,
    .apply = model_apply,
    .snapshot = model_picture,
    .exit = model_exit,
};
