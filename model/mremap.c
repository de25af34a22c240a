/* SPDX-License-Identifier: GPL-2.0-only */
/* mremap as it was until Linux 6.12, and the steps that 6.18 has kept. */
#include "model/mremap.h"

/* In arithmetic that may wrap, as the kernel's. */
bool remap_overlaps(const struct remap *r)
{
    return r->addr + r->old_len > r->new_addr && r->new_addr + r->new_len > r->addr;
}

int remap_align_hugetlb(struct remap *r)
{
    const uintptr_t mask = HPAGE_SIZE - 1;

    r->old_len = (r->old_len + mask) & ~mask;
    r->new_len = (r->new_len + mask) & ~mask;
    if ((r->addr & mask) || ((r->flags & MREMAP_FIXED) && (r->new_addr & mask)))
        return -EINVAL;
    return r->new_len > r->old_len ? -EINVAL : 0;
}

/* The file's page at addr, or the address' own. */
static uint64_t remap_pgoff(const struct remap *r)
{
    return r->vma->vm_pgoff + ((r->addr - r->vma->vm_start) >> PAGE_SHIFT);
}

/* DONTUNMAP came with 5.10 for private anonymous memory, and for nearly everything later. */
static int dontunmap_check(const struct vma *vma)
{
    if (mm_rules(vma->vm_mm) < RULES_LINUX_6_1)
        return vma_is_anonymous(vma) ? 0 : -EINVAL;
    return vma->vm_flags & (VM_DONTEXPAND | VM_PFNMAP) ? -EINVAL : 0;
}

static int growth_check(const struct remap *r)
{
    const struct vma *vma = r->vma;
    const bool wraps = remap_pgoff(r) + (r->new_len >> PAGE_SHIFT) > PGOFF_LIMIT;

    if (wraps && !fault(r->mm->world, F_PGOFF_WRAP_MREMAP, true))
        return -EINVAL;
    if (vma->vm_flags & (VM_DONTEXPAND | VM_PFNMAP))
        return -EFAULT;
    if (mlock_future_check(r->mm, vma->vm_flags, remap_growth(r)))
        return -EAGAIN;
    return may_expand_vm(r->mm, vma->vm_flags, remap_growth(r)) ? 0 : -ENOMEM;
}

int remap_check(const struct remap *r)
{
    const struct vma *vma = r->vma;
    int err;

    if (!vma)
        return -EFAULT;
    if (!r->old_len && !(vma->vm_flags & VM_MAYSHARE))
        return -EINVAL;
    if (r->flags & MREMAP_DONTUNMAP) {
        err = dontunmap_check(vma);
        if (err)
            return err;
    }
    if ((vma->vm_flags & VM_HUGETLB) && mm_rules(r->mm) < RULES_LINUX_6_1)
        return -EINVAL;
    if (r->old_len > vma->vm_end - r->addr)
        return -EFAULT;
    return r->new_len == r->old_len ? 0 : growth_check(r);
}

int remap_charge_growth(struct remap *r)
{
    const uint64_t pages = r->vma->vm_flags & VM_ACCOUNT ? remap_growth(r) : 0;

    if (vm_charge(r->mm, pages))
        return -ENOMEM;
    r->charged = pages;
    return 0;
}

static long remap_failed(const struct remap *r, long err)
{
    vm_uncharge(r->mm, r->charged);
    return err;
}

/* ---- growing in place ---- */
bool remap_has_room(const struct remap *r)
{
    const struct vma *vma = r->vma;
    const uintptr_t end = r->addr + r->new_len;

    if (r->addr + r->old_len != vma->vm_end || end < vma->vm_end || end > r->mm->task_size)
        return false;
    if (vma->vm_next && vma->vm_next->vm_start < end)
        return false;
    return vma->vm_start >= mm_min_addr(r->mm) || r->mm->world->config.privileged;
}

