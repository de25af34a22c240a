/* SPDX-License-Identifier: GPL-2.0-only */
/* Programs in their three forms: text and wire say the same, and both take any bytes. */
#include "harness/codec.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#define MAX_OPS 64

/* ---- helpers ---- */
static char *printed(const struct program *p)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);

    assert_non_null(to);
    program_print(p, to);
    assert_int_equal(fclose(to), 0);
    return text;
}

static char *printed_op(const struct op *op)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);

    assert_non_null(to);
    op_print(op, to);
    assert_int_equal(fclose(to), 0);
    return text;
}

static struct program *parsed(const char *text)
{
    struct program *p = program_new(0);
    struct parse_error err = {0};

    assert_non_null(p);
    if (program_parse(p, text, strlen(text), &err))
        fail_msg("%u:%u: %s\n%s", err.line, err.column, err.text, text);
    return p;
}

static void check_same_ops(const struct program *a, const struct program *b)
{
    assert_int_equal(a->nr, b->nr);
    for (uint32_t i = 0; i < a->nr; i++)
        if (memcmp(&a->op[i], &b->op[i], sizeof(a->op[i])))
            fail_msg("operation %u: %s | %s", i, printed_op(&a->op[i]), printed_op(&b->op[i]));
}

/* Through text and back: the same operations and, printed again, the same text. */
static void check_text(const struct program *p)
{
    char *text = printed(p), *again;
    struct program *q = parsed(text);

    check_same_ops(p, q);
    again = printed(q);
    assert_string_equal(text, again);
    program_free(q);
    free(again);
    free(text);
}

/* Through bytes and back; comments do not survive that. */
static void check_wire(const struct program *p)
{
    struct program bare = *p;
    size_t size = (p->nr + 1) * (size_t)RECORD_SIZE;
    uint8_t *data = malloc(size);
    struct program *q = program_new(p->nr);
    char *text, *again;

    bare.header = NULL;
    text = printed(&bare);
    assert_int_equal(program_encode(p, data, size - 1), -ENOSPC);
    assert_int_equal(program_encode(p, data, size), (long)size);
    program_decode(q, data, size);
    check_same_ops(p, q);
    again = printed(q);
    assert_string_equal(text, again);
    program_free(q);
    free(again);
    free(text);
    free(data);
}

/* ---- random programs: all that the text form can say ---- */
struct names {
    bool mapping[MAX_NAMES + 1], file[MAX_FDS + 1], context[MAX_FDS + 1], pin[MAX_PINS + 1],
        proc[MAX_PROCS + 1];
};

static uint8_t pick_defined(struct rng *r, const bool *defined, unsigned n)
{
    for (unsigned i = 0; i < 2 * n; i++) {
        uint8_t name = (uint8_t)(1 + rng_below(r, n));

        if (defined[name])
            return name;
    }
    return defined[1];
}

static struct value random_value(struct rng *r, enum arg arg, enum op_kind kind,
                                 const struct names *names)
{
    static const int32_t edges[] = {INT32_MIN, INT32_MAX, 0,  -1, 255, 256, 8191, 8192, 65536,
                                    -8,        -9,        23, 24, 31,  32,  1023, 1024};
    struct value v = {.anchor = (uint8_t)rng_below(r, NR_ANCHORS)};

    v.name = v.anchor == ANCHOR_MAPPING ? pick_defined(r, names->mapping, MAX_NAMES) : 0;
    if (v.anchor == ANCHOR_MAPPING && !v.name)
        v.anchor = ANCHOR_ZERO;
    v.pages = rng_below(r, 4) ? (int32_t)rng_below(r, 64) : (int32_t)(rng_next(r) >> 32);
    if (!rng_below(r, 3))
        v.pages = edges[rng_below(r, sizeof(edges) / sizeof(*edges))];
    if (arg_has_bytes(arg, kind) && !rng_below(r, 4))
        v.bytes = (int16_t)(rng_below(r, 2 * 4095 + 1) - 4095);
    return v;
}

static uint32_t random_words(struct rng *r, enum arg arg)
{
    unsigned n;

    arg_words(arg, &n);
    return rng_below(r, 1u << n);
}

