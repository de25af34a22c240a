#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# test_live.sh VMAFUZZ: the running kernel beside the model: some seconds without difference, what a
# fault shows, one program, bad input. Skips, and says why, where this machine cannot do it.
set -u
vmafuzz=$1
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
failures=0

fail() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

# expect STATUS NAME ARGUMENT...: runs vmafuzz, output in $out/text.
expect() {
    want=$1
    name=$2
    shift 2
    "$vmafuzz" "$@" >"$out/text" 2>&1
    got=$?
    [ "$got" -eq "$want" ] && return
    fail "$name: status $got, expected $want"
    cat "$out/text"
}

says() {
    grep -qF -- "$1" "$out/text" || { fail "no '$1' in:"; cat "$out/text"; }
}

# What needs no privilege.
expect 0 quirks live --quirks
says 'known difference'
expect 2 'unknown reader' live --reader nonsense
says "unknown reader 'nonsense'"
expect 2 'unknown subject' replay --on lynux corpus
says "did you mean 'linux'?"
expect 2 'two ways at once' replay --on linux --all-rules corpus

# refused MESSAGE COMMAND...: with status 2 and this message.
refused() {
    message=$1
    shift
    expect 2 "$*" "$@"
    says "$message"
}
# What does not go together is refused alike by all that run on the kernel.
for command in live 'replay --on linux corpus' 'faults measure --on linux'; do
    # shellcheck disable=SC2086 # words are meant
    for option in '' --huge --compact; do
        refused '--cgroup goes with --swap' $command --cgroup $option
    done
    # shellcheck disable=SC2086 # words are meant
    for option in '' --cgroup --compact; do
        refused '--huge and --swap exclude each other' $command --swap --huge $option
    done
done
for command in 'replay corpus' 'faults measure'; do
    # shellcheck disable=SC2086 # words are meant
    for option in --swap '--swap --cgroup' --compact --huge; do
        refused 'go with --on linux' $command $option
    done
done
refused '--show-quirks goes with --on linux' replay --show-quirks corpus
refused 'go with --on linux' replay -p corpus
refused '--swap goes with one job' live --swap --jobs 2

"$vmafuzz" live --time 1 --ops 1 --out "$out/finds" >"$out/text" 2>&1
if [ $? -eq 2 ]; then
    [ "$failures" -eq 0 ] || exit 1
    echo "SKIPPED: $(tail -n 1 "$out/text")"
    exit 77
fi

case $(uname -r) in
6.1[89].* | 6.[2-9]* | 7.*) exact=yes ;;
*) exact= ;; # the rules of that version have not been compared with a kernel
esac

expect 0 check live --check
if [ $exact ]; then
    expect 0 'no difference' live --seed 1 --ops 20000 --out "$out/finds"
    says clean
    expect 0 'without BPF' live --seed 2 --ops 3000 --reader procfs --out "$out/finds"
    expect 0 'without pictures of pages' live --seed 3 --ops 3000 --reader none --out "$out/finds"
    "$vmafuzz" live --huge --seed 5 --ops 20000 --out "$out/finds" >"$out/text" 2>&1
    if [ $? -eq 2 ]; then
        echo "without huge pages: $(tail -n 1 "$out/text")"
    else
        expect 0 'huge pages' live --huge --seed 5 --ops 20000 --out "$out/finds"
        says clean
        expect 0 'programs with huge pages' replay --on linux --huge \
            "$(dirname "$0")"/../corpus/regressions/live-huge-*.vma
        expect 1 'a fault with huge pages' live --huge --seed 1 --time 60 --stop \
            --fault huge-zap-rss --out "$out/huge"
        # Ctrl-C ends the rest of khugepaged, unless another run still needs it.
        "$vmafuzz" live --huge --out "$out/finds" >"$out/text" 2>&1 &
        pid=$!
        sleep 3
        kill -INT $pid
        wait $pid
        sleep 1
        [ "$(cat /sys/kernel/mm/transparent_hugepage/khugepaged/scan_sleep_millisecs)" -lt \
            1000000000 ] || pgrep -f -- '--huge' >/dev/null || fail 'khugepaged still rests'
    fi
    expect 0 'rarer pictures' live --seed 4 --ops 3000 --every 10 --out "$out/finds"
