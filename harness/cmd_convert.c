/* SPDX-License-Identifier: GPL-2.0-only */
/* vmafuzz convert and emit-c: a program in another form, on standard output. */
#include "harness/cmd.h"

#include <stdlib.h>
#include <string.h>

static const char convert_doc[] =
    "Print a program in text form or in wire form, whichever form it has. Wire form is what the "
    "fuzzing engines mutate: any bytes are a valid program.\v"
    "Comments and the spelling of names are lost in wire form.\n\n"
    "Exit status: 0 done, 2 bad usage or input.\n\n"
    "Example: vmafuzz convert --to wire program.vma >seed.bin";

static const struct argp_option convert_options[] = {
    {.name = "to", .key = 'T', .arg = "FORM", .doc = "text or wire; by default text"},
    {0},
};

static void print_wire(const struct program *p, const char *file)
{
    size_t size = (p->nr + 1ul) * RECORD_SIZE;
    uint8_t *data = malloc(size);
    if (!data)
        usage_error("out of memory");
    long n = program_encode(p, data, size);
    if (n < 0)
        usage_error("%s: the wire form cannot say this world: %s", file, strerror((int)-n));
    fwrite(data, 1, (size_t)n, stdout);
    free(data);
}

int cmd_convert(int argc, char **argv)
{
    static const struct argp argp = {
        convert_options, parse_file_command, "FILE", convert_doc, NULL, NULL, NULL};
    static const char *const forms[] = {"text", "wire"};
    struct file_command c = {.form = "text"};
    parse_arguments(&argp, argc, argv, &c);
    bool wire = strcmp(c.form, "wire") == 0;
    if (!wire && strcmp(c.form, "text") != 0)
        unknown_name("form", c.form, forms, 2);
    struct program *p = load_or_exit(c.file);
    if (wire)
        print_wire(p, c.file);
    else
        program_print(p, stdout);
    program_free(p);
    return STATUS_CLEAN;
}

static const char emit_c_doc[] =
    "Print a C program that makes the same system calls on Linux and tells what each answered.\v"
    "Exit status: 0 done, 2 bad usage or input.\n\n"
    "Example: vmafuzz emit-c found.vma >found.c && cc -o found found.c && ./found";

int cmd_emit_c(int argc, char **argv)
{
    static const struct argp argp = {NULL, parse_file_command, "FILE", emit_c_doc, NULL, NULL,
                                     NULL};
    struct file_command c = {0};
    parse_arguments(&argp, argc, argv, &c);
    struct program *p = load_or_exit(c.file);
    report_c(p, stdout);
    program_free(p);
    return STATUS_CLEAN;
}
