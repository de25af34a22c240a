/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's structures, as far as snapshot.bpf.c reads them: names of fields. Where they lie is
 * what the running kernel's BTF says when the program is loaded.
 */
#ifndef HARNESS_LINUX_SNAPSHOT_KERNEL_H
#define HARNESS_LINUX_SNAPSHOT_KERNEL_H

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct timespec64 {
    long long tv_sec;
};
struct pt_regs {
    unsigned long r15;
};
struct list_head {
    struct list_head *next;
};
struct maple_tree {
    void *ma_root;
};
struct maple_range_64 {
    unsigned long pivot[15];
    void *slot[16];
};
struct maple_arange_64 {
    unsigned long pivot[9];
    void *slot[10];
};
struct percpu_counter {
    long long count;
    int *counters;
};
struct anon_counter {
    long counter;
};
struct mm_struct {
    struct maple_tree mm_mt;
    void *pgd;
    struct anon_counter pgtables_bytes, pinned_vm;
    int map_count;
    unsigned long hiwater_rss, hiwater_vm, total_vm, locked_vm, data_vm, exec_vm, stack_vm;
    unsigned long def_flags, brk;
    struct percpu_counter rss_stat[4];
};
struct mm_rss_stat {
    struct anon_counter count[4];
};
struct mm_struct___before_6_2 {
    struct mm_rss_stat rss_stat;
};
struct task_rss_stat {
    int count[4];
};
struct fdtable {
    void *fd;
};
struct files_struct {
    struct fdtable *fdt;
};
struct task_struct {
    struct mm_struct *mm;
    struct files_struct *files;
    struct list_head children, sibling;
    int pid;
};
struct task_struct___before_6_2 {
    struct task_rss_stat rss_stat;
};
struct vm_userfaultfd_ctx {
    void *ctx;
};
union policy_mask {
    unsigned long word;
};
struct mempolicy {
    unsigned short mode, flags;
    union policy_mask w;
};
struct anon_vma_name {
    char name[0];
};
struct vm_area_struct {
    unsigned long vm_start, vm_end, vm_flags, vm_pgoff;
    struct list_head anon_vma_chain;
    struct anon_vma *anon_vma;
    struct file *vm_file;
    struct vm_userfaultfd_ctx vm_userfaultfd_ctx;
    struct anon_vma_name *anon_name;
    struct mempolicy *vm_policy; /* where there is NUMA */
};
struct anon_vma {
    struct anon_vma *root, *parent;
    struct anon_counter refcount;
    unsigned long num_children, num_active_vmas;
};
struct anon_vma_chain {
    struct anon_vma *anon_vma;
    struct list_head same_vma;
};
struct xarray {
    void *xa_head;
};
struct address_space {
    struct inode *host;
    struct xarray i_pages;
    struct anon_counter i_mmap_writable;
};
struct super_block {
    unsigned long s_magic;
};
struct inode {
    struct super_block *i_sb;
    long long i_size;
};
struct file {
    struct address_space *f_mapping;
};
struct bpf_array {
    void *pptrs[0];
};
struct page {
    unsigned long compound_head;
};
struct folio_counter {
    int counter;
};
struct folio {
    struct address_space *mapping;
    unsigned long index;
    void *private;
    struct folio_counter _mapcount, _refcount, _entire_mapcount, _pincount;
};
enum pageflags { PG_dirty, PG_swapbacked, PG_swapcache, PG_anon_exclusive, PG_mlocked, PG_head };
#pragma clang attribute pop

#endif
