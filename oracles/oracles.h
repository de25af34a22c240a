/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The oracles: named laws about a world, each in a full form and, where it makes sense, a touched
 * form that costs only what the last call touched. This is the header that a user of oracles/
 * reads.
 *
 * Every check returns true when the law holds. On the first violation it fills the verdict and
 * returns false; nothing is formatted, allocated or hashed before that. The model is only read.
 */
#ifndef ORACLES_ORACLES_H
#define ORACLES_ORACLES_H

#include "model/mm.h"
#include "oracles/snapshot.h"
#include "oracles/spec.h"

enum law_id {
    LAW_NONE,
#define LAW(id, ...) LAW_##id,
#include "oracles/laws.def"
#undef LAW
    NR_LAWS
};
#define LAW_BIT(law) (UINT64_C(1) << (law))
_Static_assert(NR_LAWS < 64, "a bit per law");
struct law_info {
    const char *name, *sentence, *forms;
};
extern const struct law_info law_table[NR_LAWS];

/* Law, operation kind (added by the executor) and site are the class of a failure. */
struct verdict {
    enum law_id law;  /* LAW_NONE: all is well */
    const char *site; /* a short constant: which clause of the law, e.g. "stored-gap" */
    uint32_t proc;    /* NO_PROC: what broke it is in no address space: a frame, a count, a lock */
    uintptr_t addr;   /* bytes: of the object that broke it; 0 if it has none */
    /* LAW_BITs of laws that are not judged: whoever makes a verdict says it, mostly 0. */
    uint64_t without;
    char text[240]; /* one sentence with the stored and the recomputed value */
};
/* Fills the verdict and returns false, so that a check can say `return law_broken(...)`. Returns
 * true if the law is left out: all is well then, and the check goes on with what comes next. */
bool law_broken(struct verdict *v, enum law_id law, const char *site, uint32_t proc, uintptr_t addr,
                const char *fmt, ...) __attribute__((format(printf, 6, 7), cold));
#define NO_PROC UINT32_MAX
#define NOWHERE NO_PROC, 0 /* for proc and addr */

/* The clause in words; "" if the texts of its verdicts say it. */
const char *site_sentence(const char *site);

/* After one call: all laws' touched forms on the model's notes. */
bool laws_touched(const struct world *world, struct verdict *v);
/* All laws' full forms on the model's structures. */
bool laws_full(const struct world *world, struct verdict *v);
/* One law's full or touched form; true if it has no such form. For tests and benches. */
bool law_full(enum law_id law, const struct world *world, struct verdict *v);
bool law_touched(enum law_id law, const struct world *world, struct verdict *v);
/* Laws on a picture, whoever took it. */
bool laws_snapshot(const struct snapshot *s, struct verdict *v);
/* After world_exit(): the leak law. */
bool laws_after_exit(const struct world *world, struct verdict *v);

/* Files, contexts and names of the model and their serial numbers in the specification, learnt at
 * first sight and held to. A model's place is used again after a free, a serial number never is: so
 * a file may be seen under a newer number than before, never again under an older one, and a number
 * stays with one file. Two megabytes, to be zero at first. */
#define PAIRED_FILES (1U << 16)
#define PAIRED_CONTEXTS 64U
#define PAIRED_NAMES 256U
struct pair_slot {
    uint32_t generation, key, value; /* generation: of the last reset before it was learnt */
};
struct pairing {
    uint32_t generation;
    struct pair_slot file_serial[PAIRED_FILES], serial_file[PAIRED_FILES];
    struct pair_slot context_serial[PAIRED_CONTEXTS], serial_context[PAIRED_CONTEXTS];
    struct {
        uint32_t generation;
        char name[12];
    } name[PAIRED_NAMES]; /* by the specification's number */
};
/* With the worlds; costs nothing. */
void pairing_reset(struct pairing *p);
/* Model against specification on the ranges that either touched: spec.layout, merge.canonical, and
 * the totals, brk, map_count and commit charge (account.vm, list.tree). What agrees is told the
 * specification's merge rules: which anon_vma its VMAs have, spec_tell_anon(). So it must be asked
 * after each call. */
bool compare_touched(const struct world *world, struct spec *spec, struct pairing *p,
                     struct verdict *v);
/* All contents, of all processes and pins, and whose own they are: content. compare_touched() does
 * it for what was touched. Both tell the specification what it leaves to the subject: lazily freed
 * pages that are gone (spec_tell_zero), pins left behind (spec_tell_pin). */
bool compare_contents(const struct world *world, struct spec *spec, struct verdict *v);
/* What a read of the mapped page (a number) would answer, without reading it. *own, if asked for:
 * does an anonymous frame or a swap entry answer, not the page of zeroes, a file or nothing? */
uint64_t model_contents(const struct world *world, unsigned proc, uint64_t page, bool *own);
/* Two pictures of what should be the same: spec.layout, merge.canonical, account.vm, file.tree. */
bool compare_snapshots(const struct snapshot *subject, const struct snapshot *spec,
                       struct verdict *v);
/* Picture of the model. 0 or -ENOMEM. */
int model_snapshot(const struct world *world, struct snapshot *out);

#endif
