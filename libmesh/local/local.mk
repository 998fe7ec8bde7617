# libmesh/local: the local API, both sides. connect.c is the one file of libmesh
# that opens a descriptor.
libmesh_core_la_SOURCES += %D%/connect.c %D%/netmap.c %D%/notify.c %D%/ping.c %D%/prefs.c \
    %D%/prefs_check.c %D%/reply.c %D%/server.c %D%/status.c %D%/whois.c
noinst_HEADERS += %D%/netmap.h %D%/notify.h %D%/ping.h %D%/prefs.h %D%/server.h \
    %D%/status.h %D%/whois.h
meshinclude_HEADERS += libmesh/include/mesh/local.h

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_local
endif
check_PROGRAMS += tests/fuzz/fuzz_local
tests_fuzz_fuzz_local_SOURCES = tests/fuzz/fuzz_local.c tests/fuzz/main.c
tests_fuzz_fuzz_local_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
