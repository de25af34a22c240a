#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# test_cli.sh VMAFUZZ: what the command says and answers when its input is good, bad, or gone.
set -u
vmafuzz=$(realpath "$1")
here=$(dirname "$0")
dir=$(mktemp -d)
cleanup() {
    mountpoint -q "$dir/small" 2>/dev/null && umount "$dir/small"
    chmod -R u+w "$dir"
    rm -rf "$dir"
}
trap cleanup EXIT

# shellcheck source=tests/checks.sh
. "$here/checks.sh"
out_has() { if grep -q -e "$1" "$dir/out"; then ok; else wrong "$what: no '$1' in its output"; fi; }
out_lines() {
    n=$(wc -l <"$dir/out")
    if [ "$n" -eq "$1" ]; then ok; else wrong "$what: $n lines of output, not $1"; fi
}
file_has() { if grep -q -e "$2" "$1"; then ok; else wrong "$what: no '$2' in $1"; fi; }
err_has() { if grep -q -e "$1" "$dir/err"; then ok; else wrong "$what: no '$1' in its errors"; fi; }

cd "$here/.." || exit 2
cat >"$dir/good.vma" <<'END'
vmafuzz 1
# three mappings that become one
p0: a = mmap 0x100 4 rw private anon fixed
p0: b = mmap 0x108 4 rw private anon fixed
p0: c = mmap 0x104 4 rw private anon fixed
p0: munmap a 12
END

# ---- good input ----
expect 0 replay "$dir/good.vma"
out_has '1 passed, 0 failed'
expect 0 replay --all-rules --junit "$dir/junit.xml" "$dir/good.vma"
out_has '5 passed, 0 failed'
if grep -q 'tests="5"' "$dir/junit.xml"; then ok; else wrong "no 5 tests in JUnit XML"; fi
expect 0 replay --json "$dir/good.vma"
out_has '"clean": true'
expect 0 replay "$dir"
out_has 'good.vma'
expect 0 show "$dir/good.vma"
out_has 'munmap a 12 = 0'
printf 'vmafuzz 1\nmmap 0x10 4 rw private anon\np1 = fork\np1: munmap 0x10 1\np1: read 0x11\n' \
    >"$dir/two.vma"
expect 0 show "$dir/two.vma" # the parent has not changed: it is not repeated
what="show: maps"
if [ "$(grep -c '^p0: ' "$dir/out") $(grep -c '^p1: ' "$dir/out")" = "2 2" ]; then ok; else
    wrong "$what"
fi
expect 0 shrink "$dir/good.vma"
err_has 'nothing to shrink'
expect 0 shrink --json "$dir/good.vma"
out_has '"clean": true'
expect 0 convert "$dir/good.vma"
out_has 'munmap a 12'
expect 0 convert --to wire "$dir/good.vma"
cp "$dir/out" "$dir/good.bin"
expect 0 convert "$dir/good.bin"
out_has 'munmap a 12'
expect 0 replay "$dir/good.bin"
out_has 'good.bin  wire  '
err_lines 0
expect 0 emit-c "$dir/good.vma"
out_has 'main('
for file in corpus/*/*.vma; do
    expect 0 emit-c "$file" --out "$dir/repro.c"
    ${CC:-cc} -Wall -Wextra -Werror -c -o "$dir/repro.o" "$dir/repro.c" 2>"$dir/err" ||
        wrong "$what: the C source has warnings"
done
expect 0 emit-c corpus/bugs/case3-pgoff.vma
err_lines 0
printf 'vmafuzz 1\nksm 0 1\nmunlockall\n' >"$dir/ksm.vma"
expect 0 emit-c "$dir/ksm.vma"
err_has 'ksm.vma: 1 of 2 operations cannot be made from C and is left out'
rm "$dir/ksm.vma"
expect 0 laws gap.search
out_has '^gap.search '
expect 0 ops mmap
out_has 'private'
expect 0 faults case3-pgoff
out_has '7e7757876f25'

# ---- lists: 80 columns, no blanks at the end, and the tables of docs/program.md ----
all=$(sed -n 's/^OP([A-Z0-9_]*, "\([a-z0-9_]*\)".*/\1/p' harness/ops.def)
# shellcheck disable=SC2086 # words are meant
for list in laws faults "ops $all" "faults measure --seeds 1 --ops 100" "fuzz --ops 1 --seed 1"; do
    "$vmafuzz" $list >"$dir/out" 2>"$dir/err" </dev/null
    what="vmafuzz $list"
    if [ -s "$dir/out" ] && ! grep -nE '.{81}| $' "$dir/out"; then ok; else wrong "$what: wide"; fi
