/* SPDX-License-Identifier: ISC
 * agent.c - the role that talks to people and to control.
 */
#include "link.h"
#include "roles.h"

#include "common/log.h"
#include "common/role.h"

#include <poll.h>

int
agent_main(void)
{
	static uint8_t buf[MSG_MAX];
	struct link l;
	struct link_msg m;
	bool stop = false;

	log_init("meshd: agent", MESH_LOG_INFO);
	link_init(&l, ROLE_LINK, ROLE_AGENT, ROLE_MONITOR, buf);
	if (link_hello(&l) != MESH_OK ||
	    link_send(&l, MSG_READY, 0, NULL, 0, NULL, 0) != MESH_OK)
		return 1;
	while (!stop) {
		struct pollfd p = {.fd = l.fd, .events = POLLIN};

		(void)poll(&p, 1, -1);
		int rc = link_recv(&l, &m);
		if (rc == MESH_ERR_AGAIN)
			continue;
		if (rc != MESH_OK)
			return 1;
		stop = m.type == MSG_STOP;
		link_msg_release(&m);
	}
	return 0;
}
