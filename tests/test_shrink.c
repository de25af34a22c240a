/* SPDX-License-Identifier: GPL-2.0-only */
/* The shrinker: the class is kept, little is left, and few runs are needed for it. */
#include "tests/play.h"

#include <stdlib.h>
#include <string.h>

#define SEEDS 400
#define OPS 500

static struct run_options with_fault(enum fault_id fault)
{
    struct run_options o = run_options_full;

    o.fault = fault;
    return o;
}

/* A generated program that this fault makes fail; false if no seed has one. */
static bool find_failure(struct executor *ex, const struct run_options *o, struct program *p,
                         uint64_t first_seed, struct run_result *r)
{
    for (uint64_t seed = first_seed; seed < first_seed + SEEDS; seed++)
        if (!executor_generate(ex, p, seed, OPS, NULL, o, r) && r->triggered_at)
            return true;
    return false;
}

static char *printed(const struct program *p)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);

    program_print(p, to);
    fclose(to);
    return text;
}

static void clean_program_is_left_alone(void **state)
{
    struct program *p = play_program("p0: a = mmap 0x100 8 rw private anon\n");
    struct shrink_options so = {0};
    struct shrink_result sr;
    struct run_result r;

    assert_false(shrink(*state, p, &run_options_full, &so, &sr, &r));
    assert_int_equal(r.verdict.law, LAW_NONE);
    assert_int_equal(p->nr, 1);
    program_free(p);
}

static void only_what_matters_is_left(void **state)
{
    const struct run_options o = with_fault(F_MPROTECT_HOLE_OK);
    struct program *p = play_program("world ram=20000\n"
                                     "p0: f0 = open shmem rw 8\n"
                                     "p0: x = mmap 0x300 8 rw shared f0 off=3\n"
                                     "p0: b = mmap 0x123 9 rwx private anon noreserve\n"
                                     "p0: mlock x 2\n"
                                     "p0: munmap x 8\n"
                                     "p0: close f0\n"
                                     "p0: mprotect b+5 40 rx\n"
                                     "p0: munmap b 9\n");
    struct shrink_options so = {0};
    struct shrink_result sr;
    struct run_result r;
    char *text;

    assert_true(shrink(*state, p, &o, &so, &sr, &r));
    text = printed(p);
    assert_int_equal(r.verdict.law, LAW_ERRNO);
    assert_int_equal(r.kind, OP_MPROTECT);
    assert_true(sr.fixpoint);
    assert_int_equal(sr.ops_before, 8);
    assert_int_equal(sr.ops_after, p->nr);
    if (p->nr != 2 || strstr(text, "ram") || strstr(text, "noreserve") || strstr(text, "0x123"))
        fail_msg("left:\n%s", text);
    free(text);
    program_free(p);
}

/* What a device does has no address, and may be what it is all about. */
static void pins_are_kept(void **state)
{
    const struct run_options o = with_fault(F_FORK_PINNED);
    struct program *p = play_program("world rules=linux-5.10\n"
                                     "p0: a = mmap 0x100 4 rw private anon\n"
                                     "p0: write a+1\n"
                                     "p0: k2 = pin a+2 read\n"
                                     "p0: k5 = pin a+1 write\n"
                                     "p0: reclaim a 4 keep\n"
                                     "p0: p1 = fork\n"
                                     "p0: write a+1\n"
                                     "device_read k2\n"
                                     "unpin k2\n"
                                     "device_write k5\n"
                                     "p0: read a+1\n");
    struct shrink_options so = {0};
    struct shrink_result sr;
    struct run_result r;
    char *text;

    assert_true(shrink(*state, p, &o, &so, &sr, &r));
    text = printed(p);
    assert_int_equal(r.verdict.law, LAW_CONTENT);
    if (p->nr > 5 || !strstr(text, "k5 = pin ") || strstr(text, "k2") || strstr(text, "keep"))
        fail_msg("left:\n%s", text);
    free(text);
    program_free(p);
}

static void shrinking_is_deterministic(void **state)
{
    const struct run_options o = with_fault(F_MUNMAP_KEEPS_TAIL);
    struct program *p = program_new(0), *q = program_new(0);
    struct shrink_options so = {0};
    struct shrink_result a, b;
    struct run_result r;

    assert_true(find_failure(*state, &o, p, 1, &r));
    assert_int_equal(program_copy(q, p), 0);
    assert_true(shrink(*state, p, &o, &so, &a, &r));
    assert_true(shrink(*state, q, &o, &so, &b, &r));
    assert_int_equal(a.evaluations, b.evaluations);
    assert_int_equal(p->nr, q->nr);
    assert_memory_equal(p->op, q->op, p->nr * sizeof(*p->op));
    program_free(p);
    program_free(q);
}

