libmesh_core_la_SOURCES += %D%/error.c %D%/buf.c %D%/arena.c %D%/text.c \
    %D%/wall.c %D%/addr.c %D%/secret.c %D%/log.c %D%/map.c %D%/json.c \
    %D%/json_write.c %D%/bind.c
noinst_HEADERS += %D%/banned.h %D%/rd.h %D%/buf.h %D%/arena.h %D%/text.h \
    %D%/addr.h %D%/secret.h %D%/log.h %D%/list.h %D%/map.h %D%/json.h \
    %D%/bind.h
meshinclude_HEADERS += libmesh/include/mesh/error.h libmesh/include/mesh/base.h

