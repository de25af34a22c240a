/* SPDX-License-Identifier: GPL-2.0-only */
/* The running kernel as a subject. */
#define _GNU_SOURCE
#include "harness/linux/settings.h"
#include "harness/linux/subject_linux.h"

#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

static const struct subject_linux *linux_const(const struct subject *s)
{
    return (const struct subject_linux *)s;
}

/* ---- worlds ---- */
static long overcommit_mode(void)
{
    return linux_get_number("/proc/sys/vm/overcommit_memory", 0);
}

static bool has_capability(unsigned n)
{
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {0};

    return !syscall(SYS_capget, &head, data) && data[n / 32].effective & 1u << n % 32;
}

bool linux_may_lock_memory(void)
{
    return has_capability(CAP_IPC_LOCK);
}

bool linux_is_since(int version, int patch)
{
    struct utsname u;
    int v = 0, p = 0;

    if (!uname(&u))
        sscanf(u.release, "%d.%d", &v, &p);
    return v > version || (v == version && p >= patch);
}

bool linux_has_rules(void)
{
    static const int of[][2] = {{4, 4}, {5, 10}, {6, 1}, {6, 12}, {6, 18}};

    for (size_t i = 0; i < sizeof(of) / sizeof(*of); i++)
        if (linux_is_since(of[i][0], of[i][1]) && !linux_is_since(of[i][0], of[i][1] + 1))
            return true;
    return false;
}

/* The nearest preset: mmap of 6.7 and later is more like that of 6.12 than of 6.1, and
 * mremap of before 6.17 is like that of 6.12. */
static enum rules rules_of_kernel(void)
{
    static const struct {
        int version, patch;
        enum rules rules;
    } first[] = {
        {6, 17, RULES_LINUX_6_18},
        {6, 7, RULES_LINUX_6_12},
        {6, 1, RULES_LINUX_6_1},
        {5, 10, RULES_LINUX_5_10},
    };

    for (unsigned i = 0; i < sizeof(first) / sizeof(*first); i++)
        if (linux_is_since(first[i].version, first[i].patch))
            return first[i].rules;
    return RULES_LINUX_4_4;
}

void linux_world_config(struct world_config *config)
{
    *config = world_config_default;
    config->rules = rules_of_kernel();
    config->privileged = linux_may_lock_memory();
    config->overcommit = (uint8_t)overcommit_mode();
}

/* What a world begins with must not be more than may be had. */
static bool can_lock_memory(void)
{
    struct rlimit r;

    return has_capability(CAP_SYS_RESOURCE) || getrlimit(RLIMIT_MEMLOCK, &r) ||
           r.rlim_max >= 2048 * PAGE_SIZE;
}

const char *linux_refuses_world(const struct world_config *config)
{
    const struct world_config *w = &world_config_default;

    if (config->legacy_layout)
        return "the window is of the top-down layout: layout=legacy cannot be had";
    if (config->task_size != w->task_size || config->mmap_base != w->mmap_base ||
        config->mmap_min_addr != w->mmap_min_addr || config->start_brk != w->start_brk)
        return "the window is a world of task=4096 base=3840 min=16 brk=512";
    if (config->stack_guard_gap != w->stack_guard_gap)
        return "the kernel keeps 256 pages before a stack: gap=256";
    if (config->max_map_count < w->task_size + 8)
        return "the kernel's limit of VMAs cannot be reached in the window: maps is too small";
    if (config->overcommit != overcommit_mode())
        return "the kernel's overcommit mode is another one";
    if (config->overcommit == 2)
        return "overcommit mode 2 counts what others have: the world cannot";
    if (config->total_ram < w->task_size)
        return "the kernel has more memory than the world: ram is too small";
    if (config->privileged && !linux_may_lock_memory())
        return "a privileged world needs CAP_IPC_LOCK";
    if (!config->privileged && !can_lock_memory())
        return "a world without privileges needs 8 MiB of lockable memory: see ulimit -Hl";
    return NULL;
}

