/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The reader of the text form: docs/program.md. Takes any bytes; the first thing that is not right
 * is reported with its place, what was expected there, and the nearest word if one is near.
 */
#include "harness/codec.h"
#include "harness/harness.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct token {
    const char *s;
    size_t n;
};

struct parser {
    struct program *p;
    struct parse_error *err;
    const char *line, *at, *eol; /* this line, how far it is read, its end */
    unsigned line_no;
    uint64_t mappings; /* bit n - 1: name n is defined */
    uint32_t files, contexts, procs;
    bool world_seen, op_seen, no_memory;
    size_t header_size, header_cap;
};

/* ---- errors ---- */
static bool fail(struct parser *ps, const char *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4), cold));
static bool fail(struct parser *ps, const char *at, const char *fmt, ...)
{
    va_list args;

    ps->err->line = ps->line_no;
    ps->err->column = (unsigned)(at - ps->line) + 1;
    va_start(args, fmt);
    vsnprintf(ps->err->text, sizeof(ps->err->text), fmt, args);
    va_end(args);
    return false;
}

static bool no_memory(struct parser *ps)
{
    ps->no_memory = true;
    return false;
}

#define MAX_SHOWN 24 /* bytes of a token that a message shows */
struct shown {
    char s[MAX_SHOWN + 4];
};

static struct shown show(struct token t)
{
    struct shown out;
    size_t n = t.n > MAX_SHOWN ? MAX_SHOWN : t.n;

    for (size_t i = 0; i < n; i++)
        out.s[i] = t.s[i] > ' ' && t.s[i] <= '~' ? t.s[i] : '?';
    strcpy(out.s + n, t.n > n ? "..." : "");
    return out;
}

#define MAX_CANDIDATES 64
struct candidates {
    const char *word[MAX_CANDIDATES];
    size_t n;
};

static void candidate(struct candidates *c, const char *word)
{
    if (c->n < MAX_CANDIDATES)
        c->word[c->n++] = word;
}

static void candidate_words(struct candidates *c, enum arg arg)
{
    unsigned n;
    const struct word *words = arg_words(arg, &n);

    for (unsigned i = 0; i < n; i++)
        candidate(c, words[i].text);
}

/* "expected an advice, not 'dontfrok'; did you mean 'dontfork'?" */
static bool fail_word(struct parser *ps, struct token t, const char *expected,
                      const struct candidates *c)
{
    struct shown shown = show(t);
    const char *nearest = t.n <= MAX_SHOWN ? nearest_name(shown.s, c->word, c->n) : NULL;

    if (!t.n)
        return fail(ps, t.s, "expected %s", expected);
    if (!nearest)
        return fail(ps, t.s, "expected %s, not '%s'", expected, shown.s);
    return fail(ps, t.s, "expected %s, not '%s'; did you mean '%s'?", expected, shown.s, nearest);
}

/* ---- tokens ---- */
static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Empty at the end of the line or where a comment starts. */
static struct token peek(struct parser *ps)
{
    const char *end;

    while (ps->at < ps->eol && is_blank(*ps->at))
        ps->at++;
    if (ps->at < ps->eol && *ps->at == '#')
        ps->eol = ps->at;
    for (end = ps->at; end < ps->eol && !is_blank(*end);)
        end++;
    return (struct token){ps->at, (size_t)(end - ps->at)};
}

static struct token next(struct parser *ps)
{
    struct token t = peek(ps);

    ps->at += t.n;
    return t;
}

static bool is(struct token t, const char *word)
{
    return strlen(word) == t.n && !memcmp(t.s, word, t.n);
}

