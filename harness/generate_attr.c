/* SPDX-License-Identifier: GPL-2.0-only */
/* The generator's operations that change attributes, look up, and make files and contexts. */
#include "harness/generate.h"

const struct vma *work_on(struct gen *c, uint64_t vm_flags)
{
    const struct vma *v = vm_flags ? pick_vma_with(c, vm_flags) : pick_vma(c);

    if (v)
        return v;
    become(c, OP_MMAP);
    generate_mmap(c);
    return NULL;
}

void generate_nothing(struct gen *c)
{
    (void)c;
}

void generate_range(struct gen *c)
{
    const struct vma *v = work_on(c, 0);

    if (v)
        set_range(c, pick_range(c, v, true));
}

/* ---- protection, locks, advice, policy, name ---- */
/* What v's flags forbid is left out, mostly. */
static uint8_t may_prot(struct gen *c, const struct vma *v, uint8_t prot)
{
    uint64_t may = v->vm_flags >> 4 & PROT_RWX; /* VM_MAYREAD is VM_READ << 4 */

    return chance(c, 8) ? prot : (uint8_t)(prot & may);
}

/* Often as a neighbour is: what was split comes together again, from either side. */
void generate_mprotect(struct gen *c)
{
    const struct vma *v = work_on(c, 0), *other;
    uint64_t growing;

    if (!v)
        return;
    other = neighbour(c, v);
    growing = v->vm_flags & (VM_GROWSDOWN | VM_GROWSUP);
    c->op->prot =
        may_prot(c, v, other && chance(c, 128) ? other->vm_flags & PROT_RWX : pick_prot(c));
    set_range(c, pick_range(c, v, true));
    if (growing ? chance(c, 48) : chance(c, 2))
        c->op->prot |= WORD(growing & VM_GROWSUP ? W_PROT_GROWSUP : W_PROT_GROWSDOWN);
    if (chance(c, 1))
        c->op->prot |= WORD(W_PROT_INVALID);
}

void generate_mlock2(struct gen *c)
{
    generate_range(c);
    if (c->op->kind == OP_MLOCK2 && chance(c, 160))
        c->op->flags = WORD(chance(c, 4) ? W_MLOCK2_INVALID : W_ONFAULT);
}

void generate_mlockall(struct gen *c)
{
    static const uint8_t flags[8] = {
        WORD(W_CURRENT),
        WORD(W_CURRENT),
        WORD(W_FUTURE),
        WORD(W_CURRENT) | WORD(W_FUTURE),
        WORD(W_CURRENT) | WORD(W_MCL_ONFAULT),
        WORD(W_FUTURE) | WORD(W_MCL_ONFAULT),
        WORD(W_CURRENT) | WORD(W_FUTURE) | WORD(W_MCL_ONFAULT),
        WORD(W_MCL_ONFAULT),
    };

    c->op->flags = flags[below(c, 8)];
    if (chance(c, 4))
        c->op->flags ^= WORD(W_MCL_INVALID);
}

/* The advice that gives v one flag that other has, or takes one that it has not; W_WILLNEED, which
 * changes nothing, if none does. */
static uint8_t advice_towards(const struct vma *v, const struct vma *other)
{
    static const struct {
        uint64_t flag;
        uint8_t set, clear;
    } advices[] = {
        {VM_DONTCOPY, W_DONTFORK, W_DOFORK},         {VM_SEQ_READ, W_SEQUENTIAL, W_NORMAL},
        {VM_RAND_READ, W_RANDOM, W_NORMAL},          {VM_DONTDUMP, W_DONTDUMP, W_DODUMP},
        {VM_WIPEONFORK, W_WIPEONFORK, W_KEEPONFORK}, {VM_MERGEABLE, W_MERGEABLE, W_UNMERGEABLE},
        {VM_HUGEPAGE, W_HUGEPAGE, W_NOHUGEPAGE},     {VM_NOHUGEPAGE, W_NOHUGEPAGE, W_HUGEPAGE},
    };
    uint64_t differs = v->vm_flags ^ other->vm_flags;

    for (size_t i = 0; i < sizeof(advices) / sizeof(*advices); i++)
        if (differs & advices[i].flag)
            return other->vm_flags & advices[i].flag ? advices[i].set : advices[i].clear;
    return W_WILLNEED;
}

