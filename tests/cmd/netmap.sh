#!/bin/sh
# TAP: mesh-netmap on files; no daemon.
. "$top_srcdir/tests/cmd/tap.sh"

k() { printf "nodekey:%064d" "$1"; }
node() { # id name key online
	printf '{"ID":%s,"Name":"%s.mesh.test.","User":1,"Key":"%s",' "$1" "$2" \
	    "$(k "$3")"
	printf '"Addresses":["100.64.0.%s/32"],"Online":%s}' "$1" "$4"
}
netmap() { # peers
	printf '{"Node":%s,"Peers":[%s],' "$(node 1 alpha 11 true)" "$1"
	printf '"UserProfiles":[{"ID":1,"LoginName":"alice"}],'
	printf '"PacketFilter":[]}'
}
netmap "$(node 2 bravo 12 true)" >"$T/old"
netmap "$(node 2 bravo 13 true),$(node 3 carol 14 false)" >"$T/new"

run 0 mesh-netmap show "$T/old"
out_has '100.64.0.1         alpha                alice                self'
out_has '100.64.0.2         bravo                alice                online'
out_has 'filter: 0 rules'
run_with "$(cat "$T/old")" 0 mesh-netmap show
out_has bravo
run 0 mesh-netmap show --json "$T/old"
out_has '"Name":"bravo.mesh.test."'
cp "$T/out" "$T/again"
run 0 mesh-netmap diff "$T/old" "$T/again"
out_is ''
run 1 mesh-netmap diff "$T/old" "$T/new"
out_has '~ bravo.mesh.test. key'
out_has '+ carol.mesh.test.'
run 1 mesh-netmap diff "$T/new" "$T/old"
out_has '- carol.mesh.test.'
run 1 mesh-netmap diff --json "$T/old" "$T/new"
out_has '"~ bravo.mesh.test. key"'

run_with '{"Node":' 1 mesh-netmap show
err_has 'mesh-netmap: -: line 1'
run_with '{}' 1 mesh-netmap show
run_with '{"format":"mesh-netmap","version":99,"map":{}}' 1 mesh-netmap show
run 1 mesh-netmap show "$T/none"
run 2 mesh-netmap diff "$T/old"
run 3 mesh-netmap fetch --socket "$T/socket"
done_testing
