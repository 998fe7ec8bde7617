/* SPDX-License-Identifier: ISC */
#include "exit.h"

int
cmd_status_of(int err)
{
	switch (err) {
	case MESH_OK:
		return CMD_OK;
	case MESH_ERR_DENIED:
		return CMD_NOT_PERMITTED;
	case MESH_ERR_TIMEOUT:
		return CMD_TIMED_OUT;
	case MESH_ERR_FORMAT:
	case MESH_ERR_PROTO:
	case MESH_ERR_REFUSED:
	case MESH_ERR_AUTH:
	case MESH_ERR_VERSION:
	case MESH_ERR_CLOSED:
		return CMD_REFUSED;
	default:
		return CMD_NO;
	}
}
