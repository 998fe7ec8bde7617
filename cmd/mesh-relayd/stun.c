/* SPDX-License-Identifier: ISC */
#include "worker.h"

#include "wire/stun.h"

#include <netinet/in.h>
#include <sys/socket.h>

#define BATCH 32u
#define DATAGRAM 128u /* requests have 40 bytes; longer ones are none */

struct batch {
	struct mmsghdr head[BATCH];
	struct iovec iov[BATCH];
	struct sockaddr_storage from[BATCH];
	uint8_t data[BATCH][DATAGRAM];
};

static struct mesh_endpoint
endpoint_of(const struct sockaddr_storage *a)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)a;
	const struct sockaddr_in *in4 = (const struct sockaddr_in *)a;
	struct mesh_endpoint e = {0};

	if (a->ss_family == AF_INET) {
		e.ip = mesh_ip_from4((const uint8_t *)&in4->sin_addr);
		e.port = ntohs(in4->sin_port);
	} else {
		e.ip = mesh_ip_from16((const uint8_t *)&in6->sin6_addr);
		e.port = ntohs(in6->sin6_port);
	}
	return e;
}

static void
prepare(struct batch *b)
{
	for (unsigned i = 0; i < BATCH; i++) {
		b->iov[i] = (struct iovec){b->data[i], DATAGRAM};
		b->head[i].msg_hdr = (struct msghdr){
		    .msg_name = &b->from[i],
		    .msg_namelen = sizeof(b->from[i]),
		    .msg_iov = &b->iov[i],
		    .msg_iovlen = 1,
		};
	}
}

/* Turns requests into answers in place, moves them to the front; how many. */
static unsigned
answer(struct batch *b, unsigned count)
{
	unsigned n = 0;

	for (unsigned i = 0; i < count; i++) {
		struct mesh_stun_txid id;
		struct mesh_endpoint seen = endpoint_of(&b->from[i]);
		struct mmsghdr *m = &b->head[i];

		if (m->msg_hdr.msg_flags & MSG_TRUNC ||
		    mesh_stun_request_parse(b->data[i], m->msg_len, &id) !=
			MESH_OK)
			continue;
		b->iov[i].iov_len = mesh_stun_response(&id, &seen, b->data[i]);
		b->head[n++] = *m;
	}
	return n;
}

void
stun_readable(int fd, struct worker_counters *count)
{
	static struct batch b;
	int got, sent;
	unsigned n;

	/* One batch a round, so that a flood does not keep the relay waiting.
	 */
	prepare(&b);
	got = recvmmsg(fd, b.head, BATCH, MSG_DONTWAIT, NULL);
	if (got <= 0)
		return;
	count->stun_in += (unsigned)got;
	n = answer(&b, (unsigned)got);
	sent = n > 0 ? sendmmsg(fd, b.head, n, MSG_DONTWAIT) : 0;
	if (sent > 0)
		count->stun_out += (unsigned)sent;
}
