/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the law files share with each other and with nobody else.
 *
 * The structures that laws read may be corrupt: that is what laws are for. No pointer is followed
 * before the pool has said that a live object is there, and no walk is longer than the pool allows.
 * Nothing here calls the model: a fault in its arithmetic must not hide itself from its judge.
 */
#ifndef ORACLES_LAWS_H
#define ORACLES_LAWS_H

#include "oracles/oracles.h"

/* Of its range, for "%#" PRIxPTR "-%#" PRIxPTR: pages, as in programs and reports. */
#define VMA_PAGES(vma) (vma)->vm_start >> PAGE_SHIFT, (vma)->vm_end >> PAGE_SHIFT

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define ALL_LAWS UINT64_MAX

/* A red-black tree of 2^30 nodes is at most 60 levels deep. */
#define TREE_MAX_DEPTH 64
#define PGOFF_TOP (1UL << (64 - PAGE_SHIFT)) /* no mapping reaches beyond this page offset */

/* ---- is it there? ---- */
/* By constants, so that a division by one is a multiplication. */
static const uint32_t object_size[NR_POOLS] = {
    [POOL_MM] = sizeof(struct mm),
    [POOL_VMA] = sizeof(struct vma),
    [POOL_FILE] = sizeof(struct file),
    [POOL_MAPPING] = sizeof(struct address_space),
    [POOL_POLICY] = sizeof(struct mempolicy),
    [POOL_NAME] = sizeof(struct anon_vma_name),
    [POOL_UFFD] = sizeof(struct userfaultfd_ctx),
    [POOL_ANON_VMA] = sizeof(struct anon_vma),
    [POOL_ANON_VMA_CHAIN] = sizeof(struct anon_vma_chain),
    [POOL_PAGE] = sizeof(struct page),
    [POOL_TABLE] = sizeof(struct page_table),
    [POOL_SLOT] = sizeof(struct swap_slot),
    [POOL_HUGE] = sizeof(struct huge_page),
    [POOL_KSM_NODE] = sizeof(struct ksm_node),
    [POOL_KSM_ITEM] = sizeof(struct ksm_item),
};
/* Its place in its pool goes to *place. */
static inline bool live_at(const struct world *world, enum pool_id id, const void *object,
                           uintptr_t *place)
{
    const struct pool *pool = &world->pool[id];
    const uintptr_t offset = (uintptr_t)object - (uintptr_t)pool->base;
    const uintptr_t n = offset / object_size[id];

    *place = n;
    return likely(n < pool->used && n * object_size[id] == offset && pool->link[n] == POOL_LIVE);
}
/* POOL_NONE: it is no live object. */
static inline uint32_t live_number(const struct world *world, enum pool_id id, const void *object)
{
    uintptr_t place;

    return live_at(world, id, object, &place) ? (uint32_t)place : POOL_NONE;
}
static inline bool is_live(const struct world *world, enum pool_id id, const void *object)
{
    uintptr_t place;

    return live_at(world, id, object, &place);
}
static inline bool object_live(const struct world *world, enum pool_id id, const void *object)
{
    return object && is_live(world, id, object);
}
static inline bool vma_live(const struct world *world, const struct vma *vma)
{
    return is_live(world, POOL_VMA, vma);
}
static inline bool mm_live(const struct world *world, const struct mm *mm)
{
    return is_live(world, POOL_MM, mm);
}
static inline bool chain_live(const struct world *world, const struct anon_vma_chain *chain)
{
    return is_live(world, POOL_ANON_VMA_CHAIN, chain);
}
static inline bool anon_vma_live(const struct world *world, const struct anon_vma *anon_vma)
{
    return is_live(world, POOL_ANON_VMA, anon_vma);
}
/* Where reading a freed object is an error of its own, no check may be content with less. */
#if defined(__SANITIZE_ADDRESS__)
#define LAWS_ALWAYS_STRICT true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LAWS_ALWAYS_STRICT true
#endif
#endif
#ifndef LAWS_ALWAYS_STRICT
#define LAWS_ALWAYS_STRICT false
#endif
/* For what has been judged: enough to look there. A freed VMA is poison. */
static inline bool vma_there(const struct world *world, const struct vma *vma)
{
    const struct pool *pool = &world->pool[POOL_VMA];

    if (LAWS_ALWAYS_STRICT)
        return vma_live(world, vma);
    return likely((uintptr_t)vma - (uintptr_t)pool->base < pool->used * sizeof(*vma));
}
/* For verdicts: the process that a VMA says it belongs to. */
static inline uint32_t proc_of(const struct world *world, const struct vma *vma)
{
    return object_live(world, POOL_MM, vma->vm_mm) ? vma->vm_mm->id : NO_PROC;
}
/* The mapping behind a VMA; NULL without a file or if anything on the way is not a live object. */
const struct address_space *vma_mapping(const struct world *world, const struct vma *vma);