/* ---- processes ---- */
/* Whoever fails to have less than the harness is lost before the first call. */
static int drop_capabilities(struct subject_linux *l)
{
    const struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    uint8_t *data = processes_slot(&l->p, 0)->data;

    memset(data, 0, 64);
    memcpy(data, &head, sizeof(head));
    return (int)processes_call(&l->p, 0, SYS_capset, AGENT_DATA(0), AGENT_DATA(0) + 32, 0, 0, 0, 0);
}

/* The agent has done without, and so have its children: process 0 is started once more. */
static int start_processes(struct subject_linux *l)
{
    int error = processes_reset(&l->p);

    if (error || !l->o.huge || l->huge_template == l->p.pid[AGENT_TEMPLATE])
        return error;
    error =
        (int)processes_call(&l->p, AGENT_TEMPLATE, SYS_prctl, PR_SET_THP_DISABLE, 0, 0, 0, 0, 0);
    l->huge_template = l->p.pid[AGENT_TEMPLATE];
    return error ? error : processes_reset(&l->p);
}

/* The first process as well: it was forked before. */
static int join_group(struct subject_linux *l)
{
    const pid_t pid = l->p.pid[AGENT_TEMPLATE];
    int error;

    if (l->grouped == pid)
        return 0;
    error = linux_group_add(&l->swap.group, pid);
    if (!error)
        error = linux_group_add(&l->swap.group, l->p.pid[0]);
    if (!error)
        l->grouped = pid;
    return error;
}

static int linux_reset(struct subject *s, const struct world_config *config)
{
    struct subject_linux *l = linux_of(s);
    int error;

    if (linux_refuses_world(config))
        return -EINVAL;
    l->config = *config;
    linux_files_reset(l);
    linux_contexts_reset(l);
    error = start_processes(l);
    if (!error && l->o.group)
        error = join_group(l);
    if (!error)
        linux_pins_reset(l);
    if (l->o.huge) {
        l->huge.refused = linux_huge_refused();
        l->no_huge = NULL;
    }
    if (!error && !config->privileged)
        error = drop_capabilities(l);
    if (!error && config->read_implies_exec &&
        processes_call(&l->p, 0, SYS_personality, ADDR_NO_RANDOMIZE | READ_IMPLIES_EXEC, 0, 0, 0, 0,
                       0) < 0)
        error = -EPERM;
    return error;
}

/* A page in one of this CPU's batches has a reference more, so that a write copies it: what was
 * freed lazily is then wanted, which shows once it is reclaimed. This advice begins by emptying
 * them. */
static void empty_batches(struct subject_linux *l)
{
    madvise(l->own_page, PAGE_SIZE, MADV_COLD);
}

/* Compaction may hold any page for a moment, so who is refused may ask again. */
static long collapse_again(struct subject_linux *l, const struct call *call, long ret)
{
    for (unsigned i = 0; i < 3 && ret == -EAGAIN; i++) {
        usleep(1000);
        ret = apply_linux(l, call);
    }
    if (ret == -ENOMEM)
        linux_lacked_huge_page(&l->base);
    return ret;
}

static long linux_apply(struct subject *s, const struct call *call, const struct spec_seen *seen)
{
    struct subject_linux *l = linux_of(s);
    long ret;

    if (!linux_is_access(call)) /* which changes no mapping but a stack's bounds, which are seen */
        l->changed |= UINT32_C(1) << call->proc;
    if (l->o.swap)
        empty_batches(l);
    l->called = true;
    if (l->o.group && call->kind == OP_RECLAIM && !seen) { /* it goes first: see live.c */
        l->changed = UINT32_MAX;
        return linux_group_reclaim(&l->swap.group);
    }
    ret = apply_linux(l, call);
    if (call->kind == OP_MADVISE && call->sel == MADV_COLLAPSE)
        ret = collapse_again(l, call, ret);
    return ret;
}

