#!/bin/bash
# SPDX-License-Identifier: ISC
# meshd and a stock node beside it on the stock control server for tests, which
# sends both the same map responses: every member that there is, and members
# that nobody knows. What both make of them must be the same.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/interop/lib.sh"
need tailscale-1.102/tailscaled tailscale-1.102/derper control/testcontrol
need_ours meshd meshd-agent meshd-engine mesh-up mesh-down mesh-ping \
    mesh-status mesh-netmap mesh-ip
net_begin

CTL=203.0.113.10 URL=http://203.0.113.10:8080
internet
host ctl $CTL
host a 203.0.113.21
host b 203.0.113.22
mkdir -p "$NET/cert"
make_cert "$NET/cert/relay.test" relay.test $CTL
cp "$NET/cert/relay.test.crt" "$NET/cert/ca.crt"
cat >"$NET/relays.json" <<END
{"Regions": {"900": {"RegionID": 900, "RegionCode": "lab", "RegionName": "Lab",
  "Nodes": [{"Name": "900a", "RegionID": 900, "HostName": "relay.test",
    "IPv4": "$CTL", "IPv6": "none"}]}}}
END
start_derper ctl relay.test
check "testcontrol starts" start_testcontrol ctl $URL "$NET/relays.json"
check "meshd starts" start_meshd a

state_is() { [ "$(mesh a status --json | jq -r .BackendState)" = "$1" ]; }
joining() { testcontrol joining "$1"; }
up_with() { echo "$1" >"$NET/key"; mesh_up a $URL; }

# --- joining
cell meshd "join by key, refused with the reason" testcontrol
check "only one key joins" joining '{"RequireAuthKey":"sesame"}'
check_status 7 "another one is refused" up_with simsim
check "and the reason is shown" grep -q "invalid authkey" <<<"$tap_out"
check_status 4 "and the node is not logged in" mesh a status
check "the right one joins" up_with sesame
check "the node has an address" mesh a ip -4
check "nobody needs a key from now on" joining '{}'

cell meshd "log in by URL" testcontrol
url_of() { sed -n 's/^[[:space:]]*\(http[^ ]*\)$/\1/p' "$NET/up.out"; }
has_url() { [ -n "$(url_of)" ]; }
# In the background: what it says in $NET/up.out, its status in $NET/up.rc.
begin_up() {
	rm -f "$NET/up.rc"
	(
		mesh a up --server $URL --hostname a --timeout 40s \
		    >"$NET/up.out" 2>&1
		echo $? >"$NET/up.rc"
	) &
}
up_is_done() { grep -qx 0 "$NET/up.rc"; }
check "leaves for good" mesh a down --logout
check_status 4 "and is logged out" mesh a status
check "a person has to log in" joining '{"RequireAuth":true}'
begin_up
check "mesh-up shows a URL" wait_for 20 has_url
check "mesh-status shows it too" grep -q "$(url_of)" <(mesh a status 2>&1)
check "the person logs in" testcontrol "auth?url=$(url_of)" ""
check "and mesh-up is done" wait_for 20 up_is_done

cell meshd "node approval" testcontrol
check "leaves for good" mesh a down --logout
check "an administrator has to approve" joining '{"RequireMachineAuth":true}'
up_waits() { grep -q "administrator" "$NET/up.out"; }
begin_up
check "mesh-up says that it waits" wait_for 20 up_waits
check "nothing runs before" state_is NeedsMachineAuth
check "the administrator approves" testcontrol "update?node=a" '{"MachineAuthorized":true}'
check "and mesh-up is done" wait_for 20 up_is_done
check "nobody needs approval from now on" joining '{}'

cell meshd "key expiry and log in anew" testcontrol
a4=$(mesh a ip -4)
check "all keys expire" testcontrol "expire?on=1" ""
check "the node needs a login" wait_for 10 state_is NeedsLogin
check "keys are good again" testcontrol "expire?on=0" ""
check "it logs in anew" mesh a up --timeout 30s
check "with the same address" test "$(mesh a ip -4)" = "$a4"

# --- what the server asks
check "a stock node starts" start_tailscaled b
check "a stock node joins" tailscale b up --login-server=$URL --hostname=b \
    --accept-dns=false
b4=$(tailscale b ip -4)
check "they meet" wait_for 20 mesh a ping -c 1 --timeout 3s b

ask() { testcontrol "ping?node=$1" "$2"; }
posted() { testcontrol posts | grep -q -- "$1"; }
post_of() { testcontrol posts | sed -n "s|^POST /mesh/$1 ||p"; }
# The same members in what both sent to /mesh/$1-a and -b; ours has no PeerAPI.
shape() { post_of "$1" | jq -ce 'del(.PeerAPIPort) | keys_unsorted'; }
same_shape() { [ -n "$(shape "$1-a")" ] && [ "$(shape "$1-a")" = "$(shape "$1-b")" ]; }
cell meshd "liveness probes answered" testcontrol
check "HEAD through the channel" ask a '{"URL":"https://203.0.113.10:8080/mesh/h1","URLIsNoise":true}'
check "is answered" wait_for 10 posted "HEAD /mesh/h1"
check "HEAD beside the channel" ask a "{\"URL\":\"$URL/mesh/h2\"}"
check "is answered" wait_for 10 posted "HEAD /mesh/h2"
check "a URL that cannot be" ask a '{"URL":"gopher://x/"}'
check "echo by c2n" test "$(testcontrol "c2n?node=a&path=/echo" hello)" = "$(printf '200\nhello')"
check "c2n that nobody knows" grep -q "^400" <(testcontrol "c2n?node=a&path=/nonsense" "")

cell meshd "pings that control asks for" testcontrol
for t in disco TSMP ICMP; do
	check "$t: ours is asked" ask a "{\"URL\":\"https://203.0.113.10:8080/mesh/$t-a\",
	    \"URLIsNoise\":true,\"Types\":\"$t\",\"IP\":\"$b4\"}"
	check "$t: the stock node is asked" ask b "{\"URL\":\"https://203.0.113.10:8080/mesh/$t-b\",
	    \"URLIsNoise\":true,\"Types\":\"$t\",\"IP\":\"$a4\"}"
	check "$t: ours answers" wait_for 15 posted "POST /mesh/$t-a"
	check "$t: the stock node answers" wait_for 15 posted "POST /mesh/$t-b"
	check "$t: in the same shape" same_shape "$t"
done
check "kinds that nobody knows" ask a "{\"URL\":\"https://203.0.113.10:8080/mesh/x\",
    \"URLIsNoise\":true,\"Types\":\"smoke,disco\",\"IP\":\"$b4\"}"
check "are left out" wait_for 15 posted "POST /mesh/x "

[ "$tap_failed" -eq 0 ] || trace 30
done_testing
