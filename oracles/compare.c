/* SPDX-License-Identifier: GPL-2.0-only */
/* Model against flat specification, on the ranges that the last call touched. */
#include "oracles/laws.h"

#include <inttypes.h>
#include <string.h>

struct comparison {
    const struct world *world;
    struct spec *spec;
    struct pairing *pairs;
    struct verdict *v;
    const struct mm *mm;
    const struct spec_page *page; /* of the same process */
};

/* ---- pairing ---- */
void pairing_reset(struct pairing *p)
{
    if (++p->generation)
        return;
    memset(p, 0, sizeof(*p)); /* the generations have come round */
    p->generation = 1;
}

static bool known(const struct pairing *p, const struct pair_slot *slot, uint32_t key)
{
    return slot->generation == p->generation && slot->key == key;
}

static bool pair_up(const struct pairing *p, struct pair_slot *forward, struct pair_slot *back,
                    uint32_t index, uint32_t serial)
{
    if (likely(known(p, forward, index) && forward->value == serial))
        return true;
    if (known(p, forward, index) && forward->value > serial)
        return false; /* that one was gone when its place was taken */
    if (known(p, back, serial) && back->value != index)
        return false;
    *forward = (struct pair_slot){p->generation, index, serial};
    *back = (struct pair_slot){p->generation, serial, index};
    return true;
}

/* Place of the object in its pool; false if it is not live. */
static bool place_of(const struct world *world, enum pool_id id, const void *object, uint32_t *n)
{
    const struct pool *pool = &world->pool[id];

    if (!object_live(world, id, object))
        return false;
    *n = (uint32_t)((size_t)((const char *)object - pool->base) / pool->size);
    return true;
}

static bool same_file(const struct comparison *c, const struct file *file, uint32_t serial)
{
    struct pairing *p = c->pairs;
    uint32_t n;

    if (!file || !serial)
        return !file && !serial;
    return place_of(c->world, POOL_FILE, file, &n) &&
           pair_up(p, &p->file_serial[n % PAIRED_FILES], &p->serial_file[serial % PAIRED_FILES], n,
                   serial);
}

static bool same_context(const struct comparison *c, const struct userfaultfd_ctx *ctx,
                         uint32_t serial)
{
    struct pairing *p = c->pairs;
    uint32_t n;

    if (!ctx || !serial)
        return !ctx && !serial;
    return place_of(c->world, POOL_UFFD, ctx, &n) &&
           pair_up(p, &p->context_serial[n % PAIRED_CONTEXTS],
                   &p->serial_context[serial % PAIRED_CONTEXTS], n, serial);
}

static bool same_policy(const struct comparison *c, const struct mempolicy *policy, uint8_t flat)
{
    if (!policy)
        return !flat;
    return object_live(c->world, POOL_POLICY, policy) &&
           (policy->mode << 4 | policy->nodes) == flat;
}

/* The specification numbers names by first use: a number is learnt with the name, which no other
 * number may have. */
static bool same_name(const struct comparison *c, const struct anon_vma_name *name, uint8_t number)
{
    struct pairing *p = c->pairs;

    if (!name || !number)
        return !name && !number;
    if (!object_live(c->world, POOL_NAME, name))
        return false;
    if (likely(p->name[number].generation == p->generation))
        return !memcmp(p->name[number].name, name->name, sizeof(name->name));
    for (unsigned i = 1; i < PAIRED_NAMES; i++)
        if (p->name[i].generation == p->generation &&
            !memcmp(p->name[i].name, name->name, sizeof(name->name)))
            return false;
    p->name[number].generation = p->generation;
    memcpy(p->name[number].name, name->name, sizeof(name->name));
    return true;
}

/* ---- a VMA and its pages ---- */
static uint64_t pgoff_at(const struct vma *vma, uint64_t page)
{
    return vma->vm_pgoff + (page - (vma->vm_start >> PAGE_SHIFT));
}

