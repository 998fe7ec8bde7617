#!/bin/bash
# SPDX-License-Identifier: ISC
# meshd joins a stock headscale in every way, leaves it and comes back; what its
# administrator does to nodes is seen by meshd and by a stock node beside it.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/interop/lib.sh"
need tailscale-1.102/tailscaled tailscale-1.102/derper headscale-0.29/headscale
need_ours meshd meshd-agent meshd-engine mesh-up mesh-down mesh-status mesh-ip \
    mesh-ping
net_begin

CTL=192.168.77.10 URL=http://192.168.77.10:8080
internet
host ctl $CTL
host relay 192.168.77.11
n=20
for h in a b c d e f s; do
	n=$((n + 1))
	host $h 192.168.77.$n
done
mkdir -p "$NET/cert"
make_cert "$NET/cert/relay.test" relay.test 192.168.77.11
cp "$NET/cert/relay.test.crt" "$NET/cert/ca.crt"
relay_map 192.168.77.11 relay.test >"$NET/relays.yaml"
cat >"$NET/policy.hujson" <<END
{"tagOwners": {"tag:web": ["alice@"], "tag:db": ["alice@"]},
 "acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"]}]}
END
HEADSCALE_POLICY="mode: file, path: $NET/policy.hujson"
HEADSCALE_MORE='node: { ephemeral: { inactivity_timeout: 66s } }'
start_derper relay relay.test
check "headscale starts" start_headscale ctl $CTL "$NET/relays.yaml"
for h in a b c d e f; do
	start_meshd $h || not_ok "meshd starts in $h"
done

