/* SPDX-License-Identifier: ISC
 * relaymap.h - the relays of a network, by region (the protocol's DERPMap), from
 * a server's JSON or from a YAML file.
 *
 * Source: protocol/control.md 7.6, 6.7; protocol/dataplane.md 3.12.
 */
#ifndef MESH_NETMAP_RELAYMAP_H
#define MESH_NETMAP_RELAYMAP_H

#include <netmap/counted.h>
#include <netmap/value.h>

#define MESH_RELAYMAP_MEMORY (1u << 22) /* bytes that a decoded map may take */
#define MESH_RELAYMAP_FILE (1u << 20)   /* bytes of a YAML file */
#define MESH_RELAYMAP_REGIONS 1024u
#define MESH_RELAYMAP_HOSTS 64u /* per region */

#define MESH_RELAY_PORT 443u  /* for port 0 */
#define MESH_STUN_PORT 3478u  /* for stun_port 0; -1 means none */
#define MESH_RELAY_PIN_LEN 32u /* SHA-256 of the raw certificate */

struct mesh_relaymap_host {
	const char *name; /* unique over all regions: "900a" */
	int64_t region;
	const char *hostname;  /* TLS name and DNS name */
	const char *cert_name; /* see mesh_relaymap_pin() */
	const char *ipv4;      /* "none" disables the family */
	const char *ipv6;
	int32_t stun_port;
	bool stun_only;
	int32_t relay_port;
	bool insecure_for_tests; /* no certificate check: plain tests only */
	const char *stun_test_ip;
	bool can_port80;
};

struct mesh_relaymap_region {
	int64_t id; /* > 0; 900-999 are private */
	const char *code;
	const char *name;
	double latitude;
	double longitude;
	bool avoid;
	bool no_measure_no_home;
	struct mesh_bind_list hosts; /* struct mesh_relaymap_host, best first */
};

struct mesh_relaymap_home {
	struct mesh_doubles region_score; /* "900": factor on the latency */
};

struct mesh_relaymap {
	struct mesh_counted counted;
	struct mesh_relaymap_home *home; /* NULL: not said */
	/* "900" -> struct mesh_relaymap_region; nulls[i]: dropped */
	struct mesh_bind_map regions;
	bool omit_default_regions;
};

extern const struct mesh_schema mesh_relaymap_schema;

/* One map from its JSON object, with one reference. */
int mesh_relaymap_parse(struct mesh_str json, struct mesh_relaymap **out,
    struct mesh_diag *diag);
/* The region, or NULL (m may be NULL). */
const struct mesh_relaymap_region *mesh_relaymap_find(
    const struct mesh_relaymap *m, int64_t id);
/* True if cert_name pins the raw certificate ("sha256-raw:HEX"). */
bool mesh_relaymap_pin(const struct mesh_relaymap_host *h,
    uint8_t out[static MESH_RELAY_PIN_LEN]);

/* The map of next laid over prev (may be NULL) by the rules of control.md 6.7.
 * A new object with one reference. */
int mesh_relaymap_merge(const struct mesh_relaymap *prev,
    const struct mesh_relaymap *next, struct mesh_relaymap **out);

/* The file that Headscale reads:
 *
 *	regions:
 *	  900:
 *	    regionid: 900
 *	    regioncode: home
 *	    regionname: Home
 *	    nodes:
 *	      - name: 900a
 *	        regionid: 900
 *	        hostname: relay.example.org
 *	        certname: sha256-raw:HEX
 *	        ipv4: 198.51.100.1
 *	        stunport: 3478
 *	        derpport: 443
 *
 * Names in any case; JSON is YAML and is read too (also with a server's names).
 * diag: "line 7, column 3: unknown key 'hostnam'". A region or host that lacks
 * its id takes it from its place. */
int mesh_relaymap_read_yaml(const char *text, size_t len,
    struct mesh_relaymap **out, struct mesh_diag *diag);

#endif
