#!/bin/bash
# SPDX-License-Identifier: ISC
# meshd and a stock node with several stock relays: where home is, a peer at
# home elsewhere, a relay that dies, a map of relays that changes.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/interop/lib.sh"
need tailscale-1.102/tailscaled tailscale-1.102/derper control/testcontrol
need_ours meshd meshd-agent meshd-engine mesh-up mesh-ping mesh-status mesh-ip \
    tests/lib/impair
net_begin

NETWORK=192.168.77
CTL=$NETWORK.10 URL=http://$NETWORK.10:8080
internet
host ctl $CTL
mkdir -p "$NET/cert"
for n in 1 2 3; do
	host r$n $NETWORK.1$n
	make_cert "$NET/cert/r$n.test" r$n.test $NETWORK.1$n
done
cat "$NET"/cert/*.crt >"$NET/cert/ca.crt"
host a $NETWORK.21
host b $NETWORK.22
in_host b ip route add default dev eth0
# They reach relays and control by UDP, and not each other.
in_host a nft -f - <<END
table ip apart {
	chain in { type filter hook input priority 0; ip saddr $NETWORK.22 drop; }
	chain out { type filter hook output priority 0; ip daddr $NETWORK.22 drop; }
}
END

start_relay() {
	start "r$1" "derper$1" "$PEERS/tailscale-1.102/derper" \
	    -c "$NET/derper$1.json" -a :443 -http-port -1 -certmode manual \
	    -certdir "$NET/cert" -hostname "r$1.test" -stun
	wait_for 10 in_host "r$1" sh -c "ss -ltn | grep -q :443"
}
map() { # N ...: a relay map of these
	for n; do
		printf '"90%d": {"RegionID": 90%d, "RegionCode": "r%d", "RegionName": "R",
		    "Nodes": [{"Name": "90%da", "RegionID": 90%d, "HostName": "r%d.test",
		    "IPv4": "%s", "IPv6": "none"}]}\n' \
		    "$n" "$n" "$n" "$n" "$n" "$n" "$NETWORK.1$n"
	done | jq -s -R 'rtrimstr("\n") | gsub("}\n"; "},\n") | "{\"Regions\": {" + . + "}}" | fromjson'
}
map 1 2 3 >"$NET/relays.json"
for n in 1 2 3; do
	check "relay $n starts" start_relay $n
done
line r2 --delay 40 # each way, for everybody
line r3 --delay 90
check "testcontrol starts" start_testcontrol ctl $URL "$NET/relays.json"
check "meshd starts" start_meshd a
check "meshd joins" mesh a up --server $URL --hostname a --timeout 30s

at_home() { # NODE REGION: as control knows it
	[ "$(testcontrol nodes | jq -r ".[] | select(.Hostinfo.Hostname == \"$1\") | .HomeDERP")" = "$2" ]
}
says_home() { [ "$(mesh a status --json | jq -r .Self.Relay)" = "$1" ]; }
by_relay() { mesh a ping --timeout 3s -c 1 "$b4" | grep -q "by relay $1"; }
stock_by_relay() { tailscale b ping --until-direct=false -c 1 --timeout 3s "$a4" | grep -q "via DERP($1)"; }
echoes() { in_host "$1" ping -nq -c 1 -W 2 "$2"; }

cell meshd "several relays: home by latency" derper
check "home is the near one" wait_for 30 at_home a 901
check "mesh-status says so" says_home r1
latency() { testcontrol nodes | jq -r '.[] | select(.Hostinfo.Hostname == "a") | .Hostinfo.NetInfo.DERPLatency'; }
far_is_far() { latency | jq -e '."902-v4" > ."901-v4" + 0.05'; }
check "control knows the latencies" wait_for 60 far_is_far

# Those who come now see it the other way round; ours stays, as stock would: the
# best of five minutes counts.
cell meshd "several relays: a peer homed elsewhere" derper
line r2
line r1 --delay 60
check "a stock node starts" start_tailscaled b
check "a stock node joins" tailscale b up --login-server=$URL --hostname=b \
    --accept-dns=false
a4=$(mesh a ip -4) b4=$(tailscale b ip -4)
check "its home is the other one" wait_for 40 at_home b 902
check "ours reaches it by its relay" wait_for 20 by_relay r2
check "echo there" wait_for 20 echoes a "$b4"
check "echo back" wait_for 20 echoes b "$a4"

cell meshd "several relays: one dies" derper
stop derper1 KILL
stop derper2 KILL
check "ours moves home" wait_for 90 at_home a 903
check "and the stock node" wait_for 90 at_home b 903
check "ours reaches it" wait_for 30 by_relay r3
check "it reaches ours" wait_for 30 stock_by_relay r3

cell meshd "several relays: the map changes under us" derper
line r1
check "one is there again" start_relay 1
check "and is the only one" testcontrol relays "$(map 1)"
check "ours moves home" wait_for 60 at_home a 901
check "and the stock node" wait_for 60 at_home b 901
check "ours reaches it" wait_for 30 by_relay r1
check "it reaches ours" wait_for 30 stock_by_relay r1
check "echo there" wait_for 20 echoes a "$b4"

[ "$tap_failed" -eq 0 ] || trace 40
done_testing
