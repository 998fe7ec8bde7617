# libmesh/control: sources, headers, unit tests and fuzz targets of this layer
