/* SPDX-License-Identifier: ISC */
#include <mesh/key.h>

#include <assert.h>

#include "base/rd.h"
#include "base/secret.h"
#include "base/text.h"
#include "crypto/x25519.h"

static const char machine_prefix[] = "mkey:";
static const char node_prefix[] = "nodekey:";
static const char disco_prefix[] = "discokey:";
static const char secret_prefix[] = "privkey:";

static_assert(MESH_KEY_TEXT == sizeof(disco_prefix) + 2 * MESH_KEY_LEN,
    "the longest text form");

static int
parse(const char *text, size_t len, const char *prefix,
    uint8_t out[static MESH_KEY_LEN])
{
	struct mesh_str s = {text, len};
	size_t n = strlen(prefix);
	uint8_t b[MESH_KEY_LEN];
	int err;

	if (!mesh_str_has_prefix(s, prefix) || len != n + 2 * MESH_KEY_LEN)
		return MESH_ERR_FORMAT;
	s = (struct mesh_str){text + n, 2 * MESH_KEY_LEN};
	err = mesh_hex_decode(s, b, sizeof(b));
	if (err == MESH_OK)
		memcpy(out, b, sizeof(b));
	mesh_wipe(b, sizeof(b));
	return err;
}

static char *
format(const uint8_t b[static MESH_KEY_LEN], const char *prefix,
    char out[static MESH_KEY_TEXT])
{
	size_t n = strlen(prefix);

	memcpy(out, prefix, n);
	mesh_hex_encode(b, MESH_KEY_LEN, out + n);
	return out;
}

static void
make(uint8_t out[static MESH_KEY_LEN],
    const uint8_t random[static MESH_KEY_LEN])
{
	memcpy(out, random, MESH_KEY_LEN);
	mesh_x25519_clamp(out);
}

void
mesh_machine_secret_make(struct mesh_machine_secret *out,
    const uint8_t random[static MESH_KEY_LEN])
{
	make(out->b, random);
}

void
mesh_node_secret_make(struct mesh_node_secret *out,
    const uint8_t random[static MESH_KEY_LEN])
{
	make(out->b, random);
}

void
mesh_disco_secret_make(struct mesh_disco_secret *out,
    const uint8_t random[static MESH_KEY_LEN])
{
	make(out->b, random);
}

void
mesh_machine_secret_wipe(struct mesh_machine_secret *s)
{
	mesh_wipe(s, sizeof(*s));
}

void
mesh_node_secret_wipe(struct mesh_node_secret *s)
{
	mesh_wipe(s, sizeof(*s));
}

void
mesh_disco_secret_wipe(struct mesh_disco_secret *s)
{
	mesh_wipe(s, sizeof(*s));
}

struct mesh_machine_key
mesh_machine_public(const struct mesh_machine_secret *s)
{
	struct mesh_machine_key k;

	mesh_x25519_public(k.b, s->b);
	return k;
}

struct mesh_node_key
mesh_node_public(const struct mesh_node_secret *s)
{
	struct mesh_node_key k;

	mesh_x25519_public(k.b, s->b);
	return k;
}

struct mesh_disco_key
mesh_disco_public(const struct mesh_disco_secret *s)
{
	struct mesh_disco_key k;

	mesh_x25519_public(k.b, s->b);
	return k;
}

int
mesh_machine_key_parse(const char *text, size_t len,
    struct mesh_machine_key *out)
{
	return parse(text, len, machine_prefix, out->b);
}

int
mesh_node_key_parse(const char *text, size_t len, struct mesh_node_key *out)
{
	return parse(text, len, node_prefix, out->b);
}

int
mesh_disco_key_parse(const char *text, size_t len, struct mesh_disco_key *out)
{
	return parse(text, len, disco_prefix, out->b);
}

int
mesh_machine_secret_parse(const char *text, size_t len,
    struct mesh_machine_secret *out)
{
	return parse(text, len, secret_prefix, out->b);
}

int
mesh_node_secret_parse(const char *text, size_t len,
    struct mesh_node_secret *out)
{
	return parse(text, len, secret_prefix, out->b);
}

char *
mesh_machine_key_format(const struct mesh_machine_key *k,
    char out[static MESH_KEY_TEXT])
{
	return format(k->b, machine_prefix, out);
}

char *
mesh_node_key_format(const struct mesh_node_key *k,
    char out[static MESH_KEY_TEXT])
{
	return format(k->b, node_prefix, out);
}

char *
mesh_disco_key_format(const struct mesh_disco_key *k,
    char out[static MESH_KEY_TEXT])
{
	return format(k->b, disco_prefix, out);
}

char *
mesh_machine_secret_format(const struct mesh_machine_secret *s,
    char out[static MESH_KEY_TEXT])
{
	return format(s->b, secret_prefix, out);
}

char *
mesh_node_secret_format(const struct mesh_node_secret *s,
    char out[static MESH_KEY_TEXT])
{
	return format(s->b, secret_prefix, out);
}

#define NODE_SHORT 5  /* base64 characters of a node key that people see */
#define DISCO_SHORT 8 /* bytes of a disco key that people see, as hex */

char *
mesh_node_key_short(const struct mesh_node_key *k,
    char out[static MESH_KEY_SHORT])
{
	char text[MESH_BASE64_LEN(MESH_KEY_LEN) + 1];

	mesh_base64_encode(k->b, sizeof(k->b), text);
	(void)mesh_format(out, MESH_KEY_SHORT, "[%.*s]", NODE_SHORT, text);
	return out;
}

char *
mesh_disco_key_short(const struct mesh_disco_key *k,
    char out[static MESH_KEY_SHORT])
{
	memcpy(out, "d:", 2);
	mesh_hex_encode(k->b, DISCO_SHORT, out + 2);
	return out;
}

bool
mesh_machine_key_is_zero(const struct mesh_machine_key *k)
{
	return mesh_ct_is_zero(k->b, sizeof(k->b));
}

bool
mesh_node_key_is_zero(const struct mesh_node_key *k)
{
	return mesh_ct_is_zero(k->b, sizeof(k->b));
}

bool
mesh_disco_key_is_zero(const struct mesh_disco_key *k)
{
	return mesh_ct_is_zero(k->b, sizeof(k->b));
}

bool
mesh_machine_key_equal(const struct mesh_machine_key *a,
    const struct mesh_machine_key *b)
{
	return mesh_ct_equal(a->b, b->b, sizeof(a->b));
}

bool
mesh_node_key_equal(const struct mesh_node_key *a,
    const struct mesh_node_key *b)
{
	return mesh_ct_equal(a->b, b->b, sizeof(a->b));
}

bool
mesh_disco_key_equal(const struct mesh_disco_key *a,
    const struct mesh_disco_key *b)
{
	return mesh_ct_equal(a->b, b->b, sizeof(a->b));
}
