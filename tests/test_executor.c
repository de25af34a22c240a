/* SPDX-License-Identifier: GPL-2.0-only */
/* The executor: what it runs, what it judges, and what it makes of a model that cannot go on. */
#include "model/internal.h"
#include "tests/play.h"

#include <string.h>

static const char *const mixed = "p0: a = mmap 0x100 8 rw private anon\n"
                                 "p0: mprotect a+2 2 r\n"
                                 "p0: munmap a+6 2\n"
                                 "p0: b = mmap 0 4 rw shared anon\n"
                                 "p0: c = mremap b 4 -> 8 maymove\n"
                                 "p0: mlock c 8\n"
                                 "p0: brk brk+4\n"
                                 "p0: write a\n"
                                 "p0: munmap 0x100:0x10 1\n";

static struct run_options with_fault(enum fault_id fault)
{
    struct run_options o = run_options_strict;

    o.fault = fault;
    return o;
}

static void clean_program_has_no_verdict(void **state)
{
    struct run_result r;

    if (!play(*state, mixed, &run_options_strict, &r))
        fail_msg("%s: %s", law_table[r.verdict.law].name, r.verdict.text);
    assert_int_equal(r.verdict.law, LAW_NONE);
    assert_int_equal(r.nr_run, 9);
    assert_int_equal(r.kind, OP_NONE);
}

static void hash_is_of_answers_and_state(void **state)
{
    struct run_result a, b;

    assert_true(play(*state, mixed, &run_options_strict, &a));
    assert_true(play(*state, mixed, &run_options_full, &b));
    assert_true(a.hash != 0);
    assert_true(a.hash == b.hash);
    assert_true(play(*state, "p0: a = mmap 0x100 8 rw private anon\n", &run_options_strict, &b));
    assert_true(a.hash != b.hash);
    assert_true(play(*state, "p0: a = mmap 0x100 8 r private anon\n", &run_options_strict, &a));
    assert_true(a.hash != b.hash); /* same answers, another state */
}

static void wrong_answer_is_a_verdict(void **state)
{
    const struct run_options o = with_fault(F_MPROTECT_HOLE_OK);
    struct run_result r;

    /*   a a a a . . . .
     *       |-----|        mprotect */
    assert_false(play(*state,
                      "p0: a = mmap 0x100 4 rw private anon\n"
                      "p0: mprotect a+2 4 r\n"
                      "p0: munmap a 4\n",
                      &o, &r));
    assert_int_equal(r.verdict.law, LAW_ERRNO);
    assert_int_equal(r.kind, OP_MPROTECT);
    assert_int_equal(r.nr_run, 2);
    assert_int_equal(r.got, 0);
    assert_int_equal(r.expected, -ENOMEM);
    assert_int_equal(r.triggered_at, 2);
    assert_true(r.fault_triggered >= 1 && r.fault_reached >= r.fault_triggered);
}

/* The second table of what moves is empty, and what the fault leaves behind is in the third: it has
 * made a difference, so that what a law then says is no false alarm. */
static void fault_counts_all_that_it_leaves(void **state)
{
    const struct run_options o = with_fault(F_MOVE_STOPS_AT_TABLE);
    struct run_result r;

    assert_false(play(*state,
                      "world rules=linux-6.1\n"
                      "p0: a = mmap 0x10 0x500 rw private anon\n"
                      "p0: write a\n"
                      "p0: write a+0x200\n"
                      "p0: madvise a+0x200 1 dontneed\n"
                      "p0: write a+0x400\n"
                      "p0: mremap a 0x500 -> 0x500 maymove fixed to=0x610\n",
                      &o, &r));
    assert_int_equal(r.verdict.law, LAW_CONTENT);
    assert_int_equal(r.kind, OP_MREMAP);
    assert_int_equal(r.fault_reached, 1);
    assert_int_equal(r.fault_triggered, 1);
}

