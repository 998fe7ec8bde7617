#!/bin/bash
# Every command: help and version exit with 0, wrong usage with 2, no daemon with
# 3; answers to stdout, words for people to stderr; a full disk is no success.
. "$(dirname "$0")/../lib/tap.sh"
bin=${MESH_BUILD:-$(pwd)/build}/inst/bin
[ -x "$bin/mesh" ] || skip_all "nothing is installed in $bin (scripts/build)"
PATH=$bin:$PATH
export MESH_SOCKET=/nonexistent/socket MESH_CONTROL_SOCKET=/nonexistent/socket
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
out=$scratch/out err=$scratch/err

# run COMMAND ...: leaves $status, $out, $err
run() {
	timeout 20 "$@" >"$out" 2>"$err" </dev/null
	status=$?
}
# is NAME WANT-STATUS OUT|ERR: with that status, and words there alone
is() {
	if [ "$status" -ne "$2" ]; then
		not_ok "$1 (exit status $status, not $2)"
	elif [ "$3" = OUT ] && { [ ! -s "$out" ] || [ -s "$err" ]; }; then
		not_ok "$1 (the answer belongs to stdout)"
	elif [ "$3" = ERR ] && { [ -s "$out" ] || [ ! -s "$err" ]; }; then
		not_ok "$1 (words for people belong to stderr)"
	else
		ok "$1"
	fi
}

for path in "$bin"/mesh-*; do
	c=$(basename "$path")
	run "$c" --help; is "$c --help" 0 OUT
	grep -q "^usage: $c" "$out" && ok "$c says its usage" || not_ok "$c says its usage"
	run "$c" --version; is "$c --version" 0 OUT
	run "$c" --nonsense; is "$c with an unknown option" 2 ERR
	"$c" --help >/dev/full 2>/dev/null
	[ $? -ne 0 ] && ok "$c on a full disk fails" || not_ok "$c on a full disk fails"
done

# operands that make each of them ask its daemon
while read -r line; do
	# shellcheck disable=SC2086  # words
	run mesh $line; is "mesh $line without a daemon" 3 ERR
done <<'END'
status
status --json
ip
ip -4 b
ping -c 1 b
whois 100.64.0.1:80
wait running --timeout 1s
up --server http://127.0.0.1:1
down
user list
node list
authkey create --user alice
policy get
END

run mesh; is "mesh alone" 2 ERR
run mesh help; is "mesh help" 0 OUT
run mesh --version; is "mesh --version" 0 OUT
run mesh no-such-thing; is "mesh with an unknown command" 2 ERR
run mesh ../ip; is "mesh with a path for a command" 2 ERR
run mesh ping; is "an operand is missing" 2 ERR
run mesh ping a b; is "too many operands" 2 ERR
run mesh ping -c x b; is "a count that is none" 2 ERR
run mesh wait sometimes; is "a goal that is none" 2 ERR
run mesh up --authkey-file "$scratch/none"; is "an auth key file that is not there" 1 ERR
: >"$scratch/empty"
run mesh up --authkey-file "$scratch/empty"; is "an auth key file that is empty" 1 ERR
run mesh up --authkey x --authkey-file "$scratch/empty"; is "two auth keys" 2 ERR
run mesh up --authkey sesame --server http://127.0.0.1:1
grep -q warning "$err" && ok "an auth key in argv is warned of" ||
    not_ok "an auth key in argv is warned of"

printf '#!/bin/sh\necho "plugged in: $*"\n' >"$scratch/mesh-plugged"
chmod +x "$scratch/mesh-plugged"
PATH=$scratch:$PATH run mesh plugged a b
is "any mesh-NAME on the PATH is a command" 0 OUT
check "with its arguments" grep -qx 'plugged in: a b' "$out"
PATH=$scratch:$PATH run mesh help
check "and mesh help lists it" grep -qx '  plugged' "$out"
done_testing
