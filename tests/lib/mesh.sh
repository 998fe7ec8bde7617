# SPDX-License-Identifier: ISC
# mesh.sh - our own programs in a net of net.sh; source it after that.
#
#	mesh_begin               programs of $MESH_BUILD/inst on the PATH
#	world [POLICY-FILE]      internet; host "ctl" 203.0.113.10 with control and
#	                         relay; user alice; a reusable key in $NET/key
#	home ROUTER NODE N [MODE]  a home with NAT at 203.0.113.2N and a machine in it
#	meshd_start NODE [OPTION ...]   the daemon alone
#	join NODE [UP-OPTION ...]       the daemon, and mesh-up with the key
#	meet A B                 until each has heard of the other
#	m NODE COMMAND ...       `mesh COMMAND` in that machine, on its socket
#	admin COMMAND ...        `mesh COMMAND` against the control server
#	addr NODE                its IPv4 address in the network
#	path_of NODE PEER        "direct" or "relay": what one mesh-ping says
#	reaches NODE PEER        an ICMP echo through the tunnel comes back
#	ms                       milliseconds since some start
CTL=203.0.113.10

mesh_begin() {
	net_begin
	mesh_inst=${MESH_BUILD:-$(pwd)/build}/inst
	[ -x "$mesh_inst/sbin/meshd" ] ||
	    skip_all "meshd is not built in $mesh_inst (scripts/build)"
	PATH=$mesh_inst/bin:$mesh_inst/sbin:$PATH
	export PATH
	# A sanitizer's report goes to a file of its own, and fails the test.
	export ASAN_OPTIONS="detect_leaks=0:log_path=$NET/sanitizer"
	export UBSAN_OPTIONS="print_stacktrace=1:log_path=$NET/sanitizer"
}

# What a daemon that went wrong leaves in its log: a sanitizer's words (roles
# without files cannot write a report), or a role that ended by itself. Roles
# that a test ends die of signal 9.
mesh_faults() {
	grep -hE "AddressSanitizer|runtime error:|Can't open file" "$NET"/*.log
	grep -hE 'ended role=' "$NET"/*.log | grep -v 'signal 9 '
}

# The end of every lab test: no role ended by itself, no sanitizer report.
mesh_end() {
	mesh_fault=$(mesh_faults 2>/dev/null)
	if [ -n "$mesh_fault" ]; then
		not_ok "no role ends by itself"
		head -n 30 <<<"$mesh_fault" | sed 's/^/#   /'
	fi
	for mesh_report in "$NET"/sanitizer.*; do
		[ -f "$mesh_report" ] || continue
		not_ok "no sanitizer report"
		head -n 30 "$mesh_report" | sed 's/^/#   /'
	done
	[ "$tap_failed" -eq 0 ] || trace 15
	done_testing
}

ms() { echo $(($(date +%s%N) / 1000000)); }

world() {
	internet
	host ctl $CTL
	relay_start
	control_start "$@"
	admin user add alice >/dev/null
	admin authkey create --user alice --reusable >"$NET/key"
}

relay_start() {
	mkdir -p "$NET/relay"
	start ctl relayd mesh-relayd --state "$NET/relay" --listen $CTL:443 \
	    --stun $CTL:3478 --hostname relay.test
	wait_for 20 test -s "$NET/relay/pin" || return 1
	cat >"$NET/relays.yaml" <<END
regions:
  900:
    regionid: 900
    regioncode: lab
    regionname: Lab
    nodes:
      - name: 900a
        regionid: 900
        hostname: relay.test
        certname: $(cat "$NET/relay/pin")
        ipv4: $CTL
        ipv6: none
        stunport: 3478
        derpport: 443
END
}

control_start() {
	mkdir -p "$NET/control"
	rm -f "$NET/control.sock" # one that was killed leaves it behind
	start ctl controld mesh-controld --state "$NET/control" \
	    --listen $CTL:8080 --url http://$CTL:8080 \
	    --relay-map "$NET/relays.yaml" --dns-suffix mesh.test \
	    --socket "$NET/control.sock" ${1:+--policy "$1"}
	wait_for 20 admin user list || return 1
}

admin() {
	in_host ctl env MESH_CONTROL_SOCKET="$NET/control.sock" mesh "$@"
}

home() { nat "$1" 203.0.113.2"$3" "${4:-}" && behind "$1" "$2" 192.168."$3"; }

meshd_start() {
	mesh_node=$1
	shift
	rm -f "$NET/$mesh_node.sock"
	start "$mesh_node" "meshd-$mesh_node" meshd --state "$NET/$mesh_node" \
	    --socket "$NET/$mesh_node.sock" --tun mesh0 --port 41641 "$@"
	wait_for 20 test -S "$NET/$mesh_node.sock"
}

join() {
	join_node=$1
	shift
	is_alive "meshd-$join_node" || meshd_start "$join_node" || return 1
	m "$join_node" up --server http://$CTL:8080 --hostname "$join_node" \
	    --authkey-file "$NET/key" --timeout 30s "$@"
}

meet() {
	wait_for 10 m "$1" ip "$2" && wait_for 10 m "$2" ip "$1"
}

m() {
	m_node=$1
	shift
	in_host "$m_node" env MESH_SOCKET="$NET/$m_node.sock" mesh "$@"
}

addr() { m "$1" ip -4; }

path_of() {
	m "$1" ping -c 1 --timeout 5s "$2" |
	    sed -n 's/^reply from .* direct .*/direct/p; s/^reply from .* by relay .*/relay/p'
}

is_path() { [ "$(path_of "$1" "$2")" = "$3" ]; }

reaches() { in_host "$1" ping -nq -c 1 -W "${3:-3}" "$(addr "$2")"; }

# both A B: each reaches the other, by disco and by ICMP through the tunnel.
both() {
	check "$1 reaches $2 through the tunnel" wait_for 10 reaches "$1" "$2"
	check "$2 reaches $1 through the tunnel" wait_for 10 reaches "$2" "$1"
}

# A TCP server in a machine that answers every line with the same line.
echo_server() {
	start "$1" "echo-$1" socat "TCP-LISTEN:${2:-7777},fork,reuseaddr" EXEC:cat
	wait_for 5 in_host "$1" sh -c "ss -ltn | grep -q ':${2:-7777}\\b'"
}

carries_tcp() {
	[ "$(echo hello | in_host "$1" timeout 5 socat -t 2 - \
	    "TCP:$(addr "$2"):${3:-7777}")" = hello ]
}

# Nothing that meshd made may be left in a machine after it stopped.
left_nothing() {
	! in_host "$1" ip link show mesh0 >/dev/null 2>&1 &&
	    ! in_host "$1" ip route show table all | grep -qE '100\.64\.|fd7a:115c' &&
	    ! in_host "$1" ip rule | grep -qi mesh &&
	    [ ! -e "$NET/$1.sock" ]
}

stops_clean() {
	stop "meshd-$1"
	check "$1 stops and leaves no device, route or socket" left_nothing "$1"
}
