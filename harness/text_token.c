/* SPDX-License-Identifier: GPL-2.0-only */
/* Tokens, numbers and errors of the text form. */
#include "harness/harness.h"
#include "harness/text.h"

#include <inttypes.h>
#include <stdarg.h>

/* ---- errors ---- */
bool text_fail(struct parser *ps, const char *at, const char *fmt, ...)
{
    va_list args;

    ps->err->line = ps->line_no;
    ps->err->column = (unsigned)(at - ps->line) + 1;
    va_start(args, fmt);
    vsnprintf(ps->err->text, sizeof(ps->err->text), fmt, args);
    va_end(args);
    return false;
}

struct shown token_show(struct token t)
{
    struct shown out;
    size_t n = t.n > MAX_SHOWN ? MAX_SHOWN : t.n;

    for (size_t i = 0; i < n; i++)
        out.s[i] = t.s[i] > ' ' && t.s[i] <= '~' ? t.s[i] : '?';
    strcpy(out.s + n, t.n > n ? "..." : "");
    return out;
}

/* "expected an advice, not 'dontfrok'; did you mean 'dontfork'?" */
bool text_fail_word(struct parser *ps, struct token t, const char *expected,
                    const struct candidates *c)
{
    struct shown shown = token_show(t);
    const char *nearest = t.n <= MAX_SHOWN ? nearest_name(shown.s, c->word, c->n) : NULL;

    if (!t.n)
        return text_fail(ps, t.s, "expected %s", expected);
    if (!nearest)
        return text_fail(ps, t.s, "expected %s, not '%s'", expected, shown.s);
    return text_fail(ps, t.s, "expected %s, not '%s'; did you mean '%s'?", expected, shown.s,
                     nearest);
}

bool text_fail_twice(struct parser *ps, struct token t)
{
    struct token key = token_key(t);

    return text_fail(ps, t.s, "'%s%s' is given twice", token_show(key).s, key.n < t.n ? "=" : "");
}

/* ---- tokens ---- */
static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Needs no blanks around it: nothing else has these two letters. */
static bool is_arrow(const char *at, const char *eol)
{
    return *at == '-' && at + 1 < eol && at[1] == '>';
}

struct token text_peek(struct parser *ps)
{
    const char *end;

    while (ps->at < ps->eol && is_blank(*ps->at))
        ps->at++;
    if (ps->at < ps->eol && *ps->at == '#')
        ps->eol = ps->at;
    for (end = ps->at; end < ps->eol && !is_blank(*end) && !is_arrow(end, ps->eol);)
        end++;
    if (end == ps->at && end < ps->eol)
        end += 2;
    return (struct token){ps->at, (size_t)(end - ps->at)};
}

struct token text_next(struct parser *ps)
{
    struct token t = text_peek(ps);

    ps->at += t.n;
    return t;
}

struct token text_next_name(struct parser *ps)
{
    struct token t = text_peek(ps);
    size_t n = 0;

    while (n < t.n && t.s[n] != ':' && t.s[n] != '=')
        n++;
    t.n = n || !t.n ? n : 1;
    ps->at += t.n;
    return t;
}

bool text_take(struct parser *ps, char c)
{
    struct token t = text_peek(ps);

    if (!t.n || *t.s != c)
        return false;
    ps->at++;
    return true;
}

struct token token_key(struct token t)
{
    const char *equals = t.n ? memchr(t.s, '=', t.n) : NULL;

    return (struct token){t.s, equals ? (size_t)(equals - t.s) : t.n};
}

/* ---- numbers ---- */
static int digit_value(char c, unsigned base)
{
    int v = is_digit(c)            ? c - '0'
            : c >= 'a' && c <= 'f' ? c - 'a' + 10
            : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                   : 99;

    return v < (int)base ? v : -1;
}

bool text_number(struct parser *ps, struct token *t, const char *what, uint64_t max,
                 uint64_t *result)
{
    unsigned base = t->n > 2 && t->s[0] == '0' && t->s[1] == 'x' ? 16 : 10;
    const char *at = t->s + (base == 16 ? 2 : 0), *first = at, *end = t->s + t->n;
    uint64_t n = 0;

    for (; at < end && digit_value(*at, base) >= 0; at++) {
        uint64_t d = (uint64_t)digit_value(*at, base);

        if (n > (UINT64_MAX - d) / base || n * base + d > max)
            return text_fail(ps, t->s, "%s is too large: at most %" PRIu64, what, max);
        n = n * base + d;
    }
    if (at == first)
        return text_fail(ps, t->s, "expected %s", what);
    *t = (struct token){at, (size_t)(end - at)};
    *result = n;
    return true;
}

bool text_whole_number(struct parser *ps, struct token t, const char *what, uint64_t max,
                       uint64_t *result)
{
    if (!text_number(ps, &t, what, max, result))
        return false;
    return !t.n || text_fail(ps, t.s, "expected the end of %s, not '%s'", what, token_show(t).s);
}
