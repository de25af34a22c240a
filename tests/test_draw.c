/* SPDX-License-Identifier: GPL-2.0-only */
/* Drawings of pictures made by hand, sound and broken ones. */
#include "harness/draw.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#define FLAGS (SNAP_READ | SNAP_WRITE | SNAP_MAYREAD | SNAP_MAYWRITE | SNAP_MAYEXEC)
#define PAGES 4 /* of each process' VMA */

/* nr processes with one VMA each, whose page k is frame 1 + k, shared by all, or in swap. Each is
 * the child of the one before, with an anon_vma of its own. */
static struct snapshot family(uint32_t nr)
{
    struct snapshot s = {.has_pages = true, .has_anon = true, .has_exclusive = true};

    assert_int_equal(snapshot_reserve(&s, nr, nr, 1), 0);
    assert_int_equal(snapshot_reserve_anon(&s, nr * nr, nr), 0);
    assert_int_equal(snapshot_reserve_pages(&s, nr * PAGES, PAGES, 1), 0);
    s.nr_procs = s.nr_vmas = s.nr_anon_vmas = nr;
    s.nr_ptes = nr * PAGES;
    s.nr_pages = PAGES - 1;
    s.nr_slots = 1;
    for (uint32_t i = 0; i < nr; i++) {
        s.proc[i] = (struct snap_proc){.id = i,
                                       .first_vma = i,
                                       .nr_vmas = 1,
                                       .first_pte = i * PAGES,
                                       .nr_ptes = PAGES,
                                       .total_vm = PAGES,
                                       .rss = {[SNAP_RSS_ANON] = PAGES - 1, [SNAP_RSS_SWAP] = 1}};
        s.vma[i] = (struct snap_vma){.start = 0x10,
                                     .end = 0x10 + PAGES,
                                     .pgoff = 0x10,
                                     .flags = FLAGS,
                                     .anon_vma = i + 1,
                                     .first_chain = s.nr_chains,
                                     .nr_chains = i + 1};
        for (uint32_t a = i + 1; a > 0; a--)
            s.chain[s.nr_chains++].anon_vma = a;
        s.anon_vma[i] = (struct snap_anon_vma){
            .root = 1, .parent = i ? i : 1, .refcount = i ? 1 : nr, .num_active_vmas = 1};
        for (uint32_t k = 0; k < PAGES; k++)
            s.pte[i * PAGES + k] = (struct snap_pte){
                .page = 0x10 + k,
                .number = k + 1 < PAGES ? k + 1 : 1,
                .flags = k + 1 < PAGES ? SNAP_PTE_PRESENT | SNAP_PTE_DIRTY : SNAP_PTE_SWAP};
    }
    for (uint32_t k = 0; k + 1 < PAGES; k++)
        s.page[k] = (struct snap_page){.refcount = nr,
                                       .mapcount = nr,
                                       .anon_vma = 1,
                                       .index = 0x10 + k,
                                       .stamp = 7 + k,
                                       .flags = SNAP_PAGE_ANON | SNAP_PAGE_DIRTY};
    s.slot[0] = (struct snap_slot){.count = nr, .stamp = 3};
    return s;
}

/* Without a dot in the way of those who have none: a remark stands in the graph's place. */
static char *drawn(const struct snapshot *before, const struct snapshot *after)
{
    const struct drawing d = {.before = before,
                              .after = after,
                              .title = "by hand",
                              .operation = "after operation 1",
                              .dot_optional = true};
    char *svg = NULL, message[512];

    assert_int_equal(draw_svg(&d, &svg, message, sizeof(message)), 0);
    assert_non_null(svg);
    assert_int_equal(strncmp(svg, "<svg ", 5), 0);
    assert_string_equal(svg + strlen(svg) - 7, "</svg>\n");
    return svg;
}

static unsigned count(const char *text, const char *part)
{
    unsigned n = 0;

    for (; (text = strstr(text, part)); text++)
        n++;
    return n;
}

static void expect_count(const char *svg, const char *part, unsigned n)
{
    if (count(svg, part) != n)
        fail_msg("'%s' is there %u times, not %u:\n%s", part, count(svg, part), n, svg);
}

static void all_is_there(void **state)
{
    struct snapshot s = family(1);
    char *svg = drawn(NULL, &s), *again = drawn(NULL, &s);

    (void)state;
    assert_true(count(svg, ">process 0<") >= 1); /* and in the graph, if there is a dot */
    expect_count(svg, ">0x10–0x14  rw-p<", 1);
    expect_count(svg, ">#1<", 3);     /* cell, table, legend */
    expect_count(svg, ">=7<", 2 + 1); /* cell, two in the legend */
    expect_count(svg, ">p0:0x12<", 1);
    expect_count(svg, "class=\"differs\"", 0);
    expect_count(svg, ">new<", 0);
    assert_string_equal(svg, again);
    free(svg);
    free(again);
    snapshot_fini(&s);
}

