/* SPDX-License-Identifier: GPL-2.0-only */
/* Reports in all their forms, and programs on disk. */
#include "harness/report.h"
#include "tests/play.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const broken = "p0: a = mmap 0x100 4 rw private anon\n"
                                  "p0: mmap 0x200 2 r shared anon\n"
                                  "p0: mprotect a+2 4 r\n";

typedef void report_fn(struct executor *, const struct finding *, FILE *);

/* What is found in the program with the fault, printed by one of the reports. */
static char *reported_of(struct executor *ex, const char *operations, enum fault_id fault,
                         report_fn *report)
{
    struct run_options o = run_options_strict;
    struct program *p = play_program(operations);
    struct run_result r;
    struct finding f = {.program = p, .result = &r, .options = &o, .file = "found it.vma"};
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);

    o.fault = fault;
    assert_false(executor_run(ex, p, &o, &r));
    report(ex, &f, to);
    fclose(to);
    program_free(p);
    return text;
}

static char *reported(struct executor *ex, report_fn *report)
{
    return reported_of(ex, broken, F_MPROTECT_HOLE_OK, report);
}

static void check_contains(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("'%s' is not in:\n%s", part, text);
}

static void text_says_all_on_80_columns(void **state)
{
    char *text = reported(*state, report_text);

    check_contains(text, "errno");
    check_contains(text, law_table[LAW_ERRNO].sentence);
    check_contains(text, "OPERATION 3 of 3\n  p0: mprotect a+2 4 r\n");
    check_contains(text, "expected  ENOMEM (Cannot allocate memory)");
    check_contains(text, "- 0x100-0x104");
    check_contains(text, "+ 0x102-0x104");
    check_contains(text, "  0x200-0x202");
    check_contains(text, "vmafuzz replay --fault mprotect-hole-ok 'found it.vma'");
    check_contains(text, "FAULT mprotect-hole-ok: reached once, triggered once, first by");
    for (char *line = text, *end; *line; line = end + 1) {
        end = strchr(line, '\n');
        assert_non_null(end);
        if (end - line > 80)
            fail_msg("too wide: %.*s", (int)(end - line), line);
    }
    free(text);
}

static void json_has_it_too(void **state)
{
    char *text = reported(*state, report_json);
    json_t *report = json_loads(text, 0, NULL);
    const char *law = NULL, *kind = NULL;
    json_int_t expected = 0;
    json_t *vmas = NULL;

    assert_non_null(report);
    assert_int_equal(json_unpack(report, "{s:{s:s}, s:{s:s}, s:{s:I}, s:{s:[{s:o}]}}", "verdict",
                                 "law", &law, "operation", "kind", &kind, "expected", "value",
                                 &expected, "before", "processes", "vmas", &vmas),
                     0);
    assert_true(json_is_null(json_object_get(report, "seed"))); /* not known */
    assert_string_equal(law, "errno");
    assert_string_equal(kind, "mprotect");
    assert_int_equal(expected, -ENOMEM);
    assert_int_equal(json_array_size(vmas), 2);
    json_decref(report);
    free(text);
}

/* A count of an object's that is wrong is so in no process. */
static void what_is_nowhere_has_no_place(void **state)
{
    static const char *const running = "world rules=linux-6.1 privileged\n"
                                       "f0 = open regular r 2\n"
                                       "p0: exe f0\n"
                                       "p0: p1 = fork\n"
                                       "p1: exit\n";
    char *text = reported_of(*state, running, F_EXE_KEEPS_DENYING, report_text);
    json_t *report, *process;

    check_contains(text, "BROKEN  file.tree (write-count) by exit");
    assert_null(strstr(text, "in process"));
    free(text);
    text = reported_of(*state, running, F_EXE_KEEPS_DENYING, report_json);
    report = json_loads(text, 0, NULL);
    assert_int_equal(json_unpack(report, "{s:{s:o}}", "verdict", "process", &process), 0);
    assert_true(json_is_null(process));
    json_decref(report);
    free(text);
    text = reported(*state, report_text);
    check_contains(text, "  in process 0 at page 0x102\n");
    free(text);
}

