# libmesh/policy: sources, headers, unit tests and fuzz targets of this layer
noinst_HEADERS += %D%/policy.h
