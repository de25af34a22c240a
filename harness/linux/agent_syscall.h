/* SPDX-License-Identifier: GPL-2.0-only */
/* System calls without a C library, x86-64. */
#ifndef HARNESS_LINUX_AGENT_SYSCALL_H
#define HARNESS_LINUX_AGENT_SYSCALL_H

#include <asm/unistd.h>

static inline long syscall6(long nr, long a, long b, long c, long d, long e, long f)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long ret;

    __asm__ volatile("syscall"
                     : "=a"(ret)
                     : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return ret;
}

static inline long syscall3(long nr, long a, long b, long c)
{
    return syscall6(nr, a, b, c, 0, 0, 0);
}

#endif