long remap_expand_in_place(struct remap *r)
{
    struct mm *mm = r->mm;
    struct vma *vma = r->vma;
    const uintptr_t end = r->addr + r->new_len;
    struct vma_attrs attrs = vma_attrs(vma);
    const bool closes = vma->vm_ops && vma->vm_ops->close;
    struct vma *merged = NULL;

    if (fault(mm->world, F_EXPAND_REFUSED_CLOSE, closes) && closes)
        return remap_failed(r, -ENOMEM);
    if (mm_rules(mm) >= RULES_LINUX_6_18 && remap_charge_growth(r))
        return -ENOMEM;
    attrs.extends = true;
    if (mm_rules(mm) >= RULES_LINUX_6_1) /* the one after may be joined */
        merged = vma_merge(mm, vma, vma->vm_end, end, &attrs, vma->vm_pgoff + vma_pages(vma));
    if (!merged)
        vma_adjust(vma, vma->vm_start, end, vma->vm_pgoff);
    vm_stat_account(mm, attrs.vm_flags, (int64_t)remap_growth(r));
    if (attrs.vm_flags & VM_LOCKED) {
        mm->locked_vm += remap_growth(r);
        populate_locked(vma, r->addr + r->old_len, end); /* or later */
    }
    event(mm->world, EV_MREMAP_INPLACE);
    return (long)r->addr;
}

/* ---- moving ---- */
static int may_split_ends(const struct remap *r)
{
    struct vma *vma = r->vma;
    const uintptr_t end = r->addr + r->old_len;
    int err = 0;

    if (mm_rules(r->mm) < RULES_LINUX_5_10 || !vma->vm_ops || !vma->vm_ops->may_split)
        return 0;
    if (vma->vm_start != r->addr)
        err = vma->vm_ops->may_split(vma, r->addr);
    if (!err && vma->vm_end != end)
        err = vma->vm_ops->may_split(vma, end);
    return err;
}

/* Pages of its own move along, and what they are found by is their offset: it stays. */
static uint64_t copy_pgoff(const struct remap *r)
{
    const uint64_t pgoff = remap_pgoff(r), new_pgoff = r->new_addr >> PAGE_SHIFT;

    if (!vma_is_anonymous(r->vma))
        return pgoff;
    if (r->vma->anon_vma && !fault(r->mm->world, F_MREMAP_RESETS_PGOFF, pgoff != new_pgoff))
        return pgoff;
    return new_pgoff;
}

/* Would clones made before the copy has its range be found under another one? */
static bool keys_differ(const struct remap *r)
{
    return r->vma->anon_vma &&
           (r->addr != r->vma->vm_start || r->new_len != r->vma->vm_end - r->vma->vm_start);
}

/* Until the pages have moved. */
static bool copy_has_context(const struct remap *r)
{
    return mm_rules(r->mm) >= RULES_LINUX_5_10;
}

/* A copy of r->vma at the new place, not linked. NULL: out of memory. */
static struct vma *copy_new_vma(const struct remap *r, uint64_t vm_flags, uint64_t pgoff)
{
    struct vma *copy = vma_dup(r->vma);
    int err = 0;

    if (!copy)
        return NULL;
    if (!copy_has_context(r))
        vma_leave_context(copy);
    copy->vm_flags = vm_flags;
    if (copy->anon_vma && fault(r->mm->world, F_COPY_WRONG_KEY, keys_differ(r)))
        err = anon_vma_clone(copy, r->vma);
    copy->vm_start = r->new_addr;
    copy->vm_end = r->new_addr + r->new_len;
    copy->vm_pgoff = pgoff;
    if (copy->anon_vma && !copy->chain_first)
        err = anon_vma_clone(copy, r->vma);
    if (!err) {
        if (copy->anon_vma)
            event(r->mm->world, EV_ANON_CLONE);
        return copy;
    }
    unlink_anon_vmas(copy);
    vma_free(copy);
    return NULL;
}

/* A source that DONTUNMAP leaves and that has no pages would go with its copy beside it; 6.1 then
 * joins the copy to nothing. */
static bool copy_stays_apart(const struct remap *r)
{
    return mm_rules(r->mm) == RULES_LINUX_6_1 && (r->flags & MREMAP_DONTUNMAP) &&
           !r->vma->anon_vma && vma_is_anonymous(r->vma) &&
           (r->vma->vm_end == r->new_addr || r->vma->vm_start == r->new_addr + r->new_len);
}