/* ---- red-black nodes ---- */
static inline const struct rb_node *rb_parent_of(const struct rb_node *node)
{
    return (const struct rb_node *)(node->parent_color & ~1UL);
}
static inline bool rb_is_black(const struct rb_node *node)
{
    return node->parent_color & 1;
}
/* Both also turn a wild pointer into another wild one, which vma_live() then refuses. */
static inline const struct vma *vma_of_rb(const struct rb_node *node)
{
    return node ? (const struct vma *)((uintptr_t)node - offsetof(struct vma, vm_rb)) : NULL;
}
static inline const struct vma *vma_of_shared(const struct rb_node *node)
{
    return node ? (const struct vma *)((uintptr_t)node - offsetof(struct vma, shared.rb)) : NULL;
}
static inline const struct anon_vma_chain *chain_of_rb(const struct rb_node *node)
{
    return node ? (const struct anon_vma_chain *)((uintptr_t)node -
                                                  offsetof(struct anon_vma_chain, node.rb))
                : NULL;
}

/* ---- guard gaps, as spec.md states them ---- */
static inline uintptr_t guard_bytes(const struct world *world)
{
    return world->config.stack_guard_gap << PAGE_SHIFT;
}
static inline uintptr_t start_with_guard(const struct world *world, const struct vma *vma)
{
    uintptr_t guard = guard_bytes(world);

    if (likely(!(vma->vm_flags & VM_GROWSDOWN)))
        return vma->vm_start;
    return vma->vm_start > guard ? vma->vm_start - guard : 0;
}
static inline uintptr_t end_with_guard(const struct world *world, const struct vma *vma)
{
    uintptr_t top = world->config.task_size << PAGE_SHIFT;
    uintptr_t end = vma->vm_end + guard_bytes(world);

    if (likely(!(vma->vm_flags & VM_GROWSUP)))
        return vma->vm_end;
    return end < vma->vm_end || end > top ? top : end;
}
/* The gap that a VMA's own node stands for: what is free between it and its predecessor. */
static inline uint64_t own_gap(const struct world *world, const struct vma *prev,
                               const struct vma *vma)
{
    uintptr_t from = prev ? end_with_guard(world, prev) : 0;
    uintptr_t to = start_with_guard(world, vma);

    return to > from ? to - from : 0;
}

/* ---- walks: they end quietly where the structure breaks; tree.shape and list.tree say so ---- */
#define for_each_mm(world, i, mm)                                                                  \
    for ((i) = 0; (i) < MAX_PROCS; (i)++)                                                          \
        if (mm_live(world, (mm) = (world)->proc[i]))

struct list_walk {
    const struct world *world;
    const struct vma *next;
    uint32_t left;
};
static inline struct list_walk list_walk(const struct world *world, const struct mm *mm)
{
    return (struct list_walk){world, mm->mmap, world->pool[POOL_VMA].nlive};
}
static inline const struct vma *list_walk_next(struct list_walk *w)
{
    const struct vma *vma = w->next;

    if (!vma || !w->left-- || !vma_live(w->world, vma))
        return NULL;
    w->next = vma->vm_next;
    return vma;
}

/* The chains of one VMA, in list order. */
struct chain_walk {
    const struct world *world;
    const struct anon_vma_chain *next;
    uint32_t left;
};
static inline struct chain_walk chain_walk(const struct world *world, const struct vma *vma)
{
    return (struct chain_walk){world, vma->chain_first, world->pool[POOL_ANON_VMA_CHAIN].nlive};
}
static inline const struct anon_vma_chain *chain_walk_next(struct chain_walk *w)
{
    const struct anon_vma_chain *chain = w->next;

    if (!chain || !w->left-- || !chain_live(w->world, chain))
        return NULL;
    w->next = chain->same_vma_next;
    return chain;
}
/* In-order walk of any red-black tree. Those of VMAs, chains and pages have one each, and say what
 * a node must be part of: is it live, and does it belong to this tree? */