static int linux_picture(struct subject *s, struct snapshot *out)
{
    struct subject_linux *l = linux_of(s);

    if (!l->reader)
        return -EOPNOTSUPP;
    reader_unchanged(l->reader, l->called ? ~l->changed : 0); /* a second look is a whole one */
    l->changed = 0;
    l->called = false;
    return reader_snapshot(l->reader, l->p.pid, out);
}

/* Ends every process: the files go with the last that maps them, and with the next reset. */
static void linux_exit(struct subject *s)
{
    struct subject_linux *l = linux_of(s);

    for (unsigned n = 0; n < MAX_PROCS; n++)
        if (l->p.pid[n])
            processes_exit(&l->p, n);
}

static void linux_free(struct subject *s)
{
    struct subject_linux *l = linux_of(s);

    processes_close(&l->p);
    linux_pins_close(l);
    linux_huge_close(&l->huge);
    linux_swap_close(&l->swap); /* whose pages are out is gone: there is nothing to read back */
    linux_compaction_close(&l->compaction);
    reader_free(l->reader);
    sched_setaffinity(0, sizeof(l->cpus), &l->cpus);
    if (l->own_page)
        munmap(l->own_page, PAGE_SIZE);
    free(l);
}

const char *linux_lost(const struct subject *s)
{
    const struct subject_linux *l = linux_const(s);

    return *l->p.lost ? l->p.lost : l->no_huge;
}

bool linux_lacked_huge_page(struct subject *s)
{
    struct subject_linux *l = linux_of(s);

    if (l->o.huge && linux_huge_refused() != l->huge.refused)
        l->no_huge = "the kernel had no memory for a huge page: what follows cannot be compared";
    return l->no_huge;
}

unsigned subject_linux_shows(const struct subject *s)
{
    const struct subject_linux *l = linux_const(s);

    return l->reader ? reader_shows(l->reader) : 0;
}

enum linux_reader_kind subject_linux_reader(const struct subject *s)
{
    const struct subject_linux *l = linux_const(s);

    return l->reader ? reader_kind(l->reader) : READER_NONE;
}

struct linux_moves subject_linux_moves(const struct subject *s)
{
    return linux_const(s)->compaction.moves;
}

int linux_prlimit(pid_t pid, unsigned kind, const struct rlimit *set, struct rlimit *get)
{
    static const __rlimit_resource_t which[NR_MM_RLIMITS] = {
        [MM_RLIMIT_AS] = RLIMIT_AS,
        [MM_RLIMIT_DATA] = RLIMIT_DATA,
        [MM_RLIMIT_STACK] = RLIMIT_STACK,
        [MM_RLIMIT_MEMLOCK] = RLIMIT_MEMLOCK,
    };

    return prlimit(pid, which[kind], set, get);
}

static void find_limits(struct subject_linux *l)
{
    struct rlimit r;

    for (unsigned i = 0; i < NR_MM_RLIMITS; i++) {
        l->hard[i] = MM_RLIM_INFINITY;
        if (!linux_prlimit(l->p.pid[AGENT_TEMPLATE], i, NULL, &r) && r.rlim_max != RLIM_INFINITY)
            l->hard[i] = r.rlim_max >> PAGE_SHIFT;
    }
}

static bool pin_to(unsigned cpu)
{
    cpu_set_t one;

    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    return !sched_setaffinity(0, sizeof(one), &one);
}

/* An empty range: 0 where names are known at all. */
static bool kernel_knows_names(struct subject_linux *l)
{
    return processes_call(&l->p, AGENT_TEMPLATE, SYS_prctl, 0x53564d41 /* PR_SET_VMA */, 0,
                          WINDOW_BASE, 0, 0, 0) == 0;
}

static bool kernel_binds(struct subject_linux *l)
{
    return processes_call(&l->p, AGENT_TEMPLATE, SYS_mbind, WINDOW_BASE, 0, 0, 0, 0, 0) == 0;
}

static bool kernel_merges(void)
{
    return linux_get_number("/sys/kernel/mm/ksm/run", 0) == 1;
}