/* Nobody has asked to be told of moves, so the copy leaves the context: all of the VMA that it is
 * part of by now, even what was there before and has not moved. */
static void copy_leaves_context(const struct remap *r)
{
    struct vma *vma = vma_lookup(r->mm, r->new_addr);

    if (!vma || !vma->vm_userfaultfd_ctx)
        return;
    vma_leave_context(vma);
    vma_set_flags(vma, vma->vm_flags & ~(uint64_t)VM_UFFD_FLAGS);
}

/* A second VMA over the same object, at new_addr. If it can be joined to its neighbours it is, even
 * if one of them is the source: r->vma may be gone afterwards. */
static int copy_vma(const struct remap *r)
{
    struct mm *mm = r->mm;
    const uintptr_t end = r->new_addr + r->new_len;
    const uint64_t pgoff = copy_pgoff(r);
    struct vma_attrs attrs = vma_attrs(r->vma);
    struct vma *prev, *copy;
    struct rb_node **link, *parent;

    if (!copy_has_context(r)) {
        attrs.vm_flags &= ~(uint64_t)VM_UFFD_FLAGS;
        attrs.uffd = NULL;
    }
    free_vma_links(mm, r->new_addr, end, &prev, &link, &parent);
    if (!copy_stays_apart(r) && vma_merge(mm, prev, r->new_addr, end, &attrs, pgoff))
        return 0;
    copy = copy_new_vma(r, attrs.vm_flags, pgoff);
    if (!copy)
        return -ENOMEM;
    vma_open(copy);
    vma_link(mm, copy, prev, link, parent);
    return 0;
}

/* All pages of the VMA have moved away: it is as if it had never had any. */
static void source_emptied(struct vma *vma)
{
    struct anon_vma *stale = vma->anon_vma;

    unlink_anon_vmas(vma);
    if (fault(vma->vm_mm->world, F_DONTUNMAP_STALE, true))
        vma->anon_vma = stale;
    note_vma(vma->vm_mm->world, vma, NOTE_CHANGED);
    note_range(vma->vm_mm, vma->vm_start, vma->vm_end);
}

/* Whoever takes a source of which only a part has moved for split takes what follows it for the
 * rest. */
static void account_rest(const struct remap *r, uint64_t vm_flags, const struct vma *vma)
{
    const bool part = r->source_start < r->addr || r->addr + r->old_len < r->source_end;
    struct vma *next = vma->vm_next;
    const bool wrong = part && next && (vm_flags & ~next->vm_flags & VM_ACCOUNT);

    if (fault(r->mm->world, F_DONTUNMAP_ACCOUNT, wrong) && wrong)
        vma_set_flags(next, next->vm_flags | VM_ACCOUNT);
}

/* DONTUNMAP: the source stays, but whatever VMA it is part of by now is not locked any more. */
static void leave_source(const struct remap *r, uint64_t vm_flags)
{
    struct vma *vma = vma_lookup(r->mm, r->addr);

    if (!vma)
        return;
    if (mm_rules(r->mm) >= RULES_LINUX_6_1 && vma->vm_start == r->addr &&
        vma->vm_end == r->addr + r->old_len) {
        if (vma->anon_vma)
            source_emptied(vma);
        if (mm_rules(r->mm) == RULES_LINUX_6_1 && vma_is_anonymous(vma))
            vma->vm_pgoff = vma->vm_start >> PAGE_SHIFT; /* as if new there */
    }
    if (vma->vm_flags & VM_LOCKED) {
        r->mm->locked_vm -= vma_pages(vma);
        vma_set_flags(vma, vma->vm_flags & ~(uint64_t)VM_LOCKED_MASK);
        munlock_vma_pages(vma, vma->vm_start, vma->vm_end);
    }
    account_rest(r, vm_flags, vma);
}

/* Pages cannot move, or the source cannot be taken away: the copy goes again, and all is as it was.
 * If not even that can be done both stay, rightly charged. */
