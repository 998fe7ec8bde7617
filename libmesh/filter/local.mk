# libmesh/filter: sources, headers, unit tests and fuzz targets of this layer
