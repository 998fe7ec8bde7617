#!/bin/bash
# Our control server beside headscale, in one run, by the stock nodes of
# nodeload: what a node that joins costs, and what it occupies while connected.
#
#	tests/bench/control.sh [NODES [ROUNDS]]      (200 nodes, 3 rounds)
#
# Each measurement is taken from one and then from the other, ROUNDS times, with
# a fresh server; medians and their ratio are printed. CPU and memory are those
# of all processes of a server; memory is proportional (PSS), above the empty
# server. Plain HTTP on loopback, all may reach all.
set -u
nodes=${1:-200}
rounds=${2:-3}
builddir=${builddir:-$(pwd)}
peers=${MESH_PEERS:-$HOME/.cache/mesh-peers}
load=$peers/load/nodeload
headscale=$peers/headscale-0.29/headscale
for program in "$load" "$headscale" "$builddir/mesh-controld"; do
	[ -x "$program" ] || { echo "control.sh: $program is missing"; exit 77; }
done
command -v jq >/dev/null || { echo "control.sh: jq is missing"; exit 77; }

dir=$(mktemp -d /tmp/mesh-bench-control.XXXXXX)
port=$((23000 + $$ % 1000))
pid=
end() {
	[ -n "$pid" ] && kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
	pid=
	rm -rf "$dir/state"
}
trap 'end; rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM
cat >"$dir/relays.yaml" <<END
regions:
  900:
    regionid: 900
    regioncode: lab
    regionname: Lab
    nodes:
      - { name: 900a, regionid: 900, hostname: 127.0.0.1, ipv4: 127.0.0.1 }
END

start_ours() {
	"$builddir/mesh-controld" --state "$dir/state" --socket "$dir/sock" \
	    --listen 127.0.0.1:$port --url http://127.0.0.1:$port \
	    --relay-map "$dir/relays.yaml" >"$dir/ours.log" 2>&1 &
	pid=$!
	until "$builddir/mesh-user" --socket "$dir/sock" add alice 2>/dev/null; do
		sleep 0.1
	done
	key=$("$builddir/mesh-authkey" --socket "$dir/sock" create --user alice \
	    --reusable)
}

start_headscale() {
	mkdir -p "$dir/state"
	cat >"$dir/headscale.yaml" <<END
server_url: http://127.0.0.1:$port
listen_addr: 127.0.0.1:$port
metrics_listen_addr: 127.0.0.1:0
grpc_listen_addr: 127.0.0.1:0
noise: { private_key_path: $dir/state/noise.key }
prefixes: { v4: 100.64.0.0/10, v6: fd7a:115c:a1e0::/48 }
derp: { server: { enabled: false }, urls: [], paths: [ $dir/relays.yaml ], auto_update_enabled: false }
disable_check_updates: true
database: { type: sqlite, sqlite: { path: $dir/state/db.sqlite, write_ahead_log: true } }
log: { level: error }
policy: { mode: file, path: "" }
dns: { magic_dns: true, base_domain: mesh.test, override_local_dns: false, nameservers: { global: [] } }
unix_socket: $dir/state/socket
END
	"$headscale" serve -c "$dir/headscale.yaml" >"$dir/headscale.log" 2>&1 &
	pid=$!
	until [ -S "$dir/state/socket" ]; do sleep 0.1; done
	"$headscale" -c "$dir/headscale.yaml" users create alice >/dev/null 2>&1
	key=$("$headscale" -c "$dir/headscale.yaml" preauthkeys create --user 1 \
	    --reusable -o json 2>/dev/null | jq -r .key)
}

processes() { echo "$pid" $(pgrep -P "$pid"); }
cpu_ms() { # of the server's processes
	local total=0 p
	for p in $(processes); do
		total=$((total + $(awk '{print $14 + $15}' "/proc/$p/stat")))
	done
	echo $((total * 1000 / $(getconf CLK_TCK)))
}
pss_kb() {
	local total=0 p
	for p in $(processes); do
		total=$((total + $(awk '/^Pss:/ {print $2}' "/proc/$p/smaps_rollup")))
	done
	echo $total
}

# measure NAME: CPU ms a node, kB a node, milliseconds from join to first map
measure() {
	local cpu pss loader
	"start_$1"
	cpu=$(cpu_ms) pss=$(pss_kb)
	timeout 300 "$load" hold -seconds 6 -nodes "$nodes" -authkey "$key" \
	    -server "http://127.0.0.1:$port" >"$dir/$1.json" 2>"$dir/$1.err" &
	loader=$!
	until grep -q settled "$dir/$1.err" || ! kill -0 $loader 2>/dev/null; do
		sleep 0.5
	done
	cpu=$(($(cpu_ms) - cpu)) pss=$(($(pss_kb) - pss))
	wait $loader
	jq -r --argjson cpu $cpu --argjson pss $pss --argjson n "$nodes" \
	    '"\($cpu / $n) \($pss / $n) \(.join.each_ms.p50)"' "$dir/$1.json"
	end
}

median() { sort -g | sed -n "$(((rounds + 1) / 2))p"; }
for _ in $(seq "$rounds"); do
	measure ours >>"$dir/ours.rows"
	measure headscale >>"$dir/headscale.rows"
done
printf '%d nodes, medians of %d rounds\n' "$nodes" "$rounds"
printf '%-34s %10s %10s %8s\n' '' ours headscale ratio
column=0
for what in 'CPU for a join, ms' 'memory for a node, kB' 'join to first map (p50), ms'; do
	column=$((column + 1))
	a=$(cut -d' ' -f$column "$dir/ours.rows" | median)
	b=$(cut -d' ' -f$column "$dir/headscale.rows" | median)
	awk -v w="$what" -v a="$a" -v b="$b" \
	    'BEGIN { printf "%-34s %10.2f %10.2f %8.3f\n", w, a, b, a / b }'
done
