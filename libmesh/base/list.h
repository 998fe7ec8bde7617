/* SPDX-License-Identifier: ISC
 * list.h - intrusive doubly linked list. The head is a node too; an item sits in
 * at most one list per node. mesh_list_remove() on an item that is in no list
 * (initialised, or removed before) does nothing.
 */
#ifndef MESH_BASE_LIST_H
#define MESH_BASE_LIST_H

#include <mesh/base.h>

struct mesh_list {
	struct mesh_list *next, *prev;
};

#define MESH_CONTAINER(ptr, type, member)                                      \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static inline void
mesh_list_init(struct mesh_list *l)
{
	l->next = l->prev = l;
}

static inline bool
mesh_list_is_empty(const struct mesh_list *l)
{
	return l->next == l;
}

static inline void
mesh_list_append(struct mesh_list *head, struct mesh_list *item)
{
	item->prev = head->prev;
	item->next = head;
	head->prev->next = item;
	head->prev = item;
}

static inline void
mesh_list_prepend(struct mesh_list *head, struct mesh_list *item)
{
	mesh_list_append(head->next, item);
}

static inline void
mesh_list_remove(struct mesh_list *item)
{
	item->prev->next = item->next;
	item->next->prev = item->prev;
	mesh_list_init(item);
}

#endif
