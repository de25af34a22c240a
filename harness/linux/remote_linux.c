/* SPDX-License-Identifier: GPL-2.0-only */
/* Accesses from outside, by the harness: process_vm_readv, process_vm_writev, /proc/PID/mem. */
#define _GNU_SOURCE
#include "harness/linux/subject_linux.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static bool is_outside(const struct call *c)
{
    return c->addr >= window_size();
}

/* The line of /proc/PID/maps that the address is in: "from-to rwxp ...". */
static bool permissions_at(pid_t pid, uint64_t addr, char perm[5])
{
    char path[40], line[512];
    bool found = false;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
    f = fopen(path, "re");
    while (f && !found && fgets(line, sizeof(line), f)) {
        unsigned long from, to;

        found = sscanf(line, "%lx-%lx %4s", &from, &to, perm) == 3 && from <= addr && addr < to;
    }
    if (f)
        fclose(f);
    return found;
}

long linux_why_refused(struct subject_linux *l, const struct call *c, bool write, bool force)
{
    char perm[5] = "";

    if (!permissions_at(l->p.pid[c->proc], window_to_kernel(c->addr & PAGE_MASK), perm))
        return -EFAULT;
    if (write ? perm[1] == 'w' : perm[0] == 'r')
        return -ENXIO;
    return force && perm[3] == 'p' ? -ENXIO : -EFAULT;
}

static long remote(struct subject_linux *l, const struct call *c, uint64_t *word, bool write)
{
    const struct iovec here = {word, sizeof(*word)};
    const struct iovec there = {(void *)window_to_kernel(c->addr & PAGE_MASK), sizeof(*word)};
    const pid_t pid = l->p.pid[c->proc];
    ssize_t n;

    long ret;

    if (is_outside(c))
        return -EFAULT;
    do {
        n = write ? process_vm_writev(pid, &here, 1, &there, 1, 0)
                  : process_vm_readv(pid, &here, 1, &there, 1, 0);
        if (n == sizeof(*word))
            return 0;
        ret = errno == EFAULT ? linux_why_refused(l, c, write, false) : -errno;
    } while (ret == -ENXIO && linux_resolves(l, c->proc, c->addr));
    return ret;
}

long linux_peek(struct subject_linux *l, const struct call *c)
{
    uint64_t word = 0;
    long ret = remote(l, c, &word, false);

    return ret ? ret : (long)word;
}

long linux_poke(struct subject_linux *l, const struct call *c)
{
    uint64_t word = c->stamp;

    return remote(l, c, &word, true);
}

/* As ptrace would. */
long linux_force(struct subject_linux *l, const struct call *c)
{
    const uint64_t word = c->stamp;
    char path[40];
    ssize_t n;
    long ret;
    int fd;

    if (is_outside(c))
        return -EFAULT;
    snprintf(path, sizeof(path), "/proc/%d/mem", (int)l->p.pid[c->proc]);
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    do {
        n = pwrite(fd, &word, sizeof(word), (off_t)window_to_kernel(c->addr & PAGE_MASK));
        ret = n == sizeof(word) ? 0 : linux_why_refused(l, c, true, true);
    } while (ret == -ENXIO && linux_resolves(l, c->proc, c->addr));
    close(fd);
    return ret;
}
