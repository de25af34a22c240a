/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The laws of the model's own machinery, by a world in which one thing is wrong: exactly the named
 * law must say so, in each of its forms. Here tree, list, gaps, search and cache.
 */
#include "oracles/laws.h"
#include "tests/law_world.h"

/* ---- the table ---- */
static void test_table(void **state)
{
    (void)state;
    for (unsigned law = 1; law < NR_LAWS; law++) {
        assert_true(law_table[law].name[0] && law_table[law].sentence[0]);
        assert_int_equal(strspn(law_table[law].forms, "MTSX"), strlen(law_table[law].forms));
    }
    assert_string_equal(law_table[LAW_GAP_SUBTREE].name, "gap.subtree");
}

/* The laws divide by sizes that they know by themselves. */
static void test_sizes(void **state)
{
    (void)state;
    for (unsigned id = 0; id < NR_POOLS; id++)
        assert_int_equal(object_size[id], world->pool[id].size);
}

static void test_quiet(void **state)
{
    (void)state;
    touch_file();
    expect_quiet();
    touch_anon();
    expect_quiet();
    begin();
    assert_int_equal(mm_munmap(mm, PAGES(0x100), PAGES(0x100)), 0);
    expect_quiet();
    begin();
    assert_int_equal(mm_munmap(mm, 0, mm->task_size), 0);
    assert_null(mm->mmap);
    expect_quiet();
}

/* ---- tree ---- */
static void test_tree_order(void **state)
{
    (void)state;
    build();
    mm->task_size = PAGES(0x801); /* inside the last VMA, which is noted */
    expect_both(LAW_TREE_ORDER, "limits");

    touch_anon();
    at(0x112)->vm_start -= PAGE_SIZE; /* into the one before: many laws, and this is the first */
    expect_named(laws_full(world, &v), LAW_TREE_ORDER, "overlap");
    expect_named(laws_touched(world, &v), LAW_TREE_ORDER, "overlap");

    touch_anon();
    at(0x112)->vm_start += 0x10;
    expect_named(laws_full(world, &v), LAW_TREE_ORDER, "unaligned");
    expect_named(laws_touched(world, &v), LAW_TREE_ORDER, "unaligned");

    touch_anon();
    at(0x112)->vm_end = at(0x112)->vm_start;
    expect_named(laws_full(world, &v), LAW_TREE_ORDER, "empty");
    expect_named(laws_touched(world, &v), LAW_TREE_ORDER, "empty");
}

static struct vma *noted_leaf(void)
{
    for (uint32_t i = 0; i < world->notes.n; i++) {
        struct vma *vma = world->notes.note[i].vma;

        if (!vma->vm_rb.left && !vma->vm_rb.right)
            return vma;
    }
    fail();
    return NULL;
}

static void test_tree_shape(void **state)
{
    struct vma *leaf, *parent;

    (void)state;
    touch_anon();
    leaf = noted_leaf();
    leaf->vm_rb.parent_color ^= 1;
    expect_both(LAW_TREE_SHAPE, "black-height");

    touch_anon(); /* only the root has no parent */
    leaf = noted_leaf();
    leaf->vm_rb.parent_color &= 1;
    expect_full(LAW_TREE_SHAPE, "parent-link");
    assert_false(laws_touched(world, &v));
    assert_int_equal(v.law, LAW_TREE_SHAPE);

    touch_anon(); /* a wild link */
    leaf = noted_leaf();
    leaf->vm_rb.left = (struct rb_node *)0xdead0;
    expect_full(LAW_TREE_SHAPE, "dead-node");
    assert_false(laws_touched(world, &v));

    touch_anon(); /* a cycle */
    leaf = noted_leaf();
    leaf->vm_rb.left = mm->mm_rb.node;
    expect_named(law_full(LAW_TREE_SHAPE, world, &v), LAW_TREE_SHAPE, "parent-link");
    assert_false(laws_full(world, &v));
    assert_false(laws_touched(world, &v));

    touch_anon(); /* two ways to one node */
    leaf = noted_leaf();
    parent = (struct vma *)(uintptr_t)vma_of_rb(rb_parent_of(&leaf->vm_rb));
    parent->vm_rb.left = parent->vm_rb.right = &leaf->vm_rb;
    assert_false(law_full(LAW_TREE_SHAPE, world, &v));
    assert_string_equal(v.site, "shared-child");
    assert_false(laws_full(world, &v));
    assert_false(laws_touched(world, &v));
}

