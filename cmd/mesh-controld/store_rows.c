/* SPDX-License-Identifier: ISC */
#include "store_int.h"

#include "routes.h"

#include <stdlib.h>

#define NODE_COLUMNS                                                           \
	"user_id, auth_key_id, machine_key, node_key, disco_key, ip4, ip6,"    \
	" label, hostname, renamed, tags, method, ephemeral, created, "        \
	"expires,"                                                             \
	" last_seen, capver, relay, endpoints, hostinfo, hostinfo_peer,"       \
	" announced, approved"
#define KEY_COLUMNS                                                            \
	"ident, hash, user_id, reusable, ephemeral, used, revoked, tags,"      \
	" created, expires"
#define ENDPOINTS_TEXT (NODE_ENDPOINTS * (MESH_ENDPOINT_TEXT + 4))

static const char *const statement_sql[STORE_STATEMENTS] = {
    [STORE_USER_ADD] = "INSERT INTO user (name, created) VALUES (?, ?)",
    [STORE_USER_REMOVE] = "DELETE FROM user WHERE id = ?",
    [STORE_KEY_ADD] =
	"INSERT INTO auth_key (" KEY_COLUMNS ") VALUES (?,?,?,?,?,?,?,?,?,?)",
    [STORE_KEY_UPDATE] = "UPDATE auth_key SET (" KEY_COLUMNS
			 ") = (?,?,?,?,?,?,?,?,?,?) WHERE id = ?",
    [STORE_NODE_ADD] =
	"INSERT INTO node (" NODE_COLUMNS
	") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [STORE_NODE_UPDATE] =
	"UPDATE node SET (" NODE_COLUMNS
	") = (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) WHERE id = ?",
    [STORE_NODE_REMOVE] = "DELETE FROM node WHERE id = ?",
    [STORE_POLICY_ADD] = "INSERT INTO policy (text, created) VALUES (?, ?)",
    [STORE_POLICY_TRIM] = "DELETE FROM policy WHERE id <= "
			  "(SELECT max(id) FROM policy) - ?",
    [STORE_USER_LOAD] = "SELECT id, name, created FROM user ORDER BY id",
    [STORE_KEY_LOAD] = "SELECT id, " KEY_COLUMNS " FROM auth_key ORDER BY id",
    [STORE_NODE_LOAD] = "SELECT id, " NODE_COLUMNS " FROM node ORDER BY id",
    [STORE_POLICY_LOAD] = "SELECT text, created FROM policy "
			  "ORDER BY id DESC LIMIT 1",
};

/* Binds and reads in the order of the columns; errors stick. */
struct row {
	struct store *s;
	sqlite3_stmt *st;
	int column;
	int rc;
};

static struct row
row_start(struct store *s, enum store_statement which)
{
	struct row r = {.s = s, .rc = SQLITE_OK};

	if (s->statements[which] == NULL)
		r.rc = sqlite3_prepare_v3(s->db, statement_sql[which], -1,
		    SQLITE_PREPARE_PERSISTENT, &s->statements[which], NULL);
	r.st = s->statements[which];
	return r;
}

static void
put_int(struct row *r, int64_t v)
{
	if (r->rc == SQLITE_OK)
		r->rc = sqlite3_bind_int64(r->st, ++r->column, v);
}

static void
put_text(struct row *r, struct mesh_str s)
{
	if (r->rc == SQLITE_OK)
		r->rc = sqlite3_bind_text64(r->st, ++r->column, s.p, s.len,
		    SQLITE_STATIC, SQLITE_UTF8);
}

static void
put_blob(struct row *r, const void *p, size_t len)
{
	if (r->rc == SQLITE_OK)
		r->rc = sqlite3_bind_blob64(r->st, ++r->column, p, len,
		    SQLITE_STATIC);
}

static void
put_ip(struct row *r, const struct mesh_ip *ip)
{
	char text[MESH_IP_TEXT];

	mesh_ip_format(ip, text);
	if (r->rc == SQLITE_OK)
		r->rc = sqlite3_bind_text(r->st, ++r->column, text, -1,
		    SQLITE_TRANSIENT);
}

