#!/bin/sh
# TAP: protocol code does no I/O. No object of libmesh may want a symbol that
# opens, reads, writes, asks the clock or the random source, prints or locks;
# local/connect.c, the convenience client, is the one exception. And a layer
# includes only those above it in the map.
set -u
cd "$builddir" || exit 99
banned='socket|socketpair|connect|bind|listen|accept4?|send(to|msg|mmsg)?|recv(from|msg|mmsg)?|open(at|64)?|fopen(64)?|read|write|pread|pwrite|close|poll|ppoll|select|epoll_.*|ioctl|fork|exec.*|system|popen|getaddrinfo|clock_gettime|gettimeofday|time|nanosleep|usleep|sleep|getrandom|getentropy|randombytes_.*|RAND_.*|random|rand|pthread_create|pthread_mutex_.*|printf|puts|putchar|fprintf|fputs|fwrite|__printf_chk|__fprintf_chk|perror|syslog|exit|_exit|abort|getenv|secure_getenv'
n=0 bad=0
ok() { n=$((n + 1)); if [ -z "$2" ]; then echo "ok $n - $1"; else
	bad=1; echo "$2" | sed 's/^/# /'; echo "not ok $n - $1"; fi; }

wants=
for o in $(find libmesh -name '*.o' ! -path '*/.libs/*' | sort) \
    $(find libmesh -path '*/.libs/*.o' | sort); do
	case $o in *local/*connect*) continue ;; esac
	got=$(nm -u "$o" 2>/dev/null | awk '{print $2}' | sed 's/@.*//' |
	    grep -xE "$banned" | tr '\n' ' ')
	[ -n "$got" ] && wants="$wants$o wants $got
"
done
objects=$(find libmesh -name '*.o' | wc -l)
[ "$objects" -gt 0 ] || wants="no objects found below $builddir/libmesh"
ok "libmesh has no I/O, clock, randomness, threads or printing" "$wants"

layers='base crypto wire netmap policy filter wg path relay control local'
wrong= above=
for l in $layers; do
	above="$above|$l"
	for f in "$top_srcdir"/libmesh/"$l"/*.[ch]; do
		[ -f "$f" ] || continue
		for inc in $(sed -n 's/^#include [<"]\([a-z]*\)\/.*[>"].*/\1/p' "$f"); do
			case "$inc" in mesh | sys | net | netinet | arpa | linux | \
			    openssl | sodium | nghttp2 | event2) continue ;; esac
			echo "$inc" | grep -qxE "(${above#|})" ||
			    wrong="$wrong$f includes $inc/
"
		done
	done
done
ok "each layer includes only those above it" "$wrong"

if [ -f .libs/libmesh.so ]; then
	strange=$(nm -D --defined-only .libs/libmesh.so | awk '{print $3}' |
	    sed 's/@.*//' | grep -vE '^(mesh_.*|LIBMESH_0|LIBMESH_PRIVATE)$')
	ok "libmesh.so exports mesh_* alone" "$strange"
	public=$("$top_srcdir"/libmesh/version-script.sh \
	    "$top_srcdir"/libmesh/include/mesh/*.h |
	    sed -n '1,/^}/s/^	\(mesh_.*\);$/\1/p')
	missing=
	for s in $public; do
		nm -D .libs/libmesh.so | grep -q " $s@@LIBMESH_0\$" ||
		    missing="$missing$s is in an installed header, but not in libmesh.so
"
	done
	ok "every function of an installed header exists, in LIBMESH_0" "$missing"
fi
echo "1..$n"
exit $bad
