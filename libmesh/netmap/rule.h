/* SPDX-License-Identifier: ISC
 * rule.h - packet filter rules: who may send what to this node.
 *
 * Source: protocol/control.md 7.7 (FilterRule), 6.6 (named filters, bad input).
 * A rule grants dsts (IP, ports, protocols) or capabilities, never both. Rules
 * only allow; what no rule allows is dropped.
 */
#ifndef MESH_NETMAP_RULE_H
#define MESH_NETMAP_RULE_H

#include <netmap/counted.h>
#include <netmap/value.h>

#define MESH_RULES_MEMORY (1u << 24) /* bytes that one named filter may take */
#define MESH_RULES_MAX 16384u	     /* rules of one named filter */
#define MESH_RULE_ITEMS 65536u	     /* sources or destinations of one rule */

enum mesh_who_kind {
	MESH_WHO_NOBODY, /* the text was none of the below: this entry is skipped */
	MESH_WHO_ANY,	 /* "*": every address of both families */
	MESH_WHO_RANGE,	 /* address, CIDR without host bits, a-b inclusive */
	MESH_WHO_CAP,	 /* "cap:NAME": nodes that have the node capability */
};

/* One source or destination. Reading fills in everything; to write one that was
 * computed, leave text NULL: a range is then written in the shortest form. */
struct mesh_who {
	enum mesh_who_kind kind;
	struct mesh_ip first, last; /* of RANGE, inclusive, one family */
	const char *text;	    /* as read; the capability is behind "cap:" */
};

extern const struct mesh_bind_codec mesh_bind_who;

/* MESH_WHO_NOBODY if it is malformed. text is borrowed. */
struct mesh_who mesh_who_parse(const char *text);
struct mesh_who mesh_who_prefix(const struct mesh_prefix *p);
/* Is the address among them? (Capabilities: never, they are the caller's.) */
bool mesh_who_has(const struct mesh_who *w, const struct mesh_ip *ip);
/* The name behind "cap:"; NULL if it is no capability. */
const char *mesh_who_cap(const struct mesh_who *w);

struct mesh_rule_ports {
	uint16_t first;
	uint16_t last;
};

struct mesh_rule_dst {
	struct mesh_who ip;
	struct mesh_str bits; /* legacy, JSON; see mesh_rules_are_refused() */
	struct mesh_rule_ports ports;
};

struct mesh_rule_grant {
	struct mesh_bind_list dsts;    /* struct mesh_prefix */
	struct mesh_bind_list caps;    /* const char *; deprecated */
	struct mesh_bind_map cap_map;  /* capability -> JSON list */
};

struct mesh_filter_rule {
	struct mesh_bind_list srcs;	/* struct mesh_who */
	struct mesh_bind_list src_bits; /* int64_t, legacy */
	struct mesh_bind_list dsts;	/* struct mesh_rule_dst */
	/* int64_t; empty: TCP 6, UDP 17, ICMP 1, ICMPv6 58. Outside 0-255:
	 * ignored. */
	struct mesh_bind_list protos;
	struct mesh_bind_list grants; /* struct mesh_rule_grant */
};

extern const struct mesh_schema mesh_filter_rule_schema;

/* A named filter: a JSON array of rules. */
struct mesh_rules {
	struct mesh_counted counted;
	const char *name;		 /* "base" for PacketFilter */
	struct mesh_filter_rule *rules;
	size_t count;
};

/* json: an array of rules (null: none). */
int mesh_rules_parse(const char *name, struct mesh_str json,
    struct mesh_rules **out, struct mesh_diag *diag);
void mesh_rules_write(struct mesh_jw *w, const struct mesh_filter_rule *rules,
    size_t count);
/* Legacy SrcBits or Bits anywhere: nothing of the effective filter counts. */
bool mesh_rules_are_refused(const struct mesh_rules *r);

#endif
