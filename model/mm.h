/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The reference mm: VMAs, pages and reverse map of a Linux-like kernel of the red-black-tree era.
 *
 * This is the one header that a user of model/ reads. It shows every structure, because the oracles
 * read them, and every call, because the harness makes them. Nobody outside model/ writes to any of
 * it.
 *
 * Units: addresses and lengths are bytes, page-aligned wherever a VMA is described; vm_pgoff, file
 * sizes, totals and limits are pages (PAGE_SHIFT 12). Errors are negative errno values. Ownership:
 * every object lives in a pool of the world's arena; the world frees all of them at once on reset.
 */
#ifndef MODEL_MM_H
#define MODEL_MM_H

#include "model/uapi.h"

#include <setjmp.h>

#define PAGE_SHIFT 12
#define PAGE_SIZE (1UL << PAGE_SHIFT)
#define PAGE_MASK (~(PAGE_SIZE - 1))
#define HPAGE_PAGES 512UL /* pages of one huge page: the alignment unit of hugetlb mappings */
#define HPAGE_SIZE (HPAGE_PAGES << PAGE_SHIFT)

#define ALL_NODES 15U /* mask of those that there are for memory policies */
#define MAX_FDS 16    /* of open files, and of userfault contexts, each */
#define MAX_PINS 16
#define KSM_MAX_SHARING 256 /* items of a KSM page: more would make walks too long */
#define KSM_CANDIDATES 16   /* pages that the scanner of KSM remembers as still without equal */
#define MAX_PROCS 16

/* vm_flags: the kernel's names and values, for those that this layer acts on. */
enum vm_flags {
    VM_READ = 0x1,
    VM_WRITE = 0x2,
    VM_EXEC = 0x4,
    VM_SHARED = 0x8,
    VM_MAYREAD = 0x10,
    VM_MAYWRITE = 0x20,
    VM_MAYEXEC = 0x40,
    VM_MAYSHARE = 0x80,
    VM_GROWSDOWN = 0x100,
    VM_UFFD_MISSING = 0x200,
    VM_PFNMAP = 0x400,
    VM_UFFD_WP = 0x1000,
    VM_LOCKED = 0x2000,
    VM_IO = 0x4000,
    VM_SEQ_READ = 0x8000,
    VM_RAND_READ = 0x10000,
    VM_DONTCOPY = 0x20000,
    VM_DONTEXPAND = 0x40000,
    VM_LOCKONFAULT = 0x80000,
    VM_ACCOUNT = 0x100000,
    VM_NORESERVE = 0x200000,
    VM_HUGETLB = 0x400000,
    VM_WIPEONFORK = 0x2000000,
    VM_DONTDUMP = 0x4000000,
    VM_MIXEDMAP = 0x10000000,
    VM_HUGEPAGE = 0x20000000,
    VM_NOHUGEPAGE = 0x40000000,
    VM_MERGEABLE = 0x80000000L,
    VM_GROWSUP = 0x100000000L, /* no x86 value: taken from the architecture bits */
};
#define VM_ACCESS_FLAGS (VM_READ | VM_WRITE | VM_EXEC)
#define VM_SPECIAL (VM_IO | VM_DONTEXPAND | VM_PFNMAP | VM_MIXEDMAP)
#define VM_LOCKED_MASK (VM_LOCKED | VM_LOCKONFAULT)
#define VM_UFFD_FLAGS (VM_UFFD_MISSING | VM_UFFD_WP)

/* Which kernel's rules hold where kernels differ. Order is age: comparisons by < are meant. */
enum rules {
    RULES_LINUX_4_4,
    RULES_LINUX_5_10,
    RULES_LINUX_6_1,
    RULES_LINUX_6_12,
    RULES_LINUX_6_18,
    NR_RULES
};
extern const char *const rules_names[NR_RULES]; /* "linux-4.4", ... */

/* What a world is like; fixed from reset to reset. All sizes in pages. */
struct world_config {
    enum rules rules;
    bool legacy_layout;       /* bottom-up address search */
    bool privileged;          /* CAP_IPC_LOCK, CAP_SYS_ADMIN, CAP_SYS_RAWIO, CAP_SYS_RESOURCE */
    bool read_implies_exec;   /* personality READ_IMPLIES_EXEC */
    uint8_t overcommit;       /* 0 heuristic, 1 always, 2 never */
    uint64_t task_size;       /* first page that user space cannot have */
    uint64_t mmap_base;       /* top-down search starts below this page */
    uint64_t mmap_min_addr;   /* lowest page for the unprivileged */
    uint64_t start_brk;       /* first page of the heap */
    uint64_t stack_guard_gap; /* pages kept free before a growing stack */
    uint64_t max_map_count;   /* VMAs */
    uint64_t total_ram;       /* commit limit of overcommit 2, and heuristic's single-call bound */
    uint64_t admin_reserve;   /* of the commit limit, kept for the privileged */
    uint64_t user_reserve;    /* of the commit limit, kept from any single process */
};
/* The world of most programs: task_size 4096, mmap_base 3840, mmap_min_addr 16, start_brk 512,
 * stack_guard_gap 256, max_map_count 65530, overcommit 0, total_ram 65536, reserves 64 each. */
