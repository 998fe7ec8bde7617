/* SPDX-License-Identifier: ISC
 * test_handshake.c - WireGuard's handshake, stamps and cookies with fixed keys:
 * byte for byte what wireguard-go made of them. Vectors:
 * protocol/vectors-dataplane.md 1.4, 1.7.
 */
#include "wg/handshake.h"

#include <string.h>

#include "crypto/x25519.h"
#include "test.h"
#include "wg/cookie.h"
#include "wg/stamp.h"

static const char init_hex[] =
    "0100000044332211f42210a6dfb54e7d4a85886d373d5e28d21e1e16a1e82fe0ff10226e73"
    "32fa5c42be93cb294813f77f2d1034c06a00ac05d4fa93de9341e7c57e536c65bc61f14ea7"
    "83261787fb7be870cc4f5ee61d82f1564db1317076eb0788f9aea12b73e22f239dc0430abb"
    "ee5a921551426ee7b3d210baec0a089a7841160fb60000000000000000000000000000000"
    "0";
static const char resp_hex[] =
    "020000008877665544332211b554708e5ee771c21a97e2f0f299c54ba4b2a3c69f913acf6e"
    "362e9aae3b7a48560debad2fa5c12019abee3b13878e3a4f61f085580c99ed0b1d05fd84b4"
    "3c1700000000000000000000000000000000";
static const char reply_hex[] =
    "0300000044332211000102030405060708090a0b0c0d0e0f1011121314151617f9215abce0"
    "457c6b597fc77f7dbd58e6ce9dd0283c857b6995a5f82e0fff3c19";

struct side {
	struct mesh_node_secret secret;
	struct mesh_node_key self;
	uint8_t ephemeral[32];
};

struct fixture {
	struct side init, resp;
	uint8_t shared[32], psk[32], stamp[MESH_WG_STAMP_LEN];
};

static void
side_init(struct side *s, const char *secret, const char *public,
    const char *ephemeral)
{
	uint8_t want[32];

	test_unhex(secret, s->secret.b, 32);
	test_unhex(public, want, 32);
	test_unhex(ephemeral, s->ephemeral, 32);
	s->self = mesh_node_public(&s->secret);
	assert_memory_equal(s->self.b, want, 32);
}

static void
fixture_init(struct fixture *f)
{
	struct mesh_wall t = {1700000000, 123456789};

	*f = (struct fixture){0};
	side_init(&f->init,
	    "700727cc3d7b80f179f41f666ae99661e18cb9e583c5f65e62ff95d19c1a1e59",
	    "6a8d5dc0b23855a1ffbf34a4de4ae896e0c5d0c41dbde4f776aadb6572fdd275",
	    "68f0bee37cf1f838f1d4fb13ea2aaafb6aa1655c1e591ddead460725a9e8c479");
	side_init(&f->resp,
	    "a862d4b1111e30065a54ea148a5cbd6e4ee4ad2373327fb51cff53d66f6c2676",
	    "c25938651ae80f02f660d1bc48bbbfc768bd06ebc769381295629fc26eac122e",
	    "20e776b8afb2bc0318f7ed9ff708672ae83d07ffbac5670b961a8dee3248eb48");
	assert_int_equal(mesh_x25519(f->shared, f->init.secret.b,
			     f->resp.self.b),
	    0);
	mesh_wg_stamp_write(mesh_wg_stamp_cut(t), f->stamp);
}

static struct mesh_wg_hs_keys
keys_of(const struct fixture *f, const struct side *me)
{
	return (struct mesh_wg_hs_keys){
	    .secret = &me->secret,
	    .self = &me->self,
	    .peer = me == &f->init ? &f->resp.self : &f->init.self,
	    .shared = f->shared,
	    .psk = f->psk,
	};
}

static void
expect(const void *got, const char *hex)
{
	uint8_t want[160];
	size_t len = test_unhex(hex, want, sizeof(want));

	assert_memory_equal(got, want, len);
}

