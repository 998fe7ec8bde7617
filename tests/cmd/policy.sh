#!/bin/sh
# TAP: mesh-policy on files; no server.
. "$top_srcdir/tests/cmd/tap.sh"

cat >"$T/good" <<'END'
{
  "groups": {"group:dev": ["alice@"]},
  "tagOwners": {"tag:web": ["alice@"]},
  "acls": [
    // developers and the web
    {"action": "accept", "src": ["group:dev"], "dst": ["tag:web:443"]},
  ],
  "tests": [
    {"src": "alice@", "accept": ["tag:web:443"], "deny": ["tag:web:22"]},
  ],
}
END
sed 's/"deny": \["tag:web:22"\]/"deny": ["tag:web:443"]/' "$T/good" >"$T/fails"
sed 's/dst": \["tag:web/dst": ["tag:db/' "$T/good" >"$T/broken"
sed '/acls/,/^  \],/d; /tests/,/^  \],/d' "$T/good" >"$T/open"

run 0 mesh-policy check "$T/good"
out_is ''
err_is ''
run 0 mesh-policy check --json "$T/good"
out_has '"valid": true'
out_has '"tests": 1'
run 1 mesh-policy check "$T/fails"
err_has "mesh-policy: $T/fails: line 9, column 59: alice@ can reach tag:web:443, but should not"
err_has "mesh-policy: $T/fails: tests failed"
run 1 mesh-policy check "$T/broken"
err_is "mesh-policy: $T/broken: line 6, column 56: 'tag:db' is not in 'tagOwners'"
run 0 mesh-policy check "$T/open"
err_has 'every node may reach every other'
run 1 mesh-policy check "$T/none"
err_has "cannot open '$T/none': No such file or directory"
run_with '{"acls": []}' 0 mesh-policy check -
run_with '{"acls": [' 1 mesh-policy check -
err_has 'mesh-policy: -: line 1, column 11'
dd if=/dev/zero of="$T/long" bs=1048577 count=1 2>/dev/null
run 1 mesh-policy check "$T/long"
err_has 'is longer than 1048576 bytes'

run 0 mesh-policy test "$T/good" alice@ tag:web:443
out_is 'allowed by line 6'
run 1 mesh-policy test "$T/good" alice@ tag:web:22
out_is 'refused: no rule allows it'
run 1 mesh-policy test "$T/good" bob@ tag:web:443
run 1 mesh-policy test "$T/good" alice@ tag:web:443 --proto sctp
run 0 mesh-policy test "$T/good" alice@ tag:web --proto icmp
run 0 mesh-policy test "$T/open" bob@ tag:web:22
out_is 'allowed: the policy has no rules'
run 1 mesh-policy test "$T/open" bob@ tag:web --proto gre
run 0 mesh-policy test --json "$T/good" group:dev tag:web:443
out_has '"allowed": true'
out_has '"line": 6'
run 2 mesh-policy test "$T/good" alice@ tag:db:22
err_is "mesh-policy: 'tag:db' is not in 'tagOwners'"
run 2 mesh-policy test "$T/good" alice@
err_has 'an operand is missing'
run 2 mesh-policy
run 2 mesh-policy frobnicate
err_has "there is no verb 'frobnicate'"

MESH_CONTROL_SOCKET=$T/socket
export MESH_CONTROL_SOCKET
run 3 mesh-policy get
err_has "$T/socket"
run 3 mesh-policy set "$T/good"
done_testing
