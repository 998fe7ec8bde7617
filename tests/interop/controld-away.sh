#!/bin/bash
# Our control server goes away for minutes, restarts in the middle of streams,
# and comes back from a backup: stock nodes of three releases do not notice.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/interop/lib.sh"
. "$top_srcdir/tests/lib/stock.sh"
need_releases
need_ours mesh-controld
need_ours mesh-user
command -v sqlite3 >/dev/null || skip_all "sqlite3 is not installed"
net_begin
stock_world

nodes() { each mesh-controld "$@"; }
control() { start_controld ctl $CTL "$NET/relays.yaml"; }
up() {
	tailscale "$1" up --reset --login-server=$URL --hostname="$1" \
	    --timeout=30s --accept-dns=false --auth-key="$(cat "$NET/key")"
}
keep_ip() { tailscale "$1" ip -4 >"$NET/$1.ip" && [ -s "$NET/$1.ip" ]; }
same_ip() { [ "$(tailscale "$1" ip -4)" = "$(cat "$NET/$1.ip")" ]; }
is_online() { admin node list | grep -q " $1 .* online"; }
# The next in the circle: each has a peer of another release.
next_of() { case $1 in n80) echo n92 ;; n92) echo n102 ;; *) echo n80 ;; esac; }
next_ip() { cat "$NET/$(next_of "$1").ip"; }
echo_next() { echoes "$1" "$(next_ip "$1")"; }
# An echo twice a second as long as it is not stopped.
watch_next() {
	start "$1" "ping-$1" ping -n -i 0.5 -W 2 "$(next_ip "$1")"
}
# It has lost nothing but what is on its way, and one for the machine's sake.
lost_nothing() {
	stop "ping-$1" INT
	cat "$NET/ping-$1.log"
	awk '/packets transmitted/ { n = $1 - $4 } END { exit !(NR && n <= 2) }' \
	    "$NET/ping-$1.log"
}
log_mark() { wc -l <"$NET/tailscaled-$1.log" >"$NET/$1.mark"; }
never_logged_out() {
	is_running "$1" && same_ip "$1" && ! tail -n +"$(cat "$NET/$1.mark")" \
	    "$NET/tailscaled-$1.log" | grep -q 'Running -> NeedsLogin'
}

check "control server starts" control
check "a user" admin user add alice
admin authkey create --user alice --reusable >"$NET/key"
for n in n80 n92 n102; do stock_node $n; done
nodes "control restarts in mid-stream" "joins" up
nodes "control restarts in mid-stream" "has an address" keep_ip
nodes "control restarts in mid-stream" "talks" wait_for 20 echo_next
check "a backup is made while it runs" sqlite3 "$NET/control/controld.db" \
    ".backup '$NET/backup.db'"
for n in n80 n92 n102; do
	log_mark $n
	watch_next $n
done

# Roles die, then all of it, with news on the way
for i in 1 2; do
	wait_for 10 admin node rename "$(cat "$NET/n80.ip")" "n80-$i"
	for role in core front; do
		kill -KILL "$(pgrep -P "$(pid_of controld)" -f "mesh-controld: $role")"
		sleep 1.5
	done
done
check "n80 has its name back" wait_for 10 admin node rename \
    "$(cat "$NET/n80.ip")" n80
stop controld KILL
check "it starts again" control
nodes "control restarts in mid-stream" "is back" wait_for 90 is_online
sees_all() {
	for sees_n in n80 n92 n102; do
		[ "$sees_n" = "$1" ] || peer "$1" "$(named $sees_n)" || return 1
	done
}
nodes "control restarts in mid-stream" "has the right names" wait_for 60 sees_all
nodes "control restarts in mid-stream" "never had to log in" never_logged_out

# Away for minutes
stock_node w
check "one that joins later" up w
keep_ip w
stop controld
sleep 125
nodes "control away for minutes" "talks" echo_next
check "it starts again" control
nodes "control away for minutes" "is back" wait_for 90 is_online
nodes "control away for minutes" "never had to log in" never_logged_out

# Back to what it knew before w came
stop controld KILL
rm -f "$NET/control"/controld.db*
cp "$NET/backup.db" "$NET/control/controld.db"
check "it starts from the backup" control
nodes "control restored from a backup" "is back" wait_for 90 is_online
nodes "control restored from a backup" "never had to log in" never_logged_out
check "one that it does not know any more is asked to log in" wait_for 90 is_out w
check "it does" up w
w_is_there() { peer "$1" "$(named w)"; }
nodes "control restored from a backup" "sees the one that came again" \
    wait_for 20 w_is_there
nodes "control restored from a backup" "no packet was lost all the time" lost_nothing

[ "$tap_failed" -eq 0 ] || trace
done_testing
