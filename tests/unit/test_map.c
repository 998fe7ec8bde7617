/* SPDX-License-Identifier: ISC */
#include "test.h"

#include "base/list.h"
#include "base/map.h"

#define KEYS 512u

/* Against a slow model: random puts and removes on a small key space. */
static void
agrees_with_a_model(void **state)
{
	static char values[KEYS];
	bool model[KEYS] = {false};
	struct mesh_map m;
	uint32_t rng = 12345, in_model = 0;

	(void)state;
	mesh_map_init(&m, sizeof(uint32_t), KEYS, NULL);
	for (int i = 0; i < 20000; i++) {
		uint32_t key;

		rng = rng * 1664525u + 1013904223u;
		key = rng >> 16 & (KEYS - 1);
		if (rng >> 8 & 1) {
			assert_int_equal(mesh_map_put(&m, &key, &values[key]),
			    MESH_OK);
			in_model += !model[key];
			model[key] = true;
		} else {
			assert_ptr_equal(mesh_map_remove(&m, &key),
			    model[key] ? &values[key] : NULL);
			in_model -= model[key];
			model[key] = false;
		}
		assert_int_equal(m.count, in_model);
	}
	for (uint32_t k = 0; k < KEYS; k++)
		assert_ptr_equal(mesh_map_get(&m, &k),
		    model[k] ? &values[k] : NULL);
	mesh_map_release(&m);
}

static void
walks_all_and_is_bounded(void **state)
{
	struct mesh_map m;
	char value;
	size_t pos = 0, seen = 0;
	const void *key;
	uint8_t sum = 0;

	(void)state;
	mesh_map_init(&m, 1, 3, (const uint8_t *)"0123456789abcdef");
	for (uint8_t k = 1; k <= 3; k++)
		assert_int_equal(mesh_map_put(&m, &k, &value), MESH_OK);
	assert_int_equal(mesh_map_put(&m, "\x04", &value), MESH_ERR_LIMIT);
	assert_int_equal(mesh_map_put(&m, "\x03", &value), MESH_OK);
	while (mesh_map_next(&m, &pos, &key) != NULL) {
		sum = (uint8_t)(sum + *(const uint8_t *)key);
		seen++;
	}
	assert_int_equal(seen, 3);
	assert_int_equal(sum, 6);
	mesh_map_release(&m);
	assert_null(mesh_map_get(&m, "\x01"));
	assert_null(mesh_map_remove(&m, "\x01"));
}

static void
lists(void **state)
{
	struct item {
		int n;
		struct mesh_list link;
	} a = {.n = 1}, b = {.n = 2};
	struct mesh_list head;

	(void)state;
	mesh_list_init(&head);
	mesh_list_append(&head, &b.link);
	mesh_list_prepend(&head, &a.link);
	assert_int_equal(MESH_CONTAINER(head.next, struct item, link)->n, 1);
	assert_int_equal(MESH_CONTAINER(head.prev, struct item, link)->n, 2);
	mesh_list_remove(&a.link);
	mesh_list_remove(&a.link);
	mesh_list_remove(&b.link);
	assert_true(mesh_list_is_empty(&head));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_a_model),
		cmocka_unit_test(walks_all_and_is_bounded),
		cmocka_unit_test(lists),
	};

	return cmocka_run_group_tests_name("map", tests, NULL, NULL);
}
