/* SPDX-License-Identifier: GPL-2.0-only */
/* vmafuzz live: random programs on the running kernel, beside the model. */
#define _GNU_SOURCE
#include "harness/fuzz_plan.h"
#include "harness/linux/guest.h"

static const char doc[] =
    "Run random programs as real system calls on the running Linux kernel, and beside it on "
    "the model. After every operation answers and pictures of the whole state have to agree, "
    "and the laws have to hold on the kernel's own picture. What differs is shrunk on the "
    "kernel, reported, and stored as a program and as C that makes its system calls without "
    "vmafuzz, and says which operations it leaves out.\v"
    "The calls are made by processes that are started for it; no other process is touched. "
    "Pictures come from a BPF program (as root, with BTF), otherwise from /proc; without "
    "root only layout, answers and contents are compared. --check tells what this machine "
    "offers.\n\n"
    "The model runs under the rules of the kernel's version, unless --rules says otherwise. "
    "With --fault the model has that fault, and nobody but the kernel judges it: so it is "
    "shown what the comparison can see. `vmafuzz faults measure --on linux' does this for "
    "all faults.\n\n"
    "Known differences are avoided: --quirks tells which, --show-quirks lets them show.\n\n"
    "Exit status: 0 no difference, 1 a difference, 2 bad usage or this machine cannot do it, "
    "130 after Ctrl-C, 143 after SIGTERM.\n\n"
    "Example: vmafuzz live --time 60";

enum { KEY_CHECK = 256, KEY_LIST, KEY_READER, KEY_EVERY, KEY_CPU, KEY_TRAIL };

static const struct argp_option options[] = {
    {.name = "check", .key = KEY_CHECK, .doc = "Tell what this machine offers, and run nothing"},
    {.name = "quirks", .key = KEY_LIST, .doc = "List the known differences, and run nothing"},
    {.name = "reader",
     .key = KEY_READER,
     .arg = "NAME",
     .doc = "Where pictures come from: bpf, procfs or none; by default the best there is"},
    {.name = "every",
     .key = KEY_EVERY,
     .arg = "N",
     .doc = "Compare pictures after every N operations only; by default after each"},
    {.name = "cpu",
     .key = KEY_CPU,
     .arg = "N",
     .doc = "Use the N-th of the usable CPUs, from 0, and with --jobs those after it"},
    {.name = "trail",
     .key = KEY_TRAIL,
     .arg = "FILE",
     .doc = "Write each operation to this file or device before it is made, so that it is known "
            "after a crash. With --kernel that is done anyway"},
    {0},
};

struct live_command {
    struct fuzz fuzz;
    struct live live;
    struct guest_choice guest;
    bool check, list;
};

static const struct {
    const char *name, *compares, *leaves_out; /* NULL: nothing */
} readers[] = {
    [READER_BPF] = {"bpf", "all of the state", NULL},
    [READER_PROCFS] = {"procfs", "layout, answers, contents, frames and counters",
                       "anon_vmas, bits of entries, and fields of pages"},
    [READER_NONE] = {"none", "layout, answers and contents only",
                     "pages, anon_vmas, counters, and some flags of VMAs"},
};

