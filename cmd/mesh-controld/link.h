/* SPDX-License-Identifier: ISC
 * link.h - the link between front and core: messages in, messages out, each
 * checked against the table in link.c.
 *
 * SOCK_SEQPACKET, so one send is one message: u16 type, u16 flags, u32 sequence
 * (big-endian), then a body written with mesh_wr (msg.h says what it holds). A
 * body that is too large for a message travels as a sealed memfd. What cannot be
 * sent now waits in a queue, which is bounded: a peer that does not read is
 * broken. A malformed message ends its sender.
 */
#ifndef CONTROLD_LINK_H
#define CONTROLD_LINK_H

#include <base/rd.h>

#define LINK_MESSAGE_MAX 65536u	     /* header and body */
#define LINK_BULK_MAX (64u << 20)    /* body in a memfd */
#define LINK_QUEUE_MAX (256u << 20)  /* bytes that wait */

enum link_type {
	/* main -> front, main -> core */
	LINK_CONFIG = 1, /* msg_config, bulk */
	/* front, core -> main */
	LINK_UP, /* empty: the role answers from now on */

	/* core -> front */
	LINK_HELLO,	 /* msg_hello: first, once */
	LINK_DH_RESULT,	 /* msg_dh_result */
	LINK_REGISTERED, /* msg_registered */
	LINK_STATUS,	 /* msg_status: the answer to a map request */
	LINK_FRAME,	 /* msg_frame: text for the map streams of a list */
	LINK_PART,	 /* msg_part: text that whole maps have in common */
	LINK_WHOLE,	 /* msg_whole: a map made of such parts */
	LINK_END,	 /* u64: this map stream is over */
	LINK_VERDICT,	 /* u64 request, u8: is this node known? */
	LINK_ANSWER,	 /* msg_answer: a status and JSON */

	/* front -> core */
	LINK_DH,       /* msg_dh */
	LINK_REGISTER, /* msg_register */
	LINK_MAP,      /* msg_map */
	LINK_GONE,     /* u64: this request, or its stream, is over */
	LINK_VERIFY,   /* u64 request, 32-byte node key */
	LINK_SSH,      /* msg_ssh: a login that has to be approved */
	LINK_TYPES
};

enum link_side { /* bits: the table has sets of them */
	LINK_MAIN = 1,
	LINK_FRONT = 2,
	LINK_CORE = 4,
};

struct link_out;

struct link { /* private, but for fd */
	int fd;
	enum link_side self, other;
	uint32_t tx_seq, rx_seq;
	struct link_out *first, **last;
	size_t queued;
	uint8_t *buf; /* LINK_MESSAGE_MAX bytes */
	const char *fault;
};

struct link_msg {
	enum link_type type;
	struct mesh_rd body; /* borrowed until link_msg_release() */
	void *map;	     /* private */
	size_t map_len;
};

/* Owns fd, which it makes non-blocking. MESH_OK, MESH_ERR_NOMEM. */
int link_init(struct link *l, int fd, enum link_side self,
    enum link_side other);
void link_release(struct link *l);

/* Sent, or queued. MESH_OK; MESH_ERR_CLOSED; MESH_ERR_LIMIT: the other side does
 * not read; MESH_ERR_ARG: not in the table; MESH_ERR_NOMEM. Every error is the
 * end of the link. */
int link_send(struct link *l, enum link_type type, const void *body,
    size_t len);
/* Sends what waits, when the descriptor is writable. */
int link_flush(struct link *l);
static inline bool
link_wants_write(const struct link *l)
{
	return l->first != NULL;
}

/* MESH_OK; MESH_ERR_AGAIN: none is there; MESH_ERR_CLOSED; MESH_ERR_PROTO:
 * malformed, link_fault() says how. On error *out holds nothing. */
int link_recv(struct link *l, struct link_msg *out);
void link_msg_release(struct link_msg *m);
const char *link_fault(const struct link *l);
const char *link_type_name(enum link_type type);

#endif
