#!/bin/bash
# A fleet of stock nodes (nodeload) on our control server: all join, the policy
# changes, one more comes, one moves, all come back at once.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/interop/lib.sh"
need load/nodeload
for program in mesh-controld mesh-user mesh-authkey mesh-node mesh-policy; do
	need_ours $program
done
net_begin
command -v jq >/dev/null || skip_all "jq is not installed"

NODES=150 CTL=203.0.113.10
internet
host ctl $CTL
relay_map $CTL relay.test >"$NET/relays.yaml"

control() {
	start ctl controld "$builddir/mesh-controld" --state "$NET/control" \
	    --listen $CTL:80 --url http://$CTL --relay-map "$NET/relays.yaml" \
	    --dns-suffix mesh.test --socket "$NET/control.sock"
	wait_for 20 admin user list
}
cat >"$NET/policy.hujson" <<END
{"acls": [{"action": "accept", "src": ["*"], "dst": ["*:22,80"]}]}
END
fleet() {
	in_host ctl timeout 150 "$PEERS/load/nodeload" -server http://$CTL \
	    -authkey "$(admin authkey create --user alice --reusable)" \
	    -nodes $NODES -reconnect-parallel $NODES -settle 1s \
	    -command "$builddir/mesh-policy --socket $NET/control.sock set $NET/policy.hujson" \
	    change,churn,endpoint,reconnect >"$NET/fleet.json" 2>"$NET/fleet.log"
	[ -s "$NET/fleet.json" ]
}
says() { jq -e "$1" "$NET/fleet.json"; }
# is STRETCH JQ-WORDS: of that part of the run
is() { says ".\"$1\" | $2"; }
sees_all() {
	is "$1" ".peers_seen | .min == $2 and .max == $2"
}
told_all() { is "$1" '.missing == 0 and .from_end_ms.n >= 149'; }
kept_all() { is "$1" '.count | (.sessions_lost // 0) == 0 and (.reopen_failed // 0) == 0'; }

check "control server starts" control
check "a user" admin user add alice
check "the fleet runs" fleet

cell mesh-controld "a fleet joins, each sees all" nodeload
check "all join" is join ".joined == $NODES and (.count.join_failed // 0) == 0"
check "each sees all others" sees_all join $((NODES - 1))
check "no session is lost" kept_all join
check "each has addresses, no two the same" says \
    ".addresses | .distinct == 2 * ($NODES + 1) and .duplicate == 0 and .nodes_without == 0"
check "the list agrees" test \
    "$(admin node list --json | jq '[.nodes[].ipAddresses[]] | unique | length')" \
    = $((2 * (NODES + 1)))

cell mesh-controld "a fleet is told by deltas" nodeload
check "a new policy reaches all" told_all change
check "by a filter alone" is change '.count | .packet_filter >= 150 and .full_list == 0'
check "one node more: all are told" told_all churn
check "each sees it, and it sees all" sees_all churn $NODES
check "only it gets a whole map" is churn '.count.full_list == 1'
check "new endpoints reach all" told_all endpoint
check "by a patch alone" is endpoint \
    '.count | .peers_patch >= 150 and .full_list == 0 and .peers_changed == 0'
for stretch in change churn endpoint; do
	check "no session is lost by $stretch" kept_all $stretch
done

cell mesh-controld "a fleet reconnects at once" nodeload
check "all are back" is reconnect ".missing == 0 and .from_end_ms.n == $NODES + 1"
check "none was refused" is reconnect '(.count.reopen_failed // 0) == 0'
check "each was lost once" is reconnect ".count.sessions_lost == $NODES + 1"
check "first come, first served" is reconnect '.order > 0.8'
check "each sees all others" sees_all reconnect $NODES
are_online() { [ "$(admin node list | grep -cw online)" -eq $((NODES + 1)) ]; }
check "the list says so" are_online

[ "$tap_failed" -eq 0 ] || { tail -n 20 "$NET/fleet.log" | sed 's/^/#   /'; trace; }
done_testing
