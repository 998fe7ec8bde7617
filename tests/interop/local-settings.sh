#!/bin/bash
# SPDX-License-Identifier: ISC
# The stock commands of three releases change what meshd does: up, down, set,
# login, logout; what it cannot do is refused, and strangers may only look.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/interop/lib.sh"
need tailscale-1.102/tailscaled tailscale-1.102/derper tailscale-1.102/tailscale \
    tailscale-1.92/tailscale tailscale-1.80/tailscale
need_ours meshd meshd-agent mesh-controld mesh-user
net_begin

check "control, relay, a stock node and meshd" local_net
b4=$(tailscale b ip -4)
key=$(cat "$NET/key")

refuses() { # WORDS COMMAND ...: it fails, in time, and says why
	refuses_words=$1
	shift
	refuses_out=$("$@" 2>&1 </dev/null)
	refuses_status=$?
	[ "$refuses_status" -ne 0 ] && [ "$refuses_status" -ne 124 ] &&
	    grep -qE -- "$refuses_words" <<<"$refuses_out" || {
		echo "status $refuses_status: $refuses_out"
		return 1
	}
}
pref() { stock "$r" debug prefs | jq -r ".$1"; }
is_pref() { [ "$(pref "$1")" = "$2" ]; }
b_sees() { tailscale b status --json | jq -e ".Peer[] | select($1)" >/dev/null; }
in_state() { [ "$(stock "$r" status --json | jq -r .BackendState)" = "$1" ]; }
reaches_b() { in_host a ping -nq -c 1 -W 1 "$b4"; }
reaches_a() { in_host b ping -nq -c 1 -W 1 "$(stock "$r" ip -4)"; }
restart() { stop meshd-a && start_meshd a; }
node_key() { stock "$r" status --json | jq -r .Self.PublicKey; }

joining() {
	cell 'local API' 'up, login and logout' $r
	check "$r: login with a key" stock $r login --login-server=$LOCAL_URL \
	    --auth-key="$key" --hostname="n$n" --nickname=work
	check "$r: and it is running" wait_for 10 reaches_b
	check "$r: the profile" grep -q 'work\*' <(stock $r switch --list)
	check "$r: one profile: another login is refused" refuses 'log out first' \
	    stock $r login --login-server=$LOCAL_URL --auth-key="$key"
	check "$r: up again with the same settings" \
	    stock $r up --login-server=$LOCAL_URL --hostname="n$n"
	check "$r: with a key again" stock $r up --login-server=$LOCAL_URL \
	    --hostname="n$n" --auth-key="$key"
	check "$r: up wants what is set to be said" refuses 'requires mentioning' \
	    stock $r up --login-server=$LOCAL_URL
	check "$r: another server needs a new login" refuses force-reauth \
	    stock $r up --login-server=https://203.0.113.99 --hostname="n$n"
	old=$(node_key)
	check "$r: logging in anew" stock $r up --force-reauth \
	    --login-server=$LOCAL_URL --hostname="n$n" --auth-key="$key"
	has_new_key() { [ "$(node_key)" != "$old" ]; }
	check "$r: gives a new key" wait_for 10 has_new_key
	check "$r: that works" wait_for 15 reaches_b
	check "$r: down" stock $r down
	check "$r: status says so" refuses 'is stopped' stock $r status
	check "$r: and nothing comes through" eval '! reaches_b'
	check "$r: a bare up" stock $r up
	check "$r: it is back" wait_for 10 reaches_b
	check "$r: down again, then down" eval "stock $r down && stock $r down"
	check "$r: a restart keeps it down" eval 'restart && in_state Stopped'
	check "$r: up" stock $r up
}

settings() {
	cell 'local API' 'set takes effect and is kept' $r
	check "$r: a host name" stock $r set --hostname="m$n"
	check "$r: that peers see" wait_for 10 b_sees ".HostName == \"m$n\""
	check "$r: shields up" stock $r set --shields-up
	check "$r: b does not get in" wait_for 5 eval '! reaches_a'
	check "$r: a gets out" reaches_b
	check "$r: a restart" restart
	check "$r: keeps them" eval 'is_pref ShieldsUp true && is_pref Hostname "m$n"'
	check "$r: in effect" eval 'wait_for 10 reaches_b && ! reaches_a'
	check "$r: shields down" stock $r set --shields-up=false
	check "$r: b gets in" wait_for 10 reaches_a
	check "$r: routes of others" stock $r set --accept-routes
	check "$r: DNS, kept for later" stock $r set --accept-dns=false
	check "$r: both are kept" eval 'is_pref RouteAll true && is_pref CorpDNS false'
	check "$r: reset" stock $r up --reset --login-server=$LOCAL_URL
	check "$r: all as at first" eval 'is_pref RouteAll false && is_pref CorpDNS true && is_pref Hostname ""'
}

