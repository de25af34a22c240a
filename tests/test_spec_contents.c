/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What pages hold in the flat specification, by hand-written scenarios: who sees whose writes, and
 * what a device sees that has got hold of a page. Addresses and lengths are in pages.
 */
#include "tests/flat.h"

#define MOVE (MREMAP_MAYMOVE | MREMAP_FIXED)
#define SHARED_FILE (MAP_SHARED | MAP_FIXED)
#define PRIVATE_FILE (MAP_PRIVATE | MAP_FIXED)

static long advise(uint64_t addr, uint64_t len, int advice)
{
    return spec_madvise(spec, 0, bytes(addr), bytes(len), advice, NULL);
}

static bool is_own(unsigned proc, uint64_t page)
{
    return spec_pages(spec, proc)[page].own;
}

static bool is_lazy(unsigned proc, uint64_t page)
{
    return spec_pages(spec, proc)[page].lazy;
}

/* A file of 8 pages at descriptor 0, shared at 0x100 and private at 0x110, with 5 in its page 1. */
static void start_with_file(enum spec_rules rules)
{
    start_world(rules);
    assert_int_equal(spec_open(spec, 0, 0, 3, 8), 0);
    assert_int_equal(map_file(0x100, 8, RW, SHARED_FILE, 0, 0), 0x100);
    assert_int_equal(map_file(0x110, 8, RW, PRIVATE_FILE, 0, 0), 0x110);
    assert_int_equal(put(0, 0x101, 5), 0);
}

/* ---- copy-on-write, by value ---- */
static void generations_see_their_own_writes(void **state)
{
    (void)state;
    start_world(SPEC_LINUX_5_10);
    map(0x100, 4, RW, FIXED);
    map(0x110, 1, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED);
    assert_int_equal(get(0, 0x100), 0);
    put(0, 0x100, 1);
    put(0, 0x101, 2);
    assert_int_equal(spec_fork(spec, 0, 1), 0);
    put(1, 0x101, 3);
    assert_int_equal(spec_fork(spec, 1, 2), 0);
    put(0, 0x100, 4);
    put(2, 0x102, 5);
    put(2, 0x110, 6);
    assert_int_equal(get(0, 0x100), 4);
    assert_int_equal(get(1, 0x100), 1);
    assert_int_equal(get(2, 0x100), 1);
    assert_int_equal(get(0, 0x101), 2);
    assert_int_equal(get(2, 0x101), 3);
    assert_int_equal(get(1, 0x102), 0);
    assert_int_equal(get(0, 0x110), 6);
    spec_exit(spec, 1);
    assert_int_equal(get(2, 0x101), 3);
    assert_int_equal(spec_fork(spec, 2, 1), 0); /* the number anew */
    assert_int_equal(get(1, 0x102), 5);
    spec_madvise(spec, 2, bytes(0x100), bytes(1), MADV_WIPEONFORK, NULL);
    assert_int_equal(spec_fork(spec, 2, 3), 0);
    assert_int_equal(get(3, 0x100), 0);
    assert_int_equal(get(3, 0x101), 3);
}

static void private_file_memory_is_the_files_until_written(void **state)
{
    (void)state;
    start_with_file(SPEC_LINUX_6_1);
    assert_int_equal(get(0, 0x111), 5);
    put(0, 0x101, 6);
    assert_int_equal(get(0, 0x111), 6);
    put(0, 0x111, 7);
    put(0, 0x101, 8);
    assert_int_equal(get(0, 0x111), 7);
    assert_int_equal(get(0, 0x101), 8);
    assert_int_equal(advise(0x110, 8, MADV_DONTNEED), 0);
    assert_int_equal(get(0, 0x111), 8);
    assert_int_equal(advise(0x110, 2, MADV_POPULATE_WRITE), 0);
    put(0, 0x101, 9);
    put(0, 0x100, 9);
    assert_int_equal(get(0, 0x111), 8); /* own, as it was when it became so */
    assert_int_equal(get(0, 0x110), 0);
    assert_int_equal(map_file(0x111, 1, R, PRIVATE_FILE, 0, 1), 0x111);
    assert_int_equal(get(0, 0x111), 9);
    assert_int_equal(spec_access(spec, 0, bytes(0x111), PROT_READ, true, 0, NULL), 9);
    protect(0x111, 1, PROT_EXEC);
    assert_int_equal(get(0, 0x111), 9);
    assert_int_equal(spec_access(spec, 0, bytes(0x111), PROT_READ, true, 0, NULL), -EFAULT);
}

