/* SPDX-License-Identifier: GPL-2.0-only */
/* Frames: their references, who maps them, and those that hold the contents of files. */
#include "model/rbtree.h"

struct page *page_alloc(struct world *world, uint64_t stamp)
{
    struct page *page = pool_alloc(world, POOL_PAGE);

    if (page)
        *page = (struct page){.refcount = 1, .stamp = stamp};
    return page;
}

static inline bool is_of_huge_page(const struct world *world, const struct page *page)
{
    return (const char *)page >= world->pool[POOL_HUGE].base;
}

/* The swap cache alone is no reason to keep a page that no entry can ask for again. */
void put_page(struct world *world, struct page *page)
{
    page = compound_head(page);
    if (--page->refcount == 0) {
        if (world->notes.npages)
            note_forget_page(world, page);
        if (unlikely(is_of_huge_page(world, page)))
            compound_free(world, page);
        else
            pool_free(world, POOL_PAGE, page);
    } else if (page->refcount > 1 || !try_to_free_swap(world, page)) {
        note_page(world, page);
    }
}

/* ---- mappings (rmap.mapcount, page.index) ---- */
/* The anon_vma has to be common to all VMAs that may ever map the page: of all processes that share
 * it already, or of this one and its children to come. */
static void set_anon_mapping(struct page *page, const struct vma *vma, uintptr_t addr,
                             bool exclusive)
{
    struct world *world = vma->vm_mm->world;
    struct anon_vma *anon_vma = vma->anon_vma;

    if (!exclusive && !fault(world, F_PAGE_NOT_OLDEST,
                             anon_vma->root != anon_vma && page_swap_count(world, page) > 1))
        anon_vma = anon_vma->root;
    page->mapping = (uintptr_t)anon_vma | PAGE_MAPPING_ANON;
    page->index = linear_page_index(vma, addr);
    if (fault(world, F_INDEX_FROM_ADDRESS, page->index != addr >> PAGE_SHIFT))
        page->index = addr >> PAGE_SHIFT;
    page->flags |= PG_SWAPBACKED;
}

static void add_anon(struct page *part, struct page *page, struct vma *vma, uintptr_t addr,
                     bool exclusive)
{
    if (!page->mapping)
        set_anon_mapping(page, vma, addr, exclusive);
    if (exclusive && rules_have_exclusive(vma->vm_mm->world))
        part->flags |= PG_EXCLUSIVE;
    if (unlikely(vma->vm_flags & VM_LOCKED))
        page->flags |= PG_MLOCKED;
}

void page_add_anon_rmap(struct page *page, struct vma *vma, uintptr_t addr, bool exclusive)
{
    page->mapcount++;
    add_anon(page, compound_head(page), vma, addr, exclusive);
}

void huge_add_rmap(struct page *head, struct vma *vma, uintptr_t addr, bool exclusive)
{
    head->entire_mapcount++;
    add_anon(head, head, vma, addr & HPAGE_MASK, exclusive);
}

void page_add_file_rmap(struct page *page, const struct vma *vma)
{
    page->mapcount++;
    if (unlikely(vma->vm_flags & VM_LOCKED))
        page->flags |= PG_MLOCKED;
}

/* One entry less maps the page: the last one's lock goes with it. */
static void unlock_unmapped(struct page *head)
{
    if ((head->flags & PG_MLOCKED) && (!page_is_compound(head) || !compound_mapcount(head)))
        head->flags &= ~(uint32_t)PG_MLOCKED;
}

void page_remove_rmap(struct world *world, struct page *page)
{
    world_bug_on(world, page->mapcount == 0);
    if (--page->mapcount)
        return;
    unlock_unmapped(compound_head(page));
}

void huge_remove_rmap(struct page *head)
{
    world_bug_on(world_of(head), head->entire_mapcount == 0);
    head->entire_mapcount--;
    unlock_unmapped(head);
}

enum rss_kind page_rss_kind(const struct page *page)
{
    if (page_is_anon(page))
        return MM_ANONPAGES;
    switch (page_file_mapping(page)->kind) {
    case FILE_SHMEM:
    case FILE_SYSV:
        return MM_SHMEMPAGES;
    default:
        return MM_FILEPAGES;
    }
}

