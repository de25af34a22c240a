/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the `vmafuzz` command share: commands, exit statuses, options that several
 * commands take, signals, the progress line. Nothing outside the command includes this.
 */
#ifndef HARNESS_CMD_H
#define HARNESS_CMD_H

#include "harness/harness.h"
#include "harness/linux/live.h"

#include <argp.h>
#include <signal.h>

enum status { STATUS_CLEAN = 0, STATUS_FOUND = 1, STATUS_USAGE = 2 };

struct command {
    const char *name, *sentence;
    int (*run)(int argc, char **argv); /* argv[0] is "vmafuzz NAME"; returns the exit status */
};
int cmd_fuzz(int argc, char **argv);
int cmd_live(int argc, char **argv);
int cmd_replay(int argc, char **argv);
int cmd_shrink(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_draw(int argc, char **argv);
int cmd_convert(int argc, char **argv);
int cmd_emit_c(int argc, char **argv);
int cmd_faults(int argc, char **argv);
int cmd_laws(int argc, char **argv);
int cmd_ops(int argc, char **argv);
int list_faults(int argc, char **argv); /* the part of cmd_faults() that does not run anything */

/* ---- messages ---- */
/* One line on standard error, with "vmafuzz: " before it. */
void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same, then exit status 2. */
_Noreturn void usage_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Which of the names it is: *at. False: "unknown WHAT 'NAME'; did you mean 'NEAREST'?" */
bool find_name(const char *what, const char *name, const char *const names[], size_t n, size_t *at,
               char *message, size_t size);
/* "s", but not after one. */
static inline const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

/* ---- options ---- */
/* find_name(), or its message and exit status 2. */
size_t parse_name(const char *what, const char *name, const char *const names[], size_t n);
uint64_t parse_number(const char *option, const char *text, uint64_t min, uint64_t max);
double parse_seconds(const char *option, const char *text);
enum fault_id parse_fault(const char *name);
int parse_rules(const char *name);
uint64_t parse_laws(const char *names); /* LAW_BITs of the names between commas */

/* --rules, --fault and --without, for every command that runs programs: a child of its argp. */
struct subject_options {
    int rules; /* -1: the program's own, or all in turn */
    enum fault_id fault;
    uint64_t without; /* LAW_BITs */
};
extern const struct argp subject_argp;

/* For the parsers of all argps: refuses an option whose value would replace an earlier one. */
void refuse_twice(int key, const char *arg, const struct argp_state *state);
/* argp_parse() with our exit status for bad usage. */
void parse_arguments(const struct argp *argp, int argc, char **argv, void *input);

/* For commands whose argument is one file: their argp's parser and its input. */
struct file_command {
    const char *file, *out, *form;
    struct subject_options subject;
    uint64_t evaluations;
    double seconds;
    bool json;
};
error_t parse_file_command(int key, char *arg, struct argp_state *state);

/* Loads the program or exits with status 2 and the reason. */
struct program *load_or_exit(const char *path);
struct executor *executor_or_exit(void);
/* A file_printer, of a struct bytes. */
struct bytes {
    const void *data;
    size_t size;
};
void print_bytes(const void *bytes, FILE *to);
/* To the file `out`, all of it or nothing, or to standard output if that is NULL. */
void print_or_save(const char *out, file_printer *print, const void *what);
/* report_c() as a file_printer, of a struct c_source. */
struct c_source {
    struct executor *ex;
    const struct program *program;
};
void print_c(const void *source, FILE *to);
/* run_options_strict with these: every law, but those left out, after every operation. */
struct run_options subject_run_options(const struct subject_options *subject);

/* What is wanted of the running kernel, for commands that run on it: a child of their argp, whose
 * input is a struct live. It begins with live_init(), and refuses what does not go together. */
extern const struct argp live_argp;
/* --show-quirks, for those to whom a quirk is a find; its input is that struct live, too. */
extern const struct argp quirks_argp;
/* --on linux, and those options with it, for commands that need not run there. */
struct on_linux {
    bool chosen;
    struct live live;
};
extern const struct argp on_linux_argp;
void live_open_or_exit(struct live *live);

/* --kernel and --memory, for commands that run on a Linux kernel: a child of their argp. */
struct guest_choice {
    const char *image; /* NULL: the running kernel */
    unsigned memory;   /* MiB; 0: the default */
};
extern const struct argp guest_argp;
/* The command line once more, on the image's kernel. There is_in_guest(), and --kernel and --out
 * are of no concern. files: see struct guest_options; out: where finds go on the host, or NULL.
 * Returns the exit status. */
int run_in_guest(const struct guest_choice *c, const char *command, int argc, char **argv,
                 char *const *files, const char *out);
bool is_in_guest(void);

/* ---- signals ---- */
extern volatile bool stop_requested; /* SIGINT or SIGTERM has come */
void catch_stop_signals(void);       /* from now on they only set the flag */
int status_or_stopped(int status);   /* 128 + signal if one has come (130 after Ctrl-C) */

/* ---- progress line, on standard error ---- */
struct progress {
    bool terminal, shown;
    double start, last; /* seconds, monotonic */
};
double seconds_now(void);
void progress_start(struct progress *p);
/* True when the next line is due: five times a second on a terminal, else every five seconds. */
bool progress_due(struct progress *p);
void progress_show(struct progress *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void progress_clear(struct progress *p); /* before anything else is printed */

#endif