static void changes_are_marked(void **state)
{
    struct snapshot before = family(1), after = family(1);
    char *svg;

    (void)state;
    after.page[1].refcount = 5;
    after.pte[0].flags |= SNAP_PTE_WRITE;
    after.vma[0].flags |= SNAP_LOCKED;
    after.proc[0].locked_vm = 4;
    svg = drawn(&before, &after);
    expect_count(svg, ">1→5<", 1);
    expect_count(svg, ">changed<", 1);
    expect_count(svg, "locked\u00a00→4", 1);
    expect_count(svg, ">~<", 3); /* the entry, the page, the legend */
    free(svg);
    snapshot_fini(&before);
    snapshot_fini(&after);
}

/* A write to a shared page: the writer's copy is what is new, whatever the numbers are. */
static void a_copy_is_new(void **state)
{
    struct snapshot before = family(2), after = family(2);
    char *svg;

    (void)state;
    assert_int_equal(snapshot_reserve_pages(&after, after.nr_ptes, 4, 1), 0);
    after.page[0].refcount = after.page[0].mapcount = 1;
    after.page[3] = after.page[0];
    after.page[0].stamp = 9; /* process 0 has written, and is seen first */
    after.nr_pages = 4;
    after.pte[PAGES].number = 4;
    svg = drawn(&before, &after);
    expect_count(svg, ">2→1<", 2); /* mapcount and refcount of what process 1 has */
    expect_count(svg, "0 gone", 0);
    free(svg);
    snapshot_fini(&before);
    snapshot_fini(&after);
}

static void what_is_gone_is_told(void **state)
{
    struct snapshot before = family(2), after = family(1);
    char *svg;

    (void)state;
    after.proc[0].nr_vmas = after.nr_vmas = 0;
    after.proc[0].nr_ptes = after.nr_ptes = 0;
    after.nr_pages = after.nr_slots = after.nr_anon_vmas = 0;
    svg = drawn(&before, &after);
    expect_count(svg, ">unmapped<", 1);
    expect_count(svg, ">has ended<", 1);
    expect_count(svg, ">3 gone<", 1);
    expect_count(svg, ">1 gone<", 1);
    free(svg);
    svg = drawn(&after, &before);
    expect_count(svg, ">new<", 2 + 1); /* VMA of process 0, process 1, the legend */
    free(svg);
    snapshot_fini(&before);
    snapshot_fini(&after);
}

static void eight_processes_fit(void **state)
{
    struct snapshot s = family(8);
    char *svg = drawn(NULL, &s);
    int width, height;

    (void)state;
    assert_int_equal(sscanf(strstr(svg, "width="), "width=\"%d\" height=\"%d\"", &width, &height),
                     2);
    assert_in_range(width, 800, 2600);
    assert_in_range(height, 400, 1600);
    free(svg);
    snapshot_fini(&s);
}

static void thousands_of_pages_fit(void **state)
{
    struct snapshot s = family(1);
    char *svg;
    int width, height;

    (void)state;
    assert_int_equal(snapshot_reserve_pages(&s, 5000, 5000, 1), 0);
    s.vma[0].end = 0x10 + 5000;
    s.nr_ptes = s.proc[0].nr_ptes = s.nr_pages = 5000;
    for (uint32_t i = 0; i < 5000; i++) {
        s.pte[i] = (struct snap_pte){
            .page = 0x10 + i, .number = i + 1, .flags = SNAP_PTE_PRESENT | (i % 7 ? 0 : 2)};
        s.page[i] = (struct snap_page){.refcount = 1, .mapcount = 1, .index = 0x10 + i};
    }
    svg = drawn(NULL, &s);
    assert_int_equal(sscanf(strstr(svg, "width="), "width=\"%d\" height=\"%d\"", &width, &height),
                     2);
    assert_in_range(height, 400, 1600);
    expect_count(svg, ">not drawn<", 1);
    free(svg);
    snapshot_fini(&s);
}

/* Text of any bytes, and numbers of nothing. */
static void nothing_is_trusted(void **state)
{
    struct snapshot s = family(2);
    struct drawing d = {.after = &s,
                        .before = &s,
                        .title = "<a & \"b\"> \xff\xc0\x80\xed\xa0\x80 \x01",
                        .operation = "</title><script>alert(1)</script>",
                        .law = "]]>",
                        .broken_page = 0x11,
                        .dot_optional = true};
    char *svg = NULL, message[512];

    (void)state;
    memcpy(s.vma[0].name, "<\x80\"&'>\xff", 7);
    s.vma[0].object = 77;
    s.vma[1].anon_vma = 99;
    s.chain[1].anon_vma = 0;
    s.anon_vma[0].parent = 2; /* a circle */
    s.anon_vma[1].root = 50;
    s.pte[0].number = 1000;
    s.pte[1].number = 0;
    s.pte[PAGES].page = UINT64_MAX;
    s.pte[PAGES - 1].number = 8;
    s.page[0].anon_vma = 9;
    s.page[1].flags = UINT32_MAX;
    s.slot[0].page = 12;
    assert_int_equal(draw_svg(&d, &svg, message, sizeof(message)), 0);
    assert_null(strstr(svg, "<script"));
    assert_null(strstr(svg, "<a"));
    assert_null(strchr(svg, '\x01'));
    assert_null(strchr(svg, '\xff'));
    assert_non_null(strstr(svg, "&lt;a &amp; &quot;b&quot;&gt; ??"));
    assert_non_null(strstr(svg, ">law broken<"));
    free(svg);
    snapshot_fini(&s);
}