extern const struct world_config world_config_default;

struct rb_node {
    uintptr_t parent_color; /* parent pointer; bit 0: 1 black, 0 red */
    struct rb_node *left, *right;
};
struct rb_root {
    struct rb_node *node;
};

/* A node of a file's interval tree: [start, last] in pages of the object, both ends included. */
struct interval_node {
    struct rb_node rb;
    uint64_t start, last;  /* the VMA's vm_pgoff and its last page, cached when inserted */
    uint64_t subtree_last; /* largest last of the subtree */
};

enum file_kind {
    FILE_REGULAR, /* inode with a page cache */
    FILE_SHMEM,   /* memfd; also what backs shared anonymous memory */
    FILE_HUGETLB, /* huge pages: 512-page alignment of address, offset and length */
    FILE_SYSV,    /* attach-counted: its operations have open and close */
    FILE_DEVICE,  /* maps as VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP */
    FILE_NOMMAP,  /* cannot be mapped: ENODEV */
    NR_FILE_KINDS,
};
enum file_mode {
    FMODE_READ = 1,
    FMODE_WRITE = 2,
    FMODE_APPEND = 4,
    FMODE_NOEXEC = 8,
    FMODE_ANON = 16, /* made for a shared anonymous mapping, not opened by anybody */
};

struct vma;
struct anon_vma_chain;

/*
 * What anonymous pages point at, and through it all VMAs that may map them. A VMA that has had a
 * page of its own ("faulted") has one; a child's VMA is chained to those of all its ancestors
 * besides.
 */
struct anon_vma {
    struct anon_vma *root;   /* oldest of the family: owner of its lock */
    struct anon_vma *parent; /* of the VMA that its first VMA was forked from; root: itself */
    uint32_t refcount;       /* 1 while linked to any VMA; a root: + other members */
    uint32_t degree;       /* linux-4.4: other child anon_vmas + VMAs that use it, in one number */
    uint32_t num_children; /* later rules: child anon_vmas; a root counts itself */
    uint32_t num_active_vmas; /* later rules: VMAs whose anon_vma this is */
    struct rb_root rb_root;   /* interval tree of chains, by page offset */
};
/* The link between one VMA and one anon_vma. */
struct anon_vma_chain {
    struct vma *vma;
    struct anon_vma *anon_vma;
    struct anon_vma_chain *same_vma_next, *same_vma_prev; /* the VMA's list: own first, root last */
    struct interval_node node; /* in anon_vma->rb_root; bounds: vm_pgoff and the VMA's last page */
};

/* ---- pages (spec.md sections 1, 7, 8) ---- */
enum page_flags {
    PG_DIRTY = 1,      /* newer than its swap slot; also: must not be dropped as lazily freed */
    PG_SWAPBACKED = 2, /* anonymous: reclaimed to swap. Clear: lazily freed (MADV_FREE) */
    PG_SWAPCACHE = 4,  /* slot `swap` has a copy, or is to get it; holds a reference */
    PG_EXCLUSIVE = 8,  /* rules since linux-6.1: anonymous, and one process' own */
    PG_MLOCKED = 16,   /* an entry of a VM_LOCKED VMA maps it: not reclaimed */
    PG_HEAD = 32,      /* part 0 of a compound page */
    PG_TAIL = 64,      /* another part: of the other flags only PG_EXCLUSIVE is its own */
    PG_YOUNG = 128,    /* idle-page tracking has cleared PTE_YOUNG, which counts all the same */
    PG_IDLE = 256,     /* not seen to be used since idle-page tracking has asked */
};
#define PAGE_MAPPING_ANON 1UL /* tags of page->mapping: anonymous, */
#define PAGE_MAPPING_KSM 3UL  /* and both bits, shared by all who had the same contents */
/*
 * A frame, or one part of a compound page: HPAGE_PAGES frames that are one page until it is split.
 * Of page->mapping: see page_anon_vma(), page_ksm_node(), page_file_mapping().
 *
 * Of a compound page the head has refcount (of entries of all parts, huge entries and pins; each
 * once), mapping, index, flags, pins and entire_mapcount. Each part has its own mapcount (of its
 * entries of the lowest level), stamp and PG_EXCLUSIVE; that of the head stands for all parts
 * while a huge entry maps the page. Index of part n: the head's + n.
 */
