/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * AFL++: persistent mode, test cases in shared memory. A start of the executor is the reset.
 *
 * The run-time library is called as its macros would, but from plain code: edges of this loop
 * differ between the first case and later ones, which AFL++ would take for an unstable target.
 */
#include "fuzz/fuzz.h"

#include <unistd.h>

#define LOOPS 100000 /* cases per process */

extern uint32_t *__afl_fuzz_len;
extern uint8_t *__afl_fuzz_ptr; /* NULL: not run by AFL++, the case is on standard input */
extern int __afl_sharedmem_fuzzing;
int __afl_sharedmem_fuzzing = 1;
void __afl_manual_init(void);
int __afl_persistent_loop(unsigned loops);

/* What afl-fuzz looks for in the file. */
static const char signatures[] __attribute__((used)) = "##SIG_AFL_PERSISTENT##\0"
                                                       "##SIG_AFL_DEFER_FORKSRV##";

int main(int argc, char **argv)
{
    static uint8_t input[MAX_INPUT];

    LLVMFuzzerInitialize(&argc, &argv);
    LLVMFuzzerTestOneInput(input, RECORD_SIZE); /* what only a first run does is done */
    __afl_manual_init();
    while (__afl_persistent_loop(LOOPS)) {
        if (__afl_fuzz_ptr) {
            LLVMFuzzerTestOneInput(__afl_fuzz_ptr, *__afl_fuzz_len);
        } else {
            ssize_t got = read(STDIN_FILENO, input, sizeof(input));

            LLVMFuzzerTestOneInput(input, got > 0 ? (size_t)got : 0);
        }
    }
    return 0;
}
