#!/bin/bash
# SPDX-License-Identifier: ISC
# Two minutes of traffic with stock nodes of three releases while roles of meshd,
# mesh-controld and mesh-relayd, and the servers as a whole, die of SIGKILL at
# moments that a seed chooses. TCP carries on and brings every byte; what control
# acknowledged is there; all is well in the end, and the logs say what died.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/interop/lib.sh"
need tailscale-1.80/tailscaled tailscale-1.92/tailscaled \
    tailscale-1.102/tailscaled
need_ours mesh-controld mesh-relayd mesh-user mesh-authkey mesh-node meshd \
    meshd-agent meshd-engine mesh-up mesh-ping mesh-ip mesh-wait
net_begin

SEED=${SEED:-$$}
LENGTH=${LENGTH:-120} # s
CTL=203.0.113.10 RELAY=203.0.113.11
URL=https://$CTL
RELEASES='80 92 102'
OURS='direct relayed'
internet
host ctl $CTL
host relay $RELAY
nat theirs 203.0.113.21
n=0
for r in $RELEASES; do
	behind theirs "s$r" 192.168.21 "1$n"
	n=$((n + 1))
done
nat home 203.0.113.31 && behind home direct 192.168.31
nat noudp 203.0.113.32 && behind noudp relayed 192.168.32
in_host noudp nft insert rule ip guard forwarding ip protocol udp drop

