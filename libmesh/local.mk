# libmesh: all layers once. libmesh-core is the archive that unit tests and the
# engine link; libmesh.so is the same with two version nodes, made from the
# installed headers (version-script.sh).
noinst_LTLIBRARIES += libmesh-core.la
lib_LTLIBRARIES += libmesh.la

libmesh_core_la_SOURCES =
libmesh_core_la_LIBADD = $(SODIUM_LIBS) $(CRYPTO_LIBS) $(NGHTTP2_LIBS) \
    $(ZSTD_LIBS) $(YAML_LIBS)

libmesh_la_SOURCES =
libmesh_la_LIBADD = libmesh-core.la
libmesh_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0 \
    -Wl,-Bsymbolic-functions \
    -Wl,--version-script=%D%/libmesh.map
EXTRA_libmesh_la_DEPENDENCIES = %D%/libmesh.map
EXTRA_DIST += %D%/version-script.sh
CLEANFILES += %D%/libmesh.map

%D%/libmesh.map: $(meshinclude_HEADERS) %D%/version-script.sh
	$(AM_V_GEN)cd $(top_srcdir) && \
	    libmesh/version-script.sh $(meshinclude_HEADERS) \
	    > $(abs_builddir)/$@.tmp && mv $(abs_builddir)/$@.tmp \
	    $(abs_builddir)/$@
pkgconfigdir = $(libdir)/pkgconfig
pkgconfig_DATA = %D%/libmesh.pc
meshincludedir = $(includedir)/mesh
meshinclude_HEADERS =

# In the order of the layers: a folder may include only those above it.
include libmesh/base/local.mk
include libmesh/crypto/local.mk
include libmesh/wire/local.mk
include libmesh/netmap/local.mk
include libmesh/policy/local.mk
include libmesh/filter/local.mk
include libmesh/wg/local.mk
include libmesh/path/local.mk
include libmesh/relay/local.mk
include libmesh/control/local.mk
include libmesh/local/local.mk