/* ---- page cache ---- */
static inline struct page *page_of_rb(const struct rb_node *rb)
{
    return rb_entry(rb, struct page, rb);
}

static inline bool nothing_to_update(struct rb_node *rb)
{
    (void)rb;
    return false;
}
static inline void nothing_to_copy(struct rb_node *to, const struct rb_node *from)
{
    (void)to;
    (void)from;
}
static const struct rb_augment plain = {nothing_to_update, nothing_to_copy};

/* Where the page is, or would be linked. */
static struct rb_node **cache_link(const struct address_space *mapping, uint64_t index,
                                   struct rb_node **pparent)
{
    struct rb_node *const *link = &mapping->pages.node;

    *pparent = NULL;
    while (*link && page_of_rb(*link)->index != index) {
        step(world_of(mapping));
        *pparent = *link;
        link = index < page_of_rb(*link)->index ? &(*link)->left : &(*link)->right;
    }
    return (struct rb_node **)link;
}

struct page *page_cache_find(const struct address_space *mapping, uint64_t index)
{
    struct rb_node *parent, *rb = *cache_link(mapping, index, &parent);

    return rb ? page_of_rb(rb) : NULL;
}

struct page *page_cache_get(struct world *world, struct address_space *mapping, uint64_t index)
{
    struct rb_node *parent, **link = cache_link(mapping, index, &parent);
    struct page *page;

    if (*link)
        return page_of_rb(*link);
    page = page_alloc(world, 0);
    if (!page)
        return NULL;
    page->mapping = (uintptr_t)mapping;
    page->index = index;
    rb_link(&page->rb, parent, link);
    rb_insert_rebalance(&mapping->pages, &page->rb, &plain);
    return page;
}

/* Whoever holds on to it keeps the contents, and sees no more of the file. */
static void cache_put(struct world *world, struct page *page)
{
    page->mapping = 0;
    put_page(world, page);
}

/* Leaves first, so that nothing needs to be rebalanced. */
void page_cache_free(struct world *world, struct address_space *mapping)
{
    for (struct rb_node *rb = mapping->pages.node, *up; rb; rb = up) {
        step(world);
        if (rb->left || rb->right) {
            up = rb->left ? rb->left : rb->right;
            continue;
        }
        up = rb_parent(rb);
        rb_replace_child(&mapping->pages, up, rb, NULL);
        cache_put(world, page_of_rb(rb));
    }
}

static void unmap_mapping_range(struct world *world, struct address_space *mapping, uint64_t first,
                                uint64_t last)
{
    struct interval_node *node;

    i_mmap_lock(world, mapping);
    node = interval_tree_first(&mapping->i_mmap, first, last);
    for (; node; node = interval_tree_next(node, first, last)) {
        struct vma *vma = rb_entry(node, struct vma, shared);
        const uint64_t from = first > node->start ? first - node->start : 0;
        const uint64_t to = (last < node->last ? last : node->last) - node->start + 1;

        step(world);
        zap_page_range(vma, vma->vm_start + (from << PAGE_SHIFT),
                       vma->vm_start + (to << PAGE_SHIFT), false);
    }
    i_mmap_unlock(world);
}

/* The first page of the cache at or above index. */
static struct page *cache_first(const struct address_space *mapping, uint64_t index)
{
    struct rb_node *rb = mapping->pages.node;
    struct page *found = NULL;

    while (rb) {
        step(world_of(mapping));
        if (page_of_rb(rb)->index < index) {
            rb = rb->right;
        } else {
            found = page_of_rb(rb);
            rb = rb->left;
        }
    }
    return found;
}

void page_cache_punch(struct world *world, struct address_space *mapping, uint64_t first,
                      uint64_t last)
{
    struct page *page;

    unmap_mapping_range(world, mapping, first, last);
    while ((page = cache_first(mapping, first)) && page->index <= last) {
        step(world);
        rb_restore(&mapping->pages, rb_unlink(&mapping->pages, &page->rb, NULL, &plain), &plain);
        cache_put(world, page);
    }
}
