/* SPDX-License-Identifier: GPL-2.0-only */
/* What apply_linux.c, can_linux.c, files_linux.c and subject_linux.c share with each other only. */
#ifndef HARNESS_LINUX_SUBJECT_LINUX_H
#define HARNESS_LINUX_SUBJECT_LINUX_H

#include "harness/linux/compaction.h"
#include "harness/linux/huge.h"
#include "harness/linux/linux.h"
#include "harness/linux/processes.h"
#include "harness/linux/swap.h"

#include <linux/io_uring.h>
#include <sched.h>

/* An object that was opened: who made it can still reach it, whatever its descriptors are. */
struct linux_object {
    bool memfd; /* FILE_SHMEM of its own: it can be sealed */
    enum file_kind kind;
};
#define MAX_LINUX_OBJECTS 512 /* of one world: descriptors are not endless */

/* pins_linux.c */
struct linux_pins {
    bool there; /* pins are possible */
    pid_t of;   /* the template whose ring it is */
    int ring, pipe[2];
    struct io_uring_params params;
    char *rings, *entries; /* the ring's memory */
    size_t size, entries_size;
    uint64_t at[MAX_PINS]; /* kernel address of the page when it was pinned; 0: not in use */
};

/* uffd_linux.c */
struct linux_contexts {
    bool there;    /* they are possible */
    bool protects; /* write protection can be registered, of shared memory too */
    int flags;     /* of userfaultfd() */
    bool used[MAX_FDS];
    uint8_t proc[MAX_FDS]; /* whose memory */
};

struct subject_linux {
    struct subject base;
    struct linux_options o;
    struct world_config config;
    struct processes p;
    struct linux_swap swap;
    pid_t grouped; /* the template that is in the memory cgroup, with all that come from it */
    struct linux_compaction compaction;
    struct linux_huge huge;
    pid_t huge_template; /* the template that may have huge pages, and its children */
    const char *no_huge; /* the kernel had none for this world; NULL: it had */
    void *own_page;      /* of the harness: see empty_batches() */
    struct linux_pins pins;
    struct linux_contexts contexts;
    struct linux_reader *reader; /* NULL: no pictures */
    struct linux_object object[MAX_LINUX_OBJECTS];
    unsigned nr_objects;
    int object_of[MAX_FDS];       /* of the world's descriptors; -1: not open */
    uint64_t hard[NR_MM_RLIMITS]; /* pages; MM_RLIM_INFINITY */
    uint32_t changed; /* processes whose mappings may not be those of the last picture */
    bool called;      /* something, since the last picture */
    bool can_find;
    bool can_lock_all;  /* before 5.18 unlocking looks at each page of the filler */
    bool can_bind;      /* there are memory policies: the kernel knows of nodes */
    bool can_name;      /* prctl PR_SET_VMA_ANON_NAME is configured */
    bool merges_itself; /* the kernel's KSM is on: pages would change that nobody has touched */
    cpu_set_t cpus;     /* the harness' own, before */
};

static inline struct subject_linux *linux_of(struct subject *s)
{
    return (struct subject_linux *)s;
}

/* ---- subject_linux.c ---- */
bool linux_may_lock_memory(void); /* CAP_IPC_LOCK: without being charged for it */
/* prlimit(), for enum mm_rlimit. */
struct rlimit;
int linux_prlimit(pid_t pid, unsigned kind, const struct rlimit *set, struct rlimit *get);

/* ---- apply_linux.c ---- */
long apply_linux(struct subject_linux *l, const struct call *c);
bool linux_has_operation(enum op_kind kind);
/* Of the descriptor tables of all processes: the template's. */
long template_call(struct subject_linux *l, long nr, uint64_t a, uint64_t b, uint64_t c,
                   uint64_t d);
/* The descriptor, unless it is an error, becomes number `to`. 0 or -errno. */
long template_place(struct subject_linux *l, long fd, int to);

/* ---- can_linux.c ---- */
const char *linux_refuses(struct subject *s, const struct call *c);

/* ---- remote_linux.c: what another process does to a process' memory ---- */
long linux_peek(struct subject_linux *l, const struct call *c);
long linux_poke(struct subject_linux *l, const struct call *c);
long linux_force(struct subject_linux *l, const struct call *c);

/* Why the kernel says EFAULT, or EIO: -EFAULT, or -ENXIO where the memory may be used so: then it
 * lies behind the end of its file. */
long linux_why_refused(struct subject_linux *l, const struct call *c, bool write, bool force);

/* ---- pins_linux.c ---- */
void linux_pins_reset(struct subject_linux *l); /* after processes_reset() */
void linux_pins_close(struct subject_linux *l);
long linux_pin(struct subject_linux *l, const struct call *c);
long linux_unpin(struct subject_linux *l, const struct call *c);
long linux_device_read(struct subject_linux *l, const struct call *c);
long linux_device_write(struct subject_linux *l, const struct call *c);

/* ---- uffd_linux.c ---- */
void linux_contexts_find(struct subject_linux *l); /* what the kernel can do */
void linux_contexts_reset(struct subject_linux *l);
bool linux_can_context(const struct subject_linux *l, const struct call *c);
long linux_uffd(struct subject_linux *l, const struct call *c);
long linux_uffd_close(struct subject_linux *l, const struct call *c);
long linux_uffd_register(struct subject_linux *l, const struct call *c);
long linux_uffd_unregister(struct subject_linux *l, const struct call *c);
/* The access was refused: is that because of a page that is for a handler to bring? Then it is
 * there now, and the access has to be made again. */
bool linux_resolves(struct subject_linux *l, unsigned proc, uint64_t addr);

/* ---- find_linux.c ---- */
bool linux_finds(pid_t pid); /* the kernel can be asked */
long linux_find(struct subject_linux *l, const struct call *c);

/* ---- files_linux.c: answers as the model's ---- */
void linux_files_reset(struct subject_linux *l);
bool linux_can_file(const struct subject_linux *l, const struct call *c);
long linux_open(struct subject_linux *l, const struct call *c);
long linux_reopen(struct subject_linux *l, const struct call *c);
long linux_dup(struct subject_linux *l, const struct call *c);
long linux_close(struct subject_linux *l, const struct call *c);
long linux_seal(struct subject_linux *l, const struct call *c);

#endif
