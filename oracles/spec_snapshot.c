/* SPDX-License-Identifier: GPL-2.0-only */
/* The picture of the flat specification: runs of pages become VMAs, serial numbers first sights. */
#include "oracles/spec_private.h"

#include <string.h>

/* Numbers of contexts by first appearance; there are no more than descriptors. */
struct numbers {
    uint32_t serial[SPEC_FDS], nr;
};

static uint32_t context_number(struct numbers *n, uint32_t serial)
{
    uint32_t i = 0;

    if (!serial)
        return 0;
    while (i < n->nr && n->serial[i] != serial)
        i++;
    if (i == n->nr)
        n->serial[n->nr++] = serial;
    return i + 1;
}

static void show_file(const struct spec *spec, const struct spec_page *page, struct snap_vma *vma,
                      uint32_t *nr_files, struct snapshot *out)
{
    struct spec_file *file = spec_file(spec, page->file);
    struct spec_object *object = spec_object(spec, page->file);
    struct snap_object *shown;

    if (!file->number)
        file->number = ++*nr_files;
    if (!object->number) {
        object->number = ++out->nr_objects;
        out->object[object->number - 1] = (struct snap_object){
            .kind = object->kind, .size = object->size, .writable = object->sealed ? -1 : 0};
    }
    shown = &out->object[object->number - 1];
    shown->writable += (page->flags & SNAP_WRITABLE_SHARE) == SNAP_WRITABLE_SHARE;
    vma->file = file->number;
    vma->object = object->number;
}

static void show_vma(const struct spec *spec, const struct spec_page *page, struct spec_run run,
                     struct snap_vma *vma)
{
    *vma = (struct snap_vma){
        .start = run.start,
        .end = run.end,
        .pgoff = page->pgoff,
        .flags = page->flags,
        .policy_mode = page->policy >> 4,
        .policy_nodes = page->policy & 15,
        .anon_vma = page->anon != 0, /* which one, only the subject knows */
    };
    memcpy(vma->name, spec->name[page->name], sizeof(vma->name));
}

/* The numbers are left at zero for the next picture. */
static void forget_numbers(const struct spec *spec)
{
    for (unsigned i = 0; i < SPEC_SPACES; i++) {
        const struct spec_space *space = &spec->now.space[i];
        struct spec_run run;

        for (uint64_t at = 0; spec_run_from(spec, space, at, &run); at = run.end) {
            uint32_t file = space->page[run.start].file;

            if (file) {
                spec_file(spec, file)->number = 0;
                spec_object(spec, file)->number = 0;
            }
        }
    }
}

static void count(const struct spec *spec, uint32_t *procs, uint32_t *vmas)
{
    *procs = 0;
    *vmas = 0;
    for (unsigned i = 0; i < SPEC_SPACES; i++) {
        *procs += spec->now.space[i].alive;
        *vmas += spec->now.space[i].map_count;
    }
}

static void show_space(const struct spec *spec, const struct spec_space *space,
                       struct numbers *contexts, uint32_t *nr_files, struct snapshot *out)
{
    struct snap_proc *proc = &out->proc[out->nr_procs++];
    struct spec_run run;

    *proc = space->totals;
    proc->first_vma = out->nr_vmas;
    for (uint64_t at = 0; spec_run_from(spec, space, at, &run); at = run.end) {
        const struct spec_page *page = &space->page[run.start];
        struct snap_vma *vma = &out->vma[out->nr_vmas++];

        show_vma(spec, page, run, vma);
        vma->context = context_number(contexts, page->context);
        if (page->file)
            show_file(spec, page, vma, nr_files, out);
    }
    proc->nr_vmas = out->nr_vmas - proc->first_vma;
}

int spec_snapshot(const struct spec *spec, struct snapshot *out)
{
    struct numbers contexts = {.nr = 0};
    uint32_t nr_files = 0, procs, vmas;
    int error;

    count(spec, &procs, &vmas);
    error = snapshot_reserve(out, procs, vmas, vmas);
    if (error)
        return error;
    out->nr_procs = 0;
    out->nr_vmas = 0;
    out->nr_objects = 0;
    out->nr_chains = 0;
    out->nr_anon_vmas = 0;
    out->nr_ptes = 0;
    out->nr_pages = 0;
    out->nr_slots = 0;
    out->taken = 0;
    out->has_pages = false;
    out->has_exclusive = false;
    out->has_anon = false;
    out->by_degree = false;
    out->committed = spec->now.committed;
    for (unsigned i = 0; i < SPEC_SPACES; i++)
        if (spec->now.space[i].alive)
            show_space(spec, &spec->now.space[i], &contexts, &nr_files, out);
    forget_numbers(spec);
    return 0;
}
