#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The rules of the tree that no compiler checks: licence lines, sizes, direction of imports.
set -u
cd "$(dirname "$0")/.." || exit 2
status=0
complain() {
    [ -z "$2" ] || { printf '%s:\n%s\n' "$1" "$2"; status=1; }
}

code=$(find model oracles harness fuzz bench tests docs -name '*.[ch]' -o -name '*.def')
scripts=$(find scripts tests fuzz bench .ci -type f ! -name '*.[ch]' ! -name '*.md' \
          ! -name '*.dict' ! -name '*.options' ! -name '*.vma')
# shellcheck disable=SC2086 # lists of files without spaces
{
    complain "no SPDX line at the top" \
        "$(for f in $code $scripts CMakeLists.txt; do
               head -n 3 "$f" | grep -q 'SPDX-License-Identifier: GPL-2.0-only' || echo "$f"
           done)"
    complain "more than 800 lines" "$(wc -l $code $scripts | awk '$2 != "total" && $1 > 800')"
    complain "more than 100 columns" \
        "$(awk 'length($0) > 100 && FILENAME !~ /[.]def$/ { print FILENAME ":" FNR }' \
               $code $scripts)"
    # A function's body stands between { and } in the first column.
    complain "functions of more than 70 lines" \
        "$(awk '/^\{/ { from = FNR } /^\}/ && from { if (FNR - from - 1 > 70)
                print FILENAME ":" from ": " FNR - from - 1 " lines"; from = 0 }' $code)"
    complain "unfinished words" "$(grep -nE '\<(TODO|FIXME|XXX)\>' $code $scripts |
                                   grep -v '^tests/house_rules.sh')"
}
complain "imports that run upwards (fuzz -> harness -> oracles -> model)" \
    "$(grep -rnE '#include "(oracles|harness|fuzz)/' model
       grep -rnE '#include "(harness|fuzz)/' oracles
       grep -rnE '#include "fuzz/' harness)"
complain "the flat specification knows the model" \
    "$(grep -nE '#include "model/|#include "oracles/oracles.h"' oracles/spec*.[ch])"
complain "public headers of a lower folder know its private ones" \
    "$(grep -rnE '#include "model/internal.h"' oracles harness fuzz)"
complain "oracles/sites.c explains clauses that no law has" \
    "$(sed -n 's/^    {"\([a-z-]*\)", .*/\1/p' oracles/sites.c | while read -r site; do
           grep -rqF --exclude=sites.c "\"$site\"" oracles || echo "$site"
       done)"
for readme in model oracles harness fuzz corpus tests bench docs scripts; do
    [ -f $readme/README.md ] && [ "$(wc -l <$readme/README.md)" -le 20 ] && continue
    complain "README.md missing or longer than 20 lines" $readme
done
quirks=$(sed -n 's/^QUIRK([a-z_]*, "\([a-z-]*\)",$/\1/p' harness/linux/quirks.def)
complain "quirks.def and the table of docs/live.md name different quirks" \
    "$({ echo "$quirks"
         awk -F '`' '/^## / { here = /Quirks/ } here && /^[|] `/ { print $2 }' docs/live.md
       } | sort | uniq -u)"
exit $status