static void budget_and_signal_stop_it(void **state)
{
    const struct run_options o = with_fault(F_MUNMAP_KEEPS_TAIL);
    struct program *p = program_new(0);
    volatile bool stop = true;
    struct shrink_options so = {.max_evaluations = 8};
    struct shrink_result sr;
    struct run_result r;

    assert_true(find_failure(*state, &o, p, 1, &r));
    assert_true(shrink(*state, p, &o, &so, &sr, &r));
    assert_false(sr.fixpoint);
    assert_true(sr.evaluations <= 8 + 1);
    so = (struct shrink_options){.stop = &stop};
    assert_true(shrink(*state, p, &o, &so, &sr, &r));
    assert_false(sr.fixpoint);
    program_free(p);
}

/* Processes that matter are left, in the order of birth; generations between them are not. */
static void generations_are_joined(void **state)
{
    const struct run_options o = with_fault(F_MPROTECT_HOLE_OK);
    struct program *p = play_program("p0: b = mmap 0x123 9 rw private anon\n"
                                     "p0: write b\n"
                                     "p0: p7 = fork\n"
                                     "p0: exit\n"
                                     "p7: p3 = fork\n"
                                     "p7: munmap b 9\n"
                                     "p3: p4 = fork\n"
                                     "p4: mlock b 2\n"
                                     "p3: mprotect b+5 40 rx\n");
    struct shrink_options so = {0};
    struct shrink_result sr;
    struct run_result r;

    assert_true(shrink(*state, p, &o, &so, &sr, &r));
    assert_int_equal(r.kind, OP_MPROTECT);
    assert_int_equal(p->nr, 2);
    assert_int_equal(p->op[1].proc, 0);
    program_free(p);
}

static void lineage_stays(void **state)
{
    struct run_options o = run_options_full;
    struct program *p = play_program("p0: a = mmap 0x100 4 rw private anon\n"
                                     "p0: write a+1\n"
                                     "p0: p9 = fork\n"
                                     "p9: p8 = fork\n"
                                     "p9: mprotect a 2 rx\n"
                                     "p9: p3 = fork\n"
                                     "p3: exit\n"
                                     "p9: exit\n"
                                     "p8: p7 = fork\n"
                                     "p8: mprotect a 1 none\n"
                                     "p7: mprotect a 1 r\n"
                                     "p7: munmap a+3 1\n"
                                     "p7: p6 = fork\n"
                                     "p8: exit\n"
                                     "p6: p3 = fork\n"
                                     "p3: munmap a 4\n");
    struct shrink_options so = {0};
    struct shrink_result sr;
    struct run_result r;

    o.rules = RULES_LINUX_4_4;
    assert_true(shrink(*state, p, &o, &so, &sr, &r));
    assert_int_equal(r.verdict.law, LAW_ANON_SAME);
    assert_int_equal(p->nr, 11);
    assert_int_equal(p->op[10].proc, 4);
    assert_int_equal(p->op[10].def, 1 + 5);
    program_free(p);
}

/* The narrow sequence number comes round after 24 VMAs as after 8: none of them can go alone. */
static void whole_rounds_are_left_out(void **state)
{
    const struct run_options o = with_fault(F_VMACACHE_SEQNUM_WRAP);
    struct shrink_options so = {0};
    struct shrink_result sr;
    struct run_result r;
    char text[2048];
    size_t at = 0;
    struct program *p;

    for (unsigned i = 0; i < 24; i++)
        at += (size_t)snprintf(text + at, sizeof(text) - at, "p0: mmap %u 1 %s private anon\n",
                               16 + i, i % 2 ? "r" : "none");
    snprintf(text + at, sizeof(text) - at, "p0: munmap 16 24\np0: find 16\n");
    p = play_program(text);
    assert_true(shrink(*state, p, &o, &so, &sr, &r));
    assert_int_equal(r.kind, OP_FIND); /* the sanitizer sees it before the law does */
    assert_true(p->nr <= 10);
    program_free(p);
}

/* Which VMAs were mapped in which order is what shapes the tree: of these 19 operations nothing can
 * go, and neither can two, or a window. */
