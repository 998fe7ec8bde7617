/* SPDX-License-Identifier: ISC
 * main.c - meshd: has its options read by a short-lived role, then is the
 * monitor.
 */
#include "child.h"
#include "roles.h"

#include "common/log.h"
#include "common/role.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define TITLE "meshd: monitor"

/* Over what the command line was, as far as there is room. */
static void
set_title(int argc, char **argv)
{
	char *end = argv[argc - 1] + strlen(argv[argc - 1]);
	size_t room = (size_t)(end - argv[0]);

	memset(argv[0], 0, room);
	memcpy(argv[0], TITLE,
	    sizeof(TITLE) - 1 < room ? sizeof(TITLE) - 1 : room);
	(void)prctl(PR_SET_NAME, TITLE);
}

/* The options' texts live in the arena. *out_status: what to exit with when
 * there are none. */
static bool
read_options(int argc, char **argv, struct mesh_arena *a,
    struct tbl_conf *out, int *out_status)
{
	static uint8_t buf[MSG_MAX];
	char path[PATH_MAX];
	struct link_msg m;
	struct role role;
	struct link l;
	bool found = false;
	int status = 0, rc = MESH_OK;

	(void)argc;
	*out_status = 1;
	if (child_path("meshd-agent", path, sizeof(path)) != MESH_OK ||
	    role_spawn_file(path, "meshd", "config",
		(const char *const *)argv, NULL, 0, &role) != MESH_OK) {
		log_err("cannot run '%s': %s", path, strerror(errno));
		return false;
	}
	(void)fcntl(role.link, F_SETFL, 0);
	link_init(&l, role.link, ROLE_MONITOR, ROLE_CONFIG, buf);
	waitpid(role.pid, &status, 0);
	while (rc == MESH_OK && (rc = link_recv(&l, &m)) == MESH_OK) {
		if (m.type == MSG_CONF) {
			rc = tbl_conf_get(&m.body, a, out);
			found = rc == MESH_OK;
		}
		link_msg_release(&m);
	}
	link_release(&l);
	*out_status = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
	if (WIFEXITED(status) && *out_status == 127)
		log_err("cannot run '%s'", path);
	return found;
}

int
main(int argc, char **argv)
{
	struct tbl_conf conf;
	struct mesh_arena a;
	int status;

	log_init("meshd", MESH_LOG_INFO);
	mesh_arena_init(&a, 65536);
	if (read_options(argc, argv, &a, &conf, &status)) {
		set_title(argc, argv);
		log_init(TITLE, (enum mesh_log_level)conf.log_level);
		status = monitor_main(&conf);
	}
	mesh_arena_release(&a);
	return status;
}
