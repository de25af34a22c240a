/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A program as C source that makes the same system calls on Linux. Each operation is a line of the
 * column below; what has no system call, and failing allocations, become comments. Page n of the
 * program is at BASE + n * PAGE, the heap starts at the real program break, and `task` is the real
 * end of user space. Processes are real ones: report_c_procs.c. A write puts its operation's number
 * into the first bytes of the page; what reads answers them.
 */
#define _GNU_SOURCE
#include "harness/codec.h"
#include "harness/report_c.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* %A addr %L len %N new len %T to %O offset in bytes %o in pages %P pages
 * %p prot %f flags %s choice %F file used %D file made %U context used %M context made
 * %K pin used %k pin made
 * %H start_brk %i line, which is what writes put %C number of the child %R model's answer */
static const struct {
    const char *call;
    unsigned parts;
} column[NR_OPS] = {
    [OP_MMAP] = {"sys(syscall(SYS_mmap, %A, %L, %p, %f, %F, %O))", 0},
    [OP_MUNMAP] = {"sys(syscall(SYS_munmap, %A, %L))", 0},
    [OP_MPROTECT] = {"sys(syscall(SYS_mprotect, %A, %L, %p))", 0},
    [OP_MREMAP] = {"sys(syscall(SYS_mremap, %A, %L, %N, %f, %T))", 0},
    [OP_BRK] = {"syscall(SYS_brk, %A) - (long)(heap - BASE - %H * PAGE)", PART_BRK},
    [OP_MLOCK] = {"sys(syscall(SYS_mlock, %A, %L))", 0},
    [OP_MLOCK2] = {"sys(syscall(SYS_mlock2, %A, %L, %f))", 0},
    [OP_MUNLOCK] = {"sys(syscall(SYS_munlock, %A, %L))", 0},
    [OP_MLOCKALL] = {"sys(syscall(SYS_mlockall, %f))", 0},
    [OP_MUNLOCKALL] = {"sys(syscall(SYS_munlockall))", 0},
    [OP_MADVISE] = {"sys(syscall(SYS_madvise, %A, %L, %s))", 0},
    [OP_MBIND] = {"bind_nodes(%A, %L, %s, %f)", PART_BIND},
    [OP_NAME] = {"sys(prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, %A, %L, %s))", PART_NAME},
    [OP_REMAP_FILE_PAGES] = {"sys(syscall(SYS_remap_file_pages, %A, %L, %p, %o, 0))", 0},
    [OP_MINCORE] = {"resident(%A, %L)", PART_MINCORE},
    [OP_MSYNC] = {"sys(syscall(SYS_msync, %A, %L, %f))", 0},
    [OP_READ] = {"get(%A)", PART_ACCESS},
    [OP_WRITE] = {"put(%A, %i)", PART_ACCESS},
    [OP_FILL] = {"put(%A, %s * 0x1111111111111111)", PART_ACCESS},
    [OP_POKE] = {"remote(SYS_process_vm_writev, %A, %i)", PART_REMOTE},
    [OP_PEEK] = {"remote(SYS_process_vm_readv, %A, 0)", PART_REMOTE},
    [OP_FORCE] = {"force(%A, %i)", PART_FORCE},
    [OP_RECLAIM] = {"sys(syscall(SYS_madvise, %A, %L, MADV_PAGEOUT))", 0},
    [OP_SETRLIMIT] = {"limit(%s, %P)", PART_LIMIT},
    [OP_OPEN] = {"file_open(%D, %s, %f, %P)", PART_FILE},
    [OP_REOPEN] = {"file_reopen(%D, %F, %f)", PART_FILE},
    [OP_DUP] = {"file_keep(%D, dup(%F))", PART_FILE},
    [OP_CLOSE] = {"file_close(&%F)", PART_FILE},
    [OP_SEAL] = {"sys(fcntl(%F, F_ADD_SEALS, F_SEAL_WRITE))", PART_FILE},
    [OP_UFFD] = {"context_new(%M)", PART_UFFD},
    [OP_UFFD_CLOSE] = {"file_close(&%U)", PART_UFFD},
    [OP_UFFD_REGISTER] = {"context_register(%U, %A, %L, %f)", PART_UFFD},
    [OP_UFFD_UNREGISTER] = {"context_unregister(%U, %A, %L)", PART_UFFD},
    [OP_PIN] = {"device_pin(%k, %A)", PART_DEVICE},
    [OP_UNPIN] = {"device_unpin(%K)", PART_DEVICE},
    [OP_DEVICE_READ] = {"device_read(%K)", PART_DEVICE},
    [OP_DEVICE_WRITE] = {"device_write(%K, %i)", PART_DEVICE},
    [OP_FORK] = {"fork_as(%i, %C, %R)", PART_PROCS},
    [OP_EXIT] = {"exit_as(%i)", PART_PROCS},
};