/* What takes an advice back. */
static uint8_t advice_against(uint8_t advice)
{
    switch (advice) {
    case W_DONTFORK:
        return W_DOFORK;
    case W_HUGEPAGE:
        return W_NOHUGEPAGE;
    case W_NOHUGEPAGE:
        return W_HUGEPAGE;
    case W_DONTDUMP:
        return W_DODUMP;
    case W_WIPEONFORK:
        return W_KEEPONFORK;
    case W_MERGEABLE:
        return W_UNMERGEABLE;
    default:
        return W_NORMAL;
    }
}

static bool advice_refused(const struct gen *c, const struct vma *v, uint8_t advice)
{
    if (advice == W_WIPEONFORK || advice == W_KEEPONFORK)
        return !rules_from(c, RULES_LINUX_5_10) || (advice == W_WIPEONFORK && !private_anon(v));
    if (advice == W_HUGEPAGE || advice == W_NOHUGEPAGE)
        return v->vm_flags & (VM_SPECIAL | VM_HUGETLB);
    if (advice == W_DOFORK)
        return v->vm_flags & VM_IO;
    return advice == W_DODUMP && v->vm_flags & VM_SPECIAL;
}

/* What is about pages: aimed at memory that it works on and that has some. */
static bool page_advice(struct gen *c)
{
    static const uint8_t advices[] = {W_DONTNEED, W_DONTNEED, W_FREE,          W_FREE,
                                      W_FREE,     W_REMOVE,   W_POPULATE_READ, W_POPULATE_WRITE};
    uint8_t advice = advices[below(c, sizeof(advices))];
    const struct vma *v;
    uint64_t refused = advice == W_POPULATE_READ || advice == W_POPULATE_WRITE
                           ? VM_IO | VM_PFNMAP
                           : VM_LOCKED | VM_PFNMAP | VM_HUGETLB;

    if (advice >= W_POPULATE_READ && !rules_from(c, RULES_LINUX_6_1))
        advice = W_DONTNEED;
    if (advice == W_FREE && !rules_from(c, RULES_LINUX_5_10))
        advice = W_DONTNEED;
    v = pick_page_vma(c, advice == W_REMOVE ? VM_SHARED : advice == W_FREE ? 0 : VM_WRITE);
    if (!v || v->vm_flags & refused || (advice == W_FREE && !private_anon(v)) ||
        (advice == W_REMOVE && (~v->vm_flags & (VM_SHARED | VM_WRITE) || !v->vm_file)) ||
        (advice == W_POPULATE_WRITE && !(v->vm_flags & VM_WRITE)) ||
        (advice == W_POPULATE_READ && !(v->vm_flags & VM_READ)))
        return false;
    c->op->sel = advice;
    set_range(c, pages_of(c, v));
    return true;
}

void generate_madvise(struct gen *c)
{
    static const uint8_t rare[8] = {W_WILLNEED, W_DONTNEED, W_FREE,     W_REMOVE,
                                    W_COLD,     W_PAGEOUT,  W_WILLNEED, W_ADVICE_INVALID};
    const struct vma *v, *other;
    uint8_t advice = c->g->advice_habit[below(c, 3)];

    if (chance(c, 80) && page_advice(c))
        return;
    v = work_on(c, 0);
    if (!v)
        return;
    other = neighbour(c, v);
    if (other && chance(c, 112))
        advice = advice_towards(v, other);
    else if (chance(c, 112))
        advice = advice_against(advice);
    if (advice_refused(c, v, advice))
        advice = chance(c, 128) ? W_DONTFORK : W_SEQUENTIAL;
    if (chance(c, 8))
        advice = rare[below(c, 8)];
    c->op->sel = advice;
    set_range(c, pick_range(c, v, true));
}

void generate_mbind(struct gen *c)
{
    const struct vma *v = work_on(c, 0), *other;
    uint8_t habit = c->g->policy_habit[below(c, 3)];
    struct op *op = c->op;

    if (!v)
        return;
    other = neighbour(c, v);
    op->sel = habit % 5;
    op->flags = op->sel == MPOL_DEFAULT || op->sel == MPOL_LOCAL ? 0 : 1 + (habit >> 4) % 15;
    if (other && chance(c, 112)) {
        op->sel = (uint8_t)(other->vm_policy ? other->vm_policy->mode : MPOL_DEFAULT);
        op->flags = other->vm_policy ? other->vm_policy->nodes : 0;
    }
    if (chance(c, 4))
        op->flags ^= WORD(below(c, 5));
    if (chance(c, 2))
        op->sel = MPOL_LOCAL + 1;
    set_range(c, pick_range(c, v, true));
}

