/* SPDX-License-Identifier: GPL-2.0-only */
/* Setting up swap, and the guardian that takes it away. */
#define _GNU_SOURCE
#include "harness/linux/swap.h"

#include "harness/linux/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define SWAP_BYTES (64UL << 20) /* all that 16 windows can hold is more: but not what they do */
#define SWAP_PAGE 4096UL
#define ZRAM_CONTROL "/sys/class/zram-control/"
#define READAHEAD "/proc/sys/vm/page-cluster"

static int get_number(const char *path)
{
    FILE *f = fopen(path, "re");
    int n = -1;

    if (f && fscanf(f, "%d", &n) != 1)
        n = -1;
    if (f)
        fclose(f);
    return n;
}

/* ---- making it ---- */
/* What mkswap writes: the first page of a swap area. */
static int write_header(const char *path)
{
    const uint32_t head[] = {1, (uint32_t)(SWAP_BYTES / SWAP_PAGE - 1), 0};
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    uint8_t page[SWAP_PAGE] = {0};
    int error;

    memcpy(page + 1024, head, sizeof(head));
    memcpy(page + SWAP_PAGE - 10, "SWAPSPACE2", 10);
    if (fd < 0)
        return -errno;
    error = pwrite(fd, page, sizeof(page), 0) == (ssize_t)sizeof(page) ? 0 : -EIO;
    if (fsync(fd) && !error)
        error = -errno;
    close(fd);
    return error;
}

/* A node of our own for the device, since nobody promises one in /dev. */
static int make_zram(struct linux_swap *s)
{
    char path[64], number[24];
    unsigned major, minor;
    FILE *f;
    int fields;

    s->zram = get_number(ZRAM_CONTROL "hot_add");
    if (s->zram < 0)
        return -ENODEV;
    snprintf(path, sizeof(path), "/sys/block/zram%d/disksize", s->zram);
    snprintf(number, sizeof(number), "%lu", SWAP_BYTES);
    if (linux_put_text(path, number))
        return -EIO;
    snprintf(path, sizeof(path), "/sys/block/zram%d/dev", s->zram);
    f = fopen(path, "re");
    fields = f ? fscanf(f, "%u:%u", &major, &minor) : 0;
    if (f)
        fclose(f);
    if (fields != 2)
        return -EIO;
    snprintf(s->path, sizeof(s->path), "/var/tmp/vmafuzz-swap-%d", (int)getpid());
    if (mknod(s->path, S_IFBLK | 0600, makedev(major, minor))) {
        *s->path = 0;
        return -errno;
    }
    return 0;
}

/* Written out in full: a swap file must not have holes. */
static int make_file(struct linux_swap *s)
{
    static const uint8_t zeroes[1 << 16];
    int fd, error = 0;

    snprintf(s->path, sizeof(s->path), "/var/tmp/vmafuzz-swap-%d", (int)getpid());
    fd = open(s->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        *s->path = 0;
        return -errno;
    }
    for (size_t n = 0; n < SWAP_BYTES && !error; n += sizeof(zeroes))
        if (write(fd, zeroes, sizeof(zeroes)) != (ssize_t)sizeof(zeroes))
            error = -ENOSPC;
    close(fd);
    return error;
}

/* Ours before any other. */
static int use(const struct linux_swap *s)
{
    return swapon(s->path, SWAP_FLAG_PREFER | SWAP_FLAG_PRIO_MASK) ? -errno : 0;
}

/* ---- taking it away ---- */
static void remove_swap(const struct linux_swap *s)
{
    char number[24];

    if (s->readahead > 0) {
        snprintf(number, sizeof(number), "%d", s->readahead);
        linux_put_text(READAHEAD, number);
    }
    if (*s->path) {
        swapoff(s->path); /* fails if it was not in use */
        unlink(s->path);
    }
    if (s->zram >= 0) {
        snprintf(number, sizeof(number), "%d", s->zram);
        linux_put_text(ZRAM_CONTROL "hot_remove", number);
    }
}