struct rb_walk {
    const struct rb_node *stack[TREE_MAX_DEPTH];
    unsigned depth;
    uint32_t left; /* nodes that there can be */
    bool broken;   /* it could not go on */
};
typedef bool rb_part_fn(const void *of, const struct rb_node *node);
static inline void rb_walk_down(struct rb_walk *w, const struct rb_node *node, rb_part_fn *part,
                                const void *of)
{
    for (; node; node = node->left) {
        if (w->depth == TREE_MAX_DEPTH || !part(of, node)) {
            w->broken = true;
            return;
        }
        w->stack[w->depth++] = node;
    }
}
static inline void rb_walk_start(struct rb_walk *w, const struct rb_root *root, uint32_t nodes,
                                 rb_part_fn *part, const void *of)
{
    w->depth = 0;
    w->left = nodes;
    w->broken = false;
    rb_walk_down(w, root->node, part, of);
}
static inline const struct rb_node *rb_walk_next(struct rb_walk *w, rb_part_fn *part,
                                                 const void *of)
{
    const struct rb_node *node;

    if (w->broken || !w->depth)
        return NULL;
    if (!w->left--) { /* more nodes than there are: a cycle */
        w->broken = true;
        return NULL;
    }
    node = w->stack[--w->depth];
    rb_walk_down(w, node->right, part, of);
    return node;
}
/* The chains of one anon_vma, in tree order: live ones of live VMAs. */
struct family_walk {
    const struct world *world;
    const struct anon_vma *anon_vma;
    struct rb_walk rb;
};
void family_walk_start(struct family_walk *w, const struct world *world,
                       const struct anon_vma *anon_vma);
const struct anon_vma_chain *family_walk_next(struct family_walk *w);

/* In-order walk of mm_rb. */
struct tree_walk {
    const struct world *world;
    struct rb_walk rb;
};
void tree_walk_start(struct tree_walk *w, const struct world *world, const struct mm *mm);
const struct vma *tree_walk_next(struct tree_walk *w);
/* First VMA that ends above addr, by descent; NULL if there is none or the tree is broken. */
const struct vma *tree_find(const struct world *world, const struct mm *mm, uintptr_t addr);

/* ---- the laws, full forms; one file per family ---- */
typedef bool law_fn(const struct world *world, struct verdict *v);
law_fn tree_order_full, tree_shape_full, list_tree_full;       /* tree.c */
law_fn gap_subtree_full, gap_highest_full;                     /* gap.c */
law_fn gap_search_full;                                        /* gap_search.c */
law_fn cache_coherent_full;                                    /* cache.c */
law_fn vma_attrs_full;                                         /* attrs.c */
law_fn interval_tree_full;                                     /* interval.c */
law_fn file_tree_full, object_refs_full;                       /* file.c */
law_fn account_vm_full;                                        /* account.c */
law_fn anon_topology_full, anon_same_full, anon_lifetime_full; /* anon.c */
law_fn anon_counts_full;                                       /* anon_counts.c */
law_fn leak_after_exit;                                        /* leak.c */
law_fn pgtable_inside_full, pgtable_pages_full;                /* pgtable.c */
law_fn rmap_complete_full, page_index_full;                    /* rmap.c */
law_fn rmap_mapcount_full, rmap_exclusive_full;                /* frames.c */
law_fn swap_counts_full, account_rss_full;                     /* swap.c */

/* ---- pieces that full and touched forms have in common; false with the verdict filled ---- */
bool order_broken(const struct mm *mm, const struct vma *prev, const struct vma *vma,
                  struct verdict *v);
static inline bool in_order(const struct mm *mm, const struct vma *prev, const struct vma *vma)
{
    uintptr_t start = vma->vm_start, end = vma->vm_end;

    return likely(start < end && !((start | end) & ~PAGE_MASK) && end <= mm->task_size &&
                  (!prev || prev->vm_end <= start));
}
bool gap_broken(const struct world *world, const struct vma *vma, uint64_t computed,
                struct verdict *v);