/* Which attribute of the page differs from the VMA's; NULL: none. */
static const char *difference(const struct comparison *c, const struct vma *vma, uint64_t page)
{
    const struct spec_page *s = &c->page[page];

    if (!s->mapped)
        return "mapped";
    if (s->flags != vma->vm_flags)
        return "flags";
    if (s->pgoff != pgoff_at(vma, page))
        return "pgoff";
    if ((s->anon != 0) != (vma->anon_vma != NULL))
        return "faulted";
    if (!same_file(c, vma->vm_file, s->file))
        return "file";
    if (!same_policy(c, vma->vm_policy, s->policy))
        return "policy";
    if (!same_name(c, vma->anon_name, s->name))
        return "name";
    return same_context(c, vma->vm_userfaultfd_ctx, s->context) ? NULL : "context";
}

/* Room for words on the stack: not on that of who finds nothing. */
#define tells static __attribute__((cold, noinline))

tells bool page_broken(const struct comparison *c, const char *site, const struct vma *vma,
                       uint64_t page)
{
    static const char *const faulted[] = {"", ", faulted"};
    const struct spec_page *s = &c->page[page];

    return law_broken(c->v, LAW_SPEC_LAYOUT, site, c->mm->id, page << PAGE_SHIFT,
                      "page %#" PRIx64 " of VMA %#" PRIxPTR "-%#" PRIxPTR
                      ", %s: %s, pgoff %#" PRIx64 "%s; specified: %s, pgoff %#" PRIx64 "%s",
                      page, VMA_PAGES(vma), site, FLAGS_TEXT(vma->vm_flags), pgoff_at(vma, page),
                      faulted[vma->anon_vma != NULL],
                      s->mapped ? FLAGS_TEXT(s->flags) : "not mapped", s->pgoff,
                      faulted[s->anon != 0]);
}

static bool head_broken(const struct comparison *c, const char *site, uint64_t page)
{
    return law_broken(c->v, LAW_MERGE_CANONICAL, site, c->mm->id, page << PAGE_SHIFT,
                      "at page %#" PRIx64 " the two VMAs that meet there %s", page,
                      *site == 'k' ? "are kept apart; the rules join them"
                                   : "were joined; the rules keep them apart");
}

/* Only a page where a VMA of the model starts is a head. */
static bool heads_ok(const struct comparison *c, const struct vma *vma, uint64_t from, uint64_t to)
{
    uint64_t start = vma->vm_start >> PAGE_SHIFT;

    for (uint64_t page = from; page < to; page++)
        if (c->page[page].head != (page == start))
            return head_broken(c, page == start ? "kept-apart" : "joined", page);
    return true;
}

/* Is the page of a VMA that refers to nothing like it? What most pages are asked first. */
static inline bool plainly_like(const struct vma *vma, const struct spec_page *s, uint64_t page)
{
    const uint64_t refers = (uintptr_t)vma->vm_file | (uintptr_t)vma->vm_policy |
                            (uintptr_t)vma->anon_name | (uintptr_t)vma->vm_userfaultfd_ctx;

    return !(refers | s->file | s->context | s->policy | s->name) && s->mapped &&
           s->flags == vma->vm_flags && s->pgoff == pgoff_at(vma, page) &&
           !s->anon == !vma->anon_vma;
}

static inline uint64_t word_of(const struct spec_page *s, size_t at)
{
    uint64_t word;

    memcpy(&word, (const char *)s + at, sizeof(word));
    return word;
}

/* Bits in which a page differs from what follows from the first one of its VMA, so many pages
 * before: whole words at a time, and but for the head, which is counted. */
static inline uint64_t unlike(const struct spec_page *s, const struct spec_page *first,
                              uint64_t pages)
{
    enum { THIRD = offsetof(struct spec_page, file), LAST = offsetof(struct spec_page, anon) };
    const struct spec_page head = {.head = UINT8_MAX};

    _Static_assert(THIRD == 16 && LAST == 24 && sizeof(*s) == 32, "flags, pgoff, two words more");
    return (s->flags ^ first->flags) | (s->pgoff ^ (first->pgoff + pages)) |
           (word_of(s, THIRD) ^ word_of(first, THIRD)) |
           ((word_of(s, LAST) ^ word_of(first, LAST)) & ~word_of(&head, LAST));
}

