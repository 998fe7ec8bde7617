#!/bin/bash
# Our control session, server side, under clients that we did not write: tsp,
# the stock control client in steps; and under our own.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/interop/lib.sh"
need tailscale-1.102/tsp
need_ours tests/interop/control_server tests/interop/control_client
net_begin
internet
host ctl 203.0.113.10
echo good >"$NET/good"
echo bad >"$NET/bad"

tsp() { in_host ctl timeout 20 "$PEERS/tailscale-1.102/tsp" "$@"; }
client() {
	in_host ctl timeout 20 "$(ours tests/interop/control_client)" "$@" \
	    >"$NET/out" 2>"$NET/err"
}
has() { grep -q -- "$1" "$NET/out"; }
says() { grep -q -- "$1" "$NET/err"; }
logged() { grep -q -- "$1" "$NET/server.log"; }
# A stream does not end by itself: read it for two seconds.
stream() {
	in_host ctl timeout 2 "$PEERS/tailscale-1.102/tsp" -s "$url" map \
	    -n "$NET/node" -stream >"$NET/out" 2>"$NET/err"
	[ $? -eq 124 ]
}

# 300 kB in the first map: more than any window that a client opens at first.
start ctl server "$(ours tests/interop/control_server)" -p 8080 -g 300000
wait_for 5 grep -q listening "$NET/server.log"
url=http://127.0.0.1:8080

cell mesh-controld "a control session in steps (tsp)" 1.102
check "tsp new-node: GET /key" tsp -s "$url" new-node -o "$NET/node"
check "tsp register with a good key" \
    tsp -s "$url" register -n "$NET/node" -auth-key "$NET/good" -hostname h
check_status 1 "tsp register with a bad key" \
    tsp -s "$url" register -n "$NET/node" -auth-key "$NET/bad" -hostname h
check "tsp map -stream runs on" stream
check "tsp shows the first map" has '"Name": "a.mesh.test."'
check "tsp shows the delta behind it" has '"Online": true'
check "the server knows the version of tsp" logged 'version 142$'

check "ours: registers, lite update, first map and delta" \
    client -l -n 2 -k good "$url"
check "ours: delta" has '^map {"PeersChangedPatch"'
check "ours: plain frames" client -p -n 2 -k good "$url"
check_status 1 "ours: version below the minimum is refused" \
    client -V 50 -k good "$url"
check "ours: in words" says 'capability version 50, at least'
check_status 1 "ours: a wrong server key ends the handshake" \
    client -w -k good "$url"
check "ours: in words" says 'its key changed'
check "the server lives" client -k good "$url"
done_testing
