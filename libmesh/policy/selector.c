/* SPDX-License-Identifier: ISC
 * selector.c - who a text names: services.md 6.3, 6.4, 6.5.
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "policy/policy_int.h"

enum { IN_SRC = 1, IN_DST = 2, IN_OWNER = 4, IN_PROBE = 8 };

static const struct autogroup {
	const char *name;
	enum mesh_who_is is;
	unsigned places;
} autogroups[] = {
	{"autogroup:member", MESH_WHO_IS_MEMBER, IN_SRC | IN_DST | IN_PROBE},
	{"autogroup:members", MESH_WHO_IS_MEMBER, IN_SRC | IN_DST | IN_PROBE},
	{"autogroup:tagged", MESH_WHO_IS_TAGGED, IN_SRC | IN_DST | IN_PROBE},
	{"autogroup:self", MESH_WHO_IS_SELF, IN_DST},
	{"autogroup:internet", MESH_WHO_IS_INTERNET, IN_DST},
	{"autogroup:danger-all", MESH_WHO_IS_DANGER_ALL, IN_SRC},
};

static const char *
parse_autogroup(struct mesh_str s, unsigned place, struct mesh_policy_who *out)
{
	for (size_t i = 0; i < sizeof(autogroups) / sizeof(*autogroups); i++) {
		if (!mesh_str_eq(s, autogroups[i].name))
			continue;
		if (!(autogroups[i].places & place))
			return "is not possible here";
		out->is = autogroups[i].is;
		return NULL;
	}
	return "is no autogroup that this server knows";
}

struct mesh_str
mesh_selector_user(struct mesh_str s)
{
	if (s.len > 1 && s.p[s.len - 1] == '@')
		s.len--;
	return s;
}

static const char *
parse_user(const struct mesh_policy *p, struct mesh_policy *grow,
    struct mesh_str s, struct mesh_policy_who *out)
{
	if (s.len == 1 || s.p[0] == '@')
		return "is no user";
	if (mesh_str_has_prefix(s, "user:"))
		return "is not supported: name users or a group";
	s = mesh_selector_user(s);
	out->is = MESH_WHO_IS_USER;
	out->index = grow ? mesh_names_add(&grow->users, &grow->arena, s)
			  : mesh_names_find(&p->users, s);
	if (grow && out->index == MESH_POLICY_NONE)
		return "is one user too many";
	return NULL;
}

static const char *
parse_named(const struct mesh_names *names, enum mesh_who_is is,
    struct mesh_str s, const char *complaint, struct mesh_policy_who *out)
{
	out->is = is;
	out->index = mesh_names_find(names, s);
	return out->index == MESH_POLICY_NONE ? complaint : NULL;
}

static const char *
parse_host(const struct mesh_policy *p, struct mesh_str s,
    struct mesh_policy_who *out)
{
	uint32_t host = mesh_names_find(&p->hosts, s);

	if (host == MESH_POLICY_NONE)
		return "is not in 'hosts' (a user is written 'name@')";
	out->is = MESH_WHO_IS_RANGE;
	out->range = p->host_ranges[host];
	return NULL;
}

static bool
has_byte(struct mesh_str s, char c)
{
	return s.len > 0 && memchr(s.p, c, s.len) != NULL;
}

const char *
mesh_selector_parse(const struct mesh_policy *p, struct mesh_policy *grow,
    enum mesh_selector_place place, struct mesh_str s,
    struct mesh_policy_who *out)
{
	unsigned bit = 1u << place;
	struct mesh_prefix prefix;

	*out = (struct mesh_policy_who){.index = MESH_POLICY_NONE};
	s = mesh_str_trim(s);
	if (s.len == 0)
		return "is empty";
	if (mesh_prefix_or_ip_parse(s, &prefix) == MESH_OK) {
		out->is = MESH_WHO_IS_RANGE;
		out->range = mesh_range_of(&prefix);
		return bit == IN_OWNER ? "cannot own a tag" : NULL;
	}
	if (mesh_str_eq(s, "*")) {
		out->is = MESH_WHO_IS_ANY;
		return bit & (IN_OWNER | IN_PROBE) ? "is not possible here"
						   : NULL;
	}
	if (has_byte(s, '@'))
		return parse_user(p, grow, s, out);
	if (mesh_str_has_prefix(s, "group:"))
		return parse_named(&p->groups, MESH_WHO_IS_GROUP, s,
		    "is not in 'groups'", out);
	if (mesh_str_has_prefix(s, "tag:"))
		return parse_named(&p->tags, MESH_WHO_IS_TAG, s,
		    "is not in 'tagOwners'", out);
	if (mesh_str_has_prefix(s, "autogroup:"))
		return parse_autogroup(s, bit, out);
	if (mesh_str_has_prefix(s, "ipset:") || mesh_str_has_prefix(s, "svc:"))
		return "is not supported";
	if (bit == IN_OWNER)
		return "cannot own a tag";
	return has_byte(s, ':') ? "is no address, user, group, tag or host"
				: parse_host(p, s, out);
}

/* "[fd7a::]/48" without its brackets. */
static bool
unbracket(struct mesh_str *host, char buf[static MESH_PREFIX_TEXT])
{
	struct mesh_str rest = {host->p + 1, host->len - 1};
	struct mesh_str addr = mesh_str_cut(&rest, ']');

	if (rest.p == NULL || !has_byte(addr, ':'))
		return false;
	if (mesh_format(buf, MESH_PREFIX_TEXT, "%.*s%.*s", MESH_STR_ARG(addr),
		(int)rest.len, rest.p) != MESH_OK)
		return false;
	*host = mesh_str(buf);
	return true;
}