static void c_source_compiles(void **state)
{
    struct program *p = play_program("# a comment that */ ends early\n"
                                     "f0 = open shmem rw 4\n"
                                     "f1 = reopen f0 r\n"
                                     "f2 = dup f0\n"
                                     "p0: a = mmap 0x10 4 rw shared f0 off=1\n"
                                     "p0: b = mremap a 4 -> 6 maymove fixed to=0x40\n"
                                     "p0: write b+1\n"
                                     "p0: poke b\n"
                                     "p0: brk brk+2\n"
                                     "p0: name b 2 red\n"
                                     "p0: mbind b 2 bind n0\n"
                                     "p0: mincore b 2\n"
                                     "p0: setrlimit memlock 8\n"
                                     "u0 = userfaultfd\n"
                                     "p0: uffd_register u0 b 2 missing\n"
                                     "p0: munmap task-1 4 fail=1\n"
                                     "p0: find b\n"
                                     "close f0\n");
    char path[] = "/tmp/vmafuzz-report-XXXXXX", command[160];
    FILE *to = fdopen(mkstemp(path), "w");

    assert_non_null(to);
    report_c(*state, p, to);
    fclose(to);
    snprintf(command, sizeof(command), "cc -xc -Wall -Wextra -Werror -fsyntax-only %s", path);
    assert_int_equal(system(command), 0);
    unlink(path);
    program_free(p);
}

/* Line by line what a program's source says when it runs: the same as the model. */
static void c_source_has_processes(void **state)
{
    struct program *p = play_program("f0 = open shmem rw 4\n"
                                     "p0: a = mmap 0x10 4 rw private anon fixed\n"
                                     "p0: write a\n"
                                     "p0: p2 = fork\n"
                                     "p2: b = mmap 0x20 1 rw shared f0 fixed\n"
                                     "p0: p2 = fork\n"
                                     "p2: p1 = fork\n"
                                     "p2: exit\n"
                                     "p2: munmap b 1\n"
                                     "p0: munmap a 4\n"
                                     "p1: munmap b 1\n"
                                     "p1: mincore a 4\n"
                                     "p0: mincore a 4\n"
                                     "p0: ksm a 4\n"
                                     "p0: mmap 0x100 1 rw private f0 fixed\n");
    char folder[] = "/tmp/vmafuzz-report-XXXXXX", path[64], command[200], said[2048] = "";
    FILE *to;

    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/repro.c", folder);
    to = fopen(path, "w");
    report_c(*state, p, to);
    fclose(to);
    assert_int_equal(report_c_left_out(p), 1);
    /* and what a kernel would say that has another answer than the model */
    snprintf(command, sizeof(command),
             "cd %s && sed -i 's/BASE + 0x100000)/-EBADF)/' repro.c && "
             "cc -Wall -Wextra -Werror -o repro repro.c",
             folder);
    assert_int_equal(system(command), 0);
    snprintf(command, sizeof(command), "cd %s && timeout 20 ./repro", folder);
    to = popen(command, "r");
    assert_non_null(to);
    said[fread(said, 1, sizeof(said) - 1, to)] = '\0';
    assert_int_equal(pclose(to), 0);
    assert_string_equal(said, "1: open -> 0\n"
                              "2: mmap -> page 0x10\n"
                              "3: write -> 0\n"
                              "4: fork -> 0\n"
                              "5: mmap -> page 0x20\n"
                              "6: fork -> -11 (Resource temporarily unavailable)\n"
                              "7: fork -> 0\n"
                              "8: exit -> 0\n"
                              "p2 is not there\n"
                              "10: munmap -> 0\n"
                              "11: munmap -> 0\n"
                              "12: mincore -> 0\n"
                              "13: mincore -> -12 (Cannot allocate memory)\n"
                              "14: ksm (not made)\n"
                              "15: mmap -> page 0x100   <- model: -9 (Bad file descriptor)\n");
    snprintf(command, sizeof(command), "rm -r %s", folder);
    assert_int_equal(system(command), 0);
    program_free(p);
}

/* A report shows whom the operation touched: the caller, and the child that it made. */
static void text_shows_all_processes(void **state)
{
    struct run_options o = run_options_strict;
    struct program *p = play_program("world rules=linux-4.4\n"
                                     "p0: mmap 0x10 2 rw private anon fixed\n"
                                     "p0: write 0x10\n"
                                     "p0: p1 = fork\n"
                                     "p1: p2 = fork\n"
                                     "p1: exit\n"
                                     "p2: p3 = fork\n"
                                     "p2: mprotect 0x10 1 r\n"
                                     "p3: mprotect 0x10 1 r\n"
                                     "p3: p4 = fork\n"
                                     "p2: exit\n"
                                     "p4: p5 = fork\n");
    struct run_result r;
    const struct finding f = {.program = p, .result = &r, .options = &o, .file = "found.vma"};
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);

    assert_false(executor_run(*state, p, &o, &r));
    assert_int_equal(r.verdict.law, LAW_ANON_SAME);
    report_text(*state, &f, to);
    fclose(to);
    check_contains(text, "ADDRESS SPACE of process 5, in pages: - before it, + after it\n  + 0x10");
    check_contains(text, "ADDRESS SPACE of process 4, in pages: - before it, + after it\n    0x10");
    check_contains(text, "av:2+4+3+1");
    if (strstr(text, "process 3"))
        fail_msg("process 3 has nothing to do with it:\n%s", text);
    free(text);
    program_free(p);
}

