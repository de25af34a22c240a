/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Changes of attributes in the flat specification: mprotect, mlock, madvise, mbind, names.
 * Each walks the VMAs of its range and changes one piece after the other.
 */
#include "oracles/spec_private.h"

#include <linux/mempolicy.h>
#include <string.h>

/*
 * merge.canonical, for a piece that becomes b:
 *
 *    [aaaaaaaa]  ->  [aa|bbbb|aa]  two splits        [aaaa|bb] -> [aa|bbbb]  the boundary moves,
 *        ^^^^            ^^^^                          ^^            ^^      no split is needed
 *
 * The one rule: either edge joins what is beyond it if it may, else a VMA starts there. Pages of
 * the VMA itself are not compatible with what the piece becomes.
 */
int spec_change_piece(struct spec *spec, struct spec_space *space, struct spec_run vma,
                      uint64_t start, uint64_t end, const struct spec_page *to)
{
    struct spec_page first = *to, last = *to;
    struct spec_joins joins;
    int error;

    first.pgoff = space->page[start].pgoff;
    last.pgoff = first.pgoff + (end - start - 1);
    joins = spec_may_join(spec, space, start, end, &first, &last);
    spec_touch(spec, space, start, end);
    if (!joins.prev && !joins.next) {
        error = spec_split(spec, space, start, true);
        if (!error && end < vma.end)
            error = spec_split(spec, space, end, true);
        if (error)
            return error;
    }
    spec_change_pages(spec, space, start, end, to);
    spec_join(spec, space, start, end, joins);
    return 0;
}

/* ---- mprotect ---- */
static bool is_equal(const struct spec_page *a, const struct spec_page *b)
{
    return a->flags == b->flags && a->policy == b->policy && a->name == b->name &&
           a->context == b->context;
}

/* Writing may have to be paid for; since 6.12 it is paid back when nothing was or can be
 * written. */
static int check_protection(const struct spec *spec, const struct spec_space *space,
                            const struct spec_page *old, struct spec_page *to, uint64_t pages)
{
    const uint64_t paid = SNAP_ACCOUNT | SNAP_WRITE | SNAP_HUGETLB | SNAP_SHARED | SNAP_NORESERVE;

    if (to->flags & SNAP_WRITE) {
        if (!spec_may_expand(spec, space, to->flags, pages) &&
            spec_may_expand(spec, space, old->flags, pages))
            return -ENOMEM;
        if (old->flags & paid)
            return 0;
        if (!spec_may_charge(spec, space, pages))
            return -ENOMEM;
        to->flags |= SNAP_ACCOUNT;
    } else if (spec_since(spec, SPEC_LINUX_6_12) && old->flags & SNAP_ACCOUNT &&
               spec_is_anonymous(old) && !old->anon) {
        to->flags &= ~(uint64_t)SNAP_ACCOUNT;
    }
    return 0;
}

static int protect_piece(struct spec *spec, struct spec_space *space, struct spec_run vma,
                         uint64_t start, uint64_t end, int prot)
{
    struct spec_page old = space->page[start], to = old;
    int error;

    if (spec->config.read_implies_exec && prot & PROT_READ &&
        (old.flags & SNAP_MAYEXEC || spec->config.rules < SPEC_LINUX_5_10))
        prot |= PROT_EXEC;
    to.flags &= ~SNAP_ACCESS;
    to.flags |= (uint64_t)prot & SNAP_ACCESS; /* the values are the same */
    if (to.flags & ~(to.flags >> 4) & SNAP_ACCESS)
        return -EACCES; /* MAYREAD, MAYWRITE, MAYEXEC are 4 bits above */
    if (is_equal(&to, &old))
        return 0;
    error = check_protection(spec, space, &old, &to, end - start);
    if (!error)
        error = spec_change_piece(spec, space, vma, start, end, &to);
    if (!error && (old.flags & (SNAP_WRITE | SNAP_LOCKED | SNAP_LOCKONFAULT)) == SNAP_LOCKED &&
        spec_has_own_pages(&to))
        spec_fault_in(spec, space, start, end, true); /* locked pages become its own at once */
    return error;
}

