/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The sheet: title, address spaces in columns at the left, the anonymous reverse map and the tables
 * beside them, the legend below. Of all ways to arrange them the one that fits a screen best.
 */
#include "harness/draw_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MARGIN 24
#define GAP 16      /* between address spaces */
#define WIDE_GAP 36 /* between parts */
#define MIN_WIDTH 760
#define TITLE_WIDTH 10.4 /* pixels of a character of the title */
#define SHAPE 1.6        /* width to height of a screen */

enum { PART_GRAPH, PART_PAGES, PART_SLOTS, PART_OBJECTS, NR_PARTS };

struct sheet {
    const struct drawing *d;
    struct changes ch;
    uint32_t nr_spaces;
    struct canvas *space; /* of all processes before and after, by number */
    struct canvas part[NR_PARTS];
};
/* Where things are. */
struct arrangement {
    uint32_t columns;  /* of address spaces */
    bool tables_below; /* the graph, or beside it */
    int target;        /* height of a column */
    int width, height;
};

/* ---- the pieces ---- */
static uint32_t next_process(const struct changes *ch, int64_t after)
{
    uint32_t next = UINT32_MAX;

    for (int k = 0; k < 2; k++) {
        const struct snapshot *s = k ? ch->before : ch->after;

        for (uint32_t i = 0; i < s->nr_procs; i++)
            if (s->proc[i].id > after && s->proc[i].id < next)
                next = s->proc[i].id;
    }
    return next;
}

static int draw_spaces(struct sheet *sheet)
{
    uint32_t id, room = sheet->ch.after->nr_procs + sheet->ch.before->nr_procs;
    int error = 0;

    sheet->space = calloc((size_t)room + 1, sizeof(*sheet->space));
    if (!sheet->space)
        return -ENOMEM;
    for (int64_t last = -1; !error && (id = next_process(&sheet->ch, last)) != UINT32_MAX;
         last = id) {
        struct canvas *c = &sheet->space[sheet->nr_spaces];

        error = canvas_open(c);
        if (error)
            break;
        sheet->nr_spaces++;
        error = draw_space(c, &sheet->ch, sheet->d, id);
        if (canvas_close(c) || error)
            error = -ENOMEM;
    }
    return error;
}

static int draw_part(struct sheet *sheet, int part, char *message, size_t size)
{
    struct canvas *c = &sheet->part[part];
    int error = canvas_open(c);

    if (error)
        return error;
    switch (part) {
    case PART_GRAPH:
        error = draw_graph(c, &sheet->ch, sheet->d, message, size);
        break;
    case PART_PAGES:
        error = draw_pages(c, &sheet->ch);
        break;
    case PART_SLOTS:
        error = draw_slots(c, &sheet->ch);
        break;
    default:
        error = draw_objects(c, &sheet->ch);
    }
    if (error && part == PART_GRAPH && sheet->d->dot_optional && error != -ENOMEM) {
        canvas_free(c); /* it may be half done */
        if (canvas_open(c))
            return -ENOMEM;
        put_text(c, 0, 12, "h", "ANONYMOUS REVERSE MAP");
        put_text(c, 0, 32, "s m", "not drawn: %s", message);
        canvas_hold(c, 480, 40);
        error = 0;
    }
    return canvas_close(c) ? -ENOMEM : error;
}

/* ---- the arrangement ---- */
static bool is_empty(const struct canvas *c)
{
    return !c->width;
}

/* How many columns of at most that height hold all address spaces; *height: of the highest. */
static uint32_t fill_columns(const struct sheet *sheet, int target, int *height)
{
    uint32_t columns = 1;
    int y = 0;

    *height = 0;
    for (uint32_t i = 0; i < sheet->nr_spaces; i++) {
        int h = sheet->space[i].height;

        if (y && y + GAP + h > target) {
            columns++;
            y = 0;
        }
        y += (y ? GAP : 0) + h;
        if (y > *height)
            *height = y;
    }
    return columns;
}

static int parts_height(const struct sheet *sheet, int first, int *width)
{
    int y = 0;

    for (int i = first; i < NR_PARTS; i++) {
        const struct canvas *c = &sheet->part[i];

        if (is_empty(c))
            continue;
        y += (y ? WIDE_GAP : 0) + c->height;
        *width = *width > c->width ? *width : c->width;
    }
    return y;
}

static void try_arrangement(const struct sheet *sheet, struct arrangement *best, int target,
                            bool tables_below)
{
    struct arrangement a = {.target = target, .tables_below = tables_below};
    const struct canvas *graph = &sheet->part[PART_GRAPH];
    int left, right = 0, right_height, spaces;

    a.columns = fill_columns(sheet, target, &spaces);
    left = (int)a.columns * (SPACE_WIDTH + GAP) - GAP;
    if (tables_below) {
        right_height = parts_height(sheet, PART_GRAPH, &right);
    } else {
        right_height = parts_height(sheet, PART_PAGES, &right);
        if (!is_empty(graph))
            right += (right ? WIDE_GAP : 0) + graph->width;
        if (graph->height > right_height)
            right_height = graph->height;
    }
    a.width = left + (right ? WIDE_GAP + right : 0);
    a.height = spaces > right_height ? spaces : right_height;
    /* the longer side, as a screen sees it */
    double size = a.width > SHAPE * a.height ? a.width : SHAPE * a.height;
    double least = best->width > SHAPE * best->height ? best->width : SHAPE * best->height;

    if (!best->width || size < least - 0.5)
        *best = a;
}