/* A red root, and black nodes on one side too many: told by the far side of the tree. */
static void test_tree_height(void **state)
{
    struct rb_node *root, *node;

    (void)state;
    build();
    for (uintptr_t page = 0x810; page < 0xa00; page += 2)
        map(page, 1, RW, ANON, -1, 0);
    expect_quiet();
    root = mm->mm_rb.node;
    root->parent_color &= ~1UL;
    expect_full(LAW_TREE_SHAPE, "root-red");
    assert_false(laws_touched(world, &v));
    root->parent_color |= 1;
    expect_quiet();

    for (node = &world->notes.note[0].vma->vm_rb; rb_parent_of(node) != root;)
        node = (struct rb_node *)rb_parent_of(node);
    node->parent_color ^= 1; /* the noted VMA's half has one more or less */
    expect_full(LAW_TREE_SHAPE, rb_is_black(node) ? "black-height" : v.site);
    assert_false(law_touched(LAW_TREE_SHAPE, world, &v));
    assert_false(laws_touched(world, &v));
}

/* ---- list ---- */
static void test_list_tree(void **state)
{
    struct vma *vma;

    (void)state;
    touch_anon();
    at(0x112)->vm_prev = at(0x100);
    expect_both(LAW_LIST_TREE, "prev");

    touch_anon();
    mm->map_count++;
    expect_both(LAW_LIST_TREE, "map-count");

    touch_anon(); /* a dead one before the noted one */
    vma = pool_alloc(world, POOL_VMA);
    pool_free(world, POOL_VMA, vma);
    at(0x112)->vm_prev = vma;
    expect_full(LAW_LIST_TREE, "prev");
    expect_named(laws_touched(world, &v), LAW_LIST_TREE, "dead-vma");

    touch_anon(); /* one is left out */
    vma = at(0x112);
    vma->vm_prev->vm_next = vma->vm_next;
    vma->vm_next->vm_prev = vma->vm_prev;
    assert_false(law_full(LAW_LIST_TREE, world, &v));
    assert_string_equal(v.site, "sequence");
    assert_false(law_touched(LAW_LIST_TREE, world, &v));

    touch_anon(); /* a ring */
    at(0x800)->vm_next = mm->mmap;
    expect_named(laws_full(world, &v), LAW_LIST_TREE, "cycle");

    touch_anon();
    at(0x112)->vm_next = (struct vma *)0x6b6b6b6b6b6b6b6bUL;
    expect_named(laws_full(world, &v), LAW_LIST_TREE, "dead-vma");
    assert_false(laws_touched(world, &v));
    assert_int_equal(v.law, LAW_LIST_TREE);
}

/* ---- gaps ---- */
static void test_gap_subtree(void **state)
{
    (void)state;
    touch_anon();
    at(0x112)->rb_subtree_gap += PAGE_SIZE;
    expect_both(LAW_GAP_SUBTREE, "stored-gap");

    build(); /* of the VMA above a new one, which is not noted itself */
    map(0x700, 1, RW, ANON, -1, 0);
    at(0x800)->rb_subtree_gap += PAGE_SIZE;
    expect_both(LAW_GAP_SUBTREE, "stored-gap");
}

static void test_gap_highest(void **state)
{
    (void)state;
    build();
    mm->highest_vm_end += PAGE_SIZE;
    expect_both(LAW_GAP_HIGHEST, "highest-end");

    build(); /* a stack that grows up keeps its guard gap */
    map(0x900, 1, RW, ANON | MAP_GROWSUP, -1, 0);
    expect_quiet();
    mm->highest_vm_end = PAGES(0x901);
    expect_both(LAW_GAP_HIGHEST, "highest-end");

    build();
    begin();
    assert_int_equal(mm_munmap(mm, 0, mm->task_size), 0);
    mm->highest_vm_end = PAGE_SIZE;
    expect_both(LAW_GAP_HIGHEST, "highest-end");
}

