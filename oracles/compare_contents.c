/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * content: what each page and each pin reads as, against the flat specification.
 *
 * Where the model has no entry and the specification no contents of the page's own, both show the
 * file's page or zeroes. That is compared file page by file page in the full form only: the touched
 * one compares entries and own pages of what was touched.
 */
#include "oracles/pages.h"

#include <inttypes.h>
#include <stdio.h>

struct contents {
    const struct world *world;
    struct spec *spec;
    const struct mm *mm;
    const struct spec_page *page; /* of the same process */
    struct verdict *v;
};

/* ---- what the model shows ---- */
/* At an address that the entry is for. */
static uint64_t entry_contents(const struct entry *e, const struct world *world, uintptr_t addr,
                               bool *own)
{
    const struct page *page = entry_shows(e, addr);

    if (e->slot && page_live(world, e->slot->page))
        page = e->slot->page;
    *own = e->slot || (page && (e->head->mapping & PAGE_MAPPING_ANON));
    if (page)
        return page->stamp;
    return e->slot ? e->slot->stamp : 0;
}

/* Where there is no entry. */
static uint64_t file_contents(const struct world *world, const struct vma *vma, uint64_t page)
{
    const struct address_space *mapping = vma ? vma_mapping(world, vma) : NULL;
    const struct page *cached;

    if (!mapping || !mapping->pages.node)
        return 0;
    cached = cache_find(world, mapping, vma->vm_pgoff + page - (vma->vm_start >> PAGE_SHIFT));
    return cached ? cached->stamp : 0;
}

static const struct vma *vma_of_page(const struct world *world, const struct mm *mm, uint64_t page)
{
    const struct vma *vma = tree_find(world, mm, page << PAGE_SHIFT);

    return vma && vma->vm_start >> PAGE_SHIFT <= page ? vma : NULL;
}

uint64_t model_contents(const struct world *world, unsigned proc, uint64_t page, bool *own)
{
    const struct mm *mm = world->proc[proc % MAX_PROCS];
    struct entry_walk w;
    struct entry e;
    bool scratch;

    own = own ? own : &scratch;
    *own = false;
    if (!mm_live(world, mm))
        return 0;
    entry_walk_start(&w, world, mm, page << PAGE_SHIFT, (page + 1) << PAGE_SHIFT);
    if (entry_walk_next(&w, &e))
        return entry_contents(&e, world, page << PAGE_SHIFT, own);
    return file_contents(world, vma_of_page(world, mm, page), page);
}

/* ---- one page ---- */
/* Contents are the number of the operation that wrote them, or digits that fill the page. */
static char *content_text(uint64_t value, char *text, size_t size)
{
    const uint64_t ones = UINT64_C(0x1111111111111111);

    if (value && value % ones == 0)
        snprintf(text, size, "full of the digit %" PRIu64, value / ones);
    else if (value)
        snprintf(text, size, "written by operation %" PRIu64, value);
    else
        snprintf(text, size, "zeroes");
    return text;
}
#define CONTENT_TEXT(value) content_text((value), (char[48]){""}, 48)

static bool page_differs(const struct contents *c, uint64_t page, uint64_t value, bool own,
                         uint64_t specified)
{
    const bool lacks = c->page[page].own;
    const char *site = value != specified ? "value" : own ? "own" : "not-own";

    return law_broken(c->v, LAW_CONTENT, site, c->mm->id, page << PAGE_SHIFT,
                      "page %#" PRIx64 " reads as %s%s; specified: %s%s", page, CONTENT_TEXT(value),
                      own ? ", its own" : "", CONTENT_TEXT(specified), lacks ? ", its own" : "");
}

