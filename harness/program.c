/* SPDX-License-Identifier: GPL-2.0-only */
/* Programs in memory. */
#include "harness/program.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAP 64

struct program *program_new(uint32_t cap)
{
    struct program *p = calloc(1, sizeof(*p));

    if (!p)
        return NULL;
    p->config = world_config_default;
    p->cap = cap ? cap : FIRST_CAP;
    p->grows = true;
    p->op = malloc(p->cap * sizeof(*p->op));
    if (p->op)
        return p;
    free(p);
    return NULL;
}

void program_free(struct program *p)
{
    if (!p)
        return;
    if (p->grows)
        free(p->op);
    free(p->header);
    free(p);
}

static int program_reserve(struct program *p, uint32_t nr)
{
    uint32_t cap = p->cap > FIRST_CAP ? p->cap : FIRST_CAP;
    struct op *op;

    if (nr <= p->cap)
        return 0;
    if (p->op && !p->grows)
        return -ENOMEM;
    while (cap < nr && cap <= UINT32_MAX / 2)
        cap *= 2;
    op = cap < nr ? NULL : realloc(p->op, cap * sizeof(*op));
    if (!op)
        return -ENOMEM;
    p->op = op;
    p->cap = cap;
    p->grows = true;
    return 0;
}

int program_append(struct program *p, const struct op *op)
{
    if (p->nr == p->cap && (p->nr == UINT32_MAX || program_reserve(p, p->nr + 1)))
        return -ENOMEM;
    p->op[p->nr++] = *op;
    return 0;
}

int program_copy(struct program *to, const struct program *from)
{
    char *header = from->header ? strdup(from->header) : NULL;

    if ((from->header && !header) || program_reserve(to, from->nr)) {
        free(header);
        return -ENOMEM;
    }
    free(to->header);
    to->header = header;
    to->config = from->config;
    to->rules_given = from->rules_given;
    to->nr = from->nr;
    if (from->nr)
        memcpy(to->op, from->op, from->nr * sizeof(*to->op));
    return 0;
}
