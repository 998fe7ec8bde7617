#!/bin/bash
# Names, files and facts among stock nodes on our control server: what each knows
# of the others. Of each release two nodes of alice's; one of bob's, one with a tag.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/interop/lib.sh"
RELEASES="80 92 102"
for r in $RELEASES; do need "tailscale-1.$r/tailscaled"; done
need tailscale-1.102/derper
need_ours mesh-controld
net_begin

CTL=203.0.113.10 RELAY=203.0.113.11 URL=https://203.0.113.10 NS=203.0.113.53
internet
host ctl $CTL
host relay $RELAY
host ns $NS
mkdir -p "$NET/cert"
make_cert "$NET/cert/relay.test" relay.test $RELAY
make_cert "$NET/cert/control.test" control.test $CTL
cat "$NET"/cert/*.test.crt >"$NET/cert/ca.crt"
relay_map $RELAY relay.test >"$NET/relays.yaml"
start_derper relay relay.test
start ns ns "$top_srcdir/tests/interop/dns.py" serve $NS \
    host.corp.example=10.9.9.9 host.elsewhere.example=10.8.8.8

settings() { # SPLIT-DOMAIN RECORD
	cat >"$NET/dns.yaml" <<END
nameservers:
  split:
    $1: [$NS]
search_domains: [search.example]
extra_records:
  - {name: $2, type: A, value: 100.64.0.1}
END
}
settings corp.example wiki.example
check "control server starts" start_controld ctl $CTL "$NET/relays.yaml" --dns "$NET/dns.yaml"
for u in alice bob; do
	admin user add $u >/dev/null
	admin authkey create --user $u --reusable >"$NET/key-$u"
done
admin authkey create --user alice --reusable --tag tag:server >"$NET/key-server"

# named HOST RELEASE: a node that may write to /etc, of its own.
named() {
	mkdir -p "$NET/$1"
	cp -a /etc "$NET/$1/etc"
	rm -f "$NET/$1/etc/resolv.conf"
	echo "nameserver $NS" >"$NET/$1/etc/resolv.conf"
	echo "$PEERS/tailscale-1.$2" >"$NET/$1/release"
	start "$1" "tailscaled-$1" sh -c "mount --bind $NET/$1/etc /etc && exec \
	    env SSL_CERT_FILE=$NET/cert/ca.crt $PEERS/tailscale-1.$2/tailscaled \
	    --statedir=$NET/$1 --socket=$NET/$1/socket --tun=tailscale0 \
	    --port=41641 --no-logs-no-support"
	wait_for 10 test -S "$NET/$1/socket"
}
up() { # HOST KEY
	tailscale "$1" up --login-server=$URL --auth-key="$(cat "$NET/key-$2")" \
	    --hostname="$1"
}
i=20
for n in $(for r in $RELEASES; do echo "a$r b$r"; done) bob srv; do
	i=$((i + 1))
	host "$n" 203.0.113.$i
	case $n in bob | srv) r=102 ;; *) r=${n#?} ;; esac
	named "$n" "$r"
done
check "bob's joins" up bob bob
check "the tagged one joins" up srv server
for r in $RELEASES; do
	cell mesh-controld "names and reverse on 100.100.100.100" "1.$r"
	check "a$r joins" up "a$r" alice
	check "b$r joins" up "b$r" alice
done
addr() { tailscale "$1" ip "${2:--4}"; }

ask() { in_host "$1" timeout 15 "$top_srcdir/tests/interop/dns.py" ask 100.100.100.100 "${@:2}"; }
is_named() { [ "$(ask "$1" "$2" "${4:-A}")" = "$3" ]; }
for r in $RELEASES; do
	cell mesh-controld "names and reverse on 100.100.100.100" "1.$r"
	check "the name of a peer" wait_for 15 is_named "a$r" "b$r.mesh.test" "$(addr "b$r")"
	check "its own" is_named "a$r" "a$r.mesh.test" "$(addr "a$r")"
	check "the name of an address" is_named "a$r" "$(addr "b$r")" "b$r.mesh.test" PTR
	# Older ones know no names for IPv6 where there is IPv4.
	[ $r -lt 102 ] ||
	    check "of an IPv6 address" is_named "a$r" "$(addr "b$r" -6)" "b$r.mesh.test" PTR
	check "there is no other" is_named "a$r" nobody.mesh.test NXDOMAIN
	check "an address of nobody has none" is_named "a$r" 100.99.9.9 NXDOMAIN PTR
	check "renamed" admin node rename "b$r" "beta$r"
	check "the new name is answered" wait_for 5 is_named "a$r" "beta$r.mesh.test" "$(addr "b$r")"
	check "the old one is not" is_named "a$r" "b$r.mesh.test" NXDOMAIN
	check "and back" admin node rename "beta$r" "b$r"

	cell mesh-controld "split DNS and extra records from our settings" "1.$r"
	check "a split domain is asked for where it should be" \
	    is_named "a$r" host.corp.example 10.9.9.9
	check "what is not there is not" is_named "a$r" other.corp.example NXDOMAIN
	check "an extra record" is_named "a$r" wiki.example 100.64.0.1
	check "search domains, our suffix first" \
	    grep -q '^search mesh.test search.example' "$NET/a$r/etc/resolv.conf"
done
settings elsewhere.example other.example
check "other settings" kill -HUP "$(pid_of controld)"
for r in $RELEASES; do
	cell mesh-controld "split DNS and extra records from our settings" "1.$r"
	check "another split domain" wait_for 15 is_named "a$r" host.elsewhere.example 10.8.8.8
	check "another record" is_named "a$r" other.example 100.64.0.1
	check "and the old one no more" is_named "a$r" wiki.example NXDOMAIN
done
echo 'nameservers: {global: [x]}' >"$NET/dns.yaml"
kill -HUP "$(pid_of controld)"
check "settings that are wrong are refused with their place" wait_for 5 \
    grep -q "reload refused: dns settings .*line 1, column 24" "$NET/controld.log"
check "and change nothing" is_named a102 other.example 100.64.0.1

peer() { # HOST PEER JQ-FILTER
	tailscale "$1" status --json |
	    jq -e ".User as \$users | .Peer[] | select(.HostName == \"$2\") | $3"
}
who() { tailscale "$1" whois --json "$2" | jq -r "$3"; }
for r in $RELEASES; do
	cell mesh-controld "status: users, tags, online, relay" "1.$r"
	check "whose a peer is" peer "a$r" bob '$users[.UserID | tostring].LoginName == "bob"'
	check "its tag" peer "a$r" srv '.Tags == ["tag:server"]'
	check "who has a tag is nobody's" peer "a$r" srv '$users[.UserID | tostring].LoginName == "tagged-devices"'
	check "it is online" peer "a$r" "b$r" .Online
	check "at its relay" wait_for 15 peer "a$r" "b$r" '.Relay == "lab"'
	check "it is no exit node" peer "a$r" "b$r" '.ExitNodeOption == false and .ExitNode == false'
	check "the list says so too" wait_for 5 bash -c \
	    "$(declare -f tailscale in_host); NET=$NET NET_TAG=$NET_TAG
	    tailscale a$r status | grep -qE '^100\.[0-9.]+ +b$r +alice@? +linux'"

	cell mesh-controld "whois" "1.$r"
	check "by an address" test "$(who "a$r" "$(addr bob)" .UserProfile.LoginName)" = bob
	check "with a port" test "$(who "a$r" "$(addr bob):80" .Node.Name)" = bob.mesh.test.
	check "of IPv6" test "$(who "a$r" "$(addr srv -6)" '.Node.Tags[0]')" = tag:server
	check_status 1 "nobody has this one" tailscale "a$r" whois 100.99.9.9

	cell mesh-controld "netcheck" "1.$r"
	tailscale "a$r" netcheck --format=json >"$NET/a$r/netcheck" 2>/dev/null
	check "UDP works, the relay is found" jq -e \
	    '.UDP and .PreferredDERP == 900 and .RegionLatency["900"] > 0' "$NET/a$r/netcheck"

	cell mesh-controld "ping: disco, TSMP, ICMP, PeerAPI" "1.$r"
	to=$(addr "b$r")
	check "disco" tailscale "a$r" ping -c 5 "$to"
	check "TSMP" tailscale "a$r" ping --tsmp -c 3 "$to"
	check "ICMP" tailscale "a$r" ping --icmp -c 3 "$to"
	check "PeerAPI" tailscale "a$r" ping --peerapi -c 1 "$to"

	cell mesh-controld "files: sent, received, refused" "1.$r"
	head -c 300000 /dev/urandom >"$NET/a$r/thing"
	mkdir "$NET/b$r/got"
	check "sent" tailscale "a$r" file cp "$NET/a$r/thing" "b$r:"
	check "received" tailscale "b$r" file get "$NET/b$r/got"
	check "whole" cmp "$NET/a$r/thing" "$NET/b$r/got/thing"
	check_status 1 "not to somebody else's machine" tailscale "a$r" file cp "$NET/a$r/thing" bob:
	check "which got nothing" sh -c "! find $NET/bob/files -type f 2>/dev/null | grep -q ."
done

[ "$tap_failed" -eq 0 ] || trace
done_testing
