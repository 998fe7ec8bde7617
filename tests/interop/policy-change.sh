#!/bin/bash
# A policy change on stock nodes of three releases and one of ours: new
# connections obey it within a second; what runs goes on, but at ours.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/interop/lib.sh"
need tailscale-1.80/tailscaled tailscale-1.92/tailscaled \
    tailscale-1.102/tailscaled tailscale-1.102/derper
need_ours mesh-controld
need_ours meshd
need_ours tests/interop/policy_probe
net_begin

CTL=203.0.113.10 RELAY=203.0.113.11 URL=https://203.0.113.10
internet
host ctl $CTL
host relay $RELAY
mkdir -p "$NET/cert"
make_cert "$NET/cert/relay.test" relay.test $RELAY
make_cert "$NET/cert/control.test" control.test $CTL
cat "$NET"/cert/*.test.crt >"$NET/cert/ca.crt"
relay_map $RELAY relay.test >"$NET/relays.yaml"
start_derper relay relay.test
check "control server starts" start_controld ctl $CTL "$NET/relays.yaml"
admin user add alice >/dev/null
admin user add bob >/dev/null

# a is alice's, of the newest release; bob's nodes are of all releases and ours.
STOCK="n80 n92 n102" ALL="n80 n92 n102 ours"
release_of() { echo "1.${1#n}"; }
dev_of() { [ "$1" = ours ] && echo mesh0 || echo tailscale0; }
addr_of() { cat "$NET/$1.addr"; }
join_stock() {
	host "$1" "$3" && start_tailscaled "$1" "tailscale-$2" &&
	    tailscale_up "$1" $URL && tailscale "$1" ip -4 >"$NET/$1.addr"
}
join_ours() {
	host ours 203.0.113.34 && start_meshd ours && mesh_up ours $URL &&
	    mesh ours ip -4 >"$NET/ours.addr"
}
admin authkey create --user alice --reusable >"$NET/key"
check "a joins" join_stock a 1.102 203.0.113.30
admin authkey create --user bob --reusable >"$NET/key"
check "1.80 joins" join_stock n80 1.80 203.0.113.31
check "1.92 joins" join_stock n92 1.92 203.0.113.32
check "1.102 joins" join_stock n102 1.102 203.0.113.33
check "ours joins" join_ours

echoes() { in_host a ping -nq -c 1 -W 1 "$(addr_of "$1")"; }
for n in $ALL; do
	check "a reaches $n" wait_for 20 echoes "$n"
	start "$n" "seen-$n" "$(ours tests/interop/policy_probe)" \
	    listen "$(dev_of "$n")"
done

# --- what runs
# Under timeout, which takes along what a program forked when it is ended.
serve() {
	start "$1" "port-$1-$2" timeout 300 socat -u "TCP-LISTEN:$2,fork" \
	    "OPEN:$NET/got-$1-$2,creat,append"
}
got() { stat -c %s "$NET/got-$1-$2" 2>/dev/null || echo 0; }
got_more() { [ "$(got "$1" "$2")" -gt "$3" ]; }
connects() { echo hello | in_host a timeout 3 socat -u - "TCP:$(addr_of "$1"):$2"; }
open_stream() {
	# shellcheck disable=SC2016  # for the other shell
	start a "stream-$1" timeout 300 bash -c \
	    'while sleep 0.1; do echo x || exit 0; done | socat -u - "TCP:$0:7000"' \
	    "$(addr_of "$1")"
	wait_for 10 got_more "$1" 7000 0
}
for n in $ALL; do
	serve "$n" 7000
	serve "$n" 9000
done
for n in $ALL; do
	check "a stream to $n" open_stream "$n"
done

# --- changes: three times port 9000 in place of 7000, and back
policy() {
	printf '{"acls": [{"action": "accept", "src": ["alice@"], "dst": ["bob@:%s"]}]}' \
	    "$1" >"$NET/policy" && admin policy set "$NET/policy"
}
check "a policy for port 7000" policy 7000
refused_by_now() { ! in_host a timeout 1 socat -u - "TCP:$(addr_of "$1"):9000" </dev/null; }
for n in $ALL; do
	check "$n refuses port 9000" wait_for 20 refused_by_now "$n"
done
# A SYN to either port of every node, 20 times a second.
for n in $ALL; do
	echo "$(addr_of a) $(addr_of "$n") 6 7000 1"
	echo "$(addr_of a) $(addr_of "$n") 6 9000 1"
done >"$NET/list"
start a syns sh -c "exec \"$(ours tests/interop/policy_probe)\" send 2000 50 <\"$NET/list\""
now_ms() { echo $(($(date +%s%N) / 1000000)); }
: >"$NET/times"
for round in 1 2 3; do
	for to in 9000 7000; do
		sleep 2.5
		policy $to >/dev/null && echo "$to $(now_ms)" >>"$NET/times"
	done
done
sleep 2.5
stop syns

# delay NODE: of the six changes the shortest time, in ms, until SYNs came in for
# the port that is allowed now, and none any more for the other.
delay() {
	awk -v round=1 '
	NR == FNR { to[NR] = $1; at[NR] = $2; n = NR; next }
	$6 != round || $4 != 6 { next }
	{ for (i = n; i > 0 && at[i] > $1; i--) continue
	  if (i == 0) next
	  d = $1 - at[i]
	  if ($5 == to[i] && !(i in first)) first[i] = d
	  if ($5 != to[i] && d > last[i] + 0) last[i] = d }
	END { best = 99999
	  for (i = 1; i <= n; i++) {
		d = (i in first) ? first[i] : 99999
		if (last[i] + 0 > d) d = last[i]
		if (d < best) best = d
	  }
	  print best }' "$NET/times" "$NET/seen-$1.log"
}
within_second() { [ "$(delay "$1")" -lt 1000 ]; }
for n in $STOCK; do
	cell mesh-controld "a policy change obeyed within a second" "$(release_of "$n")"
	check "$n obeys" within_second "$n" && say "$n: $(delay "$n") ms"
done
check "ours obeys as soon" within_second ours && say "ours: $(delay ours) ms"

# --- new connections, and old ones
check "a policy for port 9000 alone" policy 9000
for n in $STOCK; do
	cell mesh-controld "a policy change: new connections obey" "$(release_of "$n")"
	check "$n takes a new one to 9000" wait_for 5 connects "$n" 9000
	check_status 124 "but none to 7000" in_host a timeout 2 socat -u - \
	    "TCP:$(addr_of "$n"):7000" </dev/null
done
for n in $STOCK; do
	cell mesh-controld "a policy change: a running TCP stream goes on" "$(release_of "$n")"
	check "the stream to $n is open" is_alive "stream-$n"
	check "and brings more" wait_for 10 got_more "$n" 7000 "$(got "$n" 7000)"
done
cell mesh-controld "a policy change: our node beside cuts it" 1.102
check "the stream to ours ended" wait_for 5 is_dead stream-ours
check_status 124 "and cannot be opened again" in_host a timeout 2 socat -u - \
    "TCP:$(addr_of ours):7000" </dev/null
check "a new connection to 9000" wait_for 5 connects ours 9000

[ "$tap_failed" -eq 0 ] || trace
done_testing
