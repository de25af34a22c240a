/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Starting the template: its address space is given the window's base by the size of the stack that
 * its program is started with, below which the kernel begins to search. Before and after, all is
 * checked: a process whose search goes elsewhere would make every program differ.
 */
#define _GNU_SOURCE
#include "harness/linux/linux.h"
#include "harness/linux/processes_start.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <linux/prctl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The agent's program: agent_program.c. */
extern const unsigned char agent_program[], agent_program_end[];

_Static_assert(AGENT_WINDOW == WINDOW_BASE, "one window");

/* Out of the way of the numbers that the agents have them under. */
#define HIGH_FD 32

static int raised(int fd)
{
    int high = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, HIGH_FD);

    if (fd >= 0)
        close(fd);
    return high;
}

static int failed(const char *what, char *why, size_t size)
{
    int error = -errno;

    snprintf(why, size, "%s: %s", what, strerror(-error));
    return error;
}

/* ---- files ---- */
/* A file system that is mounted nowhere: its files are reached through the descriptor only. */
static int mount_of(const char *type, unsigned attributes)
{
    int fs = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC), fd = -1;

    if (fs >= 0 && !syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
        fd = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, attributes);
    if (fs >= 0)
        close(fs);
    return raised(fd);
}

/* The same files, none of which may be executed. */
static int noexec_of(int mount)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_NOEXEC};
    int fd = mount < 0 ? -1
                       : (int)syscall(SYS_open_tree, mount, "",
                                      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);

    if (fd >= 0 && syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &attr, sizeof(attr))) {
        close(fd);
        fd = -1;
    }
    return raised(fd);
}

static int save_program(struct processes *p)
{
    const size_t size = (size_t)(agent_program_end - agent_program);

    p->program = raised(memfd_create("vmafuzz-agent", MFD_CLOEXEC));
    if (p->program < 0)
        return -1;
    if (write(p->program, agent_program, size) == (ssize_t)size)
        return 0;
    errno = EIO;
    return -1;
}

static int map_mailbox(struct processes *p)
{
    void *at;

    p->fd[AGENT_FD_MAILBOX] = raised(memfd_create("vmafuzz-mailbox", MFD_CLOEXEC));
    if (p->fd[AGENT_FD_MAILBOX] < 0 || ftruncate(p->fd[AGENT_FD_MAILBOX], sizeof(struct mailbox)))
        return -1;
    at = mmap(NULL, sizeof(struct mailbox), PROT_READ | PROT_WRITE, MAP_SHARED,
              p->fd[AGENT_FD_MAILBOX], 0);
    if (at == MAP_FAILED)
        return -1;
    p->mailbox = at;
    return 0;
}

/* ---- the template ---- */
/* What the child of fork() does before it is the agent. Its status tells the step that failed. */
enum start_step { STEP_PERSONALITY = 10, STEP_STACK, STEP_EXEC };

/* Under a harness of real-time priority (`chrt -f 2 vmafuzz live`) its processes have one less: one
 * that does not come back from a call must not keep the harness from noticing it. It also saves
 * calls: the harness goes on as soon as it is woken, before who woke it has gone to sleep. */
static void stay_below_harness(void)
{
    const int policy = sched_getscheduler(0);
    struct sched_param param;

    if ((policy != SCHED_FIFO && policy != SCHED_RR) || sched_getparam(0, &param))
        return;
    if (param.sched_priority > 1) {
        param.sched_priority--;
        sched_setscheduler(0, policy, &param);
    } else {
        param.sched_priority = 0;
        sched_setscheduler(0, SCHED_OTHER, &param);
    }
}

static void become_agent(const struct processes *p)
{
    const uint64_t base = WINDOW_BASE + (world_config_default.mmap_base << PAGE_SHIFT);
    const uint64_t gap = world_config_default.stack_guard_gap << PAGE_SHIFT;
    char *const argv[] = {(char[]){"vmafuzz-agent"}, NULL}, *const envp[] = {NULL};
    struct rlimit stack;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setsid(); /* Ctrl-C is for the harness */
    for (int i = AGENT_FD_MAILBOX; i < AGENT_FD_KEPT; i++)
        if (p->fd[i] < 0 || dup2(p->fd[i], i) < 0)
            close(i);
    if (personality(ADDR_NO_RANDOMIZE) < 0)
        _exit(STEP_PERSONALITY);
    if (getrlimit(RLIMIT_STACK, &stack))
        _exit(STEP_STACK);
    stack.rlim_cur = AGENT_END - base - gap;
    if (setrlimit(RLIMIT_STACK, &stack))
        _exit(STEP_STACK);
    stay_below_harness();
    fexecve(p->program, argv, envp);
    _exit(STEP_EXEC);
}

