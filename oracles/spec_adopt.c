/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Taking over what a subject made of a call in which an allocation failed. Each page must be as it
 * was before or as the call in full leaves it; which file a number of the picture means is learnt
 * from the pages themselves.
 */
#include "oracles/spec_private.h"

#include <stdio.h>
#include <string.h>

struct adoption {
    struct spec *spec;
    const struct spec_subject *subject;
    const struct snapshot *picture;
    uint32_t context[SPEC_FDS + 1]; /* serial number of each of the picture's contexts */
    char *why;
    size_t why_size;
};

/* ---- before ---- */
static uint64_t places(const struct spec *spec, uint32_t last_serial)
{
    return spec_min((uint64_t)last_serial + 1, spec->table);
}

static void copy_space(struct spec_space *to, const struct spec_space *from)
{
    struct spec_page *page = to->page;
    uint64_t *value = to->value;

    *to = *from;
    to->page = page;
    to->value = value;
    to->mapped = NULL;
    to->heads = NULL;
    to->own = NULL;
    if (from->highest)
        memcpy(&page[from->lowest], &from->page[from->lowest],
               (from->highest - from->lowest) * sizeof(*page));
    for (uint64_t at = spec_next_own(from, from->lowest, from->highest); at < from->highest;
         at = spec_next_own(from, at + 1, from->highest))
        value[at] = from->value[at];
}

void spec_before(struct spec *spec)
{
    const struct spec_state *now = &spec->now;
    struct spec_state *before = &spec->before;

    for (unsigned i = 0; i < SPEC_SPACES; i++)
        copy_space(&before->space[i], &now->space[i]);
    memcpy(before->file, now->file, places(spec, now->last_file) * sizeof(*now->file));
    memcpy(before->object, now->object, places(spec, now->last_object) * sizeof(*now->object));
    memcpy(before->stored, now->stored, now->nr_stored * sizeof(*now->stored));
    memcpy(before->hold, now->hold, sizeof(now->hold));
    before->nr_stored = now->nr_stored;
    memcpy(before->fd, now->fd, sizeof(now->fd));
    memcpy(before->ufd, now->ufd, sizeof(now->ufd));
    before->last_file = now->last_file;
    before->last_object = now->last_object;
    before->last_context = now->last_context;
    before->committed = now->committed;
}

static const struct spec_page *page_of(const struct spec_space *space, uint64_t page)
{
    static const struct spec_page none;

    return page >= space->lowest && page < space->highest ? &space->page[page] : &none;
}

/* ---- whose file is it? ---- */
static const struct spec_object *object_behind(const struct spec *spec, uint32_t serial)
{
    uint32_t mask = spec->table - 1;
    const struct spec_state *state = &spec->now;

    if (state->file[serial & mask].serial != serial)
        state = &spec->before; /* the call made an end of it */
    return &state->object[state->file[serial & mask].object & mask];
}

static bool can_be_file(const struct adoption *a, const struct snap_vma *vma, uint32_t serial)
{
    const struct spec *spec = a->spec;
    const struct spec_object *object;
    const struct snap_object *shown;

    if (!vma->file || !serial)
        return !vma->file && !serial;
    if (vma->file >= spec->table || !vma->object || vma->object > a->picture->nr_objects)
        return false;
    if (spec->match[vma->file])
        return spec->match[vma->file] == serial;
    object = object_behind(spec, serial);
    shown = &a->picture->object[vma->object - 1];
    return !spec_file(spec, serial)->number && shown->kind == object->kind &&
           shown->size == object->size;
}

static bool can_be_context(const struct adoption *a, uint32_t number, uint32_t serial)
{
    if (!number || !serial)
        return !number && !serial;
    if (number > SPEC_FDS)
        return false;
    if (a->context[number])
        return a->context[number] == serial;
    for (unsigned i = 1; i <= SPEC_FDS; i++)
        if (a->context[i] == serial)
            return false;
    return true;
}

