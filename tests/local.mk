# Unit tests and fuzz targets are listed in the local.mk of the layer that they
# prove. Here: what looks at the whole tree.
EXTRA_DIST += tests/fuzz/main.c
dist_check_SCRIPTS += tests/layering.sh tests/paths.sh
include tests/cmd/local.mk
noinst_PROGRAMS += tests/lib/impair
tests_lib_impair_SOURCES = tests/lib/impair.c
tests_lib_impair_LDADD =
