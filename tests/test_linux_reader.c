/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pictures of real processes: what is known of them is compared field by field, and one reader with
 * the other. Where the machine does not allow it, a test skips and says why.
 */
#define _GNU_SOURCE
#include "harness/executor.h"
#include "harness/linux/reader.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define MAY (SNAP_MAYREAD | SNAP_MAYWRITE | SNAP_MAYEXEC)
#define RW_FLAGS (SNAP_READ | SNAP_WRITE | MAY | SNAP_ACCOUNT)

/* ---- two processes whose window is known ---- */
static pid_t pid[MAX_PROCS];

static uint64_t *at(uint64_t page)
{
    return (uint64_t *)(WINDOW_BASE + (page << PAGE_SHIFT));
}

static void map(uint64_t page, size_t pages, int prot, int flags, int fd)
{
    void *got = mmap(at(page), pages << PAGE_SHIFT, prot, flags | MAP_FIXED_NOREPLACE, fd, 0);

    if (got != at(page))
        _exit(1);
}

static void ready_and_wait(int to)
{
    const pid_t me = getpid();

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (write(to, &me, sizeof(me)) != sizeof(me))
        _exit(1);
    for (;;)
        pause();
}

/*
 * Pages of process 0, before its child is made:
 *   100-104 rw, 102 locked; 100 read, 101 and 102 written
 *   110-114 r, never touched       120-124 rw shared, 130-134 rw private: of one file
 *   140-142 rw shared anonymous    150-152 written, then PROT_NONE
 */
static void live(int to)
{
    const int fd = memfd_create("vmafuzz-test", MFD_CLOEXEC);

    if (fd < 0 || ftruncate(fd, 8 << PAGE_SHIFT))
        _exit(1);
    map(0, WINDOW_PAGES, PROT_NONE, ANON, -1); /* is it free? A stack may be there by chance */
    munmap(at(0), WINDOW_PAGES << PAGE_SHIFT);
    map(0x100, 4, RW, ANON, -1);
    *(volatile uint64_t *)at(0x101) = 0x1234;
    (void)*(volatile uint64_t *)at(0x100);
    map(0x110, 4, PROT_READ, ANON, -1);
    map(0x120, 4, RW, MAP_SHARED, fd);
    *(volatile uint64_t *)at(0x121) = 0x55;
    map(0x130, 4, RW, MAP_PRIVATE, fd);
    *(volatile uint64_t *)at(0x131) = 0x56;
    map(0x140, 2, RW, MAP_SHARED | MAP_ANONYMOUS, -1);
    map(0x150, 2, RW, ANON, -1);
    *(volatile uint64_t *)at(0x150) = 0x99;
    *(volatile uint64_t *)at(0x102) = 0x77;
    if (mprotect(at(0x150), 2 << PAGE_SHIFT, PROT_NONE) ||
        syscall(SYS_mlock, at(0x102), 1 << PAGE_SHIFT)) /* sanitizers make mlock() do nothing */
        _exit(1);
    switch (fork()) {
    case -1:
        _exit(1);
    case 0:
        *(volatile uint64_t *)at(0x102) = 7;
        ready_and_wait(to);
    }
    ready_and_wait(to);
}

/* Both say their pid when they are as they shall be; the first in the world is the parent. */
static int setup(void **state)
{
    int from[2];
    pid_t got[2], first;

    (void)state;
    if (pipe(from))
        return -1;
    first = fork();
    if (!first) {
        close(from[0]);
        live(from[1]);
    }
    close(from[1]);
    memset(pid, 0, sizeof(pid));
    for (unsigned i = 0; i < 2; i++)
        if (read(from[0], &got[i], sizeof(got[i])) != sizeof(got[i]))
            first = -1;
    close(from[0]);
    if (first < 0) {
        print_message("the window is not free: tests of it skip\n");
        return 0;
    }
    pid[0] = first;
    pid[2] = got[0] == first ? got[1] : got[0];
    usleep(10000); /* until both sleep */
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MAX_PROCS; i++)
        if (pid[i])
            kill(pid[i], SIGKILL);
    while (wait(NULL) > 0)
        ;
    return 0;
}

static struct linux_reader *reader_or_skip(enum linux_reader_kind kind)
{
    char why[200] = "";
    struct linux_reader *r = pid[0] ? reader_new(kind, why, sizeof(why)) : NULL;

    if (r)
        return r;
    print_message("skipped: %s\n", pid[0] ? why : "no processes");
    skip();
    return NULL;
}

