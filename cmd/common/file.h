/* SPDX-License-Identifier: ISC
 * file.h - a file's bytes, for commands. */
#ifndef COMMON_FILE_H
#define COMMON_FILE_H

#include <base/buf.h>

/* The whole file, or stdin for "-"; out is made here and released by the caller,
 * after an error too. Gives an exit status, after a message on stderr: 1 when it
 * cannot be read or has more than max bytes. */
int file_read(const char *path, size_t max, struct mesh_buf *out);

#endif
