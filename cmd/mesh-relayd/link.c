/* SPDX-License-Identifier: ISC */
#include "link.h"

#include "base/secret.h"
#include "base/text.h"

#include <stdlib.h>
#include <sys/socket.h>

/* Room for the one descriptor that may go along. */
union control {
	struct cmsghdr head;
	char room[CMSG_SPACE(sizeof(int))];
};

static void
put_blob(struct mesh_wr *w, const struct link_blob *b)
{
	mesh_wr_u32be(w, (uint32_t)b->len);
	mesh_wr_bytes(w, b->p, b->len);
}

static struct link_blob
take_blob(struct mesh_rd *r)
{
	struct link_blob b = {.len = mesh_rd_u32be(r)};

	b.p = mesh_rd_take(r, b.len);
	return b;
}

static int
send_with(int fd, const struct mesh_wr *w, int passed)
{
	struct iovec iov = {w->buf, w->len};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	union control control;

	if (!mesh_wr_ok(w))
		return MESH_ERR_LIMIT;
	if (passed >= 0) {
		memset(&control, 0, sizeof(control));
		m.msg_control = &control;
		m.msg_controllen = sizeof(control.room);
		control.head = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
		    .cmsg_type = SCM_RIGHTS,
		    .cmsg_len = CMSG_LEN(sizeof(int))};
		memcpy(CMSG_DATA(&control.head), &passed, sizeof(int));
	}
	return sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)w->len
		   ? MESH_OK
		   : MESH_ERR_IO;
}

static int
send_message(int fd, const struct mesh_wr *w)
{
	return send_with(fd, w, -1);
}

static void
put_region(struct mesh_wr *w, const struct region *region)
{
	mesh_wr_u8(w, region->has_key);
	mesh_wr_bytes(w, region->key.b, sizeof(region->key.b));
	mesh_wr_u8(w, (uint8_t)region->count);
	for (size_t i = 0; i < region->count; i++) {
		const struct region_relay *relay = &region->relays[i];
		const struct link_blob name = {(const uint8_t *)relay->name,
		    strlen(relay->name)};

		put_blob(w, &name);
		mesh_wr_u8(w, relay->pinned);
		mesh_wr_bytes(w, relay->pin, sizeof(relay->pin));
	}
}

static int
take_region(struct mesh_rd *r, struct region *out)
{
	*out = (struct region){.has_key = mesh_rd_u8(r) != 0};
	mesh_rd_copy(r, out->key.b, sizeof(out->key.b));
	out->count = mesh_rd_u8(r);
	if (mesh_rd_bad(r) || out->count > REGION_MAX)
		return MESH_ERR_FORMAT;
	for (size_t i = 0; i < out->count; i++) {
		struct region_relay *relay = &out->relays[i];
		struct link_blob name = take_blob(r);

		relay->pinned = mesh_rd_u8(r) != 0;
		mesh_rd_copy(r, relay->pin, sizeof(relay->pin));
		if (mesh_rd_bad(r) ||
		    mesh_str_copy(
			(struct mesh_str){(const char *)name.p, name.len},
			relay->name, sizeof(relay->name)) != MESH_OK)
			return MESH_ERR_FORMAT;
	}
	return MESH_OK;
}

static int
send_certs(int fd, const struct link_setup *s, enum link_type type)
{
	uint8_t *buf = malloc(LINK_MAX);
	struct mesh_wr w = mesh_wr_init(buf, buf ? LINK_MAX : 0);
	int err;

	mesh_wr_u8(&w, (uint8_t)type);
	if (type == LINK_SETUP) {
		mesh_wr_bytes(&w, s->secret.b, sizeof(s->secret.b));
		mesh_wr_u64be(&w, s->max_clients);
		mesh_wr_u64be(&w, s->accept_rate);
		mesh_wr_u8(&w, s->admit);
		put_region(&w, &s->region);
	}
	put_blob(&w, &s->chain);
	put_blob(&w, &s->key);
	err = send_message(fd, &w);
	if (buf != NULL)
		mesh_wipe(buf, w.len);
	free(buf);
	return err;
}

int
link_send_setup(int fd, const struct link_setup *s)
{
	return send_certs(fd, s, LINK_SETUP);
}

int
link_send_cert(int fd, const struct link_setup *s)
{
	return send_certs(fd, s, LINK_CERT);
}

