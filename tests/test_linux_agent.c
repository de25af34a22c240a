/* SPDX-License-Identifier: GPL-2.0-only */
/* Processes that make the calls of programs on the running kernel. */
#define _GNU_SOURCE
#include "harness/linux/subject_linux.h"
#include "tests/play.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGES(n) ((uint64_t)(n) << PAGE_SHIFT)
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static struct subject *linux_there(double seconds)
{
    const struct linux_options o = {
        .cpu = (unsigned)sched_getcpu(), .reader = READER_NONE, .seconds = seconds};
    char why[200] = "";
    struct subject *s = subject_linux_new(&o, why, sizeof(why));

    if (!s)
        print_message("skipped: the kernel cannot be asked here: %s\n", why);
    return s;
}

/* *state is the subject; NULL: skip. */
static int setup(void **state)
{
    *state = linux_there(5);
    return 0;
}

static int teardown(void **state)
{
    struct subject *s = *state;

    if (s)
        s->ops->free(s);
    return 0;
}

static struct subject *fresh(void **state)
{
    struct subject *s = *state;
    struct world_config config;

    if (!s)
        skip();
    linux_world_config(&config);
    assert_int_equal(s->ops->reset(s, &config), 0);
    return s;
}

static long make(struct subject *s, struct call c)
{
    assert_null(s->ops->refuses(s, &c));
    return s->ops->apply(s, &c, NULL);
}

static long map(struct subject *s, unsigned proc, uint64_t page, uint64_t pages, int prot)
{
    return make(s, (struct call){.kind = OP_MMAP,
                                 .proc = (uint8_t)proc,
                                 .addr = PAGES(page),
                                 .len = PAGES(pages),
                                 .prot = prot,
                                 .flags = ANON | (page ? MAP_FIXED : 0),
                                 .fd = -1});
}

static long on(struct subject *s, enum op_kind kind, unsigned proc, uint64_t page, uint64_t n)
{
    return make(s, (struct call){.kind = (uint8_t)kind,
                                 .proc = (uint8_t)proc,
                                 .child = (uint8_t)n,
                                 .addr = PAGES(page),
                                 .len = PAGES(n),
                                 .stamp = n});
}

/* ---- the window ---- */
static void test_window(void **state)
{
    const uint64_t end = PAGES(world_config_default.task_size);

    (void)state;
    assert_int_equal(WINDOW_BASE & ((1UL << 30) - 1), 0);
    assert_int_equal(window_to_kernel(0x123456), WINDOW_BASE + 0x123456);
    assert_int_equal(window_from_kernel(window_to_kernel(0x123456)), 0x123456);
    assert_true(window_to_kernel(end) >= AGENT_END);
    assert_true(window_to_kernel(end + 1) > window_to_kernel(end));
    assert_int_equal(window_to_kernel(UINT64_MAX), UINT64_MAX);
    /* inside: as it is; beyond: out of the address space; what wraps still does */
    assert_int_equal(window_length(PAGES(16), PAGES(4)), PAGES(4));
    assert_int_equal(window_length(end - PAGES(1), PAGES(1)), PAGES(1));
    assert_true(window_to_kernel(end - PAGES(1)) + window_length(end - PAGES(1), PAGES(2)) >
                AGENT_END);
    assert_int_equal(window_length(PAGES(16), UINT64_MAX - 100), UINT64_MAX - 100);
    assert_int_equal(window_length(0, end), end);
    assert_true(window_length(0, end + 1) > AGENT_END);
}

static void test_worlds(void **state)
{
    struct world_config config;

    (void)state;
    linux_world_config(&config);
    assert_null(linux_refuses_world(&config));
    config.task_size *= 2;
    assert_non_null(linux_refuses_world(&config));
    linux_world_config(&config);
    config.legacy_layout = true;
    assert_non_null(linux_refuses_world(&config));
    linux_world_config(&config);
    config.max_map_count = 100;
    assert_non_null(linux_refuses_world(&config));
}

