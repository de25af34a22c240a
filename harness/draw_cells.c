/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The page-table entries of a VMA, one cell each. Pages without an entry, many alike in a row, and
 * a huge entry are one wide cell.
 */
#include "harness/draw_parts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define GAP 3
#define WIDE (2 * CELL_WIDTH + GAP)
#define MAX_CELLS 70 /* of a VMA */
#define MAX_ALIKE 6  /* cells in a row, before the middle ones become one */
#define MAX_EMPTY 2  /* the same for pages without entry */

struct cells {
    struct canvas *c;
    const struct changes *ch;
    const struct snap_proc *p;
    bool fresh;
    int left, x, y;
    unsigned n;
};

/* Room for so wide a cell; (x, y) is its corner. */
static void advance(struct cells *w, int width)
{
    if (w->x > w->left && w->x + width > w->left + CELLS_WIDTH) {
        w->x = w->left;
        w->y += CELL_HEIGHT + GAP;
    }
    w->n++;
}

const char *pte_style(const struct snapshot *s, const struct snap_pte *pte)
{
    const struct snap_page *page = page_number(s, pte->number);

    if (pte->flags & SNAP_PTE_SWAP)
        return "swap";
    if (pte->flags & SNAP_PTE_MIGRATION)
        return "moving";
    if (pte->flags & SNAP_PTE_SPECIAL)
        return "zero";
    return page && page->flags & SNAP_PAGE_ANON ? "anon" : "file";
}

static void pte_label(const struct snap_pte *pte, char *label, size_t size)
{
    if (pte->flags & SNAP_PTE_SPECIAL)
        snprintf(label, size, "zero");
    else
        snprintf(label, size, "%c%" PRIu32, pte->flags & SNAP_PTE_SWAP ? 's' : '#', pte->number);
}

void stamp_text(uint64_t stamp, char *text, size_t size)
{
    const unsigned digit = filled_with(stamp);

    if (digit)
        snprintf(text, size, "%u…", digit);
    else
        snprintf(text, size, "%" PRIu64, stamp);
}

static void pte_stamp(const struct snapshot *s, const struct snap_pte *pte, char *text, size_t size)
{
    const struct snap_page *page = pte_has_page(pte) ? page_number(s, pte->number) : NULL;
    const struct snap_slot *slot = pte->flags & SNAP_PTE_SWAP ? slot_number(s, pte->number) : NULL;
    char stamp[24];

    text[0] = '\0';
    if (!page && !slot)
        return;
    stamp_text(page ? page->stamp : slot->stamp, stamp, sizeof(stamp));
    snprintf(text, size, "=%s", stamp);
}

static bool pte_exclusive(const struct snapshot *s, const struct snap_pte *pte)
{
    const struct snap_page *page = pte_has_page(pte) ? page_number(s, pte->number) : NULL;

    return pte->flags & SNAP_PTE_EXCLUSIVE ||
           (s->has_exclusive && page && page->flags & SNAP_PAGE_EXCLUSIVE);
}

/* "w·yx": each letter has its place. */
static void pte_letters(const struct snapshot *s, const struct snap_pte *pte, char *text,
                        size_t size)
{
    snprintf(text, size, "%s%s%s%s", pte->flags & SNAP_PTE_WRITE ? "w" : "·",
             pte->flags & SNAP_PTE_DIRTY ? "d" : "·", pte->flags & SNAP_PTE_YOUNG ? "y" : "·",
             pte_exclusive(s, pte) ? "x" : "·");
}

static void put_cell(struct canvas *c, int x, int y, const char *style, const char *place,
                     const char *label, const char *stamp, const char *letters)
{
    put_rect(c, x, y, CELL_WIDTH, CELL_HEIGHT, style);
    put_text(c, x + 4, y + 11, "s m", "%s", place);
    put_text(c, x + 4, y + 24, text_width(label) > CELL_WIDTH - 6 ? "s b" : "b", "%s", label);
    if (text_width(label) + small_width(stamp) + 8 <= CELL_WIDTH)
        put_text(c, x + CELL_WIDTH - 4 - small_width(stamp), y + 24, "s", "%s", stamp);
    put_text(c, x + 4, y + 36, "s", "%s", letters);
}