static bool is_like(const struct adoption *a, const struct snap_vma *vma, uint64_t page,
                    const struct spec_page *p)
{
    const bool left = a->spec->left && !vma->context;
    uint64_t loose = (a->spec->unlocked ? SNAP_LOCK_BITS : 0) | (left ? SNAP_UFFD_BITS : 0);

    return p->mapped && !((p->flags ^ vma->flags) & ~loose) &&
           p->pgoff == vma->pgoff + (page - vma->start) && p->policy >> 4 == vma->policy_mode &&
           (p->policy & 15) == vma->policy_nodes &&
           !memcmp(a->spec->name[p->name], vma->name, sizeof(vma->name)) &&
           can_be_file(a, vma, p->file) && (left || can_be_context(a, vma->context, p->context));
}

/* mremap's copy makes the neighbours that it joins faulted, or they make it, or each other. If its
 * source cannot be taken away then, the copy goes again, and they stay so: even the source, if it
 * was one of them. */
static bool joined_for_a_while(const struct adoption *a, unsigned proc, uint64_t page)
{
    const struct spec *spec = a->spec;

    return a->subject->refused && spec->copied &&
           spec_in_ranges(spec->shared, spec->nr_shared, proc, page);
}

/* Faulted as before or as after; and memory that is new may have missed the merge by which it would
 * have got an anon_vma. */
static bool can_be_faulted(const struct adoption *a, unsigned proc, uint64_t page, bool faulted)
{
    const struct spec_page *b = page_of(&a->spec->before.space[proc], page);
    const struct spec_page *n = page_of(&a->spec->now.space[proc], page);

    if (faulted)
        return b->anon || n->anon || joined_for_a_while(a, proc, page);
    return !b->anon || !n->anon || spec_in_ranges(a->spec->range, a->spec->nr_ranges, proc, page);
}

/* anon.topology: what a merge that failed has imported is given back. So where merging alone makes
 * pages faulted, there must be one in the VMA that is faulted by itself. */
static bool has_reason(const struct adoption *a, unsigned proc, const struct snap_vma *vma)
{
    const struct spec *spec = a->spec;

    if (!vma->anon_vma || spec->prepared || spec->nr_shared == SPEC_MAX_RANGES)
        return true;
    for (uint64_t page = vma->start; page < vma->end; page++)
        if (page_of(&spec->before.space[proc], page)->anon || joined_for_a_while(a, proc, page) ||
            (page_of(&spec->now.space[proc], page)->anon &&
             !spec_in_ranges(spec->shared, spec->nr_shared, proc, page)))
            return true;
    return false;
}

static void learn(struct adoption *a, const struct snap_vma *vma, const struct spec_page *p)
{
    if (vma->file) {
        a->spec->match[vma->file] = p->file;
        spec_file(a->spec, p->file)->number = vma->file;
    }
    if (vma->context)
        a->context[vma->context] = p->context;
}

/* Pages that can be only one thing teach what the numbers mean. */
static void learn_from_vma(struct adoption *a, unsigned proc, const struct snap_vma *vma)
{
    for (uint64_t page = vma->start; page < vma->end; page++) {
        const struct spec_page *b = page_of(&a->spec->before.space[proc], page);
        const struct spec_page *n = page_of(&a->spec->now.space[proc], page);
        bool was = is_like(a, vma, page, b), is = is_like(a, vma, page, n);

        if (was && is && (b->file != n->file || b->context != n->context))
            continue;
        if (was || is) {
            learn(a, vma, was ? b : n);
            return;
        }
    }
}

/* ---- is it between before and after? ---- */
static bool refuse(struct adoption *a, unsigned proc, uint64_t page, const char *what)
{
    snprintf(a->why, a->why_size, "page 0x%llx of process %u %s", (unsigned long long)page, proc,
             what);
    return false;
}

static bool was_gone(const struct spec *spec, unsigned proc, uint64_t page)
{
    return spec_in_ranges(spec->gone, spec->nr_gone, proc, page);
}

/* A page may be missing if it was before, or is after, or for a while in between. */
static bool check_gap(struct adoption *a, unsigned proc, uint64_t start, uint64_t end)
{
    const struct spec_space *before = &a->spec->before.space[proc];
    const struct spec_space *now = &a->spec->now.space[proc];

    end = spec_min(end, before->highest);
    for (uint64_t page = spec_next_mapped(a->spec, now, spec_max(start, before->lowest));
         page < end; page = spec_next_mapped(a->spec, now, page + 1))
        if (page_of(before, page)->mapped && !was_gone(a->spec, proc, page))
            return refuse(a, proc, page, "is gone, though it was mapped and should stay mapped");
    return true;
}