static void random_argument(struct rng *r, enum arg arg, struct op *op, unsigned *values,
                            const struct names *names)
{
    unsigned n;

    if (arg_is_value(arg)) {
        op->v[(*values)++] = random_value(r, arg, (enum op_kind)op->kind, names);
    } else if (arg == ARG_PROT) {
        op->prot = (uint8_t)random_words(r, arg);
        if (!op_has_prot_words((enum op_kind)op->kind))
            op->prot &= PROT_RWX;
    } else if (arg_is_flags(arg)) {
        op->flags = random_words(r, arg);
    } else if (arg_is_choice(arg)) {
        arg_words(arg, &n);
        op->sel = (uint8_t)rng_below(r, n);
    } else {
        op->obj = pick_defined(r,
                               arg == ARG_CONTEXT ? names->context
                               : arg == ARG_PIN   ? names->pin
                                                  : names->file,
                               MAX_FDS);
    }
}

static struct op random_op(struct rng *r, struct names *names)
{
    struct op op = {.kind = (uint8_t)(1 + rng_below(r, NR_OPS - 1))};
    const struct op_info *info = &op_table[op.kind];
    unsigned values = 0;

    if (op_has_process((enum op_kind)op.kind) && !rng_below(r, 4))
        op.proc = (uint8_t)(pick_defined(r, names->proc, MAX_PROCS) - 1);
    if (!rng_below(r, 8))
        op.fail = (uint16_t)rng_below(r, MAX_FAIL + 1);
    for (const uint8_t *a = info->args; *a != ARG_END; a++)
        random_argument(r, (enum arg) * a, &op, &values, names);
    if (info->def == DEF_MAPPING)
        op.def = (uint8_t)rng_below(r, MAX_NAMES + 1);
    else if (info->def != DEF_NONE)
        op.def = (uint8_t)(1 + rng_below(r, MAX_FDS));
    if (op.def)
        (info->def == DEF_MAPPING ? names->mapping
         : info->def == DEF_FILE  ? names->file
         : info->def == DEF_PROC  ? names->proc
         : info->def == DEF_PIN   ? names->pin
                                  : names->context)[op.def] = true;
    return op;
}

static void random_bytes(struct rng *r, uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)(rng_next(r) >> 56);
}

static void test_random_programs(void **state)
{
    struct rng r;

    (void)state;
    rng_seed(&r, 1);
    for (int i = 0; i < 3000; i++) {
        struct program *p = program_new(4);
        struct names names = {.proc = {[1] = true}}; /* p0 */
        uint8_t world[RECORD_SIZE];

        random_bytes(&r, world, sizeof(world));
        world_decode(world, &p->config, &p->rules_given);
        for (uint32_t n = rng_below(&r, MAX_OPS); n; n--) {
            struct op op = random_op(&r, &names);

            assert_int_equal(program_append(p, &op), 0);
        }
        check_text(p);
        check_wire(p);
        program_free(p);
    }
}

/* ---- wire ---- */
static void test_decode_is_total(void **state)
{
    struct op ops[MAX_OPS];
    struct program p = {.op = ops, .cap = MAX_OPS};
    uint8_t data[(MAX_OPS + 2) * RECORD_SIZE];
    struct rng r;

    (void)state;
    rng_seed(&r, 2);
    for (int i = 0; i < 5000; i++) {
        size_t size = rng_below(&r, sizeof(data) + 1);

        random_bytes(&r, data, size);
        program_decode(&p, data, size);
        assert_true(p.nr <= MAX_OPS);
        check_text(&p);
        check_wire(&p);
    }
}

static void test_zero_bytes(void **state)
{
    static const uint8_t data[10 * RECORD_SIZE];
    struct op ops[10];
    struct program p = {.op = ops, .cap = 10};

    (void)state;
    for (size_t size = 0; size <= sizeof(data); size++) {
        char *text;

        program_decode(&p, data, size);
        assert_int_equal(p.nr, 0);
        assert_false(p.rules_given);
        assert_memory_equal(&p.config, &world_config_default, sizeof(p.config));
        text = printed(&p);
        assert_string_equal(text, "vmafuzz 1\n");
        free(text);
    }
}

