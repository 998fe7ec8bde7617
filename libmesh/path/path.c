/* SPDX-License-Identifier: ISC
 * path.c - the object: life, time and actions.
 */
#include "path/int.h"

#include "base/secret.h"

int
mesh_path_new(const struct mesh_path_config *config, struct mesh_time now,
    struct mesh_path **out)
{
	struct mesh_path *p;
	uint8_t seed[MESH_MAP_SEED_LEN];

	(void)now;
	if (mesh_node_key_is_zero(&config->node) ||
	    mesh_ct_is_zero(config->disco.b, sizeof(config->disco.b)))
		return MESH_ERR_ARG;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return MESH_ERR_NOMEM;
	mesh_path_timer_init(&p->measure);
	if (mesh_path_timers_reserve(&p->timers, 1) < 0) {
		free(p);
		return MESH_ERR_NOMEM;
	}
	mesh_drbg_init(&p->random, config->seed);
	mesh_drbg_bytes(&p->random, seed, sizeof(seed));
	mesh_map_init(&p->peers, MESH_KEY_LEN, MESH_PATH_PEERS_MAX, seed);
	mesh_map_init(&p->identities, MESH_KEY_LEN, MESH_PATH_PEERS_MAX, seed);
	mesh_map_init(&p->addresses, sizeof(struct mesh_ip) + 2, ADDRESSES_MAX,
	    seed);
	mesh_list_init(&p->active);
	mesh_list_init(&p->changed);
	mesh_list_init(&p->owed);
	mesh_netcheck_init(&p->netcheck);
	p->node = config->node;
	p->secret = config->disco;
	p->disco = mesh_disco_public(&p->secret);
	p->home = p->netcheck.preferred = config->home;
	p->control = true;
	p->measured = p->sent = MESH_NEVER;
	*out = p;
	return MESH_OK;
}

void
mesh_path_free(struct mesh_path *p)
{
	if (p == NULL)
		return;
	mesh_path_peers_release(p);
	mesh_path_timers_release(&p->timers);
	mesh_path_queue_release(&p->queue);
	mesh_netcheck_release(&p->netcheck);
	mesh_wipe(p, sizeof(*p));
	free(p);
}

struct mesh_disco_key
mesh_path_disco_key(const struct mesh_path *p)
{
	return p->disco;
}

void
mesh_path_set_disco(struct mesh_path *p, const struct mesh_disco_secret *disco,
    struct mesh_time now)
{
	struct identity *id;
	size_t pos = 0;

	p->secret = *disco;
	p->disco = mesh_disco_public(disco);
	while ((id = mesh_map_next(&p->identities, &pos, NULL)) != NULL) {
		mesh_box_key_wipe(&id->box);
		id->state = BOX_NOT_YET;
	}
	mesh_path_measure_due(p, true, now);
}

/* --- time and actions ---------------------------------------------------- */

void
mesh_path_tick(struct mesh_path *p, struct mesh_time now)
{
	struct mesh_path_timer *t;

	while ((t = mesh_path_timers_first(&p->timers)) != NULL &&
	       mesh_time_due(t->at, now)) {
		if (t == &p->measure)
			mesh_path_measure_tick(p, now);
		else
			mesh_path_peer_tick(p,
			    MESH_CONTAINER(t, struct mesh_path_peer, timer),
			    now);
	}
	mesh_path_measure_pump(p, now);
	mesh_path_pings_expire(p, now);
}

struct mesh_time
mesh_path_deadline(const struct mesh_path *p)
{
	const struct mesh_path_timer *t = mesh_path_timers_first(&p->timers);
	struct mesh_time at = mesh_netcheck_deadline(&p->netcheck);

	if (t != NULL)
		at = mesh_time_min(at, t->at);
	if (p->tell_endpoints)
		at = mesh_time_min(at, p->tell_endpoints_at);
	return mesh_time_min(at, mesh_path_pings_deadline(p));
}

static bool
next_datagram(struct mesh_path *p, struct mesh_path_action *out)
{
	struct out o;

	while (mesh_path_pop(p, &o)) {
		size_t len = mesh_path_compose(p, &o);

		if (len == 0)
			continue;
		*out = (struct mesh_path_action){
		    .kind = o.to.port != 0 ? MESH_PATH_SEND_UDP
					   : MESH_PATH_SEND_RELAY,
		    .data = p->datagram,
		    .len = len,
		    .to = o.to,
		    .region = o.region,
		    .peer = o.peer,
		};
		if (o.peer != NULL)
			out->node = o.peer->node;
		return true;
	}
	return false;
}

/* Takes the flag down. */
static bool
take(bool *flag)
{
	bool was = *flag;

	*flag = false;
	return was;
}

bool
mesh_path_next(struct mesh_path *p, struct mesh_time now,
    struct mesh_path_action *out)
{
	if (next_datagram(p, out) || mesh_path_pings_next(p, out))
		return true;
	*out = (struct mesh_path_action){.region = p->home};
	if (take(&p->tell_home)) {
		p->told_home = p->home;
		out->kind = MESH_PATH_HOME;
	} else if (p->tell_endpoints &&
		   (!p->netcheck.running ||
		       mesh_time_due(p->tell_endpoints_at, now))) {
		p->tell_endpoints = false;
		out->kind = MESH_PATH_ENDPOINTS;
	} else if (take(&p->tell_netinfo)) {
		out->kind = MESH_PATH_NETINFO;
	} else if (!mesh_list_is_empty(&p->changed)) {
		out->kind = MESH_PATH_PEER;
		out->peer = MESH_CONTAINER(p->changed.next,
		    struct mesh_path_peer, changed);
		mesh_list_remove(&out->peer->changed);
	} else {
		return false;
	}
	return true;
}

void
mesh_path_stats(const struct mesh_path *p, struct mesh_path_stats *out)
{
	*out = p->stats;
}
