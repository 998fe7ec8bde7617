#!/bin/sh
# version-script.sh HEADER ...: the linker's version script for libmesh.so.
# LIBMESH_0 is the public API: the functions that the installed headers mark
# with MESH_EXPORT, by name. LIBMESH_PRIVATE is for our own programs and
# promises nothing.
set -eu
echo 'LIBMESH_0 {'
echo 'global:'
cat "$@" | tr '\n' ' ' | grep -oE 'MESH_EXPORT[^;{(]*\(' |
    grep -oE 'mesh_[a-z0-9_]+ *\(' | tr -d ' (' | sort -u | sed 's/.*/	&;/'
echo '};'
echo
echo 'LIBMESH_PRIVATE {'
echo 'global:'
echo '	mesh_*;'
echo 'local:'
echo '	*;'
echo '} LIBMESH_0;'
