/* SPDX-License-Identifier: GPL-2.0-only */
/* "Did you mean": the one name that starts like this, or the nearest by edit distance. */
#include "harness/harness.h"

#include <string.h>

#define NAME_LIMIT 63

/* Insertions, deletions, replacements and swaps of neighbours that lead from a to b. */
static unsigned edit_distance(const char *a, size_t alen, const char *b, size_t blen)
{
    unsigned row[3][NAME_LIMIT + 1]; /* this one, the one before, and the one before that */
    unsigned *now = row[0], *last = row[1], *older = row[2];

    for (unsigned j = 0; j <= blen; j++)
        now[j] = j;
    for (unsigned i = 1; i <= alen; i++) {
        unsigned *spare = older;

        older = last;
        last = now;
        now = spare;
        now[0] = i;
        for (unsigned j = 1; j <= blen; j++) {
            unsigned best = last[j - 1] + (a[i - 1] != b[j - 1]);

            if (last[j] + 1 < best)
                best = last[j] + 1;
            if (now[j - 1] + 1 < best)
                best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                older[j - 2] + 1 < best)
                best = older[j - 2] + 1;
            now[j] = best;
        }
    }
    return now[blen];
}

/* Who stops in the middle of a name means that, however much is missing. One letter says little. */
static const char *only_start(const char *name, size_t len, const char *const names[], size_t n)
{
    const char *found = NULL;

    for (size_t i = 0; len > 1 && i < n; i++) {
        if (strncmp(name, names[i], len))
            continue;
        if (found)
            return NULL;
        found = names[i];
    }
    return found;
}

const char *nearest_name(const char *name, const char *const names[], size_t n)
{
    size_t len = strlen(name);
    const char *nearest = only_start(name, len, names, n);
    unsigned best = (unsigned)(len / 3) + 2; /* farther than this is another word */

    if (nearest || !len || len > NAME_LIMIT)
        return nearest;
    for (size_t i = 0; i < n; i++) {
        size_t other = strlen(names[i]);
        unsigned distance;

        if (other > NAME_LIMIT)
            continue;
        distance = edit_distance(name, len, names[i], other);
        if (distance < best && distance < len) {
            best = distance;
            nearest = names[i];
        }
    }
    return nearest;
}
