/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VMAs in their address space: ordered list, red-black tree with gaps, lookup cache, and the links
 * to what they refer to.
 */
#include "model/poison.h"
#include "model/rbtree.h"

#include <string.h>

static inline struct vma *vma_of(const struct rb_node *rb)
{
    return rb_entry(rb, struct vma, vm_rb);
}

/* ---- gaps (gap.subtree, gap.highest) ---- */
uintptr_t vm_start_gap(const struct vma *vma)
{
    uintptr_t guard;

    if (likely(!(vma->vm_flags & VM_GROWSDOWN)))
        return vma->vm_start;
    guard = world_of(vma)->config.stack_guard_gap << PAGE_SHIFT;
    return vma->vm_start > guard ? vma->vm_start - guard : 0;
}

uintptr_t vm_end_gap(const struct vma *vma)
{
    const struct world_config *config = &world_of(vma)->config;
    uintptr_t end, task_size;

    if (likely(!(vma->vm_flags & VM_GROWSUP)))
        return vma->vm_end;
    end = vma->vm_end + (config->stack_guard_gap << PAGE_SHIFT);
    task_size = config->task_size << PAGE_SHIFT;
    return end < vma->vm_end || end > task_size ? task_size : end;
}

/* The gap before a VMA: guard gaps at both of its ends are not free. */
static inline uint64_t own_gap(const struct vma *vma)
{
    uintptr_t start = vm_start_gap(vma);
    uintptr_t prev_end = vma->vm_prev ? vm_end_gap(vma->vm_prev) : 0;

    if (unlikely(vma->vm_flags & VM_GROWSDOWN) &&
        fault(world_of(vma), F_STACK_GAP_AUGMENT, vma->vm_start > prev_end))
        start = vma->vm_start;
    return start > prev_end ? start - prev_end : 0;
}

static inline uint64_t computed_gap(const struct rb_node *rb)
{
    uint64_t gap = own_gap(vma_of(rb));

    if (rb->left && vma_of(rb->left)->rb_subtree_gap > gap)
        gap = vma_of(rb->left)->rb_subtree_gap;
    if (rb->right && vma_of(rb->right)->rb_subtree_gap > gap)
        gap = vma_of(rb->right)->rb_subtree_gap;
    return gap;
}

static inline bool gap_update(struct rb_node *rb)
{
    uint64_t gap = computed_gap(rb);
    bool changed = vma_of(rb)->rb_subtree_gap != gap;

    vma_of(rb)->rb_subtree_gap = gap;
    return changed;
}

static inline void gap_copy(struct rb_node *to, const struct rb_node *from)
{
    vma_of(to)->rb_subtree_gap = vma_of(from)->rb_subtree_gap;
}

static const struct rb_augment gap_augment = {gap_update, gap_copy};

void vma_update_gaps(struct vma *vma)
{
    rb_propagate(&vma->vm_rb, NULL, &gap_augment);
    if (vma->vm_next)
        rb_propagate(&vma->vm_next->vm_rb, NULL, &gap_augment);
    else
        vma->vm_mm->highest_vm_end = vm_end_gap(vma);
}

/* ---- lookup cache (cache.coherent) ---- */
static inline struct vma **vmacache_slot(struct mm *mm, uintptr_t addr)
{
    return &mm->vmacache.slot[(addr >> PAGE_SHIFT) & (VMACACHE_SLOTS - 1)];
}

/* Emptied by number only: whatever a stale cache points to may be gone. */
void vmacache_invalidate(struct mm *mm)
{
    mm->vmacache_seqnum++;
}

#define NARROW_SEQNUM 7 /* of F_VMACACHE_SEQNUM_WRAP: 3 bits */

/* The number has come round, and what the cache held before counts again. */
static inline bool seqnum_wrapped(struct mm *mm)
{
    bool same = ((mm->vmacache.seqnum ^ mm->vmacache_seqnum) & NARROW_SEQNUM) == 0;

    return same && fault(mm->world, F_VMACACHE_SEQNUM_WRAP, true);
}

static inline struct vma *vmacache_find(struct mm *mm, uintptr_t addr)
{
    struct vmacache *cache = &mm->vmacache;
    struct vma *vma;

    if (cache->seqnum != mm->vmacache_seqnum) {
        event(mm->world, EV_CACHE_STALE);
        if (!seqnum_wrapped(mm))
            memset(cache->slot, 0, sizeof(cache->slot));
        cache->seqnum = mm->vmacache_seqnum;
    }
    vma = *vmacache_slot(mm, addr);
    if (!vma || vma->vm_start > addr || vma->vm_end <= addr) {
        event(mm->world, EV_CACHE_MISS);
        return NULL;
    }
    event(mm->world, EV_CACHE_HIT);
    mm->world->notes.cache_touched |= 1U << mm->id;
    return vma;
}

