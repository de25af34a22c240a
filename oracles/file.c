/* SPDX-License-Identifier: GPL-2.0-only */
/* file.tree and object.refs: who uses files, objects, policies, names and contexts. */
#include "oracles/laws.h"

#include <inttypes.h>

static uint64_t weight(const void *object)
{
    return law_weight((uintptr_t)object);
}

/* ---- file.tree ---- */
/* Is the VMA's node reachable from its object's root, link by link upwards? */
static bool in_i_mmap(const struct world *world, const struct vma *vma,
                      const struct address_space *mapping)
{
    const struct rb_node *node = &vma->shared.rb;

    for (unsigned depth = 0; depth < TREE_MAX_DEPTH; depth++) {
        const struct rb_node *parent = rb_parent_of(node);

        if (!parent)
            return mapping->i_mmap.node == node;
        if (!vma_live(world, vma_of_shared(parent)))
            return false;
        if (parent->left != node && parent->right != node)
            return false;
        node = parent;
    }
    return false;
}

static bool may_write_object(const struct vma *vma)
{
    const uint64_t writer = VM_SHARED | VM_MAYWRITE; /* what is sealed is shared without MAYWRITE */

    return (vma->vm_flags & writer) == writer;
}

/* Writers in the subtree; quiet where the tree is broken, which interval.tree judges. */
static int32_t count_writers(const struct world *world, const struct rb_node *node, uint32_t *left,
                             unsigned depth)
{
    const struct vma *vma = vma_of_shared(node);

    if (!node || depth == TREE_MAX_DEPTH || !*left || !vma_live(world, vma))
        return 0;
    --*left;
    return count_writers(world, node->left, left, depth + 1) + may_write_object(vma) +
           count_writers(world, node->right, left, depth + 1);
}

static bool writers_ok(const struct world *world, struct verdict *v)
{
    const struct pool *pool = &world->pool[POOL_MAPPING];

    for (uint32_t n = 0; n < pool->used; n++) {
        const struct address_space *mapping = pool_object(pool, n);
        uint32_t left = world->pool[POOL_VMA].nlive;
        int32_t writers;

        if (!mapping)
            continue;
        writers = count_writers(world, mapping->i_mmap.node, &left, 0);
        if (mapping->i_mmap_writable < 0 ? writers != 0 : mapping->i_mmap_writable != writers)
            return law_broken(v, LAW_FILE_TREE, "writable-count", NOWHERE,
                              "object %" PRIu32 ": i_mmap_writable is %" PRId32 ", %" PRId32
                              " VMAs may write to it",
                              n, mapping->i_mmap_writable, writers);
    }
    return true;
}

/* What a user of the object adds: of all objects its weight, as in object.refs below, of one 1. */
static uint64_t share(const struct address_space *only, const struct address_space *mapping)
{
    return only ? mapping == only : weight(mapping);
}

/* Who writes to objects, less who runs from them. */
static int64_t write_access(const struct world *world, const struct address_space *only)
{
    const struct pool *pool = &world->pool[POOL_FILE];
    uint64_t sum = 0;
    const struct mm *mm;
    unsigned i;

    for (uint32_t n = 0; n < pool->used; n++) {
        const struct file *file = pool_object(pool, n);

        if (file && (file->mode & FMODE_WRITE))
            sum += share(only, file->mapping);
    }
    if (world->config.rules < RULES_LINUX_6_1)
        return (int64_t)sum;
    for_each_mm (world, i, mm)
        if (object_live(world, POOL_FILE, mm->exe_file))
            sum -= share(only, mm->exe_file->mapping);
    return (int64_t)sum;
}

