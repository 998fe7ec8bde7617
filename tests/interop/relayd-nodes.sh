#!/bin/bash
# SPDX-License-Identifier: ISC
# Stock nodes of three releases on our relay, which they trust by authority or,
# from 1.82 on, by pin. The machines have addresses of both families, and no UDP
# but STUN: everything goes by the relay.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/interop/lib.sh"
need tailscale-1.102/tailscaled tailscale-1.102/derpprobe \
    tailscale-1.92/tailscaled tailscale-1.80/tailscaled headscale-0.29/headscale
need_ours mesh-relayd
net_begin

nodes="n80 n92 n102 p102"
internet
host ctl 203.0.113.9 2001:db8::9
host relay 203.0.113.10 2001:db8::10
i=20
for n in $nodes; do
	i=$((i + 1))
	host $n 203.0.113.$i 2001:db8::$i
	in_host $n nft -f - <<'END'
table inet guard {
	chain out {
		type filter hook output priority 0;
		oifname "eth0" udp dport != 3478 drop
	}
}
END
done
mkdir -p "$NET/cert" "$NET/map"
make_cert "$NET/cert/relay.test" relay.test
release() {
	case $1 in
	*80) echo tailscale-1.80 ;;
	*92) echo tailscale-1.92 ;;
	*) echo tailscale-1.102 ;;
	esac
}

# start_relayd NAME OPTION ...
start_relayd() {
	relayd=$1
	shift
	start relay "$relayd" "$builddir/mesh-relayd" --state "$NET/state" \
	    --listen "[::]:443" --stun "[::]:3478" --verbose \
	    --hostname relay.test "$@"
	wait_for 10 grep -q 'serving listen=' "$NET/$relayd.log"
}
# make_maps [PIN]
make_maps() {
	relay_map 203.0.113.10 relay.test "${1:-}" |
	    sed 's/ipv6: none/ipv6: 2001:db8::10/' >"$NET/map/relays.yaml"
	cat >"$NET/map/probe.json" <<END
{"Regions": {"900": {"RegionID": 900, "RegionCode": "lab", "RegionName": "Lab",
 "Nodes": [{"Name": "900a", "RegionID": 900, "HostName": "relay.test",
  "CertName": "${1:-}", "IPv4": "203.0.113.10", "IPv6": "2001:db8::10",
  "STUNPort": 3478, "DERPPort": 443}]}}}
END
}

# It looks the relay's name up, whatever the map says: a hosts file of its own.
derpprobe() {
	echo "203.0.113.10 relay.test" >"$NET/hosts"
	in_host ctl env SSL_CERT_FILE="$NET/cert/ca.crt" unshare -m sh -c \
	    'mount --bind "$0" /etc/hosts && exec timeout 60 "$@"' "$NET/hosts" \
	    "$PEERS/tailscale-1.102/derpprobe" -once -spread=false \
	    -derp-map "file://$NET/map/probe.json"
}

by_relay() { # HOST ADDRESS
	tailscale "$1" ping --c 3 --timeout 3s --until-direct=false "$2" \
	    >"$NET/ping-$1" 2>&1
	grep -q 'via DERP(lab)' "$NET/ping-$1"
}
not_by_relay() { ! by_relay "$@"; }
carries() { # HOST ADDRESS: 100 ordinary packets through the tunnel
	in_host "$1" ping -q -i 0.02 -c 100 -W 2 "$2" | grep -qw '0% packet loss'
}
netcheck() { # HOST WHAT
	tailscale "$1" netcheck >"$NET/netcheck-$1" 2>&1
	grep -qE "$2" "$NET/netcheck-$1"
}

join_all() { # NODE ...
	pids=
	for n; do
		{
			start_tailscaled "$n" "$(release "$n")"
			tailscale_up "$n" http://203.0.113.9:8080
		} >"$NET/up-$n" 2>&1 &
		pids="$pids $!"
	done
	wait $pids
}
leave_all() {
	for n; do
		stop "tailscaled-$n"
		rm -rf "${NET:?}/$n"
	done
}
talk() { # NODE: with p102, both ways
	check "$1 reaches its peer by our relay" wait_for 30 by_relay "$1" "$ip_p"
	check "and the other way" wait_for 30 by_relay p102 \
	    "$(tailscale "$1" ip -4)"
	check "and nothing is lost on the way" wait_for 20 carries "$1" "$ip_p"
}

say "by authority"
cp "$NET/cert/relay.test.crt" "$NET/cert/ca.crt"
make_maps
by_file="--cert $NET/cert/relay.test.crt --key $NET/cert/relay.test.key"
cell mesh-relayd "derpprobe green" derpprobe
# shellcheck disable=SC2086  # two options with their values
check "mesh-relayd starts with certificate files" start_relayd relay-file $by_file
check "derpprobe is content" derpprobe
check "headscale starts" start_headscale ctl 203.0.113.9 "$NET/map/relays.yaml"
join_all $nodes
ip_p=$(tailscale p102 ip -4)
for r in 80 92 102; do
	cell mesh-relayd "relayed traffic, certificate by authority" "1.$r"
	talk "n$r"
	cell mesh-relayd "STUN answers for netcheck, IPv4 and IPv6" "1.$r"
	check "netcheck learns its address" wait_for 20 netcheck "n$r" \
	    'IPv4: yes, 203\.0\.113\.2[0-9]:[0-9]+'
	check "of IPv6 too" wait_for 20 netcheck "n$r" \
	    'IPv6: yes, \[2001:db8::2[0-9]\]:[0-9]+'
	check "and measures the relay" wait_for 20 netcheck "n$r" \
	    'lab: +[0-9.]+[mµ]?s'
done
stop relay-file
# shellcheck disable=SC2086
start_relayd relay-back $by_file
for r in 80 92 102; do
	cell mesh-relayd "nodes come back to a relay that was away" "1.$r"
	check "1.$r comes back" wait_for 30 by_relay "n$r" "$ip_p"
done
stop relay-back
stop headscale
leave_all $nodes

say "by pin of the certificate that it made itself"
rm -rf "$NET/headscale" "$NET/cert/ca.crt" "$NET/state"
# Not by check: whose child it is decides who may ask for its exit status.
start_relayd relay-pin
pin=$(cat "$NET/state/pin")
make_maps "$pin"
cell mesh-relayd "the pin is that of the certificate" openssl
check "openssl finds the same" test "$pin" = \
    "$(cert_pin "$NET/state/self-signed.crt")"
check "headscale starts" start_headscale ctl 203.0.113.9 "$NET/map/relays.yaml"
join_all n92 n102 p102
ip_p=$(tailscale p102 ip -4)
for r in 92 102; do
	cell mesh-relayd "relayed traffic, certificate by pin" "1.$r"
	talk "n$r"
done
stop relay-pin
rm "$NET/state/self-signed.crt" "$NET/state/self-signed.key"
start_relayd relay-other # the same key, another certificate
check "another certificate is not taken" wait_for 20 grep -qE \
    'cert hash does not match' "$NET/tailscaled-n102.log"
check "so nothing gets through" not_by_relay n102 "$ip_p"
[ "$tap_failed" -eq 0 ] || trace
done_testing
