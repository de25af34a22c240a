/* SPDX-License-Identifier: GPL-2.0-only */
/* The table of operations, and the words that stand for flags and choices in the text form. */
#include "harness/codec.h"

/* ARGS(ADDR, LEN) -> {ARG_ADDR, ARG_LEN} */
#define ARGS_1(a) ARG_##a
#define ARGS_2(a, ...) ARG_##a, ARGS_1(__VA_ARGS__)
#define ARGS_3(a, ...) ARG_##a, ARGS_2(__VA_ARGS__)
#define ARGS_4(a, ...) ARG_##a, ARGS_3(__VA_ARGS__)
#define ARGS_5(a, ...) ARG_##a, ARGS_4(__VA_ARGS__)
#define ARGS_6(a, ...) ARG_##a, ARGS_5(__VA_ARGS__)
#define ARGS_NTH(a, b, c, d, e, f, n, ...) n
#define ARGS_PICK(...) ARGS_NTH(__VA_ARGS__, ARGS_6, ARGS_5, ARGS_4, ARGS_3, ARGS_2, ARGS_1, ARGS_0)
#define ARGS(...)                                                                                  \
    {                                                                                              \
        __VA_OPT__(ARGS_PICK(__VA_ARGS__)(__VA_ARGS__))                                            \
    }

const struct op_info op_table[NR_OPS] = {
#define OP(id, text_name, arguments, op_weight, defines, says)                                     \
    [OP_##id] = {                                                                                  \
        .name = text_name,                                                                         \
        .args = arguments,                                                                         \
        .weight = op_weight,                                                                       \
        .def = defines,                                                                            \
        .sentence = says,                                                                          \
    },
#include "harness/ops.def"
#undef OP
};

