/* SPDX-License-Identifier: GPL-2.0-only */
/* The same as report_text.c and all the rest, as one JSON object. */
#define _GNU_SOURCE
#include "harness/report.h"
#include "harness/subject.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static json_t *json_u64(uint64_t n)
{
    return json_integer((json_int_t)n);
}

enum printed { PRINT_OP, PRINT_PROGRAM, PRINT_REPLAY };

/* What a printer prints, as a string. */
static json_t *json_printed(enum printed what, const void *arg)
{
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    json_t *string;

    if (!memory)
        return json_null();
    if (what == PRINT_OP)
        op_print(arg, memory);
    else if (what == PRINT_PROGRAM)
        program_print(arg, memory);
    else
        replay_command(arg, memory);
    fclose(memory);
    string = json_string(text); /* NULL: not UTF-8, which only a comment can be */
    free(text);
    return string ? string : json_null();
}

static json_t *json_vma(const struct snapshot *s, const struct snap_vma *v)
{
    json_t *chains = json_array();
    json_t *vma =
        json_pack("{s:o, s:o, s:o, s:o, s:i, s:i, s:i, s:i, s:i, s:s%}", "start",
                  json_u64(v->start), "end", json_u64(v->end), "pgoff", json_u64(v->pgoff), "flags",
                  json_u64(v->flags), "file", (int)v->file, "object", (int)v->object, "context",
                  (int)v->context, "policy_mode", (int)v->policy_mode, "policy_nodes",
                  (int)v->policy_nodes, "name", v->name, strnlen(v->name, sizeof(v->name)));

    for (uint32_t i = 0; i < v->nr_chains; i++)
        json_array_append_new(chains, json_integer(s->chain[v->first_chain + i].anon_vma));
    json_object_set_new(vma, "anon_vma", json_integer(v->anon_vma));
    json_object_set_new(vma, "chains", chains);
    return vma;
}

static json_t *json_anon_vmas(const struct snapshot *s)
{
    json_t *all = json_array();

    for (uint32_t i = 0; i < s->nr_anon_vmas; i++) {
        const struct snap_anon_vma *a = &s->anon_vma[i];

        json_array_append_new(
            all, json_pack("{s:i, s:i, s:i, s:i, s:i, s:i}", "root", (int)a->root, "parent",
                           (int)a->parent, "refcount", (int)a->refcount, "degree", (int)a->degree,
                           "children", (int)a->num_children, "users", (int)a->num_active_vmas));
    }
    return all;
}

static json_t *json_pages(const struct snapshot *s)
{
    json_t *all = json_array();

    for (uint32_t i = 0; i < s->nr_pages; i++) {
        const struct snap_page *p = &s->page[i];
        json_t *page = json_pack(
            "{s:i, s:i, s:i, s:i, s:i, s:o, s:o, s:i, s:i, s:i}", "refcount", (int)p->refcount,
            "mapcount", (int)p->mapcount, "pins", (int)p->pins, "anon_vma", (int)p->anon_vma,
            "object", (int)p->object, "index", json_u64(p->index), "stamp", json_u64(p->stamp),
            "flags", (int)p->flags, "slot", (int)p->slot, "frame", (int)p->frame);

        if (p->head) /* a part of a compound page */
            json_object_set_new(page, "head", json_integer(p->head));
        if (p->head == i + 1)
            json_object_set_new(page, "huge_entries", json_integer(p->entire_mapcount));
        json_array_append_new(all, page);
    }
    return all;
}

static json_t *json_slots(const struct snapshot *s)
{
    json_t *all = json_array();

    for (uint32_t i = 0; i < s->nr_slots; i++)
        json_array_append_new(all, json_pack("{s:i, s:i, s:o, s:i}", "count", (int)s->slot[i].count,
                                             "page", (int)s->slot[i].page, "stamp",
                                             json_u64(s->slot[i].stamp), "number",
                                             (int)s->slot[i].number));
    return all;
}

static json_t *json_items(const struct snapshot *s)
{
    json_t *all = json_array();

    for (uint32_t i = 0; i < s->nr_items; i++)
        json_array_append_new(all,
                              json_pack("{s:i, s:i, s:o}", "page", (int)s->item[i].page, "anon_vma",
                                        (int)s->item[i].anon_vma, "at", json_u64(s->item[i].at)));
    return all;
}

