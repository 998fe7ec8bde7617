/* SPDX-License-Identifier: ISC */
#include "udp.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <string.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

#define FULL_WAIT_MS 5 /* for a socket whose buffer is full; then it is lost */
#define CTL_LEN CMSG_SPACE(sizeof(int))

/* --- out --- */

static bool
run_takes(const struct udp_run *r, const struct mesh_endpoint *to, size_t len)
{
	return !r->closed && len <= r->seg && r->count < UDP_RUN_COUNT_MAX &&
	    r->len + len <= UDP_RUN_MAX && mesh_endpoint_eq(&r->to, to);
}

bool
udp_tx_fits(const struct udp_tx *tx, const struct mesh_endpoint *to, size_t len)
{
	return tx->count > 0 && run_takes(&tx->runs[tx->count - 1], to, len);
}

uint8_t *
udp_tx_room(struct udp_tx *tx, const struct mesh_endpoint *to, size_t len)
{
	struct udp_run *r = tx->count > 0 ? &tx->runs[tx->count - 1] : NULL;
	uint8_t *room;

	if (len > UDP_RUN_MAX)
		return NULL;
	if (r == NULL || !run_takes(r, to, len)) {
		if (tx->count == UDP_RUNS)
			return NULL;
		r = &tx->runs[tx->count++];
		r->to = *to;
		r->seg = (uint16_t)len;
		r->len = r->count = 0;
		r->closed = false;
	}
	room = r->buf + r->len;
	r->len += len;
	r->count++;
	r->closed = len < r->seg;
	return room;
}

void
udp_tx_undo(struct udp_tx *tx, size_t n, size_t len)
{
	struct udp_run *r = &tx->runs[tx->count - 1];

	r->len -= len;
	r->count = (uint16_t)(r->count - n);
	r->closed = false;
	if (r->count == 0)
		tx->count--;
}

union address {
	struct sockaddr sa;
	struct sockaddr_in in4;
	struct sockaddr_in6 in6;
};

static socklen_t
to_sockaddr(const struct mesh_endpoint *e, union address *out)
{
	memset(out, 0, sizeof(*out));
	if (mesh_ip_is4(&e->ip)) {
		out->in4.sin_family = AF_INET;
		out->in4.sin_port = htons(e->port);
		memcpy(&out->in4.sin_addr, mesh_ip_bytes4(&e->ip), 4);
		return sizeof(out->in4);
	}
	out->in6.sin6_family = AF_INET6;
	out->in6.sin6_port = htons(e->port);
	memcpy(&out->in6.sin6_addr, e->ip.b, 16);
	return sizeof(out->in6);
}

static struct mesh_endpoint
from_sockaddr(const union address *a)
{
	struct mesh_endpoint e = {.port = 0};

	if (a->sa.sa_family == AF_INET) {
		e.ip = mesh_ip_from4((const uint8_t *)&a->in4.sin_addr);
		e.port = ntohs(a->in4.sin_port);
	} else if (a->sa.sa_family == AF_INET6) {
		e.ip = mesh_ip_from16((const uint8_t *)&a->in6.sin6_addr);
		e.port = ntohs(a->in6.sin6_port);
	}
	return e;
}

static int
fd_for(const struct udp_tx *tx, const struct mesh_endpoint *to)
{
	return mesh_ip_is4(&to->ip) ? tx->fd4 : tx->fd6;
}

struct outgoing {
	union address to;
	struct iovec iov;
	_Alignas(struct cmsghdr) char ctl[CTL_LEN];
};

static void
prepare(struct udp_run *r, struct msghdr *m, struct outgoing *o)
{
	*m = (struct msghdr){
	    .msg_name = &o->to,
	    .msg_namelen = to_sockaddr(&r->to, &o->to),
	    .msg_iov = &o->iov,
	    .msg_iovlen = 1,
	};
	o->iov = (struct iovec){r->buf, r->len};
	if (r->count < 2)
		return;
	memset(o->ctl, 0, sizeof(o->ctl));
	m->msg_control = o->ctl;
	m->msg_controllen = CMSG_SPACE(sizeof(r->seg));
	struct cmsghdr *c = CMSG_FIRSTHDR(m);
	c->cmsg_level = SOL_UDP;
	c->cmsg_type = UDP_SEGMENT;
	c->cmsg_len = CMSG_LEN(sizeof(r->seg));
	memcpy(CMSG_DATA(c), &r->seg, sizeof(r->seg));
}

static bool
wait_writable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	return poll(&p, 1, FULL_WAIT_MS) > 0;
}

