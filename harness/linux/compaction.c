/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Compaction of all memory. It takes pages from the low end of a zone and puts them into free
 * frames at its high end, until both meet: what has been moved once stays where it is, and the next
 * compaction moves nothing. Some memory of the harness, the ballast, makes room:
 *
 *      low  | ballast: freed before | ...  others  ... | ballast: freed before | high
 *           | the processes ask for |                  | memory is compacted:  |
 *           | memory, so they get it|   ------------>  | they are moved there  |
 *
 * A page that was freed last, on the same CPU, is the first that is given out again.
 */
#define _GNU_SOURCE
#include "harness/linux/compaction.h"
#include "harness/linux/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define COMPACT "/proc/sys/vm/compact_memory"
#define BALLAST 1024U /* pages */
#define LOW 128U      /* of them are for the processes */
#define FRAME ((UINT64_C(1) << 55) - 1)
#define PRESENT (UINT64_C(1) << 63)

/* ---- frames ---- */
/* Of n pages from addr on; 0: none is there. */
static void frames_of(int map, uint64_t addr, uint64_t *frame, size_t n)
{
    const ssize_t size = (ssize_t)(n * sizeof(*frame));

    if (map < 0 || pread(map, frame, (size_t)size, (off_t)(addr / PAGE_SIZE * 8)) != size)
        memset(frame, 0, (size_t)size);
    for (size_t i = 0; i < n; i++)
        frame[i] = frame[i] & PRESENT ? frame[i] & FRAME : 0;
}

static void frames_of_windows(const pid_t pid[MAX_PROCS], uint64_t *frame)
{
    char path[40];

    for (unsigned n = 0; n < MAX_PROCS; n++, frame += WINDOW_PAGES) {
        int map = -1;

        if (pid[n]) {
            snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)pid[n]);
            map = open(path, O_RDONLY | O_CLOEXEC);
        }
        frames_of(map, WINDOW_BASE, frame, WINDOW_PAGES);
        if (map >= 0)
            close(map);
    }
}

/* ---- the ballast ---- */
static int by_frame(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

static void drop(struct linux_compaction *c, const uint64_t *frame, uint64_t low, uint64_t high)
{
    for (size_t i = 0; i < BALLAST; i++)
        if (frame[i] >= low && frame[i] <= high)
            madvise(c->ballast + i * PAGE_SIZE, PAGE_SIZE, MADV_DONTNEED);
}

static void take(struct linux_compaction *c, uint64_t *frame, uint64_t *sorted)
{
    for (size_t i = 0; i < BALLAST; i++)
        c->ballast[i * PAGE_SIZE] = 1;
    frames_of(c->ballast_map, (uintptr_t)c->ballast, frame, BALLAST);
    memcpy(sorted, frame, BALLAST * sizeof(*sorted));
    qsort(sorted, BALLAST, sizeof(*sorted), by_frame);
}

static void free_high(struct linux_compaction *c)
{
    uint64_t frame[BALLAST], sorted[BALLAST];

    take(c, frame, sorted);
    drop(c, frame, sorted[BALLAST / 2], UINT64_MAX);
}

static void free_low(struct linux_compaction *c)
{
    uint64_t frame[BALLAST], sorted[BALLAST];

    take(c, frame, sorted);
    drop(c, frame, 1, sorted[LOW]);
}

/* ---- what others call ---- */
int linux_compaction_open(struct linux_compaction *c, char *why, size_t size)
{
    *c = (struct linux_compaction){.ballast_map = -1};
    c->file = open(COMPACT, O_WRONLY | O_CLOEXEC);
    if (c->file < 0) {
        const int error = errno;

        snprintf(why, size, "memory cannot be compacted: " COMPACT ": %s: it needs %s",
                 strerror(error), error == ENOENT ? "a kernel with CONFIG_COMPACTION" : "root");
        return -error;
    }
    c->was = calloc(2UL * MAX_PROCS * WINDOW_PAGES, sizeof(*c->was));
    c->ballast =
        mmap(NULL, BALLAST * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (!c->was || c->ballast == MAP_FAILED) {
        free(c->was);
        close(c->file);
        snprintf(why, size, "out of memory");
        return -ENOMEM;
    }
    c->open = true;
    c->now = c->was + (size_t)MAX_PROCS * WINDOW_PAGES;
    madvise(c->ballast, BALLAST * PAGE_SIZE, MADV_NOHUGEPAGE);
    c->ballast_map = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    free_low(c);
    return 0;
}

void linux_compaction_close(struct linux_compaction *c)
{
    if (!c->open)
        return;
    c->open = false;
    munmap(c->ballast, BALLAST * PAGE_SIZE);
    if (c->ballast_map >= 0)
        close(c->ballast_map);
    close(c->file);
    free(c->was);
}

long linux_compact(struct linux_compaction *c, const pid_t pid[MAX_PROCS])
{
    long ret;

    if (!c->open)
        return -ENOSYS;
    free_high(c);
    frames_of_windows(pid, c->was);
    ret = pwrite(c->file, "1", 1, 0) == 1 ? 0 : -errno;
    frames_of_windows(pid, c->now);
    free_low(c);
    c->moves.calls++;
    for (size_t i = 0; i < (size_t)MAX_PROCS * WINDOW_PAGES; i++) {
        c->moves.entries += c->was[i] != 0;
        c->moves.moved += c->was[i] && c->now[i] && c->was[i] != c->now[i];
    }
    return ret;
}
