/* SPDX-License-Identifier: GPL-2.0-only */
/* What the colours, letters and lines mean: of those that can be in the drawing. */
#include "harness/draw_parts.h"

#include <string.h>

#define ROW 50
#define GAP 22

struct legend {
    struct canvas *c;
    int x, y, width;
};

/* Room for one thing; its left end. */
static int take(struct legend *l, int width)
{
    int x;

    if (l->x && l->x + width > l->width) {
        l->x = 0;
        l->y += ROW;
    }
    x = l->x;
    l->x += width + GAP;
    return x;
}

/* A sample so wide, and up to two lines of words beside it. */
static int words_beside(struct legend *l, int sample, const char *first, const char *second)
{
    int words = small_width(first) > small_width(second) ? small_width(first) : small_width(second);
    int x = take(l, sample + 8 + words);

    put_text(l->c, x + sample + 8, l->y + (*second ? 17 : 24), "s", "%s", first);
    put_text(l->c, x + sample + 8, l->y + 31, "s", "%s", second);
    canvas_hold(l->c, x + sample + 8 + words, l->y + CELL_HEIGHT);
    return x;
}

static void cell(struct legend *l, const char *style, const char *label, const char *stamp,
                 const char *letters, const char *first, const char *second)
{
    int x = words_beside(l, CELL_WIDTH, first, second);

    draw_cell_example(l->c, x, l->y, style, label, stamp, letters);
}

static void line(struct legend *l, const char *style, const char *first, const char *second)
{
    int x = words_beside(l, 40, first, second);

    put_line(l->c, x, l->y + 20, x + 40, l->y + 20, style);
}

static void mark(struct legend *l, const char *style, const char *sign, const char *word)
{
    int x = words_beside(l, 24, word, "");

    put_rect(l->c, x, l->y + 8, 24, 24, style);
    put_text(l->c, x + 8, l->y + 24, "n", "%s", sign);
}

static bool has_style(const struct snapshot *s, const char *style)
{
    for (uint32_t i = 0; i < s->nr_ptes; i++)
        if (!strcmp(pte_style(s, &s->pte[i]), style))
            return true;
    return false;
}

static bool has_digits(const struct snapshot *s)
{
    for (uint32_t i = 0; i < s->nr_pages; i++)
        if (filled_with(s->page[i].stamp))
            return true;
    return false;
}

/* One of an anon_vma, or of a file, that is not in the picture. */
static bool has_lost_page(const struct snapshot *s)
{
    for (uint32_t i = 0; i < s->nr_pages; i++) {
        const struct snap_page *p = &s->page[i];

        if (!(p->flags & SNAP_PAGE_KSM) && !(p->flags & SNAP_PAGE_ANON ? p->anon_vma : p->object))
            return true;
    }
    return false;
}

static void draw_kinds(struct legend *l, const struct snapshot *s)
{
    static const struct {
        const char *style, *label, *stamp, *letters, *first, *second;
    } kinds[] = {
        {"anon", "#1", "=7", "wdyx", "anonymous page #1, at 0x10,", "written by operation 7"},
        {"file", "#2", "=0", "··y·", "page of a file or of", "shared memory; =0: zeroes"},
        {"zero", "zero", "", "··y·", "the page", "of zeroes"},
        {"swap", "s1", "=7", "···x", "in swap", "slot s1"},
        {"moving", "#3", "=7", "····", "being", "migrated"},
    };

    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (has_style(s, kinds[i].style))
            cell(l, kinds[i].style, kinds[i].label, kinds[i].stamp, kinds[i].letters,
                 kinds[i].first, kinds[i].second);
    for (uint32_t i = 0; i < s->nr_ptes; i++) {
        int x;

        if (!(s->pte[i].flags & SNAP_PTE_HUGE))
            continue;
        x = words_beside(l, HUGE_WIDTH, "one entry for 512 pages, parts",
                         "of one; 2 of them written");
        draw_huge_example(l->c, x, l->y, "anon", "0x200–0x400", "#1–#512", "2 hold", "wdyx");
        break;
    }
    if (!s->nr_ptes)
        return;
    cell(l, "none", "", "", "", "no", "entry");
    if (has_digits(s))
        words_beside(l, 0, "=1…: full of ones,", "written by fill");
    words_beside(l, 0, "w writable · d dirty", "y young · x exclusive");
    words_beside(l, 0, "frame, number: as the", "broken law's text has it");
    if (has_lost_page(s))
        words_beside(l, 0, "av ?, file ?: freed, so", "that it has no number");
}

int draw_legend(struct canvas *c, const struct changes *ch, int width)
{
    struct legend l = {c, 0, 24, width};

    put_text(c, 0, 12, "h", "LEGEND");
    if (ch->after->has_pages)
        draw_kinds(&l, ch->after);
    if (ch->after->has_anon && ch->after->nr_anon_vmas) {
        line(&l, "own", "a VMA's anon_vma: chained", "to its ancestors as well");
        line(&l, "chain", "chained to, though", "not an ancestor");
        line(&l, "parent", "from anon_vma", "to its parent");
    }
    if (ch->before != ch->after) {
        mark(&l, "new", "+", "new");
        mark(&l, "differs", "~", "changed: before→after");
        mark(&l, "gone", "−", "gone");
    }
    return 0;
}
