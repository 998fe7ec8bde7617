/* SPDX-License-Identifier: ISC
 * agent_call_net.c - the network as control described it. */
#include "agent_call.h"

#include "netmap/file.h"

#include <stdlib.h>
#include <string.h>

void
call_derpmap(struct agent_client *c, const struct mesh_local_request *r)
{
	const struct mesh_netmap *nm = c->agent->nm;

	(void)r;
	if (nm == NULL || nm->relays == NULL)
		mesh_local_answer(&c->conn, 200, "application/json",
		    MESH_STR("null\n"));
	else
		call_json(c, &mesh_relaymap_schema, nm->relays, true);
}

void
call_dns_config(struct agent_client *c, const struct mesh_local_request *r)
{
	static const struct mesh_dns nothing;
	const struct mesh_netmap *nm = c->agent->nm;

	(void)r;
	if (nm == NULL)
		call_text(c, 503, "no netmap\n");
	else
		call_json(c, &mesh_dns_schema, nm->dns ? nm->dns : &nothing,
		    true);
}

/* Stock commands know these words and say so themselves. */
void
call_dns_osconfig(struct agent_client *c, const struct mesh_local_request *r)
{
	(void)r;
	call_text(c, 501, "reading the system's settings is not supported\n");
}

static int
compare_names(const void *x, const void *y)
{
	return strcmp(*(const char *const *)x, *(const char *const *)y);
}

void
call_cert_domains(struct agent_client *c, const struct mesh_local_request *r)
{
	const struct mesh_dns *dns = c->agent->nm ? c->agent->nm->dns : NULL;
	size_t count = dns ? dns->cert_domains.count : 0;
	const char **names = calloc(count + 1, sizeof(*names));
	struct mesh_buf b;
	struct mesh_jw w;

	(void)r;
	mesh_buf_init(&b, CALL_ANSWER_MAX);
	mesh_jw_init(&w, &b, false);
	if (count == 0 || names == NULL) {
		mesh_jw_null(&w);
	} else {
		memcpy(names, dns->cert_domains.items, count * sizeof(*names));
		qsort(names, count, sizeof(*names), compare_names);
		mesh_jw_array(&w);
		for (size_t i = 0; i < count; i++)
			mesh_jw_string(&w, names[i]);
		mesh_jw_end_array(&w);
	}
	free(names);
	call_buf(c, "application/json", &b);
}

/* There are none: we do not take part in services. */
void
call_services(struct agent_client *c, const struct mesh_local_request *r)
{
	(void)r;
	if (c->agent->nm == NULL)
		call_text(c, 503, "no netmap\n");
	else
		mesh_local_answer(&c->conn, 200, "application/json",
		    MESH_STR("{}\n"));
}

/* Nothing is served: `status` asks each time. */
void
call_serve_config(struct agent_client *c, const struct mesh_local_request *r)
{
	(void)r;
	mesh_local_answer(&c->conn, 200, "application/json", MESH_STR("{}\n"));
}

void
call_set_serve_config(struct agent_client *c,
    const struct mesh_local_request *r)
{
	(void)r;
	call_text(c, 501, "this daemon cannot serve\n");
}

/* There is no file of settings. */
void
call_reload_config(struct agent_client *c, const struct mesh_local_request *r)
{
	(void)r;
	mesh_local_answer(&c->conn, 200, "application/json",
	    MESH_STR("{\"Reloaded\":false,\"Err\":\"\"}\n"));
}

/* Ours: the whole netmap, as a file for --netmap. */
void
call_netmap(struct agent_client *c, const struct mesh_local_request *r)
{
	const struct agent *a = c->agent;
	struct mesh_buf b;

	(void)r;
	if (a->nm == NULL) {
		mesh_local_answer_error(&c->conn, 503, "no netmap");
		return;
	}
	mesh_buf_init(&b, CALL_ANSWER_MAX);
	mesh_netmap_file_write(&b, a->nm, a->prefs.control_url, agent_wall());
	call_buf(c, "application/json", &b);
}