/* ---- what the picture has to be ---- */
struct known_vma {
    uint64_t start, end, pgoff, flags;
    uint32_t file, object, anon_vma[2], nr_chains; /* anon_vma: of each process */
};
static const struct known_vma known_vmas[] = {
    {0x100, 0x102, 0x100, RW_FLAGS, 0, 0, {1, 4}, 1},
    {0x102, 0x103, 0x102, RW_FLAGS | SNAP_LOCKED, 0, 0, {1, 5}, 1},
    {0x103, 0x104, 0x103, RW_FLAGS, 0, 0, {1, 6}, 1},
    {0x110, 0x114, 0x110, SNAP_READ | MAY, 0, 0, {0, 0}, 0},
    {0x120, 0x124, 0, SNAP_READ | SNAP_WRITE | MAY | SNAP_SHARED | SNAP_MAYSHARE, 1, 1, {0, 0}, 0},
    {0x130, 0x134, 0, RW_FLAGS, 1, 1, {2, 7}, 1},
    {0x140, 0x142, 0, SNAP_READ | SNAP_WRITE | MAY | SNAP_SHARED | SNAP_MAYSHARE, 2, 2, {0, 0}, 0},
    {0x150, 0x152, 0x150, MAY | SNAP_ACCOUNT, 0, 0, {3, 8}, 1},
};
#define NR_KNOWN (sizeof(known_vmas) / sizeof(*known_vmas))

#define PRESENT SNAP_PTE_PRESENT
#define DIRTY SNAP_PTE_DIRTY
#define BITS (SNAP_PTE_WRITE | SNAP_PTE_DIRTY | SNAP_PTE_YOUNG)
static const struct snap_pte known_ptes[] = {
    {0x100, 0, PRESENT | SNAP_PTE_SPECIAL},
    {0x101, 1, PRESENT | DIRTY},
    {0x102, 2, PRESENT | DIRTY},
    {0x121, 3, PRESENT | DIRTY | SNAP_PTE_WRITE},
    {0x131, 4, PRESENT | DIRTY},
    {0x150, 5, PRESENT | DIRTY},
    /* the child */
    {0x100, 0, PRESENT | SNAP_PTE_SPECIAL},
    {0x101, 1, PRESENT | DIRTY},
    {0x102, 6, PRESENT | DIRTY | SNAP_PTE_WRITE},
    {0x131, 4, PRESENT | DIRTY},
    {0x150, 5, PRESENT | DIRTY},
};
#define NR_PTES (sizeof(known_ptes) / sizeof(*known_ptes))

static void assert_layout(const struct snapshot *s, unsigned shows)
{
    assert_int_equal(s->nr_procs, 2);
    assert_int_equal(s->proc[0].id, 0);
    assert_int_equal(s->proc[1].id, 2);
    assert_int_equal(s->nr_vmas, 2 * NR_KNOWN);
    for (unsigned i = 0; i < s->nr_vmas; i++) {
        const struct known_vma *known = &known_vmas[i % NR_KNOWN];
        const unsigned child = i >= NR_KNOWN;
        const struct snap_vma *v = &s->vma[i];

        assert_int_equal(v->start, known->start);
        assert_int_equal(v->end, known->end);
        assert_int_equal(v->pgoff, known->pgoff);
        assert_int_equal(v->flags, known->flags & ~(child ? SNAP_LOCKED : 0UL));
        assert_int_equal(v->file, known->file);
        assert_int_equal(v->object, known->object);
        assert_int_equal(v->anon_vma, shows & SHOWS_ANON ? known->anon_vma[child] : 0);
        assert_int_equal(v->nr_chains, shows & SHOWS_ANON ? known->nr_chains << child : 0);
    }
}

static void assert_entries(const struct snapshot *s, unsigned shows)
{
    const uint32_t asked = shows & SHOWS_ENTRY_BITS ? ~(uint32_t)SNAP_PTE_YOUNG : ~(uint32_t)BITS;

    assert_int_equal(s->nr_ptes, NR_PTES);
    assert_int_equal(s->proc[0].nr_ptes, 6);
    assert_int_equal(s->proc[1].nr_ptes, 5);
    for (unsigned i = 0; i < NR_PTES; i++) {
        assert_int_equal(s->pte[i].page, known_ptes[i].page);
        assert_int_equal(s->pte[i].number, known_ptes[i].number);
        assert_int_equal(s->pte[i].flags & asked, known_ptes[i].flags & asked);
    }
}

