/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * anon.counts: how many children and users an anon_vma has, and how many hold it.
 *
 * The full form counts as object.refs does: sums of weights first, and the culprit only if they
 * differ. The touched form counts inside one family: whoever is linked to a child of an anon_vma is
 * linked to it as well, so its own tree leads to all of its users and children.
 */
#include "oracles/laws.h"

#include <inttypes.h>

struct counts {
    uint64_t refcount, children, active;
    uint64_t self; /* 1 for a root: num_children has it as its own child, degree has not */
};

static bool by_degree(const struct world *world)
{
    return world->config.rules < RULES_LINUX_5_10;
}

static bool number_ok(const struct world *world, const struct anon_vma *anon_vma, const char *site,
                      uint32_t stored, uint64_t counted, struct verdict *v)
{
    const struct pool *pool = &world->pool[POOL_ANON_VMA];

    if (likely(stored == counted))
        return true;
    return law_broken(v, LAW_ANON_COUNTS, site, NOWHERE,
                      "%s of anon_vma %zu is %" PRIu32 ", counted %" PRIu64, site,
                      (size_t)((const char *)anon_vma - pool->base) / pool->size, stored, counted);
}

static bool numbers_ok(const struct world *world, const struct anon_vma *a, const struct counts *c,
                       struct verdict *v)
{
    if (by_degree(world))
        return number_ok(world, a, "degree", a->degree, c->children + c->active, v) &&
               number_ok(world, a, "refcount", a->refcount, c->refcount, v);
    return number_ok(world, a, "num_children", a->num_children, c->children + c->self, v) &&
           number_ok(world, a, "num_active_vmas", a->num_active_vmas, c->active, v) &&
           number_ok(world, a, "refcount", a->refcount, c->refcount, v);
}

/* ---- using again ---- */
/*
 * A child's VMA takes over the oldest ancestor that nobody uses and that has one child at most. If
 * there is none, it gets a new one. That is what bounds a family. A fork only adds children and
 * users, so what could be used again after it could be so before.
 */
static bool could_be_reused(const struct world *world, const struct anon_vma *anon_vma)
{
    if (anon_vma->root == anon_vma)
        return false;
    if (by_degree(world))
        return anon_vma->degree < 2;
    return anon_vma->num_children < 2 && !anon_vma->num_active_vmas;
}

static bool reuse_ok(const struct world *world, const struct vma *vma, struct verdict *v)
{
    const struct anon_vma *own = vma->anon_vma;
    struct chain_walk w = chain_walk(world, vma);
    const struct anon_vma_chain *chain = chain_walk_next(&w);

    if (!chain || chain->anon_vma != own || !anon_vma_live(world, own) || own->root == own)
        return true;
    if (own->rb_root.node != &chain->node.rb || chain->node.rb.left || chain->node.rb.right)
        return true; /* others are linked to it: it is not new */
    while ((chain = chain_walk_next(&w))) {
        const struct anon_vma *other = chain->anon_vma;

        if (!anon_vma_live(world, other))
            return true;            /* anon.lifetime */
        if (other != own->parent && /* which the parent's VMA uses */
            unlikely(could_be_reused(world, other)))
            return law_broken(v, LAW_ANON_COUNTS, "not-reused", proc_of(world, vma), vma->vm_start,
                              "the child's VMA %#" PRIxPTR "-%#" PRIxPTR
                              " has got anon_vma %p, though nobody uses %p (%" PRIu32 " children)",
                              VMA_PAGES(vma), (const void *)own, (const void *)other,
                              by_degree(world) ? other->degree : other->num_children);
    }
    return true;
}

bool anon_reuse_ok(const struct world *world, struct verdict *v)
{
    const struct mm *child = world->notes.forked;
    struct list_walk w;
    const struct vma *vma;

    if (!object_live(world, POOL_MM, child))
        return true;
    w = list_walk(world, child);
    while ((vma = list_walk_next(&w)))
        if (vma->anon_vma && !reuse_ok(world, vma, v))
            return false;
    return true;
}

