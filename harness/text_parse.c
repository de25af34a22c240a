/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The reader of the text form: docs/program.md. Takes any bytes; the first thing that is not right
 * is reported with its place, what was expected there, and the nearest word if one is near.
 */
#include "harness/harness.h"
#include "harness/text.h"

#include <stdlib.h>

static bool no_memory(struct parser *ps)
{
    ps->no_memory = true;
    return false;
}

/* ---- names ---- */
/* 1 + the number behind the letter, 0 if it is none. No leading zeros: one spelling, one name. */
static unsigned numbered(struct token t, unsigned first, unsigned last)
{
    unsigned n = 0;

    if (t.n < 2 || t.n > 3 || (t.s[1] == '0' && t.n > 2))
        return 0;
    for (size_t i = 1; i < t.n; i++) {
        if (!is_digit(t.s[i]))
            return 0;
        n = n * 10 + (unsigned)(t.s[i] - '0');
    }
    return n >= first && n <= last ? n + 1 : 0;
}

static enum def_kind name_of(struct token t, unsigned *name)
{
    if (t.n == 1 && t.s[0] >= 'a' && t.s[0] <= 'z') {
        *name = (unsigned)(t.s[0] - 'a') + 1;
        return DEF_MAPPING;
    }
    if (t.n && t.s[0] == 'm' && (*name = numbered(t, 27, MAX_NAMES))) {
        --*name;
        return DEF_MAPPING;
    }
    if (t.n && t.s[0] == 'f' && (*name = numbered(t, 0, MAX_FDS - 1)))
        return DEF_FILE;
    if (t.n && t.s[0] == 'u' && (*name = numbered(t, 0, MAX_FDS - 1)))
        return DEF_CONTEXT;
    if (t.n && t.s[0] == 'k' && (*name = numbered(t, 0, MAX_PINS - 1)))
        return DEF_PIN;
    if (t.n && t.s[0] == 'p' && (*name = numbered(t, 0, MAX_PROCS - 1)))
        return DEF_PROC;
    return DEF_NONE;
}

static const char *const name_forms[] = {
    [DEF_NONE] = "no name",
    [DEF_MAPPING] = "the name of a mapping (a to z, m27 to m64)",
    [DEF_FILE] = "the name of a file (f0 to f15)",
    [DEF_CONTEXT] = "the name of a userfault context (u0 to u15)",
    [DEF_PROC] = "the name of a process (p0 to p15)",
    [DEF_PIN] = "the name of a pin (k0 to k15)",
};

static bool defined(const struct parser *ps, enum def_kind kind, unsigned name)
{
    uint64_t names = kind == DEF_MAPPING ? ps->mappings
                     : kind == DEF_FILE  ? ps->files
                     : kind == DEF_PIN   ? ps->pins
                                         : ps->contexts;

    return names >> (name - 1) & 1;
}

static bool use_name(struct parser *ps, struct token t, enum def_kind kind, uint8_t *result)
{
    unsigned name;

    if (!t.n || name_of(t, &name) != kind)
        return text_fail(ps, t.s, "expected %s", name_forms[kind]);
    if (!defined(ps, kind, name))
        return text_fail(ps, t.s, "'%s' is not defined before this operation", token_show(t).s);
    *result = (uint8_t)name;
    return true;
}

/* ---- values: [anchor][+-pages][:bytes] ---- */
static const char *const value_forms[] = {
    [ARG_ADDR] = "an address",         [ARG_LEN] = "a length",  [ARG_NEWLEN] = "the new length",
    [ARG_PAGES] = "a number of pages", [ARG_TO] = "an address", [ARG_OFF] = "an offset",
};

static bool anchor(struct parser *ps, struct token *t, enum arg arg, struct value *v)
{
    static const struct {
        const char *word;
        enum anchor anchor;
    } words[] = {
        {"task", ANCHOR_TASK},
        {"base", ANCHOR_BASE},
        {"brk", ANCHOR_BRK},
        {"top", ANCHOR_TOP},
    };
    struct token word = {t->s, 0};
    struct candidates c = {.n = 0};
    char expected[120];
    unsigned name;

    while (word.n < t->n && !memchr("+-:", t->s[word.n], 3))
        word.n++;
    *t = (struct token){t->s + word.n, t->n - word.n};
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        candidate(&c, words[i].word);
        if (token_is(word, words[i].word)) {
            v->anchor = (uint8_t)words[i].anchor;
            return true;
        }
    }
    v->anchor = ANCHOR_MAPPING;
    if (name_of(word, &name) == DEF_MAPPING)
        return use_name(ps, word, DEF_MAPPING, &v->name);
    snprintf(expected, sizeof(expected),
             "%s (a number, the name of a mapping, task, base, brk or top)", value_forms[arg]);
    return text_fail_word(ps, word, expected, &c);
}

