/* SPDX-License-Identifier: GPL-2.0-only */
/* What the reader of the text form refuses: where, what it says, and what it suggests. */
#include "harness/harness.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

static const struct {
    unsigned line, column;
    const char *text, *says;
} parse_errors[] = {
    {1, 1, "", "expected 'vmafuzz 1'"},
    {1, 9, "vmafuzz 2\n", "version '2' is unknown: expected 'vmafuzz 1'"},
    {1, 1, "\xef\xbb\xbfvmafuzz 1\n", "not a byte order mark before it"},
    {1, 1, "\nvmafuzz 1\n", "expected 'vmafuzz 1'"},
    {2, 1, "vmafuzz 1\nmunmp 1 2", "did you mean 'munmap'"},
    {2, 5, "vmafuzz 1\np0: q", "expected an operation, not 'q'"},
    {2, 4, "vmafuzz 1\np0:", "expected an operation"},
    {2, 2, "vmafuzz 1\np16: munlockall", "process number is too large: at most 15"},
    {2, 2, "vmafuzz 1\npx: munlockall", "expected a process number"},
    {2, 1, "vmafuzz 1\np1: f0 = open regular r 1", "open is not of a process"},
    {2, 1, "vmafuzz 1\np1: munlockall", "no operation before this one forks p1"},
    {2, 1, "vmafuzz 1\np1: p1 = fork", "no operation before this one forks p1"},
    {3, 1, "vmafuzz 1\np2 = fork\np1: exit", "no operation before this one forks p1"},
    {2, 1, "vmafuzz 1\nfork", "expected the name of a process (p0 to p15) and '='"},
    {2, 1, "vmafuzz 1\np16 = fork", "expected the name of a process"},
    {2, 1, "vmafuzz 1\np01 = fork", "expected the name of a process"},
    {2, 1, "vmafuzz 1\na = fork", "expected the name of a process"},
    {2, 1, "vmafuzz 1\np1 = exit", "exit defines no name"},
    {2, 7, "vmafuzz 1\nmunmap", "expected an address"},
    {2, 10, "vmafuzz 1\nmunmap 16", "expected a length"},
    {2, 13, "vmafuzz 1\nmunmap 16 4 5", "expected the end of the line, not '5'"},
    {2, 8, "vmafuzz 1\nmunmap 4294967296 4", "number of pages is too large"},
    {2, 8, "vmafuzz 1\nmunmap 0xffffffffffffffffffff 4", "too large"},
    {2, 9, "vmafuzz 1\nmunmap -2147483649 4", "too large"},
    {2, 10, "vmafuzz 1\nmunmap 16k 4", "expected the end of a value, not 'k'"},
    {2, 8, "vmafuzz 1\nmunmap tsk-1 4", "did you mean 'task'"},
    {2, 13, "vmafuzz 1\nmunmap task+ 4", "expected a number of pages"},
    {2, 10, "vmafuzz 1\nmunmap 1:4096 4", "number of bytes is too large: at most 4095"},
    {2, 8, "vmafuzz 1\nmunmap a 4", "'a' is not defined"},
    {2, 12, "vmafuzz 1\na = mremap a 4 -> 5", "'a' is not defined"},
    {2, 14, "vmafuzz 1\nmprotect 1 2 rq", "expected a protection"},
    {2, 14, "vmafuzz 1\nmprotect 1 2 rq", "not 'rq': 'q' is no letter of it"},
    {2, 19, "vmafuzz 1\nf0 = open regular rx 2", "not 'rx': 'x' is no letter of it"},
    {2, 14, "vmafuzz 1\nmprotect 1 2 non", "did you mean 'none'"},
    {2, 13, "vmafuzz 1\nmprotect 1 2", "expected a protection"},
    {2, 21, "vmafuzz 1\nmmap 1 2 rw private anom", "did you mean 'anon'"},
    {2, 13, "vmafuzz 1\nmmap 1 2 rw f0", "'f0' is not defined"},
    {2, 17, "vmafuzz 1\nmmap 1 2 rw off=?", "expected an offset (a number, the name of a mapping"},
    {2, 11, "vmafuzz 1\nmmap 0x10 rw private anon", "expected a length (a number, the name"},
    {2, 1, "vmafuzz 1\nwolrd rules=linux-6.1", "did you mean 'world'?"},
    {2, 12, "vmafuzz 1\nworld task=0x1000000000000000000", "too large: at most 16777216"},

    {2, 18, "vmafuzz 1\nmmap 1 2 rw fail=4096", "at most 4095"},
    {2, 12, "vmafuzz 1\nmremap 1 2 3", "expected '->' and the new length"},
    {2, 14, "vmafuzz 1\nmremap 1 2 ->", "expected the new length"},
    {2, 13, "vmafuzz 1\nmadvise 1 2 dontfrok", "did you mean 'dontfork'"},
    {2, 11, "vmafuzz 1\nsetrlimit mem 3", "expected a resource"},
    {2, 15, "vmafuzz 1\nsetrlimit as 0:1", "expected whole pages here"},
    {2, 1, "vmafuzz 1\nopen regular rw 1", "expected the name of a file (f0 to f15) and '='"},
    {2, 1, "vmafuzz 1\nf16 = open regular rw 1", "expected the name of a file"},
    {2, 1, "vmafuzz 1\nm26 = special 0 1", "expected the name of a mapping"},
    {2, 1, "vmafuzz 1\na = munmap 1 2", "munmap defines no name"},
    {2, 7, "vmafuzz 1\nclose u0", "expected the name of a file"},
    {2, 7, "vmafuzz 1\nunpin f0", "expected the name of a pin (k0 to k15)"},
    {2, 7, "vmafuzz 1\nunpin k0", "'k0' is not defined"},
    {2, 1, "vmafuzz 1\npin 1 read", "expected the name of a pin (k0 to k15) and '='"},
    {2, 1, "vmafuzz 1\nk16 = pin 1 read", "expected the name of a pin"},
    {2, 1, "vmafuzz 1\nk = pin 1 read", "expected the name of a pin"},
    {2, 12, "vmafuzz 1\nk0 = pin 1 wriet", "did you mean 'write'"},
    {2, 11, "vmafuzz 1\nk0 = pin 1", "expected what a device does (read, write)"},
    {2, 10, "vmafuzz 1\nrmap 1 1 clean",
     "expected a walk (referenced, mkclean, idle_set, idle_get)"},
    {2, 13, "vmafuzz 1\nreclaim 1 1 kep", "did you mean 'keep'"},
    {2, 9, "vmafuzz 1\nforce 1 dontnee", "did you mean 'dontneed'"},
    {2, 1, "vmafuzz 1\np1: swapoff", "swapoff is not of a process: leave out the prefix"},
    {2, 1, "vmafuzz 1\np1: unpin none", "unpin is not of a process: leave out the prefix"},
    {2, 1, "vmafuzz 1\np1: exe none", "no operation before this one forks p1"},
    {2, 6, "vmafuzz 1\nclose", "expected the name of a file"},
    {3, 7, "vmafuzz 1\nmunlockall\nclose f0", "'f0' is not defined"},
    {2, 13, "vmafuzz 1\nworld rules=linux-6.2", "expected a rules preset"},
    {2, 7, "vmafuzz 1\nworld tsk=64", "did you mean 'task='"},
    {2, 12, "vmafuzz 1\nworld task=18446744073709551616", "too large"},
    {2, 12, "vmafuzz 1\nworld task=63", "task= must be 64 to"},
    {2, 12, "vmafuzz 1\nworld base=4097", "base=4097 must be at most task=4096, the usual one"},
    {2, 12, "vmafuzz 1\nworld base=1025 task=1024", "base=1025 must be at most task=1024"},
    {2, 11, "vmafuzz 1\nworld gap=4096", "gap=4096 must be less than task=4096, the usual one"},
    {2, 19, "vmafuzz 1\nworld task=64 min=0x40", "min=64 must be less than task=64"},
    {2, 19, "vmafuzz 1\nworld task=64 brk=64", "brk=64 must be less than task=64"},
    {2, 10, "vmafuzz 1\nworld min", "expected '=' and a number after 'min'"},
    {2, 10, "vmafuzz 1\nworld min =3", "expected '=' and a number after 'min'"},
    {2, 11, "vmafuzz 1\nworld min=", "expected a number"},
    {2, 12, "vmafuzz 1\nworld rules", "expected '=' and a rules preset after 'rules'"},
    {2, 17, "vmafuzz 1\nworld overcommit", "expected '=' and a mode of overcommit after"},
    {2, 17, "vmafuzz 1\nworld privileged=1", "'privileged' takes no value"},
    {2, 24, "vmafuzz 1\nworld read-implies-exec=", "'read-implies-exec' takes no value"},
    {2, 7, "vmafuzz 1\nworld privilege=1", "not 'privilege'; did you mean 'privileged'?"},
    {2, 7, "vmafuzz 1\nworld mni=3", "not 'mni'; did you mean 'min='?"},
    {2, 7, "vmafuzz 1\nworld over", "not 'over'; did you mean 'overcommit='?"},
    {2, 13, "vmafuzz 1\nworld min=1 min=1", "'min=' is given twice"},
    {2, 18, "vmafuzz 1\nworld privileged privileged", "'privileged' is given twice"},
    /* given twice */
    {2, 19, "vmafuzz 1\nmunmap 1 2 fail=1 fail=1", "'fail=' is given twice"},
    {2, 22, "vmafuzz 1\nmremap 1 2 -> 3 to=0 off=1", "not 'off='"},
    {2, 22, "vmafuzz 1\nmremap 1 2 -> 3 to=0 to=1", "'to=' is given twice"},
    {2, 19, "vmafuzz 1\nmmap 1 2 rw off=0 off=0", "'off=' is given twice"},
    {2, 18, "vmafuzz 1\nmmap 1 2 rw anon anon", "'anon' is given twice"},
    {3, 16, "vmafuzz 1\nf0 = open shmem rw 1\nmmap 1 2 rw f0 f0", "expected one file"},
    {2, 16, "vmafuzz 1\nmprotect 1 2 rwr", "'r' is given twice"},
    {2, 26, "vmafuzz 1\nmprotect 1 2 r growsdown growsdown", "'growsdown' is given twice"},
    {2, 27, "vmafuzz 1\nf0 = open shmem rw noexec noexec 1", "'noexec' is given twice"},
    {2, 17, "vmafuzz 1\nmunmap 1 2 fail=0", "too small: at least 1"},
    /* signs */
    {2, 12, "vmafuzz 1\nmunmap 1 2 fail", "not 'fail'; did you mean 'fail='?"},
    {2, 13, "vmafuzz 1\nmmap 1 2 rw of=3", "not 'of='; did you mean 'off='?"},
    {2, 3, "vmafuzz 1\np0 munmap 1 2", "expected ':' or '=' after 'p0'"},
    {2, 2, "vmafuzz 1\na mmap 1 2 rw", "expected '=' after 'a'"},
    {2, 7, "vmafuzz 1\np0: p1 fork", "expected '=' after 'p1'"},
    {2, 1, "vmafuzz 1\na: munmap 1 2", "expected a process (p0 to p15) before ':'"},
    {2, 3, "vmafuzz 1\na==mmap 1 2 rw", "expected an operation, not '='"},
    {2, 1, "vmafuzz 1\n=mmap 1 2 rw", "expected an operation, not '='"},
    {2, 1, "vmafuzz 1\n->munmap 1 2", "expected an operation, not '->'"},
    {2, 11, "vmafuzz 1\nmunmap 1 2->3", "expected the end of the line, not '->'"},
    {2, 1, "vmafuzz 1\np1: close none", "close is not of a process: leave out the prefix"},
    {2, 1, "vmafuzz 1\nuserf", "did you mean 'userfaultfd'"},
    {2, 18, "vmafuzz 1\nworld overcommit=3", "at most 2"},
    {2, 14, "vmafuzz 1\nworld layout=up", "expected a layout"},
    {3, 1, "vmafuzz 1\nworld min=0\nworld min=1", "one world line"},
    {3, 1, "vmafuzz 1\nmunlockall\nworld min=1", "one world line"},
};

