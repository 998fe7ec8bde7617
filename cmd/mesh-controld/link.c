/* SPDX-License-Identifier: ISC */
#include "link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEADER_LEN 8u
#define BODY_MAX (LINK_MESSAGE_MAX - HEADER_LEN)
#define FLAG_BULK 1u
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

static const struct link_def {
	const char *name;
	uint8_t from, to; /* sets of enum link_side */
	uint32_t min, max; /* bytes of body */
} defs[LINK_TYPES] = {
    [LINK_CONFIG] = {"CONFIG", LINK_MAIN, LINK_FRONT | LINK_CORE, 1,
	LINK_BULK_MAX},
    [LINK_UP] = {"UP", LINK_FRONT | LINK_CORE, LINK_MAIN, 0, 0},
    [LINK_HELLO] = {"HELLO", LINK_CORE, LINK_FRONT, 32, BODY_MAX},
    [LINK_DH_RESULT] = {"DH_RESULT", LINK_CORE, LINK_FRONT, 41, 41},
    [LINK_REGISTERED] = {"REGISTERED", LINK_CORE, LINK_FRONT, 9, 4096},
    [LINK_STATUS] = {"STATUS", LINK_CORE, LINK_FRONT, 10, 10},
    [LINK_FRAME] = {"FRAME", LINK_CORE, LINK_FRONT, 12, LINK_BULK_MAX},
    [LINK_PART] = {"PART", LINK_CORE, LINK_FRONT, 5, LINK_BULK_MAX},
    [LINK_WHOLE] = {"WHOLE", LINK_CORE, LINK_FRONT, 18, LINK_BULK_MAX},
    [LINK_END] = {"END", LINK_CORE, LINK_FRONT, 8, 8},
    [LINK_VERDICT] = {"VERDICT", LINK_CORE, LINK_FRONT, 9, 9},
    [LINK_ANSWER] = {"ANSWER", LINK_CORE, LINK_FRONT, 10, 4096},
    [LINK_DH] = {"DH", LINK_FRONT, LINK_CORE, 40, 40},
    [LINK_REGISTER] = {"REGISTER", LINK_FRONT, LINK_CORE, 64, BODY_MAX},
    [LINK_MAP] = {"MAP", LINK_FRONT, LINK_CORE, 64, BODY_MAX},
    [LINK_GONE] = {"GONE", LINK_FRONT, LINK_CORE, 8, 8},
    [LINK_SSH] = {"SSH", LINK_FRONT, LINK_CORE, 64, 512},
    [LINK_VERIFY] = {"VERIFY", LINK_FRONT, LINK_CORE, 40, 40},
};

struct link_out {
	struct link_out *next;
	int bulk; /* memfd, or -1 */
	size_t len;
	uint8_t data[]; /* header, and the body unless bulk */
};

const char *
link_type_name(enum link_type type)
{
	return type < LINK_TYPES && defs[type].name ? defs[type].name : "?";
}

const char *
link_fault(const struct link *l)
{
	return l->fault != NULL ? l->fault : "none";
}

int
link_init(struct link *l, int fd, enum link_side self, enum link_side other)
{
	*l = (struct link){.fd = fd, .self = self, .other = other};
	l->last = &l->first;
	l->buf = malloc(LINK_MESSAGE_MAX);
	if (l->buf == NULL)
		return MESH_ERR_NOMEM;
	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		return MESH_ERR_IO;
	return MESH_OK;
}

static void
out_free(struct link_out *o)
{
	if (o->bulk >= 0)
		close(o->bulk);
	free(o);
}

void
link_release(struct link *l)
{
	struct link_out *next;

	for (struct link_out *o = l->first; o != NULL; o = next) {
		next = o->next;
		out_free(o);
	}
	free(l->buf);
	if (l->fd >= 0)
		close(l->fd);
	*l = (struct link){.fd = -1};
}

/* --- sending */

