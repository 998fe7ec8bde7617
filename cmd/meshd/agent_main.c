/* SPDX-License-Identifier: ISC
 * agent_main.c - the program behind the roles agent and config.
 */
#include "roles.h"

#include "common/role.h"

#include <stdio.h>
#include <string.h>

int
main(int argc, char **argv)
{
	const char *role = role_name("meshd", argc, argv);

	if (role != NULL && !strcmp(role, "config"))
		return config_main(argc - 2, argv + 2);
	if (role != NULL && !strcmp(role, "agent"))
		return agent_main();
	fputs("meshd-agent: started by meshd alone; see man meshd\n", stderr);
	return 2;
}
