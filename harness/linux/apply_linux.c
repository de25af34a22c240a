/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's column of the table of operations: as the system calls that they are. */
#define _GNU_SOURCE
#include "harness/linux/subject_linux.h"

#include <fcntl.h>
#include <linux/mempolicy.h>
#include <linux/prctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

typedef long apply_fn(struct subject_linux *l, const struct call *c);

/* nr(a, b, ...) by the process of the call */
#define CALL(nr, a, b, c_, d, e, f)                                                                \
    processes_call(&l->p, c->proc, SYS_##nr, (uint64_t)(a), (uint64_t)(b), (uint64_t)(c_),         \
                   (uint64_t)(d), (uint64_t)(e), (uint64_t)(f))

long template_call(struct subject_linux *l, long nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    return processes_call(&l->p, AGENT_TEMPLATE, nr, a, b, c, d, 0, 0);
}

long template_place(struct subject_linux *l, long fd, int to)
{
    long ret;

    if (fd < 0)
        return fd;
    ret = template_call(l, SYS_dup3, (uint64_t)fd, (uint64_t)to, O_CLOEXEC, 0);
    template_call(l, SYS_close, (uint64_t)fd, 0, 0, 0);
    return ret < 0 ? ret : 0;
}

static uint64_t addr_of(const struct call *c)
{
    return window_to_kernel(c->addr);
}

static uint64_t len_of(const struct call *c)
{
    return window_length(c->addr, c->len);
}

static long address_answer(long ret)
{
    return ret < 0 ? ret : (long)window_from_kernel((uint64_t)ret);
}

/* A hint as the kernel would take it in the world: the lowest pages are the filler's here, and one
 * that is out of the world must not lead out of the window. */
static uint64_t hint_of(uint64_t addr)
{
    const uint64_t page = addr & PAGE_MASK, min = world_config_default.mmap_min_addr << PAGE_SHIFT;

    if (!page)
        return 0;
    if (page < min)
        return window_to_kernel(min);
    return page < window_size() ? window_to_kernel(addr) : AGENT_BASE;
}

static long apply_MMAP(struct subject_linux *l, const struct call *c)
{
    const bool fixed = c->flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);
    const int fd = c->flags & MAP_ANONYMOUS || c->fd < 0 ? -1 : AGENT_FD_WORLD + c->fd;

    return address_answer(CALL(mmap, fixed ? addr_of(c) : hint_of(c->addr),
                               fixed ? len_of(c) : window_length(0, c->len), c->prot, c->flags, fd,
                               c->off));
}

static long apply_MREMAP(struct subject_linux *l, const struct call *c)
{
    const bool placed = c->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP);
    const bool hinted = placed && !(c->flags & MREMAP_FIXED);

    return address_answer(
        CALL(mremap, addr_of(c), c->len,
             placed ? window_length(c->to, c->new_len) : window_length(0, c->new_len), c->flags,
             hinted && !c->to ? 0 : window_to_kernel(c->to), 0));
}

static long apply_BRK(struct subject_linux *l, const struct call *c)
{
    return address_answer(CALL(brk, addr_of(c), 0, 0, 0, 0, 0));
}

/* What is the agent's own is not locked, so that locked memory is the world's alone. */
static long apply_MLOCKALL(struct subject_linux *l, const struct call *c)
{
    const uint64_t first = AGENT_WINDOW + AGENT_WINDOW_FIRST;
    const uint64_t end = AGENT_WINDOW + AGENT_WINDOW_SIZE;
    long ret = CALL(mlockall, c->flags, 0, 0, 0, 0, 0);

    if (ret || !(c->flags & MCL_CURRENT))
        return ret;
    CALL(munlock, l->p.filled_from, first - l->p.filled_from, 0, 0, 0, 0);
    CALL(munlock, end, AGENT_END - end, 0, 0, 0, 0);
    return 0;
}

static long apply_NAME(struct subject_linux *l, const struct call *c)
{
    char *data = (char *)processes_slot(&l->p, c->proc)->data;

    if (c->name)
        snprintf(data, SLOT_DATA, "%s", c->name);
    return CALL(prctl, PR_SET_VMA, PR_SET_VMA_ANON_NAME, addr_of(c), len_of(c),
                c->name ? AGENT_DATA(c->proc) : 0, 0);
}

#define NO_MODE 99    /* the kernel knows more of them than the world */
#define MASK_WORDS 64 /* of more nodes than any kernel has */

