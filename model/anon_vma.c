/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The anonymous reverse map: which VMAs may map the pages of which anon_vma.
 *
 *      parent  P ---- A                     P's only chain: it made A, the root
 *      child   C ---- B, A                  own first, root last; B's parent is A
 *      its own D ---- E, B, A
 *
 * A VMA's list has each anon_vma before its parent, so unlinking in list order empties children
 * first (anon.lifetime). Every member of a family holds its root.
 */
#include "model/rbtree.h"

static inline bool counts_by_degree(const struct world *world)
{
    return world->config.rules < RULES_LINUX_5_10;
}

static inline bool is_root(const struct anon_vma *anon_vma)
{
    return anon_vma->root == anon_vma;
}

/* ---- counts (anon.counts) ---- */
static void count_user(struct anon_vma *anon_vma, int change)
{
    uint32_t *count =
        counts_by_degree(world_of(anon_vma)) ? &anon_vma->degree : &anon_vma->num_active_vmas;

    *count += (uint32_t)change;
}

/* A root is its own child where children have a number of their own. */
static void count_child(struct anon_vma *anon_vma, int change)
{
    struct anon_vma *parent = anon_vma->parent;

    if (!counts_by_degree(world_of(anon_vma)))
        parent->num_children += (uint32_t)change;
    else if (parent != anon_vma)
        parent->degree += (uint32_t)change;
}

static bool has_children(const struct anon_vma *anon_vma)
{
    if (counts_by_degree(world_of(anon_vma)))
        return anon_vma->degree > 0;
    return anon_vma->num_children > is_root(anon_vma);
}

/*
 * May a child's VMA take over this ancestor of its parent's VMA, src, as its own? In one number,
 * one user counts like one child, so 4.4 takes an anon_vma that is in use for one that waits for
 * its only child.
 */
static bool may_be_reused(const struct anon_vma *anon_vma, const struct vma *src)
{
    struct world *world = world_of(anon_vma);
    const uint32_t both = anon_vma->num_children + anon_vma->num_active_vmas;
    const bool other = anon_vma != src->anon_vma;
    bool unused = anon_vma->num_children < 2 && anon_vma->num_active_vmas == 0;

    if (counts_by_degree(world))
        unused = other && !is_root(anon_vma) && anon_vma->degree < 2;
    else if (fault(world, F_ANON_VMA_DOUBLE_REUSE, (other && both < 2) != unused))
        unused = other && both < 2;
    return unused && !fault(world, F_ENDLESS_GROWTH, true);
}

/* ---- anon_vmas ---- */
/* No parent: a root. Nobody uses it yet, but whoever asks links it at once. */
static struct anon_vma *anon_vma_new(struct world *world, struct anon_vma *parent)
{
    struct anon_vma *anon_vma = pool_alloc(world, POOL_ANON_VMA);

    if (!anon_vma)
        return NULL;
    *anon_vma = (struct anon_vma){
        .root = parent ? parent->root : anon_vma,
        .parent = parent ? parent : anon_vma,
        .refcount = 1,
    };
    if (parent)
        parent->root->refcount++;
    count_child(anon_vma, 1);
    return anon_vma;
}

static void anon_vma_put(struct anon_vma *anon_vma)
{
    struct anon_vma *root = anon_vma->root;

    if (--anon_vma->refcount)
        return;
    pool_free(world_of(anon_vma), POOL_ANON_VMA, anon_vma);
    if (root != anon_vma)
        anon_vma_put(root);
}

/* The touched laws reach an anon_vma through a VMA that is chained to it: note one that stays. */
static void note_sharer(const struct anon_vma *anon_vma)
{
    const struct rb_node *rb = anon_vma->rb_root.node;

    if (rb)
        note_vma(world_of(anon_vma), rb_entry(rb, struct anon_vma_chain, node.rb)->vma, NOTE_NEAR);
}

void anon_vma_hold(struct anon_vma *anon_vma)
{
    anon_vma->refcount++;
    note_sharer(anon_vma);
}

void anon_vma_release(struct anon_vma *anon_vma)
{
    note_sharer(anon_vma);
    anon_vma_put(anon_vma);
}

/* ---- chains (anon.topology) ---- */
bool anon_vma_is_linked(const struct vma *vma, const struct anon_vma *anon_vma)
{
    for (const struct anon_vma_chain *c = vma->chain_first; c; c = c->same_vma_next) {
        step(vma->vm_mm->world);
        if (c->anon_vma == anon_vma)
            return true;
    }
    return false;
}

static void chain_insert(struct anon_vma_chain *chain)
{
    const struct vma *vma = chain->vma;

    assert_anon_vma_locked(world_of(chain), chain->anon_vma);
    chain->node.start = vma->vm_pgoff;
    chain->node.last = vma->vm_pgoff + vma_pages(vma) - 1;
    interval_tree_insert(&chain->anon_vma->rb_root, &chain->node);
}