/* Runs a statement that has no rows. */
static int
row_run(struct row *r)
{
	int err;

	if (r->rc == SQLITE_OK)
		r->rc = sqlite3_step(r->st);
	err = store_result(r->s, r->rc);
	if (r->st != NULL) {
		sqlite3_reset(r->st);
		sqlite3_clear_bindings(r->st);
	}
	return err;
}

int
store_user_add(struct store *s, struct user *u)
{
	struct row r = row_start(s, STORE_USER_ADD);
	int err;

	put_text(&r, mesh_str(u->name));
	put_int(&r, u->created);
	if ((err = row_run(&r)) == MESH_OK)
		u->id = sqlite3_last_insert_rowid(s->db);
	return err;
}

static int
remove_by_id(struct store *s, enum store_statement which, int64_t id)
{
	struct row r = row_start(s, which);

	put_int(&r, id);
	return row_run(&r);
}

int
store_user_remove(struct store *s, int64_t id)
{
	return remove_by_id(s, STORE_USER_REMOVE, id);
}

int
store_node_remove(struct store *s, int64_t id)
{
	return remove_by_id(s, STORE_NODE_REMOVE, id);
}

static void
put_key(struct row *r, const struct auth_key *k)
{
	put_text(r, mesh_str(k->ident));
	put_blob(r, k->hash, sizeof(k->hash));
	put_int(r, k->user);
	put_int(r, k->reusable);
	put_int(r, k->ephemeral);
	put_int(r, k->used);
	put_int(r, k->revoked);
	put_text(r, mesh_str(k->tags));
	put_int(r, k->created);
	put_int(r, k->expires);
}

int
store_key_add(struct store *s, struct auth_key *k)
{
	struct row r = row_start(s, STORE_KEY_ADD);
	int err;

	put_key(&r, k);
	if ((err = row_run(&r)) == MESH_OK)
		k->id = sqlite3_last_insert_rowid(s->db);
	return err;
}

int
store_key_update(struct store *s, const struct auth_key *k)
{
	struct row r = row_start(s, STORE_KEY_UPDATE);

	put_key(&r, k);
	put_int(&r, k->id);
	return row_run(&r);
}

/* "2 192.0.2.1:41641 1 10.0.0.5:41641": type and address in turn. */
static struct mesh_str
endpoints_text(const struct node *n, char out[static ENDPOINTS_TEXT])
{
	char addr[MESH_ENDPOINT_TEXT];
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < n->endpoint_count; i++) {
		mesh_endpoint_format(&n->endpoints[i].addr, addr);
		mesh_format(out + len, ENDPOINTS_TEXT - len, "%s%u %s",
		    len > 0 ? " " : "", n->endpoints[i].type, addr);
		len += strlen(out + len);
	}
	return (struct mesh_str){out, len};
}

/* Texts that are made for a row and last until it has run. */
struct node_texts {
	char endpoints[ENDPOINTS_TEXT];
	char announced[ROUTES_TEXT], approved[ROUTES_TEXT];
};

static void
put_node(struct row *r, const struct node *n, struct node_texts *x)
{
	static const struct node_routes none;
	const struct node_routes *routes = n->routes ? n->routes : &none;

	if (n->user != 0)
		put_int(r, n->user);
	else if (r->rc == SQLITE_OK)
		r->rc = sqlite3_bind_null(r->st, ++r->column);
	put_int(r, n->auth_key);
	put_blob(r, n->machine.b, sizeof(n->machine.b));
	put_blob(r, n->key.b, sizeof(n->key.b));
	put_blob(r, n->disco.b, sizeof(n->disco.b));
	put_ip(r, &n->ip4);
	put_ip(r, &n->ip6);
	put_text(r, mesh_str(n->label));
	put_text(r, mesh_str(n->hostname));
	put_int(r, n->renamed);
	put_text(r, mesh_str(n->tags));
	put_int(r, n->method);
	put_int(r, n->ephemeral);
	put_int(r, n->created);
	put_int(r, n->expires);
	put_int(r, n->last_seen);
	put_int(r, n->capver);
	put_int(r, n->relay);
	put_text(r, endpoints_text(n, x->endpoints));
	put_text(r, mesh_str(n->hostinfo));
	put_text(r, mesh_str(n->hostinfo_peer));
	put_text(r, route_list_text(&routes->announced, x->announced));
	put_text(r, route_list_text(&routes->approved, x->approved));
}