static void
whole_exchange(void **state)
{
	struct fixture f;
	struct mesh_noise in, rn;
	struct mesh_wg_initiation m;
	struct mesh_wg_response r;
	struct mesh_wg_hs_session is, rs;
	struct mesh_wg_jar ij, rj;
	struct mesh_node_key who;
	struct mesh_time now = {MESH_SEC};
	uint8_t msg[148], stamp[MESH_WG_STAMP_LEN];

	(void)state;
	fixture_init(&f);
	expect(f.stamp, "400000006553f10a07000000");
	struct mesh_wg_hs_keys ik = keys_of(&f, &f.init);
	struct mesh_wg_hs_keys rk = keys_of(&f, &f.resp);

	mesh_wg_jar_init(&ij, &f.resp.self);
	mesh_wg_jar_init(&rj, &f.init.self);
	assert_int_equal(mesh_wg_hs_initiate(&ik, f.init.ephemeral, f.stamp,
			     &in, &m),
	    MESH_OK);
	expect(in.ck, "7b1cc55fe1b5cea08d91ef3de7d139af"
		      "bf2fa0dc5edf37af4570bba114ec48e1");
	expect(in.h, "d8eb5592c6d04dd7468f6db5c8438683"
		     "22f42ee54450ca6732ad2e27cea4dea6");
	m.sender = 0x11223344;
	mesh_wg_initiation_write(&m, msg);
	mesh_wg_jar_sign(&ij, msg, 148, now);
	expect(msg, init_hex);

	assert_int_equal(mesh_wg_hs_open(&f.resp.secret, &f.resp.self, &m, &rn,
			     &who),
	    MESH_OK);
	assert_memory_equal(who.b, f.init.self.b, 32);
	assert_int_equal(mesh_wg_hs_verify(&rn, f.shared, &m, stamp), MESH_OK);
	assert_memory_equal(stamp, f.stamp, sizeof(stamp));
	assert_int_equal(mesh_wg_hs_respond(&rk, &rn, m.ephemeral,
			     f.resp.ephemeral, &r, &rs),
	    MESH_OK);
	r.sender = 0x55667788;
	r.receiver = m.sender;
	mesh_wg_response_write(&r, msg);
	mesh_wg_jar_sign(&rj, msg, 92, now);
	expect(msg, resp_hex);

	assert_int_equal(mesh_wg_hs_finish(&ik, &in, f.init.ephemeral, &r, &is),
	    MESH_OK);
	expect(is.send, "cbd2337396396ff2ddfb0a8c5c05dc50"
			"9464779689085a897fb6a1f9b65da994");
	expect(is.recv, "400d9f0b09f3c7edca6a7659fffcd632"
			"c7404cad13987b5d2673607a43892445");
	assert_memory_equal(is.send, rs.recv, 32);
	assert_memory_equal(is.recv, rs.send, 32);
}

static void
cookies(void **state)
{
	static const uint8_t from[] = {192, 0, 2, 1, 0xa9, 0xa2};
	struct fixture f;
	struct mesh_wg_checker c;
	struct mesh_wg_jar jar;
	struct mesh_wg_cookie reply;
	struct mesh_time now = {MESH_SEC};
	uint8_t init[148], buf[64];

	(void)state;
	fixture_init(&f);
	mesh_wg_checker_init(&c, &f.resp.self);
	expect(c.mac1_key, "27efd91d39717e48a0d7523c3a04c686"
			   "0a156f2670b1df9d64dfeb2881dbe44b");
	expect(c.reply_key, "f52a481f06a777885979a502f63a0e9e"
			    "2f234e8097ba0389c89a0e0088f54281");
	mesh_wg_jar_init(&jar, &f.resp.self);
	test_unhex(init_hex, init, sizeof(init));
	assert_true(mesh_wg_checker_mac1(&c, init, sizeof(init)));

	/* Wireguard-go's reply, taken by us. */
	test_unhex(reply_hex, buf, sizeof(buf));
	assert_int_equal(mesh_wg_cookie_read(buf, sizeof(buf), &reply), 0);
	assert_int_equal(mesh_wg_jar_take(&jar, &reply, now), MESH_ERR_STRAY);
	mesh_wg_jar_sign(&jar, init, sizeof(init), now);
	assert_int_equal(mesh_wg_jar_take(&jar, &reply, now), MESH_OK);
	expect(jar.cookie, "6bb0127e5d5000fdab5794a8ec93af10");
	mesh_wg_jar_sign(&jar, init, sizeof(init), now);
	expect(init + 132, "8f8f299d8a7f7dc80dbbf864249fdab3");

	/* Our checker, with the vector's secret. */
	for (size_t i = 0; i < sizeof(c.secret); i++)
		c.secret[i] = (uint8_t)i;
	c.secret_until = mesh_time_add(now, MESH_WG_COOKIE_LIFE);
	assert_true(mesh_wg_checker_mac2(&c, init, sizeof(init), from,
	    sizeof(from), now));
	assert_false(mesh_wg_checker_mac2(&c, init, sizeof(init), from,
	    sizeof(from) - 1, now));
	assert_false(mesh_wg_checker_mac2(&c, init, sizeof(init), from,
	    sizeof(from), c.secret_until));
	init[140] ^= 1;
	assert_false(mesh_wg_checker_mac2(&c, init, sizeof(init), from,
	    sizeof(from), now));
	init[0] ^= 1;
	assert_false(mesh_wg_checker_mac1(&c, init, sizeof(init)));
}