struct page {
    uint32_t refcount;     /* page-table entries + page cache + swap cache + pins */
    uint32_t mapcount;     /* page-table entries that are present */
    uintptr_t mapping;     /* anon_vma or ksm_node with its tag, address_space; 0: not mapped yet */
    uint64_t index;        /* page offset: (address - vm_start) / PAGE_SIZE + vm_pgoff; KSM: none */
    uint64_t stamp;        /* contents: what was written last; 0: zeroes */
    uint32_t flags;        /* enum page_flags */
    uint32_t pins;         /* references that devices have, of refcount */
    union {                /* 64 bytes in all: one cache line */
        uint32_t swap;     /* PG_SWAPCACHE: number of the slot in POOL_SLOT */
        struct rb_node rb; /* page cache: in address_space->pages, ordered by index */
        uint32_t entire_mapcount; /* PG_HEAD: huge entries that map all of it */
    };
};
/* Frames side by side in POOL_HUGE, which lies right behind POOL_PAGE in the arena, so that numbers
 * of frames go on there: part n of object m is number capacity of POOL_PAGE + m * 512 + n. After a
 * split the parts are pages like others, and one that is free is all zeroes: neither refcount nor
 * PG_TAIL. The object is free again when the last of them is. */
struct huge_page {
    struct page part[HPAGE_PAGES];
};
#define MAX_HUGE_PAGES 1024

/* A KSM page is found by address: each item leads to the VMAs of a family that have the page there,
 * those that were forked since included. Its items go when nobody maps it any more. */
struct ksm_item {
    struct ksm_item *next;
    struct anon_vma *anon_vma; /* counted */
    uintptr_t address;
};
struct ksm_node {
    struct page *page;
    struct ksm_item *items;
    uint32_t nr_items;
};
/* A page that the scanner has seen and found no equal for. It may have gone since. */
struct ksm_candidate {
    uint32_t proc;
    uintptr_t address; /* 0: none */
};

/* Page-table entries: flags, and from bit PTE_SHIFT on the number of a frame in POOL_PAGE or of a
 * slot in POOL_SLOT. 0: nothing there. */
typedef uint64_t pte_t;
enum pte_flags {
    PTE_PRESENT = 1, /* a frame, or with PTE_SPECIAL the shared page of zeroes */
    PTE_WRITE = 2,
    PTE_DIRTY = 4,
    PTE_YOUNG = 8,
    PTE_SPECIAL = 16,    /* zero page: no frame, no counts, read-only */
    PTE_SWAP = 32,       /* not present: a slot */
    PTE_MIGRATION = 64,  /* not present: a frame on its way; only inside of a call */
    PTE_EXCLUSIVE = 128, /* PTE_SWAP, PTE_MIGRATION: the page was PG_EXCLUSIVE */
    PTE_HUGE = 256,      /* in a table of level 1: maps all of a compound page, or with PTE_SPECIAL
                            huge page of zeroes. In what mm_pte() answers: such an entry is meant */
};
#define PTE_SHIFT 16
#define PTRS_PER_TABLE 512
#define TABLE_LEVELS 4
/* One table of any level. Above the lowest an entry is the number of a table in POOL_TABLE plus 1,
 * or 0; in one of level 1 perhaps a huge entry, a pte_t with PTE_HUGE and the number of the head,
 * told apart by bit 63. A table is kept for each of those (mm->deposited, counted in nr_tables), so
 * that splitting the entry cannot fail. The top one is made with the first entry and goes with the
 * last table below it. */
struct page_table {
    uint64_t entry[PTRS_PER_TABLE];
    uint64_t apart[8]; /* or the same entry of all tables would want the same few cache lines */
};
struct swap_slot {
    uint32_t count;    /* swap entries in page tables */
    uint8_t strangers; /* not 0: whose entries may be of several families, at several offsets */
    struct page *page; /* in the swap cache, or NULL */
    uint64_t stamp;    /* contents */
};
enum rss_kind { MM_FILEPAGES, MM_ANONPAGES, MM_SWAPENTS, MM_SHMEMPAGES, NR_RSS };

/* What a device holds on to: get_user_pages with FOLL_PIN. */
struct pin {
    bool used, write;
    struct page *page; /* NULL: the page of zeroes, or memory without frames (device, hugetlb) */
};

/* What the object behind a VMA wants to be told or asked. Absent for private anonymous memory. */
struct vm_ops {
    void (*open)(struct vma *vma);  /* the VMA was duplicated (split, move) */
    void (*close)(struct vma *vma); /* the VMA is about to go */
    int (*may_split)(struct vma *vma, uintptr_t addr);
};

/* The object itself (an inode's mapping). */
struct address_space {
    enum file_kind kind;
    uint32_t refcount;       /* open files that refer to it */
    uint64_t size;           /* pages */
    struct rb_root i_mmap;   /* interval tree of all VMAs that map it */
    int32_t i_mmap_writable; /* VM_SHARED mappings that may write; negative: sealed */
    int32_t i_writecount;    /* open files that may write; negative: processes that run from it */
    uint32_t nattch;         /* FILE_SYSV: VMAs attached, kept by open and close */
    struct rb_root pages;    /* page cache, by index; what is not in it reads as zeroes */
};

/* An open file: what f_op->mmap is called on. dup gives the same struct file, reopen another. */
struct file {
    uint32_t refcount; /* descriptor table entry + one per VMA */
    uint32_t mode;     /* enum file_mode bits */
    struct address_space *mapping;
};

