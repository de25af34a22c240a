/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the flat specification share.
 *
 * spec.c        worlds, pages, heads, totals, limits    spec_mmap.c    mmap, munmap, brk, special
 * spec_search.c choosing an address                     spec_mremap.c  mremap
 * spec_attr.c   changes of attributes, piece by piece   spec_uffd.c    userfault ranges
 * spec_fault.c  accesses, stack growth, lookups         spec_object.c  files, descriptors
 * spec_anon.c   faulted VMAs and how they merge         spec_fork.c    processes come and go
 * spec_contents.c  what pages and objects hold          spec_pin.c     pages that a device holds
 * spec_populate.c  faulting ranges in                   spec_huge.c    huge pages
 * spec_snapshot.c  its picture
 * spec_adopt.c, spec_adopt_contents.c  taking over a failed call
 *
 * A VMA is no object here: it is the run of pages from one head to the next head or hole.
 */
#ifndef ORACLES_SPEC_PRIVATE_H
#define ORACLES_SPEC_PRIVATE_H

#include "oracles/spec.h"

#include <errno.h>
#include <linux/mman.h>

#ifndef MAP_GROWSUP
#define MAP_GROWSUP 0x200
#endif
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

#define SPEC_SHIFT 12
#define SPEC_PAGE (UINT64_C(1) << SPEC_SHIFT)
#define SPEC_HUGE UINT64_C(512)                     /* pages */
#define SPEC_TOP (UINT64_C(1) << (64 - SPEC_SHIFT)) /* pages: one past the largest offset */
#define SPEC_FDS 16
#define SPEC_SPACES 16 /* processes */
#define SPEC_NOBODY UINT32_MAX
#define SPEC_NAMES 256
#define SPEC_NAME_SIZE 12

#define SNAP_ACCESS ((uint64_t)(SNAP_READ | SNAP_WRITE | SNAP_EXEC))
#define SNAP_GROWS (SNAP_GROWSDOWN | SNAP_GROWSUP)
#define SNAP_SPECIAL ((uint64_t)(SNAP_IO | SNAP_DONTEXPAND | SNAP_PFNMAP | SNAP_MIXEDMAP))
#define SNAP_LOCK_BITS ((uint64_t)(SNAP_LOCKED | SNAP_LOCKONFAULT))
#define SNAP_UFFD_BITS ((uint64_t)(SNAP_UFFD_MISSING | SNAP_UFFD_WP))
#define SNAP_NO_FRAMES ((uint64_t)(SNAP_IO | SNAP_PFNMAP | SNAP_HUGETLB))
#define SNAP_WRITABLE_SHARE ((uint64_t)(SNAP_SHARED | SNAP_MAYWRITE))

enum spec_kind {
    SPEC_REGULAR,
    SPEC_SHMEM,
    SPEC_HUGETLB,
    SPEC_SYSV,
    SPEC_DEVICE,
    SPEC_NOMMAP,
    SPEC_NR_KINDS
};
enum spec_mode {
    SPEC_MODE_READ = 1,
    SPEC_MODE_WRITE = 2,
    SPEC_MODE_APPEND = 4,
    SPEC_MODE_NOEXEC = 8
};
enum spec_limit { SPEC_AS, SPEC_DATA, SPEC_STACK, SPEC_MEMLOCK, SPEC_NR_LIMITS };

/* An open file lives while a descriptor or a page refers to it. It is kept at its serial number
 * modulo the size of the table; a serial number whose place is taken is skipped. */
struct spec_file {
    uint32_t serial, object; /* 0: this place is free */
    uint32_t mode;
    uint32_t number; /* scratch of spec_snapshot(); 0 otherwise */
    uint64_t refs;   /* descriptors and pages */
};
/* What files open; kept like files. */
struct spec_object {
    uint32_t serial, kind, files;
    uint32_t number; /* scratch of spec_snapshot() */
    bool sealed;
    bool anonymous;    /* behind a shared anonymous mapping: no descriptor ever */
    uint64_t size;     /* pages */
    uint64_t writable; /* pages mapped SHARED and MAYWRITE */
};
struct spec_context {
    uint32_t serial; /* 0: the descriptor is closed */
    uint32_t proc;   /* SPEC_NOBODY: the process is gone */
};
/* A page of an object that was written to once. */
struct spec_stored {
    uint64_t index, value;
    uint32_t object; /* serial number */
    uint32_t next;   /* of the same bucket: its place + 1, 0: none */
};
/* What a pin reads: the page of a process while `pin.attached`, else the page of the object, or, if
 * there is none, `value`. */
