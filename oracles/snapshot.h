/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A snapshot is the flat picture of a world: plain arrays, no pointers, objects numbered by first
 * appearance in (process, address) order. Every subject can produce one; comparing two subjects is
 * comparing two snapshots. This header names nothing of the model, so that the flat specification
 * may include it.
 *
 * Units: pages. Object numbers start at 1; 0 means none.
 */
#ifndef ORACLES_SNAPSHOT_H
#define ORACLES_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Attributes of a VMA, with the kernel's vm_flags values. */
enum snap_flags {
    SNAP_READ = 0x1,
    SNAP_WRITE = 0x2,
    SNAP_EXEC = 0x4,
    SNAP_SHARED = 0x8,
    SNAP_MAYREAD = 0x10,
    SNAP_MAYWRITE = 0x20,
    SNAP_MAYEXEC = 0x40,
    SNAP_MAYSHARE = 0x80,
    SNAP_GROWSDOWN = 0x100,
    SNAP_UFFD_MISSING = 0x200,
    SNAP_PFNMAP = 0x400,
    SNAP_UFFD_WP = 0x1000,
    SNAP_LOCKED = 0x2000,
    SNAP_IO = 0x4000,
    SNAP_SEQ_READ = 0x8000,
    SNAP_RAND_READ = 0x10000,
    SNAP_DONTCOPY = 0x20000,
    SNAP_DONTEXPAND = 0x40000,
    SNAP_LOCKONFAULT = 0x80000,
    SNAP_ACCOUNT = 0x100000,
    SNAP_NORESERVE = 0x200000,
    SNAP_HUGETLB = 0x400000,
    SNAP_WIPEONFORK = 0x2000000,
    SNAP_DONTDUMP = 0x4000000,
    SNAP_MIXEDMAP = 0x10000000,
    SNAP_HUGEPAGE = 0x20000000,
    SNAP_NOHUGEPAGE = 0x40000000,
};
#define SNAP_MERGEABLE 0x80000000UL
#define SNAP_GROWSUP 0x100000000UL

struct snap_vma {
    uint64_t start, end; /* [start, end) */
    uint64_t pgoff;
    uint64_t flags;                     /* SNAP_* */
    uint32_t file;                      /* open file: same number, same struct file */
    uint32_t object;                    /* what the file opens: same number, same inode */
    uint32_t context;                   /* userfault context */
    uint16_t policy_mode, policy_nodes; /* by value; 0, 0: none */
    char name[12];                      /* zero-padded; empty: none */
    uint32_t anon_vma;                  /* number; 0: not faulted */
    uint32_t first_chain, nr_chains;    /* its stretch of snapshot.chain, in list order */
};
/* The anonymous reverse map. Numbers by first appearance in the VMAs' chain lists. */
struct snap_chain {
    uint32_t anon_vma;
};
struct snap_anon_vma {
    /* Numbers; 0: an anon_vma that no VMA of the picture is chained to. Without parent: one that
     * items hold, and no VMA. */
    uint32_t root, parent;
    uint32_t refcount, degree, num_children, num_active_vmas;
};
/* Page-table entries, of one process by ascending page. */
enum snap_pte_flags {
    SNAP_PTE_PRESENT = 1,
    SNAP_PTE_WRITE = 2,
    SNAP_PTE_DIRTY = 4,
    SNAP_PTE_YOUNG = 8,
    SNAP_PTE_SPECIAL = 16, /* page of zeroes: `number` is 0 */
    SNAP_PTE_SWAP = 32,    /* `number` is a slot's */
    SNAP_PTE_MIGRATION = 64,
    SNAP_PTE_EXCLUSIVE = 128,
    SNAP_PTE_HUGE = 256, /* maps a compound page: SNAP_PARTS pages from `page` on */
};
#define SNAP_PARTS 512
struct snap_pte {
    uint64_t page;   /* address */
    uint32_t number; /* of a page or slot; huge: of the head */
    uint32_t flags;  /* SNAP_PTE_* */
};
enum snap_page_flags {
    SNAP_PAGE_DIRTY = 1,
    SNAP_PAGE_SWAPBACKED = 2,
    SNAP_PAGE_SWAPCACHE = 4,
    SNAP_PAGE_EXCLUSIVE = 8,
    SNAP_PAGE_MLOCKED = 16, /* a locked VMA maps it */
    SNAP_PAGE_ANON = 32,    /* anon_vma is meant, else object */
    SNAP_PAGE_CACHED = 64,  /* in the page cache of its object */
    SNAP_PAGE_YOUNG = 128,  /* idle-page tracking owes it a PTE_YOUNG */
    SNAP_PAGE_IDLE = 256,
    SNAP_PAGE_KSM = 512, /* with ANON: neither anon_vma nor object: items lead to its entries */
};
/* Frames: by first appearance in entries, then of swap cache, page caches and pins. The parts of a
 * compound page have numbers in a row, from that of its head on; only the head has references,
 * pins and entire_mapcount. */
