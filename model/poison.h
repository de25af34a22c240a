/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Poison for objects of the pools, where there is AddressSanitizer.
 *
 * Its runtime's functions look at the shadow of all that they poison, fill or copy, and every
 * object goes through some of them. The pools know already: an object is poisoned as a whole or not
 * at all, and its size is a multiple of the bytes that one byte of shadow stands for. So its shadow
 * is written here, with what the runtime itself would write.
 */
#ifndef MODEL_POISON_H
#define MODEL_POISON_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define POISON_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POISON_ASAN 1
#endif
#endif

#ifdef POISON_ASAN
#include <sanitizer/asan_interface.h>

#ifdef __clang__ /* neither asked about, nor in the coverage map: loops over bytes say nothing */
#define POISON_UNCHECKED __attribute__((no_sanitize("address", "undefined", "coverage")))
#else
#define POISON_UNCHECKED __attribute__((no_sanitize("address")))
#endif
#define POISON_WORD 8 /* sizes of objects are multiples of it */

struct poison {
    uintptr_t offset; /* of the shadow */
    size_t scale;
    uint64_t word; /* what eight poisoned bytes of shadow look like */
};
extern struct poison poison;

/* Words that no compiler knows to be all the same, or it would call memset(), which is ASan's. */
POISON_UNCHECKED static inline void poison_fill(void *memory, size_t size, uint64_t word)
{
    char *at = memory, *end = at + size;

    __asm__("" : "+r"(word));
    for (; end - at >= POISON_WORD; at += POISON_WORD)
        __builtin_memcpy(at, &word, POISON_WORD);
    for (; at < end; at++, word >>= 8)
        *at = (char)word;
}

POISON_UNCHECKED static inline void *poison_shadow(const void *memory)
{
    return (void *)(((uintptr_t)memory >> poison.scale) + poison.offset);
}

/* Any region, poisoned by the runtime: to look at how it is done. */
POISON_UNCHECKED static inline void poison_start(void *region, size_t size)
{
    __asan_poison_memory_region(region, size);
    __asan_get_shadow_mapping(&poison.scale, &poison.offset);
    __builtin_memcpy(&poison.word, poison_shadow(region), POISON_WORD);
}
POISON_UNCHECKED static inline void poison_end(void *region, size_t size)
{
    __asan_unpoison_memory_region(region, size);
}
POISON_UNCHECKED static inline void poison_object(void *object, size_t size)
{
    poison_fill(poison_shadow(object), size >> poison.scale, poison.word);
}
POISON_UNCHECKED static inline void unpoison_object(void *object, size_t size)
{
    poison_fill(poison_shadow(object), size >> poison.scale, 0);
}
/* A live object, filled with a byte. */
POISON_UNCHECKED static inline void object_fill(void *object, uint8_t byte, size_t size)
{
    poison_fill(object, size, byte * UINT64_C(0x0101010101010101));
}
/* From one live object to another. */
POISON_UNCHECKED static inline void object_copy(void *to, const void *from, size_t size)
{
    for (size_t i = 0; i < size; i += POISON_WORD) {
        uint64_t word;

        __builtin_memcpy(&word, (const char *)from + i, POISON_WORD);
        __asm__("" : "+r"(word));
        __builtin_memcpy((char *)to + i, &word, POISON_WORD);
    }
}
#else
#define poison_start(region, size) ((void)(region), (void)(size))
#define poison_end(region, size) ((void)(region), (void)(size))
#define poison_object(object, size) ((void)(object), (void)(size))
#define unpoison_object(object, size) ((void)(object), (void)(size))
#define object_fill(object, byte, size) memset(object, byte, size)
#define object_copy(to, from, size) memcpy(to, from, size)
#endif

#endif
