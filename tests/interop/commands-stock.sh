#!/bin/bash
# SPDX-License-Identifier: ISC
# Our node commands drive stock daemons of three releases: the local API is one.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/interop/lib.sh"
need tailscale-1.102/tailscaled tailscale-1.92/tailscaled \
    tailscale-1.80/tailscaled tailscale-1.102/derper
need_ours mesh-controld mesh-user mesh-status mesh-up mesh-down mesh-ip mesh-ping mesh-wait mesh-whois
net_begin

URL=https://203.0.113.10
internet
host ctl 203.0.113.10
host relay 203.0.113.11
mkdir -p "$NET/cert"
make_cert "$NET/cert/relay.test" relay.test 203.0.113.11
make_cert "$NET/cert/control.test" control.test 203.0.113.10
cat "$NET"/cert/*.test.crt >"$NET/cert/ca.crt"
relay_map 203.0.113.11 relay.test >"$NET/relays.yaml"
start_derper relay relay.test
check "control starts" start_controld ctl 203.0.113.10 "$NET/relays.yaml"
admin user add alice >/dev/null
admin authkey create --user alice --reusable >"$NET/key"

# A home each. The peer that is pinged is of an older release where it can be:
# one that 1.92 does nothing but ping stays on the relay with 1.102.
home() { # NAME RELEASE PEER N
	nat "nat$1" "203.0.113.2$4" && behind "nat$1" "$1" "192.168.$4"
	start_tailscaled "$1" "tailscale-$2"
	release[$1]=$2
	peer[$1]=$3
	public[$1]=203.0.113.2$4
}
declare -A release peer public address
home a 1.80 b 1
home b 1.92 a 2
home c 1.102 b 3

m() {
	m_host=$1 m_command=$2
	shift 2
	in_host "$m_host" timeout 100 "$builddir/mesh-$m_command" \
	    --socket "$NET/$m_host/socket" "$@"
}
# The machine's own /etc/resolv.conf is not for tests.
no_dns() { tailscale "$1" set --accept-dns=false; }
of() { cell 'local API' 'our commands drive a stock daemon' "${release[$1]}"; }
reply() { # NODE PEER
	echo "^reply from $2 \\(${address[$2]//./\\.}\\) direct ${public[$2]//./\\.}:[0-9]+ in [0-9.]+ ms\$"
}

for n in a b c; do
	of $n
	check_status 4 "$n: not logged in" m $n ip
	check_status 4 "$n: nor has it peers to ask for" m $n ping x
	no_dns $n
	check "$n: mesh-up joins" m $n up --server $URL \
	    --authkey-file "$NET/key" --hostname $n --timeout 30s
	check "$n: again: no change" m $n up --hostname $n
	check "$n: mesh-ip prints both addresses" test "$(m $n ip | wc -l)" -eq 2
	address[$n]=$(m $n ip -4)
done
for n in a b c; do
	of $n
	p=${peer[$n]}
	check "$n: it hears of $p" wait_for 20 m $n ip $p
	check "$n: of the peer, IPv4 alone" test "$(m $n ip -4 $p)" = "${address[$p]}"
	check "$n: mesh-ping gets a reply" m $n ping -c 3 $p
	check "$n: mesh-wait sees the direct path" m $n wait direct=$p --timeout 90s
	check "$n: mesh-ping says so" grep -qE "$(reply $n $p)" <(m $n ping -c 1 $p)
	check "$n: mesh-status shows all" test "$(m $n status | wc -l)" -eq 3
	check "$n: mesh-status --json is the shape that filters know" \
	    test "$(m $n status --json | jq -r '[.Peer[].HostName] | contains(["'$p'"])')" = true
	check "$n: mesh-whois names node and user" \
	    test "$(m $n whois "${address[$p]}:5555" | tr '\n' ' ')" = "node: $p.mesh.test user: alice "
	check "$n: as JSON" test "$(m $n whois --json "${address[$p]}" |
	    jq -r .UserProfile.LoginName)" = alice
	check_status 1 "$n: an address of nobody" m $n whois 100.64.7.7
	check_status 2 "$n: what is no address" m $n whois nonsense
	check_status 1 "$n: a name of nobody" m $n ping nosuch
done
for n in a b c; do
	of $n
	check "$n: mesh-down stops it" m $n down
	check_status 1 "$n: and says so" m $n ip
	check "$n: mesh-up without options starts it again" m $n up --timeout 20s
	check "$n: with the address it had" test "$(m $n ip -4)" = "${address[$n]}"
	check "$n: mesh-down --logout" m $n down --logout
	check_status 4 "$n: is out" m $n ip
	no_dns $n
	check "$n: and in again with a key" m $n up --server $URL \
	    --authkey-file "$NET/key" --hostname $n --timeout 30s
done
[ "$tap_failed" -eq 0 ] || trace
done_testing
