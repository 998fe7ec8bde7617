#!/bin/bash
# A flood of garbage at the UDP port: no answer, no growth, the tunnel unharmed.
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
check "direct" m a wait direct=b --timeout 10s
pss() {
	for p in $(pid_of meshd-a) $(pgrep -P "$(pid_of meshd-a)"); do
		sed -n 's/^Pss: *\([0-9]*\) kB/\1/p' "/proc/$p/smaps_rollup"
	done | awk '{ s += $1 } END { print s }'
}
before=$(pss)
# Sanitizers keep what was freed, so memory says nothing under them.
if [ -n "${MESH_SANITIZED:-}" ]; then
	skip "memory of meshd with one peer" "built with sanitizers"
else
	check "meshd with one peer, all processes, is under 8 MB proportional" \
	    test "$before" -lt 8192
fi
start a flood ping -q -i 0.05 -c 200 "$(addr b)"
in_host ctl python3 - 203.0.113.31 41641 "${GARBAGE:-1000000}" >"$NET/answers" <<'END'
import os, random, socket, sys
to, n = (sys.argv[1], int(sys.argv[2])), int(sys.argv[3])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setblocking(False)
rng = random.Random(1)
pool = []
for i in range(512):
    size = rng.choice((0, 1, 20, 31, 32, 62, 92, 124, 148, 500, 1400))
    body = bytearray(rng.randbytes(size))
    kind = i % 8
    if kind < 4 and size >= 4: body[:4] = bytes((kind + 1, 0, 0, 0))
    elif kind == 4 and size >= 6: body[:6] = b'TS\xf0\x9f\x92\xac'
    elif kind == 5 and size >= 20: body[:8] = b'\x01\x01\x00\x00\x21\x12\xa4\x42'
    elif kind == 6 and size >= 20: body[:8] = b'\x00\x01\x00\x00\x21\x12\xa4\x42'
    pool.append(bytes(body))
answers = sent = 0
while sent < n:
    try:
        s.sendto(pool[sent % 512], to); sent += 1
    except BlockingIOError:
        pass
    if sent % 1000 == 0:
        try:
            s.recv(2048); answers += 1
        except BlockingIOError:
            pass
print(sent, answers)
END
say "sent and answered: $(cat "$NET/answers")"
check "garbage datagrams got no answer" grep -qE '^[0-9]+ 0$' "$NET/answers"
wait_for 30 is_dead flood
say "$(tail -n 2 "$NET/flood.log" | head -n 1)"
check "the tunnel lost less than 2 % meanwhile" \
    awk -F'[, %]+' '/packet loss/ { for (i = 1; i < NF; i++) if ($(i + 1) == "packet") exit !($i < 2) }' "$NET/flood.log"
after=$(pss)
say "proportional memory before and after: $before kB, $after kB"
if [ -n "${MESH_SANITIZED:-}" ]; then
	skip "no growth" "built with sanitizers"
else
	check "no growth beyond 1 MB" test $((after - before)) -le 1024
fi
check "the daemon lives" m a wait running --timeout 5s
both a b
mesh_end
