/* SPDX-License-Identifier: GPL-2.0-only */
/* Two pictures of what should be the same. */
#include "oracles/laws.h"

#include <inttypes.h>
#include <string.h>

/* The VMAs of one process in both pictures, walked piece by piece: a piece ends where a VMA of
 * either picture ends. */
struct pieces {
    const struct snap_vma *a, *a_end; /* the subject's */
    const struct snap_vma *b, *b_end; /* the specification's */
    uint64_t at;                      /* page where the piece begins */
    uint32_t proc;
    struct verdict *v;
};

static uint64_t begin(const struct snap_vma *vma, const struct snap_vma *end, uint64_t at)
{
    if (vma == end)
        return UINT64_MAX;
    return vma->start > at ? vma->start : at;
}

/* Which attribute differs in a piece that both have; NULL: none. */
static const char *difference(const struct pieces *p)
{
    const struct snap_vma *a = p->a, *b = p->b;

    if (a->flags != b->flags)
        return "flags";
    if (a->pgoff + (p->at - a->start) != b->pgoff + (p->at - b->start))
        return "pgoff";
    if (!a->anon_vma != !b->anon_vma) /* their numbers are the subject's own */
        return "faulted";
    if (a->file != b->file || a->object != b->object)
        return "file";
    if (a->policy_mode != b->policy_mode || a->policy_nodes != b->policy_nodes)
        return "policy";
    if (memcmp(a->name, b->name, sizeof(a->name)))
        return "name";
    return a->context != b->context ? "context" : NULL;
}

static bool layout_broken(const struct pieces *p, const char *site, const char *what)
{
    return law_broken(p->v, LAW_SPEC_LAYOUT, site, p->proc, p->at << PAGE_SHIFT,
                      "page %#" PRIx64 ": %s differs from the specification%s", p->at, site, what);
}

/* The piece from p->at on. *apart: what is there cannot be walked side by side any further. */
static bool piece_ok(struct pieces *p, bool *apart)
{
    uint64_t a = begin(p->a, p->a_end, p->at), b = begin(p->b, p->b_end, p->at);
    const char *site;

    p->at = a < b ? a : b;
    *apart = a != b;
    if (*apart)
        return layout_broken(p, "mapped", a < b ? ", which has nothing there" : ", which maps it");
    site = difference(p);
    if (site && !layout_broken(p, site, ""))
        return false;
    if ((p->a->start == p->at) != (p->b->start == p->at))
        return law_broken(p->v, LAW_MERGE_CANONICAL, p->a->start == p->at ? "kept-apart" : "joined",
                          p->proc, p->at << PAGE_SHIFT,
                          "at page %#" PRIx64 " one picture has a boundary, the other has none",
                          p->at);
    return true;
}

static bool layout_ok(struct pieces *p)
{
    bool apart;

    while (p->a < p->a_end || p->b < p->b_end) {
        if (!piece_ok(p, &apart))
            return false;
        if (unlikely(apart))
            return true; /* spec.layout is left out */
        p->at = p->a->end < p->b->end ? p->a->end : p->b->end;
        p->a += p->a->end == p->at;
        p->b += p->b->end == p->at;
    }
    return true;
}

static bool number_ok(struct verdict *v, enum law_id law, const char *site, uint32_t proc,
                      uint64_t subject, uint64_t spec)
{
    if (likely(subject == spec))
        return true;
    return law_broken(v, law, site, proc, 0, "%s is %" PRIu64 "; specified: %" PRIu64, site,
                      subject, spec);
}

static bool process_ok(const struct snap_proc *a, const struct snap_proc *b, struct verdict *v)
{
    return number_ok(v, LAW_ACCOUNT_VM, "total_vm", a->id, a->total_vm, b->total_vm) &&
           number_ok(v, LAW_ACCOUNT_VM, "locked_vm", a->id, a->locked_vm, b->locked_vm) &&
           number_ok(v, LAW_ACCOUNT_VM, "pinned_vm", a->id, a->pinned_vm, b->pinned_vm) &&
           number_ok(v, LAW_ACCOUNT_VM, "data_vm", a->id, a->data_vm, b->data_vm) &&
           number_ok(v, LAW_ACCOUNT_VM, "exec_vm", a->id, a->exec_vm, b->exec_vm) &&
           number_ok(v, LAW_ACCOUNT_VM, "stack_vm", a->id, a->stack_vm, b->stack_vm) &&
           number_ok(v, LAW_SPEC_LAYOUT, "brk", a->id, a->brk, b->brk) &&
           number_ok(v, LAW_SPEC_LAYOUT, "def-flags", a->id, a->def_flags, b->def_flags);
}

/* The objects that VMAs show. Their numbers agree where the layouts do. */
static bool objects_ok(const struct snapshot *a, const struct snapshot *b, struct verdict *v)
{
    uint32_t n = a->nr_objects < b->nr_objects ? a->nr_objects : b->nr_objects;

    for (uint32_t i = 0; i < n; i++)
        if (!number_ok(v, LAW_SPEC_LAYOUT, "object-kind", NO_PROC, a->object[i].kind,
                       b->object[i].kind) ||
            !number_ok(v, LAW_SPEC_LAYOUT, "object-size", NO_PROC, a->object[i].size,
                       b->object[i].size) ||
            !number_ok(v, LAW_FILE_TREE, "writable-count", NO_PROC, (uint64_t)a->object[i].writable,
                       (uint64_t)b->object[i].writable))
            return false;
    return true;
}

bool compare_snapshots(const struct snapshot *subject, const struct snapshot *spec,
                       struct verdict *v)
{
    if (!number_ok(v, LAW_SPEC_LAYOUT, "processes", NO_PROC, subject->nr_procs, spec->nr_procs))
        return false;
    for (uint32_t i = 0; i < subject->nr_procs && i < spec->nr_procs; i++) {
        const struct snap_proc *a = &subject->proc[i], *b = &spec->proc[i];
        struct pieces p = {.proc = a->id, .v = v};

        if (a->nr_vmas) { /* an empty picture may have no array to point into */
            p.a = subject->vma + a->first_vma;
            p.a_end = p.a + a->nr_vmas;
        }
        if (b->nr_vmas) {
            p.b = spec->vma + b->first_vma;
            p.b_end = p.b + b->nr_vmas;
        }
        if (!layout_ok(&p) || !process_ok(a, b, v))
            return false;
    }
    return objects_ok(subject, spec, v) &&
           number_ok(v, LAW_ACCOUNT_VM, "committed", NO_PROC, (uint64_t)subject->committed,
                     (uint64_t)spec->committed);
}
