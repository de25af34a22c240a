/* SPDX-License-Identifier: GPL-2.0-only */
/* What the readers share with each other and with nobody else. */
#ifndef HARNESS_LINUX_READER_H
#define HARNESS_LINUX_READER_H

#include "harness/linux/linux.h"
#include "harness/linux/raw.h"

/* Pages of the window; a world has no more. */
#define WINDOW_PAGES 4096U
#define WINDOW_END (WINDOW_BASE + ((uint64_t)WINDOW_PAGES << PAGE_SHIFT))

/* Numbers by first appearance: from the kernel's keys to those of the picture. */
enum label_kind {
    LABEL_FILE,
    LABEL_OBJECT,
    LABEL_CONTEXT,
    LABEL_ANON_VMA,
    LABEL_PAGE,
    LABEL_SLOT,
    NR_LABELS
};
struct labels {
    struct label {
        uint64_t key;
        uint32_t number, generation; /* of another generation: free */
    } * slot;
    uint32_t nr_slots;
    uint32_t mask, generation;
    uint32_t last;  /* highest number given */
    uint64_t asked; /* the last key that was looked up: pages ask for the same one in a row */
    uint32_t answered;
};

struct linux_reader {
    enum linux_reader_kind kind;
    unsigned shows;
    uint32_t unchanged; /* bits of processes: see reader_unchanged() */
    struct labels labels[NR_LABELS];
    struct raw_picture *raw;
    struct raw_picture *before; /* what the last picture was made of */
    uint64_t taken;             /* the number of that picture; 0: there is none */
    /* Fills raw. 0, or -errno: -EAGAIN asks to be called again. */
    int (*take)(struct linux_reader *r, const pid_t pid[MAX_PROCS]);
    void (*fini)(struct linux_reader *r); /* all but the reader itself */
};

/* NULL with one line in why. */
struct linux_reader *reader_bpf_new(char *why, size_t size);
struct linux_reader *reader_procfs_new(char *why, size_t size);
struct linux_reader *reader_maps_new(char *why, size_t size);

/* picture.c: the picture of what the reader has found. 0 or -ENOMEM. */
int picture_of_raw(struct linux_reader *r, struct snapshot *out);
void labels_fini(struct labels *l);

#endif
