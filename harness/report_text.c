/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A failure on one screen of 80 columns: the law and the object in a sentence, the operation, the
 * program, the address space before and after, what was stored or answered and what it should be,
 * and the command that replays it.
 */
#define _GNU_SOURCE
#include "harness/codec.h"
#include "harness/report.h"
#include "harness/subject.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 80

void put_hanging(const char *text, unsigned column, unsigned indent, FILE *to)
{
    while (*text) {
        size_t word = strcspn(text, " \n");
        unsigned gap = column < indent ? indent - column : column > 0;

        if (column > indent && column + gap + word > WIDTH) {
            fputc('\n', to);
            column = 0;
            gap = indent;
        }
        fprintf(to, "%*s%.*s", (int)gap, "", (int)word, text);
        column += gap + (unsigned)word;
        text += word;
        while (*text == ' ' || *text == '\n')
            text++;
    }
    fputc('\n', to);
}

static void put_wrapped(const char *text, unsigned indent, FILE *to)
{
    put_hanging(text, 0, indent, to);
}

void put_sentence(const struct scene *s, const struct finding *f, char *text, size_t size)
{
    const enum law_id law = s->result.verdict.law;
    const char *what = law == LAW_ERRNO ? "answers" : law == LAW_CONTENT ? "reads" : NULL;

    if (what && s->result.by_other && f->options->other)
        snprintf(text, size, "the model %s what %s %s", what, f->options->other->name, what);
    else
        snprintf(text, size, "%s", law_table[law].sentence);
}

void verdict_text(const struct verdict *v, char *text, size_t size)
{
    const char *sentence = site_sentence(v->site);
    const size_t n = strlen(v->text), site = v->site ? strlen(v->site) : 0;
    const bool named = n >= site && site && !strcmp(v->text + n - site, v->site);

    if (!*sentence)
        snprintf(text, size, "%s", v->text);
    else if (named)
        snprintf(text, size, "%s: %s", v->text, sentence);
    else
        snprintf(text, size, "%s%s%s: %s", v->text, n ? "; " : "", v->site, sentence);
}

void verdict_place(const struct verdict *v, char place[PLACE_SIZE])
{
    *place = '\0';
    if (v->proc != NO_PROC)
        snprintf(place, PLACE_SIZE, "in process %u at page 0x%" PRIxPTR, v->proc,
                 v->addr >> PAGE_SHIFT);
}

static void put_law(const struct scene *s, const struct finding *f, FILE *to)
{
    const struct verdict *v = &s->result.verdict;
    char sentence[512], place[PLACE_SIZE];

    fprintf(to, "BROKEN  %s", law_table[v->law].name);
    if (v->site)
        fprintf(to, " (%s)", v->site);
    fprintf(to, " %s %s\n", s->culprit ? "by" : "at",
            s->culprit ? op_table[s->culprit->kind].name : "exit");
    put_sentence(s, f, sentence, sizeof(sentence));
    put_wrapped(sentence, 2, to);
    fputc('\n', to);
    verdict_text(v, sentence, sizeof(sentence));
    if (*sentence)
        put_wrapped(sentence, 2, to);
    verdict_place(v, place);
    if (*place)
        fprintf(to, "  %s\n", place);
    if (!s->fails)
        put_wrapped("It did not happen again when the program was played for this report.", 2, to);
}

void put_answer(const struct scene *s, FILE *to)
{
    const struct run_result *r = &s->result;
    char got[64], expected[64];

    if (r->expected == r->got)
        return;
    answer_text(r->kind, r->got, got, sizeof(got));
    answer_text(r->kind, r->expected, expected, sizeof(expected));
    fprintf(to, "  answered  %s", got);
    if (answer_error(r->got))
        fprintf(to, " (%s)", strerrordesc_np((int)-r->got));
    fprintf(to, "\n  expected  %s", expected);
    if (answer_error(r->expected))
        fprintf(to, " (%s)", strerrordesc_np((int)-r->expected));
    fputc('\n', to);
}