/* Bits that no kernel knows are called invalid, so that a program can ask for EINVAL. */
static const struct word prot_words[] = {
    [W_READ] = {"r", PROT_READ},
    [W_WRITE] = {"w", PROT_WRITE},
    [W_EXEC] = {"x", PROT_EXEC},
    [W_PROT_GROWSDOWN] = {"growsdown", PROT_GROWSDOWN},
    [W_PROT_GROWSUP] = {"growsup", PROT_GROWSUP},
    [W_PROT_INVALID] = {"invalid", 0x40},
};
static const struct word map_words[] = {
    [W_PRIVATE] = {"private", MAP_PRIVATE},
    [W_SHARED] = {"shared", MAP_SHARED},
    [W_SHARED_VALIDATE] = {"shared_validate", MAP_SHARED_VALIDATE},
    [W_ANON] = {"anon", MAP_ANONYMOUS},
    [W_FIXED] = {"fixed", MAP_FIXED},
    [W_NOREPLACE] = {"noreplace", MAP_FIXED_NOREPLACE},
    [W_GROWSDOWN] = {"growsdown", MAP_GROWSDOWN},
    [W_GROWSUP] = {"growsup", MAP_GROWSUP},
    [W_LOCKED] = {"locked", MAP_LOCKED},
    [W_STACK] = {"stack", MAP_STACK},
    [W_NORESERVE] = {"noreserve", MAP_NORESERVE},
    [W_POPULATE] = {"populate", MAP_POPULATE},
};
static const struct word mremap_words[] = {
    [W_MAYMOVE] = {"maymove", MREMAP_MAYMOVE},
    [W_MREMAP_FIXED] = {"fixed", MREMAP_FIXED},
    [W_DONTUNMAP] = {"dontunmap", MREMAP_DONTUNMAP},
    [W_MREMAP_INVALID] = {"invalid", 0x40},
};
static const struct word mlock2_words[] = {
    [W_ONFAULT] = {"onfault", MLOCK_ONFAULT},
    [W_MLOCK2_INVALID] = {"invalid", 0x40},
};
static const struct word mcl_words[] = {
    [W_CURRENT] = {"current", MCL_CURRENT},
    [W_FUTURE] = {"future", MCL_FUTURE},
    [W_MCL_ONFAULT] = {"onfault", MCL_ONFAULT},
    [W_MCL_INVALID] = {"invalid", 0x40},
};
static const struct word msync_words[] = {
    [W_ASYNC] = {"async", MS_ASYNC},
    [W_INVALIDATE] = {"invalidate", MS_INVALIDATE},
    [W_SYNC] = {"sync", MS_SYNC},
    [W_MSYNC_INVALID] = {"invalid", 0x40},
};
static const struct word uffd_words[] = {
    [W_MISSING] = {"missing", UFFDIO_REGISTER_MODE_MISSING},
    [W_WP] = {"wp", UFFDIO_REGISTER_MODE_WP},
    [W_UFFD_INVALID] = {"invalid", 0x40},
};
static const struct word fmode_words[] = {
    [W_FMODE_READ] = {"r", FMODE_READ},
    [W_FMODE_WRITE] = {"w", FMODE_WRITE},
    [W_FMODE_APPEND] = {"append", FMODE_APPEND},
    [W_FMODE_NOEXEC] = {"noexec", FMODE_NOEXEC},
};
static const struct word node_words[] = {
    /* n4: one more than there are */
    {"n0", 1}, {"n1", 2}, {"n2", 4}, {"n3", 8}, {"n4", 16},
};
static const struct word advice_words[] = {
    [W_NORMAL] = {"normal", MADV_NORMAL},
    [W_RANDOM] = {"random", MADV_RANDOM},
    [W_SEQUENTIAL] = {"sequential", MADV_SEQUENTIAL},
    [W_WILLNEED] = {"willneed", MADV_WILLNEED},
    [W_DONTNEED] = {"dontneed", MADV_DONTNEED},
    [W_FREE] = {"free", MADV_FREE},
    [W_REMOVE] = {"remove", MADV_REMOVE},
    [W_DONTFORK] = {"dontfork", MADV_DONTFORK},
    [W_DOFORK] = {"dofork", MADV_DOFORK},
    [W_MERGEABLE] = {"mergeable", MADV_MERGEABLE},
    [W_UNMERGEABLE] = {"unmergeable", MADV_UNMERGEABLE},
    [W_HUGEPAGE] = {"hugepage", MADV_HUGEPAGE},
    [W_NOHUGEPAGE] = {"nohugepage", MADV_NOHUGEPAGE},
    [W_DONTDUMP] = {"dontdump", MADV_DONTDUMP},
    [W_DODUMP] = {"dodump", MADV_DODUMP},
    [W_WIPEONFORK] = {"wipeonfork", MADV_WIPEONFORK},
    [W_KEEPONFORK] = {"keeponfork", MADV_KEEPONFORK},
    [W_COLD] = {"cold", MADV_COLD},
    [W_PAGEOUT] = {"pageout", MADV_PAGEOUT},
    [W_POPULATE_READ] = {"populate_read", MADV_POPULATE_READ},
    [W_POPULATE_WRITE] = {"populate_write", MADV_POPULATE_WRITE},
    [W_COLLAPSE] = {"collapse", MADV_COLLAPSE},
    [W_ADVICE_INVALID] = {"invalid", 99},
};
static const struct word policy_words[] = {
    {"default", MPOL_DEFAULT},       {"preferred", MPOL_PREFERRED}, {"bind", MPOL_BIND},
    {"interleave", MPOL_INTERLEAVE}, {"local", MPOL_LOCAL},         {"invalid", 99},
};
static const struct word rlimit_words[] = {
    {"as", MM_RLIMIT_AS},
    {"data", MM_RLIMIT_DATA},
    {"stack", MM_RLIMIT_STACK},
    {"memlock", MM_RLIMIT_MEMLOCK},
};
static const struct word kind_words[] = {
    {"regular", FILE_REGULAR}, {"shmem", FILE_SHMEM},   {"hugetlb", FILE_HUGETLB},
    {"sysv", FILE_SYSV},       {"device", FILE_DEVICE}, {"nommap", FILE_NOMMAP},
};
static const struct word name_words[] = {{"none", 0}, {"red", 1}, {"green", 2}, {"blue", 3}};
static const struct word race_words[] = {[W_RACE_DONTNEED] = {"dontneed", 1}};
static const struct word reclaim_words[] = {[W_RECLAIM_KEEP] = {"keep", 1}};
static const struct word pin_words[] = {[W_PIN_READ] = {"read", 0}, [W_PIN_WRITE] = {"write", 1}};
static const struct word walk_words[] = {
    [W_REFERENCED] = {"referenced", RMAP_REFERENCED},
    [W_MKCLEAN] = {"mkclean", RMAP_MKCLEAN},
    {"idle_set", RMAP_IDLE_SET},
    {"idle_get", RMAP_IDLE_GET},
};
static const struct word zero_words[] = {[W_KSM_ZERO] = {"zero", 1}};
static const struct word contents_words[] = {
    [W_ZEROES] = {"zeroes", 0}, [W_ONES] = {"ones", 1}, [W_TWOS] = {"twos", 2}};

