# SPDX-License-Identifier: GPL-2.0-only
# Pictures of the running kernel by a BPF program. Without what its build needs it is left out, and
# the reader of /proc takes its place.
pkg_check_modules(LIBBPF IMPORTED_TARGET libbpf>=1.0)
pkg_check_modules(LIBELF IMPORTED_TARGET libelf)
pkg_check_modules(ZLIB IMPORTED_TARGET zlib)
find_program(VMAFUZZ_BPF_CLANG NAMES clang clang-19 clang-18 clang-17 clang-16 clang-15 clang-14)
find_program(VMAFUZZ_BPFTOOL bpftool PATHS /usr/sbin /sbin)
set(missing "")
foreach(need LIBBPF_FOUND LIBELF_FOUND ZLIB_FOUND VMAFUZZ_BPF_CLANG VMAFUZZ_BPFTOOL)
    if(NOT ${need})
        string(REGEX REPLACE "^VMAFUZZ_(BPF_)?|_FOUND$" "" need ${need})
        string(TOLOWER ${need} need)
        list(APPEND missing ${need})
    endif()
endforeach()
if(NOT CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    list(APPEND missing "an x86-64 machine")
endif()
if(missing)
    list(JOIN missing ", " missing)
    message(STATUS "the BPF picture of `vmafuzz live` is not built: it needs ${missing}")
    return()
endif()

set(bpf_dir ${PROJECT_BINARY_DIR}/bpf)
file(MAKE_DIRECTORY ${bpf_dir})
add_custom_command(
    OUTPUT ${bpf_dir}/snapshot.bpf.o
    COMMAND ${VMAFUZZ_BPF_CLANG} -target bpf -mcpu=v3 -O2 -g -ffreestanding -Wall
            -I${PROJECT_SOURCE_DIR} -c ${CMAKE_CURRENT_LIST_DIR}/snapshot.bpf.c
            -o ${bpf_dir}/snapshot.bpf.o
    DEPENDS ${CMAKE_CURRENT_LIST_DIR}/snapshot.bpf.c ${CMAKE_CURRENT_LIST_DIR}/raw.h
            ${CMAKE_CURRENT_LIST_DIR}/snapshot_kernel.h
            ${CMAKE_CURRENT_LIST_DIR}/snapshot_load.h ${CMAKE_CURRENT_LIST_DIR}/snapshot_parts.h
            ${CMAKE_CURRENT_LIST_DIR}/snapshot_calibrate.h ${PROJECT_SOURCE_DIR}/oracles/snapshot.h
    VERBATIM)
add_custom_command(
    OUTPUT ${bpf_dir}/snapshot.skel.h
    COMMAND sh -c "\"$1\" gen skeleton \"$2\" name snapshot_bpf >\"$3\"" sh ${VMAFUZZ_BPFTOOL}
            ${bpf_dir}/snapshot.bpf.o ${bpf_dir}/snapshot.skel.h
    DEPENDS ${bpf_dir}/snapshot.bpf.o
    VERBATIM)
add_custom_target(vmafuzz_bpf DEPENDS ${bpf_dir}/snapshot.skel.h)
add_dependencies(vmafuzz_harness vmafuzz_bpf)
target_compile_definitions(vmafuzz_harness PRIVATE VMAFUZZ_HAVE_BPF)
target_include_directories(vmafuzz_harness SYSTEM PRIVATE ${bpf_dir})
target_link_libraries(vmafuzz_harness PRIVATE PkgConfig::LIBBPF PkgConfig::LIBELF PkgConfig::ZLIB)