static bool check_vma(struct adoption *a, unsigned proc, const struct snap_vma *vma)
{
    for (uint64_t page = vma->start; page < vma->end; page++) {
        const struct spec_page *b = page_of(&a->spec->before.space[proc], page);
        const struct spec_page *n = page_of(&a->spec->now.space[proc], page);
        bool was = is_like(a, vma, page, b), is = is_like(a, vma, page, n);

        if (!was && !is)
            return refuse(a, proc, page, "is neither as before the call nor as after it");
        learn(a, vma, was ? b : n);
        if (!spec_may_show(a->spec, a->subject, proc, page, was, is))
            return refuse(a, proc, page, "reads neither as before the call nor as after it");
        if (!can_be_faulted(a, proc, page, vma->anon_vma))
            return refuse(a, proc, page, vma->anon_vma ? "is faulted" : "is not faulted any more");
    }
    return has_reason(a, proc, vma) ||
           refuse(a, proc, vma->start, "is faulted like what it was not merged with");
}

static bool check_proc(struct adoption *a, const struct snap_proc *p)
{
    unsigned proc = p->id;
    const struct spec_space *before = &a->spec->before.space[proc];
    const struct spec_space *now = &a->spec->now.space[proc];
    uint64_t at = 0, task = a->spec->config.task_size;

    if (p->brk != before->totals.brk && p->brk != now->totals.brk)
        return refuse(a, proc, p->brk >> SPEC_SHIFT, "is a break that nobody asked for");
    if (p->def_flags != before->totals.def_flags && p->def_flags != now->totals.def_flags)
        return refuse(a, proc, 0, "and all future ones get flags that nobody asked for");
    for (uint32_t i = 0; i < p->nr_vmas; i++) {
        const struct snap_vma *vma = &a->picture->vma[p->first_vma + i];

        if (vma->start < at || vma->end <= vma->start || vma->end > task)
            return refuse(a, proc, vma->start, "starts a VMA out of order");
        learn_from_vma(a, proc, vma);
        at = vma->end;
    }
    at = 0;
    for (uint32_t i = 0; i < p->nr_vmas; i++) {
        const struct snap_vma *vma = &a->picture->vma[p->first_vma + i];

        if (!check_gap(a, proc, at, vma->start) || !check_vma(a, proc, vma))
            return false;
        at = vma->end;
    }
    return check_gap(a, proc, at, task);
}

/* ---- taking it over ---- */
/* What the call made an end of may live on; who refers to what is counted anew. */
static void recount_files(struct spec *spec, bool refused)
{
    struct spec_state *now = &spec->now, *before = &spec->before;
    uint64_t nr_files = places(spec, now->last_file), nr_objects = places(spec, now->last_object);

    for (uint64_t i = 0; i < places(spec, before->last_file); i++)
        if (!now->file[i].serial)
            now->file[i] = before->file[i];
    for (uint64_t i = 0; i < places(spec, before->last_object); i++)
        if (!now->object[i].serial)
            now->object[i] = before->object[i];
    for (uint64_t i = 0; i < nr_objects; i++) {
        now->object[i].files = 0;
        now->object[i].writable = 0;
    }
    for (uint64_t i = 0; i < nr_files; i++) {
        now->file[i].refs = 0;
        now->file[i].number = 0;
        if (now->file[i].serial)
            spec_object(spec, now->file[i].serial)->files++;
    }
    for (unsigned i = 0; i < SPEC_SPACES; i++) {
        if (refused || !before->space[i].alive)
            now->space[i].exe = before->space[i].alive ? before->space[i].exe : 0;
        if (now->space[i].exe)
            spec_file_ref(spec, now->space[i].exe, 1);
    }
    for (unsigned i = 0; i < SPEC_FDS; i++) {
        if (!before->fd[i])
            now->fd[i] = 0; /* a call that failed opened nothing */
        if (!before->ufd[i].serial)
            now->ufd[i].serial = 0;
        if (now->fd[i])
            spec_file_ref(spec, now->fd[i], 1);
    }
}

