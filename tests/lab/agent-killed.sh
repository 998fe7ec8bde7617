#!/bin/bash
# The agent is killed once a second, then stopped for ten: no reply of a ping
# flood is lost, and it comes back. The engine is killed: it comes back on the
# same NAT mapping.
. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/net.sh"
. "$(dirname "$0")/../lib/mesh.sh"
mesh_begin

world
home nata a 1 fully-random
host b 203.0.113.32
check "a joins" join a
check "b joins" join b
check "they hear of each other" meet a b
check "direct" m a wait direct=b --timeout 10s
role() { pgrep -P "$(pid_of meshd-a)" -f "meshd: $1"; }
check "the roles have their names" test -n "$(role engine)" -a -n "$(role agent)"

start a flood ping -q -i 0.02 -c 400 "$(addr b)"
for _ in 1 2 3 4 5; do
	kill -KILL "$(role agent)" 2>/dev/null
	sleep 1
done
wait_for 15 is_dead flood
say "$(tail -n 2 "$NET/flood.log" | head -n 1)"
check "agent killed five times: no reply lost" grep -q ' 0% packet loss' "$NET/flood.log"
check "the agent is back" m a wait running --timeout 10s

: >"$NET/flood.log"
start a flood ping -q -i 0.02 -c 500 "$(addr b)"
kill -STOP "$(role agent)"
sleep 10
kill -CONT "$(role agent)" 2>/dev/null
wait_for 10 is_dead flood
say "$(tail -n 2 "$NET/flood.log" | head -n 1)"
check "agent stopped for 10 s: no reply lost" grep -q ' 0% packet loss' "$NET/flood.log"
check "the agent answers" m a wait running --timeout 10s

# The NAT gives a new port to each new socket, so the port that b sees a by tells
# whether it is the old one.
seen_by_b() { m b ping -c 1 a | sed -n 's/.* direct \([0-9.:]*\) .*/\1/p'; }
old=$(seen_by_b)
kill -KILL "$(role engine)"
check "the engine is back: a reaches b within 5 s" wait_for 5 reaches a b 1
check "direct, without a detour" m b wait direct=a --timeout 10s
say "a as b sees it, before and after: $old, $(seen_by_b)"
check "on the same NAT mapping" test -n "$old" -a "$old" = "$(seen_by_b)"
stops_clean a
mesh_end