static const char head[] = "#define _GNU_SOURCE\n"
                           "#include <errno.h>\n"
                           "#include <fcntl.h>\n"
                           "#include <setjmp.h>\n"
                           "#include <signal.h>\n"
                           "#include <stdio.h>\n"
                           "#include <stdlib.h>\n"
                           "#include <string.h>\n"
                           "#include <sys/ioctl.h>\n"
                           "#include <sys/mman.h>\n"
                           "#include <sys/resource.h>\n"
                           "#include <sys/syscall.h>\n"
                           "#include <sys/uio.h>\n"
                           "#include <unistd.h>\n";

static const char common[] =
    "\n"
    "#define PAGE 4096UL\n"
    "#define BASE 0x400000000000UL /* page 0 of the program */\n"
    "#define TASK 0x7ffffffff000UL /* the end of user space */\n"
    "#define SOME ((long)(~0UL >> 1)) /* an address that is the kernel's choice */\n"
    "#ifndef MADV_COLLAPSE\n"
    "#define MADV_COLLAPSE 25\n"
    "#endif\n"
    "\n"
    "static __attribute__((unused)) long sys(long ret)\n"
    "{\n"
    "    return ret == -1 ? -errno : ret;\n"
    "}\n"
    "\n"
    "/* Addresses are in pages of the program where they are its own. */\n"
    "static __attribute__((unused)) void say(long ret)\n"
    "{\n"
    "    unsigned long n = (unsigned long)ret;\n"
    "\n"
    "    if (ret == SOME)\n"
    "        printf(\"an address\");\n"
    "    else if (ret < 0)\n"
    "        printf(\"-%d (%s)\", (int)-ret, strerror((int)-ret));\n"
    "    else if (n >= BASE && n < BASE + (1UL << 40))\n"
    "        printf(\"page %#lx\", (n - BASE) / PAGE);\n"
    "    else\n"
    "        printf(\"%#lx\", n);\n"
    "}\n"
    "\n"
    "/* Prints what a call answered, and what the model does if that is something else. */\n"
    "static __attribute__((unused)) unsigned long answer(unsigned line, const char *name,\n"
    "                                                    long ret, long model)\n"
    "{\n"
    "    printf(\"%u: %s -> \", line, name);\n"
    "    say(ret);\n"
    "    if (ret != model && (model != SOME || ret < 0)) {\n"
    "        printf(\"   <- model: \");\n"
    "        say(model);\n"
    "    }\n"
    "    putchar('\\n');\n"
    "    return ret < 0 ? BASE : (unsigned long)ret;\n"
    "}\n"
    "\n"
    "static __attribute__((unused)) void not_made(unsigned line, const char *name)\n"
    "{\n"
    "    printf(\"%u: %s (not made)\\n\", line, name);\n"
    "}\n";

/* ---- numbers and words ---- */

static void put_name(unsigned name, FILE *to)
{
    if (name <= 26)
        fputc('a' + (int)name - 1, to);
    else
        fprintf(to, "m%u", name);
}

static void put_pages(int64_t pages, int bytes, FILE *to)
{
    if (pages)
        fprintf(to, " %c %#" PRIx64 " * PAGE", pages < 0 ? '-' : '+', (uint64_t)llabs(pages));
    if (bytes)
        fprintf(to, " %c %#x", bytes < 0 ? '-' : '+', (unsigned)abs(bytes));
}

