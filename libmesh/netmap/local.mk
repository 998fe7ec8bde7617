# libmesh/netmap: sources, headers, unit tests and fuzz targets of this layer
noinst_HEADERS += %D%/value.h %D%/counted.h %D%/hostinfo.h %D%/node.h \
    %D%/user.h %D%/dns.h %D%/relaymap.h %D%/rule.h %D%/ssh.h %D%/health.h \
    %D%/response.h %D%/snapshot.h %D%/diff.h %D%/file.h
meshinclude_HEADERS += libmesh/include/mesh/netmap.h
