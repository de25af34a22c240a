/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For tests of the laws on pages: who complains of `world`, in the full forms, the touched ones and
 * on its picture, once one field has been overwritten.
 */
#ifndef TESTS_PAGE_JUDGE_H
#define TESTS_PAGE_JUDGE_H

#include "oracles/pages.h"
#include "tests/world.h"

extern struct snapshot picture; /* of the last picture_ok() */

/* Group fixture, with world_setup(). */
int judge_teardown(void **state);

#define CALL(expected, call)                                                                       \
    do {                                                                                           \
        world_begin(world, 0);                                                                     \
        assert_int_equal(call, expected);                                                          \
    } while (0)

/* Every entry and every frame is noted as touched. */
void note_everything(void);
/* Takes a picture: do all laws that can be seen on one hold there? */
bool picture_ok(struct verdict *v);
/* No law complains, in no form. */
void assert_quiet(void);
/* Does a law complain, in its full form? All others are asked, too, in all forms. */
bool breaks_a_law(void);

#define FULL 1    /* the full form sees it, and no other law does */
#define TOUCHED 2 /* so does the touched form */
#define BOTH (FULL | TOUCHED)
#define COMPANY 4 /* other laws see it too, in one form or the other */
struct corruption {
    const char *name;
    void (*corrupt)(void);
    enum law_id law;
    const char *site; /* NULL: any */
    unsigned forms;
    enum law_id picture; /* the law that sees it on a picture; LAW_NONE: it does not show */
    enum rules rules;
};
#define CORRUPTION(function, law, site, forms, picture, rules)                                     \
    {                                                                                              \
#function, function, LAW_##law, site, forms, LAW_##picture, rules                          \
    }

/* Corrupts the world, and is seen by the forms that it says, and on the picture. */
void assert_corruption_seen(const struct corruption *k);

#endif
