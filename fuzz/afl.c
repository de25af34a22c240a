/* SPDX-License-Identifier: GPL-2.0-only */
/* AFL++: persistent mode, test cases in shared memory. A start of the executor is the reset. */
#include "fuzz/fuzz.h"

#include <unistd.h>

#define LOOPS 100000 /* cases per process */

#pragma clang diagnostic ignored "-Wconversion" /* in the macros of afl-clang-fast */

__AFL_FUZZ_INIT();

int main(int argc, char **argv)
{
    static const uint8_t nothing[RECORD_SIZE];
    const uint8_t *data;

    LLVMFuzzerInitialize(&argc, &argv);
    LLVMFuzzerTestOneInput(nothing, sizeof(nothing)); /* what only a first run does is done */
    __AFL_INIT();
    data = __AFL_FUZZ_TESTCASE_BUF;
    while (__AFL_LOOP(LOOPS))
        LLVMFuzzerTestOneInput(data, (size_t)__AFL_FUZZ_TESTCASE_LEN);
    return 0;
}
