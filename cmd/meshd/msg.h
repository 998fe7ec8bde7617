/* SPDX-License-Identifier: ISC
 * msg.h - every message between the roles of meshd, in one table.
 *
 * A link is a SOCK_SEQPACKET socket, so one send is one message: header
 * (u16 type, u16 flags, u32 sequence, u64 generation; big-endian) and a body
 * written with mesh_wr. What each body holds is in tables.h. msg.c has the
 * table: who may send it, to whom, in which state of the link, its size and the
 * descriptors that come with it. What is not in the table ends its sender.
 *
 * Generations: the agent's tables travel between BEGIN and COMMIT, whose header
 * carries the generation; the engine then runs with that generation as a whole,
 * or with what it had. Elsewhere the field is 0, but in ENGINE_STATE, where it
 * is the generation that the engine runs with (0: none).
 */
#ifndef MESHD_MSG_H
#define MESHD_MSG_H

#include <mesh/base.h>

#define MSG_HEADER_LEN 16u
#define MSG_MAX 65536u /* header and body */
#define MSG_BODY_MAX (MSG_MAX - MSG_HEADER_LEN)
#define MSG_BULK_MAX (32u << 20) /* body that travels as a sealed memfd */
#define MSG_FDS_MAX 4u

enum msg_role {
	ROLE_MONITOR = 1, /* a bit each: the table has sets of them */
	ROLE_ENGINE = 2,
	ROLE_AGENT = 4,
	ROLE_CONFIG = 8, /* reads options, says them once, ends */
};

enum msg_type {
	MSG_HELLO = 1, /* first on every link, both ways: u64 build id */

	/* config -> monitor */
	MSG_CONF, /* tbl_conf */
	/* monitor -> engine */
	MSG_ENGINE_START, /* tbl_engine_start; fds: TUN, udp4, udp6 */
	MSG_NODE_SECRET,  /* 32 bytes: the node key was replaced */
	/* monitor -> agent */
	MSG_AGENT_START, /* tbl_agent_start; fds: state folder, API socket */
	MSG_NETMAP_FILE, /* fd: the file of --netmap, at start and on SIGHUP */
	MSG_STOP,	 /* end within a second, clean */
	/* monitor -> both */
	MSG_LINKS,     /* tbl_links: what rtnetlink says; latest state */
	MSG_PEER_LINK, /* fd: fresh link to the other role; the old one is dead */
	MSG_SOCKET_IS, /* tbl_socket_is; fd when it worked */

	/* engine and agent -> monitor: the closed table of requests */
	MSG_SOCKET,    /* tbl_socket */
	MSG_ADDRESSES, /* tbl_prefixes: the addresses of the TUN, all of them */
	MSG_ROUTES,    /* tbl_prefixes: routes into the TUN, all of them */
	MSG_REKEY,     /* make a new node key, tell the engine */
	MSG_STAMP,     /* 12 bytes: TAI64N high-water mark to keep on disk */
	MSG_READY,     /* the agent serves: the daemon may say so */
	MSG_FAULT,     /* the other role sent what is malformed: end it */

	/* agent -> engine */
	MSG_BEGIN,	/* u8: 1 all tables follow, 0 a difference */
	MSG_SELF,	/* tbl_self */
	MSG_PEERS,	/* tbl_peer...: put (same node key: replaced) */
	MSG_PEERS_DROP, /* 32-byte node keys */
	MSG_FILTER,	/* compiled table of filter/table.h; empty: none */
	MSG_RELAYS,	/* tbl_region...: the whole relay map */
	MSG_COMMIT,	/* empty */
	MSG_WANT_STATE, /* empty: send ENGINE_STATE now */
	MSG_WANT_STATUS, /* u32 id: send PEER_STATUS of all, then STATUS_END */
	MSG_PING,	 /* tbl_ping */
	MSG_CERT_VERDICT, /* tbl_cert_verdict */
	/* engine -> agent: latest state, not events */
	MSG_ENGINE_STATE, /* tbl_engine_state; generation in the header */
	MSG_PEER_STATUS,  /* tbl_peer_status... */
	MSG_STATUS_END,	  /* u32 id */
	MSG_PONG,	  /* tbl_pong */
	MSG_CERT_ASK,	  /* tbl_cert_ask */

	MSG_TYPE_COUNT
};

/* States of a link, seen from the receiver. A bit each. */
enum msg_state {
	MSG_IN_NEW = 1,	   /* nothing but HELLO */
	MSG_IN_UP = 2,	   /* the rest, but for what belongs to a table */
	MSG_IN_TABLES = 4, /* between BEGIN and COMMIT */
};

struct msg_def {
	const char *name;
	uint8_t from, to;      /* sets of enum msg_role */
	uint8_t states;	       /* set of enum msg_state */
	uint8_t next;	       /* state after it; 0: the same */
	uint8_t fd_min, fd_max;
	uint32_t min, max;     /* bytes of body; max > MSG_BODY_MAX: bulk */
};

/* The row of a type, or NULL. */
const struct msg_def *msg_def(unsigned type);

/* Differs between builds whose links would not understand each other: a hash
 * of the version and of the table. */
uint64_t msg_build_id(void);

#endif
