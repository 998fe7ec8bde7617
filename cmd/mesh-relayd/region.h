/* SPDX-License-Identifier: ISC
 * region.h - the other relays of this one's region, from the options:
 *
 *	--mesh-key FILE    64 hex digits that they all know, 0600
 *	--mesh-with NAME=ADDR:PORT[,sha256-raw:HEX]
 *
 * NAME is what its certificate is for; with a pin, that certificate alone is
 * taken, without one the system's authorities have to vouch for it. */
#ifndef RELAYD_REGION_H
#define RELAYD_REGION_H

#include "base/addr.h"
#include "common/conf.h"
#include "relay/server.h"

#define REGION_MAX 16u   /* other relays */
#define REGION_NAME 254u /* bytes with NUL */
#define REGION_PIN 32u

struct region_relay {
	char name[REGION_NAME];
	struct mesh_endpoint at;
	uint8_t pin[REGION_PIN];
	bool pinned;
};

struct region {
	struct mesh_relay_mesh_key key;
	bool has_key;
	struct region_relay relays[REGION_MAX];
	size_t count;
};

/* What can be said before anything is touched. MESH_ERR_ARG. */
int region_parse(struct region *out, const struct conf_list *with,
    const char *key_file, struct mesh_diag *diag) MESH_MUST_USE;
/* Reads the key, if there is a file. */
int region_load_key(struct region *region, const char *key_file,
    struct mesh_diag *diag) MESH_MUST_USE;

#endif
