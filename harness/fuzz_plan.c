/* SPDX-License-Identifier: GPL-2.0-only */
/* Which programs a fuzzing run makes, and the sums over them. */
#include "harness/fuzz_plan.h"

#include <string.h>

#define SHORTEST 20
#define LONGEST 400
#define FULL_EVERY 64 /* operations: the touched laws see most, the full ones confirm */

/* splitmix64 of the n-th state after seed. */
static uint64_t mix(uint64_t seed, uint64_t n)
{
    uint64_t z = seed + (n + 1) * 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

bool plan_next(const struct plan *plan, struct plan_cursor *cursor, struct planned *out)
{
    if (plan->ops && cursor->ops >= plan->ops)
        return false;
    uint64_t number = cursor->next++, seed = mix(plan->seed, number);
    uint64_t length = plan->length;
    if (!length)
        length = SHORTEST + mix(seed, 0) % (LONGEST - SHORTEST + 1);
    if (plan->ops && length > plan->ops - cursor->ops)
        length = plan->ops - cursor->ops;
    cursor->ops += length;
    *out = (struct planned){.number = number, .seed = seed, .length = (uint32_t)length};
    out->options = run_options_full;
    out->options.full_every = FULL_EVERY;
    out->options.hash = false;
    out->options.fault = plan->subject.fault;
    out->options.without = plan->subject.without;
    out->options.rules = plan->subject.rules >= 0 ? plan->subject.rules : (int)(number % NR_RULES);
    return true;
}

void counters_add(struct counters *sum, const struct counters *c)
{
    sum->programs += c->programs;
    sum->ops += c->ops;
    sum->violations += c->violations;
    sum->known += c->known;
    sum->fault_reached += c->fault_reached;
    sum->fault_triggered += c->fault_triggered;
    for (unsigned i = 0; i < LIVE_MAX_QUIRKS; i++)
        sum->avoided[i] += c->avoided[i];
    sum->led += c->led;
    sum->followed += c->followed;
    sum->moves.calls += c->moves.calls;
    sum->moves.entries += c->moves.entries;
    sum->moves.moved += c->moves.moved;
    if (c->vmas > sum->vmas)
        sum->vmas = c->vmas;
    if (c->shrinking) {
        sum->shrinking = c->shrinking;
        sum->evaluations = c->evaluations;
    }
    for (unsigned e = 0; e < NR_EVENTS; e++)
        sum->seen[e] |= c->seen[e];
    for (unsigned op = 0; op < NR_OPS; op++) {
        sum->stats.calls[op] += c->stats.calls[op];
        sum->stats.failures[op] += c->stats.failures[op];
    }
}

unsigned count_features(const struct counters *c)
{
    unsigned n = 0;
    for (unsigned e = 0; e < NR_EVENTS; e++)
        n += (unsigned)__builtin_popcount(c->seen[e]);
    return n;
}