done
"$vmafuzz" ops >"$dir/out"
# shellcheck disable=SC2016 # the backquotes are the table's
sed -n '/weight  *[0-9]*$/{s/  *weight.*//;N;s/^\(.*\)\n *\(.*\)/| `\1` | \2 |/;p}' "$dir/out" \
    >"$dir/told"
sed -n '/^| operation /,/^$/{/`/p}' docs/program.md >"$dir/documented"
what="vmafuzz ops and docs/program.md"
if cmp "$dir/told" "$dir/documented"; then ok; else wrong "$what: other operations"; fi
# shellcheck disable=SC2086 # words are meant
"$vmafuzz" ops $all | awk '
    /^    [^ ]*: |^        / {
        from = 1
        if ($1 ~ /:$/) { list = substr($1, 1, length($1) - 1); from = 2 }
        for (i = from; i <= NF; i++) if (!seen[list, $i]++) print list, $i }' |
    sort >"$dir/told"
sed -n '/^| list /,/^$/{/`/p}' docs/program.md | tr -d '`|' |
    awk '{ for (i = 2; i <= NF; i++) print $1, $i }' | sort >"$dir/documented"
if cmp "$dir/told" "$dir/documented"; then ok; else wrong "$what: other words"; fi

# ---- finds, the same every time ----
fuzz="fuzz --seed 7 --ops 50000 --fault mprotect-hole-ok"
# shellcheck disable=SC2086 # words are meant
{
    expect 1 $fuzz --out "$dir/finds"
    out_has 'errno'
    cp "$dir/out" "$dir/first"
    find "$dir/finds" -name '*.vma' -exec cp {} "$dir/found.vma" \;
    expect 1 $fuzz --out "$dir/finds"
    if cmp -s "$dir/out" "$dir/first"; then ok; else wrong "$what: other output with same seed"; fi
    expect 1 $fuzz --jobs 2 --out "$dir/finds2"
    if diff -r "$dir/finds" "$dir/finds2"; then ok; else wrong "$what: other finds"; fi
    sed -i 's/finds2/finds/' "$dir/out"
    if cmp -s "$dir/out" "$dir/first"; then ok; else wrong "$what: other output than --jobs 1"; fi
    expect 1 $fuzz --json --out "$dir/finds"
    out_has '"finds"'
}
expect 0 fuzz --seed 3 --ops 30000 --json --out "$dir/none"
cp "$dir/out" "$dir/first"
expect 0 fuzz --seed 3 --ops 30000 --json --jobs 3 --out "$dir/none"
if cmp -s "$dir/out" "$dir/first"; then ok; else wrong "$what: other output than --jobs 1"; fi
expect 1 replay --fault mprotect-hole-ok --junit "$dir/junit.xml" "$dir/found.vma"
file_has "$dir/junit.xml" \
    '<failure type="errno" message="errno by mprotect in process 0 at page 0x.*">BROKEN  errno'
file_has "$dir/junit.xml" '^REPLAY  vmafuzz replay --fault mprotect-hole-ok .*found.vma$'
expect 0 replay "$dir/found.vma"
out_has '^ok .*  without its --fault mprotect-hole-ok$'
expect 2 shrink --fault mprotect-hole-ok --out "$dir/nowhere/x" "$dir/found.vma"
err_has 'nowhere/x: cannot create'
out_lines 0
expect 1 shrink --fault mprotect-hole-ok --out "$dir/small.vma" "$dir/found.vma"
expect 1 replay --fault mprotect-hole-ok "$dir/small.vma"
expect 0 fuzz --seed 1 --ops 2000 --out "$dir/none"
out_has 'clean'
if [ -e "$dir/none" ]; then wrong "an empty folder of finds is left"; else ok; fi
if grep 'succeeded\|never happened' "$dir/out"; then wrong "$what: a table of nothing"; else ok; fi
expect 0 fuzz --seed 1 --length 1 --ops 1000 --out "$dir/none"
out_has 'succeeded$'
out_has '; never happened: '
expect 0 faults measure --seeds 1 --ops 50000 mprotect-hole-ok
out_has '1 fault, 1 detected, 0 false alarms'

