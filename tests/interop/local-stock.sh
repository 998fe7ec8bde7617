#!/bin/bash
# SPDX-License-Identifier: ISC
# The stock command line programs of three releases drive meshd: each of their
# commands, and no hang where we have nothing to say.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/interop/lib.sh"
need tailscale-1.102/tailscaled tailscale-1.102/derper tailscale-1.102/tailscale \
    tailscale-1.92/tailscale tailscale-1.80/tailscale
need_ours meshd meshd-agent mesh-controld mesh-user mesh-up
net_begin

check "control, relay, a stock node and meshd" local_net
check "meshd joins" mesh_up a $LOCAL_URL
a4=$(mesh a ip -4) b4=$(tailscale b ip -4)
check "both are there" wait_for 10 mesh a ip b

says() { # PATTERN COMMAND ...
	says_what=$1
	shift
	says_out=$("$@" 2>&1)
	grep -qE -- "$says_what" <<<"$says_out" || {
		echo "$says_out" | tail -n 15
		return 1
	}
}

# The names of members, of each kind of object.
shape() {
	jq -r '{top: keys, self: (.Self | keys), peer: ([.Peer[]][0] | keys),
	    user: ([.User[]][0] | keys), net: (.CurrentTailnet | keys)}'
}
raw() { # HOST SOCKET CALL
	in_host "$1" curl -sS --max-time 10 --unix-socket "$2" \
	    "http://local-tailscaled.sock/localapi/v0/$3"
}
same_members() {
	diff <(raw a "$NET/a.sock" "$1" | $2) <(raw b "$NET/b/socket" "$1" | $2)
}
whois_shape() {
	jq -r '{top: keys, node: (.Node | keys - ["Hostinfo", "HomeDERP", "Endpoints"]),
	    user: (.UserProfile | keys)}'
}
prefs_shape() { jq -r 'keys - ["ProfileName", "OperatorUser"]'; }
names() { # RELEASE COMMAND ...: its subcommands
	names_release=$1
	shift
	stock "$names_release" "$@" --help 2>&1 |
	    awk '/^SUBCOMMANDS/ {on = 1; next} /^FLAGS/ {on = 0} on && NF {print $1}'
}

cell 'local API' 'status --json has the members of a stock daemon' 1.102
check "status" same_members status shape
check "prefs" same_members prefs prefs_shape
same_whois() {
	diff <(raw a "$NET/a.sock" "whois?addr=$b4" | whois_shape) \
	    <(raw b "$NET/b/socket" "whois?addr=$a4" | whois_shape)
}
check "whois" same_whois
check "derpmap" diff <(raw a "$NET/a.sock" derpmap) <(raw b "$NET/b/socket" derpmap)

# What each release asks, and what comes of it. "ok": status 0; "no": a refusal
# with words; "end": it ends. The words behind # are in what it prints.
table() { # RELEASE
	cat <<END
ok status # ^100.*b +alice +linux
ok status --active
ok status --json # "BackendState": "Running"
ok ip # ^$a4
ok ip -6 # ^fd7a:
ok ip b # ^$b4
ok ip -4 $b4
ok ping -c 3 b # via 203.0.113.32:[0-9]+
ok ping -c 1 --tsmp b # via TSMP
ok ping -c 1 --icmp b # via ICMP
ok ping -c 1 --peerapi b # hit peerapi of $b4
ok ping -c 1 --size 500 b # pong from b
ok ping -c 1 $a4 # is local Tailscale IP
no ping -c 1 --timeout 2s 100.64.7.7 # no matching peer
ok whois $b4 # Name: +b.mesh.test
ok whois --json $b4:80 # "LoginName": "alice"
no whois 100.64.7.7 # not found
ok netcheck # UDP: true
ok netcheck --format=json # "PreferredDERP": *900
ok version --daemon # mesh
ok debug prefs # "Hostname": "a"
ok debug derp-map # "RegionCode": "lab"
ok debug watch-ipn --initial --count=1 # "State": 6
ok dns status # suffix = mesh.test
ok dns status --all # not supported
ok metrics # tailscaled_home_derp_region_id 900
ok metrics print # tailscaled_outbound_packets_total.path="direct_ipv4". [1-9]
ok metrics write $NET/metrics
ok debug metrics # mesh_peers 1
ok bugreport # BUG-
ok switch --list # mesh.test +alice\*
no switch nosuch # No profile
ok serve status # No serve config
ok funnel status # No serve config
no exit-node list # no exit nodes found
no set --exit-node=b # not advertising|not an exit|invalid value
end dns query b.mesh.test # 404
no lock
no lock status # 404
no lock init
no lock log
no lock sign nodekey:0
no file cp /etc/hostname b: # cannot send|404
no file cp --targets # 404
no file get $NET/home # 404
no serve --bg 3000
no funnel --bg 3000
no serve reset # cannot serve|501
no exit-node suggest # 404
no cert a.mesh.test # 404
no drive list # 404
no drive share x /tmp # 404
no syspolicy list # 404
no syspolicy reload # 404
no nc b 22 # 404
no ssh b true
no configure kubeconfig nosuch
no debug daemon-goroutines # 404
no debug daemon-logs # 404
no debug restun # 404
no debug rebind # 404
no debug break-tcp-conns # 404
no debug break-derp-conns # 404
no debug derp-set-on-demand # 404
no debug derp-unset-on-demand # 404
no debug force-netmap-update # 404
no debug pick-new-derp # 404
no debug force-prefer-derp 900 # 404
no debug control-knobs # 404
no debug derp 900 # 404
no debug dev-store-set x y
no debug component-logs magicsock # 404
no debug set-expire --in=1h # 404
no debug portmap # 404
no debug capture -o $NET/capture # 404
no debug peer-endpoint-changes $b4
no debug reload-config # not in use
end debug ts2021 --host=203.0.113.10
end debug resolve b
end web --cgi
ok licenses
ok completion bash
ok debug env
ok debug stat /
ok debug hostinfo
ok debug local-creds
ok debug via 1 10.0.0.0/24
ok debug go-buildinfo
end debug dial-types b 22
END
	case $1 in
	1.80) echo "ok debug netmap # \"NodeKey\": \"nodekey:" ;;
	1.92) cat <<END
