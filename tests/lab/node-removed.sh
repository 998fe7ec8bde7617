#!/bin/bash
# A removed node: its peers forget it and its traffic stops; it does not come
# back with a restart of its peer's agent.
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
both a b
b4=$(addr b)
a4=$(addr a)
check "b is removed" admin node remove b
gone() { ! m a status --json | jq -e '[.Peer[]?] | length > 0' >/dev/null; }
check "a forgets b within 2 s" wait_for 2 gone
check_status 1 "a's packets to b stop" in_host a ping -nq -c 1 -W 1 "$b4"
check_status 1 "b's packets to a stop" in_host b ping -nq -c 1 -W 1 "$a4"
agent=$(pgrep -P "$(pid_of meshd-a)" -f agent)
kill -KILL "$agent"
check "a's agent is back" wait_for 10 m a status
check "b did not come back with it" gone
check_status 1 "nor its packets" in_host b ping -nq -c 1 -W 1 "$a4"
mesh_end