/* ---- calls ---- */
static void test_addresses(void **state)
{
    struct subject *s = fresh(state);
    const uint64_t base = world_config_default.mmap_base, heap = world_config_default.start_brk;

    assert_int_equal(map(s, 0, 0, 4, RW), PAGES(base - 4));
    assert_int_equal(map(s, 0, 0x20, 2, RW), PAGES(0x20));
    assert_int_equal(map(s, 0, 4095, 2, RW), -ENOMEM); /* leaves the world */
    assert_int_equal(on(s, OP_MUNMAP, 0, 4095, 2), -EINVAL);
    assert_int_equal(on(s, OP_BRK, 0, 0, 0), PAGES(heap));
    assert_int_equal(on(s, OP_BRK, 0, heap + 2, 0), PAGES(heap + 2));
    assert_int_equal(make(s, (struct call){.kind = OP_MREMAP,
                                           .addr = PAGES(0x20),
                                           .len = PAGES(2),
                                           .new_len = PAGES(3),
                                           .to = PAGES(0x100),
                                           .flags = MREMAP_MAYMOVE | MREMAP_FIXED}),
                     PAGES(0x100));
    assert_int_equal(on(s, OP_MPROTECT, 0, 0x20, 1), -ENOMEM);
    assert_int_equal(on(s, OP_MINCORE, 0, 0x100, 3), 0);
    assert_int_equal(on(s, OP_MUNMAP, 0, 0x10, 4080), 0);
    assert_int_equal(on(s, OP_MINCORE, 0, 0x100, 3), -ENOMEM);
    assert_int_equal(map(s, 0, 16, base - 16, RW), PAGES(16)); /* all that is below the base */
    assert_int_equal(map(s, 0, 0, 1, RW), PAGES(base)); /* what is above is searched upwards */
    assert_int_equal(map(s, 0, 0, 255, RW), PAGES(base + 1));
    assert_int_equal(map(s, 0, 0, 1, RW), -ENOMEM);
}

static void test_impossible(void **state)
{
    struct subject *s = fresh(state);
    struct call c = {.kind = OP_MUNMAP, .addr = PAGES(3), .len = PAGES(20)};

    assert_non_null(s->ops->refuses(s, &c)); /* the filler covers the lowest pages */
    c = (struct call){.kind = OP_MADVISE, .addr = PAGES(4000), .len = PAGES(200)};
    assert_non_null(s->ops->refuses(s, &c)); /* and what is above */
    c = (struct call){.kind = OP_MIGRATE, .addr = PAGES(4000), .len = PAGES(2)};
    assert_non_null(s->ops->refuses(s, &c));
    assert_int_equal(s->ops->apply(s, &c, NULL), -ENOSYS);
}

static long open_file(struct subject *s, unsigned fd, enum file_kind kind, int mode, uint64_t pages)
{
    return make(
        s, (struct call){
               .kind = OP_OPEN, .new_fd = (int)fd, .sel = kind, .flags = mode, .pages = pages});
}

static long map_file(struct subject *s, uint64_t page, unsigned fd, int prot, int flags)
{
    return make(s, (struct call){.kind = OP_MMAP,
                                 .addr = PAGES(page),
                                 .len = PAGES(4),
                                 .prot = prot,
                                 .flags = MAP_FIXED | flags,
                                 .fd = (int)fd});
}

static void test_files(void **state)
{
    struct subject *s = fresh(state);

    for (unsigned i = 0; i < 2; i++) {
        const enum file_kind kind = i ? FILE_SHMEM : FILE_REGULAR;
        const uint64_t at = 0x40 + i * 0x40;

        assert_int_equal(open_file(s, 3 * i, kind, FMODE_READ | FMODE_WRITE, 2), 0);
        assert_int_equal(open_file(s, 3 * i, kind, FMODE_READ, 2), -EMFILE);
        assert_int_equal(map_file(s, at, 3 * i, RW, MAP_SHARED), PAGES(at));
        assert_int_equal(on(s, OP_WRITE, 0, at + 1, 77), 0);
        assert_int_equal(on(s, OP_WRITE, 0, at + 2, 77), -ENXIO); /* behind its end */
        assert_int_equal(on(s, OP_POKE, 0, at + 2, 77), -ENXIO);
        assert_int_equal(on(s, OP_PEEK, 0, at + 3, 0), -ENXIO);
        assert_int_equal(map_file(s, at + 0x20, 3 * i, PROT_EXEC, MAP_PRIVATE), PAGES(at + 0x20));
        assert_int_equal(on(s, OP_EXEC, 0, at + 0x21, 0), 77);
        assert_int_equal(on(s, OP_EXEC, 0, at + 0x22, 0), -ENXIO);
        assert_int_equal(make(s, (struct call){.kind = OP_REOPEN,
                                               .fd = (int)(3 * i),
                                               .new_fd = (int)(3 * i + 1),
                                               .flags = FMODE_READ}),
                         0);
        assert_int_equal(map_file(s, at + 8, 3 * i + 1, RW, MAP_SHARED), -EACCES);
        assert_int_equal(map_file(s, at + 8, 3 * i + 1, PROT_READ, MAP_SHARED), PAGES(at + 8));
        assert_int_equal(on(s, OP_READ, 0, at + 9, 0), 77);
        assert_int_equal(make(s, (struct call){.kind = OP_CLOSE, .fd = (int)(3 * i)}), 0);
        assert_int_equal(make(s, (struct call){.kind = OP_CLOSE, .fd = (int)(3 * i)}), -EBADF);
        assert_int_equal(map_file(s, at + 16, 3 * i, PROT_READ, MAP_SHARED), -EBADF);
    }
    assert_int_equal(open_file(s, 9, FILE_REGULAR, FMODE_READ | FMODE_NOEXEC, 2), 0);
    assert_int_equal(map_file(s, 0x200, 9, PROT_EXEC, MAP_PRIVATE), -EPERM);
    assert_int_equal(open_file(s, 10, FILE_SHMEM, FMODE_READ | FMODE_NOEXEC, 2), 0);
    assert_int_equal(map_file(s, 0x200, 10, PROT_EXEC, MAP_PRIVATE), -EPERM);
    assert_int_equal(open_file(s, 11, FILE_SHMEM, 0, 2), 0);
    assert_int_equal(map_file(s, 0x200, 11, PROT_READ, MAP_PRIVATE), -EACCES);
    assert_int_equal(make(s, (struct call){.kind = OP_SEAL, .fd = 11}), 0);
}

