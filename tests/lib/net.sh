# SPDX-License-Identifier: ISC
# net.sh - a small internet in network namespaces; source it after tap.sh.
#
#	net_begin                    a scratch folder $NET, names of its own
#	internet                     the switch between all public addresses
#	host NAME ADDRESS[/LEN] [ADDRESS6]   a machine straight on the internet
#	nat NAME ADDRESS [MODE]      a home router; MODE: fully-random makes it
#	                             symmetric, a new port for each destination
#	nat_here NAME [MODE]         makes a router of a machine, also of one in a home
#	behind ROUTER NAME NET       a machine NET.10 in the home of ROUTER, which
#	                             is NET.1; more machines: behind ROUTER NAME NET 11
#	home6 ROUTER N               IPv6 for the home: 2001:db8:N::/64, no NAT, but
#	                             nothing comes in that did not go out
#	behind6 NAME N HOST          2001:db8:N::HOST for a machine in it
#	moves NAME FROM TO NET [HOST]  a machine leaves one home for another
#	line NAME [OPTION ...]       a bad line from NAME (host, nat) to the internet:
#	                             options of tests/lib/impair; again: others
#	in_host NAME COMMAND ...     runs in that machine
#	start HOST NAME COMMAND ...  a daemon: log in $NET/NAME.log, PID by pid_of
#	stop NAME [SIGNAL]           ends it and waits
#	trace                        the last lines of every log, as remarks
#
# All of it goes when the script ends. Namespaces are called $NET_TAG-NAME, with
# a tag made of the script's name and PID, so that scripts do not meet. Names of
# machines: at most 8 letters, since interface names have 15 at most.

# net_begin: needs root and the tools; skips the script otherwise.
net_begin() {
	[ "$(id -u)" -eq 0 ] || skip_all "network namespaces need root"
	for net_tool in ip nft; do
		command -v "$net_tool" >/dev/null ||
		    skip_all "$net_tool is not installed"
	done
	net_name=$(basename "$0" .sh)
	NET_TAG="$(printf %.10s "$net_name")$$"
	NET=$(mktemp -d "/tmp/mesh-$net_name.XXXXXX")
	trap net_end EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	net_add inet 2>/dev/null ||
	    skip_all "network namespaces cannot be made here"
	in_host inet ip link set lo up
}

net_add() {
	ip netns add "$NET_TAG-$1" || return 1
	# What in_host sees as /etc/resolv.conf: the machine's own is not for
	# tests, and what runs there may want to write to it.
	mkdir -p "/etc/netns/$NET_TAG-$1"
	: >"/etc/netns/$NET_TAG-$1/resolv.conf"
	echo "$1" >>"$NET/hosts.made"
	in_host "$1" ip link set lo up
}

net_end() {
	for net_file in "$NET"/*.pid; do
		[ -f "$net_file" ] || continue
		stop "$(basename "$net_file" .pid)"
	done
	# A file, since `check` runs what it checks in a shell of its own.
	for net_host in $(cat "$NET/hosts.made" 2>/dev/null); do
		ip netns del "$NET_TAG-$net_host" 2>/dev/null
		rm -rf "/etc/netns/$NET_TAG-$net_host"
	done
	[ -n "${NET_KEEP:-}" ] || rm -rf "$NET"
}

# netns HOST: the name of its namespace.
netns() { printf '%s-%s\n' "$NET_TAG" "$1"; }

in_host() {
	net_host=$1
	shift
	ip netns exec "$NET_TAG-$net_host" "$@"
}

internet() {
	in_host inet ip link add br0 type bridge
	in_host inet ip link set br0 up
}

host() {
	net_add "$1"
	ip link add "v-$1" netns "$(netns inet)" type veth \
	    peer name eth0 netns "$(netns "$1")"
	in_host inet ip link set "v-$1" master br0 up
	case $2 in
	*/*) in_host "$1" ip addr add "$2" dev eth0 ;;
	*) in_host "$1" ip addr add "$2/24" dev eth0 ;;
	esac
	[ -z "${3:-}" ] || in_host "$1" ip addr add "$3/64" dev eth0 nodad
	in_host "$1" ip link set eth0 up
}

# The two devices in the middle are the switch's: v-NAME, and i-NAME, whose other
# end goes into the bridge. One frame is one packet on both ways, so that losses
# are what they are called. A frame more or less is lost when a line changes.
line() {
	line_name=$1
	shift
	if ! in_host inet ip link show "i-$line_name" >/dev/null 2>&1; then
		in_host inet ip link add "i-$line_name" type veth \
		    peer name "j-$line_name"
		in_host "$line_name" ip link set eth0 gso_max_segs 1
		in_host inet ip link set "j-$line_name" gso_max_segs 1
		for line_device in v i; do
			in_host inet sysctl -qw \
			    "net.ipv6.conf.$line_device-$line_name.disable_ipv6=1"
		done
		in_host inet ip link set "i-$line_name" up
		in_host inet ip link set "v-$line_name" nomaster
		in_host inet ip link set "j-$line_name" master br0 up
	fi
	stop "line-$line_name"
	start inet "line-$line_name" \
	    "${builddir:-${MESH_BUILD:-$(pwd)/build}}/tests/lib/impair" "$@" \
	    "v-$line_name" "i-$line_name"
}

