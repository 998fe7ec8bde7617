noinst_HEADERS += %D%/wg.h
