#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# test_draw.sh VMAFUZZ: drawings and HTML pages of stored programs are well-formed, the same every
# time, complete in themselves, and refused in one line. Skipped without Graphviz or xmllint.
set -u
vmafuzz=$1
for tool in dot xmllint; do
    command -v $tool >/dev/null || { echo "skipped: no $tool"; exit 77; }
done
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
# shellcheck source=tests/checks.sh
. "$(dirname "$0")/checks.sh"
has() { if grep -qF -e "$2" "$1"; then ok; else wrong "$what: no '$2'"; fi; }
has_not() { if grep -qF -e "$2" "$1"; then wrong "$what: '$2' is there"; else ok; fi; }
well_formed() {
    if xmllint --noout "$1" 2>"$dir/err"; then ok; else wrong "$what: not well-formed"; fi
}
refused() { # in one line, and nothing is left
    has "$dir/err" "$1"
    err_lines 1
}

# ---- all stored programs, those of faults with their fault ----
for file in corpus/*/*.vma; do
    fault=
    case $file in corpus/bugs/*) fault="--fault $(basename "$file" .vma)" ;; esac
    # shellcheck disable=SC2086 # words are meant
    "$vmafuzz" draw $fault "$file" >"$dir/out" 2>"$dir/err"
    status=$?
    what="vmafuzz draw $fault $file"
    if [ $status -le 1 ]; then ok; else wrong "$what: status $status"; fi
    well_formed "$dir/out"
done

# ---- what is in it ----
cve=corpus/regressions/cve-2022-42703.vma
expect 1 draw "$cve" --out "$dir/cve.svg"
has "$dir/err" 'anon.same: '
for text in 'after operation 11 of 11: p4: p5 = fork' 'BROKEN anon.same (chains): ' \
    '>law broken<' '>av 1 (root)<' '>degree 0→2<' '>3→4<' \
    '<title>p5 page 0x10: present dirty'; do
    has "$dir/cve.svg" "$text"
done
expect 0 draw --rules linux-6.1 "$cve"
has_not "$dir/out" 'BROKEN'
expect 0 draw --after 10 "$cve"
has "$dir/out" 'after operation 10 of 11: p2: exit'
has "$dir/out" '>has ended<'
expect 1 draw "$cve"
cp "$dir/out" "$dir/again.svg"
if cmp -s "$dir/cve.svg" "$dir/again.svg"; then ok; else wrong "$what: other bytes"; fi
# README.md shows this one; another Graphviz may place things elsewhere.
case $(dot -V 2>&1) in
*' 2.43.0 '*)
    if cmp -s "$dir/cve.svg" docs/cve-2022-42703.svg; then ok; else
        wrong "docs/cve-2022-42703.svg is another drawing"
    fi
    ;;
esac

# The number that the verdict has is in the tables, beside the one that the drawing has.
expect 1 draw --fault ttu-missing-swap-free corpus/bugs/ttu-missing-swap-free.vma
for text in 'BROKEN rmap.exclusive (exclusive-shared): frame 1,' '>#1</text><text [^>]*>1<' \
    '>s1</text><text [^>]*>0<'; do
    if tr -d '\n' <"$dir/out" | grep -q -e "$text"; then ok; else wrong "$what: no '$text'"; fi
done

# ---- many processes, many VMAs, many pages ----
{
    printf 'vmafuzz 1\nworld rules=linux-6.1\np0: a = mmap 0x100 400 rw private anon populate\n'
    for i in 0 1 2 3 4 5 6 7 8 9; do
        printf 'p0: mprotect a+%s 3 r\np0: mmap 0x%s00 1 rw shared anon\n' $((i * 30)) $((i + 20))
    done
    for i in 1 2 3 4 5 6 7; do
        printf 'p%s: p%s = fork\np%s: write a+%s\n' $((i - 1)) $i $i $((i * 31 + 3))
    done
    echo 'p3: munmap a+3 200'
} >"$dir/many.vma"
expect 0 draw "$dir/many.vma"
well_formed "$dir/out"
for i in 0 1 2 3 4 5 6 7; do has "$dir/out" ">process $i<"; done

# ---- HTML: of what breaks a law, expected or not ----
expect 0 replay --html "$dir/cve.html" "$cve"
well_formed "$dir/cve.html"
for text in '<mark>p4: p5 = fork</mark>' \
    '<span class="law">anon.same</span> (chains) broken by fork' \
    '<span class="plus">  + 0x10-0x11' '<svg ' 'vmafuzz replay corpus/regressions/'; do
    has "$dir/cve.html" "$text"
done
for text in '<script' 'href' 'src=' 'url(' '@import'; do has_not "$dir/cve.html" "$text"; done
expect 1 replay --html "$dir/two.html" --fault mlock-stale-end corpus/bugs/mlock-stale-end.vma \
    corpus/bugs/mlock-stale-end.vma
well_formed "$dir/two.html"
if [ "$(grep -c '<section>' "$dir/two.html")" -eq 2 ]; then ok; else wrong "$what: not two"; fi
has "$dir/two.html" 'expected  0'
expect 0 replay --html "$dir/clean.html" corpus/seeds/fork.vma
has "$dir/clean.html" 'No law was broken'
expect 1 fuzz --seed 7 --ops 50000 --fault mprotect-hole-ok --html --out "$dir/finds"
what="fuzz --html"
for file in "$dir"/finds/*.vma; do
    if [ -e "${file%.vma}.html" ]; then well_formed "${file%.vma}.html"; else wrong "no $file"; fi
done

# ---- text of the user's, whatever it is ----
name="$dir/<b> & \"q\" \$(x).vma"
{
    sed '1q' "$cve"
    printf '# </pre><script>alert(1)</script> & \377 \001 ]]>\n'
    sed '1d' "$cve"
} >"$name"
expect 0 replay --html "$dir/odd.html" "$name"
well_formed "$dir/odd.html"
has_not "$dir/odd.html" '<script'
has_not "$dir/odd.html" '<b>'
expect 1 draw "$name" --out "$dir/odd.svg"
well_formed "$dir/odd.svg"
has "$dir/odd.svg" '&lt;b&gt; &amp; &quot;q&quot; $(x).vma'

# ---- without Graphviz ----
mkdir "$dir/empty"
full=$PATH
PATH=$dir/empty
export PATH
case $vmafuzz in /*) ;; *) vmafuzz=$PWD/$vmafuzz ;; esac
"$vmafuzz" draw "$cve" --out "$dir/none.svg" >"$dir/out" 2>"$dir/err"
status=$?
"$vmafuzz" replay --html "$dir/none.html" "$cve" >"$dir/out2" 2>"$dir/err2"
status2=$?
PATH=$full
what="draw without dot"
if [ $status -eq 2 ] && [ ! -e "$dir/none.svg" ]; then ok; else wrong "$what: status $status"; fi
refused 'Graphviz'
what="replay --html without dot"
if [ $status2 -eq 0 ]; then ok; else wrong "$what: status $status2"; fi
well_formed "$dir/none.html"
has "$dir/none.html" 'not drawn: '
printf '#!/bin/sh\necho "it is ill" >&2\nexit 3\n' >"$dir/empty/dot"
chmod +x "$dir/empty/dot"
PATH=$dir/empty:$full
expect 2 draw "$cve"
refused 'dot failed: it is ill'
# What it says is not trusted.
printf '#!/bin/sh\ncat >/dev/null\necho "edge g9999 a1 2 0 0 1 1"\necho "node a77777 0 0"\n' \
    >"$dir/empty/dot"
expect 2 draw "$cve"
PATH=$full

# ---- where it cannot be written ----
expect 2 draw "$cve" --out "$dir/nowhere/x.svg"
refused 'nowhere'
expect 2 draw "$cve" --out "$dir"
refused 'Is a directory'
expect 2 draw "$cve" --out /dev/full
refused 'No space left'
"$vmafuzz" draw corpus/seeds/fork.vma >/dev/full 2>"$dir/err"
status=$?
what="draw >/dev/full"
if [ $status -eq 2 ]; then ok; else wrong "$what: status $status"; fi
refused 'No space left'
expect 2 replay --html "$dir/nowhere/x.html" "$cve"
refused 'nowhere'
expect 2 replay --html /dev/full "$cve"
refused 'No space left'

# ---- bad usage ----
expect 2 draw
expect 2 draw --after 12 "$cve"
refused 'has only 11 operations'
expect 2 draw --after 0 "$cve"
refused 'not a whole number'
expect 2 draw "$dir/missing.vma"
refused 'No such file'
expect 2 draw "$cve" "$cve"
what="temporary files"
if [ -z "$(find "$dir" -name '*.svg.*' -o -name '*.html.*')" ]; then ok; else wrong "$what"; fi

sum_up
