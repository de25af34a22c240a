/* SPDX-License-Identifier: GPL-2.0-only */
/* The end of a program as a drawing: the state after its last operation against the one before. */
#define _GNU_SOURCE
#include "harness/draw.h"
#include "harness/report.h"
#include "harness/subject.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* "linux-4.4, fault NAME" */
static void put_title(const struct finding *f, FILE *to)
{
    const struct run_options *o = f->options;
    enum rules rules = o->rules >= 0 ? (enum rules)o->rules : f->program->config.rules;

    fprintf(to, "%s · %s", f->file ? f->file : "program", rules_names[rules]);
    if (o->fault != F_NONE)
        fprintf(to, " · fault %s", fault_table[o->fault].name);
}

static void put_operation(const struct scene *s, const struct finding *f, uint32_t nr_ops, FILE *to)
{
    const struct op *op = &f->program->op[s->nr_played - 1];
    char answer[64];

    fprintf(to, "%s operation %" PRIu32 " of %" PRIu32 ": ", s->after_known ? "after" : "before",
            s->nr_played, nr_ops);
    op_print(op, to);
    if (s->answered && op->kind != OP_NONE) {
        answer_text((enum op_kind)op->kind, s->answer, answer, sizeof(answer));
        fprintf(to, " — answered %s", answer);
    }
    if (!s->after_known)
        fputs("; after it nothing can be read", to);
}

static void put_law(const struct scene *s, FILE *to)
{
    const struct verdict *v = &s->result.verdict;

    fprintf(to, "BROKEN %s%s%s%s: %s", law_table[v->law].name, v->site ? " (" : "",
            v->site ? v->site : "", v->site ? ")" : "",
            v->text[0] ? v->text : law_table[v->law].sentence);
    if (!s->culprit)
        fputs(" (at exit)", to);
}

enum { TITLE, OPERATION, LAW, NR_TEXTS };

/* NULL: out of memory; texts that there are none of are empty. */
static char *print_one(const struct scene *s, const struct finding *f, uint32_t nr_ops, int which)
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);

    if (!to)
        return NULL;
    if (which == TITLE)
        put_title(f, to);
    else if (which == OPERATION && s->nr_played)
        put_operation(s, f, nr_ops, to);
    else if (which == LAW && s->result.verdict.law != LAW_NONE)
        put_law(s, to);
    if (fclose(to) == 0)
        return text;
    free(text);
    return NULL;
}

int scene_svg(const struct scene *s, const struct finding *f, uint32_t nr_ops, bool dot_optional,
              char **svg, char *message, size_t size)
{
    const struct verdict *v = &s->result.verdict;
    char *text[NR_TEXTS];
    int error = -ENOMEM;

    for (int i = 0; i < NR_TEXTS; i++)
        text[i] = print_one(s, f, nr_ops, i);
    const struct drawing d = {
        .after = s->after_known ? &s->after : &s->before,
        .before = s->after_known && s->nr_played ? &s->before : NULL,
        .title = text[TITLE],
        .operation = text[OPERATION],
        .law = text[LAW] && *text[LAW] ? text[LAW] : NULL,
        .actor = s->nr_played ? f->program->op[s->nr_played - 1].proc : 0,
        .broken_proc = v->proc,
        .broken_page = v->addr >> PAGE_SHIFT,
        .dot_optional = dot_optional,
    };
    snprintf(message, size, "cannot draw: out of memory");
    if (text[TITLE] && text[OPERATION] && text[LAW])
        error = draw_svg(&d, svg, message, size);
    for (int i = 0; i < NR_TEXTS; i++)
        free(text[i]);
    return error;
}

int other_svg(const struct scene *s, const struct finding *f, char **svg, char *message,
              size_t size)
{
    const struct verdict *v = &s->result.verdict;
    const struct drawing d = {
        .after = &s->other_after,
        .title = f->options->other->name,
        .actor = s->nr_played ? f->program->op[s->nr_played - 1].proc : 0,
        .broken_proc = v->proc,
        .broken_page = v->addr >> PAGE_SHIFT,
        .dot_optional = true,
    };

    return draw_svg(&d, svg, message, size);
}

int report_svg(struct executor *ex, const struct finding *f, uint32_t nr_ops, char **svg,
               char *message, size_t size)
{
    struct scene s;
    int error;

    scene_init(&s, ex, f);
    error = scene_svg(&s, f, nr_ops, false, svg, message, size);
    scene_fini(&s);
    return error;
}
