/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/law_world.h"

struct mm *mm;
struct verdict v;

/* ---- worlds ---- */
void begin(void)
{
    world_begin(world, 0);
}

struct vma *at(uintptr_t page)
{
    struct vma *vma = find_vma(mm, PAGES(page));

    assert_non_null(vma);
    assert_true(vma->vm_start <= PAGES(page));
    return vma;
}

void map(uintptr_t page, size_t pages, int prot, int flags, int fd, uint64_t pgoff)
{
    begin();
    assert_int_equal(mm_mmap(mm, PAGES(page), PAGES(pages), prot, flags, fd, PAGES(pgoff)),
                     PAGES(page));
}

/*
 * 0x100      0x110   0x120    0x130        0x140    0x150   0x160    0x180
 *  anon RW    none    file     file shared  sysv     named   policy   registered   ... 0x800 last
 */
void build(void)
{
    start_world(RULES_LINUX_6_1, false);
    mm = world->proc[0];
    assert_int_equal(file_open(world, 0, FILE_REGULAR, FMODE_READ | FMODE_WRITE, 64), 0);
    assert_int_equal(file_open(world, 1, FILE_SYSV, FMODE_READ | FMODE_WRITE, 64), 0);
    assert_int_equal(file_reopen(world, 2, 0, FMODE_READ | FMODE_WRITE), 0);
    assert_int_equal(uffd_create(world, 0, mm), 0);
    map(0x100, 4, RW, ANON, -1, 0);
    map(0x110, 4, PROT_NONE, ANON, -1, 0);
    map(0x120, 8, PROT_READ, MAP_PRIVATE | MAP_FIXED, 0, 4);
    map(0x130, 8, RW, MAP_SHARED | MAP_FIXED, 0, 0);
    map(0x140, 4, RW, MAP_SHARED | MAP_FIXED, 1, 0);
    map(0x150, 4, RW, ANON, -1, 0);
    map(0x160, 8, RW, ANON, -1, 0);
    map(0x180, 4, RW, ANON, -1, 0);
    begin();
    assert_int_equal(mm_prctl_set_vma_name(mm, PAGES(0x150), PAGES(2), "heap"), 0);
    begin();
    assert_int_equal(mm_mbind(mm, PAGES(0x162), PAGES(2), MPOL_BIND, 1, 0), 0);
    begin();
    assert_int_equal(uffd_register(world, 0, PAGES(0x180), PAGES(4), UFFDIO_REGISTER_MODE_MISSING),
                     0);
    begin();
    assert_int_equal(mm_mlock(mm, PAGES(0x100), PAGES(1)), 0);
    map(0x800, 2, RW, ANON, -1, 0);
}

void touch_file(void)
{
    build();
    begin();
    assert_int_equal(mm_mprotect(mm, PAGES(0x132), PAGES(2), PROT_READ), 0);
    assert_false(world->notes.overflow);
}

void touch_anon(void)
{
    build();
    begin();
    assert_int_equal(mm_mprotect(mm, PAGES(0x112), PAGES(1), PROT_READ), 0);
}

/* ---- who complains? ---- */
static bool has_form(unsigned law, char form)
{
    return strchr(law_table[law].forms, form);
}

void expect_quiet(void)
{
    assert_true(laws_full(world, &v));
    assert_true(laws_touched(world, &v));
    for (unsigned law = 0; law < NR_LAWS; law++) {
        assert_true(law_full((enum law_id)law, world, &v));
        assert_true(law_touched((enum law_id)law, world, &v));
    }
}

void expect_named(bool holds, enum law_id law, const char *site)
{
    assert_false(holds);
    assert_string_equal(law_table[v.law].name, law_table[law].name);
    assert_string_equal(v.site, site);
    assert_true(v.text[0]);
}

void expect_full(enum law_id law, const char *site)
{
    for (unsigned other = 0; other < NR_LAWS; other++)
        if (other != law && !law_full((enum law_id)other, world, &v))
            fail_msg("%s as well: %s", law_table[other].name, v.text);
    expect_named(law_full(law, world, &v), law, site);
    expect_named(laws_full(world, &v), law, site);
}

void expect_touched(enum law_id law, const char *site)
{
    for (unsigned other = 0; other < NR_LAWS; other++)
        if (other != law && !law_touched((enum law_id)other, world, &v))
            fail_msg("%s as well: %s", law_table[other].name, v.text);
    expect_named(law_touched(law, world, &v), law, site);
    expect_named(laws_touched(world, &v), law, site);
    world->notes.overflow = true; /* more than notes can hold: the full forms must do it */
    if (has_form(law, 'M'))
        assert_false(laws_touched(world, &v));
    world->notes.overflow = false;
}

void expect_both(enum law_id law, const char *site)
{
    expect_full(law, site);
    expect_touched(law, site);
}
