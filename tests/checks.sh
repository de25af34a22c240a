# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC2154 # the script that includes this sets vmafuzz and dir before
# What scripts that test the command count and ask for.
passed=0
failed=0

ok() { passed=$((passed + 1)); }
wrong() {
    failed=$((failed + 1))
    echo "FAILED  $*"
    sed 's/^/    out: /' "$dir/out" | head -n 20
    sed 's/^/    err: /' "$dir/err" | head -n 20
}

# expect STATUS ARGUMENT...: runs vmafuzz; output goes to $dir/out and $dir/err.
expect() {
    expected=$1
    shift
    "$vmafuzz" "$@" >"$dir/out" 2>"$dir/err" </dev/null
    status=$?
    what="vmafuzz $*"
    if [ $status -eq "$expected" ]; then ok; else wrong "$what: status $status, not $expected"; fi
}
err_lines() {
    n=$(wc -l <"$dir/err")
    if [ "$n" -eq "$1" ]; then ok; else wrong "$what: $n lines of errors, not $1"; fi
}

# The last command of a script: its exit status says whether all was right.
sum_up() {
    echo "$passed passed, $failed failed"
    [ $failed -eq 0 ]
}
