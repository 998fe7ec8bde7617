# cmd/mesh-relayd
sbin_PROGRAMS += mesh-relayd
mesh_relayd_SOURCES = %D%/main.c %D%/relayd.h %D%/helper.c %D%/identity.c \
    %D%/identity.h %D%/cert.c %D%/cert.h %D%/sockets.c %D%/sockets.h \
    %D%/link.c %D%/link.h %D%/worker.c %D%/worker.h %D%/client.c \
    %D%/asker.c %D%/asker.h %D%/call.c %D%/post.c %D%/region.c \
    %D%/region.h %D%/request.c %D%/stream.c %D%/stun.c %D%/tls.c
mesh_relayd_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/cmd
mesh_relayd_LDADD = libmesh-daemon.la libmesh.la $(EVENT_LIBS) $(SSL_LIBS) \
    $(CRYPTO_LIBS)
dist_check_SCRIPTS += tests/relayd-start.sh tests/relayd-tls.sh
EXTRA_DIST += tests/interop/relayd-nodes.sh tests/interop/relayd-load.sh \
    tests/interop/relayd-region.sh tests/interop/relayd-admit.sh
EXTRA_DIST += tests/bench/relay.sh
dist_man_MANS += man/mesh-relayd.8

EXTRA_DIST += %D%/mesh-relayd.service.in tests/interop/peers/relayload
systemdsystemunit_DATA += %D%/mesh-relayd.service
CLEANFILES += %D%/mesh-relayd.service
%D%/mesh-relayd.service: %D%/mesh-relayd.service.in Makefile
	$(AM_V_GEN)mkdir -p %D% && sed -e 's,@sbindir[@],$(sbindir),g' \
	    -e 's,@sysconfdir[@],$(sysconfdir),g' \
	    $(srcdir)/%D%/mesh-relayd.service.in >$@
EXTRA_DIST += tests/lib/tap.sh tests/lib/net.sh tests/interop/lib.sh
