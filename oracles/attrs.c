/* SPDX-License-Identifier: GPL-2.0-only */
/* vma.attrs: what the attributes of one VMA may be, whoever made it. */
#include "oracles/laws.h"

#include <inttypes.h>

#define NO_FILE_KIND NR_FILE_KINDS

static bool all_or_none(uint64_t flags, uint64_t mask)
{
    return !(flags & mask) || (flags & mask) == mask;
}

/* Once faulted, always faulted? Later a move may leave an emptied source behind (MREMAP_DONTUNMAP),
 * and a child may find its copy wiped: both keep the page offset of what was moved. */
static bool stays_faulted(enum rules rules)
{
    return rules < RULES_LINUX_5_10;
}

/* Rules of VMAs without a file: private anonymous memory, or a mapping that the kernel installed,
 * which does not expand and has page offsets of its own. */
static const char *anonymous_illegal(const struct attrs *a)
{
    if (a->flags & (VM_SHARED | VM_MAYSHARE))
        return "shared-without-file";
    if (a->flags & (VM_IO | VM_PFNMAP | VM_MIXEDMAP | VM_HUGETLB))
        return "device-without-file";
    if (a->fresh && !(a->flags & VM_DONTEXPAND) && a->pgoff != a->start)
        return "anonymous-pgoff";
    return NULL;
}

static const char *file_illegal(const struct attrs *a)
{
    const uint64_t device = VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP;
    const uint64_t huge = VM_HUGETLB | VM_DONTEXPAND;

    if (a->flags & (VM_GROWSDOWN | VM_GROWSUP))
        return "growing-file";
    if (a->flags & VM_WIPEONFORK)
        return "wipe-file";
    if (a->kind == FILE_NOMMAP)
        return "unmappable-file";
    if (a->kind == FILE_DEVICE ? (a->flags & device) != device : a->flags & (VM_IO | VM_PFNMAP))
        return "device-flags";
    if (a->kind == FILE_HUGETLB ? (a->flags & huge) != huge : a->flags & VM_HUGETLB)
        return "huge-flags";
    if (a->kind == FILE_HUGETLB && (a->start | a->end | a->pgoff) % HPAGE_PAGES)
        return "huge-alignment";
    return NULL;
}

const char *attrs_illegal(const struct attrs *a)
{
    const uint64_t f = a->flags;

    if (a->pgoff > PGOFF_TOP || a->end - a->start > PGOFF_TOP - a->pgoff)
        return "pgoff-wraps";
    if ((f & VM_SHARED) && !(f & VM_MAYSHARE))
        return "shared-without-mayshare";
    if (f & VM_ACCESS_FLAGS & ~(f >> 4)) /* each VM_MAY bit is its access bit << 4 */
        return "access-beyond-may";
    if ((f & VM_LOCKED_MASK) && (f & (VM_SPECIAL | VM_HUGETLB)))
        return "locked-special";
    if ((f & VM_LOCKONFAULT) && !(f & VM_LOCKED))
        return "onfault-without-locked";
    if ((f & VM_ACCOUNT) && (f & (VM_SHARED | VM_NORESERVE | VM_HUGETLB)))
        return "account-flags";
    if ((f & VM_HUGEPAGE) && (f & VM_NOHUGEPAGE))
        return "hugepage-both";
    if ((f & VM_SEQ_READ) && (f & VM_RAND_READ))
        return "advice-both";
    if (!all_or_none(f, VM_IO | VM_PFNMAP))
        return "device-flags";
    if (!(f & VM_UFFD_FLAGS) != !a->has_context)
        return "uffd-flags";
    if (a->faulted && (f & (VM_SHARED | VM_MAYSHARE | VM_IO | VM_PFNMAP | VM_HUGETLB)))
        return "faulted-shared";
    return a->has_file ? file_illegal(a) : anonymous_illegal(a);
}

const struct address_space *vma_mapping(const struct world *world, const struct vma *vma)
{
    const struct file *file = vma->vm_file;

    if (!object_live(world, POOL_FILE, file) || !object_live(world, POOL_MAPPING, file->mapping))
        return NULL;
    return file->mapping;
}

/* What a snapshot does not show: the derived protection, and what the pointers point to. */
static const char *structure_illegal(const struct world *world, const struct vma *vma)
{
    const struct userfaultfd_ctx *ctx = vma->vm_userfaultfd_ctx;

    if (vma->vm_page_prot != (vma->vm_flags & VM_ACCESS_FLAGS)) /* PROT_* have the same values */
        return "page-prot";
    if (vma->vm_file ? !vma->vm_ops : vma->vm_ops && !(vma->vm_flags & VM_DONTEXPAND))
        return "ops";
    if (!vma->vm_ops && vma->vm_flags & VM_DONTEXPAND)
        return "ops";
    if (!ctx)
        return NULL;
    if (!object_live(world, POOL_UFFD, ctx))
        return "dead-context";
    if (ctx->released)
        return "released-context";
    return ctx->mm != vma->vm_mm ? "foreign-context" : NULL;
}

bool vma_attrs_ok(const struct world *world, const struct vma *vma, struct verdict *v)
{
    struct attrs a = {
        .start = vma->vm_start >> PAGE_SHIFT,
        .end = vma->vm_end >> PAGE_SHIFT,
        .pgoff = vma->vm_pgoff,
        .flags = vma->vm_flags,
        .has_file = vma->vm_file != NULL,
        .has_context = vma->vm_userfaultfd_ctx != NULL,
        .kind = NO_FILE_KIND,
        .faulted = vma->anon_vma != NULL,
        .fresh = !vma->anon_vma && stays_faulted(world->config.rules),
    };
    const char *site = structure_illegal(world, vma);
    const struct address_space *mapping;

    if (likely(!site)) {
        if (a.has_file) {
            mapping = vma_mapping(world, vma);
            if (!mapping)
                site = "dead-file";
            else
                a.kind = mapping->kind;
        }
        if (!site)
            site = attrs_illegal(&a);
    }
    if (likely(!site))
        return true;
    return law_broken(
        v, LAW_VMA_ATTRS, site, proc_of(world, vma), vma->vm_start,
        "VMA %#" PRIxPTR "-%#" PRIxPTR " (%s, page_prot %#" PRIx32 ", pgoff %#" PRIx64 "): %s",
        VMA_PAGES(vma), FLAGS_TEXT(vma->vm_flags), vma->vm_page_prot, vma->vm_pgoff, site);
}

bool vma_attrs_full(const struct world *world, struct verdict *v)
{
    const struct mm *mm;
    unsigned i;

    for_each_mm (world, i, mm) {
        struct list_walk w = list_walk(world, mm);
        const struct vma *vma;

        while ((vma = list_walk_next(&w)))
            if (vma->vm_mm == mm && !vma_attrs_ok(world, vma, v))
                return false;
    }
    return true;
}
