#!/bin/bash
# SPDX-License-Identifier: ISC
# A region with one relay of ours and one stock relay, meshed: whoever is
# connected to the one reaches whoever is connected to the other.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/interop/lib.sh"
need tailscale-1.102/tailscaled tailscale-1.102/derper tailscale-1.102/derpprobe \
    tailscale-1.92/tailscaled tailscale-1.80/tailscaled headscale-0.29/headscale
need_ours mesh-relayd meshd meshd-agent meshd-engine mesh-up mesh-ip mesh-ping
net_begin

internet
host ctl 203.0.113.9 2001:db8::9
host ours 203.0.113.10 2001:db8::10
host stock 203.0.113.11 2001:db8::11
nat nata 203.0.113.21 fully-random
nat natb 203.0.113.22 fully-random
behind nata a80 192.168.1 11
behind nata a92 192.168.1 12
behind nata a102 192.168.1 13
behind nata am 192.168.1 14
behind natb b102 192.168.2 11
behind natb bm 192.168.2 12
mkdir -p "$NET/cert" "$NET/map"

# Everybody would take the first relay of the region that answers: home a sees
# ours alone, home b the stock one alone.
deaf() { # ROUTER ADDRESS
	in_host "$1" nft insert rule ip guard forwarding ip daddr "$2" \
	    tcp dport 443 reject with tcp reset
}
deaf nata 203.0.113.11
deaf natb 203.0.113.10

for n in ours stock; do
	make_cert "$NET/cert/$n.test" $n.test
done
cat "$NET/cert/ours.test.crt" "$NET/cert/stock.test.crt" >"$NET/cert/ca.crt"
od -An -v -N32 -tx1 /dev/urandom | tr -d ' \n' >"$NET/mesh.key"
chmod 600 "$NET/mesh.key"
chmod 711 "$NET" # the worker is nobody, and reads ca.crt

# start_ours NAME [PIN]: without a pin by authority
start_ours() {
	start ours "$1" env SSL_CERT_FILE="$NET/cert/ca.crt" \
	    "$builddir/mesh-relayd" --state "$NET/relayd" \
	    --listen "[::]:443" --stun "[::]:3478" --verbose \
	    --hostname ours.test --cert "$NET/cert/ours.test.crt" \
	    --key "$NET/cert/ours.test.key" --mesh-key "$NET/mesh.key" \
	    --mesh-with "stock.test=203.0.113.11:443${2:+,$2}"
	wait_for 10 grep -q 'serving listen=' "$NET/$1.log"
}
start_stock() {
	SSL_CERT_FILE=$NET/cert/ca.crt start_derper stock stock.test \
	    -mesh-psk-file "$NET/mesh.key" -mesh-with ours.test/203.0.113.10
}
watched() { kill -USR1 "$(pid_of relayd)" && grep -q watchers=1 "$NET/relayd.log"; }
meshed() { grep -q 'meshed relay=stock.test' "$NET/$1.log"; }

relay_map 203.0.113.10 ours.test >"$NET/map/relays.yaml"
cat >>"$NET/map/relays.yaml" <<END
      - name: 900b
        regionid: 900
        hostname: stock.test
        ipv4: 203.0.113.11
        ipv6: none
        stunport: 3478
        derpport: 443
END
cat >"$NET/map/probe.json" <<END
{"Regions": {"900": {"RegionID": 900, "RegionCode": "lab", "RegionName": "Lab",
 "Nodes": [
  {"Name": "900a", "RegionID": 900, "HostName": "ours.test",
   "IPv4": "203.0.113.10", "IPv6": "2001:db8::10", "DERPPort": 443},
  {"Name": "900b", "RegionID": 900, "HostName": "stock.test",
   "IPv4": "203.0.113.11", "IPv6": "2001:db8::11", "DERPPort": 443}]}}}
END
# It looks names up, whatever the map says: a hosts file of its own.
derpprobe() {
	printf '203.0.113.10 ours.test\n203.0.113.11 stock.test\n' >"$NET/hosts"
	in_host ctl env SSL_CERT_FILE="$NET/cert/ca.crt" unshare -m sh -c \
	    'mount --bind "$0" /etc/hosts && exec timeout 60 "$@"' "$NET/hosts" \
	    "$PEERS/tailscale-1.102/derpprobe" -once -spread=false \
	    -derp-map "file://$NET/map/probe.json"
}

