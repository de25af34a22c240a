/* SPDX-License-Identifier: GPL-2.0-only */
/* The generator's plans. */
#include "harness/generate.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

/* A plan of many steps by chance may become too long: its end is left out, and nothing else is
 * written to. */
static void long_plan_is_cut(void **state)
{
    struct {
        struct generator g;
        uint64_t behind;
    } room;
    struct gen c = {.g = &room.g, .proc = 3};

    (void)state;
    memset(&room, 0, sizeof(room));
    room.behind = UINT64_MAX;
    for (unsigned i = 0; i < MAX_PLAN + 5; i++)
        plan_step(&c, i < MAX_PLAN ? OP_READ : OP_EXIT)->obj = 7;
    assert_int_equal(room.g.plan_nr, MAX_PLAN);
    for (unsigned i = 0; i < MAX_PLAN; i++) {
        assert_int_equal(room.g.plan[i].kind, OP_READ);
        assert_int_equal(room.g.plan[i].proc, 3);
        assert_int_equal(room.g.plan[i].obj, 7);
    }
    assert_true(room.behind == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_plan_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
