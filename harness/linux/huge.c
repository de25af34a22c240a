/* SPDX-License-Identifier: GPL-2.0-only */
/* Letting khugepaged rest, and what its guardian does. */
#define _GNU_SOURCE
#include "harness/linux/huge.h"
#include "harness/linux/settings.h"
#include "harness/linux/linux.h"
#include "model/mm.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#define SETTINGS "/sys/kernel/mm/transparent_hugepage/"
#define SLEEP SETTINGS "khugepaged/scan_sleep_millisecs"
#define COMPACTION "/proc/sys/vm/compaction_proactiveness"

/* What is set for the rest: khugepaged sleeps for 11 days, and kcompactd moves no pages in advance,
 * for which they would have migration entries. */
static const struct {
    const char *path, *at_rest, *by_default; /* the kernel's own */
} settings[] = {{SLEEP, "1000000000", "10000"}, {COMPACTION, "0", "20"}};
#define NR_SETTINGS (sizeof(settings) / sizeof(*settings))

/* ---- is this machine such that the model knows what it does? ---- */
/* Sizes between a page and 2 MiB, which the model does not have. */
static bool has_other_sizes(void)
{
    DIR *sizes = opendir(SETTINGS);
    bool has = false;

    for (struct dirent *e; sizes && !has && (e = readdir(sizes));) {
        char path[400], text[80];

        if (strncmp(e->d_name, "hugepages-", 10) || !strcmp(e->d_name, "hugepages-2048kB"))
            continue;
        snprintf(path, sizeof(path), SETTINGS "%s/enabled", e->d_name);
        has = linux_get_text(path, text, sizeof(text)) && !strstr(text, "[never]");
    }
    if (sizes)
        closedir(sizes);
    return has;
}

const char *linux_refuses_huge(void)
{
    char text[80];

    if (!linux_is_since(6, 18))
        return "huge pages are compared from Linux 6.18 on";
    if (!linux_get_text(SETTINGS "enabled", text, sizeof(text)))
        return "the kernel has no huge pages: it needs CONFIG_TRANSPARENT_HUGEPAGE";
    if (!strstr(text, "[madvise]"))
        return "huge pages are compared where " SETTINGS "enabled is madvise";
    if (linux_get_text(SETTINGS "hugepages-2048kB/enabled", text, sizeof(text)) &&
        !strstr(text, "[inherit]") && !strstr(text, "[madvise]"))
        return "huge pages are compared where " SETTINGS "hugepages-2048kB/enabled is inherit";
    if (has_other_sizes())
        return "huge pages of other sizes are enabled in " SETTINGS "hugepages-*";
    if (!linux_get_text(SETTINGS "use_zero_page", text, sizeof(text)) || *text != '1')
        return "huge pages are compared where " SETTINGS "use_zero_page is 1";
    if (geteuid())
        return "huge pages need root: khugepaged has to rest meanwhile";
    return NULL;
}

uint64_t linux_huge_refused(void)
{
    static const char *const counters[] = {"thp_fault_fallback", "thp_collapse_alloc_failed"};
    FILE *f = fopen("/proc/vmstat", "re");
    unsigned long long n;
    uint64_t sum = 0;
    char name[80];

    while (f && fscanf(f, "%79s %llu", name, &n) == 2)
        for (unsigned i = 0; i < sizeof(counters) / sizeof(*counters); i++)
            if (strcmp(name, counters[i]) == 0)
                sum += n;
    if (f)
        fclose(f);
    return sum;
}

/* ---- the guardian ---- */
/* Runs side by side share the rest: each has a lock on the setting. Who found it as it was waits
 * for the others before it is so again. */
struct rest {
    int lock;
    bool mine; /* no other run has changed them */
    char before[NR_SETTINGS][24];
};

/* While khugepaged has anything to do it sleeps for as long as it is told to; if it has nothing it
 * wakes up for whatever comes. So it always has this. */
static void give_it_work(void)
{
    const size_t size = 2 * HPAGE_SIZE;
    void *memory = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory != MAP_FAILED)
        madvise(memory, size, MADV_HUGEPAGE);
}

/* Where one is as it is for the rest, a guardian was killed: all are set to what is usual then. */
static int set_all(struct rest *r)
{
    bool left = false;
    int error = 0;

    for (unsigned i = 0; i < NR_SETTINGS; i++)
        linux_get_text(settings[i].path, r->before[i], sizeof(r->before[i]));
    left = strcmp(r->before[0], settings[0].at_rest) == 0;
    r->mine = true;
    for (unsigned i = 0; i < NR_SETTINGS && !error; i++) {
        if (left)
            snprintf(r->before[i], sizeof(r->before[i]), "%s", settings[i].by_default);
        if (*r->before[i]) /* without compaction there is none to rest */
            error = linux_put_text(settings[i].path, settings[i].at_rest);
    }
    return error;
}

static int begin(void *what)
{
    struct rest *r = what;
    int error = 0;

    r->lock = open(SLEEP, O_RDONLY | O_CLOEXEC);
    if (r->lock < 0)
        return -errno;
    give_it_work();
    if (!flock(r->lock, LOCK_EX | LOCK_NB)) {
        error = set_all(r);
        usleep(100000); /* it looks around once more */
    }
    return flock(r->lock, LOCK_SH) ? -errno : error;
}

static void end(void *what)
{
    struct rest *r = what;

    if (!r->mine)
        return;
    if (flock(r->lock, LOCK_EX | LOCK_NB)) {
        if (fork() > 0)
            return; /* the harness need not wait for others' runs */
        while (flock(r->lock, LOCK_EX) && errno == EINTR)
            continue;
    }
    for (unsigned i = 0; i < NR_SETTINGS; i++)
        if (*r->before[i])
            linux_put_text(settings[i].path, r->before[i]);
}

int linux_huge_open(struct linux_huge *h, char *why, size_t size)
{
    static const struct linux_duty duty = {begin, end};
    const char *refused = linux_refuses_huge();
    struct rest rest = {.lock = -1};
    int error;

    *h = (struct linux_huge){0};
    if (refused) {
        snprintf(why, size, "%s", refused);
        return -EOPNOTSUPP;
    }
    error = linux_guardian_start(&h->guardian, &duty, &rest, sizeof(rest));
    if (error)
        snprintf(why, size, "khugepaged cannot be told to rest: %s", strerror(-error));
    return error;
}

void linux_huge_close(struct linux_huge *h)
{
    linux_guardian_end(&h->guardian);
}