static bool can_be_named(const struct gen *c, const struct vma *v)
{
    return private_anon(v) || (rules_from(c, RULES_LINUX_6_12) && v->vm_file && !file_of(c, v));
}

void generate_name(struct gen *c)
{
    const struct vma *v = work_on(c, 0);

    for (int tries = 0; v && c->op->kind == OP_NAME && tries < 3 && !can_be_named(c, v); tries++)
        v = work_on(c, 0);
    if (!v)
        return;
    c->op->sel = (uint8_t)below(c, 3); /* none, or one of two */
    set_range(c, pick_range(c, v, true));
}

void generate_msync(struct gen *c)
{
    static const uint8_t flags[8] = {
        WORD(W_ASYNC), WORD(W_SYNC), WORD(W_SYNC) | WORD(W_INVALIDATE), WORD(W_INVALIDATE),
        WORD(W_ASYNC), WORD(W_SYNC), WORD(W_ASYNC) | WORD(W_SYNC),      WORD(W_MSYNC_INVALID),
    };

    generate_range(c);
    if (c->op->kind == OP_MSYNC)
        c->op->flags = flags[below(c, chance(c, 24) ? 8 : 6)];
}

/* ---- look-ups ---- */
/* The bounds of a mapping, just before and behind them, and above all. */
void generate_find(struct gen *c)
{
    const struct vma *v = pick_vma(c);
    struct range r = v ? range_of(v) : (struct range){0, 1};
    uint32_t choice = below(c, 8), end = page_of(c->mm->highest_vm_end);

    if (choice < 2)
        set_address(c, 0, r.start - (r.start && choice));
    else if (choice < 4)
        set_address(c, 0, r.end - (choice == 2));
    else if (choice < 6)
        set_address(c, 0, r.start + below(c, pages_in(r)));
    else
        set_address(c, 0, choice == 6 ? end + below(c, 2) : pick_page(c));
}

void generate_find_range(struct gen *c)
{
    generate_find(c);
    set_pages(c->op, 1, 1 + below(c, 16));
}

void generate_gate(struct gen *c)
{
    c->op->v[0] = (struct value){ANCHOR_TASK, 0, 0, (int32_t)(15 + below(c, 3))};
}

/* ---- limits ---- */
/* A little above what is used now, so that the next calls meet it; lifted again more often. */
void generate_setrlimit(struct gen *c)
{
    uint32_t which = below(c, NR_MM_RLIMITS), more = below(c, 32);
    const uint64_t used[NR_MM_RLIMITS] = {
        [MM_RLIMIT_AS] = c->mm->total_vm,
        [MM_RLIMIT_DATA] = c->mm->data_vm,
        [MM_RLIMIT_STACK] = 4,
        [MM_RLIMIT_MEMLOCK] = c->mm->locked_vm,
    };

    for (uint32_t i = 0; i < NR_MM_RLIMITS; i++)
        if (c->mm->rlimit[i] < 2048 && chance(c, 96))
            which = i;
    c->op->sel = (uint8_t)which;
    if (c->mm->rlimit[which] < 2048 ? chance(c, 192) : chance(c, 64))
        c->op->v[0].anchor = ANCHOR_TOP;
    else if (which == MM_RLIMIT_MEMLOCK && chance(c, 32))
        set_pages(c->op, 0, 0);
    else
        set_pages(c->op, 0, (uint32_t)used[which] + more);
}

/* ---- files ---- */
uint8_t free_file(struct gen *c)
{
    uint32_t first = below(c, MAX_FDS);

    for (uint32_t i = 0; i < MAX_FDS; i++)
        if (!c->w->fd[(first + i) % MAX_FDS])
            return (uint8_t)(1 + (first + i) % MAX_FDS);
    return 0;
}

static uint32_t pick_fmode(struct gen *c)
{
    static const uint8_t modes[8] = {3, 3, 3, 3, 3, FMODE_READ, 3 | FMODE_NOEXEC, 3 | FMODE_APPEND};

    return chance(c, 4) ? below(c, 16) : modes[below(c, 8)];
}