static void contents_move_along(void **state)
{
    (void)state;
    start_world(SPEC_LINUX_6_18);
    map(0x100, 4, RW, FIXED);
    put(0, 0x100, 1);
    put(0, 0x102, 2);
    put(0, 0x103, 3);
    assert_int_equal(remap(0x102, 1, 3, MOVE, 0x200), 0x200);
    assert_int_equal(get(0, 0x200), 2);
    assert_int_equal(get(0, 0x201), 0);
    assert_int_equal(get(0, 0x103), 3);
    assert_int_equal(remap(0x100, 1, 1, MOVE | MREMAP_DONTUNMAP, 0x300), 0x300);
    assert_int_equal(get(0, 0x300), 1);
    assert_int_equal(get(0, 0x100), 0);
    assert_int_equal(unmap(0x300, 1), 0);
    assert_int_equal(map(0x300, 1, RW, FIXED), 0x300);
    assert_int_equal(get(0, 0x300), 0);
    assert_int_equal(spec_open(spec, 0, 0, 3, 8), 0);
    map_file(0x400, 2, RW, SHARED_FILE, 0, 0);
    put(0, 0x400, 4);
    assert_int_equal(remap(0x400, 0, 1, MOVE, 0x410), 0x410); /* another view */
    assert_int_equal(spec_remap_file_pages(spec, 0, bytes(0x401), bytes(1), 0, 0, 0), 0);
    put(0, 0x410, 5);
    assert_int_equal(get(0, 0x400), 5);
    assert_int_equal(get(0, 0x401), 5);
}

static void many_pages_of_objects(void **state)
{
    (void)state;
    start_world(SPEC_LINUX_6_1);
    assert_int_equal(spec_open(spec, 0, 1, 3, 4096), 0);
    assert_int_equal(map_file(0x100, 3000, RW, SHARED_FILE, 0, 7), 0x100);
    for (uint64_t i = 0; i < 3000; i++)
        assert_int_equal(put(0, 0x100 + i, i + 1), 0);
    for (uint64_t i = 0; i < 3000; i++)
        assert_int_equal(get(0, 0x100 + i), i + 1);
    assert_int_equal(advise(0x200, 100, MADV_REMOVE), 0);
    assert_int_equal(get(0, 0x1ff), 0x100);
    assert_int_equal(get(0, 0x200), 0);
    assert_int_equal(get(0, 0x200 + 99), 0);
    assert_int_equal(get(0, 0x200 + 100), 0x101 + 100);
    start_with_file(SPEC_LINUX_6_1);
    assert_int_equal(get(0, 0x100), 0);
}