/* A plain number of pages, in bytes. */
static void put_length(const struct world_config *c, const struct value *v, FILE *to)
{
    if (v->anchor == ANCHOR_MAPPING) {
        put_name(v->name, to);
        fputs(" - BASE", to);
    } else if (v->anchor == ANCHOR_TASK) {
        fputs("TASK", to);
    } else if (v->anchor == ANCHOR_BASE || v->anchor == ANCHOR_BRK) {
        fprintf(to, "%#" PRIx64 " * PAGE", v->anchor == ANCHOR_BASE ? c->mmap_base : c->start_brk);
    } else if (v->anchor == ANCHOR_ZERO && v->pages > 0) {
        fprintf(to, "%#x * PAGE", (unsigned)v->pages);
        put_pages(0, v->bytes, to);
        return;
    } else {
        fputs("0UL", to);
    }
    put_pages(v->pages, v->bytes, to);
}

static void put_address(const struct world_config *c, const struct op *op, const struct value *v,
                        FILE *to)
{
    int64_t pages = v->pages;

    switch ((enum anchor)v->anchor) {
    case ANCHOR_MAPPING:
        put_name(v->name, to);
        break;
    case ANCHOR_TASK:
        fputs("TASK", to);
        break;
    case ANCHOR_BRK:
        fputs("heap", to);
        break;
    case ANCHOR_TOP:
        fputs("0UL", to); /* 2^64 */
        break;
    default:
        if (v->anchor == ANCHOR_BASE)
            pages += (int64_t)c->mmap_base;
        if (op->kind == OP_BRK)
            pages -= (int64_t)c->start_brk;
        if (op->kind == OP_MMAP && !pages && !v->bytes) {
            fputs("0UL", to); /* no hint */
            return;
        }
        fputs(op->kind == OP_BRK ? "heap" : "BASE", to);
    }
    put_pages(pages, v->bytes, to);
}

static const char *word_prefix(enum arg arg)
{
    switch (arg) {
    case ARG_PROT:
        return "PROT_";
    case ARG_MAP:
        return "MAP_";
    case ARG_MREMAP:
        return "MREMAP_";
    case ARG_MLOCK2:
        return "MLOCK_";
    case ARG_MCL:
        return "MCL_";
    case ARG_MSYNC:
        return "MS_";
    case ARG_ADVICE:
        return "MADV_";
    case ARG_RLIMIT:
        return "RLIMIT_";
    case ARG_KIND:
        return "";
    default:
        return NULL; /* a plain number */
    }
}

static void put_word(enum arg arg, const struct word *w, FILE *to)
{
    static const char *const spelled[][2] = {
        {"r", "READ"},
        {"w", "WRITE"},
        {"x", "EXEC"},
        {"anon", "ANONYMOUS"},
        {"noreplace", "FIXED_NOREPLACE"},
    };
    const char *prefix = word_prefix(arg), *text = w->text;

    /* 0x200: growing-up stacks are not for every architecture. */
    if (!prefix || !strcmp(text, "invalid") || (arg == ARG_MAP && w->abi == MAP_GROWSUP)) {
        fprintf(to, "%#x", w->abi);
        return;
    }
    for (size_t i = 0; i < sizeof(spelled) / sizeof(spelled[0]); i++)
        if (!strcmp(text, spelled[i][0]))
            text = spelled[i][1];
    fputs(prefix, to);
    for (; *text; text++)
        fputc(toupper((unsigned char)*text), to);
}

static void put_words(enum arg arg, uint32_t bits, FILE *to)
{
    unsigned n;
    const struct word *words = arg_words(arg, &n);
    bool any = false;

    for (unsigned i = 0; i < n; i++) {
        if (!(bits >> i & 1))
            continue;
        fputs(any ? " | " : "", to);
        put_word(arg, &words[i], to);
        any = true;
    }
    if (!any)
        fputs(arg == ARG_PROT ? "PROT_NONE" : "0", to);
}

/* enum file_mode as open's flags; noexec is a matter of the file system. */
static void put_mode(uint32_t bits, FILE *to)
{
    static const char *const modes[] = {"3", "O_RDONLY", "O_WRONLY", "O_RDWR"};

    fputs(modes[bits & (FMODE_READ | FMODE_WRITE)], to);
    if (bits & FMODE_APPEND)
        fputs(" | O_APPEND", to);
}

