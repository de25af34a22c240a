/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The file that a process was started from: prctl(PR_SET_MM, PR_SET_MM_EXE_FILE). Since 5.15 it is
 * who runs from a file, and no longer a mapping of it, that denies others to write to it.
 */
#include "model/internal.h"

static bool denies_write(const struct world *world)
{
    return world->config.rules >= RULES_LINUX_6_1;
}

void mm_take_exe_file(struct mm *mm, struct file *file)
{
    mm->exe_file = get_file(file);
    if (denies_write(mm->world))
        file->mapping->i_writecount--;
}

/* There is nobody else to whom the object's count matters. */
static bool is_last(const struct file *file)
{
    return file->refcount == 1 && file->mapping->refcount == 1;
}

void mm_drop_exe_file(struct mm *mm)
{
    struct file *file = mm->exe_file;

    mm->exe_file = NULL;
    if (!file)
        return;
    if (denies_write(mm->world) && !fault(mm->world, F_EXE_KEEPS_DENYING, !is_last(file)))
        file->mapping->i_writecount++;
    put_file(file);
}

static bool maps_object(const struct mm *mm, const struct address_space *mapping)
{
    for (const struct vma *vma = mm->mmap; vma; vma = vma->vm_next) {
        step(mm->world);
        if (vma->vm_file && vma->vm_file->mapping == mapping)
            return true;
    }
    return false;
}

long mm_set_exe_file(struct mm *mm, unsigned fd)
{
    struct world *world = mm->world;
    struct file *file = fd < MAX_FDS ? world->fd[fd] : NULL;

    if (!world->config.privileged)
        return -EPERM;
    if (!file)
        return -EBADF;
    if (!file_is(file, FILE_REGULAR) || (file->mode & FMODE_NOEXEC))
        return -EACCES;
    if (mm->exe_file && maps_object(mm, mm->exe_file->mapping))
        return -EBUSY;
    if (denies_write(world) && file->mapping->i_writecount > 0)
        return -EACCES;
    mm_drop_exe_file(mm);
    mm_take_exe_file(mm, file);
    return 0;
}
