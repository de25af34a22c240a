/* SPDX-License-Identifier: GPL-2.0-only */
/* Files of /proc, /sys and the like that are a short text. */
#ifndef HARNESS_LINUX_SETTINGS_H
#define HARNESS_LINUX_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

/* The first line, by one read; false, and an empty text: there is none. */
bool linux_get_text(const char *path, char *text, size_t size);
/* What it begins with; otherwise: it does not, or is not there. */
long linux_get_number(const char *path, long otherwise);
/* In one write. 0 or -errno. */
int linux_put_text(const char *path, const char *text);

#endif