bool highest_broken(const struct mm *mm, uintptr_t computed, struct verdict *v);
bool dead_process(unsigned i, struct verdict *v);
bool search_answer_ok(const struct world *world, bool brute, struct verdict *v);
bool cache_slots_ok(const struct mm *mm, bool deep, struct verdict *v);
/* What most VMAs are. Nothing that vma_attrs_ok() asks can be wrong with them. */
static inline bool plain_anonymous(const struct vma *vma)
{
    const uint64_t plain = VM_ACCESS_FLAGS | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC | VM_ACCOUNT |
                           VM_GROWSDOWN | VM_GROWSUP | VM_LOCKED | VM_DONTCOPY | VM_DONTDUMP;
    const uint64_t flags = vma->vm_flags;

    return !vma->vm_file && !vma->vm_ops && !vma->vm_userfaultfd_ctx && !(flags & ~plain) &&
           !(flags & VM_ACCESS_FLAGS & ~(flags >> 4)) &&
           vma->vm_page_prot == (flags & VM_ACCESS_FLAGS) &&
           vma->vm_pgoff == vma->vm_start >> PAGE_SHIFT && vma->vm_end > vma->vm_start;
}
bool vma_attrs_ok(const struct world *world, const struct vma *vma, struct verdict *v);
bool interval_path_ok(const struct world *world, const struct vma *vma, struct verdict *v);
bool totals_plausible(const struct mm *mm, struct verdict *v);
/* Of one VMA; each is quiet about what another of these laws says. */
static inline bool has_anon(const struct vma *vma)
{
    return (uintptr_t)vma->anon_vma | (uintptr_t)vma->chain_first;
}
bool anon_list_ok(const struct world *world, const struct vma *vma, struct verdict *v);
bool anon_paths_ok(const struct world *world, const struct vma *vma, struct verdict *v);
bool anon_neighbours_ok(const struct world *world, const struct vma *vma, struct verdict *v);
bool anon_alive_ok(const struct world *world, const struct vma *vma, struct verdict *v);
/* The anon_vmas of the VMA that were not judged before in this pass: the last few are remembered.
 * Families that are too large for a touched law are passed over. */
#define COUNTED 8
struct counted {
    const struct anon_vma *anon_vma[COUNTED];
    uint32_t n;
};
bool anon_counts_ok(const struct world *world, const struct vma *vma, struct counted *counted,
                    struct verdict *v);
/* touched_anon.c: all laws on the chains of a VMA but for the counts, at once; and when these hold,
 * the counts of its whole family. False: ask them one by one. */
bool touched_chains_ok(const struct world *world, const struct vma *vma);
#define FAMILIES 16
struct families { /* that were judged in this pass: the last few are remembered */
    const struct anon_vma *root[FAMILIES];
    bool good[FAMILIES];
    uint32_t n;
};
bool touched_family_ok(const struct world *world, const struct vma *vma, struct families *seen);
/* After a fork: no VMA of the child has a new anon_vma where one could be used again. */
bool anon_reuse_ok(const struct world *world, struct verdict *v);
/* For counting without memory: sums of these are equal if the counts behind them are. */
static inline uint64_t law_weight(uint64_t x)
{
    x = (x ^ x >> 31) * 0x9e3779b97f4a7c15ULL;
    return (x ^ x >> 29) | 1;
}
/* References that items of KSM pages have on the anon_vma; and members of its family that only they
 * keep, to whom no VMA is linked: ksm.c */
uint32_t ksm_holds(const struct world *world, const struct anon_vma *anon_vma);
uint32_t ksm_holds_members(const struct world *world, const struct anon_vma *root);
/* The laws on the anonymous part of a picture: snapshot_anon.c */
bool snapshot_anon_ok(const struct snapshot *s, struct verdict *v);
/* And on entries, frames and swap: snapshot_page_laws.c */
bool snapshot_pages_ok(const struct snapshot *s, struct verdict *v);

/* ---- touched.c: one pass over the notes for one law ---- */
bool touched_pass(const struct world *world, enum law_id law, struct verdict *v);
/* All of them, fast: true if all hold. If not, touched_pass() has the verdict. */
bool touched_pass_all(const struct world *world);
/* What that pass counts of page tables is wrong: pgtable.c. mm: of this process alone, or NULL. */
bool table_counts_broken(const struct world *world, const struct mm *mm, uint64_t sum,
                         struct verdict *v);
/* touched_pages.c: the part of it that is about entries, frames, swap and locks. */
bool touched_pages(const struct world *world, uint64_t laws, struct verdict *v);

