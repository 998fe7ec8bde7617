#!/bin/bash
# SPDX-License-Identifier: ISC
# The wall clock of our node, and of our control server, is wrong by a day, one
# way and the other: it jumps while they run, and it is so when they start. The
# stock nodes on the other end have the right time. (Clocks are per program here:
# tests/lib/clock.c. Monotonic time goes on, as it does when a clock is set.)
. "${top_srcdir:-$(dirname "$0")/../..}/tests/interop/lib.sh"
need tailscale-1.80/tailscaled tailscale-1.92/tailscaled \
    tailscale-1.102/tailscaled tailscale-1.102/derper
need_ours mesh-controld mesh-user mesh-authkey mesh-node meshd meshd-agent \
    meshd-engine mesh-up mesh-ping mesh-ip mesh-wait
command -v cc >/dev/null || skip_all "there is no compiler"
net_begin

CTL=203.0.113.10 RELAY=203.0.113.11
URL=https://$CTL
RELEASES='80 92 102'
DAY=86400
internet
host ctl $CTL
host relay $RELAY
host ours 203.0.113.31
n=41
for r in $RELEASES; do
	host s$r 203.0.113.$n
	n=$((n + 1))
done
mkdir -p "$NET/cert" "$NET/etc"
chmod 755 "$NET"
cc -O1 -D_GNU_SOURCE -shared -fPIC -o "$NET/clock.so" \
    "$top_srcdir/tests/lib/clock.c" || skip_all "clock.c does not compile"
chmod 755 "$NET/clock.so"
# wrong WHO SECONDS: its clock, from now on.
wrong() { printf '%-20s' "$2" | dd of="$NET/clock.$1" conv=notrunc status=none; }
wrong ours 0
wrong ctl 0
chmod 644 "$NET"/clock.*
# A mount namespace whose /etc asks for the clock: daemons in that machine that
# are started by `start`, and nothing else.
clock_ns() { # WHO COMMAND ...
	cat <<END
mount -t tmpfs none /mnt && mkdir /mnt/etc && cp -a /etc/. /mnt/etc/ &&
cp "$NET/clock.so" /mnt/etc/clock.so && touch /mnt/etc/mesh-clock &&
mount --bind "$NET/clock.$1" /mnt/etc/mesh-clock &&
echo /etc/clock.so >/mnt/etc/ld.so.preload && mount --rbind /mnt/etc /etc && exec "\$@"
END
}
start_wrong() { # HOST NAME COMMAND ...
	start "$1" "$2" unshare -m sh -c "$(clock_ns "$1")" sh "${@:3}"
}
# Certificates of the day before yesterday, as certificates are: one that is not
# valid yet is refused, and rightly.
openssl() { unshare -m sh -c "$(clock_ns ctl)" sh openssl "$@"; }
wrong ctl $((-2 * DAY))
make_cert "$NET/cert/relay.test" relay.test $RELAY
make_cert "$NET/cert/control.test" control.test $CTL
unset -f openssl
wrong ctl 0
cat "$NET"/cert/*.test.crt >"$NET/cert/ca.crt"
chmod 755 "$NET/cert"
relay_map $RELAY relay.test >"$NET/relays.yaml"
start_derper relay relay.test
control() {
	start_wrong ctl controld "$builddir/mesh-controld" --state "$NET/control" \
	    --listen $CTL:443 --url $URL --cert "$NET/cert/control.test.crt" \
	    --key "$NET/cert/control.test.key" --dns-suffix mesh.test \
	    --relay-map "$NET/relays.yaml" --socket "$NET/control.sock"
	wait_for 15 admin user list
}
node() {
	rm -f "$NET/ours.sock"
	start_wrong ours meshd-ours env SSL_CERT_FILE="$NET/cert/ca.crt" \
	    "$builddir/meshd" --state "$NET/ours" --socket "$NET/ours.sock" \
	    --tun mesh0 --port 41641 --verbose
	wait_for 15 test -S "$NET/ours.sock"
}
check "control starts" control
admin user add alice >/dev/null
admin authkey create --user alice --reusable >"$NET/key"
stock_joins() { start_tailscaled "$1" "tailscale-1.${1#s}" && tailscale_up "$1" $URL; }
for r in $RELEASES; do
	later "s$r joins" stock_joins s$r
done
all_of
check "ours starts" node
check "ours joins" mesh_up ours $URL
mesh ours ip -4 >"$NET/ours.addr"
for r in $RELEASES; do
	tailscale s$r ip -4 >"$NET/s$r.addr"
done
addr() { cat "$NET/$1.addr"; }
each() { # NAME COMMAND ... STOCK
	for r in $RELEASES; do
		cell faults 'the clock jumps by a day, both ways' "1.$r" >/dev/null
		later "s$r: $1" "${@:2}" s$r
	done
	all_of
}
talk() {
	wait_for 20 in_host ours ping -nq -c 1 -W 2 "$(addr $1)" &&
	    wait_for 20 in_host $1 ping -nq -c 1 -W 2 "$(addr ours)"
}
# A new session needs a timestamp that is later than all before.
new_session() {
	stop "tailscaled-$1" KILL
	start_tailscaled "$1" "tailscale-1.${1#s}" && talk "$1"
}
online() { tailscale $1 status --json | jq -e '.Self.Online and ([.Peer[] | select(.HostName == "ours").Online] | all)' | grep -q true; }
control_is() { ! admin node list | grep -qi expired && [ "$(admin node list | grep -cw online)" -ge 4 ]; }
each 'they talk' talk
for skew in $DAY -$DAY; do
	wrong ours $skew
	wrong ctl $skew
	sleep 2
	each "ours and control jumped by $skew s: talk" talk
	each "new sessions" new_session
	stop meshd-ours KILL
	check "ours starts with that clock" node
	check "and runs" mesh ours wait running --timeout 30s
	each "talk after that" talk
	stop controld KILL
	check "control starts with that clock" control
	check "all nodes are there, and online" wait_for 60 control_is
	each 'it sees itself and us online' wait_for 40 online
done
wrong ours 0
wrong ctl 0
each 'the clocks are right again: talk' talk
stop meshd-ours KILL
check "ours starts again" node
each 'talk with the right clock' talk
each 'new sessions' new_session
check "control lost nobody" wait_for 60 control_is
[ "$tap_failed" -eq 0 ] || trace 15
done_testing
