/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Model against flat specification, and pictures against pictures: both make the same calls and
 * agree, then one thing is changed on one side, and the right law must say so.
 */
#include "model/internal.h"
#include "oracles/oracles.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#define ANON (MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED)
#define RW (PROT_READ | PROT_WRITE)
#define PAGES(n) ((uintptr_t)(n) << PAGE_SHIFT)

static struct world *world;
static struct mm *mm;
static struct spec *spec;
static struct pairing *pairs;
static struct snapshot picture, flat;
static struct verdict v;

static int setup(void **state)
{
    (void)state;
    world = world_new(0);
    spec = spec_new();
    pairs = calloc(1, sizeof(*pairs));
    return world && spec && pairs ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    snapshot_fini(&picture);
    snapshot_fini(&flat);
    free(pairs);
    spec_free(spec);
    world_destroy(world);
    return 0;
}

static void take_pictures(void)
{
    assert_int_equal(model_snapshot(world, &picture), 0);
    assert_int_equal(spec_snapshot(spec, &flat), 0);
}

static void expect_agreement(void)
{
    if (!compare_touched(world, spec, pairs, &v))
        fail_msg("%s: %s", law_table[v.law].name, v.text);
    take_pictures();
    if (!compare_snapshots(&picture, &flat, &v))
        fail_msg("%s: %s", law_table[v.law].name, v.text);
    assert_true(laws_snapshot(&picture, &v));
    assert_true(laws_snapshot(&flat, &v));
    if (!compare_contents(world, spec, &v))
        fail_msg("%s: %s", law_table[v.law].name, v.text);
    /* Nothing is faulted: all that the flat one lacks is the place for anon_vmas and pages, an
     * empty one. */
    assert_true(picture.has_anon && !flat.has_anon && picture.has_pages && !flat.has_pages);
    assert_int_equal(picture.nr_chains + picture.nr_anon_vmas + picture.nr_ptes, 0);
    picture.has_anon = picture.has_pages = false;
    assert_int_equal(snapshot_hash(&picture), snapshot_hash(&flat));
}

static void expect_named(bool holds, enum law_id law, const char *site)
{
    assert_false(holds);
    assert_string_equal(law_table[v.law].name, law_table[law].name);
    assert_string_equal(v.site, site);
}

/* By what was touched and by the pictures. */
static void expect_both(enum law_id law, const char *site)
{
    expect_named(compare_touched(world, spec, pairs, &v), law, site);
    take_pictures();
    expect_named(compare_snapshots(&picture, &flat, &v), law, site);
}

static struct vma *at(uintptr_t page)
{
    struct vma *vma = find_vma(mm, PAGES(page));

    assert_non_null(vma);
    return vma;
}

/* ---- the same call on both sides ---- */
static void map(uintptr_t page, size_t pages, int prot, int flags, int fd, uint64_t pgoff)
{
    const struct spec_seen seen = {(long)PAGES(page), false};

    world_begin(world, 0);
    assert_int_equal(mm_mmap(mm, PAGES(page), PAGES(pages), prot, flags, fd, PAGES(pgoff)),
                     PAGES(page));
    assert_int_equal(
        spec_mmap(spec, 0, PAGES(page), PAGES(pages), prot, flags, fd, PAGES(pgoff), &seen),
        PAGES(page));
    expect_agreement();
}

static void unmap(uintptr_t page, size_t pages)
{
    world_begin(world, 0);
    assert_int_equal(mm_munmap(mm, PAGES(page), PAGES(pages)), 0);
    assert_int_equal(spec_munmap(spec, 0, PAGES(page), PAGES(pages)), 0);
    expect_agreement();
}

static void name(uintptr_t page, const char *text)
{
    world_begin(world, 0);
    assert_int_equal(mm_prctl_set_vma_name(mm, PAGES(page), PAGE_SIZE, text), 0);
    assert_int_equal(spec_prctl_set_vma_name(spec, 0, PAGES(page), PAGE_SIZE, text), 0);
    expect_agreement();
}