/* Our own reply is taken; one for another message is not; both ends forget
 * after two minutes. */
static void
cookie_round(void **state)
{
	static const uint8_t from[] = {1, 2, 3}, seed[32] = {9};
	struct fixture f;
	struct mesh_drbg random;
	struct mesh_wg_checker c;
	struct mesh_wg_jar jar;
	struct mesh_wg_cookie reply;
	struct mesh_time now = {MESH_SEC}, later;
	uint8_t msg[148] = {1}, zero[16] = {0};

	(void)state;
	fixture_init(&f);
	mesh_drbg_init(&random, seed);
	mesh_wg_checker_init(&c, &f.resp.self);
	mesh_wg_jar_init(&jar, &f.resp.self);
	mesh_wg_jar_sign(&jar, msg, sizeof(msg), now);
	assert_memory_equal(msg + 132, zero, 16);
	mesh_wg_checker_reply(&c, msg, sizeof(msg), from, sizeof(from), 5,
	    &random, now, &reply);
	assert_int_equal(reply.receiver, 5);
	reply.sealed_cookie[3] ^= 1;
	assert_int_equal(mesh_wg_jar_take(&jar, &reply, now), MESH_ERR_AUTH);
	reply.sealed_cookie[3] ^= 1;
	assert_int_equal(mesh_wg_jar_take(&jar, &reply, now), MESH_OK);
	mesh_wg_jar_sign(&jar, msg, sizeof(msg), now);
	assert_true(mesh_wg_checker_mac2(&c, msg, sizeof(msg), from,
	    sizeof(from), now));

	msg[20] = 1;
	memset(msg + 132, 0, 16);
	later = mesh_time_add(now, MESH_WG_COOKIE_LIFE);
	mesh_wg_jar_sign(&jar, msg, sizeof(msg), later);
	assert_memory_equal(msg + 132, zero, 16);
	assert_int_equal(mesh_wg_jar_take(&jar, &reply, later), MESH_ERR_AUTH);
}

static void
stamps(void **state)
{
	static const struct {
		uint64_t ns;
		bool later;
	} rows[] = {{10, false}, {10 * MESH_US, false}, {MESH_MS, false},
	    {10 * MESH_MS, false}, {20 * MESH_MS, true}};
	struct mesh_wall first =
	    mesh_wg_stamp_cut((struct mesh_wall){0, 123456789});
	uint8_t a[MESH_WG_STAMP_LEN], b[MESH_WG_STAMP_LEN];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct mesh_wall w = mesh_wg_stamp_cut((struct mesh_wall){
		    0, (uint32_t)(123456789 + rows[i].ns)});

		assert_int_equal(mesh_wg_stamp_later(w, first), rows[i].later);
	}
	/* Every next tick is later, as wall time and as bytes. */
	for (int i = 0; i < 200; i++) {
		struct mesh_wall next = mesh_wg_stamp_after(first);

		assert_true(mesh_wg_stamp_later(next, first));
		assert_false(mesh_wg_stamp_later(first, next));
		mesh_wg_stamp_write(first, a);
		mesh_wg_stamp_write(next, b);
		assert_true(memcmp(a, b, sizeof(a)) < 0);
		assert_true(next.nsec < MESH_SEC);
		first = next;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(whole_exchange),
	    cmocka_unit_test(cookies),
	    cmocka_unit_test(cookie_round),
	    cmocka_unit_test(stamps),
	};

	return cmocka_run_group_tests_name("handshake", tests, NULL, NULL);
}
