/* SPDX-License-Identifier: ISC
 * engine_main.c - the program behind the role engine.
 */
#include "roles.h"

#include "common/role.h"

#include <stdio.h>
#include <string.h>

int
main(int argc, char **argv)
{
	const char *role = role_name("meshd", argc, argv);

	if (role != NULL && !strcmp(role, "engine"))
		return engine_main();
	fputs("meshd-engine: started by meshd alone; see man meshd\n", stderr);
	return 2;
}
