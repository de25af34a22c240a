/* SPDX-License-Identifier: GPL-2.0-only */
/* Commands that run on the running kernel: what is wanted of it. */
#include "harness/cmd.h"

/* ---- what the kernel is to do ---- */
static const struct argp_option live_argp_options[] = {
    {.name = "swap",
     .key = 'p',
     .doc = "Set up swap, and reclaim pages; this concerns the whole system, and is undone at the "
            "end"},
    {.name = "cgroup",
     .key = 'g',
     .doc = "With --swap: the processes live in a memory cgroup of their own, which is reclaimed "
            "where a page is shared; it is removed at the end"},
    {.name = "compact",
     .key = 'c',
     .doc = "Compact memory, so that pages move to other frames; this is work on the memory of the "
            "whole system, of which others notice nothing but the time"},
    {.name = "huge",
     .key = 'H',
     .doc = "Let the processes have huge pages; meanwhile khugepaged and proactive compaction rest "
            "in the whole system, which is undone at the end"},
    {0},
};

static void check_together(const struct linux_options *o)
{
    if (o->group && !o->swap)
        usage_error("--cgroup goes with --swap: pages need somewhere to go");
    if (o->swap && o->huge)
        usage_error("--huge and --swap exclude each other");
}

static error_t parse_live(int key, char *arg, struct argp_state *state)
{
    struct live *live = state->input;
    (void)arg;
    switch (key) {
    case ARGP_KEY_INIT:
        live_init(live);
        return 0;
    case ARGP_KEY_END:
        check_together(&live->options);
        return 0;
    case 'p':
        live->options.swap = true;
        return 0;
    case 'g':
        live->options.group = true;
        return 0;
    case 'c':
        live->options.compact = true;
        return 0;
    case 'H':
        live->options.huge = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp live_argp = {.options = live_argp_options, .parser = parse_live};

static const struct argp_option quirks_argp_options[] = {
    {.name = "show-quirks",
     .key = 'q',
     .doc = "Do not avoid known differences to the running kernel, so that they are found"},
    {0},
};

static error_t parse_quirks(int key, char *arg, struct argp_state *state)
{
    struct live *live = state->input;
    (void)arg;
    if (key != 'q')
        return ARGP_ERR_UNKNOWN;
    live->show_quirks = true;
    return 0;
}

const struct argp quirks_argp = {.options = quirks_argp_options, .parser = parse_quirks};

/* ---- --on linux ---- */
static const struct argp_option on_argp_options[] = {
    {.name = "on",
     .key = 'O',
     .arg = "linux",
     .doc = "Compare with the running kernel; see `vmafuzz live'"},
    {0},
};

static void check_chosen(const struct on_linux *on)
{
    const struct linux_options *o = &on->live.options;
    if (!on->chosen && (o->swap || o->group || o->compact || o->huge))
        usage_error("--swap, --cgroup, --compact and --huge go with --on linux");
}

static error_t parse_on(int key, char *arg, struct argp_state *state)
{
    static const char *const subjects[] = {"linux"};
    struct on_linux *on = state->input;
    refuse_twice(key, arg, state);
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &on->live;
        return 0;
    case ARGP_KEY_END:
        check_chosen(on);
        return 0;
    case 'O':
        parse_name("subject", arg, subjects, 1); /* one so far */
        on->chosen = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child on_children[] = {{.argp = &live_argp, .header = "With --on linux:"},
                                                {0}};
const struct argp on_linux_argp = {
    .options = on_argp_options, .parser = parse_on, .children = on_children};

void live_open_or_exit(struct live *live)
{
    char why[256] = "";
    if (!live_open(live, why, sizeof(why)))
        usage_error("%s; `vmafuzz live --check' tells what this machine offers", why);
}
