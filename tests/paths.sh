#!/bin/sh
# TAP: every path that the pages of the tree name exists.
set -u
cd "$top_srcdir" || exit 99
n=0 bad=0
for page in README.md ARCHITECTURE.md CONTRIBUTING.md; do
	missing=
	# Words in backquotes with a slash, or that end like a file.
	for path in $(grep -oE '`[A-Za-z0-9_./-]+`' "$page" | tr -d '`' |
	    grep -E '(^[a-z.][A-Za-z0-9_.-]*/)|(\.(md|sh|mk|ac|am)$)|^COPYING$' |
	    sort -u); do
		case $path in
		mesh/*.h) path=libmesh/include/$path ;; # as C code names it
		*probe* | local.mk) continue ;;			# the example name
		esac
		[ -e "$path" ] || missing="$missing $path"
	done
	n=$((n + 1))
	if [ -z "$missing" ]; then
		echo "ok $n - every path in $page exists"
	else
		bad=1
		echo "# missing:$missing"
		echo "not ok $n - every path in $page exists"
	fi
done
echo "1..$n"
exit $bad
