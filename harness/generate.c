/* SPDX-License-Identifier: GPL-2.0-only */
/* The generator: a run's habits, where to look in the world, and the next operation. */
#include "harness/generate.h"

#include <string.h>

#define MAX_DEPTH 64 /* of the tree; a broken one must not hold the generator */

/* ---- the start of a run ---- */
/* A world whose every number is one that the wire form can say. Half of them are the usual one. */
static void choose_world(struct rng *r, struct world_config *config)
{
    uint8_t record[RECORD_SIZE] = {0};
    enum rules rules = config->rules;
    bool rules_given;

    record[WORLD_LAYOUT] = rng_below(r, 3) == 0;
    record[WORLD_PRIVILEGED] = rng_below(r, 4) == 0;
    record[WORLD_READ_IMPLIES_EXEC] = rng_below(r, 16) ? 0 : 3;
    record[WORLD_OVERCOMMIT] = (uint8_t)(rng_below(r, 2) ? 0 : rng_below(r, 3));
    for (unsigned byte = WORLD_TASK; byte < NR_WORLD_BYTES; byte++)
        record[byte] = (uint8_t)(rng_below(r, 2) ? 0 : rng_below(r, 4));
    if (rng_below(r, 4))
        record[WORLD_MAPS] = 0;
    if (rng_below(r, 4))
        record[WORLD_RAM] = 0;
    world_decode(record, config, &rules_given);
    config->rules = rules;
}

/* Where most of a run happens: beside where searches end up, so that hints, fixed addresses and
 * searches meet; at the ends of the address space; about the heap; where one page table ends and
 * the next begins; or anywhere. */
static void choose_window(struct generator *g, const struct world_config *config)
{
    uint32_t task = (uint32_t)config->task_size, pages = 32u << rng_below(&g->rng, 4);
    uint32_t base = (uint32_t)(config->legacy_layout ? task / 3 + pages : config->mmap_base);
    uint32_t low = config->privileged ? 0 : (uint32_t)config->mmap_min_addr;
    uint32_t start, choice = rng_below(&g->rng, 16);

    pages = pages > task / 4 ? task / 4 : pages;
    if (choice < 7)
        start = base > pages ? base - pages : 0;
    else if (choice < 11)
        start = low;
    else if (choice < 13)
        start =
            (uint32_t)config->start_brk > pages / 4 ? (uint32_t)config->start_brk - pages / 4 : 0;
    else if (choice < 14)
        start = task - pages;
    else if (choice < 15 && task > PTRS_PER_TABLE)
        start = PTRS_PER_TABLE * (1 + rng_below(&g->rng, task / PTRS_PER_TABLE - 1)) - pages / 2;
    else
        start = rng_below(&g->rng, task - pages);
    g->window_start = start;
    g->window_pages = pages;
}

static void choose_habits(struct generator *g)
{
    static const uint8_t flavours[16] = {
        FLAVOUR_ANON,        FLAVOUR_ANON,         FLAVOUR_ANON,         FLAVOUR_ANON,
        FLAVOUR_ANON_SHARED, FLAVOUR_FILE_PRIVATE, FLAVOUR_FILE_PRIVATE, FLAVOUR_FILE_SHARED,
        FLAVOUR_FILE_SHARED, FLAVOUR_FILE_SHARED,  FLAVOUR_GROWSDOWN,    FLAVOUR_GROWSDOWN,
        FLAVOUR_GROWSDOWN,   FLAVOUR_GROWSUP,      FLAVOUR_NORESERVE,    FLAVOUR_LOCKED,
    };
    static const uint8_t advice[8] = {W_DONTFORK, W_SEQUENTIAL, W_RANDOM,    W_HUGEPAGE,
                                      W_DONTDUMP, W_WIPEONFORK, W_MERGEABLE, W_NOHUGEPAGE};
    static const uint8_t kinds[16] = {
        FILE_REGULAR, FILE_REGULAR, FILE_REGULAR, FILE_REGULAR, FILE_SHMEM, FILE_SHMEM,
        FILE_SHMEM,   FILE_SHMEM,   FILE_SYSV,    FILE_SYSV,    FILE_SYSV,  FILE_HUGETLB,
        FILE_HUGETLB, FILE_DEVICE,  FILE_REGULAR, FILE_NOMMAP,
    };

    for (int i = 0; i < 3; i++) {
        g->prot_habit[i] = (uint8_t)rng_below(&g->rng, 8);
        g->flag_habit[i] = flavours[rng_below(&g->rng, 16)];
        g->advice_habit[i] = advice[rng_below(&g->rng, 8)];
        g->policy_habit[i] = (uint8_t)rng_below(&g->rng, 256);
        g->file_habit[i] = kinds[rng_below(&g->rng, 16)];
    }
    g->prot_habit[0] = rng_below(&g->rng, 4) ? PROT_READ | PROT_WRITE : PROT_READ;
    g->fail_rate = rng_below(&g->rng, 4) ? 0 : 20;
    g->plan_rate = rng_below(&g->rng, 4) ? 30 : 0;
    g->max_procs = rng_below(&g->rng, 2) ? 1 : rng_below(&g->rng, 16) ? 6 : MAX_PROCS;
}

