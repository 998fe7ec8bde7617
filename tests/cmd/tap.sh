# SPDX-License-Identifier: ISC
# tap.sh - for command tests: run a command, look at status, stdout and stderr.
#
#	. "$top_srcdir/tests/cmd/tap.sh"
#	run 0 mesh-key make node          # its status must be 0
#	out_is 'privkey:...'              # all of stdout
#	out_has 'text'; err_has 'text'    # a part of it
#	done_testing
#
# Each of them is one test. Files go to $T, which is removed at the end.
set -u
T=$(mktemp -d) || exit 99
trap 'rm -rf "$T"' EXIT
PATH=$builddir:$PATH
export PATH
n=0 failed=0

short() {
	echo "$1" | sed "s|$T/||g"
}

result() { # good, what, detail
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n - $2"
	else
		failed=1
		printf '%s\n' "$3" | sed 's/^/# /'
		echo "not ok $n - $2"
	fi
}

run() { # status, command...
	want=$1
	shift
	cmdline=$(echo "$*" | sed "s|$T/||g")
	"$@" >"$T/out" 2>"$T/err" </dev/null
	got=$?
	[ "$got" = "$want" ]
	result $? "$cmdline exits $want" "status $got
$(cat "$T/out" "$T/err")"
}

run_with() { # stdin, status, command...
	printf '%s' "$1" >"$T/in"
	want=$2
	shift 2
	cmdline=$(echo "$*" | sed "s|$T/||g")
	"$@" >"$T/out" 2>"$T/err" <"$T/in"
	got=$?
	[ "$got" = "$want" ]
	result $? "$cmdline exits $want" "status $got
$(cat "$T/out" "$T/err")"
}

out_is() {
	[ "$(cat "$T/out")" = "$1" ]
	result $? "$cmdline: stdout" "not: $1
$(cat "$T/out")"
}

out_has() {
	grep -qF -- "$1" "$T/out"
	result $? "$cmdline: stdout has '$(short "$1")'" "$(cat "$T/out")"
}

err_is() {
	[ "$(cat "$T/err")" = "$1" ]
	result $? "$cmdline: stderr" "not: $1
$(cat "$T/err")"
}

err_has() {
	grep -qF -- "$1" "$T/err"
	result $? "$cmdline: stderr has '$(short "$1")'" "$(cat "$T/err")"
}

done_testing() {
	echo "1..$n"
	exit $failed
}
