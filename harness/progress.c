/* SPDX-License-Identifier: GPL-2.0-only */
/* The progress line: redrawn in place on a terminal, a plain line now and then elsewhere. */
#include "harness/cmd.h"

#include <stdarg.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define TERMINAL_INTERVAL 0.2 /* seconds */
#define PLAIN_INTERVAL 5.0

double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void progress_start(struct progress *p)
{
    *p = (struct progress){.terminal = isatty(STDERR_FILENO), .start = seconds_now()};
    p->last = p->start;
}

bool progress_due(struct progress *p)
{
    double now = seconds_now();
    if (now - p->last < (p->terminal ? TERMINAL_INTERVAL : PLAIN_INTERVAL))
        return false;
    p->last = now;
    return true;
}

static int terminal_width(void)
{
    struct winsize size;
    bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    return known ? size.ws_col : 80;
}

void progress_show(struct progress *p, const char *fmt, ...)
{
    va_list args;
    char line[256];
    va_start(args, fmt);
    vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    if (p->terminal)
        fprintf(stderr, "\r%.*s\033[K", terminal_width() - 1, line); /* wrapped, it would stay */
    else
        fprintf(stderr, "%s\n", line);
    fflush(stderr);
    p->shown = true;
}

void progress_clear(struct progress *p)
{
    if (p->terminal && p->shown)
        fputs("\r\033[K", stderr);
    p->shown = false;
}
