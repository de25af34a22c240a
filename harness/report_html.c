/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A failure as a section of an HTML page: what the text report says, with the culprit and the
 * differences marked, and a drawing of the state. The page needs nothing but itself.
 */
#define _GNU_SOURCE
#include "harness/report.h"
#include "harness/subject.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char page_style[] =
    "body{font:15px/1.45 system-ui,sans-serif;color:#1a1a1a;background:#fff;margin:2rem auto;"
    "max-width:80rem;padding:0 1.5rem}"
    "h1{font-size:1.3rem}"
    "h2{font-size:1.5rem;margin:2.2rem 0 .4rem}"
    "h3{font-size:.85rem;letter-spacing:.06em;color:#44505c;margin:1.6rem 0 .4rem}"
    "pre{font:13px/1.4 'DejaVu Sans Mono','Liberation Mono',Menlo,Consolas,monospace;"
    "background:#f5f7f9;border:1px solid #d5dae0;border-radius:4px;padding:.7rem 1rem;margin:0;"
    "overflow-x:auto}"
    "section{border-top:3px solid #b00020}"
    ".law{color:#9b0a1f}"
    ".verdict{background:#fdeef0;border-left:4px solid #b00020;padding:.6rem 1rem;margin:.8rem 0}"
    "mark{background:#ffe4d1;color:#1a1a1a;outline:1px solid #d55e00}"
    ".minus{background:#fbe7b8}"
    ".plus{background:#d3e9f8}"
    /* wider than the text where the window has room for it */
    ".drawing{overflow-x:auto;border:1px solid #d5dae0;border-radius:4px;box-sizing:border-box;"
    "width:max-content;min-width:100%;max-width:calc(100vw - 3rem);position:relative;left:50%;"
    "transform:translateX(-50%)}"
    ".drawing svg{display:block}";

void html_page(const char *title, const char *sections, FILE *to)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
          "<meta name=\"viewport\" content=\"width=device-width\"/>\n<title>",
          to);
    put_xml(title, to);
    fprintf(to, "</title>\n<style>%s</style>\n</head>\n<body>\n<h1>", page_style);
    put_xml(title, to);
    fprintf(to, "</h1>\n%s</body>\n</html>\n", sections);
}

/* ---- text in memory, for what prints lines ---- */
struct memory {
    FILE *to;
    char *text;
    size_t size;
};

static bool memory_open(struct memory *m)
{
    *m = (struct memory){0};
    return (m->to = open_memstream(&m->text, &m->size)) != NULL;
}

/* The text, for free(); NULL: out of memory. */
static char *memory_close(struct memory *m)
{
    if (fclose(m->to) == 0)
        return m->text;
    free(m->text);
    return NULL;
}

/* What one of the parts of the text report prints, without indent; nothing: NULL. */
static void put_pre(char *text, const char *heading, FILE *to)
{
    if (text && *text) {
        fprintf(to, "<h3>%s</h3>\n<pre>", heading);
        put_xml(text, to);
        fputs("</pre>\n", to);
    }
    free(text);
}

/* ---- the parts ---- */
static void put_verdict(const struct scene *s, const struct finding *f, FILE *to)
{
    const struct verdict *v = &s->result.verdict;
    char sentence[512], place[PLACE_SIZE];

    fprintf(to, "<h2><span class=\"law\">%s</span>", law_table[v->law].name);
    if (v->site) {
        fputs(" (", to);
        put_xml(v->site, to);
        fputc(')', to);
    }
    fprintf(to, " broken %s %s</h2>\n<p>", s->culprit ? "by" : "at",
            s->culprit ? op_table[s->culprit->kind].name : "exit");
    put_sentence(s, f, sentence, sizeof(sentence));
    put_xml(sentence, to);
    fputs("</p>\n<p class=\"verdict\">", to);
    verdict_text(v, sentence, sizeof(sentence));
    put_xml(sentence, to);
    verdict_place(v, place);
    fprintf(to, "%s%s</p>\n", *sentence && *place ? "<br/>" : "", place);
    if (f->expected)
        fputs("<p>As expected: the program says that this kernel has the flaw.</p>\n", to);
    if (!s->fails)
        fputs("<p>It did not happen again when the program was played for this report.</p>\n", to);
}

static void put_operation(const struct scene *s, const struct finding *f, FILE *to)
{
    struct memory m;
    char heading[64];

    if (!s->culprit || !memory_open(&m))
        return;
    op_print(s->culprit, m.to);
    fputc('\n', m.to);
    put_answer(s, m.to);
    snprintf(heading, sizeof(heading), "OPERATION %" PRIu32 " OF %" PRIu32, s->culprit_index + 1,
             f->program->nr);
    put_pre(memory_close(&m), heading, to);
}

