/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The smallest mm beside the model, to begin one's own from: docs/subject.md goes through it. It
 * has one process and an array with an entry for each page, knows private anonymous memory at fixed
 * addresses, and says of all else that it cannot do it. `own_subject` runs random programs on it;
 * `own_subject flaw` has a bug planted, and finds it.
 */
#include "harness/harness.h"
#include "harness/linux/linux.h" /* compare_with_linux(), enum linux_shows */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGES 4096 /* world_config_default.task_size */

struct own {
    struct subject base; /* first: the harness has a pointer to it */
    bool flaw;
    bool mapped[PAGES];
    int prot[PAGES];
};

static struct own *own_of(struct subject *s)
{
    return (struct own *)s;
}

/* ---- the mm itself ---- */
static int own_reset(struct subject *s, const struct world_config *config)
{
    struct own *own = own_of(s);

    if (config->task_size != PAGES || config->read_implies_exec)
        return -EINVAL;
    memset(own->mapped, 0, sizeof(own->mapped));
    return 0;
}

static const char *own_refuses(struct subject *s, const struct call *c)
{
    const int known = PROT_READ | PROT_WRITE | PROT_EXEC;

    (void)s;
    if (c->kind == OP_MMAP && c->flags == (MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED))
        return c->prot & ~known ? "protections of stacks" : NULL;
    if (c->kind == OP_MPROTECT)
        return c->prot & ~known ? "protections of stacks" : NULL;
    return c->kind == OP_MUNMAP ? NULL : "not written yet";
}

static long map_fixed(struct own *own, const struct call *c, uint64_t first, uint64_t end)
{
    const uint64_t min = world_config_default.mmap_min_addr;

    if (!c->len)
        return -EINVAL;
    if (end <= first || end > PAGES)
        return -ENOMEM;
    if (c->addr % PAGE_SIZE)
        return -EINVAL;
    if (first < min)
        return -EPERM;
    for (uint64_t page = first; page < end; page++) {
        own->mapped[page] = true;
        own->prot[page] = c->prot;
    }
    return (long)c->addr;
}

static long unmap(struct own *own, const struct call *c, uint64_t first, uint64_t end)
{
    if (c->addr % PAGE_SIZE || !c->len || end <= first || end > PAGES)
        return -EINVAL;
    for (uint64_t page = first; page < end; page++) {
        if (own->flaw && page > first && !own->mapped[page])
            break; /* the flaw: a hole ends it */
        own->mapped[page] = false;
    }
    return 0;
}

static long protect(struct own *own, const struct call *c, uint64_t first, uint64_t end)
{
    if (c->addr % PAGE_SIZE)
        return -EINVAL;
    if (c->len && end <= first)
        return -ENOMEM;
    for (uint64_t page = first; page < end; page++) {
        if (page >= PAGES || !own->mapped[page])
            return -ENOMEM; /* what is below has been done, as in Linux */
        own->prot[page] = c->prot;
    }
    return 0;
}

static long own_apply(struct subject *s, const struct call *c, const struct spec_seen *seen)
{
    const uint64_t len = (c->len + PAGE_SIZE - 1) & PAGE_MASK; /* 0 where that wraps */
    const uint64_t first = c->addr >> PAGE_SHIFT;
    const uint64_t end = c->len && !len ? 0 : (c->addr + len) >> PAGE_SHIFT;

    (void)seen; /* it answers for itself */
    if (c->kind == OP_MMAP)
        return map_fixed(own_of(s), c, first, end);
    if (c->kind == OP_MUNMAP)
        return unmap(own_of(s), c, first, end);
    return protect(own_of(s), c, first, end);
}

/* ---- its picture ---- */
static uint64_t flags_of(int prot)
{
    return (prot & PROT_READ ? SNAP_READ : 0U) | (prot & PROT_WRITE ? SNAP_WRITE : 0U) |
           (prot & PROT_EXEC ? SNAP_EXEC : 0U);
}

static int own_snapshot(struct subject *s, struct snapshot *out)
{
    const struct own *own = own_of(s);
    uint32_t n = 0;

    if (snapshot_reserve(out, 1, PAGES, 0)) /* processes, VMAs, files */
        return -ENOMEM;
    for (uint32_t page = 0; page < PAGES; page++) {
        if (!own->mapped[page])
            continue;
        if (!page || !own->mapped[page - 1] || own->prot[page - 1] != own->prot[page])
            out->vma[n++] =
                (struct snap_vma){.start = page, .pgoff = page, .flags = flags_of(own->prot[page])};
        out->vma[n - 1].end = page + 1;
    }
    out->proc[0] = (struct snap_proc){.id = 0, .first_vma = 0, .nr_vmas = n};
    out->nr_procs = 1;
    out->nr_vmas = n;
    return 0;
}

static void own_exit(struct subject *s)
{
    (void)s; /* there is nothing that the next reset does not empty */
}

static const struct subject_ops own_ops = {
    .name = "own",
    .reset = own_reset,
    .refuses = own_refuses,
    .apply = own_apply,
    .snapshot = own_snapshot,
    .exit = own_exit,
};

/* ---- how it is compared ---- */
static bool judge(struct other_subject *other, const struct snapshot *model,
                  struct snapshot *picture, struct verdict *v)
{
    return compare_with_linux(model, picture, other->shows, v);
}

/* ---- running it ---- */
/* A find: made smaller, reported, and stored for program_load() and executor_run(). */
static void report(struct executor *ex, struct program *p, const struct run_options *options)
{
    const struct shrink_options limits = {0};
    struct shrink_result shrunk;
    struct run_result result;
    char message[512];
    const struct finding find = {
        .program = p, .result = &result, .options = options, .shrink = &shrunk, .file = "own.vma"};

    if (!shrink(ex, p, options, &limits, &shrunk, &result))
        return;
    report_text(ex, &find, stdout);
    if (program_save(find.file, p, message, sizeof(message)))
        fprintf(stderr, "%s\n", message);
}

int main(int argc, char **argv)
{
    static struct own own = {.base = {.ops = &own_ops}};
    struct other_subject other = {
        .subject = &own.base,
        .name = "my own mm",
        .shows = SHOWS_LAYOUT,
        .every = 1,
        .judge = judge,
    };
    struct run_options options = run_options_strict;
    struct executor *ex = executor_new(0);
    struct program *p = program_new(256);
    bool clean = true;

    if (!ex || !p)
        return EXIT_FAILURE;
    own.flaw = argc > 1 && !strcmp(argv[1], "flaw");
    options.other = &other;
    options.rules = RULES_LINUX_6_18;
    for (uint64_t seed = 1; clean && seed <= 300; seed++) {
        struct run_result result;

        clean = executor_generate(ex, p, seed, 200, &world_config_default, &options, &result);
        if (!clean)
            report(ex, p, &options);
    }
    puts(clean ? "300 programs, clean" : "a difference");
    program_free(p);
    executor_free(ex);
    return clean ? EXIT_SUCCESS : 1;
}
