#!/bin/bash
# Joining by approval, keys that are not valid any more, tags, names that clash,
# logging out and in again, expiry, down and up.
. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/net.sh"
. "$(dirname "$0")/../lib/mesh.sh"
mesh_begin

world
host a 203.0.113.31
host b 203.0.113.32
host c 203.0.113.33
check "a joins" join a

# by approval: mesh-up waits and shows a URL; the administrator approves it
meshd_start b
start b up-b env MESH_SOCKET="$NET/b.sock" mesh up --server http://$CTL:8080 \
    --hostname b --timeout 30s
url() { grep -oE 'http://[^ ]*register[^ ]*' "$NET/up-b.log" | tail -n 1; }
has_url() { [ -n "$(url)" ]; }
check "mesh up shows a URL" wait_for 10 has_url
check_status 4 "b has not joined yet" m b ip
check "the administrator approves it" admin node approve "$(url)" --user alice
check "b is running" m b wait running --timeout 15s
wait_for 5 is_dead up-b
both a b

# keys
admin authkey create --user alice >"$NET/once"
meshd_start c
check "c joins with a one-time key" m c up --server http://$CTL:8080 \
    --authkey-file "$NET/once" --hostname a --timeout 20s
name=$(m c status --json | jq -r .Self.DNSName)
check "a name that is taken gets a number" test "$name" = a-1.mesh.test.
check "c logs out" m c down --logout
check_status 4 "and is not logged in" m c ip
check_status 7 "the key is used up" m c up --authkey-file "$NET/once" --timeout 10s
admin authkey create --user alice --tag tag:web >"$NET/tagged"
check "c joins with a tagged key" m c up --authkey-file "$NET/tagged" \
    --hostname web --timeout 20s
tags() { m a whois "$(m c ip -4)" --json | jq -r '.Node.Tags[]'; }
has_tag() { [ "$(tags)" = tag:web ]; }
check "whois names the tag" wait_for 5 has_tag

# down and up, with the same address
b4=$(addr b)
check "b goes down" m b down
check_status 1 "and is not reached" in_host a ping -nq -c 1 -W 1 "$b4"
check "b comes up again" m b up --timeout 15s
check "with the same address" test "$(addr b)" = "$b4"
check "and is reached" wait_for 10 in_host a ping -nq -c 1 -W 1 "$b4"

# expiry
check "b's key expires" admin node expire b
gone() { ! in_host a ping -nq -c 1 -W 1 "$b4" >/dev/null; }
check "a does not reach b any more" wait_for 5 gone
mesh_end
