/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The anonymous reverse map: VMAs at the left, their anon_vmas, each one's parent further right. A
 * VMA is chained to all ancestors of its anon_vma, so only links beyond these have lines of their
 * own, and those that are missing are told in words. Graphviz says where things are; what they look
 * like is said here.
 */
#include "harness/draw_parts.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define TOP 26
#define MAX_NODES 80   /* about: no VMA is drawn beyond it */
#define NEAR_GROUPS 64 /* a VMA may join one of the last so many */
#define MAX_LINES 7    /* of a node */
#define MAX_RANGES 4   /* of these, those that tell VMAs */
#define LINE_SIZE 48
#define POINTS_PER_INCH 72 /* pixels are points here */
#define MAX_POINTS 10000   /* of a line, the same */
#define MAX_INCHES 2000    /* that a layout is believed to have */

/* VMAs of one process with the same anon_vma and the same chain list. */
struct group {
    const struct snap_proc *p;
    const struct snap_vma *v; /* the first one */
    unsigned nr;
    bool fresh, broken, drawn;
};
struct node {
    unsigned nr_lines;
    char line[MAX_LINES][LINE_SIZE];
    int width, height;
};
struct graph {
    struct canvas *c;
    const struct changes *ch;
    const struct drawing *d;
    const struct snapshot *s;
    struct group *group;
    unsigned nr_groups, nr_nodes, hidden_groups, hidden_anon_vmas;
    bool *drawn; /* [number - 1] of an anon_vma */
};

/* ---- what there is ---- */
static bool same_list(const struct snapshot *s, const struct snap_vma *a, const struct snap_vma *b)
{
    return a->anon_vma == b->anon_vma && a->nr_chains == b->nr_chains &&
           !memcmp(s->chain + a->first_chain, s->chain + b->first_chain,
                   a->nr_chains * sizeof(*s->chain));
}

static bool fresh_vma(const struct graph *g, const struct snap_proc *p, const struct snap_vma *v)
{
    const struct snap_proc *old = find_proc(g->ch->before, p->id);

    return !vma_at(g->ch->before, old, v->start);
}

static void add_vma(struct graph *g, const struct snap_proc *p, const struct snap_vma *v)
{
    if (!v->anon_vma && !v->nr_chains)
        return;
    for (unsigned i = g->nr_groups; i > 0 && g->nr_groups - i < NEAR_GROUPS; i--) {
        struct group *near = &g->group[i - 1];

        if (near->p == p && same_list(g->s, near->v, v)) {
            near->nr++;
            near->broken |= broken_vma(g->d, p, v);
            return;
        }
    }
    g->group[g->nr_groups++] = (struct group){
        .p = p, .v = v, .nr = 1, .fresh = fresh_vma(g, p, v), .broken = broken_vma(g->d, p, v)};
}

static bool is_drawn(const struct graph *g, uint32_t anon_vma)
{
    return anon_vma_number(g->s, anon_vma) && g->drawn[anon_vma - 1];
}

/* The one that comes after a on the way to the root; 0: none. Takes care of circles by `steps`. */
static uint32_t next_ancestor(const struct snapshot *s, uint32_t a, unsigned *steps)
{
    uint32_t parent = s->anon_vma[a - 1].parent;

    return parent != a && anon_vma_number(s, parent) && ++*steps < s->nr_anon_vmas ? parent : 0;
}

static bool is_ancestor(const struct snapshot *s, uint32_t ancestor, uint32_t a)
{
    unsigned steps = 0;

    while (anon_vma_number(s, a) && a != ancestor)
        a = next_ancestor(s, a, &steps);
    return a == ancestor;
}

/* ---- what is drawn of it, if there is too much ---- */
static uint32_t family(const struct snapshot *s, uint32_t anon_vma)
{
    const struct snap_anon_vma *a = anon_vma_number(s, anon_vma);

    return a && anon_vma_number(s, a->root) ? a->root : anon_vma;
}

static void draw_anon_vma(struct graph *g, uint32_t a)
{
    if (!anon_vma_number(g->s, a) || g->drawn[a - 1])
        return;
    g->drawn[a - 1] = true;
    g->nr_nodes++;
}

