#!/bin/bash
# SPDX-License-Identifier: ISC
# The policy of a stock headscale, enforced by meshd and by a stock node beside
# it: the same probes from two stock nodes must have the same verdicts.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/interop/lib.sh"
need tailscale-1.102/tailscaled tailscale-1.102/derper headscale-0.29/headscale
need_ours meshd meshd-agent meshd-engine mesh-up mesh-ip
[ -x /usr/bin/python3 ] || skip_all "python3 is missing"
net_begin

CTL=192.168.77.10 URL=http://192.168.77.10:8080
probe=$top_srcdir/tests/interop/probe.py
internet
host ctl $CTL
host relay 192.168.77.11
host m 192.168.77.21 # ours
host t 192.168.77.22 # stock, the judge
host s 192.168.77.23 # asks as alice
host q 192.168.77.24 # asks as tag:q
for h in t s q; do
	in_host $h ip route add default dev eth0
done
mkdir -p "$NET/cert"
make_cert "$NET/cert/relay.test" relay.test 192.168.77.11
cp "$NET/cert/relay.test.crt" "$NET/cert/ca.crt"
relay_map 192.168.77.11 relay.test >"$NET/relays.yaml"
HEADSCALE_POLICY="mode: database"
start_derper relay relay.test
check "headscale starts" start_headscale ctl $CTL "$NET/relays.yaml"
cp "$NET/key" "$NET/key.alice"
for tag in d q; do
	headscale preauthkeys create --user 1 --reusable --tags tag:$tag -o json \
	    2>/dev/null | jq -r .key >"$NET/key.$tag"
done
join() { # HOST KEY
	cp "$NET/key.$2" "$NET/key"
	case $1 in
	m) start_meshd m && mesh_up m $URL ;;
	*) start_tailscaled "$1" && tailscale_up "$1" $URL ;;
	esac
}
check "ours joins" join m d
check "the judge joins" join t d
check "a stock node joins as alice" join s alice
check "a stock node joins as tag:q" join q q
m4=$(mesh m ip -4) m6=$(mesh m ip -6)
t4=$(tailscale t ip -4) t6=$(tailscale t ip -6)
for h in m t; do
	start $h "serve-$h" python3 "$probe" serve
done

# verdict FROM OF: what passes; TCP 7001-7003, UDP 7001-7003, ICMP, IPv6 the same
verdict() {
	case $2 in
	m) in_host "$1" timeout 20 python3 "$probe" ask "$m4" "$m6" ;;
	t) in_host "$1" timeout 20 python3 "$probe" ask "$t4" "$t6" ;;
	esac
}
# all four at once, as "S-M S-T Q-M Q-T"
verdicts() {
	for v in s-m s-t q-m q-t; do
		verdict ${v%-*} ${v#*-} >"$NET/verdict.$v" &
		eval "verdict_${v/-/}=\$!"
	done
	wait "$verdict_sm" "$verdict_st" "$verdict_qm" "$verdict_qt"
	cat "$NET/verdict.s-m" "$NET/verdict.s-t" "$NET/verdict.q-m" "$NET/verdict.q-t"
}
are() { [ "$(verdicts | tr '\n' ' ')" = "$1 $1 $2 $2 " ]; }
# Those who ask always see whom they ask: tag:d may reach them.
base='{"action": "accept", "src": ["tag:d"], "dst": ["*:9999"]}'
tags='"tagOwners": {"tag:d": ["alice@"], "tag:q": ["alice@"]},
  "hosts": {"m": "'$m4'/32", "t": "'$t4'/32", "m6": "'$m6'/128", "t6": "'$t6'/128"}'
set_policy() { headscale policy set -f "$NET/policy.hujson"; }
# policy NAME VERDICT-OF-ALICE VERDICT-OF-Q RULE-JSON [MORE-MEMBERS]
policy() {
	printf '{%s, "acls": [%s%s]%s}\n' "$tags" "$base" "${4:+, $4}" \
	    "${5:+, $5}" >"$NET/policy.hujson"
	check "$1: set" set_policy
	check "$1: ours and stock obey" wait_for 20 are "$2" "$3" ||
	    say "alice to ours, alice to stock, q to ours, q to stock: $(verdicts | tr '\n' ' ')"
}
none=00000000000000
all=11111111111111

# A rule for any port lets echoes of ICMP through too; "icmp" means both families.
cell meshd "policy of headscale: same verdicts as stock" headscale
check "without a policy all passes" wait_for 30 are $all $all
policy "nothing" $none $none ""
policy "one TCP port" 10000011000001 $none \
    '{"action": "accept", "proto": "tcp", "src": ["alice@"], "dst": ["tag:d:7001"]}'
policy "a range of UDP ports" 00001110000111 00001110000111 \
    '{"action": "accept", "proto": "udp", "src": ["*"], "dst": ["*:7002-7003"]}'
policy "a port by either" $none 01001010100101 \
    '{"action": "accept", "src": ["tag:q"], "dst": ["tag:d:7002"]}'
policy "ICMP alone" 00000010000001 $none \
    '{"action": "accept", "proto": "icmp", "src": ["alice@"], "dst": ["tag:d:*"]}'
policy "ICMPv6 alone" 00000010000001 $none \
    '{"action": "accept", "proto": "ipv6-icmp", "src": ["alice@"], "dst": ["tag:d:*"]}'
policy "IPv4 addresses" 10000010000000 $none \
    '{"action": "accept", "proto": "tcp", "src": ["alice@"], "dst": ["m:7001", "t:7001"]}'
policy "members, tagged" 11111111111111 $none \
    '{"action": "accept", "src": ["autogroup:member"], "dst": ["autogroup:tagged:*"]}'
policy "a group" 00100110010011 $none \
    '{"action": "accept", "src": ["group:g"], "dst": ["tag:d:7003"]}' \
    '"groups": {"group:g": ["alice@"]}'
policy "two rules, two sources" 10000011000001 01000010100001 \
    '{"action": "accept", "proto": "tcp", "src": ["alice@"], "dst": ["tag:d:7001"]},
     {"action": "accept", "proto": "tcp", "src": ["tag:q"], "dst": ["tag:d:7002"]}'
policy "grants" 11000111100011 $none "" \
    '"grants": [{"src": ["alice@"], "dst": ["tag:d"], "ip": ["tcp:7001-7002", "udp:7003"]}]'

cell meshd "policy change obeyed within seconds" headscale
for round in 1 2; do
	printf '{%s, "acls": [%s]}\n' "$tags" "$base" >"$NET/policy.hujson"
	check "closed: set" set_policy
	from=$(date +%s%N)
	check "closed: both obey" wait_for 10 are $none $none
	say "after $((($(date +%s%N) - from) / 1000000)) ms, two of them the probes'"
	printf '{%s, "acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"]}]}\n' \
	    "$tags" >"$NET/policy.hujson"
	check "open: set" set_policy
	from=$(date +%s%N)
	check "open: both obey" wait_for 10 are $all $all
	say "after $((($(date +%s%N) - from) / 1000000)) ms"
done

[ "$tap_failed" -eq 0 ] || trace 20
done_testing
