/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pictures from /proc, for kernels without BTF and users without rights.
 *
 * READER_PROCFS: smaps, pagemap and kpagecount, as root: layout, which page is where, counters; no
 * anon_vmas, no bits of entries, no contents. READER_NONE: smaps and status alone.
 *
 * Text is dear: in an emulated guest most of the time went into it. So the files stay open, and
 * smaps and status, which say much that nobody asks for, are left alone while maps of a process
 * says what it did and the process has made no call that changes mappings. What they would have
 * told is not lost: it is there when that process makes such a call.
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

enum proc_file { FILE_MAPS, FILE_SMAPS, FILE_STATUS, FILE_PAGEMAP, NR_PROC_FILES };
static const char *const file_name[NR_PROC_FILES] = {"maps", "smaps", "status", "pagemap"};

/* Of one process: its files, and what was read last. */
struct known_proc {
    pid_t pid; /* 0: none */
    int fd[NR_PROC_FILES];
    bool whole; /* the lines of maps fit into text */
    size_t size;
    char text[1 << 15];
    struct raw_proc proc;
    struct raw_vma *vma;
    uint32_t nr_vmas, room;
};

/* As many frames of kpagecount as are read at once. */
#define BLOCK 16U
struct count_block {
    uint64_t first, picture;
    uint64_t count[BLOCK];
};

struct procfs_reader {
    struct linux_reader reader;
    int kpagecount;  /* -1: not used */
    uint64_t zeroes; /* frame */
    uint64_t picture;
    struct count_block block[64];
    struct known_proc known[MAX_PROCS];
    char text[1 << 16];
    size_t have, used; /* of text */
    off_t at;          /* of the file that it is from */
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
        n = pread(fd, p->text + p->have, sizeof(p->text) - p->have, p->at);
        if (n <= 0)
            return NULL;
        p->have += (size_t)n;
        p->at += n;
    }
}

static void start_lines(struct procfs_reader *p)
{
    p->have = p->used = 0;
    p->at = 0;
}

