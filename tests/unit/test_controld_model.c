/* SPDX-License-Identifier: ISC
 * The small rules of the coordination server: tags, labels, addresses, keys.
 */
#include "mesh-controld/alloc.h"
#include "mesh-controld/authkey.h"
#include "mesh-controld/label.h"

#include "test.h"

static void
tags_are_sorted_and_checked(void **state)
{
	static const char *const bad[] = {"", "tag:", "x", "tag:1a", "tag:a b",
	    "tag:a,tag:b", "TAG:a", "tag:-a"};
	char list[TAGS_MAX] = "", long_tag[80];

	(void)state;
	assert_int_equal(tags_add(list, MESH_STR("tag:m")), MESH_OK);
	assert_int_equal(tags_add(list, MESH_STR("tag:z")), MESH_OK);
	assert_int_equal(tags_add(list, MESH_STR("tag:a")), MESH_OK);
	assert_int_equal(tags_add(list, MESH_STR("tag:m")), MESH_OK);
	assert_int_equal(tags_add(list, MESH_STR("tag:mm")), MESH_OK);
	assert_string_equal(list, "tag:a,tag:m,tag:mm,tag:z");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(tags_add(list, mesh_str(bad[i])),
		    MESH_ERR_FORMAT);
	memset(long_tag, 'x', sizeof(long_tag));
	memcpy(long_tag, "tag:", 4);
	assert_int_equal(tags_add(list, (struct mesh_str){long_tag, 67}),
	    MESH_OK);
	assert_int_equal(tags_add(list, (struct mesh_str){long_tag, 68}),
	    MESH_ERR_FORMAT);
}

static void
tags_have_a_limit(void **state)
{
	char list[TAGS_MAX] = "", tag[80];
	unsigned n = 0;

	(void)state;
	do
		mesh_format(tag, sizeof(tag), "tag:x%050u", n++);
	while (tags_add(list, mesh_str(tag)) == MESH_OK && n < 100);
	assert_true(n < 100);
	assert_true(strlen(list) < TAGS_MAX);
}

static void
labels_from_host_names(void **state)
{
	static const struct {
		const char *host, *label;
	} table[] = {
	    {"alpha", "alpha"},
	    {"Alpha.local", "alpha"},
	    {"my host.example.org", "my-host-example-org"},
	    {"a_b@c", "a-b-c"},
	    {"--x--", "x"},
	    {"h\xc3\xb6rt", "hrt"},
	    {"", "node"},
	    {"...", "node"},
	    {"\xe2\x98\x83", "node"},
	    {"printer.localdomain", "printer"},
	    {"nas.lan", "nas"},
	    {"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff12345",
		"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff123"},
	};
	char out[NODE_LABEL_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		label_from_host(mesh_str(table[i].host), out);
		assert_string_equal(out, table[i].label);
		assert_true(label_is_valid(mesh_str(out)));
	}
	label_numbered("web", 0, out);
	assert_string_equal(out, "web");
	label_numbered("web", 12, out);
	assert_string_equal(out, "web-12");
	label_numbered(table[ARRAY_LEN(table) - 1].label, 7, out);
	assert_int_equal(strlen(out), 63);
	assert_string_equal(out + 61, "-7");
	assert_false(label_is_valid(MESH_STR("-a")));
	assert_false(label_is_valid(MESH_STR("a.b")));
	assert_false(label_is_valid(MESH_STR("A")));
	assert_false(label_is_valid(MESH_STR("")));
}

static bool
is_below(void *arg, uint32_t number)
{
	return number < *(const uint32_t *)arg;
}

static void
addresses_skip_what_is_reserved(void **state)
{
	char text[MESH_IP_TEXT];
	uint32_t below = 0, n;
	struct mesh_ip ip;

	(void)state;
	assert_int_equal(alloc_next(0, is_below, &below, &n), MESH_OK);
	ip = alloc_ip4(n);
	assert_string_equal(mesh_ip_format(&ip, text), "100.64.0.1");
	assert_int_equal(alloc_number(&ip), 1);
	ip = alloc_ip6(n);
	assert_string_equal(mesh_ip_format(&ip, text), "fd7a:115c:a1e0::1");
	assert_int_equal(alloc_next(0x52, is_below, &below, &n), MESH_OK);
	assert_int_equal(n, 0x54); /* ...::53 is the name service */
	assert_int_equal(alloc_next(0x2463ff, is_below, &below, &n), MESH_OK);
	ip = alloc_ip4(n);
	assert_string_equal(mesh_ip_format(&ip, text), "100.100.101.0");
	assert_int_equal(alloc_next(0x335bff, is_below, &below, &n), MESH_OK);
	ip = alloc_ip4(n);
	assert_string_equal(mesh_ip_format(&ip, text), "100.115.94.0");
	/* Round the end, and the very last one. */
	assert_int_equal(alloc_next(0x3ffffe, is_below, &below, &n), MESH_OK);
	assert_int_equal(n, 1);
	below = 0x3ffffe;
	assert_int_equal(alloc_next(5, is_below, &below, &n), MESH_OK);
	assert_int_equal(n, 0x3ffffe);
	below = ALLOC_NUMBERS;
	assert_int_equal(alloc_next(5, is_below, &below, &n), MESH_ERR_LIMIT);
	assert_int_equal(mesh_ip_parse(MESH_STR("10.0.0.1"), &ip), MESH_OK);
	assert_int_equal(alloc_number(&ip), 0);
}

static void
auth_keys(void **state)
{
	uint8_t random[AUTHKEY_RANDOM], hash[KEY_HASH_LEN];
	struct auth_key k = {.expires = 100};
	char text[AUTHKEY_TEXT], ident[KEY_IDENT_LEN + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(random); i++)
		random[i] = (uint8_t)i;
	authkey_make(&k, random, text);
	assert_string_equal(k.ident, "000102030405");
	assert_int_equal(strlen(text), AUTHKEY_TEXT - 1);
	assert_int_equal(authkey_parse(mesh_str(text), ident, hash), MESH_OK);
	assert_string_equal(ident, k.ident);
	assert_null(authkey_refusal(&k, hash, 99));
	assert_string_equal(authkey_refusal(&k, hash, 100),
	    "auth key has expired");
	k.used = true;
	assert_string_equal(authkey_refusal(&k, hash, 99),
	    "auth key was used already");
	k.reusable = true;
	assert_null(authkey_refusal(&k, hash, 99));
	k.revoked = true;
	assert_string_equal(authkey_refusal(&k, hash, 99),
	    "auth key was revoked");
	/* Who has not the secret learns nothing of that. */
	hash[31] ^= 1;
	assert_string_equal(authkey_refusal(&k, hash, 99),
	    "auth key is not valid");
	assert_string_equal(authkey_refusal(NULL, hash, 99),
	    "auth key is not valid");
	/* Every truncation, and a wrong byte anywhere that matters. */
	for (size_t len = 0; len < strlen(text); len++)
		assert_int_equal(authkey_parse((struct mesh_str){text, len},
		    ident, hash), MESH_ERR_FORMAT);
	for (size_t i = 0; i < strlen(text); i++) {
		char was = text[i];

		text[i] = '!';
		assert_int_equal(authkey_parse(mesh_str(text), ident, hash),
		    MESH_ERR_FORMAT);
		text[i] = was;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tags_are_sorted_and_checked),
	    cmocka_unit_test(tags_have_a_limit),
	    cmocka_unit_test(labels_from_host_names),
	    cmocka_unit_test(addresses_skip_what_is_reserved),
	    cmocka_unit_test(auth_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
