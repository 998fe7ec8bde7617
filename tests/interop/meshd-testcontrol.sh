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

CTL=192.168.77.10 URL=http://192.168.77.10:8080
internet
host ctl $CTL
host a 192.168.77.21
host b 192.168.77.22
in_host b ip route add default dev eth0 # else every route is a link change
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
check "HEAD through the channel" ask a '{"URL":"https://192.168.77.10:8080/mesh/h1","URLIsNoise":true}'
check "is answered" wait_for 10 posted "HEAD /mesh/h1"
check "HEAD beside the channel" ask a "{\"URL\":\"$URL/mesh/h2\"}"
check "is answered" wait_for 10 posted "HEAD /mesh/h2"
check "a URL that cannot be" ask a '{"URL":"gopher://x/"}'
check "echo by c2n" test "$(testcontrol "c2n?node=a&path=/echo" hello)" = "$(printf '200\nhello')"
check "c2n that nobody knows" grep -q "^400" <(testcontrol "c2n?node=a&path=/nonsense" "")

cell meshd "pings that control asks for" testcontrol
for t in disco TSMP ICMP; do
	check "$t: ours is asked" ask a "{\"URL\":\"https://192.168.77.10:8080/mesh/$t-a\",
	    \"URLIsNoise\":true,\"Types\":\"$t\",\"IP\":\"$b4\"}"
	check "$t: the stock node is asked" ask b "{\"URL\":\"https://192.168.77.10:8080/mesh/$t-b\",
	    \"URLIsNoise\":true,\"Types\":\"$t\",\"IP\":\"$a4\"}"
	check "$t: ours answers" wait_for 15 posted "POST /mesh/$t-a"
	check "$t: the stock node answers" wait_for 15 posted "POST /mesh/$t-b"
	check "$t: in the same shape" same_shape "$t" ||
	    say "$(testcontrol posts | grep "/$t-")"
done
check "kinds that nobody knows" ask a "{\"URL\":\"https://192.168.77.10:8080/mesh/x\",
    \"URLIsNoise\":true,\"Types\":\"smoke,disco\",\"IP\":\"$b4\"}"
check "are left out" wait_for 15 posted "POST /mesh/x "

# --- deltas, the same to ours and to the stock node
cp "$NET/meshd-a.log" "$NET/before.log"
testcontrol "map?node=a" '{}'
testcontrol "map?node=b" '{}'
key_hex() { printf '%064x' "$1"; }
node() { # ID NAME MORE-JSON
	cat <<END
{"ID": $1, "StableID": "n$1", "Name": "$2.mesh.test.", "User": 1,
 "Key": "nodekey:$(key_hex "$1")", "DiscoKey": "discokey:$(key_hex "$1")",
 "Machine": "mkey:$(key_hex "$1")", "Addresses": ["100.64.9.$(($1 - 1000))/32"],
 "AllowedIPs": ["100.64.9.$(($1 - 1000))/32"], "HomeDERP": 900, "Cap": 142, "Online": false,
 "Created": "2026-01-02T03:04:05Z", "MachineAuthorized": true,
 "Hostinfo": {"OS": "linux", "Hostname": "$2"}${3:+, $3}}
END
}
netmap_of() {
	case $1 in
	a) mesh a netmap fetch | jq .map ;;
	b) tailscale b debug netmap ;;
	esac
}
# Both say VALUE of JQ; it is looked for as a peer when it begins with a digit.
says() { # HOST JQ VALUE
	[ "$(netmap_of "$1" | jq -cS "$2")" = "$3" ]
}
both() { wait_for 10 says a "$1" "$2" && wait_for 10 says b "$1" "$2"; }
sent() { testcontrol "map?node=a" "$1" && testcontrol "map?node=b" "$1"; }
# delta NAME FRAME JQ VALUE
delta() {
	check "$1: sent" sent "$2"
	check "$1: both understand it" both "$3" "$4" || {
		say "ours: $(netmap_of a | jq -cS "$3")"
		say "stock: $(netmap_of b | jq -cS "$3")"
	}
}
P='.Peers[] | select(.ID == 1001)'
known='[.Peers[].ID | select(. > 1000)]'
patch() { delta "$1" "{\"PeersChangedPatch\": [{\"NodeID\": 1001, $2}]}" "$P | $3" "$4"; }