fi

# The shortest programs in docs/live.md of what 6.18 has show their quirk, and only if asked to.
mkdir "$out/quirks"
awk -F '|' -v out="$out/quirks" '
    /^## / { of_quirks = /Quirks/ }
    of_quirks && /^[|] `/ && $3 ~ / (all|[0-9.]+ on|6[.]18) / {
        file = $2 ~ /--swap/ ? "/swap-" : $2 ~ /--huge/ ? "/huge-" : "/"
        split($2, name, "`")
        sub(/^ *`/, "", $6); sub(/` *$/, "", $6); gsub(/`; `/, "\n", $6)
        print "vmafuzz 1\nworld rules=linux-6.18\n" $6 >(out file name[2] ".vma")
    }' "$(dirname "$0")/../docs/live.md"
# shellcheck disable=SC2086 # nothing or one option
show_quirk() { # PROGRAM [--swap]
    expect 0 "$1 is avoided" replay --on linux ${2-} "$1"
    says '(known difference '
    expect 1 "$1 shows" replay --on linux --show-quirks ${2-} "$1"
}
case $(uname -r) in
6.18.*)
    for program in "$out"/quirks/[!hs]*.vma "$out"/quirks/s[!w]*.vma; do
        show_quirk "$program"
    done
    for program in "$out"/quirks/swap-*.vma; do
        "$vmafuzz" replay --on linux --swap "$program" >"$out/text" 2>&1
        [ $? -ne 2 ] || { cat "$out/text"; break; } # another run has swap, or there is none
        show_quirk "$program" --swap
    done
    for program in "$out"/quirks/huge-*.vma; do
        "$vmafuzz" replay --on linux --huge "$program" >"$out/text" 2>&1
        [ $? -ne 2 ] || { cat "$out/text"; break; } # huge pages are set otherwise here
        show_quirk "$program" --huge
    done
    ;;
esac

# A fault in the model: the kernel contradicts it, and the stored program shows it again.
expect 1 'a fault shows' live --seed 1 --time 60 --fault data-vm-kept --out "$out/fault"
says 'account.vm'
says 'SIDE BY SIDE'
says '# kernel: Linux'
find=$(ls "$out"/fault/*.vma)
expect 1 'it shows again' replay --on linux --fault data-vm-kept "$find"
expect 0 'without the fault it does not' replay --on linux "$find"
expect 1 'as JSON' replay --on linux --json --fault data-vm-kept "$find"
says '"differences"'

# What is not made is named, with the reason.
printf 'vmafuzz 1\nmmap 0x10 4 rw private anon\nksm 0 1\nmunmap 0 2\n' >"$out/left.vma"
expect 0 'left out' replay --on linux "$out/left.vma"
says '3 operations, 2 of them not made'
says 'not made: 2  p0: ksm 0 1  (no system call)'
says 'not made: 3  p0: munmap 0 2  (would leave the window)'
expect 0 'left out, as JSON' replay --on linux --json "$out/left.vma"
says '"why": "no system call"'

# What a reproducer prints, and what `vmafuzz show' says of the model, in one form: LINE ANSWER.
of_reproducer() {
    sed -E 's/^([0-9]+): [a-z_0-9]+ -> /\1 /; s/ page (0x[0-9a-f]+)$/ \1000/; s/ \(.*//'
}
of_show() {
    sed -nE 's/^ *([0-9]+)  .* = ([^ ]+)$/\1 \2/p' |
        sed 's/-EPERM/-1/; s/-ENXIO/-6/; s/-EBADF/-9/; s/-EAGAIN/-11/; s/-ENOMEM/-12/
             s/-EACCES/-13/; s/-EFAULT/-14/; s/-EBUSY/-16/; s/-EEXIST/-17/; s/-EINVAL/-22/' |
        awk '$2 ~ /^[1-9]/ { printf "%s %#x\n", $1, $2; next } { print }'
}

