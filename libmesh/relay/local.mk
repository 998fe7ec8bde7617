# libmesh/relay: sources, headers, unit tests and fuzz targets of this layer
libmesh_core_la_SOURCES += %D%/client.c %D%/client_in.c %D%/meta.c \
    %D%/server.c %D%/server_conn.c %D%/server_mesh.c \
    %D%/server_queue.c
noinst_HEADERS += %D%/client.h %D%/client_int.h %D%/meta.h %D%/server.h \
    %D%/server_int.h

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_relay tests/unit/test_relay_client \
    tests/unit/test_relay_mesh tests/unit/test_relay_server
endif
EXTRA_DIST += tests/unit/relay_vectors.h
check_PROGRAMS += tests/fuzz/fuzz_relay_frame tests/fuzz/fuzz_relay_client \
    tests/fuzz/fuzz_relay_mesh tests/fuzz/fuzz_relay_server
tests_fuzz_fuzz_relay_frame_SOURCES = tests/fuzz/fuzz_relay_frame.c \
    tests/fuzz/main.c
tests_fuzz_fuzz_relay_frame_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_relay_client_SOURCES = tests/fuzz/fuzz_relay_client.c \
    tests/fuzz/main.c
tests_fuzz_fuzz_relay_client_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_relay_server_SOURCES = tests/fuzz/fuzz_relay_server.c \
    tests/fuzz/main.c
tests_fuzz_fuzz_relay_server_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_relay_mesh_SOURCES = tests/fuzz/fuzz_relay_mesh.c \
    tests/fuzz/main.c
tests_fuzz_fuzz_relay_mesh_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
