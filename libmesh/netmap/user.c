/* SPDX-License-Identifier: ISC */
#include "netmap/user.h"

#include "netmap/value.h"

#define F(...) MESH_FIELD(struct mesh_user, __VA_ARGS__)
static const struct mesh_field user_fields[] = {
    F("ID", INT64, id, 0),
    F("LoginName", STRING, login_name, 0),
    F("DisplayName", STRING, display_name, 0),
    F("ProfilePicURL", STRING, profile_pic_url, MESH_BIND_OMIT),
    F("Groups", STRINGS, groups, MESH_BIND_OMIT),
};
#undef F
const struct mesh_schema mesh_user_schema =
    MESH_SCHEMA(struct mesh_user, user_fields);

bool
mesh_user_eq(const struct mesh_user *a, const struct mesh_user *b)
{
	return mesh_counted_eq(a, b, &mesh_user_schema, MESH_USER_MEMORY);
}
