/* SPDX-License-Identifier: GPL-2.0-only */
/* Making mappings: mmap, and those that the kernel itself installs. */
#include "model/internal.h"

/* What is about to be mapped. */
struct region {
    struct mm *mm;
    struct file *file;
    uintptr_t addr, end;
    uint64_t vm_flags, pgoff;
};

static inline uint64_t region_pages(const struct region *r)
{
    return (r->end - r->addr) >> PAGE_SHIFT;
}

/* What the file's own mmap does. The VMA owns the reference as soon as vm_file is set. */
static int region_map_file(const struct region *r, struct vma *vma)
{
    const struct address_space *mapping = r->file->mapping;

    if ((r->vm_flags & VM_SHARED) && (r->vm_flags & VM_MAYWRITE) && mapping->i_mmap_writable < 0)
        return -EPERM;
    if (mapping->kind == FILE_HUGETLB) {
        if (r->pgoff % HPAGE_PAGES)
            return -EINVAL;
        vma->vm_flags |= VM_HUGETLB | VM_DONTEXPAND;
    } else if (mapping->kind == FILE_DEVICE) {
        vma->vm_flags |= VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP;
    }
    vma->vm_file = get_file(r->file);
    return 0;
}

/* The VMA with all that can go wrong behind it, not linked and not opened yet. */
static struct vma *region_new_vma(const struct region *r, int *err)
{
    struct vma *vma = vma_alloc(r->mm);

    *err = -ENOMEM;
    if (!vma)
        return NULL;
    vma->vm_start = r->addr;
    vma->vm_end = r->end;
    vma->vm_pgoff = r->pgoff;
    vma->vm_flags = r->vm_flags;
    if (r->file)
        *err = region_map_file(r, vma);
    else if (r->vm_flags & VM_SHARED)
        *err = (vma->vm_file = shmem_file_new(r->mm->world, region_pages(r))) ? 0 : -ENOMEM;
    else
        *err = 0;
    if (*err) {
        vma_free(vma);
        return NULL;
    }
    if (vma->vm_file)
        vma->vm_ops = file_vm_ops(vma->vm_file);
    if (vma->vm_flags & (VM_SPECIAL | VM_HUGETLB))
        vma->vm_flags &= ~(uint64_t)VM_LOCKED_MASK;
    vma->vm_page_prot = vm_get_page_prot(vma->vm_flags);
    return vma;
}

static long region_done(const struct region *r, struct vma *vma)
{
    vm_stat_account(r->mm, r->vm_flags, (int64_t)region_pages(r));
    if (vma->vm_flags & VM_LOCKED)
        r->mm->locked_vm += region_pages(r);
    return (long)r->addr;
}

/* Too late for a plain return: the charge has been made (account.vm). */
static long region_failed(struct mm *mm, uint64_t charged, int err)
{
    if (!fault(mm->world, F_MMAP_FAIL_KEEPS_CHARGE, charged > 0))
        vm_uncharge(mm, charged);
    return err;
}

static struct vma *region_merge(const struct region *r, struct vma *prev)
{
    const struct vma_attrs attrs = {.vm_flags = r->vm_flags, .file = r->file, .mapped = true};

    return vma_merge(r->mm, prev, r->addr, r->end, &attrs, r->pgoff);
}

/* Pages of the range that are mapped, by vma and what follows; how many of them are VM_ACCOUNT. */
static uint64_t region_mapped(const struct region *r, const struct vma *vma, uint64_t *accounted)
{
    uint64_t mapped = 0;

    *accounted = 0;
    for (; vma && vma->vm_start < r->end; vma = vma->vm_next) {
        uintptr_t from = vma->vm_start > r->addr ? vma->vm_start : r->addr;
        uintptr_t to = vma->vm_end < r->end ? vma->vm_end : r->end;

        step(r->mm->world);
        mapped += (to - from) >> PAGE_SHIFT;
        if (vma->vm_flags & VM_ACCOUNT)
            *accounted += (to - from) >> PAGE_SHIFT;
    }
    return mapped;
}

/* Since Linux 6.12, over existing mappings: they stay, with the ends of the range split off, until
 * nothing can go wrong any more. The charge of what is replaced is taken over. */