cell meshd "deltas: peers" testcontrol
delta "a peer" "{\"PeersChanged\": [$(node 1001 eins)]}" "$known" '[1001]'
delta "two more" "{\"PeersChanged\": [$(node 1002 zwei), $(node 1003 drei)]}" \
    "$known" '[1001,1002,1003]'
delta "a peer that changed" "{\"PeersChanged\": [$(node 1002 zwo '"Tags": ["tag:x"]')]}" \
    '.Peers[] | select(.ID == 1002) | [.Name, .Tags[0]]' '["zwo.mesh.test.","tag:x"]'
delta "one is gone, so is one that never was" '{"PeersRemoved": [1003, 4711]}' \
    "$known" '[1001,1002]'
delta "online" '{"OnlineChange": {"1001": true}}' "$P | .Online" true
delta "a stranger online" '{"OnlineChange": {"4711": true}}' "$known" '[1001,1002]'
delta "offline" '{"OnlineChange": {"1001": false}}' "$P | .Online" false
delta "seen" '{"PeerSeenChange": {"1001": true}}' "$P | .LastSeen != null" true
check "not seen: sent" sent '{"PeerSeenChange": {"1001": false}}'
check "not seen: ours understands it" wait_for 10 says a "$P | .LastSeen // 0" 0

cell meshd "deltas: every field of a patch" testcontrol
patch "relay" '"DERPRegion": 901' .HomeDERP 901
patch "version" '"Cap": 77' .Cap 77
patch "capabilities" '"CapMap": {"https://example.org/cap": [1]}' \
    '.CapMap | keys' '["https://example.org/cap"]'
patch "no capabilities" '"CapMap": {}' '.CapMap // {} | length' 0
patch "endpoints" '"Endpoints": ["192.0.2.9:5", "[2001:db8::1]:7"]' \
    .Endpoints '["192.0.2.9:5","[2001:db8::1]:7"]'
patch "no endpoints" '"Endpoints": []' '.Endpoints // [] | length' 0
patch "node key" "\"Key\": \"nodekey:$(key_hex 4242)\"" .Key "\"nodekey:$(key_hex 4242)\""
patch "signature" '"KeySignature": "aGFsbG8="' .KeySignature '"aGFsbG8="'
patch "disco key" "\"DiscoKey\": \"discokey:$(key_hex 4243)\"" .DiscoKey \
    "\"discokey:$(key_hex 4243)\""
patch "online" '"Online": true' .Online true
patch "last seen" '"LastSeen": "2026-02-03T04:05:06Z"' .LastSeen '"2026-02-03T04:05:06Z"'
patch "key expiry" '"KeyExpiry": "2036-02-03T04:05:06Z"' .KeyExpiry '"2036-02-03T04:05:06Z"'
delta "of a stranger" '{"PeersChangedPatch": [{"NodeID": 4711, "Online": true}]}' \
    "$known" '[1001,1002]'

cell meshd "deltas: packet filters by name" testcontrol
for h in a b; do
	for port in 7001 7002; do
		start $h "tcp-$h-$port" socat TCP-LISTEN:$port,fork,reuseaddr EXEC:true
	done