static void draw_group(struct graph *g, struct group *group)
{
    const struct snap_vma *v = group->v;
    unsigned steps = 0;

    group->drawn = true;
    g->nr_nodes++;
    for (uint32_t a = v->anon_vma; anon_vma_number(g->s, a); a = next_ancestor(g->s, a, &steps))
        draw_anon_vma(g, a);
    for (uint32_t i = 0; i < v->nr_chains; i++)
        draw_anon_vma(g, g->s->chain[v->first_chain + i].anon_vma);
}

/* By number - 1 of the root: something in the family has changed, or is broken. */
static void find_busy_families(const struct graph *g, bool *busy)
{
    for (uint32_t a = 1; a <= g->s->nr_anon_vmas; a++)
        busy[family(g->s, a) - 1] |= anon_vma_change(g->ch, a) != CHANGE_NONE;
    for (unsigned i = 0; i < g->nr_groups; i++) {
        const struct group *group = &g->group[i];

        if ((group->fresh || group->broken) && anon_vma_number(g->s, group->v->anon_vma))
            busy[family(g->s, group->v->anon_vma) - 1] = true;
    }
}

/* What is new or broken first, then its relatives, then the others, as long as there is room. */
static void choose(struct graph *g, const bool *busy)
{
    for (int pass = 0; pass < 3; pass++)
        for (unsigned i = 0; i < g->nr_groups && g->nr_nodes < MAX_NODES; i++) {
            struct group *group = &g->group[i];
            const bool own = anon_vma_number(g->s, group->v->anon_vma);
            int rank = group->fresh || group->broken                       ? 0
                       : own && busy[family(g->s, group->v->anon_vma) - 1] ? 1
                                                                           : 2;

            if (rank == pass && !group->drawn)
                draw_group(g, group);
        }
    for (unsigned i = 0; i < g->nr_groups; i++)
        g->hidden_groups += !g->group[i].drawn;
    for (uint32_t a = 0; a < g->s->nr_anon_vmas; a++)
        g->hidden_anon_vmas += !g->drawn[a];
}

static int collect(struct graph *g)
{
    bool *busy = calloc(g->s->nr_anon_vmas, sizeof(*busy));

    if (!busy)
        return -ENOMEM;
    for (uint32_t i = 0; i < g->s->nr_procs; i++)
        for (uint32_t k = 0; k < g->s->proc[i].nr_vmas; k++)
            add_vma(g, &g->s->proc[i], &g->s->vma[g->s->proc[i].first_vma + k]);
    find_busy_families(g, busy);
    choose(g, busy);
    free(busy);
    return 0;
}

/* ---- nodes ---- */
__attribute__((format(printf, 2, 3))) static void add_line(struct node *n, const char *fmt, ...)
{
    va_list args;
    int width;

    if (n->nr_lines == MAX_LINES)
        return;
    va_start(args, fmt);
    vsnprintf(n->line[n->nr_lines], LINE_SIZE, fmt, args);
    va_end(args);
    width = 18 + (n->nr_lines ? small_width(n->line[n->nr_lines])
                              : text_width(n->line[n->nr_lines]) + 12); /* and the mark */
    n->nr_lines++;
    n->width = n->width > width ? n->width : width;
    n->height = 10 + 14 * (int)n->nr_lines;
}

static void group_node(const struct graph *g, const struct group *group, struct node *n)
{
    unsigned left = group->nr;
    const struct snap_vma *v = group->v;

    *n = (struct node){0};
    add_line(n, "process %" PRIu32, group->p->id);
    for (; left; v++) {
        if (!same_list(g->s, v, group->v))
            continue;
        if (n->nr_lines == MAX_RANGES && left > 1)
            break;
        add_line(n, "0x%" PRIx64 "–0x%" PRIx64, v->start, v->end);
        left--;
    }
    if (left)
        add_line(n, "and %u more", left);
    unsigned steps = 0;
    uint32_t a = anon_vma_number(g->s, group->v->anon_vma) ? group->v->anon_vma : 0;

    for (; a; a = next_ancestor(g->s, a, &steps))
        if (!is_chained(g->s, group->v, a))
            add_line(n, "not chained to av %" PRIu32, a);
}

