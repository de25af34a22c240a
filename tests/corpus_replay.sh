#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# corpus_replay.sh VMAFUZZ HASHES: every stored program keeps every law under every kernel's rules,
# and a second run gives the same hashes. HASHES is kept: other builds must give the same.
set -eu
vmafuzz=$1
hashes=$2

"$vmafuzz" replay --all-rules corpus >"$hashes" || { grep -v '^ok ' "$hashes"; exit 1; }
"$vmafuzz" replay --all-rules corpus | cmp - "$hashes"
# Wire form and back keeps a program.
for file in corpus/*/*.vma; do
    "$vmafuzz" convert --to wire --out "$hashes.wire" "$file"
    "$vmafuzz" convert "$hashes.wire" >"$hashes.text"
    "$vmafuzz" convert --to wire --out "$hashes.again" "$hashes.text"
    cmp "$hashes.wire" "$hashes.again" || { echo "$file: text and wire form differ"; exit 1; }
done
rm -f "$hashes.text" "$hashes.wire" "$hashes.again"
tail -n 1 "$hashes"
