/* SPDX-License-Identifier: ISC
 * policy_int.h - a compiled policy and a world, as the files of this folder see
 * them. Names (of users, groups, tags, hosts) are numbers after parsing.
 */
#ifndef MESH_POLICY_INT_H
#define MESH_POLICY_INT_H

#include "base/arena.h"
#include "base/list.h"
#include "base/map.h"
#include "base/range.h"
#include "policy/policy.h"

#define MESH_POLICY_NONE UINT32_MAX /* no such name */

/* --- names.c: texts to numbers 0, 1, 2... */

struct mesh_names {
	const char **items;
	size_t count, cap;
	uint32_t *slots; /* hash table of indices, MESH_POLICY_NONE is free */
	size_t slot_count;
};

void mesh_names_release(struct mesh_names *n);
uint32_t mesh_names_find(const struct mesh_names *n, struct mesh_str s);
/* The number, an old or a new one; the text is copied to the arena.
 * MESH_POLICY_NONE without memory or with MESH_POLICY_NAMES_MAX names. */
uint32_t mesh_names_add(struct mesh_names *n, struct mesh_arena *a,
    struct mesh_str s);

/* --- the compiled policy */

enum mesh_who_is {
	MESH_WHO_IS_ANY,
	MESH_WHO_IS_DANGER_ALL, /* also outside of the network */
	MESH_WHO_IS_USER,	/* index: of users */
	MESH_WHO_IS_GROUP,
	MESH_WHO_IS_TAG,
	MESH_WHO_IS_MEMBER, /* every node without tags */
	MESH_WHO_IS_TAGGED,
	MESH_WHO_IS_SELF,     /* nodes of the same user */
	MESH_WHO_IS_INTERNET, /* by an exit node */
	MESH_WHO_IS_RANGE,    /* an address, prefix or host name */
};

struct mesh_policy_who {
	enum mesh_who_is is;
	uint32_t index;
	struct mesh_range range;
};

struct mesh_policy_ports {
	uint16_t first, last;
};

struct mesh_policy_target {
	struct mesh_policy_who who;
	struct mesh_policy_ports *ports;
	size_t port_count;
};

#define MESH_POLICY_PROTO_DEFAULT 256u /* TCP, UDP, ICMP of both families */

#define MESH_POLICY_COMPANIONS 2u

/* Capabilities instead of packets. */
struct mesh_policy_app {
	struct mesh_str json; /* a CapMap; empty: the rule is about packets */
	const char *companions[MESH_POLICY_COMPANIONS]; /* NULL: without */
};

struct mesh_policy_rule {
	size_t offset;	/* in the text */
	bool self;	/* all its targets are autogroup:self */
	unsigned proto; /* 0-255, or MESH_POLICY_PROTO_DEFAULT */
	struct mesh_policy_who *srcs;
	size_t src_count;
	struct mesh_policy_target *dsts;
	size_t dst_count;
	struct mesh_policy_app app;
};

struct mesh_policy_probe { /* one question of a test */
	size_t offset;
	const char *text; /* "tag:db:22" */
	struct mesh_policy_who dst;
	uint16_t port;
	bool accept;
};

struct mesh_policy_test {
	const char *src_text;
	struct mesh_policy_who src;
	unsigned proto;
	struct mesh_policy_probe *probes;
	size_t probe_count;
};

struct mesh_policy_whos {
	struct mesh_policy_who *items;
	size_t count;
};

struct mesh_policy_approver { /* whose nodes may serve what */
	struct mesh_prefix prefix;
	struct mesh_policy_whos whos;
};

struct mesh_policy_ssh { /* who may log in where as whom */
	size_t offset;
	bool check;
	uint64_t period_ns; /* of check; 0: always anew */
	bool root, nonroot;
	struct mesh_policy_who *srcs, *dsts;
	struct mesh_str *users, *domains, *envs;
	size_t src_count, dst_count, user_count, domain_count, env_count;
};

struct mesh_policy_section {
	const char *name;
	struct mesh_str text;
};

#define MESH_POLICY_SECTIONS 16u

struct mesh_policy {
	struct mesh_arena arena;
	struct mesh_str text;
	bool open;
	struct mesh_names users, groups, tags, hosts;
	struct mesh_policy_whos *members; /* per group: users */
	struct mesh_range *host_ranges;	  /* per host */
	struct mesh_policy_whos *owners;  /* per tag */
	struct mesh_policy_rule *rules;
	size_t rule_count, rule_cap;
	struct mesh_policy_test *tests;
	size_t test_count;
	struct mesh_policy_ssh *ssh;
	size_t ssh_count;
	struct mesh_policy_approver *approvers;
	size_t approver_count;
	struct mesh_policy_whos exit_approvers;
	struct mesh_policy_section sections[MESH_POLICY_SECTIONS];
	size_t section_count;
};

/* --- selector.c: the small texts inside. NULL is fine, else what is wrong,
 * static text that can follow "'SELECTOR' ". */

enum mesh_selector_place {
	MESH_SELECTOR_SRC,
	MESH_SELECTOR_DST,
	MESH_SELECTOR_OWNER,
	MESH_SELECTOR_PROBE, /* src or dst of a question */
};

/* Users that are new get a number in grow, which is p or NULL. */
const char *mesh_selector_parse(const struct mesh_policy *p,
    struct mesh_policy *grow,
    enum mesh_selector_place place, struct mesh_str s,
    struct mesh_policy_who *out);
