/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/world.h"

struct world *world;

int world_setup(void **state)
{
    (void)state;
    world = world_new(0);
    return world ? 0 : -1;
}

int world_teardown(void **state)
{
    (void)state;
    world_destroy(world);
    return 0;
}

void start_world(enum rules rules, bool privileged)
{
    struct world_config config = world_config_default;

    config.rules = rules;
    config.privileged = privileged;
    world->fault = F_NONE;
    assert_int_equal(world_reset(world, &config), 0);
}

void end_world(void)
{
    world_exit(world);
    for (unsigned id = 0; id < NR_POOLS; id++)
        if (world->pool[id].nlive)
            fail_msg("%u %s left", world->pool[id].nlive, world->pool[id].name);
}