/* ---- advice ---- */
static void lazily_freed_may_be_zeroes(void **state)
{
    struct spec_seen seen = {.ret = 0};

    (void)state;
    start_world(SPEC_LINUX_5_10);
    map(0x100, 4, RW, FIXED);
    put(0, 0x100, 1);
    put(0, 0x101, 2);
    put(0, 0x102, 3);
    assert_int_equal(advise(0x100, 4, MADV_FREE), 0);
    assert_true(is_lazy(0, 0x100));
    assert_false(is_lazy(0, 0x103)); /* nothing there to free */
    assert_int_equal(spec_fork(spec, 0, 1), 0);
    assert_int_equal(get(0, 0x100), 1);
    assert_true(spec_tell_zero(spec, 0, 0x100, false));
    assert_false(is_own(0, 0x100));
    assert_int_equal(get(0, 0x100), 0);
    assert_int_equal(get(1, 0x100), 1);
    assert_true(is_lazy(1, 0x100));
    put(0, 0x101, 4);
    assert_false(is_lazy(0, 0x101));
    assert_false(spec_tell_zero(spec, 0, 0x101, false));
    assert_int_equal(remap(0x102, 1, 1, MOVE, 0x200), 0x200);
    assert_int_equal(spec_access(spec, 0, bytes(0x200), PROT_READ, false, 0, &seen), 0);
    assert_int_equal(get(0, 0x200), 0);
    assert_true(spec_tell_zero(spec, 0, 0x200, true));
    assert_true(is_own(0, 0x200));
    assert_false(is_lazy(0, 0x200));
    assert_int_equal(advise(0x101, 1, MADV_DONTNEED), 0);
    assert_int_equal(get(0, 0x101), 0);
}

static void removed_from_the_object_only(void **state)
{
    (void)state;
    start_with_file(SPEC_LINUX_6_1);
    put(0, 0x102, 6);
    put(0, 0x111, 7);
    put(0, 0x118 - 1, 8);
    assert_int_equal(advise(0x110, 8, MADV_REMOVE), -EACCES);
    assert_int_equal(get(0, 0x101), 5);
    assert_int_equal(advise(0x100, 2, MADV_REMOVE), 0);
    assert_int_equal(get(0, 0x101), 0);
    assert_int_equal(get(0, 0x102), 6);
    assert_int_equal(get(0, 0x111), 7);
    assert_int_equal(get(0, 0x112), 6);
    assert_int_equal(advise(0x100, 8, MADV_DONTNEED), 0); /* shared: the file keeps it */
    assert_int_equal(get(0, 0x102), 6);
}

/* ---- populating ---- */
static void populated_memory_is_own(void **state)
{
    (void)state;
    start_with_file(SPEC_LINUX_6_1);
    map_file(0x200, 12, RW, PRIVATE_FILE | MAP_POPULATE, 0, 0); /* 4 pages behind its end */
    assert_true(is_own(0, 0x200));
    assert_true(is_own(0, 0x207));
    assert_false(is_own(0, 0x208));
    put(0, 0x101, 6);
    assert_int_equal(get(0, 0x201), 5);
    map_file(0x210, 2, R, PRIVATE_FILE | MAP_POPULATE, 0, 0);
    assert_false(is_own(0, 0x210));
    assert_int_equal(spec_mlock(spec, 0, bytes(0x210), bytes(2)), 0);
    assert_false(is_own(0, 0x210));
    assert_int_equal(protect(0x210, 1, RW), 0);
    assert_true(is_own(0, 0x210));
    assert_false(is_own(0, 0x211));
    assert_int_equal(spec_mlock(spec, 0, bytes(0x116), bytes(2)), 0);
    assert_true(is_own(0, 0x116));
    assert_false(is_own(0, 0x115));
    spec_mlockall(spec, 0, MCL_FUTURE | MCL_ONFAULT);
    map(0x300, 1, RW, FIXED);
    map(0x301, 1, RW, FIXED | MAP_POPULATE);
    assert_false(is_own(0, 0x300));
    assert_false(is_own(0, 0x301)); /* on fault, whatever else is wanted */
    spec_mlockall(spec, 0, MCL_FUTURE);
    assert_int_equal(spec_brk_call(spec, 0, bytes(0x202) + 0), bytes(0x200)); /* in use */
    assert_int_equal(unmap(0x200, 0x20), 0);
    assert_int_equal(spec_brk_call(spec, 0, bytes(0x202)), bytes(0x202));
    assert_true(is_own(0, 0x201));
    assert_int_equal(remap(0x301, 1, 2, MREMAP_MAYMOVE, 0), 0x301);
    assert_false(is_own(0, 0x302)); /* locked on fault only */
}

