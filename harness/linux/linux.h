/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The running kernel as a subject: programs become real system calls, made by processes that the
 * harness has started for nothing else, and pictures of those processes are read from the kernel.
 *
 * The world's address space is a window of the processes' own. Address a of the world is
 * WINDOW_BASE + a; all else of their address space is filled by mappings that cannot be accessed,
 * so that the kernel's search for free addresses finds what the model's finds. What a process
 * needs for itself (its code and its mailbox) lies above. Programs therefore are the same on both.
 *
 * Units as in harness/program.h: calls in bytes of the world, snapshots in pages of the world.
 */
#ifndef HARNESS_LINUX_LINUX_H
#define HARNESS_LINUX_LINUX_H

#include "harness/subject.h"

#include <sys/types.h>

/* ---- the window (window.c) ---- */
/* Of the world world_config_default: mmap_base of the world is mmap_base of the process, by way of
 * its stack limit; the window does not cross a GiB, so its page tables are its own. */
uint64_t window_to_kernel(uint64_t addr); /* address of the world -> of the process */
uint64_t window_from_kernel(uint64_t addr);
/* A length at addr: the end of the range is translated, so that one that leaves the world leaves
 * the process' address space, too. */
uint64_t window_length(uint64_t addr, uint64_t len);
/* The world has nodes of its own, since a machine may have only one. A mask of them is one of the
 * kernel whose nodes need not be there (MPOL_F_STATIC_NODES): node 0, which is, and those of the
 * world from 1 on. Policies of the kernel are equal where those of the world are. */
static inline uint64_t nodes_to_mask(uint64_t nodes)
{
    return nodes ? nodes << 1 | 1 : 0;
}
static inline uint64_t nodes_of_mask(uint64_t mask)
{
    return mask >> 1;
}
static inline uint64_t window_size(void)
{
    return world_config_default.task_size << PAGE_SHIFT;
}
#define WINDOW_BASE 0x7fff80000000UL /* a multiple of 1 GiB, below the agent; AGENT_WINDOW */

/* A page is read, written or executed, by the process or by another. */
static inline bool linux_is_access(const struct call *c)
{
    return c->kind == OP_READ || c->kind == OP_WRITE || c->kind == OP_FILL || c->kind == OP_EXEC ||
           c->kind == OP_PEEK || c->kind == OP_POKE || c->kind == OP_FORCE;
}

/* ---- the subject (subject_linux.c) ---- */
enum linux_reader_kind { READER_BEST, READER_BPF, READER_PROCFS, READER_NONE };
struct linux_options {
    unsigned cpu;    /* harness and processes are pinned to it */
    unsigned reader; /* enum linux_reader_kind; the best there is: READER_BEST */
    bool swap;       /* set up swap, and use reclaim (system-wide; restored at the end) */
    bool group;      /* with swap: the processes live in a memory cgroup, which is reclaimed */
    bool compact;    /* compact memory, so that pages move (system-wide work) */
    bool huge;       /* with huge pages (khugepaged rests, system-wide; restored at the end) */
    double seconds;  /* a call that takes longer is a find: the process hangs */
};
/* NULL with one line in why: what is missing, and what would help. */
struct subject *subject_linux_new(const struct linux_options *o, char *why, size_t size);
extern const struct subject_ops subject_linux_ops;
/* Of the running kernel. */
bool linux_is_since(int version, int patch);
/* Its version is one that a preset is of; otherwise the nearest is taken. */
bool linux_has_rules(void);
/* The world that the window can be, with the rules of this kernel's version; what the generator is
 * given. */
void linux_world_config(struct world_config *config);
/* NULL, or why programs of such a world cannot be run. */
const char *linux_refuses_world(const struct world_config *config);
/* enum linux_shows: what its reader's pictures show. */
unsigned subject_linux_shows(const struct subject *s);
/* Its reader; the subject keeps it. */
enum linux_reader_kind subject_linux_reader(const struct subject *s);
/* What compaction has done so far. */
struct linux_moves {
    uint64_t calls;
    uint64_t entries, moved; /* that led to a frame before, and to another one afterwards */
};
struct linux_moves subject_linux_moves(const struct subject *s);
/* A process died or hangs, or the kernel had no memory for a huge page: what happened, for the
 * report; NULL: all is well. */
const char *linux_lost(const struct subject *s);
/* Is that why it differs? From then on linux_lost() says so. */
bool linux_lacked_huge_page(struct subject *s);

