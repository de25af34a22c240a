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
    return arg >= ARG_MAP && arg <= ARG_ZERO;
}

static inline bool arg_is_choice(enum arg arg)
{
    return arg >= ARG_ADVICE && arg <= ARG_CONTENTS;
}

static inline bool arg_is_object(enum arg arg)
{
    return arg >= ARG_FILE && arg <= ARG_PIN;
}

/* Names of objects, by what defines them; each kind has its own numbers. */
static inline enum def_kind arg_names_kind(enum arg arg)
{
    return arg == ARG_CONTEXT ? DEF_CONTEXT : arg == ARG_PIN ? DEF_PIN : DEF_FILE;
}

static inline bool def_is_object(enum def_kind kind)
{
    return kind == DEF_FILE || kind == DEF_CONTEXT || kind == DEF_PIN;
}
_Static_assert(MAX_PINS == MAX_FDS, "one range of numbers for all that op.obj names");

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

/* In mmap, growsdown is MAP_GROWSDOWN, which follows; PROT_GROWSDOWN cannot be said there. */
static inline bool op_has_prot_words(enum op_kind kind)
{
    return kind != OP_MMAP;
}

/* Positions in the word lists of ops.c, for the code that makes operations. */
enum { W_READ, W_WRITE, W_EXEC, W_PROT_GROWSDOWN, W_PROT_GROWSUP, W_PROT_INVALID };
enum {
    W_PRIVATE,
    W_SHARED,
    W_SHARED_VALIDATE,
    W_ANON,
    W_FIXED,
    W_NOREPLACE,
    W_GROWSDOWN,
    W_GROWSUP,
    W_LOCKED,
    W_STACK,
    W_NORESERVE,
    W_POPULATE
};
enum { W_MAYMOVE, W_MREMAP_FIXED, W_DONTUNMAP, W_MREMAP_INVALID };
enum { W_ONFAULT, W_MLOCK2_INVALID };
enum { W_CURRENT, W_FUTURE, W_MCL_ONFAULT, W_MCL_INVALID };
enum { W_ASYNC, W_INVALIDATE, W_SYNC, W_MSYNC_INVALID };
enum { W_MISSING, W_WP, W_UFFD_INVALID };
enum { W_FMODE_READ, W_FMODE_WRITE, W_FMODE_APPEND, W_FMODE_NOEXEC };
enum {
    W_NORMAL,
    W_RANDOM,
    W_SEQUENTIAL,
    W_WILLNEED,
    W_DONTNEED,
    W_FREE,
    W_REMOVE,
    W_DONTFORK,
    W_DOFORK,
    W_MERGEABLE,
    W_UNMERGEABLE,
    W_HUGEPAGE,
    W_NOHUGEPAGE,
    W_DONTDUMP,
    W_DODUMP,
    W_WIPEONFORK,
    W_KEEPONFORK,
    W_COLD,
    W_PAGEOUT,
    W_POPULATE_READ,
    W_POPULATE_WRITE,
    W_COLLAPSE,
    W_ADVICE_INVALID
};
enum { W_RACE_DONTNEED };
enum { W_RECLAIM_KEEP };
enum { W_PIN_READ, W_PIN_WRITE };
enum { W_KSM_ZERO };
enum { W_ZEROES, W_ONES, W_TWOS };
enum { W_REFERENCED, W_MKCLEAN };
#define WORD(w) (1u << (w))

/* False: those kernels do not know the call and refuse it, whatever it asks for. */
bool rules_have(enum rules rules, enum op_kind kind);
bool op_has_process(enum op_kind kind); /* false: it is about descriptors, pins or all alone */

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
    WORLD_VERSION,
    WORLD_RULES,
    WORLD_LAYOUT,
    WORLD_PRIVILEGED,
    WORLD_READ_IMPLIES_EXEC,
    WORLD_OVERCOMMIT,
    WORLD_TASK,
    WORLD_BASE,
    WORLD_MIN,
    WORLD_BRK,
    WORLD_GAP,
    WORLD_MAPS,
    WORLD_RAM,
    WORLD_ADMIN_RESERVE,
    WORLD_USER_RESERVE,
    NR_WORLD_BYTES
};
void world_decode(const uint8_t record[RECORD_SIZE], struct world_config *config,
                  bool *rules_given);

#endif
