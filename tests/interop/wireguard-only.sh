#!/bin/bash
# SPDX-License-Identifier: ISC
# A peer that speaks plain WireGuard and nothing else: wireguard-go, whom the
# netmap gives by key and endpoints (IsWireGuardOnly). It is reached at the
# endpoint that answers, speaks first itself, moves, restarts. The netmap is a
# file: stock control servers make none with such peers.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/interop/lib.sh"
need wireguard-go/wireguard
need_ours meshd meshd-agent meshd-engine mesh-ping mesh-wait
command -v wg >/dev/null || skip_all "wg(8) is not installed"
net_begin
# Its control socket is in /run, which namespaces share: a name of its own.
WG=wgo$$

internet
host ours 203.0.113.31
host stock 203.0.113.41
umask 077
for who in ours stock; do
	wg genkey >"$NET/$who.key"
	wg pubkey <"$NET/$who.key" >"$NET/$who.pub"
done
hex() { base64 -d <"$1" | od -An -tx1 | tr -d ' \n'; }
mkdir -p "$NET/ours" "$NET/run"
chmod 711 "$NET"
printf 'privkey:%s\n' "$(hex "$NET/ours.key")" >"$NET/ours/node.key"
# The first endpoint is nobody's.
cat >"$NET/netmap" <<END
{"Node":{"ID":1,"Name":"ours.mesh.test.","User":1,"Key":"nodekey:$(hex "$NET/ours.pub")",
  "Addresses":["100.64.0.1/32"],"AllowedIPs":["100.64.0.1/32"],"MachineAuthorized":true},
 "Peers":[{"ID":2,"Name":"stock.mesh.test.","User":1,"Key":"nodekey:$(hex "$NET/stock.pub")",
  "Addresses":["100.64.0.2/32"],"AllowedIPs":["100.64.0.2/32","10.7.0.0/24"],"IsWireGuardOnly":true,
  "Endpoints":["203.0.113.99:51820","203.0.113.41:51820"],"MachineAuthorized":true}],
 "UserProfiles":[{"ID":1,"LoginName":"alice"}],"Domain":"mesh.test",
 "PacketFilter":[{"SrcIPs":["*"],"DstPorts":[{"IP":"*","Ports":{"First":0,"Last":65535}}]}]}
END
start_wg() {
	start stock wireguard env WG_SOCKET_DIR="$NET/run" LOG_LEVEL=verbose \
	    "$PEERS/wireguard-go/wireguard" -f $WG
	wait_for 5 in_host stock wg show $WG || return 1
	in_host stock wg set $WG listen-port 51820 private-key "$NET/stock.key" \
	    peer "$(cat "$NET/ours.pub")" allowed-ips 100.64.0.1/32 \
	    ${1:+endpoint "$1"}
	in_host stock ip addr add 100.64.0.2/32 dev $WG
	in_host stock ip addr add 10.7.0.1/24 dev $WG
	in_host stock ip link set $WG mtu 1280 up
	in_host stock ip route replace 100.64.0.0/10 dev $WG
}
cell meshd 'peers known only by WireGuard keys' wireguard-go
check "wireguard-go starts" start_wg
check "ours starts from a file" start_meshd ours --port 41641 --netmap "$NET/netmap"
check "and runs" mesh ours wait running --timeout 10s
echoes() { in_host ours ping -nq -c 1 -W 2 "$1"; }
check "it is found at its second endpoint" wait_for 20 echoes 100.64.0.2
check "ten pings, none lost" in_host ours ping -nq -c 10 -i 0.1 -W 3 100.64.0.2
check "a transfer to it" transfer ours stock 100.64.0.2 7001 2000
check "a transfer to us" transfer stock ours 100.64.0.1 7002 2000
check_status 1 "there is no disco to ping" mesh ours ping -c 1 --timeout 2s stock
no_disco() { ! in_host stock timeout 6 nft list ruleset | grep -q 'counter packets [1-9]'; }
in_host stock nft -f - <<END
table inet watch {
	chain incoming {
		type filter hook input priority 0;
		udp dport 51820 @th,64,48 0x5453f09f92ac counter
	}
}
END
check "its daemon gets no disco" no_disco

# It moves: another address, the same key; it speaks first.
in_host stock ip addr add 203.0.113.42/24 dev eth0
in_host stock ip addr del 203.0.113.41/24 dev eth0
in_host stock ip addr replace 203.0.113.42/24 dev eth0
speaks() { in_host stock ping -nq -c 1 -W 1 100.64.0.1; }
check "it moved and speaks: we answer" wait_for 10 speaks
check "and send to its new address" wait_for 10 echoes 100.64.0.2

# Its device goes a moment after it.
kill_wg() { stop wireguard KILL && wait_for 10 no_device; }
no_device() { ! in_host stock ip link show $WG; }
check "it is killed" kill_wg
check "it is restarted, knowing our endpoint" start_wg 203.0.113.31:41641
check "it speaks first" wait_for 20 speaks
check "it is killed" kill_wg
check "it is restarted, not knowing where we are" start_wg
check "we find it again" wait_for 30 echoes 100.64.0.2
check "we are restarted" stop meshd-ours KILL
check "from the file" start_meshd ours --port 41641 --netmap "$NET/netmap"
check "it finds us where we were" wait_for 20 speaks
stop meshd-ours
[ "$tap_failed" -eq 0 ] || trace 15
done_testing
