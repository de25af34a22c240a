/* SPDX-License-Identifier: GPL-2.0-only */
/* Processes of the flat specification: how they come and go. */
#include "oracles/spec_private.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Random pages of a large space are misses in the TLB first of all. Whether the kernel gives huge
 * pages or not is its business: an address has the same contents. */
static struct spec_page *new_pages(uint64_t room)
{
    struct spec_page *page = calloc(room, sizeof(*page));
    uintptr_t huge = SPEC_HUGE << SPEC_SHIFT;
    uintptr_t start = ((uintptr_t)page + huge - 1) & ~(huge - 1);
    uintptr_t end = (uintptr_t)(page + room) & ~(huge - 1);

    if (page && start < end)
        madvise((void *)start, end - start, MADV_HUGEPAGE);
    return page;
}

void spec_free_space(struct spec_space *space)
{
    free(space->page);
    free(space->value);
    free(space->mapped);
    free(space->heads);
    free(space->own);
    memset(space, 0, sizeof(*space));
}

/* The backup of spec_before() needs no bits to scan. */
int spec_make_space(struct spec *spec, unsigned proc)
{
    struct spec_space *now = &spec->now.space[proc], *before = &spec->before.space[proc];

    if (now->page)
        return 0;
    now->page = new_pages(spec->room);
    now->value = calloc(spec->room, sizeof(*now->value));
    now->mapped = calloc(spec->room / 64, sizeof(*now->mapped));
    now->heads = calloc(spec->room / 64, sizeof(*now->heads));
    now->own = calloc(spec->room / 64, sizeof(*now->own));
    before->page = new_pages(spec->room);
    before->value = calloc(spec->room, sizeof(*before->value));
    if (now->page && now->value && now->mapped && now->heads && now->own && before->page &&
        before->value)
        return 0;
    spec_free_space(now);
    spec_free_space(before);
    return -ENOMEM;
}

/* ---- fork ---- */
/* The child's copy of a VMA. What it inherits of an anon_vma it has besides its own. */
static struct spec_page inherited(const struct spec_page *first)
{
    struct spec_page copy = *first;

    copy.flags &= ~(SNAP_LOCK_BITS | SNAP_UFFD_BITS);
    copy.context = 0;
    if (copy.flags & SNAP_WIPEONFORK)
        copy.anon = 0;
    else if (copy.anon)
        copy.anon = SPEC_ANON_UNTOLD;
    copy.cloned = copy.anon != 0;
    return copy;
}

/* VMA by VMA, none of them joined. What is charged before one fails is paid back by the caller. */
static int copy_vmas(struct spec *spec, const struct spec_space *from, struct spec_space *to)
{
    struct spec_run vma;

    for (uint64_t at = 0; spec_run_from(spec, from, at, &vma); at = vma.end) {
        struct spec_page first = inherited(&from->page[vma.start]);

        if (first.flags & SNAP_DONTCOPY)
            continue;
        if (first.flags & SNAP_ACCOUNT && !spec_may_charge(spec, from, vma.end - vma.start))
            return -ENOMEM;
        spec_map_pages(spec, to, vma.start, vma.end, &first);
        spec_set_head(to, vma.start, true);
        if (from->nr_own && !(first.flags & SNAP_WIPEONFORK))
            spec_inherit_own(from, to, vma);
    }
    return 0;
}

static void end_process(struct spec *spec, struct spec_space *space)
{
    spec_unmap_pages(spec, space, space->lowest, space->highest);
    spec_empty_pages(space);
    if (space->exe)
        spec_file_ref(spec, space->exe, -1);
    space->exe = 0;
    space->alive = false;
}

long spec_fork(struct spec *spec, unsigned proc, unsigned child)
{
    const struct spec_space *from = spec_begin(spec, proc);
    struct spec_space *to;
    int error;

    if (child >= SPEC_SPACES || spec->now.space[child].alive)
        return -EAGAIN;
    error = spec_make_space(spec, child);
    if (error)
        return error;
    to = &spec->now.space[child];
    to->alive = true;
    to->totals = (struct snap_proc){.id = child, .brk = from->totals.brk};
    to->exe = from->exe;
    if (to->exe)
        spec_file_ref(spec, to->exe, 1);
    memcpy(to->rlimit, from->rlimit, sizeof(to->rlimit));
    error = copy_vmas(spec, from, to);
    if (error)
        end_process(spec, to);
    else if (to->highest)
        spec_touch(spec, to, to->lowest, to->highest);
    return error;
}

/* ---- exit ---- */
long spec_exit(struct spec *spec, unsigned proc)
{
    end_process(spec, spec_begin(spec, proc));
    for (unsigned i = 0; i < SPEC_FDS; i++)
        if (spec->now.ufd[i].serial && spec->now.ufd[i].proc == proc)
            spec->now.ufd[i].proc = SPEC_NOBODY;
    return 0;
}