/* Would a flush now make a difference? */
static bool vmacache_holds(const struct mm *mm, const struct vma *vma)
{
    for (unsigned i = 0; i < VMACACHE_SLOTS; i++)
        if (mm->vmacache.seqnum == mm->vmacache_seqnum && mm->vmacache.slot[i] == vma)
            return true;
    return false;
}

/* ---- lookups ---- */
enum { ABOVE, BELOW };
struct descent {
    struct vma *at[2]; /* the first VMA that ends above the address, and the one before it */
    struct vma *last;  /* where the way down ended: one of the two */
};

/*
 * All the way down, although the right VMA may be met early, and without a branch on what is
 * compared: nobody can predict it, and a wrong guess costs more than the levels saved.
 */
static inline struct descent descend(struct mm *mm, uintptr_t addr)
{
    struct rb_node *rb = mm->mm_rb.node;
    struct descent d = {{NULL, NULL}, NULL};
    uint64_t steps_left = mm->world->steps_left;

    while (rb) {
        struct rb_node *left = rb->left, *right = rb->right;
        bool below = vma_of(rb)->vm_end <= addr;

        if (unlikely(--steps_left == 0))
            world_trap(mm->world, TRAP_STEPS, "tree descent: step budget used up");
        d.at[below] = d.last = vma_of(rb);
        rb = below ? right : left;
    }
    mm->world->steps_left = steps_left;
    return d;
}

struct vma *find_vma(struct mm *mm, uintptr_t addr)
{
    struct vma *found = vmacache_find(mm, addr);

    if (found)
        return found;
    found = descend(mm, addr).at[ABOVE];
    if (found && found->vm_start <= addr) {
        *vmacache_slot(mm, addr) = found;
        mm->world->notes.cache_touched |= 1U << mm->id;
    }
    return found;
}

static struct vma *last_vma(const struct mm *mm)
{
    struct rb_node *rb = mm->mm_rb.node;

    while (rb && rb->right) {
        step(mm->world);
        rb = rb->right;
    }
    return rb ? vma_of(rb) : NULL;
}

struct vma *find_vma_prev(struct mm *mm, uintptr_t addr, struct vma **pprev)
{
    struct vma *vma = find_vma(mm, addr);

    if (vma)
        *pprev = vma->vm_prev;
    else
        *pprev = fault(mm->world, F_FIND_PREV_PAST_END, mm->mmap) ? NULL : last_vma(mm);
    return vma;
}

struct vma *find_vma_intersection(struct mm *mm, uintptr_t start, uintptr_t end)
{
    struct vma *vma = find_vma(mm, start);

    return vma && vma->vm_start < end ? vma : NULL;
}

bool in_gate_area(const struct mm *mm, uintptr_t addr)
{
    uintptr_t gate = mm->task_size + 16 * PAGE_SIZE;

    return addr >= gate && addr < gate + PAGE_SIZE;
}

static long found_answer(const struct vma *vma)
{
    return vma ? (long)vma->vm_start + 1 : 0;
}

long mm_find(struct mm *mm, uintptr_t addr)
{
    return found_answer(find_vma(mm, addr));
}

long mm_find_prev(struct mm *mm, uintptr_t addr)
{
    struct vma *prev;

    find_vma_prev(mm, addr, &prev);
    return found_answer(prev);
}

long mm_find_intersection(struct mm *mm, uintptr_t start, uintptr_t end)
{
    return found_answer(find_vma_intersection(mm, start, end));
}

/* ---- alloc, dup, free ---- */
struct vma *vma_alloc(struct mm *mm)
{
    struct vma *vma = pool_alloc(mm->world, POOL_VMA);

    if (vma) {
        object_fill(vma, 0, sizeof(*vma));
        vma->vm_mm = mm;
    }
    return vma;
}

struct vma *vma_dup(struct vma *vma)
{
    struct vma *copy = pool_alloc(vma->vm_mm->world, POOL_VMA);

