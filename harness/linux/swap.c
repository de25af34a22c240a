/* SPDX-License-Identifier: GPL-2.0-only */
/* Setting up swap, and what its guardian does. */
#define _GNU_SOURCE
#include "harness/linux/swap.h"

#include "harness/linux/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#define SWAP_BYTES (64UL << 20) /* all that 16 windows can hold is more: but not what they do */
#define SWAP_PAGE 4096UL
#define ZRAM_CONTROL "/sys/class/zram-control/"
#define READAHEAD "/proc/sys/vm/page-cluster"

/* What the guardian does, and the harness hears of it. */
struct setup {
    enum step { LOCK, SWAP, GROUP } step; /* the last that was begun */
    bool grouped;                         /* with a group, as the harness wants it */
    char path[64];                        /* empty: nothing is there */
    int zram;                             /* number of the device; -1: a file */
    int readahead;                        /* of the system, before */
    struct linux_group group;
};

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
static int make_zram(struct setup *s)
{
    char path[64], number[24];
    unsigned major, minor;

    s->zram = (int)linux_get_number(ZRAM_CONTROL "hot_add", -1);
    if (s->zram < 0)
        return -ENODEV;
    snprintf(path, sizeof(path), "/sys/block/zram%d/disksize", s->zram);
    snprintf(number, sizeof(number), "%lu", SWAP_BYTES);
    if (linux_put_text(path, number))
        return -EIO;
    snprintf(path, sizeof(path), "/sys/block/zram%d/dev", s->zram);
    linux_get_text(path, number, sizeof(number));
    if (sscanf(number, "%u:%u", &major, &minor) != 2)
        return -EIO;
    snprintf(s->path, sizeof(s->path), "/var/tmp/vmafuzz-swap-%d", (int)getpid());
    if (mknod(s->path, S_IFBLK | 0600, makedev(major, minor))) {
        *s->path = 0;
        return -errno;
    }
    return 0;
}

/* Written out in full: a swap file must not have holes. */
static int make_file(struct setup *s)
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
static int use(const char *path)
{
    return swapon(path, SWAP_FLAG_PREFER | SWAP_FLAG_PRIO_MASK) ? -errno : 0;
}

static int make_swap(struct setup *s)
{
    int error = make_zram(s);

    if (error && s->zram < 0)
        error = make_file(s);
    if (!error)
        error = write_header(s->path);
    if (!error)
        error = use(s->path);
    if (error)
        return error;
    /* No page comes in but those that are asked for. */
    s->readahead = (int)linux_get_number(READAHEAD, -1);
    return s->readahead > 0 ? linux_put_text(READAHEAD, "0") : 0;
}

/* ---- taking it away ---- */
static void remove_swap(const struct setup *s)
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

/* ---- the guardian ---- */
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

static int begin(void *what)
{
    struct setup *s = what;
    const int lock = only_one(); /* held until the guardian ends */
    int error = lock < 0 ? lock : 0;

    if (!error) {
        s->step = SWAP;
        error = make_swap(s);
    }
    if (!error && s->grouped) {
        s->step = GROUP;
        error = linux_group_make(&s->group);
    }
    return error;
}

/* The harness has let go, or is gone: so are the processes whose pages are out. */
static void end(void *what)
{
    struct setup *s = what;

    remove_swap(s);
    linux_group_remove(&s->group);
}

int linux_swap_open(struct linux_swap *s, bool grouped, char *why, size_t size)
{
    static const struct linux_duty duty = {begin, end};
    static const char *const fails[] = {
        [LOCK] = "swap cannot be set up",
        [SWAP] = "swap cannot be set up (zram, or a file in /var/tmp)",
        [GROUP] = ("a memory cgroup cannot be made (memory.force_empty, or memory.reclaim of Linux "
                   "5.19, in /sys/fs/cgroup)"),
    };
    struct setup setup = {.grouped = grouped, .zram = -1};
    int error;

    *s = (struct linux_swap){0};
    if (geteuid()) { /* whoever else has swap, it is not to be had */
        snprintf(why, size, "swap cannot be set up: it needs root");
        return -EPERM;
    }
    error = linux_guardian_start(&s->guardian, &duty, &setup, sizeof(setup));
    if (error) {
        snprintf(why, size, "%s: %s", fails[setup.step],
                 error == -EADDRINUSE ? "another run has done so" : strerror(-error));
        return error;
    }
    memcpy(s->path, setup.path, sizeof(s->path));
    s->group = setup.group;
    return 0;
}

void linux_swap_close(struct linux_swap *s)
{
    linux_guardian_end(&s->guardian);
}

int linux_swap_cycle(const struct linux_swap *s)
{
    return swapoff(s->path) ? -errno : use(s->path);
}