# key OPTION ...: a new key of alice in $NET/key, its number in $NET/key.id.
key() {
	headscale preauthkeys create --user 1 -o json "$@" 2>/dev/null >"$NET/key.json"
	jq -r .key "$NET/key.json" >"$NET/key"
	jq -r .id "$NET/key.json" >"$NET/key.id"
}
up() { h=$1; shift; mesh_up "$h" $URL "$@"; }
id_of() { headscale nodes list -o json | jq ".[] | select(.given_name == \"$1\") | .id"; }
is_listed() { [ -n "$(id_of "$1")" ]; }
is_gone() { ! is_listed "$1"; }
status_of() { mesh "$1" status --json; }
is_state() { [ "$(status_of "$1" | jq -r .BackendState)" = "$2" ]; }
self_is() { [ "$(status_of "$1" | jq -r ".Self$2")" = "$3" ]; }
# peer_is HOST NAME FILTER VALUE: what the node there says of the peer
peer_is() {
	[ "$(status_of "$1" | jq -r \
	    ".Peer[] | select(.HostName == \"$2\") | $3")" = "$4" ]
}
stock_peer_is() {
	[ "$(tailscale s status --json | jq -r \
	    ".Peer[] | select(.HostName == \"$1\") | $2")" = "$3" ]
}
reaches() { in_host "$1" ping -nq -c 1 -W 1 "$2"; }
# soon NAME COMMAND ...: an event is seen; says after how long.
soon() {
	soon_name=$1 soon_from=$(date +%s%N)
	shift
	check "$soon_name" wait_for 5 "$@"
	say "after $((($(date +%s%N) - soon_from) / 1000000)) ms"
}

cell meshd "ephemeral: gone after leaving" headscale
key --ephemeral
check "an ephemeral node joins" up e
check "it is listed" is_listed e
stop meshd-e KILL # and looked for at the end
e_left=$SECONDS

cell meshd "one-time key, second use refused" headscale
key
check "the first one joins" up a
check_status 7 "the second one is refused" up b
check "and the reason is shown" grep -q "authkey already used" <<<"$tap_out"
check_status 4 "and it is not logged in" mesh b status

cell meshd "reusable key" headscale
key --reusable
check "one joins" up b
check "another one joins" up c
check "a stock node too" start_tailscaled s
check "and is up" tailscale_up s $URL
check "mesh-up again changes nothing" up b

cell meshd "expired, revoked, unknown key refused" headscale
key --expiration 1s
sleep 1.2
check_status 7 "an expired key" up d
check "and the reason is shown" grep -q "authkey expired" <<<"$tap_out"
key
check "a key is revoked" headscale preauthkeys expire --id "$(cat "$NET/key.id")"
check_status 7 "a revoked key" up d
check "and the reason is shown" grep -q "authkey" <<<"$tap_out"
echo nonsense >"$NET/key"
check_status 7 "what was never a key" up d

cell meshd "tagged key" headscale
key --tags tag:web
check "joins" up d
check "and has its tag" self_is d '.Tags[0]' tag:web
check "as the stock node sees" wait_for 5 stock_peer_is d '.Tags[0]' tag:web

cell meshd "ephemeral: gone at once on logout" headscale
key --ephemeral
check "joins" up f
check "is listed" is_listed f
check "logs out" mesh f down --logout
soon "is gone" is_gone f

cell meshd "log in by URL" headscale
auth_of() { sed -n 's|.*/register/\(hskey-[^ ]*\)$|\1|p' "$NET/up.out"; }
has_auth() { [ -n "$(auth_of)" ]; }
begin_up() { # HOST OPTION ...
	rm -f "$NET/up.rc" "$NET/up.out"
	(
		mesh "$1" up --server $URL --hostname "$1" --timeout 40s \
		    "${@:2}" >"$NET/up.out" 2>&1
		echo $? >"$NET/up.rc"
	) &
}
up_is_done() { grep -qx 0 "$NET/up.rc"; }
begin_up f
check "mesh-up shows a URL" wait_for 20 has_auth
check "the administrator registers it" \
    headscale auth register --auth-id "$(auth_of)" --user alice
check "and mesh-up is done" wait_for 20 up_is_done
check "with an address" mesh f ip -4

cell meshd "log out and back in" headscale
a4=$(mesh a ip -4) b4=$(mesh b ip -4) s4=$(tailscale s ip -4)
check "they reach each other" wait_for 20 reaches a "$b4"
check "logs out" mesh a down --logout
check_status 4 "is logged out" mesh a status
check "has no device address" sh -c "! ip netns exec $(netns a) ip addr show mesh0 | grep -q 100.64"
soon "its peer sees that its key has ended" peer_is b a .Expired true
key
check "is back in" up a
check "with the same address" test "$(mesh a ip -4)" = "$a4"
check "and reaches its peer" wait_for 20 reaches a "$b4"

cell meshd "restart with kept state" headscale
stop meshd-a
check "starts again" start_meshd a
check "and runs, without a key" wait_for 10 is_state a Running
check "with the same address" test "$(mesh a ip -4)" = "$a4"
check "and reaches its peer" wait_for 20 reaches a "$b4"

cell meshd "key expiry, log in anew" headscale
check "the administrator ends the key" \
    headscale nodes expire -i "$(id_of a)"
soon "the node says so" is_state a NeedsLogin
check_status 4 "and mesh-status ends with 4" mesh a status
soon "our peer has dropped it" peer_is b a .Expired true
soon "the stock peer has dropped it" stock_peer_is a .Expired true
check "nothing comes through" sh -c "! ip netns exec $(netns b) ping -nq -c 1 -W 1 $a4"
key
check "logs in anew with a key" up a
check "with the same address" test "$(mesh a ip -4)" = "$a4"
check "and name" self_is a .DNSName a.mesh.test.
check "peers have its new key" wait_for 10 reaches b "$a4"
check "the stock peer too" wait_for 10 reaches s "$a4"
check "its key is to end in a while" headscale nodes expire -i "$(id_of a)" \
    --expiry "$(date -u -d '+8 seconds' +%Y-%m-%dT%H:%M:%SZ)"
check "mesh-status knows when" wait_for 5 sh -c \
    "ip netns exec $(netns a) env MESH_SOCKET=$NET/a.sock $builddir/mesh-status --json | jq -e .Self.KeyExpiry"
check "it ends without a word from control" wait_for 20 is_state a NeedsLogin
check "the peer has dropped it" wait_for 10 peer_is b a .Expired true
begin_up a
check "logs in anew by URL" wait_for 20 has_auth
check "the administrator registers it" \
    headscale auth register --auth-id "$(auth_of)" --user alice
check "and mesh-up is done" wait_for 20 up_is_done
check "with the same address" test "$(mesh a ip -4)" = "$a4"
check "and name" self_is a .DNSName a.mesh.test.
check "and reaches its peer" wait_for 20 reaches a "$b4"

cell meshd "expire, remove, rename, tag seen at once" headscale
check "renaming" headscale nodes rename -i "$(id_of b)" berta
soon "the node sees its name" self_is b .DNSName berta.mesh.test.
soon "and its peer" peer_is a b .DNSName berta.mesh.test.
check "tagging" headscale nodes tag -i "$(id_of c)" -t tag:db
soon "the node sees its tag" self_is c '.Tags[0]' tag:db
soon "and its peer" peer_is a c '.Tags[0]' tag:db
check "removing" headscale nodes delete --force -i "$(id_of c)"
soon "its peer sees it go" sh -c "! ip netns exec $(netns a) env MESH_SOCKET=$NET/a.sock $builddir/mesh-ip c"
# Headscale does not tell the node itself; it learns when it says something.
begin_up c --hostname cc
check "and needs a login" wait_for 10 is_state c NeedsLogin

cell meshd "server key change refused" headscale
stop headscale
mv "$NET/headscale/noise.key" "$NET/noise.key"
again() { start ctl headscale "$PEERS/headscale-0.29/headscale" serve -c "$NET/headscale/config.yaml" &&
    wait_for 15 test -S "$NET/headscale/socket" && wait_for 10 headscale nodes list; }
rm -f "$NET/headscale/socket"
check "headscale comes back with another key" again
says_key() { mesh a status 2>&1 | grep -q "control server's key changed"; }
check "mesh-status says so" wait_for 60 says_key
check "the log has both keys" grep -q "another key: refused was=mkey:.* is=mkey:" "$NET/meshd-a.log"
check "the network goes on" reaches a "$b4"
check_status 7 "mesh-up is refused" up a --force-login
check "and says why" grep -q "key changed" <<<"$tap_out"
check "also after a restart" sh -c ": >$NET/meshd-b.log"
stop meshd-b
check "of the daemon" start_meshd b
check "it is refused" wait_for 20 grep -q "another key: refused" "$NET/meshd-b.log"
key --reusable
online() { self_is "$1" .Online true && ! mesh "$1" status 2>&1 | grep -q "key changed"; }
check "a person accepts the new key" up b --accept-server-key
check "and the node is in" wait_for 30 online b
stop headscale
mv "$NET/noise.key" "$NET/headscale/noise.key"
rm -f "$NET/headscale/socket"
check "headscale comes back with the first key" again
check "who did not accept is in again" wait_for 60 online a
check "who did is refused" wait_for 60 grep -q "another key: refused.*" "$NET/meshd-b.log"

cell meshd "ephemeral: gone after leaving" headscale
say "$((SECONDS - e_left)) s after leaving"
check "it is gone" wait_for 90 is_gone e

[ "$tap_failed" -eq 0 ] || trace 30
done_testing
