/* SPDX-License-Identifier: GPL-2.0-only */
#define _GNU_SOURCE
#include "harness/linux/trail.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <sys/io.h>

static bool port_open(void)
{
    return !ioperm(TRAIL_PORT, 1, 1);
}

static void port_write(const char *text, size_t size)
{
    __asm__ volatile("rep outsb" : "+S"(text), "+c"(size) : "d"(TRAIL_PORT) : "memory");
}
#else
static bool port_open(void)
{
    errno = ENOSYS;
    return false;
}

static void port_write(const char *text, size_t size)
{
    (void)text;
    (void)size;
}
#endif

bool trail_open(struct trail *t, const char *path, char *why, size_t size)
{
    *t = (struct trail){.fd = -1};
    if (path)
        t->fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | O_DSYNC, 0666);
    else
        t->port = port_open();
    t->to = fmemopen(t->line, sizeof(t->line), "w");
    if ((t->fd >= 0 || t->port) && t->to)
        return true;
    snprintf(why, size, "the trail %s: %s", path ? path : "of the guest", strerror(errno));
    trail_close(t);
    return false;
}

void trail_close(struct trail *t)
{
    if (t->fd >= 0)
        close(t->fd);
    if (t->to)
        fclose(t->to);
    *t = (struct trail){.fd = -1};
}

/* What is in memory goes out. A trail that cannot be written any more is no reason to stop. */
static void send(struct trail *t)
{
    long n;

    fflush(t->to);
    n = ftell(t->to);
    rewind(t->to);
    if (n <= 0)
        return;
    if (t->port)
        port_write(t->line, (size_t)n);
    else if (write(t->fd, t->line, (size_t)n) < 0 && !t->told) {
        warn("the trail is not complete");
        t->told = true;
    }
}

void trail_program(struct trail *t, const struct world_config *config)
{
    const struct program empty = {.config = *config, .rules_given = true};

    if (!t->to)
        return;
    if (t->fd >= 0 && !ftruncate(t->fd, 0)) /* devices are written on with */
        lseek(t->fd, 0, SEEK_SET);
    program_print(&empty, t->to);
    send(t);
}

void trail_operation(struct trail *t, const struct op *op)
{
    if (!t->to)
        return;
    op_print(op, t->to);
    fputc('\n', t->to);
    send(t);
}

const char *trail_last(const char *data, size_t size, size_t *length)
{
    const char *last = NULL, *end = memrchr(data, '\n', size);

    for (const char *at = data; end && at < end; at++) {
        at = memmem(at, (size_t)(end + 1 - at), TRAIL_START, strlen(TRAIL_START));
        if (!at)
            break;
        last = at;
    }
    if (last)
        *length = (size_t)(end + 1 - last);
    return last;
}