void
udp_tx_one(struct udp_tx *tx, const struct mesh_endpoint *to, const void *data,
    size_t len)
{
	union address a;
	struct iovec iov = {(void *)(uintptr_t)data, len};
	struct msghdr m = {.msg_name = &a,
	    .msg_namelen = to_sockaddr(to, &a),
	    .msg_iov = &iov,
	    .msg_iovlen = 1};

	if (sendmsg(fd_for(tx, to), &m, MSG_NOSIGNAL) >= 0)
		return;
	tx->lost++;
	if (errno == EHOSTUNREACH || errno == ENETUNREACH)
		tx->unreachable(tx->arg, to);
}

static void
send_singly(struct udp_tx *tx, struct udp_run *r)
{
	for (size_t at = 0; at < r->len; at += r->seg)
		udp_tx_one(tx, &r->to, r->buf + at,
		    r->len - at < r->seg ? r->len - at : r->seg);
}

/* A message that was not taken. false: try it again. */
static bool
refused(struct udp_tx *tx, struct udp_run *r)
{
	switch (errno) {
	case EINTR:
		return false;
	case EAGAIN:
	case ENOBUFS:
		if (wait_writable(fd_for(tx, &r->to)))
			return false;
		tx->lost++;
		return true;
	case EIO: /* no checksum offload: never segment again */
		tx->no_gso = true;
		break;
	case EINVAL: /* kernels differ: cannot at all, or as EMSGSIZE */
		tx->no_gso = !tx->gso_works;
		break;
	case EMSGSIZE: /* more than the path takes in one piece */
		break;
	case EHOSTUNREACH:
	case ENETUNREACH:
		tx->unreachable(tx->arg, &r->to);
		tx->lost++;
		return true;
	default:
		tx->lost++;
		return true;
	}
	if (r->count > 1) /* in fragments, then: those the kernel makes */
		send_singly(tx, r);
	else
		tx->lost++;
	return true;
}

/* Runs [from, to) by one socket. */
static void
send_some(struct udp_tx *tx, size_t from, size_t to)
{
	struct mmsghdr m[UDP_RUNS];
	struct outgoing o[UDP_RUNS];
	int fd = fd_for(tx, &tx->runs[from].to);

	for (size_t i = from; i < to; i++)
		prepare(&tx->runs[i], &m[i].msg_hdr, &o[i]);
	while (from < to) {
		int n = sendmmsg(fd, m + from, (unsigned)(to - from),
		    MSG_NOSIGNAL);

		for (int i = 0; i < n; i++)
			tx->gso_works |= tx->runs[from++].count > 1;
		if (n <= 0 && refused(tx, &tx->runs[from]))
			from++;
	}
}

void
udp_tx_flush(struct udp_tx *tx)
{
	size_t from = 0;

	while (from < tx->count) {
		size_t to = from + 1;
		int fd = fd_for(tx, &tx->runs[from].to);

		if (tx->no_gso) {
			send_singly(tx, &tx->runs[from++]);
			continue;
		}
		while (to < tx->count && fd_for(tx, &tx->runs[to].to) == fd)
			to++;
		send_some(tx, from, to);
		from = to;
	}
	tx->count = 0;
}

/* --- in --- */

static size_t
segment_of(struct msghdr *m, size_t len)
{
	int seg;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL;
	     c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_UDP || c->cmsg_type != UDP_GRO)
			continue;
		memcpy(&seg, CMSG_DATA(c), sizeof(seg));
		if (seg > 0 && (size_t)seg < len)
			return (size_t)seg;
	}
	return len;
}

size_t
udp_rx_take(struct udp_rx *rx, int fd)
{
	struct mmsghdr m[UDP_RECV_BATCH];
	struct iovec iov[UDP_RECV_BATCH];
	union address from[UDP_RECV_BATCH];
	_Alignas(struct cmsghdr) char ctl[UDP_RECV_BATCH][CTL_LEN];

	for (size_t i = 0; i < UDP_RECV_BATCH; i++) {
		iov[i] = (struct iovec){rx->bufs[i], UDP_RECV_MAX};
		m[i].msg_hdr = (struct msghdr){.msg_name = &from[i],
		    .msg_namelen = sizeof(from[i]),
		    .msg_iov = &iov[i],
		    .msg_iovlen = 1,
		    .msg_control = ctl[i],
		    .msg_controllen = sizeof(ctl[i])};
	}
	int n = recvmmsg(fd, m, UDP_RECV_BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++)
		rx->msgs[i] = (struct udp_msg){
		    .from = from_sockaddr(&from[i]),
		    .data = rx->bufs[i],
		    .len = m[i].msg_len,
		    .seg = segment_of(&m[i].msg_hdr, m[i].msg_len),
		};
	return n > 0 ? (size_t)n : 0;
}