bool
mesh_selector_split(struct mesh_str s, char buf[static MESH_PREFIX_TEXT],
    struct mesh_str *out_host, struct mesh_str *out_ports)
{
	size_t colon;

	s = mesh_str_trim(s);
	for (colon = s.len; colon > 0 && s.p[colon - 1] != ':'; colon--)
		continue;
	if (colon < 2)
		return false;
	*out_ports = (struct mesh_str){s.p + colon, s.len - colon};
	*out_host = mesh_str_trim((struct mesh_str){s.p, colon - 1});
	return out_host->len == 0 || out_host->p[0] != '[' ||
	    unbracket(out_host, buf);
}

static const struct {
	const char *name;
	uint8_t number;
} protos[] = {
	{"icmp", 1},
	{"igmp", 2},
	{"ipv4", 4},
	{"ip-in-ip", 4},
	{"tcp", 6},
	{"egp", 8},
	{"igp", 9},
	{"udp", 17},
	{"gre", 47},
	{"esp", 50},
	{"ah", 51},
	{"ipv6-icmp", 58},
	{"sctp", 132},
	{"fc", 133},
};

const char *
mesh_proto_parse(struct mesh_str s, unsigned *out)
{
	uint64_t number;

	s = mesh_str_trim(s);
	if (s.len == 0) {
		*out = MESH_POLICY_PROTO_DEFAULT;
		return NULL;
	}
	for (size_t i = 0; i < sizeof(protos) / sizeof(*protos); i++) {
		if (strlen(protos[i].name) != s.len ||
		    strncasecmp(s.p, protos[i].name, s.len) != 0)
			continue;
		*out = protos[i].number;
		return NULL;
	}
	if (mesh_str_eq(s, "*"))
		return "is no protocol: leave 'proto' out";
	if (s.p[0] == '0' || mesh_parse_u64(s, UINT8_MAX, &number) != MESH_OK)
		return "is no protocol";
	*out = (unsigned)number;
	return NULL;
}

bool
mesh_proto_has_ports(unsigned proto)
{
	return proto == MESH_POLICY_PROTO_DEFAULT || proto == 6 ||
	    proto == 17 || proto == 132;
}

const char *
mesh_ports_parse(struct mesh_str s, struct mesh_policy_ports *out)
{
	struct mesh_str last = mesh_str_trim(s), first;
	uint64_t from, to;

	if (mesh_str_eq(last, "*")) {
		*out = (struct mesh_policy_ports){0, UINT16_MAX};
		return NULL;
	}
	first = mesh_str_cut(&last, '-');
	if (mesh_parse_u64(first, UINT16_MAX, &from) != MESH_OK)
		return "is no port, range of ports, or '*'";
	to = from;
	if (last.p == NULL && from == 0)
		return "is no port: they begin at 1";
	if (last.p != NULL && mesh_parse_u64(last, UINT16_MAX, &to) != MESH_OK)
		return "is no port, range of ports, or '*'";
	if (to < from)
		return "is a range that ends before it begins";
	*out = (struct mesh_policy_ports){(uint16_t)from, (uint16_t)to};
	return NULL;
}
