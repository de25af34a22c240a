/* SPDX-License-Identifier: GPL-2.0-only */
/* Limits, totals by kind and the commit charge: what account.vm recomputes. */
#include "model/internal.h"

static inline bool is_exec_mapping(uint64_t vm_flags)
{
    return (vm_flags & (VM_EXEC | VM_WRITE | VM_GROWSDOWN | VM_GROWSUP)) == VM_EXEC;
}

static inline bool is_stack_mapping(uint64_t vm_flags)
{
    return vm_flags & (VM_GROWSDOWN | VM_GROWSUP);
}

bool is_data_mapping(uint64_t vm_flags)
{
    return (vm_flags & (VM_WRITE | VM_SHARED | VM_GROWSDOWN | VM_GROWSUP)) == VM_WRITE;
}

/* Linux 4.4 did not bind RLIMIT_DATA to private mappings yet, only to brk. */
bool may_expand_vm(struct mm *mm, uint64_t vm_flags, uint64_t pages)
{
    if (mm->total_vm + pages > mm->rlimit[MM_RLIMIT_AS])
        return false;
    return mm->world->config.rules < RULES_LINUX_5_10 || !is_data_mapping(vm_flags) ||
           mm->data_vm + pages <= mm->rlimit[MM_RLIMIT_DATA];
}

void vm_stat_account(struct mm *mm, uint64_t vm_flags, int64_t pages)
{
    mm->total_vm += (uint64_t)pages;
    if (is_exec_mapping(vm_flags))
        mm->exec_vm += (uint64_t)pages;
    else if (is_stack_mapping(vm_flags))
        mm->stack_vm += (uint64_t)pages;
    else if (is_data_mapping(vm_flags))
        mm->data_vm += (uint64_t)pages;
    if (mm->total_vm > mm->hiwater_vm)
        mm->hiwater_vm = mm->total_vm;
}

/* Overcommit 2: total_ram, less what is kept for the administrator and from any single process. */
static bool commit_allowed(const struct mm *mm, uint64_t committed)
{
    const struct world_config *config = &mm->world->config;
    uint64_t kept = mm->total_vm / 32;

    if (kept > config->user_reserve)
        kept = config->user_reserve;
    if (!config->privileged)
        kept += config->admin_reserve;
    return config->total_ram > kept && committed < config->total_ram - kept;
}

int vm_charge(struct mm *mm, uint64_t pages)
{
    struct world *world = mm->world;

    if (pages == 0)
        return 0;
    if (world->config.overcommit == 0 && pages > world->config.total_ram)
        return -ENOMEM;
    if (world->config.overcommit == 2 && !commit_allowed(mm, (uint64_t)world->committed_as + pages))
        return -ENOMEM;
    world->committed_as += (int64_t)pages;
    return 0;
}

void vm_uncharge(struct mm *mm, uint64_t pages)
{
    mm->world->committed_as -= (int64_t)pages;
}

bool accountable_mapping(const struct file *file, uint64_t vm_flags)
{
    if (file && file->mapping->kind == FILE_HUGETLB)
        return false;
    return (vm_flags & (VM_NORESERVE | VM_SHARED | VM_WRITE)) == VM_WRITE;
}

bool can_do_mlock(const struct mm *mm)
{
    return mm->world->config.privileged || mm->rlimit[MM_RLIMIT_MEMLOCK] != 0;
}

long mm_setrlimit(struct mm *mm, enum mm_rlimit which, uint64_t pages)
{
    if ((unsigned)which >= NR_MM_RLIMITS)
        return -EINVAL;
    mm->rlimit[which] = pages;
    return 0;
}
