/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Each law by a world in which one thing is wrong: a tiny world is built by calls, everything holds,
 * then one field is overwritten, and exactly the named law must say so, in each of its forms.
 */
#include "model/internal.h"
#include "oracles/laws.h"

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
static struct verdict v;

static int setup(void **state)
{
    (void)state;
    world = world_new(0);
    return world ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    world_destroy(world);
    return 0;
}

/* ---- worlds ---- */
static void begin(void) { world_begin(world, 0); }

static struct vma *at(uintptr_t page)
{
    struct vma *vma = find_vma(mm, PAGES(page));

    assert_non_null(vma);
    assert_true(vma->vm_start <= PAGES(page));
    return vma;
}

static void map(uintptr_t page, size_t pages, int prot, int flags, int fd, uint64_t pgoff)
{
    begin();
    assert_int_equal(mm_mmap(mm, PAGES(page), PAGES(pages), prot, flags, fd, PAGES(pgoff)),
                     PAGES(page));
}

/*
 * 0x100      0x110   0x120    0x130        0x140    0x150   0x160    0x180
 *  anon RW    none    file     file shared  sysv     named   policy   registered   ... 0x800 last
 */
static void build(void)
{
    struct world_config config = world_config_default;

    config.rules = RULES_LINUX_6_1;
    assert_int_equal(world_reset(world, &config), 0);
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

/* What fd 0 maps is noted last: a shared file VMA split in three. */
static void touch_file(void)
{
    build();
    begin();
    assert_int_equal(mm_mprotect(mm, PAGES(0x132), PAGES(2), PROT_READ), 0);
    assert_false(world->notes.overflow);
}

/* A new VMA between others: [0x112, 0x113) changes protection. */
static void touch_anon(void)
{
    build();
    begin();
    assert_int_equal(mm_mprotect(mm, PAGES(0x112), PAGES(1), PROT_READ), 0);
}

/* ---- who complains? ---- */
static bool has_form(unsigned law, char form) { return strchr(law_table[law].forms, form); }

static void expect_quiet(void)
{
    assert_true(laws_full(world, &v));
    assert_true(laws_touched(world, &v));
    for (unsigned law = 0; law < NR_LAWS; law++) {
        assert_true(law_full((enum law_id)law, world, &v));
        assert_true(law_touched((enum law_id)law, world, &v));
    }
}

static void expect_named(bool holds, enum law_id law, const char *site)
{
    assert_false(holds);
    assert_string_equal(law_table[v.law].name, law_table[law].name);
    assert_string_equal(v.site, site);
    assert_true(v.text[0]);
}

static void expect_full(enum law_id law, const char *site)
{
    for (unsigned other = 0; other < NR_LAWS; other++)
        if (other != law && !law_full((enum law_id)other, world, &v))
            fail_msg("%s as well: %s", law_table[other].name, v.text);
    expect_named(law_full(law, world, &v), law, site);
    expect_named(laws_full(world, &v), law, site);
}

static void expect_touched(enum law_id law, const char *site)
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

static void expect_both(enum law_id law, const char *site)
{
    expect_full(law, site);
    expect_touched(law, site);
}

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
    for (enum fault_id fault = F_NONE; fault <= F_TOPDOWN_SECOND_FIT; fault += F_TOPDOWN_SECOND_FIT) {
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

/* ---- attributes ---- */
static void test_attrs(void **state)
{
    (void)state;
    touch_anon();
    at(0x112)->vm_page_prot ^= PROT_EXEC;
    expect_both(LAW_VMA_ATTRS, "page-prot");
    touch_anon();
    at(0x112)->vm_pgoff++;
    expect_both(LAW_VMA_ATTRS, "anonymous-pgoff");
    touch_anon();
    at(0x112)->vm_flags &= ~(uint64_t)VM_MAYREAD;
    expect_both(LAW_VMA_ATTRS, "access-beyond-may");
    touch_anon();
    at(0x112)->vm_flags |= VM_LOCKONFAULT;
    expect_both(LAW_VMA_ATTRS, "onfault-without-locked");
    touch_anon();
    at(0x112)->vm_flags |= VM_UFFD_WP;
    expect_both(LAW_VMA_ATTRS, "uffd-flags");
    touch_anon();
    at(0x112)->vm_flags |= VM_SEQ_READ | VM_RAND_READ;
    expect_both(LAW_VMA_ATTRS, "advice-both");
    touch_anon();
    at(0x112)->vm_flags |= VM_HUGETLB;
    expect_both(LAW_VMA_ATTRS, "device-without-file");
    touch_file();
    at(0x132)->vm_flags &= ~(uint64_t)VM_MAYSHARE;
    expect_both(LAW_VMA_ATTRS, "shared-without-mayshare");
    touch_file();
    at(0x132)->vm_flags |= VM_GROWSUP;
    assert_false(law_full(LAW_VMA_ATTRS, world, &v)); /* its kind in the totals differs, too */
    assert_string_equal(v.site, "growing-file");
    touch_file();
    at(0x132)->vm_ops = NULL;
    expect_both(LAW_VMA_ATTRS, "ops");
}

static void test_attrs_context(void **state)
{
    struct userfaultfd_ctx *ctx;

    (void)state;
    build();
    begin();
    assert_int_equal(mm_mprotect(mm, PAGES(0x182), PAGES(1), PROT_READ), 0);
    ctx = at(0x182)->vm_userfaultfd_ctx;
    assert_non_null(ctx);
    expect_quiet();
    ctx->released = true;
    expect_both(LAW_VMA_ATTRS, "released-context");
}

/* Locked and accounted in ways that are not legal, on the rules alone. */
static void test_attrs_rules(void **state)
{
    const uint64_t may = VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC;
    struct attrs a = {.start = 1, .end = 3, .pgoff = 1, .flags = may};

    (void)state;
    assert_null(attrs_illegal(&a));
    a.pgoff = PGOFF_TOP - 1;
    assert_string_equal(attrs_illegal(&a), "pgoff-wraps");
    a.pgoff = 1;
    a.flags = may | VM_LOCKED | VM_IO | VM_PFNMAP;
    assert_string_equal(attrs_illegal(&a), "locked-special");
    a.flags = may | VM_ACCOUNT | VM_NORESERVE;
    assert_string_equal(attrs_illegal(&a), "account-flags");
    a.flags = may | VM_HUGEPAGE | VM_NOHUGEPAGE;
    assert_string_equal(attrs_illegal(&a), "hugepage-both");
    a.has_file = true;
    a.kind = FILE_HUGETLB;
    a.flags = may | VM_HUGETLB | VM_DONTEXPAND;
    assert_string_equal(attrs_illegal(&a), "huge-alignment");
    a.kind = FILE_DEVICE;
    a.flags = may;
    assert_string_equal(attrs_illegal(&a), "device-flags");
    a.flags = may | VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP;
    assert_null(attrs_illegal(&a));
}

/* The short cut of the touched pass lets nothing through that the law would refuse. */
static void test_attrs_plain(void **state)
{
    uint64_t seed = 1;

    (void)state;
    touch_anon();
    for (unsigned i = 0; i < 100000; i++) {
        struct vma vma = *at(0x112);

        seed = seed * 6364136223846793005UL + 1442695040888963407UL;
        vma.vm_flags = (seed >> 20 & 0x1fffffff7UL) | VM_MAYREAD | VM_MAYWRITE;
        vma.vm_flags &= i & 1 ? ~0UL : (uint64_t)~(VM_IO | VM_PFNMAP | VM_HUGETLB | VM_MIXEDMAP);
        vma.vm_page_prot = (uint32_t)(vma.vm_flags & VM_ACCESS_FLAGS);
        if (plain_anonymous(&vma))
            assert_true(vma_attrs_ok(world, &vma, &v));
    }
}

/* ---- files ---- */
static void test_interval_tree(void **state)
{
    (void)state;
    touch_file();
    at(0x132)->shared.subtree_last += 100;
    expect_both(LAW_INTERVAL_TREE, "subtree-last");
    touch_file();
    at(0x132)->shared.start++;
    expect_both(LAW_INTERVAL_TREE, "start");
    touch_file();
    at(0x132)->shared.last--;
    expect_both(LAW_INTERVAL_TREE, "last");
    touch_file();
    at(0x132)->shared.rb.left = (struct rb_node *)0xdead0;
    expect_named(laws_full(world, &v), LAW_INTERVAL_TREE, "dead-node");
    expect_touched(LAW_INTERVAL_TREE, "dead-node");
}

static void test_file_tree(void **state)
{
    struct address_space *mapping;

    (void)state;
    touch_file();
    mapping = at(0x132)->vm_file->mapping;
    mapping->i_mmap_writable++;
    expect_full(LAW_FILE_TREE, "writable-count");
    mapping->i_mmap_writable = -1; /* sealed, and yet there are writers */
    expect_full(LAW_FILE_TREE, "writable-count");
    touch_file();
    at(0x140)->vm_file->mapping->i_mmap.node = NULL; /* its only one has gone from the tree */
    expect_full(LAW_FILE_TREE, "not-in-i-mmap");
}

/* ---- counts ---- */
static void test_account(void **state)
{
    (void)state;
    touch_anon();
    mm->hiwater_vm = mm->total_vm - 1;
    expect_both(LAW_ACCOUNT_VM, "hiwater_vm");
    touch_anon();
    mm->locked_vm = mm->total_vm + 1;
    expect_both(LAW_ACCOUNT_VM, "locked_vm");
    touch_anon();
    mm->locked_vm++;
    expect_full(LAW_ACCOUNT_VM, "locked_vm");
    touch_anon();
    mm->data_vm--;
    expect_full(LAW_ACCOUNT_VM, "data_vm");
    touch_anon();
    mm->exec_vm++;
    expect_full(LAW_ACCOUNT_VM, "exec_vm");
    touch_anon();
    mm->stack_vm++;
    expect_full(LAW_ACCOUNT_VM, "stack_vm");
    touch_anon();
    world->committed_as++;
    expect_full(LAW_ACCOUNT_VM, "committed");
}

static void test_refs(void **state)
{
    (void)state;
    touch_anon();
    at(0x120)->vm_file->refcount++;
    expect_full(LAW_OBJECT_REFS, "file");
    touch_anon();
    at(0x120)->vm_file->mapping->refcount--;
    expect_full(LAW_OBJECT_REFS, "mapping");
    touch_anon();
    at(0x162)->vm_policy->refcount--;
    expect_full(LAW_OBJECT_REFS, "policy");
    touch_anon();
    at(0x150)->anon_name->refcount++;
    expect_full(LAW_OBJECT_REFS, "name");
    touch_anon();
    at(0x180)->vm_userfaultfd_ctx->refcount++;
    expect_full(LAW_OBJECT_REFS, "context");
    touch_anon();
    at(0x140)->vm_file->mapping->nattch++;
    expect_full(LAW_OBJECT_REFS, "nattch");
    touch_anon(); /* nobody has it */
    assert_non_null(anon_name_new(world, "lost"));
    expect_full(LAW_OBJECT_REFS, "name");
    touch_anon(); /* somebody has what is gone */
    pool_free(world, POOL_POLICY, at(0x162)->vm_policy);
    expect_full(LAW_OBJECT_REFS, "policy");
    touch_anon();
    assert_non_null(vma_alloc(mm));
    expect_full(LAW_OBJECT_REFS, "vma");
    expect_named(laws_touched(world, &v), LAW_LIST_TREE, "map-count");
}

static void test_leak(void **state)
{
    (void)state;
    build();
    world_exit(world);
    assert_true(laws_after_exit(world, &v));
    world->committed_as = 1;
    expect_named(laws_after_exit(world, &v), LAW_ACCOUNT_VM, "committed-after-exit");
    build();
    assert_non_null(anon_name_new(world, "lost"));
    world_exit(world);
    expect_named(laws_after_exit(world, &v), LAW_LEAK, "name");
}

/* ---- anything may be anywhere: a verdict or none, but no crash and no walk without end ---- */
static uint64_t random_state;
static uint64_t next_random(void)
{
    random_state = random_state * 6364136223846793005UL + 1442695040888963407UL;
    return random_state >> 17;
}

static uint64_t wild_value(struct vma *const vmas[], unsigned n)
{
    switch (next_random() % 7) {
    case 0:
        return 0;
    case 1:
        return (uint64_t)vmas[next_random() % n];
    case 2:
        return (uint64_t)&vmas[next_random() % n]->vm_rb | (next_random() & 1);
    case 3:
        return (uint64_t)&vmas[next_random() % n]->shared.rb | (next_random() & 1);
    case 4:
        return 0x6b6b6b6b6b6b6b6bUL;
    case 5:
        return (uint64_t)world->pool[POOL_VMA].base + next_random() % 8192;
    default:
        return next_random() % 0x1000 << PAGE_SHIFT;
    }
}

static void test_wild(void **state)
{
    unsigned broken = 0;

    (void)state;
    random_state = 1;
    for (unsigned round = 0; round < 3000; round++) {
        struct vma *vmas[40], *dead;
        unsigned n = 0;

        if (round & 1)
            touch_anon();
        else
            touch_file();
        dead = vma_alloc(mm);
        for (struct vma *vma = mm->mmap; vma && n < 39; vma = vma->vm_next)
            vmas[n++] = vma;
        pool_free(world, POOL_VMA, dead);
        vmas[n++] = dead;
        for (uint64_t i = next_random() % 3 + 1; i; i--) {
            uint64_t *words = (uint64_t *)vmas[next_random() % (n - 1)];

            words[next_random() % (sizeof(struct vma) / 8)] = wild_value(vmas, n);
        }
        broken += !laws_full(world, &v);
        (void)laws_touched(world, &v);
        for (unsigned law = 0; law < NR_LAWS; law++) {
            (void)law_full((enum law_id)law, world, &v);
            (void)law_touched((enum law_id)law, world, &v);
        }
    }
    assert_true(broken > 2400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_quiet),
        cmocka_unit_test(test_tree_order),
        cmocka_unit_test(test_tree_shape),
        cmocka_unit_test(test_tree_height),
        cmocka_unit_test(test_list_tree),
        cmocka_unit_test(test_gap_subtree),
        cmocka_unit_test(test_gap_highest),
        cmocka_unit_test(test_gap_search),
        cmocka_unit_test(test_gap_search_used),
        cmocka_unit_test(test_gap_search_guard),
        cmocka_unit_test(test_gap_search_move),
        cmocka_unit_test(test_cache),
        cmocka_unit_test(test_attrs),
        cmocka_unit_test(test_attrs_context),
        cmocka_unit_test(test_attrs_rules),
        cmocka_unit_test(test_attrs_plain),
        cmocka_unit_test(test_interval_tree),
        cmocka_unit_test(test_file_tree),
        cmocka_unit_test(test_account),
        cmocka_unit_test(test_refs),
        cmocka_unit_test(test_leak),
        cmocka_unit_test(test_wild),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
