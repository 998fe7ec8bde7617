#!/bin/bash
# SPDX-License-Identifier: ISC
# meshd joins a stock headscale with a stock derper, and a stock tailscaled is
# its peer: by relay first, then direct, both ways.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/interop/lib.sh"
need tailscale-1.102/tailscaled tailscale-1.102/derper headscale-0.29/headscale
need_ours meshd meshd-agent meshd-engine mesh-up mesh-ping mesh-status \
    mesh-whois mesh-ip mesh-wait
net_begin

internet
host ctl 203.0.113.10
nat nata 203.0.113.21 && behind nata a 192.168.1
nat natb 203.0.113.22 && behind natb b 192.168.2
mkdir -p "$NET/cert"
make_cert "$NET/cert/relay.test" relay.test 203.0.113.10
cp "$NET/cert/relay.test.crt" "$NET/cert/ca.crt"
relay_map 203.0.113.10 relay.test >"$NET/relays.yaml"
start_derper ctl relay.test
check "headscale starts" start_headscale ctl 203.0.113.10 "$NET/relays.yaml"

# ours COMMAND ... in machine a
m() {
	m_command=$1
	shift
	in_host a env MESH_SOCKET="$NET/a.sock" "$builddir/mesh-$m_command" "$@"
}

start_meshd() {
	start a meshd env SSL_CERT_FILE="$NET/cert/ca.crt" "$builddir/meshd" \
	    --state "$NET/a" --socket "$NET/a.sock" --tun mesh0 --verbose
	wait_for 10 test -S "$NET/a.sock"
}

joins() {
	m up --server http://203.0.113.10:8080 --authkey-file "$NET/key" \
	    --hostname a --timeout 20s
}

pings_by() { # KIND PATTERN
	m ping --timeout 5s -c 1 b | grep -q "$1"
}

stock_pings() {
	tailscale b ping --until-direct="$1" -c "$2" "$3"
}

cell meshd "joins, meets a stock node through two NATs" headscale
check "meshd starts" start_meshd
check "meshd joins with a key" joins
check "mesh-up again changes nothing" joins
check "a stock node joins" start_tailscaled b
check "a stock node is up" tailscale_up b http://203.0.113.10:8080

a4=$(m ip -4) b4=$(tailscale b ip -4)
check "meshd has an address" test -n "$a4"
check "mesh-status shows the peer" wait_for 10 sh -c \
    "ip netns exec $(netns a) env MESH_SOCKET=$NET/a.sock $builddir/mesh-status | grep -q b"
check "mesh-ping reaches the stock node" wait_for 10 pings_by 'reply from'
check "mesh-ping reaches it directly" \
    m ping --until-direct -c 20 --timeout 2s b
check "the stock node pings meshd directly" stock_pings true 10 "$a4"
check "ICMP through the tunnel" in_host a ping -nq -c 3 -i 0.2 -W 3 "$b4"
check "ICMP back through the tunnel" in_host b ping -nq -c 3 -i 0.2 -W 3 "$a4"
check "IPv6 through the tunnel" in_host a ping -6 -nq -c 2 -i 0.2 -W 3 \
    "$(tailscale b ip -6)"
check "mesh-whois names the user" sh -c \
    "ip netns exec $(netns a) env MESH_SOCKET=$NET/a.sock $builddir/mesh-whois $b4 | grep -q alice"

# The stock command drives our daemon.
stock() {
	in_host a timeout 20 "$PEERS/tailscale-1.102/tailscale" \
	    --socket="$NET/a.sock" "$@" 2>/dev/null
}
up_again() {
	stock up --login-server http://203.0.113.10:8080 --hostname a
}
check "stock status shows the peer" grep -q '^100.*alice.*linux' <(stock status)
check "stock ip" test "$(stock ip -4)" = "$a4"
check "stock ping" stock ping -c 3 b
check "stock whois" grep -q alice <(stock whois "$b4")
check "stock down" stock down
check "and it is down" grep -q stopped <(stock status)
check "stock up" up_again
check "and it is up" wait_for 10 in_host a ping -nq -c 1 -W 1 "$b4"

cell meshd "by relay when there is no UDP, then direct" derper
# Relay alone: no UDP leaves either home.
for r in nata natb; do
	in_host "$r" nft add rule ip guard forwarding ip protocol udp drop
	in_host "$r" nft insert rule ip guard forwarding ip protocol udp drop
done
by_relay() { m ping --timeout 5s -c 1 b | grep -q 'by relay lab'; }
check "without UDP the relay carries" wait_for 30 by_relay
check "ICMP by relay" in_host a ping -nq -c 3 -i 0.2 -W 3 "$b4"
check "ICMP by relay, back" in_host b ping -nq -c 3 -i 0.2 -W 3 "$a4"
stock_by_relay() { tailscale b ping --until-direct=false -c 1 "$a4" | grep -q 'via DERP(lab)'; }
check "the stock node pings by relay" wait_for 30 stock_by_relay
for r in nata natb; do
	in_host "$r" nft flush chain ip guard forwarding
	in_host "$r" nft add rule ip guard forwarding ct state established,related accept
	in_host "$r" nft add rule ip guard forwarding iifname != eth0 accept
done
check "with UDP again the path is direct" wait_for 40 \
    m ping --until-direct -c 5 --timeout 2s b

# The network goes on without control, also after a restart.
cell meshd "network goes on without control" headscale
stop headscale KILL
stop meshd KILL
check "meshd starts without control" start_meshd
check "and reaches its peer" wait_for 10 in_host a ping -nq -c 1 -W 1 "$b4"

stop meshd
gone() { ! in_host a ip link show mesh0 >/dev/null 2>&1 && [ ! -e "$NET/a.sock" ]; }
check "a clean stop leaves nothing" gone
[ "$tap_failed" -eq 0 ] || trace 30
done_testing
