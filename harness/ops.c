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
#define ARGS_PICK(...)                                                                             \
    ARGS_NTH(__VA_ARGS__, ARGS_6, ARGS_5, ARGS_4, ARGS_3, ARGS_2, ARGS_1, ARGS_0)
#define ARGS(...) {__VA_OPT__(ARGS_PICK(__VA_ARGS__)(__VA_ARGS__))}

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
    {"r", PROT_READ}, {"w", PROT_WRITE}, {"x", PROT_EXEC},
    {"growsdown", PROT_GROWSDOWN}, {"growsup", PROT_GROWSUP}, {"invalid", 0x40},
};
static const struct word map_words[] = {
    {"private", MAP_PRIVATE}, {"shared", MAP_SHARED}, {"shared_validate", MAP_SHARED_VALIDATE},
    {"anon", MAP_ANONYMOUS}, {"fixed", MAP_FIXED}, {"noreplace", MAP_FIXED_NOREPLACE},
    {"growsdown", MAP_GROWSDOWN}, {"growsup", MAP_GROWSUP}, {"locked", MAP_LOCKED},
    {"stack", MAP_STACK}, {"noreserve", MAP_NORESERVE}, {"populate", MAP_POPULATE},
};
static const struct word mremap_words[] = {
    {"maymove", MREMAP_MAYMOVE}, {"fixed", MREMAP_FIXED}, {"dontunmap", MREMAP_DONTUNMAP},
    {"invalid", 0x40},
};
static const struct word mlock2_words[] = {{"onfault", MLOCK_ONFAULT}, {"invalid", 0x40}};
static const struct word mcl_words[] = {
    {"current", MCL_CURRENT}, {"future", MCL_FUTURE}, {"onfault", MCL_ONFAULT}, {"invalid", 0x40},
};
static const struct word msync_words[] = {
    {"async", MS_ASYNC}, {"invalidate", MS_INVALIDATE}, {"sync", MS_SYNC}, {"invalid", 0x40},
};
static const struct word uffd_words[] = {
    {"missing", UFFDIO_REGISTER_MODE_MISSING}, {"wp", UFFDIO_REGISTER_MODE_WP}, {"invalid", 0x40},
};
static const struct word fmode_words[] = {
    {"r", FMODE_READ}, {"w", FMODE_WRITE}, {"append", FMODE_APPEND}, {"noexec", FMODE_NOEXEC},
};
static const struct word node_words[] = { /* n4: one more than there are */
    {"n0", 1}, {"n1", 2}, {"n2", 4}, {"n3", 8}, {"n4", 16},
};
static const struct word advice_words[] = {
    {"normal", MADV_NORMAL}, {"random", MADV_RANDOM}, {"sequential", MADV_SEQUENTIAL},
    {"willneed", MADV_WILLNEED}, {"dontneed", MADV_DONTNEED}, {"free", MADV_FREE},
    {"remove", MADV_REMOVE}, {"dontfork", MADV_DONTFORK}, {"dofork", MADV_DOFORK},
    {"mergeable", MADV_MERGEABLE}, {"unmergeable", MADV_UNMERGEABLE},
    {"hugepage", MADV_HUGEPAGE}, {"nohugepage", MADV_NOHUGEPAGE},
    {"dontdump", MADV_DONTDUMP}, {"dodump", MADV_DODUMP},
    {"wipeonfork", MADV_WIPEONFORK}, {"keeponfork", MADV_KEEPONFORK},
    {"cold", MADV_COLD}, {"pageout", MADV_PAGEOUT}, {"invalid", 99},
};
static const struct word policy_words[] = {
    {"default", MPOL_DEFAULT}, {"preferred", MPOL_PREFERRED}, {"bind", MPOL_BIND},
    {"interleave", MPOL_INTERLEAVE}, {"local", MPOL_LOCAL}, {"invalid", 99},
};
static const struct word rlimit_words[] = {
    {"as", MM_RLIMIT_AS}, {"data", MM_RLIMIT_DATA}, {"stack", MM_RLIMIT_STACK},
    {"memlock", MM_RLIMIT_MEMLOCK},
};
static const struct word kind_words[] = {
    {"regular", FILE_REGULAR}, {"shmem", FILE_SHMEM}, {"hugetlb", FILE_HUGETLB},
    {"sysv", FILE_SYSV}, {"device", FILE_DEVICE}, {"nommap", FILE_NOMMAP},
};
static const struct word name_words[] = {{"none", 0}, {"red", 1}, {"green", 2}, {"blue", 3}};

const struct word *arg_words(enum arg arg, unsigned *n)
{
#define WORDS(kind, list)                                                                          \
    case kind:                                                                                     \
        *n = sizeof(list) / sizeof(*(list));                                                       \
        return list
    switch (arg) {
        WORDS(ARG_PROT, prot_words);
        WORDS(ARG_MAP, map_words);
        WORDS(ARG_MREMAP, mremap_words);
        WORDS(ARG_MLOCK2, mlock2_words);
        WORDS(ARG_MCL, mcl_words);
        WORDS(ARG_MSYNC, msync_words);
        WORDS(ARG_UFFD_MODE, uffd_words);
        WORDS(ARG_FMODE, fmode_words);
        WORDS(ARG_NODES, node_words);
        WORDS(ARG_ADVICE, advice_words);
        WORDS(ARG_POLICY, policy_words);
        WORDS(ARG_RLIMIT, rlimit_words);
        WORDS(ARG_KIND, kind_words);
        WORDS(ARG_NAME, name_words);
    default:
        *n = 0;
        return NULL;
    }
#undef WORDS
}

bool op_has_process(enum op_kind kind)
{
    const struct op_info *info = &op_table[kind];

    return info->def != DEF_FILE && info->args[0] != ARG_FILE;
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