void generate_open(struct gen *c)
{
    struct op *op = c->op;
    uint8_t slot = free_file(c);

    if (!slot) {
        become(c, OP_CLOSE);
        op->obj = pick_file(c);
        return;
    }
    op->def = chance(c, 4) ? (uint8_t)(1 + below(c, MAX_FDS)) : slot;
    op->sel = c->g->file_habit[below(c, 3)];
    op->flags = pick_fmode(c);
    set_pages(op, 0,
              op->sel == FILE_HUGETLB ? (uint32_t)HPAGE_PAGES * (1 + below(c, 4))
                                      : 4 + below(c, 60));
}

static uint8_t sealable_file(struct gen *c)
{
    uint8_t obj = pick_file(c);

    for (int tries = 0; tries < 4; tries++, obj = pick_file(c))
        if (c->w->fd[obj - 1]->mapping->kind == FILE_SHMEM &&
            c->w->fd[obj - 1]->mapping->i_mmap_writable <= 0)
            break;
    return obj;
}

/* reopen, dup, close, seal: what works on a file that is open. */
void generate_file(struct gen *c)
{
    struct op *op = c->op;
    uint8_t open = pick_file(c), slot = free_file(c);

    if (!open || (!slot && (op->kind == OP_DUP || op->kind == OP_REOPEN))) {
        become(c, OP_OPEN);
        generate_open(c);
        return;
    }
    op->obj = op->kind == OP_SEAL ? sealable_file(c) : open;
    if (op->kind == OP_SEAL && c->w->fd[op->obj - 1]->mapping->kind != FILE_SHMEM &&
        !chance(c, 32)) {
        become(c, OP_OPEN);
        generate_open(c);
        op->sel = op->kind == OP_OPEN ? FILE_SHMEM : 0;
        return;
    }
    if (op->kind == OP_DUP || op->kind == OP_REOPEN)
        op->def = slot;
    if (op->kind == OP_REOPEN)
        op->flags = pick_fmode(c);
}

/* ---- userfault contexts ---- */
/* One that is there, or a free slot; 0: none. A range is registered with the caller's own one: with
 * another's it would be a range of that process. */
static uint8_t pick_context(struct gen *c, bool there)
{
    uint32_t first = below(c, 3); /* few, so that ranges of the same one meet */

    for (uint32_t i = 0; i < MAX_FDS; i++)
        if ((c->w->uffd[(first + i) % MAX_FDS] != NULL) == there)
            return (uint8_t)(1 + (first + i) % MAX_FDS);
    return 0;
}

static uint8_t own_context(struct gen *c)
{
    uint32_t first = below(c, 3);

    for (uint32_t i = 0; i < MAX_FDS; i++)
        if (c->w->uffd[(first + i) % MAX_FDS] && c->w->uffd[(first + i) % MAX_FDS]->mm == c->mm)
            return (uint8_t)(1 + (first + i) % MAX_FDS);
    return chance(c, 16) ? pick_context(c, true) : 0;
}

void generate_uffd(struct gen *c)
{
    uint8_t slot = pick_context(c, false);

    c->op->def = slot && !chance(c, 8) ? slot : 1;
}

void generate_uffd_close(struct gen *c)
{
    c->op->obj = pick_context(c, true);
    if (c->op->obj)
        return;
    become(c, OP_UFFD);
    generate_uffd(c);
}

void generate_uffd_range(struct gen *c)
{
    struct op *op = c->op;
    uint8_t context = own_context(c);
    bool reg = op->kind == OP_UFFD_REGISTER;
    const struct vma *v = work_on(c, reg ? 0 : VM_UFFD_FLAGS);

    for (int tries = 0; v && op->kind != OP_MMAP && tries < 3 && v->vm_ops; tries++)
        v = work_on(c, 0);
    if (!v)
        return;
    if (!context) {
        become(c, OP_UFFD);
        generate_uffd(c);
        return;
    }
    for (uint8_t i = 0; i < MAX_FDS && v->vm_userfaultfd_ctx; i++)
        if (c->w->uffd[i] == v->vm_userfaultfd_ctx)
            context = i + 1;
    op->obj = context;
    set_range(c, pick_range(c, v, true));
    if (!reg)
        return;
    op->flags = WORD(W_MISSING);
    if (rules_from(c, RULES_LINUX_5_10) && chance(c, 64))
        op->flags = chance(c, 128) ? WORD(W_WP) : WORD(W_WP) | WORD(W_MISSING);
    if (chance(c, 4))
        op->flags ^= WORD(below(c, W_UFFD_INVALID + 1));
}
