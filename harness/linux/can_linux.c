/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which calls can be made at all: not what this kernel does not have, and not what would reach out
 * of the window (to the filler, to the agent) unless the kernel refuses it before anything is done.
 * Judged from the call alone: model, specification and kernel make the same calls. The reasons are
 * for who asks which calls of a program were left out.
 */
#include "harness/linux/subject_linux.h"

#include "harness/codec.h"

static const char leaves[] = "would leave the window";
static const char search_leaves[] = "the search for a place would leave the window";

static bool is_low(uint64_t addr)
{
    return addr < world_config_default.mmap_min_addr << PAGE_SHIFT;
}

/* All of it in the world, and not among the lowest pages; or all of it above. */
static bool stays(uint64_t addr, uint64_t len)
{
    const uint64_t end = addr + len;

    if (addr >= window_size())
        return true; /* and fails: there is nothing for anybody */
    return !is_low(addr) && end >= addr && end <= window_size();
}

/*
 * The bottom-up search, which is made when the one below the base finds nothing, begins in the
 * world at a third of it, in the process far below the window: that is the same as long as what is
 * searched for fits between that third and the base. Whole huge pages are searched for with one
 * more.
 */
static bool search_is_same(uint64_t len)
{
    const struct world_config *w = &world_config_default;
    const uint64_t third = (w->task_size / 3 + 1) << PAGE_SHIFT;
    const uint64_t most = (w->mmap_base << PAGE_SHIFT) - third;

    return len + (len & (HPAGE_SIZE - 1) ? 0 : HPAGE_SIZE) <= most || len > window_size();
}

static const char *refuses_mmap(const struct call *c)
{
    if (c->flags & MAP_GROWSUP)
        return "no stack grows up here";
    if (c->flags & (MAP_FIXED | MAP_FIXED_NOREPLACE))
        return is_low(c->addr) ? leaves : NULL;
    return search_is_same(c->len) ? NULL : search_leaves;
}

static const char *refuses_mremap(const struct call *c)
{
    const bool placed = c->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP);

    if (!stays(c->addr, c->len) || (placed && c->to && is_low(c->to)))
        return leaves;
    if (c->flags & MREMAP_FIXED)
        return is_low(c->to) ? leaves : NULL;
    /* without an address of its own the new range does not overlap the old one in the process */
    if (placed && !c->to && c->new_len > c->addr)
        return leaves;
    return search_is_same(c->new_len) ? NULL : search_leaves;
}

/* Otherwise the processes have none (agent.c), so that entries stay as many as the calls make
 * them. */
static bool wants_huge_pages(const struct call *c)
{
    return c->sel == MADV_HUGEPAGE || c->sel == MADV_COLLAPSE;
}

/* Of the processes' own share in what is counted and limited. */
static bool can_set_limit(const struct subject_linux *l, const struct call *c)
{
    return c->sel >= NR_MM_RLIMITS || c->pages <= l->hard[c->sel];
}

static const char *refuses_advice(const struct subject_linux *l, const struct call *c)
{
    if (!stays(c->addr, c->len))
        return leaves;
    if (wants_huge_pages(c) && !l->o.huge)
        return "needs --huge";
    if (c->sel == MADV_PAGEOUT && l->o.swap)
        return "not with --swap";
    return c->sel == MADV_MERGEABLE && l->merges_itself ? "the kernel's own KSM is on" : NULL;
}

static const char *refuses_pin(const struct subject_linux *l, const struct call *c)
{
    if (!l->pins.there)
        return "needs io_uring of Linux 6.10 or later, and CAP_IPC_LOCK";
    if (!c->sel)
        return "there is no device that only reads";
    return is_low(c->addr) ? leaves : NULL;
}

static const char *refuses_registration(const struct subject_linux *l, const struct call *c)
{
    if (!linux_can_context(l, c))
        return "no userfaultfd like that can be had here";
    return stays(c->addr, c->len) ? NULL : leaves;
}

/* What is for the whole system is done for who has asked for it. */
static const char *refuses_behind(const struct subject_linux *l, const struct call *c)
{
    if (c->kind == OP_MIGRATE)
        return l->o.compact ? NULL : "needs --compact";
    if (!l->o.swap)
        return "needs --swap";
    return c->kind == OP_RECLAIM && c->flags ? "nothing keeps what is out in the swap cache" : NULL;
}

const char *linux_refuses(struct subject *s, const struct call *c)
{
    struct subject_linux *l = linux_of(s);

    switch ((enum op_kind)c->kind) {
    case OP_MMAP:
        return refuses_mmap(c);
    case OP_MREMAP:
        return refuses_mremap(c);
    case OP_MUNMAP: /* what leaves the world leaves the address space, and is refused */
    case OP_MSYNC:  /* goes on to where there is a hole, and does nothing to the filler */
    case OP_MINCORE:
        return is_low(c->addr) ? leaves : NULL;
    case OP_MADVISE:
        return refuses_advice(l, c);
    case OP_MPROTECT:
    case OP_MLOCK:
    case OP_MLOCK2:
    case OP_MUNLOCK:
    case OP_REMAP_FILE_PAGES:
        return stays(c->addr, c->len) ? NULL : leaves;
    case OP_NAME:
        if (!l->can_name)
            return "this kernel has no names of VMAs";
        return stays(c->addr, c->len) ? NULL : leaves;
    case OP_MBIND:
        if (!l->can_bind)
            return "this kernel has no memory policies";
        return stays(c->addr, c->len) ? NULL : leaves;
    case OP_MLOCKALL: /* unprivileged: the limit is compared with all that is mapped */
        return !(c->flags & MCL_CURRENT) || (l->config.privileged && l->can_lock_all)
                   ? NULL
                   : "would concern what is outside of the window";
    case OP_READ:
    case OP_EXEC:
    case OP_WRITE:
    case OP_FILL:
    case OP_PEEK:
    case OP_POKE:
        return is_low(c->addr) ? leaves : NULL;
    case OP_FORCE:
        if (c->flags)
            return "needs somebody else, just in time";
        return is_low(c->addr) ? leaves : NULL;
    case OP_FIND:
    case OP_FIND_PREV:
    case OP_FIND_RANGE:
        return l->can_find ? NULL : "this kernel cannot be asked for a VMA";
    case OP_PIN:
        return refuses_pin(l, c);
    case OP_RECLAIM:
    case OP_MIGRATE:
    case OP_SWAPOFF:
        return refuses_behind(l, c);
    case OP_SETRLIMIT:
        return can_set_limit(l, c) ? NULL : "above the hard limit";
    case OP_UFFD:
    case OP_UFFD_CLOSE:
        return l->contexts.there ? NULL : "no userfaultfd can be had here";
    case OP_UFFD_REGISTER:
    case OP_UFFD_UNREGISTER:
        return refuses_registration(l, c);
    case OP_OPEN:
    case OP_REOPEN:
    case OP_SEAL:
        return linux_can_file(l, c) ? NULL : "no such file can be had here";
    default:
        return linux_has_operation((enum op_kind)c->kind) ? NULL : "no system call";
    }
}
