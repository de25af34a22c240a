/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * As test_laws.c, for attributes, files, counts and leaks; and for worlds in which anything at all
 * may be wrong.
 */
#include "tests/law_world.h"

/* ---- attributes ---- */
static void test_attrs(void **state)
{
    (void)state;
    touch_anon();
    at(0x112)->vm_page_prot ^= PROT_EXEC;
    expect_both(LAW_VMA_ATTRS, "page-prot");
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

/* A page offset of its own may be left where a faulted VMA's pages have gone, by a move since 5.10.
 * Under 4.4 what is faulted stays so, and an unfaulted VMA has no other than its page number. */
static void test_attrs_pgoff(void **state)
{
    (void)state;
    touch_anon();
    at(0x112)->vm_pgoff++;
    expect_quiet();
    touch_anon(); /* has names, which 4.4 has not: so the same world, counted as 4.4 does */
    world->config.rules = RULES_LINUX_4_4;
    at(0x100)->anon_vma->degree = 1;
    for (uint32_t n = 0; n < world->pool[POOL_PAGE].used; n++)
        ((struct page *)pool_object(&world->pool[POOL_PAGE], n))->flags &= ~(uint32_t)PG_EXCLUSIVE;
    expect_quiet();
    at(0x112)->vm_pgoff++;
    expect_both(LAW_VMA_ATTRS, "anonymous-pgoff");
    touch_anon();
    at(0x112)->vm_pgoff = PGOFF_TOP;
    expect_both(LAW_VMA_ATTRS, "pgoff-wraps");
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
        vma.vm_flags &= i & 1 ? ~0UL : (uint64_t) ~(VM_IO | VM_PFNMAP | VM_HUGETLB | VM_MIXEDMAP);
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
    at(0x132)->vm_file->mapping->i_writecount--;
    expect_full(LAW_FILE_TREE, "write-count");
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
    assert_true(broken > 2300); /* which fields it hits depends on where they are */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attrs),         cmocka_unit_test(test_attrs_pgoff),
        cmocka_unit_test(test_attrs_context), cmocka_unit_test(test_attrs_rules),
        cmocka_unit_test(test_attrs_plain),   cmocka_unit_test(test_interval_tree),
        cmocka_unit_test(test_file_tree),     cmocka_unit_test(test_account),
        cmocka_unit_test(test_refs),          cmocka_unit_test(test_leak),
        cmocka_unit_test(test_wild),
    };

    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