# ---- bad names and options ----
expect 2
expect 2 fuz
err_has "unknown command 'fuz'; did you mean 'fuzz'?"
err_lines 1
expect 2 fuzz --fault gap-stale-insert
err_has "unknown fault 'gap-stale-insert'; did you mean 'gap-stale-on-insert'?"
err_lines 1
expect 2 fuzz --rules linux-6.2
err_has "unknown rules 'linux-6.2'; did you mean"
err_lines 1
for command in fuzz replay shrink show draw 'faults measure'; do
    # shellcheck disable=SC2086 # faults measure is two words
    expect 2 $command --without anon.sane "$dir/good.vma"
    err_has "unknown law 'anon.sane'; did you mean 'anon.same'?"
    err_lines 1
done
expect 2 replay --without leak, "$dir/good.vma"
err_has "unknown law ''"
expect 2 replay --without leak,model.bug "$dir/good.vma"
err_has 'nothing can go on where model.bug is broken'
expect 2 laws gap.serch
err_has "unknown law 'gap.serch'; did you mean 'gap.search'?"
expect 2 ops munmapp
err_has "did you mean 'munmap'?"
expect 2 convert --to wir "$dir/good.vma"
err_has "did you mean 'wire'?"
expect 2 fuzz --ops many
err_has "'many' is not a whole number"
for seconds in -1 0 1e10; do
    expect 2 fuzz --time $seconds
    err_has "'$seconds' is not a number of seconds above 0, at most 1e+09"
done
for twice in '--fault case3-pgoff --fault case3-pgoff' '--seed 1 --seed 2' '-j1 --jobs=2' \
    '--rules linux-4.4 -r linux-6.1'; do
    # shellcheck disable=SC2086 # words are meant
    expect 2 fuzz $twice
    err_has '^vmafuzz: --[a-z]* is given twice$'
done
expect 2 draw --after 1 --after 2 "$dir/good.vma"
expect 2 replay --junit "$dir/a" --junit "$dir/b" "$dir/good.vma"
expect 2 faults measure --seeds 1 --seeds 2
expect 2 live --every 1 --every 2
expect 2 fuzz --jobs 1000
expect 2 fuzz --no-such-option
expect 2 replay
expect 2 replay --rules linux-6.1 --all-rules "$dir/good.vma"

# ---- bad files ----
printf 'vmafuzz 1\np0: a = mmap 0x10 8 rw private anon\np0: munmop a 8\n' >"$dir/broken"
expect 2 replay "$dir/broken"
err_has 'broken:3:5: '
err_lines 1
printf 'vmafuzz 1\np0: a = mmap 0x10 8 rw private anon\np0: munmap\n' >"$dir/broken"
expect 2 show "$dir/broken"
err_has 'broken:3:'
: >"$dir/empty.vma"
expect 2 replay "$dir/empty.vma"
err_has 'empty.vma:1:1: '
: >"$dir/empty.bin"
expect 2 replay "$dir/empty.bin"
err_has "empty.bin:1:1: expected 'vmafuzz 1'"
expect 2 replay - # nothing comes
expect 2 replay README.md
err_has "README.md:1:1: expected 'vmafuzz 1'"
head -c 61 "$dir/good.bin" >"$dir/cut.bin"
expect 0 replay "$dir/cut.bin"
err_has 'cut.bin: the last record has only 21 of 40 bytes'
err_lines 1
head -c 5000 "$vmafuzz" >"$dir/garbage.bin"
expect 0 replay "$dir/garbage.bin"
cp "$dir/garbage.bin" "$dir/garbage.vma"
expect 2 replay "$dir/garbage.vma"
err_lines 1
rm "$dir/garbage.vma" "$dir/empty.vma"
expect 2 replay "$dir/missing.vma"
err_has 'missing.vma: .*No such file'
mkdir "$dir/nothing"
expect 2 replay "$dir/nothing"
err_has 'no program (\*.vma) in this folder'
for option in junit html; do # told at the start
    expect 2 replay --$option "$dir/nowhere/file" "$dir/good.vma"
    err_has 'nowhere/file: cannot '
    out_lines 0
    expect 2 replay --$option "$dir" "$dir/good.vma"
    err_has 'Is a directory'
