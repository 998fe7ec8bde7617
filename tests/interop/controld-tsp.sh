#!/bin/bash
# A stock control client in steps against our control server: keys, register in
# every way, the map once and as a stream, lite updates, what is refused.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/interop/lib.sh"
need tailscale-1.102/tsp
need_ours mesh-controld
need_ours mesh-user
TSP=$PEERS/tailscale-1.102/tsp
DIR=$(mktemp -d /tmp/mesh-controld-tsp.XXXXXX)
URL=http://127.0.0.1:18181
trap 'kill $PID $STREAM 2>/dev/null; wait 2>/dev/null; rm -rf "$DIR"' EXIT
PID= STREAM=
cd "$DIR" || exit 99

control() {
	"$builddir/mesh-controld" --state "$DIR/state" --listen 127.0.0.1:18181 \
	    --url $URL --socket "$DIR/sock" --ephemeral-timeout 2s \
	    >>"$DIR/log" 2>&1 &
	PID=$!
}

admin() {
	admin_command=$1
	shift
	timeout 20 "$builddir/mesh-$admin_command" --socket "$DIR/sock" "$@"
}

tsp() { timeout 20 "$TSP" -s $URL "$@"; }
register() {
	tsp register -n "$1.json" -hostname "$1" "${@:2}" >"$1.reply" 2>"$1.error"
}
refused() { ! register "$1" -auth-key "$2" && grep -qx "register: $3" "$1.error"; }
reply() { jq -r "$2" "$1.reply"; }
map() { tsp map -n "$1.json" >"$1.map"; }
# stream NODE: its map stream goes to NODE.stream.
stream() { tsp map -n "$1.json" -stream >"$1.stream" & STREAM="$STREAM $!"; }
streamed() { jq -es "$2" "$1.stream" >/dev/null; }
key() { admin authkey create --user alice "$@" >key; }

cell mesh-controld "keys, as the client in steps (tsp) sees them" 1.102
control
check "control server starts" wait_for 10 admin user list
check "a user" admin user add alice
for n in one two three four five six; do tsp new-node -o $n.json; done

key --reusable
check "registers with a key" register one -auth-key key
check "the answer names the user" test "$(reply one .User.DisplayName)" = alice
check "and authorises" test "$(reply one .MachineAuthorized)" = true
check "a second one" register two -auth-key key
check "again, the same node" register two -auth-key key
check "two nodes are known" test "$(admin node list | wc -l)" -eq 2

cell mesh-controld "the first map is whole" 1.102
check "the whole map" map one
check "has the node itself" test "$(jq -r .Node.Name one.map)" = one.mesh.internal.
check "with both addresses" test "$(jq -c .Node.Addresses one.map)" = \
    '["100.64.0.1/32","fd7a:115c:a1e0::1/128"]'
check "its peer" test "$(jq -r '.Peers[].Name' one.map)" = two.mesh.internal.
check "its owner's profile" test "$(jq -r '.UserProfiles[].LoginName' one.map)" = alice
cell mesh-controld "packet filters by name" 1.102
check "an explicit filter" test "$(jq -r '.PacketFilters.base[0].SrcIPs[0]' one.map)" = '*'
check "names" test "$(jq -c .DNSConfig.Domains one.map)" = '["mesh.internal"]'

cell mesh-controld "only deltas after the first map" 1.102
stream one
check "the stream begins with the whole map" wait_for 5 streamed one \
    '.[0].Node.ID == 1'
stream two
check "a peer that connects is patched online" wait_for 5 streamed one \
    'any(.[]; .PeersChangedPatch[]? | .NodeID == 2 and .Online)'
check "one that joins comes whole" register three -auth-key key
check "to those who are connected" wait_for 5 streamed one \
    'any(.[]; .PeersChanged[]? | .Name == "three.mesh.internal.")'
check "no frame after the first has the whole map" streamed one \
    '[.[] | select(.Peers != null)] | length <= 1'
check "removing it" admin node remove three
check "is told at once" wait_for 5 streamed one \
    'any(.[]; .PeersRemoved != null)'
check "renaming" admin node rename two deux
check "is told to peers" wait_for 5 streamed one \
    'any(.[]; .PeersChanged[]? | .Name == "deux.mesh.internal.")'
check "and to the node itself" wait_for 5 streamed two \
    'any(.[]; .Node.Name == "deux.mesh.internal.")'

# More than fits into one message between the roles.
key --reusable
for i in $(seq 60); do tsp new-node -o many.json && register many -auth-key key; rm many.json; done
tsp new-node -o many.json && register many -auth-key key
check "the map of 63 nodes" map many
check "has them all" test "$(jq '.Peers | length' many.map)" -eq 62

cell mesh-controld "keys, as the client in steps (tsp) sees them" 1.102
key
check "a one-time key" register four -auth-key key
check "is spent" refused five key "auth key was used already"
echo mesh-auth-000000000000-0000000000000000000000000000000000000000000000000000000000000000 >bad
check "an invented one is refused" refused five bad "auth key is not valid"
key --tag tag:b --tag tag:a --reusable
check "a tagged key" register five -auth-key key
check "makes tagged nodes, owned by nobody" sh -c \
    "'$builddir/mesh-node' list --socket '$DIR/sock' | grep -q 'tagged-devices.* tag:a tag:b'"
key --expires 1s
sleep 2.1
check "an old key is refused" refused six key "auth key has expired"
key --ephemeral
check "an ephemeral node" register six -auth-key key
check "goes when it stays away" wait_for 8 sh -c \
    "! '$builddir/mesh-node' list --socket '$DIR/sock' | grep -q ' six '"

cell mesh-controld "log-in by URL and mesh-node approve" 1.102
tsp new-node -o seven.json
register seven
url=$(reply seven .AuthURL)
check "without a key there is a URL" grep -q "^$URL/register/[0-9a-f]\{24\}$" <<<"$url"
check "its page says what to do" grep -q \
    "mesh-node approve ${url##*/} --user NAME" <(curl -s "$url")
check_status 1 "nobody of that name" admin node approve "$url" --user nobody
check "approving by URL" admin node approve "$url" --user alice
check "then it is in" register seven
check "authorised" test "$(reply seven .MachineAuthorized)" = true
check_status 1 "once" admin node approve "$url" --user alice

check "expiring" admin node expire seven
register seven
check "asks for a new key" test "$(reply seven .NodeKeyExpired)" = true

cell mesh-controld "control restarts in mid-stream" 1.102
kill -9 "$(pgrep -P "$PID" -f 'mesh-controld: core')"
check "core killed: both roles start again" wait_for 10 admin node list
check "nothing that was acknowledged is lost" test \
    "$(admin node list | grep -cE 'one|deux|four|five|seven')" -eq 5
kill "$PID" && wait "$PID"
check "SIGTERM ends it cleanly" test $? -eq 0
check "and leaves no socket" test ! -e "$DIR/sock"

[ "$tap_failed" -eq 0 ] || sed 's/^/# /' "$DIR/log"
done_testing