static void set_entries(json_t *proc, const struct snapshot *s, const struct snap_proc *p)
{
    json_t *entries = json_array();

    for (uint32_t i = 0; i < p->nr_ptes; i++) {
        const struct snap_pte *e = &s->pte[p->first_pte + i];

        json_array_append_new(entries, json_pack("{s:o, s:i, s:i}", "page", json_u64(e->page),
                                                 "number", (int)e->number, "flags", (int)e->flags));
    }
    json_object_set_new(proc, "entries", entries);
    json_object_set_new(proc, "tables", json_integer(p->nr_tables));
    json_object_set_new(
        proc, "rss",
        json_pack("{s:o, s:o, s:o, s:o, s:o}", "file", json_u64(p->rss[SNAP_RSS_FILE]), "anon",
                  json_u64(p->rss[SNAP_RSS_ANON]), "swap", json_u64(p->rss[SNAP_RSS_SWAP]), "shmem",
                  json_u64(p->rss[SNAP_RSS_SHMEM]), "hiwater", json_u64(p->hiwater_rss)));
}

static json_t *json_proc(const struct snapshot *s, const struct snap_proc *p)
{
    json_t *vmas = json_array();
    json_t *proc = json_pack("{s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id", (int)p->id,
                             "total_vm", json_u64(p->total_vm), "locked_vm", json_u64(p->locked_vm),
                             "pinned_vm", json_u64(p->pinned_vm), "data_vm", json_u64(p->data_vm),
                             "exec_vm", json_u64(p->exec_vm), "stack_vm", json_u64(p->stack_vm),
                             "hiwater_vm", json_u64(p->hiwater_vm), "brk", json_u64(p->brk),
                             "def_flags", json_u64(p->def_flags));

    for (uint32_t i = 0; i < p->nr_vmas; i++)
        json_array_append_new(vmas, json_vma(s, &s->vma[p->first_vma + i]));
    json_object_set_new(proc, "vmas", vmas);
    if (s->has_pages)
        set_entries(proc, s, p);
    return proc;
}

static json_t *json_snapshot(const struct snapshot *s, bool known)
{
    json_t *procs = json_array(), *objects = json_array(), *picture;

    if (!known) {
        json_decref(procs);
        json_decref(objects);
        return json_null();
    }
    for (uint32_t i = 0; i < s->nr_procs; i++)
        json_array_append_new(procs, json_proc(s, &s->proc[i]));
    for (uint32_t i = 0; i < s->nr_objects; i++)
        json_array_append_new(objects, json_pack("{s:i, s:o, s:i}", "kind", (int)s->object[i].kind,
                                                 "size", json_u64(s->object[i].size), "writable",
                                                 (int)s->object[i].writable));
    picture = json_pack("{s:o, s:o, s:o, s:o}", "processes", procs, "objects", objects, "anon_vmas",
                        json_anon_vmas(s), "committed", json_integer(s->committed));
    if (s->has_pages) {
        json_object_set_new(picture, "pages", json_pages(s));
        json_object_set_new(picture, "slots", json_slots(s));
        json_object_set_new(picture, "items", json_items(s));
    }
    return picture;
}

static json_t *json_answer(enum op_kind kind, long answer)
{
    char text[64];

    answer_text(kind, answer, text, sizeof(text));
    return json_pack("{s:o, s:s}", "value", json_integer(answer), "text", text);
}

static json_t *json_verdict(const struct run_result *r)
{
    const struct verdict *v = &r->verdict;
    const bool nowhere = v->proc == NO_PROC;

    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:s}", "law", law_table[v->law].name,
                     "sentence", law_table[v->law].sentence, "site", v->site ? v->site : "",
                     "clause", site_sentence(v->site), "process",
                     nowhere ? json_null() : json_integer(v->proc), "address",
                     nowhere ? json_null() : json_u64(v->addr), "text", v->text);
}

static json_t *json_laws(uint64_t laws)
{
    json_t *names = json_array();

    for (unsigned law = LAW_NONE + 1; law < NR_LAWS; law++)
        if (laws & LAW_BIT(law))
            json_array_append_new(names, json_string(law_table[law].name));
    return names;
}