/* The text form; deleted operations have no line in it. */
static void put_program(const struct scene *s, const struct finding *f, FILE *to)
{
    const struct program *p = f->program;
    uint32_t from_end = 0;
    unsigned lines = 0, at = 0;
    struct memory m;
    char *text;

    if (!memory_open(&m))
        return;
    program_print(p, m.to);
    text = memory_close(&m);
    for (const char *c = text; c && *c; c++)
        lines += *c == '\n';
    for (uint32_t i = s->culprit_index; s->culprit && i < p->nr; i++)
        from_end += p->op[i].kind != OP_NONE;
    fprintf(to, "<h3>PROGRAM, %" PRIu32 " operation%s", p->nr, p->nr == 1 ? "" : "s");
    if (f->shrink && f->shrink->ops_before > f->shrink->ops_after)
        fprintf(to, ", shrunk from %" PRIu32 " in %" PRIu32 " runs", f->shrink->ops_before,
                f->shrink->evaluations);
    fputs("</h3>\n<pre>", to);
    for (char *rest = text, *line; rest && *rest && (line = strsep(&rest, "\n")); at++) {
        bool culprit = from_end && at + from_end == lines;

        fputs(culprit ? "<mark>" : "", to);
        put_xml(line, to);
        fputs(culprit ? "</mark>\n" : "\n", to);
    }
    fputs("</pre>\n", to);
    free(text);
}

/* Each listing begins with an empty line and its title; frees the text. */
static void put_listings(char *text, FILE *to)
{
    bool open = false, title = false;

    for (char *rest = text, *line; rest && *rest && (line = strsep(&rest, "\n"));) {
        const char *sign = line + strspn(line, " ");
        const char *style = !strncmp(sign, "- ", 2)   ? "minus"
                            : !strncmp(sign, "+ ", 2) ? "plus"
                                                      : NULL;

        if (!*line) {
            fputs(open ? "</pre>\n" : "", to);
            open = false;
            title = true;
            continue;
        }
        fputs(title ? "<h3>" : open ? "" : "<pre>", to);
        if (style)
            fprintf(to, "<span class=\"%s\">", style);
        put_xml(line, to);
        fputs(title ? "</h3>\n" : style ? "</span>\n" : "\n", to);
        open |= !title;
        title = false;
    }
    fputs(open ? "</pre>\n" : "", to);
    free(text);
}

static void put_spaces(const struct scene *s, const struct finding *f, FILE *to)
{
    struct memory m;

    if (memory_open(&m)) {
        put_maps(s, m.to);
        put_listings(memory_close(&m), to);
    }
    if (memory_open(&m)) {
        put_other(s, f, m.to);
        put_listings(memory_close(&m), to);
    }
}

/* Takes svg, which may be NULL: then the message says why. */
static void put_drawing(const char *heading, const char *of, char *svg, const char *message,
                        FILE *to)
{
    fprintf(to, "<h3>%s", heading);
    put_xml(of, to);
    fputs("</h3>\n", to);
    if (svg) {
        fprintf(to, "<div class=\"drawing\">\n%s</div>\n", svg);
    } else {
        fputs("<p>", to);
        put_xml(message, to);
        fputs("</p>\n", to);
    }
    free(svg);
}

static void put_drawings(const struct scene *s, const struct finding *f, FILE *to)
{
    const struct other_subject *other = f->options->other;
    char *svg = NULL, message[512];

    scene_svg(s, f, f->program->nr, true, &svg, message, sizeof(message));
    put_drawing("DRAWING", other ? " of the model" : "", svg, message, to);
    if (!other || !s->other_known)
        return;
    svg = NULL;
    if (other->drawable)
        other_svg(s, f, &svg, message, sizeof(message));
    else
        snprintf(message, sizeof(message), "Its pictures do not show all that a drawing needs.");
    put_drawing("DRAWING of ", other->name, svg, message, to);
}

static void put_rest(const struct scene *s, const struct finding *f, FILE *to)
{
    struct memory m;

    if (memory_open(&m)) {
        put_fault(s, f, m.to);
        static const char heading[] = "\nFAULT ";
        char *text = memory_close(&m);

        if (text && !strncmp(text, heading, sizeof(heading) - 1))
            memmove(text, text + sizeof(heading) - 1, strlen(text) - sizeof(heading) + 2);
        put_pre(text, "FAULT", to);
    }
    if (has_replay(f) && memory_open(&m)) {
        replay_command(f, m.to);
        put_pre(memory_close(&m), "REPLAY", to);
    }
}

void report_html(struct executor *ex, const struct finding *f, FILE *to)
{
    struct scene s;

    scene_init(&s, ex, f);
    fputs("<section>\n", to);
    put_verdict(&s, f, to);
    put_operation(&s, f, to);
    put_program(&s, f, to);
    put_spaces(&s, f, to);
    put_drawings(&s, f, to);
    put_rest(&s, f, to);
    fputs("</section>\n", to);
    scene_fini(&s);
}