struct mempolicy {
    uint32_t refcount;
    uint16_t mode;  /* MPOL_* */
    uint16_t nodes; /* bit mask of 4 nodes */
};
struct anon_vma_name {
    uint32_t refcount;
    char name[12];
};
struct userfaultfd_ctx {
    uint32_t refcount; /* descriptor + one per registered VMA */
    bool released;     /* the descriptor was closed */
    struct mm *mm;     /* NULL: the process has ended */
};

/* The first 64 bytes are all that a tree walk and the list touch: one cache line. The last one is
 * for VMAs with a file alone. */
struct vma {
    uintptr_t vm_start, vm_end; /* [vm_start, vm_end) */
    struct rb_node vm_rb;
    uint64_t rb_subtree_gap; /* bytes: largest gap before any VMA of this subtree */
    struct vma *vm_next, *vm_prev;

    struct mm *vm_mm;
    uint64_t vm_flags;
    uint64_t vm_pgoff;           /* page in the file; anonymous: page of the address at birth */
    uint32_t vm_page_prot;       /* PROT_* bits that the flags imply; see vm_get_page_prot() */
    struct file *vm_file;        /* counted */
    const struct vm_ops *vm_ops; /* NULL: private anonymous */
    struct anon_vma *anon_vma;   /* NULL: never had a page of its own */
    struct anon_vma_chain *chain_first; /* same_vma list; up to here neighbours are looked at */
    struct anon_vma_chain *chain_last;

    struct mempolicy *vm_policy;                /* counted, or NULL: the default */
    struct userfaultfd_ctx *vm_userfaultfd_ctx; /* counted, or NULL */
    struct anon_vma_name *anon_name;            /* counted, or NULL */
    struct interval_node shared;                /* in vm_file->mapping->i_mmap */
} __attribute__((aligned(64)));

#define VMACACHE_SLOTS 4
struct vmacache {
    uint64_t seqnum; /* valid while equal to mm->vmacache_seqnum */
    struct vma *slot[VMACACHE_SLOTS];
};

enum mm_rlimit { MM_RLIMIT_AS, MM_RLIMIT_DATA, MM_RLIMIT_STACK, MM_RLIMIT_MEMLOCK, NR_MM_RLIMITS };
#define MM_RLIM_INFINITY UINT64_MAX

struct mm {
    struct world *world;
    struct vma *mmap; /* lowest VMA: head of the ordered list */
    struct rb_root mm_rb;
    uint64_t vmacache_seqnum;
    struct vmacache vmacache;
    uintptr_t highest_vm_end;       /* end of the last VMA, raised by the gap of a growing-up one */
    uintptr_t task_size, mmap_base; /* bytes */
    bool legacy_layout;
    uint32_t map_count;
    uint64_t total_vm, locked_vm, pinned_vm, data_vm, exec_vm, stack_vm; /* pages */
    uint64_t hiwater_vm;                                                 /* pages */
    uint64_t def_flags; /* VM_LOCKED (| VM_LOCKONFAULT) after mlockall(MCL_FUTURE) */
    uintptr_t start_brk, brk, start_code, end_code, start_data, end_data;
    uintptr_t start_stack, arg_start, arg_end, env_start, env_end;
    uint64_t rlimit[NR_MM_RLIMITS]; /* pages */
    uint32_t id;                    /* process number */
    struct page_table *pgd;         /* top table; NULL: no entry was ever needed */
    uint32_t nr_tables;             /* page tables, the top one and deposited ones too */
    struct page_table *deposited;   /* one for each huge entry, chained by number + 1 in entry[0] */
    uint64_t rss[NR_RSS];           /* entries of page tables by kind; zero page counts nowhere */
    uint64_t hiwater_rss;           /* largest file + anon + shmem; may be higher */
    struct file *exe_file;          /* counted, or NULL */
};

#ifndef MAP_GROWSUP
#define MAP_GROWSUP 0x200 /* as on architectures whose stacks grow up */
#endif

