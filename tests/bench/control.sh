#!/bin/bash
# Our control server beside headscale, in one run, by the stock nodes of
# nodeload; then many nodes on ours alone, beside the floor program (fanout).
#
#	tests/bench/control.sh [NODES [MANY [ROUNDS]]]      (300, 2000, 1)
#
# NODES join, the policy changes, one more joins, one moves, all come back at
# once: at ours and at headscale in turn, ROUNDS times, each time with a fresh
# server; medians of the rounds. Then MANY at ours. CPU and memory are those of
# all processes of a server; memory is proportional (PSS), above the empty one.
# Plain HTTP on loopback, all may reach all.
#
# Standard output: a row for each figure (round, server, nodes, what, value),
# then a table. Exit status 1: a node of ours missed a peer, an address, a
# change or its session, or a target was missed.
set -u
nodes=${1:-300}
many=${2:-2000}
rounds=${3:-1}
builddir=${builddir:-$(pwd)}
peers=${MESH_PEERS:-$HOME/.cache/mesh-peers}
load=$peers/load/nodeload
headscale=$peers/headscale-0.29/headscale
fanout=$builddir/tests/bench/fanout
for program in "$load" "$headscale" "$fanout" "$builddir/mesh-controld"; do
	[ -x "$program" ] || { echo "control.sh: $program is missing"; exit 77; }
done
command -v jq >/dev/null || { echo "control.sh: jq is missing"; exit 77; }

dir=$(mktemp -d /tmp/mesh-bench-control.XXXXXX)
port=$((23000 + $$ % 1000))
pid=
failed=0
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
cat >"$dir/policy.hujson" <<END
{"acls": [{"action": "accept", "src": ["*"], "dst": ["*:22,80,443"]}]}
END

# start NAME: sets pid, key, and change, the command for a new policy
start_ours() {
	local mesh="--socket $dir/sock"
	"$builddir/mesh-controld" --state "$dir/state" --socket "$dir/sock" \
	    --listen 127.0.0.1:$port --url http://127.0.0.1:$port \
	    --relay-map "$dir/relays.yaml" >"$dir/ours.log" 2>&1 &
	pid=$!
	until "$builddir/mesh-user" $mesh add alice 2>/dev/null; do
		sleep 0.1
	done
	key=$("$builddir/mesh-authkey" $mesh create --user alice --reusable)
	change="$builddir/mesh-policy $mesh set $dir/policy.hujson"
}

start_headscale() {
	local mesh="-c $dir/headscale.yaml"
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
policy: { mode: database }
dns: { magic_dns: true, base_domain: mesh.test, override_local_dns: false, nameservers: { global: [] } }
unix_socket: $dir/state/socket
END
	"$headscale" serve $mesh >"$dir/headscale.log" 2>&1 &
	pid=$!
	until [ -S "$dir/state/socket" ]; do sleep 0.1; done
	"$headscale" $mesh users create alice >/dev/null 2>&1
	key=$("$headscale" $mesh preauthkeys create --user 1 \
	    --reusable -o json 2>/dev/null | jq -r .key)
	change="$headscale $mesh policy set -f $dir/policy.hujson"
}