void put_times(const char *before, uint64_t n, FILE *to)
{
    if (n == 1)
        fprintf(to, "%s once", before);
    else
        fprintf(to, "%s %" PRIu64 " times", before, n);
}

static void put_operation(const struct scene *s, const struct finding *f, FILE *to)
{
    if (!s->culprit)
        return;
    fprintf(to, "\nOPERATION %u of %u\n  ", s->culprit_index + 1, f->program->nr);
    op_print(s->culprit, to);
    fputc('\n', to);
    put_answer(s, to);
}

static void put_program(const struct finding *f, FILE *to)
{
    const struct program *p = f->program;
    int rules = f->options->rules >= 0 ? f->options->rules : (int)p->config.rules;
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);

    fprintf(to, "\nPROGRAM  %u operation%s, %s", p->nr, p->nr == 1 ? "" : "s", rules_names[rules]);
    if (f->shrink && f->shrink->ops_before > f->shrink->ops_after)
        fprintf(to, ", shrunk from %u in %u runs", f->shrink->ops_before, f->shrink->evaluations);
    else if (f->shrink)
        fprintf(to, ", no smaller one in %u runs", f->shrink->evaluations);
    if (f->seed)
        fprintf(to, ", seed %" PRIu64, f->seed);
    fputc('\n', to);
    if (!memory)
        return;
    program_print(p, memory);
    fclose(memory);
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));)
        if (rest || *line)
            fprintf(to, "  %s\n", line);
    free(text);
}

static void put_diff(const struct snapshot *a, const struct snapshot *b, uint32_t proc,
                     bool only_if_different, unsigned show, const char *title, FILE *to)
{
    const struct snap_proc *pa = find_proc(a, proc), *pb = find_proc(b, proc);
    struct line_map ma = {0}, mb = {0};
    bool differ = !pa != !pb;

    if ((!pa && !pb) || line_map_init(&ma, a, pa, show) || line_map_init(&mb, b, pb, show)) {
        line_map_fini(&ma);
        return;
    }
    differ |= ma.n != mb.n;
    for (uint32_t i = 0; !differ && i < ma.n; i++)
        differ = strcmp(ma.line[i], mb.line[i]) != 0;
    if (differ || !only_if_different) {
        fprintf(to, "\n%s\n", title);
        line_map_diff(&ma, &mb, "  ", to);
    }
    line_map_fini(&ma);
    line_map_fini(&mb);
}

static void put_total(uint32_t proc, const char *name, uint64_t a, uint64_t b, FILE *to)
{
    if (a != b)
        fprintf(to, "  p%-2u %-12s model 0x%" PRIx64 ", specification 0x%" PRIx64 "\n", proc, name,
                a, b);
}

/* Stored against recomputed, for what the specification keeps too. */
static void put_totals(const struct scene *s, uint32_t id, FILE *to)
{
    const struct snap_proc *m = find_proc(&s->after, id), *f = find_proc(&s->spec_after, id);

    if (!m || !f)
        return;
    put_total(id, "total_vm", m->total_vm, f->total_vm, to);
    put_total(id, "locked_vm", m->locked_vm, f->locked_vm, to);
    put_total(id, "pinned_vm", m->pinned_vm, f->pinned_vm, to);
    put_total(id, "data_vm", m->data_vm, f->data_vm, to);
    put_total(id, "exec_vm", m->exec_vm, f->exec_vm, to);
    put_total(id, "stack_vm", m->stack_vm, f->stack_vm, to);
    put_total(id, "brk", m->brk, f->brk, to);
    put_total(id, "def_flags", m->def_flags, f->def_flags, to);
    put_total(id, "VMAs", m->nr_vmas, f->nr_vmas, to);
}

/* Numbers of anon_vmas are those of a picture and differ for trifles: only who asks sees them. */
static unsigned shown(const struct scene *s)
{
    const enum law_id law = s->result.verdict.law;
    const bool reverse_map = law == LAW_RMAP_COMPLETE || law == LAW_PAGE_INDEX;

    return SHOW_GAPS | (reverse_map || !strncmp(law_table[law].name, "anon.", 5) ? SHOW_ANON : 0);
}

