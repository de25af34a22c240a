/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Contents of the flat specification, by value: a number for each page that is `own`, and one for
 * each page of an object that was written to. Who shares which frame is not its business.
 */
#include "oracles/spec_private.h"

#include <stdlib.h>
#include <string.h>

/*
 * Programs may be of any length, and each write may be to another page of a file, so there is no
 * size that always does. This one does for any program of fewer writes, as nearly all are. What a
 * longer one asks for beyond it is kept: the next that is as long needs no memory on its way.
 */
#define FIRST_STORED 1024

/* ---- objects ---- */
static uint32_t *bucket_of(const struct spec *spec, uint32_t object, uint64_t index)
{
    uint64_t mixed = (index + object * UINT64_C(0x9E3779B97F4A7C15)) * UINT64_C(0xD6E8FEB86659FD93);

    return &spec->bucket[(mixed >> 32) & (spec->stored_room - 1)];
}

static struct spec_stored *find_stored(const struct spec *spec, uint32_t object, uint64_t index)
{
    uint32_t at = spec->now.nr_stored ? *bucket_of(spec, object, index) : 0;

    for (; at; at = spec->now.stored[at - 1].next) {
        struct spec_stored *s = &spec->now.stored[at - 1];

        if (s->object == object && s->index == index)
            return s;
    }
    return NULL;
}

uint64_t spec_stored_value(const struct spec *spec, uint32_t object, uint64_t index)
{
    const struct spec_stored *s = find_stored(spec, object, index);

    return s ? s->value : 0;
}

/* Pages keep their places. */
uint64_t spec_stored_before(const struct spec *spec, uint32_t object, uint64_t index)
{
    const struct spec_stored *s = find_stored(spec, object, index);
    uint64_t place = s ? (uint64_t)(s - spec->now.stored) : UINT64_MAX;

    return place < spec->before.nr_stored ? spec->before.stored[place].value : 0;
}

static void link_stored(struct spec *spec, uint32_t place)
{
    struct spec_stored *s = &spec->now.stored[place];
    uint32_t *bucket = bucket_of(spec, s->object, s->index);

    s->next = *bucket;
    *bucket = place + 1;
}

/* Room for `room` pages. What is there stays. */
static int make_room(struct spec *spec, uint32_t room)
{
    struct spec_stored *now = realloc(spec->now.stored, room * sizeof(*now)), *before;
    uint32_t *bucket;

    if (!now)
        return -ENOMEM;
    spec->now.stored = now;
    before = realloc(spec->before.stored, room * sizeof(*before));
    if (!before)
        return -ENOMEM;
    spec->before.stored = before;
    bucket = calloc(room, sizeof(*bucket));
    if (!bucket)
        return -ENOMEM;
    free(spec->bucket);
    spec->bucket = bucket;
    spec->stored_room = room;
    for (uint32_t i = 0; i < spec->now.nr_stored; i++)
        link_stored(spec, i);
    return 0;
}

int spec_new_store(struct spec *spec)
{
    return make_room(spec, FIRST_STORED);
}

void spec_empty_store(struct spec *spec)
{
    for (uint32_t i = 0; i < spec->now.nr_stored; i++)
        *bucket_of(spec, spec->now.stored[i].object, spec->now.stored[i].index) = 0;
    spec->now.nr_stored = 0;
}

/* Pages of objects that are gone stay in the table: a pin may show them, and a call that fails may
 * bring the object back. There are no more than the program has writes. */
int spec_store(struct spec *spec, uint32_t object, uint64_t index, uint64_t value)
{
    struct spec_stored *s = find_stored(spec, object, index);

    if (!s) {
        if (spec->now.nr_stored == spec->stored_room && make_room(spec, 2 * spec->stored_room))
            return -ENOMEM;
        s = &spec->now.stored[spec->now.nr_stored];
        *s = (struct spec_stored){.object = object, .index = index};
        link_stored(spec, spec->now.nr_stored++);
    }
    s->value = value;
    return 0;
}

