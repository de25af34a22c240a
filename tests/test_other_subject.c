/* SPDX-License-Identifier: GPL-2.0-only */
/* A third subject beside the two: here another model, right or with a fault of its own. */
#include "harness/linux/linux.h"
#include "tests/play.h"

#include <stdlib.h>
#include <string.h>

static enum op_kind impossible; /* what the other subject says that it cannot do */
static const char *fate;        /* what has become of it */

static const char *refuses(struct subject *s, const struct call *call)
{
    (void)s;
    return call->kind == impossible ? "impossible" : NULL;
}

static const char *lost(const struct subject *s)
{
    (void)s;
    return fate;
}

static const char *avoids(struct other_subject *other, const struct world *world,
                          const struct call *call)
{
    (void)other, (void)world;
    return call->kind == OP_BRK ? "no-heap" : NULL;
}

static bool judge(struct other_subject *other, const struct snapshot *model,
                  struct snapshot *picture, struct verdict *v)
{
    (void)other;
    return compare_with_linux(model, picture, ~0U, v);
}

struct other_model {
    struct executor *ex;
    struct subject_ops ops;
    struct other_subject other;
    struct run_options options;
};

static int setup(void **state)
{
    static struct other_model m;

    m.ex = executor_new(0);
    m.other = (struct other_subject){
        .subject = subject_model_ops.new(1),
        .name = "the other",
        .shows = ~0U,
        .every = 1,
        .judge = judge,
    };
    if (!m.ex || !m.other.subject)
        return -1;
    m.ops = *m.other.subject->ops;
    m.ops.refuses = refuses;
    m.other.subject->ops = &m.ops;
    *state = &m;
    return 0;
}

static int teardown(void **state)
{
    struct other_model *m = *state;

    m->other.subject->ops->free(m->other.subject);
    executor_free(m->ex);
    return 0;
}

static struct other_model *fresh(void **state, enum fault_id fault)
{
    struct other_model *m = *state;

    impossible = OP_NONE;
    fate = NULL;
    m->other.every = 1;
    m->other.avoids = NULL;
    m->other.lost = NULL;
    m->other.leads = NULL;
    m->other.trail = NULL;
    m->options = run_options_strict;
    m->options.other = &m->other;
    subject_model_world(m->other.subject)->fault = fault;
    return m;
}

static void two_that_are_alike_agree(void **state)
{
    struct other_model *m = fresh(state, F_NONE);
    struct program *p = program_new(64);
    struct world_config config = world_config_default;
    struct run_result r;

    for (unsigned rules = 0; rules < NR_RULES; rules++) {
        config.rules = (enum rules)rules;
        m->options.without = LAW_BIT(LAW_ANON_SAME); /* linux-4.4 */
        for (uint64_t seed = 1; seed <= 30; seed++)
            if (!executor_generate(m->ex, p, seed, 200, &config, &m->options, &r))
                fail_msg("%s, seed %u: %s: %s", rules_names[rules], (unsigned)seed,
                         law_table[r.verdict.law].name, r.verdict.text);
    }
    program_free(p);
}

static void expect(struct other_model *m, const char *text, enum law_id law, const char *site,
                   uint32_t nr_run)
{
    struct run_result r;

    assert_false(play(m->ex, text, &m->options, &r));
    if (r.verdict.law != law || strcmp(r.verdict.site, site) != 0)
        fail_msg("%s (%s): %s", law_table[r.verdict.law].name, r.verdict.site, r.verdict.text);
    assert_int_equal(r.nr_run, nr_run);
}

static void other_answer_is_a_verdict(void **state)
{
    struct other_model *m = fresh(state, F_MPROTECT_HOLE_OK);

    expect(m,
           "p0: a = mmap 0x100 4 rw private anon\n"
           "p0: mprotect a+2 4 r\n"
           "p0: munmap a 4\n",
           LAW_ERRNO, "refused", 2);
}

