libmesh_core_la_SOURCES += %D%/wg.c %D%/wg_input.c %D%/wg_handshake.c \
    %D%/wg_session.c %D%/wg_packet.c %D%/wg_timer.c %D%/handshake.c %D%/cookie.c %D%/load.c %D%/index.c \
    %D%/replay.c %D%/stamp.c
noinst_HEADERS += %D%/wg.h %D%/wg_int.h %D%/handshake.h %D%/cookie.h \
    %D%/load.h %D%/index.h %D%/replay.h %D%/stamp.h
noinst_HEADERS += tests/unit/wg_lab.h tests/unit/wg_scenario.h

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_replay tests/unit/test_handshake \
    tests/unit/test_wg tests/unit/test_wg_hostile \
    tests/unit/test_wg_packet tests/unit/test_index
tests_unit_test_wg_packet_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=calloc
endif

noinst_PROGRAMS += tests/interop/wg_udp
tests_interop_wg_udp_SOURCES = tests/interop/wg_udp.c
tests_interop_wg_udp_LDADD = libmesh-core.la $(SODIUM_LIBS)
EXTRA_DIST += tests/interop/wireguard-go.sh
check_PROGRAMS += tests/fuzz/fuzz_wg tests/fuzz/fuzz_wg_session
tests_fuzz_fuzz_wg_SOURCES = tests/fuzz/fuzz_wg.c tests/fuzz/main.c
tests_fuzz_fuzz_wg_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_wg_session_SOURCES = tests/fuzz/fuzz_wg_session.c \
    tests/fuzz/main.c
tests_fuzz_fuzz_wg_session_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

noinst_PROGRAMS += tests/bench/wg_packets
tests_bench_wg_packets_SOURCES = tests/bench/wg_packets.c
tests_bench_wg_packets_LDADD = libmesh-core.la $(SODIUM_LIBS) $(CRYPTO_LIBS)
