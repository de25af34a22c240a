/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/page_judge.h"

#include <string.h>

struct snapshot picture;

int judge_teardown(void **state)
{
    snapshot_fini(&picture);
    return world_teardown(state);
}

void note_everything(void)
{
    struct all_pages w = {.world = world};
    const struct page *page;

    world_begin(world, 0);
    for (unsigned i = 0; i < world->nr_procs; i++)
        if (world->proc[i])
            note_ptes(world->proc[i], 0, world->proc[i]->task_size);
    while ((page = all_pages_next(&w)))
        note_page(world, (struct page *)(uintptr_t)page);
}

bool picture_ok(struct verdict *v)
{
    assert_int_equal(model_snapshot(world, &picture), 0);
    return laws_snapshot(&picture, v);
}

void assert_quiet(void)
{
    struct verdict v = {.law = LAW_NONE};

    for (unsigned law = 0; law < NR_LAWS; law++)
        if (!law_full((enum law_id)law, world, &v) || !law_touched((enum law_id)law, world, &v))
            fail_msg("%s (%s): %s", law_table[v.law].name, v.site, v.text);
    if (!laws_full(world, &v) || !laws_touched(world, &v) || !picture_ok(&v))
        fail_msg("%s (%s): %s", law_table[v.law].name, v.site, v.text);
    assert_true(sweep(world));
}

bool breaks_a_law(void)
{
    struct verdict v = {.law = LAW_NONE};
    const bool broken = !laws_full(world, &v);

    (void)laws_touched(world, &v);
    (void)picture_ok(&v);
    for (unsigned law = 0; law < NR_LAWS; law++) {
        (void)law_full((enum law_id)law, world, &v);
        (void)law_touched((enum law_id)law, world, &v);
    }
    return broken;
}

typedef bool one_law(enum law_id law, const struct world *world, struct verdict *v);
typedef bool all_laws(const struct world *world, struct verdict *v);

/* Seen by this form of this law, and of no other. */
static void assert_seen(const struct corruption *k, const char *form, one_law *one, all_laws *all)
{
    struct verdict v = {.law = LAW_NONE};

    for (unsigned law = 0; law < NR_LAWS && !(k->forms & COMPANY); law++)
        if (law != k->law && !one((enum law_id)law, world, &v))
            fail_msg("%s: the %s form says %s (%s): %s", k->name, form, law_table[v.law].name,
                     v.site, v.text);
    if (one(k->law, world, &v))
        fail_msg("%s: the %s form of %s sees nothing", k->name, form, law_table[k->law].name);
    if (v.law != k->law || (k->site && strcmp(v.site, k->site) != 0))
        fail_msg("%s: the %s form says %s (%s)", k->name, form, law_table[v.law].name, v.site);
    if (!*v.text)
        fail_msg("%s: the %s form gives no reason", k->name, form);
    if (all(world, &v))
        fail_msg("%s: all %s forms together see nothing", k->name, form);
}

void assert_corruption_seen(const struct corruption *k)
{
    struct verdict v = {.law = LAW_NONE};

    k->corrupt();
    if (k->forms & FULL)
        assert_seen(k, "full", law_full, laws_full);
    if (k->forms & TOUCHED)
        assert_seen(k, "touched", law_touched, laws_touched);
    if (picture_ok(&v) != (k->picture == LAW_NONE) || v.law != k->picture)
        fail_msg("%s: the picture says: %s %s", k->name, law_table[v.law].name, v.text);
}
