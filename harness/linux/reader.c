/* SPDX-License-Identifier: GPL-2.0-only */
/* The readers as one: choice, repetition, pictures. */
#include "harness/linux/reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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
    free(r->before);
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

/* ---- nearly every third picture is made of what the one before was made of ---- */
static bool same_rows(const void *a, const void *b, uint32_t n, size_t size)
{
    return !memcmp(a, b, n * size);
}

static bool same_procs(const struct raw_proc *a, const struct raw_proc *b)
{
    for (unsigned i = 0; i < RAW_PROCS; i++)
        if (a[i].pid != b[i].pid || (a[i].pid && memcmp(&a[i], &b[i], sizeof(*a))))
            return false;
    return true;
}

/* What differs from part to part of a compound page stands elsewhere: it is looked at anew. */
static bool is_as_before(const struct linux_reader *r)
{
    const struct raw_picture *a = r->raw, *b = r->before;

    return r->taken && !a->has_parts && a->nr_ptes == b->nr_ptes && a->nr_vmas == b->nr_vmas &&
           a->nr_chains == b->nr_chains && same_procs(a->proc, b->proc) &&
           same_rows(a->pte, b->pte, a->nr_ptes, sizeof(*a->pte)) &&
           same_rows(a->vma, b->vma, a->nr_vmas, sizeof(*a->vma)) &&
           same_rows(a->chain, b->chain, a->nr_chains, sizeof(*a->chain));
}

static void remember(struct linux_reader *r)
{
    static uint64_t pictures; /* of all readers: there may be several in one process */
    const struct raw_picture *raw = r->raw;

    if (!r->before)
        r->before = calloc(1, sizeof(*r->before)); /* of which few pages are ever touched */
    if (!r->before)
        return;
    r->before->nr_ptes = raw->nr_ptes;
    r->before->nr_vmas = raw->nr_vmas;
    r->before->nr_chains = raw->nr_chains;
    for (unsigned i = 0; i < RAW_PROCS; i++)
        if (raw->proc[i].pid)
            r->before->proc[i] = raw->proc[i];
        else
            r->before->proc[i].pid = 0;
    memcpy(r->before->pte, raw->pte, raw->nr_ptes * sizeof(*raw->pte));
    memcpy(r->before->vma, raw->vma, raw->nr_vmas * sizeof(*raw->vma));
    memcpy(r->before->chain, raw->chain, raw->nr_chains * sizeof(*raw->chain));
    r->taken = __atomic_add_fetch(&pictures, 1, __ATOMIC_RELAXED);
}

/* A picture in which VMAs are missing, or a page is just being moved, was taken at a bad moment. */
#define MAX_TRIES 100

/* The kernel does so whenever it likes, and for others who ask for it. */
static bool pages_move(const struct raw_picture *raw)
{
    const struct timespec moment = {.tv_nsec = 200000};

    for (uint32_t i = 0; i < raw->nr_ptes; i++) {
        if (!(raw->pte[i].flags & SNAP_PTE_MIGRATION))
            continue;
        nanosleep(&moment, NULL);
        return true;
    }
    return false;
}

int reader_snapshot(struct linux_reader *r, const pid_t pid[MAX_PROCS], struct snapshot *out)
{
    int error = -EAGAIN;

    for (unsigned i = 0; i < MAX_TRIES && error == -EAGAIN; i++) {
        error = r->take(r, pid);
        if (!error && pages_move(r->raw) && i + 1 < MAX_TRIES)
            error = -EAGAIN;
    }
    r->unchanged = 0;
    if (error)
        return error;
    if (is_as_before(r) && out->taken == r->taken)
        return 0;
    r->taken = out->taken = 0;
    error = picture_of_raw(r, out);
    if (error)
        return error;
    remember(r);
    out->taken = r->taken;
    return 0;
}
