#!/bin/bash
# Stock nodes of three releases join our control server in every way there is,
# and see what an administrator does to them.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/interop/lib.sh"
. "$top_srcdir/tests/lib/stock.sh"
need_releases
need_ours mesh-controld
need_ours mesh-user
net_begin
stock_world

nodes() { each mesh-controld "$@"; }

# key NAME [OPTION ...]: an auth key in $NET/NAME.key
key() { admin authkey create --user alice "${@:2}" >"$NET/$1.key"; }
# up KEY-NAME NODE: joins with it; what stands on the screen is in NODE.screen.
up() {
	tailscale "$2" up --reset --login-server=$URL --hostname="$2" --timeout=30s \
	    --accept-dns=false --auth-key="$(cat "$NET/$1.key")" \
	    >"$NET/$2.screen" 2>&1
	up_status=$?
	cat "$NET/$2.screen"
	return $up_status
}
up_own() { up "$1-$2" "$2"; }
# refused KEY-NAME REASON NODE
refused() {
	up "$1" "$3" && return 1
	grep -q "$2" "$NET/$3.screen"
}
refused_own() { refused "$1-$3" "$2" "$3"; }
# The address that a node had when it joined first.
keep_ip() { tailscale "$1" ip -4 >"$NET/$1.ip" && [ -s "$NET/$1.ip" ]; }
same_ip() { [ "$(tailscale "$1" ip -4)" = "$(cat "$NET/$1.ip")" ]; }
ip_of() { cat "$NET/$1.ip"; }
count_is() { [ "$(admin node list | grep -c " $1 ")" -eq "$2" ]; }
echo_w() { echoes "$1" "$(ip_of w)" && echoes w "$(ip_of "$1")"; }
says_login() {
	tailscale "$1" status | grep -iq "logged out\|log in\|login" ||
	    tailscale "$1" status --json | grep -q expired
}
is_called() { own "$1" ".Self | $(named "$1")"; }
peer_w_x() { peer "$1" "$(named w-x)"; }
peer_w_tag() { peer "$1" '.Tags == ["tag:w"]'; }
owned() {
	keep_ip "$1" && [ "$(tailscale w whois --json "$(ip_of "$1")" |
	    jq -r .UserProfile.LoginName)" = alice ]
}
has_tag() {
	keep_ip "$1" && own "$1" '.Self.Tags == ["tag:lab"]' &&
	    admin node list | grep "$(ip_of "$1") " | grep -q tagged-devices
}
no_node() { ! admin node list | grep -q " $(ip_of "$1") "; }
after_20() { sleep 20 && ! no_node "$1"; }
# A logout takes the addresses from the device, and the daemon, which sees "link
# change", cuts its connections to control: also that of the logout, when it is
# late. 1.80 has forgotten its key then and cannot do it again, so it goes down first.
log_out() {
	[ "$1" != n80 ] || { tailscale "$1" down && sleep 2; }
	wait_for 10 tailscale "$1" logout
}
one_node() { count_is "$1" 1; }

check "control server starts" start_controld ctl $CTL "$NET/relays.yaml"
check "a user" admin user add alice
key reusable --reusable
key w --reusable
for n in n80 n92 n102; do
	stock_node $n
	key once-$n
	key tagged-$n --tag tag:lab
	key ephemeral-$n --ephemeral --reusable
done
start_tailscaled w
check "a peer that watches" up w w
key old --expires 1s
key revoked --reusable
check "revoking a key" admin authkey revoke \
    "$(admin authkey list | sed -n '$s/ .*//p')"
sleep 2.1

# A daemon goes on trying a key that was refused: the next "up" may still read the
# reason of the one before, hence the second tries below.

# Keys that are no good: the reason stands on the screen.
nodes "an expired key is refused, with the reason" "refused" \
    refused old "auth key has expired"
nodes "a revoked key is refused, with the reason" "refused" \
    wait_for 60 refused revoked "auth key was revoked"

nodes "a one-time key works once" "joins" wait_for 60 up_own once
check "an address each" keep_ip w
nodes "a one-time key works once" "has an address" keep_ip
nodes "log out and back in" "logs out" log_out
nodes "log out and back in" "is out" wait_for 5 is_out
nodes "a one-time key works once" "the second use is refused, with the reason" \
    wait_for 60 refused_own once "auth key was used already"
nodes "a reusable key" "joins" wait_for 60 up reusable
nodes "log out and back in" "has its address again" same_ip
nodes "log out and back in" "is one node" one_node

# Restart with kept state
again() {
	stop "tailscaled-$1" KILL
	stock_node "$1"
	wait_for 30 is_running "$1" && same_ip "$1"
}
nodes "restart with kept state" "is back with its address" again
nodes "restart with kept state" "is one node" one_node
nodes "restart with kept state" "talks" wait_for 20 echo_w

