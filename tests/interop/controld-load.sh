#!/bin/bash
# A fleet of stock nodes (nodeload) on our control server: all join, the policy
# changes, one more comes, one moves, all come back at once; then one node of
# each stock release joins it.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/interop/lib.sh"
RELEASES="1.80 1.92 1.102"
need load/nodeload
for release in $RELEASES; do need tailscale-$release/tailscaled; done
for program in mesh-controld mesh-user mesh-authkey mesh-node mesh-policy; do
	need_ours $program
done
net_begin
command -v jq >/dev/null || skip_all "jq is not installed"

NODES=150 CTL=203.0.113.10
internet
host ctl $CTL
n=20
for release in $RELEASES; do
	host "s${release#1.}" 203.0.113.$((n += 1))
done
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
# It stays until it is stopped.
fleet() {
	admin authkey create --user alice --reusable >"$NET/key"
	start ctl fleet sh -c "exec timeout 240 '$PEERS/load/nodeload' \
	    -server http://$CTL -authkey $(cat "$NET/key") -nodes $NODES \
	    -reconnect-parallel $NODES -settle 1s -command \
	    '$builddir/mesh-policy --socket $NET/control.sock set $NET/policy.hujson' \
	    change,churn,endpoint,reconnect,hold -seconds 240 >'$NET/fleet.json'"
	wait_for 120 grep -q 'reconnect: missing' "$NET/fleet.log"
}
says() { jq -e "$1" "$NET/fleet.json"; }
# is STRETCH JQ-WORDS: of that part of the run
is() { says ".\"$1\" | $2"; }
# sees HOST COUNT: that many peers, in its own words
sees() { tailscale "$1" status --json | jq -e ".Peer | length == $2"; }
joins() {
	start_tailscaled "s${1#1.}" "tailscale-$1" &&
	    tailscale_up "s${1#1.}" http://$CTL
}
sees_all() {
	is "$1" ".peers_seen | .min == $2 and .max == $2"
}
told_all() { is "$1" '.missing == 0 and .from_end_ms.n >= 149'; }
kept_all() { is "$1" '.count | (.sessions_lost // 0) == 0 and (.reopen_failed // 0) == 0'; }

check "control server starts" control
check "a user" admin user add alice
check "the fleet runs" fleet
online=$(admin node list | grep -cw online)
addresses=$(admin node list --json | jq '[.nodes[].ipAddresses[]] | unique | length')

n=$((NODES + 1))
for release in $RELEASES; do
	cell mesh-controld "a node joins a fleet and sees all" "$release"
	check "tailscaled $release joins" joins "$release"
	check "it sees all others" wait_for 20 sees "s${release#1.}" $n
	n=$((n + 1))
done
stop fleet INT
check "the fleet has ended" test -s "$NET/fleet.json"

cell mesh-controld "a fleet joins, each sees all" nodeload
check "all join" is join ".joined == $NODES and (.count.join_failed // 0) == 0"
check "each sees all others" sees_all join $((NODES - 1))
check "no session is lost" kept_all join
check "each has addresses, no two the same" says \
    ".addresses | .distinct == 2 * ($NODES + 1) and .duplicate == 0 and .nodes_without == 0"
check "the list agrees" test "$addresses" = $((2 * (NODES + 1)))

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
check "first come, first served" is reconnect '.order > 0.4'
check "each sees all others" sees_all reconnect $NODES
check "the list says so" test "$online" = $((NODES + 1))

# All places are taken by connections that say nothing: those that came first
# go after three seconds, new ones wait and none is refused.
cell mesh-controld "nodes wait when all places are taken" nodeload
crowded() {
	start ctl crowded sh -c "ulimit -n 48; exec '$builddir/mesh-controld' \
	    --state '$NET/crowded' --socket '$NET/crowded.sock' \
	    --listen $CTL:8081 --url http://$CTL:8081"
	wait_for 20 "$builddir/mesh-user" --socket "$NET/crowded.sock" add alice
}
check "a server with 48 descriptors" crowded
start ctl silent python3 -c "
import socket, time
all = [socket.create_connection(('$CTL', 8081)) for i in range(70)]
time.sleep(60)"
check "all are taken" wait_for 20 grep -q 'no place for another' "$NET/crowded.log"
check "nodes join all the same" in_host ctl timeout 60 \
    "$PEERS/load/nodeload" -server http://$CTL:8081 -authkey \
    "$("$builddir/mesh-authkey" --socket "$NET/crowded.sock" create --user alice --reusable)" \
    -nodes 5 -settle 500ms join

[ "$tap_failed" -eq 0 ] || { tail -n 20 "$NET/fleet.log" | sed 's/^/#   /'; trace; }
done_testing