static bool signed_number(struct parser *ps, struct token *t, const char *what, bool negative,
                          uint64_t max, int64_t *result)
{
    uint64_t n;

    if (!text_number(ps, t, what, max, &n))
        return false;
    *result = negative ? -(int64_t)n : (int64_t)n;
    return true;
}

static bool take_sign(struct token *t, char sign)
{
    if (!t->n || *t->s != sign)
        return false;
    t->s++, t->n--;
    return true;
}

static bool value_pages(struct parser *ps, struct token *t, enum arg arg, struct value *v)
{
    int64_t pages = 0;
    bool negative, plus;

    *v = (struct value){.anchor = ANCHOR_ZERO};
    if (t->n && !is_digit(*t->s) && *t->s != '-' && !anchor(ps, t, arg, v))
        return false;
    negative = take_sign(t, '-');
    plus = !negative && v->anchor != ANCHOR_ZERO && take_sign(t, '+');
    if ((negative || plus || v->anchor == ANCHOR_ZERO) &&
        !signed_number(ps, t, "a number of pages", negative, (uint64_t)INT32_MAX + negative,
                       &pages))
        return false;
    v->pages = (int32_t)pages;
    return true;
}

static bool value(struct parser *ps, struct token t, enum arg arg, enum op_kind kind,
                  struct value *v)
{
    int64_t bytes = 0;
    const char *colon;

    if (arg == ARG_PAGES && token_is(t, "unlimited")) {
        *v = (struct value){.anchor = ANCHOR_TOP};
        return true;
    }
    if (!value_pages(ps, &t, arg, v))
        return false;
    colon = t.s;
    if (take_sign(&t, ':')) {
        if (!arg_has_bytes(arg, kind))
            return text_fail(ps, colon, "expected whole pages here");
        if (!signed_number(ps, &t, "a number of bytes", take_sign(&t, '-'), PAGE_SIZE - 1, &bytes))
            return false;
        v->bytes = (int16_t)bytes;
    }
    return !t.n || text_fail(ps, t.s, "expected the end of a value, not '%s'", token_show(t).s);
}

/* ---- words ---- */
static void candidate_words(struct candidates *c, enum arg arg)
{
    unsigned n;
    const struct word *words = arg_words(arg, &n);

    for (unsigned i = 0; i < n; i++)
        candidate(c, words[i].text);
}

static int find_word(enum arg arg, struct token t)
{
    unsigned n;
    const struct word *words = arg_words(arg, &n);

    for (unsigned i = 0; i < n; i++)
        if (token_is(t, words[i].text))
            return (int)i;
    return -1;
}

static const char *const arg_forms[] = {
    [ARG_PROT] = "a protection (none, r, w, x, rw, ...)",
    [ARG_FMODE] = "an open mode (none, r, w, rw)",
    [ARG_ADVICE] = "an advice",
    [ARG_POLICY] = "a memory policy",
    [ARG_RLIMIT] = "a resource (as, data, stack, memlock)",
    [ARG_KIND] = "a kind of file",
    [ARG_NAME] = "a name for memory (none, red, green, blue)",
    [ARG_PIN_MODE] = "what a device does (read, write)",
    [ARG_WALK] = "a walk (referenced, mkclean, idle_set, idle_get)",
    [ARG_CONTENTS] = "what a page is full of (zeroes, ones, twos)",
};

static bool choice(struct parser *ps, enum arg arg, uint8_t *sel)
{
    struct candidates c = {.n = 0};
    struct token t = text_next(ps);
    int i = find_word(arg, t);

    if (i < 0) {
        candidate_words(&c, arg);
        return text_fail_word(ps, t, arg_forms[arg], &c);
    }
    *sel = (uint8_t)i;
    return true;
}

static bool set_bit(struct parser *ps, struct token t, int word, uint32_t *bits)
{
    if (*bits >> word & 1)
        return text_fail_twice(ps, t);
    *bits |= 1u << word;
    return true;
}

