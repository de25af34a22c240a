/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How snapshot.bpf.c loads words from the kernel's memory. A checked load is some ten instructions,
 * and of them the program consists: what can be told beforehand is.
 */
#ifndef HARNESS_LINUX_SNAPSHOT_LOAD_H
#define HARNESS_LINUX_SNAPSHOT_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t __u8;
typedef uint16_t __u16;
typedef int32_t __s32;
typedef uint32_t __u32;
typedef long long __s64;
typedef unsigned long long __u64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
enum { BPF_MAP_TYPE_PERCPU_ARRAY = 6 };
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "harness/linux/snapshot_kernel.h"

extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym __weak;

/* Linux 6.2 brought these functions, and counted rss for each CPU instead of for each task. The
 * verifier sees only what is for its kernel. */
#define BEFORE_6_2 bpf_core_field_exists(struct mm_struct___before_6_2, rss_stat.count)

#define inline static inline __attribute__((always_inline))

/* Any structure with a number in front would do for the verifier. */
inline uint64_t word(uint64_t addr)
{
    if (BEFORE_6_2) {
        uint64_t value = 0;

        bpf_probe_read_kernel(&value, sizeof(value), (void *)addr);
        return value;
    }
    const struct timespec64 *at =
        bpf_rdonly_cast((void *)addr, bpf_core_type_id_kernel(struct timespec64));

    return (uint64_t)at->tv_sec;
}
#define OFFSET(type, field) ((uint64_t)bpf_core_field_offset(struct type, field))
#define FIELD(addr, type, field) word((addr) + OFFSET(type, field))

/* Several words of the 64 bytes from addr on, for less than by word(): NEAR() takes them. The
 * registers are a structure that has nothing but numbers to the verifier. */
#define NEAR_BYTES 64
inline const char *near(uint64_t addr, char room[NEAR_BYTES])
{
    if (BEFORE_6_2) {
        bpf_probe_read_kernel(room, NEAR_BYTES, (void *)addr);
        return room;
    }
    return bpf_rdonly_cast((void *)addr, bpf_core_type_id_kernel(struct pt_regs));
}
#define NEAR(near, offset, type) (*(const type *)((near) + (offset)))

/* FIELD() of a structure that near() has been asked for, with its address for what is not near. */
#define NUMBERS_BYTES 120 /* of the registers: behind are some that are not whole words */
struct place {
    uint64_t addr;
    const char *near;
};
inline struct place place_of(uint64_t addr)
{
    return (struct place){addr, BEFORE_6_2 ? NULL : near(addr, NULL)};
}
#define FIELD_OF(place, type, field)                                                               \
    (!BEFORE_6_2 && OFFSET(type, field) < NUMBERS_BYTES                                            \
         ? NEAR((place).near, OFFSET(type, field), uint64_t)                                       \
         : FIELD((place).addr, type, field))

/* The address is not to be computed again for each field. */
#define HOLD(pointer) asm volatile("" : "+r"(pointer))

#endif