# The figures of a run, as rows "what value". "Seen" counts from the start: of the
# command that changes the policy, of the joining, of the update.
figures() {
	jq -r '. as $r | def row($w; $v): if $v == null then empty else "\($w)\t\($v)" end;
	    row("CPU for a join, ms"; .join.server_cpu_ms_per_node),
	    row("sent for a join, kB"; .join.rx_bytes_per_node / 1000),
	    row("memory for a node, kB"; .join.server_pss_kb_per_node),
	    row("join to first map (p50), ms"; .join.each_ms.p50),
	    (["change", "policy"], ["churn", "join"], ["endpoint", "endpoint"] |
	        . as [$m, $name] | $r[$m] |
	        row("\($name) seen by half, ms"; .from_start_ms.p50),
	        row("\($name) seen by all, ms"; .from_start_ms.max),
	        row("\($name): CPU a node, ms"; .server_cpu_ms_per_node)),
	    row("reconnect: CPU a node, ms"; .reconnect.server_cpu_ms_per_node),
	    row("reconnect: all back, ms"; .reconnect.from_end_ms.max),
	    row("reconnect: order"; .reconnect.order),
	    row("reconnect: overtaken"; .reconnect.overtaken),
	    row("sessions lost before"; [.join, .change, .churn, .endpoint | .count.sessions_lost // 0] | add),
	    row("refused"; [.[] | objects | .count // {} | .reopen_failed // 0, .join_failed // 0] | add),
	    row("missing"; [.change, .churn, .endpoint, .reconnect | .missing // 0] | add),
	    row("shared addresses"; .addresses.duplicate),
	    row("worst node lacks peers"; .reconnect.peers_seen | .expected - .min)' "$1"
}

# run NAME NODES ROUND [NODELOAD-OPTION ...]
run() {
	local name=$1 count=$2 round=$3
	shift 3
	"start_$name"
	timeout 900 "$load" -server "http://127.0.0.1:$port" -authkey "$key" \
	    -nodes "$count" -pid "$pid" -command "$change" -wait 120s \
	    -reconnect-parallel "$count" "$@" change,churn,endpoint,reconnect \
	    >"$dir/run.json" 2>"$dir/run.err" ||
	    [ "$name" != ours ] || fail "a run of $count nodes"
	figures "$dir/run.json" | sed "s/^/$round\t$name\t$count\t/" |
	    tee -a "$dir/rows"
	[ "$name" = ours ] && at_load "$count"
	end
}

fail() {
	echo "FAILED: $*"
	failed=1
	tail -n 5 "$dir/run.err"
}

# at_load COUNT: while they are still known, what the server says of them
at_load() {
	local distinct
	distinct=$("$builddir/mesh-node" --socket "$dir/sock" list --json |
	    jq '[.nodes[].ipAddresses[]] | unique | length')
	[ "$distinct" = $((2 * ($1 + 1))) ] ||
	    fail "$distinct addresses of $1 + 1 nodes"
	for what in 'sessions lost before' refused missing 'shared addresses' \
	    'worst node lacks peers'; do
		[ "$(value ours "$1" "$what")" = 0 ] || fail "$what"
	done
}

# value NAME NODES WHAT: the median
value() {
	awk -F'\t' -v s="$1" -v n="$2" -v w="$3" \
	    '$2 == s && $3 == n && $4 == w { print $5 }' "$dir/rows" | sort -g |
	    awk '{ v[NR] = $1 } END { print NR ? v[int((NR + 1) / 2)] : "-" }'
}

# The floor program as often as the policy changes: the same connections, the
# same bytes to each, nothing to work out.
floor() {
	"$fanout" "$many" "$1" 7 | awk '{ print "1\tfloor\t'"$many"'\t" $0 }' |
	    tee -a "$dir/rows"
}

for round in $(seq "$rounds"); do
	run ours "$nodes" "$round"
	run headscale "$nodes" "$round"
done
if [ "$many" -gt 0 ]; then
	run ours "$many" 1 -join-parallel 16
	floor 250
fi

# --- the table
line() {
	local a b
	a=$(value ours "$nodes" "$1") b=$(value headscale "$nodes" "$1")
	printf '%-30s %10s %10s %8s %10s\n' "$1" "$a" "$b" \
	    "$(awk -v a="$a" -v b="$b" 'BEGIN { print b + 0 ? sprintf("%.3f", a / b) : "-" }')" \
	    "$(value ours "$many" "$1")"
}
echo
printf '%-30s %10s %10s %8s %10s\n' "medians of $rounds" "ours $nodes" \
    "hs $nodes" ratio "ours $many"
cut -f4 "$dir/rows" | awk '!seen[$0]++' | grep -v '^floor' |
    while read -r what; do line "$what"; done

# target WHAT VALUE LIMIT
target() {
	if awk -v v="$2" -v l="$3" 'BEGIN { exit !(v + 0 <= l + 0) }'; then
		echo "met: $1: $2 <= $3"
	else
		echo "MISSED: $1: $2 > $3"
		failed=1
	fi
}
part() { awk -v v="$(value headscale "$nodes" "$1")" -v p="$2" 'BEGIN { print v / p }'; }
echo
target "CPU a join, a tenth of headscale's" \
    "$(value ours "$nodes" 'CPU for a join, ms')" "$(part 'CPU for a join, ms' 10)"
[ "$many" -gt 0 ] && target "memory for a node, kB" \
    "$(value ours "$many" 'memory for a node, kB')" 24
for what in policy join endpoint; do
	target "$what seen by all, a fifth of headscale's median" \
	    "$(value ours "$nodes" "$what seen by all, ms")" \
	    "$(part "$what seen by half, ms" 5)"
done
exit $failed
