/* SPDX-License-Identifier: GPL-2.0-only */
/* The file that a process was started from: prctl(PR_SET_MM, PR_SET_MM_EXE_FILE). */
#include "model/internal.h"

long mm_set_exe_file(struct mm *mm, unsigned fd)
{
    struct world *world = mm->world;
    struct file *file = fd < MAX_FDS ? world->fd[fd] : NULL, *old = mm->exe_file;

    if (!world->config.privileged)
        return -EPERM;
    if (!file)
        return -EBADF;
    if (!file_is(file, FILE_REGULAR) || (file->mode & FMODE_NOEXEC))
        return -EACCES;
    mm->exe_file = get_file(file);
    if (old)
        put_file(old);
    return 0;
}
