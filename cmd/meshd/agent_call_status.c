/* SPDX-License-Identifier: ISC
 * agent_call_status.c - who is there, and who is calling. */
#include "agent_call.h"

#include "local/netmap.h"
#include "local/whois.h"

#include <stdlib.h>
#include <string.h>

#define STATUS_WAIT_NS (300 * MESH_MS) /* for the engine's counters */

static void
answer_status(struct agent_client *c, const struct tbl_pong *pong)
{
	struct mesh_status status;
	struct mesh_arena m;

	(void)pong;
	mesh_arena_init(&m, MESH_STATUS_MEMORY);
	agent_status_make(c->agent, c->want_peers, &m, &status);
	call_json(c, &mesh_status_schema, &status, true);
	mesh_arena_release(&m);
}

static void
forget_status(struct agent *a)
{
	uint8_t seed[MESH_MAP_SEED_LEN];
	size_t pos = 0;
	void *t;

	while ((t = mesh_map_next(&a->peer_status, &pos, NULL)) != NULL)
		free(t);
	agent_random(seed, sizeof(seed));
	mesh_map_release(&a->peer_status);
	mesh_map_init(&a->peer_status, MESH_KEY_LEN, TBL_PEERS_MAX, seed);
}

void
call_want_status(struct agent_client *c, uint64_t ns, agent_resume_fn *resume)
{
	uint8_t body[4];
	struct mesh_wr w = mesh_wr_init(body, sizeof(body));
	uint32_t id = agent_ask_id(c->agent);

	mesh_wr_u32be(&w, id);
	forget_status(c->agent);
	if (agent_port_send(&c->agent->engine, MSG_WANT_STATUS, 0, body, w.len))
		agent_client_wait(c, id, ns, resume);
	else
		resume(c, NULL);
}

void
call_status(struct agent_client *c, const struct mesh_local_request *r)
{
	char value[MESH_LOCAL_QUERY_MAX];

	c->want_peers = !(mesh_local_query(r, "peers", value) &&
			  strcmp(value, "false") == 0);
	call_want_status(c, STATUS_WAIT_NS, answer_status);
}

/* --- whois */

/* "100.64.0.2", "100.64.0.2:22", "nodekey:..." */
static int
find_node(const struct agent *a, const char *addr, const struct mesh_node **out)
{
	struct mesh_str s = mesh_str(addr);
	struct mesh_node_key key;
	struct mesh_endpoint e;

	*out = NULL;
	if (mesh_node_key_parse(s.p, s.len, &key) == MESH_OK) {
		if (a->nm != NULL)
			*out = mesh_netmap_by_key(a->nm, &key);
		return MESH_OK;
	}
	if (mesh_ip_parse(s, &e.ip) != MESH_OK &&
	    mesh_endpoint_parse(s, &e) != MESH_OK)
		return MESH_ERR_FORMAT;
	if (a->nm != NULL)
		*out = mesh_netmap_by_ip(a->nm, &e.ip);
	return MESH_OK;
}

void
call_whois(struct agent_client *c, const struct mesh_local_request *r)
{
	char addr[MESH_LOCAL_QUERY_MAX];
	const struct mesh_node *n;
	struct mesh_buf b;

	if (!mesh_local_query(r, "addr", addr)) {
		call_text(c, 400, "missing 'addr' parameter\n");
		return;
	}
	if (find_node(c->agent, addr, &n) != MESH_OK) {
		call_text(c, 400, "invalid 'addr' parameter\n");
		return;
	}
	if (n == NULL) {
		call_text(c, 404, "no match for IP:port\n");
		return;
	}
	mesh_buf_init(&b, CALL_ANSWER_MAX);
	mesh_whois_write(&b, c->agent->nm, n);
	call_buf(c, "application/json", &b);
}

/* --- by number */

static bool
take_id(const struct mesh_local_request *r, int64_t *out)
{
	char text[MESH_LOCAL_QUERY_MAX];
	uint64_t id;

	if (!mesh_local_query(r, "id", text) ||
	    mesh_parse_u64(mesh_str(text), INT64_MAX, &id) != MESH_OK ||
	    id == 0)
		return false;
	*out = (int64_t)id;
	return true;
}

void
call_peer_by_id(struct agent_client *c, const struct mesh_local_request *r)
{
	const struct mesh_netmap *nm = c->agent->nm;
	const struct mesh_node *n;
	struct mesh_buf b;
	struct mesh_jw w;
	int64_t id;

	if (!take_id(r, &id)) {
		call_text(c, 400, "invalid 'id' parameter\n");
		return;
	}
	n = nm ? mesh_netmap_peer(nm, id) : NULL;
	if (n == NULL) {
		call_text(c, 404, "no peer with that NodeID\n");
		return;
	}
	mesh_buf_init(&b, CALL_ANSWER_MAX);
	mesh_jw_init(&w, &b, true);
	mesh_local_write_node(&w, n);
	call_buf(c, "application/json", &b);
}

void
call_user_profile(struct agent_client *c, const struct mesh_local_request *r)
{
	const struct mesh_netmap *nm = c->agent->nm;
	const struct mesh_user *user;
	int64_t id;

	if (!take_id(r, &id)) {
		call_text(c, 400, "invalid 'id' parameter\n");
		return;
	}
	user = nm ? mesh_netmap_user(nm, id) : NULL;
	if (user == NULL)
		call_text(c, 404, "no user with that UserID\n");
	else
		call_json(c, &mesh_user_schema, user, true);
}
