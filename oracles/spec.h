/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The flat specification: what the mm should answer, worked out page by page on plain arrays.
 *
 * It shares no code, type or constant with the model. An address space is an array with one entry
 * per page; a bit says where a VMA starts, and merge rules are stated as a property of two adjacent
 * pages. Address search is a scan over all pages. It is slow on purpose where that keeps it
 * obvious, and costs no more than the pages that an operation names.
 *
 * Units: addresses and lengths are bytes; pages in the arrays. Errors are negative errno values.
 */
#ifndef ORACLES_SPEC_H
#define ORACLES_SPEC_H

#include "oracles/snapshot.h"

#include <stddef.h>

enum spec_rules {
    SPEC_LINUX_4_4,
    SPEC_LINUX_5_10,
    SPEC_LINUX_6_1,
    SPEC_LINUX_6_12,
    SPEC_LINUX_6_18
};

/* As struct world_config of the model, but a type of its own. Sizes in pages. */
struct spec_config {
    enum spec_rules rules;
    bool legacy_layout, privileged, read_implies_exec;
    uint8_t overcommit;
    uint64_t task_size, mmap_base, mmap_min_addr, start_brk, stack_guard_gap, max_map_count;
    uint64_t total_ram, admin_reserve, user_reserve;
};

/* One page of one address space. All zero: not mapped. Two of them fill a cache line. */
struct spec_page {
    uint64_t flags; /* SNAP_*; meaningless unless mapped */
    uint64_t pgoff;
    uint32_t file;      /* serial number of the struct file behind it, 0: none; never reused */
    uint32_t context;   /* serial number of the userfault context, 0: none; never reused */
    uint32_t anon;      /* 0: not faulted; else identity of its anon_vma as told by
                            spec_tell_anon(), SPEC_ANON_UNTOLD until then */
    uint8_t head;       /* 1: a VMA starts here */
    uint8_t mapped : 1; /* 1 */
    uint8_t cloned : 1; /* 1: its VMA is chained to several anon_vmas (inherited over fork) */
    uint8_t own : 1;    /* 1: private memory that has contents of its own: spec_contents() */
    uint8_t lazy : 1;   /* 1: lazily freed: may read as zeroes from any time on, until written */
    uint8_t policy;     /* mode << 4 | nodes, 0: none */
    uint8_t name;       /* number of the name in the order of first use, 0: none */
};

#define SPEC_MAX_RANGES 16 /* at least one for each process */
/* Pages that the last call may have changed, [start, end); starts and ends of VMAs at `end` too. */
struct spec_range {
    unsigned proc;
    uint64_t start, end;
};

#define SPEC_ANON_UNTOLD UINT32_MAX
/*
 * Which VMAs share an anon_vma is the subject's choice, judged by the anon.* laws. The
 * specification knows which pages belong to a faulted VMA; it is told the identities after each
 * call, because the merge rules ask for them: on every touched page that is faulted. start, end:
 * pages; the whole VMA of each of them is meant. identity > 0.
 */
struct spec;
void spec_tell_anon(struct spec *spec, unsigned proc, uint64_t start, uint64_t end,
                    uint32_t identity, bool cloned);

/*
 * Contents, by value: what a read of the page would answer (0: zeroes), whoever has which copy. The
 * page is mapped. Memory without frames (IO, PFNMAP, hugetlb) reads as 0.
 */
uint64_t spec_contents(const struct spec *spec, unsigned proc, uint64_t page);
/* The subject shows zeroes where page->lazy allows it, and has a page of its own there, or none: so
 * it is from now on. false: it may not, the page is not lazy, or a strict pin holds it. */
bool spec_tell_zero(struct spec *spec, unsigned proc, uint64_t page, bool own);
/* The subject shows zeroes in a page that reads so, and has no page of its own there any more: it
 * was a part of a huge page that was split. false: that cannot be. */
bool spec_tell_bare(struct spec *spec, unsigned proc, uint64_t page);
/* In pages [start, end) of one block (2 MiB) the subject has pages of its own, which are zeroes
 * where nothing was: a huge page has come to be there. false: that cannot be: the block is not
 * private anonymous memory of one VMA. */