static void test_faults(void **state)
{
    struct subject *s = fresh(state);

    assert_int_equal(map(s, 0, 0x20, 2, RW), PAGES(0x20));
    assert_int_equal(map(s, 0, 0x30, 1, PROT_READ), PAGES(0x30));
    assert_int_equal(map(s, 0, 0x40, 1, PROT_NONE), PAGES(0x40));
    assert_int_equal(on(s, OP_READ, 0, 0x20, 0), 0);
    assert_int_equal(on(s, OP_WRITE, 0, 0x20, 5), 0);
    assert_int_equal(on(s, OP_READ, 0, 0x20, 0), 5);
    assert_int_equal(on(s, OP_PEEK, 0, 0x20, 0), 5);
    assert_int_equal(on(s, OP_POKE, 0, 0x21, 6), 0);
    assert_int_equal(on(s, OP_READ, 0, 0x21, 0), 6);
    assert_int_equal(on(s, OP_WRITE, 0, 0x30, 5), -EFAULT);
    assert_int_equal(on(s, OP_POKE, 0, 0x30, 5), -EFAULT);
    assert_int_equal(on(s, OP_FORCE, 0, 0x30, 8), 0);
    assert_int_equal(on(s, OP_READ, 0, 0x30, 0), 8);
    assert_int_equal(on(s, OP_READ, 0, 0x40, 0), -EFAULT);
    assert_int_equal(on(s, OP_EXEC, 0, 0x20, 0), -EFAULT);
    assert_int_equal(on(s, OP_EXEC, 0, 0x50, 0), -EFAULT);
    assert_int_equal(on(s, OP_EXEC, 0, 5000, 0), -EFAULT);
    assert_int_equal(map(s, 0, 0x60, 1, RW | PROT_EXEC), PAGES(0x60));
    assert_int_equal(on(s, OP_EXEC, 0, 0x60, 0), 0);
    assert_int_equal(on(s, OP_WRITE, 0, 0x60, 9), 0);
    assert_int_equal(on(s, OP_EXEC, 0, 0x60, 0), 9);
    assert_int_equal(on(s, OP_READ, 0, 0x50, 0), -EFAULT);
    assert_int_equal(on(s, OP_FORCE, 0, 0x50, 1), -EFAULT);
    assert_int_equal(on(s, OP_READ, 0, 5000, 0), -EFAULT);
    assert_null(linux_lost(s));
}