/* "user@" and "user" are one. */
struct mesh_str mesh_selector_user(struct mesh_str s);
/* "tag:web:22,80" at its last colon; brackets around IPv6 are taken off (into
 * buf, when a length follows them). False: no colon. */
bool mesh_selector_split(struct mesh_str s, char buf[static MESH_PREFIX_TEXT],
    struct mesh_str *out_host, struct mesh_str *out_ports);
const char *mesh_proto_parse(struct mesh_str s, unsigned *out);
/* May rules for this protocol name ports? */
bool mesh_proto_has_ports(unsigned proto);
/* One piece of a port list: "*", "22", "80-90". */
const char *mesh_ports_parse(struct mesh_str s, struct mesh_policy_ports *out);

/* --- world.c */

struct mesh_policy_user {
	struct mesh_list by_world;
	struct mesh_list nodes; /* untagged ones */
	uint64_t id;
	char *name, *email, *provider; /* NULL: none */
	uint32_t tokens[3];	       /* numbers of these in the policy */
	uint64_t *groups;	       /* a bit per group */
};

struct mesh_policy_node {
	struct mesh_policy_world *world;
	struct mesh_list by_world;
	struct mesh_list by_user; /* alone when tagged */
	uint64_t id;
	struct mesh_policy_user *user; /* NULL: tagged */
	size_t tag_count;	       /* all; also those that no rule knows */
	uint32_t *tags;
	const char **tag_names; /* owned, one block with the texts */
	struct mesh_ip *addresses;
	size_t address_count;
	struct mesh_prefix *routes; /* without default routes */
	size_t route_count;
	bool exit4, exit6;
	/* a bit per rule */
	uint64_t *src;	  /* may send by it */
	uint64_t *dst;	  /* may be sent to by it */
	uint64_t *member; /* its addresses belong to the sources */
};

struct mesh_policy_sources { /* of one rule, made when somebody asks */
	bool fresh;
	bool any;
	struct mesh_ranges ranges;
	struct mesh_buf json; /* SrcIPs */
	uint64_t mark;
};

struct mesh_policy_world {
	const struct mesh_policy *policy;
	struct mesh_list users, nodes;
	struct mesh_map user_ids, node_ids;
	struct mesh_ranges internet; /* what autogroup:internet is */
	struct mesh_ranges mesh;     /* addresses that nodes can have */
	size_t words;		     /* of a bitset over rules */
	uint64_t *self;		     /* the rules that are about the same user */
	struct mesh_policy_sources *sources; /* per rule */
	bool imagining; /* users appear when they are asked for */
	uint64_t imagined;
};

/* Is the node one that the selector names by who it is (not by address)? */
bool mesh_who_names(const struct mesh_policy_who *who,
    const struct mesh_policy_node *n);
bool mesh_who_is_identity(const struct mesh_policy_who *who);
/* The same users and nodes under another policy; NULL without memory. */
struct mesh_policy_world *mesh_policy_world_copy(const struct mesh_policy *p,
    const struct mesh_policy_world *from);
/* Is this number one of the user's names in the policy? */
bool mesh_policy_user_has(const struct mesh_policy_user *u, uint32_t token);
bool mesh_policy_user_is(const struct mesh_policy_user *u, struct mesh_str s);
/* A node of a user that has none. */
int mesh_policy_imagine_user(struct mesh_policy_world *w, struct mesh_str name);

/* May a packet to `who` end at the node, or leave the network by it? */
bool mesh_who_is_target(const struct mesh_policy_who *who,
    const struct mesh_policy_node *n);
/* Does a packet to this piece of the internet leave by the node: is it an exit
 * node, or serves it a route there? */
bool mesh_policy_serves(const struct mesh_policy_node *n,
    const struct mesh_range *internet);

/* --- app_filter.c: the FilterRules of an app rule for this node, both ways. */
void mesh_policy_app_write(struct mesh_policy_node *n, size_t rule,
    struct mesh_jw *w);

/* --- sources.c */

/* "*": what nodes can have, and the routes that they serve. */
void mesh_policy_add_any(struct mesh_ranges *s,
    const struct mesh_policy_world *w);

/* FNV-1a of 64 bits: a number that stands for content. */
#define MESH_POLICY_MARK UINT64_C(14695981039346656037)
uint64_t mesh_policy_mark(uint64_t mark, const void *p, size_t len);
const struct mesh_policy_sources *mesh_policy_rule_sources(
    struct mesh_policy_world *w, size_t rule);
/* Their text, made when the first node is told of the rule. */
struct mesh_str mesh_policy_sources_json(struct mesh_policy_world *w,
    size_t rule);
void mesh_policy_sources_write(struct mesh_jw *w, bool any,
    const struct mesh_ranges *ranges);

/* --- check.c */
struct mesh_policy_question {
	struct mesh_policy_who src, dst;
	struct mesh_str src_user, dst_user; /* for users without a number */
	unsigned proto;
	bool any_port;
	uint16_t port;
};
int mesh_policy_ask(struct mesh_policy_world *w,
    const struct mesh_policy_question *q, struct mesh_policy_verdict *out);

static inline bool
mesh_bit_has(const uint64_t *bits, size_t i)
{
	return bits[i / 64] >> i % 64 & 1;
}

static inline void
mesh_bit_set(uint64_t *bits, size_t i)
{
	bits[i / 64] |= UINT64_C(1) << i % 64;
}

#endif