struct snap_page {
    uint32_t refcount, mapcount, pins;
    uint32_t anon_vma, object; /* numbers, the one that flags say; 0: none, or not in the picture */
    uint64_t index;
    uint64_t stamp;
    uint32_t flags;           /* SNAP_PAGE_* */
    uint32_t slot;            /* SNAP_PAGE_SWAPCACHE */
    uint32_t head;            /* number, of the head too; 0: a frame by itself */
    uint32_t entire_mapcount; /* entries that are huge */
    uint32_t frame; /* the number that verdicts give it; by chance, so no part of the hash */
};
/* Items of KSM pages: where they may be mapped, in all VMAs that are chained to the anon_vma. */
struct snap_item {
    uint32_t page, anon_vma; /* numbers */
    uint64_t at;             /* page address */
};
/* Slots: by first appearance in entries, then those that only the swap cache holds. */
struct snap_slot {
    uint32_t count;
    uint32_t page;   /* in the swap cache; 0: none */
    uint32_t number; /* that verdicts give it, as `frame` above */
    uint64_t stamp;
};
enum snap_rss { SNAP_RSS_FILE, SNAP_RSS_ANON, SNAP_RSS_SWAP, SNAP_RSS_SHMEM, SNAP_NR_RSS };
struct snap_proc {
    uint32_t id;
    uint32_t first_vma, nr_vmas; /* its stretch of snapshot.vma */
    uint32_t first_pte, nr_ptes; /* its stretch of snapshot.pte */
    uint32_t nr_tables;          /* page tables */
    uint64_t rss[SNAP_NR_RSS], hiwater_rss;
    uint64_t total_vm, locked_vm, pinned_vm, data_vm, exec_vm, stack_vm, hiwater_vm;
    uint64_t brk;       /* bytes */
    uint64_t def_flags; /* SNAP_LOCKED, SNAP_LOCKONFAULT */
};
struct snap_object {
    uint32_t kind; /* regular, shmem, hugetlb, sysv, device: enum order of the model's file_kind */
    uint64_t size;
    int32_t writable; /* i_mmap_writable */
};

struct snapshot {
    uint32_t nr_procs, nr_vmas, nr_objects, nr_chains, nr_anon_vmas;
    uint32_t cap_procs, cap_vmas, cap_objects; /* what the arrays hold: snapshot_reserve() */
    uint32_t cap_chains, cap_anon_vmas;        /* the same: snapshot_reserve_anon() */
    uint32_t nr_ptes, nr_pages, nr_slots, nr_items;
    uint32_t cap_ptes, cap_pages, cap_slots; /* snapshot_reserve_pages() */
    uint32_t cap_items;                      /* snapshot_reserve_items() */
    bool has_pages;     /* the subject shows entries, frames and swap (the flat one has none) */
    bool has_exclusive; /* SNAP_PAGE_EXCLUSIVE is meaningful */
    bool has_mlocked;   /* SNAP_PAGE_MLOCKED is meaningful */
    bool has_anon;      /* the subject shows its anon_vmas (the flat specification has none) */
    bool by_degree;     /* degree is meaningful; otherwise children and active users */
    /* Who takes many pictures may number them: the same number, the same contents. 0: not done. */
    uint64_t taken;
    int64_t committed;
    struct snap_proc *proc;
    struct snap_vma *vma;
    struct snap_object *object; /* [0] is number 1 */
    struct snap_chain *chain;
    struct snap_anon_vma *anon_vma; /* [0] is number 1 */
    struct snap_pte *pte;
    struct snap_page *page; /* [0] is number 1 */
    struct snap_slot *slot; /* [0] is number 1 */
    struct snap_item *item;
};

/* Room for so many; keeps contents. 0 or -ENOMEM. An all-zero snapshot is a valid empty one. */
int snapshot_reserve(struct snapshot *s, uint32_t procs, uint32_t vmas, uint32_t objects);
int snapshot_reserve_anon(struct snapshot *s, uint32_t chains, uint32_t anon_vmas);
int snapshot_reserve_pages(struct snapshot *s, uint32_t ptes, uint32_t pages, uint32_t slots);
int snapshot_reserve_items(struct snapshot *s, uint32_t items);
void snapshot_fini(struct snapshot *s);
/* Hash of all that is in it; the same in every build. */
uint64_t snapshot_hash(const struct snapshot *s);

/* ---- words (words.c) ---- */
/* "rw-p account": flags of a VMA, which are the model's VM_* as well. Returns text. */
char *snap_flags_text(uint64_t flags, char *text, size_t size);
/* "write dirty young": enum snap_pte_flags, or the model's PTE_*, of an entry. Returns text. */
char *snap_entry_text(uint64_t flags, char *text, size_t size);
/* In an array that is there until the end of the block. */
#define FLAGS_TEXT(flags) snap_flags_text((flags), (char[256]){""}, 256)
#define ENTRY_TEXT(flags) snap_entry_text((flags), (char[80]){""}, 80)

#endif