static bool starts(struct token t, const char *word, struct token *rest)
{
    size_t n = strlen(word);

    if (t.n < n || memcmp(t.s, word, n))
        return false;
    *rest = (struct token){t.s + n, t.n - n};
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int digit_value(char c, unsigned base)
{
    int v = is_digit(c)            ? c - '0'
            : c >= 'a' && c <= 'f' ? c - 'a' + 10
            : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                   : 99;

    return v < (int)base ? v : -1;
}

/* Reads a number at the start of *t and takes it off; what and max go into the message. */
static bool number(struct parser *ps, struct token *t, const char *what, uint64_t max,
                   uint64_t *result)
{
    unsigned base = t->n > 2 && t->s[0] == '0' && t->s[1] == 'x' ? 16 : 10;
    const char *at = t->s + (base == 16 ? 2 : 0), *first = at, *end = t->s + t->n;
    uint64_t n = 0;

    for (; at < end && digit_value(*at, base) >= 0; at++) {
        uint64_t d = (uint64_t)digit_value(*at, base);

        if (n > (UINT64_MAX - d) / base || n * base + d > max)
            return fail(ps, t->s, "%s is too large: at most %" PRIu64, what, max);
        n = n * base + d;
    }
    if (at == first)
        return fail(ps, t->s, "expected %s", what);
    *t = (struct token){at, (size_t)(end - at)};
    *result = n;
    return true;
}

static bool whole_number(struct parser *ps, struct token t, const char *what, uint64_t max,
                         uint64_t *result)
{
    if (!number(ps, &t, what, max, result))
        return false;
    return !t.n || fail(ps, t.s, "expected the end of %s, not '%s'", what, show(t).s);
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
};

static bool defined(const struct parser *ps, enum def_kind kind, unsigned name)
{
    uint64_t names = kind == DEF_MAPPING ? ps->mappings
                     : kind == DEF_FILE  ? ps->files
                                         : ps->contexts;

    return names >> (name - 1) & 1;
}

static bool use_name(struct parser *ps, struct token t, enum def_kind kind, uint8_t *result)
{
    unsigned name;

    if (!t.n || name_of(t, &name) != kind)
        return fail(ps, t.s, "expected %s", name_forms[kind]);
    if (!defined(ps, kind, name))
        return fail(ps, t.s, "'%s' is not defined before this operation", show(t).s);
    *result = (uint8_t)name;
    return true;
}

/* ---- values: [anchor][+-pages][:bytes] ---- */
static bool anchor(struct parser *ps, struct token *t, struct value *v)
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
    unsigned name;

    while (word.n < t->n && !memchr("+-:", t->s[word.n], 3))
        word.n++;
    *t = (struct token){t->s + word.n, t->n - word.n};
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        candidate(&c, words[i].word);
        if (is(word, words[i].word)) {
            v->anchor = (uint8_t)words[i].anchor;
            return true;
        }
    }
    v->anchor = ANCHOR_MAPPING;
    if (name_of(word, &name) == DEF_MAPPING)
        return use_name(ps, word, DEF_MAPPING, &v->name);
    return fail_word(ps, word, "a number, the name of a mapping, task, base, brk or top", &c);
}

