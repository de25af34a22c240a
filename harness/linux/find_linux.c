/* SPDX-License-Identifier: GPL-2.0-only */
/* Lookups: the kernel's own, asked through /proc/PID/maps (PROCMAP_QUERY, since 6.11). */
#define _GNU_SOURCE
#include "harness/linux/subject_linux.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* As in <linux/fs.h>, which may be older than the kernel. */
struct map_query {
    uint64_t size, query_flags, query_addr;
    uint64_t vma_start, vma_end, vma_flags, vma_page_size, vma_offset, inode;
    uint32_t dev_major, dev_minor, vma_name_size, build_id_size;
    uint64_t vma_name_addr, build_id_addr;
};
#define MAP_QUERY _IOWR('f', 17, struct map_query)
#define COVERING_OR_NEXT 0x10

struct place {
    uint64_t start, end; /* of the world, bytes; 0, 0: there is none */
};

static int open_maps(pid_t pid)
{
    char path[40];

    snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* The first VMA of the window that ends above addr. */
static struct place find(int maps, uint64_t addr)
{
    const uint64_t end = window_size();
    const uint64_t min = world_config_default.mmap_min_addr << PAGE_SHIFT;
    struct map_query q = {.size = sizeof(q), .query_flags = COVERING_OR_NEXT};

    if (addr >= end)
        return (struct place){0};
    q.query_addr = window_to_kernel(addr < min ? min : addr);
    if (ioctl(maps, MAP_QUERY, &q) || q.vma_start >= WINDOW_BASE + end)
        return (struct place){0};
    return (struct place){window_from_kernel(q.vma_start), window_from_kernel(q.vma_end)};
}

bool linux_finds(pid_t pid)
{
    const int maps = open_maps(pid);
    struct map_query q = {
        .size = sizeof(q), .query_flags = COVERING_OR_NEXT, .query_addr = WINDOW_BASE};
    const bool there = maps >= 0 && !ioctl(maps, MAP_QUERY, &q);

    if (maps >= 0)
        close(maps);
    return there;
}

/* All answer a start + 1, or 0: the VMA itself, */
static long answer_find(int maps, const struct call *c)
{
    const struct place p = find(maps, c->addr);

    return p.end ? (long)p.start + 1 : 0;
}

/* the one before it, */
static long answer_find_prev(int maps, const struct call *c)
{
    struct place prev = {0};

    for (struct place p = find(maps, 0); p.end && p.end <= c->addr; p = find(maps, p.end))
        prev = p;
    return prev.end ? (long)prev.start + 1 : 0;
}

/* and the first that the range meets. */
static long answer_find_range(int maps, const struct call *c)
{
    const struct place p = find(maps, c->addr);

    return p.end && p.start < c->addr + c->len ? (long)p.start + 1 : 0;
}

long linux_find(struct subject_linux *l, const struct call *c)
{
    const int maps = open_maps(l->p.pid[c->proc]);
    long ret;

    if (maps < 0)
        return -errno;
    if (c->kind == OP_FIND)
        ret = answer_find(maps, c);
    else
        ret = c->kind == OP_FIND_PREV ? answer_find_prev(maps, c) : answer_find_range(maps, c);
    close(maps);
    return ret;
}
