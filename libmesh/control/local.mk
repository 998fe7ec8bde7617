# libmesh/control: sources, headers, unit tests and fuzz targets of this layer
libmesh_core_la_SOURCES += %D%/backoff.c %D%/blob.c %D%/frame.c \
    %D%/handshake.c %D%/msg.c %D%/record.c %D%/url.c
noinst_HEADERS += %D%/backoff.h %D%/blob.h %D%/client.h %D%/frame.h \
    %D%/handshake.h %D%/msg.h %D%/record.h %D%/server.h %D%/url.h