static bool signed_number(struct parser *ps, struct token *t, const char *what, bool negative,
                          uint64_t max, int64_t *result)
{
    uint64_t n;

    if (!number(ps, t, what, max, &n))
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

static bool value_pages(struct parser *ps, struct token *t, struct value *v)
{
    int64_t pages = 0;
    bool negative, plus;

    *v = (struct value){.anchor = ANCHOR_ZERO};
    if (t->n && !is_digit(*t->s) && *t->s != '-' && !anchor(ps, t, v))
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

    if (arg == ARG_PAGES && is(t, "unlimited")) {
        *v = (struct value){.anchor = ANCHOR_TOP};
        return true;
    }
    if (!value_pages(ps, &t, v))
        return false;
    colon = t.s;
    if (take_sign(&t, ':')) {
        if (!arg_has_bytes(arg, kind))
            return fail(ps, colon, "expected whole pages here");
        if (!signed_number(ps, &t, "a number of bytes", take_sign(&t, '-'), PAGE_SIZE - 1, &bytes))
            return false;
        v->bytes = (int16_t)bytes;
    }
    return !t.n || fail(ps, t.s, "expected the end of a value, not '%s'", show(t).s);
}

/* ---- words ---- */
static int find_word(enum arg arg, struct token t)
{
    unsigned n;
    const struct word *words = arg_words(arg, &n);

    for (unsigned i = 0; i < n; i++)
        if (is(t, words[i].text))
            return (int)i;
    return -1;
}

static const char *const arg_forms[] = {
    [ARG_ADDR] = "an address",
    [ARG_LEN] = "a length",
    [ARG_NEWLEN] = "'->' and the new length",
    [ARG_PAGES] = "a number of pages",
    [ARG_PROT] = "a protection (none, r, w, x, rw, ...)",
    [ARG_FMODE] = "an open mode (none, r, w, rw)",
    [ARG_ADVICE] = "an advice",
    [ARG_POLICY] = "a memory policy",
    [ARG_RLIMIT] = "a resource (as, data, stack, memlock)",
    [ARG_KIND] = "a kind of file",
    [ARG_NAME] = "a name for memory (none, red, green, blue)",
};

static bool choice(struct parser *ps, enum arg arg, uint8_t *sel)
{
    struct candidates c = {.n = 0};
    struct token t = next(ps);
    int i = find_word(arg, t);

    if (i < 0) {
        candidate_words(&c, arg);
        return fail_word(ps, t, arg_forms[arg], &c);
    }
    *sel = (uint8_t)i;
    return true;
}

/* "rw" or "none", then words of the same list. */
static bool letters(struct parser *ps, enum arg arg, bool words_follow, uint32_t *bits)
{
    struct token t = next(ps);
    struct candidates c = {.n = 0};

    candidate(&c, "none");
    for (size_t i = 0; i < t.n && !is(t, "none"); i++) {
        int letter = find_word(arg, (struct token){t.s + i, 1});

        if (letter < 0)
            return fail_word(ps, t, arg_forms[arg], &c);
        *bits |= 1u << letter;
    }
    if (!t.n)
        return fail(ps, t.s, "expected %s", arg_forms[arg]);
    while (words_follow) {
        int word = find_word(arg, t = peek(ps));

        if (word < 0 || t.n == 1)
            break;
        next(ps);
        *bits |= 1u << word;
    }
    return true;
}

/* ---- operations ---- */
static bool object(struct parser *ps, enum arg arg, uint8_t *obj)
{
    struct token t = next(ps);

    if (is(t, "none"))
        return true;
    return use_name(ps, t, arg == ARG_CONTEXT ? DEF_CONTEXT : DEF_FILE, obj);
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
    t = next(ps);
    if (arg == ARG_NEWLEN && !is(t, "->"))
        return fail(ps, t.s, "expected %s", arg_forms[arg]);
    if (arg == ARG_NEWLEN)
        t = next(ps);
    if (!t.n)
        return fail(ps, t.s, "expected %s", arg_forms[arg]);
    return value(ps, t, arg, (enum op_kind)op->kind, v);
}

/* Takes the token for argument arg if it is one: *taken. */
static bool optional_argument(struct parser *ps, struct op *op, enum arg arg, struct value *v,
                              struct token t, bool *taken)
{
    struct token rest;
    unsigned name;
    int word;

    *taken = true;
    if (arg == ARG_TO ? starts(t, "to=", &rest) : arg == ARG_OFF && starts(t, "off=", &rest))
        return value(ps, rest, arg, (enum op_kind)op->kind, v);
    if (arg == ARG_FILE_OPT && name_of(t, &name) == DEF_FILE)
        return use_name(ps, t, DEF_FILE, &op->obj);
    word = arg_is_flags(arg) ? find_word(arg, t) : -1;
    if (word >= 0)
        op->flags |= 1u << word;
    *taken = word >= 0;
    return true;
}

static bool fail_unexpected(struct parser *ps, const struct op *op, struct token t)
{
    const struct op_info *info = &op_table[op->kind];
    struct candidates c = {.n = 0};

    for (const uint8_t *a = info->args; *a != ARG_END; a++)
        if (arg_is_flags((enum arg) * a))
            candidate_words(&c, (enum arg) * a);
    return fail_word(ps, t, c.n ? "a flag or the end of the line" : "the end of the line", &c);
}

/* What may be left out comes last, in any order. */
static bool optional_arguments(struct parser *ps, struct op *op)
{
    const struct op_info *info = &op_table[op->kind];

    for (struct token t = next(ps), rest; t.n; t = next(ps)) {
        struct value *v = op->v;
        bool taken = starts(t, "fail=", &rest);
        uint64_t n = 0;

        if (taken && !whole_number(ps, rest, "the number of an allocation", MAX_FAIL, &n))
            return false;
        if (taken)
            op->fail = (uint16_t)n;
        for (const uint8_t *a = info->args; *a != ARG_END && !taken; a++) {
            if (optional((enum arg) * a) &&
                !optional_argument(ps, op, (enum arg) * a, v, t, &taken))
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

static bool op_word(struct parser *ps, struct token t, struct op *op)
{
    struct candidates c = {.n = 0};

    for (unsigned kind = 1; kind < NR_OPS; kind++) {
        candidate(&c, op_table[kind].name);
        if (is(t, op_table[kind].name)) {
            op->kind = (uint8_t)kind;
            return true;
        }
    }
    return fail_word(ps, t, "an operation", &c);
}

/* Process prefix, and name with its '='. */
static bool op_start(struct parser *ps, struct op *op, struct token *def)
{
    struct token t = next(ps), prefix = t;
    bool has_prefix = t.n > 1 && t.s[0] == 'p' && t.s[t.n - 1] == ':';
    uint64_t n = 0;

    if (has_prefix) {
        if (!whole_number(ps, (struct token){t.s + 1, t.n - 2}, "a process number", MAX_PROCS - 1,
                          &n))
            return false;
        op->proc = (uint8_t)n;
        t = next(ps);
    }
    *def = (struct token){t.s, 0};
    if (is(peek(ps), "=")) {
        *def = t;
        next(ps);
        t = next(ps);
    }
    if (!op_word(ps, t, op))
        return false;
    if (op->proc && !op_has_process((enum op_kind)op->kind))
        return fail(ps, prefix.s, "%s is not of a process: leave out the prefix",
                    op_table[op->kind].name);
    if (!(ps->procs >> op->proc & 1))
        return fail(ps, prefix.s, "no operation before this one forks p%u", op->proc);
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
        return fail(ps, def.s, "%s defines no name", op_name);
    if (!def.n || name_of(def, &name) != kind)
        return fail(ps, def.s, "expected %s and '=' before %s", name_forms[kind], op_name);
    op->def = (uint8_t)name;
    if (kind == DEF_MAPPING)
        ps->mappings |= UINT64_C(1) << (name - 1);
    else
        *(kind == DEF_FILE   ? &ps->files
          : kind == DEF_PROC ? &ps->procs
                             : &ps->contexts) |= 1u << (name - 1);
    return true;
}

static bool operation(struct parser *ps)
{
    struct op op = {.kind = OP_NONE};
    struct token def;

    ps->op_seen = true;
    if (!op_start(ps, &op, &def) || !arguments(ps, &op) || !define(ps, &op, def))
        return false;
    return !program_append(ps->p, &op) || no_memory(ps);
}

/* ---- the world ---- */
static bool world_rules(struct parser *ps, struct token t)
{
    struct candidates c = {.n = 0};

    for (unsigned i = 0; i < NR_RULES; i++) {
        candidate(&c, rules_names[i]);
        if (is(t, rules_names[i])) {
            ps->p->config.rules = (enum rules)i;
            ps->p->rules_given = true;
            return true;
        }
    }
    return fail_word(ps, t, "a rules preset", &c);
}

static bool world_layout(struct parser *ps, struct token t)
{
    const struct candidates c = {{"legacy", "topdown"}, 2};

    if (!is(t, "legacy") && !is(t, "topdown"))
        return fail_word(ps, t, "a layout (legacy, topdown)", &c);
    ps->p->config.legacy_layout = is(t, "legacy");
    return true;
}

static bool world_number(struct parser *ps, struct token t)
{
    struct candidates c = {{"rules=", "layout=", "privileged", "read-implies-exec", "overcommit="},
                           5};
    const char *equals = memchr(t.s, '=', t.n);
    struct token key = {t.s, equals ? (size_t)(equals - t.s) : t.n}, rest;

    for (unsigned i = 0; i < NR_WORLD_FIELDS; i++) {
        candidate(&c, world_fields[i].name);
        if (equals && is(key, world_fields[i].name)) {
            rest = (struct token){equals + 1, t.n - key.n - 1};
            return whole_number(ps, rest, "a number", UINT64_MAX, world_field(&ps->p->config, i));
        }
    }
    return fail_word(ps, key, "a property of the world", &c);
}

static bool world_word(struct parser *ps, struct token t)
{
    struct world_config *config = &ps->p->config;
    struct token rest;
    uint64_t n;

    if (starts(t, "rules=", &rest))
        return world_rules(ps, rest);
    if (starts(t, "layout=", &rest))
        return world_layout(ps, rest);
    if (starts(t, "overcommit=", &rest)) {
        if (!whole_number(ps, rest, "a mode of overcommit", 2, &n))
            return false;
        config->overcommit = (uint8_t)n;
        return true;
    }
    if (is(t, "privileged"))
        return config->privileged = true;
    if (is(t, "read-implies-exec"))
        return config->read_implies_exec = true;
    return world_number(ps, t);
}

/* What world_reset() would refuse is an error of the text: a program that parses runs. */
static bool world_sense(struct parser *ps, const char *at)
{
    const struct world_config *c = &ps->p->config;

    if (c->task_size < 64 || c->task_size > 1 << 24)
        return fail(ps, at, "task= must be 64 to 16777216 pages");
    if (c->mmap_base > c->task_size)
        return fail(ps, at, "base= must be at most task=");
    if (c->start_brk >= c->task_size || c->mmap_min_addr >= c->task_size ||
        c->stack_guard_gap >= c->task_size)
        return fail(ps, at, "brk=, min= and gap= must be less than task=");
    return true;
}

static bool world_line(struct parser *ps)
{
    struct token word = next(ps);

    if (ps->world_seen || ps->op_seen)
        return fail(ps, word.s, "expected one world line, before all operations");
    ps->world_seen = true;
    for (struct token t = next(ps); t.n; t = next(ps))
        if (!world_word(ps, t))
            return false;
    return world_sense(ps, word.s);
}

/* ---- lines ---- */
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
    struct token word = next(ps), version = next(ps), end = next(ps);

    if (!is(word, "vmafuzz") || !is(version, "1") || end.n)
        return fail(ps, ps->line, "expected 'vmafuzz 1' in the first line");
    return true;
}

static bool text_line(struct parser *ps)
{
    const char *eol = ps->eol, *zero = memchr(ps->line, '\0', (size_t)(eol - ps->line));
    struct token t;

    if (zero)
        return fail(ps, zero, "expected text, not a NUL byte");
    while (eol > ps->line && eol[-1] == '\r')
        ps->eol = --eol;
    if (ps->line_no == 1)
        return version_line(ps);
    t = peek(ps);
    if (t.n)
        return is(t, "world") ? world_line(ps) : operation(ps);
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
