#!/bin/bash
# What cannot work says why, in a sentence, with an exit status: meshd.
. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/net.sh"
. "$(dirname "$0")/../lib/mesh.sh"
mesh_begin

world
host a 203.0.113.31
says() { # STATUS TEXT NAME COMMAND ...
	want=$1 text=$2 name=$3
	shift 3
	check_status "$want" "$name: exit status" in_host a timeout 10 "$@"
	out=$(in_host a timeout 10 "$@" 2>&1)
	check "$name: says why" grep -qiE "$text" <<<"$out"
	say "$(tail -n 1 <<<"$out")"
}
meshd_cmd() { echo meshd --state "$NET/a" --socket "$NET/a.sock" --tun mesh0 --port 41641; }
check "the daemon starts" meshd_start a
# shellcheck disable=SC2046  # words
says 1 'running|another|in use' "a second daemon on the same state" $(meshd_cmd)
says 2 'port' "a port that is none" meshd --state "$NET/x" --socket "$NET/x.sock" --tun m1 --port 70000
says 2 'help' "an unknown option" meshd --nonsense
says 4 'log' "status before login" mesh --socket "$NET/a.sock" ip
says 3 'no daemon is listening' "no daemon at the socket" mesh-status --socket "$NET/none.sock"
says 7 'refused|not valid|invalid|unknown|not found' "a key of nobody" sh -c \
    "echo nokey | mesh-up --socket '$NET/a.sock' --server http://$CTL:8080 --authkey-file - --timeout 8s"
mesh_end
