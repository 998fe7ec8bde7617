/* SPDX-License-Identifier: ISC
 * core_map.c - whole maps wait their turn (core.h).
 *
 * When all nodes come back at once, the handshakes of all go before the maps of
 * any: a stock node gives up a handshake after 10 s and waits for a map for two
 * minutes, and a map is a hundred times the work. Maps are made in the order in
 * which they were asked for, no more of them at a time than the front takes.
 */
#include "core.h"

#include "common/log.h"
#include "msg.h"

#include <stdlib.h>

#define BATCH 4 /* maps, then the loop looks for news */
/* Handshakes come thick when there are so many results in a window; then maps
 * wait, but not longer than this. */
#define WINDOW_NS (20 * MESH_MS)
#define WINDOW_MANY 10u
#define WAIT_NS (3 * MESH_SEC)

struct map_wait {
	struct mesh_list link;
	uint64_t req;
	bool once, parts;
	struct mesh_machine_key machine;
	struct mesh_node_key key;
	struct mesh_time asked;
};

static void
wait_free(struct core *c, struct map_wait *w)
{
	mesh_list_remove(&w->link);
	(void)mesh_map_remove(&c->maps_by_req, &w->req);
	free(w);
}

static void
arm(struct core *c, uint64_t ns)
{
	struct timeval tv = {0, (suseconds_t)(ns / MESH_US)};

	event_add(c->map_timer, &tv);
}

void
core_map_wake(struct core *c)
{
	if (!mesh_list_is_empty(&c->maps) && !link_wants_write(&c->front))
		arm(c, 0);
}

void
core_map_handshake(struct core *c, struct mesh_time now)
{
	if (mesh_time_since(c->window, now) >= WINDOW_NS) {
		bool next = mesh_time_since(c->window, now) < 2 * WINDOW_NS;

		c->window_before = next ? c->window_count : 0;
		c->window_count = 0;
		c->window = now;
	}
	c->window_count++;
}

static bool
is_crowded(const struct core *c, struct mesh_time now)
{
	return mesh_time_since(c->window, now) < 2 * WINDOW_NS &&
	    (c->window_count >= WINDOW_MANY || c->window_before >= WINDOW_MANY);
}

bool
core_map_ask(struct core *c, const struct msg_map *m)
{
	struct map_wait *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return false;
	w->req = m->req;
	w->once = m->kind == MSG_MAP_ONCE;
	w->parts = m->parts;
	w->machine = m->machine;
	w->key = m->key;
	w->asked = core_now();
	if (mesh_map_put(&c->maps_by_req, &w->req, w) != MESH_OK) {
		free(w);
		return false;
	}
	mesh_list_append(&c->maps, &w->link);
	core_map_wake(c);
	return true;
}

bool
core_map_cancel(struct core *c, uint64_t req)
{
	struct map_wait *w = mesh_map_get(&c->maps_by_req, &req);

	if (w != NULL)
		wait_free(c, w);
	return w != NULL;
}

void
core_map_refuse(struct core *c, uint64_t req, bool stream,
    const struct mesh_node_key *key, const struct mesh_machine_key *machine)
{
	core_status(c, req, stream ? 200 : 404);
	if (stream)
		mapper_dismiss(c->mapper, key, machine, req, core_wall());
}

static void
serve(struct core *c, const struct map_wait *w)
{
	struct member *who = core_member(c, &w->key, &w->machine);
	int err;

	if (who == NULL) {
		core_map_refuse(c, w->req, !w->once, &w->key, &w->machine);
		return;
	}
	core_status(c, w->req, 200);
	if (w->once)
		err = mapper_once(c->mapper, who, w->req, core_wall());
	else
		err = mapper_open(c->mapper, who, w->req, &w->key, w->parts,
		    core_wall());
	if (err != MESH_OK) {
		log_warn("no map for node=%s: %s", who->rec.label,
		    mesh_strerror(err));
		core_end(c, w->req);
	}
}

static void
on_maps(evutil_socket_t fd, short what, void *arg)
{
	struct mesh_time now = core_now();
	struct core *c = arg;

	(void)fd, (void)what;
	for (int i = 0; i < BATCH && !mesh_list_is_empty(&c->maps) &&
	    !link_wants_write(&c->front); i++) {
		struct map_wait *w = MESH_CONTAINER(c->maps.next,
		    struct map_wait, link);

		if (is_crowded(c, now) &&
		    mesh_time_since(w->asked, now) < WAIT_NS) {
			arm(c, WINDOW_NS);
			break;
		}
		serve(c, w);
		wait_free(c, w);
	}
	if (!event_pending(c->map_timer, EV_TIMEOUT, NULL))
		core_map_wake(c); /* or when the link is writable */
	core_wake(c);
}

bool
core_map_init(struct core *c)
{
	mesh_list_init(&c->maps);
	mesh_map_init(&c->maps_by_req, sizeof(uint64_t), CORE_MAPS_MAX, NULL);
	c->map_timer = event_new(c->base, -1, 0, on_maps, c);
	return c->map_timer != NULL;
}

void
core_map_release(struct core *c)
{
	if (c->map_timer == NULL)
		return;
	while (!mesh_list_is_empty(&c->maps))
		wait_free(c, MESH_CONTAINER(c->maps.next, struct map_wait,
		    link));
	mesh_map_release(&c->maps_by_req);
	event_free(c->map_timer);
}
