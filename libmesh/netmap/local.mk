# libmesh/netmap: sources, headers, unit tests and fuzz targets of this layer
libmesh_core_la_SOURCES += %D%/value.c %D%/counted.c %D%/hostinfo.c \
    %D%/node.c %D%/user.c %D%/dns.c %D%/dns_yaml.c %D%/relaymap.c %D%/relaymap_yaml.c \
    %D%/rule.c %D%/ssh.c %D%/health.c %D%/response.c %D%/snapshot.c \
    %D%/apply.c %D%/write.c %D%/diff.c %D%/file.c %D%/public.c
noinst_HEADERS += %D%/value.h %D%/counted.h %D%/hostinfo.h %D%/node.h \
    %D%/user.h %D%/dns.h %D%/dns_yaml.h %D%/relaymap.h %D%/rule.h %D%/ssh.h %D%/health.h \
    %D%/response.h %D%/snapshot.h %D%/diff.h %D%/file.h
meshinclude_HEADERS += libmesh/include/mesh/netmap.h
EXTRA_DIST += tests/vectors/headscale-0.29-map-stream.jsonl

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_netmap tests/unit/test_relaymap \
    tests/unit/test_dns_yaml \
    tests/unit/test_rule
tests_unit_test_netmap_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=calloc \
    -Wl,--wrap=malloc -Wl,--wrap=realloc
endif
check_PROGRAMS += tests/fuzz/fuzz_netmap tests/fuzz/fuzz_netmap_delta
tests_fuzz_fuzz_netmap_SOURCES = tests/fuzz/fuzz_netmap.c tests/fuzz/main.c
tests_fuzz_fuzz_netmap_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_netmap_delta_SOURCES = tests/fuzz/fuzz_netmap_delta.c \
    tests/fuzz/main.c
tests_fuzz_fuzz_netmap_delta_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
