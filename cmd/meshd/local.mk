# cmd/meshd: roles of the node daemon. What all roles share is in one archive.
noinst_LTLIBRARIES += libmeshd.la
libmeshd_la_SOURCES = %D%/msg.c %D%/link.c %D%/tables.c %D%/tables_agent.c \
    %D%/tables_engine.c
libmeshd_la_LIBADD = libmesh-core.la
noinst_HEADERS += %D%/msg.h %D%/link.h %D%/tables.h %D%/tables_int.h

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_link tests/unit/test_tables
tests_unit_test_link_LDADD = libmeshd.la $(LDADD)
tests_unit_test_tables_LDADD = libmeshd.la $(LDADD)
endif
check_PROGRAMS += tests/fuzz/fuzz_tables
tests_fuzz_fuzz_tables_SOURCES = tests/fuzz/fuzz_tables.c tests/fuzz/main.c
tests_fuzz_fuzz_tables_LDADD = libmeshd.la $(LDADD)
tests_fuzz_fuzz_tables_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