    if (!copy)
        return NULL;
    object_copy(copy, vma, sizeof(*copy));
    copy->vm_next = copy->vm_prev = NULL;
    copy->chain_first = copy->chain_last = NULL;
    if (copy->vm_file)
        get_file(copy->vm_file);
    mpol_get(copy->vm_policy);
    uffd_get(copy->vm_userfaultfd_ctx);
    anon_name_get(copy->anon_name);
    return copy;
}

void vma_free(struct vma *vma)
{
    struct world *world = vma->vm_mm->world;

    if (vma->vm_file)
        put_file(vma->vm_file);
    if (vma->vm_policy)
        mpol_put(world, vma->vm_policy);
    if (vma->vm_userfaultfd_ctx)
        uffd_put(world, vma->vm_userfaultfd_ctx);
    if (vma->anon_name && !(vma->vm_file && fault(world, F_NAME_PUT_SKIPPED, true)))
        anon_name_put(world, vma->anon_name);
    if (world->notes.n)
        note_forget(world, vma);
    pool_free(world, POOL_VMA, vma);
}

/* ---- linking ---- */
int find_vma_links(struct mm *mm, uintptr_t start, uintptr_t end, struct vma **pprev,
                   struct rb_node ***plink, struct rb_node **pparent)
{
    struct descent d = descend(mm, start);

    if (d.at[ABOVE] && d.at[ABOVE]->vm_start < end)
        return -ENOMEM;
    *pprev = d.at[BELOW];
    if (d.last) {
        *plink = d.last == d.at[BELOW] ? &d.last->vm_rb.right : &d.last->vm_rb.left;
        *pparent = &d.last->vm_rb;
    } else {
        *plink = &mm->mm_rb.node;
        *pparent = NULL;
    }
    return 0;
}

void free_vma_links(struct mm *mm, uintptr_t start, uintptr_t end, struct vma **pprev,
                    struct rb_node ***plink, struct rb_node **pparent)
{
    const int err = find_vma_links(mm, start, end, pprev, plink, pparent);

    world_bug_on(mm->world, err);
}

/* Links and rebalances first, then tells the gaps, each stopping early: what F_GAP_STALE_ON_INSERT
 * does instead. True if a stored gap above is wrong afterwards. */
static bool gaps_told_late(struct mm *mm, struct vma *vma)
{
    rb_insert_rebalance(&mm->mm_rb, &vma->vm_rb, &gap_augment);
    vma_update_gaps(vma);
    for (struct rb_node *rb = &vma->vm_rb; rb; rb = rb_parent(rb)) {
        step(mm->world);
        if (vma_of(rb)->rb_subtree_gap != computed_gap(rb))
            return true;
    }
    return false;
}

static inline void list_add(struct mm *mm, struct vma *vma, struct vma *prev)
{
    struct vma *next = prev ? prev->vm_next : mm->mmap;

    vma->vm_prev = prev;
    vma->vm_next = next;
    if (prev)
        prev->vm_next = vma;
    else
        mm->mmap = vma;
    if (next)
        next->vm_prev = vma;
}

static inline void tree_add(struct mm *mm, struct vma *vma, struct rb_node **link,
                            struct rb_node *parent)
{
    struct vma *next = vma->vm_next;

    rb_link(&vma->vm_rb, parent, link);
    vma->rb_subtree_gap = 0;
    if (fault(mm->world, F_GAP_STALE_ON_INSERT, gaps_told_late(mm, vma)))
        return;
    vma->rb_subtree_gap = own_gap(vma);
    rb_propagate(parent, next ? &next->vm_rb : NULL, &gap_augment);
    if (parent && rb_is_red(parent) && fault(mm->world, F_RB_SKIP_RECOLOUR, true))
        return;
    rb_insert_rebalance(&mm->mm_rb, &vma->vm_rb, &gap_augment);
}

static inline void attach(struct mm *mm, struct vma *vma, struct vma *prev, struct rb_node **link,
                          struct rb_node *parent)
{
    list_add(mm, vma, prev);
    tree_add(mm, vma, link, parent);
    if (!vma->vm_next)
        mm->highest_vm_end = vm_end_gap(vma);
    mm->map_count++;
    if (vma->vm_file) {
        i_mmap_lock(mm->world, vma->vm_file->mapping);
        i_mmap_insert(vma);
        i_mmap_unlock(mm->world);
    }
    note_vma(mm->world, vma, NOTE_LINKED);
}