/* The range that PROT_GROWSDOWN and PROT_GROWSUP make of [*start, *end). */
static int protect_range(const struct spec *spec, const struct spec_space *space, int prot,
                         uint64_t *start, uint64_t *end)
{
    struct spec_run vma;

    if (!spec_run_from(spec, space, *start, &vma))
        return -ENOMEM;
    if (prot & PROT_GROWSDOWN) {
        if (vma.start >= *end)
            return -ENOMEM;
        *start = vma.start;
        return space->page[vma.start].flags & SNAP_GROWSDOWN ? 0 : -EINVAL;
    }
    if (vma.start > *start)
        return -ENOMEM;
    if (prot & PROT_GROWSUP) {
        *end = vma.end;
        return space->page[vma.start].flags & SNAP_GROWSUP ? 0 : -EINVAL;
    }
    return 0;
}

long spec_mprotect(struct spec *spec, unsigned proc, uint64_t addr, uint64_t len, int prot)
{
    struct spec_space *space = spec_begin(spec, proc);
    const int grows = PROT_GROWSDOWN | PROT_GROWSUP;
    uint64_t bytes = addr + spec_page_align(len), start = addr >> SPEC_SHIFT;
    uint64_t end = bytes >> SPEC_SHIFT, stop;
    int error;

    if ((prot & grows) == grows || !spec_aligned(addr))
        return -EINVAL;
    if (!len)
        return 0;
    if (bytes <= addr)
        return -ENOMEM;
    if (prot & ~(grows | PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM))
        return -EINVAL;
    error = protect_range(spec, space, prot, &start, &end);
    for (uint64_t page = start; !error && page < end; page = stop) {
        struct spec_run vma;

        if (!spec_mapped(spec, space, page))
            return -ENOMEM;
        vma = spec_run_of(spec, space, page);
        stop = spec_min(vma.end, end);
        error = protect_piece(spec, space, vma, page, stop, prot);
    }
    return error;
}

/* ---- mlock ---- */
static int lock_piece(struct spec *spec, struct spec_space *space, struct spec_run vma,
                      uint64_t start, uint64_t end, uint64_t bits)
{
    struct spec_page to = space->page[start];

    if (to.flags & (SNAP_SPECIAL | SNAP_HUGETLB) || (to.flags & SNAP_LOCK_BITS) == bits)
        return 0;
    to.flags = (to.flags & ~SNAP_LOCK_BITS) | bits;
    return spec_change_piece(spec, space, vma, start, end, &to);
}

/* Until the first hole. bits: what of LOCKED and LOCKONFAULT is wanted. */
static int lock_range(struct spec *spec, struct spec_space *space, uint64_t start, uint64_t end,
                      uint64_t bits)
{
    uint64_t stop;
    int error = 0;

    for (uint64_t page = start; !error && page < end; page = stop) {
        struct spec_run vma;

        if (!spec_mapped(spec, space, page))
            return -ENOMEM;
        vma = spec_run_of(spec, space, page);
        stop = spec_min(vma.end, end);
        error = lock_piece(spec, space, vma, page, stop, bits);
    }
    return error;
}

/* Whole pages around [addr, addr + len): 1 to go on, 0 nothing to do, -EINVAL. */
static int lock_bounds(uint64_t addr, uint64_t len, uint64_t *start, uint64_t *end)
{
    uint64_t from = addr & ~(SPEC_PAGE - 1), to = from + spec_page_align(len + (addr - from));

    *start = from >> SPEC_SHIFT;
    *end = to >> SPEC_SHIFT;
    return to < from ? -EINVAL : to > from;
}

/* Locked for when it is touched, which it cannot be. */
static bool any_closed(const struct spec *spec, const struct spec_space *space, uint64_t start,
                       uint64_t end)
{
    struct spec_run vma;

    for (uint64_t page = start; spec_run_from(spec, space, page, &vma) && vma.start < end;
         page = vma.end)
        if (space->page[vma.start].flags & SNAP_LOCKONFAULT &&
            !(space->page[vma.start].flags & SNAP_ACCESS))
            return true;
    return false;
}