# A ping comes back, and by the relay.
by_relay() { # HOST ADDRESS
	tailscale "$1" ping --c 3 --timeout 3s --until-direct=false "$2" \
	    >"$NET/ping-$1" 2>&1
	grep -q 'via DERP(lab)' "$NET/ping-$1"
}
carries() { # HOST ADDRESS: 100 ordinary packets through the tunnel
	in_host "$1" ping -q -i 0.02 -c 100 -W 2 "$2" | grep -qw '0% packet loss'
}
m() { # HOST COMMAND ...
	in_host "$1" env MESH_SOCKET="$NET/$1.sock" "$builddir/mesh-$2" "${@:3}"
}
join_ours() { # HOST
	start "$1" "meshd-$1" env SSL_CERT_FILE="$NET/cert/ca.crt" \
	    "$builddir/meshd" --state "$NET/$1" --socket "$NET/$1.sock" \
	    --tun mesh0
	wait_for 10 test -S "$NET/$1.sock"
	m "$1" up --server http://203.0.113.9:8080 --authkey-file "$NET/key" \
	    --hostname "$1" --timeout 60s
}
join_stock() { # HOST RELEASE
	start_tailscaled "$1" "$2"
	tailscale_up "$1" http://203.0.113.9:8080
}
by_our_relay() { # HOST ADDRESS
	m "$1" ping -c 1 --timeout 5s "$2" | grep -q 'by relay'
}

cell mesh-relayd "one mesh, ours watching theirs and back" derper
start_ours relayd-pin "$(cert_pin "$NET/cert/stock.test.crt")"
start_stock
check "ours trusts derper by pin" wait_for 20 meshed relayd-pin
stop relayd-pin
start_ours relayd
check "ours trusts derper by authority" wait_for 20 meshed relayd
check "derper watches ours" wait_for 20 watched
cell mesh-relayd "derpprobe green, a region with one of each" derpprobe
check "derpprobe is content with the region" derpprobe

check "headscale starts" start_headscale ctl 203.0.113.9 "$NET/map/relays.yaml"
pids=
for n in a80:tailscale-1.80 a92:tailscale-1.92 a102:tailscale-1.102 \
    b102:tailscale-1.102; do
	join_stock "${n%:*}" "${n#*:}" >"$NET/up-${n%:*}" 2>&1 &
	pids="$pids $!"
done
for n in am bm; do
	join_ours $n >"$NET/up-$n" 2>&1 &
	pids="$pids $!"
done
wait $pids
ip_b=$(tailscale b102 ip -4)
for r in 80 92 102; do
	cell mesh-relayd "a region with one of each" "1.$r"
	ip_a=$(tailscale "a$r" ip -4)
	check "1.$r on ours reaches the node on derper" \
	    wait_for 30 by_relay "a$r" "$ip_b"
	check "and the other way" wait_for 30 by_relay b102 "$ip_a"
	check "and nothing is lost on the way" wait_for 20 carries "a$r" "$ip_b"
done
cell mesh-relayd "our nodes on derper and on ours, one region" derper
ip_am=$(m am ip -4) ip_bm=$(m bm ip -4)
check "our node on ours reaches the stock node on derper" \
    wait_for 30 by_our_relay am "$ip_b"
check "our node on derper reaches the stock node on ours" \
    wait_for 30 by_our_relay bm "$ip_a"
check "our nodes reach each other" wait_for 30 by_our_relay bm "$ip_am"
check "and nothing is lost on the way" wait_for 20 carries am "$ip_bm"

cell mesh-relayd "a relay of the region dies and comes back" derper
stop derper
check "ours says so" wait_for 20 grep -q 'no mesh with relay=stock.test' \
    "$NET/relayd.log"
start_stock
check "they reach each other again" wait_for 60 by_relay a102 "$ip_b"
[ "$tap_failed" -eq 0 ] || trace
done_testing
