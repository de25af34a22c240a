/* SPDX-License-Identifier: GPL-2.0-only */
/* The third subject: what it cannot do nobody does; what it does has to be what the model did. */
#define _GNU_SOURCE
#include "harness/executor.h"
#include "harness/report.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Nothing can go on: the reason is its own. */
static bool lost(struct executor *ex, const char *site, const char *why)
{
    return law_broken(&ex->r->verdict, LAW_SUBJECT_LOST, site, caller(ex), ex->call.addr, "%s: %s",
                      ex->o.other->name, why);
}

static bool alive(struct executor *ex)
{
    const struct other_subject *o = ex->o.other;
    const char *why = o->lost ? o->lost(o->subject) : NULL;

    return !why || lost(ex, "lost", why);
}

bool other_start(struct executor *ex, const struct world_config *config)
{
    struct subject *s = ex->o.other->subject;
    int error = s->ops->reset(s, config);

    ex->until_picture = ex->o.other->every;
    ex->judged_picture = true;
    if (ex->o.other->trail)
        ex->o.other->trail(ex->o.other, config, NULL);
    if (error)
        return lost(ex, "reset", strerror(-error));
    return alive(ex);
}

bool other_makes(struct executor *ex)
{
    struct other_subject *o = ex->o.other;

    ex->call.fail = 0;
    ex->why_known = false;
    ex->why_not = o->subject->ops->refuses ? o->subject->ops->refuses(o->subject, &ex->call) : NULL;
    if (ex->why_not || !o->avoids)
        return !ex->why_not;
    ex->why_known = true;
    ex->why_not = o->avoids(o, ex->world, &ex->call);
    return !ex->why_not;
}

static bool answers_differ(struct executor *ex, long model, long other)
{
    const struct call *c = &ex->call;
    bool contents = answers_contents((enum op_kind)c->kind) && model >= 0 && other >= 0;
    char said[64], should[64];

    answer_text((enum op_kind)c->kind, model, said, sizeof(said));
    answer_text((enum op_kind)c->kind, other, should, sizeof(should));
    if (law_broken(&ex->r->verdict, contents ? LAW_CONTENT : LAW_ERRNO,
                   contents ? "read" : answer_site(other, model), c->proc, c->addr,
                   "the model's %s answered %s; %s says %s", op_table[c->kind].name, said,
                   ex->o.other->name, should))
        return true;
    ex->r->expected = other;
    ex->r->got = model;
    ex->r->by_other = true;
    return false;
}

static bool judge_taken(struct executor *ex)
{
    struct other_subject *o = ex->o.other;
    const int error = o->subject->ops->snapshot(o->subject, &ex->other_picture);

    if (error)
        return lost(ex, "picture", strerror(-error));
    if (o->judge(o, &ex->picture, &ex->other_picture, &ex->r->verdict))
        return true;
    ex->r->by_other = true;
    return false;
}

/* A difference is one that is still there some milliseconds later: the other subject may do
 * something by itself meanwhile, as a kernel that moves pages to other frames. */
bool judge_other_picture(struct executor *ex)
{
    static const struct timespec pause[] = {{.tv_nsec = 1000000}, {.tv_nsec = 4000000}};
    const struct verdict none = ex->r->verdict;

    ex->phase = PHASE_OTHER;
    ex->judged_picture = true;
    if (ex->model->ops->snapshot(ex->model, &ex->picture))
        errx(EXIT_FAILURE, "out of memory for a snapshot");
    for (size_t i = 0; !judge_taken(ex); i++) {
        if (i == sizeof(pause) / sizeof(*pause) || ex->r->verdict.law == LAW_SUBJECT_LOST)
            return false;
        nanosleep(&pause[i], NULL);
        ex->r->verdict = none;
        ex->r->by_other = false;
    }
    return true;
}

bool other_leads(struct executor *ex)
{
    struct other_subject *o = ex->o.other;

    return o->leads && o->leads(o, ex->world, &ex->call);
}

/* Its entry of a page; NULL: none. */
static const struct snap_pte *entry_of_other(const struct snapshot *s, unsigned proc, uint64_t page)
{
    const struct snap_proc *p = s->proc, *const end = p + s->nr_procs;
    uint32_t from, to;

    while (p < end && p->id != proc)
        p++;
    if (p == end)
        return NULL;
    for (from = p->first_pte, to = from + p->nr_ptes; from < to;) {
        const uint32_t middle = from + (to - from) / 2;

        if (s->pte[middle].page == page)
            return &s->pte[middle];
        if (s->pte[middle].page < page)
            from = middle + 1;
        else
            to = middle;
    }
    return NULL;
}

static enum reclaimed what_became(void *arg, unsigned proc, uintptr_t addr)
{
    const struct snapshot *s = arg;
    const struct snap_pte *pte = entry_of_other(s, proc, addr >> PAGE_SHIFT);

    if (!pte)
        return RECLAIMED_NONE;
    if (pte->flags & SNAP_PTE_SWAP)
        return RECLAIMED_SWAP;
    return pte->number && (s->page[pte->number - 1].flags & SNAP_PAGE_SWAPBACKED) ? RECLAIMED_KEPT
                                                                                  : RECLAIMED_NOT;
}

bool follow_other(struct executor *ex, long *ret)
{
    struct other_subject *o = ex->o.other;
    int error;

    ex->phase = PHASE_OTHER;
    *ret = o->subject->ops->apply(o->subject, &ex->call, NULL);
    if (!alive(ex))
        return false;
    error = o->subject->ops->snapshot(o->subject, &ex->other_picture);
    if (error)
        return lost(ex, "picture", strerror(-error));
    ex->phase = PHASE_CALL;
    ex->alloc_failures = ex->world->events[EV_ALLOC_FAILED];
    o->followed += world_reclaim(ex->world, what_became, &ex->other_picture);
    o->led++;
    return true;
}

bool judge_other(struct executor *ex, long got, bool last)
{
    const struct other_subject *o = ex->o.other;
    long answer;

    ex->phase = PHASE_OTHER;
    ex->judged_picture = false;
    answer = o->subject->ops->apply(o->subject, &ex->call, &(struct spec_seen){.ret = got});
    if (!alive(ex))
        return false;
    if (answer != got && !answers_differ(ex, got, answer))
        return false;
    if (!last && (!o->every || --ex->until_picture))
        return true;
    ex->until_picture = o->every;
    return judge_other_picture(ex);
}
