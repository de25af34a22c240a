/* SPDX-License-Identifier: GPL-2.0-only */
/* vmafuzz convert and emit-c: a program in another form, on standard output or in a file. */
#include "harness/cmd.h"

#include <stdlib.h>
#include <string.h>

#define OUT_OPTION                                                                                 \
    {                                                                                              \
        .name = "out", .key = 'o', .arg = "FILE", .doc = "Write there, all of it or nothing"       \
    }

static const char convert_doc[] =
    "Print a program in text form or in wire form, whichever form it has. Wire form is what the "
    "fuzzing engines mutate: any bytes are a valid program.\v"
    "Comments and the spelling of names are lost in wire form.\n\n"
    "Exit status: 0 done, 2 bad usage or input.\n\n"
    "Example: vmafuzz convert --to wire program.vma --out seed.bin";

static const struct argp_option convert_options[] = {
    {.name = "to", .key = 'T', .arg = "FORM", .doc = "text or wire; by default text"},
    OUT_OPTION,
    {0},
};

static void print_text(const void *what, FILE *to)
{
    program_print(what, to);
}

static void convert_to_wire(const struct program *p, const struct file_command *c)
{
    size_t size = (p->nr + 1ul) * RECORD_SIZE;
    uint8_t *data = malloc(size);
    if (!data)
        usage_error("out of memory");
    long n = program_encode(p, data, size);
    if (n < 0)
        usage_error("%s: the wire form cannot say this world: %s", c->file, strerror((int)-n));
    print_or_save(c->out, print_bytes, &(struct bytes){data, (size_t)n});
    free(data);
}

int cmd_convert(int argc, char **argv)
{
    static const struct argp argp = {
        convert_options, parse_file_command, "FILE", convert_doc, NULL, NULL, NULL};
    static const char *const forms[] = {"text", "wire"};
    struct file_command c = {.form = "text"};
    parse_arguments(&argp, argc, argv, &c);
    bool wire = parse_name("form", c.form, forms, 2) == 1;
    struct program *p = load_or_exit(c.file);
    if (wire)
        convert_to_wire(p, &c);
    else
        print_or_save(c.out, print_text, p);
    program_free(p);
    return STATUS_CLEAN;
}

static const char emit_c_doc[] =
    "Print a C program that makes the same system calls on Linux and tells what each answered, and "
    "what the model does if that is something else: `<- model: ...'.\v"
    "What a program cannot ask of Linux, as to migrate a page or to pin it, is left out: the C "
    "program says `not made' there, and here a line on standard error counts it. The model's "
    "answers are those to the calls that are left. The processes are real ones, each doing its "
    "operations in turn.\n\n"
    "Exit status: 0 done, 2 bad usage or input.\n\n"
    "Example: vmafuzz emit-c found.vma -o found.c && cc -o found found.c && ./found";

static const struct argp_option emit_c_options[] = {OUT_OPTION, {0}};

int cmd_emit_c(int argc, char **argv)
{
    static const struct argp argp = {
        emit_c_options, parse_file_command, "FILE", emit_c_doc, NULL, NULL, NULL};
    struct file_command c = {0};
    parse_arguments(&argp, argc, argv, &c);
    struct program *p = load_or_exit(c.file);
    const struct c_source source = {executor_or_exit(), p};
    const unsigned left_out = report_c_left_out(p);
    if (left_out)
        complain("%s: %u of %u operations cannot be made from C and %s left out", c.file, left_out,
                 p->nr, left_out == 1 ? "is" : "are");
    print_or_save(c.out, print_c, &source);
    executor_free(source.ex);
    program_free(p);
    return STATUS_CLEAN;
}