done
connects() { in_host "$1" timeout 1 bash -c ": >/dev/tcp/$2/$3" 2>/dev/null; }
verdict() { # FROM ADDRESS: which ports are open
	for port in 7001 7002; do
		connects "$1" "$2" $port && printf 1 || printf 0
	done
}
verdicts() { [ "$(verdict b "$a4")$(verdict a "$b4")" = "$1$1" ]; }
rule() { printf '[{"SrcIPs": ["*"], "DstPorts": [{"IP": "*", "Ports": {"First": %d, "Last": %d}}]}]' "$1" "${2:-$1}"; }
filters() { # NAME FRAME VERDICT: by ours and by the stock node
	check "$1: sent" sent "$2"
	check "$1: both obey it" wait_for 10 verdicts "$3"
}
check "at first all passes" wait_for 10 verdicts 11
filters "none" '{"PacketFilter": []}' 00
filters "one" "{\"PacketFilter\": $(rule 7001)}" 10
filters "null is no change" '{"PacketFilter": null, "PacketFilters": null}' 10
filters "another by name" "{\"PacketFilters\": {\"more\": $(rule 7002)}}" 11
filters "the first without rules" '{"PacketFilters": {"base": []}}' 01
filters "the other is gone" '{"PacketFilters": {"more": null}}' 00
filters "both at once" "{\"PacketFilters\": {\"x\": $(rule 7001), \"y\": $(rule 7002)}}" 11
filters "all anew" "{\"PacketFilters\": {\"*\": null, \"z\": $(rule 7002)}}" 01
filters "what nobody knows is passed over" '{"PacketFilters": {"*": null, "u": [
    {"SrcIPs": ["moon", "*"], "New": {"a": 1}, "IPProto": [6, 300],
     "DstPorts": [{"IP": "mars", "Ports": {"First": 7002, "Last": 7002}},
	{"IP": "*", "Ports": {"First": 7001, "Last": 7001}, "Later": true}]},
    {"SrcIPs": ["*"], "CapGrant": [{"Dsts": ["0.0.0.0/0"], "CapMap": {"x.org/c": null}}]},
    {"SrcIPs": ["cap:moon"], "DstPorts": [{"IP": "*", "Ports": {"First": 7002, "Last": 7002}}]}]}}' 10
filters "all" "{\"PacketFilters\": {\"*\": null, \"base\": $(rule 0 65535)}}" 11

cell meshd "deltas: all peers anew" testcontrol
delta "a whole list" "{\"Peers\": [$(node 1002 zwo), $(node 1004 vier)]}" \
    "$known" '[1002,1004]'
delta "an empty one says nothing" '{"Peers": []}' "$known" '[1002,1004]'
delta "null says nothing" '{"Peers": null, "PeersChanged": null, "PeersRemoved": null}' \
    "$known" '[1002,1004]'

cell meshd "deltas: users, DNS, relay map, self" testcontrol
delta "a user" "{\"UserProfiles\": [{\"ID\": 77, \"LoginName\": \"zoe\", \"DisplayName\": \"Zoe\"}],
    \"PeersChanged\": [$(node 1001 eins '"User": 77')]}" \
    '[.UserProfiles[] | select(.ID == 77) | .LoginName]' '["zoe"]'
delta "DNS" '{"DNSConfig": {"Proxied": true, "Domains": ["lab.test"], "Hm": [1]}}' \
    '(.DNS // .DNSConfig) | .Domains' '["lab.test"]'
delta "domain" '{"Domain": "other.example"}' .Domain '"other.example"'
delta "SSH rules" '{"SSHPolicy": {"rules": [{"principals": [{"any": true}],
    "sshUsers": {"*": "="}, "action": {"accept": true}}]}}' '.SSHPolicy.rules | length' 1
region() {
	cat <<END
"$1": {"RegionID": $1, "RegionCode": "r$1", "RegionName": "R", "Nodes": [{"Name": "$1a",
  "RegionID": $1, "HostName": "relay.test", "IPv4": "$CTL", "IPv6": "none"}]}
END
}
delta "two relays" "{\"DERPMap\": {\"Regions\": {$(region 900), $(region 901), \"902\": null}}}" \
    '.DERPMap.Regions | with_entries(select(.value)) | keys' '["900","901"]'
