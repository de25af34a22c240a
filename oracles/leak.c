/* SPDX-License-Identifier: GPL-2.0-only */
/* leak: after the last exit nothing is left. */
#include "oracles/laws.h"

#include <inttypes.h>

bool leak_after_exit(const struct world *world, struct verdict *v)
{
    for (unsigned id = 0; id < NR_POOLS; id++) {
        const struct pool *pool = &world->pool[id];

        if (pool->nlive)
            return law_broken(v, LAW_LEAK, pool->name, NOWHERE,
                              "%" PRIu32 " objects are left in pool %s after the last exit",
                              pool->nlive, pool->name);
    }
    if (world->committed_as)
        return law_broken(v, LAW_ACCOUNT_VM, "committed-after-exit", NOWHERE,
                          "%" PRId64 " pages are still charged after the last exit",
                          world->committed_as);
    return true;
}