static void populate_by_advice(void **state)
{
    (void)state;
    start_world(SPEC_LINUX_5_10);
    map(0x100, 2, RW, FIXED);
    assert_int_equal(advise(0x100, 1, MADV_POPULATE_READ), -EINVAL);
    start_with_file(SPEC_LINUX_6_1);
    map(0x118, 2, RW, FIXED);
    map(0x11a, 1, R, FIXED);
    map_file(0x120, 2, RW, PRIVATE_FILE, 0, 7);
    assert_int_equal(advise(0x110, 0xb, MADV_POPULATE_READ), 0);
    assert_false(is_own(0, 0x110));
    assert_int_equal(advise(0x117, 4, MADV_POPULATE_WRITE), -EINVAL);
    assert_true(is_own(0, 0x117));
    assert_true(is_own(0, 0x119));
    assert_false(is_own(0, 0x11a));
    assert_int_equal(advise(0x119, 8, MADV_POPULATE_READ), -ENOMEM);
    assert_int_equal(advise(0x120, 2, MADV_POPULATE_WRITE), -EFAULT);
    assert_true(is_own(0, 0x120));
    assert_int_equal(advise(0x100, 2, MADV_POPULATE_WRITE), 0);
    assert_false(is_own(0, 0x100));
    assert_int_equal(advise(0x100, 0, MADV_POPULATE_WRITE), 0);
}

/* ---- a debugger ---- */
static void force_writes_where_nobody_may(void **state)
{
    (void)state;
    start_with_file(SPEC_LINUX_6_1);
    protect(0x110, 8, R);
    protect(0x100, 8, R);
    assert_int_equal(poke(0, 0x111), -EFAULT);
    assert_int_equal(spec_force_write(spec, 0, bytes(0x111), true, 7), 0);
    assert_int_equal(get(0, 0x111), 7);
    assert_int_equal(get(0, 0x101), 5);
    assert_int_not_equal(spec_pages(spec, 0)[0x111].anon, 0);
    assert_int_equal(spec_force_write(spec, 0, bytes(0x101), false, 7), -EFAULT);
    protect(0x100, 8, RW);
    assert_int_equal(spec_force_write(spec, 0, bytes(0x101), true, 8), 0);
    assert_int_equal(get(0, 0x101), 8);
    assert_int_equal(spec_force_write(spec, 0, bytes(0x180), false, 7), -EFAULT);
}

/* ---- pins ---- */
static long pin(unsigned n, uint64_t page, bool write)
{
    return spec_pin_page(spec, 0, n, bytes(page), write);
}

static long device(unsigned n)
{
    return spec_device_read(spec, n, NULL);
}

static void pins_follow_their_page(void **state)
{
    (void)state;
    start_world(SPEC_LINUX_4_4);
    assert_int_equal(pin(0, 0x100, false), -EOPNOTSUPP);
    start_world(SPEC_LINUX_6_1);
    map(0x100, 4, RW, FIXED);
    put(0, 0x100, 1);
    assert_int_equal(pin(0, 0x100, true), 0);
    assert_int_equal(pin(0, 0x101, true), -EBUSY);
    assert_true(spec_pin(spec, 0)->strict);
    put(0, 0x100, 2);
    assert_int_equal(device(0), 2);
    assert_int_equal(spec_fork(spec, 0, 1), 0);
    assert_int_equal(spec_device_write(spec, 0, 3), 0);
    assert_int_equal(get(0, 0x100), 3);
    assert_int_equal(get(1, 0x100), 2);
    assert_int_equal(remap(0x100, 1, 1, MOVE, 0x200), 0x200);
    assert_int_equal(spec_pin(spec, 0)->page, 0x200);
    put(0, 0x200, 4);
    assert_int_equal(device(0), 4);
    assert_int_equal(unmap(0x200, 1), 0);
    assert_false(spec_pin(spec, 0)->attached);
    assert_int_equal(device(0), 4);
    assert_int_equal(spec_device_write(spec, 0, 5), 0);
    assert_int_equal(spec_pin_contents(spec, 0), 5);
    assert_int_equal(spec_unpin(spec, 0), 0);
    assert_int_equal(spec_unpin(spec, 0), -EBADF);
    assert_int_equal(device(0), -EBADF);
    assert_int_equal(pin(1, 0x101, true), 0); /* nothing there until then */
    assert_true(is_own(0, 0x101));
    put(0, 0x101, 6);
    assert_int_equal(spec_exit(spec, 0), 0);
    assert_int_equal(device(1), 6);
}