/* One in use is not used again: its users are of one process. linux-4.4 cannot tell by degree. */
static bool user_ok(const struct world *world, const struct vma *first, const struct vma *vma,
                    struct verdict *v)
{
    if (likely(first->vm_mm == vma->vm_mm) || by_degree(world))
        return true;
    return law_broken(v, LAW_ANON_COUNTS, "two-processes", proc_of(world, vma), vma->vm_start,
                      "VMA %#" PRIxPTR "-%#" PRIxPTR " has the anon_vma of VMA %#" PRIxPTR
                      "-%#" PRIxPTR " of another process for its own",
                      VMA_PAGES(vma), VMA_PAGES(first));
}

/* ---- inside one family ---- */
struct recount {
    const struct world *world;
    const struct anon_vma *anon_vma;
    const struct vma *first; /* of its users */
    struct counts counts;
    uint32_t left;
    struct verdict *v;
};

/* The first chain of its anon_vma's tree: each child is counted at that one. */
static bool is_leftmost(const struct world *world, const struct anon_vma_chain *chain)
{
    const struct rb_node *node = chain->anon_vma->rb_root.node;

    for (unsigned depth = 0; node && depth < TREE_MAX_DEPTH; depth++) {
        if (node == &chain->node.rb)
            return !node->left;
        if (!chain_live(world, chain_of_rb(node)))
            return false;
        node = node->left;
    }
    return false;
}

/* What a linked VMA says about the anon_vma; false: too much to count. */
static bool count_linked(struct recount *r, const struct vma *vma)
{
    struct chain_walk w = chain_walk(r->world, vma);
    const struct anon_vma_chain *chain;

    r->counts.active += vma->anon_vma == r->anon_vma;
    while ((chain = chain_walk_next(&w))) {
        const struct anon_vma *other = chain->anon_vma;

        if (!r->left--)
            return false;
        if (other == r->anon_vma || !anon_vma_live(r->world, other) ||
            (other->parent != r->anon_vma && other->root != r->anon_vma) ||
            !is_leftmost(r->world, chain))
            continue;
        r->counts.children += other->parent == r->anon_vma;
        r->counts.refcount += other->root == r->anon_vma;
    }
    return true;
}

static bool family_ok(const struct world *world, const struct anon_vma *anon_vma, uint32_t limit,
                      struct verdict *v)
{
    struct recount r = {.world = world, .anon_vma = anon_vma, .left = limit, .v = v};
    const struct anon_vma_chain *chain;
    struct family_walk w;

    r.counts.self = anon_vma->root == anon_vma;
    r.counts.refcount = anon_vma->rb_root.node != NULL;
    r.counts.refcount += ksm_holds(world, anon_vma) + ksm_holds_members(world, anon_vma);
    family_walk_start(&w, world, anon_vma);
    while ((chain = family_walk_next(&w))) {
        const struct vma *vma = chain->vma;

        if (!count_linked(&r, vma))
            return true;
        if (vma->anon_vma != anon_vma)
            continue;
        if (!r.first)
            r.first = vma;
        if (!user_ok(world, r.first, vma, v))
            return false;
    }
    return w.rb.broken || numbers_ok(world, anon_vma, &r.counts, v);
}

/* ---- touched ---- */
#define FAMILY_LIMIT 64 /* chains looked at for one anon_vma */

static bool was_counted(struct counted *counted, const struct anon_vma *anon_vma)
{
    uint32_t known = counted->n < COUNTED ? counted->n : COUNTED;

    for (uint32_t i = 0; i < known; i++)
        if (counted->anon_vma[i] == anon_vma)
            return true;
    counted->anon_vma[counted->n++ % COUNTED] = anon_vma;
    return false;
}

/* So large that the number itself is the fault. */
static bool impossible(const struct world *world, uint64_t number)
{
    return number > (uint64_t)world->pool[POOL_VMA].nlive + world->pool[POOL_ANON_VMA].nlive + 1;
}

/* How far to look: not at all into a family that is known to be large. */
static uint32_t family_limit(const struct world *world, const struct anon_vma *anon_vma)
{
    uint64_t users = by_degree(world) ? anon_vma->degree : anon_vma->num_active_vmas;
    uint64_t children = by_degree(world) ? 0 : anon_vma->num_children;

    if (impossible(world, users) || impossible(world, children) ||
        impossible(world, anon_vma->refcount))
        return UINT32_MAX;
    return users + children > FAMILY_LIMIT ? 0 : FAMILY_LIMIT;
}