static const char *step_text(const char *lost)
{
    unsigned step = 0;
    const char *number = strstr(lost, "status ");

    if (number)
        sscanf(number, "status %u", &step);
    switch (step) {
    case STEP_PERSONALITY:
        return "address randomization cannot be switched off: personality() is refused";
    case STEP_STACK:
        return "the stack limit cannot be raised to 2 GiB: see ulimit -Hs";
    case STEP_EXEC:
        return "the agent's program cannot be started from memory: fexecve() is refused";
    default:
        return NULL;
    }
}

/* The world's heap begins inside of the window. */
static long place_heap(struct processes *p)
{
    const uint64_t brk = WINDOW_BASE + (world_config_default.start_brk << PAGE_SHIFT);
    const struct prctl_mm_map map = {
        .start_code = AGENT_BASE,
        .end_code = AGENT_BASE + AGENT_CODE_SIZE,
        .start_data = AGENT_BASE,
        .end_data = AGENT_BASE,
        .start_brk = brk,
        .brk = brk,
        .start_stack = AGENT_BASE,
        .arg_start = AGENT_BASE,
        .arg_end = AGENT_BASE,
        .env_start = AGENT_BASE,
        .env_end = AGENT_BASE,
        .exe_fd = UINT32_MAX,
    };

    memcpy(processes_slot(p, AGENT_TEMPLATE)->data, &map, sizeof(map));
    return processes_call(p, AGENT_TEMPLATE, SYS_prctl, PR_SET_MM, PR_SET_MM_MAP,
                          AGENT_DATA(AGENT_TEMPLATE), sizeof(map), 0, 0);
}

/* Where the processor has protection keys, memory that may only be executed cannot be read: the
 * kernel takes a key for it, if there is one left. */
static void take_all_keys(struct processes *p)
{
    while (processes_call(p, AGENT_TEMPLATE, SYS_pkey_alloc, 0, 0, 0, 0, 0, 0) >= 0)
        continue;
}

/* The highest page that is found must be the one below the world's base. */
static bool search_is_right(struct processes *p)
{
    const uint64_t want = WINDOW_BASE + ((world_config_default.mmap_base - 1) << PAGE_SHIFT);
    long at = processes_call(p, AGENT_TEMPLATE, SYS_mmap, 0, PAGE_SIZE, PROT_NONE,
                             MAP_PRIVATE | MAP_ANONYMOUS, UINT64_MAX, 0);

    if (at > 0)
        processes_call(p, AGENT_TEMPLATE, SYS_munmap, (uint64_t)at, PAGE_SIZE, 0, 0, 0, 0);
    return at == (long)want;
}

/* What a program finds at first: the limits of a world. */
static int set_limits(const struct processes *p)
{
    static const struct {
        __rlimit_resource_t which;
        rlim_t bytes;
    } limits[] = {{RLIMIT_AS, RLIM_INFINITY},
                  {RLIMIT_DATA, RLIM_INFINITY},
                  {RLIMIT_STACK, 2048 * PAGE_SIZE},
                  {RLIMIT_MEMLOCK, 2048 * PAGE_SIZE},
                  {RLIMIT_CORE, 0}};
    const pid_t pid = p->pid[AGENT_TEMPLATE];
    struct rlimit r;

    for (unsigned i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
        if (prlimit(pid, limits[i].which, NULL, &r))
            return -1;
        r.rlim_cur = limits[i].bytes;
        if (r.rlim_cur > r.rlim_max)
            r.rlim_max = r.rlim_cur;
        if (!prlimit(pid, limits[i].which, &r, NULL))
            continue;
        /* the privileged do not need it, others are refused: linux_refuses_world() */
        if (limits[i].which != RLIMIT_MEMLOCK)
            return -1;
    }
    return 0;
}

