/* SPDX-License-Identifier: GPL-2.0-only */
/* KSM pages in pictures: their items, and what the laws say of them. */
#include "oracles/pages.h"

#include <inttypes.h>

/* ---- the model's ---- */
int reserve_items(const struct world *world, struct snapshot *out)
{
    out->nr_items = 0;
    return snapshot_reserve_items(out, world->pool[POOL_KSM_ITEM].nlive);
}

/* Of mapped pages, which have numbers by now. An anon_vma that only items hold gets one here. */
void show_items(struct numbers *n, const struct world *world, struct snapshot *out)
{
    const struct pool *nodes = &world->pool[POOL_KSM_NODE];
    const uint32_t room = world->pool[POOL_KSM_ITEM].nlive;

    for (uint32_t i = 0; i < nodes->used; i++) {
        const struct ksm_node *node = pool_object(nodes, i);
        const struct ksm_item *item = node ? node->items : NULL;

        for (; out->nr_items < room && object_live(world, POOL_KSM_ITEM, item); item = item->next) {
            out->item[out->nr_items++] = (struct snap_item){
                .page = given_page_number(n, world, node->page),
                .anon_vma = number_of(n, world, POOL_ANON_VMA, item->anon_vma),
                .at = item->address >> PAGE_SHIFT,
            };
            if (anon_vma_live(world, item->anon_vma))
                number_of(n, world, POOL_ANON_VMA, item->anon_vma->root);
        }
    }
}

/* ---- laws ---- */
static bool is_chained(const struct snapshot *s, const struct snap_vma *vma, uint32_t anon_vma)
{
    for (uint32_t i = 0; i < vma->nr_chains; i++)
        if (s->chain[vma->first_chain + i].anon_vma == anon_vma)
            return true;
    return false;
}

const char *snapshot_ksm_place(const struct snapshot *s, const struct snap_vma *vma,
                               const struct snap_pte *pte, bool *found)
{
    bool item = false;

    *found = false;
    for (uint32_t i = 0; i < s->nr_items; i++) {
        if (s->item[i].page != pte->number || s->item[i].at != pte->page)
            continue;
        item = true;
        *found |= is_chained(s, vma, s->item[i].anon_vma);
    }
    if (unlikely(!vma->anon_vma))
        return "unfaulted";
    return likely(item) ? NULL : "no-item";
}

static const char *item_illegal(const struct snapshot *s, const struct snap_item *item)
{
    if (!item->page || item->page > s->nr_pages)
        return "item-dead-page";
    if (!(s->page[item->page - 1].flags & SNAP_PAGE_KSM))
        return "page-denies";
    return item->anon_vma && item->anon_vma <= s->nr_anon_vmas ? NULL : "dead-anon-vma";
}

bool snapshot_items_ok(const struct snapshot *s, struct verdict *v)
{
    for (uint32_t i = 0; i < s->nr_items; i++) {
        const struct snap_item *item = &s->item[i];
        const char *site = item_illegal(s, item);

        if (unlikely(site != NULL))
            return law_broken(v, LAW_PAGE_INDEX, site, NO_PROC, item->at << PAGE_SHIFT,
                              "item of KSM page number %" PRIu32 " for page %#" PRIx64
                              ", anon_vma number %" PRIu32 ": %s",
                              item->page, item->at, item->anon_vma, site);
    }
    return true;
}