static void class_tells_failures_apart(void **state)
{
    struct run_result a = {.verdict = {.law = LAW_ERRNO, .site = "ENOMEM"}, .kind = OP_MPROTECT};
    struct run_result b = a;
    struct failure_class ca = failure_class(&a), cb = failure_class(&b);

    (void)state;
    assert_true(failure_class_equal(&ca, &cb));
    b.verdict.site = "EINVAL";
    cb = failure_class(&b);
    assert_false(failure_class_equal(&ca, &cb));
    cb = ca;
    cb.kind = OP_MUNMAP;
    assert_false(failure_class_equal(&ca, &cb));
    cb = ca;
    cb.law = LAW_LEAK;
    assert_false(failure_class_equal(&ca, &cb));
}

static void endless_search_is_a_verdict(void **state)
{
    struct run_options o = with_fault(F_SEARCH_NO_PROGRESS);
    struct program *p = program_new(0);
    struct run_result r = {0};

    play_own_signals();
    for (uint64_t seed = 1; seed < 400 && r.verdict.law != LAW_STEPS; seed++)
        executor_generate(*state, p, seed, 60, NULL, &o, &r);
    assert_int_equal(r.verdict.law, LAW_STEPS);
    assert_non_null(r.verdict.site);
    /* and the executor is as good as new */
    program_free(p);
    clean_program_has_no_verdict(state);
}

static void crash(void *arg, int index, const struct op *op, const struct call *call, long ret)
{
    (void)op, (void)call, (void)ret;
    if (index == 1)
        *(volatile char *)arg = 0;
}

static void signal_is_a_verdict(void **state)
{
    struct run_options o = run_options_strict;
    struct run_result r;

    o.trace = crash;
    o.trace_arg = (void *)PAGE_SIZE;
    play_own_signals();
    for (int i = 0; i < 3; i++) { /* the signal is not left blocked */
        assert_false(play(*state, mixed, &o, &r));
        assert_int_equal(r.verdict.law, LAW_MODEL_BUG);
        assert_string_equal(r.verdict.site, "signal");
        assert_int_equal(r.kind, OP_MPROTECT);
        assert_int_equal(r.nr_run, 2);
    }
    clean_program_has_no_verdict(state);
}

static void free_twice(void *arg, int index, const struct op *op, const struct call *call, long ret)
{
    struct world *w = arg;
    void *name;

    (void)op, (void)call, (void)ret;
    if (index != 1)
        return;
    name = pool_alloc(w, POOL_NAME);
    pool_free(w, POOL_NAME, name);
    pool_free(w, POOL_NAME, name);
}

static void freeing_twice_is_a_verdict(void **state)
{
    struct run_options o = run_options_strict;
    struct run_result r;

    o.trace = free_twice;
    o.trace_arg = (void *)(uintptr_t)executor_world(*state);
    assert_false(play(*state, mixed, &o, &r));
    assert_int_equal(r.verdict.law, LAW_MODEL_BUG);
    assert_string_equal(r.verdict.site, "double-free");
    assert_int_equal(r.kind, OP_MPROTECT);
    clean_program_has_no_verdict(state);
}

struct log {
    int calls, indexes[16];
    long answers[16];
};

static void log_call(void *arg, int index, const struct op *op, const struct call *call, long ret)
{
    struct log *log = arg;

    assert_true((op == NULL) == (index < 0));
    assert_true((call == NULL) == (index < 0));
    log->indexes[log->calls] = index;
    log->answers[log->calls++] = ret;
}

static void trace_sees_every_operation(void **state)
{
    struct log log = {0};
    struct run_options o = run_options_strict;
    struct run_result r;

    o.trace = log_call;
    o.trace_arg = &log;
    assert_true(play(*state, mixed, &o, &r));
    assert_int_equal(log.calls, 10);
    for (int i = 0; i < log.calls; i++)
        assert_int_equal(log.indexes[i], i - 1);
    assert_int_equal(log.answers[1], 0x100 << PAGE_SHIFT);
    assert_int_equal(log.answers[9], -EINVAL);
}

static void names_are_answers(void **state)
{
    struct executor *ex = *state;
    struct program *p = play_program("p0: a = mmap 0x100 4 rw private anon\n"
                                     "p0: b = mmap 0x200 0 rw private anon\n");
    struct run_result r;

    executor_start(ex, &p->config, &run_options_strict, &r);
    for (uint32_t i = 0; i < p->nr; i++)
        assert_true(executor_step(ex, &p->op[i]));
    assert_int_equal(executor_results(ex)[1], 0x100 << PAGE_SHIFT);
    assert_int_equal(executor_results(ex)[2], 0); /* it failed */
    assert_int_equal(executor_world(ex)->proc[0]->map_count, 1);
    assert_int_equal(spec_map_count(executor_spec(ex), 0), 1);
    assert_true(executor_finish(ex));
    program_free(p);
}