ok debug netmap # "NodeKey": "nodekey:
ok appc-routes
END
		;;
	*) cat <<END
no debug netmap # 404
ok get hostname # ^a$
ok get --json # "hostname": "a"
ok whoami # a.mesh.test
ok wait --timeout 5s
ok appc-routes
ok service list # No Tailscale Services
no debug statedir # 404
no debug clear-netmap-cache # 404
no debug daemon-bus-queues # 404
END
		;;
	esac
	[ "$1" = 1.80 ] || cat <<END
no debug rotate-disco-key # 404
no debug peer-relay-servers # 404
no debug peer-relay-sessions # 404
no debug daemon-bus-events # 404
no debug daemon-bus-graph # 404
ok debug localapi GET /localapi/v0/status # BackendState
end debug test-risk
END
}

# Runs a line of the table; a hang is 124.
try() { # RELEASE WANT WORDS ARGS
	try_out=$(stock "$1" $4 2>&1 </dev/null)
	try_status=$?
	case $2 in
	ok) [ "$try_status" -eq 0 ] ;;
	no) [ "$try_status" -ne 0 ] && [ "$try_status" -ne 124 ] && [ -n "$try_out" ] ;;
	end) [ "$try_status" -ne 124 ] ;;
	esac && grep -qE -- "${3:-^}" <<<"$try_out" || {
		echo "status $try_status"
		echo "$try_out" | tail -n 8
		return 1
	}
}

# Commands that another test runs, since they change settings; one that asks
# its vendor's server alone; one for a desktop, which does not end by itself.
elsewhere='up down set login logout update systray'
is_covered() { # RELEASE: every subcommand that --help names
	covered=$(table "$1"; for c in $elsewhere; do echo "x $c"; done)
	for c in $(names "$1") $(names "$1" debug | sed 's/^/debug:/'); do
		grep -qE "^[a-z]+ ${c/:/ }( |\$)" <<<"$covered" || echo "$c"
	done | grep .
}

for r in 1.80 1.92 1.102; do
	while IFS= read -r line; do
		words=
		[[ $line == *' # '* ]] && words=${line#* # }
		line=${line%% # *}
		want=${line%% *}
		case $line in
		'ok status'*) cell 'local API' 'status, status --json, ip' $r ;;
		'ok ping -c 3 b') cell 'local API' 'ping: disco, TSMP, ICMP, PeerAPI' $r ;;
		'ok whois'*) cell 'local API' 'whois, netcheck, version' $r ;;
		'ok debug prefs') cell 'local API' 'debug prefs, watch, dns status, metrics' $r ;;
		'end dns query'*) cell 'local API' 'what we do not have is refused, no hang' $r ;;
		esac
		check "$r ${line#* }" try $r "$want" "$words" "${line#* }"
	done < <(table $r)
	check_status 1 "$r: no other command" is_covered $r
done

cell 'local API' 'status --json has the members of a stock daemon' 1.102
both() { stock 1.102 "$@" && tailscale b "$@"; }
raw_shape() {
	jq '{top: keys, null: ([to_entries[] | select(.value == null) | .key] -
	    ["Peer", "User"]), self: (.Self | keys), state: .BackendState,
	    key: (.Self.PublicKey | test(":0{64}$"))}'
}
check "down" both down
check "when stopped" same_members status raw_shape
check "out" both logout
check "when logged out" same_members status raw_shape
[ "$tap_failed" -eq 0 ] || trace 30
done_testing
