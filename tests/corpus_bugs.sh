#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# corpus_bugs.sh VMAFUZZ: corpus/bugs/FAULT.vma breaks a law when that fault is on. (That it breaks
# none otherwise is corpus_replay.sh's.)
set -u
vmafuzz=$1
failed=0
n=0
for file in corpus/bugs/*.vma; do
    [ -f "$file" ] || continue
    n=$((n + 1))
    fault=$(basename "$file" .vma)
    "$vmafuzz" replay --fault "$fault" "$file" >/dev/null
    status=$?
    [ $status -eq 1 ] && continue
    echo "$file: status $status with --fault $fault, 1 expected"
    failed=1
done
echo "$n faults"
exit $failed
