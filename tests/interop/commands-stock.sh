#!/bin/bash
# Our node commands drive stock daemons: the local API is one.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/interop/lib.sh"
need tailscale-1.102/tailscaled tailscale-1.102/derper headscale-0.29/headscale
need_ours mesh-status
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

m() {
	m_host=$1 m_command=$2
	shift 2
	in_host "$m_host" timeout 40 "$builddir/mesh-$m_command" \
	    --socket "$NET/$m_host/socket" "$@"
}
for n in a b; do
	start_tailscaled $n
	check_status 4 "$n: not logged in" m $n ip
	check "$n: mesh-up joins" m $n up --server http://203.0.113.10:8080 \
	    --authkey-file "$NET/key" --hostname $n --timeout 30s
done
check "again: no change" m a up --hostname a
check "mesh-ip prints both addresses" test "$(m a ip | wc -l)" -eq 2
check "of the peer, IPv4 alone" test "$(m a ip -4 b)" = 100.64.0.2
check "mesh-ping gets a reply" m a ping -c 3 b
check "mesh-wait sees the direct path" m a wait direct=b --timeout 20s
check "mesh-ping says so" grep -qE \
    '^reply from b \(100\.64\.0\.2\) direct 203\.0\.113\.22:[0-9]+ in [0-9.]+ ms$' \
    <(m a ping -c 1 b)
check "mesh-status shows two rows" test "$(m a status | wc -l)" -eq 2
check "mesh-status --json is the shape that filters know" \
    test "$(m a status --json | jq -r '.Peer[].HostName')" = b
check "mesh-whois names the node and the user" \
    test "$(m b whois 100.64.0.1:5555 | tr '\n' ' ')" = 'node: a.mesh.test user: alice '
check_status 1 "an address of nobody" m b whois 100.64.7.7
check_status 2 "what is no address" m b whois nonsense
check_status 1 "a name of nobody" m a ping nosuch
check "mesh-down stops it" m a down
check_status 1 "and says so" m a ip
check "mesh-up without options starts it again" m a up --timeout 20s
[ "$tap_failed" -eq 0 ] || trace
done_testing
