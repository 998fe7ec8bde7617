#!/bin/bash
# Every line of the policy grammar: what mesh-policy test says is what the filters
# of stock nodes of three releases, and of ours, let through, by real packets.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/interop/lib.sh"
need tailscale-1.80/tailscaled tailscale-1.92/tailscaled \
    tailscale-1.102/tailscaled tailscale-1.102/derper
need_ours mesh-controld
need_ours meshd
need_ours mesh-policy
need_ours tests/interop/policy_probe
net_begin

CTL=203.0.113.10 RELAY=203.0.113.11 URL=https://203.0.113.10
internet
host ctl $CTL
host relay $RELAY
mkdir -p "$NET/cert"
make_cert "$NET/cert/relay.test" relay.test $RELAY
make_cert "$NET/cert/control.test" control.test $CTL
cat "$NET"/cert/*.test.crt >"$NET/cert/ca.crt"
relay_map $RELAY relay.test >"$NET/relays.yaml"
start_derper relay relay.test
check "control server starts" start_controld ctl $CTL "$NET/relays.yaml"

# --- nodes: alice's and tag:web of every kind, one of bob's, and one that tells
# when a policy has arrived
KINDS="80 92 102 us"
ALICE="a80 a92 a102 aus" WEB="w80 w92 w102 wus"
TARGETS="$ALICE $WEB b" SOURCES="a102 aus w92 b"
kind_of() { case $1 in b | s) echo 102 ;; *) echo "${1#?}" ;; esac; }
name_of() { case $1 in a*) echo alice@ ;; w*) echo tag:web ;; b) echo bob@ ;; s) echo tag:sync ;; esac; }
addr4() { sed -n 1p "$NET/$1.addr"; }
addr6() { sed -n 2p "$NET/$1.addr"; }
probe=$builddir/tests/interop/policy_probe
# The installed one: that of the build folder is a slow script of libtool.
MESH_POLICY=$builddir/inst/bin/mesh-policy
[ -x "$MESH_POLICY" ] || MESH_POLICY=$builddir/mesh-policy

admin user add alice >/dev/null
admin user add bob >/dev/null
admin authkey create --user alice --reusable >"$NET/key.a"
admin authkey create --user bob --reusable >"$NET/key.b"
admin authkey create --user alice --reusable --tag tag:web >"$NET/key.w"
admin authkey create --user alice --reusable --tag tag:sync >"$NET/key.s"
join() {
	cp "$NET/key.${1%"${1#?}"}" "$NET/key"
	if [ "$(kind_of "$1")" = us ]; then
		start_meshd "$1" && mesh_up "$1" $URL && mesh "$1" ip >"$NET/$1.addr"
		device=mesh0
	else
		start_tailscaled "$1" "tailscale-1.$(kind_of "$1")" &&
		    tailscale_up "$1" $URL && tailscale "$1" ip >"$NET/$1.addr"
		device=tailscale0
	fi && start "$1" "seen-$1" "$probe" listen $device
}
number=30
for n in $TARGETS s; do
	number=$((number + 1))
	host "$n" 203.0.113.$number
	check "$n joins" join "$n"
done

# --- one line
PROBES4="6:22 6:79 6:80 6:85 6:86 6:443 17:53 17:80 132:80 1:0 47:0 51:0"
PROBES6="6:22 6:443 17:53 58:0 47:0"
ROUND=0

# Where a packet of this source would be asked for: "id" or "addr".
ask_name() { if [ "$1" = id ]; then name_of "$2"; else addr"$3" "$2"; fi; }

# verdict SRC DST PROTO PORT: what mesh-policy test says.
verdict() {
	verdict_to=$2
	case $3 in 6 | 17 | 132)
		case $2 in *:*:*) verdict_to="[$2]" ;; esac
		verdict_to=$verdict_to:$4
	esac
	"$MESH_POLICY" test "$NET/policy" "$1" "$verdict_to" --proto "$3" \
	    >/dev/null 2>&1
}

# matrix: of all probes "SRC DST PROTO PORT" to $NET/probes; those that may pass
# to $NET/may.
matrix() {
	declare -A said
	: >"$NET/probes" && : >"$NET/may"
	for src in $SOURCES; do
		for dst in $TARGETS; do
			[ "$src" = "$dst" ] && continue
			for f in 4 6; do
				from=$(addr$f "$src") to=$(addr$f "$dst")
				by=$(ask_name "$1" "$src" $f) at=$(ask_name "$2" "$dst" $f)
				probes=PROBES$f
				for p in ${!probes}; do
					proto=${p%:*} port=${p#*:} key="$by $at $p"
					if [ -z "${said[$key]:-}" ]; then
						verdict "$by" "$at" "$proto" "$port"
						said[$key]=$?
					fi
					echo "$from $to $proto $port" >>"$NET/probes"
					[ "${said[$key]}" -eq 0 ] &&
					    echo "$from $to $proto $port" >>"$NET/may"
				done
			done
		done
	done
	sort -o "$NET/may" "$NET/may"
}

# arrived NODE: what it let through in this round.
arrived() {
	awk -v r=$((30000 + ROUND)) '$6 == r { print $2, $3, $4, $5 }' \
	    "$NET/seen-$1.log" | sort -u
}
meant_for() { grep -F -e " $(addr4 "$1") " -e " $(addr6 "$1") " "$NET/may"; }
nothing_missing() {
	for n in $TARGETS; do
		[ -z "$(comm -23 <(meant_for "$n") <(arrived "$n"))" ] || return 1
	done
}
# as_said KIND: the nodes of this kind let through just that.
as_said() {
	for n in $TARGETS; do
		[ "$(kind_of "$n")" = "$1" ] || continue
		diff <(meant_for "$n") <(arrived "$n") || return 1
	done
}

# Has every node the policy of this round? It lets tag:sync to a port of its own.
has_arrived() {
	for n in $TARGETS; do
		echo "$(addr4 s) $(addr4 "$n") 6 $((20000 + ROUND)) $ROUND"
	done | in_host s "$probe" send
	for n in $TARGETS; do
		grep -q " $ROUND\$" "$NET/seen-$n.log" || return 1
	done
}

# line NAME SRC-BY DST-BY COUNT SECTIONS: SRC-BY is id (a user or tag) or addr;
# COUNT, how many of the probes may pass, was reckoned by hand.
line() {
	ROUND=$((ROUND + 1))
	sections=$5
	for n in $TARGETS; do
		sections=${sections//@$n@/$(addr4 "$n")}
		sections=${sections//@$n:6@/$(addr6 "$n")}
	done
	sync="{\"action\": \"accept\", \"src\": [\"tag:sync\"], \"dst\": [\"*:$((20000 + ROUND))\"]},"
	cat >"$NET/policy" <<END
{"groups": {"group:dev": ["alice@"], "group:none": [], "group:all": ["alice@", "bob@"]},
 "hosts": {"web92": "$(addr4 w92)", "low": "100.64.0.0/29", "six": "$(addr6 a102)"},
 "tagOwners": {"tag:web": ["alice@"], "tag:sync": ["alice@"]},
 ${sections/SYNC/$sync}}
END
	check "$1: is accepted" admin policy set "$NET/policy"
	matrix "$2" "$3"
	check "$1: $4 probes may pass" test "$(wc -l <"$NET/may")" -eq "$4"
	if [[ $5 == *SYNC* || $5 != *acls* ]]; then
		check "$1: arrives" wait_for 30 has_arrived
	else
		sleep 3 # it lets through nothing that could tell
	fi
	sends=
	for n in $SOURCES; do
		awk -v a="$(addr4 "$n")" -v b="$(addr6 "$n")" -v r=$((30000 + ROUND)) \
		    '$1 == a || $1 == b { print $0, r }' "$NET/probes" >"$NET/list.$n"
		in_host "$n" "$probe" send 3 300 <"$NET/list.$n" &
		sends="$sends $!"
	done
	# shellcheck disable=SC2086  # several
	wait $sends
	# What is still missing may have waited for a handshake.
	for try in 1 2 3 4 5; do
		wait_for 2 nothing_missing && break
		for n in $SOURCES; do
			in_host "$n" "$probe" send <"$NET/list.$n"
		done
	done
	sleep 0.3
	for k in $KINDS; do
		if [ "$k" = us ]; then
			cell mesh-controld "a policy: our node beside says the same" 1.102
		else
			cell mesh-controld "a policy: filters as mesh-policy test" "1.$k"
		fi
		check "$1: on $k as mesh-policy test says" as_said "$k"
	done
}
acl() { printf '"acls": [SYNC {"action": "accept", "src": [%s], "dst": [%s]%s}]' "$1" "$2" "${3:+, \"proto\": \"$3\"}"; }
grant() { printf '"acls": [SYNC], "grants": [{"src": [%s], "dst": [%s], "ip": [%s]}]' "$1" "$2" "$3"; }

line "no rules" id id 416 '"nodeAttrs": []'
line "a user to a tag, ports" id id 56 "$(acl '"alice@"' '"tag:web:22,80-85"')"
line "a user to a user" id id 52 "$(acl '"bob@"' '"alice@:*"')"
line "groups" id id 32 "$(acl '"group:dev", "group:none"' '"group:all:443"')"
line "a tag to all" id id 32 "$(acl '"tag:web"' '"*:80"')"
line "all to a tag" id id 60 "$(acl '"*"' '"tag:web:53"')"
line "nothing" id id 0 '"acls": []'
line "members to tagged" id id 48 "$(acl '"autogroup:member"' '"autogroup:tagged:22"')"
line "tagged to members" id id 65 "$(acl '"autogroup:tagged"' '"autogroup:member:*"')"
line "oneself" id id 24 "$(acl '"autogroup:member"' '"autogroup:self:22"')"
line "everybody to oneself, and a tag" id id 138 "$(acl '"*"' '"autogroup:self:*", "tag:web:80"')"
line "danger-all" id id 21 "$(acl '"autogroup:danger-all"' '"bob@:22-79"')"
line "internet" id id 0 "$(acl '"*"' '"autogroup:internet:*"')"
line "tcp" id id 64 "$(acl '"alice@"' '"*:22,53"' tcp)"
line "udp" id id 80 "$(acl '"alice@"' '"*:53-80"' UDP)"
line "sctp" id id 24 "$(acl '"bob@"' '"*:80"' 132)"
line "icmp" id id 8 "$(acl '"bob@"' '"tag:web:*"' icmp)"
line "ipv6-icmp" id id 8 "$(acl '"bob@"' '"alice@:*"' ipv6-icmp)"
line "gre" id id 16 "$(acl '"tag:web"' '"alice@:*"' gre)"
line "a number" id id 24 "$(acl '"alice@"' '"tag:web:*"' 51)"
line "an address to a host" addr addr 2 "$(acl '"@a102@"' '"web92:22"')"
line "a prefix to a prefix" addr addr 72 "$(acl '"low"' '"low:80,443"')"
line "addresses of IPv6" addr addr 17 "$(acl '"six", "fd7a:115c:a1e0::/126"' '"[@b:6@]:22", "[fd7a:115c:a1e0::]/48:443"')"
line "a user to an address" id addr 22 "$(acl '"alice@"' '"@b@:*", "@wus@/31:22"')"
line "a grant for all" id id 52 "$(grant '"bob@"' '"tag:web"' '"*"')"
line "a grant with protocols" id id 144 "$(grant '"alice@"' '"*"' '"tcp:22,80", "udp:53", "85-86"')"
line "a grant for icmp, oneself" id id 12 "$(grant '"autogroup:member"' '"autogroup:self"' '"icmp:*"')"
line "rules add up" id id 72 '"acls": [SYNC
    {"action": "accept", "src": ["alice@"], "dst": ["tag:web:22"]},
    {"action": "accept", "src": ["alice@"], "dst": ["tag:web:80"], "proto": "tcp"}],
    "grants": [{"src": ["group:all"], "dst": ["tag:web"], "ip": ["gre:*"]}]'

cell mesh-controld "a policy: its tests are run" 1.102
tests() { sed "s/\"tagOwners\"/\"tests\": [{\"src\": \"alice@\", \"accept\": [\"$1\"]}], \"tagOwners\"/" "$NET/policy" >"$NET/tested" && admin policy set "$NET/tested"; }
check "one whose tests pass is taken" tests tag:web:80
check_status 1 "one whose tests fail is refused" tests tag:web:443
check "and the one before stays" as_said 102

[ "$tap_failed" -eq 0 ] || trace 5
done_testing