static void read_pins_may_be_left_behind(void **state)
{
    (void)state;
    start_world(SPEC_LINUX_6_1);
    map(0x100, 4, RW, FIXED);
    put(0, 0x100, 1);
    assert_int_equal(pin(0, 0x100, false), 0);
    assert_int_equal(pin(1, 0x101, false), 0);
    assert_int_equal(spec_device_write(spec, 0, 9), -EACCES);
    assert_false(spec_pin(spec, 0)->strict);
    assert_false(spec_pin(spec, 1)->attached);
    put(0, 0x101, 2);
    assert_int_equal(device(1), 0); /* the page of zeroes */
    put(0, 0x100, 3);
    spec_tell_pin(spec, 0, true);
    assert_int_equal(device(0), 3);
    put(0, 0x100, 4);
    spec_tell_pin(spec, 0, false);
    assert_int_equal(device(0), 3);
    assert_int_equal(get(0, 0x100), 4);
    protect(0x100, 1, PROT_EXEC);
    assert_int_equal(pin(2, 0x100, false), -EFAULT);
    protect(0x100, 1, RW);
    assert_int_equal(advise(0x100, 1, MADV_FREE), 0);
    assert_int_equal(pin(2, 0x100, false), 0); /* but it is zeroes by now */
    spec_tell_pin(spec, 2, false);
    assert_true(spec_tell_zero(spec, 0, 0x100, false));
    assert_int_equal(device(2), 0);
}

static void pins_of_the_file_are_the_files(void **state)
{
    (void)state;
    start_with_file(SPEC_LINUX_6_1);
    assert_int_equal(pin(0, 0x101, true), 0);
    assert_int_equal(pin(1, 0x111, false), 0);
    assert_false(spec_pin(spec, 0)->attached);
    assert_int_equal(spec_device_write(spec, 0, 6), 0);
    assert_int_equal(get(0, 0x101), 6);
    assert_int_equal(device(1), 6);
    put(0, 0x111, 7);
    assert_int_equal(device(1), 6);
    assert_int_equal(pin(2, 0x102, true), 0); /* never written to */
    assert_int_equal(advise(0x101, 2, MADV_REMOVE), 0);
    assert_int_equal(device(0), 6);
    assert_int_equal(device(1), 6);
    put(0, 0x101, 8);
    assert_int_equal(device(0), 6);
    assert_int_equal(spec_device_write(spec, 2, 9), 0);
    assert_int_equal(get(0, 0x102), 0);
    assert_int_equal(spec_open(spec, 1, 2, 3, 512), 0); /* hugetlb: no frames */
    assert_int_equal(map_file(0x400, 512, RW, SHARED_FILE, 1, 0), 0x400);
    assert_int_equal(pin(3, 0x400, true), 0);
    assert_int_equal(spec_device_write(spec, 3, 9), 0);
    assert_int_equal(device(3), 0);
    put(0, 0x400, 9);
    assert_int_equal(get(0, 0x400), 0);
}

