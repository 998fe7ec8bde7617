/* SPDX-License-Identifier: ISC
 * snapshot.h - what a node knows of its network at one moment.
 *
 * A snapshot is immutable: arrays of pointers to counted objects. A frame of
 * the map stream makes a new one that shares what did not change; the old one
 * lives as long as somebody holds it. Either the whole frame is applied or
 * nothing is. Semantics: protocol/control.md 6.4-6.7, vectors-control.md 9.
 *
 *	struct mesh_netmap *nm = NULL, *next;
 *	...
 *	if (mesh_netmap_apply(nm, &frame, now, &next, &changed, &diag) == 0) {
 *		push(nm, next, changed);
 *		mesh_netmap_unref(nm);
 *		nm = next;
 *	}
 */
#ifndef MESH_NETMAP_SNAPSHOT_H
#define MESH_NETMAP_SNAPSHOT_H

#include <mesh/netmap.h>
#include <netmap/dns.h>
#include <netmap/health.h>
#include <netmap/node.h>
#include <netmap/relaymap.h>
#include <netmap/response.h>
#include <netmap/rule.h>
#include <netmap/ssh.h>
#include <netmap/user.h>

#define MESH_NETMAP_USERS 65536u
#define MESH_NETMAP_FILTERS 256u /* named filters */

struct mesh_netmap {
	size_t refs;
	struct mesh_node *self;	  /* NULL only before the first frame */
	struct mesh_node **peers; /* by id */
	size_t peer_count;
	struct mesh_user **users; /* by id */
	size_t user_count;
	struct mesh_relaymap *relays; /* NULL: none yet */
	struct mesh_dns *dns;
	struct mesh_rules **filters; /* by name; none: nothing may come in */
	size_t filter_count;
	struct mesh_ssh_policy *ssh;
	struct mesh_health_message **messages; /* by id */
	size_t message_count;
	/* As control said them: */
	struct mesh_value *health;    /* [string] */
	struct mesh_value *domain;    /* string */
	struct mesh_value *lock_info; /* TKAInfo */
	struct mesh_value *dial_plan;
	struct mesh_value *client_version;
	struct mesh_value *audit_log_id; /* string */
	int8_t collect_services;
	struct mesh_wall control_time;
};

/* What differs between two snapshots. */
enum mesh_netmap_part {
	MESH_NETMAP_SELF = 1u << 0,
	MESH_NETMAP_PEER_SET = 1u << 1, /* peers came, went or changed */
	MESH_NETMAP_RELAYS = 1u << 2,
	MESH_NETMAP_DNS = 1u << 3,
	MESH_NETMAP_FILTER = 1u << 4,
	MESH_NETMAP_USER_SET = 1u << 5,
	MESH_NETMAP_SSH = 1u << 6,
	MESH_NETMAP_HEALTH = 1u << 7, /* health or messages */
	MESH_NETMAP_OTHER = 1u << 8,  /* domain, lock, dial plan, versions */
};

/* Lays a frame over old (NULL: there is nothing yet; the frame must then bring
 * Node). `now`: the time of day, for "seen now". *out has one reference. A frame
 * without any change still makes a snapshot (control_time) and *out_changed 0.
 * MESH_ERR_PROTO: the first frame lacks Node; MESH_ERR_FORMAT; MESH_ERR_LIMIT;
 * MESH_ERR_NOMEM: old stays as it was, out is untouched. */
int mesh_netmap_apply(const struct mesh_netmap *old,
    const struct mesh_map_response *frame, struct mesh_wall now,
    struct mesh_netmap **out, unsigned *out_changed, struct mesh_diag *diag);

/* The whole snapshot as one frame, as a server would send it first. */
void mesh_netmap_write(struct mesh_buf *out, const struct mesh_netmap *nm);

/* The peer (not self), or NULL. */
const struct mesh_node *mesh_netmap_peer(const struct mesh_netmap *nm,
    int64_t id);
const struct mesh_user *mesh_netmap_user(const struct mesh_netmap *nm,
    int64_t id);
/* Self or peer that has the key, or the address among its own; or NULL. */
const struct mesh_node *mesh_netmap_by_key(const struct mesh_netmap *nm,
    const struct mesh_node_key *key);
const struct mesh_node *mesh_netmap_by_ip(const struct mesh_netmap *nm,
    const struct mesh_ip *ip);

/* Is a rule set refused (legacy bits, or it grants an unsigned peer)? Then
 * nothing may come in (control.md 6.6). */
bool mesh_netmap_filter_is_refused(const struct mesh_netmap *nm);

#endif
