# libmesh/relay: sources, headers, unit tests and fuzz targets of this layer
libmesh_core_la_SOURCES += %D%/client.c
noinst_HEADERS += %D%/client.h