static void other_programs_of_that_length_are_tried(void **state)
{
    const struct run_options o = with_fault(F_GAP_STALE_ON_INSERT);
    struct program *p = play_program("world rules=linux-6.12\n"
                                     "p0: b = mmap 0x203 2 none private anon\n"
                                     "p0: mmap b+2 1 none private anon\n"
                                     "p0: mremap 0x203 3 -> 3 maymove fixed to=0x217\n"
                                     "p0: mmap 0x1ff 1 none private anon\n"
                                     "p0: mmap 0x21b 1 none private anon\n"
                                     "p0: brk brk+1\n"
                                     "p0: munmap 0x215 3\n"
                                     "p0: mmap 0x201 3 none private anon\n"
                                     "p0: mlock 0x202 1\n"
                                     "p0: madvise 0x219 2 mergeable\n"
                                     "p0: mmap 0x216 2 r private anon\n"
                                     "p0: mmap 0x207 1 none private anon\n"
                                     "p0: i = mmap 0x213 1 none private anon\n"
                                     "p0: mmap i-2 1 none private anon\n"
                                     "p0: mmap 0x209 1 none private anon\n"
                                     "p0: mmap 0x20b 2 none private anon growsdown\n"
                                     "p0: write 0x20a\n"
                                     "p0: mlock 0x209 3\n"
                                     "p0: mmap 0x20e 1 none private anon\n");
    struct shrink_options so = {0};
    struct shrink_result sr;
    struct run_result r;

    assert_true(shrink(*state, p, &o, &so, &sr, &r));
    assert_int_equal(r.verdict.law, LAW_GAP_SUBTREE);
    assert_true(sr.fixpoint);
    assert_true(p->nr <= 11);
    program_free(p);
}

/* Nothing gets this one shorter: it stays the simplest that there is, and does so again. */
static void vain_changes_are_taken_back(void **state)
{
    const struct run_options o = with_fault(F_GAP_STALE_ON_INSERT);
    struct program *p = play_program("world rules=linux-6.18 layout=legacy\n"
                                     "p0: b = mmap 0x3 2 none private anon\n"
                                     "p0: mmap 0x54b 8 none private anon growsdown off=3\n"
                                     "p0: name b+1 17 red\n"
                                     "p0: mmap 0x54e 2 none private anon fixed off=6\n"
                                     "p0: mmap 0 2 r private anon\n"
                                     "p0: mmap 0x567 3 none private anon\n"
                                     "p0: mmap 0x54d 2 none private anon off=44\n"
                                     "p0: munmap 0x568 1\n"
                                     "p0: mmap 0x54c 6 r private anon\n"
                                     "p0: k = mremap 0x551 1 -> 3 maymove to=0x6\n"
                                     "p0: mmap k-14 1 none private anon\n");
    struct shrink_options so = {0};
    struct shrink_result sr;
    struct run_result r;
    char *once, *twice;

    assert_true(shrink(*state, p, &o, &so, &sr, &r));
    assert_true(p->nr > 9); /* else it is no example of this */
    once = printed(p);
    assert_null(strstr(once, "off="));
    assert_true(shrink(*state, p, &o, &so, &sr, &r));
    twice = printed(p);
    assert_string_equal(once, twice);
    free(once);
    free(twice);
    program_free(p);
}

/* Each fault: the first failure of some seeds, shrunk, still fails in the same law. */
static void faults_shrink_to_a_few_operations(void **state)
{
    struct program *p = program_new(0);
    unsigned found = 0, small = 0;

    play_own_signals();
    for (unsigned f = F_NONE + 1; f < NR_FAULTS; f++) {
        const struct run_options o = with_fault((enum fault_id)f);
        struct shrink_options so = {.max_evaluations = 2000};
        struct shrink_result sr;
        struct run_result r;

        if (!find_failure(*state, &o, p, f, &r))
            continue;
        found++;
        assert_true(shrink(*state, p, &o, &so, &sr, &r));
        assert_false(executor_run(*state, p, &o, &r));
        small += p->nr <= 10;
    }
    assert_true(found >= NR_FAULTS / 2);
    assert_true(small * 5 >= found * 4); /* some need a tall tree, or a full limit */
    program_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clean_program_is_left_alone),
        cmocka_unit_test(only_what_matters_is_left),
        cmocka_unit_test(pins_are_kept),
        cmocka_unit_test(shrinking_is_deterministic),
        cmocka_unit_test(budget_and_signal_stop_it),
        cmocka_unit_test(generations_are_joined),
        cmocka_unit_test(lineage_stays),
        cmocka_unit_test(whole_rounds_are_left_out),
        cmocka_unit_test(other_programs_of_that_length_are_tried),
        cmocka_unit_test(vain_changes_are_taken_back),
        cmocka_unit_test(faults_shrink_to_a_few_operations),
    };

    return cmocka_run_group_tests_name("shrink", tests, play_setup, play_teardown);
}
