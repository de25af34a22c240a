/* SPDX-License-Identifier: GPL-2.0-only */
/* Programs on disk: read as text or wire, written so that nobody ever sees half of one. */
#define _GNU_SOURCE
#include "harness/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_FILE (64u << 20) /* a program of a million operations is smaller */

static int failed(const char *path, const char *what, int error, char *message, size_t size)
{
    snprintf(message, size, "%s: %s: %s", path, what, strerror(error));
    return -error;
}

static int read_all(int fd, char **data, size_t *size)
{
    size_t cap = 0, n = 0;
    char *buffer = NULL;

    for (;;) {
        ssize_t got;

        if (n == cap) {
            char *more = cap < MAX_FILE ? realloc(buffer, cap = cap ? cap * 2 : 65536) : NULL;

            if (!more) {
                free(buffer);
                return n >= MAX_FILE ? EFBIG : ENOMEM;
            }
            buffer = more;
        }
        got = read(fd, buffer + n, cap - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            int error = errno;

            free(buffer);
            return error;
        }
        if (got == 0)
            break;
        n += (size_t)got;
    }
    *data = buffer;
    *size = n;
    return 0;
}

static int read_path(const char *path, char **data, size_t *size, char *message,
                     size_t message_size)
{
    bool input = !strcmp(path, "-");
    int fd = input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    int error;

    if (fd < 0)
        return failed(path, "cannot open", errno, message, message_size);
    error = read_all(fd, data, size);
    if (!input)
        close(fd);
    return error ? failed(path, "cannot read", error, message, message_size) : 0;
}

static bool is_text(const char *path, const char *data, size_t size)
{
    static const char magic[] = "vmafuzz", extension[] = ".vma";
    size_t len = strlen(path);

    if (size >= sizeof(magic) - 1 && !memcmp(data, magic, sizeof(magic) - 1))
        return true;
    return len >= sizeof(extension) && !strcmp(path + len - (sizeof(extension) - 1), extension);
}

static int parse(const char *path, struct program *p, const char *data, size_t size, char *message,
                 size_t message_size)
{
    struct parse_error err;
    int error;

    if (!is_text(path, data, size)) {
        program_decode(p, (const uint8_t *)data, size);
        return 0;
    }
    error = program_parse(p, data, size, &err);
    if (error == -EINVAL)
        snprintf(message, message_size, "%s:%u:%u: %s", path, err.line, err.column, err.text);
    else if (error)
        failed(path, "cannot read", -error, message, message_size);
    return error;
}

int program_load(const char *path, struct program **out, char *message, size_t message_size)
{
    struct program *p;
    char *data = NULL;
    size_t size = 0;
    int error = read_path(path, &data, &size, message, message_size);

    if (error)
        return error;
    p = program_new((uint32_t)(size / RECORD_SIZE) + 1);
    if (!p) {
        free(data);
        return failed(path, "cannot read", ENOMEM, message, message_size);
    }
    error = parse(path, p, data, size, message, message_size);
    free(data);
    if (error) {
        program_free(p);
        return error;
    }
    *out = p;
    return 0;
}

/* Everything is on disk before the name is. Returns an errno value, with what failed. */
static int write_out(int fd, const struct program *p, const char **what)
{
    FILE *to = fdopen(fd, "w");
    int error = 0;

    *what = "cannot write";
    if (!to) {
        error = errno;
        close(fd);
        return error;
    }
    errno = 0;
    program_print(p, to);
    if (fflush(to) || ferror(to) || fchmod(fd, 0644) || fsync(fd))
        error = errno ? errno : EIO;
    if (fclose(to) && !error)
        error = errno;
    return error;
}

/* The name itself survives a crash only when its folder is on disk too. */
static void sync_folder(const char *path)
{
    char copy[PATH_MAX];
    int fd;

    snprintf(copy, sizeof(copy), "%s", path);
    fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

int program_save(const char *path, const struct program *p, char *message, size_t size)
{
    char temporary[PATH_MAX];
    const char *what = "cannot create a file beside it";
    int fd, error;

    if (snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path) >= (int)sizeof(temporary))
        return failed(path, "cannot write", ENAMETOOLONG, message, size);
    fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return failed(path, what, errno, message, size);
    error = write_out(fd, p, &what);
    if (!error && rename(temporary, path)) {
        what = "cannot put it in place";
        error = errno;
    }
    if (error) {
        unlink(temporary);
        return failed(path, what, error, message, size);
    }
    sync_folder(path);
    return 0;
}