int
store_node_add(struct store *s, struct node *n)
{
	struct row r = row_start(s, STORE_NODE_ADD);
	struct node_texts texts;
	int err;

	put_node(&r, n, &texts);
	if ((err = row_run(&r)) == MESH_OK)
		n->id = sqlite3_last_insert_rowid(s->db);
	return err;
}

int
store_node_update(struct store *s, const struct node *n)
{
	struct row r = row_start(s, STORE_NODE_UPDATE);
	struct node_texts texts;

	put_node(&r, n, &texts);
	put_int(&r, n->id);
	return row_run(&r);
}

int
store_policy_set(struct store *s, struct mesh_str text, int64_t now)
{
	struct row r = row_start(s, STORE_POLICY_ADD);
	int err;

	put_text(&r, text);
	put_int(&r, now);
	if ((err = row_run(&r)) != MESH_OK)
		return err;
	return remove_by_id(s, STORE_POLICY_TRIM, STORE_POLICIES);
}

/* --- reading: a value of the wrong type or size makes the row bad. */

static int64_t
get_int(struct row *r)
{
	return sqlite3_column_int64(r->st, r->column++);
}

static struct mesh_str
get_text(struct row *r)
{
	const char *p = (const char *)sqlite3_column_text(r->st, r->column);
	int len = sqlite3_column_bytes(r->st, r->column++);

	return p != NULL ? (struct mesh_str){p, (size_t)len} : MESH_STR("");
}

static char *
get_copy(struct row *r)
{
	struct mesh_str s = get_text(r);
	char *copy = strndup(s.p, s.len);

	if (copy == NULL)
		r->rc = SQLITE_NOMEM;
	return copy;
}

static void
get_fixed(struct row *r, char *out, size_t size)
{
	if (mesh_str_copy(get_text(r), out, size) != MESH_OK)
		r->rc = SQLITE_MISMATCH;
}

static void
get_blob(struct row *r, void *out, size_t len)
{
	const void *p = sqlite3_column_blob(r->st, r->column);

	if (p == NULL ||
	    sqlite3_column_bytes(r->st, r->column) != (int)len)
		r->rc = SQLITE_MISMATCH;
	else
		memcpy(out, p, len);
	r->column++;
}

static struct mesh_ip
get_ip(struct row *r)
{
	struct mesh_ip ip = {{0}};

	if (mesh_ip_parse(get_text(r), &ip) != MESH_OK)
		r->rc = SQLITE_MISMATCH;
	return ip;
}

static void
get_endpoints(struct row *r, struct node *n)
{
	struct node_endpoint list[NODE_ENDPOINTS];
	struct mesh_str rest = get_text(r);
	size_t count = 0;

	while (rest.len > 0 && count < NODE_ENDPOINTS) {
		struct mesh_str type = mesh_str_cut(&rest, ' ');
		struct mesh_str addr = mesh_str_cut(&rest, ' ');
		uint64_t number;

		if (mesh_parse_u64(type, UINT8_MAX, &number) != MESH_OK ||
		    mesh_endpoint_parse(addr, &list[count].addr) != MESH_OK) {
			r->rc = SQLITE_MISMATCH;
			return;
		}
		list[count++].type = (uint8_t)number;
	}
	if (count == 0)
		return;
	n->endpoints = calloc(count, sizeof(list[0]));
	if (n->endpoints == NULL) {
		r->rc = SQLITE_NOMEM;
		return;
	}
	memcpy(n->endpoints, list, count * sizeof(list[0]));
	n->endpoint_count = (uint16_t)count;
}

static void
get_routes(struct row *r, struct node *n)
{
	struct route_list announced = {0}, approved = {0};
	int err = route_list_parse(get_text(r), &announced);

	if (err == MESH_OK)
		err = route_list_parse(get_text(r), &approved);
	if (err == MESH_OK)
		err = node_routes_make(&announced, &approved, &n->routes);
	free(announced.items);
	free(approved.items);
	if (err != MESH_OK)
		r->rc = err == MESH_ERR_FORMAT ? SQLITE_MISMATCH : SQLITE_NOMEM;
}

