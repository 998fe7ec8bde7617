#!/bin/bash
# Two machines, each behind its own NAT (endpoint-independent): by relay at once,
# then direct; TCP; names, whois; both families; a clean end.
. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/net.sh"
. "$(dirname "$0")/../lib/mesh.sh"
mesh_begin

world
home nata a 1
home natb b 2
check "a joins" join a
check "b joins" join b
check "they hear of each other" meet a b
begin=$(ms)
check "a gets a reply from b" m a ping -c 1 --timeout 5s b
first=$(($(ms) - begin))
say "first reply after $first ms"
check "the first reply comes within 3 s" test "$first" -le 3000
begin=$(ms)
check "a finds a direct path to b" m a wait direct=b --timeout 10s
say "direct after $(($(ms) - begin)) ms"
check "b has a direct path to a" m b wait direct=a --timeout 10s
check "mesh-ping says direct" is_path a b direct
both a b
check "IPv6 through the tunnel" in_host a ping -nq -6 -c 1 -W 3 "$(m b ip -6)"
echo_server b
check "TCP goes through" carries_tcp a b
whois=$(m a whois "$(addr b):7777" --json)
check "whois names node and user" \
    jq -e '.Node.ComputedName == "b" and (.UserProfile.LoginName | startswith("alice"))' <<<"$whois"
check_status 1 "whois of nobody is 1" m a whois 100.64.99.99
check "again: no change" join a
for n in a b; do
	check "$n: status lists its peer as online" sh -c \
	    "$(declare -f m in_host); NET='$NET' NET_TAG='$NET_TAG' m $n status --json |
	    jq -e '[.Peer[] | select(.Online)] | length == 1'"
done
stops_clean a
stops_clean b
mesh_end
