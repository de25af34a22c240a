/* SPDX-License-Identifier: GPL-2.0-only */
/* Text of any origin inside of XML and HTML. */
#include "harness/report.h"

/* Bytes of the UTF-8 sequence at s, which ends with a zero; 0: none that XML 1.0 can hold. */
static size_t sequence(const unsigned char *s)
{
    size_t n = *s < 0x80 ? 1 : *s < 0xc2 ? 0 : *s < 0xe0 ? 2 : *s < 0xf0 ? 3 : *s < 0xf5 ? 4 : 0;
    uint32_t point = n == 1 ? *s : *s & (0x7fu >> n);

    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        point = point << 6 | (s[i] & 0x3f);
    }
    if (point < ' ' && point != '\t' && point != '\n')
        return 0;
    if (point == 0x7f || (point >= 0xd800 && point < 0xe000) || (point | 1) == 0xffff)
        return 0;
    if ((n == 3 && point < 0x800) || (n == 4 && (point < 0x10000 || point > 0x10ffff)))
        return 0;
    return n;
}

static void put(const char *text, const char *newline, FILE *to)
{
    for (const unsigned char *s = (const unsigned char *)text; *s;) {
        size_t n = sequence(s);

        if (n == 0)
            fputc('?', to);
        else if (n > 1)
            fwrite(s, 1, n, to);
        else if (*s == '&')
            fputs("&amp;", to);
        else if (*s == '<')
            fputs("&lt;", to);
        else if (*s == '>')
            fputs("&gt;", to);
        else if (*s == '"')
            fputs("&quot;", to);
        else if (*s == '\n')
            fputs(newline, to);
        else
            fputc(*s, to);
        s += n ? n : 1;
    }
}

void put_xml(const char *text, FILE *to)
{
    put(text, "&#10;", to); /* a plain one is a blank in an attribute */
}

void put_xml_lines(const char *text, FILE *to)
{
    put(text, "\n", to);
}
