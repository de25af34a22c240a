#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# fuzz_smoke.sh VMAFUZZ: some seconds of fuzzing find nothing in the model as it is.
set -eu
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
"$1" fuzz --seed 1 --time 5 --jobs 2 --out "$out"