static void test_parse_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(parse_errors) / sizeof(*parse_errors); i++) {
        struct program *p = program_new(1);
        struct parse_error err = {0};

        if (program_parse(p, parse_errors[i].text, strlen(parse_errors[i].text), &err) != -EINVAL)
            fail_msg("no error: %s", parse_errors[i].text);
        if (err.line != parse_errors[i].line || err.column != parse_errors[i].column ||
            !strstr(err.text, parse_errors[i].says))
            fail_msg("%s\n%u:%u: %s, expected %u:%u %s", parse_errors[i].text, err.line, err.column,
                     err.text, parse_errors[i].line, parse_errors[i].column, parse_errors[i].says);
        program_free(p);
    }
}

/* Who stops in the middle of a name means that one, but not one of several. */
static void test_nearest_start(void **state)
{
    static const char *const names[] = {"gap-stale-on-insert", "gap-search", "get", "zebra"};

    (void)state;
    assert_string_equal(nearest_name("gap-stale", names, 4), "gap-stale-on-insert");
    assert_string_equal(nearest_name("ze", names, 4), "zebra");
    assert_string_equal(nearest_name("gap", names, 4), "get");
    assert_null(nearest_name("gap-s", names, 2));
    assert_null(nearest_name("z", names, 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_errors),
        cmocka_unit_test(test_nearest_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
