#!/bin/bash
# SPDX-License-Identifier: ISC
# Paths between our nodes and stock ones of three releases when something
# changes: who calls whom, every kind of ping, restarts with new disco keys,
# machines that move to another network.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/interop/lib.sh"
need tailscale-1.80/tailscaled tailscale-1.92/tailscaled \
    tailscale-1.102/tailscaled tailscale-1.102/derper
need_ours mesh-controld mesh-user mesh-authkey meshd meshd-agent meshd-engine mesh-up mesh-ping mesh-ip
net_begin

CTL=203.0.113.10 RELAY=203.0.113.11
URL=https://$CTL
RELEASES='80 92 102'
OURS='first second'
internet
host ctl $CTL
host relay $RELAY
nat theirs 203.0.113.21
n=0
for r in $RELEASES; do
	behind theirs "s$r" 192.168.21 "1$n"
	n=$((n + 1))
done
nat home1 203.0.113.31 && behind home1 first 192.168.31
nat home2 203.0.113.32 && behind home2 second 192.168.32
nat away 203.0.113.41 && behind away guest 192.168.41 99

mkdir -p "$NET/cert"
make_cert "$NET/cert/relay.test" relay.test $RELAY
make_cert "$NET/cert/control.test" control.test $CTL
cat "$NET"/cert/*.test.crt >"$NET/cert/ca.crt"
relay_map $RELAY relay.test >"$NET/relays.yaml"
start_derper relay relay.test
check "control starts" start_controld ctl $CTL "$NET/relays.yaml"
admin user add alice >/dev/null
admin authkey create --user alice --reusable >"$NET/key"

port() { echo $((41600 + ${1#s})); }
stock_starts() { start_tailscaled "$1" "tailscale-1.${1#s}" "$(port "$1")"; }
stock_joins() { stock_starts "$1" && tailscale_up "$1" $URL; }
ours_joins() { start_meshd "$1" --port 41641 && mesh_up "$1" $URL; }
for r in $RELEASES; do
	later "s$r joins" stock_joins "s$r"
done
for m in $OURS; do
	later "$m joins" ours_joins "$m"
done
all_of
for m in $OURS; do
	mesh "$m" ip -4 >"$NET/$m.addr"
done
for r in $RELEASES; do
	tailscale "s$r" ip -4 >"$NET/s$r.addr"
done
addr() { cat "$NET/$1.addr"; }
each() { # ROW NAME COMMAND ...: with each release, at the same time
	for r in $RELEASES; do
		cell meshd "$1" "1.$r" >/dev/null
		later "s$r: $2" "${@:3}" "s$r"
	done
	all_of
}
echoes() { in_host "$1" ping -nq -c 3 -i 0.3 -W 3 "$(addr "$2")"; }
both_echo() { wait_for "${3:-10}" echoes "$1" "$2" && wait_for 10 echoes "$2" "$1"; }
within() { # SECONDS COMMAND ...
	within_end=$((SECONDS + $1))
	shift
	"$@" && [ "$SECONDS" -le "$within_end" ]
}
ours_direct() { mesh "$1" ping --until-direct -c 20 --timeout 2s "$2"; }
stock_direct() { tailscale "$2" ping --until-direct -c 20 --timeout 2s "$(addr "$1")"; }
counter() { tailscale "$1" debug metrics | awk -v n="$2" '$1 == n { print $2 }'; }
has_counted() { [ "$(counter "$2" "$1")" -gt 0 ]; }

# Both homes let in only what answers: without the call nobody gets through.
each 'call-me-maybe: we call' 'finds the way to it' ours_direct first
each 'call-me-maybe: we call' 'it was called' has_counted \
    magicsock_disco_recv_callmemaybe
each 'call-me-maybe: it calls' 'finds the way to us' stock_direct second
each 'call-me-maybe: it calls' 'it called' has_counted \
    magicsock_disco_sent_callmemaybe

# Pings, also by their command at our daemon.
stock_pings() { # OPTION OURS STOCK
	tailscale "$3" ping "$1" -c 2 "$(addr "$2")" | tee /dev/stderr |
	    grep -q "^pong from $2 "
}
at_ours() { # OPTION OURS STOCK
	in_host "$2" timeout 20 "$PEERS/tailscale-1.${3#s}/tailscale" \
	    --socket="$NET/$2.sock" ping "$1" -c 2 "$(addr "$3")" |
	    tee /dev/stderr | grep -q "^pong from $3 "
}
for kind in --until-direct=false --tsmp --icmp; do
	case $kind in
	--tsmp) row='ping by TSMP' ;;
	--icmp) row='ping by ICMP' ;;
	*) row='ping by disco' ;;
	esac
	each "$row" 'we answer' stock_pings "$kind" first
	each "$row" 'it answers' at_ours "$kind" first
done
no_peerapi() {
	! tailscale "$2" ping --peerapi -c 1 --timeout 5s "$(addr "$1")" \
	    2>"$NET/peerapi.$2" && cat "$NET/peerapi.$2" &&
	    grep -qi 'no PeerAPI' "$NET/peerapi.$2"
}
each 'ping by PeerAPI, which we do not have' 'is told at once' no_peerapi first

# A killed daemon comes back with another disco key; state is kept.
both_direct() { ours_direct "$1" "$2" && stock_direct "$1" "$2"; }
stop meshd-first KILL
check "ours starts again" start_meshd first --port 41641
each 'new disco key: we were restarted' 'echo within 10 s' both_echo first
each 'new disco key: we were restarted' 'directly within 15 s' within 15 both_direct first
stock_restarts() {
	stop "tailscaled-$1" KILL
	stock_starts "$1"
}
each 'new disco key: it was restarted' 'starts again' stock_restarts
each 'new disco key: it was restarted' 'echo within 20 s' both_echo first
each 'new disco key: it was restarted' 'directly within 15 s' within 15 both_direct first

# A machine moves to another home while a transfer runs.
carry() { # FROM TO PORT: about 16 s
	transfer "$1" "$2" "$(addr "$2")" "$3" 1600 100
}
for r in $RELEASES; do
	cell meshd 'roaming: we move' 1.$r >/dev/null
	later "s$r: a transfer to it goes on" carry first "s$r" 7001
	later "s$r: a transfer to us goes on" carry "s$r" first "$((7100 + r))"
done
sleep 3
moves first home1 away 192.168.41
all_of
each 'roaming: we move' 'directly again' wait_for 60 both_direct first
for r in $RELEASES; do
	cell meshd 'roaming: it moves' 1.$r >/dev/null
	later "s$r: a transfer to it goes on" carry second "s$r" 7002
	later "s$r: a transfer to us goes on" carry "s$r" second "$((7200 + r))"
done
sleep 3
n=20
for r in $RELEASES; do
	moves s$r theirs away 192.168.41 $((n += 1))
done
all_of
# Where it is now we learn from control, to which it has to come back first.
each 'roaming: it moves' 'directly again' wait_for 90 both_direct second

for m in $OURS; do
	stop "meshd-$m"
done
[ "$tap_failed" -eq 0 ] || trace 15
done_testing