refused() {
	cell 'local API' 'settings we cannot do are refused' $r
	before=$(stock $r debug prefs)
	for flag in --ssh --advertise-exit-node --advertise-routes=10.0.0.0/8 \
	    --advertise-connector --auto-update --webclient \
	    --report-posture --snat-subnet-routes=false --stateful-filtering; do
		[ "$r $flag" = '1.80 --report-posture' ] && flag=--posture-checking
		check "$r: set $flag" refuses 'this daemon cannot' stock $r set $flag
	done
	for flag in --ssh --advertise-exit-node --advertise-routes=10.0.0.0/8; do
		check "$r: up $flag" refuses 'this daemon cannot' \
		    stock $r up --login-server=$LOCAL_URL $flag
		stock $r down
		check "$r: up $flag when down" refuses 'this daemon cannot' \
		    stock $r up --login-server=$LOCAL_URL $flag
		stock $r up
	done
	check "$r: none of it is left behind" test "$before" = "$(stock $r debug prefs)"
}

as_user() { # UID ARGS
	in_host a setpriv --reuid "$1" --regid "$1" --clear-groups env HOME=/ \
	    timeout 15 "$tailscale_copy" --socket="$NET/a.sock" "${@:2}"
}

permissions() {
	cell 'local API' 'root and the operator write, others read' $r
	tailscale_copy=$NET/bin/tailscale-$r
	install -D "$PEERS/tailscale-$r/tailscale" "$tailscale_copy"
	check "$r: anybody may look" as_user 65534 status
	check "$r: and ask who is calling" as_user 65534 whois "$b4"
	for c in down logout 'set --hostname=x' 'switch --list'; do
		check "$r: not: $c" refuses '[Aa]ccess denied' as_user 65534 $c
	done
	check "$r: nothing has changed" in_state Running
	check "$r: an operator" stock $r set --operator=nobody
	check "$r: may" as_user 65534 set --hostname=x
	check "$r: even after a restart" eval 'restart && wait_for 10 as_user 65534 set --hostname=y'
	check "$r: others still not" refuses '[Aa]ccess denied' as_user 65533 down
	check "$r: not any more" stock $r set --operator=
	check "$r: he may look" refuses '[Aa]ccess denied' as_user 65534 down
}

leaving() {
	cell 'local API' 'up, login and logout' $r
	check "$r: logout" stock $r logout
	check "$r: at once" refuses 'Logged out' stock $r status
	check "$r: b sees it gone" wait_for 10 eval '! b_sees ".Online"'
	check "$r: a second logout" stock $r logout
}

by_url() {
	cell 'local API' 'login by URL, and a bad key' $r
	check "$r: a key that is none is refused" refuses 'key' stock $r up \
	    --login-server=$LOCAL_URL --auth-key=nonsense --hostname="n$n"
	check "$r: nobody comes: it waits no longer than told" refuses 'timeout|time' \
	    stock $r up --reset --login-server=$LOCAL_URL --timeout=2s
	start a "up-$n" "$PEERS/tailscale-$r/tailscale" --socket="$NET/a.sock" up \
	    --reset --login-server=$LOCAL_URL --hostname="n$n"
	url() { grep -oE 'https://[^ ]*register[^ ]*' "$NET/up-$n.log" | tail -n 1; }
	has_url() { [ -n "$(url)" ]; }
	check "$r: up shows a URL" wait_for 10 has_url
	check "$r: so does status" refuses "$(url)" stock $r status
	check "$r: it is approved" admin node approve "$(url)" --user alice
	check "$r: up ends" wait_for 10 is_dead "up-$n"
	check "$r: with success" grep -q '^Success' "$NET/up-$n.log"
	check "$r: the node is in" wait_for 10 reaches_b
	stop "up-$n"
	check "$r: and out" stock $r logout
}

chmod 711 "$NET" # for another user's commands
n=0
for r in 1.80 1.92 1.102; do
	n=$((n + 1))
	joining
	settings
	refused
	permissions
	leaving
	by_url
done

r=1.102
cell 'local API' 'logout without control ends in seconds' 1.102
check "in again" stock $r login --login-server=$LOCAL_URL --auth-key="$key"
stop controld KILL
check "control is gone: logout says so" refuses 'control has not answered' \
    stock $r logout
check "and we are out" in_state NeedsLogin
[ "$tap_failed" -eq 0 ] || trace 30
done_testing