static bool fail_letter(struct parser *ps, enum arg arg, struct token t, struct token letter)
{
    const struct candidates c = {{"none"}, 1};

    if (t.n <= MAX_SHOWN && nearest_name(token_show(t).s, c.word, c.n))
        return text_fail_word(ps, t, arg_forms[arg], &c);
    return text_fail(ps, t.s, "expected %s, not '%s': '%s' is no letter of it", arg_forms[arg],
                     token_show(t).s, token_show(letter).s);
}

/* "rw" or "none", then words of the same list. */
static bool letters(struct parser *ps, enum arg arg, bool words_follow, uint32_t *bits)
{
    struct token t = text_next(ps);

    for (size_t i = 0; i < t.n && !token_is(t, "none"); i++) {
        struct token one = {t.s + i, 1};
        int letter = find_word(arg, one);

        if (letter < 0)
            return fail_letter(ps, arg, t, one);
        if (!set_bit(ps, one, letter, bits))
            return false;
    }
    if (!t.n)
        return text_fail(ps, t.s, "expected %s", arg_forms[arg]);
    while (words_follow) {
        int word = find_word(arg, t = text_peek(ps));

        if (word < 0 || t.n == 1)
            break;
        text_next(ps);
        if (!set_bit(ps, t, word, bits))
            return false;
    }
    return true;
}

/* ---- operations ---- */
static bool object(struct parser *ps, enum arg arg, uint8_t *obj)
{
    struct token t = text_next(ps);

    if (token_is(t, "none"))
        return true;
    return use_name(ps, t, arg_names_kind(arg), obj);
}

static bool optional(enum arg arg)
{
    return arg == ARG_TO || arg == ARG_OFF || arg == ARG_FILE_OPT ||
           (arg_is_flags(arg) && arg != ARG_FMODE);
}

static bool required_argument(struct parser *ps, struct op *op, enum arg arg, struct value *v)
{
    uint32_t bits = 0;
    struct token t;

    if (arg_has_letters(arg)) {
        bool words = arg != ARG_PROT || op_has_prot_words((enum op_kind)op->kind);

        if (!letters(ps, arg, words, &bits))
            return false;
        if (arg == ARG_PROT)
            op->prot = (uint8_t)bits;
        else
            op->flags = bits;
        return true;
    }
    if (arg_is_choice(arg))
        return choice(ps, arg, &op->sel);
    if (arg_is_object(arg))
        return object(ps, arg, &op->obj);
    t = text_next(ps);
    if (arg == ARG_NEWLEN && !token_is(t, "->"))
        return text_fail(ps, t.s, "expected '->' and %s", value_forms[arg]);
    if (arg == ARG_NEWLEN)
        t = text_next(ps);
    if (!t.n)
        return text_fail(ps, t.s, "expected %s", value_forms[arg]);
    return value(ps, t, arg, (enum op_kind)op->kind, v);
}

/* Takes the token for argument arg if it is one: *taken. given: bit arg. */
static bool optional_argument(struct parser *ps, struct op *op, enum arg arg, struct value *v,
                              struct token t, uint32_t *given, bool *taken)
{
    struct token rest;
    unsigned name;
    int word;

    *taken = true;
    if (arg == ARG_TO ? token_starts(t, "to=", &rest)
                      : arg == ARG_OFF && token_starts(t, "off=", &rest))
        return set_bit(ps, t, (int)arg, given) && value(ps, rest, arg, (enum op_kind)op->kind, v);
    if (arg == ARG_FILE_OPT && name_of(t, &name) == DEF_FILE) {
        if (*given >> arg & 1)
            return text_fail(ps, t.s, "expected one file, and '%s' is another", token_show(t).s);
        return set_bit(ps, t, (int)arg, given) && use_name(ps, t, DEF_FILE, &op->obj);
    }
    word = arg_is_flags(arg) ? find_word(arg, t) : -1;
    *taken = word >= 0;
    return word < 0 || set_bit(ps, t, word, &op->flags);
}

static bool failing_allocation(struct parser *ps, struct op *op, struct token t,
                               struct token number)
{
    uint64_t n;

    if (op->fail)
        return text_fail_twice(ps, t);
    if (!text_whole_number(ps, number, "the number of an allocation", MAX_FAIL, &n))
        return false;
    op->fail = (uint16_t)n;
    return n || text_fail(ps, number.s, "the number of an allocation is too small: at least 1");
}