bool anon_counts_ok(const struct world *world, const struct vma *vma, struct counted *counted,
                    struct verdict *v)
{
    struct chain_walk w = chain_walk(world, vma);
    const struct anon_vma_chain *chain;

    while ((chain = chain_walk_next(&w))) {
        const struct anon_vma *anon_vma = chain->anon_vma;
        uint32_t limit;

        if (!anon_vma_live(world, anon_vma))
            return true; /* anon.lifetime */
        if (was_counted(counted, anon_vma))
            continue;
        limit = family_limit(world, anon_vma);
        if (limit && !family_ok(world, anon_vma, limit, v))
            return false;
    }
    return true;
}

/* ---- full ---- */
static void refer(struct recount *r, const struct anon_vma *to, uint64_t *sum)
{
    if (anon_vma_live(r->world, to))
        *sum += r->anon_vma ? r->anon_vma == to : law_weight((uintptr_t)to);
}

static void refer_items(struct recount *r)
{
    const struct pool *pool = &r->world->pool[POOL_KSM_ITEM];

    for (uint32_t n = 0; unlikely(pool->nlive) && n < pool->used; n++) {
        const struct ksm_item *item = pool_object(pool, n);

        if (item)
            refer(r, item->anon_vma, &r->counts.refcount);
    }
}

/* Of one anon_vma; NULL: of all, weighed. */
static struct counts count_all(const struct world *world, const struct anon_vma *only)
{
    const struct pool *pool = &world->pool[POOL_ANON_VMA];
    struct recount r = {.world = world, .anon_vma = only};
    const struct mm *mm;
    unsigned i;

    for_each_mm (world, i, mm) {
        struct list_walk w = list_walk(world, mm);
        const struct vma *vma;

        while ((vma = list_walk_next(&w)))
            if (vma->anon_vma)
                refer(&r, vma->anon_vma, &r.counts.active);
    }
    for (uint32_t n = 0; n < pool->used; n++) {
        const struct anon_vma *a = pool_object(pool, n);

        if (!a)
            continue;
        refer(&r, a->parent, a->parent == a ? &r.counts.self : &r.counts.children);
        if (a->rb_root.node)
            refer(&r, a, &r.counts.refcount);
        if (a->root != a)
            refer(&r, a->root, &r.counts.refcount);
    }
    refer_items(&r);
    return r.counts;
}

/* The stored numbers, weighed, against the count. */
static bool sums_agree(const struct world *world, const struct counts *c)
{
    const struct pool *pool = &world->pool[POOL_ANON_VMA];
    uint64_t refcount = 0, degree = 0, children = 0, active = 0;

    for (uint32_t n = 0; n < pool->used; n++) {
        const struct anon_vma *a = pool_object(pool, n);
        uint64_t weight = law_weight((uintptr_t)a);

        if (!a)
            continue;
        refcount += a->refcount * weight;
        degree += a->degree * weight;
        children += a->num_children * weight;
        active += a->num_active_vmas * weight;
    }
    if (refcount != c->refcount)
        return false;
    return by_degree(world) ? degree == c->children + c->active
                            : children == c->children + c->self && active == c->active;
}

static bool users_ok(const struct world *world, const struct anon_vma *anon_vma, struct verdict *v)
{
    const struct vma *first = NULL;
    const struct anon_vma_chain *chain;
    struct family_walk w;

    family_walk_start(&w, world, anon_vma);
    while ((chain = family_walk_next(&w))) {
        if (chain->vma->anon_vma != anon_vma)
            continue;
        if (!first)
            first = chain->vma;
        if (!user_ok(world, first, chain->vma, v))
            return false;
    }
    return true;
}

bool anon_counts_full(const struct world *world, struct verdict *v)
{
    const struct pool *pool = &world->pool[POOL_ANON_VMA];
    struct counts all = count_all(world, NULL);
    const bool agree = sums_agree(world, &all);

    for (uint32_t n = 0; n < pool->used; n++) {
        const struct anon_vma *a = pool_object(pool, n);

        if (!a)
            continue;
        if (!agree) {
            const struct counts c = count_all(world, a);

            if (!numbers_ok(world, a, &c, v))
                return false;
        }
        if (!users_ok(world, a, v))
            return false;
    }
    return anon_reuse_ok(world, v);
}
