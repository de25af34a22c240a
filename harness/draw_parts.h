/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the drawing share: a canvas, what has changed, the parts; for draw*.c alone. */
#ifndef HARNESS_DRAW_PARTS_H
#define HARNESS_DRAW_PARTS_H

#include "harness/draw.h"
#include "harness/program.h"
#include "harness/report.h"

#include <stdio.h>

/* ---- draw_canvas.c: a piece of SVG with its size, at (0, 0) until it is placed; in pixels ---- */
struct canvas {
    FILE *to;
    char *svg;
    size_t length;
    int width, height;
};
int canvas_open(struct canvas *c);  /* 0 or -ENOMEM */
int canvas_close(struct canvas *c); /* what was put there is complete: 0 or -ENOMEM */
void canvas_free(struct canvas *c); /* also one that is all zero */
void canvas_place(struct canvas *on, const struct canvas *c, int x, int y);
/* Grows the canvas to hold the point. */
void canvas_hold(struct canvas *c, int x, int y);

/* Fixed-width fonts, so that the width of a text is known: normal, small. */
#define CHAR_WIDTH 7.3  /* pixels at 12 */
#define SMALL_WIDTH 6.1 /* pixels at 10 */
#define LINE_HEIGHT 17
/* Code points. */
int text_length(const char *text);
int text_width(const char *text);
int small_width(const char *text);

/* style: classes of the style sheet in draw_canvas.c. */
void put_rect(struct canvas *c, int x, int y, int width, int height, const char *style);
void put_line(struct canvas *c, int x1, int y1, int x2, int y2, const char *style);
/* y: the base line. */
void put_text(struct canvas *c, int x, int y, const char *style, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* Where words go: in lines of so many characters, each `step` below the one before; step 0: only
 * what fits in the first. At most MAX_COLUMNS. */
#define MAX_COLUMNS 120
struct flow {
    int x, y, step, columns;
    int first_x, first_columns; /* of the first line; 0: as the others */
    const char *style;
};
int put_words(struct canvas *c, const struct flow *f, const char *text); /* base line after it */
/* A small word in a frame, TAG_HEIGHT high; returns its width. */
#define TAG_HEIGHT 14
int put_tag(struct canvas *c, int x, int y, const char *style, const char *word);
/* What a viewer shows of the group when it is pointed at. */
void begin_group(struct canvas *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void end_group(struct canvas *c);
void put_style_sheet(FILE *to);

/* ---- draw_change.c: the picture against the one before it ---- */
enum change { CHANGE_NONE, CHANGE_NEW, CHANGE_DIFFERS, CHANGE_GONE };
/* Objects of both pictures are paired by where they are seen; numbers themselves say nothing. */
struct changes {
    const struct snapshot *before, *after; /* the same: there is nothing to compare with */
    uint32_t *page, *slot, *anon_vma;      /* [number - 1] in after: number in before; 0: new */
    uint32_t gone_pages, gone_slots, gone_anon_vmas;
    void *memory;
};
int changes_init(struct changes *ch, const struct drawing *d); /* 0 or -ENOMEM */
void changes_fini(struct changes *ch);
/* NULL if there is no such number. */
const struct snap_page *page_number(const struct snapshot *s, uint32_t number);
const struct snap_slot *slot_number(const struct snapshot *s, uint32_t number);
const struct snap_anon_vma *anon_vma_number(const struct snapshot *s, uint32_t number);
/* What the number in after was; NULL: new. */
const struct snap_page *page_before(const struct changes *ch, uint32_t number);
const struct snap_slot *slot_before(const struct changes *ch, uint32_t number);
const struct snap_anon_vma *anon_vma_before(const struct changes *ch, uint32_t number);
/* Pages that the entry is for. */
static inline uint32_t pte_pages(const struct snap_pte *pte)
{
    return pte->flags & SNAP_PTE_HUGE ? SNAP_PARTS : 1;
}
/* The VMA of the process that has the page, and its entry; NULL: none. */
const struct snap_vma *vma_at(const struct snapshot *s, const struct snap_proc *p, uint64_t page);
const struct snap_pte *pte_at(const struct snapshot *s, const struct snap_proc *p, uint64_t page);
static inline bool pte_has_page(const struct snap_pte *pte)
{
    return pte->number && !(pte->flags & (SNAP_PTE_SWAP | SNAP_PTE_SPECIAL));
}
/* The law is broken there. */
static inline bool broken_vma(const struct drawing *d, const struct snap_proc *p,
                              const struct snap_vma *v)
{
    return d->law && d->broken_proc == p->id && d->broken_page >= v->start &&
           d->broken_page < v->end;
}
/* Is it chained to the anon_vma of that number? */
bool is_chained(const struct snapshot *s, const struct snap_vma *v, uint32_t anon_vma);
enum change vma_change(const struct changes *ch, const struct snap_proc *p,
                       const struct snap_vma *v);
enum change pte_change(const struct changes *ch, const struct snap_proc *p,
                       const struct snap_pte *pte);
enum change page_change(const struct changes *ch, uint32_t number);
enum change slot_change(const struct changes *ch, uint32_t number);
enum change anon_vma_change(const struct changes *ch, uint32_t number);

/* ---- the parts: 0 or -ENOMEM, with the canvas open until canvas_close() ---- */
/* draw_space.c: one process, or what is left of one that is gone. */
int draw_space(struct canvas *c, const struct changes *ch, const struct drawing *d, uint32_t proc);
/* draw_cells.c: the entries of a VMA as cells, from (x, y) down; returns where they end. fresh: all
 * is new, which needs no telling. */
#define SPACE_WIDTH 453
#define CELLS_WIDTH 405
/* Contents in few letters; the digit that all of them are, 0: none, or zeroes. */
void stamp_text(uint64_t stamp, char *text, size_t size);
static inline unsigned filled_with(uint64_t stamp)
{
    return stamp % fill_stamp(1) ? 0 : (unsigned)(stamp / fill_stamp(1));
}
/* The style of its cell. */
const char *pte_style(const struct snapshot *s, const struct snap_pte *pte);
int draw_cells(struct canvas *c, const struct changes *ch, const struct snap_proc *p,
               const struct snap_vma *v, bool fresh, int x, int y);
/* One cell, CELL_WIDTH wide, as an example. */
#define CELL_WIDTH 48
#define CELL_HEIGHT 40
void draw_cell_example(struct canvas *c, int x, int y, const char *style, const char *label,
                       const char *stamp, const char *letters);
/* The same of a huge entry, HUGE_WIDTH wide. */
#define HUGE_WIDTH 132
void draw_huge_example(struct canvas *c, int x, int y, const char *style, const char *place,
                       const char *label, const char *holds, const char *letters);
/* draw_table.c: frames, swap slots and files. An empty canvas if there are none. */
int draw_pages(struct canvas *c, const struct changes *ch);
int draw_slots(struct canvas *c, const struct changes *ch);
int draw_objects(struct canvas *c, const struct changes *ch);
/* draw_legend.c: in lines of that width. */
int draw_legend(struct canvas *c, const struct changes *ch, int width);
/* draw_graph.c: the anonymous reverse map. -errno with a line in message. */
int draw_graph(struct canvas *c, const struct changes *ch, const struct drawing *d, char *message,
               size_t size);

/* ---- draw_dot.c ---- */
/* Graphviz' layout of the graph, in the format of dot -Tplain, for free(). 0, or -errno with a line
 * in message. */
int run_dot(const char *graph, char **plain, char *message, size_t size);

#endif