struct spec_hold {
    struct spec_pin pin;
    bool sure;       /* not attached to what was lazily freed, and might have been zeroes by then */
    bool frames;     /* there is something to write to */
    bool new;        /* made by the last call */
    bool left;       /* left behind by it */
    uint32_t object; /* serial number, 0: none */
    uint32_t lost;   /* the same number: detached from the same page, which they still share */
    uint64_t index;
    uint64_t value;
    uint64_t was; /* before the last call, if it was attached */
};
/* The arrays are made when the first process gets this number, and kept. */
struct spec_space {
    struct spec_page *page;   /* task_size of them */
    uint64_t *value;          /* contents of pages that are `own` */
    uint64_t *mapped, *heads; /* page[].mapped and page[].head again, a bit a page: fast to scan */
    uint64_t *own;            /* page[].own again */
    uint64_t nr_own;          /* nearly always few: none means that contents cost nothing */
    uint64_t lowest, highest; /* all pages that were ever mapped are in [lowest, highest) */
    struct snap_proc totals;
    uint64_t rlimit[SPEC_NR_LIMITS];
    uint32_t map_count;
    uint32_t exe; /* file that the process was started from, 0: none */
    bool alive;   /* otherwise nothing is mapped */
};
/* All that a call can change, so that spec_before() knows what to keep. */
struct spec_state {
    struct spec_space space[SPEC_SPACES];
    struct spec_file *file;
    struct spec_object *object;
    struct spec_stored *stored;
    uint32_t nr_stored, nr_attached, nr_pins, last_lost;
    struct spec_hold hold[SPEC_PINS];
    uint32_t last_file, last_object, last_context; /* serial numbers given out */
    uint32_t fd[SPEC_FDS];
    struct spec_context ufd[SPEC_FDS];
    int64_t committed;
};
struct spec {
    struct spec_config config;
    struct spec_state now, before;
    uint64_t room;        /* pages that the arrays hold */
    uint32_t table;       /* places for files and objects, a power of two */
    uint32_t *match;      /* scratch of spec_adopt(), `table` zeros otherwise */
    uint32_t *bucket;     /* of `stored`: place + 1 of the first one, 0: none */
    uint32_t stored_room; /* places and buckets, a power of two */
    uint32_t nr_ranges, nr_gone, nr_shared, nr_bare, nr_names;
    struct spec_range range[SPEC_MAX_RANGES];  /* touched by the last call */
    struct spec_range gone[SPEC_MAX_RANGES];   /* unmapped by it, if only for a while */
    struct spec_range shared[SPEC_MAX_RANGES]; /* faulted by it, only since they were merged */
    struct spec_range bare[SPEC_MAX_RANGES];   /* not own, if it fails in time */
    bool prepared; /* it gave out an anon_vma, or would have if there had been none */
    bool copied;   /* mremap's copy was put into its place */
    bool unlocked; /* it took lock bits away, from pages that it may have changed before or after */
    bool left;     /* it took memory out of its userfault context, likewise */
    char name[SPEC_NAMES][SPEC_NAME_SIZE]; /* [0] is no name */
};

/* A VMA, as long as nothing changes. Pages. */
struct spec_run {
    uint64_t start, end;
};
/* Which edges of a range join what is beyond them. */
struct spec_joins {
    bool prev, next;
};

