/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files. All agents share one table of descriptors, the template's, which makes them. An object is
 * kept open by a descriptor of its own besides, so that it can be opened again and sealed. Regular
 * ones are in a ramfs: they have a page cache, and nobody writes them back. Shared memory is a
 * memfd, or where it must not be executed, a file of a tmpfs that is mounted so.
 */
#define _GNU_SOURCE
#include "harness/linux/subject_linux.h"

#include <fcntl.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

void linux_files_reset(struct subject_linux *l)
{
    l->nr_objects = 0;
    for (unsigned i = 0; i < MAX_FDS; i++)
        l->object_of[i] = -1;
}

static bool is_open(const struct subject_linux *l, int fd)
{
    return fd >= 0 && fd < MAX_FDS && l->object_of[fd] >= 0;
}

static bool is_free(const struct subject_linux *l, int fd)
{
    return fd >= 0 && fd < MAX_FDS && l->object_of[fd] < 0;
}

/* Where files of the kind are made: without root there is nothing but memfd. */
static bool has_mount(const struct subject_linux *l, enum file_kind kind, bool noexec)
{
    if (kind == FILE_SHMEM)
        return !noexec || l->p.fd[AGENT_FD_SHMEM_NOEXEC] >= 0;
    return l->p.fd[noexec ? AGENT_FD_REGULAR_NOEXEC : AGENT_FD_REGULAR] >= 0;
}

bool linux_can_file(const struct subject_linux *l, const struct call *c)
{
    const struct linux_object *object;
    const bool noexec = c->flags & FMODE_NOEXEC;

    /* Append is what the inode is, not what a descriptor is: such an inode stays so for all. */
    if (c->kind != OP_SEAL &&
        (c->flags & (FMODE_WRITE | FMODE_APPEND)) == (FMODE_WRITE | FMODE_APPEND))
        return false;
    if (c->kind == OP_OPEN) {
        if (!is_free(l, c->new_fd))
            return true;
        if (c->sel != FILE_REGULAR && c->sel != FILE_SHMEM)
            return c->sel >= NR_FILE_KINDS;
        return l->nr_objects < MAX_LINUX_OBJECTS && c->pages < (1UL << 40) &&
               has_mount(l, (enum file_kind)c->sel, noexec);
    }
    if (!is_open(l, c->fd))
        return true;
    object = &l->object[l->object_of[c->fd]];
    if (c->kind == OP_SEAL)
        return object->memfd || object->kind != FILE_SHMEM;
    return object->kind == FILE_SHMEM ? object->memfd != noexec
                                      : has_mount(l, FILE_REGULAR, noexec);
}

static int open_flags(unsigned mode)
{
    static const int access[] = {3, O_RDONLY, O_WRONLY, O_RDWR}; /* 3: neither */

    return access[mode & (FMODE_READ | FMODE_WRITE)] | (mode & FMODE_APPEND ? O_APPEND : 0) |
           O_CLOEXEC;
}

static uint64_t put_name(struct subject_linux *l, const char *format, int n)
{
    snprintf((char *)processes_slot(&l->p, AGENT_TEMPLATE)->data, SLOT_DATA, format, n);
    return AGENT_DATA(AGENT_TEMPLATE);
}

/* A struct file of the object, and as such number fd of the world. */
static long open_object(struct subject_linux *l, int object, unsigned mode, int fd)
{
    const struct linux_object *o = &l->object[object];
    uint64_t name, from;
    long ret;

    if (o->kind == FILE_SHMEM && o->memfd) {
        from = (uint64_t)AT_FDCWD;
        name = put_name(l, "/proc/self/fd/%d", AGENT_FD_OBJECT + object);
    } else {
        from = o->kind == FILE_SHMEM ? AGENT_FD_SHMEM_NOEXEC
               : mode & FMODE_NOEXEC ? AGENT_FD_REGULAR_NOEXEC
                                     : AGENT_FD_REGULAR;
        name = put_name(l, "%d", object);
    }
    ret = template_place(l, template_call(l, SYS_openat, from, name, (uint64_t)open_flags(mode), 0),
                         AGENT_FD_WORLD + fd);
    if (!ret)
        l->object_of[fd] = object;
    return ret;
}

/* The object, held by a descriptor of its own that may read and write. */
static long make_object(struct subject_linux *l, const struct call *c)
{
    const int object = (int)l->nr_objects;
    struct linux_object *o = &l->object[object];
    long ret;

    o->kind = (enum file_kind)c->sel;
    o->memfd = c->sel == FILE_SHMEM && !(c->flags & FMODE_NOEXEC);
    if (o->memfd)
        ret = template_call(l, SYS_memfd_create, put_name(l, "%d", object),
                            MFD_CLOEXEC | MFD_ALLOW_SEALING, 0, 0);
    else
        ret = template_call(
            l, SYS_openat, c->sel == FILE_SHMEM ? AGENT_FD_SHMEM_NOEXEC : AGENT_FD_REGULAR,
            put_name(l, "%d", object), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
    ret = template_place(l, ret, AGENT_FD_OBJECT + object);
    if (!ret)
        ret = template_call(l, SYS_ftruncate, (uint64_t)(AGENT_FD_OBJECT + object),
                            c->pages << PAGE_SHIFT, 0, 0);
    return ret;
}

long linux_open(struct subject_linux *l, const struct call *c)
{
    long ret;

    if (!is_free(l, c->new_fd))
        return -EMFILE;
    if (c->sel >= NR_FILE_KINDS)
        return -EINVAL;
    ret = make_object(l, c);
    return ret ? ret : open_object(l, (int)l->nr_objects++, (unsigned)c->flags, c->new_fd);
}

long linux_reopen(struct subject_linux *l, const struct call *c)
{
    if (!is_open(l, c->fd))
        return -EBADF;
    if (!is_free(l, c->new_fd))
        return -EMFILE;
    return open_object(l, l->object_of[c->fd], (unsigned)c->flags, c->new_fd);
}

long linux_dup(struct subject_linux *l, const struct call *c)
{
    long ret;

    if (!is_open(l, c->fd))
        return -EBADF;
    if (!is_free(l, c->new_fd))
        return -EMFILE;
    ret = template_call(l, SYS_dup3, (uint64_t)(AGENT_FD_WORLD + c->fd),
                        (uint64_t)(AGENT_FD_WORLD + c->new_fd), O_CLOEXEC, 0);
    if (ret < 0)
        return ret;
    l->object_of[c->new_fd] = l->object_of[c->fd];
    return 0;
}

long linux_close(struct subject_linux *l, const struct call *c)
{
    if (!is_open(l, c->fd))
        return -EBADF;
    l->object_of[c->fd] = -1;
    return template_call(l, SYS_close, (uint64_t)(AGENT_FD_WORLD + c->fd), 0, 0, 0);
}

long linux_seal(struct subject_linux *l, const struct call *c)
{
    if (!is_open(l, c->fd))
        return -EBADF;
    if (l->object[l->object_of[c->fd]].kind != FILE_SHMEM)
        return -EINVAL;
    return template_call(l, SYS_fcntl, (uint64_t)(AGENT_FD_OBJECT + l->object_of[c->fd]),
                         F_ADD_SEALS, F_SEAL_WRITE, 0);
}
