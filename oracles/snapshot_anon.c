/* SPDX-License-Identifier: GPL-2.0-only */
/* anon.topology, anon.counts and anon.same on pictures, whoever took them. */
#include "oracles/laws.h"

#include <inttypes.h>

/* ---- anon.topology ---- */
static bool has_chain_to(const struct snapshot *s, const struct snap_vma *vma, uint32_t from,
                         uint32_t to, uint32_t number)
{
    for (uint32_t i = from; i < to; i++)
        if (s->chain[vma->first_chain + i].anon_vma == number)
            return true;
    return false;
}

/* The i-th chain of the VMA. NULL: as it should be. */
static const char *chain_illegal(const struct snapshot *s, const struct snap_vma *vma, uint32_t i)
{
    const uint32_t number = s->chain[vma->first_chain + i].anon_vma;
    const bool last = i + 1 == vma->nr_chains;
    const struct snap_anon_vma *a;

    if (!number || number > s->nr_anon_vmas)
        return "dead-anon-vma";
    a = &s->anon_vma[number - 1];
    if (a->root != s->anon_vma[s->chain[vma->first_chain].anon_vma - 1].root)
        return "two-roots";
    if (has_chain_to(s, vma, 0, i, number))
        return "linked-twice";
    if ((a->parent == number) != (a->root == number))
        return "parent-of-root";
    if ((a->root == number) != last)
        return "root-not-last";
    if (!last && !has_chain_to(s, vma, i + 1, vma->nr_chains, a->parent))
        return "order";
    return NULL;
}

static const char *list_illegal(const struct snapshot *s, const struct snap_vma *vma)
{
    if (vma->first_chain > s->nr_chains || vma->nr_chains > s->nr_chains - vma->first_chain)
        return "stretch";
    for (uint32_t i = 0; i < vma->nr_chains; i++) {
        const char *site = chain_illegal(s, vma, i);

        if (unlikely(site != NULL))
            return site;
    }
    if (!vma->anon_vma)
        return vma->nr_chains ? "chains-without-anon-vma" : NULL;
    return has_chain_to(s, vma, 0, vma->nr_chains, vma->anon_vma) ? NULL : "own-not-in-list";
}

static bool list_ok(const struct snapshot *s, const struct snap_proc *proc,
                    const struct snap_vma *vma, struct verdict *v)
{
    const char *site;

    if (likely(!vma->anon_vma && !vma->nr_chains))
        return true;
    site = list_illegal(s, vma);
    if (likely(!site))
        return true;
    return law_broken(v, LAW_ANON_TOPOLOGY, site, proc->id, vma->start << PAGE_SHIFT,
                      "VMA of pages %#" PRIx64 "-%#" PRIx64 ", anon_vma %" PRIu32 ", %" PRIu32
                      " chains: %s",
                      vma->start, vma->end, vma->anon_vma, vma->nr_chains, site);
}

/* ---- anon.counts ---- */
struct counts {
    uint64_t refcount, children, active;
    uint64_t self; /* 1 for a root: num_children has it as its own child, degree has not */
};

/* Of one anon_vma by its number; 0: of all, weighed. */
static struct counts count_all(const struct snapshot *s, uint32_t only)
{
    struct counts c = {0};

#define REFER(sum, number) ((sum) += only ? (number) == only : law_weight(number))
    for (uint32_t i = 0; i < s->nr_vmas; i++)
        if (s->vma[i].anon_vma)
            REFER(c.active, s->vma[i].anon_vma);
    for (uint32_t n = 1; n <= s->nr_anon_vmas; n++) {
        const struct snap_anon_vma *a = &s->anon_vma[n - 1];

        if (a->parent)
            REFER(c.refcount, n);
        if (a->root && a->root != n)
            REFER(c.refcount, a->root);
        if (a->parent == n)
            REFER(c.self, n);
        else if (a->parent)
            REFER(c.children, a->parent);
    }
    for (uint32_t i = 0; i < s->nr_items; i++)
        REFER(c.refcount, s->item[i].anon_vma);
#undef REFER
    return c;
}

