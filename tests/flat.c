/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/flat.h"

struct spec *spec;

struct spec_config flat_config(enum spec_rules rules)
{
    return (struct spec_config){
        .rules = rules,
        .overcommit = 0,
        .privileged = true,
        .task_size = 4096,
        .mmap_base = 3840,
        .mmap_min_addr = 16,
        .start_brk = 0x200,
        .stack_guard_gap = 256,
        .max_map_count = 65530,
        .total_ram = 65536,
        .admin_reserve = 64,
        .user_reserve = 64,
    };
}

/* One VMA, in the letters that flat.h explains. */
static void print_vma(const struct snap_vma *v, char *text, size_t size)
{
    const struct {
        uint64_t flag;
        char letter;
    } letters[] = {
        {SNAP_READ, 'r'},   {SNAP_WRITE, 'w'},       {SNAP_EXEC, 'x'},         {SNAP_SHARED, 's'},
        {SNAP_LOCKED, 'L'}, {SNAP_LOCKONFAULT, 'F'}, {SNAP_UFFD_MISSING, 'u'},
    };
    char word[16] = "";
    size_t n = 0;

    for (size_t i = 0; i < sizeof(letters) / sizeof(*letters); i++)
        if (v->flags & letters[i].flag)
            word[n++] = letters[i].letter;
    if (v->anon_vma)
        word[n++] = 'a';
    snprintf(text, size, "%llx-%llx %s", (unsigned long long)v->start, (unsigned long long)v->end,
             n ? word : "-");
}

void flat_assert_layout(unsigned proc, const char *expected)
{
    struct snapshot s = {0};
    char text[1024] = "", vma[64];
    uint32_t i = 0;

    assert_int_equal(spec_snapshot(spec, &s), 0);
    while (i < s.nr_procs && s.proc[i].id != proc)
        i++;
    assert_true(i < s.nr_procs);
    for (uint32_t j = 0; j < s.proc[i].nr_vmas; j++) {
        print_vma(&s.vma[s.proc[i].first_vma + j], vma, sizeof(vma));
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", j ? ", " : "", vma);
    }
    assert_int_equal(s.proc[i].nr_vmas, spec_map_count(spec, proc));
    snapshot_fini(&s);
    assert_string_equal(text, expected);
}

static uint64_t read_flat(void *arg, unsigned proc, uint64_t page, bool *own)
{
    *own = spec_pages(arg, proc)[page].own;
    return spec_contents(arg, proc, page);
}

bool flat_adopt(const struct snapshot *picture, spec_reader *reader, bool refused, char *why,
                size_t why_size)
{
    const struct spec_subject subject = {picture, reader ? reader : read_flat, spec, refused};

    return spec_adopt(spec, &subject, why, why_size);
}

int flat_setup(void **state)
{
    (void)state;
    spec = spec_new();
    return spec ? 0 : -1;
}

int flat_teardown(void **state)
{
    (void)state;
    spec_free(spec);
    return 0;
}
