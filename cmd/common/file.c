/* SPDX-License-Identifier: ISC */
#include "file.h"

#include "cmd.h"
#include <errno.h>

int
file_read(const char *path, size_t max, struct mesh_buf *out)
{
	bool is_stdin = strcmp(path, "-") == 0;
	FILE *f = is_stdin ? stdin : fopen(path, "re");
	char chunk[16384];
	int status = CMD_OK;
	size_t n;

	mesh_buf_init(out, max);
	if (f == NULL)
		return cmd_error(CMD_NO, "cannot open '%s': %s", path,
		    strerror(errno));
	while (status == CMD_OK && (n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		if (mesh_buf_add(out, chunk, n) != MESH_OK)
			status = cmd_error(CMD_NO,
			    "'%s' is longer than %zu bytes", path, max);
	if (status == CMD_OK && ferror(f))
		status = cmd_error(CMD_NO, "cannot read '%s': %s", path,
		    strerror(errno));
	if (!is_stdin)
		fclose(f);
	return status;
}
