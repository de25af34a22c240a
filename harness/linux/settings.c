/* SPDX-License-Identifier: GPL-2.0-only */
#define _GNU_SOURCE
#include "harness/linux/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool linux_get_text(const char *path, char *text, size_t size)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd < 0 ? 0 : read(fd, text, size - 1);

    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return n > 0;
}

long linux_get_number(const char *path, long otherwise)
{
    char text[32], *end;
    long n;

    linux_get_text(path, text, sizeof(text));
    n = strtol(text, &end, 10);
    return end == text ? otherwise : n;
}

int linux_put_text(const char *path, const char *text)
{
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    const int error = fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;

    if (fd >= 0)
        close(fd);
    return error;
}