static bool fail_unexpected(struct parser *ps, const struct op *op, struct token t)
{
    const struct op_info *info = &op_table[op->kind];
    struct candidates c = {.n = 0};
    bool flags = false;

    for (const uint8_t *a = info->args; *a != ARG_END; a++) {
        if (*a == ARG_TO || *a == ARG_OFF)
            candidate(&c, *a == ARG_TO ? "to=" : "off=");
        if (!arg_is_flags((enum arg) * a) || *a == ARG_FMODE)
            continue;
        candidate_words(&c, (enum arg) * a);
        flags = true;
    }
    candidate(&c, "fail=");
    if (token_key(t).n < t.n) /* the key alone, with its '=' */
        t.n = token_key(t).n + 1;
    return text_fail_word(ps, t, flags ? "a flag or the end of the line" : "the end of the line",
                          &c);
}

/* What may be left out comes last, in any order. */
static bool optional_arguments(struct parser *ps, struct op *op)
{
    const struct op_info *info = &op_table[op->kind];
    uint32_t given = 0;

    for (struct token t = text_next(ps), rest; t.n; t = text_next(ps)) {
        struct value *v = op->v;
        bool taken = token_starts(t, "fail=", &rest);

        if (taken && !failing_allocation(ps, op, t, rest))
            return false;
        for (const uint8_t *a = info->args; *a != ARG_END && !taken; a++) {
            if (optional((enum arg) * a) &&
                !optional_argument(ps, op, (enum arg) * a, v, t, &given, &taken))
                return false;
            v += arg_is_value((enum arg) * a);
        }
        if (!taken)
            return fail_unexpected(ps, op, t);
    }
    return true;
}

static bool arguments(struct parser *ps, struct op *op)
{
    struct value *v = op->v;

    for (const uint8_t *a = op_table[op->kind].args; *a != ARG_END; a++) {
        if (!optional((enum arg) * a) && !required_argument(ps, op, (enum arg) * a, v))
            return false;
        v += arg_is_value((enum arg) * a);
    }
    return optional_arguments(ps, op);
}

/* first: of a line that may be the world's. */
static bool op_word(struct parser *ps, struct token t, bool first, struct op *op)
{
    struct candidates c = {.n = 0};

    for (unsigned kind = 1; kind < NR_OPS; kind++) {
        candidate(&c, op_table[kind].name);
        if (token_is(t, op_table[kind].name)) {
            op->kind = (uint8_t)kind;
            return true;
        }
    }
    if (first)
        candidate(&c, "world");
    return text_fail_word(ps, t, "an operation", &c);
}

/* Where the operation is expected. If a name is there, the sign after that is missing. */
static bool op_word_or_sign(struct parser *ps, struct token t, bool after_sign, bool after_prefix,
                            struct op *op)
{
    unsigned name;
    enum def_kind kind;

    if (op_word(ps, t, !after_sign && !after_prefix && !ps->world_seen && ps->p->nr == 0, op))
        return true;
    kind = after_sign ? DEF_NONE : name_of(t, &name);
    if (kind == DEF_NONE || !text_peek(ps).n)
        return false;
    return text_fail(ps, t.s + t.n, "expected %s after '%s'",
                     kind == DEF_PROC && !after_prefix ? "':' or '='" : "'='", token_show(t).s);
}

/* Process prefix, and name with its '='. */
static bool op_start(struct parser *ps, struct op *op, struct token *def)
{
    struct token t = text_next_name(ps), prefix = t;
    bool has_prefix = text_take(ps, ':');
    uint64_t n = 0;

    if (has_prefix) {
        if (*t.s != 'p')
            return text_fail(ps, t.s, "expected a process (p0 to p15) before ':'");
        if (!text_whole_number(ps, (struct token){t.s + 1, t.n - 1}, "a process number",
                               MAX_PROCS - 1, &n))
            return false;
        op->proc = (uint8_t)n;
        t = text_next_name(ps);
    }
    *def = (struct token){t.s, 0};
    if (text_take(ps, '=')) {
        *def = t;
        t = text_next_name(ps);
    }
    if (!op_word_or_sign(ps, t, def->n, has_prefix, op))
        return false;
    if (op->proc && !op_has_process((enum op_kind)op->kind))
        return text_fail(ps, prefix.s, "%s is not of a process: leave out the prefix",
                         op_table[op->kind].name);
    if (!(ps->procs >> op->proc & 1))
        return text_fail(ps, prefix.s, "no operation before this one forks p%u", op->proc);
    return true;
}