void draw_huge_example(struct canvas *c, int x, int y, const char *style, const char *place,
                       const char *label, const char *holds, const char *letters)
{
    put_rect(c, x, y, HUGE_WIDTH, CELL_HEIGHT, style);
    put_rect(c, x + 2, y + 2, HUGE_WIDTH - 4, CELL_HEIGHT - 4, style);
    put_text(c, x + 6, y + 12, "s m", "%s", place);
    put_text(c, x + 6, y + 24, "b", "%s", label);
    put_text(c, x + 6, y + 35, "s", "%s huge", letters);
    if (small_width(holds) + small_width("wdyx huge ") + 24 <= HUGE_WIDTH)
        put_text(c, x + HUGE_WIDTH - 16 - small_width(holds), y + 35, "s", "%s", holds);
}

void draw_cell_example(struct canvas *c, int x, int y, const char *style, const char *label,
                       const char *stamp, const char *letters)
{
    put_cell(c, x, y, style, "0x10", label, stamp, letters);
}

static void put_mark(struct canvas *c, int x, int y, int width, enum change change)
{
    static const char *const styles[] = {"", "new", "differs", "gone"};
    static const char *const marks[] = {"", "+", "~", "−"};

    if (change == CHANGE_NONE)
        return;
    put_rect(c, x, y, width, CELL_HEIGHT, styles[change]);
    put_text(c, x + width - 10, y + 36, "n", "%s", marks[change]);
}

static void describe(const struct snapshot *s, const struct snap_proc *p,
                     const struct snap_pte *pte, char *text, size_t size)
{
    const struct snap_page *page = pte_has_page(pte) ? page_number(s, pte->number) : NULL;
    int n = snprintf(
        text, size, "p%" PRIu32 " page 0x%" PRIx64 ":%s%s%s%s%s%s%s%s", p->id, pte->page,
        pte->flags & SNAP_PTE_HUGE ? " huge" : "", pte->flags & SNAP_PTE_PRESENT ? " present" : "",
        pte->flags & SNAP_PTE_SPECIAL ? " zeroes" : "",
        pte->flags & SNAP_PTE_SWAP ? " swapped" : "",
        pte->flags & SNAP_PTE_MIGRATION ? " migrating" : "",
        pte->flags & SNAP_PTE_WRITE ? " writable" : "", pte->flags & SNAP_PTE_DIRTY ? " dirty" : "",
        pte->flags & SNAP_PTE_YOUNG ? " young" : "");

    if (page && pte->flags & SNAP_PTE_HUGE)
        snprintf(text + n, size - (size_t)n,
                 "; pages from #%" PRIu32 " on: huge entries %" PRIu32 ", refcount %" PRIu32
                 ", index 0x%" PRIx64,
                 pte->number, page->entire_mapcount, page->refcount, page->index);
    else if (page)
        snprintf(text + n, size - (size_t)n,
                 "; page #%" PRIu32 ": mapcount %" PRIu32 ", refcount %" PRIu32 ", index 0x%" PRIx64
                 ", contents %" PRIu64,
                 pte->number, page->mapcount, page->refcount, page->index, page->stamp);
}

static void put_pte(struct cells *w, const struct snap_pte *pte)
{
    const struct snapshot *s = w->ch->after;
    char place[32], label[16], stamp[32], letters[16], text[256];

    advance(w, CELL_WIDTH);
    snprintf(place, sizeof(place), "0x%" PRIx64, pte->page);
    pte_label(pte, label, sizeof(label));
    pte_stamp(s, pte, stamp, sizeof(stamp));
    pte_letters(s, pte, letters, sizeof(letters));
    describe(s, w->p, pte, text, sizeof(text));
    begin_group(w->c, "%s", text);
    put_cell(w->c, w->x, w->y, pte_style(s, pte), place, label, stamp, letters);
    if (!w->fresh)
        put_mark(w->c, w->x, w->y, CELL_WIDTH, pte_change(w->ch, w->p, pte));
    end_group(w->c);
    w->x += CELL_WIDTH + GAP;
}

/* Parts that are not full of zeroes: "3 of 512 hold". */
static void count_written(const struct snapshot *s, const struct snap_pte *pte, char *text,
                          size_t size)
{
    uint32_t n = 0;

    for (uint32_t i = 0; pte_has_page(pte) && i < SNAP_PARTS; i++) {
        const struct snap_page *part = page_number(s, pte->number + i);

        n += part && part->stamp;
    }
    text[0] = '\0';
    if (pte_has_page(pte))
        snprintf(text, size, n ? "%" PRIu32 " hold" : "zeroes", n);
}

