#!/bin/bash
# A peer comes back with new disco keys (a restart), and then with a new node key
# (its state was lost): others find it again, and the old key is worth nothing.
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
check "direct" m a wait direct=b --timeout 10s
stop meshd-b
meshd_start b
check "b restarted: a reaches it" wait_for 15 reaches a b 1
check "b restarted: direct again" m a wait direct=b --timeout 20s
stop meshd-b
rm -rf "$NET/b"
check "b joins anew with empty state" join b
new=$(m b status --json | jq -r '.Self.DNSName' | cut -d. -f1)
say "b is now $new"
check "a reaches the new b" wait_for 15 m a ping -c 1 --timeout 2s "$new"
mesh_end