static long do_mlock(struct spec *spec, unsigned proc, uint64_t addr, uint64_t len, uint64_t bits)
{
    struct spec_space *space = spec_begin(spec, proc);
    uint64_t start, end, pages = spec_page_align(len + addr % SPEC_PAGE) >> SPEC_SHIFT;
    int error = lock_bounds(addr, len, &start, &end);

    if (!spec_can_mlock(spec, space))
        return -EPERM;
    if (!spec_may_lock(spec, space, pages)) {
        if (!spec_since(spec, SPEC_LINUX_5_10))
            return -ENOMEM;
        pages -= spec_count_pages(spec, space, start, error < 0 ? spec->config.task_size : end,
                                  SNAP_LOCKED);
        if (!spec_may_lock(spec, space, pages))
            return -ENOMEM;
    }
    if (error <= 0)
        return error;
    error = lock_range(spec, space, start, end, bits);
    if (error)
        return error;
    if (!(bits & SNAP_LOCKONFAULT))
        return spec_populate(spec, space, start, end, SPEC_LOCKED);
    return spec->config.rules <= SPEC_LINUX_5_10 && any_closed(spec, space, start, end) ? -ENOMEM
                                                                                        : 0;
}

long spec_mlock(struct spec *spec, unsigned proc, uint64_t addr, uint64_t len)
{
    return do_mlock(spec, proc, addr, len, SNAP_LOCKED);
}

long spec_mlock2(struct spec *spec, unsigned proc, uint64_t addr, uint64_t len, int flags)
{
    if (flags & ~MLOCK_ONFAULT) {
        spec_begin(spec, proc);
        return -EINVAL;
    }
    return do_mlock(spec, proc, addr, len, flags ? SNAP_LOCK_BITS : SNAP_LOCKED);
}

long spec_munlock(struct spec *spec, unsigned proc, uint64_t addr, uint64_t len)
{
    struct spec_space *space = spec_begin(spec, proc);
    uint64_t start, end;
    int error = lock_bounds(addr, len, &start, &end);

    return error <= 0 ? error : lock_range(spec, space, start, end, 0);
}

static void lock_all(struct spec *spec, struct spec_space *space, uint64_t bits)
{
    struct spec_run vma;

    for (uint64_t page = 0; spec_run_from(spec, space, page, &vma); page = vma.end)
        lock_piece(spec, space, vma, spec_max(page, vma.start), vma.end, bits);
}

long spec_mlockall(struct spec *spec, unsigned proc, int flags)
{
    struct spec_space *space = spec_begin(spec, proc);
    uint64_t bits = flags & MCL_ONFAULT ? SNAP_LOCK_BITS : SNAP_LOCKED;

    if (!flags || flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) ||
        (flags == MCL_ONFAULT && spec_since(spec, SPEC_LINUX_5_10)))
        return -EINVAL;
    if (!spec_can_mlock(spec, space))
        return -EPERM;
    if (flags & MCL_CURRENT && !spec->config.privileged &&
        space->totals.total_vm > space->rlimit[SPEC_MEMLOCK])
        return -ENOMEM;
    space->totals.def_flags = flags & MCL_FUTURE ? bits : 0;
    if (flags & MCL_CURRENT) {
        lock_all(spec, space, bits);
        spec_populate(spec, space, 0, spec->config.task_size, SPEC_LOCKED_ALL);
    }
    return 0;
}

long spec_munlockall(struct spec *spec, unsigned proc)
{
    struct spec_space *space = spec_begin(spec, proc);

    space->totals.def_flags = 0;
    lock_all(spec, space, 0);
    return 0;
}

/* ---- advice, policy and name: holes are passed over ---- */
struct change {
    enum { ADVICE, POLICY, NAME } what;
    int advice;
    uint8_t value; /* policy or name */
};

