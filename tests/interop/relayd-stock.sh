#!/bin/bash
# Our relay under stock nodes: they find it by a relay map of a stock control
# server, trust it by certificate file or by pin, and reach each other through
# it from behind symmetric NATs. derpprobe and relayload judge it.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/interop/lib.sh"
need tailscale-1.102/tailscaled tailscale-1.102/derpprobe \
    tailscale-1.80/tailscaled headscale-0.29/headscale load/relayload
need_ours mesh-relayd
net_begin

internet
host ctl 203.0.113.10 2001:db8::10
nat nata 203.0.113.21 fully-random && behind nata a 192.168.1
nat natb 203.0.113.22 fully-random && behind natb b 192.168.2
mkdir -p "$NET/cert" "$NET/map"

# start_relayd NAME OPTION ...
start_relayd() {
	relayd=$1
	shift
	start ctl "$relayd" "$builddir/mesh-relayd" --state "$NET/$relayd" \
	    --listen "[::]:443" --stun "[::]:3478" --verbose "$@"
	wait_for 10 grep -q 'serving listen=' "$NET/$relayd.log"
}

relayload() {
	in_host ctl timeout 100 "$PEERS/load/relayload" \
	    -server https://127.0.0.1:443 -servername relay.test "$@"
}

# The relay map as derpprobe reads it: JSON.
probe_map() {
	cat <<END
{"Regions": {"900": {"RegionID": 900, "RegionCode": "lab", "RegionName": "Lab",
 "Nodes": [{"Name": "900a", "RegionID": 900, "HostName": "relay.test",
  "CertName": "$1", "IPv4": "203.0.113.10", "IPv6": "2001:db8::10",
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

# Both nodes by the relay, and by nothing else: the NATs see to that.
by_relay() { # HOST ADDRESS
	tailscale "$1" ping --c 5 --until-direct=false "$2" >"$NET/ping" 2>&1
	grep -q 'via DERP(lab)' "$NET/ping"
}

carries() { # HOST ADDRESS: 100 ordinary packets through the tunnel
	in_host "$1" ping -q -i 0.02 -c 100 -W 2 "$2" | grep -qw '0% packet loss'
}

join_and_talk() { # RELEASE
	for n in a b; do
		check "$1: tailscaled $n starts" start_tailscaled $n "$1"
		check "$1: $n joins" tailscale_up $n http://203.0.113.10:8080
	done
	ip_a=$(tailscale a ip -4) ip_b=$(tailscale b ip -4)
	check "$1: a reaches b by our relay" by_relay a "$ip_b"
	check "$1: b reaches a by our relay" by_relay b "$ip_a"
	check "$1: nothing is lost on the way" carries a "$ip_b"
	check "$1: netcheck sees the relay's STUN" \
	    grep -q 'UDP: true' <<<"$(tailscale a netcheck 2>&1)"
}

leave() {
	for n in a b; do
		tailscale $n logout >/dev/null 2>&1
		stop tailscaled-$n
		rm -rf "${NET:?}/$n"
	done
}

say "by certificate file"
make_cert "$NET/cert/relay" relay.test 203.0.113.10
cp "$NET/cert/relay.crt" "$NET/cert/ca.crt"
relay_map 203.0.113.10 relay.test >"$NET/map/relays.yaml"
probe_map "" >"$NET/map/probe.json"
check "mesh-relayd starts with certificate files" start_relayd relay-file \
    --hostname relay.test --cert "$NET/cert/relay.crt" \
    --key "$NET/cert/relay.key"
check "headscale starts" start_headscale ctl 203.0.113.10 "$NET/map/relays.yaml"
check "derpprobe is content" derpprobe
join_and_talk tailscale-1.80
leave
join_and_talk tailscale-1.102
stop relay-file
say "the same nodes, the relay killed and back with another key"
check "mesh-relayd comes back" start_relayd relay-back --hostname relay.test \
    --cert "$NET/cert/relay.crt" --key "$NET/cert/relay.key"
check "and the nodes to it" wait_for 20 by_relay a "$ip_b"
leave
stop headscale
stop relay-back

say "by pin of the certificate that it made itself"
# Not by check: whose child it is decides who may ask for its exit status.
start_relayd relay-pin --hostname relay.test
check "mesh-relayd starts without certificate" is_alive relay-pin
pin=$(cat "$NET/relay-pin/pin")
check "the pin is that of the certificate" test "$pin" = \
    "$(cert_pin "$NET/relay-pin/self-signed.crt")"
rm -f "$NET/cert/ca.crt"
rm -rf "$NET/headscale"
relay_map 203.0.113.10 relay.test "$pin" >"$NET/map/relays.yaml"
check "headscale starts" start_headscale ctl 203.0.113.10 "$NET/map/relays.yaml"
join_and_talk tailscale-1.102
leave

say "load and malice"
pid=$(pid_of relay-pin)
check "relayload: pairs" relayload -cert "$pin" -pid "$pid" pairs -seconds 1
check "relayload: large packets" relayload -cert "$pin" -pid "$pid" pairs \
    -pairs 2 -size 65536 -window 4 -seconds 1
check "relayload: hostile" relayload -cert "$pin" -pid "$pid" hostile -flood 3
kill -USR1 "$pid"
check "it counts" wait_for 3 grep -q 'stats dropped reason=unknown' \
    "$NET/relay-pin.log"
kill -HUP "$pid"
check "SIGHUP reads the certificates again" wait_for 5 grep -q 'read again' \
    "$NET/relay-pin.log"
check "relayload: pairs, afterwards" relayload -cert "$pin" -pid "$pid" pairs \
    -seconds 0.5 -warmup 0.2
kill -TERM "$pid"
check "SIGTERM ends it" wait_for 5 is_dead relay-pin
if wait "$pid"; then ok "with status 0"; else not_ok "with status 0"; fi
[ "$tap_failed" -eq 0 ] || trace
done_testing
