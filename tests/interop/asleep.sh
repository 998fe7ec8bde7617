#!/bin/bash
# SPDX-License-Identifier: ISC
# A daemon that stood still for ten minutes, as a machine does that slept: ours
# beside stock nodes that went on, stock ones beside ours that went on. Sessions,
# NAT mappings, relay and control connections have all ended meanwhile. Mostly
# waits; its name makes it one of the first of tap-run, so that others fill the
# time.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/interop/lib.sh"
need tailscale-1.80/tailscaled tailscale-1.92/tailscaled \
    tailscale-1.102/tailscaled tailscale-1.102/derper
need_ours mesh-controld mesh-user mesh-authkey meshd meshd-agent meshd-engine mesh-up mesh-ping mesh-ip
net_begin

ASLEEP=${ASLEEP:-600} # s
CTL=203.0.113.10 RELAY=203.0.113.11
URL=https://$CTL
RELEASES='80 92 102'
internet
host ctl $CTL
host relay $RELAY
nat theirs 203.0.113.21
n=0
for r in $RELEASES; do # a: stays awake, z: sleeps
	behind theirs "a$r" 192.168.21 "1$n"
	behind theirs "z$r" 192.168.21 "2$n"
	n=$((n + 1))
done
nat home1 203.0.113.31 && behind home1 sleeper 192.168.31
nat home2 203.0.113.32 && behind home2 waker 192.168.32

mkdir -p "$NET/cert"
make_cert "$NET/cert/relay.test" relay.test $RELAY
make_cert "$NET/cert/control.test" control.test $CTL
cat "$NET"/cert/*.test.crt >"$NET/cert/ca.crt"
relay_map $RELAY relay.test >"$NET/relays.yaml"
start_derper relay relay.test
check "control starts" start_controld ctl $CTL "$NET/relays.yaml"
admin user add alice >/dev/null
admin authkey create --user alice --reusable >"$NET/key"

stock_joins() { start_tailscaled "$1" "tailscale-1.$2" "$3" && tailscale_up "$1" $URL; }
ours_joins() { start_meshd "$1" --port 41641 && mesh_up "$1" $URL; }
for r in $RELEASES; do
	later "a$r joins" stock_joins "a$r" "$r" $((41600 + r))
	later "z$r joins" stock_joins "z$r" "$r" $((41800 + r))
done
later "sleeper joins" ours_joins sleeper
later "waker joins" ours_joins waker
all_of
for m in sleeper waker; do
	mesh "$m" ip -4 >"$NET/$m.addr"
done
for r in $RELEASES; do
	tailscale "a$r" ip -4 >"$NET/a$r.addr"
	tailscale "z$r" ip -4 >"$NET/z$r.addr"
done
addr() { cat "$NET/$1.addr"; }
echoes() { in_host "$1" ping -nq -c 2 -i 0.3 -W 2 "$(addr "$2")"; }
direct() { # OURS STOCK
	mesh "$1" ping --until-direct -c 30 --timeout 2s "$2" &&
	    tailscale "$2" ping --until-direct -c 30 --timeout 2s "$(addr "$1")"
}

# A TCP connection that is held from before until after: FROM TO.
hold() {
	start "$2" "echo-$2" socat TCP-LISTEN:7000,fork,reuseaddr EXEC:cat
	wait_for 5 in_host "$2" sh -c "ss -ltn | grep -q ':7000\\b'"
	start "$1" "hold-$1-$2" bash -c "exec 3<>/dev/tcp/$(addr "$2")/7000
	echo before >&3; read -t 20 -u 3 line; echo \$line
	until [ -e $NET/awake ]; do sleep 0.2; done
	echo after >&3; read -t 40 -u 3 line; echo \$line"
	wait_for 20 grep -q before "$NET/hold-$1-$2.log"
}
was_held() { wait_for 45 grep -q after "$NET/hold-$1-$2.log"; }

pairs() { # NAME COMMAND ...
	for r in $RELEASES; do
		cell meshd 'asleep for ten minutes: we' "1.$r" >/dev/null
		later "sleeper and a$r: $1" "${@:2}" sleeper "a$r"
		cell meshd 'asleep for ten minutes: it' "1.$r" >/dev/null
		later "waker and z$r: $1" "${@:2}" waker "z$r"
	done
	all_of
}
pairs 'direct before' direct
for r in $RELEASES; do
	cell meshd 'asleep for ten minutes: we' "1.$r"
	check "sleeper has a connection to a$r" hold sleeper "a$r"
	cell meshd 'asleep for ten minutes: it' "1.$r"
	check "waker has a connection to z$r" hold waker "z$r"
done

all_asleep() { # SIGNAL
	kill "-$1" "$(pid_of meshd-sleeper)" $(pgrep -P "$(pid_of meshd-sleeper)")
	for r in $RELEASES; do
		kill "-$1" "$(pid_of "tailscaled-z$r")"
	done
}
uptime_s() { cut -d. -f1 /proc/uptime; }
begin=$(uptime_s)
all_asleep STOP
# Those who are awake go on calling for them, now and then.
while [ $(($(uptime_s) - begin)) -lt "$ASLEEP" ]; do
	sleep 20
	for r in $RELEASES; do
		in_host "a$r" ping -q -c 1 -W 1 "$(addr sleeper)" >/dev/null
		in_host waker ping -q -c 1 -W 1 "$(addr "z$r")" >/dev/null
	done
done
all_asleep CONT
say "they stood still for $(($(uptime_s) - begin)) s"
touch "$NET/awake"
woke() { wait_for 30 echoes "$1" "$2" && wait_for 10 echoes "$2" "$1"; }
pairs 'echo both ways within 30 s' woke
pairs 'the connection goes on' was_held
pairs 'directly again' direct
for m in sleeper waker; do
	stop "meshd-$m"
done
[ "$tap_failed" -eq 0 ] || trace 15
done_testing
