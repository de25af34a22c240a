/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pictures from /proc, for kernels without BTF and users without rights.
 *
 * READER_PROCFS: smaps, pagemap, kpagecount and kpageflags, as root: layout, which page is where,
 * counters; no anon_vmas, no bits of entries, no contents. READER_NONE: smaps and status alone.
 */
#define _GNU_SOURCE
#include "harness/linux/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SHOWS_OF_SMAPS (SHOWS_LAYOUT | SHOWS_VM_FLAGS | SHOWS_COUNTERS)
#define SHOWS_OF_PROCFS (SHOWS_OF_SMAPS | SHOWS_ENTRIES | SHOWS_PAGES)

struct procfs_reader {
    struct linux_reader reader;
    int kpagecount, kpageflags; /* -1: not used */
    char text[1 << 16];
    size_t have, used; /* of text */
    bool at_end;
};

/* ---- lines of a file ---- */
/* The next line without its end, NULL at the end of the file. */
static char *next_line(struct procfs_reader *p, int fd)
{
    for (;;) {
        char *line = p->text + p->used;
        char *end = memchr(line, '\n', p->have - p->used);
        ssize_t n;

        if (end) {
            *end = '\0';
            p->used = (size_t)(end - p->text) + 1;
            return line;
        }
        memmove(p->text, line, p->have - p->used);
        p->have -= p->used;
        p->used = 0;
        if (p->have == sizeof(p->text))
            return NULL;
        n = read(fd, p->text + p->have, sizeof(p->text) - p->have);
        if (n <= 0)
            return NULL;
        p->have += (size_t)n;
    }
}

static int open_of(pid_t pid, const char *name, struct procfs_reader *p)
{
    char path[64];
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    p->have = p->used = 0;
    return fd < 0 ? -errno : fd;
}

/* ---- VMAs ---- */
#define CODE(a, b) (((a) - 'a') * 26 + (b) - 'a')
static const uint64_t vm_flags[26 * 26] = {
    [CODE('r', 'd')] = SNAP_READ,        [CODE('w', 'r')] = SNAP_WRITE,
    [CODE('e', 'x')] = SNAP_EXEC,        [CODE('s', 'h')] = SNAP_SHARED,
    [CODE('m', 'r')] = SNAP_MAYREAD,     [CODE('m', 'w')] = SNAP_MAYWRITE,
    [CODE('m', 'e')] = SNAP_MAYEXEC,     [CODE('m', 's')] = SNAP_MAYSHARE,
    [CODE('g', 'd')] = SNAP_GROWSDOWN,   [CODE('u', 'm')] = SNAP_UFFD_MISSING,
    [CODE('p', 'f')] = SNAP_PFNMAP,      [CODE('u', 'w')] = SNAP_UFFD_WP,
    [CODE('l', 'o')] = SNAP_LOCKED,      [CODE('i', 'o')] = SNAP_IO,
    [CODE('s', 'r')] = SNAP_SEQ_READ,    [CODE('r', 'r')] = SNAP_RAND_READ,
    [CODE('d', 'c')] = SNAP_DONTCOPY,    [CODE('d', 'e')] = SNAP_DONTEXPAND,
    [CODE('l', 'f')] = SNAP_LOCKONFAULT, [CODE('a', 'c')] = SNAP_ACCOUNT,
    [CODE('n', 'r')] = SNAP_NORESERVE,   [CODE('h', 't')] = SNAP_HUGETLB,
    [CODE('w', 'f')] = SNAP_WIPEONFORK,  [CODE('d', 'd')] = SNAP_DONTDUMP,
    [CODE('m', 'm')] = SNAP_MIXEDMAP,    [CODE('h', 'g')] = SNAP_HUGEPAGE,
    [CODE('n', 'h')] = SNAP_NOHUGEPAGE,  [CODE('m', 'g')] = SNAP_MERGEABLE,
};

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static uint64_t flags_of(const char *codes)
{
    uint64_t flags = 0;

    for (; *codes; codes++)
        if (is_lower(codes[0]) && is_lower(codes[1]))
            flags |= vm_flags[CODE(codes[0], codes[1])];
    return flags;
}