static int advise_access(uint64_t flags, int advice, uint64_t *to)
{
    const uint64_t bits = SNAP_SEQ_READ | SNAP_RAND_READ;

    *to = flags & ~bits;
    if (advice == MADV_SEQUENTIAL)
        *to |= SNAP_SEQ_READ;
    else if (advice == MADV_RANDOM)
        *to |= SNAP_RAND_READ;
    return 0;
}

static int advise_huge(uint64_t flags, int advice, uint64_t *to)
{
    if (flags & (SNAP_SPECIAL | SNAP_HUGETLB))
        return -EINVAL;
    *to = flags & ~(uint64_t)(SNAP_HUGEPAGE | SNAP_NOHUGEPAGE);
    *to |= advice == MADV_HUGEPAGE ? SNAP_HUGEPAGE : SNAP_NOHUGEPAGE;
    return 0;
}

static int advise_merge(uint64_t flags, int advice, uint64_t *to)
{
    const uint64_t never = SNAP_SHARED | SNAP_MAYSHARE | SNAP_PFNMAP | SNAP_IO | SNAP_DONTEXPAND |
                           SNAP_HUGETLB | SNAP_MIXEDMAP;

    if (advice == MADV_UNMERGEABLE)
        *to = flags & ~SNAP_MERGEABLE;
    else if (!(flags & never))
        *to = flags | SNAP_MERGEABLE;
    return 0;
}

/* Advice that only acts on pages' contents: what it refuses. start: of the piece. */
static int advise_contents(const struct spec *spec, const struct spec_page *page, int advice,
                           uint64_t start)
{
    uint64_t flags = page->flags;

    switch (advice) {
    case MADV_DONTNEED:
        if (flags & SNAP_HUGETLB)
            return spec_since(spec, SPEC_LINUX_6_1) && start % SPEC_HUGE == 0 ? 0 : -EINVAL;
        return flags & (SNAP_LOCKED | SNAP_PFNMAP) ? -EINVAL : 0;
    case MADV_FREE:
        return flags & (SNAP_LOCKED | SNAP_PFNMAP) || !spec_is_anonymous(page) ? -EINVAL : 0;
    case MADV_REMOVE:
        if (flags & SNAP_LOCKED || !page->file)
            return -EINVAL;
        if (flags & SNAP_SHARED &&
            flags & (spec_since(spec, SPEC_LINUX_5_10) ? SNAP_MAYWRITE : SNAP_WRITE))
            return 0;
        return -EACCES;
    case MADV_COLD:
    case MADV_PAGEOUT:
        return flags & (SNAP_LOCKED | SNAP_HUGETLB | SNAP_PFNMAP) ? -EINVAL : 0;
    default:
        return 0; /* MADV_WILLNEED */
    }
}

/* New flags of a piece, or an error. */
static int advise(const struct spec *spec, const struct spec_page *page, int advice, uint64_t start,
                  uint64_t *to)
{
    uint64_t flags = page->flags;
    bool hugetlb_too = spec_since(spec, SPEC_LINUX_5_10) && flags & SNAP_HUGETLB;

    switch (advice) {
    case MADV_NORMAL:
    case MADV_RANDOM:
    case MADV_SEQUENTIAL:
        return advise_access(flags, advice, to);
    case MADV_DONTFORK:
        *to = flags | SNAP_DONTCOPY;
        return 0;
    case MADV_DOFORK:
        *to = flags & ~(uint64_t)SNAP_DONTCOPY;
        return flags & SNAP_IO ? -EINVAL : 0;
    case MADV_MERGEABLE:
    case MADV_UNMERGEABLE:
        return advise_merge(flags, advice, to);
    case MADV_HUGEPAGE:
    case MADV_NOHUGEPAGE:
        return advise_huge(flags, advice, to);
    case MADV_DONTDUMP:
        *to = flags | SNAP_DONTDUMP;
        return 0;
    case MADV_DODUMP:
        *to = flags & ~(uint64_t)SNAP_DONTDUMP;
        return flags & SNAP_SPECIAL && !hugetlb_too ? -EINVAL : 0;
    case MADV_WIPEONFORK:
        *to = flags | SNAP_WIPEONFORK;
        return !spec_is_anonymous(page) || flags & SNAP_SHARED ? -EINVAL : 0;
    case MADV_KEEPONFORK:
        *to = flags & ~(uint64_t)SNAP_WIPEONFORK;
        return 0;
    default:
        return advise_contents(spec, page, advice, start);
    }
}

