/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of model/ share with each other and with nobody else.
 *
 * world.c     arena, pools, notes, traps, presets     rbtree.h      augmented red-black tree
 * vma.c       list, tree, gaps, lookup cache          interval_tree.c  file interval trees
 * merge.c     split, merge, adjust                    search.c      choosing an address
 * anon_vma.c  anonymous reverse map                   fork.c        fork and exit
 * page.c      frames, page cache                      pgtable.c     page tables
 * memory.c    faults on pages, zapping, populating    copy.c        page tables copied, moved
 * rmap.c      walks of the reverse map                swap.c        slots, swap cache, swapoff
 * compound.c  pages of many frames, their split       huge.c        entries of huge pages
 * collapse.c  small pages become a huge one
 * reclaim.c   unmapping to swap, migration            gup.c         pins, forced writes
 * ksm.c       equal pages merged, and copied again
 * account.c   limits, totals, commit charge           object.c      files, policies, names, ...
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

static inline uintptr_t page_align(uintptr_t n)
{
    return (n + PAGE_SIZE - 1) & PAGE_MASK;
}
static inline bool page_aligned(uintptr_t n)
{
    return (n & ~PAGE_MASK) == 0;
}
static inline uintptr_t task_unmapped_base(const struct mm *mm)
{
    return page_align(mm->task_size / 3);
}
static inline uint64_t vma_pages(const struct vma *v)
{
    return (v->vm_end - v->vm_start) >> PAGE_SHIFT;
}
static inline bool vma_is_anonymous(const struct vma *v)
{
    return !v->vm_ops;
}

/* ---- faults, events, traps ---- */
/* A fault site: true when `id` is switched on. `differs` is evaluated only then, and says whether
 * the faulty result is going to differ from the right one at this very moment. */
#ifdef VMAFUZZ_NO_FAULTS
#define fault(world, id, differs) ((void)(world), false && (differs))
#else
#define fault(world, id, differs) (unlikely((world)->fault == (id)) && fault_hit(world, differs))
bool fault_hit(struct world *world, bool differs); /* counts reached and triggered; returns true */
#endif

static inline void event(struct world *world, enum event ev)
{
    world->events[ev]++;
}
_Noreturn void world_trap(struct world *world, enum trap trap, const char *reason);
/* Once per iteration of every loop over model structures: a loop without end becomes a trap. */
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

/* ---- locks (law `locks`): i_mmap of a file is taken before a family's root, never after ---- */
static inline void lock_breach(struct world *world, const char *what)
{
    if (!world->locks.broken)
        world->locks.broken = what;
}
/* One at a time of each kind; taking and leaving them is all that is checked here, see below. */
static inline void i_mmap_lock(struct world *world, const struct address_space *mapping)
{
    if (unlikely(world->locks.i_mmap || world->locks.root))
        lock_breach(world, "i_mmap lock taken inside of another");
    world->locks.i_mmap = mapping;
}
static inline void i_mmap_unlock(struct world *world)
{
    world->locks.i_mmap = NULL;
}
static inline void anon_vma_lock(struct world *world, const struct anon_vma *root)
{
    if (unlikely(world->locks.root && world->locks.root != root))
        lock_breach(world, "roots of two families locked at once");
    world->locks.root = root;
}
static inline void anon_vma_unlock(struct world *world)
{
    world->locks.root = NULL;
}
/* At each change of, and each walk over, what they guard. */
static inline void assert_i_mmap_locked(struct world *world, const struct address_space *mapping)
{
    if (unlikely(world->locks.i_mmap != mapping))
        lock_breach(world, "an i_mmap tree used without its lock");
}
static inline void assert_anon_vma_locked(struct world *world, const struct anon_vma *anon_vma)
{
    if (unlikely(world->locks.root != anon_vma->root))
        lock_breach(world, "an anon_vma's tree used without its root's lock");
}

/* ---- notes ---- */
void note_vma_slow(struct notes *notes, struct vma *vma, uint32_t kind);
static inline void note_vma(struct world *world, struct vma *vma, uint32_t kind)
{
    struct notes *notes = &world->notes;

    if (notes->n == 0) {
        notes->note[0] = (struct note){vma, kind};
        notes->n = 1;
    } else if (notes->note[notes->n - 1].vma == vma) {
        notes->note[notes->n - 1].kind |= kind;
    } else {
        note_vma_slow(notes, vma, kind);
    }
}
void note_forget(struct world *world, const struct vma *vma); /* it is going to be freed */
void note_forget_mm(struct world *world, const struct mm *mm);
/* Clipped to the address space. A VMA that starts at `end` is outside of it. */
void note_range(struct mm *mm, uintptr_t start, uintptr_t end);

