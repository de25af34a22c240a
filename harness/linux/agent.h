/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the harness and the agent share: where things lie in the agent's address space, and the
 * mailbox. Nothing here needs a C library.
 *
 *   low ....... filler ....... | window | ........ filler ........ | agent | mailbox | end
 *                       pages 16 to 4096 of the world
 *
 * The filler is a mapping of an empty file that cannot be accessed: address search finds no hole
 * beside the window's. It begins at the lowest address that may be mapped, and covers the window's
 * first pages, which are below the world's minimum address.
 */
#ifndef HARNESS_LINUX_AGENT_H
#define HARNESS_LINUX_AGENT_H

#include <stdint.h>

#define AGENT_WINDOW 0x7fff80000000UL /* WINDOW_BASE */
#define AGENT_WINDOW_FIRST 0x10000UL  /* bytes: the lowest ones stay filled */
#define AGENT_WINDOW_SIZE 0x1000000UL /* bytes */
#define AGENT_END 0x7ffffffff000UL    /* of the address space */
#define AGENT_BASE 0x7ffffffb9000UL   /* its code; the linker is told, too */
#define AGENT_CODE_SIZE 0x1000UL
#define MAILBOX_BASE (AGENT_BASE + AGENT_CODE_SIZE)

/* Descriptors that it is started with; all others are closed. */
#define AGENT_FD_MAILBOX 3
#define AGENT_FD_FILLER 4
#define AGENT_FD_KEPT 8 /* the first that it closes: what is below is passed on */

#define AGENT_SLOTS 17 /* one a process, and one for the template that process 0 is forked from */
#define AGENT_TEMPLATE 16
#define SLOT_SIZE 0x4000 /* the stack grows down from its end; it takes a signal's frame, too */
#define SLOT_DATA 4096

enum agent_state {
    AGENT_STARTING,
    AGENT_IDLE,
    AGENT_ASKED,
    AGENT_AWAITED =
        1 << 30, /* with the first or the last: the harness sleeps until it is another */
};
enum agent_kind {
    AGENT_SYSCALL, /* call.nr with call.arg; answers what it answers */
    AGENT_EACH,    /* the call for each page of [arg[0], arg[1]): (page, its size, arg[2]); 0 */
    AGENT_READ,    /* 8 bytes at arg[0]: contents, -EFAULT for SIGSEGV, -ENXIO for SIGBUS */
    AGENT_WRITE,   /* arg[1] there */
    AGENT_FETCH,   /* an instruction from there; then as AGENT_READ */
    AGENT_FORK,    /* the child lives in slot arg[0]; its pid */
    AGENT_EXIT,
};

struct agent_slot {
    uint32_t state; /* enum agent_state; what both wait at */
    uint32_t kind;  /* enum agent_kind */
    uint64_t nr, arg[6];
    int64_t answer;
    uint64_t scratch, unused[6];
    uint8_t data[SLOT_DATA]; /* what calls point to */
    uint8_t stack[SLOT_SIZE - 128 - SLOT_DATA];
};
_Static_assert(sizeof(struct agent_slot) == SLOT_SIZE, "slots are pages");

struct mailbox {
    struct agent_slot slot[AGENT_SLOTS];
    int32_t harness; /* pid: who has another parent has outlived it */
};

_Static_assert(MAILBOX_BASE + sizeof(struct mailbox) <= AGENT_END &&
                   MAILBOX_BASE + sizeof(struct mailbox) > AGENT_END - 0x1000,
               "the mailbox is what is left");

/* Where the agent sees a slot's data. */
#define AGENT_DATA(n)                                                                              \
    (MAILBOX_BASE + (n) * sizeof(struct agent_slot) + __builtin_offsetof(struct agent_slot, data))

#endif
