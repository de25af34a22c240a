/* SPDX-License-Identifier: GPL-2.0-only */
/* The world line of the text form. */
#include "harness/harness.h"
#include "harness/text.h"

#include <inttypes.h>

#define MAX_TASK (1 << 24)          /* pages */
enum { TASK, BASE, MIN, BRK, GAP }; /* in world_fields[]: places below the end of the task */

/* ---- properties ---- */
static const struct {
    const char *name, *value; /* NULL: a word alone */
} words[WORLD_KEY_FIELDS] = {
    [WORLD_KEY_RULES] = {"rules", "a rules preset"},
    [WORLD_KEY_LAYOUT] = {"layout", "a layout (legacy, topdown)"},
    [WORLD_KEY_PRIVILEGED] = {"privileged", NULL},
    [WORLD_KEY_READ_IMPLIES_EXEC] = {"read-implies-exec", NULL},
    [WORLD_KEY_OVERCOMMIT] = {"overcommit", "a mode of overcommit"},
};

static const char *key_name(unsigned key)
{
    return key < WORLD_KEY_FIELDS ? words[key].name : world_fields[key - WORLD_KEY_FIELDS].name;
}

static const char *key_value(unsigned key)
{
    return key < WORLD_KEY_FIELDS ? words[key].value : "a number";
}

static bool rules_value(struct parser *ps, struct token t)
{
    struct candidates c = {.n = 0};

    for (unsigned i = 0; i < NR_RULES; i++) {
        candidate(&c, rules_names[i]);
        if (token_is(t, rules_names[i])) {
            ps->p->config.rules = (enum rules)i;
            ps->p->rules_given = true;
            return true;
        }
    }
    return text_fail_word(ps, t, key_value(WORLD_KEY_RULES), &c);
}

static bool layout_value(struct parser *ps, struct token t)
{
    const struct candidates c = {{"legacy", "topdown"}, 2};

    if (!token_is(t, "legacy") && !token_is(t, "topdown"))
        return text_fail_word(ps, t, key_value(WORLD_KEY_LAYOUT), &c);
    ps->p->config.legacy_layout = token_is(t, "legacy");
    return true;
}

static bool property_value(struct parser *ps, unsigned key, struct token t)
{
    struct world_config *config = &ps->p->config;
    uint64_t n;

    switch (key) {
    case WORLD_KEY_RULES:
        return rules_value(ps, t);
    case WORLD_KEY_LAYOUT:
        return layout_value(ps, t);
    case WORLD_KEY_PRIVILEGED:
        return config->privileged = true;
    case WORLD_KEY_READ_IMPLIES_EXEC:
        return config->read_implies_exec = true;
    case WORLD_KEY_OVERCOMMIT:
        if (!text_whole_number(ps, t, key_value(key), 2, &n))
            return false;
        config->overcommit = (uint8_t)n;
        return true;
    default:
        return text_whole_number(ps, t, key_value(key),
                                 key - WORLD_KEY_FIELDS <= GAP ? MAX_TASK : UINT64_MAX,
                                 world_field(config, key - WORLD_KEY_FIELDS));
    }
}

/* Compared without the '=' that may have been forgotten, but shown with it. */
static bool fail_key(struct parser *ps, struct token name)
{
    static const char expected[] = "a property of the world";
    struct shown shown = token_show(name);
    const char *names[NR_WORLD_KEYS], *nearest;

    for (unsigned i = 0; i < NR_WORLD_KEYS; i++)
        names[i] = key_name(i);
    nearest = name.n <= MAX_SHOWN ? nearest_name(shown.s, names, NR_WORLD_KEYS) : NULL;
    for (unsigned i = 0; nearest && i < NR_WORLD_KEYS; i++)
        if (names[i] == nearest)
            return text_fail(ps, name.s, "expected %s, not '%s'; did you mean '%s%s'?", expected,
                             shown.s, nearest, key_value(i) ? "=" : "");
    return text_fail(ps, name.s, "expected %s, not '%s'", expected, shown.s);
}

static bool property(struct parser *ps, struct token t)
{
    struct token name = token_key(t);
    const char *end = name.s + name.n;
    bool equals = name.n < t.n;
    unsigned key = 0;

    while (key < NR_WORLD_KEYS && !token_is(name, key_name(key)))
        key++;
    if (key == NR_WORLD_KEYS)
        return fail_key(ps, name);
    if (equals && !key_value(key))
        return text_fail(ps, end, "'%s' takes no value", key_name(key));
    if (!equals && key_value(key))
        return text_fail(ps, end, "expected '=' and %s after '%s'", key_value(key), key_name(key));
    if (ps->world_at[key])
        return text_fail_twice(ps, t);
    ps->world_at[key] = end + equals;
    return property_value(ps, key, (struct token){end + equals, t.n - name.n - equals});
}

/* ---- the whole ---- */
/*
 * What world_reset() would refuse is an error of the text: a program that parses runs. A place that
 * is not said is no reason to refuse a small task. Only what would not fit is moved: the printer,
 * which leaves out what is usual, never leaves out what was moved.
 */
static bool place(struct parser *ps, unsigned field)
{
    struct world_config *config = &ps->p->config, usual = world_config_default;
    uint64_t *pages = world_field(config, field), max = config->task_size - (field != BASE);
    const char *at = ps->world_at[WORLD_KEY_FIELDS + field];

    if (*pages <= max)
        return true;
    if (!at) {
        *pages = *pages * config->task_size / usual.task_size;
        return true;
    }
    return text_fail(ps, at, "%s=%" PRIu64 " must be %s task=%" PRIu64 "%s",
                     world_fields[field].name, *pages, field == BASE ? "at most" : "less than",
                     (uint64_t)config->task_size,
                     ps->world_at[WORLD_KEY_FIELDS + TASK] ? "" : ", the usual one");
}

static bool places(struct parser *ps)
{
    const struct world_config *config = &ps->p->config;

    if (config->task_size < 64 || config->task_size > MAX_TASK)
        return text_fail(ps, ps->world_at[WORLD_KEY_FIELDS + TASK], "task= must be 64 to %d pages",
                         MAX_TASK);
    return place(ps, BASE) && place(ps, MIN) && place(ps, BRK) && place(ps, GAP);
}

bool text_world(struct parser *ps)
{
    for (struct token t = text_next(ps); t.n; t = text_next(ps))
        if (!property(ps, t))
            return false;
    return places(ps);
}