/* ---- small questions ---- */
static inline uint64_t spec_min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}
static inline uint64_t spec_max(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}
static inline uint64_t spec_round_up(uint64_t n, uint64_t to)
{
    return (n + to - 1) & ~(to - 1);
}
static inline uint64_t spec_page_align(uint64_t bytes)
{
    return spec_round_up(bytes, SPEC_PAGE);
}
static inline bool spec_aligned(uint64_t bytes)
{
    return !(bytes & (SPEC_PAGE - 1));
}
static inline uint64_t spec_task_bytes(const struct spec *spec)
{
    return spec->config.task_size << SPEC_SHIFT;
}
static inline bool spec_since(const struct spec *spec, enum spec_rules rules)
{
    return spec->config.rules >= rules;
}
static inline struct spec_file *spec_file(const struct spec *spec, uint32_t serial)
{
    return &spec->now.file[serial & (spec->table - 1)];
}
static inline struct spec_object *spec_object(const struct spec *spec, uint32_t file)
{
    return &spec->now.object[spec_file(spec, file)->object & (spec->table - 1)];
}
static inline bool spec_of_kind(const struct spec *spec, uint32_t file, enum spec_kind kind)
{
    return file && spec_object(spec, file)->kind == kind;
}
/* The kernel's own mappings have operations, but no file. */
static inline bool spec_is_special(const struct spec_page *page)
{
    return !page->file && page->flags & SNAP_DONTEXPAND;
}
static inline bool spec_is_anonymous(const struct spec_page *page)
{
    return !page->file && !(page->flags & SNAP_DONTEXPAND);
}

/* ---- spec.c: pages and VMAs ---- */
static inline bool spec_mapped(const struct spec *spec, const struct spec_space *space,
                               uint64_t page)
{
    return page < spec->config.task_size && space->mapped[page / 64] >> page % 64 & 1;
}
/* The VMA that has the page, which is mapped. */
struct spec_run spec_run_of(const struct spec *spec, const struct spec_space *space, uint64_t page);
/* First VMA that ends above the page; false: none. */
bool spec_run_from(const struct spec *spec, const struct spec_space *space, uint64_t page,
                   struct spec_run *run);
/* How many pages of [start, end) are in VMAs that have the flag. */
uint64_t spec_count_pages(const struct spec *spec, const struct spec_space *space, uint64_t start,
                          uint64_t end, uint64_t flag);
/* Last VMA that starts below the page (not: ends below). */
bool spec_run_before(const struct spec *spec, const struct spec_space *space, uint64_t page,
                     struct spec_run *run);
/* Is any page of [start, end) mapped? The range is not empty and ends within the task: calls have
 * refused any other before they ask. */
static inline bool spec_any_mapped(const struct spec_space *space, uint64_t start, uint64_t end)
{
    const uint64_t last = (end - 1) / 64;
    uint64_t i = start / 64, word = space->mapped[i] & ~UINT64_C(0) << start % 64;

    for (; i < last; word = space->mapped[++i])
        if (word)
            return true;
    return word & ~UINT64_C(0) >> (63 - (end - 1) % 64);
}
/* First mapped page at or above the page, or task_size. */
uint64_t spec_next_mapped(const struct spec *spec, const struct spec_space *space, uint64_t page);
/* First page at or above the page that is not mapped, or task_size. */
uint64_t spec_next_hole(const struct spec *spec, const struct spec_space *space, uint64_t page);
/* One past the last page below the page that is mapped (is not mapped), or 0. */
uint64_t spec_mapped_end(const struct spec_space *space, uint64_t page);
uint64_t spec_hole_end(const struct spec_space *space, uint64_t page);
uint64_t spec_count_mapped(const struct spec_space *space, uint64_t start, uint64_t end);
/* May page a and the one behind it, b, be in one VMA, as far as attributes decide? */
static inline bool spec_compatible(const struct spec *spec, const struct spec_page *a,
                                   const struct spec_page *b)
{
    return a->mapped && b->mapped && a->flags == b->flags && a->file == b->file &&
           a->pgoff + 1 == b->pgoff && a->policy == b->policy && a->context == b->context &&
           a->name == b->name && !(a->flags & SNAP_SPECIAL) &&
           !spec_of_kind(spec, a->file, SPEC_SYSV); /* its operations have a close */
}
static inline void spec_set_head(struct spec_space *space, uint64_t page, bool head)
{
    struct spec_page *p = &space->page[page];
    uint64_t bit = UINT64_C(1) << page % 64;

    space->map_count += (uint32_t)head - p->head;
    p->head = head;
    if (head)
        space->heads[page / 64] |= bit;
    else
        space->heads[page / 64] &= ~bit;
}
/* Pages [start, end), unmapped until now, become like `first`, with ascending pgoff. No head. */
void spec_map_pages(struct spec *spec, struct spec_space *space, uint64_t start, uint64_t end,
                    const struct spec_page *first);
