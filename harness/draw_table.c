/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frames, swap slots and files as tables. A number that has changed is told with what it was.
 */
#include "harness/draw_parts.h"

#include <inttypes.h>
#include <string.h>

#define ROW 18
#define MAX_ROWS 32 /* more than that, and only the first and the changed ones are drawn */
#define FIRST_ROWS 16
#define MAX_HEIGHT (20 + 60 * ROW) /* beyond it no changed ones either */
#define MAX_PLACES 3               /* of those that an entry is told by */
#define MAX_CELLS 9
#define CELL 64

struct table {
    struct canvas *c;
    const char *const *heads;
    const int *columns; /* characters, 0: the end */
    int y;
};

/* What the tables of frames and of slots differ in. */
struct numbered {
    const char *title;
    const char *const *heads;
    const int *columns;
    enum change (*change)(const struct changes *ch, uint32_t number);
    void (*fill)(char cells[][CELL], const struct changes *ch, uint32_t number);
    /* How many from the number on are in one row, and whether there is a row for them. NULL: each
     * has one. */
    uint32_t (*of_row)(const struct changes *ch, uint32_t number, bool *told);
};

static int table_width(const struct table *t)
{
    int n = 0;

    for (unsigned i = 0; t->columns[i]; i++)
        n += t->columns[i] + 1;
    return (int)((n + 3) * SMALL_WIDTH) + 12;
}

static void put_row(struct table *t, const char *style, char cells[][CELL])
{
    double x = 8 + 3 * SMALL_WIDTH; /* the mark's place comes first */

    for (unsigned i = 0; t->columns[i]; i++) {
        put_text(t->c, (int)x, t->y + 13, style, "%s", cells[i]);
        x += (t->columns[i] + 1) * SMALL_WIDTH;
    }
}

static void start_table(struct table *t, const char *title, uint32_t n, uint32_t gone)
{
    char cells[MAX_CELLS][CELL];

    put_text(t->c, 0, 12, "h", "%s", title);
    if (gone)
        put_text(t->c, text_width(title) + 24, 12, "s n", "%" PRIu32 " gone", gone);
    t->y = 18;
    for (unsigned i = 0; t->columns[i]; i++)
        snprintf(cells[i], CELL, "%s", t->heads[i]);
    put_rect(t->c, 0, t->y, table_width(t), ROW, "band");
    put_row(t, "s b", cells);
    t->y += ROW;
    if (n)
        return;
    put_text(t->c, 8, t->y + 13, "s m", "none");
    t->y += ROW;
}

static void add_row(struct table *t, uint32_t number, enum change change, char cells[][CELL])
{
    if (number % 2 == 0)
        put_rect(t->c, 0, t->y, table_width(t), ROW, "stripe");
    put_row(t, change == CHANGE_NONE ? "s" : "s b", cells);
    if (change != CHANGE_NONE) {
        put_rect(t->c, 0, t->y + 1, table_width(t), ROW - 2, "differs");
        put_text(t->c, 6, t->y + 13, "n", "%s", change == CHANGE_NEW ? "+" : "~");
    }
    t->y += ROW;
}

static void end_table(struct table *t, uint32_t skipped)
{
    if (skipped) {
        put_text(t->c, 8, t->y + 13, "s m", "%" PRIu32 " more", skipped);
        t->y += ROW;
    }
    put_line(t->c, 0, t->y, table_width(t), t->y, "rule");
    canvas_hold(t->c, table_width(t), t->y + 2);
}

static bool is_drawn(const struct table *t, uint32_t nr, uint32_t number, enum change change)
{
    return nr <= MAX_ROWS || number <= FIRST_ROWS || (change != CHANGE_NONE && t->y < MAX_HEIGHT);
}

/* All of a kind, from 1; nothing if there are none and none have gone. */
static void draw_numbered(struct canvas *c, const struct changes *ch, const struct numbered *kind,
                          uint32_t nr, uint32_t gone)
{
    struct table t = {c, kind->heads, kind->columns, 0};
    uint32_t skipped = 0, rows = 0, row = 0;
    bool told = true;

    if (!ch->after->has_pages || (!nr && !gone))
        return;
    for (uint32_t i = 1; i <= nr; rows += told)
        i += kind->of_row ? kind->of_row(ch, i, &told) : 1;
    start_table(&t, kind->title, nr, gone);
    for (uint32_t i = 1, n = 1; i <= nr; i += n) {
        enum change change = kind->change(ch, i);
        char cells[MAX_CELLS][CELL];

        n = kind->of_row ? kind->of_row(ch, i, &told) : 1;
        if (!told)
            continue;
        if (!is_drawn(&t, rows, ++row, change)) {
            skipped++;
            continue;
        }
        kind->fill(cells, ch, i);
        add_row(&t, row, change, cells);
    }
    end_table(&t, skipped);
}

