/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two pictures side by side: where the other subject, mostly the running kernel, differs from the
 * model. Numbers of pages are those of one picture, so entries are told by what they are, and the
 * pages behind them by their fields. Of what the other's pictures do not show nothing is said.
 */
#define _GNU_SOURCE
#include "harness/linux/linux.h"
#include "harness/report.h"
#include "harness/subject.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define MOST_SHOWN 24

struct list {
    unsigned shows; /* enum linux_shows */
    struct difference *d;
    uint32_t n, cap;
};

static struct difference *add(struct list *l, uint32_t proc, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* NULL: no memory, then it is not shown. */
static struct difference *add(struct list *l, uint32_t proc, const char *fmt, ...)
{
    struct difference *d;
    va_list args;

    if (l->n == l->cap) {
        const uint32_t cap = l->cap ? l->cap * 2 : 16;

        d = realloc(l->d, cap * sizeof(*d));
        if (!d)
            return NULL;
        l->d = d;
        l->cap = cap;
    }
    d = &l->d[l->n++];
    *d = (struct difference){.proc = proc};
    va_start(args, fmt);
    vsnprintf(d->what, sizeof(d->what), fmt, args);
    va_end(args);
    return d;
}

static void number(struct list *l, uint32_t proc, const char *what, uint64_t a, uint64_t b)
{
    struct difference *d = a == b ? NULL : add(l, proc, "%s", what);

    if (!d)
        return;
    snprintf(d->model, sizeof(d->model), "%#" PRIx64, a);
    snprintf(d->other, sizeof(d->other), "%#" PRIx64, b);
}

static void totals(struct list *l, const struct snap_proc *a, const struct snap_proc *b)
{
    static const char *const rss[] = {"rss of files", "rss of anonymous", "rss in swap",
                                      "rss of shmem"};

    number(l, a->id, "VMAs", a->nr_vmas, b->nr_vmas);
    if (l->shows & SHOWS_COUNTERS) {
        number(l, a->id, "total_vm", a->total_vm, b->total_vm);
        number(l, a->id, "locked_vm", a->locked_vm, b->locked_vm);
        number(l, a->id, "data_vm", a->data_vm, b->data_vm);
        number(l, a->id, "exec_vm", a->exec_vm, b->exec_vm);
        number(l, a->id, "stack_vm", a->stack_vm, b->stack_vm);
    }
    if (l->shows & SHOWS_BRK) {
        number(l, a->id, "brk", a->brk, b->brk);
        number(l, a->id, "def_flags", a->def_flags, b->def_flags);
    }
    for (unsigned i = 0; i < SNAP_NR_RSS && (l->shows & SHOWS_RSS); i++)
        number(l, a->id, rss[i], a->rss[i], b->rss[i]);
}

/* Not a lack of space but of sense: a picture of numbers alone. */
static void vma_full_text(unsigned shows, const struct snapshot *s, const struct snap_vma *v,
                          char *text, size_t size)
{
    const uint64_t flags = v->flags & linux_vma_flags(shows);
    int n = snprintf(text, size, "0x%" PRIx64 "-0x%" PRIx64 " flags %#" PRIx64, v->start, v->end,
                     flags);

    if (v->object || (shows & SHOWS_ANON))
        n += snprintf(text + n, size - (size_t)n, " pgoff %#" PRIx64, v->pgoff);
    if (v->object)
        n += snprintf(text + n, size - (size_t)n, " file %u", v->object);
    if (v->file && (shows & SHOWS_FILES))
        n += snprintf(text + n, size - (size_t)n, ".%u", v->file);
    if (!(shows & SHOWS_ANON))
        return;
    if (v->anon_vma)
        n += snprintf(text + n, size - (size_t)n, " av %u", v->anon_vma);
    for (uint32_t i = 0; i < v->nr_chains && (size_t)n < size; i++)
        n += snprintf(text + n, size - (size_t)n, "%c%u", i ? '+' : ':',
                      s->chain[v->first_chain + i].anon_vma);
}

/* Those that start at the same page, or alone. */
static void vmas(struct list *l, const struct snapshot *sa, const struct snap_proc *pa,
                 const struct snapshot *sb, const struct snap_proc *pb)
{
    uint32_t i = 0, n = 0;

    while (i < pa->nr_vmas || n < pb->nr_vmas) {
        const struct snap_vma *a = i < pa->nr_vmas ? &sa->vma[pa->first_vma + i] : NULL;
        const struct snap_vma *b = n < pb->nr_vmas ? &sb->vma[pb->first_vma + n] : NULL;
        char model[80] = "", other[80] = "";
        struct difference *d;

        if (a && (!b || a->start <= b->start))
            vma_full_text(l->shows, sa, a, model, sizeof(model));
        if (b && (!a || b->start <= a->start))
            vma_full_text(l->shows, sb, b, other, sizeof(other));
        i += *model != 0;
        n += *other != 0;
        if (!strcmp(model, other) || !(d = add(l, pa->id, "VMA")))
            continue;
        memcpy(d->model, model, sizeof(model));
        memcpy(d->other, other, sizeof(other));
    }
}

static void entry_text(unsigned shows, const struct snapshot *s, const struct snap_pte *e,
                       char *text, size_t size)
{
    const uint32_t kinds = SNAP_PTE_PRESENT | SNAP_PTE_SPECIAL | SNAP_PTE_SWAP | SNAP_PTE_MIGRATION;
    const struct snap_page *p = NULL;
    size_t n = 0;

    if (!e)
        return;
    n = (size_t)snprintf(text, size, "%s",
                         ENTRY_TEXT(shows & SHOWS_ENTRY_BITS ? e->flags : e->flags & kinds));
    if ((e->flags & (SNAP_PTE_PRESENT | SNAP_PTE_SPECIAL)) == SNAP_PTE_PRESENT && e->number &&
        e->number <= s->nr_pages)
        p = &s->page[e->number - 1];
    if (p && (shows & SHOWS_PAGES) && n < size)
        n += (size_t)snprintf(
            text + n, size - n, ", page: %s%s map %u", p->flags & SNAP_PAGE_ANON ? "anon" : "file",
            p->flags & SNAP_PAGE_EXCLUSIVE && (shows & SHOWS_PAGE_FIELDS) ? " excl" : "",
            p->mapcount);
    if (p && (shows & SHOWS_PAGE_FIELDS) && n < size)
        n += (size_t)snprintf(text + n, size - n, " index %#" PRIx64, p->index);
    if (p && (shows & SHOWS_CONTENTS) && n < size)
        snprintf(text + n, size - n, " stamp %" PRIu64, p->stamp);
}

static void entries(struct list *l, const struct snapshot *sa, const struct snap_proc *pa,
                    const struct snapshot *sb, const struct snap_proc *pb)
{
    uint32_t i = 0, n = 0;

    while (i < pa->nr_ptes || n < pb->nr_ptes) {
        const struct snap_pte *a = i < pa->nr_ptes ? &sa->pte[pa->first_pte + i] : NULL;
        const struct snap_pte *b = n < pb->nr_ptes ? &sb->pte[pb->first_pte + n] : NULL;
        const bool first = a && (!b || a->page <= b->page);
        const bool second = b && (!a || b->page <= a->page);
        char model[80] = "", other[80] = "";
        struct difference *d;

        entry_text(l->shows, sa, first ? a : NULL, model, sizeof(model));
        entry_text(l->shows, sb, second ? b : NULL, other, sizeof(other));
        i += first;
        n += second;
        if (first == second && !strcmp(model, other))
            continue;
        d = add(l, pa->id, "page %#" PRIx64, first ? a->page : b->page);
        if (!d)
            continue;
        memcpy(d->model, model, sizeof(model));
        memcpy(d->other, other, sizeof(other));
    }
}

struct difference *differences(const struct scene *s, unsigned shows, uint32_t *n)
{
    struct list l = {.shows = shows};

    *n = 0;
    if (!s->after_known || !s->other_known)
        return NULL;
    for (uint32_t id = 0; id < MAX_PROCS; id++) {
        const struct snap_proc *a = find_proc(&s->after, id), *b = find_proc(&s->other_after, id);

        if (!a != !b) {
            number(&l, id, "process exists", a != NULL, b != NULL);
        } else if (a) {
            totals(&l, a, b);
            vmas(&l, &s->after, a, &s->other_after, b);
            if (shows & SHOWS_ENTRIES)
                entries(&l, &s->after, a, &s->other_after, b);
        }
    }
    *n = l.n;
    return l.d;
}

void put_other(const struct scene *s, const struct finding *f, FILE *to)
{
    struct difference *d;
    uint32_t n;

    if (!f->options->other)
        return;
    if (!s->other_known) {
        fprintf(to, "\nOF %s there is no picture after it\n", f->options->other->name);
        return;
    }
    d = differences(s, f->options->other->shows, &n);
    fprintf(to, "\nSIDE BY SIDE  - the model, + %s%s\n", f->options->other->name,
            n ? "" : ": no difference in what pictures show");
    for (uint32_t i = 0; i < n && i < MOST_SHOWN; i++)
        fprintf(to, "  p%-2u %s\n      - %s\n      + %s\n", d[i].proc, d[i].what,
                *d[i].model ? d[i].model : "nothing", *d[i].other ? d[i].other : "nothing");
    if (n > MOST_SHOWN)
        fprintf(to, "  and %u more\n", n - MOST_SHOWN);
    free(d);
}