/* Since 6.12 shared anonymous memory may have a name as well. */
static int check_name(const struct spec *spec, const struct spec_page *page)
{
    if (spec_is_special(page))
        return -EBADF;
    if (!page->file ||
        (spec_since(spec, SPEC_LINUX_6_12) && spec_object(spec, page->file)->anonymous))
        return 0;
    return -EBADF;
}

static int change_piece(struct spec *spec, struct spec_space *space, struct spec_run vma,
                        uint64_t start, uint64_t end, const struct change *change)
{
    struct spec_page to = space->page[start];
    int error = 0;

    switch (change->what) {
    case ADVICE:
        error = advise(spec, &space->page[start], change->advice, start, &to.flags);
        if (!error)
            spec_advise_contents(spec, space, start, end, change->advice);
        break;
    case POLICY:
        to.policy = change->value;
        break;
    case NAME:
        error = check_name(spec, &space->page[start]);
        to.name = change->value;
        break;
    }
    if (error || is_equal(&to, &space->page[start]))
        return error;
    error = spec_change_piece(spec, space, vma, start, end, &to);
    return error == -ENOMEM && change->what != POLICY ? -EAGAIN : error;
}

/* 0, the first error, or else 1 if there was a hole. */
static int change_range(struct spec *spec, struct spec_space *space, uint64_t start, uint64_t end,
                        const struct change *change)
{
    uint64_t stop;
    int hole = 0;

    for (uint64_t page = start; page < end; page = stop) {
        struct spec_run vma;
        int error;

        if (!spec_run_from(spec, space, page, &vma) || vma.start >= end)
            return 1;
        hole |= vma.start > page;
        page = spec_max(page, vma.start);
        stop = spec_min(vma.end, end);
        error = change_piece(spec, space, vma, page, stop, change);
        if (error)
            return error;
    }
    return hole;
}

/* The range of madvise and of names: 1 to go on, 0 nothing to do, -EINVAL. */
static int advice_bounds(uint64_t addr, uint64_t len, uint64_t *start, uint64_t *end)
{
    uint64_t aligned = spec_page_align(len);

    if (!spec_aligned(addr) || (len && !aligned) || addr + aligned < addr)
        return -EINVAL;
    *start = addr >> SPEC_SHIFT;
    *end = (addr + aligned) >> SPEC_SHIFT;
    return aligned != 0;
}

static bool knows_advice(const struct spec *spec, int advice)
{
    switch (advice) {
    case MADV_FREE:
    case MADV_WIPEONFORK:
    case MADV_KEEPONFORK:
    case MADV_COLD:
    case MADV_PAGEOUT:
        return spec_since(spec, SPEC_LINUX_5_10);
    case MADV_POPULATE_READ:
    case MADV_POPULATE_WRITE:
    case MADV_COLLAPSE:
        return spec_since(spec, SPEC_LINUX_6_1);
    default:
        return (advice >= MADV_NORMAL && advice <= MADV_DONTNEED) ||
               (advice >= MADV_REMOVE && advice <= MADV_DODUMP);
    }
}

static long finish_range(int hole_or_error)
{
    return hole_or_error > 0 ? -ENOMEM : hole_or_error;
}

