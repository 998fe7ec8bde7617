/* SPDX-License-Identifier: ISC
 * engine_drive.c - does what WireGuard and the paths want done.
 */
#include "engine_int.h"

#include "common/log.h"
#include "crypto/blake2s.h"

static void
reply(struct engine *e, const void *data, size_t len)
{
	const struct source *s = &e->source;

	if (s->udp.port != 0)
		udp_tx_one(&e->tx, &s->udp, data, len);
	else if (s->region != 0)
		engine_relay_send(e, s->region, &s->node, data, len, false);
}

/* Stamps that a machine without a clock must not fall behind of. */
static void
keep_stamp(struct engine *e)
{
	struct mesh_wall high = mesh_wg_stamp_high(e->wg);
	uint8_t body[12];
	struct mesh_wr w = mesh_wr_init(body, sizeof(body));

	if (high.sec < e->stamp_saved.sec)
		return;
	e->stamp_saved.sec = high.sec + ENGINE_STAMP_AHEAD_S;
	mesh_wr_u64be(&w, (uint64_t)e->stamp_saved.sec);
	mesh_wr_u32be(&w, 0);
	engine_tell_monitor(e, MSG_STAMP, body, sizeof(body));
}

static void
wg_act(struct engine *e, const struct mesh_wg_action *a)
{
	struct peer *p = a->peer != NULL ? mesh_wg_peer_user(a->peer) : NULL;

	switch (a->kind) {
	case MESH_WG_SEND:
		engine_send_datagram(e, p, a->data, a->len);
		if (a->len == MESH_WG_INITIATION_LEN)
			keep_stamp(e);
		break;
	case MESH_WG_REPLY:
		reply(e, a->data, a->len);
		break;
	case MESH_WG_ARM:
		(void)timers_set(&e->timers, &p->timer, a->deadline);
		break;
	case MESH_WG_SESSION:
		p->handshake = e->now;
		engine_peer_changed(e, p);
		engine_probe_advertise(e, p);
		engine_send_staged(e, p);
		break;
	case MESH_WG_FAILED:
		engine_drop_staged(e, p);
		engine_peer_changed(e, p);
		break;
	case MESH_WG_EXPIRED:
		engine_peer_drop_wg(e, p);
		engine_peer_changed(e, p);
		break;
	}
}

static void
path_act(struct engine *e, const struct mesh_path_action *a)
{
	switch (a->kind) {
	case MESH_PATH_SEND_UDP:
		udp_tx_one(&e->tx, &a->to, a->data, a->len);
		break;
	case MESH_PATH_SEND_RELAY:
		engine_relay_send(e, a->region, &a->node, a->data, a->len,
		    true);
		break;
	case MESH_PATH_HOME:
		engine_relay_home(e, a->region);
		e->state_changed = true;
		break;
	case MESH_PATH_ENDPOINTS:
	case MESH_PATH_NETINFO:
		e->state_changed = true;
		break;
	case MESH_PATH_PEER:
		if (a->peer != NULL)
			engine_peer_changed(e, mesh_path_peer_user(a->peer));
		break;
	case MESH_PATH_PONG:
		engine_probe_disco_done(e, a);
		break;
	}
}

/* Each may give the other work, so until both are quiet. */
void
engine_drive(struct engine *e)
{
	struct mesh_path_action pa;
	struct mesh_wg_action wa;
	bool more = true;

	while (more && e->started) {
		more = false;
		while (mesh_wg_next(e->wg, &wa)) {
			wg_act(e, &wa);
			more = true;
		}
		while (mesh_path_next(e->path, e->now, &pa)) {
			path_act(e, &pa);
			more = true;
		}
	}
}

/* --- links of the machine --- */

static bool
is_usable(const struct mesh_ip *ip)
{
	return !mesh_ip_is_loopback(ip) && !mesh_ip_is_linklocal(ip) &&
	    !mesh_ip_is_mesh(ip) && !mesh_ip_is_multicast(ip);
}

static bool
is_other_mesh(const char *name)
{
	return !strncmp(name, "zt", 2) || !strcmp(name, "wt0");
}

/* Moved: an address or a default route is another one. */
static bool
has_moved(struct engine *e, const struct mesh_rd *body)
{
	uint8_t digest[sizeof(e->links_digest)];
	bool moved;

	mesh_blake2s_hash(digest, body->p, body->left, NULL, 0);
	moved = memcmp(digest, e->links_digest, sizeof(digest)) != 0;
	memcpy(e->links_digest, digest, sizeof(digest));
	return moved;
}

void
engine_take_links(struct engine *e, struct link_msg *m)
{
	struct mesh_ip usable[TBL_LINK_ADDRS_MAX];
	struct mesh_path_link link = {
	    .port4 = e->start.port4,
	    .port6 = e->start.port6,
	    .port_fixed = true,
	    .addresses = usable,
	};
	bool moved = has_moved(e, &m->body);
	struct mesh_arena a;
	struct tbl_links t;

	mesh_arena_init(&a, 65536);
	if (moved && e->started && tbl_links_get(&m->body, &a, &t) == MESH_OK) {
		for (size_t i = 0; i < t.count; i++) {
			const struct mesh_ip *ip = &t.v[i].addr.ip;

			if (!is_usable(ip) || is_other_mesh(t.v[i].name))
				continue;
			usable[link.address_count++] = *ip;
			link.up4 |= mesh_ip_is4(ip) && e->tx.fd4 >= 0;
			link.up6 |= !mesh_ip_is4(ip) && e->tx.fd6 >= 0;
		}
		log_info("links changed addresses=%zu up4=%d up6=%d",
		    link.address_count, link.up4, link.up6);
		mesh_path_set_link(e->path, &link, true, e->now);
		engine_relays_moved(e, usable, link.address_count);
	}
	mesh_arena_release(&a);
}