/* ---- events: how often a path was taken since reset, for coverage features and statistics ---- */
enum event {
    EV_MERGE_CASE1,
    EV_MERGE_CASE2,
    EV_MERGE_CASE3,
    EV_MERGE_CASE4,
    EV_MERGE_CASE5,
    EV_MERGE_CASE6,
    EV_MERGE_CASE7,
    EV_MERGE_CASE8,
    EV_MERGE_NONE,
    EV_SPLIT_LOW,
    EV_SPLIT_HIGH,
    EV_SPLIT_LIMIT,
    EV_SPLIT_UNALIGNED,
    EV_CACHE_HIT,
    EV_CACHE_MISS,
    EV_CACHE_STALE,
    EV_SEARCH_BOTTOMUP,
    EV_SEARCH_TOPDOWN,
    EV_SEARCH_FALLBACK,
    EV_SEARCH_HINT,
    EV_SEARCH_FAIL,
    EV_SEARCH_ABOVE_ALL,
    EV_STACK_GROW,
    EV_STACK_REFUSED,
    EV_BRK_GROW,
    EV_BRK_SHRINK,
    EV_MREMAP_SHRINK,
    EV_MREMAP_INPLACE,
    EV_MREMAP_MOVE,
    EV_MREMAP_DUP,
    EV_MREMAP_MULTI,
    EV_UNMAP_MIDDLE,
    EV_UNMAP_MANY,
    EV_ROTATE,
    EV_ALLOC_FAILED,
    EV_ANON_NEW,        /* prepare: a new anon_vma */
    EV_ANON_BORROW,     /* prepare: a neighbour's */
    EV_ANON_CLONE,      /* split, move: chains copied */
    EV_ANON_IMPORT,     /* merge: an unfaulted VMA takes over a faulted one's chains */
    EV_ANON_FORK_NEW,   /* fork: the child's VMA gets one of its own */
    EV_ANON_FORK_REUSE, /* fork: an ancestor's that nobody uses */
    EV_FORK,
    EV_FORK_FAIL,
    EV_EXIT,
    EV_FAULT_ZERO,      /* read of untouched anonymous memory: page of zeroes */
    EV_FAULT_ANON,      /* write: a new page */
    EV_FAULT_FILE_READ, /* page cache, read-only */
    EV_FAULT_FILE_COW,  /* private write of a page that was not there */
    EV_FAULT_FILE_SHARED,
    EV_FAULT_SPURIOUS, /* the entry was there and good enough */
    EV_COW_COPY,
    EV_COW_REUSE,
    EV_COW_ZERO,    /* a page in place of the page of zeroes */
    EV_COW_UNSHARE, /* copied for a read pin */
    EV_SWAPIN_CACHE,
    EV_SWAPIN_READ,
    EV_SWAPIN_EXCLUSIVE,
    EV_ZAP_PRESENT,
    EV_ZAP_SWAP,
    EV_TABLE_FREED,
    EV_FORK_SHARE, /* entries shared read-only */
    EV_FORK_COPY_PINNED,
    EV_FORK_SWAP,
    EV_MOVE_PTE,
    EV_MOVE_UNDONE,
    EV_LAZYFREE,
    EV_LAZYFREE_DISCARD,
    EV_LAZYFREE_RESTORE,
    EV_RECLAIM_FREED,
    EV_RECLAIM_KEPT, /* unmapped, but still in the swap cache */
    EV_RECLAIM_REFUSED,
    EV_MUNLOCK_KEPT, /* another locked VMA maps the page */
    EV_MUNLOCK_CLEARED,
    EV_SWAPOFF_PAGE,
    EV_MIGRATE,
    EV_MIGRATE_REFUSED,
    EV_PIN,
    EV_KSM_STABLE, /* a page became a KSM page */
    EV_KSM_MERGE,  /* an entry shows a KSM page instead of its own */
    EV_KSM_ZERO,   /* or the page of zeroes */
    EV_KSM_SPLIT,  /* for it a compound page was split */
    EV_KSM_BREAK,  /* a KSM page is copied, as nobody writes to it */
    EV_KSM_SWAPIN, /* what comes back from swap is copied: it is at home elsewhere */
    EV_KSM_GONE,   /* nobody maps the KSM page any more */
    EV_IDLE_SET,
    EV_RMAP_MISS, /* a visited VMA did not map the page */
    EV_RMAP_HIT,
    EV_HUGE_FAULT,    /* write: a huge page */
    EV_HUGE_ZERO,     /* read: huge page of zeroes */
    EV_HUGE_FALLBACK, /* no huge page to be had, or a table is there: small pages */
    EV_HUGE_COW_REUSE,
    EV_HUGE_COW_COPY, /* 512 pages at once, also of the huge page of zeroes */
    EV_HUGE_SPLIT_ENTRY,
    EV_HUGE_SPLIT_PAGE,
    EV_HUGE_SPLIT_ZERO,
    EV_HUGE_SPLIT_REFUSED, /* references that are no entries */
    EV_HUGE_ZAP,
    EV_HUGE_FORK,
    EV_HUGE_MOVE,
    EV_HUGE_LAZYFREE,
    EV_COLLAPSE,
    EV_COLLAPSE_REFUSED,
    NR_EVENTS
};
extern const char *const event_names[NR_EVENTS];

