/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * anon.topology, anon.same, anon.lifetime: which VMA is linked to which anon_vma.
 *
 * A VMA's list begins with the youngest anon_vma and ends with the root of its family. A parent is
 * older than its children, and whoever is linked to a child is linked to the parent too. So all
 * VMAs of a family are in the root's tree, and no anon_vma outlives its last chain.
 */
#include "oracles/laws.h"

#include <inttypes.h>

/* ---- walks ---- */
static bool part_of_family(const void *walk, const struct rb_node *node)
{
    const struct anon_vma_chain *chain = chain_of_rb(node);
    const struct family_walk *w = walk;

    return chain_live(w->world, chain) && vma_live(w->world, chain->vma) &&
           chain->anon_vma == w->anon_vma;
}

void family_walk_start(struct family_walk *w, const struct world *world,
                       const struct anon_vma *anon_vma)
{
    w->world = world;
    w->anon_vma = anon_vma;
    rb_walk_start(&w->rb, &anon_vma->rb_root, world->pool[POOL_ANON_VMA_CHAIN].nlive,
                  part_of_family, w);
}

const struct anon_vma_chain *family_walk_next(struct family_walk *w)
{
    return chain_of_rb(rb_walk_next(&w->rb, part_of_family, w));
}

/* ---- anon.topology ---- */
static uint32_t place(const struct world *world, const struct anon_vma *anon_vma)
{
    const struct pool *pool = &world->pool[POOL_ANON_VMA];

    return (uint32_t)((size_t)((const char *)anon_vma - pool->base) / pool->size);
}

static bool list_broken(const struct world *world, const struct vma *vma, const char *site,
                        const void *found, struct verdict *v)
{
    return law_broken(v, LAW_ANON_TOPOLOGY, site, proc_of(world, vma), vma->vm_start,
                      "VMA %#" PRIxPTR "-%#" PRIxPTR ", anon_vma %p, its chains: %s at %p",
                      VMA_PAGES(vma), (const void *)vma->anon_vma, site, found);
}

/* A node that is absent, or a live chain of a live VMA. */
static bool sound(const struct world *world, const struct rb_node *node)
{
    const struct anon_vma_chain *chain = chain_of_rb(node);

    return !node || (chain_live(world, chain) && vma_live(world, chain->vma));
}

/* Is the chain's node below its anon_vma's root? Asked upwards, where each parent must lead back:
 * that is the way that a descent would come. What is beside it must belong to live VMAs too. */
static const char *path_illegal(const struct world *world, const struct anon_vma_chain *chain)
{
    const struct rb_node *node = &chain->node.rb, *parent;

    for (unsigned depth = 0; depth < TREE_MAX_DEPTH; depth++, node = parent) {
        if (!sound(world, node->left) || !sound(world, node->right))
            return "dead-vma";
        parent = rb_parent_of(node);
        if (!parent)
            return chain->anon_vma->rb_root.node == node ? NULL : "not-in-tree";
        if (!chain_live(world, chain_of_rb(parent)) ||
            (parent->left != node && parent->right != node))
            return "not-in-tree";
        if (!sound(world, parent))
            return "dead-vma";
    }
    return "not-in-tree";
}

/* Is there a chain to anon_vma between `from` and `to`, which is not asked? */
static bool linked_between(const struct world *world, const struct anon_vma_chain *from,
                           const struct anon_vma_chain *to, const struct anon_vma *anon_vma)
{
    uint32_t left = world->pool[POOL_ANON_VMA_CHAIN].nlive;

    for (; from && from != to && left-- && chain_live(world, from); from = from->same_vma_next)
        if (from->anon_vma == anon_vma)
            return true;
    return false;
}

/* One chain in the list. NULL: as it should be; its anon_vma is live. */
static const char *chain_illegal(const struct world *world, const struct vma *vma,
                                 const struct anon_vma_chain *chain)
{
    const struct anon_vma *anon_vma = chain->anon_vma;
    const char *site;

    if (anon_vma->root != vma->chain_first->anon_vma->root)
        return "two-roots";
    if (linked_between(world, vma->chain_first, chain, anon_vma))
        return "linked-twice";
    site = path_illegal(world, chain);
    if (unlikely(site != NULL))
        return site;
    if ((anon_vma->parent == anon_vma) != (anon_vma->root == anon_vma))
        return "parent-of-root";
    if (anon_vma->root == anon_vma ? chain->same_vma_next != NULL : !chain->same_vma_next)
        return "root-not-last";
    if (anon_vma->root != anon_vma &&
        !linked_between(world, chain->same_vma_next, NULL, anon_vma->parent))
        return "order";
    return NULL;
}

