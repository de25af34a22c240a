/* SPDX-License-Identifier: GPL-2.0-only */
/* The agent's program, as it was built, inside of the harness. VMAFUZZ_AGENT: its file. */
extern const unsigned char agent_program[], agent_program_end[];

__asm__(".section .rodata\n"
        ".globl agent_program, agent_program_end\n"
        "agent_program:\n"
#ifdef VMAFUZZ_AGENT
        "   .incbin \"" VMAFUZZ_AGENT "\"\n"
#endif
        "agent_program_end:\n"
        "   .byte 0\n"
        ".previous\n");