/* ---- pictures (reader*.c) ---- */
/* What a reader's pictures show; the comparison and the laws leave out the rest. */
enum linux_shows {
    SHOWS_LAYOUT = 1,        /* VMAs: bounds, protection, sharing, offset */
    SHOWS_VM_FLAGS = 2,      /* all of snap_vma.flags */
    SHOWS_FILES = 4,         /* which struct file, not just which inode */
    SHOWS_ANON = 8,          /* anon_vmas and chains */
    SHOWS_ENTRIES = 16,      /* page-table entries: present, swap, which page */
    SHOWS_ENTRY_BITS = 32,   /* their write, dirty, young bits */
    SHOWS_PAGES = 64,        /* mapcount, anonymous */
    SHOWS_PAGE_FIELDS = 128, /* mapping, index, exclusive */
    SHOWS_CONTENTS = 256,    /* stamps, without touching the page */
    SHOWS_COUNTERS = 512,    /* total_vm, ...; not rss, brk and def_flags */
    SHOWS_TABLES = 1024,     /* page tables: as many as the model needs for the lowest level's */
    SHOWS_BRK = 2048,        /* brk and def_flags */
    SHOWS_RSS = 4096,        /* exactly; many a kernel's /proc lags behind */
    SHOWS_ONFAULT = 8192,    /* SNAP_LOCKONFAULT, with SHOWS_VM_FLAGS */
    SHOWS_CONTEXTS = 16384,  /* which userfault context */
    SHOWS_POLICIES = 32768,  /* memory policies */
};
/* What no reader shows: the commit charge, contents of slots; of references to a page
 * those that are of no entry, cache or pin; pages and slots that no entry leads to. Slots are
 * counted by their entries. An entry of PROT_NONE is present, as in the model. */
struct linux_reader;
/* NULL with one line in why. */
struct linux_reader *reader_new(enum linux_reader_kind kind, char *why, size_t size);
void reader_free(struct linux_reader *r);
enum linux_reader_kind reader_kind(const struct linux_reader *r);
unsigned reader_shows(const struct linux_reader *r); /* enum linux_shows */
/* For the next picture: a bit for each process that has made no call that could change its mappings
 * since the last one. Where reading costs much no more than the layout of these is looked at. */
void reader_unchanged(struct linux_reader *r, uint32_t procs);
/* pid[n]: of process n of the world; 0: does not exist. All are stopped between two calls. 0, or
 * -errno. */
int reader_snapshot(struct linux_reader *r, const pid_t pid[MAX_PROCS], struct snapshot *out);

/* ---- what this machine offers (offer.c) ---- */
struct linux_offer {
    const char *name;     /* "BPF picture", "swap", "guest", ... */
    const char *sentence; /* what it is for */
    bool available;
    char why[160]; /* if not: why, and what would help */
};
unsigned linux_offers(struct linux_offer *offer, unsigned n); /* how many there are */

/* ---- comparison (compare_linux.c) ---- */
uint64_t linux_vma_flags(unsigned shows); /* of snap_vma.flags what is shown */
/* The model's picture against the kernel's, as far as shows says; the law that is broken says what
 * differs. */
bool compare_with_linux(const struct snapshot *model, const struct snapshot *kernel, unsigned shows,
                        struct verdict *v);
/* The laws on the kernel's own picture, as far as shows says. What it cannot show and a law asks
 * for (references, the commit charge) is filled in. lawful: the last picture that has kept them, as
 * snapshot.taken; 0 at first. */
bool laws_on_linux(struct snapshot *kernel, uint64_t *lawful, unsigned shows, struct verdict *v);

/* ---- quirks (quirks.c, quirks.def) ---- */
/* A known difference between the model's rules and a kernel: bug of that kernel, or not modelled.
 * Calls that would show it are not made (the executor asks before each), and are counted. */
struct linux_quirk {
    const char *name, *sentence;
    bool (*shows)(const struct world *world, const struct call *call);
};
extern const struct linux_quirk linux_quirks[];
extern const unsigned nr_linux_quirks;
/* A reclaim of pages that MADV_PAGEOUT would leave where they are: the memory cgroup takes them. */
bool linux_reclaims_others(const struct world *world, const struct call *call);
/* The quirk that the call would run into; NULL: none. */
const struct linux_quirk *linux_quirk_of(const struct world *world, const struct call *call);

#endif
