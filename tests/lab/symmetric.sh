#!/bin/bash
# A new port for each destination on both sides: no direct path can be found, the
# relay carries, and goes on carrying.
. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/net.sh"
. "$(dirname "$0")/../lib/mesh.sh"
mesh_begin

world
home nata a 1 fully-random
home natb b 2 fully-random
check "a joins" join a
check "b joins" join b
check "they hear of each other" meet a b
check "a gets a reply by relay" is_path a b relay
both a b
echo_server b
check "TCP goes through" carries_tcp a b
check_status 6 "no direct path is claimed" m a wait direct=b --timeout 4s
check "the relay still carries" is_path a b relay
mesh_end
