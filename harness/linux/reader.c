/* SPDX-License-Identifier: GPL-2.0-only */
/* The readers as one: choice, repetition, pictures. */
#include "harness/linux/reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static struct linux_reader *best(char *why, size_t size)
{
    struct linux_reader *r = reader_bpf_new(why, size);

    if (!r)
        r = reader_procfs_new(why, size);
    return r ? r : reader_maps_new(why, size);
}

struct linux_reader *reader_new(enum linux_reader_kind kind, char *why, size_t size)
{
    switch (kind) {
    case READER_BEST:
        return best(why, size);
    case READER_BPF:
        return reader_bpf_new(why, size);
    case READER_PROCFS:
        return reader_procfs_new(why, size);
    case READER_NONE:
        return reader_maps_new(why, size);
    }
    snprintf(why, size, "there is no reader of number %u", (unsigned)kind);
    return NULL;
}

void reader_free(struct linux_reader *r)
{
    if (!r)
        return;
    r->fini(r);
    for (unsigned i = 0; i < NR_LABELS; i++)
        labels_fini(&r->labels[i]);
    free(r);
}

enum linux_reader_kind reader_kind(const struct linux_reader *r)
{
    return r->kind;
}

unsigned reader_shows(const struct linux_reader *r)
{
    return r->shows;
}

void reader_unchanged(struct linux_reader *r, uint32_t procs)
{
    r->unchanged = procs;
}

/* A picture in which VMAs are missing was taken at a bad moment, if ever. */
#define MAX_TRIES 100

int reader_snapshot(struct linux_reader *r, const pid_t pid[MAX_PROCS], struct snapshot *out)
{
    int error = -EAGAIN;

    for (unsigned i = 0; i < MAX_TRIES && error == -EAGAIN; i++)
        error = r->take(r, pid);
    r->unchanged = 0;
    return error ? error : picture_of_raw(r, out);
}
