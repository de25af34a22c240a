/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fewer generations. A process goes with all that it does when its fork is left out, which removing
 * operations tries by itself; here a child and its parent become one:
 *
 *     p0: p1 = fork            p0: munmap a 2
 *     p0: exit           ->
 *     p1: munmap a 2
 *
 * What is left is numbered in the order of birth.
 */
#include "harness/shrink.h"

/* Best without the fork at index `birth`: who would have been forked is its parent, which therefore
 * does not exit; bereft: nor does it do anything else of its own afterwards, but for forks. */
static bool try_as_one(struct shrinker *s, uint32_t birth, bool bereft)
{
    const struct op fork = s->best->op[birth];
    uint8_t child = (uint8_t)(fork.def - 1);
    bool parent_lives = true, renamed = true;
    uint32_t n = 0;

    keep_all(s);
    s->gone[birth] = true;
    for (uint32_t i = birth + 1; i < s->best->nr; i++) {
        const struct op *op = &s->best->op[i];

        s->gone[i] = parent_lives && op->proc == fork.proc &&
                     op_has_process((enum op_kind)op->kind) &&
                     (bereft ? op->kind != OP_FORK : op->kind == OP_EXIT);
        if (s->gone[i] && op->kind == OP_EXIT)
            parent_lives = false; /* who has that number later is somebody else */
    }
    candidate_without(s);
    for (uint32_t i = 0; i < s->best->nr; i++) {
        struct op *op = &s->candidate->op[n];

        if (s->gone[i])
            continue;
        n++;
        if (i < birth || !renamed)
            continue;
        if (op->proc == child && op_has_process((enum op_kind)op->kind))
            op->proc = fork.proc;
        renamed = !(proc_made(op) >> child & 1);
    }
    return candidate_try(s);
}

static bool join_generations(struct shrinker *s)
{
    bool shrunk = false;

    for (uint32_t i = s->best->nr; i-- > 0 && !s->stopped;) {
        if (i + 1 >= s->best->nr || s->best->op[i].kind != OP_FORK ||
            s->best->op[i].proc + 1 == s->best->op[i].def)
            continue;
        shrunk |= try_as_one(s, i, true) || try_as_one(s, i, false);
    }
    return shrunk;
}

/* In the order of birth, each number once; more than there are numbers stay as they are. */
static bool renumber(struct shrinker *s)
{
    uint8_t number[MAX_PROCS] = {0}, next = 0;
    bool differs = false;

    candidate_start(s);
    for (uint32_t i = 0; i < s->candidate->nr; i++) {
        struct op *op = &s->candidate->op[i];
        uint8_t def = op->def, proc = op->proc;

        op->proc = number[proc];
        if (op->kind == OP_FORK) {
            if (++next == MAX_PROCS)
                return false;
            number[def - 1] = next;
            op->def = (uint8_t)(1 + next);
        }
        differs |= op->def != def || op->proc != proc;
    }
    return differs && candidate_try(s);
}

bool shrink_procs(struct shrinker *s)
{
    bool shrunk = join_generations(s);

    shrunk |= renumber(s);
    return shrunk;
}
