/* SPDX-License-Identifier: GPL-2.0-only */
/* What the reports share with each other and with the executor, and with nobody else. */
#ifndef HARNESS_REPORT_H
#define HARNESS_REPORT_H

#include "harness/harness.h"

/* An answer in words: "ENOMEM", "0x10", "0", "VMA at 0x10", "nothing". */
void answer_text(enum op_kind kind, long answer, char *text, size_t size);
/* "EINVAL" for -EINVAL; NULL for what is no error. */
const char *answer_error(long answer);

/* ---- line_map.c ---- */
#define LINE_MAP_WIDTH 76
struct line_map {
    uint32_t n;
    char (*line)[LINE_MAP_WIDTH + 1];
};
enum line_map_show {
    SHOW_GAPS = 1, /* a line for each hole */
    SHOW_ANON = 2, /* anon_vmas, if the picture has them: "av:3" is the VMA's own, "+2+1" are others
                      that it is chained to */
};
/* One process as lines; NULL: none. show: enum line_map_show bits. 0 or -ENOMEM. */
int line_map_init(struct line_map *m, const struct snapshot *s, const struct snap_proc *proc,
                  unsigned show);
void line_map_fini(struct line_map *m);
/* Both as one listing: '-' only in a, '+' only in b, and blank for what is in both. */
void line_map_diff(const struct line_map *a, const struct line_map *b, const char *indent,
                   FILE *to);

/* ---- report_scene.c: a failure played again ---- */
/* Everything that a report shows, whatever its form. */
struct scene {
    bool fails;                 /* playing it again broke a law */
    struct run_result result;   /* of playing it again */
    struct snapshot before;     /* the model, before the culprit */
    struct snapshot after;      /* the model, after it; empty if it cannot be walked any more */
    struct snapshot spec_after; /* the flat specification, after it */
    bool after_known, spec_known;
    const struct op *culprit; /* NULL: the failure came at exit, or there is none */
    uint32_t culprit_index;   /* from 0 */
};
void scene_init(struct scene *scene, struct executor *ex, const struct finding *f);
void scene_fini(struct scene *scene);

/* ---- report_c_procs.c ---- */
/* Helpers of the emitted source: turn(), done(), fork_as(), exit_as(), processes_start() and
 * processes_end(). */
void put_processes(FILE *to);

/* ---- report_text.c ---- */
/* The command line that shows the failure again, without a newline. */
void replay_command(const struct finding *f, FILE *to);

#endif
