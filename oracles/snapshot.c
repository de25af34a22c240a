/* SPDX-License-Identifier: GPL-2.0-only */
/* Room for snapshots, and their hash. */
#include "oracles/snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Grows by half at least, so that growing VMA by VMA costs little. */
static int reserve(void *array, uint32_t *cap, uint32_t want, size_t size)
{
    uint32_t room = *cap + *cap / 2 > want ? *cap + *cap / 2 : want;
    void *old, *new;

    if (want <= *cap)
        return 0;
    memcpy(&old, array, sizeof(old));
    new = realloc(old, room * size);
    if (!new)
        return -ENOMEM;
    memcpy(array, &new, sizeof(new));
    *cap = room;
    return 0;
}

int snapshot_reserve(struct snapshot *s, uint32_t procs, uint32_t vmas, uint32_t objects)
{
    int error = reserve(&s->proc, &s->cap_procs, procs, sizeof(*s->proc));

    if (!error)
        error = reserve(&s->vma, &s->cap_vmas, vmas, sizeof(*s->vma));
    if (!error)
        error = reserve(&s->object, &s->cap_objects, objects, sizeof(*s->object));
    return error;
}

int snapshot_reserve_anon(struct snapshot *s, uint32_t chains, uint32_t anon_vmas)
{
    int error = reserve(&s->chain, &s->cap_chains, chains, sizeof(*s->chain));

    if (!error)
        error = reserve(&s->anon_vma, &s->cap_anon_vmas, anon_vmas, sizeof(*s->anon_vma));
    return error;
}

int snapshot_reserve_pages(struct snapshot *s, uint32_t ptes, uint32_t pages, uint32_t slots)
{
    int error = reserve(&s->pte, &s->cap_ptes, ptes, sizeof(*s->pte));

    if (!error)
        error = reserve(&s->page, &s->cap_pages, pages, sizeof(*s->page));
    if (!error)
        error = reserve(&s->slot, &s->cap_slots, slots, sizeof(*s->slot));
    return error;
}

int snapshot_reserve_items(struct snapshot *s, uint32_t items)
{
    return reserve(&s->item, &s->cap_items, items, sizeof(*s->item));
}

void snapshot_fini(struct snapshot *s)
{
    free(s->proc);
    free(s->vma);
    free(s->object);
    free(s->chain);
    free(s->anon_vma);
    free(s->pte);
    free(s->page);
    free(s->slot);
    free(s->item);
    memset(s, 0, sizeof(*s));
}

/* Field by field: padding and byte order have no say. */
static inline uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 32;
}

static uint64_t hash_proc(uint64_t hash, const struct snap_proc *p)
{
    hash = mix(mix(mix(hash, p->id), p->first_vma), p->nr_vmas);
    hash = mix(mix(mix(hash, p->total_vm), p->locked_vm), p->pinned_vm);
    hash = mix(mix(mix(hash, p->data_vm), p->exec_vm), p->stack_vm);
    return mix(mix(mix(hash, p->hiwater_vm), p->brk), p->def_flags);
}

static uint64_t hash_vma(uint64_t hash, const struct snap_vma *v)
{
    hash = mix(mix(mix(mix(hash, v->start), v->end), v->pgoff), v->flags);
    hash = mix(mix(hash, v->file), (uint64_t)v->object << 32 | v->context);
    hash = mix(hash, (uint64_t)v->policy_mode << 16 | v->policy_nodes);
    hash = mix(mix(hash, v->anon_vma), (uint64_t)v->first_chain << 32 | v->nr_chains);
    for (unsigned i = 0; i < sizeof(v->name) && v->name[i]; i++)
        hash = mix(hash, (unsigned char)v->name[i]);
    return hash;
}

static uint64_t hash_anon(uint64_t hash, const struct snapshot *s)
{
    hash = mix(mix(hash, s->nr_chains), s->nr_anon_vmas);
    for (uint32_t i = 0; i < s->nr_chains; i++)
        hash = mix(hash, s->chain[i].anon_vma);
    for (uint32_t i = 0; i < s->nr_anon_vmas; i++) {
        const struct snap_anon_vma *a = &s->anon_vma[i];

        hash = mix(mix(mix(hash, a->root), a->parent), a->refcount);
        hash = s->by_degree ? mix(hash, a->degree)
                            : mix(mix(hash, a->num_children), a->num_active_vmas);
    }
    return hash;
}

static uint64_t hash_page(uint64_t hash, const struct snap_page *p)
{
    hash = mix(mix(mix(hash, p->refcount), p->mapcount), p->pins);
    hash = mix(mix(hash, (uint64_t)p->anon_vma << 32 | p->object), p->index);
    hash = mix(mix(hash, p->stamp), (uint64_t)p->flags << 32 | p->slot);
    return p->head ? mix(hash, (uint64_t)p->head << 32 | p->entire_mapcount) : hash;
}

static uint64_t hash_pages(uint64_t hash, const struct snapshot *s)
{
    hash = mix(mix(mix(mix(hash, s->nr_ptes), s->nr_pages), s->nr_slots), s->has_exclusive);
    for (uint32_t i = 0; i < s->nr_procs; i++) {
        const struct snap_proc *p = &s->proc[i];

        hash = mix(mix(mix(hash, p->first_pte), p->nr_ptes), p->nr_tables);
        for (unsigned kind = 0; kind < SNAP_NR_RSS; kind++)
            hash = mix(hash, p->rss[kind]);
        hash = mix(hash, p->hiwater_rss);
    }
    for (uint32_t i = 0; i < s->nr_ptes; i++)
        hash = mix(mix(hash, s->pte[i].page), (uint64_t)s->pte[i].number << 32 | s->pte[i].flags);
    for (uint32_t i = 0; i < s->nr_pages; i++)
        hash = hash_page(hash, &s->page[i]);
    for (uint32_t i = 0; i < s->nr_slots; i++) {
        const struct snap_slot *slot = &s->slot[i];

        hash = mix(mix(mix(hash, slot->count), slot->page), slot->stamp);
    }
    for (uint32_t i = 0; i < s->nr_items; i++)
        hash = mix(mix(hash, (uint64_t)s->item[i].page << 32 | s->item[i].anon_vma), s->item[i].at);
    return hash;
}

uint64_t snapshot_hash(const struct snapshot *s)
{
    uint64_t hash = mix(mix(mix(0, s->nr_procs), s->nr_vmas), s->nr_objects);

    hash = mix(hash, (uint64_t)s->committed);
    for (uint32_t i = 0; i < s->nr_procs; i++)
        hash = hash_proc(hash, &s->proc[i]);
    for (uint32_t i = 0; i < s->nr_vmas; i++)
        hash = hash_vma(hash, &s->vma[i]);
    for (uint32_t i = 0; i < s->nr_objects; i++) {
        const struct snap_object *o = &s->object[i];

        hash = mix(mix(mix(hash, o->kind), o->size), (uint64_t)(int64_t)o->writable);
    }
    if (s->has_anon)
        hash = hash_anon(hash, s);
    return s->has_pages ? hash_pages(hash, s) : hash;
}
