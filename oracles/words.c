/* SPDX-License-Identifier: GPL-2.0-only */
/* Flags of VMAs and of page-table entries in words, for verdicts and reports. */
#include "oracles/snapshot.h"

#include <stdio.h>

struct flag_word {
    uint64_t flag;
    const char *word;
};

static const struct flag_word vma_words[] = {
    {SNAP_GROWSDOWN, "growsdown"},   {SNAP_GROWSUP, "growsup"},
    {SNAP_LOCKED, "locked"},         {SNAP_LOCKONFAULT, "onfault"},
    {SNAP_ACCOUNT, "account"},       {SNAP_NORESERVE, "noreserve"},
    {SNAP_HUGETLB, "hugetlb"},       {SNAP_IO, "io"},
    {SNAP_PFNMAP, "pfnmap"},         {SNAP_MIXEDMAP, "mixedmap"},
    {SNAP_DONTEXPAND, "dontexpand"}, {SNAP_DONTCOPY, "dontfork"},
    {SNAP_WIPEONFORK, "wipeonfork"}, {SNAP_DONTDUMP, "dontdump"},
    {SNAP_SEQ_READ, "sequential"},   {SNAP_RAND_READ, "random"},
    {SNAP_HUGEPAGE, "hugepage"},     {SNAP_NOHUGEPAGE, "nohugepage"},
    {SNAP_MERGEABLE, "mergeable"},   {SNAP_UFFD_MISSING, "uffd-missing"},
    {SNAP_UFFD_WP, "uffd-wp"},
};

static const struct flag_word entry_words[] = {
    {SNAP_PTE_WRITE, "write"},         {SNAP_PTE_DIRTY, "dirty"},    {SNAP_PTE_YOUNG, "young"},
    {SNAP_PTE_SPECIAL, "zeroes"},      {SNAP_PTE_SWAP, "swap"},      {SNAP_PTE_HUGE, "huge"},
    {SNAP_PTE_MIGRATION, "migration"}, {SNAP_PTE_EXCLUSIVE, "excl"},
};

/* Each with the separator before it, but not at the start; n: what is written already. */
static size_t put_words(const struct flag_word *words, size_t nr, uint64_t flags, char *text,
                        size_t n, size_t size)
{
    for (size_t i = 0; i < nr; i++)
        if (flags & words[i].flag && n < size)
            n += (size_t)snprintf(text + n, size - n, n ? " %s" : "%s", words[i].word);
    return n;
}

char *snap_flags_text(uint64_t flags, char *text, size_t size)
{
    const uint64_t all = SNAP_MAYREAD | SNAP_MAYWRITE | SNAP_MAYEXEC;
    const bool shared = flags & SNAP_SHARED, may_share = flags & SNAP_MAYSHARE;
    size_t n = (size_t)snprintf(text, size, "%c%c%c%c", flags & SNAP_READ ? 'r' : '-',
                                flags & SNAP_WRITE ? 'w' : '-', flags & SNAP_EXEC ? 'x' : '-',
                                shared ? 's' : 'p');

    n = put_words(vma_words, sizeof(vma_words) / sizeof(*vma_words), flags, text, n, size);
    /* "may" is worth a word only where something is missing. */
    if ((flags & all) != all && n < size)
        n += (size_t)snprintf(text + n, size - n, " may:%s%s%s", flags & SNAP_MAYREAD ? "r" : "",
                              flags & SNAP_MAYWRITE ? "w" : "", flags & SNAP_MAYEXEC ? "x" : "");
    if (shared != may_share && n < size)
        snprintf(text + n, size - n, may_share ? " mayshare" : " not-mayshare");
    return text;
}

char *snap_entry_text(uint64_t flags, char *text, size_t size)
{
    if (!put_words(entry_words, sizeof(entry_words) / sizeof(*entry_words), flags, text, 0, size))
        snprintf(text, size, flags & SNAP_PTE_PRESENT ? "read only" : "nothing");
    return text;
}
