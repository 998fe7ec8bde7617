# cmd/mesh-controld: the coordination server. What is not a process of its own
# is in one archive, for the program and its tests.
noinst_LTLIBRARIES += libcontrold.la
libcontrold_la_SOURCES = %D%/model.c %D%/store.c %D%/store_rows.c \
    %D%/alloc.c %D%/label.c %D%/authkey.c %D%/state.c %D%/state_admin.c \
    %D%/state_node.c %D%/routes.c %D%/sshcheck.c %D%/register.c \
    %D%/pending.c %D%/access.c %D%/encode.c %D%/mapper.c %D%/whole.c \
    %D%/flush.c %D%/link.c %D%/msg.c %D%/options.c \
    %D%/noisekey.c
noinst_HEADERS += %D%/model.h %D%/store.h %D%/store_int.h %D%/alloc.h \
    %D%/label.h %D%/authkey.h %D%/state.h %D%/state_int.h %D%/routes.h %D%/sshcheck.h %D%/register.h \
    %D%/register_int.h %D%/access.h %D%/bits.h %D%/encode.h %D%/mapper.h \
    %D%/mapper_int.h %D%/link.h %D%/msg.h %D%/options.h %D%/noisekey.h \
    %D%/admin.h %D%/admin_json.h %D%/admin_int.h %D%/core.h %D%/front.h %D%/files.h

sbin_PROGRAMS += mesh-controld
mesh_controld_SOURCES = %D%/main.c %D%/files.c %D%/core.c \
    %D%/core_link.c %D%/core_map.c %D%/front.c %D%/front_tls.c \
    %D%/front_conn.c %D%/front_ws.c \
    %D%/front_http.c %D%/front_control.c %D%/front_link.c %D%/admin.c \
    %D%/admin_api.c %D%/admin_users.c %D%/admin_nodes.c \
    %D%/admin_json.c
mesh_controld_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/cmd
mesh_controld_LDADD = libcontrold.la libmesh-daemon.la libmesh.la \
    $(SQLITE_LIBS) $(EVENT_LIBS) $(SSL_LIBS) $(CRYPTO_LIBS) $(SODIUM_LIBS)
dist_man_MANS += man/mesh-controld.8
dist_check_SCRIPTS += tests/cmd/controld.sh tests/cmd/controld-disk.sh

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_controld_model \
    tests/unit/test_controld_register tests/unit/test_controld_store \
    tests/unit/test_controld_mapper tests/unit/test_controld_routes \
    tests/unit/test_controld_sshcheck tests/unit/test_controld_link
CONTROLD_TEST_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/cmd
CONTROLD_TEST_LDADD = libcontrold.la $(LDADD) $(SQLITE_LIBS)
tests_unit_test_controld_model_CPPFLAGS = $(CONTROLD_TEST_CPPFLAGS)
tests_unit_test_controld_model_LDADD = $(CONTROLD_TEST_LDADD)
tests_unit_test_controld_register_CPPFLAGS = $(CONTROLD_TEST_CPPFLAGS)
tests_unit_test_controld_register_LDADD = $(CONTROLD_TEST_LDADD)
tests_unit_test_controld_store_CPPFLAGS = $(CONTROLD_TEST_CPPFLAGS)
tests_unit_test_controld_store_LDADD = $(CONTROLD_TEST_LDADD)
tests_unit_test_controld_mapper_CPPFLAGS = $(CONTROLD_TEST_CPPFLAGS)
tests_unit_test_controld_mapper_LDADD = $(CONTROLD_TEST_LDADD)
tests_unit_test_controld_routes_CPPFLAGS = $(CONTROLD_TEST_CPPFLAGS)
tests_unit_test_controld_routes_LDADD = $(CONTROLD_TEST_LDADD)
tests_unit_test_controld_sshcheck_CPPFLAGS = $(CONTROLD_TEST_CPPFLAGS)
tests_unit_test_controld_sshcheck_LDADD = $(CONTROLD_TEST_LDADD)
tests_unit_test_controld_link_CPPFLAGS = $(CONTROLD_TEST_CPPFLAGS)
tests_unit_test_controld_link_LDADD = $(CONTROLD_TEST_LDADD)
endif
noinst_HEADERS += tests/unit/controld_lab.h

check_PROGRAMS += tests/fuzz/fuzz_controld_msg
tests_fuzz_fuzz_controld_msg_SOURCES = tests/fuzz/fuzz_controld_msg.c \
    tests/fuzz/main.c
tests_fuzz_fuzz_controld_msg_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/cmd
tests_fuzz_fuzz_controld_msg_LDADD = libcontrold.la $(LDADD) $(SQLITE_LIBS)
tests_fuzz_fuzz_controld_msg_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/interop/controld-stock.sh tests/interop/controld-tsp.sh \
    tests/interop/controld-load.sh \
    tests/interop/controld-routes.sh tests/interop/controld-ssh.sh \
    tests/interop/controld-names.sh tests/interop/controld-nats.sh \
    tests/interop/dns.py \
    tests/interop/controld-join.sh tests/interop/controld-netmap.sh \
    tests/interop/controld-ways.sh tests/interop/controld-away.sh \
    tests/lib/stock.sh \
    tests/bench/control.sh

EXTRA_DIST += %D%/mesh-controld.service.in
systemdsystemunit_DATA += %D%/mesh-controld.service
CLEANFILES += %D%/mesh-controld.service
%D%/mesh-controld.service: %D%/mesh-controld.service.in Makefile
	$(AM_V_GEN)mkdir -p %D% && sed -e 's,@sbindir[@],$(sbindir),g' \
	    -e 's,@sysconfdir[@],$(sysconfdir),g' \
	    $(srcdir)/%D%/mesh-controld.service.in >$@