/* As the other cells, so wide that a range fits in. */
static void put_huge(struct cells *w, const struct snap_pte *pte)
{
    const struct snapshot *s = w->ch->after;
    char place[48], label[32], holds[32], letters[16], text[256];
    const bool zeroes = pte->flags & SNAP_PTE_SPECIAL;

    advance(w, HUGE_WIDTH);
    snprintf(place, sizeof(place), "0x%" PRIx64 "–0x%" PRIx64, pte->page, pte->page + SNAP_PARTS);
    snprintf(label, sizeof(label), "#%" PRIu32 "–#%" PRIu32, pte->number,
             pte->number + SNAP_PARTS - 1);
    count_written(s, pte, holds, sizeof(holds));
    pte_letters(s, pte, letters, sizeof(letters));
    describe(s, w->p, pte, text, sizeof(text));
    begin_group(w->c, "%s", text);
    draw_huge_example(w->c, w->x, w->y, pte_style(s, pte), place, zeroes ? "huge zero" : label,
                      holds, letters);
    if (!w->fresh)
        put_mark(w->c, w->x, w->y, HUGE_WIDTH, pte_change(w->ch, w->p, pte));
    end_group(w->c);
    w->x += HUGE_WIDTH + GAP;
}

static void put_wide(struct cells *w, const char *style, uint64_t from, uint64_t to,
                     const char *what, enum change change)
{
    char range[48], text[48];

    advance(w, WIDE);
    put_rect(w->c, w->x, w->y, WIDE, CELL_HEIGHT, style);
    snprintf(range, sizeof(range), "0x%" PRIx64 "–0x%" PRIx64, from, to);
    if (small_width(range) > WIDE - 6)
        snprintf(range, sizeof(range), "0x%" PRIx64 "–", from);
    put_text(w->c, w->x + 4, w->y + 11, "s m", "%s", range);
    snprintf(text, sizeof(text), "%" PRIu64 " pages", to - from);
    put_text(w->c, w->x + 4, w->y + 24, "s", "%s", text);
    put_text(w->c, w->x + 4, w->y + 36, "s", "%s", what);
    if (!w->fresh)
        put_mark(w->c, w->x, w->y, WIDE, change);
    w->x += WIDE + GAP;
}

/* What was there is told: a page or slot of the picture before has no number in this one. to: from
 * which page on something is there again. Returns that, or where the entry ended. */
static uint64_t put_gone(struct cells *w, const struct snap_pte *was, uint64_t at, uint64_t to)
{
    const char *what = was->flags & SNAP_PTE_SWAP      ? "swap"
                       : was->flags & SNAP_PTE_SPECIAL ? "zero"
                                                       : "page";
    char place[32];

    if (was->flags & SNAP_PTE_HUGE) {
        to = to < was->page + SNAP_PARTS ? to : was->page + SNAP_PARTS;
        put_wide(w, "none", at, to, was->flags & SNAP_PTE_SPECIAL ? "huge zero" : "huge page",
                 CHANGE_GONE);
        return to;
    }

    advance(w, CELL_WIDTH);
    snprintf(place, sizeof(place), "0x%" PRIx64, was->page);
    put_cell(w->c, w->x, w->y, "none", place, "", "", what);
    put_mark(w->c, w->x, w->y, CELL_WIDTH, CHANGE_GONE);
    w->x += CELL_WIDTH + GAP;
    return at + 1;
}

static void put_empty(struct cells *w, uint64_t from, uint64_t to)
{
    char place[32];

    if (to - from > MAX_EMPTY) {
        put_wide(w, "none", from, to, "no entry", CHANGE_NONE);
        return;
    }
    for (uint64_t page = from; page < to; page++) {
        advance(w, CELL_WIDTH);
        snprintf(place, sizeof(place), "0x%" PRIx64, page);
        put_cell(w->c, w->x, w->y, "none", place, "", "", "");
        w->x += CELL_WIDTH + GAP;
    }
}

static bool alike(const struct cells *w, const struct snap_pte *a, const struct snap_pte *b)
{
    const struct snapshot *s = w->ch->after;

    return a->flags == b->flags && pte_style(s, a) == pte_style(s, b) &&
           pte_exclusive(s, a) == pte_exclusive(s, b) &&
           (w->fresh || pte_change(w->ch, w->p, a) == pte_change(w->ch, w->p, b));
}