long spec_madvise(struct spec *spec, unsigned proc, uint64_t addr, uint64_t len, int advice,
                  const struct spec_seen *seen)
{
    struct spec_space *space = spec_begin(spec, proc);
    const struct change change = {.what = ADVICE, .advice = advice};
    uint64_t start, end;
    int go;

    if (!knows_advice(spec, advice))
        return -EINVAL;
    go = advice_bounds(addr, len, &start, &end);
    if (go <= 0)
        return go;
    if (advice == MADV_POPULATE_READ || advice == MADV_POPULATE_WRITE)
        return spec_populate_range(spec, space, start, end, advice == MADV_POPULATE_WRITE);
    if (advice == MADV_COLLAPSE)
        return spec_collapse(spec, space, start, end, seen);
    return finish_range(change_range(spec, space, start, end, &change));
}

uint8_t spec_name_number(struct spec *spec, const char *name)
{
    char text[SPEC_NAME_SIZE] = "";

    if (!name)
        return 0;
    memcpy(text, name, strnlen(name, SPEC_NAME_SIZE - 1));
    for (unsigned i = 1; i < spec->nr_names; i++)
        if (!memcmp(spec->name[i], text, sizeof(text)))
            return (uint8_t)i;
    if (spec->nr_names == SPEC_NAMES)
        return SPEC_NAMES - 1; /* programs have four names */
    memcpy(spec->name[spec->nr_names], text, sizeof(text));
    return (uint8_t)spec->nr_names++;
}

long spec_prctl_set_vma_name(struct spec *spec, unsigned proc, uint64_t addr, uint64_t len,
                             const char *name)
{
    struct spec_space *space = spec_begin(spec, proc);
    struct change change = {.what = NAME};
    uint64_t start, end;
    int go;

    if (!spec_since(spec, SPEC_LINUX_6_1))
        return -EINVAL;
    go = advice_bounds(addr, len, &start, &end);
    if (go <= 0)
        return go;
    change.value = spec_name_number(spec, name);
    return finish_range(change_range(spec, space, start, end, &change));
}

/* Policy by value: mode above, nodes below. -EINVAL: the nodes do not suit the mode. */
static int policy_value(int mode, unsigned nodes)
{
    if ((mode == MPOL_DEFAULT || mode == MPOL_LOCAL) && nodes)
        return -EINVAL;
    if ((mode == MPOL_BIND || mode == MPOL_INTERLEAVE) && !nodes)
        return -EINVAL;
    if (mode == MPOL_PREFERRED && !nodes)
        mode = MPOL_LOCAL;
    return mode << 4 | (int)nodes;
}

/* No hole but where the kernel does not look: any with the default policy, if something is there.
 * In 4.4 something must be at the start, and a hole up to the end counts only if nothing is
 * above. */
static bool mbind_holes_ok(const struct spec *spec, const struct spec_space *space, uint64_t start,
                           uint64_t end, bool to_default)
{
    const bool old = spec->config.rules < SPEC_LINUX_5_10;
    uint64_t first = spec_next_mapped(spec, space, start);
    uint64_t hole = spec_next_hole(spec, space, start), after;

    if (first >= spec_min(end, spec->config.task_size) || (old && first > start))
        return false;
    if (to_default || hole >= end)
        return true;
    after = spec_next_mapped(spec, space, hole);
    return old && after >= end && after < spec->config.task_size;
}

long spec_mbind(struct spec *spec, unsigned proc, uint64_t addr, uint64_t len, int mode,
                unsigned nodes, unsigned flags)
{
    struct spec_space *space = spec_begin(spec, proc);
    struct change change = {.what = POLICY};
    uint64_t start = addr >> SPEC_SHIFT, to = addr + spec_page_align(len), end = to >> SPEC_SHIFT;
    int value, result;

    if (mode < MPOL_DEFAULT || mode > MPOL_LOCAL || nodes & ~15u || flags || !spec_aligned(addr) ||
        to < addr)
        return -EINVAL;
    if (to == addr)
        return 0;
    value = policy_value(mode, nodes);
    if (value < 0)
        return value;
    if (!mbind_holes_ok(spec, space, start, end, mode == MPOL_DEFAULT))
        return -EFAULT;
    change.value = (uint8_t)value;
    result = change_range(spec, space, start, end, &change);
    return result < 0 ? result : 0;
}