static void test_find(void **state)
{
    struct subject *s = fresh(state);
    struct call c = {.kind = OP_FIND};

    if (s->ops->refuses(s, &c))
        skip();
    assert_int_equal(on(s, OP_FIND, 0, 0, 0), 0);
    map(s, 0, 0x20, 2, RW);
    map(s, 0, 0x30, 2, RW);
    assert_int_equal(on(s, OP_FIND, 0, 0, 0), PAGES(0x20) + 1);
    assert_int_equal(on(s, OP_FIND, 0, 0x22, 0), PAGES(0x30) + 1);
    assert_int_equal(on(s, OP_FIND, 0, 0x32, 0), 0);
    assert_int_equal(on(s, OP_FIND_PREV, 0, 0x21, 0), 0);
    assert_int_equal(on(s, OP_FIND_PREV, 0, 0x22, 0), PAGES(0x20) + 1);
    assert_int_equal(on(s, OP_FIND_PREV, 0, 5000, 0), PAGES(0x30) + 1);
    assert_int_equal(on(s, OP_FIND_RANGE, 0, 0x22, 14), 0);
    assert_int_equal(on(s, OP_FIND_RANGE, 0, 0x22, 15), PAGES(0x30) + 1);
}

static void test_pins(void **state)
{
    struct subject *s = fresh(state);
    struct call pin = {.kind = OP_PIN, .new_fd = 3, .addr = PAGES(0x20), .sel = 1};

    if (s->ops->refuses(s, &pin))
        skip();
    map(s, 0, 0x20, 1, RW);
    map(s, 0, 0x30, 1, PROT_READ);
    assert_int_equal(on(s, OP_WRITE, 0, 0x20, 5), 0);
    assert_int_equal(make(s, pin), 0);
    assert_int_equal(make(s, pin), -EBUSY);
    pin.new_fd = 4;
    pin.addr = PAGES(0x30);
    assert_int_equal(make(s, pin), -EFAULT);
    assert_int_equal(make(s, (struct call){.kind = OP_DEVICE_READ, .fd = 3}), 5);
    assert_int_equal(make(s, (struct call){.kind = OP_DEVICE_WRITE, .fd = 3, .stamp = 6}), 0);
    assert_int_equal(on(s, OP_READ, 0, 0x20, 0), 6);
    assert_int_equal(on(s, OP_FORK, 0, 0, 1), 0);
    assert_int_equal(on(s, OP_WRITE, 0, 0x20, 7), 0); /* the pin stays with the parent's page */
    assert_int_equal(make(s, (struct call){.kind = OP_DEVICE_READ, .fd = 3}), 7);
    assert_int_equal(on(s, OP_READ, 1, 0x20, 0), 6);
    assert_int_equal(on(s, OP_EXIT, 0, 0, 0), 0);
    assert_int_equal(make(s, (struct call){.kind = OP_DEVICE_READ, .fd = 3}), 7);
    assert_int_equal(make(s, (struct call){.kind = OP_UNPIN, .fd = 3}), 0);
    assert_int_equal(make(s, (struct call){.kind = OP_UNPIN, .fd = 3}), -EBADF);
    assert_int_equal(make(s, (struct call){.kind = OP_DEVICE_READ, .fd = 3}), -EBADF);
    assert_null(linux_lost(s));
}

/* ---- processes ---- */
static void test_family(void **state)
{
    struct subject *s = fresh(state);
    static const uint8_t order[] = {3, 0, 15, 7, 1, 2, 14, 5, 4, 6, 8, 13, 9, 12, 10, 11};

    assert_int_equal(map(s, 0, 0x20, 1, RW), PAGES(0x20));
    assert_int_equal(on(s, OP_WRITE, 0, 0x20, 100), 0);
    for (unsigned i = 1; i < MAX_PROCS; i++) {
        assert_int_equal(on(s, OP_FORK, i / 2, 0, i), 0);
        assert_int_equal(on(s, OP_READ, i, 0x20, 0), 100 + i / 2);
        assert_int_equal(on(s, OP_WRITE, i, 0x20, 100 + i), 0);
    }
    assert_int_equal(on(s, OP_FORK, 0, 0, 5), -EAGAIN);
    assert_int_equal(on(s, OP_FORK, 0, 0, MAX_PROCS), -EAGAIN);
    for (unsigned i = 0; i < MAX_PROCS; i++) {
        assert_int_equal(on(s, OP_READ, order[i], 0x20, 0), 100 + order[i]);
        assert_int_equal(on(s, OP_EXIT, order[i], 0, 0), 0);
    }
    assert_null(linux_lost(s));
}

