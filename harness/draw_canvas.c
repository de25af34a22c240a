/* SPDX-License-Identifier: GPL-2.0-only */
/* Pieces of SVG: shapes, text whose width is known, and how all of it looks. */
#include "harness/draw_parts.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Colours are those of Okabe and Ito, which colour-blind people tell apart, as dark frames around
 * light grounds. Every kind has a word or a letter too. */
static const char style_sheet[] =
    ".vmafuzz-svg text{font:12px 'DejaVu Sans Mono','Liberation Mono',Menlo,Consolas,monospace;"
    "fill:#1a1a1a;white-space:pre}"
    ".vmafuzz-svg text.s{font-size:10px}"
    ".vmafuzz-svg text.b{font-weight:bold}"
    ".vmafuzz-svg text.m{fill:#5a5a5a}"
    ".vmafuzz-svg text.n{fill:#8a3500;font-weight:bold}"
    ".vmafuzz-svg text.l{fill:#9b0a1f;font-weight:bold}"
    ".vmafuzz-svg text.gone{fill:#8a3500;text-decoration:line-through}"
    ".vmafuzz-svg text.h{font-size:13px;font-weight:bold;fill:#44505c}"
    ".vmafuzz-svg text.T{font-size:17px;font-weight:bold}"
    ".vmafuzz-svg rect{fill:none;stroke-width:1}"
    ".vmafuzz-svg rect.paper{fill:#fff}"
    ".vmafuzz-svg rect.panel{fill:#fff;stroke:#6b7680;stroke-width:1.2}"
    ".vmafuzz-svg rect.band{fill:#e9edf1}"
    ".vmafuzz-svg rect.stripe{fill:#f5f7f9}"
    ".vmafuzz-svg rect.vma{fill:#fbfbfb;stroke:#6b7680}"
    ".vmafuzz-svg rect.baranon{fill:#0072b2}"
    ".vmafuzz-svg rect.barfile{fill:#009e73}"
    ".vmafuzz-svg rect.barother{fill:#8c8c8c}"
    ".vmafuzz-svg rect.anon{fill:#d3e9f8;stroke:#0072b2}"
    ".vmafuzz-svg rect.file{fill:#cfeee4;stroke:#009e73}"
    ".vmafuzz-svg rect.zero{fill:#fff;stroke:#8c8c8c}"
    ".vmafuzz-svg rect.swap{fill:#fbe7b8;stroke:#a87800}"
    ".vmafuzz-svg rect.moving{fill:#f3d9e8;stroke:#a8508a}"
    ".vmafuzz-svg rect.none{fill:#f2f2f2;stroke:#cdcdcd}"
    ".vmafuzz-svg rect.node{fill:#eef1f4;stroke:#6b7680;stroke-width:1.2}"
    ".vmafuzz-svg rect.new,.vmafuzz-svg rect.differs{stroke:#d55e00;stroke-width:2.4}"
    ".vmafuzz-svg rect.gone{stroke:#d55e00;stroke-width:1.6;stroke-dasharray:4 3}"
    ".vmafuzz-svg rect.tag{fill:#ffe4d1;stroke:#d55e00}"
    ".vmafuzz-svg rect.lawtag{fill:#fbd9dd;stroke:#b00020}"
    ".vmafuzz-svg rect.law{stroke:#b00020;stroke-width:3}"
    ".vmafuzz-svg path{fill:none;stroke:#6b7680;stroke-width:1}"
    ".vmafuzz-svg path.hole{stroke:#9a9a9a;stroke-dasharray:2 3}"
    ".vmafuzz-svg path.rule{stroke:#c3c9cf}"
    ".vmafuzz-svg path.own{stroke:#1a1a1a;stroke-width:2}"
    ".vmafuzz-svg path.chain{stroke:#7a8590;stroke-width:1.1}"
    ".vmafuzz-svg path.parent{stroke:#0072b2;stroke-width:1.6;stroke-dasharray:6 3}"
    ".vmafuzz-svg path.new{stroke:#d55e00}"
    ".vmafuzz-svg path.head{stroke-dasharray:none}"
    ".vmafuzz-svg path.own.head{fill:#1a1a1a}"
    ".vmafuzz-svg path.chain.head{fill:#7a8590}"
    ".vmafuzz-svg path.parent.head{fill:#fff}"
    ".vmafuzz-svg path.new.head{fill:#d55e00}";