static void put_flags(const struct op *op, FILE *to)
{
    for (const uint8_t *a = op_table[op->kind].args; *a != ARG_END; a++) {
        if (*a == ARG_FMODE)
            put_mode(op->flags, to);
        else if (arg_is_flags((enum arg) * a))
            put_words((enum arg) * a, op->flags, to);
    }
}

static void put_choice(const struct op *op, FILE *to)
{
    for (const uint8_t *a = op_table[op->kind].args; *a != ARG_END; a++) {
        unsigned n;
        const struct word *words = arg_words((enum arg) * a, &n);

        if (!arg_is_choice((enum arg) * a))
            continue;
        if (*a != ARG_NAME)
            put_word((enum arg) * a, &words[op->sel % n], to);
        else if (words[op->sel % n].abi)
            fprintf(to, "\"%s\"", words[op->sel % n].text);
        else
            fputs("NULL", to);
    }
}

/* ---- operations ---- */

static const struct value *value_of(const struct op *op, enum arg arg)
{
    const struct value *v = op->v;

    for (const uint8_t *a = op_table[op->kind].args; *a != arg; a++)
        v += arg_is_value((enum arg) * a);
    return v;
}

static void put_file(const struct op *op, FILE *to)
{
    if (op->obj)
        fprintf(to, "file[%u]", op->obj - 1);
    else
        fputs("-1", to);
}

static void put_number(const struct world_config *c, const struct op *op, FILE *to)
{
    const struct value *v = value_of(op, ARG_PAGES);

    if (v->anchor == ANCHOR_ZERO)
        fprintf(to, "%dUL", v->pages < 0 ? 0 : v->pages);
    else if (v->anchor == ANCHOR_TOP && v->pages >= 0)
        fputs("~0UL", to);
    else {
        fputc('(', to);
        put_length(c, v, to);
        fputs(") / PAGE", to);
    }
}

static void put_part(const struct world_config *c, const struct op *op, char part, FILE *to)
{
    switch (part) {
    case 'A':
        return put_address(c, op, value_of(op, ARG_ADDR), to);
    case 'L':
        return put_length(c, value_of(op, ARG_LEN), to);
    case 'N':
        return put_length(c, value_of(op, ARG_NEWLEN), to);
    case 'T':
        return put_address(c, op, value_of(op, ARG_TO), to);
    case 'O':
        return put_length(c, value_of(op, ARG_OFF), to);
    case 'o':
        fputc('(', to);
        put_length(c, value_of(op, ARG_OFF), to);
        fputs(") / PAGE", to);
        return;
    case 'P':
        return put_number(c, op, to);
    case 'p':
        return put_words(ARG_PROT, op->prot, to);
    case 'f':
        return put_flags(op, to);
    case 's':
        return put_choice(op, to);
    case 'F':
        return put_file(op, to);
    case 'H':
        fprintf(to, "%#" PRIx64, c->start_brk);
        return;
    case 'D':
        fprintf(to, "&file[%u]", op->def ? op->def - 1 : 0);
        return;
    case 'C':
        fprintf(to, "%u", op->def ? op->def - 1 : 0);
        return;
    case 'k':
        fprintf(to, "%u", op->def - 1);
        return;
    case 'K':
        fprintf(to, "%u", op->obj - 1);
        return;
    case 'U':
        fprintf(to, "context[%u]", op->obj ? op->obj - 1 : 0);
        return;
    default:
        fprintf(to, "&context[%u]", op->def ? op->def - 1 : 0);
    }
}

/* Text that comes from a program may hold what would end the comment. */
static void put_comment(const char *text, FILE *to)
{
    char last = ' ';

    fputs("/* ", to);
    for (; *text; last = *text++) {
        if ((last == '*' && *text == '/') || (last == '/' && *text == '*'))
            fputc(' ', to);
        fputc(*text, to);
    }
    fputs(" */", to);
}

static void put_op_comment(const struct op *op, FILE *to)
{
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);

    if (!memory)
        return;
    op_print(op, memory);
    fclose(memory);
    put_comment(text, to);
    free(text);
}