#define KERNEL_HALF (UINT64_C(1) << 63)
/* One VMA of smaps, while its lines are read. */
struct smaps_vma {
    struct raw_vma vma;
    uint64_t rss, anonymous, swap; /* pages */
    bool shmem;
};

/* "start-end rwxp offset major:minor inode   name"; other lines of smaps begin with a capital. */
static bool starts_vma(const char *line, struct smaps_vma *v)
{
    uint64_t device, inode;
    char *at;

    if (*line >= 'A' && *line <= 'Z')
        return false;
    *v = (struct smaps_vma){0};
    v->vma.start = strtoull(line, &at, 16);
    if (*at++ != '-')
        return false;
    v->vma.end = strtoull(at, &at, 16);
    if (strlen(at) < sizeof(" rwxp "))
        return false;
    v->vma.pgoff = strtoull(at + strlen(" rwxp "), &at, 16) >> PAGE_SHIFT;
    device = strtoull(at, &at, 16) << 20;
    if (*at++ != ':')
        return false;
    device |= strtoull(at, &at, 16);
    inode = strtoull(at, &at, 10);
    at += strspn(at, " ");
    if (inode)
        v->vma.object = v->vma.file = (device + 1) << 36 ^ inode;
    else
        v->vma.pgoff = v->vma.start >> PAGE_SHIFT; /* smaps says 0 */
    v->shmem = !strncmp(at, "/memfd:", 7) || !strncmp(at, "/dev/zero", 9) ||
               !strncmp(at, "/SYSV", 5) || !strncmp(at, "/dev/shm/", 9);
    return true;
}

static uint64_t pages_of(const char *line)
{
    return strtoull(strchr(line, ':') + 1, NULL, 10) >> (PAGE_SHIFT - 10);
}

static void takes_line(const char *line, struct smaps_vma *v)
{
    if (!strchr("RASV", *line))
        return;
    if (!strncmp(line, "Rss:", 4))
        v->rss = pages_of(line);
    else if (!strncmp(line, "Anonymous:", 10))
        v->anonymous = pages_of(line);
    else if (!strncmp(line, "Swap:", 5))
        v->swap = pages_of(line);
    else if (!strncmp(line, "VmFlags:", 8))
        v->vma.flags = flags_of(line + 8);
}

static void count_outside(const struct smaps_vma *v, struct raw_proc *proc)
{
    const uint64_t pages = (v->vma.end - v->vma.start) >> PAGE_SHIFT, flags = v->vma.flags;

    proc->outside.total_vm += pages;
    if ((flags & (SNAP_EXEC | SNAP_WRITE | SNAP_GROWSDOWN)) == SNAP_EXEC)
        proc->outside.exec_vm += pages;
    else if (flags & SNAP_GROWSDOWN)
        proc->outside.stack_vm += pages;
    else if ((flags & (SNAP_WRITE | SNAP_SHARED)) == SNAP_WRITE)
        proc->outside.data_vm += pages;
    if (flags & SNAP_LOCKED)
        proc->outside.locked_vm += pages;
    proc->outside_rss[SNAP_RSS_ANON] += (int64_t)v->anonymous;
    proc->outside_rss[v->shmem ? SNAP_RSS_SHMEM : SNAP_RSS_FILE] +=
        (int64_t)(v->rss - v->anonymous);
    proc->outside_rss[SNAP_RSS_SWAP] += (int64_t)v->swap;
}

static int ends_vma(struct linux_reader *r, const struct smaps_vma *v, struct raw_proc *proc)
{
    if (v->vma.start >= KERNEL_HALF || v->vma.start == v->vma.end)
        return 0; /* the page of old system calls is in no count */
    if (v->vma.start < WINDOW_BASE || v->vma.end > WINDOW_END) {
        count_outside(v, proc);
        return 0;
    }
    if (r->raw->nr_vmas == RAW_VMAS)
        return -E2BIG;
    r->raw->vma[r->raw->nr_vmas] = v->vma;
    r->raw->vma[r->raw->nr_vmas++].first_chain = 0;
    return 0;
}

