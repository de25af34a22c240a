/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/page_scene.h"

struct mm *p0, *p1;

/* ---- the scene ---- */
static void map(uintptr_t page, size_t pages, int prot, int flags, int fd)
{
    CALL((long)PAGES(page), mm_mmap(p0, PAGES(page), PAGES(pages), prot, flags, fd, 0));
}

static void put(struct mm *mm, uintptr_t page)
{
    CALL(0, mm_access(mm, PAGES(page), PROT_WRITE, false, page));
}

static void look(struct mm *mm, uintptr_t page)
{
    assert_true(mm_access(mm, PAGES(page), PROT_READ, false, 0) >= 0);
}

static void files(void)
{
    CALL(0, file_open(world, 0, FILE_REGULAR, FMODE_READ | FMODE_WRITE, 8));
    CALL(0, file_open(world, 1, FILE_DEVICE, FMODE_READ | FMODE_WRITE, 8));
    CALL(0, file_open(world, 2, FILE_REGULAR, FMODE_READ | FMODE_WRITE, 8));
    map(0x120, 4, RW, MAP_PRIVATE | MAP_FIXED, 0);
    map(0x128, 4, PROT_READ, MAP_PRIVATE | MAP_FIXED, 0);
    map(0x130, 8, RW, MAP_SHARED | MAP_FIXED, 0);
    map(0x138, 4, RW, MAP_SHARED | MAP_FIXED, 1);
    for (uintptr_t page = 0x130; page < 0x138; page++)
        put(p0, page);
    look(p0, 0x120);
    put(p0, 0x121);
    look(p0, 0x128);
    CALL((long)PAGES(0x140),
         mm_mmap(p0, PAGES(0x140), PAGES(1), RW, MAP_SHARED | MAP_FIXED, 0, PAGES(1)));
    CALL(0, mm_mlock(p0, PAGES(0x140), PAGES(1)));
    CALL(0, mm_munmap(p0, PAGES(0x132), PAGES(6))); /* in the page cache only */
}

void set_scene(enum rules rules)
{
    start_world(rules, true);
    p0 = world->proc[0];
    map(0x100, 8, RW, ANON, -1);
    for (uintptr_t page = 0x100; page < 0x104; page++)
        put(p0, page);
    look(p0, 0x104);
    files();
    map(0x600, 8, RW, ANON, -1);
    put(p0, 0x600);
    CALL(0, mm_madvise(p0, PAGES(0x600), PAGES(8), MADV_DONTNEED));
    map(0x800, 8, RW, ANON, -1);
    CALL(0, mm_fork(p0, 1));
    p1 = world->proc[1];
    put(p0, 0x101);
    CALL(0, mm_reclaim(p0, PAGES(0x102), PAGES(1), false));
    CALL(0, mm_reclaim(p0, PAGES(0x103), PAGES(1), true));
    if (rules >= RULES_LINUX_5_10)
        CALL(0, mm_pin(p0, 0, PAGES(0x105), true));
    else
        put(p0, 0x105);
    note_everything();
}

/* ---- what is in it ---- */
pte_t *scene_pte(struct mm *mm, uintptr_t page)
{
    pte_t *entry = pte_find(mm, PAGES(page));

    assert_non_null(entry);
    return entry;
}

struct page *scene_frame(struct mm *mm, uintptr_t page)
{
    struct page *found = page_of_pte(world, *scene_pte(mm, page));

    assert_non_null(found);
    return found;
}

struct swap_slot *scene_slot(uintptr_t page)
{
    assert_true(*scene_pte(p0, page) & PTE_SWAP);
    return slot_of_pte(world, *scene_pte(p0, page));
}

struct vma *scene_vma(struct mm *mm, uintptr_t page)
{
    struct vma *vma = find_vma(mm, PAGES(page));

    assert_non_null(vma);
    return vma;
}

uint64_t *scene_upper(uintptr_t page)
{
    struct page_table *table = p0->pgd;

    for (unsigned level = TABLE_LEVELS - 1; level > 1; level--)
        table = pool_object(&world->pool[POOL_TABLE],
                            (uint32_t)table->entry[table_index(PAGES(page), level)] - 1);
    return &table->entry[table_index(PAGES(page), 1)];
}
