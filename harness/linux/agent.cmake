# SPDX-License-Identifier: GPL-2.0-only
# The agent: a program of its own, which the harness carries (agent_program.c). None of the build's
# flags are for it: it has no C library, no sanitizer, and one page. Not for other machines than
# x86-64: there the harness says that it cannot ask the kernel.
find_program(AGENT_CC NAMES gcc clang cc REQUIRED)
mark_as_advanced(AGENT_CC)
set(agent_sources ${PROJECT_SOURCE_DIR}/harness/linux/agent.c
    ${PROJECT_SOURCE_DIR}/harness/linux/agent.h ${PROJECT_SOURCE_DIR}/harness/linux/agent_syscall.h)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
    file(STRINGS ${PROJECT_SOURCE_DIR}/harness/linux/agent.h agent_base REGEX "define AGENT_BASE ")
    string(REGEX REPLACE ".* 0x([0-9a-f]+)UL.*" "\\1" agent_base ${agent_base})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
                 ${PROJECT_SOURCE_DIR}/harness/linux/agent.h)
    set(agent ${PROJECT_BINARY_DIR}/vmafuzz-agent)
    add_custom_command(
        OUTPUT ${agent}
        COMMAND ${AGENT_CC} -O2 -ffreestanding -nostdlib -static -fno-stack-protector -fno-pic
                -mgeneral-regs-only -mcmodel=large -fno-asynchronous-unwind-tables
                -fcf-protection=none -Wall -Wextra -I${PROJECT_SOURCE_DIR}
                -Wl,-z,noseparate-code,-z,noexecstack,--build-id=none
                -Wl,-Ttext-segment=0x${agent_base} ${PROJECT_SOURCE_DIR}/harness/linux/agent.c
                -o ${agent}
        DEPENDS ${agent_sources}
        COMMENT "Building the agent"
        VERBATIM)
    set_source_files_properties(harness/linux/agent_program.c PROPERTIES
                                COMPILE_DEFINITIONS VMAFUZZ_AGENT="${agent}"
                                OBJECT_DEPENDS ${agent})
endif()