/* "3", "2→3". */
static void cell_number(char *cell, bool known, uint64_t before, uint64_t after)
{
    if (known && before != after)
        snprintf(cell, CELL, "%" PRIu64 "→%" PRIu64, before, after);
    else
        snprintf(cell, CELL, "%" PRIu64, after);
}

/* Which entries refer to the number: "p0:0x10 p1:0x10 and 2 more". */
static void cell_places(char *cell, const struct snapshot *s, uint32_t number, bool swap)
{
    uint32_t found = 0;
    size_t n = 0;

    cell[0] = '\0';
    for (uint32_t i = 0; i < s->nr_procs; i++) {
        const struct snap_proc *p = &s->proc[i];

        for (uint32_t k = 0; k < p->nr_ptes; k++) {
            const struct snap_pte *pte = &s->pte[p->first_pte + k];

            if (pte->number != number || pte->flags & SNAP_PTE_SPECIAL ||
                swap != !!(pte->flags & SNAP_PTE_SWAP))
                continue;
            if (++found <= MAX_PLACES && n < CELL)
                n += (size_t)snprintf(cell + n, CELL - n, "%sp%" PRIu32 ":0x%" PRIx64, n ? " " : "",
                                      p->id, pte->page);
        }
    }
    if (found > MAX_PLACES && n < CELL)
        snprintf(cell + n, CELL - n, " +%" PRIu32, found - MAX_PLACES);
}

static void cell_stamp(char *cell, const uint64_t *before, uint64_t after)
{
    char was[24], is[24];

    stamp_text(before ? *before : after, was, sizeof(was));
    stamp_text(after, is, sizeof(is));
    if (before && *before != after)
        snprintf(cell, CELL, "%s→%s", was, is);
    else
        snprintf(cell, CELL, "%s", is);
}

/* ---- frames ---- */
static const char *const page_heads[] = {"page", "frame", "of", "index",    "map",
                                         "ref",  "holds", "is", "mapped at"};
static const int page_columns[] = {6, 8, 8, 9, 5, 5, 7, 46, 30, 0};

/* Of a compound page the head has a row for all parts; the first of them goes without one of its
 * own, and so do others of which there is nothing to tell. */
static bool is_plain_part(const struct snap_page *p, uint32_t number)
{
    return p->head && p->head != number && !p->mapcount && !p->stamp;
}

static void cell_owner(char *cell, const struct snap_page *p)
{
    const bool anon = p->flags & SNAP_PAGE_ANON;
    uint32_t number = anon ? p->anon_vma : p->object;

    if (p->flags & SNAP_PAGE_KSM)
        snprintf(cell, CELL, "ksm");
    else if (number)
        snprintf(cell, CELL, "%s %" PRIu32, anon ? "av" : "file", number);
    else
        snprintf(cell, CELL, "%s ?", anon ? "av" : "file");
}

static void cell_flags(char *cell, const struct snapshot *s, const struct snap_page *p)
{
    static const struct {
        uint32_t flag;
        const char *word;
    } words[] = {{SNAP_PAGE_DIRTY, "dirty"},         {SNAP_PAGE_SWAPBACKED, "swapbacked"},
                 {SNAP_PAGE_EXCLUSIVE, "exclusive"}, {SNAP_PAGE_MLOCKED, "locked"},
                 {SNAP_PAGE_IDLE, "idle"},           {SNAP_PAGE_CACHED, "cached"}};
    const bool head = p->head && p == &s->page[p->head - 1];
    size_t n = head ? (size_t)snprintf(cell, CELL, "512 parts") : 0;

    if (!n)
        cell[0] = '\0';
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (p->flags & words[i].flag && (words[i].flag != SNAP_PAGE_EXCLUSIVE || s->has_exclusive))
            n += (size_t)snprintf(cell + n, CELL - n, "%s%s", n ? " " : "", words[i].word);
    if (p->flags & SNAP_PAGE_SWAPCACHE)
        n += (size_t)snprintf(cell + n, CELL - n, "%sin s%" PRIu32, n ? " " : "", p->slot);
    if (p->pins)
        snprintf(cell + n, CELL - n, "%s%" PRIu32 " pin%s", n ? " " : "", p->pins,
                 p->pins == 1 ? "" : "s");
}

/* Parts from number i on that look the same, one by one: of one compound page, without contents. */
static uint32_t alike_parts(const struct changes *ch, uint32_t i)
{
    const struct snap_page *p = &ch->after->page[i - 1], *b = page_before(ch, i);
    uint32_t n = 1;

    if (!p->head || p->head == i || p->stamp)
        return 1;
    for (; i + n <= ch->after->nr_pages; n++) {
        const struct snap_page *next = &p[n], *was = page_before(ch, i + n);

        if (next->head != p->head || next->mapcount != p->mapcount || next->flags != p->flags ||
            next->stamp || !was != !b || (b && was->mapcount != b->mapcount) ||
            page_change(ch, i + n) != page_change(ch, i))
            break;
    }
    return n;
}

