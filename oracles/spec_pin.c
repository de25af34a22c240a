/* SPDX-License-Identifier: GPL-2.0-only */
/* Pages that a device holds, whatever the mm does with them. */
#include "oracles/spec_private.h"

static bool is_of(const struct spec_hold *h, unsigned proc, uint64_t page)
{
    return h->pin.attached && h->pin.page == page && h->pin.proc == proc;
}

static unsigned number_of(const struct spec *spec, const struct spec_space *space)
{
    return (unsigned)(space - spec->now.space);
}

static uint64_t contents(const struct spec *spec, const struct spec_hold *h)
{
    if (h->pin.attached)
        return spec_contents(spec, h->pin.proc, h->pin.page);
    return h->object ? spec_stored_value(spec, h->object, h->index) : h->value;
}

void spec_begin_pins(struct spec *spec)
{
    for (unsigned i = 0; i < SPEC_PINS; i++) {
        struct spec_hold *h = &spec->now.hold[i];

        h->new = false;
        h->left = false;
        if (h->pin.attached)
            h->was = contents(spec, h);
    }
}

static void detach(struct spec *spec, struct spec_hold *h, uint32_t lost, uint64_t value)
{
    h->lost = lost;
    spec->now.nr_attached -= h->pin.attached;
    h->pin.attached = false;
    h->pin.strict = false;
    h->object = 0;
    h->value = value;
}

void spec_detach_page(struct spec *spec, const struct spec_space *space, uint64_t page)
{
    uint32_t lost = ++spec->now.last_lost;

    for (unsigned i = 0; i < SPEC_PINS; i++)
        if (is_of(&spec->now.hold[i], number_of(spec, space), page))
            detach(spec, &spec->now.hold[i], lost, space->value[page]);
}

void spec_detach_object(struct spec *spec, uint32_t object, uint64_t index, uint64_t value)
{
    uint32_t lost = ++spec->now.last_lost;

    for (unsigned i = 0; spec->now.nr_pins && i < SPEC_PINS; i++)
        if (spec->now.hold[i].object == object && spec->now.hold[i].index == index)
            detach(spec, &spec->now.hold[i], lost, value);
}

void spec_move_pins(struct spec *spec, const struct spec_space *space, uint64_t from, uint64_t to)
{
    for (unsigned i = 0; i < SPEC_PINS; i++)
        if (is_of(&spec->now.hold[i], number_of(spec, space), from))
            spec->now.hold[i].pin.page = to;
}

void spec_doubt_pins(struct spec *spec, const struct spec_space *space, uint64_t page)
{
    for (unsigned i = 0; spec->now.nr_attached && i < SPEC_PINS; i++)
        if (is_of(&spec->now.hold[i], number_of(spec, space), page))
            spec->now.hold[i].pin.strict = false;
}

static bool is_strict(const struct spec *spec, const struct spec_pin *pin)
{
    return pin->write && spec_since(spec, SPEC_LINUX_6_1);
}

void spec_leave_behind(struct spec *spec, struct spec_hold *h)
{
    uint32_t lost = 0;

    for (unsigned i = 0; i < SPEC_PINS; i++) {
        const struct spec_hold *other = &spec->now.hold[i];

        if (other->left && other->pin.proc == h->pin.proc && other->pin.page == h->pin.page)
            lost = other->lost;
    }
    detach(spec, h, lost ? lost : ++spec->now.last_lost, h->was);
    h->left = true;
}

void spec_tell_pin(struct spec *spec, unsigned n, bool coherent)
{
    struct spec_hold *h = &spec->now.hold[n];

    if (!h->pin.attached || h->pin.strict)
        return;
    if (coherent)
        h->pin.strict = is_strict(spec, &h->pin); /* it may have been in doubt for one call */
    else if (h->new && spec->now.space[h->pin.proc].page[h->pin.page].lazy)
        detach(spec, h, 0, 0); /* it never had the page, which was zeroes already */
    else
        spec_leave_behind(spec, h);
}

