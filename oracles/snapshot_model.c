/* SPDX-License-Identifier: GPL-2.0-only */
/* The picture of the model, from its lists. What is not a live object is left out of it. */
#include "oracles/laws.h"

#include <stdlib.h>
#include <string.h>

/* Numbers of files, objects and contexts by first appearance, by place in their pools; 0: none. */
struct numbers {
    uint32_t *of[NR_POOLS];
    uint32_t last[NR_POOLS];
};

static int numbers_init(struct numbers *n, const struct world *world)
{
    size_t files = world->pool[POOL_FILE].used, objects = world->pool[POOL_MAPPING].used;
    size_t contexts = world->pool[POOL_UFFD].used;
    uint32_t *all = calloc(files + objects + contexts + 1, sizeof(*all));

    *n = (struct numbers){0};
    if (!all)
        return -ENOMEM;
    n->of[POOL_FILE] = all;
    n->of[POOL_MAPPING] = all + files;
    n->of[POOL_UFFD] = all + files + objects;
    return 0;
}

static void numbers_fini(struct numbers *n)
{
    free(n->of[POOL_FILE]);
}

static uint32_t number_of(struct numbers *n, const struct world *world, enum pool_id id,
                          const void *object)
{
    const struct pool *pool = &world->pool[id];
    uint32_t *number;

    if (!object_live(world, id, object))
        return 0;
    number = &n->of[id][(size_t)((const char *)object - pool->base) / pool->size];
    if (!*number)
        *number = ++n->last[id];
    return *number;
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

    if (error || (error = numbers_init(&n, world)))
        return error;
    out->nr_procs = out->nr_vmas = out->nr_objects = 0;
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
    }
    numbers_fini(&n);
    return 0;
}
