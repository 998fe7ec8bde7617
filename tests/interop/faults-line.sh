#!/bin/bash
# SPDX-License-Identifier: ISC
# Bad lines between a node of ours and stock nodes of three releases: losses,
# doubles, disorder, a narrow place in the middle, a cut. What TCP was told has arrived has arrived; the path is direct again afterwards; our log
# says what became of it.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/interop/lib.sh"
need tailscale-1.80/tailscaled tailscale-1.92/tailscaled \
    tailscale-1.102/tailscaled tailscale-1.102/derper
need_ours mesh-controld mesh-user mesh-authkey meshd meshd-agent meshd-engine \
    mesh-up mesh-ping mesh-ip tests/lib/impair
net_begin

CTL=203.0.113.10 RELAY=203.0.113.11
URL=https://$CTL
RELEASES='80 92 102'
internet
host ctl $CTL
host relay $RELAY
nat theirs 203.0.113.21
n=0
for r in $RELEASES; do
	behind theirs "s$r" 192.168.21 "1$n"
	n=$((n + 1))
done
nat home 203.0.113.31 && behind home ours 192.168.31

mkdir -p "$NET/cert"
make_cert "$NET/cert/relay.test" relay.test $RELAY
make_cert "$NET/cert/control.test" control.test $CTL
cat "$NET"/cert/*.test.crt >"$NET/cert/ca.crt"
relay_map $RELAY relay.test >"$NET/relays.yaml"
start_derper relay relay.test
check "control starts" start_controld ctl $CTL "$NET/relays.yaml"
admin user add alice >/dev/null
admin authkey create --user alice --reusable >"$NET/key"

stock_joins() {
	start_tailscaled "$1" "tailscale-1.${1#s}" $((41600 + ${1#s})) &&
	    tailscale_up "$1" $URL
}
ours_joins() { start_meshd "$1" --port 41641 && mesh_up "$1" $URL; }
for r in $RELEASES; do
	later "s$r joins" stock_joins "s$r"
done
later "ours joins" ours_joins ours
all_of
mesh ours ip -4 >"$NET/ours.addr"
for r in $RELEASES; do
	tailscale "s$r" ip -4 >"$NET/s$r.addr"
done
addr() { cat "$NET/$1.addr"; }
each() { # ROW NAME COMMAND ...: with each release, at the same time
	for r in $RELEASES; do
		cell faults "$1" "1.$r" >/dev/null
		later "s$r: $2" "${@:3}" "s$r"
	done
	all_of
}
both_direct() {
	mesh ours ping --until-direct -c 30 --timeout 2s "$1" &&
	    tailscale "$1" ping --until-direct -c 30 --timeout 2s "$(addr ours)"
}
echoes() {
	in_host ours ping -nq -c 1 -W 2 "$(addr "$1")" &&
	    in_host "$1" ping -nq -c 1 -W 2 "$(addr ours)"
}
# Both ways at once: ROW KB-TO-IT KB-TO-US.
port=7000
carry() {
	for r in $RELEASES; do
		cell faults "$1" "1.$r" >/dev/null
		port=$((port + 1))
		later "s$r: $2 kB to it are whole" \
		    transfer ours "s$r" "$(addr "s$r")" $port "$2"
		later "s$r: $3 kB to us are whole" \
		    transfer "s$r" ours "$(addr ours)" $port "$3"
	done
	all_of
}
each 'loss of 1 %' 'direct before' both_direct
# fault ROW KB LINE-OPTION ...
fault() {
	line home "${@:3}"
	carry "$1" "$2" "$2"
	line home
	each "$1" 'direct afterwards' both_direct
}
fault 'loss of 1 %' 2000 --loss 1
fault 'loss of 5 %' 500 --loss 5
# TCP waits twice as long for each loss in a row: 17 s were seen, and once more
# than two minutes.
TRANSFER_TIME=300
fault 'loss of 20 %' 20 --loss 20
TRANSFER_TIME=120
fault 'reordering' 1000 --reorder 25 --hold 8 --delay 2
fault 'duplication' 1000 --duplicate 30

# The narrow place says so (ICMP) to whoever sends too much at once. Stock nodes
# lose what they then try to send in one call (README.md), so less from them.
for h in home theirs; do
	in_host $h ip link set eth0 mtu 1280
done
carry 'path MTU of 1280 in the middle' 1000 40
each 'path MTU of 1280 in the middle' 'still direct' both_direct
for h in home theirs; do
	in_host $h ip link set eth0 mtu 1500
done

# A line that is cut: our log says by which way, and when it is direct again.
row='a cut: recovery, and the log says why'
in_host home nft insert rule ip guard forwarding ip protocol udp drop
moved_to_relay() {
	in_host ours ping -nq -c 2 -W 1 "$(addr "$1")"
	grep -q "peer=$1.*: no answer from .* by relay region=900" "$NET/meshd-ours.log"
}
each "$row" 'by relay, and it is said' wait_for 30 moved_to_relay
in_host home nft flush chain ip guard forwarding
in_host home nft add rule ip guard forwarding ct state established,related accept
in_host home nft add rule ip guard forwarding iifname != eth0 accept
said_direct() {
	in_host ours ping -nq -c 2 -W 1 "$(addr "$1")"
	grep "peer=$1" "$NET/meshd-ours.log" | tail -n 1 | grep -q 'direct addr='
}
each "$row" 'direct again, and it is said' wait_for 60 said_direct

stop meshd-ours
[ "$tap_failed" -eq 0 ] || trace 15
done_testing