/* Entries of [start, end) changed, or what they show did. */
void note_ptes(struct mm *mm, uintptr_t start, uintptr_t end);
void note_page(struct world *world, struct page *page);              /* a live frame */
void note_forget_page(struct world *world, const struct page *page); /* it is going to be freed */

/* ---- pools ---- */
/* Contents undefined. NULL: out of memory, or made to fail. */
void *pool_alloc(struct world *world, enum pool_id id);
void pool_free(struct world *world, enum pool_id id, void *object); /* poisons; double free traps */

/* ---- attributes: all that decides whether two ranges may be one VMA, but for their place ---- */
struct vma_attrs {
    uint64_t vm_flags;
    struct file *file;
    struct mempolicy *policy;
    struct userfaultfd_ctx *uffd;
    struct anon_vma_name *name;
    const struct vma *faulted; /* whose anon_vma and chains the range has, or NULL */
    bool extends; /* new range that extends the VMA below it, whose attributes these are */
    bool mapped;  /* new range, of mmap */
};
static inline struct vma_attrs vma_attrs(const struct vma *v)
{
    return (struct vma_attrs){
        .vm_flags = v->vm_flags,
        .file = v->vm_file,
        .policy = v->vm_policy,
        .uffd = v->vm_userfaultfd_ctx,
        .name = v->anon_name,
        .faulted = v->anon_vma ? v : NULL,
    };
}

/* ---- vma.c ---- */
/* What the object behind it wants to know. open: after a new mapping got its vm_ops, and for a copy
 * (mremap); close: before an unlinked VMA is freed. split_vma() opens by itself; merging never
 * meets a VMA that has these. */
static inline void vma_open(struct vma *vma)
{
    if (vma->vm_ops && vma->vm_ops->open)
        vma->vm_ops->open(vma);
}
static inline void vma_close(struct vma *vma)
{
    if (vma->vm_ops && vma->vm_ops->close)
        vma->vm_ops->close(vma);
}
struct vma *vma_alloc(struct mm *mm); /* zeroed, vm_mm set; NULL: out of memory */
/* A copy with references, neither linked nor opened. It has the anon_vma but no chains: these are
 * to be cloned, after the copy got its range, or the anon_vma is to be cleared. NULL: no memory. */
struct vma *vma_dup(struct vma *vma);
void vma_free(struct vma *vma); /* drops references (file, policy, ...), then frees; no close */
/* Where [start, end) would go. 0, or -ENOMEM if something overlaps. */
int find_vma_links(struct mm *mm, uintptr_t start, uintptr_t end, struct vma **pprev,
                   struct rb_node ***plink, struct rb_node **pparent);
/* The same where the caller has seen to it that nothing is there. */
void free_vma_links(struct mm *mm, uintptr_t start, uintptr_t end, struct vma **pprev,
                    struct rb_node ***plink, struct rb_node **pparent);
/* List, tree, gaps, map_count, highest_vm_end, i_mmap and file counts, notes: all of it. The file
 * and its reference are in place already. */
void vma_link(struct mm *mm, struct vma *vma, struct vma *prev, struct rb_node **link,
              struct rb_node *parent);
void insert_vm_struct(struct mm *mm, struct vma *vma); /* where nothing is */
void vma_unlink(struct mm *mm, struct vma *vma); /* all undone; the lookup cache is invalidated */
/* Flags, vm_page_prot, notes. VM_SHARED, VM_MAYWRITE and VM_GROWS* of a linked VMA never change. */
void vma_set_flags(struct vma *vma, uint64_t vm_flags);
void vmacache_invalidate(struct mm *mm);
/* For merge.c: linking and unlinking that note the VMAs, not the addresses. prev NULL: lowest. */
void vma_attach_after(struct mm *mm, struct vma *vma, struct vma *prev);
void vma_detach(struct mm *mm, struct vma *vma);
/* Bounds, offset, place in i_mmap. Leaves gaps and highest_vm_end to vma_update_gaps(). */
void vma_move_bounds(struct vma *vma, uintptr_t start, uintptr_t end, uint64_t pgoff);
/* After its bounds moved: its own gap, its successor's, highest_vm_end. */
void vma_update_gaps(struct vma *vma);

