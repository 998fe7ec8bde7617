# cmd/meshd: roles of the node daemon. What all roles share is in one archive.
noinst_LTLIBRARIES += libmeshd.la
libmeshd_la_SOURCES = %D%/msg.c %D%/link.c %D%/tables.c %D%/tables_agent.c \
    %D%/tables_engine.c
libmeshd_la_LIBADD = libmesh-core.la
noinst_HEADERS += %D%/msg.h %D%/link.h %D%/tables.h %D%/tables_int.h \
    %D%/roles.h
MESHD_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/cmd

# The monitor. libmesh-core is an archive of which it takes text and addresses;
# what else that would bring is dropped by --as-needed: libc alone is left.
sbin_PROGRAMS += meshd
meshd_SOURCES = %D%/main.c %D%/monitor.c %D%/monitor_open.c \
    %D%/monitor_role.c %D%/child.c %D%/rtnl.c %D%/tun.c %D%/state.c
meshd_CPPFLAGS = $(MESHD_CPPFLAGS)
meshd_LDADD = libmeshd.la libmesh-daemon.la libmesh-core.la
noinst_HEADERS += %D%/monitor_int.h %D%/child.h %D%/rtnl.h %D%/tun.h \
    %D%/state.h

# The roles, each linked with what it needs and no more.
pkglibexec_PROGRAMS += meshd-engine meshd-agent
meshd_engine_SOURCES = %D%/engine_main.c %D%/engine.c %D%/engine_agent.c \
    %D%/engine_tables.c %D%/engine_peers.c %D%/engine_out.c \
    %D%/engine_in.c %D%/engine_drive.c %D%/engine_probe.c \
    %D%/engine_relay.c %D%/engine_tls.c %D%/udp.c %D%/gso.c %D%/gro.c \
    %D%/timers.c
meshd_engine_CPPFLAGS = $(MESHD_CPPFLAGS)
meshd_engine_LDADD = libmeshd.la libmesh-daemon.la libmesh-core.la \
    $(EVENT_LIBS) $(SSL_LIBS)
meshd_agent_SOURCES = %D%/agent_main.c %D%/agent.c %D%/agent_port.c \
    %D%/agent_engine.c %D%/agent_push.c %D%/agent_net.c %D%/agent_control.c \
    %D%/agent_login.c %D%/agent_api.c %D%/agent_call.c \
    %D%/agent_call_status.c %D%/agent_call_ping.c %D%/agent_call_login.c \
    %D%/agent_call_profile.c %D%/agent_call_watch.c %D%/agent_call_net.c \
    %D%/agent_call_metrics.c %D%/agent_status.c \
    %D%/agent_conn.c %D%/agent_resolve.c %D%/agent_cert.c %D%/agent_store.c \
    %D%/agent_host.c %D%/agent_ping.c %D%/agent_pin.c %D%/config.c
noinst_HEADERS += %D%/agent_int.h %D%/agent_call.h
meshd_agent_CPPFLAGS = $(MESHD_CPPFLAGS)
meshd_agent_LDADD = libmeshd.la libmesh-daemon.la libmesh-core.la \
    $(EVENT_LIBS) $(SSL_LIBS) $(CRYPTO_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_link tests/unit/test_tables \
    tests/unit/test_gso tests/unit/test_timers tests/unit/test_udp_runs \
    tests/unit/test_state
tests_unit_test_timers_SOURCES = tests/unit/test_timers.c %D%/timers.c
tests_unit_test_udp_runs_SOURCES = tests/unit/test_udp_runs.c %D%/udp.c
tests_unit_test_udp_runs_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=sendmmsg
tests_unit_test_state_SOURCES = tests/unit/test_state.c %D%/state.c
tests_unit_test_gso_SOURCES = tests/unit/test_gso.c %D%/gso.c %D%/gro.c
check_PROGRAMS += tests/unit/test_agent_store tests/unit/test_agent_push
tests_unit_test_agent_store_SOURCES = tests/unit/test_agent_store.c \
    %D%/agent_store.c
tests_unit_test_agent_store_CPPFLAGS = $(MESHD_CPPFLAGS)
tests_unit_test_agent_push_SOURCES = tests/unit/test_agent_push.c \
    %D%/agent_push.c
tests_unit_test_agent_push_CPPFLAGS = $(MESHD_CPPFLAGS)
tests_unit_test_agent_push_LDADD = libmeshd.la libmesh-daemon.la $(LDADD) \
    $(EVENT_LIBS)
tests_unit_test_link_LDADD = libmeshd.la $(LDADD)
tests_unit_test_tables_LDADD = libmeshd.la $(LDADD)
endif
check_PROGRAMS += tests/fuzz/fuzz_tables tests/fuzz/fuzz_gso
tests_fuzz_fuzz_gso_SOURCES = tests/fuzz/fuzz_gso.c tests/fuzz/main.c \
    %D%/gso.c %D%/gro.c
tests_fuzz_fuzz_gso_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_tables_SOURCES = tests/fuzz/fuzz_tables.c tests/fuzz/main.c
tests_fuzz_fuzz_tables_LDADD = libmeshd.la $(LDADD)
tests_fuzz_fuzz_tables_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
noinst_HEADERS += %D%/gso.h %D%/gso_int.h %D%/udp.h %D%/timers.h \
    %D%/engine_int.h %D%/engine_tls.h
EXTRA_DIST += tests/bench/tunnel.sh %D%/meshd.service.in
dist_man_MANS += man/meshd.8

systemdsystemunit_DATA = %D%/meshd.service
CLEANFILES += %D%/meshd.service
%D%/meshd.service: %D%/meshd.service.in Makefile
	$(AM_V_GEN)mkdir -p %D% && sed 's,@sbindir[@],$(sbindir),g' \
	    $(srcdir)/%D%/meshd.service.in >$@
