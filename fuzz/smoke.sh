#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# smoke.sh libfuzzer|afl BUILD [SECONDS]: both targets of a fuzz build run for a while, each for its
# share, from the seeds. Prints executions per second. Fails on a crash, on an engine that did not
# run, and with AFL++ on a stability below 100 %.
set -eu
usage() { echo "usage: $0 libfuzzer|afl BUILD [SECONDS]" >&2; exit 2; }
[ $# -ge 2 ] && [ $# -le 3 ] || usage
engine=$1 fuzz=$(cd "$2/fuzz" && pwd) seconds=${3:-10}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "smoke: $*" >&2; exit 1; }

run_libfuzzer() {
    mkdir -p "$work/$1.corpus"
    (cd "$work" && "$fuzz/$1" -max_total_time="$seconds" -max_len=10280 -print_final_stats=1 \
        -dict="$here/vmafuzz.dict" "$work/$1.corpus" "$fuzz/seeds/$1") >"$work/$1.log" 2>&1 ||
        { tail -n 60 "$work/$1.log" >&2; fail "$1 crashed"; }
    awk -v target="$1" '/^stat::number_of_executed_units/ { n = $2 }
        /^stat::average_exec_per_sec/ { rate = $2 }
        END { print "libFuzzer " target ": " n " executions, " rate " per second"; exit !n }' \
        "$work/$1.log" || fail "$1 did not run"
}

run_afl() {
    export AFL_NO_UI=1 AFL_SKIP_CPUFREQ=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1
    [ "$1" = fuzz_text ] || export AFL_CUSTOM_MUTATOR_LIBRARY="$fuzz/libvmafuzz-mutator.so"
    afl-fuzz -i "$fuzz/seeds/$1" -o "$work/$1.afl" -V "$seconds" -s 1 -- "$fuzz/$1" \
        >"$work/$1.log" 2>&1 || { tail -n 40 "$work/$1.log" >&2; fail "$1: afl-fuzz failed"; }
    unset AFL_CUSTOM_MUTATOR_LIBRARY
    awk -v target="$1" -F ' *: *' '{ v[$1] = $2 }
        END { print "AFL++ " target ": " v["execs_done"] " executions, " v["execs_per_sec"] \
                    " per second, stability " v["stability"] ", crashes " v["saved_crashes"]
              exit !(v["execs_done"] && v["stability"] == "100.00%" && v["saved_crashes"] == 0) }' \
        "$work/$1.afl/default/fuzzer_stats" || fail "$1: crashes or unstable"
}

case $engine in
libfuzzer | afl)
    for target in fuzz_program fuzz_text; do
        "run_$engine" "$target"
    done
    ;;
*) usage ;;
esac