static uint32_t pages_of_row(const struct changes *ch, uint32_t number, bool *told)
{
    *told = !is_plain_part(&ch->after->page[number - 1], number);
    return alike_parts(ch, number);
}

static void fill_page(char cells[][CELL], const struct changes *ch, uint32_t number)
{
    const struct snap_page *p = &ch->after->page[number - 1], *b = page_before(ch, number);
    const bool head = p->head == number, part = p->head && !head;
    const uint32_t n = alike_parts(ch, number);

    snprintf(cells[0], CELL, "#%" PRIu32 "%s", number, head ? "…" : "");
    snprintf(cells[1], CELL, "%" PRIu32, p->frame);
    cell_owner(cells[2], p);
    if (part)
        snprintf(cells[2], CELL, "…#%" PRIu32, p->head);
    snprintf(cells[3], CELL, p->flags & SNAP_PAGE_KSM ? "-" : "0x%" PRIx64, p->index);
    if (head && p->mapcount)
        snprintf(cells[4], CELL, "%" PRIu32 "+%" PRIu32, p->entire_mapcount, p->mapcount);
    else if (head)
        cell_number(cells[4], b && b->head, b ? b->entire_mapcount : 0, p->entire_mapcount);
    else
        cell_number(cells[4], b, b ? b->mapcount : 0, p->mapcount);
    cell_number(cells[5], b, b ? b->refcount : 0, p->refcount);
    if (part)
        cells[5][0] = '\0';
    cell_stamp(cells[6], b ? &b->stamp : NULL, p->stamp);
    cell_flags(cells[7], ch->after, p);
    if (n > 1)
        snprintf(cells[7], CELL, "%" PRIu32 " parts, to #%" PRIu32, n, number + n - 1);
    cell_places(cells[8], ch->after, number, false);
}

int draw_pages(struct canvas *c, const struct changes *ch)
{
    static const struct numbered pages = {"PAGES",     page_heads, page_columns,
                                          page_change, fill_page,  pages_of_row};

    draw_numbered(c, ch, &pages, ch->after->nr_pages, ch->gone_pages);
    return 0;
}

/* ---- swap slots ---- */
static const char *const slot_heads[] = {"slot", "number", "count", "holds", "cache", "entries at"};
static const int slot_columns[] = {5, 7, 6, 7, 6, 44, 0};

static void fill_slot(char cells[][CELL], const struct changes *ch, uint32_t number)
{
    const struct snap_slot *slot = &ch->after->slot[number - 1], *b = slot_before(ch, number);

    snprintf(cells[0], CELL, "s%" PRIu32, number);
    snprintf(cells[1], CELL, "%" PRIu32, slot->number);
    cell_number(cells[2], b, b ? b->count : 0, slot->count);
    cell_stamp(cells[3], b ? &b->stamp : NULL, slot->stamp);
    snprintf(cells[4], CELL, slot->page ? "#%" PRIu32 : "-", slot->page);
    cell_places(cells[5], ch->after, number, true);
}

int draw_slots(struct canvas *c, const struct changes *ch)
{
    static const struct numbered slots = {"SWAP SLOTS", slot_heads, slot_columns,
                                          slot_change,  fill_slot,  NULL};

    draw_numbered(c, ch, &slots, ch->after->nr_slots, ch->gone_slots);
    return 0;
}

/* ---- files ---- */
static const char *const object_heads[] = {"file", "kind", "pages", "writable mappings"};
static const int object_columns[] = {6, 10, 20, 30, 0};

int draw_objects(struct canvas *c, const struct changes *ch)
{
    static const char *const kinds[] = {"regular", "shmem", "hugetlb", "sysv", "device", "nommap"};
    const struct snapshot *s = ch->after;
    struct table t = {c, object_heads, object_columns, 0};

    if (!s->nr_objects)
        return 0;
    start_table(&t, "FILES", s->nr_objects, 0);
    for (uint32_t i = 1; i <= s->nr_objects && i <= MAX_ROWS; i++) {
        const struct snap_object *o = &s->object[i - 1];
        char cells[MAX_CELLS][CELL];

        snprintf(cells[0], CELL, "%" PRIu32, i);
        snprintf(cells[1], CELL, "%s",
                 o->kind < sizeof(kinds) / sizeof(kinds[0]) ? kinds[o->kind] : "?");
        snprintf(cells[2], CELL, "%" PRIu64, o->size);
        snprintf(cells[3], CELL, "%" PRId32 "%s", o->writable, o->writable < 0 ? ", sealed" : "");
        add_row(&t, i, CHANGE_NONE, cells);
    }
    end_table(&t, s->nr_objects > MAX_ROWS ? s->nr_objects - MAX_ROWS : 0);
    return 0;
}