bool anon_list_ok(const struct world *world, const struct vma *vma, struct verdict *v)
{
    uint32_t left = world->pool[POOL_ANON_VMA_CHAIN].nlive;
    const struct anon_vma_chain *prev = NULL;
    bool own = false;

    for (const struct anon_vma_chain *chain = vma->chain_first; chain;
         prev = chain, chain = chain->same_vma_next) {
        const char *site;

        if (!chain_live(world, chain))
            return list_broken(world, vma, "dead-chain", chain, v);
        if (!left--)
            return list_broken(world, vma, "cycle", chain, v);
        if (chain->vma != vma)
            return list_broken(world, vma, "foreign-chain", chain, v);
        if (chain->same_vma_prev != prev)
            return list_broken(world, vma, "list-prev", chain, v);
        if (!anon_vma_live(world, chain->anon_vma))
            return true; /* anon.lifetime */
        site = chain_illegal(world, vma, chain);
        if (unlikely(site != NULL))
            return list_broken(world, vma, site, chain, v);
        own |= chain->anon_vma == vma->anon_vma;
    }
    if (vma->chain_last != prev)
        return list_broken(world, vma, "list-last", vma->chain_last, v);
    if (own || (!prev && !vma->anon_vma))
        return true;
    if (!vma->anon_vma)
        return list_broken(world, vma, "chains-without-anon-vma", prev, v);
    if (!anon_vma_live(world, vma->anon_vma))
        return true; /* anon.lifetime */
    return list_broken(world, vma, "own-not-in-list", vma->anon_vma, v);
}

static bool in_list(const struct world *world, const struct anon_vma_chain *chain)
{
    struct chain_walk w = chain_walk(world, chain->vma);
    const struct anon_vma_chain *at;

    while ((at = chain_walk_next(&w)))
        if (at == chain)
            return true;
    return false;
}

/* There are more live chains than the VMAs' lists have: one of them is in none. */
static bool orphan_found(const struct world *world, struct verdict *v)
{
    const struct pool *pool = &world->pool[POOL_ANON_VMA_CHAIN];

    for (uint32_t n = 0; n < pool->used; n++) {
        const struct anon_vma_chain *chain = pool_object(pool, n);

        if (!chain)
            continue;
        if (!vma_live(world, chain->vma))
            return law_broken(v, LAW_ANON_TOPOLOGY, "dead-vma", NOWHERE,
                              "chain %" PRIu32 " is of VMA %p, which is not live", n,
                              (const void *)chain->vma);
        if (!in_list(world, chain))
            return law_broken(v, LAW_ANON_TOPOLOGY, "not-in-list", proc_of(world, chain->vma),
                              chain->vma->vm_start,
                              "chain %" PRIu32 " is not in the list of its VMA %#" PRIxPTR
                              "-%#" PRIxPTR,
                              n, VMA_PAGES(chain->vma));
    }
    return law_broken(v, LAW_ANON_TOPOLOGY, "not-in-list", NOWHERE,
                      "%" PRIu32 " chains are live, more than the lists of mapped VMAs have",
                      pool->nlive);
}

/* Each tree has live chains of its anon_vma only; whether it is a good tree, interval.tree says. */
static bool families_ok(const struct world *world, struct verdict *v)
{
    const struct pool *pool = &world->pool[POOL_ANON_VMA];

    for (uint32_t n = 0; n < pool->used; n++) {
        const struct anon_vma *anon_vma = pool_object(pool, n);
        struct family_walk w;

        if (!anon_vma)
            continue;
        family_walk_start(&w, world, anon_vma);
        while (family_walk_next(&w))
            ;
        if (w.rb.broken)
            return law_broken(v, LAW_ANON_TOPOLOGY, "dead-node", NOWHERE,
                              "the tree of anon_vma %" PRIu32
                              " leads to something that is no live chain of its own",
                              n);
    }
    return true;
}

bool anon_topology_full(const struct world *world, struct verdict *v)
{
    uint64_t listed = 0;
    const struct mm *mm;
    unsigned i;

    for_each_mm (world, i, mm) {
        struct list_walk w = list_walk(world, mm);
        const struct vma *vma;

        while ((vma = list_walk_next(&w))) {
            struct chain_walk chains = chain_walk(world, vma);

            if (vma->vm_mm != mm)
                continue; /* list.tree */
            if (!anon_list_ok(world, vma, v))
                return false;
            while (chain_walk_next(&chains))
                listed++;
        }
    }
    if (world->pool[POOL_ANON_VMA_CHAIN].nlive > listed)
        return orphan_found(world, v);
    return families_ok(world, v);
}

/* ---- anon.same ---- */
static uint64_t chains_weight(const struct world *world, const struct vma *vma)
{
    struct chain_walk w = chain_walk(world, vma);
    const struct anon_vma_chain *chain;
    uint64_t sum = 0;

    while ((chain = chain_walk_next(&w)))
        sum += law_weight((uintptr_t)chain->anon_vma);
    return sum;
}

/* Both have the same anon_vma and the same mm. */
static bool pair_ok(const struct world *world, const struct vma *a, const struct vma *b,
                    struct verdict *v)
{
    if (likely(chains_weight(world, a) == chains_weight(world, b)))
        return true;
    return law_broken(v, LAW_ANON_SAME, "chains", proc_of(world, b), b->vm_start,
                      "VMAs %#" PRIxPTR "-%#" PRIxPTR " and %#" PRIxPTR "-%#" PRIxPTR
                      " have anon_vma %" PRIu32 " both, but are not linked to the same others",
                      VMA_PAGES(a), VMA_PAGES(b), place(world, b->anon_vma));
}