/* ---- huge pages: are there any, and does the kernel count how often each part is mapped? ---- */
static bool split_one(struct subject_linux *l)
{
    const uint64_t at = WINDOW_BASE + HPAGE_SIZE;
    struct agent_slot *slot = processes_slot(&l->p, 0);

    if (start_processes(l) ||
        processes_call(&l->p, 0, SYS_mmap, at, HPAGE_SIZE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1ULL, 0) < 0 ||
        processes_call(&l->p, 0, SYS_madvise, at, HPAGE_SIZE, MADV_HUGEPAGE, 0, 0, 0))
        return false;
    slot->kind = AGENT_WRITE;
    slot->arg[0] = at;
    slot->arg[1] = 1;
    return !processes_ask(&l->p, 0) &&
           !processes_call(&l->p, 0, SYS_mprotect, at, PAGE_SIZE, PROT_READ, 0, 0, 0);
}

static bool huge_pages_show(struct subject_linux *l, char *why, size_t size)
{
    struct snapshot picture = {0};
    const char *lacks = NULL;

    if (!l->reader || !(reader_shows(l->reader) & SHOWS_PAGE_FIELDS))
        lacks = "huge pages are compared with BPF pictures only";
    else if (!split_one(l) || reader_snapshot(l->reader, l->p.pid, &picture))
        lacks = "no huge page can be made, split and seen here";
    else if (picture.nr_ptes != HPAGE_PAGES || !picture.page[0].head)
        lacks = "the kernel has no memory for a huge page";
    else if (picture.page[0].mapcount != 1 || picture.page[HPAGE_PAGES - 1].mapcount != 1)
        lacks = "the kernel does not count how often parts of huge pages are mapped "
                "(CONFIG_NO_PAGE_MAPCOUNT)";
    snapshot_fini(&picture);
    if (lacks)
        snprintf(why, size, "%s", lacks);
    return !lacks;
}

struct subject *subject_linux_new(const struct linux_options *o, char *why, size_t size)
{
    struct subject_linux *l = calloc(1, sizeof(*l));

    if (!l) {
        snprintf(why, size, "out of memory");
        return NULL;
    }
    l->base.ops = &subject_linux_ops;
    l->o = *o;
    linux_world_config(&l->config);
    linux_files_reset(l);
    sched_getaffinity(0, sizeof(l->cpus), &l->cpus);
    if (!pin_to(o->cpu)) {
        snprintf(why, size, "CPU %u is not there for this process", o->cpu);
        free(l);
        return NULL;
    }
    l->own_page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (l->own_page == MAP_FAILED)
        l->own_page = NULL;
    if (processes_open(&l->p, o->seconds, why, size) ||
        (o->compact && linux_compaction_open(&l->compaction, why, size)) ||
        (o->swap && linux_swap_open(&l->swap, o->group, why, size)) ||
        (o->huge && linux_huge_open(&l->huge, why, size))) {
        linux_free(&l->base);
        return NULL;
    }
    find_limits(l);
    l->can_find = linux_finds(l->p.pid[AGENT_TEMPLATE]);
    l->can_lock_all = linux_is_since(5, 18);
    l->can_bind = kernel_binds(l);
    linux_contexts_find(l);
    l->can_name = kernel_knows_names(l);
    l->merges_itself = kernel_merges();
    l->reader = reader_new((enum linux_reader_kind)o->reader, why, size);
    if ((!l->reader && o->reader != READER_NONE) || (o->huge && !huge_pages_show(l, why, size))) {
        linux_free(&l->base);
        return NULL;
    }
    return &l->base;
}

/* slot: taken for the CPU, so that who makes several of them has them side by side. */
static struct subject *linux_new(unsigned slot)
{
    const struct linux_options o = {.cpu = slot};
    char why[200];

    return subject_linux_new(&o, why, sizeof(why));
}

const struct subject_ops subject_linux_ops = {
    .name = "linux",
    .new = linux_new,
    .free = linux_free,
    .reset = linux_reset,
    .refuses = linux_refuses,
    .apply = linux_apply,
    .snapshot = linux_picture,
    .exit = linux_exit,
};
