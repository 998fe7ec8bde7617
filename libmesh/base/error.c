/* SPDX-License-Identifier: ISC */
#include <mesh/base.h>

static const char *const texts[] = {
	"no error",
#define X(name, text) text,
	MESH_ERRORS(X)
#undef X
};

static const char *const names[] = {
	"OK",
#define X(name, text) #name,
	MESH_ERRORS(X)
#undef X
};

const char *
mesh_strerror(int err)
{
	return err <= 0 && err > -MESH_ERR_COUNT ? texts[-err]
						 : "unknown error";
}

const char *
mesh_err_name(int err)
{
	return err <= 0 && err > -MESH_ERR_COUNT ? names[-err] : "UNKNOWN";
}