# Plain masquerade keeps source ports where it can, which behaves as an
# endpoint-independent mapping towards two peers.
nat() {
	host "$1" "$2"
	nat_here "$1" "${3:-}"
}

nat_here() {
	in_host "$1" sysctl -qw net.ipv4.ip_forward=1
	in_host "$1" nft -f - <<END
table ip nat {
	chain posting {
		type nat hook postrouting priority 100;
		oifname "eth0" masquerade ${2:-}
	}
}
table ip guard {
	chain forwarding {
		type filter hook forward priority 0; policy drop;
		ct state established,related accept
		iifname != "eth0" accept
	}
	chain incoming {
		type filter hook input priority 0; policy drop;
		ct state established,related accept
		iifname != "eth0" accept
		ip protocol icmp accept
	}
}
END
}

# The home is a bridge "lan", so that it takes several machines.
behind() {
	if ! in_host "$1" ip link show lan >/dev/null 2>&1; then
		in_host "$1" ip link add lan type bridge
		in_host "$1" ip addr add "$3.1/24" dev lan
		in_host "$1" ip link set lan up
	fi
	net_add "$2"
	ip link add "v-$2" netns "$(netns "$1")" type veth \
	    peer name eth0 netns "$(netns "$2")"
	in_host "$1" ip link set "v-$2" master lan up
	in_host "$2" ip addr add "$3.${4:-10}/24" dev eth0
	in_host "$2" ip link set eth0 up
	in_host "$2" ip route add default via "$3.1"
}

# As if its cable were put into the other router: down, up, another address.
moves() {
	in_host "$2" ip link set "v-$1" nomaster
	in_host "$2" ip link set "v-$1" netns "$(netns "$3")"
	in_host "$1" ip addr flush dev eth0 scope global
	in_host "$3" ip link set "v-$1" master lan up
	in_host "$1" ip addr add "$4.${5:-10}/24" dev eth0
	in_host "$1" ip route add default via "$4.1"
}

# The switch is the router between homes with IPv6.
home6() {
	in_host inet ip -6 addr replace 2001:db8::1/64 dev br0 nodad
	in_host inet ip -6 route add "2001:db8:$2::/64" via "2001:db8::$2"
	in_host inet sysctl -qw net.ipv6.conf.all.forwarding=1
	in_host "$1" ip -6 addr add "2001:db8::$2/64" dev eth0 nodad
	in_host "$1" ip -6 addr add "2001:db8:$2::1/64" dev lan nodad
	in_host "$1" ip -6 route add default via 2001:db8::1
	in_host "$1" sysctl -qw net.ipv6.conf.all.forwarding=1
	in_host "$1" nft -f - <<END
table ip6 guard {
	chain forwarding {
		type filter hook forward priority 0; policy drop;
		ct state established,related accept
		iifname != "eth0" accept
	}
}
END
}

behind6() {
	in_host "$1" ip -6 addr add "2001:db8:$2::$3/64" dev eth0 nodad
	in_host "$1" ip -6 route add default via "2001:db8:$2::1"
}

start() {
	start_host=$1 start_name=$2
	shift 2
	ip netns exec "$NET_TAG-$start_host" "$@" \
	    >>"$NET/$start_name.log" 2>&1 </dev/null &
	echo "$!" >"$NET/$start_name.pid"
}

pid_of() { cat "$NET/$1.pid"; }

# is_alive NAME: a zombie is not.
is_alive() {
	[ -f "$NET/$1.pid" ] &&
	    grep -q '^State:.[^ZX]' "/proc/$(pid_of "$1")/status" 2>/dev/null
}

is_dead() { ! is_alive "$1"; }

stop() {
	[ -f "$NET/$1.pid" ] || return 0
	stop_pid=$(pid_of "$1")
	kill "-${2:-TERM}" "$stop_pid" 2>/dev/null
	wait_for 5 is_dead "$1" || kill -KILL "$stop_pid" 2>/dev/null
	wait "$stop_pid" 2>/dev/null
	rm -f "$NET/$1.pid"
	return 0
}

trace() {
	for trace_log in "$NET"/*.log; do
		[ -f "$trace_log" ] || continue
		say "--- $(basename "$trace_log")"
		tail -n "${1:-12}" "$trace_log" | sed 's/^/#   /'
	done
}