static void test_reset(void **state)
{
    struct subject *s = fresh(state);

    map(s, 0, 0x20, 4, RW);
    on(s, OP_BRK, 0, 600, 0);
    assert_int_equal(make(s, (struct call){.kind = OP_MLOCKALL, .flags = MCL_FUTURE}), 0);
    make(s, (struct call){.kind = OP_SETRLIMIT, .sel = MM_RLIMIT_AS, .pages = 10});
    assert_int_equal(map(s, 0, 0, 100, RW), -ENOMEM);
    assert_int_equal(on(s, OP_FORK, 0, 0, 1), 0);
    assert_int_equal(open_file(s, 0, FILE_SHMEM, FMODE_READ, 2), 0);
    s = fresh(state);
    assert_int_equal(on(s, OP_MINCORE, 0, 0x20, 1), -ENOMEM);
    assert_int_equal(on(s, OP_BRK, 0, 0, 0), PAGES(world_config_default.start_brk));
    assert_int_equal(map(s, 0, 0, 100, RW), PAGES(world_config_default.mmap_base - 100));
    assert_int_equal(on(s, OP_FORK, 0, 0, 1), 0);
    assert_int_equal(open_file(s, 0, FILE_SHMEM, FMODE_READ, 2), 0);
}

/* What a process has beside the window: "from-to rwxp" of each mapping. */
static void around_window(pid_t pid, char *text, size_t size)
{
    char path[40], line[512];
    FILE *f;

    *text = 0;
    snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
    f = fopen(path, "re");
    assert_non_null(f);
    while (fgets(line, sizeof(line), f)) {
        unsigned long from, to;
        char perm[5];

        assert_int_equal(sscanf(line, "%lx-%lx %4s", &from, &to, perm), 3);
        if (from < WINDOW_BASE + AGENT_WINDOW_FIRST || from >= WINDOW_BASE + AGENT_WINDOW_SIZE)
            snprintf(text + strlen(text), size - strlen(text), "%lx-%lx %s\n", from, to, perm);
    }
    fclose(f);
}

/* Random programs, out of the world's edges too: nothing but the window is ever changed. */
static void test_nothing_else_changes(void **state)
{
    struct subject *s = fresh(state), *model = subject_model_ops.new(2);
    struct subject_linux *l = linux_of(s);
    char before[1000], after[1000];
    unsigned made = 0;

    assert_non_null(model);
    around_window(l->p.pid[0], before, sizeof(before));
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct world_config config = l->config;
        struct world *world = subject_model_world(model);
        long results[MAX_NAMES + 1] = {0};
        struct generator g;

        s->ops->reset(s, &config);
        model->ops->reset(model, &config);
        generator_start(&g, seed, &config, true);
        for (unsigned i = 0; i < 200; i++) {
            struct call call;
            struct op op;

            generator_next(&g, world, results, &op);
            op_resolve(&op, &config, results, &call);
            if (op.kind == OP_NONE || !world->proc[call.proc] || s->ops->refuses(s, &call) ||
                !l->p.pid[call.proc])
                continue;
            call.stamp = i;
            call.fail = 0;
            model->ops->apply(model, &call, NULL);
            s->ops->apply(s, &call, NULL);
            made++;
        }
        assert_null(linux_lost(s));
        for (unsigned n = 0; n < MAX_PROCS; n++) {
            if (!l->p.pid[n])
                continue;
            around_window(l->p.pid[n], after, sizeof(after));
            assert_string_equal(after, before);
        }
    }
    assert_true(made > 2000);
    model->ops->free(model);
}

/* ---- worlds of other kinds ---- */
static void test_unprivileged(void **state)
{
    struct subject *s = fresh(state);
    struct world_config config;

    linux_world_config(&config);
    config.privileged = false;
    assert_int_equal(s->ops->reset(s, &config), 0);
    map(s, 0, 0x20, 8, RW);
    make(s, (struct call){.kind = OP_SETRLIMIT, .sel = MM_RLIMIT_MEMLOCK, .pages = 4});
    assert_int_equal(on(s, OP_MLOCK, 0, 0x20, 5), -ENOMEM);
    assert_int_equal(on(s, OP_MLOCK, 0, 0x20, 4), 0);
    make(s, (struct call){.kind = OP_SETRLIMIT, .sel = MM_RLIMIT_MEMLOCK});
    assert_int_equal(on(s, OP_MLOCK, 0, 0x20, 1), -EPERM);
    assert_int_equal(on(s, OP_FORK, 0, 0, 1), 0);
    assert_int_equal(on(s, OP_MLOCK, 1, 0x20, 1), -EPERM);
}