static struct arrangement arrange(const struct sheet *sheet)
{
    struct arrangement best = {0};
    int all = 0;

    for (uint32_t i = 0; i < sheet->nr_spaces; i++)
        all += sheet->space[i].height + GAP;
    for (int target = all; target > 40; target -= target > 800 ? target / 20 : 20) {
        try_arrangement(sheet, &best, target, true);
        try_arrangement(sheet, &best, target, false);
    }
    return best;
}

/* ---- the sheet ---- */
static void place_spaces(struct canvas *on, const struct sheet *sheet, const struct arrangement *a,
                         int x, int top)
{
    int y = 0;

    for (uint32_t i = 0; i < sheet->nr_spaces; i++) {
        int h = sheet->space[i].height;

        if (y && y + GAP + h > a->target) {
            x += SPACE_WIDTH + GAP;
            y = 0;
        }
        canvas_place(on, &sheet->space[i], x, top + y + (y ? GAP : 0));
        y += (y ? GAP : 0) + h;
    }
}

static void place_parts(struct canvas *on, const struct sheet *sheet, const struct arrangement *a,
                        int x, int top)
{
    int y = top;

    for (int i = PART_GRAPH; i < NR_PARTS; i++) {
        const struct canvas *c = &sheet->part[i];

        if (is_empty(c))
            continue;
        canvas_place(on, c, x, y);
        if (i == PART_GRAPH && !a->tables_below)
            x += c->width + WIDE_GAP;
        else
            y += c->height + WIDE_GAP;
    }
}

/* Title and what led here; returns where they end. */
static int put_head(struct canvas *c, const struct drawing *d, int width)
{
    struct flow flow = {.x = MARGIN, .y = MARGIN + 16, .step = 22, .style = "T"};

    flow.columns = (int)(width / TITLE_WIDTH);
    flow.columns = flow.columns < MAX_COLUMNS ? flow.columns : MAX_COLUMNS;
    flow.y = put_words(c, &flow, d->title);
    flow.step = LINE_HEIGHT;
    flow.columns = (int)(width / CHAR_WIDTH);
    flow.columns = flow.columns < MAX_COLUMNS ? flow.columns : MAX_COLUMNS;
    flow.style = "b";
    if (d->operation)
        flow.y = put_words(c, &flow, d->operation);
    flow.style = "l";
    if (d->law)
        flow.y = put_words(c, &flow, d->law);
    return flow.y + 2;
}

static int put_sheet(struct canvas *c, const struct sheet *sheet)
{
    struct arrangement a = arrange(sheet);
    struct canvas legend;
    int width = a.width > MIN_WIDTH ? a.width : MIN_WIDTH;
    int top = put_head(c, sheet->d, width), left;
    int error = canvas_open(&legend);

    if (error)
        return error;
    put_text(c, MARGIN, top + 12, "h", "ADDRESS SPACES");
    left = (int)a.columns * (SPACE_WIDTH + GAP) - GAP + WIDE_GAP;
    place_spaces(c, sheet, &a, MARGIN, top + 22);
    place_parts(c, sheet, &a, MARGIN + left, top);
    draw_legend(&legend, &sheet->ch, width);
    error = canvas_close(&legend);
    top = c->height + WIDE_GAP - 8;
    put_line(c, MARGIN, top - 12, MARGIN + width, top - 12, "rule");
    canvas_place(c, &legend, MARGIN, top);
    canvas_hold(c, MARGIN + width, 0);
    canvas_free(&legend);
    return error;
}

static int print_sheet(const struct sheet *sheet, const struct canvas *c, char **svg)
{
    int width = c->width + MARGIN, height = c->height + MARGIN;
    size_t length;
    FILE *to = open_memstream(svg, &length);

    if (!to)
        return -ENOMEM;
    fprintf(to,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"vmafuzz-svg\" width=\"%d\" "
            "height=\"%d\" viewBox=\"0 0 %d %d\" role=\"img\">\n<title>",
            width, height, width, height);
    put_xml(sheet->d->title, to);
    fputs("</title>\n", to);
    put_style_sheet(to);
    fprintf(to, "<rect width=\"%d\" height=\"%d\" class=\"paper\"/>\n", width, height);
    fwrite(c->svg, 1, c->length, to);
    fputs("</svg>\n", to);
    if (fclose(to) == 0)
        return 0;
    free(*svg);
    return -ENOMEM;
}

static int draw_sheet(struct sheet *sheet, char **svg, char *message, size_t size)
{
    struct canvas all;
    int error = draw_spaces(sheet);

    for (int i = 0; !error && i < NR_PARTS; i++)
        error = draw_part(sheet, i, message, size);
    if (!error)
        error = canvas_open(&all);
    if (error)
        return error;
    error = put_sheet(&all, sheet);
    if (canvas_close(&all))
        error = -ENOMEM;
    if (!error)
        error = print_sheet(sheet, &all, svg);
    canvas_free(&all);
    return error;
}

int draw_svg(const struct drawing *d, char **svg, char *message, size_t size)
{
    struct sheet sheet = {.d = d};
    int error = changes_init(&sheet.ch, d);

    *message = '\0';
    if (!error)
        error = draw_sheet(&sheet, svg, message, size);
    for (uint32_t i = 0; i < sheet.nr_spaces; i++)
        canvas_free(&sheet.space[i]);
    for (int i = 0; i < NR_PARTS; i++)
        canvas_free(&sheet.part[i]);
    free(sheet.space);
    changes_fini(&sheet.ch);
    if (error && !*message)
        snprintf(message, size, "cannot draw: %s", strerror(-error));
    return error;
}