void put_style_sheet(FILE *to)
{
    fprintf(to, "<style>%s</style>\n", style_sheet);
}

int canvas_open(struct canvas *c)
{
    *c = (struct canvas){0};
    c->to = open_memstream(&c->svg, &c->length);
    return c->to ? 0 : -ENOMEM;
}

int canvas_close(struct canvas *c)
{
    bool failed = ferror(c->to);

    failed |= fclose(c->to) != 0;
    c->to = NULL;
    return failed ? -ENOMEM : 0;
}

void canvas_free(struct canvas *c)
{
    if (c->to)
        fclose(c->to);
    free(c->svg);
    *c = (struct canvas){0};
}

void canvas_hold(struct canvas *c, int x, int y)
{
    if (x > c->width)
        c->width = x;
    if (y > c->height)
        c->height = y;
}

void canvas_place(struct canvas *on, const struct canvas *c, int x, int y)
{
    if (!c->length)
        return;
    fprintf(on->to, "<g transform=\"translate(%d,%d)\">\n", x, y);
    fwrite(c->svg, 1, c->length, on->to);
    fputs("</g>\n", on->to);
    canvas_hold(on, x + c->width, y + c->height);
}

int text_length(const char *text)
{
    int n = 0;

    for (; *text; text++)
        n += (*text & 0xc0) != 0x80;
    return n;
}

int text_width(const char *text)
{
    return (int)(text_length(text) * CHAR_WIDTH + 0.999);
}

int small_width(const char *text)
{
    return (int)(text_length(text) * SMALL_WIDTH + 0.999);
}

void put_rect(struct canvas *c, int x, int y, int width, int height, const char *style)
{
    fprintf(c->to, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"2\" class=\"%s\"/>\n",
            x, y, width, height, style);
    canvas_hold(c, x + width, y + height);
}

void put_line(struct canvas *c, int x1, int y1, int x2, int y2, const char *style)
{
    fprintf(c->to, "<path d=\"M%d,%dL%d,%d\" class=\"%s\"/>\n", x1, y1, x2, y2, style);
    canvas_hold(c, x1 > x2 ? x1 : x2, y1 > y2 ? y1 : y2);
}

void put_text(struct canvas *c, int x, int y, const char *style, const char *fmt, ...)
{
    char text[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    fprintf(c->to, "<text x=\"%d\" y=\"%d\" class=\"%s\">", x, y, style);
    put_xml(text, c->to);
    fputs("</text>\n", c->to);
}

/* Bytes of the word at the start; of one that is longer than a line, those that fill one. */
static int break_word(const char *word, int columns, int *characters)
{
    int length = 0;

    for (*characters = 0; word[length] && word[length] != ' '; length++) {
        if ((word[length] & 0xc0) == 0x80)
            continue;
        if (*characters == columns)
            break;
        ++*characters;
    }
    return length;
}

int put_words(struct canvas *c, const struct flow *f, const char *text)
{
    char line[4 * MAX_COLUMNS + 1] = "";
    int n = 0, length, characters, y = f->y, x = f->first_columns ? f->first_x : f->x;
    int columns = f->first_columns ? f->first_columns : f->columns;

    for (const char *word = text + strspn(text, " "); *word; word += length) {
        length = break_word(word, f->columns, &characters);
        if ((n || x != f->x) && (text_length(line) + (n > 0) + characters > columns ||
                                 n + 1 + length >= (int)sizeof(line))) {
            put_text(c, x, y, f->style, "%s", line);
            if (!f->step)
                return y;
            y += f->step;
            x = f->x;
            columns = f->columns;
            n = 0;
        }
        n += snprintf(line + n, sizeof(line) - (size_t)n, "%s%.*s", n ? " " : "", length, word);
        length += (int)strspn(word + length, " ");
    }
    if (n)
        put_text(c, x, y, f->style, "%s", line);
    return y + (n ? f->step : 0);
}

int put_tag(struct canvas *c, int x, int y, const char *style, const char *word)
{
    int width = small_width(word) + 8;

    put_rect(c, x, y, width, TAG_HEIGHT, style);
    put_text(c, x + 4, y + 11, "s b", "%s", word);
    return width;
}

void begin_group(struct canvas *c, const char *fmt, ...)
{
    char text[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    fputs("<g><title>", c->to);
    put_xml(text, c->to);
    fputs("</title>", c->to);
}

void end_group(struct canvas *c)
{
    fputs("</g>\n", c->to);
}