static long region_replace(struct region *r)
{
    struct mm *mm = r->mm;
    struct vma *first, *vma, *prev, *merged;
    struct rb_node **link, *parent;
    uint64_t accounted, charged = 0;
    int err = munmap_gather(mm, r->addr, r->end, &first);

    if (err)
        return err;
    if (!may_expand_vm(mm, r->vm_flags, region_pages(r) - region_mapped(r, first, &accounted)))
        return -ENOMEM;
    if (accountable_mapping(r->file, r->vm_flags)) {
        charged = region_pages(r) - accounted;
        if (vm_charge(mm, charged))
            return -ENOMEM;
        r->vm_flags |= VM_ACCOUNT;
    }
    vma = region_new_vma(r, &err);
    if (!vma)
        return region_failed(mm, charged, err);
    munmap_complete(mm, first, r->end);
    if (!(r->vm_flags & VM_ACCOUNT))
        vm_uncharge(mm, accounted);
    free_vma_links(mm, r->addr, r->end, &prev, &link, &parent);
    merged = region_merge(r, prev);
    if (merged) {
        vma_free(vma);
        return region_done(r, merged);
    }
    vma_open(vma);
    vma_link(mm, vma, prev, link, parent);
    return region_done(r, vma);
}

/* Until Linux 6.1 old mappings go first: what fails later leaves a hole. */
static int region_clear(const struct region *r)
{
    const uint64_t pages = region_pages(r);
    uint64_t accounted;

    if (!may_expand_vm(r->mm, r->vm_flags, pages)) { /* but what goes does not count */
        uint64_t mapped = region_mapped(r, find_vma(r->mm, r->addr), &accounted);

        if (!may_expand_vm(r->mm, r->vm_flags, pages - mapped))
            return -ENOMEM;
    }
    return do_munmap(r->mm, r->addr, r->end - r->addr);
}

long mmap_region(struct mm *mm, struct file *file, uintptr_t addr, size_t len, uint64_t vm_flags,
                 uint64_t pgoff)
{
    struct region r = {mm, file, addr, addr + len, vm_flags, pgoff};
    struct vma *prev, *vma;
    struct rb_node **link, *parent;
    uint64_t charged = 0;
    int err = find_vma_links(mm, addr, r.end, &prev, &link, &parent);

    if (unlikely(err)) {
        if (mm_rules(mm) >= RULES_LINUX_6_12)
            return region_replace(&r);
        err = region_clear(&r);
        if (err)
            return err;
        free_vma_links(mm, addr, r.end, &prev, &link, &parent);
    } else if (!may_expand_vm(mm, vm_flags, region_pages(&r))) {
        return -ENOMEM;
    }
    if (accountable_mapping(file, vm_flags)) {
        charged = region_pages(&r);
        if (vm_charge(mm, charged))
            return -ENOMEM;
        r.vm_flags |= VM_ACCOUNT;
    }
    vma = region_merge(&r, prev);
    if (vma)
        return region_done(&r, vma);
    vma = region_new_vma(&r, &err);
    if (!vma)
        return region_failed(mm, charged, err);
    vma_open(vma);
    vma_link(mm, vma, prev, link, parent);
    return region_done(&r, vma);
}

/* ---- mmap ---- */
static inline uintptr_t round_hint_to_min(const struct mm *mm, uintptr_t hint)
{
    hint &= PAGE_MASK;
    return hint && hint < mm_min_addr(mm) ? mm_min_addr(mm) : hint;
}

/* MAP_FIXED_NOREPLACE came after 4.4, which takes it for nothing. */
static inline bool is_noreplace(const struct mm *mm, int flags)
{
    return (flags & MAP_FIXED_NOREPLACE) && mm_rules(mm) >= RULES_LINUX_5_10;
}

static bool range_is_occupied(struct mm *mm, uintptr_t start, uintptr_t end)
{
    const struct vma *vma = find_vma_intersection(mm, start, end);

    if (vma && fault(mm->world, F_NOREPLACE_FIRST_BYTE, vma->vm_start > start))
        return vma->vm_start <= start;
    return vma != NULL;
}

