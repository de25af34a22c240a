/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a reader has found, before it becomes a picture: flat arrays with the kernel's own pointers
 * and frame numbers, which picture.c turns into numbers. The BPF program fills it, too: nothing
 * here needs a C library.
 */
#ifndef HARNESS_LINUX_RAW_H
#define HARNESS_LINUX_RAW_H

#include <stdbool.h>
#include <stdint.h>

/* Powers of two: an index is masked before use. Windows of 4096 pages and 16 processes fit. */
#define RAW_PROCS 16U
#define RAW_VMAS (1U << 16)
#define RAW_PTES (1U << 16)
#define RAW_CHAINS (1U << 17)
#define RAW_CPUS 512U
#define RAW_COMPOUNDS 256U
#define RAW_PARTS 512U /* of a compound page */
#define RAW_NAME 12U

/* What is asked for. */
struct raw_request {
    uint64_t window, window_end; /* bytes: VMAs inside are shown, others are only counted */
    int32_t pid[RAW_PROCS];      /* 0: does not exist */
    uint32_t nr_cpus;
    uint32_t levels;           /* of page tables */
    uint64_t direct_map;       /* kernel address of physical address 0 */
    uint64_t vmemmap;          /* of struct page 0 */
    uint64_t percpu[RAW_CPUS]; /* offset of each CPU's variables */
};

struct raw_totals {
    uint64_t total_vm, data_vm, exec_vm, stack_vm, locked_vm;
};
struct raw_proc {
    int32_t pid;      /* 0: does not exist */
    uint32_t nr_seen; /* all VMAs that were visited; must be map_count */
    uint32_t map_count;
    uint32_t first_vma, nr_vmas, first_pte, nr_ptes;
    uint32_t nr_tables; /* of the lowest level, in the window */
    int64_t rss[4];     /* in the order of enum snap_rss; all of the process */
    int64_t outside_rss[4];
    struct raw_totals all, outside; /* outside: of VMAs beside the window */
    uint64_t pinned_vm, hiwater_vm, hiwater_rss;
    uint64_t brk, def_flags, pgtables_bytes;
};
struct raw_vma {
    uint64_t start, end;                /* bytes */
    uint64_t flags;                     /* the kernel's */
    uint64_t pgoff;                     /* the kernel's */
    uint64_t file;                      /* a key: equal for the same struct file; 0: none */
    uint64_t object;                    /* a key of the inode; 0: none */
    uint64_t context;                   /* a key of the userfault context */
    uint64_t anon_vma;                  /* a key */
    uint64_t size;                      /* of the object, bytes */
    uint64_t magic;                     /* of the object's file system */
    int32_t writable;                   /* i_mmap_writable of the object */
    uint16_t policy_mode, policy_flags; /* of a memory policy of its own; 0, 0: none */
    uint64_t policy_mask;               /* the nodes that were asked for; with policy_flags only */
    uint32_t first_chain, nr_chains;
    char name[RAW_NAME];
};
/* The anon_vma at the other end of a chain, as often as it is met. */
struct raw_chain {
    uint64_t anon_vma, root, parent; /* keys */
    uint32_t refcount, num_children, num_active_vmas;
    uint32_t unused;
};
struct raw_pte {
    uint64_t addr;  /* bytes */
    uint64_t key;   /* frame number, or swap entry */
    uint32_t flags; /* SNAP_PTE_* */
    /* The frame; all 0 without one. */
    uint32_t page_flags; /* SNAP_PAGE_* */
    uint32_t refcount, mapcount;
    uint64_t mapping; /* key: of anon_vma with SNAP_PAGE_ANON, else of the object */
    uint64_t index;   /* the kernel's */
    uint64_t swap;    /* with SNAP_PAGE_SWAPCACHE: swap entry, as key above */
    uint64_t stamp;   /* first 8 bytes */
};
/* In raw_pte.page_flags: of a compound page, of anonymous memory. Then `swap` is which of
 * raw_picture.compound, and what differs from part to part stands there. */
#define RAW_PAGE_PART (1U << 31)
struct raw_part {
    uint64_t stamp;
    uint32_t mapcount, exclusive;
};
struct raw_compound {
    uint64_t frame;  /* of the head */
    uint32_t number; /* for picture.c */
    uint32_t entire_mapcount, pins, refcount;
    struct raw_part part[RAW_PARTS];
};
enum raw_trouble {
    RAW_NO_TASK = 1, /* a process is not there any more */
    RAW_FULL = 2,    /* an array is too short */
    RAW_HUGE = 4,    /* a huge page on its way elsewhere */
    RAW_DEEP = 8,    /* a list or tree did not end */
};
struct raw_picture {
    uint32_t trouble; /* enum raw_trouble */
    uint32_t nr_vmas, nr_ptes, nr_chains;
    uint32_t nr_compounds;
    bool has_parts; /* some entry has RAW_PAGE_PART: the rest is asked for afterwards */
    struct raw_proc proc[RAW_PROCS];
    struct raw_vma vma[RAW_VMAS];
    struct raw_pte pte[RAW_PTES];
    struct raw_chain chain[RAW_CHAINS];
    struct raw_compound compound[RAW_COMPOUNDS];
};

/* For calibration. In: a page of the caller, whose first 8 bytes are the tag and which is the first
 * of the file fd; how many CPUs there can be; a guess of the levels. Out: if that is right, the
 * rest of the request. */
struct raw_probe {
    uint64_t addr, tag;
    uint32_t fd;
    bool found;
};
#endif