/* Swarm: a random part of the operations is left out, and the rest weighs wildly different, so that
 * runs differ more from each other than their operations do. */
static void choose_weights(struct generator *g, const struct world_config *config)
{
    uint32_t at = 0, sum = 0;

    g->total_weight = 0;
    for (unsigned kind = 1; kind < NR_OPS; kind++) {
        uint32_t scale = rng_below(&g->rng, 4) ? 1 + rng_below(&g->rng, 4) : 0;

        g->weight[kind] = op_table[kind].weight * (scale == 4 ? 8 : scale);
    }
    g->weight[OP_MMAP] += 16;                         /* nothing happens without mappings */
    g->weight[OP_WRITE] += 6 * rng_below(&g->rng, 3); /* nor to anon_vmas without pages */
    if (g->max_procs == 1)
        g->weight[OP_FORK] = g->weight[OP_EXIT] = 0;
    if (!rules_have(config->rules, OP_NAME))
        g->weight[OP_NAME] = rng_below(&g->rng, 16) ? 0 : 1;          /* nothing but EINVAL */
    if (!rules_have(config->rules, OP_PIN) && rng_below(&g->rng, 16)) /* or EOPNOTSUPP */
        g->weight[OP_PIN] = g->weight[OP_UNPIN] = g->weight[OP_DEVICE_READ] =
            g->weight[OP_DEVICE_WRITE] = 0;
    if (!config->privileged && rng_below(&g->rng, 16)) /* or EPERM */
        g->weight[OP_EXE] = 0;
    for (unsigned kind = 1; kind < NR_OPS; kind++)
        g->total_weight += g->weight[kind];
    for (unsigned kind = 1; kind < NR_OPS; kind++)
        for (sum += g->weight[kind]; at * g->total_weight < sum * 256; at++)
            g->pick[at] = (uint8_t)kind;
}

void generator_start(struct generator *g, uint64_t seed, struct world_config *config,
                     bool config_fixed)
{
    memset(g, 0, sizeof(*g));
    rng_seed(&g->rng, seed);
    if (!config_fixed)
        choose_world(&g->rng, config);
    choose_window(g, config);
    choose_habits(g);
    choose_weights(g, config);
}

/* ---- where ---- */
static const struct vma *vma_of_node(const struct rb_node *rb)
{
    return (const struct vma *)((const char *)rb - offsetof(struct vma, vm_rb));
}

/* The VMA at the page or above it; above all of them the last one; NULL: there is none. */
static const struct vma *vma_near(const struct mm *mm, uint32_t page)
{
    uintptr_t addr = (uintptr_t)page << PAGE_SHIFT;
    const struct rb_node *rb = mm->mm_rb.node;
    const struct vma *above = NULL, *last = NULL;

    for (unsigned depth = 0; rb && depth < MAX_DEPTH; depth++) {
        const struct vma *v = vma_of_node(rb);

        if (v->vm_end <= addr) {
            last = v;
            rb = rb->right;
            continue;
        }
        above = v;
        if (v->vm_start <= addr)
            break;
        rb = rb->left;
    }
    return above ? above : last;
}

