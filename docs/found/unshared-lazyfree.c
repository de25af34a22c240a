/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Data lost by process_vm_readv, fork and MADV_FREE: a process loses memory that it never gave up.
 * Neither swap nor root is needed.
 *
 *   1. A process writes a page, and forks: both map it.
 *   2. Somebody reads the child's page by process_vm_readv, which pins it: so the child gets a copy
 *      of its own first. It has contents, but neither the copy nor its entry is dirty.
 *   3. The child forks, and its own child frees the page with MADV_FREE. It is mapped twice, but
 *      only of dirty pages and those of the swap cache this is asked: the page is lazily freed. Who
 *      has freed it ends.
 *   4. Reclaim (here MADV_PAGEOUT) finds nothing dirty and drops the page: the first child reads
 *      zeroes.
 *
 * vmafuzz avoids this as the quirk freed-after-unshare.
 *
 * cc -o unshared-lazyfree unshared-lazyfree.c && ./unshared-lazyfree
 * Exit status 1: data lost.
 */
#define _GNU_SOURCE
#include <err.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE 4096

static int child(volatile char *p)
{
    char seen;
    struct iovec to = {&seen, 1}, from = {(void *)p, 1};

    if (process_vm_readv(getpid(), &to, 1, &from, 1, 0) != 1 || seen != 'x')
        err(2, "process_vm_readv");
    if (fork() == 0) {
        if (madvise((void *)p, SIZE, MADV_FREE))
            err(2, "MADV_FREE");
        _exit(0);
    }
    wait(NULL);
    if (madvise((void *)p, SIZE, MADV_PAGEOUT))
        err(2, "MADV_PAGEOUT");
    printf("%s\n", p[0] == 'x' ? "kept" : "LOST: the page reads as zeroes");
    fflush(stdout);
    return p[0] != 'x';
}

int main(void)
{
    volatile char *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int status;

    if (p == MAP_FAILED)
        err(2, "mmap");
    p[0] = 'x';
    if (fork() == 0)
        _exit(child(p));
    wait(&status);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}
