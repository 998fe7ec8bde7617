#!/bin/sh
# TAP: how mesh-controld starts, what it says when it cannot, and the commands
# of administrators against it. On loopback alone, no privilege needed.
set -u
. "$top_srcdir/tests/lib/tap.sh"
controld=$builddir/mesh-controld
dir=$(mktemp -d /tmp/mesh-controld.XXXXXX)
port=$((30000 + $$ % 10000))
pid=
trap 'kill $pid 2>/dev/null; rm -rf "$dir"' EXIT
unset MESH_CONTROL_SOCKET

# says STATUS TEXT NAME OPTION ...: it ends with that status and words.
says() {
	want=$1 text=$2 name=$3
	shift 3
	out=$(timeout 20 "$controld" "$@" 2>&1)
	got=$?
	if [ "$got" -eq "$want" ] && echo "$out" | grep -qE -e "$text"; then
		ok "$name"
	else
		not_ok "$name"
		say "status $got: $out"
	fi
}
usual="--listen 127.0.0.1:$port --url http://127.0.0.1:$port --socket $dir/sock"
begin() {
	"$controld" $usual --state "$dir/state" "$@" >"$dir/log" 2>&1 &
	pid=$!
}
is_ready() { wait_for 10 grep -q ready "$dir/log"; }
# end [SIGNAL]: the status it ends with is in $status.
end() {
	kill "-${1:-TERM}" "$pid"
	wait "$pid" 2>/dev/null
	status=$?
}
admin() {
	command=$1
	shift
	timeout 20 "$builddir/mesh-$command" --socket "$dir/sock" "$@"
}
mode() { [ "$(stat -c %a "$1")" = "$2" ]; }
prints() { # TEXT COMMAND ...
	text=$1
	shift
	"$@" | grep -qE -e "$text"
}

# Usage
says 2 state "--state is needed" --listen 127.0.0.1:1 --url http://x
says 2 'needs http' "a URL that is none" $usual --state "$dir/s" --url control.example.org
says 2 'go together' "a certificate without a key" $usual --state "$dir/s" --cert x
says 2 "server's own name" "a suffix that hides the server" $usual --state "$dir/s" \
    --url https://control.mesh.test --dns-suffix mesh.test
says 2 'lower-case labels' "a suffix that is no name" $usual --state "$dir/s" --dns-suffix a..b
says 0 'usage|mesh-controld' "--help" --help

# Files
says 1 "cannot read .*/none.pem" "a certificate that is not there" $usual \
    --state "$dir/s" --cert "$dir/none.pem" --key "$dir/none.pem"
echo nonsense >"$dir/bad.pem"
says 1 'bad certificate file' "a certificate that is none" $usual \
    --state "$dir/s" --cert "$dir/bad.pem" --key "$dir/bad.pem"
if command -v openssl >/dev/null; then
	for n in 1 2; do
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
		    -days 2 -subj /CN=control.test -keyout "$dir/$n.key" \
		    -out "$dir/$n.crt" 2>/dev/null
	done
	says 1 'do not match' "the key of another certificate" $usual \
	    --state "$dir/s" --cert "$dir/1.crt" --key "$dir/2.key"
fi
printf 'regions:\n  900:\n    regionid: 900\n    oops: 1\n' >"$dir/relays.yaml"
says 1 "relay map '.*relays.yaml': line 4" "a relay map with an unknown key" \
    $usual --state "$dir/s" --relay-map "$dir/relays.yaml"
printf '{"acls": [\n  {"action": "accept" "src": []}]}\n' >"$dir/bad.hujson"
says 1 'line 2, column' "a policy that is broken" $usual --state "$dir/s" \
    --policy "$dir/bad.hujson"
says 1 'cannot create state folder' "a state folder that cannot be" $usual \
    --state "$dir/bad.pem/state"
says 2 'needs an address|listen' "an address that is none" --state "$dir/s" \
    --url http://x --socket "$dir/sock" --listen localhost
