/* SPDX-License-Identifier: GPL-2.0-only */
/* The flat specification's world: pages, heads, totals and limits. */
#include "oracles/spec_private.h"

#include <stdlib.h>
#include <string.h>

/* ---- worlds ---- */
static void free_state(struct spec_state *state)
{
    for (unsigned i = 0; i < SPEC_SPACES; i++)
        spec_free_space(&state->space[i]);
    free(state->file);
    free(state->object);
    free(state->stored);
    memset(state, 0, sizeof(*state));
}

static bool new_tables(struct spec_state *state, uint32_t table)
{
    state->file = calloc(table, sizeof(*state->file));
    state->object = calloc(table, sizeof(*state->object));
    return state->file && state->object;
}

static void release(struct spec *spec)
{
    free_state(&spec->now);
    free_state(&spec->before);
    free(spec->match);
    free(spec->bucket);
    spec->match = NULL;
    spec->bucket = NULL;
    spec->stored_room = 0;
    spec->room = 0;
    spec->table = 0;
}

struct spec *spec_new(void)
{
    return calloc(1, sizeof(struct spec));
}

void spec_free(struct spec *spec)
{
    if (!spec)
        return;
    release(spec);
    free(spec);
}

static bool makes_sense(const struct spec_config *c)
{
    return c->task_size >= 64 && c->task_size <= UINT64_C(1) << 24 &&
           c->mmap_base <= c->task_size && c->start_brk < c->task_size &&
           c->mmap_min_addr < c->task_size && c->stack_guard_gap < c->task_size &&
           c->overcommit <= 2 && c->rules <= SPEC_LINUX_6_18;
}

/* Every live file but those of descriptors has a VMA. Half of the places stay free. */
static uint32_t table_for(const struct spec_config *c)
{
    uint64_t need = 2 * (SPEC_SPACES * spec_min(c->task_size, c->max_map_count) + 2 * SPEC_FDS);
    uint32_t table = 64;

    while (table < need)
        table *= 2;
    return table;
}

static int reserve(struct spec *spec, const struct spec_config *config)
{
    uint64_t room = spec_round_up(config->task_size, 64);
    uint32_t table = table_for(config);

    if (room <= spec->room && table <= spec->table)
        return 0;
    room = spec_max(room, spec->room);
    table = (uint32_t)spec_max(table, spec->table);
    release(spec);
    spec->room = room;
    spec->table = table;
    spec->match = calloc(table, sizeof(*spec->match));
    if (new_tables(&spec->now, table) && new_tables(&spec->before, table) && spec->match &&
        !spec_new_store(spec) && !spec_make_space(spec, 0))
        return 0;
    release(spec);
    return -ENOMEM;
}

void spec_empty_pages(struct spec_space *space)
{
    for (uint64_t word = space->lowest / 64; word * 64 < space->highest; word++) {
        if (space->mapped[word])
            memset(&space->page[word * 64], 0, 64 * sizeof(*space->page));
        space->mapped[word] = 0;
        space->heads[word] = 0;
        space->own[word] = 0;
    }
    space->nr_own = 0;
    space->lowest = 0;
    space->highest = 0;
    space->map_count = 0;
}

static void empty_state(struct spec *spec)
{
    struct spec_state *now = &spec->now;

    memset(now->file, 0, spec_min((uint64_t)now->last_file + 1, spec->table) * sizeof(*now->file));
    memset(now->object, 0,
           spec_min((uint64_t)now->last_object + 1, spec->table) * sizeof(*now->object));
    spec_empty_store(spec);
    memset(now->hold, 0, sizeof(now->hold));
    now->nr_pins = 0;
    now->nr_attached = 0;
    now->last_lost = 0;
    now->last_file = 0;
    now->last_object = 0;
    now->last_context = 0;
    memset(now->fd, 0, sizeof(now->fd));
    memset(now->ufd, 0, sizeof(now->ufd));
    now->committed = 0;
    spec->nr_ranges = 0;
    spec->nr_names = 1;
}

int spec_reset(struct spec *spec, const struct spec_config *config)
{
    struct spec_space *first = &spec->now.space[0];
    int error;

    if (!makes_sense(config))
        return -EINVAL;
    error = reserve(spec, config);
    if (error)
        return error;
    empty_state(spec);
    spec->config = *config;
    for (unsigned i = 0; i < SPEC_SPACES; i++) {
        if (spec->now.space[i].alive)
            spec_empty_pages(&spec->now.space[i]);
        spec->now.space[i].alive = false;
        spec->now.space[i].exe = 0;
    }
    first->alive = true;
    first->totals = (struct snap_proc){.brk = config->start_brk << SPEC_SHIFT};
    first->rlimit[SPEC_AS] = UINT64_MAX;
    first->rlimit[SPEC_DATA] = UINT64_MAX;
    first->rlimit[SPEC_STACK] = 2048;
    first->rlimit[SPEC_MEMLOCK] = 2048;
    return 0;
}

