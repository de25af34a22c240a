/* SPDX-License-Identifier: GPL-2.0-only */
/* Every allocation of a program fails once, each in a run of its own. */
#include "harness/codec.h"
#include "harness/harness.h"

/* How many allocations had failed in this run before the operation, and after it. */
struct failures {
    const struct world *world;
    int index;
    uint32_t before, after;
};

static void count_failures(void *arg, int index, const struct op *op, const struct call *call,
                           long ret)
{
    struct failures *f = arg;

    (void)op, (void)call, (void)ret;
    if (index < f->index)
        f->before = f->world->events[EV_ALLOC_FAILED];
    else if (index == f->index)
        f->after = f->world->events[EV_ALLOC_FAILED];
}

/* One operation: until it asks for fewer allocations than the one that is to fail. */
static bool fail_each_of(struct executor *ex, struct program *p, uint32_t index,
                         const struct run_options *o, const volatile bool *stop, uint64_t *runs,
                         struct run_result *r)
{
    struct run_options traced = *o;
    struct failures f = {.world = executor_world(ex), .index = (int)index};
    const uint16_t own = p->op[index].fail;

    traced.trace = count_failures;
    traced.trace_arg = &f;
    for (uint16_t n = 1; n <= MAX_FAIL && !*stop; n++) {
        p->op[index].fail = n;
        f.before = f.after = 0;
        ++*runs;
        if (!executor_run(ex, p, &traced, r))
            return false;
        if (f.after == f.before)
            break;
    }
    p->op[index].fail = own;
    return true;
}

bool executor_fail_each(struct executor *ex, struct program *p, const struct run_options *o,
                        const volatile bool *stop, uint64_t *runs, struct run_result *r)
{
    for (uint32_t i = 0; i < p->nr && !*stop; i++)
        if (!fail_each_of(ex, p, i, o, stop, runs, r))
            return false;
    return true;
}
