#!/bin/bash
# A pair of meshd beside a pair of wireguard-go: the same two machines, the same
# MTU, in turn within each round, so that what else the computer does weighs on
# both. Prints medians and ratios; says nothing of pass or fail.
#
#	tests/bench/tunnel.sh [ROUNDS [SECONDS]]       default: 3 rounds of 3 s
#
# SEGMENTED=1: the wire between them cannot carry superpackets.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/interop/lib.sh"
need wireguard-go/wireguard
need_ours meshd
need_ours meshd-engine
need_ours meshd-agent
for tool in wg iperf3 jq xxd; do
	command -v "$tool" >/dev/null || skip_all "$tool is not installed"
done
[ -c /dev/net/tun ] || skip_all "/dev/net/tun is missing"
rounds=${1:-3} seconds=${2:-3} mtu=1420
net_begin
net_add a
net_add b
ip link add wire netns "$(netns a)" mtu 1500 type veth \
    peer name wire netns "$(netns b)" mtu 1500
for side in a b; do
	[ $side = a ] && last=1 || last=2
	in_host $side ip addr add 192.0.2.$last/24 dev wire
	in_host $side ip link set wire up
	[ -z "${SEGMENTED:-}" ] || in_host $side ethtool -K wire \
	    tx-udp-segmentation off gro off >/dev/null
done

umask 077
hex() { base64 -d "$1" | xxd -p -c 64; }
for side in a b; do
	wg genkey >"$NET/$side.key"
	wg pubkey <"$NET/$side.key" >"$NET/$side.pub"
	mkdir -p "$NET/state-$side"
	printf 'privkey:%s\n' "$(hex "$NET/$side.key")" \
	    >"$NET/state-$side/node.key"
done

# node ID SIDE: a node of the netmap.
node() {
	[ "$2" = a ] && last=1 || last=2
	cat <<N
{"ID":$1,"StableID":"n$1","Name":"$2.bench.","User":1,
 "Key":"nodekey:$(hex "$NET/$2.pub")","IsWireGuardOnly":true,
 "Addresses":["100.64.0.$last/32"],"AllowedIPs":["100.64.0.$last/32"],
 "Endpoints":["192.0.2.$last:41641"],"MachineAuthorized":true,"Online":true}
N
}
netmap() { # SIDE OTHER
	cat <<N
{"Node":$(node 1 "$1"),"Peers":[$(node 2 "$2")],"Domain":"bench",
 "PacketFilter":[{"SrcIPs":["*"],"DstPorts":[
   {"IP":"*","Ports":{"First":0,"Last":65535}}]}],
 "UserProfiles":[{"ID":1,"LoginName":"bench","DisplayName":"bench"}]}
N
}

for side in a b; do
	[ $side = a ] && other=b last=1 far=2 || { other=a last=2 far=1; }
	netmap $side $other >"$NET/$side.netmap"
	start $side "mesh-$side" "$(ours meshd)" --state "$NET/state-$side" \
	    --socket "$NET/$side.sock" --tun mesh0 --port 41641 --mtu $mtu \
	    --netmap "$NET/$side.netmap"
	mkdir -p "$NET/wg-$side"
	start $side "wggo-$side" env WG_SOCKET_DIR="$NET/wg-$side" \
	    LOG_LEVEL=error "$PEERS/wireguard-go/wireguard" -f wg0$side
	wait_for 5 in_host $side ip link show wg0$side >/dev/null
	in_host $side wg set wg0$side listen-port 51820 \
	    private-key "$NET/$side.key" peer "$(cat "$NET/$other.pub")" \
	    endpoint 192.0.2.$far:51820 allowed-ips 10.9.0.0/24
	in_host $side ip addr add 10.9.0.$last/24 dev wg0$side
	in_host $side ip link set wg0$side mtu $mtu up
done
start b iperf3 iperf3 -s
check "mesh answers" wait_for 10 in_host a ping -q -c 1 -W 1 100.64.0.2
check "wireguard-go answers" wait_for 10 in_host a ping -q -c 1 -W 1 10.9.0.2

# Processes of a pair.
pids() {
	for side in a b; do
		pid=$(pid_of "$1-$side")
		echo "$pid"
		cat "/proc/$pid/task/$pid/children"
	done
}
ticks() {
	for pid in $(pids "$1"); do
		sed 's/.*) //' "/proc/$pid/stat"
	done | awk '{t += $12 + $13} END {print t}'
}
memory() { # kB proportional, of one of the two sides
	for pid in $(pids "$1"); do
		awk '/^Pss:/ {print $2}' "/proc/$pid/smaps_rollup"
	done | awk '{t += $1} END {printf "%d", t / 2}'
}
measure() { # NAME ADDRESS TEST
	case $3 in
	tcp1) flags= ;;
	tcp1R) flags=-R ;;
	tcp4) flags="-P 4" ;;
	esac
	before=$(ticks "$1")
	in_host a timeout 30 iperf3 -J -c "$2" -t "$seconds" $flags >"$NET/run"
	used=$(($(ticks "$1") - before))
	jq -r '.end.sum_received | "\(.bits_per_second / 1e9) \(.bytes / 1e9)"' \
	    "$NET/run" | awk -v name="$1" -v test="$3" -v ticks="$used" \
		'{printf "%s %s %.3f %.3f\n", test, name, $1, ticks / 100 / $2}' |
	    tee -a "$NET/results"
}
latency() { # NAME ADDRESS
	in_host a ping -q -c 500 -i 0.002 "$2" |
	    awk -F/ -v name="$1" '/^rtt/ {print "ping", name, $5, 0}' |
	    tee -a "$NET/results"
}

for round in $(seq "$rounds"); do
	say "round $round: test, name, Gbit/s (ping: ms), daemon CPU s/GB"
	for kind in tcp1 tcp1R tcp4; do
		measure mesh 100.64.0.2 $kind
		measure wggo 10.9.0.2 $kind
	done
	latency mesh 100.64.0.2
	latency wggo 10.9.0.2
done | sed 's/^[^#]/#   &/'
for name in mesh wggo; do
	say "memory of $name, one side, all processes: $(memory $name) kB"
done
awk '
function median(list,  v, n, i, j, t) {
	n = split(list, v, " ")
	for (i = 1; i <= n; i++) for (j = i + 1; j <= n; j++)
		if (v[j] + 0 < v[i] + 0) { t = v[i]; v[i] = v[j]; v[j] = t }
	return v[int((n + 1) / 2)]
}
{ value[$1, $2] = value[$1, $2] " " $3; cpu[$1, $2] = cpu[$1, $2] " " $4
  tests[$1] = 1 }
END {
	for (t in tests) {
		m = median(value[t, "mesh"]); w = median(value[t, "wggo"])
		printf "# %-6s mesh %7.3f  wireguard-go %7.3f  ratio %.2f", t, m, w, m / w
		m = median(cpu[t, "mesh"]); w = median(cpu[t, "wggo"])
		if (w > 0) printf "  CPU/byte ratio %.2f", m / w
		print ""
	}
}' "$NET/results" | sort
done_testing
