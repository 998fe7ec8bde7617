#!/bin/bash
# The relay is killed and comes back: peers that need it talk again; peers with a
# direct path never notice.
. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/net.sh"
. "$(dirname "$0")/../lib/mesh.sh"
mesh_begin

world
home nata a 1 fully-random
home natb b 2 fully-random
host c 203.0.113.33
host d 203.0.113.34
for n in a b c d; do check "$n joins" join $n; done
both a b
check "c and d are direct" m c wait direct=d --timeout 10s
start c flood ping -q -i 0.05 -c 120 "$(addr d)"
stop relayd KILL
check_status 1 "without the relay a does not reach b" reaches a b 1
check "the direct pair goes on" reaches c d
relay_start
check "the relay is back: a reaches b within 15 s" wait_for 15 reaches a b 1
wait_for 10 is_dead flood
check "no direct packet was lost" grep -q ' 0% packet loss' "$NET/flood.log"
mesh_end
