/* SPDX-License-Identifier: GPL-2.0-only */
/* The flat specification's column of the table of operations. */
#include "harness/subject.h"

typedef long apply_fn(struct spec *s, const struct call *c, const struct spec_seen *seen);

#define APPLY(name, expression)                                                                    \
    static long apply_##name(struct spec *s, const struct call *c, const struct spec_seen *seen)   \
    {                                                                                              \
        (void)c, (void)seen;                                                                       \
        return expression;                                                                         \
    }

APPLY(MMAP, spec_mmap(s, c->proc, c->addr, c->len, c->prot, c->flags, c->fd, c->off, seen))
APPLY(MUNMAP, spec_munmap(s, c->proc, c->addr, c->len))
APPLY(MPROTECT, spec_mprotect(s, c->proc, c->addr, c->len, c->prot))
APPLY(MREMAP, spec_mremap(s, c->proc, c->addr, c->len, c->new_len, c->flags, c->to, seen))
APPLY(BRK, spec_brk_call(s, c->proc, c->addr))
APPLY(MLOCK, spec_mlock(s, c->proc, c->addr, c->len))
APPLY(MLOCK2, spec_mlock2(s, c->proc, c->addr, c->len, c->flags))
APPLY(MUNLOCK, spec_munlock(s, c->proc, c->addr, c->len))
APPLY(MLOCKALL, spec_mlockall(s, c->proc, c->flags))
APPLY(MUNLOCKALL, spec_munlockall(s, c->proc))
APPLY(MADVISE, spec_madvise(s, c->proc, c->addr, c->len, (int)c->sel, seen))
APPLY(MBIND, spec_mbind(s, c->proc, c->addr, c->len, (int)c->sel, (unsigned)c->flags, 0))
APPLY(NAME, spec_prctl_set_vma_name(s, c->proc, c->addr, c->len, c->name))
APPLY(REMAP_FILE_PAGES, spec_remap_file_pages(s, c->proc, c->addr, c->len, c->prot, c->off, 0))
APPLY(MINCORE, spec_mincore(s, c->proc, c->addr, c->len))
APPLY(MSYNC, spec_msync(s, c->proc, c->addr, c->len, c->flags))
APPLY(READ, spec_access(s, c->proc, c->addr, PROT_READ, false, 0, seen))
APPLY(WRITE, spec_access(s, c->proc, c->addr, PROT_WRITE, false, c->stamp, seen))
APPLY(EXEC, spec_access(s, c->proc, c->addr, PROT_EXEC, false, 0, seen))
APPLY(POKE, spec_access(s, c->proc, c->addr, PROT_WRITE, true, c->stamp, seen))
APPLY(PEEK, spec_access(s, c->proc, c->addr, PROT_READ, true, 0, seen))
APPLY(FORCE, spec_force_write(s, c->proc, c->addr, c->flags, c->stamp))
APPLY(PIN, spec_pin_page(s, c->proc, (unsigned)c->new_fd, c->addr, c->sel))
APPLY(UNPIN, spec_unpin(s, (unsigned)c->fd))
APPLY(DEVICE_READ, spec_device_read(s, (unsigned)c->fd, seen))
APPLY(DEVICE_WRITE, spec_device_write(s, (unsigned)c->fd, c->stamp))
APPLY(RECLAIM, spec_nothing(s, c->proc))
APPLY(MIGRATE, spec_nothing(s, c->proc))
APPLY(KHUGEPAGED, spec_nothing(s, c->proc))
APPLY(RMAP, spec_nothing(s, c->proc))
APPLY(SWAPOFF, spec_nothing(s, c->proc))
APPLY(SPECIAL, spec_install_special(s, c->proc, c->addr, c->len, seen))
APPLY(FIND, spec_find(s, c->proc, c->addr))
APPLY(FIND_PREV, spec_find_prev(s, c->proc, c->addr))
APPLY(FIND_RANGE, spec_find_intersection(s, c->proc, c->addr, c->addr + c->len))
APPLY(GATE, spec_gate(s, c->proc, c->addr))
APPLY(SETRLIMIT, spec_setrlimit(s, c->proc, c->sel, c->pages))
APPLY(OPEN, spec_open(s, (unsigned)c->new_fd, c->sel, (unsigned)c->flags, c->pages))
APPLY(REOPEN, spec_reopen(s, (unsigned)c->new_fd, (unsigned)c->fd, (unsigned)c->flags))
APPLY(DUP, spec_dup(s, (unsigned)c->new_fd, (unsigned)c->fd))
APPLY(CLOSE, spec_close(s, (unsigned)c->fd))
APPLY(SEAL, spec_seal_write(s, (unsigned)c->fd))
APPLY(UFFD, spec_uffd_create(s, (unsigned)c->new_fd, c->proc))
APPLY(UFFD_CLOSE, spec_uffd_close(s, (unsigned)c->fd))
APPLY(UFFD_REGISTER, spec_uffd_register(s, (unsigned)c->fd, c->addr, c->len, (uint64_t)c->flags))
APPLY(UFFD_UNREGISTER, spec_uffd_unregister(s, (unsigned)c->fd, c->addr, c->len))
APPLY(FORK, spec_fork(s, c->proc, c->child))
APPLY(EXIT, spec_exit(s, c->proc))
APPLY(EXE, spec_set_exe_file(s, c->proc, (unsigned)c->fd))
APPLY(FILL, spec_access(s, c->proc, c->addr, PROT_WRITE, false, fill_stamp(c->sel), seen))
APPLY(KSM, spec_ksm(s, c->proc, c->addr, c->len, c->flags))

static apply_fn *const column[NR_OPS] = {
#define OP(id, ...) [OP_##id] = apply_##id,
#include "harness/ops.def"
#undef OP
};

long apply_spec(struct spec *spec, const struct call *c, const struct spec_seen *seen)
{
    return column[c->kind](spec, c, seen);
}