void spec_expect(const struct spec *spec, unsigned proc, uint64_t addr)
{
    const struct spec_space *space = &spec->now.space[proc];

    if (addr >> SPEC_SHIFT < spec->config.task_size && space->page)
        __builtin_prefetch(&space->page[addr >> SPEC_SHIFT], 1);
}

const struct spec_page *spec_pages(const struct spec *spec, unsigned proc)
{
    return spec->now.space[proc].page;
}

const struct snap_proc *spec_totals(const struct spec *spec, unsigned proc)
{
    return &spec->now.space[proc].totals;
}

int64_t spec_committed(const struct spec *spec)
{
    return spec->now.committed;
}

uint32_t spec_map_count(const struct spec *spec, unsigned proc)
{
    return spec->now.space[proc].map_count;
}

const struct spec_range *spec_touched(const struct spec *spec, unsigned *n)
{
    *n = spec->nr_ranges;
    return spec->range;
}

/* ---- scanning bits, a word at a time ---- */
enum what { MAPPED, HOLES, HEADS, BREAKS /* where no VMA goes on: heads and holes */ };

static inline uint64_t word_of(const struct spec_space *space, enum what what, uint64_t i)
{
    switch (what) {
    case MAPPED:
        return space->mapped[i];
    case HOLES:
        return ~space->mapped[i];
    case HEADS:
        return space->heads[i];
    default:
        return space->heads[i] | ~space->mapped[i];
    }
}

/* First page of the kind in [from, limit), or limit. */
static inline uint64_t scan_up(const struct spec_space *space, enum what what, uint64_t from,
                               uint64_t limit)
{
    const uint64_t last = (limit - 1) / 64;
    uint64_t i = from / 64, word;

    if (from >= limit)
        return limit;
    word = word_of(space, what, i) & ~UINT64_C(0) << from % 64;
    for (; i < last; word = word_of(space, what, ++i))
        if (word)
            return i * 64 + (uint64_t)__builtin_ctzll(word);
    word &= ~UINT64_C(0) >> (63 - (limit - 1) % 64);
    return word ? i * 64 + (uint64_t)__builtin_ctzll(word) : limit;
}

/* One past the last page of the kind in [floor, below), or floor. */
static inline uint64_t scan_down(const struct spec_space *space, enum what what, uint64_t below,
                                 uint64_t floor)
{
    uint64_t i, word;

    if (below <= floor)
        return floor;
    i = (below - 1) / 64;
    word = word_of(space, what, i) & ~UINT64_C(0) >> (63 - (below - 1) % 64);
    while (!word) {
        if (i * 64 <= floor)
            return floor;
        word = word_of(space, what, --i);
    }
    return spec_max(i * 64 + 64 - (uint64_t)__builtin_clzll(word), floor);
}

/* ---- pages and VMAs ---- */
struct spec_run spec_run_of(const struct spec *spec, const struct spec_space *space, uint64_t page)
{
    return (struct spec_run){scan_down(space, HEADS, page + 1, 0) - 1,
                             scan_up(space, BREAKS, page + 1, spec->config.task_size)};
}

uint64_t spec_next_mapped(const struct spec *spec, const struct spec_space *space, uint64_t page)
{
    uint64_t next;

    page = spec_max(page, space->lowest);
    next = scan_up(space, MAPPED, page, space->highest);
    return next < space->highest ? next : spec->config.task_size;
}

uint64_t spec_first_mapped(const struct spec *spec, unsigned proc, uint64_t start, uint64_t end)
{
    return scan_up(&spec->now.space[proc], MAPPED, start, spec_min(end, spec->config.task_size));
}

uint64_t spec_mapped_end(const struct spec_space *space, uint64_t page)
{
    uint64_t end = scan_down(space, MAPPED, spec_min(page, space->highest), space->lowest);

    return end > space->lowest ? end : 0;
}

uint64_t spec_next_hole(const struct spec *spec, const struct spec_space *space, uint64_t page)
{
    return scan_up(space, HOLES, page, spec->config.task_size);
}

uint64_t spec_hole_end(const struct spec_space *space, uint64_t page)
{
    return scan_down(space, HOLES, page, 0);
}

bool spec_run_from(const struct spec *spec, const struct spec_space *space, uint64_t page,
                   struct spec_run *run)
{
    uint64_t first = spec_next_mapped(spec, space, page);