/* All of [start, end) goes; no VMA reaches beyond either end. */
void spec_unmap_pages(struct spec *spec, struct spec_space *space, uint64_t start, uint64_t end);
/* None is mapped any more; counts nothing. */
void spec_empty_pages(struct spec_space *space);
/* Give mapped pages of one VMA other flags, policy, name, context; heads stay as they are. */
void spec_change_pages(struct spec *spec, struct spec_space *space, uint64_t start, uint64_t end,
                       const struct spec_page *to);
/* Make a VMA start at the page. limit: within max_map_count. 0, -ENOMEM, -EINVAL. */
int spec_split(struct spec *spec, struct spec_space *space, uint64_t page, bool limit);
/* Widens the last range if it is near, else takes a place of its own. */
void spec_add_range(struct spec_range *range, uint32_t *n, struct spec_range new);
static inline void spec_add_touched(struct spec *spec, const struct spec_space *space,
                                    struct spec_range *range, uint32_t *n, uint64_t start,
                                    uint64_t end)
{
    const struct spec_range new = {(unsigned)(space - spec->now.space), start, end};

    if (*n) {
        spec_add_range(range, n, new);
    } else {
        range[0] = new;
        *n = 1;
    }
}
/* Pages whose state the call may change; to be said at or before the change. */
static inline void spec_touch(struct spec *spec, const struct spec_space *space, uint64_t start,
                              uint64_t end)
{
    spec_add_touched(spec, space, spec->range, &spec->nr_ranges, start, end);
}
/* Pages that the call leaves unmapped if it fails from now on. */
static inline void spec_touch_gone(struct spec *spec, const struct spec_space *space,
                                   uint64_t start, uint64_t end)
{
    spec_add_touched(spec, space, spec->gone, &spec->nr_gone, start, end);
}
/* Pages that are not faulted if the call fails to merge them. */
void spec_touch_shared(struct spec *spec, const struct spec_space *space, uint64_t start,
                       uint64_t end);
/* Pages that have no contents of their own if the call fails before or while it gives them some. */
void spec_touch_bare(struct spec *spec, const struct spec_space *space, uint64_t start,
                     uint64_t end);
bool spec_in_ranges(const struct spec_range *range, uint32_t nr, unsigned proc, uint64_t page);
/* ---- spec_pin.c ---- */
/* What attached pins read is remembered: they may turn out to be left behind with it. */
void spec_begin_pins(struct spec *spec);
/* Pins of the page read from now on what it holds now, whatever becomes of it. */
void spec_detach_page(struct spec *spec, const struct spec_space *space, uint64_t page);
void spec_detach_object(struct spec *spec, uint32_t object, uint64_t index, uint64_t value);
/* The pin is not attached any more. Those that a call leaves behind at one place have been one
 * page, and still are. */
void spec_leave_behind(struct spec *spec, struct spec_hold *h);
/* They go along with the page. */
void spec_move_pins(struct spec *spec, const struct spec_space *space, uint64_t from, uint64_t to);
/* Whether pins of the page stay is the subject's to say after this call. */
void spec_doubt_pins(struct spec *spec, const struct spec_space *space, uint64_t page);

static inline struct spec_space *spec_begin(struct spec *spec, unsigned proc)
{
    spec->nr_ranges = 0;
    spec->nr_gone = 0;
    spec->nr_shared = 0;
    spec->nr_bare = 0;
    spec->prepared = false;
    spec->copied = false;
    spec->unlocked = false;
    spec->left = false;
    if (spec->now.nr_pins)
        spec_begin_pins(spec);
    return &spec->now.space[proc];
}

/* ---- spec_anon.c ---- */
/* Do writes to the page make a copy of its own? */
bool spec_has_own_pages(const struct spec_page *page);
/* What the merge rules say of [start, end), whose first and last page are going to be like this. */
struct spec_joins spec_may_join(const struct spec *spec, const struct spec_space *space,
                                uint64_t start, uint64_t end, const struct spec_page *first,
                                const struct spec_page *last);