mkdir -p "$dir/damaged" && echo 'this is no database, not even a bit' >"$dir/damaged/controld.db"
says 1 'not a database' "a damaged database" $usual --state "$dir/damaged"
mkdir -p "$dir/oddkey" && echo privkey:abc >"$dir/oddkey/noise.key"
says 1 'noise.key.*is damaged' "a damaged key" $usual --state "$dir/oddkey"
check "which is not replaced" grep -q abc "$dir/oddkey/noise.key"

# Running
check_status 3 "no daemon: the commands say so" admin user list
begin
check "it starts" is_ready
check "the key is for its owner alone" mode "$dir/state/noise.key" 600
check "so is the database" mode "$dir/state/controld.db" 600
check "so is the socket" mode "$dir/sock" 600
says 1 "another mesh-controld runs" "a second one on the same state" \
    --state "$dir/state" --listen 127.0.0.1:1 --url http://x --socket "$dir/other"
says 1 "cannot listen on '127.0.0.1:$port': Address already in use" \
    "a port in use" $usual --state "$dir/second" --socket "$dir/other"

check "a user" admin user add alice
check_status 1 "twice" admin user add alice
check_status 1 "a name that is none" admin user add 'a b'
check "is listed" prints '^1 +alice ' admin user list
check "as JSON" prints '"users":\[.*"name":"alice"' admin user list --json
check_status 2 "a key needs a user" admin authkey create
check_status 1 "who exists" admin authkey create --user bob
check_status 1 "a tag needs its prefix" admin authkey create --user alice --tag x
check "a key alone on stdout" prints '^mesh-auth-[0-9a-f]{12}-[0-9a-f]{64}$' \
    admin authkey create --user alice --tag tag:a
check "is listed without its secret" prints '^1 +mesh-auth-[0-9a-f]{12}-\*\*\* ' admin authkey list
check "with its tag" prints 'tag:a$' admin authkey list
check "revoking" admin authkey revoke 1
check "is shown" prints revoked admin authkey list
check_status 1 "a key of nobody" admin authkey revoke 99
check_status 1 "a node of nobody" admin node remove 7
check_status 1 "a login of nobody" admin node approve 0123456789abcdef01234567 --user alice
check_status 1 "approving nobody" admin node approve x
check "a user goes" admin user remove alice
check_status 1 "once" admin user remove alice
check "what is malformed is refused" prints '^HTTP/1.1 400' sh -c \
    "printf 'GARBAGE\r\n\r\n' | timeout 5 socat - UNIX-CONNECT:$dir/sock"
check "and the daemon lives" admin user list
if command -v curl >/dev/null; then
	check "the server's key for nodes" prints '"publicKey":"mkey:[0-9a-f]{64}"' \
	    curl -s "http://127.0.0.1:$port/key?v=142"
	check "no page for a login that cannot be" test "$(curl -s -o /dev/null \
	    -w '%{http_code}' "http://127.0.0.1:$port/register/%3Cscript%3E")" = 404
fi

# Strangers
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	head -c 3000 /dev/urandom | timeout 2 socat -t 0.1 - TCP:127.0.0.1:$port >/dev/null 2>&1
done
printf 'POST /ts2021 HTTP/1.1\r\nHost: x\r\nUpgrade: tailscale-control-protocol\r\nConnection: upgrade\r\nX-Tailscale-Handshake: AAAA\r\n\r\n' |
    timeout 5 socat -t 1 - TCP:127.0.0.1:$port >/dev/null 2>&1
check "garbage at the port: no role ended" test "$(grep -c 'start again' "$dir/log")" -eq 0
check "and it answers" admin user list

# Again
admin user add carol
end
check "it ends cleanly" test "$status" -eq 0
check "and takes its socket along" test ! -e "$dir/sock"
begin
check "it starts again" is_ready
check "with what it knew" prints ' carol ' admin user list
end KILL
begin
check "killed, it starts again" is_ready
check "with what it knew, over the old socket" prints ' carol ' admin user list
printf 'listen: 127.0.0.1:%s\nurl: http://127.0.0.1:%s\nsockt: x\n' $port $port >"$dir/conf.yaml"
says 2 "line 3.*sockt" "an unknown key in the configuration file" \
    --state "$dir/s" --config "$dir/conf.yaml"
end

[ "$tap_failed" -eq 0 ] || sed 's/^/# /' "$dir/log"
done_testing