static bool page_ok(const struct contents *c, uint64_t page, uint64_t value, bool own)
{
    const struct spec_page *s = &c->page[page];
    uint64_t specified;

    if (!s->mapped)
        return true; /* spec.layout */
    specified = spec_contents(c->spec, c->mm->id, page);
    if (likely(value == specified && own == s->own))
        return true;
    if (!value && s->lazy && spec_tell_zero(c->spec, c->mm->id, page, own))
        return true; /* it has been freed in the meantime */
    if (!value && !own && spec_tell_bare(c->spec, c->mm->id, page))
        return true; /* it was of a huge page */
    if (!value && own && !s->own && spec_tell_own(c->spec, c->mm->id, page, page + 1))
        return true; /* it is of a huge page that was split at once */
    return page_differs(c, page, value, own, specified);
}

/* ---- pages [from, to) ---- */
/* Pages without an entry: those that should have contents of their own, or all of a file's. */
static bool gap_ok(const struct contents *c, const struct vma *file, uint64_t from, uint64_t to)
{
    for (uint64_t page = from; page < to; page++) {
        const struct vma *vma = file;

        if (!file) {
            page = spec_first_own(c->spec, c->mm->id, page, to);
            if (likely(page == to))
                return true;
            vma = vma_of_page(c->world, c->mm, page);
        }
        if (!page_ok(c, page, file_contents(c->world, vma, page), false))
            return false;
    }
    return true;
}

static bool range_ok(const struct contents *c, const struct vma *file, uint64_t from, uint64_t to)
{
    struct entry_walk w;
    struct entry e;

    entry_walk_start(&w, c->world, c->mm, from << PAGE_SHIFT, to << PAGE_SHIFT);
    while (entry_walk_next(&w, &e)) {
        const uint64_t first = e.addr >> PAGE_SHIFT, end = first + entry_pages(&e);

        if (first > from && !gap_ok(c, file, from, first))
            return false;
        if (unlikely(e.huge) && e.page)
            spec_tell_own(c->spec, c->mm->id, first, end);
        for (from = first > from ? first : from; from < end && from < to; from++) {
            bool own;
            const uint64_t value = entry_contents(&e, c->world, from << PAGE_SHIFT, &own);

            if (!page_ok(c, from, value, own))
                return false;
        }
    }
    return gap_ok(c, file, from, to);
}

/* ---- pins ---- */
/* Has the process the pinned frame at the place where the specification says it is? */
static bool coherent(const struct world *world, const struct spec_pin *pin, const struct page *page)
{
    const struct mm *mm = world->proc[pin->proc % MAX_PROCS];
    const uintptr_t addr = pin->page << PAGE_SHIFT;
    struct entry_walk w;
    struct entry e;

    if (!page || !mm_live(world, mm))
        return false;
    entry_walk_start(&w, world, mm, addr, addr + PAGE_SIZE);
    return entry_walk_next(&w, &e) &&
           (entry_shows(&e, addr) == page || (e.slot && e.slot->page == page));
}

static bool pin_attached_ok(const struct world *world, struct spec *spec, unsigned n,
                            struct verdict *v)
{
    const struct spec_pin *pin = spec_pin(spec, n);
    bool together;

    if (!pin->used || !pin->attached)
        return true;
    together = coherent(world, pin, world->pin[n].page);
    if (!pin->strict)
        spec_tell_pin(spec, n, together);
    else if (unlikely(!together))
        return law_broken(v, LAW_CONTENT, "pin-lost", pin->proc, pin->page << PAGE_SHIFT,
                          "pin %u and page %#" PRIx64 " should be one page, and are not any more",
                          n, pin->page);
    return true;
}

static bool pins_attached_ok(const struct world *world, struct spec *spec, struct verdict *v)
{
    for (unsigned n = 0; n < MAX_PINS; n++)
        if (unlikely(world->pin[n].used) && !pin_attached_ok(world, spec, n, v))
            return false;
    return true;
}