/* May the VMA that ends at the page take in the next one, after it has grown in place? */
bool spec_growth_joins(const struct spec *spec, const struct spec_space *space, uint64_t page);
/* [start, end), in place by now, joins its neighbours so, or VMAs start at its edges. */
void spec_join(struct spec *spec, struct spec_space *space, uint64_t start, uint64_t end,
               struct spec_joins joins);
/* New pages as spec_map_pages() makes them, joined by the merge rules. */
void spec_map_joined(struct spec *spec, struct spec_space *space, uint64_t start, uint64_t end,
                     const struct spec_page *first);
/* The same for mmap. */
void spec_map_new(struct spec *spec, struct spec_space *space, uint64_t start, uint64_t end,
                  const struct spec_page *first);
/* The VMA that has the page gets its first page of its own, if it has none yet. */
void spec_prepare(struct spec *spec, struct spec_space *space, uint64_t page);
/* The VMA has none any more. */
void spec_unlink_anon(struct spec *spec, struct spec_space *space, struct spec_run vma);

/* ---- spec_contents.c ---- */
/* Private memory with frames: what is written to it is its own. */
static inline bool spec_is_private(const struct spec_page *page)
{
    return !(page->flags & (SNAP_SHARED | SNAP_MAYSHARE | SNAP_NO_FRAMES));
}
/* First page of [start, end) that is own, or end. */
uint64_t spec_next_own(const struct spec_space *space, uint64_t start, uint64_t end);
uint64_t spec_stored_value(const struct spec *spec, uint32_t object, uint64_t index);
uint64_t spec_stored_before(const struct spec *spec, uint32_t object, uint64_t index);
/* 0 or -ENOMEM. */
int spec_store(struct spec *spec, uint32_t object, uint64_t index, uint64_t value);
int spec_new_store(struct spec *spec);
void spec_empty_store(struct spec *spec);
/* The mapped page is written to, in a VMA that has its anon_vma by now. 0 or -ENOMEM. */
int spec_write_page(struct spec *spec, struct spec_space *space, uint64_t page, uint64_t stamp);
void spec_make_own(struct spec_space *space, uint64_t page, uint64_t value);
/* Pages of [start, end) have nothing of their own any more. Touches nothing: its callers do. */
void spec_end_own(struct spec *spec, struct spec_space *space, uint64_t start, uint64_t end);
/* What [from, from + pages) has of its own goes over to the pages from `to` on. */
void spec_move_own(struct spec *spec, struct spec_space *space, uint64_t from, uint64_t to,
                   uint64_t pages);
/* The child's pages are like the parent's. */
void spec_inherit_own(const struct spec_space *from, struct spec_space *to, struct spec_run vma);
/* What advice on contents does to the piece of a VMA, after nothing was to be said against it. */
void spec_advise_contents(struct spec *spec, struct spec_space *space, uint64_t start, uint64_t end,
                          int advice);
/* Takes the subject's word for zeroes in a page that is lazily freed. */
void spec_settle(struct spec *spec, unsigned proc, uint64_t page, const struct spec_seen *seen);

/* ---- spec_populate.c ---- */
enum spec_populate {
    SPEC_LOCKED,     /* only locked memory is written to; stop at the first error */
    SPEC_LOCKED_ALL, /* the same, and go on behind an error */
    SPEC_WANTED,     /* go on, whatever is locked */
};
/* Faults pages in: writable private ones become own. 0, or the first error. */
int spec_populate(struct spec *spec, struct spec_space *space, uint64_t start, uint64_t end,
                  enum spec_populate how);
/* The same for a piece of one VMA that is accessible and has frames. 0 or -ENXIO: not all of it is
 * in the file. */
int spec_fault_in(struct spec *spec, struct spec_space *space, uint64_t start, uint64_t end,
                  bool write);
/* madvise's forms. Pages. */
long spec_populate_range(struct spec *spec, struct spec_space *space, uint64_t start, uint64_t end,
                         bool write);

