/* SPDX-License-Identifier: ISC
 * agent_host.c - what this machine says of itself (Hostinfo, control.md 7.3). A
 * server replaces it whole, so everything is always said.
 */
#include "agent_int.h"

#include "netmap/hostinfo.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define VALUE_MAX 128u

struct release {
	char id[VALUE_MAX], version[VALUE_MAX], codename[VALUE_MAX];
};

/* KEY=value or KEY="value" */
static void
take_line(char *line, const char *key, char out[static VALUE_MAX])
{
	size_t len = strlen(key);
	struct mesh_str v;

	if (strncmp(line, key, len) != 0 || line[len] != '=')
		return;
	v = mesh_str_trim(mesh_str(line + len + 1));
	if (v.len >= 2 && (v.p[0] == '"' || v.p[0] == '\''))
		v = (struct mesh_str){v.p + 1, v.len - 2};
	(void)mesh_str_copy(v, out, VALUE_MAX);
}

static void
read_release(struct release *r)
{
	FILE *f = fopen("/etc/os-release", "re");
	char line[512];

	if (f == NULL)
		return;
	while (fgets(line, sizeof(line), f) != NULL) {
		take_line(line, "ID", r->id);
		take_line(line, "VERSION_ID", r->version);
		take_line(line, "VERSION_CODENAME", r->codename);
	}
	fclose(f);
}

static const char *
host_name(const struct agent *a, const struct utsname *u)
{
	if (a->prefs.hostname != NULL && *a->prefs.hostname != 0)
		return a->prefs.hostname;
	return *a->start.hostname != 0 ? a->start.hostname : u->nodename;
}

/* Latencies by region and family, as "900-v4". */
static void
put_latencies(const struct agent *a, struct mesh_arena *m,
    struct mesh_netinfo *n)
{
	size_t count = a->state.latency_count;
	struct mesh_double *d = mesh_arena_calloc(m, 2 * count + 1, sizeof(*d));

	if (d == NULL)
		return;
	n->derp_latency.items = d;
	for (size_t i = 0; i < count; i++) {
		const struct tbl_region_latency *l = &a->state.latencies[i];
		const uint32_t us[] = {l->us4, l->us6};

		for (size_t k = 0; k < 2; k++) {
			char name[24];

			if (us[k] == 0)
				continue;
			(void)mesh_format(name, sizeof(name), "%u-v%d",
			    l->region, k == 0 ? 4 : 6);
			d[n->derp_latency.count++] = (struct mesh_double){
			    mesh_arena_strdup(m, name), us[k] / 1e6};
		}
	}
}

static void
put_netinfo(const struct agent *a, struct mesh_arena *m, struct mesh_netinfo *n)
{
	uint32_t net = a->state.net;

	*n = (struct mesh_netinfo){.preferred_derp = a->state.home_region};
	if (net & TBL_NET_MEASURED) {
		n->mapping_varies_by_dest_ip =
		    net & TBL_NET_MAPPING_VARIES ? 1 : -1;
		n->working_ipv6 = net & TBL_NET_IPV6 ? 1 : -1;
		n->working_udp = net & TBL_NET_UDP ? 1 : -1;
	}
	put_latencies(a, m, n);
}

void
agent_host_write(const struct agent *a, struct mesh_buf *out)
{
	char log_id[2 * MESH_KEY_LEN + 1];
	struct mesh_netinfo netinfo;
	struct release release = {{0}, {0}, {0}};
	struct utsname u;
	struct mesh_arena m;
	struct mesh_jw w;

	mesh_arena_init(&m, 1u << 18);
	memset(&u, 0, sizeof(u));
	(void)uname(&u);
	read_release(&release);
	put_netinfo(a, &m, &netinfo);
	/* Some servers want an id here that stays; ours is no secret. */
	mesh_hex_encode(a->machine_key.b, MESH_KEY_LEN, log_id);
	struct mesh_hostinfo h = {
	    .ipn_version = AGENT_VERSION,
	    .backend_log_id = log_id,
	    .os = "linux",
	    .os_version = u.release,
	    .distro = release.id,
	    .distro_version = release.version,
	    .distro_code_name = release.codename,
	    .hostname = host_name(a, &u),
	    .machine = u.machine,
	    .shields_up = a->prefs.shields_up,
	    .no_logs_no_support = true,
	    .routable_ips = a->prefs.advertise_routes,
	    .request_tags = a->prefs.advertise_tags,
	    .netinfo = a->have_state ? &netinfo : NULL,
	    .userspace = -1,
	    .userspace_router = -1,
	};
	/* Tags come from the key when there is one (control.md 5.8). */
	if (a->login.auth_key[0] != 0)
		h.request_tags = (struct mesh_bind_list){0};
	mesh_jw_init(&w, out, false);
	mesh_bind_write(&w, &mesh_hostinfo_schema, &h);
	mesh_arena_release(&m);
}
