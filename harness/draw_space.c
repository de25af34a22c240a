/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One address space: its VMAs in address order, touching where they are neighbours, holes between
 * them as long as it takes to say how long they are, and what has gone since the picture before.
 */
#include "harness/draw_parts.h"

#include <inttypes.h>
#include <string.h>

#define LEFT 12 /* of VMAs in the panel */
#define INNER (SPACE_WIDTH - 2 * LEFT)
#define TEXT_LEFT (LEFT + 12)
#define TEXT_COLUMNS 56
#define SMALL_COLUMNS 69
#define MANY_VMAS                                                                                  \
    120 /* of all processes; more than their share, and only the first, the last and the
                         changed ones are drawn */
#define LEAST_SHARE 6
#define MAX_GHOSTS 8 /* in one hole */

struct space {
    struct canvas *c;
    const struct changes *ch;
    const struct drawing *d;
    const struct snap_proc *p, *old; /* after and before */
    bool fresh;                      /* the whole process is new */
    uint32_t nr_changed;             /* VMAs drawn for that reason alone */
    int y;
};

/* "name 1", "name 1→2", with blanks that do not break; nothing if both are 0. */
static size_t add_count(char *text, size_t n, size_t size, const char *name, uint64_t before,
                        uint64_t after)
{
    const char *comma = n ? " · " : "";
    int more;

    if ((!before && !after) || n >= size)
        return n;
    if (before == after)
        more = snprintf(text + n, size - n, "%s%s\u00a0%" PRIu64, comma, name, after);
    else
        more = snprintf(text + n, size - n, "%s%s\u00a0%" PRIu64 "→%" PRIu64, comma, name, before,
                        after);
    return n + (size_t)more;
}

static void put_totals(struct space *s)
{
    const struct snap_proc *p = s->p, *o = s->old ? s->old : s->p;
    const bool pages = s->ch->after->has_pages;
    char text[512] = "";
    size_t n = 0;

    n = add_count(text, n, sizeof(text), "VMAs", o->nr_vmas, p->nr_vmas);
    n = add_count(text, n, sizeof(text), "total", o->total_vm, p->total_vm);
    n = add_count(text, n, sizeof(text), "locked", o->locked_vm, p->locked_vm);
    n = add_count(text, n, sizeof(text), "pinned", o->pinned_vm, p->pinned_vm);
    if (pages) {
        n = add_count(text, n, sizeof(text), "anon", o->rss[SNAP_RSS_ANON], p->rss[SNAP_RSS_ANON]);
        n = add_count(text, n, sizeof(text), "file", o->rss[SNAP_RSS_FILE], p->rss[SNAP_RSS_FILE]);
        n = add_count(text, n, sizeof(text), "shmem", o->rss[SNAP_RSS_SHMEM],
                      p->rss[SNAP_RSS_SHMEM]);
        n = add_count(text, n, sizeof(text), "swap", o->rss[SNAP_RSS_SWAP], p->rss[SNAP_RSS_SWAP]);
        n = add_count(text, n, sizeof(text), "tables", o->nr_tables, p->nr_tables);
    }
    if (o->brk != p->brk && n < sizeof(text))
        snprintf(text + n, sizeof(text) - n, " · brk\u00a00x%" PRIx64 "→0x%" PRIx64, o->brk,
                 p->brk);
    const struct flow flow = {
        .x = LEFT, .y = s->y + 13, .step = 13, .columns = SMALL_COLUMNS, .style = "s"};
    s->y = put_words(s->c, &flow, text) - 6;
}

/* The tag of a law stands at the right end of what it is about. */
static int put_law_tag(struct space *s, int right, int y)
{
    int width = small_width("law broken") + 8;

    put_tag(s->c, right - width, y, "lawtag", "law broken");
    return width + 4;
}

static void put_head(struct space *s)
{
    struct canvas *c = s->c;
    int right = SPACE_WIDTH - 8;

    put_rect(c, 1, 1, SPACE_WIDTH - 2, 24, "band");
    put_text(c, LEFT, 18, "b", "process %" PRIu32, s->p->id);
    if (s->d->law && s->d->broken_proc == s->p->id)
        right -= put_law_tag(s, right, 6);
    if (s->fresh)
        put_tag(c, right - small_width("new") - 8, 6, "tag", "new");
    s->y = 25;
    put_totals(s);
}