static bool pins_read_ok(const struct world *world, const struct spec *spec, struct verdict *v)
{
    for (unsigned n = 0; n < MAX_PINS; n++) {
        const struct page *page = world->pin[n].page;
        uint64_t value, specified;

        if (likely(!world->pin[n].used) || !spec_pin(spec, n)->used)
            continue;
        if (page && !page_live(world, page))
            continue; /* rmap.mapcount */
        value = page ? page->stamp : 0;
        specified = spec_pin_contents(spec, n);
        if (unlikely(value != specified))
            return law_broken(v, LAW_CONTENT, "pin", NOWHERE,
                              "pin %u reads as %" PRIu64 "; specified: %" PRIu64, n, value,
                              specified);
    }
    return true;
}

/* ---- both forms ---- */
static bool turn_to(struct contents *c, const struct mm *mm)
{
    if (likely(c->mm == mm && mm))
        return true;
    if (!mm_live(c->world, mm))
        return false;
    c->mm = mm;
    c->page = spec_pages(c->spec, mm->id);
    return c->page != NULL;
}

static bool already_compared(const struct contents *c, const struct spec_range *r)
{
    const struct notes *notes = &c->world->notes;

    for (uint32_t i = 0; i < notes->nptes; i++) {
        const struct note_range *n = &notes->ptes[i];

        if (n->mm == c->mm && n->start >> PAGE_SHIFT <= r->start && r->end <= n->end >> PAGE_SHIFT)
            return true;
    }
    return false;
}

static bool touched_ok(struct contents *c)
{
    const struct notes *notes = &c->world->notes;
    const uint64_t top = c->world->config.task_size;
    const struct spec_range *range;
    unsigned n, i;

    for (i = 0; i < notes->nptes; i++) {
        const uint64_t end = notes->ptes[i].end >> PAGE_SHIFT;

        if (turn_to(c, notes->ptes[i].mm) &&
            !range_ok(c, NULL, notes->ptes[i].start >> PAGE_SHIFT, end < top ? end : top))
            return false;
    }
    range = spec_touched(c->spec, &n);
    for (i = 0; i < n; i++)
        if (range[i].proc < MAX_PROCS && turn_to(c, c->world->proc[range[i].proc]) &&
            !already_compared(c, &range[i]) &&
            !range_ok(c, NULL, range[i].start, range[i].end < top ? range[i].end : top))
            return false;
    return true;
}

/* No process has an entry, or a page that is specified to be its own. */
static bool nobody_has_any(const struct world *world, const struct spec *spec)
{
    if (world->pool[POOL_TABLE].nlive)
        return false;
    for (unsigned i = 0; i < world->nr_procs; i++)
        if (spec_has_own(spec, i))
            return false;
    return true;
}

bool compare_touched_contents(const struct world *world, struct spec *spec, struct verdict *v)
{
    struct contents c = {.world = world, .spec = spec, .v = v};

    if (likely(!pins_in_use(world)))
        return nobody_has_any(world, spec) || touched_ok(&c);
    return pins_attached_ok(world, spec, v) && touched_ok(&c) && pins_read_ok(world, spec, v);
}

static bool vma_ok(const struct contents *c, const struct vma *vma)
{
    const uint64_t top = c->world->config.task_size, end = vma->vm_end >> PAGE_SHIFT;
    const struct address_space *mapping = vma_mapping(c->world, vma);
    const bool memory = !(vma->vm_flags & (VM_IO | VM_PFNMAP | VM_HUGETLB));

    return range_ok(c, mapping && memory ? vma : NULL, vma->vm_start >> PAGE_SHIFT,
                    end < top ? end : top);
}

bool compare_contents(const struct world *world, struct spec *spec, struct verdict *v)
{
    struct contents c = {.world = world, .spec = spec, .v = v};
    unsigned i;

    if (!pins_attached_ok(world, spec, v))
        return false;
    for (i = 0; i < MAX_PROCS; i++) {
        struct list_walk w;
        const struct vma *vma;

        if (!turn_to(&c, world->proc[i]))
            continue;
        w = list_walk(world, c.mm);
        while ((vma = list_walk_next(&w)))
            if (!vma_ok(&c, vma))
                return false;
    }
    return pins_read_ok(world, spec, v);
}
