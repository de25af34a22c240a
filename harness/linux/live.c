/* SPDX-License-Identifier: GPL-2.0-only */
/* The running kernel as the other subject of a run: judged by its pictures, spared its quirks. */
#define _GNU_SOURCE
#include "harness/linux/live.h"

#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* A call that takes longer hangs. Less may be a machine with much to do. */
#define CALL_SECONDS 20.0

/* Nobody can tell a memory cgroup which pages to take. */
static bool leads(struct other_subject *other, const struct world *world, const struct call *call)
{
    const struct live *l = (struct live *)((char *)other - offsetof(struct live, other));

    return l->options.group && (other->shows & SHOWS_ENTRIES) && linux_reclaims_others(world, call);
}

static const char *avoids(struct other_subject *other, const struct world *world,
                          const struct call *call)
{
    struct live *l = (struct live *)((char *)other - offsetof(struct live, other));
    const struct linux_quirk *quirk =
        leads(other, world, call) ? NULL : linux_quirk_of(world, call);

    if (!quirk)
        return NULL;
    l->avoided[quirk - linux_quirks]++;
    return quirk->name;
}

static bool is_judged_well(struct live *l, const struct snapshot *model, struct snapshot *picture,
                           struct verdict *v)
{
    return compare_with_linux(model, picture, l->other.shows, v) &&
           laws_on_linux(picture, &l->lawful, l->other.shows, v);
}

/* Where huge pages are asked for, by whomever, the kernel moves others out of the way, which for a
 * while are not as they were: they have migration entries, and the reverse map is held. */
static bool may_be_moving(const struct snapshot *picture, const struct verdict *v)
{
    for (uint32_t i = 0; i < picture->nr_ptes; i++)
        if (picture->pte[i].flags & SNAP_PTE_MIGRATION)
            return true;
    return v->law == LAW_ANON_COUNTS;
}

static bool judge(struct other_subject *other, const struct snapshot *model,
                  struct snapshot *picture, struct verdict *v)
{
    struct live *l = (struct live *)((char *)other - offsetof(struct live, other));
    const struct verdict before = *v;
    struct subject *s = other->subject;

    if (is_judged_well(l, model, picture, v))
        return true;
    for (unsigned i = 0; i < (l->options.huge ? 50 : 10) && may_be_moving(picture, v); i++) {
        usleep(10000);
        if (s->ops->snapshot(s, picture))
            return false;
        *v = before;
        if (is_judged_well(l, model, picture, v))
            return true;
    }
    if (linux_lacked_huge_page(s))
        return law_broken(v, LAW_SUBJECT_LOST, "huge-page", NOWHERE, "%s", linux_lost(s));
    return false;
}

static void leave_trail(struct other_subject *other, const struct world_config *config,
                        const struct op *op)
{
    struct live *l = (struct live *)((char *)other - offsetof(struct live, other));

    if (op)
        trail_operation(&l->left, op);
    else
        trail_program(&l->left, config);
}

unsigned live_cpus(void)
{
    cpu_set_t set;

    return sched_getaffinity(0, sizeof(set), &set) ? 1 : (unsigned)CPU_COUNT(&set);
}

/* The n-th of the CPUs that there are for us. */
static unsigned usable_cpu(unsigned n)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof(set), &set))
        return 0;
    n %= live_cpus();
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &set) && n-- == 0)
            return cpu;
    return 0;
}

void live_init(struct live *l)
{
    struct utsname name;

    *l = (struct live){
        .every = 1, .rules = -1, .options = {.reader = READER_BEST, .seconds = CALL_SECONDS}};
    if (uname(&name))
        strcpy(name.release, "(unknown)");
    snprintf(l->name, sizeof(l->name), "Linux %.50s", name.release);
    linux_world_config(&l->config);
}

static bool is_drawable(unsigned shows)
{
    const unsigned all = SHOWS_ANON | SHOWS_ENTRIES | SHOWS_ENTRY_BITS | SHOWS_PAGE_FIELDS;

    return (shows & all) == all;
}

bool live_open(struct live *l, char *why, size_t size)
{
    struct linux_options options = l->options;

    options.cpu = usable_cpu(options.cpu);
    if (l->rules >= 0)
        l->config.rules = (enum rules)l->rules;
    if (l->trail && !trail_open(&l->left, l->trail, why, size))
        return false;
    if (!l->trail && l->trail_by_port) /* who hears of a guest's end without it says so */
        trail_open(&l->left, NULL, why, size);
    snprintf(l->replay, sizeof(l->replay), "--on linux%s%s%s%s%s", options.swap ? " --swap" : "",
             options.group ? " --cgroup" : "", options.compact ? " --compact" : "",
             options.huge ? " --huge" : "", l->show_quirks ? " --show-quirks" : "");
    l->other = (struct other_subject){
        .subject = subject_linux_new(&options, why, size),
        .name = l->name,
        .replay = l->replay,
        .every = l->every,
        .avoids = l->show_quirks ? NULL : avoids,
        .judge = judge,
        .leads = options.group && !l->show_quirks ? leads : NULL,
        .lost = linux_lost,
        .trail = l->left.to ? leave_trail : NULL,
    };
    if (!l->other.subject) {
        trail_close(&l->left);
        return false;
    }
    l->other.shows = subject_linux_shows(l->other.subject);
    l->other.drawable = is_drawable(l->other.shows);
    return true;
}

void live_close(struct live *l)
{
    l->other.subject->ops->free(l->other.subject);
    l->other.subject = NULL;
    trail_close(&l->left);
}

void live_options(struct live *l, struct run_options *o)
{
    o->other = &l->other;
    o->rules = (int)l->config.rules;
    if (!l->kernel_alone)
        return;
    o->touched = o->spec = o->check_exit = false;
    o->full_every = 0;
}
