/* SPDX-License-Identifier: ISC
 * policy/policy.h - who may reach whom: the policy language, and what it means
 * for a set of nodes.
 *
 * A policy is HuJSON (protocol/services.md 6): `groups`, `hosts`, `tagOwners`,
 * `acls`, `grants` (with `ip` or `app`), `autoApprovers`, `ssh`, `tests`;
 * `nodeAttrs` and `sshTests` are kept, not judged. What is not enforced is
 * refused with a sentence, never passed over. No text, or neither `acls` nor
 * `grants` in it: everything is allowed; an empty list of them: nothing is.
 *
 *	err = mesh_policy_parse(text, len, &policy, &diag);
 *	world = mesh_policy_world_new(policy);
 *	mesh_policy_user_put(world, &user);	for each user,
 *	m = mesh_policy_node_put(world, &node);	then for each node
 *	if (mesh_policy_visible(a, b)) ...	tell a of b
 *	mesh_policy_filter_write(m, &jw);	PacketFilters["base"] of m
 *
 * Rules are compiled once, never per pair of nodes: a node knows by a bit per
 * rule whether it is among the rule's sources or destinations, so that putting
 * a node costs one look at each rule and asking about a pair a few words of
 * bits. The source set of a rule is made once for all nodes that are told of
 *it.
 *
 * Nothing here is thread-safe; a policy may be shared by worlds that it
 *outlives.
 */
#ifndef MESH_POLICY_POLICY_H
#define MESH_POLICY_POLICY_H

#include <base/addr.h>
#include <base/json.h>
#include <mesh/base.h>

#define MESH_POLICY_TEXT_MAX (1u << 20) /* bytes of a policy */
#define MESH_POLICY_NAMES_MAX 16384u	/* users, groups, tags, hosts: of each */
#define MESH_POLICY_RULES_MAX 8192u	/* after compiling */
#define MESH_POLICY_LIST_MAX 16384u	/* items of any list in the text */
#define MESH_POLICY_TESTS_MAX 4096u
#define MESH_POLICY_SSH_MAX 1024u /* rules of ssh */
#define MESH_POLICY_ACCOUNT_MAX 64u /* bytes of an account's name */
#define MESH_POLICY_URL_MAX 512u    /* bytes of a server's URL */
#define MESH_POLICY_NODES_MAX 65536u
#define MESH_POLICY_ADDRESSES_MAX 16u /* of a node */
#define MESH_POLICY_ROUTES_MAX 1024u  /* of a node */

struct mesh_policy;
struct mesh_policy_world; /* users and nodes under a policy */
struct mesh_policy_node;  /* one of them: a handle */

/* Checks and compiles; caller frees. text is copied; len 0 gives the policy that
 * allows all. Errors: diag has "line 4, column 17: ..." */
int mesh_policy_parse(const char *text, size_t len, struct mesh_policy **out,
    struct mesh_diag *diag);
void mesh_policy_free(struct mesh_policy *p);
/* As it was given. */
struct mesh_str mesh_policy_text(const struct mesh_policy *p);
/* Is everything allowed, because there is no rule section? */
bool mesh_policy_is_open(const struct mesh_policy *p);
/* The value of a top-level member ("sshTests", "nodeAttrs"), as it stands in the
 * text (HuJSON); empty when there is none. */
struct mesh_str mesh_policy_section(const struct mesh_policy *p,
    const char *name);

/* --- a world */

struct mesh_policy_user_info {
	uint64_t id;	     /* > 0 */
	const char *name;    /* "alice", in a policy "alice@" */
	const char *email;   /* NULL: none */
	const char *provider; /* issuer/subject of the login; NULL: none */
};

struct mesh_policy_node_info {
	uint64_t id;   /* > 0 */
	uint64_t user; /* 0, or ignored: the node has tags */
	const char *const *tags; /* "tag:x" */
	size_t tag_count;
	const struct mesh_ip *addresses;
	size_t address_count;
	/* approved routes that it serves; 0.0.0.0/0 and ::/0: an exit node */
	const struct mesh_prefix *routes;
	size_t route_count;
};

struct mesh_policy_world *mesh_policy_world_new(const struct mesh_policy *p);
void mesh_policy_world_free(struct mesh_policy_world *w);

/* A new or changed user. MESH_ERR_NOMEM. */
int mesh_policy_user_put(struct mesh_policy_world *w,
    const struct mesh_policy_user_info *user);
/* A new node, or new facts about one (by id); the handle stays the same until
 * the node is removed. Only this node is computed anew. All is copied.
 * MESH_ERR_LIMIT, MESH_ERR_NOMEM: the world is as before. */
