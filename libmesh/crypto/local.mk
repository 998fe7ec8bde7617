libmesh_core_la_SOURCES += %D%/key.c %D%/key_bind.c %D%/x25519.c \
    %D%/blake2s.c %D%/blake2b.c %D%/aead.c %D%/aead_openssl.c \
    %D%/aead_sodium.c %D%/aead_avx2.c %D%/aead_avx512.c %D%/xchacha.c \
    %D%/noise.c %D%/box.c %D%/drbg.c %D%/tls_record.c
noinst_HEADERS += %D%/key_bind.h %D%/x25519.h %D%/blake2s.h %D%/blake2b.h \
    %D%/aead.h %D%/aead_lanes.h %D%/aead_chacha.h %D%/aead_poly26.h \
    %D%/aead_poly44.h %D%/xchacha.h %D%/noise.h %D%/box.h %D%/drbg.h \
    %D%/tls_record.h
meshinclude_HEADERS += libmesh/include/mesh/key.h

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_key tests/unit/test_blake2s \
    tests/unit/test_aead tests/unit/test_noise tests/unit/test_box \
    tests/unit/test_tls_record
tests_unit_test_tls_record_LDADD = $(LDADD) $(SSL_LIBS)
endif
check_PROGRAMS += tests/fuzz/fuzz_tls_record
tests_fuzz_fuzz_tls_record_SOURCES = tests/fuzz/fuzz_tls_record.c \
    tests/fuzz/main.c
tests_fuzz_fuzz_tls_record_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
