/* SPDX-License-Identifier: ISC */
#include "link.h"

#include "base/secret.h"

#include <stdlib.h>
#include <sys/socket.h>

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
send_message(int fd, const struct mesh_wr *w)
{
	if (!mesh_wr_ok(w))
		return MESH_ERR_LIMIT;
	return send(fd, w->buf, w->len, MSG_NOSIGNAL) == (ssize_t)w->len
		   ? MESH_OK
		   : MESH_ERR_IO;
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
	return link_read_cert(r, out);
}
