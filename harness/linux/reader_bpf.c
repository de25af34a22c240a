/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pictures by the BPF program snapshot.bpf.c: one system call a picture, into memory that both
 * sides see.
 */
#define _GNU_SOURCE
#include "harness/linux/reader.h"

#include <errno.h>
#include <stdio.h>

#ifdef VMAFUZZ_HAVE_BPF
#include "snapshot.skel.h"

#include <bpf/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SHOWS_OF_BPF                                                                               \
    (SHOWS_LAYOUT | SHOWS_VM_FLAGS | SHOWS_FILES | SHOWS_ANON | SHOWS_ENTRIES | SHOWS_ENTRY_BITS | \
     SHOWS_PAGES | SHOWS_PAGE_FIELDS | SHOWS_CONTENTS | SHOWS_COUNTERS | SHOWS_TABLES |            \
     SHOWS_BRK | SHOWS_RSS | SHOWS_ONFAULT | SHOWS_CONTEXTS | SHOWS_POLICIES)

struct bpf_reader {
    struct linux_reader reader;
    struct snapshot_bpf *skeleton;
    int program, parts;
};

/* libbpf says at length why it cannot: first the reason, then what follows from it. */
static _Thread_local char first_line[160];
static int keep_line(enum libbpf_print_level level, const char *format, va_list args)
{
    if (level == LIBBPF_WARN && !*first_line &&
        vsnprintf(first_line, sizeof(first_line), format, args) > 0)
        first_line[strcspn(first_line, "\n")] = '\0';
    return 0;
}

static int run(int program)
{
    LIBBPF_OPTS(bpf_test_run_opts, opts);

    return bpf_prog_test_run_opts(program, &opts) ? -errno : 0;
}

/* Which compound pages there are: the entries of one mostly follow each other. */
static bool find_compounds(struct raw_picture *raw)
{
    uint32_t n = 0;

    raw->nr_compounds = 0;
    for (uint32_t i = 0; i < raw->nr_ptes; i++) {
        struct raw_pte *p = &raw->pte[i];
        const uint64_t frame = p->key - p->key % RAW_PARTS;

        if (!(p->page_flags & RAW_PAGE_PART))
            continue;
        if (n >= raw->nr_compounds || raw->compound[n].frame != frame)
            for (n = 0; n < raw->nr_compounds && raw->compound[n].frame != frame; n++)
                continue;
        if (n == RAW_COMPOUNDS)
            return false;
        if (n == raw->nr_compounds) {
            raw->compound[n].frame = frame;
            raw->compound[n].number = 0;
            raw->nr_compounds++;
        }
        p->swap = n;
    }
    return true;
}

static int take_parts(struct bpf_reader *b)
{
    b->reader.raw->nr_compounds = 0;
    if (!b->reader.raw->has_parts)
        return 0;
    return find_compounds(b->reader.raw) ? run(b->parts) : -E2BIG;
}

static int bpf_take(struct linux_reader *r, const pid_t pid[MAX_PROCS])
{
    struct bpf_reader *b = (struct bpf_reader *)r;
    struct raw_request *request = &b->skeleton->bss->request;
    int error;

    _Static_assert(MAX_PROCS == RAW_PROCS, "all processes of a world fit");
    for (unsigned i = 0; i < MAX_PROCS; i++)
        request->pid[i] = pid[i];
    error = run(b->program);
    if (error)
        return error;
    if (r->raw->trouble)
        return r->raw->trouble & RAW_NO_TASK ? -ESRCH
               : r->raw->trouble & RAW_FULL  ? -E2BIG
               : r->raw->trouble & RAW_DEEP  ? -EOPNOTSUPP
                                             : -EAGAIN;
    for (unsigned i = 0; i < MAX_PROCS; i++)
        if (pid[i] && r->raw->proc[i].nr_seen != r->raw->proc[i].map_count)
            return -EAGAIN;
    return take_parts(b);
}

static void bpf_fini(struct linux_reader *r)
{
    snapshot_bpf__destroy(((struct bpf_reader *)r)->skeleton);
}

/* The program finds where the kernel maps memory by a page of ours that it can recognize. */
static bool calibrate(struct bpf_reader *b, char *why, size_t size)
{
    struct raw_request *request = &b->skeleton->bss->request;
    struct raw_probe *probe = &b->skeleton->bss->probe;
    const int program = bpf_program__fd(b->skeleton->progs.calibrate);
    const int fd = memfd_create("vmafuzz-probe", MFD_CLOEXEC);
    uint64_t *page = MAP_FAILED;
    int error = -ENOMEM;

    if (fd >= 0 && !ftruncate(fd, 1 << PAGE_SHIFT))
        page = mmap(NULL, 1 << PAGE_SHIFT, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page != MAP_FAILED) {
        *page = UINT64_C(0x766d6166757a7a21) ^ (uint64_t)(uintptr_t)page ^ (uint64_t)getpid() << 40;
        *probe = (struct raw_probe){
            .addr = (uint64_t)(uintptr_t)page,
            .tag = *page,
            .fd = (uint32_t)fd,
        };
        request->window = WINDOW_BASE;
        request->window_end = WINDOW_END;
        request->nr_cpus = (uint32_t)libbpf_num_possible_cpus();
        if (request->nr_cpus > RAW_CPUS)
            request->nr_cpus = RAW_CPUS;
        for (request->levels = 4; request->levels <= 5; request->levels++) {
            error = run(program);
            if (error || probe->found)
                break;
        }
        munmap(page, 1 << PAGE_SHIFT);
    }
    if (fd >= 0)
        close(fd);
    if (!error && probe->found && !(request->vmemmap & ((1 << 21) - 1)))
        return true;
    snprintf(why, size, "BPF program: %s",
             error ? strerror(-error) : "it did not find where the kernel maps memory");
    return false;
}

struct linux_reader *reader_bpf_new(char *why, size_t size)
{
    struct bpf_reader *b = calloc(1, sizeof(*b));
    libbpf_print_fn_t old;
    int error;

    if (!b) {
        snprintf(why, size, "BPF program: %s", strerror(ENOMEM));
        return NULL;
    }
    if (access("/sys/kernel/btf/vmlinux", R_OK)) {
        snprintf(why, size, "BPF program: the kernel has no BTF (CONFIG_DEBUG_INFO_BTF)");
        free(b);
        return NULL;
    }
    first_line[0] = '\0';
    old = libbpf_set_print(keep_line);
    errno = 0;
    b->skeleton = snapshot_bpf__open_and_load();
    error = errno;
    libbpf_set_print(old);
    if (!b->skeleton) {
        if (error == EPERM || error == EACCES)
            snprintf(why, size, "BPF program: it needs root");
        else
            snprintf(why, size, "BPF program: %s: %s", strerror(error), first_line);
        free(b);
        return NULL;
    }
    b->reader = (struct linux_reader){
        .kind = READER_BPF,
        .shows = SHOWS_OF_BPF,
        .raw = &b->skeleton->bss->raw,
        .take = bpf_take,
        .fini = bpf_fini,
    };
    b->program = bpf_program__fd(b->skeleton->progs.snapshot);
    b->parts = bpf_program__fd(b->skeleton->progs.parts);
    if (calibrate(b, why, size))
        return &b->reader;
    reader_free(&b->reader);
    return NULL;
}

#else /* !VMAFUZZ_HAVE_BPF */

struct linux_reader *reader_bpf_new(char *why, size_t size)
{
    snprintf(why, size, "BPF program: built without it (scripts/deps live, then build again)");
    return NULL;
}

#endif
