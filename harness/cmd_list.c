/* SPDX-License-Identifier: GPL-2.0-only */
/* vmafuzz laws, ops, and the list of vmafuzz faults: what the tables hold, for people. */
#include "harness/cmd.h"
#include "harness/codec.h"

#include <string.h>

struct list {
    char **names; /* as given; none: all */
    size_t n;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    (void)arg;
    struct list *list = state->input;
    if (key != ARGP_KEY_ARGS)
        return key == ARGP_KEY_NO_ARGS ? 0 : ARGP_ERR_UNKNOWN;
    list->names = state->argv + state->next;
    list->n = (size_t)(state->argc - state->next);
    return 0;
}

static bool wanted(const struct list *list, const char *name)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->names[i], name) == 0)
            return true;
    return list->n == 0;
}

static void check_names(const struct list *list, const char *what, const char *const names[],
                        size_t n)
{
    for (size_t i = 0; i < list->n; i++)
        parse_name(what, list->names[i], names, n); /* complain before the first one is printed */
}

/* ---- laws ---- */
int cmd_laws(int argc, char **argv)
{
    static const struct argp argp = {
        NULL,
        parse,
        "[NAME...]",
        "List the laws: what holds after every operation.\v"
        "The letters tell how a law is judged: M on all of the model's structures, T on what the "
        "last operation touched, S on a snapshot, X by the executor as it goes.\n\n"
        "Exit status: 0 done, 2 unknown name.",
        NULL,
        NULL,
        NULL};
    struct list list = {0};
    const char *names[NR_LAWS];
    parse_arguments(&argp, argc, argv, &list);
    for (unsigned l = LAW_NONE + 1; l < NR_LAWS; l++)
        names[l - 1] = law_table[l].name;
    check_names(&list, "law", names, NR_LAWS - 1);
    for (unsigned l = LAW_NONE + 1; l < NR_LAWS; l++)
        if (wanted(&list, law_table[l].name))
            put_hanging(law_table[l].sentence,
                        (unsigned)printf("%-16s %-4s", law_table[l].name, law_table[l].forms), 22,
                        stdout);
    return STATUS_CLEAN;
}

/* ---- operations ---- */
static void print_words(const struct op_info *op, enum arg arg)
{
    char line[512];
    unsigned n;
    const struct word *words = arg_words(arg, &n);
    if (!words)
        return;
    if (arg == ARG_PROT && !op_has_prot_words((enum op_kind)(op - op_table)))
        n = W_EXEC + 1;
    int used = snprintf(line, sizeof(line), "%s:", arg_title(arg));
    for (unsigned i = 0; i < n; i++)
        used += snprintf(line + used, sizeof(line) - (size_t)used, " %s", words[i].text);
    put_hanging(line, 4, 8, stdout);
}

static void print_operation(const struct op_info *op, bool words)
{
    char form[OP_FORM_SIZE];

    op_form(op, form);
    printf("%-66s weight %3u\n", form, op->weight);
    put_hanging(op->sentence, 0, 4, stdout);
    for (const uint8_t *arg = op->args; words && *arg != ARG_END; arg++)
        print_words(op, *arg);
}

int cmd_ops(int argc, char **argv)
{
    static const struct argp argp = {
        NULL,
        parse,
        "[NAME...]",
        "List the operations: text form, weight in the generator, meaning.\v"
        "What stands in brackets may be left out. With names, also the words that their arguments "
        "can be; single letters are glued, as in rw. The whole text form is described in "
        "docs/program.md.\n\n"
        "Exit status: 0 done, 2 unknown name.",
        NULL,
        NULL,
        NULL};
    struct list list = {0};
    const char *names[NR_OPS];
    parse_arguments(&argp, argc, argv, &list);
    for (unsigned op = OP_NONE + 1; op < NR_OPS; op++)
        names[op - 1] = op_table[op].name;
    check_names(&list, "operation", names, NR_OPS - 1);
    for (unsigned op = OP_NONE + 1; op < NR_OPS; op++)
        if (wanted(&list, op_table[op].name))
            print_operation(&op_table[op], list.n != 0);
    return STATUS_CLEAN;
}

/* ---- faults ---- */
static void print_fault(const struct fault_info *info)
{
    char facts[64];
    int n = 0;
    facts[0] = '\0';
    if (info->number)
        n += snprintf(facts, sizeof(facts), "number %u ", info->number);
    if (*info->commit)
        n += snprintf(facts + n, sizeof(facts) - (size_t)n, "fixed by %s ", info->commit);
    snprintf(facts + n, sizeof(facts) - (size_t)n, "%s", info->cve);
    put_hanging(facts, (unsigned)printf("%s", info->name), 25, stdout);
    put_hanging(info->title, 0, 4, stdout);
    put_hanging(info->laws, (unsigned)printf("    seen by:"), 13, stdout);
}

int list_faults(int argc, char **argv)
{
    static const struct argp argp = {
        NULL,
        parse,
        "[NAME...] | measure [OPTION...] [NAME...]",
        "List the catalogued faults, or measure how soon each is found.\v"
        "A fault is switched on by --fault NAME in fuzz, live, replay, shrink, show and draw. "
        "Those with a commit are bugs that Linux had, which it fixed there; faults of one number "
        "are forms of one bug. The others are our own, made so that every law has one. "
        "corpus/bugs/NAME.vma shows it.\n\n"
        "`vmafuzz faults measure --help' describes the measurement.\n\n"
        "Exit status: 0 done, 2 unknown name.",
        NULL,
        NULL,
        NULL};
    struct list list = {0};
    const char *names[NR_FAULTS];
    parse_arguments(&argp, argc, argv, &list);
    for (unsigned f = F_NONE + 1; f < NR_FAULTS; f++)
        names[f - 1] = fault_table[f].name;
    check_names(&list, "fault", names, NR_FAULTS - 1);
    for (unsigned f = F_NONE + 1; f < NR_FAULTS; f++)
        if (wanted(&list, fault_table[f].name))
            print_fault(&fault_table[f]);
    return STATUS_CLEAN;
}