static unsigned parse_reader(const char *name)
{
    const char *names[READER_NONE]; /* the best cannot be asked for */

    for (unsigned kind = READER_BPF; kind <= READER_NONE; kind++)
        names[kind - READER_BPF] = readers[kind].name;
    return READER_BPF + (unsigned)parse_name("reader", name, names, READER_NONE);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct live_command *c = state->input;

    refuse_twice(key, arg, state);
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &c->fuzz;
        state->child_inputs[1] = &c->fuzz.plan.subject;
        state->child_inputs[2] = &c->live;
        state->child_inputs[3] = &c->live;
        state->child_inputs[4] = &c->guest;
        return 0;
    case KEY_CHECK:
        c->check = true;
        return 0;
    case KEY_LIST:
        c->list = true;
        return 0;
    case KEY_READER:
        c->live.options.reader = parse_reader(arg);
        return 0;
    case KEY_EVERY:
        c->live.every = (uint32_t)parse_number("--every", arg, 1, UINT32_MAX);
        return 0;
    case KEY_CPU:
        c->live.options.cpu = (unsigned)parse_number("--cpu", arg, 0, live_cpus() - 1);
        return 0;
    case KEY_TRAIL:
        c->live.trail = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* Status 2 if a run would not even begin. */
static int check(struct live *live)
{
    struct linux_offer offer[32];
    unsigned n = linux_offers(offer, sizeof(offer) / sizeof(*offer));
    enum linux_reader_kind reader;
    char why[256] = "";

    if (n > sizeof(offer) / sizeof(*offer))
        n = sizeof(offer) / sizeof(*offer);
    for (unsigned i = 0; i < n; i++) {
        printf("%-3s  %-20s %s\n", offer[i].available ? "yes" : "no", offer[i].name,
               offer[i].sentence);
        if (!offer[i].available)
            put_hanging(offer[i].why, 0, 26, stdout);
    }
    if (!live_open(live, why, sizeof(why))) {
        printf("live cannot run here: %s\n", why);
        return STATUS_USAGE;
    }
    reader = subject_linux_reader(live->other.subject);
    printf("live runs here, with reader %s: it compares %s\n", readers[reader].name,
           readers[reader].compares);
    live_close(live);
    return STATUS_CLEAN;
}

static int list_quirks(void)
{
    for (unsigned i = 0; i < nr_linux_quirks; i++) {
        printf("%s\n", linux_quirks[i].name);
        put_hanging(linux_quirks[i].sentence, 0, 4, stdout);
    }
    printf("%u known difference%s\n", nr_linux_quirks, plural(nr_linux_quirks));
    return STATUS_CLEAN;
}

/* Who has not asked for less should know. */
static void say_what_is_missing(enum linux_reader_kind reader)
{
    if (readers[reader].leaves_out)
        complain("compared without %s: `vmafuzz live --check' tells why",
                 readers[reader].leaves_out);
}

/* One line if it cannot be done here, before any worker says it as well. */
static void try_open(const struct live *live)
{
    struct live trial = *live;

    live_open_or_exit(&trial);
    if (trial.options.reader == READER_BEST)
        say_what_is_missing(subject_linux_reader(trial.other.subject));
    live_close(&trial);
}

int cmd_live(int argc, char **argv)
{
    static const struct argp_child children[] = {{.argp = &fuzz_argp},  {.argp = &subject_argp},
                                                 {.argp = &live_argp},  {.argp = &quirks_argp},
                                                 {.argp = &guest_argp}, {0}};
    static const struct argp argp = {options, parse, NULL, doc, children, NULL, NULL};
    static struct live_command c;
    static char *const no_files[] = {NULL};
    struct subject_options *subject = &c.fuzz.plan.subject;

    fuzz_init(&c.fuzz);
    parse_arguments(&argp, argc, argv, &c);
    if (is_in_guest())
        c.fuzz.plan.out = GUEST_OUT;
    else if (c.guest.image)
        return run_in_guest(&c.guest, "live", argc, argv, no_files, c.fuzz.plan.out);
    if (c.check)
        return check(&c.live);
    if (c.list)
        return list_quirks();
    if (c.live.trail && c.fuzz.plan.jobs > 1)
        usage_error("--trail is for one job");
    c.live.trail_by_port = is_in_guest() && c.fuzz.plan.jobs == 1;
    if (c.live.options.swap && c.fuzz.plan.jobs > 1)
        usage_error("--swap goes with one job: swap is the whole system's");
    c.live.kernel_alone = subject->fault != F_NONE;
    c.live.rules = subject->rules;
    if (subject->rules < 0)
        subject->rules = (int)c.live.config.rules;
    c.live.config.rules = (enum rules)subject->rules;
    if (c.live.rules < 0 && !linux_has_rules())
        complain("no rules are those of %s: %s is the nearest, and differences may be its own",
                 c.live.name, rules_names[subject->rules]);
    c.fuzz.plan.stop |= c.live.kernel_alone;
    c.fuzz.plan.live = &c.live;
    try_open(&c.live);
    return fuzz_run(&c.fuzz);
}
