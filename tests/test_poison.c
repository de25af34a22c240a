/* SPDX-License-Identifier: GPL-2.0-only */
/* Objects of pools under AddressSanitizer: all of a live one may be used, of another nothing. */
#include "model/internal.h"
#include "model/poison.h"
#include "tests/world.h"

#ifdef POISON_ASAN
static void is_live(const void *object, size_t size)
{
    assert_null(__asan_region_is_poisoned((void *)(uintptr_t)object, size));
}

static void is_poisoned(const void *object, size_t size)
{
    for (size_t i = 0; i < size; i++)
        assert_true(__asan_address_is_poisoned((const char *)object + i));
}

static void test_each_pool(void **state)
{
    (void)state;
    for (enum pool_id id = 0; id < NR_POOLS; id++) {
        const size_t size = world->pool[id].size;
        char *a, *b;

        start_world(RULES_LINUX_6_18, true);
        a = pool_alloc(world, id);
        b = pool_alloc(world, id);
        is_live(a, size);
        is_live(b, size);
        is_poisoned(b + size, size);
        pool_free(world, id, a);
        is_poisoned(a, size);
        is_live(b, size);
        assert_int_equal(world_reset(world, &world_config_default), 0);
        is_poisoned(b, size);
    }
}

static void test_filled_and_copied(void **state)
{
    struct vma *a, *b;

    (void)state;
    start_world(RULES_LINUX_6_18, true);
    a = pool_alloc(world, POOL_VMA);
    b = pool_alloc(world, POOL_VMA);
    object_fill(a, 0xa5, sizeof(*a));
    for (size_t i = 0; i < sizeof(*a); i++)
        assert_int_equal(((const uint8_t *)a)[i], 0xa5);
    object_fill(b, 0, sizeof(*b));
    object_copy(b, a, sizeof(*b));
    assert_memory_equal(a, b, sizeof(*b));
}
#else
static void test_each_pool(void **state)
{
    (void)state;
    skip(); /* there is no poison without AddressSanitizer */
}
#define test_filled_and_copied test_each_pool
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_pool),
        cmocka_unit_test(test_filled_and_copied),
    };

    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