/* On the one CPU the harness makes way as soon as it has asked, and finds the answer without having
 * slept: of two with the same claim the one that asks for less at a time goes first (6.12 on; not
 * needed). What is forked from it inherits this. */
static void go_first(pid_t pid)
{
    struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime, deadline, period;
    } attr = {.size = sizeof(attr)};

    if (syscall(SYS_sched_getattr, pid, &attr, sizeof(attr), 0) || attr.policy != SCHED_OTHER)
        return;
    attr.runtime = 100000; /* ns: the least there is */
    syscall(SYS_sched_setattr, pid, &attr, 0);
}

static uint64_t pages_of(pid_t pid)
{
    char path[40];
    unsigned long pages = 0;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
    f = fopen(path, "re");
    if (!f)
        return 0;
    if (fscanf(f, "%lu", &pages) != 1)
        pages = 0;
    fclose(f);
    return pages;
}

/* The harness is the stranger who reaches into a process' memory. Stacks that grow for it keep to
 * its limits, and in the model a stranger has none. */
static void lift_own_limit(void)
{
    struct rlimit r;

    if (getrlimit(RLIMIT_STACK, &r))
        return;
    r.rlim_cur = r.rlim_max;
    setrlimit(RLIMIT_STACK, &r);
}

int processes_start(struct processes *p, char *why, size_t size)
{
    pid_t pid;

    lift_own_limit();
    processes_slot(p, AGENT_TEMPLATE)->state = AGENT_STARTING;
    p->mailbox->harness = getpid();
    pid = fork();
    if (pid < 0)
        return failed("fork", why, size);
    if (pid == 0)
        become_agent(p);
    p->pid[AGENT_TEMPLATE] = pid;
    if (!processes_await_start(p, AGENT_TEMPLATE)) {
        const char *text = step_text(p->lost);

        snprintf(why, size, "%s", text ? text : p->lost);
        return -EPERM;
    }
    go_first(pid);
    p->filled_from = (uint64_t)processes_slot(p, AGENT_TEMPLATE)->answer;
    p->own_pages = pages_of(pid);
    if (place_heap(p)) {
        snprintf(why, size,
                 "the heap cannot be placed: prctl(PR_SET_MM_MAP) is refused, the "
                 "kernel needs CONFIG_CHECKPOINT_RESTORE");
        return -EPERM;
    }
    if (!search_is_right(p)) {
        snprintf(why, size, "the kernel's search for addresses does not begin at the window");
        return -ENOTSUP;
    }
    take_all_keys(p);
    if (set_limits(p))
        return failed("resource limits of a process", why, size);
    return 0;
}

int processes_open(struct processes *p, double seconds, char *why, size_t size)
{
    memset(p, 0, sizeof(*p));
    p->seconds = seconds > 0 ? seconds : 5;
    p->program = -1;
    for (int i = 0; i < AGENT_FD_KEPT; i++)
        p->fd[i] = -1;
    if (&agent_program[0] == &agent_program_end[0]) {
        snprintf(why, size, "the running kernel can be asked on x86-64 only");
        return -ENOTSUP;
    }
    p->fd[AGENT_FD_FILLER] = raised(memfd_create("vmafuzz-filler", MFD_CLOEXEC));
    p->fd[AGENT_FD_REGULAR] = mount_of("ramfs", 0);
    p->fd[AGENT_FD_REGULAR_NOEXEC] = noexec_of(p->fd[AGENT_FD_REGULAR]);
    p->fd[AGENT_FD_SHMEM_NOEXEC] = mount_of("tmpfs", MOUNT_ATTR_NOEXEC);
    if (p->fd[AGENT_FD_FILLER] < 0 || save_program(p) || map_mailbox(p))
        return failed("memfd_create", why, size);
    return processes_start(p, why, size);
}

void processes_close(struct processes *p)
{
    if (p->mailbox) {
        processes_kill(p, 0, AGENT_SLOTS);
        munmap(p->mailbox, sizeof(*p->mailbox));
    }
    for (int i = 0; i < AGENT_FD_KEPT; i++)
        if (p->fd[i] >= 0)
            close(p->fd[i]);
    if (p->program >= 0)
        close(p->program);
}