bool spec_tell_own(struct spec *spec, unsigned proc, uint64_t start, uint64_t end);
/*
 * A pin is attached to the page of a process that it was taken from, or to a page of an object, or
 * to nobody's page any more. While attached to a process, it and the process see the same contents,
 * and it moves along (mremap); unmapping detaches it, with the contents of that moment.
 */
#define SPEC_PINS 16
struct spec_pin {
    bool used, write;
    bool attached; /* to (proc, page) */
    bool strict;   /* only the specification detaches it: a write pin, rules since linux-6.1 */
    unsigned proc;
    uint64_t page;
};
const struct spec_pin *spec_pin(const struct spec *spec, unsigned n);
uint64_t spec_pin_contents(const struct spec *spec, unsigned n); /* what device_read would answer */
/* Told after each call (and adoption) for each pin that is attached and not strict: does the
 * process still have the pinned frame there? If not it is detached, with what it read as before the
 * call. */
void spec_tell_pin(struct spec *spec, unsigned n, bool coherent);

/* What the subject answered. The specification judges choices that it leaves free by it. */
struct spec_seen {
    long ret;           /* the subject's return value */
    bool verify_search; /* true: only check that a chosen address is free and legal, and take it
                           (O(length)); false: search all pages and insist on the same answer */
};

struct spec;
struct spec *spec_new(void); /* NULL: out of memory */
void spec_free(struct spec *spec);
/* Empty, with process 0; costs the pages that were used. 0, -EINVAL or -ENOMEM. */
int spec_reset(struct spec *spec, const struct spec_config *config);

/* The next call is about this address: what it looks at there may be fetched meanwhile. */
void spec_expect(const struct spec *spec, unsigned proc, uint64_t addr);

/* What the touched laws read. */
/* task_size entries; NULL: no process had this number yet */
const struct spec_page *spec_pages(const struct spec *spec, unsigned proc);
const struct snap_proc *spec_totals(const struct spec *spec, unsigned proc); /* kept up to date */
int64_t spec_committed(const struct spec *spec);
/* The first mapped page of [start, end), or end; of what is beyond task_size, that. */
uint64_t spec_first_mapped(const struct spec *spec, unsigned proc, uint64_t start, uint64_t end);
bool spec_has_own(const struct spec *spec, unsigned proc); /* any page with contents of its own */
/* The first page of [start, end) that has contents of its own, or end. */
uint64_t spec_first_own(const struct spec *spec, unsigned proc, uint64_t start, uint64_t end);
uint32_t spec_map_count(const struct spec *spec, unsigned proc);
/* Ranges changed by the last call; *n of them. More than fit: the last one is widened. They cover
 * changed contents too, but of shared memory only the page that the call wrote through: whoever
 * else maps the object is left to full comparisons. */
const struct spec_range *spec_touched(const struct spec *spec, unsigned *n);

/* Picture of the whole; numbers objects by first appearance like any other subject, and shows
 * anon_vmas as 1. 0 or -ENOMEM. */
int spec_snapshot(const struct spec *spec, struct snapshot *out);
/* What a subject shows at a mapped page: what a read would answer; *own: the page has contents of
 * its own there (an anonymous frame or its swap entry; not: nothing, page of zeroes, page of a
 * file). */
typedef uint64_t spec_reader(void *arg, unsigned proc, uint64_t page, bool *own);
struct spec_subject {
    const struct snapshot *picture;
    spec_reader *read; /* asked for pages that the picture maps */
    void *arg;
    bool refused; /* the call answered that it failed */
};
/* After a call in which an allocation was made to fail: take over the subject's state, if every
 * page of it is as it was before the call, or as the call in full leaves it, or unmapped where
 * either is, and the processes are those of before; the same of its contents, and of those of
 * objects that it shows. spec_before() must have been called before the call. All identities are to
 * be told again then. Returns true, or false with one sentence in `why` and nothing taken over. */
void spec_before(struct spec *spec);
bool spec_adopt(struct spec *spec, const struct spec_subject *subject, char *why, size_t why_size);

/* The calls: same meaning as the system calls; the expected return value comes back. */
long spec_mmap(struct spec *, unsigned proc, uint64_t addr, uint64_t len, int prot, int flags,
               int fd, uint64_t off, const struct spec_seen *seen);