/* The pages [from, to) of one VMA: the first is compared with it, the others with the first. */
static bool vma_pages_ok(const struct comparison *c, const struct vma *vma, uint64_t from,
                         uint64_t to)
{
    const struct spec_page *first = &c->page[from];
    const char *site = plainly_like(vma, first, from) ? NULL : difference(c, vma, from);
    uint64_t differ = 0, heads = first->head;

    if (unlikely(site != NULL) && !page_broken(c, site, vma, from))
        return false;
    for (uint64_t page = from + 1; page < to; page++) {
        const struct spec_page *s = &c->page[page];

        differ |= unlike(s, first, page - from);
        heads += s->head;
    }
    for (uint64_t page = from; unlikely(differ) && page < to; page++) {
        site = difference(c, vma, page);
        if (site && !page_broken(c, site, vma, page))
            return false;
    }
    if (likely(heads == (from == vma->vm_start >> PAGE_SHIFT) && heads == first->head))
        return true;
    return heads_ok(c, vma, from, to);
}

/* Which anon_vma a faulted VMA has is the model's choice, which the merge rules ask for later. */
static void tell_anon(const struct comparison *c, const struct vma *vma, uint64_t from, uint64_t to)
{
    uint32_t n;

    if (place_of(c->world, POOL_ANON_VMA, vma->anon_vma, &n))
        spec_tell_anon(c->spec, c->mm->id, from, to, n + 1, vma->chain_first != vma->chain_last);
}

tells bool hole_broken(const struct comparison *c, uint64_t page)
{
    return law_broken(c->v, LAW_SPEC_LAYOUT, "mapped", c->mm->id, page << PAGE_SHIFT,
                      "page %#" PRIx64 " is not mapped; specified: %s, pgoff %#" PRIx64, page,
                      FLAGS_TEXT(c->page[page].flags), c->page[page].pgoff);
}

static bool hole_ok(const struct comparison *c, uint64_t from, uint64_t to)
{
    const uint64_t page = spec_first_mapped(c->spec, c->mm->id, from, to);

    if (likely(page == to))
        return true;
    return hole_broken(c, page);
}

/* First VMA that ends above addr. Nearly always the call has noted it: what it linked there, or the
 * successor of what it unlinked. */
static const struct vma *first_above(const struct comparison *c, uintptr_t addr)
{
    const struct notes *notes = &c->world->notes;

    for (uint32_t i = 0; i < notes->n && i < 4; i++) {
        const struct vma *vma = notes->note[i].vma, *prev;

        if (!vma_there(c->world, vma) || vma->vm_mm != c->mm || vma->vm_end <= addr)
            continue;
        prev = vma->vm_prev;
        if (!prev || (vma_there(c->world, prev) && prev->vm_end <= addr))
            return vma;
    }
    return tree_find(c->world, c->mm, addr);
}

/* Pages [from, to) and the one at `to`, where a head may have come or gone. */
static bool range_ok(const struct comparison *c, uint64_t from, uint64_t to)
{
    const uint64_t top = c->world->config.task_size;
    const struct vma *vma = first_above(c, from << PAGE_SHIFT);

    to = to < top ? to + 1 : top;
    while (from < to) {
        uint64_t start = vma ? vma->vm_start >> PAGE_SHIFT : to;
        uint64_t end = vma ? vma->vm_end >> PAGE_SHIFT : to;

        if (start > from) {
            start = start < to ? start : to;
            if (!hole_ok(c, from, start))
                return false;
            from = start;
            continue;
        }
        end = end < to ? end : to;
        if (end <= from)
            return true; /* out of order: tree.order */
        if (!vma_pages_ok(c, vma, from, end))
            return false;
        if (unlikely(vma->anon_vma != NULL))
            tell_anon(c, vma, from, end);
        from = end;
        vma = vma->vm_next;
        if (vma && !vma_there(c->world, vma))
            return true; /* list.tree */
    }
    return true;
}

/* ---- what a process has only one of ---- */
static bool total_ok(const struct comparison *c, const char *site, uint64_t stored,
                     uint64_t specified)
{
    if (likely(stored == specified))
        return true;
    return law_broken(c->v, LAW_ACCOUNT_VM, site, c->mm->id, 0,
                      "%s is %" PRIu64 " pages; specified: %" PRIu64, site, stored, specified);
}

tells bool def_flags_broken(const struct comparison *c, uint64_t specified)
{
    const uint64_t may = VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC; /* go without saying */

    return law_broken(c->v, LAW_SPEC_LAYOUT, "def-flags", c->mm->id, 0,
                      "def_flags is %s; specified: %s", FLAGS_TEXT(c->mm->def_flags | may),
                      FLAGS_TEXT(specified | may));
}

