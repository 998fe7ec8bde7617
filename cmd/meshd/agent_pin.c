/* SPDX-License-Identifier: ISC
 * agent_pin.c - the control server's key is remembered from the first log-in
 * on. Another one is refused until a person accepts it: TLS alone, or nothing
 * at all with http://, vouches for what GET /key says, and who gives that key
 * is believed in all that the network is.
 *
 * The file has two lines: the server's URL, and its key.
 */
#include "agent_int.h"

#include "common/log.h"

#include <string.h>

#define PIN_MAX (TBL_TEXT_MAX + MESH_KEY_TEXT + 2u)
#define SHOWN 13 /* "mkey:" and eight digits */

void
agent_pin_load(struct agent *a)
{
	struct mesh_buf text;
	struct mesh_diag diag = {{0}};
	struct mesh_str rest, url, key;
	int err;

	mesh_buf_init(&text, PIN_MAX);
	err = agent_store_read(a->state_dir, AGENT_SERVER_KEY, PIN_MAX, &text,
	    &diag);
	rest = (struct mesh_str){(const char *)text.data, text.len};
	url = mesh_str_cut(&rest, '\n');
	key = mesh_str_trim(rest);
	if (err == MESH_OK &&
	    (mesh_str_copy(url, a->pin.url, sizeof(a->pin.url)) != MESH_OK ||
		mesh_machine_key_parse(key.p, key.len, &a->pin.key) != MESH_OK))
		err = mesh_fail(&diag, MESH_ERR_FORMAT,
		    "'%s' is not a URL and a key", AGENT_SERVER_KEY);
	if (err != MESH_OK && err != MESH_ERR_NOTFOUND)
		log_err("the server's key is not known: %s", diag.text);
	if (err != MESH_OK)
		memset(&a->pin, 0, sizeof(a->pin));
	mesh_buf_release(&text);
}

static bool
is_about(const struct agent_pin *p, const char *url)
{
	return !mesh_machine_key_is_zero(&p->key) && url != NULL &&
	       strcmp(p->url, url) == 0;
}

/* What people are told has the beginning of each key; the log has all. */
int
agent_pin_check(struct agent *a, const struct mesh_machine_key *key,
    struct mesh_diag *diag)
{
	char was[MESH_KEY_TEXT], is[MESH_KEY_TEXT];

	if (!is_about(&a->pin, a->prefs.control_url) ||
	    mesh_machine_key_equal(&a->pin.key, key))
		return MESH_OK;
	mesh_machine_key_format(&a->pin.key, was);
	mesh_machine_key_format(key, is);
	if (!mesh_machine_key_equal(&a->pin.refused, key))
		log_err("the control server has another key: refused was=%s "
			"is=%s",
		    was, is);
	a->pin.refused = *key;
	return mesh_fail(diag, MESH_ERR_DENIED,
	    "the control server's key changed (%.*s, now %.*s): refused; "
	    "if you know why: mesh up --accept-server-key",
	    SHOWN, was, SHOWN, is);
}

/* We are in, with this key. */
void
agent_pin_keep(struct agent *a)
{
	const struct mesh_machine_key *key = &a->control.server_key;
	const char *url = a->prefs.control_url;
	char file[PIN_MAX], text[MESH_KEY_TEXT];
	struct mesh_diag diag = {{0}};

	if (mesh_machine_key_is_zero(key) || url == NULL ||
	    (is_about(&a->pin, url) &&
		mesh_machine_key_equal(&a->pin.key, key)))
		return;
	if (mesh_format(a->pin.url, sizeof(a->pin.url), "%s", url) != MESH_OK ||
	    mesh_format(file, sizeof(file), "%s\n%s\n", url,
		mesh_machine_key_format(key, text)) != MESH_OK)
		return;
	a->pin.key = *key;
	if (agent_store_write(a->state_dir, AGENT_SERVER_KEY, file,
		strlen(file), &diag) != MESH_OK)
		log_err("%s", diag.text);
	log_info("server key=%s", text);
}

/* The next key that the server shows is the right one. */
void
agent_pin_forget(struct agent *a)
{
	memset(&a->pin, 0, sizeof(a->pin));
	if (agent_store_remove(a->state_dir, AGENT_SERVER_KEY) != MESH_OK)
		log_err("cannot remove '%s'", AGENT_SERVER_KEY);
	agent_control_restart(a);
}
