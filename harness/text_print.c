/* SPDX-License-Identifier: GPL-2.0-only */
/* Programs as text: docs/program.md. What is printed here reads back as the same program. */
#include "harness/codec.h"

#include <inttypes.h>
#include <stdlib.h>

static const char *const anchor_words[NR_ANCHORS] = {
    [ANCHOR_TASK] = "task",
    [ANCHOR_BASE] = "base",
    [ANCHOR_BRK] = "brk",
    [ANCHOR_TOP] = "top",
};

static void print_name(enum def_kind kind, unsigned number, FILE *to)
{
    if (kind == DEF_FILE)
        fprintf(to, "f%u", number - 1);
    else if (kind == DEF_CONTEXT)
        fprintf(to, "u%u", number - 1);
    else if (kind == DEF_PROC)
        fprintf(to, "p%u", number - 1);
    else if (kind == DEF_PIN)
        fprintf(to, "k%u", number - 1);
    else if (number <= 26)
        fputc('a' + (int)number - 1, to);
    else
        fprintf(to, "m%u", number);
}

static void print_value(enum arg arg, const struct value *v, FILE *to)
{
    const char *sign = v->pages < 0 ? "-" : v->anchor == ANCHOR_ZERO ? "" : "+";
    int64_t pages = llabs((long long)v->pages);

    if (arg == ARG_PAGES && v->anchor == ANCHOR_TOP && v->pages == 0) {
        fputs("unlimited", to);
        return;
    }
    if (v->anchor == ANCHOR_MAPPING)
        print_name(DEF_MAPPING, v->name, to);
    else if (v->anchor != ANCHOR_ZERO)
        fputs(anchor_words[v->anchor], to);
    if (v->anchor == ANCHOR_ZERO && arg_is_address(arg))
        fprintf(to, "%s%#" PRIx64, sign, (uint64_t)pages);
    else if (v->anchor == ANCHOR_ZERO || pages)
        fprintf(to, "%s%" PRId64, sign, pages);
    if (v->bytes)
        fprintf(to, ":%s%#x", v->bytes < 0 ? "-" : "", (unsigned)abs(v->bytes));
}

static void print_words(enum arg arg, uint32_t bits, FILE *to)
{
    unsigned n;
    const struct word *words = arg_words(arg, &n);

    for (unsigned i = 0; i < n; i++)
        if (bits >> i & 1)
            fprintf(to, " %s", words[i].text);
}

/* Single letters are glued to one word: "rw". */
static void print_letters(enum arg arg, uint32_t bits, FILE *to)
{
    unsigned n, letters = 0;
    const struct word *words = arg_words(arg, &n);

    fputc(' ', to);
    while (letters < n && !words[letters].text[1])
        letters++;
    if (!(bits & ((1u << letters) - 1)))
        fputs("none", to);
    for (unsigned i = 0; i < letters; i++)
        if (bits >> i & 1)
            fputs(words[i].text, to);
    print_words(arg, bits >> letters << letters, to);
}

static void print_argument(const struct op *op, enum arg arg, const struct value *v, FILE *to)
{
    static const char *const before[] = {
        [ARG_NEWLEN] = " -> ", [ARG_TO] = " to=", [ARG_OFF] = " off="};
    bool optional = arg == ARG_TO || arg == ARG_OFF;
    unsigned n;

    if (arg_is_value(arg)) {
        if (optional && v->anchor == ANCHOR_ZERO && !v->pages && !v->bytes)
            return;
        fputs(arg == ARG_NEWLEN || optional ? before[arg] : " ", to);
        print_value(arg, v, to);
    } else if (arg_has_letters(arg)) {
        print_letters(arg, arg == ARG_PROT ? op->prot : op->flags, to);
    } else if (arg_is_flags(arg)) {
        print_words(arg, op->flags, to);
    } else if (arg_is_choice(arg)) {
        const struct word *words = arg_words(arg, &n);

        fprintf(to, " %s", words[op->sel % n].text);
    } else if (op->obj) {
        fputc(' ', to);
        print_name(arg_names_kind(arg), op->obj, to);
    } else if (arg != ARG_FILE_OPT) {
        fputs(" none", to);
    }
}

void op_print(const struct op *op, FILE *to)
{
    const struct op_info *info = &op_table[op->kind];
    const struct value *v = op->v;

    if (op->kind == OP_NONE)
        return;
    if (op_has_process((enum op_kind)op->kind))
        fprintf(to, "p%u: ", op->proc);
    if (op->def) {
        print_name((enum def_kind)info->def, op->def, to);
        fputs(" = ", to);
    }
    fputs(info->name, to);
    for (const uint8_t *a = info->args; *a != ARG_END; a++) {
        print_argument(op, (enum arg) * a, v, to);
        v += arg_is_value((enum arg) * a);
    }
    if (op->fail)
        fprintf(to, " fail=%u", op->fail);
}

static void print_world(const struct program *p, FILE *to)
{
    struct world_config config = p->config, usual = world_config_default;
    const char *before = "world";

#define SAY(...) (fputs(before, to), before = "", fprintf(to, " " __VA_ARGS__))
    if (p->rules_given)
        SAY("rules=%s", rules_names[config.rules]);
    if (config.legacy_layout)
        SAY("layout=legacy");
    if (config.privileged)
        SAY("privileged");
    if (config.read_implies_exec)
        SAY("read-implies-exec");
    if (config.overcommit != usual.overcommit)
        SAY("overcommit=%u", config.overcommit);
    for (unsigned i = 0; i < NR_WORLD_FIELDS; i++)
        if (*world_field(&config, i) != *world_field(&usual, i))
            SAY("%s=%" PRIu64, world_fields[i].name, *world_field(&config, i));
#undef SAY
    if (!*before)
        fputc('\n', to);
}

void program_print(const struct program *p, FILE *to)
{
    fputs("vmafuzz 1\n", to);
    if (p->header)
        fputs(p->header, to);
    print_world(p, to);
    for (uint32_t i = 0; i < p->nr; i++) {
        if (p->op[i].kind == OP_NONE)
            continue;
        op_print(&p->op[i], to);
        fputc('\n', to);
    }
}