static bool define(struct parser *ps, struct op *op, struct token def)
{
    enum def_kind kind = (enum def_kind)op_table[op->kind].def;
    const char *op_name = op_table[op->kind].name;
    unsigned name;

    if (!def.n && (kind == DEF_NONE || kind == DEF_MAPPING))
        return true;
    if (kind == DEF_NONE)
        return text_fail(ps, def.s, "%s defines no name", op_name);
    if (!def.n || name_of(def, &name) != kind)
        return text_fail(ps, def.s, "expected %s and '=' before %s", name_forms[kind], op_name);
    op->def = (uint8_t)name;
    if (kind == DEF_MAPPING)
        ps->mappings |= UINT64_C(1) << (name - 1);
    else
        *(kind == DEF_FILE   ? &ps->files
          : kind == DEF_PROC ? &ps->procs
          : kind == DEF_PIN  ? &ps->pins
                             : &ps->contexts) |= 1u << (name - 1);
    return true;
}

static bool operation(struct parser *ps)
{
    struct op op = {.kind = OP_NONE};
    struct token def = {ps->at, 0};

    ps->op_seen = true;
    if (!op_start(ps, &op, &def) || !arguments(ps, &op) || !define(ps, &op, def))
        return false;
    return !program_append(ps->p, &op) || no_memory(ps);
}

/* ---- lines ---- */
static bool world_line(struct parser *ps)
{
    struct token word = text_next(ps);

    if (ps->world_seen || ps->op_seen)
        return text_fail(ps, word.s, "expected one world line, before all operations");
    ps->world_seen = true;
    return text_world(ps);
}

static bool header_line(struct parser *ps, const char *hash)
{
    size_t n = (size_t)(ps->eol - hash), size = ps->header_size + n + 2;

    if (size > ps->header_cap) {
        char *more = realloc(ps->p->header, size * 2);

        if (!more)
            return no_memory(ps);
        ps->p->header = more;
        ps->header_cap = size * 2;
    }
    memcpy(ps->p->header + ps->header_size, hash, n);
    memcpy(ps->p->header + ps->header_size + n, "\n", 2);
    ps->header_size += n + 1;
    return true;
}

static bool version_line(struct parser *ps)
{
    static const char mark[] = "\xef\xbb\xbf";
    struct token word = text_next(ps), version = text_next(ps), end = text_next(ps), rest;

    if (token_starts(word, mark, &rest))
        return text_fail(ps, ps->line, "expected 'vmafuzz 1', not a byte order mark before it");
    if (token_is(word, "vmafuzz") && version.n && !end.n && !token_is(version, "1"))
        return text_fail(ps, version.s, "version '%s' is unknown: expected 'vmafuzz 1'",
                         token_show(version).s);
    if (!token_is(word, "vmafuzz") || !token_is(version, "1") || end.n)
        return text_fail(ps, ps->line, "expected 'vmafuzz 1' in the first line");
    return true;
}

static bool text_line(struct parser *ps)
{
    const char *eol = ps->eol, *zero = memchr(ps->line, '\0', (size_t)(eol - ps->line));
    struct token t;

    if (zero)
        return text_fail(ps, zero, "expected text, not a NUL byte");
    while (eol > ps->line && eol[-1] == '\r')
        ps->eol = --eol;
    if (ps->line_no == 1)
        return version_line(ps);
    t = text_peek(ps);
    if (t.n)
        return token_is(t, "world") ? world_line(ps) : operation(ps);
    if (t.s == eol || ps->op_seen)
        return true;
    ps->eol = eol;
    return header_line(ps, t.s);
}

int program_parse(struct program *p, const char *text, size_t size, struct parse_error *err)
{
    struct parser ps = {.p = p, .err = err, .procs = 1}; /* p0 is always there */
    const char *at = size ? text : "", *end = at + size;

    free(p->header);
    p->header = NULL;
    p->nr = 0;
    p->config = world_config_default;
    p->rules_given = false;
    do {
        const char *newline = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;

        ps.line_no++;
        ps.line = ps.at = at;
        ps.eol = newline ? newline : end;
        if (!text_line(&ps))
            return ps.no_memory ? -ENOMEM : -EINVAL;
        at = newline ? newline + 1 : end;
    } while (at < end);
    return 0;
}
