# libmesh/path: sources, headers, unit tests and fuzz targets of this layer
meshinclude_HEADERS += libmesh/include/mesh/path.h