int mesh_policy_node_put(struct mesh_policy_world *w,
    const struct mesh_policy_node_info *node, struct mesh_policy_node **out);
void mesh_policy_node_remove(struct mesh_policy_world *w,
    struct mesh_policy_node *n);
/* The node with this id, or NULL. */
struct mesh_policy_node *mesh_policy_node_find(
    const struct mesh_policy_world *w, uint64_t id);

/* May either of them open a flow to the other, on whatever port? Then each is
 * told of the other. A node sees itself. */
bool mesh_policy_visible(const struct mesh_policy_node *a,
    const struct mesh_policy_node *b);
/* Does each of them see the same others, by the policy? */
bool mesh_policy_alike(const struct mesh_policy_node *a,
    const struct mesh_policy_node *b);
/* Does a see another node that is like b? As mesh_policy_visible(), where a may
 * be b itself. */
bool mesh_policy_visible_kind(const struct mesh_policy_node *a,
    const struct mesh_policy_node *b);
/* Is this route of the owner worth telling the viewer of: may it (or a route of
 * its own) send there, or be sent to from there? For a default route: may the
 * viewer use the internet through it? */
bool mesh_policy_route_visible(const struct mesh_policy_node *viewer,
    const struct mesh_policy_node *owner, const struct mesh_prefix *route);

/* Writes the node's packet filter: an array of FilterRule (control.md 7.7), []
 * when nothing may come in. Errors: the buffer's `failed`. */
void mesh_policy_filter_write(struct mesh_policy_node *n, struct mesh_jw *w);
/* A number that is the same for the same filter, made without writing it: what
 * changed after a policy, node or user did? (64 bits of content.) */
uint64_t mesh_policy_filter_mark(struct mesh_policy_node *n);

/* --- tags */

/* Does the policy know the tag, and may this user give it to a node? */
bool mesh_policy_has_tag(const struct mesh_policy *p, const char *tag);
bool mesh_policy_may_tag(const struct mesh_policy_world *w, uint64_t user,
    const char *tag);

/* --- routes */

/* May the node serve this network without being asked (autoApprovers)? */
bool mesh_policy_may_route(const struct mesh_policy_node *n,
    const struct mesh_prefix *route);

/* --- logins */

/* Is there any rule about logins? */
bool mesh_policy_has_ssh(const struct mesh_policy_node *n);
/* Writes the node's SSHPolicy: {"rules":[]} when nobody may log in. Nodes with
 * tags stand in it by their ids, as text. url: of the server, which a node asks
 * when a rule says "check". */
void mesh_policy_ssh_write(const struct mesh_policy_node *n, const char *url,
    struct mesh_jw *w);

struct mesh_policy_ssh_verdict {
	bool allowed;
	bool check;	    /* after the user has shown up again */
	uint64_t period_ns; /* which is good for so long; 0: once */
};
/* May src log in to dst, to this account? */
void mesh_policy_ssh_ask(const struct mesh_policy_node *src,
    const struct mesh_policy_node *dst, struct mesh_str account,
    struct mesh_policy_ssh_verdict *out);

/* --- verdicts */

struct mesh_policy_verdict {
	bool allowed;
	unsigned line; /* where the rule that allows it begins; 0: no rule does,
			* or the policy is open */
};

/* May src reach dst? src: a user, group, tag, host name, address, or
 * "autogroup:member"; dst: the same but for groups, with ":port" or without (then
 * any port that a rule names will do). proto: "tcp", "udp", a number...; NULL or
 * "": the usual ones. With several nodes in src or dst, all must be allowed.
 * MESH_ERR_FORMAT: no such selector, in diag; MESH_ERR_NOTFOUND: it names nobody
 * in this world. */
int mesh_policy_check(struct mesh_policy_world *w, const char *src,
    const char *dst, const char *proto, struct mesh_policy_verdict *out,
    struct mesh_diag *diag);

/* Adds a node for each user and tag that the policy names and that has none, so
 * that questions can be asked before anybody has joined; users that a question
 * names are imagined from then on. */
int mesh_policy_world_imagine(struct mesh_policy_world *w);

/* Runs the `tests` section in a world of its own: the nodes of w (may be NULL),
 * and imagined ones. MESH_OK: all pass; MESH_ERR_DENIED: each failure is a line of
 * out ("line 9: 'alice@' cannot reach 'tag:db:22', but should"), the first one in
 * diag too. */
int mesh_policy_run_tests(const struct mesh_policy *p,
    const struct mesh_policy_world *w, struct mesh_buf *out,
    struct mesh_diag *diag);
/* How many there are. */
size_t mesh_policy_test_count(const struct mesh_policy *p);

#endif