static uint32_t object_of(const struct spec *spec, const struct spec_page *page)
{
    return spec_file(spec, page->file)->object;
}

/* ---- pages that are own ---- */
uint64_t spec_next_own(const struct spec_space *space, uint64_t start, uint64_t end)
{
    uint64_t i = start / 64, word;

    if (start >= end || !space->nr_own)
        return end;
    word = space->own[i] & ~UINT64_C(0) << start % 64;
    while (!word) {
        if (++i * 64 >= end)
            return end;
        word = space->own[i];
    }
    return spec_min(i * 64 + (uint64_t)__builtin_ctzll(word), end);
}

bool spec_has_own(const struct spec *spec, unsigned proc)
{
    return spec->now.space[proc].nr_own != 0;
}

uint64_t spec_first_own(const struct spec *spec, unsigned proc, uint64_t start, uint64_t end)
{
    return spec_next_own(&spec->now.space[proc], start, end);
}

void spec_make_own(struct spec_space *space, uint64_t page, uint64_t value)
{
    struct spec_page *p = &space->page[page];

    space->nr_own += !p->own;
    space->own[page / 64] |= UINT64_C(1) << page % 64;
    space->value[page] = value;
    p->own = 1;
    p->lazy = 0;
}

static void forget_own(struct spec_space *space, uint64_t page)
{
    space->nr_own--;
    space->own[page / 64] &= ~(UINT64_C(1) << page % 64);
    space->page[page].own = 0;
    space->page[page].lazy = 0;
}

void spec_end_own(struct spec *spec, struct spec_space *space, uint64_t start, uint64_t end)
{
    for (uint64_t page = spec_next_own(space, start, end); page < end;
         page = spec_next_own(space, page + 1, end)) {
        if (spec->now.nr_attached)
            spec_detach_page(spec, space, page);
        forget_own(space, page);
    }
}

void spec_move_own(struct spec *spec, struct spec_space *space, uint64_t from, uint64_t to,
                   uint64_t pages)
{
    uint64_t end = from + pages, page = spec_next_own(space, from, end);

    if (page == end)
        return;
    spec_touch(spec, space, from, end);
    for (; page < end; page = spec_next_own(space, page + 1, end)) {
        uint64_t target = to + (page - from);

        spec_make_own(space, target, space->value[page]);
        space->page[target].lazy = space->page[page].lazy;
        if (spec->now.nr_attached)
            spec_move_pins(spec, space, page, target);
        forget_own(space, page);
    }
}

void spec_inherit_own(const struct spec_space *from, struct spec_space *to, struct spec_run vma)
{
    for (uint64_t page = spec_next_own(from, vma.start, vma.end); page < vma.end;
         page = spec_next_own(from, page + 1, vma.end)) {
        spec_make_own(to, page, from->value[page]);
        to->page[page].lazy = from->page[page].lazy;
    }
}

/* ---- reading and writing ---- */
uint64_t spec_contents(const struct spec *spec, unsigned proc, uint64_t page)
{
    const struct spec_space *space = &spec->now.space[proc];
    const struct spec_page *p = &space->page[page];

    if (p->own)
        return space->value[page];
    if (!p->file || p->flags & SNAP_NO_FRAMES)
        return 0;
    return spec_stored_value(spec, object_of(spec, p), p->pgoff);
}

int spec_write_page(struct spec *spec, struct spec_space *space, uint64_t page, uint64_t stamp)
{
    const struct spec_page *p = &space->page[page];

    if (p->flags & SNAP_NO_FRAMES)
        return 0;
    spec_touch(spec, space, page, page + 1);
    if (!spec_is_private(p))
        return spec_store(spec, object_of(spec, p), p->pgoff, stamp);
    if (!p->own)
        spec_touch_bare(spec, space, page, page + 1); /* a stack that has grown for it stays so */
    spec_make_own(space, page, stamp);
    return 0;
}

/* ---- lazily freed ---- */
static bool is_pin_of(const struct spec_hold *h, unsigned proc, uint64_t page)
{
    return h->pin.attached && h->pin.proc == proc && h->pin.page == page;
}

