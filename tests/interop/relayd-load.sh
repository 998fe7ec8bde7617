#!/bin/bash
# SPDX-License-Identifier: ISC
# Our relay under the stock client library: load, malice, and one key connected
# several times, which derper answers in the same way beside it.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/interop/lib.sh"
need load/relayload tailscale-1.102/derper
need_ours mesh-relayd
net_begin

internet
host ours 203.0.113.10
host stock 203.0.113.11
mkdir -p "$NET/cert"
start ours relayd "$builddir/mesh-relayd" --state "$NET/state" \
    --listen "[::]:443" --stun "[::]:3478" --verbose --hostname relay.test
wait_for 10 grep -q 'serving listen=' "$NET/relayd.log"
cp "$NET/state/self-signed.crt" "$NET/cert/relay.test.crt"
cp "$NET/state/self-signed.key" "$NET/cert/relay.test.key"
start_derper stock relay.test
pin=$(cat "$NET/state/pin")

# load HOST ARGUMENT ...: against the relay of that machine
load() {
	load_name=relayd
	[ "$1" = ours ] || load_name=derper
	in_host "$1" timeout 100 "$PEERS/load/relayload" -cert "$pin" \
	    -server https://127.0.0.1:443 -servername relay.test \
	    -pid "$(pid_of "$load_name")" "${@:2}"
}

cell mesh-relayd "packets arrive, in order, none lost" relayload
check "ten pairs at full speed" load ours pairs -seconds 1
check "packets of 65,536 bytes" load ours pairs -pairs 2 -size 65536 \
    -window 4 -seconds 1
cell mesh-relayd "the same key connected twice" derper
check "derper serves the one that spoke last" load stock twice
cell mesh-relayd "the same key connected twice" relayload
check "ours does the same" load ours twice
cell mesh-relayd "slow reader, flood, garbage: others unharmed" relayload
check "hostile clients" load ours hostile -flood 3
check "and pairs afterwards" load ours pairs -seconds 0.5 -warmup 0.2

cell mesh-relayd "counters, reload, end" relayload
kill -USR1 "$(pid_of relayd)"
check "it counts" wait_for 3 grep -q 'stats dropped reason=unknown' \
    "$NET/relayd.log"
kill -HUP "$(pid_of relayd)"
check "SIGHUP reads the certificates again" wait_for 5 grep -q 'read again' \
    "$NET/relayd.log"
check "and it serves on" load ours pairs -seconds 0.5 -warmup 0.2
pid=$(pid_of relayd)
kill -TERM "$pid"
check "SIGTERM ends it" wait_for 5 is_dead relayd
if wait "$pid"; then ok "with status 0"; else not_ok "with status 0"; fi
[ "$tap_failed" -eq 0 ] || trace
done_testing