static bool is_for_writing(const struct op *pin)
{
    unsigned n;
    const struct word *modes = arg_words(ARG_PIN_MODE, &n);

    return modes[pin->sel % n].abi;
}

static bool has_call(const struct op *op)
{
    for (const uint8_t *a = op_table[op->kind].args; *a != ARG_END; a++)
        if ((*a == ARG_FILE || *a == ARG_CONTEXT || *a == ARG_PIN) && !op->obj)
            return false;
    if (op->kind == OP_PIN && (!op->def || !is_for_writing(op))) /* no device only reads */
        return false;
    if (op->kind == OP_FORCE && op->flags) /* needs somebody else, just in time */
        return false;
    return column[op->kind].call && !op->fail;
}

unsigned report_c_left_out(const struct program *p)
{
    unsigned n = 0;

    for (uint32_t i = 0; i < p->nr; i++)
        n += p->op[i].kind != OP_NONE && !has_call(&p->op[i]);
    return n;
}

/* ---- the model's answers ---- */
struct answers {
    bool window;     /* even what the kernel chooses is as in the model */
    uint64_t chosen; /* bit n - 1: the mapping of name n is where the kernel wanted it */
    long *of;        /* operation number */
};
#define SOME ((long)(~0UL >> 1)) /* as in the source */

static bool has_choice(const struct answers *a, const struct op *op)
{
    for (unsigned i = 0; i < MAX_VALUES; i++)
        if (op->v[i].anchor == ANCHOR_MAPPING && a->chosen >> (op->v[i].name - 1) & 1)
            return true;
    return false;
}

static void keep_answer(void *arg, int index, const struct op *op, const struct call *call,
                        long ret)
{
    struct answers *a = arg;
    const bool maps = op && (op->kind == OP_MMAP || op->kind == OP_MREMAP);
    const uint64_t name = maps && op->def ? UINT64_C(1) << (op->def - 1) : 0;

    if (index < 0)
        return;
    a->of[index] = ret;
    a->chosen &= ~name;
    if (!maps || ret < 0 || a->window)
        return;
    if (has_choice(a, op) || ((uint64_t)ret != call->addr && (uint64_t)ret != call->to)) {
        a->of[index] = SOME;
        a->chosen |= name;
    }
}

/* To the calls that the source makes, and no others. False: no memory. */
static bool ask_model(struct executor *ex, const struct program *p, struct answers *a)
{
    const struct run_options o = {.rules = -1, .trace = keep_answer, .trace_arg = a};
    struct program *made = program_new(p->nr);
    struct run_result r;

    a->of = calloc(p->nr + 1ul, sizeof(*a->of));
    if (!made || !a->of || program_copy(made, p) != 0) {
        program_free(made);
        return false;
    }
    for (uint32_t i = 0; i < made->nr; i++)
        if (!has_call(&made->op[i]))
            made->op[i].kind = OP_NONE;
    executor_run(ex, made, &o, &r);
    program_free(made);
    return true;
}

static void put_model(const struct op *op, long answer, FILE *to)
{
    const bool address = op->kind == OP_MMAP || op->kind == OP_MREMAP || op->kind == OP_BRK;

    if (answer == SOME)
        fputs("SOME", to);
    else if (answer_error(answer))
        fprintf(to, "-%s", answer_error(answer));
    else if (address)
        fprintf(to, "BASE + %#lx", (unsigned long)answer);
    else
        fprintf(to, "%#lx", (unsigned long)answer);
}

static void put_call(const struct program *p, uint32_t i, const struct answers *a, FILE *to)
{
    const struct op *op = &p->op[i];
    bool life = op->kind == OP_FORK || op->kind == OP_EXIT; /* these answer by themselves */

    if (op->def && op_table[op->kind].def == DEF_MAPPING) {
        put_name(op->def, to);
        fputs(" = ", to);
    }
    if (!life)
        fprintf(to, "answer(%u, \"%s\", ", i + 1, op_table[op->kind].name);
    for (const char *c = column[op->kind].call; *c; c++) {
        if (*c == '%' && c[1] == 'i')
            fprintf(to, "%u", (++c, i + 1));
        else if (*c == '%' && c[1] == 'R')
            put_model(op, (++c, a->of[i]), to);
        else if (*c == '%')
            put_part(&p->config, op, *++c, to);
        else
            fputc(*c, to);
    }
    if (!life) {
        fputs(", ", to);
        put_model(op, a->of[i], to);
        fputc(')', to);
    }
    fputs(";\n", to);
}