bool anon_neighbours_ok(const struct world *world, const struct vma *vma, struct verdict *v)
{
    const struct vma *const beside[2] = {vma->vm_prev, vma->vm_next};

    if (!anon_vma_live(world, vma->anon_vma))
        return true;
    for (unsigned i = 0; i < 2; i++)
        if (vma_live(world, beside[i]) && beside[i]->anon_vma == vma->anon_vma &&
            beside[i]->vm_mm == vma->vm_mm && !pair_ok(world, beside[i], vma, v))
            return false;
    return true;
}

/* Users of one anon_vma: of each process, all others against the first. */
static bool users_same(const struct world *world, const struct anon_vma *anon_vma,
                       struct verdict *v)
{
    const struct vma *first[MAX_PROCS] = {NULL};
    const struct anon_vma_chain *chain;
    struct family_walk w;

    family_walk_start(&w, world, anon_vma);
    while ((chain = family_walk_next(&w))) {
        const struct vma *vma = chain->vma;
        uint32_t id;

        if (vma->anon_vma != anon_vma || !object_live(world, POOL_MM, vma->vm_mm))
            continue;
        id = vma->vm_mm->id % MAX_PROCS;
        if (!first[id])
            first[id] = vma;
        else if (!pair_ok(world, first[id], vma, v))
            return false;
    }
    return true;
}

bool anon_same_full(const struct world *world, struct verdict *v)
{
    const struct pool *pool = &world->pool[POOL_ANON_VMA];

    for (uint32_t n = 0; n < pool->used; n++) {
        const struct anon_vma *anon_vma = pool_object(pool, n);

        if (anon_vma && !users_same(world, anon_vma, v))
            return false;
    }
    return true;
}

/* ---- anon.lifetime ---- */
static bool freed(const struct world *world, const struct vma *vma, const char *site,
                  const void *object, struct verdict *v)
{
    return law_broken(v, LAW_ANON_LIFETIME, site, proc_of(world, vma), vma->vm_start,
                      "VMA %#" PRIxPTR "-%#" PRIxPTR " leads to anon_vma %p, which is freed: %s",
                      VMA_PAGES(vma), object, site);
}

bool anon_alive_ok(const struct world *world, const struct vma *vma, struct verdict *v)
{
    struct chain_walk w = chain_walk(world, vma);
    const struct anon_vma_chain *chain;

    if (vma->anon_vma && !anon_vma_live(world, vma->anon_vma))
        return freed(world, vma, "own", vma->anon_vma, v);
    while ((chain = chain_walk_next(&w))) {
        const struct anon_vma *anon_vma = chain->anon_vma;

        if (!anon_vma_live(world, anon_vma))
            return freed(world, vma, "linked", anon_vma, v);
        if (!anon_vma_live(world, anon_vma->root))
            return freed(world, vma, "root", anon_vma->root, v);
        if (!anon_vma_live(world, anon_vma->parent))
            return freed(world, vma, "parent", anon_vma->parent, v);
    }
    return true;
}

static bool needed(const struct world *world, const struct anon_vma *anon_vma)
{
    const struct pool *pool = &world->pool[POOL_ANON_VMA];

    for (uint32_t n = 0; n < pool->used; n++) {
        const struct anon_vma *other = pool_object(pool, n);

        if (other && other != anon_vma && (other->parent == anon_vma || other->root == anon_vma))
            return true;
    }
    return false;
}

bool anon_lifetime_full(const struct world *world, struct verdict *v)
{
    const struct pool *pool = &world->pool[POOL_ANON_VMA];
    const struct mm *mm;
    unsigned i;

    for_each_mm (world, i, mm) {
        struct list_walk w = list_walk(world, mm);
        const struct vma *vma;

        while ((vma = list_walk_next(&w)))
            if (vma->vm_mm == mm && !anon_alive_ok(world, vma, v))
                return false;
    }
    for (uint32_t n = 0; n < pool->used; n++) {
        const struct anon_vma *anon_vma = pool_object(pool, n);
        bool empty;

        if (!anon_vma)
            continue;
        empty = !anon_vma->rb_root.node;
        if (!anon_vma_live(world, anon_vma->root) ||
            (!empty && !anon_vma_live(world, anon_vma->parent)))
            return law_broken(v, LAW_ANON_LIFETIME, "parent", NOWHERE,
                              "root or parent of anon_vma %" PRIu32 " is freed", n);
        if (empty && !needed(world, anon_vma) && !ksm_holds(world, anon_vma))
            return law_broken(v, LAW_ANON_LIFETIME, "empty", NOWHERE,
                              "anon_vma %" PRIu32 " is live, but no VMA is linked to it and no "
                              "child or KSM page needs it",
                              n);
    }
    return true;
}
