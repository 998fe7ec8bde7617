/* SPDX-License-Identifier: ISC
 * mesh/error.h - every error of libmesh: one list makes enum, name and text.
 *
 * Functions return int: 0 is MESH_OK, an error is a negative enum mesh_err.
 * Details for people (which line, which field) go into a struct mesh_diag of
 * the caller.
 */
#ifndef MESH_ERROR_H
#define MESH_ERROR_H

/* X(name, text) */
#define MESH_ERRORS(X)                                                         \
	X(FORMAT, "malformed input")                                           \
	X(STRAY, "not an answer to us")                                        \
	X(LIMIT, "a limit was exceeded")                                       \
	X(NOMEM, "out of memory")                                              \
	X(AUTH, "authentication failed")                                       \
	X(STATE, "not possible in this state")                                 \
	X(AGAIN, "more input is needed")                                       \
	X(NOTFOUND, "not found")                                               \
	X(EXIST, "already exists")                                             \
	X(DENIED, "not permitted")                                             \
	X(TIMEOUT, "timed out")                                                \
	X(PROTO, "the other side broke the protocol")                          \
	X(REFUSED, "the other side refused")                                   \
	X(VERSION, "version not supported")                                    \
	X(REPLAY, "replayed")                                                  \
	X(EXPIRED, "expired")                                                  \
	X(CLOSED, "closed")                                                    \
	X(IO, "input or output error")                                         \
	X(ARG, "invalid argument")                                             \
	X(INTERNAL, "internal error")

enum mesh_err_index {
	MESH_ERR_INDEX_OK,
#define X(name, text) MESH_ERR_INDEX_##name,
	MESH_ERRORS(X)
#undef X
	    MESH_ERR_COUNT
};

enum mesh_err {
	MESH_OK = 0,
#define X(name, text) MESH_ERR_##name = -MESH_ERR_INDEX_##name,
	MESH_ERRORS(X)
#undef X
};

#endif
