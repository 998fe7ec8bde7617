#!/bin/sh
# TAP: mesh-controld on a full disk: what cannot be stored is refused with a
# sentence, nothing is half done, and it goes on when there is room again.
set -u
. "$top_srcdir/tests/lib/tap.sh"
[ "$(id -u)" -eq 0 ] || skip_all "a small file system needs root"
if [ -z "${CONTROLD_DISK:-}" ]; then
	unshare -m true 2>/dev/null || skip_all "no mount namespaces here"
	CONTROLD_DISK=1 exec unshare -m "$0"
fi
dir=$(mktemp -d /tmp/mesh-controld-disk.XXXXXX)
pid=
trap 'kill $pid 2>/dev/null; wait; umount "$dir"; rmdir "$dir"' EXIT
mount -t tmpfs -o size=1m,mode=700 none "$dir" 2>/dev/null ||
    skip_all "tmpfs cannot be mounted here"
port=$((40000 + $$ % 10000))

"$builddir/mesh-controld" --listen 127.0.0.1:$port --url http://127.0.0.1:$port \
    --socket "$dir/sock" --state "$dir/state" >"$dir/log" 2>&1 &
pid=$!
admin() {
	command=$1
	shift
	timeout 20 "$builddir/mesh-$command" --socket "$dir/sock" "$@"
}
says() { # TEXT COMMAND ...
	text=$1
	shift
	"$@" 2>&1 | grep -q "$text"
}
fill() { cat /dev/zero >"$dir/filler" 2>/dev/null; }

check "it starts" wait_for 10 grep -q ready "$dir/log"
check "a user" admin user add alice
fill
# The journal may have a page of room left: some more writes may pass.
n=0
while [ $n -lt 200 ] && admin user add "user$n" 2>/dev/null; do n=$((n + 1)); done
check "in the end the disk is full" test $n -lt 200
check "which is said" says 'cannot store the user' admin user add late
check "the user is not there" sh -c "! '$builddir/mesh-user' --socket '$dir/sock' list | grep -q late"
check "all that were acknowledged are" test "$(admin user list | wc -l)" -eq $((n + 1))
check "nodes still get the key" sh -c "! command -v curl >/dev/null || curl -s http://127.0.0.1:$port/key?v=1 | grep -q mkey:"
rm "$dir/filler"
check "room again: it goes on" admin user add late
check "it starts no second time for that" test "$(grep -c 'start again' "$dir/log")" -eq 0
[ "$tap_failed" -eq 0 ] || sed 's/^/# /' "$dir/log"
done_testing
