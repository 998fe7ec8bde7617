/* SPDX-License-Identifier: ISC
 * write.c - a snapshot as the frame that a server would send first. */
#include "netmap/snapshot.h"

static void
write_name_object(struct mesh_jw *w, const char *name, const void *object,
    const struct mesh_schema *schema)
{
	if (object == NULL)
		return;
	mesh_jw_name(w, name);
	mesh_bind_write(w, schema, object);
}

static void
write_value(struct mesh_jw *w, const char *name, const struct mesh_value *v)
{
	if (v == NULL)
		return;
	mesh_jw_name(w, name);
	mesh_jw_raw(w, v->json);
}

static void
write_peers(struct mesh_jw *w, const struct mesh_netmap *nm)
{
	if (nm->peer_count == 0)
		return;
	mesh_jw_name(w, "Peers");
	mesh_jw_array(w);
	for (size_t i = 0; i < nm->peer_count; i++)
		mesh_bind_write(w, &mesh_node_schema, nm->peers[i]);
	mesh_jw_end_array(w);
}

static void
write_filters(struct mesh_jw *w, const struct mesh_netmap *nm)
{
	if (nm->filter_count == 0)
		return;
	mesh_jw_name(w, "PacketFilters");
	mesh_jw_object(w);
	for (size_t i = 0; i < nm->filter_count; i++) {
		const struct mesh_rules *r = nm->filters[i];

		mesh_jw_name(w, r->name);
		mesh_rules_write(w, r->rules, r->count);
	}
	mesh_jw_end_object(w);
}

static void
write_users(struct mesh_jw *w, const struct mesh_netmap *nm)
{
	if (nm->user_count == 0)
		return;
	mesh_jw_name(w, "UserProfiles");
	mesh_jw_array(w);
	for (size_t i = 0; i < nm->user_count; i++)
		mesh_bind_write(w, &mesh_user_schema, nm->users[i]);
	mesh_jw_end_array(w);
}

static void
write_messages(struct mesh_jw *w, const struct mesh_netmap *nm)
{
	if (nm->message_count == 0)
		return;
	mesh_jw_name(w, "DisplayMessages");
	mesh_jw_object(w);
	for (size_t i = 0; i < nm->message_count; i++) {
		mesh_jw_name(w, nm->messages[i]->id);
		mesh_bind_write(w, &mesh_health_message_schema,
		    nm->messages[i]);
	}
	mesh_jw_end_object(w);
}

/* In the order of control.md 6.4. */
void
mesh_netmap_write(struct mesh_buf *out, const struct mesh_netmap *nm)
{
	struct mesh_jw w;

	mesh_jw_init(&w, out, false);
	mesh_jw_object(&w);
	write_name_object(&w, "Node", nm->self, &mesh_node_schema);
	write_name_object(&w, "DERPMap", nm->relays, &mesh_relaymap_schema);
	write_peers(&w, nm);
	write_name_object(&w, "DNSConfig", nm->dns, &mesh_dns_schema);
	write_value(&w, "Domain", nm->domain);
	if (nm->collect_services != 0) {
		mesh_jw_name(&w, "CollectServices");
		mesh_jw_bool(&w, nm->collect_services > 0);
	}
	write_filters(&w, nm);
	write_users(&w, nm);
	write_value(&w, "Health", nm->health);
	write_messages(&w, nm);
	write_name_object(&w, "SSHPolicy", nm->ssh, &mesh_ssh_policy_schema);
	if (mesh_wall_is_set(nm->control_time)) {
		char text[MESH_RFC3339_MAX];

		mesh_wall_format(nm->control_time, text);
		mesh_jw_name(&w, "ControlTime");
		mesh_jw_string(&w, text);
	}
	write_value(&w, "TKAInfo", nm->lock_info);
	write_value(&w, "DomainDataPlaneAuditLogID", nm->audit_log_id);
	write_value(&w, "ControlDialPlan", nm->dial_plan);
	write_value(&w, "ClientVersion", nm->client_version);
	mesh_jw_end_object(&w);
}