/* ---- anon_vma.c ---- */
/* First need of an own page: borrow a mergeable neighbour's anon_vma, or make one. 0 or -ENOMEM. */
int anon_vma_prepare(struct vma *vma);
/* dst gets a chain to every anon_vma of src, and uses dst->anon_vma, which is set to src's before.
 * If it is NULL, as at fork, an unused one of src's ancestors becomes dst's own. 0, or -ENOMEM with
 * dst unlinked again and its anon_vma NULL. */
int anon_vma_clone(struct vma *dst, const struct vma *src);
/* A clone for the two changes that may still fail after it, which they then undo. 0 or -ENOMEM. */
int anon_vma_split(struct vma *new, const struct vma *vma);
int anon_vma_import(struct vma *vma, const struct vma *from);
/* The child's VMA: cloned, then an own anon_vma or one reused. 0 or -ENOMEM with nothing left. */
int anon_vma_fork(struct vma *vma, struct vma *parent);
/* All chains go, and with them every anon_vma that nobody needs; vma->anon_vma = NULL. */
void unlink_anon_vmas(struct vma *vma);
/* A reference that keeps an anon_vma when no VMA is linked to it any more, and its end. */
void anon_vma_hold(struct anon_vma *anon_vma);
void anon_vma_release(struct anon_vma *anon_vma);
bool anon_vma_is_linked(const struct vma *vma, const struct anon_vma *anon_vma);
/* Around a change of start, end or pgoff: out of all interval trees, and in again. */
void anon_vma_tree_remove(struct vma *vma);
void anon_vma_tree_insert(struct vma *vma);
/* Does a write make a page of its own: private, writable, memory? */
bool vma_takes_own_pages(const struct vma *vma);
static inline bool anon_chain_is_single(const struct vma *vma)
{
    return vma->chain_first && vma->chain_first == vma->chain_last;
}

/* ---- merge.c ---- */
int split_vma(struct vma *vma, uintptr_t addr, bool new_below); /* with the map_count limit */
int split_vma_nolimit(struct vma *vma, uintptr_t addr, bool new_below); /* the unmap path */
/* The VMA that has absorbed [addr, end), or NULL if the rules keep it apart. addr may start a hole
 * (a new range) or lie in one VMA; prev is the last VMA that starts below addr. Allocates only for
 * an unfaulted VMA that takes over faulted memory: failing, it is NULL with nothing changed. */
struct vma *vma_merge(struct mm *mm, struct vma *prev, uintptr_t addr, uintptr_t end,
                      const struct vma_attrs *attrs, uint64_t pgoff);
/* Give [start, end) of vma new attributes (not the file): merge with neighbours or split off, then
 * set them.
 * Returns the VMA that now covers [start, end), NULL with *err = -ENOMEM or -EINVAL. Takes its own
 * references on what attrs names. Does no accounting: that is the caller's. */
struct vma *vma_modify(struct vma *vma, uintptr_t start, uintptr_t end,
                       const struct vma_attrs *attrs, int *err);
/* Move bounds in place (stack growth, mremap), where there is room for it. */
void vma_adjust(struct vma *vma, uintptr_t start, uintptr_t end, uint64_t pgoff);

/* ---- search.c ---- */
/* Address for a new mapping: aligned, in range, or -ENOMEM / -EINVAL / -EPERM. Of the flags,
 * MAP_FIXED and MAP_SHARED (of anonymous memory) matter; addr is a hint without MAP_FIXED. */
long get_unmapped_area(struct mm *mm, struct file *file, uintptr_t addr, size_t len, int flags);

/* ---- account.c ---- */
bool may_expand_vm(struct mm *mm, uint64_t vm_flags, uint64_t pages);  /* RLIMIT_AS, RLIMIT_DATA */
void vm_stat_account(struct mm *mm, uint64_t vm_flags, int64_t pages); /* totals by kind, hiwater */
int vm_charge(struct mm *mm, uint64_t pages); /* commit limit: 0 or -ENOMEM */
void vm_uncharge(struct mm *mm, uint64_t pages);
/* Private, writable and not without reserve: charged. */
bool accountable_mapping(const struct file *file, uint64_t vm_flags);
bool can_do_mlock(const struct mm *mm);
bool is_data_mapping(uint64_t vm_flags);

