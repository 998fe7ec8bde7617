/* SPDX-License-Identifier: ISC */
#include "child.h"

#include "base/text.h"
#include "common/log.h"
#include "common/role.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

int
child_path(const char *file, char *out, size_t size)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash = NULL;

	if (n > 0) {
		self[n] = '\0';
		slash = strrchr(self, '/');
	}
	if (slash != NULL) {
		*slash = '\0';
		if (mesh_format(out, size, "%s/%s", self, file) == MESH_OK &&
		    access(out, X_OK) == 0)
			return MESH_OK;
	}
	return mesh_format(out, size, "%s/%s", MESH_LIBEXECDIR, file);
}

static void
schedule(struct child *c, struct mesh_time now)
{
	if (mesh_time_since(c->started, now) >= CHILD_LIVED_NS)
		c->delay_ns = CHILD_DELAY_MIN_NS;
	else if (c->delay_ns < CHILD_DELAY_MAX_NS)
		c->delay_ns = c->delay_ns ? 2 * c->delay_ns
					  : CHILD_DELAY_MIN_NS;
	c->restart = mesh_time_add(now, c->delay_ns);
}

int
child_start(struct child *c, uint8_t *buf, struct mesh_time now)
{
	char path[PATH_MAX];
	struct role role;
	int rc = child_path(c->file, path, sizeof(path));

	c->started = now;
	if (rc == MESH_OK)
		rc = role_spawn_file(path, "meshd", c->name, NULL, NULL, 0,
		    &role);
	if (rc != MESH_OK) {
		log_err("cannot start role=%s: %s", c->name, strerror(errno));
		schedule(c, now);
		return rc;
	}
	c->pid = role.pid;
	c->restart = MESH_NEVER;
	link_init(&c->link, role.link, ROLE_MONITOR, c->role, buf);
	return link_hello(&c->link);
}

void
child_kill(struct child *c, const char *why)
{
	if (c->pid <= 0)
		return;
	log_err("ending role=%s pid=%d: %s", c->name, (int)c->pid, why);
	link_release(&c->link);
	(void)kill(c->pid, SIGKILL);
}

void
child_ended(struct child *c, int status, struct mesh_time now)
{
	char how[80];

	role_describe(status, how, sizeof(how));
	schedule(c, now);
	if (status != 0)
		log_warn("ended role=%s pid=%d: %s", c->name, (int)c->pid, how);
	link_release(&c->link);
	c->pid = 0;
}