/* ---- notes: what the last call touched, left by the lowest primitives for touched laws ---- */
#define MAX_NOTES 64 /* a fork of some dozens of VMAs */
enum note_kind {
    NOTE_LINKED = 1,  /* put into list and tree */
    NOTE_CHANGED = 2, /* bounds, offset, flags or another attribute changed */
    NOTE_NEAR = 4,    /* beside something unlinked, in its address space or in an anon_vma */
};
struct note {
    struct vma *vma; /* live: freeing a VMA takes its note away */
    uint32_t kind;   /* enum note_kind bits, or-ed when noted again */
};
/* Addresses whose layout, or whose page-table entries, may have changed. */
struct note_range {
    struct mm *mm;
    uintptr_t start, end;
};
#define MAX_NOTE_RANGES 4
#define MAX_PTE_RANGES MAX_PROCS
#define MAX_NOTE_PAGES 32
struct notes {
    uint32_t n;             /* notes used */
    uint32_t nranges;       /* ranges used; when out, the nearest one of the same mm is widened */
    uint32_t cache_touched; /* bit per process: its lookup cache was read or filled */
    bool overflow;          /* more than fit: judge everything */
    struct mm *forked;      /* the child that the call has made, or NULL */
    uint32_t nptes;         /* ranges of entries used; when out, as nranges */
    uint32_t npages;        /* frames used */
    bool page_overflow;     /* more frames than fit: judge all */
    struct note_range range[MAX_NOTE_RANGES];
    struct note_range ptes[MAX_PTE_RANGES]; /* entries changed, or contents of what they show */
    struct page *page[MAX_NOTE_PAGES];      /* live; they lost a mapping or reference, or changed */
    struct note note[MAX_NOTES];
};
/* The last address search, for gap.search. Its answer is an address or -ENOMEM. */
struct search_note {
    bool done;
    bool topdown; /* of the pass that gave the answer */
    uintptr_t length, low_limit, high_limit, align_mask, align_offset; /* bytes, of that pass */
    long answer;
};

/* ---- traps: where the model itself cannot go on; the harness turns them into verdicts ---- */
enum trap { TRAP_NONE, TRAP_STEPS, TRAP_BUG, TRAP_DOUBLE_FREE, TRAP_SIGNAL };

/* ---- pools ---- */
enum pool_id {
    POOL_MM,
    POOL_VMA,
    POOL_FILE,
    POOL_MAPPING,
    POOL_POLICY,
    POOL_NAME,
    POOL_UFFD,
    POOL_ANON_VMA,
    POOL_ANON_VMA_CHAIN,
    POOL_PAGE,
    POOL_HUGE, /* behind POOL_PAGE: see struct huge_page */
    POOL_TABLE,
    POOL_SLOT,
    POOL_KSM_NODE,
    POOL_KSM_ITEM,
    NR_POOLS
};
struct pool {
    const char *name;
    char *base;     /* object i is at base + i * size */
    uint32_t *link; /* link[i]: next free object, or POOL_LIVE */
    uint32_t size, capacity;
    uint32_t used; /* objects ever handed out since reset */
    uint32_t nlive, nfree, free_head, free_tail;
};
#define POOL_LIVE UINT32_MAX
#define POOL_NONE (UINT32_MAX - 1)
#define POOL_POISON 0x6b /* every byte of a freed object */

/* Catalogued faults: see model/faults.def. */
enum fault_id {
    F_NONE,
#define FAULT(id, number, ...) F_##id,
#include "model/faults.def"
#undef FAULT
    NR_FAULTS
};
struct fault_info {
    const char *name;   /* as typed by a user: "case3-pgoff" */
    uint16_t number;    /* in the catalogue of historical faults; 0: one of ours */
    const char *commit; /* upstream fix, or "" */
    const char *cve;    /* or "" */
    const char *title;  /* one sentence */
    const char *laws;   /* names of the laws that may see it, space-separated */
};
extern const struct fault_info fault_table[NR_FAULTS]; /* [F_NONE] is empty */

/* Which locks the call holds: that of one file's i_mmap, then that of one family of anon_vmas. Each
 * change of an interval tree asks for the one that guards it (locks). */
struct lock_state {
    const struct address_space *i_mmap; /* NULL: not held */
    const struct anon_vma *root;        /* NULL: not held */
    const char *broken;                 /* first breach of the rule in this call, or NULL */
};

/* The world: header of the arena. Objects find it by masking their own address. */
struct world {
    struct world_config config;
    enum fault_id fault; /* the one fault that is switched on */
    uint64_t fault_reached, fault_triggered;
    uint64_t fail_countdown; /* 1: the next allocation fails; 0: none does */
    uint64_t nr_allocs;      /* allocations asked for since reset */
    uint64_t steps_left;     /* budget of the current call; see world_begin() */
    int64_t committed_as;    /* pages charged, all processes */
    uint32_t nr_procs;
    struct mm *proc[MAX_PROCS];
    struct file *fd[MAX_FDS];
    struct userfaultfd_ctx *uffd[MAX_FDS];
    struct pin pin[MAX_PINS];
    struct ksm_candidate candidate[KSM_CANDIDATES];
    uint32_t next_candidate; /* place of the oldest one */
    struct lock_state locks;
    struct notes notes;
    struct search_note search;
    uint32_t events[NR_EVENTS];
    uint16_t huge_parts[MAX_HUGE_PAGES]; /* live parts of a compound page that was split */
    struct pool pool[NR_POOLS];
    enum trap trap;
    const char *trap_reason;
    sigjmp_buf *on_trap; /* where a trap goes; NULL: abort() */
};

/* ---- the world ---- */
/* Reserve arena number `slot` (0..7) at its fixed address. NULL with errno if it cannot be had. */
struct world *world_new(unsigned slot);
void world_destroy(struct world *world);
/* Empty it, costing what was used; then make process 0 with an empty address space. The fault and
 * on_trap settings stay. Returns 0 or -EINVAL for a configuration that makes no sense. */
