#!/bin/sh
# TAP: help and manual page of a command name the same verbs, operands and
# options; and each page is clean, where mandoc is there to say so.
. "$top_srcdir/tests/cmd/tap.sh"
man=$top_srcdir/man

# "-c --count N" for each option in a help on stdin
help_options() {
	sed -n 's/^  \(-., \)\{0,1\}\(--[a-z0-9-]*\)\( [^ ]*\)\{0,1\}  .*/\1\2\3/p; s/^  \(-., \)\{0,1\}\(--[a-z0-9-]*\)\( [^ ]*\)\{0,1\} [a-z].*/\1\2\3/p' |
	    sed 's/,//; s/ *$//' | sort -u
}

# the same from a page; "Fl Fl x" and "Fl -x" are one, and an item may name
# several options
page_options() {
	sed -n 's/^\.It Fl //p' "$1" |
	    sed 's/^Fl /-/; s/ , Fl Fl / , -/g; s/ , Fl / , /g
		t now; :now
		s/^\(.\) , -/-\1 --/; t end
		s/^-/--/; s/ , -/\n--/g; :end
		s/ Ar / /g; s/ Pq.*//' | sort -u
}

# operands in the synopsis of a page, of one verb
page_operands() {
	awk -v verb="$2" '
	/^\.Sh SYNOPSIS/ { on = 1; next }
	/^\.Sh/ { on = 0 }
	!on { next }
	/^\.Nm/ { mine = (verb == ""); next }
	verb != "" && $0 == ".Cm " verb { mine = 1; next }
	mine && /^\.(Ar|Op Ar|Cm) / { print }' "$1" |
	    sed 's/^\.Op Ar \(.*\)/[\1]/; s/^\.\(Ar\|Cm\) //
		s/ Ns Op : Ns Ar \([A-Z]*\)/[:\1]/; s/ Ns = Ns Ar /=/g
		s/ | Cm /|/g; s/ | /|/g' | tr '\n' ' ' | sed 's/ $//'
}

usage_operands() {
	sed -n '1s/^usage: .*\[OPTION \.\.\.\] *//p'
}

synopsis() {
	sed -n '/^\.Sh SYNOPSIS/,/^\.Sh DESCRIPTION/p' "$1"
}

same() { # what, one, other
	[ "$2" = "$3" ]
	result $? "$1" "help: $2
page: $3"
}

check_options() { # command, page, its help texts on stdin
	help_options >"$T/help"
	same "$1: options" "$(cat "$T/help")" "$(page_options "$2")"
	# each of them by its name or its letter, as in "Op Fl 46"
	while read -r first second _; do
		case $first in
		-[hV]) continue ;;
		--*) name="-${first#--}( |\$)" ;;
		*) name="([a-z0-9]*${first#-}[a-z0-9]*|${second#-})( |\$)" ;;
		esac
		synopsis "$2" | grep -qE -- "Fl $name" || echo "$first"
	done <"$T/help" >"$T/missing"
	[ ! -s "$T/missing" ]
	result $? "$1: all of them in the synopsis" "$(cat "$T/missing")"
}

for page in "$man"/mesh-*.1; do
	c=$(basename "$page" .1)
	[ -x "$builddir/$c" ] || continue
	"$c" --help >"$T/top"
	verbs=$(sed -n '/^Options:/q; s/^  \([a-z][a-z-]*\) .*/\1/p' "$T/top")
	if grep -q '^usage: .* VERB ' "$T/top"; then
		for v in $verbs; do
			"$c" "$v" --help >"$T/verb"
			cat "$T/verb" >>"$T/top"
			same "$c $v: operands" \
			    "$(usage_operands <"$T/verb")" \
			    "$(page_operands "$page" "$v")"
		done
		same "$c: verbs" "$(echo $verbs)" \
		    "$(echo $(synopsis "$page" | sed -n 's/^\.Cm //p'))"
	else
		same "$c: operands" "$(usage_operands <"$T/top")" \
		    "$(page_operands "$page" "")"
	fi
	check_options "$c" "$page" <"$T/top"
done

# daemons: the same options; nobody needs to be told of --help
for c in meshd mesh-controld mesh-relayd; do
	[ -x "$builddir/$c" ] || continue
	same "$c: options" \
	    "$("$c" --help | help_options | grep -v '^-[hV]')" \
	    "$(page_options "$man/$c.8" | grep -v '^-[hV]')"
done

# every command has its page
for c in "$builddir"/mesh-*; do
	c=$(basename "$c")
	case $c in *[!a-z-]* | mesh-controld | mesh-relayd) continue ;; esac
	[ -f "$man/$c.1" ]
	result $? "$c has a manual page" "man/$c.1 is missing"
done

for page in "$man"/*.[178]; do
	if ! command -v mandoc >/dev/null; then
		n=$((n + 1))
		echo "ok $n - $(basename "$page") # SKIP no mandoc here"
		continue
	fi
	(cd "$man" && mandoc -T lint "$(basename "$page")" 2>&1) |
	    grep -vE 'referenced manual not found|outdated mandoc.db' >"$T/lint"
	[ ! -s "$T/lint" ]
	result $? "$(basename "$page") is clean" "$(cat "$T/lint")"
done
done_testing
