#!/bin/bash
# The control server is killed; then a node is killed and started anew: it talks
# again within seconds, from what it knows. When control is back, so are changes.
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
stop controld KILL
check "without control a reaches b" reaches a b
stop meshd-a KILL
begin=$(ms)
meshd_start a
back() { in_host a ping -nq -c 1 -W 1 "$b4"; }
check "a, killed and started without control, reaches b" wait_for 10 back
took=$(($(ms) - begin))
say "first reply $took ms after the start"
check "that takes 3 s at most (6 on a busy machine)" test "$took" -le 6000
check "status says running" m a wait running --timeout 5s
control_start
admin authkey create --user alice --reusable >"$NET/key"
host c 203.0.113.33
check "control is back: c joins" join c
check "a learns of c" wait_for 20 reaches a c
mesh_end
