/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices that hold on to pages: registered buffers of an io_uring, pinned as those of hardware are
 * (FOLL_PIN, FOLL_LONGTERM), always for writing. The ring is the template's, so that what it counts
 * as pinned is not counted to a process of the world; each process registers its own pages, and the
 * harness, which gets the ring from the template, makes the device's reads and writes.
 * Pages of who has no CAP_IPC_LOCK are charged to RLIMIT_MEMLOCK, which those of a device are not:
 * then there are no pins.
 */
#define _GNU_SOURCE
#include "harness/linux/subject_linux.h"

#include <fcntl.h>
#include <linux/io_uring.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define RING_ENTRIES 4U

/* ---- the ring ---- */
static long ring_call(struct subject_linux *l, unsigned proc, unsigned op, uint64_t size)
{
    return processes_call(&l->p, proc, SYS_io_uring_register, AGENT_FD_RING, op, AGENT_DATA(proc),
                          size, 0, 0);
}

/* One place in the table of buffers; len 0: none any more. */
static long set_buffer(struct subject_linux *l, unsigned proc, unsigned n, uint64_t at, size_t len)
{
    const struct io_uring_rsrc_update2 update = {
        .offset = n, .data = AGENT_DATA(proc) + sizeof(update), .nr = 1};
    const struct iovec page = {(void *)at, len};
    uint8_t *data = processes_slot(&l->p, proc)->data;
    long ret;

    memcpy(data, &update, sizeof(update));
    memcpy(data + sizeof(update), &page, sizeof(page));
    ret = ring_call(l, proc, IORING_REGISTER_BUFFERS_UPDATE, sizeof(update));
    return ret < 0 ? ret : 0;
}

static bool make_ring(struct subject_linux *l, struct io_uring_params *params)
{
    const struct io_uring_rsrc_register table = {.nr = MAX_PINS,
                                                 .flags = IORING_RSRC_REGISTER_SPARSE};
    uint8_t *data = processes_slot(&l->p, AGENT_TEMPLATE)->data;
    long fd;

    memset(data, 0, sizeof(*params));
    fd = template_call(l, SYS_io_uring_setup, RING_ENTRIES, AGENT_DATA(AGENT_TEMPLATE), 0, 0);
    if (fd < 0)
        return false;
    memcpy(params, data, sizeof(*params));
    template_place(l, fd, AGENT_FD_RING);
    memcpy(data, &table, sizeof(table));
    return ring_call(l, AGENT_TEMPLATE, IORING_REGISTER_BUFFERS2, sizeof(table)) == 0;
}

/* Older kernels unpin in the background, some time later, and pin no memory of files at all. That
 * ended in 6.5; the first feature that is told and came later is that of 6.10. */
#define LETS_GO_AT_ONCE (1U << 14) /* IORING_FEAT_RECVSEND_BUNDLE */

static bool map_ring(struct linux_pins *p, const struct io_uring_params *params)
{
    const size_t sq = params->sq_off.array + params->sq_entries * sizeof(uint32_t);
    const size_t cq = params->cq_off.cqes + params->cq_entries * sizeof(struct io_uring_cqe);
    void *rings, *entries;

    if (!(params->features & IORING_FEAT_SINGLE_MMAP))
        return false;
    p->size = sq > cq ? sq : cq;
    rings = mmap(NULL, p->size, PROT_READ | PROT_WRITE, MAP_SHARED, p->ring, IORING_OFF_SQ_RING);
    if (rings == MAP_FAILED)
        return false;
    entries = mmap(NULL, params->sq_entries * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE,
                   MAP_SHARED, p->ring, IORING_OFF_SQES);
    if (entries == MAP_FAILED) {
        munmap(rings, p->size);
        return false;
    }
    p->rings = rings;
    p->entries = entries;
    p->entries_size = params->sq_entries * sizeof(struct io_uring_sqe);
    p->params = *params;
    return true;
}

static int ring_of_template(const struct subject_linux *l)
{
    const int pidfd = (int)syscall(SYS_pidfd_open, l->p.pid[AGENT_TEMPLATE], 0);
    const int fd = pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, AGENT_FD_RING, 0);

    if (pidfd >= 0)
        close(pidfd);
    return fd;
}

static void linux_pins_open(struct subject_linux *l)
{
    struct linux_pins *p = &l->pins;
    struct io_uring_params params;

    p->of = l->p.pid[AGENT_TEMPLATE];
    if (!linux_may_lock_memory() || !make_ring(l, &params))
        return;
    p->ring = ring_of_template(l);
    if (!(params.features & LETS_GO_AT_ONCE))
        return;
    if (p->ring >= 0 && map_ring(p, &params) && !pipe2(p->pipe, O_CLOEXEC | O_NONBLOCK))
        p->there = true;
}