delta "scores alone" '{"DERPMap": {"HomeParams": {"RegionScore": {"901": 0.5}}}}' \
    '[(.DERPMap.Regions | with_entries(select(.value)) | keys), .DERPMap.HomeParams.RegionScore["901"]]' \
    '[["900","901"],0.5]'
delta "one relay" "{\"DERPMap\": {\"Regions\": {$(region 900)}}}" \
    '.DERPMap.Regions | keys' '["900"]'
for h in a b; do
	testcontrol "map?node=$h" "{\"Node\": $(testcontrol nodes | jq \
	    "[.[] | select(.Hostinfo.Hostname == \"$h\")] | last | .Name = \"neu.mesh.test.\" | .Tags = [\"tag:neu\"] | .New = 1")}"
done
check "self: both understand it" both '(.SelfNode // .Node) | [.Name, .Tags[0]]' \
    '["neu.mesh.test.","tag:neu"]'

cell meshd "deltas: health messages" testcontrol
has_health() { # HOST TEXT
	case $1 in
	a) mesh a status --json ;;
	b) tailscale b status --json ;;
	esac | jq -e "any(.Health[]?; contains(\"$2\"))"
}
health() { # NAME FRAME TEXT
	check "$1: sent" sent "$2"
	check "$1: ours shows it" wait_for 10 has_health a "$3"
	check "$1: the stock node too" wait_for 10 has_health b "$3"
}
no_health() { ! has_health a "$1" && ! has_health b "$1"; }
health "a list" '{"Health": ["disk on fire"]}' "disk on fire"
check "healthy: sent" sent '{"Health": []}'
check "healthy: by both" wait_for 10 no_health "disk on fire"
health "a message" '{"DisplayMessages": {"m1": {"Title": "T", "Text": "lights are out",
    "Severity": "high", "Colour": "red"}}}' "lights are out"
check "no message: sent" sent '{"DisplayMessages": {"m1": null}}'
check "no message: by both" wait_for 10 no_health "lights are out"

cell meshd "what it does not know is ignored" testcontrol
delta "members that nobody knows" "{\"Frobnicate\": {\"a\": [1, 2, {\"b\": null}]},
    \"PeersFrobbed\": [{\"ID\": 7}], \"PeersChanged\": [$(node 1005 fuenf \
    '"NewThing": {"x": 1}, "CapMap": {"https://unknown/cap": [{"deep": [1]}, "s", 1.5e30, null]}')]}" \
    "$known" '[1001,1002,1004,1005]'
for frame in '{}' '{"ControlTime": "2026-01-02T03:04:05.6Z"}' \
    '{"Debug": {"SleepSeconds": 0.1, "Exit": null, "Later": 1}}' \
    '{"TKAInfo": {"Disabled": true}}' '{"CollectServices": true}' \
    '{"ClientVersion": {"RunningLatest": false, "LatestVersion": "9.9.9"}}' \
    '{"ControlDialPlan": {"Candidates": [{"IP": "192.0.2.1", "DialTimeoutSec": 1}]}}' \
    '{"DomainDataPlaneAuditLogID": "x", "DefaultAutoUpdate": true}' \
    '{"MapSessionHandle": "h", "Seq": 9007199254740993}' \
    '{"PopBrowserURL": "https://example.org/page"}'; do
	check "sent: $frame" testcontrol "map?node=a" "$frame"
done
delta "a peer after all that" "{\"PeersRemoved\": [1005]}" "$known" '[1001,1002,1004]'
check "a page is to be seen" grep -q "page to be seen url=https://example.org/page" "$NET/meshd-a.log"
streams() { grep -c "network from control" "$1"; }
check "all in one stream" test "$(streams "$NET/meshd-a.log")" = "$(streams "$NET/before.log")"

[ "$tap_failed" -eq 0 ] || trace 30
done_testing