static void assert_pages(const struct snapshot *s, unsigned shows)
{
    static const struct snap_page known[] = {
        {.mapcount = 2, .anon_vma = 1, .index = 0x101, .stamp = 0x1234},
        {.mapcount = 1, .anon_vma = 1, .index = 0x102, .stamp = 0x77},
        {.mapcount = 1, .object = 1, .index = 1, .stamp = 0x55},
        {.mapcount = 2, .anon_vma = 2, .index = 1, .stamp = 0x56},
        {.mapcount = 2, .anon_vma = 3, .index = 0x150, .stamp = 0x99},
        {.mapcount = 1, .anon_vma = 5, .index = 0x102, .stamp = 7},
    };
    const unsigned locked = 1, exclusive = 5;

    assert_int_equal(s->nr_pages, 6);
    assert_int_equal(s->nr_slots, 0);
    for (unsigned i = 0; i < 6; i++) {
        const struct snap_page *p = &s->page[i];
        const bool cached = known[i].object != 0;

        assert_int_equal(p->mapcount, known[i].mapcount);
        assert_int_equal(!!(p->flags & SNAP_PAGE_ANON), !cached);
        assert_int_equal(!!(p->flags & SNAP_PAGE_CACHED), cached);
        if (!(shows & SHOWS_PAGE_FIELDS))
            continue;
        assert_int_equal(!!(p->flags & SNAP_PAGE_MLOCKED), i == locked);
        assert_int_equal(p->refcount, p->mapcount + cached);
        assert_int_equal(p->pins, 0);
        assert_int_equal(p->anon_vma, known[i].anon_vma);
        assert_int_equal(p->object, known[i].object);
        assert_int_equal(p->index, known[i].index);
        assert_int_equal(p->stamp, known[i].stamp);
        assert_int_equal(!!(p->flags & SNAP_PAGE_EXCLUSIVE), i == exclusive);
    }
}

static void assert_counters(const struct snapshot *s)
{
    for (unsigned i = 0; i < 2; i++) {
        const struct snap_proc *p = &s->proc[i];

        assert_int_equal(p->total_vm, 20);
        assert_int_equal(p->locked_vm, i ? 0 : 1);
        assert_int_equal(p->data_vm, 8);
        assert_int_equal(p->exec_vm, 0);
        assert_int_equal(p->stack_vm, 0);
#if !GUARD_ASAN /* whose memory is more than the BPF program looks through */
        assert_int_equal(p->rss[SNAP_RSS_ANON], 4);
#endif
        assert_int_equal(p->rss[SNAP_RSS_SHMEM], i ? 0 : 1);
        assert_int_equal(p->rss[SNAP_RSS_FILE], 0);
        assert_int_equal(p->rss[SNAP_RSS_SWAP], 0);
    }
}

static void bpf_picture(void **state)
{
    struct linux_reader *r = reader_or_skip(READER_BPF);
    struct snapshot s = {0};

    (void)state;
    assert_int_equal(reader_kind(r), READER_BPF);
    assert_int_equal(reader_snapshot(r, pid, &s), 0);
    assert_layout(&s, reader_shows(r));
    assert_entries(&s, reader_shows(r));
    assert_pages(&s, reader_shows(r));
    assert_counters(&s);
    assert_true(s.has_anon && s.has_pages && s.has_exclusive && !s.by_degree);
    assert_int_equal(s.proc[0].nr_tables, 4);
    assert_int_equal(s.nr_anon_vmas, 8);
    for (unsigned n = 1; n <= 8; n++) {
        static const struct snap_anon_vma known[] = {
            {1, 1, 4, 0, 4, 3}, {2, 2, 2, 0, 2, 1}, {3, 3, 2, 0, 2, 1}, {1, 1, 1, 0, 0, 1},
            {1, 1, 1, 0, 0, 1}, {1, 1, 1, 0, 0, 1}, {2, 2, 1, 0, 0, 1}, {3, 3, 1, 0, 0, 1},
        };

        assert_memory_equal(&s.anon_vma[n - 1], &known[n - 1], sizeof(known[0]));
    }
    assert_int_equal(s.chain[s.vma[NR_KNOWN].first_chain].anon_vma, 4);
    assert_int_equal(s.chain[s.vma[NR_KNOWN].first_chain + 1].anon_vma, 1);
    assert_int_equal(s.nr_objects, 2);
    assert_int_equal(s.object[0].kind, FILE_SHMEM);
    assert_int_equal(s.object[0].size, 8);
    assert_int_equal(s.object[0].writable, 2);
    assert_int_equal(s.object[1].size, 2);
    snapshot_fini(&s);
    reader_free(r);
}

static void procfs_picture(void **state)
{
    struct linux_reader *r = reader_or_skip(READER_PROCFS);
    struct snapshot s = {0};

    (void)state;
    assert_int_equal(reader_snapshot(r, pid, &s), 0);
    assert_layout(&s, reader_shows(r));
    assert_entries(&s, reader_shows(r));
    assert_pages(&s, reader_shows(r));
    assert_counters(&s);
    assert_true(!s.has_anon && s.has_pages && !s.has_exclusive);
    snapshot_fini(&s);
    reader_free(r);
}

