/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A kernel image under QEMU as a subject: the guest boots into this very program, which then does
 * what it does on a host, on the guest's kernel. Nothing needs to be installed in the guest: its
 * file system is this program with its libraries, and the files that the command asks for.
 *
 * Four serial lines connect the two: standard output, the kernel's console, the archive of what the
 * command leaves, which is sent as soon as it is there, and standard error. Of a kernel that dies
 * the trail remains: its last program becomes a find.
 */
#ifndef HARNESS_LINUX_GUEST_H
#define HARNESS_LINUX_GUEST_H

#include <stdbool.h>

struct guest_options {
    const char *image;   /* kernel image, as QEMU's -kernel takes it */
    unsigned memory;     /* MiB */
    double silence;      /* seconds without a word after which the guest is given up */
    const char *out;     /* folder that what the command leaves in GUEST_OUT goes to */
    char *const *argv;   /* the command in the guest, NULL-terminated; argv[0] is not used */
    char *const *files;  /* NULL-terminated: of argv, those that are files to be brought along */
    bool terminal;       /* standard error is a terminal: progress on one line */
    volatile bool *stop; /* set from a signal handler: ends the guest */
};
#define GUEST_OUT "/out"           /* the folder in the guest */
#define GUEST_MARK "VMAFUZZ_GUEST" /* environment variable of the command in the guest */
#define GUEST_MEMORY 1024
#define GUEST_SILENCE 60

/* The exit status of the command; STATUS_FOUND if the guest's kernel died or hangs, which is told
 * with the end of its console, and the last program is stored; STATUS_USAGE, with one line, if
 * there is no guest to be had. */
int guest_run(const struct guest_options *o);
/* Whether QEMU can be had: NULL, or why not. */
const char *guest_missing(void);

/* Is this the first process of a guest? Then guest_init() is all that it does; never returns. */
bool guest_is_init(void);
_Noreturn void guest_init(void);

#endif