void linux_pins_close(struct subject_linux *l)
{
    struct linux_pins *p = &l->pins;

    if (p->rings) {
        munmap(p->rings, p->size);
        munmap(p->entries, p->entries_size);
    }
    if (p->of && p->ring >= 0)
        close(p->ring);
    if (p->there) {
        close(p->pipe[0]);
        close(p->pipe[1]);
    }
    *p = (struct linux_pins){.ring = -1};
}

void linux_pins_reset(struct subject_linux *l)
{
    struct linux_pins *p = &l->pins;

    if (p->of != l->p.pid[AGENT_TEMPLATE]) { /* a new one */
        linux_pins_close(l);
        linux_pins_open(l);
    }
    for (unsigned n = 0; n < MAX_PINS; n++) {
        if (p->at[n])
            set_buffer(l, AGENT_TEMPLATE, n, 0, 0);
        p->at[n] = 0;
    }
}

/* ---- what the device does ---- */
/* One transfer of 8 bytes between the pinned page and the pipe, done before the call is back. */
static long transfer(struct linux_pins *p, unsigned n, uint8_t opcode, int fd)
{
    uint32_t *tail = (uint32_t *)(p->rings + p->params.sq_off.tail);
    uint32_t *done = (uint32_t *)(p->rings + p->params.cq_off.head);
    uint32_t *array = (uint32_t *)(p->rings + p->params.sq_off.array);
    const uint32_t slot = *tail & (p->params.sq_entries - 1);
    const struct io_uring_cqe *cqes = (void *)(p->rings + p->params.cq_off.cqes);
    long ret;

    ((struct io_uring_sqe *)p->entries)[slot] = (struct io_uring_sqe){
        .opcode = opcode,
        .fd = fd,
        .off = UINT64_MAX,
        .addr = p->at[n],
        .len = sizeof(uint64_t),
        .buf_index = (uint16_t)n,
    };
    array[slot] = slot;
    __atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
    ret = syscall(SYS_io_uring_enter, p->ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0);
    if (ret < 0)
        return -errno;
    ret = cqes[*done & (p->params.cq_entries - 1)].res;
    __atomic_store_n(done, *done + 1, __ATOMIC_RELEASE);
    return ret == sizeof(uint64_t) ? 0 : ret < 0 ? ret : -EIO;
}

static bool is_used(const struct subject_linux *l, int n)
{
    return n >= 0 && n < MAX_PINS && l->pins.at[n];
}

long linux_device_read(struct subject_linux *l, const struct call *c)
{
    struct linux_pins *p = &l->pins;
    uint64_t stamp = 0;
    long ret;

    if (!is_used(l, c->fd))
        return -EBADF;
    ret = transfer(p, (unsigned)c->fd, IORING_OP_WRITE_FIXED, p->pipe[1]);
    if (!ret && read(p->pipe[0], &stamp, sizeof(stamp)) != sizeof(stamp))
        ret = -EIO;
    return ret ? ret : (long)stamp;
}

long linux_device_write(struct subject_linux *l, const struct call *c)
{
    struct linux_pins *p = &l->pins;

    if (!is_used(l, c->fd))
        return -EBADF;
    if (write(p->pipe[1], &c->stamp, sizeof(c->stamp)) != sizeof(c->stamp))
        return -EIO;
    return transfer(p, (unsigned)c->fd, IORING_OP_READ_FIXED, p->pipe[0]);
}

/* ---- taking hold, letting go ---- */
long linux_pin(struct subject_linux *l, const struct call *c)
{
    const uint64_t at = window_to_kernel(c->addr & PAGE_MASK);
    long ret;

    if (c->new_fd < 0 || c->new_fd >= MAX_PINS)
        return -EINVAL;
    if (is_used(l, c->new_fd))
        return -EBUSY;
    if (c->addr >= window_size())
        return -EFAULT;
    ret = set_buffer(l, c->proc, (unsigned)c->new_fd, at, PAGE_SIZE);
    if (ret == -EFAULT)
        return linux_why_refused(l, c, true, false);
    if (!ret)
        l->pins.at[c->new_fd] = at;
    return ret;
}

long linux_unpin(struct subject_linux *l, const struct call *c)
{
    if (!is_used(l, c->fd))
        return -EBADF;
    l->pins.at[c->fd] = 0;
    return set_buffer(l, AGENT_TEMPLATE, (unsigned)c->fd, 0, 0);
}