static bool process_ok(const struct comparison *c, unsigned proc)
{
    const struct snap_proc *t = spec_totals(c->spec, proc);
    const struct mm *mm = c->mm;

    if (!total_ok(c, "total_vm", mm->total_vm, t->total_vm) ||
        !total_ok(c, "locked_vm", mm->locked_vm, t->locked_vm) ||
        !total_ok(c, "pinned_vm", mm->pinned_vm, t->pinned_vm) ||
        !total_ok(c, "data_vm", mm->data_vm, t->data_vm) ||
        !total_ok(c, "exec_vm", mm->exec_vm, t->exec_vm) ||
        !total_ok(c, "stack_vm", mm->stack_vm, t->stack_vm))
        return false;
    if (unlikely(mm->map_count != spec_map_count(c->spec, proc)) &&
        !law_broken(c->v, LAW_LIST_TREE, "map-count", proc, 0,
                    "map_count is %" PRIu32 "; specified: %" PRIu32, mm->map_count,
                    spec_map_count(c->spec, proc)))
        return false;
    if (unlikely(mm->brk != t->brk))
        return law_broken(c->v, LAW_SPEC_LAYOUT, "brk", proc, mm->brk,
                          "brk is %#" PRIxPTR " bytes; specified: %#" PRIx64, mm->brk, t->brk);
    if (unlikely(mm->def_flags != t->def_flags))
        return def_flags_broken(c, t->def_flags);
    return true;
}

/* Was it compared as one of the model's own ranges? */
static bool already_compared(const struct world *world, const struct mm *mm,
                             const struct spec_range *r)
{
    for (uint32_t i = 0; i < world->notes.nranges; i++) {
        const struct note_range *n = &world->notes.range[i];

        if (n->mm == mm && n->start >> PAGE_SHIFT <= r->start && r->end <= n->end >> PAGE_SHIFT)
            return true;
    }
    return false;
}

static bool turn_to_other(struct comparison *c, const struct mm *mm)
{
    if (!mm_live(c->world, mm))
        return false;
    c->mm = mm;
    c->page = spec_pages(c->spec, mm->id);
    return c->page != NULL;
}

static inline bool turn_to(struct comparison *c, const struct mm *mm)
{
    return likely(c->mm == mm && mm) || turn_to_other(c, mm);
}

/* The ranges that either has touched. Mostly there is one of each, and nearly the same. */
static bool ranges_ok(struct comparison *c)
{
    const struct notes *notes = &c->world->notes;
    const struct spec_range *range;
    unsigned n, i, first = 0;

    range = spec_touched(c->spec, &n);
    for (i = 0; i < notes->nranges; i++) {
        uint64_t from = notes->range[i].start >> PAGE_SHIFT, to = notes->range[i].end >> PAGE_SHIFT;

        if (!turn_to(c, notes->range[i].mm))
            continue;
        if (i == 0 && n && range->proc == c->mm->id && range->start <= to && from <= range->end) {
            from = from < range->start ? from : range->start;
            to = to > range->end ? to : range->end;
            first = 1;
        }
        if (!range_ok(c, from, to))
            return false;
    }
    for (i = first; i < n; i++)
        if (range[i].proc < MAX_PROCS && turn_to(c, c->world->proc[range[i].proc]) &&
            !already_compared(c->world, c->mm, &range[i]) &&
            !range_ok(c, range[i].start, range[i].end))
            return false;
    return true;
}

bool compare_touched(const struct world *world, struct spec *spec, struct pairing *p,
                     struct verdict *v)
{
    struct comparison c = {.world = world, .spec = spec, .pairs = p, .v = v};

    if (!ranges_ok(&c))
        return false;
    for (unsigned i = 0; i < world->nr_procs; i++)
        if (turn_to(&c, world->proc[i]) && !process_ok(&c, i))
            return false;
    if (unlikely(world->committed_as != spec_committed(spec)) &&
        !law_broken(v, LAW_ACCOUNT_VM, "committed", NOWHERE,
                    "%" PRId64 " pages are charged; specified: %" PRId64, world->committed_as,
                    spec_committed(spec)))
        return false;
    return compare_touched_contents(world, spec, v);
}
