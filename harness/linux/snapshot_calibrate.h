// SPDX-License-Identifier: GPL-2.0-only
/* Of snapshot.bpf.c: where the kernel maps memory, and where CPUs have their variables. */
#ifndef HARNESS_LINUX_SNAPSHOT_CALIBRATE_H
#define HARNESS_LINUX_SNAPSHOT_CALIBRATE_H

#define GIB (1UL << 30)

/* Where a CPU's variables are: a map with an element on each CPU knows both sides. What is stored
 * and loaded again is a number to the verifier, no pointer any more. */
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, uint32_t);
    __type(value, uint64_t);
} everywhere SEC(".maps");
volatile uint64_t stored;

static long each_offset(uint32_t cpu, void *unused)
{
    const uint32_t zero = 0;

    stored = (uint64_t)bpf_map_lookup_percpu_elem(&everywhere, &zero, cpu);
    request.percpu[cpu & (RAW_CPUS - 1)] = stored;
    stored = (uint64_t)&everywhere;
    request.percpu[cpu & (RAW_CPUS - 1)] -= word(stored + OFFSET(bpf_array, pptrs));
    return 0;
}

/* The direct map begins some GiB below the top page table of the caller, and if it begins there,
 * the tag is found where the tables lead to. */
static long each_base(uint32_t i, void *unused)
{
    uint64_t table, entry;

    request.direct_map = (FIELD(at.mm, mm_struct, pgd) & ~(GIB - 1)) - i * GIB;
    table = lowest_table(at.mm, probe.addr);
    entry = table ? entry_at(table, probe.addr, 0) : 0;
    if (!(entry & ENTRY_PRESENT))
        return 0;
    if (word(request.direct_map + (entry & ENTRY_ADDRESS)) != probe.tag)
        return 0;
    at.start = frame_of(entry);
    probe.found = true;
    return 1;
}

SEC("syscall")
int calibrate(void *ctx)
{
    const uint64_t task = bpf_get_current_task();
    uint64_t fds, file, mapping;

    probe.found = false;
    at.mm = FIELD(task, task_struct, mm);
    bpf_loop(request.nr_cpus, each_offset, NULL, 0);
    bpf_loop(1 << 16, each_base, NULL, 0); /* 64 TiB */
    if (!probe.found)
        return 0;
    /* The file has one page, so the head of its page cache is that page. */
    fds = FIELD(FIELD(FIELD(task, task_struct, files), files_struct, fdt), fdtable, fd);
    file = word(fds + probe.fd * 8UL);
    mapping = FIELD(file, file, f_mapping);
    request.vmemmap =
        FIELD(mapping, address_space, i_pages.xa_head) - at.start * bpf_core_type_size(struct page);
    return 0;
}

#endif
