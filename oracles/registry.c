/* SPDX-License-Identifier: GPL-2.0-only */
/* The table of laws, and who judges by which. */
#include "oracles/laws.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const struct law_info law_table[NR_LAWS] = {
    [LAW_NONE] = {"", "", ""},
#define LAW(id, name, sentence, forms) [LAW_##id] = {name, sentence, forms},
#include "oracles/laws.def"
#undef LAW
};

static law_fn *const full_form[NR_LAWS] = {
    [LAW_TREE_ORDER] = tree_order_full,         [LAW_TREE_SHAPE] = tree_shape_full,
    [LAW_LIST_TREE] = list_tree_full,           [LAW_GAP_SUBTREE] = gap_subtree_full,
    [LAW_GAP_HIGHEST] = gap_highest_full,       [LAW_GAP_SEARCH] = gap_search_full,
    [LAW_CACHE_COHERENT] = cache_coherent_full, [LAW_VMA_ATTRS] = vma_attrs_full,
    [LAW_INTERVAL_TREE] = interval_tree_full,   [LAW_FILE_TREE] = file_tree_full,
    [LAW_ACCOUNT_VM] = account_vm_full,         [LAW_OBJECT_REFS] = object_refs_full,
    [LAW_ANON_TOPOLOGY] = anon_topology_full,   [LAW_ANON_COUNTS] = anon_counts_full,
    [LAW_ANON_SAME] = anon_same_full,           [LAW_ANON_LIFETIME] = anon_lifetime_full,
    [LAW_PGTABLE_INSIDE] = pgtable_inside_full, [LAW_PGTABLE_PAGES] = pgtable_pages_full,
    [LAW_RMAP_COMPLETE] = rmap_complete_full,   [LAW_RMAP_MAPCOUNT] = rmap_mapcount_full,
    [LAW_RMAP_EXCLUSIVE] = rmap_exclusive_full, [LAW_PAGE_INDEX] = page_index_full,
    [LAW_SWAP_COUNTS] = swap_counts_full,       [LAW_ACCOUNT_RSS] = account_rss_full,
};

bool law_broken(struct verdict *v, enum law_id law, const char *site, uint32_t proc, uintptr_t addr,
                const char *fmt, ...)
{
    va_list args;

    if (v->without & LAW_BIT(law))
        return true;
    v->law = law;
    v->site = site;
    v->proc = proc;
    v->addr = addr;
    va_start(args, fmt);
    vsnprintf(v->text, sizeof(v->text), fmt, args);
    va_end(args);
    return false;
}

bool law_full(enum law_id law, const struct world *world, struct verdict *v)
{
    return !full_form[law] || full_form[law](world, v);
}

bool law_touched(enum law_id law, const struct world *world, struct verdict *v)
{
    if (!strchr(law_table[law].forms, 'T'))
        return true;
    if (world->notes.overflow && full_form[law])
        return law_full(law, world, v);
    return touched_pass(world, law, v);
}

bool laws_full(const struct world *world, struct verdict *v)
{
    if (likely(sweep(world)))
        return true;
    for (unsigned law = 0; law < NR_LAWS; law++)
        if (!(v->without & LAW_BIT(law)) && !law_full(law, world, v))
            return false;
    return true;
}

bool laws_touched(const struct world *world, struct verdict *v)
{
    if (likely(touched_pass_all(world)))
        return true;
    /* One fault may break several laws: the first of the table is named, not the first met. */
    for (unsigned law = 0; law < NR_LAWS; law++)
        if (!(v->without & LAW_BIT(law)) && !law_touched(law, world, v))
            return false;
    return true;
}

bool laws_after_exit(const struct world *world, struct verdict *v)
{
    return leak_after_exit(world, v);
}