/* turns: those before it, counted on; NULL: there is one process only. */
static void put_op(const struct program *p, uint32_t i, const struct answers *a, unsigned *turns,
                   FILE *to)
{
    const struct op *op = &p->op[i];
    const bool made = has_call(op), life = op->kind == OP_FORK || op->kind == OP_EXIT;

    if (op->kind == OP_NONE)
        return;
    fputs("\n    ", to);
    put_op_comment(op, to);
    fputs(made ? "" : " /* cannot be done from here */", to);
    fputs("\n    ", to);
    if (turns)
        fprintf(to, "if (turn(%u, %u)) {\n        ", ++*turns, op->proc);
    if (made)
        put_call(p, i, a, to);
    else
        fprintf(to, "not_made(%u, \"%s\");\n", i + 1, op_table[op->kind].name);
    if (turns)
        fputs(made && life ? "    }\n" : "        done();\n    }\n", to);
}

static bool names_are_used(const struct program *p, bool used[MAX_NAMES + 1])
{
    bool any = false;

    for (uint32_t i = 0; i < p->nr; i++) {
        const struct op *op = &p->op[i];
        unsigned slot = 0;

        if (!has_call(op))
            continue;
        for (const uint8_t *a = op_table[op->kind].args; *a != ARG_END; a++) {
            if (!arg_is_value((enum arg) * a))
                continue;
            if (op->v[slot].anchor == ANCHOR_MAPPING)
                used[op->v[slot].name] = any = true;
            slot++;
        }
        if (op->def && op_table[op->kind].def == DEF_MAPPING)
            used[op->def] = any = true;
    }
    return any;
}

static bool heap_is_used(const struct program *p)
{
    for (uint32_t i = 0; i < p->nr; i++)
        for (unsigned v = 0; v < MAX_VALUES; v++)
            if (p->op[i].kind == OP_BRK || p->op[i].v[v].anchor == ANCHOR_BRK)
                return true;
    return false;
}

static unsigned parts_of(const struct program *p)
{
    unsigned parts = 0;

    for (uint32_t i = 0; i < p->nr; i++) {
        const struct op *op = &p->op[i];

        if (has_call(op))
            parts |= column[op->kind].parts;
        if (has_call(op) && op->kind == OP_MMAP && op->obj)
            parts |= PART_FILE;
    }
    if (p->header && strstr(p->header, "# kernel:"))
        parts |= PART_WINDOW;
    return parts | (heap_is_used(p) ? PART_BRK : 0);
}

/* Names live in memory that all processes share. */
static void put_shared_names(const bool used[MAX_NAMES + 1], unsigned parts, FILE *to)
{
    fputc('\n', to);
    for (unsigned n = 1; n <= MAX_NAMES; n++) {
        if (!used[n])
            continue;
        fputs("#define ", to);
        put_name(n, to);
        fprintf(to, " shared->name[%u]\n", n);
    }
    if (parts & PART_FILE)
        fputs("#define file shared->file\n", to);
    if (parts & PART_UFFD)
        fputs("#define context shared->context\n", to);
}

static void put_own_names(const bool used[MAX_NAMES + 1], unsigned parts, FILE *to)
{
    const char *before = "    unsigned long ";

    for (unsigned n = 1; n <= MAX_NAMES; n++) {
        if (!used[n])
            continue;
        fputs(before, to);
        put_name(n, to);
        fputs(" = BASE", to);
        before = ", ";
    }
    if (*before == ',')
        fputs(";\n", to);
    if (parts & PART_FILE)
        fprintf(to, "    int file[%d];\n", MAX_FDS);
    if (parts & PART_UFFD)
        fprintf(to, "    int context[%d];\n", MAX_FDS);
}

static bool wants_huge_pages(const struct program *p)
{
    for (uint32_t i = 0; i < p->nr; i++)
        if (p->op[i].kind == OP_MADVISE &&
            (p->op[i].sel == W_HUGEPAGE || p->op[i].sel == W_COLLAPSE))
            return true;
    return false;
}

