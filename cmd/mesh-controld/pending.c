/* SPDX-License-Identifier: ISC
 * pending.c - logins that wait for an administrator (register.h).
 */
#include "register.h"
#include "register_int.h"

#include <stdlib.h>

static void
pending_free(struct state *s, struct pending *p)
{
	mesh_list_remove(&p->link);
	(void)mesh_map_remove(&s->pending_by_id, p->id);
	node_release(&p->rec);
	free(p->tags);
	free(p);
}

static struct pending *
pending_at(struct mesh_list *l)
{
	return MESH_CONTAINER(l, struct pending, link);
}

void
state_drop_pending(struct state *s)
{
	while (!mesh_list_is_empty(&s->pending))
		pending_free(s, pending_at(s->pending.next));
}

struct pending *
register_find(const struct state *s, struct mesh_str id)
{
	struct mesh_str rest = id;

	while (rest.len > 0)
		id = mesh_str_cut(&rest, '/');
	if (id.len != PENDING_ID_LEN)
		return NULL;
	return mesh_map_get(&s->pending_by_id, id.p);
}

/* Room for one more: not many of one machine (its oldest goes), nor of all: the
 * oldest goes that nobody waits for. */
static bool
make_room(struct state *s, const struct mesh_machine_key *machine)
{
	struct pending *oldest = NULL, *idle = NULL;
	size_t same = 0;

	for (struct mesh_list *l = s->pending.next; l != &s->pending;
	    l = l->next) {
		struct pending *p = pending_at(l);

		if (idle == NULL && p->waiter == 0)
			idle = p;
		if (mesh_machine_key_equal(&p->machine, machine) &&
		    same++ == 0)
			oldest = p;
	}
	if (same >= PENDING_PER_MACHINE)
		pending_free(s, oldest);
	else if (s->pending_by_id.count >= PENDING_MAX && idle != NULL)
		pending_free(s, idle);
	return s->pending_by_id.count < PENDING_MAX;
}

static struct pending *
pending_new(struct state *s, const struct register_ask *ask,
    const uint8_t random[static PENDING_RANDOM], struct mesh_time now)
{
	struct pending *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	mesh_list_init(&p->link);
	mesh_hex_encode(random, PENDING_RANDOM, p->id);
	p->machine = ask->machine;
	p->key = ask->key;
	p->until = mesh_time_add(now, PENDING_NS);
	p->expiry = ask->has_expiry ? ask->expiry : 0;
	p->rec.capver = ask->report.capver;
	p->rec.relay = ask->report.relay;
	p->tags = strndup(ask->tags.p != NULL ? ask->tags.p : "",
	    ask->tags.len);
	if (p->tags == NULL ||
	    register_own_texts(&p->rec, &ask->report, "") != MESH_OK ||
	    mesh_map_put(&s->pending_by_id, p->id, p) != MESH_OK) {
		pending_free(s, p);
		return NULL;
	}
	mesh_list_append(&s->pending, &p->link);
	return p;
}

void
pending_ask(struct state *s, const struct register_ask *ask,
    const uint8_t random[static PENDING_RANDOM], struct mesh_time now,
    struct register_answer *out)
{
	struct pending *p = register_find(s, ask->followup);

	if (p != NULL && mesh_machine_key_equal(&p->machine, &ask->machine) &&
	    mesh_node_key_equal(&p->key, &ask->key)) {
		p->waiter = ask->req;
		out->kind = REGISTER_WAIT;
		return;
	}
	if (!make_room(s, &ask->machine) ||
	    (p = pending_new(s, ask, random, now)) == NULL) {
		register_refuse(out, "too many logins wait for approval");
		return;
	}
	out->kind = REGISTER_AUTH_URL;
	mesh_format(out->id, sizeof(out->id), "%s", p->id);
}

void
register_cancel(struct state *s, uint64_t req)
{
	for (struct mesh_list *l = s->pending.next; l != &s->pending;
	    l = l->next)
		if (pending_at(l)->waiter == req)
			pending_at(l)->waiter = 0;
}

int
register_approve(struct state *s, struct pending *p, struct user *user,
    const char *tags, uint32_t seed, int64_t wall, struct member **out)
{
	struct register_ask ask = {
	    .machine = p->machine,
	    .key = p->key,
	    .has_expiry = p->expiry != 0,
	    .expiry = p->expiry,
	    .report = {
		.capver = p->rec.capver,
		.relay = p->rec.relay,
		.hostname = mesh_str(p->rec.hostname),
		.hostinfo = mesh_str(p->rec.hostinfo),
		.hostinfo_peer = mesh_str(p->rec.hostinfo_peer),
	    },
	};
	struct node n = register_record(s, &ask, wall);
	int err;

	if (p->rec.routes != NULL) {
		ask.report.routes = p->rec.routes->announced.items;
		ask.report.route_count = p->rec.routes->announced.count;
	}
	if (state_member_key(s, &p->key) != NULL)
		return state_fail(s, MESH_ERR_EXIST,
		    "this node key has joined already");
	n.user = *tags != '\0' ? 0 : user->id;
	n.expires = n.user == 0 ? 0 : n.expires;
	n.method = REGISTER_CLI;
	err = register_admit(s, &n, &ask.report, tags, NULL, seed, out);
	if (err == MESH_OK)
		p->done = true;
	return err;
}

/* An approved login answers its waiter; without one it is simply over: the node
 * asks again and its key is known. */
bool
register_next(struct state *s, struct register_answer *out)
{
	struct mesh_list *next;

	for (struct mesh_list *l = s->pending.next; l != &s->pending;
	    l = next) {
		struct pending *p = pending_at(l);
		struct member *m;
		uint64_t waiter = p->waiter;

		next = l->next;
		if (!p->done)
			continue;
		m = state_member_key(s, &p->key);
		pending_free(s, p);
		if (waiter == 0 || m == NULL)
			continue;
		*out = (struct register_answer){.req = waiter};
		register_answer_member(s, m, m->rec.created, out);
		return true;
	}
	return false;
}

void
register_tick(struct state *s, struct mesh_time now)
{
	while (!mesh_list_is_empty(&s->pending)) {
		struct pending *p = pending_at(s->pending.next);

		if (!mesh_time_due(p->until, now))
			return;
		if (p->waiter == 0) {
			pending_free(s, p);
			continue;
		}
		p->until = mesh_time_add(now, PENDING_NS); /* still wanted */
		mesh_list_remove(&p->link);
		mesh_list_append(&s->pending, &p->link);
	}
}