/* ---- object.c ---- */
struct file *get_file(struct file *file);
/* The file that a process was started from; mm has none yet. */
void mm_take_exe_file(struct mm *mm, struct file *file);
void mm_drop_exe_file(struct mm *mm); /* if it has one */
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
void vma_leave_context(struct vma *vma); /* its flags stay as they are */
void i_mmap_insert(struct vma *vma);     /* with i_mmap_writable; nothing without a file */
void i_mmap_remove(struct vma *vma);
static inline bool vma_counts_as_writer(const struct vma *vma)
{
    return vma->vm_file && (vma->vm_flags & (VM_SHARED | VM_MAYWRITE)) == (VM_SHARED | VM_MAYWRITE);
}
extern const struct vm_ops special_mapping_vm_ops; /* of mappings that the kernel makes; no file */

/* ---- interval_tree.c: keys are set by the caller and stay while the node is in the tree ---- */
void interval_tree_insert(struct rb_root *root, struct interval_node *node);
void interval_tree_remove(struct rb_root *root, struct interval_node *node);
/* The nodes that meet [start, last], by ascending start: the first, and the one after node. NULL:
 * no more. */
struct interval_node *interval_tree_first(const struct rb_root *root, uint64_t start,
                                          uint64_t last);
struct interval_node *interval_tree_next(struct interval_node *node, uint64_t start, uint64_t last);

/* ---- what calls ask about their world ---- */
#define PGOFF_LIMIT (UINT64_C(1) << 52) /* pages: no mapping's offsets reach beyond it */

static inline enum rules mm_rules(const struct mm *mm)
{
    return mm->world->config.rules;
}
static inline uintptr_t mm_min_addr(const struct mm *mm)
{
    return mm->world->config.mmap_min_addr << PAGE_SHIFT;
}
static inline bool file_is(const struct file *file, enum file_kind kind)
{
    return file && file->mapping->kind == kind;
}
/* The VMA that contains addr, or NULL. */
static inline struct vma *vma_lookup(struct mm *mm, uintptr_t addr)
{
    struct vma *vma = find_vma(mm, addr);

    return vma && vma->vm_start <= addr ? vma : NULL;
}

/* ---- page.c: frames ---- */
/* A frame that nobody maps, with one reference, that of the caller. NULL: out of memory. */
struct page *page_alloc(struct world *world, uint64_t stamp);
static inline bool page_is_compound(const struct page *page)
{
    return page->flags & (PG_HEAD | PG_TAIL);
}
static inline struct page *compound_head(struct page *page)
{
    return likely(!(page->flags & PG_TAIL)) ? page : page_head(world_of(page), page);
}
static inline void get_page(struct page *page) /* of a part: the compound page's */
{
    compound_head(page)->refcount++;
}
void put_page(struct world *world, struct page *page); /* the last one frees it */
/* The frame of a present or migration entry. NULL: none, zero page, swap entry. */
static inline struct page *page_of_pte(const struct world *world, pte_t pte)
{
    const bool frame = (pte & (PTE_PRESENT | PTE_MIGRATION)) && !(pte & PTE_SPECIAL);

    return frame ? (struct page *)(void *)world->pool[POOL_PAGE].base + pte_number(pte) : NULL;
}
static inline pte_t pte_of_page(const struct page *page, uint64_t flags) /* PTE_* */
{
    const char *base = world_of(page)->pool[POOL_PAGE].base;
    const uint64_t number = ((uint64_t)((const char *)page - base)) / sizeof(*page);

    return number << PTE_SHIFT | flags;
}
/* Swap entries of the page's slot; 0 if it is not in the swap cache. */
static inline uint32_t page_swap_count(const struct world *world, const struct page *page)
{
    const void *slots = world->pool[POOL_SLOT].base;

    return page->flags & PG_SWAPCACHE ? ((const struct swap_slot *)slots)[page->swap].count : 0;
}
/* One more entry maps the page; an anonymous one that had no mapping yet gets it: the VMA's own
 * anon_vma if exclusive, else its root, and is PG_SWAPBACKED. Exclusive: so it is, by rules since
 * linux-6.1. The entry's reference is the caller's. No rss. */
