#!/bin/sh
# TAP: how mesh-relayd starts, and what it says when it cannot. On loopback
# alone, no privilege needed.
set -u
. "$top_srcdir/tests/lib/tap.sh"
relayd=$builddir/mesh-relayd
dir=$(mktemp -d /tmp/mesh-relayd-start.XXXXXX)
port=$((20000 + $$ % 10000))
pids=
trap 'kill $pids 2>/dev/null; rm -rf "$dir"' EXIT

# says STATUS TEXT NAME OPTION ...: it ends with that status and words.
says() {
	want=$1 text=$2 name=$3
	shift 3
	out=$(timeout 10 "$relayd" "$@" 2>&1)
	got=$?
	if [ "$got" -eq "$want" ] && echo "$out" | grep -qE -e "$text"; then
		ok "$name"
	else
		not_ok "$name"
		say "status $got: $out"
	fi
}

# What every start here has; the last one of an option counts.
usual="--listen 127.0.0.1:$port --hostname relay.test"
starts() { # TEST-NAME LOG-NAME OPTION ...
	name=$1 log=$dir/$2.log
	shift 2
	"$relayd" $usual "$@" >"$log" 2>&1 &
	pid=$!
	pids="$pids $pid"
	if wait_for 10 grep -q 'serving listen=' "$log"; then
		ok "$name"
	else
		not_ok "$name"
	fi
}
mode() { [ "$(stat -c %a "$1")" = "$2" ]; }

says 2 'usage|--state DIR is needed' "no options"
says 2 'unrecognized option' "an unknown option" --nonsense
says 2 "listen.*needed" "no address" --state "$dir/s" --hostname x
says 2 "'443' is not ADDR:PORT" "an address without host" \
    $usual --state "$dir/s" --listen 443
says 2 "go together" "a certificate without key" \
    $usual --state "$dir/s" --cert "$dir/c"
says 2 "'http://host' is not http://HOST/PATH" "an admission URL without path" \
    $usual --state "$dir/s" --admit http://host
says 2 "mesh-with needs --mesh-key" "other relays without a key" \
    $usual --state "$dir/s" --mesh-with a.test=127.0.0.1:1
says 2 "'a.test:1' is not NAME=ADDR:PORT" "another relay without address" \
    $usual --state "$dir/s" --mesh-key "$dir/k" --mesh-with a.test:1
says 2 "is not NAME=ADDR:PORT" "a pin that is none" $usual --state "$dir/s" \
    --mesh-key "$dir/k" --mesh-with a.test=127.0.0.1:1,sha256-raw:12
says 2 "'.*none.yaml': No such file" "a configuration that is not there" \
    --config "$dir/none.yaml"
printf 'state: %s\nlisten: 127.0.0.1:%s\nhost-name: x\n' "$dir/s" "$port" \
    >"$dir/typo.yaml"
says 2 "line 3: unknown key 'host-name'" "a key that does not exist" \
    --config "$dir/typo.yaml"
printf 'state: %s\nlisten: 127.0.0.1:%s\nhostname: relay.test\n' "$dir/s" \
    "$port" >"$dir/good.yaml"
says 0 '' "--check is content" --check --config "$dir/good.yaml"
check "and starts nothing" test ! -e "$dir/s"
says 0 '^mesh-relayd [0-9]' "--version" --version
says 1 "cannot make '/proc/nowhere'" "a state folder that cannot be made" \
    $usual --state /proc/nowhere
mkdir "$dir/bad"
echo "privkey:1234" >"$dir/bad/relay.key"
says 1 "relay.key' holds no key; move it away" "a damaged key" \
    $usual --state "$dir/bad"
says 1 "cannot read '.*/no.crt': No such file" "a certificate not there" \
    $usual --state "$dir/s" --cert "$dir/no.crt" --key "$dir/no.key"
echo garbage >"$dir/garbage"
says 1 "'.*/garbage' holds no certificate" "a certificate that is none" \
    $usual --state "$dir/s" --cert "$dir/garbage" --key "$dir/garbage"
says 1 "cannot read '.*/k': No such file" "a mesh key not there" \
    $usual --state "$dir/s" --mesh-key "$dir/k"
echo 1234 >"$dir/k"
chmod 600 "$dir/k"
says 1 "'.*/k' holds no mesh key: 64 hex digits" "a mesh key that is none" \
    $usual --state "$dir/s" --mesh-key "$dir/k"
printf '%064d\n' 1 >"$dir/k"
chmod 644 "$dir/k"
says 1 "'.*/k' can be read by others: chmod 600" "a mesh key for all to read" \
    $usual --state "$dir/s" --mesh-key "$dir/k"

starts "it starts" one --state "$dir/s"
check "the key is its own" mode "$dir/s/relay.key" 600
check "the certificate's key too" mode "$dir/s/self-signed.key" 600
check "the pin is in the log and in a file" \
    grep -qF "pin=$(cat "$dir/s/pin")" "$dir/one.log"
says 1 "another mesh-relayd runs on" "a second one on the same state" \
    $usual --state "$dir/s"
says 1 "cannot listen on '127.0.0.1:$port': Address already in use" \
    "a port in use" $usual --state "$dir/s2"
says 1 "self-signed.crt' does not belong to the private key" \
    "a certificate with another's key" $usual --state "$dir/s3" \
    --cert "$dir/s/self-signed.crt" --key "$dir/s2/self-signed.key"
worker=$(cat "/proc/$pid/task/$pid/children")
worker=${worker%% *}
check "the worker has no capability" \
    grep -qE '^CapEff:[[:space:]]*0+$' "/proc/$worker/status"
if [ "$(id -u)" -eq 0 ]; then
	check "and can have none" \
	    grep -qE '^CapBnd:[[:space:]]*0+$' "/proc/$worker/status"
	check "nor is it root" \
	    grep -qE '^Uid:.[1-9][0-9]*' "/proc/$worker/status"
fi
check "nor new ones by exec" grep -qE '^NoNewPrivs:.1$' "/proc/$worker/status"
if grep -q 'define MESH_SANITIZERS' "$builddir/config.h"; then
	skip "it is confined by seccomp" "built with sanitizers"
else
	check "it is confined by seccomp" \
	    grep -qE '^Seccomp:.2$' "/proc/$worker/status"
fi
pin=$(cat "$dir/s/pin")
kill -KILL "$worker"
check "a dead worker is said" wait_for 5 grep -q 'worker ended: killed by' \
    "$dir/one.log"
check "and started again" wait_for 5 sh -c \
    "ps -o args= --ppid $pid | grep -q 'mesh-relayd: worker'"
kill -TERM "$pid"
check "SIGTERM ends it" wait_for 5 grep -q ': ended' "$dir/one.log"
if wait "$pid"; then ok "with status 0"; else not_ok "with status 0"; fi
starts "again, from a file" two --config "$dir/good.yaml"
check "with the same pin" test "$pin" = "$(cat "$dir/s/pin")"
kill -TERM "$pid"
wait "$pid"
says 0 '' "all is well with --check, still" --check --config "$dir/good.yaml"
done_testing
