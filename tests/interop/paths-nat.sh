#!/bin/bash
# SPDX-License-Identifier: ISC
# Our nodes in every kind of home, stock nodes of three releases behind a NAT
# that keeps its mappings and behind one that does not: the path that each pair
# finds, as either end sees it. Then IPv6 comes to the bad pairs, and a network
# that had UDP loses it.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/interop/lib.sh"
need tailscale-1.80/tailscaled tailscale-1.92/tailscaled \
    tailscale-1.102/tailscaled tailscale-1.102/derper headscale-0.29/headscale
need_ours meshd meshd-agent meshd-engine mesh-up mesh-ping mesh-ip
net_begin

CTL=203.0.113.10 RELAY=203.0.113.11
URL=http://$CTL:8080
RELEASES='80 92 102'
OURS='ours oursym open noudp deep samelan'
internet
host ctl $CTL
host relay $RELAY
nat easy 203.0.113.21
nat sym 203.0.113.22 fully-random
n=0
for r in $RELEASES; do
	behind easy "e$r" 192.168.21 "1$n"
	behind sym "s$r" 192.168.22 "1$n"
	n=$((n + 1))
done
behind easy samelan 192.168.21 20
nat home 203.0.113.31 && behind home ours 192.168.31
nat symhome 203.0.113.32 fully-random && behind symhome oursym 192.168.32
host open 203.0.113.33
nat nouhome 203.0.113.34 && behind nouhome noudp 192.168.34
drop_udp() {
	in_host "$1" nft insert rule ip guard forwarding ip protocol udp drop
}
drop_udp nouhome
# A NAT behind a NAT: the inner router is a machine in the outer one's home.
nat outer 203.0.113.35 && behind outer inner 192.168.35
nat_here inner
behind inner deep 192.168.36

mkdir -p "$NET/cert"
make_cert "$NET/cert/relay.test" relay.test $RELAY
cp "$NET/cert/relay.test.crt" "$NET/cert/ca.crt"
relay_map $RELAY relay.test >"$NET/relays.yaml"
start_derper relay relay.test
check "headscale starts" start_headscale ctl $CTL "$NET/relays.yaml"

stock_joins() { start_tailscaled "$1" "$2" "$3" && tailscale_up "$1" $URL; }
ours_joins() { start_meshd "$@" && mesh_up "$1" $URL; }
port=41641
for r in $RELEASES; do
	for h in e s; do
		later "$h$r joins" stock_joins "$h$r" "tailscale-1.$r" $port
		port=$((port + 1))
	done
done
for m in $OURS; do
	later "$m joins" ours_joins "$m" --port $port
	port=$((port + 1))
done
all_of
for m in $OURS; do
	echo "$(mesh "$m" ip -4)" >"$NET/$m.addr"
done
for r in $RELEASES; do
	for h in e s; do
		echo "$(tailscale "$h$r" ip -4)" >"$NET/$h$r.addr"
	done
done
addr() { cat "$NET/$1.addr"; }

direct() { # OURS STOCK, both see it
	mesh "$1" ping --until-direct -c 20 --timeout 2s "$2" &&
	    tailscale "$2" ping --until-direct -c 20 --timeout 2s "$(addr "$1")"
}
# Pings enough that a direct path would be found, then how it is.
relayed() {
	mesh "$1" ping -c 8 --timeout 5s "$2" >"$NET/by.$1.$2" || return 1
	cat "$NET/by.$1.$2"
	tail -n 1 "$NET/by.$1.$2" | grep -q 'by relay lab' &&
	    tailscale "$2" ping --until-direct=false -c 4 --timeout 5s \
		"$(addr "$1")" >"$NET/by.$2.$1" &&
	    cat "$NET/by.$2.$1" && ! grep -v 'via DERP(lab)' "$NET/by.$2.$1"
}
in_lan() {
	direct "$1" "$2" && mesh "$1" ping -c 1 "$2" | grep 'direct 192\.168\.21\.' &&
	    tailscale "$2" ping -c 1 "$(addr "$1")" | grep 'via 192\.168\.21\.'
}
echoes() {
	in_host "$1" ping -nq -c 3 -i 0.3 -W 3 "$(addr "$2")" &&
	    in_host "$2" ping -nq -c 3 -i 0.3 -W 3 "$(addr "$1")"
}
# pair ROW KIND OURS STOCK
pair() {
	cell meshd "$1" "1.${4#?}" >/dev/null
	later "$3 and $4: $2" wait_for 60 "$2" "$3" "$4"
	later "$3 and $4: echo both ways" wait_for 60 echoes "$3" "$4"
}
for r in $RELEASES; do
	pair 'direct: both behind NAT' direct ours e$r
	pair 'direct: we have a public address' direct open e$r
	pair 'direct: we have a public address' direct open s$r
	pair 'direct: we are behind two NATs' direct deep e$r
	pair 'local: one home' in_lan samelan e$r
	pair 'by relay: our NAT is symmetric' relayed oursym e$r
	pair 'by relay: its NAT is symmetric' relayed ours s$r
	pair 'by relay: both NATs are symmetric' relayed oursym s$r
	pair 'by relay: we have no UDP' relayed noudp e$r
done
all_of

# Both get IPv6 while they talk by relay.
home6 symhome 32 && behind6 oursym 32 10
home6 sym 22
for r in $RELEASES; do
	behind6 s$r 22 "$r"
done
by_ipv6() {
	direct "$1" "$2" && mesh "$1" ping -c 1 "$2" | grep 'direct \[2001:db8:22::' &&
	    tailscale "$2" ping -c 1 "$(addr "$1")" | grep 'via \[2001:db8:32::'
}
for r in $RELEASES; do
	pair 'relay, then direct by IPv6' by_ipv6 oursym s$r
done
all_of

# A home that had UDP has none any more.
drop_udp easy
for r in $RELEASES; do
	pair 'direct, then by relay: its UDP is cut' relayed open e$r
done
all_of

for m in $OURS; do
	stop "meshd-$m"
done
[ "$tap_failed" -eq 0 ] || trace 15
done_testing