void page_add_anon_rmap(struct page *page, struct vma *vma, uintptr_t addr, bool exclusive);
void page_add_file_rmap(struct page *page, const struct vma *vma);
/* Not the reference. A page that nobody maps any more is not PG_MLOCKED; else see mlock.c. */
void page_remove_rmap(struct world *world, struct page *page);
enum rss_kind page_rss_kind(const struct page *page);
static inline void rss_add(struct mm *mm, enum rss_kind kind, int64_t n)
{
    uint64_t rss;

    mm->rss[kind] += (uint64_t)n;
    rss = mm->rss[MM_FILEPAGES] + mm->rss[MM_ANONPAGES] + mm->rss[MM_SHMEMPAGES];
    if (rss > mm->hiwater_rss)
        mm->hiwater_rss = rss;
}
#define HPAGE_MASK (~(HPAGE_SIZE - 1))
/* The first block, 2 MiB aligned, that does not begin below addr. */
static inline uintptr_t hpage_align(uintptr_t addr)
{
    return (addr + HPAGE_SIZE - 1) & HPAGE_MASK;
}
/* May the block of addr be mapped by one huge entry of a VMA [start, end)? */
static inline bool block_is_inside(uintptr_t addr, uintptr_t start, uintptr_t end)
{
    addr &= HPAGE_MASK;
    return addr >= start && addr < end && end - addr >= HPAGE_SIZE;
}
static inline uint64_t linear_page_index(const struct vma *vma, uintptr_t addr)
{
    return vma->vm_pgoff + ((addr - vma->vm_start) >> PAGE_SHIFT);
}
static inline bool page_is_anon(const struct page *page)
{
    return (page->mapping & PAGE_MAPPING_ANON) || (page->flags & PG_TAIL);
}
static inline bool rules_have_exclusive(const struct world *world)
{
    return world->config.rules >= RULES_LINUX_6_1;
}
/* Page cache. find: NULL if it is not there. get: made if it is not, NULL: out of memory. Neither
 * gives the caller a reference. */
struct page *page_cache_find(const struct address_space *mapping, uint64_t index);
struct page *page_cache_get(struct world *world, struct address_space *mapping, uint64_t index);
void page_cache_free(struct world *world, struct address_space *mapping); /* all: it is going */
/* Punches a hole: pages [first, last] of the file read as zeroes; private copies stay. */
void page_cache_punch(struct world *world, struct address_space *mapping, uint64_t first,
                      uint64_t last);

/* ---- pgtable.c: entries of the lowest level, or huge ones, which have PTE_HUGE ---- */
#define PTE_OF_BLOCK                                                                               \
    (PTE_HUGE | 1UL << 63) /* of a huge entry in its table, see struct page_table */
pte_t *pte_find(struct mm *mm, uintptr_t addr);  /* NULL: there is no table */
pte_t *pte_alloc(struct mm *mm, uintptr_t addr); /* with tables; NULL: out of memory */
/* First entry that is not 0 at or above *addr and below end, with *addr set to its address; NULL:
 * none. Costs the tables that are there, not the addresses. Of a huge entry, which may begin below
 * it, *addr is in the block: go on at pte_end(). */
pte_t *pte_next(struct mm *mm, uintptr_t *addr, uintptr_t end);
/* Where the entry for addr ends. */
static inline uintptr_t pte_end(pte_t pte, uintptr_t addr)
{
    return likely(!(pte & PTE_HUGE)) ? addr + PAGE_SIZE : (addr | ~HPAGE_MASK) + 1;
}
/* The place for the huge entry of addr's block, with the tables above: 0, a huge entry, or else
 * there is a lowest table. NULL: out of memory. find: NULL also if there is no such table. */
pte_t *pmd_alloc(struct mm *mm, uintptr_t addr);
pte_t *pmd_find(struct mm *mm, uintptr_t addr);
/* The table that is kept for a huge entry: made (0 or -ENOMEM), freed, and put into its place. */
int pgtable_deposit(struct mm *mm);
void pgtable_withdraw(struct mm *mm);
pte_t *pgtable_put_back(struct mm *mm, pte_t *pmd); /* the lowest entries, all 0 */
/* The lowest table, whose entries are 0 now, is kept, and its place is free. */
void pgtable_take_out(struct mm *mm, pte_t *pmd);
/* The table of a block goes to another block, if nothing is there: 0, else 1. -ENOMEM: without a
 * table for its entry. */
int pgtable_move(struct mm *mm, pte_t *pmd, uintptr_t to);
/* Frees the tables of the whole blocks in [start, end) that have no entries left. */
void pgtable_reclaim(struct mm *mm, uintptr_t start, uintptr_t end);
/* Frees the tables that [start, end) used and that nobody between floor and ceiling needs: where
 * the VMA below ends and the one above starts (0 and task_size without). All entries are 0 (law
 * pgtable.pages: each table covers a part of some VMA). */
