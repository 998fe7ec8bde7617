/* SPDX-License-Identifier: ISC
 * rtnl.c - rtnetlink requests, built by hand: six kinds of message need no
 * library.
 */
#include "rtnl.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_MAX 256u
#define ANSWER_MAX 32768u
#define LINKS_MAX 1024 /* interface numbers that are remembered as up */
#define IPV4_BITS 96u

struct request {
	struct mesh_wr w;
	_Alignas(struct nlmsghdr) uint8_t buf[REQUEST_MAX];
};

static int
nl_socket(unsigned groups)
{
	struct sockaddr_nl sa = {.nl_family = AF_NETLINK, .nl_groups = groups};
	int type = SOCK_RAW | SOCK_CLOEXEC;
	int fd = socket(AF_NETLINK, groups ? type | SOCK_NONBLOCK : type,
	    NETLINK_ROUTE);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

int
rtnl_open(struct rtnl *n)
{
	n->seq = 0;
	n->ask = nl_socket(0);
	n->watch = nl_socket(RTMGRP_LINK | RTMGRP_IPV4_IFADDR |
	    RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE);
	return n->ask < 0 || n->watch < 0 ? MESH_ERR_IO : MESH_OK;
}

void
rtnl_close(struct rtnl *n)
{
	if (n->ask >= 0)
		close(n->ask);
	if (n->watch >= 0)
		close(n->watch);
	n->ask = n->watch = -1;
}

/* --- requests --- */

static void
pad(struct mesh_wr *w)
{
	mesh_wr_zero(w, NLMSG_ALIGN(w->len) - w->len);
}

static void
begin(struct request *q, struct rtnl *n, uint16_t type, unsigned flags,
    const void *body, size_t len)
{
	struct nlmsghdr h = {
	    .nlmsg_type = type,
	    .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags),
	    .nlmsg_seq = ++n->seq,
	};

	q->w = mesh_wr_init(q->buf, sizeof(q->buf));
	mesh_wr_bytes(&q->w, &h, sizeof(h));
	mesh_wr_bytes(&q->w, body, len);
	pad(&q->w);
}

static void
attr(struct request *q, uint16_t type, const void *p, size_t len)
{
	struct rtattr a = {
	    .rta_len = (uint16_t)RTA_LENGTH(len),
	    .rta_type = type,
	};

	mesh_wr_bytes(&q->w, &a, sizeof(a));
	mesh_wr_bytes(&q->w, p, len);
	pad(&q->w);
}

static int
send_request(struct rtnl *n, struct request *q)
{
	uint32_t len = (uint32_t)q->w.len;

	if (!mesh_wr_ok(&q->w))
		return MESH_ERR_LIMIT;
	memcpy(q->buf + offsetof(struct nlmsghdr, nlmsg_len), &len,
	    sizeof(len));
	return send(n->ask, q->buf, len, 0) < 0 ? MESH_ERR_IO : MESH_OK;
}

/* Takes datagrams until the request is answered; each message of a dump goes
 * to `each`. */
typedef void message_fn(void *arg, const struct nlmsghdr *h);

static int
answer(struct rtnl *n, message_fn *each, void *arg)
{
	_Alignas(struct nlmsghdr) static uint8_t buf[ANSWER_MAX];

	for (;;) {
		ssize_t got = recv(n->ask, buf, sizeof(buf), 0);
		const struct nlmsghdr *h = (const void *)buf;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return MESH_ERR_IO;
		for (size_t left = (size_t)got; NLMSG_OK(h, left);
		     h = NLMSG_NEXT(h, left)) {
			if (h->nlmsg_seq != n->seq)
				continue; /* of a request given up */
			if (h->nlmsg_type == NLMSG_DONE)
				return MESH_OK;
			if (h->nlmsg_type == NLMSG_ERROR) {
				const struct nlmsgerr *e = NLMSG_DATA(h);

				errno = -e->error;
				return e->error ? MESH_ERR_IO : MESH_OK;
			}
			if (each != NULL)
				each(arg, h);
		}
	}
}

static int
change(struct rtnl *n, struct request *q, int harmless)
{
	int rc = send_request(n, q);

	if (rc == MESH_OK)
		rc = answer(n, NULL, NULL);
	return rc == MESH_ERR_IO && errno == harmless ? MESH_OK : rc;
}