static int take_vmas(struct procfs_reader *p, pid_t pid, struct raw_proc *proc)
{
    const int fd = open_of(pid, "smaps", p);
    struct smaps_vma v = {0}, next;
    int error = 0;
    char *line;

    if (fd < 0)
        return fd;
    proc->first_vma = p->reader.raw->nr_vmas;
    while (!error && (line = next_line(p, fd))) {
        if (!starts_vma(line, &next)) {
            takes_line(line, &v);
            continue;
        }
        error = ends_vma(&p->reader, &v, proc);
        v = next;
    }
    if (!error)
        error = ends_vma(&p->reader, &v, proc);
    proc->nr_vmas = p->reader.raw->nr_vmas - proc->first_vma;
    close(fd);
    return error;
}

/* ---- counters ---- */
static int take_counters(struct procfs_reader *p, pid_t pid, struct raw_proc *proc)
{
    const int fd = open_of(pid, "status", p);
    uint64_t text = 0, library = 0, rss[SNAP_NR_RSS] = {0};
    const struct {
        const char *name;
        uint64_t *value;
    } field[] = {
        {"VmPeak:", &proc->hiwater_vm},
        {"VmSize:", &proc->all.total_vm},
        {"VmLck:", &proc->all.locked_vm},
        {"VmPin:", &proc->pinned_vm},
        {"VmHWM:", &proc->hiwater_rss},
        {"RssAnon:", &rss[SNAP_RSS_ANON]},
        {"RssFile:", &rss[SNAP_RSS_FILE]},
        {"RssShmem:", &rss[SNAP_RSS_SHMEM]},
        {"VmData:", &proc->all.data_vm},
        {"VmStk:", &proc->all.stack_vm},
        {"VmExe:", &text},
        {"VmLib:", &library},
        {"VmSwap:", &rss[SNAP_RSS_SWAP]},
    };
    const char *line;

    if (fd < 0)
        return fd;
    while ((line = next_line(p, fd)))
        for (size_t i = 0; strchr("VR", *line) && i < sizeof(field) / sizeof(*field); i++)
            if (!strncmp(line, field[i].name, strlen(field[i].name)))
                *field[i].value = pages_of(line);
    close(fd);
    proc->all.exec_vm = text + library;
    for (unsigned i = 0; i < SNAP_NR_RSS; i++)
        proc->rss[i] = (int64_t)rss[i];
    proc->brk = WINDOW_BASE; /* not shown */
    return 0;
}

/* ---- pages ---- */
#define MAP_PRESENT (UINT64_C(1) << 63)
#define MAP_SWAPPED (UINT64_C(1) << 62)
#define MAP_NUMBER ((UINT64_C(1) << 55) - 1)
#define SWAP_TYPE_NOT_SWAP 23 /* types above those that swap files can have */
/* Of kpageflags. */
enum kpage_bit {
    KPAGE_DIRTY = 4,
    KPAGE_ANON = 12,
    KPAGE_SWAPCACHE = 13,
    KPAGE_SWAPBACKED = 14,
    KPAGE_ZERO = 24,
    KPAGE_MLOCKED = 33,
};

static int kpage(int fd, uint64_t frame, uint64_t *value)
{
    return pread(fd, value, sizeof(*value), (off_t)(frame * sizeof(*value))) == sizeof(*value)
               ? 0
               : -EIO;
}

