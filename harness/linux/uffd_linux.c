/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Userfault contexts. The process whose memory it is makes one, and the template asks of it what is
 * asked, so that it can be asked when the process is gone.
 *
 * A fault that a handler should resolve is a signal instead (UFFD_FEATURE_SIGBUS), so nothing waits
 * for anybody: the harness then is the handler. It puts the page of zeroes there and has the access
 * made again. Other accesses, of many pages at a time, end where a page is missing: quirks.c keeps
 * them away from there.
 */
#define _GNU_SOURCE
#include "harness/linux/subject_linux.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

/* The argument comes back. */
static long ask(struct subject_linux *l, int fd, unsigned long request, void *arg, size_t size)
{
    uint8_t *data = processes_slot(&l->p, AGENT_TEMPLATE)->data;
    long ret;

    memcpy(data, arg, size);
    ret = template_call(l, SYS_ioctl, (uint64_t)fd, request, AGENT_DATA(AGENT_TEMPLATE), 0);
    memcpy(arg, data, size);
    return ret;
}

/* A context of the process; its descriptor, which is nobody's number of the world yet. */
static long make(struct subject_linux *l, unsigned proc, struct uffdio_api *api)
{
    const long fd =
        processes_call(&l->p, proc, SYS_userfaultfd,
                       (uint64_t)(O_CLOEXEC | O_NONBLOCK | l->contexts.flags), 0, 0, 0, 0, 0);
    long ret;

    if (fd < 0)
        return fd;
    *api = (struct uffdio_api){.api = UFFD_API, .features = UFFD_FEATURE_SIGBUS};
    ret = ask(l, (int)fd, UFFDIO_API, api, sizeof(*api));
    if (!ret)
        return fd;
    template_call(l, SYS_close, (uint64_t)fd, 0, 0, 0);
    return ret;
}

/* Faults of the kernel's own are signals as well, so that the right to handle them is not needed:
 * before 5.11 that cannot be said, and it is. */
void linux_contexts_find(struct subject_linux *l)
{
    const uint64_t all = UFFD_FEATURE_PAGEFAULT_FLAG_WP | UFFD_FEATURE_WP_HUGETLBFS_SHMEM;
    struct linux_contexts *contexts = &l->contexts;
    struct uffdio_api api = {0};
    long fd;

    contexts->flags = UFFD_USER_MODE_ONLY;
    fd = make(l, AGENT_TEMPLATE, &api);
    if (fd == -EINVAL) {
        contexts->flags = 0;
        fd = make(l, AGENT_TEMPLATE, &api);
    }
    if (fd < 0)
        return;
    contexts->there = true;
    contexts->protects =
        l->config.rules < RULES_LINUX_5_10 || (api.features & all) == all ||
        (l->config.rules < RULES_LINUX_6_1 && (api.features & UFFD_FEATURE_PAGEFAULT_FLAG_WP));
    template_call(l, SYS_close, (uint64_t)fd, 0, 0, 0);
}

void linux_contexts_reset(struct subject_linux *l)
{
    memset(l->contexts.used, 0, sizeof(l->contexts.used));
}

static bool is_used(const struct subject_linux *l, int n)
{
    return n >= 0 && n < MAX_FDS && l->contexts.used[n];
}

/* The kernel would not tell an unknown mode from one that it only lacks. */
bool linux_can_context(const struct subject_linux *l, const struct call *c)
{
    return l->contexts.there && (c->kind == OP_UFFD_UNREGISTER || l->contexts.protects ||
                                 !((unsigned)c->flags & UFFDIO_REGISTER_MODE_WP));
}

long linux_uffd(struct subject_linux *l, const struct call *c)
{
    struct uffdio_api api;
    long ret;

    if (c->new_fd < 0 || c->new_fd >= MAX_FDS || is_used(l, c->new_fd))
        return -EMFILE;
    ret = template_place(l, make(l, c->proc, &api), AGENT_FD_CONTEXT + c->new_fd);
    if (ret)
        return ret;
    l->contexts.used[c->new_fd] = true;
    l->contexts.proc[c->new_fd] = (uint8_t)c->proc;
    return 0;
}

long linux_uffd_close(struct subject_linux *l, const struct call *c)
{
    if (!is_used(l, c->fd))
        return -EBADF;
    l->contexts.used[c->fd] = false;
    return template_call(l, SYS_close, (uint64_t)(AGENT_FD_CONTEXT + c->fd), 0, 0, 0);
}

static struct uffdio_range range_of(const struct call *c)
{
    return (struct uffdio_range){window_to_kernel(c->addr), window_length(c->addr, c->len)};
}

long linux_uffd_register(struct subject_linux *l, const struct call *c)
{
    struct uffdio_register arg = {.range = range_of(c), .mode = (unsigned)c->flags};

    if (!is_used(l, c->fd))
        return -EBADF;
    return ask(l, AGENT_FD_CONTEXT + c->fd, UFFDIO_REGISTER, &arg, sizeof(arg));
}

long linux_uffd_unregister(struct subject_linux *l, const struct call *c)
{
    struct uffdio_range arg = range_of(c);

    if (!is_used(l, c->fd))
        return -EBADF;
    return ask(l, AGENT_FD_CONTEXT + c->fd, UFFDIO_UNREGISTER, &arg, sizeof(arg));
}

/* By the flags of /proc/PID/smaps. The kernel must not be asked for a page where nothing is
 * registered: before it refuses, it prepares the VMA for pages of its own. */
static bool is_registered(pid_t pid, uint64_t addr)
{
    char path[40], line[512];
    bool inside = false, registered = false;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/smaps", (int)pid);
    f = fopen(path, "re");
    while (f && fgets(line, sizeof(line), f)) {
        unsigned long from, to;

        if (sscanf(line, "%lx-%lx ", &from, &to) == 2) {
            inside = from <= addr && addr < to;
        } else if (inside && !strncmp(line, "VmFlags:", 8)) {
            registered = strstr(line, " um");
            break;
        }
    }
    if (f)
        fclose(f);
    return registered;
}

static bool has_context(const struct subject_linux *l, unsigned proc)
{
    for (int n = 0; n < MAX_FDS; n++)
        if (l->contexts.used[n] && l->contexts.proc[n] == proc)
            return true;
    return false;
}

/* Of a context of another number, or where nothing is missing, the kernel refuses it. */
bool linux_resolves(struct subject_linux *l, unsigned proc, uint64_t addr)
{
    if (!has_context(l, proc) || !is_registered(l->p.pid[proc], window_to_kernel(addr & PAGE_MASK)))
        return false;
    for (int n = 0; n < MAX_FDS; n++) {
        struct uffdio_zeropage arg = {
            .range = {window_to_kernel(addr & PAGE_MASK), PAGE_SIZE},
        };

        if (is_used(l, n) && l->contexts.proc[n] == proc &&
            !ask(l, AGENT_FD_CONTEXT + n, UFFDIO_ZEROPAGE, &arg, sizeof(arg)))
            return true;
    }
    return false;
}