/* Maps pages where the search puts them. */
static uintptr_t search(size_t pages, int flags)
{
    long addr;

    begin();
    addr = mm_mmap(mm, 0, PAGES(pages), PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    assert_true(addr > 0);
    assert_true(world->search.done);
    expect_quiet();
    return (uintptr_t)addr;
}

/* Searches, and then fails, so that nothing has changed and everything is certain. */
static uintptr_t search_only(size_t pages)
{
    begin();
    mm->rlimit[MM_RLIMIT_AS] = 0;
    assert_int_equal(mm_mmap(mm, 0, PAGES(pages), RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), -ENOMEM);
    mm->rlimit[MM_RLIMIT_AS] = MM_RLIM_INFINITY;
    assert_true(world->search.done);
    expect_quiet();
    return (uintptr_t)world->search.answer;
}

/*
 *  The search prefers the highest: . 0xefc  |0xf00 = mmap_base
 *                    ..............[=======)|
 */
static void test_gap_search(void **state)
{
    (void)state;
    build();
    assert_int_equal(search_only(4), PAGES(0xefc));
    world->search.answer = (long)PAGES(0xef0); /* free as well, but not the first */
    expect_both(LAW_GAP_SEARCH, "first-fit");
    world->search.answer = (long)PAGES(0x400); /* nor in another gap */
    expect_both(LAW_GAP_SEARCH, "first-fit");
    world->search.answer = (long)PAGES(0x150); /* two VMAs are there, of which one may be its own */
    expect_both(LAW_GAP_SEARCH, "occupied");
    world->search.answer = (long)PAGES(0xeff);
    expect_both(LAW_GAP_SEARCH, "limits");
    world->search.answer = (long)PAGES(8); /* below mmap_min_addr */
    expect_both(LAW_GAP_SEARCH, "limits");
    world->search.answer = (long)PAGES(0xef8) + 0x10;
    expect_both(LAW_GAP_SEARCH, "unaligned");

    assert_int_equal(search_only(0xe00), (uintptr_t)-ENOMEM);
    world->search.length = PAGES(16); /* that would have been */
    expect_both(LAW_GAP_SEARCH, "missed");
}

/* When the answer has been used: alone, joined to one side, to both. */
static void test_gap_search_used(void **state)
{
    (void)state;
    for (enum fault_id fault = F_NONE; fault <= F_TOPDOWN_SECOND_FIT;
         fault += F_TOPDOWN_SECOND_FIT) {
        build();
        map(0xef8, 4, PROT_READ, ANON, -1, 0);
        map(0xef0, 4, PROT_READ, ANON, -1, 0);
        begin();
        world->fault = fault;
        mm_mmap(mm, 0, PAGES(4), PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        world->fault = F_NONE;
        if (fault == F_NONE)
            expect_quiet();
        else
            expect_both(LAW_GAP_SEARCH, "first-fit");
    }
    build();
    assert_int_equal(search(4, 0), PAGES(0xefc));
    assert_int_equal(search(4, 0), PAGES(0xef8));
    map(0xee0, 4, PROT_READ, ANON, -1, 0);
    assert_int_equal(search(0x14, 0), PAGES(0xee4));
    assert_int_equal(at(0xee0)->vm_end, PAGES(0xf00));
}

/* Guard gaps of stacks are not free, and a pass that found nothing is judged like one that did. */
static void test_gap_search_guard(void **state)
{
    (void)state;
    build();
    map(0xef0, 0x10, RW, ANON | MAP_GROWSDOWN, -1, 0);
    assert_int_equal(search_only(4), PAGES(0xef0 - 256 - 4));
    world->search.answer = (long)PAGES(0xef0 - 4);
    expect_both(LAW_GAP_SEARCH, "guard-gap");

    build();
    search_only(4);
    world->search.topdown = false; /* as if the top-down pass had found nothing */
    world->search.low_limit = PAGES(0x556);
    world->search.high_limit = mm->task_size;
    world->search.answer = (long)PAGES(0x556);
    expect_both(LAW_GAP_SEARCH, "missed");
}

/* The source of a move is free afterwards, and was not when the search ran. */
static void test_gap_search_move(void **state)
{
    uintptr_t addr;

    (void)state;
    build();
    search(4, 0);
    addr = search(4, MAP_GROWSDOWN);
    begin();
    assert_true(mm_mremap(mm, addr, PAGES(4), PAGES(9), MREMAP_MAYMOVE, 0) > 0);
    assert_true(world->search.done);
    expect_quiet();
}

/* ---- cache ---- */
static void test_cache(void **state)
{
    struct vma *dead;

    (void)state;
    touch_anon();
    dead = pool_alloc(world, POOL_VMA);
    pool_free(world, POOL_VMA, dead);
    mm->vmacache.seqnum = mm->vmacache_seqnum;
    mm->vmacache.slot[1] = dead;
    expect_both(LAW_CACHE_COHERENT, "dead-vma");
    begin(); /* a lookup touches nothing else */
    world->notes.cache_touched = true;
    expect_both(LAW_CACHE_COHERENT, "dead-vma");
    mm->vmacache_seqnum++; /* disowned */
    expect_quiet();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),           cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_quiet),           cmocka_unit_test(test_tree_order),
        cmocka_unit_test(test_tree_shape),      cmocka_unit_test(test_tree_height),
        cmocka_unit_test(test_list_tree),       cmocka_unit_test(test_gap_subtree),
        cmocka_unit_test(test_gap_highest),     cmocka_unit_test(test_gap_search),
        cmocka_unit_test(test_gap_search_used), cmocka_unit_test(test_gap_search_guard),
        cmocka_unit_test(test_gap_search_move), cmocka_unit_test(test_cache),
    };

    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
