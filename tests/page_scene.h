/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For tests of the laws on page tables, frames and swap: a world with one of each in it.
 *
 *   0x100  anonymous, of p0 and its child p1:  0 shared  1 p0's own  2 in swap  3 in the swap cache
 *                                              4 zeroes (p0)  5 pinned by a device
 *   0x120  a file, private:   0 the file's page  1 p0's own            0x128  the same, read-only
 *   0x130  a file, shared     0 written  1 too, and locked at 0x140    0x138  a device
 *   0x600  anonymous, faulted, without an entry: one empty table       0x800  nothing, no table
 */
#ifndef TESTS_PAGE_SCENE_H
#define TESTS_PAGE_SCENE_H

#include "tests/page_judge.h"

extern struct mm *p0, *p1;

/* All of the above, and every frame and every entry is noted as touched. */
void set_scene(enum rules rules);
pte_t *scene_pte(struct mm *mm, uintptr_t page);
struct page *scene_frame(struct mm *mm, uintptr_t page);
struct swap_slot *scene_slot(uintptr_t page);
struct vma *scene_vma(struct mm *mm, uintptr_t page);
/* The table above the lowest ones, and where in it the one for the page is. */
uint64_t *scene_upper(uintptr_t page);

#endif
