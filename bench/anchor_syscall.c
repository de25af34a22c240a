/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Anchor: the same stream as system calls on the running kernel. MAP_32BIT memory is placed bottom
 * up from 1 GiB, which gives the kernel's address search a window of its own; everything else of
 * this process lies far above.
 */
#include "bench/bench.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <unistd.h>

#define PAGE 4096UL
#define LOW_WINDOW 0x40000000UL
#define LOW_WINDOW_PAGES 0x40000U
#define HIGH_WINDOW 0x100000000000UL

/* PROCMAP_QUERY, Linux 6.11: find_vma as an ioctl of /proc/PID/maps. */
struct procmap_query {
    uint64_t size, query_flags, query_addr;
    uint64_t vma_start, vma_end, vma_flags, vma_page_size, vma_offset, inode;
    uint32_t dev_major, dev_minor, vma_name_size, build_id_size;
    uint64_t vma_name_addr, build_id_addr;
};
#define PROCMAP_QUERY _IOWR('f', 17, struct procmap_query)
#define PROCMAP_COVERING_OR_NEXT 0x10

struct kernel {
    struct bench_world world;
    uintptr_t base;
    int maps;
};

/* Calls visit for each mapping of the window; returns false if /proc cannot be read. */
static bool each_mapping(const struct kernel *k, void (*visit)(void *arg, uintptr_t s, uintptr_t e),
                         void *arg)
{
    FILE *f = fopen("/proc/self/maps", "re");
    uintptr_t end = k->base + k->world.window_pages * PAGE, s, e;
    char line[512];

    if (!f)
        return false;
    while (fgets(line, sizeof(line), f))
        if (sscanf(line, "%lx-%lx", &s, &e) == 2 && e > k->base && s < end)
            visit(arg, s, e);
    fclose(f);
    return true;
}

static void count(void *arg, uintptr_t s, uintptr_t e)
{
    (void)s, (void)e;
    ++*(unsigned *)arg;
}

static long max_map_count(void)
{
    FILE *f = fopen("/proc/sys/vm/max_map_count", "re");
    long n = 0;

    if (!f)
        return 0;
    if (fscanf(f, "%ld", &n) != 1)
        n = 0;
    fclose(f);
    return n;
}

static void *kernel_open(const struct bench_world *w)
{
    struct kernel k = {.world = *w, .base = w->bottomup ? LOW_WINDOW : HIGH_WINDOW}, *copy;
    unsigned others = 0;
    int flags = personality(0xffffffff);

    if (max_map_count() < (long)w->max_vmas + 1000)
        return NULL;
    if (w->bottomup && (w->window_pages > LOW_WINDOW_PAGES || flags < 0 ||
                        !(flags & ADDR_NO_RANDOMIZE))) /* MAP_32BIT would start anywhere */
        return NULL;
    if (!each_mapping(&k, count, &others) || others)
        return NULL;
    k.maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    copy = malloc(sizeof(k));
    if (copy)
        *copy = k;
    return copy;
}

static uint32_t kernel_map(const struct kernel *k, const struct bench_op *op)
{
    bool placed = op->kind == BENCH_PLACE;
    char *at = mmap(placed ? NULL : (char *)k->base + op->page * PAGE, op->pages * PAGE, op->prot,
                    MAP_PRIVATE | MAP_ANONYMOUS | (placed ? MAP_32BIT : MAP_FIXED), -1, 0);

    return at == MAP_FAILED ? BENCH_NOWHERE : (uint32_t)(((uintptr_t)at - k->base) / PAGE);
}

static uint32_t kernel_find(const struct kernel *k, uint32_t page)
{
    struct procmap_query q = {.size = sizeof(q), .query_flags = PROCMAP_COVERING_OR_NEXT};

    q.query_addr = k->base + page * PAGE;
    if (ioctl(k->maps, PROCMAP_QUERY, &q) < 0 ||
        q.vma_start >= k->base + k->world.window_pages * PAGE)
        return BENCH_NOWHERE;
    return (uint32_t)((q.vma_start - k->base) / PAGE);
}

static uint64_t kernel_run(void *self, const struct bench_op *op, size_t n)
{
    const struct kernel *k = self;
    uint64_t sum = 0;

    for (; n--; op++) {
        uint32_t answer = 0;

        switch (op->kind) {
        case BENCH_MAP:
        case BENCH_PLACE:
            answer = kernel_map(k, op);
            break;
        case BENCH_UNMAP:
            answer = (uint32_t)munmap((char *)k->base + op->page * PAGE, op->pages * PAGE);
            break;
        case BENCH_FIND:
            answer = kernel_find(k, op->page);
            break;
        }
        sum = fold(sum, answer);
    }
    return sum;
}

struct layout {
    uintptr_t base;
    uint64_t sum;
};
static void add(void *arg, uintptr_t s, uintptr_t e)
{
    struct layout *l = arg;

    l->sum = fold(fold(l->sum, (s - l->base) / PAGE), (e - l->base) / PAGE);
}

static uint64_t kernel_layout(void *self)
{
    const struct kernel *k = self;
    struct layout l = {.base = k->base};

    each_mapping(k, add, &l);
    return l.sum;
}

static void kernel_close(void *self)
{
    struct kernel *k = self;

    munmap((void *)k->base, k->world.window_pages * PAGE);
    if (k->maps >= 0)
        close(k->maps);
    free(k);
}

const struct contender contender_syscall = {
    .name = "system calls on the running kernel",
    .open = kernel_open,
    .run = kernel_run,
    .layout = kernel_layout,
    .close = kernel_close,
};