const struct spec_pin *spec_pin(const struct spec *spec, unsigned n)
{
    return &spec->now.hold[n].pin;
}

uint64_t spec_pin_contents(const struct spec *spec, unsigned n)
{
    return contents(spec, &spec->now.hold[n]);
}

/* ---- the calls ---- */
/* To what it is attached. The page has been faulted in. */
static void take_hold(struct spec *spec, struct spec_space *space, struct spec_hold *h,
                      uint64_t page)
{
    const struct spec_page *p = &space->page[page];

    h->pin.used = true;
    h->frames = !(p->flags & SNAP_NO_FRAMES);
    h->new = true;
    spec->now.nr_pins++;
    spec_touch(spec, space, page, page + 1);
    if (!h->frames)
        return;
    if (p->own) {
        h->pin.attached = true;
        h->pin.strict = is_strict(spec, &h->pin);
        h->sure = !p->lazy;
        h->was = space->value[page];
        spec->now.nr_attached++;
    } else if (p->file) {
        h->object = spec_file(spec, p->file)->object;
        h->index = p->pgoff;
    }
}

long spec_pin_page(struct spec *spec, unsigned proc, unsigned n, uint64_t addr, bool write)
{
    struct spec_space *space = spec_begin(spec, proc);
    uint64_t page = addr >> SPEC_SHIFT;
    struct spec_hold *h;
    int error;

    if (!spec_since(spec, SPEC_LINUX_5_10))
        return -EOPNOTSUPP;
    if (n >= SPEC_PINS || spec->now.hold[n].pin.used)
        return -EBUSY;
    error = spec_may_access(spec, space, addr, write ? PROT_WRITE : PROT_READ, SPEC_REMOTE);
    if (error)
        return error;
    if (write && spec_is_private(&space->page[page])) {
        spec_prepare(spec, space, page);
        spec_fault_in(spec, space, page, page + 1, true);
    } else {
        spec_read_in(spec, space, page, page + 1);
    }
    h = &spec->now.hold[n];
    *h = (struct spec_hold){.pin = {.write = write, .proc = proc, .page = page}};
    take_hold(spec, space, h, page);
    return 0;
}

static struct spec_hold *used_pin(struct spec *spec, unsigned n)
{
    spec_begin(spec, 0);
    return n < SPEC_PINS && spec->now.hold[n].pin.used ? &spec->now.hold[n] : NULL;
}

long spec_unpin(struct spec *spec, unsigned n)
{
    struct spec_hold *h = used_pin(spec, n);

    if (!h)
        return -EBADF;
    detach(spec, h, 0, 0);
    h->left = false;
    h->pin.used = false;
    spec->now.nr_pins--;
    return 0;
}

long spec_device_read(struct spec *spec, unsigned n, const struct spec_seen *seen)
{
    const struct spec_hold *h = used_pin(spec, n);

    if (!h)
        return -EBADF;
    if (h->pin.attached)
        spec_settle(spec, h->pin.proc, h->pin.page, seen);
    return (long)contents(spec, h);
}

static void write_lost(struct spec *spec, struct spec_hold *h, uint64_t stamp)
{
    if (h->frames)
        h->value = stamp;
    for (unsigned i = 0; h->lost && i < SPEC_PINS; i++)
        if (spec->now.hold[i].lost == h->lost)
            spec->now.hold[i].value = stamp;
}

long spec_device_write(struct spec *spec, unsigned n, uint64_t stamp)
{
    struct spec_hold *h = used_pin(spec, n);
    struct spec_space *space;

    if (!h)
        return -EBADF;
    if (!h->pin.write)
        return -EACCES;
    if (h->object)
        return spec_store(spec, h->object, h->index, stamp);
    if (!h->pin.attached) {
        write_lost(spec, h, stamp);
        return 0;
    }
    space = &spec->now.space[h->pin.proc];
    h->sure = true;
    return spec_write_page(spec, space, h->pin.page, stamp);
}
