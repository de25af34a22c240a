/* SPDX-License-Identifier: GPL-2.0-only */
/* The picture of the model, from its lists. What is not a live object is left out of it. */
#include "oracles/laws.h"

#include <stdlib.h>
#include <string.h>

/* What gets numbers. */
static const enum pool_id numbered[] = {
    POOL_FILE, POOL_MAPPING, POOL_UFFD, POOL_ANON_VMA, POOL_PAGE, POOL_HUGE, POOL_SLOT,
};
#define NR_NUMBERED (sizeof(numbered) / sizeof(*numbered))

/* Of compound pages each part gets one. */
static uint32_t numbers_in(const struct world *world, enum pool_id id)
{
    return world->pool[id].used * (id == POOL_HUGE ? (uint32_t)HPAGE_PAGES : 1);
}

static int numbers_init(struct numbers *n, const struct world *world)
{
    uint32_t *all, used = 0;

    *n = (struct numbers){0};
    for (unsigned i = 0; i < NR_NUMBERED; i++)
        used += numbers_in(world, numbered[i]);
    all = calloc(used + 1, sizeof(*all));
    if (!all)
        return -ENOMEM;
    for (unsigned i = 0; i < NR_NUMBERED; i++) {
        n->of[numbered[i]] = all;
        all += numbers_in(world, numbered[i]);
    }
    return 0;
}

static void numbers_fini(struct numbers *n)
{
    free(n->of[numbered[0]]);
}

static void show_object(const struct address_space *mapping, uint32_t number, struct snapshot *out)
{
    if (number <= out->nr_objects)
        return;
    out->nr_objects = number;
    out->object[number - 1] = (struct snap_object){
        .kind = mapping->kind,
        .size = mapping->size,
        .writable = mapping->i_mmap_writable,
    };
}

/* The chains of a VMA in list order. An own anon_vma that is not among them is shown as well. */
static void show_chains(struct numbers *n, const struct world *world, const struct vma *vma,
                        struct snap_vma *s, struct snapshot *out)
{
    const uint32_t room = world->pool[POOL_ANON_VMA_CHAIN].nlive;
    struct chain_walk w = chain_walk(world, vma);
    const struct anon_vma_chain *chain;

    s->first_chain = out->nr_chains;
    while (out->nr_chains < room && (chain = chain_walk_next(&w)))
        out->chain[out->nr_chains++].anon_vma = number_of(n, world, POOL_ANON_VMA, chain->anon_vma);
    s->nr_chains = out->nr_chains - s->first_chain;
    s->anon_vma = number_of(n, world, POOL_ANON_VMA, vma->anon_vma);
}

/* Those that have got a number. A root or parent that has none is of no VMA here. */
static void show_anon_vmas(const struct numbers *n, const struct world *world, struct snapshot *out)
{
    const struct pool *pool = &world->pool[POOL_ANON_VMA];
    const uint32_t *number = n->of[POOL_ANON_VMA];

    out->nr_anon_vmas = n->last[POOL_ANON_VMA];
    for (uint32_t i = 0; i < pool->used; i++) {
        const struct anon_vma *a = pool_object(pool, i);

        if (!a || !number[i])
            continue;
        out->anon_vma[number[i] - 1] = (struct snap_anon_vma){
            .root = given_number(n, world, POOL_ANON_VMA, a->root),
            .parent = given_number(n, world, POOL_ANON_VMA, a->parent),
            .refcount = a->refcount,
            .degree = a->degree,
            .num_children = a->num_children,
            .num_active_vmas = a->num_active_vmas,
        };
    }
}

static void show_vma(struct numbers *n, const struct world *world, const struct vma *vma,
                     struct snapshot *out)
{
    struct snap_vma *s = &out->vma[out->nr_vmas++];
    const struct address_space *mapping = vma_mapping(world, vma);

    *s = (struct snap_vma){
        .start = vma->vm_start >> PAGE_SHIFT,
        .end = vma->vm_end >> PAGE_SHIFT,
        .pgoff = vma->vm_pgoff,
        .flags = vma->vm_flags,
        .file = number_of(n, world, POOL_FILE, vma->vm_file),
        .context = number_of(n, world, POOL_UFFD, vma->vm_userfaultfd_ctx),
    };
    if (mapping) {
        s->object = number_of(n, world, POOL_MAPPING, mapping);
        show_object(mapping, s->object, out);
    }
    if (object_live(world, POOL_POLICY, vma->vm_policy)) {
        s->policy_mode = vma->vm_policy->mode;
        s->policy_nodes = vma->vm_policy->nodes;
    }
    if (object_live(world, POOL_NAME, vma->anon_name))
        memcpy(s->name, vma->anon_name->name, sizeof(s->name));
    if (has_anon(vma))
        show_chains(n, world, vma, s, out);
}

static void show_process(const struct mm *mm, struct snap_proc *s)
{
    *s = (struct snap_proc){
        .id = mm->id,
        .total_vm = mm->total_vm,
        .locked_vm = mm->locked_vm,
        .pinned_vm = mm->pinned_vm,
        .data_vm = mm->data_vm,
        .exec_vm = mm->exec_vm,
        .stack_vm = mm->stack_vm,
        .hiwater_vm = mm->hiwater_vm,
        .brk = mm->brk,
        .def_flags = mm->def_flags,
    };
}

int model_snapshot(const struct world *world, struct snapshot *out)
{
    uint32_t vmas = world->pool[POOL_VMA].nlive, objects = world->pool[POOL_MAPPING].nlive;
    int error = snapshot_reserve(out, MAX_PROCS, vmas, objects);
    const struct mm *mm;
    struct numbers n;
    unsigned i;

    if (!error)
        error = snapshot_reserve_anon(out, world->pool[POOL_ANON_VMA_CHAIN].nlive,
                                      world->pool[POOL_ANON_VMA].nlive);
    if (!error)
        error = reserve_pages(world, out);
    if (error || (error = numbers_init(&n, world)))
        return error;
    out->nr_procs = out->nr_vmas = out->nr_objects = out->nr_chains = 0;
    out->taken = 0;
    out->has_anon = true;
    out->by_degree = world->config.rules < RULES_LINUX_5_10;
    out->committed = world->committed_as;
    for_each_mm (world, i, mm) {
        struct snap_proc *proc = &out->proc[out->nr_procs++];
        struct list_walk w = list_walk(world, mm);
        const struct vma *vma;

        show_process(mm, proc);
        proc->first_vma = out->nr_vmas;
        while (out->nr_vmas < vmas && (vma = list_walk_next(&w)))
            show_vma(&n, world, vma, out);
        proc->nr_vmas = out->nr_vmas - proc->first_vma;
        if ((error = show_ptes(&n, world, mm, proc, out)))
            goto out;
    }
    show_items(&n, world, out);
    show_anon_vmas(&n, world, out);
    show_pages(&n, world, out);
out:
    numbers_fini(&n);
    return error;
}
