/* SPDX-License-Identifier: GPL-2.0-only */
/* vmafuzz laws, ops, and the list of vmafuzz faults: what the tables hold, for people. */
#include "harness/cmd.h"

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

static bool known(const char *name, const char *const names[], size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static void check_names(const struct list *list, const char *what, const char *const names[],
                        size_t n)
{
    for (size_t i = 0; i < list->n; i++)
        if (!known(list->names[i], names, n))
            unknown_name(what, list->names[i], names, n);
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
            printf("%-16s %-4s %s\n", law_table[l].name, law_table[l].forms, law_table[l].sentence);
    return STATUS_CLEAN;
}

/* ---- operations ---- */
static const char *const arg_names[] = {
    [ARG_ADDR] = "ADDR",       [ARG_LEN] = "LEN",         [ARG_NEWLEN] = "NEWLEN",
    [ARG_TO] = "TO",           [ARG_OFF] = "OFF",         [ARG_PAGES] = "PAGES",
    [ARG_PROT] = "PROT",       [ARG_MAP] = "FLAGS",       [ARG_MREMAP] = "FLAGS",
    [ARG_MLOCK2] = "FLAGS",    [ARG_MCL] = "FLAGS",       [ARG_MSYNC] = "FLAGS",
    [ARG_UFFD_MODE] = "MODE",  [ARG_FMODE] = "MODE",      [ARG_NODES] = "NODES",
    [ARG_ADVICE] = "ADVICE",   [ARG_POLICY] = "POLICY",   [ARG_RLIMIT] = "LIMIT",
    [ARG_KIND] = "KIND",       [ARG_NAME] = "NAME",       [ARG_FILE] = "FILE",
    [ARG_FILE_OPT] = "[FILE]", [ARG_CONTEXT] = "CONTEXT",
};

static void print_words(enum arg arg)
{
    unsigned n;
    const struct word *words = arg_words(arg, &n);
    if (!words)
        return;
    printf("    %s:", arg_names[arg]);
    for (unsigned i = 0; i < n; i++)
        printf(" %s", words[i].text);
    putchar('\n');
}

static void print_operation(const struct op_info *op, bool words)
{
    static const char *const defines[] = {"", "mapping = ", "file = ", "context = ", "process = "};
    char form[128];
    int used = snprintf(form, sizeof(form), "%s%s", defines[op->def], op->name);
    for (const uint8_t *arg = op->args; *arg != ARG_END; arg++)
        used += snprintf(form + used, sizeof(form) - (size_t)used, " %s", arg_names[*arg]);
    printf("%-56s %6u  %s\n", form, op->weight, op->sentence);
    for (const uint8_t *arg = op->args; words && *arg != ARG_END; arg++)
        print_words(*arg);
}

int cmd_ops(int argc, char **argv)
{
    static const struct argp argp = {
        NULL,
        parse,
        "[NAME...]",
        "List the operations: text form, weight in the generator, meaning.\v"
        "With names, also the words that their arguments can be. The whole text form is described "
        "in docs/program.md.\n\n"
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
    printf("%-24s ", info->name);
    if (info->number)
        printf(" number %u", info->number);
    if (*info->commit)
        printf(" fixed by %s", info->commit);
    printf(" %s\n    %s\n    seen by: %s\n", info->cve, info->title, info->laws);
}

int list_faults(int argc, char **argv)
{
    static const struct argp argp = {
        NULL,
        parse,
        "[NAME...] | measure [OPTION...] [NAME...]",
        "List the catalogued faults, or measure how soon each is found.\v"
        "A fault is switched on by --fault NAME in fuzz, replay, shrink and show. Those with a "
        "number are in the catalogue of historical faults; the others are our own, made so that "
        "every law has one.\n\n"
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