done
expect 2 replay --junit "$dir/same" --html "$dir/same" "$dir/good.vma"
err_has 'name the same file'
for line in 'linux-6.1 gap.serch' 'linux-6.2 leak' 'linux-6.1'; do
    printf 'vmafuzz 1\n# expect: %s\np0: munlockall\n' "$line" >"$dir/odd.vma"
    expect 2 replay --junit "$dir/junit.xml" "$dir/odd.vma"
    err_has "odd.vma: .*\(did you mean 'gap.search'?\|did you mean 'linux-6.1[8]*'?\|not '# exp\)"
    err_lines 1
    file_has "$dir/junit.xml" '<error type="unreadable" message=".*odd.vma: '
done
rm "$dir/odd.vma"
for command in laws --help 'replay --help' --version; do
    # shellcheck disable=SC2086 # words are meant
    "$vmafuzz" $command >/dev/full 2>"$dir/err"
    status=$?
    what="vmafuzz $command >/dev/full"
    if [ $status -eq 2 ]; then ok; else wrong "$what: status $status"; fi
    err_has 'cannot write to standard output: No space left'
    err_lines 1
done

# ---- where output goes ----
expect 0 convert --out /dev/stdout "$dir/good.vma"
out_has 'munmap a 12'
mkfifo "$dir/fifo"
cat "$dir/fifo" >"$dir/piped" &
expect 0 convert --out "$dir/fifo" "$dir/good.vma"
wait $!
what="convert --out FIFO"
if [ -p "$dir/fifo" ] && grep -q 'munmap a 12' "$dir/piped"; then ok; else wrong "$what"; fi
mkdir "$dir/to"
ln -s to/file "$dir/link"
expect 2 convert --out "$dir/link" "$dir/good.vma"
err_has 'cannot follow the link: No such file'
echo old >"$dir/to/file"
(umask 027 && "$vmafuzz" convert --to wire --out "$dir/link" "$dir/good.vma")
what="convert --out LINK"
if [ -h "$dir/link" ] && cmp -s "$dir/to/file" "$dir/good.bin" &&
    [ "$(stat -c %a "$dir/to/file")" = 640 ]; then ok; else wrong "$what"; fi
rm "$dir/to/file"
expect 2 emit-c --out "$dir/to/file" "$dir/broken"
expect 2 convert --out "$dir/to" "$dir/good.vma"
err_has 'Is a directory'
printf 'vmafuzz 1\nworld task=65\n' >"$dir/odd.vma"
expect 2 convert --to wire --out "$dir/to/file" "$dir/odd.vma"
rmdir "$dir/to" || wrong "something is left in an empty folder"
rm "$dir/link" "$dir/odd.vma" "$dir/fifo"

# ---- folders ----
expect 0 fuzz --ops 100 --out "$dir/some/where/deep"
# shellcheck disable=SC2086 # words are meant
expect 1 $fuzz --out "$dir/some/where/else/finds"
expect 1 replay --fault mprotect-hole-ok "$dir/some/where/else/finds"
rm -r "$dir/some"
: >"$dir/file"
expect 2 fuzz --ops 100 --out "$dir/file/finds"
err_has 'cannot make the folder .*Not a directory'
err_lines 1
expect 2 fuzz --ops 100 --out "$dir/file"
err_has 'cannot write in the folder'
if [ "$(id -u)" -ne 0 ]; then
    mkdir -m 500 "$dir/readonly"
    expect 2 fuzz --ops 100 --out "$dir/readonly"
    err_has 'cannot write in the folder .*Permission denied'
fi
mkdir "$dir/small"
if mount -t tmpfs -o size=4k,nr_inodes=8 none "$dir/small" 2>/dev/null; then
    head -c 4096 /dev/zero >"$dir/small/full"
    # shellcheck disable=SC2086 # words are meant
    expect 2 $fuzz --out "$dir/small"
    err_has 'cannot write in the folder .*No space left'
    err_lines 1
    expect 2 replay --junit "$dir/small/junit.xml" "$dir/good.vma"
    err_has 'small/junit.xml: cannot write: No space left'
    if [ -e "$dir/small/junit.xml" ]; then wrong "$what: an empty file is left"; else ok; fi