# as_c FILE: its reproducer compiles alone, and answers what the model answers.
as_c() {
    cc -Wall -Wextra -Werror -o "$out/reproducer" "${1%.vma}.c" || fail "$1: compiling"
    timeout 20 "$out/reproducer" >"$out/says" || fail "$1: the reproducer's status is $?"
    of_reproducer <"$out/says" >"$out/real"
    "$vmafuzz" show "$1" | of_show >"$out/wanted"
    [ -s "$out/wanted" ] && cmp -s "$out/real" "$out/wanted" || {
        fail "$1: the reproducer answers otherwise"
        cat "$out/says"
        "$vmafuzz" show "$1"
    }
}

# So does a find's, which is stored with it: the model's answers are those without the fault, which
# replay has just compared with the kernel's.
for fault in noreplace-first-byte brk-shrink-missing-vma mprotect-hole-ok cow-no-copy \
    remap-file-pages-multi-vma; do
    [ $exact ] || break
    rm -rf "$out/one"
    expect 1 "$fault shows" live --seed 1 --time 60 --stop --fault $fault --out "$out/one"
    find=$(ls "$out"/one/*.vma)
    expect 0 "$fault: not without it" replay --on linux "$find"
    as_c "$find"
done

# A device: it reads what it has pinned, writes what others see, and outlives who pinned.
cat >"$out/device.vma" <<'END'
vmafuzz 1
# kernel: Linux
p0: a = mmap 0x10 1 rw private anon
p0: k0 = pin a write
p0: write a
p0: p1 = fork
device_read k0
p0: write a
device_write k0
p0: read a
p1: read a
p1: k0 = pin a write
p1: k1 = pin a write
device_write k1
p1: read a
p1: exit
device_read k1
unpin k1
unpin k1
device_read k1
END
expect 0 'a device' replay --on linux "$out/device.vma"
if [ $exact ] && ! grep -q 'not made' "$out/text"; then
    expect 0 'a device, as C' emit-c --out "$out/device.c" "$out/device.vma"
    as_c "$out/device.vma"
fi

# Pages move, as far as the kernel likes: the state is the same.
if "$vmafuzz" live --check | grep -q '^yes  compaction' && [ $exact ]; then
    expect 0 'compaction' live --compact --seed 5 --ops 10000 --out "$out/finds"
    says 'memory was compacted'
    grep -q 'of 0 entries' "$out/text" && fail 'nothing was there to be moved'
    printf 'vmafuzz 1\nmigrate 0 1\n' >"$out/migrate.vma"
    expect 0 'no compaction' replay --on linux "$out/migrate.vma"
    says '(needs --compact)'
else
    echo 'memory cannot be compacted here: see vmafuzz live --check'
fi

# Pages that processes share go out, the kernel's choice first; cgroup and swap are gone at the end.
"$vmafuzz" live --swap --cgroup --seed 6 --ops 1 --out "$out/finds" >"$out/text" 2>&1
if [ $? -ne 2 ] && [ $exact ]; then
    expect 0 'a memory cgroup' live --swap --cgroup --seed 6 --ops 20000 --out "$out/finds"
    grep -q 'the memory cgroup was reclaimed 0 times' "$out/text" && fail 'it was never reclaimed'
    says 'the memory cgroup was reclaimed'
    cat >"$out/shared.vma" <<'END'
vmafuzz 1
p0: a = mmap 0x10 2 rw private anon
p0: write a
p0: p1 = fork
p0: p2 = fork
p1: reclaim a 2
p2: write a
p1: read a
p0: read a
END
    expect 0 'a shared page' replay --on linux --swap --cgroup "$out/shared.vma"
    says '8 operations  hash'
    "$vmafuzz" live --swap --cgroup --out "$out/finds" >"$out/text" 2>&1 &
    pid=$!
    sleep 3
    kill -INT $pid
    wait $pid
    [ $? -eq 130 ] || fail "Ctrl-C with swap: status is not 130"
    sleep 1
    grep -q vmafuzz /proc/swaps && fail 'there still is swap'
    ls -d /sys/fs/cgroup/memory/vmafuzz-* /sys/fs/cgroup/vmafuzz-* 2>/dev/null &&
        fail 'there still is a cgroup'
else
    echo "no memory cgroup here: $(tail -n 1 "$out/text")"
fi

# Without privilege less is seen, and told so; what is pinned would be charged to a limit.
as_nobody() { # STATUS NAME ARGUMENT...
    as=$vmafuzz
    vmafuzz=$out/nobody/vmafuzz
    expect "$@"
    vmafuzz=$as
}
unprivileged='setpriv --reuid 65534 --regid 65534 --clear-groups'
if [ $exact ] && $unprivileged test -x "$vmafuzz" 2>/dev/null; then
    chmod 755 "$out"
    mkdir -m 777 "$out/nobody"
    printf '#!/bin/sh\nexec %s "%s" "$@"\n' "$unprivileged" "$vmafuzz" >"$out/nobody/vmafuzz"
    chmod 755 "$out/nobody/vmafuzz"
    printf 'vmafuzz 1\nsetrlimit memlock 0\nmmap 0x2b4 8 rw private anon\n%s\n' \
        'k0 = pin 0x2b4 write' >"$out/pin.vma"
    as_nobody 0 'nobody: check' live --check
    says 'live runs here, with reader none: it compares layout, answers and contents only'
    as_nobody 2 'nobody: swap' live --swap
    says 'it needs root'
    as_nobody 0 'nobody: pin' replay --on linux "$out/pin.vma"
    says '(needs io_uring of Linux 6.10 or later, and CAP_IPC_LOCK)'
    as_nobody 1 'nobody: a fault' live --seed 1 --time 60 --stop --fault noreplace-first-byte \
        --out "$out/nobody/finds"
    sed -n '/^SIDE BY SIDE/,/^$/p' "$out/text" | grep -E 'brk|def_flags| av |rss' &&
        fail 'what the reader cannot see is compared'
fi

# Ctrl-C ends the run with its report, and nothing stays behind.
"$vmafuzz" live --out "$out/finds2" >"$out/text" 2>&1 &
pid=$!
sleep 3
kill -INT $pid
wait $pid
[ $? -eq 130 ] || fail "Ctrl-C: status is not 130"
says 'operations, seed'

# So it does while a find is being shrunk: that is reported as far as it has got. When it is found
# depends on the machine, so there are some tries.
met=
for seconds in 0.6 0.7 0.8 0.9 1 1.2 1.5 2 3; do
    rm -rf "$out/stopped"
    "$vmafuzz" live --seed 3 --time 60 --fault cow-no-copy --out "$out/stopped" >"$out/text" 2>&1 &
    pid=$!
    sleep $seconds
    kill -INT $pid 2>/dev/null
    wait $pid
    status=$?
    [ $status -eq 1 ] && break # it was over
    [ $status -eq 130 ] || fail "Ctrl-C after $seconds s: status $status"
    says 'operations, seed'
    grep -q BROKEN "$out/text" || continue
    met=yes
    says 'SIDE BY SIDE'
    [ -s "$(ls "$out"/stopped/*.vma)" ] || fail 'nothing was stored'
    break
done
[ $met ] || echo 'no find was being shrunk when Ctrl-C came'

echo "$failures failed"
[ "$failures" -eq 0 ]
