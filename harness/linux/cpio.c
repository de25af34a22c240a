/* SPDX-License-Identifier: GPL-2.0-only */
/* The archives of guests: a header of hexadecimal words, a name, the contents, each padded. */
#include "harness/linux/cpio.h"

#include "harness/harness.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAGIC "070701"
#define HEADER_SIZE 110 /* MAGIC and 13 words of 8 digits */
#define END_NAME "TRAILER!!!"
enum header_word {
    INO,
    MODE,
    UID,
    GID,
    NLINK,
    MTIME,
    SIZE,
    MAJOR,
    MINOR,
    RMAJOR,
    RMINOR,
    NAME,
    CHECK
};

static size_t padding(size_t n)
{
    return -n & 3;
}

static void pad(FILE *to, size_t n)
{
    fwrite("\0\0\0", 1, padding(n), to);
}

int cpio_put(FILE *to, const char *name, unsigned mode, const void *data, size_t size)
{
    const size_t name_size = strlen(name) + 1;

    if (size > UINT32_MAX)
        return -EFBIG;
    fprintf(to, MAGIC "%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", 0U, mode, 0U, 0U, 1U,
            0U, (unsigned)size, 0U, 0U, 0U, 0U, (unsigned)name_size, 0U);
    fwrite(name, 1, name_size, to);
    pad(to, HEADER_SIZE + name_size);
    if (size)
        fwrite(data, 1, size, to);
    pad(to, size);
    return ferror(to) ? -EIO : 0;
}

int cpio_put_file(FILE *to, const char *name, unsigned mode, const char *path, char *message,
                  size_t message_size)
{
    char *data;
    size_t size;
    int err = file_load(path, &data, &size, message, message_size);

    if (err)
        return err;
    err = cpio_put(to, name, mode, data, size);
    if (err)
        snprintf(message, message_size, "%s: %s", path, strerror(-err));
    free(data);
    return err;
}

int cpio_end(FILE *to)
{
    const int err = cpio_put(to, END_NAME, 0, NULL, 0);

    return err ? err : fflush(to) ? -errno : 0;
}

static bool word_at(const char *header, enum header_word which, size_t *value)
{
    char digits[9] = "", *end;

    memcpy(digits, header + sizeof(MAGIC) - 1 + 8U * which, 8);
    *value = strtoul(digits, &end, 16);
    return end == digits + 8;
}

/* One more file from *at on; false: there is no whole one. */
struct member {
    const char *name, *data;
    size_t size, mode;
};
static bool next_member(const char *archive, size_t end, size_t *at, struct member *m)
{
    const char *header = archive + *at;
    size_t name_size, name_end;

    if (end - *at < HEADER_SIZE || memcmp(header, MAGIC, sizeof(MAGIC) - 1) != 0 ||
        !word_at(header, NAME, &name_size) || !word_at(header, SIZE, &m->size) ||
        !word_at(header, MODE, &m->mode))
        return false;
    if (!name_size || name_size > end - *at - HEADER_SIZE || header[HEADER_SIZE + name_size - 1])
        return false;
    name_end = *at + HEADER_SIZE + name_size;
    name_end += padding(name_end);
    if (name_end > end || m->size > end - name_end)
        return false;
    m->name = header + HEADER_SIZE;
    m->data = archive + name_end;
    *at = name_end + m->size;
    *at += padding(*at);
    if (*at > end)
        *at = end;
    return true;
}

int cpio_get(const char *archive, size_t size, cpio_taker *take, void *arg, bool *whole)
{
    struct member m;
    size_t at = 0;
    int err = 0;

    *whole = false;
    while (!err && next_member(archive, size, &at, &m)) {
        if (!strcmp(m.name, END_NAME)) {
            *whole = true;
            break;
        }
        if (S_ISREG(m.mode) && !strchr(m.name, '/'))
            err = take(arg, m.name, m.data, m.size);
    }
    return err;
}
