#!/bin/bash
# SPDX-License-Identifier: ISC
# NATs that forget what was silent for 30 s, between nodes of ours and stock
# nodes of three releases: talk keeps the path; after a pause the first packets
# of either side find it anew, and a connection that was silent goes on.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/interop/lib.sh"
need tailscale-1.80/tailscaled tailscale-1.92/tailscaled \
    tailscale-1.102/tailscaled tailscale-1.102/derper
need_ours mesh-controld mesh-user mesh-authkey meshd meshd-agent meshd-engine \
    mesh-up mesh-ping mesh-ip
net_begin

CTL=203.0.113.10 RELAY=203.0.113.11
URL=https://$CTL
RELEASES='80 92 102'
internet
host ctl $CTL
host relay $RELAY
nat theirs 203.0.113.21
n=0
for r in $RELEASES; do
	behind theirs "s$r" 192.168.21 "1$n"
	n=$((n + 1))
done
nat home 203.0.113.31 && behind home talker 192.168.31
nat quiet 203.0.113.32 && behind quiet pauser 192.168.32
for h in theirs home quiet; do
	for t in udp_timeout udp_timeout_stream; do
		in_host $h sysctl -qw net.netfilter.nf_conntrack_$t=30
	done
done

mkdir -p "$NET/cert"
make_cert "$NET/cert/relay.test" relay.test $RELAY
make_cert "$NET/cert/control.test" control.test $CTL
cat "$NET"/cert/*.test.crt >"$NET/cert/ca.crt"
relay_map $RELAY relay.test >"$NET/relays.yaml"
start_derper relay relay.test
check "control starts" start_controld ctl $CTL "$NET/relays.yaml"
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
later "talker joins" ours_joins talker
later "pauser joins" ours_joins pauser
all_of
for m in talker pauser; do
	mesh $m ip -4 >"$NET/$m.addr"
done
for r in $RELEASES; do
	tailscale "s$r" ip -4 >"$NET/s$r.addr"
done
addr() { cat "$NET/$1.addr"; }
both_direct() { # OURS STOCK
	mesh "$1" ping --until-direct -c 30 --timeout 2s "$2" &&
	    tailscale "$2" ping --until-direct -c 30 --timeout 2s "$(addr "$1")"
}
each() { # NAME COMMAND ...: with each release, at the same time
	for r in $RELEASES; do
		cell faults 'a NAT that forgets after 30 s' "1.$r" >/dev/null
		later "s$r: $1" "${@:2}" "s$r"
	done
	all_of
}
each 'talker is direct' both_direct talker
each 'pauser is direct' both_direct pauser

# Each holds a connection to a server at the other side, and says a line on it
# when it is told to.
hold() { # FROM TO
	start "$1" "hold-$1-$2" bash -c "exec 3<>/dev/tcp/$(addr "$2")/7000
	echo before >&3; read -t 20 -u 3 line; echo \$line
	until [ -e $NET/go.$2 ]; do sleep 0.2; done
	echo after >&3; read -t 20 -u 3 line; echo \$line"
	wait_for 20 grep -q before "$NET/hold-$1-$2.log"
}
for h in pauser s80 s92 s102; do
	start $h "echo-$h" socat TCP-LISTEN:7000,fork,reuseaddr EXEC:cat
	wait_for 5 in_host $h sh -c "ss -ltn | grep -q ':7000\\b'"
done
each 'a connection to it' hold pauser

# Talk: a packet each 5 s, for longer than the NATs remember. Meanwhile the
# other one is silent; heartbeats stop after 45 s, and 30 s later all is gone.
keeps() {
	in_host talker ping -nq -c 16 -i 5 -W 3 "$(addr "$1")" | tee /dev/stderr |
	    grep -q ' 0% packet loss'
}
silent_since=$SECONDS
each 'no loss in 75 s of talk' keeps
each 'and direct all along' both_direct talker
while [ $((SECONDS - silent_since)) -lt 85 ]; do
	sleep 1
done
goes_on() { # 1.92 is the first to speak itself, on another connection
	case $1 in
	s92) begins s92 pauser || return 1 ;;
	esac
	touch "$NET/go.$1"
	wait_for 15 grep -q after "$NET/hold-pauser-$1.log"
}
begins() { # FROM TO
	in_host "$1" timeout 15 bash -c "exec 3<>/dev/tcp/$(addr "$2")/7000 &&
	    echo hello >&3 && read -t 10 -u 3 line && [ \"\$line\" = hello ]"
}
each 'the silent connection goes on' goes_on
each 'direct again' both_direct pauser
for m in talker pauser; do
	stop meshd-$m
done
[ "$tap_failed" -eq 0 ] || trace 15
done_testing