    if (first >= spec->config.task_size)
        return false;
    *run = spec_run_of(spec, space, first);
    return true;
}

uint64_t spec_count_pages(const struct spec *spec, const struct spec_space *space, uint64_t start,
                          uint64_t end, uint64_t flag)
{
    struct spec_run run;
    uint64_t n = 0;

    for (uint64_t page = start; spec_run_from(spec, space, page, &run) && run.start < end;
         page = run.end)
        if (space->page[run.start].flags & flag)
            n += spec_min(run.end, end) - spec_max(run.start, start);
    return n;
}

bool spec_run_before(const struct spec *spec, const struct spec_space *space, uint64_t page,
                     struct spec_run *run)
{
    uint64_t end = scan_down(space, HEADS, spec_min(page, space->highest), space->lowest);

    if (end <= space->lowest)
        return false;
    *run = spec_run_of(spec, space, end - 1);
    return true;
}

uint64_t spec_count_mapped(const struct spec_space *space, uint64_t start, uint64_t end)
{
    uint64_t n = 0;

    for (uint64_t page = scan_up(space, MAPPED, start, end); page < end;
         page = scan_up(space, MAPPED, page, end)) {
        uint64_t hole = scan_up(space, HOLES, page, end);

        n += hole - page;
        page = hole;
    }
    return n;
}

/* The bits of [start, end), a word at a time. */
static inline void set_bits(uint64_t *bits, uint64_t start, uint64_t end, bool on)
{
    for (uint64_t stop; start < end; start = stop) {
        uint64_t *word = &bits[start / 64], mask;

        stop = spec_min(end, (start | 63) + 1);
        mask = ~UINT64_C(0) >> (64 - (stop - start)) << start % 64;
        *word = on ? *word | mask : *word & ~mask;
    }
}

/* Nearly all VMAs have a few pages, and how many, nobody can predict: so each turn of a loop over
 * pages does FEW of them, some twice where there are fewer. */
#define FEW UINT64_C(4)
#define for_few(at, start, end)                                                                    \
    for (uint64_t turn = (start); turn < (end); turn += FEW)                                       \
        for (uint64_t k = 0, at; at = spec_min(turn + k, (end)-1), k < FEW; k++)

static inline void put_word(struct spec_page *page, size_t at, uint64_t word)
{
    memcpy((char *)page + at, &word, sizeof(word));
}

static inline uint64_t get_word(const struct spec_page *page, size_t at)
{
    uint64_t word;

    memcpy(&word, (const char *)page + at, sizeof(word));
    return word;
}

void spec_map_pages(struct spec *spec, struct spec_space *space, uint64_t start, uint64_t end,
                    const struct spec_page *first)
{
    enum { THIRD = offsetof(struct spec_page, file), LAST = offsetof(struct spec_page, anon) };
    const struct spec_page is = {.mapped = 1}, not = {.head = UINT8_MAX, .own = 1, .lazy = 1};
    const uint64_t third = get_word(first, THIRD);
    const uint64_t last = (get_word(first, LAST) & ~get_word(&not, LAST)) | get_word(&is, LAST);
    const uint64_t flags = first->flags, pgoff = first->pgoff - start;
    struct spec_page *const page = space->page;

    for_few(at, start, end)
    {
        page[at].flags = flags;
        page[at].pgoff = pgoff + at;
        put_word(&page[at], THIRD, third);
        put_word(&page[at], LAST, last);
    }
    set_bits(space->mapped, start, end, true);
    space->lowest = space->highest ? spec_min(space->lowest, start) : start;
    space->highest = spec_max(space->highest, end);
    spec_account(spec, space, first->flags, (int64_t)(end - start));
    spec_file_map(spec, first->file, first->flags, (int64_t)(end - start));
}

void spec_unmap_pages(struct spec *spec, struct spec_space *space, uint64_t start, uint64_t end)
{
    struct spec_run run;

    for (run.start = scan_up(space, MAPPED, start, end); run.start < end;
         run.start = scan_up(space, MAPPED, run.end, end)) {
        const struct spec_page *first = &space->page[run.start];

        run.end = scan_up(space, BREAKS, run.start + 1, end);
        spec_account(spec, space, first->flags, -(int64_t)(run.end - run.start));
        spec_file_map(spec, first->file, first->flags, -(int64_t)(run.end - run.start));
        spec_set_head(space, run.start, false);
        if (space->nr_own)
            spec_end_own(spec, space, run.start, run.end);
        for_few(page, run.start, run.end) space->page[page] = (struct spec_page){0};
        set_bits(space->mapped, run.start, run.end, false);
    }
}