static const struct {
    const struct word *words;
    unsigned n;
} word_lists[] = {
#define WORDS(list)                                                                                \
    {                                                                                              \
        list, sizeof(list) / sizeof(*(list))                                                       \
    }
    [ARG_PROT] = WORDS(prot_words),      [ARG_MAP] = WORDS(map_words),
    [ARG_MREMAP] = WORDS(mremap_words),  [ARG_MLOCK2] = WORDS(mlock2_words),
    [ARG_MCL] = WORDS(mcl_words),        [ARG_MSYNC] = WORDS(msync_words),
    [ARG_UFFD_MODE] = WORDS(uffd_words), [ARG_FMODE] = WORDS(fmode_words),
    [ARG_NODES] = WORDS(node_words),     [ARG_ADVICE] = WORDS(advice_words),
    [ARG_POLICY] = WORDS(policy_words),  [ARG_RLIMIT] = WORDS(rlimit_words),
    [ARG_KIND] = WORDS(kind_words),      [ARG_NAME] = WORDS(name_words),
    [ARG_RACE] = WORDS(race_words),      [ARG_RECLAIM] = WORDS(reclaim_words),
    [ARG_PIN_MODE] = WORDS(pin_words),   [ARG_WALK] = WORDS(walk_words),
    [ARG_ZERO] = WORDS(zero_words),      [ARG_CONTENTS] = WORDS(contents_words),
#undef WORDS
};

const struct word *arg_words(enum arg arg, unsigned *n)
{
    if ((size_t)arg >= sizeof(word_lists) / sizeof(word_lists[0])) {
        *n = 0;
        return NULL;
    }
    *n = word_lists[arg].n;
    return word_lists[arg].words;
}

bool rules_have(enum rules rules, enum op_kind kind)
{
    if (kind == OP_NAME)
        return rules >= RULES_LINUX_6_1;
    return kind != OP_PIN || rules >= RULES_LINUX_5_10;
}

bool op_has_process(enum op_kind kind)
{
    const struct op_info *info = &op_table[kind];

    if (kind == OP_EXE) /* the process', though it names a file first */
        return true;
    return info->def != DEF_FILE && info->args[0] != ARG_FILE && info->args[0] != ARG_PIN &&
           kind != OP_SWAPOFF;
}

const struct world_field world_fields[NR_WORLD_FIELDS] = {
    {"task", offsetof(struct world_config, task_size)},
    {"base", offsetof(struct world_config, mmap_base)},
    {"min", offsetof(struct world_config, mmap_min_addr)},
    {"brk", offsetof(struct world_config, start_brk)},
    {"gap", offsetof(struct world_config, stack_guard_gap)},
    {"maps", offsetof(struct world_config, max_map_count)},
    {"ram", offsetof(struct world_config, total_ram)},
    {"admin-reserve", offsetof(struct world_config, admin_reserve)},
    {"user-reserve", offsetof(struct world_config, user_reserve)},
};

/* ---- what an operation looks like: docs/program.md has these as its tables ---- */
static const char *const arg_titles[] = {
    [ARG_ADDR] = "ADDR",           [ARG_LEN] = "LEN",         [ARG_NEWLEN] = "-> NEWLEN",
    [ARG_TO] = "[to=ADDR]",        [ARG_OFF] = "[off=PAGES]", [ARG_PAGES] = "PAGES",
    [ARG_PROT] = "PROT",           [ARG_MAP] = "[MAP...]",    [ARG_MREMAP] = "[MREMAP...]",
    [ARG_MLOCK2] = "[MLOCK2...]",  [ARG_MCL] = "[MCL...]",    [ARG_MSYNC] = "[MSYNC...]",
    [ARG_UFFD_MODE] = "[UFFD...]", [ARG_FMODE] = "MODE",      [ARG_NODES] = "[NODE...]",
    [ARG_ADVICE] = "ADVICE",       [ARG_POLICY] = "POLICY",   [ARG_RLIMIT] = "RESOURCE",
    [ARG_KIND] = "KIND",           [ARG_NAME] = "NAME",       [ARG_FILE] = "FILE",
    [ARG_FILE_OPT] = "[FILE]",     [ARG_CONTEXT] = "CONTEXT", [ARG_PIN] = "PIN",
    [ARG_RACE] = "[RACE]",         [ARG_RECLAIM] = "[KEEP]",  [ARG_PIN_MODE] = "ACCESS",
    [ARG_WALK] = "WALK",           [ARG_ZERO] = "[ZERO]",     [ARG_CONTENTS] = "CONTENTS",
};

const char *arg_title(enum arg arg)
{
    return arg_titles[arg];
}

void op_form(const struct op_info *op, char form[OP_FORM_SIZE])
{
    static const char *const defines[] = {
        "", "[mapping =] ", "file = ", "context = ", "process = ", "pin = "};
    int used = snprintf(form, OP_FORM_SIZE, "%s%s", defines[op->def], op->name);

    for (const uint8_t *arg = op->args; *arg != ARG_END; arg++)
        used += snprintf(form + used, OP_FORM_SIZE - (size_t)used, " %s", arg_title(*arg));
}