static long apply_MBIND(struct subject_linux *l, const struct call *c)
{
    uint64_t *mask = (uint64_t *)processes_slot(&l->p, c->proc)->data;
    int mode = c->sel <= MPOL_LOCAL ? (int)c->sel : NO_MODE;

    memset(mask, 0, MASK_WORDS * sizeof(*mask));
    mask[0] = nodes_to_mask((unsigned)c->flags);
    if ((unsigned)c->flags & ~ALL_NODES)
        mask[MASK_WORDS - 1] = 1;
    if (mask[0] && mode != NO_MODE)
        mode |= MPOL_F_STATIC_NODES;
    /* the kernel takes one bit less */
    return CALL(mbind, addr_of(c), len_of(c), mode, AGENT_DATA(c->proc), MASK_WORDS * 64 + 1, 0);
}

static long touch(struct subject_linux *l, const struct call *c, enum agent_kind kind,
                  uint64_t stamp)
{
    struct agent_slot *slot = processes_slot(&l->p, c->proc);
    long ret;

    if (c->addr >= window_size())
        return -EFAULT;
    do {
        slot->kind = kind;
        slot->arg[0] = window_to_kernel(c->addr & PAGE_MASK);
        slot->arg[1] = stamp;
        ret = processes_ask(&l->p, c->proc);
    } while (ret == -ENXIO && linux_resolves(l, c->proc, c->addr));
    return ret;
}

/* Page by page, since the advice ends at the first VMA that it is not for. */
static long apply_RECLAIM(struct subject_linux *l, const struct call *c)
{
    const uint64_t min = world_config_default.mmap_min_addr << PAGE_SHIFT;
    const uint64_t max = window_size();
    struct agent_slot *slot = processes_slot(&l->p, c->proc);
    uint64_t from = c->addr & PAGE_MASK, to = c->addr + c->len;

    if (to < c->addr || to > max)
        to = max;
    if (from < min)
        from = min;
    if (!c->len || from >= to)
        return 0;
    slot->kind = AGENT_EACH;
    slot->nr = SYS_madvise;
    slot->arg[0] = window_to_kernel(from);
    slot->arg[1] = WINDOW_BASE + to;
    slot->arg[2] = MADV_PAGEOUT;
    return processes_ask(&l->p, c->proc);
}

/* Hard limits stay: who lowers them cannot raise them again. */
static long apply_SETRLIMIT(struct subject_linux *l, const struct call *c)
{
    const pid_t pid = l->p.pid[c->proc];
    struct rlimit r;

    if (c->sel >= NR_MM_RLIMITS)
        return -EINVAL;
    if (linux_prlimit(pid, c->sel, NULL, &r))
        return -errno;
    r.rlim_cur = c->pages == MM_RLIM_INFINITY ? RLIM_INFINITY : c->pages << PAGE_SHIFT;
    if (c->sel == MM_RLIMIT_AS && c->pages != MM_RLIM_INFINITY)
        r.rlim_cur = c->pages < (UINT64_MAX >> PAGE_SHIFT) - l->p.own_pages
                         ? (c->pages + l->p.own_pages) << PAGE_SHIFT
                         : RLIM_INFINITY;
    if (c->sel == MM_RLIMIT_DATA && !c->pages)
        r.rlim_cur = 1; /* 0 is no limit at all while the hard one allows more */
    return linux_prlimit(pid, c->sel, &r, NULL) ? -errno : 0;
}

static long apply_FORK(struct subject_linux *l, const struct call *c)
{
    if (c->child >= MAX_PROCS || l->p.pid[c->child])
        return -EAGAIN;
    return processes_fork(&l->p, c->proc, c->child);
}

#define APPLY(name, expression)                                                                    \
    static long apply_##name(struct subject_linux *l, const struct call *c)                        \
    {                                                                                              \
        (void)l, (void)c;                                                                          \
        return expression;                                                                         \
    }