/* Many alike: the first two, the last, and one for those between. */
static void put_ptes(struct cells *w, const struct snap_pte *pte, uint32_t n)
{
    char letters[16], what[64], first[16], last[16];
    bool in_order = true;

    if (n <= MAX_ALIKE) {
        for (uint32_t i = 0; i < n; i++)
            put_pte(w, &pte[i]);
        return;
    }
    put_pte(w, &pte[0]);
    put_pte(w, &pte[1]);
    for (uint32_t i = 3; i + 1 < n; i++)
        in_order &= pte[i].number == pte[i - 1].number + 1;
    pte_label(&pte[2], first, sizeof(first));
    pte_label(&pte[n - 2], last, sizeof(last));
    pte_letters(w->ch->after, &pte[2], letters, sizeof(letters));
    if (pte->flags & SNAP_PTE_SPECIAL)
        snprintf(what, sizeof(what), "zero %s", letters);
    else
        snprintf(what, sizeof(what), "%s%s%s %s", first, in_order ? "–" : " ",
                 in_order ? last : "…", letters);
    put_wide(w, pte_style(w->ch->after, &pte[2]), pte[2].page, pte[n - 1].page, what,
             w->fresh ? CHANGE_NONE : pte_change(w->ch, w->p, &pte[2]));
    put_pte(w, &pte[n - 1]);
}

/* The first entry of the process at or after the page. */
static uint32_t first_pte(const struct snapshot *s, const struct snap_proc *p, uint64_t page)
{
    uint32_t i = 0;

    while (p && i < p->nr_ptes &&
           s->pte[p->first_pte + i].page + pte_pages(&s->pte[p->first_pte + i]) <= page)
        i++;
    return p ? p->first_pte + i : 0;
}

static uint32_t count_ptes(const struct snapshot *s, const struct snap_proc *p,
                           const struct snap_vma *v, uint32_t from)
{
    uint32_t n = 0;

    while (p && from + n < p->first_pte + p->nr_ptes && s->pte[from + n].page < v->end)
        n++;
    return n;
}

/* Stretch of consecutive entries at pte[0] that look the same, up to the page `stop`. */
static uint32_t stretch(const struct cells *w, const struct snap_pte *pte, uint32_t n,
                        uint64_t stop)
{
    uint32_t k = 1;

    while (k < n && pte[k].page == pte[k - 1].page + 1 && !(pte[k].flags & SNAP_PTE_HUGE) &&
           pte[k].page < stop && alike(w, &pte[0], &pte[k]))
        k++;
    return k;
}

int draw_cells(struct canvas *c, const struct changes *ch, const struct snap_proc *p,
               const struct snap_vma *v, bool fresh, int x, int y)
{
    const struct snapshot *s = ch->after;
    const struct snap_proc *old = fresh ? NULL : find_proc(ch->before, p->id);
    struct cells w = {c, ch, p, fresh, x, x, y, 0};
    const uint32_t first = first_pte(s, p, v->start),
                   old_first = first_pte(ch->before, old, v->start);
    const struct snap_pte *pte = s->pte ? s->pte + first : NULL;
    const struct snap_pte *was = ch->before->pte ? ch->before->pte + old_first : NULL;
    uint32_t n = count_ptes(s, p, v, first), nr_was = count_ptes(ch->before, old, v, old_first);
    uint64_t at = v->start;

    while (at < v->end) {
        for (; nr_was && (was->page + pte_pages(was) <= at || pte_at(s, p, was->page)); was++)
            nr_was--;
        uint64_t gone = nr_was ? was->page : v->end, here = n ? pte->page : v->end;
        gone = gone > at ? gone : at; /* the rest of a huge one */
        uint64_t next = gone < here ? gone : here;

        if (w.n >= MAX_CELLS) {
            put_wide(&w, "none", at, v->end, "not drawn", CHANGE_NONE);
            break;
        }
        if (next > at) {
            put_empty(&w, at, next);
            at = next;
        } else if (gone < here) {
            at = put_gone(&w, was, at, here);
        } else if (pte->flags & SNAP_PTE_HUGE) {
            put_huge(&w, pte++);
            n--;
            at += SNAP_PARTS;
        } else {
            uint32_t k = stretch(&w, pte, n, gone > at ? gone : v->end);

            put_ptes(&w, pte, k);
            pte += k;
            n -= k;
            at += k;
        }
    }
    return w.y + CELL_HEIGHT;
}
