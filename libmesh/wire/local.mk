# libmesh/wire: sources, headers, unit tests and fuzz targets of this layer
# frames of the relay protocol
libmesh_core_la_SOURCES += %D%/relay.c
noinst_HEADERS += %D%/relay.h

# STUN, disco, demultiplexing, IP headers, TSMP, HTTP/1.1 heads
libmesh_core_la_SOURCES += %D%/stun.c %D%/disco.c %D%/sniff.c %D%/ip.c \
    %D%/ip_build.c %D%/tsmp.c %D%/http.c %D%/http_body.c
noinst_HEADERS += %D%/stun.h %D%/disco.h %D%/sniff.h %D%/ip.h %D%/tsmp.h \
    %D%/http.h

# WireGuard's messages
libmesh_core_la_SOURCES += %D%/wg.c
noinst_HEADERS += %D%/wg.h
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_wire_wg
endif
