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
        if (got < 0) { /* EINTR too: who catches signals wants to stop */
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

int file_load(const char *path, char **data, size_t *size, char *message, size_t message_size)
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

/* The number of bytes of the character at data: printable ASCII, white space, or a UTF-8 sequence;
 * 0: no text has it. */
static size_t text_char(const unsigned char *data, size_t size)
{
    size_t len = *data < 0x80 ? 1 : *data < 0xc2 ? 0 : *data < 0xe0 ? 2 : *data < 0xf0 ? 3 : 4;

    if (*data > 0xf4 || len > size || *data == 0x7f ||
        (*data < ' ' && !strchr("\t\n\v\f\r", *data)))
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((data[i] & 0xc0) != 0x80)
            return 0;
    return *data ? len : 0;
}

/* Any bytes are a program in wire form, but who gives something readable means it as text. */
static bool is_text(const char *path, const char *data, size_t size)
{
    static const char magic[] = "vmafuzz", extension[] = ".vma";
    size_t len = strlen(path), at = 0, n;

    if (size >= sizeof(magic) - 1 && !memcmp(data, magic, sizeof(magic) - 1))
        return true;
    if (len >= sizeof(extension) && !strcmp(path + len - (sizeof(extension) - 1), extension))
        return true;
    while (at < size && (n = text_char((const unsigned char *)data + at, size - at)))
        at += n;
    return at == size;
}

static int parse(const char *path, struct program *p, const char *data, size_t size, char *message,
                 size_t message_size)
{
    struct parse_error err;
    int error = program_parse(p, data, size, &err);

    if (error == -EINVAL)
        snprintf(message, message_size, "%s:%u:%u: %s", path, err.line, err.column, err.text);
    else if (error)
        failed(path, "cannot read", -error, message, message_size);
    return error;
}

static void decode(const char *path, struct program *p, const char *data, size_t size,
                   char *message, size_t message_size)
{
    program_decode(p, (const uint8_t *)data, size);
    if (size % RECORD_SIZE)
        snprintf(message, message_size,
                 "%s: the last record has only %zu of %d bytes, the others are taken as 0", path,
                 size % RECORD_SIZE, RECORD_SIZE);
}

int program_load(const char *path, struct program **out, bool *wire, char *message,
                 size_t message_size)
{
    struct program *p;
    char *data = NULL;
    size_t size = 0;
    int error = file_load(path, &data, &size, message, message_size);

    if (error)
        return error;
    p = program_new((uint32_t)(size / RECORD_SIZE) + 1);
    if (!p) {
        free(data);
        return failed(path, "cannot read", ENOMEM, message, message_size);
    }
    *message = '\0';
    *wire = !is_text(path, data, size);
    if (*wire)
        decode(path, p, data, size, message, message_size);
    else
        error = parse(path, p, data, size, message, message_size);
    free(data);
    if (error) {
        program_free(p);
        return error;
    }
    *out = p;
    return 0;
}

/* fresh: a new file, which gets its permissions and is on disk before its name is. Returns an errno
 * value; fd is closed. */
static int write_out(int fd, file_printer *print, const void *what, bool fresh)
{
    FILE *to = fdopen(fd, "w");
    mode_t mask = umask(0); /* there is no other way to ask for it */
    int error = 0;

    umask(mask);
    if (!to) {
        error = errno;
        close(fd);
        return error;
    }
    errno = 0;
    print(what, to);
    if (fflush(to) || ferror(to) || (fresh && (fchmod(fd, 0666 & ~mask) || fsync(fd))))
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

static int save_straight(const char *path, int fd, file_printer *print, const void *what,
                         char *message, size_t size)
{
    int error = fd < 0 ? errno : write_out(fd, print, what, false);

    return error ? failed(path, "cannot write", error, message, size) : 0;
}

/* A new file beside path; temporary, of PATH_MAX bytes, gets its name. Its descriptor, or -errno
 * with a message. */
static int open_beside(const char *path, char *temporary, char *message, size_t size)
{
    int fd;

    if (snprintf(temporary, PATH_MAX, "%s.XXXXXX", path) >= PATH_MAX)
        return failed(path, "cannot write", ENAMETOOLONG, message, size);
    fd = mkostemp(temporary, O_CLOEXEC);
    return fd >= 0 ? fd : failed(path, "cannot create a file beside it", errno, message, size);
}

/* A new file beside it takes the place of path, which is no link. */
static int save_replacing(const char *path, file_printer *print, const void *what, char *message,
                          size_t size)
{
    char temporary[PATH_MAX];
    int fd = open_beside(path, temporary, message, size), error;

    if (fd < 0)
        return fd;
    error = write_out(fd, print, what, true);
    if (!error && rename(temporary, path))
        error = errno;
    if (error) {
        unlink(temporary);
        return failed(path, "cannot write", error, message, size);
    }
    sync_folder(path);
    return 0;
}

/* How a file is written: on what there is, or by a new one in its place. */
enum way { WAY_STDOUT, WAY_STRAIGHT, WAY_REPLACE };

/* real, of PATH_MAX bytes: the path without links, for WAY_REPLACE. A way, or -errno. */
static int way_of(const char *path, char *real, char *message, size_t size)
{
    struct stat target, other;

    if (stat(path, &target)) {
        int error = errno;

        if (!lstat(path, &other))
            return failed(path, "cannot follow the link", error, message, size);
        if (snprintf(real, PATH_MAX, "%s", path) >= PATH_MAX)
            return failed(path, "cannot write", ENAMETOOLONG, message, size);
        return WAY_REPLACE; /* which says why it cannot be */
    }
    /* /dev/stdout may stand for a regular file: it is written on with, not replaced under us. */
    if (!fstat(STDOUT_FILENO, &other) && other.st_dev == target.st_dev &&
        other.st_ino == target.st_ino)
        return WAY_STDOUT;
    if (!S_ISREG(target.st_mode))
        return WAY_STRAIGHT;
    return realpath(path, real) ? WAY_REPLACE : failed(path, "cannot write", errno, message, size);
}

int file_save(const char *path, file_printer *print, const void *what, char *message, size_t size)
{
    char real[PATH_MAX];
    int way = way_of(path, real, message, size);

    if (way == WAY_STDOUT) {
        fflush(stdout);
        return save_straight(path, dup(STDOUT_FILENO), print, what, message, size);
    }
    if (way == WAY_STRAIGHT)
        return save_straight(path, open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY), print, what,
                             message, size);
    return way < 0 ? way : save_replacing(real, print, what, message, size);
}

/* A pipe is not opened: that would wait for its reader, who would see it end. */
int file_probe(const char *path, char *message, size_t size)
{
    char real[PATH_MAX], temporary[PATH_MAX], block[4096] = {0};
    int way = way_of(path, real, message, size), fd, error = 0;
    struct stat st;

    if (way == WAY_STRAIGHT && !stat(path, &st) && S_ISDIR(st.st_mode))
        return failed(path, "cannot write", EISDIR, message, size);
    if (way == WAY_STRAIGHT && access(path, W_OK))
        return failed(path, "cannot write", errno, message, size);
    if (way != WAY_REPLACE)
        return way < 0 ? way : 0;
    fd = open_beside(real, temporary, message, size);
    if (fd < 0)
        return fd;
    errno = 0;
    if (write(fd, block, sizeof(block)) != sizeof(block) || fsync(fd))
        error = errno ? errno : ENOSPC;
    close(fd);
    unlink(temporary);
    return error ? failed(path, "cannot write", error, message, size) : 0;
}

static void print_program(const void *p, FILE *to)
{
    program_print(p, to);
}

int program_save(const char *path, const struct program *p, char *message, size_t size)
{
    return file_save(path, print_program, p, message, size);
}
