/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Data lost by swap on zram, fork and MADV_FREE: a process loses memory that it never gave up.
 *
 *   1. A page goes out to zram, and is read in again: nobody has it in the swap cache, and neither
 *      the page nor its entry is dirty, although no slot has its contents any more.
 *   2. fork: the child maps the page, too.
 *   3. The child frees it with MADV_FREE. It is mapped twice, but only of dirty pages and those of
 *      the swap cache this is asked: the page is lazily freed. The child ends.
 *   4. Reclaim finds nothing dirty and drops the page. The parent reads zeroes.
 *
 * vmafuzz avoids this as the quirk freed-after-swap.
 *
 * cc -o swapped-lazyfree swapped-lazyfree.c; as root, where nothing else is swapped to:
 *   N=$(cat /sys/class/zram-control/hot_add); echo 64M >/sys/block/zram$N/disksize
 *   mkswap /dev/zram$N; swapon /dev/zram$N; ./swapped-lazyfree
 *   swapoff /dev/zram$N; echo $N >/sys/class/zram-control/hot_remove
 * Exit status 1: data lost.
 */
#define _GNU_SOURCE
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE 4096

static int is_out(const volatile char *p)
{
    FILE *map = fopen("/proc/self/pagemap", "r");
    uint64_t entry = 0;

    if (!map || fseek(map, (long)((uintptr_t)p / SIZE * 8), SEEK_SET) ||
        fread(&entry, sizeof(entry), 1, map) != 1)
        err(2, "/proc/self/pagemap");
    fclose(map);
    return (int)(entry >> 62 & 1);
}

int main(void)
{
    volatile char *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        err(2, "mmap");
    p[0] = 'x';
    if (madvise((void *)p, SIZE, MADV_PAGEOUT) || !is_out(p))
        errx(2, "the page does not go out: is there swap?");
    if (p[0] != 'x')
        errx(2, "the page has come back as another");
    if (fork() == 0) {
        if (madvise((void *)p, SIZE, MADV_FREE))
            err(2, "MADV_FREE");
        _exit(0);
    }
    wait(NULL);
    if (madvise((void *)p, SIZE, MADV_PAGEOUT))
        err(2, "MADV_PAGEOUT");
    printf("%s\n", p[0] == 'x' ? "kept" : "LOST: the page reads as zeroes");
    return p[0] != 'x';
}
