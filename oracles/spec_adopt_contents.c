/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Taking over what pages hold after a call in which an allocation failed. What is decided about a
 * page is kept in the picture of before, which nobody needs any more then.
 */
#include "oracles/spec_private.h"

struct reading {
    uint64_t value;
    bool own, lazy;
};

/* Nothing but what is behind it: not even a page of its own that reads the same. */
static struct reading bare(const struct spec *spec, const struct spec_page *p)
{
    struct reading r = {.own = false};

    if (p->file && !(p->flags & SNAP_NO_FRAMES))
        r.value = spec_stored_value(spec, spec_file(spec, p->file)->object, p->pgoff);
    return r;
}

static struct reading reading_before(const struct spec *spec, unsigned proc, uint64_t page)
{
    const struct spec_state *before = &spec->before;
    const struct spec_page *p = &before->space[proc].page[page];
    struct reading r = {.own = p->own, .lazy = p->lazy};

    if (p->own)
        r.value = before->space[proc].value[page];
    else if (p->file && !(p->flags & SNAP_NO_FRAMES))
        r.value =
            spec_stored_before(spec, before->file[p->file & (spec->table - 1)].object, p->pgoff);
    return r;
}

static struct reading reading_after(const struct spec *spec, unsigned proc, uint64_t page)
{
    const struct spec_page *p = &spec->now.space[proc].page[page];

    return (struct reading){spec_contents(spec, proc, page), p->own, p->lazy};
}

/* What a page may be, after all that it may be was considered. */
struct choice {
    uint64_t shown; /* by the subject */
    bool shown_own;
    bool possible, exact; /* exact: the subject calls the same pages own */
    bool own, lazy;
};

static void consider(struct choice *c, struct reading r)
{
    if (r.lazy && !c->shown)
        r = (struct reading){0, c->shown_own, c->shown_own}; /* it went meanwhile */
    if (r.value != c->shown)
        return;
    if (!c->exact)
        c->own = r.own;
    c->exact |= r.own == c->shown_own;
    c->lazy |= r.lazy;
    c->possible = true;
}

bool spec_may_show(struct spec *spec, const struct spec_subject *subject, unsigned proc,
                   uint64_t page, bool as_before, bool as_after)
{
    struct spec_space *before = &spec->before.space[proc];
    struct choice c = {.shown_own = false};

    c.shown = subject->read(subject->arg, proc, page, &c.shown_own);
    if (as_after) {
        consider(&c, reading_after(spec, proc, page));
        if (spec_in_ranges(spec->bare, spec->nr_bare, proc, page))
            consider(&c, bare(spec, &spec->now.space[proc].page[page]));
    }
    if (as_before)
        consider(&c, reading_before(spec, proc, page));
    before->value[page] = c.shown;
    before->page[page].own = c.own;
    before->page[page].lazy = c.own && c.lazy;
    return c.possible;
}

void spec_take_contents(struct spec *spec, unsigned proc, struct spec_run vma)
{
    struct spec_space *space = &spec->now.space[proc];
    const struct spec_space *decided = &spec->before.space[proc];

    for (uint64_t page = vma.start; page < vma.end; page++) {
        const struct spec_page *p = &space->page[page];
        uint64_t shown = decided->value[page];

        if (p->flags & SNAP_NO_FRAMES)
            continue;
        if (decided->page[page].own) {
            spec_make_own(space, page, shown);
            space->page[page].lazy = decided->page[page].lazy;
        } else if (shown != spec_contents(spec, proc, page)) {
            /* As before the call; pages that it changed have a place in the table. */
            spec_store(spec, spec_file(spec, p->file)->object, p->pgoff, shown);
        }
    }
}

/* ---- pins ---- */
static bool is_own(const struct spec *spec, const struct spec_pin *pin)
{
    return pin->attached && spec->now.space[pin->proc].page[pin->page].own;
}

/* Attached where there is something to be attached to; the subject is asked whether it is so. What
 * is own where the page was before has not moved, whatever may be where it should have gone. */
static void take_pin(struct spec *spec, struct spec_hold *now, const struct spec_hold *before)
{
    uint64_t was = now->was;

    if (before->pin.used && is_own(spec, &before->pin)) {
        *now = *before;
        now->was = was;
        now->pin.strict = false;
    } else if (is_own(spec, &now->pin)) {
        now->pin.strict = false;
    } else if (now->pin.attached) {
        spec_leave_behind(spec, now);
    }
}

void spec_take_pins(struct spec *spec, bool refused)
{
    struct spec_state *now = &spec->now;
    uint32_t pins = 0, attached = 0;

    for (unsigned i = 0; i < SPEC_PINS; i++) {
        struct spec_hold *h = &now->hold[i];
        const struct spec_hold *before = &spec->before.hold[i];

        if (refused && !before->pin.used)
            h->pin.used = h->pin.attached = false;
        if (!h->pin.used)
            continue;
        take_pin(spec, h, before);
        pins++;
        attached += h->pin.attached;
    }
    now->nr_pins = pins;
    now->nr_attached = attached;
}
