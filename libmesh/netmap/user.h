/* SPDX-License-Identifier: ISC
 * user.h - who owns nodes. Source: protocol/control.md 7.5 (UserProfile).
 */
#ifndef MESH_NETMAP_USER_H
#define MESH_NETMAP_USER_H

#include <netmap/counted.h>

#define MESH_USER_MEMORY (1u << 18) /* bytes that one decoded user may take */

struct mesh_user {
	struct mesh_counted counted;
	int64_t id;
	const char *login_name;
	const char *display_name;
	const char *profile_pic_url;
	struct mesh_bind_list groups; /* const char * */
};

extern const struct mesh_schema mesh_user_schema;

bool mesh_user_eq(const struct mesh_user *a, const struct mesh_user *b);

#endif
