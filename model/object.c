/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a VMA refers to: open files and their objects, policies, names, userfault contexts. All are
 * reference-counted; object.refs recounts them.
 */
#include "model/internal.h"

#include <string.h>

/* ---- operations by kind ---- */
static void attach_open(struct vma *vma)
{
    vma->vm_file->mapping->nattch++;
}
static void attach_close(struct vma *vma)
{
    vma->vm_file->mapping->nattch--;
}

static int huge_may_split(struct vma *vma, uintptr_t addr)
{
    (void)vma;
    return addr & (HPAGE_SIZE - 1) ? -EINVAL : 0;
}

static const struct vm_ops generic_vm_ops = {NULL, NULL, NULL};
static const struct vm_ops sysv_vm_ops = {attach_open, attach_close, NULL};
static const struct vm_ops hugetlb_vm_ops = {NULL, NULL, huge_may_split};
const struct vm_ops special_mapping_vm_ops = {NULL, NULL, NULL};

const struct vm_ops *file_vm_ops(const struct file *file)
{
    switch (file->mapping->kind) {
    case FILE_SYSV:
        return &sysv_vm_ops;
    case FILE_HUGETLB:
        return &hugetlb_vm_ops;
    default:
        return &generic_vm_ops;
    }
}

/* ---- files ---- */
static struct file *file_new(struct world *world, struct address_space *mapping, unsigned mode)
{
    struct file *file = pool_alloc(world, POOL_FILE);

    if (!file)
        return NULL;
    *file = (struct file){.refcount = 1, .mode = mode, .mapping = mapping};
    mapping->refcount++;
    mapping->i_writecount += !!(mode & FMODE_WRITE);
    return file;
}

static struct file *object_new(struct world *world, enum file_kind kind, unsigned mode,
                               uint64_t pages)
{
    struct address_space *mapping = pool_alloc(world, POOL_MAPPING);
    struct file *file;

    if (!mapping)
        return NULL;
    *mapping = (struct address_space){.kind = kind, .size = pages};
    file = file_new(world, mapping, mode);
    if (!file)
        pool_free(world, POOL_MAPPING, mapping);
    return file;
}

struct file *shmem_file_new(struct world *world, uint64_t pages)
{
    return object_new(world, FILE_SHMEM, FMODE_READ | FMODE_WRITE | FMODE_ANON, pages);
}

struct file *get_file(struct file *file)
{
    file->refcount++;
    return file;
}

void put_file(struct file *file)
{
    struct world *world = world_of(file);
    struct address_space *mapping = file->mapping;

    if (--file->refcount)
        return;
    mapping->i_writecount -= !!(file->mode & FMODE_WRITE);
    pool_free(world, POOL_FILE, file);
    if (--mapping->refcount)
        return;
    page_cache_free(world, mapping);
    pool_free(world, POOL_MAPPING, mapping);
}

static inline bool fd_is_open(const struct world *world, unsigned fd)
{
    return fd < MAX_FDS && world->fd[fd];
}

static inline bool fd_is_free(const struct world *world, unsigned fd)
{
    return fd < MAX_FDS && !world->fd[fd];
}

long file_open(struct world *world, unsigned fd, enum file_kind kind, unsigned mode, uint64_t pages)
{
    if (!fd_is_free(world, fd))
        return -EMFILE;
    if ((unsigned)kind >= NR_FILE_KINDS)
        return -EINVAL;
    world->fd[fd] = object_new(world, kind, mode, pages);
    return world->fd[fd] ? 0 : -ENOMEM;
}

long file_reopen(struct world *world, unsigned fd, unsigned old_fd, unsigned mode)
{
    if (!fd_is_open(world, old_fd))
        return -EBADF;
    if (!fd_is_free(world, fd))
        return -EMFILE;
    if ((mode & FMODE_WRITE) && world->fd[old_fd]->mapping->i_writecount < 0)
        return -ETXTBSY;
    world->fd[fd] = file_new(world, world->fd[old_fd]->mapping, mode);
    return world->fd[fd] ? 0 : -ENOMEM;
}

