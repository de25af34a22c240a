/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of model/ share with each other and with nobody else.
 *
 * world.c     arena, pools, notes, traps, presets     rbtree.h      augmented red-black tree
 * vma.c       list, tree, gaps, lookup cache          interval_tree.c  file interval trees
 * merge.c     split, merge, adjust                    search.c      choosing an address
 * account.c   limits, totals, commit charge           object.c      files, policies, names, contexts
 * and one file per call: mmap.c munmap.c mprotect.c mremap.c brk.c mlock.c madvise.c ...
 */
#ifndef MODEL_INTERNAL_H
#define MODEL_INTERNAL_H

#include "model/mm.h"

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define ARENA_SIZE (1UL << 32) /* also its alignment, so that objects find their world by masking */

static inline struct world *world_of(const void *object)
{
    return (struct world *)((uintptr_t)object & ~(ARENA_SIZE - 1));
}

static inline uintptr_t page_align(uintptr_t n) { return (n + PAGE_SIZE - 1) & PAGE_MASK; }
static inline bool page_aligned(uintptr_t n) { return (n & ~PAGE_MASK) == 0; }
static inline uint64_t vma_pages(const struct vma *v) { return (v->vm_end - v->vm_start) >> PAGE_SHIFT; }
static inline bool vma_is_anonymous(const struct vma *v) { return !v->vm_ops; }

/* ---- faults, events, traps ---- */
#ifdef VMAFUZZ_NO_FAULTS
#define fault(world, id, differs) ((void)(world), false)
#else
bool fault_hit(struct world *world, bool differs); /* counts reached and triggered; returns true */
/* A fault site: true when `id` is switched on. `differs` is evaluated only then, and says whether
 * the faulty result is going to differ from the right one at this very moment. */
#define fault(world, id, differs) (unlikely((world)->fault == (id)) && fault_hit(world, differs))
#endif