/* What a device holds since before it was freed cannot become zeroes. */
static void pinned_pages_are_not_freed(void **state)
{
    const struct spec_seen zero = {.ret = 0};

    (void)state;
    start_world(SPEC_LINUX_6_1);
    map(0x100, 4, RW, FIXED);
    put(0, 0x100, 1);
    put(0, 0x101, 2);
    assert_int_equal(pin(0, 0x100, true), 0);
    assert_int_equal(advise(0x100, 2, MADV_FREE), 0);
    assert_false(spec_tell_zero(spec, 0, 0x100, true));
    assert_int_equal(pin(1, 0x101, true), 0); /* who knows what it got */
    assert_true(is_lazy(0, 0x101));
    assert_int_equal(spec_device_read(spec, 1, &zero), 0);
    assert_int_equal(get(0, 0x101), 0);
    assert_false(spec_tell_zero(spec, 0, 0x101, false)); /* somebody has its page for sure */
    assert_true(spec_tell_zero(spec, 0, 0x101, true));
    put(0, 0x101, 9);
    assert_int_equal(spec_device_read(spec, 1, NULL), 9);
    assert_int_equal(spec_device_write(spec, 0, 3), 0);
    assert_false(is_lazy(0, 0x100));
    assert_int_equal(spec_unpin(spec, 0), 0);
    assert_int_equal(get(0, 0x100), 3);
}

static void lost_pages_are_shared_by_their_pins(void **state)
{
    (void)state;
    start_with_file(SPEC_LINUX_6_1);
    map(0x200, 2, RW, FIXED);
    assert_int_equal(pin(0, 0x200, true), 0);
    assert_int_equal(pin(1, 0x200, false), 0);
    assert_int_equal(pin(2, 0x201, true), 0);
    assert_int_equal(pin(3, 0x101, true), 0);
    assert_int_equal(pin(4, 0x111, false), 0);
    assert_int_equal(advise(0x101, 1, MADV_REMOVE), 0);
    assert_int_equal(unmap(0x200, 2), 0);
    assert_int_equal(spec_device_write(spec, 0, 6), 0);
    assert_int_equal(spec_device_write(spec, 3, 7), 0);
    assert_int_equal(device(1), 6);
    assert_int_equal(device(2), 0);
    assert_int_equal(device(4), 7);
    start_world(SPEC_LINUX_5_10);
    map(0x100, 1, RW, FIXED);
    assert_int_equal(pin(0, 0x100, true), 0);
    assert_int_equal(pin(1, 0x100, false), 0);
    put(0, 0x100, 1);
    spec_tell_pin(spec, 0, false);
    spec_tell_pin(spec, 1, false);
    assert_int_equal(spec_device_write(spec, 0, 2), 0);
    assert_int_equal(device(1), 2);
}

static void dropped_page_may_lose_its_pin(void **state)
{
    (void)state;
    start_world(SPEC_LINUX_6_1);
    map(0x100, 1, RW, FIXED);
    put(0, 0x100, 1);
    assert_int_equal(pin(0, 0x100, true), 0);
    assert_int_equal(pin(1, 0x100, true), 0);
    assert_int_equal(spec_force_write(spec, 0, bytes(0x100), true, 2), 0);
    spec_tell_pin(spec, 0, false);
    spec_tell_pin(spec, 1, true);
    assert_int_equal(device(0), 1);
    assert_int_equal(device(1), 2);
    assert_true(spec_pin(spec, 1)->strict);
}

/* ---- taking over a failed call ---- */
struct shown {
    uint64_t page, value; /* of process 0; of all other pages what the specification holds */
    bool own;
};
static struct shown shown;

static uint64_t show(void *arg, unsigned proc, uint64_t page, bool *own)
{
    if (!proc && page == shown.page) {
        *own = shown.own;
        return shown.value;
    }
    *own = spec_pages(arg, proc)[page].own;
    return spec_contents(arg, proc, page);
}

/* Page 0x100 holds 1, 0x110 holds 2. */
static uint64_t show_before(void *arg, unsigned proc, uint64_t page, bool *own)
{
    (void)arg;
    *own = !proc && (page == 0x100 || page == 0x110);
    return !*own ? 0 : page == 0x100 ? 1 : 2;
}