else
    echo "skipped: a full folder (no right to mount)"
fi

# A find that cannot be stored is not lost: its program is in the report.
name=$(basename "$dir"/finds/*.vma)
mkdir -p "$dir/taken/$name"
# shellcheck disable=SC2086 # words are meant
expect 2 $fuzz --out "$dir/taken"
err_has "taken/$name.*Is a directory.*the program is in the report"
err_lines 1
out_has '  vmafuzz 1'

# ---- a run that ends before its first program has no verdict ----
expect 0 fuzz --time 0.0000001 --out "$dir/none"
out_has '^0 programs, .*: nothing was run to its end'

# ---- signals ----
wait_for() { while ! [ -e "$1" ] && kill -0 $pid 2>/dev/null; do :; done; }
for signal in INT:130 TERM:143; do
    "$vmafuzz" fuzz --seed 1 --jobs 2 --out "$dir/none" >"$dir/out" 2>"$dir/err" &
    pid=$!
    wait_for "$dir/none"
    sleep 0.3
    kill -"${signal%:*}" $pid
    wait $pid
    status=$?
    what="fuzz and ${signal%:*}"
    if [ $status -eq "${signal#*:}" ]; then ok; else wrong "$what: status $status"; fi
    out_has ': clean$'
done
mkfifo "$dir/fifo"
"$vmafuzz" replay "$dir/fifo" >"$dir/out" 2>"$dir/err" & # waits for somebody who writes
pid=$!
sleep 0.5
kill -INT $pid
wait $pid
status=$?
what="replay FIFO and INT"
if [ $status -eq 130 ]; then ok; else wrong "$what: status $status"; fi
out_has '^0 passed, 0 failed, stopped with 1 to go$'
err_lines 0
rm "$dir/fifo"
# What is stopped has not passed, in no form of the output.
for form in --all-rules --json; do
    rm -f "$dir/junit.xml" "$dir/page.html"
    "$vmafuzz" replay --fail-each $form --junit "$dir/junit.xml" --html "$dir/page.html" corpus \
        >"$dir/out" 2>"$dir/err" &
    pid=$!
    sleep 2
    what="replay --fail-each $form and INT"
    if [ -e "$dir/junit.xml" ]; then wrong "$what: half a file"; else ok; fi
    kill -INT $pid
    wait $pid
    status=$?
    if [ $status -eq 130 ]; then ok; else wrong "$what: status $status"; fi
    file_has "$dir/junit.xml" '<error type="stopped" message="not run to its end'
    file_has "$dir/junit.xml" '<skipped message="not run to its end'
    file_has "$dir/junit.xml" 'errors="1"'
    file_has "$dir/page.html" '<h1>.* passed, 0 failed, stopped with [1-9][0-9]* to go'
    case $form in
    --json) out_has '"not_run": "stopped"' ;;
    *) out_has ' passed, 0 failed, stopped with [1-9][0-9]* to go$' ;;
    esac
done
"$vmafuzz" faults measure --seeds 1000 mprotect-hole-ok >"$dir/out" 2>"$dir/err" &
pid=$!
sleep 0.5
kill -INT $pid
wait $pid
what="faults measure and INT"
out_has '^0 faults, 0 detected, 0 false alarms, stopped before'
if command -v script >/dev/null; then
    what="progress on a terminal of 40 columns"
    script -qec "stty cols 40; '$vmafuzz' fuzz --seed 1 --time 1 --out '$dir/none'" /dev/null \
        </dev/null >"$dir/out" 2>&1
    if tr '\r' '\n' <"$dir/out" | grep 'ops/s' | grep -qvE '^.{1,39}.\[K'; then wrong "$what"; fi
    out_has 'ops/s'
fi
# Killed at any moment: there is a whole program under its name, or none.
for pause in 0.01 0.02 0.04 0.06 0.08 0.12 0.2; do
    # shellcheck disable=SC2086 # words are meant
    "$vmafuzz" $fuzz --out "$dir/killed" >/dev/null 2>&1 &
    pid=$!
    sleep $pause
    kill -9 $pid 2>/dev/null
    wait $pid 2>/dev/null
    [ -z "$(find "$dir/killed" -name '*.vma' 2>/dev/null)" ] && continue
    expect 0 replay "$dir/killed"
    rm -rf "$dir/killed"
done

# ---- help: each command has one, and the man page knows each command and option ----
expect 0 --help
out_has 'Commands'
expect 0 --version
man=docs/vmafuzz.1
for command in fuzz live replay shrink show draw convert emit-c faults 'faults measure' laws ops; do
    # shellcheck disable=SC2086 # faults measure is two words
    expect 0 $command --help
    out_has 'Usage: vmafuzz'
    out_has 'Exit status'
    grep -q "^\.SS vmafuzz $command" "$man" || wrong "docs/vmafuzz.1 does not know $command"
    for option in $(grep -oE -e '--[a-z][a-z-]+' "$dir/out" | sort -u); do
        sed 's/\\-/-/g' "$man" | grep -qF -e "$option" ||
            wrong "docs/vmafuzz.1 does not know $option"
    done
done

# ---- a kernel's own flaw: reported where its rules are asked for by name, else only counted ----
cve=corpus/regressions/cve-2022-42703.vma
expect 1 fuzz --rules linux-4.4 --seed 3 --ops 20000 --out "$dir/cve"
out_has 'BROKEN  anon.same'
out_has '# cause: perhaps CVE-2022-42703'
out_has '1 class of violations in '
expect 1 replay "$dir"/cve/anon.same-*.vma
expect 0 fuzz --rules linux-5.10 --seed 1 --length 20 --ops 40000 --out "$dir/none"
out_has '^name .*<- not in linux-5.10$'
expect 0 fuzz --seed 3 --ops 30000 --out "$dir/none"
out_has 'linux-4.4 broke anon.same in [1-9][0-9]* programs'
expect 0 replay "$cve"
out_has 'as expected: anon.same'
expect 0 replay --json --html "$dir/cve.html" "$cve"
out_has '"passed": true'
out_has '"clean": false'
file_has "$dir/cve.html" '<p>As expected: '
expect 1 replay --json --rules linux-4.4 "$cve"
out_has '"passed": false'
expect 0 replay --rules linux-6.1 "$cve"

# ---- --without: what a flaw leads to, law by law ----
dangling=corpus/regressions/cve-2022-42703-dangling.vma
expect 0 replay "$dangling"
out_has 'as expected: anon.same'
expect 0 replay --without anon.same --rules linux-6.1 "$dangling"
expect 1 replay --without anon.counts "$dangling"
out_has 'BROKEN  anon.same '
out_has 'REPLAY  vmafuzz replay --without anon.counts corpus/'
expect 1 replay --without anon.same "$dangling"
out_has 'BROKEN  rmap.complete '
expect 1 replay --without anon.same,rmap.complete "$dangling"
out_has 'BROKEN  page.index '
out_has 'REPLAY  vmafuzz replay --without anon.same --without rmap.complete corpus/'
expect 1 replay --without anon.same,rmap.complete --without page.index "$dangling"
out_has 'BROKEN  model.bug '
expect 1 shrink --without anon.same --json "$dangling"
out_has '"law": "rmap.complete"'
out_has '"without": '
expect 1 show --without anon.same "$dangling"
out_has '^rmap.complete: '
expect 1 draw --without anon.same "$dangling"
err_has 'rmap.complete: '
expect 1 fuzz --rules linux-4.4 --without anon.same --seed 2 --ops 1000000 --stop --out "$dir/after"
out_has 'BROKEN  '
expect 1 replay --without anon.same "$dir"/after/*.vma

# ---- what README.md shows is what the command prints ----
# shows N: the N-th output in README.md is the last command's
shows() {
    awk -v n="$1" '/^    BROKEN/ { at++ } at == n { sub(/^    /, ""); print }
                   at == n && /^[0-9]+ passed/ { exit }' README.md >"$dir/shown"
    if cmp "$dir/shown" "$dir/out"; then ok; else wrong "$what: README.md shows another output"; fi
}
expect 1 replay --rules linux-4.4 "$cve"
shows 1
sed -n '/^    vmafuzz 1/,/^$/s/^    //p' README.md >"$dir/shown.vma"
expect 0 replay "$dir/shown.vma"
for list in laws ops faults; do
    expect 0 $list
    n=$(grep -c '^[^ ]' "$dir/out")
    if grep -q "vmafuzz $list .*the $n " README.md; then ok; else
        wrong "$what: README.md tells another number than $n"
    fi
done

sum_up
