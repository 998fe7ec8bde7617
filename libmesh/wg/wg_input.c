/* SPDX-License-Identifier: ISC */
#include "base/rd.h"
#include "wg/wg_int.h"

/* --- initiations */

static void
forget_stranger(struct mesh_wg *wg)
{
	if (!wg->has_stranger)
		return;
	wg->has_stranger = false;
	mesh_noise_wipe(&wg->stranger_noise);
}

const struct mesh_node_key *
mesh_wg_stranger(const struct mesh_wg *wg)
{
	return wg->has_stranger ? &wg->stranger_key : NULL;
}

int
mesh_wg_resume(struct mesh_wg *wg, struct mesh_time now,
    struct mesh_wg_peer **out_peer)
{
	struct mesh_wg_peer *p;
	int err;

	if (!wg->has_stranger)
		return MESH_ERR_STATE;
	p = mesh_wg_peer_get(wg, &wg->stranger_key);
	if (p == NULL)
		return MESH_ERR_NOTFOUND;
	err = mesh_wg_int_accept_initiation(p, &wg->stranger,
	    &wg->stranger_noise, now);
	forget_stranger(wg);
	if (err == MESH_OK && out_peer != NULL)
		*out_peer = p;
	return err;
}

static int
input_initiation(struct mesh_wg *wg, const uint8_t *buf, size_t len,
    struct mesh_time now, struct mesh_wg_peer **out_peer)
{
	int err = mesh_wg_initiation_read(buf, len, &wg->stranger);

	if (err == MESH_OK)
		err = mesh_wg_hs_open(&wg->secret, &wg->self, &wg->stranger,
		    &wg->stranger_noise, &wg->stranger_key);
	if (err != MESH_OK)
		return err;
	/* Everybody is a stranger until his key is found among the peers. */
	wg->has_stranger = true;
	return mesh_wg_resume(wg, now, out_peer);
}

/* --- responses and cookies */

static int
input_response(struct mesh_wg *wg, const uint8_t *buf, size_t len,
    struct mesh_time now, struct mesh_wg_peer **out_peer)
{
	struct mesh_wg_response m;
	struct wg_ref *ref;
	int err = mesh_wg_response_read(buf, len, &m);

	if (err != MESH_OK)
		return err;
	ref = mesh_wg_index_get(&wg->index, m.receiver);
	if (ref == NULL || ref->is_session)
		return MESH_ERR_STRAY;
	err = mesh_wg_int_accept_response(ref->peer, &m, now);
	if (err == MESH_OK && out_peer != NULL)
		*out_peer = ref->peer;
	return err;
}

static int
input_cookie(struct mesh_wg *wg, const uint8_t *buf, size_t len,
    struct mesh_time now, struct mesh_wg_peer **out_peer)
{
	struct mesh_wg_cookie m;
	const struct wg_ref *ref;
	int err = mesh_wg_cookie_read(buf, len, &m);

	if (err != MESH_OK)
		return err;
	ref = mesh_wg_index_get(&wg->index, m.receiver);
	if (ref == NULL)
		return MESH_ERR_STRAY;
	err = mesh_wg_jar_take(&ref->peer->jar, &m, now);
	if (err == MESH_OK && out_peer != NULL)
		*out_peer = ref->peer;
	return err;
}

/* --- the door */

static void
send_cookie(struct mesh_wg *wg, const uint8_t *buf, size_t len,
    const struct mesh_wg_source *from, struct mesh_time now)
{
	struct mesh_rd r = mesh_rd_init(buf, len);
	struct mesh_wg_cookie m;
	uint32_t sender;

	mesh_rd_skip(&r, 4);
	sender = mesh_rd_u32le(&r);
	mesh_wg_checker_reply(&wg->checker, buf, len, from->b, from->len,
	    sender, &wg->random, now, &m);
	mesh_wg_cookie_write(&m, wg->reply);
	wg->reply_due = true;
	wg->counts.cookies_sent++;
}

/* Before anything that costs: is it for us, and can we afford it? */
static int
check_door(struct mesh_wg *wg, const uint8_t *buf, size_t len,
    const struct mesh_wg_source *from, struct mesh_time now)
{
	if (!mesh_wg_checker_mac1(&wg->checker, buf, len)) {
		wg->counts.bad_mac++;
		return MESH_ERR_AUTH;
	}
	if (!mesh_wg_load_count(&wg->load, now))
		return MESH_OK;
	if (!mesh_wg_checker_mac2(&wg->checker, buf, len, from->b, from->len,
		now)) {
		send_cookie(wg, buf, len, from, now);
		return MESH_ERR_LIMIT;
	}
	return mesh_wg_load_source(&wg->load, from->b, from->host_len, now)
		   ? MESH_OK
		   : MESH_ERR_LIMIT;
}

static int
input(struct mesh_wg *wg, const uint8_t *buf, size_t len,
    const struct mesh_wg_source *from, struct mesh_time now,
    struct mesh_wg_peer **out_peer)
{
	enum mesh_wg_type type = mesh_wg_type(buf, len);
	int err = MESH_OK;

	if (type == MESH_WG_INITIATION || type == MESH_WG_RESPONSE)
		err = check_door(wg, buf, len, from, now);
	if (err != MESH_OK)
		return err;
	switch (type) {
	case MESH_WG_INITIATION:
		return input_initiation(wg, buf, len, now, out_peer);
	case MESH_WG_RESPONSE:
		return input_response(wg, buf, len, now, out_peer);
	case MESH_WG_COOKIE:
		return input_cookie(wg, buf, len, now, out_peer);
	default:
		return MESH_ERR_FORMAT;
	}
}

int
mesh_wg_input(struct mesh_wg *wg, const uint8_t *buf, size_t len,
    const struct mesh_wg_source *from, struct mesh_time now,
    struct mesh_wg_peer **out_peer)
{
	int err;

	forget_stranger(wg);
	err = input(wg, buf, len, from, now, out_peer);
	if (err == MESH_ERR_FORMAT)
		wg->counts.bad_format++;
	else if (err == MESH_ERR_LIMIT)
		wg->counts.limited++;
	else if (err != MESH_OK && err != MESH_ERR_NOTFOUND)
		wg->counts.bad_handshake++;
	return err;
}
