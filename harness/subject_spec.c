/* SPDX-License-Identifier: GPL-2.0-only */
/* The flat specification as a subject. */
#include "harness/subject.h"

#include <stdlib.h>

struct subject_spec {
    struct subject base;
    struct spec *spec;
};

struct spec *subject_spec_spec(const struct subject *s)
{
    return ((const struct subject_spec *)s)->spec;
}

static struct subject *flat_new(unsigned slot)
{
    struct subject_spec *f = malloc(sizeof(*f));

    (void)slot;
    if (!f)
        return NULL;
    f->base.ops = &subject_spec_ops;
    f->spec = spec_new();
    if (!f->spec) {
        free(f);
        return NULL;
    }
    return &f->base;
}

static void flat_free(struct subject *s)
{
    spec_free(subject_spec_spec(s));
    free(s);
}

/* Two types on purpose: the specification shares none with the model. */
static int flat_reset(struct subject *s, const struct world_config *c)
{
    const struct spec_config config = {
        .rules = (enum spec_rules)c->rules,
        .legacy_layout = c->legacy_layout,
        .privileged = c->privileged,
        .read_implies_exec = c->read_implies_exec,
        .overcommit = c->overcommit,
        .task_size = c->task_size,
        .mmap_base = c->mmap_base,
        .mmap_min_addr = c->mmap_min_addr,
        .start_brk = c->start_brk,
        .stack_guard_gap = c->stack_guard_gap,
        .max_map_count = c->max_map_count,
        .total_ram = c->total_ram,
        .admin_reserve = c->admin_reserve,
        .user_reserve = c->user_reserve,
    };

    return spec_reset(subject_spec_spec(s), &config);
}

static long flat_apply(struct subject *s, const struct call *call, const struct spec_seen *seen)
{
    return apply_spec(subject_spec_spec(s), call, seen);
}

static int flat_picture(struct subject *s, struct snapshot *out)
{
    return spec_snapshot(subject_spec_spec(s), out);
}

/* Plain arrays: nothing to end before the next reset. */
static void flat_exit(struct subject *s)
{
    (void)s;
}

const struct subject_ops subject_spec_ops = {
    .name = "spec",
    .new = flat_new,
    .free = flat_free,
    .reset = flat_reset,
    .apply = flat_apply,
    .snapshot = flat_picture,
    .exit = flat_exit,
};
