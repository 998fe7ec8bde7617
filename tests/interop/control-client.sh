#!/bin/bash
# Our control client against control servers that we did not write: headscale
# and testcontrol.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/interop/lib.sh"
need headscale-0.29/headscale tailscale-1.102/testcontrol
need_ours tests/interop/control_client
net_begin
internet
host ctl 203.0.113.10
relay_map 203.0.113.10 relay.test >"$NET/relays.yaml"

client() {
	in_host ctl timeout 20 "$(ours tests/interop/control_client)" "$@" \
	    >"$NET/out" 2>"$NET/err"
}
has() { grep -q -- "$1" "$NET/out"; }
says() { grep -q -- "$1" "$NET/err"; }
# The text of the n-th map message parses, and is one whole JSON object.
is_map() {
	sed -n 's/^map //p' "$NET/out" | sed -n "$1p" >"$NET/map" &&
	    [ -s "$NET/map" ] && grep -q '^{.*}$' "$NET/map"
}

if ! start_headscale ctl 203.0.113.10 "$NET/relays.yaml"; then
	not_ok "headscale starts"
	trace
	done_testing
	exit
fi
url=http://203.0.113.10:8080 key=$(cat "$NET/key")

cell meshd "map compression on and off" headscale
check "headscale: registers with a key, polls with zstd" \
    client -l -k "$key" "$url"
check "headscale: knows the user" has '^registered alice$'
check "headscale: the lite update is taken" has '^lite 200$'
check "headscale: first map names ourselves" \
    has '^map {.*"Node":{.*"Hostname":"control-client"'
check "headscale: plain frames" client -p -k "$key" "$url"
check "headscale: plain map is whole" is_map 1

cell meshd "the control client: register, map, refusals" headscale
check_status 1 "headscale: an invalid key is refused" \
    client -k hskey-auth-000000000000-00 "$url"
check "headscale: says why" says 'refused: .*key'
check_status 1 "headscale: without a key there is a URL to visit" client "$url"
check "headscale: the URL is shown" has "^visit $url/register/"
check_status 1 "headscale: a wrong server key is noticed" \
    client -w -k "$key" "$url"
check "headscale: the error names the key" says 'its key changed'
check_status 1 "headscale: a version that is too old" \
    client -V 50 -k "$key" "$url"

in_host ctl timeout 120 "$PEERS/tailscale-1.102/testcontrol" \
    >"$NET/testcontrol.log" 2>&1 </dev/null &
echo "$!" >"$NET/testcontrol.pid"
if wait_for 10 grep -q 'listening on' "$NET/testcontrol.log"; then
	url=http://$(sed -n 's/.*listening on //p' "$NET/testcontrol.log")
	cell meshd "map compression on and off" testcontrol
	check "testcontrol: registers, polls with zstd" client -l "$url"
	check "testcontrol: lite update" has '^lite 200$'
	check "testcontrol: map names ourselves" has '^map {.*"Node":{'
	check "testcontrol: plain frames" client -p "$url"
	cell meshd "the control client: register, map, refusals" testcontrol
	check_status 1 "testcontrol: a wrong server key is noticed" \
	    client -w "$url"
else
	not_ok "testcontrol starts"
fi
done_testing
