/* SPDX-License-Identifier: GPL-2.0-only */
/* Processes begin as copies of others, and end. */
#include "model/internal.h"
#include "model/poison.h"

#include <string.h>

/* The parent's but for what it has mapped and locked, of which there is nothing yet. */
static struct mm *mm_copy(const struct mm *parent, unsigned child)
{
    struct mm *mm = pool_alloc(parent->world, POOL_MM);

    if (!mm)
        return NULL;
    object_copy(mm, parent, sizeof(*mm));
    mm->id = child;
    mm->mmap = NULL;
    mm->mm_rb.node = NULL;
    mm->highest_vm_end = 0;
    mm->map_count = 0;
    mm->vmacache_seqnum = 0;
    memset(&mm->vmacache, 0, sizeof(mm->vmacache));
    mm->total_vm = mm->locked_vm = mm->pinned_vm = mm->data_vm = mm->exec_vm = mm->stack_vm = 0;
    mm->hiwater_vm = 0;
    mm->def_flags = 0;
    mm->pgd = NULL;
    mm->nr_tables = 0;
    mm->deposited = NULL;
    memset(mm->rss, 0, sizeof(mm->rss));
    mm->hiwater_rss = 0;
    mm->exe_file = NULL;
    return mm;
}

/* The child's VMA, with chains, not linked yet. NULL: out of memory. */
static struct vma *copy_for_child(struct mm *mm, struct vma *vma)
{
    struct vma *copy = vma_dup(vma);

    if (!copy)
        return NULL;
    copy->vm_mm = mm;
    copy->anon_vma = NULL;
    vma_leave_context(copy);
    copy->vm_flags &= ~(uint64_t)(VM_LOCKED_MASK | VM_UFFD_FLAGS);
    if ((copy->vm_flags & VM_WIPEONFORK) || anon_vma_fork(copy, vma) == 0)
        return copy;
    vma_free(copy);
    return NULL;
}

/* Fork never merges: VMAs that have become alike, as a lock was dropped, stay apart. */
static int dup_mmap(struct mm *mm, struct mm *parent)
{
    struct vma *prev = NULL;

    for (struct vma *vma = parent->mmap, *copy; vma; vma = vma->vm_next) {
        const uint64_t pages = vma_pages(vma), charged = vma->vm_flags & VM_ACCOUNT ? pages : 0;

        step(mm->world);
        if (vma->vm_flags & VM_DONTCOPY)
            continue;
        if (vm_charge(parent, charged))
            return -ENOMEM;
        copy = copy_for_child(mm, vma);
        if (!copy) {
            vm_uncharge(parent, charged);
            return -ENOMEM;
        }
        vma_attach_after(mm, copy, prev);
        note_range(mm, copy->vm_start, copy->vm_end);
        vma_open(copy);
        vm_stat_account(mm, copy->vm_flags, (int64_t)pages);
        if (copy_page_range(copy, vma))
            return -ENOMEM;
        prev = copy;
    }
    if (parent->exe_file)
        mm_take_exe_file(mm, parent->exe_file);
    return 0;
}

/* The whole address space goes, so the tree is dropped and not unlinked VMA by VMA. */
static void exit_mmap(struct mm *mm)
{
    for (struct vma *vma = mm->mmap, *next; vma; vma = next) {
        step(mm->world);
        next = vma->vm_next;
        zap_page_range(vma, vma->vm_start, vma->vm_end, true);
        if (vma->vm_flags & VM_ACCOUNT)
            vm_uncharge(mm, vma_pages(vma));
        vma_close(vma);
        if (vma->vm_file) {
            i_mmap_lock(mm->world, vma->vm_file->mapping);
            i_mmap_remove(vma);
            i_mmap_unlock(mm->world);
        }
        if (vma->anon_vma)
            unlink_anon_vmas(vma);
        vma_free(vma);
    }
    free_pgtables(mm, 0, mm->task_size, 0, mm->task_size);
    mm_drop_exe_file(mm);
    note_forget_mm(mm->world, mm);
    pool_free(mm->world, POOL_MM, mm);
}

static void set_process(struct world *world, unsigned n, struct mm *mm)
{
    world->proc[n] = mm;
    if (n >= world->nr_procs)
        world->nr_procs = n + 1;
}

/* What the child has got is its own, and goes. */
static void fork_failed(struct mm *mm, const struct mm *parent)
{
    if (fault(mm->world, F_FORK_FAIL_PUTS, parent->exe_file != NULL))
        mm->exe_file = parent->exe_file;
    if (fault(mm->world, F_FORK_FAIL_EXPOSES, true))
        set_process(mm->world, mm->id, mm);
    exit_mmap(mm);
}

long mm_fork(struct mm *mm, unsigned child)
{
    struct world *world = mm->world;
    struct mm *copy;

    if (child >= MAX_PROCS || world->proc[child])
        return -EAGAIN;
    copy = mm_copy(mm, child);
    if (copy && dup_mmap(copy, mm)) {
        fork_failed(copy, mm);
        copy = NULL;
    }
    if (!copy) {
        event(world, EV_FORK_FAIL);
        return -ENOMEM;
    }
    set_process(world, child, copy);
    world->notes.forked = copy;
    event(world, EV_FORK);
    return 0;
}

long mm_exit(struct mm *mm)
{
    struct world *world = mm->world;

    event(world, EV_EXIT);
    for (unsigned i = 0; i < MAX_FDS; i++)
        if (world->uffd[i] && world->uffd[i]->mm == mm)
            world->uffd[i]->mm = NULL;
    world->proc[mm->id] = NULL;
    while (world->nr_procs && !world->proc[world->nr_procs - 1])
        world->nr_procs--;
    exit_mmap(mm);
    return 0;
}
