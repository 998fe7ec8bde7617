#!/bin/bash
# What is installed: size, and a service in C that uses libmesh by pkg-config.
. "$(dirname "$0")/../lib/tap.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
inst=${MESH_BUILD:-$top/build}/inst
[ -x "$inst/bin/mesh" ] || skip_all "nothing is installed in $inst (scripts/build)"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

bytes=$("$top/scripts/installed-size" "$inst")
say "everything installed, stripped: $bytes bytes"
check "that is under 2.6 MB" test "$bytes" -gt 100000 -a "$bytes" -lt 2600000

cat >"$scratch/service.c" <<'END'
#include <mesh/local.h>
#include <stdio.h>
int main(int argc, char **argv)
{
	struct mesh_whois who;
	struct mesh_diag diag = {""};
	int err = mesh_whois(argv[1], argc > 2 ? argv[2] : "", &who, &diag);
	if (err == MESH_OK)
		printf("%s on %s\n", who.user, who.node);
	else
		printf("%s: %s\n", mesh_err_name(err), diag.text);
	return err != MESH_OK;
}
END
export PKG_CONFIG_PATH=$inst/lib/pkgconfig
# shellcheck disable=SC2046  # flags are words
check "a service builds with pkg-config alone" cc -Wall -Werror -std=c11 \
    -o "$scratch/service" "$scratch/service.c" \
    $(pkg-config --cflags --libs libmesh)
export LD_LIBRARY_PATH=$inst/lib
say "$("$scratch/service" /nonexistent/socket 100.64.0.1)"
check "and says that no daemon is there" grep -q '^NOTFOUND: no daemon is listening' \
    <("$scratch/service" /nonexistent/socket 100.64.0.1)
for header in "$inst"/include/mesh/*.h; do
	name=mesh/$(basename "$header")
	printf '#include <%s>\nint main(void) { return 0; }\n' "$name" >"$scratch/alone.c"
	# shellcheck disable=SC2046
	check "<$name> stands alone" cc -Wall -Werror -std=c11 -fsyntax-only \
	    $(pkg-config --cflags libmesh) "$scratch/alone.c"
done
done_testing
