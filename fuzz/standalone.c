/* SPDX-License-Identifier: GPL-2.0-only */
/* The engine when there is none: runs each file given, and each file of each folder given, once. */
#include "fuzz/fuzz.h"

#include <err.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>

static void run_file(const char *path)
{
    FILE *f = fopen(path, "rbe");
    uint8_t *data = NULL;
    size_t size = 0, cap = 0, got;

    if (!f)
        err(2, "%s", path);
    do {
        if (size == cap) {
            cap = cap ? 2 * cap : 1 << 16;
            data = realloc(data, cap);
            if (!data)
                err(2, "%s", path);
        }
        got = fread(data + size, 1, cap - size, f);
        size += got;
    } while (got);
    if (ferror(f))
        err(2, "%s", path);
    fclose(f);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return __builtin_strcmp((*a)->fts_name, (*b)->fts_name);
}

int main(int argc, char **argv)
{
    unsigned files = 0;
    FTSENT *entry;
    FTS *fts;

    if (argc < 2)
        errx(2, "files or folders of inputs expected");
    LLVMFuzzerInitialize(&argc, &argv);
    fts = fts_open(argv + 1, FTS_LOGICAL | FTS_NOCHDIR, by_name);
    if (!fts)
        err(2, "fts_open");
    while ((entry = fts_read(fts))) {
        if (entry->fts_info == FTS_NS || entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR)
            errx(2, "%s: cannot be read", entry->fts_path);
        if (entry->fts_info != FTS_F)
            continue;
        run_file(entry->fts_accpath);
        files++;
    }
    fts_close(fts);
    printf("%u inputs, no violation\n", files);
    return 0;
}
