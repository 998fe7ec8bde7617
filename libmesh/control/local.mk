# libmesh/control: sources, headers, unit tests and fuzz targets of this layer
libmesh_core_la_SOURCES += %D%/backoff.c %D%/blob.c %D%/c2n.c %D%/client.c \
    %D%/client_event.c %D%/client_request.c %D%/early.c %D%/frame.c %D%/h2.c \
    %D%/handshake.c %D%/keyfetch.c %D%/msg.c %D%/record.c %D%/retry.c \
    %D%/server.c %D%/server_stream.c %D%/upgrade.c %D%/url.c
noinst_HEADERS += %D%/backoff.h %D%/blob.h %D%/c2n.h %D%/client.h \
    %D%/client_int.h %D%/early.h %D%/frame.h %D%/h2.h %D%/handshake.h \
    %D%/keyfetch.h %D%/msg.h %D%/record.h %D%/retry.h %D%/server.h \
    %D%/server_int.h %D%/upgrade.h %D%/url.h

EXTRA_DIST += tests/vectors/headscale-0.29-register-response.json \
    tests/vectors/tailscaled-1.80-requests.jsonl \
    tests/vectors/tailscaled-1.92-requests.jsonl \
    tests/vectors/tailscaled-1.102-requests.jsonl
noinst_HEADERS += tests/unit/control_pair.h
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_control_handshake \
    tests/unit/test_control_record tests/unit/test_control_frame \
    tests/unit/test_control_session tests/unit/test_control_server \
    tests/unit/test_control_client tests/unit/test_control_msg \
    tests/unit/test_control_url
endif

# Against programs that we did not write.
noinst_PROGRAMS += tests/interop/control_client \
    tests/interop/control_server
tests_interop_control_client_SOURCES = tests/interop/control_client.c
tests_interop_control_server_SOURCES = tests/interop/control_server.c
# What a connected node costs.
noinst_PROGRAMS += tests/bench/control_session tests/bench/fanout
tests_bench_control_session_SOURCES = tests/bench/control_session.c
tests_bench_fanout_SOURCES = tests/bench/fanout.c
tests_bench_fanout_LDADD = $(CRYPTO_LIBS)

check_PROGRAMS += tests/fuzz/fuzz_control_client \
    tests/fuzz/fuzz_control_server tests/fuzz/fuzz_control_msg \
    tests/fuzz/fuzz_map_frame
tests_fuzz_fuzz_control_client_SOURCES = tests/fuzz/fuzz_control_client.c \
    tests/fuzz/main.c
tests_fuzz_fuzz_control_client_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_control_server_SOURCES = tests/fuzz/fuzz_control_server.c \
    tests/fuzz/main.c
tests_fuzz_fuzz_control_server_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_control_msg_SOURCES = tests/fuzz/fuzz_control_msg.c \
    tests/fuzz/main.c
tests_fuzz_fuzz_control_msg_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_map_frame_SOURCES = tests/fuzz/fuzz_map_frame.c \
    tests/fuzz/main.c
tests_fuzz_fuzz_map_frame_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