void spec_change_pages(struct spec *spec, struct spec_space *space, uint64_t start, uint64_t end,
                       const struct spec_page *to)
{
    spec_account(spec, space, space->page[start].flags, -(int64_t)(end - start));
    spec_account(spec, space, to->flags, (int64_t)(end - start));
    for (uint64_t page = start; page < end; page++) {
        space->page[page].flags = to->flags;
        space->page[page].policy = to->policy;
        space->page[page].name = to->name;
        space->page[page].context = to->context;
    }
}

int spec_split(struct spec *spec, struct spec_space *space, uint64_t page, bool limit)
{
    if (!spec_mapped(spec, space, page) || space->page[page].head)
        return 0; /* one starts there already, or nothing is there */
    if (limit && space->map_count >= spec->config.max_map_count)
        return -ENOMEM;
    if (space->page[page].flags & SNAP_HUGETLB && page % SPEC_HUGE)
        return -EINVAL;
    spec_set_head(space, page, true);
    return 0;
}

void spec_add_range(struct spec_range *range, uint32_t *n, struct spec_range new)
{
    struct spec_range *last = range + (*n ? *n - 1 : 0);
    bool near = *n && new.proc == last->proc &&new.start <= last->end && last->start <= new.end;

    if (near || *n == SPEC_MAX_RANGES) {
        last->start = spec_min(last->start, new.start);
        last->end = spec_max(last->end, new.end);
    } else {
        range[(*n)++] = new;
    }
}

void spec_touch_shared(struct spec *spec, const struct spec_space *space, uint64_t start,
                       uint64_t end)
{
    unsigned proc = (unsigned)(space - spec->now.space);

    spec_add_range(spec->shared, &spec->nr_shared, (struct spec_range){proc, start, end});
}

void spec_touch_bare(struct spec *spec, const struct spec_space *space, uint64_t start,
                     uint64_t end)
{
    unsigned proc = (unsigned)(space - spec->now.space);

    spec_add_range(spec->bare, &spec->nr_bare, (struct spec_range){proc, start, end});
}

bool spec_in_ranges(const struct spec_range *range, uint32_t nr, unsigned proc, uint64_t page)
{
    for (uint32_t i = 0; i < nr; i++)
        if (proc == range[i].proc && page >= range[i].start && page < range[i].end)
            return true;
    return false;
}

/* ---- totals and limits ---- */
static bool is_data(uint64_t flags)
{
    return (flags & (SNAP_WRITE | SNAP_SHARED | SNAP_GROWS)) == SNAP_WRITE;
}

void spec_account(struct spec *spec, struct spec_space *space, uint64_t flags, int64_t pages)
{
    struct snap_proc *t = &space->totals;
    uint64_t n = (uint64_t)pages; /* wraps back where pages go */

    t->total_vm += n;
    if (t->total_vm > t->hiwater_vm)
        t->hiwater_vm = t->total_vm;
    if (is_data(flags))
        t->data_vm += n;
    else if (flags & SNAP_GROWS)
        t->stack_vm += n;
    else if ((flags & (SNAP_EXEC | SNAP_WRITE)) == SNAP_EXEC)
        t->exec_vm += n;
    if (flags & SNAP_LOCKED)
        t->locked_vm += n;
    if (flags & SNAP_ACCOUNT)
        spec->now.committed += pages;
}

bool spec_may_expand(const struct spec *spec, const struct spec_space *space, uint64_t flags,
                     uint64_t pages)
{
    if (space->totals.total_vm + pages > space->rlimit[SPEC_AS])
        return false;
    return !spec_since(spec, SPEC_LINUX_5_10) || !is_data(flags) ||
           space->totals.data_vm + pages <= space->rlimit[SPEC_DATA];
}

bool spec_may_charge(const struct spec *spec, const struct spec_space *space, uint64_t pages)
{
    const struct spec_config *c = &spec->config;
    uint64_t allowed = c->total_ram;
    uint64_t kept = c->privileged ? 0 : c->admin_reserve;

    if (!pages || c->overcommit == 1)
        return true;
    if (c->overcommit == 0)
        return pages <= c->total_ram;
    allowed -= spec_min(allowed, kept);
    allowed -= spec_min(allowed, spec_min(space->totals.total_vm / 32, c->user_reserve));
    return (uint64_t)spec->now.committed + pages < allowed;
}

bool spec_can_mlock(const struct spec *spec, const struct spec_space *space)
{
    return spec->config.privileged || space->rlimit[SPEC_MEMLOCK] != 0;
}

bool spec_may_lock(const struct spec *spec, const struct spec_space *space, uint64_t pages)
{
    return spec->config.privileged ||
           space->totals.locked_vm + pages <= space->rlimit[SPEC_MEMLOCK];
}
