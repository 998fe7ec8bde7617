#!/bin/bash
# A policy change ends the TCP stream that it no longer allows, within a second,
# and nothing else. An invalid policy is refused and the old one stays.
. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/net.sh"
. "$(dirname "$0")/../lib/mesh.sh"
mesh_begin

internet
host ctl $CTL
relay_start
cat >"$NET/both.hujson" <<'END'
{ // both ports
  "acls": [{"action": "accept", "src": ["*"], "dst": ["*:7001,7002"]}],
}
END
cat >"$NET/one.hujson" <<'END'
{ "acls": [{"action": "accept", "src": ["*"], "dst": ["*:7002"]}] }
END
cat >"$NET/bad.hujson" <<'END'
{ "acls": [
  {"action": "accept", "src": ["group:nobody"], "dst": ["*:*"]} ] }
END
control_start
admin user add alice >/dev/null
admin authkey create --user alice --reusable >"$NET/key"
check "the policy is set" admin policy set "$NET/both.hujson"
home nata a 1
home natb b 2
check "a joins" join a
check "b joins" join b
check "they hear of each other" meet a b
echo_server b 7001
echo_server b 7002
check "port 7001 is open" wait_for 10 carries_tcp a b 7001
check "port 7002 is open" carries_tcp a b 7002
echo_server b 7003
check_status 1 "port 7003 is not" carries_tcp a b 7003

# The sink writes arrival times of what b received.
for p in 7011 7012; do
	start b "sink-$p" socat -u "TCP-LISTEN:$p,reuseaddr" \
	    SYSTEM:"while read -r l; do date +%s%N >>$NET/got-$p; done"
done
cat >"$NET/both2.hujson" <<'END'
{ "acls": [{"action": "accept", "src": ["*"], "dst": ["*:7011,7012"]}] }
END
cat >"$NET/one2.hujson" <<'END'
{ "acls": [{"action": "accept", "src": ["*"], "dst": ["*:7012"]}] }
END
check "a policy with two streams" admin policy set "$NET/both2.hujson"
sleep 1
for p in 7011 7012; do
	start a "stream-$p" socat -u \
	    SYSTEM:'for i in $(seq 200); do echo x; sleep 0.05; done' \
	    "TCP:$(addr b):$p"
done
lines() { wc -l <"$NET/got-$1" 2>/dev/null || echo 0; }
runs() { [ "$(lines 7011)" -ge 10 ] && [ "$(lines 7012)" -ge 10 ]; }
check "both streams run" wait_for 10 runs
cut=$(date +%s%N)
check "the policy closes 7011" admin policy set "$NET/one2.hujson"
sleep 3
last=$(tail -n 1 "$NET/got-7011")
say "last line on 7011 $(((last - cut) / 1000000)) ms after the change"
check "the stream on 7011 was cut within 1 s" test $((last - cut)) -le 1000000000
after=$(lines 7012)
sleep 1
check "the stream on 7012 goes on" test "$(lines 7012)" -gt "$after"
check_status 1 "an invalid policy is refused" admin policy set "$NET/bad.hujson"
say "$(admin policy set "$NET/bad.hujson" 2>&1)"
check "with line and column" sh -c "printf '%s' '$(admin policy set "$NET/bad.hujson" 2>&1 | tr "'" ' ')' | grep -q 'line 2'"
check "and the old one stays" sh -c "printf '%s' '$(admin policy get | tr "'" ' ')' | grep -q 7012"
mesh_end
