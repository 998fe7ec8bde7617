# SPDX-License-Identifier: ISC
# stock.sh - stock nodes of three releases beside each other, on our control
# server; source it after interop/lib.sh.
RELEASES="1.80 1.92 1.102" # their nodes: n80, n92, n102
need_releases() {
	for need_release in $RELEASES; do
		need "tailscale-$need_release/tailscaled"
	done
	need tailscale-1.102/derper
}

# each PART ROW TEST COMMAND ...: runs `COMMAND ... NODE` for the nodes of all
# releases at once; a test each, in the cell of its release.
each() {
	each_part=$1 each_row=$2 each_test=$3
	shift 3
	for each_release in $RELEASES; do
		"$@" "n${each_release#1.}" >"$NET/each.$each_release" 2>&1 &
		echo $! >"$NET/each.$each_release.job"
	done
	for each_release in $RELEASES; do
		cell "$each_part" "$each_row" "$each_release"
		if wait "$(cat "$NET/each.$each_release.job")"; then
			ok "$each_release: $each_test"
		else
			not_ok "$each_release: $each_test"
			tail -n 20 "$NET/each.$each_release" | sed 's/^/#   /'
		fi
	done
}

# stock_node NODE: starts it, in its release.
stock_node() {
	case $1 in
	n80 | n92 | n102) start_tailscaled "$1" "tailscale-1.${1#n}" ;;
	*) start_tailscaled "$1" ;;
	esac
}

# stock_world: control at $URL and a stock relay, machines for the three nodes
# and for w, a peer that watches them. Certificates of both are trusted.
stock_world() {
	CTL=203.0.113.10 RELAY=203.0.113.11 URL=https://203.0.113.10
	internet
	host ctl $CTL
	host relay $RELAY
	host n80 203.0.113.80
	host n92 203.0.113.92
	host n102 203.0.113.102
	host w 203.0.113.50
	mkdir -p "$NET/cert"
	make_cert "$NET/cert/relay.test" relay.test $RELAY
	make_cert "$NET/cert/control.test" control.test $CTL
	cat "$NET"/cert/*.test.crt >"$NET/cert/ca.crt"
	relay_map $RELAY relay.test >"$NET/relays.yaml"
	start_derper relay relay.test
}

# What a stock node shows of itself and its peers; jq says what to look for.
own() { tailscale "$1" status --json | jq -e "$2"; }
is_running() { own "$1" '.BackendState == "Running"'; }
is_out() { own "$1" '.BackendState == "NeedsLogin"'; }
peer() { own "$1" "any(.Peer[]?; $2)"; }
no_peer() { ! peer "$@"; }
named() { echo ".DNSName == \"$1.mesh.test.\""; }
echoes() { in_host "$1" ping -nq -c 1 -W 2 "$2"; }
# metric NODE NAME: a counter of the node.
metric() {
	tailscale "$1" debug metrics |
	    awk -v name="$2" '$1 == name { v = $2 } END { print v + 0 }'
}

# soon WHAT COMMAND ...: within five seconds; how long it took is kept for
# figures_say.
soon() {
	soon_what=$1 soon_began=$(date +%s%N)
	shift
	wait_for 5 "$@" || return 1
	echo "$soon_what:$((($(date +%s%N) - soon_began) / 1000000))" \
	    >>"$NET/figures"
}
figures_say() {
	sort -t: -k1,1 -k2,2n "$NET/figures" | awk -F: '{ max[$1] = $2 }
	    END { for (k in max) print "# slowest " k ": " max[k] " ms" }' | sort
}