static bool write_access_ok(const struct world *world, struct verdict *v)
{
    const struct pool *pool = &world->pool[POOL_MAPPING];
    uint64_t sum = (uint64_t)write_access(world, NULL);
    const struct address_space *mapping;

    for (uint32_t n = 0; n < pool->used; n++)
        if ((mapping = pool_object(pool, n)))
            sum -= (uint64_t)mapping->i_writecount * weight(mapping);
    for (uint32_t n = 0; unlikely(sum) && n < pool->used; n++)
        if ((mapping = pool_object(pool, n)) &&
            mapping->i_writecount != write_access(world, mapping))
            return law_broken(v, LAW_FILE_TREE, "write-count", NOWHERE,
                              "object %" PRIu32 ": i_writecount is %" PRId32
                              ", writers less processes that run from it are %" PRId64,
                              n, mapping->i_writecount, write_access(world, mapping));
    return true;
}

bool file_tree_full(const struct world *world, struct verdict *v)
{
    const struct mm *mm;
    unsigned i;

    for_each_mm (world, i, mm) {
        struct list_walk w = list_walk(world, mm);
        const struct vma *vma;

        while ((vma = list_walk_next(&w))) {
            const struct address_space *mapping = vma_mapping(world, vma);

            if (mapping && !in_i_mmap(world, vma, mapping))
                return law_broken(v, LAW_FILE_TREE, "not-in-i-mmap", mm->id, vma->vm_start,
                                  "VMA %#" PRIxPTR "-%#" PRIxPTR
                                  " is not in the interval tree of the object that it maps",
                                  VMA_PAGES(vma));
        }
    }
    return writers_ok(world, v) && write_access_ok(world, v);
}

/*
 * ---- object.refs ----
 * A recount needs a counter per object, and laws have no memory to keep them in. Instead each
 * object gets a large odd weight from its address, and the sum of weights over all references is
 * compared with the sum of refcount * weight over all objects: equal counts give equal sums. Only
 * if the sums differ is the culprit looked for, object by object.
 */
static const enum pool_id ref_pool[NR_REFS] = {
    POOL_FILE, POOL_MAPPING, POOL_POLICY, POOL_NAME, POOL_UFFD, POOL_MAPPING,
};
static const char *const ref_site[NR_REFS] = {
    "file", "mapping", "policy", "name", "context", "nattch",
};

static bool refer(struct references *r, enum ref_kind kind, const void *object)
{
    if (!object)
        return true;
    if (!object_live(r->world, ref_pool[kind], object)) {
        r->dead = object;
        r->dead_kind = kind;
        return false;
    }
    r->sum[kind] += r->only[kind] ? r->only[kind] == object : weight(object);
    return true;
}

void references_of_vma(struct references *r, const struct vma *vma)
{
    const struct address_space *mapping;

    if (refer(r, REF_FILE, vma->vm_file) && vma->vm_file) {
        mapping = vma_mapping(r->world, vma);
        if (mapping && mapping->kind == FILE_SYSV)
            refer(r, REF_ATTACH, mapping);
    }
    refer(r, REF_POLICY, vma->vm_policy);
    refer(r, REF_NAME, vma->anon_name);
    refer(r, REF_CONTEXT, vma->vm_userfaultfd_ctx);
}

/* References of descriptors, of processes to their executables, and of files to objects. */
static void count_others(struct references *r)
{
    const struct world *world = r->world;
    const struct pool *files = &world->pool[POOL_FILE];
    const struct mm *mm;
    unsigned i;

    for_each_mm (world, i, mm)
        refer(r, REF_FILE, mm->exe_file);
    for (i = 0; i < MAX_FDS; i++) {
        refer(r, REF_FILE, world->fd[i]);
        refer(r, REF_CONTEXT, world->uffd[i]);
    }
    for (uint32_t n = 0; n < files->used; n++) {
        const struct file *file = pool_object(files, n);

        if (file)
            refer(r, REF_MAPPING, file->mapping);
    }
}

static void count_all(struct references *r)
{
    const struct mm *mm;
    unsigned i;

    for_each_mm (r->world, i, mm) {
        struct list_walk w = list_walk(r->world, mm);
        const struct vma *vma;

        while ((vma = list_walk_next(&w)))
            references_of_vma(r, vma);
    }
    count_others(r);
}

