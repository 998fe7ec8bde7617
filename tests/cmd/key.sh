#!/bin/sh
# TAP: mesh-key, with Alice's keys of RFC 7748 6.1.
. "$top_srcdir/tests/cmd/tap.sh"

private=77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a
public=8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a

run_with "privkey:$private" 0 mesh-key public node
out_is "nodekey:$public"
run_with "privkey:$private
" 0 mesh-key public machine -
out_is "mkey:$public"
run_with "privkey:$private" 0 mesh-key public --json node
out_is "{\"public\":\"nodekey:$public\"}"
run 0 mesh-key show "nodekey:$public"
out_is 'node [hSDwC]'
run 0 mesh-key show "discokey:$public" "mkey:$public"
out_is 'disco d:8520f0098930a754
machine'
run 0 mesh-key show --json "nodekey:$public"
out_is '{"kind":"node","short":"[hSDwC]"}'

for kind in machine node; do
	run 0 mesh-key make $kind
	cp "$T/out" "$T/key"
	grep -qxE 'privkey:[0-9a-f]{64}' "$T/key"
	result $? "a $kind key" "$(cat "$T/key")"
	run 0 mesh-key public $kind "$T/key"
done
run 0 mesh-key make node
cmp -s "$T/out" "$T/key"
result $((!$?)) 'two keys differ' "$(cat "$T/out")"

run_with 'privkey:12' 1 mesh-key public node
err_has "'-' has no private key in it"
run_with "nodekey:$public" 1 mesh-key public node
run 1 mesh-key public node "$T/none"
err_has 'cannot open'
run 1 mesh-key show "privkey:$private"
err_has 'is no public key'
run 2 mesh-key make disco
err_has "'disco' is no kind of key: machine or node"
run 2 mesh-key make
run 2 mesh-key
done_testing