static int open_file(pid_t pid, const char *name)
{
    char path[64];
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* A file of the process, at its beginning. */
static int file_of(struct procfs_reader *p, struct known_proc *k, enum proc_file which)
{
    start_lines(p);
    if (k->fd[which] < 0)
        k->fd[which] = open_file(k->pid, file_name[which]);
    return k->fd[which];
}

static void forget_proc(struct known_proc *k)
{
    for (unsigned i = 0; i < NR_PROC_FILES; i++) {
        if (k->pid && k->fd[i] >= 0)
            close(k->fd[i]);
        k->fd[i] = -1;
    }
    k->pid = 0;
    k->whole = false;
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

static uint64_t hex(const char **at)
{
    uint64_t n = 0;

    for (;; ++*at) {
        const char c = **at;

        if (c >= '0' && c <= '9')
            n = n << 4 | (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            n = n << 4 | (uint64_t)(c - 'a' + 10);
        else
            return n;
    }
}

static uint64_t decimal(const char **at)
{
    uint64_t n = 0;

    for (; **at >= '0' && **at <= '9'; ++*at)
        n = n * 10 + (uint64_t)(**at - '0');
    return n;
}

/* "start-end rwxp offset major:minor inode   name"; other lines of smaps begin with a capital. */
static bool starts_vma(const char *line, struct smaps_vma *v)
{
    const char *at = line;
    uint64_t device, inode;

    if (*line >= 'A' && *line <= 'Z')
        return false;
    *v = (struct smaps_vma){0};
    v->vma.start = hex(&at);
    if (*at++ != '-')
        return false;
    v->vma.end = hex(&at);
    if (strlen(at) < sizeof(" rwxp "))
        return false;
    at += strlen(" rwxp ");
    v->vma.pgoff = hex(&at) >> PAGE_SHIFT;
    at += *at == ' ';
    device = hex(&at) << 20;
    if (*at++ != ':')
        return false;
    device |= hex(&at);
    at += *at == ' ';
    inode = decimal(&at);
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
    const char *at = strchr(line, ':') + 1;

    at += strspn(at, " \t");
    return decimal(&at) >> (PAGE_SHIFT - 10);
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

static int keep_vma(struct known_proc *k, const struct raw_vma *vma)
{
    if (k->nr_vmas == k->room) {
        const uint32_t room = k->room ? 2 * k->room : 64;
        struct raw_vma *more = realloc(k->vma, room * sizeof(*more));

        if (!more)
            return -ENOMEM;
        k->vma = more;
        k->room = room;
    }
    k->vma[k->nr_vmas++] = *vma;
    return 0;
}

static int ends_vma(struct known_proc *k, const struct smaps_vma *v)
{
    if (v->vma.start >= KERNEL_HALF || v->vma.start == v->vma.end)
        return 0; /* the page of old system calls is in no count */
    if (v->vma.start < WINDOW_BASE || v->vma.end > WINDOW_END) {
        count_outside(v, &k->proc);
        return 0;
    }
    return keep_vma(k, &v->vma);
}

/* The lines of smaps that maps has, too. */
static void keep_line(struct known_proc *k, const char *line, size_t size)
{
    k->whole = k->whole && k->size + size < sizeof(k->text);
    if (!k->whole)
        return;
    memcpy(k->text + k->size, line, size);
    k->text[k->size + size] = '\n';
    k->size += size + 1;
}

static int take_vmas(struct procfs_reader *p, struct known_proc *k)
{
    const int fd = file_of(p, k, FILE_SMAPS);
    struct smaps_vma v = {0}, next;
    int error = 0;
    char *line;

    if (fd < 0)
        return fd;
    k->nr_vmas = 0;
    k->size = 0;
    k->whole = true;
    while (!error && (line = next_line(p, fd))) {
        if (!starts_vma(line, &next)) {
            takes_line(line, &v);
            continue;
        }
        keep_line(k, line, strlen(line));
        error = ends_vma(k, &v);
        v = next;
    }
    return error ? error : ends_vma(k, &v);
}

/* Does maps say what it said when smaps was read? */
static bool maps_is_same(struct procfs_reader *p, struct known_proc *k)
{
    const int fd = file_of(p, k, FILE_MAPS);
    size_t at = 0;
    ssize_t n = 0;

    while (fd >= 0 && (n = pread(fd, p->text, sizeof(p->text), (off_t)at)) > 0) {
        if ((size_t)n > k->size - at || memcmp(p->text, k->text + at, (size_t)n))
            return false;
        at += (size_t)n;
    }
    return fd >= 0 && !n && at == k->size;
}

/* ---- counters ---- */
static int take_counters(struct procfs_reader *p, struct known_proc *k)
{
    const int fd = file_of(p, k, FILE_STATUS);
    struct raw_proc *proc = &k->proc;
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
    proc->all.exec_vm = text + library;
    for (unsigned i = 0; i < SNAP_NR_RSS; i++)
        proc->rss[i] = (int64_t)rss[i];
    proc->brk = WINDOW_BASE; /* not shown */
    return 0;
}

/* ---- pages ---- */
#define MAP_PRESENT (UINT64_C(1) << 63)
#define MAP_SWAPPED (UINT64_C(1) << 62)
#define MAP_NOT_ANON (UINT64_C(1) << 61)
#define MAP_ONCE (UINT64_C(1) << 56) /* the page's mapcount is 1 */
#define MAP_NUMBER ((UINT64_C(1) << 55) - 1)
#define SWAP_TYPE_NOT_SWAP 23 /* types above those that swap files can have */
#define KPAGE_ZERO 24         /* of kpageflags */

/* Frames that are mapped more than once come in a row, and again in another process. */
static int mapcount_of(struct procfs_reader *p, uint64_t frame, uint32_t *count)
{
    const uint64_t first = frame & ~(uint64_t)(BLOCK - 1);
    struct count_block *b = &p->block[first / BLOCK % (sizeof(p->block) / sizeof(*p->block))];

    if (b->first != first || b->picture != p->picture) {
        const ssize_t n = pread(p->kpagecount, b->count, sizeof(b->count), (off_t)(first * 8));

        if (n < (ssize_t)((frame - first + 1) * 8))
            return -EIO;
        b->first = first;
        b->picture = p->picture;
    }
    *count = (uint32_t)b->count[frame - first];
    return 0;
}

static int show_frame(struct procfs_reader *p, struct raw_pte *pte, uint64_t entry)
{
    uint32_t count = 1;
    int error;

    if (pte->key == p->zeroes) {
        pte->flags |= SNAP_PTE_SPECIAL;
        return 0;
    }
    error = entry & MAP_ONCE ? 0 : mapcount_of(p, pte->key, &count);
    pte->page_flags = entry & MAP_NOT_ANON ? SNAP_PAGE_CACHED : SNAP_PAGE_ANON;
    pte->mapcount = pte->refcount = count;
    return error;
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
        return show_frame(p, pte, entry);
    }
    pte->flags = (pte->key & 31) < SWAP_TYPE_NOT_SWAP ? SNAP_PTE_SWAP : SNAP_PTE_MIGRATION;
    return 0;
}

/* Holes of so many pages are read along: that costs less than another call. */
#define SMALL_HOLE 64U
static int take_pages(struct procfs_reader *p, struct known_proc *k)
{
    const int fd = file_of(p, k, FILE_PAGEMAP);
    static _Thread_local uint64_t entry[WINDOW_PAGES];
    int error = 0;

    if (fd < 0)
        return fd;
    for (uint32_t i = 0, next; i < k->nr_vmas && !error; i = next) {
        const uint64_t first = k->vma[i].start >> PAGE_SHIFT;
        uint64_t end = k->vma[i].end >> PAGE_SHIFT, n;

        for (next = i + 1; next < k->nr_vmas; next++) {
            if ((k->vma[next].start >> PAGE_SHIFT) - end > SMALL_HOLE)
                break;
            end = k->vma[next].end >> PAGE_SHIFT;
        }
        n = end - first;
        if (pread(fd, entry, n * 8, (off_t)(first * 8)) != (ssize_t)(n * 8))
            error = -EIO;
        for (uint64_t at = 0; at < n && !error; at++)
            error = show_entry(p, (first + at) << PAGE_SHIFT, entry[at]);
    }
    return error;
}

/* ---- the reader ---- */
static int read_proc(struct procfs_reader *p, struct known_proc *k)
{
    int error;

    k->proc = (struct raw_proc){.pid = k->pid};
    error = take_vmas(p, k);
    if (!error)
        error = take_counters(p, k);
    if (error)
        k->whole = false;
    return error;
}

static int take_proc(struct procfs_reader *p, struct known_proc *k, bool unchanged,
                     struct raw_proc *proc)
{
    struct raw_picture *raw = p->reader.raw;
    int error = 0;

    /* Where rss is shown, what is resident outside is to be taken off. */
    if (!unchanged || !k->whole || (p->reader.shows & SHOWS_RSS) || !maps_is_same(p, k))
        error = read_proc(p, k);
    if (!error && k->nr_vmas > RAW_VMAS - raw->nr_vmas)
        error = -E2BIG;
    if (error)
        return error;
    *proc = k->proc;
    proc->first_vma = raw->nr_vmas;
    proc->nr_vmas = k->nr_vmas;
    proc->first_pte = raw->nr_ptes;
    if (k->nr_vmas)
        memcpy(&raw->vma[raw->nr_vmas], k->vma, k->nr_vmas * sizeof(*k->vma));
    raw->nr_vmas += k->nr_vmas;
    if (p->kpagecount >= 0)
        error = take_pages(p, k);
    proc->nr_ptes = raw->nr_ptes - proc->first_pte;
    return error;
}

static int procfs_take(struct linux_reader *r, const pid_t pid[MAX_PROCS])
{
    struct procfs_reader *p = (struct procfs_reader *)r;
    int error = 0;

    p->picture++;
    r->raw->nr_vmas = r->raw->nr_ptes = r->raw->nr_chains = 0;
    for (unsigned i = 0; i < MAX_PROCS && !error; i++) {
        struct known_proc *k = &p->known[i];

        r->raw->proc[i] = (struct raw_proc){0};
        if (k->pid != pid[i])
            forget_proc(k);
        k->pid = pid[i];
        if (k->pid)
            error = take_proc(p, k, r->unchanged >> i & 1, &r->raw->proc[i]);
    }
    return error == -ENOENT ? -ESRCH : error;
}

static void procfs_fini(struct linux_reader *r)
{
    struct procfs_reader *p = (struct procfs_reader *)r;

    if (p->kpagecount >= 0)
        close(p->kpagecount);
    for (unsigned i = 0; i < MAX_PROCS; i++) {
        forget_proc(&p->known[i]);
        free(p->known[i].vma);
    }
    free(r->raw);
}

/* ---- what this kernel's /proc shows, tried on ourselves ---- */
static long own_rss(struct procfs_reader *p)
{
    const int fd = open_file(getpid(), "status");
    long pages = -1;
    const char *line;

    start_lines(p);
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
    const int fd = open_file(getpid(), "smaps");
    struct smaps_vma v = {0}, next;
    bool found = false;
    char *line;

    start_lines(p);
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
        p->kpagecount = -1;
        for (unsigned i = 0; i < MAX_PROCS; i++)
            forget_proc(&p->known[i]);
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

static bool read_word(const char *path, uint64_t n, uint64_t *word)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const bool there =
        fd >= 0 && pread(fd, word, sizeof(*word), (off_t)(n * sizeof(*word))) == sizeof(*word);

    if (fd >= 0)
        close(fd);
    return there;
}

/* The frame that is mapped where nothing was written: it is no page of anybody. */
static bool find_zeroes(uint64_t *frame)
{
    const volatile char *page =
        mmap(NULL, PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t entry = 0, flags = 0;
    bool found;

    if (page == MAP_FAILED)
        return false;
    found = !*page && read_word("/proc/self/pagemap", (uintptr_t)page >> PAGE_SHIFT, &entry) &&
            read_word("/proc/kpageflags", entry & MAP_NUMBER, &flags) && (flags >> KPAGE_ZERO & 1);
    munmap((void *)(uintptr_t)page, PAGE_SIZE);
    *frame = entry & MAP_NUMBER;
    return found;
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
    if (p->kpagecount >= 0 && find_zeroes(&p->zeroes))
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
