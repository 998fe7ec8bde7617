#!/bin/bash
# Two machines straight on the internet: direct.
. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/net.sh"
. "$(dirname "$0")/../lib/mesh.sh"
mesh_begin

world
host a 203.0.113.31
host b 203.0.113.32
check "a joins" join a
check "b joins" join b
check "they hear of each other" meet a b
check "a reaches b directly" m a wait direct=b --timeout 10s
check "the path is b's own address" sh -c \
    "ip netns exec '$(netns a)' env MESH_SOCKET='$NET/a.sock' mesh ping -c 1 b | grep 'direct 203.0.113.32:41641'"
both a b
mesh_end