static uint32_t stored_count(enum ref_kind kind, const void *object)
{
    switch (kind) {
    case REF_FILE:
        return ((const struct file *)object)->refcount;
    case REF_MAPPING:
        return ((const struct address_space *)object)->refcount;
    case REF_POLICY:
        return ((const struct mempolicy *)object)->refcount;
    case REF_NAME:
        return ((const struct anon_vma_name *)object)->refcount;
    case REF_CONTEXT:
        return ((const struct userfaultfd_ctx *)object)->refcount;
    default:
        return ((const struct address_space *)object)->nattch;
    }
}

static bool refs_broken(const struct world *world, enum ref_kind kind, const void *object,
                        struct verdict *v)
{
    const struct pool *pool = &world->pool[ref_pool[kind]];
    struct references r = {.world = world};

    r.only[kind] = object;
    count_all(&r);
    if (stored_count(kind, object) == r.sum[kind])
        return false;
    law_broken(v, LAW_OBJECT_REFS, ref_site[kind], NOWHERE,
               "%s %zu: the stored count is %" PRIu32 ", %" PRIu64 " references were found",
               ref_site[kind], (size_t)((const char *)object - pool->base) / pool->size,
               stored_count(kind, object), r.sum[kind]);
    return true;
}

/* Weighed counts of one kind against the recount; an object that nothing refers to is a leak. */
static bool kind_ok(const struct world *world, enum ref_kind kind, uint64_t sum, struct verdict *v)
{
    const struct pool *pool = &world->pool[ref_pool[kind]];
    uint64_t stored = 0;
    uint32_t n;

    for (n = 0; n < pool->used; n++) {
        const void *object = pool_object(pool, n);

        if (!object)
            continue;
        stored += stored_count(kind, object) * weight(object);
        if (kind != REF_ATTACH && !stored_count(kind, object))
            return law_broken(v, LAW_OBJECT_REFS, ref_site[kind], NOWHERE,
                              "%s %" PRIu32 " is live with a count of 0", ref_site[kind], n);
    }
    if (likely(stored == sum))
        return true;
    for (n = 0; n < pool->used; n++) {
        const void *object = pool_object(pool, n);

        if (object && refs_broken(world, kind, object, v))
            return false;
    }
    return true;
}

bool references_agree(struct references *r)
{
    struct verdict scratch;

    scratch.without = 0;
    count_others(r);
    if (r->dead)
        return false;
    for (unsigned kind = 0; kind < NR_REFS; kind++)
        if (!kind_ok(r->world, kind, r->sum[kind], &scratch))
            return false;
    return true;
}

/* VMAs and address spaces have no counts: each live one belongs to exactly one owner. */
static bool owned_ok(const struct world *world, enum pool_id id, uint64_t owned, struct verdict *v)
{
    const struct pool *pool = &world->pool[id];

    if (likely(pool->nlive == owned))
        return true;
    return law_broken(v, LAW_OBJECT_REFS, pool->name, NOWHERE,
                      "pool %s has %" PRIu32 " live objects, %" PRIu64 " are in use", pool->name,
                      pool->nlive, owned);
}

bool object_refs_full(const struct world *world, struct verdict *v)
{
    struct references r = {.world = world};
    uint64_t vmas = 0, mms = 0;
    const struct mm *mm;
    unsigned i;

    count_all(&r);
    if (r.dead)
        return law_broken(v, LAW_OBJECT_REFS, ref_site[r.dead_kind], NOWHERE,
                          "a reference to %s %p, which is not live", ref_site[r.dead_kind], r.dead);
    for (i = 0; i < NR_REFS; i++)
        if (!kind_ok(world, i, r.sum[i], v))
            return false;
    for_each_mm (world, i, mm) {
        struct list_walk w = list_walk(world, mm);

        mms++;
        while (list_walk_next(&w))
            vmas++;
    }
    return owned_ok(world, POOL_MM, mms, v) && owned_ok(world, POOL_VMA, vmas, v);
}
