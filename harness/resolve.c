/* SPDX-License-Identifier: GPL-2.0-only */
/* From an operation to what a subject is asked: anchors become addresses, words ABI values. */
#include "harness/codec.h"

static uint64_t anchor_page(const struct value *v, const struct world_config *config,
                            const long results[MAX_NAMES + 1])
{
    switch ((enum anchor)v->anchor) {
    case ANCHOR_MAPPING:
        return results[v->name] > 0 ? (uint64_t)results[v->name] >> PAGE_SHIFT : 0;
    case ANCHOR_TASK:
        return config->task_size;
    case ANCHOR_BASE:
        return config->mmap_base;
    case ANCHOR_BRK:
        return config->start_brk;
    case ANCHOR_TOP:
        return UINT64_C(1) << (64 - PAGE_SHIFT);
    default:
        return 0;
    }
}

/* Where each kind of value goes. */
static const uint8_t places[] = {
    [ARG_ADDR] = offsetof(struct call, addr),      [ARG_LEN] = offsetof(struct call, len),
    [ARG_NEWLEN] = offsetof(struct call, new_len), [ARG_TO] = offsetof(struct call, to),
    [ARG_OFF] = offsetof(struct call, off),        [ARG_PAGES] = offsetof(struct call, pages),
};

static void resolve_value(enum arg arg, uint64_t page, int16_t bytes, struct call *call)
{
    uint64_t n = (page << PAGE_SHIFT) + (uint64_t)(int64_t)bytes; /* wraps as user space would */

    if (arg == ARG_PAGES)
        n = page >> (64 - PAGE_SHIFT) ? MM_RLIM_INFINITY : page;
    else if (arg == ARG_OFF && call->kind == OP_REMAP_FILE_PAGES)
        n = page;
    *(uint64_t *)(void *)((char *)call + places[arg]) = n;
}

static int or_words(enum arg arg, uint32_t bits)
{
    unsigned n;
    const struct word *words = arg_words(arg, &n);
    uint32_t abi = 0;

    for (bits &= (1u << n) - 1; bits; bits &= bits - 1)
        abi |= words[__builtin_ctz(bits)].abi;
    return (int)abi;
}

static void resolve_choice(enum arg arg, unsigned sel, struct call *call)
{
    unsigned n;
    const struct word *words = arg_words(arg, &n);

    if (arg != ARG_NAME)
        call->sel = words[sel % n].abi;
    else
        call->name = words[sel % n].abi ? words[sel % n].text : NULL;
}

/* Copied by whole registers: clearing so much in place is a call under ASan, and slow without. */
__attribute__((no_sanitize("address"))) static void call_start(struct call *call)
{
    static const struct call nothing = {.new_fd = -1};

    *call = nothing;
}

void op_resolve(const struct op *op, const struct world_config *config,
                const long results[MAX_NAMES + 1], struct call *call)
{
    const struct op_info *info = &op_table[op->kind];
    const struct value *v = op->v;

    call_start(call);
    call->kind = op->kind;
    call->proc = op->proc;
    call->child = info->def == DEF_PROC && op->def ? (uint8_t)(op->def - 1) : 0;
    call->fail = op->fail;
    call->fd = (int)op->obj - 1;
    if (def_is_object((enum def_kind)info->def))
        call->new_fd = (int)op->def - 1;
    for (const uint8_t *a = info->args; *a != ARG_END; a++) {
        enum arg arg = (enum arg) * a;

        if (arg_is_value(arg)) {
            uint64_t page = (uint64_t)(int64_t)v->pages;

            if (v->anchor != ANCHOR_ZERO)
                page += anchor_page(v, config, results);
            resolve_value(arg, page, v->bytes, call);
            v++;
        } else if (arg == ARG_PROT) {
            call->prot = or_words(arg, op->prot);
        } else if (arg_is_flags(arg)) {
            call->flags = or_words(arg, op->flags);
        } else if (arg_is_choice(arg)) {
            resolve_choice(arg, op->sel, call);
        }
    }
}
