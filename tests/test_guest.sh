#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# test_guest.sh VMAFUZZ: a kernel in a guest: what it offers, some operations, one program, a kernel
# that dies, images that are none. Skips, and says why, without QEMU or an image.
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
    timeout 200 "$vmafuzz" "$@" >"$out/text" 2>&1
    got=$?
    [ "$got" -eq "$want" ] && return
    fail "$name: status $got, expected $want"
    cat "$out/text"
}

says() {
    grep -qF -- "$1" "$out/text" || { fail "no '$1' in:"; cat "$out/text"; }
}

if ! command -v qemu-system-x86_64 >/dev/null; then
    expect 2 'no QEMU' live --kernel /dev/null
    says 'qemu-system-x86_64 is not installed'
    [ "$failures" -eq 0 ] || exit 1
    echo "SKIPPED: qemu-system-x86_64 is not installed (Debian: apt-get install qemu-system-x86)"
    exit 77
fi
expect 2 'no such image' live --kernel "$out/missing"
says 'No such file'
expect 2 'replay without --on' replay --kernel "$out/missing" corpus
says '--kernel goes with --on linux'
head -c 100000 /dev/urandom >"$out/junk"
expect 2 'junk for an image' live --time 5 --kernel "$out/junk"

if ! image=$(scripts/guest-image 2>"$out/why"); then
    [ "$failures" -eq 0 ] || exit 1
    echo "SKIPPED: $(cat "$out/why")"
    exit 77
fi

expect 0 check live --kernel "$image" --check
says 'procfs picture'

# Only versions that a preset is measured on are without difference for sure.
case $(basename "$image") in
*-5.10.* | *-6.1.* | *-6.12.* | *-6.18.*)
    expect 0 'no difference' live --kernel "$image" --seed 1 --ops 200 --length 50
    says clean
    ;;
*) echo "not compared: no preset is of $(basename "$image")" ;;
esac

# A fault in the model shows, and its program comes to the host.
expect 1 'a fault shows' live --kernel "$image" --reader procfs --fault data-vm-kept --seed 1 \
    --time 100 --out "$out/fault"
says 'account.vm'
expect 1 'it shows again' replay --on linux --kernel "$image" --fault data-vm-kept \
    "$out"/fault/*.vma
says 'SIDE BY SIDE'

# A kernel that dies is a find: the last program, and what the kernel said.
VMAFUZZ_GUEST_CRASH=10 expect 1 'the kernel dies' live --kernel "$image" --reader procfs \
    --time 100 --out "$out/died"
says 'sysrq triggered crash'
says 'subject.lost'
expect 0 'its last program' replay "$out"/died/guest-died-*.vma

# Ctrl-C ends the guest with us.
TMPDIR=$out "$vmafuzz" live --kernel "$image" --out "$out/finds" >"$out/text" 2>&1 &
pid=$!
sleep 3
kill -INT $pid
wait $pid
status=$?
[ $status -eq 130 ] || fail "Ctrl-C: status $status"
ls -d "$out"/vmafuzz-* 2>/dev/null && fail "Ctrl-C: files stay behind"

echo "$failures failed"
[ "$failures" -eq 0 ]