/* The process that the verdict is about, the caller and its new child in any case, others where
 * they changed. */
static void put_process(const struct scene *s, uint32_t proc, FILE *to)
{
    const struct op *op = s->culprit;
    bool culprit = proc == s->result.verdict.proc ||
                   (op && op_has_process((enum op_kind)op->kind) && proc == op->proc) ||
                   (op && op->kind == OP_FORK && proc + 1 == op->def);
    char title[96];

    snprintf(title, sizeof(title), "ADDRESS SPACE of process %u, in pages: - before it, + after it",
             proc);
    put_diff(&s->before, &s->after, proc, !culprit, shown(s), title, to);
    if (!s->spec_known)
        return;
    snprintf(title, sizeof(title),
             "SPECIFICATION of process %u: - what the model has, + what it "
             "should have",
             proc);
    put_diff(&s->after, &s->spec_after, proc, true, 0, title, to);
    put_totals(s, proc, to);
}

void put_maps(const struct scene *s, FILE *to)
{
    const uint32_t broken = s->result.verdict.proc, first = broken == NO_PROC ? 0 : broken;

    if (!s->after_known) {
        fputs("\nADDRESS SPACE before it; after it nothing can be read\n", to);
        print_line_map(&s->before, to);
        return;
    }
    put_process(s, first, to);
    for (uint32_t proc = 0; proc < MAX_PROCS; proc++)
        if (proc != first)
            put_process(s, proc, to);
    if (s->spec_known && s->after.committed != s->spec_after.committed)
        fprintf(to, "  committed: model %" PRId64 ", specification %" PRId64 " pages\n",
                s->after.committed, s->spec_after.committed);
}

void put_fault(const struct scene *s, const struct finding *f, FILE *to)
{
    enum fault_id fault = f->options->fault;

    if (fault == F_NONE)
        return;
    fprintf(to, "\nFAULT %s:", fault_table[fault].name);
    put_times(" reached", s->result.fault_reached, to);
    put_times(", triggered", s->result.fault_triggered, to);
    if (s->result.triggered_at)
        fprintf(to, ", first by operation %u", s->result.triggered_at);
    fputc('\n', to);
    put_wrapped(fault_table[fault].title, 2, to);
}

/* A word of a shell's command line. */
static void put_quoted(const char *word, FILE *to)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-./,:+@%=";

    const bool option = *word == '-' && word[1]; /* it looks like one; - is standard input */

    if (*word && !option && word[strspn(word, plain)] == '\0') {
        fputs(word, to);
        return;
    }
    fputs(option ? "./'" : "'", to);
    for (; *word; word++)
        fputs(*word == '\'' ? "'\\''" : (char[2]){*word}, to);
    fputc('\'', to);
}

bool has_replay(const struct finding *f)
{
    return !f->options->other || f->options->other->replay;
}

void replay_command(const struct finding *f, FILE *to)
{
    const struct run_options *o = f->options;

    fputs("vmafuzz replay", to);
    if (o->other && o->other->replay)
        fprintf(to, " %s", o->other->replay);
    if (o->fault != F_NONE)
        fprintf(to, " --fault %s", fault_table[o->fault].name);
    if (o->rules >= 0)
        fprintf(to, " --rules %s", rules_names[o->rules]);
    for (unsigned law = LAW_NONE + 1; law < NR_LAWS; law++)
        if (o->without & LAW_BIT(law))
            fprintf(to, " --without %s", law_table[law].name);
    fputc(' ', to);
    put_quoted(f->file ? f->file : "FILE", to);
}

void report_text(struct executor *ex, const struct finding *f, FILE *to)
{
    struct scene s;

    scene_init(&s, ex, f);
    put_law(&s, f, to);
    put_operation(&s, f, to);
    put_program(f, to);
    put_maps(&s, to);
    put_other(&s, f, to);
    put_fault(&s, f, to);
    if (has_replay(f)) {
        fputs("\nREPLAY  ", to);
        replay_command(f, to);
        fputs("\n  --html FILE draws the state as well\n", to);
    }
    scene_fini(&s);
}