static void missing_process_cannot_call(void **state)
{
    struct log log = {0};
    struct run_options o = run_options_strict;
    struct run_result r;

    o.trace = log_call;
    o.trace_arg = &log;
    assert_true(play(*state, "p0: p3 = fork\np3: exit\np3: munmap 0x10 1\np3: exit\n", &o, &r));
    assert_int_equal(log.answers[2], 0);
    assert_int_equal(log.answers[3], -ESRCH);
    assert_int_equal(log.answers[4], -ESRCH);
}

/* A write leaves its place in the program; devices do not mind who is gone. */
static void contents_are_places(void **state)
{
    struct log log = {0};
    struct run_options o = run_options_strict;
    struct run_result r;

    o.trace = log_call;
    o.trace_arg = &log;
    o.rules = RULES_LINUX_6_1;
    if (!play(*state,
              "p0: a = mmap 0x100 4 rw private anon\n"
              "p0: write a:8\n"
              "p0: read a:0xfff\n"
              "p0: k3 = pin a write\n"
              "device_write k3\n"
              "p0: peek a\n"
              "p0: p1 = fork\n"
              "p0: exit\n"
              "device_read k3\n"
              "unpin k3\n"
              "unpin k3\n"
              "f0 = open regular rw 1\n",
              &o, &r))
        fail_msg("%s: %s", law_table[r.verdict.law].name, r.verdict.text);
    assert_int_equal(log.answers[3], 2);
    assert_int_equal(log.answers[6], 5);
    assert_int_equal(log.answers[9], 5);
    assert_int_equal(log.answers[10], 0);
    assert_int_equal(log.answers[11], -EBADF);
    assert_int_equal(log.answers[12], 0);
}

static void wrong_contents_are_a_verdict(void **state)
{
    struct run_options o = with_fault(F_FORK_KEEPS_WRITE);
    struct run_result r;

    o.touched = false; /* the page would have been seen to be writable */
    o.full_every = 0;
    assert_false(play(*state,
                      "p0: a = mmap 0x100 4 rw private anon\n"
                      "p0: write a\n"
                      "p0: p1 = fork\n"
                      "p0: write a\n"
                      "p1: read a\n",
                      &o, &r));
    assert_int_equal(r.verdict.law, LAW_CONTENT);
    assert_string_equal(r.verdict.site, "read");
    assert_int_equal(r.kind, OP_READ);
    assert_int_equal(r.expected, 2);
    assert_int_equal(r.got, 4);
}

/* Who is gone can come back under the same number, as a child of a child of its own. */
static void processes_fork_and_exit(void **state)
{
    struct log log = {0};
    struct run_options o = run_options_strict;
    struct run_result r;

    o.trace = log_call;
    o.trace_arg = &log;
    if (!play(*state,
              "p0: a = mmap 0x100 4 rw private anon\n"
              "p0: write a\n"
              "p0: p1 = fork\n"
              "p0: p1 = fork\n"
              "p1: p2 = fork\n"
              "p1: p0 = fork\n"
              "p0: exit\n"
              "p2: p0 = fork\n"
              "p0: munmap a 4\n"
              "p2: find a\n",
              &o, &r))
        fail_msg("%s: %s", law_table[r.verdict.law].name, r.verdict.text);
    assert_int_equal(log.answers[3], 0);
    assert_int_equal(log.answers[4], -EAGAIN);
    assert_int_equal(log.answers[6], -EAGAIN);
    assert_int_equal(log.answers[8], 0);
    assert_int_equal(log.answers[10], (0x100 << PAGE_SHIFT) + 1);
    assert_non_null(executor_world(*state));
}

static void given_rules_win(void **state)
{
    struct run_options o = run_options_strict;
    struct run_result r;

    o.rules = RULES_LINUX_4_4;
    assert_true(play(*state, "p0: a = mmap 0x100 4 rw private anon\n", &o, &r));
    assert_int_equal(executor_world(*state)->config.rules, RULES_LINUX_4_4);
}