static inline void event(struct world *world, enum event ev) { world->events[ev]++; }
_Noreturn void world_trap(struct world *world, enum trap trap, const char *reason);
/* Call once per iteration of every loop over model structures: a loop without end becomes a trap. */
static inline void step(struct world *world)
{
    if (unlikely(--world->steps_left == 0))
        world_trap(world, TRAP_STEPS, "step budget used up");
}
#define world_bug_on(world, cond)                                                                  \
    do {                                                                                           \
        if (unlikely(cond))                                                                        \
            world_trap(world, TRAP_BUG, #cond);                                                    \
    } while (0)

/* ---- notes ---- */
void note_vma_slow(struct notes *notes, struct vma *vma, uint32_t kind);
static inline void note_vma(struct world *world, struct vma *vma, uint32_t kind)
{
    note_vma_slow(&world->notes, vma, kind);
}
void note_range(struct mm *mm, uintptr_t start, uintptr_t end);

/* ---- pools ---- */
void *pool_alloc(struct world *world, enum pool_id id); /* zeroed? no: contents undefined. NULL: fail */
void pool_free(struct world *world, enum pool_id id, void *object); /* poisons; double free traps */

/* ---- attributes: all that decides whether two ranges may be one VMA, but for their place ---- */
struct vma_attrs {
    uint64_t vm_flags;
    struct file *file;
    struct mempolicy *policy;
    struct userfaultfd_ctx *uffd;
    struct anon_vma_name *name;
};
static inline struct vma_attrs vma_attrs(const struct vma *v)
{
    return (struct vma_attrs){v->vm_flags, v->vm_file, v->vm_policy, v->vm_userfaultfd_ctx,
                              v->anon_name};
}

/* ---- vma.c ---- */
struct vma *vma_alloc(struct mm *mm);             /* zeroed, vm_mm set; NULL: out of memory */
struct vma *vma_dup(struct vma *vma);             /* copy with references, not linked; NULL: ENOMEM */
void vma_free(struct vma *vma);                   /* drops references (file, policy, ...), then frees */
/* Where [start, end) would go. 0, or -ENOMEM if something overlaps. */
int find_vma_links(struct mm *mm, uintptr_t start, uintptr_t end, struct vma **pprev,
                   struct rb_node ***plink, struct rb_node **pparent);
/* List, tree, gaps, map_count, highest_vm_end, i_mmap and file counts, notes: all of it. */
void vma_link(struct mm *mm, struct vma *vma, struct vma *prev, struct rb_node **link,
              struct rb_node *parent);
void vma_unlink(struct mm *mm, struct vma *vma); /* all undone; the lookup cache is invalidated */
int insert_vm_struct(struct mm *mm, struct vma *vma); /* -ENOMEM if it overlaps */
void vma_set_flags(struct vma *vma, uint64_t vm_flags); /* flags, vm_page_prot, i_mmap_writable, note */
void vmacache_invalidate(struct mm *mm);

/* ---- merge.c ---- */
int split_vma(struct vma *vma, uintptr_t addr, bool new_below); /* with the map_count limit */
int split_vma_nolimit(struct vma *vma, uintptr_t addr, bool new_below); /* the unmap path */
/* The VMA that has absorbed [addr, end), or NULL if the rules keep it apart. addr may start a hole
 * (a new range) or lie in VMAs; prev is the VMA before addr. NULL on out of memory as well. */
struct vma *vma_merge(struct mm *mm, struct vma *prev, uintptr_t addr, uintptr_t end,
                      const struct vma_attrs *attrs, uint64_t pgoff);
/* Give [start, end) of vma new attributes: merge with neighbours or split off, then set them.
 * Returns the VMA that now covers [start, end), NULL with *err = -ENOMEM or -EINVAL. Takes its own
 * references on what attrs names. Does no accounting: that is the caller's. */
struct vma *vma_modify(struct vma *vma, struct vma *prev, uintptr_t start, uintptr_t end,
                       const struct vma_attrs *attrs, int *err);
/* Move bounds in place (stack growth, brk, mremap): list order must stay. */
int vma_adjust(struct vma *vma, uintptr_t start, uintptr_t end, uint64_t pgoff);

/* ---- search.c ---- */
/* Address for a new mapping: aligned, in range, or -ENOMEM / -EINVAL / -EPERM / -EEXIST. */
long get_unmapped_area(struct mm *mm, struct file *file, uintptr_t addr, size_t len, uint64_t pgoff,
                       int flags);

/* ---- account.c ---- */
bool may_expand_vm(struct mm *mm, uint64_t vm_flags, uint64_t pages); /* RLIMIT_AS, RLIMIT_DATA */
void vm_stat_account(struct mm *mm, uint64_t vm_flags, int64_t pages); /* totals by kind, hiwater */
int vm_charge(struct mm *mm, uint64_t pages);  /* commit limit: 0 or -ENOMEM */
void vm_uncharge(struct mm *mm, uint64_t pages);
bool accountable_mapping(const struct file *file, uint64_t vm_flags); /* private, writable, reserved */
bool can_do_mlock(const struct mm *mm);
bool is_data_mapping(uint64_t vm_flags);

/* ---- object.c ---- */
struct file *get_file(struct file *file);
void put_file(struct file *file);
struct file *shmem_file_new(struct world *world, uint64_t pages); /* NULL: out of memory */
const struct vm_ops *file_vm_ops(const struct file *file);
struct mempolicy *mpol_new(struct world *world, int mode, unsigned nodes);
struct mempolicy *mpol_get(struct mempolicy *policy);
void mpol_put(struct world *world, struct mempolicy *policy);
bool mpol_equal(const struct mempolicy *a, const struct mempolicy *b);
struct anon_vma_name *anon_name_new(struct world *world, const char *name);
struct anon_vma_name *anon_name_get(struct anon_vma_name *name);
void anon_name_put(struct world *world, struct anon_vma_name *name);
bool anon_name_equal(const struct anon_vma_name *a, const struct anon_vma_name *b);
struct userfaultfd_ctx *uffd_get(struct userfaultfd_ctx *ctx);
void uffd_put(struct world *world, struct userfaultfd_ctx *ctx);
void i_mmap_insert(struct vma *vma); /* with i_mmap_writable; nothing without a file */
void i_mmap_remove(struct vma *vma);

/* ---- between calls ---- */
/* Unmap [start, start + len), page-aligned, without argument checks; 0 or -ENOMEM / -EINVAL. */
int do_munmap(struct mm *mm, uintptr_t start, size_t len);
/* The end of mmap: make the mapping at addr, which is chosen. Address or -errno. */
long mmap_region(struct mm *mm, struct file *file, uintptr_t addr, size_t len, uint64_t vm_flags,
                 uint64_t pgoff);
int expand_stack(struct vma *vma, uintptr_t addr); /* 0 or -ENOMEM / -EPERM */
struct vma *find_extend_vma(struct mm *mm, uintptr_t addr);
int mlock_future_check(struct mm *mm, uint64_t vm_flags, uint64_t pages); /* 0 or -EAGAIN */

#endif