/* ---- the guardian: who makes it takes it away ---- */
struct report {
    int error;
    bool grouped; /* that it is about the group */
    struct linux_swap swap;
};

static int make(struct linux_swap *s)
{
    int error = make_zram(s);

    if (error && s->zram < 0)
        error = make_file(s);
    if (!error)
        error = write_header(s->path);
    if (!error)
        error = use(s);
    if (error)
        return error;
    s->readahead = get_number(READAHEAD); /* no page comes in but those that are asked for */
    return s->readahead > 0 ? linux_put_text(READAHEAD, "0") : 0;
}

/* One at a time: who takes swap away would take it from the other. The name is free again when
 * nobody holds the socket. */
static int only_one(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "\0vmafuzz-swap"};
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int error = -EMFILE;

    if (fd >= 0 && !bind(fd, (struct sockaddr *)&name, sizeof(name)))
        return fd;
    if (fd >= 0) {
        error = -errno;
        close(fd);
    }
    return error;
}

/* Waits for the harness to let go, or to be gone. Then the processes whose pages are out are gone
 * as well. */
static void guard(int harness, int lock, bool grouped)
{
    struct report r = {.swap = {.zram = -1}};
    char byte;

    setsid(); /* Ctrl-C is for the harness */
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    if (dup2(lock, 1) < 0 || dup2(harness, 0) < 0)
        _exit(1);
    close_range(2, ~0U, 0);
    r.error = make(&r.swap);
    r.grouped = grouped && !r.error;
    if (r.grouped)
        r.error = linux_group_make(&r.swap.group);
    if (write(0, &r, sizeof(r)) == (ssize_t)sizeof(r))
        while (!r.error && read(0, &byte, 1) < 0 && errno == EINTR)
            continue;
    remove_swap(&r.swap);
    linux_group_remove(&r.swap.group);
    _exit(0);
}

static void end_guardian(struct linux_swap *s)
{
    close(s->held);
    while (s->guardian > 0 && waitpid(s->guardian, NULL, 0) < 0 && errno == EINTR)
        continue;
    *s->path = 0;
}

int linux_swap_open(struct linux_swap *s, bool grouped, char *why, size_t size)
{
    struct report r = {.error = -ECHILD};
    int ends[2], lock;

    *s = (struct linux_swap){.zram = -1, .held = -1};
    if (geteuid()) { /* whoever else has swap, it is not to be had */
        snprintf(why, size, "swap cannot be set up: it needs root");
        return -EPERM;
    }
    lock = only_one();
    if (lock < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)) {
        snprintf(why, size, "swap cannot be set up: %s",
                 lock == -EADDRINUSE ? "another run has done so" : strerror(errno));
        if (lock >= 0)
            close(lock);
        return -EBUSY;
    }
    s->held = ends[0];
    s->guardian = fork();
    if (s->guardian == 0) {
        close(ends[0]);
        guard(ends[1], lock, grouped);
    }
    close(ends[1]);
    close(lock); /* the guardian's */
    if (s->guardian > 0)
        while (read(s->held, &r, sizeof(r)) < 0 && errno == EINTR)
            continue;
    if (r.error) {
        end_guardian(s);
        snprintf(why, size, "%s: %s",
                 r.grouped ? "a memory cgroup cannot be made (memory.force_empty, or "
                             "memory.reclaim of Linux 5.19, in /sys/fs/cgroup)"
                           : "swap cannot be set up (zram, or a file in /var/tmp)",
                 strerror(-r.error));
        return r.error;
    }
    memcpy(s->path, r.swap.path, sizeof(s->path));
    s->group = r.swap.group;
    return 0;
}

void linux_swap_close(struct linux_swap *s)
{
    if (*s->path)
        end_guardian(s);
}

int linux_swap_cycle(const struct linux_swap *s)
{
    return swapoff(s->path) ? -errno : use(s);
}