static void senseless_world_is_a_verdict(void **state)
{
    struct program *p = play_program("p0: munmap 0x10 1\n");
    struct run_result r;

    p->config.task_size = 3;
    assert_false(executor_run(*state, p, &run_options_strict, &r));
    assert_int_equal(r.verdict.law, LAW_MODEL_BUG);
    assert_string_equal(r.verdict.site, "world");
    program_free(p);
}

static void generated_program_replays(void **state)
{
    struct program *p = program_new(0), *q = program_new(0);
    struct run_options o = run_options_full;
    struct run_result a, b;

    for (uint64_t seed = 1; seed <= 20; seed++) {
        executor_generate(*state, p, seed, 120, NULL, &o, &a);
        executor_run(*state, p, &o, &b);
        assert_int_equal(a.verdict.law, b.verdict.law);
        assert_int_equal(a.nr_run, b.nr_run);
        assert_true(a.hash == b.hash);
        executor_generate(*state, q, seed, 120, NULL, &o, &b);
        assert_int_equal(p->nr, q->nr);
        assert_memory_equal(p->op, q->op, p->nr * sizeof(*p->op));
    }
    program_free(p);
    program_free(q);
}

static void statistics_are_summed(void **state)
{
    struct op_stats *stats = executor_stats(*state);
    struct run_result r;

    memset(stats, 0, sizeof(*stats));
    assert_true(play(*state, mixed, &run_options_strict, &r));
    assert_true(play(*state, mixed, &run_options_strict, &r));
    assert_int_equal(stats->calls[OP_MUNMAP], 4);
    assert_int_equal(stats->failures[OP_MUNMAP], 2);
    assert_int_equal(stats->calls[OP_MMAP], 4);
}

static void failed_allocation_is_judged_leniently(void **state)
{
    struct run_result r;
    char text[160];

    /* whichever allocation fails, what is left is between before and after */
    for (unsigned n = 1; n <= 6; n++) {
        snprintf(text, sizeof(text),
                 "p0: a = mmap 0x100 8 rw private anon\n"
                 "p0: mprotect a+2 2 r fail=%u\n"
                 "p0: munmap a+4 1 fail=%u\n"
                 "p0: b = mmap 0x200 4 rw shared anon fail=%u\n",
                 n, n, n);
        if (!play(*state, text, &run_options_strict, &r))
            fail_msg("fail=%u: %s: %s", n, law_table[r.verdict.law].name, r.verdict.text);
    }
}

static void nearest_name_is_near(void **state)
{
    static const char *const names[] = {"case3-pgoff", "case8-wrong-survivor", "name-leak"};

    (void)state;
    assert_string_equal(nearest_name("case3-pgof", names, 3), "case3-pgoff");
    assert_string_equal(nearest_name("nmae-leak", names, 3), "name-leak");
    assert_null(nearest_name("zebra", names, 3));
    assert_null(nearest_name("", names, 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clean_program_has_no_verdict),
        cmocka_unit_test(hash_is_of_answers_and_state),
        cmocka_unit_test(wrong_answer_is_a_verdict),
        cmocka_unit_test(fault_counts_all_that_it_leaves),
        cmocka_unit_test(class_tells_failures_apart),
        cmocka_unit_test(endless_search_is_a_verdict),
        cmocka_unit_test(signal_is_a_verdict),
        cmocka_unit_test(freeing_twice_is_a_verdict),
        cmocka_unit_test(trace_sees_every_operation),
        cmocka_unit_test(names_are_answers),
        cmocka_unit_test(missing_process_cannot_call),
        cmocka_unit_test(contents_are_places),
        cmocka_unit_test(wrong_contents_are_a_verdict),
        cmocka_unit_test(processes_fork_and_exit),
        cmocka_unit_test(given_rules_win),
        cmocka_unit_test(senseless_world_is_a_verdict),
        cmocka_unit_test(generated_program_replays),
        cmocka_unit_test(statistics_are_summed),
        cmocka_unit_test(failed_allocation_is_judged_leniently),
        cmocka_unit_test(nearest_name_is_near),
    };

    return cmocka_run_group_tests_name("executor", tests, play_setup, play_teardown);
}
