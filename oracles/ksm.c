/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the laws ask of KSM pages: page.index of their nodes and items, rmap.complete by address,
 * anon.counts of those that items hold. The laws themselves are where those of other pages are.
 */
#include "oracles/pages.h"

#include <inttypes.h>

static bool item_live(const struct world *world, const struct ksm_item *item)
{
    return object_live(world, POOL_KSM_ITEM, item);
}

/* The page's node; NULL: what it says is none. */
static const struct ksm_node *live_node(const struct world *world, const struct page *page)
{
    const struct ksm_node *node = page_ksm_node(page);

    return object_live(world, POOL_KSM_NODE, node) ? node : NULL;
}

/* ---- the walk ---- */
static bool is_linked(const struct world *world, const struct vma *vma,
                      const struct anon_vma *anon_vma)
{
    const struct anon_vma_chain *chain;
    struct chain_walk w = chain_walk(world, vma);

    while ((chain = chain_walk_next(&w)))
        if (chain->anon_vma == anon_vma)
            return true;
    return false;
}

/* Does one of the items from `from` up to `to` lead to addr of the VMA? */
static bool is_led_to(const struct world *world, const struct ksm_item *from,
                      const struct ksm_item *to, const struct vma *vma, uintptr_t addr)
{
    uint32_t left = world->pool[POOL_KSM_ITEM].nlive;

    for (; from != to && left-- && item_live(world, from); from = from->next)
        if (from->address == addr && is_linked(world, vma, from->anon_vma))
            return true;
    return false;
}

static bool maps(struct view *view, const struct vma *vma, uintptr_t addr, const struct page *page)
{
    const struct mm *mm = vma->vm_mm;
    pte_t pte;

    if (addr < vma->vm_start || addr >= vma->vm_end || !mm_live(view->world, mm) || !mm->pgd)
        return false;
    pte = entry_at(view, mm, addr);
    return maps_a_frame(pte) && pte_number(pte) == page_number(view->world, page);
}

struct stabbed ksm_found(struct view *view, const struct page *page)
{
    const struct world *world = view->world;
    const struct ksm_node *node = live_node(world, page);
    uint32_t left = world->pool[POOL_KSM_ITEM].nlive;
    struct stabbed found = {0, false};

    for (const struct ksm_item *item = node ? node->items : NULL; left-- && item_live(world, item);
         item = item->next) {
        const struct anon_vma_chain *chain;
        struct family_walk w;

        if (!anon_vma_live(world, item->anon_vma))
            continue;
        family_walk_start(&w, world, item->anon_vma);
        while ((chain = family_walk_next(&w))) {
            if (!maps(view, chain->vma, item->address, page) ||
                is_led_to(world, node->items, item, chain->vma, item->address))
                continue;
            found.entries++;
            found.locked |= (chain->vma->vm_flags & VM_LOCKED) != 0;
        }
    }
    return found;
}

/* ---- an entry that maps one ---- */
const char *ksm_place_illegal(const struct world *world, const struct entry *e)
{
    const struct ksm_node *node = live_node(world, e->head);
    uint32_t left = world->pool[POOL_KSM_ITEM].nlive;

    if (unlikely(!node))
        return "dead-node";
    if (unlikely(node->page != e->head))
        return "node-denies";
    if (unlikely(!e->vma->anon_vma))
        return "unfaulted";
    for (const struct ksm_item *item = node->items; left-- && item_live(world, item);
         item = item->next)
        if (item->address == e->addr)
            return NULL;
    return "no-item";
}

const char *ksm_entry_illegal(const struct entry *e)
{
    if (unlikely(e->pte & PTE_WRITE))
        return "writable-ksm";
    return likely(e->vma->vm_flags & VM_MERGEABLE) ? NULL : "unmergeable";
}

/* ---- nodes and items by themselves ---- */
static bool node_broken(const struct world *world, const char *site, const void *node,
                        struct verdict *v)
{
    const struct pool *pool = &world->pool[POOL_KSM_NODE];

    return law_broken(v, LAW_PAGE_INDEX, site, NOWHERE, "KSM node %zu: %s",
                      (size_t)((const char *)node - pool->base) / pool->size, site);
}

/* *items: how many there are to be found yet. */
static bool node_ok(const struct world *world, const struct ksm_node *node, uint32_t *items,
                    struct verdict *v)
{
    uint32_t counted = 0;

    if (!page_live(world, node->page))
        return node_broken(world, "node-dead-page", node, v);
    if (page_ksm_node(node->page) != node)
        return node_broken(world, "page-denies", node, v);
    if (!node->page->mapcount)
        return node_broken(world, "node-unmapped", node, v);
    for (const struct ksm_item *item = node->items; item; item = item->next) {
        if (!item_live(world, item))
            return node_broken(world, "dead-item", node, v);
        if (!(*items)--)
            return node_broken(world, "item-twice", node, v);
        counted++;
        if (!anon_vma_live(world, item->anon_vma) || !anon_vma_live(world, item->anon_vma->root))
            return node_broken(world, "dead-anon-vma", node, v);
    }
    return likely(counted == node->nr_items) || node_broken(world, "item-count", node, v);
}

bool some_ksm_nodes_ok(const struct world *world, struct verdict *v)
{
    const struct pool *pool = &world->pool[POOL_KSM_NODE];
    uint32_t items = world->pool[POOL_KSM_ITEM].nlive;

    for (uint32_t n = 0; n < pool->used; n++) {
        const struct ksm_node *node = pool_object(pool, n);

        if (node && !node_ok(world, node, &items, v))
            return false;
    }
    return likely(!items) || law_broken(v, LAW_PAGE_INDEX, "lost-item", NOWHERE,
                                        "%" PRIu32 " items of KSM pages are in no list", items);
}

/* ---- what they hold ---- */
uint32_t ksm_holds(const struct world *world, const struct anon_vma *anon_vma)
{
    const struct pool *pool = &world->pool[POOL_KSM_ITEM];
    uint32_t count = 0;

    for (uint32_t n = 0; unlikely(pool->nlive) && n < pool->used; n++) {
        const struct ksm_item *item = pool_object(pool, n);

        count += item && item->anon_vma == anon_vma;
    }
    return count;
}

uint32_t ksm_holds_members(const struct world *world, const struct anon_vma *root)
{
    const struct pool *pool = &world->pool[POOL_ANON_VMA];
    uint32_t count = 0;

    for (uint32_t n = 0; unlikely(world->pool[POOL_KSM_ITEM].nlive) && n < pool->used; n++) {
        const struct anon_vma *a = pool_object(pool, n);

        count += a && a != root && a->root == root && !a->rb_root.node;
    }
    return count;
}