static void counted(struct node *n, const char *name, bool known, uint32_t before, uint32_t after)
{
    if (known && before != after)
        add_line(n, "%s %" PRIu32 "→%" PRIu32, name, before, after);
    else
        add_line(n, "%s %" PRIu32, name, after);
}

static void pages_of(const struct snapshot *s, uint32_t anon_vma, struct node *node)
{
    char text[LINE_SIZE] = "";
    unsigned found = 0;
    size_t n = 0;

    for (uint32_t i = 0; i < s->nr_pages; i++)
        if (s->page[i].flags & SNAP_PAGE_ANON && s->page[i].anon_vma == anon_vma &&
            (!s->page[i].head || s->page[i].head == i + 1) && ++found <= 3 && n < sizeof(text))
            n += (size_t)snprintf(text + n, sizeof(text) - n, " #%" PRIu32, i + 1);
    if (found > 3)
        add_line(node, "pages%s +%u", text, found - 3);
    else if (found)
        add_line(node, "page%s%s", found == 1 ? "" : "s", text);
}

static void anon_vma_node(const struct graph *g, uint32_t number, struct node *n)
{
    const struct snap_anon_vma *a = &g->s->anon_vma[number - 1];
    const struct snap_anon_vma *b = anon_vma_before(g->ch, number);

    *n = (struct node){0};
    add_line(n, "av %" PRIu32 "%s", number, a->root == number ? " (root)" : "");
    counted(n, "refcount", b, b ? b->refcount : 0, a->refcount);
    if (g->s->by_degree) {
        counted(n, "degree", b, b ? b->degree : 0, a->degree);
    } else {
        counted(n, "children", b, b ? b->num_children : 0, a->num_children);
        counted(n, "active VMAs", b, b ? b->num_active_vmas : 0, a->num_active_vmas);
    }
    pages_of(g->s, number, n);
}

/* ---- the graph for Graphviz ---- */
static void say_node(FILE *to, char kind, unsigned number, const struct node *n)
{
    fprintf(to, "%c%u [width=%.4f,height=%.4f];\n", kind, number,
            (double)n->width / POINTS_PER_INCH, (double)n->height / POINTS_PER_INCH);
}

static void say_graph(const struct graph *g, FILE *to)
{
    struct node n;

    fputs("strict digraph anon {\n"
          "graph [rankdir=LR,nodesep=0.17,ranksep=0.75,outputorder=edgesfirst];\n"
          "node [shape=box,fixedsize=true,label=\"\"];\n"
          "edge [arrowhead=none];\n",
          to);
    for (unsigned i = 0; i < g->nr_groups; i++)
        if (g->group[i].drawn) {
            group_node(g, &g->group[i], &n);
            say_node(to, 'g', i, &n);
        }
    for (uint32_t a = 1; a <= g->s->nr_anon_vmas; a++)
        if (g->drawn[a - 1]) {
            anon_vma_node(g, a, &n);
            say_node(to, 'a', a, &n);
        }
    for (unsigned i = 0; i < g->nr_groups; i++) {
        const struct snap_vma *v = g->group[i].v;

        if (g->group[i].drawn && is_drawn(g, v->anon_vma))
            fprintf(to, "g%u -> a%" PRIu32 " [weight=8];\n", i, v->anon_vma);
        for (uint32_t k = 0; g->group[i].drawn && k < v->nr_chains; k++) {
            uint32_t other = g->s->chain[v->first_chain + k].anon_vma;

            if (is_drawn(g, other) && !is_ancestor(g->s, other, v->anon_vma))
                fprintf(to, "g%u -> a%" PRIu32 ";\n", i, other);
        }
    }
    for (uint32_t a = 1; a <= g->s->nr_anon_vmas; a++) {
        uint32_t parent = g->s->anon_vma[a - 1].parent;

        if (g->drawn[a - 1] && parent != a && is_drawn(g, parent))
            fprintf(to, "a%" PRIu32 " -> a%" PRIu32 " [weight=4];\n", a, parent);
    }
    fputs("}\n", to);
}

