#!/bin/bash
# SPDX-License-Identifier: ISC
# Our relay asks who may come in: a stock control server first, then ours, both
# by the endpoint that stock relays ask (--admit URL).
. "${top_srcdir:-$(dirname "$0")/../..}/tests/interop/lib.sh"
need tailscale-1.102/tailscaled tailscale-1.92/tailscaled \
    tailscale-1.80/tailscaled headscale-0.29/headscale load/relayload
need_ours mesh-relayd mesh-controld mesh-user mesh-authkey mesh-node
net_begin
chmod 711 "$NET" # worker and asker are nobody, and read ca.crt

internet
host ctl 203.0.113.9
host own 203.0.113.8
host relay 203.0.113.10
nat nata 203.0.113.21 fully-random
nat natb 203.0.113.22 fully-random
behind nata a80 192.168.1 11
behind nata a92 192.168.1 12
behind nata a102 192.168.1 13
behind natb b102 192.168.2 11
nodes="a80 a92 a102 b102"
mkdir -p "$NET/cert" "$NET/map"
make_cert "$NET/cert/relay.test" relay.test
make_cert "$NET/cert/control.test" control.test 203.0.113.8
cat "$NET/cert/relay.test.crt" "$NET/cert/control.test.crt" >"$NET/cert/ca.crt"
relay_map 203.0.113.10 relay.test >"$NET/map/relays.yaml"

# start_relayd NAME OPTION ...
start_relayd() {
	relayd=$1
	shift
	start relay "$relayd" env SSL_CERT_FILE="$NET/cert/ca.crt" \
	    "$builddir/mesh-relayd" --state "$NET/state" --verbose \
	    --listen "[::]:443" --stun "[::]:3478" --hostname relay.test \
	    --cert "$NET/cert/relay.test.crt" --key "$NET/cert/relay.test.key" \
	    "$@"
	wait_for 10 grep -q 'serving listen=' "$NET/$relayd.log"
}

# A stock client with a key that nobody knows: does the relay serve it?
stranger() {
	in_host relay timeout 20 "$PEERS/load/relayload" -insecure \
	    -server https://127.0.0.1:443 -servername relay.test \
	    -pid "$(pid_of "$relayd")" idle -clients 1 -hold 0.2
}
refuses() { ! "$@"; }
refused() { grep -q 'not admitted' "$NET/$relayd.log"; }

# relay_clients: how many nodes are connected to the relay
clients() {
	kill -USR1 "$(pid_of "$relayd")"
	sleep 0.2
	sed -n 's/.*stats clients=\([0-9]*\).*/\1/p' "$NET/$relayd.log" | tail -n 1
}
has_clients() { [ "$(clients)" = "$1" ]; }

by_relay() { # HOST ADDRESS
	tailscale "$1" ping --c 3 --timeout 3s --until-direct=false "$2" \
	    >"$NET/ping-$1" 2>&1
	grep -q 'via DERP(lab)' "$NET/ping-$1"
}

join_all() { # URL
	pids=
	for n in $nodes; do
		case $n in
		*80) release=1.80 ;;
		*92) release=1.92 ;;
		*) release=1.102 ;;
		esac
		{
			start_tailscaled "$n" tailscale-$release
			tailscale_up "$n" "$1" || is_in "$n" # later, by itself
		} >"$NET/up-$n" 2>&1 &
		pids="$pids $!"
	done
	wait $pids
	for n in $nodes; do
		is_running "$n" && continue
		tail -n 3 "$NET/up-$n" "$NET/tailscaled-$n.log"
		return 1
	done
}
is_running() { tailscale "$1" status --json | jq -e '.BackendState == "Running"' >/dev/null; }
is_in() { wait_for 30 is_running "$1"; }
leave_all() {
	for n in $nodes; do
		stop "tailscaled-$n"
		rm -rf "${NET:?}/$n"
	done
}

admitted() { # WHAT
	ip_b=$(tailscale b102 ip -4)
	for r in 80 92 102; do
		cell mesh-relayd "$1" "1.$r"
		check "1.$r is let in" wait_for 60 by_relay "a$r" "$ip_b"
	done
}

# The worker dies, and everybody connects anew; who asks lives on.
reconnect() {
	pkill -KILL -P "$(pid_of "$relayd")" -f 'mesh-relayd: worker'
}

say "headscale decides"
cell mesh-relayd "admission by headscale's verify endpoint" headscale
check "headscale starts" start_headscale ctl 203.0.113.9 "$NET/map/relays.yaml"
start_relayd relay-hs --admit http://203.0.113.9:8080/verify
check "a stranger is refused" refuses stranger
check "and the log says so" refused
check "four nodes join" join_all http://203.0.113.9:8080
admitted "admission by headscale's verify endpoint"

cell mesh-relayd "a removed node is refused when it reconnects" headscale
check "all are there" wait_for 20 has_clients 4
in_host nata nft insert rule ip guard forwarding ip saddr 192.168.1.11 \
    ip daddr 203.0.113.9 drop # it does not hear that it is removed
id=$(headscale nodes list -o json | jq -r '.[] | select(.name == "a80").id')
check "headscale removes a node" headscale nodes delete -i "$id" --force
reconnect
check "the others come back" wait_for 30 has_clients 3
sleep 3
check "it does not" has_clients 3

cell mesh-relayd "admission server away: known nodes only" headscale
stop headscale
reconnect
check "who was admitted before comes back" wait_for 40 has_clients 3
check "a stranger does not" refuses stranger
check "and the log says why" grep -q 'no answer of admit server' \
    "$NET/relay-hs.log"
stop relay-hs
cell mesh-relayd "admission server away: fail open, if asked for" headscale
start_relayd relay-open --admit http://203.0.113.9:8080/verify --admit-fail-open
check "a stranger is let in" stranger
stop relay-open
leave_all

say "ours decides"
cell mesh-relayd "admission by our control" mesh-controld
check "mesh-controld starts" start_controld own 203.0.113.8 \
    "$NET/map/relays.yaml"
admin user add alice >/dev/null
admin authkey create --user alice --reusable >"$NET/key"
start_relayd relay-own --admit https://203.0.113.8/verify
check "a stranger is refused" refuses stranger
check "and the log says so" refused
in_host nata nft flush chain ip guard forwarding
in_host nata nft add rule ip guard forwarding accept
check "four nodes join" join_all https://203.0.113.8
admitted "admission by our control"

cell mesh-relayd "a removed node is refused when it reconnects" mesh-controld
check "all are there" wait_for 20 has_clients 4
in_host nata nft insert rule ip guard forwarding ip saddr 192.168.1.12 \
    ip daddr 203.0.113.8 drop
check "mesh-node removes a node" admin node remove a92
reconnect
check "the others come back" wait_for 30 has_clients 3
sleep 3
check "it does not" has_clients 3
[ "$tap_failed" -eq 0 ] || trace
done_testing
