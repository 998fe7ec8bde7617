#!/bin/bash
# What stock nodes of three releases are told: the whole map once, differences
# from then on. Their own counters tell how they took it.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/interop/lib.sh"
. "$top_srcdir/tests/lib/stock.sh"
need_releases
need tailscale-1.102/tsp
need_ours mesh-controld
need_ours mesh-user
net_begin
stock_world
sed 's/900/901/g; s/lab/annex/; s/Lab/Annex/' "$NET/relays.yaml" |
    tail -n +2 >"$NET/annex.yaml"

nodes() { each mesh-controld "$@"; }

up() {
	tailscale "$1" up --login-server=$URL --hostname="$1" --timeout=30s \
	    --accept-dns=false --auth-key="$(cat "$NET/key")"
}
ip_of() { tailscale "$1" ip -4; }
netmap() { tailscale "$1" debug netmap | jq -e "$2"; }

# --- how a node took what it was told
# A release before 1.102 makes its whole map anew for all but patches of
# addresses, relay, presence; then its login state goes round as well.
rebuilds() {
	case $1 in
	n102) metric "$1" controlclient_map_response_handled_full_rebuild ;;
	*) metric "$1" controlclient_auto_status_queued ;;
	esac
}
mark() { rebuilds "$1" >"$NET/$1.rebuilds"; }
no_rebuild() { [ "$(rebuilds "$1")" -eq "$(cat "$NET/$1.rebuilds")" ]; }
counts() { [ "$(metric "$2" "$1")" -gt "$(cat "$NET/$2.$1")" ]; }
mark_of() { metric "$2" "$1" >"$NET/$2.$1"; }
marks() {
	for marks_node in n80 n92 n102; do
		mark $marks_node
		for marks_name; do mark_of "$marks_name" $marks_node; done
	done
}
# What follows joining (its relay, its addresses) is over: nothing new for two
# seconds.
is_still() {
	for still_node in n80 n92 n102; do mark $still_node; done
	sleep 2
	no_rebuild n80 && no_rebuild n92 && no_rebuild n102
}
# Only 1.102 takes whole peers and filters as differences.
no_rebuild_102() { [ "$1" != n102 ] || no_rebuild "$1"; }
one_map_per_poll() {
	[ $(($(metric "$1" controlclient_map_response_map) -
	    $(metric "$1" controlclient_map_response_map_delta))) -le \
	    "$(metric "$1" controlclient_map_requests_poll)" ]
}
nothing_again() { [ "$(metric "$1" controlclient_patchified_peer_equal)" -eq 0 ]; }

check "control server starts" start_controld ctl $CTL "$NET/relays.yaml"
check "a user" admin user add alice
check "another" admin user add bob
admin authkey create --user alice --reusable >"$NET/key"
for n in n80 n92 n102 w; do
	stock_node $n
	up $n >"$NET/$n.screen" 2>&1 &
	jobs_up="$jobs_up $!"
done
for j in $jobs_up; do wait "$j"; done
nodes "the first map is whole" "running" wait_for 20 is_running
w_online() { peer "$1" "$(named w) and .Online"; }
nodes "the first map is whole" "its peer is there" wait_for 20 w_online
whole() {
	netmap "$1" '(.Peers | length) == 3 and .Domain == "mesh.test" and
	    .SelfNode.Name == "'"$1"'.mesh.test." and
	    .DNS.Proxied and (.PacketFilterRules | length) > 0 and
	    (.UserProfiles | to_entries | any(.value.LoginName == "alice"))' ||
	    { tailscale "$1" debug netmap; return 1; }
}
nodes "the first map is whole" "names, filter, users, self" whole

tsp() { in_host w env SSL_CERT_FILE="$NET/cert/ca.crt" timeout 20 "$PEERS/tailscale-1.102/tsp" -s $URL "$@"; }
# phantom NAME: a node of bob's that only the server knows.
phantom() {
	admin authkey create --user bob >"$NET/bob.key"
	tsp new-node -o "$NET/$1.json" &&
	    tsp register -n "$NET/$1.json" -hostname "$1" -auth-key "$NET/bob.key"
}
shows() { own "$2" "$1"; }
shows_peer() { peer "$2" "$1"; }
sees() { soon "$2" peer "$3" "$1"; }
gone() { soon "$2" no_peer "$3" "$1"; }

# Peers that come, and their users
check "all are at rest" wait_for 20 is_still
marks
check "a node joins" phantom fresh
nodes "a peer is added" "is seen" sees "$(named fresh)" "added"
nodes "a peer is added" "1.102: without a rebuild" no_rebuild_102
fresh=$(admin node list | awk '$2 == "fresh" { print $3 }')
is_bobs() {
	[ "$(tailscale "$1" whois --json "$fresh" | jq -r .UserProfile.LoginName)" = bob ]
}
nodes "user profiles come along" "the owner has a name" wait_for 5 is_bobs

# The relay map
marks
cat "$NET/annex.yaml" >>"$NET/relays.yaml"
kill -HUP "$(pid_of controld)"
has_annex() { tailscale "$1" debug derp-map | jq -e '.Regions["901"]'; }
nodes "a changed relay map (SIGHUP)" "is known" wait_for 10 has_annex
check "w has it too" wait_for 10 has_annex w