long spec_munmap(struct spec *, unsigned proc, uint64_t addr, uint64_t len);
long spec_mprotect(struct spec *, unsigned proc, uint64_t addr, uint64_t len, int prot);
long spec_mremap(struct spec *, unsigned proc, uint64_t addr, uint64_t old_len, uint64_t new_len,
                 int flags, uint64_t new_addr, const struct spec_seen *seen);
long spec_brk_call(struct spec *, unsigned proc, uint64_t brk);
long spec_mlock(struct spec *, unsigned proc, uint64_t addr, uint64_t len);
long spec_mlock2(struct spec *, unsigned proc, uint64_t addr, uint64_t len, int flags);
long spec_munlock(struct spec *, unsigned proc, uint64_t addr, uint64_t len);
long spec_mlockall(struct spec *, unsigned proc, int flags);
long spec_munlockall(struct spec *, unsigned proc);
/* seen: whether a collapse is refused is left to the subject, as far as it depends on frames. */
long spec_madvise(struct spec *, unsigned proc, uint64_t addr, uint64_t len, int advice,
                  const struct spec_seen *seen);
long spec_mbind(struct spec *, unsigned proc, uint64_t addr, uint64_t len, int mode, unsigned nodes,
                unsigned flags);
long spec_prctl_set_vma_name(struct spec *, unsigned proc, uint64_t addr, uint64_t len,
                             const char *name);
long spec_remap_file_pages(struct spec *, unsigned proc, uint64_t addr, uint64_t size, int prot,
                           uint64_t pgoff, int flags);
long spec_mincore(struct spec *, unsigned proc, uint64_t addr, uint64_t len);
long spec_msync(struct spec *, unsigned proc, uint64_t addr, uint64_t len, int flags);
long spec_setrlimit(struct spec *, unsigned proc, unsigned which, uint64_t pages);
long spec_fork(struct spec *, unsigned proc, unsigned child);
long spec_exit(struct spec *, unsigned proc);
/* seen: of what is lazily freed, the subject's answer decides whether it reads as zeroes. */
long spec_access(struct spec *, unsigned proc, uint64_t addr, int access, bool remote,
                 uint64_t stamp, const struct spec_seen *seen);
/* dropped: between fault and second look the page goes as by madvise dontneed. */
long spec_force_write(struct spec *, unsigned proc, uint64_t addr, bool dropped, uint64_t stamp);
long spec_pin_page(struct spec *, unsigned proc, unsigned n, uint64_t addr, bool write);
long spec_unpin(struct spec *, unsigned n);
long spec_device_read(struct spec *, unsigned n, const struct spec_seen *seen);
long spec_device_write(struct spec *, unsigned n, uint64_t stamp);
/* What the mm does behind everybody's back: khugepaged, reclaim, migration, walks, swapoff. Nothing
 * changes. */
long spec_nothing(struct spec *, unsigned proc);
/* The scanner of KSM. Contents stay; those that are zero may be no page of their own any more. */
long spec_ksm(struct spec *, unsigned proc, uint64_t addr, uint64_t len, bool use_zero_pages);
long spec_set_exe_file(struct spec *, unsigned proc, unsigned fd);
long spec_install_special(struct spec *, unsigned proc, uint64_t hint, uint64_t len,
                          const struct spec_seen *seen);
long spec_find(struct spec *, unsigned proc, uint64_t addr);
long spec_find_prev(struct spec *, unsigned proc, uint64_t addr);
long spec_find_intersection(struct spec *, unsigned proc, uint64_t start, uint64_t end);
long spec_gate(struct spec *, unsigned proc, uint64_t addr);
long spec_open(struct spec *, unsigned fd, unsigned kind, unsigned mode, uint64_t pages);
long spec_reopen(struct spec *, unsigned fd, unsigned old_fd, unsigned mode);
long spec_dup(struct spec *, unsigned fd, unsigned old_fd);
long spec_close(struct spec *, unsigned fd);
long spec_seal_write(struct spec *, unsigned fd);
long spec_uffd_create(struct spec *, unsigned ufd, unsigned proc);
long spec_uffd_close(struct spec *, unsigned ufd);
long spec_uffd_register(struct spec *, unsigned ufd, uint64_t addr, uint64_t len, uint64_t mode);
long spec_uffd_unregister(struct spec *, unsigned ufd, uint64_t addr, uint64_t len);

#endif
