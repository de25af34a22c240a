/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of the text form's reader share; for text_*.c alone. */
#ifndef HARNESS_TEXT_H
#define HARNESS_TEXT_H

#include "harness/codec.h"

#include <string.h>

struct token {
    const char *s;
    size_t n;
};

/* The properties of a world: some words, then world_fields[]. */
enum {
    WORLD_KEY_RULES,
    WORLD_KEY_LAYOUT,
    WORLD_KEY_PRIVILEGED,
    WORLD_KEY_READ_IMPLIES_EXEC,
    WORLD_KEY_OVERCOMMIT,
    WORLD_KEY_FIELDS,
    NR_WORLD_KEYS = WORLD_KEY_FIELDS + NR_WORLD_FIELDS
};

struct parser {
    struct program *p;
    struct parse_error *err;
    const char *line, *at, *eol; /* this line, how far it is read, its end */
    unsigned line_no;
    uint64_t mappings; /* bit n - 1: name n is defined */
    uint32_t files, contexts, pins, procs;
    bool world_seen, op_seen, no_memory;
    const char *world_at[NR_WORLD_KEYS]; /* where the value of a property stands; NULL: not said */
    size_t header_size, header_cap;
};

#define MAX_SHOWN 24 /* bytes of a token that a message shows */
struct shown {
    char s[MAX_SHOWN + 4];
};

#define MAX_CANDIDATES 64
struct candidates {
    const char *word[MAX_CANDIDATES];
    size_t n;
};

static inline void candidate(struct candidates *c, const char *word)
{
    if (c->n < MAX_CANDIDATES)
        c->word[c->n++] = word;
}

static inline bool token_is(struct token t, const char *word)
{
    return strlen(word) == t.n && !memcmp(t.s, word, t.n);
}

static inline bool token_starts(struct token t, const char *word, struct token *rest)
{
    size_t n = strlen(word);

    if (t.n < n || memcmp(t.s, word, n))
        return false;
    *rest = (struct token){t.s + n, t.n - n};
    return true;
}

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

struct shown token_show(struct token t);
/* What stands before the '=', without that; the whole token if there is none. */
struct token token_key(struct token t);

/* All false, for the caller to return. */
bool text_fail(struct parser *ps, const char *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4), cold));
bool text_fail_word(struct parser *ps, struct token t, const char *expected,
                    const struct candidates *c);
bool text_fail_twice(struct parser *ps, struct token t);

/* The next token of the line: empty at its end or where a comment starts. */
struct token text_peek(struct parser *ps);
struct token text_next(struct parser *ps);
/* Where names stand: ':' and '=' end a token, and are tokens. */
struct token text_next_name(struct parser *ps);
bool text_take(struct parser *ps, char c);

/* Reads a number at the start of *t and takes it off; what and max go into the message. */
bool text_number(struct parser *ps, struct token *t, const char *what, uint64_t max,
                 uint64_t *result);
bool text_whole_number(struct parser *ps, struct token t, const char *what, uint64_t max,
                       uint64_t *result);

/* What follows the word "world" in its line. */
bool text_world(struct parser *ps);

#endif