static int show_frame(const struct procfs_reader *p, struct raw_pte *pte)
{
    static const struct {
        enum kpage_bit bit;
        uint32_t flag;
    } known[] = {
        {KPAGE_DIRTY, SNAP_PAGE_DIRTY},
        {KPAGE_ANON, SNAP_PAGE_ANON},
        {KPAGE_SWAPBACKED, SNAP_PAGE_SWAPBACKED},
        {KPAGE_MLOCKED, SNAP_PAGE_MLOCKED},
    };
    uint64_t count, flags;
    int error = kpage(p->kpagecount, pte->key, &count);

    if (!error)
        error = kpage(p->kpageflags, pte->key, &flags);
    if (error)
        return error;
    if (flags >> KPAGE_ZERO & 1) {
        pte->flags |= SNAP_PTE_SPECIAL;
        return 0;
    }
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (flags >> known[i].bit & 1)
            pte->page_flags |= known[i].flag;
    if (!(pte->page_flags & SNAP_PAGE_ANON))
        pte->page_flags |= SNAP_PAGE_CACHED;
    pte->mapcount = pte->refcount = (uint32_t)count;
    return 0;
}

static int show_entry(struct procfs_reader *p, uint64_t addr, uint64_t entry)
{
    struct raw_picture *raw = p->reader.raw;
    struct raw_pte *pte;

    if (!(entry & (MAP_PRESENT | MAP_SWAPPED)))
        return 0;
    if (raw->nr_ptes == RAW_PTES)
        return -E2BIG;
    pte = &raw->pte[raw->nr_ptes++];
    *pte = (struct raw_pte){.addr = addr, .key = entry & MAP_NUMBER};
    if (entry & MAP_PRESENT) {
        pte->flags = SNAP_PTE_PRESENT;
        return show_frame(p, pte);
    }
    pte->flags = (pte->key & 31) < SWAP_TYPE_NOT_SWAP ? SNAP_PTE_SWAP : SNAP_PTE_MIGRATION;
    return 0;
}

static int take_pages(struct procfs_reader *p, pid_t pid, struct raw_proc *proc)
{
    const int fd = open_of(pid, "pagemap", p);
    int error = 0;

    if (fd < 0)
        return fd;
    proc->first_pte = p->reader.raw->nr_ptes;
    for (uint32_t i = 0; i < proc->nr_vmas && !error; i++) {
        const struct raw_vma *v = &p->reader.raw->vma[proc->first_vma + i];
        const uint64_t first = v->start >> PAGE_SHIFT, n = (v->end >> PAGE_SHIFT) - first;
        static _Thread_local uint64_t entry[WINDOW_PAGES];

        if (pread(fd, entry, n * 8, (off_t)(first * 8)) != (ssize_t)(n * 8))
            error = -EIO;
        for (uint64_t k = 0; k < n && !error; k++)
            error = show_entry(p, (first + k) << PAGE_SHIFT, entry[k]);
    }
    proc->nr_ptes = p->reader.raw->nr_ptes - proc->first_pte;
    close(fd);
    return error;
}

/* ---- the reader ---- */
static int procfs_take(struct linux_reader *r, const pid_t pid[MAX_PROCS])
{
    struct procfs_reader *p = (struct procfs_reader *)r;
    int error = 0;

    r->raw->nr_vmas = r->raw->nr_ptes = r->raw->nr_chains = 0;
    for (unsigned i = 0; i < MAX_PROCS && !error; i++) {
        struct raw_proc *proc = &r->raw->proc[i];

        *proc = (struct raw_proc){.pid = pid[i]};
        if (!pid[i])
            continue;
        error = take_vmas(p, pid[i], proc);
        if (!error)
            error = take_counters(p, pid[i], proc);
        if (!error && p->kpagecount >= 0)
            error = take_pages(p, pid[i], proc);
    }
    return error == -ENOENT ? -ESRCH : error;
}

static void procfs_fini(struct linux_reader *r)
{
    struct procfs_reader *p = (struct procfs_reader *)r;

    if (p->kpagecount >= 0)
        close(p->kpagecount);
    if (p->kpageflags >= 0)
        close(p->kpageflags);
    free(r->raw);
}

/* ---- what this kernel's /proc shows, tried on ourselves ---- */
static long own_rss(struct procfs_reader *p)
{
    const int fd = open_of(getpid(), "status", p);
    long pages = -1;
    const char *line;

    while (fd >= 0 && (line = next_line(p, fd)))
        if (!strncmp(line, "RssAnon:", 8))
            pages = (long)pages_of(line);
    if (fd >= 0)
        close(fd);
    return pages;
}