# What administrators do, seen by the node and by its peer
expire() {
	admin node expire "$1" || return 1
	soon "expire, node" is_out "$1" && soon "expire, peer" no_peer w "$(named "$1")"
}
dropped() { ! echo_w "$1"; }
nodes "key expiry: shown, and dropped by peers" "within seconds" expire
nodes "key expiry: shown, and dropped by peers" "the screen says so" says_login
nodes "key expiry: shown, and dropped by peers" "traffic stops" wait_for 10 dropped
nodes "re-authentication keeps address and name" "a key lets it in" up reusable
nodes "re-authentication keeps address and name" "same address" same_ip
nodes "re-authentication keeps address and name" "same name" is_called
nodes "re-authentication keeps address and name" "its peer is back" \
    wait_for 20 echo_w

rename() {
	admin node rename "$1" "$1-x" || return 1
	soon "rename, node" own "$1" ".Self | $(named "$1-x")" &&
	    soon "rename, peer" peer w "$(named "$1-x")"
}
nodes "mesh-node rename, seen at once" "by the node and its peer" rename
tag() {
	admin node tag "$1-x" tag:lab || return 1
	soon "tag, node" own "$1" '.Self.Tags == ["tag:lab"]' &&
	    soon "tag, peer" peer w "$(named "$1-x") and .Tags == [\"tag:lab\"]"
}
nodes "mesh-node tag, seen at once" "by the node and its peer" tag
check "the peer is renamed" admin node rename w w-x
nodes "mesh-node rename, seen at once" "of a peer" wait_for 5 peer_w_x
check "the peer is tagged" admin node tag w-x tag:w
nodes "mesh-node tag, seen at once" "of a peer" wait_for 5 peer_w_tag
remove() {
	admin node remove "$1-x" || return 1
	soon "remove, node" is_out "$1" && soon "remove, peer" no_peer w "$(named "$1-x")"
}
nodes "mesh-node remove, seen at once" "by the node and its peer" remove

# A person logs in
visit() {
	tailscale "$1" up --reset --login-server=$URL --hostname="$1" \
	    --accept-dns=false >"$NET/$1.screen" 2>&1 &
	visit_up=$!
	wait_for 20 grep -q "$URL/register/" "$NET/$1.screen" || return 1
	visit_url=$(grep -o "$URL/register/[0-9a-f]*" "$NET/$1.screen" | head -n 1)
	admin node approve "$visit_url" --user alice || return 1
	wait $visit_up # 1.92 may say "context canceled" when all is well
	wait_for 15 is_running "$1" && return
	cat "$NET/$1.screen"
	return 1
}
nodes "log-in by URL and mesh-node approve" "goes on when approved" visit
nodes "log-in by URL and mesh-node approve" "is somebody's" owned
nodes "log-in by URL and mesh-node approve" "talks" wait_for 20 echo_w

# Other kinds of keys
nodes "a tagged key" "logs out" log_out
nodes "a tagged key" "joins" up_own tagged
nodes "a tagged key" "has the tag, and no owner" has_tag
nodes "an ephemeral key" "logs out" log_out
nodes "an ephemeral key" "joins" up_own ephemeral
nodes "an ephemeral key" "has an address" keep_ip
nodes "an ephemeral key" "logs out" log_out
nodes "an ephemeral key" "is gone at once" wait_for 3 no_node
nodes "an ephemeral key" "joins again" up_own ephemeral
nodes "an ephemeral key" "has an address" keep_ip
for n in n80 n92 n102; do stop tailscaled-$n KILL; done
nodes "an ephemeral key" "is there after 20 s" after_20
nodes "an ephemeral key" "is gone within a minute of leaving" wait_for 45 no_node

# Where a key is not enough
stop controld
check "the server wants to approve nodes" start_controld ctl $CTL \
    "$NET/relays.yaml" --approve-nodes
is_back() { admin node list | grep -q " w-x .* online"; }
check "the peer that watches is back" wait_for 60 is_back
for n in n80 n92 n102; do stock_node $n; done
waits() { own "$1" '.BackendState == "NeedsMachineAuth"'; }
waiting() { admin node list | awk -v n="$1" '/ waiting/ && $2 ~ "^" n "(-|$)" { print $2 }'; }
approval() {
	up reusable "$1" &
	approval_up=$!
	wait_for 30 waits "$1" && own "$1" '(.Peer // {}) | length == 0' &&
	    approval_name=$(waiting "$1") && [ -n "$approval_name" ] &&
	    no_peer w "$(named "$approval_name")" &&
	    admin node admit "$approval_name" && { wait $approval_up || true; } &&
	    wait_for 15 is_running "$1" && soon "approved, peer" \
	    peer w "$(named "$approval_name")"
}
nodes "node approval" "waits until it is approved" approval
nodes "node approval" "has an address" keep_ip
nodes "node approval" "talks" wait_for 20 echo_w

figures_say
[ "$tap_failed" -eq 0 ] || trace
done_testing