static void chain_link(struct anon_vma_chain *chain, struct vma *vma, struct anon_vma *anon_vma)
{
    *chain = (struct anon_vma_chain){
        .vma = vma,
        .anon_vma = anon_vma,
        .same_vma_next = vma->chain_first,
    };
    if (vma->chain_first)
        vma->chain_first->same_vma_prev = chain;
    else
        vma->chain_last = chain;
    vma->chain_first = chain;
    chain_insert(chain);
}

static void chain_remove(struct world *world, struct anon_vma_chain *chain)
{
    assert_anon_vma_locked(world, chain->anon_vma);
    interval_tree_remove(&chain->anon_vma->rb_root, &chain->node);
}

void anon_vma_tree_remove(struct vma *vma)
{
    for (struct anon_vma_chain *c = vma->chain_first; c; c = c->same_vma_next) {
        step(vma->vm_mm->world);
        chain_remove(vma->vm_mm->world, c);
    }
}

void anon_vma_tree_insert(struct vma *vma)
{
    for (struct anon_vma_chain *c = vma->chain_first; c; c = c->same_vma_next) {
        step(vma->vm_mm->world);
        chain_insert(c);
    }
}

void unlink_anon_vmas(struct vma *vma)
{
    struct world *world = vma->vm_mm->world;
    struct anon_vma *own = vma->anon_vma;

    if (own) {
        count_user(own, -1);
        note_sharer(own);
    }
    if (vma->chain_first)
        anon_vma_lock(world, vma->chain_first->anon_vma->root);
    for (struct anon_vma_chain *c = vma->chain_first, *next; c; c = next) {
        struct anon_vma *anon_vma = c->anon_vma;

        step(world);
        next = c->same_vma_next;
        chain_remove(world, c);
        pool_free(world, POOL_ANON_VMA_CHAIN, c);
        if (!anon_vma->rb_root.node) {
            count_child(anon_vma, -1);
            anon_vma->parent = NULL; /* which may go before it, if others hold it */
            anon_vma_put(anon_vma);
        } else if (has_children(anon_vma) && fault(world, F_ANON_FREED_EARLY, true)) {
            pool_free(world, POOL_ANON_VMA, anon_vma);
        } else {
            note_sharer(anon_vma);
        }
    }
    anon_vma_unlock(world);
    vma->chain_first = vma->chain_last = NULL;
    vma->anon_vma = NULL;
}

/* ---- prepare ---- */
static bool could_be_one(const struct vma *below, const struct vma *above)
{
    return below->vm_end == above->vm_start && below->vm_file == above->vm_file &&
           above->vm_pgoff == below->vm_pgoff + vma_pages(below) &&
           ((below->vm_flags ^ above->vm_flags) & ~(uint64_t)VM_ACCESS_FLAGS) == 0 &&
           mpol_equal(below->vm_policy, above->vm_policy);
}

/* A neighbour's, so that the two can be merged later. Not one with chains inherited over fork: its
 * pages would be looked for in more places than they can be. */
static struct anon_vma *find_mergeable_anon_vma(const struct vma *vma)
{
    const struct vma *next = vma->vm_next, *prev = vma->vm_prev;

    if (next && next->anon_vma && anon_chain_is_single(next) && could_be_one(vma, next))
        return next->anon_vma;
    if (prev && prev->anon_vma && anon_chain_is_single(prev) && could_be_one(prev, vma))
        return prev->anon_vma;
    return NULL;
}

int anon_vma_prepare(struct vma *vma)
{
    struct world *world = vma->vm_mm->world;
    struct anon_vma_chain *chain;
    struct anon_vma *borrowed, *anon_vma;

    if (likely(vma->anon_vma))
        return 0;
    chain = pool_alloc(world, POOL_ANON_VMA_CHAIN);
    if (!chain)
        return -ENOMEM;
    borrowed = find_mergeable_anon_vma(vma);
    anon_vma = borrowed ? borrowed : anon_vma_new(world, NULL);
    if (!anon_vma) {
        pool_free(world, POOL_ANON_VMA_CHAIN, chain);
        return -ENOMEM;
    }
    vma->anon_vma = anon_vma;
    count_user(anon_vma, 1);
    anon_vma_lock(world, anon_vma->root);
    chain_link(chain, vma, anon_vma);
    anon_vma_unlock(world);
    event(world, borrowed ? EV_ANON_BORROW : EV_ANON_NEW);
    note_vma(world, vma, NOTE_CHANGED);
    note_range(vma->vm_mm, vma->vm_start, vma->vm_end);
    return 0;
}

bool vma_takes_own_pages(const struct vma *vma)
{
    const uint64_t others = VM_SHARED | VM_MAYSHARE | VM_IO | VM_PFNMAP | VM_HUGETLB;

    return (vma->vm_flags & (VM_WRITE | others)) == VM_WRITE;
}

