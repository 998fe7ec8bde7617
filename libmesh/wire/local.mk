# libmesh/wire: sources, headers, unit tests and fuzz targets of this layer
# frames of the relay protocol
libmesh_core_la_SOURCES += %D%/relay.c
noinst_HEADERS += %D%/relay.h

# STUN, disco, demultiplexing, IP headers, TSMP, HTTP/1.1 heads
libmesh_core_la_SOURCES += %D%/stun.c %D%/disco.c %D%/sniff.c %D%/ip.c \
    %D%/ip_build.c %D%/tsmp.c %D%/http.c %D%/http_body.c %D%/websocket.c
noinst_HEADERS += %D%/stun.h %D%/disco.h %D%/sniff.h %D%/ip.h %D%/tsmp.h \
    %D%/http.h %D%/websocket.h
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_stun tests/unit/test_disco \
    tests/unit/test_ip tests/unit/test_http tests/unit/test_websocket
endif
check_PROGRAMS += tests/fuzz/fuzz_stun tests/fuzz/fuzz_disco \
    tests/fuzz/fuzz_ip tests/fuzz/fuzz_http tests/fuzz/fuzz_websocket
tests_fuzz_fuzz_stun_SOURCES = tests/fuzz/fuzz_stun.c tests/fuzz/main.c
tests_fuzz_fuzz_stun_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_disco_SOURCES = tests/fuzz/fuzz_disco.c tests/fuzz/main.c
tests_fuzz_fuzz_disco_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_ip_SOURCES = tests/fuzz/fuzz_ip.c tests/fuzz/main.c
tests_fuzz_fuzz_ip_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_http_SOURCES = tests/fuzz/fuzz_http.c tests/fuzz/main.c
tests_fuzz_fuzz_http_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_websocket_SOURCES = tests/fuzz/fuzz_websocket.c \
    tests/fuzz/main.c
tests_fuzz_fuzz_websocket_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

# WireGuard's messages
libmesh_core_la_SOURCES += %D%/wg.c
noinst_HEADERS += %D%/wg.h
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_wire_wg
endif
