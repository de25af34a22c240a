/* SPDX-License-Identifier: GPL-2.0-only */
/* The text parser: whatever parses must print as something that parses and prints the same. */
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

struct printed {
    char *text;
    size_t size;
};

static struct printed print(const struct program *p)
{
    struct printed out = {.text = NULL};
    FILE *f = open_memstream(&out.text, &out.size);

    if (!f)
        abort();
    program_print(p, f);
    if (fclose(f))
        abort();
    return out;
}

static bool parse(struct program *p, const char *text, size_t size)
{
    struct parse_error error;

    return program_parse(p, text, size, &error) == 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct program *p = program_new(MAX_OPS), *again = program_new(MAX_OPS);

    if (!p || !again)
        abort();
    if (parse(p, (const char *)data, size)) {
        struct printed first = print(p), second;

        if (!parse(again, first.text, first.size)) {
            fprintf(stderr, "vmafuzz: printed text does not parse:\n%s", first.text);
            abort();
        }
        second = print(again);
        if (first.size != second.size || memcmp(first.text, second.text, first.size) != 0) {
            fprintf(stderr, "vmafuzz: printed as\n%sthen as\n%s", first.text, second.text);
            abort();
        }
        free(first.text);
        free(second.text);
    }
    program_free(p);
    program_free(again);
    return 0;
}