/* ---- Graphviz' answer ---- */
struct point {
    double x, y;
};

static double next_number(char **at)
{
    double number = strtod(*at, at);

    return fabs(number) < MAX_INCHES ? number : 0;
}

/* In pixels from the upper left corner. */
static struct point next_point(char **at, double height)
{
    double x = next_number(at), y = next_number(at);

    return (struct point){x * POINTS_PER_INCH, TOP + (height - y) * POINTS_PER_INCH};
}

static void put_arrow_head(struct canvas *c, struct point from, struct point to, const char *style)
{
    double dx = to.x - from.x, dy = to.y - from.y, length = hypot(dx, dy);

    if (length < 0.1)
        return;
    dx *= 8 / length;
    dy *= 8 / length;
    fprintf(c->to, "<path d=\"M%.1f,%.1fL%.1f,%.1fL%.1f,%.1fZ\" class=\"%s head\"/>\n", to.x, to.y,
            to.x - dx - dy / 2, to.y - dy + dx / 2, to.x - dx + dy / 2, to.y - dy - dx / 2, style);
}

/* The list was added to since the picture before. */
static bool link_is_new(const struct graph *g, const struct group *group, uint32_t anon_vma)
{
    const struct snap_proc *old = find_proc(g->ch->before, group->p->id);
    const struct snap_vma *was = vma_at(g->ch->before, old, group->v->start);
    const struct snap_anon_vma *a = anon_vma_before(g->ch, anon_vma);

    return !was || !a ||
           !is_chained(g->ch->before, was, (uint32_t)(a - g->ch->before->anon_vma) + 1);
}

/* A name of say_node(): 'g' or 'a' and a number. 0: none, or not one that was drawn. */
static char parse_name(const struct graph *g, char **at, unsigned *number)
{
    char kind;

    *at += strspn(*at, " ");
    kind = **at;
    if (kind != 'g' && kind != 'a')
        return 0;
    *number = (unsigned)strtoul(*at + 1, at, 10);
    if (kind == 'a')
        return is_drawn(g, *number) ? kind : 0;
    return *number < g->nr_groups && g->group[*number].drawn ? kind : 0;
}

/* The style of a line from a VMA's node, or else from an anon_vma's, to another anon_vma's. */
static const char *edge_style(const struct graph *g, bool vma, unsigned from, unsigned to)
{
    const struct group *group = vma ? &g->group[from] : NULL;

    if (!group)
        return anon_vma_change(g->ch, from) == CHANGE_NEW ? "parent new" : "parent";
    if (group->v->anon_vma == to)
        return link_is_new(g, group, to) ? "own new" : "own";
    return link_is_new(g, group, to) ? "chain new" : "chain";
}

/* " TAIL HEAD N X1 Y1 ... style color" */
static bool put_edge(const struct graph *g, char *at, double height)
{
    unsigned from, to;
    const char tail = parse_name(g, &at, &from), head = tail ? parse_name(g, &at, &to) : 0;
    const unsigned long n = head == 'a' ? strtoul(at, &at, 10) : 0;
    struct point last[2] = {{0}};

    if (n < 2 || n > MAX_POINTS)
        return false;
    const char *style = edge_style(g, tail == 'g', from, to);

    fputs("<path d=\"", g->c->to);
    for (unsigned long i = 0; i < n; i++) {
        last[0] = last[1];
        last[1] = next_point(&at, height);
        fprintf(g->c->to, "%s%.1f,%.1f", i == 0 ? "M" : i == 1 ? "C" : " ", last[1].x, last[1].y);
    }
    fprintf(g->c->to, "\" class=\"%s\"/>\n", style);
    put_arrow_head(g->c, last[0], last[1], style);
    return true;
}