/* ---- spec_huge.c ---- */
/* Reads of [start, end), which is of one VMA: they prepare it where it takes huge pages. */
void spec_read_in(struct spec *spec, struct spec_space *space, uint64_t start, uint64_t end);
/* madvise collapse behind its argument checks; pages. */
long spec_collapse(struct spec *spec, const struct spec_space *space, uint64_t start, uint64_t end,
                   const struct spec_seen *seen);

/* ---- spec_fault.c ---- */
enum spec_intent { SPEC_DIRECT, SPEC_REMOTE, SPEC_FORCED };
/* May the page at addr be accessed so? Stacks grow to it. 0 or an error. */
int spec_may_access(struct spec *spec, struct spec_space *space, uint64_t addr, int access,
                    enum spec_intent intent);

/* ---- spec_fork.c ---- */
/* Arrays for a process with this number, unless there are some. 0 or -ENOMEM. */
int spec_make_space(struct spec *spec, unsigned proc);
void spec_free_space(struct spec_space *space);

/* ---- spec_adopt_contents.c ---- */
/* May the mapped page hold what the subject shows there? Attributes are those of before, or those
 * that the call leaves, or both. */
bool spec_may_show(struct spec *spec, const struct spec_subject *subject, unsigned proc,
                   uint64_t page, bool as_before, bool as_after);
/* After that was asked for all pages of the VMA, which is mapped anew by now. */
void spec_take_contents(struct spec *spec, unsigned proc, struct spec_run vma);
/* After all pages are taken over. */
void spec_take_pins(struct spec *spec, bool refused);

/* ---- spec.c: totals and limits ---- */
void spec_account(struct spec *spec, struct spec_space *space, uint64_t flags, int64_t pages);
bool spec_may_expand(const struct spec *spec, const struct spec_space *space, uint64_t flags,
                     uint64_t pages);
bool spec_may_charge(const struct spec *spec, const struct spec_space *space, uint64_t pages);
bool spec_can_mlock(const struct spec *spec, const struct spec_space *space);
/* May so many pages more be locked? */
bool spec_may_lock(const struct spec *spec, const struct spec_space *space, uint64_t pages);

/* ---- spec_search.c ---- */
/* addr, len: bytes. The address in bytes, or -errno. */
long spec_get_unmapped_area(const struct spec *spec, const struct spec_space *space,
                            const struct spec_page *want, uint64_t addr, uint64_t len, bool fixed,
                            const struct spec_seen *seen);
uint64_t spec_start_gap(const struct spec *spec, const struct spec_space *space, uint64_t start);
/* A hint as user space gives it: page-aligned, not below the minimum address unless zero. */
uint64_t spec_round_hint(const struct spec *spec, uint64_t addr);

/* ---- spec_mmap.c ---- */
/* munmap() behind its argument checks; pages, at least one. 0, -ENOMEM, -EINVAL. */
int spec_unmap_range(struct spec *spec, struct spec_space *space, uint64_t start, uint64_t end);
/* munmap() as it is called; bytes. */
long spec_unmap_call(struct spec *spec, struct spec_space *space, uint64_t addr, uint64_t len);

/* ---- spec_attr.c ---- */
/* Piece [start, end) of the VMA becomes like `to` in flags, policy, name and context: joined with
 * compatible neighbours, split off otherwise. 0, -ENOMEM, -EINVAL. */
int spec_change_piece(struct spec *spec, struct spec_space *space, struct spec_run vma,
                      uint64_t start, uint64_t end, const struct spec_page *to);

/* Names by value: the first use gives one its number. NULL: 0. */
uint8_t spec_name_number(struct spec *spec, const char *name);

/* ---- spec_object.c ---- */
/* A new file of an object (0: of a new object of this kind and size), not yet referred to. */
uint32_t spec_new_file(struct spec *spec, uint32_t object, unsigned kind, unsigned mode,
                       uint64_t size);
/* References come and go; the last one takes the file along. pages: mapped with these flags. */
void spec_file_ref(struct spec *spec, uint32_t file, int64_t n);
void spec_file_map(struct spec *spec, uint32_t file, uint64_t flags, int64_t pages);

#endif