static void picture_without_rights(void **state)
{
    struct linux_reader *r = reader_or_skip(READER_NONE);
    struct snapshot s = {0};

    (void)state;
    assert_int_equal(reader_snapshot(r, pid, &s), 0);
    assert_layout(&s, reader_shows(r));
    assert_counters(&s);
    assert_true(!s.has_anon && !s.has_pages);
    snapshot_fini(&s);
    reader_free(r);
}

/* Once more, and with nobody there. */
static void again(void **state)
{
    struct linux_reader *r = reader_or_skip(READER_BEST);
    const pid_t nobody[MAX_PROCS] = {0}, gone[MAX_PROCS] = {0x3fffffff};
    struct snapshot first = {0}, second = {0};

    (void)state;
    assert_int_equal(reader_snapshot(r, pid, &first), 0);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(reader_snapshot(r, pid, &second), 0);
        assert_true(snapshot_hash(&first) == snapshot_hash(&second));
    }
    assert_int_equal(reader_snapshot(r, nobody, &second), 0);
    assert_int_equal(second.nr_procs + second.nr_vmas + second.nr_ptes + second.nr_pages, 0);
    assert_int_equal(reader_snapshot(r, gone, &second), -ESRCH);
    snapshot_fini(&first);
    snapshot_fini(&second);
    reader_free(r);
}

/* ---- without a kernel: what is made of what was found ---- */
static unsigned tries_left;
static int take_later(struct linux_reader *r, const pid_t of[MAX_PROCS])
{
    (void)r;
    (void)of;
    return tries_left && tries_left-- ? -EAGAIN : 0;
}

static int take_never(struct linux_reader *r, const pid_t of[MAX_PROCS])
{
    (void)r;
    (void)of;
    return -EAGAIN;
}

static void fini(struct linux_reader *r)
{
    free(r->raw);
}

static struct linux_reader *fake(int (*take)(struct linux_reader *r, const pid_t of[MAX_PROCS]))
{
    struct linux_reader *r = calloc(1, sizeof(*r));

    assert_non_null(r);
    *r = (struct linux_reader){
        .shows = SHOWS_ANON | SHOWS_ENTRIES | SHOWS_PAGE_FIELDS,
        .raw = calloc(1, sizeof(*r->raw)),
        .take = take,
        .fini = fini,
    };
    assert_non_null(r->raw);
    return r;
}

static void tried_again(void **state)
{
    struct linux_reader *later = fake(take_later), *never = fake(take_never);
    struct snapshot s = {0};

    (void)state;
    tries_left = 3;
    assert_int_equal(reader_snapshot(later, pid, &s), 0);
    assert_int_equal(tries_left, 0);
    assert_int_equal(reader_snapshot(never, pid, &s), -EAGAIN);
    snapshot_fini(&s);
    reader_free(later);
    reader_free(never);
}

/* What is made of the same is made once, for each who asks; whatever differs is made again. */
static void kept(void **state)
{
    struct linux_reader *r = fake(take_later), *other = fake(take_later);
    struct snapshot s = {0}, second = {0};
    uint64_t taken;

    (void)state;
    tries_left = 0;
    for (unsigned i = 0; i < 2; i++) {
        struct raw_picture *raw = i ? other->raw : r->raw;

        raw->proc[3] = (struct raw_proc){.pid = 1, .nr_vmas = 1};
        raw->nr_vmas = 1;
        raw->vma[0] = (struct raw_vma){.start = WINDOW_BASE, .end = WINDOW_BASE + 0x1000};
    }
    assert_int_equal(reader_snapshot(r, pid, &s), 0);
    taken = s.taken;
    assert_true(taken != 0);
    s.vma[0].name[0] = 'x'; /* would be gone if it were made again */
    assert_int_equal(reader_snapshot(r, pid, &s), 0);
    assert_true(s.taken == taken && s.vma[0].name[0] == 'x');
    assert_int_equal(reader_snapshot(r, pid, &second), 0);
    assert_true(second.taken != taken && second.nr_vmas == 1 && !second.vma[0].name[0]);
    assert_int_equal(reader_snapshot(other, pid, &second), 0);
    assert_true(second.taken != taken);
    r->raw->vma[0].end += 0x1000;
    assert_int_equal(reader_snapshot(r, pid, &s), 0);
    assert_true(s.taken != taken && s.vma[0].end == 2 && !s.vma[0].name[0]);
    r->raw->proc[3].pid = 0;
    assert_int_equal(reader_snapshot(r, pid, &s), 0);
    assert_int_equal(s.nr_procs, 0);
    snapshot_fini(&s);
    snapshot_fini(&second);
    reader_free(r);
    reader_free(other);
}

