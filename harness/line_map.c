/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The address space as a line map: one VMA a line, in pages.
 *
 *   0x10-0x12       2  rw-p  anon        0x10  account
 *   0x12-0x18       6  -     free
 *   0x18-0x20       8  r--s  shmem 1      0x0  locked
 *   0x20-0x22       2  rw-p  anon        0x20  account av:2+1
 */
#include "harness/report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

const struct snap_proc *find_proc(const struct snapshot *s, uint32_t id)
{
    for (uint32_t i = 0; i < s->nr_procs; i++)
        if (s->proc[i].id == id)
            return &s->proc[i];
    return NULL;
}

/* A line being written; what does not fit ends in '~'. */
struct line {
    char *text;
    size_t n, size;
};

__attribute__((format(printf, 2, 3))) static void put(struct line *l, const char *fmt, ...)
{
    size_t room = l->size - l->n;
    va_list args;
    int n;

    va_start(args, fmt);
    n = vsnprintf(l->text + l->n, room, fmt, args);
    va_end(args);
    if ((size_t)n < room) {
        l->n += (size_t)n;
        return;
    }
    l->n = l->size - 1;
    l->text[l->n - 1] = '~';
}

static void put_range(struct line *l, uint64_t start, uint64_t end)
{
    char range[48];

    snprintf(range, sizeof(range), "0x%" PRIx64 "-0x%" PRIx64, start, end);
    put(l, "%-15s %6" PRIu64 "  ", range, end - start);
}

static void put_backing(struct line *l, const struct snapshot *s, const struct snap_vma *v)
{
    static const char *const kinds[NR_FILE_KINDS] = {"file", "shmem",  "huge",
                                                     "sysv", "device", "nommap"};
    char backing[24] = "anon";

    if (v->object && v->object <= s->nr_objects) {
        uint32_t kind = s->object[v->object - 1].kind;
        const char *word = kind < NR_FILE_KINDS ? kinds[kind] : "?";
        int n = snprintf(backing, sizeof(backing), "%s %u", word, v->object);

        if (v->file != v->object) /* opened more than once: say by which */
            snprintf(backing + n, sizeof(backing) - (size_t)n, ".%u", v->file);
    }
    put(l, "%-9s 0x%-5" PRIx64, backing, v->pgoff);
}

static void put_policy(struct line *l, const struct snap_vma *v)
{
    static const char *const modes[] = {"default", "preferred", "bind", "interleave", "local"};

    if (!v->policy_mode && !v->policy_nodes)
        return;
    if (v->policy_mode < sizeof(modes) / sizeof(modes[0]))
        put(l, " %s", modes[v->policy_mode]);
    else
        put(l, " policy%u", v->policy_mode);
    if (v->policy_nodes)
        put(l, ":0x%x", v->policy_nodes);
}

static void put_anon(struct line *l, const struct snapshot *s, const struct snap_vma *v)
{
    if (v->anon_vma)
        put(l, " av:%u", v->anon_vma);
    for (uint32_t i = 0; i < v->nr_chains; i++) {
        uint32_t other = s->chain[v->first_chain + i].anon_vma;

        if (other != v->anon_vma)
            put(l, "+%u", other);
    }
}

static void put_vma(struct line *l, const struct snapshot *s, const struct snap_vma *v,
                    unsigned show)
{
    const char *flags = FLAGS_TEXT(v->flags);

    put(l, "%.4s  ", flags);
    put_backing(l, s, v);
    put(l, "%s", flags + 4);
    put_policy(l, v);
    if (v->name[0])
        put(l, " name:%.12s", v->name);
    if (v->context)
        put(l, " context:%u", v->context);
    if (show & SHOW_ANON && s->has_anon)
        put_anon(l, s, v);
    while (l->n && l->text[l->n - 1] == ' ')
        l->text[--l->n] = '\0';
}

void vma_text(const struct snapshot *s, const struct snap_vma *v, unsigned show, char *text,
              size_t size)
{
    struct line l = {text, 0, size};

    put_vma(&l, s, v, show);
}

static struct line next_line(struct line_map *m)
{
    struct line l = {m->line[m->n++], 0, LINE_MAP_WIDTH + 1};

    memset(l.text, 0, LINE_MAP_WIDTH + 1);
    return l;
}

int line_map_init(struct line_map *m, const struct snapshot *s, const struct snap_proc *proc,
                  unsigned show)
{
    uint32_t n = proc ? proc->nr_vmas : 0;
    uint64_t end = 0;

    m->n = 0;
    m->line = calloc((size_t)n * 2 + 1, sizeof(*m->line));
    if (!m->line)
        return -ENOMEM;
    for (uint32_t i = 0; i < n; i++) {
        const struct snap_vma *v = &s->vma[proc->first_vma + i];

        if (show & SHOW_GAPS && i && v->start > end) {
            struct line gap = next_line(m);

            put_range(&gap, end, v->start);
            put(&gap, "-     free");
        }
        struct line l = next_line(m);

        put_range(&l, v->start, v->end);
        put_vma(&l, s, v, show);
        end = v->end;
    }
    return 0;
}

