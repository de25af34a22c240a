/* SPDX-License-Identifier: GPL-2.0-only */
/* What the engines' files share: the entry points that libFuzzer names, and the features. */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include "harness/harness.h"

#define MAX_OPS 256 /* of one input */
#define MAX_INPUT ((MAX_OPS + 1) * RECORD_SIZE)

/* ---- the engine's interface ---- */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size,
                                 uint8_t *out, size_t max_size, unsigned seed);

/* ---- features.c: what coverage of the model's code does not see ---- */
/* Before a program, and as run_options.trace during it (arg: the world). */
void features_start(void);
void features_op(void *world, int index, const struct op *op, const struct call *call, long ret);
void features_end(const struct world *world);

#endif