static bool sums_agree(const struct snapshot *s, const struct counts *c)
{
    uint64_t refcount = 0, degree = 0, children = 0, active = 0;

    for (uint32_t n = 1; n <= s->nr_anon_vmas; n++) {
        const struct snap_anon_vma *a = &s->anon_vma[n - 1];
        const uint64_t weight = law_weight(n);

        refcount += a->refcount * weight;
        degree += a->degree * weight;
        children += a->num_children * weight;
        active += a->num_active_vmas * weight;
    }
    if (refcount != c->refcount)
        return false;
    return s->by_degree ? degree == c->children + c->active
                        : children == c->children + c->self && active == c->active;
}

static bool number_ok(uint32_t number, const char *site, uint32_t stored, uint64_t counted,
                      struct verdict *v)
{
    if (likely(stored == counted))
        return true;
    return law_broken(v, LAW_ANON_COUNTS, site, NOWHERE,
                      "%s of anon_vma number %" PRIu32 " is %" PRIu32 ", counted %" PRIu64, site,
                      number, stored, counted);
}

static bool counts_ok(const struct snapshot *s, struct verdict *v)
{
    const struct counts all = count_all(s, 0);

    if (likely(sums_agree(s, &all)))
        return true;
    for (uint32_t n = 1; n <= s->nr_anon_vmas; n++) {
        const struct snap_anon_vma *a = &s->anon_vma[n - 1];
        const struct counts c = count_all(s, n);

        if (s->by_degree ? !number_ok(n, "degree", a->degree, c.children + c.active, v)
                         : !number_ok(n, "num_children", a->num_children, c.children + c.self, v) ||
                               !number_ok(n, "num_active_vmas", a->num_active_vmas, c.active, v))
            return false;
        if (!number_ok(n, "refcount", a->refcount, c.refcount, v))
            return false;
    }
    return true;
}

/* ---- anon.same, and that an anon_vma in use is not used again ---- */
static uint64_t chains_weight(const struct snapshot *s, const struct snap_vma *vma)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < vma->nr_chains; i++)
        sum += law_weight(s->chain[vma->first_chain + i].anon_vma);
    return sum;
}

/* The VMA against the one before it that has the same anon_vma. */
static bool same_as_before(const struct snapshot *s, const struct snap_proc *proc,
                           const struct snap_vma *vma, struct verdict *v)
{
    const struct snap_vma *const first = s->vma + proc->first_vma;
    const struct snap_vma *other = vma;

    do {
        if (other == (s->by_degree ? first : s->vma))
            return true;
        other--;
    } while (other->anon_vma != vma->anon_vma);
    if (other < first)
        return law_broken(v, LAW_ANON_COUNTS, "two-processes", proc->id, vma->start << PAGE_SHIFT,
                          "VMA of pages %#" PRIx64 "-%#" PRIx64 " has anon_vma number %" PRIu32
                          " for its own, as one of another process has",
                          vma->start, vma->end, vma->anon_vma);
    if (likely(chains_weight(s, other) == chains_weight(s, vma)))
        return true;
    return law_broken(v, LAW_ANON_SAME, "chains", proc->id, vma->start << PAGE_SHIFT,
                      "VMAs of pages %#" PRIx64 "-%#" PRIx64 " and %#" PRIx64 "-%#" PRIx64
                      " have anon_vma number %" PRIu32
                      " both, but are not linked to the same others",
                      other->start, other->end, vma->start, vma->end, vma->anon_vma);
}

bool snapshot_anon_ok(const struct snapshot *s, struct verdict *v)
{
    uint32_t seen = 0; /* numbers are given by first appearance: a larger one has no VMA before */

    for (uint32_t i = 0; i < s->nr_procs; i++)
        for (uint32_t n = 0; n < s->proc[i].nr_vmas; n++)
            if (!list_ok(s, &s->proc[i], &s->vma[s->proc[i].first_vma + n], v))
                return false;
    if (!counts_ok(s, v))
        return false;
    for (uint32_t i = 0; i < s->nr_procs; i++) {
        for (uint32_t n = 0; n < s->proc[i].nr_vmas; n++) {
            const struct snap_vma *vma = &s->vma[s->proc[i].first_vma + n];

            if (!vma->anon_vma)
                continue;
            if (vma->anon_vma <= seen && !same_as_before(s, &s->proc[i], vma, v))
                return false;
            for (uint32_t c = 0; c < vma->nr_chains; c++) {
                uint32_t number = s->chain[vma->first_chain + c].anon_vma;

                seen = seen < number ? number : seen;
            }
        }
    }
    return true;
}
