/* SPDX-License-Identifier: GPL-2.0-only */
/* What the reports share with each other and with the executor, and with nobody else. */
#ifndef HARNESS_REPORT_H
#define HARNESS_REPORT_H

#include "harness/harness.h"

struct scene;
/* What the broken law demands; of whom, if answers of the model and another subject differ. */
void put_sentence(const struct scene *s, const struct finding *f, char *text, size_t size);
/* The verdict's text, with the clause in words if there are any. */
void verdict_text(const struct verdict *v, char *text, size_t size);
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
/* What a VMA is, without its range: "rw-p  anon      0x10    account av:2+1". */
void vma_text(const struct snapshot *s, const struct snap_vma *v, unsigned show, char *text,
              size_t size);
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
    struct snapshot other_after; /* the other subject, after it */
    bool other_known;
    const struct op *culprit; /* NULL: the failure came at exit, or there is none */
    uint32_t culprit_index;   /* from 0 */
    uint32_t nr_played;       /* operations up to `after` */
    bool answered;            /* the last one of these returned */
    long answer;
};
void scene_init(struct scene *scene, struct executor *ex, const struct finding *f);
void scene_fini(struct scene *scene);

/* ---- report_text.c ---- */
/* Parts of the report: answers if they were not as expected; address spaces before and after, and
 * what differs from the specification; the fault if there is one. */
void put_answer(const struct scene *s, FILE *to);
void put_maps(const struct scene *s, FILE *to);
void put_fault(const struct scene *s, const struct finding *f, FILE *to);
/* Where the other subject's picture differs from the model's, side by side. */
void put_other(const struct scene *s, const struct finding *f, FILE *to);
/* What differs in lists, model's and other's, for the two forms of the report. */
struct difference {
    uint32_t proc;
    char what[40], model[80], other[80];
};
/* shows: enum linux_shows. NULL with *n 0 if there is none, or no memory; for free(). */
struct difference *differences(const struct scene *s, unsigned shows, uint32_t *n);
/* Is there a command line that shows the failure again? The command knows the running kernel alone
 * of all other subjects. */
bool has_replay(const struct finding *f);
/* That command line, without a newline. */
void replay_command(const struct finding *f, FILE *to);

/* ---- report_svg.c ---- */
/* The scene's last operation as a drawing: draw_svg(), whose message it is. nr_ops: of the program,
 * of which the finding may have the beginning only. */
int scene_svg(const struct scene *s, const struct finding *f, uint32_t nr_ops, bool dot_optional,
              char **svg, char *message, size_t size);
/* What the other subject has then, compared with nothing. */
int other_svg(const struct scene *s, const struct finding *f, char **svg, char *message,
              size_t size);

/* ---- xml.c ---- */
/* Escaped, for elements and attributes; what XML 1.0 cannot hold at all becomes '?'. */
void put_xml(const char *text, FILE *to);
void put_xml_lines(const char *text, FILE *to); /* in elements alone: newlines stay what they are */

#endif
