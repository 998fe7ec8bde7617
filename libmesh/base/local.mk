libmesh_core_la_SOURCES += %D%/error.c %D%/buf.c %D%/arena.c %D%/text.c %D%/hex.c \
    %D%/base64.c \
    %D%/wall.c %D%/addr.c %D%/range.c %D%/secret.c %D%/log.c %D%/map.c \
    %D%/json.c %D%/json_write.c %D%/bind.c
noinst_HEADERS += %D%/banned.h %D%/rd.h %D%/buf.h %D%/arena.h %D%/text.h \
    %D%/addr.h %D%/range.h %D%/secret.h %D%/log.h %D%/list.h %D%/map.h \
    %D%/json.h %D%/bind.h
meshinclude_HEADERS += libmesh/include/mesh/error.h libmesh/include/mesh/base.h \
    libmesh/include/mesh/addr.h

noinst_HEADERS += tests/unit/test.h
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_rd tests/unit/test_buf tests/unit/test_text \
    tests/unit/test_addr tests/unit/test_range \
    tests/unit/test_map tests/unit/test_log \
    tests/unit/test_json tests/unit/test_bind
endif
check_PROGRAMS += tests/fuzz/fuzz_json
tests_fuzz_fuzz_json_SOURCES = tests/fuzz/fuzz_json.c tests/fuzz/main.c
tests_fuzz_fuzz_json_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
