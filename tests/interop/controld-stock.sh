#!/bin/bash
# Two stock nodes behind NATs on our control server and a stock relay.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/interop/lib.sh"
need tailscale-1.102/tailscaled tailscale-1.102/derper
need_ours mesh-controld
need_ours mesh-user
net_begin

# An address each: stock nodes that come back soon try port 443 alone.
CTL=203.0.113.10 RELAY=203.0.113.11 URL=https://203.0.113.10
internet
host ctl $CTL
host relay $RELAY
nat nata 203.0.113.21 && behind nata a 192.168.1
nat natb 203.0.113.22 && behind natb b 192.168.2
mkdir -p "$NET/cert"
make_cert "$NET/cert/relay.test" relay.test $RELAY
make_cert "$NET/cert/control.test" control.test $CTL
cat "$NET"/cert/*.test.crt >"$NET/cert/ca.crt"
relay_map $RELAY relay.test >"$NET/relays.yaml"
start_derper relay relay.test

control() { start_controld ctl $CTL "$NET/relays.yaml"; }
sees() { tailscale "$1" status | grep -qE "^100\.[0-9.]+ +$2 "; }
no_longer_sees() { ! sees "$1" "$2"; }
echoes() { in_host "$1" ping -nq -c 1 -W 2 "$2"; }
by_relay() { tailscale a ping -c 1 --until-direct=false "$b" | grep -q DERP; }
sees_tag() { tailscale a status --json | jq -e ".Peer[].Tags[0] == \"$1\""; }
are_online() { [ "$(admin node list | grep -cw online)" -eq "$1" ]; }
is_expired() { admin node list | grep -q " $1 .* expires "; }
is_silent() { ! in_host "$1" ping -nq -c 2 -i 0.5 -W 1 "$2"; }

cell mesh-controld "two nodes behind NATs meet" 1.102
check "control server starts" control
check "a user" admin user add alice
admin authkey create --user alice --reusable >"$NET/key"
for n in a b; do
	start_tailscaled $n
	check "$n joins by key" tailscale_up $n $URL
done
a=$(tailscale a ip -4) b=$(tailscale b ip -4)
check "addresses in turn" test "$a $b" = "100.64.0.1 100.64.0.2"
check "a sees b" wait_for 10 sees a b
check "b sees a" wait_for 10 sees b a
check "the first ping goes by relay" wait_for 10 by_relay
check "echo through the tunnel, a to b" wait_for 10 echoes a "$b"
check "echo through the tunnel, b to a" wait_for 10 echoes b "$a"
check "the path becomes direct" tailscale a ping -c 20 --until-direct "$b"
check "whois names the user" test \
    "$(tailscale b whois --json "$a" | jq -r .UserProfile.LoginName)" = alice
check "the name is resolved" test \
    "$(tailscale a status --json | jq -r '.Peer[].DNSName')" = b.mesh.test.
check "the list says online" are_online 2

# Names, tags
check "renaming" admin node rename b berta
check "peers get the new name" wait_for 5 sees a berta
check "tagging" admin node tag berta tag:server
check "peers see the tag" wait_for 5 sees_tag tag:server
check "still talking" wait_for 10 echoes a "$b"

# Policy
cell mesh-controld "a policy is obeyed, whoever it cuts off forgets" 1.102
policy() { printf '%s\n' "$1" >"$NET/policy.hujson" && admin policy set "$NET/policy.hujson"; }
check "a policy without rules for them" policy '{"acls": []}'
check "cuts them off" wait_for 5 is_silent a "$b"
check "they forget each other" wait_for 5 no_longer_sees a berta
check_status 1 "a broken policy is refused" policy '{"acls": [}'
check "the old one stays" test "$(admin policy get)" = '{"acls": []}'
check "one that allows one way" policy '{"tagOwners": {"tag:server": ["alice@"]},
    "acls": [{"action": "accept", "src": ["alice@"], "dst": ["tag:server:*"]}]}'
check "lets that way" wait_for 15 echoes a "$b"
check "and the other not" is_silent b "$a"
check "one that allows all" policy '{"acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"]}]}'
check "lets both" wait_for 15 echoes b "$a"

# The network outlives its control
cell mesh-controld "control killed: nodes come back" 1.102
stop controld KILL
check "control server is gone: still talking" echoes b "$a"
check "control server starts again" control
check "nodes come back" wait_for 60 are_online 2

# Removal
cell mesh-controld "mesh-node remove, seen at once" 1.102
check "removing berta" admin node remove berta
check "a forgets it" wait_for 5 no_longer_sees a berta
check "its traffic stops" wait_for 10 is_silent a "$b"

# Logging out
cell mesh-controld "log out and back in" 1.102
check "a logs out" tailscale a logout
check "it has to log in again" wait_for 5 is_expired a

[ "$tap_failed" -eq 0 ] || trace
done_testing
