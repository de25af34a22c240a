#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# corpus_bugs.sh VMAFUZZ: corpus/bugs/FAULT.vma breaks a law when that fault is on, and the verdict
# speaks of pages and has words for flags. (That it breaks none otherwise is corpus_replay.sh's.)
set -u
vmafuzz=$1
failed=0
n=0
for file in corpus/bugs/*.vma; do
    [ -f "$file" ] || continue
    n=$((n + 1))
    fault=$(basename "$file" .vma)
    said=$("$vmafuzz" replay --fault "$fault" "$file")
    status=$?
    if [ $status -ne 1 ]; then
        echo "$file: status $status with --fault $fault, 1 expected"
        failed=1
    elif echo "$said" | sed '/^OPERATION/,$d' | grep -E 'flags 0x|0x[0-9a-f]*000-0x'; then
        echo "$file: bytes, or flags as a number, in its verdict"
        failed=1
    fi
done
echo "$n faults"
exit $failed