static int
load_user(struct row *r, const struct store_sink *sink)
{
	struct user u = {.id = get_int(r)};

	get_fixed(r, u.name, sizeof(u.name));
	u.created = get_int(r);
	return r->rc != SQLITE_OK ? MESH_ERR_FORMAT : sink->user(sink->arg, &u);
}

static int
load_key(struct row *r, const struct store_sink *sink)
{
	struct auth_key k = {.id = get_int(r)};

	get_fixed(r, k.ident, sizeof(k.ident));
	get_blob(r, k.hash, sizeof(k.hash));
	k.user = get_int(r);
	k.reusable = get_int(r) != 0;
	k.ephemeral = get_int(r) != 0;
	k.used = get_int(r) != 0;
	k.revoked = get_int(r) != 0;
	k.tags = get_copy(r);
	k.created = get_int(r);
	k.expires = get_int(r);
	if (r->rc == SQLITE_OK)
		return sink->key(sink->arg, &k);
	auth_key_release(&k);
	return MESH_ERR_FORMAT;
}

static int
load_node(struct row *r, const struct store_sink *sink)
{
	struct node n = {.id = get_int(r)};

	n.user = get_int(r);
	n.auth_key = get_int(r);
	get_blob(r, n.machine.b, sizeof(n.machine.b));
	get_blob(r, n.key.b, sizeof(n.key.b));
	get_blob(r, n.disco.b, sizeof(n.disco.b));
	n.ip4 = get_ip(r);
	n.ip6 = get_ip(r);
	get_fixed(r, n.label, sizeof(n.label));
	n.hostname = get_copy(r);
	n.renamed = get_int(r) != 0;
	n.tags = get_copy(r);
	n.method = (enum register_method)get_int(r);
	n.ephemeral = get_int(r) != 0;
	n.created = get_int(r);
	n.expires = get_int(r);
	n.last_seen = get_int(r);
	n.capver = (uint16_t)get_int(r);
	n.relay = (int32_t)get_int(r);
	get_endpoints(r, &n);
	n.hostinfo = get_copy(r);
	n.hostinfo_peer = get_copy(r);
	get_routes(r, &n);
	if (r->rc == SQLITE_OK)
		return sink->node(sink->arg, &n);
	node_release(&n);
	return MESH_ERR_FORMAT;
}

static int
load_policy(struct row *r, const struct store_sink *sink)
{
	struct mesh_str text = get_text(r);

	return sink->policy(sink->arg, text, get_int(r));
}

static int
load_all(struct store *s, enum store_statement which, const char *what,
    int (*load)(struct row *r, const struct store_sink *sink),
    const struct store_sink *sink)
{
	struct row r = row_start(s, which);
	int rc = r.rc, err = MESH_OK;

	while (rc == SQLITE_OK && err == MESH_OK &&
	    (rc = sqlite3_step(r.st)) == SQLITE_ROW) {
		int64_t id = sqlite3_column_int64(r.st, 0);

		r.column = 0;
		r.rc = SQLITE_OK;
		err = load(&r, sink);
		if (err == MESH_ERR_FORMAT)
			mesh_format(s->error, sizeof(s->error),
			    "%s %lld: a value is not what it should be", what,
			    (long long)id);
		rc = SQLITE_OK;
	}
	if (err == MESH_OK)
		err = store_result(s, rc);
	if (r.st != NULL)
		sqlite3_reset(r.st);
	return err;
}

int
store_load(struct store *s, const struct store_sink *sink)
{
	int err = load_all(s, STORE_USER_LOAD, "user", load_user, sink);

	if (err == MESH_OK)
		err = load_all(s, STORE_KEY_LOAD, "auth key", load_key, sink);
	if (err == MESH_OK)
		err = load_all(s, STORE_NODE_LOAD, "node", load_node, sink);
	if (err == MESH_OK)
		err = load_all(s, STORE_POLICY_LOAD, "policy", load_policy,
		    sink);
	return err;
}