/* A record that is cut off is one with zeros behind. */
static void test_cut_record(void **state)
{
    struct op ops[4];
    struct program whole = {.op = ops, .cap = 2}, cut = {.op = ops + 2, .cap = 2};
    uint8_t data[2 * RECORD_SIZE] = {0}, *copy;

    (void)state;
    data[RECORD_SIZE] = OP_MUNMAP;
    data[RECORD_SIZE + 12] = 0x20; /* address */
    program_decode(&whole, data, sizeof(data));
    assert_int_equal(whole.nr, 1);
    for (size_t size = RECORD_SIZE + 13; size < sizeof(data); size++) {
        copy = memcpy(malloc(size), data, size); /* so that a sanitizer sees what is read beyond */
        program_decode(&cut, copy, size);
        check_same_ops(&whole, &cut);
        free(copy);
    }
}

/* Whoever a record names, it is somebody who was forked; who was is kept. */
static void test_processes(void **state)
{
    struct op ops[8];
    struct program p = {.op = ops, .cap = 8};
    uint8_t data[7 * RECORD_SIZE] = {0};

    (void)state;
    for (unsigned i = 1; i < 7; i++)
        data[i * RECORD_SIZE] = OP_MUNLOCKALL;
    data[RECORD_SIZE + 1] = 9;
    data[2 * RECORD_SIZE] = OP_FORK; /* all zero: p1 */
    data[3 * RECORD_SIZE + 1] = 1;
    data[4 * RECORD_SIZE] = OP_EXIT;
    data[5 * RECORD_SIZE + 1] = 9; /* who exited does not stand in for others */
    data[6 * RECORD_SIZE + 1] = 16;
    program_decode(&p, data, sizeof(data));
    assert_int_equal(p.nr, 6);
    assert_int_equal(ops[0].proc, 0);
    assert_int_equal(ops[1].def, 2);
    assert_int_equal(ops[2].proc, 1);
    assert_int_equal(ops[4].proc, 1);
    assert_int_equal(ops[5].proc, 0);
    check_text(&p);
    check_wire(&p);
}

static void test_world_out_of_range(void **state)
{
    struct program *p = parsed("vmafuzz 1\nworld task=5000\n");
    uint8_t data[RECORD_SIZE];

    (void)state;
    assert_int_equal(program_encode(p, data, sizeof(data)), -ERANGE);
    program_free(p);
}

static void test_mutators(void **state)
{
    static const uint64_t boundaries[] = {0x10, 0x18, 0xf00};
    uint8_t data[20 * RECORD_SIZE], other[20 * RECORD_SIZE], out[20 * RECORD_SIZE];
    struct op ops[20];
    struct program p = {.op = ops, .cap = 20};
    struct rng r;

    (void)state;
    rng_seed(&r, 3);
    for (int i = 0; i < 20000; i++) {
        size_t max = rng_below(&r, sizeof(data) + 1), size = rng_below(&r, sizeof(data) + 1);
        size_t other_size = rng_below(&r, sizeof(other) + 1), cross;

        random_bytes(&r, data, sizeof(data));
        random_bytes(&r, other, sizeof(other));
        cross = wire_crossover(data, size, other, other_size, out, max, &r);
        assert_true(cross <= max);
        size = wire_mutate(data, size, sizeof(data), &r, i % 2 ? boundaries : NULL, i % 2 ? 3 : 0);
        assert_true(size <= sizeof(data));
        assert_true(wire_mutate(out, cross, max, &r, NULL, 0) <= max);
        program_decode(&p, data, size);
        check_text(&p);
    }
}