/* One VMA of four pages; an entry each: swapped, in the swap cache, pinned, a reference too few. */
static void swap_and_references(void **state)
{
    struct linux_reader *r = fake(take_later);
    struct raw_picture *raw = r->raw;
    struct snapshot s = {0};
    const uint32_t anon = SNAP_PAGE_ANON | SNAP_PAGE_SWAPBACKED;

    (void)state;
    tries_left = 0;
    raw->proc[3] = (struct raw_proc){
        .pid = 1, .nr_vmas = 1, .nr_ptes = 4, .nr_tables = 2, .brk = WINDOW_BASE + 0x2000};
    raw->nr_vmas = 1;
    raw->nr_chains = 1;
    raw->nr_ptes = 4;
    raw->vma[0] = (struct raw_vma){.start = WINDOW_BASE,
                                   .end = WINDOW_BASE + 0x4000,
                                   .pgoff = (WINDOW_BASE >> PAGE_SHIFT) + 5,
                                   .flags = SNAP_READ | 0x8000000, /* no flag of pictures */
                                   .anon_vma = 70,
                                   .nr_chains = 1};
    raw->chain[0] = (struct raw_chain){.anon_vma = 70, .root = 60, .parent = 70, .refcount = 9};
    for (unsigned i = 0; i < 4; i++)
        raw->pte[i] = (struct raw_pte){.addr = WINDOW_BASE + i * 0x1000,
                                       .key = i ? i : 42,
                                       .flags = i ? SNAP_PTE_PRESENT : SNAP_PTE_SWAP,
                                       .page_flags = i ? anon : 0,
                                       .mapcount = i ? 1 : 0,
                                       .refcount = 1,
                                       .mapping = 70,
                                       .index = (WINDOW_BASE >> PAGE_SHIFT) + 5 + i};
    raw->pte[1].page_flags |= SNAP_PAGE_SWAPCACHE;
    raw->pte[1].swap = 43;
    raw->pte[1].refcount = 5; /* others hold it for a while */
    raw->pte[2].refcount = 1 + 2 * 1024;
    raw->pte[3].refcount = 0;
    assert_int_equal(reader_snapshot(r, pid, &s), 0);
    assert_int_equal(s.nr_procs, 1);
    assert_int_equal(s.proc[0].id, 3);
    assert_int_equal(s.proc[0].nr_tables, 5);
    assert_int_equal(s.proc[0].brk, 0x2000);
    assert_int_equal(s.vma[0].flags, SNAP_READ);
    assert_int_equal(s.vma[0].pgoff, 5);
    assert_int_equal(s.anon_vma[0].root, 0);
    assert_int_equal(s.anon_vma[0].parent, 1);
    assert_int_equal(s.anon_vma[0].refcount, 9);
    assert_int_equal(s.nr_pages, 3);
    assert_int_equal(s.nr_slots, 2);
    assert_int_equal(s.pte[0].number, 1);
    assert_int_equal(s.slot[0].count, 1);
    assert_int_equal(s.slot[0].page, 0);
    assert_int_equal(s.slot[1].count, 0);
    assert_int_equal(s.slot[1].page, 1);
    assert_int_equal(s.page[0].slot, 2);
    assert_int_equal(s.page[0].refcount, 2);
    assert_int_equal(s.page[1].refcount, 3);
    assert_int_equal(s.page[1].pins, 2);
    assert_int_equal(s.page[1].index, 7);
    assert_int_equal(s.page[2].refcount, 0);
    snapshot_fini(&s);
    reader_free(r);
}

static void offers(void **state)
{
    struct linux_offer offer[64];
    const unsigned n = linux_offers(offer, 64);

    (void)state;
    assert_in_range(n, 10, 64);
    for (unsigned i = 0; i < n; i++) {
        assert_true(offer[i].name && offer[i].sentence);
        assert_int_equal(offer[i].available, offer[i].why[0] == '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bpf_picture),
        cmocka_unit_test(procfs_picture),
        cmocka_unit_test(picture_without_rights),
        cmocka_unit_test(again),
        cmocka_unit_test(tried_again),
        cmocka_unit_test(kept),
        cmocka_unit_test(swap_and_references),
        cmocka_unit_test(offers),
    };

    return cmocka_run_group_tests_name("linux_reader", tests, setup, teardown);
}
