/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Data lost by KSM and MADV_FREE: a process loses memory that it never gave up.
 *
 *   1. Two equal pages become one KSM page; one of the two goes.
 *   2. Who has the other frees it with MADV_FREE: it is mapped once, so the KSM page is clean and
 *      lazily freed from now on. Its contents are still there.
 *   3. Another process has an equal page, which KSM replaces by that same KSM page. Nothing makes
 *      it wanted again.
 *   4. Reclaim drops the page, in both processes. The second one reads zeroes.
 *
 * vmafuzz has this as the fault ksm-into-lazyfree (law: content).
 *
 * cc -o ksm-lazyfree ksm-lazyfree.c; as root, with nothing else to use /sys/kernel/mm/ksm:
 *   cgroup v1:  G=/sys/fs/cgroup/memory/lost; mkdir $G; ./ksm-lazyfree $G $G/memory.force_empty 0
 *   cgroup v2:  G=/sys/fs/cgroup/lost;        mkdir $G; ./ksm-lazyfree $G $G/memory.reclaim 1M
 * It moves itself to the group, so that reclaim concerns nobody else. Exit status 1: data lost.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE 4096
#define TRIES 500 /* of 10 ms each */

static void put(const char *folder, const char *name, const char *text)
{
    char path[4096];
    int fd;

    snprintf(path, sizeof(path), "%s%s", folder, name);
    fd = open(path, O_WRONLY);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        warn("%s", path);
    close(fd);
}

static void ksm(const char *name, const char *text)
{
    put("/sys/kernel/mm/ksm/", name, text);
}

static char *mergeable_page(void)
{
    char *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED || madvise(p, SIZE, MADV_MERGEABLE))
        err(2, "mergeable memory");
    for (unsigned i = 0; i < SIZE; i++)
        p[i] = (char)(0x5a ^ i * 7);
    return p;
}

/* Until KSM has the page: bit 21 of its frame's flags. */
static void wait_for_merge(const char *p)
{
    int map = open("/proc/self/pagemap", O_RDONLY), flags = open("/proc/kpageflags", O_RDONLY);
    uint64_t entry, frame = 0;

    for (int i = 0; i < TRIES && !(frame >> 21 & 1); i++) {
        usleep(10000);
        if (pread(map, &entry, 8, (off_t)((uintptr_t)p / SIZE * 8)) != 8 ||
            pread(flags, &frame, 8, (off_t)((entry & ((1ULL << 55) - 1)) * 8)) != 8)
            err(2, "frames");
    }
    if (!(frame >> 21 & 1))
        errx(2, "KSM has not merged the page");
    close(map);
    close(flags);
}

/* The first process: its pages become a KSM page, which it frees lazily, and waits. */
static void free_lazily(const int *ready, const int *done)
{
    char *a = mergeable_page(), *b = mergeable_page(), byte = 0;

    close(done[1]);
    wait_for_merge(a);
    wait_for_merge(b);
    munmap(b, SIZE);
    if (madvise(a, SIZE, MADV_FREE))
        err(2, "MADV_FREE");
    if (write(ready[1], &byte, 1) != 1 || read(done[0], &byte, 1) < 0)
        err(2, "pipe");
    _exit(0);
}

int main(int argc, char **argv)
{
    int ready[2], done[2];
    char byte, *c;

    if (argc != 4)
        errx(2, "usage: %s CGROUP FILE TEXT (see the top of the source)", argv[0]);
    put(argv[1], "/cgroup.procs", "0");
    ksm("pages_to_scan", "1000");
    ksm("sleep_millisecs", "5");
    ksm("run", "1");
    if (pipe(ready) || pipe(done))
        err(2, "pipe");
    if (fork() == 0)
        free_lazily(ready, done);
    if (read(ready[0], &byte, 1) != 1)
        err(2, "the first process");
    c = mergeable_page(); /* nobody frees this one */
    wait_for_merge(c);
    ksm("run", "0");
    put(argv[2], "", argv[3]);
    printf("%s\n", c[0] == 0x5a ? "kept" : "LOST: the page reads as zeroes");
    close(done[1]);
    wait(NULL);
    return c[0] != 0x5a;
}
