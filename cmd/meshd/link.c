/* SPDX-License-Identifier: ISC
 * link.c - messages between roles, checked against the table.
 */
#include "link.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define FLAG_BULK 1u /* body: u32 length; the last descriptor is the memfd */
#define BULK_BODY 4u
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#define CTL_LEN CMSG_SPACE(MSG_FDS_MAX * sizeof(int))

struct header {
	unsigned type, flags;
	uint32_t seq;
	uint64_t gen;
};

void
link_init(struct link *l, int fd, enum msg_role self, enum msg_role other,
    uint8_t *buf)
{
	*l = (struct link){
	    .fd = fd,
	    .self = self,
	    .other = other,
	    .state = MSG_IN_NEW,
	    .buf = buf,
	};
}

void
link_release(struct link *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}

const char *
link_fault(const struct link *l)
{
	return l->fault ? l->fault : "nothing wrong";
}

int
link_pair(int out_fds[static 2])
{
	int type = SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK;

	return socketpair(AF_UNIX, type, 0, out_fds) < 0 ? MESH_ERR_IO
							 : MESH_OK;
}

/* --- out --- */

static int
send_errno(void)
{
	switch (errno) {
	case EAGAIN:
	case ENOBUFS:
	case EINTR:
		return MESH_ERR_AGAIN;
	case ENOMEM:
		return MESH_ERR_NOMEM;
	default:
		return MESH_ERR_CLOSED;
	}
}