static void open_files(void)
{
    const unsigned mode = FMODE_READ | FMODE_WRITE;

    world_begin(world, 0);
    assert_int_equal(file_open(world, 0, FILE_REGULAR, mode, 64), 0);
    assert_int_equal(spec_open(spec, 0, FILE_REGULAR, mode, 64), 0);
    assert_int_equal(file_reopen(world, 1, 0, mode), 0);
    assert_int_equal(spec_reopen(spec, 1, 0, mode), 0);
    assert_int_equal(uffd_create(world, 0, mm), 0);
    assert_int_equal(spec_uffd_create(spec, 0, 0), 0);
}

static void empty_worlds(enum rules rules)
{
    struct world_config config = world_config_default;
    struct spec_config flat_config = {
        .rules = (enum spec_rules)rules,
        .overcommit = config.overcommit,
        .task_size = config.task_size,
        .mmap_base = config.mmap_base,
        .mmap_min_addr = config.mmap_min_addr,
        .start_brk = config.start_brk,
        .stack_guard_gap = config.stack_guard_gap,
        .max_map_count = config.max_map_count,
        .total_ram = config.total_ram,
        .admin_reserve = config.admin_reserve,
        .user_reserve = config.user_reserve,
    };

    config.rules = rules;
    assert_int_equal(world_reset(world, &config), 0);
    assert_int_equal(spec_reset(spec, &flat_config), 0);
    pairing_reset(pairs);
    mm = world->proc[0];
    expect_agreement();
}

static void build(void)
{
    empty_worlds(RULES_LINUX_6_1);
    open_files();
    map(0x100, 8, PROT_READ, MAP_PRIVATE | MAP_FIXED, 0, 4);
    map(0x110, 8, RW, MAP_SHARED | MAP_FIXED, 0, 0);
    map(0x120, 8, RW, ANON, -1, 0);
    name(0x122, "one");
    name(0x124, "two");
    world_begin(world, 0);
    assert_int_equal(uffd_register(world, 0, PAGES(0x126), PAGES(1), UFFDIO_REGISTER_MODE_MISSING),
                     0);
    assert_int_equal(
        spec_uffd_register(spec, 0, PAGES(0x126), PAGES(1), UFFDIO_REGISTER_MODE_MISSING), 0);
    expect_agreement();
    map(0x130, 8, RW, MAP_SHARED | MAP_FIXED, 1, 0);
}

/* ---- attributes ---- */
static void test_layout(void **state)
{
    (void)state;
    build();
    at(0x130)->vm_flags |= VM_DONTCOPY;
    expect_both(LAW_SPEC_LAYOUT, "flags");
    build();
    at(0x130)->vm_pgoff++;
    expect_both(LAW_SPEC_LAYOUT, "pgoff");
    build();
    at(0x130)->vm_policy = mpol_new(world, MPOL_BIND, 1);
    expect_both(LAW_SPEC_LAYOUT, "policy");
    build();
    at(0x130)->anon_name = anon_name_new(world, "one");
    expect_both(LAW_SPEC_LAYOUT, "name");
    build();
    at(0x130)->vm_userfaultfd_ctx = world->uffd[0];
    expect_both(LAW_SPEC_LAYOUT, "context");
    build();
    mm->brk++;
    expect_both(LAW_SPEC_LAYOUT, "brk");
    build();
    mm->def_flags = VM_LOCKED;
    expect_both(LAW_SPEC_LAYOUT, "def-flags");
}

/* One page too many, one too few. */
static void test_layout_mapped(void **state)
{
    (void)state;
    build();
    at(0x130)->vm_end += PAGE_SIZE; /* the page after the range is looked at as well */
    expect_both(LAW_SPEC_LAYOUT, "mapped");
    build();
    at(0x130)->vm_end -= PAGE_SIZE;
    expect_both(LAW_SPEC_LAYOUT, "mapped");
    build();
    at(0x130)->vm_start += PAGE_SIZE;
    expect_both(LAW_SPEC_LAYOUT, "mapped");
    build(); /* on the other side */
    assert_int_equal(spec_munmap(spec, 0, PAGES(0x122), PAGES(1)), 0);
    expect_both(LAW_SPEC_LAYOUT, "mapped");
}