APPLY(MUNMAP, CALL(munmap, addr_of(c), len_of(c), 0, 0, 0, 0))
APPLY(MPROTECT, CALL(mprotect, addr_of(c), len_of(c), c->prot, 0, 0, 0))
APPLY(MLOCK, CALL(mlock, addr_of(c), len_of(c), 0, 0, 0, 0))
APPLY(MLOCK2, CALL(mlock2, addr_of(c), len_of(c), c->flags, 0, 0, 0))
APPLY(MUNLOCK, CALL(munlock, addr_of(c), len_of(c), 0, 0, 0, 0))
APPLY(MUNLOCKALL, CALL(munlockall, 0, 0, 0, 0, 0, 0))
APPLY(MADVISE, CALL(madvise, addr_of(c), len_of(c), (int)c->sel, 0, 0, 0))
APPLY(REMAP_FILE_PAGES, CALL(remap_file_pages, addr_of(c), len_of(c), c->prot, c->off, 0, 0))
APPLY(MINCORE, CALL(mincore, addr_of(c), len_of(c), AGENT_DATA(c->proc), 0, 0, 0))
APPLY(MSYNC, CALL(msync, addr_of(c), len_of(c), c->flags, 0, 0, 0))
APPLY(READ, touch(l, c, AGENT_READ, 0))
APPLY(EXEC, touch(l, c, AGENT_FETCH, 0))
APPLY(WRITE, touch(l, c, AGENT_WRITE, c->stamp))
APPLY(FILL, touch(l, c, AGENT_WRITE, fill_stamp(c->sel)))
APPLY(POKE, linux_poke(l, c))
APPLY(PEEK, linux_peek(l, c))
APPLY(FORCE, linux_force(l, c))
APPLY(SWAPOFF, linux_swap_cycle(&l->swap))
APPLY(MIGRATE, linux_compact(&l->compaction, l->p.pid))
APPLY(FIND, linux_find(l, c))
APPLY(FIND_PREV, linux_find(l, c))
APPLY(FIND_RANGE, linux_find(l, c))
APPLY(PIN, linux_pin(l, c))
APPLY(UNPIN, linux_unpin(l, c))
APPLY(DEVICE_READ, linux_device_read(l, c))
APPLY(DEVICE_WRITE, linux_device_write(l, c))
APPLY(OPEN, linux_open(l, c))
APPLY(REOPEN, linux_reopen(l, c))
APPLY(DUP, linux_dup(l, c))
APPLY(CLOSE, linux_close(l, c))
APPLY(SEAL, linux_seal(l, c))
APPLY(UFFD, linux_uffd(l, c))
APPLY(UFFD_CLOSE, linux_uffd_close(l, c))
APPLY(UFFD_REGISTER, linux_uffd_register(l, c))
APPLY(UFFD_UNREGISTER, linux_uffd_unregister(l, c))
APPLY(EXIT, processes_exit(&l->p, c->proc))

static apply_fn *const column[NR_OPS] = {
#define COLUMN(name) [OP_##name] = apply_##name
    COLUMN(MMAP),
    COLUMN(MUNMAP),
    COLUMN(MPROTECT),
    COLUMN(MREMAP),
    COLUMN(BRK),
    COLUMN(MLOCK),
    COLUMN(MLOCK2),
    COLUMN(MUNLOCK),
    COLUMN(NAME),
    COLUMN(MLOCKALL),
    COLUMN(MUNLOCKALL),
    COLUMN(MADVISE),
    COLUMN(MINCORE),
    COLUMN(MSYNC),
    COLUMN(REMAP_FILE_PAGES),
    COLUMN(READ),
    COLUMN(WRITE),
    COLUMN(POKE),
    COLUMN(PEEK),
    COLUMN(FORCE),
    COLUMN(OPEN),
    COLUMN(SETRLIMIT),
    COLUMN(REOPEN),
    COLUMN(DUP),
    COLUMN(CLOSE),
    COLUMN(SEAL),
    COLUMN(FORK),
    COLUMN(EXIT),
    COLUMN(RECLAIM),
    COLUMN(SWAPOFF),
    COLUMN(MIGRATE), /* of all, wherever they are */
    COLUMN(EXEC),
    COLUMN(FIND),
    COLUMN(FIND_PREV),
    COLUMN(FIND_RANGE),
    COLUMN(PIN),
    COLUMN(UNPIN),
    COLUMN(DEVICE_READ),
    COLUMN(DEVICE_WRITE),
    COLUMN(FILL),
    COLUMN(MBIND),
    COLUMN(UFFD),
    COLUMN(UFFD_CLOSE),
    COLUMN(UFFD_REGISTER),
    COLUMN(UFFD_UNREGISTER),
};

bool linux_has_operation(enum op_kind kind)
{
    return column[kind] != NULL;
}

long apply_linux(struct subject_linux *l, const struct call *c)
{
    if (!column[c->kind])
        return -ENOSYS;
    return column[c->kind](l, c);
}