/* ---- VMAs ---- */
static const char *bar_style(const struct snap_vma *v)
{
    if (v->flags & (SNAP_IO | SNAP_PFNMAP | SNAP_HUGETLB))
        return "barother";
    return v->object ? "barfile" : "baranon";
}

/* "0x10-0x12  rw-p", and the words after it, which leave room for the tags; returns the end. */
static int put_vma_text(struct space *s, const struct snap_vma *v, int y, int tags, bool entries)
{
    char range[48], text[420];
    int x;

    snprintf(range, sizeof(range), "0x%" PRIx64 "–0x%" PRIx64, v->start, v->end);
    vma_text(s->ch->after, v, s->ch->after->has_anon ? SHOW_ANON : 0, text, 400);
    put_text(s->c, TEXT_LEFT, y + 15, "b", "%s  %.4s", range, text);
    x = TEXT_LEFT + text_width(range) + text_width("  rwxp  ");
    const struct flow flow = {
        .x = TEXT_LEFT,
        .y = y + 15,
        .step = LINE_HEIGHT,
        .columns = TEXT_COLUMNS,
        .first_x = x,
        .first_columns = (int)((SPACE_WIDTH - LEFT - 6 - tags - x) / CHAR_WIDTH),
        .style = "t",
    };
    if (s->ch->after->has_pages && !entries)
        strcat(text, " (no\u00a0pages)");
    return put_words(s->c, &flow, text + 4) - LINE_HEIGHT + 6;
}

static bool has_entries(const struct snapshot *s, const struct snap_proc *p,
                        const struct snap_vma *v)
{
    for (uint32_t i = 0; p && i < p->nr_ptes; i++)
        if (s->pte[p->first_pte + i].page >= v->start && s->pte[p->first_pte + i].page < v->end)
            return true;
    return false;
}

static void put_vma(struct space *s, const struct snap_vma *v)
{
    static const char *const words[] = {"", "new", "changed"};
    enum change change = s->fresh ? CHANGE_NONE : vma_change(s->ch, s->p, v);
    const bool entries =
        has_entries(s->ch->after, s->p, v) || has_entries(s->ch->before, s->old, v);
    int top = s->y, right = SPACE_WIDTH - LEFT - 5, tags = 0;
    struct canvas body;

    if (canvas_open(&body))
        return;
    struct canvas *on = s->c;
    s->c = &body;
    if (broken_vma(s->d, s->p, v))
        tags += put_law_tag(s, right, top + 4);
    if (change != CHANGE_NONE) {
        int width = small_width(words[change]) + 8;

        put_tag(&body, right - tags - width, top + 4, "tag", words[change]);
        tags += width + 4;
    }
    s->y = put_vma_text(s, v, top, tags, entries);
    if (entries)
        s->y = draw_cells(&body, s->ch, s->p, v, s->fresh, TEXT_LEFT, s->y + 2) + 7;
    s->c = on;
    canvas_close(&body);
    /* the frame is below what it holds, and its height is known only now */
    put_rect(on, LEFT, top, INNER, s->y - top, "vma");
    put_rect(on, LEFT + 1, top + 1, 5, s->y - top - 2, bar_style(v));
    if (broken_vma(s->d, s->p, v))
        put_rect(on, LEFT, top, INNER, s->y - top, "law");
    else if (change != CHANGE_NONE)
        put_rect(on, LEFT, top, INNER, s->y - top, "differs");
    canvas_place(on, &body, 0, 0);
    canvas_free(&body);
}

/* ---- between them ---- */
static void put_ghost(struct space *s, const struct snap_vma *v, uint64_t start, uint64_t end)
{
    char text[64];
    int n = snprintf(text, sizeof(text), "0x%" PRIx64 "–0x%" PRIx64 " ", start, end);
    const struct flow flow = {
        .x = TEXT_LEFT, .y = s->y + 17, .columns = TEXT_COLUMNS - 10, .style = "gone"};

    if (n + 2 < (int)sizeof(text))
        vma_text(s->ch->before, v, 0, text + n, sizeof(text) - (size_t)n);
    put_rect(s->c, LEFT, s->y + 2, INNER, 21, "gone");
    put_words(s->c, &flow, text);
    put_text(s->c, SPACE_WIDTH - LEFT - 5 - small_width("unmapped"), s->y + 17, "s n", "unmapped");
    s->y += 25;
}