static long undo_copy(const struct remap *r, uint64_t vm_flags)
{
    struct vma *first;
    const int err = move_page_tables(r->mm, r->new_addr, r->addr, r->old_len);

    world_bug_on(r->mm->world, err); /* they have tables there */
    if (munmap_gather(r->mm, r->new_addr, r->new_addr + r->new_len, &first) == 0 && first) {
        munmap_complete(r->mm, first, r->new_addr + r->new_len);
        return remap_failed(r, -ENOMEM);
    }
    copy_leaves_context(r);
    if (vm_flags & VM_ACCOUNT)
        r->mm->world->committed_as += (int64_t)(r->new_len >> PAGE_SHIFT);
    return remap_failed(r, -ENOMEM);
}

/* Would a sum of addresses in 16 bits take the move for one that has moved nothing? */
static bool progress_wraps(const struct remap *r)
{
    return r->old_len && (uint16_t)(r->addr + r->old_len) < (uint16_t)r->addr;
}

/* The copy is there, empty. The charge of the old range passes to it, so it is not given back. */
static long remap_fill(const struct remap *r, uint64_t vm_flags)
{
    struct world *world = r->mm->world;
    struct vma *first = NULL;
    bool forgets;

    if (move_page_tables(r->mm, r->addr, r->new_addr, r->old_len))
        return undo_copy(r, vm_flags);
    if (fault(world, F_MREMAP_PROGRESS_WRAP, progress_wraps(r)) && progress_wraps(r))
        return undo_copy(r, vm_flags);
    copy_leaves_context(r);
    if (r->flags & MREMAP_DONTUNMAP) {
        leave_source(r, vm_flags);
    } else if (r->old_len) {
        if (munmap_gather(r->mm, r->addr, r->addr + r->old_len, &first))
            return undo_copy(r, vm_flags);
        munmap_complete(r->mm, first, r->addr + r->old_len);
        forgets = (vm_flags & VM_ACCOUNT) && r->source_start == 0 && r->addr > 0;
        if (fault(world, F_MREMAP_ADDR_ZERO_ACCOUNT, forgets) && forgets)
            vma_set_flags(r->mm->mmap, vm_flags & ~(uint64_t)VM_ACCOUNT);
    }
    event(world, r->old_len ? EV_MREMAP_MOVE : EV_MREMAP_DUP);
    return (long)r->new_addr;
}

static long move_vma(struct remap *r)
{
    struct mm *mm = r->mm;
    const uint64_t vm_flags = r->vma->vm_flags, pages = r->new_len >> PAGE_SHIFT;
    const uintptr_t grown = r->new_addr + r->old_len;
    long ret;
    int err;

    r->source_start = r->vma->vm_start;
    r->source_end = r->vma->vm_end;
    if (mm->map_count + 3 >= mm->world->config.max_map_count)
        return remap_failed(r, -ENOMEM);
    err = may_split_ends(r);
    if (!err)
        err = ksm_unmerge(r->vma, r->addr, r->addr + r->old_len);
    if (err)
        return remap_failed(r, err);
    if ((vm_flags & VM_ACCOUNT) && !r->charged) {
        const uint64_t owed = r->flags & MREMAP_DONTUNMAP ? pages : remap_growth(r);

        if (vm_charge(mm, owed))
            return -ENOMEM;
        r->charged = owed;
    }
    err = copy_vma(r);
    if (err)
        return remap_failed(r, err);
    vm_stat_account(mm, vm_flags, (int64_t)pages);
    if (vm_flags & VM_LOCKED)
        mm->locked_vm += pages;
    ret = remap_fill(r, vm_flags);
    if (ret >= 0 && (vm_flags & VM_LOCKED) && r->new_len > r->old_len)
        populate_locked(find_vma(mm, grown), grown, r->new_addr + r->new_len); /* or later */
    return ret;
}

long remap_move(struct remap *r)
{
    const bool to = r->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP);
    const struct vma *vma = r->vma;
    long area = get_unmapped_area(r->mm, vma->vm_file, to ? r->new_addr : 0, r->new_len,
                                  (r->flags & MREMAP_FIXED ? MAP_FIXED : 0) |
                                      (vma->vm_flags & VM_MAYSHARE ? MAP_SHARED : 0));

    if (area < 0)
        return remap_failed(r, area);
    r->new_addr = (uintptr_t)area;
    return move_vma(r);
}