/* " NAME X Y ..." */
static bool put_node(const struct graph *g, char *at, double height)
{
    unsigned number;
    const char kind = parse_name(g, &at, &number);
    const struct point middle = next_point(&at, height);
    enum change change = CHANGE_NONE;
    struct node n;

    if (!kind)
        return false;
    if (kind == 'g')
        group_node(g, &g->group[number], &n);
    else
        anon_vma_node(g, number, &n);
    int x = (int)lround(middle.x - n.width / 2.0), y = (int)lround(middle.y - n.height / 2.0);

    put_rect(g->c, x, y, n.width, n.height, kind == 'g' ? "vma" : "node");
    if (kind == 'g')
        put_rect(g->c, x + 1, y + 1, 5, n.height - 2, "baranon");
    for (unsigned i = 0; i < n.nr_lines; i++)
        put_text(g->c, x + 11, y + 16 + 14 * (int)i, i ? "s" : "b", "%s", n.line[i]);
    if (kind == 'a')
        change = anon_vma_change(g->ch, number);
    else if (g->group[number].fresh)
        change = CHANGE_NEW;
    if (change == CHANGE_NONE)
        return true;
    put_rect(g->c, x, y, n.width, n.height, "differs");
    put_text(g->c, x + n.width - 12, y + 15, "n", "%s", change == CHANGE_NEW ? "+" : "~");
    return true;
}

/* Edges first, so that nodes are on top. False: that is no layout of this graph. */
static bool put_layout(const struct graph *g, char *plain)
{
    unsigned nodes = 0;
    bool good = !strncmp(plain, "graph ", 6);
    char *at = good ? plain + 6 : plain;
    double scale = next_number(&at), width = next_number(&at), height = next_number(&at);

    good &= scale > 0 && width > 0 && height > 0;
    canvas_hold(g->c, (int)(width * POINTS_PER_INCH) + 1,
                TOP + (int)(height * POINTS_PER_INCH) + 1);
    for (int pass = 0; pass < 2; pass++)
        for (char *line = plain, *end; good && line && *line; line = end ? end + 1 : NULL) {
            end = strchr(line, '\n');
            if (pass == 0 && !strncmp(line, "edge ", 5))
                good = put_edge(g, line + 5, height);
            else if (pass == 1 && !strncmp(line, "node ", 5) && ++nodes)
                good = put_node(g, line + 5, height);
        }
    return good && nodes == g->nr_nodes;
}

static void put_remarks(const struct graph *g)
{
    static const char title[] = "ANONYMOUS REVERSE MAP";
    int y = g->c->height + 14;

    put_text(g->c, 0, 12, "h", title);
    if (g->ch->gone_anon_vmas)
        put_text(g->c, text_width(title) + 24, 12, "s n", "%" PRIu32 " gone",
                 g->ch->gone_anon_vmas);
    if (!g->hidden_groups && !g->hidden_anon_vmas)
        return;
    put_text(g->c, 0, y, "s m", "not drawn: %u groups of VMAs, %u anon_vmas", g->hidden_groups,
             g->hidden_anon_vmas);
    canvas_hold(g->c, 420, y + 4);
}

static int lay_out(const struct graph *g, char *message, size_t size)
{
    char *text = NULL, *plain = NULL;
    size_t length;
    FILE *to = open_memstream(&text, &length);
    int error = -ENOMEM;

    if (to) {
        say_graph(g, to);
        if (fclose(to) == 0)
            error = run_dot(text, &plain, message, size);
    }
    if (!error && !put_layout(g, plain)) {
        snprintf(message, size, "Graphviz' dot has said something that is no layout");
        error = -EIO;
    }
    if (!error)
        put_remarks(g);
    free(plain);
    free(text);
    return error;
}

int draw_graph(struct canvas *c, const struct changes *ch, const struct drawing *d, char *message,
               size_t size)
{
    struct graph g = {.c = c, .ch = ch, .d = d, .s = ch->after};
    int error = 0;

    if (!g.s->has_anon || !g.s->nr_anon_vmas)
        return 0;
    g.group = calloc((size_t)g.s->nr_vmas + 1, sizeof(*g.group));
    g.drawn = calloc(g.s->nr_anon_vmas, sizeof(*g.drawn));
    if (g.group && g.drawn) {
        error = collect(&g);
        if (!error)
            error = lay_out(&g, message, size);
    } else {
        error = -ENOMEM;
    }
    free(g.group);
    free(g.drawn);
    return error;
}