void vma_link(struct mm *mm, struct vma *vma, struct vma *prev, struct rb_node **link,
              struct rb_node *parent)
{
    attach(mm, vma, prev, link, parent);
    note_range(mm, vma->vm_start, vma->vm_end);
}

/* Two neighbours in a search tree: one of them has a free place on the side of the other. */
void vma_attach_after(struct mm *mm, struct vma *vma, struct vma *prev)
{
    struct vma *next = prev ? prev->vm_next : mm->mmap;

    if (prev && !prev->vm_rb.right)
        attach(mm, vma, prev, &prev->vm_rb.right, &prev->vm_rb);
    else if (next)
        attach(mm, vma, prev, &next->vm_rb.left, &next->vm_rb);
    else
        attach(mm, vma, prev, &mm->mm_rb.node, NULL);
}

static inline void list_del(struct mm *mm, struct vma *vma)
{
    struct vma *prev = vma->vm_prev, *next = vma->vm_next;

    if (prev)
        prev->vm_next = next;
    else
        mm->mmap = next;
    if (next && !fault(mm->world, F_LIST_PREV_STALE, true))
        next->vm_prev = prev;
    if (!next && !fault(mm->world, F_HIGHEST_END_STALE, true))
        mm->highest_vm_end = prev ? vm_end_gap(prev) : 0;
}

void vma_detach(struct mm *mm, struct vma *vma)
{
    struct world *world = mm->world;
    struct vma *prev = vma->vm_prev, *next = vma->vm_next;
    struct rb_deficit deficit;

    if (vma->vm_file) {
        i_mmap_lock(world, vma->vm_file->mapping);
        i_mmap_remove(vma);
        i_mmap_unlock(world);
    }
    list_del(mm, vma);
    deficit = rb_unlink(&mm->mm_rb, &vma->vm_rb, next ? &next->vm_rb : NULL, &gap_augment);
    if (deficit.parent && !fault(world, F_RB_ERASE_SHORT, true))
        rb_restore(&mm->mm_rb, deficit, &gap_augment);
    mm->map_count--;
    if (!fault(world, F_CACHE_NOT_FLUSHED, vmacache_holds(mm, vma)))
        vmacache_invalidate(mm);
    if (prev)
        note_vma(world, prev, NOTE_NEAR);
    if (next)
        note_vma(world, next, NOTE_NEAR);
}

void vma_unlink(struct mm *mm, struct vma *vma)
{
    vma_detach(mm, vma);
    note_range(mm, vma->vm_start, vma->vm_end);
}

void insert_vm_struct(struct mm *mm, struct vma *vma)
{
    struct rb_node **link, *parent;
    struct vma *prev;

    free_vma_links(mm, vma->vm_start, vma->vm_end, &prev, &link, &parent);
    vma_link(mm, vma, prev, link, parent);
}

/* ---- changing what is linked ---- */
void vma_move_bounds(struct vma *vma, uintptr_t start, uintptr_t end, uint64_t pgoff)
{
    struct world *world = vma->vm_mm->world;

    if (unlikely(vma->vm_mm->deposited))
        huge_split_bounds(vma, start, end);
    if (vma->vm_file) {
        i_mmap_lock(world, vma->vm_file->mapping);
        i_mmap_remove(vma);
    }
    if (vma->anon_vma) {
        anon_vma_lock(world, vma->anon_vma->root);
        anon_vma_tree_remove(vma);
    }
    vma->vm_start = start;
    vma->vm_end = end;
    vma->vm_pgoff = pgoff;
    if (vma->vm_file) {
        i_mmap_insert(vma);
        i_mmap_unlock(world);
    }
    if (vma->anon_vma) {
        anon_vma_tree_insert(vma);
        anon_vma_unlock(world);
    }
    note_vma(world, vma, NOTE_CHANGED);
}

uint32_t vm_get_page_prot(uint64_t vm_flags)
{
    return (uint32_t)(vm_flags & VM_ACCESS_FLAGS); /* PROT_* have the values of VM_* */
}

void vma_set_flags(struct vma *vma, uint64_t vm_flags)
{
    struct world *world = vma->vm_mm->world;
    uint32_t prot = vm_get_page_prot(vm_flags);

    if (!(vma->vm_flags && fault(world, F_PAGE_PROT_STALE, prot != vma->vm_page_prot)))
        vma->vm_page_prot = prot;
    vma->vm_flags = vm_flags;
    note_vma(world, vma, NOTE_CHANGED);
    note_range(vma->vm_mm, vma->vm_start, vma->vm_end);
}
