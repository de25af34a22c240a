/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The laws of the anonymous reverse map: quiet on what the model makes, and each clause trips on a
 * corrupted field, in the full form, the touched form and on the picture, where they can see it.
 *
 *     p0   a = [aaaa] z = [z]     A, and Z of another family
 *     p1   b = [bbbb]             B A
 *     p2   c = [cc]  d = [cc]     C B A, both: one VMA that mprotect has split just now
 */
#include "model/mm.h"
#include "oracles/oracles.h"
#include "tests/play.h"

#include <stdio.h>
#include <string.h>

#define BASE (0x100UL << PAGE_SHIFT)
#define FAR (0x200UL << PAGE_SHIFT)

struct scene {
    struct world *world;
    struct snapshot picture;
    struct vma *a, *z, *b, *c, *d;
    struct anon_vma *A, *Z, *B, *C;
};

static struct vma *mapped(struct world *world, unsigned proc, uintptr_t addr)
{
    struct vma *vma = find_vma(world->proc[proc], addr);

    assert_non_null(vma);
    assert_true(vma->vm_start <= addr);
    return vma;
}

static void map_and_write(struct mm *mm, uintptr_t addr, size_t len)
{
    assert_int_equal(mm_mmap(mm, addr, len, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
                     (long)addr);
    assert_int_equal(mm_access(mm, addr, PROT_WRITE, false, 1), 0);
}

static void set(struct scene *s, enum rules rules)
{
    struct world_config config = world_config_default;
    struct world *w = s->world;

    config.rules = rules;
    w->fault = F_NONE;
    assert_int_equal(world_reset(w, &config), 0);
    world_begin(w, 0);
    map_and_write(w->proc[0], BASE, 4 * PAGE_SIZE);
    map_and_write(w->proc[0], FAR, PAGE_SIZE);
    assert_int_equal(mm_fork(w->proc[0], 1), 0);
    assert_int_equal(mm_munmap(w->proc[1], FAR, PAGE_SIZE), 0);
    assert_int_equal(mm_fork(w->proc[1], 2), 0);
    world_begin(w, 0);
    assert_int_equal(mm_mprotect(w->proc[2], BASE + 2 * PAGE_SIZE, 2 * PAGE_SIZE, PROT_READ), 0);
    s->a = mapped(w, 0, BASE);
    s->z = mapped(w, 0, FAR);
    s->b = mapped(w, 1, BASE);
    s->c = mapped(w, 2, BASE);
    s->d = mapped(w, 2, BASE + 2 * PAGE_SIZE);
    s->A = s->a->anon_vma;
    s->Z = s->z->anon_vma;
    s->B = s->b->anon_vma;
    s->C = s->c->anon_vma;
    assert_ptr_not_equal(s->c, s->d);
    assert_ptr_equal(s->d->anon_vma, s->C);
}

static bool picture_ok(struct scene *s, struct verdict *v)
{
    assert_int_equal(model_snapshot(s->world, &s->picture), 0);
    return laws_snapshot(&s->picture, v);
}

static void assert_quiet(struct scene *s)
{
    struct verdict v = {.law = LAW_NONE};

    if (!laws_full(s->world, &v) || !laws_touched(s->world, &v) || !picture_ok(s, &v))
        fail_msg("%s (%s): %s", law_table[v.law].name, v.site, v.text);
}

/* ---- one corrupted field each ---- */
static void foreign_own(struct scene *s)
{
    s->c->anon_vma = s->Z;
}
static void no_own(struct scene *s)
{
    s->c->anon_vma = NULL;
}
static void foreign_chain(struct scene *s)
{
    s->c->chain_first->vma = s->d;
}
static void prev_link(struct scene *s)
{
    s->c->chain_last->same_vma_prev = NULL;
}
static void last_link(struct scene *s)
{
    s->c->chain_last = s->c->chain_first;
}
static void wild_chain(struct scene *s)
{
    s->c->chain_first = (struct anon_vma_chain *)(void *)((char *)s->c->chain_first + 8);
}
static void freed_chain(struct scene *s)
{
    struct pool *pool = &s->world->pool[POOL_ANON_VMA_CHAIN];

    pool->link[(size_t)((char *)s->c->chain_last - pool->base) / pool->size] = POOL_NONE;
}
static void chain_cycle(struct scene *s)
{
    s->c->chain_last->same_vma_next = s->c->chain_first;
}
static void foreign_family(struct scene *s)
{
    s->c->chain_first->same_vma_next->anon_vma = s->Z;
}
static void other_root(struct scene *s)
{
    s->B->root = s->Z;
}
static void linked_twice(struct scene *s)
{
    s->C->parent = s->A;
    s->c->chain_first->same_vma_next->anon_vma = s->C;
}
static void freed_sharer(struct scene *s)
{
    struct pool *pool = &s->world->pool[POOL_VMA];

    pool->link[(size_t)((char *)s->b - pool->base) / pool->size] = POOL_NONE;
    s->world->proc[1]->mmap = NULL;
}
static void empty_tree(struct scene *s)
{
    s->C->rb_root.node = NULL;
}
static void reversed(struct scene *s)
{
    struct anon_vma_chain *next;

    for (struct anon_vma_chain *chain = s->c->chain_first; chain; chain = next) {
        next = chain->same_vma_next;
        chain->same_vma_next = chain->same_vma_prev;
        chain->same_vma_prev = next;
    }
    next = s->c->chain_first;
    s->c->chain_first = s->c->chain_last;
    s->c->chain_last = next;
}
static void parent_of_stranger(struct scene *s)
{
    s->C->parent = s->Z;
}
static void active_high(struct scene *s)
{
    s->C->num_active_vmas++;
}
static void active_underflow(struct scene *s)
{
    s->B->num_active_vmas = UINT32_MAX;
}
static void children_low(struct scene *s)
{
    s->B->num_children--;
}
static void root_children(struct scene *s)
{
    s->A->num_children++;
}
static void degree_high(struct scene *s)
{
    s->C->degree++;
}
static void degree_low(struct scene *s)
{
    s->B->degree--;
}
static void refcount_high(struct scene *s)
{
    s->C->refcount++;
}
static void root_refcount(struct scene *s)
{
    s->A->refcount--;
}
static void used_by_two(struct scene *s)
{
    s->c->anon_vma = s->d->anon_vma = s->B; /* as if it had been free for p2 */
    s->B->num_active_vmas += 2;
    s->C->num_active_vmas -= 2;
}
static void chain_missing(struct scene *s)
{
    s->d->chain_first->same_vma_next = s->d->chain_last;
    s->d->chain_last->same_vma_prev = s->d->chain_first;
    s->C->parent = s->A; /* or the list would be no good by itself */
    s->A->num_children++;
    s->B->num_children--;
}
static void freed(struct scene *s, struct anon_vma *anon_vma)
{
    struct pool *pool = &s->world->pool[POOL_ANON_VMA];

    pool->link[(size_t)((char *)anon_vma - pool->base) / pool->size] = POOL_NONE;
}
static void own_freed(struct scene *s)
{
    freed(s, s->C);
}
static void ancestor_freed(struct scene *s)
{
    freed(s, s->B);
}
static void wild_parent(struct scene *s)
{
    s->C->parent = NULL;
}
static void wild_root(struct scene *s)
{
    s->A->root = s->B->root = s->C->root = (struct anon_vma *)(void *)s->world;
}
static void key_start(struct scene *s)
{
    s->c->chain_first->node.start++;
}
static void key_last(struct scene *s)
{
    s->d->chain_last->node.last++;
}
static void subtree_last(struct scene *s)
{
    s->d->chain_last->node.subtree_last += 100;
}
static void mayshare(struct scene *s)
{
    s->c->vm_flags |= VM_MAYSHARE;
}

static const struct corruption {
    const char *name;
    void (*corrupt)(struct scene *s);
    enum law_id law;
    const char *site;    /* of the full form */
    enum law_id picture; /* the law that sees it on a picture; LAW_NONE: it does not show */
    bool by_degree;      /* under linux-4.4 */
} corruptions[] = {
    {"foreign own", foreign_own, LAW_ANON_TOPOLOGY, "own-not-in-list", LAW_ANON_TOPOLOGY, false},
    {"no own", no_own, LAW_ANON_TOPOLOGY, "chains-without-anon-vma", LAW_ANON_TOPOLOGY, false},
    {"foreign chain", foreign_chain, LAW_ANON_TOPOLOGY, "foreign-chain", LAW_NONE, false},
    {"prev link", prev_link, LAW_ANON_TOPOLOGY, "list-prev", LAW_NONE, false},
    {"last link", last_link, LAW_ANON_TOPOLOGY, "list-last", LAW_NONE, false},
    {"wild chain", wild_chain, LAW_ANON_TOPOLOGY, "dead-chain", LAW_ANON_TOPOLOGY, false},
    {"freed chain", freed_chain, LAW_ANON_TOPOLOGY, NULL, LAW_ANON_TOPOLOGY, false},
    {"cycle", chain_cycle, LAW_ANON_TOPOLOGY, NULL, LAW_ANON_TOPOLOGY, false},
    {"foreign family", foreign_family, LAW_ANON_TOPOLOGY, NULL, LAW_ANON_TOPOLOGY, false},
    {"other root", other_root, LAW_ANON_TOPOLOGY, "two-roots", LAW_ANON_TOPOLOGY, false},
    {"linked twice", linked_twice, LAW_ANON_TOPOLOGY, "linked-twice", LAW_ANON_TOPOLOGY, false},
    {"freed sharer", freed_sharer, LAW_ANON_TOPOLOGY, NULL, LAW_ACCOUNT_VM, false},
    {"empty tree", empty_tree, LAW_ANON_TOPOLOGY, "not-in-tree", LAW_NONE, false},
    {"reversed", reversed, LAW_ANON_TOPOLOGY, "root-not-last", LAW_ANON_TOPOLOGY, false},
    {"parent", parent_of_stranger, LAW_ANON_TOPOLOGY, "order", LAW_ANON_TOPOLOGY, false},
    {"active", active_high, LAW_ANON_COUNTS, "num_active_vmas", LAW_ANON_COUNTS, false},
    {"underflow", active_underflow, LAW_ANON_COUNTS, "num_active_vmas", LAW_ANON_COUNTS, false},
    {"children", children_low, LAW_ANON_COUNTS, "num_children", LAW_ANON_COUNTS, false},
    {"root's children", root_children, LAW_ANON_COUNTS, "num_children", LAW_ANON_COUNTS, false},
    {"degree", degree_high, LAW_ANON_COUNTS, "degree", LAW_ANON_COUNTS, true},
    {"parent's degree", degree_low, LAW_ANON_COUNTS, "degree", LAW_ANON_COUNTS, true},
    {"refcount", refcount_high, LAW_ANON_COUNTS, "refcount", LAW_ANON_COUNTS, false},
    {"root's refcount", root_refcount, LAW_ANON_COUNTS, "refcount", LAW_ANON_COUNTS, false},
    {"refcount by degree", refcount_high, LAW_ANON_COUNTS, "refcount", LAW_ANON_COUNTS, true},
    {"two processes", used_by_two, LAW_ANON_COUNTS, "two-processes", LAW_ANON_COUNTS, false},
    {"chain missing", chain_missing, LAW_ANON_SAME, "chains", LAW_ANON_SAME, false},
    {"own freed", own_freed, LAW_ANON_LIFETIME, "own", LAW_ANON_TOPOLOGY, false},
    {"ancestor freed", ancestor_freed, LAW_ANON_LIFETIME, NULL, LAW_ANON_TOPOLOGY, false},
    {"wild parent", wild_parent, LAW_ANON_LIFETIME, "parent", LAW_ANON_TOPOLOGY, false},
    {"wild root", wild_root, LAW_ANON_LIFETIME, "root", LAW_ANON_TOPOLOGY, false},
    {"key start", key_start, LAW_INTERVAL_TREE, "start", LAW_NONE, false},
    {"key last", key_last, LAW_INTERVAL_TREE, "last", LAW_NONE, false},
    {"subtree last", subtree_last, LAW_INTERVAL_TREE, "subtree-last", LAW_NONE, false},
    {"shared", mayshare, LAW_VMA_ATTRS, "faulted-shared", LAW_VMA_ATTRS, false},
};

static void assert_seen(const struct corruption *k, const char *form, bool ok,
                        const struct verdict *v)
{
    if (ok)
        fail_msg("%s: the %s form of %s sees nothing", k->name, form, law_table[k->law].name);
    if (v->law != k->law)
        fail_msg("%s: the %s form says %s", k->name, form, law_table[v->law].name);
    if (k->site && strcmp(v->site, k->site) != 0)
        fail_msg("%s: the %s form says %s, not %s", k->name, form, v->site, k->site);
    if (!*v->text || !v->site)
        fail_msg("%s: the %s form gives no reason", k->name, form);
}

static void each_clause_trips(void **state)
{
    struct scene *s = *state;

    for (unsigned i = 0; i < sizeof(corruptions) / sizeof(*corruptions); i++) {
        const struct corruption *k = &corruptions[i];
        struct verdict v = {.law = LAW_NONE};

        set(s, k->by_degree ? RULES_LINUX_4_4 : RULES_LINUX_6_1);
        assert_quiet(s);
        k->corrupt(s);
        assert_seen(k, "full", law_full(k->law, s->world, &v), &v);
        v = (struct verdict){.law = LAW_NONE};
        assert_seen(k, "touched", law_touched(k->law, s->world, &v), &v);
        if (laws_full(s->world, &v) || laws_touched(s->world, &v))
            fail_msg("%s: all laws together see nothing", k->name);
        v = (struct verdict){.law = LAW_NONE};
        if (picture_ok(s, &v) != (k->picture == LAW_NONE) || v.law != k->picture)
            fail_msg("%s: the picture says: %s %s", k->name, law_table[v.law].name, v.text);
    }
}

/* Whatever is corrupted, no law follows it into nowhere. */
static void every_law_survives_every_corruption(void **state)
{
    struct scene *s = *state;

    for (unsigned i = 0; i < sizeof(corruptions) / sizeof(*corruptions); i++) {
        struct verdict v = {.law = LAW_NONE};

        set(s, corruptions[i].by_degree ? RULES_LINUX_4_4 : RULES_LINUX_6_18);
        corruptions[i].corrupt(s);
        for (unsigned law = 0; law < NR_LAWS; law++) {
            law_full(law, s->world, &v);
            law_touched(law, s->world, &v);
        }
    }
}

static void picture_shows_chains(void **state)
{
    struct scene *s = *state;
    const struct snap_vma *vma;
    const struct snapshot *p = &s->picture;

    set(s, RULES_LINUX_6_18);
    assert_quiet(s);
    assert_true(p->has_anon && !p->by_degree);
    assert_int_equal(p->nr_vmas, 5);
    assert_int_equal(p->nr_chains, 1 + 1 + 2 + 3 + 3);
    assert_int_equal(p->nr_anon_vmas, 4); /* A Z B C in this order */
    assert_int_equal(p->vma[0].anon_vma, 1);
    assert_int_equal(p->vma[1].anon_vma, 2);
    vma = &p->vma[3];
    assert_int_equal(vma->anon_vma, 4);
    assert_int_equal(vma->nr_chains, 3);
    assert_int_equal(p->chain[vma->first_chain].anon_vma, 4);
    assert_int_equal(p->chain[vma->first_chain + 1].anon_vma, 3);
    assert_int_equal(p->chain[vma->first_chain + 2].anon_vma, 1);
    assert_int_equal(p->anon_vma[0].root, 1);
    assert_int_equal(p->anon_vma[3].root, 1);
    assert_int_equal(p->anon_vma[3].parent, 3);
    assert_int_equal(p->anon_vma[3].num_active_vmas, 2);
}

static void hash_has_chains(void **state)
{
    struct scene *s = *state;
    uint64_t hash;

    set(s, RULES_LINUX_6_18);
    assert_quiet(s);
    hash = snapshot_hash(&s->picture);
    assert_true(hash == snapshot_hash(&s->picture));
    s->picture.anon_vma[3].parent = 1;
    assert_true(hash != snapshot_hash(&s->picture));
    s->picture.anon_vma[3].parent = 3;
    s->picture.chain[4].anon_vma ^= 1;
    assert_true(hash != snapshot_hash(&s->picture));
}

/* What the model does not show wrong on its way to a picture. */
static void picture_laws_trip(void **state)
{
    struct scene *s = *state;
    struct verdict v = {.law = LAW_NONE};

    set(s, RULES_LINUX_6_18);
    assert_true(picture_ok(s, &v));
    s->picture.vma[4].nr_chains = 2; /* C B: the root is missing */
    assert_false(laws_snapshot(&s->picture, &v));
    assert_int_equal(v.law, LAW_ANON_TOPOLOGY);

    assert_true(picture_ok(s, &v));
    s->picture.vma[4].nr_chains = UINT32_MAX;
    assert_false(laws_snapshot(&s->picture, &v));
    assert_string_equal(v.site, "stretch");

    assert_true(picture_ok(s, &v));
    s->picture.chain[s->picture.vma[4].first_chain].anon_vma = 9;
    assert_false(laws_snapshot(&s->picture, &v));
    assert_string_equal(v.site, "dead-anon-vma");

    /* C's parent is A, and only one of its two users is linked to B: both lists are good ones */
    assert_true(picture_ok(s, &v));
    s->picture.anon_vma[3].parent = 1;
    s->picture.anon_vma[0].num_children++;
    s->picture.anon_vma[2].num_children--;
    s->picture.chain[s->picture.vma[4].first_chain + 1].anon_vma = 1;
    s->picture.vma[4].nr_chains = 2;
    assert_false(laws_snapshot(&s->picture, &v));
    assert_int_equal(v.law, LAW_ANON_SAME);
}

static void faulted_is_compared(void **state)
{
    struct scene *s = *state;
    struct snapshot other = {0};
    struct verdict v = {.law = LAW_NONE};

    set(s, RULES_LINUX_6_18);
    assert_true(picture_ok(s, &v));
    assert_int_equal(model_snapshot(s->world, &other), 0);
    other.has_anon = false;
    other.vma[3].anon_vma = 1; /* how the flat specification says it */
    assert_true(compare_snapshots(&s->picture, &other, &v));
    other.vma[3].anon_vma = 0;
    assert_false(compare_snapshots(&s->picture, &other, &v));
    assert_int_equal(v.law, LAW_SPEC_LAYOUT);
    assert_string_equal(v.site, "faulted");
    assert_int_equal(v.proc, 2);
    snapshot_fini(&other);
}

/* Live, but nobody has it: not in any list, so only the full forms can know. */
static void what_is_left_over_is_found(void **state)
{
    struct scene *s = *state;
    struct anon_vma_chain *orphan;
    struct verdict v = {.law = LAW_NONE};

    set(s, RULES_LINUX_6_1);
    s->Z->rb_root.node = NULL;
    assert_false(law_full(LAW_ANON_LIFETIME, s->world, &v));
    assert_string_equal(v.site, "empty");

    set(s, RULES_LINUX_6_1);
    orphan = s->c->chain_first; /* C B A, and C is forgotten */
    s->c->chain_first = orphan->same_vma_next;
    s->c->chain_first->same_vma_prev = NULL;
    s->c->anon_vma = s->B;
    assert_false(law_full(LAW_ANON_TOPOLOGY, s->world, &v));
    assert_string_equal(v.site, "not-in-list");

    set(s, RULES_LINUX_6_1);
    for (orphan = s->c->chain_first; orphan; orphan = orphan->same_vma_next)
        orphan->vma = NULL;
    s->c->chain_first = s->c->chain_last = NULL;
    s->c->anon_vma = NULL;
    assert_false(law_full(LAW_ANON_TOPOLOGY, s->world, &v));
    assert_string_equal(v.site, "dead-vma");
    assert_false(laws_full(s->world, &v));
}

static void leaks_are_named(void **state)
{
    struct scene *s = *state;
    struct pool *pool = &s->world->pool[POOL_ANON_VMA_CHAIN];
    struct verdict v = {.law = LAW_NONE};

    set(s, RULES_LINUX_6_1);
    world_exit(s->world);
    if (!laws_after_exit(s->world, &v))
        fail_msg("%s", v.text);
    pool->nlive++;
    assert_false(laws_after_exit(s->world, &v));
    assert_int_equal(v.law, LAW_LEAK);
    assert_string_equal(v.site, pool->name);
}

/* Only linux-4.4 can say of an unfaulted VMA that nothing in it was ever moved. */
static void page_offset_of_fresh_memory(void **state)
{
    struct scene *s = *state;

    for (unsigned rules = 0; rules < NR_RULES; rules++) {
        struct verdict v = {.law = LAW_NONE};
        struct world *w = s->world;

        set(s, rules);
        world_begin(w, 0);
        assert_int_equal(mm_mmap(w->proc[0], FAR * 2, PAGE_SIZE, PROT_READ,
                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
                         (long)(FAR * 2));
        assert_quiet(s);
        mapped(w, 0, FAR * 2)->vm_pgoff++;
        assert_int_equal(laws_full(w, &v), rules != RULES_LINUX_4_4);
        assert_int_equal(laws_touched(w, &v), rules != RULES_LINUX_4_4);
        assert_int_equal(picture_ok(s, &v), rules != RULES_LINUX_4_4);
        assert_int_equal(v.law, rules == RULES_LINUX_4_4 ? LAW_VMA_ATTRS : LAW_NONE);
    }
}

/* Generation after generation: quiet if old ones are used again, seen if they never are. */
static void generations_are_bounded(void **state)
{
    struct scene *s = *state;
    struct world *w = s->world;

    for (unsigned rules = 0; rules < NR_RULES; rules++) {
        struct world_config config = world_config_default;

        for (unsigned endless = 0; endless < 2; endless++) {
            struct verdict full = {.law = LAW_NONE}, touched = full;
            bool broken = false;

            config.rules = rules;
            w->fault = endless ? F_ENDLESS_GROWTH : F_NONE;
            assert_int_equal(world_reset(w, &config), 0);
            map_and_write(w->proc[0], BASE, 4 * PAGE_SIZE);
            for (unsigned n = 0; n < 20 && !broken; n++) {
                world_begin(w, 0);
                assert_int_equal(mm_fork(w->proc[n % 2], !(n % 2)), 0);
                broken = !laws_full(w, &full);
                assert_int_equal(laws_touched(w, &touched), !broken);
                world_begin(w, 0);
                assert_int_equal(mm_exit(w->proc[n % 2]), 0);
                if (!broken)
                    assert_quiet(s);
            }
            assert_int_equal(broken, endless);
            if (broken)
                assert_string_equal(full.site, "not-reused");
        }
    }
}

static int scene_new(void **state)
{
    static struct scene s;

    s.world = world_new(2);
    *state = &s;
    return s.world ? 0 : -1;
}

static int scene_free(void **state)
{
    struct scene *s = *state;

    snapshot_fini(&s->picture);
    world_destroy(s->world);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_clause_trips),
        cmocka_unit_test(every_law_survives_every_corruption),
        cmocka_unit_test(picture_shows_chains),
        cmocka_unit_test(hash_has_chains),
        cmocka_unit_test(picture_laws_trip),
        cmocka_unit_test(faulted_is_compared),
        cmocka_unit_test(what_is_left_over_is_found),
        cmocka_unit_test(leaks_are_named),
        cmocka_unit_test(page_offset_of_fresh_memory),
        cmocka_unit_test(generations_are_bounded),
    };

    return cmocka_run_group_tests(tests, scene_new, scene_free);
}