/* inner: between two VMAs; of the others no length matters. */
static void put_hole(struct space *s, uint64_t start, uint64_t end, bool inner)
{
    uint64_t ghosts = 0;
    uint32_t n = 0;

    if (start >= end)
        return;
    for (uint32_t i = 0; s->old && s->old != s->p && i < s->old->nr_vmas; i++) {
        const struct snap_vma *v = &s->ch->before->vma[s->old->first_vma + i];
        uint64_t from = v->start > start ? v->start : start, to = v->end < end ? v->end : end;

        if (from >= to)
            continue;
        if (n++ < MAX_GHOSTS)
            put_ghost(s, v, from, to);
        ghosts += to - from;
    }
    if (n > MAX_GHOSTS) {
        put_text(s->c, TEXT_LEFT, s->y + 14, "s n", "%" PRIu32 " more unmapped", n - MAX_GHOSTS);
        s->y += 20;
    }
    if (!inner || ghosts == end - start)
        return;
    put_line(s->c, LEFT + 3, s->y + 2, LEFT + 3, s->y + 18, "hole");
    put_text(s->c, TEXT_LEFT, s->y + 14, "s m", "%" PRIu64 " page%s free", end - start - ghosts,
             end - start - ghosts == 1 ? "" : "s");
    s->y += 20;
}

static bool is_drawn(struct space *s, uint32_t i)
{
    const struct snap_vma *v = &s->ch->after->vma[s->p->first_vma + i];
    uint32_t share = MANY_VMAS / s->ch->after->nr_procs;

    share = share > LEAST_SHARE ? share : LEAST_SHARE;
    if (s->p->nr_vmas <= share || i < share / 2 || i + 1 == s->p->nr_vmas ||
        broken_vma(s->d, s->p, v))
        return true;
    return !s->fresh && s->nr_changed < share && vma_change(s->ch, s->p, v) != CHANGE_NONE &&
           ++s->nr_changed;
}

static void put_skipped(struct space *s, uint32_t n)
{
    if (!n)
        return;
    put_line(s->c, LEFT + 3, s->y + 2, LEFT + 3, s->y + 18, "hole");
    put_text(s->c, TEXT_LEFT, s->y + 14, "s m", "%" PRIu32 " VMA%s not drawn", n,
             n == 1 ? "" : "s");
    s->y += 20;
}

static void put_vmas(struct space *s)
{
    uint64_t end = 0;
    uint32_t skipped = 0;

    for (uint32_t i = 0; i < s->p->nr_vmas; i++) {
        const struct snap_vma *v = &s->ch->after->vma[s->p->first_vma + i];

        if (!is_drawn(s, i)) {
            skipped++;
            end = v->end;
            continue;
        }
        put_skipped(s, skipped);
        if (!skipped || v->start != end)
            put_hole(s, end, v->start, i > 0);
        skipped = 0;
        put_vma(s, v);
        end = v->end;
    }
    put_skipped(s, skipped);
    put_hole(s, end, UINT64_MAX, false);
    if (!s->p->nr_vmas) {
        put_text(s->c, TEXT_LEFT, s->y + 14, "s m", "nothing is mapped");
        s->y += 20;
    }
}

static void put_gone_process(struct space *s)
{
    put_rect(s->c, 1, 1, SPACE_WIDTH - 2, 26, "gone");
    put_text(s->c, LEFT, 18, "gone", "process %" PRIu32, s->old->id);
    put_text(s->c, SPACE_WIDTH - 8 - small_width("has ended"), 18, "s n", "has ended");
    canvas_hold(s->c, SPACE_WIDTH, 28);
}

int draw_space(struct canvas *c, const struct changes *ch, const struct drawing *d, uint32_t proc)
{
    struct space s = {.c = c, .ch = ch, .d = d};
    struct canvas body;

    s.p = find_proc(ch->after, proc);
    s.old = find_proc(ch->before, proc);
    s.fresh = !s.old;
    if (!s.p) {
        put_gone_process(&s);
        return 0;
    }
    if (canvas_open(&body))
        return -1;
    s.c = &body;
    put_head(&s);
    s.y += 4;
    put_vmas(&s);
    put_rect(c, 0, 0, SPACE_WIDTH, s.y + LEFT, "panel");
    if (s.fresh)
        put_rect(c, 0, 0, SPACE_WIDTH, s.y + LEFT, "new");
    int error = canvas_close(&body);
    canvas_place(c, &body, 0, 0);
    canvas_free(&body);
    return error;
}
