/* SPDX-License-Identifier: GPL-2.0-only */
/* What the codecs and the generator share: what kinds of arguments are, and the world's fields. */
#ifndef HARNESS_CODEC_H
#define HARNESS_CODEC_H

#include "harness/program.h"

#define MAX_FAIL 4095 /* largest N of fail=N */
#define PROT_RWX 7u   /* the bits of op.prot that are glued letters */

static inline bool arg_is_value(enum arg arg)
{
    return arg >= ARG_ADDR && arg <= ARG_PAGES;
}

static inline bool arg_is_flags(enum arg arg)
{
    return arg >= ARG_MAP && arg <= ARG_NODES;
}

static inline bool arg_is_choice(enum arg arg)
{
    return arg >= ARG_ADVICE && arg <= ARG_NAME;
}

static inline bool arg_is_object(enum arg arg)
{
    return arg >= ARG_FILE && arg <= ARG_CONTEXT;
}

/* Page counts have no bytes beside them. */
static inline bool arg_has_bytes(enum arg arg, enum op_kind kind)
{
    return arg != ARG_PAGES && !(arg == ARG_OFF && kind == OP_REMAP_FILE_PAGES);
}

/* Addresses and offsets of addresses: printed in hex, folded to the small window. */
static inline bool arg_is_address(enum arg arg)
{
    return arg == ARG_ADDR || arg == ARG_TO;
}

static inline bool arg_has_letters(enum arg arg)
{
    return arg == ARG_PROT || arg == ARG_FMODE;
}

/* PROT_GROWSDOWN has the name of MAP_GROWSDOWN, which follows it in mmap: there it cannot be said. */
static inline bool op_has_prot_words(enum op_kind kind)
{
    return kind != OP_MMAP;
}

bool op_has_process(enum op_kind kind); /* false: it is about descriptors alone */

/* The numbers of a world, by the name of the text form. */
struct world_field {
    const char *name;
    size_t offset; /* of an uint64_t in struct world_config */
};
#define NR_WORLD_FIELDS 9
extern const struct world_field world_fields[NR_WORLD_FIELDS];
static inline uint64_t *world_field(struct world_config *config, unsigned i)
{
    return (uint64_t *)((char *)config + world_fields[i].offset);
}

/* One record without its surroundings: names may be undefined, and are kept. False: kind 0. */
bool record_decode(const uint8_t record[RECORD_SIZE], struct op *op);
/* The world's record, in which every byte is a choice; see docs/program.md. */
enum world_byte {
    WORLD_VERSION, WORLD_RULES, WORLD_LAYOUT, WORLD_PRIVILEGED, WORLD_READ_IMPLIES_EXEC,
    WORLD_OVERCOMMIT, WORLD_TASK, WORLD_BASE, WORLD_MIN, WORLD_BRK, WORLD_GAP, WORLD_MAPS,
    WORLD_RAM, WORLD_ADMIN_RESERVE, WORLD_USER_RESERVE, NR_WORLD_BYTES
};
void world_decode(const uint8_t record[RECORD_SIZE], struct world_config *config, bool *rules_given);

#endif