static void set_operation(json_t *report, const struct scene *s)
{
    const struct run_result *r = &s->result;

    json_object_set_new(report, "operation", json_null());
    if (s->culprit)
        json_object_set_new(report, "operation",
                            json_pack("{s:i, s:s, s:o}", "number", (int)s->culprit_index + 1,
                                      "kind", op_table[s->culprit->kind].name, "text",
                                      json_printed(PRINT_OP, s->culprit)));
    if (r->got != r->expected) {
        json_object_set_new(report, "got", json_answer(r->kind, r->got));
        json_object_set_new(report, "expected", json_answer(r->kind, r->expected));
    }
}

/* The other subject: its picture, and where it differs from the model's. */
static void set_other(json_t *report, const struct scene *s, const struct finding *f)
{
    json_t *all = json_array();
    struct difference *d;
    uint32_t n;

    if (!f->options->other) {
        json_decref(all);
        return;
    }
    d = differences(s, f->options->other->shows, &n);
    for (uint32_t i = 0; i < n; i++)
        json_array_append_new(all,
                              json_pack("{s:i, s:s, s:s, s:s}", "process", (int)d[i].proc, "what",
                                        d[i].what, "model", d[i].model, "other", d[i].other));
    free(d);
    json_object_set_new(report, "other",
                        json_pack("{s:s, s:o, s:o}", "name", f->options->other->name, "after",
                                  json_snapshot(&s->other_after, s->other_known), "differences",
                                  all));
}

static void set_fault(json_t *report, const struct run_result *r, const struct finding *f)
{
    if (f->options->fault == F_NONE)
        return;
    json_object_set_new(
        report, "fault",
        json_pack("{s:s, s:o, s:o, s:i}", "name", fault_table[f->options->fault].name, "reached",
                  json_u64(r->fault_reached), "triggered", json_u64(r->fault_triggered),
                  "first_triggered_by", (int)r->triggered_at));
}

static void set_shrink(json_t *report, const struct shrink_result *sr)
{
    if (!sr)
        return;
    json_object_set_new(report, "shrink",
                        json_pack("{s:i, s:i, s:i, s:b, s:f}", "evaluations", (int)sr->evaluations,
                                  "operations_before", (int)sr->ops_before, "operations_after",
                                  (int)sr->ops_after, "fixpoint", sr->fixpoint, "seconds",
                                  sr->seconds));
}

void report_json(struct executor *ex, const struct finding *f, FILE *to)
{
    const struct program *p = f->program;
    int rules = f->options->rules >= 0 ? f->options->rules : (int)p->config.rules;
    json_t *report = json_object(), *ops = json_array();
    struct scene s;

    scene_init(&s, ex, f);
    for (uint32_t i = 0; i < p->nr; i++)
        json_array_append_new(ops, json_printed(PRINT_OP, &p->op[i]));
    json_object_set_new(report, "verdict", json_verdict(&s.result));
    json_object_set_new(report, "reproduced", json_boolean(s.fails));
    set_operation(report, &s);
    json_object_set_new(report, "rules", json_string(rules_names[rules]));
    json_object_set_new(report, "without", json_laws(f->options->without));
    json_object_set_new(report, "seed", f->seed ? json_u64(f->seed) : json_null());
    json_object_set_new(report, "file", f->file ? json_string(f->file) : json_null());
    json_object_set_new(report, "replay",
                        has_replay(f) ? json_printed(PRINT_REPLAY, f) : json_null());
    json_object_set_new(report, "program", json_printed(PRINT_PROGRAM, p));
    json_object_set_new(report, "operations", ops);
    json_object_set_new(report, "before", json_snapshot(&s.before, true));
    json_object_set_new(report, "after", json_snapshot(&s.after, s.after_known));
    json_object_set_new(report, "specification", json_snapshot(&s.spec_after, s.spec_known));
    set_other(report, &s, f);
    set_fault(report, &s.result, f);
    set_shrink(report, f->shrink);
    json_dumpf(report, to, JSON_INDENT(2));
    fputc('\n', to);
    json_decref(report);
    scene_fini(&s);
}
