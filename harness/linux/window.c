/* SPDX-License-Identifier: GPL-2.0-only */
/* From addresses of the world to those of the processes, and back. */
#include "harness/linux/linux.h"

/* Above every address space that x86-64 has, with four levels of page tables or with five. */
#define BEYOND (UINT64_C(1) << 56)

/* Order is kept; only what is next to 2^64 is the same on both sides, so that it wraps alike. */
uint64_t window_to_kernel(uint64_t addr)
{
    if (addr < window_size())
        return WINDOW_BASE + addr;
    return addr <= UINT64_MAX - BEYOND ? addr + BEYOND : addr;
}

uint64_t window_from_kernel(uint64_t addr)
{
    return addr - WINDOW_BASE;
}

uint64_t window_length(uint64_t addr, uint64_t len)
{
    const uint64_t end = addr + len;

    if (end < addr || (addr < window_size() && end <= window_size()))
        return len;
    return window_to_kernel(end) - window_to_kernel(addr);
}
