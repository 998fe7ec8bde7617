# libmesh/path: sources, headers, unit tests and fuzz targets of this layer
libmesh_core_la_SOURCES += %D%/path.c %D%/self.c %D%/peer.c \
    %D%/candidate.c %D%/search.c %D%/call.c %D%/disco.c %D%/pings.c \
    %D%/route.c %D%/queue.c %D%/endpoints.c %D%/netcheck.c \
    %D%/netcheck_plan.c %D%/home.c %D%/better.c %D%/timer.c
noinst_HEADERS += %D%/int.h %D%/endpoints.h %D%/netcheck.h \
    %D%/netcheck_plan.h %D%/home.h %D%/better.h %D%/timer.h
meshinclude_HEADERS += libmesh/include/mesh/path.h

noinst_HEADERS += tests/unit/path_sim.h
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_path tests/unit/test_path_sim \
    tests/unit/test_path_rules tests/unit/test_path_public
tests_unit_test_path_public_LDADD = libmesh.la $(CMOCKA_LIBS)
tests_unit_test_path_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=calloc \
    -Wl,--wrap=reallocarray
tests_unit_test_path_sim_SOURCES = tests/unit/test_path_sim.c \
    tests/unit/path_sim.c
endif
check_PROGRAMS += tests/fuzz/fuzz_path
tests_fuzz_fuzz_path_SOURCES = tests/fuzz/fuzz_path.c tests/fuzz/main.c
tests_fuzz_fuzz_path_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