static uint64_t mmap_vm_flags(const struct mm *mm, int prot, int flags)
{
    uint64_t vm_flags = mm->def_flags | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC;

    vm_flags |= (uint64_t)prot & VM_ACCESS_FLAGS; /* PROT_* and VM_* are the same bits */
    if (flags & MAP_GROWSDOWN)
        vm_flags |= VM_GROWSDOWN;
    if (flags & MAP_GROWSUP)
        vm_flags |= VM_GROWSUP;
    if (flags & MAP_LOCKED)
        vm_flags |= VM_LOCKED;
    if ((flags & MAP_STACK) && mm_rules(mm) >= RULES_LINUX_6_12)
        vm_flags |= VM_NOHUGEPAGE;
    return vm_flags;
}

static int file_private_flags(const struct file *file, uint64_t *vm_flags)
{
    if (!(file->mode & FMODE_READ))
        return -EACCES;
    if (file->mode & FMODE_NOEXEC) {
        if (*vm_flags & VM_EXEC)
            return -EPERM;
        *vm_flags &= ~(uint64_t)VM_MAYEXEC;
    }
    if (file_is(file, FILE_NOMMAP))
        return -ENODEV;
    return *vm_flags & (VM_GROWSDOWN | VM_GROWSUP) ? -EINVAL : 0;
}

/* What is sealed can be mapped shared for reading, and stays so. Earlier kernels find out late, see
 * region_new_vma(). */
static int file_seal_flags(const struct mm *mm, const struct file *file, uint64_t *vm_flags)
{
    if (mm_rules(mm) < RULES_LINUX_5_10 || file->mapping->i_mmap_writable >= 0 ||
        !(*vm_flags & VM_SHARED))
        return 0;
    if (*vm_flags & VM_WRITE)
        return -EPERM;
    *vm_flags &= ~(uint64_t)VM_MAYWRITE;
    return 0;
}

/* Positions in a file are signed, in a device unsigned, and the last one cannot be had. */
static int file_offset_check(const struct mm *mm, const struct file *file, uint64_t pgoff,
                             size_t len)
{
    const uint64_t limit = file_is(file, FILE_DEVICE) ? PGOFF_LIMIT : PGOFF_LIMIT / 2;
    const uint64_t pages = len >> PAGE_SHIFT;

    if (mm_rules(mm) < RULES_LINUX_5_10)
        return 0;
    return pgoff >= limit || pages >= limit - pgoff ? -EOVERFLOW : 0;
}

static int file_type_flags(const struct mm *mm, const struct file *file, int flags,
                           uint64_t *vm_flags)
{
    int err;

    switch (flags & MAP_TYPE) {
    case MAP_SHARED_VALIDATE:
        if (mm_rules(mm) < RULES_LINUX_5_10)
            return -EINVAL;
        if (flags & MAP_FIXED_NOREPLACE) /* not among the flags that any file takes */
            return -EOPNOTSUPP;
        /* fall through */
    case MAP_SHARED:
        if ((*vm_flags & VM_WRITE) && !(file->mode & FMODE_WRITE))
            return -EACCES;
        if ((file->mode & FMODE_APPEND) && (file->mode & FMODE_WRITE))
            return -EACCES;
        *vm_flags |= VM_SHARED | VM_MAYSHARE;
        if (!(file->mode & FMODE_WRITE))
            *vm_flags &= ~(uint64_t)(VM_MAYWRITE | VM_SHARED);
        /* fall through */
    case MAP_PRIVATE:
        err = file_private_flags(file, vm_flags);
        return err ? err : file_seal_flags(mm, file, vm_flags);
    default:
        return -EINVAL;
    }
}

static int anon_type_flags(uintptr_t addr, int flags, uint64_t *vm_flags, uint64_t *pgoff)
{
    switch (flags & MAP_TYPE) {
    case MAP_SHARED:
        if (*vm_flags & (VM_GROWSDOWN | VM_GROWSUP))
            return -EINVAL;
        *vm_flags |= VM_SHARED | VM_MAYSHARE;
        *pgoff = 0;
        return 0;
    case MAP_PRIVATE:
        *pgoff = addr >> PAGE_SHIFT;
        return 0;
    default:
        return -EINVAL;
    }
}

