/* SPDX-License-Identifier: GPL-2.0-only */
/* What both ends of a guest's serial lines have to agree on. */
#ifndef HARNESS_LINUX_GUEST_LINES_H
#define HARNESS_LINUX_GUEST_LINES_H

/* In the order in which QEMU is given them. */
#define GUEST_LINE_OUT "/dev/ttyS0"
#define GUEST_CONSOLE "ttyS1" /* the kernel's */
#define GUEST_LINE_ARCHIVE "/dev/ttyS2"
#define GUEST_LINE_ERR "/dev/ttyS3"

#define GUEST_PROGRAM "/init"
#define GUEST_ARGUMENTS "/arguments"
#define GUEST_MAX_ARGUMENTS 1024
#define GUEST_TERMINAL "terminal"
/* Tests have the guest's kernel die so many seconds after the command's start: given to QEMU's
 * kernel as it is, and by the kernel to the first process. */
#define GUEST_CRASH "VMAFUZZ_GUEST_CRASH"
#define GUEST_STATUS "exit-status" /* in the archive: the command's */

#endif
