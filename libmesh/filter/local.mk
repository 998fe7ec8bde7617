# libmesh/filter: sources, headers, unit tests and fuzz targets of this layer
libmesh_core_la_SOURCES += %D%/filter.c %D%/flow.c %D%/table.c %D%/build.c \
    %D%/from_netmap.c %D%/answer.c
noinst_HEADERS += tests/unit/packets.h %D%/check.h %D%/flow.h %D%/table.h
meshinclude_HEADERS += libmesh/include/mesh/filter.h

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_filter tests/unit/test_filter_model \
    tests/unit/test_filter_netmap
endif
check_PROGRAMS += tests/fuzz/fuzz_filter
tests_fuzz_fuzz_filter_SOURCES = tests/fuzz/fuzz_filter.c tests/fuzz/main.c
tests_fuzz_fuzz_filter_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