void line_map_fini(struct line_map *m)
{
    free(m->line);
    m->line = NULL;
    m->n = 0;
}

void print_process_map(const struct snapshot *s, const struct snap_proc *proc, FILE *to)
{
    struct line_map m;

    fprintf(to, "p%u: %u VMA%s, %" PRIu64 " pages", proc->id, proc->nr_vmas,
            proc->nr_vmas == 1 ? "" : "s", proc->total_vm);
    if (proc->locked_vm)
        fprintf(to, ", %" PRIu64 " locked", proc->locked_vm);
    fprintf(to, ", brk 0x%" PRIx64, proc->brk >> PAGE_SHIFT);
    if (proc->brk & ~PAGE_MASK)
        fprintf(to, ":0x%" PRIx64, proc->brk & ~PAGE_MASK);
    fputc('\n', to);
    if (line_map_init(&m, s, proc, SHOW_GAPS | SHOW_ANON))
        return;
    for (uint32_t i = 0; i < m.n; i++)
        fprintf(to, "  %s\n", m.line[i]);
    line_map_fini(&m);
}

void print_line_map(const struct snapshot *s, FILE *to)
{
    for (uint32_t n = 0; n < s->nr_procs; n++)
        print_process_map(s, &s->proc[n], to);
}

/* ---- two maps as one listing ---- */

#define DIFF_CONTEXT 3
#define DIFF_LIMIT (1u << 22) /* cells of the table; beyond that the middle is shown in full */

enum { BOTH = ' ', ONLY_A = '-', ONLY_B = '+' };
struct edit {
    char kind;
    const char *line;
};

static bool same(const struct line_map *a, uint32_t i, const struct line_map *b, uint32_t j)
{
    return !strcmp(a->line[i], b->line[j]);
}

/* Longest common subsequence of the two middles [first, aend) and [first, bend), as edits. */
static uint32_t diff_middle(const struct line_map *a, uint32_t aend, const struct line_map *b,
                            uint32_t bend, uint32_t first, struct edit *e)
{
    uint32_t rows = aend - first, columns = bend - first, n = 0, i = 0, j = 0;
    size_t width = (size_t)columns + 1;
    uint16_t *table = NULL;

    if ((uint64_t)rows * columns <= DIFF_LIMIT && rows < UINT16_MAX)
        table = calloc(((size_t)rows + 1) * width, sizeof(*table));
    for (uint32_t r = rows; table && r-- > 0;)
        for (uint32_t c = columns; c-- > 0;) {
            const uint16_t down = table[(r + 1) * width + c], right = table[r * width + c + 1];

            table[r * width + c] = same(a, first + r, b, first + c)
                                       ? (uint16_t)(table[(r + 1) * width + c + 1] + 1)
                                       : (down > right ? down : right);
        }
    while (i < rows || j < columns) {
        if (table && i < rows && j < columns && same(a, first + i, b, first + j)) {
            e[n++] = (struct edit){BOTH, a->line[first + i++]};
            j++;
        } else if (i < rows && (!table || j == columns ||
                                table[(i + 1) * width + j] >= table[i * width + j + 1])) {
            e[n++] = (struct edit){ONLY_A, a->line[first + i++]};
        } else {
            e[n++] = (struct edit){ONLY_B, b->line[first + j++]};
        }
    }
    free(table);
    return n;
}

static bool near_change(const struct edit *e, uint32_t n, uint32_t at)
{
    uint32_t from = at > DIFF_CONTEXT ? at - DIFF_CONTEXT : 0;

    for (uint32_t i = from; i < n && i <= at + DIFF_CONTEXT; i++)
        if (e[i].kind != BOTH)
            return true;
    return false;
}

static void print_edits(const struct edit *e, uint32_t n, const char *indent, FILE *to)
{
    uint32_t hidden = 0;

    for (uint32_t i = 0; i <= n; i++) {
        bool shown = i < n && (n <= 20 || near_change(e, n, i));

        if (i < n && !shown) {
            hidden++;
            continue;
        }
        if (hidden)
            fprintf(to, "%s  ... %u unchanged\n", indent, hidden);
        hidden = 0;
        if (i < n)
            fprintf(to, "%s%c %s\n", indent, e[i].kind, e[i].line);
    }
}

void line_map_diff(const struct line_map *a, const struct line_map *b, const char *indent, FILE *to)
{
    struct edit *e = calloc((size_t)a->n + b->n + 1, sizeof(*e));
    uint32_t first = 0, aend = a->n, bend = b->n, n = 0;

    if (!e)
        return;
    while (first < aend && first < bend && same(a, first, b, first))
        first++;
    while (aend > first && bend > first && same(a, aend - 1, b, bend - 1)) {
        aend--;
        bend--;
    }
    for (uint32_t i = 0; i < first; i++)
        e[n++] = (struct edit){BOTH, a->line[i]};
    n += diff_middle(a, aend, b, bend, first, e + n);
    for (uint32_t i = aend; i < a->n; i++)
        e[n++] = (struct edit){BOTH, a->line[i]};
    print_edits(e, n, indent, to);
    free(e);
}