static void test_read_implies_exec(void **state)
{
    struct subject *s = fresh(state);
    struct world_config config;

    linux_world_config(&config);
    config.read_implies_exec = true;
    assert_int_equal(s->ops->reset(s, &config), 0);
    assert_int_equal(open_file(s, 0, FILE_SHMEM, FMODE_READ | FMODE_NOEXEC, 1), 0);
    assert_int_equal(open_file(s, 1, FILE_SHMEM, FMODE_READ, 1), 0);
    assert_int_equal(map_file(s, 0x20, 0, PROT_READ, MAP_PRIVATE), PAGES(0x20));
    assert_int_equal(map_file(s, 0x30, 1, PROT_READ, MAP_PRIVATE), PAGES(0x30));
    /* a mapping that must never be executed is not; the other has it already */
    assert_int_equal(make(s, (struct call){.kind = OP_MPROTECT,
                                           .addr = PAGES(0x20),
                                           .len = PAGES(1),
                                           .prot = PROT_EXEC}),
                     -EACCES);
    assert_int_equal(make(s, (struct call){.kind = OP_MPROTECT,
                                           .addr = PAGES(0x30),
                                           .len = PAGES(1),
                                           .prot = PROT_EXEC}),
                     0);
}

/* ---- when things go wrong ---- */
static void test_death(void **state)
{
    struct subject *s = fresh(state);
    struct subject_linux *l = linux_of(s);

    assert_int_equal(on(s, OP_FORK, 0, 0, 1), 0);
    kill(l->p.pid[1], SIGKILL);
    assert_int_equal(on(s, OP_READ, 1, 0x20, 0), -EOWNERDEAD);
    assert_non_null(linux_lost(s));
    assert_non_null(strstr(linux_lost(s), "process 1 was killed by signal 9"));
    assert_int_equal(on(s, OP_READ, 0, 0x20, 0), -EOWNERDEAD);
    s = fresh(state);
    assert_null(linux_lost(s));
    assert_int_equal(map(s, 0, 0x20, 1, RW), PAGES(0x20));
}

static void test_hang(void **state)
{
    struct subject *s;
    struct world_config config;

    if (!*state)
        skip();
    s = linux_there(0.1);
    assert_non_null(s);
    linux_world_config(&config);
    for (unsigned i = 0; i < 2; i++) { /* in a call, and at its end */
        assert_int_equal(s->ops->reset(s, &config), 0);
        kill(linux_of(s)->p.pid[0], SIGSTOP);
        assert_int_equal(on(s, i ? OP_EXIT : OP_READ, 0, 0x20, 0), -EOWNERDEAD);
        assert_non_null(linux_lost(s));
        assert_non_null(strstr(linux_lost(s), "process 0 has not answered"));
    }
    assert_int_equal(s->ops->reset(s, &config), 0);
    assert_int_equal(map(s, 0, 0x20, 1, RW), PAGES(0x20));
    s->ops->free(s);
}

/* A harness that is killed: its processes, by pidfd. */
static void leave_processes(int to)
{
    struct subject *s = linux_there(5);
    struct world_config config;

    linux_world_config(&config);
    if (!s || s->ops->reset(s, &config) || on(s, OP_FORK, 0, 0, 1))
        _exit(1);
    if (write(to, linux_of(s)->p.pid, sizeof(linux_of(s)->p.pid)) < 0)
        _exit(1);
    kill(getpid(), SIGKILL);
}

static void test_nobody_outlives_the_harness(void **state)
{
    pid_t left[AGENT_SLOTS] = {0}, child;
    int ends[2];

    fresh(state);
    assert_int_equal(pipe(ends), 0);
    child = fork();
    if (child == 0)
        leave_processes(ends[1]);
    close(ends[1]);
    assert_int_equal(read(ends[0], left, sizeof(left)), sizeof(left));
    close(ends[0]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    for (unsigned n = 0; n < AGENT_SLOTS; n++) {
        struct pollfd end = {.events = POLLIN};

        if (!left[n])
            continue;
        end.fd = (int)syscall(SYS_pidfd_open, left[n], 0);
        if (end.fd < 0)
            continue; /* gone and reaped already */
        assert_int_equal(poll(&end, 1, 5000), 1);
        close(end.fd);
    }
}

static void test_own_session(void **state)
{
    struct subject *s = fresh(state);

    assert_int_not_equal(getsid(linux_of(s)->p.pid[0]), getsid(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_window),
        cmocka_unit_test(test_worlds),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_impossible),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_pins),
        cmocka_unit_test(test_family),
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_nothing_else_changes),
        cmocka_unit_test(test_unprivileged),
        cmocka_unit_test(test_read_implies_exec),
        cmocka_unit_test(test_death),
        cmocka_unit_test(test_hang),
        cmocka_unit_test(test_nobody_outlives_the_harness),
        cmocka_unit_test(test_own_session),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