uint32_t pick_page(struct gen *c)
{
    uint64_t bits = rng_next(&c->g->rng);
    uint32_t heap = page_of(c->mm->brk - c->mm->start_brk), n = (uint32_t)(bits >> 32);

    if (bits % 32 == 0)
        return (uint32_t)((uint64_t)n * task_pages(c) >> 32);
    if (bits % 32 < 4 && heap)
        return page_of(c->mm->start_brk) + (uint32_t)((uint64_t)n * (heap + 4) >> 32);
    return c->g->window_start + (uint32_t)((uint64_t)n * c->g->window_pages >> 32);
}

const struct vma *pick_vma(struct gen *c)
{
    return vma_near(c->mm, pick_page(c));
}

const struct vma *pick_vma_with(struct gen *c, uint64_t vm_flags)
{
    const struct vma *v = pick_vma(c);

    for (int tries = 0; v && !(v->vm_flags & vm_flags) && tries < 3; tries++) {
        const struct vma *beside = tries % 2 ? v->vm_prev : v->vm_next;

        v = beside && beside->vm_flags & vm_flags ? beside : pick_vma(c);
    }
    return v;
}

const struct vma *neighbour(struct gen *c, const struct vma *v)
{
    const struct vma *next = v->vm_next, *prev = v->vm_prev;

    if (next && next->vm_start != v->vm_end)
        next = NULL;
    if (prev && prev->vm_end != v->vm_start)
        prev = NULL;
    return next && (!prev || chance(c, 128)) ? next : prev;
}

struct range hole_below(const struct gen *c, const struct vma *v)
{
    uint32_t end = page_of(v->vm_start), low = (uint32_t)c->w->config.mmap_min_addr;

    if (v->vm_prev)
        return (struct range){page_of(v->vm_prev->vm_end), end};
    return (struct range){low < end && !c->w->config.privileged ? low : 0, end};
}

struct range hole_above(const struct gen *c, const struct vma *v)
{
    return (struct range){page_of(v->vm_end),
                          v->vm_next ? page_of(v->vm_next->vm_start) : task_pages(c)};
}

/* Parts of one VMA: at most a stretch of it where it is large. */
static struct range part_of(struct gen *c, struct range r, uint32_t choice)
{
    uint32_t n = pages_in(r), cut = n > 64 ? 64 : n;

    if (n < 2)
        return r;
    if (choice == 0) /* head */
        return (struct range){r.start, r.start + 1 + below(c, cut - 1)};
    if (choice == 1) /* tail */
        return (struct range){r.end - 1 - below(c, cut - 1), r.end};
    r.start += below(c, n - 1);
    return (struct range){r.start,
                          r.start + 1 + below(c, r.end - r.start < 16 ? r.end - r.start : 16)};
}

/* From inside a to inside b, which comes after it. */
static struct range across(struct gen *c, const struct vma *a, const struct vma *b)
{
    uint32_t n = pages_in(range_of(a)), m = pages_in(range_of(b));
    uint32_t start = page_of(a->vm_end) - 1 - below(c, n > 32 ? 32 : n);
    uint32_t end = page_of(b->vm_start) + 1 + below(c, m > 32 ? 32 : m);

    return (struct range){start, end};
}

struct range several(struct gen *c, const struct vma *v, bool covered)
{
    struct range r = range_of(v);

    for (uint32_t more = below(c, 4); more && v->vm_next; more--) {
        if (covered && v->vm_next->vm_start != v->vm_end)
            break;
        v = v->vm_next;
        r.end = page_of(v->vm_end);
    }
    return r;
}

static struct range frayed(struct gen *c, struct range r)
{
    uint32_t low = below(c, 3), high = below(c, 3);

    r.start -= r.start > low ? low : 0;
    r.end += r.end + high <= task_pages(c) ? high : 0;
    return r;
}