static void test_totals(void **state)
{
    (void)state;
    build();
    mm->locked_vm++;
    expect_both(LAW_ACCOUNT_VM, "locked_vm");
    build();
    mm->exec_vm++;
    expect_both(LAW_ACCOUNT_VM, "exec_vm");
    build();
    world->committed_as--;
    expect_both(LAW_ACCOUNT_VM, "committed");
    build();
    mm->map_count++;
    expect_named(compare_touched(world, spec, pairs, &v), LAW_LIST_TREE, "map-count");
    build();
    world->fd[0]->mapping->i_mmap_writable++;
    take_pictures();
    expect_named(compare_snapshots(&picture, &flat, &v), LAW_FILE_TREE, "writable-count");
}

/* ---- boundaries ---- */
/*
 *      [       VVVVVVVV       ]     the specification
 *      [  VVVV    |    VVVV   ]     the model
 */
static void test_kept_apart(void **state)
{
    (void)state;
    build();
    assert_int_equal(split_vma(at(0x130), PAGES(0x134), false), 0);
    expect_both(LAW_MERGE_CANONICAL, "kept-apart");
}

/* Until linux-5.10, growth in place does not join what it reaches:
 *
 *      aa..bb  ->  aaaabb  ->  aaaaaa     a model that does
 */
static void test_joined(void **state)
{
    (void)state;
    empty_worlds(RULES_LINUX_5_10);
    map(0x300, 2, RW, ANON, -1, 0);
    map(0x304, 2, RW, ANON, -1, 0);
    world_begin(world, 0);
    assert_int_equal(mm_mremap(mm, PAGES(0x300), PAGES(2), PAGES(4), 0, 0), PAGES(0x300));
    assert_int_equal(spec_mremap(spec, 0, PAGES(0x300), PAGES(2), PAGES(4), 0, 0, NULL),
                     PAGES(0x300));
    expect_agreement();
    assert_int_equal(mm_munmap(mm, PAGES(0x304), PAGES(2)), 0);
    vma_adjust(at(0x300), PAGES(0x300), PAGES(0x306), 0x300);
    vm_stat_account(mm, at(0x300)->vm_flags, 2);
    world->committed_as += 2;
    expect_both(LAW_MERGE_CANONICAL, "joined");
}

/* In pictures, by hand. */
static void test_joined_pictures(void **state)
{
    struct snap_vma *vma;

    (void)state;
    build();
    take_pictures();
    for (vma = picture.vma; vma->start != 0x122; vma++)
        ;
    assert_string_equal(vma->name, "one"); /* [0x122, 0x123) after [0x120, 0x122) */
    memset(vma->name, 0, sizeof(vma->name));
    vma[-1].end = vma->end;
    memmove(vma, vma + 1, (size_t)(picture.vma + picture.nr_vmas - (vma + 1)) * sizeof(*vma));
    picture.nr_vmas--;
    picture.proc[0].nr_vmas--;
    expect_named(compare_snapshots(&picture, &flat, &v), LAW_SPEC_LAYOUT, "name");
    for (vma = flat.vma; vma->start != 0x122; vma++)
        ;
    memset(vma->name, 0, sizeof(vma->name)); /* as if it had lost its name and stayed apart */
    expect_named(compare_snapshots(&picture, &flat, &v), LAW_MERGE_CANONICAL, "joined");
    expect_named(compare_snapshots(&flat, &picture, &v), LAW_MERGE_CANONICAL, "kept-apart");
}

/* ---- pairing ---- */
static void test_pairs_file(void **state)
{
    (void)state;
    build(); /* both files open one object */
    at(0x130)->vm_file = world->fd[0];
    expect_both(LAW_SPEC_LAYOUT, "file");
    build();
    at(0x130)->vm_file = NULL;
    expect_both(LAW_SPEC_LAYOUT, "file");
}

