#!/bin/bash
# Networks behind stock nodes on our control server: announced, approved, used,
# failed over; exit nodes. Of each release two routers with a home of the same
# addresses each, and a client.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/interop/lib.sh"
RELEASES="80 92 102"
for r in $RELEASES; do need "tailscale-1.$r/tailscaled"; done
need tailscale-1.102/derper
need_ours mesh-controld
need_ours mesh-route
net_begin

CTL=203.0.113.10 RELAY=203.0.113.11 URL=https://203.0.113.10
# Behind .98, where only routers send: exit nodes do not carry to their own link.
FAR=198.51.100.99
internet
host ctl $CTL
host relay $RELAY
host far 203.0.113.98
in_host far ip addr add $FAR/32 dev lo
mkdir -p "$NET/cert"
make_cert "$NET/cert/relay.test" relay.test $RELAY
make_cert "$NET/cert/control.test" control.test $CTL
cat "$NET"/cert/*.test.crt >"$NET/cert/ca.crt"
relay_map $RELAY relay.test >"$NET/relays.yaml"
start_derper relay relay.test
check "control server starts" start_controld ctl $CTL "$NET/relays.yaml"
admin user add alice >/dev/null
admin authkey create --user alice --reusable >"$NET/key"

# says HOST WORD: a server in that machine that answers with the word and the
# address of who asks.
says() {
	start "$1" "web-$1" socat TCP-LISTEN:80,fork,reuseaddr \
	    SYSTEM:"echo $2 \$SOCAT_PEERADDR"
}
fetch() { in_host "$1" timeout 5 socat -t 2 - "TCP:$2:80,connect-timeout=3"; }
answers() { [ "$(fetch "$1" "$2" | cut -d' ' -f1)" = "$3" ]; }
is_silent() { ! fetch "$1" "$2" | grep -q .; }
says far far

# Of release 80: routers r80a and r80b, machines w80a and w80b behind them, and
# the client c80.
i=0
for r in $RELEASES; do
	for n in a b; do
		h=r$r$n
		i=$((i + 1))
		host "$h" "203.0.113.$((20 + i))"
		in_host "$h" sysctl -qw net.ipv4.ip_forward=1
		in_host "$h" ip route add $FAR via 203.0.113.98
		behind "$h" "w$r$n" "10.$r.0"
		says "w$r$n" "w$r$n"
		start_tailscaled "$h" "tailscale-1.$r"
	done
	i=$((i + 1))
	host "c$r" "203.0.113.$((20 + i))"
	start_tailscaled "c$r" "tailscale-1.$r"
done
up() { # HOST OPTION ...
	tailscale "$1" up --login-server=$URL --auth-key="$(cat "$NET/key")" \
	    --hostname="$1" --accept-dns=false "${@:2}"
}
for r in $RELEASES; do
	cell mesh-controld "subnet routes: announced, approved, used" "1.$r"
	for n in a b; do
		check "r$r$n joins and announces" up "r$r$n" \
		    --advertise-routes="10.$r.0.0/24" --advertise-exit-node
	done
	check "c$r joins and accepts routes" up "c$r" --accept-routes
done

peer() { # HOST PEER JQ-FILTER
	tailscale "$1" status --json |
	    jq -e ".Peer[] | select(.HostName == \"$2\") | $3"
}
carries() { peer "$1" "$2" ".PrimaryRoutes == [\"$3\"]"; }
not_carries() { peer "$1" "$2" ".PrimaryRoutes == null"; }
is_exit() { peer "$1" "$2" ".ExitNodeOption == true"; }
route_is() { admin route list | grep -qE "^$1 +$2 +$3$"; }

for r in $RELEASES; do
	net=10.$r.0.0/24 web=10.$r.0.10
	cell mesh-controld "subnet routes: announced, approved, used" "1.$r"
	check "announced: it waits" wait_for 10 route_is $net "r${r}a" waits
	check "not approved: peers are not told" wait_for 10 not_carries "c$r" "r${r}a"
	check "not approved: nothing gets there" is_silent "c$r" $web
	check "approved" admin node approve-routes "r${r}a" $net
	check "peers are told" wait_for 5 carries "c$r" "r${r}a" $net
	check "no exit node without approval" not_carries "c$r" "r${r}b"
	check "the client reaches the network" wait_for 15 answers "c$r" $web "w${r}a"
	check "withdrawn" admin route withdraw "r${r}a" $net
	check "peers are told so" wait_for 5 not_carries "c$r" "r${r}a"
	check "nothing gets there any more" wait_for 5 is_silent "c$r" $web
	check "approved again" admin route approve "r${r}a" $net
	check "the other one too" admin route approve "r${r}b" $net
	check "the first one serves" wait_for 5 route_is $net "r${r}a" serving
	check "the other one stands by" route_is $net "r${r}b" standby
done

for r in $RELEASES; do
	cell mesh-controld "exit node: approved, used" "1.$r"
	check_status 1 "not approved: no exit node" is_exit "c$r" "r${r}b"
	check "approved by one of the two prefixes" admin route approve "r${r}b" 0.0.0.0/0
	check "peers may choose it" wait_for 5 is_exit "c$r" "r${r}b"
	check "without it the far host is not reached" is_silent "c$r" $FAR
	check "it is chosen" tailscale "c$r" set --exit-node="r${r}b"
	exit_address=$(in_host "r${r}b" ip -4 -o addr show dev eth0 | sed 's/.*inet \([0-9.]*\).*/\1/')
	goes_out() { [ "$(fetch "c$r" $FAR)" = "far $exit_address" ]; }
	check "the far host sees its address" wait_for 15 goes_out
	check "status says so" peer "c$r" "r${r}b" ".ExitNode == true"
	check "no exit node again" tailscale "c$r" set --exit-node=
