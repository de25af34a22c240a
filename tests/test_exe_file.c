/* SPDX-License-Identifier: GPL-2.0-only */
/* The file that a process was started from: who may write to it, and what keeps it. The answers are
 * those of Linux 5.10, 6.1, 6.12 and 6.18. */
#include "tests/play.h"

struct answers {
    int n;
    long ret[32];
};

static void note_answer(void *arg, int index, const struct op *op, const struct call *call,
                        long ret)
{
    struct answers *a = arg;

    (void)op, (void)call;
    if (index >= 0)
        a->ret[a->n++] = ret;
}

/* The answers of a program under the rules; it is clean. */
static struct answers answers(struct executor *ex, const char *operations, enum rules rules)
{
    struct answers a = {0};
    struct run_options o = run_options_strict;
    struct run_result r;

    o.rules = (int)rules;
    o.trace = note_answer;
    o.trace_arg = &a;
    if (!play(ex, operations, &o, &r))
        fail_msg("%s: %s: %s", rules_names[rules], law_table[r.verdict.law].name, r.verdict.text);
    return a;
}

static void stays_while_it_is_mapped(void **state)
{
    for (enum rules rules = 0; rules < NR_RULES; rules++) {
        const struct answers a = answers(*state,
                                         "world privileged\n"
                                         "f0 = open regular r 2\n"
                                         "f1 = open regular r 2\n"
                                         "f2 = reopen f0 r\n"
                                         "p0: exe f0\n"
                                         "p0: a = mmap 0x10 1 r private f2\n"
                                         "p0: exe f0\n"
                                         "p0: exe f1\n"
                                         "p0: munmap a 1\n"
                                         "p0: exe f1\n",
                                         rules);

        assert_int_equal(a.ret[3], 0);
        assert_int_equal(a.ret[5], -EBUSY); /* the object, through whatever file */
        assert_int_equal(a.ret[6], -EBUSY);
        assert_int_equal(a.ret[8], 0);
    }
}

/* A file that is closed but mapped may still write to its object. */
static void waits_for_writers(void **state)
{
    for (enum rules rules = 0; rules < NR_RULES; rules++) {
        const struct answers a = answers(*state,
                                         "world privileged\n"
                                         "f0 = open regular rw 2\n"
                                         "f1 = reopen f0 r\n"
                                         "p0: exe f0\n"
                                         "p0: a = mmap 0x10 1 r shared f0\n"
                                         "close f0\n"
                                         "p0: munmap a 1\n"
                                         "p0: exe f1\n"
                                         "f0 = open regular rw 2\n"
                                         "p0: b = mmap 0x10 1 r private f0\n"
                                         "f2 = reopen f0 r\n"
                                         "close f0\n"
                                         "p0: exe f2\n"
                                         "p0: munmap b 1\n"
                                         "p0: exe f2\n",
                                         rules);
        const long busy = rules >= RULES_LINUX_6_1 ? -EACCES : 0;

        assert_int_equal(a.ret[2], busy);
        assert_int_equal(a.ret[6], 0);
        assert_int_equal(a.ret[11], busy);
        assert_int_equal(a.ret[13], 0);
    }
}

static void keeps_writers_away(void **state)
{
    for (enum rules rules = 0; rules < NR_RULES; rules++) {
        const struct answers a = answers(*state,
                                         "world privileged\n"
                                         "f0 = open regular r 2\n"
                                         "f1 = open regular r 2\n"
                                         "p0: exe f0\n"
                                         "f2 = reopen f0 rw\n"
                                         "f3 = reopen f0 r\n"
                                         "p0: p1 = fork\n"
                                         "p0: exe f1\n"
                                         "f4 = reopen f0 w\n"
                                         "p1: exit\n"
                                         "f5 = reopen f0 w\n"
                                         "f6 = reopen f1 w\n",
                                         rules);
        const long busy = rules >= RULES_LINUX_6_1 ? -ETXTBSY : 0;

        assert_int_equal(a.ret[3], busy);
        assert_int_equal(a.ret[4], 0);
        assert_int_equal(a.ret[7], busy); /* the child's */
        assert_int_equal(a.ret[9], 0);
        assert_int_equal(a.ret[10], busy);
    }
}

/* A count that goes with its object makes no difference to anybody. */
static void fault_needs_an_object_that_stays(void **state)
{
    struct run_options o = run_options_strict;
    struct run_result r;

    o.fault = F_EXE_KEEPS_DENYING;
    assert_true(play(*state,
                     "world rules=linux-6.1 privileged\n"
                     "f0 = open regular r 2\n"
                     "p0: exe f0\n"
                     "close f0\n"
                     "p0: exit\n",
                     &o, &r));
    assert_int_equal(r.fault_reached, 1);
    assert_int_equal(r.fault_triggered, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stays_while_it_is_mapped),
        cmocka_unit_test(waits_for_writers),
        cmocka_unit_test(keeps_writers_away),
        cmocka_unit_test(fault_needs_an_object_that_stays),
    };

    return cmocka_run_group_tests(tests, play_setup, play_teardown);
}