static void other_picture_is_a_verdict(void **state)
{
    struct other_model *m = fresh(state, F_DATA_VM_KEPT);

    expect(m,
           "p0: a = mmap 0x100 4 rw private anon\n"
           "p0: mprotect a 4 r\n",
           LAW_ACCOUNT_VM, "data_vm", 2);
}

/* Faults of anon_vmas, entries and pages: each is seen by the law that it breaks, or by another. */
static void faults_of_the_other_are_seen(void **state)
{
    static const enum fault_id faults[] = {
        F_COW_NO_COPY, F_FORK_KEEPS_WRITE,   F_ZAP_KEEPS_MAPCOUNT,
        F_KEEPS_WRITE, F_MERGE_MISSES_CASE5, F_CLONE_ORDER,
    };
    struct other_model *m;
    struct program *p = program_new(64);

    for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
        struct run_result r = {0};
        uint64_t seed = 1;

        m = fresh(state, faults[i]);
        m->options.touched = m->options.spec = false; /* the model is right: nobody else speaks */
        m->options.rules = RULES_LINUX_6_1;
        while (seed < 300 && executor_generate(m->ex, p, seed, 300, NULL, &m->options, &r))
            seed++;
        if (r.verdict.law == LAW_NONE)
            fail_msg("%s is not seen", fault_table[faults[i]].name);
    }
    program_free(p);
}

/* "1 impossible, " and, of a known difference, "2 known no-heap, " */
static void note(void *arg, uint32_t index, const struct op *op, const char *why, bool known)
{
    char *notes = arg, *end = notes + strlen(notes);

    (void)op;
    snprintf(end, 80 - (size_t)(end - notes), "%u%s %s, ", index + 1, known ? " known" : "", why);
}

static void what_it_cannot_nobody_does(void **state)
{
    char notes[80] = "";
    struct other_model *m = fresh(state, F_NONE);
    struct run_result r;

    impossible = OP_MMAP;
    m->other.avoids = avoids;
    m->options.not_made = note;
    m->options.not_made_arg = notes;
    assert_true(play(m->ex,
                     "p0: a = mmap 0x100 4 rw private anon\n"
                     "p0: brk brk+4\n"
                     "p0: munmap 0x100 4\n"
                     "p0: munmap a 4\n",
                     &m->options, &r));
    assert_int_equal(r.nr_run, 4);
    assert_int_equal(r.nr_refused, 2);
    assert_string_equal(notes, "1 impossible, 2 known no-heap, ");
}

static char trailed[80];

static void trail(struct other_subject *other, const struct world_config *config,
                  const struct op *op)
{
    const size_t at = strlen(trailed);

    (void)other, (void)config;
    snprintf(trailed + at, sizeof(trailed) - at, "%s ", op ? op_table[op->kind].name : "world");
}

/* What follows may name what they define, and is to be read again. */
static void trail_has_what_is_not_made(void **state)
{
    struct other_model *m = fresh(state, F_NONE);
    struct run_result r;

    impossible = OP_MMAP;
    m->other.trail = trail;
    *trailed = '\0';
    assert_true(play(m->ex,
                     "p0: a = mmap 0x100 4 rw private anon\n"
                     "p0: p1 = fork\n"
                     "p1: exit\n"
                     "p1: brk brk+1\n"
                     "p0: munmap a 4\n",
                     &m->options, &r));
    assert_string_equal(strstr(trailed, "mmap"), "mmap fork exit brk munmap ");
}

static void rarer_pictures_see_it_later(void **state)
{
    struct other_model *m = fresh(state, F_DATA_VM_KEPT);

    m->other.every = 4;
    expect(m,
           "p0: a = mmap 0x100 4 rw private anon\n"
           "p0: mprotect a 4 r\n"
           "p0: read a\n"
           "p0: read a\n"
           "p0: read a\n",
           LAW_ACCOUNT_VM, "data_vm", 4);
    fresh(state, F_DATA_VM_KEPT)->other.every = 100;
    expect(m,
           "p0: a = mmap 0x100 4 rw private anon\n"
           "p0: mprotect a 4 r\n"
           "p0: read a\n",
           LAW_ACCOUNT_VM, "data_vm", 3);
}