done

for r in $RELEASES; do stop "tailscaled-r${r}a" KILL; done
for r in $RELEASES; do
	net=10.$r.0.0/24 web=10.$r.0.10
	cell mesh-controld "two subnet routers: one dies, the other serves" "1.$r"
	check "the other one takes over" wait_for 30 carries "c$r" "r${r}b" $net
	check "the first one carries nothing" not_carries "c$r" "r${r}a"
	check "the client reaches the network by the other" wait_for 15 answers "c$r" $web "w${r}b"
	start_tailscaled "r${r}a" "$(basename "$(cat "$NET/r${r}a/release")")"
done
for r in $RELEASES; do
	cell mesh-controld "two subnet routers: one dies, the other serves" "1.$r"
	is_back() { peer "c$r" "r${r}a" ".Online == true"; }
	check "the first one comes back" wait_for 30 is_back
	check "and stands by" route_is "10.$r.0.0/24" "r${r}a" standby
	check "the other one goes on" answers "c$r" "10.$r.0.10" "w${r}b"
done

# As if the power went: no word, no acknowledgement.
for r in $RELEASES; do in_host "r${r}b" ip link set eth0 down; done
for r in $RELEASES; do
	cell mesh-controld "two subnet routers: one vanishes" "1.$r"
	check "the other one takes over" wait_for 60 carries "c$r" "r${r}a" "10.$r.0.0/24"
	check "the client reaches the network by it" wait_for 15 answers "c$r" "10.$r.0.10" "w${r}a"
	in_host "r${r}b" ip link set eth0 up
done

policy() { printf '%s\n' "$1" >"$NET/policy.hujson" && admin policy set "$NET/policy.hujson"; }
all='"acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"]}]'
for r in $RELEASES; do
	cell mesh-controld "routes approved by the policy (autoApprovers)" "1.$r"
	check "another network is announced" tailscale "r${r}a" set --advertise-routes="10.$r.7.0/24"
	check "it waits" wait_for 10 route_is "10.$r.7.0/24" "r${r}a" waits
done
check "a policy that approves" policy "{$all, \"autoApprovers\": {\"routes\": {
    \"10.80.0.0/16\": [\"alice@\"], \"10.92.0.0/16\": [\"alice@\"], \"10.102.0.0/16\": [\"bob@\"]}}}"
for r in 80 92; do
	cell mesh-controld "routes approved by the policy (autoApprovers)" "1.$r"
	check "its networks serve" wait_for 5 route_is "10.$r.7.0/24" "r${r}a" serving
	check "peers are told" wait_for 5 carries "c$r" "r${r}a" "10.$r.7.0/24"
done
cell mesh-controld "routes approved by the policy (autoApprovers)" 1.102
check "what others may approve still waits" route_is 10.102.7.0/24 r102a waits
check "a policy that approves this too" policy "{$all, \"autoApprovers\": {\"routes\": {
    \"10.102.0.0/16\": [\"alice@\"]}}}"
check "it serves" wait_for 5 route_is 10.102.7.0/24 r102a serving
check "approvals stay" route_is 10.80.7.0/24 r80a serving

[ "$tap_failed" -eq 0 ] || trace
done_testing