static void an_empty_world_is_drawn(void **state)
{
    struct snapshot s = {0};
    char *svg = drawn(NULL, &s);

    (void)state;
    free(svg);
}

static void graphviz_is_missed(void **state)
{
    struct snapshot s = family(2);
    struct drawing d = {.after = &s, .title = "t"};
    char *svg = NULL, message[512], *path = strdup(getenv("PATH") ? getenv("PATH") : "");

    (void)state;
    setenv("PATH", "/nowhere", 1);
    assert_int_equal(draw_svg(&d, &svg, message, sizeof(message)), -ENOENT);
    assert_non_null(strstr(message, "Graphviz"));
    assert_null(strchr(message, '\n'));
    d.dot_optional = true;
    assert_int_equal(draw_svg(&d, &svg, message, sizeof(message)), 0);
    assert_non_null(strstr(svg, "not drawn: cannot run"));
    free(svg);
    setenv("PATH", path, 1);
    free(path);
    snapshot_fini(&s);
}

/* One process with a huge entry whose part #6 was written; before it was split, or after. */
static struct snapshot huge(bool split)
{
    struct snapshot s = family(1);

    assert_int_equal(snapshot_reserve_pages(&s, SNAP_PARTS, SNAP_PARTS, 1), 0);
    s.vma[0].start = s.vma[0].pgoff = SNAP_PARTS;
    s.vma[0].end = 2 * SNAP_PARTS;
    s.nr_ptes = s.proc[0].nr_ptes = split ? SNAP_PARTS : 1;
    s.nr_pages = SNAP_PARTS;
    s.nr_slots = 0;
    for (uint32_t i = 0; i < SNAP_PARTS; i++) {
        if (i < s.nr_ptes)
            s.pte[i] = (struct snap_pte){.page = SNAP_PARTS + i,
                                         .number = i + 1,
                                         .flags = SNAP_PTE_PRESENT | SNAP_PTE_DIRTY |
                                                  (split ? 0U : SNAP_PTE_HUGE)};
        s.page[i] = (struct snap_page){.head = 1,
                                       .anon_vma = 1,
                                       .index = SNAP_PARTS + i,
                                       .mapcount = split,
                                       .stamp = i == 5 ? 9 : 0,
                                       .flags = SNAP_PAGE_ANON};
    }
    s.page[0].refcount = split ? SNAP_PARTS : 1;
    s.page[0].entire_mapcount = !split;
    return s;
}

static void huge_entry_is_one_cell(void **state)
{
    struct snapshot before = huge(false), after = huge(true);
    char *svg = drawn(NULL, &before);

    (void)state;
    assert_true(count(svg, ">0x200–0x400<") >= 2); /* cell, legend; a VMA in the graph */
    expect_count(svg, ">#1–#512<", 2);
    expect_count(svg, ">1 hold<", 1);
    expect_count(svg, ">512 parts<", 1);
    expect_count(svg, ">#6<", 1); /* the others have nothing to tell */
    expect_count(svg, ">#7<", 0);
    free(svg);
    svg = drawn(&before, &after);
    expect_count(svg, "huge<", 0);
    expect_count(svg, ">4 parts, to #5<", 1);
    expect_count(svg, ">506 parts, to #512<", 1);
    expect_count(svg, "class=\"new\"", 1); /* in the legend: they are parts of what was there */
    free(svg);
    svg = drawn(&after, &before);
    expect_count(svg, " huge<", 2); /* cell, legend */
    free(svg);
    before.nr_ptes = before.proc[0].nr_ptes = 0;
    after.nr_ptes = after.proc[0].nr_ptes = SNAP_PARTS - 1; /* the last page of a block goes */
    struct snapshot whole = huge(false);

    svg = drawn(&whole, &before);
    expect_count(svg, ">huge page<", 1);
    free(svg);
    svg = drawn(&whole, &after);
    assert_true(count(svg, "class=\"differs\"") > 1);
    free(svg);
    snapshot_fini(&whole);
    snapshot_fini(&before);
    snapshot_fini(&after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_is_there),        cmocka_unit_test(changes_are_marked),
        cmocka_unit_test(a_copy_is_new),       cmocka_unit_test(what_is_gone_is_told),
        cmocka_unit_test(eight_processes_fit), cmocka_unit_test(thousands_of_pages_fit),
        cmocka_unit_test(nothing_is_trusted),  cmocka_unit_test(an_empty_world_is_drawn),
        cmocka_unit_test(graphviz_is_missed),  cmocka_unit_test(huge_entry_is_one_cell),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