void free_pgtables(struct mm *mm, uintptr_t start, uintptr_t end, uintptr_t floor,
                   uintptr_t ceiling);

/* ---- memory.c ---- */
enum fault_flags {
    FAULT_WRITE = 1,
    FAULT_FORCE = 2,   /* with FAULT_WRITE: a private copy even where the VMA may not be written */
    FAULT_UNSHARE = 4, /* a read that wants the page to stay what this process sees */
    FAULT_FOLLOW = 8,  /* not by the processor: an entry that will do is left alone */
};
/* The page at addr of vma, which allows the access, is mapped so that the access can be done. 0,
 * -ENOMEM, -ENXIO (SIGBUS: beyond the end of the file). Memory without frames (VM_IO, VM_PFNMAP,
 * hugetlb) is 0 at once. What was prepared for a page that cannot be had stays: tables, anon_vma.
 */
int handle_mm_fault(struct vma *vma, uintptr_t addr, unsigned fault_flags);
/* Entries of [start, end), all in vma, are gone, with counts and rss. even_cows false: pages of the
 * file only. */
void zap_page_range(struct vma *vma, uintptr_t start, uintptr_t end, bool even_cows);
/* The entry does not show the page any more. What the entry knows about it is not lost. */
void drop_page(struct mm *mm, pte_t pte, struct page *page);
/* Faults in [start, end) of vma: for write where it is private and writable, else for read. 0,
 * -ENOMEM, -ENXIO, -EFAULT (not accessible, or no memory behind it); what came before stays. */
int populate_vma_range(struct vma *vma, uintptr_t start, uintptr_t end);
/* The same, if vma is locked and not on fault: what becomes of locked memory at once. */
int populate_locked(struct vma *vma, uintptr_t start, uintptr_t end);

/* ---- compound.c ---- */
/* A compound page of zeroes that nobody maps, with one reference. NULL: out of memory. */
struct page *compound_alloc(struct world *world);
void compound_free(struct world *world, struct page *page); /* a head, or what was a part */
/* Entries of all parts and huge ones. */
uint32_t compound_mapcount(const struct page *head);
/* The page of this frame becomes many. False: something else than entries refers to it. */
bool compound_split(struct world *world, struct page *page);

/* ---- huge.c ---- */
/* A huge entry more (exclusive: see page_add_anon_rmap), one less. No reference, no rss. */
void huge_add_rmap(struct page *head, struct vma *vma, uintptr_t addr, bool exclusive);
void huge_remove_rmap(struct page *head);
/* The VMA has VM_HUGEPAGE. 1: small pages it is, or an entry is there. 0: done; -ENOMEM. */
int huge_first_fault(struct vma *vma, uintptr_t addr, unsigned fault_flags);
/* There is a huge entry. 1: it was split, the fault goes on. 0: done. */
int huge_fault(struct vma *vma, uintptr_t addr, pte_t *pmd, unsigned fault_flags);
void huge_split_entry(struct mm *mm, uintptr_t addr, pte_t *pmd);
/* The bounds of the VMA are going to be these. */
void huge_split_bounds(struct vma *vma, uintptr_t start, uintptr_t end);
void huge_zap(struct mm *mm, pte_t *pmd);
/* At fork. 1: the parent's was split. 0: done; -ENOMEM. */
int huge_copy(struct vma *dst, struct vma *src, uintptr_t addr, pte_t *from);
/* mremap, of entries up to end. 1: split. 0: moved; -ENOMEM. */
int huge_move(struct mm *mm, uintptr_t from, uintptr_t end, uintptr_t to, pte_t *pmd);
/* The page of a huge entry is split, if nothing else maps it. */
bool huge_split_alone(struct mm *mm, struct page *head);
/* MADV_FREE: true: done for the whole block; false: look at its entries again. */
bool huge_lazyfree(struct mm *mm, uintptr_t addr, uintptr_t end, pte_t *pmd);

/* ---- gup.c ---- */
/* For handle_mm_fault(): of a pin, also of one for as long as another process copies. */
unsigned pin_fault_flags(const struct mm *mm, bool write);

/* ---- copy.c ---- */
/* Does a device go on with the page, so that a child needs one of its own? `part` is what an entry
 * maps. */