/* The layout is as the call leaves it. */
static bool adopts(uint64_t page, uint64_t value, bool own)
{
    struct snapshot s = {0};
    char why[160] = "";
    bool ok;

    shown = (struct shown){page, value, own};
    assert_int_equal(spec_snapshot(spec, &s), 0);
    ok = flat_adopt(&s, show, true, why, sizeof(why));
    snapshot_fini(&s);
    if (!ok)
        assert_non_null(strstr(why, "reads neither as before the call nor as after it"));
    return ok;
}

static void adopted_contents_are_of_before_or_after(void **state)
{
    (void)state;
    start_with_file(SPEC_LINUX_6_1);
    put(0, 0x111, 1);
    spec_before(spec);
    put(0, 0x111, 2);
    assert_false(adopts(0x111, 3, true));
    spec_before(spec);
    put(0, 0x111, 4);
    assert_true(adopts(0x111, 2, true));
    assert_int_equal(get(0, 0x111), 2);
    spec_before(spec);
    put(0, 0x101, 6);
    assert_true(adopts(0x101, 5, false)); /* the file as before */
    assert_int_equal(get(0, 0x101), 5);
    assert_int_equal(get(0, 0x111), 2);
    spec_before(spec);
    spec_mlock(spec, 0, bytes(0x112), bytes(2)); /* own with what was there, or not */
    assert_true(adopts(0x113, 0, false));
    assert_true(is_own(0, 0x112));
    assert_false(is_own(0, 0x113));
    spec_before(spec);
    spec_find(spec, 0, 0);
    assert_false(adopts(0x111, 5, false)); /* lost */
}

static void stack_grown_for_a_failed_write(void **state)
{
    (void)state;
    start_world(SPEC_LINUX_6_1);
    map(0x300, 1, RW, FIXED | MAP_GROWSDOWN);
    spec_before(spec);
    put(0, 0x2ff, 1);
    assert_false(adopts(0x2ff, 2, true));
    spec_before(spec);
    put(0, 0x2fe, 1);
    assert_true(adopts(0x2fe, 0, false));
    assert_layout("2fe-301 rwa");
}

static void adopted_lazily_freed_page(void **state)
{
    (void)state;
    start_world(SPEC_LINUX_6_1);
    map(0x100, 2, RW, FIXED);
    put(0, 0x100, 1);
    put(0, 0x101, 2);
    advise(0x100, 2, MADV_FREE);
    spec_before(spec);
    put(0, 0x101, 3);
    assert_true(adopts(0x100, 0, false));
    assert_int_equal(get(0, 0x100), 0);
    assert_int_equal(get(0, 0x101), 3);
    advise(0x101, 1, MADV_FREE);
    spec_before(spec);
    put(0, 0x101, 4);
    assert_true(adopts(0x101, 3, true));
    assert_true(is_lazy(0, 0x101));
}

static void adopted_pins_are_in_doubt(void **state)
{
    (void)state;
    start_world(SPEC_LINUX_6_1);
    map(0x100, 2, RW, FIXED);
    put(0, 0x100, 1);
    assert_int_equal(pin(0, 0x100, true), 0);
    spec_before(spec);
    assert_int_equal(advise(0x100, 1, MADV_DONTNEED), 0);
    assert_true(adopts(0x100, 1, true)); /* as if nothing had happened */
    assert_true(spec_pin(spec, 0)->attached);
    spec_tell_pin(spec, 0, true);
    assert_true(spec_pin(spec, 0)->strict);
    spec_before(spec);
    assert_int_equal(pin(1, 0x101, true), 0);
    assert_true(adopts(0x101, 0, false));
    assert_int_equal(spec_unpin(spec, 1), -EBADF);
    spec_before(spec);
    put(0, 0x100, 2);
    assert_true(adopts(0x100, 1, true));
    spec_tell_pin(spec, 0, true);
    assert_int_equal(device(0), 1);
    spec_before(spec);
    assert_int_equal(spec_force_write(spec, 0, bytes(0x100), true, 3), 0);
    assert_true(adopts(0x100, 0, false)); /* dropped, and nothing to be had for it */
    assert_false(spec_pin(spec, 0)->attached);
    assert_int_equal(device(0), 1);
}

