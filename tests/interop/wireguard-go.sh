#!/bin/bash
# Our WireGuard core against wireguard-go: handshakes begun by either side,
# pings both ways, rekeying, cookies, pre-shared keys.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/interop/lib.sh"
need wireguard-go/wireguard
need_ours tests/interop/wg_udp
command -v wg >/dev/null || skip_all "wg(8) is not installed"
[ -c /dev/net/tun ] || skip_all "/dev/net/tun is missing"
net_begin
# Its control socket is in /run, which namespaces share: a name of its own.
WG=wgo$$
net_add pair

ours_ip=10.99.0.2 stock_ip=10.99.0.1
umask 077
for who in ours stock; do
	wg genkey >"$NET/$who.key"
	wg pubkey <"$NET/$who.key" >"$NET/$who.pub"
done
wg genpsk >"$NET/psk"

# A peer made anew has no session, so that both sides start from nothing.
stock_peer() {
	in_host pair wg set $WG peer "$(cat "$NET/ours.pub")" remove
	in_host pair wg set $WG peer "$(cat "$NET/ours.pub")" "$@" \
	    endpoint 127.0.0.1:5002 allowed-ips "$ours_ip/32"
}
node() {
	in_host pair timeout 60 "$(ours tests/interop/wg_udp)" "$NET/ours.key" \
	    "$(cat "$NET/stock.pub")" 5002 5001 "$ours_ip" "$stock_ip" "$@"
}
# serving N STEPS...: the node with these steps, while N pings come to it.
serving() {
	serving_count=$1
	shift
	node "$@" >"$NET/node.log" 2>&1 &
	serving_pid=$!
	sleep 0.3
	in_host pair ping -c "$serving_count" -i 0.05 -W 12 "$ours_ip" |
	    tee "$NET/ping.out"
	wait "$serving_pid" || { cat "$NET/node.log"; return 1; }
}
stock_handshake() {
	in_host pair wg show $WG latest-handshakes | awk '{print $2}'
}

mkdir -p "$NET/run"
start pair wireguard env WG_SOCKET_DIR="$NET/run" LOG_LEVEL=verbose \
    "$PEERS/wireguard-go/wireguard" -f $WG
if ! wait_for 5 in_host pair wg show $WG; then
	not_ok "wireguard-go starts"
	trace
	done_testing
	exit
fi
in_host pair wg set $WG listen-port 5001 private-key "$NET/stock.key"
in_host pair ip addr add "$stock_ip/24" dev $WG
in_host pair ip link set $WG mtu 1420 up

stock_peer
cell meshd 'WireGuard: handshakes, rekeying, cookies' wireguard-go
check "we begin: five pings are answered" \
    node ping 5 56 is begun 1 is handshakes 1
check "it knows of the handshake" test "$(stock_handshake)" -gt 0

stock_peer
check "any size up to the MTU" node ping 1 0 ping 1 1 ping 1 15 ping 1 16 \
    ping 1 17 ping 1 1300 ping 1 1391 ping 1 1392

stock_peer
check "it begins: its pings are answered" serving 5 serve 5 is begun 0 \
    is handshakes 1
check "and none was lost" grep -q '5 received' "$NET/ping.out"

stock_peer
check "pings both ways on one session" serving 5 serve 5 ping 5 100 \
    is handshakes 1

stock_peer
check "rekey after 120 seconds" node ping 3 56 skew 121 ping 3 56 \
    is begun 2 is handshakes 2 ping 3 56

stock_peer
check "a new session after 180 seconds" node ping 3 56 skew 181 ping 3 56 \
    is handshakes 2

stock_peer
check "under load it comes with a cookie" serving 1 load serve 1 is handshakes 1

stock_peer preshared-key "$NET/psk"
check "pre-shared key" node psk "$NET/psk" ping 3 56
check_status 1 "without it there is no answer" node ping 1 56
done_testing
