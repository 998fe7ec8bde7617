#!/bin/bash
# Two machines in one home behind one NAT: the local path wins, although the NAT
# has a public address for both.
. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/net.sh"
. "$(dirname "$0")/../lib/mesh.sh"
mesh_begin

world
home nata a 1
behind nata b 192.168.1 11
check "a joins" join a
check "b joins" join b
check "they hear of each other" meet a b
check "a reaches b directly" m a wait direct=b --timeout 10s
local_path() { m a ping -c 1 b | grep -q 'direct 192\.168\.1\.11:41641'; }
check "the path is the local address" wait_for 10 local_path
both a b
mesh_end
