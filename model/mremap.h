/* SPDX-License-Identifier: GPL-2.0-only */
/* What the two forms of mremap, until 6.1 and of 6.18, have in common. */
#ifndef MODEL_MREMAP_H
#define MODEL_MREMAP_H

#include "model/internal.h"

/* One mremap, or one piece of it. Lengths in whole pages. */
struct remap {
    struct mm *mm;
    uintptr_t addr, new_addr;
    size_t old_len, new_len;
    int flags;
    struct vma *vma; /* at addr, as soon as it is known */
    uintptr_t source_start,
        source_end;   /* of vma before the copy is made, which may merge it away */
    uint64_t charged; /* pages, for the growth: given back by whatever fails */
};

static inline uint64_t remap_growth(const struct remap *r)
{
    return (r->new_len - r->old_len) >> PAGE_SHIFT;
}

bool remap_overlaps(const struct remap *r);
/* Lengths of a hugetlb mapping in huge pages. 0 or -EINVAL. */
int remap_align_hugetlb(struct remap *r);
/* May r->vma be remapped so? Growth is not charged here. 0 or -errno. */
int remap_check(const struct remap *r);
int remap_charge_growth(struct remap *r);    /* 0 or -ENOMEM */
bool remap_has_room(const struct remap *r);  /* to grow where it is */
long remap_expand_in_place(struct remap *r); /* addr or -errno */
long remap_shrink_in_place(struct remap *r); /* not at all if equal; addr or -errno */
/* Look for an address, from new_addr with MREMAP_FIXED or DONTUNMAP, and move there. */
long remap_move(struct remap *r);
long mremap_6_18(struct remap *r);

#endif
