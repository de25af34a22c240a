/* SPDX-License-Identifier: GPL-2.0-only */
/* The laws on pictures: of one subject alone, and of two that should be the same. */
#include "oracles/laws.h"

#include <inttypes.h>
#include <string.h>

/* ---- one picture ---- */
static bool vma_legal(const struct snapshot *s, const struct snap_proc *proc,
                      const struct snap_vma *vma, struct verdict *v)
{
    const struct attrs a = {
        .start = vma->start,
        .end = vma->end,
        .pgoff = vma->pgoff,
        .flags = vma->flags,
        .has_file = vma->file != 0,
        .has_context = vma->context != 0,
        .faulted = vma->anon_vma != 0,
        .fresh = !vma->anon_vma && s->has_anon && s->by_degree, /* linux-4.4 */
        .kind = vma->object && vma->object <= s->nr_objects ? s->object[vma->object - 1].kind
                                                            : NR_FILE_KINDS,
    };
    const char *site = attrs_illegal(&a);

    if (likely(!site))
        return true;
    return law_broken(v, LAW_VMA_ATTRS, site, proc->id, vma->start << PAGE_SHIFT,
                      "VMA of pages %#" PRIx64 "-%#" PRIx64 " (%s, pgoff %#" PRIx64 "): %s",
                      vma->start, vma->end, FLAGS_TEXT(vma->flags), vma->pgoff, site);
}

static bool total_ok(const struct snap_proc *proc, const char *site, uint64_t stored,
                     uint64_t computed, struct verdict *v)
{
    if (likely(stored == computed))
        return true;
    return law_broken(v, LAW_ACCOUNT_VM, site, proc->id, 0,
                      "%s is %" PRIu64 " pages, expected %" PRIu64, site, stored, computed);
}

static bool totals_ok(const struct snap_proc *p, const struct totals *t, struct verdict *v)
{
    return total_ok(p, "total_vm", p->total_vm, t->total_vm, v) &&
           total_ok(p, "locked_vm", p->locked_vm, t->locked_vm, v) &&
           total_ok(p, "data_vm", p->data_vm, t->data_vm, v) &&
           total_ok(p, "exec_vm", p->exec_vm, t->exec_vm, v) &&
           total_ok(p, "stack_vm", p->stack_vm, t->stack_vm, v) &&
           (p->hiwater_vm >= p->total_vm ||
            total_ok(p, "hiwater_vm", p->hiwater_vm, p->total_vm, v));
}

bool laws_snapshot(const struct snapshot *s, struct verdict *v)
{
    uint64_t charged = 0;

    for (uint32_t i = 0; i < s->nr_procs; i++) {
        const struct snap_proc *proc = &s->proc[i];
        struct totals t = {0};

        for (uint32_t n = 0; n < proc->nr_vmas; n++) {
            const struct snap_vma *vma = &s->vma[proc->first_vma + n];

            if (!vma_legal(s, proc, vma, v))
                return false;
            totals_add(&t, vma->flags, vma->end - vma->start);
        }
        if (!totals_ok(proc, &t, v))
            return false;
        charged += t.charged;
    }
    if (unlikely(s->committed != (int64_t)charged) &&
        !law_broken(v, LAW_ACCOUNT_VM, "committed", NOWHERE,
                    "%" PRId64 " pages are charged, VM_ACCOUNT VMAs have %" PRIu64, s->committed,
                    charged))
        return false;
    return (!s->has_anon || snapshot_anon_ok(s, v)) && (!s->has_pages || snapshot_pages_ok(s, v));
}