static void who_is_lost_is_a_find(void **state)
{
    struct other_model *m = fresh(state, F_NONE);

    m->other.lost = lost;
    fate = "process 0 was killed";
    expect(m, "p0: munmap 0x100 4\n", LAW_SUBJECT_LOST, "lost", 0);
}

static bool leads(struct other_subject *other, const struct world *world, const struct call *call)
{
    (void)other;
    return !call->flags && linux_reclaims_others(world, call);
}

/* The model takes what has gone there: pages that several map, as well. */
static void who_leads_is_followed(void **state)
{
    struct other_model *m = fresh(state, F_NONE);
    struct program *p = program_new(64);
    struct world_config config = world_config_default;
    struct run_result r;

    m->other.leads = leads;
    m->other.led = m->other.followed = 0;
    assert_true(play(m->ex,
                     "world rules=linux-6.18\n"
                     "p0: a = mmap 0x100 4 rw private anon\n"
                     "p0: write a\n"
                     "p0: p1 = fork\n"
                     "p1: reclaim a 4\n"
                     "p0: write a\n"
                     "p1: read a\n",
                     &m->options, &r));
    assert_int_equal(m->other.led, 1);
    assert_int_equal(m->other.followed, 1);
    config.rules = RULES_LINUX_6_18;
    for (uint64_t seed = 1; seed <= 60; seed++)
        if (!executor_generate(m->ex, p, seed, 200, &config, &m->options, &r))
            fail_msg("seed %u: %s: %s", (unsigned)seed, law_table[r.verdict.law].name,
                     r.verdict.text);
    assert_true(m->other.led > 8); /* enough to have met all kinds of pages */
    program_free(p);
}

/* Who lets go of a page that a device holds is not followed there. */
static void who_leads_wrongly_is_not_followed(void **state)
{
    struct other_model *m = fresh(state, F_LAZYFREE_PINNED);

    m->other.leads = leads;
    expect(m,
           "world rules=linux-6.18\n"
           "p0: a = mmap 0x100 2 rw private anon\n"
           "p0: write a\n"
           "p0: write a+1\n"
           "p0: k0 = pin a write\n"
           "p0: madvise a 1 free\n"
           "p0: p1 = fork\n"
           "p0: reclaim a 2\n",
           LAW_PGTABLE_INSIDE, "missing", 7);
}

/* Who finds with one finds again, and smaller, with the same one. */
static void shrinks_and_reports(void **state)
{
    struct other_model *m = fresh(state, F_DATA_VM_KEPT);
    struct program *p = play_program("p0: a = mmap 0x100 8 rw private anon\n"
                                     "p0: write a\n"
                                     "p0: mlock a 2\n"
                                     "p0: mprotect a 4 r\n"
                                     "p0: read a\n");
    const struct shrink_options so = {0};
    struct shrink_result sr;
    struct run_result r;
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);

    assert_true(shrink(m->ex, p, &m->options, &so, &sr, &r));
    assert_int_equal(p->nr, 2);
    report_text(
        m->ex, &(struct finding){.program = p, .result = &r, .options = &m->options, .shrink = &sr},
        to);
    fclose(to);
    assert_non_null(strstr(text, "BROKEN  account.vm (data_vm)"));
    assert_non_null(strstr(text, "the other"));
    assert_null(strstr(text, "REPLAY")); /* the command does not know it */
    free(text);
    program_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_that_are_alike_agree),
        cmocka_unit_test(other_answer_is_a_verdict),
        cmocka_unit_test(other_picture_is_a_verdict),
        cmocka_unit_test(faults_of_the_other_are_seen),
        cmocka_unit_test(what_it_cannot_nobody_does),
        cmocka_unit_test(trail_has_what_is_not_made),
        cmocka_unit_test(rarer_pictures_see_it_later),
        cmocka_unit_test(who_is_lost_is_a_find),
        cmocka_unit_test(who_leads_is_followed),
        cmocka_unit_test(who_leads_wrongly_is_not_followed),
        cmocka_unit_test(shrinks_and_reports),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