/* ---- what VMAs of a model and of a snapshot have in common: attrs.c ---- */
struct attrs {
    uint64_t start, end, pgoff; /* pages */
    uint64_t flags;
    bool has_file, has_context;
    bool faulted;
    bool fresh;    /* not faulted, and nothing that was can have become so */
    uint32_t kind; /* enum file_kind, if it has a file */
};
/* NULL if the attributes are legal, else the clause that they break. */
const char *attrs_illegal(const struct attrs *a);

/* Pages by kind, as the totals count them: account.c */
struct totals {
    uint64_t total_vm, locked_vm, data_vm, exec_vm, stack_vm, charged;
};
static inline void totals_add(struct totals *t, uint64_t flags, uint64_t pages)
{
    const uint64_t stack = VM_GROWSDOWN | VM_GROWSUP;

    t->total_vm += pages;
    if (flags & VM_LOCKED)
        t->locked_vm += pages;
    if (flags & VM_ACCOUNT)
        t->charged += pages;
    if ((flags & (VM_EXEC | VM_WRITE | stack)) == VM_EXEC)
        t->exec_vm += pages;
    else if (flags & stack)
        t->stack_vm += pages;
    else if ((flags & (VM_WRITE | VM_SHARED)) == VM_WRITE)
        t->data_vm += pages;
}
bool totals_agree(const struct mm *mm, const struct totals *t, struct verdict *v);

/* References to objects, as VMAs and others have them: file.c */
enum ref_kind { REF_FILE, REF_MAPPING, REF_POLICY, REF_NAME, REF_CONTEXT, REF_ATTACH, NR_REFS };
struct references {
    const struct world *world;
    uint64_t sum[NR_REFS];
    const void *only[NR_REFS]; /* count the references to this one alone; NULL: weigh all */
    const void *dead;          /* a reference to something that is not a live object */
    enum ref_kind dead_kind;
};
void references_of_vma(struct references *r, const struct vma *vma);
/* After all VMAs: is it what the objects say? */
bool references_agree(struct references *r);

/* ---- sweep.c: all laws, full, fast: true if all hold. If not, the full forms know. ---- */
bool sweep(const struct world *world);
/* The part of it that is about entries, frames and swap: sweep_pages.c */
bool sweep_pages(const struct world *world);

/* ---- compare_contents.c: what the last call may have changed, and all pins ---- */
bool compare_touched_contents(const struct world *world, struct spec *spec, struct verdict *v);

/* ---- snapshot_pages.c: entries, frames and slots, when all VMAs have been shown ---- */
/* Numbers of objects by first appearance, by place in their pools; 0: none. */
struct numbers {
    uint32_t *of[NR_POOLS];
    uint32_t last[NR_POOLS];
};
static inline uint32_t number_at(struct numbers *n, enum pool_id id, uint32_t place)
{
    uint32_t *number = &n->of[id][place];

    if (!*number)
        *number = ++n->last[id];
    return *number;
}
/* 0: it is no live object. */
static inline uint32_t number_of(struct numbers *n, const struct world *world, enum pool_id id,
                                 const void *object)
{
    const uint32_t place = object ? live_number(world, id, object) : POOL_NONE;

    return place == POOL_NONE ? 0 : number_at(n, id, place);
}
static inline uint32_t given_number(const struct numbers *n, const struct world *world,
                                    enum pool_id id, const void *object)
{
    const uint32_t place = object ? live_number(world, id, object) : POOL_NONE;

    return place == POOL_NONE ? 0 : n->of[id][place];
}
int reserve_pages(const struct world *world, struct snapshot *out);
int show_ptes(struct numbers *n, const struct world *world, const struct mm *mm,
              struct snap_proc *proc, struct snapshot *out); /* 0 or -ENOMEM */
void show_pages(struct numbers *n, const struct world *world, struct snapshot *out);
uint32_t given_page_number(const struct numbers *n, const struct world *world,
                           const struct page *page); /* 0: it has none */
/* ---- snapshot_ksm.c: after all entries, before what has numbers is shown ---- */
int reserve_items(const struct world *world, struct snapshot *out);
void show_items(struct numbers *n, const struct world *world, struct snapshot *out);
/* NULL: there is an item for the entry of a KSM page. *found: and it leads there. */
const char *snapshot_ksm_place(const struct snapshot *s, const struct snap_vma *vma,
                               const struct snap_pte *pte, bool *found);
bool snapshot_items_ok(const struct snapshot *s, struct verdict *v);

#endif