static int
send_packet(struct link *l, const struct header *h, const void *body,
    size_t len, const int *fds, size_t fd_count)
{
	uint8_t head[MSG_HEADER_LEN];
	struct mesh_wr w = mesh_wr_init(head, sizeof(head));
	struct iovec iov[2] = {{head, sizeof(head)}, {(void *)body, len}};
	_Alignas(struct cmsghdr) char ctl[CTL_LEN] = {0};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = len > 0 ? 2 : 1};

	mesh_wr_u16be(&w, (uint16_t)h->type);
	mesh_wr_u16be(&w, (uint16_t)h->flags);
	mesh_wr_u32be(&w, h->seq);
	mesh_wr_u64be(&w, h->gen);
	if (fd_count > 0) {
		msg.msg_control = ctl;
		msg.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
		memcpy(CMSG_DATA(c), fds, fd_count * sizeof(int));
	}
	if (sendmsg(l->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return send_errno();
	return MESH_OK;
}

static bool
write_all(int fd, const uint8_t *p, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

/* Nobody can change it any more: what the receiver checks stays as it is. */
static int
sealed_memfd(const void *body, size_t len)
{
	int fd = memfd_create("mesh-table", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd >= 0 && write_all(fd, body, len) &&
	    fcntl(fd, F_ADD_SEALS, SEALS) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static int
send_bulk(struct link *l, struct header *h, const void *body, size_t len,
    const int *fds, size_t fd_count)
{
	uint8_t size[BULK_BODY];
	struct mesh_wr w = mesh_wr_init(size, sizeof(size));
	int all[MSG_FDS_MAX], rc;

	if (fd_count >= MSG_FDS_MAX)
		return MESH_ERR_ARG;
	int memfd = sealed_memfd(body, len);
	if (memfd < 0)
		return MESH_ERR_NOMEM;
	for (size_t i = 0; i < fd_count; i++)
		all[i] = fds[i];
	all[fd_count] = memfd;
	mesh_wr_u32be(&w, (uint32_t)len);
	h->flags = FLAG_BULK;
	rc = send_packet(l, h, size, sizeof(size), all, fd_count + 1);
	close(memfd);
	return rc;
}

int
link_send(struct link *l, enum msg_type type, uint64_t gen, const void *body,
    size_t len, const int *fds, size_t fd_count)
{
	const struct msg_def *d = msg_def(type);
	struct header h = {.type = type, .seq = l->tx_seq, .gen = gen};
	int rc;

	if (l->fd < 0)
		return MESH_ERR_CLOSED;
	if (d == NULL || !(d->from & l->self) || !(d->to & l->other) ||
	    len < d->min || len > d->max || fd_count < d->fd_min ||
	    fd_count > d->fd_max)
		return MESH_ERR_ARG;
	if (len <= MSG_BODY_MAX)
		rc = send_packet(l, &h, body, len, fds, fd_count);
	else
		rc = send_bulk(l, &h, body, len, fds, fd_count);
	if (rc == MESH_OK)
		l->tx_seq++;
	return rc;
}

int
link_hello(struct link *l)
{
	uint8_t body[8];
	struct mesh_wr w = mesh_wr_init(body, sizeof(body));

	mesh_wr_u64be(&w, msg_build_id());
	return link_send(l, MSG_HELLO, 0, body, sizeof(body), NULL, 0);
}

/* --- in --- */

static void
take_fds(struct msghdr *msg, struct link_msg *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL;
	     c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n && m->fd_count < MSG_FDS_MAX; i++)
			memcpy(&m->fds[m->fd_count++],
			    CMSG_DATA(c) + i * sizeof(int), sizeof(int));
	}
}

static int
recv_packet(struct link *l, struct link_msg *m, size_t *out_len)
{
	struct iovec iov = {l->buf, MSG_MAX};
	_Alignas(struct cmsghdr) char ctl[CTL_LEN];
	struct msghdr msg = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = ctl,
	    .msg_controllen = sizeof(ctl)};
	ssize_t n = recvmsg(l->fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return MESH_ERR_AGAIN;
	if (n <= 0)
		return MESH_ERR_CLOSED;
	take_fds(&msg, m);
	if (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		l->fault = "message longer than the limit";
		return MESH_ERR_PROTO;
	}
	*out_len = (size_t)n;
	return MESH_OK;
}

/* The memfd becomes the body. */
static const char *
map_bulk(struct link_msg *m, uint32_t max)
{
	uint32_t len = mesh_rd_u32be(&m->body);
	struct stat st;

	if (!mesh_rd_done(&m->body) || m->fd_count == 0)
		return "malformed table";
	if (len <= MSG_BODY_MAX || len > max)
		return "table of a wrong size";
	int fd = m->fds[--m->fd_count];
	int seals = fcntl(fd, F_GET_SEALS);
	bool good = seals >= 0 && (seals & SEALS) == SEALS &&
	    fstat(fd, &st) == 0 && st.st_size == (off_t)len;
	void *p = good ? mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0)
		       : MAP_FAILED;
	close(fd);
	if (p == MAP_FAILED)
		return "table is not a sealed memfd of its size";
	m->map = p;
	m->map_len = len;
	m->body = mesh_rd_init(p, len);
	return NULL;
}

static const char *
check(struct link *l, const struct header *h, struct link_msg *m)
{
	const struct msg_def *d = msg_def(h->type);
	const char *fault = NULL;

	if (d == NULL || !(d->from & l->other) || !(d->to & l->self))
		return "not a message of this sender";
	if (!(d->states & l->state))
		return "message out of place";
	if (h->seq != l->rx_seq)
		return "message out of sequence";
	if (h->flags == FLAG_BULK)
		fault = map_bulk(m, d->max);
	else if (h->flags != 0)
		fault = "unknown flags";
	if (fault != NULL)
		return fault;
	size_t len = mesh_rd_left(&m->body);
	if (len < d->min || len > d->max)
		return "message of a wrong size";
	if (m->fd_count < d->fd_min || m->fd_count > d->fd_max)
		return "wrong number of descriptors";
	m->type = (enum msg_type)h->type;
	m->gen = h->gen;
	if (d->next != 0)
		l->state = (enum msg_state)d->next;
	l->rx_seq++;
	return NULL;
}

static int
check_hello(const struct link_msg *m)
{
	struct mesh_rd r = m->body;

	if (m->type != MSG_HELLO || mesh_rd_u64be(&r) == msg_build_id())
		return MESH_OK;
	return MESH_ERR_VERSION;
}

int
link_recv(struct link *l, struct link_msg *out)
{
	struct link_msg m = {.fd_count = 0};
	struct header h;
	size_t len = 0;
	int rc = l->fd < 0 ? MESH_ERR_CLOSED : recv_packet(l, &m, &len);

	if (rc == MESH_OK) {
		m.body = mesh_rd_init(l->buf, len);
		h.type = mesh_rd_u16be(&m.body);
		h.flags = mesh_rd_u16be(&m.body);
		h.seq = mesh_rd_u32be(&m.body);
		h.gen = mesh_rd_u64be(&m.body);
		l->fault = mesh_rd_bad(&m.body) ? "message without header"
						: check(l, &h, &m);
		rc = l->fault != NULL ? MESH_ERR_PROTO : check_hello(&m);
	}
	if (rc == MESH_OK)
		*out = m;
	else
		link_msg_release(&m);
	return rc;
}

void
link_msg_release(struct link_msg *m)
{
	for (size_t i = 0; i < m->fd_count; i++)
		if (m->fds[i] >= 0)
			close(m->fds[i]);
	m->fd_count = 0;
	if (m->map != NULL)
		munmap(m->map, m->map_len);
	m->map = NULL;
}
