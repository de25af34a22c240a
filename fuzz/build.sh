#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# OSS-Fuzz: builds the targets with CC, CFLAGS and LIB_FUZZING_ENGINE into OUT, with their seed
# corpora, options and dictionary. Without LIB_FUZZING_ENGINE each target is a program that runs
# the files it is given. OUT and WORK are below build/ unless they are set.
set -eu
: "${CC:=clang}" "${CXX:=clang++}" "${CFLAGS:=-O1 -g}" "${CXXFLAGS:=$CFLAGS}"
: "${LIB_FUZZING_ENGINE:=}"
root=$(cd "$(dirname "$0")/.." && pwd)
: "${OUT:=$root/build/oss-fuzz/out}" "${WORK:=$root/build/oss-fuzz/work}"

cmake -S "$root" -B "$WORK" -DVMAFUZZ_FUZZER=standalone -DBUILD_TESTING=OFF \
    -DLIB_FUZZING_ENGINE="$LIB_FUZZING_ENGINE" \
    -DCMAKE_C_COMPILER="$CC" -DCMAKE_CXX_COMPILER="$CXX" -DCMAKE_BUILD_TYPE=None \
    -DCMAKE_C_FLAGS="$CFLAGS" -DCMAKE_CXX_FLAGS="$CXXFLAGS"
cmake --build "$WORK" --target fuzz_program fuzz_text fuzz_seeds
mkdir -p "$OUT"
for target in fuzz_program fuzz_text; do
    cp "$WORK/fuzz/$target" "$OUT/"
    cp "$root/fuzz/vmafuzz.options" "$OUT/$target.options"
    (cd "$WORK/fuzz/seeds/$target" &&
        cmake -E tar cf "$OUT/${target}_seed_corpus.zip" --format=zip -- *)
done
cp "$root/fuzz/vmafuzz.dict" "$OUT/fuzz_text.dict"