int world_reset(struct world *world, const struct world_config *config);
/* Start of a call: forget notes, refill the step budget, set which allocation fails (0: none). */
void world_begin(struct world *world, uint64_t fail_nth);
/* Close every descriptor and end every process: afterwards no object may be left in any pool. */
void world_exit(struct world *world);
bool pool_is_live(const struct pool *pool, const void *object);
/* n-th object of the pool in address order, NULL if it is not live. n < pool->used. */
void *pool_object(const struct pool *pool, uint32_t n);

/* ---- lookups (spec.md section 2) ---- */
struct vma *find_vma(struct mm *mm, uintptr_t addr);
struct vma *find_vma_prev(struct mm *mm, uintptr_t addr, struct vma **pprev);
struct vma *find_vma_intersection(struct mm *mm, uintptr_t start, uintptr_t end);
bool in_gate_area(const struct mm *mm, uintptr_t addr);
/* The gaps that growing stacks keep free; both saturate at the ends of the address space. */
uintptr_t vm_start_gap(const struct vma *vma);
uintptr_t vm_end_gap(const struct vma *vma);
uint32_t vm_get_page_prot(uint64_t vm_flags);

/* ---- pages ---- */
/* NULL: not anonymous, or a KSM page */
static inline struct anon_vma *page_anon_vma(const struct page *page)
{
    return (page->mapping & PAGE_MAPPING_KSM) == PAGE_MAPPING_ANON
               ? (struct anon_vma *)(page->mapping & ~PAGE_MAPPING_KSM)
               : NULL;
}
static inline struct ksm_node *page_ksm_node(const struct page *page) /* NULL: no KSM page */
{
    return (page->mapping & PAGE_MAPPING_KSM) == PAGE_MAPPING_KSM
               ? (struct ksm_node *)(page->mapping & ~PAGE_MAPPING_KSM)
               : NULL;
}
static inline struct address_space *page_file_mapping(const struct page *page) /* NULL: no file's */
{
    return page->mapping & PAGE_MAPPING_ANON ? NULL : (struct address_space *)page->mapping;
}
/* The part that stands for the whole: of a frame by itself, the frame. */
struct page *page_head(const struct world *world, const struct page *page);
/* Entries that map this frame, huge ones too. */
uint32_t page_mapcount(const struct world *world, const struct page *page);
static inline uint32_t pte_number(pte_t pte)
{
    return (uint32_t)(pte >> PTE_SHIFT);
}
/* The entry for addr; 0 if there is no table. Of a huge entry what an entry of the part would be,
 * with PTE_HUGE. */
pte_t mm_pte(const struct mm *mm, uintptr_t addr);
/* Is there a table for the entries of the block, or a huge entry? */
bool mm_has_table(const struct mm *mm, uintptr_t addr);

/* ---- calls (spec.md section 5): system calls, on a process, results as the kernel gives ---- */
/* fd: index in world->fd or -1. off: bytes. */
long mm_mmap(struct mm *mm, uintptr_t addr, size_t len, int prot, int flags, int fd, uint64_t off);
long mm_munmap(struct mm *mm, uintptr_t addr, size_t len);
long mm_mprotect(struct mm *mm, uintptr_t addr, size_t len, int prot);
long mm_mremap(struct mm *mm, uintptr_t addr, size_t old_len, size_t new_len, int flags,
               uintptr_t new_addr);
long mm_brk(struct mm *mm, uintptr_t brk); /* returns the break that holds afterwards */
long mm_mlock(struct mm *mm, uintptr_t addr, size_t len);
long mm_mlock2(struct mm *mm, uintptr_t addr, size_t len, int flags);
long mm_munlock(struct mm *mm, uintptr_t addr, size_t len);
long mm_mlockall(struct mm *mm, int flags);
long mm_munlockall(struct mm *mm);
long mm_madvise(struct mm *mm, uintptr_t addr, size_t len, int advice);
long mm_mbind(struct mm *mm, uintptr_t addr, size_t len, int mode, unsigned nodes, unsigned flags);
long mm_prctl_set_vma_name(struct mm *mm, uintptr_t addr, size_t len, const char *name);
long mm_remap_file_pages(struct mm *mm, uintptr_t addr, size_t size, int prot, uint64_t pgoff,
                         int flags);
long mm_mincore(struct mm *mm, uintptr_t addr, size_t len);
long mm_msync(struct mm *mm, uintptr_t addr, size_t len, int flags);
long mm_setrlimit(struct mm *mm, enum mm_rlimit which, uint64_t pages);
/* Process number `child` (not in use, else -EAGAIN) becomes a copy; 0, or -ENOMEM with nothing
 * left. */
long mm_fork(struct mm *mm, unsigned child);
/* The process ends: everything is unmapped and its number is free again. 0. */
long mm_exit(struct mm *mm);
/* One access as the fault handler sees it: -EFAULT for SIGSEGV, -ENXIO for SIGBUS, -ENOMEM. access
 * is one of PROT_READ, PROT_WRITE, PROT_EXEC. Grows a stack. A write puts `stamp` there and returns
 * 0; anything else returns the contents (0: zeroes). stamp < 2^62. remote: another process' access
 * (process_vm_readv and _writev: FOLL_FORCE off), which the minimum mapping address binds as well.
 */