# Patches
marks controlclient_patch_derp
check "w chooses another relay" tailscale w debug force-prefer-derp 901
nodes "patched: relay" "is seen" wait_for 60 shows_peer "$(named w) and .Relay == \"annex\""
nodes "patched: relay" "as a patch" counts controlclient_patch_derp
nodes "patched: relay" "without a rebuild" no_rebuild
marks controlclient_patch_endpoints
in_host w ip addr add 203.0.113.51/24 dev eth0
# Before 1.102 its netmap does not show what a patch changed.
new_address() {
	[ "$1" = n102 ] || { counts controlclient_patch_endpoints "$1"; return; }
	netmap "$1" 'any(.Peers[]; .Name == "w.mesh.test." and
	    any(.Endpoints[]?; startswith("203.0.113.51:")))'
}
nodes "patched: endpoints" "are seen" wait_for 30 new_address
nodes "patched: endpoints" "as a patch" counts controlclient_patch_endpoints
nodes "patched: endpoints" "without a rebuild" no_rebuild
marks controlclient_patch_keyexpiry
check "w's login ends in a day and an hour" admin node expire w --in 25h
nodes "patched: key expiry" "is seen" sees "$(named w) and .KeyExpiry != null" "key expiry"
nodes "patched: key expiry" "as a patch" counts controlclient_patch_keyexpiry
marks controlclient_patch_online controlclient_patch_lastseen
stop tailscaled-w KILL
w_offline() { peer "$1" "$(named w) and (.Online | not) and (.LastSeen > \"2020\")"; }
nodes "patched: online, last seen" "offline is seen" wait_for 20 w_offline
nodes "patched: online, last seen" "as a patch" counts controlclient_patch_online
nodes "patched: online, last seen" "with the time" counts controlclient_patch_lastseen
nodes "patched: online, last seen" "without a rebuild" no_rebuild
start_tailscaled w
nodes "patched: online, last seen" "online is seen" wait_for 20 w_online

# Peers that change as a whole, and go
check "all are at rest again" wait_for 20 is_still
marks
check "w has another host name" tailscale w set --hostname=willow
nodes "a peer is changed" "is seen" sees "$(named willow)" "changed"
nodes "a peer is changed" "1.102: without a rebuild" no_rebuild_102
marks
check "a node is removed" admin node remove fresh
nodes "a peer is removed" "is gone" gone "$(named fresh)" "removed"
nodes "a peer is removed" "1.102: without a rebuild" no_rebuild_102

# Filters
policy() { printf '%s\n' "$1" >"$NET/policy.hujson" && admin policy set "$NET/policy.hujson"; }
marks
check "a policy" policy '{"acls": [{"action": "accept", "src": ["*"], "dst": ["*:2222"]}]}'
has_port() { netmap "$1" 'any(.PacketFilterRules[].DstPorts[]; .Ports.First == '"$2"')'; }
port_2222() { has_port "$1" 2222; }
nodes "packet filters by name" "are in force" wait_for 5 port_2222
nodes "packet filters by name" "1.102: without a rebuild" no_rebuild_102
check "the policy of before" policy '{"acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"]}]}'

# Words for people
warn() {
	admin node expire "$1" --in 1h && soon "health" \
	    own "$1" '.Health | any(.[]; test("login ends"))'
}
well() {
	admin node expire "$1" --never && wait_for 5 \
	    own "$1" '(.Health // []) | any(.[]; test("login ends")) | not'
}
nodes "health messages" "a login that ends soon" warn
nodes "health messages" "or does not after all" well

# Keep-alive: a stock node gives up after 120 s without a word.
keeps() {
	sleep 62
	[ "$(metric "$1" controlclient_map_response_keepalive)" -gt 0 ]
}
for n in n80 n92 n102; do mark_of controlclient_map_requests_poll $n; done
nodes "keep-alive for the stock watchdog" "within a minute" keeps
same_poll() { ! counts controlclient_map_requests_poll "$1"; }
nodes "keep-alive for the stock watchdog" "the poll goes on" same_poll
nodes "only deltas after the first map" "one whole map a poll" one_map_per_poll
nodes "only deltas after the first map" "nothing is said again" nothing_again

# Away while things change
for n in n80 n92 n102; do in_host inet ip link set "v-$n" down; done
check "meanwhile one comes" phantom later
check "one goes" admin node remove willow
check "one is tagged" admin node tag later tag:new
stop controld KILL
check "the server starts again" start_controld ctl $CTL "$NET/relays.yaml"
for n in n80 n92 n102; do in_host inet ip link set "v-$n" up; done
right() {
	netmap "$1" '([.Peers[].Name] | sort) == ((["n80", "n92", "n102", "later"] -
	    ["'"$1"'"] | map(. + ".mesh.test.")) | sort) and
	    any(.Peers[]; .Name == "later.mesh.test." and .Tags == ["tag:new"])'
}
nodes "what was missed while away" "the picture is right" wait_for 90 right

figures_say
[ "$tap_failed" -eq 0 ] || trace
done_testing
