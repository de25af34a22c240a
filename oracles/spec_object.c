/* SPDX-License-Identifier: GPL-2.0-only */
/* Files, objects and descriptors of the flat specification. */
#include "oracles/spec_private.h"

#include <string.h>

static uint32_t new_object(struct spec *spec, unsigned kind, uint64_t size)
{
    struct spec_object *object;
    uint32_t serial = spec->now.last_object;

    do
        object = &spec->now.object[++serial & (spec->table - 1)];
    while (!serial || object->serial);
    spec->now.last_object = serial;
    *object = (struct spec_object){.serial = serial, .kind = kind, .size = size};
    return serial;
}

uint32_t spec_new_file(struct spec *spec, uint32_t object, unsigned kind, unsigned mode,
                       uint64_t size)
{
    struct spec_file *file;
    uint32_t serial = spec->now.last_file;

    do
        file = &spec->now.file[++serial & (spec->table - 1)];
    while (!serial || file->serial);
    spec->now.last_file = serial;
    *file = (struct spec_file){.serial = serial, .mode = mode};
    file->object = object ? object : new_object(spec, kind, size);
    spec_object(spec, serial)->files++;
    return serial;
}

void spec_file_ref(struct spec *spec, uint32_t serial, int64_t n)
{
    struct spec_file *file = spec_file(spec, serial);
    struct spec_object *object = spec_object(spec, serial);

    file->refs += (uint64_t)n;
    if (file->refs)
        return;
    file->serial = 0;
    if (!--object->files)
        object->serial = 0;
}

void spec_file_map(struct spec *spec, uint32_t serial, uint64_t flags, int64_t pages)
{
    if (!serial)
        return;
    if ((flags & SNAP_WRITABLE_SHARE) == SNAP_WRITABLE_SHARE)
        spec_object(spec, serial)->writable += (uint64_t)pages;
    spec_file_ref(spec, serial, pages);
}

/* ---- descriptors ---- */
static uint32_t used_fd(const struct spec *spec, unsigned fd)
{
    return fd < SPEC_FDS ? spec->now.fd[fd] : 0;
}

static bool free_fd(const struct spec *spec, unsigned fd)
{
    return fd < SPEC_FDS && !spec->now.fd[fd];
}

static long install(struct spec *spec, unsigned fd, uint32_t file)
{
    spec->now.fd[fd] = file;
    spec_file_ref(spec, file, 1);
    return 0;
}

long spec_open(struct spec *spec, unsigned fd, unsigned kind, unsigned mode, uint64_t pages)
{
    spec_begin(spec, 0);
    if (!free_fd(spec, fd))
        return -EMFILE;
    if (kind >= SPEC_NR_KINDS)
        return -EINVAL;
    return install(spec, fd, spec_new_file(spec, 0, kind, mode, pages));
}

/* Since 5.15 nobody can write to what a process runs from. */
static bool is_run_from(const struct spec *spec, uint32_t object)
{
    if (!spec_since(spec, SPEC_LINUX_6_1))
        return false;
    for (unsigned i = 0; i < SPEC_SPACES; i++) {
        const struct spec_space *space = &spec->now.space[i];

        if (space->alive && space->exe && spec_file(spec, space->exe)->object == object)
            return true;
    }
    return false;
}

static bool has_writer(const struct spec *spec, uint32_t object)
{
    for (uint32_t i = 0; i < spec->table; i++) {
        const struct spec_file *file = &spec->now.file[i];

        if (file->serial && file->object == object && (file->mode & SPEC_MODE_WRITE))
            return true;
    }
    return false;
}

static bool maps_object(const struct spec *spec, const struct spec_space *space, uint32_t object)
{
    struct spec_run vma;

    for (uint64_t page = 0; spec_run_from(spec, space, page, &vma); page = vma.end) {
        const uint32_t file = space->page[vma.start].file;

        if (file && spec_file(spec, file)->object == object)
            return true;
    }
    return false;
}

long spec_reopen(struct spec *spec, unsigned fd, unsigned old_fd, unsigned mode)
{
    uint32_t old = used_fd(spec, old_fd);

    spec_begin(spec, 0);
    if (!old)
        return -EBADF;
    if (!free_fd(spec, fd))
        return -EMFILE;
    if ((mode & SPEC_MODE_WRITE) && is_run_from(spec, spec_file(spec, old)->object))
        return -ETXTBSY;
    return install(spec, fd, spec_new_file(spec, spec_file(spec, old)->object, 0, mode, 0));
}

long spec_dup(struct spec *spec, unsigned fd, unsigned old_fd)
{
    uint32_t old = used_fd(spec, old_fd);

    spec_begin(spec, 0);
    if (!old)
        return -EBADF;
    if (!free_fd(spec, fd))
        return -EMFILE;
    return install(spec, fd, old);
}

long spec_close(struct spec *spec, unsigned fd)
{
    uint32_t file = used_fd(spec, fd);

    spec_begin(spec, 0);
    if (!file)
        return -EBADF;
    spec->now.fd[fd] = 0;
    spec_file_ref(spec, file, -1);
    return 0;
}

long spec_seal_write(struct spec *spec, unsigned fd)
{
    uint32_t file = used_fd(spec, fd);

    spec_begin(spec, 0);
    if (!file)
        return -EBADF;
    if (!spec_of_kind(spec, file, SPEC_SHMEM))
        return -EINVAL;
    if (spec_object(spec, file)->writable)
        return -EBUSY;
    spec_object(spec, file)->sealed = true;
    return 0;
}

/* The file that a process was started from is in use, like a mapped one. */
long spec_set_exe_file(struct spec *spec, unsigned proc, unsigned fd)
{
    struct spec_space *space = spec_begin(spec, proc);
    uint32_t file = used_fd(spec, fd);

    if (!spec->config.privileged)
        return -EPERM;
    if (!file)
        return -EBADF;
    if (!spec_of_kind(spec, file, SPEC_REGULAR) || spec_file(spec, file)->mode & SPEC_MODE_NOEXEC)
        return -EACCES;
    if (space->exe && maps_object(spec, space, spec_file(spec, space->exe)->object))
        return -EBUSY;
    if (spec_since(spec, SPEC_LINUX_6_1) && has_writer(spec, spec_file(spec, file)->object))
        return -EACCES;
    spec_file_ref(spec, file, 1);
    if (space->exe)
        spec_file_ref(spec, space->exe, -1);
    space->exe = file;
    return 0;
}

long spec_uffd_create(struct spec *spec, unsigned ufd, unsigned proc)
{
    spec_begin(spec, proc);
    if (ufd >= SPEC_FDS || spec->now.ufd[ufd].serial)
        return -EMFILE;
    spec->now.ufd[ufd] = (struct spec_context){++spec->now.last_context, proc};
    return 0;
}

long spec_setrlimit(struct spec *spec, unsigned proc, unsigned which, uint64_t pages)
{
    struct spec_space *space = spec_begin(spec, proc);

    if (which >= SPEC_NR_LIMITS)
        return -EINVAL;
    space->rlimit[which] = pages;
    return 0;
}