/* ---- until Linux 6.12 (in fact 6.16) ---- */
/* To a given place, which is cleared before it is known whether the mapping can go there. */
static long mremap_to(struct remap *r)
{
    struct mm *mm = r->mm;
    long err;

    if (!page_aligned(r->new_addr) || r->new_len > mm->task_size ||
        r->new_addr > mm->task_size - r->new_len || remap_overlaps(r))
        return -EINVAL;
    if (mm_rules(mm) >= RULES_LINUX_5_10 && mm->map_count + 5 >= mm->world->config.max_map_count)
        return -ENOMEM;
    if (r->flags & MREMAP_FIXED) {
        err = mm_munmap(mm, r->new_addr, r->new_len);
        if (err)
            return err;
    }
    if (r->old_len > r->new_len) {
        err = mm_munmap(mm, r->addr + r->new_len, r->old_len - r->new_len);
        if (err)
            return err;
        r->old_len = r->new_len;
    }
    r->vma = vma_lookup(mm, r->addr);
    err = remap_check(r);
    if (!err)
        err = remap_charge_growth(r);
    if (err)
        return err;
    if ((r->flags & MREMAP_DONTUNMAP) &&
        !may_expand_vm(mm, r->vma->vm_flags, r->old_len >> PAGE_SHIFT))
        return -ENOMEM; /* equal lengths: nothing is charged yet */
    return remap_move(r);
}

static long mremap_grow(struct remap *r)
{
    long ret;

    r->vma = vma_lookup(r->mm, r->addr);
    ret = remap_check(r);
    if (!ret)
        ret = remap_charge_growth(r);
    if (ret)
        return ret;
    if (remap_has_room(r))
        return remap_expand_in_place(r);
    return r->flags & MREMAP_MAYMOVE ? remap_move(r) : remap_failed(r, -ENOMEM);
}

static int remap_check_args(struct remap *r)
{
    const enum rules rules = mm_rules(r->mm);
    int known = MREMAP_FIXED | MREMAP_MAYMOVE;

    if (rules >= RULES_LINUX_5_10)
        known |= MREMAP_DONTUNMAP;
    if ((r->flags & ~known) || ((r->flags & MREMAP_FIXED) && !(r->flags & MREMAP_MAYMOVE)))
        return -EINVAL;
    if ((r->flags & MREMAP_DONTUNMAP) && (!(r->flags & MREMAP_MAYMOVE) || r->old_len != r->new_len))
        return -EINVAL;
    if (!page_aligned(r->addr) || !r->new_len)
        return -EINVAL;
    if (rules < RULES_LINUX_6_1)
        return 0;
    r->vma = vma_lookup(r->mm, r->addr);
    if (!r->vma)
        return -EFAULT;
    return r->vma->vm_flags & VM_HUGETLB ? remap_align_hugetlb(r) : 0;
}

long remap_shrink_in_place(struct remap *r)
{
    if (r->old_len > r->new_len) {
        long err = mm_munmap(r->mm, r->addr + r->new_len, r->old_len - r->new_len);

        if (err)
            return err;
        event(r->mm->world, EV_MREMAP_SHRINK);
    }
    return (long)r->addr;
}

static long mremap_6_1(struct remap *r)
{
    long err = remap_check_args(r);

    if (err)
        return err;
    if (r->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP))
        return mremap_to(r);
    if (r->old_len < r->new_len)
        return mremap_grow(r);
    return remap_shrink_in_place(r);
}

long mm_mremap(struct mm *mm, uintptr_t addr, size_t old_len, size_t new_len, int flags,
               uintptr_t new_addr)
{
    struct remap r = {
        .mm = mm,
        .addr = addr,
        .new_addr = new_addr,
        .old_len = page_align(old_len),
        .new_len = page_align(new_len),
        .flags = flags,
    };

    return mm_rules(mm) >= RULES_LINUX_6_18 ? mremap_6_18(&r) : mremap_6_1(&r);
}