/* Where: the checks up to the address. */
static long mmap_area(struct mm *mm, struct file *file, uintptr_t addr, size_t len, uint64_t pgoff,
                      int flags)
{
    long area;

    if (pgoff + (len >> PAGE_SHIFT) > PGOFF_LIMIT && mm_rules(mm) < RULES_LINUX_5_10)
        return -EOVERFLOW;
    if (mm->map_count > mm->world->config.max_map_count)
        return -ENOMEM;
    if (file_is(file, FILE_HUGETLB) && (len & (HPAGE_SIZE - 1)))
        return -EINVAL;
    area = get_unmapped_area(mm, file, addr, len, flags & ~MAP_FIXED_NOREPLACE);
    if (area >= 0 && is_noreplace(mm, flags) &&
        range_is_occupied(mm, (uintptr_t)area, (uintptr_t)area + len))
        return -EEXIST;
    return area;
}

/* Whatever cannot be had now may come later just as well. */
static void populate_new(struct mm *mm, uintptr_t start, size_t len, int flags)
{
    struct vma *vma = find_vma(mm, start);

    if (flags & MAP_POPULATE)
        populate_vma_range(vma, start, start + len);
    else
        populate_locked(vma, start, start + len);
}

long do_mmap(struct mm *mm, struct file *file, uintptr_t addr, size_t len, int prot, int flags,
             uint64_t pgoff)
{
    const struct world_config *config = &mm->world->config;
    uint64_t vm_flags;
    long area;
    int err;

    if (!len)
        return -EINVAL;
    if (config->read_implies_exec && (prot & PROT_READ) && !(file && (file->mode & FMODE_NOEXEC)))
        prot |= PROT_EXEC;
    if (is_noreplace(mm, flags))
        flags |= MAP_FIXED;
    if (!(flags & MAP_FIXED))
        addr = round_hint_to_min(mm, addr);
    len = page_align(len);
    if (!len)
        return -ENOMEM;
    area = mmap_area(mm, file, addr, len, pgoff, flags);
    if (area < 0)
        return area;
    vm_flags = mmap_vm_flags(mm, prot, flags);
    if ((flags & MAP_LOCKED) && !can_do_mlock(mm))
        return -EPERM;
    err = mlock_future_check(mm, vm_flags, len >> PAGE_SHIFT);
    if (err)
        return err;
    if (file)
        err = file_offset_check(mm, file, pgoff, len);
    if (err)
        return err;
    err = file ? file_type_flags(mm, file, flags, &vm_flags)
               : anon_type_flags((uintptr_t)area, flags, &vm_flags, &pgoff);
    if (err)
        return err;
    if ((flags & MAP_NORESERVE) && config->overcommit != 2)
        vm_flags |= VM_NORESERVE;
    area = mmap_region(mm, file, (uintptr_t)area, len, vm_flags, pgoff);
    if (area >= 0 && ((flags & MAP_POPULATE) || (vm_flags & VM_LOCKED)))
        populate_new(mm, (uintptr_t)area, len, flags);
    return area;
}

long mm_mmap(struct mm *mm, uintptr_t addr, size_t len, int prot, int flags, int fd, uint64_t off)
{
    struct file *file = NULL;

    if (!page_aligned(off))
        return -EINVAL;
    if (!(flags & MAP_ANONYMOUS)) {
        file = fd >= 0 && fd < MAX_FDS ? mm->world->fd[fd] : NULL;
        if (!file)
            return -EBADF;
        if (file_is(file, FILE_HUGETLB))
            len = (len + HPAGE_SIZE - 1) & ~(HPAGE_SIZE - 1);
    }
    return do_mmap(mm, file, addr, len, prot, flags, off >> PAGE_SHIFT);
}

long mm_install_special(struct mm *mm, uintptr_t hint, size_t len)
{
    struct vma *vma;
    long area;

    if (!len)
        return -EINVAL;
    len = page_align(len);
    if (!len || mm->map_count > mm->world->config.max_map_count)
        return -ENOMEM;
    area = get_unmapped_area(mm, NULL, round_hint_to_min(mm, hint), len, 0);
    if (area < 0)
        return area;
    vma = vma_alloc(mm);
    if (!vma)
        return -ENOMEM;
    vma->vm_start = (uintptr_t)area;
    vma->vm_end = vma->vm_start + len;
    vma->vm_flags = VM_READ | VM_EXEC | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC | VM_DONTEXPAND;
    vma->vm_page_prot = vm_get_page_prot(vma->vm_flags);
    vma->vm_ops = &special_mapping_vm_ops;
    insert_vm_struct(mm, vma);
    vm_stat_account(mm, vma->vm_flags, (int64_t)(len >> PAGE_SHIFT));
    return area;
}