/* Huge pages are split at their bounds only. */
static struct range huge_bounds(struct gen *c, const struct vma *v, struct range r)
{
    if (!(v->vm_flags & VM_HUGETLB) || chance(c, 16))
        return r;
    r.start &= ~((uint32_t)HPAGE_PAGES - 1);
    r.end = (r.end + (uint32_t)HPAGE_PAGES - 1) & ~((uint32_t)HPAGE_PAGES - 1);
    return r;
}

struct range pick_range(struct gen *c, const struct vma *v, bool covered)
{
    const struct vma *next = v->vm_next;
    uint32_t choice = below(c, 16);
    struct range r = range_of(v);

    if (choice < 5)
        return r;
    if (choice < 11)
        return huge_bounds(c, v, part_of(c, r, (choice - 5) / 2));
    /* A hole below a stack is worth walking into: nothing may grow for it. */
    if (choice < 13 && next &&
        (!covered || next->vm_start == v->vm_end || next->vm_flags & VM_GROWSDOWN))
        return huge_bounds(c, v, across(c, v, next));
    if (choice < 15)
        return several(c, v, covered);
    return covered && !chance(c, 64) ? r : frayed(c, r);
}

uint8_t pick_file(struct gen *c)
{
    uint32_t first = below(c, MAX_FDS);

    for (uint32_t i = 0; i < MAX_FDS; i++)
        if (c->w->fd[(first + i) % MAX_FDS])
            return (uint8_t)(1 + (first + i) % MAX_FDS);
    return 0;
}

uint8_t file_of(const struct gen *c, const struct vma *v)
{
    for (uint8_t i = 0; v->vm_file && i < MAX_FDS; i++)
        if (c->w->fd[i] == v->vm_file)
            return i + 1;
    return 0;
}

uint8_t pick_prot(struct gen *c)
{
    return c->g->prot_habit[below(c, 3)];
}

/* ---- how it is said ---- */
void set_address(struct gen *c, unsigned slot, uint32_t page)
{
    struct value *v = &c->op->v[slot];
    uint64_t bits = rng_next(&c->g->rng);
    unsigned name = 1 + (c->g->next_name - bits / 2 % 4) % MAX_NAMES;
    int64_t distance = (int64_t)page - (c->results[name] >> PAGE_SHIFT);

    v->pages = (int32_t)page;
    if (bits & 1 || c->results[name] <= 0 || distance < -64 || distance > 64)
        return;
    *v = (struct value){ANCHOR_MAPPING, (uint8_t)name, 0, (int32_t)distance};
}

uint8_t new_name(struct gen *c)
{
    if (chance(c, 96))
        return 0;
    c->g->next_name = (uint8_t)((c->g->next_name + 1) % MAX_NAMES);
    return c->g->next_name + 1;
}

void become(struct gen *c, enum op_kind kind)
{
    *c->op = (struct op){.kind = (uint8_t)kind, .proc = op_has_process(kind) ? c->proc : 0};
}