bool must_be_copied(struct world *world, const struct page *part);
/* At fork: the entries of src for dst, which is the child's VMA. 0 or -ENOMEM, what was copied
 * stays for the child's exit. */
int copy_page_range(struct vma *dst, struct vma *src);
/* mremap: entries of [old, old + len) move to new_addr, where there are none. 0, or -ENOMEM with
 * all moved back. */
int move_page_tables(struct mm *mm, uintptr_t old, uintptr_t new_addr, size_t len);
/* mprotect: no entry of [start, end) allows more than vm_flags do; those of exclusive pages become
 * writable with them. */
void change_protection(struct vma *vma, uintptr_t start, uintptr_t end);
/* MADV_COLD on [start, end). */
void cool_range(struct vma *vma, uintptr_t start, uintptr_t end);
/* MADV_FREE on [start, end) of private anonymous memory. */
void lazyfree_range(struct vma *vma, uintptr_t start, uintptr_t end);
/* MADV_PAGEOUT on [start, end), without swap: lazily freed pages that are mapped once may go. */
void reclaim_freed_range(struct vma *vma, uintptr_t start, uintptr_t end);

/* ---- rmap.c ---- */
/* Visits each entry that maps this frame, or holds its migration entry: of all VMAs in its
 * anon_vma's tree, or its file's, that cover the index. The entry may be a huge one. false from
 * visit ends the walk. It takes the lock. */
typedef bool rmap_visit(struct vma *vma, uintptr_t addr, pte_t *pte, struct page *page, void *arg);
bool rmap_walk(struct world *world, struct page *page, rmap_visit *visit, void *arg);
/* The same for all parts of a compound page, each huge entry once: its addr is that of the block,
 * its page the head. */
bool rmap_walk_compound(struct world *world, struct page *head, rmap_visit *visit, void *arg);
/* Does another process map anything of the page? */
bool rmap_compound_elsewhere(const struct mm *mm, struct page *head);
/* Does an entry of a VM_LOCKED VMA map the page or a part of it, outside of [start, end) of vma? */
bool rmap_locked_elsewhere(struct vma *vma, uintptr_t start, uintptr_t end, struct page *page);
/* The pages that [*addr, *addr + len) meets inside of the address space: *addr is aligned down, and
 * their end is the answer. */
uintptr_t pages_meeting(const struct mm *mm, uintptr_t *addr, size_t len);

/* ---- swap.c ---- */
struct swap_slot *slot_of_pte(const struct world *world, pte_t pte); /* PTE_SWAP entries */
pte_t pte_of_slot(const struct world *world, const struct swap_slot *slot, uint64_t flags);
/* Of a PG_SWAPCACHE page. */
struct swap_slot *swap_cache_slot(const struct world *world, const struct page *page);
/* The page gets a slot and is in the swap cache, dirty. 0 or -ENOMEM. */
int swap_cache_add(struct world *world, struct page *page);
/* Leaves the swap cache (dirty then: the slot's copy is lost); its reference goes. */
void swap_cache_drop(struct world *world, struct page *page);
/* The same, if it is in the swap cache and no entry refers to its slot. True: it has left. */
bool try_to_free_swap(struct world *world, struct page *page);
void swap_duplicate(struct swap_slot *slot);
/* One entry less; the last one frees the slot, with a cached page that nobody else holds. */
void swap_free(struct world *world, struct swap_slot *slot);
/* The page of the slot for addr of vma, from the cache or read into a new frame that is then
 * cached; the caller has a reference. *copied: a page of this VMA's own instead, as the reverse map
 * of that one does not lead here, which happens to what was a KSM page. NULL: out of memory. */
struct page *swap_read(struct vma *vma, uintptr_t addr, struct swap_slot *slot, bool *copied);
/* The swap entry becomes one of the page, PTE_* of flags; the reference of swap_read() is its. */
void map_swapped_page(struct vma *vma, uintptr_t addr, pte_t *pte, struct page *page,
                      bool exclusive, uint64_t flags);

/* ---- ksm.c ---- */
void ksm_forget_place(struct world *world, struct page *page);
/* After entries went: if nobody maps the page any more it is no KSM page; and one that strangers
 * may read back is at home nowhere. Not during a walk of its reverse map. */