/* ---- text ---- */
static void test_text_forms(void **state)
{
    static const struct {
        const char *given, *printed;
    } forms[] = {
        {"p0: a = mmap 0x10 8 rw private anon", "p0: a = mmap 0x10 8 rw private anon"},
        {"a = mmap 16 0x8 wr anon private", "p0: a = mmap 0x10 8 rw private anon"},
        {"mmap 0 4 none shared f0 off=2", "p0: mmap 0 4 none shared f0 off=2"},
        {"mmap 0 4 rw off=2 f0 shared fail=3", "p0: mmap 0 4 rw shared f0 off=2 fail=3"},
        {"p0: mprotect a+2 3 r", "p0: mprotect a+2 3 r"},
        {"p0: mprotect a-0x2 3 rwx growsdown", "p0: mprotect a-2 3 rwx growsdown"},
        {"b = mremap a 4 -> 6 maymove fixed to=64",
         "p0: b = mremap a 4 -> 6 maymove fixed to=0x40"},
        {"mremap a 4:1 -> 6:-0x10", "p0: mremap a 4:0x1 -> 6:-0x10"},
        {"brk brk+3:0x800", "p0: brk brk+3:0x800"},
        {"munmap task-1 top", "p0: munmap task-1 top"},
        {"munmap -1 -2147483648", "p0: munmap -0x1 -2147483648"},
        {"madvise a 4 dontfork", "p0: madvise a 4 dontfork"},
        {"mbind a 4 interleave n0 n3", "p0: mbind a 4 interleave n0 n3"},
        {"name a 4 none", "p0: name a 4 none"},
        {"f3 = open hugetlb r noexec append 1024", "f3 = open hugetlb r append noexec 1024"},
        {"p0: f3 = open shmem none 1", "f3 = open shmem none 1"},
        {"f1 = reopen f0 rw", "f1 = reopen f0 rw"},
        {"close none", "close none"},
        {"setrlimit memlock 16", "p0: setrlimit memlock 16"},
        {"setrlimit as unlimited", "p0: setrlimit as unlimited"},
        {"setrlimit as top", "p0: setrlimit as unlimited"},
        {"uffd_register u0 a 4 missing wp", "p0: uffd_register u0 a 4 missing wp"},
        {"p15: m64 = special 0 1", "p15: m64 = special 0 1"},
        {"p2 = fork", "p0: p2 = fork"},
        {"p15: p0 = fork fail=9", "p15: p0 = fork fail=9"},
        {"p15: exit # no more", "p15: exit"},
        {"mlockall current future onfault # all of it", "p0: mlockall current future onfault"},
        {"\tread\ta:0xfff\r", "p0: read a:0xfff"},
        /* the signs of names need no blanks */
        {"b=mmap 0x10:0x800 8 rw private f0 off=2",
         "p0: b = mmap 0x10:0x800 8 rw private f0 off=2"},
        {"b= mmap 0 4 r anon", "p0: b = mmap 0 4 r anon"},
        {"b =mmap 0 4 r anon", "p0: b = mmap 0 4 r anon"},
        {"p15:munmap a 2", "p15: munmap a 2"},
        {"p15 : munmap a 2", "p15: munmap a 2"},
        {"p15:b=mmap a+4:-1 2 r anon", "p15: b = mmap a+4:-0x1 2 r anon"},
        {"p15:p0=fork", "p15: p0 = fork"},
        {"f1=dup f0 # ->", "f1 = dup f0"},
        {"mremap a 4->6", "p0: mremap a 4 -> 6"},
        {"mremap a 4 ->6 to=a-4", "p0: mremap a 4 -> 6 to=a-4"},
        {"mremap a-2 a-1->-6", "p0: mremap a-2 a-1 -> -6"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
        char text[256], *got;
        struct program *p;

        snprintf(text, sizeof(text),
                 "vmafuzz 1\nf0 = open regular rw 9\nu0 = userfaultfd\na = mmap 1 2 r private\n"
                 "p15 = fork\n%s",
                 forms[i].given);
        p = parsed(text);
        assert_int_equal(p->nr, 5);
        got = printed_op(&p->op[4]);
        assert_string_equal(got, forms[i].printed);
        free(got);
        program_free(p);
    }
}

static void test_world_and_header(void **state)
{
    static const char text[] =
        "vmafuzz 1\n# cause: none\n# found: here\n"
        "world rules=linux-6.18 layout=legacy privileged read-implies-exec overcommit=2 task=1024 "
        "base=768 min=0 brk=64 gap=16 maps=8 ram=128 admin-reserve=8 user-reserve=0\n"
        "p0: read 0x1\n";
    struct program *p = parsed(text), *q;
    char *again = printed(p);

    (void)state;
    assert_string_equal(again, text);
    assert_true(p->rules_given);
    assert_int_equal(p->config.rules, RULES_LINUX_6_18);
    assert_int_equal(p->config.max_map_count, 8);
    free(again);
    q = parsed("vmafuzz 1\nworld min=1\np0: read 0x1\n");
    check_wire(q);
    program_free(q);
    q = program_new(1);
    assert_int_equal(program_copy(q, p), 0);
    again = printed(q);
    assert_string_equal(again, text);
    free(again);
    program_free(q);
    program_free(p);
}

/* What is usual and does not fit a small task shrinks with it; what is said, or fits, stays. */
static void test_small_world(void **state)
{
    static const struct {
        const char *given, *printed;
    } worlds[] = {
        {"task=1024", "task=1024 base=960"},
        {"base=100 task=512", "task=512 base=100 brk=64"},
        {"gap=1 task=256", "task=256 base=240 brk=32 gap=1"},
        {"task=64", "task=64 base=60 brk=8 gap=4"},
        {"task=64 min=63 brk=63", "task=64 base=60 min=63 brk=63 gap=4"},
        {"task=3840", "task=3840"},
        {"task=16777216", "task=16777216"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(worlds) / sizeof(*worlds); i++) {
        char text[128], *got;
        struct program *p;

        snprintf(text, sizeof(text), "vmafuzz 1\nworld %s\n", worlds[i].given);
        p = parsed(text);
        check_text(p);
        got = printed(p);
        snprintf(text, sizeof(text), "vmafuzz 1\nworld %s\n", worlds[i].printed);
        assert_string_equal(got, text);
        free(got);
        program_free(p);
    }
}

static void test_any_text(void **state)
{
    static const char nul[] = "vmafuzz 1\nmunlockall\nmun\0lockall";
    const char *usual = "vmafuzz 1\nworld min=1\nf0 = open regular rw 8\np0: a = mmap 0x10 8 rw "
                        "shared f0 off=2\np0: b = mremap a+1 4 -> 6:0x8 maymove to=task-9\n";
    struct program *p = program_new(1);
    struct parse_error err;
    struct rng r;
    char *long_line = malloc(1 << 20);

    (void)state;
    rng_seed(&r, 4);
    assert_int_equal(program_parse(p, nul, sizeof(nul) - 1, &err), -EINVAL);
    assert_int_equal(err.line, 3);
    assert_int_equal(err.column, 4);
    memset(long_line, 'x', 1 << 20);
    memcpy(long_line, "vmafuzz 1\n", 10);
    assert_int_equal(program_parse(p, long_line, 1 << 20, &err), -EINVAL);
    long_line[10] = '#';
    assert_int_equal(program_parse(p, long_line, 1 << 20, &err), 0);
    assert_int_equal(strlen(p->header), (1 << 20) - 10 + 1);
    for (int i = 0; i < 200000; i++) {
        size_t size = strlen(usual);

        memcpy(long_line, usual, size);
        for (uint32_t n = 1 + rng_below(&r, 4); n; n--) {
            size_t at = rng_below(&r, (uint32_t)size);

            if (rng_below(&r, 2))
                long_line[at] = (char)(rng_next(&r) >> 56);
            else
                long_line[at] = usual[rng_below(&r, (uint32_t)strlen(usual))];
        }
        if (!program_parse(p, long_line, rng_below(&r, (uint32_t)size + 1), &err) && !(i % 8))
            check_text(p);
    }
    free(long_line);
    program_free(p);
}

static void test_many_operations(void **state)
{
    enum { MANY = 100000 };
    size_t line = strlen("munlockall\n");
    char *text = malloc(10 + MANY * line), *again;
    struct program *p = program_new(0);
    struct parse_error err;

    (void)state;
    memcpy(text, "vmafuzz 1\n", 10);
    for (size_t i = 0; i < MANY; i++)
        memcpy(text + 10 + i * line, "munlockall\n", line);
    assert_int_equal(program_parse(p, text, 10 + MANY * line, &err), 0);
    assert_int_equal(p->nr, MANY);
    check_text(p);
    check_wire(p);
    again = printed(p);
    assert_int_equal(strlen(again), 10 + MANY * (line + 4));
    free(again);
    free(text);
    program_free(p);
}

/* ---- resolved ---- */
static void test_resolve(void **state)
{
    struct program *p = parsed("vmafuzz 1\nworld task=1024 base=768 brk=64\n"
                               "f2 = open shmem rw noexec 5\n"
                               "a = mmap 0x10 8:1 rx shared noreplace f2 off=top-1\n"
                               "m64 = mremap a+2 4 -> brk+1 maymove to=base-4:-1\n"
                               "mbind task 1 interleave n1 n2\n"
                               "name m64 1 green\nname m64 1 none\n"
                               "remap_file_pages a 1 none off=3\n"
                               "setrlimit stack unlimited\n"
                               "p3 = fork\np3: p15 = fork fail=2\n");
    long results[MAX_NAMES + 1] = {0};
    struct call c;

    (void)state;
    op_resolve(&p->op[0], &p->config, results, &c);
    assert_int_equal(c.new_fd, 2);
    assert_int_equal(c.sel, FILE_SHMEM);
    assert_int_equal(c.flags, FMODE_READ | FMODE_WRITE | FMODE_NOEXEC);
    assert_int_equal(c.pages, 5);
    op_resolve(&p->op[1], &p->config, results, &c);
    assert_int_equal(c.addr, 0x10000);
    assert_int_equal(c.len, 0x8001);
    assert_int_equal(c.prot, PROT_READ | PROT_EXEC);
    assert_int_equal(c.flags, MAP_SHARED | MAP_FIXED_NOREPLACE);
    assert_int_equal(c.fd, 2);
    assert_true(c.off == UINT64_MAX - 4095);
    results[1] = 0x10000;
    results[64] = -ENOMEM;
    op_resolve(&p->op[2], &p->config, results, &c);
    assert_int_equal(c.addr, 0x12000);
    assert_int_equal(c.new_len, 65 << 12);
    assert_int_equal(c.to, (764 << 12) - 1);
    op_resolve(&p->op[3], &p->config, results, &c);
    assert_int_equal(c.addr, 1024 << 12);
    assert_int_equal(c.sel, MPOL_INTERLEAVE);
    assert_int_equal(c.flags, 6);
    op_resolve(&p->op[4], &p->config, results, &c);
    assert_int_equal(c.addr, 0);
    assert_string_equal(c.name, "green");
    op_resolve(&p->op[5], &p->config, results, &c);
    assert_null(c.name);
    op_resolve(&p->op[6], &p->config, results, &c);
    assert_int_equal(c.off, 3);
    op_resolve(&p->op[7], &p->config, results, &c);
    assert_int_equal(c.sel, MM_RLIMIT_STACK);
    assert_true(c.pages == MM_RLIM_INFINITY);
    op_resolve(&p->op[8], &p->config, results, &c);
    assert_int_equal(c.proc, 0);
    assert_int_equal(c.child, 3);
    op_resolve(&p->op[9], &p->config, results, &c);
    assert_int_equal(c.proc, 3);
    assert_int_equal(c.child, 15);
    assert_int_equal(c.fail, 2);
    program_free(p);
}

static void test_resolve_pages(void **state)
{
    struct program *p = parsed("vmafuzz 1\nf2 = open regular r 5\n"
                               "k2 = pin 0x10 write\ndevice_read k2\nunpin none\n"
                               "force 0x10 dontneed\nforce 0x10\nreclaim 0x10 1 keep\n"
                               "rmap 0x10 1 mkclean\nexe f2\nmadvise 0x10 1 populate_write\n");
    long results[MAX_NAMES + 1] = {0};
    struct call c;

    (void)state;
    op_resolve(&p->op[1], &p->config, results, &c);
    assert_int_equal(c.new_fd, 2);
    assert_int_equal(c.addr, 0x10000);
    assert_int_equal(c.sel, 1);
    op_resolve(&p->op[2], &p->config, results, &c);
    assert_int_equal(c.fd, 2);
    op_resolve(&p->op[3], &p->config, results, &c);
    assert_int_equal(c.fd, -1);
    op_resolve(&p->op[4], &p->config, results, &c);
    assert_int_equal(c.flags, 1);
    op_resolve(&p->op[5], &p->config, results, &c);
    assert_int_equal(c.flags, 0);
    op_resolve(&p->op[6], &p->config, results, &c);
    assert_int_equal(c.flags, 1);
    op_resolve(&p->op[7], &p->config, results, &c);
    assert_int_equal(c.sel, RMAP_MKCLEAN);
    op_resolve(&p->op[8], &p->config, results, &c);
    assert_int_equal(c.fd, 2);
    op_resolve(&p->op[9], &p->config, results, &c);
    assert_int_equal(c.sel, MADV_POPULATE_WRITE);
    assert_true(op_has_process(OP_EXE) && op_has_process(OP_PIN));
    assert_false(op_has_process(OP_UNPIN) || op_has_process(OP_DEVICE_WRITE));
    assert_false(op_has_process(OP_SWAPOFF));
    program_free(p);
}

/* ---- what is stored: the page about programs, and the seeds ---- */
static char *file_text(const char *path)
{
    FILE *from = fopen(path, "r");
    char *text = NULL;
    size_t size = 0;

    if (!from)
        fail_msg("cannot open %s", path);
    assert_true(getdelim(&text, &size, '\0', from) > 0);
    fclose(from);
    return text;
}

/* Each operation has its row in the page, and each list its words. */
static void test_page(void **state)
{
    char *page = file_text("docs/program.md"), row[512];

    (void)state;
    for (int kind = 1; kind < NR_OPS; kind++) {
        const struct op_info *info = &op_table[kind];
        char form[OP_FORM_SIZE];

        op_form(info, form);
        snprintf(row, sizeof(row), "\n| `%s` | %s |\n", form, info->sentence);
        if (!strstr(page, row))
            fail_msg("docs/program.md has no row %s", row + 1);
    }
    for (int arg = ARG_PROT; arg <= ARG_CONTENTS; arg++) {
        unsigned n, at = 0;
        const struct word *words = arg_words((enum arg)arg, &n);

        for (unsigned i = 0; i < n; i++)
            at += (unsigned)snprintf(row + at, sizeof(row) - at, "%s`%s`", i ? " " : "| ",
                                     words[i].text);
        snprintf(row + at, sizeof(row) - at, " |\n");
        if (!strstr(page, row))
            fail_msg("docs/program.md has no row ...%s", row);
    }
    free(page);
}

static void check_seed(const char *path, bool seen[NR_OPS])
{
    char *text = file_text(path), *canonical;
    struct program *p = parsed(text);

    if (!p->header || !strstr(p->header, "# cause: "))
        fail_msg("%s has no '# cause:' line", path);
    check_text(p);
    check_wire(p);
    for (uint32_t i = 0; i < p->nr; i++) {
        canonical = printed_op(&p->op[i]);
        if (!strstr(text, canonical))
            fail_msg("%s spells '%s' otherwise", path, canonical);
        free(canonical);
        seen[p->op[i].kind] = true;
    }
    program_free(p);
    free(text);
}

static void test_seeds(void **state)
{
    bool seen[NR_OPS] = {true};
    glob_t paths;

    (void)state;
    assert_int_equal(glob("corpus/seeds/*.vma", 0, NULL, &paths), 0);
    for (size_t i = 0; i < paths.gl_pathc; i++)
        check_seed(paths.gl_pathv[i], seen);
    globfree(&paths);
    for (int kind = 1; kind < NR_OPS; kind++)
        if (!seen[kind])
            fail_msg("no seed has %s", op_table[kind].name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_programs),
        cmocka_unit_test(test_decode_is_total),
        cmocka_unit_test(test_zero_bytes),
        cmocka_unit_test(test_cut_record),
        cmocka_unit_test(test_processes),
        cmocka_unit_test(test_world_out_of_range),
        cmocka_unit_test(test_mutators),
        cmocka_unit_test(test_text_forms),
        cmocka_unit_test(test_world_and_header),
        cmocka_unit_test(test_small_world),
        cmocka_unit_test(test_any_text),
        cmocka_unit_test(test_many_operations),
        cmocka_unit_test(test_resolve),
        cmocka_unit_test(test_resolve_pages),
        cmocka_unit_test(test_page),
        cmocka_unit_test(test_seeds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