mkdir -p "$NET/cert" "$NET/relay"
make_cert "$NET/cert/relay.test" relay.test $RELAY
make_cert "$NET/cert/control.test" control.test $CTL
cat "$NET"/cert/*.test.crt >"$NET/cert/ca.crt"
relay_map $RELAY relay.test >"$NET/relays.yaml"
start_relayd() {
	start relay relayd "$builddir/mesh-relayd" --state "$NET/relay" \
	    --listen $RELAY:443 --stun $RELAY:3478 --hostname relay.test \
	    --cert "$NET/cert/relay.test.crt" --key "$NET/cert/relay.test.key"
	wait_for 10 in_host relay sh -c "ss -ltn | grep -q ':443\\b'"
}
restart_controld() { start_controld ctl $CTL "$NET/relays.yaml"; }
check "the relay starts" start_relayd
check "control starts" restart_controld
admin user add alice >/dev/null
admin authkey create --user alice --reusable >"$NET/key"

stock_joins() {
	start_tailscaled "$1" "tailscale-1.${1#s}" $((41600 + ${1#s})) &&
	    tailscale_up "$1" $URL
}
ours_joins() { start_meshd "$1" --port 41641 && mesh_up "$1" $URL; }
for r in $RELEASES; do
	later "s$r joins" stock_joins "s$r"
done
for m in $OURS; do
	later "$m joins" ours_joins $m
done
all_of
for m in $OURS; do
	mesh $m ip -4 >"$NET/$m.addr"
done
for r in $RELEASES; do
	tailscale "s$r" ip -4 >"$NET/s$r.addr"
done
addr() { cat "$NET/$1.addr"; }
each() { # NAME COMMAND ...: each of ours with each release, at the same time
	for r in $RELEASES; do
		cell faults 'SIGKILL at random for two minutes' "1.$r" >/dev/null
		for m in $OURS; do
			later "$m, s$r: $1" "${@:2}" $m "s$r"
		done
	done
	all_of
}
both_echo() {
	wait_for 30 in_host "$1" ping -nq -c 1 -W 2 "$(addr "$2")" &&
	    wait_for 30 in_host "$2" ping -nq -c 1 -W 2 "$(addr "$1")"
}
each 'they reach each other' both_echo

# chatter FROM TO PORT: numbered lines, four a second, in one TCP connection.
# Without other programs, since there are many of them.
mkfifo "$NET/never"
exec 8<>"$NET/never"
chatter() {
	listen "$2" "$3" "$NET/heard.$1.$2" || return 1
	for ((i = 0; i < LENGTH * 4; i++)); do
		printf '%0200d\n' $i
		read -rt 0.25 -u 8
	done | in_host "$1" socat -u - "TCP:$(addr "$2"):$3"
	wait_for 60 is_dead "listen-$2-$3" && heard_all "$NET/heard.$1.$2"
}
heard_all() {
	awk -v n=$((LENGTH * 4)) '$1 + 0 != NR - 1 || length($1) != 200 { bad = 1 }
	    END { print NR " of " n " lines"; exit bad || NR != n }' "$1"
}
# role NAME WORD: a random child of that daemon with that word in its title.
role() { pgrep -P "$(pid_of "$1")" -f -- "$2" | head -n 1; }
victims=(direct:engine direct:agent relayed:engine relayed:agent
    direct:engine relayed:engine controld:core controld:front relayd:worker
    controld: relayd:)
kill_one() {
	victim=${victims[RANDOM % ${#victims[@]}]}
	daemon=${victim%:*}
	case $daemon in
	direct | relayed) daemon=meshd-$daemon ;;
	esac
	if [ -n "${victim#*:}" ]; then
		kill -KILL "$(role $daemon "${victim#*:}")" 2>/dev/null || return
	else
		stop $daemon KILL
	fi
	kills[$victim]=$((${kills[$victim]:-0} + 1))
}
# What a service manager does.
supervise() {
	is_alive controld || { rm -f "$NET/controld.pid"; restart_controld; }
	is_alive relayd || { rm -f "$NET/relayd.pid"; start_relayd; }
}
# Administration goes on: what it said is done is written down.
administrate() {
	for ((i = 0; SECONDS < until; i++)); do
		timeout 5 "$builddir/mesh-user" --socket "$NET/control.sock" \
		    add "user$i" >/dev/null 2>&1 && echo "user$i" >>"$NET/done"
		read -rt 0.5 -u 8
	done
}
declare -A kills
until=$((SECONDS + LENGTH))
administrate &
administrator=$!
port=7000
for r in $RELEASES; do
	cell faults 'SIGKILL at random for two minutes' "1.$r" >/dev/null
	for m in $OURS; do
		port=$((port + 1))
		later "$m to s$r: every line" chatter $m s$r $port
		later "s$r to $m: every line" chatter s$r $m $port
	done
done
sleep 3
RANDOM=$SEED
while [ $SECONDS -lt $((until - 5)) ]; do
	kill_one
	sleep "1.$((RANDOM % 10))"
	supervise
done
supervise
wait $administrator
say "seed $SEED killed: $(for k in "${!kills[@]}"; do printf '%s %s, ' "$k" "${kills[$k]}"; done)"
all_of
each 'they reach each other again' both_echo
stock_sees() { tailscale "$2" status --json | jq -e --arg n "$1" '.Peer[] | select(.HostName == $n) | .Online' | grep -q true; }
# It may have backed off for as much as 45 s when control was away so often.
stock_sees_soon() {
	wait_for 60 stock_sees "$@" || {
		grep -E 'control|map' "$NET/tailscaled-$2.log" | tail -n 20
		return 1
	}
}
each 'it sees us online' stock_sees_soon
check "users were added meanwhile" test "$(wc -l <"$NET/done")" -ge 10
admin user list >"$NET/users"
missing() { while read -r u; do grep -qw "$u" "$NET/users" || echo "$u"; done <"$NET/done"; }
check "each user that was acknowledged is there" test -z "$(missing)"
host fresh 203.0.113.41
check "a new node joins" ours_joins fresh
OURS="$OURS fresh"
for m in $OURS; do
	check "$m is running" mesh $m wait running --timeout 20s
done
says() { [ "$(grep -c "$2" "$NET/$1.log")" -ge "$3" ]; }
for m in direct relayed; do
	for k in engine agent; do
		check "$m: each death of its $k is in the log" says meshd-$m \
		    "ended role=$k .*signal 9" "${kills[$m:$k]:-0}"
	done
done
check "control: so are those of its roles" says controld 'ended[,:]' \
    $((${kills[controld:core]:-0} + ${kills[controld:front]:-0}))
check "relay: so are those of its worker" says relayd 'ended.*signal 9' \
    "${kills[relayd:worker]:-0}"
for m in $OURS; do
	stop meshd-$m
done
[ "$tap_failed" -eq 0 ] || trace 15
done_testing