/* Until the subject says whether there is a page full of zeroes or none, it stays lazy. A device
 * that got the page with the last call has got zeroes. */
static void zero_lazy(struct spec *spec, unsigned proc, uint64_t page)
{
    for (unsigned i = 0; spec->now.nr_attached && i < SPEC_PINS; i++)
        if (is_pin_of(&spec->now.hold[i], proc, page) && spec->now.hold[i].new)
            spec->now.hold[i].was = 0;
    spec->now.space[proc].value[page] = 0;
}

static bool may_be_zero(const struct spec *spec, unsigned proc, uint64_t page, bool own)
{
    if (!spec->now.space[proc].page[page].lazy)
        return false;
    for (unsigned i = 0; spec->now.nr_attached && i < SPEC_PINS; i++) {
        const struct spec_hold *h = &spec->now.hold[i];

        if (is_pin_of(h, proc, page) && h->pin.strict && (h->sure || !own))
            return false;
    }
    return true;
}

bool spec_tell_zero(struct spec *spec, unsigned proc, uint64_t page, bool own)
{
    struct spec_space *space = &spec->now.space[proc];

    if (!may_be_zero(spec, proc, page, own))
        return false;
    zero_lazy(spec, proc, page);
    space->page[page].lazy = 0;
    if (!own) {
        for (unsigned i = 0; spec->now.nr_attached && i < SPEC_PINS; i++)
            if (is_pin_of(&spec->now.hold[i], proc, page))
                spec_tell_pin(spec, i, false);
        forget_own(space, page);
    }
    return true;
}

bool spec_tell_bare(struct spec *spec, unsigned proc, uint64_t page)
{
    struct spec_space *space = &spec->now.space[proc];
    const struct spec_page *p = &space->page[page];

    if (!p->own || space->value[page] || !spec_since(spec, SPEC_LINUX_6_12) ||
        !spec_is_anonymous(p) || !spec_is_private(p))
        return false;
    for (unsigned i = 0; spec->now.nr_attached && i < SPEC_PINS; i++)
        if (is_pin_of(&spec->now.hold[i], proc, page))
            return false;
    forget_own(space, page);
    return true;
}

void spec_settle(struct spec *spec, unsigned proc, uint64_t page, const struct spec_seen *seen)
{
    if (seen && !seen->ret && may_be_zero(spec, proc, page, true))
        zero_lazy(spec, proc, page);
}

/* ---- advice ---- */
static void remove_pages(struct spec *spec, const struct spec_page *first, uint64_t pages)
{
    uint32_t object = object_of(spec, first);

    for (uint32_t i = 0; i < spec->now.nr_stored; i++) {
        struct spec_stored *s = &spec->now.stored[i];

        if (s->object != object || s->index < first->pgoff || s->index - first->pgoff >= pages)
            continue;
        spec_detach_object(spec, object, s->index, s->value);
        s->value = 0;
    }
    for (unsigned i = 0; spec->now.nr_pins && i < SPEC_PINS; i++) {
        const struct spec_hold *h = &spec->now.hold[i];

        if (h->object == object && h->index >= first->pgoff && h->index - first->pgoff < pages)
            spec_detach_object(spec, object, h->index, 0); /* never written to */
    }
}

void spec_advise_contents(struct spec *spec, struct spec_space *space, uint64_t start, uint64_t end,
                          int advice)
{
    const struct spec_page *first = &space->page[start];
    uint64_t page = spec_next_own(space, start, end);

    if (page < end)
        spec_touch(spec, space, start, end);
    switch (advice) {
    case MADV_DONTNEED:
        spec_end_own(spec, space, start, end);
        break;
    case MADV_FREE:
        for (; page < end; page = spec_next_own(space, page + 1, end))
            space->page[page].lazy = 1;
        break;
    case MADV_REMOVE:
        if (first->flags & SNAP_NO_FRAMES)
            break;
        spec_touch(spec, space, start, end);
        remove_pages(spec, first, end - start);
        break;
    default:
        break;
    }
}
