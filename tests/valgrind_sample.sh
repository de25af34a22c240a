#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# valgrind_sample.sh VMAFUZZ: stored programs and a short generated run under valgrind, which also
# sees the use of values that were never set, as no sanitizer of the other tests does.
set -u
vmafuzz=$1
command -v valgrind >/dev/null || { echo "valgrind is not installed"; exit 77; }
out=$(mktemp -d) || exit 2
trap 'rm -rf "$out"' EXIT

watched() {
    valgrind --quiet --error-exitcode=9 "$vmafuzz" "$@" >"$out/log" 2>&1 && return
    status=$?
    cat "$out/log"
    echo "vmafuzz $*: status $status under valgrind"
    exit 1
}
watched replay corpus/bugs
watched fuzz --rules linux-6.1 --seed 1 --ops 5000 --out "$out"
tail -n 1 "$out/log"
