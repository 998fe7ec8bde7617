#!/bin/sh
# SPDX-License-Identifier: ISC
# TAP: mesh-relayd and OpenSSL's client in every suite of TLS 1.3, new keys in
# mid-stream, and TLS 1.2, whose records stay with OpenSSL. On loopback alone.
set -u
. "$top_srcdir/tests/lib/tap.sh"
command -v openssl >/dev/null || skip_all "openssl(1) is not installed"
dir=$(mktemp -d /tmp/mesh-relayd-tls.XXXXXX)
port=$((20000 + ($$ + 5000) % 10000))
"$builddir/mesh-relayd" --state "$dir/state" --listen "127.0.0.1:$port" \
    --hostname relay.test >"$dir/log" 2>&1 &
pid=$!
trap 'kill $pid 2>/dev/null; rm -rf "$dir"' EXIT
check "the relay starts" wait_for 10 grep -q 'serving listen=' "$dir/log"

request() { printf 'GET %s HTTP/1.1\r\nHost: relay.test\r\n\r\n' "$1"; }
client() { timeout 10 openssl s_client -connect "127.0.0.1:$port" "$@" 2>&1; }
# probe OPTION ...: is it answered, by a connection with that?
probe() {
	out=$({ request /derp/probe; sleep 0.5; } | client -quiet "$@")
	echo "$out"
	echo "$out" | grep -q '^HTTP/1.1 200'
}
for suite in TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 \
    TLS_CHACHA20_POLY1305_SHA256; do
	check "$suite" probe -tls1_3 -ciphersuites $suite
done
check "TLS 1.2" probe -tls1_2
refuses() { ! "$@"; }
check "TLS 1.1 is refused" refuses probe -tls1_1 -cipher 'ALL:@SECLEVEL=0'
# "K" has s_client take new keys and ask for ours.
new_keys() {
	out=$({ sleep 0.3; echo K; sleep 0.3; echo K; sleep 0.3
		request /derp/probe; sleep 0.5; } | client -tls1_3)
	echo "$out"
	[ "$(echo "$out" | grep -c KEYUPDATE)" -eq 2 ] &&
	    echo "$out" | grep -q '^HTTP/1.1 200'
}
check "new keys, asked for twice" new_keys
in_pieces() {
	out=$({ request /derp/probe | head -c 9; sleep 0.3
		request /derp/probe | tail -c +10; sleep 0.5; } |
	    client -quiet -tls1_3)
	echo "$out" | grep -q '^HTTP/1.1 200'
}
check "a request in two records" in_pieces
# Without close_notify, OpenSSL speaks of an unexpected eof.
closed_well() {
	out=$(request /nowhere | client -quiet -tls1_3)
	echo "$out"
	echo "$out" | grep -q '^HTTP/1.1 404' &&
	    ! echo "$out" | grep -q 'unexpected eof'
}
check "the end is said" closed_well
alive() { kill -0 $pid && ! grep -q 'worker ended' "$dir/log"; }
check "the relay is well" alive
done_testing