long mm_access(struct mm *mm, uintptr_t addr, int access, bool remote, uint64_t stamp);
/* A debugger's write (FOLL_FORCE | FOLL_WRITE): into private memory even if it may not be written.
 * race: between the fault and the second look, the process drops the page (MADV_DONTNEED). */
long mm_force_write(struct mm *mm, uintptr_t addr, uint64_t stamp, bool race);
/* A device takes hold of the page at addr, as pin number n (in use: -EBUSY; out of range: -EINVAL).
 * -EOPNOTSUPP before linux-5.10: there were only plain references, which never were safe. */
long mm_pin(struct mm *mm, unsigned n, uintptr_t addr, bool write);
long world_unpin(struct world *world, unsigned n);       /* 0; -EBADF if it is not in use */
long world_device_read(struct world *world, unsigned n); /* contents; -EBADF */
long world_device_write(struct world *world, unsigned n, uint64_t stamp); /* 0; -EBADF; -EACCES */
/* Reclaim of the anonymous pages that the range shows, wherever else they are mapped: unmapped to
 * swap entries by a walk of the reverse map, written out and freed if nobody holds on to them.
 * keep: they stay in the swap cache, as while they are being written. Always 0. */
long mm_reclaim(struct mm *mm, uintptr_t addr, size_t len, bool keep);
/* The same of pages that somebody else has chosen: what has become of the entry there. Pages of
 * files go, too: nothing is left of their entries. Freed lazily, pages may have been looked at and
 * kept: then they are like others again. */
enum reclaimed { RECLAIMED_NOT, RECLAIMED_KEPT, RECLAIMED_SWAP, RECLAIMED_NONE };
typedef enum reclaimed reclaim_choice(void *arg, unsigned proc, uintptr_t addr);
uint32_t world_reclaim(struct world *world, reclaim_choice *choice,
                       void *arg); /* how many pages went */
/* Each page that the range shows (pins let them not) is replaced by a copy in another frame,
 * through migration entries. Always 0. */
long mm_migrate(struct mm *mm, uintptr_t addr, size_t len);
/* khugepaged comes by: each aligned HPAGE_SIZE of the range that lies in one VM_HUGEPAGE VMA of
 * private anonymous memory and has pages of its own becomes one huge page, where that is possible.
 * Always 0. (MADV_COLLAPSE is the same with an answer.) */
long mm_khugepaged(struct mm *mm, uintptr_t addr, size_t len);
enum rmap_work { RMAP_REFERENCED, RMAP_MKCLEAN, RMAP_IDLE_SET, RMAP_IDLE_GET, NR_RMAP_WORKS };
/* Walks over the reverse map that change flags of entries and pages only. Always 0. */
long mm_rmap_walk(struct mm *mm, uintptr_t addr, size_t len, enum rmap_work work);
/* The scanner of KSM comes by: pages of mergeable memory in the range that have the same contents
 * as others that it has seen are replaced by one that nobody may write. use_zero_pages: those full
 * of zeroes by the page of zeroes. Always 0. */
long mm_ksm(struct mm *mm, uintptr_t addr, size_t len, bool use_zero_pages);
/* All swap is read back; then there is swap again. 0 or -ENOMEM. */
long world_swapoff(struct world *world);
/* prctl PR_SET_MM_EXE_FILE: -EPERM unprivileged, -EBADF, -EACCES unless a regular file. */
long mm_set_exe_file(struct mm *mm, unsigned fd);
/* A kernel-made mapping (as the vdso): placed by address search from a hint, DONTEXPAND, never
 * merged. */
long mm_install_special(struct mm *mm, uintptr_t hint, size_t len);
/* Lookups as operations: vm_start + 1 of what was found (find_prev: of the predecessor), 0 for
 * none. */
long mm_find(struct mm *mm, uintptr_t addr);
long mm_find_prev(struct mm *mm, uintptr_t addr);
long mm_find_intersection(struct mm *mm, uintptr_t start, uintptr_t end);

long file_open(struct world *world, unsigned fd, enum file_kind kind, unsigned mode,
               uint64_t pages);
long file_reopen(struct world *world, unsigned fd, unsigned old_fd, unsigned mode);
long file_dup(struct world *world, unsigned fd, unsigned old_fd);
long file_close(struct world *world, unsigned fd);
long file_seal_write(struct world *world, unsigned fd); /* EBUSY while a writable mapping exists */
long uffd_create(struct world *world, unsigned ufd, struct mm *mm);
long uffd_close(struct world *world, unsigned ufd);
long uffd_register(struct world *world, unsigned ufd, uintptr_t addr, size_t len, uint64_t mode);
long uffd_unregister(struct world *world, unsigned ufd, uintptr_t addr, size_t len);

#endif