long file_dup(struct world *world, unsigned fd, unsigned old_fd)
{
    if (!fd_is_open(world, old_fd))
        return -EBADF;
    if (!fd_is_free(world, fd))
        return -EMFILE;
    world->fd[fd] = get_file(world->fd[old_fd]);
    return 0;
}

long file_close(struct world *world, unsigned fd)
{
    if (!fd_is_open(world, fd))
        return -EBADF;
    put_file(world->fd[fd]);
    world->fd[fd] = NULL;
    return 0;
}

long file_seal_write(struct world *world, unsigned fd)
{
    struct address_space *mapping;

    if (!fd_is_open(world, fd))
        return -EBADF;
    mapping = world->fd[fd]->mapping;
    if (mapping->kind != FILE_SHMEM)
        return -EINVAL;
    if (mapping->i_mmap_writable > 0)
        return -EBUSY;
    mapping->i_mmap_writable = -1;
    return 0;
}

/* ---- i_mmap ---- */
void i_mmap_insert(struct vma *vma)
{
    struct address_space *mapping;

    if (!vma->vm_file)
        return;
    mapping = vma->vm_file->mapping;
    assert_i_mmap_locked(vma->vm_mm->world, mapping);
    if (vma_counts_as_writer(vma))
        mapping->i_mmap_writable++;
    vma->shared.start = vma->vm_pgoff;
    vma->shared.last = vma->vm_pgoff + vma_pages(vma) - 1;
    interval_tree_insert(&mapping->i_mmap, &vma->shared);
}

void i_mmap_remove(struct vma *vma)
{
    struct address_space *mapping;

    if (!vma->vm_file)
        return;
    mapping = vma->vm_file->mapping;
    assert_i_mmap_locked(vma->vm_mm->world, mapping);
    if (vma_counts_as_writer(vma))
        mapping->i_mmap_writable--;
    interval_tree_remove(&mapping->i_mmap, &vma->shared);
}

/* ---- policies ---- */
struct mempolicy *mpol_new(struct world *world, int mode, unsigned nodes)
{
    struct mempolicy *policy = pool_alloc(world, POOL_POLICY);

    if (policy)
        *policy = (struct mempolicy){1, (uint16_t)mode, (uint16_t)nodes};
    return policy;
}

struct mempolicy *mpol_get(struct mempolicy *policy)
{
    if (policy)
        policy->refcount++;
    return policy;
}

void mpol_put(struct world *world, struct mempolicy *policy)
{
    if (policy && --policy->refcount == 0)
        pool_free(world, POOL_POLICY, policy);
}

bool mpol_equal(const struct mempolicy *a, const struct mempolicy *b)
{
    return a == b || (a && b && a->mode == b->mode && a->nodes == b->nodes);
}

/* ---- names ---- */
struct anon_vma_name *anon_name_new(struct world *world, const char *name)
{
    struct anon_vma_name *anon_name = pool_alloc(world, POOL_NAME);

    if (anon_name) {
        *anon_name = (struct anon_vma_name){.refcount = 1};
        memcpy(anon_name->name, name, strnlen(name, sizeof(anon_name->name) - 1));
    }
    return anon_name;
}

struct anon_vma_name *anon_name_get(struct anon_vma_name *name)
{
    if (name)
        name->refcount++;
    return name;
}

void anon_name_put(struct world *world, struct anon_vma_name *name)
{
    if (name && --name->refcount == 0)
        pool_free(world, POOL_NAME, name);
}

bool anon_name_equal(const struct anon_vma_name *a, const struct anon_vma_name *b)
{
    return a == b || (a && b && memcmp(a->name, b->name, sizeof(a->name)) == 0);
}

/* ---- userfault contexts ---- */
struct userfaultfd_ctx *uffd_get(struct userfaultfd_ctx *ctx)
{
    if (ctx)
        ctx->refcount++;
    return ctx;
}

void uffd_put(struct world *world, struct userfaultfd_ctx *ctx)
{
    if (ctx && --ctx->refcount == 0)
        pool_free(world, POOL_UFFD, ctx);
}

void vma_leave_context(struct vma *vma)
{
    uffd_put(vma->vm_mm->world, vma->vm_userfaultfd_ctx);
    vma->vm_userfaultfd_ctx = NULL;
}