static void put_start(const struct program *p, unsigned parts, FILE *to)
{
    fputs("\n    setvbuf(stdout, out, _IOLBF, sizeof(out));\n", to);
    if (parts & PART_ACCESS)
        fputs("    signal(SIGSEGV, on_fault);\n    signal(SIGBUS, on_fault);\n", to);
    if (parts & PART_ACCESS && parts & PART_UFFD)
        fputs("    sigaction(SIGBUS, &(struct sigaction){.sa_sigaction = on_missing,\n"
              "                                          .sa_flags = SA_SIGINFO},\n"
              "              NULL);\n",
              to);
    if (parts & PART_DEVICE) /* before it is forked, and while it may */
        fputs("    device_start();\n", to);
    if ((parts & PART_WINDOW) && (parts & PART_PROCS))
        fputs("    processes_map();\n", to);
    if (parts & PART_WINDOW)
        put_window_start(&p->config, wants_huge_pages(p), to);
    if (parts & PART_BRK)
        fputs("    heap = ((unsigned long)syscall(SYS_brk, 0UL) + PAGE - 1) & ~(PAGE - 1);\n"
              "    syscall(SYS_brk, heap);\n",
              to);
    if ((parts & PART_PROCS) && !(parts & PART_WINDOW))
        fputs("    processes_map();\n", to);
    if (parts & PART_PROCS)
        fputs("    processes_start();\n", to);
    if (parts & PART_FILE && !(parts & PART_PROCS))
        fputs("    memset(file, -1, sizeof(file));\n", to);
    if (parts & PART_UFFD && !(parts & PART_PROCS))
        fputs("    memset(context, -1, sizeof(context));\n", to);
}

static void put_main(const struct program *p, unsigned parts, const struct answers *a, FILE *to)
{
    bool used[MAX_NAMES + 1] = {false}, procs = parts & PART_PROCS;
    bool any = names_are_used(p, used);
    unsigned turns = 0;

    if (procs)
        put_shared_names(used, parts, to);
    fputs("\nint main(void)\n{\n    static char out[BUFSIZ]; /* no buffer from the heap */\n", to);
    if (!procs)
        put_own_names(used, parts, to);
    if (parts & PART_BRK)
        fputs("    unsigned long heap;\n", to);
    put_start(p, parts, to);
    for (uint32_t i = 0; i < p->nr; i++)
        put_op(p, i, a, procs ? &turns : NULL, to);
    if (any && !procs)
        fputc('\n', to);
    for (unsigned n = 1; n <= MAX_NAMES && !procs; n++) {
        if (!used[n])
            continue;
        fputs("    (void)", to);
        put_name(n, to);
        fputs(";\n", to);
    }
    if (procs)
        fprintf(to, "    return processes_end(%u);\n}\n", turns);
    else
        fputs("    return 0;\n}\n", to);
}

static void put_title(const struct program *p, FILE *to)
{
    char *header = p->header ? strdup(p->header) : NULL;

    fputs("/* The system calls of a vmafuzz program, on Linux: cc -o repro repro.c && ./repro */\n",
          to);
    fprintf(to, "/* rules: %s */\n", rules_names[p->config.rules]);
    for (char *rest = header, *line; rest && (line = strsep(&rest, "\n"));) {
        if (!*line)
            continue;
        put_comment(line, to);
        fputc('\n', to);
    }
    free(header);
}

void report_c(struct executor *ex, const struct program *p, FILE *to)
{
    unsigned parts = parts_of(p);
    struct answers a = {.window = parts & PART_WINDOW};

    if (!ask_model(ex, p, &a)) {
        free(a.of);
        fputs("#error out of memory\n", to);
        return;
    }
    put_title(p, to);
    fputs(head, to);
    fputs(common, to);
    if (parts & PART_PROCS)
        put_processes(to);
    if (parts & PART_WINDOW)
        put_window(&p->config, to);
    else if (parts & PART_LIMIT)
        fputs("\nstatic const unsigned long own_total = 0, own_data = 0;\n", to);
    put_parts(parts, to);
    put_main(p, parts, &a, to);
    free(a.of);
}