static void take_proc(struct adoption *a, const struct snap_proc *p)
{
    unsigned proc = p->id;
    struct spec *spec = a->spec;
    struct spec_space *space = &spec->now.space[proc];
    struct snap_proc totals = {.id = proc, .brk = p->brk, .def_flags = p->def_flags};

    totals.hiwater_vm = spec->before.space[proc].totals.hiwater_vm;
    space->totals = totals;
    for (uint32_t i = 0; i < p->nr_vmas; i++) {
        const struct snap_vma *vma = &a->picture->vma[p->first_vma + i];
        struct spec_page first = {.flags = vma->flags, .pgoff = vma->pgoff};

        first.file = vma->file ? spec->match[vma->file] : 0;
        first.context = vma->context ? a->context[vma->context] : 0;
        first.policy = (uint8_t)(vma->policy_mode << 4 | vma->policy_nodes);
        first.name = spec_name_number(spec, vma->name[0] ? vma->name : NULL);
        first.anon = vma->anon_vma ? SPEC_ANON_UNTOLD : 0;
        first.cloned = vma->nr_chains > 1;
        spec_map_pages(spec, space, vma->start, vma->end, &first);
        spec_set_head(space, vma->start, true);
        spec_take_contents(spec, proc, (struct spec_run){vma->start, vma->end});
    }
    if (space->highest)
        spec_touch(spec, space, space->lowest, space->highest); /* its anon_vmas are to be told */
}

static void bury_files(struct spec *spec)
{
    for (uint64_t i = 0; i < places(spec, spec->now.last_file); i++) {
        struct spec_file *file = &spec->now.file[i];

        if (file->serial && !file->refs) {
            struct spec_object *object = spec_object(spec, file->serial);

            file->serial = 0;
            if (!--object->files)
                object->serial = 0;
        }
    }
}

static void forget(struct adoption *a)
{
    for (uint32_t i = 0; i < a->picture->nr_vmas; i++) {
        uint32_t number = a->picture->vma[i].file;

        if (number && number < a->spec->table && a->spec->match[number]) {
            spec_file(a->spec, a->spec->match[number])->number = 0;
            a->spec->match[number] = 0;
        }
    }
}

/* The processes are those that there were: one that should have been forked does not exist. */
static bool check_procs(struct adoption *a)
{
    uint32_t nr = 0;

    for (unsigned i = 0; i < SPEC_SPACES; i++) {
        if (!a->spec->before.space[i].alive)
            continue;
        if (nr == a->picture->nr_procs || a->picture->proc[nr].id != i) {
            snprintf(a->why, a->why_size, "process %u is gone or in the wrong place", i);
            return false;
        }
        nr++;
    }
    if (nr < a->picture->nr_procs)
        snprintf(a->why, a->why_size, "there are %u processes instead of %u", a->picture->nr_procs,
                 nr);
    return nr == a->picture->nr_procs;
}

static void take_over(struct adoption *a)
{
    struct spec *spec = a->spec;

    recount_files(spec, a->subject->refused);
    spec->now.committed = 0;
    spec->nr_ranges = 0;
    for (unsigned i = 0; i < SPEC_SPACES; i++) {
        spec_empty_pages(&spec->now.space[i]);
        spec->now.space[i].alive = spec->before.space[i].alive;
    }
    for (uint32_t i = 0; i < a->picture->nr_procs; i++)
        take_proc(a, &a->picture->proc[i]);
    spec_take_pins(spec, a->subject->refused);
    bury_files(spec);
}

bool spec_adopt(struct spec *spec, const struct spec_subject *subject, char *why, size_t why_size)
{
    const struct snapshot *picture = subject->picture;
    struct adoption a = {spec, subject, picture, .why = why, .why_size = why_size};
    bool ok = check_procs(&a);

    for (uint32_t i = 0; ok && i < picture->nr_procs; i++)
        ok = check_proc(&a, &picture->proc[i]);
    if (ok)
        take_over(&a);
    forget(&a);
    return ok;
}
