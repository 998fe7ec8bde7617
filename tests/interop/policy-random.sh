#!/bin/bash
# What we make of a policy, packet by packet, beside what others make of it.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/interop/lib.sh"
need headscale-0.29/policydiff
need_ours tests/interop/policy_ours
out=$(mktemp)
trap 'rm -f "$out"' EXIT

diff_of() {
	timeout 300 "$PEERS/headscale-0.29/policydiff" "$@" \
	    "$(ours tests/interop/policy_ours)" >"$out" 2>&1
	diff_status=$?
	cat "$out"
	return $diff_status
}
count() { sed -n "s/^$1 \([0-9]*\)$/\1/p" "$out"; }
at_least() { [ "$(count "$1")" -ge "$2" ]; }
# What differs on purpose is explained in the README, word for word.
explained() {
	sed -n 's/^known difference [0-9]*: //p' "$out" | while read -r class; do
		grep -qF -- "$class" "$top_srcdir/tests/interop/README.md" ||
		    { echo "$class"; exit 1; }
	done
}
compared() {
	check "$1 policies, and packets of which some pass" at_least policies "$1"
	check "$2 packets" at_least packets "$2"
	check "of which $3 pass" at_least allowed "$3"
	check "policies with a mistake are refused by both" at_least "refused by both" 10
	check "each known difference is explained" explained
	say "$(tr '\n' ',' <"$out" | tail -c 800)"
}

cell mesh-controld "random policies let through the same packets" headscale
check "no difference that is not explained" diff_of random -count 200 \
    -seed "${SEED:-1}"
compared 200 1000000 50000

cell mesh-controld "captured policies let through the same packets" headscale
folder=$(cd "$top_srcdir/tests/interop/peers/headscale" &&
    go list -m -f '{{.Dir}}' github.com/juanfont/headscale 2>/dev/null)
if [ -d "$folder/hscontrol/policy/v2/testdata" ]; then
	check "no difference that is not explained" diff_of captures \
	    -dir "$folder/hscontrol/policy/v2/testdata"
	compared 450 1000000 50000
else
	skip "captures" "the module of Headscale is not in Go's cache"
fi
done_testing