/* ---- the next operation ---- */
static generate_fn *const column[NR_OPS] = {
    [OP_MMAP] = generate_mmap,
    [OP_MUNMAP] = generate_munmap,
    [OP_MPROTECT] = generate_mprotect,
    [OP_MREMAP] = generate_mremap,
    [OP_BRK] = generate_brk,
    [OP_MLOCK] = generate_range,
    [OP_MLOCK2] = generate_mlock2,
    [OP_MUNLOCK] = generate_range,
    [OP_MLOCKALL] = generate_mlockall,
    [OP_MUNLOCKALL] = generate_nothing,
    [OP_MADVISE] = generate_madvise,
    [OP_MBIND] = generate_mbind,
    [OP_NAME] = generate_name,
    [OP_REMAP_FILE_PAGES] = generate_remap_file_pages,
    [OP_MINCORE] = generate_range,
    [OP_MSYNC] = generate_msync,
    [OP_READ] = generate_access,
    [OP_WRITE] = generate_access,
    [OP_EXEC] = generate_access,
    [OP_POKE] = generate_access,
    [OP_PEEK] = generate_access,
    [OP_FORCE] = generate_force,
    [OP_PIN] = generate_pin,
    [OP_UNPIN] = generate_device,
    [OP_DEVICE_READ] = generate_device,
    [OP_DEVICE_WRITE] = generate_device,
    [OP_RECLAIM] = generate_behind,
    [OP_MIGRATE] = generate_behind,
    [OP_RMAP] = generate_behind,
    [OP_KHUGEPAGED] = generate_khugepaged,
    [OP_SWAPOFF] = generate_nothing,
    [OP_SPECIAL] = generate_special,
    [OP_FIND] = generate_find,
    [OP_FIND_PREV] = generate_find,
    [OP_FIND_RANGE] = generate_find_range,
    [OP_GATE] = generate_gate,
    [OP_SETRLIMIT] = generate_setrlimit,
    [OP_OPEN] = generate_open,
    [OP_REOPEN] = generate_file,
    [OP_DUP] = generate_file,
    [OP_CLOSE] = generate_file,
    [OP_SEAL] = generate_file,
    [OP_UFFD] = generate_uffd,
    [OP_UFFD_CLOSE] = generate_uffd_close,
    [OP_UFFD_REGISTER] = generate_uffd_range,
    [OP_UFFD_UNREGISTER] = generate_uffd_range,
    [OP_FORK] = generate_fork,
    [OP_EXIT] = generate_exit,
    [OP_EXE] = generate_exe,
    [OP_FILL] = generate_access,
    [OP_KSM] = generate_ksm,
};

static void generate_orphan(struct gen *c)
{
    become(c, OP_CLOSE);
    c->op->obj = pick_file(c);
}

/* At the limit of VMAs nearly all calls fail: stay mostly below it. */
static enum op_kind pick_kind(struct gen *c)
{
    uint64_t limit = c->w->config.max_map_count;

    if (c->mm->map_count * UINT64_C(5) >= limit * 4 && chance(c, 160))
        return OP_MUNMAP;
    return (enum op_kind)c->g->pick[rng_next(&c->g->rng) >> 56];
}

/* Now and then an argument is spoilt: not whole pages, nothing, or the end of all addresses. */
static void spoil(struct gen *c)
{
    const uint8_t *args = op_table[c->op->kind].args;
    unsigned slot = 0, choice = below(c, 8);

    for (uint32_t skip = below(c, 3); skip && *args != ARG_END; args++, skip--)
        slot += arg_is_value((enum arg) * args);
    if (!arg_is_value((enum arg) * args) || slot == MAX_VALUES)
        return;
    if (choice < 4) {
        if (arg_has_bytes((enum arg) * args, (enum op_kind)c->op->kind))
            c->op->v[slot].bytes = (int16_t)(1 + below(c, PAGE_SIZE - 1));
    } else if (choice < 6) {
        c->op->v[slot] = (struct value){.pages = 0};
    } else {
        c->op->v[slot] =
            (struct value){choice == 6 ? ANCHOR_TASK : ANCHOR_TOP, 0, 0, -(int32_t)below(c, 4)};
    }
}

void generator_next(struct generator *g, const struct world *world,
                    const long results[MAX_NAMES + 1], struct op *op)
{
    struct gen c = {g, world, NULL, 0, results, op};
    uint64_t bits;

    while (g->plan_at < g->plan_nr) {
        *op = g->plan[g->plan_at++];
        if (op->kind != OP_EXIT || live_procs(world) > 1) /* somebody must stay */
            return;
    }
    choose_proc(&c);
    if (!c.mm) { /* nobody is left to call: only files are */
        generate_orphan(&c);
        return;
    }
    bits = rng_next(&g->rng);
    become(&c, pick_kind(&c));
    column[op->kind](&c);
    if ((bits & 127) == 0)
        spoil(&c);
    if (bits >> 32 & 1 && g->fail_rate && below(&c, 500) < g->fail_rate)
        op->fail = (uint16_t)(1 + below(&c, 4));
    if (g->plan_rate && g->plan_at == g->plan_nr && below(&c, 1000) < g->plan_rate)
        plan_start(&c);
}