/* Kernels before 6.15 or so count in batches: one page more is not seen at once. */
static bool rss_is_exact(struct procfs_reader *p)
{
    const size_t tries = 8;
    char *page =
        mmap(NULL, tries << PAGE_SHIFT, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned seen = 0;

    if (page == MAP_FAILED)
        return false;
    own_rss(p); /* whatever this needs is there now */
    for (size_t i = 0; i < tries; i++) {
        const long before = own_rss(p);

        page[i << PAGE_SHIFT] = 1;
        seen += own_rss(p) == before + 1;
    }
    munmap(page, tries << PAGE_SHIFT);
    return seen > tries / 2;
}

/* Kernels before 6.8 or so have no word for it in smaps. */
static bool onfault_has_word(struct procfs_reader *p)
{
    char *page = mmap(NULL, PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const int fd = open_of(getpid(), "smaps", p);
    struct smaps_vma v = {0}, next;
    bool found = false;
    char *line;

    if (page != MAP_FAILED && !mlock2(page, PAGE_SIZE, MLOCK_ONFAULT))
        while (fd >= 0 && !found && (line = next_line(p, fd))) {
            if (starts_vma(line, &next))
                v = next;
            else
                takes_line(line, &v);
            found = v.vma.flags & SNAP_LOCKONFAULT;
        }
    if (fd >= 0)
        close(fd);
    if (page != MAP_FAILED)
        munmap(page, PAGE_SIZE);
    return found;
}

static struct procfs_reader *new_reader(enum linux_reader_kind kind, unsigned shows, char *why,
                                        size_t size)
{
    struct procfs_reader *p = calloc(1, sizeof(*p));

    if (p)
        p->reader = (struct linux_reader){
            .kind = kind,
            .shows = shows,
            .raw = calloc(1, sizeof(*p->reader.raw)),
            .take = procfs_take,
            .fini = procfs_fini,
        };
    if (p && p->reader.raw && !access("/proc/self/smaps", R_OK)) {
        p->kpagecount = p->kpageflags = -1;
        if (rss_is_exact(p))
            p->reader.shows |= SHOWS_RSS;
        if (onfault_has_word(p))
            p->reader.shows |= SHOWS_ONFAULT;
        return p;
    }
    snprintf(why, size, "/proc: %s", p && p->reader.raw ? strerror(errno) : strerror(ENOMEM));
    if (p)
        free(p->reader.raw);
    free(p);
    return NULL;
}

/* Numbers of frames are for root alone: others read them as 0. */
static bool frames_shown(void)
{
    const int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    uint64_t entry = 0;
    const off_t at = (off_t)((uintptr_t)&entry >> PAGE_SHIFT) * 8;
    const bool shown = fd >= 0 && pread(fd, &entry, sizeof(entry), at) == sizeof(entry) &&
                       (entry & MAP_PRESENT) && (entry & MAP_NUMBER);

    if (fd >= 0)
        close(fd);
    return shown;
}

struct linux_reader *reader_procfs_new(char *why, size_t size)
{
    struct procfs_reader *p;

    if (!frames_shown()) {
        snprintf(why, size, "/proc/PID/pagemap shows no frame numbers: it needs root");
        return NULL;
    }
    p = new_reader(READER_PROCFS, SHOWS_OF_PROCFS, why, size);
    if (!p)
        return NULL;
    p->kpagecount = open("/proc/kpagecount", O_RDONLY | O_CLOEXEC);
    p->kpageflags = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
    if (p->kpagecount >= 0 && p->kpageflags >= 0)
        return &p->reader;
    snprintf(why, size, "/proc/kpagecount and kpageflags: %s", strerror(errno));
    reader_free(&p->reader);
    return NULL;
}

struct linux_reader *reader_maps_new(char *why, size_t size)
{
    struct procfs_reader *p = new_reader(READER_NONE, SHOWS_OF_SMAPS, why, size);

    return p ? &p->reader : NULL;
}
