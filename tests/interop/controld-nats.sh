#!/bin/bash
# Stock nodes that know each other from our control server, through every kind
# of home: nodes of three releases behind a NAT that keeps its mappings and behind
# one that does not, and at the other end one of the newest in each kind.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/interop/lib.sh"
need tailscale-1.80/tailscaled tailscale-1.92/tailscaled \
    tailscale-1.102/tailscaled tailscale-1.102/derper
need_ours mesh-controld mesh-user mesh-authkey
net_begin

CTL=203.0.113.10 RELAY=203.0.113.11 URL=https://203.0.113.10
RELEASES='80 92 102'
OTHERS='home sym open noudp deep lan'
internet
host ctl $CTL
host relay $RELAY
nat easy 203.0.113.21
nat hard 203.0.113.22 fully-random
n=0
for r in $RELEASES; do
	behind easy "e$r" 192.168.21 "1$n"
	behind hard "s$r" 192.168.22 "1$n"
	n=$((n + 1))
done
behind easy lan 192.168.21 20
nat rhome 203.0.113.31 && behind rhome home 192.168.31
nat rsym 203.0.113.32 fully-random && behind rsym sym 192.168.32
host open 203.0.113.33
nat rnoudp 203.0.113.34 && behind rnoudp noudp 192.168.34
in_host rnoudp nft insert rule ip guard forwarding ip protocol udp drop
nat outer 203.0.113.35 && behind outer inner 192.168.35
nat_here inner
behind inner deep 192.168.36

mkdir -p "$NET/cert"
make_cert "$NET/cert/relay.test" relay.test $RELAY
make_cert "$NET/cert/control.test" control.test $CTL
cat "$NET"/cert/*.test.crt >"$NET/cert/ca.crt"
relay_map $RELAY relay.test >"$NET/relays.yaml"
start_derper relay relay.test
check "control server starts" start_controld ctl $CTL "$NET/relays.yaml"
admin user add alice >/dev/null
admin authkey create --user alice --reusable >"$NET/key"

joins() { start_tailscaled "$@" && tailscale_up "$1" $URL; }
port=41641
for m in $OTHERS; do
	later "$m joins" joins "$m" tailscale-1.102 $port
	port=$((port + 1))
done
for r in $RELEASES; do
	for h in e s; do
		later "$h$r joins" joins "$h$r" "tailscale-1.$r" $port
		port=$((port + 1))
	done
done
all_of
for m in $OTHERS $(for r in $RELEASES; do echo "e$r s$r"; done); do
	tailscale "$m" ip -4 >"$NET/$m.addr"
done
addr() { cat "$NET/$1.addr"; }

direct() { # both see it
	tailscale "$1" ping --until-direct -c 20 --timeout 2s "$(addr "$2")" &&
	    tailscale "$2" ping --until-direct -c 20 --timeout 2s "$(addr "$1")"
}
# Pings enough that a direct path would be found; then how they came.
by_relay() {
	tailscale "$1" ping --until-direct=false -c 8 --timeout 5s "$(addr "$2")" |
	    tail -n 2 >"$NET/by.$1.$2"
	cat "$NET/by.$1.$2"
	grep -q 'via DERP(lab)' "$NET/by.$1.$2" && ! grep -v 'via DERP(lab)' "$NET/by.$1.$2"
}
relayed() { by_relay "$1" "$2" && by_relay "$2" "$1"; }
in_lan() {
	direct "$1" "$2" && tailscale "$1" ping -c 1 "$(addr "$2")" | grep 'via 192\.168\.21\.'
}
echoes() {
	in_host "$1" ping -nq -c 3 -i 0.3 -W 3 "$(addr "$2")" &&
	    in_host "$2" ping -nq -c 3 -i 0.3 -W 3 "$(addr "$1")"
}
# pair ROW KIND NODE OTHER
pair() {
	cell mesh-controld "$1" "1.${3#?}" >/dev/null
	later "$3 and $4: $2" wait_for 60 "$2" "$3" "$4"
	later "$3 and $4: echo both ways" wait_for 60 echoes "$3" "$4"
}
for r in $RELEASES; do
	pair 'direct: both behind NAT' direct "e$r" home
	pair 'direct: one has a public address' direct "e$r" open
	pair 'direct: one has a public address' direct "s$r" open
	pair 'direct: behind two NATs' direct "e$r" deep
	pair 'local: one home' in_lan "e$r" lan
	pair 'by relay: one NAT is symmetric' relayed "s$r" home
	pair 'by relay: both NATs are symmetric' relayed "s$r" sym
	pair 'by relay: one has no UDP' relayed "e$r" noudp
done
all_of

[ "$tap_failed" -eq 0 ] || trace
done_testing
