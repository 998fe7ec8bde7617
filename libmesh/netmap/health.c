/* SPDX-License-Identifier: ISC */
#include "netmap/health.h"

#include "netmap/value.h"

#define F(...) MESH_FIELD(struct mesh_health_link, __VA_ARGS__)
static const struct mesh_field link_fields[] = {
    F("URL", STRING, url, 0),
    F("Label", STRING, label, 0),
};
#undef F
static const struct mesh_schema link_schema =
    MESH_SCHEMA(struct mesh_health_link, link_fields);

#define F(...) MESH_FIELD(struct mesh_health_message, __VA_ARGS__)
static const struct mesh_field message_fields[] = {
    F("Title", STRING, title, 0),
    F("Text", STRING, text, 0),
    F("Severity", STRING, severity, 0),
    F("ImpactsConnectivity", BOOL, impacts_connectivity, MESH_BIND_OMIT),
    F("PrimaryAction", OBJECT, action, MESH_BIND_OMIT, .sub = &link_schema),
};
#undef F
const struct mesh_schema mesh_health_message_schema =
    MESH_SCHEMA(struct mesh_health_message, message_fields);
