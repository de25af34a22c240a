/* SPDX-License-Identifier: GPL-2.0-only */
/* Files of /proc, /sys and the like that take a text. */
#ifndef HARNESS_LINUX_SETTINGS_H
#define HARNESS_LINUX_SETTINGS_H

/* In one write. 0 or -errno. */
int linux_put_text(const char *path, const char *text);

#endif
