/* SPDX-License-Identifier: GPL-2.0-only */
/* The model's column of the table of operations. */
#include "harness/subject.h"

typedef long apply_fn(struct world *w, struct mm *mm, const struct call *c);

#define APPLY(name, expression)                                                                    \
    static long apply_##name(struct world *w, struct mm *mm, const struct call *c)                 \
    {                                                                                              \
        (void)w, (void)mm, (void)c;                                                                \
        return expression;                                                                         \
    }

APPLY(MMAP, mm_mmap(mm, c->addr, c->len, c->prot, c->flags, c->fd, c->off))
APPLY(MUNMAP, mm_munmap(mm, c->addr, c->len))
APPLY(MPROTECT, mm_mprotect(mm, c->addr, c->len, c->prot))
APPLY(MREMAP, mm_mremap(mm, c->addr, c->len, c->new_len, c->flags, c->to))
APPLY(BRK, mm_brk(mm, c->addr))
APPLY(MLOCK, mm_mlock(mm, c->addr, c->len))
APPLY(MLOCK2, mm_mlock2(mm, c->addr, c->len, c->flags))
APPLY(MUNLOCK, mm_munlock(mm, c->addr, c->len))
APPLY(MLOCKALL, mm_mlockall(mm, c->flags))
APPLY(MUNLOCKALL, mm_munlockall(mm))
APPLY(MADVISE, mm_madvise(mm, c->addr, c->len, (int)c->sel))
APPLY(MBIND, mm_mbind(mm, c->addr, c->len, (int)c->sel, (unsigned)c->flags, 0))
APPLY(NAME, mm_prctl_set_vma_name(mm, c->addr, c->len, c->name))
APPLY(REMAP_FILE_PAGES, mm_remap_file_pages(mm, c->addr, c->len, c->prot, c->off, 0))
APPLY(MINCORE, mm_mincore(mm, c->addr, c->len))
APPLY(MSYNC, mm_msync(mm, c->addr, c->len, c->flags))
APPLY(READ, mm_access(mm, c->addr, PROT_READ, false, 0))
APPLY(WRITE, mm_access(mm, c->addr, PROT_WRITE, false, c->stamp))
APPLY(EXEC, mm_access(mm, c->addr, PROT_EXEC, false, 0))
APPLY(POKE, mm_access(mm, c->addr, PROT_WRITE, true, c->stamp))
APPLY(PEEK, mm_access(mm, c->addr, PROT_READ, true, 0))
APPLY(FORCE, mm_force_write(mm, c->addr, c->stamp, c->flags))
APPLY(PIN, mm_pin(mm, (unsigned)c->new_fd, c->addr, c->sel))
APPLY(UNPIN, world_unpin(w, (unsigned)c->fd))
APPLY(DEVICE_READ, world_device_read(w, (unsigned)c->fd))
APPLY(DEVICE_WRITE, world_device_write(w, (unsigned)c->fd, c->stamp))
APPLY(RECLAIM, mm_reclaim(mm, c->addr, c->len, c->flags))
APPLY(MIGRATE, mm_migrate(mm, c->addr, c->len))
APPLY(KHUGEPAGED, mm_khugepaged(mm, c->addr, c->len))
APPLY(RMAP, mm_rmap_walk(mm, c->addr, c->len, (enum rmap_work)c->sel))
APPLY(SWAPOFF, world_swapoff(w))
APPLY(SPECIAL, mm_install_special(mm, c->addr, c->len))
APPLY(FIND, mm_find(mm, c->addr))
APPLY(FIND_PREV, mm_find_prev(mm, c->addr))
APPLY(FIND_RANGE, mm_find_intersection(mm, c->addr, c->addr + c->len))
APPLY(GATE, in_gate_area(mm, c->addr))
APPLY(SETRLIMIT, mm_setrlimit(mm, (enum mm_rlimit)c->sel, c->pages))
APPLY(OPEN, file_open(w, (unsigned)c->new_fd, (enum file_kind)c->sel, (unsigned)c->flags, c->pages))
APPLY(REOPEN, file_reopen(w, (unsigned)c->new_fd, (unsigned)c->fd, (unsigned)c->flags))
APPLY(DUP, file_dup(w, (unsigned)c->new_fd, (unsigned)c->fd))
APPLY(CLOSE, file_close(w, (unsigned)c->fd))
APPLY(SEAL, file_seal_write(w, (unsigned)c->fd))
APPLY(UFFD, uffd_create(w, (unsigned)c->new_fd, mm))
APPLY(UFFD_CLOSE, uffd_close(w, (unsigned)c->fd))
APPLY(UFFD_REGISTER, uffd_register(w, (unsigned)c->fd, c->addr, c->len, (uint64_t)c->flags))
APPLY(UFFD_UNREGISTER, uffd_unregister(w, (unsigned)c->fd, c->addr, c->len))
APPLY(FORK, mm_fork(mm, c->child))
APPLY(EXIT, mm_exit(mm))
APPLY(EXE, mm_set_exe_file(mm, (unsigned)c->fd))
APPLY(FILL, mm_access(mm, c->addr, PROT_WRITE, false, fill_stamp(c->sel)))
APPLY(KSM, mm_ksm(mm, c->addr, c->len, c->flags))

static apply_fn *const column[NR_OPS] = {
#define OP(id, ...) [OP_##id] = apply_##id,
#include "harness/ops.def"
#undef OP
};

long apply_model(struct world *world, const struct call *c)
{
    return column[c->kind](world, world->proc[c->proc], c);
}