static int
bulk_make(const void *body, size_t len)
{
	int fd = memfd_create("mesh-controld", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	const uint8_t *p = body;

	while (fd >= 0 && len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0) {
			close(fd);
			return -1;
		}
		p += n;
		len -= (size_t)n;
	}
	if (fd >= 0 && fcntl(fd, F_ADD_SEALS, SEALS) < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static struct link_out *
out_make(struct link *l, enum link_type type, const void *body, size_t len)
{
	bool bulk = len > BODY_MAX;
	struct link_out *o = malloc(sizeof(*o) + HEADER_LEN +
	    (bulk ? 0 : len));
	struct mesh_wr w;

	if (o == NULL)
		return NULL;
	o->next = NULL;
	o->bulk = -1;
	o->len = HEADER_LEN + (bulk ? 0 : len);
	w = mesh_wr_init(o->data, o->len);
	mesh_wr_u16be(&w, (uint16_t)type);
	mesh_wr_u16be(&w, bulk ? FLAG_BULK : 0);
	mesh_wr_u32be(&w, l->tx_seq++);
	if (!bulk)
		mesh_wr_bytes(&w, body, len);
	else if ((o->bulk = bulk_make(body, len)) < 0) {
		free(o);
		return NULL;
	}
	return o;
}

static int
out_send(const struct link *l, const struct link_out *o)
{
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {{0}};
	struct iovec iov = {(void *)(uintptr_t)o->data, o->len};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

	if (o->bulk >= 0) {
		m.msg_control = control.space;
		m.msg_controllen = sizeof(control.space);
		*CMSG_FIRSTHDR(&m) = (struct cmsghdr){
		    .cmsg_level = SOL_SOCKET,
		    .cmsg_type = SCM_RIGHTS,
		    .cmsg_len = CMSG_LEN(sizeof(int)),
		};
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &o->bulk, sizeof(int));
	}
	if (sendmsg(l->fd, &m, MSG_NOSIGNAL) >= 0)
		return MESH_OK;
	return errno == EAGAIN || errno == ENOBUFS || errno == EINTR
	    ? MESH_ERR_AGAIN : MESH_ERR_CLOSED;
}

int
link_flush(struct link *l)
{
	struct link_out *o;
	int err;

	while ((o = l->first) != NULL) {
		if ((err = out_send(l, o)) != MESH_OK)
			return err == MESH_ERR_AGAIN ? MESH_OK : err;
		l->first = o->next;
		if (l->first == NULL)
			l->last = &l->first;
		l->queued -= o->len;
		out_free(o);
	}
	return MESH_OK;
}

int
link_send(struct link *l, enum link_type type, const void *body, size_t len)
{
	const struct link_def *d = &defs[type];
	struct link_out *o;

	if (l->fd < 0)
		return MESH_ERR_CLOSED;
	if (d->name == NULL || !(d->from & l->self) || !(d->to & l->other) ||
	    len < d->min || len > d->max)
		return MESH_ERR_ARG;
	if (l->queued + len > LINK_QUEUE_MAX)
		return MESH_ERR_LIMIT;
	if ((o = out_make(l, type, body, len)) == NULL)
		return MESH_ERR_NOMEM;
	*l->last = o;
	l->last = &o->next;
	l->queued += o->len;
	return l->first == o ? link_flush(l) : MESH_OK;
}

/* --- receiving */

static int
refuse(struct link *l, const char *fault)
{
	l->fault = fault;
	return MESH_ERR_PROTO;
}

/* The one descriptor that came along, or -1; more than one are closed. */
static int
take_fd(struct msghdr *m)
{
	int fd = -1;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL;
	    c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		if (fd >= 0)
			close(fd);
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	}
	return fd;
}

static int
bulk_map(struct link *l, int fd, const struct link_def *d,
    struct link_msg *out)
{
	int seals = fcntl(fd, F_GET_SEALS);
	off_t size = lseek(fd, 0, SEEK_END); /* fstat() is a path call to the
					      * sandbox */

	/* Without all the seals the sender could change it under our hands. */
	if (seals < 0 || (seals & SEALS) != SEALS || size <= (off_t)BODY_MAX ||
	    size > (off_t)d->max)
		return refuse(l, "unsealed or odd bulk");
	out->map_len = (size_t)size;
	out->map = mmap(NULL, out->map_len, PROT_READ, MAP_PRIVATE, fd, 0);
	if (out->map == MAP_FAILED) {
		out->map = NULL;
		return MESH_ERR_NOMEM;
	}
	out->body = mesh_rd_init(out->map, out->map_len);
	return MESH_OK;
}

static int
check(struct link *l, size_t len, int fd, struct link_msg *out)
{
	struct mesh_rd r = mesh_rd_init(l->buf, len);
	uint16_t type = mesh_rd_u16be(&r), flags = mesh_rd_u16be(&r);
	uint32_t seq = mesh_rd_u32be(&r);
	const struct link_def *d;

	if (mesh_rd_bad(&r) || flags > FLAG_BULK)
		return refuse(l, "bad header");
	if (type >= LINK_TYPES || defs[type].name == NULL ||
	    !(defs[type].from & l->other) || !(defs[type].to & l->self))
		return refuse(l, "type is not allowed here");
	if (seq != l->rx_seq++)
		return refuse(l, "out of sequence");
	d = &defs[type];
	out->type = (enum link_type)type;
	if (flags & FLAG_BULK)
		return fd < 0 || mesh_rd_left(&r) > 0
		    ? refuse(l, "bulk without descriptor")
		    : bulk_map(l, fd, d, out);
	if (fd >= 0)
		return refuse(l, "descriptor where none belongs");
	if (mesh_rd_left(&r) < d->min || mesh_rd_left(&r) > d->max)
		return refuse(l, "wrong size");
	out->body = r;
	return MESH_OK;
}

int
link_recv(struct link *l, struct link_msg *out)
{
	union {
		char space[CMSG_SPACE(4 * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = {l->buf, LINK_MESSAGE_MAX};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1,
	    .msg_control = control.space,
	    .msg_controllen = sizeof(control.space)};
	ssize_t n = recvmsg(l->fd, &m, MSG_CMSG_CLOEXEC);
	int fd, err;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? MESH_ERR_AGAIN
							 : MESH_ERR_CLOSED;
	if (n == 0)
		return MESH_ERR_CLOSED;
	*out = (struct link_msg){0};
	fd = take_fd(&m);
	if (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		err = refuse(l, "too long");
	else
		err = check(l, (size_t)n, fd, out);
	if (fd >= 0)
		close(fd);
	return err;
}

void
link_msg_release(struct link_msg *m)
{
	if (m->map != NULL)
		munmap(m->map, m->map_len);
	*m = (struct link_msg){0};
}
