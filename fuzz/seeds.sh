#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# seeds.sh VMAFUZZ CORPUS OUT: every text program below CORPUS as OUT/fuzz_text/NAME.vma and, in
# wire form, as OUT/fuzz_program/NAME.
set -eu
[ $# -eq 3 ] || { echo "usage: $0 VMAFUZZ CORPUS OUT" >&2; exit 2; }
vmafuzz=$1 corpus=$2 out=$3

rm -rf "$out"
mkdir -p "$out/fuzz_text" "$out/fuzz_program"
find "$corpus" -name '*.vma' | sort | while read -r file; do
    name=$(basename "$(dirname "$file")")-$(basename "$file" .vma)
    cp "$file" "$out/fuzz_text/$name.vma"
    "$vmafuzz" convert --to wire "$file" >"$out/fuzz_program/$name"
done
# An engine wants at least one input: all zero is the smallest program.
head -c 80 /dev/zero >"$out/fuzz_program/zero"
echo "vmafuzz 1" >"$out/fuzz_text/empty.vma"