/* What keeps its pages where it was keeps its pins, even if those where it should have gone have
 * not made room. */
static void adopted_pins_of_what_did_not_move(void **state)
{
    struct snapshot s = {0};
    char why[160] = "";

    (void)state;
    start_world(SPEC_LINUX_6_1);
    map(0x100, 1, RW, FIXED);
    map(0x110, 1, RW, FIXED);
    put(0, 0x100, 1);
    put(0, 0x110, 2);
    assert_int_equal(pin(0, 0x100, true), 0);
    assert_int_equal(pin(1, 0x110, true), 0);
    assert_int_equal(spec_snapshot(spec, &s), 0);
    spec_before(spec);
    assert_int_equal(remap(0x100, 1, 1, MREMAP_MAYMOVE | MREMAP_FIXED, 0x110), 0x110);
    assert_true(flat_adopt(&s, show_before, true, why, sizeof(why)));
    for (unsigned n = 0; n < 2; n++) {
        assert_true(spec_pin(spec, n)->attached);
        assert_int_equal(spec_pin(spec, n)->page, n ? 0x110 : 0x100);
        spec_tell_pin(spec, n, true);
        assert_true(spec_pin(spec, n)->strict);
        assert_int_equal(device(n), n + 1);
    }
    snapshot_fini(&s);
}

/* ---- exe files ---- */
static void exe_file_is_in_use(void **state)
{
    struct spec_config config = flat_config(SPEC_LINUX_6_1);

    (void)state;
    start_world(SPEC_LINUX_6_1);
    assert_int_equal(spec_set_exe_file(spec, 0, 0), -EBADF);
    spec_open(spec, 0, 1, 3, 8);
    assert_int_equal(spec_set_exe_file(spec, 0, 0), -EACCES);
    spec_open(spec, 1, 0, 11, 8); /* may not be executed */
    assert_int_equal(spec_set_exe_file(spec, 0, 1), -EACCES);
    spec_open(spec, 2, 0, 1, 8);
    assert_int_equal(spec_set_exe_file(spec, 0, 2), 0);
    assert_int_equal(spec_set_exe_file(spec, 0, 2), 0);
    assert_int_equal(spec_fork(spec, 0, 1), 0);
    spec_close(spec, 2);
    spec_exit(spec, 0);
    spec_exit(spec, 1);
    config.privileged = false;
    assert_int_equal(spec_reset(spec, &config), 0);
    assert_int_equal(spec_set_exe_file(spec, 0, 0), -EPERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generations_see_their_own_writes),
        cmocka_unit_test(private_file_memory_is_the_files_until_written),
        cmocka_unit_test(contents_move_along),
        cmocka_unit_test(many_pages_of_objects),
        cmocka_unit_test(lazily_freed_may_be_zeroes),
        cmocka_unit_test(removed_from_the_object_only),
        cmocka_unit_test(populated_memory_is_own),
        cmocka_unit_test(populate_by_advice),
        cmocka_unit_test(force_writes_where_nobody_may),
        cmocka_unit_test(pins_follow_their_page),
        cmocka_unit_test(read_pins_may_be_left_behind),
        cmocka_unit_test(pins_of_the_file_are_the_files),
        cmocka_unit_test(pinned_pages_are_not_freed),
        cmocka_unit_test(lost_pages_are_shared_by_their_pins),
        cmocka_unit_test(dropped_page_may_lose_its_pin),
        cmocka_unit_test(adopted_contents_are_of_before_or_after),
        cmocka_unit_test(stack_grown_for_a_failed_write),
        cmocka_unit_test(adopted_lazily_freed_page),
        cmocka_unit_test(adopted_pins_are_in_doubt),
        cmocka_unit_test(adopted_pins_of_what_did_not_move),
        cmocka_unit_test(exe_file_is_in_use),
    };

    return cmocka_run_group_tests(tests, flat_setup, flat_teardown);
}
