# SPDX-License-Identifier: ISC
# tap.sh - TAP from shell scripts: source it, say ok/not_ok/check/skip, and end
# with done_testing. A test that cannot run says skip_all WHY.
tap_count=0
tap_failed=0
tap_cell=

# cell PART WHAT WITH: what the tests from here on prove, for the table that
# tests/interop/cells makes of the output: a part of mesh, one promise, and the
# stock program (or its release) on the other end. A cell may be named again,
# also by another script.
cell() {
	tap_cell="# cell: $1 | $2 | $3"
	echo "$tap_cell"
}

# say WORDS: a remark for people.
say() { printf '# %s\n' "$*"; }

ok() {
	tap_count=$((tap_count + 1))
	printf 'ok %d - %s\n' "$tap_count" "$*"
}

not_ok() {
	tap_count=$((tap_count + 1))
	tap_failed=$((tap_failed + 1))
	printf 'not ok %d - %s\n' "$tap_count" "$*"
}

# check NAME COMMAND ...: ok when it exits 0; what it printed, when not.
check() {
	tap_name=$1
	shift
	if tap_out=$("$@" 2>&1); then
		ok "$tap_name"
	else
		not_ok "$tap_name"
		printf '%s\n' "$tap_out" | tail -n 20 | sed 's/^/#   /'
		return 1
	fi
}

# check_status STATUS NAME COMMAND ...: ok when it exits with STATUS.
check_status() {
	tap_want=$1 tap_name=$2
	shift 2
	tap_out=$("$@" 2>&1)
	tap_got=$?
	if [ "$tap_got" -eq "$tap_want" ]; then
		ok "$tap_name"
	else
		not_ok "$tap_name (exit status $tap_got, not $tap_want)"
		printf '%s\n' "$tap_out" | tail -n 20 | sed 's/^/#   /'
		return 1
	fi
}

# later NAME COMMAND ...: a check that runs beside others. all_of waits for those
# and says them in their order, each with the cell that was named before it.
later() {
	later_count=$((${later_count:-0} + 1))
	later_dir=${later_dir:-$(mktemp -d "${NET:-/tmp}/later.XXXXXX")}
	printf '%s\n' "${tap_cell:-}" "$1" >"$later_dir/$later_count.name"
	shift
	("$@" >"$later_dir/$later_count.out" 2>&1 </dev/null
	echo $? >"$later_dir/$later_count.status") &
	later_pids="${later_pids:-} $!"
}

all_of() {
	[ -z "${later_pids:-}" ] || wait $later_pids
	for all_of_i in $(seq "${later_count:-0}"); do
		{ read -r all_of_cell; read -r all_of_name; } \
		    <"$later_dir/$all_of_i.name"
		[ "$all_of_cell" = "$tap_cell" ] ||
		    { tap_cell=$all_of_cell; echo "$tap_cell"; }
		check "$all_of_name" all_of_result "$later_dir/$all_of_i"
	done
	rm -rf "${later_dir:-}"
	later_count=0 later_pids='' later_dir=
}

all_of_result() {
	cat "$1.out"
	return "$(cat "$1.status")"
}

# skip NAME WHY: one test that does not apply here.
skip() {
	tap_count=$((tap_count + 1))
	printf 'ok %d - %s # SKIP %s\n' "$tap_count" "$1" "$2"
}

# skip_all WHY: nothing of this script can run here.
skip_all() {
	printf '1..0 # SKIP %s\n' "$*"
	exit 0
}

done_testing() {
	printf '1..%d\n' "$tap_count"
	[ "$tap_failed" -eq 0 ]
}

# wait_for SECONDS COMMAND ...: until it exits 0; false when the time is over.
wait_for() {
	wait_until=$(($(date +%s%N) + $1 * 1000000000))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$(date +%s%N)" -lt "$wait_until" ] || return 1
		sleep 0.1
	done
}