/* ---- clone and fork ---- */
static void clone_undo(struct vma *dst)
{
    struct world *world = dst->vm_mm->world;
    struct anon_vma *own = dst->anon_vma;

    if (!fault(world, F_CLONE_FAIL_UNDERFLOW, own != NULL))
        dst->anon_vma = NULL; /* not counted as its user yet */
    unlink_anon_vmas(dst);
    if (fault(world, F_CLONE_FAIL_STALE, own != NULL))
        dst->anon_vma = own;
}

/* From the end, as each chain is put before the others. A VMA without an own anon_vma yet, a
 * child's, may take the first of them that nobody uses: the oldest. */
int anon_vma_clone(struct vma *dst, const struct vma *src)
{
    struct world *world = dst->vm_mm->world;
    const bool reversed =
        src->chain_first && fault(world, F_CLONE_ORDER, !anon_chain_is_single(src));
    const struct anon_vma_chain *from = reversed ? src->chain_first : src->chain_last;

    if (from && !fault(world, F_CLONE_UNLOCKED, true))
        anon_vma_lock(world, from->anon_vma->root);
    for (; from; from = reversed ? from->same_vma_next : from->same_vma_prev) {
        struct anon_vma_chain *chain = pool_alloc(world, POOL_ANON_VMA_CHAIN);

        step(world);
        if (!chain) {
            anon_vma_unlock(world);
            clone_undo(dst);
            return -ENOMEM;
        }
        chain_link(chain, dst, from->anon_vma);
        if (!dst->anon_vma && may_be_reused(from->anon_vma, src))
            dst->anon_vma = from->anon_vma;
    }
    anon_vma_unlock(world);
    if (dst->anon_vma)
        count_user(dst->anon_vma, 1);
    note_vma(world, dst, NOTE_CHANGED);
    return 0;
}

int anon_vma_fork(struct vma *vma, struct vma *parent)
{
    struct world *world = vma->vm_mm->world;
    struct anon_vma_chain *chain = NULL;
    struct anon_vma *own;

    vma->anon_vma = NULL;
    if (!parent->anon_vma)
        return 0;
    if (anon_vma_clone(vma, parent))
        return -ENOMEM;
    if (vma->anon_vma) {
        event(world, EV_ANON_FORK_REUSE);
        return 0;
    }
    own = anon_vma_new(world, parent->anon_vma);
    if (own)
        chain = pool_alloc(world, POOL_ANON_VMA_CHAIN);
    if (!chain) {
        if (own) {
            count_child(own, -1);
            anon_vma_put(own);
        }
        if (!fault(world, F_FORK_ERROR_LEAVES_CHAINS, true))
            unlink_anon_vmas(vma);
        return -ENOMEM;
    }
    vma->anon_vma = own;
    count_user(own, 1);
    anon_vma_lock(world, own->root);
    chain_link(chain, vma, own);
    anon_vma_unlock(world);
    event(world, EV_ANON_FORK_NEW);
    return 0;
}

/* Linux asks for tree nodes after it has linked the chains of a new or growing VMA. This tree needs
 * none, but what has to be undone when there are none is worth being tested. */
static bool tree_nodes_available(struct world *world)
{
    void *node = pool_alloc(world, POOL_ANON_VMA_CHAIN);

    if (node)
        pool_free(world, POOL_ANON_VMA_CHAIN, node);
    return node;
}

int anon_vma_split(struct vma *new, const struct vma *vma)
{
    struct world *world = new->vm_mm->world;
    int err = anon_vma_clone(new, vma);

    if (!err && !tree_nodes_available(world))
        err = -ENOMEM;
    if (!err)
        event(world, EV_ANON_CLONE);
    else if (!fault(world, F_SPLIT_ERROR_LEAVES_CHAINS, new->chain_first != NULL))
        unlink_anon_vmas(new);
    return err;
}

/* What the fault leaves in Linux, anon_vma and count as well, is sound in itself: memory is lost,
 * but no law is broken. Here the undo stops halfway, so that it can be seen. */
static void import_undo(struct vma *vma)
{
    if (!fault(vma->vm_mm->world, F_DUP_NOT_UNDONE, true)) {
        unlink_anon_vmas(vma);
    } else if (vma->anon_vma) {
        count_user(vma->anon_vma, -1);
        vma->anon_vma = NULL;
    }
}

int anon_vma_import(struct vma *vma, const struct vma *from)
{
    struct world *world = vma->vm_mm->world;
    const bool late = fault(world, F_ADJUST_IMPORT_MISSED, true);
    int err;

    note_range(vma->vm_mm, vma->vm_start, vma->vm_end);
    if (!late)
        vma->anon_vma = from->anon_vma;
    err = anon_vma_clone(vma, from);
    if (err)
        return err;
    if (!tree_nodes_available(world)) {
        import_undo(vma);
        return -ENOMEM;
    }
    vma->anon_vma = from->anon_vma;
    event(world, EV_ANON_IMPORT);
    return 0;
}
