/* SPDX-License-Identifier: ISC */
#include "netmap/relaymap.h"

#define OMIT MESH_BIND_OMIT

#define F(...) MESH_FIELD(struct mesh_relaymap_host, __VA_ARGS__)
static const struct mesh_field host_fields[] = {
    F("Name", STRING, name, 0),
    F("RegionID", INT64, region, 0),
    F("HostName", STRING, hostname, 0),
    F("CertName", STRING, cert_name, OMIT),
    F("IPv4", STRING, ipv4, OMIT),
    F("IPv6", STRING, ipv6, OMIT),
    F("STUNPort", INT, stun_port, OMIT),
    F("STUNOnly", BOOL, stun_only, OMIT),
    F("DERPPort", INT, relay_port, OMIT),
    F("InsecureForTests", BOOL, insecure_for_tests, OMIT),
    F("STUNTestIP", STRING, stun_test_ip, OMIT),
    F("CanPort80", BOOL, can_port80, OMIT),
};
#undef F
static const struct mesh_schema host_schema =
    MESH_SCHEMA(struct mesh_relaymap_host, host_fields);

#define F(...) MESH_FIELD(struct mesh_relaymap_region, __VA_ARGS__)
static const struct mesh_field region_fields[] = {
    F("RegionID", INT64, id, 0),
    F("RegionCode", STRING, code, 0),
    F("RegionName", STRING, name, 0),
    F("Latitude", DOUBLE, latitude, OMIT),
    F("Longitude", DOUBLE, longitude, OMIT),
    F("Avoid", BOOL, avoid, OMIT),
    F("NoMeasureNoHome", BOOL, no_measure_no_home, OMIT),
    F("Nodes", OBJECTS, hosts, MESH_BIND_NULL, .sub = &host_schema,
	.max = MESH_RELAYMAP_HOSTS),
};
#undef F
static const struct mesh_schema region_schema =
    MESH_SCHEMA(struct mesh_relaymap_region, region_fields);

#define F(...) MESH_FIELD(struct mesh_relaymap_home, __VA_ARGS__)
static const struct mesh_field home_fields[] = {
    F("RegionScore", CUSTOM, region_score, OMIT,
	.codec = &mesh_bind_doubles),
};
#undef F
static const struct mesh_schema home_schema =
    MESH_SCHEMA(struct mesh_relaymap_home, home_fields);

#define F(...) MESH_FIELD(struct mesh_relaymap, __VA_ARGS__)
static const struct mesh_field relaymap_fields[] = {
    F("HomeParams", OBJECT, home, OMIT, .sub = &home_schema),
    F("Regions", MAP_OBJECT, regions, MESH_BIND_NULL, .sub = &region_schema,
	.max = MESH_RELAYMAP_REGIONS),
    F("omitDefaultRegions", BOOL, omit_default_regions, OMIT),
};
#undef F
const struct mesh_schema mesh_relaymap_schema =
    MESH_SCHEMA(struct mesh_relaymap, relaymap_fields);

int
mesh_relaymap_parse(struct mesh_str json, struct mesh_relaymap **out,
    struct mesh_diag *diag)
{
	return mesh_counted_parse(json, &mesh_relaymap_schema,
	    MESH_RELAYMAP_MEMORY, out, diag);
}

const struct mesh_relaymap_region *
mesh_relaymap_find(const struct mesh_relaymap *m, int64_t id)
{
	const struct mesh_relaymap_region *r = m ? m->regions.items : NULL;

	for (size_t i = 0; r != NULL && i < m->regions.count; i++)
		if (r[i].id == id && !m->regions.nulls[i])
			return &r[i];
	return NULL;
}

bool
mesh_relaymap_pin(const struct mesh_relaymap_host *h,
    uint8_t out[static MESH_RELAY_PIN_LEN])
{
	struct mesh_str s = mesh_str(h->cert_name);

	if (s.p == NULL || !mesh_str_has_prefix(s, "sha256-raw:"))
		return false;
	(void)mesh_str_cut(&s, ':');
	return mesh_hex_decode(s, out, MESH_RELAY_PIN_LEN) == MESH_OK;
}

/* The regions without those that are null. Its texts stay m's. */
static int
drop_nulls(const struct mesh_bind_map *m, struct mesh_arena *a,
    struct mesh_bind_map *out)
{
	const struct mesh_relaymap_region *from = m->items;
	struct mesh_bind_map kept = {.set = m->set};
	struct mesh_relaymap_region *to;

	kept.names = mesh_arena_calloc(a, m->count, sizeof(*kept.names));
	kept.nulls = mesh_arena_calloc(a, m->count, sizeof(*kept.nulls));
	kept.items = to = mesh_arena_calloc(a, m->count, sizeof(*to));
	if (a->failed)
		return MESH_ERR_NOMEM;
	for (size_t i = 0; i < m->count; i++) {
		if (m->nulls != NULL && m->nulls[i])
			continue;
		kept.names[kept.count] = m->names[i];
		to[kept.count++] = from[i];
	}
	*out = kept;
	return MESH_OK;
}

/* A deep copy: once through the text. */
static int
copy_map(const struct mesh_relaymap *m, struct mesh_relaymap **out)
{
	struct mesh_buf text;
	struct mesh_jw w;
	int err = MESH_ERR_NOMEM;

	mesh_buf_init(&text, MESH_RELAYMAP_MEMORY);
	mesh_jw_init(&w, &text, false);
	mesh_bind_write(&w, &mesh_relaymap_schema, m);
	if (!text.failed)
		err = mesh_relaymap_parse((struct mesh_str){
		    (const char *)text.data, text.len}, out, NULL);
	mesh_buf_release(&text);
	return err;
}

int
mesh_relaymap_merge(const struct mesh_relaymap *prev,
    const struct mesh_relaymap *next, struct mesh_relaymap **out)
{
	struct mesh_relaymap m = *next;
	struct mesh_relaymap_home home;
	struct mesh_arena a;
	int err;

	if (prev != NULL && !next->regions.set) {
		m.regions = prev->regions;
		m.omit_default_regions = prev->omit_default_regions;
	}
	if (prev != NULL && next->home == NULL) {
		m.home = prev->home;
	} else if (prev != NULL && prev->home != NULL &&
	    !next->home->region_score.set) {
		home = *prev->home;
		m.home = &home;
	}
	mesh_arena_init(&a, MESH_RELAYMAP_MEMORY);
	err = drop_nulls(&m.regions, &a, &m.regions);
	if (err == MESH_OK)
		err = copy_map(&m, out);
	mesh_arena_release(&a);
	return err;
}
