#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# fail_each.sh VMAFUZZ: every allocation of every stored program fails once, and no law is broken; a
# fault that only shows then is seen in programs that have no failing allocation of their own.
set -u
vmafuzz=$1
out=$(mktemp) || exit 2
trap 'rm -f "$out"' EXIT

"$vmafuzz" replay --fail-each --all-rules corpus >"$out" || { grep -v '^ok ' "$out"; exit 1; }
for fault in split-error-leaves-avcs anon-vma-fork-error-leaves-avcs mmap-fail-keeps-charge; do
    "$vmafuzz" replay --fail-each --fault $fault corpus/seeds >/dev/null
    status=$?
    [ $status -eq 1 ] || { echo "$fault: status $status, 1 expected"; exit 1; }
done
tail -n 2 "$out"
