/* SPDX-License-Identifier: ISC */
#include "access.h"

#define ALLOW_ALL                                                              \
	"[{\"SrcIPs\":[\"*\"],\"DstPorts\":[{\"IP\":\"*\",\"Ports\":"          \
	"{\"First\":0,\"Last\":65535}}]}]"

struct access {
	bool filters_changed;
	struct bits active; /* members that are neither gone nor expired */
};

struct access *
access_new(void)
{
	return calloc(1, sizeof(struct access));
}

void
access_free(struct access *a)
{
	if (a == NULL)
		return;
	bits_release(&a->active);
	free(a);
}

static bool
is_active(const struct member *m)
{
	return !m->gone && !m->expired;
}

int
access_refresh(struct access *a, struct state *s)
{
	if (bits_fit(&a->active, s->slot_count) != MESH_OK)
		return MESH_ERR_NOMEM;
	for (struct mesh_list *l = s->changed.next; l != &s->changed;
	    l = l->next) {
		struct member *m = MESH_CONTAINER(l, struct member,
		    changed_link);

		if (!(m->changed & CHANGE_ACCESS))
			continue;
		bits_put(&a->active, m->slot, is_active(m));
		m->changed &= ~(unsigned)CHANGE_ACCESS;
		a->filters_changed = true;
	}
	return MESH_OK;
}

bool
access_filters_changed(struct access *a)
{
	bool changed = a->filters_changed;

	a->filters_changed = false;
	return changed;
}

uint64_t
access_visible(const struct access *a, const struct state *s,
    const struct member *viewer, size_t i, uint64_t mask)
{
	(void)s;
	return is_active(viewer) ? bits_word(&a->active, i) & mask : 0;
}

void
access_filter_write(const struct access *a, const struct member *m,
    struct mesh_jw *w)
{
	(void)a;
	mesh_jw_raw(w, is_active(m) ? MESH_STR(ALLOW_ALL) : MESH_STR("[]"));
}

uint64_t
access_filter_mark(const struct access *a, const struct member *m)
{
	(void)a;
	return is_active(m);
}

bool
access_is_open(const struct access *a)
{
	(void)a;
	return true;
}

int
access_set_policy(struct access *a, const struct state *s,
    struct mesh_str text, struct mesh_diag *diag)
{
	(void)s;
	return access_check_policy(a, text, diag);
}

int
access_check_policy(const struct access *a, struct mesh_str text,
    struct mesh_diag *diag)
{
	(void)a, (void)text;
	return mesh_fail(diag, MESH_ERR_ARG, "not yet");
}
