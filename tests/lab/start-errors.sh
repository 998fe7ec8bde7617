#!/bin/bash
# What cannot work says why, in a sentence, with an exit status: meshd.
. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/net.sh"
. "$(dirname "$0")/../lib/mesh.sh"
mesh_begin

world
host a 203.0.113.31
# says STATUS PATTERN NAME HOST COMMAND ...
says() {
	want=$1 text=$2 name=$3
	shift 3
	out=$(in_host "$@" 2>&1)
	got=$?
	if [ "$got" -eq "$want" ] && grep -qiE "$text" <<<"$out"; then
		ok "$name"
	else
		not_ok "$name (exit status $got, not $want; or not the words)"
	fi
	say "$(tail -n 1 <<<"$out")"
}
meshd_cmd() { echo a timeout 10 meshd --state "$NET/a" --socket "$NET/a.sock" --tun mesh0 --port 41641; }
check "the daemon starts" meshd_start a
# shellcheck disable=SC2046  # words
says 1 'running|another|in use' "a second daemon on the same state" $(meshd_cmd)
says 2 'port' "a port that is none" a meshd --state "$NET/x" --socket "$NET/x.sock" --tun m1 --port 70000
says 2 'help' "an unknown option" a meshd --nonsense
says 4 'log' "an address before login" a mesh --socket "$NET/a.sock" ip
says 3 'no daemon is listening' "no daemon at the socket" a mesh-status --socket "$NET/none.sock"
says 7 'refused|not valid|invalid|unknown|not found' "a key of nobody" a sh -c \
    "echo nokey | mesh-up --socket '$NET/a.sock' --server http://$CTL:8080 --authkey-file - --timeout 8s"

# servers that are none, and certificates that do not match
up_to() { echo a mesh-up --socket "$NET/a.sock" --server "$1" --authkey-file "$NET/key" --timeout 6s; }
start ctl web python3 -c 'import http.server as h; h.HTTPServer(("203.0.113.10", 8090), h.SimpleHTTPRequestHandler).serve_forever()'
wait_for 5 in_host ctl sh -c "ss -ltn | grep -q ':8090\\b'"
# shellcheck disable=SC2046  # words
says 6 'is it a control server' "a web server that is no control server" $(up_to http://$CTL:8090)
# shellcheck disable=SC2046
says 6 'refused|reach' "nothing listens there" $(up_to http://$CTL:8099)
# shellcheck disable=SC2046
says 6 'certificate' "a certificate that nobody trusts" $(up_to https://$CTL:443)
# shellcheck disable=SC2046
says 6 'certificate|name|resol' "a server whose name is unknown" $(up_to https://nobody.invalid)

# what meshd cannot start with
host b 203.0.113.32
start b taken socat -u UDP4-RECVFROM:41641,fork /dev/null
wait_for 5 in_host b sh -c "ss -lun | grep -q ':41641\\b'"
meshd_b() { echo b timeout 10 meshd --state "$1" --socket "$NET/b.sock" --tun mesh0 --port "$2"; }
# shellcheck disable=SC2046  # words
{
says 1 'in use' "a port in use" $(meshd_b "$NET/b" 41641)
mkdir -p "$NET/bad" && echo nonsense >"$NET/bad/node.key"
says 5 'node.key' "a key file that others can read" $(meshd_b "$NET/bad" 41642)
chmod 600 "$NET/bad/node.key"
says 1 'node.key' "a key file with nonsense in it" $(meshd_b "$NET/bad" 41642)
echo x >"$NET/file"
says 1 'not a directory' "a state folder that is a file" $(meshd_b "$NET/file" 41642)
}
check "nothing is left of these" left_nothing b
mesh_end
