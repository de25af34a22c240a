/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Archives in the form that the kernel unpacks as its first file system ("newc"): what a guest
 * boots from, and what it sends back. Written here because the guest has no other program.
 */
#ifndef HARNESS_LINUX_CPIO_H
#define HARNESS_LINUX_CPIO_H

#include <stdbool.h>
#include <stdio.h>

/* All: 0 or -errno. Modes are those of stat(2), with the kind of file. */
int cpio_put(FILE *to, const char *name, unsigned mode, const void *data, size_t size);
/* The file at path, under another name; a line in message if it cannot be had. */
int cpio_put_file(FILE *to, const char *name, unsigned mode, const char *path, char *message,
                  size_t message_size);
int cpio_end(FILE *to);

/* Calls take for each regular file until the archive ends, whole or not. *whole: the end was there.
 * name: never with a slash. An answer of take that is not 0 ends it and is returned. */
typedef int cpio_taker(void *arg, const char *name, const char *data, size_t size);
int cpio_get(const char *archive, size_t size, cpio_taker *take, void *arg, bool *whole);

#endif
