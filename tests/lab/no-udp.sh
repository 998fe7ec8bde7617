#!/bin/bash
# A network that drops all UDP at its edge: relay only, over TCP.
. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/net.sh"
. "$(dirname "$0")/../lib/mesh.sh"
mesh_begin

world
home nata a 1
home natb b 2
in_host nata nft add rule ip guard forwarding ip protocol udp drop
in_host nata nft insert rule ip guard forwarding ip protocol udp drop
check "a joins" join a
check "b joins" join b
check "they hear of each other" meet a b
check "a gets a reply by relay" is_path a b relay
both a b
check_status 6 "no direct path is claimed" m a wait direct=b --timeout 4s
# UDP comes back: the path is found without a restart.
in_host nata nft flush chain ip guard forwarding
in_host nata nft add rule ip guard forwarding ct state established,related accept
in_host nata nft add rule ip guard forwarding iifname != eth0 accept
keep_talking() { in_host a ping -nq -c 2 -i 0.3 -W 1 "$(addr b)" >/dev/null; is_path a b direct; }
check "UDP allowed again: direct within 40 s" wait_for 40 keep_talking
mesh_end
