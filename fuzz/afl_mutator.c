/* SPDX-License-Identifier: GPL-2.0-only */
/* The mutator as AFL++ wants it: AFL_CUSTOM_MUTATOR_LIBRARY=libvmafuzz-mutator.so. */
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

struct afl_mutator {
    struct rng rng;
    uint8_t out[MAX_INPUT];
    uint8_t kept[MAX_INPUT]; /* what is being trimmed, and the record whose loss is tried */
    size_t kept_size;
    int32_t record, steps;
};

void *afl_custom_init(void *afl, unsigned seed);
size_t afl_custom_fuzz(void *self, uint8_t *data, size_t size, uint8_t **out, uint8_t *other,
                       size_t other_size, size_t max_size);
int32_t afl_custom_init_trim(void *self, uint8_t *data, size_t size);
size_t afl_custom_trim(void *self, uint8_t **out);
int32_t afl_custom_post_trim(void *self, uint8_t success);
void afl_custom_deinit(void *self);

void *afl_custom_init(void *afl, unsigned seed)
{
    struct afl_mutator *m = calloc(1, sizeof(*m));

    (void)afl;
    if (m)
        rng_seed(&m->rng, seed);
    return m;
}

void afl_custom_deinit(void *self)
{
    free(self);
}

size_t afl_custom_fuzz(void *self, uint8_t *data, size_t size, uint8_t **out, uint8_t *other,
                       size_t other_size, size_t max_size)
{
    struct afl_mutator *m = self;
    unsigned seed = (unsigned)rng_next(&m->rng);

    if (max_size > MAX_INPUT)
        max_size = MAX_INPUT;
    if (other_size && rng_below(&m->rng, 4) == 0) {
        size = LLVMFuzzerCustomCrossOver(data, size, other, other_size, m->out, max_size, seed);
    } else {
        size = size < max_size ? size : max_size;
        memcpy(m->out, data, size);
    }
    *out = m->out;
    return LLVMFuzzerCustomMutator(m->out, size, max_size, seed);
}

/* Trimming: each operation in turn is left out, from the last to the first. */
int32_t afl_custom_init_trim(void *self, uint8_t *data, size_t size)
{
    struct afl_mutator *m = self;

    if (size > MAX_INPUT)
        return 0;
    memcpy(m->kept, data, size);
    m->kept_size = size;
    m->record = (int32_t)((size + RECORD_SIZE - 1) / RECORD_SIZE) - 1; /* 0 is the world's */
    m->steps = m->record > 0 ? m->record : 0;
    return m->steps;
}

static size_t without_record(struct afl_mutator *m)
{
    size_t from = (size_t)m->record * RECORD_SIZE, to = from + RECORD_SIZE;
    size_t tail = to < m->kept_size ? m->kept_size - to : 0;

    memcpy(m->out, m->kept, from);
    memcpy(m->out + from, m->kept + to, tail);
    return from + tail;
}

size_t afl_custom_trim(void *self, uint8_t **out)
{
    struct afl_mutator *m = self;

    *out = m->out;
    return without_record(m);
}

int32_t afl_custom_post_trim(void *self, uint8_t success)
{
    struct afl_mutator *m = self;

    if (success) {
        m->kept_size = without_record(m);
        memcpy(m->kept, m->out, m->kept_size);
    }
    m->record--;
    return m->steps - m->record;
}
