# libmesh/control: sources, headers, unit tests and fuzz targets of this layer
noinst_HEADERS += %D%/msg.h %D%/blob.h %D%/frame.h %D%/backoff.h %D%/url.h \
    %D%/client.h %D%/server.h