/* A model's place is taken again, and gets a newer number: no false alarm, hundreds of times. */
static void test_pairs_reuse(void **state)
{
    (void)state;
    build();
    for (unsigned i = 0; i < 300; i++) {
        map(0x300, 2, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        map(0x310, 2, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        unmap(0x300, 2);
        unmap(0x310, 2);
    }
    assert_true(world->pool[POOL_FILE].used < 64);
}

/* Two shared mappings have each an object of their own; a model that gives both the same: */
static void test_pairs_swapped(void **state)
{
    struct file *first;

    (void)state;
    build();
    map(0x300, 2, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    first = at(0x300)->vm_file;
    map(0x310, 2, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    at(0x300)->vm_file = at(0x310)->vm_file;
    at(0x310)->vm_file = first;
    world_begin(world, 0);
    note_range(mm, PAGES(0x300), PAGES(0x312));
    expect_named(compare_touched(world, spec, pairs, &v), LAW_SPEC_LAYOUT, "file");
}

static void test_pairs_name(void **state)
{
    struct anon_vma_name *one;

    (void)state;
    build();
    one = at(0x122)->anon_name;
    at(0x122)->anon_name = at(0x124)->anon_name;
    at(0x124)->anon_name = one;
    note_range(mm, PAGES(0x120), PAGES(0x128));
    expect_both(LAW_SPEC_LAYOUT, "name");
}

/* ---- contents ---- */
static void put(uintptr_t page, uint64_t stamp)
{
    world_begin(world, 0);
    assert_int_equal(mm_access(mm, PAGES(page), PROT_WRITE, false, stamp), 0);
    assert_int_equal(spec_access(spec, 0, PAGES(page), PROT_WRITE, false, stamp, NULL), 0);
}

static void advise(uintptr_t page, size_t pages, int advice)
{
    world_begin(world, 0);
    assert_int_equal(mm_madvise(mm, PAGES(page), PAGES(pages), advice), 0);
    assert_int_equal(spec_madvise(spec, 0, PAGES(page), PAGES(pages), advice, NULL), 0);
}

static void reclaim(uintptr_t page, size_t pages)
{
    world_begin(world, 0);
    assert_int_equal(mm_reclaim(mm, PAGES(page), PAGES(pages), false), 0);
    assert_int_equal(spec_nothing(spec, 0), 0);
}

static void pin(unsigned n, uintptr_t page, bool write)
{
    world_begin(world, 0);
    assert_int_equal(mm_pin(mm, n, PAGES(page), write), 0);
    assert_int_equal(spec_pin_page(spec, 0, n, PAGES(page), write), 0);
}

static void same_contents(void)
{
    if (!compare_touched(world, spec, pairs, &v) || !compare_contents(world, spec, &v))
        fail_msg("%s (%s): %s", law_table[v.law].name, v.site, v.text);
}

static struct page *frame(uintptr_t page)
{
    struct page *found = page_of_pte(world, mm_pte(mm, PAGES(page)));

    assert_non_null(found);
    return found;
}

static void differs(const char *site)
{
    expect_named(compare_touched(world, spec, pairs, &v), LAW_CONTENT, site);
    expect_named(compare_contents(world, spec, &v), LAW_CONTENT, site);
}

/* [0x120, 0x122) is anonymous, [0x110, 0x118) a shared file, [0x100, 0x108) the same, private. */
static void test_contents(void **state)
{
    bool own;

    (void)state;
    build();
    put(0x120, 7);
    same_contents();
    assert_int_equal(model_contents(world, 0, 0x120, &own), 7);
    assert_true(own);
    frame(0x120)->stamp++;
    differs("value");
    frame(0x120)->stamp--;
    reclaim(0x120, 1);
    same_contents();
    assert_int_equal(model_contents(world, 0, 0x120, &own), 7);
    assert_true(own);
    ((struct swap_slot *)pool_object(&world->pool[POOL_SLOT], 0))->stamp = 0;
    differs("value");
    build(); /* a page that only one side has dropped */
    put(0x120, 7);
    world_begin(world, 0);
    assert_int_equal(mm_madvise(mm, PAGES(0x120), PAGE_SIZE, MADV_DONTNEED), 0);
    differs("value");
    assert_int_equal(model_contents(world, 0, 0x120, &own), 0);
    assert_false(own);
}

/* The same zeroes, but whose? */
static void test_contents_own(void **state)
{
    (void)state;
    build();
    put(0x120, 7);
    put(0x121, 0);
    same_contents();
    world_begin(world, 0);
    assert_int_equal(mm_madvise(mm, PAGES(0x121), PAGE_SIZE, MADV_DONTNEED), 0);
    differs("not-own");
    build();
    put(0x120, 7);
    same_contents();
    world_begin(world, 0);
    assert_int_equal(mm_access(mm, PAGES(0x121), PROT_WRITE, false, 0), 0);
    differs("own");
}

/* What a file shows where nothing is mapped yet, only the full form compares. */
static void test_contents_file(void **state)
{
    bool own;

    (void)state;
    build();
    put(0x115, 9); /* page 5, which is page 0x101 too */
    same_contents();
    assert_int_equal(model_contents(world, 0, 0x101, &own), 9);
    assert_false(own);
    page_cache_find(world->fd[0]->mapping, 5)->stamp = 10;
    differs("value");
    world_begin(world, 0);
    spec_nothing(spec, 0);
    assert_true(compare_touched(world, spec, pairs, &v));
    expect_named(compare_contents(world, spec, &v), LAW_CONTENT, "value");
}

static void test_contents_lazy(void **state)
{
    (void)state;
    build();
    put(0x120, 7);
    put(0x121, 8);
    advise(0x120, 2, MADV_FREE);
    same_contents();
    assert_int_equal(spec_contents(spec, 0, 0x120), 7);
    reclaim(0x120, 1);
    same_contents(); /* the specification is told */
    assert_int_equal(spec_contents(spec, 0, 0x120), 0);
    assert_int_equal(spec_contents(spec, 0, 0x121), 8);
    put(0x121, 9);
    same_contents();
    frame(0x121)->stamp = 0;
    differs("value");
}

static void test_contents_pins(void **state)
{
    (void)state;
    build();
    put(0x120, 7);
    pin(0, 0x120, true);
    same_contents();
    assert_true(spec_pin(spec, 0)->strict);
    world->pin[0].page = page_alloc(world, 7);
    differs("pin-lost");
    build();
    put(0x120, 7);
    pin(0, 0x120, false);
    same_contents();
    assert_true(spec_pin(spec, 0)->attached);
    world_begin(world, 0);
    spec_nothing(spec, 0);
    world->pin[0].page = page_alloc(world, 7); /* left behind: allowed, with what it had */
    same_contents();
    assert_false(spec_pin(spec, 0)->attached);
    world->pin[0].page->stamp = 6;
    differs("pin");
}

/* ---- laws on one picture ---- */
static void test_laws_snapshot(void **state)
{
    (void)state;
    build();
    take_pictures();
    picture.proc[0].total_vm++;
    picture.proc[0].hiwater_vm++;
    expect_named(laws_snapshot(&picture, &v), LAW_ACCOUNT_VM, "total_vm");
    take_pictures();
    picture.proc[0].hiwater_vm = 0;
    expect_named(laws_snapshot(&picture, &v), LAW_ACCOUNT_VM, "hiwater_vm");
    take_pictures();
    picture.committed++;
    expect_named(laws_snapshot(&picture, &v), LAW_ACCOUNT_VM, "committed");
    take_pictures();
    picture.vma[0].flags |= SNAP_GROWSUP;
    expect_named(laws_snapshot(&picture, &v), LAW_VMA_ATTRS, "growing-file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),        cmocka_unit_test(test_layout_mapped),
        cmocka_unit_test(test_totals),        cmocka_unit_test(test_kept_apart),
        cmocka_unit_test(test_joined),        cmocka_unit_test(test_joined_pictures),
        cmocka_unit_test(test_pairs_file),    cmocka_unit_test(test_pairs_reuse),
        cmocka_unit_test(test_pairs_swapped), cmocka_unit_test(test_pairs_name),
        cmocka_unit_test(test_laws_snapshot), cmocka_unit_test(test_contents),
        cmocka_unit_test(test_contents_own),  cmocka_unit_test(test_contents_file),
        cmocka_unit_test(test_contents_lazy), cmocka_unit_test(test_contents_pins),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