int
rtnl_link_up(struct rtnl *n, unsigned ifindex, unsigned mtu)
{
	struct ifinfomsg body = {
	    .ifi_family = AF_UNSPEC,
	    .ifi_index = (int)ifindex,
	    .ifi_flags = IFF_UP,
	    .ifi_change = IFF_UP,
	};
	uint32_t value = mtu;
	struct request q;

	begin(&q, n, RTM_NEWLINK, NLM_F_ACK, &body, sizeof(body));
	attr(&q, IFLA_MTU, &value, sizeof(value));
	return change(n, &q, 0);
}

static const uint8_t *
wire_addr(const struct mesh_prefix *p, size_t *out_len, unsigned *out_bits)
{
	bool is4 = mesh_ip_is4(&p->ip);

	*out_len = is4 ? 4 : 16;
	*out_bits = is4 ? p->bits - IPV4_BITS : p->bits;
	return is4 ? mesh_ip_bytes4(&p->ip) : p->ip.b;
}

int
rtnl_addr(struct rtnl *n, bool add, unsigned ifindex,
    const struct mesh_prefix *p)
{
	uint32_t flags = IFA_F_NODAD | IFA_F_NOPREFIXROUTE | IFA_F_PERMANENT;
	unsigned bits;
	size_t len;
	const uint8_t *addr = wire_addr(p, &len, &bits);
	struct ifaddrmsg body = {
	    .ifa_family = len == 4 ? AF_INET : AF_INET6,
	    .ifa_prefixlen = (uint8_t)bits,
	    .ifa_scope = RT_SCOPE_UNIVERSE,
	    .ifa_index = ifindex,
	};
	struct request q;

	begin(&q, n, add ? RTM_NEWADDR : RTM_DELADDR,
	    add ? NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE : NLM_F_ACK, &body,
	    sizeof(body));
	attr(&q, IFA_LOCAL, addr, len);
	attr(&q, IFA_ADDRESS, addr, len);
	if (add && len == 16)
		attr(&q, IFA_FLAGS, &flags, sizeof(flags));
	return change(n, &q, add ? EEXIST : EADDRNOTAVAIL);
}

int
rtnl_route(struct rtnl *n, bool add, unsigned ifindex,
    const struct mesh_prefix *p)
{
	uint32_t oif = ifindex;
	unsigned bits;
	size_t len;
	const uint8_t *addr = wire_addr(p, &len, &bits);
	struct rtmsg body = {
	    .rtm_family = len == 4 ? AF_INET : AF_INET6,
	    .rtm_dst_len = (uint8_t)bits,
	    .rtm_table = RT_TABLE_MAIN,
	    .rtm_protocol = RTPROT_STATIC,
	    .rtm_scope = len == 4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
	    .rtm_type = RTN_UNICAST,
	};
	struct request q;

	begin(&q, n, add ? RTM_NEWROUTE : RTM_DELROUTE,
	    add ? NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE : NLM_F_ACK, &body,
	    sizeof(body));
	attr(&q, RTA_DST, addr, len);
	attr(&q, RTA_OIF, &oif, sizeof(oif));
	return change(n, &q, add ? EEXIST : ESRCH);
}

/* --- what the links look like --- */

bool
rtnl_changed(struct rtnl *n)
{
	uint8_t buf[4096];
	bool any = false;

	/* ENOBUFS: some were lost, which is a change too. */
	while (recv(n->watch, buf, sizeof(buf), 0) > 0 || errno == ENOBUFS) {
		any = true;
		errno = 0;
	}
	return any;
}

struct dump {
	unsigned except;
	unsigned default4, default6; /* interface numbers, 0: none */
	struct tbl_link_addr *v;
	size_t count;
	bool up[LINKS_MAX];
};

static const struct rtattr *
find_attr(const struct nlmsghdr *h, size_t body, uint16_t type, size_t min)
{
	const struct rtattr *a = (const void *)((const char *)NLMSG_DATA(h) +
	    NLMSG_ALIGN(body));
	size_t left = h->nlmsg_len - NLMSG_SPACE(body);

	if (h->nlmsg_len < NLMSG_SPACE(body))
		return NULL;
	for (; RTA_OK(a, left); a = RTA_NEXT(a, left))
		if (a->rta_type == type && RTA_PAYLOAD(a) >= min)
			return a;
	return NULL;
}

