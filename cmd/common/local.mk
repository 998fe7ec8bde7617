# cmd/common

# What daemons share: options and their file, log, service manager, sandbox,
# roles. (log, notify and sandbox need libc alone.)
noinst_LTLIBRARIES += libmesh-daemon.la
libmesh_daemon_la_SOURCES = %D%/conf.c %D%/conf_yaml.c %D%/log.c \
    %D%/notify.c %D%/role.c %D%/sandbox.c %D%/sandbox_seccomp.c
libmesh_daemon_la_LIBADD = $(YAML_LIBS) $(SECCOMP_LIBS)
noinst_HEADERS += %D%/conf.h %D%/log.h %D%/notify.h %D%/role.h %D%/sandbox.h

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_conf tests/unit/test_sandbox
tests_unit_test_conf_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/cmd
tests_unit_test_conf_LDADD = libmesh-daemon.la libmesh-core.la $(CMOCKA_LIBS)
tests_unit_test_sandbox_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/cmd
tests_unit_test_sandbox_LDADD = libmesh-daemon.la $(CMOCKA_LIBS)
endif

# What commands share.
noinst_LTLIBRARIES += libmesh-cmd.la
libmesh_cmd_la_SOURCES = %D%/cmd.c %D%/exit.c %D%/file.c
libmesh_cmd_la_LIBADD = libmesh-daemon.la
noinst_HEADERS += %D%/cmd.h %D%/exit.h %D%/file.h

# What the commands about this node share beside.
noinst_LTLIBRARIES += libmesh-node.la
libmesh_node_la_SOURCES = %D%/node.c %D%/ping.c
noinst_HEADERS += %D%/node.h %D%/ping.h

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_cmd
tests_unit_test_cmd_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/cmd
tests_unit_test_cmd_LDADD = libmesh-cmd.la libmesh-core.la $(CMOCKA_LIBS)
endif

# What the commands about the control server share beside.
noinst_LTLIBRARIES += libmesh-admin.la
libmesh_admin_la_SOURCES = %D%/admin.c
noinst_HEADERS += %D%/admin.h