static void junit_is_escaped(void **state)
{
    const struct junit_case cases[] = {
        {"a<b>", 0.5, JUNIT_PASSED, NULL, NULL, NULL},
        {"c", 1, JUNIT_FAILED, "errno", "\"x\" & \x01\n", "report <1>\n"},
        {"d", 0, JUNIT_ERROR, "stopped", "why", NULL},
        {"e", 0, JUNIT_SKIPPED, "skipped", "why not", NULL},
    };
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);

    (void)state;
    report_junit(cases, 4, to);
    fclose(to);
    check_contains(text, "tests=\"4\" failures=\"1\" errors=\"1\" skipped=\"1\" time=\"1.500\"");
    check_contains(text, "name=\"a&lt;b&gt;\" time=\"0.500\"/>");
    check_contains(text, "<failure type=\"errno\" message=\"&quot;x&quot; &amp; ?&#10;\">"
                         "report &lt;1&gt;");
    check_contains(text, "<error type=\"stopped\" message=\"why\"/>");
    check_contains(text, "<skipped message=\"why not\"/>");
    free(text);
}

/* Two neighbours and a hole:  |aaaa|bb|  .  |cc| */
static void line_map_shows_gaps(void **state)
{
    struct run_result r;
    struct snapshot s = {0};
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    struct program *p = play_program("p0: mmap 0x10 4 rw private anon\n"
                                     "p0: mmap 0x14 2 r private anon noreserve\n"
                                     "p0: mmap 0x18 2 rwx shared anon\n");

    executor_start(*state, &p->config, &run_options_strict, &r);
    for (uint32_t i = 0; i < p->nr; i++)
        assert_true(executor_step(*state, &p->op[i]));
    assert_int_equal(model_snapshot(executor_world(*state), &s), 0);
    print_line_map(&s, to);
    fclose(to);
    check_contains(text, "p0: 3 VMAs, 8 pages");
    check_contains(text, "  0x10-0x14            4  rw-p  anon      0x10");
    check_contains(text, "  0x16-0x18            2  -     free");
    check_contains(text, "rwxs  shmem 1   0x0");
    snapshot_fini(&s);
    program_free(p);
    free(text);
}

static void program_survives_the_disk(void **state)
{
    struct program *p = play_program(broken), *q = NULL;
    char folder[] = "/tmp/vmafuzz-files-XXXXXX", path[64], message[200] = "";
    struct stat st;
    bool wire;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/a.vma", folder);
    assert_int_equal(program_save(path, p, message, sizeof(message)), 0);
    assert_int_equal(program_save(path, p, message, sizeof(message)), 0); /* over it */
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(program_load(path, &q, &wire, message, sizeof(message)), 0);
    assert_int_equal(q->nr, p->nr);
    assert_memory_equal(q->op, p->op, p->nr * sizeof(*p->op));
    unlink(path);
    assert_int_equal(rmdir(folder), 0); /* nothing else was left */
    program_free(p);
    program_free(q);
}

static void errors_are_one_clear_line(void **state)
{
    struct program *p = play_program(broken), *q = NULL;
    char path[] = "/tmp/vmafuzz-bad-XXXXXX", message[200] = "", start[64];
    int fd = mkstemp(path);
    bool wire;

    (void)state;
    assert_true(write(fd, "vmafuzz 1\np0: nmap 0x10 1\n", 26) == 26);
    close(fd);
    assert_int_equal(program_load(path, &q, &wire, message, sizeof(message)), -EINVAL);
    snprintf(start, sizeof(start), "%s:2:", path);
    assert_memory_equal(message, start, strlen(start));
    assert_null(strchr(message, '\n'));
    unlink(path);
    assert_int_equal(program_load(path, &q, &wire, message, sizeof(message)), -ENOENT);
    check_contains(message, "No such file");
    assert_int_equal(program_load("/tmp", &q, &wire, message, sizeof(message)), -EISDIR);
    assert_int_equal(program_save("/nowhere/a.vma", p, message, sizeof(message)), -ENOENT);
    check_contains(message, "/nowhere/a.vma: ");
    program_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_says_all_on_80_columns),
        cmocka_unit_test(json_has_it_too),
        cmocka_unit_test(c_source_compiles),
        cmocka_unit_test(c_source_has_processes),
        cmocka_unit_test(text_shows_all_processes),
        cmocka_unit_test(junit_is_escaped),
        cmocka_unit_test(line_map_shows_gaps),
        cmocka_unit_test(program_survives_the_disk),
        cmocka_unit_test(errors_are_one_clear_line),
        cmocka_unit_test(what_is_nowhere_has_no_place),
    };

    return cmocka_run_group_tests_name("report", tests, play_setup, play_teardown);
}