static void
each_link(void *arg, const struct nlmsghdr *h)
{
	const struct ifinfomsg *m = NLMSG_DATA(h);
	struct dump *d = arg;

	if (h->nlmsg_type == RTM_NEWLINK && m->ifi_index > 0 &&
	    m->ifi_index < LINKS_MAX)
		d->up[m->ifi_index] = (m->ifi_flags & IFF_UP) != 0;
}

static void
each_route(void *arg, const struct nlmsghdr *h)
{
	const struct rtmsg *m = NLMSG_DATA(h);
	struct dump *d = arg;
	const struct rtattr *oif;
	uint32_t index;

	if (h->nlmsg_type != RTM_NEWROUTE || m->rtm_dst_len != 0 ||
	    m->rtm_table != RT_TABLE_MAIN || m->rtm_type != RTN_UNICAST)
		return;
	oif = find_attr(h, sizeof(*m), RTA_OIF, sizeof(index));
	if (oif == NULL)
		return;
	memcpy(&index, RTA_DATA(oif), sizeof(index));
	if (m->rtm_family == AF_INET && d->default4 == 0)
		d->default4 = index;
	if (m->rtm_family == AF_INET6 && d->default6 == 0)
		d->default6 = index;
}

static void
each_addr(void *arg, const struct nlmsghdr *h)
{
	const struct ifaddrmsg *m = NLMSG_DATA(h);
	struct dump *d = arg;
	size_t len = m->ifa_family == AF_INET ? 4 : 16;
	const struct rtattr *a;
	struct tbl_link_addr *l;

	if (h->nlmsg_type != RTM_NEWADDR || d->count == TBL_LINK_ADDRS_MAX ||
	    m->ifa_index == d->except || m->ifa_index >= LINKS_MAX ||
	    !d->up[m->ifa_index])
		return;
	a = find_attr(h, sizeof(*m), IFA_LOCAL, len);
	if (a == NULL)
		a = find_attr(h, sizeof(*m), IFA_ADDRESS, len);
	if (a == NULL)
		return;
	l = &d->v[d->count++];
	*l = (struct tbl_link_addr){.ifindex = m->ifa_index};
	l->addr.ip = len == 4 ? mesh_ip_from4(RTA_DATA(a))
			      : mesh_ip_from16(RTA_DATA(a));
	l->addr.bits = (uint8_t)(m->ifa_prefixlen + (len == 4 ? IPV4_BITS : 0));
	l->is_default4 = m->ifa_index == d->default4;
	l->is_default6 = m->ifa_index == d->default6;
	if (if_indextoname(m->ifa_index, l->name) == NULL)
		l->name[0] = '\0';
}

static int
dump(struct rtnl *n, uint16_t type, uint8_t family, message_fn *each,
    struct dump *d)
{
	union {
		struct ifinfomsg link;
		struct rtmsg route;
		struct ifaddrmsg addr;
	} body = {.link = {.ifi_family = family}};
	size_t len = type == RTM_GETLINK ? sizeof(body.link)
	    : type == RTM_GETROUTE	 ? sizeof(body.route)
					 : sizeof(body.addr);
	struct request q;

	begin(&q, n, type, NLM_F_DUMP, &body, len);
	int rc = send_request(n, &q);
	return rc == MESH_OK ? answer(n, each, d) : rc;
}

int
rtnl_links(struct rtnl *n, unsigned except, struct tbl_link_addr *v,
    struct tbl_links *out)
{
	struct dump d = {.except = except, .v = v};
	int rc = dump(n, RTM_GETLINK, AF_UNSPEC, each_link, &d);

	if (rc == MESH_OK)
		rc = dump(n, RTM_GETROUTE, AF_INET, each_route, &d);
	if (rc == MESH_OK)
		rc = dump(n, RTM_GETROUTE, AF_INET6, each_route, &d);
	if (rc == MESH_OK)
		rc = dump(n, RTM_GETADDR, AF_UNSPEC, each_addr, &d);
	if (rc != MESH_OK)
		return rc;
	*out = (struct tbl_links){.v = v, .count = d.count};
	for (size_t i = 0; i < d.count; i++)
		out->up |= !mesh_ip_is_loopback(&v[i].addr.ip) &&
		    !mesh_ip_is_linklocal(&v[i].addr.ip);
	return MESH_OK;
}