static inline void page_unmapped(struct world *world, struct page *page)
{
    if (!page->mapcount && (page_ksm_node(page) || (page->flags & PG_SWAPCACHE)))
        ksm_forget_place(world, page);
}
/* KSM pages of [start, end) are copied, for advice to the contrary or as they could not be found at
 * another address. 0 or -ENOMEM, some may be copied then. */
int ksm_unmerge(struct vma *vma, uintptr_t start, uintptr_t end);

/* ---- fault.c ---- */
/* A debugger's write: private memory, even if it may not be written. */
#define ACCESS_FORCE 0x100
/* The VMA at addr, which may grow for it, and whether it may be accessed so: PROT_READ, PROT_WRITE,
 * PROT_EXEC or ACCESS_FORCE. remote: see mm_access(). 0, -EFAULT, -ENXIO (beyond the file). */
int access_vma(struct mm *mm, uintptr_t addr, int access, bool remote, struct vma **pvma);
static inline bool vma_is_shared(const struct vma *vma)
{
    return vma->vm_flags & (VM_SHARED | VM_MAYSHARE);
}
static inline bool vma_has_frames(const struct vma *vma)
{
    return !(vma->vm_flags & (VM_IO | VM_PFNMAP | VM_HUGETLB));
}
/* A device has no end. */
static inline bool vma_is_beyond_file(const struct vma *vma, uintptr_t addr)
{
    return vma->vm_file && vma->vm_file->mapping->kind != FILE_DEVICE &&
           linear_page_index(vma, addr) >= vma->vm_file->mapping->size;
}

/* ---- between calls ---- */
/* mmap after the descriptor is looked up. pgoff in pages, below PGOFF_LIMIT. Address or -errno. */
long do_mmap(struct mm *mm, struct file *file, uintptr_t addr, size_t len, int prot, int flags,
             uint64_t pgoff);
/* The end of mmap: make the mapping at addr, which is chosen. Address or -errno. */
long mmap_region(struct mm *mm, struct file *file, uintptr_t addr, size_t len, uint64_t vm_flags,
                 uint64_t pgoff);
/* Unmap [start, start + len), page-aligned, without argument checks; 0 or -ENOMEM / -EINVAL. */
int do_munmap(struct mm *mm, uintptr_t start, size_t len);
/* do_munmap in two steps. The first splits off the ends and finds the first VMA of the range, NULL
 * for none; 0 or -ENOMEM / -EINVAL. The second cannot fail. It takes the VMAs away with their
 * totals, but returns the pages of VM_ACCOUNT VMAs, which are still charged. */
int munmap_gather(struct mm *mm, uintptr_t start, uintptr_t end, struct vma **first);
uint64_t munmap_complete(struct mm *mm, struct vma *first, uintptr_t end);
/* The VMA at addr, to which a stack may grow: within the limits of who asks, and a stranger, who
 * reaches into memory that is not its own, has none. NULL: none, or it may not grow. */
struct vma *find_extend_vma(struct mm *mm, uintptr_t addr, bool stranger);
int mlock_future_check(struct mm *mm, uint64_t vm_flags, uint64_t pages); /* 0 or -EAGAIN */
/* What [start, end) of vma, which is locked now, shows is PG_MLOCKED. */
void mlock_vma_pages(struct vma *vma, uintptr_t start, uintptr_t end);
/* The VMA does not lock what [start, end) shows of the page any more, or is about to lose it; and
 * the same of all pages. True: another one locks it. Walks the reverse map, so no lock of that may
 * be held. */
bool munlock_page(struct vma *vma, uintptr_t start, uintptr_t end, struct page *page);
void munlock_vma_pages(struct vma *vma, uintptr_t start, uintptr_t end);
/* The range of madvise and of naming: 1 with *end, 0 if it is empty, -EINVAL. */
int madvise_range(uintptr_t start, size_t len, uintptr_t *end);
/* What is done to each VMA of it: change [start, end) of *vma and leave there the VMA that covers
 * it afterwards. Holes are stepped over and make -ENOMEM at the end; an error ends the walk. */
typedef int madvise_visit(struct vma **vma, uintptr_t start, uintptr_t end, const void *arg);
long madvise_walk_vmas(struct mm *mm, uintptr_t start, uintptr_t end, madvise_visit *visit,
                       const void *arg);
/* How advice that is kept and names say -ENOMEM: there may be memory another time (-EAGAIN). */
int madvise_errno(int err);
madvise_visit madvise_collapse_vma; /* collapse.c: MADV_COLLAPSE; arg is not used */

#endif
