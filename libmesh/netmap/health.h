/* SPDX-License-Identifier: ISC
 * health.h - what control wants people to read. Source: protocol/control.md 7.9.
 */
#ifndef MESH_NETMAP_HEALTH_H
#define MESH_NETMAP_HEALTH_H

#include <netmap/counted.h>

#define MESH_HEALTH_MEMORY (1u << 18) /* bytes of one message or list */
#define MESH_HEALTH_ITEMS 256u	      /* messages */

struct mesh_health_link {
	const char *url;
	const char *label;
};

struct mesh_health_message { /* DisplayMessage */
	struct mesh_counted counted;
	const char *id; /* its name in the map */
	const char *title;
	const char *text;
	const char *severity; /* high, medium, low */
	bool impacts_connectivity;
	struct mesh_health_link *action; /* NULL: none */
};

extern const struct mesh_schema mesh_health_message_schema;

#endif
