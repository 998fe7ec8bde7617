#!/bin/bash
# Our relay beside the stock one, in one run, by the stock clients of relayload.
#
#	tests/bench/relay.sh [ROUNDS [CLIENTS]]      (5 rounds, 3000 idle clients)
#
# Each measurement is taken from one and then from the other, ROUNDS times, so
# that what else the machine does falls on both; medians and their ratio are
# printed. Targets: frames per CPU second >= 1.2 x saturated and >= 2 x at 5,000
# frames a second; at most 18 kB for an idle client.
set -u
rounds=${1:-5}
clients=${2:-3000}
builddir=${builddir:-$(pwd)}
peers=${MESH_PEERS:-$HOME/.cache/mesh-peers}
load=$peers/load/relayload
derper=$peers/tailscale-1.102/derper
for program in "$load" "$derper" "$builddir/mesh-relayd"; do
	[ -x "$program" ] || { echo "relay.sh: $program is missing"; exit 77; }
done
command -v jq >/dev/null || { echo "relay.sh: jq is missing"; exit 77; }

dir=$(mktemp -d /tmp/mesh-bench-relay.XXXXXX)
declare -A pid port
stop_all() {
	for name in "${!pid[@]}"; do kill "${pid[$name]}" 2>/dev/null; done
	wait 2>/dev/null
	rm -rf "$dir"
}
trap stop_all EXIT
trap 'exit 130' INT TERM

# Both use the certificate that ours makes for itself.
start_ours() {
	port[ours]=$((21000 + $$ % 1000))
	"$builddir/mesh-relayd" --state "$dir/state" --hostname relay.test \
	    --listen "127.0.0.1:${port[ours]}" >"$dir/ours.log" 2>&1 &
	pid[ours]=$!
	for _ in $(seq 50); do
		grep -q 'serving listen=' "$dir/ours.log" && return
		sleep 0.1
	done
	cat "$dir/ours.log" && exit 1
}
start_derper() {
	port[derper]=$((22000 + $$ % 1000))
	mkdir "$dir/certs"
	cp "$dir/state/self-signed.crt" "$dir/certs/relay.test.crt"
	cp "$dir/state/self-signed.key" "$dir/certs/relay.test.key"
	"$derper" -c "$dir/derper.json" -a "127.0.0.1:${port[derper]}" \
	    -http-port -1 -stun=false -certmode manual -certdir "$dir/certs" \
	    -hostname relay.test >"$dir/derper.log" 2>&1 &
	pid[derper]=$!
	sleep 1
}

# measure NAME FIELD RELAYLOAD-ARGS ...: one number
measure() {
	local name=$1 field=$2
	shift 2
	timeout 200 "$load" -server "https://127.0.0.1:${port[$name]}" \
	    -cert "$(cat "$dir/state/pin")" -pid "${pid[$name]}" "$@" \
	    2>>"$dir/load.log" | jq -r ".$field"
}

median() { sort -g | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }

# compare TITLE UNIT FIELD RELAYLOAD-ARGS ...
compare() {
	local title=$1 unit=$2 field=$3
	shift 3
	: >"$dir/ours.values"
	: >"$dir/derper.values"
	for _ in $(seq "$rounds"); do
		for name in ours derper; do
			measure "$name" "$field" "$@" >>"$dir/$name.values"
		done
	done
	ours=$(median <"$dir/ours.values")
	theirs=$(median <"$dir/derper.values")
	awk -v t="$title" -v u="$unit" -v a="$ours" -v b="$theirs" 'BEGIN {
		printf "%-36s ours %12.6g  derper %12.6g %-3s ratio %.2f\n",
		    t, a, b, u, b ? a / b : 0 }'
}

start_ours
start_derper
per_cpu=frames_per_server_cpu_second
compare "frames per CPU second, saturated" "/s" $per_cpu pairs
compare "frames per CPU second, at 5,000/s" "/s" $per_cpu pairs -rate 500
compare "frames per CPU second, at 1,000/s" "/s" $per_cpu pairs -rate 100
compare "latency at 5,000/s, median" "us" latency_p50_us pairs -rate 500
compare "latency at 5,000/s, 99 %" "us" latency_p99_us pairs -rate 500
rounds=1
compare "memory of an idle client" "kB" rss_kb_per_client_held \
    -clients "$clients" -hold 2 idle
compare "CPU of a connect" "s" server_cpu_seconds_per_connect \
    -clients "$clients" -hold 1 idle