int
link_send_plain(int fd, enum link_type type)
{
	uint8_t buf[1];
	struct mesh_wr w = mesh_wr_init(buf, sizeof(buf));

	mesh_wr_u8(&w, (uint8_t)type);
	return send_message(fd, &w);
}

int
link_send_which(int fd, enum link_type type, uint8_t which, int passed)
{
	uint8_t buf[2];
	struct mesh_wr w = mesh_wr_init(buf, sizeof(buf));

	mesh_wr_u8(&w, (uint8_t)type);
	mesh_wr_u8(&w, which);
	return send_with(fd, &w, passed);
}

int
link_send_ask(int fd, const struct link_ask *ask)
{
	uint8_t buf[LINK_SHORT];
	struct mesh_wr w = mesh_wr_init(buf, sizeof(buf));

	mesh_wr_u8(&w, LINK_ASK);
	mesh_wr_u64be(&w, ask->id);
	mesh_wr_bytes(&w, ask->key.b, sizeof(ask->key.b));
	mesh_wr_bytes(&w, ask->from.b, sizeof(ask->from.b));
	return send_message(fd, &w);
}

int
link_send_verdict(int fd, const struct link_verdict *v)
{
	uint8_t buf[LINK_SHORT];
	struct mesh_wr w = mesh_wr_init(buf, sizeof(buf));

	mesh_wr_u8(&w, LINK_VERDICT);
	mesh_wr_u64be(&w, v->id);
	mesh_wr_u8(&w, v->allow);
	return send_message(fd, &w);
}

int
link_send_admit(int fd, bool fail_open, const char *url)
{
	const struct link_blob text = {(const uint8_t *)url, strlen(url)};
	uint8_t buf[LINK_ADMIT_MAX];
	struct mesh_wr w = mesh_wr_init(buf, sizeof(buf));

	mesh_wr_u8(&w, LINK_ADMIT);
	mesh_wr_u8(&w, fail_open);
	put_blob(&w, &text);
	return send_message(fd, &w);
}

int
link_read_admit(struct mesh_rd *r, bool *out_fail_open, char *url, size_t size)
{
	struct link_blob text;

	*out_fail_open = mesh_rd_u8(r) == 1;
	text = take_blob(r);
	if (!mesh_rd_done(r))
		return MESH_ERR_FORMAT;
	return mesh_str_copy((struct mesh_str){(const char *)text.p, text.len},
	    url, size);
}

ssize_t
link_recv(int fd, uint8_t *buf, size_t size, int *out_passed)
{
	struct iovec iov = {buf, size};
	union control control;
	struct msghdr m = {
	    .msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof(control.room),
	};
	ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;

	*out_passed = -1;
	if (c != NULL && c->cmsg_level == SOL_SOCKET &&
	    c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(out_passed, CMSG_DATA(c), sizeof(int));
	return n;
}

int
link_read_which(struct mesh_rd *r, uint8_t *out)
{
	*out = mesh_rd_u8(r);
	return mesh_rd_done(r) ? MESH_OK : MESH_ERR_FORMAT;
}

int
link_read_ask(struct mesh_rd *r, struct link_ask *out)
{
	out->id = mesh_rd_u64be(r);
	mesh_rd_copy(r, out->key.b, sizeof(out->key.b));
	mesh_rd_copy(r, out->from.b, sizeof(out->from.b));
	return mesh_rd_done(r) ? MESH_OK : MESH_ERR_FORMAT;
}

int
link_read_verdict(struct mesh_rd *r, struct link_verdict *out)
{
	out->id = mesh_rd_u64be(r);
	out->allow = mesh_rd_u8(r) == 1;
	return mesh_rd_done(r) ? MESH_OK : MESH_ERR_FORMAT;
}

int
link_read_cert(struct mesh_rd *r, struct link_setup *out)
{
	out->chain = take_blob(r);
	out->key = take_blob(r);
	return mesh_rd_done(r) ? MESH_OK : MESH_ERR_FORMAT;
}

int
link_read_setup(struct mesh_rd *r, struct link_setup *out)
{
	mesh_rd_copy(r, out->secret.b, sizeof(out->secret.b));
	out->max_clients = mesh_rd_u64be(r);
	out->accept_rate = mesh_rd_u64be(r);
	out->admit = mesh_rd_u8(r) == 1;
	if (take_region(r, &out->region) != MESH_OK)
		return MESH_ERR_FORMAT;
	return link_read_cert(r, out);
}
